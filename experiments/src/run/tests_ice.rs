//! ICE between whole hosts, behind real NATs: who reaches whom, and after how long. Expected pairs are those of the table that an
//! exhaustive model of mappings, filters and checks gave; expected times are worked out from Ta and the delays.

use super::{RunOutput, Total, Watch, run_one, setup};
use crate::scenario::{Loaded, Request, library, load_text};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
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
pub(super) fn towards_relay(kind: &str, has_relay: bool) -> char {
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
            let place = loaded.scenario.axes.iter().position(|known| known.name == axis).unwrap();
            loaded.scenario.axes[place].cases[point.values[place] as usize].name.clone()
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
    let mut text = library::find("nat-matrix").unwrap().text.to_owned();
    // Where a mapping depends on nothing, an endpoint has one, and there is no difference.
    for mapping in ["mapping: AddressDependent", "mapping: AddressAndPortDependent"] {
        text = text.replace(mapping, &format!("filter_state: PerEndpoint, {mapping}"));
    }
    let loaded = load_text("t", "t.ron", &text, &Request::default(), false).unwrap_or_else(|error| panic!("{error}"));
    let more = [("ADM/AD", "ADM/AD"), ("ADM/AD", "APDM/AD"), ("APDM/AD", "ADM/AD")];
    let mut seen = 0;
    for point in loaded.points.iter().filter(|point| point.variant.as_deref() == Some("direct")) {
        let scenario = &point.scenario;
        let name = |axis: &str| {
            let place = loaded.scenario.axes.iter().position(|known| known.name == axis).unwrap();
            loaded.scenario.axes[place].cases[point.values[place] as usize].name.clone()
        };
        let (a, b) = (name("a"), name("b"));
        let output = run_one(&setup(scenario), scenario, 0, 1, &Watch::default()).unwrap();
        let expected = if more.contains(&(&*a, &*b)) { "PP" } else { direct(&a, &b) };
        assert_eq!(pair(&output, "alice"), expected, "{a} and {b}");
        seen += 1;
    }
    assert_eq!(seen, 2 * 121);
}

