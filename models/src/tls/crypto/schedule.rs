//! The key schedule of TLS 1.3 (RFC 8446 §7.1), its Finished messages (§4.4.4) and exporters (§7.5); and that of DTLS 1.3, whose labels alone are
//! others (RFC 9147 §5.9).

use super::hash::{digest, expand, extract, hmac};
use super::{Mode, Secret};
use crate::tls::codes::Hash;
use bytes::Bytes;

/// Derives secrets of others: HKDF in a mode, with a hash and the labels of a protocol.
#[derive(Clone, Copy, Debug)]
pub struct Kdf {
    mode: Mode,
    hash: Hash,
    /// In front of labels.
    prefix: &'static [u8; 6],
}

impl Kdf {
    /// As TLS 1.3 does.
    pub const fn tls13(mode: Mode, hash: Hash) -> Self {
        Self { mode, hash, prefix: b"tls13 " }
    }

    /// As DTLS 1.3 does: without a space (RFC 9147 §5.9).
    pub const fn dtls13(mode: Mode, hash: Hash) -> Self {
        Self { mode, hash, prefix: b"dtls13" }
    }

    /// HKDF-Expand-Label (RFC 8446 §7.1) into all of `out`; `label` without its prefix.
    pub(crate) fn expand_label(self, key: &Secret, label: &str, context: &[u8], out: &mut [u8]) {
        let len = (out.len() as u16).to_be_bytes();
        // Labels are ours and contexts digests: both are short.
        let label_len = [(self.prefix.len() + label.len()) as u8];
        let context_len = [context.len() as u8];
        let info: [&[u8]; 6] = [&len, &label_len, self.prefix, label.as_bytes(), &context_len, context];
        expand(self.mode, self.hash, key.as_slice(), &info, out);
    }

    /// HKDF-Expand-Label to the length of a digest.
    fn derive(self, secret: &Secret, label: &str, context: &[u8]) -> Secret {
        let mut out = Secret::zero(self.hash.len());
        self.expand_label(secret, label, context, out.as_mut_slice());
        out
    }

    fn digest(self, bytes: &[u8]) -> Secret {
        digest(self.mode, self.hash, bytes)
    }

    /// `verify_data` of a Finished message, or a binder: the MAC of the transcript hash under `base`, which is a traffic
    /// secret or a binder key (RFC 8446 §4.4.4, §4.2.11.2).
    pub fn finished(self, base: &Secret, transcript: &Secret) -> Bytes {
        let key = self.derive(base, "finished", &[]);
        Bytes::copy_from_slice(hmac(self.mode, self.hash, key.as_slice(), &[transcript.as_slice()]).as_slice())
    }

    /// The traffic secret after a KeyUpdate (RFC 8446 §7.2).
    pub fn next_traffic(self, traffic: &Secret) -> Secret {
        self.derive(traffic, "traffic upd", &[])
    }

    /// The pre-shared key of a ticket: from `resumption_master_secret` and the ticket's nonce (RFC 8446 §4.6.1).
    pub fn resumption_psk(self, resumption: &Secret, nonce: &[u8]) -> Secret {
        self.derive(resumption, "resumption", nonce)
    }

    /// `len` bytes of keying material for `label` and `context`, from [`KeySchedule::exporter`] (RFC 8446 §7.5).
    pub fn export(self, exporter: &Secret, label: &str, context: &[u8], len: usize) -> Bytes {
        let secret = self.derive(exporter, label, self.digest(&[]).as_slice());
        let mut out = vec![0; len];
        self.expand_label(&secret, "exporter", self.digest(context).as_slice(), &mut out);
        out.into()
    }
}

/// The chain of secrets of one connection: Early Secret, Handshake Secret, Master Secret.
#[derive(Clone, Debug)]
pub struct KeySchedule {
    kdf: Kdf,
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
    pub fn new(kdf: Kdf, psk: Option<&[u8]>) -> Self {
        let none = Secret::zero(kdf.hash.len());
        let secret = extract(kdf.mode, kdf.hash, none.as_slice(), psk.unwrap_or(none.as_slice()));
        Self { kdf, stage: Stage::Early, secret }
    }

    /// The key of a binder, for [`Kdf::finished`] over the truncated ClientHello. External keys were agreed upon outside
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
        let none = Secret::zero(self.kdf.hash.len());
        self.advance(Stage::Handshake, shared.unwrap_or(none.as_slice()));
        (self.derive("c hs traffic", to_server_hello), self.derive("s hs traffic", to_server_hello))
    }

    /// On to the Master Secret. Gives the client's and the server's first application traffic secret, from the hash of
    /// ClientHello to the server's Finished.
    pub fn application(&mut self, to_server_finished: &Secret) -> (Secret, Secret) {
        debug_assert_eq!(self.stage, Stage::Handshake);
        self.advance(Stage::Master, Secret::zero(self.kdf.hash.len()).as_slice());
        (self.derive("c ap traffic", to_server_finished), self.derive("s ap traffic", to_server_finished))
    }

    /// `exporter_master_secret`, from the hash of ClientHello to the server's Finished; for [`Kdf::export`].
    pub fn exporter(&self, to_server_finished: &Secret) -> Secret {
        debug_assert_eq!(self.stage, Stage::Master);
        self.derive("exp master", to_server_finished)
    }

    /// `resumption_master_secret`, from the hash of ClientHello to the client's Finished; for [`Kdf::resumption_psk`].
    pub fn resumption(&self, to_client_finished: &Secret) -> Secret {
        debug_assert_eq!(self.stage, Stage::Master);
        self.derive("res master", to_client_finished)
    }

    fn advance(&mut self, stage: Stage, input: &[u8]) {
        let salt = self.derive("derived", &self.hash_of_nothing());
        self.secret = extract(self.kdf.mode, self.kdf.hash, salt.as_slice(), input);
        self.stage = stage;
    }

    /// Derive-Secret, given the hash of the messages.
    fn derive(&self, label: &str, messages: &Secret) -> Secret {
        self.kdf.derive(&self.secret, label, messages.as_slice())
    }

    fn hash_of_nothing(&self) -> Secret {
        self.kdf.digest(&[])
    }
}
