//! One end of a connection over datagrams: a machine without sockets.
//!
//! Datagrams from the peer, data from the user, commands and time go in; datagrams for the peer, data and notices come out. `records.rs` is what
//! all stands on, `outbox.rs` sends flights and sends them again, `client*.rs` and `server*.rs` are the handshakes, `core.rs` and `proof.rs` are
//! what both ends do alike in them.

mod client;
mod client12;
mod client13;
mod core;
mod late;
mod outbox;
mod proof;
mod records;
mod server;
mod server12;
mod server13;

pub use client::ClientSide;
pub(in crate::dtls) use server::Offer;
pub use server::{Accepted, Retry, ServerSide};

use self::core::Core;
use super::codes::{ACK, DTLS12, DTLS13, Suite};
use super::wire::{self, FragmentHeader, Message, Record, Records, decode_ack};
use crate::observe::TlsSecret;
use crate::rope::Rope;
use crate::tls::codes::{AlertDescription, ContentType, Group, HandshakeType, Version};
use crate::tls::wire::Alert;
use bytes::Bytes;
use client::Client;
use outbox::Expired;
use protosim_core::{Deadline, Env, Purpose};
use records::{Closed, Opened};
use server::Server;

/// Randoms of hellos and identifiers of sessions.
const RANDOM: Purpose = Purpose("dtls.random");
/// Private keys.
const KEYS: Purpose = Purpose("dtls.keys");
/// Lengths of signatures and nonces.
const SIGNATURES: Purpose = Purpose("dtls.signatures");
/// Connection ids.
const CIDS: Purpose = Purpose("dtls.cids");

/// What processor time is spent on beside the operations of TLS.
pub const OPERATIONS: [&str; 3] = ["dtls.aes128-ccm.seal", "dtls.aes128-ccm.open", "dtls.cookie"];

/// What a connection wants done.
pub type Effect = protosim_core::Effect<Rope, Notice, Trace>;

/// What a connection tells its user.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Notice {
    /// The handshake is done on this side: data can be sent, and the peer is who it says.
    Connected(Handshaked),
    /// Data have come: those of one record.
    Data(Rope),
    /// The peer has ended the connection: by close_notify, behind which data that were sent before may still come, or at an endpoint by another one from the
    /// same address.
    Closed,
    /// It is over.
    Failed(Failure),
}

/// Why a connection has failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failure {
    /// By an alert.
    Alert {
        /// What it says.
        alert: AlertDescription,
        /// Who has sent it.
        is_ours: bool,
    },
    /// A flight was sent again and again, or the rest of the peer's was waited for, and nothing came.
    TimedOut,
    /// Its host has no memory left for it.
    OutOfMemory,
}

/// What came of a handshake.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Handshaked {
    /// What was agreed on: [`DTLS12`] or [`DTLS13`].
    pub version: Version,
    /// What was agreed on.
    pub suite: Suite,
    /// How keys were agreed on; `None` where a session was taken up, or a pre-shared key was enough.
    pub group: Option<Group>,
    /// A session was taken up again.
    pub is_resumed: bool,
    /// The client had to say hello twice.
    pub was_retried: bool,
    /// The pre-shared key that was used.
    pub psk: Option<Bytes>,
    /// Length of the connection ids in records to us, and in ours \[bytes\], if they were agreed on.
    pub cid_lens: Option<(usize, usize)>,
}

/// For observers alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Trace {
    /// A handshake message belongs to the flight that is sent now, so many bytes without its header.
    Sent(HandshakeType, usize),
    /// A handshake message has come whole.
    Received(HandshakeType, usize),
    /// A flight of so many messages is sent again: time ran out (true), or the peer seems to lack it.
    Resent(usize, bool),
    /// Records were acknowledged to the peer.
    Acknowledged(usize),
    /// A secret, where they are real.
    Secret(TlsSecret),
}

