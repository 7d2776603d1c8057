//! The event log of a run: what connections and exchanges do step by step, and which packets are dropped. One schema for all
//! protocols; `docs/events.md` tells it in words, `docs/events.schema.json` is made from these types.

use super::wires::Wires;
use crate::scenario::Way;
use protosim_core::SimTime;
use protosim_core::kernel::Reported;
use protosim_models::Observation;
use protosim_models::node::{Fate, Report};
use protosim_models::packet::Packet;
use protosim_models::tcp::{self, Drop, Trace, Why};
use protosim_reports::diagram::Reader;
use serde::Serialize;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// An event of a run.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// When, on the simulation's own clock.
    pub at: SimTime,
    /// Number of the node, among nodes and shared media.
    pub node: u32,
    /// Index of the application in the scenario.
    pub app: Option<usize>,
    /// Number of the stream among those of the application.
    pub stream: Option<u32>,
    /// What.
    pub what: What,
}

/// A line of the event log.
#[derive(Clone, PartialEq, Debug, Serialize, schemars::JsonSchema)]
#[schemars(title = "An event")]
pub struct EventLine<'a> {
    /// The point, by its number in the tables.
    pub point: usize,
    /// The replication of the point.
    pub replication: u64,
    /// When, in nanoseconds since the start of the run.
    pub time_ns: u64,
    /// Where: the name of the node, or of the shared medium with `medium:` in front.
    pub node: &'a str,
    /// The application; absent for what nodes and links do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app: Option<&'a str>,
    /// The number of the stream among those of the application on this node; absent for what is not of a stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<u32>,
    /// What.
    #[serde(flatten)]
    pub what: &'a What,
}

/// What happens. Offsets count the bytes of a stream: the SYN is at 0, the first byte of data at 1.
#[derive(Clone, PartialEq, Debug, Serialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "snake_case")]
pub enum What {
    /// A client begins an exchange: its first transmission is being sent.
    ExchangeStarted(ExchangeName),
    /// The server's application has the request of this exchange for the first time.
    RequestDelivered(ExchangeName),
    /// The first byte of the response has reached the client's application.
    ResponseBegan(ExchangeName),
    /// An exchange is begun anew on another connection, and has another name from now on.
    ExchangeMoved {
        /// The name that it had.
        #[serde(flatten)]
        exchange: ExchangeName,
        /// The address and port of the client from now on.
        to_client: String,
        /// Its number from now on.
        to_id: u64,
    },
    /// An exchange is over for its client.
    ExchangeEnded {
        /// Which exchange.
        #[serde(flatten)]
        exchange: ExchangeName,
        /// How it ended: `response`, `error response`, `timed out`, `reset`, `out of memory`, `unanswered`, `incomplete`.
        outcome: &'static str,
        /// How often the request was sent, the first time included.
        transmissions: u32,
    },
    /// A datagram has reached a sink, or a sink has read bytes of a stream.
    Received {
        /// The address and port of its sender.
        from: String,
        /// When the datagram was sent; null for bytes of a stream.
        sent_ns: Option<u64>,
        /// Its payload.
        bytes: u64,
    },
    /// A connection has changed its state.
    State {
        /// Before, as RFC 9293 calls it.
        from: String,
        /// After.
        to: String,
    },
    /// A segment leaves.
    Sent {
        /// Its first offset.
        offset: u64,
        /// Sequence numbers that it takes: bytes of data, and one each for SYN and FIN.
        len: u64,
        /// The how-manieth transmission of its first offset, from 1.
        transmission: u32,
        /// Why: `new`, `fast-retransmit`, `timeout`, `tail-loss-probe`, `window-probe`, `keepalive`.
        why: &'static str,
    },
    /// An acknowledgement has come.
    Acked {
        /// The offset up to which everything has arrived.
        una: u64,
        /// Bytes that it has newly acknowledged, selectively or not.
        delivered: u64,
        /// True for a duplicate (RFC 5681 §2).
        is_duplicate: bool,
    },
    /// A segment is held lost.
    Lost {
        /// Its first offset.
        offset: u64,
        /// Its length.
        len: u64,
    },
    /// A connection drops an arriving segment.
    Dropped {
        /// Why: `outside-window`, `paws`, `blind-reset`, `blind-syn`, `bad-ack`, `no-ack`, `out-of-memory`.
        why: &'static str,
    },
    /// A timer was due.
    Timer {
        /// Its name.
        name: &'static str,
    },
    /// A connection stands differently with losses.
    Phase {
        /// Before: `open`, `disorder`, `cwr`, `recovery`, `loss`.
        from: String,
        /// After.
        to: String,
    },
    /// The last reduction of the window was for nothing, and is undone.
    Undone,
    /// The peer's window has closed or opened.
    ZeroWindow {
        /// True if it has closed.
        is_closed: bool,
    },
    /// How windows and estimates of a connection stand; after each acknowledgement, loss and time-out.
    Sample {
        /// Congestion window in bytes.
        cwnd: u64,
        /// Slow start threshold in bytes; null for none.
        ssthresh: Option<u64>,
        /// Bytes in flight.
        in_flight: u64,
        /// The peer's window in bytes.
        snd_wnd: u64,
        /// Smoothed round-trip time; null before there is one.
        srtt_ns: Option<u64>,
        /// Round-trip time as last measured; null before there is one.
        rtt_ns: Option<u64>,
        /// Retransmission time-out.
        rto_ns: u64,
        /// Bytes that wait to be sent for the first time.
        unsent: u64,
        /// Bytes per second; null for none.
        pacing_rate: Option<u64>,
    },
    /// The battery of a node's device is empty, or too weak for what is drawn: the node stops for good.
    BatteryDead,
    /// A packet goes no further: on a link, in the queue in front of it, or at a node.
    PacketDropped {
        /// The link or the shared medium.
        link: String,
        /// Which direction of the link; absent on a shared medium.
        #[serde(skip_serializing_if = "Option::is_none")]
        direction: Option<Direction>,
        /// Why, as in `counters`.
        cause: &'static str,
        /// The packet: equal wherever it passes in this run.
        packet: u64,
        /// Its length, IP header included.
        bytes: u64,
        /// What it says, in words.
        says: String,
    },
}

