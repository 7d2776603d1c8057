//! What comes at a wrong time: before its keys, without protection where it has to have some, after the end.

use super::core::{Core, DATA_EPOCH, WAITING_COST};
use super::records::Opened;
use super::{Cx, Failure};
use crate::dtls::codes::DTLS12;
use crate::dtls::wire::Record;
use crate::tls::codes::{ContentType, HandshakeType};
use crate::tls::wire::Alert;

impl Core {
    /// RFC 9147 §6.1: of DTLS 1.3 hellos alone come without protection. What else does is anybody's, and must not take the place of the true one.
    pub(super) fn may_be_plain(&self, kind: HandshakeType) -> bool {
        use HandshakeType as T;
        let is_hello = matches!(kind, T::CLIENT_HELLO | T::SERVER_HELLO | T::HELLO_VERIFY_REQUEST);
        is_hello || !self.records.is_13 && self.common.knows(DTLS12)
    }

    /// A record waits for keys. After the handshake there are none to wait for: nobody uses new ones before we have said that we know them (RFC 9147 §8).
    pub(super) fn keep_early(&mut self, record: Record) {
        if self.is_connected {
            self.counts.invalid += 1;
            return;
        }
        let len = WAITING_COST + record.fragment.len();
        if self.waiting + len <= self.common.most_early as u64 {
            self.counts.early += 1;
            self.waiting += len;
            self.early.push(record);
        } else {
            self.counts.early_dropped += 1;
        }
    }

    pub(super) fn take_early(&mut self) -> Vec<Record> {
        let early = std::mem::take(&mut self.early);
        self.waiting -= early.iter().map(|record| WAITING_COST + record.fragment.len()).sum::<u64>();
        early
    }

    /// A record has come after the end. Who sends messages of the handshake to a connection that has failed has not heard why: it is told again (RFC 9147 §5.10, RFC 6347
    /// §4.2.7), at most once in a quarter of the time. Data that were sent before close_notify and come behind it are delivered: what has a higher number is not.
    pub(super) fn on_late(&mut self, opened: &Opened, cx: &mut Cx<'_>) {
        let now = cx.env.now();
        match (opened.content_type, self.failed, self.got_close) {
            (ContentType::HANDSHAKE, Some(Failure::Alert { alert, is_ours: true }), _)
                if now >= self.told_at + self.outbox.quarter() =>
            {
                self.told_at = now;
                self.send_alert(Alert { is_fatal: true, description: alert });
            }
            (ContentType::APPLICATION_DATA, None, Some(close))
                if !self.is_closed && opened.number < close && self.is_data_epoch(opened.number.epoch) =>
            {
                self.on_data(&opened.plaintext, cx);
            }
            _ => {}
        }
    }

    /// RFC 9147 §6.1: the keys of the handshake are for its messages alone.
    pub(super) const fn is_data_epoch(&self, epoch: u64) -> bool {
        epoch >= if self.records.is_13 { DATA_EPOCH } else { 1 }
    }
}
