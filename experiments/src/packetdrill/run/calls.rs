//! Calls of the socket interface, and what they return.

use super::super::ast::{Call, Event, Time, Value};
use super::super::settings::Unsupported;
use super::arguments::{count, message_len, number, port, words};
use super::sockets::{FastOpenUse, Kind, Socket, Stream};
use super::wire::{ARRIVING, WRITTEN};
use super::{PORT, Runner, Step, Stop, show};
use protosim_core::LocalTime;
use protosim_models::rope::Rope;
use protosim_models::tcp::{FastOpen, Opening, Output, StackError};
use std::net::SocketAddr;
use std::sync::Arc;

/// Calls that are known.
pub(in super::super) const KNOWN_CALLS: [&str; 23] = [
    "socket",
    "bind",
    "listen",
    "accept",
    "accept4",
    "connect",
    "read",
    "recv",
    "recvfrom",
    "recvmsg",
    "readv",
    "write",
    "writev",
    "send",
    "sendto",
    "sendmsg",
    "shutdown",
    "close",
    "setsockopt",
    "getsockopt",
    "ioctl",
    "fcntl",
    "fcntl64",
];

/// What a call returns.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Return {
    Value(i128),
    /// -1 and this error.
    Error(&'static str),
    /// It has nothing to return yet.
    Waits,
    /// 0, and an output that is another than the script's.
    Output(String),
}

impl std::fmt::Display for Return {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Value(value) => write!(f, "{value}"),
            Self::Error(errno) => write!(f, "-1 {errno}"),
            Self::Waits => f.write_str("it waits, and the script gives it no time to return"),
            Self::Output(value) => write!(f, "0, with the output {value}"),
        }
    }
}

/// A call that has not returned.
#[derive(Clone, Debug)]
pub(super) struct Pending<'a> {
    event: &'a Event,
    call: &'a Call,
    /// When it is to return.
    until: LocalTime,
    /// When it began.
    since: LocalTime,
    /// What it has returned, and when.
    returned: Option<(Return, LocalTime)>,
    /// Bytes of it that are done.
    done: u64,
}

/// What a write is to do.
#[derive(Clone, Copy)]
struct Write {
    len: u64,
    opens: bool,
    waits: bool,
}

impl<'a> Runner<'a> {
    /// Calls, and compares what comes back.
    pub(super) fn call(&mut self, event: &'a Event, call: &'a Call) -> Step<()> {
        let mut done = 0;
        let returned = self.try_call(call, &mut done, true)?;
        self.settle();
        let now = self.env.now;
        if let Some(until) = call.until {
            let until = match event.time {
                Time::Relative(after) => now.saturating_add(until.saturating_sub(after)),
                _ => LocalTime::ZERO + until,
            };
            let returned = Some((returned, now)).filter(|(returned, _)| *returned != Return::Waits);
            self.pending = Some(Pending { event, call, until, since: now, returned, done });
            self.retry_pending();
            return Ok(());
        }
        self.compare(event, call, &returned)
    }

    /// Tries the call that waits once more.
    pub(super) fn retry_pending(&mut self) {
        let Some(mut pending) = self.pending.take() else { return };
        if pending.returned.is_none() {
            // What cannot be done was found out at the first try.
            if let Ok(returned) = self.try_call(pending.call, &mut pending.done, false)
                && returned != Return::Waits
            {
                pending.returned = Some((returned, self.env.now));
                self.stack.flush(&mut self.env);
                self.take_outputs();
            }
        }
        self.pending = Some(pending);
    }

