//! What a server answers to a request that is whole: RFC 9110's methods, conditions and status codes over its resources.

use super::content::{key, size_in};
use super::wire::{ChunkedBody, Method, RequestHead, ResponseHead, Version, http_date, parse_http_date};
use super::{HttpServerConfig, date};
use crate::app::Host;
use crate::rope::Rope;
use crate::traffic::Sizes;
use protosim_core::{Purpose, Span};

/// The draws of cookies.
const COOKIE: Purpose = Purpose("http.cookie");

/// Resources are as old as this when the simulation begins: 30 days.
const AGE_SECS: u64 = 30 * 86_400;

/// A response.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) head: ResponseHead,
    pub(super) content: Content,
    /// False if the connection has to end after it.
    pub(super) keeps_alive: bool,
}

/// What follows the head.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// So many bytes, or none.
    Plain(Rope),
    /// Chunks.
    Chunked(ChunkedBody),
}

/// The state of a resource at some time.
struct Validators {
    /// \[s since 1970\]
    modified: u64,
    etag: String,
}

impl HttpServerConfig {
    /// The answer to a request; `keeps_alive` is what the server would have for its connection.
    pub(super) fn answer(
        &self,
        request: &RequestHead,
        sizes: &Sizes,
        keeps_alive: bool,
        host: &mut dyn Host,
    ) -> Answer {
        let keeps_alive = keeps_alive && request.keeps_alive();
        let status = match &request.method {
            // RFC 9110 §9.1.
            Method::Other(_) => 501,
            Method::Get | Method::Head | Method::Post if self.has(request.path()) => 200,
            Method::Get | Method::Head | Method::Post => 404,
            _ => 405,
        };
        if status != 200 {
            // Conditions are of what would be done without them (RFC 9110 §13.2.1).
            return self.refusal_of(&request.method, status, keeps_alive, host);
        }
        let validators = self.validators.then(|| self.validators_of(&request.target, host));
        match instead(request, validators.as_ref()) {
            None => self.content(request, validators.as_ref(), sizes, keeps_alive, host),
            Some(304) => {
                let mut answer = self.begin(304, keeps_alive, host);
                self.describe(&mut answer, validators.as_ref());
                answer
            }
            Some(status) => self.refusal_of(&request.method, status, keeps_alive, host),
        }
    }

    /// An error with some text, which HEAD does not get.
    fn refusal_of(&self, method: &Method, status: u16, keeps_alive: bool, host: &mut dyn Host) -> Answer {
        let mut answer = self.refusal(status, keeps_alive, host);
        if *method == Method::Head {
            answer.content = Content::Plain(Rope::new());
        }
        answer
    }

    /// 200 with content.
    fn content(
        &self,
        request: &RequestHead,
        validators: Option<&Validators>,
        sizes: &Sizes,
        keeps_alive: bool,
        host: &mut dyn Host,
    ) -> Answer {
        let size = size_in(request.path()).unwrap_or_else(|| sizes.draw(host));
        let is_unbounded = self.chunked.is_some() && request.version == Version::Http10;
        let mut answer = self.begin(200, keeps_alive && !is_unbounded, host);
        let fields = &mut answer.head.fields;
        fields.push("Content-Type", "text/html");
        match self.chunked {
            Some(_) if is_unbounded => {}
            Some(_) => fields.push("Transfer-Encoding", "chunked"),
            None => fields.push("Content-Length", size.to_string()),
        }
        self.describe(&mut answer, validators);
        if let Some(cookie) = self.set_cookie.filter(|_| request.fields.get("cookie").is_none()) {
            let value = cookie_value(cookie.as_bytes(), host);
            answer.head.fields.push("Set-Cookie", format!("s={value}; Path=/; HttpOnly"));
        }
        self.headers.iter().for_each(|(name, value)| answer.head.fields.push(name, value.as_str()));
        if request.method != Method::Head {
            let etag = answer.head.fields.get("etag");
            let body = Rope::fill(key(&request.target, etag), 0, size);
            answer.content = match self.chunked {
                Some(chunk) if !is_unbounded => Content::Chunked(ChunkedBody::new(body, chunk.as_bytes())),
                _ => Content::Plain(body),
            };
        }
        answer
    }

