//! The catalogue of metrics: what can be measured of what, and what each number means.

use super::milestone::{Milestone, Statistic};
use super::total::TotalName;
use protosim_models::name::LinkName;
use serde::{Deserialize, Serialize};

/// Something that is measured at each point.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Metric {
    /// Share of exchanges whose request reached the server's application.
    Delivered,
    /// Share of exchanges that ended with a response; one that is open when the run ends has none.
    Completed,
    /// Mean number of transmissions of the request, over all exchanges that ended.
    MeanTransmissions,
    /// Times from the first transmission to the response, one by one: for figures over time and of distributions.
    Completion,
    /// Mean time from the first transmission to the response, over exchanges that got one.
    MeanCompletion,
    /// Median of that time.
    MedianCompletion,
    /// Its 95 % quantile.
    P95Completion,
    /// Its 99 % quantile.
    P99Completion,
    /// Times from the start until the server's application has the request, of AMQP and MQTT the first subscriber's the message, one by one: for
    /// figures over time and of distributions.
    DeliveryTime,
    /// Mean time from the start until the request is delivered, over exchanges whose request is.
    MeanDeliveryTime,
    /// Median of that time.
    MedianDeliveryTime,
    /// Its 95 % quantile.
    P95DeliveryTime,
    /// Its 99 % quantile.
    P99DeliveryTime,
    /// Times from the start to the first byte of the response, one by one, of clients over streams: for figures over time and of
    /// distributions.
    TimeToFirstByte,
    /// Mean time from the start to the first byte of the response, over exchanges that got one.
    MeanTimeToFirstByte,
    /// Median of that time.
    MedianTimeToFirstByte,
    /// Its 95 % quantile.
    P95TimeToFirstByte,
    /// Its 99 % quantile.
    P99TimeToFirstByte,
    /// Packets that all nodes of the network have made in the whole run, over the exchanges of the only application that has some.
    PacketsPerExchange,
    /// The bytes of these packets, over the same.
    BytesPerExchange,
    /// Exchanges per second whose request reached the server's application, of AMQP and MQTT the first subscriber's the message: those that did so in the measurement window, whenever they began.
    DeliveryRate,
    /// Exchanges per second that ended with a response, of AMQP and MQTT messages that their publisher is done with: those that did so in the measurement window, whenever they began.
    CompletionRate,
    /// Payload that reached a sink's application, per time.
    Goodput,
    /// One-way delays, one by one: for figures over time and of distributions.
    OneWayDelay,
    /// Mean time from a datagram's departure at its host to its arrival at the sink, over those that arrived.
    MeanOneWayDelay,
    /// Median of that time.
    MedianOneWayDelay,
    /// Its 95 % quantile.
    P95OneWayDelay,
    /// Its 99 % quantile.
    P99OneWayDelay,
    /// Share of a sink's datagrams that came with a congestion mark.
    MarkedShare,
    /// Share of the bytes of an application's connections that were sent again.
    RetransmittedShare,
    /// Congestion window of an application's first connection: for figures over time.
    CongestionWindow,
    /// Its slow start threshold: for figures over time.
    SlowStartThreshold,
    /// Bytes that it has in flight: for figures over time.
    BytesInFlight,
    /// Its round trips as measured: for figures over time.
    RoundTrip,
    /// Its smoothed round trip: for figures over time.
    SmoothedRoundTrip,
    /// Its retransmission time-out: for figures over time.
    RetransmissionTimeout,
    /// The rate at which it spreads segments: for figures over time.
    PacingRate,
    /// Waits for the serialiser: for figures over time and of distributions.
    QueueDelay,
    /// Mean time from a packet's offer to its first bit on the wire.
    MeanQueueDelay,
    /// Median of that time.
    MedianQueueDelay,
    /// Its 95 % quantile.
    P95QueueDelay,
    /// Its 99 % quantile.
    P99QueueDelay,
    /// Mean length of a queue.
    QueueLength,
    /// Share of time in which a packet was being sent.
    Utilisation,
    /// IP bytes that left, per time.
    Throughput,
    /// Energy of devices: those of the nodes that an application runs on, of a node, or of all nodes of a group.
    Energy,
    /// Their mean current; of several, of one.
    MeanCurrent,
    /// For how long a device would live on the full battery of its profile; of several, the first to end.
    Lifetime,
    /// Energy of the devices that a client application runs on, over its exchanges whose request reached the server's application.
    EnergyPerDelivery,
    /// The same over its exchanges that ended with a response.
    EnergyPerCompletion,
    /// What could have left, per time.
    Capacity,
    /// Share of packets sent that were lost on the way.
    LossShare,
    /// Share of packets that the queue dropped.
    DropShare,
    /// Share of packets that the queue marked.
    QueueMarked,
    /// What an application counts itself, by its name in the table `counters`: `Total("timed_out")`.
    Total(TotalName),
}

