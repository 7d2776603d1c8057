//! What clients of both versions are made of: messages that are due, that are not done, and that have come.
//!
//! | file | what |
//! |---|---|
//! | here | [`Messages`]: of what is published, and of what has come |
//! | `config` | fields that both have, their defaults and checks |
//! | `counts` | totals |
//! | `names` | topics of the ledger |

pub(super) mod config;
pub(in crate::amqp) mod counts;
pub(super) mod names;

use crate::app::{Host, Total};
use crate::ledger::{Guarantee, MessageEvent, Taken};
use crate::messaging::fifo::Fifo;
use crate::messaging::payload::{NAME_LEN, Name, Order, Seen};
use crate::observe::{ExchangeId, Observation, Outcome};
use crate::rope::Rope;
use crate::tcp::app::nowhere;
use crate::traffic::{Sizes, draw_span};
use config::Schedule;
use protosim_core::{Distribution, LocalTime, Purpose, Span};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

/// Draws of names of publications.
const KEY: Purpose = Purpose("amqp.publication.key");
/// Draws of sizes of bodies.
const SIZE: Purpose = Purpose("amqp.publication.size");
/// Draws of times between messages.
const TIME: Purpose = Purpose("amqp.publication.time");
/// Draws of how long a client waits before it opens something again.
pub(super) const RECONNECT: Purpose = Purpose("amqp.reconnect");
/// Draws of what is rejected.
pub(super) const REJECT: Purpose = Purpose("amqp.reject");
/// Draws of transactions that are rolled back.
pub(super) const ROLLBACK: Purpose = Purpose("amqp.rollback");

/// The timer of the next message of all publications.
pub(super) const PUBLISH: u64 = 6;

/// What waits for the stream, beyond which no more is made \[bytes\] (our choice).
pub(super) const ENOUGH: u64 = 1 << 16;
/// What is read at once \[bytes\] (our choice).
pub(super) const PIECE: u64 = 1 << 16;
/// Memory of a message beside its body \[bytes\] (our choice, as this program takes).
const COPY: u64 = 128;

/// How messages of a publication are made.
#[derive(Debug)]
pub(super) struct Law {
    /// In the ledger.
    topic: Arc<str>,
    guarantee: Guarantee,
    /// A message may be gone, as its publisher knows.
    may_go: bool,
    sizes: Sizes,
    start: Option<Span>,
    interval: Distribution,
    count: Option<u64>,
}

/// What is on disc where the client is durable.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept {
    /// By publication: its name, drawn at the first start, and how many of its messages were due.
    named: Vec<(u64, u64)>,
    /// By publication, the exchanges' numbers of messages that wait to be sent.
    waiting: Vec<Fifo<u64>>,
    /// By their exchanges' numbers.
    open: BTreeMap<u64, Open>,
    /// Messages without confirms that were being written when power was lost.
    cut: Vec<u64>,
    seen: Seen,
}

/// A message that is not done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Open {
    pub(super) name: Name,
    publication: usize,
    /// Of its body \[bytes\].
    pub(super) len: u64,
    pub(super) transmissions: u32,
    memory: u64,
    /// It has come back.
    pub(super) is_returned: bool,
}

/// The messages of a client.
#[derive(Clone, Debug)]
pub(super) struct Messages {
    /// By publication.
    laws: Arc<[Law]>,
    server: SocketAddr,
    /// Of a publication, that wait to be sent.
    most: usize,
    kept: Kept,
    /// When the next message is due, by publication; `None` behind the last one.
    next: Box<[Option<LocalTime>]>,
    /// Exchanges that were begun.
    due: u64,
    completed: u64,
    failed: u64,
    received: u64,
    received_bytes: u64,
    redelivered: u64,
    duplicates: u64,
    unflagged: u64,
    late: u64,
    corrupted: u64,
    foreign: u64,
}

/// From where a message comes.
pub(super) struct Source<'a> {
    pub(super) queue: &'a str,
    /// Whether it is acknowledged.
    pub(super) guarantee: Guarantee,
    /// Nobody else takes from the queue meanwhile.
    pub(super) is_alone: bool,
}

impl Law {
    /// Of a publication to `topic`, at this level. Nobody confirms what goes at most once.
    pub(super) fn new(topic: &str, guarantee: Guarantee, may_go: bool, schedule: &Schedule<'_>) -> Self {
        Self {
            topic: topic.into(),
            guarantee,
            may_go,
            sizes: Sizes::of_messages(schedule.payload, NAME_LEN, SIZE),
            start: schedule.start,
            interval: schedule.interval.law(),
            count: schedule.count,
        }
    }
}

