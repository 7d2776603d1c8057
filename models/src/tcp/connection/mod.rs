//! One connection: the machine of RFC 9293.
//!
//! Offsets of 64 bits stand for sequence numbers: 0 is the SYN, 1 the first byte. Within one instant segments, commands and time-outs
//! come first; [`Connection::flush`] then decides what is sent, so that acknowledgements ride on data.
//!
//! | file | what |
//! |---|---|
//! | `handshake` | opening, and what is agreed on |
//! | `input` | an arriving segment, in the order of RFC 9293 §3.10.7.4 |
//! | `ack` | what acknowledgements bring: round trips, delivery rate, the window |
//! | `loss` | recovery: when, how fast, and when it was for nothing |
//! | `rack` | losses by time, and probes of the tail (RFC 8985) |
//! | `output` | what is sent at the end of an instant |
//! | `timers` | time-outs |
//! | `scoreboard`, `send_buffer`, `receive`, `seq` | what was sent, what is to be sent, what has come |

mod ack;
mod handshake;
mod input;
mod loss;
mod moment;
mod output;
mod rack;
mod receive;
mod report;
mod scoreboard;
mod send_buffer;
mod seq;
#[cfg(test)]
mod tests;
mod timers;

pub(in crate::tcp) use handshake::shift_for;
pub use handshake::{Agreed, Offer};

use super::congestion::{Congestion, Phase, Window};
use super::ends::Ends;
use super::{CloseReason, Notice, Parameters, Segment, StackError, State, Trace};
use crate::lazy::Lazy;
use crate::packet::Packet;
use crate::recovery::RttEstimator;
use crate::rope::Rope;
use bytes::Bytes;
use loss::Recovery;
use moment::Moment;
use output::Output;
use protosim_core::{Deadline, LocalTime, Machine, MachineCx, Span};
use rack::Rack;
use receive::Receiver;
use scoreboard::Scoreboard;
use send_buffer::SendBuffer;
use std::sync::Arc;
use timers::Timers;

/// One end of a connection.
#[derive(Clone, Debug)]
pub struct Connection {
    ends: Ends,
    parameters: Arc<Parameters>,
    state: State,
    agreed: Agreed,
    /// The initial send sequence number.
    iss: u32,
    /// SND.UNA.
    snd_una: u64,
    /// SND.NXT.
    snd_nxt: u64,
    /// After the last offset that was ever sent; more than SND.NXT after a window probe alone.
    snd_max: u64,
    /// SND.WND \[bytes\].
    snd_wnd: u64,
    /// SND.WL1: the peer's offset of the segment that last told the window.
    snd_wl1: u64,
    /// SND.WL2: its acknowledgment.
    snd_wl2: u64,
    /// The largest window that the peer has offered \[bytes\].
    max_snd_wnd: u64,
    buffer: SendBuffer,
    /// The application has finished: the FIN comes at the buffer's end.
    is_finishing: bool,
    /// The application wants no more of it.
    is_closed: bool,
    /// The application knows that it is over.
    is_told: bool,
    /// A write was not taken whole.
    wants_room: bool,
    /// Bytes acknowledged whose memory is not given back yet.
    freed: u64,
    scoreboard: Lazy<Scoreboard>,
    rtt: RttEstimator,
    /// As last measured; zero before.
    last_rtt: Span,
    min_rtt: MinRtt,
    window: Window,
    congestion: Congestion,
    recovery: Recovery,
    rack: Rack,
    delivery: Delivery,
    output: Output,
    receiver: Receiver,
    timers: Timers,
    counts: Counts,
    /// Bytes of the host's memory that it has taken.
    reserved: u64,
    /// Observers are told what it does.
    pub(super) observes: bool,
}

/// The least round trip of late.
#[derive(Clone, Copy, Debug)]
struct MinRtt {
    value: Span,
    at: LocalTime,
}

impl MinRtt {
    /// A round trip; the least one counts for `window`.
    fn add(&mut self, rtt: Span, now: LocalTime, window: Span) {
        if rtt <= self.value || now.saturating_since(self.at) > window {
            *self = Self { value: rtt, at: now };
        }
    }
}

