//! A path for congestion control alone: a bottleneck with a rate, a delay, a buffer and losses, and a sender that always has data.
//!
//! The sender knows of each segment whether it has arrived (as with selective acknowledgements), holds one lost when the third
//! after it has arrived, and sends new data in its place: for the window and the rate it is the same as a retransmission.

use super::*;
use std::collections::{BTreeSet, VecDeque};

pub(super) const SEGMENT: u64 = 1500;

/// What the path is like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Path {
    /// \[bytes/s\]
    pub(super) rate: u64,
    /// Round trip without queue and transmission time.
    pub(super) delay: Span,
    /// What may wait at the bottleneck \[bytes\].
    pub(super) buffer: u64,
    /// Each segment is lost with this probability, before the bottleneck \[1/1000\].
    pub(super) loss_per_mille: u64,
    /// \[segments\]
    pub(super) initial_window: u64,
}

/// What an acknowledgement has left behind.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point {
    pub(super) at: f64,
    pub(super) rtt: f64,
    pub(super) cwnd: u64,
    pub(super) in_flight: u64,
    pub(super) delivered: u64,
    pub(super) pacing: u64,
}

#[derive(Clone, Copy)]
struct Sent {
    number: u64,
    at: u64,
    first_sent_at: u64,
    delivered: u64,
    delivered_at: u64,
    tx_in_flight: u64,
    lost: u64,
}

/// The sender and the path.
pub(super) struct Run {
    path: Path,
    pub(super) algorithm: Congestion,
    pub(super) window: Window,
    now: u64,
    /// Segments that are neither acknowledged nor held lost, in order.
    outstanding: VecDeque<Sent>,
    /// When acknowledgements come, and of which segment.
    arriving: VecDeque<(u64, u64)>,
    next: u64,
    paced_until: u64,
    /// When the bottleneck has sent all that it has.
    free_at: u64,
    delivered: u64,
    delivered_at: u64,
    first_sent_at: u64,
    lost: u64,
    phase: Phase,
    recovery_end: u64,
    /// Segments that are sent in place of lost ones, and must arrive before recovery is over.
    repairs: BTreeSet<u64>,
    srtt: u64,
    min_rtt: u64,
    last_event: u64,
    pub(super) points: Vec<Point>,
    seed: u64,
}