/// What a metric is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// Exchanges of a client application.
    Exchanges,
    /// What the network carries for the exchanges of the only application that has some.
    Traffic,
    /// How many exchanges of a client application get where, per time.
    Rates,
    /// Datagrams that reach a sink application.
    Sink,
    /// Connections of an application.
    Connections,
    /// Devices with a profile: of an application's nodes, of a node or a group.
    Devices,
    /// Devices with a profile that a client application runs on, over its exchanges.
    DevicesPerExchange,
    /// One direction of a link.
    Direction,
    /// What an application counts.
    Counts,
}

/// An entry of the catalogue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// As written in tables.
    pub name: &'static str,
    /// Its unit in tables; empty for shares and counts.
    pub unit: &'static str,
    /// What it is of.
    pub of: Scope,
    /// What it is.
    pub definition: &'static str,
    /// On what it is conditional: what does not count.
    pub condition: &'static str,
}

/// What exchanges count.
const STARTED: &str = "exchanges that start in the measurement window";
/// Datagrams whose delays count.
const ARRIVED: &str = "datagrams that are sent in the measurement window and reach the sink";
/// Packets whose waits count.
const SENT: &str = "packets that are offered in the measurement window and sent, not those that the queue drops";
/// The connection that is shown over time.
const FIRST: &str = "the first connection of the application, on the first of its nodes: a value after each acknowledgement, loss and time-out";
/// What energy is set against.
const PER: &str = "energy and exchanges of the measurement window, whenever these began; without one, from the end of the warm-up to the end of the run";
/// Packets that leave.
const LEFT: &str = "the measurement window; without one, from the end of the warm-up to the end of the run";

impl Scope {
    /// In words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exchanges => "exchanges of an application",
            Self::Traffic => "the whole network, over exchanges of an application",
            Self::Rates => "exchanges of an application, per time",
            Self::Sink => "datagrams at a sink",
            Self::Connections => "connections of an application",
            Self::Devices => "devices of an application's nodes, of a node or of a group",
            Self::DevicesPerExchange => "devices of an application's nodes, over its exchanges",
            Self::Direction => "one direction of a link",
            Self::Counts => "what an application counts",
        }
    }
}

