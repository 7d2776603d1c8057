//! A library of access networks: rates, delays, loss and the rest, each number with where it comes from.
//!
//! The numbers stand in `data/profiles.ron`. A profile is one link between a user and a network; what is forward leads from
//! the user to the network. A profile of [`Level::RatesOnly`] lends its name to a rate, a delay and a loss: what makes such
//! a network behave as it does (who may send when, duty cycles, retransmission below IP) is not modelled, and `left_out` says
//! what.

use crate::generate::LinkTemplate;
use protosim_core::{Rate, Ratio, Span};
use protosim_models::link::{DirectionConfig, Framing, ImpairConfig, LinkConfig, Mtu, QueueLimit, impair};
use protosim_models::queue::QueueConfig;
use serde::Deserialize;
use std::sync::LazyLock;

/// An access network.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// What it is called in scenarios: lower-case letters, digits and `-`.
    pub name: String,
    /// What it is, for tables and figures.
    pub title: String,
    /// How much of it is modelled.
    pub level: Level,
    /// What of it is not modelled, in a sentence.
    pub left_out: String,
    /// Rate from the network to the user.
    pub rate_down: Sourced<Rate>,
    /// Rate from the user to the network.
    pub rate_up: Sourced<Rate>,
    /// Delay of each direction, without the time to send and without jitter.
    pub delay: Sourced<Span>,
    /// What is added to the delay of each packet. Without it: nothing.
    pub jitter: Option<Sourced<Jitter>>,
    /// Largest IP packet.
    pub mtu: Sourced<Mtu>,
    /// What may wait for the way to the user.
    pub queue_down: Sourced<QueueLimit>,
    /// What may wait for the way to the network.
    pub queue_up: Sourced<QueueLimit>,
    /// Packets that are lost on the way, each way. Without it: none.
    pub loss: Option<Sourced<Ratio>>,
    /// What the link adds to each packet.
    pub framing: Sourced<Framing>,
}

/// A number, and where it comes from.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sourced<T> {
    /// The number.
    pub value: T,
    /// A document, or `typical: our choice, because ...`.
    pub source: String,
}

/// How much of an access network a profile models.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
pub enum Level {
    /// A link with this rate, delay and queue is a usual model of it.
    Model,
    /// Rates with a name only.
    RatesOnly,
}

/// What is added to the delay of each packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
pub enum Jitter {
    /// Uniform from nothing up to this.
    Uniform(Span),
    /// Normal with a mean and a standard deviation, never below nothing.
    Normal {
        /// Its mean.
        mean: Span,
        /// Its standard deviation.
        deviation: Span,
    },
}

static PROFILES: LazyLock<Vec<Profile>> =
    LazyLock::new(|| read(include_str!("../data/profiles.ron")).expect("a test reads the library"));

fn read(text: &str) -> Result<Vec<Profile>, ron::error::SpannedError> {
    ron::Options::default().with_default_extension(ron::extensions::Extensions::IMPLICIT_SOME).from_str(text)
}

/// All profiles, in the order of the library.
pub fn profiles() -> &'static [Profile] {
    &PROFILES
}

/// The profile of a name.
pub fn profile(name: &str) -> Option<&'static Profile> {
    profiles().iter().find(|profile| profile.name == name)
}

/// All names, in the order of the library.
pub fn names() -> impl Iterator<Item = &'static str> {
    profiles().iter().map(|profile| profile.name.as_str())
}

/// The name that was probably meant: the nearest one, if it is near.
pub fn nearest_name(name: &str) -> Option<&'static str> {
    let name = name.to_lowercase();
    let distance = |known: &str| strsim::damerau_levenshtein(known, &name);
    // Of equals the first in the library. A third of the letters may be wrong, and one in any case.
    let near = names().filter(|known| distance(known) <= (known.len() / 3).max(1));
    near.min_by_key(|known| distance(known))
}

impl Jitter {
    /// As links have it.
    fn impairment(self) -> ImpairConfig {
        let jitter = match self {
            Self::Uniform(most) => impair::Jitter::Uniform(most),
            Self::Normal { mean, deviation } => impair::Jitter::Normal { mean, deviation },
        };
        ImpairConfig { jitter: Some(jitter), ..ImpairConfig::default() }
    }
}

impl Profile {
    /// What a link of this kind has; the first end is the user's, the second the network's.
    pub fn template(&self) -> LinkTemplate {
        let direction = |rate: &Sourced<Rate>, queue: &Sourced<QueueLimit>| DirectionConfig {
            rate: Some(rate.value),
            queue: Some(QueueConfig::DropTail(queue.value)),
            ..DirectionConfig::default()
        };
        let (up, down) = (direction(&self.rate_up, &self.queue_up), direction(&self.rate_down, &self.queue_down));
        let base = LinkTemplate {
            delay: Some(self.delay.value),
            mtu: Some(self.mtu.value),
            loss: self.loss.as_ref().map(|loss| loss.value),
            framing: Some(self.framing.value),
            impair: self.jitter.as_ref().map(|jitter| Box::new(jitter.value.impairment())),
            ..LinkTemplate::default()
        };
        if up == down {
            LinkTemplate { rate: up.rate, queue: up.queue, ..base }
        } else {
            LinkTemplate { forward: Some(Box::new(up)), backward: Some(Box::new(down)), ..base }
        }
    }

    /// A link of this kind between a user and the network.
    pub fn link(&self, user: &str, network: &str) -> LinkConfig {
        self.template().between(user, network)
    }
}

#[cfg(test)]
#[path = "profile_tests.rs"]
mod tests;
