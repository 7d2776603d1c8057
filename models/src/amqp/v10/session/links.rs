//! Attach and detach, and what owners ask of links.

use super::{Linked, Said, Session, SessionEvent, SessionState, Side};
use crate::amqp::v10::link::{Credit, LinkEnd, Outgoing, ReceiverState, Receiving, SenderState, Sending, Terms};
use crate::amqp::v10::wire::{
    Attach, Condition, DeliveryState, DeliveryTag, Detach, Error, Item, Performative, Role, Unsettled,
};

/// How a link is attached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AttachOptions {
    /// Of a receiver. Default: manual.
    pub credit: Credit,
    /// The largest message that a receiver takes \[bytes\]; 0: any. Default: 0.
    pub max_message_size: u64,
    /// Of a sender. Default: 0.
    pub initial_delivery_count: u32,
}

impl Default for AttachOptions {
    fn default() -> Self {
        Self { credit: Credit::Manual, max_message_size: 0, initial_delivery_count: 0 }
    }
}

/// What an owner asks that cannot be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Misuse {
    /// The session is about to end, or has ended.
    #[error("the session is not mapped")]
    NotMapped,
    /// There is no such link, or it is about to be detached.
    #[error("no link has this handle")]
    NoSuchLink,
    /// The link sends where it would have to receive, or the other way round.
    #[error("the link has the other role")]
    OtherRole,
    /// The peer takes no more links.
    #[error("all handles are in use")]
    NoHandle,
    /// No attach waits for this answer.
    #[error("no attach has this handle")]
    NotAsked,
    /// The link has the name of another one in the same direction.
    #[error("another link has this name")]
    NameInUse,
}

impl Session {
    /// Attaches a link, or attaches it again: its handle.
    ///
    /// # Errors
    /// When the session is not mapped, or has no handle, or has the link already.
    pub fn attach(&mut self, end: LinkEnd, options: AttachOptions) -> Result<u32, Misuse> {
        let side = side(end, options);
        let is_same = |link: &Linked| link.side.role() == side.role() && link.side.name() == side.name();
        if self.links.values().any(is_same) {
            return Err(Misuse::NameInUse);
        }
        self.link(side, None)
    }

    /// Accepts the peer's attach; what it says of unsettled deliveries is held against `end`.
    ///
    /// # Errors
    /// When there is no such attach, or the session has no handle.
    pub fn accept(&mut self, remote: u32, end: LinkEnd, options: AttachOptions) -> Result<u32, Misuse> {
        let side = side(end, options);
        match self.asked.get(&remote) {
            None => return Err(Misuse::NotAsked),
            Some(attach) if attach.role == side.role() => return Err(Misuse::OtherRole),
            Some(_) => {}
        }
        // Without a handle there is no answer: it is forgotten.
        let attach = self.asked.remove(&remote);
        let handle = self.link(side, Some(remote))?;
        if let Some(attach) = attach {
            self.reconcile(handle, &attach);
        }
        Ok(handle)
    }

    /// Refuses the peer's attach: it is answered without source or target, and detached (§2.6.3).
    ///
    /// # Errors
    /// When there is no such attach, or the session has no handle.
    pub fn refuse(&mut self, remote: u32, error: Error) -> Result<(), Misuse> {
        let Some(attach) = self.asked.remove(&remote) else { return Err(Misuse::NotAsked) };
        let terms = Terms { source: None, target: None, ..Terms::of(&attach) };
        let end = match attach.role {
            Role::Sender => LinkEnd::Receiver(ReceiverState::new(terms)),
            Role::Receiver => LinkEnd::Sender(SenderState::new(terms)),
        };
        let handle = self.link(side(end, AttachOptions::default()), Some(remote))?;
        self.detach(handle, true, Some(error))
    }

