//! Topics, filters, and what finds the one by the other (v5 §4.7, §4.8.2).
//!
//! | file | what |
//! |---|---|
//! | here | what topics and filters are, and the definition of matching |
//! | `tree` | [`TopicTree`]: the subscriptions that match a topic |
//! | `stored` | [`TopicMap`]: the stored topics that match a filter, for retained messages |
//!
//! Both give the same as [`TopicFilter::matches`] on each of what they hold, and in an order that depends on what they hold, not on how
//! it came there.

mod stored;
mod tree;

pub use stored::TopicMap;
pub use tree::TopicTree;

use super::wire::{Fault, Text};
use std::fmt;

/// What begins the filter of a shared subscription (v5 §4.8.2).
const SHARE: &str = "$share/";

/// A topic filter: `#` at most as its last level, `+` and `#` as whole levels, at least one character.
///
/// It may be that of a shared subscription: see [`TopicFilter::share`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TopicFilter(Text);

/// A shared subscription, `$share/NAME/FILTER` (v5 §4.8.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Share<'a> {
    /// The ShareName: who shares.
    pub name: &'a str,
    /// What topics are compared with.
    pub filter: &'a str,
}

/// Whether `topic` may stand in a PUBLISH: at least one character (\[MQTT-4.7.3-1\]), no wildcard (\[MQTT-3.3.2-2\]).
///
/// # Errors
/// When it may not.
pub fn check_topic(topic: &str) -> Result<(), Fault> {
    if topic.is_empty() {
        return Err(Fault::protocol("MQTT-4.7.3-1", "a topic has no characters"));
    }
    // Both are ASCII, so that they are no part of another character.
    match topic.bytes().any(|byte| matches!(byte, b'+' | b'#')) {
        true => Err(Fault::protocol("MQTT-3.3.2-2", "a topic has a wildcard")),
        false => Ok(()),
    }
}

impl TopicFilter {
    /// A filter of these characters.
    ///
    /// # Errors
    /// When it has none (\[MQTT-4.7.3-1\]), `#` elsewhere than as its last level (\[MQTT-4.7.1-1\]), or `+` beside other characters of a
    /// level (\[MQTT-4.7.1-2\]).
    pub fn new(text: Text) -> Result<Self, Fault> {
        if text.is_empty() {
            return Err(Fault::protocol("MQTT-4.7.3-1", "a filter has no characters"));
        }
        let mut levels = text.split('/').peekable();
        while let Some(level) = levels.next() {
            if level.contains('#') && (level != "#" || levels.peek().is_some()) {
                return Err(Fault::protocol("MQTT-4.7.1-1", "# is not the last level of a filter, or not all of it"));
            }
            if level.contains('+') && level != "+" {
                return Err(Fault::protocol("MQTT-4.7.1-2", "+ is not all of a level of a filter"));
            }
        }
        Ok(Self(text))
    }

    /// Its characters, `$share/NAME/` included.
    pub fn text(&self) -> &Text {
        &self.0
    }

    /// Its characters, `$share/NAME/` included.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The shared subscription that it is; `None` if it is none, or not a valid one.
    pub fn share(&self) -> Option<Share<'_>> {
        let (name, filter) = self.0.strip_prefix(SHARE)?.split_once('/')?;
        // What is a filter with the name before it is one without; the name holds no `/`.
        let is_valid = !name.is_empty() && !name.contains(['+', '#']) && !filter.is_empty();
        is_valid.then_some(Share { name, filter })
    }

    /// What topics are compared with: without `$share/NAME/`.
    pub fn plain(&self) -> &str {
        self.share().map_or(self.as_str(), |share| share.filter)
    }

    /// Whether it is a valid shared subscription, or none: with a name (\[MQTT-4.8.2-1\]) and a filter (\[MQTT-4.8.2-2\]).
    ///
    /// # Errors
    /// When it begins like one and is none.
    pub fn check_share(&self) -> Result<(), Fault> {
        match self.0.starts_with(SHARE) && self.share().is_none() {
            true => Err(Fault::protocol("MQTT-4.8.2-1", "a shared subscription has no name or no filter")),
            false => Ok(()),
        }
    }

    /// Whether it has a wildcard.
    pub fn has_wildcard(&self) -> bool {
        self.plain().contains(['+', '#'])
    }

    /// Whether a message of this topic is for it (v5 §4.7), its part behind `$share/NAME/` if it is shared.
    pub fn matches(&self, topic: &str) -> bool {
        matches(self.plain(), topic)
    }
}

/// The definition, level by level: `+` is one level, whatever is in it (\[MQTT-4.7.1-2\]), `#` is all that follow, none included
/// (\[MQTT-4.7.1-1\]); neither is a first level that begins with `$` (\[MQTT-4.7.2-1\]).
pub fn matches(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let mut topic = topic.split('/');
    for level in filter.split('/') {
        match (level, topic.next()) {
            ("#", _) => return true,
            ("+", Some(_)) => {}
            (level, Some(found)) if level == found => {}
            _ => return false,
        }
    }
    topic.next().is_none()
}

impl fmt::Display for TopicFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TopicFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
