//! How links begin and end.

use super::lane::State;
use super::{Amqp10Client, REOPEN, guarantee, is_kept};
use crate::amqp::client::RECONNECT;
use crate::amqp::v10::config::{AmqpOutcome, AmqpSettlement};
use crate::amqp::v10::link::{Credit, LinkEnd};
use crate::amqp::v10::session::{AttachOptions, SessionEvent};
use crate::amqp::v10::wire::{Attach, Condition, Error, ReceiverSettleMode, SenderSettleMode};
use crate::app::Host;
use crate::ledger::{Guarantee, MessageEvent};
use crate::observe::Outcome;
use protosim_core::Ratio;
use std::sync::Arc;

impl Amqp10Client {
    /// The session of a link; begun, if there is none.
    fn session_of(&mut self, index: usize) -> Option<u16> {
        let line = self.line.as_mut().filter(|line| line.is_open && !line.is_closed)?;
        let number = index.checked_rem(line.sessions.len())?;
        if line.sessions[number].is_none() {
            line.sessions[number] = line.connection.begin();
        }
        line.sessions[number]
    }

    /// Attaches a link, with what is left of it from connections before.
    pub(super) fn attach(&mut self, index: usize, host: &mut dyn Host) {
        let common = Arc::clone(&self.common);
        let Some(channel) = self.session_of(index) else {
            self.counts.refused_calls += 1;
            return self.attach_later(index, host);
        };
        let lane = &mut self.lanes[index];
        let end = lane.take_end(common.sends(index), &common.terms[index]);
        let receiver = index.checked_sub(common.config.senders.len()).and_then(|at| common.config.receivers.get(at));
        let credit = match receiver {
            Some(receiver) if receiver.get.is_none() => Credit::Window(receiver.credit()),
            _ => Credit::Manual,
        };
        let options = AttachOptions { credit, ..AttachOptions::default() };
        let Some(line) = &mut self.line else { return };
        match line.connection.session(channel).map(|session| session.attach(end.clone(), options)) {
            Some(Ok(handle)) => {
                (lane.state, lane.at, lane.is_again) = (State::Attaching, Some((channel, handle)), false);
                line.links.insert((channel, handle), index);
            }
            _ => {
                lane.detach(Some(end));
                self.counts.refused_calls += 1;
                self.attach_later(index, host);
            }
        }
    }

    fn attach_later(&mut self, index: usize, host: &mut dyn Host) {
        let lane = &mut self.lanes[index];
        lane.attempts = lane.attempts.saturating_add(1);
        if let Some(wait) = self.common.config.reconnect.wait(lane.attempts, RECONNECT, host) {
            host.set_timer(REOPEN + index as u64, host.now().saturating_add(wait), "attach again");
        }
    }

    /// A link that was detached is attached again.
    pub(super) fn attach_again(&mut self, index: usize, host: &mut dyn Host) {
        let is_open = self.line.as_ref().is_some_and(|line| line.is_open && !line.is_closed);
        if is_open && self.lanes.get(index).is_some_and(|lane| lane.state == State::Detached) {
            self.attach(index, host);
        }
    }

    /// Does what is to be done about what has happened on a session.
    pub(super) fn on_session(&mut self, channel: u16, host: &mut dyn Host) {
        while let Some(event) = self.line.as_mut().and_then(|line| line.connection.session(channel)?.event()) {
            match event {
                SessionEvent::Begun => {}
                SessionEvent::Attach { remote, .. } => {
                    let error = Error::new(Condition::NotImplemented, "a client attaches its links itself");
                    let session = self.line.as_mut().and_then(|line| line.connection.session(channel));
                    let refused = session.map(|session| session.refuse(remote, error));
                    self.counts.refused_calls += u64::from(refused.is_some_and(|refused| refused.is_err()));
                }
                SessionEvent::Ended { error } => {
                    self.counts.ended_sessions += 1;
                    self.counts.error(error.as_ref());
                    if let Some(line) = &mut self.line {
                        line.ended.push(channel);
                    }
                }
                SessionEvent::Attached { handle, .. }
                | SessionEvent::Detached { handle, .. }
                | SessionEvent::Message { handle, .. }
                | SessionEvent::Settled { handle, .. }
                | SessionEvent::Done { handle, .. }
                | SessionEvent::TooLarge { handle, .. }
                | SessionEvent::Drained { handle }
                | SessionEvent::AttachAgain { handle } => {
                    let index = self.line.as_ref().and_then(|line| line.links.get(&(channel, handle)).copied());
                    // One that the broker has attached and we have refused is none of ours.
                    if let Some(index) = index {
                        self.on_link(index, event, host);
                    }
                }
            }
        }
    }

