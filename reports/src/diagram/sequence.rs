//! Time–sequence plots after Stevens ("TCP/IP Illustrated", volume 1) and tcptrace: one direction of one TCP connection, as the
//! sender's end of a link sees it. Segments as upright strokes, what has been acknowledged and what the receiver has room for as lines.

use super::flow::Flow;
use crate::figure::{Axis, Panel, Point, Series};
use protosim_core::SimTime;
use protosim_models::packet::{Packet, TcpFlags, TcpHeader, Transport};
use std::net::SocketAddr;

/// A packet at the sender's end of a link.
#[derive(Clone, Copy, Debug)]
pub struct Passing<'a> {
    /// When its last bit left, or when it arrived.
    pub at: SimTime,
    /// True for one that leaves, false for one that arrives.
    pub leaves: bool,
    /// The packet.
    pub packet: &'a Packet,
    /// True if it goes no further than somewhere on its way.
    pub is_lost: bool,
}

/// One direction of a connection, by its ends.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Stream {
    /// Who sends.
    pub source: SocketAddr,
    /// To whom.
    pub destination: SocketAddr,
}

/// The streams whose segments leave here with data, with the bytes of each (again ones too), in order of their first one.
pub fn streams(passing: &[Passing<'_>]) -> Vec<(Stream, u64)> {
    let mut found: Vec<(Stream, u64)> = Vec::new();
    for seen in passing.iter().filter(|seen| seen.leaves && !seen.packet.payload.is_empty()) {
        let (Transport::Tcp(_), Some(source), Some(destination)) =
            (&seen.packet.transport, seen.packet.source_socket(), seen.packet.destination_socket())
        else {
            continue;
        };
        let stream = Stream { source, destination };
        match found.iter_mut().find(|(other, _)| *other == stream) {
            Some((_, bytes)) => *bytes += seen.packet.payload.len(),
            None => found.push((stream, seen.packet.payload.len())),
        }
    }
    found
}

/// A stroke: a range of offsets at a moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stroke {
    /// When.
    pub at: SimTime,
    /// The first offset.
    pub from: u64,
    /// The offset after the last.
    pub to: u64,
}

/// What a plot of one stream shows. Offsets count from the SYN at 0; the first byte of data is at 1.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Sequence {
    /// Segments that carry something for the first time.
    pub new: Vec<Stroke>,
    /// Segments of which all has been sent before.
    pub again: Vec<Stroke>,
    /// Segments that were lost on their way, of either kind.
    pub lost: Vec<Stroke>,
    /// Ranges that acknowledgements have selected (RFC 2018).
    pub selected: Vec<Stroke>,
    /// The offset up to which all is acknowledged, where it advances.
    pub acknowledged: Vec<(SimTime, u64)>,
    /// The offset up to which the receiver has room, where it changes.
    pub room: Vec<(SimTime, u64)>,
}

