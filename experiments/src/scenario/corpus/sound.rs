//! What the language does where nothing is wrong: includes, templates, variants, axes, conditions.

use super::super::load::load_with;
use super::super::{Loaded, Request};
use super::{find, load};
use crate::tree::{Included, NotIncluded};
use protosim_models::registry::AppConfig;

fn values(loaded: &Loaded) -> Vec<Vec<f64>> {
    loaded.points.iter().map(|point| point.values.clone()).collect()
}

/// Fields of included structs lie below, named elements meet by name, and what is said above wins.
#[test]
fn an_included_scenario_lies_below_field_by_field() {
    let over = r#"(
        include: ["corpus.ron"],
        title: "Over it",
        links: [(name: "wire", loss: "3 %"), (name: "second", ends: ("client", "server"), delay: "9 ms")],
        apps: [(name: "con", run: CoapClient(requests: 4))],
        axes: [(name: "loss", values: ["5 %"])],
    )"#;
    let loaded = load_with("over", ("over", "over"), over, &Request::default(), false, &mut find).unwrap();
    let scenario = &loaded.scenario;
    assert_eq!(scenario.title, "Over it");
    let names: Vec<String> = scenario.links.iter().map(|link| link.name()).collect();
    assert_eq!(names, ["radio", "wire", "second"]);
    let wire = &scenario.links[1];
    assert_eq!((wire.delay, wire.loss), (Some("1 ms".parse().unwrap()), Some("3 %".parse().unwrap())));
    assert_eq!(scenario.nodes.len(), 3);
    // Values have no names: the list is another one. The second axis is as it was.
    assert_eq!(values(&loaded), [[0.05, 0.001], [0.05, 0.003], [0.05, 0.005]]);
    // What is kept as the scenario's text needs no file any more.
    let again = load_with("over", ("over", "over"), &loaded.text, &Request::default(), false, &mut |_, name| {
        Err(NotIncluded { message: format!("{name} is asked for"), help: None })
    });
    assert_eq!(again.unwrap().scenario, loaded.scenario);
}

/// A later one of a list lies over an earlier one; a struct of another name takes the place of what is below; two ways to one
/// file are no cycle.
#[test]
fn later_includes_win_and_other_variants_replace() {
    let files = |_: &str, name: &str| {
        let text = match name {
            "one" => r#"(include: ["base"], title: "One", until: After("1 s"))"#,
            "two" => r#"(include: ["base"], apps: [(name: "app", run: Ping(to: "b", count: 2))])"#,
            _ => {
                r#"(format: 1, title: "Base", nodes: [(name: "a"), (name: "b")], links: [(ends: ("a", "b"), delay: "1 ms")],
                   apps: [(name: "app", on: "a", run: UdpSink(port: 9))])"#
            }
        };
        Ok(Included { key: name.to_owned(), label: name.to_owned(), text: text.to_owned() })
    };
    let mut files = files;
    let text = r#"(include: ["one", "two"], links: [(ends: ("a", "b"), loss: "1 %")])"#;
    let loaded = load_with("t", ("t", "t"), text, &Request::default(), false, &mut files).unwrap();
    // `two` includes the base, which lies over `one` with it.
    assert_eq!(loaded.scenario.title, "Base");
    assert_eq!(loaded.scenario.links.len(), 1);
    assert!(loaded.scenario.links[0].delay.is_some() && loaded.scenario.links[0].loss.is_some());
    assert!(matches!(loaded.scenario.apps[0].run, AppConfig::Ping(_)));
}

