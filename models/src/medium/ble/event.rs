//! Connection events: who sends when, who listens, and what comes of it (Vol 6 Part B §4.5.1, §4.5.6, §4.5.9).

use super::Ble;
use super::link::{Event, Step, other};
use crate::element::Element;
use crate::energy::RadioMode;
use crate::energy::ble::{End, T_IFS};
use crate::medium::shared::At;
use crate::node::DropCause;
use crate::rope::Rope;
use protosim_core::{Cx, Span};

impl Ble {
    /// Prepares for the next event, with who takes the connection for one that is there.
    pub(super) fn plan(&mut self, link: usize, cx: &mut Cx<'_, Element>) {
        let own = &mut self.links[link];
        own.is_open = false;
        if !own.is_up(End::Central) && !own.is_up(End::Peripheral) {
            return;
        }
        own.agenda.add(own.anchor(own.next), Step::Anchor);
        if own.is_up(End::Peripheral) && (own.may_not_skip() || self.has_data(link)) {
            self.plan_window(link, cx);
        }
        self.rest_central(cx);
    }

    /// The peripheral has something to send, or to be acknowledged.
    fn has_data(&self, link: usize) -> bool {
        self.links[link].sides[End::Peripheral as usize].has_data() || self.adapters.waits(self.station_of(link))
    }

    fn plan_window(&mut self, link: usize, cx: &mut Cx<'_, Element>) {
        let (now, station) = (cx.now(), self.station_of(link));
        let own = &mut self.links[link];
        let at = own.opens().max(now);
        own.agenda.add(at, Step::Open);
        self.shared.radio_by(station, RadioMode::Listen, now, at);
    }

    /// A packet has come to the peripheral: it is awake at the next event whose window it can still open.
    pub(super) fn wake(&mut self, link: usize, cx: &mut Cx<'_, Element>) {
        let own = &self.links[link];
        let is_planned = own.event.is_some() || own.is_open || own.agenda.has(Step::Open);
        if own.is_up(End::Peripheral) && !is_planned && cx.now() <= own.opens() {
            self.plan_window(link, cx);
        }
    }

    pub(super) fn step(&mut self, link: usize, step: Step, cx: &mut Cx<'_, Element>) {
        match step {
            Step::Open => self.open(link, cx),
            Step::Anchor => self.begin(link, cx),
            Step::Turn(end) => self.talk(link, end, cx),
            Step::Sent => self.sent(link, cx),
            Step::Vain(end) => self.close(link, end, cx),
            Step::Advertise(_) | Step::Advertised(_) | Step::Request(_) | Step::Requested(_) | Step::Unanswered(_) => {
                self.step_of_advertising(link, step, cx)
            }
        }
    }

    /// The peripheral opens its window. One as wide as the interval ends the connection (§4.5.7).
    fn open(&mut self, link: usize, cx: &mut Cx<'_, Element>) {
        let own = &mut self.links[link];
        if !own.is_up(End::Peripheral) {
            return;
        }
        if own.config.is_too_wide(own.widening()) {
            return self.lose(link, End::Peripheral, DropCause::ConnectionLost, cx);
        }
        own.is_open = true;
        self.radio(link, End::Peripheral, RadioMode::Listen, cx);
    }

    /// An anchor point.
    fn begin(&mut self, link: usize, cx: &mut Cx<'_, Element>) {
        let (now, detection) = (cx.now(), self.settings.phy.detection());
        let own = &mut self.links[link];
        let (central, peripheral) = (own.is_up(End::Central), own.is_open && own.is_up(End::Peripheral));
        let window_ends = now.saturating_add(own.widening()).saturating_add(detection);
        own.event = Some(Event {
            channel: own.hops.channel(own.next, &self.settings.used),
            window_ends,
            open: [central, peripheral],
            more: [false; 2],
            on_air: None,
            is_first: true,
        });
        if central {
            self.active = Some(link);
            return self.talk(link, End::Central, cx);
        }
        if peripheral {
            own.agenda.add(window_ends, Step::Vain(End::Peripheral));
        }
        self.end_if_over(link, cx);
    }

