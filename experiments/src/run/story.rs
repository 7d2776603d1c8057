//! What is told of one run, packet by packet: its diagrams and its event log. Made from reports alone: it changes nothing.

use super::events::{Event, drop_words, events};
use super::wires::Wires;
use crate::scenario::{DiagramSpec, LadderSpec, Scenario, TimeSequenceSpec, Way};
use protosim_core::SimTime;
use protosim_core::kernel::{Interests, Reported};
use protosim_models::Observation;
use protosim_models::node::Report;
use protosim_models::tcp::Trace;
use protosim_reports::diagram::{
    Arrow, End, Hops, Ladder, MOST_ARROWS, Note, Passing, Sequence, Sighting, Stream, streams,
};
use protosim_reports::figure::Figure;
use protosim_topologies::Plan;
use std::collections::BTreeSet;

/// Most connections in one time–sequence plot.
const MOST_STREAMS: usize = 4;

/// What to look at in a run, beside results.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Watch {
    /// Keep the packets at link ends.
    pub capture: bool,
    /// Make these diagrams.
    pub diagrams: Vec<DiagramSpec>,
    /// Keep the event log.
    pub events: bool,
}

/// A diagram of a run.
#[derive(Clone, PartialEq, Debug)]
pub enum Drawing {
    /// A ladder.
    Ladder(Ladder),
    /// A time–sequence plot; `None` if there is no connection.
    TimeSequence(Option<Figure>),
}

/// Diagrams and events of one run.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Story {
    /// In the order in which they were asked for.
    pub diagrams: Vec<(DiagramSpec, Drawing)>,
    /// In order of time, if they were asked for.
    pub events: Option<Vec<Event>>,
}

impl Watch {
    /// What it has to listen to.
    pub(super) fn interests(&self) -> Interests {
        let mut interests = Interests::NONE;
        if self.capture {
            interests = interests.and(Interests::PACKETS);
        }
        if !self.diagrams.is_empty() {
            interests = interests.and(Interests::PACKETS).and(Interests::TRACES);
        }
        if self.events {
            interests = interests.and(Interests::PACKETS).and(Interests::TRACES);
        }
        interests
    }

    /// What it is that these reports tell. `app_of` tells the scenario's index of a node's application.
    pub(super) fn story(
        &self,
        plan: &Plan,
        scenario: &Scenario,
        reports: &[Reported<Report>],
        app_of: impl Fn(u32, u32) -> usize,
    ) -> Story {
        if self.diagrams.is_empty() && !self.events {
            return Story::default();
        }
        let wires = Wires::new(plan);
        let teller = Teller { plan, scenario, reports, wires: &wires };
        let diagrams = self.diagrams.iter().map(|spec| {
            let drawing = match spec {
                DiagramSpec::Ladder(ladder) => Drawing::Ladder(teller.ladder(ladder, spec.window(), &app_of)),
                DiagramSpec::TimeSequence(plot) => Drawing::TimeSequence(teller.plot(plot, spec.window())),
            };
            (spec.clone(), drawing)
        });
        Story { diagrams: diagrams.collect(), events: self.events.then(|| events(reports, &wires, &app_of)) }
    }
}

/// What diagrams are made from.
struct Teller<'a> {
    plan: &'a Plan,
    scenario: &'a Scenario,
    reports: &'a [Reported<Report>],
    wires: &'a Wires<'a>,
}