impl Sequence {
    /// The plot of a stream, from all packets at its sender's link end in order of time.
    pub fn of(stream: Stream, passing: &[Passing<'_>]) -> Self {
        let mut all = Self::default();
        let (mut ahead, mut back) = (Flow::default(), Flow::default());
        for seen in passing {
            let Transport::Tcp(header) = &seen.packet.transport else { continue };
            let ends = (seen.packet.source_socket(), seen.packet.destination_socket());
            if seen.leaves && ends == (Some(stream.source), Some(stream.destination)) {
                all.send(&mut ahead, seen, header);
            } else if !seen.leaves && ends == (Some(stream.destination), Some(stream.source)) {
                back.place(header, seen.packet.payload.len());
                if header.flags.has(TcpFlags::ACK) && ahead.is_known() {
                    all.acknowledge(seen.at, header, (&ahead, &back));
                }
            }
        }
        all
    }

    fn send(&mut self, flow: &mut Flow, seen: &Passing<'_>, header: &TcpHeader) {
        let place = flow.place(header, seen.packet.payload.len());
        if place.len == 0 {
            return;
        }
        let stroke = Stroke { at: seen.at, from: place.offset, to: place.offset + place.len };
        if place.is_again {
            self.again.push(stroke)
        } else {
            self.new.push(stroke)
        }
        if seen.is_lost {
            self.lost.push(stroke);
        }
    }

    fn acknowledge(&mut self, at: SimTime, header: &TcpHeader, (ahead, back): (&Flow, &Flow)) {
        let una = ahead.offset(header.acknowledgment);
        let before = self.acknowledged.last().map(|(_, una)| *una);
        if before.is_none_or(|before| una > before) {
            self.acknowledged.push((at, una));
        }
        // An old acknowledgement says nothing new of the window.
        if before.is_none_or(|before| una >= before) {
            let edge = una + back.window(header, ahead.scale());
            if self.room.last().is_none_or(|(_, last)| *last != edge) {
                self.room.push((at, edge));
            }
        }
        for block in header.options.iter().flat_map(|options| &options.sack) {
            self.selected.push(Stroke { at, from: ahead.offset(block.left), to: ahead.offset(block.right) });
        }
    }

    /// The part of it between two times, with the lines as they stand at the first.
    #[must_use]
    pub fn between(mut self, from: SimTime, until: SimTime) -> Self {
        for strokes in [&mut self.new, &mut self.again, &mut self.lost, &mut self.selected] {
            strokes.retain(|stroke| (from..=until).contains(&stroke.at));
        }
        for line in [&mut self.acknowledged, &mut self.room] {
            let before = line.iter().rev().find(|(at, _)| *at < from).map(|(_, value)| (from, *value));
            line.retain(|(at, _)| (from..=until).contains(at));
            if let Some(before) = before.filter(|_| line.first().is_none_or(|(at, _)| *at > from)) {
                line.insert(0, before);
            }
        }
        self
    }

    /// True if nothing was sent.
    pub fn is_empty(&self) -> bool {
        self.new.is_empty() && self.again.is_empty()
    }

    /// The panel of a figure, and whether the receive window lies above it: where it is far above all that was sent, it is cut off.
    pub fn panel(&self) -> (Panel, bool) {
        let sent = || self.new.iter().chain(&self.again);
        let (low, high) = sent().fold((u64::MAX, 0), |(low, high), s| (low.min(s.from), high.max(s.to)));
        let end = sent().chain(&self.selected).map(|stroke| stroke.at).max();
        let end = end.into_iter().chain(self.acknowledged.last().map(|(at, _)| *at)).max().unwrap_or(SimTime::ZERO);
        let room = self.room.iter().map(|(_, edge)| *edge).max().unwrap_or(0);
        let is_above = room.saturating_sub(low) > 2 * (high.saturating_sub(low)).max(1);
        let mut y = Axis::linear("Sequence offset").unit("B");
        if is_above {
            let margin = (high - low).max(1) as f64 * 0.06;
            y = y.range(low as f64 - margin, high as f64 + margin);
        }
        let strokes = |all: &[Stroke]| -> Vec<Point> {
            let point = |s: &Stroke| Point::new(s.at.as_secs_f64(), s.to as f64).within(s.from as f64, s.to as f64);
            all.iter().map(point).collect()
        };
        let line = |all: &[(SimTime, u64)]| -> Vec<Point> {
            let last = all.last().map(|(at, value)| (end.max(*at), *value));
            let held = last.filter(|last| all.last() != Some(last));
            all.iter().copied().chain(held).map(|(at, value)| Point::new(at.as_secs_f64(), value as f64)).collect()
        };
        let marks = |all: &[Stroke]| -> Vec<Point> {
            all.iter().map(|s| Point::new(s.at.as_secs_f64(), (s.from + s.to) as f64 / 2.0)).collect()
        };
        let is_room_shown = !is_above || self.room.iter().any(|(_, edge)| *edge <= high);
        let series = [
            Series::spans("sent first", strokes(&self.new)),
            Series::spans("sent again", strokes(&self.again)),
            Series::step("acknowledged", line(&self.acknowledged)),
            Series::step("receive window", if is_room_shown { line(&self.room) } else { Vec::new() }),
            Series::spans("selectively acknowledged", strokes(&self.selected)),
            Series::marks("lost", marks(&self.lost)),
        ];
        let panel = Panel::new(Axis::linear("Time").unit("s"), y);
        let shown = series.into_iter().filter(|series| !series.points.is_empty());
        (shown.fold(panel, Panel::series), !is_room_shown)
    }
}
