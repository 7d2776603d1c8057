//! The end of a link that receives.

use super::Terms;
use super::sender::settles_second;
use crate::amqp::v10::wire::{
    Attach, Condition, DeliveryState, DeliveryTag, Fault, Flow, ReceiverSettleMode, Transfer, Unsettled,
};
use crate::rope::Rope;
use std::collections::BTreeMap;

/// How a receiver gives credit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Credit {
    /// When its owner says so.
    Manual,
    /// So many deliveries on their way or not settled by both; given anew when half of it can be, or when none is left (our choice).
    Window(u32),
}

/// Deliveries that may be unsettled where its owner gives the credit (our choice).
const MOST_BY_HAND: usize = 1 << 17;

/// What a receiver has to keep for its link to be resumed (§2.6.13): deliveries that have come and are not settled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReceiverState {
    /// What was agreed upon.
    pub terms: Terms,
    /// With their outcomes, where they have one.
    unsettled: BTreeMap<DeliveryTag, Option<DeliveryState>>,
}

impl ReceiverState {
    /// Of a link on which nothing has come.
    pub const fn new(terms: Terms) -> Self {
        Self { terms, unsettled: BTreeMap::new() }
    }

    /// How many deliveries are not settled.
    pub fn unsettled(&self) -> usize {
        self.unsettled.len()
    }

    /// A delivery gets its outcome while there is no session; the sender hears it when the link is resumed. Whether it was known and
    /// had none.
    pub fn answer(&mut self, tag: &DeliveryTag, outcome: DeliveryState) -> bool {
        match self.unsettled.get_mut(tag) {
            Some(state @ None) => {
                *state = Some(outcome);
                true
            }
            _ => false,
        }
    }

    /// What an attach says of it.
    pub(in crate::amqp::v10) fn map(&self) -> Unsettled {
        Unsettled::of(self.unsettled.iter().map(|(tag, state)| (tag.clone(), state.clone())).collect())
    }
}

/// A delivery whose transfers are coming.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Partial {
    id: u64,
    tag: DeliveryTag,
    message_format: u32,
    settled: bool,
    resume: bool,
    mode: ReceiverSettleMode,
    payload: Rope,
}

/// What a transfer has brought.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::amqp::v10) enum Arrived {
    /// Nothing that is whole.
    Nothing,
    /// A message.
    Message { tag: DeliveryTag, message_format: u32, payload: Rope, settled: bool },
    /// The sender has settled this one, which came before.
    Settled(DeliveryTag, Option<DeliveryState>),
    /// One that came before has a new number, and this outcome, which the sender is to hear.
    Answer { id: u64, settled: bool, state: DeliveryState },
}

/// A delivery of a session that is not settled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Known {
    id: u64,
    mode: ReceiverSettleMode,
}

/// What a session has of a receiver.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::amqp::v10) struct Receiving {
    pub(in crate::amqp::v10) state: ReceiverState,
    /// `None` before the sender's attach.
    delivery_count: Option<u32>,
    link_credit: u32,
    available: u32,
    drain: bool,
    partial: Option<Partial>,
    /// Numbers of deliveries on this session.
    known: BTreeMap<DeliveryTag, Known>,
    policy: Credit,
    /// Deliveries of sessions before that wait for an answer of their owner's, and have no number here.
    unanswered_before: usize,
    /// The largest message that is taken \[bytes\]; 0: any.
    max_message_size: u64,
}

impl Receiving {
    pub(in crate::amqp::v10) fn new(state: ReceiverState, policy: Credit, max_message_size: u64) -> Self {
        let unanswered_before = state.unsettled.values().filter(|state| state.is_none()).count();
        Self {
            state,
            delivery_count: None,
            link_credit: 0,
            available: 0,
            drain: false,
            partial: None,
            known: BTreeMap::new(),
            policy,
            unanswered_before,
            max_message_size,
        }
    }

    pub(in crate::amqp::v10) const fn max_message_size(&self) -> u64 {
        self.max_message_size
    }

    pub(in crate::amqp::v10) const fn link_credit(&self) -> u32 {
        self.link_credit
    }

    /// The sender has attached: which deliveries it has settled, with the outcomes that they have here (§2.6.13).
    pub(in crate::amqp::v10) fn on_attach(&mut self, attach: &Attach) -> Vec<(DeliveryTag, Option<DeliveryState>)> {
        self.state.terms.snd_settle_mode = attach.snd_settle_mode.unwrap_or_default();
        self.delivery_count = attach.initial_delivery_count;
        if attach.incomplete_unsettled == Some(true) {
            return Vec::new();
        }
        let theirs: BTreeMap<&DeliveryTag, ()> =
            attach.unsettled.iter().flat_map(|map| map.iter()).map(|(tag, _)| (tag, ())).collect();
        let gone: Vec<_> = self.state.unsettled.keys().filter(|tag| !theirs.contains_key(tag)).cloned().collect();
        gone.into_iter().map(|tag| (tag.clone(), self.forget(&tag))).collect()
    }

