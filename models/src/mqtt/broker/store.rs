//! What a broker knows beyond connections: sessions, subscriptions, retained messages; and what of it is on disc.

use super::promises::Promises;
use super::sessions::Sessions;
use crate::app::StreamId;
use crate::mqtt::session::{Message, Session};
use crate::mqtt::topic::{TopicFilter, TopicMap, TopicTree};
use crate::mqtt::wire::{QoS, SubscriptionId, SubscriptionOptions, Text, Will};
use protosim_core::LocalTime;
use std::collections::BTreeMap;
use std::ops::Bound;

/// A subscription of one client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Subscription {
    pub(super) options: SubscriptionOptions,
    pub(super) id: Option<SubscriptionId>,
}

/// The subscriptions of one client, in order of filters. Most have few.
#[derive(Clone, Debug, Default)]
pub(super) struct Subscriptions(Vec<(TopicFilter, Subscription)>);

impl Subscriptions {
    fn find(&self, filter: &TopicFilter) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| known.cmp(filter))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn has(&self, filter: &TopicFilter) -> bool {
        self.find(filter).is_ok()
    }

    /// Whether there was one before.
    fn insert(&mut self, filter: &TopicFilter, subscription: Subscription) -> bool {
        match self.find(filter) {
            Ok(at) => {
                self.0[at].1 = subscription;
                true
            }
            Err(at) => {
                if self.0.is_empty() {
                    self.0.reserve_exact(1);
                }
                self.0.insert(at, (filter.clone(), subscription));
                false
            }
        }
    }

    /// Whether there was one.
    fn remove(&mut self, filter: &TopicFilter) -> bool {
        self.find(filter).map(|at| self.0.remove(at)).is_ok()
    }

    fn iter(&self) -> impl Iterator<Item = &(TopicFilter, Subscription)> {
        self.0.iter()
    }
}

/// The session of one client, by its identifier.
#[derive(Clone, Debug, Default)]
pub(super) struct Stored {
    pub(super) session: Session,
    pub(super) subscriptions: Subscriptions,
    /// Characters of the filters of those \[bytes\].
    pub(super) filter_bytes: u64,
    /// How long it outlives a connection \[s\]; `u32::MAX` is for good.
    pub(super) expiry: u32,
    /// When it ends, where its client is away and it does not stay for good.
    pub(super) ends: Option<LocalTime>,
    /// Its connection.
    pub(super) online: Option<StreamId>,
    /// Memory of the host that it has \[bytes\].
    pub(super) memory: u64,
    /// The will of its connection, or of the one before, that waits (v5 §3.1.2.5).
    pub(super) will: Option<Box<StoredWill>>,
    /// Places for messages of QoS 2 that are held.
    pub(super) promises: Option<Box<Promises>>,
}

/// A will that is not published yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct StoredWill {
    pub(super) will: Will,
    /// When it is published; `None` while its connection is there.
    pub(super) at: Option<LocalTime>,
}

impl Stored {
    /// Whether it outlives a connection.
    pub(super) const fn persists(&self) -> bool {
        self.expiry > 0
    }

    /// As it is on disc.
    fn on_disc(&self) -> Self {
        let promises = self.promises.as_ref().and_then(|promises| promises.on_disc());
        Self { online: None, memory: 0, promises, ..self.clone() }
    }
}

/// Those who share a subscription, `$share/NAME/FILTER`.
#[derive(Clone, Debug)]
struct Sharers {
    filter: TopicFilter,
    members: BTreeMap<Text, Subscription>,
    /// Who had the last message.
    last: Option<Text>,
}

/// A copy of a message for one client, of all its subscriptions that match.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Copy {
    pub(super) qos: QoS,
    pub(super) retain_as_published: bool,
    pub(super) ids: Vec<SubscriptionId>,
}

/// Copies with those who get them.
pub(super) type Copies = Vec<(Text, Copy)>;

