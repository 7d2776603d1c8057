//! A broker, or a client, and connections whose bytes a test says and hears.

use crate::app::{App, StreamId};
use crate::mqtt::{MqttBroker, MqttBrokerConfig, MqttClient, MqttClientConfig};
use crate::rope::Rope;
use crate::tcp::CloseReason;
use crate::tcp::app::tests::bench::{Bench, peer, total};
use protosim_core::{LocalTime, Span};

pub(super) fn bytes(hex: &str) -> Vec<u8> {
    hex.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).expect("two hexadecimal digits")).collect()
}

fn hex(bytes: &[u8]) -> String {
    let bytes: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    bytes.join(" ")
}

/// A broker that says nothing of itself in CONNACK.
pub(super) fn silent() -> MqttBrokerConfig {
    MqttBrokerConfig {
        sys_interval: Span::ZERO,
        receive_maximum: u16::MAX,
        topic_alias_maximum: 0,
        ..MqttBrokerConfig::default()
    }
}

/// CONNACK of a silent broker, without a session and with one.
pub(super) const WELCOME: &str = "20 03 00 00 00";
pub(super) const WELCOME_BACK: &str = "20 03 01 00 00";

pub(super) struct Table<A> {
    pub(super) app: A,
    bench: Bench,
    /// By stream, how much of what was written is known.
    heard: Vec<usize>,
}

impl Table<MqttBroker> {
    pub(super) fn broker(config: MqttBrokerConfig) -> Self {
        assert_eq!(config.check(), []);
        let (mut app, mut bench) = (MqttBroker::new(config), Bench::new(1 << 20));
        app.on_start(&mut bench);
        Self { app, bench, heard: Vec::new() }
    }

    /// A connection without a word.
    pub(super) fn accept(&mut self) -> u32 {
        let StreamId(stream) = self.bench.accept(&mut self.app, 1883);
        stream
    }

    /// A connection with a CONNECT of 5.0 for `client`, a keep alive of 60 s, these flags (02 for Clean Start) and these properties.
    pub(super) fn connect(&mut self, client: char, flags: u8, properties: &str) -> u32 {
        let stream = self.accept();
        let properties = bytes(properties);
        let head = [&b"\x00\x04MQTT\x05"[..], &[flags, 0, 60, properties.len() as u8]].concat();
        let body = [&head[..], &properties, b"\x00\x01", &[client as u8]].concat();
        let packet = [&[0x10, body.len() as u8], &body[..]].concat();
        self.say(stream, &hex(&packet));
        stream
    }

    /// The same, with a clean start, answered with success and nothing else.
    pub(super) fn welcome(&mut self, client: char, properties: &str) -> u32 {
        let stream = self.connect(client, 0x02, properties);
        assert_eq!(self.hear(stream), WELCOME);
        stream
    }
}

impl Table<MqttClient> {
    /// A client, whose connection is stream 0.
    pub(super) fn client(config: MqttClientConfig) -> Self {
        assert_eq!(config.check(), []);
        let (mut app, mut bench) = (MqttClient::new(config, peer()), Bench::new(1 << 20));
        app.on_start(&mut bench);
        let mut table = Self { app, bench, heard: Vec::new() };
        table.wait(Span::ZERO);
        table
    }
}

impl<A: App> Table<A> {
    pub(super) fn say(&mut self, stream: u32, hex: &str) {
        self.bench.receive(&mut self.app, stream, &Rope::from(bytes(hex)));
    }

    /// What was written to a stream since it was asked for last.
    pub(super) fn hear(&mut self, stream: u32) -> String {
        let index = stream as usize;
        if self.heard.len() <= index {
            self.heard.resize(index + 1, 0);
        }
        let written = self.bench.streams[index].written.to_bytes();
        let new = hex(&written[self.heard[index]..]);
        self.heard[index] = written.len();
        new
    }

    /// What is answered.
    pub(super) fn ask(&mut self, stream: u32, hex: &str) -> String {
        self.say(stream, hex);
        self.hear(stream)
    }

    pub(super) fn is_closed(&self, stream: u32) -> bool {
        self.bench.streams[stream as usize].is_closed
    }

    /// The stream ends.
    pub(super) fn close(&mut self, stream: u32, reason: CloseReason) {
        self.bench.close(&mut self.app, stream, reason);
    }

    /// Time passes.
    pub(super) fn wait(&mut self, span: Span) {
        let at = self.now().saturating_add(span);
        self.bench.pass(&mut self.app, at);
    }

    fn now(&self) -> LocalTime {
        protosim_core::Env::now(&self.bench)
    }

    pub(super) fn total(&self, name: &str) -> u64 {
        total(&self.app, name)
    }
}
