//! The table by hand-worked cases, and against a model that remembers everything.

use super::session::{Refresh, State};
use super::*;
use crate::packet::TcpFlags;
use Dependence::{AddressAndPortDependent as Apd, AddressDependent as Ad, EndpointIndependent as Ei};
use proptest::prelude::*;
use protosim_core::{SimTime, Span};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

const P: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1));
const P2: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 2));

fn host(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(192, 168, 0, last))
}

fn server(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, last))
}

fn secs(secs: u64) -> SimTime {
    SimTime::ZERO + Span::from_secs(secs)
}

fn udp(local: Endpoint, remote: Endpoint) -> Flow {
    Flow { proto: Proto::Udp, local, remote, tcp: None }
}

fn tcp(local: Endpoint, remote: Endpoint, flags: TcpFlags) -> Flow {
    Flow { proto: Proto::Tcp, local, remote, tcp: Some(flags) }
}

fn config() -> NatConfig {
    NatConfig::to("wan")
}

fn table(config: &NatConfig) -> Table {
    assert_eq!(config.check(), [], "a configuration that a scenario may have");
    Table::new(config.policy().rules, vec![P])
}

/// What leaves, with a drawn number in the middle of its range.
fn out(table: &mut Table, local: Endpoint, remote: Endpoint, at: u64) -> Result<Endpoint, Refusal> {
    table.outbound(&udp(local, remote), secs(at), &mut || 1 << 63)
}

fn enters(table: &mut Table, external: Endpoint, remote: Endpoint, at: u64) -> Result<Endpoint, Refusal> {
    table.inbound(&udp(external, remote), secs(at))
}

/// The nine pairs of the sheet's section 2, from the definitions: which of a remote endpoint, another port of its address, and another
/// address comes in to the external endpoint of the first; and to whom a second external endpoint is shown.
#[test]
fn mappings_and_filters_in_any_combination() {
    let (x, y) = ((host(1), 4000), (server(1), 53));
    let (other_port, other_address) = ((server(1), 54), (server(2), 53));
    for (mapping, same) in [(Ei, [true, true]), (Ad, [true, false]), (Apd, [false, false])] {
        for (filtering, passes) in [(Ei, [true, true]), (Ad, [true, false]), (Apd, [false, false])] {
            let config = NatConfig { mapping: Some(mapping), filtering: Some(filtering), ..config() };
            let mut nat = table(&config);
            let first = out(&mut nat, x, y, 0).unwrap();
            assert_eq!(first, (P, 4000), "the port is preserved");
            assert_eq!(enters(&mut nat, first, y, 1), Ok(x));
            let in_now = [other_port, other_address].map(|from| enters(&mut nat, first, from, 1) == Ok(x));
            assert_eq!(in_now, passes, "{mapping:?} {filtering:?}");
            assert_eq!(enters(&mut nat, (P, 4001), y, 1), Err(Refusal::NoMapping));
            let again = [other_port, other_address].map(|to| out(&mut nat, x, to, 2).unwrap() == first);
            assert_eq!(again, same, "{mapping:?} {filtering:?}");
        }
    }
}

/// Sheet, section 6, note 3: per mapping, what was sent from another external endpoint is no permission; per endpoint it is.
#[test]
fn the_state_of_the_filter_may_be_the_endpoints() {
    let (x, y, z) = ((host(1), 4000), (server(1), 53), (server(2), 53));
    for (mapping, filtering) in [(Ad, Ad), (Apd, Ad), (Apd, Apd), (Ad, Apd)] {
        for (state, expected) in [(FilterState::PerMapping, false), (FilterState::PerEndpoint, true)] {
            let mut nat = table(&NatConfig {
                mapping: Some(mapping),
                filtering: Some(filtering),
                filter_state: Some(state),
                ..config()
            });
            let first = out(&mut nat, x, y, 0).unwrap();
            assert_ne!(out(&mut nat, x, z, 0).unwrap(), first);
            assert_eq!(enters(&mut nat, first, z, 1).is_ok(), expected, "{mapping:?} {filtering:?} {state:?}");
            assert_eq!(enters(&mut nat, first, (server(3), 53), 1), Err(Refusal::Filtered));
            // To another port of `z` it has sent nothing: enough for a filter by addresses alone.
            let by_port = enters(&mut nat, first, (server(2), 99), 1).is_ok();
            assert_eq!(by_port, expected && filtering == Ad, "{mapping:?} {filtering:?} {state:?}");
        }
    }
}

