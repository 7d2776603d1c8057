//! Method and response codes (RFC 7252 §12.1, RFC 8132, RFC 7959, RFC 8768).

use std::fmt;

/// A code: 3 bits of class, 5 bits of detail, written `c.dd` (RFC 7252 §3). Codes without a name
/// here are kept as they are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub u8);

/// What a class of codes is for (RFC 7252 §12.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CodeClass {
    /// 0.00: neither request nor response.
    Empty,
    /// 0.01 to 0.31.
    Request,
    /// 2.00 to 5.31.
    Response,
    /// Classes 1, 6 and 7: not for use over UDP.
    Reserved,
}

impl Code {
    /// The code `class.detail`; only the low 3 and 5 bits count.
    pub const fn new(class: u8, detail: u8) -> Self {
        Self((class & 7) << 5 | (detail & 31))
    }

    /// The digit before the point.
    pub const fn class(self) -> u8 {
        self.0 >> 5
    }

    /// The two digits after the point.
    pub const fn detail(self) -> u8 {
        self.0 & 31
    }

    /// What it is for.
    pub const fn use_of(self) -> CodeClass {
        match (self.class(), self.detail()) {
            (0, 0) => CodeClass::Empty,
            (0, _) => CodeClass::Request,
            (2..=5, _) => CodeClass::Response,
            _ => CodeClass::Reserved,
        }
    }

    /// True for the codes of an unsuccessful response, 4.xx and 5.xx (RFC 7252 §5.9.2, §5.9.3).
    pub const fn is_error(self) -> bool {
        matches!(self.class(), 4 | 5)
    }

    /// The name as registered, or `None`.
    pub fn name(self) -> Option<&'static str> {
        NAMES.iter().find(|(code, _)| *code == self).map(|(_, name)| *name)
    }
}

macro_rules! codes {
    ($($constant:ident = $class:literal . $detail:literal, $name:literal;)*) => {
        impl Code {
            $(
                #[doc = concat!(stringify!($class), ".", stringify!($detail), " ", $name, ".")]
                pub const $constant: Self = Self::new($class, $detail);
            )*
        }
        const NAMES: &[(Code, &str)] = &[$((Code::$constant, $name),)*];
    };
}

codes! {
    EMPTY = 0 . 0, "Empty";
    GET = 0 . 1, "GET";
    POST = 0 . 2, "POST";
    PUT = 0 . 3, "PUT";
    DELETE = 0 . 4, "DELETE";
    FETCH = 0 . 5, "FETCH";
    PATCH = 0 . 6, "PATCH";
    IPATCH = 0 . 7, "iPATCH";
    CREATED = 2 . 1, "Created";
    DELETED = 2 . 2, "Deleted";
    VALID = 2 . 3, "Valid";
    CHANGED = 2 . 4, "Changed";
    CONTENT = 2 . 5, "Content";
    CONTINUE = 2 . 31, "Continue";
    BAD_REQUEST = 4 . 0, "Bad Request";
    UNAUTHORIZED = 4 . 1, "Unauthorized";
    BAD_OPTION = 4 . 2, "Bad Option";
    FORBIDDEN = 4 . 3, "Forbidden";
    NOT_FOUND = 4 . 4, "Not Found";
    METHOD_NOT_ALLOWED = 4 . 5, "Method Not Allowed";
    NOT_ACCEPTABLE = 4 . 6, "Not Acceptable";
    REQUEST_ENTITY_INCOMPLETE = 4 . 8, "Request Entity Incomplete";
    CONFLICT = 4 . 9, "Conflict";
    PRECONDITION_FAILED = 4 . 12, "Precondition Failed";
    REQUEST_ENTITY_TOO_LARGE = 4 . 13, "Request Entity Too Large";
    UNSUPPORTED_CONTENT_FORMAT = 4 . 15, "Unsupported Content-Format";
    UNPROCESSABLE_ENTITY = 4 . 22, "Unprocessable Entity";
    TOO_MANY_REQUESTS = 4 . 29, "Too Many Requests";
    INTERNAL_SERVER_ERROR = 5 . 0, "Internal Server Error";
    NOT_IMPLEMENTED = 5 . 1, "Not Implemented";
    BAD_GATEWAY = 5 . 2, "Bad Gateway";
    SERVICE_UNAVAILABLE = 5 . 3, "Service Unavailable";
    GATEWAY_TIMEOUT = 5 . 4, "Gateway Timeout";
    PROXYING_NOT_SUPPORTED = 5 . 5, "Proxying Not Supported";
    HOP_LIMIT_REACHED = 5 . 8, "Hop Limit Reached";
}

/// `2.05 Content`; the bare number where there is no name.
impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.class(), self.detail())?;
        self.name().map_or(Ok(()), |name| write!(f, " {name}"))
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Code({self})")
    }
}