impl Metric {
    /// All metrics but totals, of which each application has its own; in the order of the summary table.
    pub const ALL: [Self; 54] = [
        Self::Delivered,
        Self::Completed,
        Self::MeanTransmissions,
        Self::Completion,
        Self::MeanCompletion,
        Self::MedianCompletion,
        Self::P95Completion,
        Self::P99Completion,
        Self::DeliveryTime,
        Self::MeanDeliveryTime,
        Self::MedianDeliveryTime,
        Self::P95DeliveryTime,
        Self::P99DeliveryTime,
        Self::TimeToFirstByte,
        Self::MeanTimeToFirstByte,
        Self::MedianTimeToFirstByte,
        Self::P95TimeToFirstByte,
        Self::P99TimeToFirstByte,
        Self::PacketsPerExchange,
        Self::BytesPerExchange,
        Self::DeliveryRate,
        Self::CompletionRate,
        Self::Goodput,
        Self::OneWayDelay,
        Self::MeanOneWayDelay,
        Self::MedianOneWayDelay,
        Self::P95OneWayDelay,
        Self::P99OneWayDelay,
        Self::MarkedShare,
        Self::RetransmittedShare,
        Self::CongestionWindow,
        Self::SlowStartThreshold,
        Self::BytesInFlight,
        Self::RoundTrip,
        Self::SmoothedRoundTrip,
        Self::RetransmissionTimeout,
        Self::PacingRate,
        Self::Energy,
        Self::MeanCurrent,
        Self::Lifetime,
        Self::EnergyPerDelivery,
        Self::EnergyPerCompletion,
        Self::QueueDelay,
        Self::MeanQueueDelay,
        Self::MedianQueueDelay,
        Self::P95QueueDelay,
        Self::P99QueueDelay,
        Self::QueueLength,
        Self::Utilisation,
        Self::Throughput,
        Self::Capacity,
        Self::LossShare,
        Self::DropShare,
        Self::QueueMarked,
    ];

    /// Its entry in the catalogue.
    pub const fn entry(self) -> Entry {
        if let Some((milestone, statistic)) = self.time() {
            return milestone.entry(statistic);
        }
        match self {
            Self::Delivered | Self::Completed | Self::MeanTransmissions => self.of_exchanges(),
            Self::PacketsPerExchange | Self::BytesPerExchange => self.of_traffic(),
            Self::DeliveryRate | Self::CompletionRate => self.of_rates(),
            Self::Goodput
            | Self::OneWayDelay
            | Self::MeanOneWayDelay
            | Self::MedianOneWayDelay
            | Self::P95OneWayDelay
            | Self::P99OneWayDelay
            | Self::MarkedShare => self.of_sinks(),
            Self::RetransmittedShare
            | Self::CongestionWindow
            | Self::SlowStartThreshold
            | Self::BytesInFlight
            | Self::RoundTrip
            | Self::SmoothedRoundTrip
            | Self::RetransmissionTimeout
            | Self::PacingRate => self.of_connections(),
            Self::Energy | Self::MeanCurrent | Self::Lifetime | Self::EnergyPerDelivery | Self::EnergyPerCompletion => {
                self.of_devices()
            }
            Self::Total(name) => name.entry(),
            _ => self.of_directions(),
        }
    }

    /// The time of an exchange that it is of, and what of it.
    pub const fn time(self) -> Option<(Milestone, Statistic)> {
        Some(match self {
            Self::Completion => (Milestone::Completion, Statistic::Each),
            Self::MeanCompletion => (Milestone::Completion, Statistic::Mean),
            Self::MedianCompletion => (Milestone::Completion, Statistic::Median),
            Self::P95Completion => (Milestone::Completion, Statistic::P95),
            Self::P99Completion => (Milestone::Completion, Statistic::P99),
            Self::DeliveryTime => (Milestone::Delivery, Statistic::Each),
            Self::MeanDeliveryTime => (Milestone::Delivery, Statistic::Mean),
            Self::MedianDeliveryTime => (Milestone::Delivery, Statistic::Median),
            Self::P95DeliveryTime => (Milestone::Delivery, Statistic::P95),
            Self::P99DeliveryTime => (Milestone::Delivery, Statistic::P99),
            Self::TimeToFirstByte => (Milestone::FirstByte, Statistic::Each),
            Self::MeanTimeToFirstByte => (Milestone::FirstByte, Statistic::Mean),
            Self::MedianTimeToFirstByte => (Milestone::FirstByte, Statistic::Median),
            Self::P95TimeToFirstByte => (Milestone::FirstByte, Statistic::P95),
            Self::P99TimeToFirstByte => (Milestone::FirstByte, Statistic::P99),
            _ => return None,
        })
    }

    /// What must be known of an exchange for it.
    pub const fn milestone(self) -> Option<Milestone> {
        match (self, self.time()) {
            (Self::Delivered | Self::DeliveryRate | Self::EnergyPerDelivery, _) => Some(Milestone::Delivery),
            (Self::CompletionRate | Self::EnergyPerCompletion, _) => Some(Milestone::Completion),
            (_, Some((milestone, _))) => Some(milestone),
            (_, None) => None,
        }
    }