/// Copies for groups that share, each with its filter and whose turn it is.
pub(super) type Shared = Vec<(TopicFilter, Text, Copy)>;

impl Copy {
    fn add(&mut self, subscription: &Subscription) {
        // At the highest QoS of all that match (3.1.1 [MQTT-3.3.5-1]), once, with all numbers (v5 §3.3.4).
        self.qos = self.qos.max(subscription.options.qos);
        self.retain_as_published |= subscription.options.retain_as_published;
        self.ids.extend(subscription.id);
    }
}

/// All of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Store {
    pub(super) sessions: Sessions,
    pub(super) retained: TopicMap<Message>,
    subscriptions: TopicTree<Text, Subscription>,
    shares: TopicTree<Text, Sharers>,
}

impl Store {
    /// Adds a subscription to a session that there is. Whether there was one to that filter before: it is replaced.
    pub(super) fn subscribe(&mut self, client: &Text, filter: &TopicFilter, subscription: Subscription) -> bool {
        self.index(client, filter, subscription);
        let Some(stored) = self.sessions.get_mut(client) else { return false };
        let was_there = stored.subscriptions.insert(filter, subscription);
        if !was_there {
            stored.filter_bytes += filter.as_str().len() as u64;
        }
        was_there
    }

    fn index(&mut self, client: &Text, filter: &TopicFilter, subscription: Subscription) {
        let Some(name) = share_name(filter) else {
            self.subscriptions.insert(filter, client.clone(), subscription);
            return;
        };
        if self.shares.get(filter, &name).is_none() {
            let (filter_of, members) = (filter.clone(), BTreeMap::new());
            self.shares.insert(filter, name.clone(), Sharers { filter: filter_of, members, last: None });
        }
        if let Some(sharers) = self.shares.get_mut(filter, &name) {
            sharers.members.insert(client.clone(), subscription);
        }
    }

    /// Takes a subscription out. Whether there was one.
    pub(super) fn unsubscribe(&mut self, client: &Text, filter: &TopicFilter) -> bool {
        let Some(stored) = self.sessions.get_mut(client) else { return false };
        if !stored.subscriptions.remove(filter) {
            return false;
        }
        stored.filter_bytes -= filter.as_str().len() as u64;
        self.forget(client, filter);
        true
    }

    fn forget(&mut self, client: &Text, filter: &TopicFilter) {
        let Some(name) = share_name(filter) else {
            self.subscriptions.remove(filter, client);
            return;
        };
        let Some(sharers) = self.shares.get_mut(filter, &name) else { return };
        sharers.members.remove(client);
        if sharers.members.is_empty() {
            self.shares.remove(filter, &name);
        }
    }

    /// Takes a session out, with its subscriptions.
    pub(super) fn remove(&mut self, client: &Text) -> Option<Stored> {
        let stored = self.sessions.remove(client)?;
        for (filter, _) in stored.subscriptions.iter() {
            self.forget(client, filter);
        }
        Some(stored)
    }

    /// How many subscriptions there are.
    pub(super) fn subscriptions(&self) -> u64 {
        self.sessions.iter().map(|(_, stored)| stored.subscriptions.len() as u64).sum()
    }