    /// The sender's flow: what it has used up (§2.6.7).
    pub(in crate::amqp::v10) fn on_flow(&mut self, flow: &Flow) -> bool {
        self.available = flow.available.unwrap_or(0);
        let (Some(theirs), Some(ours)) = (flow.delivery_count, self.delivery_count) else { return false };
        let used = theirs.wrapping_sub(ours);
        if used > self.link_credit {
            return false;
        }
        self.link_credit -= used;
        self.delivery_count = Some(theirs);
        let is_drained = self.drain && self.link_credit == 0;
        self.drain &= !is_drained;
        is_drained
    }

    /// Messages that wait at the sender, as it last said.
    pub(in crate::amqp::v10) const fn available(&self) -> u32 {
        self.available
    }

    /// The link's part of a flow.
    pub(in crate::amqp::v10) fn put_flow(&self, flow: &mut Flow) {
        flow.delivery_count = self.delivery_count;
        flow.link_credit = Some(self.link_credit);
        flow.available = Some(0);
        flow.drain = Some(self.drain);
    }

    /// Bytes that have come of a delivery that is not whole, and how many deliveries are not settled.
    pub(in crate::amqp::v10) fn coming(&self) -> (u64, usize) {
        let partial = self.partial.as_ref().map_or(0, |partial| partial.payload.len());
        (partial, self.state.unsettled())
    }

    /// The link is about to be detached: of a delivery that is not whole, nothing more comes.
    pub(in crate::amqp::v10) fn drop_partial(&mut self) {
        self.partial = None;
    }

    /// The owner gives this credit, and from then on all of it, where it is to be used up; a flow is due.
    pub(in crate::amqp::v10) const fn give(&mut self, credit: u32, drain: bool) {
        self.link_credit = credit;
        self.drain = drain;
        if drain {
            self.policy = Credit::Manual;
        }
    }

    /// Deliveries that count against the window: those of this session that are not settled by both, and those of sessions before without an
    /// answer. Those before with an outcome do not count: the sender needs credit to resume them, after which they are settled.
    fn open(&self) -> usize {
        self.known.len() + self.unanswered_before
    }

    /// How many deliveries may be unsettled before a new one is refused: with those of sessions before, which are resumed first, twice the
    /// window; of an owner who gives credit by hand, the most that we give ourselves (our choice).
    const fn most_unsettled(&self) -> usize {
        match self.policy {
            Credit::Window(window) => (window as usize).saturating_mul(2),
            Credit::Manual => MOST_BY_HAND,
        }
    }

    /// Gives credit anew, if the policy does so now; then a flow is due.
    pub(in crate::amqp::v10) fn renew(&mut self) -> bool {
        let Credit::Window(window) = self.policy else { return false };
        let wanted = window.saturating_sub(u32::try_from(self.open()).unwrap_or(u32::MAX));
        let more = wanted.saturating_sub(self.link_credit);
        if self.drain || more == 0 || more < window.div_ceil(2) && self.link_credit > 0 {
            return false;
        }
        self.link_credit = wanted;
        true
    }

    /// A transfer has come; `id` is the full number of its delivery, if it says one.
    pub(in crate::amqp::v10) fn on_transfer(
        &mut self,
        transfer: &Transfer,
        id: Option<u64>,
        payload: &Rope,
    ) -> Result<Arrived, Fault> {
        let mut partial = match self.partial.take() {
            Some(partial) => {
                let is_other_tag = transfer.delivery_tag.as_ref().is_some_and(|tag| *tag != partial.tag);
                if id.is_some_and(|id| id != partial.id) || is_other_tag {
                    return Err(Fault::not_allowed("§2.6.14", "a delivery begins within another"));
                }
                partial
            }
            None => self.begin(transfer, id)?,
        };
        partial.settled |= transfer.settled == Some(true);
        partial.payload.append(payload);
        if self.max_message_size > 0 && partial.payload.len() > self.max_message_size {
            return Err(Fault::new(Condition::MessageSizeExceeded, "§2.7.3", "a message is larger than is taken"));
        }
        if transfer.aborted == Some(true) {
            return Ok(Arrived::Nothing);
        }
        if transfer.more == Some(true) {
            self.partial = Some(partial);
            return Ok(Arrived::Nothing);
        }
        self.complete(partial)
    }