fn step(seed: &mut u64) -> u64 {
    // SplitMix64 (Steele, Lea and Flood 2014).
    *seed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *seed;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl Run {
    pub(super) fn new(config: &CongestionConfig, path: Path, seed: u64) -> Self {
        let cwnd = path.initial_window * SEGMENT;
        Self {
            path,
            algorithm: config.build(false),
            window: Window { cwnd, ssthresh: u64::MAX, mss: SEGMENT },
            now: 0,
            outstanding: VecDeque::new(),
            arriving: VecDeque::new(),
            next: 0,
            paced_until: 0,
            free_at: 0,
            delivered: 0,
            delivered_at: 0,
            first_sent_at: 0,
            lost: 0,
            phase: Phase::Open,
            recovery_end: 0,
            repairs: BTreeSet::new(),
            srtt: 0,
            min_rtt: u64::MAX,
            last_event: 0,
            points: Vec::new(),
            seed,
        }
    }

    /// Goes on until so many seconds have passed.
    pub(super) fn until(&mut self, secs: f64) -> &mut Self {
        let end = Span::from_secs_f64(secs).as_nanos();
        loop {
            let can_send = self.in_flight() + SEGMENT <= self.window.cwnd;
            let send_at = if can_send { self.paced_until.max(self.now) } else { u64::MAX };
            let ack_at = self.arriving.front().map_or(u64::MAX, |&(at, _)| at);
            // As RFC 6298 would have it for a steady round trip, at least 200 ms.
            let timeout_at =
                if self.outstanding.is_empty() { u64::MAX } else { self.last_event + 200_000_000 + 2 * self.srtt };
            let at = send_at.min(ack_at).min(timeout_at);
            if at > end {
                self.now = end;
                return self;
            }
            self.now = at;
            if ack_at == at {
                self.acknowledge();
            } else if send_at == at {
                self.send();
            } else {
                self.time_out();
            }
        }
    }

    fn in_flight(&self) -> u64 {
        self.outstanding.len() as u64 * SEGMENT
    }

    fn local(&self) -> LocalTime {
        LocalTime::from_nanos(self.now)
    }

    fn send(&mut self) {
        if self.outstanding.is_empty() {
            self.first_sent_at = self.now;
            self.delivered_at = self.now;
        }
        let tx_in_flight = self.in_flight() + SEGMENT;
        self.outstanding.push_back(Sent {
            number: self.next,
            at: self.now,
            first_sent_at: self.first_sent_at,
            delivered: self.delivered,
            delivered_at: self.delivered_at,
            tx_in_flight,
            lost: self.lost,
        });
        let rate = self.algorithm.pacing_rate(&self.window, Span::from_nanos(self.srtt));
        if let Some(rate) = rate {
            self.paced_until = self.now.max(self.paced_until) + SEGMENT * 1_000_000_000 / rate;
        }
        let is_lost = step(&mut self.seed) % 1000 < self.path.loss_per_mille;
        let backlog = u128::from(self.free_at.saturating_sub(self.now)) * u128::from(self.path.rate) / 1_000_000_000;
        if !is_lost && backlog as u64 <= self.path.buffer {
            self.free_at = self.free_at.max(self.now) + SEGMENT * 1_000_000_000 / self.path.rate;
            self.arriving.push_back((self.free_at + self.path.delay.as_nanos(), self.next));
        }
        self.next += 1;
        self.last_event = self.now;
    }

    fn acknowledge(&mut self) {
        let prior_in_flight = self.in_flight();
        let (_, number) = self.arriving.pop_front().unwrap();
        self.last_event = self.now;
        let Ok(index) = self.outstanding.binary_search_by_key(&number, |sent| sent.number) else { return };
        let sent = self.outstanding.remove(index).unwrap();
        self.delivered += SEGMENT;
        self.delivered_at = self.now;
        self.first_sent_at = sent.at;
        let rtt = self.now - sent.at;
        self.srtt = if self.srtt == 0 { rtt } else { (7 * self.srtt + rtt) / 8 };
        self.min_rtt = self.min_rtt.min(rtt);
        self.repairs.remove(&number);
        let mut lost = 0;
        while self.outstanding.front().is_some_and(|sent| sent.number + 3 <= number) {
            let sent = self.outstanding.pop_front().unwrap();
            self.hold_lost(&sent);
            lost += SEGMENT;
        }
        if lost > 0 && self.phase < Phase::Recovery {
            self.phase = Phase::Recovery;
            self.recovery_end = self.next;
            let (at, flight) = (self.local(), prior_in_flight);
            self.algorithm.on_congestion(Cause::Loss, at, flight, &mut self.window);
            if !self.algorithm.sets_window_in_recovery() {
                self.window.cwnd = self.window.ssthresh;
            }
        }
        let una = self.outstanding.front().map_or(self.next, |sent| sent.number);
        if self.phase >= Phase::Recovery && una >= self.recovery_end && self.repairs.is_empty() {
            self.phase = Phase::Open;
            let at = self.local();
            self.algorithm.on_recovered(at, &mut self.window);
        }
        let ack = self.ack(&sent, prior_in_flight, lost, una);
        let mut seed = self.seed ^ 0x5DEE_CE66;
        self.algorithm.on_ack(&ack, &mut self.window, &mut || step(&mut seed));
        self.points.push(Point {
            at: self.now as f64 / 1e9,
            rtt: rtt as f64 / 1e9,
            cwnd: self.window.cwnd,
            in_flight: self.in_flight(),
            delivered: self.delivered,
            pacing: self.algorithm.pacing_rate(&self.window, Span::from_nanos(self.srtt)).unwrap_or(0),
        });
    }

    fn ack(&self, sent: &Sent, prior_in_flight: u64, lost: u64, una: u64) -> Ack {
        let interval = (sent.at - sent.first_sent_at).max(self.now - sent.delivered_at);
        let rate = (interval >= self.min_rtt).then(|| RateSample {
            delivered: self.delivered - sent.delivered,
            interval: Span::from_nanos(interval),
            prior_delivered: sent.delivered,
            is_app_limited: false,
            tx_in_flight: sent.tx_in_flight,
            lost: self.lost - sent.lost,
        });
        Ack {
            now: self.local(),
            newly_acked: SEGMENT,
            delivered: SEGMENT,
            marked: 0,
            lost,
            prior_in_flight,
            in_flight: self.in_flight(),
            rtt: Some(Span::from_nanos(self.now - sent.at)),
            srtt: Span::from_nanos(self.srtt),
            min_rtt: Span::from_nanos(self.min_rtt),
            rate,
            is_cwnd_limited: prior_in_flight + SEGMENT > self.window.cwnd,
            total_delivered: self.delivered,
            snd_una: una * SEGMENT,
            snd_nxt: self.next * SEGMENT,
            phase: self.phase,
        }
    }

    fn hold_lost(&mut self, sent: &Sent) {
        self.lost += SEGMENT;
        if self.phase < Phase::Recovery || sent.number < self.recovery_end || self.repairs.remove(&sent.number) {
            let repair = self.repairs.last().map_or(self.next, |last| self.next.max(last + 1));
            self.repairs.insert(repair);
        }
        let lost = Lost {
            now: self.local(),
            offset: sent.number * SEGMENT,
            bytes: SEGMENT,
            tx_in_flight: sent.tx_in_flight,
            lost: self.lost - sent.lost,
            is_app_limited: false,
            total_delivered: self.delivered,
        };
        self.algorithm.on_lost(&lost, &self.window);
    }

    fn time_out(&mut self) {
        let (at, flight) = (self.local(), self.in_flight());
        self.algorithm.on_congestion(Cause::Timeout, at, flight, &mut self.window);
        if !self.algorithm.sets_window_in_recovery() {
            self.window.cwnd = SEGMENT;
        }
        self.phase = Phase::Loss;
        self.recovery_end = self.next;
        while let Some(sent) = self.outstanding.pop_front() {
            self.hold_lost(&sent);
        }
        self.last_event = self.now;
    }

    pub(super) const fn set_rate(&mut self, rate: u64) {
        self.path.rate = rate;
    }

    /// Bytes that were lost and that have arrived so far.
    pub(super) const fn totals(&self) -> (u64, u64) {
        (self.lost, self.delivered)
    }

    /// What has arrived between two times, as a part of what the bottleneck could carry.
    pub(super) fn utilisation(&self, from: f64, to: f64) -> f64 {
        let delivered_until = |at: f64| {
            let index = self.points.partition_point(|point| point.at <= at);
            if index == 0 { 0 } else { self.points[index - 1].delivered }
        };
        (delivered_until(to) - delivered_until(from)) as f64 / (self.path.rate as f64 * (to - from))
    }

    pub(super) fn between(&self, from: f64, to: f64) -> impl Iterator<Item = &Point> {
        self.points.iter().filter(move |point| (from..to).contains(&point.at))
    }

    /// The mean over acknowledgements between two times.
    pub(super) fn mean(&self, from: f64, to: f64, value: impl Fn(&Point) -> f64) -> f64 {
        let (sum, count) =
            self.between(from, to).fold((0.0, 0.0), |(sum, count), point| (sum + value(point), count + 1.0));
        sum / count
    }

    /// The stretches of time in which `holds`: when they begin and end, between acknowledgements.
    pub(super) fn stretches(&self, holds: impl Fn(&Point) -> bool) -> Vec<(f64, f64)> {
        let mut found: Vec<(f64, f64)> = Vec::new();
        let mut since = None;
        for point in &self.points {
            match (holds(point), since) {
                (true, None) => since = Some(point.at),
                (false, Some(start)) => {
                    found.push((start, point.at));
                    since = None;
                }
                _ => {}
            }
        }
        found
    }
}
