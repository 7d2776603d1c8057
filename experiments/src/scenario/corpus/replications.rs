//! Cases of replications, warm-ups and forks.

use super::cases::Case;

/// What is refused.
#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    ("sequential_without_bound", &[("// more", r#"replications: 50, sequential: (app: "con", metric: MeanCompletion)"#)]),
    ("sequential_with_both_bounds", &[("// more", r#"replications: 50, sequential: (app: "con", metric: MeanCompletion, half_width: "1 s", relative_half_width: "2 %")"#)]),
    ("sequential_bound_of_another_kind", &[("// more", r#"replications: 50, sequential: (app: "con", metric: MeanCompletion, half_width: "3 %")"#)]),
    ("sequential_bound_of_nothing", &[("// more", r#"replications: 50, sequential: (app: "con", metric: MeanCompletion, half_width: "0 s")"#)]),
    ("sequential_batch_of_one", &[("// more", r#"replications: 50, sequential: (app: "con", metric: Completed, half_width: "3 %", batch: 1)"#)]),
    ("sequential_in_one_batch", &[("// more", r#"replications: 10, sequential: (app: "con", metric: Completed, half_width: "3 %")"#)]),
    ("sequential_of_single_times", &[("// more", r#"replications: 50, sequential: (app: "con", metric: Completion, half_width: "1 s")"#)]),
    ("warmup_of_a_mean", &[("// more", r#"warmup: Mser5(app: "con", metric: MeanCompletion)"#)]),
    ("warmup_of_nobody", &[("// more", r#"warmup: Mser5(app: "non", metric: Completion)"#)]),
    ("sketches_over_time", &[("// more", r#"distributions: (exchanges: Sketch), figures: [(name: "f", title: "F", panels: [(x: Time, x_label: "time", y_label: "time", series: [(label: "con", app: "con", metric: Completion)])])]"#)]),
    ("samples_of_nothing", &[("// more", r#"distributions: (delays: Samples, waits: Samples)"#)]),
    ("fork_at_the_start", &[("// more", r#"fork_at: "0 s""#)]),
];

/// What runs, with a warning.
#[rustfmt::skip]
pub(super) const WARNINGS: &[Case] = &[
    ("fork_of_points_that_differ", &[("// more", r#"fork_at: "1 s""#)]),
];
