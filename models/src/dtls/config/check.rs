//! What cannot be of what a user says: fields that contradict each other, or can have no effect.

use super::user::{DtlsClientConfig, DtlsRetransmission, DtlsServerConfig, PskConfig, Shared};
use crate::dtls::codes::{DTLS13, KeyExchange, Suite};
use crate::tls::certificate::CertificateKind;
use crate::tls::codes::Version;
use crate::tls::config::{CertificateConfig, ClientCertificates, Finding};
use crate::tls::crypto::Mode;
use protosim_core::Span;

/// What all of IPv4 takes, without headers, and the largest payload of UDP over IPv4 \[bytes\].
const MTU: std::ops::RangeInclusive<u64> = 256..=65_507;
/// The longest connection id (RFC 9146 §3 has 255): what fits a datagram beside others, and is more than any library makes. Our choice.
const MOST_CID: u8 = 32;
/// RFC 4279 §5.3: identities up to 128 bytes and keys up to 64 have to be taken.
const MOST_IDENTITY: usize = 128;
const MOST_KEY: usize = 64;
/// RFC 8446 §4.6.1.
const MAX_LIFETIME: Span = Span::from_secs(604_800);

impl PskConfig {
    fn check(&self, field: &'static str, refuse: &mut impl FnMut(&'static str, bool, String)) {
        let is_good = (1..=MOST_IDENTITY).contains(&self.identity.len());
        refuse(field, !is_good, format!("has an identity that is not of 1 to {MOST_IDENTITY} bytes (RFC 4279 §5.3)"));
        let key = self.key();
        refuse(field, key.is_none(), "has a key that begins with `0x`, and is no hexadecimal".to_owned());
        let is_bad = key.is_some_and(|key| key.is_empty() || key.len() > MOST_KEY);
        refuse(field, is_bad, format!("has a key that is not of 1 to {MOST_KEY} bytes (RFC 4279 §5.3)"));
    }
}

