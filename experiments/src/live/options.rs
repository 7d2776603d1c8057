//! What of a configuration of TCP a real socket can have. Everything else is refused: a field that is accepted takes effect.

use super::LiveError;
use protosim_models::tcp::congestion::CongestionConfig;
use protosim_models::tcp::{FastOpen, Parameters, Profile, TcpConfig};
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
use std::io;
use std::net::IpAddr;
use std::time::Duration;

/// What a user has chosen that is not a socket's anyway.
#[derive(Clone, Debug, Default)]
pub(super) struct SocketOptions {
    send_buffer: Option<usize>,
    receive_buffer: Option<usize>,
    mss: Option<u32>,
    congestion: Option<&'static str>,
}

/// Fields that real sockets have, `profile` and `fast_open` with one value.
const HONOURED: [&str; 8] =
    ["profile", "fast_open", "nagle", "keepalive", "send_buffer", "receive_buffer", "mss", "congestion"];

/// Probes of keepalives, as the system takes them: whole seconds (`tcp(7)`).
const SECOND_NS: u64 = 1_000_000_000;

impl SocketOptions {
    /// Those of a configuration.
    ///
    /// # Errors
    /// When it asks for what sockets do not have, or this system does not: the field, and why.
    pub(super) fn of(config: &TcpConfig, bind: IpAddr) -> Result<Self, LiveError> {
        let refuse =
            |field: &str, why: &str| Err(LiveError::Field { field: format!("tcp.{field}"), why: why.to_owned() });
        if let Some(field) = other_field(config) {
            return refuse(&field, "the system's TCP does as it does");
        }
        if config.profile != Profile::Linux {
            return refuse("profile", "the TCP is that of this system");
        }
        if config.fast_open.is_some_and(|policy| policy != FastOpen::Off) {
            return refuse("fast_open", "data are sent when the connection is there");
        }
        if let Some(keepalive) = config.keepalive {
            let is_whole = |span: protosim_core::Span| span.as_nanos().is_multiple_of(SECOND_NS) && !span.is_zero();
            if !is_whole(keepalive.idle) || !is_whole(keepalive.interval) {
                return refuse("keepalive", "the system takes whole seconds");
            }
        }
        let congestion = match &config.congestion {
            None => None,
            Some(chosen) => match name_of(chosen) {
                Ok(name) => Some(name),
                Err(why) => return refuse("congestion", why),
            },
        };
        let bytes =
            |size: Option<protosim_core::Size>| size.map(|size| usize::try_from(size.as_bytes()).unwrap_or(usize::MAX));
        let options = Self {
            send_buffer: bytes(config.send_buffer),
            receive_buffer: bytes(config.receive_buffer),
            mss: config.mss.map(u32::from),
            congestion,
        };
        options.try_out(config, bind)?;
        Ok(options)
    }

    /// Has a socket take them that is good for nothing else, so that a system which refuses is known before anything starts.
    fn try_out(&self, config: &TcpConfig, bind: IpAddr) -> Result<(), LiveError> {
        let refused = |field: &str, why: String| LiveError::Field { field: format!("tcp.{field}"), why };
        let socket = new_socket(bind).map_err(|error| refused("profile", error.to_string()))?;
        self.apply(&socket, &config.resolve()).map_err(|(field, error)| refused(field, error.to_string()))?;
        let least = |field, asked: Option<usize>, granted: io::Result<usize>| match (asked, granted) {
            (Some(asked), Ok(granted)) if usable(granted) < asked => {
                let (asked, granted) = (asked as u64, usable(granted) as u64);
                Err(refused(field, format!("the system grants {granted} B at most (net.core), not {asked} B")))
            }
            _ => Ok(()),
        };
        least("send_buffer", self.send_buffer, socket.send_buffer_size())?;
        least("receive_buffer", self.receive_buffer, socket.recv_buffer_size())
    }

