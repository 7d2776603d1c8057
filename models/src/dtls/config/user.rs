//! What a user says of DTLS.
//!
//! ```ron
//! CoapClient(to: "server", dtls: (psk: (identity: "device-1", key: "secret")))
//! CoapServer(dtls: (psks: [(identity: "device-1", key: "secret")], sessions: 16))
//! ```

use super::{ClientConfig, Common, Psk, SESSION_MEMORY, ServerConfig, Timers};
use crate::dtls::codes::{DTLS12, DTLS13, Suite};
use crate::dtls::endpoint::EndpointLimits;
use crate::tls::certificate::identity;
use crate::tls::codes::Version;
use crate::tls::config::{CertificateConfig, ClientCertificates, KeyGroup};
use crate::tls::crypto::Mode;
use bytes::Bytes;
use protosim_core::{Size, Span};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Names in certificates: of 11 bytes, as those beneath TLS.
const SERVER_NAME: &str = "example.com";
const CLIENT_NAME: &str = "client.test";
/// A client's session without an answer is dead after as long as CoAP waits at most (MAX_TRANSMIT_WAIT, RFC 7252 §4.8.2).
const DEAD_AFTER: Span = Span::from_secs(93);

/// A version of DTLS.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub enum DtlsVersion {
    /// RFC 6347.
    Dtls12,
    /// RFC 9147.
    Dtls13,
}

impl DtlsVersion {
    /// Its code.
    pub const fn code(self) -> Version {
        match self {
            Self::Dtls12 => DTLS12,
            Self::Dtls13 => DTLS13,
        }
    }
}

/// A cipher suite of DTLS, by its name in IANA's registry.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub enum DtlsSuite {
    /// `TLS_PSK_WITH_AES_128_CCM_8` (RFC 6655), of DTLS 1.2: what CoAP has to know (RFC 7252 §9.1.3.1).
    #[serde(rename = "TLS_PSK_WITH_AES_128_CCM_8")]
    PskAes128Ccm8,
    /// `TLS_PSK_WITH_AES_128_GCM_SHA256` (RFC 5487), of DTLS 1.2.
    #[serde(rename = "TLS_PSK_WITH_AES_128_GCM_SHA256")]
    PskAes128Gcm,
    /// `TLS_ECDHE_PSK_WITH_AES_128_CCM_8_SHA256` (RFC 8442), of DTLS 1.2.
    #[serde(rename = "TLS_ECDHE_PSK_WITH_AES_128_CCM_8_SHA256")]
    EcdhePskAes128Ccm8,
    /// `TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256` (RFC 8442), of DTLS 1.2.
    #[serde(rename = "TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256")]
    EcdhePskAes128Gcm,
    /// `TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8` (RFC 7251), of DTLS 1.2: for CoAP with certificates (RFC 7252 §9.1.3.3).
    #[serde(rename = "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8")]
    EcdsaAes128Ccm8,
    /// `TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256` (RFC 5289), of DTLS 1.2.
    #[serde(rename = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256")]
    EcdsaAes128Gcm,
    /// `TLS_AES_128_GCM_SHA256`, of DTLS 1.3.
    #[serde(rename = "TLS_AES_128_GCM_SHA256")]
    Aes128Gcm,
    /// `TLS_AES_128_CCM_SHA256`, of DTLS 1.3.
    #[serde(rename = "TLS_AES_128_CCM_SHA256")]
    Aes128Ccm,
    /// `TLS_AES_128_CCM_8_SHA256`, of DTLS 1.3.
    #[serde(rename = "TLS_AES_128_CCM_8_SHA256")]
    Aes128Ccm8,
}

