//! The end of a link that sends.

use super::Terms;
use crate::amqp::v10::wire::{
    Attach, DeliveryState, DeliveryTag, Flow, Item, Performative, ReceiverSettleMode, SenderSettleMode, Transfer,
    Unsettled,
};
use crate::rope::Rope;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A message to be sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outgoing {
    /// Its owner's name for it.
    pub token: u64,
    /// 0 is that of part 3.
    pub message_format: u32,
    /// The message as it is written.
    pub payload: Rope,
    /// Whether it is settled when it is sent; counts where the link's mode is mixed.
    pub settled: bool,
}

/// What a sender has to keep for its link to be resumed (§2.6.13): unsettled deliveries, and messages that wait.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SenderState {
    /// What was agreed upon.
    pub terms: Terms,
    /// The number of the next delivery, which is its tag.
    next_number: u64,
    /// Sent in part or as a whole, and not settled.
    unsettled: BTreeMap<u64, Outgoing>,
    queue: VecDeque<Outgoing>,
}

/// The number of a tag of ours.
fn number_of(tag: &DeliveryTag) -> Option<u64> {
    let bytes = tag.as_bytes();
    let number = bytes.iter().fold(0, |number: u64, byte| number << 8 | u64::from(*byte));
    (bytes.len() <= 8 && DeliveryTag::number(number) == *tag).then_some(number)
}

impl SenderState {
    /// Of a link that nothing was sent on.
    pub const fn new(terms: Terms) -> Self {
        Self { terms, next_number: 0, unsettled: BTreeMap::new(), queue: VecDeque::new() }
    }

    /// A message is to be sent.
    pub fn send(&mut self, message: Outgoing) {
        self.queue.push_back(message);
    }

    /// How many messages wait.
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// How many deliveries are not settled.
    pub fn unsettled(&self) -> usize {
        self.unsettled.len()
    }

    /// How many messages it holds, and their payloads \[bytes\]: what it takes of memory.
    pub fn held(&self) -> (u64, u64) {
        let all = || self.unsettled.values().chain(&self.queue);
        (all().count() as u64, all().map(|message| message.payload.len()).sum())
    }

    /// Takes out deliveries of which the receiver's attach says nothing, so that their owner has them again: its names for them.
    pub(in crate::amqp::v10) fn take_unknown(&mut self, attach: &Attach) -> Vec<u64> {
        if attach.incomplete_unsettled == Some(true) {
            return Vec::new();
        }
        let known: BTreeSet<u64> =
            attach.unsettled.iter().flat_map(|map| map.iter()).filter_map(|(tag, _)| number_of(tag)).collect();
        let unknown: Vec<u64> = self.unsettled.keys().copied().filter(|number| !known.contains(number)).collect();
        unknown.iter().filter_map(|number| Some(self.unsettled.remove(number)?.token)).collect()
    }

    /// What an attach says of it.
    pub(in crate::amqp::v10) fn map(&self) -> Unsettled {
        Unsettled::of(self.unsettled.keys().map(|number| (DeliveryTag::number(*number), None)).collect())
    }
}

/// What is sent of a delivery of a session before.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Again {
    /// That it is done.
    Settle(u64, DeliveryState),
    /// The receiver has it.
    Resume(u64),
    /// The receiver does not know of it.
    New(u64),
}

/// The delivery whose transfers are being sent.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Current {
    number: u64,
    /// Its number on the session.
    id: u64,
    message: Outgoing,
    /// How much of its payload was sent \[bytes\].
    at: u64,
    is_first: bool,
    settled: bool,
    resume: bool,
    state: Option<DeliveryState>,
    aborted: bool,
}

/// A transfer to be sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::amqp::v10) struct Cut {
    pub(in crate::amqp::v10) transfer: Transfer,
    pub(in crate::amqp::v10) payload: Rope,
    /// The delivery, where this is its first transfer and it is not settled.
    pub(in crate::amqp::v10) unsettled: Option<u64>,
    /// The name of what is done by it.
    pub(in crate::amqp::v10) sent: Option<u64>,
}

/// What an answer of the receiver's does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::amqp::v10) enum Answered {
    /// Nothing yet.
    Waits,
    /// The message is done; the receiver has settled.
    Done(u64),
    /// The message is done; the receiver is to be told.
    Settle(u64),
}

/// What a session has of a sender.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::amqp::v10) struct Sending {
    pub(in crate::amqp::v10) state: SenderState,
    initial_delivery_count: u32,
    delivery_count: u32,
    link_credit: u32,
    drain: bool,
    current: Option<Current>,
    again: VecDeque<Again>,
    /// Whether there are deliveries that an attach has left out: no new ones are sent (§2.7.3).
    pub(in crate::amqp::v10) is_incomplete: bool,
    /// The largest message that the peer takes \[bytes\].
    max_message_size: u64,
    /// How many of a session's unsettled deliveries are its.
    pub(in crate::amqp::v10) open: usize,
    /// Messages that its owner has for it and has not given it yet.
    pub(in crate::amqp::v10) backlog: u32,
}

