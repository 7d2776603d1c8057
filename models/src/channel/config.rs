//! What a user says of a channel.

use crate::link::{DirectionConfig, ImpairConfig};
use crate::name::NodeName;
use protosim_core::{Ratio, Span};
use serde::{Deserialize, Serialize};

/// Both directions of a channel, as in a scenario: messages between two nodes, beside the network. What is said for the channel
/// holds for both directions, except where `forward` (first end to second) or `backward` says otherwise.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChannelConfig {
    /// What it is called by applications, in tables and in overrides; unique among channels.
    pub name: String,
    /// The two nodes that it joins. Groups stand for their members, as in links.
    pub ends: (NodeName, NodeName),
    /// From the sending of a message to its arrival; above zero.
    pub delay: Span,
    /// Probability that a message is lost. Default: 0 %.
    pub loss: Option<Ratio>,
    /// What else happens to messages: as for packets on a link, but that nothing is damaged and no rule names what is lost. Default:
    /// nothing.
    pub impair: Option<Box<ImpairConfig>>,
    /// The name that its random streams go by. Default: its name. A channel that is renamed keeps its luck by
    /// saying its old name here.
    pub stream_name: Option<String>,
    /// Exceptions for the direction from the first end to the second.
    pub forward: Option<Box<ChannelDirection>>,
    /// Exceptions for the direction from the second end to the first.
    pub backward: Option<Box<ChannelDirection>>,
}

/// What may differ between the directions of a channel; what is left out is as [`ChannelConfig`] says.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ChannelDirection {
    /// See [`ChannelConfig::delay`].
    pub delay: Option<Span>,
    /// See [`ChannelConfig::loss`].
    pub loss: Option<Ratio>,
    /// See [`ChannelConfig::impair`]. It takes the place of the channel's as a whole.
    pub impair: Option<ImpairConfig>,
}

type Findings = Vec<(String, String)>;

impl ChannelConfig {
    /// A channel between two nodes with every other field at its default.
    pub fn between(name: &str, (first, second): (&str, &str), delay: Span) -> Self {
        Self {
            name: name.to_owned(),
            ends: (NodeName(first.to_owned()), NodeName(second.to_owned())),
            delay,
            loss: None,
            impair: None,
            stream_name: None,
            forward: None,
            backward: None,
        }
    }

    /// Everything that holds for one direction, as of a link that takes no time to send.
    pub fn direction(&self, is_forward: bool) -> DirectionConfig {
        let own = if is_forward { &self.forward } else { &self.backward };
        let own = own.as_deref().cloned().unwrap_or_default();
        DirectionConfig {
            delay: Some(own.delay.unwrap_or(self.delay)),
            loss: own.loss.or(self.loss),
            impair: own.impair.or_else(|| self.impair.as_deref().cloned()),
            ..DirectionConfig::default()
        }
    }

    /// Fields that cannot take effect, or contradict each other: the field's path within the channel, and why.
    pub fn check(&self) -> Findings {
        let mut found = Vec::new();
        if self.delay.is_zero() {
            found.push(("delay".to_owned(), NO_DELAY.to_owned()));
        }
        found.extend(self.impair.iter().flat_map(|impair| check_impair("", impair)));
        for (name, own) in [("forward", &self.forward), ("backward", &self.backward)] {
            let Some(own) = own.as_deref() else { continue };
            if *own == ChannelDirection::default() {
                found.push((name.to_owned(), "has no effect: it makes no exception".to_owned()));
            }
            for (field, same) in [
                ("delay", own.delay == Some(self.delay)),
                ("loss", own.loss.is_some() && own.loss == self.loss),
                ("impair", own.impair.is_some() && own.impair.as_ref() == self.impair.as_deref()),
            ] {
                if same {
                    let why = "has no effect: the channel says the same for both directions".to_owned();
                    found.push((format!("{name}.{field}"), why));
                }
            }
            if own.delay.is_some_and(Span::is_zero) {
                found.push((format!("{name}.delay"), NO_DELAY.to_owned()));
            }
            found.extend(own.impair.iter().flat_map(|impair| check_impair(&format!("{name}."), impair)));
        }
        let says = |own: &Option<Box<ChannelDirection>>, field: fn(&ChannelDirection) -> bool| {
            own.as_deref().is_some_and(field)
        };
        for (field, is_given, own) in [
            ("loss", self.loss.is_some(), (|own| own.loss.is_some()) as fn(&ChannelDirection) -> bool),
            ("impair", self.impair.is_some(), |own| own.impair.is_some()),
        ] {
            if is_given && says(&self.forward, own) && says(&self.backward, own) {
                let why = "has no effect: both directions say otherwise".to_owned();
                found.push((field.to_owned(), why));
            }
        }
        found
    }
}