#[test]
fn shipped_experiments_can_be_included() {
    let text = r#"(include: ["@ping"], apps: [(name: "ping", run: Ping(count: 3))])"#;
    let loaded = super::super::load_text("t", "t.ron", text, &Request::default(), false).unwrap();
    assert_eq!((loaded.scenario.apps.len(), loaded.scenario.nodes.len()), (1, 3));
    let wrong =
        super::super::load_text("t", "t.ron", r#"(include: ["@pnig"])"#, &Request::default(), false).unwrap_err();
    assert!(wrong.contains("did you mean \"@ping\"?"), "{wrong}");
}

/// Fields that are said stay; chains go from the nearest template on; a name in front comes from the template where there is none.
#[test]
fn templates_give_what_is_not_said() {
    let loaded = load(&[
        (
            "// more",
            r#"templates: {
            "lossy": (loss: "7 %", mtu: "1280 B"),
            "slow": (like: "lossy", rate: "9 kbit/s", loss: "5 %"),
            "client": CoapClient(to: "server", requests: 3, confirmable: false),
        },"#,
        ),
        (r#"delay: "1 ms")"#, r#"delay: "1 ms", like: "slow", rate: "8 kbit/s")"#),
        (r#"CoapClient(to: "server", requests: 10)"#, r#"(like: "client", requests: 5)"#),
    ])
    .unwrap();
    let wire = &loaded.scenario.links[1];
    assert_eq!(wire.rate, Some("8 kbit/s".parse().unwrap()));
    assert_eq!(wire.loss, Some("5 %".parse().unwrap()));
    assert_eq!(wire.mtu().as_bytes(), 1280);
    assert!(loaded.text.contains("CoapClient(requests: 5, to: \"server\", confirmable: false)"), "{}", loaded.text);
    assert!(!loaded.text.contains("like") && !loaded.text.contains("templates"));
}

/// Templates of a library may stay unused, and overrides of a template reach all that are like it.
#[test]
fn included_templates_are_there_to_choose_from() {
    let text = super::GOOD
        .replace("// more", r#"include: ["library.ron"],"#)
        .replace(r#"delay: "1 ms")"#, r#"delay: "1 ms", like: "slow")"#);
    let request = Request { set: vec!["templates.slow.rate=11 kbit/s".to_owned()], ..Request::default() };
    let loaded = load_with("t", ("t", "t"), &text, &request, false, &mut find).unwrap();
    assert_eq!(loaded.scenario.links[1].rate, Some("11 kbit/s".parse().unwrap()));
    let request = Request { set: vec!["links.wire.rate=12 kbit/s".to_owned()], ..Request::default() };
    let loaded = load_with("t", ("t", "t"), &text, &request, false, &mut find).unwrap();
    assert_eq!(loaded.scenario.links[1].rate, Some("12 kbit/s".parse().unwrap()));
}

/// Variants vary slowest, and may set anything: a quantity, a whole application.
#[test]
fn variants_set_any_value() {
    let loaded = load(&[(
        "// more",
        r#"variants: [
        (name: "as-is"),
        (name: "other", set: {"apps.con.run": Ping(to: "server", count: 3), "links.radio.rate": "9 kbit/s"}),
    ],"#,
    )])
    .unwrap();
    let names: Vec<_> = loaded.points.iter().map(|point| point.variant.clone().unwrap()).collect();
    assert_eq!(
        names,
        ["as-is", "as-is", "as-is", "as-is", "as-is", "as-is", "other", "other", "other", "other", "other", "other"]
    );
    let other = &loaded.points[7];
    assert_eq!(other.values, loaded.points[1].values);
    assert!(matches!(other.scenario.apps[1].run, AppConfig::Ping(_)));
    assert_eq!(other.scenario.links[0].rate, Some("9 kbit/s".parse().unwrap()));
    assert_eq!(loaded.points[1].scenario.links[0].rate, Some("250 kbit/s".parse().unwrap()));
    let set = &loaded.scenario.variants[1].set;
    assert_eq!(set["apps.con.run"].0, r#"Ping(to: "server", count: 3)"#);
}

#[test]
fn zipped_axes_advance_together_and_paths_are_set_together() {
    let loaded = load(&[
        (
            r#"path: "links.radio.loss", values: ["0 %", "10 %"]"#,
            r#"paths: ["links.radio.loss", "links.wire.loss"], values: ["0 %", "5 %", "10 %"], zip: "a""#,
        ),
        ("steps: 3)", r#"steps: 3), zip: "a""#),
        ("// more", r#"seed: 7,"#),
    ])
    .unwrap();
    assert_eq!(values(&loaded), [[0.0, 0.001], [0.05, 0.003], [0.1, 0.005]]);
    for point in &loaded.points {
        assert_eq!(point.scenario.links[0].loss, point.scenario.links[1].loss);
    }
}

/// Six points; those of loss 0 and those of the longest delay stay: 3 + 1.
#[test]
fn a_condition_leaves_points_out() {
    let loaded = load(&[("// more", r#"only_if: "loss == 0 || delay > 0.004","#)]).unwrap();
    assert_eq!(values(&loaded), [[0.0, 0.001], [0.0, 0.003], [0.0, 0.005], [0.1, 0.005]]);
}

/// Templates that hold each other twice would be 2^40 values: they end in a message.
#[test]
fn templates_that_explode_are_refused() {
    let mut templates = r#""t0": (x: 1)"#.to_owned();
    for k in 1..40 {
        templates += &format!(r#", "t{k}": (a: (like: "t{}"), b: (like: "t{}"))"#, k - 1, k - 1);
    }
    let text = format!("(templates: {{{templates}}}, about: (like: \"t39\"))");
    let error = load_with("t", ("t", "t"), &text, &Request::default(), false, &mut find).unwrap_err();
    assert!(error.contains("template::too-large"), "{error}");
}
