//! Request and status lines with their fields (RFC 9112 §2 to §5).

use super::fields::{Fields, is_token};
use super::{Fault, Limits};

/// The version of HTTP in a message (RFC 9112 §2.3). Later minor versions than 1.1 count as 1.1 (RFC 9110 §2.5).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Version {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    Http11,
}

/// What is to be done with the target (RFC 9110 §9, RFC 5789).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Method {
    /// GET.
    Get,
    /// HEAD.
    Head,
    /// POST.
    Post,
    /// PUT.
    Put,
    /// DELETE.
    Delete,
    /// CONNECT.
    Connect,
    /// OPTIONS.
    Options,
    /// TRACE.
    Trace,
    /// PATCH.
    Patch,
    /// Another one.
    Other(String),
}

/// The head of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RequestHead {
    /// Its method.
    pub method: Method,
    /// Its target, in one of the four forms (RFC 9112 §3.2).
    pub target: String,
    /// Its version.
    pub version: Version,
    /// Its fields.
    pub fields: Fields,
}

/// The head of a response.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ResponseHead {
    /// Its version.
    pub version: Version,
    /// Its status code, 100 to 999.
    pub status: u16,
    /// The reason phrase, which says nothing to a client (RFC 9112 §4).
    pub reason: Vec<u8>,
    /// Its fields.
    pub fields: Fields,
}

impl Version {
    /// As written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
        }
    }

    /// What is wrong with what does not begin with one.
    pub(super) const NONE: Fault = Fault::bad("no version of HTTP");

    fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        match bytes {
            b"HTTP/1.0" => Ok(Self::Http10),
            [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'1'..=b'9'] => Ok(Self::Http11),
            [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => {
                Err(Fault::new(505, "another major version of HTTP"))
            }
            _ => Err(Self::NONE),
        }
    }
}

impl Method {
    /// As written.
    pub fn name(&self) -> &str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
            Self::Options => "OPTIONS",
            Self::Trace => "TRACE",
            Self::Patch => "PATCH",
            Self::Other(name) => name,
        }
    }

    /// True if doing it twice is as good as doing it once (RFC 9110 §9.2.2).
    pub const fn is_idempotent(&self) -> bool {
        !matches!(self, Self::Post | Self::Patch | Self::Connect | Self::Other(_))
    }

    fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let name = std::str::from_utf8(bytes).ok().filter(|_| is_token(bytes));
        let name = name.ok_or(Fault::bad("a method that is no token"))?;
        let known = [
            Self::Get,
            Self::Head,
            Self::Post,
            Self::Put,
            Self::Delete,
            Self::Connect,
            Self::Options,
            Self::Trace,
            Self::Patch,
        ];
        Ok(known.into_iter().find(|method| method.name() == name).unwrap_or_else(|| Self::Other(name.to_owned())))
    }
}

/// Whether the connection goes on after a message (RFC 9112 §9.3).
fn keeps_alive(version: Version, fields: &Fields) -> bool {
    match version {
        _ if fields.has("connection", "close") => false,
        Version::Http11 => true,
        Version::Http10 => fields.has("connection", "keep-alive"),
    }
}

impl RequestHead {
    /// Reads a request line, without its end.
    pub(super) fn of_line(line: &[u8]) -> Result<Self, Fault> {
        let mut parts = line.split(|byte| *byte == b' ');
        let (method, target, version) = match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(method), Some(target), Some(version), None) => (method, target, version),
            _ => return Err(Fault::bad("no request line")),
        };
        let (method, version) = (Method::parse(method)?, Version::parse(version)?);
        let is_printable = !target.is_empty() && target.iter().all(u8::is_ascii_graphic);
        let target = std::str::from_utf8(target).ok().filter(|_| is_printable);
        let target = target.ok_or(Fault::bad("a target with characters that are none of a URI"))?;
        let fits = match &method {
            Method::Connect => !target.contains('/') && target.contains(':'),
            Method::Options if target == "*" => true,
            _ => target.starts_with('/') || is_absolute(target),
        };
        if !fits {
            return Err(Fault::bad("a target in no form of the method's"));
        }
        Ok(Self { method, target: target.to_owned(), version, fields: Fields::new() })
    }

    /// Exactly one Host, with a host's characters (RFC 9112 §3.2); HTTP/1.0 has none, or one.
    pub(super) fn check_host(&self) -> Result<(), Fault> {
        let mut hosts = self.fields.all("host");
        match (hosts.next(), hosts.next()) {
            (None, _) if self.version == Version::Http11 => Err(Fault::bad("no Host")),
            (_, Some(_)) => Err(Fault::bad("two Hosts")),
            (Some(host), None) if !host.iter().all(|byte| is_host_byte(*byte)) => {
                Err(Fault::bad("a Host that is none"))
            }
            _ => Ok(()),
        }
    }

    /// The path and the query, of whatever form the target is.
    pub fn path_and_query(&self) -> &str {
        match self.target.find("://") {
            Some(scheme) if is_absolute(&self.target) => {
                let rest = &self.target[scheme + 3..];
                rest.find(['/', '?']).map_or("/", |path| &rest[path..])
            }
            _ => &self.target,
        }
    }

    /// The path alone.
    pub fn path(&self) -> &str {
        let all = self.path_and_query();
        all.split_once('?').map_or(all, |(path, _)| path)
    }

    /// Whether the client means the connection to go on (RFC 9112 §9.3).
    pub fn keeps_alive(&self) -> bool {
        keeps_alive(self.version, &self.fields)
    }

    /// How many bytes [`encode`](Self::encode) gives.
    pub fn wire_len(&self) -> u64 {
        // Two spaces, the version and two line ends.
        (self.method.name().len() + self.target.len() + 2 + 8 + 4) as u64 + self.fields.wire_len()
    }

    /// Its bytes, the empty line included.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        for part in [self.method.name(), " ", &self.target, " ", self.version.name(), "\r\n"] {
            out.extend_from_slice(part.as_bytes());
        }
        self.fields.write_to(&mut out);
        out.extend_from_slice(b"\r\n");
        out
    }
}

