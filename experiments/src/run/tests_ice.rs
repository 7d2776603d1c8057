//! ICE between whole hosts, behind real NATs: who reaches whom, and after how long. Expected pairs are those of the table that an
//! exhaustive model of mappings, filters and checks gave; expected times are worked out from Ta and the delays.

use super::{RunOutput, Total, Watch, run_one, setup};
use crate::scenario::{Loaded, Request, library, load_text};
use std::collections::BTreeSet;

/// The kinds of boxes, in the order of rows and columns.
pub(super) const KINDS: [&str; 11] =
    ["open", "fw", "EIM/EI", "EIM/AD", "EIM/APD", "ADM/EI", "ADM/AD", "ADM/APD", "APDM/EI", "APDM/AD", "APDM/APD"];

/// The pair that is selected without relays, seen from A, whose box is that of the row: H host, S server-reflexive, P peer-reflexive.
const TABLE: [&str; 11] = [
    "HH HH HS HS HS HP HP HP HP HP HP",
    "HH HH HS HS HS × × × × × ×",
    "SH SH SS SS SS SP SP SP SP SP SP",
    "SH SH SS SS SS SP SP SP SP SP SP",
    "SH SH SS SS SS × × × × × ×",
    "PH × PS PS × PP PP × PP PP ×",
    "PH × PS PS × PP × × PP × ×",
    "PH × PS PS × × × × × × ×",
    "PH × PS PS × PP PP × × × ×",
    "PH × PS PS × PP × × × × ×",
    "PH × PS PS × × × × × × ×",
];

pub(super) fn direct(a: &str, b: &str) -> &'static str {
    let place = |kind: &str| KINDS.iter().position(|known| *known == kind).unwrap();
    TABLE[place(a)].split(' ').nth(place(b)).unwrap()
}

/// A box behind a carrier's NAT, whose mappings depend on nothing and which filters by address: the more dependent mapping and the
/// stricter filter of the two.
fn behind_carrier(kind: &str) -> String {
    let (mapping, filter) = match kind {
        "open" => ("EIM", "EI"),
        "fw" => ("EIM", "APD"),
        nat => nat.split_once('/').unwrap(),
    };
    format!("{mapping}/{}", if filter == "EI" { "AD" } else { filter })
}

/// What an agent is towards a relay: with an allocation there it knows what an address-dependent mapping towards that address is.
fn towards_relay(kind: &str, has_relay: bool) -> char {
    match kind.split('/').next().unwrap() {
        "open" | "fw" => 'H',
        "EIM" => 'S',
        "ADM" if has_relay => 'S',
        _ => 'P',
    }
}

/// What may be in a cell: where both have relays that are worth the same, either.
pub(super) fn expected(variant: &str, a: &str, b: &str) -> Vec<String> {
    let plain = match variant {
        "cgn-a" => direct(&behind_carrier(a), b),
        "cgn-both" => direct(&behind_carrier(a), &behind_carrier(b)),
        _ => direct(a, b),
    };
    let by_relay_of_a = |other_has: bool| format!("R{}", towards_relay(b, other_has));
    let by_relay_of_b = |own_has: bool| format!("{}R", towards_relay(a, own_has));
    match variant {
        "turn-a" if plain == "×" => vec![by_relay_of_a(false)],
        "turn-b" if plain == "×" => vec![by_relay_of_b(false)],
        "turn-both" if plain == "×" => {
            let worth = |kind| "SPH".find(kind).unwrap();
            let (of_a, of_b) = (worth(towards_relay(a, true)), worth(towards_relay(b, true)));
            let mut all = Vec::new();
            all.extend((of_a >= of_b).then(|| by_relay_of_b(true)));
            all.extend((of_b >= of_a).then(|| by_relay_of_a(true)));
            all
        }
        "blocked-a" => vec!["×".to_owned()],
        "blocked-a-turn" => vec![by_relay_of_a(false)],
        "blocked-both-turn" => vec!["RR".to_owned()],
        _ => vec![plain.to_owned()],
    }
}

pub(super) fn total(output: &RunOutput, app: &str, name: &str) -> u64 {
    let is_it = |total: &Total| total.app.as_deref() == Some(app) && total.name == name;
    output.totals.iter().find(is_it).unwrap_or_else(|| panic!("{app} counts no {name}")).value
}

/// The total `last_pair` in letters.
pub(super) fn pair(output: &RunOutput, app: &str) -> String {
    let letter = |digit: u64| ['×', 'H', 'S', 'P', 'R'][digit as usize];
    match total(output, app, "last_pair") {
        0 => "×".to_owned(),
        pair => [letter(pair / 10), letter(pair % 10)].into_iter().collect(),
    }
}

fn shipped(name: &str) -> Loaded {
    let text = library::find(name).unwrap().text;
    load_text(name, &format!("{name}.ron"), text, &Request::default(), false).unwrap_or_else(|error| panic!("{error}"))
}

/// Check I19 and N1: every cell of every table, whoever offers. Both ends agree on each pair.
#[test]
fn every_cell_of_the_matrix_is_as_the_table_says() {
    let loaded = shipped("nat-matrix");
    let (mut wrong, mut seen) = (Vec::new(), BTreeSet::new());
    for point in &loaded.points {
        let scenario = &point.scenario;
        let name = |axis: &str| {
            let place = scenario.axes.iter().position(|known| known.name == axis).unwrap();
            scenario.axes[place].cases[point.values[place] as usize].name.clone()
        };
        let (variant, a, b) = (point.variant.clone().unwrap(), name("a"), name("b"));
        let output = run_one(&setup(scenario), scenario, 0, 1, &Watch::default()).unwrap();
        let (at_a, at_b) = (pair(&output, "alice"), pair(&output, "bob"));
        let mirrored: String = at_b.chars().rev().collect();
        let may = expected(&variant, &a, &b);
        if !may.contains(&at_a) || mirrored != at_a {
            wrong.push(format!(
                "{variant}, {} offers, {a} and {b}: {at_a} and {at_b}, expected {may:?}",
                name("offers")
            ));
        }
        seen.insert((variant, name("offers"), a, b));
    }
    assert_eq!(seen.len(), 9 * 2 * 121);
    assert!(wrong.is_empty(), "{} cells:\n{}", wrong.len(), wrong.join("\n"));
}

/// Note 3 of the table: with the filter's memory per internal endpoint, as RFC 4787 words it, three more cells connect.
#[test]
fn a_filter_per_endpoint_connects_three_more() {
    let text = library::find("nat-matrix")
        .unwrap()
        .text
        .replace("ports: Random)", "ports: Random, filter_state: PerEndpoint)");
    let loaded = load_text("t", "t.ron", &text, &Request::default(), false).unwrap_or_else(|error| panic!("{error}"));
    let more = [("ADM/AD", "ADM/AD"), ("ADM/AD", "APDM/AD"), ("APDM/AD", "ADM/AD")];
    let mut seen = 0;
    for point in loaded.points.iter().filter(|point| point.variant.as_deref() == Some("direct")) {
        let scenario = &point.scenario;
        let name = |axis: &str| {
            let place = scenario.axes.iter().position(|known| known.name == axis).unwrap();
            scenario.axes[place].cases[point.values[place] as usize].name.clone()
        };
        let (a, b) = (name("a"), name("b"));
        let output = run_one(&setup(scenario), scenario, 0, 1, &Watch::default()).unwrap();
        let expected = if more.contains(&(&*a, &*b)) { "PP" } else { direct(&a, &b) };
        assert_eq!(pair(&output, "alice"), expected, "{a} and {b}");
        seen += 1;
    }
    assert_eq!(seen, 2 * 121);
}