    fn link(&mut self, side: Side, remote: Option<u32>) -> Result<u32, Misuse> {
        if !matches!(self.state, SessionState::Mapped | SessionState::BeginSent) {
            return Err(Misuse::NotMapped);
        }
        // The lowest that is free.
        let handle = (0..).zip(self.links.keys()).find(|(free, used)| free != *used).map(|(free, _)| free);
        let handle = handle.unwrap_or(self.links.len() as u32);
        if handle > self.remote_handle_max {
            return Err(Misuse::NoHandle);
        }
        let mut side = side;
        let attach = self.attach_of(handle, &mut side);
        self.control.push_back(Performative::Attach(Box::new(attach)));
        if let Some(remote) = remote {
            self.handles.insert(remote, handle);
        }
        self.links.insert(handle, Linked { remote, side, detached: None, fault: None });
        Ok(handle)
    }

    /// What we say of a link. Of unsettled deliveries so many as one frame has room for (§2.7.3).
    fn attach_of(&self, handle: u32, side: &mut Side) -> Attach {
        let (terms, mut unsettled) = match &side {
            Side::Sender(sending) => (&sending.state.terms, sending.state.map()),
            Side::Receiver(receiving) => (&receiving.state.terms, receiving.state.map()),
        };
        let mut attach = Attach {
            name: terms.name.clone(),
            handle,
            role: side.role(),
            snd_settle_mode: Some(terms.snd_settle_mode),
            rcv_settle_mode: Some(terms.rcv_settle_mode),
            source: terms.source.clone(),
            target: terms.target.clone(),
            unsettled: None,
            incomplete_unsettled: None,
            initial_delivery_count: None,
            max_message_size: None,
            offered_capabilities: Vec::new(),
            desired_capabilities: Vec::new(),
            properties: None,
        };
        match &side {
            Side::Sender(sending) => attach.initial_delivery_count = Some(sending.initial_delivery_count()),
            Side::Receiver(receiving) => {
                attach.max_message_size = Some(receiving.max_message_size()).filter(|size| *size > 0);
            }
        }
        let fits = |attach: &Attach| {
            let item = Item::frame(0, Performative::Attach(Box::new(attach.clone())));
            item.wire_len() <= u64::from(self.max_frame_size)
        };
        loop {
            attach.unsettled = Some(unsettled.clone()).filter(|map: &Unsettled| !map.is_empty());
            if unsettled.is_empty() || fits(&attach) {
                break;
            }
            attach.incomplete_unsettled = Some(true);
            unsettled.truncate(unsettled.len() / 2);
        }
        if let (Side::Sender(sending), Some(true)) = (side, attach.incomplete_unsettled) {
            sending.is_incomplete = true;
        }
        attach
    }

    /// The peer's attach, for a link of ours: what each end knows of deliveries before (§2.6.13).
    pub(super) fn reconcile(&mut self, handle: u32, attach: &Attach) {
        match self.links.get_mut(&handle).map(|link| &mut link.side) {
            Some(Side::Sender(sending)) => {
                let done = sending.on_attach(attach);
                let event = |(token, state)| SessionEvent::Done { handle, token, state: Some(state) };
                self.events.extend(done.into_iter().map(event));
            }
            Some(Side::Receiver(receiving)) => {
                let gone = receiving.on_attach(attach);
                self.events.extend(gone.into_iter().map(|(tag, state)| SessionEvent::Settled { handle, tag, state }));
            }
            None => {}
        }
    }

    /// Detaches a link: closed, it cannot be resumed (§2.6.6). What is left of it comes with the peer's answer.
    ///
    /// # Errors
    /// When there is no such link.
    pub fn detach(&mut self, handle: u32, closed: bool, error: Option<Error>) -> Result<(), Misuse> {
        let link = self.links.get_mut(&handle).filter(|link| link.detached.is_none()).ok_or(Misuse::NoSuchLink)?;
        link.detached = Some(closed);
        if let Side::Receiver(receiving) = &mut link.side {
            receiving.drop_partial();
        }
        let detach = Detach { handle, closed: closed.then_some(true), error };
        self.control.push_back(Performative::Detach(Box::new(detach)));
        Ok(())
    }

