//! The server's side: requests given to the application, and its answers (RFC 7252 §5.2, §5.4.1).

use super::requests::Queued;
use super::{
    Code, Cx, Endpoint, Message, MessageId, Misuse, Notice, Reason, RequestHandle, Role, STATE_BYTES, Timer, Token,
    Type,
};
use bytes::Bytes;
use std::net::SocketAddr;

/// A request that the application has.
#[derive(Clone, Debug)]
pub(super) struct Serving {
    peer: SocketAddr,
    message_id: MessageId,
    token: Token,
    acknowledgement: Acknowledgement,
}

/// What the message layer owes the client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Acknowledgement {
    /// Nothing: the request was non-confirmable.
    NotWanted,
    /// An ACK; the response can ride on it.
    Owed,
    /// The empty ACK has been sent: the response comes separately.
    Sent,
}

impl Endpoint {
    /// A request that has not come before; STATE_BYTES are reserved for serving it.
    pub(super) fn on_request(&mut self, peer: SocketAddr, message: Message, to_group: bool, cx: &mut Cx<'_>) {
        let confirmable = message.message_type == Type::Confirmable;
        if let Some(option) = self.refused_in_request(&message.options) {
            cx.release(STATE_BYTES);
            // RFC 7252 §5.4.1: 4.02 to a confirmable request; a non-confirmable one is rejected. So does a proxy (§5.4.2).
            if !confirmable {
                return self.reject(peer, &message, Reason::CriticalOption(option), cx);
            }
            let diagnostic = Bytes::from(format!(
                "{} {option} not recognised",
                if option.is_critical() { "critical" } else { "unsafe" }
            ));
            let reply = Message {
                code: Code::BAD_OPTION,
                token: message.token,
                payload: diagnostic.into(),
                ..Message::empty(Type::Acknowledgement, message.message_id)
            };
            return self.reply(peer, reply, cx);
        }
        let request = RequestHandle(self.delivered);
        self.delivered += 1;
        let acknowledgement = if confirmable { Acknowledgement::Owed } else { Acknowledgement::NotWanted };
        let (message_id, token) = (message.message_id, message.token);
        self.serving.insert(request, Serving { peer, message_id, token, acknowledgement });
        if confirmable {
            self.timers.set(Timer::PiggybackLimit(request), cx.now().saturating_add(self.config.piggyback_limit));
        }
        cx.notify(Notice::RequestReceived { request, peer, message, to_group });
    }

    /// The application takes longer than the piggyback limit: the client learns that its request
    /// came, and stops retransmitting (RFC 7252 §5.2.2).
    pub(super) fn on_piggyback_limit(&mut self, request: RequestHandle, cx: &mut Cx<'_>) {
        if let Some(serving) = self.serving.get_mut(&request) {
            serving.acknowledgement = Acknowledgement::Sent;
            let (peer, id) = (serving.peer, serving.message_id);
            self.reply(peer, Message::empty(Type::Acknowledgement, id), cx);
        }
    }

    /// [`super::Command::Respond`]; `response` has code, options and payload.
    pub(super) fn respond(
        &mut self,
        request: RequestHandle,
        mut response: Message,
        cx: &mut Cx<'_>,
    ) -> Result<(), Misuse> {
        let serving = self.serving.get(&request).ok_or(Misuse::UnknownRequest(request))?;
        let (peer, message_id) = (serving.peer, serving.message_id);
        // RFC 7252 §5.3.1: echoed as it is, of whatever length.
        response.token = serving.token;
        response.message_type = match serving.acknowledgement {
            Acknowledgement::Owed => Type::Acknowledgement,
            Acknowledgement::Sent => Type::Confirmable,
            // RFC 7252 §5.2.3: a NON request SHOULD get a NON response.
            Acknowledgement::NotWanted => Type::NonConfirmable,
        };
        if response.message_type == Type::Acknowledgement {
            response.message_id = message_id;
            self.forget_request(request, cx);
            self.reply(peer, response, cx);
        } else {
            let bytes = STATE_BYTES + response.wire_len();
            cx.reserve(bytes)?;
            self.forget_request(request, cx);
            self.enqueue(peer, Queued { role: Role::Response(request, bytes), message: response }, cx);
        }
        Ok(())
    }

    /// [`super::Command::Abandon`].
    pub(super) fn abandon(&mut self, request: RequestHandle, cx: &mut Cx<'_>) -> Result<(), Misuse> {
        let serving = self.serving.get(&request).ok_or(Misuse::UnknownRequest(request))?;
        let (peer, id, owed) = (serving.peer, serving.message_id, serving.acknowledgement == Acknowledgement::Owed);
        self.forget_request(request, cx);
        if owed {
            self.reply(peer, Message::empty(Type::Acknowledgement, id), cx);
        }
        Ok(())
    }

    fn forget_request(&mut self, request: RequestHandle, cx: &mut Cx<'_>) {
        self.serving.remove(&request);
        self.timers.cancel(Timer::PiggybackLimit(request));
        cx.release(STATE_BYTES);
    }
}
