//! What a session sends: dispositions, what is about the session and its links, then transfers.

use super::{Said, Sent, Session, SessionEvent, SessionState, Side};
use crate::amqp::v10::link::Cut;
use crate::amqp::v10::wire::{Detach, Disposition, Performative};
use crate::rope::Rope;

impl Session {
    /// What goes next, if anything may. To be asked after each input, and while the stream has room, until there is nothing.
    pub fn next_performative(&mut self) -> Option<(Performative, Rope)> {
        if let Some(said) = self.said.pop_front() {
            return Some((self.disposition(said), Rope::new()));
        }
        if let Some(performative) = self.control.pop_front() {
            return Some((performative, Rope::new()));
        }
        if !matches!(self.state, SessionState::Mapped) {
            return None;
        }
        if self.windows.renew() {
            self.say_flow(None, false);
        }
        self.tend_links();
        if let Some(performative) = self.control.pop_front() {
            return Some((performative, Rope::new()));
        }
        self.next_transfer()
    }

    /// One disposition for all that follow each other and say the same (§2.6.12).
    fn disposition(&mut self, said: Said) -> Performative {
        let mut last = said.id;
        let follows = |next: &mut Said, last: u64| {
            next.id == last + 1 && (next.role, next.settled) == (said.role, said.settled) && next.state == said.state
        };
        while self.said.pop_front_if(|next| follows(next, last)).is_some() {
            last += 1;
        }
        Performative::Disposition(Box::new(Disposition {
            role: said.role,
            first: said.id as u32,
            last: (last > said.id).then_some(last as u32),
            settled: said.settled.then_some(true),
            state: said.state,
            batchable: None,
        }))
    }

    /// Our flow, of a link or of the session alone (§2.7.4).
    pub(super) fn say_flow(&mut self, handle: Option<u32>, echo: bool) {
        let mut flow = self.windows.flow();
        flow.echo = echo.then_some(true);
        if let Some((handle, link)) = handle.and_then(|handle| Some((handle, self.links.get(&handle)?))) {
            flow.handle = Some(handle);
            match &link.side {
                Side::Sender(sending) => sending.put_flow(&mut flow),
                Side::Receiver(receiving) => receiving.put_flow(&mut flow),
            }
        }
        self.control.push_back(Performative::Flow(Box::new(flow)));
    }

    /// Credit that is due, given and used up; messages that cannot go.
    fn tend_links(&mut self) {
        let mut flows = Vec::new();
        for (handle, link) in &mut self.links {
            if link.remote.is_none() || link.detached.is_some() {
                continue;
            }
            let handle = *handle;
            match &mut link.side {
                Side::Sender(sending) => {
                    while let Some(token) = sending.refuse_large() {
                        self.events.push_back(SessionEvent::TooLarge { handle, token });
                    }
                    if sending.use_up() {
                        flows.push(handle);
                    }
                    if sending.must_attach_again() {
                        // Once.
                        sending.is_incomplete = false;
                        link.detached = Some(false);
                        self.events.push_back(SessionEvent::AttachAgain { handle });
                        let detach = Detach { handle, ..Detach::default() };
                        self.control.push_back(Performative::Detach(Box::new(detach)));
                    }
                }
                Side::Receiver(receiving) => {
                    if !self.is_credit_held && receiving.renew() {
                        flows.push(handle);
                    }
                }
            }
        }
        flows.into_iter().for_each(|handle| self.say_flow(Some(handle), false));
    }

    /// The next transfer: links take turns.
    fn next_transfer(&mut self) -> Option<(Performative, Rope)> {
        if self.windows.remote_incoming() == 0 {
            return None;
        }
        let may_send = |side: &Side| matches!(side, Side::Sender(sending) if sending.may_send());
        let ready = |(handle, link): (&u32, &super::Linked)| {
            (link.remote.is_some() && link.detached.is_none() && may_send(&link.side)).then_some(*handle)
        };
        let next = self.links.range(self.turn..).find_map(ready);
        let handle = next.or_else(|| self.links.range(..self.turn).find_map(ready))?;
        let Side::Sender(sending) = &mut self.links.get_mut(&handle)?.side else { return None };
        let id = self.next_delivery;
        let Cut { transfer, payload, unsettled, sent } = sending.cut(handle, id, self.max_frame_size)?;
        if transfer.delivery_id.is_some() {
            self.next_delivery += 1;
        }
        if let Some(number) = unsettled {
            sending.open += 1;
            self.sent.insert(id, Sent { handle, number });
        }
        if let Some(token) = sent {
            self.events.push_back(SessionEvent::Done { handle, token, state: None });
        }
        self.turn = handle.wrapping_add(1);
        self.windows.on_sent();
        Some((Performative::Transfer(Box::new(transfer)), payload))
    }
}