impl DtlsSuite {
    /// Its name in IANA's registry.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PskAes128Ccm8 => "TLS_PSK_WITH_AES_128_CCM_8",
            Self::PskAes128Gcm => "TLS_PSK_WITH_AES_128_GCM_SHA256",
            Self::EcdhePskAes128Ccm8 => "TLS_ECDHE_PSK_WITH_AES_128_CCM_8_SHA256",
            Self::EcdhePskAes128Gcm => "TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256",
            Self::EcdsaAes128Ccm8 => "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8",
            Self::EcdsaAes128Gcm => "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
            Self::Aes128Gcm => "TLS_AES_128_GCM_SHA256",
            Self::Aes128Ccm => "TLS_AES_128_CCM_SHA256",
            Self::Aes128Ccm8 => "TLS_AES_128_CCM_8_SHA256",
        }
    }

    /// As the machine has it.
    pub const fn suite(self) -> Suite {
        match self {
            Self::PskAes128Ccm8 => Suite::PskAes128Ccm8,
            Self::PskAes128Gcm => Suite::PskAes128Gcm,
            Self::EcdhePskAes128Ccm8 => Suite::EcdhePskAes128Ccm8,
            Self::EcdhePskAes128Gcm => Suite::EcdhePskAes128Gcm,
            Self::EcdsaAes128Ccm8 => Suite::EcdsaAes128Ccm8,
            Self::EcdsaAes128Gcm => Suite::EcdsaAes128Gcm,
            Self::Aes128Gcm => Suite::Aes128Gcm,
            Self::Aes128Ccm => Suite::Aes128Ccm,
            Self::Aes128Ccm8 => Suite::Aes128Ccm8,
        }
    }
}

/// A key that both ends have (RFC 4279).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PskConfig {
    /// What it is called, 1 to 128 bytes.
    pub identity: String,
    /// Itself, 1 to 64 bytes: as text, or in hexadecimal after `0x`.
    pub key: String,
}

impl PskConfig {
    /// The key's bytes; `None` if it is no hexadecimal, though it begins so.
    pub fn key(&self) -> Option<Bytes> {
        let Some(digits) = self.key.strip_prefix("0x") else { return Some(self.key.clone().into_bytes().into()) };
        let is_hex = digits.len().is_multiple_of(2) && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        let value = |digit: u8| char::from(digit).to_digit(16).unwrap_or(0) as u8;
        is_hex.then(|| digits.as_bytes().chunks_exact(2).map(|pair| value(pair[0]) << 4 | value(pair[1])).collect())
    }
}

/// When flights are sent again (RFC 6347 §4.2.4, RFC 9147 §5.8).
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DtlsRetransmission {
    /// How long after a flight it is sent again for the first time; the time doubles. Default: 1 s (RFC 6347 §4.2.4.1).
    pub first: Option<Span>,
    /// It does not become longer than this one. Default: 60 s (RFC 6347 §4.2.4.1).
    pub most: Option<Span>,
    /// So many times a flight is sent again; then the handshake has failed. 1 to 30. Default: 12, as OpenSSL 3.0.
    pub tries: Option<u32>,
}

impl DtlsRetransmission {
    pub(super) fn timers(&self) -> Timers {
        let default = Timers::default();
        Timers {
            initial: self.first.unwrap_or(default.initial),
            most: self.most.unwrap_or(default.most),
            least: default.least.min(self.first.unwrap_or(default.initial)),
            tries: self.tries.unwrap_or(default.tries),
            ..default
        }
    }
}

/// What a server does with a client that it has no place for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub enum WhenFull {
    /// The session that has been silent for longest gives way, and is told so (close_notify); as libcoap and Californium do.
    #[default]
    Evict,
    /// The client is not answered; as tinydtls does.
    Refuse,
}

