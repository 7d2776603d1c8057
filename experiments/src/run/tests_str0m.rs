//! str0m's agent at one end or both, behind every pair of boxes: who reaches whom is the same as with ours, and where not, why.

use super::tests_ice::{direct, expected, pair, towards_relay};
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

/// Who makes the checks at an end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    Ours,
    Theirs,
}

/// The pairs with relays at both ends, seen from the end that controls, whose box is `own`: what it has, and what the other end has. `is_b` says that it is B.
/// Where there is a direct way, it is that of the table, else one of two over a relay. Each exception has its reason.
fn with_relays([controls, follows]: [Whose; 2], own: &str, other: &str, is_b: bool) -> [String; 2] {
    let plain = direct(own, other);
    let own_relay = format!("R{}", towards_relay(other, true));
    let other_relay = format!("{}R", towards_relay(own, true));
    let has_direct = plain != "×";
    match (controls, follows) {
        // An answer from elsewhere: whoever is str0m keeps to that pair, and ours at the other end never finds one of its own.
        (Whose::Theirs, _) if FROM_ELSEWHERE.contains(&(own, other)) => {
            ["PP", if follows == Whose::Theirs { "PP" } else { "×" }].map(str::to_owned)
        }
        (Whose::Theirs, Whose::Ours) => {
            // Its relay has the type preference 2, ours 0. But ours makes no checks after the first nomination, so that nothing opens its firewall for their
            // relay if that has not happened before. It has not where our box is a firewall, and in one cell where theirs is; that is seen, and not derived.
            let is_shut = other == "fw" || (own, other) == ("fw", "APDM/APD");
            let has = match () {
                () if has_direct => plain.to_owned(),
                () if is_shut => other_relay,
                () => own_relay.clone(),
            };
            // The pair over our relay was valid and nominated first, since what leads to our own end is shut until we have sent; ours follows to the better one
            // when that is nominated. It has not checked that itself, and knows its own end as the base that it is.
            let is_late = match () {
                () if has_direct => ["EIM/AD", "EIM/APD"].contains(&other) && !["open", "fw"].contains(&own),
                () => has == own_relay && ["EIM/APD", "APDM/APD"].contains(&other),
            };
            let seen = if is_late { format!("{}H", &has[..1]) } else { has.clone() };
            [has, seen]
        }
        (Whose::Ours, Whose::Theirs) => {
            // str0m's box lets all in, and its answers to our checks come from a mapping that we did not ask: these fail, as that of the private addresses has by ICMP. str0m
            // triggers none in return, and when its next one comes, 250 ms after the first, we have nominated a relay, since nothing better was left to wait for.
            let is_too_late = own == "EIM/AD" && ["ADM/EI", "APDM/EI"].contains(&other);
            // Our check to their relay is there before its permission for our address (200 ms after the offer, in a capture of the first cell), and is not sent again within
            // `relay_patience`: the RTO of so many pairs is seconds (RFC 8445 §14.3). Where ends are exchanged it is later.
            let is_lost = is_b && own == "APDM/APD" && ["EIM/APD", "ADM/EI", "APDM/EI"].contains(&other);
            let has = match () {
                () if has_direct && !is_too_late => plain.to_owned(),
                () if is_lost => own_relay,
                // Theirs is worth more.
                () => other_relay,
            };
            [has.clone(), has]
        }
        (Whose::Theirs, Whose::Theirs) if has_direct => [plain.to_owned(), plain.to_owned()],
        (Whose::Theirs, Whose::Theirs) => {
            // Relays are worth the same, and what decides is the other candidate of a pair: for str0m that is always its own host, so that each end likes the
            // relay of the other one best, among those that are nominated: the end that controls nominates the one that it likes best in the end, and another one only if
            // that was valid before. It was, as is seen and not derived, where the other end's box lets all in or is a firewall, and in one more kind at one end.
            let is_first = other == "fw" || (own != "fw" && other.ends_with("/EI")) || (is_b && other == "EIM/APD");
            [other_relay.clone(), if is_first { own_relay } else { other_relay }]
        }
        (Whose::Ours, Whose::Ours) => unreachable!("that is the table of ours"),
    }
}

/// Relays over UDP at both ends: 726 cells, each end's pair.
#[test]
fn str0m_with_relays_at_both_ends_uses_what_its_rules_say() {
    let mut wrong = Vec::new();
    for theirs in [&["alice"][..], &["bob"], &["alice", "bob"]] {
        let all = cells(theirs, "turn-both");
        assert_eq!(all.len(), 2 * 121);
        let whose = |agent| if theirs.contains(&agent) { Whose::Theirs } else { Whose::Ours };
        for Cell { offers, a, b, pairs } in all {
            let turned = |pairs: [String; 2]| pairs.map(|pair| pair.chars().rev().collect::<String>());
            let right = match &*offers {
                "A" => with_relays([whose("alice"), whose("bob")], &a, &b, false),
                _ => {
                    let [of_b, of_a] = turned(with_relays([whose("bob"), whose("alice")], &b, &a, true));
                    [of_a, of_b]
                }
            };
            if pairs != right {
                wrong.push(format!("{theirs:?}, {offers} offers, {a} and {b}: {pairs:?}, not {right:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} cells:\n{}", wrong.len(), wrong.join("\n"));
}

/// Relays over TCP, where UDP is blocked: there is one pair that it can be.
#[test]
fn str0m_uses_relays_where_udp_is_blocked() {
    let mut wrong = Vec::new();
    for variant in ["blocked-a-turn", "blocked-both-turn"] {
        for theirs in [&["alice"][..], &["bob"], &["alice", "bob"]] {
            for Cell { offers, a, b, pairs } in cells(theirs, variant) {
                let right = &expected(variant, &a, &b)[0];
                if pairs.iter().any(|seen| seen != right) {
                    wrong.push(format!("{theirs:?}, {variant}, {offers} offers, {a} and {b}: {pairs:?}, not {right}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} cells:\n{}", wrong.len(), wrong.join("\n"));
}
