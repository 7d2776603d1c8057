//! URIs of the scheme `coap` (RFC 7252 §6.1), from options to text and back (§6.4, §6.5).

use super::config::DEFAULT_PORT;
use super::wire::{OptionNumber, Options};
use std::net::{IpAddr, Ipv6Addr};

/// What a URI names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Uri {
    /// Without the brackets of an address of IPv6.
    pub(super) host: String,
    pub(super) port: u16,
    /// Uri-Path and Uri-Query.
    pub(super) options: Options,
}

/// Why a text is no URI that can be asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Flaw {
    /// A URI, of another scheme.
    Scheme,
    /// No absolute URI, or one that has what `coap` has not: a user, a fragment, no host.
    Form,
}

/// The scheme of CoAP over UDP.
pub(super) const SCHEME: &str = "coap";

/// Reads an absolute URI (RFC 7252 §6.4).
pub(super) fn parse(text: &str) -> Result<Uri, Flaw> {
    let (scheme, rest) = text.split_once("://").ok_or(Flaw::Form)?;
    // RFC 3986 §3.1: letters in either case, digits, `+`, `-` and `.`.
    let is_name = scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    if !is_name || !scheme.starts_with(|first: char| first.is_ascii_alphabetic()) {
        return Err(Flaw::Form);
    }
    if !scheme.eq_ignore_ascii_case(SCHEME) {
        return Err(Flaw::Scheme);
    }
    if rest.contains('#') {
        return Err(Flaw::Form);
    }
    let (authority, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let (path, query) = rest.split_once('?').map_or((rest, None), |(path, query)| (path, Some(query)));
    let (host, port) = parse_authority(authority)?;
    let mut options = Options::new();
    let parts = |text: &str, by: char| text.split(by).map(decode).collect::<Result<Vec<_>, _>>();
    // Step 6: `/` alone is no option.
    if let Some(path) = path.strip_prefix('/').filter(|path| !path.is_empty()) {
        add_all(&mut options, OptionNumber::URI_PATH, parts(path, '/')?)?;
    }
    if let Some(query) = query {
        add_all(&mut options, OptionNumber::URI_QUERY, parts(query, '&')?)?;
    }
    Ok(Uri { host, port, options })
}

fn add_all(options: &mut Options, number: OptionNumber, parts: Vec<Vec<u8>>) -> Result<(), Flaw> {
    if parts.iter().any(|part| part.len() > 255) {
        return Err(Flaw::Form);
    }
    parts.into_iter().for_each(|part| options.add(number, part));
    Ok(())
}

fn parse_authority(authority: &str) -> Result<(String, u16), Flaw> {
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, port)) => (host, Some(port.strip_prefix(':').ok_or(Flaw::Form)?)),
        None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
    };
    let host = String::from_utf8(decode(host)?).map_err(|_| Flaw::Form)?;
    if host.is_empty() || host.contains(['@', '[', ']']) {
        return Err(Flaw::Form);
    }
    let port = match port {
        // Step 4, and RFC 3986 §3.2.3: an empty one is the default.
        None | Some("") => DEFAULT_PORT,
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().map_err(|_| Flaw::Form)?,
        Some(_) => return Err(Flaw::Form),
    };
    Ok((host, port))
}

/// The address that a host is, with or without the brackets of IPv6; `None` for a name.
pub(super) fn address(host: &str) -> Option<IpAddr> {
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) => inner.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => host.parse().ok(),
    }
}

