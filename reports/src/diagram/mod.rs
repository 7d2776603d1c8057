//! Diagrams of one run, made from packets at link ends.
//!
//! | what | from what |
//! |---|---|
//! | [`Ladder`] | arrows that [`Hops`] makes of packets at link ends, and notes |
//! | [`Sequence`] | the segments of one TCP connection as its sender's link end sees them |
//! | [`Reader`] | puts a packet into words |
//!
//! A ladder is drawn on the same canvas as figures, a time–sequence plot is a figure. Both look at bytes on the wire
//! alone, so that they need nothing from inside of a protocol.
//!
//! | file | what |
//! |---|---|
//! | `hops` | from packets at link ends to arrows between lanes |
//! | `words`, `flow` | packets in words; sequence numbers counted from the SYN |
//! | `ladder` | the drawing |
//! | `axis` | time downwards, with breaks |
//! | `labels`, `column`, `place` | labels and notes that do not overlap |
//! | `sequence` | time–sequence plots |

mod axis;
mod column;
mod flow;
mod hops;
mod labels;
mod ladder;
mod place;
mod sequence;
mod words;

#[cfg(test)]
mod tests;

pub use hops::{Arrow, End, Hops, Sighting};
pub use ladder::{Ladder, MOST_ARROWS, MOST_LANES, Note};
pub use sequence::{Passing, Sequence, Stream, Stroke, streams};
pub use words::{Purpose, Reader, Said};