    const fn of_exchanges(self) -> Entry {
        let (name, unit, definition, condition) = match self {
            Self::Delivered => ("delivered", "", "share whose request reached the server's application", STARTED),
            Self::Completed => (
                "completed",
                "",
                "share that ended with a response that is no error; one that is open when the run ends has none",
                STARTED,
            ),
            _ => (
                "transmissions mean",
                "",
                "mean number of times that the request was sent, the first one included",
                "exchanges that start in the measurement window and ended, answered or not",
            ),
        };
        Entry { name, unit, of: Scope::Exchanges, definition, condition }
    }

    const fn of_traffic(self) -> Entry {
        let (name, unit, definition) = match self {
            Self::PacketsPerExchange => (
                "packets per exchange",
                "",
                "IP packets that nodes have made, over exchanges begun: handshakes, acknowledgements, what was sent again and what was lost are among them; however many links a packet crosses, it is one",
            ),
            _ => (
                "bytes per exchange",
                "B",
                "bytes of these packets from the IP header on, without the framing of links, over exchanges begun",
            ),
        };
        let condition =
            "the whole run, warm-up included; the application is the only one that begins exchanges or sends by itself";
        Entry { name, unit, of: Scope::Traffic, definition, condition }
    }

    const fn of_rates(self) -> Entry {
        let (name, definition) = match self {
            Self::DeliveryRate => (
                "delivery rate",
                "exchanges whose request reached the server's application, per time; of AMQP and MQTT, messages that reached the first subscriber's",
            ),
            _ => (
                "completion rate",
                "exchanges that ended with a response that is no error, per time; of AMQP and MQTT, messages that their publisher is done with",
            ),
        };
        let condition = "the measurement window; without one, from the end of the warm-up to the end of the run: when they began does not matter";
        Entry { name, unit: "1/s", of: Scope::Rates, definition, condition }
    }

    const fn of_sinks(self) -> Entry {
        let (name, unit, definition, condition) = match self {
            Self::Goodput => (
                "goodput",
                "bit/s",
                "payload of UDP or TCP that reached the sink's application, per time; of a stream, when it has read it",
                LEFT,
            ),
            Self::OneWayDelay => (
                "one-way delay",
                "s",
                "from the moment at which the host sent the datagram, after any wait for its processor, to its arrival at the sink",
                ARRIVED,
            ),
            Self::MeanOneWayDelay => ("one-way delay mean", "s", "mean of one-way delay", ARRIVED),
            Self::MedianOneWayDelay => {
                ("one-way delay p50", "s", "median of one-way delay, within 0.8 % (histogram)", ARRIVED)
            }
            Self::P95OneWayDelay => {
                ("one-way delay p95", "s", "95 % quantile of one-way delay, within 0.8 % (histogram)", ARRIVED)
            }
            Self::P99OneWayDelay => {
                ("one-way delay p99", "s", "99 % quantile of one-way delay, within 0.8 % (histogram)", ARRIVED)
            }
            _ => (
                "marked share",
                "",
                "share of datagrams that arrived with congestion experienced (RFC 3168)",
                "datagrams that reach the sink in the whole run, warm-up included",
            ),
        };
        Entry { name, unit, of: Scope::Sink, definition, condition }
    }

