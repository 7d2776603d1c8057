//! Groups of nodes: `(name: "sensor", count: 3)` stands for `sensor-0`, `sensor-1` and `sensor-2`.
//!
//! Nodes whose names differ in their number alone are a *set*: `sensor-0` up to `sensor-9` are together called `sensor`,
//! whether a group has made them, a generated network, or somebody by hand. Where one node is expected a set may stand in
//! some places:
//! - A link with one end that names a set is a link for each member; with two sets of one size, member i of the first is
//!   joined to member i of the second. A link with a name `radio` becomes `radio-0`, `radio-1` and so on; one without is
//!   called after its ends, as ever. A stream name gets the same number, so that every member has luck of its own.
//! - An application on a set runs on each member. Whom it sends to may be a set too: member i sends to member i of that
//!   one, and from the beginning again where there are fewer.
//!
//! The name of a generated network stands for its hosts.
//!
//! Numbers are not padded: a group that grows leaves the names of its members, and so their luck, alone.

use crate::Mistake;
use std::collections::BTreeMap;

/// Most nodes that groups or a generator may make: about a million.
pub const MOST_NODES: u64 = 1 << 20;

/// Member `index` of a group.
pub fn member_name(group: &str, index: u64) -> String {
    format!("{group}-{index}")
}

/// Checks the size of a group.
///
/// # Errors
/// A group without members, or of more than [`MOST_NODES`].
pub fn check_count(name: &str, count: u64) -> Result<(), Mistake> {
    let message = match count {
        0 => format!("`{name}` is a group of nobody: a count is at least 1"),
        1..=MOST_NODES => return Ok(()),
        _ => format!("a group has at most {MOST_NODES} nodes, not {count}"),
    };
    Err(Mistake::new("count", message))
}

/// Sets of nodes by what they are called together.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NodeSets(BTreeMap<String, Vec<String>>);

impl NodeSets {
    /// The sets that these names make up: `x-0` to `x-(n - 1)`, all of them there, and nobody called `x`.
    pub fn of<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Self {
        let mut sets: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for (name, number) in names.clone().filter_map(numbered) {
            let (count, highest) = sets.entry(name).or_default();
            *count += 1;
            *highest = number.max(*highest);
        }
        for name in names {
            sets.remove(name);
        }
        let whole = sets.into_iter().filter(|(_, (count, highest))| *count == highest + 1);
        let members = |name: &str, count| (0..count).map(|index| member_name(name, index)).collect();
        Self(whole.map(|(name, (count, _))| (name.to_owned(), members(name, count))).collect())
    }

    /// With the hosts of a generated network, which are called by its name.
    pub fn with_hosts(mut self, network: &str, hosts: Vec<String>) -> Self {
        if !hosts.is_empty() {
            self.0.insert(network.to_owned(), hosts);
        }
        self
    }

    /// The members of the set of this name, in order of their numbers; `None` if it is none.
    pub fn get(&self, name: &str) -> Option<&[String]> {
        self.0.get(name).map(Vec::as_slice)
    }

    /// The names of all sets, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The nodes that a name stands for: the members of a set, or the node itself.
    pub fn members<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let members = self.get(name);
        let itself = members.is_none().then_some(name);
        members.unwrap_or_default().iter().map(String::as_str).chain(itself)
    }

    /// The node that member `index` of a set sends to, where it sends to `name`: the member of the same number there, and from
    /// the beginning again where there are fewer.
    pub fn partner<'a>(&'a self, name: &'a str, index: usize) -> &'a str {
        self.get(name).map_or(name, |members| &members[index % members.len()])
    }
}

/// A name and the number behind it. A number is written without zeros in front, as [`member_name`] does.
fn numbered(name: &str) -> Option<(&str, u64)> {
    let (front, digits) = name.rsplit_once('-')?;
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    (is_number && !front.is_empty()).then_some((front, digits.parse().ok()?))
}

/// How many links one stands for whose ends have these names; `None` for itself alone.
///
/// # Errors
/// Two sets of different sizes, or a set and itself.
pub fn links_between(first: &str, second: &str, sets: &NodeSets) -> Result<Option<u64>, String> {
    let size = |name: &str| sets.get(name).map(|members| members.len() as u64);
    match (size(first), size(second)) {
        (Some(_), Some(_)) if first == second => {
            Err(format!("the group `{first}` is joined to itself, each member to none but itself"))
        }
        (Some(a), Some(b)) if a != b => Err(format!(
            "`{first}` has {a} members and `{second}` has {b}: groups that are joined member by member have one size"
        )),
        (first, second) => Ok(first.or(second)),
    }
}

#[cfg(test)]
#[path = "groups_tests.rs"]
mod tests;