    /// Waits for the call that has not returned, and compares what it returns, and when.
    pub(super) fn finish_pending(&mut self) -> Step<()> {
        let Some((until, since)) = self.pending.as_ref().map(|pending| (pending.until, pending.since)) else {
            return Ok(());
        };
        let tolerance = self.settings.tolerance.after(until.saturating_since(since));
        let limit = until.saturating_add(tolerance);
        while self.pending.as_ref().is_some_and(|pending| pending.returned.is_none()) {
            if !self.timeout_before(limit, true) {
                break;
            }
        }
        let Some(Pending { event, call, returned, .. }) = self.pending.take() else { return Ok(()) };
        let Some((returned, at)) = returned else {
            let message = format!("`{}` has not returned by {}", call.name, show::seconds(limit));
            return Err(self.failure(event.place, message, Vec::new()));
        };
        if at > limit || at.saturating_add(tolerance) < until {
            let message = format!("`{}` returns at {}, not at {}", call.name, show::seconds(at), show::seconds(until));
            return Err(self.failure(event.place, message, Vec::new()));
        }
        // Time does not go back.
        self.env.now = self.env.now.max(at);
        self.compare(event, call, &returned)
    }

    fn compare(&mut self, event: &Event, call: &Call, returned: &Return) -> Step<()> {
        self.tell("=", || format!("{}: {returned}", call.name));
        let same = |a: &str, b: &str| a == b || matches!((a, b), ("EWOULDBLOCK", "EAGAIN"));
        let is_equal = match (&call.result, returned) {
            (_, Return::Output(_) | Return::Waits) => false,
            (Value::Any, _) => true,
            (Value::Int(-1), Return::Error(errno)) => call.errno.as_deref().is_none_or(|wanted| same(wanted, errno)),
            (Value::Int(wanted), Return::Value(value)) => wanted == value,
            // Flags by their names, as `fcntl` gives them.
            _ => false,
        };
        if is_equal {
            return Ok(());
        }
        let wanted = match (&call.result, &call.errno) {
            (Value::Int(value), Some(errno)) => format!("{value} {errno}"),
            (Value::Int(value), None) => value.to_string(),
            (other, _) => format!("{other:?}"),
        };
        let actual = returned.to_string();
        let sides = vec![("expected", wanted), ("actual", actual)];
        Err(self.failure(event.place, format!("`{}` returns something else", call.name), sides))
    }

    /// Calls. `done` counts what a call that waits has done so far.
    fn try_call(&mut self, call: &Call, done: &mut u64, is_first: bool) -> Step<Return> {
        if call.name == "socket" {
            return self.socket(call);
        }
        let fd = number(call, 0)?;
        if self.sockets.get(fd).is_none() {
            return Ok(Return::Error("EBADF"));
        }
        let unsupported = |what: &str| Err(Stop::from(Unsupported::new(what, call.place)));
        match call.name.as_str() {
            "bind" => {
                let port = port(call.arguments.get(1)).unwrap_or(PORT);
                self.sockets.get_mut(fd).map(|socket| socket.port.replace(port));
                Ok(Return::Value(0))
            }
            "listen" => self.listen(call, fd),
            "accept" | "accept4" => self.accept(call, fd),
            "connect" => self.connect(call, fd, is_first),
            "read" | "recv" | "recvfrom" => {
                let flags = if call.name == "read" { Vec::new() } else { words(call.arguments.get(3)) };
                if flags.iter().any(|flag| !matches!(*flag, "MSG_DONTWAIT" | "MSG_NOSIGNAL")) {
                    return unsupported("these flags of `recv`");
                }
                self.read(fd, count(call, 2)?, flags.contains(&"MSG_DONTWAIT"))
            }
            "readv" | "recvmsg" => match message_len(call.arguments.get(1)) {
                Some(len) if words(call.arguments.get(2)).is_empty() => self.read(fd, len, false),
                _ => unsupported("a message of this kind"),
            },
            "write" => self.write(fd, Write { len: count(call, 2)?, opens: false, waits: true }, done),
            "writev" | "sendmsg" => {
                let flags = if call.name == "writev" { Vec::new() } else { words(call.arguments.get(2)) };
                let Some(len) = message_len(call.arguments.get(1)) else {
                    return unsupported("a message of this kind");
                };
                self.send(call, fd, len, &flags, is_first, done)
            }
            "send" | "sendto" => {
                let flags = words(call.arguments.get(3));
                self.send(call, fd, count(call, 2)?, &flags, is_first, done)
            }
            "shutdown" => self.shutdown(fd, number(call, 1)?),
            "close" => self.close(fd),
            "setsockopt" => self.setsockopt(call, fd),
            "getsockopt" => self.getsockopt(call, fd),
            "ioctl" => self.ioctl(call, fd),
            "fcntl" | "fcntl64" => self.fcntl(call, fd),
            name => unsupported(&format!("the call `{name}`")),
        }
    }

