//! Flights: messages that are sent together, and again until they are answered (RFC 6347 §4.2.4, RFC 9147 §5.8, §7).

use super::records::Records;
use crate::dtls::config::{Common, Timers};
use crate::dtls::wire::{FRAGMENT_HEADER_BYTES, FragmentHeader, RecordNumber};
use crate::recovery::Ranges;
use crate::rope::Rope;
use crate::tls::codes::{ContentType, HandshakeType};
use bytes::Bytes;
use protosim_core::{LocalTime, Span};
use std::collections::BTreeSet;

/// The least piece of a message that is worth a record in what is left of a datagram \[bytes\]: our choice.
const LEAST_PIECE: usize = 32;

/// Pieces whose records are remembered: our choice; what is acknowledged of older ones is sent once more.
const MOST_PIECES: usize = 512;

/// What a flight waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Expects {
    /// Nothing: it is the last one, sent again when the peer's comes again.
    #[default]
    Nothing,
    /// The peer's next flight.
    Flight,
    /// An acknowledgement of all of it (RFC 9147 §7).
    Ack,
}

#[derive(Clone, Debug)]
struct Item {
    epoch: u64,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Message {
        kind: HandshakeType,
        message_seq: u16,
        body: Bytes,
        /// What the peer has said that it has, of header and body: one byte more than the body, so that an empty one counts, too.
        acked: Ranges,
    },
    ChangeCipherSpec,
}

/// A piece of a message that went into a record.
#[derive(Clone, Copy, Debug)]
struct Piece {
    number: RecordNumber,
    message_seq: u16,
    start: u64,
    end: u64,
    sent_at: LocalTime,
}

/// What came of time running out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Expired {
    /// It is not time yet.
    No,
    /// The flight is to be sent again.
    Resend,
    /// DTLS 1.3: the peer is to be told again what has come of its flight.
    Remind,
    /// It was sent often enough.
    GiveUp,
}

/// The flight that was sent last.
#[derive(Clone, Debug)]
pub(super) struct Outbox {
    timers: Timers,
    /// The number of the next message.
    next_seq: u16,
    pending: Vec<Item>,
    flight: Vec<Item>,
    expects: Expects,
    /// Where its pieces went; of DTLS 1.3 alone.
    pieces: Vec<Piece>,
    timeout: Span,
    deadline: Option<LocalTime>,
    /// DTLS 1.3: the peer has our flight, and the rest of its own is waited for until then (RFC 9147 §5.8.1: still WAITING).
    patience: Option<LocalTime>,
    /// Times that it ran out in a row.
    tries: u32,
    sent_at: LocalTime,
    /// When all of it was sent last.
    resent_at: LocalTime,
    was_resent: bool,
    /// The last message of the peer's flight that this one answers.
    answers: Option<u16>,
}

impl Outbox {
    pub(super) fn new(timers: Timers, next_seq: u16) -> Self {
        Self {
            timers,
            next_seq,
            pending: Vec::new(),
            flight: Vec::new(),
            expects: Expects::Nothing,
            pieces: Vec::new(),
            timeout: timers.initial,
            deadline: None,
            patience: None,
            tries: 0,
            sent_at: LocalTime::ZERO,
            resent_at: LocalTime::ZERO,
            was_resent: false,
            answers: None,
        }
    }

    /// Adds a message to the flight; gives its number.
    pub(super) fn push(&mut self, epoch: u64, kind: HandshakeType, body: Bytes) -> u16 {
        let message_seq = self.next_seq;
        self.next_seq = self.next_seq.saturating_add(1);
        self.pending.push(Item { epoch, what: What::Message { kind, message_seq, body, acked: Ranges::new() } });
        message_seq
    }

    /// Adds a ChangeCipherSpec, which has no number.
    pub(super) fn push_change_cipher_spec(&mut self) {
        self.pending.push(Item { epoch: 0, what: What::ChangeCipherSpec });
    }