/// DTLS of an application that sends to a server.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DtlsClientConfig {
    /// Versions that it offers, the best one first. Default: DTLS 1.2 alone, since libraries that are out there (OpenSSL 3.0, GnuTLS 3.7, Mbed TLS 3) have no other.
    pub versions: Option<Vec<DtlsVersion>>,
    /// Cipher suites, the best one first. Default: with a key `TLS_PSK_WITH_AES_128_CCM_8` and `TLS_PSK_WITH_AES_128_GCM_SHA256`, without one
    /// `TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8` and `TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256`, as CoAP has them (RFC 7252 §9.1.3); of DTLS 1.3
    /// `TLS_AES_128_GCM_SHA256` and `TLS_AES_128_CCM_8_SHA256`.
    pub suites: Option<Vec<DtlsSuite>>,
    /// Groups for key exchange, the best one first; hybrid ones are not for DTLS here. Default: P-256, then X25519 (RFC 7252 §9.1.3.3).
    pub groups: Option<Vec<KeyGroup>>,
    /// A key that it has with the server. Default: none; the server then shows a certificate.
    pub psk: Option<PskConfig>,
    /// DTLS 1.3: the key is used without a fresh key exchange as well (`psk_ke`). Default: false.
    pub psk_alone: bool,
    /// What it authenticates itself with, where the server asks for it. Default: nothing.
    pub certificate: Option<CertificateConfig>,
    /// Checks that the server's certificates lead to one of our authorities; for `protosim live`. Default: true.
    pub verify: bool,
    /// The name that it asks for (RFC 6066 §3). Default: the server's node where a suite may have certificates, else none.
    pub server_name: Option<String>,
    /// Takes up sessions again that it had. Default: true.
    pub resumption: Option<bool>,
    /// Length of the connection ids by which the server is to name this client \[bytes\] (RFC 9146), 0 to 32. Such a session survives
    /// a new address of the client's, as after a NAT's time-out. 0: the server's are used, and it uses none. Default: not offered.
    pub connection_id: Option<u8>,
    /// The longest datagram, as payload of UDP, 256 B at least. Default: 1232 B, what all of IPv6 takes.
    pub mtu: Option<Size>,
    /// When flights are sent again.
    pub retransmission: DtlsRetransmission,
    /// What may wait for the end of a handshake; more is lost. Default: 16 KiB (our choice).
    pub queue: Option<Size>,
    /// A session is given up for a new one when data are to be sent and nothing has come for so long after others were, more than once (a
    /// quarter of that time apart: one that is lost is no sign): the server may have forgotten it, and says nothing. Default: 93 s, as
    /// long as CoAP waits at most (MAX_TRANSMIT_WAIT, RFC 7252 §4.8.2); never for requests that are not answered where all is well.
    pub dead_after: Option<Span>,
    /// Memory that a session takes beside keys, messages and data that wait. Default: 1500 B (1 to 2 kB with a pre-shared key, in libraries for
    /// constrained devices).
    pub memory: Option<Size>,
}

impl Default for DtlsClientConfig {
    fn default() -> Self {
        Self {
            versions: None,
            suites: None,
            groups: None,
            psk: None,
            psk_alone: false,
            certificate: None,
            verify: true,
            server_name: None,
            resumption: None,
            connection_id: None,
            mtu: None,
            retransmission: DtlsRetransmission::default(),
            queue: None,
            dead_after: None,
            memory: None,
        }
    }
}

/// DTLS of an application that others send to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DtlsServerConfig {
    /// Versions that it takes, the best one first. Default: DTLS 1.2 alone.
    pub versions: Option<Vec<DtlsVersion>>,
    /// Cipher suites that it takes; the client's order decides. Default: all of CoAP's that it has keys or a certificate for, and of DTLS 1.3
    /// `TLS_AES_128_GCM_SHA256` and `TLS_AES_128_CCM_8_SHA256`.
    pub suites: Option<Vec<DtlsSuite>>,
    /// Groups that it can use, the best one first. Default: P-256, then X25519.
    pub groups: Option<Vec<KeyGroup>>,
    /// Keys that it has with clients. Default: none.
    pub psks: Vec<PskConfig>,
    /// What it says of keys (RFC 4279 §2). Default: nothing.
    pub hint: String,
    /// Its certificate. Default: none; a server without keys needs one.
    pub certificate: Option<CertificateConfig>,
    /// Whether clients have to authenticate themselves by certificates. Default: no.
    pub client_certificates: ClientCertificates,
    /// Clients have to show that they are where they say before anything is kept of them (RFC 6347 §4.2.1, RFC 9147 §5.1), which takes a round trip. Default: true.
    pub cookies: bool,
    /// Tickets for sessions that go on, 0 to 16; DTLS 1.2 gives one if any (RFC 5077). Default: 1.
    pub tickets: Option<u8>,
    /// For how long they are good. Default: 2 h, as OpenSSL.
    pub ticket_lifetime: Option<Span>,
    /// As for clients: the length of the ids by which clients are to name their sessions here. Default: not agreed on.
    pub connection_id: Option<u8>,
    /// How many sessions it has at once, those whose handshake goes on included. Default: 65536 (our choice).
    pub sessions: Option<u32>,
    /// What comes of a client for which there is no place. Default: `Evict`.
    pub when_full: WhenFull,
    /// A session over which nothing has come or gone for so long is ended, and the client is told. libcoap: 300 s. Default: never.
    pub idle_timeout: Option<Span>,
    /// The longest datagram, as payload of UDP, 256 B at least. Default: 1232 B, what all of IPv6 takes.
    pub mtu: Option<Size>,
    /// When flights are sent again.
    pub retransmission: DtlsRetransmission,
    /// Memory that a session takes beside keys, messages and data that wait. Default: 1500 B.
    pub memory: Option<Size>,
}

