//! What both ends have: records, flights, transcript, keys, data.

use super::outbox::{Expects, Outbox};
use super::records::{Opened, Records};
use super::{Counts, Cx, Failure, Handshaked, Notice, Trace, Unsendable, is_13, raw};
use crate::dtls::codes::{ACK, DTLS12, DTLS13, HASH, NEW_CONNECTION_ID, REQUEST_CONNECTION_ID, Suite};
use crate::dtls::config::Common;
use crate::dtls::crypto::{Protection, key_block};
use crate::dtls::reassembly::{Reassembly, Taken, Whole};
use crate::dtls::wire::{FragmentHeader, Message, Record, RecordNumber, encode_ack};
use crate::observe::TlsSecret;
use crate::rope::Rope;
use crate::tls::codes::{AlertDescription, ContentType, Group, HandshakeType, Version};
use crate::tls::crypto::{Kdf, KeySchedule, Mode, Secret, Transcript};
use crate::tls::wire::{Alert, Handshake};
use bytes::Bytes;
use protosim_core::{Env, LocalTime, Operation};
use std::sync::Arc;

/// Epochs of DTLS 1.3 (RFC 9147 §6.1): of the handshake, and of the first data.
pub(super) const HANDSHAKE_EPOCH: u64 = 2;
pub(super) const DATA_EPOCH: u64 = 3;

/// Record numbers that are kept for an acknowledgement: what fits into a small datagram.
const MOST_TO_ACK: usize = 32;

/// What a record or data of the peer's take that wait, beside their bytes: our choice. Records without a body are not free.
pub(super) const WAITING_COST: u64 = 64;

/// What both ends have.
#[derive(Clone, Debug)]
pub(super) struct Core {
    pub(super) is_client: bool,
    pub(super) common: Arc<Common>,
    pub(super) records: Records,
    pub(super) outbox: Outbox,
    pub(super) reassembly: Reassembly,
    /// The number of the last message that was taken.
    pub(super) last_seq: Option<u16>,
    /// The epoch in which it came, and that of the last message which our flight answers.
    pub(super) last_epoch: u64,
    answered_epoch: u64,
    pub(super) transcript: Transcript,
    /// All messages, where a client of DTLS 1.2 may sign them (RFC 5246 §7.4.8).
    pub(super) messages: Option<Vec<u8>>,
    pub(super) suite: Option<Suite>,
    pub(super) client_random: [u8; 32],
    pub(super) server_random: [u8; 32],
    /// DTLS 1.2: the master secret is an extended one (RFC 7627), and itself.
    pub(super) is_extended: bool,
    pub(super) master: Option<Secret>,
    /// DTLS 1.3.
    pub(super) schedule: Option<KeySchedule>,
    /// DTLS 1.3: secrets of data, what is written with and what is read with.
    pub(super) traffic: Option<(Secret, Secret)>,
    /// Our KeyUpdate, which is not acknowledged yet.
    key_update: Option<u16>,
    /// The peer wants us to take new keys.
    wants_update: bool,
    pub(super) group: Option<Group>,
    pub(super) is_resumed: bool,
    pub(super) was_retried: bool,
    pub(super) psk: Option<Bytes>,
    pub(super) is_connected: bool,
    pub(super) is_closed: bool,
    /// The number of the peer's close_notify.
    pub(super) got_close: Option<RecordNumber>,
    pub(super) failed: Option<Failure>,
    /// When the peer was told last why.
    pub(super) told_at: LocalTime,
    /// A protected record that is newer than all before has come.
    pub(super) has_moved: bool,
    /// This datagram has made us send our flight again.
    pub(super) has_resent: bool,
    /// Records of the peer's flight that have come (RFC 9147 §7.1).
    to_ack: Vec<RecordNumber>,
    pub(super) ack_at: Option<LocalTime>,
    ack_now: bool,
    /// Data that wait for the handshake: ours, and the peer's.
    unsent: Vec<Rope>,
    undelivered: Vec<Rope>,
    /// Records that wait for keys.
    pub(super) early: Vec<Record>,
    /// Bytes in all three.
    pub(super) waiting: u64,
    /// What the host keeps for it.
    reserved: u64,
    pub(super) counts: Counts,
}

