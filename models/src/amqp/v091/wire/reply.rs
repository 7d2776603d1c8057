//! Reply codes, and faults that carry them.

use super::id::MethodId;
use super::method::{Method, channel, connection};
use super::text::ShortStr;
use std::fmt;

/// What an error ends (§1.2 of the reply codes: hard and soft errors).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Scope {
    /// A soft error: the channel is closed.
    Channel,
    /// A hard error: the connection is closed.
    Connection,
}

/// Makes the enumeration from its table.
macro_rules! reply_codes {
    ($($(#[$doc:meta])+ $name:ident = $code:literal $text:literal $scope:ident;)+) => {
        /// Why a channel or connection is closed, or a message returned.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum ReplyCode {
            $($(#[$doc])+ $name,)+
        }

        impl ReplyCode {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// Its number.
            pub const fn code(self) -> u16 {
                match self {
                    $(Self::$name => $code,)+
                }
            }

            /// The one with this number.
            pub const fn from_code(code: u16) -> Option<Self> {
                Some(match code {
                    $($code => Self::$name,)+
                    _ => return None,
                })
            }

            /// Its name, as reply texts begin with it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }

            /// What it ends.
            pub const fn scope(self) -> Scope {
                match self {
                    $(Self::$name => Scope::$scope,)+
                }
            }
        }
    };
}

reply_codes! {
    /// 311: a message is larger than this end can take now.
    ContentTooLarge = 311 "CONTENT_TOO_LARGE" Channel;
    /// 312: a mandatory message is for no queue.
    NoRoute = 312 "NO_ROUTE" Channel;
    /// 313: an immediate message is for no consumer.
    NoConsumers = 313 "NO_CONSUMERS" Channel;
    /// 320: an operator ends the connection.
    ConnectionForced = 320 "CONNECTION_FORCED" Connection;
    /// 402: there is no such virtual host.
    InvalidPath = 402 "INVALID_PATH" Connection;
    /// 403: this is not for this client.
    AccessRefused = 403 "ACCESS_REFUSED" Channel;
    /// 404: there is no such exchange or queue.
    NotFound = 404 "NOT_FOUND" Channel;
    /// 405: another connection has it.
    ResourceLocked = 405 "RESOURCE_LOCKED" Channel;
    /// 406: something is not as the method needs it.
    PreconditionFailed = 406 "PRECONDITION_FAILED" Channel;
    /// 501: a frame cannot be read.
    FrameError = 501 "FRAME_ERROR" Connection;
    /// 502: a field has a value that it may not have.
    SyntaxError = 502 "SYNTAX_ERROR" Connection;
    /// 503: a method that is not valid, or not now.
    CommandInvalid = 503 "COMMAND_INVALID" Connection;
    /// 504: a channel that is not open, or is so already.
    ChannelError = 504 "CHANNEL_ERROR" Connection;
    /// 505: a frame that does not follow on what came before.
    UnexpectedFrame = 505 "UNEXPECTED_FRAME" Connection;
    /// 506: this end has not enough of something.
    ResourceError = 506 "RESOURCE_ERROR" Connection;
    /// 530: this is allowed to nobody.
    NotAllowed = 530 "NOT_ALLOWED" Connection;
    /// 540: this end does not have it.
    NotImplemented = 540 "NOT_IMPLEMENTED" Connection;
    /// 541: this end has failed.
    InternalError = 541 "INTERNAL_ERROR" Connection;
}

/// `501 FRAME_ERROR`.
impl fmt::Display for ReplyCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code(), self.name())
    }
}

/// Why something cannot be read, sent or done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{why} ({rule}; {code})")]
pub struct Fault {
    /// What `connection.close` or `channel.close` says of it.
    pub code: ReplyCode,
    /// The section of the standard, or the extension, that is broken.
    pub rule: &'static str,
    /// In words.
    pub why: &'static str,
    /// The method in which it was found; zeros where it was found in none.
    pub method: MethodId,
}

impl Fault {
    /// One that was found in no method.
    pub const fn new(code: ReplyCode, rule: &'static str, why: &'static str) -> Self {
        Self { code, rule, why, method: MethodId::NONE }
    }

    /// 501.
    pub(crate) const fn frame(rule: &'static str, why: &'static str) -> Self {
        Self::new(ReplyCode::FrameError, rule, why)
    }

    /// 502.
    pub(crate) const fn syntax(rule: &'static str, why: &'static str) -> Self {
        Self::new(ReplyCode::SyntaxError, rule, why)
    }

    /// 505.
    pub(crate) const fn unexpected(rule: &'static str, why: &'static str) -> Self {
        Self::new(ReplyCode::UnexpectedFrame, rule, why)
    }

    /// Found in this method.
    #[must_use]
    pub const fn in_method(mut self, method: MethodId) -> Self {
        self.method = method;
        self
    }

    /// What it ends.
    pub const fn scope(&self) -> Scope {
        self.code.scope()
    }

    /// Whether it ends the connection.
    pub const fn is_hard(&self) -> bool {
        matches!(self.scope(), Scope::Connection)
    }

    /// The method that tells the peer: `connection.close` or `channel.close`.
    pub fn close(&self) -> Method {
        let reply_text = ShortStr::cut(&format!("{} - {}", self.code.name(), self.why));
        let (reply_code, MethodId { class: class_id, method: method_id }) = (self.code.code(), self.method);
        match self.scope() {
            Scope::Connection => connection::Close { reply_code, reply_text, class_id, method_id }.into(),
            Scope::Channel => channel::Close { reply_code, reply_text, class_id, method_id }.into(),
        }
    }
}
