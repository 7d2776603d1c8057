//! Publications: returns, confirms, transactions (§1.8.3.7, RabbitMQ).

use super::At;
use super::channel::Mode;
use crate::amqp::broker::queue::Message;
use crate::amqp::broker::{AmqpBroker, MESSAGE, Put};
use crate::amqp::flaw::AmqpFlaw;
use crate::amqp::v091::wire::{Command, Content, Fault, ReplyCode, ShortStr, Table, basic, tx};
use crate::app::{Host, StreamId};
use std::collections::{BTreeMap, BTreeSet};

/// The confirms of a channel: messages count from 1 on.
#[derive(Clone, Debug, Default)]
pub(super) struct Confirms {
    last: u64,
    /// Those without a confirm: the write that each waits for.
    pending: BTreeMap<u64, u64>,
    /// Those that are refused.
    refused: Vec<u64>,
}

/// What waits for a commit (§1.9).
#[derive(Clone, Debug, Default)]
pub(super) struct Transaction {
    steps: Vec<Step>,
    /// Memory that it has \[bytes\].
    pub(super) memory: u64,
    /// Delivery tags that are acknowledged, or the opposite, in it.
    pub(super) settled: BTreeSet<u64>,
}

/// A part of a transaction, with all that could be refused looked at already: what is committed is committed whole.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// A message, and the queues that it goes to.
    Publish(Box<(basic::Publish, Content)>, BTreeSet<ShortStr>),
    /// Deliveries, by their tags.
    Ack(Vec<u64>),
    /// The same, and whether they are queued again.
    Nack(Vec<u64>, bool),
}

impl AmqpBroker {
    pub(super) fn on_publish(
        &mut self,
        at: At,
        publish: basic::Publish,
        content: Content,
        host: &mut dyn Host,
    ) -> Result<(), Fault> {
        self.counts.published += 1;
        if publish.immediate {
            return Err(Fault::new(ReplyCode::NotImplemented, "RabbitMQ", "there is no immediate delivery"));
        }
        let user = self.v091(at.0).map(|peer| peer.user.clone());
        if content.properties.user_id.is_some() && content.properties.user_id != user {
            return Err(Fault::new(ReplyCode::PreconditionFailed, "RabbitMQ", "a message says another user"));
        }
        let Some(channel) = self.channel(at.0, at.1) else { return Ok(()) };
        let is_tx = matches!(channel.mode, Mode::Tx(..));
        if is_tx && !self.has(AmqpFlaw::PublishedBeforeCommit) {
            let queues = self.route(&publish, &content)?;
            content.properties.time_to_live()?;
            let bytes = MESSAGE + content.body.len() + content.properties.written_len();
            self.add_to_transaction(at, Step::Publish(Box::new((publish, content)), queues), bytes, host)?;
        } else {
            let queues = self.route(&publish, &content)?;
            let put = self.publish(at, publish, content, queues, host)?;
            let needs = if self.has(AmqpFlaw::ConfirmedTooSoon) { 0 } else { put.needs };
            if let Some(channel) = self.channel(at.0, at.1)
                && let Mode::Confirm(confirms) = &mut channel.mode
            {
                confirms.last += 1;
                match put.is_refused {
                    true => confirms.refused.push(confirms.last),
                    false => {
                        confirms.pending.insert(confirms.last, needs);
                    }
                }
                self.to_confirm.insert(at);
            }
        }
        self.block(at.0, host);
        Ok(())
    }

    /// The queues that a message of a client's goes to.
    fn route(&self, publish: &basic::Publish, content: &Content) -> Result<BTreeSet<ShortStr>, Fault> {
        let none = Table::new();
        let headers = content.properties.headers.as_ref().unwrap_or(&none);
        self.store.router.publish(&publish.exchange, &publish.routing_key, headers)
    }

    /// It goes there, or comes back.
    fn publish(
        &mut self,
        at: At,
        publish: basic::Publish,
        content: Content,
        queues: BTreeSet<ShortStr>,
        host: &mut dyn Host,
    ) -> Result<Put, Fault> {
        if queues.is_empty() {
            self.counts.unroutable += 1;
            if publish.mandatory {
                self.counts.returned += 1;
                let back = basic::Return {
                    reply_code: ReplyCode::NoRoute.code(),
                    reply_text: ShortStr::cut(ReplyCode::NoRoute.name()),
                    exchange: publish.exchange,
                    routing_key: publish.routing_key,
                };
                let command = Command::with_content(at.1, back, content.properties, content.body);
                self.push(at.0, 0, &command, host);
            }
            return Ok(Put::default());
        }
        let message = Message::new(publish.exchange, publish.routing_key, content.properties, content.body)?;
        Ok(self.put_all(queues, message, host))
    }

