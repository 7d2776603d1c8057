//! What two ends make of each other, by their configurations alone: why they will not come to terms, and which fields of either have no effect because of the
//! other.

use super::codes::{DTLS13, KeyExchange, Suite};
use super::config::{ClientConfig, Common, DtlsClientConfig, DtlsServerConfig, ServerConfig};
use crate::tls::agreement::{End, FieldUse};
use crate::tls::config::ClientCertificates;
use crate::tls::crypto::Mode;

/// Why these two will not come to terms.
pub fn disagreement(client: &DtlsClientConfig, server: &DtlsServerConfig) -> Option<String> {
    let (ours, theirs) = (client.resolve(Mode::Sized, ""), server.resolve(Mode::Sized));
    let Some(version) = theirs.common.versions.iter().copied().find(|version| ours.common.knows(*version)) else {
        return Some(
            "it has none of the client's `versions` of DTLS: the answer is an alert, protocol_version".to_owned(),
        );
    };
    let group = ours.common.groups.iter().find(|group| theirs.common.groups.contains(group));
    let fits = |suite: &Suite| {
        let has_keys = match suite.exchange() {
            KeyExchange::Psk => !theirs.psks.is_empty() && ours.psk.is_some(),
            KeyExchange::EcdhePsk => !theirs.psks.is_empty() && ours.psk.is_some() && group.is_some(),
            KeyExchange::Ecdsa => theirs.identity.is_some() && group.is_some() && takes_p256(&ours.common),
            KeyExchange::Tls13 => group.is_some(),
        };
        suite.version() == version && theirs.common.suites().any(|one| one == *suite) && has_keys
    };
    let Some(suite) = ours.common.suites().find(fits) else {
        let why = "it has none of the client's `suites` and `groups` that goes with keys or certificates of both";
        return Some(format!("{why}: the answer is an alert, handshake_failure"));
    };
    let of_psk = matches!(suite.exchange(), KeyExchange::Psk | KeyExchange::EcdhePsk);
    let known = knows_key(&ours, &theirs);
    if of_psk && !known {
        return Some("it knows no such key (`psk`) under this identity: the handshake fails".to_owned());
    }
    if version == DTLS13 && !known && theirs.identity.is_none() {
        return Some("it has neither the client's key (`psk`) nor a `certificate`: the handshake fails".to_owned());
    }
    let asks = suite.exchange() == KeyExchange::Ecdsa || (version == DTLS13 && !known);
    let requires = asks && theirs.client_certificates == ClientCertificates::Required;
    (requires && ours.identity.is_none())
        .then(|| "it requires a `certificate`, and the client has none: the answer is an alert".to_owned())
}

/// RFC 8422 §5.1.1: the curve of the key in the certificate as well.
fn takes_p256(common: &Common) -> bool {
    common.groups.contains(&crate::tls::codes::Group::SECP256R1)
}

fn knows_key(ours: &ClientConfig, theirs: &ServerConfig) -> bool {
    ours.psk.as_ref().is_some_and(|psk| theirs.psks.get(&psk.identity) == Some(&psk.key))
}

/// The fields whose effect hangs on the other end, as far as they are written, of two ends that come to terms; none of ends that do not.
pub fn fields(client: &DtlsClientConfig, server: &DtlsServerConfig) -> Vec<FieldUse> {
    if disagreement(client, server).is_some() {
        return Vec::new();
    }
    let (ours, theirs) = (client.resolve(Mode::Sized, ""), server.resolve(Mode::Sized));
    let version = theirs.common.versions.iter().copied().find(|version| ours.common.knows(*version));
    let is_13 = version == Some(DTLS13);
    let of_psk = is_psk(&ours, &theirs, is_13);
    let asks = theirs.client_certificates != ClientCertificates::None;
    let (has_ids, wants_ids) = (client.connection_id, server.connection_id);
    let takes_tickets = ours.resumption || (is_13 && ours.psk.is_some());
    let why_psk = "they agree on a pre-shared key, which needs no certificate";
    let client_rows = [
        (
            "dtls.certificate",
            client.certificate.is_some(),
            unless(!of_psk, why_psk).or(unless(asks, "the server asks for none (`client_certificates`)")),
        ),
        (
            "dtls.connection_id",
            has_ids.is_some(),
            unless(wants_ids.is_some(), "the server agrees on none (`connection_id`)"),
        ),
        (
            "dtls.resumption",
            client.resumption == Some(true),
            unless(theirs.tickets > 0, "the server gives no tickets (`tickets`)"),
        ),
        (
            "dtls.psk_alone",
            client.psk_alone,
            unless(is_13 && of_psk, "they agree on something else than a pre-shared key of DTLS 1.3"),
        ),
    ];
    let hinted = of_psk && !is_13;
    let server_rows = [
        (
            "dtls.connection_id",
            wants_ids.is_some(),
            unless(has_ids.is_some(), "no client that reaches it offers any (`connection_id`)"),
        ),
        ("dtls.client_certificates", asks, unless(!of_psk, "clients that reach it have pre-shared keys")),
        (
            "dtls.hint",
            !server.hint.is_empty(),
            unless(hinted, "no client that reaches it has a pre-shared key of DTLS 1.2"),
        ),
        (
            "dtls.tickets",
            server.tickets.is_some_and(|tickets| tickets > 0),
            unless(takes_tickets, "no client that reaches it takes any (`resumption`)"),
        ),
        (
            "dtls.ticket_lifetime",
            server.ticket_lifetime.is_some(),
            unless(takes_tickets, "no client that reaches it takes any (`resumption`)"),
        ),
    ];
    let of = |end, rows: &[(&'static str, bool, Option<&'static str>)]| {
        let written = rows.iter().filter(|(_, is_written, _)| *is_written);
        written.map(|(field, _, idle)| FieldUse { end, field, idle: *idle }).collect::<Vec<_>>()
    };
    [of(End::Client, &client_rows), of(End::Server, &server_rows)].concat()
}

/// True if a pre-shared key tells who is who. `is_13`: DTLS 1.3 is agreed on.
fn is_psk(ours: &ClientConfig, theirs: &ServerConfig, is_13: bool) -> bool {
    if is_13 {
        return knows_key(ours, theirs);
    }
    let fits = |suite: &Suite| {
        let has_keys = match suite.exchange() {
            KeyExchange::Psk | KeyExchange::EcdhePsk => !theirs.psks.is_empty() && ours.psk.is_some(),
            KeyExchange::Ecdsa => theirs.identity.is_some(),
            KeyExchange::Tls13 => false,
        };
        has_keys && theirs.common.suites().any(|one| one == *suite)
    };
    let suite = ours.common.suites().find(fits);
    suite.is_some_and(|suite| matches!(suite.exchange(), KeyExchange::Psk | KeyExchange::EcdhePsk))
}

const fn unless(works: bool, why: &'static str) -> Option<&'static str> {
    if works { None } else { Some(why) }
}
