//! GraphML as the Topology Zoo has it, and what can be wrong with it.

use super::*;
use crate::Plan;
use proptest::prelude::*;

/// Abilene, the backbone of Internet2 until 2007: eleven cities, fourteen links of OC-192 (10 Gbit/s), in the form of the
/// Topology Zoo.
fn abilene() -> String {
    let cities = [
        ("New York", 40.71427, -74.00597),
        ("Chicago", 41.85003, -87.65005),
        ("Washington DC", 38.89511, -77.03637),
        ("Seattle", 47.60621, -122.33207),
        ("Sunnyvale", 37.36883, -122.03635),
        ("Los Angeles", 34.05223, -118.24368),
        ("Denver", 39.73915, -104.9847),
        ("Kansas City", 39.11417, -94.62746),
        ("Houston", 29.76328, -95.36327),
        ("Atlanta", 33.749, -84.38798),
        ("Indianapolis", 39.76838, -86.15804),
    ];
    let links = [
        (0, 1),
        (0, 2),
        (1, 10),
        (2, 9),
        (3, 4),
        (3, 6),
        (4, 5),
        (4, 6),
        (5, 8),
        (6, 7),
        (7, 8),
        (7, 10),
        (8, 9),
        (9, 10),
    ];
    let node = |(id, (city, latitude, longitude)): (usize, &(&str, f64, f64))| {
        format!(
            r#"    <node id="{id}">
      <data key="d29">{latitude}</data>
      <data key="d30">United States</data>
      <data key="d31">1</data>
      <data key="d32">{longitude}</data>
      <data key="d33">{city}</data>
    </node>
"#
        )
    };
    let edge = |(id, (from, to)): (usize, &(usize, usize))| {
        format!(
            r#"    <edge source="{from}" target="{to}" id="e{id}">
      <data key="d34">OC-192</data>
      <data key="d35">10000000000.0</data>
    </edge>
"#
        )
    };
    let nodes: String = cities.iter().enumerate().map(node).collect();
    let edges: String = links.iter().enumerate().map(edge).collect();
    format!("{HEAD}  <graph edgedefault=\"undirected\">\n{nodes}{edges}  </graph>\n</graphml>\n")
}

/// Eleven lines.
const HEAD: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
  <key attr.name="Latitude" attr.type="double" for="node" id="d29" />
  <key attr.name="Country" attr.type="string" for="node" id="d30" />
  <key attr.name="Internal" attr.type="int" for="node" id="d31" />
  <key attr.name="Longitude" attr.type="double" for="node" id="d32" />
  <key attr.name="label" attr.type="string" for="node" id="d33" />
  <key attr.name="LinkLabel" attr.type="string" for="edge" id="d34" />
  <key attr.name="LinkSpeedRaw" attr.type="double" for="edge" id="d35" />
  <key attr.name="LinkSpeed" attr.type="string" for="edge" id="d36" />
  <key attr.name="LinkSpeedUnits" attr.type="string" for="edge" id="d37" />
"#;

/// A file with this in its graph.
fn file(graph: &str) -> String {
    format!("{HEAD}<graph edgedefault=\"undirected\">{graph}</graph></graphml>")
}