impl Core {
    /// `message_seq` is the number of the peer's next message and ours, `sequence` that of our first record.
    pub(super) fn new(
        is_client: bool,
        common: &Arc<Common>,
        version: Version,
        message_seq: u16,
        sequence: u64,
    ) -> Self {
        Self {
            is_client,
            common: Arc::clone(common),
            records: Records::new(common, version, sequence),
            outbox: Outbox::new(common.timers, message_seq),
            reassembly: Reassembly::new(common.limits, message_seq),
            last_seq: None,
            last_epoch: 0,
            answered_epoch: 0,
            transcript: Transcript::new(common.mode),
            messages: None,
            suite: None,
            client_random: [0; 32],
            server_random: [0; 32],
            is_extended: false,
            master: None,
            schedule: None,
            traffic: None,
            key_update: None,
            wants_update: false,
            group: None,
            is_resumed: false,
            was_retried: false,
            psk: None,
            is_connected: false,
            is_closed: false,
            got_close: None,
            failed: None,
            told_at: LocalTime::ZERO,
            has_moved: false,
            has_resent: false,
            to_ack: Vec::new(),
            ack_at: None,
            ack_now: false,
            unsent: Vec::new(),
            undelivered: Vec::new(),
            early: Vec::new(),
            waiting: 0,
            reserved: 0,
            counts: Counts::default(),
        }
    }

    pub(super) fn mode(&self) -> Mode {
        self.common.mode
    }

    pub(super) fn kdf(&self) -> Kdf {
        Kdf::dtls13(self.mode(), HASH)
    }

    pub(super) fn is_over(&self) -> bool {
        self.failed.is_some() || self.is_closed || self.got_close.is_some()
    }

    /// The one that was agreed on; 1.2 until then.
    pub(super) fn version(&self) -> Version {
        if self.records.is_13 { DTLS13 } else { DTLS12 }
    }

    pub(super) fn spend(&self, name: &'static str, bytes: u64, cx: &mut Cx<'_>) {
        cx.env.spend(Operation { name, bytes });
    }

    /// Version and suite are agreed on.
    pub(super) fn use_suite(&mut self, suite: Suite) {
        self.suite = Some(suite);
        self.records.is_13 = is_13(suite.version());
        self.transcript.set_hash(crate::dtls::codes::HASH);
    }

    // Messages.

    /// Adds a message to our flight, and to the transcript.
    pub(super) fn send(&mut self, message: &Message, epoch: u64, cx: &mut Cx<'_>) {
        let (kind, body) = (message.kind(), message.encode_body());
        let message_seq = self.send_outside(kind, body.clone(), epoch, cx);
        let raw = raw(self.version(), kind, message_seq, &body);
        self.add(&raw, cx);
    }

    pub(super) fn send_tls(&mut self, message: Handshake, epoch: u64, cx: &mut Cx<'_>) {
        self.send(&Message::Tls(message), epoch, cx);
    }

    /// Adds a message to our flight that is no part of the transcript, or not yet; gives its number.
    pub(super) fn send_outside(&mut self, kind: HandshakeType, body: Bytes, epoch: u64, cx: &mut Cx<'_>) -> u16 {
        cx.observe(Trace::Sent(kind, body.len()));
        if let Some(suite) = self.suite.filter(|_| epoch > 0) {
            self.spend(suite.aead().operations().0, body.len() as u64, cx);
        }
        self.outbox.push(epoch, kind, body)
    }

    /// A message has come that is part of the transcript.
    pub(super) fn note(&mut self, whole: &Whole, cx: &mut Cx<'_>) {
        let raw = raw(self.version(), whole.kind, whole.message_seq, &whole.body);
        self.add(&raw, cx);
    }

    pub(super) fn add(&mut self, raw: &[u8], cx: &mut Cx<'_>) {
        self.spend("tls.hash", raw.len() as u64, cx);
        self.transcript.add(raw);
        if let Some(messages) = &mut self.messages {
            messages.extend_from_slice(raw);
        }
    }

    /// Sends the flight: it answers what has come so far.
    pub(super) fn end_flight(&mut self, expects: Expects, cx: &mut Cx<'_>) {
        let now = cx.env.now();
        let (is_13, answers) = (self.records.is_13, self.last_seq.filter(|_| !self.is_connected));
        if !self.is_connected {
            self.answered_epoch = self.last_epoch;
            self.outbox.answered(is_13, now);
            // An answer says that all has come (RFC 9147 §7).
            self.clear_acks();
        }
        self.outbox.send_flight(expects, answers, &mut self.records, now);
    }