    /// An end sends. Whether the other hears it is drawn now.
    fn talk(&mut self, link: usize, end: End, cx: &mut Cx<'_, Element>) {
        let now = cx.now();
        self.fill(link, end, cx);
        let waits = end == End::Peripheral && self.adapters.waits(self.station_of(link));
        let (room, hearer) = (self.settings.data_length, other(end));
        let own = &mut self.links[link];
        let pdu = own.sides[end as usize].pdu(room, waits);
        let Some(event) = &mut own.event else { return };
        let loss = self.settings.loss_on(event.channel);
        let listens = event.open[hearer as usize];
        let hears = listens && !own.luck[hearer as usize].chance(loss);
        event.more[end as usize] = pdu.more;
        let airtime = self.settings.airtime(pdu.segment.as_ref().map_or(0, |segment| segment.len()));
        if listens && !hears {
            let until = match event.is_first && hearer == End::Peripheral {
                true => event.window_ends,
                false => now.saturating_add(self.settings.phy.detection()),
            };
            own.agenda.add(until, Step::Vain(hearer));
        }
        own.agenda.add(now.saturating_add(airtime), Step::Sent);
        self.shared.counts.frames += 1;
        self.shared.counts.retries += u64::from(pdu.is_again && pdu.segment.is_some());
        event.is_first = false;
        event.on_air = Some((end, pdu, hears));
        self.air.begin(now);
        self.radio(link, end, RadioMode::Transmit(self.settings.power), cx);
        if hears {
            self.radio(link, hearer, RadioMode::Receive, cx);
        }
    }

    /// A PDU is over.
    fn sent(&mut self, link: usize, cx: &mut Cx<'_, Element>) {
        let now = cx.now();
        let own = &mut self.links[link];
        let Some((end, pdu, hears)) = own.event.as_mut().and_then(|event| event.on_air.take()) else { return };
        self.air.end(now);
        let hearer = other(end);
        if !hears {
            return self.hear_nothing(link, end, cx);
        }
        if hearer == End::Peripheral {
            own.heard = Some(own.next);
        }
        let whole = own.side(hearer).hear(&pdu, now);
        if let Some(content) = whole {
            self.deliver(link, end, &content, cx);
        }
        for end in [end, hearer] {
            self.radio(link, end, RadioMode::Listen, cx);
        }
        if hearer == End::Peripheral || self.goes_on(link, cx) {
            let turn = now.saturating_add(T_IFS);
            self.links[link].agenda.add(turn, Step::Turn(hearer));
            self.radio_by(link, hearer, RadioMode::Transmit(self.settings.power), T_IFS, cx);
        } else {
            self.close(link, End::Central, cx);
            self.close(link, End::Peripheral, cx);
        }
    }

    /// What an end has sent was not heard. The central waits for an answer, and the peripheral for more, if there is to be more.
    fn hear_nothing(&mut self, link: usize, end: End, cx: &mut Cx<'_, Element>) {
        let until = cx.now().saturating_add(T_IFS).saturating_add(self.settings.phy.detection());
        let own = &mut self.links[link];
        let Some(event) = &mut own.event else { return };
        if !event.open[end as usize] {
            return self.end_if_over(link, cx);
        }
        if end == End::Central || event.more.contains(&true) {
            own.agenda.add(until, Step::Vain(end));
            self.radio(link, end, RadioMode::Listen, cx);
        } else {
            self.close(link, end, cx);
        }
    }

    /// True if either end has said that it has more, and what the central would send and the longest answer have room in its part of the interval.
    fn goes_on(&mut self, link: usize, cx: &mut Cx<'_, Element>) -> bool {
        self.fill(link, End::Central, cx);
        let own = &self.links[link];
        let says_more = own.event.as_ref().is_some_and(|event| event.more.contains(&true));
        let next = own.sides[End::Central as usize].next_len(self.settings.data_length);
        let needs = self.settings.airtime(next).saturating_add(self.settings.longest).saturating_add(T_IFS * 3);
        let ends = own.anchor(own.next).saturating_add(self.settings.slot);
        says_more && cx.now().saturating_add(needs) <= ends
    }

    /// An end is done with an event.
    pub(super) fn close(&mut self, link: usize, end: End, cx: &mut Cx<'_, Element>) {
        let own = &mut self.links[link];
        own.agenda.forget(|step| step == Step::Vain(end) || step == Step::Turn(end));
        if let Some(event) = &mut own.event {
            event.open[end as usize] = false;
        }
        self.rest(link, end, cx);
        self.end_if_over(link, cx);
    }

    /// When both are done, they prepare for the next one.
    pub(super) fn end_if_over(&mut self, link: usize, cx: &mut Cx<'_, Element>) {
        let own = &mut self.links[link];
        if own.event.take_if(|event| event.is_over()).is_some() {
            own.next += 1;
            self.plan(link, cx);
        }
    }

    /// A packet's content has come whole from an end.
    fn deliver(&mut self, link: usize, from: End, content: &Rope, cx: &mut Cx<'_, Element>) {
        let receiver = self.station_at(link, other(from));
        let sending = self.links[link].side(from).sending.as_mut();
        let Some(packet) = sending.and_then(|sending| sending.packet.take()) else { return };
        let bytes = self.settings.expand(content, self.ends(link, from));
        if bytes.is_some_and(|bytes| bytes == packet.to_rope()) {
            self.shared.deliver(packet, receiver, Span::ZERO, cx);
        } else {
            self.shared.drop(&packet, DropCause::Undecodable, At::Receiver(receiver), cx);
        }
    }
}