impl Sending {
    pub(in crate::amqp::v10) fn new(state: SenderState, initial_delivery_count: u32) -> Self {
        Self {
            state,
            initial_delivery_count,
            delivery_count: initial_delivery_count,
            link_credit: 0,
            drain: false,
            current: None,
            again: VecDeque::new(),
            is_incomplete: false,
            max_message_size: u64::MAX,
            open: 0,
            backlog: 0,
        }
    }

    pub(in crate::amqp::v10) const fn initial_delivery_count(&self) -> u32 {
        self.initial_delivery_count
    }

    pub(in crate::amqp::v10) const fn link_credit(&self) -> u32 {
        self.link_credit
    }

    /// The peer has attached: says which messages are done, by token and outcome (§2.6.13).
    pub(in crate::amqp::v10) fn on_attach(&mut self, attach: &Attach) -> Vec<(u64, DeliveryState)> {
        self.state.terms.rcv_settle_mode = attach.rcv_settle_mode.unwrap_or_default();
        self.max_message_size = attach.max_message_size.filter(|size| *size > 0).unwrap_or(u64::MAX);
        let is_incomplete = attach.incomplete_unsettled == Some(true);
        self.is_incomplete |= is_incomplete;
        let known = attach.unsettled.clone().unwrap_or_default();
        let known: BTreeMap<u64, Option<DeliveryState>> =
            known.iter().filter_map(|(tag, state)| Some((number_of(tag)?, state.clone()))).collect();
        let mut done = Vec::new();
        for (number, message) in &self.state.unsettled {
            let again = match known.get(number) {
                Some(Some(state)) if state.is_outcome() => {
                    done.push((message.token, state.clone()));
                    Again::Settle(*number, state.clone())
                }
                Some(_) => Again::Resume(*number),
                None if self.is_incomplete => continue,
                None => Again::New(*number),
            };
            self.again.push_back(again);
        }
        for again in &self.again {
            if let Again::Settle(number, _) = again {
                self.state.unsettled.remove(number);
            }
        }
        done
    }

    /// Messages that are to be sent again as new ones.
    pub(in crate::amqp::v10) fn anew(&self) -> Vec<u64> {
        let token = |again: &Again| match again {
            Again::New(number) => self.state.unsettled.get(number).map(|message| message.token),
            Again::Settle(..) | Again::Resume(_) => None,
        };
        self.again.iter().filter_map(token).collect()
    }

    /// The receiver's flow (§2.6.7).
    pub(in crate::amqp::v10) fn on_flow(&mut self, flow: &Flow) {
        let Some(credit) = flow.link_credit else { return };
        // A receiver that has not seen our attach counts from its beginning.
        let count = flow.delivery_count.unwrap_or(self.initial_delivery_count);
        let left = count.wrapping_add(credit).wrapping_sub(self.delivery_count);
        // More was sent than is allowed now.
        self.link_credit = if left > i32::MAX as u32 && credit < left { 0 } else { left };
        self.drain = flow.drain == Some(true);
    }

    /// The link's part of a flow.
    pub(in crate::amqp::v10) fn put_flow(&self, flow: &mut Flow) {
        flow.delivery_count = Some(self.delivery_count);
        flow.link_credit = Some(self.link_credit);
        let queued = u32::try_from(self.state.queue.len()).unwrap_or(u32::MAX);
        flow.available = Some(queued.saturating_add(self.backlog));
        flow.drain = Some(self.drain);
    }

    /// Whether there is a transfer that may be sent.
    pub(in crate::amqp::v10) fn may_send(&self) -> bool {
        self.current.is_some() || self.link_credit > 0 && self.has_more()
    }

    fn has_more(&self) -> bool {
        !self.again.is_empty() || !self.is_incomplete && !self.state.queue.is_empty()
    }

    /// Whether all that an incomplete attach allows is done.
    pub(in crate::amqp::v10) fn must_attach_again(&self) -> bool {
        self.is_incomplete && self.again.is_empty() && self.current.is_none() && self.open == 0
    }

    /// Uses up credit, if that is wanted and there is nothing to send (§2.6.7); then a flow is due.
    pub(in crate::amqp::v10) fn use_up(&mut self) -> bool {
        let waits = self.current.is_some() || self.has_more() || self.backlog > 0;
        if !self.drain || self.link_credit == 0 || waits {
            return false;
        }
        self.delivery_count = self.delivery_count.wrapping_add(self.link_credit);
        self.link_credit = 0;
        true
    }

    /// Takes out a message that the peer does not take, as it is too large: its token.
    pub(in crate::amqp::v10) fn refuse_large(&mut self) -> Option<u64> {
        let largest = self.max_message_size;
        let message = self.state.queue.pop_front_if(|message| message.payload.len() > largest)?;
        Some(message.token)
    }

