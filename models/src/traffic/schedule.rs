//! When a source sends: each pattern as a sequence of moments after its start.

use super::config::{Pattern, UdpSourceConfig};
use super::duration::draw_span;
use super::size::Sizes;
use super::trace::Trace;
use crate::app::Host;
use protosim_core::time::NANOS_PER_SEC;
use protosim_core::{Distribution, Purpose, Rate, Span};
use std::sync::Arc;

/// Draws of gaps between datagrams.
const GAP: Purpose = Purpose("traffic.gap");
/// Draws of on periods.
const ON: Purpose = Purpose("traffic.on");
/// Draws of off periods.
const OFF: Purpose = Purpose("traffic.off");
/// Draws of what happens once, at the start.
const PHASE: Purpose = Purpose("traffic.phase");
/// Draws of lateness.
const JITTER: Purpose = Purpose("traffic.jitter");

/// The moments of one source.
#[derive(Clone, Debug)]
pub(super) enum Schedule {
    Constant(Pace),
    Poisson {
        /// Of gaps, in nanoseconds.
        gaps: Distribution,
        /// When the last one was.
        last: Span,
    },
    OnOff(Box<OnOff>),
    Periodic {
        every: Span,
        jitter: Span,
        has_phase: bool,
        /// When the present period starts.
        period: Span,
    },
    Replay {
        trace: Arc<Trace>,
        index: u64,
    },
    /// A trace whose text was never given: nothing to send.
    Never,
}

/// A constant rate, without rounding that adds up: the bits of all datagrams so far, as whole seconds of the rate and the
/// rest, so that 64 bits are enough nearly always.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    /// [bit/s]
    rate: u64,
    secs: u64,
    /// Less than `rate`.
    bits: u64,
}

impl Pace {
    fn new(rate: Rate) -> Self {
        Self { rate: rate.as_bits_per_sec(), secs: 0, bits: 0 }
    }

    /// When the next datagram is due: when all before it have been sent at this rate, rounded up to a nanosecond.
    #[inline]
    fn due(&self) -> Span {
        let rest = match self.bits.checked_mul(NANOS_PER_SEC) {
            Some(exact) => exact.div_ceil(self.rate),
            // At most a second, since `bits` is less than `rate`.
            None => (u128::from(self.bits) * u128::from(NANOS_PER_SEC)).div_ceil(u128::from(self.rate)) as u64,
        };
        Span::from_nanos(self.secs.saturating_mul(NANOS_PER_SEC).saturating_add(rest))
    }

    #[inline]
    fn add(&mut self, bytes: u64) {
        // A datagram has at most 2^19 bits.
        let bits = u128::from(self.bits) + u128::from(bytes * 8);
        if let Ok(small) = u64::try_from(bits)
            && small < self.rate
        {
            self.bits = small;
        } else {
            let rate = u128::from(self.rate);
            self.secs = self.secs.saturating_add((bits / rate) as u64);
            self.bits = (bits % rate) as u64;
        }
    }
}

/// A pace that stands still in off periods.
#[derive(Clone, Debug)]
pub(super) struct OnOff {
    pace: Pace,
    /// Of periods, in nanoseconds.
    on: Distribution,
    off: Distribution,
    /// How much on time there is up to the end of the present on period.
    on_until: Span,
    /// How much off time has passed before it.
    off_before: Span,
}

impl OnOff {
    /// Whether it is on at the start goes by the shares of time; how much of that period is left, by what is
    /// left of a period that is found going on.
    fn start(&mut self, host: &mut dyn Host) {
        let (on, off) = (self.on.mean(), self.off.mean());
        let starts_on = host.rng(PHASE).uniform() * (on + off) < on;
        let first = if starts_on { &self.on } else { &self.off };
        let rest = Span::from_nanos(protosim_core::maths::round_to_u64(first.residual(host.rng(PHASE))));
        if starts_on {
            self.on_until = rest;
        } else {
            self.off_before = rest;
            self.on_until = draw_span(&self.on, ON, host);
        }
    }

