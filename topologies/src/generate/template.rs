//! What the links of a generated network have in common.

use crate::Mistakes;
use protosim_core::{Rate, Ratio, Span};
use protosim_models::link::{DirectionConfig, Framing, ImpairConfig, LinkConfig, Mtu};
use protosim_models::queue::{QueueConfig, ShaperConfig};
use serde::{Deserialize, Serialize};

/// A link without its name and its ends; fields and defaults are those of [`LinkConfig`]. `forward` is away from the first end, which
/// every family states.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LinkTemplate {
    /// See [`LinkConfig::rate`].
    pub rate: Option<Rate>,
    /// See [`LinkConfig::delay`].
    pub delay: Option<Span>,
    /// See [`LinkConfig::mtu`].
    pub mtu: Option<Mtu>,
    /// See [`LinkConfig::shaper`].
    pub shaper: Option<ShaperConfig>,
    /// See [`LinkConfig::queue`].
    pub queue: Option<QueueConfig>,
    /// See [`LinkConfig::loss`].
    pub loss: Option<Ratio>,
    /// See [`LinkConfig::impair`].
    pub impair: Option<Box<ImpairConfig>>,
    /// See [`LinkConfig::framing`].
    pub framing: Option<Framing>,
    /// See [`LinkConfig::forward`].
    pub forward: Option<Box<DirectionConfig>>,
    /// See [`LinkConfig::backward`].
    pub backward: Option<Box<DirectionConfig>>,
}

impl LinkTemplate {
    /// Such a link between two nodes.
    pub fn between(&self, first: &str, second: &str) -> LinkConfig {
        LinkConfig {
            rate: self.rate,
            delay: self.delay,
            mtu: self.mtu,
            shaper: self.shaper,
            queue: self.queue.clone(),
            loss: self.loss,
            impair: self.impair.clone(),
            framing: self.framing,
            forward: self.forward.clone(),
            backward: self.backward.clone(),
            ..LinkConfig::between(first, second)
        }
    }

    /// Says once what would be wrong with every link. With `has_lengths`, links without a delay get one later.
    pub(super) fn check(&self, field: &str, has_lengths: bool, mistakes: &mut Mistakes) {
        let mut link = self.between("a", "b");
        if has_lengths && link.delay.is_none() {
            link.delay = Some(Span::from_millis(1));
        }
        for (part, message) in link.check() {
            let path = if part.is_empty() { field.to_owned() } else { format!("{field}.{part}") };
            mistakes.say(path, message);
        }
    }
}
