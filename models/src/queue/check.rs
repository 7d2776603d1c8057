//! What a user may not say of a queue.

use super::config::{
    ClassConfig, CoDelConfig, DualPi2Config, FqCoDelConfig, Gain, PieConfig, PriorityConfig, QueueConfig, RedConfig,
    Scheduler, ThresholdConfig,
};
use crate::link::{Mtu, QueueLimit};
use protosim_core::{Size, Span};
use std::fmt;

/// Fields, by their paths from the configuration's top, and what is wrong with each.
type Findings = Vec<(String, String)>;

impl QueueConfig {
    /// Fields that cannot take effect, or contradict each other: the field's path within the discipline, and why.
    pub fn check(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        match self {
            // The packet in service does not count, so that a link works with no place to wait at all.
            Self::DropTail(_) => {}
            Self::CoDel(config) => config.check(&mut found),
            Self::FqCoDel(config) => config.check(&mut found),
            Self::Pie(config) => config.check(&mut found),
            Self::DualPi2(config) => config.check(&mut found),
            Self::Red(config) => config.check(&mut found),
            Self::Threshold(config) => config.check(&mut found),
            Self::Priority(config) => config.check(&mut found),
        }
        found
    }

    /// What does not suit a link of this MTU: limits in bytes that hold no full packet. Where each packet passes through
    /// the queue, such packets would never be sent.
    pub fn check_mtu(&self, mtu: Mtu) -> Vec<(String, String)> {
        let mut found = Vec::new();
        if let Some(QueueLimit::Bytes(limit)) = self.limit().filter(|_| !matches!(self, Self::DropTail(_))) {
            require_mtu("limit", limit, mtu, &mut found);
        }
        if let Self::Priority(config) = self {
            for (index, class) in config.classes.iter().enumerate() {
                let path = format!("classes.{index}.queue");
                if let QueueConfig::DropTail(QueueLimit::Bytes(limit)) = class.queue {
                    require_mtu(&path, limit, mtu, &mut found);
                }
                found.extend(prefixed(&path, class.queue.check_mtu(mtu)));
            }
        }
        found
    }

    /// What may wait in all; none for classes, which have limits of their own.
    pub fn limit(&self) -> Option<QueueLimit> {
        match self {
            Self::DropTail(limit) => Some(*limit),
            Self::CoDel(config) => Some(config.limit),
            Self::FqCoDel(config) => Some(config.limit),
            Self::Pie(config) => Some(config.limit),
            Self::DualPi2(config) => Some(config.limit),
            Self::Red(config) => Some(config.limit),
            Self::Threshold(config) => Some(config.limit),
            Self::Priority(_) => None,
        }
    }
}

fn prefixed(path: &str, found: Findings) -> impl Iterator<Item = (String, String)> {
    found.into_iter().map(move |(field, why)| (format!("{path}.{field}"), why))
}

fn require_mtu(field: &str, limit: Size, mtu: Mtu, found: &mut Findings) {
    let mtu = mtu.as_bytes();
    if limit.as_bytes() < mtu {
        found.push((field.to_owned(), format!("of {limit} has no place for one packet of the MTU, {mtu} B")));
    }
}

/// Asks for a limit that holds something.
fn require_place(field: &str, limit: QueueLimit, found: &mut Findings) {
    let holds = match limit {
        QueueLimit::Packets(packets) => packets > 0,
        QueueLimit::Bytes(size) => size.as_bytes() > 0,
    };
    if !holds {
        let why = "has no place for one packet, and each packet passes through this queue: nothing would be sent";
        found.push((field.to_owned(), why.to_owned()));
    }
}

/// Asks for a span from `least` up to the longest that can be written.
fn require_span(field: &str, span: Span, least: Span, found: &mut Findings) {
    if span < least {
        found.push((field.to_owned(), format!("is at least {least}, not {span}")));
    }
}

/// Two lengths in one unit, for comparison; none if the units differ.
fn comparable(one: QueueLimit, other: QueueLimit) -> Option<(u64, u64)> {
    match (one, other) {
        (QueueLimit::Packets(one), QueueLimit::Packets(other)) => Some((one, other)),
        (QueueLimit::Bytes(one), QueueLimit::Bytes(other)) => Some((one.as_bytes(), other.as_bytes())),
        _ => None,
    }
}