/// The closed forms of `ice-time`, in nanoseconds, without loss: what there is of turns every 50 ms and round trips. They stand in the
/// scenario, too, with the reasons; here they are exact.
#[test]
fn times_without_loss_are_the_pace_and_round_trips() {
    let loaded = shipped("ice-time");
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for point in &loaded.points {
        let scenario = &point.scenario;
        let value =
            |axis: &str| point.values[loaded.scenario.axes.iter().position(|known| known.name == axis).unwrap()];
        if value("loss") > 0.0 {
            continue;
        }
        let (way, addresses) = ((value("way") * 1000.0).round() as u64 * MS, value("addresses") as u64);
        let variant = point.variant.as_deref().unwrap();
        // Each host has 1 ms to its NAT, each server 1 ms to the core.
        let (between, to_server) = (4 * way + 4 * MS, 2 * way + 4 * MS);
        let checked = match variant {
            "vanilla" | "vanilla-dead" => checked_once_all_is_told(addresses, to_server, variant == "vanilla-dead"),
            // Whether relays answer changes nothing: each end asks for them last, and checks them last.
            _ => checked_as_told(addresses, to_server, between),
        };
        // It is nominated at the first turn 200 ms after the answer to that check, for which better pairs are waited for, and
        // selected a round trip later.
        let expected = checked + turns(between + PATIENCE) + between;
        let output = run_one(&setup(scenario), scenario, 0, 1, &Watch::default()).unwrap();
        let session = output.exchanges.first().expect("a session");
        let took = session.completion().map(|span| span.as_nanos());
        if took != Some(expected) {
            wrong.push(format!("{variant}, {way} ns, {addresses} addresses: {took:?}, not {expected}"));
        }
        seen += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(seen, 4 * 9, "four variants at all distances and numbers of addresses");
}

const MS: u64 = 1_000_000;
const TA: u64 = 50 * MS;
const PATIENCE: u64 = 200 * MS;
/// Of signalling, each way.
const CHANNEL: u64 = 100 * MS;

/// A span, up to the next turn.
fn turns(span: u64) -> u64 {
    span.div_ceil(TA) * TA
}

/// Vanilla: when the controlling end sends the check that makes a pair valid, after its offer.
fn checked_once_all_is_told(addresses: u64, to_server: u64, is_dead: bool) -> u64 {
    // The offer and the answer each wait until everything is gathered: of 2 k requests the last one, an Allocate, goes at
    // (2 k - 1) Ta and takes two round trips for its challenge; if nobody answers, it is given up after 79 RTO, 39.5 s.
    let last_request = (2 * addresses - 1) * TA;
    let gathered = match is_dead {
        false => last_request + 2 * to_server,
        // RFC 8445 §14.3: of k server-reflexive candidates of the STUN server, k of the TURN server and k relayed ones.
        true => last_request + 79 * (3 * addresses * TA).max(500 * MS),
    };
    // Checks begin with the answer. Pairs of private addresses come first, k^2 of them, which nobody answers; then the one that works.
    2 * gathered + 2 * CHANNEL + addresses * addresses * TA
}

/// Trickle: the same. Times are the offering end's, 0 being its offer; k addresses at each end, Ta = 50 ms, C = 100 ms of signalling.
///
/// *Gathered.* Each end has its k host candidates at once, and asks the STUN server from each, then the TURN server from each: 2 k transactions, one each Ta
/// (RFC 8445 §14.2), the offering end from 0 on and the answering end from C on, when the offer is there. The i-th server-reflexive candidate is known a round trip
/// to the server after (i - 1) Ta, told at once (RFC 8838 §9), and at the other end C later. Offer and answer have the host candidates, and are not waited with: checks
/// begin at C at the answering end, and at 2 C at the offering end.
///
/// *Paired.* No two candidates have the same base or server, so that no two pairs have the same foundation, and each waits for its turn as soon as both of its ends
/// are known (RFC 8838 §12). A server-reflexive candidate of one's own is replaced by its base (RFC 8445 §6.1.2.4), whose pairs there are already.
///
/// *In turn.* Requests to servers and checks share the turns, requests first (our choice; §14.2 has one pace for both). Of pairs the k^2 of private addresses are worth
/// most, 126 << 24 being the least of both ends. Nobody answers them, and their RTO (§14.3) is longer than all this takes. Then comes the peer's first server-reflexive
/// candidate from the first base, whose priority is the largest at both ends: at turn 2 k + k^2 of each end, but not before 2 C + k^2 Ta at the offering end, whose checks
/// begin then, nor before the candidate is there:
/// - offering end: `own` = max (max (2 k Ta, 2 C) + k^2 Ta, C + round trip to the server + C, up to the next turn);
/// - answering end: `other` = C + max (2 k Ta + k^2 Ta, round trip to the server, up to the next turn), since that end began C later and hears C later.
///
/// *Checked.* NATs let in what was sent to. The offering end's check is at the other NAT 1 ms before it would be at the other host, and that host's own check leaves
/// its NAT 1 ms after it was sent: if that is earlier, the check gets in. Else it is lost, and the answering end's check gets in, since the offering end has sent to where it
/// comes from; it is there half a round trip after `other`, and triggers the check again, which goes at the next turn, before all others (§6.1.4.2, §7.3.1.4). For k = 1 both
/// go before either arrives; for k > 1 the offering end is 100 ms ahead, and its checks are triggered ones. Those of other pairs come later and are worth less.
///
/// *Nominated* at the first turn 200 ms after its answer: as a triggered check, before all that wait. (Of four triggered ones in a row the last would wait for
/// another turn, as `ice` says; there are no three directly before this one.)
fn checked_as_told(addresses: u64, to_server: u64, between: u64) -> u64 {
    let (requests, private) = (2 * addresses * TA, addresses * addresses * TA);
    let own = ((2 * CHANNEL).max(requests) + private).max(turns(2 * CHANNEL + to_server));
    let other = CHANNEL + (requests + private).max(turns(to_server));
    if own + between / 2 > other + 2 * MS { own } else { turns(other + between / 2) }
}

/// The scenario of the page on the language: bob has no NAT, so that alice's own address as his packets see it is where her mapping is; the
/// pair is SH, and HS from there. Nothing is lost but letters, and datagrams go from alice to bob alone, every 20 ms from the first valid pair on:
/// at most the last of them is under way when the run ends, since a way takes less than that.
#[test]
fn the_call_in_the_documentation_gets_through() {
    let (_, section) = include_str!("../../../docs/language.md").split_once("\n## ICE\n").unwrap();
    let (_, text) = section.split_once("```ron\n").unwrap();
    let (text, _) = text.split_once("```").unwrap();
    let loaded =
        load_text("call", "call.ron", text, &Request::default(), false).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(loaded.warnings, "");
    let scenario = &loaded.points[0].scenario;
    let output = run_one(&setup(scenario), scenario, 0, 1, &Watch::default()).unwrap();
    assert_eq!((pair(&output, "caller"), pair(&output, "callee")), ("SH".to_owned(), "HS".to_owned()));
    let (sent, received) = (total(&output, "caller", "data_sent"), total(&output, "callee", "data_received"));
    // Of 30 s the session takes one or two, or some more if a letter is lost.
    assert!((1_200..1_500).contains(&sent), "{sent}");
    assert!(sent - received <= 1, "{sent} and {received}");
}

/// What goes wrong in the first minute: when \[ms\], for how long, what.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// The NAT of A, A itself or B loses power, and forgets.
    Reboot(u64, u64, u8),
    /// A line is down.
    Down(u64, u64, bool),
    /// A line loses so many percent.
    Loss(u64, u64, u64),
    /// B has another address.
    NewAddress(u64),
}

