//! What sound texts read as, and what reading collects on the way.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn named(text: &str) -> NodeName {
    NodeName(text.to_owned())
}

#[test]
fn a_scenario_reads_as_its_types() {
    let text = r#"
        #![enable(implicit_some)]
        // Comments are skipped, /* also */ here.
        Scenario(
            nodes: [(name: "a"), Node(name: r"b\", cores: 0x10), {"name": "c"}],
            links: [(name: "l", between: ("a", "b"), rate: "10 Mbit/s", delay: "2 ms", queue: "64 KiB")],
            apps: [
                Idle,
                CoapClient(on: "a", to: "b"),
                CoapClient((on: "a", to: "b", confirmable: true)),
                CoapServer(on: NodeName("b"), reply: Separate),
                CoapServer(on: "b", reply: Some(Piggybacked)),
                CoapServer(on: "b", reply: None),
                Burst(1_000, "1 s"),
                Watch("l"),
            ],
            duration: "10 s",
        )"#;
    let node = |name: &str, cores| Node { name: name.to_owned(), cores };
    let client = |confirmable| App::CoapClient(Client { on: named("a"), to: named("b"), confirmable });
    let server = |reply| App::CoapServer { on: named("b"), reply };
    let link = Link {
        name: "l".to_owned(),
        between: (named("a"), named("b")),
        rate: Rate::from_bits_per_sec(10_000_000).unwrap(),
        delay: Duration::from_millis(2),
        loss: Ratio::ZERO,
        queue: Some(Size::from_bytes(65_536)),
    };
    let expected = Scenario {
        nodes: vec![node("a", 0), node("b\\", 16), node("c", 0)],
        links: vec![link],
        apps: vec![
            App::Idle,
            client(false),
            client(true),
            server(Some(Reply::Separate)),
            server(Some(Reply::Piggybacked)),
            server(None),
            App::Burst(1_000, Duration::from_secs(1)),
            App::Watch(LinkName("l".to_owned())),
        ],
        duration: Some(Duration::from_secs(10)),
    };
    assert_eq!(sound::<Scenario>(text), expected);
}

#[test]
fn references_are_collected_with_their_places_even_beside_mistakes() {
    let text = r#"(nodes: [(cores: 1)], links: [(name: "l", between: ("a", "b"), rate: 5)], apps: [Watch("l")])"#;
    let (reading, _) = read_text::<Scenario>(text, &[]);
    assert_eq!(reading.value, None);
    let found: Vec<_> = reading.references.iter().map(|r| (r.kind, r.text.as_str(), &text[r.span.range()])).collect();
    let (node, link) = (ReferenceKind::Node, ReferenceKind::Link);
    assert_eq!(found, [(node, "a", "\"a\""), (node, "b", "\"b\""), (link, "l", "\"l\"")]);
}

#[test]
fn values_of_a_damaged_text_are_read_but_what_it_lacks_is_no_mistake() {
    let shown = messages("(nodes: [(cores: @), (name: 7)], )", &[]);
    assert_eq!(shown.matches("error").count(), 2, "{shown}");
}

#[test]
fn a_damaged_tree_gives_no_value_even_to_who_ignores_its_syntax_errors() {
    for text in ["(nodes: [(cores: @)])", "(nodes: [(cores: 1 name: \"a\")])", "(nodes: [])) x", "(nodes: ["] {
        let (mut ignored, mut mistakes) = (Diagnostics::default(), Diagnostics::default());
        let tree = Tree::parse(&mut Sources::default(), "t.ron", text, &mut ignored);
        assert!(!ignored.is_empty());
        assert_eq!(read::<Scenario>(&tree, &mut mistakes).value, None, "{text}");
    }
}

#[derive(Deserialize, PartialEq, Debug)]
#[serde(untagged)]
enum Either {
    Number(f64),
    Text(String),
    Named { x: i8 },
}

#[derive(Deserialize, PartialEq, Debug)]
struct Flat {
    #[serde(flatten)]
    rest: BTreeMap<String, i64>,
    #[serde(alias = "also")]
    own: char,
}

#[derive(Deserialize, PartialEq, Debug)]
#[serde(try_from = "u32")]
struct Even(u32);

impl TryFrom<u32> for Even {
    type Error = String;
    fn try_from(n: u32) -> Result<Self, String> {
        if n.is_multiple_of(2) { Ok(Self(n)) } else { Err(format!("{n} is odd; take {}?", n + 1)) }
    }
}

#[test]
fn serde_attributes_work() {
    assert_eq!(
        sound::<Vec<Either>>("[1, \"x\", (x: -3), 2.5]"),
        [Either::Number(1.0), Either::Text("x".to_owned()), Either::Named { x: -3 }, Either::Number(2.5)]
    );
    let rest = BTreeMap::from([("a".to_owned(), -1_i64), ("b".to_owned(), i64::MAX)]);
    assert_eq!(sound::<Flat>(&format!("(a: -1, also: 'x', b: {})", i64::MAX)), Flat { rest, own: 'x' });
    assert_eq!(sound::<(Even, ())>("(4, ())"), (Even(4), ()));
    let (_, shown) = read_text::<BTreeMap<String, Even>>("{\"a\": 3, \"b\": 4, 5: 6, \"c\": 7}", &[]);
    assert_eq!(shown.matches("error").count(), 3, "{shown}");
    assert!(shown.contains("3 is odd") && shown.contains("help: take 8?"), "{shown}");
}

/// Refers to itself, so that no finite placeholder of `Deep` exists.
#[derive(Deserialize, PartialEq, Debug)]
struct Deep {
    deeper: Box<Deep>,
}

#[test]
fn a_type_without_placeholder_still_gives_its_mistake() {
    let (_, shown) = read_text::<Deep>("(deeper: (deeper: 5))", &[]);
    assert!(shown.contains("home.ron:1:19"), "{shown}");
}

#[derive(Deserialize, Debug)]
#[allow(dead_code)]
struct Nest {
    a: Option<Box<Nest>>,
    x: u8,
    y: u8,
}

#[test]
fn fields_missing_on_every_level_are_found_in_one_pass_per_level() {
    // 60 levels, each without x and y: two retries a level. Were retries to multiply, this would
    // take 3^60 passes.
    let text = format!("{}(x: 1){}", "(a: ".repeat(60), ")".repeat(60));
    let mut mistakes = Diagnostics::default();
    let tree = Tree::parse(&mut Sources::default(), "nest", &text, &mut mistakes);
    assert!(read::<Nest>(&tree, &mut mistakes).value.is_none());
    assert_eq!(mistakes.len(), 61);
}

#[test]
fn a_list_of_ten_thousand_wrong_elements_is_read_once() {
    let text = format!("(nodes: [{}])", "(name: 5, cors: 2),".repeat(10_000));
    let (mut sources, mut mistakes) = (Sources::default(), Diagnostics::default());
    let tree = Tree::parse(&mut sources, "many.ron", &text, &mut mistakes);
    read::<Scenario>(&tree, &mut mistakes);
    assert_eq!(mistakes.len(), 20_000);
}

/// A document of the sample type below, as text.
fn document() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        any::<i32>().prop_map(|n| format!("Number({n})")),
        (-1e9..1e9_f64).prop_map(|x| format!("Float({x:?})")),
        "[ -~äß\n\"\\\\]{0,12}".prop_map(|s| format!("Text({s:?})")),
        any::<bool>().prop_map(|b| format!("Flag({b})")),
        Just("Nothing".to_owned()),
        Just("/* c */ Letter('\\'')".to_owned()),
        (any::<u8>(), any::<u8>()).prop_map(|(a, b)| format!("Pair(0x{a:x}, 0b{b:b},)")),
        any::<Option<u8>>().prop_map(|n| n.map_or("Maybe(None)".to_owned(), |n| format!("Maybe({n})"))),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(|all| format!("Many([{}])", all.join(", "))),
            (inner.clone(), proptest::option::of(any::<u16>())).prop_map(|(value, n)| {
                let n = n.map_or(String::new(), |n| format!("count: {n}, "));
                format!("Inner({n}// why\n value: {value})")
            }),
            proptest::collection::btree_map("[a-z]{1,4}", inner, 0..4).prop_map(|map| {
                let entries: Vec<String> = map.iter().map(|(k, v)| format!("{k:?}: {v}")).collect();
                format!("Table({{{}}})", entries.join(",\n"))
            }),
        ]
    })
}