    /// A datagram that is due right when an on period ends belongs to the next one.
    fn due(&mut self, host: &mut dyn Host) -> Span {
        let due = self.pace.due();
        if due == Span::MAX {
            return due; // later than any clock: no period reaches that far
        }
        while due >= self.on_until {
            self.off_before = self.off_before.saturating_add(draw_span(&self.off, OFF, host));
            self.on_until = self.on_until.saturating_add(draw_span(&self.on, ON, host));
        }
        due.saturating_add(self.off_before)
    }
}

impl Schedule {
    /// The moments of `config`, which has passed its check; `sizes` gives the mean that a rate needs.
    pub(super) fn new(config: &UdpSourceConfig, sizes: &Sizes) -> Self {
        match (&config.pattern, config.rate) {
            (Pattern::Constant, Some(rate)) => Self::Constant(Pace::new(rate)),
            (Pattern::Poisson, Some(rate)) => {
                let mean = sizes.mean() * 8.0 / rate.as_bits_per_sec() as f64 * NANOS_PER_SEC as f64;
                Self::Poisson { gaps: Distribution::Exponential { mean }, last: Span::ZERO }
            }
            (Pattern::OnOff { on, off }, Some(rate)) => Self::OnOff(Box::new(OnOff {
                pace: Pace::new(rate),
                on: on.law(),
                off: off.law(),
                on_until: Span::ZERO,
                off_before: Span::ZERO,
            })),
            (Pattern::Periodic { every, jitter, random_phase }, _) => {
                Self::Periodic { every: *every, jitter: *jitter, has_phase: *random_phase, period: Span::ZERO }
            }
            (Pattern::Replay { file }, _) => match file.trace() {
                Some(trace) => Self::Replay { trace: Arc::clone(trace), index: 0 },
                None => Self::Never,
            },
            // A configuration without the rate that it needs is refused before it is built.
            (_, None) => Self::Never,
        }
    }

    /// Draws what is drawn once.
    pub(super) fn start(&mut self, host: &mut dyn Host) {
        match self {
            Self::OnOff(own) => own.start(host),
            Self::Periodic { every, has_phase: true, period, .. } => {
                *period = Span::from_nanos(host.rng(PHASE).below(every.as_nanos()));
            }
            _ => {}
        }
    }

    /// When the next datagram is sent, after the source's start; `None` if there is none. To be asked once for each.
    #[inline]
    pub(super) fn next(&mut self, host: &mut dyn Host) -> Option<Span> {
        let at = match self {
            Self::Constant(pace) => pace.due(),
            Self::Poisson { gaps, last } => {
                *last = last.saturating_add(draw_span(gaps, GAP, host));
                *last
            }
            Self::OnOff(own) => own.due(host),
            Self::Periodic { every, jitter, period, .. } => {
                let late =
                    if jitter.is_zero() { Span::ZERO } else { host.rng(JITTER).span_between(Span::ZERO, *jitter) };
                let at = period.saturating_add(late);
                *period = period.saturating_add(*every);
                at
            }
            Self::Replay { trace, index } => trace.get(*index)?.0,
            Self::Never => return None,
        };
        (at < Span::MAX).then_some(at)
    }

    /// The size that the trace gives the next datagram [bytes].
    pub(super) fn own_size(&self) -> Option<u64> {
        match self {
            Self::Replay { trace, index } => trace.get(*index).map(|(_, size)| size),
            _ => None,
        }
    }

    /// A datagram of `bytes`, as the rate counts them, has had its time.
    #[inline]
    pub(super) fn passed(&mut self, bytes: u64) {
        match self {
            Self::Constant(pace) => pace.add(bytes),
            Self::OnOff(own) => own.pace.add(bytes),
            Self::Replay { index, .. } => *index += 1,
            _ => {}
        }
    }
}
