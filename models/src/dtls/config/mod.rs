//! What an end is told: versions, suites, keys, times and limits. What users write is in [`user`].

mod check;
#[cfg(test)]
mod tests;
pub mod user;

pub use user::{DtlsClientConfig, DtlsServerConfig};

use super::codes::{DTLS12, DTLS13, KeyExchange, Suite};
use super::reassembly::Limits;
use crate::tls::certificate::Identity;
use crate::tls::codes::{Group, SignatureScheme, Version};
use crate::tls::config::ClientCertificates;
use crate::tls::crypto::Mode;
use bytes::Bytes;
use protosim_core::Span;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A session of DTLS with a pre-shared key takes 1 to 2 kB in libraries for constrained devices, without what waits to be sent or read: our
/// choice between the two.
pub const SESSION_MEMORY: u64 = 1_500;

/// When flights are sent again (RFC 6347 §4.2.4, RFC 9147 §5.8.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timers {
    /// Of the first flight. RFC 6347 §4.2.4.1: 1 s.
    pub initial: Span,
    /// It doubles up to this one. RFC 6347 §4.2.4.1: 60 s.
    pub most: Span,
    /// DTLS 1.3: after a round trip without loss it is 1.5 times as long (RFC 9147 §5.8.2); else it goes back to `initial`.
    pub follows_round_trip: bool,
    /// It does not become shorter than this one by that: our choice, since the RFC names none.
    pub least: Span,
    /// So many times in a row a flight is sent again; then the end gives up. OpenSSL 3.0: 12.
    pub tries: u32,
}

impl Default for Timers {
    fn default() -> Self {
        Self {
            initial: Span::from_secs(1),
            most: Span::from_secs(60),
            follows_round_trip: true,
            least: Span::from_millis(100),
            tries: 12,
        }
    }
}

/// What both ends are told.
#[derive(Clone, PartialEq, Debug)]
pub struct Common {
    /// How much is computed.
    pub mode: Mode,
    /// Versions, the best one first.
    pub versions: Vec<Version>,
    /// Suites, the best one first, as a client offers them: a server takes the first of the client's that it has, whatever its own order. Those of a version that is not among `versions` have no effect.
    pub suites: Vec<Suite>,
    /// Groups for key exchange, the best one first.
    pub groups: Vec<Group>,
    /// Signatures that are taken, the best one first.
    pub schemes: Vec<SignatureScheme>,
    /// The longest datagram \[bytes of UDP payload\].
    pub mtu: usize,
    /// The longest one after `fallback_after` tries without an answer (RFC 6347 §4.1.1.1): 576 - 28, what all IPv4 hosts take.
    pub fallback_mtu: usize,
    /// See there. Our choice.
    pub fallback_after: u32,
    /// When flights are sent again.
    pub timers: Timers,
    /// What is kept of messages that are not whole.
    pub limits: Limits,
    /// What is kept of records that cannot be opened yet, or of data that come too early \[bytes\]; also of our own data that wait for the handshake.
    pub most_early: usize,
    /// What a connection takes of its host's memory beside keys, messages and data that wait \[bytes\]: its state, as a library has it.
    pub session_memory: u64,
    /// Length of the connection ids that the peer is to use \[bytes\] (RFC 9146 §3; 0: we use the peer's, it uses none). `None`: not offered.
    pub cid_len: Option<u8>,
    /// DTLS 1.3: data have the shortest header, with 8 bits of sequence number and no length (RFC 9147 §4); else 16 bits and a length.
    pub short_headers: bool,
    /// DTLS 1.2: the extended master secret (RFC 7627) is offered, or taken.
    pub extended_master_secret: bool,
}

impl Default for Common {
    /// DTLS 1.2 and 1.3 as an end with certificates has it.
    fn default() -> Self {
        Self {
            mode: Mode::Sized,
            versions: vec![DTLS13, DTLS12],
            suites: vec![Suite::Aes128Gcm, Suite::EcdsaAes128Gcm, Suite::EcdsaAes128Ccm8],
            groups: vec![Group::X25519, Group::SECP256R1],
            schemes: vec![SignatureScheme::ECDSA_SECP256R1_SHA256],
            // 1280 bytes of IPv6 without its header and that of UDP.
            mtu: 1232,
            fallback_mtu: 548,
            fallback_after: 3,
            timers: Timers::default(),
            limits: Limits::default(),
            most_early: 16_384,
            session_memory: SESSION_MEMORY,
            cid_len: None,
            short_headers: false,
            extended_master_secret: true,
        }
    }
}