impl Teller<'_> {
    fn sightings(&self) -> Vec<Sighting<'_>> {
        let packets = self.reports.iter().filter_map(|reported| match &reported.report {
            Report::Packet(report) => self.wires.sighting(reported.at, report),
            Report::Frame(_) | Report::App { .. } | Report::BatteryDead => None,
        });
        packets.collect()
    }

    fn ladder(
        &self,
        spec: &LadderSpec,
        (from, until): (SimTime, SimTime),
        app_of: &impl Fn(u32, u32) -> usize,
    ) -> Ladder {
        let names: Vec<&str> = match spec.nodes.as_slice() {
            [] => self.scenario.nodes.iter().map(|node| node.name.as_str()).collect(),
            nodes => nodes.iter().map(|node| node.0.as_str()).collect(),
        };
        let nodes: Vec<usize> = names.iter().filter_map(|name| self.plan.node(name)).collect();
        let lane = |node: usize| nodes.iter().position(|other| *other == node);
        let hops = Hops::of(&self.sightings(), from, until);
        let arrows = hops.arrows(|node| lane(node).is_some(), |node| self.plan.name(node).to_owned());
        let all = arrows.len();
        let mut until = until;
        if let Some(first_left_out) = arrows.get(MOST_ARROWS) {
            until = until.min(first_left_out.departed);
        }
        let on_lane = |arrow: Arrow| Some(Arrow { from: lane(arrow.from)?, to: arrow.to.and_then(lane), ..arrow });
        let arrows: Vec<Arrow> = arrows.into_iter().take(MOST_ARROWS).filter_map(on_lane).collect();
        let caption = match all > MOST_ARROWS {
            true => format!("The first {MOST_ARROWS} of {all} packets; `from`, `until` and `nodes` choose others."),
            false => String::new(),
        };
        let notes = self.notes(&nodes, (from, until), app_of);
        let lanes = names.iter().map(|name| (*name).to_owned()).collect();
        Ladder { title: spec.title.clone(), lanes, arrows, notes, caption }
    }

    /// What applications and connections of these nodes do.
    fn notes(
        &self,
        nodes: &[usize],
        (from, until): (SimTime, SimTime),
        app_of: &impl Fn(u32, u32) -> usize,
    ) -> Vec<Note> {
        let entities: Vec<u32> = nodes.iter().map(|node| self.plan.entity(*node).0).collect();
        let within = |reported: &&Reported<Report>| (from..=until).contains(&reported.at);
        let noted = || {
            self.reports.iter().filter(within).filter_map(|Reported { at, entity, report }| {
                let lane = entities.iter().position(|other| *other == entity.0)?;
                let Report::App { app, observation } = report else { return None };
                Some((*at, lane, app_of(entity.0, *app), observation))
            })
        };
        // Names are said where there is more than one to tell apart.
        let talkers: BTreeSet<(usize, usize)> = noted()
            .filter(|(.., observation)| words(observation).is_some())
            .map(|(_, lane, app, _)| (lane, app))
            .collect();
        let connections: BTreeSet<(usize, usize, u32)> = noted()
            .filter_map(|(_, lane, app, observation)| match observation {
                Observation::Stream { stream, .. } => Some((lane, app, stream.0)),
                _ => None,
            })
            .collect();
        let note = |(at, lane, app, observation): (SimTime, usize, usize, &Observation)| {
            let mut text = words(observation)?;
            if let Observation::Stream { stream, .. } = observation
                && connections.iter().filter(|(other, owner, _)| (*other, *owner) == (lane, app)).count() > 1
            {
                text = format!("#{}: {text}", stream.0);
            }
            if talkers.iter().filter(|(other, _)| *other == lane).count() > 1 {
                text = format!("{}: {text}", self.scenario.apps[app].name);
            }
            Some(Note { lane, at, text })
        };
        let notes: Vec<Note> = noted().filter_map(note).collect();
        // As many as fit beside the packets.
        notes.into_iter().take(2 * MOST_ARROWS).collect()
    }

    fn plot(&self, spec: &TimeSequenceSpec, (from, until): (SimTime, SimTime)) -> Option<Figure> {
        let sender = self.sender(spec)?;
        let forward = self.plan.wire(&spec.link.0, spec.direction == Way::Forward)?.0 as usize;
        let backward = self.plan.wire(&spec.link.0, spec.direction != Way::Forward)?.0 as usize;
        let sightings = self.sightings();
        // Lost here or further on.
        let lost: BTreeSet<u64> = sightings
            .iter()
            .filter(|seen| seen.dropped.is_some())
            .map(|seen| seen.packet.provenance.packet_id)
            .collect();
        let mut passing: Vec<Passing<'_>> = Vec::new();
        for seen in sightings.iter().filter(|seen| seen.node == Some(sender)) {
            let leaves = seen.end == End::Sender && seen.channel == forward;
            let arrives = seen.end == End::Receiver && seen.channel == backward && seen.dropped.is_none();
            if leaves || arrives {
                let is_lost = lost.contains(&seen.packet.provenance.packet_id);
                passing.push(Passing { at: seen.at, leaves, packet: seen.packet, is_lost });
            }
        }
        let has_port = |stream: &Stream| {
            spec.port.is_none_or(|port| [stream.source.port(), stream.destination.port()].contains(&port))
        };
        let all: Vec<Stream> = streams(&passing).into_iter().map(|(stream, _)| stream).filter(has_port).collect();
        let plots = all.iter().map(|stream| (stream, Sequence::of(*stream, &passing).between(from, until)));
        let plots: Vec<(&Stream, Sequence)> = plots.filter(|(_, plot)| !plot.is_empty()).collect();
        let mut captions = Vec::new();
        if plots.len() > 1 {
            let names = plots
                .iter()
                .take(MOST_STREAMS)
                .map(|(stream, _)| format!("{} to {}", stream.source, stream.destination));
            captions.push(format!("From top to bottom: {}.", names.collect::<Vec<_>>().join("; ")));
        }
        if plots.len() > MOST_STREAMS {
            captions.push(format!("The first {MOST_STREAMS} of {} connections; `port` chooses others.", plots.len()));
        }
        let mut figure = Figure::new(&spec.title);
        let mut is_cut = false;
        for (_, plot) in plots.iter().take(MOST_STREAMS) {
            let (panel, is_window_above) = plot.panel();
            is_cut |= is_window_above;
            figure = figure.panel(panel);
        }
        if is_cut {
            captions.push("The receive window lies above what is shown.".to_owned());
        }
        (!plots.is_empty()).then(|| figure.caption(captions.join(" ")))
    }

    /// The node at which a direction of a link begins.
    fn sender(&self, spec: &TimeSequenceSpec) -> Option<usize> {
        let (first, second) = self.plan.graph().ends(self.plan.link(&spec.link.0)?);
        Some(if spec.direction == Way::Forward { first } else { second })
    }
}