    /// Sends what was added, as the answer to the peer's message with the number `answers`. What of the last flight still waits for an
    /// acknowledgement stays with it.
    pub(super) fn send_flight(
        &mut self,
        expects: Expects,
        answers: Option<u16>,
        records: &mut Records,
        now: LocalTime,
    ) {
        let new = std::mem::take(&mut self.pending);
        if expects == Expects::Ack && self.expects == Expects::Ack && self.deadline.is_some() {
            let first = self.flight.len();
            self.flight.extend(new);
            self.transmit(first, records, now);
        } else {
            self.flight = new;
            self.pieces.clear();
            self.was_resent = false;
            self.transmit(0, records, now);
        }
        (self.expects, self.answers, self.tries) = (expects, answers, 0);
        (self.sent_at, self.resent_at, self.patience) = (now, now, None);
        self.deadline = (expects != Expects::Nothing).then(|| now + self.timeout);
    }

    /// Sends what the peer has not said that it has, each piece in a record of its own.
    fn transmit(&mut self, first: usize, records: &mut Records, now: LocalTime) {
        for index in first..self.flight.len() {
            let Item { epoch, what } = self.flight[index].clone();
            match what {
                What::ChangeCipherSpec => {
                    records.put(epoch, ContentType::CHANGE_CIPHER_SPEC, &Rope::from(vec![1]));
                }
                What::Message { kind, message_seq, body, acked } => {
                    let whole = FragmentHeader::whole(kind, message_seq, body.len() as u32);
                    self.send_missing(epoch, whole, &body, &acked, records, now);
                }
            }
        }
        records.end_datagram();
    }

    /// Sends of a message what is not in `there`; one byte behind its end stands for its header. Says whether that was anything.
    ///
    /// What was sent before goes in the same pieces again, where they fit into a datagram: there are peers that know pieces by where they begin.
    fn send_missing(
        &mut self,
        epoch: u64,
        whole: FragmentHeader,
        body: &Bytes,
        there: &Ranges,
        records: &mut Records,
        now: LocalTime,
    ) -> bool {
        let missing: Vec<(u64, u64)> = there.missing(0, body.len() as u64 + 1).collect();
        let of = self.pieces.iter().filter(|piece| piece.message_seq == whole.message_seq);
        let cuts: BTreeSet<u64> = of.flat_map(|piece| [piece.start, piece.end]).collect();
        for (start, end) in &missing {
            let inner = cuts.range(start + 1..*end).copied();
            let ends: Vec<u64> = inner.chain([*end]).collect();
            let mut at = *start;
            for next in ends {
                let len = FRAGMENT_HEADER_BYTES + (next - at) as usize;
                if !cuts.is_empty() && records.room(epoch) < len {
                    records.end_datagram();
                }
                self.send_part(epoch, whole, body, (at, next), records, now);
                at = next;
            }
        }
        !missing.is_empty()
    }

    /// Sends a part of a message, cut to what datagrams take.
    fn send_part(
        &mut self,
        epoch: u64,
        whole: FragmentHeader,
        body: &Bytes,
        (start, end): (u64, u64),
        records: &mut Records,
        now: LocalTime,
    ) {
        let (mut at, last) = (start as usize, (end as usize).min(body.len()));
        let mut is_first = true;
        while is_first || at < last {
            is_first = false;
            let left = last - at;
            let mut room = records.room(epoch).saturating_sub(FRAGMENT_HEADER_BYTES);
            if room < left.min(LEAST_PIECE) {
                records.end_datagram();
                room = records.room(epoch).saturating_sub(FRAGMENT_HEADER_BYTES);
            }
            // A datagram takes something, however short it has to be.
            let len = left.min(room.max(1));
            let header = FragmentHeader { offset: at as u32, fragment_len: len as u32, ..whole };
            let mut plaintext = header.encode().to_vec();
            plaintext.extend_from_slice(&body[at..at + len]);
            let number = records.put(epoch, ContentType::HANDSHAKE, &Rope::from(plaintext));
            let next = at + len;
            if let Some(number) = number.filter(|_| records.is_13) {
                let covered = next as u64 + u64::from(next == body.len());
                let (message_seq, start, end) = (whole.message_seq, at as u64, covered);
                if self.pieces.len() == MOST_PIECES {
                    self.pieces.remove(0);
                }
                self.pieces.push(Piece { number, message_seq, start, end, sent_at: now });
            }
            at = next;
        }
    }

