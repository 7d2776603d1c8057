//! Channels that applications ask for: each must end at the application's node.

use super::{listed, span_of};
use crate::scenario::Scenario;
use crate::tree::{Diagnostic, Diagnostics, Tree};
use protosim_models::channel::{self, ChannelConfig};
use std::collections::BTreeMap;

/// The names of the channels that end at each node.
type ByNode<'s> = BTreeMap<&'s str, Vec<&'s str>>;

/// The channels of one application. That they exist is checked with all names.
pub(super) fn check_channels(tree: &Tree, scenario: &Scenario, index: usize, mistakes: &mut Diagnostics) {
    let wanted = scenario.apps[index].run.channels();
    if wanted.is_empty() {
        return;
    }
    let here = by_node(&scenario.channels);
    for (field, name) in wanted {
        let on_each = scenario.placements_of(index).map(|placed| placed.on);
        // What is wrong for one member is mostly so for all.
        if let Some((message, help)) = on_each.filter_map(|on| mistake(&here, on, &name.0)).next() {
            let place = span_of(tree, &format!("apps.{index}.run.{field}"));
            mistakes.push(Diagnostic::error("scenario::channel", place, message).help(help));
        }
    }
}

/// Who is at the ends of an application's channel: one application at each, and both fit. What is wrong is told at the later one of both.
pub(super) fn check_ends(tree: &Tree, scenario: &Scenario, index: usize, mistakes: &mut Diagnostics) {
    let app = &scenario.apps[index];
    let Some(own) = ends_of(scenario, index) else { return };
    let place = |field: &str| span_of(tree, &format!("apps.{index}.run.{field}"));
    let mut has_peer = false;
    for other in (0..scenario.apps.len()).filter(|other| *other != index) {
        let Some((_, on)) = ends_of(scenario, other).filter(|(channel, _)| *channel == own.0) else { continue };
        let name = &scenario.apps[other].name;
        let is_same_end = on == own.1;
        has_peer |= !is_same_end;
        if other > index {
            continue;
        }
        let wrong = match is_same_end {
            true => Some(("channel", "is the channel of another application on this node, too".to_owned())),
            false => app.run.disagrees_with(&scenario.apps[other].run),
        };
        if let Some((field, why)) = wrong {
            let message = format!("`{field}` {why}: `{name}`");
            let other = span_of(tree, &format!("apps.{other}.run"));
            let error = Diagnostic::error("scenario::channel", place(field), message);
            mistakes.push(error.also(other, "the other one"));
        }
    }
    if !has_peer {
        let message = format!("nobody is at the other end of `{}`'s channel", app.name);
        mistakes.push(Diagnostic::error("scenario::channel", place("channel"), message));
    }
}

/// The channel, by number, and the node of an application's first placement; members of groups are alike.
fn ends_of(scenario: &Scenario, index: usize) -> Option<(usize, &str)> {
    let (_, name) = scenario.apps[index].run.channels().into_iter().next()?;
    let on = scenario.placements_of(index).next()?.on;
    let ends_here = |channel: &&ChannelConfig| channel.ends.0.0 == on || channel.ends.1.0 == on;
    let own: Vec<&ChannelConfig> = scenario.channels.iter().filter(ends_here).collect();
    let found = own[channel::find(own.iter().map(|channel| channel.name.as_str()), &name.0).ok()?];
    Some((scenario.channels.iter().position(|channel| std::ptr::eq(channel, found))?, on))
}

fn by_node(channels: &[ChannelConfig]) -> ByNode<'_> {
    let mut found = ByNode::new();
    for ChannelConfig { name, ends: (first, second), .. } in channels {
        for end in [first, second] {
            found.entry(&end.0).or_default().push(name);
        }
    }
    found
}

/// What is wrong with the channel called `name` for an application on a node, and what to do about it. Nothing, if there is none of this
/// name at all.
fn mistake(here: &ByNode<'_>, on: &str, name: &str) -> Option<(String, String)> {
    let own = here.get(on).map_or(&[][..], Vec::as_slice);
    let count = channel::find(own.iter().copied(), name).err()?;
    if count > 1 {
        let message = format!("`{name}` stands for {count} channels that end at `{on}`");
        return Some((message, format!("name one of them, as `{name}-0`")));
    }
    let exists = |all: &Vec<&str>| channel::find(all.iter().copied(), name) != Err(0);
    here.values().any(exists).then(|| {
        let own: Vec<String> = own.iter().map(|name| (*name).to_owned()).collect();
        let help = match own.is_empty() {
            true => format!("no channel ends at `{on}`"),
            false => format!("channels of `{on}` are: {}", listed(&own)),
        };
        (format!("channel `{name}` does not end at `{on}`"), help)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use protosim_core::Span;

    #[test]
    fn an_application_finds_one_channel_at_its_node() {
        let channels: Vec<ChannelConfig> =
            [("chat", ("alice", "bob")), ("call-0", ("client-0", "server")), ("call-1", ("client-1", "server"))]
                .into_iter()
                .map(|(name, ends)| ChannelConfig::between(name, ends, Span::from_millis(1)))
                .collect();
        let here = by_node(&channels);
        let said = |on, name| mistake(&here, on, name).map(|(message, _)| message);
        assert_eq!(said("alice", "chat"), None);
        assert_eq!(said("client-1", "call"), None);
        assert_eq!(said("server", "call-1"), None);
        assert_eq!(said("server", "call"), Some("`call` stands for 2 channels that end at `server`".to_owned()));
        assert_eq!(said("client-1", "call-0"), Some("channel `call-0` does not end at `client-1`".to_owned()));
        assert_eq!(said("server", "chat"), Some("channel `chat` does not end at `server`".to_owned()));
        assert_eq!(mistake(&here, "nobody", "call").unwrap().1, "no channel ends at `nobody`");
        // That is said where all names are looked up.
        assert_eq!(said("alice", "sms"), None);
    }
}