/// What a ladder says of an observation, if anything.
fn words(observation: &Observation) -> Option<String> {
    Some(match observation {
        Observation::ExchangeStarted(_) => "exchange starts".to_owned(),
        Observation::RequestDelivered(_) => "request delivered".to_owned(),
        Observation::ResponseBegan(_) => "response begins".to_owned(),
        Observation::ExchangeMoved { .. } => "exchange begins anew on another connection".to_owned(),
        Observation::ExchangeEnded { outcome, transmissions: 1, .. } => format!("exchange ends: {}", outcome.name()),
        Observation::ExchangeEnded { outcome, transmissions, .. } => {
            format!("exchange ends: {}, {transmissions} transmissions", outcome.name())
        }
        Observation::Received { .. } | Observation::TlsSecret(_) | Observation::Message(_) => return None,
        Observation::Stream { trace, .. } => match trace {
            Trace::State { to, .. } => to.to_string(),
            Trace::Lost { offset, len } => format!("{offset}:{} held lost", offset + len),
            Trace::Dropped(drop) => format!("segment dropped: {}", drop_words(*drop)),
            Trace::Timer(name) => format!("timer: {name}"),
            Trace::Phase { from, to } => format!("{from:?} → {to:?}"),
            Trace::Undone => "reduction undone".to_owned(),
            Trace::ZeroWindow(true) => "the peer's window closes".to_owned(),
            Trace::ZeroWindow(false) => "the peer's window opens".to_owned(),
            Trace::Sent { .. } | Trace::Acked { .. } | Trace::Sample(_) => return None,
        },
    })
}
