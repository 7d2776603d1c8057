//! Two stacks and nothing between them: initial sequence numbers, and connections that follow one another between the same ends.

use super::*;
use crate::packet::TcpFlags;
use crate::tcp::Profile;
use protosim_core::{IdealEnv, Span};
use std::net::Ipv4Addr;

/// Stacks by index: 0 connects to 1.
struct Hosts {
    stacks: [Stack; 2],
    envs: [IdealEnv; 2],
    parameters: Arc<Parameters>,
    listener: ListenerId,
    /// What the server has accepted.
    accepted: Option<ConnectionId>,
    /// All that was sent, by whom.
    sent: Vec<(usize, Segment)>,
}

fn address(host: usize) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, host as u8 + 1))
}

impl Hosts {
    fn new(seed: u64, profile: Profile, timestamps: bool) -> Self {
        let parameters = Arc::new(Parameters { timestamps, ..Parameters::of(profile) });
        let mut stacks = [Stack::default(), Stack::default()];
        let listener = stacks[1].listen(80, 0, Arc::clone(&parameters)).unwrap();
        let envs = [IdealEnv::new(seed), IdealEnv::new(seed + 1_000_000)];
        Self { stacks, envs, parameters, listener, accepted: None, sent: Vec::new() }
    }

    fn connect(&mut self, port: u16) -> ConnectionId {
        let opening = Opening {
            local: SocketAddr::new(address(0), port),
            remote: SocketAddr::new(address(1), 80),
            mtu: 1500,
            early_data: Rope::new(),
            owner: 0,
            parameters: Arc::clone(&self.parameters),
        };
        self.stacks[0].connect(opening, &mut self.envs[0]).unwrap()
    }

    fn pass(&mut self, span: Span) {
        for env in &mut self.envs {
            env.now = env.now.saturating_add(span);
        }
    }

    /// Carries segments, 1 us for each way, until none is left.
    fn settle(&mut self) {
        loop {
            let before = self.sent.len();
            for from in [0, 1] {
                self.stacks[from].flush(&mut self.envs[from]);
                while let Some(output) = self.stacks[from].next_output() {
                    match output {
                        Output::Transmit { packet, .. } => {
                            self.sent.extend(Segment::of(packet).map(|segment| (from, segment)))
                        }
                        Output::Notify { notice: Notice::Incoming(listener), .. } => {
                            self.accepted = self.stacks[from].accept(listener);
                        }
                        _ => {}
                    }
                }
            }
            if self.sent.len() == before {
                return;
            }
            self.pass(Span::from_nanos(1000));
            for (from, segment) in self.sent[before..].iter().cloned() {
                let (here, there) = (address(1 - from), address(from));
                self.stacks[1 - from].handle_segment(here, there, segment, 1500, &mut self.envs[1 - from]);
            }
        }
    }

    /// The server writes so much and finishes first, so that it is the server that waits in TIME-WAIT.
    fn converse(&mut self, client: ConnectionId, bytes: u64) {
        self.settle();
        let server = self.accepted.take().unwrap();
        self.stacks[1].write(server, &Rope::fill(0, 0, bytes), &mut self.envs[1]).unwrap();
        self.stacks[1].finish(server, &mut self.envs[1]).unwrap();
        self.settle();
        assert_eq!(self.stacks[0].read(client, u64::MAX, &mut self.envs[0]).unwrap().len(), bytes);
        self.stacks[0].close(client, &mut self.envs[0]).unwrap();
        self.settle();
        let states: Vec<State> = self.stacks[1].connections().map(|(_, connection)| connection.state()).collect();
        assert_eq!(states, [State::TimeWait]);
        assert_eq!(self.stacks[0].connections().count(), 0);
    }

    /// The number of the last SYN of a host.
    fn last_iss(&self, host: usize) -> u32 {
        let mut syns = self.sent.iter().filter(|(from, sent)| *from == host && sent.header.flags.has(TcpFlags::SYN));
        syns.next_back().unwrap().1.header.sequence
    }
}