/// Data that cannot be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unsendable {
    /// They do not fit into one record in one datagram.
    #[error("data of {len} bytes do not fit into a datagram, which takes {most}")]
    TooLong {
        /// Their length \[bytes\].
        len: u64,
        /// What fits \[bytes\].
        most: u64,
    },
    /// The handshake is not over, and what waits for it is as much as may.
    #[error("too much waits for the handshake")]
    TooMuch,
    /// The connection is over, by either end.
    #[error("the connection is over")]
    Over,
}

/// What a connection reaches while it handles something.
pub struct Cx<'a> {
    /// Its host.
    pub env: &'a mut dyn Env,
    /// Where effects go.
    pub effects: &'a mut Vec<Effect>,
}

impl Cx<'_> {
    fn notify(&mut self, notice: Notice) {
        self.effects.push(Effect::Notify(notice));
    }

    fn observe(&mut self, trace: Trace) {
        self.effects.push(Effect::Observe(trace));
    }
}

/// What the connections of one application share: configuration, sessions, certificates.
#[derive(Clone, Debug)]
pub enum Side {
    /// Of an application that opens connections.
    Client(ClientSide),
    /// Of one that takes them.
    Server(ServerSide),
}

/// What a connection counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Datagrams that were sent.
    pub datagrams: u64,
    /// Flights that were sent again because time ran out, and because the peer's came again or lacked something.
    pub timeouts: u64,
    /// See there.
    pub resent: u64,
    /// Records that were dropped without a word: they had come before, or were not the peer's.
    pub replayed: u64,
    /// See there.
    pub invalid: u64,
    /// Records that had to wait for keys, and those that there was no room for.
    pub early: u64,
    /// See there.
    pub early_dropped: u64,
    /// Acknowledgements that were sent.
    pub acks: u64,
    /// Times that keys were replaced, by either end.
    pub key_updates: u64,
    /// Bytes of all datagrams, both ways, until the handshake was over on this side.
    pub handshake_bytes: u64,
}

/// One end of a connection.
#[derive(Clone, Debug)]
pub struct Connection {
    end: End,
    core: Core,
}

#[derive(Clone, Debug)]
enum End {
    Client(Box<Client>),
    Server(Box<Server>),
}

impl Connection {
    /// A client's, which sends its hello now.
    pub fn client(side: &mut ClientSide, cx: &mut Cx<'_>) -> Self {
        let mut core = Core::new(true, side.common(), DTLS12, 0, 0);
        let mut client = Box::<Client>::default();
        client.start(&mut core, side, cx);
        let mut connection = Self { end: End::Client(client), core };
        connection.core.transmit(cx);
        connection
    }

    /// A server's, for a hello that was [accepted](super::gate::look): it answers now.
    pub fn server(side: &mut ServerSide, accepted: Accepted, cx: &mut Cx<'_>) -> Self {
        let mut core = Core::new(false, side.common(), DTLS12, accepted.message_seq, accepted.sequence);
        let mut server = Box::<Server>::default();
        if let Err(alert) = server.start(accepted, &mut core, side, cx) {
            core.fail(alert, cx);
        }
        let mut connection = Self { end: End::Server(server), core };
        connection.core.transmit(cx);
        connection
    }

    /// A datagram has come from the peer.
    ///
    /// # Panics
    /// If `side` is not of the kind that the connection was made with.
    pub fn handle_datagram(&mut self, datagram: &Rope, side: &mut Side, cx: &mut Cx<'_>) {
        self.core.has_resent = false;
        self.core.counts.handshake_bytes += if self.core.is_connected { 0 } else { datagram.len() };
        for record in Records::new(datagram, self.core.records.own_cid.len()) {
            if !self.handle_record(record, side, cx) {
                break;
            }
        }
        self.core.acknowledge_if_due(cx);
        self.core.transmit(cx);
    }

