//! Properties of parser and printer.

use super::super::{Field, Kind, Name, Node, SourceId, Span};
use super::*;
use proptest::prelude::*;

fn somewhere() -> Span {
    Span::new(source(), 0..0)
}

fn source() -> SourceId {
    Sources::default().add("", "")
}

fn name(text: String) -> Name {
    Name { text, span: somewhere() }
}

/// Any tree that a text can have.
fn node() -> impl Strategy<Value = Node> {
    let leaf = prop_oneof![
        Just(Kind::Unit),
        Just(Kind::None),
        any::<bool>().prop_map(Kind::Bool),
        any::<i128>().prop_map(Kind::Int),
        any::<f64>().prop_filter("finite", |x| x.is_finite()).prop_map(Kind::Float),
        ".{0,20}".prop_map(Kind::Str),
        any::<String>().prop_map(Kind::Str),
        any::<char>().prop_map(Kind::Char),
        "[A-Z][a-z0-9_]{2,5}x".prop_map(|n| Kind::Name(name(n))),
    ]
    .prop_map(|kind| Node::new(somewhere(), kind));
    leaf.prop_recursive(6, 60, 6, |inner| {
        let many = || proptest::collection::vec(inner.clone(), 0..6);
        let maybe_named = || proptest::option::of("[A-Z][a-z]{2,5}x".prop_map(name));
        let field = ("[a-z_]{1,3}x", inner.clone()).prop_map(|(n, value)| Field { name: name(n), value });
        prop_oneof![
            many().prop_map(Kind::List),
            proptest::collection::vec((inner.clone(), inner.clone()), 0..4).prop_map(Kind::Map),
            (maybe_named(), many())
                .prop_filter("`()` is no tuple", |(name, items)| name.is_some() || !items.is_empty())
                .prop_map(|(name, items)| Kind::Tuple { name, items }),
            (maybe_named(), proptest::collection::vec(field, 1..5))
                .prop_map(|(name, fields)| Kind::Struct { name, fields }),
            inner.prop_map(|value| Kind::Some(Box::new(value))),
        ]
        .prop_map(|kind| Node::new(somewhere(), kind))
    })
}

/// Texts of the characters that mean something, and pieces of RON.
fn broken() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[\\(\\)\\[\\]\\{\\},:\"'\\\\#!/* \\n=;%@0-9xuebr.+-]{1,3}",
        "[a-zé]{1,3}",
        Just("(name: \"a\", ".to_owned()),
        Just("links: [".to_owned()),
        Just("Some(".to_owned()),
        Just("r#\"".to_owned()),
        Just("\\u{".to_owned()),
        Just("#![enable(".to_owned()),
    ];
    proptest::collection::vec(piece, 0..25).prop_map(|pieces| pieces.concat())
}

/// Parses, applies, reads, prints and renders; returns whether it was sound.
fn survives(text: &str) -> Result<(), TestCaseError> {
    let (mut sources, mut mistakes) = (Sources::default(), Diagnostics::default());
    let mut tree = Tree::parse(&mut sources, "any.ron", text, &mut mistakes);
    let sound = mistakes.is_empty();
    if sound {
        let again = Tree::parse(&mut sources, "again.ron", &tree.to_ron(), &mut mistakes);
        prop_assert!(mistakes.is_empty() && again == tree, "{}", tree.to_ron());
    } else {
        prop_assert!(tree.root.damaged || !mistakes.is_empty());
    }
    tree.apply_override(&mut sources, text, &mut mistakes);
    tree.apply_override(&mut sources, &format!("a={text}"), &mut mistakes);
    let _ = read::<Scenario>(&tree, &mut mistakes);
    mistakes.sort();
    let shown = mistakes.render(&sources, false);
    prop_assert_eq!(shown.is_empty(), mistakes.is_empty());
    // Every place must lie in its source.
    prop_assert!(mistakes.iter().all(|m| m.place(&sources).line > 0 && sources.text(m.primary.span).len() < 1_000));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_text_is_survived(text in any::<String>()) {
        survives(&text)?;
    }

    #[test]
    fn any_broken_scenario_is_survived(text in broken()) {
        survives(&text)?;
    }

    #[test]
    fn any_prefix_of_a_scenario_is_survived(cut in 0_usize..200, glue in "[\\)\\]\\}(\\[,\"a]{0,2}") {
        let text = r#"(nodes: [(name: "sensör", cores: 0x1F), Node(name: 'a')], apps: [Idle, Burst(1, "1 s")], /* c */ duration: Some("1 s"))"#;
        let cut = text.floor_char_boundary(cut.min(text.len()));
        survives(&format!("{}{glue}{}", &text[..cut], &text[cut..]))?;
        survives(&format!("{}{glue}", &text[..cut]))?;
    }

    #[test]
    fn a_printed_tree_parses_to_itself(root in node()) {
        let tree = Tree { root };
        let text = tree.to_ron();
        let (mut sources, mut mistakes) = (Sources::default(), Diagnostics::default());
        let again = Tree::parse(&mut sources, "printed.ron", &text, &mut mistakes);
        prop_assert!(mistakes.is_empty(), "{}", mistakes.render(&sources, false));
        prop_assert_eq!(&again, &tree);
        prop_assert_eq!(again.to_ron(), text);
    }
}