impl Default for DtlsServerConfig {
    fn default() -> Self {
        Self {
            versions: None,
            suites: None,
            groups: None,
            psks: Vec::new(),
            hint: String::new(),
            certificate: None,
            client_certificates: ClientCertificates::None,
            cookies: true,
            tickets: None,
            ticket_lifetime: None,
            connection_id: None,
            sessions: None,
            when_full: WhenFull::Evict,
            idle_timeout: None,
            mtu: None,
            retransmission: DtlsRetransmission::default(),
            memory: None,
        }
    }
}

/// What the configurations of both ends have.
pub(super) struct Shared<'a> {
    versions: &'a Option<Vec<DtlsVersion>>,
    pub(super) suites: &'a Option<Vec<DtlsSuite>>,
    pub(super) groups: &'a Option<Vec<KeyGroup>>,
    pub(super) has_psk: bool,
    /// It uses certificates of servers where no suite is named.
    has_certificate: bool,
    pub(super) connection_id: Option<u8>,
    pub(super) mtu: Option<Size>,
    pub(super) retransmission: &'a DtlsRetransmission,
    memory: Option<Size>,
}

impl Shared<'_> {
    pub(super) fn versions(&self) -> Vec<Version> {
        let versions = self.versions.as_deref().unwrap_or(&[DtlsVersion::Dtls12]);
        versions.iter().map(|version| version.code()).collect()
    }

    pub(super) fn suites(&self) -> Vec<Suite> {
        if let Some(suites) = self.suites {
            return suites.iter().map(|suite| suite.suite()).collect();
        }
        let mut list = Vec::new();
        let versions = self.versions();
        if versions.contains(&DTLS13) {
            list.extend([Suite::Aes128Gcm, Suite::Aes128Ccm8]);
        }
        if versions.contains(&DTLS12) && self.has_psk {
            list.extend([Suite::PskAes128Ccm8, Suite::PskAes128Gcm]);
        }
        if versions.contains(&DTLS12) && self.has_certificate {
            list.extend([Suite::EcdsaAes128Ccm8, Suite::EcdsaAes128Gcm]);
        }
        list
    }

    pub(super) fn common(&self, mode: Mode) -> Common {
        let groups = self.groups.as_deref().unwrap_or(&[KeyGroup::P256, KeyGroup::X25519]);
        let default = Common::default();
        Common {
            mode,
            versions: self.versions(),
            suites: self.suites(),
            groups: groups.iter().map(|group| group.code()).collect(),
            mtu: self.mtu.map_or(default.mtu, |mtu| mtu.as_bytes() as usize),
            fallback_mtu: self
                .mtu
                .map_or(default.fallback_mtu, |mtu| default.fallback_mtu.min(mtu.as_bytes() as usize)),
            timers: self.retransmission.timers(),
            cid_len: self.connection_id,
            session_memory: self.memory.map_or(SESSION_MEMORY, Size::as_bytes),
            ..default
        }
    }
}

