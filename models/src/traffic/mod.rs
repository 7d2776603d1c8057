//! Traffic: sources with every usual pattern, who counts what they send, and two small loads that react to the network.
//!
//! - [`UdpSource`] sends datagrams of virtual bytes at a constant rate, as a Poisson process, in on and off periods,
//!   periodically, or as a trace says ([`Pattern`]), with sizes from a law ([`SizeDistribution`]). [`UdpSink`] counts what
//!   arrives and checks, from the bytes' place in the source's stream, what is missing, late or wrong.
//! - [`UdpClient`] and [`UdpServer`] exchange requests and responses: a closed loop, without retransmission.
//! - [`AimdSource`] and [`AimdSink`] are a flow that backs off: the law of TCP's window, and nothing else of TCP.
//!
//! Nothing is stored per datagram but what is in flight in an adaptive flow. One-way delays are for results alone:
//! sinks report each datagram ([`Observation::Received`](crate::Observation::Received)) where someone listens to
//! [`DELIVERIES`](protosim_core::kernel::Interests::DELIVERIES).
//!
//! | file | what |
//! |---|---|
//! | `config` | what a user says of sources and sinks |
//! | `size`, `duration` | laws of sizes and times |
//! | `schedule` | when a source sends |
//! | `trace` | recorded traffic |
//! | `source`, `sink` | the applications |
//! | `request` | request and response |
//! | `exchange`, `plan` | what clients and servers have in common, over TCP too; when clients begin |
//! | `aimd` | the adaptive flow |
//!
//! # Luck
//! Every purpose has a stream of its own: sizes, gaps, on periods, off periods, jitter and phase. With the same seed a
//! source draws the same sizes whatever its pattern is, and a longer mean makes every gap longer.

mod aimd;
mod config;
mod duration;
mod exchange;
mod plan;
mod request;
mod schedule;
mod sink;
mod size;
mod source;
mod trace;

#[cfg(test)]
mod tests;

pub use aimd::{ACK_LEN as AIMD_ACK_LEN, AimdSink, AimdSinkConfig, AimdSource, AimdSourceConfig};
pub use config::{EcnMark, Finding, Pattern, UdpSinkConfig, UdpSourceConfig};
pub use duration::TimeDistribution;
pub use request::{UdpClient, UdpClientConfig, UdpServer, UdpServerConfig};
pub use sink::UdpSink;
pub use size::{MAX_PAYLOAD_BYTES, SizeDistribution, SizesOf};
pub use source::UdpSource;
pub use trace::{Trace, TraceError, TraceFile};

pub(crate) use config::{check_end, check_own_port, check_port};
pub(crate) use duration::draw_span;
pub(crate) use exchange::{check_answering, check_asking, first_number, no_processing, usual_message, usual_think};
pub(crate) use plan::Plan;
pub(crate) use request::{NUMBER_LEN, number_of, numbered};
pub(crate) use size::{MAX_STREAM_BYTES, Sizes};