#[derive(Deserialize, PartialEq, Debug)]
enum Sample {
    Number(i32),
    Float(f64),
    Text(String),
    Flag(bool),
    Nothing,
    Letter(char),
    Pair(u8, u8),
    Maybe(Option<u8>),
    Many(Vec<Sample>),
    Inner(Box<Inner>),
    Table(BTreeMap<String, Sample>),
}

#[derive(Deserialize, PartialEq, Debug)]
struct Inner {
    count: Option<u16>,
    value: Sample,
}

proptest! {
    /// The `ron` crate is the oracle: it and this reader must agree on every sound document.
    #[test]
    fn sound_documents_read_as_the_ron_crate_reads_them(text in document()) {
        use ron::extensions::Extensions;
        let options = ron::Options::default().with_default_extension(
            Extensions::IMPLICIT_SOME | Extensions::UNWRAP_NEWTYPES | Extensions::UNWRAP_VARIANT_NEWTYPES);
        let theirs: Sample = options.from_str(&text).map_err(|e| TestCaseError::fail(format!("{e} in {text}")))?;
        prop_assert_eq!(sound::<Sample>(&text), theirs);
    }
}

#[test]
fn a_bare_word_stands_for_the_first_variant_of_an_enum_that_has_a_short_form() {
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename = "~Loss", deny_unknown_fields)]
    enum Loss {
        Random(Ratio),
        Bursts { share: Ratio, length: u32 },
        Never,
    }
    #[derive(Debug, PartialEq, Deserialize)]
    struct Holder {
        loss: Option<Loss>,
    }
    let percent = Ratio::from_percent;
    let loss = |text: &str| sound::<Holder>(&format!("(loss: {text})")).loss;
    assert_eq!(loss(r#""1 %""#), Some(Loss::Random(percent(1))));
    assert_eq!(loss(r#"Random("1 %")"#), Some(Loss::Random(percent(1))));
    assert_eq!(loss(r#"Bursts(share: "1 %", length: 4)"#), Some(Loss::Bursts { share: percent(1), length: 4 }));
    assert_eq!(loss("Never"), Some(Loss::Never));
    let refused = |text: &str| read_text::<Holder>(&format!("(loss: {text})"), &[]).1;
    assert!(refused(r#""1 percent""#).contains("1 percent"), "{}", refused(r#""1 percent""#));
    assert!(refused(r#""Never""#).contains("without quotes"), "{}", refused(r#""Never""#));
    assert!(refused("Burst(share: 1)").contains("did you mean `Bursts`"), "{}", refused("Burst(share: 1)"));
}
