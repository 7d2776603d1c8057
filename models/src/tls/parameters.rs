//! TLS with nothing left out: what the machines work with, and what the profiles of well-known implementations are.

use super::codes::{CipherSuite, Group, SignatureScheme, Version};
use super::config::{
    ClientCertificates, KeyGroup, Profile, Shared, Suite, TlsClientConfig, TlsServerConfig, TlsVersion,
};
use bytes::Bytes;
use protosim_core::{Size, Span};

/// What both ends have.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Common {
    /// Versions that may be agreed on, the newest first.
    pub versions: Vec<Version>,
    /// Cipher suites, the preferred one first.
    pub suites: Vec<CipherSuite>,
    /// Groups that it can compute with, the preferred one first.
    pub groups: Vec<Group>,
    /// Application protocols, the preferred one first.
    pub alpn: Vec<Bytes>,
    /// The most of plain text in a record \[bytes\].
    pub record: usize,
    /// Messages of a flight share records; else each has its own.
    pub packs_flights: bool,
    /// Bytes sent under one key, until it is replaced.
    pub key_update: Option<u64>,
    /// Memory of a connection \[bytes\].
    pub memory: u64,
}

impl Common {
    /// True if it knows a version.
    pub fn knows(&self, version: Version) -> bool {
        self.versions.contains(&version)
    }
}

/// A client's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientParameters {
    /// What both ends have.
    pub common: Common,
    /// Versions that its hello lists.
    pub listed_versions: Vec<Version>,
    /// Groups that its hello lists: some implementations can do more than we.
    pub listed_groups: Vec<Group>,
    /// Signatures that its hello lists.
    pub listed_schemes: Vec<SignatureScheme>,
    /// Suites that its hello lists.
    pub listed_suites: Vec<CipherSuite>,
    /// Groups with a key share in the first hello.
    pub key_shares: Vec<Group>,
    /// The server's name.
    pub server_name: Bytes,
    /// Keeps tickets, and uses them.
    pub resumption: bool,
    /// Sends early data.
    pub early_data: bool,
    /// Asks for stapled proof.
    pub ocsp: bool,
    /// Takes compressed certificates.
    pub compression: bool,
    /// Looks like TLS 1.2.
    pub compatibility: bool,
    /// Which extensions its hello has beside those of its abilities.
    pub habits: HelloHabits,
}

/// Extensions that a hello has or lacks whatever is agreed on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HelloHabits {
    /// Point formats (RFC 8422 §5.1.2): how many are listed, 1 to 3.
    pub point_formats: u8,
    /// Extensions of TLS 1.2 are there also where TLS 1.3 alone is offered: point formats, tickets (RFC 5077), extended master secret (RFC 7627).
    pub old_ones_always: bool,
    /// Encrypt-then-MAC (RFC 7366).
    pub encrypt_then_mac: bool,
    /// The signalling suite of RFC 5746 at the end of the list, also where TLS 1.3 alone is offered.
    pub always_signals_renegotiation: bool,
    /// The extension for tickets of TLS 1.2 is there beside a ticket of TLS 1.3, and where TLS 1.3 alone is offered.
    pub old_tickets_beside_new: bool,
    /// Says how tickets of TLS 1.3 may be used though it keeps none (RFC 8446 §4.2.9).
    pub always_names_modes: bool,
    /// Lists versions also where TLS 1.2 alone is offered.
    pub always_lists_versions: bool,
    /// The first share is for the group that the server chose last.
    pub remembers_group: bool,
    /// Beside a share of X25519 with ML-KEM, its X25519 part by itself.
    pub splits_hybrid: bool,
}

/// What a server does, or leaves out, whatever is agreed on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ServerHabits {
    /// Data go out before the client's Finished has come (RFC 8446 §4.4.4), to a client that it need not know.
    pub sends_early: bool,
    /// TLS 1.2: lists point formats (RFC 8422 §5.1.2).
    pub lists_point_formats: bool,
    /// TLS 1.2: gives sessions identifiers, and with tickets too.
    pub names_sessions: bool,
    /// TLS 1.2: a session that goes on gets a new ticket.
    pub renews_tickets: bool,
    /// Length of the nonce of a ticket of TLS 1.3 \[bytes\].
    pub nonce_len: usize,
}

/// How long tickets are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TicketShape {
    /// All those of TLS 1.3, and all those of TLS 1.2 \[bytes\].
    Fixed(usize, usize),
    /// As long as what rustls puts into them.
    Rustls,
    /// Keys of sessions that the server keeps.
    Kept,
}