    /// A record, and then those that have waited for the keys that it brought. False: what follows in its datagram is not for us.
    fn handle_record(&mut self, record: Record, side: &mut Side, cx: &mut Cx<'_>) -> bool {
        let mut waiting = vec![record];
        while let Some(record) = waiting.pop() {
            let before = self.core.records.read_epoch();
            match self.core.records.open(&record) {
                Ok(opened) if self.core.is_over() => self.core.on_late(&opened, cx),
                // RFC 9147 §6.1: after the handshake nothing comes without protection. In DTLS 1.2 its flights may.
                Ok(opened) if self.core.is_connected && self.core.records.is_13 && opened.number.epoch == 0 => {
                    self.core.counts.invalid += 1;
                }
                Ok(opened) => {
                    if opened.number.epoch > 0 {
                        self.core.spend_open(&opened, cx);
                    }
                    self.core.has_moved |= opened.is_newest;
                    if let Err(alert) = self.handle_opened(&opened, side, cx) {
                        self.core.fail(alert, cx);
                    }
                }
                Err(Closed::Early) => self.core.keep_early(record),
                Err(Closed::Replayed) => self.core.counts.replayed += 1,
                Err(Closed::Invalid) => self.core.counts.invalid += 1,
                Err(Closed::Foreign) => {
                    self.core.counts.invalid += 1;
                    return false;
                }
            }
            if self.core.records.read_epoch() != before {
                // In the order in which they came, after this one.
                waiting.extend(self.core.take_early().into_iter().rev());
            }
        }
        true
    }

    fn handle_opened(&mut self, opened: &Opened, side: &mut Side, cx: &mut Cx<'_>) -> Result<(), AlertDescription> {
        match opened.content_type {
            ContentType::HANDSHAKE => self.handle_handshake(opened, side, cx),
            ContentType::APPLICATION_DATA if self.core.is_data_epoch(opened.number.epoch) => {
                self.core.on_data(&opened.plaintext, cx);
                Ok(())
            }
            ContentType::ALERT => {
                self.core.on_alert(opened, cx);
                Ok(())
            }
            ACK if self.core.records.is_13 => {
                if let Ok(numbers) = decode_ack(&opened.plaintext.to_bytes()) {
                    self.core.on_ack(&numbers, opened.number.epoch > 0, cx);
                }
                Ok(())
            }
            // ChangeCipherSpec is among them: the epoch says whether keys have changed, whether that record has come as well does not matter.
            _ => Ok(()),
        }
    }

    fn handle_handshake(&mut self, opened: &Opened, side: &mut Side, cx: &mut Cx<'_>) -> Result<(), AlertDescription> {
        let mut bytes = opened.plaintext.to_bytes();
        let mut fragments = Vec::new();
        while !bytes.is_empty() {
            // What is not whole is dropped, with all that is in its record.
            let Ok(fragment) = FragmentHeader::decode(&mut bytes) else {
                self.core.counts.invalid += 1;
                return Ok(());
            };
            fragments.push(fragment);
        }
        self.core.take_fragments(&fragments, opened.number, cx);
        while let Some(whole) = self.core.reassembly.next_message() {
            cx.observe(Trace::Received(whole.kind, whole.body.len()));
            (self.core.last_seq, self.core.last_epoch) = (Some(whole.message_seq), whole.epoch);
            if whole.kind == HandshakeType::CLIENT_HELLO && self.core.is_connected && !self.core.records.is_13 {
                // RFC 5746 §4.4, RFC 9325 §3.5: there is no new handshake within the old one.
                self.core.send_alert(Alert { is_fatal: false, description: AlertDescription::NO_RENEGOTIATION });
                continue;
            }
            self.core.check_epoch(&whole)?;
            let exchange = self.core.suite.map(Suite::exchange);
            let message = Message::decode(whole.kind, &whole.body, self.core.version(), exchange)?;
            match (&mut self.end, &mut *side) {
                (End::Client(client), Side::Client(side)) => {
                    client.on_message(message, &whole, &mut self.core, side, cx)?;
                }
                (End::Server(server), Side::Server(side)) => {
                    server.on_message(message, &whole, &mut self.core, side, cx)?;
                }
                _ => unreachable!("a connection is called with the side that it was made with"),
            }
        }
        Ok(())
    }

