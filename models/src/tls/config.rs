//! What a user says of TLS: whose defaults, and what shall differ from them.

use super::certificate::{CertificateKind, leaf_len};
use super::codes::{CipherSuite, Group, Version};
use super::parameters::{ClientParameters, ServerParameters};
use protosim_core::{Size, Span};
use serde::{Deserialize, Serialize};

/// A field, and what is wrong with it.
pub type Finding = (&'static str, String);

/// The most that one record carries (RFC 8446 §5.1).
const MAX_RECORD: u64 = 1 << 14;
/// The longest leaf \[bytes\]: longer ones are no certificates that anyone sends.
const MAX_LEAF: u64 = 60_000;
/// What is wrong with a certificate of ML-DSA in TLS 1.2 (draft-ietf-tls-mldsa §3.3).
const TOO_NEW: &str = "is of a kind that TLS 1.2 alone cannot use";
/// How long a server waits for the end of a handshake, unless it is told: `client_header_timeout` of nginx.
pub(super) const HANDSHAKE_TIMEOUT: Span = Span::from_secs(60);
/// RFC 8446 §4.6.1: a ticket is good for a week at most.
const MAX_LIFETIME: Span = Span::from_secs(604_800);

/// Whose messages: which extensions with which lists, and how they are packed into records.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Profile {
    /// As OpenSSL 3.0 with its defaults: long lists, a record for each message.
    #[default]
    OpenSsl,
    /// As rustls 0.23 with its defaults: short lists, one record for the messages of a flight.
    Rustls,
    /// As Mbed TLS 3 on a microcontroller: the shortest lists, and records of 4 KiB.
    MbedTls,
}

/// Whose code it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Implementation {
    /// Ours.
    #[default]
    Protosim,
    /// rustls 0.23 itself, in programs that are built with the feature `rustls`, and with `crypto: Real` alone. It takes no time of a processor,
    /// and keeps its own lists but for those that are named here.
    Rustls,
}

/// A version of TLS.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub enum TlsVersion {
    /// RFC 5246.
    Tls12,
    /// RFC 8446.
    Tls13,
}

impl TlsVersion {
    /// Its code.
    pub const fn code(self) -> Version {
        match self {
            Self::Tls12 => Version::TLS12,
            Self::Tls13 => Version::TLS13,
        }
    }
}

/// A cipher suite, by its name in IANA's registry.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Suite {
    /// `TLS_AES_128_GCM_SHA256`, of TLS 1.3.
    #[serde(rename = "TLS_AES_128_GCM_SHA256")]
    Aes128Gcm,
    /// `TLS_AES_256_GCM_SHA384`, of TLS 1.3.
    #[serde(rename = "TLS_AES_256_GCM_SHA384")]
    Aes256Gcm,
    /// `TLS_CHACHA20_POLY1305_SHA256`, of TLS 1.3.
    #[serde(rename = "TLS_CHACHA20_POLY1305_SHA256")]
    ChaCha20Poly1305,
    /// `TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256`, of TLS 1.2.
    #[serde(rename = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256")]
    EcdsaAes128Gcm,
    /// `TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384`, of TLS 1.2.
    #[serde(rename = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384")]
    EcdsaAes256Gcm,
    /// `TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256`, of TLS 1.2.
    #[serde(rename = "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256")]
    EcdsaChaCha20Poly1305,
    /// `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256`, of TLS 1.2.
    #[serde(rename = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256")]
    RsaAes128Gcm,
    /// `TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384`, of TLS 1.2.
    #[serde(rename = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384")]
    RsaAes256Gcm,
    /// `TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256`, of TLS 1.2.
    #[serde(rename = "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256")]
    RsaChaCha20Poly1305,
}

