//! Cases of axes of cases, of totals, and of heat maps.

use super::cases::Case;

/// An axis in the place of the first one.
const LOSS: &str = r#"(name: "loss", path: "links.radio.loss", values: ["0 %", "10 %"])"#;
const FIGURE: &str = "// more";

/// What is refused.
#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    ("cases_with_a_path", &[(LOSS, r#"(name: "form", path: "links.radio.loss", cases: [(name: "a"), (name: "b", set: {"links.radio.loss": "5 %"})])"#)]),
    ("cases_and_values", &[(LOSS, r#"(name: "form", values: ["0 %"], cases: [(name: "a")])"#)]),
    ("cases_of_none", &[(LOSS, r#"(name: "form", cases: [])"#)]),
    ("cases_called_the_same", &[(LOSS, r#"(name: "form", cases: [(name: "a"), (name: "a", set: {"links.radio.loss": "5 %"})])"#)]),
    ("cases_that_set_the_same", &[(LOSS, r#"(name: "form", cases: [(name: "a", set: {"links.radio.loss": "5 %"}), (name: "b", set: {"links.radio.loss": "5 %"})])"#)]),
    ("case_without_a_name", &[(LOSS, r#"(name: "form", cases: [(set: {"links.radio.loss": "5 %"})])"#)]),
    ("case_with_a_quote", &[(LOSS, r#"(name: "form", cases: [(name: "a"), (name: "it's", set: {"links.radio.loss": "5 %"})])"#)]),
    ("case_of_an_unknown_link", &[(LOSS, r#"(name: "form", cases: [(name: "a"), (name: "b", set: {"links.raido.loss": "5 %"})])"#)]),
    ("case_of_an_unknown_field", &[(LOSS, r#"(name: "form", cases: [(name: "a"), (name: "b", set: {"links.radio.los": "5 %"})])"#)]),
    ("case_of_a_wrong_value", &[(LOSS, r#"(name: "form", cases: [(name: "a"), (name: "b", set: {"links.radio.loss": "5 ms"})])"#)]),
    ("case_of_what_is_fixed", &[(LOSS, r#"(name: "form", cases: [(name: "a"), (name: "b", set: {"confidence": "90 %"})])"#)]),
    ("case_of_what_another_axis_varies", &[(LOSS, r#"(name: "form", cases: [(name: "a"), (name: "b", set: {"links.wire.delay": "9 ms"})])"#)]),
    ("case_chosen_that_is_not_there", &[(LOSS, r#"(name: "form", only: ["bb"], cases: [(name: "a"), (name: "b", set: {"links.radio.loss": "5 %"})])"#)]),
    ("case_in_a_formula", &[(LOSS, r#"(name: "form", cases: [(name: "a"), (name: "b", set: {"links.radio.loss": "5 %"})])"#), (FIGURE, r#"expect: [(app: "con", metric: Completed, must: BeAtLeast("1 - form"))]"#)]),
    ("case_as_a_number", &[(LOSS, r#"(name: "form", cases: [(name: "a"), (name: "b", set: {"links.radio.loss": "5 %"})])"#), (FIGURE, r#"only_if: "form > 0""#)]),
    ("case_misspelt_in_a_condition", &[(LOSS, r#"(name: "form", cases: [(name: "open"), (name: "b", set: {"links.radio.loss": "5 %"})])"#), (FIGURE, r#"only_if: "form == 'opne'""#)]),
    ("total_of_an_unknown_name", &[(FIGURE, r#"measure: [(app: "con", metric: Total("time_out"))]"#)]),
    ("total_of_an_unknown_app", &[(FIGURE, r#"measure: [(app: "cno", metric: Total("timed_out"))]"#)]),
    ("total_of_a_link", &[(FIGURE, r#"measure: [(link: "radio", direction: Forward, metric: Total("timed_out"))]"#)]),
    ("total_over_time", &[(FIGURE, r#"figures: [(name: "f", title: "F", panels: [(x: Time, x_label: "x", y_label: "y", series: [(label: "a", app: "con", metric: Total("timed_out"))])])]"#)]),
    ("total_without_a_name", &[(FIGURE, r#"measure: [(app: "con", metric: Total)]"#)]),
    ("cells_of_an_unknown_axis", &[(FIGURE, r#"figures: [(name: "f", title: "F", panels: [(x: "loss", x_label: "x", y_label: "y", series: [(label: "a", app: "con", metric: Completed)], cells: (y: "dealy"))])]"#)]),
    ("cells_over_one_axis", &[(FIGURE, r#"figures: [(name: "f", title: "F", panels: [(x: "loss", x_label: "x", y_label: "y", series: [(label: "a", app: "con", metric: Completed)], cells: (y: "loss"))])]"#)]),
    ("cells_over_time", &[(FIGURE, r#"figures: [(name: "f", title: "F", panels: [(x: Time, x_label: "x", y_label: "y", series: [(label: "a", app: "con", metric: Completion)], cells: (y: "loss"))])]"#)]),
    ("cells_of_two_series", &[(FIGURE, r#"figures: [(name: "f", title: "F", panels: [(x: "loss", x_label: "x", y_label: "y", series: [(label: "a", app: "con", metric: Completed), (label: "b", app: "con", metric: Delivered)], cells: (y: "delay"))])]"#)]),
    ("cells_on_a_logarithmic_axis", &[(FIGURE, r#"figures: [(name: "f", title: "F", panels: [(x: "loss", x_scale: Log, x_label: "x", y_label: "y", series: [(label: "a", app: "con", metric: Completed)], cells: (y: "delay"))])]"#)]),
    ("cells_with_two_labels_of_a_value", &[(FIGURE, r#"figures: [(name: "f", title: "F", panels: [(x: "loss", x_label: "x", y_label: "y", series: [(label: "a", app: "con", metric: Completed)], cells: (y: "delay", labels: [(value: 1, text: "all"), (value: 1.0, text: "some")]))])]"#)]),
    ("cells_with_labels_and_a_scale", &[(FIGURE, r#"figures: [(name: "f", title: "F", panels: [(x: "loss", x_label: "x", y_label: "y", series: [(label: "a", app: "con", metric: Completed)], cells: (y: "delay", scale: Log, labels: [(value: 1, text: "all")]))])]"#)]),
    ("cells_of_several_variants", &[(FIGURE, r#"figures: [(name: "f", title: "F", panels: [(x: "loss", x_label: "x", y_label: "y", series: [(label: "a", app: "con", metric: Completed)], cells: (y: "delay"))])], variants: [(name: "a"), (name: "b", set: {"links.radio.delay": "9 ms"})]"#)]),
    ("figure_of_one_panel_side_by_side", &[(FIGURE, r#"figures: [(name: "f", title: "F", side_by_side: true, panels: [(x: "loss", x_label: "x", y_label: "y", series: [(label: "a", app: "con", metric: Completed)])])]"#)]),
];