    /// Sends the confirms that can be: those that are refused one by one, the others with `multiple` up to the first that waits still.
    pub(in crate::amqp) fn send_confirms(&mut self, stream: StreamId, number: u16, host: &mut dyn Host) {
        let done = self.disc.done();
        let Some(channel) = self.channel(stream, number) else { return };
        let Mode::Confirm(confirms) = &mut channel.mode else { return };
        let refused = std::mem::take(&mut confirms.refused);
        let ready: Vec<u64> =
            confirms.pending.iter().filter(|(_, needs)| **needs <= done).map(|(number, _)| *number).collect();
        for number in &ready {
            confirms.pending.remove(number);
        }
        if confirms.pending.is_empty() {
            // A channel at rest holds nothing.
            confirms.pending = BTreeMap::new();
        }
        let first_waiting = confirms.pending.keys().next().copied().unwrap_or(u64::MAX);
        if first_waiting < u64::MAX {
            self.unconfirmed.insert((stream, number));
        }
        for delivery_tag in refused {
            self.counts.nacks += 1;
            let nack = basic::Nack { delivery_tag, multiple: false, requeue: false };
            self.push(stream, 0, &Command::new(number, nack), host);
        }
        self.counts.confirms += ready.len() as u64;
        let below = ready.partition_point(|number| *number < first_waiting);
        if let Some(delivery_tag) = ready[..below].last().copied() {
            let ack = basic::Ack { delivery_tag, multiple: below > 1 };
            self.push(stream, 0, &Command::new(number, ack), host);
        }
        for delivery_tag in ready[below..].iter().copied() {
            let ack = basic::Ack { delivery_tag, multiple: false };
            self.push(stream, 0, &Command::new(number, ack), host);
        }
    }

    /// What waits for the commit takes memory.
    pub(super) fn add_to_transaction(
        &mut self,
        at: At,
        step: Step,
        bytes: u64,
        host: &mut dyn Host,
    ) -> Result<(), Fault> {
        if host.reserve(bytes).is_err() {
            self.counts.refused_memory += 1;
            return Err(Fault::new(ReplyCode::ResourceError, "§1.2", "there is no memory for a transaction"));
        }
        if let Some(channel) = self.channel(at.0, at.1)
            && let Mode::Tx(transaction) = &mut channel.mode
        {
            transaction.steps.push(step);
            transaction.memory += bytes;
        }
        Ok(())
    }

    fn take_transaction(&mut self, at: At, host: &mut dyn Host) -> Result<Vec<Step>, Fault> {
        const NONE: Fault = Fault::new(ReplyCode::PreconditionFailed, "§1.9.2.3", "the channel has no transactions");
        let Some(channel) = self.channel(at.0, at.1) else { return Ok(Vec::new()) };
        let Mode::Tx(transaction) = &mut channel.mode else { return Err(NONE) };
        let Transaction { steps, memory, .. } = std::mem::take(&mut **transaction);
        host.release(memory);
        Ok(steps)
    }

    /// All of it happens now, in order, and is answered when it is on disc. Where a queue has refused a message, or there was no memory, the channel is closed (RabbitMQ: 406, *partial tx completion*).
    pub(super) fn on_commit(&mut self, at: At, host: &mut dyn Host) -> Result<(), Fault> {
        let (mut needs, mut is_refused) = (0, false);
        for step in self.take_transaction(at, host)? {
            match step {
                Step::Publish(message, queues) => {
                    let (publish, content) = *message;
                    let put = self.publish(at, publish, content, queues, host)?;
                    (needs, is_refused) = (needs.max(put.needs), is_refused || put.is_refused);
                }
                Step::Ack(tags) => needs = needs.max(self.ack(at, &tags)?),
                Step::Nack(tags, requeue) => self.nack(at, &tags, requeue, host)?,
            }
        }
        if is_refused {
            return Err(Fault::new(
                ReplyCode::PreconditionFailed,
                "RabbitMQ",
                "a message of the transaction is refused",
            ));
        }
        if self.has(AmqpFlaw::CommittedTooSoon) {
            needs = 0;
        }
        self.counts.commits += 1;
        self.push(at.0, needs, &Command::new(at.1, tx::CommitOk {}), host);
        Ok(())
    }

    /// None of it happens. What was delivered is as it was, and can be acknowledged again.
    pub(super) fn on_rollback(&mut self, at: At, host: &mut dyn Host) -> Result<(), Fault> {
        self.take_transaction(at, host)?;
        self.counts.rollbacks += 1;
        self.push(at.0, 0, &Command::new(at.1, tx::RollbackOk {}), host);
        Ok(())
    }
}