    /// Sends the flight again: the peer seems to lack it.
    pub(super) fn resend(&mut self, records: &mut Records, now: LocalTime) {
        (self.was_resent, self.resent_at) = (true, now);
        self.transmit(0, records, now);
        if self.deadline.is_some() {
            self.deadline = Some(now + self.timeout);
        }
    }

    /// How many messages it has.
    pub(super) fn messages(&self) -> usize {
        self.flight.len()
    }

    /// True if it answers this message of the peer's, with which the peer's flight ended, and is not still under way: the rest of a flight that has
    /// just been answered says nothing. That it may be for a quarter of the time is our choice, after RFC 9147 §7.1.
    pub(super) fn answers(&self, message_seq: u16, now: LocalTime) -> bool {
        let is_under_way = now < self.resent_at + self.quarter();
        self.answers == Some(message_seq) && !self.flight.is_empty() && !is_under_way
    }

    /// How long the peer may wait until it acknowledges (RFC 9147 §7.1).
    pub(super) fn quarter(&self) -> Span {
        Span::from_nanos(self.timeout.as_nanos() / 4)
    }

    /// When it is sent again, or the peer is reminded of its own.
    pub(super) fn deadline(&self) -> Option<LocalTime> {
        self.deadline.or(self.patience)
    }

    /// DTLS 1.3: something new of the peer's next flight has come, so that it has ours. The rest is waited for as long as an answer would be.
    pub(super) fn begun(&mut self, now: LocalTime) {
        self.answered(true, now);
        (self.tries, self.patience) = (0, Some(now + self.timeout));
    }

    /// Time may have run out.
    pub(super) fn expire(&mut self, common: &Common, records: &mut Records, now: LocalTime) -> Expired {
        if self.deadline().is_none_or(|at| now < at) {
            return Expired::No;
        }
        if self.tries >= self.timers.tries {
            self.forget();
            return Expired::GiveUp;
        }
        self.tries += 1;
        if self.deadline.is_none() {
            let wait = self.timeout.saturating_mul(1 << self.tries.min(32)).min(self.timers.most);
            self.patience = Some(now + wait);
            return Expired::Remind;
        }
        self.timeout = self.timeout.saturating_mul(2).min(self.timers.most);
        // RFC 6347 §4.1.1.1: it may be that datagrams of this length do not arrive.
        if self.tries >= common.fallback_after {
            records.reduced = Some(common.fallback_mtu);
        }
        self.resend(records, now);
        Expired::Resend
    }

    /// The peer has all of it: time does not run any more. The flight is kept for when its own comes again.
    pub(super) fn answered(&mut self, is_13: bool, now: LocalTime) {
        if self.deadline.take().is_none() {
            return;
        }
        // RFC 6347 §4.2.4.1: the time stays until something passes without a loss; RFC 9147 §5.8.2: then it follows the round trip.
        if !self.was_resent {
            self.timeout = if is_13 && self.timers.follows_round_trip {
                let round_trip = now.saturating_since(self.sent_at);
                let wanted = round_trip.saturating_add(Span::from_nanos(round_trip.as_nanos() / 2));
                wanted.max(self.timers.least).min(self.timers.most)
            } else {
                self.timers.initial
            };
        }
    }

