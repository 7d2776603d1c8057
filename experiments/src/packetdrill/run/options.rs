//! Socket options.

use super::super::ast::{Call, Value};
use super::super::commands;
use super::super::settings::Unsupported;
use super::arguments::{count, number};
use super::calls::Return;
use super::sockets::{FastOpenUse, Kind};
use super::{Runner, Step};
use protosim_core::{Size, Span};
use protosim_models::tcp::TcpConfig;

/// Socket options that are known, for setting or for asking.
const KNOWN: [&str; 21] = [
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

/// An option that cannot be set at this point.
fn not_now(call: &Call, option: &str) -> Unsupported {
    Unsupported::new(format!("the socket option `{option}` at this point"), call.place)
}

/// What a socket that is not connected yet is told of its connections; the errno of what it refuses.
fn set_before(call: &Call, option: &str, tcp: &mut TcpConfig) -> Result<Option<&'static str>, Unsupported> {
    // The kernel doubles sizes.
    let size = |which| count(call, which).map(|bytes| Some(Size::from_bytes(bytes.clamp(1, 1 << 28) * 2)));
    match option {
        "SO_SNDBUF" => tcp.send_buffer = size(3)?,
        "SO_RCVBUF" => tcp.receive_buffer = size(3)?,
        "TCP_MAXSEG" => {
            let mss = u16::try_from(number(call, 3)?).ok().filter(|mss| (88..=32767).contains(mss));
            let Some(mss) = mss else { return Ok(Some("EINVAL")) };
            tcp.mss = Some(mss);
        }
        "TCP_CONGESTION" => {
            let Some(Value::Text(name, _)) = call.arguments.get(3) else { return Err(not_now(call, option)) };
            let found = commands::congestion(name);
            tcp.congestion = Some(found.map_err(|reason| Unsupported::new(reason, call.place))?);
        }
        "TCP_SYNCNT" => tcp.syn_retries = Some(count(call, 3)?.min(127) as u32),
        "TCP_LINGER2" => tcp.fin_wait_2 = Some(Span::from_secs(count(call, 3)?.min(1_000_000))),
        "TCP_KEEPIDLE" | "TCP_KEEPINTVL" | "TCP_KEEPCNT" => {
            let Some(probes) = &mut tcp.keepalive else { return Err(not_now(call, option)) };
            let value = count(call, 3)?.min(1_000_000);
            match option {
                "TCP_KEEPIDLE" => probes.idle = Span::from_secs(value),
                "TCP_KEEPINTVL" => probes.interval = Span::from_secs(value),
                _ => probes.probes = value as u32,
            }
        }
        _ => return Err(not_now(call, option)),
    }
    Ok(None)
}

/// Whether closing resets (`SO_LINGER` with a time of 0).
fn resets_on_close(call: &Call) -> Result<bool, Unsupported> {
    let field = |name: &str| match call.arguments.get(3).and_then(|value| value.field(name)) {
        Some(Value::Int(value)) => *value,
        _ => 0,
    };
    if field("onoff") != 0 && field("linger") != 0 {
        return Err(not_now(call, "SO_LINGER"));
    }
    Ok(field("onoff") != 0)
}

impl Runner<'_> {
    pub(super) fn setsockopt(&mut self, call: &Call, fd: i128) -> Step<Return> {
        let Some(Value::Word(option)) = call.arguments.get(2) else { return Ok(Return::Error("ENOPROTOOPT")) };
        let (keepalive, (connects, listens)) = (self.settings.keepalive, self.settings.fast_open);
        let nagle = if option == "TCP_NODELAY" { Some(number(call, 3)? == 0) } else { None };
        let Some(socket) = self.sockets.get_mut(fd) else { return Ok(Return::Error("EBADF")) };
        let (is_stream, connection) = match &socket.kind {
            Kind::Stream(stream) => (true, stream.connection),
            _ => (false, None),
        };
        match option.as_str() {
            "SO_REUSEADDR" | "SO_REUSEPORT" | "IP_FREEBIND" => {}
            "TCP_NODELAY" => socket.tcp.nagle = nagle,
            // Buffers here are as large as they can get from the start; more changes nothing.
            "SO_SNDBUF" if is_stream && number(call, 3)? >= 100_000 => {}
            "TCP_FASTOPEN" if listens => socket.fast_open = FastOpenUse::Listener,
            "TCP_FASTOPEN" => {}
            "TCP_FASTOPEN_CONNECT" if !connects => return Ok(Return::Error("EOPNOTSUPP")),
            "TCP_FASTOPEN_CONNECT" => socket.fast_open = FastOpenUse::Connect,
            "SO_LINGER" => socket.resets_on_close = resets_on_close(call)?,
            "SO_KEEPALIVE" if !is_stream => {
                let wanted = socket.tcp.keepalive.unwrap_or(keepalive);
                socket.tcp.keepalive = (number(call, 3)? != 0).then_some(wanted);
            }
            "TCP_CORK" | "TCP_USER_TIMEOUT" if number(call, 3)? == 0 => {}
            option if matches!(socket.kind, Kind::Fresh | Kind::Deferred) => {
                if let Some(errno) = set_before(call, option, &mut socket.tcp)? {
                    return Ok(Return::Error(errno));
                }
            }
            option => return Err(not_now(call, option).into()),
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
