//! What a session receives.

use super::{FIRST, Said, Sent, Session, SessionEvent, SessionState, Side};
use crate::amqp::v10::link::{Answered, Arrived};
use crate::amqp::v10::serial::widen;
use crate::amqp::v10::wire::{
    Attach, Begin, Condition, DeliveryState, Detach, Disposition, End, Fault, Flow, Performative, Role, Transfer,
};
use crate::rope::Rope;

const UNATTACHED: Fault = Fault::new(Condition::UnattachedHandle, "§2.6.2", "a handle is not attached");

impl Session {
    /// What has come on its channel. What is wrong with a link detaches it, what is wrong with the session ends it.
    ///
    /// # Errors
    /// When the connection is to be closed.
    pub fn on_performative(&mut self, performative: Performative, payload: &Rope) -> Result<(), Fault> {
        match (self.state, performative) {
            (SessionState::Unmapped | SessionState::EndRcvd, _) => {
                return Err(Fault::not_allowed("§2.5.5", "a frame comes on a channel whose session has ended"));
            }
            (_, Performative::End(end)) => self.on_end(*end),
            (
                SessionState::BeginSent | SessionState::EndSent | SessionState::Discarding,
                Performative::Begin(begin),
            ) => {
                self.on_begin(&begin);
            }
            // What was on its way when we ended it (§2.5.5).
            (SessionState::EndSent | SessionState::Discarding, _) => {}
            (SessionState::BeginSent, _) => {
                return Err(Fault::not_allowed("§2.5.1", "a session's first frame is no begin"));
            }
            (_, Performative::Begin(_)) => {
                return Err(Fault::not_allowed("§2.5.1", "a session is begun twice"));
            }
            (_, performative) => {
                let done = match performative {
                    Performative::Attach(attach) => {
                        if attach.handle > self.handle_max {
                            return Err(Fault::framing("§2.7.2", "a handle is higher than the handle-max"));
                        }
                        self.on_attach(attach)
                    }
                    Performative::Detach(detach) => self.on_detach(*detach),
                    Performative::Flow(flow) => self.on_flow(&flow),
                    Performative::Transfer(transfer) => self.on_transfer(&transfer, payload),
                    Performative::Disposition(disposition) => self.on_disposition(&disposition),
                    _ => return Err(Fault::not_allowed("§2.4", "a frame of connections comes to a session")),
                };
                if let Err(fault) = done {
                    self.fail(fault);
                }
            }
        }
        Ok(())
    }

    fn on_begin(&mut self, begin: &Begin) {
        self.windows.on_begin(begin);
        self.remote_handle_max = begin.handle_max.unwrap_or(u32::MAX);
        if self.state == SessionState::BeginSent {
            self.state = SessionState::Mapped;
            self.events.push_back(SessionEvent::Begun);
        }
    }

    fn on_end(&mut self, end: End) {
        self.state = match self.state {
            SessionState::EndSent | SessionState::Discarding => SessionState::Unmapped,
            _ => {
                self.said.clear();
                self.control.retain(|performative| matches!(performative, Performative::Begin(_)));
                self.control.push_back(Performative::End(Box::default()));
                SessionState::Unmapped
            }
        };
        self.events.push_back(SessionEvent::Ended { error: end.error });
    }

    fn on_attach(&mut self, attach: Box<Attach>) -> Result<(), Fault> {
        let remote = attach.handle;
        if self.handles.contains_key(&remote) || self.asked.contains_key(&remote) {
            return Err(Fault::new(Condition::HandleInUse, "§2.6.3", "a handle is attached twice"));
        }
        let is_meant =
            |link: &super::Linked| link.side.role() == attach.role.other() && link.side.name() == &*attach.name;
        let ours = self.links.iter_mut().find(|(_, link)| is_meant(link));
        match ours {
            Some((handle, link)) if link.remote.is_none() => {
                let handle = *handle;
                link.remote = Some(remote);
                self.handles.insert(remote, handle);
                self.reconcile(handle, &attach);
                self.events.push_back(SessionEvent::Attached { handle, attach });
                Ok(())
            }
            Some((_, link)) if link.detached.is_none() => {
                Err(Fault::not_allowed("§2.6.1", "a link is attached twice on one session"))
            }
            _ => {
                self.asked.insert(remote, attach.clone());
                self.events.push_back(SessionEvent::Attach { remote, attach });
                Ok(())
            }
        }
    }

    fn on_detach(&mut self, detach: Detach) -> Result<(), Fault> {
        let handle = *self.handles.get(&detach.handle).ok_or(UNATTACHED)?;
        let closed = detach.closed == Some(true);
        let link = self.links.get(&handle).ok_or(UNATTACHED)?;
        let closed = match link.detached {
            Some(ours) => ours || closed,
            None => {
                let answer = Detach { handle, closed: closed.then_some(true), error: None };
                self.control.push_back(Performative::Detach(Box::new(answer)));
                closed
            }
        };
        self.unlink(handle, closed, detach.error);
        Ok(())
    }

