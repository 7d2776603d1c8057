//! Two stacks and a path between them that loses, delays, repeats and damages: every byte arrives, once and in order.

use super::super::{ConnectionId, Notice, Opening, Output, Parameters, Profile, Segment, Stack, TcpConfig};
use crate::packet::{Packet, Transport};
use crate::rope::Rope;
use proptest::prelude::*;
use protosim_core::{IdealEnv, LocalTime, Purpose, RunSeed, Span, Stream};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

/// What the path does to packets; shares in percent.
#[derive(Clone, Copy, Debug)]
struct Path {
    loss: u64,
    duplicate: u64,
    reorder: u64,
    corrupt: u64,
    delay: Span,
    /// Between two packets of one direction.
    gap: Span,
}

/// One end.
struct Host {
    stack: Stack,
    env: IdealEnv,
    address: IpAddr,
    connection: Option<ConnectionId>,
    to_write: u64,
    written: u64,
    read: u64,
    /// At most so much is read at once, and only every so often.
    read_step: u64,
    is_finished: bool,
    closed: Option<super::CloseReason>,
}

struct Pair {
    hosts: [Host; 2],
    path: Path,
    luck: Stream,
    /// By time and order: to whom, and the bytes.
    flying: BTreeMap<(LocalTime, u64), (usize, Vec<u8>)>,
    sent: u64,
    free_at: [LocalTime; 2],
    now: LocalTime,
    /// Nobody finishes: the connection stays, idle.
    keeps_open: bool,
}

const PORT: u16 = 80;

