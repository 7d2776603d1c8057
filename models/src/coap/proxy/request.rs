//! What a proxy is asked for (RFC 7252 §5.7.2, §5.10.2).

use super::cache::{Key, Target, bytes_of};
use crate::coap::uri::{self, Flaw, Uri};
use crate::coap::wire::{Code, Message, OptionNumber, Options};
use std::net::SocketAddr;

/// What comes of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Asked {
    /// It is for the proxy itself.
    Own,
    /// It is for this server, with these options.
    Origin(SocketAddr, Options),
    /// This is the answer.
    Refused(Code),
}

/// Reads a request that has come to this port.
pub(super) fn read(message: &Message, port: u16) -> Asked {
    let mut options = message.options.clone();
    let scheme = options.text(OptionNumber::PROXY_SCHEME).map(|scheme| scheme.eq_ignore_ascii_case(uri::SCHEME));
    let has = |number| message.options.first(number).is_some();
    let (host, port) = if has(OptionNumber::PROXY_URI) {
        match options.text(OptionNumber::PROXY_URI).map_or(Err(Flaw::Form), uri::parse) {
            Ok(Uri { host, port, options: named }) => {
                // It takes precedence over what is named by parts (RFC 7252 §5.10.2).
                options.remove(OptionNumber::URI_PATH);
                options.remove(OptionNumber::URI_QUERY);
                named.iter().for_each(|part| options.add(part.number(), part.value().clone()));
                (host, port)
            }
            Err(Flaw::Scheme) => return Asked::Refused(Code::PROXYING_NOT_SUPPORTED),
            Err(Flaw::Form) => return Asked::Refused(Code::BAD_REQUEST),
        }
    } else if has(OptionNumber::PROXY_SCHEME) {
        if scheme != Some(true) {
            return Asked::Refused(Code::PROXYING_NOT_SUPPORTED);
        }
        let Some(host) = options.text(OptionNumber::URI_HOST) else {
            // It stands for the address that the request was sent to (§5.10.1).
            return if has(OptionNumber::URI_HOST) { Asked::Refused(Code::BAD_REQUEST) } else { Asked::Own };
        };
        let named = options.uint(OptionNumber::URI_PORT).map_or(Some(port), |port| u16::try_from(port).ok());
        let Some(named) = named else { return Asked::Refused(Code::BAD_REQUEST) };
        (host.to_owned(), named)
    } else {
        return Asked::Own;
    };
    // Names are resolved by nobody; nor is a group asked on behalf of a client (§8.2.2).
    let Some(address) = uri::address(&host).filter(|address| !address.is_multicast() && !address.is_unspecified())
    else {
        return Asked::Refused(Code::BAD_GATEWAY);
    };
    if port == 0 {
        return Asked::Refused(Code::BAD_REQUEST);
    }
    if let Some(code) = count_hop(&mut options) {
        return Asked::Refused(code);
    }
    // The server is asked at its address and port, which need not be said (§6.4); Observe is not passed on, and No-Response is for this hop.
    for number in [OptionNumber::PROXY_URI, OptionNumber::PROXY_SCHEME, OptionNumber::URI_HOST, OptionNumber::URI_PORT]
    {
        options.remove(number);
    }
    options.remove(OptionNumber::OBSERVE);
    options.remove(OptionNumber::NO_RESPONSE);
    Asked::Origin(SocketAddr::new(address, port), options)
}

/// One hop less to go, where that is counted (RFC 8768 §3); the answer if there are no more.
fn count_hop(options: &mut Options) -> Option<Code> {
    match options.uint(OptionNumber::HOP_LIMIT)? {
        0 => Some(Code::BAD_REQUEST),
        1 => Some(Code::HOP_LIMIT_REACHED),
        left => {
            options.remove(OptionNumber::HOP_LIMIT);
            options.add_uint(OptionNumber::HOP_LIMIT, left - 1);
            None
        }
    }
}

/// The resource that is asked for.
pub(super) fn target(origin: SocketAddr, options: &Options) -> Target {
    Target { origin, name: bytes_of(options, is_name) }
}

/// The resource that a 2.01 says it has made (RFC 7252 §5.9.1.1), if it does.
pub(super) fn created(origin: SocketAddr, response: &Options) -> Option<Target> {
    let mut named = Options::new();
    let places = [
        (OptionNumber::LOCATION_PATH, OptionNumber::URI_PATH),
        (OptionNumber::LOCATION_QUERY, OptionNumber::URI_QUERY),
    ];
    for (from, to) in places {
        response.all(from).for_each(|part| named.add(to, part.clone()));
    }
    (!named.is_empty()).then(|| target(origin, &named))
}

fn is_name(number: OptionNumber) -> bool {
    number == OptionNumber::URI_PATH || number == OptionNumber::URI_QUERY
}

/// What a response to a GET with these options is kept by (RFC 7252 §5.6): all of them but those that are no part of cache keys, and those that are
/// understood here: ETag (§5.10.6) and Hop-Limit.
pub(super) fn key(origin: SocketAddr, options: &Options) -> Key {
    let is_form = |number: OptionNumber| {
        let is_understood = [OptionNumber::ETAG, OptionNumber::HOP_LIMIT, OptionNumber::BLOCK2].contains(&number);
        !is_name(number) && !is_understood && !number.is_no_cache_key()
    };
    let form = bytes_of(options, is_form);
    Key { target: target(origin, options), form, block: options.uint(OptionNumber::BLOCK2) }
}
