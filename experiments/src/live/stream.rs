//! A stream over a real socket that does not block: what a simulated connection tells its application, this one does.
//!
//! | of a simulated connection | of a real one |
//! |---|---|
//! | the send buffer | the system's; ours, until the connection is there |
//! | the receive buffer | the system's, and at most [`MOST_UNREAD`] of ours, by which a FIN behind them is seen |
//! | the window closes when the application does not read | so it does: what fills ours stays with the system |
//! | `Done` when the FIN is acknowledged | `Done` when both ends have finished; the system sees to the rest |
//! | `TimedOut` in FIN-WAIT-2 | the same, counted from the FIN on |

use bytes::BytesMut;
use mio::net::TcpStream;
use protosim_core::Span;
use protosim_models::Rope;
use protosim_models::app::StreamEvent;
use protosim_models::tcp::{CloseReason, Parameters, State, TcpInfo};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

/// What may wait for the application, beside what waits in the system \[bytes\] (our choice).
pub(super) const MOST_UNREAD: usize = 256 << 10;
/// What a stream takes or gives in one turn; then others have theirs \[bytes\] (our choice).
const TURN: u64 = 256 << 10;
/// How much is handed to the system at once \[bytes\] (our choice).
const PIECE: u64 = 64 << 10;

/// See the module.
#[derive(Debug)]
pub(super) struct Stream {
    /// `None` when it is over.
    socket: Option<TcpStream>,
    pub(super) local: SocketAddr,
    pub(super) peer: SocketAddr,
    phase: Phase,
    /// The system has said so, and has not taken it back.
    pub(super) may_read: bool,
    pub(super) may_write: bool,
    /// The system has said that it has an error to tell, or that the connection is gone.
    pub(super) has_error: bool,
    pub(super) has_hung_up: bool,
    /// It waits for its turn.
    pub(super) is_queued: bool,
    /// Written before the connection was there.
    unsent: Rope,
    most_unsent: u64,
    unread: BytesMut,
    most_unread: usize,
    /// A write was not taken whole.
    wants_room: bool,
    /// In which turn `budget` was full, and what is left of it.
    turn: u64,
    budget: u64,
    /// The application has finished, and the system knows.
    is_finishing: bool,
    is_shut: bool,
    /// The application wants no more of it.
    is_closed: bool,
    peer_has_finished: bool,
    /// How it ends when what has come before has been read.
    failure: Option<CloseReason>,
    fin_wait_2: Span,
    /// Handed to the system, and taken from it \[bytes\].
    sent: u64,
    received: u64,
}

/// How far it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Connecting,
    Open,
    Over(CloseReason),
}

/// Why a stream refuses a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Refusal {
    /// It is over, by the application's own will.
    Gone,
    /// The direction is finished.
    Finished,
}

type Told<'a> = &'a mut dyn FnMut(StreamEvent);

impl Stream {
    fn new(socket: TcpStream, phase: Phase, ends: [SocketAddr; 2], parameters: &Parameters) -> Self {
        let [local, peer] = ends;
        let is_open = phase == Phase::Open;
        Self {
            socket: Some(socket),
            local,
            peer,
            phase,
            may_read: is_open,
            may_write: is_open,
            has_error: false,
            has_hung_up: false,
            is_queued: false,
            unsent: Rope::new(),
            most_unsent: parameters.send_buffer,
            unread: BytesMut::new(),
            most_unread: usize::try_from(parameters.receive_buffer).unwrap_or(usize::MAX).clamp(1, MOST_UNREAD),
            wants_room: false,
            turn: 0,
            budget: 0,
            is_finishing: false,
            is_shut: false,
            is_closed: false,
            peer_has_finished: false,
            failure: None,
            fin_wait_2: parameters.fin_wait_2,
            sent: 0,
            received: 0,
        }
    }

    /// One that is being opened. `early` is written first.
    pub(super) fn connecting(socket: TcpStream, ends: [SocketAddr; 2], early: Rope, parameters: &Parameters) -> Self {
        let mut stream = Self::new(socket, Phase::Connecting, ends, parameters);
        stream.unsent = early;
        stream
    }

    /// One that has come in.
    pub(super) fn accepted(socket: TcpStream, ends: [SocketAddr; 2], parameters: &Parameters) -> Self {
        Self::new(socket, Phase::Open, ends, parameters)
    }

    /// The system has refused it at once.
    pub(super) fn fail(&mut self, reason: CloseReason) {
        self.failure = Some(reason);
    }

    /// The socket, to be watched.
    pub(super) fn socket_mut(&mut self) -> Option<&mut TcpStream> {
        self.socket.as_mut()
    }

    /// It has its turn: does what can be done, and tells what has come of it. True if it wants another one.
    pub(super) fn serve(&mut self, scratch: &mut [u8], tell: Told<'_>) -> bool {
        if std::mem::take(&mut self.has_error)
            && let Some(error) = self.socket.as_ref().and_then(|socket| socket.take_error().ok().flatten())
        {
            self.failure.get_or_insert(reason_of(&error));
        }
        if self.phase == Phase::Connecting {
            self.try_connect(tell);
        }
        if self.phase != Phase::Open {
            return false;
        }
        self.send_unsent();
        self.fill(scratch, tell);
        self.settle(tell);
        if self.phase == Phase::Open && self.wants_room && self.may_write && self.unsent.is_empty() {
            self.wants_room = false;
            tell(StreamEvent::Writable);
        }
        self.wants_turn()
    }