    /// Gives a socket what it has to have before it is connected or listens.
    ///
    /// # Errors
    /// The field that the system refuses.
    pub(super) fn apply(&self, socket: &Socket, parameters: &Parameters) -> Result<(), (&'static str, io::Error)> {
        let of = |field: &'static str| move |error| (field, error);
        if let Some(bytes) = self.send_buffer {
            socket.set_send_buffer_size(bytes).map_err(of("send_buffer"))?;
        }
        if let Some(bytes) = self.receive_buffer {
            socket.set_recv_buffer_size(bytes).map_err(of("receive_buffer"))?;
        }
        if let Some(mss) = self.mss {
            set_mss(socket, mss).map_err(of("mss"))?;
        }
        if let Some(name) = self.congestion {
            set_congestion(socket, name).map_err(of("congestion"))?;
        }
        self.apply_late(&socket2::SockRef::from(socket), parameters)
    }

    /// What a connection that has come in need not have from its listener, depending on the system.
    pub(super) fn apply_late(
        &self,
        socket: &socket2::SockRef<'_>,
        parameters: &Parameters,
    ) -> Result<(), (&'static str, io::Error)> {
        socket.set_tcp_nodelay(!parameters.nagle).map_err(|error| ("nagle", error))?;
        if let Some(keepalive) = parameters.keepalive {
            let span = |span: protosim_core::Span| Duration::from_nanos(span.as_nanos());
            let probes = TcpKeepalive::new()
                .with_time(span(keepalive.idle))
                .with_interval(span(keepalive.interval))
                .with_retries(keepalive.probes);
            socket.set_tcp_keepalive(&probes).map_err(|error| ("keepalive", error))?;
        }
        Ok(())
    }
}

/// A socket for TCP in the family of an address.
pub(super) fn new_socket(address: IpAddr) -> io::Result<Socket> {
    let domain = if address.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 };
    Socket::new(domain, Type::STREAM, Some(Protocol::TCP))
}

/// A field that is set and that no socket has.
fn other_field(config: &TcpConfig) -> Option<String> {
    let tree = serde_json::to_value(config).ok()?;
    let is_set = |(name, value): &(&String, &serde_json::Value)| !value.is_null() && !HONOURED.contains(&name.as_str());
    tree.as_object()?.iter().find(is_set).map(|(name, _)| name.clone())
}

/// What the system calls a congestion control.
fn name_of(chosen: &CongestionConfig) -> Result<&'static str, &'static str> {
    let own = "the system's has constants of its own";
    match chosen {
        CongestionConfig::NewReno => Ok("reno"),
        CongestionConfig::Bbr => Ok("bbr"),
        CongestionConfig::Cubic(config) if *config == Default::default() => Ok("cubic"),
        CongestionConfig::Vegas(config) if *config == Default::default() => Ok("vegas"),
        CongestionConfig::Dctcp(config) if *config == Default::default() => Ok("dctcp"),
        CongestionConfig::Cubic(_) | CongestionConfig::Vegas(_) | CongestionConfig::Dctcp(_) => Err(own),
        CongestionConfig::BbrV3 | CongestionConfig::Fixed { .. } => Err("no system has it under a name of its own"),
    }
}

/// Of what Linux says a buffer has, half is for its own records (`socket(7)`, SO_RCVBUF).
const fn usable(granted: usize) -> usize {
    if cfg!(target_os = "linux") { granted / 2 } else { granted }
}

#[cfg(any(target_os = "linux", target_os = "freebsd"))]
fn set_congestion(socket: &Socket, name: &str) -> io::Result<()> {
    let unknown =
        |error: io::Error| io::Error::new(error.kind(), format!("the system does not offer `{name}`: {error}"));
    socket.set_tcp_congestion(name.as_bytes()).map_err(unknown)
}

#[cfg(not(any(target_os = "linux", target_os = "freebsd")))]
fn set_congestion(_: &Socket, _: &str) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this system lets nobody choose"))
}

#[cfg(unix)]
fn set_mss(socket: &Socket, mss: u32) -> io::Result<()> {
    socket.set_tcp_mss(mss)
}

#[cfg(not(unix))]
fn set_mss(_: &Socket, _: u32) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this system lets nobody choose"))
}