    /// Who gets a message of `topic` that `from` has published: one copy for each client, and one for each group that shares. Where
    /// it was somebody's turn before, as `turns` says, it is still, as long as that one shares.
    pub(super) fn receivers(
        &mut self,
        topic: &str,
        from: Option<&Text>,
        turns: &[(TopicFilter, Text)],
    ) -> (Copies, Shared) {
        let mut found: Vec<(&Text, &Subscription)> = Vec::new();
        self.subscriptions.matching(topic, |client, subscription| {
            // MQTT-3.8.3-3.
            if !(subscription.options.no_local && from == Some(client)) {
                found.push((client, subscription));
            }
        });
        // Those of one filter are in order of clients already.
        found.sort_by_key(|(client, _)| *client);
        let mut copies: Copies = Vec::with_capacity(found.len());
        for (client, subscription) in found {
            match copies.last_mut().filter(|(last, _)| last == client) {
                Some((_, copy)) => copy.add(subscription),
                None => {
                    let mut copy = Copy::default();
                    copy.add(subscription);
                    copies.push((client.clone(), copy));
                }
            }
        }
        let mut groups: Vec<(TopicFilter, Text)> = Vec::new();
        self.shares.matching(topic, |name, sharers| groups.push((sharers.filter.clone(), name.clone())));
        let mut shared = Vec::with_capacity(groups.len());
        for (filter, name) in groups {
            let (Some(sharers), sessions) = (self.shares.get_mut(&filter, &name), &self.sessions) else { continue };
            let turn = turns.iter().find(|(of, _)| *of == filter);
            let turn = turn.and_then(|(_, client)| Some((client.clone(), *sharers.members.get(client)?)));
            if let Some((client, subscription)) = turn.or_else(|| sharers.next(sessions)) {
                let mut copy = Copy::default();
                copy.add(&subscription);
                shared.push((filter, client, copy));
            }
        }
        (copies, shared)
    }

    /// What is on disc, where what has changed is there at once.
    pub(super) fn durable(&self) -> OnDisc {
        let sessions = self.sessions.iter().map(|(client, _)| Entry::Session(client.clone()));
        let topics = self.retained.iter().map(|(topic, _)| Entry::Retained(topic.clone()));
        sessions.chain(topics).filter_map(|entry| Some((entry.clone(), self.on_disc(&entry)?))).collect()
    }

    /// An entry as it is on disc; `None` if it is not to be there.
    pub(super) fn on_disc(&self, entry: &Entry) -> Option<Content> {
        match entry {
            Entry::Session(client) => {
                let stored = self.sessions.get(client).filter(|stored| stored.persists())?;
                Some(Content::Session(Box::new(stored.on_disc())))
            }
            Entry::Retained(topic) => self.retained.get(topic).cloned().map(Content::Retained),
        }
    }

    /// What was on disc is known again.
    pub(super) fn recover(&mut self, disc: &OnDisc) {
        for (entry, content) in disc {
            match (entry, content) {
                (Entry::Session(client), Content::Session(stored)) => {
                    for (filter, subscription) in stored.subscriptions.iter() {
                        self.index(client, filter, *subscription);
                    }
                    self.sessions.insert(client.clone(), (**stored).clone());
                }
                (Entry::Retained(topic), Content::Retained(message)) => {
                    self.retained.insert(topic.clone(), message.clone());
                }
                // Each kind of entry has its kind of content.
                _ => {}
            }
        }
    }
}

impl Sharers {
    /// Whose turn it is: the next one that is there, in order of identifiers; if none is, the next one.
    fn next(&mut self, sessions: &Sessions) -> Option<(Text, Subscription)> {
        let from = self.last.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let behind = self.members.range::<Text, _>((from, Bound::Unbounded));
        let all = || behind.clone().chain(&self.members);
        let is_there = |client: &Text| sessions.get(client).is_some_and(|stored| stored.online.is_some());
        let (client, subscription) = all().find(|(client, _)| is_there(client)).or_else(|| all().next())?;
        let found = (client.clone(), *subscription);
        self.last = Some(found.0.clone());
        Some(found)
    }
}

fn share_name(filter: &TopicFilter) -> Option<Text> {
    // A part of a text is one.
    filter.share().and_then(|share| Text::new(share.name).ok())
}

/// What an entry of the disc is of.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Entry {
    /// The session of this client.
    Session(Text),
    /// What is retained on this topic.
    Retained(Text),
}

/// What an entry of the disc is.
#[derive(Clone, Debug)]
pub(super) enum Content {
    Session(Box<Stored>),
    Retained(Message),
}

/// What outlives a loss of power.
pub(super) type OnDisc = BTreeMap<Entry, Content>;
