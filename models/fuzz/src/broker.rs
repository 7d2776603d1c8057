//! A broker of MQTT, and some connections to it.

use crate::stage::{Open, Stage};
use protosim_core::{Size, Span};
use protosim_models::app::{App, StreamEvent, StreamId};
use protosim_models::mqtt::config::{MqttAliases, MqttMethod, MqttOverflow};
use protosim_models::mqtt::wire::{Decoder, Version};
use protosim_models::mqtt::{MqttBroker, MqttBrokerConfig};
use protosim_models::rope::Rope;
use protosim_models::tcp::CloseReason;
use std::net::SocketAddr;

/// Sessions end after this time at most.
const EXPIRY: Span = Span::from_secs(10);
const STREAMS: usize = 6;
const STEPS: usize = 400;

/// What an input does: the first byte chooses the broker's configuration, then each step has a byte that says what, and a stream.
///
/// Whatever comes, what the broker says can be read; no call to the host fails; no more memory is given back than was taken; and when all
/// connections and sessions are over, nothing of it is left but retained messages.
pub fn mqtt_broker(data: &[u8]) {
    let Some((choice, mut rest)) = data.split_first() else { return };
    let mut play = Play::new(config(*choice), choice & 0x40 != 0);
    for _ in 0..STEPS {
        let [step, more @ ..] = rest else { break };
        rest = play.step(*step, more);
    }
    play.end();
}

fn config(choice: u8) -> MqttBrokerConfig {
    let is = |bit: u8| choice & bit != 0;
    MqttBrokerConfig {
        sys_interval: Span::ZERO,
        max_session_expiry: Some(EXPIRY),
        max_in_flight: 3,
        max_queued: 4,
        max_queued_bytes: Some(Size::from_bytes(200)),
        max_packet: Some(Size::from_bytes(400)),
        max_retained: Some(3),
        max_subscriptions: Some(5),
        receive_maximum: 3,
        topic_alias_maximum: 2,
        overflow: if is(1) { MqttOverflow::Refuse } else { MqttOverflow::DropOldest },
        method: if is(2) { MqttMethod::A } else { MqttMethod::B },
        aliases: if is(4) { MqttAliases::LeastRecentlyUsed } else { MqttAliases::FirstCome },
        queue_qos0: is(8),
        durable: is(16),
        sync: if is(16) && is(32) { Span::from_millis(5) } else { Span::ZERO },
        ..MqttBrokerConfig::default()
    }
}

/// The broker and its host.
struct Play {
    config: MqttBrokerConfig,
    app: Box<dyn App>,
    host: Stage<Option<Version>>,
}

impl Play {
    fn new(config: MqttBrokerConfig, is_tight: bool) -> Self {
        assert_eq!(config.check(), []);
        let mut host = Stage::new(if is_tight { 4000 } else { u64::MAX });
        let mut app: Box<dyn App> = Box::new(MqttBroker::new(config.clone()));
        app.on_start(&mut host);
        Self { config, app, host }
    }

