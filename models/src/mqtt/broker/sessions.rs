//! The sessions of a broker: by client, and by a number that connections know, since looking for one among 100,000 names at each packet is
//! slow.

use super::store::Stored;
use crate::mqtt::wire::Text;
use std::collections::BTreeMap;

/// Which session: its place. It is used again for another one once that is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct SessionId(u32);

/// All sessions.
#[derive(Clone, Debug, Default)]
pub(super) struct Sessions {
    by_client: BTreeMap<Text, SessionId>,
    places: Vec<Option<Box<Stored>>>,
    free: Vec<SessionId>,
}

impl Sessions {
    pub(super) fn len(&self) -> usize {
        self.by_client.len()
    }

    pub(super) fn id(&self, client: &Text) -> Option<SessionId> {
        self.by_client.get(client).copied()
    }

    pub(super) fn get(&self, client: &Text) -> Option<&Stored> {
        self.places.get(self.id(client)?.0 as usize)?.as_deref()
    }

    pub(super) fn get_mut(&mut self, client: &Text) -> Option<&mut Stored> {
        self.at_mut(self.id(client)?)
    }

    pub(super) fn at_mut(&mut self, id: SessionId) -> Option<&mut Stored> {
        self.places.get_mut(id.0 as usize)?.as_deref_mut()
    }

    pub(super) fn contains_key(&self, client: &Text) -> bool {
        self.by_client.contains_key(client)
    }

    /// In place of the one before, if there is one.
    pub(super) fn insert(&mut self, client: Text, stored: Stored) {
        let stored = Some(Box::new(stored));
        if let Some(id) = self.id(&client) {
            self.places[id.0 as usize] = stored;
            return;
        }
        let id = match self.free.pop() {
            Some(id) => {
                self.places[id.0 as usize] = stored;
                id
            }
            None => {
                self.places.push(stored);
                SessionId((self.places.len() - 1) as u32)
            }
        };
        self.by_client.insert(client, id);
    }

    pub(super) fn remove(&mut self, client: &Text) -> Option<Stored> {
        let id = self.by_client.remove(client)?;
        self.free.push(id);
        self.places[id.0 as usize].take().map(|stored| *stored)
    }

    /// In order of clients.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Text, &Stored)> {
        self.by_client.iter().filter_map(|(client, id)| Some((client, self.places[id.0 as usize].as_deref()?)))
    }
}