/// What has been delivered, for samples of the rate (draft-cheng-iccrg-delivery-rate-estimation).
#[derive(Clone, Copy, Debug)]
struct Delivery {
    /// Bytes.
    total: u64,
    /// Bytes whose acknowledgement said that a queue had marked a packet.
    marked: u64,
    /// Bytes ever held lost.
    lost: u64,
    /// Samples are limited by the application until so many bytes are delivered; 0 if they are not.
    app_limited_until: u64,
    /// The last sample \[bytes/s\].
    rate: u64,
}

/// What has happened so far, for reports.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    segments_out: u64,
    segments_in: u64,
    data_segments_out: u64,
    data_segments_in: u64,
    bytes_sent: u64,
    bytes_retransmitted: u64,
    retransmissions: u32,
    timeouts: u32,
    dsacks: u32,
    out_of_order: u32,
    reorderings: u32,
    zero_windows: u32,
    /// Time with data in flight, up to `busy_since`.
    busy: Span,
    busy_since: Option<Moment>,
    /// Time in which the peer's window held data back.
    window_limited: Span,
    window_limited_since: Option<Moment>,
}

/// A command to a connection, for drivers that speak to machines by messages.
#[derive(Clone, Debug)]
pub enum Command {
    /// See [`Connection::write`].
    Write(Rope),
    /// See [`Connection::finish`].
    Finish,
    /// See [`Connection::close`].
    Close,
    /// See [`Connection::abort`].
    Abort,
    /// See [`Connection::flush`].
    Flush,
}

/// What reaches the world from a connection.
pub type Cx<'a> = MachineCx<'a, Connection>;

impl Machine for Connection {
    /// A segment in its packet.
    type Message = Box<Packet>;
    type Command = Command;
    type Notice = Notice;
    type Trace = Trace;
    type Misuse = StackError;

    fn handle_message(&mut self, message: Box<Packet>, cx: &mut Cx<'_>) {
        if let Some(segment) = Segment::of(message) {
            self.handle_segment(&segment, cx);
        }
    }

    fn handle_command(&mut self, command: Command, cx: &mut Cx<'_>) -> Result<(), StackError> {
        match command {
            Command::Write(data) => self.write(&data, cx).map(drop),
            Command::Finish => self.finish(),
            Command::Close => self.close(cx),
            Command::Abort => self.abort(cx),
            Command::Flush => {
                self.flush(cx);
                Ok(())
            }
        }
    }

    fn handle_timeout(&mut self, cx: &mut Cx<'_>) {
        self.run_timers(cx);
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        self.timers.next(self.receiver.ack.deadline)
    }
}

/// The host's memory that a connection takes beside its data \[bytes\]: as lwIP's and Linux's control blocks, by order of magnitude.
const CONTROL_BLOCK: u64 = 512;

impl Connection {
    /// A connection that nothing has happened to. `mtu` is that of the way out.
    fn new(parameters: Arc<Parameters>, offer: Offer, cx: &mut Cx<'_>) -> Result<Self, StackError> {
        cx.reserve(CONTROL_BLOCK).map_err(|_| StackError::OutOfMemory)?;
        let now = cx.now();
        let (ends, observes, iss) = (offer.ends, offer.observes, offer.iss);
        let agreed = Agreed::new(offer, &parameters);
        let mss = agreed.send_mss();
        let initial_window = u64::from(parameters.initial_window);
        Ok(Self {
            ends,
            state: State::Closed,
            agreed,
            iss,
            snd_una: 0,
            snd_nxt: 0,
            snd_max: 0,
            snd_wnd: 0,
            snd_wl1: 0,
            snd_wl2: 0,
            max_snd_wnd: 0,
            buffer: SendBuffer::new(),
            is_finishing: false,
            is_closed: false,
            is_told: false,
            wants_room: false,
            freed: 0,
            scoreboard: Lazy::new(),
            rtt: RttEstimator::new(),
            last_rtt: Span::ZERO,
            min_rtt: MinRtt { value: Span::MAX, at: now },
            window: Window { cwnd: initial_window * mss, ssthresh: u64::MAX, mss },
            congestion: parameters.congestion.build(parameters.pacing),
            recovery: Recovery::new(),
            rack: Rack::new(),
            delivery: Delivery { total: 0, marked: 0, lost: 0, app_limited_until: 0, rate: 0 },
            output: Output::new(&parameters),
            receiver: Receiver::new(&parameters),
            timers: Timers::new(now),
            counts: Counts::default(),
            reserved: CONTROL_BLOCK,
            observes,
            parameters,
        })
    }

