//! Connections that end, and how they are made again (Vol 6 Part B §4.4.2, §4.5).
//!
//! ```text
//!  peripheral  ADV_IND on 37 ┄ listens ┄ ADV_IND on 38 ┄ listens ┄ on 39 ┄ listens ─── sleeps: interval, and 0 to 10 ms ───
//!  central     scans 38 ...................................└ T_IFS ┘ CONNECT_IND ─── first anchor, 1.25 ms or more later
//! ```

use super::Ble;
use super::link::{Advertising, L2CAP_HEADER, Step, other};
use crate::element::Element;
use crate::energy::RadioMode;
use crate::energy::ble::{End, T_IFS, airtime_1m};
use crate::medium::shared::At;
use crate::node::DropCause;
use protosim_core::{Cx, SimTime, Span};

/// An ADV_IND: the address (6), flags (3), and the service IPSS in a list of services of 16 bits (4), as the profile for IPv6 wants it.
const ADVERTISEMENT: Span = airtime_1m(6 + 3 + 4);
/// A CONNECT_IND: both addresses and 22 bytes (§2.3.3.1).
const REQUEST: Span = airtime_1m(34);
/// Advertising is on 1M: preamble and access address.
const DETECTION: Span = Span::from_micros(40);
/// advDelay is from zero to this (§4.4.2.2.1).
const MOST_DELAY: Span = Span::from_millis(10);
/// transmitWindowDelay (§4.5.3).
const WINDOW_DELAY: Span = Span::from_micros(1_250);
/// The central scans without a break, and turns to the next of the three channels so often: our choice, as Linux does.
const SCAN_INTERVAL: Span = Span::from_millis(60);
/// The first channel for advertising.
const FIRST_CHANNEL: u8 = 37;

// The shortest PDU has room for an L2CAP header and the length of what it carries.
const _: () = assert!(L2CAP_HEADER + 2 < 27);

impl Ble {
    /// An end gives the connection up, or has lost its power: what it held is dropped.
    pub(super) fn lose(&mut self, link: usize, end: End, cause: DropCause, cx: &mut Cx<'_, Element>) {
        let station = self.station_at(link, end);
        let was_up = self.links[link].is_up(end);
        for packet in self.links[link].side(end).end() {
            self.shared.drop(&packet, cause, At::Sender(station), cx);
        }
        if end == End::Peripheral {
            while self.adapters.fill(station, &mut self.shared, cx) {
                let Some(lost) = self.adapters.current(station).take() else { break };
                self.shared.drop(&lost.packet, cause, At::Sender(station), cx);
            }
            self.links[link].is_open = false;
            self.links[link].agenda.forget(|step| step == Step::Open);
        }
        let is_on = cause != DropCause::NodeDown;
        self.own_counts.lost += u64::from(was_up && is_on);
        self.leave_event(link, end, cx);
        let own = &mut self.links[link];
        if own.event.is_none() && !own.is_up(other(end)) {
            own.agenda.forget(|step| step == Step::Anchor);
        }
        if is_on {
            self.rest(link, end, cx);
            if end == End::Peripheral {
                self.advertise(link, cx.now(), cx);
            }
        }
    }

    /// An end has no more part in an event that is running.
    fn leave_event(&mut self, link: usize, end: End, cx: &mut Cx<'_, Element>) {
        let (now, across) = (cx.now(), other(end));
        let own = &mut self.links[link];
        let Some(event) = &mut own.event else { return };
        let had_turn = own.agenda.has(Step::Turn(end));
        own.agenda.forget(|step| step == Step::Vain(end) || step == Step::Turn(end));
        event.open[end as usize] = false;
        let is_there = event.open[across as usize];
        match &mut event.on_air {
            Some((from, ..)) if *from == end => {
                event.on_air = None;
                own.agenda.forget(|step| step == Step::Sent);
                self.air.end(now);
                if is_there {
                    self.close(link, across, cx);
                }
            }
            Some((_, _, hears)) => *hears = false,
            None if had_turn && is_there => {
                let until = now.saturating_add(T_IFS).saturating_add(self.settings.phy.detection());
                own.agenda.add(until, Step::Vain(across));
            }
            None => {}
        }
        if end == End::Central && self.active == Some(link) {
            self.active = None;
        }
        self.end_if_over(link, cx);
    }

