//! What two ends make of each other: why they will not come to terms, by their configurations alone.

use super::codes::{DTLS13, KeyExchange, Suite};
use super::config::{ClientConfig, Common, DtlsClientConfig, DtlsServerConfig, ServerConfig};
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
