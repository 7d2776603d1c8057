//! Rules that name what is dropped, and what they have counted so far.

use super::{DropRule, Each, Which};
use crate::meaning::{Meaning, meaning};
use crate::packet::Packet;

/// What the rules of a link have counted, in their order.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules(Vec<Count>);

#[derive(Clone, Debug, Default)]
struct Count {
    /// Exchanges in the order in which they were first seen.
    exchanges: Vec<u64>,
    /// Messages in the order in which they were first seen.
    messages: Vec<(u64, u64)>,
    /// How many packets counted, for each exchange or message; one count if not each counts alone.
    counts: Vec<((u64, u64), u64)>,
}

impl Rules {
    pub(super) fn new(rules: &[DropRule]) -> Self {
        Self(vec![Count::default(); rules.len()])
    }

    /// True if one of the rules drops this packet. All of them count it.
    pub(super) fn covers(&mut self, packet: &Packet, rules: &[DropRule]) -> bool {
        if rules.is_empty() {
            return false;
        }
        let meaning = meaning(packet);
        // Not `any`: a rule that comes later counts too.
        self.0.iter_mut().zip(rules).fold(false, |covered, (count, rule)| covered | count.covers(&meaning, rule))
    }
}

impl Count {
    fn covers(&mut self, meaning: &Meaning, rule: &DropRule) -> bool {
        if rule.of.as_ref().is_some_and(|of| !meaning.is_a(of)) {
            return false;
        }
        let (exchange, message) = (meaning.exchange, (meaning.exchange, meaning.message));
        if let Some(wanted) = rule.exchange
            && place(&mut self.exchanges, exchange) != wanted
        {
            return false;
        }
        if let Some(wanted) = rule.message
            && place(&mut self.messages, message) != wanted
        {
            return false;
        }
        let key = match rule.each {
            None => (0, 0),
            Some(Each::Exchange) => (exchange, 0),
            Some(Each::Message) => message,
        };
        let number = self.next_number(key);
        match &rule.which {
            Which::Nth(k) => number == *k,
            Which::List(all) => all.contains(&number),
            Which::Every(k) => *k > 0 && number.is_multiple_of(*k),
            Which::First(n) => number <= *n,
            Which::From(k) => number >= *k,
        }
    }

    fn next_number(&mut self, key: (u64, u64)) -> u64 {
        match self.counts.binary_search_by_key(&key, |(key, _)| *key) {
            Ok(index) => {
                self.counts[index].1 += 1;
                self.counts[index].1
            }
            Err(index) => {
                self.counts.insert(index, (key, 1));
                1
            }
        }
    }
}

/// The place of `item` among those seen, counted from 1; it is seen now.
fn place<T: PartialEq>(seen: &mut Vec<T>, item: T) -> u64 {
    let index = seen.iter().position(|other| *other == item).unwrap_or_else(|| {
        seen.push(item);
        seen.len() - 1
    });
    index as u64 + 1
}