impl Messages {
    /// None yet, of these publications to the broker at `server`; of each, `most` may wait to be sent.
    pub(super) fn new(laws: Arc<[Law]>, server: SocketAddr, most: u32) -> Self {
        Self {
            server,
            most: most as usize,
            kept: Kept::default(),
            next: vec![None; laws.len()].into(),
            laws,
            due: 0,
            completed: 0,
            failed: 0,
            received: 0,
            received_bytes: 0,
            redelivered: 0,
            duplicates: 0,
            unflagged: 0,
            late: 0,
            corrupted: 0,
            foreign: 0,
        }
    }

    /// The node has started, the client is to begin `start` later.
    pub(super) fn start(&mut self, start: Span, host: &mut dyn Host) {
        let started = host.now();
        if self.kept.named.is_empty() {
            self.kept.named = self.next.iter().map(|_| (host.rng(KEY).next_u64(), 0)).collect();
            self.kept.waiting = vec![Fifo::new(); self.next.len()];
        }
        // What was open before a loss of power.
        for open in self.kept.open.values_mut() {
            open.memory = if host.reserve(open.memory).is_ok() { open.memory } else { 0 };
        }
        for id in std::mem::take(&mut self.kept.cut) {
            self.end(id, Outcome::Reset, host);
        }
        let laws = Arc::clone(&self.laws);
        for (index, law) in laws.iter().enumerate() {
            let first = started.saturating_add(law.start.unwrap_or(start));
            self.next[index] = Some(first).filter(|_| !self.is_exhausted(index));
        }
        self.watch(host);
    }

    /// How many publications there are.
    pub(super) fn publications(&self) -> usize {
        self.laws.len()
    }

    /// Exchanges that were begun.
    pub(super) const fn due(&self) -> u64 {
        self.due
    }

    fn exchange(&self, id: u64) -> ExchangeId {
        ExchangeId { client: nowhere(), server: self.server, id }
    }

    /// A message that is not done.
    pub(super) fn open(&mut self, id: u64) -> Option<&mut Open> {
        self.kept.open.get_mut(&id)
    }

    /// A message is done.
    pub(super) fn end(&mut self, id: u64, outcome: Outcome, host: &mut dyn Host) {
        let Some(open) = self.kept.open.remove(&id) else { return };
        if self.kept.open.is_empty() {
            // A client at rest holds nothing.
            self.kept.open = BTreeMap::new();
        }
        host.release(open.memory);
        let outcome = match outcome {
            Outcome::Response if open.is_returned => Outcome::ErrorResponse,
            outcome => outcome,
        };
        let is_confirmed = |law: &Law| law.guarantee != Guarantee::AtMostOnce;
        let message = open.name.into();
        match outcome {
            Outcome::Response => {
                self.completed += 1;
                if self.laws.get(open.publication).is_some_and(is_confirmed) {
                    host.observe_message(MessageEvent::Confirmed { message });
                }
            }
            _ => {
                self.failed += 1;
                host.observe_message(MessageEvent::Failed { message });
            }
        }
        let exchange = self.exchange(id);
        host.observe(Observation::ExchangeEnded { exchange, outcome, transmissions: open.transmissions });
    }

    /// Nothing is sent any more; what is open has this outcome.
    pub(super) fn stop(&mut self, outcome: Outcome, host: &mut dyn Host) {
        host.cancel_timer(PUBLISH);
        self.next.fill(None);
        for id in self.kept.open.keys().copied().collect::<Vec<_>>() {
            self.end(id, outcome, host);
        }
        self.kept.waiting.fill(Fifo::new());
    }

    /// If a message of a publication is due now, it waits to be sent. Whether one was.
    pub(super) fn publish(&mut self, index: usize, host: &mut dyn Host) -> bool {
        let laws = Arc::clone(&self.laws);
        let (Some(law), Some((publication, number))) = (laws.get(index), self.kept.named.get(index).copied()) else {
            return false;
        };
        if self.next[index].is_none_or(|next| next > host.now()) {
            return false;
        }
        let name = Name { publication, number };
        self.kept.named[index].1 += 1;
        self.schedule(index, host);
        let (id, len) = (name.exchange(), law.sizes.draw(host));
        self.due += 1;
        host.observe(Observation::ExchangeStarted(self.exchange(id)));
        host.observe_message(MessageEvent::Published {
            message: name.into(),
            guarantee: law.guarantee,
            topic: law.topic.clone(),
            domain: self.server,
            may_expire: law.may_go,
        });
        let memory = COPY + len;
        let is_refused = host.reserve(memory).is_err();
        let memory = if is_refused { 0 } else { memory };
        let open = Open { name, publication: index, len, transmissions: 0, memory, is_returned: false };
        self.kept.open.insert(id, open);
        if is_refused {
            self.end(id, Outcome::OutOfMemory, host);
        } else if self.kept.waiting[index].len() >= self.most {
            self.end(id, Outcome::ErrorResponse, host);
        } else {
            self.kept.waiting[index].push_back(id);
        }
        true
    }