impl Suite {
    /// Its code.
    pub const fn code(self) -> CipherSuite {
        match self {
            Self::Aes128Gcm => CipherSuite::AES_128_GCM_SHA256,
            Self::Aes256Gcm => CipherSuite::AES_256_GCM_SHA384,
            Self::ChaCha20Poly1305 => CipherSuite::CHACHA20_POLY1305_SHA256,
            Self::EcdsaAes128Gcm => CipherSuite::ECDHE_ECDSA_AES_128_GCM_SHA256,
            Self::EcdsaAes256Gcm => CipherSuite::ECDHE_ECDSA_AES_256_GCM_SHA384,
            Self::EcdsaChaCha20Poly1305 => CipherSuite::ECDHE_ECDSA_CHACHA20_POLY1305,
            Self::RsaAes128Gcm => CipherSuite::ECDHE_RSA_AES_128_GCM_SHA256,
            Self::RsaAes256Gcm => CipherSuite::ECDHE_RSA_AES_256_GCM_SHA384,
            Self::RsaChaCha20Poly1305 => CipherSuite::ECDHE_RSA_CHACHA20_POLY1305,
        }
    }

    /// The version that it belongs to.
    pub const fn version(self) -> TlsVersion {
        match self {
            Self::Aes128Gcm | Self::Aes256Gcm | Self::ChaCha20Poly1305 => TlsVersion::Tls13,
            _ => TlsVersion::Tls12,
        }
    }
}

/// A way to agree on a key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub enum KeyGroup {
    /// X25519 (RFC 7748).
    X25519,
    /// NIST P-256.
    P256,
    /// X25519 together with ML-KEM-768 (draft-ietf-tls-ecdhe-mlkem), of TLS 1.3 alone.
    X25519MlKem768,
    /// P-256 together with ML-KEM-768, of TLS 1.3 alone.
    P256MlKem768,
}

impl KeyGroup {
    /// Its code.
    pub const fn code(self) -> Group {
        match self {
            Self::X25519 => Group::X25519,
            Self::P256 => Group::SECP256R1,
            Self::X25519MlKem768 => Group::X25519MLKEM768,
            Self::P256MlKem768 => Group::SECP256R1MLKEM768,
        }
    }

    /// True if TLS 1.2 cannot use it.
    pub const fn is_hybrid(self) -> bool {
        self.code().is_hybrid()
    }
}

/// Certificates and the key to the first of them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CertificateConfig {
    /// What its keys are.
    pub key: CertificateKind,
    /// How many certificates are sent, 1 to 8: the leaf's own, and those between it and the root, which is not sent.
    pub chain: u8,
    /// Length of the leaf \[bytes of DER\]. Default: that of a web site's, with two timestamps of certificate transparency.
    pub leaf: Option<Size>,
}

impl Default for CertificateConfig {
    fn default() -> Self {
        Self { key: CertificateKind::EcdsaP256, chain: 2, leaf: None }
    }
}