    pub(super) fn clear_acks(&mut self) {
        self.to_ack.clear();
        (self.ack_at, self.ack_now) = (None, false);
    }

    /// What has come has to be acknowledged, since nothing answers it.
    pub(super) fn acknowledge_now(&mut self) {
        self.ack_now = true;
    }

    /// Fragments of messages have come, in one record.
    pub(super) fn take_fragments(
        &mut self,
        fragments: &[(FragmentHeader, Bytes)],
        number: RecordNumber,
        cx: &mut Cx<'_>,
    ) {
        let (mut is_taken, mut is_new) = (true, false);
        for (header, part) in fragments {
            // Nobody has signed for what comes without protection after the handshake.
            if self.is_connected && number.epoch == 0 && header.message_seq >= self.reassembly.next_seq() {
                self.counts.invalid += 1;
                return;
            }
            if number.epoch == 0 && !self.may_be_plain(header.kind) {
                self.counts.invalid += 1;
                is_taken = false;
                continue;
            }
            let is_out_of_order = self.reassembly.is_out_of_order(header);
            match self.reassembly.push(header, part, number.epoch) {
                Taken::New => {
                    is_new = true;
                    self.ack_now |= is_out_of_order && self.records.is_13;
                }
                Taken::Copy => {}
                Taken::Old => {
                    is_taken &= self.is_connected;
                    self.on_old(header, number.epoch, cx);
                }
                Taken::Refused => is_taken = false,
            }
        }
        // RFC 9147 §7: the peer's next flight says that it has ours.
        if is_new && !self.is_connected && self.records.is_13 {
            self.outbox.begun(cx.env.now());
        }
        // Which version it is may only be told by what has come now.
        if is_taken && !self.to_ack.contains(&number) {
            if self.to_ack.len() == MOST_TO_ACK {
                self.to_ack.remove(0);
            }
            self.to_ack.push(number);
        }
        if is_taken && self.ack_at.is_none() && self.records.is_13 {
            // RFC 9147 §7.1.
            self.ack_at = Some(cx.env.now() + self.outbox.quarter());
        }
    }

    /// The peer sends a message again. If its flight ends with it, ours has not come (RFC 6347 §4.2.4): it is sent again. Those that nothing
    /// answers are acknowledged again (RFC 9147 §7).
    fn on_old(&mut self, header: &FragmentHeader, epoch: u64, cx: &mut Cx<'_>) {
        // Not what anybody may have sent, where the true one was protected.
        let is_end = header.offset + header.fragment_len == header.len && epoch >= self.answered_epoch;
        if is_end && self.outbox.answers(header.message_seq, cx.env.now()) {
            if !self.has_resent {
                self.has_resent = true;
                self.counts.resent += 1;
                cx.observe(Trace::Resent(self.outbox.messages(), false));
                self.outbox.resend(&mut self.records, cx.env.now());
            }
        } else if self.is_connected && self.records.is_13 {
            self.ack_now = true;
        }
    }

    /// Each message has its epoch (RFC 6347 §4.2.4; RFC 9147 §6.1).
    pub(super) fn check_epoch(&self, whole: &Whole) -> Result<(), AlertDescription> {
        use HandshakeType as T;
        let fits = match whole.kind {
            T::CLIENT_HELLO | T::SERVER_HELLO | T::HELLO_VERIFY_REQUEST => whole.epoch == 0,
            T::NEW_SESSION_TICKET | T::KEY_UPDATE | REQUEST_CONNECTION_ID | NEW_CONNECTION_ID if self.records.is_13 => {
                whole.epoch >= DATA_EPOCH
            }
            _ if self.records.is_13 => whole.epoch == HANDSHAKE_EPOCH,
            T::FINISHED => whole.epoch == 1,
            T::HELLO_REQUEST => true,
            _ => whole.epoch == 0,
        };
        if fits { Ok(()) } else { Err(AlertDescription::UNEXPECTED_MESSAGE) }
    }

    // Acknowledgements.

