//! What two ends make of each other: why they will not come to terms, and which fields of either have no effect because of the other.

use super::codes::{CipherSuite, Version};
use super::config::{ClientCertificates, TlsClientConfig, TlsServerConfig};
use super::parameters::{ClientParameters, ServerParameters};

/// Why these two will not come to terms.
pub fn disagreement(client: &TlsClientConfig, server: &TlsServerConfig) -> Option<String> {
    let (ours, theirs) = (client.resolve(""), server.resolve());
    let Some(newest) = newest(&ours, &theirs) else {
        return Some(
            "it has none of the client's `versions` of TLS: the answer is an alert, protocol_version".to_owned(),
        );
    };
    let key = server.certificate.key;
    let is_13 = newest == Version::TLS13;
    let fits = |suite: &CipherSuite| {
        theirs.common.suites.contains(suite)
            && suite.is_tls13() == is_13
            && (is_13 || suite.fits_certificate(key, &ours.listed_groups))
    };
    if !ours.common.suites.iter().any(fits) {
        return Some("it has none of the client's `suites` that goes with its certificate and the client's `groups`: the answer is an alert, handshake_failure".to_owned());
    }
    if !ours.listed_groups.iter().any(|group| theirs.common.groups.contains(group)) {
        return Some("it has none of the client's `groups`: the answer is an alert, handshake_failure".to_owned());
    }
    let (asked, known) = (&ours.common.alpn, &theirs.common.alpn);
    if !asked.is_empty() && !known.is_empty() && !asked.iter().any(|protocol| known.contains(protocol)) {
        return Some("it has none of the client's `alpn`: the answer is an alert, no_application_protocol".to_owned());
    }
    if !key.schemes().iter().any(|scheme| ours.listed_schemes.contains(scheme)) {
        let why = "it has a certificate whose signatures the client does not take (`post_quantum_signatures`)";
        return Some(format!("{why}: the answer is an alert, handshake_failure"));
    }
    if server.client_certificates != ClientCertificates::Required {
        return None;
    }
    let Some(own) = &client.certificate else {
        return Some("it requires a `certificate`, and the client has none: the answer is an alert".to_owned());
    };
    // A client whose key cannot sign has none (RFC 8446 §4.4.2).
    let refused = certificate_refused(own.key, &theirs, newest);
    refused
        .map(|why| format!("it requires a `certificate`, and the client's is of no use: {why}; the answer is an alert"))
}

/// The version that is agreed on.
fn newest(ours: &ClientParameters, theirs: &ServerParameters) -> Option<Version> {
    theirs.common.versions.iter().copied().find(|version| ours.common.knows(*version))
}

/// Why a server takes nothing that a client's key signs.
fn certificate_refused(
    key: super::certificate::CertificateKind,
    theirs: &ServerParameters,
    version: Version,
) -> Option<&'static str> {
    if key.is_post_quantum() && version != Version::TLS13 {
        return Some(NO_TLS13);
    }
    let takes = theirs.listed_schemes.contains(&key.schemes()[0]);
    (!takes).then_some("the server takes no signatures by ML-DSA (`post_quantum_signatures`)")
}

/// One of the two ends.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum End {
    /// That opens connections.
    Client,
    /// That takes them.
    Server,
}

/// What comes of a field that somebody has written, with a given other end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FieldUse {
    /// Whose field.
    pub end: End,
    /// Its path from the application's configuration.
    pub field: &'static str,
    /// Why nothing comes of it; `None` if something does.
    pub idle: Option<&'static str>,
}