    /// Sets the timer of the next message, if there is one.
    pub(super) fn watch(&self, host: &mut dyn Host) {
        if let Some(next) = self.next.iter().flatten().min() {
            host.set_timer(PUBLISH, *next, "next message");
        }
    }

    /// Whether all messages of a publication were due.
    pub(super) fn is_exhausted(&self, index: usize) -> bool {
        let number = self.kept.named.get(index).map_or(0, |(_, number)| *number);
        let count = self.laws.get(index).and_then(|law| law.count);
        count.is_some_and(|count| number >= count)
    }

    /// Finds when the next message of a publication is due, if there is one.
    fn schedule(&mut self, index: usize, host: &mut dyn Host) {
        let Some(law) = self.laws.get(index) else { return };
        let next = self.next[index].filter(|_| !self.is_exhausted(index));
        self.next[index] = next.map(|due| due.saturating_add(draw_span(&law.interval, TIME, host)));
    }

    /// Takes the next message of a publication that waits to be sent.
    pub(super) fn take_waiting(&mut self, index: usize) -> Option<u64> {
        self.kept.waiting.get_mut(index)?.pop_front()
    }

    /// What was sent of a publication waits again, in its order, before all else.
    pub(super) fn wait_again(&mut self, index: usize, sent: Vec<u64>) {
        let Some(waiting) = self.kept.waiting.get_mut(index) else { return };
        for id in sent.into_iter().rev() {
            waiting.push_front(id);
        }
    }

    /// What outlives a loss of power; messages without confirms that were being written are `cut`.
    pub(super) fn take_kept(&mut self, cut: Vec<u64>) -> Kept {
        Kept { cut, ..std::mem::take(&mut self.kept) }
    }

    /// What has outlived one.
    pub(super) fn recover(&mut self, kept: Kept) {
        self.kept = kept;
    }

    /// A message is handed to the broker; together with others, of which the first has the number `with`.
    pub(super) fn sent(&self, id: u64, with: Option<u64>, host: &mut dyn Host) {
        let name = |id: u64| self.kept.open.get(&id).map(|open| open.name.into());
        if let Some(message) = name(id).filter(|_| host.observes_messages()) {
            host.observe_message(MessageEvent::Sent { message, with: with.and_then(name) });
        }
    }

    /// A message has reached the application; from a queue whose copies are counted, if `from` says so.
    pub(super) fn arrived(&mut self, body: &Rope, redelivered: bool, from: Option<&Source<'_>>, host: &mut dyn Host) {
        self.received += 1;
        self.received_bytes += body.len();
        self.redelivered += u64::from(redelivered);
        let Some(name) = Name::of(body) else {
            self.foreign += 1;
            return;
        };
        self.corrupted += u64::from(name.corrupted(body) > 0);
        match self.kept.seen.note(name) {
            Order::Next => {}
            Order::Late => self.late += 1,
            Order::Again => {
                self.duplicates += 1;
                self.unflagged += u64::from(!redelivered);
            }
        }
        if host.observes_messages() {
            let taken = from.map(|&Source { queue, guarantee, is_alone }| Taken {
                queue: queue.into(),
                guarantee,
                is_marked: redelivered,
                is_alone,
            });
            host.observe_message(MessageEvent::Delivered { message: name.into(), is_retained: false, taken });
        }
        host.observe(Observation::RequestDelivered(self.exchange(name.exchange())));
    }

    /// Of what is published.
    pub(super) fn totals_of_publications(&self) -> [Total; 3] {
        let total = |name, value| Total { name, value };
        [
            total("published_messages", self.due),
            total("completed_messages", self.completed),
            total("failed_messages", self.failed),
        ]
    }

    /// Of what has come. `duplicate_messages` and `late_messages` are by publication; `unflagged_duplicates` came again without the mark of a redelivery: their publisher has
    /// sent them twice, or the broker has forgotten. `foreign_messages` are none of our clients'.
    pub(super) fn totals_of_arrivals(&self) -> [Total; 8] {
        let total = |name, value| Total { name, value };
        [
            total("received_messages", self.received),
            total("received_bytes", self.received_bytes),
            total("redelivered_messages", self.redelivered),
            total("duplicate_messages", self.duplicates),
            total("unflagged_duplicates", self.unflagged),
            total("late_messages", self.late),
            total("corrupted_messages", self.corrupted),
            total("foreign_messages", self.foreign),
        ]
    }
}