    fn on_link(&mut self, index: usize, event: SessionEvent, host: &mut dyn Host) {
        match event {
            SessionEvent::Attached { attach, .. } => self.on_attached(index, &attach, host),
            SessionEvent::Detached { end, closed, error, .. } => {
                self.counts.error(error.as_ref());
                self.on_detached(index, *end, closed, host);
            }
            SessionEvent::Message { tag, payload, settled, .. } => {
                self.on_message(index, &tag, &payload, settled, host);
            }
            SessionEvent::Settled { tag, .. } => {
                self.counts.settled_messages += 1;
                self.lanes[index].rest.unanswered.retain(|unanswered| *unanswered != tag);
            }
            SessionEvent::Done { token, state, .. } => self.on_done(index, token, state.as_ref(), host),
            SessionEvent::TooLarge { token, .. } => {
                self.counts.too_large_messages += 1;
                self.lanes[index].forget(token);
                self.messages.end(token, Outcome::ErrorResponse, host);
            }
            SessionEvent::Drained { .. } => self.on_drained(index, host),
            SessionEvent::AttachAgain { .. } => self.lanes[index].is_again = true,
            SessionEvent::Begun | SessionEvent::Attach { .. } | SessionEvent::Ended { .. } => {}
        }
    }

    fn on_attached(&mut self, index: usize, attach: &Attach, host: &mut dyn Host) {
        let common = Arc::clone(&self.common);
        let is_there = if common.sends(index) { attach.target.is_some() } else { attach.source.is_some() };
        let lane = &mut self.lanes[index];
        if !is_there {
            lane.state = State::Refused;
            return;
        }
        (lane.state, lane.attempts) = (State::Ready, 0);
        self.counts.attached_links += 1;
        if let Some(sender) = common.config.senders.get(index) {
            let keeps =
                attach.rcv_settle_mode == Some(ReceiverSettleMode::Second) && is_kept(None, attach.target.as_ref());
            self.counts.weaker_links += u64::from(sender.settle == AmqpSettlement::Second && !keeps);
            return self.count_resumed(index, host);
        }
        let receiver = &common.config.receivers[index - common.config.senders.len()];
        let granted = granted(receiver.settle, attach);
        self.counts.weaker_links += u64::from(granted < guarantee(receiver.settle));
        let gives_back = receiver.reject > Ratio::default() && receiver.outcome != AmqpOutcome::Rejected;
        let guarantee = match granted {
            Guarantee::ExactlyOnce if gives_back || !common.config.durable => Guarantee::AtLeastOnce,
            granted => granted,
        };
        self.lanes[index].granted = guarantee;
        self.subscribed(index, guarantee, host);
        self.ask(index);
    }

    /// What is left of a link is sent again, but for what was not sent at all.
    fn count_resumed(&mut self, index: usize, host: &mut dyn Host) {
        let lane = &self.lanes[index];
        let session = self.line.as_mut().zip(lane.at);
        let queued = session.and_then(|(line, (channel, handle))| {
            let (queued, ..) = line.connection.session(channel)?.sender(handle).ok()?;
            Some(queued)
        });
        let again = lane.rest.sent.len().saturating_sub(queued.unwrap_or(0));
        self.counts.resumed_deliveries += again as u64;
        for id in lane.rest.sent.iter().take(again) {
            if let Some(open) = self.messages.open(*id) {
                open.transmissions += 1;
            }
        }
        // One that the broker knows is no new copy.
        let session = self.line.as_mut().zip(lane.at);
        let anew =
            session.and_then(|(line, (channel, handle))| line.connection.session(channel)?.sent_anew(handle).ok());
        for id in anew.unwrap_or_default() {
            self.messages.sent(id, None, host);
        }
    }

