//! How a station gets a frame across: unslotted CSMA/CA, acknowledgement, retries (IEEE 802.15.4-2006 §7.5.1.4 and §7.5.6).
//!
//! ```text
//!             BE = macMinBE, NB = 0
//!  start ──▶ Backoff ──▶ Sense ──idle──▶ Turn ──▶ Send ──▶ AwaitAck ──ack──▶ Done: sent
//!               ▲          │                        │         │ macAckWaitDuration passes
//!               │        busy: NB + 1, BE + 1       │         ├─ retries left: from the start, with the same number
//!               └──────────┤                        │         └─▶ Done: no acknowledgement
//!                          └─▶ Done: no access      └─▶ Done: sent, where none is wanted
//! ```
//! [`Transmitter`] knows no clock: each [`Step`] says for how long it lasts, and the owner tells what came of it by an [`Event`]. So it
//! runs on any clock, and an account of energy can be kept from the steps alone.

use super::timing::{ACK_WAIT, CCA, SHR, SYMBOLS_PER_BYTE, Symbols, TURNAROUND, UNIT_BACKOFF_PERIOD};
use super::timing::{MAX_PHY_PACKET_SIZE, air_time, interframe_space};
use protosim_core::Span;

/// Draws a uniform integer below its argument, such as [`Stream::below`](protosim_core::random::Stream::below).
pub type Draw<'a> = dyn FnMut(u64) -> u64 + 'a;

/// How often, and how patiently.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CsmaParameters {
    /// macMinBE: the first wait is up to 2^BE - 1 unit backoff periods. 0 to `max_be`.
    pub min_be: u8,
    /// macMaxBE. 3 to 8 in the standard.
    pub max_be: u8,
    /// macMaxCSMABackoffs: how often a busy channel is met with another wait. 0 to 5 in the standard.
    pub max_backoffs: u8,
    /// macMaxFrameRetries: how often a frame goes again that was not acknowledged. 0 to 7 in the standard.
    pub max_retries: u8,
}

/// What the radio does next, and for how long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// It waits without listening. Then: [`Event::Elapsed`].
    Backoff(Span),
    /// It listens whether anybody sends. Then: [`Event::Idle`] or [`Event::Busy`].
    Sense(Span),
    /// It turns from receiving to sending. Then: [`Event::Elapsed`].
    Turn(Span),
    /// It sends the frame. Then: [`Event::Elapsed`].
    Send(Span),
    /// It listens for the acknowledgement. [`Event::Acknowledged`] may come meanwhile; else then: [`Event::Elapsed`].
    AwaitAck(Span),
    /// It is over. The station sends nothing more for as long as `rest` (the interframe space).
    Done {
        /// What became of the frame.
        outcome: Outcome,
        /// The interframe space.
        rest: Span,
    },
}

/// What became of a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// Its time is over.
    Elapsed,
    /// Nobody was heard in all the time of sensing.
    Idle,
    /// Somebody was heard.
    Busy,
    /// An acknowledgement has come.
    Acknowledged {
        /// The number in it.
        sequence: u8,
        /// Its pending bit.
        is_pending: bool,
    },
}

/// What became of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It was sent, and acknowledged if that was wanted.
    Sent {
        /// How often it was sent again.
        retries: u8,
        /// The pending bit of the acknowledgement.
        is_pending: bool,
    },
    /// It was never acknowledged, however often it was sent. It may have come across.
    NoAck,
    /// The channel was busy too often.
    ChannelAccessFailure {
        /// How often the frame was sent again before.
        retries: u8,
    },
}

/// Gets one frame at a time across.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transmitter {
    parameters: CsmaParameters,
    state: Option<Attempt>,
}

/// A frame that is being got across.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Attempt {
    sequence: u8,
    mpdu_len: usize,
    wants_ack: bool,
    retries: u8,
    /// NB: how often the channel was busy in this attempt.
    backoffs: u8,
    /// BE.
    exponent: u8,
    phase: Phase,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Backoff,
    Sense,
    Turn,
    Send,
    AwaitAck,
}

impl Default for CsmaParameters {
    /// The standard's: 3, 5, 4 and 3.
    fn default() -> Self {
        Self { min_be: 3, max_be: 5, max_backoffs: 4, max_retries: 3 }
    }
}

impl CsmaParameters {
    /// BE after `busy` times that the channel was busy.
    fn exponent(&self, busy: u8) -> u8 {
        self.min_be.saturating_add(busy).min(self.max_be)
    }

    /// Unit backoff periods of the longest waits for the channel, all of them together.
    fn longest_backoffs(&self) -> u64 {
        (0..=self.max_backoffs).map(|busy| (1_u64 << self.exponent(busy).min(63)) - 1).sum()
    }

    /// The longest time from the start to the first bit of a frame, or to the failure.
    pub fn longest_access(&self) -> Span {
        let senses = u64::from(self.max_backoffs) + 1;
        Symbols(self.longest_backoffs() * UNIT_BACKOFF_PERIOD.0 + senses * CCA.0 + TURNAROUND.0).span()
    }

    /// How much later than for the first time a frame of `mpdu_len` bytes can come for the last time, if it is sent again at once. Who
    /// remembers its number for so long and no longer takes no frame twice, and no new frame for an old one.
    pub fn longest_repetition(&self, mpdu_len: usize) -> Span {
        (self.longest_access() + air_time(mpdu_len) + ACK_WAIT.span()) * u64::from(self.max_retries)
    }