    fn socket(&mut self, call: &Call) -> Step<Return> {
        let kind = words(call.arguments.get(1));
        let protocol = words(call.arguments.get(2));
        let is_tcp = kind.contains(&"SOCK_STREAM") && protocol.iter().all(|name| *name == "IPPROTO_TCP");
        if !is_tcp {
            return Err(Unsupported::new("sockets that are not TCP", call.place).into());
        }
        let Some(fd) = self.sockets.number(&call.result) else {
            return Err(Unsupported::new("a number for two sockets at once", call.place).into());
        };
        let socket = Socket {
            kind: Kind::Fresh,
            tcp: self.settings.tcp.clone(),
            is_nonblocking: kind.contains(&"SOCK_NONBLOCK"),
            port: None,
            fast_open: FastOpenUse::None,
            resets_on_close: false,
        };
        self.sockets.insert(fd, socket);
        // What the script had before is behind it.
        self.generation += 1;
        self.current = None;
        Ok(Return::Value(fd))
    }

    fn listen(&mut self, call: &Call, fd: i128) -> Step<Return> {
        let backlog = count(call, 1)?;
        let every = self.settings.fast_open_listeners;
        let Some(socket) = self.sockets.get_mut(fd) else { return Ok(Return::Error("EBADF")) };
        let port = *socket.port.get_or_insert(PORT);
        // Linux takes one more than it is told.
        socket.tcp.accept_backlog.get_or_insert(u32::try_from(backlog).unwrap_or(u32::MAX - 1).saturating_add(1));
        let takes_early_data = every || socket.fast_open == FastOpenUse::Listener;
        let mut tcp = socket.tcp.clone();
        tcp.fast_open = Some(if takes_early_data { FastOpen::Server } else { FastOpen::Off });
        let parameters = Arc::new(self.settings.parameters(&tcp));
        match self.stack.listen(port, fd as u32, parameters) {
            Ok(listener) => {
                if let Some(socket) = self.sockets.get_mut(fd) {
                    socket.kind = Kind::Listener(listener);
                }
                Ok(Return::Value(0))
            }
            Err(error) => Ok(Return::Error(errno(error))),
        }
    }

    fn accept(&mut self, call: &Call, fd: i128) -> Step<Return> {
        let Some(socket) = self.sockets.get(fd) else { return Ok(Return::Error("EBADF")) };
        let Kind::Listener(listener) = socket.kind else { return Ok(Return::Error("EINVAL")) };
        let mut socket = socket.clone();
        let Some(connection) = self.stack.accept(listener) else {
            return Ok(if socket.is_nonblocking { Return::Error("EAGAIN") } else { Return::Waits });
        };
        let Some(number) = self.sockets.number(&call.result) else {
            return Err(Unsupported::new("a number for two sockets at once", call.place).into());
        };
        let flow = self.flow_of_connection(connection);
        self.current = flow;
        socket.kind = Kind::Stream(Stream::new(connection, flow, true));
        socket.is_nonblocking = words(call.arguments.get(3)).contains(&"SOCK_NONBLOCK");
        self.sockets.insert(number, socket);
        Ok(Return::Value(number))
    }