/// RFC 9293 §3.4.1: ISN = M + F(local, remote, secret), M a clock of 4 us. Between the same ends 4 ms make 4 ms / 4 us = 1000; F is another
/// one for another port, and on a host with another secret.
#[test]
fn initial_numbers_are_a_clock_and_a_hash() {
    let mut hosts = Hosts::new(1, Profile::Rfc, true);
    let iss = |hosts: &mut Hosts, port: u16| {
        let connection = hosts.connect(port);
        hosts.stacks[0].flush(&mut hosts.envs[0]);
        let Some(Output::Transmit { packet, .. }) = hosts.stacks[0].next_output() else { panic!("there is a SYN") };
        let segment = Segment::of(packet).unwrap();
        hosts.stacks[0].abort(connection, &mut hosts.envs[0]).unwrap();
        while hosts.stacks[0].next_output().is_some() {}
        (segment.header.sequence, segment.header.timestamps.unwrap().value)
    };
    let first = iss(&mut hosts, 50_000);
    let other = iss(&mut hosts, 50_001);
    hosts.pass(Span::from_millis(4));
    let later = iss(&mut hosts, 50_000);
    assert_eq!(later.0.wrapping_sub(first.0), 1000);
    assert_ne!(other.0, first.0);
    // Stamps are of one clock for all connections between two hosts: 1 ms each (RFC 7323 §5.4).
    assert_eq!((other.1, later.1), (first.1, first.1.wrapping_add(4)));
    assert_ne!(iss(&mut Hosts::new(2, Profile::Rfc, true), 50_000).0, first.0);
}

/// RFC 9293 §3.10.7.4, RFC 6191 §2: whatever the numbers of the first connection were, a second one between the same ends is heard while
/// the server is in TIME-WAIT, with stamps and without: its SYN is answered with a SYN, and the server's number is beyond the first one's last.
#[test]
fn time_wait_makes_way_for_a_new_connection() {
    for (seed, timestamps) in (0..64).flat_map(|seed| [(seed, true), (seed, false)]) {
        let mut hosts = Hosts::new(seed, Profile::Linux, timestamps);
        let first = hosts.connect(50_000);
        hosts.converse(first, 1000);
        let (client, server) = (hosts.last_iss(0), hosts.last_iss(1));
        hosts.pass(Span::from_secs(1));
        let second = hosts.connect(50_000);
        hosts.sent.clear();
        hosts.settle();
        assert!(hosts.last_iss(0).wrapping_sub(client).cast_signed() > 0);
        // SYN, 1000 bytes and FIN are 1002 numbers; a second of the clock is 250,000.
        assert!(hosts.last_iss(1).wrapping_sub(server) >= 250_000, "seed {seed}");
        assert_eq!(hosts.stacks[0].info(second, &hosts.envs[0]).unwrap().state, State::Established);
    }
}

/// A server that has sent faster than 250 kB/s is ahead of the clock: its new number is 65,537 beyond what it has used, SYN, 300,000 bytes
/// and FIN, as on Linux.
#[test]
fn a_fast_server_begins_beyond_what_it_has_used() {
    let mut hosts = Hosts::new(5, Profile::Linux, true);
    let first = hosts.connect(50_000);
    hosts.converse(first, 300_000);
    let iss = hosts.last_iss(1);
    hosts.pass(Span::from_millis(2));
    hosts.connect(50_000);
    hosts.sent.clear();
    hosts.settle();
    assert_eq!(hosts.last_iss(1).wrapping_sub(iss), 300_002 + 65_537);
}

/// RFC 6191 §2: a SYN whose stamp is older than the last one is of old, even if its number is later: it is not heard.
#[test]
fn a_syn_with_an_old_stamp_is_not_heard_in_time_wait() {
    let mut hosts = Hosts::new(7, Profile::Linux, true);
    let first = hosts.connect(50_000);
    hosts.converse(first, 1000);
    let is_syn = |(from, sent): &&(usize, Segment)| *from == 0 && sent.header.flags.has(TcpFlags::SYN);
    let mut old = hosts.sent.iter().find(is_syn).unwrap().1.clone();
    old.header.sequence = old.header.sequence.wrapping_add(1_000_000);
    let stamps = old.header.timestamps.as_mut().unwrap();
    stamps.value = stamps.value.wrapping_sub(1);
    hosts.sent.clear();
    hosts.stacks[1].handle_segment(address(1), address(0), old, 1500, &mut hosts.envs[1]);
    hosts.settle();
    assert!(!hosts.sent.iter().any(|(_, sent)| sent.header.flags.has(TcpFlags::SYN)));
    assert_eq!(hosts.stacks[1].listeners[hosts.listener.0 as usize].as_ref().unwrap().opening, 0);
}