    /// One step, with what it needs of the rest.
    fn step<'a>(&mut self, step: u8, rest: &'a [u8]) -> &'a [u8] {
        let which = usize::from(step >> 4);
        match step & 0x0f {
            0 | 1 if self.host.streams.len() < STREAMS => {
                let version = if step & 1 == 0 { Version::V311 } else { Version::V5 };
                self.accept(version, which);
            }
            2..=5 => {
                let Some((len, rest)) = rest.split_first() else { return rest };
                let (piece, rest) = rest.split_at(usize::from(*len).min(rest.len()));
                self.receive(which, piece);
                return rest;
            }
            6 => self.receive(which, &[0xc0, 0x00]),
            7 => self.subscribe(which),
            8 | 9 => self.publish(which, step & 1 != 0),
            10 => self.tell(which, StreamEvent::Closed(CloseReason::Reset)),
            11 => self.tell(which, StreamEvent::Finished),
            12 => self.host.set_room(which, 3),
            13 => {
                self.host.set_room(which, 1 << 16);
                self.tell(which, StreamEvent::Writable);
            }
            14 => self.advance(),
            15 if step >> 4 == 15 => self.crash(),
            _ => {}
        }
        rest
    }

    /// A connection, mostly with a CONNECT: which client it is, and how, says `which`.
    fn accept(&mut self, version: Version, which: usize) {
        let stream = self.host.open_stream(None);
        let peer = SocketAddr::from(([10, 0, 0, 2], 5000));
        self.app.on_stream(stream, StreamEvent::Accepted { port: 1883, peer }, &mut self.host);
        self.clear();
        if which == 15 {
            return;
        }
        if let Some(open) = self.host.streams.get_mut(&stream) {
            open.kind = Some(version);
        }
        let flags = if which & 1 == 0 { 2 } else { 0 } | if which & 8 == 0 { 0 } else { 0x0c };
        let id = b'a' + (which >> 1 & 3) as u8;
        let will: &[u8] = match (which & 8 == 0, version) {
            (true, _) => b"",
            (false, Version::V311) => b"\x00\x01t\x00\x01w",
            // A delay of 3 s.
            (false, Version::V5) => b"\x05\x18\x00\x00\x00\x03\x00\x01t\x00\x01w",
        };
        // Session Expiry of 100 s, of which the broker leaves 10; Receive Maximum 2; an alias.
        let properties: &[u8] = match version {
            Version::V311 => b"",
            Version::V5 => b"\x0b\x11\x00\x00\x00\x64\x21\x00\x02\x22\x00\x01",
        };
        let head =
            [&b"\x00\x04MQTT"[..], &[version.level(), flags, 0, 2], properties, b"\x00\x01", &[id], will].concat();
        self.give(stream, &[&[0x10, head.len() as u8], &head[..]].concat());
    }

    fn subscribe(&mut self, which: usize) {
        const FILTERS: [&[u8]; 4] = [b"t", b"#", b"$share/g/t", b"t/+"];
        let Some((stream, version)) = self.host.stream(which) else { return };
        let filter = FILTERS[which & 3];
        let properties: &[u8] = if version == Some(Version::V5) { b"\x02\x0b\x07" } else { b"" };
        let options = (which >> 2 & 3).min(2) as u8;
        let body = [&b"\x00\x31"[..], properties, &[0, filter.len() as u8], filter, &[options]].concat();
        self.give(stream, &[&[0x82, body.len() as u8], &body[..]].concat());
    }

    fn publish(&mut self, which: usize, is_retained: bool) {
        let Some((stream, version)) = self.host.stream(which) else { return };
        let qos = (which >> 2 & 3).min(2) as u8;
        let id: &[u8] = if qos == 0 { b"" } else { &[0, which as u8 + 1] };
        let properties: &[u8] = match (version, which & 1) {
            (Some(Version::V5), 0) => b"\x00",
            // An expiry of 2 s.
            (Some(Version::V5), _) => b"\x05\x02\x00\x00\x00\x02",
            _ => b"",
        };
        let body = [&b"\x00\x01t"[..], id, properties, b"payload"].concat();
        self.give(stream, &[&[0x30 | qos << 1 | u8::from(is_retained), body.len() as u8], &body[..]].concat());
    }

    fn receive(&mut self, which: usize, bytes: &[u8]) {
        if let Some((stream, _)) = self.host.stream(which) {
            self.give(stream, bytes);
        }
    }

    fn give(&mut self, stream: StreamId, bytes: &[u8]) {
        let Some(open) = self.host.streams.get_mut(&stream) else { return };
        open.waiting.append(&Rope::from(bytes.to_vec()));
        self.app.on_stream(stream, StreamEvent::Readable, &mut self.host);
        self.clear();
    }

    fn tell(&mut self, which: usize, event: StreamEvent) {
        let Some((stream, _)) = self.host.stream(which) else { return };
        if matches!(event, StreamEvent::Closed(_))
            && let Some(open) = self.host.streams.remove(&stream)
        {
            check(&open);
        }
        self.app.on_stream(stream, event, &mut self.host);
        self.clear();
    }

    /// Streams that the broker has closed are gone.
    fn clear(&mut self) {
        let closed: Vec<StreamId> =
            self.host.streams.iter().filter(|(_, open)| open.is_closed).map(|(stream, _)| *stream).collect();
        for stream in closed {
            if let Some(open) = self.host.streams.remove(&stream) {
                check(&open);
            }
            self.app.on_stream(stream, StreamEvent::Closed(CloseReason::Done), &mut self.host);
        }
    }

    /// The time of the next timer.
    fn advance(&mut self) {
        let Some(token) = self.host.next_timer() else { return };
        self.app.on_timer(token, &mut self.host);
        self.clear();
    }

    /// A loss of power: another broker begins with what is on disc.
    fn crash(&mut self) {
        self.check_calls();
        let durable = self.app.take_durable();
        self.host.lose_power();
        self.app = Box::new(MqttBroker::new(self.config.clone()));
        if let Some(durable) = durable {
            self.app.recover(durable);
        }
        self.app.on_start(&mut self.host);
    }

    fn total(&self, name: &str) -> u64 {
        self.app.totals().into_iter().find(|total| total.name == name).map_or(0, |total| total.value)
    }

    fn check_calls(&self) {
        assert_eq!(self.total("refused_calls"), 0, "a call to the host failed");
        assert!(self.total("connects") + self.total("refused_connects") <= self.total("connections"));
        assert!(self.total("sessions_resumed") <= self.total("connects"));
    }

    /// All connections end, and all sessions.
    fn end(mut self) {
        for stream in self.host.streams.keys().copied().collect::<Vec<_>>() {
            if let Some(open) = self.host.streams.remove(&stream) {
                check(&open);
            }
            self.app.on_stream(stream, StreamEvent::Closed(CloseReason::Reset), &mut self.host);
        }
        // Writes to disc, wills, sessions; each may bring others.
        let mut steps = 0;
        while !self.host.timers.is_empty() {
            self.advance();
            steps += 1;
            assert!(steps < 10_000, "the broker does not come to rest");
        }
        self.check_calls();
        assert_eq!(self.total("last_sessions"), 0, "sessions are left");
        assert_eq!(self.total("last_subscriptions"), 0, "subscriptions are left");
        if self.total("last_retained_messages") == 0 {
            assert_eq!(self.host.taken, 0, "memory is left");
        }
    }
}

/// What was written can be read, up to the packet that was being written.
fn check(open: &Open<Option<Version>>) {
    let Some(version) = open.kind else { return };
    let mut decoder = Decoder::of_client(version);
    decoder.push(&open.written);
    while decoder.next_packet().expect("what a broker says can be read").is_some() {}
}