/// The fields whose effect hangs on the other end, as far as they are written, of two ends that come to terms; none of ends that do not. `server` is
/// what is written, `effective` that with what its application speaks.
///
/// What only offers something, a list of groups or suites for instance, has its effect in the hello, and is not among them.
pub fn fields(client: &TlsClientConfig, server: &TlsServerConfig, effective: &TlsServerConfig) -> Vec<FieldUse> {
    if disagreement(client, effective).is_some() {
        return Vec::new();
    }
    let (ours, theirs) = (client.resolve(""), effective.resolve());
    let Some(version) = newest(&ours, &theirs) else { return Vec::new() };
    let pair = Pair { client, server, ours, theirs, is_13: version == Version::TLS13, version };
    let written = TABLE.iter().filter(|row| (row.is_written)(&pair));
    written.map(|row| FieldUse { end: row.end, field: row.field, idle: (row.idle)(&pair) }).collect()
}

/// Two ends that come to terms.
struct Pair<'a> {
    client: &'a TlsClientConfig,
    server: &'a TlsServerConfig,
    ours: ClientParameters,
    theirs: ServerParameters,
    version: Version,
    is_13: bool,
}

/// A field whose effect hangs on the other end.
struct Row {
    end: End,
    field: &'static str,
    /// True if it is written, and wants something.
    is_written: fn(&Pair<'_>) -> bool,
    /// Why nothing comes of it. Of a server's field, what is true of all clients with which nothing does.
    idle: fn(&Pair<'_>) -> Option<&'static str>,
}

const NO_TLS13: &str = "it needs TLS 1.3, and they agree on TLS 1.2 (`versions`)";
const NO_EARLY_CLIENT: &str = "no client that reaches it sends any (`early_data`)";

impl Pair<'_> {
    fn early_data_sent(&self) -> bool {
        self.client.early_data && self.is_13
    }

    /// True if the server gives tickets when it has any: to clients that say that they can use them (RFC 8446 §4.2.9, RFC 5077 §3.2).
    fn takes_tickets(&self) -> bool {
        self.ours.resumption || (self.is_13 && self.ours.habits.always_names_modes)
    }

    fn takes_sessions(&self) -> bool {
        self.takes_tickets() || (!self.is_13 && self.theirs.habits.names_sessions)
    }
}

const fn unless(works: bool, why: &'static str) -> Option<&'static str> {
    if works { None } else { Some(why) }
}

const TABLE: [Row; 15] = [
    Row {
        end: End::Client,
        field: "tls.early_data",
        is_written: |pair| pair.client.early_data,
        idle: |pair| {
            unless(pair.is_13, NO_TLS13)
                .or(unless(pair.theirs.tickets > 0, "it needs a ticket, and the server gives none (`tickets`)"))
                .or(unless(pair.theirs.early_data > 0, "the server takes none (`early_data`), and its tickets say so"))
        },
    },
    Row {
        end: End::Client,
        field: "tls.resumption",
        is_written: |pair| pair.client.resumption == Some(true),
        idle: |pair| unless(pair.theirs.tickets > 0, "the server gives no tickets (`tickets`)"),
    },
    Row {
        end: End::Client,
        field: "tls.certificate",
        is_written: |pair| pair.client.certificate.is_some(),
        idle: |pair| {
            let asks = pair.theirs.client_certificates != ClientCertificates::None;
            let own = pair.client.certificate.as_ref();
            unless(asks, "the server asks for none (`client_certificates`)")
                .or_else(|| own.and_then(|own| certificate_refused(own.key, &pair.theirs, pair.version)))
        },
    },
    Row {
        end: End::Client,
        field: "tls.ocsp",
        is_written: |pair| pair.client.ocsp == Some(true),
        idle: |pair| unless(pair.theirs.ocsp, "the server has no proof to send (`ocsp`)"),
    },
    Row {
        end: End::Client,
        field: "tls.compression",
        is_written: |pair| pair.client.compression == Some(true),
        idle: |pair| {
            unless(pair.is_13, NO_TLS13)
                .or(unless(pair.theirs.compression, "the server does not compress its certificates (`compression`)"))
        },
    },
    Row {
        end: End::Client,
        field: "tls.key_update",
        is_written: |pair| pair.client.key_update.is_some(),
        idle: |pair| unless(pair.is_13, NO_TLS13),
    },
    Row {
        end: End::Server,
        field: "tls.ocsp",
        is_written: |pair| pair.server.ocsp,
        idle: |pair| unless(pair.ours.ocsp, "no client that reaches it asks for it (`ocsp`)"),
    },
    Row {
        end: End::Server,
        field: "tls.compression",
        is_written: |pair| pair.server.compression,
        idle: |pair| {
            unless(
                pair.ours.compression && pair.is_13,
                "no client that reaches it takes compressed ones (`compression`)",
            )
        },
    },
    Row {
        end: End::Server,
        field: "tls.early_data",
        is_written: |pair| pair.server.early_data.is_some_and(|most| most.as_bytes() > 0),
        idle: |pair| unless(pair.early_data_sent(), NO_EARLY_CLIENT),
    },
    Row {
        end: End::Server,
        field: "tls.freshness",
        is_written: |pair| pair.server.freshness.is_some(),
        idle: |pair| unless(pair.early_data_sent(), NO_EARLY_CLIENT),
    },
    Row {
        end: End::Server,
        field: "tls.tickets",
        is_written: |pair| pair.server.tickets.is_some_and(|tickets| tickets > 0),
        idle: |pair| unless(pair.takes_sessions(), "no client that reaches it takes any (`resumption`)"),
    },
    Row {
        end: End::Server,
        field: "tls.ticket_lifetime",
        is_written: |pair| pair.server.ticket_lifetime.is_some(),
        idle: |pair| unless(pair.takes_tickets(), "no client that reaches it takes tickets (`resumption`)"),
    },
    Row {
        end: End::Server,
        field: "tls.key_update",
        is_written: |pair| pair.server.key_update.is_some(),
        idle: |pair| unless(pair.is_13, "no client that reaches it speaks TLS 1.3 (`versions`)"),
    },
    Row {
        end: End::Server,
        field: "tls.post_quantum_signatures",
        is_written: |pair| pair.server.post_quantum_signatures.is_some(),
        idle: |pair| unless(pair.is_13, "no client that reaches it speaks TLS 1.3 (`versions`)"),
    },
    Row {
        end: End::Server,
        field: "tls.alpn",
        is_written: |pair| !pair.server.alpn.is_empty(),
        idle: |pair| unless(!pair.ours.common.alpn.is_empty(), "no client that reaches it names a protocol (`alpn`)"),
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::certificate::CertificateKind;
    use crate::tls::config::{CertificateConfig, Profile, TlsVersion};
    use protosim_core::{Size, Span};

    /// Fields without effect.
    fn idle(client: &TlsClientConfig, server: &TlsServerConfig) -> Vec<(End, &'static str)> {
        let all = fields(client, server, server);
        all.into_iter().filter(|found| found.idle.is_some()).map(|found| (found.end, found.field)).collect()
    }

    fn all_of_client() -> TlsClientConfig {
        TlsClientConfig {
            early_data: true,
            resumption: Some(true),
            certificate: Some(CertificateConfig::default()),
            ocsp: Some(true),
            compression: Some(true),
            key_update: Some(Size::from_bytes(1_000)),
            alpn: vec!["h2".to_owned()],
            ..TlsClientConfig::default()
        }
    }

    fn all_of_server() -> TlsServerConfig {
        TlsServerConfig {
            ocsp: true,
            compression: true,
            early_data: Some(Size::from_bytes(1_000)),
            freshness: Some(Span::from_secs(1)),
            tickets: Some(1),
            ticket_lifetime: Some(Span::from_secs(60)),
            key_update: Some(Size::from_bytes(1_000)),
            client_certificates: ClientCertificates::Asked,
            post_quantum_signatures: Some(true),
            alpn: vec!["h2".to_owned()],
            ..TlsServerConfig::default()
        }
    }

    /// All that one end wants, the other one has: every row is written and of effect. With an end that has nothing, each of its rows has none.
    #[test]
    fn fields_work_with_an_end_that_goes_along_and_not_with_one_that_does_not() {
        let (client, server) = (all_of_client(), all_of_server());
        assert_eq!(fields(&client, &server, &server).len(), TABLE.len());
        assert_eq!(idle(&client, &server), []);
        let rows = |end: End| TABLE.iter().filter(move |row| row.end == end).map(|row| (row.end, row.field));
        let plain = TlsServerConfig { tickets: Some(0), ..TlsServerConfig::default() };
        let but = |end, left: &[&str]| rows(end).filter(|(_, field)| !left.contains(field)).collect::<Vec<_>>();
        // It speaks TLS 1.3, which is all that new keys need.
        assert_eq!(idle(&client, &plain), but(End::Client, &["tls.key_update"]));
        let plain = TlsClientConfig { resumption: Some(false), ..TlsClientConfig::default() };
        assert_eq!(idle(&plain, &server), but(End::Server, &["tls.key_update", "tls.post_quantum_signatures"]));
        assert_eq!(idle(&TlsClientConfig::default(), &TlsServerConfig::default()), []);
    }

    /// RFC 8446 §2.3, §4.6.3 and RFC 8879 §3 are of TLS 1.3; OCSP (RFC 6066 §8), tickets (RFC 5077) and client certificates are of both.
    #[test]
    fn an_old_version_at_the_other_end_leaves_what_is_new_without_effect() {
        let old = Some(vec![TlsVersion::Tls12]);
        let server = TlsServerConfig {
            versions: old.clone(),
            ocsp: true,
            client_certificates: ClientCertificates::Asked,
            ..TlsServerConfig::default()
        };
        let of_client = |field| (End::Client, field);
        assert_eq!(
            idle(&all_of_client(), &server),
            ["tls.early_data", "tls.compression", "tls.key_update"].map(of_client)
        );
        let client = TlsClientConfig {
            versions: old,
            ocsp: Some(true),
            alpn: vec!["h2".to_owned()],
            ..TlsClientConfig::default()
        };
        let fields =
            ["tls.compression", "tls.early_data", "tls.freshness", "tls.key_update", "tls.post_quantum_signatures"];
        assert_eq!(idle(&client, &all_of_server()), fields.map(|field| (End::Server, field)));
    }

    /// rustls names how it would use tickets even where it keeps none (RFC 8446 §4.2.9), and is given them.
    #[test]
    fn tickets_go_to_whoever_says_that_they_can_be_used() {
        let server = TlsServerConfig { tickets: Some(1), ..TlsServerConfig::default() };
        let client = TlsClientConfig { resumption: Some(false), ..TlsClientConfig::default() };
        assert_eq!(idle(&client, &server), [(End::Server, "tls.tickets")]);
        assert_eq!(idle(&TlsClientConfig { profile: Profile::Rustls, ..client }, &server), []);
    }

    /// A key that the server takes nothing of: it is as if there were none. Required, nothing comes of the connection.
    #[test]
    fn a_certificate_of_a_kind_that_the_server_does_not_take_has_no_effect() {
        let own = CertificateConfig { key: CertificateKind::MlDsa44, ..CertificateConfig::default() };
        let client = TlsClientConfig { certificate: Some(own), ..TlsClientConfig::default() };
        for (taken, versions, is_idle) in
            [(None, None, true), (Some(true), None, false), (None, Some(vec![TlsVersion::Tls12]), true)]
        {
            let mut server = TlsServerConfig {
                post_quantum_signatures: taken,
                versions,
                client_certificates: ClientCertificates::Asked,
                ..TlsServerConfig::default()
            };
            assert_eq!(!idle(&client, &server).is_empty(), is_idle, "{server:?}");
            server.client_certificates = ClientCertificates::Required;
            assert_eq!(disagreement(&client, &server).is_some(), is_idle, "{server:?}");
        }
    }
}