impl CertificateConfig {
    pub(crate) fn check(&self, fields: [&'static str; 2], found: &mut Vec<Finding>) {
        if !(1..=8).contains(&self.chain) {
            found.push((fields[0], format!("is {}; it can be 1 to 8", self.chain)));
        }
        let Some(leaf) = self.leaf else { return };
        let nearest = leaf_len(self, Size::from_bytes(leaf.as_bytes().min(MAX_LEAF)));
        if nearest != leaf.as_bytes() {
            found.push((
                fields[1],
                format!("is {} B; the nearest that such a certificate can have is {nearest} B", leaf.as_bytes()),
            ));
        }
    }
}

/// TLS of an application that opens connections.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TlsClientConfig {
    /// Whose code: ours, or rustls's. Default: `Protosim`.
    pub implementation: Implementation,
    /// Whose lists and habits. Default: `OpenSsl`.
    pub profile: Profile,
    /// Versions that it offers. Default: both.
    pub versions: Option<Vec<TlsVersion>>,
    /// Cipher suites, the preferred one first. Default: as the profile has it.
    pub suites: Option<Vec<Suite>>,
    /// Groups that it can use, the preferred one first. Default: as the profile has it.
    pub groups: Option<Vec<KeyGroup>>,
    /// Groups for which it sends a key share at once (TLS 1.3). Default: the first of its groups. None at all asks for a retry.
    pub key_shares: Option<Vec<KeyGroup>>,
    /// The name that it asks for (RFC 6066 §3). Default: the server's node.
    pub server_name: Option<String>,
    /// Application protocols that it offers (RFC 7301), the preferred one first. Default: none.
    pub alpn: Vec<String>,
    /// Checks that the server's certificates lead to one of our authorities; without it any do, as for `curl --insecure`, which servers with
    /// other certificates need in `protosim live`. Default: true.
    pub verify: bool,
    /// Resumes sessions with tickets that it got. Default: true.
    pub resumption: Option<bool>,
    /// Sends data before the server has answered, where it has a ticket that allows it (RFC 8446 §2.3). Default: false.
    pub early_data: bool,
    /// What it authenticates itself with, where the server asks for it. Default: nothing.
    pub certificate: Option<CertificateConfig>,
    /// Takes signatures by ML-DSA. Default: where a hybrid group is among its groups.
    pub post_quantum_signatures: Option<bool>,
    /// Asks for proof that the certificate is not revoked (RFC 6066 §8). Default: as the profile has it.
    pub ocsp: Option<bool>,
    /// Takes compressed certificates (RFC 8879). Default: as the profile has it.
    pub compression: Option<bool>,
    /// Looks like TLS 1.2 to boxes on the way (RFC 8446 §D.4). Default: as the profile has it.
    pub compatibility: Option<bool>,
    /// The most that it puts into a record, 64 B to 16 KiB. Default: as the profile has it.
    pub record: Option<Size>,
    /// New keys are taken after so many bytes (RFC 8446 §4.6.3), 1 kB at least. Default: never.
    pub key_update: Option<Size>,
    /// Memory that a connection takes. Default: as the profile has it.
    pub memory: Option<Size>,
}

impl Default for TlsClientConfig {
    fn default() -> Self {
        Self {
            implementation: Implementation::default(),
            profile: Profile::default(),
            versions: None,
            suites: None,
            groups: None,
            key_shares: None,
            server_name: None,
            alpn: Vec::new(),
            verify: true,
            resumption: None,
            early_data: false,
            certificate: None,
            post_quantum_signatures: None,
            ocsp: None,
            compression: None,
            compatibility: None,
            record: None,
            key_update: None,
            memory: None,
        }
    }
}