    /// The peer has these records. What it seems to lack is sent again at once (RFC 9147 §7.2): what went out before the newest of
    /// these, or longer ago than the peer waits until it acknowledges; the rest may be on its way. Says whether that was anything. `is_protected`: who says so
    /// has keys, and so all that was not protected.
    pub(super) fn acknowledged(
        &mut self,
        numbers: &[RecordNumber],
        is_protected: bool,
        records: &mut Records,
        now: LocalTime,
    ) -> bool {
        let is_named = |piece: &Piece| numbers.contains(&piece.number) || is_protected && piece.number.epoch == 0;
        let pieces: Vec<Piece> = self.pieces.iter().filter(|piece| is_named(piece)).copied().collect();
        let mut is_progress = false;
        for item in &mut self.flight {
            if let What::Message { message_seq, acked, .. } = &mut item.what {
                for piece in pieces.iter().filter(|piece| piece.message_seq == *message_seq) {
                    is_progress |= !acked.covers(piece.start, piece.end);
                    acked.insert(piece.start, piece.end);
                }
            }
        }
        if !self.flight.iter().any(Item::is_missing) {
            if self.expects == Expects::Flight && self.deadline.is_some() {
                self.begun(now);
            }
            self.answered(true, now);
            if self.expects == Expects::Ack {
                self.forget();
            }
            return false;
        }
        if self.deadline.is_none() {
            return false;
        }
        // In the order in which they went out, which is not that of their numbers: those begin anew in each epoch.
        let newest = self.pieces.iter().rposition(|piece| numbers.contains(&piece.number));
        let has_resent = self.resend_lost(newest, records, now);
        if has_resent {
            self.was_resent = true;
            // Who says the same again and again does not keep us from giving up.
            if is_progress {
                self.deadline = Some(now + self.timeout);
            }
        }
        has_resent
    }

    fn resend_lost(&mut self, newest: Option<usize>, records: &mut Records, now: LocalTime) -> bool {
        let quarter = self.quarter();
        let later = self.pieces.iter().skip(newest.map_or(0, |newest| newest + 1));
        let under_way: Vec<Piece> = later.filter(|piece| now < piece.sent_at + quarter).copied().collect();
        let mut has_resent = false;
        for Item { epoch, what } in self.flight.clone() {
            let What::Message { kind, message_seq, body, acked: mut there } = what else { continue };
            for piece in under_way.iter().filter(|piece| piece.message_seq == message_seq) {
                there.insert(piece.start, piece.end);
            }
            let whole = FragmentHeader::whole(kind, message_seq, body.len() as u32);
            has_resent |= self.send_missing(epoch, whole, &body, &there, records, now);
        }
        records.end_datagram();
        has_resent
    }

    /// True if an acknowledgement of this message has come.
    pub(super) fn is_acknowledged(&self, seq: u16) -> bool {
        !self.flight.iter().chain(&self.pending).any(|item| match &item.what {
            What::Message { message_seq, .. } => *message_seq == seq && item.is_missing(),
            What::ChangeCipherSpec => false,
        })
    }

    /// Nothing is sent again any more.
    pub(super) fn forget(&mut self) {
        self.flight.clear();
        self.pieces.clear();
        (self.deadline, self.patience) = (None, None);
    }

    /// What it keeps \[bytes\].
    pub(super) fn memory(&self) -> u64 {
        let of = |items: &[Item]| items.iter().map(Item::len).sum::<u64>();
        of(&self.flight) + of(&self.pending)
    }
}

impl Item {
    fn len(&self) -> u64 {
        match &self.what {
            What::Message { body, .. } => (FRAGMENT_HEADER_BYTES + body.len()) as u64,
            What::ChangeCipherSpec => 1,
        }
    }

    fn is_missing(&self) -> bool {
        match &self.what {
            What::Message { body, acked, .. } => !acked.covers(0, body.len() as u64 + 1),
            What::ChangeCipherSpec => false,
        }
    }
}