impl DtlsRetransmission {
    fn check(&self, refuse: &mut impl FnMut(&'static str, bool, String)) {
        let timers = self.timers();
        refuse("dtls.retransmission.first", timers.initial.is_zero(), "leaves no time for an answer".to_owned());
        let is_wrong = timers.most < timers.initial;
        refuse("dtls.retransmission.most", is_wrong, format!("is less than the first one, {}", timers.initial));
        let is_wrong = !(1..=30).contains(&timers.tries);
        refuse("dtls.retransmission.tries", is_wrong, format!("is {}; it can be 1 to 30", timers.tries));
    }
}

impl Shared<'_> {
    fn check(&self, refuse: &mut impl FnMut(&'static str, bool, String)) {
        self.check_lists(refuse);
        let is_long = self.connection_id.is_some_and(|len| len > MOST_CID);
        refuse("dtls.connection_id", is_long, format!("can be 0 to {MOST_CID} bytes"));
        let is_bad = self.mtu.is_some_and(|mtu| !MTU.contains(&mtu.as_bytes()));
        refuse("dtls.mtu", is_bad, format!("can be {} B to {} B", MTU.start(), MTU.end()));
        self.retransmission.check(refuse);
    }

    fn check_lists(&self, refuse: &mut impl FnMut(&'static str, bool, String)) {
        let versions = self.versions();
        refuse("dtls.versions", versions.is_empty(), "is empty: one version at least is needed".to_owned());
        let is_twice = (1..versions.len()).any(|at| versions[..at].contains(&versions[at]));
        refuse("dtls.versions", is_twice, "names a version twice".to_owned());
        let name = |version: &Version| if *version == DTLS13 { "Dtls13" } else { "Dtls12" };
        let suites = self.suites();
        if self.suites.is_some() {
            for version in versions.iter().filter(|version| !suites.iter().any(|suite| suite.version() == **version)) {
                refuse("dtls.suites", true, format!("has none of {}, which is among `versions`", name(version)));
            }
            for suite in self.suites.iter().flatten().filter(|suite| !versions.contains(&suite.suite().version())) {
                let version = suite.suite().version();
                let why = format!("has {} of {}, which is not among `versions`", suite.name(), name(&version));
                refuse("dtls.suites", true, why);
            }
        }
        let of_psk = |suite: &Suite| matches!(suite.exchange(), KeyExchange::Psk | KeyExchange::EcdhePsk);
        let lacks = self.suites.is_some() && !self.has_psk && suites.iter().any(of_psk);
        refuse("dtls.suites", lacks, "has one with a pre-shared key, and there is none (`psk`, `psks`)".to_owned());
        let Some(groups) = self.groups else { return };
        refuse("dtls.groups", groups.is_empty(), "is empty: one group at least is needed".to_owned());
        let is_hybrid = groups.iter().any(|group| group.is_hybrid());
        let why = "has a hybrid group: its hellos do not fit into a datagram, and are not taken here".to_owned();
        refuse("dtls.groups", is_hybrid, why);
        let in_vain = suites.iter().all(|suite| suite.exchange() == KeyExchange::Psk);
        refuse(
            "dtls.groups",
            in_vain && !suites.is_empty(),
            "has no effect: no suite agrees on a fresh key".to_owned(),
        );
    }
}

/// Of either's certificate: ECDSA alone is known here.
fn check_certificate(config: &CertificateConfig, refuse: &mut impl FnMut(&'static str, bool, String)) -> Vec<Finding> {
    let is_other = config.key != CertificateKind::EcdsaP256;
    let why = format!("is {:?}; DTLS has ECDSA on P-256 alone here (RFC 7252 §9.1.3.3)", config.key);
    refuse("dtls.certificate.key", is_other, why);
    let mut found = Vec::new();
    config.check(["dtls.certificate.chain", "dtls.certificate.leaf"], &mut found);
    found
}

impl DtlsClientConfig {
    /// Fields that contradict each other or can have no effect, and why.
    pub fn check(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        let mut refuse = |field, is_wrong: bool, why: String| {
            if is_wrong {
                found.push((field, why));
            }
        };
        let shared = self.shared();
        shared.check(&mut refuse);
        if let Some(psk) = &self.psk {
            psk.check("dtls.psk", &mut refuse);
        }
        let (has_13, suites) = (shared.versions().contains(&DTLS13), shared.suites());
        let uses_psk = has_13 || suites.iter().any(|suite| suite.exchange() != KeyExchange::Ecdsa);
        let why = "has no effect: no suite has pre-shared keys".to_owned();
        refuse("dtls.psk", self.psk.is_some() && !uses_psk && !suites.is_empty(), why);
        let in_vain = self.psk_alone && (!has_13 || self.psk.is_none());
        refuse("dtls.psk_alone", in_vain, "has no effect without DTLS 1.3 and a `psk`".to_owned());
        let uses_certificates = shared.common(Mode::Sized).uses_certificates()
            && (self.psk.is_none() || !has_13 || suites.iter().any(|suite| suite.exchange() == KeyExchange::Ecdsa));
        let why = "has no effect: no suite has certificates";
        refuse("dtls.certificate", self.certificate.is_some() && !uses_certificates, why.to_owned());
        refuse("dtls.verify", !self.verify && !uses_certificates, why.to_owned());
        if let Some(name) = &self.server_name {
            let is_good = (1..=255).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic());
            let why = "has to be 1 to 255 visible ASCII characters (RFC 6066 §3)".to_owned();
            refuse("dtls.server_name", !is_good, why);
            let is_address = name.parse::<std::net::IpAddr>().is_ok();
            refuse("dtls.server_name", is_address, "is an address, which is no name (RFC 6066 §3)".to_owned());
        }
        let is_none = self.queue.is_some_and(|queue| queue.as_bytes() == 0);
        refuse("dtls.queue", is_none, "leaves no room for the data that a session is begun for".to_owned());
        refuse(
            "dtls.dead_after",
            self.dead_after.is_some_and(Span::is_zero),
            "leaves no time for an answer".to_owned(),
        );
        let more = self.certificate.as_ref().map(|own| check_certificate(own, &mut refuse)).unwrap_or_default();
        found.extend(more);
        found
    }
}

impl DtlsServerConfig {
    /// Fields that contradict each other or can have no effect, and why.
    pub fn check(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        let mut refuse = |field, is_wrong: bool, why: String| {
            if is_wrong {
                found.push((field, why));
            }
        };
        let shared = self.shared();
        shared.check(&mut refuse);
        let has_none = self.psks.is_empty() && self.certificate.is_none();
        refuse("dtls", has_none, "needs `psks` or a `certificate`: nothing else tells clients who it is".to_owned());
        for (at, psk) in self.psks.iter().enumerate() {
            psk.check("dtls.psks", &mut refuse);
            let is_twice = self.psks[..at].iter().any(|other| other.identity == psk.identity);
            refuse("dtls.psks", is_twice, format!("has two keys for `{}`", psk.identity));
        }
        let (has_13, suites) = (shared.versions().contains(&DTLS13), shared.suites());
        let of_ecdsa = suites.iter().any(|suite| suite.exchange() == KeyExchange::Ecdsa);
        let lacks = of_ecdsa && self.certificate.is_none();
        refuse("dtls.suites", lacks, "has one with certificates, and there is no `certificate`".to_owned());
        let in_vain = self.certificate.is_some() && !has_13 && !of_ecdsa && !suites.is_empty();
        refuse("dtls.certificate", in_vain, "has no effect: no suite has certificates".to_owned());
        let of_psk = has_13 || suites.iter().any(|suite| suite.exchange() != KeyExchange::Ecdsa);
        let in_vain = !self.psks.is_empty() && !of_psk && !suites.is_empty();
        refuse("dtls.psks", in_vain, "has no effect: no suite has pre-shared keys".to_owned());
        let has_hinted =
            suites.iter().any(|suite| matches!(suite.exchange(), KeyExchange::Psk | KeyExchange::EcdhePsk));
        let in_vain = !self.hint.is_empty() && !has_hinted;
        refuse("dtls.hint", in_vain, "has no effect: no suite of DTLS 1.2 has pre-shared keys".to_owned());
        refuse("dtls.hint", self.hint.len() > MOST_IDENTITY, format!("has more than {MOST_IDENTITY} bytes"));
        let in_vain = self.client_certificates != ClientCertificates::None && self.certificate.is_none();
        let why = "has no effect: who has no `certificate` cannot ask for one".to_owned();
        refuse("dtls.client_certificates", in_vain, why);
        refuse("dtls.tickets", self.tickets.is_some_and(|tickets| tickets > 16), "can be 0 to 16".to_owned());
        let is_long = self.ticket_lifetime.is_some_and(|lifetime| lifetime > MAX_LIFETIME);
        refuse("dtls.ticket_lifetime", is_long, "can be 7 days at most (RFC 8446 §4.6.1)".to_owned());
        let is_whole = |span: Span| !span.is_zero() && span.as_nanos().is_multiple_of(1_000_000_000);
        let is_cut = self.ticket_lifetime.is_some_and(|lifetime| !is_whole(lifetime));
        refuse("dtls.ticket_lifetime", is_cut, "has to be whole seconds, 1 s at least (RFC 8446 §4.6.1)".to_owned());
        let in_vain = self.ticket_lifetime.is_some() && self.tickets == Some(0);
        refuse("dtls.ticket_lifetime", in_vain, "has no effect: `tickets` is 0".to_owned());
        refuse("dtls.sessions", self.sessions == Some(0), "has no place for any client".to_owned());
        let is_none = self.idle_timeout.is_some_and(Span::is_zero);
        refuse("dtls.idle_timeout", is_none, "leaves no time for a request".to_owned());
        let more = self.certificate.as_ref().map(|own| check_certificate(own, &mut refuse)).unwrap_or_default();
        found.extend(more);
        found
    }
}