const NO_DELAY: &str = "is above zero: a message that arrives in the instant of its sending would be no message";

/// What happens to bits or to packets of a kind can happen to no message.
fn check_impair(place: &str, impair: &ImpairConfig) -> Findings {
    let of_packets = [
        ("bit_errors", impair.bit_errors.is_some()),
        ("loss_trace", impair.loss_trace.is_some()),
        ("drop", !impair.drop.is_empty()),
        ("corrupt", impair.corrupt.is_some()),
    ];
    let given = of_packets.into_iter().filter(|(_, is_given)| *is_given);
    let mut found: Findings = given
        .map(|(field, _)| {
            let why =
                "is for packets on a link; messages of a channel know `bursts`, `jitter`, `reorder` and `duplicate`";
            (format!("{place}impair.{field}"), why.to_owned())
        })
        .collect();
    if found.is_empty() {
        let path = |field: &str| if field.is_empty() { "impair".to_owned() } else { format!("impair.{field}") };
        found.extend(impair.check().into_iter().map(|(field, why)| (format!("{place}{}", path(&field)), why)));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::impair::{Corrupt, Jitter};

    fn channel() -> ChannelConfig {
        ChannelConfig::between("call", ("alice", "bob"), Span::from_millis(50))
    }

    fn places(config: &ChannelConfig) -> Vec<String> {
        config.check().into_iter().map(|(place, _)| place).collect()
    }

    #[test]
    fn a_direction_is_as_the_channel_but_for_its_exceptions() {
        let forward = ChannelDirection { delay: Some(Span::from_millis(20)), ..Default::default() };
        let config =
            ChannelConfig { loss: Some(Ratio::from_percent(3)), forward: Some(Box::new(forward)), ..channel() };
        assert_eq!(config.check(), []);
        let delays = [true, false].map(|is_forward| config.direction(is_forward).delay);
        assert_eq!(delays, [Some(Span::from_millis(20)), Some(Span::from_millis(50))]);
        assert!([true, false].iter().all(|is_forward| config.direction(*is_forward).loss == config.loss));
    }

    #[test]
    fn what_takes_no_time_or_has_no_effect_is_found() {
        assert_eq!(places(&ChannelConfig { delay: Span::ZERO, ..channel() }), ["delay"]);
        let own = |own: ChannelDirection| places(&ChannelConfig { forward: Some(Box::new(own)), ..channel() });
        assert_eq!(own(ChannelDirection::default()), ["forward"]);
        assert_eq!(own(ChannelDirection { delay: Some(Span::ZERO), ..Default::default() }), ["forward.delay"]);
        let same = ChannelDirection { delay: Some(Span::from_millis(50)), ..Default::default() };
        assert_eq!(own(same), ["forward.delay"]);
        let own = |percent| {
            Some(Box::new(ChannelDirection { loss: Some(Ratio::from_percent(percent)), ..Default::default() }))
        };
        let config =
            ChannelConfig { loss: Some(Ratio::from_percent(1)), forward: own(2), backward: own(3), ..channel() };
        assert_eq!(places(&config), ["loss"]);
    }

    #[test]
    fn what_is_of_packets_is_refused() {
        let impaired = |impair| places(&ChannelConfig { impair: Some(Box::new(impair)), ..channel() });
        let corrupt = Some(Corrupt::Checked(Ratio::from_percent(1)));
        assert_eq!(impaired(ImpairConfig { corrupt, ..Default::default() }), ["impair.corrupt"]);
        assert_eq!(impaired(ImpairConfig::default()), ["impair"]);
        let jitter = Some(Jitter::Uniform(Span::from_millis(5)));
        assert_eq!(impaired(ImpairConfig { jitter, ..Default::default() }), [""; 0]);
    }
}
