//! The hellos, which look alike in TLS 1.2 and 1.3 (RFC 8446 §4.1, RFC 5246 §7.4.1).

use super::codec::{Reader, Writer};
use super::extension::{Extension, Place};
use crate::tls::codes::{AlertDescription, CipherSuite, Version};
use bytes::Bytes;

/// What a client offers (RFC 8446 §4.1.2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientHello {
    /// TLS 1.2 of whoever knows `supported_versions`; else the best version.
    pub legacy_version: Version,
    /// Freshly drawn.
    pub random: [u8; 32],
    /// At most 32 bytes: a session to resume by TLS 1.2, or anything, for middleboxes' sake (RFC 8446 §D.4).
    pub session_id: Bytes,
    /// Best first.
    pub cipher_suites: Vec<CipherSuite>,
    /// Compression methods: 0, none, and in TLS 1.3 nothing else.
    pub compression: Bytes,
    /// A `pre_shared_key` comes last (RFC 8446 §4.2.11).
    pub extensions: Vec<Extension>,
}

/// What a server chose (RFC 8446 §4.1.3).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServerHello {
    /// TLS 1.2 if `supported_versions` is there; else the version chosen.
    pub legacy_version: Version,
    /// Freshly drawn; its end may say that a better version could have been chosen.
    pub random: [u8; 32],
    /// In TLS 1.3 the client's, sent back.
    pub session_id: Bytes,
    /// One of those offered.
    pub cipher_suite: CipherSuite,
    /// Answers to extensions of the client.
    pub extensions: Vec<Extension>,
}

/// A server hello that asks for another client hello (RFC 8446 §4.1.4).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HelloRetryRequest {
    /// The client's, sent back.
    pub session_id: Bytes,
    /// The suite that the handshake will use.
    pub cipher_suite: CipherSuite,
    /// What to change, and the version chosen.
    pub extensions: Vec<Extension>,
}