/// What CoDel asks of its two spans.
fn check_codel(target: Span, interval: Span, found: &mut Findings) {
    require_span("target", target, Span::NANOSECOND, found);
    if interval <= target {
        let why = format!("of {interval} is not longer than the target of {target}, which should be 5 % to 10 % of it");
        found.push(("interval".to_owned(), why));
    }
}

/// Updates more often than this are refused: they would only cost time.
const SHORTEST_UPDATE: Span = Span::from_micros(10);

impl CoDelConfig {
    fn check(&self, found: &mut Findings) {
        require_place("limit", self.limit, found);
        check_codel(self.target, self.interval, found);
    }
}

impl FqCoDelConfig {
    fn check(&self, found: &mut Findings) {
        require_place("limit", self.limit, found);
        check_codel(self.target, self.interval, found);
        if !(256..=1 << 20).contains(&self.quantum.as_bytes()) {
            found.push(("quantum".to_owned(), format!("is 256 B to 1 MiB (Linux `fq_codel`), not {}", self.quantum)));
        }
        if !(1..=65_536).contains(&self.flows) {
            found.push(("flows".to_owned(), format!("is 1 to 65536, not {}", self.flows)));
        }
    }
}

impl PieConfig {
    fn check(&self, found: &mut Findings) {
        require_place("limit", self.limit, found);
        require_span("target", self.target, Span::NANOSECOND, found);
        require_span("update", self.update, SHORTEST_UPDATE, found);
        if self.alpha == Gain::from_micro_hz(0) {
            let why = "is above 0 Hz: without it nothing steers the delay to its target";
            found.push(("alpha".to_owned(), why.to_owned()));
        }
        if !self.ecn && self.mark_below != Self::default().mark_below {
            found.push(("mark_below".to_owned(), "has no effect without `ecn: true`".to_owned()));
        }
        if self.ecn && self.mark_below.is_zero() {
            found.push(("mark_below".to_owned(), "of 0 % marks nothing; say `ecn: false` instead".to_owned()));
        }
    }
}

impl DualPi2Config {
    fn check(&self, found: &mut Findings) {
        require_place("limit", self.limit, found);
        require_span("target", self.target, Span::NANOSECOND, found);
        require_span("rtt_max", self.rtt_max, Span::from_nanos(3), found);
        let is_derived = self.update.is_none() || self.alpha.is_none() || self.beta.is_none();
        if !is_derived && self.rtt_max != Self::default().rtt_max {
            let why = "has no effect: `update`, `alpha` and `beta` are all given";
            found.push(("rtt_max".to_owned(), why.to_owned()));
        }
        if self.update_period() < SHORTEST_UPDATE {
            let (field, how) = match self.update {
                Some(_) => ("update", String::new()),
                None => ("target", " (an update is made each `target` or third of `rtt_max`)".to_owned()),
            };
            let why =
                format!("makes an update every {}; at least {SHORTEST_UPDATE} is needed{how}", self.update_period());
            found.push((field.to_owned(), why));
        }
        if self.alpha == Some(Gain::from_micro_hz(0)) {
            let why = "is above 0 Hz: without it nothing steers the delay to its target";
            found.push(("alpha".to_owned(), why.to_owned()));
        }
        if !(1..=1000).contains(&self.coupling) {
            found.push(("coupling".to_owned(), format!("is 1 to 1000, not {}", self.coupling)));
        }
        for (field, weight) in [("classic_weight", self.classic_weight), ("l4s_weight", self.l4s_weight)] {
            if !(1..=1_000_000).contains(&weight) {
                let why = format!("is 1 to 1000000, not {weight}: a queue without a part could starve");
                found.push((field.to_owned(), why));
            }
        }
    }
}