impl Pair {
    fn new(seed: u64, path: Path, parameters: [Parameters; 2], bytes: [u64; 2], read_step: u64) -> Self {
        let host = |index: usize| Host {
            stack: Stack::default(),
            env: IdealEnv::new(seed ^ (index as u64 + 1)),
            address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, index as u8 + 1)),
            connection: None,
            to_write: bytes[index],
            written: 0,
            read: 0,
            read_step,
            is_finished: false,
            closed: None,
        };
        let luck = RunSeed { seed, replication: 0 }.stream("path", Purpose("test"));
        let (flying, now) = (BTreeMap::new(), LocalTime::ZERO);
        let mut pair =
            Self { hosts: [host(0), host(1)], path, luck, flying, sent: 0, free_at: [now; 2], now, keeps_open: false };
        let [client, server] = parameters.map(Arc::new);
        pair.hosts[1].stack.listen(PORT, 0, server).unwrap();
        let opening = Opening {
            local: SocketAddr::new(pair.hosts[0].address, 0),
            remote: SocketAddr::new(pair.hosts[1].address, PORT),
            mtu: 1500,
            early_data: Rope::new(),
            owner: 0,
            parameters: client,
        };
        let Host { stack, env, .. } = &mut pair.hosts[0];
        pair.hosts[0].connection = Some(stack.connect(opening, env).unwrap());
        pair
    }

    fn roll(&mut self, percent: u64) -> bool {
        self.luck.below(100) < percent
    }

    fn send(&mut self, from: usize, bytes: Vec<u8>) {
        self.sent += 1;
        let leaves = self.free_at[from].max(self.now).saturating_add(self.path.gap);
        self.free_at[from] = leaves;
        let mut arrives = leaves.saturating_add(self.path.delay);
        let (lost, again, late, damaged) = (
            self.roll(self.path.loss),
            self.roll(self.path.duplicate),
            self.roll(self.path.reorder),
            self.roll(self.path.corrupt),
        );
        if late {
            arrives = arrives.saturating_add(self.path.delay.saturating_mul(1 + self.luck.below(3)));
        }
        let mut bytes = bytes;
        if damaged {
            let bit = self.luck.below(bytes.len() as u64 * 8) as usize;
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        if again {
            self.flying.insert((arrives.saturating_add(self.path.gap), self.sent << 1 | 1), (1 - from, bytes.clone()));
        }
        if !lost {
            self.flying.insert((arrives, self.sent << 1), (1 - from, bytes));
        }
    }

    /// Does at one host what there is to be done at this instant.
    fn settle(&mut self, index: usize) {
        for round in 0.. {
            assert!(round < 1000, "it does not come to rest");
            let host = &mut self.hosts[index];
            host.env.now = self.now;
            host.work(self.keeps_open);
            host.stack.flush(&mut host.env);
            let mut outgoing = Vec::new();
            let mut notices = 0;
            while let Some(output) = host.stack.next_output() {
                match output {
                    Output::Transmit { local, remote, segment } => {
                        let Segment { header, payload, ecn } = segment;
                        let mut packet = Packet::tcp(local.ip(), remote.ip(), header, payload).unwrap();
                        packet.ip.set_ecn(ecn);
                        outgoing.push(packet.encode());
                    }
                    Output::Notify { connection, notice, .. } => {
                        host.take(connection, notice);
                        notices += 1;
                    }
                    Output::Observe { .. } => {}
                }
            }
            let has_sent = !outgoing.is_empty();
            outgoing.into_iter().for_each(|bytes| self.send(index, bytes));
            if notices == 0 && !has_sent {
                return;
            }
        }
    }

    fn deliver(&mut self, to: usize, bytes: &[u8]) {
        // What a checksum or a length shows to be damaged is dropped, as a host does.
        let Ok(packet) = Packet::decode(bytes) else { return };
        let host = &mut self.hosts[to];
        let (local, remote, ecn) = (packet.dst(), packet.src(), packet.ip.ecn());
        if local != host.address {
            return;
        }
        let Transport::Tcp(header) = packet.transport else { return };
        host.env.now = self.now;
        let segment = Segment { header, payload: packet.payload, ecn };
        host.stack.handle_segment(local, remote, segment, 1500, &mut host.env);
    }

    /// Runs until both ends have read everything, or for as long as that.
    fn run(&mut self, limit: Span) {
        self.settle(0);
        self.settle(1);
        loop {
            let timers =
                self.hosts.iter().filter_map(|host| host.stack.poll_timeout().map(|(_, deadline)| deadline.at));
            let packet = self.flying.keys().next().map(|(at, _)| *at);
            let Some(next) = timers.chain(packet).min() else { return };
            assert!(next >= self.now, "time does not go back");
            self.now = next;
            if self.now > LocalTime::ZERO.saturating_add(limit) || self.is_done() {
                return;
            }
            while let Some(entry) = self.flying.first_entry().filter(|entry| entry.key().0 <= self.now) {
                let (to, bytes) = entry.remove();
                self.deliver(to, &bytes);
            }
            for host in &mut self.hosts {
                host.env.now = self.now;
                while let Some((connection, deadline)) = host.stack.poll_timeout().filter(|(_, due)| due.at <= self.now)
                {
                    host.stack.handle_timeout(connection, &mut host.env);
                    let next = host.stack.deadline(connection);
                    assert!(next.is_none_or(|next| next.at > self.now), "{deadline:?} is followed by {next:?}");
                }
            }
            self.settle(0);
            self.settle(1);
        }
    }

    fn is_done(&self) -> bool {
        self.hosts.iter().all(|host| host.closed.is_some())
    }

    fn check(&self, bytes: [u64; 2]) {
        for (index, host) in self.hosts.iter().enumerate() {
            let expected = bytes[1 - index];
            assert_eq!(host.read, expected, "host {index} at {}: {:?}", self.now, host.closed);
            assert_eq!(host.closed, Some(super::CloseReason::Done), "host {index} at {}", self.now);
        }
    }
}

impl Host {
    /// Writes and reads what can be, and finishes when all is written.
    fn work(&mut self, keeps_open: bool) {
        let Some(connection) = self.connection else { return };
        while self.written < self.to_write {
            let data = Rope::fill(self.key(), self.written, self.to_write - self.written);
            match self.stack.write(connection, &data, &mut self.env) {
                Ok(0) | Err(_) => break,
                Ok(taken) => self.written += taken,
            }
        }
        if self.written == self.to_write && !self.is_finished && !keeps_open {
            self.is_finished = self.stack.finish(connection, &mut self.env).is_ok();
        }
        while let Ok(data) = self.stack.read(connection, self.read_step, &mut self.env) {
            if data.is_empty() {
                break;
            }
            let expected = Rope::fill(1 - self.key(), self.read, data.len());
            assert_eq!(data.to_bytes(), expected.to_bytes(), "byte {} of the stream", self.read);
            self.read += data.len();
        }
    }

