//! A ledger of time on air by sub-band: when a device may send again.
//!
//! Two rules are in use. LoRaWAN stacks wait behind each frame ([`DutyRule::OffTime`]): T (1/d - 1), in which the sub-band is silent. Regulation
//! asks for less ([`DutyRule::Window`]): in any hour no more than d of it. The first implies the second but for its edges, and spreads
//! traffic out; the second allows bursts.

use super::region::{SUB_BANDS, sub_band};
use protosim_core::{Ratio, SimTime, Span};
use std::collections::VecDeque;

/// How a duty cycle is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DutyRule {
    /// Behind a frame of T the sub-band is silent for T (1/d - 1), rounded up to a nanosecond.
    OffTime,
    /// In any window of this length the frames of a sub-band take no more than d of it, rounded down.
    Window(Span),
}

/// A frame on its way.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Sent {
    from: SimTime,
    until: SimTime,
}

/// What one sub-band has sent.
#[derive(Clone, Debug, Default)]
struct Band {
    /// Under the window rule, those that a window may still have within; else the last one.
    sent: VecDeque<Sent>,
    free_at: SimTime,
    used: Span,
}

/// Why a frame may not be sent at all.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotAllowed {
    /// The frequency is in no sub-band.
    #[error("{0} Hz is in no sub-band")]
    Frequency(u32),
    /// The frame is longer than all that a window allows.
    #[error("a frame of {airtime} is longer than a window allows, {allowed}")]
    TooLong {
        /// Its time on air.
        airtime: Span,
        /// What is allowed.
        allowed: Span,
    },
    /// It may not be sent as early as that.
    #[error("the duty cycle allows it from {0} on")]
    TooEarly(SimTime),
}

/// Time on air of one device, by sub-band of EU868.
#[derive(Clone, Debug)]
pub struct DutyLedger {
    rule: DutyRule,
    /// Of every sub-band, instead of its own.
    duty: Option<Ratio>,
    bands: [Band; SUB_BANDS.len()],
}

impl DutyLedger {
    /// A device that has sent nothing.
    pub fn new(rule: DutyRule) -> Self {
        Self { rule, duty: None, bands: std::array::from_fn(|_| Band::default()) }
    }

    /// One that has sent nothing, with one duty cycle for all sub-bands instead of their own, if there is one.
    pub fn with_duty(rule: DutyRule, duty: Option<Ratio>) -> Self {
        Self { duty, ..Self::new(rule) }
    }

    fn duty_of(&self, index: usize) -> Ratio {
        self.duty.unwrap_or(SUB_BANDS[index].duty_cycle)
    }

    /// The first instant at `now` or later at which a frame of `airtime` may start at `hertz`.
    ///
    /// # Errors
    /// When it may never.
    pub fn earliest(&self, now: SimTime, hertz: u32, airtime: Span) -> Result<SimTime, NotAllowed> {
        let index = sub_band(hertz).ok_or(NotAllowed::Frequency(hertz))?;
        let (band, duty) = (&self.bands[index], self.duty_of(index));
        let now = now.max(band.free_at);
        let DutyRule::Window(window) = self.rule else { return Ok(now) };
        let allowed = share(window, duty);
        if airtime > allowed {
            return Err(NotAllowed::TooLong { airtime, allowed });
        }
        // The window that matters ends with the frame. From the last frame back: how much of what was sent may be in it.
        let mut room = allowed.saturating_sub(airtime);
        for sent in band.sent.iter().rev() {
            let span = sent.until - sent.from;
            if span > room {
                // The window begins where only the end of this one is in it.
                let begins = sent.until.as_nanos() - room.as_nanos();
                let start = (begins + window.as_nanos()).saturating_sub(airtime.as_nanos());
                return Ok(now.max(SimTime::from_nanos(start)));
            }
            room = room.saturating_sub(span);
        }
        Ok(now)
    }

    /// A frame of `airtime` starts at `now` at `hertz`.
    ///
    /// # Errors
    /// When it may not, and from when on it may; nothing is noted then.
    pub fn send(&mut self, now: SimTime, hertz: u32, airtime: Span) -> Result<(), NotAllowed> {
        let earliest = self.earliest(now, hertz, airtime)?;
        if earliest > now {
            return Err(NotAllowed::TooEarly(earliest));
        }
        let index = sub_band(hertz).ok_or(NotAllowed::Frequency(hertz))?;
        let duty = self.duty_of(index);
        let band = &mut self.bands[index];
        let until = now + airtime;
        band.used += airtime;
        match self.rule {
            DutyRule::OffTime => band.free_at = until.saturating_add(off_time(airtime, duty)),
            DutyRule::Window(window) => {
                band.free_at = until;
                band.sent.push_back(Sent { from: now, until });
                let gone = |sent: &Sent| sent.until.saturating_add(window) <= until;
                while band.sent.front().is_some_and(gone) {
                    band.sent.pop_front();
                }
            }
        }
        Ok(())
    }

    /// Time on air in the sub-band of `hertz` so far.
    pub fn used(&self, hertz: u32) -> Span {
        sub_band(hertz).map_or(Span::ZERO, |index| self.bands[index].used)
    }
}

/// T (1/d - 1), rounded up to a nanosecond. [`Span::MAX`] for no duty at all.
pub fn off_time(airtime: Span, duty: Ratio) -> Span {
    let (parts, whole) = (u128::from(duty.as_parts()), u128::from(Ratio::ONE.as_parts()));
    if parts == 0 {
        return Span::MAX;
    }
    let nanos = (u128::from(airtime.as_nanos()) * (whole - parts)).div_ceil(parts);
    Span::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// A share of a span, rounded down.
fn share(span: Span, duty: Ratio) -> Span {
    let nanos = u128::from(span.as_nanos()) * u128::from(duty.as_parts()) / u128::from(Ratio::ONE.as_parts());
    // No more than `span`, so it fits.
    Span::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}