    /// The peripheral begins to advertise, or goes on with that: after a delay that is drawn.
    pub(super) fn advertise(&mut self, link: usize, from: SimTime, cx: &mut Cx<'_, Element>) {
        let (now, station) = (cx.now(), self.station_of(link));
        let own = &mut self.links[link];
        let delay = own.draws.span_between(Span::ZERO, MOST_DELAY);
        let since = from.saturating_add(delay).max(now);
        own.advertising = Some(Advertising { since, is_heard: false, hears: false });
        own.agenda.add(since, Step::Advertise(0));
        self.shared.radio_by(station, RadioMode::Transmit(self.settings.power), now, since);
    }

    /// The peripheral advertises no more. A request that the central sends goes on; one that it was about to send does not.
    pub(super) fn stop_advertising(&mut self, link: usize, cx: &mut Cx<'_, Element>) {
        let own = &mut self.links[link];
        let is_heard = own.advertising.take().is_some_and(|state| state.is_heard);
        let has = |step: fn(u8) -> Step| (0..3).any(|n| own.agenda.has(step(n)));
        let (is_sent, is_to_be_answered) = (has(Step::Advertised), has(Step::Request));
        own.agenda.forget(|step| {
            matches!(step, Step::Advertise(_) | Step::Advertised(_) | Step::Unanswered(_) | Step::Request(_))
        });
        if is_sent {
            self.air.end(cx.now());
        }
        // The central takes it in, or has turned to answer.
        if is_heard && is_sent || is_to_be_answered {
            self.rest_central(cx);
        }
    }

    pub(super) fn step_of_advertising(&mut self, link: usize, step: Step, cx: &mut Cx<'_, Element>) {
        match step {
            Step::Advertise(n) => self.begin_advertisement(link, n, cx),
            Step::Advertised(n) => self.end_advertisement(link, n, cx),
            Step::Request(n) => self.request(link, n, cx),
            Step::Requested(n) => self.requested(link, n, cx),
            Step::Unanswered(n) => self.unanswered(link, n, cx),
            _ => {}
        }
    }

    /// On one of the three channels. Whether the central hears it is drawn now, if it listens there and has the time to answer.
    fn begin_advertisement(&mut self, link: usize, n: u8, cx: &mut Cx<'_, Element>) {
        let now = cx.now();
        let scans = now.as_nanos() / SCAN_INTERVAL.as_nanos() % 3 == u64::from(n);
        let until = now.saturating_add(ADVERTISEMENT + T_IFS + REQUEST + T_IFS);
        let listens = scans && !self.links[link].is_up(End::Central) && self.central_is_free(now, until);
        let loss = self.settings.loss_on(FIRST_CHANNEL + n);
        let own = &mut self.links[link];
        let is_heard = listens && !own.luck[End::Central as usize].chance(loss);
        if let Some(state) = &mut own.advertising {
            (state.is_heard, state.hears) = (is_heard, false);
        }
        own.agenda.add(now.saturating_add(ADVERTISEMENT), Step::Advertised(n));
        self.own_counts.advertisements += 1;
        self.transmits(link, End::Peripheral, cx);
        if is_heard {
            self.taken_until = until;
            self.radio(link, End::Central, RadioMode::Receive, cx);
        }
    }

    /// The peripheral listens for an answer, and the central turns to give one.
    fn end_advertisement(&mut self, link: usize, n: u8, cx: &mut Cx<'_, Element>) {
        let now = cx.now();
        self.air.end(now);
        self.radio(link, End::Peripheral, RadioMode::Listen, cx);
        let answer = now.saturating_add(T_IFS);
        let own = &mut self.links[link];
        if own.advertising.is_some_and(|state| state.is_heard) && self.is_central_on {
            own.agenda.add(answer, Step::Request(n));
            self.radio(link, End::Central, RadioMode::Listen, cx);
            self.radio_by(link, End::Central, RadioMode::Transmit(self.settings.power), T_IFS, cx);
        } else {
            own.agenda.add(answer.saturating_add(DETECTION), Step::Unanswered(n));
        }
    }