    fn on_detached(&mut self, index: usize, end: LinkEnd, closed: bool, host: &mut dyn Host) {
        let lane = &mut self.lanes[index];
        if let (Some(at), Some(line)) = (lane.at, &mut self.line) {
            line.links.remove(&at);
        }
        if lane.is_again {
            lane.detach(Some(end));
            return self.attach(index, host);
        }
        match lane.state {
            State::Ready => self.counts.detached_links += 1,
            _ => self.counts.refused_links += 1,
        }
        match closed {
            false => lane.detach(Some(end)),
            // It is gone, and with it what is known of its deliveries (§2.6.6).
            true => {
                lane.detach(None);
                lane.rest.unanswered.clear();
                for id in std::mem::take(&mut lane.rest.sent) {
                    self.messages.end(id, Outcome::ErrorResponse, host);
                }
            }
        }
        self.queue_gone(index, host);
        self.attach_later(index, host);
    }

    /// Sessions that are over leave their links, which are attached again on another one.
    pub(super) fn take_ended(&mut self, host: &mut dyn Host) {
        let Some(line) = &mut self.line else { return };
        for channel in std::mem::take(&mut line.ended) {
            let Some(line) = &mut self.line else { return };
            let Some(ends) = line.connection.take_ended(channel) else {
                // Its end is not sent yet.
                line.ended.push(channel);
                continue;
            };
            line.links.retain(|(other, _), _| *other != channel);
            line.sessions.iter_mut().for_each(|session| *session = session.filter(|other| *other != channel));
            for index in self.put_back(ends) {
                self.queue_gone(index, host);
                self.attach_later(index, host);
            }
        }
    }

    fn subscribed(&self, index: usize, guarantee: Guarantee, host: &mut dyn Host) {
        let Some((filter, group)) = self.source(index) else { return };
        host.observe_message(MessageEvent::Subscribed {
            filter: filter.as_str().into(),
            guarantee,
            group: group.map(Into::into),
            domain: self.server,
            keeps_marks: false,
        });
    }

    /// What comes to a receiver, and who shares it.
    fn source(&self, index: usize) -> Option<(String, Option<&str>)> {
        let at = index.checked_sub(self.common.config.senders.len())?;
        self.common.sources.get(at)?.as_ref()?.filter()
    }

    /// Of a queue that is gone with its link nothing is owed.
    pub(super) fn queue_gone(&self, index: usize, host: &mut dyn Host) {
        let at = index.checked_sub(self.common.config.senders.len());
        let address = at.and_then(|at| self.common.sources.get(at)?.as_ref());
        if !host.observes_messages() || !address.is_some_and(|address| address.goes_with_link()) {
            return;
        }
        let Some((filter, group)) = self.source(index) else { return };
        host.observe_message(MessageEvent::Unsubscribed {
            filter: filter.as_str().into(),
            group: group.map(Into::into),
            domain: self.server,
            is_known: false,
        });
    }
}

/// What a receiver has got by the broker's answer.
fn granted(settle: AmqpSettlement, attach: &Attach) -> Guarantee {
    let is_settled = attach.snd_settle_mode == Some(SenderSettleMode::Settled);
    let is_second =
        attach.rcv_settle_mode == Some(ReceiverSettleMode::Second) && is_kept(attach.source.as_deref(), None);
    match settle {
        AmqpSettlement::Settled => Guarantee::AtMostOnce,
        _ if is_settled => Guarantee::AtMostOnce,
        AmqpSettlement::Second if is_second => Guarantee::ExactlyOnce,
        AmqpSettlement::First | AmqpSettlement::Second => Guarantee::AtLeastOnce,
    }
}
