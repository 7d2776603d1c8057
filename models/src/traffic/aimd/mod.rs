//! A datagram flow whose window rises by one and falls by half: what TCP does to a queue, without TCP.
//!
//! It stands in for the load of TCP until TCP is there, and for any flow that backs off; it is no protocol of the
//! Internet. Datagrams are numbered and never sent again: what is lost is lost, as in DCCP (RFC 4340), whose congestion
//! control 2 (RFC 4341) follows the same law.
//!
//! # The law
//! - Every datagram is acknowledged by itself. At most ⌊window⌋ are in flight.
//! - Each acknowledgement adds 1/window to the window: one datagram per round trip (RFC 5681 §3.1, equation 3). There is
//!   no slow start; `initial_window` says where it begins.
//! - A datagram is lost when three that were sent after it have been acknowledged (RFC 5681 §3.2, RFC 6675), or when
//!   the retransmission time-out (RFC 6298, with Karn's rule, which holds by itself as no number is sent twice) passes
//!   without an acknowledgement; then all in flight are.
//! - A loss, or the echo of a congestion mark (RFC 3168 §6.1.2), halves the window, to no less than one, once
//!   per round trip: what was sent before the last halving halves it no more, nor does its acknowledgement open it.
//! - After a time-out the window is halved too, where TCP would begin again at one: the time-out itself, doubled
//!   each time, holds it back.
//!
//! With one loss in every 1/p datagrams the mean window is √(3 / 2p) (Mathis et al., CCR 27 (3), 1997).
//!
//! # The encoding
//! A datagram begins with its number, 8 bytes, most significant first; the rest is filling. An acknowledgement is 9
//! bytes: the number, and 1 if the datagram came with a congestion mark, else 0.

mod config;
mod flow;
mod sink;
mod source;

#[cfg(test)]
mod tests;

pub use config::{ACK_LEN, AimdSinkConfig, AimdSourceConfig};
pub use sink::AimdSink;
pub use source::AimdSource;