    fn on_flow(&mut self, flow: &Flow) -> Result<(), Fault> {
        self.windows.on_flow(flow);
        let echo = flow.echo == Some(true);
        let Some(remote) = flow.handle else {
            if echo {
                self.say_flow(None, false);
            }
            return Ok(());
        };
        let handle = *self.handles.get(&remote).ok_or(UNATTACHED)?;
        let link = self.links.get_mut(&handle).ok_or(UNATTACHED)?;
        if link.detached.is_some() {
            return Ok(());
        }
        match &mut link.side {
            Side::Sender(sending) => sending.on_flow(flow),
            Side::Receiver(receiving) => {
                if receiving.on_flow(flow) {
                    self.events.push_back(SessionEvent::Drained { handle });
                }
            }
        }
        if echo {
            self.say_flow(Some(handle), false);
        }
        Ok(())
    }

    fn on_transfer(&mut self, transfer: &Transfer, payload: &Rope) -> Result<(), Fault> {
        self.windows.on_transfer()?;
        let handle = *self.handles.get(&transfer.handle).ok_or(UNATTACHED)?;
        let near = self.last_incoming;
        let id = transfer.delivery_id.map(|id| near.map_or(FIRST + u64::from(id), |near| widen(id, near)));
        let link = self.links.get_mut(&handle).ok_or(UNATTACHED)?;
        let Side::Receiver(receiving) = &mut link.side else {
            return Err(Fault::not_allowed("§2.6.12", "a transfer comes to a sender"));
        };
        if link.detached.is_some() {
            return Ok(());
        }
        self.last_incoming = self.last_incoming.max(id);
        match receiving.on_transfer(transfer, id, payload) {
            Ok(Arrived::Nothing) => {}
            Ok(Arrived::Message { tag, message_format, payload, settled }) => {
                self.events.push_back(SessionEvent::Message { handle, tag, message_format, payload, settled });
            }
            Ok(Arrived::Settled(tag, state)) => {
                self.events.push_back(SessionEvent::Settled { handle, tag, state });
            }
            Ok(Arrived::Answer { id, settled, state }) => {
                self.said.push_back(Said { role: Role::Receiver, id, settled, state: Some(state) });
            }
            Err(fault) => self.fail_link(handle, fault.error()),
        }
        Ok(())
    }

    fn on_disposition(&mut self, disposition: &Disposition) -> Result<(), Fault> {
        let Disposition { role, first, last, settled, state, .. } = disposition;
        let near = match role {
            Role::Receiver => self.next_delivery,
            Role::Sender => self.last_incoming.unwrap_or(FIRST),
        };
        let first = widen(*first, near);
        let last = last.map_or(first, |last| widen(last, near));
        if last < first {
            return Err(Fault::new(Condition::InvalidField, "§2.7.6", "a range ends before it begins"));
        }
        let settled = *settled == Some(true);
        match role {
            Role::Receiver => self.answered(first, last, settled, state.as_ref()),
            Role::Sender if settled => self.settled(first, last),
            // It says what the sender thinks, which settles nothing.
            Role::Sender => {}
        }
        Ok(())
    }

    /// The receiver says this of deliveries of ours.
    fn answered(&mut self, first: u64, last: u64, settled: bool, state: Option<&DeliveryState>) {
        let meant: Vec<(u64, Sent)> = self.sent.range(first..=last).map(|(id, sent)| (*id, *sent)).collect();
        let is_outcome = state.is_some_and(DeliveryState::is_outcome);
        for (id, Sent { handle, number }) in meant {
            let Some(Side::Sender(sending)) = self.links.get_mut(&handle).map(|link| &mut link.side) else { continue };
            let token = match sending.on_disposition(number, settled, is_outcome) {
                Answered::Waits => continue,
                Answered::Done(token) => token,
                Answered::Settle(token) => {
                    self.said.push_back(Said { role: Role::Sender, id, settled: true, state: state.cloned() });
                    token
                }
            };
            sending.open = sending.open.saturating_sub(1);
            self.sent.remove(&id);
            self.events.push_back(SessionEvent::Done { handle, token, state: state.cloned() });
        }
    }

    /// The sender has settled these.
    fn settled(&mut self, first: u64, last: u64) {
        for (handle, link) in &mut self.links {
            let Side::Receiver(receiving) = &mut link.side else { continue };
            for tag in receiving.between(first, last) {
                let state = receiving.forget(&tag);
                self.events.push_back(SessionEvent::Settled { handle: *handle, tag, state });
            }
        }
    }
}
