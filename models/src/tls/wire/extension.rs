//! Extensions of hellos, certificates and tickets (RFC 8446 §4.2).

use super::codec::{Reader, Writer};
use crate::tls::codes::{
    AlertDescription, CertificateCompression, ExtensionType, Group, PskMode, SignatureScheme, Version,
};
use bytes::Bytes;

/// One extension. Which of two forms of the same extension a body has follows from the message it is in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Extension {
    /// `server_name` of a client: the host it means to reach (RFC 6066 §3).
    ServerName(Bytes),
    /// `server_name` of a server: the name was used.
    ServerNameAck,
    /// `status_request` of a client: OCSP, of any responder (RFC 6066 §8).
    OcspRequest,
    /// `status_request` without a body: of a TLS 1.2 server, a status will follow; in a certificate request, a status
    /// is wanted (RFC 8446 §4.4.2.1).
    OcspAck,
    /// `status_request` in a TLS 1.3 certificate entry: the OCSP response, as DER.
    OcspResponse(Bytes),
    /// `supported_groups`, best first (RFC 8446 §4.2.7).
    SupportedGroups(Vec<Group>),
    /// `ec_point_formats`; 0 is uncompressed (RFC 8422 §5.1.2).
    EcPointFormats(Bytes),
    /// `signature_algorithms`, best first (RFC 8446 §4.2.3).
    SignatureAlgorithms(Vec<SignatureScheme>),
    /// `application_layer_protocol_negotiation`: names offered, or the one chosen (RFC 7301 §3.1).
    Alpn(Vec<Bytes>),
    /// `extended_master_secret` (RFC 7627 §5.1).
    ExtendedMasterSecret,
    /// `session_ticket`: a ticket, or none to say that one is wanted or will come (RFC 5077 §3.2).
    SessionTicket(Bytes),
    /// `renegotiation_info`: empty in first handshakes (RFC 5746 §3.2).
    RenegotiationInfo(Bytes),
    /// `supported_versions` of a client, best first (RFC 8446 §4.2.1).
    SupportedVersions(Vec<Version>),
    /// `supported_versions` of a server: the version chosen.
    SelectedVersion(Version),
    /// `cookie` (RFC 8446 §4.2.2).
    Cookie(Bytes),
    /// `psk_key_exchange_modes` (RFC 8446 §4.2.9).
    PskModes(Vec<PskMode>),
    /// `key_share` of a client, best first (RFC 8446 §4.2.8).
    KeyShares(Vec<KeyShare>),
    /// `key_share` of a server.
    KeyShare(KeyShare),
    /// `key_share` of a hello retry request: the group wanted.
    RetryGroup(Group),
    /// `early_data` of a client that sends some, or of a server that takes it (RFC 8446 §4.2.10).
    EarlyData,
    /// `early_data` of a ticket: how much may be sent with it \[bytes\].
    MaxEarlyData(u32),
    /// `pre_shared_key` of a client (RFC 8446 §4.2.11).
    PreSharedKeys(PreSharedKeys),
    /// `pre_shared_key` of a server: the index of the identity chosen.
    SelectedPsk(u16),
    /// `compress_certificate`, best first (RFC 8879 §3).
    CompressCertificate(Vec<CertificateCompression>),
    /// `padding`: so many zero bytes (RFC 7685 §3). On reading their values are not looked at.
    Padding(u16),
    /// Any other.
    Unknown {
        /// Its number.
        kind: u16,
        /// What it carries.
        body: Bytes,
    },
}

/// A public value of a group (RFC 8446 §4.2.8).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyShare {
    /// Of which group.
    pub group: Group,
    /// The value: a point, or an encapsulation key or ciphertext before a point.
    pub public: Bytes,
}

/// Pre-shared keys that a client offers (RFC 8446 §4.2.11).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PreSharedKeys {
    /// The keys' names, best first.
    pub identities: Vec<PskIdentity>,
    /// For each of them a proof of holding it, 32 bytes or more.
    pub binders: Vec<Bytes>,
}

/// The name of a pre-shared key (RFC 8446 §4.2.11).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PskIdentity {
    /// A ticket, or a label known beforehand.
    pub identity: Bytes,
    /// Age of the ticket \[ms\] plus its `age_add`, modulo 2^32; 0 for labels.
    pub obfuscated_age: u32,
}

/// The messages that extensions stand in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Place {
    /// Of either version.
    ClientHello,
    /// Of either version.
    ServerHello,
    /// TLS 1.3.
    HelloRetryRequest,
    /// TLS 1.3.
    EncryptedExtensions,
    /// TLS 1.3.
    CertificateRequest,
    /// One entry of a TLS 1.3 certificate message.
    Certificate,
    /// TLS 1.3.
    NewSessionTicket,
}
