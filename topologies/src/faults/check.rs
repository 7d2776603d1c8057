//! What can be wrong with faults at random.

use super::{FaultSpec, MOST_FAULTS};
use crate::Routing;
use crate::check::{Finding, Kind};
use crate::timeline::TimelineEvent;
use std::collections::BTreeMap;

/// Everything wrong with faults, but for names of links and nodes that do not exist.
pub fn check_faults(faults: &[FaultSpec], timeline: &[TimelineEvent], routing: Routing) -> Vec<Finding> {
    let mut found = Vec::new();
    for (index, spec) in faults.iter().enumerate() {
        check_one(index, spec, timeline, &mut found);
    }
    let total: u64 = faults.iter().map(|spec| u64::from(spec.count)).sum();
    if total > MOST_FAULTS {
        let message = format!("more than {MOST_FAULTS} faults in a run: {total}");
        found.push(Finding::new(Kind::OutOfRange, "faults", message));
    }
    if !faults.is_empty() && !routing.is_static() {
        let message = "routes that follow are worked out before the runs, and each run has faults of its own: leave out `faults` or `routing`";
        found.push(Finding::new(Kind::NoEffect, "routing", message.to_owned()));
    }
    found
}

fn check_one(index: usize, spec: &FaultSpec, timeline: &[TimelineEvent], found: &mut Vec<Finding>) {
    let place = |field: &str| format!("faults.{index}.{field}");
    let mut say = |kind, field: &str, message: String| found.push(Finding::new(kind, place(field), message));
    if spec.links.is_empty() && spec.nodes.is_empty() {
        let message = "there is nobody to hit: give `links`, `nodes` or both".to_owned();
        found.push(Finding::new(Kind::NoEffect, format!("faults.{index}"), message));
        return;
    }
    if spec.count == 0 {
        say(Kind::NoEffect, "count", "has no effect: there is no fault".to_owned());
    }
    if spec.until <= spec.from {
        say(
            Kind::OutOfRange,
            "until",
            format!("is {}, and the first may begin at {}: it is later", spec.until, spec.from),
        );
    }
    if let Some(message) = spec.lasts.check() {
        say(Kind::OutOfRange, "lasts", message);
    } else if spec.lasts.is_zero() {
        say(Kind::OutOfRange, "lasts", "is no time at all: nobody would notice".to_owned());
    }
    let links = spec.links.iter().enumerate().map(|(at, link)| ("link", format!("links.{at}"), &link.0));
    let nodes = spec.nodes.iter().enumerate().map(|(at, node)| ("node", format!("nodes.{at}"), &node.0));
    let mut known: BTreeMap<(&str, &String), String> = BTreeMap::new();
    for (noun, field, name) in links.chain(nodes) {
        if let Some(first) = known.get(&(noun, name)) {
            let message = format!("{noun} `{name}` stands there twice: all are equally likely");
            let mut finding = Finding::new(Kind::DuplicateName, place(&field), message);
            finding.other = Some((place(first), "the first one".to_owned()));
            found.push(finding);
            continue;
        }
        let is_scheduled = |event: &&TimelineEvent| {
            let of = if noun == "link" { event.of_link() } else { event.of_node() };
            event.up.is_some() && of == Some(name.as_str())
        };
        if let Some(at) = timeline.iter().position(|event| is_scheduled(&event)) {
            let message = format!("the timeline says when {noun} `{name}` goes down: it is hit by that or at random");
            let mut finding = Finding::new(Kind::NoEffect, place(&field), message);
            finding.other = Some((format!("timeline.{at}.up"), "here".to_owned()));
            found.push(finding);
        }
        known.insert((noun, name), field);
    }
}