fn fault() -> impl Strategy<Value = Fault> {
    let at = || 100_u64..50_000;
    prop_oneof![
        (at(), 10_u64..9_000, 0_u8..3).prop_map(|(at, long, which)| Fault::Reboot(at, long, which)),
        (at(), 10_u64..9_000, any::<bool>()).prop_map(|(at, long, of_a)| Fault::Down(at, long, of_a)),
        (at(), 10_u64..9_000, 1_u64..90).prop_map(|(at, long, loss)| Fault::Loss(at, long, loss)),
        at().prop_map(Fault::NewAddress),
    ]
}

impl Fault {
    /// The events of it, with the place that each changes: no two faults of one place may overlap.
    fn events(self) -> (u8, u64, u64, String) {
        match self {
            Self::Reboot(at, long, which) => {
                let node = ["box-a", "a", "b"][usize::from(which)];
                let text = format!(
                    r#"(at: "{at} ms", node: "{node}", up: false), (at: "{} ms", node: "{node}", up: true),"#,
                    at + long
                );
                (5 + which, at, at + long, text)
            }
            Self::Down(at, long, of_a) => {
                let line = if of_a { "street-a" } else { "line-b" };
                let text = format!(
                    r#"(at: "{at} ms", link: "{line}", up: false), (at: "{} ms", link: "{line}", up: true),"#,
                    at + long
                );
                (1 + u8::from(of_a), at, at + long, text)
            }
            Self::Loss(at, long, loss) => {
                let text = format!(
                    r#"(at: "{at} ms", link: "street-a", loss: "{loss} %"), (at: "{} ms", link: "street-a", loss: "0 %"),"#,
                    at + long
                );
                (3, at, at + long, text)
            }
            Self::NewAddress(at) => {
                (4, at, at, format!(r#"(at: "{at} ms", node: "b", link: "line-b", new_address: true),"#))
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, rng_seed: RngSeed::Fixed(8445), ..ProptestConfig::default() })]

    /// After a minute of faults and 40 s without any, both ends use the same pair: what was lost has been begun anew.
    #[test]
    fn sessions_survive_reboots_outages_and_new_addresses(
        faults in proptest::collection::vec(fault(), 0..6),
        seed in 0_u64..1_000_000,
        channel_loss in 0_u64..20,
        jitter in 0_u64..40,
    ) {
        let (mut timeline, mut taken) = (String::new(), Vec::<(u8, u64, u64)>::new());
        for (place, from, to, text) in faults.iter().map(|fault| fault.events()) {
            if !taken.iter().any(|(other, begin, end)| *other == place && from <= *end && *begin <= to) {
                taken.push((place, from, to));
                timeline += &text;
            }
        }
        let text = format!(
            r#"(
                format: 1, title: "t",
                nodes: [(name: "a"), (name: "box-a", nat: (outside: "street-a", ports: Random)), (name: "b"), (name: "core"), (name: "stun")],
                links: [
                    (name: "lan-a", ends: ("a", "box-a"), delay: "1 ms"),
                    (name: "street-a", ends: ("box-a", "core"), delay: "10 ms", impair: (jitter: "{jitter} ms", reorder: ByJitter)),
                    (name: "line-b", ends: ("b", "core"), delay: "15 ms"),
                    (name: "rack", ends: ("core", "stun"), delay: "1 ms"),
                ],
                channels: [(name: "call", ends: ("a", "b"), delay: "40 ms", loss: "{channel_loss} %")],
                apps: [
                    (name: "stun", on: "stun", run: StunServer()),
                    (name: "alice", on: "a", run: IceAgent(channel: "call", role: Offers, servers: [Stun(to: "stun")], retries: 50, restart_after: "8 s", most_time: "20 s", least_time: "10 s")),
                    (name: "bob", on: "b", run: IceAgent(channel: "call", role: Answers, servers: [Stun(to: "stun")], retries: 50, restart_after: "8 s", most_time: "20 s", least_time: "10 s")),
                ],
                timeline: [{timeline}],
                seed: {seed},
                until: After("100 s"),
            )"#
        );
        let text = if timeline.is_empty() { text.replace("timeline: [],", "") } else { text };
        let text = if jitter == 0 { text.replace(&format!(r#", impair: (jitter: "{jitter} ms", reorder: ByJitter)"#), "") } else { text };
        let text = if channel_loss == 0 { text.replace(r#", loss: "0 %")]"#, ")]") } else { text };
        let loaded = load_text("t", "t.ron", &text, &Request::default(), false).unwrap_or_else(|error| panic!("{error}"));
        let scenario = &loaded.points[0].scenario;
        let output = run_one(&setup(scenario), scenario, 0, 1, &Watch::default()).unwrap();
        // Whether an end knows the other one's reflexive address from its server or from a check is a matter of what came first.
        let reflexive = |pair: String| pair.replace('S', "P");
        let (at_a, at_b) = (reflexive(pair(&output, "alice")), reflexive(pair(&output, "bob")));
        let mirrored: String = at_b.chars().rev().collect();
        prop_assert_eq!(total(&output, "alice", "last_session"), total(&output, "bob", "last_session"), "{}", text);
        prop_assert_ne!(&at_a, "×", "{}", text);
        prop_assert_eq!(at_a, mirrored, "{}", text);
    }
}