    fn begin(&mut self, transfer: &Transfer, id: Option<u64>) -> Result<Partial, Fault> {
        let (Some(id), Some(tag)) = (id, &transfer.delivery_tag) else {
            let why = "a delivery begins without its delivery-id and delivery-tag";
            return Err(Fault::new(Condition::InvalidField, "§2.7.5", why));
        };
        if self.link_credit == 0 {
            return Err(Fault::new(Condition::TransferLimitExceeded, "§2.6.7", "a delivery comes without credit"));
        }
        self.link_credit -= 1;
        self.delivery_count = self.delivery_count.map(|count| count.wrapping_add(1));
        let mode = match self.state.terms.rcv_settle_mode {
            // A sender cannot ask for more than was agreed upon (§2.7.5).
            ReceiverSettleMode::First => ReceiverSettleMode::First,
            ReceiverSettleMode::Second => transfer.rcv_settle_mode.unwrap_or(ReceiverSettleMode::Second),
        };
        Ok(Partial {
            id,
            tag: tag.clone(),
            message_format: transfer.message_format.unwrap_or(0),
            settled: false,
            resume: transfer.resume == Some(true),
            mode,
            payload: Rope::new(),
        })
    }

    fn complete(&mut self, partial: Partial) -> Result<Arrived, Fault> {
        let Partial { id, tag, message_format, settled, resume, mode, payload } = partial;
        let before = self.state.unsettled.get(&tag).cloned();
        match (resume, before) {
            // What was settled here is not resumed (§2.7.5).
            (true, None) => Ok(Arrived::Nothing),
            (true, Some(_)) if settled => {
                let state = self.forget(&tag);
                Ok(Arrived::Settled(tag, state))
            }
            (true, Some(state)) => {
                let Some(state) = state else {
                    if self.known.insert(tag, Known { id, mode }).is_none() {
                        self.unanswered_before -= 1;
                    }
                    return Ok(Arrived::Nothing);
                };
                let settled = !settles_second(mode);
                if settled {
                    self.forget(&tag);
                } else {
                    self.known.insert(tag, Known { id, mode });
                }
                Ok(Arrived::Answer { id, settled, state })
            }
            (false, Some(_)) => Err(Fault::not_allowed("§2.6.12", "a delivery-tag is used again before it is settled")),
            (false, None) => {
                if !settled && self.state.unsettled.len() >= self.most_unsettled() {
                    let why = "more deliveries are unsettled than were let come";
                    return Err(Fault::new(Condition::TransferLimitExceeded, "§2.6.13", why));
                }
                if !settled {
                    self.known.insert(tag.clone(), Known { id, mode });
                    self.state.unsettled.insert(tag.clone(), None);
                }
                Ok(Arrived::Message { tag, message_format, payload, settled })
            }
        }
    }

    /// A delivery gets its outcome, if it had none: its number on the session, if it has one, and whether it is settled by that.
    pub(in crate::amqp::v10) fn answer(
        &mut self,
        tag: &DeliveryTag,
        outcome: &DeliveryState,
    ) -> Option<Option<(u64, bool)>> {
        if !self.state.answer(tag, outcome.clone()) {
            return None;
        }
        let Some(Known { id, mode }) = self.known.get(tag).copied() else {
            self.unanswered_before -= 1;
            return Some(None);
        };
        let settled = !settles_second(mode);
        if settled {
            self.forget(tag);
        }
        Some(Some((id, settled)))
    }

    /// A delivery is settled: its outcome, if it has had one here.
    pub(in crate::amqp::v10) fn forget(&mut self, tag: &DeliveryTag) -> Option<DeliveryState> {
        let is_known = self.known.remove(tag).is_some();
        let state = self.state.unsettled.remove(tag)?;
        if state.is_none() && !is_known {
            self.unanswered_before -= 1;
        }
        state
    }

    /// Unsettled deliveries with numbers between these, both included, in the order of their tags.
    pub(in crate::amqp::v10) fn between(&self, first: u64, last: u64) -> Vec<DeliveryTag> {
        let is_meant = |known: &Known| (first..=last).contains(&known.id);
        self.known.iter().filter(|(_, known)| is_meant(known)).map(|(tag, _)| tag.clone()).collect()
    }
}

/// What a delivery takes that is not settled \[bytes\].
#[cfg(test)]
pub(in crate::amqp::v10) fn delivery_size() -> usize {
    size_of::<(DeliveryTag, Option<DeliveryState>)>() + size_of::<(DeliveryTag, Known)>()
}
