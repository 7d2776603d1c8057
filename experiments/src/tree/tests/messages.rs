//! Golden messages: each shows the place, the offending text, what was expected and what to write.

use super::messages;

macro_rules! message {
    ($($name:ident: $text:expr $(, set $($argument:expr),+)?;)*) => {$(
        #[test]
        fn $name() {
            let text = messages($text, &[$($($argument),+)?]);
            insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
                insta::assert_snapshot!(stringify!($name), text);
            });
        }
    )*};
}

/// A sound scenario, with one place to put something in.
const HOME: &str = r#"(
    nodes: [(name: "sensor"), (name: "gateway", cores: 4)],
    links: [
        (name: "radio", between: ("sensor", "gateway"), rate: "250 kbit/s", delay: "5 ms"),
    ],
)
"#;

message! {
    an_unknown_field_names_the_nearest: r#"(
    nodes: [(name: "sensor", coers: 2)],
)"#;
    an_unknown_field_far_from_all_lists_them: r#"(
    nodes: [(name: "sensor", memory: "64 KiB")],
)"#;
    a_misspelt_required_field_is_one_mistake_and_its_value_is_read: r#"(
    nodes: [(nmae: 7)],
)"#;
    a_misspelt_variant: r#"(
    nodes: [],
    apps: [CoapCleint(on: "a", to: "b"), Idle, Sleep],
)"#;
    a_missing_unit: HOME.replace("\"5 ms\"", "5").as_str();
    a_wrong_unit: HOME.replace("5 ms", "5 mbit").as_str();
    an_abbreviated_unit: HOME.replace("kbit/s", "kbps").as_str();
    a_quantity_without_quotes: HOME.replace("\"250 kbit/s\"", "250 kbit/s").as_str();
    a_negative_rate: HOME.replace("250 kbit/s", "-250 kbit/s").as_str();
    missing_fields_say_what_they_are: r#"(
    nodes: [(name: "sensor"), (cores: 2)],
    links: [
        (name: "radio", loss: "1 %"),
    ],
)"#;
    a_wrong_type: r#"(
    nodes: (name: "sensor"),
    links: [5, "radio", (name: radio, between: ("a", "b", "c"), rate: "1 bit/s", delay: ["5 ms"])],
)"#;
    a_number_out_of_range_and_one_in_quotes: r#"(
    nodes: [(name: "a", cores: 300), (name: "b", cores: -1), (name: "c", cores: "2"), (name: "d", cores: 1.5)],
)"#;
    a_duplicate_field: r#"(
    nodes: [(
        name: "sensor",
        cores: 2,
        name: "actor",
    )],
)"#;
    the_content_of_variants: r#"(
    nodes: [],
    apps: [
        CoapClient(on: "a", confirmable: "yes"),
        CoapServer(on: 5, reply: Seperate),
        "Idle",
        Idle(3),
        Burst(1),
        Burst(1, "1 s", 3),
        CoapClient,
        5,
    ],
)"#;
    several_mistakes_in_nested_lists: r#"(
    nodes: [(name: "sensor"), (nam: "gateway"), (name: "cloud", cores: "many")],
    links: [
        (name: "radio", between: ("sensor", "gateway"), rate: "250", delay: "5 ms", los: "1 %"),
        (name: "dsl", between: ("gateway"), rate: "16 Mbit/s", delay: "20 parsec"),
        (name: "lan", between: ("gateway", "cloud"), rate: "1 Gbit/s"),
    ],
    apps: [CoapClient(on: "sensor", too: "cloud"), CoapServr(on: "cloud")],
    duraton: "10 s",
)"#;
    an_unclosed_list: r#"(
    nodes: [
        (name: "sensor"),
    links: [],
)"#;
    an_unclosed_struct: r#"(
    nodes: [
        (name: "sensor"),
        (name: "gateway",
    ],
    links: [],
)"#;
    brackets_open_at_the_end: r#"(
    nodes: [(name: "sensor"#;
    a_wrong_bracket: r#"(
    nodes: [(name: "sensor"), (name: "gateway"]],
    links: [),
)"#;
    a_bracket_too_many: "(\n    nodes: [],\n))\n";
    missing_commas: r#"(
    nodes: [(name: "sensor" cores: 2) (name: "gateway")]
    links: []
)"#;
    a_bad_escape: r#"(
    nodes: [(name: "sen\qsor"), (name: "\u{110000}"), (name: "C:\x")],
)"#;
    an_unclosed_text: r#"(
    nodes: [(name: "sensor, cores: 2)],
    duration: "5 s",
)"#;
    an_unclosed_text_at_the_end: "(\n    nodes: [(name: \"sensor)],\n)";
    an_unclosed_comment: "(\n    nodes: [], /* all of them\n)";
    stray_text: "(\n    nodes: [],\n)\nlinks: []\n";
    signs_of_other_languages: r#"(
    nodes = [(name: 'sensor'), { "name": "gateway" }, Node { name: "x" }];
    "duration": 5ms,
    links: @,
    apps:
)"#;
    syntax_and_content_together: r#"(
    nodes: [(name: "sensor" cores: "two"), (name: "gateway", cors: 4)],
    duration: 5 s,
)"#;
    an_empty_text: "// nothing yet\n";
    nesting_too_deep: format!("(nodes: {}", "[".repeat(200)).as_str();
    an_override_of_a_misspelt_element: HOME, set "links.raido.loss=2 %";
    an_override_of_a_misspelt_field: HOME, set "links.radio.los=2 %", "node.sensor.cores=1";
    an_override_with_a_bad_value: HOME, set "links.radio.loss=200 %", "links.radio.rate=10", "nodes.0.cores=(1", "links.0.delay=";
    an_override_without_a_value: HOME, set "links.radio.loss", "nodes..cores=1", "nodes[0=1", "nodes.7.cores=1", "duration.x=1";
}

#[test]
fn colours_come_only_when_asked() {
    let (mut sources, mut mistakes) = (super::Sources::default(), super::Diagnostics::default());
    super::Tree::parse(&mut sources, "a.ron", "(a: )", &mut mistakes);
    assert!(!mistakes.render(&sources, false).contains('\u{1b}'));
    assert!(mistakes.render(&sources, true).contains('\u{1b}'));
}

#[test]
fn more_than_fifty_mistakes_end_with_how_many_more_there_are() {
    let text = format!("(nodes: [{}])", "(name: 5), ".repeat(60));
    let shown = messages(&text, &[]);
    assert_eq!(shown.matches("error[scenario::wrong-type]").count(), 50);
    assert!(shown.ends_with("\nand 10 more mistakes\n"), "{}", &shown[shown.len() - 80..]);
}
