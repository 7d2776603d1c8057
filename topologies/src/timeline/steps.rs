//! Events that meet, and events that change nothing: what can be wrong with a timeline as it unfolds.

use super::{Occurrence, TimelineEvent};
use crate::check::{Finding, Kind};
use protosim_core::Span;
use protosim_models::channel::ChannelConfig;
use protosim_models::link::{DirectionConfig, LinkChange, LinkConfig};
use std::collections::{BTreeMap, BTreeSet};

/// What an event may change.
const FIELDS: [&str; 6] = ["rate", "delay", "loss", "impair", "up", "new_address"];

/// Which of [`FIELDS`] an event says.
fn given(event: &TimelineEvent) -> [bool; 6] {
    let TimelineEvent { rate, delay, loss, impair, up, new_address, .. } = event;
    [rate.is_some(), delay.is_some(), loss.is_some(), impair.is_some(), up.is_some(), new_address.is_some()]
}

/// What an event is of, in words; empty for nobody.
fn subject(event: &TimelineEvent) -> String {
    if let Some(channel) = &event.channel {
        return format!("channel `{}`", channel.0);
    }
    match (&event.node, &event.link) {
        (Some(node), Some(link)) => format!("`{}` on link `{}`", node.0, link.0),
        (Some(node), None) => format!("node `{}`", node.0),
        (None, Some(link)) => format!("link `{}`", link.0),
        (None, None) => String::new(),
    }
}

/// Two events that change one field at one instant: only their order in the file would say which one holds. Each pair of entries is
/// told once, however often they meet.
pub(super) fn check_instants(occurrences: &[Occurrence<'_>], found: &mut Vec<Finding>) {
    let mut first: BTreeMap<([&str; 3], Span, bool, usize), usize> = BTreeMap::new();
    let mut told = BTreeSet::new();
    for Occurrence { entry, at, event } in occurrences {
        let link = event.link.as_ref().map_or("", |link| link.0.as_str());
        let node = event.node.as_ref().map_or("", |node| node.0.as_str());
        let channel = event.channel.as_ref().map_or("", |channel| channel.0.as_str());
        let whom = [link, node, channel];
        if whom == [""; 3] {
            continue;
        }
        for (field, _) in given(event).into_iter().enumerate().filter(|(_, changes)| *changes) {
            let directions = [true, false].into_iter().filter(|is_forward| event.concerns(*is_forward));
            let others = directions.map(|is_forward| *first.entry((whom, *at, is_forward, field)).or_insert(*entry));
            let Some(earlier) = others.filter(|other| other != entry).min() else { continue };
            if told.insert((*entry, earlier, field)) {
                let name = FIELDS[field];
                let message = format!("another event changes `{name}` of {} at {at} too", subject(event));
                let mut finding = Finding::new(Kind::NoEffect, format!("timeline.{entry}.{name}"), message);
                finding.other = Some((format!("timeline.{earlier}.{name}"), "the first one".to_owned()));
                found.push(finding);
            }
        }
    }
}

/// An event that changes a field to what it is already. Of a repeated one, the first time is told.
pub(super) fn check_steps(
    links: &BTreeMap<String, &LinkConfig>,
    channels: &[ChannelConfig],
    occurrences: &[Occurrence<'_>],
    found: &mut Vec<Finding>,
) {
    let channels: BTreeMap<&str, &ChannelConfig> =
        channels.iter().map(|channel| (channel.name.as_str(), channel)).collect();
    let mut order: Vec<&Occurrence<'_>> = occurrences.iter().collect();
    order.sort_by_key(|occurrence| occurrence.at);
    let mut present: BTreeMap<(&str, bool), LinkChange> = BTreeMap::new();
    let mut of_channels: BTreeMap<(&str, bool), LinkChange> = BTreeMap::new();
    let mut powered: BTreeMap<&str, bool> = BTreeMap::new();
    let mut told = BTreeSet::new();
    for occurrence in order {
        let event = occurrence.event;
        let idle: Vec<&str> = if let Some(node) = event.of_node() {
            let is_up = powered.entry(node).or_insert(true);
            let same = event.up == Some(*is_up);
            *is_up = event.up.unwrap_or(*is_up);
            if same { vec!["up"] } else { Vec::new() }
        } else if let Some(name) = event.of_channel() {
            let Some(channel) = channels.get(name) else { continue };
            idle_fields(event, name, |is_forward| channel.direction(is_forward), &mut of_channels)
        } else {
            let config = event.of_link().and_then(|link| Some((link, *links.get(link)?)));
            let Some((link, config)) = config else { continue };
            idle_fields(event, link, |is_forward| config.direction(is_forward), &mut present)
        };
        for field in idle.into_iter().filter(|field| told.insert((occurrence.entry, *field))) {
            let when = if event.every.is_some() { format!(" at {}", occurrence.at) } else { String::new() };
            let message = format!("has no effect{when}: it is what `{field}` of {} is already", subject(event));
            found.push(Finding::new(Kind::NoEffect, format!("timeline.{}.{field}", occurrence.entry), message));
        }
    }
}

/// The fields of a link's or channel's event that change nothing, in either direction. `present` is what holds before it, and then after it.
fn idle_fields<'t>(
    event: &'t TimelineEvent,
    link: &'t str,
    direction: impl Fn(bool) -> DirectionConfig,
    present: &mut BTreeMap<(&'t str, bool), LinkChange>,
) -> Vec<&'static str> {
    let mut changes = [false; 5];
    for is_forward in [true, false].into_iter().filter(|is_forward| event.concerns(*is_forward)) {
        let now = present.entry((link, is_forward)).or_insert_with(|| {
            let DirectionConfig { rate, delay, loss, impair, .. } = direction(is_forward);
            LinkChange { rate, delay, loss, impair, up: Some(true) }
        });
        changes[0] |= event.rate != now.rate;
        changes[1] |= event.delay.unwrap_or_default() != now.delay.unwrap_or_default();
        changes[2] |= event.loss.unwrap_or_default() != now.loss.unwrap_or_default();
        changes[3] |= event.impair != now.impair;
        changes[4] |= event.up != now.up;
        now.rate = event.rate.or(now.rate);
        now.delay = event.delay.or(now.delay);
        now.loss = event.loss.or(now.loss);
        now.impair = event.impair.clone().or_else(|| now.impair.take());
        now.up = event.up.or(now.up);
    }
    let fields = FIELDS.into_iter().zip(given(event)).zip(changes);
    fields.filter(|((_, given), changes)| *given && !changes).map(|((field, _), _)| field).collect()
}
