//! What can be wrong with a timeline. All of it is found, each with its place.

use super::steps::{check_instants, check_steps};
use super::{MOST_OCCURRENCES, TimelineEvent, occurrences};
use crate::check::{Finding, Kind};
use crate::spec::Topology;
use protosim_core::Span;
use protosim_models::channel::ChannelConfig;
use protosim_models::link::{LinkChange, LinkConfig};
use std::collections::BTreeMap;

/// Everything wrong with a timeline, but for names of links and nodes that do not exist.
pub fn check_timeline(topology: &Topology, timeline: &[TimelineEvent]) -> Vec<Finding> {
    let mut found = Vec::new();
    if timeline.is_empty() {
        return found;
    }
    let mut links: BTreeMap<String, &LinkConfig> = BTreeMap::new();
    for link in &topology.links {
        links.entry(link.name()).or_insert(link);
    }
    for (index, event) in timeline.iter().enumerate() {
        check_times(index, event, &mut found);
        check_subject(index, event, &links, &mut found);
        if let Some(link) = event.of_link().and_then(|name| links.get(name)) {
            check_change(index, event, link, &mut found);
        }
        let channel = |name: &str| topology.channels.iter().find(|channel| channel.name == name);
        if let Some(channel) = event.of_channel().and_then(channel) {
            check_channel(index, event, channel, &mut found);
        }
    }
    let total: u64 = timeline.iter().map(|event| u64::from(event.count())).sum();
    if total > MOST_OCCURRENCES as u64 {
        let message = format!("more than {MOST_OCCURRENCES} events, each repetition counted: {total}");
        found.push(Finding::new(Kind::OutOfRange, "timeline", message));
        return found;
    }
    let occurrences = occurrences(timeline);
    let others = found.len();
    check_instants(&occurrences, &mut found);
    if found.len() == others {
        // Of events that meet nobody knows what holds after them.
        check_steps(&links, &topology.channels, &occurrences, &mut found);
    }
    found
}

fn place(index: usize, field: &str) -> String {
    if field.is_empty() { format!("timeline.{index}") } else { format!("timeline.{index}.{field}") }
}

/// When it happens, and how often.
fn check_times(index: usize, event: &TimelineEvent, found: &mut Vec<Finding>) {
    let mut say = |kind, field: &str, message: &str| found.push(Finding::new(kind, place(index, field), message));
    if event.at.is_zero() {
        let whom = if event.link.is_some() && event.node.is_none() { ": say it in the link itself" } else { "" };
        say(Kind::NoEffect, "at", &format!("the timeline begins after zero{whom}"));
    }
    match (event.every, event.times) {
        (None, None) => return,
        (Some(_), None) => say(Kind::OutOfRange, "every", "say how often it happens, too: `times: 6`"),
        (None, Some(_)) => {
            say(Kind::OutOfRange, "times", "say how long after each time it happens again, too: `every: \"20 s\"`");
        }
        (Some(every), Some(_)) if every.is_zero() => {
            say(Kind::OutOfRange, "every", "repetitions are some time apart");
        }
        _ => {}
    }
    if event.times.is_some_and(|times| times < 2) {
        say(Kind::OutOfRange, "times", "what is repeated happens at least 2 times; leave `every` and `times` out");
    } else if event.time(event.count().saturating_sub(1)) == Span::MAX {
        say(Kind::OutOfRange, "times", "the clock ends after 584 years, before the last of these");
    }
}

/// What an event may say of a link alone.
const OF_LINKS: [&str; 4] = ["rate", "delay", "loss", "impair"];

