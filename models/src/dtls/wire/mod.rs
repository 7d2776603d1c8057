//! Records, fragments, messages and acknowledgements, and their encoding.

mod ack;
mod handshake;
mod record;
#[cfg(test)]
mod tests;

pub use ack::{MOST_NUMBERS, RecordNumber, decode_ack, encode_ack};
pub use handshake::{FRAGMENT_HEADER_BYTES, FragmentHeader, Message, of_tls, to_tls, with_tls_header};
pub use record::{FullHeader, HEADER_BYTES, Header, MAX_CID, MAX_SEQUENCE, Record, Records, UnifiedHeader, number};