/// RFC 4787 REQ-5 and REQ-6, sheet N3 and N4: 120 s from the last packet outwards, whatever comes in; with inbound refresh, from
/// the last of either. A filter's entry ages by itself: the mapping of another remote endpoint does not keep it.
#[test]
fn mappings_and_filters_age() {
    let (x, y, z) = ((host(1), 4000), (server(1), 53), (server(2), 53));
    let timers = NatTimers { udp: Some(Span::from_secs(120)), ..NatTimers::default() };
    let short = NatConfig { timers: Some(timers), ..config() };
    let mut nat = table(&short);
    let p = out(&mut nat, x, y, 0).unwrap();
    assert_eq!([60, 119, 120].map(|at| enters(&mut nat, p, y, at)), [Ok(x), Ok(x), Err(Refusal::NoMapping)]);
    assert_eq!(nat.alive(secs(0)), 0);
    assert_eq!(nat.counts(), TableCounts { now: 0, most: 1, made: 1, sessions: 0 });
    let mut nat = table(&short);
    let p = out(&mut nat, x, y, 0).unwrap();
    out(&mut nat, x, z, 100).unwrap();
    assert_eq!([119, 120].map(|at| enters(&mut nat, p, y, at)), [Ok(x), Err(Refusal::Filtered)]);
    assert_eq!([219, 220].map(|at| enters(&mut nat, p, z, at)), [Ok(x), Err(Refusal::NoMapping)]);
    let mut nat = table(&NatConfig { inbound_refresh: Some(true), ..short });
    let p = out(&mut nat, x, y, 0).unwrap();
    let late = [60, 119, 238, 357, 477].map(|at| enters(&mut nat, p, y, at).is_ok());
    assert_eq!(late, [true, true, true, true, false]);
}

/// RFC 4787 §4.2: a taken port is never given twice; class, parity and the next port are kept while that can be.
#[test]
fn ports_are_assigned_by_the_rules() {
    let y = (server(1), 53);
    let given = |config: &NatConfig, asked: &[(u8, u16)]| -> Vec<u16> {
        let mut nat = table(config);
        asked.iter().map(|(last, port)| out(&mut nat, (host(*last), *port), y, 0).unwrap().1).collect()
    };
    let asked = [(1, 4000), (2, 4000), (3, 4000), (4, 4001), (5, 500), (6, 500)];
    assert_eq!(given(&config(), &asked), [4000, 4001, 4002, 4003, 500, 501]);
    let parity = NatConfig { port_parity: Some(true), ..config() };
    assert_eq!(given(&parity, &asked), [4000, 4002, 4004, 4001, 500, 502]);
    let sequential = NatConfig { ports: Some(PortAssignment::Sequential), port_range: Some((1020, 2000)), ..config() };
    // Its range has four ports of the lower class, 1020 to 1023.
    assert_eq!(given(&sequential, &asked), [1024, 1025, 1026, 1027, 1020, 1021]);
    // Half of the way through 1024 to 65535, which are 64512 ports; then the next.
    let random = NatConfig { ports: Some(PortAssignment::Random), ..config() };
    assert_eq!(given(&random, &asked[..3]), [1024 + 32_256, 1024 + 32_257, 1024 + 32_258]);
    // RTP on an even port and RTCP on the next (RFC 4787 §4.2.3): 4000 is free but 4001 is not, so the pair goes elsewhere.
    let contiguous = NatConfig { port_contiguity: Some(true), port_parity: Some(true), ..config() };
    assert_eq!(given(&contiguous, &[(1, 4001), (2, 4000), (2, 4001)]), [4001, 4002, 4003]);
}

/// Sheet N12: two ports and three hosts. A fourth port frees only with time.
#[test]
fn ports_run_out() {
    let y = (server(1), 53);
    for ports in [PortAssignment::Preserve, PortAssignment::Sequential, PortAssignment::Random] {
        let mut nat = table(&NatConfig { ports: Some(ports), port_range: Some((5000, 5001)), ..config() });
        let mut got = [1, 2].map(|last| out(&mut nat, (host(last), 4000), y, 0).unwrap().1);
        got.sort_unstable();
        assert_eq!(got, [5000, 5001]);
        assert_eq!(out(&mut nat, (host(3), 4000), y, 1), Err(Refusal::NoPort));
        assert_eq!(out(&mut nat, (host(3), 4000), y, 299), Err(Refusal::NoPort));
        assert!(out(&mut nat, (host(3), 4000), y, 300).is_ok());
    }
}

