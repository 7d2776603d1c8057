//! What can be wrong with a link beyond its types.

use super::{DirectionConfig, Framing, LinkConfig};
use protosim_core::Span;

type Findings = Vec<(String, String)>;

impl LinkConfig {
    /// Fields that cannot take effect, or contradict each other: the field's path within the link, and why.
    pub fn check(&self) -> Findings {
        let mut found = Vec::new();
        self.check_overridden(&mut found);
        let (forward, backward) = (self.direction(true), self.direction(false));
        let never_waits = |direction: &DirectionConfig| {
            direction.rate.is_none() && direction.rate_trace.is_none() && direction.shaper.is_none()
        };
        for (name, direction, own) in [("forward", &forward, &self.forward), ("backward", &backward, &self.backward)] {
            let Some(own) = own.as_deref() else { continue };
            if never_waits(direction) && own.queue.is_some() {
                let why = "has no effect: without a rate no packet ever waits".to_owned();
                found.push((format!("{name}.queue"), why));
            }
            if *own == DirectionConfig::default() {
                found.push((name.to_owned(), "has no effect: it makes no exception".to_owned()));
            }
            for (field, same) in [
                ("rate", own.rate.is_some() && own.rate == self.rate),
                ("delay", own.delay.is_some() && own.delay == self.delay),
                ("rate_trace", own.rate_trace.is_some() && own.rate_trace == self.rate_trace),
                ("shaper", own.shaper.is_some() && own.shaper == self.shaper),
                ("queue", own.queue.is_some() && own.queue == self.queue),
                ("loss", own.loss.is_some() && own.loss == self.loss),
                ("impair", own.impair.is_some() && own.impair.as_ref() == self.impair.as_deref()),
            ] {
                if same {
                    let why = "has no effect: the link says the same for both directions".to_owned();
                    found.push((format!("{name}.{field}"), why));
                }
            }
            self.check_own(name, own, &mut found);
        }
        let both = DirectionConfig {
            rate: self.rate,
            rate_trace: self.rate_trace.clone(),
            shaper: self.shaper,
            queue: self.queue.clone(),
            impair: self.impair.as_deref().cloned(),
            ..DirectionConfig::default()
        };
        self.check_own("", &both, &mut found);
        if self.queue.is_some() && never_waits(&forward) && never_waits(&backward) {
            found.push(("queue".to_owned(), "has no effect: without a rate no packet ever waits".to_owned()));
        }
        self.check_framing(never_waits(&forward) && never_waits(&backward), &mut found);
        for direction in [&forward, &backward] {
            if never_waits(direction) && direction.delay.is_none_or(Span::is_zero) {
                let why = "a link needs a rate or a delay: without both, packets would arrive before they are sent";
                found.push((String::new(), why.to_owned()));
                break;
            }
        }
        found
    }

    /// What holds for the link has no effect where both directions say otherwise.
    fn check_overridden(&self, found: &mut Findings) {
        let both = |pick: fn(&DirectionConfig) -> bool| {
            [&self.forward, &self.backward].iter().all(|own| own.as_deref().is_some_and(pick))
        };
        for (field, given, overridden) in [
            ("rate", self.rate.is_some(), both(|own| own.rate.is_some() || own.rate_trace.is_some())),
            ("delay", self.delay.is_some(), both(|own| own.delay.is_some())),
            ("rate_trace", self.rate_trace.is_some(), both(|own| own.rate.is_some() || own.rate_trace.is_some())),
            ("shaper", self.shaper.is_some(), both(|own| own.shaper.is_some())),
            ("queue", self.queue.is_some(), both(|own| own.queue.is_some())),
            ("loss", self.loss.is_some(), both(|own| own.loss.is_some())),
            ("impair", self.impair.is_some(), both(|own| own.impair.is_some())),
        ] {
            if given && overridden {
                found.push((field.to_owned(), "has no effect: both directions say otherwise".to_owned()));
            }
        }
    }

    /// What is said at one place: for the link, or for a direction of it.
    fn check_own(&self, place: &str, own: &DirectionConfig, found: &mut Findings) {
        let path = |field: &str| if place.is_empty() { field.to_owned() } else { format!("{place}.{field}") };
        if own.rate.is_some() && own.rate_trace.is_some() {
            found.push((path("rate_trace"), "and `rate` both say how fast the link is: give one of them".to_owned()));
        }
        if own.rate_trace.is_some() && self.framing.is_some() {
            let why = "has no effect on a link with a recorded rate: its trace counts IP packets with 4 bytes each";
            found.push(("framing".to_owned(), why.to_owned()));
        }
        for (field, why) in own.shaper.iter().flat_map(|shaper| shaper.check(self.mtu(), own.rate.or(self.rate))) {
            found.push((path(&format!("shaper.{field}")), why));
        }
        for (field, why) in own.queue.iter().flat_map(|queue| [queue.check(), queue.check_mtu(self.mtu())].concat()) {
            let field = if field.is_empty() { "queue".to_owned() } else { format!("queue.{field}") };
            found.push((path(&field), why));
        }
        for (field, why) in own.impair.iter().flat_map(|impair| impair.check()) {
            let field = if field.is_empty() { "impair".to_owned() } else { format!("impair.{field}") };
            found.push((path(&field), why));
        }
    }

    fn check_framing(&self, takes_no_time: bool, found: &mut Findings) {
        if self.framing.is_some() && takes_no_time {
            found.push(("framing".to_owned(), "has no effect: without a rate packets take no time to send".to_owned()));
        }
        if let Some(Framing::Custom { overhead, min_packet }) = self.framing {
            for (field, size) in [("overhead", overhead), ("min_packet", min_packet)] {
                if size.as_bytes() > 65_536 {
                    found.push((format!("framing.{field}"), format!("is at most 64 KiB, not {size}")));
                }
            }
        }
    }
}