    /// Who speaks to whom.
    pub const fn ends(&self) -> &Ends {
        &self.ends
    }

    /// The state.
    pub const fn state(&self) -> State {
        self.state
    }

    /// What it goes by.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Bytes that wait to be read.
    pub const fn readable(&self) -> u64 {
        self.receiver.unread()
    }

    /// The peer has finished and everything has been read.
    pub fn is_at_end(&self) -> bool {
        self.receiver.is_finished() && self.receiver.unread() == 0
    }

    /// True if it may be forgotten: it is closed, and nobody will ask for it.
    pub const fn is_over(&self) -> bool {
        matches!(self.state, State::Closed) && self.is_told
    }

    /// The peer has finished, and everything before that has arrived.
    pub fn is_finished(&self) -> bool {
        self.receiver.is_finished()
    }

    /// True in TIME-WAIT, if this SYN cannot be one of old (RFC 9293 §3.10.7.4): its stamp is later than all that have come, or its
    /// number is where stamps do not tell (RFC 6191 §2).
    pub(super) fn may_be_reopened(&self, syn: &crate::packet::TcpHeader) -> bool {
        let is_later = seq::ahead(self.receiver.irs, self.receiver.nxt, syn.sequence) > 0;
        let stamps = syn.timestamps.filter(|_| self.parameters.timestamps);
        let is_new = match stamps {
            Some(stamps) if self.agreed.timestamps => {
                seq::is_before(self.agreed.ts_recent, stamps.value)
                    || (stamps.value == self.agreed.ts_recent && is_later)
            }
            // The earlier connection had none.
            Some(_) => true,
            None => is_later,
        };
        self.state == State::TimeWait && is_new
    }

    /// The sequence number behind all that were used.
    pub(super) const fn next_sequence(&self) -> u32 {
        seq::wire(self.iss, self.snd_max)
    }

    /// It is over, and makes way for another one between the same ends.
    pub(super) fn forget(&mut self, cx: &mut Cx<'_>) {
        if !self.is_told {
            self.is_told = true;
            cx.notify(Notice::Closed(CloseReason::Done));
        }
        self.state = State::Closed;
        cx.release(std::mem::take(&mut self.reserved));
    }

    /// It comes to nothing before anyone knows of it.
    pub(super) fn discard(mut self, cx: &mut Cx<'_>) {
        cx.release(std::mem::take(&mut self.reserved));
    }

    /// A router says that nobody is there, while the connection is being opened.
    pub(super) fn refuse(&mut self, cx: &mut Cx<'_>) {
        self.die(CloseReason::Refused, cx);
    }

    /// Takes data to be sent, as many bytes from the start as there is room for.
    ///
    /// # Errors
    /// When the connection is over or this direction is finished.
    pub fn write(&mut self, data: &Rope, cx: &mut Cx<'_>) -> Result<u64, StackError> {
        if self.state == State::Closed {
            return Err(StackError::NoConnection);
        }
        if self.is_finishing {
            return Err(StackError::Finished);
        }
        let room = self.parameters.send_buffer.saturating_sub(self.buffer.len());
        let mut taken = room.min(data.len());
        if let Err(full) = cx.reserve(taken) {
            taken = taken.min(full.free);
            if cx.reserve(taken).is_err() {
                taken = 0;
            }
        }
        self.reserved += taken;
        self.buffer.write(data, taken);
        self.wants_room = taken < data.len();
        Ok(taken)
    }

    /// Takes at most `most` bytes that have arrived in order.
    pub fn read(&mut self, most: u64, cx: &mut Cx<'_>) -> Rope {
        let data = self.receiver.read(most);
        let len = data.len();
        self.give_back(len, cx);
        if !self.is_told && matches!(self.state, State::Closed | State::TimeWait) {
            self.tell_done(cx);
        }
        // RFC 9293 §3.8.6.2.2: the peer is told when the window has grown enough to be worth it.
        if self.is_synchronized() && !self.receiver.is_finished() && len > 0 {
            let window = self.receiver.new_window(&self.parameters, self.agreed.most_window());
            let known = self.receiver.window();
            let worth = (self.parameters.receive_buffer / 2).min(2 * self.receiver.mss);
            // Only where it was unread data that closed it: a window that the SYN could not tell of grows with acknowledgements.
            let free = self.parameters.receive_buffer.saturating_sub(self.receiver.unread() + len);
            let was_closed = known + worth >= free;
            if was_closed && (window >= known + worth || (known < self.receiver.mss && window > known)) {
                self.receiver.ack.owed = self.receiver.ack.owed.max(receive::Owed::Now);
            }
        }
        data
    }

