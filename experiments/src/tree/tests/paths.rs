//! Paths, `get`, `set` and overrides.

use super::*;

const TEXT: &str = r#"(
    nodes: [(name: "a"), (name: "b.c", cores: 2)],
    links: {"up": (rate: "1 Mbit/s")},
    app: CoapClient((to: "a")),
    reply: Idle,
    maybe: Some((x: 1)),
    pair: (1, [2, 3]),
)"#;

fn tree() -> Tree {
    let mut mistakes = Diagnostics::default();
    let tree = Tree::parse(&mut Sources::default(), "t.ron", TEXT, &mut mistakes);
    assert!(mistakes.is_empty());
    tree
}

fn get(tree: &Tree, path: &str) -> Result<String, String> {
    let path: Path = path.parse().map_err(|e: PathError| e.to_string())?;
    tree.get(&path).map(Node::to_ron).map_err(|e| e.to_string())
}

use crate::tree::Node;

#[test]
fn a_path_leads_through_fields_names_numbers_keys_and_variants() {
    let tree = tree();
    for (path, value) in [
        ("nodes.a", "(name: \"a\")"),
        ("nodes.\"b.c\".cores", "2"),
        ("nodes.1.cores", "2"),
        ("nodes[1].cores", "2"),
        ("links.up.rate", "\"1 Mbit/s\""),
        ("app.to", "\"a\""),
        ("app.0.to", "\"a\""),
        ("maybe.x", "1"),
        ("pair[1][0]", "2"),
    ] {
        assert_eq!(get(&tree, path).as_deref(), Ok(value), "{path}");
        let parsed: Path = path.parse().unwrap();
        assert_eq!(get(&tree, &parsed.to_string()).as_deref(), Ok(value), "{parsed}");
    }
}

/// Paths that checks make count elements, whose names may be numbers too. They are not looked at: that would take as long as the list is, for each of
/// its elements.
#[test]
fn a_path_of_our_own_counts_elements() {
    const TEXT: &str =
        r#"(nodes: [(name: "1"), (name: "0"), (name: "b.c", device: (cpu: {"2": 7}))], app: CoapClient((to: "a")))"#;
    let mut mistakes = Diagnostics::default();
    let tree = Tree::parse(&mut Sources::default(), "t.ron", TEXT, &mut mistakes);
    assert!(mistakes.is_empty());
    assert_eq!(get(&tree, "nodes.0.name").as_deref(), Ok("\"0\""), "of users: the element called so");
    for (path, value) in [
        ("nodes.0.name", Some("\"1\"")),
        ("nodes.1.name", Some("\"0\"")),
        ("nodes.2.device.cpu.\"2\"", Some("7")),
        ("nodes.\"b.c\".name", Some("\"b.c\"")),
        ("app.to", Some("\"a\"")),
        ("app.0.to", Some("\"a\"")),
        ("nodes.3", None),
        ("nodes.2.device.cores", None),
    ] {
        assert_eq!(tree.at(path).map(Node::to_ron).as_deref(), value, "{path}");
    }
}

#[test]
fn a_path_that_leads_nowhere_names_the_part_and_the_nearest_name() {
    let tree = tree();
    for (path, message) in [
        ("nods.a", "there is no field `nods` here; did you mean `nodes`?"),
        ("nodes.d", "there is no element `d` here; there is `a` and `b.c`"),
        ("nodes.a.name.x", "there is no `x` in the text `\"a\"`"),
        ("links.upp", "there is no key `upp` here; did you mean `up`?"),
        ("pair[1][9]", "there is no element `9` here; its elements have no names; they are numbered from 0 to 1"),
        ("", "a path lacks a name here"),
        ("a\"b\"", "there is no field `a\"b\"` here; there is `nodes`, `links`, `app`, `reply`, `maybe` and `pair`"),
        ("\"a", "this name is never closed"),
        ("a[0", "this `[` is never closed"),
        ("a[0]b", "expected `.` here"),
    ] {
        assert_eq!(get(&tree, path), Err(message.to_owned()), "{path}");
    }
}

#[test]
fn overrides_replace_and_create() {
    let (mut sources, mut mistakes) = (Sources::default(), Diagnostics::default());
    let mut tree = tree();
    for (argument, path, value) in [
        ("nodes.a.name=x", "nodes.0.name", "\"x\""),
        ("nodes.x.cores=7", "nodes.x.cores", "7"),
        ("links.up.loss=2 %", "links.up.loss", "\"2 %\""),
        ("links.up.rate=\"5 bit/s\"", "links.up.rate", "\"5 bit/s\""),
        ("app.to=\"=\"", "app.to", "\"=\""),
        ("reply.on=\"b\"", "reply", "Idle(on: \"b\")"),
        ("pair=[1, (2)]", "pair", "[1, (2)]"),
        ("maybe.y=None", "maybe", "Some((x: 1, y: None))"),
    ] {
        tree.apply_override(&mut sources, argument, &mut mistakes);
        assert!(mistakes.is_empty(), "{}", mistakes.render(&sources, false));
        assert_eq!(get(&tree, path).as_deref(), Ok(value), "{argument}");
    }
}

#[test]
fn suggestions_are_near_and_case_is_nearest() {
    assert_eq!(suggest("Loss", ["less", "loss"]), Some("loss"));
    assert_eq!(suggest("gatway", ["cloud", "gateway"]), Some("gateway"));
    assert_eq!(suggest("raet", ["rate", "name"]), Some("rate"));
    assert_eq!(suggest("memory", ["name", "cores"]), None);
    assert_eq!(suggest("x", ["y"]), None);
}
