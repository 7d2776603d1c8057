//! str0m's agent at one end or both, behind every pair of boxes: who reaches whom is the same as with ours, and where not, why.

use super::tests_ice::{expected, pair};
use super::{Watch, run_one, setup};
use crate::scenario::{Loaded, Request, library, load_text};

/// Where an answer comes from another mapping than its request went to, and gets in: str0m does not look where answers come from, as RFC 8445
/// §7.2.5.2.1 demands, and takes a pair of peer-reflexive ends for valid. Mappings depend on the remote port, so that each answer has one of its
/// own; filters do not, and those two that depend on the address let nobody in.
const FROM_ELSEWHERE: [(&str, &str); 3] = [("APDM/EI", "APDM/EI"), ("APDM/EI", "APDM/AD"), ("APDM/AD", "APDM/EI")];

/// The experiment `nat-matrix`, without its figures, with str0m at the end of these agents.
fn matrix(theirs: &[&str]) -> Loaded {
    let (experiment, _) = library::find("nat-matrix").unwrap().text.split_once("    figures: [").unwrap();
    let mut text = format!("{experiment})");
    for agent in theirs {
        let own = format!(r#"(name: "{agent}", on: "{}", run: IceAgent("#, &agent[..1]);
        assert!(text.contains(&own));
        text = text.replace(&own, &format!("{own}implementation: Str0m, "));
    }
    load_text("t", "t.ron", &text, &Request::default(), false).unwrap_or_else(|error| panic!("{error}"))
}

struct Cell {
    /// A or B.
    offers: String,
    a: String,
    b: String,
    /// The pair as A sees it, and as B does, both with A's end first.
    pairs: [String; 2],
}

fn cells(theirs: &[&str], variant: &str) -> Vec<Cell> {
    let loaded = matrix(theirs);
    let points = loaded.points.iter().filter(|point| point.variant.as_deref() == Some(variant));
    let cells = points.map(|point| {
        let axes = &loaded.scenario.axes;
        let name = |axis: &str| {
            let place = axes.iter().position(|known| known.name == axis).unwrap();
            axes[place].cases[point.values[place] as usize].name.clone()
        };
        let output = run_one(&setup(&point.scenario), &point.scenario, 0, 1, &Watch::default()).unwrap();
        let pairs = [pair(&output, "alice"), pair(&output, "bob").chars().rev().collect()];
        Cell { offers: name("offers"), a: name("a"), b: name("b"), pairs }
    });
    cells.collect()
}

/// str0m at A's end, at B's, and at both, whoever offers: each end has the pair of the table, but for str0m in the three cells above, where it
/// controls or talks to itself.
#[test]
fn str0m_reaches_whom_the_table_says() {
    let mut wrong = Vec::new();
    for theirs in [&["alice"][..], &["bob"], &["alice", "bob"]] {
        let all = cells(theirs, "direct");
        assert_eq!(all.len(), 2 * 121);
        for Cell { offers, a, b, pairs } in all {
            let table = expected("direct", &a, &b);
            let is_from_elsewhere = FROM_ELSEWHERE.contains(&(&*a, &*b));
            for (own, agent, seen) in [("A", "alice", &pairs[0]), ("B", "bob", &pairs[1])] {
                let takes_it = theirs.contains(&agent) && (offers == own || theirs.len() == 2);
                let right = if is_from_elsewhere && takes_it { "PP" } else { &table[0] };
                if seen != right {
                    wrong.push(format!("{theirs:?}, {offers} offers, {a} and {b}: {agent} has {seen}, not {right}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} cells:\n{}", wrong.len(), wrong.join("\n"));
}

/// Relays, over UDP and over TCP. Where UDP is blocked there is one pair that it can be. Where both have one and nothing is blocked, all reach each
/// other, but for the three cells, where str0m keeps to what it takes for valid.
#[test]
fn str0m_uses_relays() {
    let mut wrong = Vec::new();
    for variant in ["blocked-a-turn", "blocked-both-turn", "turn-both"] {
        for Cell { offers, a, b, pairs } in cells(&["alice"], variant) {
            let is_right = match variant {
                "turn-both" if FROM_ELSEWHERE.contains(&(&*a, &*b)) && offers == "A" => pairs == ["PP", "×"],
                "turn-both" => !pairs.contains(&"×".to_owned()),
                _ => pairs.iter().all(|seen| *seen == expected(variant, &a, &b)[0]),
            };
            if !is_right {
                wrong.push(format!("{variant}, {offers} offers, {a} and {b}: {pairs:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} cells:\n{}", wrong.len(), wrong.join("\n"));
}
