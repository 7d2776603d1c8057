//! DTLS 1.2 and 1.3 (RFC 6347, RFC 9147): TLS over datagrams, which may be lost, come twice, or in another order.
//!
//! # Where to find what
//! | file | has |
//! |---|---|
//! | [`config`] | what an end is told: versions, suites, keys, times, limits; in [`config::user`] what a user writes |
//! | [`layer`] | DTLS beneath an application that knows nothing of it |
//! | [`agreement`] | whether two ends come to terms |
//! | [`connection`] | [`Connection`], the machine: one end of one connection |
//! | [`endpoint`], [`gate`] | [`Endpoint`], a server's socket: connections by address and connection id, behind a door that keeps nothing of strangers |
//! | [`session`] | what is kept to take sessions up again |
//! | [`reassembly`], [`replay`] | messages from fragments; which records have come |
//! | [`wire`], [`codes`] | records, fragments, messages, acknowledgements, and their numbers |
//! | [`crypto`] | protection of records, and the key schedule of DTLS 1.3 |
//! | `tests` | handshakes over paths that lose, copy and swap; lengths and times by closed forms |
//!
//! Messages, certificates, key exchange and the PRF are those of [`tls`](crate::tls), in both of its modes: sized, where lengths and outcomes are real and nothing is
//! computed, and real.
//!
//! # Flights
//! ```text
//! DTLS 1.2  ClientHello ─▶                                  DTLS 1.3  ClientHello ─▶
//!                       ◀─ HelloVerifyRequest (cookie)                           ◀─ HelloRetryRequest (cookie)
//!           ClientHello (cookie) ─▶                                   ClientHello (cookie) ─▶
//!                       ◀─ ServerHello, Certificate,                             ◀─ ServerHello, {EncryptedExtensions, Certificate,
//!                          ServerKeyExchange, Done                                  CertificateVerify, Finished}
//!           ClientKeyExchange, Change, {Finished} ─▶                  {Finished}, data ─▶
//!                       ◀─ ticket, Change, {Finished}                            ◀─ {ACK, tickets}, data
//!           data ─▶                                                   {ACK} ─▶
//! ```
//! The state of whoever has sent a flight (RFC 6347 §4.2.4, RFC 9147 §5.8.1):
//! ```text
//!  Sending ──▶ Waiting ─┬─ time runs out: all of it (1.2) or what is not acknowledged (1.3) again, the time doubles ──▶ Waiting
//!                       ├─ the peer's flight ends again: ours again ──▶ Waiting
//!                       ├─ 1.3: ACK: what seems lost again ──▶ Waiting; of everything ──▶ Finished
//!                       ├─ it ran out as often as it may ──▶ failed
//!                       └─ the peer's next flight is whole (1.2), or begins (1.3) ──▶ the next flight, or Finished
//!  Finished ── the peer's last flight comes again: the last of ours again (1.2), or an ACK (1.3)
//! ```
//!
//! # What is modelled
//! - RFC 6347: records with epochs and numbers, several to a datagram; cookies; fragments by the path's MTU, smaller ones after some tries in vain; reassembly with limits;
//!   flights, timers and the window against replays. Suites with pre-shared keys (RFC 4279, 5487, 6655), ECDHE with them (RFC 8442) and with certificates (RFC 5289, 7251);
//!   extended master secret (RFC 7627), sessions by id and by ticket (RFC 5077), client certificates.
//! - RFC 9147: the unified header with encrypted numbers, ACKs and what follows from them, retries with cookies, pre-shared keys with and without a fresh key, tickets, certificates of both
//!   ends, key updates.
//! - RFC 9146: connection ids in both versions, and peers that move, where the server [follows](ServerConfig::follows_peers) them.
//!
//! # What is not, and what that does to results
//! - A server takes a hello in one record alone: one in pieces would have to be kept before its sender is known. So there are no hybrid key exchanges, whose hellos do not fit into a datagram.
//! - ChangeCipherSpec may be missing: the epoch of a record says what it would. A peer that waits for it takes part of a flight for nothing; we do not.
//! - No early data, no spare connection ids (a peer's new one is used if it is to be used at once; ours stay), no renegotiation, no CBC, no RSA key exchange; of `tls` what is not modelled there.
//! - What becomes of the limits of AES-GCM and AES-CCM (RFC 9147 §4.5.3) is left to the user, who can [update keys](Connection::update_keys).
//! - A peer that moves is not tested to be where it seems to be (RFC 9146 §6, RFC 9147 §11; draft-ietf-tls-dtls-rrc would be such a test): see
//!   [`follows_peers`](ServerConfig::follows_peers).
//! - Without cookies a server answers a hello with its whole flight: more than three times what came (RFC 9147 §5.1 would have it stop there), 16 times with certificates. A flight goes
//!   out at once, of however many records (RFC 9147 §5.8.3: 10 at most): links and queues with little room lose more of it than of one that is spread.
//! - The key of cookies stays, and cookies do not age (RFC 6347 §4.2.1, RFC 9147 §5.1: they should). Keys of the handshake are kept as long as the connection (RFC 9147 §4.2.1: for two times
//!   the lifetime of a segment), so that flights that come late are acknowledged; data under them are not taken.
//! - `TLS_AES_128_CCM_8_SHA256` has no guard against forgery (RFC 9147 §4.5.3 asks for one): forged records are counted, and dropped.
//! - The time of the next flight is that of the RFCs; OpenSSL 3.0 begins with 1 s as well.

pub mod agreement;
pub mod codes;
pub mod config;
pub mod connection;
pub mod crypto;
pub mod endpoint;
pub mod gate;
pub mod layer;
pub mod reassembly;
pub mod replay;
pub mod session;
#[cfg(test)]
mod tests;
pub mod wire;

pub use config::{ClientConfig, DtlsClientConfig, DtlsServerConfig, ServerConfig};
pub use connection::{Connection, OPERATIONS};
pub use endpoint::Endpoint;
pub use layer::{Secured, Sessions};