    /// Acknowledges what has come, if that cannot wait.
    pub(super) fn acknowledge_if_due(&mut self, cx: &mut Cx<'_>) {
        if self.is_over() {
            return;
        }
        if self.ack_now {
            self.acknowledge(cx);
        } else if self.records.is_13 && !self.is_connected && self.ack_at.is_none() && !self.to_ack.is_empty() {
            // The server's hello alone has come.
            self.outbox.begun(cx.env.now());
            self.ack_at = Some(cx.env.now() + self.outbox.quarter());
        }
    }

    pub(super) fn acknowledge(&mut self, cx: &mut Cx<'_>) {
        (self.ack_at, self.ack_now) = (None, false);
        let mut numbers = self.to_ack.clone();
        numbers.sort_unstable();
        cx.observe(Trace::Acknowledged(numbers.len()));
        self.counts.acks += 1;
        let epoch = self.records.write_epoch();
        self.records.put(epoch, ACK, &Rope::from(encode_ack(&numbers)));
        if self.is_connected {
            self.to_ack.clear();
        }
    }

    /// Records have come there. Who has no keys yet cannot say so of those that are protected (RFC 9147 §7).
    pub(super) fn on_ack(&mut self, numbers: &[RecordNumber], is_protected: bool, cx: &mut Cx<'_>) {
        if self.is_connected && !is_protected {
            // RFC 9147 §7: after the handshake they have the highest epoch.
            self.counts.invalid += 1;
            return;
        }
        let now = cx.env.now();
        let may_be = |number: &&RecordNumber| is_protected || number.epoch == 0;
        let numbers: Vec<RecordNumber> = numbers.iter().filter(may_be).copied().collect();
        if self.outbox.acknowledged(&numbers, is_protected, &mut self.records, now) {
            self.counts.resent += 1;
            cx.observe(Trace::Resent(self.outbox.messages(), false));
        }
        if self.key_update.is_some_and(|seq| self.outbox.is_acknowledged(seq)) {
            self.key_update = None;
            self.write_next_epoch();
            if std::mem::take(&mut self.wants_update) {
                self.update_keys(false, cx);
            }
        }
    }

    // Keys.

    /// DTLS 1.2: makes keys of the master secret. The peer's first record in its epoch can be read from now on.
    pub(super) fn take_keys_12(&mut self, cx: &mut Cx<'_>) -> Option<Protection> {
        let (suite, master) = self.suite.zip(self.master)?;
        self.spend("tls.schedule", 0, cx);
        self.log("CLIENT_RANDOM", &master, cx);
        let (client, server) = key_block(self.mode(), suite, &master, &self.client_random, &self.server_random);
        let (ours, theirs) = if self.is_client { (client, server) } else { (server, client) };
        self.records.read_with(1, theirs);
        Some(ours)
    }

    /// DTLS 1.3: keys of an epoch from their secrets.
    pub(super) fn write_with(&mut self, epoch: u64, secret: &Secret) {
        if let Some(suite) = self.suite {
            self.records.write_with(epoch, Protection::dtls13(self.mode(), suite, secret));
        }
    }

    pub(super) fn read_with(&mut self, epoch: u64, secret: &Secret) {
        if let Some(suite) = self.suite {
            self.records.read_with(epoch, Protection::dtls13(self.mode(), suite, secret));
        }
    }

    /// Our next keys are not acknowledged yet.
    pub(super) const fn is_updating_keys(&self) -> bool {
        self.key_update.is_some()
    }

    /// Asks for the next keys of ours to be taken: they are, once the peer has said that it knows (RFC 9147 §8).
    pub(super) fn update_keys(&mut self, requested: bool, cx: &mut Cx<'_>) {
        if self.traffic.is_none() || self.key_update.is_some() {
            self.wants_update |= self.key_update.is_some();
            return;
        }
        let message = Message::Tls(Handshake::KeyUpdate { requested });
        let epoch = self.records.write_epoch();
        self.key_update = Some(self.send_outside(message.kind(), message.encode_body(), epoch, cx));
        self.outbox.send_flight(Expects::Ack, None, &mut self.records, cx.env.now());
    }

    fn write_next_epoch(&mut self) {
        let kdf = self.kdf();
        let Some((write, _)) = &mut self.traffic else { return };
        *write = kdf.next_traffic(write);
        let (secret, epoch) = (*write, self.records.write_epoch() + 1);
        self.counts.key_updates += 1;
        self.write_with(epoch, &secret);
    }