    fn connect(&mut self, call: &Call, fd: i128, is_first: bool) -> Step<Return> {
        let Some(socket) = self.sockets.get_mut(fd) else { return Ok(Return::Error("EBADF")) };
        let is_nonblocking = socket.is_nonblocking;
        match &mut socket.kind {
            Kind::Listener(_) | Kind::Deferred => return Ok(Return::Error("EISCONN")),
            Kind::Stream(stream) => {
                if let Some(error) = stream.error.take() {
                    return Ok(Return::Error(error));
                }
                return Ok(match (stream.connection, stream.is_connected) {
                    (None, _) => Return::Error("ECONNABORTED"),
                    (Some(_), true) if is_first => Return::Error("EISCONN"),
                    (Some(_), true) => Return::Value(0),
                    (Some(_), false) if is_nonblocking => Return::Error("EALREADY"),
                    (Some(_), false) => Return::Waits,
                });
            }
            Kind::Fresh => {}
        }
        let port = port(call.arguments.get(1));
        let uses_fast_open = socket.fast_open == FastOpenUse::Connect;
        if uses_fast_open && self.has_cookie(fd, port) {
            // With its first write.
            if let Some(socket) = self.sockets.get_mut(fd) {
                socket.kind = Kind::Deferred;
            }
            return Ok(Return::Value(0));
        }
        if let Err(error) = self.open(fd, port, uses_fast_open.then(Rope::new)) {
            return Ok(Return::Error(errno(error)));
        }
        Ok(if is_nonblocking { Return::Error("EINPROGRESS") } else { Return::Waits })
    }

    /// How the connection of a socket is opened; with Fast Open, if there are data for the SYN, or none but a cookie is wanted.
    fn opening(&self, fd: i128, port: Option<u16>, early: Option<Rope>) -> Option<Opening> {
        let socket = self.sockets.get(fd)?;
        let mut tcp = socket.tcp.clone();
        let asks = early.is_some() && self.settings.fast_open.0;
        tcp.fast_open = Some(if asks { FastOpen::Client } else { FastOpen::Off });
        Some(Opening {
            local: SocketAddr::new(self.settings.local, socket.port.unwrap_or(0)),
            remote: SocketAddr::new(self.settings.remote, port.unwrap_or(PORT)),
            mtu: self.settings.mtu,
            early_data: early.unwrap_or_default(),
            owner: fd as u32,
            parameters: Arc::new(self.settings.parameters(&tcp)),
        })
    }

    fn open(&mut self, fd: i128, port: Option<u16>, early: Option<Rope>) -> Result<(), StackError> {
        let asks = early.is_some();
        let opening = self.opening(fd, port, early).ok_or(StackError::NoConnection)?;
        let connection = if asks {
            self.stack.connect_for_cookie(opening, &mut self.env)?
        } else {
            self.stack.connect(opening, &mut self.env)?
        };
        // A flow of its own, though it may have the ports of one that is gone.
        let flow = self.stack.ends(connection).ok().map(|(local, remote)| self.new_flow(local, remote));
        if let Some(socket) = self.sockets.get_mut(fd) {
            socket.kind = Kind::Stream(Stream::new(connection, flow, false));
        }
        self.sockets.look_at(fd);
        Ok(())
    }

    fn read(&mut self, fd: i128, most: u64, never_waits: bool) -> Step<Return> {
        let Some(socket) = self.sockets.get_mut(fd) else { return Ok(Return::Error("EBADF")) };
        let never_waits = never_waits || socket.is_nonblocking;
        let Kind::Stream(stream) = &mut socket.kind else { return Ok(Return::Error("ENOTCONN")) };
        if let Some(connection) = stream.connection {
            let data = self.stack.read(connection, most, &mut self.env).unwrap_or_default();
            if !data.is_empty() {
                let is_intact = data == Rope::fill(ARRIVING, stream.read, data.len());
                stream.read += data.len();
                return Ok(if is_intact {
                    Return::Value(data.len().into())
                } else {
                    Return::Output("other bytes than those that have arrived".to_owned())
                });
            }
        }
        if let Some(error) = stream.error.take() {
            return Ok(Return::Error(error));
        }
        Ok(match stream.connection {
            _ if stream.is_finished || stream.cannot_read => Return::Value(0),
            None => Return::Value(0),
            Some(_) if never_waits => Return::Error("EAGAIN"),
            Some(_) => Return::Waits,
        })
    }