/// RFC 6888 REQ-4: one subscriber's limit is not another's.
#[test]
fn subscribers_have_limits() {
    let mut nat = table(&NatConfig { ports_per_subscriber: Some(2), ..config() });
    let mut ask = |last, port, at| out(&mut nat, (host(last), port), (server(1), 53), at).map(|(_, port)| port);
    assert_eq!([ask(1, 1, 0), ask(1, 2, 0), ask(1, 3, 0)], [Ok(1), Ok(2), Err(Refusal::NoPort)]);
    assert_eq!([ask(2, 3, 0), ask(1, 2, 10)], [Ok(3), Ok(2)]);
    // At 300 s its first mapping is over.
    assert_eq!([ask(1, 3, 299), ask(1, 4, 300)], [Err(Refusal::NoPort), Ok(4)]);
}

/// RFC 4787 REQ-2: paired, one host keeps its address; arbitrary, each mapping has the next.
#[test]
fn addresses_of_a_pool() {
    let y = (server(1), 53);
    for (pooling, expected) in [(Pooling::Paired, [P, P, P2, P]), (Pooling::Arbitrary, [P, P2, P, P2])] {
        let config = NatConfig { pooling: Some(pooling), pool: Some(Vec::new()), ..config() };
        let mut nat = Table::new(config.policy().rules, vec![P, P2]);
        let asked = [(1, 10), (1, 11), (2, 12), (1, 13)];
        assert_eq!(asked.map(|(last, port)| out(&mut nat, (host(last), port), y, 0).unwrap().0), expected);
    }
}

/// As Linux masquerades: two hosts share a port towards different servers, and not towards one.
#[test]
fn overloaded_ports_are_told_apart_by_the_remote_endpoint() {
    let (a, b) = ((host(1), 4000), (host(2), 4000));
    let (y, z) = ((server(1), 53), (server(2), 53));
    let config = NatConfig { mapping: Some(Apd), ports: Some(PortAssignment::Overload), ..config() };
    let mut nat = table(&config);
    assert_eq!([out(&mut nat, a, y, 0), out(&mut nat, b, z, 0)], [Ok((P, 4000)); 2]);
    assert_eq!([enters(&mut nat, (P, 4000), y, 1), enters(&mut nat, (P, 4000), z, 1)], [Ok(a), Ok(b)]);
    assert_eq!(out(&mut nat, b, y, 2), Ok((P, 4001)));
    // One host looks endpoint-independent.
    assert_eq!(out(&mut nat, a, (server(3), 9), 2), Ok((P, 4000)));
}

/// Two tables with one external address: neither gives a port that the other one has, until that is over.
#[test]
fn ports_of_a_table_beside_are_taken() {
    let y = (server(1), 53);
    let (mut first, mut second) = (table(&config()), table(&config()));
    assert_eq!(out(&mut first, (host(1), 4000), y, 0), Ok((P, 4000)));
    let mut ask = |port, at| second.outbound_beside(Some(&mut first), &udp((host(2), port), y), secs(at), &mut || 0);
    assert_eq!([ask(4000, 1), ask(5000, 1)], [Ok((P, 4001)), Ok((P, 5000))]);
    // The first mapping is over at 300 s, and that of 4001, refreshed at 299 s, at 599 s.
    assert_eq!([ask(4000, 299), ask(4000, 600)], [Ok((P, 4001)), Ok((P, 4000))]);
}

/// Sessions are bounded, and what is over makes room.
#[test]
fn room_is_bounded() {
    let mut nat = table(&NatConfig { most_sessions: Some(2), ..config() });
    let x = (host(1), 4000);
    let to = |last| (server(last), 53);
    assert!(out(&mut nat, x, to(1), 0).is_ok() && out(&mut nat, x, to(2), 1).is_ok());
    assert_eq!(out(&mut nat, x, to(3), 2), Err(Refusal::NoPort));
    assert!(out(&mut nat, x, to(2), 2).is_ok(), "one that is known");
    assert_eq!(out(&mut nat, x, to(3), 299), Err(Refusal::NoPort));
    assert!(out(&mut nat, x, to(3), 300).is_ok());
}