/// A server's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServerParameters {
    /// What both ends have.
    pub common: Common,
    /// Tickets after a handshake.
    pub tickets: u8,
    /// For how long they are good.
    pub ticket_lifetime: Span,
    /// How long tickets are.
    pub ticket_shape: TicketShape,
    /// What it does whatever is agreed on.
    pub habits: ServerHabits,
    /// Tells that it has a certificate for the name.
    pub acknowledges_name: bool,
    /// Early data that it takes \[bytes\].
    pub early_data: u32,
    /// By how much a ticket's age may be off.
    pub freshness: Span,
    /// Whether it asks for certificates.
    pub client_certificates: ClientCertificates,
    /// Staples proof.
    pub ocsp: bool,
    /// Compresses certificates.
    pub compression: bool,
    /// Signatures that it takes from clients.
    pub listed_schemes: Vec<SignatureScheme>,
}

/// What a profile says.
struct Base {
    suites: &'static [Suite],
    groups: &'static [KeyGroup],
    /// Codes that hellos list beside, of what we do not compute; the second list with TLS 1.3 alone.
    more_groups: &'static [u16],
    more_groups_13: &'static [u16],
    /// Versions that a hello lists where it offers 1.2 too, and that nobody takes any more.
    older_versions: &'static [u16],
    /// A server tells that it has a certificate for the name (RFC 6066 §3).
    acknowledges_name: bool,
    ticket_len_12: usize,
    schemes_13: &'static [u16],
    schemes_12: &'static [u16],
    more_suites_12: &'static [u16],
    habits: HelloHabits,
    server_habits: ServerHabits,
    /// Tickets have the shape that rustls's have.
    has_rustls_tickets: bool,
    ocsp: bool,
    compression: bool,
    compatibility: bool,
    packs_flights: bool,
    record: usize,
    tickets: u8,
    ticket_len: usize,
    memory: u64,
}

use Suite::*;

/// What most servers do.
const USUAL: ServerHabits = ServerHabits {
    sends_early: true,
    lists_point_formats: true,
    names_sessions: false,
    renews_tickets: false,
    nonce_len: 8,
};

/// OpenSSL 3.0. Lists as its hellos have them on the wire.
const OPENSSL: Base = Base {
    suites: &[
        Aes256Gcm,
        ChaCha20Poly1305,
        Aes128Gcm,
        EcdsaAes256Gcm,
        RsaAes256Gcm,
        EcdsaChaCha20Poly1305,
        RsaChaCha20Poly1305,
        EcdsaAes128Gcm,
        RsaAes128Gcm,
    ],
    groups: &[KeyGroup::X25519, KeyGroup::P256],
    // x448, P-521, P-384; ffdhe2048 to ffdhe8192.
    more_groups: &[0x001e, 0x0019, 0x0018],
    more_groups_13: &[0x0100, 0x0101, 0x0102, 0x0103, 0x0104],
    older_versions: &[0x0302, 0x0301],
    acknowledges_name: false,
    ticket_len_12: 176,
    // ECDSA with P-256, P-384, P-521; Ed25519, Ed448; RSA-PSS with both kinds of keys; PKCS #1.
    schemes_13: &[
        0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0809, 0x080a, 0x080b, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601,
    ],
    // And with SHA-224, SHA-1 and DSA.
    schemes_12: &[0x0303, 0x0301, 0x0302, 0x0402, 0x0502, 0x0602],
    // DHE with RSA, and CBC; what `openssl ciphers` lists by default for TLS 1.2.
    more_suites_12: &[
        0x009f, 0xccaa, 0x009e, 0xc024, 0xc028, 0x006b, 0xc023, 0xc027, 0x0067, 0xc00a, 0xc014, 0x0039, 0xc009, 0xc013,
        0x0033, 0x009d, 0x009c, 0x003d, 0x003c, 0x0035, 0x002f,
    ],
    habits: HelloHabits {
        point_formats: 3,
        old_ones_always: true,
        encrypt_then_mac: true,
        always_signals_renegotiation: true,
        old_tickets_beside_new: true,
        always_names_modes: false,
        always_lists_versions: false,
        remembers_group: false,
        splits_hybrid: false,
    },
    server_habits: USUAL,
    has_rustls_tickets: false,
    ocsp: false,
    compression: false,
    compatibility: true,
    packs_flights: false,
    record: 16_384,
    tickets: 2,
    ticket_len: 208,
    // Two buffers of a record and its overhead (SSL3_RT_MAX_PLAIN_LENGTH and more), and its states.
    memory: 50_000,
};

