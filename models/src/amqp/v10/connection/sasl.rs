//! SASL before AMQP (§5.3).

use super::{Connection, ConnectionEvent, Stage};
use crate::amqp::v10::wire::{Condition, Fault, Frame, Header, Item, Outcome, Sasl, SaslCode, SaslInit, Symbol, plain};
use bytes::Bytes;

/// What a client authenticates with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ClientSasl {
    /// ANONYMOUS (RFC 4505), with an empty trace.
    Anonymous,
    /// PLAIN (RFC 4616).
    Plain {
        /// Who it is.
        user: String,
        /// What proves it.
        password: String,
    },
}

impl ClientSasl {
    /// The name of its mechanism.
    pub const fn mechanism(&self) -> &'static str {
        match self {
            Self::Anonymous => "ANONYMOUS",
            Self::Plain { .. } => "PLAIN",
        }
    }
}

/// How a side does SASL.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SaslConfig {
    /// A client.
    Client(ClientSasl),
    /// A server, with the mechanisms that it offers; its owner judges.
    Server(Vec<Symbol>),
}

/// How far authentication has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Login {
    /// A header is to come.
    Header,
    /// A client waits for mechanisms, a server for an init.
    Start,
    /// A client waits for a challenge or the outcome.
    Sent,
    /// A server's owner judges.
    Judged,
    /// A server waits for a response; a client's owner makes it.
    Challenged,
    /// It is over, or there was none.
    Done,
}

const OUT_OF_TURN: Fault = Fault::not_allowed("§5.3.2", "a frame of SASL comes out of turn");

impl Connection {
    pub(super) fn is_logged_in(&self) -> bool {
        self.login == Login::Done
    }

    pub(super) fn on_sasl_header(&mut self) -> Result<(), Fault> {
        if self.login != Login::Header {
            return Err(Fault::framing("§5.3.1", "a header comes twice"));
        }
        self.login = Login::Start;
        if let Some(SaslConfig::Server(mechanisms)) = &self.config.sasl {
            let offer = Item::Frame(Frame::Sasl(Sasl::Mechanisms(mechanisms.clone())));
            self.control.extend([Item::Header(Header::SASL), offer]);
        }
        Ok(())
    }

    pub(super) fn on_sasl(&mut self, sasl: Sasl) -> Result<(), Fault> {
        match (sasl, self.login, self.is_server) {
            (Sasl::Mechanisms(offered), Login::Start, false) => self.choose(&offered),
            (Sasl::Init(init), Login::Start, true) => {
                self.login = Login::Judged;
                let Some(SaslConfig::Server(offered)) = &self.config.sasl else { return Err(OUT_OF_TURN) };
                if offered.contains(&init.mechanism) {
                    self.events.push_back(ConnectionEvent::Authenticate(init));
                } else {
                    self.authenticated(SaslCode::Auth);
                }
                Ok(())
            }
            (Sasl::Response(response), Login::Challenged, true) => {
                self.login = Login::Judged;
                self.events.push_back(ConnectionEvent::Response(response));
                Ok(())
            }
            (Sasl::Challenge(challenge), Login::Sent, false) => {
                self.login = Login::Challenged;
                self.events.push_back(ConnectionEvent::Challenge(challenge));
                Ok(())
            }
            (Sasl::Outcome(outcome), Login::Sent, false) => {
                self.events.push_back(ConnectionEvent::Authenticated(outcome.code));
                if outcome.code != SaslCode::Ok {
                    self.refused();
                    return Ok(());
                }
                self.login = Login::Done;
                self.say_header();
                if self.config.pipelined {
                    self.say_open();
                }
                Ok(())
            }
            _ => Err(OUT_OF_TURN),
        }
    }

    fn choose(&mut self, offered: &[Symbol]) -> Result<(), Fault> {
        let Some(SaslConfig::Client(client)) = &self.config.sasl else { return Err(OUT_OF_TURN) };
        let Some(mechanism) = offered.iter().find(|offered| offered.as_str() == client.mechanism()) else {
            self.refused();
            return Ok(());
        };
        let response = match client {
            ClientSasl::Anonymous => Bytes::new(),
            ClientSasl::Plain { user, password } => plain::encode(user, password),
        };
        let init = SaslInit {
            mechanism: mechanism.clone(),
            initial_response: Some(response),
            hostname: self.config.hostname.clone(),
        };
        self.login = Login::Sent;
        self.control.push_back(Item::Frame(Frame::Sasl(Sasl::Init(init))));
        Ok(())
    }

    /// There is no way on.
    fn refused(&mut self) {
        self.discarding = true;
        self.over(Some(Fault::new(Condition::UnauthorizedAccess, "§5.3.2", "not authenticated").error()));
    }

    /// A server's verdict; behind one that is not [`SaslCode::Ok`] the stream is to be closed.
    pub fn authenticated(&mut self, code: SaslCode) {
        if self.login != Login::Judged || !self.is_server {
            return;
        }
        self.control.push_back(Item::Frame(Frame::Sasl(Sasl::Outcome(Outcome { code, additional_data: None }))));
        self.events.push_back(ConnectionEvent::Authenticated(code));
        match code {
            SaslCode::Ok => self.login = Login::Done,
            _ => self.refused(),
        }
        debug_assert_eq!(self.sent, Stage::Nothing);
    }

    /// A server asks for more.
    pub fn challenge(&mut self, challenge: Bytes) {
        if self.login == Login::Judged && self.is_server {
            self.login = Login::Challenged;
            self.control.push_back(Item::Frame(Frame::Sasl(Sasl::Challenge(challenge))));
        }
    }

    /// A client answers.
    pub fn respond(&mut self, response: Bytes) {
        if self.login == Login::Challenged && !self.is_server {
            self.login = Login::Sent;
            self.control.push_back(Item::Frame(Frame::Sasl(Sasl::Response(response))));
        }
    }
}
