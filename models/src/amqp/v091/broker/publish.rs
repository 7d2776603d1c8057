//! Publications: returns, confirms, transactions (§1.8.3.7, RabbitMQ).

use super::At;
use super::channel::Mode;
use crate::amqp::broker::queue::Message;
use crate::amqp::broker::{AmqpBroker, MESSAGE, Put};
use crate::amqp::flaw::AmqpFlaw;
use crate::amqp::v091::wire::{Command, Content, Fault, ReplyCode, ShortStr, Table, basic, tx};
use crate::app::{Host, StreamId};
use std::collections::BTreeMap;

/// The confirms of a channel: messages count from 1 on.
#[derive(Clone, Debug, Default)]
pub(super) struct Confirms {
    last: u64,
    /// Those without a confirm: the write that each waits for.
    pending: BTreeMap<u64, u64>,
    /// Those that are refused.
    refused: Vec<u64>,
}

/// What waits for a commit.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Publish(basic::Publish, Box<Content>),
    Ack(basic::Ack),
    Nack(basic::Nack),
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
            self.store.router.check_exchange(&publish.exchange)?;
            content.properties.time_to_live()?;
            let bytes = MESSAGE + content.body.len();
            self.add_to_transaction(at, Step::Publish(publish, Box::new(content)), bytes, host)?;
        } else {
            let put = self.publish(at, publish, content, host)?;
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

    /// A message of a client's goes into its queues, or comes back.
    fn publish(
        &mut self,
        at: At,
        publish: basic::Publish,
        content: Content,
        host: &mut dyn Host,
    ) -> Result<Put, Fault> {
        let none = Table::new();
        let headers = content.properties.headers.as_ref().unwrap_or(&none);
        let queues = self.store.router.publish(&publish.exchange, &publish.routing_key, headers)?;
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
            && let Mode::Tx(steps, memory) = &mut channel.mode
        {
            steps.push(step);
            *memory += bytes;
        }
        Ok(())
    }

    fn take_transaction(&mut self, at: At, host: &mut dyn Host) -> Result<Vec<Step>, Fault> {
        const NONE: Fault = Fault::new(ReplyCode::PreconditionFailed, "§1.9.2.3", "the channel has no transactions");
        let Some(channel) = self.channel(at.0, at.1) else { return Ok(Vec::new()) };
        let Mode::Tx(steps, memory) = &mut channel.mode else { return Err(NONE) };
        host.release(std::mem::take(memory));
        Ok(std::mem::take(steps))
    }

    /// All of it happens now, in order, and is answered when it is on disc.
    pub(super) fn on_commit(&mut self, at: At, host: &mut dyn Host) -> Result<(), Fault> {
        let mut needs = 0;
        for step in self.take_transaction(at, host)? {
            match step {
                Step::Publish(publish, content) => {
                    let put = self.publish(at, publish, *content, host)?;
                    needs = needs.max(put.needs);
                }
                Step::Ack(ack) => needs = needs.max(self.ack(at, &ack)?),
                Step::Nack(nack) => needs = needs.max(self.nack(at, &nack, host)?),
            }
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
