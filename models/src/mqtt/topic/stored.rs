//! Values by topic, found by filter: retained messages.

use super::{TopicFilter, matches};
use crate::mqtt::wire::Text;
use std::collections::BTreeMap;
use std::ops::Bound;

/// Values by topic.
///
/// A sorted map: it takes no more than its topics, and topics with a common beginning stand together, so that a search leaps over
/// what cannot match.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TopicMap<V>(BTreeMap<Text, V>);

impl<V> Default for TopicMap<V> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

/// Where a search goes on.
enum Leap {
    /// At the first topic from this one on.
    To(String),
    /// At the one behind this one.
    Next,
    /// Nowhere.
    Over,
}

impl<V> TopicMap<V> {
    /// Sets the value of a topic. The one before, if there was one.
    pub fn insert(&mut self, topic: Text, value: V) -> Option<V> {
        self.0.insert(topic, value)
    }

    /// Takes a topic out.
    pub fn remove(&mut self, topic: &str) -> Option<V> {
        self.0.remove(topic)
    }

    /// The value of a topic.
    pub fn get(&self, topic: &str) -> Option<&V> {
        self.0.get(topic)
    }

    /// How many topics there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, in order of their characters.
    pub fn iter(&self) -> impl Iterator<Item = (&Text, &V)> {
        self.0.iter()
    }

    /// Shows those that `filter` matches to `found`, in order of their characters. The filter of a shared subscription is taken without
    /// `$share/NAME/`; whether it gets retained messages is not asked here (v5 §4.8.2: it does not).
    pub fn matching<'a>(&'a self, filter: &TopicFilter, mut found: impl FnMut(&'a Text, &'a V)) {
        let filter = filter.plain();
        let mut from = Bound::Included(String::new());
        loop {
            let bounds = (from.as_ref().map(String::as_str), Bound::Unbounded);
            let mut leap = Leap::Over;
            for (topic, value) in self.0.range::<str, _>(bounds) {
                if matches(filter, topic) {
                    found(topic, value);
                    continue;
                }
                match leap_from(filter, topic) {
                    Leap::Next => {}
                    Leap::To(next) => {
                        leap = Leap::To(next);
                        break;
                    }
                    Leap::Over => return,
                }
            }
            match leap {
                Leap::To(next) => from = Bound::Included(next),
                Leap::Next | Leap::Over => return,
            }
        }
    }
}

/// The first character behind `/`: what begins with some levels and `/` lies between those levels with `/` and with this.
const BEHIND_SLASH: char = '0';

/// Where the next topic behind `topic`, which does not match, may be that does. All topics that begin with the same levels stand
/// together, so that what follows from those levels holds for all of them.
fn leap_from(filter: &str, topic: &str) -> Leap {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return Leap::To("%".to_owned());
    }
    // The levels of `topic` before `start` match.
    let mut start = 0;
    let mut levels = filter.split('/');
    loop {
        let before = &topic[..start];
        let end = topic[start..].find('/').map(|len| start + len);
        let found = &topic[start..end.unwrap_or(topic.len())];
        match levels.next() {
            // It has more levels than the filter, as all have that begin so.
            None => return behind(before),
            Some("#") => return Leap::Next,
            Some(level) if level != "+" && level != found => {
                let wanted = format!("{before}{level}");
                if *topic < *wanted {
                    return Leap::To(wanted);
                }
                // Such as `a-b` between `a` and `a/b`.
                let below = wanted + "/";
                return if *topic < *below { Leap::To(below) } else { behind(before) };
            }
            Some(_) => match end {
                Some(end) => start = end + 1,
                // It has fewer levels than the filter; one behind it may have more.
                None => return Leap::Next,
            },
        }
    }
}

/// Behind all topics that begin with `before`, which is empty or ends with `/`.
fn behind(before: &str) -> Leap {
    match before.strip_suffix('/') {
        Some(levels) => Leap::To(format!("{levels}{BEHIND_SLASH}")),
        None => Leap::Over,
    }
}