    /// True if there is something to be done without waiting for the system.
    pub(super) fn wants_turn(&self) -> bool {
        let reads = self.may_read && !self.peer_has_finished && self.unread.len() < self.most_unread;
        let writes = self.may_write && (self.wants_room || !self.unsent.is_empty());
        self.phase == Phase::Open && (reads || writes || self.failure.is_some())
    }

    /// Is the connection there?
    fn try_connect(&mut self, tell: Told<'_>) {
        if let Some(reason) = self.failure {
            return self.end(reason, tell);
        }
        match self.socket.as_ref().map(TcpStream::peer_addr) {
            Some(Ok(_)) => {
                self.phase = Phase::Open;
                (self.may_read, self.may_write) = (true, true);
                if let Some(Ok(local)) = self.socket.as_ref().map(TcpStream::local_addr) {
                    self.local = local;
                }
                tell(StreamEvent::Connected);
            }
            // Not yet; or never, and the system has told why before.
            Some(Err(_)) if !self.has_hung_up => {}
            _ => self.end(CloseReason::Refused, tell),
        }
    }

    /// Takes from the system what has come, as far as there is room.
    fn fill(&mut self, scratch: &mut [u8], tell: Told<'_>) {
        let (mut taken, had_finished) = (0, self.peer_has_finished);
        while self.may_read && !self.peer_has_finished && self.unread.len() < self.most_unread && taken < TURN {
            let Some(socket) = &mut self.socket else { break };
            let room = scratch.len().min(self.most_unread - self.unread.len());
            match socket.read(&mut scratch[..room]) {
                Ok(0) => self.peer_has_finished = true,
                Ok(len) => {
                    self.unread.extend_from_slice(&scratch[..len]);
                    taken += len as u64;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.may_read = false;
                    if error.kind() != ErrorKind::WouldBlock {
                        self.failure.get_or_insert(reason_of(&error));
                    }
                }
            }
        }
        self.received += taken;
        if taken > 0 && self.is_closed {
            // RFC 9293 §3.6.1: nobody will read it, and the peer must know.
            return self.reset(tell);
        }
        if taken > 0 {
            tell(StreamEvent::Readable);
        }
        // An end without a failure: a connection that has broken has none.
        if self.peer_has_finished && !had_finished && self.failure.is_none() {
            tell(StreamEvent::Finished);
        }
    }

    /// Is it over?
    fn settle(&mut self, tell: Told<'_>) {
        if self.phase != Phase::Open {
            return;
        }
        if let Some(reason) = self.failure {
            let more_may_come = self.may_read && !self.peer_has_finished && self.unread.len() < self.most_unread;
            if !more_may_come || self.is_closed {
                self.end(reason, tell);
            }
        } else if self.is_shut && self.peer_has_finished && self.unread.is_empty() {
            self.end(CloseReason::Done, tell);
        }
    }

    /// Hands over what was written before the connection was there.
    fn send_unsent(&mut self) {
        if !self.unsent.is_empty() && self.may_write {
            let unsent = std::mem::take(&mut self.unsent);
            let taken = self.send(&unsent, TURN);
            self.unsent = unsent.slice(taken, u64::MAX);
        }
        if self.is_finishing {
            self.shut();
        }
    }

