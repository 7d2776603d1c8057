//! Keys of TLS 1.2 (RFC 5246 §6.3, §8.1) and how they come into force (§7.1): what both ends do alike. The rest stands in `client12.rs` and
//! `server12.rs`.

use super::{Core, Cx, cost};
use crate::tls::codes::AlertDescription;
use crate::tls::crypto::Secret;
use crate::tls::crypto::tls12::{key_block, master_secret, master_secret_plain};
use crate::tls::wire::ServerKeyExchange;

/// What both ends know of a handshake of TLS 1.2.
#[derive(Clone, Debug, Default)]
pub(super) struct Keys12 {
    pub(super) server_random: [u8; 32],
    /// The master secret is an extended one (RFC 7627).
    pub(super) is_extended: bool,
    pub(super) master: Option<Secret>,
    /// The peer's ChangeCipherSpec has come.
    pub(super) has_changed: bool,
}

impl Core {
    /// What a server's share is signed with: both randoms are before it (RFC 8422 §5.4).
    pub(super) fn signed_params(&self, exchange: &ServerKeyExchange) -> Vec<u8> {
        let mut signed = self.client_random.to_vec();
        signed.extend_from_slice(&self.keys12.server_random);
        signed.extend_from_slice(&exchange.params());
        signed
    }

    /// Makes the master secret of what the shares have agreed on.
    pub(super) fn make_master(&mut self, premaster: &Secret, cx: &mut Cx<'_>) {
        cost::spend(cx.env, "tls.schedule", 0);
        let (mode, hash, premaster) = (self.mode(), self.hash, premaster.as_slice());
        self.keys12.master = Some(if self.keys12.is_extended {
            master_secret(mode, hash, premaster, &self.transcript.digest())
        } else {
            master_secret_plain(mode, hash, premaster, &self.client_random, &self.keys12.server_random)
        });
    }

    /// Makes keys of the master secret; the peer's count from its ChangeCipherSpec on, ours from ours.
    pub(super) fn take_keys(&mut self, cx: &mut Cx<'_>) {
        let Keys12 { server_random, master: Some(master), .. } = &self.keys12 else { return };
        self.log("CLIENT_RANDOM", master, cx);
        let (client, server) = key_block(self.mode(), self.suite(), master, &self.client_random, server_random);
        let (ours, theirs) = if self.is_client { (client, server) } else { (server, client) };
        self.records.read_next_with(theirs);
        self.records.write_next_with(ours);
    }

    /// ChangeCipherSpec, and Finished under the new keys.
    pub(super) fn change_and_finish(&mut self, cx: &mut Cx<'_>) {
        let Some(master) = self.keys12.master else { return };
        self.records.change_and_write();
        self.send_finished(&master, cx);
    }

    /// The peer changes its keys; `is_due` if its Finished is what comes next.
    pub(super) fn on_change_cipher_spec(&mut self, is_due: bool) -> Result<(), AlertDescription> {
        if !is_due || self.keys12.has_changed {
            return Err(AlertDescription::UNEXPECTED_MESSAGE);
        }
        self.keys12.has_changed = true;
        self.records.change_cipher_spec()
    }
}