    fn send(
        &mut self,
        call: &Call,
        fd: i128,
        len: u64,
        flags: &[&str],
        is_first: bool,
        done: &mut u64,
    ) -> Step<Return> {
        let known = ["MSG_NOSIGNAL", "MSG_DONTWAIT", "MSG_FASTOPEN"];
        if flags.iter().any(|flag| !known.contains(flag)) {
            return Err(Unsupported::new("these flags of `send`", call.place).into());
        }
        let write =
            Write { len, opens: is_first && flags.contains(&"MSG_FASTOPEN"), waits: !flags.contains(&"MSG_DONTWAIT") };
        self.write(fd, write, done)
    }

    fn write(&mut self, fd: i128, write: Write, done: &mut u64) -> Step<Return> {
        let Some(socket) = self.sockets.get_mut(fd) else { return Ok(Return::Error("EBADF")) };
        let never_waits = !write.waits || socket.is_nonblocking;
        let is_fresh = matches!(socket.kind, Kind::Fresh);
        if matches!(socket.kind, Kind::Deferred) || is_fresh && write.opens {
            return Ok(self.write_early(fd, write.len, never_waits, done));
        }
        let Kind::Stream(stream) = &mut socket.kind else { return Ok(Return::Error("EPIPE")) };
        let waits = |done: u64| match done {
            _ if !never_waits => Return::Waits,
            0 => Return::Error("EAGAIN"),
            done => Return::Value(done.into()),
        };
        if let Some(error) = stream.error.take() {
            return Ok(Return::Error(error));
        }
        if write.opens && stream.connection.is_some() && stream.written == 0 && *done == 0 {
            return Ok(Return::Error(if stream.is_connected { "EISCONN" } else { "EALREADY" }));
        }
        let Some(connection) = stream.connection.filter(|_| !stream.cannot_write) else {
            return Ok(Return::Error("EPIPE"));
        };
        if !stream.is_connected {
            return Ok(waits(*done));
        }
        let rest = Rope::fill(WRITTEN, stream.written, write.len - *done);
        match self.stack.write(connection, &rest, &mut self.env) {
            Ok(taken) => {
                stream.written += taken;
                *done += taken;
                Ok(if *done == write.len { Return::Value((*done).into()) } else { waits(*done) })
            }
            Err(error) => Ok(Return::Error(errno(error))),
        }
    }

    /// True if the stack has a cookie for this peer: a copy of it is asked to open a connection with data.
    fn has_cookie(&self, fd: i128, port: Option<u16>) -> bool {
        let (mut stack, mut env) = (self.stack.clone(), self.env.clone());
        let Some(opening) = self.opening(fd, port, Some(Rope::fill(WRITTEN, 0, 1))) else { return false };
        if stack.connect(opening, &mut env).is_err() {
            return false;
        }
        stack.flush(&mut env);
        std::iter::from_fn(|| stack.next_output()).any(|output| match output {
            Output::Transmit { packet, .. } => {
                let Some(segment) = protosim_models::tcp::Segment::of(packet) else { return false };
                let cookie = segment.header.options.as_ref().and_then(|options| options.fast_open.as_ref());
                cookie.is_some_and(|cookie| !cookie.is_empty())
            }
            _ => false,
        })
    }

    /// Opens a connection with data. Where there is no cookie for them, nothing has been written yet, as on Linux.
    fn write_early(&mut self, fd: i128, len: u64, never_waits: bool, done: &mut u64) -> Return {
        if !self.settings.fast_open.0 {
            return Return::Error("EOPNOTSUPP");
        }
        let has_cookie = self.has_cookie(fd, None);
        let early = if has_cookie { Rope::fill(WRITTEN, 0, len) } else { Rope::new() };
        if let Err(error) = self.open(fd, None, Some(early)) {
            return Return::Error(errno(error));
        }
        if !has_cookie {
            return if never_waits { Return::Error("EINPROGRESS") } else { Return::Waits };
        }
        if let Some(Kind::Stream(stream)) = self.sockets.get_mut(fd).map(|socket| &mut socket.kind) {
            stream.written = len;
        }
        *done = len;
        Return::Value(len.into())
    }