/// TLS of an application that takes connections.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TlsServerConfig {
    /// Whose code: ours, or rustls's. Default: `Protosim`.
    pub implementation: Implementation,
    /// Whose lists and habits. Default: `OpenSsl`.
    pub profile: Profile,
    /// Versions that it takes. Default: both.
    pub versions: Option<Vec<TlsVersion>>,
    /// Cipher suites that it takes; the client's order decides. Default: as the profile has it.
    pub suites: Option<Vec<Suite>>,
    /// Groups that it can use: the client's first share of one of them is taken. Default: as the profile has it.
    pub groups: Option<Vec<KeyGroup>>,
    /// What it authenticates itself with. Default: an ECDSA certificate on P-256 and one between it and the root.
    pub certificate: CertificateConfig,
    /// Application protocols that it knows (RFC 7301), the preferred one first. Default: `http/1.1` of an HttpServer, else any that is asked for.
    pub alpn: Vec<String>,
    /// Tickets that it gives out after each handshake, 0 to 16; TLS 1.2 gives one if any. Default: as the profile has it.
    pub tickets: Option<u8>,
    /// For how long they are good. Default: 2 h.
    pub ticket_lifetime: Option<Span>,
    /// Data that it takes before the handshake is over (RFC 8446 §4.2.10); 0 B for none. Default: 0 B.
    pub early_data: Option<Size>,
    /// By how much the age of a ticket may differ from what the client says, for early data (RFC 8446 §8.3). Default: 10 s.
    pub freshness: Option<Span>,
    /// How long a handshake may take, from the connection on; then the connection is closed. Default: 60 s, as nginx has it.
    pub handshake_timeout: Option<Span>,
    /// Whether clients have to authenticate themselves. Default: no.
    pub client_certificates: ClientCertificates,
    /// Takes signatures by ML-DSA from clients, where it asks them for certificates (TLS 1.3 alone). Real servers do so whatever their groups are, if
    /// they know ML-DSA at all: OpenSSL from 3.5 on, rustls with aws-lc-rs. Default: where a hybrid group is among its groups.
    pub post_quantum_signatures: Option<bool>,
    /// Sends proof that its certificate is not revoked, where it is asked for (RFC 6066 §8). Default: false.
    pub ocsp: bool,
    /// Compresses its certificates, where the client takes that (RFC 8879). Default: false.
    pub compression: bool,
    /// The most that it puts into a record, 64 B to 16 KiB. Default: as the profile has it.
    pub record: Option<Size>,
    /// New keys are taken after so many bytes (RFC 8446 §4.6.3), 1 kB at least. Default: never.
    pub key_update: Option<Size>,
    /// Memory that a connection takes. Default: as the profile has it.
    pub memory: Option<Size>,
}

/// Whether a server asks its clients for certificates.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub enum ClientCertificates {
    /// It does not.
    #[default]
    None,
    /// It does, and goes on without.
    Asked,
    /// It does, and refuses who has none.
    Required,
}

/// Fields that cannot be honoured: rustls is not there, or has no such choice.
fn check_rustls(
    implementation: Implementation,
    is_other: bool,
    set: &[(&'static str, bool)],
    found: &mut Vec<Finding>,
) {
    if implementation != Implementation::Rustls {
        return;
    }
    if !cfg!(feature = "rustls") {
        let how = "build it with it: cargo build --release --features rustls";
        found.push(("tls.implementation", format!("is rustls, which is not part of this program; {how}")));
    }
    if is_other {
        found.push((
            "tls.profile",
            "has no effect: with `implementation: Rustls` lists and habits are its own".to_owned(),
        ));
    }
    for (field, _) in set.iter().filter(|(_, is_set)| *is_set) {
        found.push((field, "is nothing that rustls can be told (`implementation: Rustls`)".to_owned()));
    }
}

/// What the configurations of both ends have.
#[derive(Clone, Copy)]
pub(super) struct Shared<'a> {
    implementation: Implementation,
    profile: Profile,
    pub(super) versions: &'a Option<Vec<TlsVersion>>,
    pub(super) suites: &'a Option<Vec<Suite>>,
    pub(super) groups: &'a Option<Vec<KeyGroup>>,
    pub(super) alpn: &'a [String],
    pub(super) record: Option<Size>,
    pub(super) key_update: Option<Size>,
    pub(super) memory: Option<Size>,
}

/// [`Shared`], of either: the fields have the same names.
macro_rules! shared {
    ($config:expr) => {
        Shared {
            implementation: $config.implementation,
            profile: $config.profile,
            versions: &$config.versions,
            suites: &$config.suites,
            groups: &$config.groups,
            alpn: &$config.alpn,
            record: $config.record,
            key_update: $config.key_update,
            memory: $config.memory,
        }
    };
}

impl Shared<'_> {
    /// Whose lists it has.
    pub(super) const fn habits(&self) -> Profile {
        match self.implementation {
            Implementation::Protosim => self.profile,
            Implementation::Rustls => Profile::Rustls,
        }
    }

    /// True if a version may be agreed on.
    fn has(&self, version: TlsVersion) -> bool {
        self.versions.as_ref().is_none_or(|list| list.contains(&version))
    }

    /// What is wrong with it, and with fields that one end alone has: those of `untold` are nothing that rustls can be told, those of `of_13` need
    /// TLS 1.3; each with whether it is set.
    fn check(&self, untold: &[(&'static str, bool)], of_13: &[(&'static str, bool)]) -> Vec<Finding> {
        let mut found = Vec::new();
        let is_other = !matches!(self.profile, Profile::OpenSsl | Profile::Rustls);
        check_rustls(self.implementation, is_other, untold, &mut found);
        let fields = ["tls.versions", "tls.suites", "tls.groups"];
        check_lists(self.versions, self.suites, self.groups, fields, &mut found);
        let mut refuse = |field, is_wrong: bool, why: String| {
            if is_wrong {
                found.push((field, why));
            }
        };
        let has_13 = self.has(TlsVersion::Tls13);
        for &(field, is_set) in of_13 {
            refuse(field, is_set && !has_13, "needs TLS 1.3, which is not among `versions`".to_owned());
        }
        check_alpn(self.alpn, &mut refuse);
        check_record(self.record, self.key_update, &mut refuse);
        found
    }
}

