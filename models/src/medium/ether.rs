//! The air of a radio channel: who hears whom, and what overlaps where.

use super::distance::{Distance, Place};
use super::shared::Air;
use protosim_core::{SimTime, Span};

/// All stations of a channel, as far as they are heard.
#[derive(Clone, Debug)]
pub(super) struct Ether {
    air: Air,
    ears: Vec<Ear>,
    /// Stations that talk.
    talking: Vec<usize>,
}

#[derive(Clone, Debug)]
struct Ear {
    /// Who is in range, in order; two bytes each, as a channel may have the square of its stations of these.
    reach: Box<[u16]>,
    /// What is being heard.
    hears: Vec<Reception>,
    /// When it last heard a frame end.
    heard_until: Option<SimTime>,
    talks_until: Option<SimTime>,
}

#[derive(Clone, Copy, Debug)]
struct Reception {
    from: usize,
    began: SimTime,
    flaw: Option<Flaw>,
}

/// Why a frame that is in range is not received. Of two, the one that came first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Flaw {
    /// Another one overlapped it, or the station talked itself meanwhile.
    Met,
    /// The receiver was off for some of it, or its sender stopped in the middle.
    Missed,
}

impl Ear {
    fn spoil(&mut self, flaw: Flaw) {
        for reception in &mut self.hears {
            reception.flaw.get_or_insert(flaw);
        }
    }
}

impl Ether {
    /// One with a station at each place. Nobody talks.
    pub(super) fn new(range: Distance, places: &[Place]) -> Self {
        let reach = |index: usize| {
            let others =
                (0..places.len()).filter(|other| *other != index && range.covers(places[index], places[*other]));
            others.map(|other| other as u16).collect()
        };
        let ear = |index| Ear { reach: reach(index), hears: Vec::new(), heard_until: None, talks_until: None };
        Self { air: Air::default(), ears: (0..places.len()).map(ear).collect(), talking: Vec::new() }
    }

    /// For how long somebody has talked.
    pub(super) fn busy(&self) -> Span {
        self.air.busy()
    }

    /// Who is in range of a station, in order.
    pub(super) fn reach(&self, station: usize) -> impl Iterator<Item = usize> {
        self.ears[station].reach.iter().map(|other| usize::from(*other))
    }

    /// True if a station is in range of another one.
    pub(super) fn reaches(&self, from: usize, to: usize) -> bool {
        u16::try_from(to).is_ok_and(|to| self.ears[from].reach.binary_search(&to).is_ok())
    }

    pub(super) fn talks(&self, station: usize) -> bool {
        self.ears[station].talks_until.is_some()
    }

    /// True while a frame comes in at a station, sound or not.
    pub(super) fn hears(&self, station: usize) -> bool {
        !self.ears[station].hears.is_empty()
    }

    /// True while a frame comes in at a station that is sound so far.
    pub(super) fn hears_well(&self, station: usize) -> bool {
        self.ears[station].hears.iter().any(|reception| reception.flaw.is_none())
    }

    /// True if a station that has listened for `sensing` until now has heard anybody. What begins at this very instant is not heard yet.
    pub(super) fn is_busy(&self, station: usize, sensing: Span, now: SimTime) -> bool {
        let ear = &self.ears[station];
        let is_recent = |end: SimTime| end.saturating_add(sensing) > now;
        ear.hears.iter().any(|reception| reception.began < now) || ear.heard_until.is_some_and(is_recent)
    }

    /// A station begins to talk, and will until `until`. `listens` says whose receiver is on.
    pub(super) fn begin(&mut self, from: usize, until: SimTime, now: SimTime, listens: impl Fn(usize) -> bool) {
        self.air.begin(now);
        self.talking.push(from);
        let own = &mut self.ears[from];
        own.talks_until = Some(until);
        // Half duplex: who talks hears nothing.
        own.spoil(Flaw::Met);
        let reach = std::mem::take(&mut own.reach);
        for other in reach.iter().map(|other| usize::from(*other)) {
            let ear = &mut self.ears[other];
            let is_met = ear.talks_until.is_some() || !ear.hears.is_empty();
            ear.spoil(Flaw::Met);
            let flaw = if is_met {
                Some(Flaw::Met)
            } else if listens(other) {
                None
            } else {
                Some(Flaw::Missed)
            };
            ear.hears.push(Reception { from, began: now, flaw });
        }
        self.ears[from].reach = reach;
    }

    /// The receiver of a station goes off: what comes in is missed.
    pub(super) fn deafen(&mut self, station: usize) {
        self.ears[station].spoil(Flaw::Missed);
    }

    /// Those whose frames are over by now, in order; [`Ether::end`] ends each.
    pub(super) fn over(&mut self, now: SimTime) -> Vec<usize> {
        let is_over = |station: &usize| self.ears[*station].talks_until.is_some_and(|end| end <= now);
        let mut over: Vec<usize> = self.talking.iter().copied().filter(is_over).collect();
        if !over.is_empty() {
            over.sort_unstable();
            self.talking.retain(|station| over.binary_search(station).is_err());
        }
        over
    }

    /// A frame is over. `each` is told of all in range: who, what is wrong with the frame there, and whether nothing else comes in
    /// there and the station does not talk.
    pub(super) fn end(&mut self, from: usize, now: SimTime, mut each: impl FnMut(usize, Option<Flaw>, bool)) {
        self.air.end(now);
        self.ears[from].talks_until = None;
        let reach = std::mem::take(&mut self.ears[from].reach);
        for other in reach.iter().map(|other| usize::from(*other)) {
            let ear = &mut self.ears[other];
            ear.heard_until = Some(now);
            let Some(index) = ear.hears.iter().position(|reception| reception.from == from) else { continue };
            let reception = ear.hears.swap_remove(index);
            each(other, reception.flaw, ear.hears.is_empty() && ear.talks_until.is_none());
        }
        self.ears[from].reach = reach;
    }

    /// A station stops in the middle of its frame, which nobody can read.
    pub(super) fn cut(&mut self, from: usize, now: SimTime, each: impl FnMut(usize, Option<Flaw>, bool)) {
        self.talking.retain(|station| *station != from);
        self.end(from, now, each);
    }
}
