//! A channel of a client: what may be sent on it.

use crate::amqp::v091::config::AmqpConfirms;
use crate::messaging::fifo::Fifo;
use std::collections::BTreeMap;

/// How far a channel is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum State {
    #[default]
    Closed,
    /// `channel.open` is sent.
    Opening,
    /// It is open, and waits for declarations, or for the answer to what it has asked for.
    Open,
    Ready,
}

/// A channel.
#[derive(Clone, Debug, Default)]
pub(super) struct Lane {
    pub(super) state: State,
    /// How often in a row it was closed before it was ready.
    pub(super) attempts: u32,
    /// The number of the last message that is to be confirmed.
    last: u64,
    /// By those numbers, messages without their confirm.
    unconfirmed: BTreeMap<u64, u64>,
    /// Messages of the transaction.
    transaction: Vec<u64>,
    /// `tx.commit` is sent.
    pub(super) is_committing: bool,
    /// Messages of the batch that were sent.
    in_batch: u32,
    /// Messages without confirms that are being written: up to where, and their exchanges.
    marks: Fifo<(u64, u64)>,
    /// Messages that came since the last acknowledgement.
    pub(super) unacknowledged: u32,
}

impl Lane {
    /// Whether one more message may be sent.
    pub(super) fn may_send(&mut self, confirms: AmqpConfirms) -> bool {
        if self.state != State::Ready {
            return false;
        }
        let waiting = self.unconfirmed.len() as u64;
        match confirms {
            AmqpConfirms::None => true,
            AmqpConfirms::Each => waiting == 0,
            AmqpConfirms::Window(most) => waiting < u64::from(most),
            AmqpConfirms::Batch(most) => {
                if self.in_batch >= most && waiting == 0 {
                    self.in_batch = 0;
                }
                self.in_batch < most
            }
            AmqpConfirms::Transaction(_) => !self.is_committing,
        }
    }

    /// A message was sent that ends at `end` of all bytes. Whether its transaction is full.
    pub(super) fn sent(&mut self, confirms: AmqpConfirms, id: u64, end: u64) -> bool {
        match confirms {
            AmqpConfirms::None => self.marks.push_back((end, id)),
            AmqpConfirms::Transaction(most) => {
                self.transaction.push(id);
                return self.transaction.len() as u64 >= u64::from(most);
            }
            _ => {
                self.last += 1;
                self.in_batch += 1;
                self.unconfirmed.insert(self.last, id);
            }
        }
        false
    }

    /// A message was sent that ends at `end`, and whose confirm is not waited for, though it is to come.
    pub(super) fn done_when_written(&mut self, id: u64, end: u64) {
        self.marks.push_back((end, id));
    }

    /// Whether a transaction has something to be committed, and is not.
    pub(super) fn has_transaction(&self) -> bool {
        !self.transaction.is_empty() && !self.is_committing
    }

    /// Messages of the transaction, in order.
    pub(super) fn transaction(&self) -> &[u64] {
        &self.transaction
    }

    /// Messages that are done, where so many bytes are written.
    pub(super) fn written(&mut self, written: u64) -> Vec<u64> {
        let mut done = Vec::new();
        while let Some((_, id)) = self.marks.pop_front_if(|(end, _)| *end <= written) {
            done.push(id);
        }
        done
    }

    /// What a confirm is about.
    pub(super) fn confirmed(&mut self, number: u64, multiple: bool) -> Vec<u64> {
        if !multiple {
            let done = self.unconfirmed.remove(&number);
            if self.unconfirmed.is_empty() {
                // A channel at rest holds nothing.
                self.unconfirmed = BTreeMap::new();
            }
            return done.into_iter().collect();
        }
        // 0 is for all (§1.8.3.13.1).
        let behind = match number {
            number if number == 0 || number >= self.last => BTreeMap::new(),
            number => self.unconfirmed.split_off(&(number + 1)),
        };
        std::mem::replace(&mut self.unconfirmed, behind).into_values().collect()
    }

    /// The transaction is done.
    pub(super) fn committed(&mut self) -> Vec<u64> {
        self.is_committing = false;
        std::mem::take(&mut self.transaction)
    }

    /// It is closed: messages that wait for confirms or commits, in order; and those that were being written.
    pub(super) fn close(&mut self) -> (Vec<u64>, Vec<u64>) {
        let mut old = std::mem::take(self);
        self.attempts = old.attempts;
        let unconfirmed = std::mem::take(&mut old.unconfirmed).into_values();
        let all = unconfirmed.chain(std::mem::take(&mut old.transaction)).collect();
        (all, old.written(u64::MAX))
    }
}