/// rustls 0.23 with the provider `ring`.
const RUSTLS: Base = Base {
    suites: &[
        Aes256Gcm,
        Aes128Gcm,
        ChaCha20Poly1305,
        EcdsaAes256Gcm,
        EcdsaAes128Gcm,
        EcdsaChaCha20Poly1305,
        RsaAes256Gcm,
        RsaAes128Gcm,
        RsaChaCha20Poly1305,
    ],
    groups: &[KeyGroup::X25519, KeyGroup::P256],
    more_groups: &[0x0018],
    more_groups_13: &[],
    older_versions: &[],
    acknowledges_name: true,
    ticket_len_12: 176,
    // One list for both versions.
    schemes_13: &[0x0503, 0x0403, 0x0807, 0x0806, 0x0805, 0x0804, 0x0601, 0x0501, 0x0401],
    schemes_12: &[],
    more_suites_12: &[],
    habits: HelloHabits {
        point_formats: 1,
        old_ones_always: true,
        encrypt_then_mac: false,
        always_signals_renegotiation: false,
        old_tickets_beside_new: false,
        always_names_modes: true,
        always_lists_versions: true,
        remembers_group: true,
        splits_hybrid: true,
    },
    server_habits: ServerHabits {
        sends_early: false,
        lists_point_formats: false,
        names_sessions: true,
        renews_tickets: true,
        nonce_len: 32,
    },
    has_rustls_tickets: true,
    ocsp: true,
    compression: false,
    compatibility: true,
    packs_flights: true,
    record: 16_384,
    tickets: 2,
    ticket_len: 208,
    memory: 20_000,
};

/// Mbed TLS 3 with the options of a small device.
const MBEDTLS: Base = Base {
    suites: &[Aes128Gcm, ChaCha20Poly1305, EcdsaAes128Gcm, EcdsaChaCha20Poly1305, RsaAes128Gcm, RsaChaCha20Poly1305],
    groups: &[KeyGroup::X25519, KeyGroup::P256],
    more_groups: &[],
    more_groups_13: &[],
    older_versions: &[],
    acknowledges_name: false,
    ticket_len_12: 176,
    schemes_13: &[0x0403, 0x0804],
    schemes_12: &[0x0401],
    more_suites_12: &[],
    habits: HelloHabits {
        point_formats: 1,
        old_ones_always: false,
        encrypt_then_mac: false,
        always_signals_renegotiation: true,
        old_tickets_beside_new: true,
        always_names_modes: false,
        always_lists_versions: false,
        remembers_group: false,
        splits_hybrid: false,
    },
    server_habits: USUAL,
    has_rustls_tickets: false,
    ocsp: false,
    compression: false,
    compatibility: true,
    packs_flights: false,
    record: 4_096,
    tickets: 1,
    ticket_len: 208,
    // MBEDTLS_SSL_IN_CONTENT_LEN of 16 KiB, MBEDTLS_SSL_OUT_CONTENT_LEN of 4 KiB.
    memory: 24_000,
};

const fn base(profile: Profile) -> &'static Base {
    match profile {
        Profile::OpenSsl => &OPENSSL,
        Profile::Rustls => &RUSTLS,
        Profile::MbedTls => &MBEDTLS,
    }
}

fn bytes_of(names: &[String]) -> Vec<Bytes> {
    names.iter().map(|name| Bytes::from(name.clone().into_bytes())).collect()
}

fn common(base: &Base, chosen: &Shared<'_>) -> Common {
    let mut versions = chosen.versions.clone().unwrap_or_else(|| vec![TlsVersion::Tls13, TlsVersion::Tls12]);
    versions.sort();
    versions.dedup();
    let has = |suite: &Suite| versions.contains(&suite.version());
    let suites = chosen.suites.as_deref().unwrap_or(base.suites);
    Common {
        suites: suites.iter().filter(|suite| has(suite)).map(|suite| suite.code()).collect(),
        versions: versions.iter().rev().map(|version| version.code()).collect(),
        groups: chosen.groups.as_deref().unwrap_or(base.groups).iter().map(|group| group.code()).collect(),
        alpn: bytes_of(chosen.alpn),
        record: chosen.record.map_or(base.record, |most| most.as_bytes() as usize),
        packs_flights: base.packs_flights,
        key_update: chosen.key_update.map(Size::as_bytes),
        memory: chosen.memory.map_or(base.memory, Size::as_bytes),
    }
}

