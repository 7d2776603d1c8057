//! Windows of a session, counted in transfer frames (§2.5.6).

use super::SessionConfig;
use crate::amqp::v10::serial::is_before;
use crate::amqp::v10::wire::{Begin, Condition, Fault, Flow};

/// The state of the standard's that flows tell.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Windows {
    /// `None` before the peer's begin.
    next_incoming_id: Option<u32>,
    incoming_window: u32,
    next_outgoing_id: u32,
    outgoing_window: u32,
    remote_incoming_window: u32,
    remote_outgoing_window: u32,
    initial_outgoing_id: u32,
    /// What the incoming window is given anew.
    most: u32,
}

impl Windows {
    pub(super) const fn new(config: &SessionConfig) -> Self {
        Self {
            next_incoming_id: None,
            incoming_window: config.incoming_window,
            next_outgoing_id: config.next_outgoing_id,
            outgoing_window: config.outgoing_window,
            remote_incoming_window: 0,
            remote_outgoing_window: 0,
            initial_outgoing_id: config.next_outgoing_id,
            most: config.incoming_window,
        }
    }

    pub(super) const fn on_begin(&mut self, begin: &Begin) {
        self.next_incoming_id = Some(begin.next_outgoing_id);
        self.remote_incoming_window = begin.incoming_window;
        self.remote_outgoing_window = begin.outgoing_window;
    }

    pub(super) const fn remote_incoming(&self) -> u32 {
        self.remote_incoming_window
    }

    /// A transfer frame goes.
    pub(super) const fn on_sent(&mut self) {
        self.next_outgoing_id = self.next_outgoing_id.wrapping_add(1);
        self.remote_incoming_window = self.remote_incoming_window.saturating_sub(1);
    }

    /// A transfer frame has come.
    pub(super) fn on_transfer(&mut self) -> Result<(), Fault> {
        let Some(window) = self.incoming_window.checked_sub(1) else {
            return Err(Fault::new(Condition::WindowViolation, "§2.5.6", "a transfer comes beyond the window"));
        };
        self.incoming_window = window;
        self.next_incoming_id = self.next_incoming_id.map(|id| id.wrapping_add(1));
        self.remote_outgoing_window = self.remote_outgoing_window.saturating_sub(1);
        Ok(())
    }

    pub(super) const fn on_flow(&mut self, flow: &Flow) {
        self.next_incoming_id = Some(flow.next_outgoing_id);
        self.remote_outgoing_window = flow.outgoing_window;
        // A peer that has not seen our begin counts from its beginning.
        let next = match flow.next_incoming_id {
            Some(id) => id,
            None => self.initial_outgoing_id,
        };
        let on_its_way = self.next_outgoing_id.wrapping_sub(next);
        // It cannot expect what was not sent, nor can more be on its way than its window.
        self.remote_incoming_window = match is_before(self.next_outgoing_id, next) {
            true => flow.incoming_window,
            false => flow.incoming_window.saturating_sub(on_its_way),
        };
    }

    /// Gives the incoming window anew, if half of it is used; then a flow is due.
    pub(super) const fn renew(&mut self) -> bool {
        let is_due = self.incoming_window < self.most && self.incoming_window <= self.most / 2;
        if is_due {
            self.incoming_window = self.most;
        }
        is_due
    }

    pub(super) const fn set_incoming(&mut self, window: u32) -> bool {
        self.most = window;
        let is_more = window > self.incoming_window;
        if is_more {
            self.incoming_window = window;
        }
        is_more
    }

    pub(super) fn flow(&self) -> Flow {
        Flow {
            next_incoming_id: self.next_incoming_id,
            incoming_window: self.incoming_window,
            next_outgoing_id: self.next_outgoing_id,
            outgoing_window: self.outgoing_window,
            ..Flow::default()
        }
    }
}