    /// macMaxFrameTotalWaitTime: how long a child listens for a frame that an acknowledgement with the pending bit has promised
    /// (§7.4.2, equation 14): the longest wait for the channel and the longest frame.
    pub fn max_frame_total_wait(&self) -> Span {
        let longest_frame = SHR.0 + (MAX_PHY_PACKET_SIZE as u64 + 1) * SYMBOLS_PER_BYTE;
        let growing = self.max_be.saturating_sub(self.min_be).min(self.max_backoffs);
        let power = |exponent: u8| 1_u64 << exponent.min(63);
        let periods = (0..growing).map(|step| power(self.min_be + step)).sum::<u64>()
            + (power(self.max_be) - 1) * u64::from(self.max_backoffs - growing);
        Symbols(periods * UNIT_BACKOFF_PERIOD.0 + longest_frame).span()
    }
}

impl Transmitter {
    /// One that is idle.
    pub const fn new(parameters: CsmaParameters) -> Self {
        Self { parameters, state: None }
    }

    /// True while a frame is being got across.
    pub const fn is_busy(&self) -> bool {
        self.state.is_some()
    }

    /// Forgets the frame that is being got across.
    pub const fn stop(&mut self) {
        self.state = None;
    }

    /// Starts with a frame of `mpdu_len` bytes, check sequence included; a frame that was being got across is forgotten. The number is
    /// that of the frame: all retries have it.
    pub fn start(&mut self, sequence: u8, mpdu_len: usize, wants_ack: bool, draw: &mut Draw<'_>) -> Step {
        let exponent = self.parameters.exponent(0);
        let attempt =
            Attempt { sequence, mpdu_len, wants_ack, retries: 0, backoffs: 0, exponent, phase: Phase::Backoff };
        self.back_off(attempt, draw)
    }

    /// What comes next, or nothing where `event` is none of this step: a late acknowledgement, or one of another frame.
    pub fn on_event(&mut self, event: Event, draw: &mut Draw<'_>) -> Option<Step> {
        let attempt = self.state?;
        Some(match (attempt.phase, event) {
            (Phase::Backoff, Event::Elapsed) => self.enter(attempt, Phase::Sense, Step::Sense(CCA.span())),
            (Phase::Sense, Event::Idle) => self.enter(attempt, Phase::Turn, Step::Turn(TURNAROUND.span())),
            (Phase::Sense, Event::Busy) => self.on_busy(attempt, draw),
            (Phase::Turn, Event::Elapsed) => self.enter(attempt, Phase::Send, Step::Send(air_time(attempt.mpdu_len))),
            (Phase::Send, Event::Elapsed) if attempt.wants_ack => {
                self.enter(attempt, Phase::AwaitAck, Step::AwaitAck(ACK_WAIT.span()))
            }
            (Phase::Send, Event::Elapsed) => self.sent(attempt, false),
            (Phase::AwaitAck, Event::Acknowledged { sequence, is_pending }) if sequence == attempt.sequence => {
                self.sent(attempt, is_pending)
            }
            (Phase::AwaitAck, Event::Elapsed) => self.on_silence(attempt, draw),
            _ => return None,
        })
    }

    fn enter(&mut self, attempt: Attempt, phase: Phase, step: Step) -> Step {
        self.state = Some(Attempt { phase, ..attempt });
        step
    }

    /// Waits for a number of unit backoff periods that is drawn; a wait of none is no step.
    fn back_off(&mut self, attempt: Attempt, draw: &mut Draw<'_>) -> Step {
        match draw(1_u64 << attempt.exponent.min(63)) {
            0 => self.enter(attempt, Phase::Sense, Step::Sense(CCA.span())),
            periods => {
                let wait = UNIT_BACKOFF_PERIOD.span().saturating_mul(periods);
                self.enter(attempt, Phase::Backoff, Step::Backoff(wait))
            }
        }
    }

    fn on_busy(&mut self, attempt: Attempt, draw: &mut Draw<'_>) -> Step {
        let backoffs = attempt.backoffs + 1;
        if backoffs > self.parameters.max_backoffs {
            return self.done(Outcome::ChannelAccessFailure { retries: attempt.retries }, Span::ZERO);
        }
        let exponent = self.parameters.exponent(backoffs);
        self.back_off(Attempt { backoffs, exponent, ..attempt }, draw)
    }

    /// No acknowledgement has come: the whole access begins again, if it may.
    fn on_silence(&mut self, attempt: Attempt, draw: &mut Draw<'_>) -> Step {
        if attempt.retries >= self.parameters.max_retries {
            return self.done(Outcome::NoAck, Span::ZERO);
        }
        let exponent = self.parameters.exponent(0);
        self.back_off(Attempt { retries: attempt.retries + 1, backoffs: 0, exponent, ..attempt }, draw)
    }

    fn sent(&mut self, attempt: Attempt, is_pending: bool) -> Step {
        self.done(Outcome::Sent { retries: attempt.retries, is_pending }, interframe_space(attempt.mpdu_len))
    }

    fn done(&mut self, outcome: Outcome, rest: Span) -> Step {
        self.state = None;
        Step::Done { outcome, rest }
    }
}
