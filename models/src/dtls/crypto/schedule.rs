//! The key schedule of DTLS 1.3: that of TLS 1.3 (RFC 8446 §7.1) with labels that begin with `dtls13` (RFC 9147 §5.9).

use crate::dtls::codes::HASH;
use crate::tls::crypto::{Mode, Secret, Transcript};
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Stands where TLS has `tls13 `, without a space (RFC 9147 §5.9).
const PREFIX: &[u8] = b"dtls13";

/// The digest of `bytes`.
pub fn digest(mode: Mode, bytes: &[u8]) -> Secret {
    let mut transcript = Transcript::new(mode);
    transcript.set_hash(HASH);
    transcript.add(bytes);
    transcript.digest()
}

/// HMAC (RFC 2104) over the joined `parts`.
///
/// # Panics
/// Never: HMAC takes keys of any length.
pub fn hmac(mode: Mode, key: &[u8], parts: &[&[u8]]) -> Secret {
    match mode {
        Mode::Sized => {
            let mut transcript = Transcript::new(mode);
            transcript.set_hash(HASH);
            transcript.add(&(key.len() as u64).to_le_bytes());
            transcript.add(key);
            parts.iter().for_each(|part| transcript.add(part));
            transcript.digest()
        }
        Mode::Real => {
            let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
            parts.iter().for_each(|part| mac.update(part));
            Secret::new(&mac.finalize().into_bytes())
        }
    }
}

/// HKDF-Expand-Label into all of `out`, which has at most the length of a digest.
pub(super) fn expand_label(mode: Mode, key: &Secret, label: &str, context: &[u8], out: &mut [u8]) {
    // Labels are ours and contexts digests: both are short, and one block is enough.
    let len = (out.len() as u16).to_be_bytes();
    let (label_len, context_len) = ([(PREFIX.len() + label.len()) as u8], [context.len() as u8]);
    let info: [&[u8]; 7] = [&len, &label_len, PREFIX, label.as_bytes(), &context_len, context, &[1]];
    let block = hmac(mode, key.as_slice(), &info);
    out.copy_from_slice(&block.as_slice()[..out.len()]);
}

fn derive(mode: Mode, secret: &Secret, label: &str, context: &[u8]) -> Secret {
    let mut out = [0; HASH.len()];
    expand_label(mode, secret, label, context, &mut out);
    Secret::new(&out)
}

/// The chain of secrets of one connection.
#[derive(Clone, Debug)]
pub struct KeySchedule {
    mode: Mode,
    secret: Secret,
}

impl KeySchedule {
    /// From the pre-shared key, if there is one, to the Early Secret.
    pub fn new(mode: Mode, psk: Option<&[u8]>) -> Self {
        let none = [0; HASH.len()];
        Self { mode, secret: hmac(mode, &none, &[psk.unwrap_or(&none)]) }
    }

    /// The key of a binder: of a key that both had, or of one of a ticket.
    pub fn binder_key(&self, is_external: bool) -> Secret {
        let label = if is_external { "ext binder" } else { "res binder" };
        derive(self.mode, &self.secret, label, digest(self.mode, &[]).as_slice())
    }

    /// On to the Handshake Secret. Gives the client's and the server's traffic secret, from the hash of the messages up to the server's hello.
    pub fn handshake(&mut self, shared: Option<&[u8]>, to_server_hello: &Secret) -> (Secret, Secret) {
        self.advance(shared.unwrap_or(&[0; HASH.len()]));
        (self.derive("c hs traffic", to_server_hello), self.derive("s hs traffic", to_server_hello))
    }

    /// On to the Master Secret. Gives both first traffic secrets of application data, from the hash up to the server's Finished.
    pub fn application(&mut self, to_server_finished: &Secret) -> (Secret, Secret) {
        self.advance(&[0; HASH.len()]);
        (self.derive("c ap traffic", to_server_finished), self.derive("s ap traffic", to_server_finished))
    }

    /// What keys of tickets come from, from the hash up to the client's Finished.
    pub fn resumption(&self, to_client_finished: &Secret) -> Secret {
        self.derive("res master", to_client_finished)
    }

    fn advance(&mut self, input: &[u8]) {
        let salt = derive(self.mode, &self.secret, "derived", digest(self.mode, &[]).as_slice());
        self.secret = hmac(self.mode, salt.as_slice(), &[input]);
    }

    fn derive(&self, label: &str, messages: &Secret) -> Secret {
        derive(self.mode, &self.secret, label, messages.as_slice())
    }
}

/// `verify_data` of a Finished message, or a binder (RFC 8446 §4.4.4, §4.2.11.2).
pub fn finished(mode: Mode, base: &Secret, transcript: &Secret) -> Bytes {
    let key = derive(mode, base, "finished", &[]);
    Bytes::copy_from_slice(hmac(mode, key.as_slice(), &[transcript.as_slice()]).as_slice())
}

/// The traffic secret after a KeyUpdate (RFC 8446 §7.2).
pub fn next_traffic(mode: Mode, traffic: &Secret) -> Secret {
    derive(mode, traffic, "traffic upd", &[])
}

/// The pre-shared key of a ticket (RFC 8446 §4.6.1).
pub fn resumption_psk(mode: Mode, resumption: &Secret, nonce: &[u8]) -> Secret {
    derive(mode, resumption, "resumption", nonce)
}