/// Sheet N6 and section 3: a connection lives for 7440 s of silence once both have sent a SYN, for 240 s before that, after the second FIN and
/// after a reset; data after a reset makes it live again.
#[test]
fn connections_are_followed() {
    use TcpFlags as F;
    let (x, y) = ((host(1), 4000), (server(1), 443));
    let opened = |at: u64| {
        let mut nat = table(&config());
        nat.outbound(&tcp(x, y, F::SYN), secs(at), &mut || 0).unwrap();
        nat
    };
    let alive = |nat: &Table, at: u64| nat.clone().inbound(&tcp((P, 4000), y, F::ACK), secs(at)).is_ok();
    let silent = opened(0);
    assert_eq!([silent.alive(secs(239)), silent.alive(secs(240))], [1, 0]);
    assert_eq!([alive(&silent, 239), alive(&silent, 240)], [true, false]);
    let mut nat = opened(0);
    nat.inbound(&tcp((P, 4000), y, F::SYN.with(F::ACK)), secs(1)).unwrap();
    assert_eq!([alive(&nat, 7440), alive(&nat, 7441)], [true, false]);
    let mut ended = nat.clone();
    ended.outbound(&tcp(x, y, F::FIN.with(F::ACK)), secs(2), &mut || 0).unwrap();
    assert_eq!([alive(&ended, 7441), alive(&ended, 7442)], [true, false], "one half is still open");
    ended.inbound(&tcp((P, 4000), y, F::FIN.with(F::ACK)), secs(3)).unwrap();
    ended.outbound(&tcp(x, y, F::ACK), secs(4), &mut || 0).unwrap();
    assert_eq!([alive(&ended, 242), alive(&ended, 243)], [true, false], "the last ACK keeps nothing");
    let mut reset = nat.clone();
    reset.inbound(&tcp((P, 4000), y, F::RST), secs(10)).unwrap();
    assert_eq!([alive(&reset, 249), alive(&reset, 250)], [true, false]);
    reset.outbound(&tcp(x, y, F::ACK), secs(100), &mut || 0).unwrap();
    assert_eq!([alive(&reset, 7539), alive(&reset, 7540)], [true, false]);
    // Without a SYN nothing begins, from either side.
    let mut fresh = table(&NatConfig { filtering: Some(Ei), ..config() });
    assert_eq!(fresh.outbound(&tcp(x, y, F::ACK), secs(0), &mut || 0), Err(Refusal::NoMapping));
    fresh.outbound(&tcp(x, y, F::SYN), secs(0), &mut || 0).unwrap();
    let stranger = (server(2), 1000);
    assert_eq!(fresh.inbound(&tcp((P, 4000), stranger, F::ACK), secs(0)), Err(Refusal::NoMapping));
    assert_eq!(fresh.inbound(&tcp((P, 4000), stranger, F::SYN), secs(0)), Ok(x));
}

/// RFC 5382 REQ-2: both sides open at once.
#[test]
fn simultaneous_open() {
    let (state, refresh) = State::Opening { from_inside: true }.after(TcpFlags::SYN, false);
    assert_eq!(state, State::Established { inside_done: false, outside_done: false });
    assert_eq!(refresh, Some(Refresh::Established));
    let again = State::Opening { from_inside: true }.after(TcpFlags::SYN, true);
    assert_eq!(again, (State::Opening { from_inside: true }, Some(Refresh::Transitory)));
}

/// A firewall changes nothing, and lets in what answers.
#[test]
fn a_firewall_keeps_endpoints() {
    let mut wall = Table::new(FirewallConfig::to("wan").policy().rules, Vec::new());
    let (x, y) = ((host(1), 4000), (server(1), 53));
    assert_eq!(enters(&mut wall, x, y, 0), Err(Refusal::NoMapping));
    assert_eq!(out(&mut wall, x, y, 0), Ok(x));
    assert_eq!(enters(&mut wall, x, y, 1), Ok(x));
    assert_eq!(enters(&mut wall, x, (server(1), 54), 1), Err(Refusal::Filtered));
    assert_eq!(enters(&mut wall, x, y, 300), Err(Refusal::NoMapping));
}

