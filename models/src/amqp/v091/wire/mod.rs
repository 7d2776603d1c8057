//! Frames of AMQP 0-9-1 and what they carry (§4.2).
//!
//! A [`Decoder`] takes [`Frame`]s from a stream however it is cut; an [`Assembler`] makes [`Command`]s of them: methods, with their messages.
//! [`Command::encode`] is the way back. Bodies are the ropes that they are: bulk data passes through as bulk data.
//!
//! | file | what |
//! |---|---|
//! | `reply` | reply codes, and faults that carry them |
//! | `text`, `table` | strings; field tables and their values |
//! | `argument` | arguments of methods: numbers, bits that share octets |
//! | `method`, `id` | all methods, from one table; their numbers |
//! | `properties` | content headers |
//! | `frame` | frames, the protocol header, how large frames may be |
//! | `decoder` | frames out of a stream |
//! | `content` | messages out of frames, and cut into them |
//!
//! # Which reply code a fault has
//! By §1.2 of the reply codes: 501 is what cannot be read as a frame or as the fields of its method; 502 a field with a value that it may not
//! have; 503 a method that there is not, or that this end, or this channel, does not have; 505 a frame that does not follow on the ones
//! before. All of them are hard. Where the standard has a peer close without a word (a frame's type or end octet, §4.2.3), the
//! fault is a 501 all the same: RabbitMQ says so, and owners may.
//!
//! A content header of another class than its method's is 505, as §4.2.6 says of all badly formatted content, and RabbitMQ does; §4.2.6.1 says 501.
//!
//! # Where RabbitMQ differs
//! It takes short strings that are no UTF-8 or have zero octets, which §4.2.5.3 forbids: they are refused here.

mod argument;
mod content;
mod decoder;
mod frame;
mod id;
mod method;
mod properties;
mod reply;
mod table;
mod text;

pub use content::{Assembler, Command, Content};
pub use decoder::{Decoder, Item};
pub use frame::{FRAME_END, FRAME_MIN, FRAME_OVERHEAD, Frame, FrameMax, Payload, ProtocolHeader, negotiated};
pub use id::{MethodId, Sender};
pub use method::{Method, basic, channel, confirm, connection, exchange, queue, tx};
pub(in crate::amqp) use properties::MAX_TTL_MS;
pub use properties::{ContentHeader, Properties};
pub use reply::{Fault, ReplyCode, Scope};
pub use table::{FieldValue, MAX_DEPTH, Table};
pub use text::{LongStr, MAX_SHORT_STRING, ShortStr};