    /// The clock may have reached [`Connection::next_timeout`].
    pub fn handle_timeout(&mut self, cx: &mut Cx<'_>) {
        if self.core.is_over() {
            return;
        }
        let now = cx.env.now();
        if self.core.ack_at.is_some_and(|at| now >= at) {
            self.core.acknowledge(cx);
        }
        match self.core.outbox.expire(&self.core.common, &mut self.core.records, now) {
            Expired::No => {}
            Expired::Resend => {
                self.core.counts.timeouts += 1;
                cx.observe(Trace::Resent(self.core.outbox.messages(), true));
            }
            Expired::Remind => self.core.acknowledge(cx),
            // What comes after a handshake can be done without, but for new keys, which nobody knows whether the peer has.
            Expired::GiveUp if self.core.is_connected && !self.core.is_updating_keys() => {}
            Expired::GiveUp => {
                self.core.failed = Some(Failure::TimedOut);
                cx.notify(Notice::Failed(Failure::TimedOut));
            }
        }
        self.core.transmit(cx);
    }

    /// When it wants to be called without anything having come.
    pub fn next_timeout(&self) -> Option<Deadline> {
        if self.core.is_over() {
            return None;
        }
        let flight = self.core.outbox.deadline().map(|at| Deadline { at, timer: "dtls.retransmission" });
        let ack = self.core.ack_at.map(|at| Deadline { at, timer: "dtls.ack" });
        [flight, ack].into_iter().flatten().min_by_key(|deadline| deadline.at)
    }

    /// Sends data in one record, in a datagram of its own; before the end of the handshake they wait for it.
    ///
    /// # Errors
    /// When they cannot be sent; nothing has changed then.
    pub fn send(&mut self, data: &Rope, cx: &mut Cx<'_>) -> Result<(), Unsendable> {
        self.core.send_data(data, cx)?;
        self.core.transmit(cx);
        Ok(())
    }

    /// The most data that one record takes \[bytes\]; of what is agreed on, after the handshake.
    pub fn most_data(&self) -> usize {
        self.core.records.most_plain()
    }

    /// Ends the connection: the peer is told. What comes later is not read any more: of RFC 9147 §5.10, by which one may still read, we have no half-closed connections.
    pub fn close(&mut self, cx: &mut Cx<'_>) {
        if !self.core.is_over() {
            self.core.is_closed = true;
            self.core.send_alert(Alert { is_fatal: false, description: AlertDescription::CLOSE_NOTIFY });
            self.core.transmit(cx);
        }
    }

    /// DTLS 1.3: takes new keys (RFC 9147 §8), and has the peer do so if `requested`. Nothing happens in DTLS 1.2, before the handshake is over, and while
    /// the last update is not acknowledged.
    pub fn update_keys(&mut self, requested: bool, cx: &mut Cx<'_>) {
        if self.core.is_connected && !self.core.is_over() {
            self.core.update_keys(requested, cx);
            self.core.transmit(cx);
        }
    }

    /// Sends a message of the handshake out of turn.
    #[cfg(test)]
    pub(in crate::dtls) fn send_message(&mut self, kind: HandshakeType, body: Bytes, cx: &mut Cx<'_>) {
        let epoch = self.core.records.write_epoch();
        self.core.send_outside(kind, body, epoch, cx);
        self.core.end_flight(outbox::Expects::Nothing, cx);
        self.core.transmit(cx);
    }

    /// The way takes datagrams of so many bytes from now on.
    pub fn set_mtu(&mut self, mtu: usize) {
        self.core.records.mtu = mtu;
    }

    /// True if these data wait for the end of the handshake already.
    pub fn has_waiting(&self, data: &Rope) -> bool {
        self.core.has_waiting(data)
    }

    /// How many pieces of data wait for the end of the handshake.
    pub fn waiting(&self) -> usize {
        self.core.unsent_len()
    }

