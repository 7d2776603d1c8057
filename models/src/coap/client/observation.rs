//! The client's view of a resource that it observes (RFC 7641 §3).

use crate::app::Host;
use crate::coap::observe::Freshness;
use crate::coap::wire::{Message, OptionNumber};
use protosim_core::{LocalTime, Purpose, Span};

/// Decides how long an observer waits after Max-Age before it registers again.
const RENEWAL_LUCK: Purpose = Purpose("coap.observe.renewal");

/// Where an observation stands.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Observation {
    freshness: Freshness,
    /// When to register again, if nothing comes before.
    pub(super) renewal: Option<LocalTime>,
    /// When to end it.
    pub(super) end: Option<LocalTime>,
    /// It has been ended, or the server does not have the resource.
    pub(super) is_over: bool,
    /// It has been ended, and the server has not been told.
    pub(super) is_leaving: bool,
    pub(super) counts: Counts,
}

/// What has come.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) fresh: u64,
    pub(super) stale: u64,
    pub(super) missed: u64,
    pub(super) renewals: u64,
    pub(super) ends: u64,
}

impl Observation {
    /// A response or a notification has come: true if it is newer than what was there.
    pub(super) fn take(&mut self, message: &Message, is_notification: bool, host: &mut dyn Host) -> bool {
        let Some(sequence) = message.options.uint(OptionNumber::OBSERVE) else {
            // No observation: what the state is must be asked for.
            self.wait(message.options.max_age_s(), host);
            return true;
        };
        match self.freshness.take(sequence, host.now()) {
            None => {
                self.counts.stale += u64::from(is_notification);
                if !is_notification {
                    // The state that is there already, which may be used for as long again.
                    self.wait(message.options.max_age_s(), host);
                }
                false
            }
            Some(skipped) => {
                self.counts.missed += u64::from(skipped);
                self.counts.fresh += u64::from(is_notification);
                self.wait(message.options.max_age_s(), host);
                true
            }
        }
    }

    /// RFC 7641 §3.3.1: nothing is asked while what is there is fresh, nor for 5 to 15 s after that.
    pub(super) fn wait(&mut self, max_age_s: u32, host: &mut dyn Host) {
        let (least, most) = (Span::from_secs(5), Span::from_secs(15));
        let after = host.rng(RENEWAL_LUCK).span_between(least, most);
        self.renewal = Some(host.now().saturating_add(Span::from_secs(u64::from(max_age_s))).saturating_add(after));
    }
}
