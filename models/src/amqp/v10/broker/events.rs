//! What has happened on connections and sessions; authentication (§5.3).

use super::At;
use crate::amqp::broker::{AmqpBroker, SESSION, SILENCE};
use crate::amqp::v10::connection::ConnectionEvent;
use crate::amqp::v10::session::SessionEvent;
use crate::amqp::v10::wire::{Condition, Error, Open, SaslCode, SaslInit, plain};
use crate::amqp::v091::wire::ShortStr;
use crate::app::{Host, StreamId};

impl AmqpBroker {
    /// Does what follows from what has happened.
    pub(super) fn on_events(&mut self, stream: StreamId, host: &mut dyn Host) {
        while let Some(event) = self.v10(stream).and_then(|peer| peer.machine.event()) {
            match event {
                ConnectionEvent::Authenticate(init) => self.on_init(stream, &init),
                ConnectionEvent::Opened(open) => self.on_opened(stream, &open, host),
                ConnectionEvent::Begun(channel) => self.on_begun((stream, channel), host),
                ConnectionEvent::Session(channel) => self.on_session_events((stream, channel), host),
                ConnectionEvent::Closed(error) => {
                    let is_open = self.v10(stream).is_some_and(|peer| peer.is_open);
                    self.counts.closed_by_clients += u64::from(is_open && error.is_none());
                    self.counts.refused_connections += u64::from(!is_open);
                }
                // Neither mechanism has challenges; how it ended was said here.
                ConnectionEvent::Authenticated(_) | ConnectionEvent::Response(_) | ConnectionEvent::Challenge(_) => {}
            }
        }
    }

    fn on_init(&mut self, stream: StreamId, init: &SaslInit) {
        let response = init.initial_response.clone().unwrap_or_default();
        let users = &self.config.users;
        let user = match init.mechanism.as_str() {
            // It is offered where anyone may come.
            "ANONYMOUS" => Some(ShortStr::cut("guest")),
            _ => plain::decode(&response)
                .filter(|(_, name, password)| {
                    users.is_empty() || users.iter().any(|user| user.name == *name && user.password == *password)
                })
                .map(|(_, name, _)| ShortStr::cut(name)),
        };
        self.counts.bad_logins += u64::from(user.is_none());
        let Some(peer) = self.v10(stream) else { return };
        match user {
            Some(user) => {
                peer.user = user;
                peer.machine.authenticated(SaslCode::Ok);
            }
            None => peer.machine.authenticated(SaslCode::Auth),
        }
    }

    fn on_opened(&mut self, stream: StreamId, _: &Open, host: &mut dyn Host) {
        let Some(peer) = self.v10(stream).filter(|peer| !peer.machine.is_over()) else { return };
        peer.is_open = true;
        self.counts.opened += 1;
        host.cancel_timer(SILENCE + u64::from(stream.0));
    }

    fn on_begun(&mut self, at: At, host: &mut dyn Host) {
        let is_short = host.reserve(SESSION).is_err();
        self.counts.refused_memory += u64::from(is_short);
        self.counts.sessions += u64::from(!is_short);
        let is_blocked = self.is_blocked;
        let Some(peer) = self.v10(at.0) else { return };
        let Some(session) = peer.machine.session(at.1) else { return };
        session.hold_credit(is_blocked);
        if is_short {
            session.end(Some(Error::new(Condition::ResourceLimitExceeded, "there is no memory for a session")));
        } else {
            peer.sessions.insert(at.1);
        }
    }

    fn on_session_events(&mut self, at: At, host: &mut dyn Host) {
        let next = |broker: &mut Self| broker.v10(at.0)?.machine.session(at.1)?.event();
        while let Some(event) = next(self) {
            match event {
                SessionEvent::Attach { remote, attach } => self.on_attach(at, remote, &attach, host),
                SessionEvent::Message { handle, tag, message_format, payload, settled } => {
                    self.on_message(at, handle, tag, message_format, (&payload, settled), host);
                }
                SessionEvent::Done { handle, token, state } => self.on_done((at, handle), token, state, host),
                SessionEvent::TooLarge { handle, token } => self.on_too_large((at, handle), token, host),
                SessionEvent::Detached { handle, end, closed, .. } => {
                    self.on_detached(at, handle, *end, closed, host);
                }
                SessionEvent::Ended { .. } => {
                    if let Some(peer) = self.v10(at.0) {
                        peer.ended.insert(at.1);
                    }
                }
                // Sessions and links are begun by clients; what a sender has settled had its outcome; nothing is drained here, and what is attached again, is so by the client.
                SessionEvent::Begun
                | SessionEvent::Attached { .. }
                | SessionEvent::Settled { .. }
                | SessionEvent::Drained { .. }
                | SessionEvent::AttachAgain { .. } => {}
            }
        }
    }
}
