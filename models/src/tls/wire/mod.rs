//! Records, handshake messages, extensions and alerts, and their encoding (RFC 8446 §4 to §6 and §B, RFC 5246
//! §6 and §7).
//!
//! [`RecordReader`] cuts a stream into [`Record`]s, whose fragments stay ropes: bulk data costs nothing.
//! [`MessageReader`] cuts the fragments of handshake records into messages. [`Handshake`] is a typed message,
//! with [`Handshake::encode`] and [`Handshake::decode`]; [`Extension`] is what stands in its lists. A transcript takes
//! the bytes that were sent, never a message encoded again: readers give them beside the typed value.
//!
//! What a peer sent wrongly is the [`AlertDescription`](super::codes::AlertDescription) to answer with. Decoding checks
//! what can be seen in one message; what depends on the messages before is left to the connection.

mod alert;
mod codec;
mod extension;
mod hello;
mod message;
mod record;
#[cfg(test)]
mod tests;

pub use alert::Alert;
pub use extension::{Extension, KeyShare, Place, PreSharedKeys, PskIdentity};
pub use hello::{ClientHello, HelloRetryRequest, ServerHello};
pub use message::{
    CertificateEntry, CertificateMessage, CertificateRequest, CertificateRequest12, CertificateVerify,
    CompressedCertificate, Handshake, MessageReader, NewSessionTicket, NewSessionTicket12, ServerKeyExchange,
};
pub use record::{HEADER_BYTES, MAX_PLAINTEXT, Record, RecordReader, encode_header};
