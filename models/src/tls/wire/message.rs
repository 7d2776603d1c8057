//! Handshake messages, and the reader that finds them in the fragments of records (RFC 8446 §4, RFC 5246 §7.4).

use super::codec::{Reader, Writer};
use super::extension::{Extension, Place};
use super::hello::{ClientHello, HelloRetryRequest, ServerHello};
use crate::tls::codes::{AlertDescription, CertificateCompression, Group, HandshakeType, SignatureScheme, Version};
use bytes::{Bytes, BytesMut};

/// A handshake message. Where TLS 1.2 and 1.3 differ, the names that end in 12 are those of TLS 1.2.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Handshake {
    /// TLS 1.2: a client may begin a new handshake (RFC 5246 §7.4.1.1).
    HelloRequest,
    /// What a client offers.
    ClientHello(ClientHello),
    /// What a server chose.
    ServerHello(ServerHello),
    /// TLS 1.3: the client is to offer something else.
    HelloRetryRequest(HelloRetryRequest),
    /// TLS 1.3.
    NewSessionTicket(NewSessionTicket),
    /// TLS 1.2.
    NewSessionTicket12(NewSessionTicket12),
    /// TLS 1.3: what follows is protected by handshake keys (RFC 8446 §4.5).
    EndOfEarlyData,
    /// TLS 1.3: answers to extensions that do not concern keys (RFC 8446 §4.3.1).
    EncryptedExtensions(Vec<Extension>),
    /// TLS 1.3.
    Certificate(CertificateMessage),
    /// TLS 1.2: certificates as DER, the sender's own first (RFC 5246 §7.4.2).
    Certificate12(Vec<Bytes>),
    /// TLS 1.3: a certificate message, compressed.
    CompressedCertificate(CompressedCertificate),
    /// TLS 1.2: the OCSP response, as DER (RFC 6066 §8).
    CertificateStatus(Bytes),
    /// TLS 1.2.
    ServerKeyExchange(ServerKeyExchange),
    /// TLS 1.3.
    CertificateRequest(CertificateRequest),
    /// TLS 1.2.
    CertificateRequest12(CertificateRequest12),
    /// TLS 1.2: the server waits for the client (RFC 5246 §7.4.5).
    ServerHelloDone,
    /// A signature over the handshake.
    CertificateVerify(CertificateVerify),
    /// TLS 1.2: the client's point (RFC 8422 §5.7).
    ClientKeyExchange(Bytes),
    /// A MAC over the handshake: 12 bytes in TLS 1.2, as long as the hash in TLS 1.3.
    Finished(Bytes),
    /// TLS 1.3: the sender's next records are protected by new keys (RFC 8446 §4.6.3).
    KeyUpdate {
        /// The receiver is to do the same.
        requested: bool,
    },
}

/// A chain of certificates (RFC 8446 §4.4.2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CertificateMessage {
    /// That of the request; empty from servers.
    pub context: Bytes,
    /// The sender's own first; a client may have none.
    pub entries: Vec<CertificateEntry>,
}

/// One certificate of a chain (RFC 8446 §4.4.2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CertificateEntry {
    /// The certificate as DER.
    pub der: Bytes,
    /// What belongs to it, such as its status.
    pub extensions: Vec<Extension>,
}

/// A certificate message made shorter (RFC 8879 §4).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CompressedCertificate {
    /// By what.
    pub algorithm: CertificateCompression,
    /// Length of the body of the certificate message \[bytes\], less than 2^24.
    pub uncompressed_len: u32,
    /// That body, compressed.
    pub data: Bytes,
}

/// A ticket of TLS 1.3 (RFC 8446 §4.6.1).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewSessionTicket {
    /// How long it may be used \[s\]: at most 604800, seven days. A greater one is read as it is.
    pub lifetime_s: u32,
    /// What clients add to a ticket's age, so that uses cannot be linked \[ms\].
    pub age_add: u32,
    /// Makes the key of each ticket of a connection another.
    pub nonce: Bytes,
    /// What the client is to send back.
    pub ticket: Bytes,
    /// `early_data`, if some is allowed.
    pub extensions: Vec<Extension>,
}

/// A ticket of TLS 1.2 (RFC 5077 §3.3).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewSessionTicket12 {
    /// How long it may be used \[s\]; 0 leaves it to the client.
    pub lifetime_s: u32,
    /// What the client is to send back; empty if there is no ticket after all.
    pub ticket: Bytes,
}

/// The server's point and its signature (RFC 8422 §5.4).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServerKeyExchange {
    /// The curve, which is a named one.
    pub group: Group,
    /// The point.
    pub public: Bytes,
    /// How it is signed.
    pub scheme: SignatureScheme,
    /// Over both randoms and [`ServerKeyExchange::params`].
    pub signature: Bytes,
}

/// A server wants to see a certificate (RFC 8446 §4.3.2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CertificateRequest {
    /// Comes back in the answer; empty during the handshake.
    pub context: Bytes,
    /// `signature_algorithms` at least.
    pub extensions: Vec<Extension>,
}

/// A server wants to see a certificate (RFC 5246 §7.4.4).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CertificateRequest12 {
    /// Kinds of certificates; `ecdsa_sign` is 64, `rsa_sign` is 1.
    pub types: Bytes,
    /// Signatures that the server can check.
    pub schemes: Vec<SignatureScheme>,
    /// Names of issuers, each with two bytes of length before it; not interpreted.
    pub authorities: Bytes,
}

/// A proof of holding the key of a certificate (RFC 8446 §4.4.3, RFC 5246 §7.4.8).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CertificateVerify {
    /// How it is signed.
    pub scheme: SignatureScheme,
    /// Over the handshake so far.
    pub signature: Bytes,
}

/// Finds the messages in the fragments of handshake records: a message may take several records, and a record may
/// hold several messages (RFC 8446 §5.1).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MessageReader(BytesMut);