/// An address as a host in a URI (RFC 3986 §3.2.2).
pub(super) fn host(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

/// The URI of what options ask for at a host (RFC 7252 §6.5).
pub(super) fn compose(host: &str, port: u16, options: &Options) -> String {
    let mut text = format!("{SCHEME}://{host}");
    if port != DEFAULT_PORT {
        text.push_str(&format!(":{port}"));
    }
    let mut segments = options.all(OptionNumber::URI_PATH).peekable();
    if segments.peek().is_none() {
        text.push('/');
    }
    for segment in segments {
        text.push('/');
        encode(segment, b"", &mut text);
    }
    for (number, part) in options.all(OptionNumber::URI_QUERY).enumerate() {
        text.push(if number == 0 { '?' } else { '&' });
        encode(part, b"/?", &mut text);
    }
    text
}

/// Bytes as they stand in a URI: unreserved characters, delimiters but `&`, `:`, `@` and `also` as they are, others in hexadecimal.
fn encode(bytes: &[u8], also: &[u8], out: &mut String) {
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~!$'()*+,;=:@".contains(byte) || also.contains(byte) {
            out.push(char::from(*byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
}

fn decode(text: &str) -> Result<Vec<u8>, Flaw> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let mut digit = || bytes.next().and_then(|byte| char::from(byte).to_digit(16)).ok_or(Flaw::Form);
        let (high, low) = (digit()?, digit()?);
        // Two digits of four bits, so it fits.
        decoded.push((high << 4 | low) as u8);
    }
    Ok(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn options(path: &[&str], query: &[&str]) -> Options {
        let mut options = Options::new();
        path.iter().for_each(|part| options.add_str(OptionNumber::URI_PATH, part));
        query.iter().for_each(|part| options.add_str(OptionNumber::URI_QUERY, part));
        options
    }

    /// RFC 7252 §6.4, §6.5 and the examples of appendix B; `%2F` is part of a segment.
    #[test]
    fn uris_are_read_by_their_parts() {
        let uri = |host: &str, port, path: &[&str], query: &[&str]| {
            Ok(Uri { host: host.into(), port, options: options(path, query) })
        };
        assert_eq!(parse("coap://[2001:db8::2:1]/"), uri("2001:db8::2:1", 5683, &[], &[]));
        assert_eq!(parse("coap://example.net/"), uri("example.net", 5683, &[], &[]));
        let core = uri("example.net", 5683, &[".well-known", "core"], &[]);
        assert_eq!(parse("coap://example.net/.well-known/core"), core);
        let unicode = uri("xn--18j4d.example", 5683, &["こんにちは"], &[]);
        assert_eq!(parse("coap://xn--18j4d.example/%E3%81%93%E3%82%93%E3%81%AB%E3%81%A1%E3%81%AF"), unicode);
        let slashes = uri("198.51.100.1", 61616, &["", "/", "", ""], &["//", "?&"]);
        assert_eq!(parse("coap://198.51.100.1:61616//%2F//?%2F%2F&?%26"), slashes);
        assert_eq!(parse("COAP://h?a=b"), uri("h", 5683, &[], &["a=b"]));
        assert_eq!(parse("coap://h:/a"), uri("h", 5683, &["a"], &[]));
        for scheme in ["coaps://h/", "http://h/", "coap+tcp://h/"] {
            assert_eq!(parse(scheme), Err(Flaw::Scheme), "{scheme}");
        }
        let forms = [
            "",
            "h",
            "/a",
            "coap:/h",
            "coap://",
            "coap:///a",
            "coap://h:x",
            "coap://h:65536",
            "coap://h/%4",
            "coap://h/%zz",
        ];
        for form in forms.into_iter().chain(["coap://a@h/", "coap://h/#a", "coap://[::1", "coap://[::1]5", "1://h/"]) {
            assert_eq!(parse(form), Err(Flaw::Form), "{form}");
        }
    }

    #[test]
    fn hosts_are_addresses_with_and_without_brackets() {
        let ip = |text: &str| text.parse::<IpAddr>().ok();
        assert_eq!(address("[::1]"), ip("::1"));
        assert_eq!(address("::1"), ip("::1"));
        assert_eq!(address("192.0.2.1"), ip("192.0.2.1"));
        for name in ["[192.0.2.1]", "example.net", "", "[]", "[::1"] {
            assert_eq!(address(name), None, "{name}");
        }
        assert_eq!(host("2001:db8::1".parse().expect("an address")), "[2001:db8::1]");
    }

    proptest! {
        #[test]
        fn composing_is_undone_by_parsing(
            path in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..9), 0..4),
            query in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..9), 0..4),
            port in 1_u16..,
        ) {
            // A path of one empty segment is written as no path is (RFC 7252 §6.5).
            prop_assume!(path != [Vec::<u8>::new()]);
            let mut options = Options::new();
            path.into_iter().for_each(|part| options.add(OptionNumber::URI_PATH, part));
            query.into_iter().for_each(|part| options.add(OptionNumber::URI_QUERY, part));
            let text = compose("[::1]", port, &options);
            prop_assert_eq!(parse(&text), Ok(Uri { host: "::1".into(), port, options }));
        }

        #[test]
        fn parsing_takes_any_text(text in any::<String>(), rest in "(coap://)?[a:/?&%0-9\\[\\]@#]*") {
            let (_any, _likely) = (parse(&text), parse(&rest));
        }
    }
}