/// An exchange, named alike by both its ends.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, schemars::JsonSchema)]
pub struct ExchangeName {
    /// The client's address and port.
    pub client: String,
    /// The server's address and port.
    pub server: String,
    /// A number that is the exchange's alone while it is open (CoAP: the token).
    pub id: u64,
}

/// A direction of a link.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// From the first end to the second.
    Forward,
    /// From the second end to the first.
    Backward,
}

impl From<Way> for Direction {
    fn from(way: Way) -> Self {
        match way {
            Way::Forward => Self::Forward,
            Way::Backward => Self::Backward,
        }
    }
}

/// The JSON Schema of a line, as text with a line break at its end. Keys are sorted.
pub fn events_schema_text() -> String {
    let settings = schemars::generate::SchemaSettings::draft2020_12().for_serialize();
    let schema = settings.into_generator().into_root_schema_for::<EventLine<'static>>();
    format!("{:#}\n", schema.to_value())
}

/// All events of a run, in order of its reports. `app_of` tells the scenario's index of a node's application.
pub(super) fn events(
    reports: &[Reported<Report>],
    wires: &Wires<'_>,
    app_of: impl Fn(u32, u32) -> usize,
) -> Vec<Event> {
    let mut all = Vec::new();
    let mut words = Words::default();
    for Reported { at, entity, report } in reports {
        match report {
            Report::App { app, observation } => {
                let Some((stream, what)) = observed(observation) else { continue };
                all.push(Event { at: *at, node: entity.0, app: Some(app_of(entity.0, *app)), stream, what });
            }
            // What they carry is told packet by packet.
            Report::Frame(_) => {}
            Report::Packet(packet) => {
                let says = words.of(*at, &packet.packet);
                if let Fate::Dropped(cause) = packet.fate {
                    let (link, direction) = wires.name(packet.wire);
                    let what = What::PacketDropped {
                        link,
                        direction: direction.map(Direction::from),
                        cause: cause.name(),
                        packet: packet.packet.provenance.packet_id,
                        bytes: packet.packet.wire_len(),
                        says: says.to_owned(),
                    };
                    all.push(Event { at: *at, node: entity.0, app: None, stream: None, what });
                }
            }
            Report::BatteryDead => {
                let what = What::BatteryDead;
                all.push(Event { at: *at, node: entity.0, app: None, stream: None, what });
            }
        }
    }
    all
}