impl ResponseHead {
    /// A response of HTTP/1.1 with the usual reason.
    pub fn new(status: u16) -> Self {
        Self { version: Version::Http11, status, reason: reason(status).into(), fields: Fields::new() }
    }

    /// Reads a status line, without its end. The space before an empty reason may be missing: RFC 9112 §4 wants it, and not all
    /// servers send it.
    pub(super) fn of_line(line: &[u8]) -> Result<Self, Fault> {
        let version = Version::parse(line.get(..8).unwrap_or_default())?;
        let (status, reason) = match line.get(8..).unwrap_or_default() {
            [b' ', a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', rest @ ..] => {
                let digits = [*a, *b, *c].map(|digit| u16::from(digit - b'0'));
                (digits[0] * 100 + digits[1] * 10 + digits[2], rest)
            }
            _ => return Err(Fault::bad("no status code")),
        };
        let reason = match reason {
            [] => reason,
            [b' ', reason @ ..] => reason,
            _ => return Err(Fault::bad("no status code")),
        };
        Ok(Self { version, status, reason: reason.to_vec(), fields: Fields::new() })
    }

    /// True for 1xx: a final response follows (RFC 9110 §15.2).
    pub const fn is_interim(&self) -> bool {
        self.status < 200
    }

    /// Whether the server means the connection to go on (RFC 9112 §9.3).
    pub fn keeps_alive(&self) -> bool {
        keeps_alive(self.version, &self.fields)
    }

    /// How many bytes [`encode`](Self::encode) gives.
    pub fn wire_len(&self) -> u64 {
        // The version, a space, the code, a space and two line ends.
        (8 + 1 + 3 + 1 + self.reason.len() + 4) as u64 + self.fields.wire_len()
    }

    /// Its bytes, the empty line included.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        out.extend_from_slice(self.version.name().as_bytes());
        out.extend_from_slice(format!(" {:03} ", self.status).as_bytes());
        out.extend_from_slice(&self.reason);
        out.extend_from_slice(b"\r\n");
        self.fields.write_to(&mut out);
        out.extend_from_slice(b"\r\n");
        out
    }
}

/// Whether a target names a scheme and a host (RFC 9112 §3.2.2).
fn is_absolute(target: &str) -> bool {
    target.split_once("://").is_some_and(|(scheme, rest)| {
        !rest.is_empty() && !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

/// Whether a host and its port may have such a byte (RFC 3986 §3.2.2).
const fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'%' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+')
        || matches!(byte, b',' | b';' | b'=' | b':' | b'[' | b']')
}

/// The usual reason phrase of a status code (RFC 9110 §15, RFC 6585).
pub const fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        200 => "OK",
        204 => "No Content",
        206 => "Partial Content",
        304 => "Not Modified",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        417 => "Expectation Failed",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}

impl Limits {
    /// What is wrong with a line of the head that is this long: the first one, or a field.
    pub(super) const fn too_long(is_first: bool) -> Fault {
        match is_first {
            // RFC 9112 §3.
            true => Fault::new(414, "a request line that is too long"),
            // RFC 6585 §5.
            false => Fault::new(431, "a field that is too long"),
        }
    }
}