    const fn of_connections(self) -> Entry {
        let (name, unit, definition, condition) = match self {
            Self::RetransmittedShare => (
                "retransmitted share",
                "",
                "payload bytes that were sent again, over all payload bytes sent",
                "all connections of the application, in the whole run, warm-up included",
            ),
            Self::CongestionWindow => ("congestion window", "B", "how much may be in flight (RFC 5681)", FIRST),
            Self::SlowStartThreshold => {
                ("slow start threshold", "B", "below it the window grows as in slow start; none at first", FIRST)
            }
            Self::BytesInFlight => {
                ("bytes in flight", "B", "payload sent and neither acknowledged nor held lost", FIRST)
            }
            Self::RoundTrip => ("round trip", "s", "the round trip as last measured", FIRST),
            Self::SmoothedRoundTrip => ("smoothed round trip", "s", "SRTT (RFC 6298)", FIRST),
            Self::RetransmissionTimeout => {
                ("retransmission time-out", "s", "RTO (RFC 6298), with its doublings", FIRST)
            }
            _ => ("pacing rate", "bit/s", "the rate at which segments leave, where they are spread", FIRST),
        };
        Entry { name, unit, of: Scope::Connections, definition, condition }
    }

    const fn of_devices(self) -> Entry {
        let (name, unit, definition, condition) = match self {
            Self::Energy => (
                "energy",
                "mJ",
                "charge of processor, radio and all else times the supply voltage, of all these devices together",
                LEFT,
            ),
            Self::MeanCurrent => {
                ("mean current", "mA", "charge over time; of several devices, over their number too", LEFT)
            }
            Self::Lifetime => (
                "lifetime",
                "d",
                "how long the full battery of the profile lasts at the mean current that the device has had, with its self-discharge, and with the largest current that it has had where the battery has an internal resistance; of several devices, the shortest",
                LEFT,
            ),
            Self::EnergyPerDelivery => (
                "energy per delivery",
                "mJ",
                "energy of the devices that the application runs on, over its exchanges whose request reached the server's application; of AMQP and MQTT, over messages that reached the first subscriber's",
                PER,
            ),
            _ => (
                "energy per completion",
                "mJ",
                "energy of the devices that the application runs on, over its exchanges that ended with a response that is no error; of AMQP and MQTT, over messages that their publisher is done with",
                PER,
            ),
        };
        let of = match self {
            Self::EnergyPerDelivery | Self::EnergyPerCompletion => Scope::DevicesPerExchange,
            _ => Scope::Devices,
        };
        Entry { name, unit, of, definition, condition }
    }

    const fn of_directions(self) -> Entry {
        let (name, unit, definition, condition) = match self {
            Self::QueueDelay => ("queue delay", "s", "from the offer of a packet to its first bit on the wire", SENT),
            Self::MeanQueueDelay => ("queue delay mean", "s", "mean of queue delay", SENT),
            Self::MedianQueueDelay => ("queue delay p50", "s", "median of queue delay, within 0.8 % (histogram)", SENT),
            Self::P95QueueDelay => {
                ("queue delay p95", "s", "95 % quantile of queue delay, within 0.8 % (histogram)", SENT)
            }
            Self::P99QueueDelay => {
                ("queue delay p99", "s", "99 % quantile of queue delay, within 0.8 % (histogram)", SENT)
            }
            Self::QueueLength => (
                "queue length",
                "B",
                "mean over time of the IP packets that wait for the serialiser, the one in service not counted",
                "the measurement window, and packets that are sent, not those that the queue drops",
            ),
            Self::Utilisation => (
                "utilisation",
                "",
                "share of time in which a packet was being sent, or, on a recorded rate, waited for its opportunity",
                LEFT,
            ),
            Self::Throughput => ("throughput", "bit/s", "IP packets whose last bit left, per time", LEFT),
            Self::Capacity => (
                "capacity",
                "bit/s",
                "what the link could send, its framing included: its rate, or 1504 bytes for each recorded opportunity; nothing while it is down",
                LEFT,
            ),
            Self::LossShare => (
                "loss share",
                "",
                "share of packets sent that were lost on the way",
                "packets whose last bit leaves in the measurement window",
            ),
            Self::DropShare => (
                "drop share",
                "",
                "packets that the queue dropped, full or by its own judgement, over those and the packets sent",
                "drops, and last bits that leave, in the measurement window",
            ),
            _ => (
                "queue marked",
                "",
                "packets that this queue marked with congestion experienced (RFC 3168), over the packets sent",
                "marks, and last bits that leave, in the measurement window",
            ),
        };
        Entry { name, unit, of: Scope::Direction, definition, condition }
    }

