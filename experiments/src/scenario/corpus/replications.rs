//! Cases of replications, warm-ups, forks and faults at random.

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
    ("faults_of_nobody", &[("// more", r#"faults: [(count: 3, until: "5 s", lasts: "1 s")]"#)]),
    ("faults_of_a_link_that_is_not_there", &[("// more", r#"faults: [(links: ["radoi"], nodes: ["sever"], count: 3, until: "5 s", lasts: "1 s")]"#)]),
    ("faults_without_end", &[("// more", r#"faults: [(links: ["radio"], count: 3, lasts: "1 s")]"#)]),
    ("faults_that_are_over_before_they_begin", &[("// more", r#"faults: [(links: ["radio"], count: 3, from: "5 s", until: "5 s", lasts: Uniform(low: "2 s", high: "1 s"))]"#)]),
    ("faults_that_do_nothing", &[("// more", r#"faults: [(links: ["radio"], count: 0, until: "5 s", lasts: "0 s")]"#)]),
    ("faults_twice_the_same", &[("// more", r#"faults: [(links: ["radio", "wire", "radio"], count: 1, until: "5 s", lasts: "1 s")]"#)]),
    ("faults_of_what_the_timeline_takes_down", &[("// more", r#"timeline: [(at: "1 s", link: "radio", up: false)], faults: [(links: ["radio"], count: 1, until: "5 s", lasts: "1 s")]"#)]),
    ("faults_after_the_end", &[("// more", r#"until: After("4 s"), faults: [(links: ["radio"], count: 1, until: "5 s", lasts: "1 s")]"#)]),
    ("faults_and_routes_that_follow", &[("// more", r#"routing: Follows(after: "1 s"), faults: [(links: ["radio"], count: 1, until: "5 s", lasts: "1 s")]"#)]),
    ("faults_and_a_fork", &[("// more", r#"fork_at: "1 s", faults: [(links: ["radio"], count: 1, until: "5 s", lasts: "1 s")]"#)]),
    ("faults_too_many", &[("// more", r#"faults: [(links: ["radio"], count: 10001, until: "5 s", lasts: "1 s")]"#)]),
    ("agreement_in_each_run", &[("// more", r#"expect: [(app: "con", metric: Completed, must: AgreeWith("1"), in_each_run: true)]"#)]),
    ("fork_at_the_start", &[("// more", r#"fork_at: "0 s""#)]),
];

/// What runs, with a warning.
#[rustfmt::skip]
pub(super) const WARNINGS: &[Case] = &[
    ("fork_of_points_that_differ", &[("// more", r#"fork_at: "1 s""#)]),
];