    /// An error with some text, as nginx has it.
    pub(super) fn refusal(&self, status: u16, keeps_alive: bool, host: &mut dyn Host) -> Answer {
        let mut answer = self.begin(status, keeps_alive, host);
        let title = format!("{status} {}", String::from_utf8_lossy(&answer.head.reason));
        let page = format!(
            "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n\
             <hr><center>{}</center>\r\n</body>\r\n</html>\r\n",
            self.server
        );
        answer.head.fields.push("Content-Type", "text/html");
        answer.head.fields.push("Content-Length", page.len().to_string());
        self.describe(&mut answer, None);
        if status == 405 {
            answer.head.fields.push("Allow", "GET, HEAD, POST");
        }
        answer.content = Content::Plain(Rope::from(page.into_bytes()));
        answer
    }

    /// A head with what all have.
    fn begin(&self, status: u16, keeps_alive: bool, host: &mut dyn Host) -> Answer {
        let mut head = ResponseHead::new(status);
        head.fields.push("Server", self.server.as_str());
        head.fields.push("Date", http_date(date(host.now())));
        Answer { head, content: Content::Plain(Rope::new()), keeps_alive }
    }

    /// Fields about the resource and the connection, in nginx's order.
    fn describe(&self, answer: &mut Answer, validators: Option<&Validators>) {
        let fields = &mut answer.head.fields;
        if let Some(validators) = validators {
            fields.push("Last-Modified", http_date(validators.modified));
        }
        fields.push("Connection", if answer.keeps_alive { "keep-alive" } else { "close" });
        if let Some(validators) = validators {
            fields.push("ETag", validators.etag.as_str());
        }
        // An error is not fresh for any time.
        if let Some(max_age) = self.max_age.filter(|_| answer.head.status < 400) {
            fields.push("Cache-Control", format!("max-age={}", max_age.as_nanos() / 1_000_000_000));
        }
    }

    /// What a resource's validators are now.
    fn validators_of(&self, target: &str, host: &dyn Host) -> Validators {
        let begin = super::EPOCH_SECS - AGE_SECS;
        let since = |every: Span| {
            let now = host.now().as_nanos();
            let times = now / every.as_nanos().max(1);
            // At the first change it is as old as the simulation.
            (times > 0).then(|| date(protosim_core::LocalTime::from_nanos(times * every.as_nanos())))
        };
        let modified = self.changes.and_then(since).unwrap_or(begin);
        Validators { modified, etag: format!("\"{modified:x}-{:08x}\"", key(target, None)) }
    }
}

/// The status that a request's conditions make of 200, in the order of RFC 9110 §13.2.2; `None` if they hold. The resource is there, so that `*` fits it.
///
/// - If-Match (§13.1.1), or without it If-Unmodified-Since (§13.1.4), has to hold, else it is 412. Tags are compared strongly: a weak one fits none.
/// - If-None-Match (§13.1.2) may not fit, by a weak comparison, else it is 304 for GET and HEAD, and 412 for whatever else. Without it
///   If-Modified-Since (§13.1.3) counts, for GET and HEAD alone.
///
/// A date that is none is ignored, and so are dates where the resource has none.
fn instead(request: &RequestHead, validators: Option<&Validators>) -> Option<u16> {
    let fields = &request.fields;
    let etag = validators.map(|validators| validators.etag.as_bytes());
    let date = |name| fields.get(name).and_then(parse_http_date);
    let is_newer = |since: u64| validators.is_some_and(|validators| validators.modified > since);
    if fields.get("if-match").is_some() {
        if !fields.list("if-match").any(|tag| tag == b"*" || Some(tag) == etag) {
            return Some(412);
        }
    } else if date("if-unmodified-since").is_some_and(is_newer) {
        return Some(412);
    }
    let is_read = matches!(request.method, Method::Get | Method::Head);
    if fields.get("if-none-match").is_some() {
        let weak = |tag: &[u8]| Some(tag.strip_prefix(b"W/").unwrap_or(tag)) == etag;
        let fits = fields.list("if-none-match").any(|tag| tag == b"*" || weak(tag));
        return fits.then_some(if is_read { 304 } else { 412 });
    }
    let is_same = validators.is_some() && date("if-modified-since").is_some_and(|since| !is_newer(since));
    (is_read && is_same).then_some(304)
}

/// The value of a cookie `s` that is `len` bytes long with its name and `=`.
fn cookie_value(len: u64, host: &mut dyn Host) -> String {
    let mut value = String::new();
    while (value.len() as u64) < len.saturating_sub(2) {
        value.push_str(&format!("{:016x}", host.rng(COOKIE).next_u64()));
    }
    value.truncate(len.saturating_sub(2) as usize);
    value
}