    /// What is wrong with a link detaches it, closed.
    pub(super) fn fail_link(&mut self, handle: u32, error: Error) {
        if let Some(link) = self.links.get_mut(&handle) {
            link.fault.get_or_insert_with(|| error.clone());
        }
        // One that is detached already needs no other.
        let _ = self.detach(handle, true, Some(error));
    }

    /// Takes a link off the session.
    pub(super) fn unlink(&mut self, handle: u32, closed: bool, error: Option<Error>) {
        let Some(link) = self.links.remove(&handle) else { return };
        if let Some(remote) = link.remote {
            self.handles.remove(&remote);
        }
        self.sent.retain(|_, sent| sent.handle != handle);
        let (end, error) = (Box::new(link.side.into_end()), error.or(link.fault));
        self.events.push_back(SessionEvent::Detached { handle, end, closed, error });
    }

    fn live(&mut self, handle: u32) -> Result<&mut Side, Misuse> {
        let link = self.links.get_mut(&handle).filter(|link| link.detached.is_none());
        link.map(|link| &mut link.side).ok_or(Misuse::NoSuchLink)
    }

    /// The sender with this handle.
    fn sending(&mut self, handle: u32) -> Result<&mut Sending, Misuse> {
        match self.live(handle)? {
            Side::Sender(sending) => Ok(sending),
            Side::Receiver(_) => Err(Misuse::OtherRole),
        }
    }

    fn receiving(&mut self, handle: u32) -> Result<&mut Receiving, Misuse> {
        match self.live(handle)? {
            Side::Receiver(receiving) => Ok(receiving),
            Side::Sender(_) => Err(Misuse::OtherRole),
        }
    }

    /// A message is to be sent; [`Session::next_performative`] sends it.
    ///
    /// # Errors
    /// When there is no such sender.
    pub fn send(&mut self, handle: u32, message: Outgoing) -> Result<(), Misuse> {
        self.sending(handle)?.state.send(message);
        Ok(())
    }

    /// A message is not to be sent, or not to its end (§2.7.5, aborted): whether it was not too late.
    ///
    /// # Errors
    /// When there is no such sender.
    pub fn abort(&mut self, handle: u32, token: u64) -> Result<bool, Misuse> {
        let sending = self.sending(handle)?;
        let Some(aborted) = sending.abort(token) else { return Ok(false) };
        if let Some(id) = aborted {
            sending.open = sending.open.saturating_sub(1);
            self.sent.remove(&id);
        }
        Ok(true)
    }

    /// How many messages wait at a sender, how many are not settled, and how much credit it has.
    ///
    /// # Errors
    /// When there is no such sender.
    pub fn sender(&mut self, handle: u32) -> Result<(usize, usize, u32), Misuse> {
        let sending = self.sending(handle)?;
        Ok((sending.state.queued(), sending.state.unsettled(), sending.link_credit()))
    }

    /// How many messages more a sender has credit for than wait at it; none while the session's window is closed, or the link is not attached.
    pub fn room(&self, handle: u32) -> u32 {
        let link = self.links.get(&handle).filter(|link| link.detached.is_none() && link.remote.is_some());
        match link.map(|link| &link.side) {
            Some(Side::Sender(sending)) if self.state == SessionState::Mapped && self.remote_incoming_window() > 0 => {
                sending.link_credit().saturating_sub(u32::try_from(sending.state.queued()).unwrap_or(u32::MAX))
            }
            _ => 0,
        }
    }

    /// So many messages wait at a sender's owner: its flows say so, and credit that is to be used up is not while there are any (§2.6.7).
    ///
    /// # Errors
    /// When there is no such sender.
    pub fn set_backlog(&mut self, handle: u32, backlog: u32) -> Result<(), Misuse> {
        self.sending(handle)?.backlog = backlog;
        Ok(())
    }

