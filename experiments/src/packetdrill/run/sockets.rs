//! Sockets under the numbers that the script gives them.

use super::super::ast::Value;
use protosim_models::tcp::{CloseReason, ConnectionId, ListenerId, Notice, TcpConfig};
use std::collections::BTreeMap;

/// All sockets of a script.
#[derive(Default, Debug)]
pub(super) struct Sockets {
    all: BTreeMap<i128, Socket>,
    /// The socket that expressions look at.
    current: Option<i128>,
}

/// A socket.
#[derive(Clone, Debug)]
pub(super) struct Socket {
    pub(super) kind: Kind,
    /// What its connections go by, as far as options have said.
    pub(super) tcp: TcpConfig,
    /// Its calls never wait.
    pub(super) is_nonblocking: bool,
    /// The port that it is bound to.
    pub(super) port: Option<u16>,
    /// Data may go with the SYN.
    pub(super) fast_open: FastOpenUse,
    /// Closing it resets.
    pub(super) resets_on_close: bool,
}

/// How a socket uses Fast Open.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum FastOpenUse {
    #[default]
    None,
    /// A listener that takes data with the SYN.
    Listener,
    /// A client whose first write goes with the SYN.
    Connect,
}

/// What a socket is for.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// Not known yet.
    Fresh,
    Listener(ListenerId),
    Stream(Stream),
    /// A client that connects with its first write.
    Deferred,
}

/// A connection as its socket sees it.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    /// `None` when it is over.
    pub(super) connection: Option<ConnectionId>,
    /// Its flow, by number.
    pub(super) flow: Option<usize>,
    pub(super) is_connected: bool,
    /// The peer has finished.
    pub(super) is_finished: bool,
    /// The error that the next call returns.
    pub(super) error: Option<&'static str>,
    /// The error that ends it, if it ends: what an ICMP error says.
    icmp_error: Option<&'static str>,
    pub(super) cannot_write: bool,
    pub(super) cannot_read: bool,
    /// Bytes that the stack has taken.
    pub(super) written: u64,
    /// Bytes that the script has read.
    pub(super) read: u64,
}

impl Stream {
    pub(super) fn new(connection: ConnectionId, flow: Option<usize>, is_connected: bool) -> Self {
        Self {
            connection: Some(connection),
            flow,
            is_connected,
            is_finished: false,
            error: None,
            icmp_error: None,
            cannot_write: false,
            cannot_read: false,
            written: 0,
            read: 0,
        }
    }

    fn notice(&mut self, notice: Notice) {
        match notice {
            Notice::Connected => self.is_connected = true,
            Notice::Finished => self.is_finished = true,
            Notice::Closed(reason) => {
                self.error = match reason {
                    CloseReason::Done | CloseReason::Aborted | CloseReason::TlsAlert(_) => None,
                    CloseReason::Refused => Some(self.icmp_error.unwrap_or("ECONNREFUSED")),
                    // RFC 9293 §3.10.7.4: a reset while the peer has finished breaks what is being written.
                    CloseReason::Reset if self.is_finished => Some("EPIPE"),
                    CloseReason::Reset => Some("ECONNRESET"),
                    CloseReason::TimedOut => Some(self.icmp_error.unwrap_or("ETIMEDOUT")),
                    CloseReason::OutOfMemory => Some("ENOMEM"),
                };
                self.connection = None;
            }
            Notice::Incoming(_) | Notice::Readable | Notice::Writable => {}
        }
    }
}

impl Sockets {
    pub(super) fn get_mut(&mut self, number: i128) -> Option<&mut Socket> {
        self.all.get_mut(&number)
    }

    pub(super) fn get(&self, number: i128) -> Option<&Socket> {
        self.all.get(&number)
    }

    pub(super) fn remove(&mut self, number: i128) -> Option<Socket> {
        self.all.remove(&number)
    }

    /// The number of a new socket: what the script calls it, or the lowest that is free. `None` if it is taken.
    pub(super) fn number(&self, result: &Value) -> Option<i128> {
        let lowest = || (3..).find(|number| !self.all.contains_key(number));
        match result {
            Value::Int(number) if *number >= 0 => Some(*number).filter(|number| !self.all.contains_key(number)),
            _ => lowest(),
        }
    }

    /// Adds a socket; expressions look at it if it is a connection.
    pub(super) fn insert(&mut self, number: i128, socket: Socket) {
        if matches!(socket.kind, Kind::Stream(_)) {
            self.look_at(number);
        }
        self.all.insert(number, socket);
    }

    /// Lets expressions look at a socket.
    pub(super) fn look_at(&mut self, number: i128) {
        self.current = Some(number);
    }

    /// The connection that expressions look at: `None` for none, `Some(None)` for one that is over.
    pub(super) fn current(&self) -> Option<Option<ConnectionId>> {
        match &self.get(self.current?)?.kind {
            Kind::Stream(stream) => Some(stream.connection),
            _ => None,
        }
    }

    /// The port of the newest listener.
    pub(super) fn listening_port(&self) -> Option<u16> {
        let listener = |socket: &&Socket| matches!(socket.kind, Kind::Listener(_));
        self.all.values().rev().find(listener).and_then(|socket| socket.port)
    }

    fn streams(&mut self) -> impl Iterator<Item = &mut Stream> {
        self.all.values_mut().filter_map(|socket| match &mut socket.kind {
            Kind::Stream(stream) => Some(stream),
            _ => None,
        })
    }

    /// Tells a connection's socket.
    pub(super) fn notice(&mut self, connection: ConnectionId, notice: Notice) {
        if let Some(stream) = self.streams().find(|stream| stream.connection == Some(connection)) {
            stream.notice(notice);
        }
    }

    /// An ICMP error has come for a flow.
    pub(super) fn icmp_error(&mut self, flow: usize, errno: &'static str) {
        if let Some(stream) = self.streams().find(|stream| stream.flow == Some(flow)) {
            stream.icmp_error = Some(errno);
        }
    }
}
