//! What a user says of HTTP, with units, defaults and their sources.
//!
//! ```ron
//! HttpClient(to: "server", page: (document: "18 kB", levels: [(objects: 10, size: "10 kB")]), count: 1)
//! HttpServer(processing: "20 ms")
//! ```

mod client;
mod page;
mod server;

pub use client::{HttpClientConfig, HttpMethod, HttpVersion, USUAL_CONNECTIONS};
pub use page::{CountDistribution, LevelConfig, PageConfig};
pub use server::HttpServerConfig;

use super::wire::is_token;
use crate::tcp::config::Finding;
use protosim_core::Span;
use std::collections::BTreeMap;

/// The TCP port of HTTP (RFC 9110 §4.2.1).
pub const DEFAULT_PORT: u16 = 80;
/// The port of HTTPS (RFC 9110 §4.2.2).
pub const SECURE_PORT: u16 = 443;

/// Longest value of a field that a user gives \[bytes\]: shorter than the lines that readers take.
const LONGEST_VALUE: usize = 4096;

fn check_value(field: &'static str, value: &str, found: &mut Vec<Finding>) {
    let is_plain = value.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t'));
    if !is_plain || value.trim() != value || value.len() > LONGEST_VALUE {
        found.push((
            field,
            format!("is up to {LONGEST_VALUE} printable characters of ASCII, with no space around them"),
        ));
    }
}

fn check_headers(headers: &BTreeMap<String, String>, own: &[&str], found: &mut Vec<Finding>) {
    for (name, value) in headers {
        if !is_token(name.as_bytes()) {
            found.push(("headers", format!("has `{name}`, which is no name of a field (RFC 9110 §5.1)")));
        } else if own.contains(&name.to_ascii_lowercase().as_str()) {
            found.push(("headers", format!("has `{name}`, which the application sets by itself")));
        }
        check_value("headers", value, found);
    }
    let bytes: usize = headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
    if headers.len() > 64 || bytes > 16 << 10 {
        found.push(("headers", "is up to 64 fields and 16 KiB: more would be refused (RFC 6585 §5)".to_owned()));
    }
}

/// A path or a target with a query.
fn is_target(target: &str) -> bool {
    target.starts_with('/') && target.len() <= LONGEST_VALUE && target.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The port of HTTP or HTTPS.
const fn usual_port(is_secure: bool) -> u16 {
    if is_secure { SECURE_PORT } else { DEFAULT_PORT }
}

const fn sixty_seconds() -> Span {
    Span::from_secs(60)
}

const fn yes() -> bool {
    true
}

fn own_name() -> String {
    "protosim".to_owned()
}

/// Protocols that one of these applications can speak after TLS has agreed on them (RFC 7301 §6).
fn check_alpn(alpn: &[String], found: &mut Vec<Finding>) {
    if let Some(other) = alpn.iter().find(|name| !["http/1.1", "http/1.0"].contains(&name.as_str())) {
        found.push(("tls.alpn", format!("has `{other}`, which this application does not speak")));
    }
}