    fn shutdown(&mut self, fd: i128, how: i128) -> Step<Return> {
        let Some(socket) = self.sockets.get_mut(fd) else { return Ok(Return::Error("EBADF")) };
        let Kind::Stream(stream) = &mut socket.kind else { return Ok(Return::Error("ENOTCONN")) };
        let Some(connection) = stream.connection else { return Ok(Return::Error("ENOTCONN")) };
        stream.cannot_read |= how != 1;
        if how != 0 && !stream.cannot_write {
            stream.cannot_write = true;
            if let Err(error) = self.stack.finish(connection, &mut self.env) {
                return Ok(Return::Error(errno(error)));
            }
        }
        Ok(Return::Value(0))
    }

    fn close(&mut self, fd: i128) -> Step<Return> {
        let Some(socket) = self.sockets.remove(fd) else { return Ok(Return::Error("EBADF")) };
        match socket.kind {
            Kind::Listener(listener) => self.stack.stop_listening(listener, &mut self.env),
            Kind::Stream(Stream { connection: Some(connection), .. }) => {
                // It may be over already.
                let _ = if socket.resets_on_close {
                    self.stack.abort(connection, &mut self.env)
                } else {
                    self.stack.close(connection, &mut self.env)
                };
            }
            _ => {}
        }
        Ok(Return::Value(0))
    }

    /// Bytes that can be read: as many as a copy of the stack gives.
    fn ioctl(&mut self, call: &Call, fd: i128) -> Step<Return> {
        let request = words(call.arguments.get(1));
        if !matches!(request.as_slice(), ["SIOCINQ" | "FIONREAD"]) {
            return Err(Unsupported::new("this request of `ioctl`", call.place).into());
        }
        let Some(socket) = self.sockets.get(fd) else { return Ok(Return::Error("EBADF")) };
        let Kind::Stream(stream) = &socket.kind else { return Ok(Return::Error("EINVAL")) };
        let waiting = stream.connection.map_or(0, |connection| {
            let (mut stack, mut env) = (self.stack.clone(), self.env.clone());
            stack.read(connection, u64::MAX, &mut env).map_or(0, |data| data.len())
        });
        if matches!(call.arguments.get(2), Some(Value::Any)) || number(call, 2)? == i128::from(waiting) {
            return Ok(Return::Value(0));
        }
        Ok(Return::Output(waiting.to_string()))
    }

    fn fcntl(&mut self, call: &Call, fd: i128) -> Step<Return> {
        let Some(socket) = self.sockets.get_mut(fd) else { return Ok(Return::Error("EBADF")) };
        match words(call.arguments.get(1)).as_slice() {
            // O_RDWR, and O_NONBLOCK as x86 and Arm have it.
            ["F_GETFL"] => Ok(Return::Value(if socket.is_nonblocking { 0x802 } else { 0x2 })),
            ["F_SETFL"] => {
                socket.is_nonblocking = words(call.arguments.get(2)).contains(&"O_NONBLOCK");
                Ok(Return::Value(0))
            }
            _ => Err(Unsupported::new("this request of `fcntl`", call.place).into()),
        }
    }
}

/// A refusal of the stack as a socket tells it.
fn errno(error: StackError) -> &'static str {
    match error {
        StackError::NoConnection | StackError::Finished => "EPIPE",
        StackError::PortTaken(_) => "EADDRINUSE",
        StackError::NoFreePort => "EADDRNOTAVAIL",
        StackError::OutOfMemory => "ENOMEM",
    }
}
