//! Point-to-point links: rate, delay, MTU, queue, loss, impairments and framing, each direction its own.
//!
//! A link has two halves. The **sending half** ([`Transmitter`]) belongs to the sending node: the
//! queue and the serialiser. The **wire half** belongs to the kernel and holds packets whose last
//! bit has left. The sending half computes each departure when it takes the packet, so an
//! undisturbed link costs one event per packet-hop; a change of rate, delay or loss takes back what
//! has not left and sends it anew under the new parameters.
//!
//! - A packet of L bytes with framing, offered at t to a link that is free from f on, leaves at
//!   max(t, f) + 8 L / rate and arrives, whole, one delay later. The remainder of the division is
//!   carried through the busy period: departures never drift from the exact sum.
//! - **The queue limit does not count the packet in service.** `"1 packets"` means one packet waits
//!   while another is being sent. Sizes are IP bytes, without framing.
//! - **A packet that is offered at the very nanosecond of a departure finds that place free.**
//! - Loss is drawn once per packet from the stream `loss` of the direction, and decided with the
//!   probability that holds when its last bit leaves. A lost packet has occupied the link.
//! - A packet never overtakes another unless `reorder` says so: when the delay shrinks, one that left later waits for
//!   the arrival of the one before it.
//! - Rate and delay changes: the packet in service sends its remaining bits at the new rate.
//! - A link that goes down loses what has not left, and what is offered until it comes up again; what has left arrives. Routes stay as
//!   they are unless they follow: what is sent over it is dropped with the cause "link down".
//!
//! | file | what |
//! |---|---|
//! | `config`, `check` | what a user says, and what can be wrong with it |
//! | `transmitter` | the sending half, in one of two forms that do the same where both can |
//! | `computed` | a drop-tail queue and plain loss: departures are computed ahead |
//! | `managed` | everything else: one packet after the other, at the cost of an event for each that waits |
//! | [`impair`] | bursts, traces and rules of loss, jitter, reordering, duplicates, flipped bits |
//! | `delivery` | recorded rates, in mahimahi's format |
//! | `meter` | what is measured of a direction, where someone asks |

mod check;
mod computed;
mod config;
mod delivery;
pub mod impair;
mod managed;
mod meter;
mod transmitter;

#[cfg(test)]
mod queueing_tests;
#[cfg(test)]
mod tests;

pub use config::{DirectionConfig, Framing, LinkChange, LinkConfig, Mtu, QueueLimit};
pub use delivery::{OPPORTUNITY_BYTES, delivery_trace};
pub use impair::ImpairConfig;
pub use meter::{Bins, Meter, WaitSample};
pub use transmitter::{Drops, Setup, Transmitter};
