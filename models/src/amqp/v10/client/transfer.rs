//! Messages that go, and messages that come.

use super::lane::State;
use super::{ASK, Amqp10Client};
use crate::amqp::client::{REJECT, Source};
use crate::amqp::v10::config::{AmqpOutcome, AmqpReceiverConfig, AmqpSettlement};
use crate::amqp::v10::link::Outgoing;
use crate::amqp::v10::session::Session;
use crate::amqp::v10::wire::{Body, DeliveryState, DeliveryTag, Message, Modified};
use crate::app::Host;
use crate::observe::Outcome;
use crate::rope::Rope;
use protosim_core::Ratio;
use std::sync::Arc;

/// What a receiver says of what it does not accept.
fn refusal(outcome: AmqpOutcome) -> DeliveryState {
    match outcome {
        AmqpOutcome::Rejected => DeliveryState::Rejected(None),
        AmqpOutcome::Released => DeliveryState::Released,
        AmqpOutcome::Modified => {
            DeliveryState::Modified(Box::new(Modified { delivery_failed: Some(true), ..Modified::default() }))
        }
    }
}

impl Amqp10Client {
    /// The session of a link that is attached, and its handle there.
    fn attached(&mut self, index: usize) -> Option<(&mut Session, u32)> {
        let (channel, handle) = self.lanes.get(index).filter(|lane| lane.state == State::Ready)?.at?;
        let line = self.line.as_mut().filter(|line| !line.is_closed)?;
        Some((line.connection.session(channel)?, handle))
    }

    /// Hands a message to each sender that may send one. Whether there was any.
    pub(super) fn pump(&mut self, host: &mut dyn Host) -> bool {
        let common = Arc::clone(&self.common);
        let mut any = false;
        for (index, (config, form)) in common.config.senders.iter().zip(&common.forms).enumerate() {
            let Some((session, handle)) = self.attached(index) else { continue };
            let Ok((queued, unsettled, credit)) = session.sender(handle) else { continue };
            if queued > 0 || credit == 0 || config.window.is_some_and(|most| unsettled >= most as usize) {
                continue;
            }
            let Some(id) = self.messages.take_waiting(index) else { continue };
            let Some(open) = self.messages.open(id) else { continue };
            open.transmissions += 1;
            let payload = Message { body: Body::Data(vec![open.name.payload(open.len)]), ..form.clone() }.encode();
            let settled = config.settle == AmqpSettlement::Settled;
            let Some((session, handle)) = self.attached(index) else { continue };
            if session.send(handle, Outgoing { token: id, message_format: 0, payload, settled }).is_err() {
                self.counts.refused_calls += 1;
                self.messages.wait_again(index, vec![id]);
                continue;
            }
            self.lanes[index].rest.sent.push_back(id);
            self.messages.sent(id, None, host);
            any = true;
        }
        any
    }

    /// A message is done, as its receiver says, or when it was sent.
    pub(super) fn on_done(&mut self, index: usize, id: u64, state: Option<&DeliveryState>, host: &mut dyn Host) {
        let common = Arc::clone(&self.common);
        let lane = &mut self.lanes[index];
        lane.forget(id);
        let is_settled = common.config.senders.get(index).is_some_and(|one| one.settle == AmqpSettlement::Settled);
        let outcome = match state {
            None if is_settled => {
                let end = self.line.as_ref().map_or(0, |line| line.pushed);
                return lane.marks.push_back((end, id));
            }
            Some(DeliveryState::Accepted) => Outcome::Response,
            Some(DeliveryState::Rejected(_)) => {
                self.counts.rejected_deliveries += 1;
                Outcome::ErrorResponse
            }
            Some(DeliveryState::Released) => {
                self.counts.released_deliveries += 1;
                Outcome::ErrorResponse
            }
            Some(DeliveryState::Modified(_)) => {
                self.counts.modified_deliveries += 1;
                Outcome::ErrorResponse
            }
            None | Some(DeliveryState::Received { .. } | DeliveryState::Other(_)) => Outcome::ErrorResponse,
        };
        self.messages.end(id, outcome, host);
    }

    /// The configuration of a link that receives.
    fn receiver(&self, index: usize) -> Option<&AmqpReceiverConfig> {
        let config = &self.common.config;
        config.receivers.get(index.checked_sub(config.senders.len())?)
    }

    /// A message has come.
    pub(super) fn on_message(
        &mut self,
        index: usize,
        tag: &DeliveryTag,
        payload: &Rope,
        settled: bool,
        host: &mut dyn Host,
    ) {
        let Some(receiver) = self.receiver(index) else { return };
        let (reject, outcome, most) = (receiver.reject, receiver.outcome, receiver.acknowledge as usize);
        let refused = match Message::decode(payload) {
            Ok(message) => {
                let header = message.header.clone().unwrap_or_default();
                // A broker says either: it has been delivered before, or somebody may have had it before (§3.2.1).
                let redelivered = header.delivery_count.unwrap_or(0) > 0 || header.first_acquirer == Some(false);
                let nothing = Rope::new();
                let guarantee = self.lanes[index].granted;
                let address = self.common.sources.get(index - self.common.config.senders.len());
                let queue = address.and_then(|address| address.as_ref()?.queue());
                // Others may take from it, with links of theirs.
                let from = queue.map(|queue| Source { queue, guarantee, is_alone: false });
                self.messages.arrived(message.single_data().unwrap_or(&nothing), redelivered, from.as_ref(), host);
                let refuses = !settled && reject > Ratio::default() && host.rng(REJECT).chance(reject);
                refuses.then(|| refusal(outcome))
            }
            Err(fault) => {
                self.messages.arrived(&Rope::new(), false, None, host);
                Some(DeliveryState::Rejected(Some(Box::new(fault.error()))))
            }
        };
        match refused {
            _ if settled => {}
            Some(outcome) => {
                self.counts.rejected_messages += 1;
                self.answer(index, tag, outcome);
            }
            None => {
                let unanswered = &mut self.lanes[index].rest.unanswered;
                unanswered.push(tag.clone());
                if unanswered.len() >= most {
                    let all = std::mem::take(unanswered);
                    self.counts.accepted_messages += all.len() as u64;
                    for tag in all {
                        self.answer(index, &tag, DeliveryState::Accepted);
                    }
                }
            }
        }
        self.ask(index);
    }

    fn answer(&mut self, index: usize, tag: &DeliveryTag, outcome: DeliveryState) {
        let answered = self.attached(index).map(|(session, handle)| session.settle(handle, tag, outcome));
        self.counts.refused_calls += u64::from(answered.is_none_or(|answered| answered != Ok(true)));
    }

    /// A receiver that asks for messages one by one asks for the next one.
    pub(super) fn ask(&mut self, index: usize) {
        if self.receiver(index).is_none_or(|receiver| receiver.get.is_none()) {
            return;
        }
        let asked = self.attached(index).map(|(session, handle)| session.give_credit(handle, 1, true));
        self.counts.refused_calls += u64::from(asked.is_some_and(|asked| asked.is_err()));
    }

    /// There was no message.
    pub(super) fn on_drained(&mut self, index: usize, host: &mut dyn Host) {
        let Some(interval) = self.receiver(index).and_then(|receiver| receiver.get) else { return };
        // The answer to a question before, which has had its message.
        let credit = self.attached(index).and_then(|(session, handle)| Some(session.receiver(handle).ok()?.1));
        if credit != Some(0) {
            return;
        }
        self.counts.empty_answers += 1;
        host.set_timer(ASK + index as u64, host.now().saturating_add(interval), "ask again");
    }
}