/// What it is of, and whether it says what can be said of that.
fn check_subject(index: usize, event: &TimelineEvent, links: &BTreeMap<String, &LinkConfig>, found: &mut Vec<Finding>) {
    let mut say = |field: &str, message: String| found.push(Finding::new(Kind::NoEffect, place(index, field), message));
    if event.link.is_none() && event.node.is_none() && event.channel.is_none() {
        let message =
            "it is of nobody: give a `link`, a `channel`, a `node`, or `node` and `link` for the node's interface";
        return say("", message.to_owned());
    }
    if event.channel.is_some() {
        let others = [("link", event.link.is_some()), ("node", event.node.is_some())];
        for (field, _) in others.into_iter().filter(|(_, is_given)| *is_given) {
            say(field, format!("the event is of a channel, which has no {field}: leave out one of both"));
        }
        if event.rate.is_some() {
            say("rate", "a channel has no rate".to_owned());
        }
        if event.new_address.is_some() {
            say("new_address", "a channel has no addresses".to_owned());
        }
        if event.change() == LinkChange::default() {
            say("", "changes nothing: give `delay`, `loss`, `impair` or `up`".to_owned());
        }
        return;
    }
    if event.new_address == Some(false) {
        say("new_address", "has no effect: an interface keeps its address until it gets a new one".to_owned());
    }
    if event.of_interface().is_none() && event.new_address == Some(true) {
        let lacks = if event.node.is_none() { "the `node`" } else { "the `link`" };
        say("new_address", format!("an interface gets a new address: give {lacks} too"));
    }
    if let Some((node, link)) = event.of_interface() {
        if let Some(config) = links.get(link)
            && config.ends.0.0 != node
            && config.ends.1.0 != node
        {
            say("link", format!("link `{link}` does not end at `{node}`: they have no interface in common"));
        }
        if event.up.is_some() {
            let message = "a link goes down, or a node: an interface does not; leave `link` or `node` out";
            say("up", message.to_owned());
        }
    }
    if event.node.is_some() {
        let given = [event.rate.is_some(), event.delay.is_some(), event.loss.is_some(), event.impair.is_some()];
        for (field, _) in OF_LINKS.into_iter().zip(given).filter(|(_, is_given)| *is_given) {
            say(field, format!("`{field}` is of a link, and this is an event of a node: leave out one of both"));
        }
        if event.direction.is_some() {
            say("direction", "a direction is of a link, and this is an event of a node".to_owned());
        }
    }
    if event.change() == LinkChange::default() && event.new_address.is_none() {
        let message = match (event.of_link(), event.of_node()) {
            (Some(_), _) => "changes nothing: give `rate`, `delay`, `loss`, `impair` or `up`",
            (_, Some(_)) => "changes nothing: give `up`",
            _ => "changes nothing: give `new_address: true`",
        };
        say("", message.to_owned());
    }
}

/// Whether the channel can be changed so: what it could not be from the start it cannot become.
fn check_channel(index: usize, event: &TimelineEvent, channel: &ChannelConfig, found: &mut Vec<Finding>) {
    let ends = (&*channel.ends.0.0, &*channel.ends.1.0);
    let changed = ChannelConfig {
        impair: event.impair.clone().map(Box::new),
        ..ChannelConfig::between(&channel.name, ends, event.delay.unwrap_or(channel.delay))
    };
    for (field, message) in changed.check() {
        let kind = if message.starts_with("has no effect") { Kind::NoEffect } else { Kind::OutOfRange };
        found.push(Finding::new(kind, place(index, &field), message));
    }
}

/// Whether the link can be changed so.
fn check_change(index: usize, event: &TimelineEvent, link: &LinkConfig, found: &mut Vec<Finding>) {
    for is_forward in [true, false].into_iter().filter(|is_forward| event.concerns(*is_forward)) {
        let direction = link.direction(is_forward);
        if event.rate.is_some() && direction.rate.is_none() {
            let message = format!("link `{}` has no rate that could change: give it one from the start", link.name());
            found.push(Finding::new(Kind::NoEffect, place(index, "rate"), message));
            return;
        }
        if direction.rate.is_none() && event.delay.is_some_and(Span::is_zero) {
            let message = "a link without a rate needs a delay above zero";
            found.push(Finding::new(Kind::OutOfRange, place(index, "delay"), message));
            return;
        }
    }
}