/// A step of the property.
#[derive(Clone, Copy, Debug)]
enum Step {
    Out { host: u8, port: u16, server: u8, to: u16 },
    In { external: usize, server: u8, from: u16 },
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1_u8..4, 4000_u16..4003, 1_u8..4, 50_u16..53).prop_map(|(host, port, server, to)| Step::Out {
            host,
            port,
            server,
            to
        }),
        (0_usize..40, 1_u8..4, 50_u16..53).prop_map(|(external, server, from)| Step::In { external, server, from }),
        (0_u64..90).prop_map(Step::Wait),
    ]
}

fn dependence() -> impl Strategy<Value = Dependence> {
    prop_oneof![Just(Ei), Just(Ad), Just(Apd)]
}

/// What was sent: when, by whom, shown as what, to whom.
type Sent = (u64, Endpoint, Endpoint, Endpoint);

fn is_covered(by: Dependence, asked: Endpoint, known: Endpoint) -> bool {
    match by {
        Ei => true,
        Ad => asked.0 == known.0,
        Apd => asked == known,
    }
}

proptest! {
    /// Against a list of all that was ever sent: a packet comes in exactly if its external endpoint was shown in the last 300 s, and the filter's
    /// definition finds who sent it there; it goes to whoever was shown. One internal endpoint and key is shown as one; two are never
    /// shown as the same at one time. In the end nothing is left.
    #[test]
    fn the_table_agrees_with_the_definitions(
        steps in prop::collection::vec(step(), 1..120),
        mapping in dependence(),
        filtering in dependence(),
        per_endpoint in any::<bool>(),
        ports in prop_oneof![Just(PortAssignment::Preserve), Just(PortAssignment::Sequential), Just(PortAssignment::Random)],
    ) {
        let state = if per_endpoint { FilterState::PerEndpoint } else { FilterState::PerMapping };
        let config = NatConfig { mapping: Some(mapping), filtering: Some(filtering), ports: Some(ports), ..config() };
        let rules = NatConfig { filter_state: Some(state), ..config }.policy().rules;
        let mut nat = Table::new(rules, vec![P, P2]);
        let (mut sent, mut now, mut draws): (Vec<Sent>, u64, u64) = (Vec::new(), 0, 0);
        for step in steps {
            match step {
                Step::Wait(secs) => now += secs,
                Step::Out { host: last, port, server: to, to: to_port } => {
                    let (x, y) = ((host(last), port), (server(to), to_port));
                    let mut draw = || { draws = draws.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1); draws };
                    let shown = nat.outbound(&udp(x, y), secs(now), &mut draw).unwrap();
                    let alive = sent.iter().filter(|(at, ..)| now < at + 300);
                    for (_, other, other_shown, other_to) in alive {
                        let same = *other == x && is_covered(mapping, y, *other_to);
                        // A mapping that was refreshed by packets to others is as old as the last of them.
                        if same {
                            prop_assert_eq!(*other_shown, shown);
                        } else if *other != x {
                            prop_assert_ne!(*other_shown, shown);
                        }
                    }
                    sent.push((now, x, shown, y));
                }
                Step::In { external, server: from, from: from_port } => {
                    let Some((_, _, external, _)) = sent.get(external).copied() else { continue };
                    let y = (server(from), from_port);
                    let alive: Vec<Sent> = sent.iter().filter(|(at, ..)| now < at + 300).copied().collect();
                    let shown = alive.iter().find(|(_, _, shown, _)| *shown == external);
                    let expected = match shown {
                        None => Err(Refusal::NoMapping),
                        Some((_, x, ..)) => {
                            let counts = |record: &&Sent| if per_endpoint { record.1 == *x } else { record.2 == external };
                            let passes = alive.iter().filter(counts).any(|(_, _, _, to)| is_covered(filtering, y, *to));
                            if passes || filtering == Ei { Ok(*x) } else { Err(Refusal::Filtered) }
                        }
                    };
                    prop_assert_eq!(nat.inbound(&udp(external, y), secs(now)), expected);
                }
            }
        }
        now += 300;
        let _ = nat.inbound(&udp((P, 1), (server(1), 1)), secs(now));
        prop_assert_eq!((nat.counts().now, nat.counts().sessions), (0, 0));
        prop_assert!(nat.is_empty());
    }
}

impl Table {
    /// Nothing is left of anything that is over.
    fn is_empty(&self) -> bool {
        let maps: BTreeMap<&str, usize> = self.sizes().into_iter().collect();
        maps.values().all(|size| *size == 0)
    }
}
