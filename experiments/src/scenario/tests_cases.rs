//! Axes of cases: the points that they make, how they are chosen, and what is wrong with them.

use super::{Loaded, Request, load_text};
use crate::results::{Basis, check_expectations, summarise, write};
use crate::run::{Options, run_all};
use protosim_reports::statistics::Confidence;
use std::time::Duration;

/// Two hosts behind a box each; a datagram is asked for and answered through both.
const TEXT: &str = r#"(
    format: 1, title: "Cases", until: After("2 s"), replications: 2,
    nodes: [(name: "a"), (name: "b"), (name: "middle")],
    links: [
        (name: "left", ends: ("a", "middle"), rate: "1 Mbit/s", delay: "1 ms"),
        (name: "right", ends: ("middle", "b"), rate: "1 Mbit/s", delay: "1 ms"),
    ],
    apps: [(name: "ping", on: "a", run: Ping(to: "b", count: 3, interval: "100 ms"))],
    axes: [
        (name: "near", cases: [
            (name: "plain"),
            (name: "EIM/EIF", set: {"links.left.delay": "10 ms", "nodes.middle": (name: "middle", nat: (outside: "right"))}),
        ]),
        (name: "far", cases: [
            (name: "open", set: {"links.right.delay": "2 ms"}),
            (name: "dead", set: {"links.right.loss": "100 %"}),
            (name: "slow", set: {"links.right": (name: "right", ends: ("middle", "b"), rate: "10 kbit/s", delay: "5 ms")}),
        ]),
        (name: "size", path: "apps.ping.run.payload", values: ["10 B", "20 B"]),
    ],
    measure: [(app: "ping", metric: Total("replies"))],
    // more
)"#;

fn load(text: &str, set: &[&str]) -> Result<Loaded, String> {
    let set = set.iter().map(|argument| (*argument).to_owned()).collect();
    load_text("t", "t.ron", text, &Request { set, ..Request::default() }, false)
}

fn with(more: &str) -> String {
    TEXT.replace("// more", more)
}

/// The mistakes of a text in which `from` was replaced.
fn refusal(from: &str, to: &str) -> String {
    assert!(TEXT.contains(from), "{from}");
    load(&TEXT.replacen(from, to, 1), &[]).expect_err(to)
}

fn values(loaded: &Loaded) -> Vec<Vec<f64>> {
    loaded.points.iter().map(|point| point.values.clone()).collect()
}

#[test]
fn cases_are_crossed_as_values_are() {
    let loaded = load(TEXT, &[]).unwrap();
    assert_eq!(loaded.points.len(), 2 * 3 * 2);
    let link = |point: usize, name: &str| {
        let links = &loaded.points[point].scenario.links;
        let link = links.iter().find(|link| link.name() == name).unwrap();
        (link.delay.unwrap().to_string(), link.rate.unwrap().to_string())
    };
    assert_eq!(loaded.points[0].values, [0.0, 0.0, 10.0]);
    assert_eq!(loaded.points[11].values, [1.0, 2.0, 20.0]);
    assert_eq!((link(0, "left").0, link(0, "right").0), ("1 ms".to_owned(), "2 ms".to_owned()));
    assert_eq!((link(6, "left").0, link(6, "right").0), ("10 ms".to_owned(), "2 ms".to_owned()));
    assert_eq!(link(11, "right"), ("5 ms".to_owned(), "10 kbit/s".to_owned()));
    let has_nat = |point: usize| loaded.points[point].scenario.has_nat();
    assert!(!has_nat(0) && has_nat(6));
}

#[test]
fn cases_are_chosen_by_their_names() {
    let one = load(TEXT, &["far=dead", "size=10 B"]).unwrap();
    assert_eq!(values(&one), [[0.0, 1.0, 10.0], [1.0, 1.0, 10.0]]);
    for list in ["near=[EIM/EIF, plain]", "near=[\"EIM/EIF\", \"plain\"]", "near = [EIM/EIF,plain,]"] {
        let two = load(TEXT, &[list, "far=slow", "size=\"20 B\""]).unwrap();
        assert_eq!(values(&two), [[1.0, 2.0, 20.0], [0.0, 2.0, 20.0]], "{list}");
        // What is kept says the same again.
        assert_eq!(values(&load(&two.text, &[]).unwrap()), values(&two));
    }
    let error = load(TEXT, &["far=[open, daed]"]).unwrap_err();
    assert!(
        error.contains("there is no case of `far` called `daed`") && error.contains("did you mean `dead`?"),
        "{error}"
    );
    assert!(error.contains("--set axes.far.only=[\"open\", \"daed\"]"), "{error}");
    assert!(load(TEXT, &["far=[open, open]"]).unwrap_err().contains("this case is chosen twice"));
}