impl TlsClientConfig {
    /// What servers' configurations have, too.
    pub(super) fn shared(&self) -> Shared<'_> {
        shared!(self)
    }

    /// What of it has no effect where no connection comes after another one that could give a ticket.
    pub fn without_tickets(&self, why: &str) -> Vec<Finding> {
        let wants = [("tls.early_data", self.early_data), ("tls.resumption", self.resumption == Some(true))];
        wants.into_iter().filter(|(_, is_set)| *is_set).map(|(field, _)| (field, why.to_owned())).collect()
    }

    /// Everything that it leaves out, filled in. `server` is the name of the server's node.
    pub fn resolve(&self, server: &str) -> ClientParameters {
        ClientParameters::new(self, server)
    }

    /// Fields that contradict each other or can have no effect, and why.
    pub fn check(&self) -> Vec<Finding> {
        let untold = [
            ("tls.key_shares", self.key_shares.is_some()),
            ("tls.ocsp", self.ocsp.is_some()),
            ("tls.compression", self.compression.is_some()),
            ("tls.compatibility", self.compatibility.is_some()),
            ("tls.key_update", self.key_update.is_some()),
        ];
        let of_13 = [
            ("tls.early_data", self.early_data),
            ("tls.key_shares", self.key_shares.is_some()),
            ("tls.key_update", self.key_update.is_some()),
            ("tls.compression", self.compression == Some(true)),
            ("tls.compatibility", self.compatibility.is_some()),
            ("tls.post_quantum_signatures", self.post_quantum_signatures == Some(true)),
        ];
        let mut found = self.shared().check(&untold, &of_13);
        let mut refuse = |field, is_wrong: bool, why: String| {
            if is_wrong {
                found.push((field, why));
            }
        };
        let is_new = self.certificate.as_ref().is_some_and(|own| own.key.is_post_quantum());
        refuse("tls.certificate.key", is_new && !self.shared().has(TlsVersion::Tls13), TOO_NEW.to_owned());
        let without_ticket = self.early_data && self.resumption == Some(false);
        refuse("tls.early_data", without_ticket, "needs a ticket: `resumption` is false, so it keeps none".to_owned());
        if let Some(shares) = &self.key_shares {
            let groups = self.groups.clone().unwrap_or_else(|| ClientParameters::usual_groups(self.shared().habits()));
            let unknown = shares.iter().find(|share| !groups.contains(share));
            let why = |share| format!("has {share:?}, which is not among its groups (RFC 8446 §4.2.8)");
            refuse("tls.key_shares", unknown.is_some(), unknown.map(why).unwrap_or_default());
            let is_twice = (1..shares.len()).any(|index| shares[..index].contains(&shares[index]));
            refuse("tls.key_shares", is_twice, "names a group twice".to_owned());
        }
        check_name(self.server_name.as_deref(), &mut refuse);
        if let Some(certificate) = &self.certificate {
            certificate.check(["tls.certificate.chain", "tls.certificate.leaf"], &mut found);
        }
        found
    }
}

