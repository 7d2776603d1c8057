//! Socket options.

use super::super::ast::{Call, Value};
use super::super::commands;
use super::super::settings::Unsupported;
use super::arguments::{number, words};
use super::calls::Return;
use super::sockets::{FastOpenUse, Kind};
use super::{Runner, Step};
use protosim_core::{Size, Span};
use protosim_models::tcp::Keepalive;

/// Socket options that are known, for setting or for asking.
const KNOWN: [&str; 22] = [
    "SO_REUSEADDR",
    "SO_REUSEPORT",
    "SO_SNDBUF",
    "SO_RCVBUF",
    "SO_LINGER",
    "SO_KEEPALIVE",
    "SO_ERROR",
    "TCP_NODELAY",
    "TCP_MAXSEG",
    "TCP_CONGESTION",
    "TCP_FASTOPEN",
    "TCP_FASTOPEN_CONNECT",
    "TCP_SYNCNT",
    "TCP_KEEPIDLE",
    "TCP_KEEPINTVL",
    "TCP_KEEPCNT",
    "TCP_LINGER2",
    "TCP_CORK",
    "TCP_USER_TIMEOUT",
    "TCP_QUICKACK",
    "IP_MTU_DISCOVER",
    "IP_FREEBIND",
];

/// Whether the option of a call of `setsockopt` or `getsockopt` is known.
///
/// # Errors
/// When it is not.
pub(in super::super) fn known_option(call: &Call) -> Result<(), Unsupported> {
    if !matches!(call.name.as_str(), "setsockopt" | "getsockopt") {
        return Ok(());
    }
    match call.arguments.get(2) {
        Some(Value::Word(option)) if KNOWN.contains(&option.as_str()) => Ok(()),
        Some(Value::Word(option)) => Err(Unsupported::new(format!("the socket option `{option}`"), call.place)),
        _ => Err(Unsupported::new("a socket option by its number", call.place)),
    }
}

