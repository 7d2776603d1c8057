//! When subscriptions held, and at which level.

use super::Guarantee;
use protosim_core::SimTime;
use std::net::SocketAddr;
use std::sync::Arc;

/// A subscription of one party, with all its times.
#[derive(Clone, Debug)]
pub(super) struct Subscription {
    pub(super) filter: Arc<str>,
    pub(super) group: Option<Arc<str>>,
    pub(super) domain: SocketAddr,
    /// Copies of what is published now may be marked as retained.
    pub(super) keeps_marks: bool,
    /// How often retained messages may have come with it.
    pub(super) asks: u64,
    /// Since when it is asked for without an answer.
    asked: Option<SimTime>,
    /// In the order of time.
    pub(super) spans: Vec<Span>,
}

/// It is granted at one level.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) guarantee: Guarantee,
    /// When it was asked for: the broker may have it from then on.
    pub(super) asked: SimTime,
    /// When it was granted: the broker has it.
    pub(super) since: SimTime,
    /// When it ended as the party knows. What was published before is not owed any more.
    pub(super) over: Option<SimTime>,
    /// When the broker surely has it no more, or at another level.
    pub(super) gone: Option<SimTime>,
}

impl Span {
    /// Whether the broker may have had it when it got what was published at `at`.
    fn may_hold(&self, at: SimTime) -> bool {
        self.gone.is_none_or(|gone| gone >= at)
    }

    /// Whether the broker has had it from `at` until now.
    fn holds(&self, at: SimTime) -> bool {
        self.since < at && self.over.is_none() && self.gone.is_none()
    }
}

impl Subscription {
    pub(super) fn new(filter: Arc<str>, group: Option<Arc<str>>, domain: SocketAddr) -> Self {
        Self { filter, group, domain, keeps_marks: false, asks: 0, asked: None, spans: Vec::new() }
    }

    pub(super) fn ask(&mut self, brings_retained: bool, at: SimTime) {
        self.asks += u64::from(brings_retained);
        self.asked.get_or_insert(at);
    }

    pub(super) fn grant(&mut self, guarantee: Guarantee, keeps_marks: bool, at: SimTime) {
        self.keeps_marks |= keeps_marks;
        let asked = self.asked.take().unwrap_or_else(|| {
            self.asks += 1;
            at
        });
        if let Some(last) = self.spans.last_mut() {
            if last.over.is_none() && last.gone.is_none() && last.guarantee == guarantee {
                return;
            }
            last.gone.get_or_insert(at);
        }
        self.spans.push(Span { guarantee, asked, since: at, over: None, gone: None });
    }

    /// The party wants no more of it; the broker knows if `is_known` says so.
    pub(super) fn end(&mut self, is_known: bool, at: SimTime) {
        if is_known {
            self.asked = None;
        }
        // Those before are over and gone.
        for span in self.spans.iter_mut().rev().take_while(|span| span.over.is_none() || span.gone.is_none()) {
            span.over.get_or_insert(at);
            if is_known {
                span.gone.get_or_insert(at);
            }
        }
    }
}

/// Levels, as bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Levels(u8);

impl Levels {
    const ALL: Self = Self(0b111);

    pub(super) fn add(&mut self, level: Guarantee) {
        self.0 |= 1 << level as u8;
    }

    pub(super) fn has(self, level: Guarantee) -> bool {
        self.0 & (1 << level as u8) != 0
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn highest(self) -> Option<Guarantee> {
        Guarantee::ALL.into_iter().rev().find(|level| self.has(*level))
    }

    /// By which level further copies count of what was published at `published` and may have been granted at any of these, and whether all of
    /// them forbid it.
    pub(super) fn repeats(self, published: Guarantee) -> (Guarantee, bool) {
        let counts = |granted: Guarantee| match granted.min(published) {
            // Its publisher may have sent it again, as another one.
            Guarantee::AtMostOnce if published == Guarantee::AtLeastOnce => Guarantee::AtLeastOnce,
            level => level,
        };
        let mut by = Self::default();
        Guarantee::ALL.into_iter().filter(|level| self.has(*level)).for_each(|level| by.add(counts(level)));
        if by.has(Guarantee::AtLeastOnce) {
            return (Guarantee::AtLeastOnce, false);
        }
        (by.highest().unwrap_or(counts(published)), true)
    }
}

/// By which subscriptions a party may have got a copy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ways {
    /// It has never subscribed to it.
    None,
    /// By one of its own, or by several that count as one. Whether all that are possible have held since the message was published.
    Own(Levels, bool),
    /// By one that it shares.
    Shared(Levels),
    /// By several of which one is shared, each of which brings a copy; or by one of which nobody knows that it holds.
    Unclear,
}

impl Ways {
    /// Of a copy that comes now of what was published at `at`, by those subscriptions of a party that match.
    pub(super) fn of<'a>(matching: impl Iterator<Item = &'a Subscription>, at: SimTime) -> Self {
        let (mut own, mut certain, mut shared) = (Levels::default(), Levels::default(), Levels::default());
        let (mut shares, mut holds, mut is_known) = (0, true, false);
        for one in matching {
            is_known = true;
            let mut levels = Levels::default();
            if one.asked.is_some() {
                (levels, holds) = (Levels::ALL, false);
            }
            for span in one.spans.iter().rev().take_while(|span| span.may_hold(at)) {
                levels.add(span.guarantee);
                holds &= span.holds(at);
                // A request on its way may change the level.
                if one.group.is_none() && one.asked.is_none() && span.holds(at) {
                    certain.add(span.guarantee);
                }
            }
            match one.group {
                None => own.0 |= levels.0,
                Some(_) => {
                    shares += u32::from(!levels.is_empty());
                    shared.0 |= levels.0;
                }
            }
        }
        match (own.is_empty(), shares) {
            (true, 0) if !is_known => Self::None,
            (true, 1) => Self::Shared(shared),
            (false, 0) => {
                // The highest of those that hold, unless one that may hold is higher.
                if let Some(least) = certain.highest() {
                    own.0 &= !0 << least as u8;
                    own.add(least);
                }
                Self::Own(own, holds)
            }
            _ => Self::Unclear,
        }
    }
}