impl TlsServerConfig {
    /// What clients' configurations have, too.
    pub(super) fn shared(&self) -> Shared<'_> {
        shared!(self)
    }

    /// Everything that it leaves out, filled in. `name` is that of the node that it runs on.
    pub fn resolve(&self) -> ServerParameters {
        ServerParameters::new(self)
    }

    /// Fields that contradict each other or can have no effect, and why.
    pub fn check(&self) -> Vec<Finding> {
        let takes_early = self.early_data.is_some_and(|most| most.as_bytes() > 0);
        let untold = [
            // It keeps sessions for a day where it takes early data, and holds their age against a minute.
            ("tls.ticket_lifetime", self.ticket_lifetime.is_some() && takes_early),
            ("tls.freshness", self.freshness.is_some()),
            ("tls.compression", self.compression),
            ("tls.key_update", self.key_update.is_some()),
        ];
        let of_13 = [
            ("tls.early_data", takes_early),
            ("tls.key_update", self.key_update.is_some()),
            ("tls.compression", self.compression),
            ("tls.post_quantum_signatures", self.post_quantum_signatures == Some(true)),
        ];
        let shared = self.shared();
        let mut found = shared.check(&untold, &of_13);
        let mut refuse = |field, is_wrong: bool, why: String| {
            if is_wrong {
                found.push((field, why));
            }
        };
        refuse("tls.early_data", takes_early && self.tickets == Some(0), "needs a ticket: `tickets` is 0".to_owned());
        let too_much = self.early_data.is_some_and(|most| most.as_bytes() > u64::from(u32::MAX));
        refuse("tls.early_data", too_much, "can be 4294967295 B at most (RFC 8446 §4.2.10)".to_owned());
        refuse(
            "tls.freshness",
            self.freshness.is_some() && !takes_early,
            "has no effect without `early_data`".to_owned(),
        );
        let is_none = self.handshake_timeout.is_some_and(Span::is_zero);
        refuse("tls.handshake_timeout", is_none, "leaves no time for a handshake".to_owned());
        refuse("tls.tickets", self.tickets.is_some_and(|tickets| tickets > 16), "can be 0 to 16".to_owned());
        let is_long = self.ticket_lifetime.is_some_and(|lifetime| lifetime > MAX_LIFETIME);
        refuse("tls.ticket_lifetime", is_long, "can be 7 days at most (RFC 8446 §4.6.1)".to_owned());
        let is_whole = |span: Span| !span.is_zero() && span.as_nanos().is_multiple_of(1_000_000_000);
        let is_cut = self.ticket_lifetime.is_some_and(|lifetime| !is_whole(lifetime));
        refuse("tls.ticket_lifetime", is_cut, "has to be whole seconds, 1 s at least (RFC 8446 §4.6.1)".to_owned());
        let in_vain = self.ticket_lifetime.is_some() && self.tickets == Some(0);
        refuse("tls.ticket_lifetime", in_vain, "has no effect: `tickets` is 0".to_owned());
        let is_new = self.certificate.key.is_post_quantum();
        refuse("tls.certificate.key", is_new && !shared.has(TlsVersion::Tls13), TOO_NEW.to_owned());
        let in_vain = self.post_quantum_signatures.is_some() && self.client_certificates == ClientCertificates::None;
        let why = "has no effect: `client_certificates` is `None`, and nobody else signs".to_owned();
        refuse("tls.post_quantum_signatures", in_vain, why);
        let is_12_alone = shared.has(TlsVersion::Tls12) && !shared.has(TlsVersion::Tls13);
        self.check_certificate_suites(is_12_alone, &mut refuse);
        self.certificate.check(["tls.certificate.chain", "tls.certificate.leaf"], &mut found);
        found
    }

    /// With TLS 1.2 alone, one suite at least has to go with the certificate.
    fn check_certificate_suites(&self, is_12_alone: bool, refuse: &mut impl FnMut(&'static str, bool, String)) {
        let Some(suites) = self.suites.as_ref().filter(|_| is_12_alone) else { return };
        let fits = |suite: &Suite| suite.code().fits_certificate(self.certificate.key, &[]);
        let why = format!("has none that goes with a certificate of {:?}", self.certificate.key);
        refuse("tls.suites", suites.iter().all(|suite| suite.version() == TlsVersion::Tls12 && !fits(suite)), why);
    }
}