impl Common {
    /// CoAP's with a pre-shared key (RFC 7252 §9.1.3.1): DTLS 1.2, `TLS_PSK_WITH_AES_128_CCM_8`.
    pub fn coap_psk() -> Self {
        let (versions, suites) = (vec![DTLS12], vec![Suite::PskAes128Ccm8]);
        Self { versions, suites, groups: Vec::new(), schemes: Vec::new(), ..Self::default() }
    }

    /// CoAP's with certificates (RFC 7252 §9.1.3.3): DTLS 1.2, `TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8`.
    pub fn coap_certificates() -> Self {
        let (versions, suites) = (vec![DTLS12], vec![Suite::EcdsaAes128Ccm8]);
        Self { versions, suites, groups: vec![Group::SECP256R1], ..Self::default() }
    }

    /// True if it speaks this version.
    pub fn knows(&self, version: Version) -> bool {
        self.versions.contains(&version)
    }

    /// Suites of the versions that it speaks.
    pub fn suites(&self) -> impl Iterator<Item = Suite> + '_ {
        self.suites.iter().copied().filter(|suite| self.knows(suite.version()))
    }

    /// True if some suite needs a group.
    pub(super) fn uses_groups(&self) -> bool {
        self.suites().any(|suite| suite.exchange() != KeyExchange::Psk)
    }

    /// True if some suite needs certificates.
    pub(super) fn uses_certificates(&self) -> bool {
        self.suites().any(|suite| matches!(suite.exchange(), KeyExchange::Ecdsa | KeyExchange::Tls13))
    }
}

/// A key that both ends have.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Psk {
    /// What it is called.
    pub identity: Bytes,
    /// Itself.
    pub key: Bytes,
}

/// What a client is told.
#[derive(Clone, Debug, Default)]
pub struct ClientConfig {
    /// What both are told.
    pub common: Common,
    /// The name that it asks for (RFC 6066 §3).
    pub server_name: Option<Bytes>,
    /// A key that it has with the server.
    pub psk: Option<Psk>,
    /// Certificates of its own, for servers that ask for them.
    pub identity: Option<Arc<Identity>>,
    /// It takes up sessions again.
    pub resumption: bool,
    /// DTLS 1.3: groups for which it sends a share at once. Default: the first one.
    pub key_shares: Option<Vec<Group>>,
    /// DTLS 1.3: pre-shared keys are used without a fresh key exchange (`psk_ke`), too.
    pub psk_alone: bool,
}

/// What a server is told.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// What both are told.
    pub common: Common,
    /// Keys that it has with clients, by their names.
    pub psks: BTreeMap<Bytes, Bytes>,
    /// What it says of keys (RFC 4279 §2); empty: nothing.
    pub hint: Bytes,
    /// Its certificates.
    pub identity: Option<Arc<Identity>>,
    /// Clients have to show that they are where they say (RFC 6347 §4.2.1, RFC 9147 §5.1).
    pub cookies: bool,
    /// Whether clients are asked for certificates.
    pub client_certificates: ClientCertificates,
    /// DTLS 1.2: gives a ticket (RFC 5077); DTLS 1.3: so many.
    pub tickets: u8,
    /// Length of a ticket \[bytes\], or as many as it takes. OpenSSL 3.0: 176 in DTLS 1.2.
    pub ticket_len: usize,
    /// DTLS 1.2: sessions that it remembers by their id.
    pub kept_sessions: usize,
    /// How long sessions can be taken up. In DTLS 1.3 it is seven days at most (RFC 8446 §4.6.1).
    pub lifetime: Span,
    /// A client with a connection id is answered where its newest record came from, at once. That is all of RFC 9146 §6 but the third condition, a way to know that the client can be
    /// reached there, and not what RFC 9147 §11 asks for, a test of it first: whoever sends a client's datagram on from elsewhere, before the client's own comes, gets what is sent to it, until it
    /// sends again. Else clients are answered where they said hello.
    pub follows_peers: bool,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            common: Common::default(),
            psks: BTreeMap::new(),
            hint: Bytes::new(),
            identity: None,
            cookies: true,
            client_certificates: ClientCertificates::None,
            tickets: 1,
            ticket_len: 176,
            kept_sessions: 0,
            // 2 h, as OpenSSL and rustls.
            lifetime: Span::from_secs(7_200),
            follows_peers: true,
        }
    }
}
