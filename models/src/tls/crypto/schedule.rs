//! The key schedule of TLS 1.3 (RFC 8446 §7.1), its Finished messages (§4.4.4) and exporters (§7.5).

use super::hash::{digest, expand_label, extract, hmac};
use super::{Mode, Secret};
use crate::tls::codes::Hash;
use bytes::Bytes;

/// The chain of secrets of one connection: Early Secret, Handshake Secret, Master Secret.
#[derive(Clone, Debug)]
pub struct KeySchedule {
    mode: Mode,
    hash: Hash,
    stage: Stage,
    secret: Secret,
}

/// Which secret there is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    Early,
    Handshake,
    Master,
}

impl KeySchedule {
    /// From the pre-shared key, if there is one, to the Early Secret.
    pub fn new(mode: Mode, hash: Hash, psk: Option<&Secret>) -> Self {
        let none = Secret::zero(hash.len());
        let secret = extract(mode, hash, none.as_slice(), psk.unwrap_or(&none).as_slice());
        Self { mode, hash, stage: Stage::Early, secret }
    }

    /// The key of a binder, for [`finished`] over the truncated ClientHello. External keys were agreed upon outside
    /// of TLS, others came in a ticket.
    pub fn binder_key(&self, is_external: bool) -> Secret {
        debug_assert_eq!(self.stage, Stage::Early);
        self.derive(if is_external { "ext binder" } else { "res binder" }, &self.hash_of_nothing())
    }

    /// `client_early_traffic_secret`, from the hash of the ClientHello.
    pub fn early_traffic(&self, client_hello: &Secret) -> Secret {
        debug_assert_eq!(self.stage, Stage::Early);
        self.derive("c e traffic", client_hello)
    }

    /// On to the Handshake Secret, with what the key exchange gave (`None`: `psk_ke`). Gives the client's and the
    /// server's handshake traffic secret, from the hash of ClientHello to ServerHello.
    pub fn handshake(&mut self, shared: Option<&[u8]>, to_server_hello: &Secret) -> (Secret, Secret) {
        debug_assert_eq!(self.stage, Stage::Early);
        let none = Secret::zero(self.hash.len());
        self.advance(Stage::Handshake, shared.unwrap_or(none.as_slice()));
        (self.derive("c hs traffic", to_server_hello), self.derive("s hs traffic", to_server_hello))
    }

    /// On to the Master Secret. Gives the client's and the server's first application traffic secret, from the hash of
    /// ClientHello to the server's Finished.
    pub fn application(&mut self, to_server_finished: &Secret) -> (Secret, Secret) {
        debug_assert_eq!(self.stage, Stage::Handshake);
        self.advance(Stage::Master, Secret::zero(self.hash.len()).as_slice());
        (self.derive("c ap traffic", to_server_finished), self.derive("s ap traffic", to_server_finished))
    }

    /// `exporter_master_secret`, from the hash of ClientHello to the server's Finished; for [`export`].
    pub fn exporter(&self, to_server_finished: &Secret) -> Secret {
        debug_assert_eq!(self.stage, Stage::Master);
        self.derive("exp master", to_server_finished)
    }

    /// `resumption_master_secret`, from the hash of ClientHello to the client's Finished; for [`resumption_psk`].
    pub fn resumption(&self, to_client_finished: &Secret) -> Secret {
        debug_assert_eq!(self.stage, Stage::Master);
        self.derive("res master", to_client_finished)
    }

    fn advance(&mut self, stage: Stage, input: &[u8]) {
        let salt = self.derive("derived", &self.hash_of_nothing());
        self.secret = extract(self.mode, self.hash, salt.as_slice(), input);
        self.stage = stage;
    }

    /// Derive-Secret, given the hash of the messages.
    fn derive(&self, label: &str, messages: &Secret) -> Secret {
        derive(self.mode, self.hash, &self.secret, label, messages.as_slice())
    }

    fn hash_of_nothing(&self) -> Secret {
        digest(self.mode, self.hash, &[])
    }
}

/// HKDF-Expand-Label to the length of a digest.
fn derive(mode: Mode, hash: Hash, secret: &Secret, label: &str, context: &[u8]) -> Secret {
    let mut out = Secret::zero(hash.len());
    expand_label(mode, hash, secret, label, context, out.as_mut_slice());
    out
}

/// `verify_data` of a Finished message, or a binder: the MAC of the transcript hash under `base`, which is a traffic
/// secret or a binder key (RFC 8446 §4.4.4, §4.2.11.2).
pub fn finished(mode: Mode, hash: Hash, base: &Secret, transcript: &Secret) -> Bytes {
    let key = derive(mode, hash, base, "finished", &[]);
    Bytes::copy_from_slice(hmac(mode, hash, key.as_slice(), &[transcript.as_slice()]).as_slice())
}

/// The traffic secret after a KeyUpdate (RFC 8446 §7.2).
pub fn next_traffic(mode: Mode, hash: Hash, traffic: &Secret) -> Secret {
    derive(mode, hash, traffic, "traffic upd", &[])
}

/// The pre-shared key of a ticket: from `resumption_master_secret` and the ticket's nonce (RFC 8446 §4.6.1).
pub fn resumption_psk(mode: Mode, hash: Hash, resumption: &Secret, nonce: &[u8]) -> Secret {
    derive(mode, hash, resumption, "resumption", nonce)
}

/// `len` bytes of keying material for `label` and `context`, from [`KeySchedule::exporter`] (RFC 8446 §7.5).
pub fn export(mode: Mode, hash: Hash, exporter: &Secret, label: &str, context: &[u8], len: usize) -> Bytes {
    let secret = derive(mode, hash, exporter, label, digest(mode, hash, &[]).as_slice());
    let mut out = vec![0; len];
    expand_label(mode, hash, &secret, "exporter", digest(mode, hash, context).as_slice(), &mut out);
    out.into()
}