    /// Whether receivers are given no credit anew, whatever their policy: what they have been given is not taken back.
    pub const fn hold_credit(&mut self, held: bool) {
        self.is_credit_held = held;
    }

    /// Our handle for one of the peer's.
    pub(in crate::amqp) fn handle_of(&self, remote: u32) -> Option<u32> {
        self.handles.get(&remote).copied()
    }

    /// How many deliveries are not settled at a receiver, how much credit it has given, and how many messages wait at its sender, as that
    /// has last said.
    ///
    /// # Errors
    /// When there is no such receiver.
    pub fn receiver(&mut self, handle: u32) -> Result<(usize, u32, u32), Misuse> {
        let receiving = self.receiving(handle)?;
        Ok((receiving.state.unsettled(), receiving.link_credit(), receiving.available()))
    }

    /// What a receiver has of deliveries under way: bytes of one that is not whole, and how many are not settled; also of one that is about to be
    /// detached. `None` for what is no receiver.
    pub(in crate::amqp) fn coming(&self, handle: u32) -> Option<(u64, usize)> {
        match &self.links.get(&handle)?.side {
            Side::Receiver(receiving) => Some(receiving.coming()),
            Side::Sender(_) => None,
        }
    }

    /// A receiver takes so many more deliveries; with `drain`, the sender uses up what it cannot use (§2.6.7).
    ///
    /// # Errors
    /// When there is no such receiver.
    pub fn give_credit(&mut self, handle: u32, credit: u32, drain: bool) -> Result<(), Misuse> {
        self.receiving(handle)?.give(credit, drain);
        self.say_flow(Some(handle), false);
        Ok(())
    }

    /// Asks the peer for its flow: of a link, or of the session (§2.7.4, echo).
    ///
    /// # Errors
    /// When there is no such link.
    pub fn ask_flow(&mut self, handle: Option<u32>) -> Result<(), Misuse> {
        if let Some(handle) = handle {
            self.live(handle)?;
        }
        self.say_flow(handle, true);
        Ok(())
    }

    /// A message that has come gets its outcome. Whether it was known and had none.
    ///
    /// # Errors
    /// When there is no such receiver.
    pub fn settle(&mut self, handle: u32, tag: &DeliveryTag, outcome: DeliveryState) -> Result<bool, Misuse> {
        let receiving = self.receiving(handle)?;
        let Some(answer) = receiving.answer(tag, &outcome) else { return Ok(false) };
        if let Some((id, settled)) = answer {
            self.said.push_back(Said { role: Role::Receiver, id, settled, state: Some(outcome) });
        }
        Ok(true)
    }

    /// The link is in use elsewhere: it is taken from here (§2.6.1). What is left of it; what its detached event says later is not to be used.
    ///
    /// # Errors
    /// When there is no such link.
    pub fn steal(&mut self, handle: u32) -> Result<LinkEnd, Misuse> {
        let end = self.live(handle)?.clone().into_end();
        self.fail_link(handle, Error::new(Condition::Stolen, "the link is attached elsewhere"));
        Ok(end)
    }

    /// Messages of an attached sender that are sent again as new ones, as its receiver does not know of them (§2.6.13): its owner's names for them.
    ///
    /// # Errors
    /// When there is no such sender.
    pub fn sent_anew(&mut self, handle: u32) -> Result<Vec<u64>, Misuse> {
        Ok(self.sending(handle)?.anew())
    }
}

fn side(end: LinkEnd, options: AttachOptions) -> Side {
    match end {
        LinkEnd::Sender(state) => Side::Sender(Box::new(Sending::new(state, options.initial_delivery_count))),
        LinkEnd::Receiver(state) => {
            Side::Receiver(Box::new(Receiving::new(state, options.credit, options.max_message_size)))
        }
    }
}