/// Signatures that are listed, where TLS 1.2 may be agreed on or not; post-quantum ones at the front.
fn schemes(base: &Base, has_12: bool, is_post_quantum: bool) -> Vec<SignatureScheme> {
    let quantum: &[u16] = if is_post_quantum { &[0x0905, 0x0906, 0x0904] } else { &[] };
    let old = if has_12 { base.schemes_12 } else { &[] };
    quantum.iter().chain(base.schemes_13).chain(old).map(|code| SignatureScheme(*code)).collect()
}

impl ClientParameters {
    /// Groups of a profile.
    pub(super) fn usual_groups(profile: Profile) -> Vec<KeyGroup> {
        base(profile).groups.to_vec()
    }

    pub(super) fn new(config: &TlsClientConfig, server: &str) -> Self {
        let shared = config.shared();
        let base = base(shared.habits());
        let common = common(base, &shared);
        let has_12 = common.knows(Version::TLS12);
        let mut listed_groups = common.groups.clone();
        if config.groups.is_none() {
            let has_13 = common.knows(Version::TLS13);
            let more = base.more_groups.iter().chain(base.more_groups_13.iter().filter(|_| has_13));
            listed_groups.extend(more.map(|code| Group(*code)));
        }
        let mut listed_versions = common.versions.clone();
        if has_12 {
            listed_versions.extend(base.older_versions.iter().map(|code| Version(*code)));
        }
        let mut listed_suites = common.suites.clone();
        if config.suites.is_none() && has_12 {
            listed_suites.extend(base.more_suites_12.iter().map(|code| CipherSuite(*code)));
        }
        if has_12 || base.habits.always_signals_renegotiation {
            listed_suites.push(CipherSuite::EMPTY_RENEGOTIATION_INFO_SCSV);
        }
        let shares = config.key_shares.clone().map(|shares| shares.iter().map(|share| share.code()).collect());
        let name = config.server_name.as_deref().unwrap_or(server);
        Self {
            key_shares: shares.unwrap_or_else(|| first_shares(base, &common)),
            listed_groups,
            listed_versions,
            listed_schemes: schemes(
                base,
                has_12,
                config.post_quantum_signatures.unwrap_or_else(|| has_hybrid(&common.groups)),
            ),
            listed_suites,
            server_name: Bytes::from(name.to_owned().into_bytes()),
            resumption: config.resumption.unwrap_or(true),
            early_data: config.early_data,
            ocsp: config.ocsp.unwrap_or(base.ocsp),
            compression: config.compression.unwrap_or(base.compression) && common.knows(Version::TLS13),
            compatibility: config.compatibility.unwrap_or(base.compatibility) && common.knows(Version::TLS13),
            habits: base.habits,
            common,
        }
    }
}

/// Groups with a share in a first hello, unless a scenario says which.
fn first_shares(base: &Base, common: &Common) -> Vec<Group> {
    let first = common.groups.first().copied();
    let splits = base.habits.splits_hybrid && first == Some(Group::X25519MLKEM768);
    let part = Some(Group::X25519).filter(|part| splits && common.groups.contains(part));
    first.into_iter().chain(part).collect()
}

fn has_hybrid(groups: &[Group]) -> bool {
    groups.iter().any(|group| group.is_hybrid())
}

impl ServerParameters {
    /// For how long tickets are good, as clients are told \[s\]; `check` holds it to a week.
    pub fn ticket_lifetime_s(&self) -> u32 {
        (self.ticket_lifetime.as_nanos() / 1_000_000_000) as u32
    }

    pub(super) fn new(config: &TlsServerConfig) -> Self {
        let shared = config.shared();
        let base = base(shared.habits());
        let common = common(base, &shared);
        Self {
            tickets: config.tickets.unwrap_or(base.tickets),
            ticket_lifetime: config.ticket_lifetime.unwrap_or(Span::from_secs(7_200)),
            ticket_shape: match base.has_rustls_tickets {
                false => TicketShape::Fixed(base.ticket_len, base.ticket_len_12),
                // rustls takes early data only where it keeps sessions itself.
                true if config.early_data.is_some_and(|most| most.as_bytes() > 0) => TicketShape::Kept,
                true => TicketShape::Rustls,
            },
            habits: base.server_habits,
            acknowledges_name: base.acknowledges_name,
            // `check` holds it to 32 bits.
            early_data: config.early_data.map_or(0, |most| most.as_bytes() as u32),
            freshness: config.freshness.unwrap_or(Span::from_secs(10)),
            client_certificates: config.client_certificates,
            ocsp: config.ocsp,
            compression: config.compression,
            listed_schemes: schemes(
                base,
                common.knows(Version::TLS12),
                config.post_quantum_signatures.unwrap_or_else(|| has_hybrid(&common.groups)),
            ),
            common,
        }
    }
}