    /// The peer takes new keys.
    pub(super) fn on_key_update(&mut self, requested: bool, cx: &mut Cx<'_>) {
        let kdf = self.kdf();
        let Some((_, read)) = &mut self.traffic else { return };
        *read = kdf.next_traffic(read);
        let (secret, epoch) = (*read, self.records.read_epoch() + 1);
        self.counts.key_updates += 1;
        self.read_with(epoch, &secret);
        self.acknowledge_now();
        if requested {
            self.update_keys(false, cx);
        }
    }

    /// The peer gives other ids, or asks for some of ours (RFC 9147 §9), which it may where it has agreed on one. We have none to spare.
    pub(super) fn on_connection_ids(&mut self, message: &Message) -> Result<(), AlertDescription> {
        let has_peer = self.records.peer_cid.as_ref().is_some_and(|cid| !cid.is_empty());
        match message {
            Message::RequestConnectionId(_) if !self.records.own_cid.is_empty() => {}
            Message::NewConnectionId { cids, is_immediate } if has_peer => {
                if let Some(first) = cids.first().filter(|cid| *is_immediate && !cid.is_empty()) {
                    self.records.peer_cid = Some(first.clone());
                }
            }
            _ => return Err(AlertDescription::UNEXPECTED_MESSAGE),
        }
        self.acknowledge_now();
        Ok(())
    }

    /// Tells observers of a secret. There is none where nothing is computed.
    pub(super) fn log(&self, label: &'static str, secret: &Secret, cx: &mut Cx<'_>) {
        if self.mode() == Mode::Real {
            let (client_random, secret) = (self.client_random, *secret);
            cx.observe(Trace::Secret(TlsSecret { label, client_random, secret }));
        }
    }

    // Data.

    /// The handshake is over: what waited is sent and delivered.
    pub(super) fn connected(&mut self, cx: &mut Cx<'_>) {
        let Some(suite) = self.suite else { return };
        // The last flight of this end belongs to the handshake; it goes out below.
        self.counts.handshake_bytes += self.records.pending();
        self.is_connected = true;
        self.messages = None;
        let cid_lens = (self.records.own_cid.len(), self.records.peer_cid.as_ref().map_or(0, Bytes::len));
        cx.notify(Notice::Connected(Handshaked {
            version: self.version(),
            suite,
            group: self.group,
            is_resumed: self.is_resumed,
            was_retried: self.was_retried,
            psk: self.psk.clone(),
            cid_lens: self.records.has_cids.then_some(cid_lens),
        }));
        for data in std::mem::take(&mut self.unsent) {
            self.waiting -= own_cost(&data);
            self.put_data(&data, cx);
        }
        for data in std::mem::take(&mut self.undelivered) {
            self.waiting -= WAITING_COST + data.len();
            cx.notify(Notice::Data(data));
        }
    }

    pub(super) fn send_data(&mut self, data: &Rope, cx: &mut Cx<'_>) -> Result<(), Unsendable> {
        let most = self.records.most_plain() as u64;
        if self.is_over() {
            return Err(Unsendable::Over);
        }
        if data.len() > most {
            return Err(Unsendable::TooLong { len: data.len(), most });
        }
        if self.is_connected {
            self.put_data(data, cx);
            return Ok(());
        }
        if self.waiting + own_cost(data) > self.common.most_early as u64 {
            return Err(Unsendable::TooMuch);
        }
        self.waiting += own_cost(data);
        self.unsent.push(data.clone());
        Ok(())
    }

    fn put_data(&mut self, data: &Rope, cx: &mut Cx<'_>) {
        if let Some(suite) = self.suite {
            self.spend(suite.aead().operations().0, data.len(), cx);
        }
        self.records.end_datagram();
        self.records.put(self.records.write_epoch(), ContentType::APPLICATION_DATA, data);
        self.records.end_datagram();
    }