    /// Hands at most `most` bytes to the system: says how many it has taken.
    fn send(&mut self, data: &Rope, most: u64) -> u64 {
        let (mut sent, most) = (0, most.min(data.len()));
        while sent < most && self.may_write {
            let Some(socket) = &mut self.socket else { break };
            let piece = data.slice(sent, PIECE.min(most - sent)).to_bytes();
            match socket.write(&piece) {
                Ok(0) => self.may_write = false,
                Ok(len) => sent += len as u64,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.may_write = false;
                    if error.kind() != ErrorKind::WouldBlock {
                        self.failure.get_or_insert(reason_of(&error));
                        // What has come before can be read still.
                        self.may_read = true;
                    }
                }
            }
        }
        self.sent += sent;
        sent
    }

    /// Sends the FIN, when everything before it is with the system.
    fn shut(&mut self) {
        if self.phase == Phase::Open && self.unsent.is_empty() && !self.is_shut && self.failure.is_none() {
            self.is_shut = true;
            if let Some(Err(error)) = self.socket.as_ref().map(|socket| socket.shutdown(Shutdown::Write)) {
                self.failure.get_or_insert(reason_of(&error));
            }
        }
    }

    /// Takes data to be sent; says how many bytes of them.
    pub(super) fn write(&mut self, data: &Rope, turn: u64) -> Result<u64, Refusal> {
        self.is_there()?;
        if self.is_finishing {
            return Err(Refusal::Finished);
        }
        let taken = match self.phase {
            Phase::Connecting => {
                let taken = data.len().min(self.most_unsent.saturating_sub(self.unsent.len()));
                self.unsent.append(&data.slice(0, taken));
                taken
            }
            Phase::Open if self.unsent.is_empty() && self.failure.is_none() => {
                if turn != self.turn {
                    (self.turn, self.budget) = (turn, TURN);
                }
                let taken = self.send(data, self.budget);
                self.budget -= taken;
                taken
            }
            // `Closed` follows.
            Phase::Open | Phase::Over(_) => 0,
        };
        self.wants_room = taken < data.len();
        Ok(taken)
    }

    /// Gives at most `most` bytes that have come.
    pub(super) fn read(&mut self, most: u64, tell: Told<'_>) -> Result<Rope, Refusal> {
        self.is_there()?;
        let len = self.unread.len().min(usize::try_from(most).unwrap_or(usize::MAX));
        let data = self.unread.split_to(len).freeze();
        self.settle(tell);
        Ok(Rope::from(data))
    }

    /// The application has finished.
    pub(super) fn finish(&mut self, tell: Told<'_>) -> Result<(), Refusal> {
        self.is_there()?;
        self.is_finishing = true;
        self.shut();
        self.settle(tell);
        Ok(())
    }

    /// The application wants no more of it; says for how long the peer's end is waited for at most.
    pub(super) fn close(&mut self, tell: Told<'_>) -> Result<Option<Span>, Refusal> {
        self.is_there()?;
        match self.phase {
            Phase::Over(_) => return Ok(None),
            // As in the simulator: it comes to nothing.
            Phase::Connecting => self.end(CloseReason::Aborted, tell),
            Phase::Open if !self.unread.is_empty() => self.reset(tell),
            Phase::Open => {
                self.is_closed = true;
                self.finish(tell)?;
            }
        }
        Ok(Some(self.fin_wait_2).filter(|span| !span.is_zero() && self.phase == Phase::Open))
    }

    /// The application gives it up.
    pub(super) fn abort(&mut self, tell: Told<'_>) -> Result<(), Refusal> {
        self.is_there()?;
        if !matches!(self.phase, Phase::Over(_)) {
            self.reset(tell);
        }
        Ok(())
    }

    /// The peer does not end a connection that the application has closed.
    pub(super) fn give_up(&mut self, tell: Told<'_>) {
        if self.is_closed && self.phase == Phase::Open {
            self.end(CloseReason::TimedOut, tell);
        }
    }

    /// Ends it with a reset.
    fn reset(&mut self, tell: Told<'_>) {
        if let Some(socket) = &self.socket {
            // Without a linger time, closing a socket resets its connection (`socket(7)`); where that fails, it is closed at least.
            let _ = socket2::SockRef::from(socket).set_linger(Some(Duration::ZERO));
        }
        self.end(CloseReason::Aborted, tell);
    }

    fn end(&mut self, reason: CloseReason, tell: Told<'_>) {
        self.phase = Phase::Over(reason);
        self.socket = None;
        tell(StreamEvent::Closed(reason));
    }

    fn is_there(&self) -> Result<(), Refusal> {
        if self.phase == Phase::Over(CloseReason::Aborted) { Err(Refusal::Gone) } else { Ok(()) }
    }

    /// How it stands, as far as it is known without the system: its state, without what the peer has acknowledged, its bytes, and
    /// the largest segment. Everything else is 0, or what stands for none.
    pub(super) fn info(&self) -> Result<TcpInfo, Refusal> {
        self.is_there()?;
        let state = match self.phase {
            Phase::Connecting => State::SynSent,
            Phase::Over(_) => State::Closed,
            Phase::Open => match (self.is_shut, self.peer_has_finished) {
                (false, false) => State::Established,
                (true, false) => State::FinWait1,
                (false, true) => State::CloseWait,
                (true, true) => State::TimeWait,
            },
        };
        Ok(TcpInfo {
            state,
            snd_mss: self.socket.as_ref().map_or(0, mss_of),
            snd_ssthresh: u32::MAX,
            min_rtt: u32::MAX,
            pacing_rate: u64::MAX,
            bytes_sent: self.sent,
            bytes_received: self.received,
            notsent_bytes: self.unsent.len(),
            ..TcpInfo::default()
        })
    }
}

/// The largest segment of a connection, where the system says so; else 0.
fn mss_of(socket: &TcpStream) -> u32 {
    #[cfg(unix)]
    return socket2::SockRef::from(socket).tcp_mss().unwrap_or(0);
    #[cfg(not(unix))]
    return (socket, 0).1;
}

/// What the system's error makes of a connection.
pub(super) fn reason_of(error: &io::Error) -> CloseReason {
    match error.kind() {
        // A router says so, too.
        ErrorKind::ConnectionRefused | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
            CloseReason::Refused
        }
        ErrorKind::TimedOut => CloseReason::TimedOut,
        ErrorKind::OutOfMemory => CloseReason::OutOfMemory,
        _ => CloseReason::Reset,
    }
}