    /// Gives back the memory of its host, of one that nobody has a use for any more.
    pub fn release(&mut self, env: &mut dyn Env) {
        self.core.release(env);
    }

    /// Counts a datagram of the handshake that has come before the connection was there: the hello that a server accepts.
    pub(in crate::dtls) fn count_hello(&mut self, bytes: u64) {
        self.core.counts.handshake_bytes += bytes;
    }

    /// True once the handshake is over.
    pub fn is_connected(&self) -> bool {
        self.core.is_connected
    }

    /// True if nothing comes of it any more: it has failed, or was closed by either end.
    pub fn is_over(&self) -> bool {
        self.core.is_over()
    }

    /// True if a record that was protected, and newer than all before, has come since the last call: where it came from is where the peer is
    /// (RFC 9146 §6).
    pub fn take_moved(&mut self) -> bool {
        std::mem::take(&mut self.core.has_moved)
    }

    /// The connection id by which the peer names this connection; none of no length.
    pub fn cid(&self) -> Option<&Bytes> {
        Some(&self.core.records.own_cid).filter(|cid| !cid.is_empty())
    }

    /// The random of the client's hello.
    pub fn client_random(&self) -> &[u8; 32] {
        &self.core.client_random
    }

    /// What it has counted.
    pub fn counts(&self) -> Counts {
        self.core.counts
    }

    /// What a host keeps for it \[bytes\]: keys and secrets, the flight that may have to be sent again, messages and records that wait.
    pub fn memory(&self) -> u64 {
        self.core.memory()
    }
}

/// 32 random bytes.
fn random(env: &mut dyn Env) -> [u8; 32] {
    let mut bytes = [0; 32];
    for part in bytes.chunks_exact_mut(8) {
        part.copy_from_slice(&env.rng(RANDOM).next_u64().to_be_bytes());
    }
    bytes
}

/// A connection id of so many bytes.
pub(in crate::dtls) fn draw_cid(len: u8, env: &mut dyn Env) -> Bytes {
    let mut cid = vec![0; usize::from(len)];
    for part in cid.chunks_mut(8) {
        let draw = env.rng(CIDS).next_u64().to_be_bytes();
        part.copy_from_slice(&draw[..part.len()]);
    }
    cid.into()
}

/// True for a suite's version among those of DTLS.
fn is_13(version: Version) -> bool {
    version == DTLS13
}

/// A message as DTLS 1.2 hashes it, or as DTLS 1.3 does.
fn raw(version: Version, kind: HandshakeType, message_seq: u16, body: &[u8]) -> Vec<u8> {
    if is_13(version) {
        return wire::with_tls_header(kind, body);
    }
    let mut out = FragmentHeader::whole(kind, message_seq, body.len() as u32).encode().to_vec();
    out.extend_from_slice(body);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtls::connection::proof::psk_premaster;
    use crate::dtls::tests::hex;
    use crate::tls::crypto::Secret;

    /// RFC 6347 §4.2.6: a message is hashed as if it had come in one piece, with its number, offset and length; RFC 9147 §5.2: of DTLS 1.3 with type and length alone.
    #[test]
    fn what_is_hashed_of_a_message_is_as_the_rfcs_have_it() {
        let of = |version| raw(version, HandshakeType::FINISHED, 0x0102, b"abc");
        assert_eq!(of(DTLS12), hex("14 000003 0102 000000 000003 616263"));
        assert_eq!(of(DTLS13), hex("14 000003 616263"));
    }

    /// RFC 4279 §2: as many zeros as the key has bytes, each with its length; RFC 5489 §2: what ECDHE has given in their place.
    #[test]
    fn a_premaster_secret_is_as_the_rfcs_have_it() {
        assert_eq!(psk_premaster(&[1, 2, 3], None), hex("0003 000000 0003 010203"));
        assert_eq!(psk_premaster(&[1, 2, 3], Some(&Secret::new(&[7; 4]))), hex("0004 07070707 0003 010203"));
    }
}