    /// Finishes this direction after what has been written (RFC 9293 §3.10.4).
    ///
    /// # Errors
    /// When the connection is over.
    pub fn finish(&mut self) -> Result<(), StackError> {
        if self.state == State::Closed {
            return Err(StackError::NoConnection);
        }
        self.is_finishing = true;
        Ok(())
    }

    /// The application wants no more of it. Data that it has not read reset the connection (RFC 9293 §3.6.1).
    ///
    /// # Errors
    /// When the connection is over.
    pub fn close(&mut self, cx: &mut Cx<'_>) -> Result<(), StackError> {
        if self.state == State::Closed {
            return Err(StackError::NoConnection);
        }
        if self.state == State::SynSent {
            self.die(CloseReason::Aborted, cx);
            return Ok(());
        }
        if self.receiver.unread() > 0 {
            return self.abort(cx);
        }
        self.is_closed = true;
        self.finish()?;
        if self.state == State::FinWait2 {
            self.enter_fin_wait_2(cx);
        }
        Ok(())
    }

    /// Resets the connection (RFC 9293 §3.10.5).
    ///
    /// # Errors
    /// When the connection is over.
    pub fn abort(&mut self, cx: &mut Cx<'_>) -> Result<(), StackError> {
        if self.state == State::Closed {
            return Err(StackError::NoConnection);
        }
        if self.is_synchronized() && self.state != State::TimeWait {
            self.send_reset(cx);
        }
        self.die(CloseReason::Aborted, cx);
        Ok(())
    }

    /// Turns holding small segments back on or off.
    pub const fn set_nagle(&mut self, nagle: bool) {
        self.output.holds_small = nagle;
    }

    /// True if both ends have agreed on initial sequence numbers (RFC 9293 §3.3.2).
    const fn is_synchronized(&self) -> bool {
        !matches!(self.state, State::Closed | State::Listen | State::SynSent)
    }

    /// The offset of the FIN, once the application has finished.
    const fn fin_offset(&self) -> Option<u64> {
        if self.is_finishing { Some(self.buffer.end()) } else { None }
    }

    fn set_state(&mut self, to: State, cx: &mut Cx<'_>) {
        let from = std::mem::replace(&mut self.state, to);
        if self.observes {
            cx.observe(Trace::State { from, to });
        }
    }

    /// It is over at once.
    fn die(&mut self, reason: CloseReason, cx: &mut Cx<'_>) {
        self.set_state(State::Closed, cx);
        self.timers.clear();
        self.receiver.ack.deadline = None;
        self.receiver.ack.owed = receive::Owed::Nothing;
        if self.is_told {
            cx.release(std::mem::take(&mut self.reserved));
        } else if reason == CloseReason::Done && self.receiver.unread() > 0 && !self.is_closed {
            // It is kept until it has been read.
            self.give_back(self.reserved.saturating_sub(self.receiver.unread()), cx);
        } else {
            cx.release(std::mem::take(&mut self.reserved));
            self.is_told = true;
            cx.notify(Notice::Closed(reason));
        }
    }

    fn give_back(&mut self, bytes: u64, cx: &mut Cx<'_>) {
        let bytes = bytes.min(self.reserved);
        self.reserved -= bytes;
        cx.release(bytes);
    }

    fn now_busy(&mut self, now: LocalTime) {
        let in_flight = self.snd_una < self.snd_nxt;
        match (in_flight, self.counts.busy_since) {
            (true, None) => self.counts.busy_since = Some(now.into()),
            (false, Some(since)) => {
                self.counts.busy = self.counts.busy.saturating_add(now.saturating_since(since.time()));
                self.counts.busy_since = None;
            }
            _ => {}
        }
    }

    const fn phase(&self) -> Phase {
        self.recovery.phase
    }

    /// The cookie that the peer has given, if it has just given one (RFC 7413 §4.1.2).
    pub fn take_cookie(&mut self) -> Option<Bytes> {
        self.agreed.cookie.take().map(|cookie| *cookie)
    }
}
