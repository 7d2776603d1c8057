//! How connections begin and end, and what keeps them alive.

use super::{ASK, Amqp10Client, CONNECT, DUE, Line, PATIENCE, REOPEN};
use crate::amqp::client::RECONNECT;
use crate::amqp::v10::connection::{Connection, ConnectionEvent, ConnectionState};
use crate::amqp::v10::link::LinkEnd;
use crate::amqp::v10::wire::{Decoder, Error, Fault, SaslCode};
use crate::app::Host;
use crate::messaging::outbox::Outbox;
use crate::observe::Outcome;
use std::collections::BTreeMap;
use std::sync::Arc;

impl Amqp10Client {
    pub(super) fn connect(&mut self, host: &mut dyn Host) {
        if self.is_stopped || self.line.is_some() {
            return;
        }
        self.attempts = self.attempts.saturating_add(1);
        let common = Arc::clone(&self.common);
        let Ok(stream) = host.stream_connect(self.server, &common.options) else {
            self.counts.refused_calls += 1;
            return self.connect_later(host);
        };
        self.counts.connections += 1;
        self.line = Some(Box::new(Line {
            stream,
            decoder: Decoder::new(common.connection.max_frame_size),
            connection: Connection::client(common.connection.clone(), host.now()),
            out: Outbox::default(),
            sessions: Vec::new(),
            links: BTreeMap::new(),
            ended: Vec::new(),
            pushed: 0,
            written: 0,
            is_open: false,
            is_closed: false,
            is_finished: false,
            alarm: None,
        }));
        host.set_timer(PATIENCE, host.now().saturating_add(common.config.connect_timeout), "open");
    }

    /// Does what is to be done about all that has happened.
    pub(super) fn act(&mut self, host: &mut dyn Host) {
        while let Some(event) = self.line.as_mut().and_then(|line| line.connection.event()) {
            match event {
                ConnectionEvent::Opened(_) => self.on_opened(host),
                ConnectionEvent::Session(channel) => self.on_session(channel, host),
                ConnectionEvent::Closed(error) => self.on_closed(error.as_ref(), host),
                ConnectionEvent::Authenticated(code) => {
                    self.counts.refused_logins += u64::from(code != SaslCode::Ok);
                }
                // Neither of its mechanisms has one.
                ConnectionEvent::Challenge(_) => {
                    if let Some(line) = &mut self.line {
                        let fault = Fault::not_allowed("§5.3.3.3", "the mechanism has no challenges");
                        line.connection.on_fault(fault);
                    }
                }
                // A session that the broker begins has no links: all that it attaches there are refused.
                ConnectionEvent::Begun(_) => {}
                // A server's alone.
                ConnectionEvent::Authenticate(_) | ConnectionEvent::Response(_) => {}
            }
        }
    }

    fn on_opened(&mut self, host: &mut dyn Host) {
        self.counts.opened_connections += 1;
        self.attempts = 0;
        host.cancel_timer(PATIENCE);
        let Some(line) = &mut self.line else { return };
        line.is_open = true;
        let theirs = line.connection.remote().map_or(0, |open| open.channel_max.unwrap_or(u16::MAX));
        let sessions = usize::from(theirs.min(self.common.config.channel_max)) + 1;
        line.sessions = vec![None; sessions.min(self.lanes.len())];
        for index in 0..self.lanes.len() {
            self.attach(index, host);
        }
    }

    /// It is over: by the broker, or as something was wrong.
    fn on_closed(&mut self, error: Option<&Error>, host: &mut dyn Host) {
        let Some(line) = self.line.as_mut().filter(|line| !line.is_closed) else { return };
        line.is_closed = true;
        self.counts.error(error);
        match (line.is_open, line.connection.state()) {
            (false, _) => self.counts.refused_connections += 1,
            (true, ConnectionState::End | ConnectionState::CloseRcvd) if self.is_stopped => {}
            (true, ConnectionState::End | ConnectionState::CloseRcvd) => self.counts.closed_by_broker += 1,
            (true, _) => self.counts.protocol_errors += 1,
        }
        host.set_timer(PATIENCE, host.now().saturating_add(self.common.config.connect_timeout), "close");
    }