#[test]
fn conditions_compare_cases_with_their_names() {
    let only_if = |text: &str| load(&with(&format!("only_if: \"{text}\",")), &["size=10 B"]);
    assert_eq!(values(&only_if("near == 'EIM/EIF' && far != 'dead'").unwrap()), [[1.0, 0.0, 10.0], [1.0, 2.0, 10.0]]);
    assert_eq!(only_if("near == 'plain' || size > 15").unwrap().points.len(), 3);
    for (text, expected) in [
        ("near == 'EIM/EIP'", "expected a case of `near` (did you mean 'EIM/EIF'?), found `'EIM/EIP'`"),
        ("size == 'plain'", "expected a number: `size` has no cases"),
        ("naer == 'plain'", "expected a number: no axis is called `naer`"),
        ("near > 0", "`near` has cases, which are no numbers; a condition compares it with a name, `near == 'NAME'`"),
        ("near == 1 || far == 'open'", "`near` has cases, which are no numbers"),
    ] {
        let error = only_if(text).unwrap_err();
        assert!(error.contains(expected), "{text}: {error}");
    }
    let formula = r#"expect: [(app: "ping", metric: Total("replies"), must: BeAtMost("3 * near"))],"#;
    let error = load(&with(formula), &[]).unwrap_err();
    assert!(error.contains("in the formula: `near` has cases, which are no numbers"), "{error}");
}

/// By hand: three requests and a reply to each, and none where all are lost.
#[test]
fn totals_of_cases_are_expected_and_stand_in_tables_by_name() {
    let expect = r#"expect: [
        (app: "ping", metric: Total("replies"), must: BeAtLeast("3"), only_if: "far != 'dead'"),
        (app: "ping", metric: Total("replies"), must: BeAtMost("0"), only_if: "far == 'dead'"),
        (app: "ping", metric: Total("requests"), must: BeAtLeast("4"), only_if: "near == 'plain'"),
    ],"#;
    let loaded = load(&with(expect), &["size=10 B"]).unwrap();
    let outputs = run_all(&loaded, Options::default(), || ()).unwrap();
    let summary = summarise(&loaded, &outputs, Confidence::P95, Basis::Replications).unwrap();
    let outcomes = check_expectations(&loaded, &outputs, &summary).unwrap();
    assert_eq!(outcomes.iter().map(|outcome| outcome.holds).collect::<Vec<_>>(), [true, true, false]);
    assert!(outcomes[2].text.contains("total requests of `ping` is at least 4, where near == 'plain', at 3 of 3"));
    let scratch = tempfile::tempdir().unwrap();
    write(scratch.path(), &loaded, &outputs, &summary, || Duration::ZERO).unwrap();
    let table = std::fs::read_to_string(scratch.path().join("summary.csv")).unwrap();
    assert!(table.starts_with("point,near,far,size_bytes,app,"), "{table}");
    let rows: Vec<&str> = table.lines().filter(|row| row.contains("total replies")).collect();
    assert_eq!(rows.len(), 6);
    assert!(rows[0].starts_with("0,plain,open,10") && rows[0].contains("total replies,,2,3"), "{}", rows[0]);
    assert!(rows[4].starts_with("4,EIM/EIF,dead,10") && rows[4].contains("total replies,,2,0"), "{}", rows[4]);
}

/// A case makes the same run as the same settings without one: results are known by what they are of, not by how it was said.
#[test]
fn a_case_is_what_it_sets() {
    let of_case = load(TEXT, &["near=plain", "far=slow", "size=10 B"]).unwrap();
    let fields = r#"rate: "10 kbit/s", delay: "5 ms"), // was"#;
    let by_hand = TEXT.replacen(
        r#"rate: "1 Mbit/s", delay: "1 ms"),
    ],"#,
        &format!("{fields}\n    ],"),
        1,
    );
    let start = by_hand.find("axes:").unwrap();
    let end = by_hand.find("    measure:").unwrap();
    let by_hand = load(&format!("{}{}", &by_hand[..start], &by_hand[end..]), &["apps.ping.run.payload=10 B"]).unwrap();
    let digests = |loaded: &Loaded| run_all(loaded, Options::default(), || ()).unwrap()[0][1].digests.clone();
    assert_eq!(digests(&of_case), digests(&by_hand));
}

