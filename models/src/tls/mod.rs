//! TLS 1.2 and 1.3 (RFC 5246, RFC 8446): what stands between an application and its stream.
//!
//! # Where to find what
//! | file | has |
//! |---|---|
//! | [`config`], [`parameters`] | what a user writes; all lists and habits, by profile |
//! | [`agreement`] | why two ends will not come to terms, and which of their fields have no effect because of the other |
//! | [`layer`] | [`Secured`], an App around an App: TLS beneath any application |
//! | [`connection`] | [`Connection`], the machine: one end of one connection, with what its application's connections share |
//! | [`wire`], [`codes`] | records, messages, extensions, alerts, and their numbers |
//! | [`crypto`] | transcripts, key schedules, key exchange, protection of records: sized or real |
//! | [`certificate`] | chains of certificates, signatures, stapled proof |
//! | `with_rustls` | rustls instead of our machine (feature `rustls`) |
//!
//! # Sized and real
//! In [`Mode::Sized`](crypto::Mode::Sized) all messages have their real encoding and length, and nothing is computed: digests and keys are mixes of 64 bits
//! that differ wherever real ones would, so that whatever fails in one mode fails in the other. Data keep being virtual. In
//! [`Mode::Real`](crypto::Mode::Real) everything is computed, from a stream of luck of its own, and with `--capture` the secrets are written beside the
//! packets. Lengths, draws and results are the same: even those of ECDSA signatures, which vary.
//!
//! # rustls
//! With the feature `rustls` an end may be rustls 0.23 itself (`implementation: Rustls`, `with_rustls`): whoever ships it can simulate it, and our machine is held
//! against it. The profile `Rustls` has its flights, byte for byte but for the lengths of ECDSA signatures, in some forty cases; whichever of the two is at which end,
//! they connect, refuse each other with the same alerts, and data pass.
//!
//! # Flights
//! ```text
//! TLS 1.3   ClientHello ─▶                                       TLS 1.2   ClientHello ─▶
//!                        ◀─ ServerHello, {EncryptedExtensions,                         ◀─ ServerHello, Certificate,
//!                            Certificate, CertificateVerify, Finished}                     ServerKeyExchange, ServerHelloDone
//!           {Finished}, data ─▶                                            ClientKeyExchange, Finished ─▶
//!                        ◀─ {tickets}, data                                            ◀─ ticket, Finished
//!                                                                          data ─▶
//! ```
//!
//! # What is modelled
//! RFC 8446 with requests for another hello, tickets, early data with both guards against replays (tickets are taken once, and only when their age is what
//! the client says), client certificates, key updates, alerts, and looking like 1.2 to boxes on the way; RFC 5246 with ECDHE and AEAD alone,
//! RFC 5077 (tickets), 7627 (extended master secret), 5746 (signalling); RFC 6066 (names, stapling), 7301 (ALPN), 8879 (compressed certificates),
//! draft-ietf-tls-ecdhe-mlkem, ML-DSA in TLS 1.3.
//!
//! # What is not, and what that does to results
//! - Names and times of certificates are not checked, nor whether they are revoked: every chain that leads to one of our authorities is good.
//! - All servers with certificates of one kind and shape have the same key: nobody here attacks them.
//! - No CBC, no static RSA, no DHE, no renegotiation, no session identifiers without tickets: RFC 9325 has new deployments without them.
//! - Pre-shared keys come from tickets alone (no external ones), and always with a fresh key exchange. Post-handshake authentication is not there.
//! - Signatures of ML-DSA take as many attempts on the processor as are drawn, not as many as the real one took.

pub mod agreement;
pub mod certificate;
pub mod codes;
pub mod config;
pub mod connection;
pub mod crypto;
pub mod layer;
mod machine;
pub mod parameters;
#[cfg(test)]
mod vectors;
pub mod wire;
#[cfg(feature = "rustls")]
pub mod with_rustls;

pub use config::{TlsClientConfig, TlsServerConfig};
pub use connection::{Connection, OPERATIONS};
pub use layer::{Secured, Sessions};