fn read(text: &str, link: &str) -> Result<Expanded, Vec<(String, String)>> {
    let config = config(&format!(r#"GraphML(name: "z", file: "z.graphml", link: {link})"#));
    assert_eq!(config.file(), Some("z.graphml"));
    let files = |name: &str| if name == "z.graphml" { Ok(text.to_owned()) } else { Err("?".to_owned()) };
    let told = |found: Vec<Mistake>| found.into_iter().map(|mistake| (mistake.path, mistake.message)).collect();
    expand(&config, 1, &files).map_err(told)
}

/// The network of a file without mistakes.
fn good(text: &str) -> Expanded {
    let made = read(text, r#"(rate: "1 Mbit/s", delay: "7 ms")"#).unwrap_or_else(|found| panic!("{found:?}"));
    assert_eq!(check_topology(&topology(&made)), []);
    made
}

fn link_names(made: &Expanded) -> Vec<String> {
    made.links.iter().map(|link| link.name()).collect()
}

/// The only message about a file.
fn only_mistake(text: &str) -> String {
    let found = read(text, r#"(delay: "1 ms")"#).unwrap_err();
    let [(path, message)] = &found[..] else { panic!("{found:?}") };
    assert_eq!(path, "file");
    message.clone()
}

/// Delays are 1.5 d / c: New York to Chicago 1,145,838.77 m, to Washington 328,491.18 m, Los Angeles to Houston
/// 2,206,762.60 m, computed apart from this program.
#[test]
fn a_network_of_the_topology_zoo_loads_and_routes() {
    let made = good(&abilene());
    assert_eq!((made.nodes.len(), made.links.len(), made.hosts.len()), (11, 14, 11));
    assert!(is_connected(&made) && made.notes.is_empty());
    assert!(made.links.iter().all(|link| link.rate == "10 Gbit/s".parse().ok()));
    let delay = |name: &str| made.links.iter().find(|link| link.name() == name).unwrap().delay.unwrap().as_nanos();
    assert_eq!(delay("z-New-York--z-Chicago"), 5_733_160);
    assert_eq!(delay("z-New-York--z-Washington-DC"), 1_643_593);
    assert_eq!(delay("z-Los-Angeles--z-Houston"), 11_041_452);
    // Three links each, except for five cities with two; 2 · 14 = 6 · 3 + 5 · 2.
    assert_eq!(nodes_by_degree(&made), BTreeMap::from([(2, 5), (3, 6)]));
    // Seattle, Denver, Kansas City, Indianapolis, Chicago, New York: five links, and no other way has so few.
    let plan = Plan::new(topology(&made), Vec::new());
    let (mut at, to) = (plan.node("z-Seattle").unwrap(), plan.node("z-New-York").unwrap());
    let mut way = Vec::new();
    while at != to {
        let interface = plan.graph().first_hops(at)[to].unwrap();
        at = plan.graph().neighbours(at)[interface].1;
        way.push(plan.name(at));
    }
    assert_eq!(way, ["z-Denver", "z-Kansas-City", "z-Indianapolis", "z-Chicago", "z-New-York"]);
}

#[test]
fn labels_become_names_that_are_legal_and_unique() {
    let labels = ["St. Louis (MO)", "a", "a", "a-2", "a", "", "Zürich", "--", "x_y"];
    let nodes: String = labels
        .iter()
        .enumerate()
        .map(|(id, label)| format!(r#"<node id="n:{id}"><data key="d33">{label}</data></node>"#))
        .collect();
    let made = good(&file(&format!(r#"{nodes}<node id="last"/>"#)));
    let names: Vec<&str> = made.nodes.iter().map(|node| &*node.name).collect();
    assert_eq!(
        names,
        [
            "z-St-Louis-MO",
            "z-a",
            "z-a-2",
            "z-a-2-2",
            "z-a-3",
            "z-node-n-5",
            "z-Zürich",
            "z-node-n-7",
            "z-x_y",
            "z-node-last"
        ]
    );
    assert!(made.hosts.is_empty());
}

#[test]
fn speeds_are_read_as_they_are_written_in_the_zoo() {
    let of = |data: &str| {
        let made = good(&file(&format!(r#"<node id="a"/><node id="b"/><edge source="a" target="b">{data}</edge>"#)));
        (made.links[0].rate.unwrap().as_bits_per_sec(), made.notes)
    };
    let speed =
        |speed: &str, unit: &str| of(&format!(r#"<data key="d36">{speed}</data><data key="d37">{unit}</data>"#));
    assert_eq!(speed("2.5", "G").0, 2_500_000_000);
    assert_eq!(speed("155", "M").0, 155_000_000);
    assert_eq!(speed("64", "Kbps").0, 64_000);
    assert_eq!(
        of(r#"<data key="d35">622080000.0</data><data key="d36">1</data><data key="d37">G</data>"#).0,
        622_080_000
    );
    // The template's, and a note where something else was said.
    assert_eq!(of(""), (1_000_000, Vec::new()));
    let (rate, notes) = speed("&lt;10", "G");
    assert_eq!(rate, 1_000_000);
    assert_eq!(notes, ["z.graphml:12:61: the speed `<10 G` is not one number"]);
}

#[test]
fn parallel_edges_are_links_of_their_own_and_lonely_nodes_stay() {
    let made = good(&file(
        r#"<edge source="a" target="b"/><node id="a"/><node id="b"/><node id="c"/>
        <edge source="b" target="a"/><edge source="a" target="b"/><edge source="b" target="b"/>"#,
    ));
    assert_eq!(link_names(&made), ["z-node-a--z-node-b", "z-node-b--z-node-a-2", "z-node-a--z-node-b-3"]);
    assert_eq!((made.nodes.len(), made.hosts), (3, vec!["z-node-a".to_owned(), "z-node-b".to_owned()]));
    assert_eq!(made.notes, ["an edge from `b` to itself was left out"]);
    assert!(made.links.iter().all(|link| link.delay == "7 ms".parse().ok()));
}

#[test]
fn in_a_directed_graph_an_edge_back_is_the_other_direction() {
    let edge = |from: &str, to: &str, rate: u64| {
        format!(r#"<edge source="{from}" target="{to}"><data key="d35">{rate}</data></edge>"#)
    };
    let edges = [edge("a", "b", 10), edge("a", "b", 20), edge("b", "a", 30), edge("b", "c", 40), edge("c", "b", 40)];
    let text = file(&format!(r#"<node id="a"/><node id="b"/><node id="c"/>{}"#, edges.concat()));
    let made = good(&text.replace("undirected", "directed"));
    assert_eq!(link_names(&made), ["z-node-a--z-node-b", "z-node-a--z-node-b-2", "z-node-b--z-node-c"]);
    let rates = |link: &protosim_models::link::LinkConfig| {
        [true, false].map(|is_forward| link.direction(is_forward).rate.unwrap().as_bits_per_sec())
    };
    // The last edge there is the first to get a way back.
    assert_eq!(made.links.iter().map(rates).collect::<Vec<_>>(), [[10, 10], [20, 30], [40, 40]]);
    assert_eq!(good(&text).links.len(), 5);
}

#[test]
fn what_contradicts_itself_is_refused_with_its_place() {
    for (graph, expected) in [
        ("", "12:1: a network needs nodes"),
        (r#"<node/>"#, "12:33: a node needs an `id`"),
        (r#"<node id="a"/><node id="a"/>"#, "12:47: another node has the id `a` too"),
        ("<node id=\"a\"/>\n<edge source=\"a\"/>", "13:1: an edge needs a `target`"),
        ("<node id=\"a\"/>\n  <edge source=\"a\" target=\"b\"/>", "13:3: `target` is `b`, and no node has that id"),
        (
            r#"<node id="a"><data key="d29">95</data></node>"#,
            "12:46: Latitude is a number of degrees from -90 to 90, not `95`",
        ),
        (
            r#"<node id="a"><data key="d29">north</data></node>"#,
            "12:46: Latitude is a number of degrees from -90 to 90, not `north`",
        ),
        (
            r#"<node id="a"><data key="d32">NaN</data></node>"#,
            "12:46: Longitude is a number of degrees from -180 to 180, not `NaN`",
        ),
        (
            r#"<node id="a"><data key="d29">9</data></node>"#,
            "12:33: a node has both a Latitude and a Longitude, or neither",
        ),
        (r#"<node id="a"><data key="d99">9</data></node>"#, "12:46: the key `d99` is not declared"),
        (r#"<node id="a"><data>9</data></node>"#, "12:46: data needs a `key`"),
        (r#"<node id="a"><data key="d33">9</data><data key="d33">9</data></node>"#, "12:70: `label` is said twice"),
        (r#"<node id="a"><graph/></node>"#, "12:46: a `graph` within a node cannot be read"),
        (r#"<node id="a"/><hyperedge/>"#, "12:47: hyperedges cannot be read: a link joins two nodes"),
        (
            r#"<node id="a"/><node id="b"/><edge source="a" target="b"><data key="d35">0</data></edge>"#,
            "12:89: LinkSpeedRaw is a number of bit/s above zero, not `0`",
        ),
        (
            r#"<node id="a"/><node id="b"/><edge source="a" target="b"><data key="d35">fast</data></edge>"#,
            "12:89: LinkSpeedRaw is a number of bit/s above zero, not `fast`",
        ),
    ] {
        let found = read(&file(graph), r#"(delay: "1 ms")"#).unwrap_err();
        let is_said =
            |(path, message): &(String, String)| path == "file" && *message == format!("z.graphml:{expected}");
        // A place out of range leaves the other coordinate alone, which is said too.
        assert!(found.iter().any(is_said), "{graph}: {found:?}");
    }
    assert_eq!(only_mistake("<svg/>"), "z.graphml:1:1: expected `graphml`, found `svg`");
    assert_eq!(only_mistake("<graphml/>"), "z.graphml:1:1: expected one `graph`, found 0");
    assert_eq!(only_mistake("<graphml><graph/><graph/></graphml>"), "z.graphml:1:1: expected one `graph`, found 2");
    assert!(
        only_mistake("<graphml><key/><graph><node id='a'/></graph></graphml>").contains("1:10: a key needs an `id`")
    );
    let twice = "<graphml><key id='a'/><key id='a'/><graph><node id='a'/></graph></graphml>";
    assert!(only_mistake(twice).contains("1:23: another key has the id `a` too"));
    let sideways = "<graphml><graph edgedefault='sideways'><node id='a'/></graph></graphml>";
    assert!(only_mistake(sideways).contains("`edgedefault` is `directed` or `undirected`, not `sideways`"));
}

#[test]
fn garbage_is_refused_with_its_place() {
    for text in [
        "",
        "graphml",
        "<graphml>",
        "<graphml></graph>",
        "{\"nodes\": []}",
        "<graphml>\n <a b=c/></graphml>",
        "\u{feff}",
    ] {
        assert!(only_mistake(text).contains(": not XML: "), "{text}");
    }
    assert!(only_mistake("<graphml>\n <a b=c/></graphml>").starts_with("z.graphml:2:7: not XML"));
    // Neither deep nor exploding documents bring it down.
    let deep = format!("<graphml>{}{}</graphml>", "<a>".repeat(100_000), "</a>".repeat(100_000));
    assert_eq!(only_mistake(&deep), "z.graphml:1:1: expected one `graph`, found 0");
    let bomb = "<!DOCTYPE a [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><graphml>&b;</graphml>";
    assert!(only_mistake(bomb).contains("not XML"));
    assert_eq!(good(&format!("\u{feff}{}", abilene())).links.len(), 14);
}

#[test]
fn of_many_mistakes_the_first_are_told() {
    let edges = r#"<edge source="x" target="a"/>"#.repeat(1000);
    let found = read(&file(&format!(r#"<node id="a"/>{edges}"#)), "()").unwrap_err();
    assert_eq!(found.len(), 21);
    assert_eq!(found[20].1, "z.graphml: and 980 more mistakes");
}

#[test]
fn links_without_a_rate_and_a_delay_are_refused_with_their_place() {
    let text = file("<node id=\"a\"/><node id=\"b\"/>\n<edge source=\"a\" target=\"b\"/>");
    let found = read(&text, "()").unwrap_err();
    assert_eq!(found[0].0, "link");
    assert!(found[0].1.contains("needs a rate or a delay") && found[0].1.ends_with("(z.graphml:13:1)"), "{found:?}");
    let found = read(&text, r#"(delay: "1 ms", forward: (loss: "1 %"))"#).unwrap_err();
    assert_eq!(found[0].0, "link.forward");
    // A file that cannot be read.
    let missing = try_expand(r#"GraphML(name: "z", file: "other.graphml")"#, 1).unwrap_err();
    assert_eq!(missing, [("file".to_owned(), "no file other.graphml".to_owned())]);
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(text in "\\PC{0,200}", at in 0_usize..3000, cut in 0_usize..60) {
        let _ = read(&text, "()");
        // A good file with a piece cut out, or something put in.
        let good = abilene();
        let at = at.min(good.len());
        let rest = (at + cut).min(good.len());
        if good.is_char_boundary(at) && good.is_char_boundary(rest) {
            let _ = read(&format!("{}{}", &good[..at], &good[rest..]), "()");
            let _ = read(&format!("{}{text}{}", &good[..at], &good[at..]), "()");
        }
    }
}