impl Runner<'_> {
    pub(super) fn setsockopt(&mut self, call: &Call, fd: i128) -> Step<Return> {
        let Some(Value::Word(option)) = call.arguments.get(2) else { return Ok(Return::Error("ENOPROTOOPT")) };
        let unsupported = || Unsupported::new(format!("the socket option `{option}` at this point"), call.place);
        let (keepalive, listens) = (self.settings.keepalive, self.settings.fast_open.1);
        let nagle = if option == "TCP_NODELAY" { Some(number(call, 3)? == 0) } else { None };
        let Some(socket) = self.sockets.get_mut(fd) else { return Ok(Return::Error("EBADF")) };
        let connection = match &socket.kind {
            Kind::Stream(stream) => stream.connection,
            _ => None,
        };
        let is_stream = matches!(socket.kind, Kind::Stream(_));
        let tcp = &mut socket.tcp;
        // The kernel doubles sizes for its own overhead: what is asked for is room for data.
        match option.as_str() {
            "SO_REUSEADDR" | "SO_REUSEPORT" | "IP_FREEBIND" => {}
            "TCP_NODELAY" => tcp.nagle = nagle,
            "SO_SNDBUF" if !is_stream => tcp.send_buffer = Some(Size::from_bytes(super::arguments::count(call, 3)?)),
            "SO_RCVBUF" if !is_stream => tcp.receive_buffer = Some(Size::from_bytes(super::arguments::count(call, 3)?)),
            // Buffers here are as large as they can get from the start; more changes nothing.
            "SO_SNDBUF" if number(call, 3)? >= 100_000 => {}
            "TCP_MAXSEG" if !is_stream => {
                let mss = u16::try_from(number(call, 3)?).ok().filter(|mss| (88..=32767).contains(mss));
                let Some(mss) = mss else { return Ok(Return::Error("EINVAL")) };
                tcp.mss = Some(mss);
            }
            "TCP_CONGESTION" if !is_stream => {
                let Some(Value::Text(name, _)) = call.arguments.get(3) else { return Err(unsupported().into()) };
                let found = commands::congestion(name);
                tcp.congestion = Some(found.map_err(|reason| Unsupported::new(reason, call.place))?);
            }
            "TCP_FASTOPEN" if listens => socket.fast_open = FastOpenUse::Listener,
            "TCP_FASTOPEN_CONNECT" => socket.fast_open = FastOpenUse::Connect,
            "TCP_SYNCNT" if !is_stream => tcp.syn_retries = Some(super::arguments::count(call, 3)?.min(127) as u32),
            "SO_LINGER" => {
                let Some(value) = call.arguments.get(3) else { return Err(unsupported().into()) };
                let field = |name: &str| match value.field(name) {
                    Some(Value::Int(value)) => *value,
                    _ => 0,
                };
                if field("onoff") != 0 && field("linger") != 0 {
                    return Err(unsupported().into());
                }
                socket.resets_on_close = field("onoff") != 0;
            }
            "SO_KEEPALIVE" if !is_stream => {
                let is_on = number(call, 3)? != 0;
                socket.is_keepalive = is_on;
                let wanted = socket.tcp.keepalive.unwrap_or(keepalive);
                socket.tcp.keepalive = is_on.then_some(wanted);
            }
            "TCP_KEEPIDLE" | "TCP_KEEPINTVL" | "TCP_KEEPCNT" if !is_stream && socket.is_keepalive => {
                let value = super::arguments::count(call, 3)?.min(1_000_000);
                let probes = tcp.keepalive.get_or_insert(Keepalive::default());
                match option.as_str() {
                    "TCP_KEEPIDLE" => probes.idle = Span::from_secs(value),
                    "TCP_KEEPINTVL" => probes.interval = Span::from_secs(value),
                    _ => probes.probes = value as u32,
                }
            }
            "TCP_LINGER2" if !is_stream => {
                tcp.fin_wait_2 = Some(Span::from_secs(super::arguments::count(call, 3)?.min(1_000_000)));
            }
            "TCP_CORK" | "TCP_USER_TIMEOUT" if number(call, 3)? == 0 => {}
            "IP_MTU_DISCOVER" if words(call.arguments.get(3)).is_empty() => {}
            _ => return Err(unsupported().into()),
        }
        if let (Some(connection), Some(nagle)) = (connection, nagle) {
            // A connection that is over has no segments to hold back.
            let _ = self.stack.set_nagle(connection, nagle);
            self.settle();
        }
        Ok(Return::Value(0))
    }

    /// The value that is asked for stands in the script beside the question.
    pub(super) fn getsockopt(&mut self, call: &Call, fd: i128) -> Step<Return> {
        let Some(Value::Word(option)) = call.arguments.get(2) else { return Ok(Return::Error("ENOPROTOOPT")) };
        let unsupported = || Unsupported::new(format!("asking for the socket option `{option}`"), call.place);
        let Some(socket) = self.sockets.get_mut(fd) else { return Ok(Return::Error("EBADF")) };
        let connection = match &socket.kind {
            Kind::Stream(stream) => stream.connection,
            _ => None,
        };
        let wanted = call.arguments.get(3);
        if option == "SO_ERROR" {
            let error = match &mut socket.kind {
                Kind::Stream(stream) => stream.error.take(),
                _ => None,
            };
            let is_equal = match wanted {
                Some(Value::List(values)) => match (values.as_slice(), error) {
                    ([Value::Int(0)], None) | ([Value::Any], _) => true,
                    ([Value::Word(name)], Some(error)) => name == error,
                    _ => false,
                },
                _ => true,
            };
            return Ok(if is_equal { Return::Value(0) } else { Return::Output(error.unwrap_or("0").to_owned()) });
        }
        let actual = match option.as_str() {
            "TCP_MAXSEG" => {
                let own = socket.tcp.mss.map_or(536, i128::from);
                match connection.map(|connection| self.stack.info(connection, &self.env)) {
                    Some(Ok(info)) => i128::from(info.snd_mss),
                    _ => own,
                }
            }
            "TCP_NODELAY" => i128::from(socket.tcp.nagle == Some(false)),
            "SO_KEEPALIVE" => i128::from(socket.tcp.keepalive.is_some()),
            _ => return Err(unsupported().into()),
        };
        if matches!(wanted, Some(Value::Any) | None) || number(call, 3)? == actual {
            return Ok(Return::Value(0));
        }
        Ok(Return::Output(actual.to_string()))
    }
}