    /// The next transfer, in a frame of at most `max_frame` bytes; `id` is for a delivery that begins.
    pub(in crate::amqp::v10) fn cut(&mut self, handle: u32, id: u64, max_frame: u32) -> Option<Cut> {
        let mut current = match self.current.take() {
            Some(current) => current,
            None => {
                let current = self.begin(id)?;
                self.delivery_count = self.delivery_count.wrapping_add(1);
                self.link_credit -= 1;
                current
            }
        };
        if current.aborted {
            let transfer = Transfer { handle, aborted: Some(true), ..Transfer::default() };
            return Some(Cut { transfer, payload: Rope::new(), unsettled: None, sent: None });
        }
        let mut transfer = current.transfer(handle);
        let left = current.message.payload.len() - current.at;
        let mut room = room(&transfer, max_frame);
        if room == 0 {
            // Only a state can be that long; the receiver knows it.
            transfer.state = None;
            room = self::room(&transfer, max_frame);
        }
        if left > room {
            transfer.more = Some(true);
            room = self::room(&transfer, max_frame);
        }
        let payload = current.message.payload.slice(current.at, room);
        let unsettled = (current.is_first && !current.settled).then_some(current.number);
        current.at += payload.len();
        current.is_first = false;
        let is_last = transfer.more.is_none();
        let sent = (is_last && current.settled && !current.resume).then_some(current.message.token);
        if !is_last {
            self.current = Some(current);
        }
        Some(Cut { transfer, payload, unsettled, sent })
    }

    fn begin(&mut self, id: u64) -> Option<Current> {
        if self.link_credit == 0 {
            return None;
        }
        let new = |number, message, settled| Current {
            number,
            id,
            message,
            at: 0,
            is_first: true,
            settled,
            resume: false,
            state: None,
            aborted: false,
        };
        while let Some(again) = self.again.pop_front() {
            return Some(match again {
                Again::Settle(number, state) => {
                    let message = Outgoing { token: 0, message_format: 0, payload: Rope::new(), settled: true };
                    Current { resume: true, state: Some(state), ..new(number, message, true) }
                }
                Again::Resume(number) => {
                    let Some(message) = self.state.unsettled.get(&number) else { continue };
                    // From its beginning, whatever the receiver says that it has (§2.6.13).
                    let state = Some(DeliveryState::Received { section_number: 0, section_offset: 0 });
                    Current { resume: true, state, ..new(number, message.clone(), false) }
                }
                Again::New(number) => {
                    let Some(message) = self.state.unsettled.get(&number) else { continue };
                    new(number, message.clone(), false)
                }
            });
        }
        if self.is_incomplete {
            return None;
        }
        let message = self.state.queue.pop_front()?;
        let settled = match self.state.terms.snd_settle_mode {
            SenderSettleMode::Unsettled => false,
            SenderSettleMode::Settled => true,
            SenderSettleMode::Mixed => message.settled,
        };
        let number = self.state.next_number;
        self.state.next_number += 1;
        if !settled {
            self.state.unsettled.insert(number, message.clone());
        }
        Some(new(number, message, settled))
    }

    /// The receiver says this of a delivery (§2.6.12).
    pub(in crate::amqp::v10) fn on_disposition(&mut self, number: u64, settled: bool, is_outcome: bool) -> Answered {
        if !settled && !is_outcome {
            return Answered::Waits;
        }
        let Some(message) = self.state.unsettled.remove(&number) else { return Answered::Waits };
        // What it has not sent of it, nobody wants any more.
        if let Some(current) = self.current.as_mut().filter(|current| current.number == number) {
            current.aborted = true;
        }
        match settled {
            true => Answered::Done(message.token),
            false => Answered::Settle(message.token),
        }
    }

    /// The message is not to be sent, or not to its end: whether it was not too late, and its number on the session, if it has one.
    pub(in crate::amqp::v10) fn abort(&mut self, token: u64) -> Option<Option<u64>> {
        if let Some(at) = self.state.queue.iter().position(|message| message.token == token) {
            self.state.queue.remove(at);
            return Some(None);
        }
        let current = self.current.as_mut().filter(|current| current.message.token == token && !current.aborted)?;
        current.aborted = true;
        self.state.unsettled.remove(&current.number);
        Some((!current.settled).then_some(current.id))
    }

    /// The session is over.
    pub(in crate::amqp::v10) fn into_state(mut self) -> SenderState {
        if let Some(current) = self.current.filter(|current| current.settled && !current.resume && !current.aborted) {
            self.state.queue.push_front(current.message);
        }
        self.state
    }
}

impl Current {
    fn transfer(&self, handle: u32) -> Transfer {
        if !self.is_first {
            return Transfer { handle, ..Transfer::default() };
        }
        Transfer {
            handle,
            delivery_id: Some(self.id as u32),
            delivery_tag: Some(DeliveryTag::number(self.number)),
            message_format: Some(self.message.message_format),
            settled: Some(self.settled),
            state: self.state.clone(),
            resume: self.resume.then_some(true),
            ..Transfer::default()
        }
    }
}

/// How much payload fits behind it \[bytes\].
fn room(transfer: &Transfer, max_frame: u32) -> u64 {
    let head = Item::frame(0, Performative::Transfer(Box::new(transfer.clone()))).wire_len();
    u64::from(max_frame).saturating_sub(head)
}

/// Modes that a sender cannot have with each other are none: settled deliveries have no second.
pub(in crate::amqp::v10) const fn settles_second(mode: ReceiverSettleMode) -> bool {
    matches!(mode, ReceiverSettleMode::Second)
}
