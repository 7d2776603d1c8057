//! A host under attack, for fuzzing and properties: bytes become segments, calls and time; a neighbour's transfer must not suffer.
//!
//! Whatever arrives, in whatever state, nothing panics, timers come to rest, and the stream of another connection stays whole.

use super::stack::{ConnectionId, Notice, Opening, Output, Stack};
use super::{FastOpen, Parameters, Profile, Segment};
use crate::packet::{Ecn, SackBlock, TcpFlags, TcpHeader, TcpOptions, Timestamps};
use crate::rope::Rope;
use bytes::Bytes;
use protosim_core::{IdealEnv, LocalTime, Span};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const FRIEND: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
const ENEMY: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 3));
const PORT: u16 = 80;
/// What the friend sends.
const BYTES: u64 = 40_000;
/// So many steps of an input count.
const STEPS: usize = 300;

/// The input, byte by byte; zeros at its end.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn one_in(&mut self, of: u8) -> bool {
        self.byte().is_multiple_of(of)
    }

    fn word(&mut self) -> u32 {
        u32::from_be_bytes([self.byte(), self.byte(), self.byte(), self.byte()])
    }
}

/// The server, its friend, and what the enemy has learnt.
struct Battle {
    server: Stack,
    friend: Stack,
    env: IdealEnv,
    now: LocalTime,
    /// The server's connection with its friend, once accepted.
    friendly: Option<ConnectionId>,
    call: ConnectionId,
    written: u64,
    read: u64,
    /// The server's other connections.
    others: Vec<ConnectionId>,
    /// By the enemy's port and the server's: the last sequence number and acknowledgment of the server.
    known: BTreeMap<(u16, u16), (u32, u32)>,
}

/// Plays an input through.
///
/// # Panics
/// When the friend's stream is not what it has written, or timers do not come to rest.
pub fn attack(data: &[u8]) {
    let mut input = Input(data);
    let mut battle = Battle::new(&mut input);
    for _ in 0..STEPS {
        if input.0.is_empty() {
            break;
        }
        battle.step(&mut input);
        battle.settle();
    }
    battle.finish();
}

impl Battle {
    fn new(input: &mut Input<'_>) -> Self {
        let profile = [Profile::Linux, Profile::Rfc, Profile::Lwip, Profile::Uip][usize::from(input.byte() % 4)];
        let parameters = Parameters {
            fast_open: FastOpen::Both,
            syn_backlog: 3,
            syn_cookies: true,
            // The friend's connection is there before the enemy comes, and stays.
            ..Parameters::of(profile)
        };
        let parameters = Arc::new(parameters);
        let mut env = IdealEnv::new(1);
        let (mut server, mut friend) = (Stack::default(), Stack::default());
        server.listen(PORT, 0, Arc::clone(&parameters)).expect("nobody listens yet");
        let opening = Opening {
            local: SocketAddr::new(FRIEND, 0),
            remote: SocketAddr::new(SERVER, PORT),
            mtu: 1500,
            early_data: Rope::new(),
            owner: 0,
            parameters,
        };
        let call = friend.connect(opening, &mut env).expect("ports are free");
        let (others, known, now) = (Vec::new(), BTreeMap::new(), LocalTime::ZERO);
        let mut battle = Self { server, friend, env, now, friendly: None, call, written: 0, read: 0, others, known };
        battle.settle();
        assert!(battle.friendly.is_some(), "the friend is accepted first");
        battle
    }