    /// Data have come; those that are ahead of the end of the handshake wait for it.
    pub(super) fn on_data(&mut self, data: &Rope, cx: &mut Cx<'_>) {
        if self.is_connected {
            cx.notify(Notice::Data(data.clone()));
        } else if self.waiting + WAITING_COST + data.len() <= self.common.most_early as u64 {
            self.waiting += WAITING_COST + data.len();
            self.undelivered.push(data.clone());
        } else {
            self.counts.early_dropped += 1;
        }
    }

    pub(super) fn spend_open(&self, opened: &Opened, cx: &mut Cx<'_>) {
        if let Some(suite) = self.suite {
            self.spend(suite.aead().operations().1, opened.plaintext.len(), cx);
        }
    }

    // Ends.

    pub(super) fn send_alert(&mut self, alert: Alert) {
        self.records.put(self.records.write_epoch(), ContentType::ALERT, &Rope::from(alert.encode().to_vec()));
    }

    /// Nothing comes of this connection any more, and the peer is told.
    pub(super) fn fail(&mut self, alert: AlertDescription, cx: &mut Cx<'_>) {
        let failure = Failure::Alert { alert, is_ours: true };
        self.failed = Some(failure);
        self.send_alert(Alert { is_fatal: true, description: alert });
        self.told_at = cx.env.now();
        cx.notify(Notice::Failed(failure));
    }

    /// An alert. Without protection it may be anybody's: it counts during the handshake alone, as in OpenSSL.
    pub(super) fn on_alert(&mut self, opened: &Opened, cx: &mut Cx<'_>) {
        let Ok(alert) = Alert::decode(&opened.plaintext.to_bytes()) else { return };
        if opened.number.epoch == 0 && self.is_connected {
            return;
        }
        match alert.description {
            AlertDescription::CLOSE_NOTIFY => {
                // RFC 5246 §7.2.1: it is answered.
                if !self.records.is_13 {
                    self.send_alert(alert);
                }
                self.got_close = Some(opened.number);
                cx.notify(Notice::Closed);
            }
            AlertDescription::USER_CANCELED => {}
            _ if !alert.is_fatal && !self.records.is_13 => {}
            description => {
                let failure = Failure::Alert { alert: description, is_ours: false };
                self.failed = Some(failure);
                cx.notify(Notice::Failed(failure));
            }
        }
    }

    /// What was put into datagrams goes out.
    pub(super) fn transmit(&mut self, cx: &mut Cx<'_>) {
        self.settle(cx);
        for datagram in self.records.take_output() {
            self.counts.datagrams += 1;
            self.counts.handshake_bytes += if self.is_connected { 0 } else { datagram.len() };
            cx.effects.push(super::Effect::Transmit(datagram));
        }
    }

    /// Has the host keep as much as is needed now. Where it cannot, the connection is over, and the peer is told.
    fn settle(&mut self, cx: &mut Cx<'_>) {
        if self.is_over() {
            return;
        }
        let needed = self.common.session_memory + self.memory();
        if needed <= self.reserved {
            cx.env.release(self.reserved - needed);
            self.reserved = needed;
        } else if cx.env.reserve(needed - self.reserved).is_ok() {
            self.reserved = needed;
        } else {
            // What there was no room for is not sent.
            self.records.take_output();
            self.failed = Some(Failure::OutOfMemory);
            self.send_alert(Alert { is_fatal: true, description: AlertDescription::INTERNAL_ERROR });
            cx.notify(Notice::Failed(Failure::OutOfMemory));
        }
    }

    /// Gives back what the host keeps.
    pub(super) fn release(&mut self, env: &mut dyn Env) {
        env.release(std::mem::take(&mut self.reserved));
    }

    pub(super) fn has_waiting(&self, data: &Rope) -> bool {
        self.unsent.contains(data)
    }

    pub(super) fn unsent_len(&self) -> usize {
        self.unsent.len()
    }

    pub(super) fn memory(&self) -> u64 {
        let secrets = [self.master.is_some(), self.traffic.is_some(), self.traffic.is_some(), self.schedule.is_some()];
        let secrets = 48 * secrets.into_iter().filter(|one| *one).count() as u64;
        let messages = self.messages.as_ref().map_or(0, Vec::len) as u64;
        self.records.memory() + self.outbox.memory() + self.reassembly.held() as u64 + self.waiting + secrets + messages
    }
}

/// What data of our own take that wait: empty ones are not free.
fn own_cost(data: &Rope) -> u64 {
    data.len().max(1)
}
