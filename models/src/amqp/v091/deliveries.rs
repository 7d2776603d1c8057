//! What one channel has delivered: tags, and what they stand for (§1.8.3.13), and how much may be on its way.
//!
//! Tags count from 1 on each channel. A prefetch that is global in RabbitMQ's sense is the channel's, shared by its consumers; one that is not
//! is for consumers that begin afterwards, and each has it for itself, in its queue.

use super::wire::{Fault, ReplyCode, ShortStr, basic};
use crate::amqp::broker::queue::{ConsumerId, Delivery};
use std::collections::{BTreeMap, BTreeSet};

/// A delivery that waits for its acknowledgement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outstanding {
    /// Its queue.
    pub queue: ShortStr,
    /// Its number there.
    pub position: u64,
    /// Whose it is; `None` for one that was asked for, which counts for no prefetch.
    pub consumer: Option<ConsumerId>,
}

/// The deliveries of a channel.
#[derive(Clone, Debug, Default)]
pub struct Deliveries {
    last_tag: u64,
    outstanding: BTreeMap<u64, Outstanding>,
    /// How many of them have consumers.
    consumed: u32,
    /// For the channel as a whole; 0 for no limit.
    shared_prefetch: u16,
    /// For each new consumer; 0 for no limit.
    prefetch: u16,
}

const UNKNOWN: Fault = Fault::new(ReplyCode::PreconditionFailed, "§1.8.3.13.1", "a delivery tag is unknown");

impl Deliveries {
    /// Sets a limit (`basic.qos`).
    ///
    /// # Errors
    /// 540 for one of bytes, which RabbitMQ does not have.
    pub fn on_qos(&mut self, qos: &basic::Qos) -> Result<(), Fault> {
        if qos.prefetch_size > 0 {
            return Err(Fault::new(ReplyCode::NotImplemented, "§1.8.3.1", "there is no prefetch by bytes"));
        }
        match qos.global {
            true => self.shared_prefetch = qos.prefetch_count,
            false => self.prefetch = qos.prefetch_count,
        }
        Ok(())
    }

    /// What a consumer that begins now may have without acknowledgement; 0 for no limit.
    pub const fn prefetch(&self) -> u16 {
        self.prefetch
    }

    /// Whether the channel takes one more message that has to be acknowledged.
    pub const fn has_room(&self) -> bool {
        self.shared_prefetch == 0 || self.consumed < self.shared_prefetch as u32
    }

    /// Whether its consumers share a limit.
    pub const fn is_shared(&self) -> bool {
        self.shared_prefetch > 0
    }

    /// How many wait for their acknowledgement.
    pub fn len(&self) -> usize {
        self.outstanding.len()
    }

    /// Whether none does.
    pub fn is_empty(&self) -> bool {
        self.outstanding.is_empty()
    }

    /// The tag of a delivery.
    pub fn deliver(&mut self, queue: &ShortStr, delivery: &Delivery) -> u64 {
        self.last_tag += 1;
        if !delivery.no_ack {
            let outstanding =
                Outstanding { queue: queue.clone(), position: delivery.position, consumer: delivery.consumer };
            self.consumed += u32::from(outstanding.consumer.is_some());
            self.outstanding.insert(self.last_tag, outstanding);
        }
        self.last_tag
    }

    /// The tags that an acknowledgement, or its opposite, is about, in order: one, or with `multiple` all up to it, or all for tag 0; without those that are
    /// `settled` already and only wait for a commit.
    ///
    /// # Errors
    /// 406 where nothing with this tag waits (§1.8.3.13.1).
    pub fn resolve(&self, tag: u64, multiple: bool, settled: &BTreeSet<u64>) -> Result<Vec<u64>, Fault> {
        let last = match (multiple && tag == 0, self.outstanding.contains_key(&tag) && !settled.contains(&tag)) {
            (true, _) => u64::MAX,
            (false, true) => tag,
            (false, false) => return Err(UNKNOWN),
        };
        let first = if multiple { 0 } else { tag };
        let all = self.outstanding.range(first..=last).map(|(tag, _)| *tag);
        Ok(all.filter(|tag| !settled.contains(tag)).collect())
    }

    /// A delivery is settled.
    pub fn settle(&mut self, tag: u64) -> Option<Outstanding> {
        let outstanding = self.outstanding.remove(&tag)?;
        if self.outstanding.is_empty() {
            // A channel at rest holds nothing.
            self.outstanding = BTreeMap::new();
        }
        self.consumed -= u32::from(outstanding.consumer.is_some());
        Some(outstanding)
    }

    /// All that waits, in the order in which it was delivered: the channel ends, or recovers.
    pub fn take_all(&mut self) -> Vec<Outstanding> {
        self.consumed = 0;
        std::mem::take(&mut self.outstanding).into_values().collect()
    }
}