    /// Closes the stream, if all is written that is to be.
    pub(super) fn finish(&mut self, host: &mut dyn Host) {
        let Some(line) = &self.line else { return };
        if line.is_closed && line.out.len() == 0 {
            self.counts.refused_calls += u64::from(host.stream_close(line.stream).is_err());
            self.lost(Outcome::Reset, host);
        }
    }

    /// Sets the timer of what is due next, if that is earlier than it is set already.
    pub(super) fn watch(&mut self, host: &mut dyn Host) {
        let Some(line) = self.line.as_mut().filter(|line| line.is_open && !line.is_closed) else { return };
        let Some((at, why)) = line.connection.deadline() else { return };
        if line.alarm.is_none_or(|alarm| at < alarm) {
            line.alarm = Some(at);
            host.set_timer(DUE, at, why);
        }
    }

    /// An empty frame is due, or the broker was silent for too long (§2.4.5).
    pub(super) fn on_due(&mut self, host: &mut dyn Host) {
        let Some(line) = &mut self.line else { return };
        line.alarm = None;
        let was_over = line.connection.is_over();
        line.connection.on_time(host.now());
        if was_over || !line.connection.is_over() {
            return;
        }
        self.counts.idle_timeouts += 1;
        // It says why, to whoever may hear it.
        line.is_closed = true;
        while let Some(item) = self.line.as_mut().and_then(|line| line.connection.next(host.now())) {
            self.push(&item, host);
        }
        match self.flush(host) {
            true => self.finish(host),
            false => self.give_up(host),
        }
    }

    /// Nothing has come for too long.
    pub(super) fn give_up(&mut self, host: &mut dyn Host) {
        if let Some(line) = &self.line {
            // It may be gone already.
            let _ = host.stream_abort(line.stream);
        }
        self.lost(Outcome::TimedOut, host);
    }

    /// What is left of all links on the connection goes back to them. Messages that were being written and were settled when they were sent.
    pub(super) fn gather(&mut self) -> Vec<u64> {
        if let Some(line) = self.line.take() {
            self.put_back(line.connection.into_ends());
        }
        self.lanes.iter_mut().flat_map(|lane| lane.written(u64::MAX)).collect()
    }

    /// What is left of links that are on no session any more: which they are.
    pub(super) fn put_back(&mut self, ends: Vec<LinkEnd>) -> Vec<usize> {
        let common = Arc::clone(&self.common);
        let mut all = Vec::new();
        for end in ends {
            let is_sender = matches!(end, LinkEnd::Sender(_));
            let is_it = |(index, lane): (usize, &super::Lane)| common.sends(index) == is_sender && lane.at.is_some();
            let named = self.lanes.iter().enumerate().filter(|(index, lane)| is_it((*index, lane)));
            let found = named.map(|(index, _)| index).find(|index| common.terms[*index].name == end.terms().name);
            if let Some(index) = found {
                self.lanes[index].detach(Some(end));
                all.push(index);
            }
        }
        all
    }

    /// There is no connection any more.
    pub(super) fn lost(&mut self, outcome: Outcome, host: &mut dyn Host) {
        let Some(line) = &self.line else { return };
        self.counts.lost_connections += u64::from(!line.is_closed && !self.is_stopped);
        let cut = self.gather();
        for timer in [PATIENCE, DUE] {
            host.cancel_timer(timer);
        }
        for index in 0..self.lanes.len() {
            host.cancel_timer(REOPEN + index as u64);
            host.cancel_timer(ASK + index as u64);
            self.queue_gone(index, host);
        }
        for id in cut {
            self.messages.end(id, outcome, host);
        }
        if !self.is_stopped {
            self.connect_later(host);
        }
    }

    /// Waits: twice as long each time, with luck.
    fn connect_later(&mut self, host: &mut dyn Host) {
        let Some(wait) = self.common.config.reconnect.wait(self.attempts.max(1), RECONNECT, host) else { return };
        host.set_timer(CONNECT, host.now().saturating_add(wait), "reconnect");
    }

    pub(super) fn stop(&mut self, host: &mut dyn Host) {
        self.is_stopped = true;
        host.cancel_timer(CONNECT);
        if let Some(line) = self.line.as_mut().filter(|line| !line.is_closed) {
            line.is_closed = !line.is_open;
            if line.is_open {
                line.connection.close(None);
                host.set_timer(PATIENCE, host.now().saturating_add(self.common.config.connect_timeout), "close");
            }
        }
        self.messages.stop(Outcome::Reset, host);
    }
}