impl RedConfig {
    fn check(&self, found: &mut Findings) {
        require_place("limit", self.limit, found);
        match comparable(self.min_threshold, self.max_threshold) {
            None => {
                let (min, max) = (self.min_threshold, self.max_threshold);
                let why = format!("of {max} and `min_threshold` of {min} are not in one unit: give packets or bytes");
                found.push(("max_threshold".to_owned(), why));
            }
            Some((min, max)) if max <= min => {
                let (min, max) = (self.min_threshold, self.max_threshold);
                found.push(("max_threshold".to_owned(), format!("of {max} is not above `min_threshold` of {min}")));
            }
            Some(_) => {}
        }
        if comparable(self.min_threshold, self.limit).is_some_and(|(min, limit)| min >= limit) {
            let (min, limit) = (self.min_threshold, self.limit);
            let why =
                format!("of {min} is never reached: the limit is {limit}, so that only the tail would be dropped");
            found.push(("min_threshold".to_owned(), why));
        }
        if self.weight.is_zero() {
            found.push(("weight".to_owned(), "is above 0 %: the average would never move".to_owned()));
        }
        if self.max_probability.is_zero() {
            found.push(("max_probability".to_owned(), "is above 0 %: nothing would be dropped early".to_owned()));
        }
        if self.mean_packet.as_bytes() == 0 {
            found.push(("mean_packet".to_owned(), "is at least 1 B".to_owned()));
        }
    }
}

impl ThresholdConfig {
    fn check(&self, found: &mut Findings) {
        require_place("limit", self.limit, found);
        if comparable(self.mark_above, self.limit).is_some_and(|(mark_above, limit)| mark_above >= limit) {
            let why = format!("of {} has no effect: no more than the limit of {} waits", self.mark_above, self.limit);
            found.push(("mark_above".to_owned(), why));
        }
    }
}

impl PriorityConfig {
    fn check(&self, found: &mut Findings) {
        if self.classes.len() < 2 {
            let why = format!("are at least two, not {}; one queue needs no classes", self.classes.len());
            found.push(("classes".to_owned(), why));
        }
        let (mut codepoints, mut ports) = (Vec::new(), Vec::new());
        for (index, class) in self.classes.iter().enumerate() {
            let path = format!("classes.{index}");
            let is_last = index + 1 == self.classes.len();
            let mut here = Vec::new();
            class.check(is_last, self.scheduler, &mut here);
            once("dscp", class.dscp.as_deref(), &mut codepoints, &mut here);
            once("ports", class.ports.as_deref(), &mut ports, &mut here);
            found.extend(here.into_iter().map(|(field, why)| match field.as_str() {
                "" => (path.clone(), why),
                field => (format!("{path}.{field}"), why),
            }));
        }
    }
}

/// Asks that no number has been named before.
fn once<T: Copy + PartialEq + fmt::Display>(
    field: &str,
    numbers: Option<&[T]>,
    named: &mut Vec<T>,
    found: &mut Findings,
) {
    for number in numbers.unwrap_or_default() {
        if named.contains(number) {
            found.push((field.to_owned(), format!("names {number} again, which has no effect")));
        }
        named.push(*number);
    }
}

impl ClassConfig {
    fn check(&self, is_last: bool, scheduler: Scheduler, found: &mut Findings) {
        let is_empty = self.dscp.as_ref().is_none_or(Vec::is_empty) && self.ports.as_ref().is_none_or(Vec::is_empty);
        if is_last && !is_empty {
            let why = "the last class names neither `dscp` nor `ports`: it takes what no other class does";
            found.push((String::new(), why.to_owned()));
        }
        if !is_last && is_empty {
            let why = "names neither `dscp` nor `ports`, so that it takes everything: only the last class may";
            found.push((String::new(), why.to_owned()));
        }
        for codepoint in self.dscp.iter().flatten().filter(|codepoint| **codepoint > 63) {
            found.push(("dscp".to_owned(), format!("is 0 to 63 (RFC 2474), not {codepoint}")));
        }
        if self.ports.iter().flatten().any(|port| *port == 0) {
            found.push(("ports".to_owned(), "are 1 to 65535: nothing is sent to port 0".to_owned()));
        }
        match (scheduler, self.weight) {
            (Scheduler::Strict, Some(_)) => {
                let why = "has no effect with `scheduler: Strict`; say `Weighted`";
                found.push(("weight".to_owned(), why.to_owned()));
            }
            (Scheduler::Weighted, Some(weight)) if !(1..=1_000_000).contains(&weight) => {
                found.push(("weight".to_owned(), format!("is 1 to 1000000, not {weight}")));
            }
            _ => {}
        }
        if let QueueConfig::DropTail(limit) = self.queue {
            require_place("queue", limit, found);
        }
        found.extend(prefixed("queue", self.queue.check()));
    }
}