/// What packets say: each is read where it is seen first.
#[derive(Default)]
struct Words {
    reader: Reader,
    said: BTreeMap<(u64, Option<u16>), String>,
}

impl Words {
    fn of(&mut self, at: SimTime, packet: &Packet) -> &str {
        let key = (packet.provenance.packet_id, packet.ip.fragment().map(|fragment| fragment.offset));
        self.said.entry(key).or_insert_with(|| self.reader.read(at, packet).text)
    }
}

/// `None` for what is no event.
fn observed(observation: &Observation) -> Option<(Option<u32>, What)> {
    let exchange = |id: &protosim_models::ExchangeId| ExchangeName {
        client: id.client.to_string(),
        server: id.server.to_string(),
        id: id.id,
    };
    let text = |socket: &SocketAddr| socket.to_string();
    Some(match observation {
        Observation::ExchangeStarted(id) => (None, What::ExchangeStarted(exchange(id))),
        Observation::RequestDelivered(id) => (None, What::RequestDelivered(exchange(id))),
        Observation::ResponseBegan(id) => (None, What::ResponseBegan(exchange(id))),
        Observation::ExchangeMoved { from, to } => {
            let (exchange, to_client, to_id) = (exchange(from), to.client.to_string(), to.id);
            (None, What::ExchangeMoved { exchange, to_client, to_id })
        }
        Observation::ExchangeEnded { exchange: id, outcome, transmissions } => {
            let (exchange, outcome, transmissions) = (exchange(id), outcome.name(), *transmissions);
            (None, What::ExchangeEnded { exchange, outcome, transmissions })
        }
        Observation::Received { from, sent_at, bytes } => {
            (None, What::Received { from: text(from), sent_ns: sent_at.map(SimTime::as_nanos), bytes: *bytes })
        }
        Observation::Stream { stream, trace } => (Some(stream.0), traced(trace)),
        Observation::TlsSecret(_) | Observation::Message(_) => return None,
    })
}

fn traced(trace: &Trace) -> What {
    match *trace {
        Trace::State { from, to } => What::State { from: from.to_string(), to: to.to_string() },
        Trace::Sent { offset, len, transmission, why } => What::Sent { offset, len, transmission, why: why_words(why) },
        Trace::Acked { una, delivered, is_duplicate } => What::Acked { una, delivered, is_duplicate },
        Trace::Lost { offset, len } => What::Lost { offset, len },
        Trace::Dropped(drop) => What::Dropped { why: drop_words(drop) },
        Trace::Timer(name) => What::Timer { name },
        Trace::Phase { from, to } => What::Phase { from: phase_words(from), to: phase_words(to) },
        Trace::Undone => What::Undone,
        Trace::ZeroWindow(is_closed) => What::ZeroWindow { is_closed },
        Trace::Sample(sample) => {
            let some = |value: u64| (value != u64::MAX).then_some(value);
            let nanos = |span: protosim_core::Span| (!span.is_zero()).then_some(span.as_nanos());
            What::Sample {
                cwnd: sample.cwnd,
                ssthresh: some(sample.ssthresh),
                in_flight: sample.in_flight,
                snd_wnd: sample.snd_wnd,
                srtt_ns: nanos(sample.srtt),
                rtt_ns: nanos(sample.rtt),
                rto_ns: sample.rto.as_nanos(),
                unsent: sample.unsent,
                pacing_rate: some(sample.pacing_rate),
            }
        }
    }
}

const fn why_words(why: Why) -> &'static str {
    match why {
        Why::New => "new",
        Why::FastRetransmit => "fast-retransmit",
        Why::Timeout => "timeout",
        Why::TailLossProbe => "tail-loss-probe",
        Why::WindowProbe => "window-probe",
        Why::Keepalive => "keepalive",
    }
}

/// Why a segment was dropped, in one word.
pub(super) const fn drop_words(drop: Drop) -> &'static str {
    match drop {
        Drop::OutsideWindow => "outside-window",
        Drop::Paws => "paws",
        Drop::BlindReset => "blind-reset",
        Drop::BlindSyn => "blind-syn",
        Drop::BadAck => "bad-ack",
        Drop::NoAck => "no-ack",
        Drop::OutOfMemory => "out-of-memory",
    }
}

fn phase_words(phase: tcp::congestion::Phase) -> String {
    format!("{phase:?}").to_ascii_lowercase()
}