    fn key(&self) -> u32 {
        u32::from(self.address == IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)))
    }

    fn take(&mut self, connection: ConnectionId, notice: Notice) {
        match notice {
            Notice::Incoming(listener) => self.connection = self.stack.accept(listener, &mut self.env),
            Notice::Closed(reason) => {
                assert_eq!(Some(connection), self.connection);
                self.closed = Some(reason);
                self.connection = None;
            }
            _ => {}
        }
    }
}

fn path(loss: u64, duplicate: u64, reorder: u64, corrupt: u64) -> Path {
    Path { loss, duplicate, reorder, corrupt, delay: Span::from_millis(10), gap: Span::from_micros(100) }
}

fn of(profile: Profile) -> Parameters {
    Parameters::of(profile)
}

#[test]
fn a_clean_path_carries_all_bytes_without_retransmission() {
    for profile in [Profile::Rfc, Profile::Linux, Profile::Lwip, Profile::Uip] {
        let bytes = [300_000, 50_000];
        let mut pair = Pair::new(1, path(0, 0, 0, 0), [of(profile), of(profile)], bytes, u64::MAX);
        pair.run(Span::from_secs(400));
        pair.check(bytes);
    }
}

#[test]
fn losses_are_repaired() {
    for seed in 0..20 {
        let bytes = [1 << 20, 3000];
        let mut pair = Pair::new(seed, path(5, 0, 0, 0), [of(Profile::Linux), of(Profile::Rfc)], bytes, u64::MAX);
        pair.run(Span::from_secs(4000));
        pair.check(bytes);
    }
}

fn any_profile() -> impl Strategy<Value = Parameters> {
    let profile = prop_oneof![Just(Profile::Rfc), Just(Profile::Linux), Just(Profile::Lwip), Just(Profile::Uip)];
    (profile, any::<[bool; 8]>(), 1_u64..200_000, 88_u16..1460).prop_map(|(profile, on, buffer, mss)| {
        let buffer = Some(protosim_core::Size::from_bytes(buffer.max(2000)));
        let config = TcpConfig {
            profile,
            mss: on[0].then_some(mss),
            receive_buffer: buffer.filter(|_| on[1]),
            timestamps: on[2].then_some(on[3]),
            sack: on[4].then_some(on[5]),
            pacing: Some(on[6]),
            prr: Some(on[7]),
            ..TcpConfig::default()
        };
        config.resolve()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    /// Our stack against itself, with random profiles, over a path that does everything.
    #[test]
    fn every_byte_arrives_once_and_in_order(
        seed in any::<u64>(),
        loss in 0_u64..20,
        duplicate in 0_u64..10,
        reorder in 0_u64..20,
        corrupt in 0_u64..4,
        client in any_profile(),
        server in any_profile(),
        bytes in (0_u64..1_500_000, 0_u64..60_000),
        read_step in prop_oneof![Just(u64::MAX), 1_u64..5000],
    ) {
        let bytes = [bytes.0, bytes.1];
        let mut pair = Pair::new(seed, path(loss, duplicate, reorder, corrupt), [client, server], bytes, read_step);
        pair.run(Span::from_secs(1_000_000));
        let given_up = pair.hosts.iter().any(|host| host.closed == Some(super::CloseReason::TimedOut));
        if !given_up {
            pair.check(bytes);
        }
    }
}

/// Memory is promised to users by the number of connections: an idle one, with its place in the table of ends, takes less than 1 KiB.
#[test]
fn a_connection_that_has_carried_much_and_is_idle_is_small() {
    let mut parameters = of(Profile::Linux);
    parameters.time_wait = Span::from_secs(60);
    let bytes = [10 << 20, 0];
    let mut pair = Pair::new(3, path(1, 0, 1, 0), [parameters.clone(), parameters], bytes, u64::MAX);
    pair.keeps_open = true;
    pair.run(Span::from_secs(4000));
    for host in &pair.hosts {
        let (connection, entry) = host.stack.footprint();
        assert_eq!(host.written + host.read, 10 << 20);
        assert!(connection + entry < 1024, "{connection} + {entry} bytes: {}", host.stack.anatomy());
    }
}
