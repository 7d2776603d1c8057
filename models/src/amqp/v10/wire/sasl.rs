//! Frames of SASL (§5.3.3).

use super::Fault;
use super::field::{Composite, Field, composite, read_known_code};
use super::read::Reader;
use super::value::Symbol;
use super::write::Out;
use bytes::Bytes;
use std::sync::Arc;

composite! {
    /// §5.3.3.1.
    #[derive(Clone, PartialEq, Eq, Debug)]
    Mechanisms = 0x40 {
        /// What the server offers.
        mechanisms: Vec<Symbol>,
    }
}

composite! {
    /// §5.3.3.2.
    #[derive(Clone, PartialEq, Eq, Debug)]
    pub SaslInit = 0x41 {
        /// Which of them the client takes.
        mechanism: Symbol,
        /// What it says first.
        initial_response: Option<Bytes>,
        /// Whom it is for.
        hostname: Option<Arc<str>>,
    }
}

composite! {
    /// §5.3.3.3.
    #[derive(Clone, PartialEq, Eq, Debug)]
    Challenge = 0x42 {
        challenge: Bytes,
    }
}

composite! {
    /// §5.3.3.4.
    #[derive(Clone, PartialEq, Eq, Debug)]
    Response = 0x43 {
        response: Bytes,
    }
}

composite! {
    /// §5.3.3.5.
    #[derive(Clone, PartialEq, Eq, Debug)]
    pub Outcome = 0x44 {
        /// How it ended.
        code: SaslCode,
        /// What the mechanism says of it.
        additional_data: Option<Bytes>,
    }
}

/// How an authentication has ended (§5.3.3.6).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum SaslCode {
    /// Well.
    Ok,
    /// The credentials are not right.
    Auth,
    /// The server fails.
    Sys,
    /// And will go on failing.
    SysPerm,
    /// And may work later.
    SysTemp,
}

impl Field for SaslCode {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        Ok(match u8::read(reader)? {
            0 => Self::Ok,
            1 => Self::Auth,
            2 => Self::Sys,
            3 => Self::SysPerm,
            4 => Self::SysTemp,
            _ => return Err(Fault::decode("§5.3.3.6", "a code of SASL is none of five")),
        })
    }

    fn put(&self, out: &mut Out) {
        (*self as u8).put(out);
    }
}

/// What a frame of SASL says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Sasl {
    /// What the server offers; at least one.
    Mechanisms(Vec<Symbol>),
    /// What the client takes.
    Init(SaslInit),
    /// The server asks.
    Challenge(Bytes),
    /// The client answers.
    Response(Bytes),
    /// How it ended.
    Outcome(Outcome),
}

impl Sasl {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        Ok(match read_known_code(reader)? {
            Mechanisms::CODE => {
                let Mechanisms { mechanisms } = Mechanisms::read_list(reader)?;
                if mechanisms.is_empty() {
                    return Err(Fault::decode("§5.3.3.1", "a server offers no mechanism"));
                }
                Self::Mechanisms(mechanisms)
            }
            SaslInit::CODE => Self::Init(SaslInit::read_list(reader)?),
            Challenge::CODE => Self::Challenge(Challenge::read_list(reader)?.challenge),
            Response::CODE => Self::Response(Response::read_list(reader)?.response),
            Outcome::CODE => Self::Outcome(Outcome::read_list(reader)?),
            _ => return Err(Fault::decode("§5.3.3", "a frame of SASL has none of its performatives")),
        })
    }

    pub(super) fn put(&self, out: &mut Out) {
        match self {
            Self::Mechanisms(mechanisms) => Mechanisms { mechanisms: mechanisms.clone() }.put_described(out),
            Self::Init(init) => init.put_described(out),
            Self::Challenge(challenge) => Challenge { challenge: challenge.clone() }.put_described(out),
            Self::Response(response) => Response { response: response.clone() }.put_described(out),
            Self::Outcome(outcome) => outcome.put_described(out),
        }
    }
}

/// Messages of the mechanism PLAIN (RFC 4616).
pub mod plain {
    use bytes::Bytes;

    /// The one of a client that acts for itself.
    pub fn encode(user: &str, password: &str) -> Bytes {
        format!("\0{user}\0{password}").into_bytes().into()
    }

    /// For whom it acts (empty: itself), user and password (RFC 4616 §2); `None` if it is none.
    pub fn decode(message: &[u8]) -> Option<(&str, &str, &str)> {
        let mut parts = str::from_utf8(message).ok()?.split('\0');
        let (Some(other), Some(user), Some(password), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return None;
        };
        (!user.is_empty() && !password.is_empty()).then_some((other, user, password))
    }
}