    /// As written in tables.
    pub const fn name(self) -> &'static str {
        self.entry().name
    }

    /// The metric that goes by this name in tables.
    pub fn from_name(name: &str) -> Option<Self> {
        let total = || Some(Self::Total(TotalName::from_table(name)?));
        Self::ALL.into_iter().find(|metric| metric.name() == name).or_else(total)
    }

    /// True if it is a share of something: from 0 to 1.
    pub const fn is_share(self) -> bool {
        self.unit().is_empty() && !matches!(self, Self::MeanTransmissions | Self::PacketsPerExchange | Self::Total(_))
    }

    /// Its unit; empty for shares and counts.
    pub const fn unit(self) -> &'static str {
        self.entry().unit
    }

    /// What it is of.
    pub const fn of(self) -> Scope {
        self.entry().of
    }

    /// True if it is one number at each point: for the summary, figures over axes and variants, and expectations.
    pub const fn is_summary(self) -> bool {
        !self.is_distribution() && !self.is_series()
    }

    /// True if it is how a connection stands, of which nothing but its course over time is shown.
    pub const fn is_series(self) -> bool {
        matches!(self.of(), Scope::Connections) && !matches!(self, Self::RetransmittedShare)
    }

    /// True if it is of datagrams, and streams have none.
    pub const fn is_of_datagrams(self) -> bool {
        matches!(self.of(), Scope::Sink) && !matches!(self, Self::Goodput)
    }

    /// True if it is many samples, whose distribution can be drawn.
    pub const fn is_distribution(self) -> bool {
        matches!(self, Self::OneWayDelay | Self::QueueDelay) || matches!(self.time(), Some((_, Statistic::Each)))
    }

    /// True if it can be drawn over time.
    pub const fn is_over_time(self) -> bool {
        self.is_distribution() || self.is_series() || self.needs_bin()
    }

    /// True if it is drawn over time as one value for each part of the run.
    pub const fn needs_bin(self) -> bool {
        matches!(self, Self::QueueDelay | Self::QueueLength | Self::Goodput | Self::Throughput | Self::Capacity)
    }

    /// The share of samples up to it, for a quantile.
    pub const fn quantile(self) -> Option<f64> {
        match (self, self.time()) {
            (_, Some((_, statistic))) => statistic.quantile(),
            (Self::MedianOneWayDelay | Self::MedianQueueDelay, _) => Some(0.5),
            (Self::P95OneWayDelay | Self::P95QueueDelay, _) => Some(0.95),
            (Self::P99OneWayDelay | Self::P99QueueDelay, _) => Some(0.99),
            _ => None,
        }
    }
}

/// One of a link's directions.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Way {
    /// From the first end to the second.
    Forward,
    /// From the second end to the first.
    Backward,
}

impl Way {
    /// As written in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Backward => "backward",
        }
    }
}

/// Whom a metric is of, by name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Subject {
    /// An application.
    App(String),
    /// A direction of a link.
    Link(String, Way),
    /// A node, or a group of nodes.
    Node(String),
}

impl Subject {
    /// What `app`, `link` and `direction` say together; `None` if that makes no sense, which checks refuse.
    pub fn of(app: Option<&str>, link: Option<&LinkName>, direction: Option<Way>) -> Option<Self> {
        match (app, link, direction) {
            (Some(app), None, None) => Some(Self::App(app.to_owned())),
            (None, Some(link), Some(way)) => Some(Self::Link(link.0.clone(), way)),
            _ => None,
        }
    }

    /// The same where there may be a `node` instead.
    pub fn with_node(node: Option<&str>, other: Option<Self>, is_alone: bool) -> Option<Self> {
        match node {
            Some(node) => is_alone.then(|| Self::Node(node.to_owned())),
            None => other,
        }
    }
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::App(app) => write!(f, "`{app}`"),
            Self::Link(link, way) => write!(f, "`{link}` {}", way.name()),
            Self::Node(node) => write!(f, "`{node}`"),
        }
    }
}
