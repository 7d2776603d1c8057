//! What a client does whose connection is lost.

use crate::app::Host;
use protosim_core::{Purpose, Span};
use serde::{Deserialize, Serialize};

/// What a client does whose connection is lost.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ReconnectConfig {
    /// How long it waits the first time; each time twice as long as before, until a connection stands (MQTT: CONNACK has come). Default: 1 s (our choice).
    pub first: Span,
    /// How long it waits at most. Default: 120 s (our choice).
    pub most: Span,
    /// Each time it waits half as long up to as long, drawn. Without it, clients that lose one broker come back all at once. Default: true.
    pub jitter: bool,
    /// How often it tries in a row before it gives up; 0 for not again. Default: without end.
    pub attempts: Option<u32>,
}

impl Default for ReconnectConfig {
    fn default() -> Self {
        Self { first: Span::from_secs(1), most: Span::from_secs(120), jitter: true, attempts: None }
    }
}

impl ReconnectConfig {
    /// How long it waits after so many attempts in a row, the first of them 1; `None` if it does not try again. Twice as long each time, with luck.
    pub(crate) fn wait(&self, attempts: u32, purpose: Purpose, host: &mut dyn Host) -> Option<Span> {
        if self.attempts.is_some_and(|most| attempts >= most) {
            return None;
        }
        let doublings = attempts.saturating_sub(1).min(32);
        let longest = self.first.saturating_mul(1 << doublings).min(self.most);
        Some(match self.jitter {
            true => host.rng(purpose).span_between(Span::from_nanos(longest.as_nanos() / 2), longest),
            false => longest,
        })
    }

    /// What is wrong with it, in words that go on from the name of its first field.
    pub(crate) fn check(&self) -> Option<String> {
        let is_wrong = self.first > self.most || self.first.is_zero();
        is_wrong.then(|| "is longer than zero, and not longer than `most`".to_owned())
    }
}