    /// The central asks for a connection.
    fn request(&mut self, link: usize, n: u8, cx: &mut Cx<'_, Element>) {
        let now = cx.now();
        let loss = self.settings.loss_on(FIRST_CHANNEL + n);
        let own = &mut self.links[link];
        let Some(state) = own.advertising.as_mut().filter(|_| self.is_central_on) else {
            return own.agenda.add(now.saturating_add(DETECTION), Step::Unanswered(n));
        };
        state.hears = !own.luck[End::Peripheral as usize].chance(loss);
        let hears = state.hears;
        own.agenda.add(now.saturating_add(REQUEST), Step::Requested(n));
        if !hears {
            own.agenda.add(now.saturating_add(DETECTION), Step::Unanswered(n));
        }
        self.transmits(link, End::Central, cx);
        if hears {
            self.radio(link, End::Peripheral, RadioMode::Receive, cx);
        }
    }

    /// The request is over. The central takes the connection for made; the peripheral does if it has heard that.
    fn requested(&mut self, link: usize, n: u8, cx: &mut Cx<'_, Element>) {
        let now = cx.now();
        self.air.end(now);
        let hears = self.links[link].advertising.is_some_and(|state| state.hears);
        if self.is_central_on {
            self.connect(link, hears, cx);
        } else if hears {
            self.links[link].agenda.add(now, Step::Unanswered(n));
        }
    }

    /// Nobody has answered: the next channel, or the next event.
    fn unanswered(&mut self, link: usize, n: u8, cx: &mut Cx<'_, Element>) {
        let now = cx.now();
        let Some(state) = self.links[link].advertising else { return };
        self.radio(link, End::Peripheral, RadioMode::Sleep, cx);
        if n < 2 {
            self.links[link].agenda.add(now.saturating_add(T_IFS), Step::Advertise(n + 1));
        } else {
            self.advertise(link, state.since.saturating_add(self.settings.advertising), cx);
        }
    }

    /// An end sends something that belongs to no connection.
    fn transmits(&mut self, link: usize, end: End, cx: &mut Cx<'_, Element>) {
        self.shared.counts.frames += 1;
        self.air.begin(cx.now());
        self.radio(link, end, RadioMode::Transmit(self.settings.power), cx);
    }

    /// The central neither has an event nor another peripheral's advertisement before `until`.
    fn central_is_free(&self, now: SimTime, until: SimTime) -> bool {
        self.is_central_on
            && self.active.is_none()
            && self.taken_until <= now
            && self.next_anchor().is_none_or(|anchor| anchor >= until)
    }

    /// A connection begins, at an anchor point of the peripheral's part of the interval.
    fn connect(&mut self, link: usize, is_heard: bool, cx: &mut Cx<'_, Element>) {
        let now = cx.now();
        let (hopping, base) = (self.settings.hopping, self.settings.interval.as_nanos());
        let own = &mut self.links[link];
        let since = now.saturating_add(WINDOW_DELAY).saturating_since(own.slot).as_nanos();
        own.first = own.slot.saturating_add(Span::from_nanos(since.div_ceil(base).saturating_mul(base)));
        own.hops = super::channels::Hops::draw(hopping, &mut own.draws);
        (own.next, own.heard) = (0, None);
        own.side(End::Central).begin(now, false);
        if is_heard {
            own.side(End::Peripheral).begin(now, false);
            self.own_counts.made += 1;
            self.stop_advertising(link, cx);
            self.rest(link, End::Peripheral, cx);
        }
        self.plan(link, cx);
        self.rest(link, End::Central, cx);
    }
}