#[test]
fn zipped_cases_advance_with_values() {
    let text = TEXT.replace(r#"(name: "near", cases"#, r#"(name: "near", zip: "z", cases"#);
    let text = text.replace(r#"values: ["10 B", "20 B"])"#, r#"values: ["10 B", "20 B"], zip: "z")"#);
    let loaded = load(&text, &["far=open"]).unwrap();
    assert_eq!(values(&loaded), [[0.0, 0.0, 10.0], [1.0, 0.0, 20.0]]);
    let error = load(&text, &["near=plain"]).unwrap_err();
    assert!(error.contains("axes that advance together have equally many values, not 1 and 2"), "{error}");
}

#[test]
fn cases_that_make_no_sense_are_refused() {
    let far = r#"(name: "far", cases: ["#;
    for (from, to, expected) in [
        (r#"(name: "dead""#, r#"(name: "open""#, "another case of this axis is called `open` too"),
        (r#"(name: "dead""#, r#"(name: "it's""#, "a case's name has 1 to 60 characters, without quotes"),
        (r#"(name: "dead""#, r#"(name: """#, "a case's name has 1 to 60 characters"),
        (r#""links.right.loss": "100 %""#, r#""links.right.delay": "2 ms""#, "`dead` sets the same as `open`"),
        (r#""links.right.loss": "100 %""#, r#""links.right.los": "100 %""#, "did you mean `loss`?"),
        (r#""links.right.loss": "100 %""#, r#""links.rihgt.loss": "100 %""#, "did you mean `right`?"),
        (r#""links.right.loss": "100 %""#, r#""links.right.loss": "101 %""#, "101 %"),
        (r#""links.right.loss": "100 %""#, r#""seeds": 3"#, "there is no field `seeds`"),
        (r#""links.right.loss": "100 %""#, r#""replications": 3"#, "an axis cannot vary `replications`"),
        (r#""links.right.loss": "100 %""#, r#""links.left.delay": "3 ms""#, "another axis varies the same field"),
        (
            r#""links.right.loss": "100 %""#,
            r#""links.left": (name: "left", ends: ("a", "middle"))"#,
            "another axis varies the same field",
        ),
        (
            far,
            r#"(name: "far", path: "links.right.mtu", cases: ["#,
            "`path` has no effect: each of the axis' `cases` says what it sets",
        ),
        (far, r#"(name: "far", values: [1], cases: ["#, "an axis has either `values` or `cases`"),
        (far, r#"(name: "far", only: ["opn"], cases: ["#, "did you mean `open`?"),
        (r#"values: ["10 B", "20 B"])"#, r#"values: ["10 B", "20 B"], only: ["x"])"#, "`only` has no effect"),
        (
            r#"(name: "size", path: "apps.ping.run.payload", values: ["10 B", "20 B"])"#,
            r#"(name: "size", cases: [])"#,
            "an axis without cases makes no point",
        ),
        (
            r#"(name: "size", path: "apps.ping.run.payload""#,
            r#"(name: "size", path: "links.right.delay""#,
            "another axis varies the same field",
        ),
        (r#"metric: Total("replies")"#, r#"metric: Total("repiles")"#, "did you mean `replies`?"),
        (r#"metric: Total("replies")"#, r#"metric: Total("bytes_of_gold")"#, "it counts `requests`, `replies`"),
        (r#"app: "ping", metric: Total"#, r#"app: "pong", metric: Total"#, "did you mean `ping`?"),
        (
            r#"(app: "ping", metric: Total"#,
            r#"(link: "left", direction: Forward, metric: Total"#,
            "is of what an application counts, and this is of a direction of a link",
        ),
    ] {
        let error = refusal(from, to);
        assert!(error.contains(expected), "{to}: {error}");
    }
    let variants = r#"variants: [(name: "v", set: {"links.left.delay": "7 ms"}), (name: "w", set: {"links.left.mtu": "1000 B"})],"#;
    // `plain` leaves the delay to the variant.
    assert_eq!(load(&with(variants), &["far=open"]).unwrap().points.len(), 8);
    let error = load(&with(variants), &["near=EIM/EIF"]).unwrap();
    assert_eq!(error.points.len(), 12);
    let error = load(TEXT, &["links.right.delay=9 ms"]);
    assert!(error.is_ok(), "two cases leave the delay alone or set it as part of the whole");
}