    fn step(&mut self, input: &mut Input<'_>) {
        let other = |input: &mut Input<'_>, all: &[ConnectionId]| {
            all.get(usize::from(input.byte()) % all.len().max(1)).copied()
        };
        match input.byte() % 16 {
            0..=8 => {
                let segment = self.segment(input);
                self.server.handle_segment(SERVER, ENEMY, segment, 1500, &mut self.env);
            }
            9 => self.pass(Span::from_micros(u64::from(input.word() % 400_000_000))),
            10 => self.open(input),
            11 => {
                if let Some(id) = other(input, &self.others) {
                    let len = u64::from(input.word() % 100_000);
                    let _over = self.server.write(id, &Rope::fill(9, 0, len), &mut self.env);
                }
            }
            12 => {
                if let Some(id) = other(input, &self.others) {
                    let most = u64::from(input.word() % 100_000);
                    let _over = self.server.read(id, most, &mut self.env);
                }
            }
            13 => {
                if let Some(id) = other(input, &self.others) {
                    let _over = match input.byte() % 3 {
                        0 => self.server.finish(id, &mut self.env),
                        1 => self.server.close(id, &mut self.env),
                        _ => self.server.abort(id, &mut self.env),
                    };
                }
            }
            14 => {
                let (port, own) = self.ports(input);
                let (sequence, _) = self.known.get(&(port, own)).copied().unwrap_or_default();
                let (local, remote) = (SocketAddr::new(SERVER, own), SocketAddr::new(ENEMY, port));
                let sequence = sequence.wrapping_add(input.word() % 64).wrapping_sub(32);
                let is_hard = input.one_in(2);
                if input.one_in(2) {
                    let mtu = u64::from(input.word() % 2000);
                    self.server.handle_path_mtu(local, remote, sequence, mtu, &mut self.env);
                } else {
                    self.server.handle_unreachable(local, remote, sequence, is_hard, &mut self.env);
                }
            }
            _ => self.friend_writes(u64::from(input.byte()) * 16),
        }
    }

    fn ports(&self, input: &mut Input<'_>) -> (u16, u16) {
        let known: Vec<(u16, u16)> = self.known.keys().copied().collect();
        match known.get(usize::from(input.byte() % 16)) {
            Some(pair) => *pair,
            None => (1000 + u16::from(input.byte() % 8), if input.one_in(8) { 81 } else { PORT }),
        }
    }

    /// A segment of the enemy: numbers near those that the server has shown, or any.
    fn segment(&self, input: &mut Input<'_>) -> Segment {
        let (port, own) = self.ports(input);
        let (sequence, acknowledgment) = self.known.get(&(port, own)).copied().unwrap_or_default();
        let near = |input: &mut Input<'_>, number: u32| match input.byte() {
            0..=159 => number,
            160..=239 => number.wrapping_add(input.word() % 8192).wrapping_sub(4096),
            _ => input.word(),
        };
        let flags = match input.byte() {
            0..=99 => TcpFlags::ACK,
            100..=139 => TcpFlags::SYN,
            140..=159 => TcpFlags::ACK.with(TcpFlags::FIN),
            other => TcpFlags::from_bits(other.wrapping_mul(37) ^ input.byte()),
        };
        let len = match input.byte() {
            0..=127 => 0,
            other => u64::from(other) * u64::from(input.byte() % 12),
        };
        let header = TcpHeader {
            source_port: port,
            destination_port: own,
            sequence: near(input, acknowledgment),
            acknowledgment: near(input, sequence),
            flags,
            window: (input.word() % 65_536) as u16,
            urgent: input.byte().into(),
            timestamps: (input.one_in(2)).then(|| Timestamps { value: input.word(), echo: input.word() }),
            options: (input.one_in(2)).then(|| Box::new(options(input, sequence))),
        };
        let ecn = Ecn::from_bits(input.byte());
        Segment { header, payload: Rope::fill(5, 0, len), ecn }
    }

    fn open(&mut self, input: &mut Input<'_>) {
        if self.others.len() > 20 {
            return;
        }
        let opening = Opening {
            local: SocketAddr::new(SERVER, 0),
            remote: SocketAddr::new(ENEMY, 1000 + u16::from(input.byte() % 8)),
            mtu: 68 + u64::from(input.word() % 9000),
            early_data: Rope::fill(3, 0, u64::from(input.byte())),
            owner: 0,
            parameters: Arc::new(Parameters { fast_open: FastOpen::Both, ..Parameters::of(Profile::Linux) }),
        };
        if let Ok(id) = self.server.connect(opening, &mut self.env) {
            self.others.push(id);
        }
    }

    fn friend_writes(&mut self, most: u64) {
        let len = most.min(BYTES - self.written);
        let data = Rope::fill(7, self.written, len);
        self.written += self.friend.write(self.call, &data, &mut self.env).unwrap_or(0);
    }

    /// Time passes; what is due on the way is run.
    fn pass(&mut self, span: Span) {
        let until = self.now.saturating_add(span);
        for round in 0.. {
            assert!(round < 200_000, "timers do not come to rest");
            let next = [&self.server, &self.friend]
                .into_iter()
                .filter_map(|stack| stack.poll_timeout())
                .map(|(_, due)| due.at);
            let Some(at) = next.min().filter(|at| *at <= until) else { break };
            assert!(at >= self.now, "a deadline is past");
            (self.now, self.env.now) = (at, at);
            for stack in [&mut self.server, &mut self.friend] {
                while let Some((id, _)) = stack.poll_timeout().filter(|(_, due)| due.at <= at) {
                    stack.handle_timeout(id, &mut self.env);
                }
            }
            self.settle();
        }
        (self.now, self.env.now) = (until, until);
    }

    /// Lets both hosts do what is to be done; what they send to each other arrives at once.
    fn settle(&mut self) {
        for round in 0.. {
            assert!(round < 10_000, "it does not come to rest");
            self.server.flush(&mut self.env);
            self.friend.flush(&mut self.env);
            let mut is_quiet = true;
            while let Some(output) = self.server.next_output() {
                is_quiet = false;
                self.take_from_server(output);
            }
            while let Some(output) = self.friend.next_output() {
                is_quiet = false;
                if let Some(segment) = segment_of(output) {
                    self.server.handle_segment(SERVER, FRIEND, segment, 1500, &mut self.env);
                }
            }
            if is_quiet {
                return;
            }
        }
    }

    fn take_from_server(&mut self, output: Output) {
        match output {
            Output::Transmit { ref packet, .. } if packet.dst() == FRIEND => {
                let Some(segment) = segment_of(output) else { return };
                self.friend.handle_segment(FRIEND, SERVER, segment, 1500, &mut self.env);
            }
            Output::Transmit { .. } => {
                let Some(segment) = segment_of(output) else { return };
                let header = &segment.header;
                let end = header.sequence.wrapping_add(segment.len_in_sequence() as u32);
                self.known.insert((header.destination_port, header.source_port), (end, header.acknowledgment));
                if self.known.len() > 24 {
                    self.known.pop_first();
                }
            }
            Output::Notify { notice: Notice::Incoming(listener), .. } => {
                let accepted = self.server.accept(listener);
                let is_friend = |id| self.server.ends(id).is_ok_and(|(_, remote)| remote.ip() == FRIEND);
                match accepted {
                    Some(id) if is_friend(id) => self.friendly = Some(id),
                    Some(id) => self.others.push(id),
                    None => {}
                }
            }
            Output::Notify { connection, notice, .. } if Some(connection) == self.friendly => {
                assert!(!matches!(notice, Notice::Closed(_)), "the friend's connection is gone");
                let Ok(data) = self.server.read(connection, u64::MAX, &mut self.env) else { return };
                assert!(
                    data.is_empty() || data == Rope::fill(7, self.read, data.len()),
                    "the friend's bytes have changed"
                );
                self.read += data.len();
            }
            Output::Notify { connection, notice: Notice::Closed(_), .. } => self.others.retain(|id| *id != connection),
            Output::Notify { .. } | Output::Observe { .. } => {}
        }
    }

    /// The friend sends the rest: all of it arrives.
    fn finish(&mut self) {
        for _ in 0..4000 {
            self.friend_writes(BYTES);
            self.settle();
            if self.read == BYTES {
                return;
            }
            self.pass(Span::from_secs(1));
        }
        panic!("{} of {BYTES} bytes of the friend have arrived", self.read);
    }
}

fn options(input: &mut Input<'_>, near: u32) -> TcpOptions {
    let block = |input: &mut Input<'_>| {
        let left = near.wrapping_sub(input.word() % 16_384);
        SackBlock { left, right: left.wrapping_add(input.word() % 8192) }
    };
    TcpOptions {
        mss: (input.one_in(2)).then(|| (input.word() % 65_536) as u16),
        window_scale: (input.one_in(2)).then(|| input.byte()),
        sack_permitted: input.one_in(2),
        sack: (0..input.byte() % 5).map(|_| block(input)).collect(),
        fast_open: (input.one_in(4)).then(|| Bytes::copy_from_slice(&input.word().to_be_bytes())),
        as_received: None,
    }
}

fn segment_of(output: Output) -> Option<Segment> {
    let Output::Transmit { packet, .. } = output else { return None };
    Segment::of(packet)
}

#[cfg(test)]
mod tests {
    use super::attack;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn hostile_segments_change_nothing_for_others(data in prop::collection::vec(any::<u8>(), 0..3000)) {
            attack(&data);
        }
    }
}