impl DtlsClientConfig {
    pub(super) fn shared(&self) -> Shared<'_> {
        Shared {
            versions: &self.versions,
            suites: &self.suites,
            groups: &self.groups,
            has_psk: self.psk.is_some(),
            has_certificate: self.psk.is_none(),
            connection_id: self.connection_id,
            mtu: self.mtu,
            retransmission: &self.retransmission,
            memory: self.memory,
        }
    }

    /// What the machine is told. `server` is the name of the server's node.
    pub fn resolve(&self, mode: Mode, server: &str) -> ClientConfig {
        let mut common = self.shared().common(mode);
        common.most_early = self.queue.map_or(common.most_early, |queue| queue.as_bytes() as usize);
        let is_name = |name: &&str| !name.is_empty() && name.parse::<std::net::IpAddr>().is_err();
        let usual = Some(server).filter(is_name).filter(|_| common.uses_certificates());
        ClientConfig {
            server_name: self.server_name.as_deref().or(usual).map(|name| Bytes::copy_from_slice(name.as_bytes())),
            psk: self.psk.as_ref().map(|psk| Psk {
                identity: psk.identity.clone().into_bytes().into(),
                key: psk.key().unwrap_or_default(),
            }),
            identity: self.certificate.as_ref().map(|own| Arc::new(identity(mode, own, CLIENT_NAME))),
            resumption: self.resumption.unwrap_or(true),
            key_shares: None,
            psk_alone: self.psk_alone,
            common,
        }
    }

    /// After how long without an answer a session is given up.
    pub(in crate::dtls) fn dead_after(&self) -> Span {
        self.dead_after.unwrap_or(DEAD_AFTER)
    }

    /// The most data that fit into any of its records \[bytes\].
    pub fn most_data(&self) -> u64 {
        most_data(&self.shared().common(Mode::Sized))
    }

    /// The longest datagram that it sends where its data have at most `data` bytes \[bytes\].
    pub fn longest(&self, data: u64) -> u64 {
        longest(&self.shared().common(Mode::Sized), data)
    }
}

impl DtlsServerConfig {
    pub(super) fn shared(&self) -> Shared<'_> {
        Shared {
            versions: &self.versions,
            suites: &self.suites,
            groups: &self.groups,
            has_psk: !self.psks.is_empty(),
            has_certificate: self.certificate.is_some(),
            connection_id: self.connection_id,
            mtu: self.mtu,
            retransmission: &self.retransmission,
            memory: self.memory,
        }
    }

    /// What the machine is told.
    pub fn resolve(&self, mode: Mode) -> ServerConfig {
        let default = ServerConfig::default();
        let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
        ServerConfig {
            common: self.shared().common(mode),
            psks: self.psks.iter().map(|psk| (bytes(&psk.identity), psk.key().unwrap_or_default())).collect(),
            hint: bytes(&self.hint),
            identity: self.certificate.as_ref().map(|own| Arc::new(identity(mode, own, SERVER_NAME))),
            cookies: self.cookies,
            client_certificates: self.client_certificates,
            tickets: self.tickets.unwrap_or(default.tickets),
            lifetime: self.ticket_lifetime.unwrap_or(default.lifetime),
            ..default
        }
    }

    /// How many sessions it has, and for how long.
    pub(in crate::dtls) fn limits(&self) -> EndpointLimits {
        let default = EndpointLimits::default();
        EndpointLimits {
            connections: self.sessions.map_or(default.connections, |sessions| sessions as usize),
            evicts: self.when_full == WhenFull::Evict,
            idle: self.idle_timeout,
        }
    }

    /// The most data that fit into any of its records \[bytes\].
    pub fn most_data(&self) -> u64 {
        most_data(&self.shared().common(Mode::Sized))
    }

    /// The longest datagram that it sends where its data have at most `data` bytes \[bytes\].
    pub fn longest(&self, data: u64) -> u64 {
        longest(&self.shared().common(Mode::Sized), data)
    }
}

/// What a record adds to data \[bytes\]: DTLS 1.2 has 13 of header, 8 of nonce, the tag, and with connection ids those and the type; DTLS 1.3 has less.
fn expansion(common: &Common) -> u64 {
    let tags = common.suites().map(|suite| 8 + suite.aead().tag_len() as u64);
    // The peer's ids are as long as it likes; ours are what is known.
    let of_cid = common.cid_len.map_or(0, |len| u64::from(len) + 1);
    13 + tags.max().unwrap_or(24) + of_cid
}

fn most_data(common: &Common) -> u64 {
    (common.mtu as u64).saturating_sub(expansion(common))
}

/// Certificates fill datagrams; hellos with keys are shorter than 256 bytes but for what applications' data are.
fn longest(common: &Common, data: u64) -> u64 {
    let mtu = common.mtu as u64;
    if common.uses_certificates() { mtu } else { (data + expansion(common)).max(256).min(mtu) }
}