fn check_lists(
    versions: &Option<Vec<TlsVersion>>,
    suites: &Option<Vec<Suite>>,
    groups: &Option<Vec<KeyGroup>>,
    fields: [&'static str; 3],
    found: &mut Vec<Finding>,
) {
    let all = [TlsVersion::Tls12, TlsVersion::Tls13];
    let has = |version: TlsVersion| versions.as_ref().is_none_or(|list| list.contains(&version));
    if versions.as_ref().is_some_and(Vec::is_empty) {
        found.push((fields[0], "is empty: one version at least is needed".to_owned()));
    }
    if let Some(suites) = suites {
        for version in all.into_iter().filter(|version| has(*version)) {
            if !suites.iter().any(|suite| suite.version() == version) {
                found.push((fields[1], format!("has none of {version:?}, which is among `versions`")));
            }
        }
        if let Some(suite) = suites.iter().find(|suite| !has(suite.version())) {
            let name = suite.code().name();
            found.push((fields[1], format!("has {name} of {:?}, which is not among `versions`", suite.version())));
        }
    }
    if let Some(groups) = groups {
        if groups.is_empty() {
            found.push((fields[2], "is empty: one group at least is needed".to_owned()));
        } else if has(TlsVersion::Tls12) && groups.iter().all(|group| group.is_hybrid()) {
            found.push((fields[2], "has hybrid groups alone, which TLS 1.2 cannot use".to_owned()));
        }
    }
}

fn check_name(name: Option<&str>, refuse: &mut impl FnMut(&'static str, bool, String)) {
    let is_good =
        |name: &str| !name.is_empty() && name.len() <= 255 && name.bytes().all(|byte| byte.is_ascii_graphic());
    let is_bad = name.is_some_and(|name| !is_good(name));
    refuse("tls.server_name", is_bad, "has to be 1 to 255 visible ASCII characters (RFC 6066 §3)".to_owned());
    let is_address = name.is_some_and(|name| name.parse::<std::net::IpAddr>().is_ok());
    refuse("tls.server_name", is_address, "is an address, which is no name and not sent (RFC 6066 §3)".to_owned());
}

fn check_alpn(alpn: &[String], refuse: &mut impl FnMut(&'static str, bool, String)) {
    let is_bad = alpn.iter().any(|name| name.is_empty() || name.len() > 255);
    refuse("tls.alpn", is_bad, "has a name that is not of 1 to 255 bytes (RFC 7301 §3.1)".to_owned());
    let total: usize = alpn.iter().map(|name| name.len() + 1).sum();
    refuse("tls.alpn", total > 4_096, format!("takes {total} B in the hello; 4096 B at most"));
}

fn check_record(record: Option<Size>, update: Option<Size>, refuse: &mut impl FnMut(&'static str, bool, String)) {
    let is_bad = record.is_some_and(|most| !(64..=MAX_RECORD).contains(&most.as_bytes()));
    refuse("tls.record", is_bad, format!("can be 64 B to {MAX_RECORD} B (RFC 8446 §5.1)"));
    refuse("tls.key_update", update.is_some_and(|size| size.as_bytes() < 1_000), "can be 1 kB at least".to_owned());
}
