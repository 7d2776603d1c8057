//! Exchanges and their bindings: into which queues a message goes (§3.1.3).
//!
//! | file | what |
//! |---|---|
//! | `options` | what is declared of an exchange |
//! | `topic` | the index of topic exchanges |
//! | `headers` | how headers exchanges match |
//!
//! # How a message goes
//! From the exchange to which it was published along all bindings that match, to queues and to further exchanges (RabbitMQ), each of which it
//! visits once: circles of bindings are no loops. An exchange with no binding that matches hands it to its alternate exchange, if it has one
//! and that exists (RabbitMQ). A queue gets it at most once, however many bindings lead there. Queues come in order of their names.
//!
//! # Bindings
//! A binding is its source, destination, key and arguments; made twice it is one (§1.7.2.3). The default exchange, whose name is empty,
//! has each queue bound by its name, and takes no others (§3.1.3.1).

mod headers;
mod options;
mod topic;

pub(in crate::amqp) use options::name;
pub use options::{ExchangeKind, ExchangeOptions, check_name};
pub use topic::{TopicIndex, words};

use crate::amqp::v091::wire::{Fault, ReplyCode, ShortStr, Table};
use options::Binding;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Where a binding leads.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Destination {
    /// A queue.
    Queue(ShortStr),
    /// Another exchange (RabbitMQ).
    Exchange(ShortStr),
}

/// All exchanges of a virtual host, the names of its queues, and the bindings between them.
#[derive(Clone, Debug)]
pub struct Router {
    exchanges: BTreeMap<ShortStr, Exchange>,
    queues: BTreeSet<ShortStr>,
    /// By destination, the sources of its bindings, and how many each has.
    sources: BTreeMap<Destination, BTreeMap<ShortStr, u32>>,
}

#[derive(Clone, Debug)]
struct Exchange {
    options: ExchangeOptions,
    bindings: BTreeSet<Binding>,
    index: Index,
}

/// What finds the bindings that match.
#[derive(Clone, Debug)]
enum Index {
    Direct(BTreeMap<ShortStr, BTreeMap<Destination, u32>>),
    /// All bindings of the exchange are looked at, or taken as they are.
    All,
    Topic(TopicIndex<Destination>),
}

impl Index {
    fn new(kind: ExchangeKind) -> Self {
        match kind {
            ExchangeKind::Direct => Self::Direct(BTreeMap::new()),
            ExchangeKind::Fanout | ExchangeKind::Headers => Self::All,
            ExchangeKind::Topic => Self::Topic(TopicIndex::default()),
        }
    }

    fn add(&mut self, (destination, key, _): &Binding) {
        match self {
            Self::Direct(by_key) => {
                *by_key.entry(key.clone()).or_default().entry(destination.clone()).or_default() += 1;
            }
            Self::All => {}
            Self::Topic(topics) => topics.add(key, destination.clone()),
        }
    }

    fn remove(&mut self, (destination, key, _): &Binding) {
        match self {
            Self::Direct(by_key) => {
                let Some(there) = by_key.get_mut(key) else { return };
                if let Some(times) = there.get_mut(destination) {
                    *times -= 1;
                    if *times == 0 {
                        there.remove(destination);
                    }
                }
                if there.is_empty() {
                    by_key.remove(key);
                }
            }
            Self::All => {}
            Self::Topic(topics) => {
                topics.remove(key, destination.clone());
            }
        }
    }
}

impl Exchange {
    fn new(options: ExchangeOptions) -> Self {
        let index = Index::new(options.kind);
        Self { options, bindings: BTreeSet::new(), index }
    }

    /// Shows the destinations of all bindings that match, one with several such bindings perhaps several times.
    fn matching<'a>(&'a self, key: &str, headers: &Table, found: &mut impl FnMut(&'a Destination)) {
        match &self.index {
            Index::Direct(by_key) => {
                if let Some(there) = by_key.get(key) {
                    there.keys().for_each(found);
                }
            }
            Index::Topic(topics) => topics.matching(key, found),
            Index::All => {
                let is_fanout = self.options.kind == ExchangeKind::Fanout;
                for (destination, _, arguments) in &self.bindings {
                    if is_fanout || headers::is_match(arguments, headers) {
                        found(destination);
                    }
                }
            }
        }
    }
}

/// What every virtual host has (§3.1.3, RabbitMQ: all durable).
const PREDECLARED: [(&str, ExchangeKind); 5] = [
    ("amq.direct", ExchangeKind::Direct),
    ("amq.fanout", ExchangeKind::Fanout),
    ("amq.headers", ExchangeKind::Headers),
    ("amq.match", ExchangeKind::Headers),
    ("amq.topic", ExchangeKind::Topic),
];

const NO_EXCHANGE: Fault = Fault::new(ReplyCode::NotFound, "§1.6.2", "there is no such exchange");
const NO_QUEUE: Fault = Fault::new(ReplyCode::NotFound, "§1.7.2", "there is no such queue");
const DEFAULT: Fault =
    Fault::new(ReplyCode::AccessRefused, "§1.6.2.1", "the default exchange is neither declared, bound nor deleted");

impl Default for Router {
    fn default() -> Self {
        Self::new()
    }
}

impl Router {
    /// With the exchanges that every virtual host has, and no queues.
    pub fn new() -> Self {
        let exchange = |(name, kind)| {
            (ShortStr::cut(name), Exchange::new(ExchangeOptions { durable: true, ..ExchangeOptions::new(kind) }))
        };
        let exchanges = PREDECLARED.into_iter().map(exchange).collect();
        Self { exchanges, queues: BTreeSet::new(), sources: BTreeMap::new() }
    }

    /// What was declared of an exchange; `None` for the default one, and one that there is not.
    pub fn exchange(&self, name: &str) -> Option<&ExchangeOptions> {
        self.exchanges.get(name).map(|exchange| &exchange.options)
    }

    /// Looks for an exchange, as a passive declaration does.
    ///
    /// # Errors
    /// 404.
    pub fn check_exchange(&self, name: &str) -> Result<(), Fault> {
        match name.is_empty() || self.exchanges.contains_key(name) {
            true => Ok(()),
            false => Err(NO_EXCHANGE),
        }
    }

    /// Makes an exchange, if there is none with this name. Whether it did.
    ///
    /// # Errors
    /// 406 where there is another one with this name, 403 where the name is the server's (§1.6.2.1).
    pub fn declare(&mut self, name: &ShortStr, options: ExchangeOptions) -> Result<bool, Fault> {
        if name.is_empty() {
            return Err(DEFAULT);
        }
        match self.exchanges.get(name) {
            Some(there) if there.options == options => Ok(false),
            Some(_) => {
                Err(Fault::new(ReplyCode::PreconditionFailed, "§1.6.2.1", "the exchange was declared otherwise"))
            }
            None => {
                check_name(name)?;
                self.exchanges.insert(name.clone(), Exchange::new(options));
                Ok(true)
            }
        }
    }

    /// Deletes an exchange with all bindings from and to it. What goes: itself, and exchanges that were for it alone, in order. One that there
    /// is not is deleted already (RabbitMQ).
    ///
    /// # Errors
    /// 403 where it is the server's; 406 where it has bindings and shall not (§1.6.2.3).
    pub fn delete(&mut self, name: &ShortStr, if_unused: bool) -> Result<Vec<ShortStr>, Fault> {
        if name.is_empty() {
            return Err(DEFAULT);
        }
        check_name(name)?;
        match self.exchanges.get(name.as_str()) {
            Some(exchange) if if_unused && !exchange.bindings.is_empty() => {
                Err(Fault::new(ReplyCode::PreconditionFailed, "§1.6.2.3", "the exchange is in use"))
            }
            _ => Ok(self.forget_all(vec![name.clone()])),
        }
    }

    /// There is a queue with this name now.
    pub fn add_queue(&mut self, name: &ShortStr) {
        self.queues.insert(name.clone());
    }

    /// There is none any more: its bindings go, and so do exchanges that were for it alone: these, in order.
    pub fn remove_queue(&mut self, name: &ShortStr) -> Vec<ShortStr> {
        self.queues.remove(name);
        let orphans = self.forget_destination(&Destination::Queue(name.clone()));
        self.forget_all(orphans)
    }

    /// Binds a destination to an exchange. Whether there was no such binding yet.
    ///
    /// # Errors
    /// 404 where one of them is not; 403 where one is the default exchange; 406 where the arguments are none of a headers exchange.
    pub fn bind(
        &mut self,
        source: &ShortStr,
        destination: Destination,
        key: &ShortStr,
        arguments: &Table,
    ) -> Result<bool, Fault> {
        self.check_ends(source, &destination)?;
        let exchange = self.exchanges.get_mut(source).ok_or(NO_EXCHANGE)?;
        if exchange.options.kind == ExchangeKind::Headers {
            headers::check(arguments)?;
        }
        let binding = (destination, key.clone(), arguments.clone());
        if exchange.bindings.contains(&binding) {
            return Ok(false);
        }
        exchange.index.add(&binding);
        *self.sources.entry(binding.0.clone()).or_default().entry(source.clone()).or_default() += 1;
        exchange.bindings.insert(binding);
        Ok(true)
    }

    /// Takes a binding away. The exchanges that go with it because it was their last, in order. One that there is not, be it for want of an end, is away
    /// already (RabbitMQ).
    ///
    /// # Errors
    /// 403 where one of the ends is the default exchange.
    pub fn unbind(
        &mut self,
        source: &ShortStr,
        destination: Destination,
        key: &ShortStr,
        arguments: &Table,
    ) -> Result<Vec<ShortStr>, Fault> {
        if source.is_empty() || matches!(&destination, Destination::Exchange(to) if to.is_empty()) {
            return Err(DEFAULT);
        }
        let Some(exchange) = self.exchanges.get_mut(source) else { return Ok(Vec::new()) };
        let binding = (destination, key.clone(), arguments.clone());
        if !exchange.bindings.remove(&binding) {
            return Ok(Vec::new());
        }
        exchange.index.remove(&binding);
        let is_orphan = exchange.options.auto_delete && exchange.bindings.is_empty();
        self.count_down(source, &binding.0);
        Ok(if is_orphan { self.forget_all(vec![source.clone()]) } else { Vec::new() })
    }

    /// All exchanges but the default one, by name.
    pub fn exchanges(&self) -> impl Iterator<Item = (&ShortStr, &ExchangeOptions)> {
        self.exchanges.iter().map(|(name, exchange)| (name, &exchange.options))
    }

    /// The bindings that lead from an exchange: where they go, their keys and arguments.
    pub fn bindings(&self, exchange: &str) -> impl Iterator<Item = &(Destination, ShortStr, Table)> {
        self.exchanges.get(exchange).into_iter().flat_map(|exchange| &exchange.bindings)
    }

    /// The exchanges from which bindings lead there.
    pub fn sources(&self, destination: &Destination) -> impl Iterator<Item = &ShortStr> {
        self.sources.get(destination).into_iter().flat_map(BTreeMap::keys)
    }

    /// How many bindings lead from an exchange.
    pub fn bindings_from(&self, exchange: &str) -> usize {
        self.exchanges.get(exchange).map_or(0, |exchange| exchange.bindings.len())
    }

    /// The queues into which a message goes that a client publishes.
    ///
    /// # Errors
    /// 404 where there is no such exchange (§1.8.3.7); 403 where it is for other exchanges alone.
    pub fn publish(&self, exchange: &str, key: &str, headers: &Table) -> Result<BTreeSet<ShortStr>, Fault> {
        self.check_exchange(exchange)?;
        match self.exchange(exchange) {
            Some(options) if options.internal => {
                Err(Fault::new(ReplyCode::AccessRefused, "§1.6.2.1", "the exchange is internal"))
            }
            _ => Ok(self.route(exchange, key, headers)),
        }
    }

    /// The queues into which a message goes, wherever it comes from; none where there is no such exchange.
    pub fn route(&self, exchange: &str, key: &str, headers: &Table) -> BTreeSet<ShortStr> {
        let mut queues = BTreeSet::new();
        let mut seen = BTreeSet::from([exchange]);
        let mut waiting = vec![exchange];
        while let Some(name) = waiting.pop() {
            if name.is_empty() {
                queues.extend(self.queues.get(key).cloned());
                continue;
            }
            let Some(exchange) = self.exchanges.get(name) else { continue };
            let mut is_for_none = true;
            exchange.matching(key, headers, &mut |destination| {
                is_for_none = false;
                match destination {
                    Destination::Queue(queue) if queues.contains(queue) => {}
                    Destination::Queue(queue) => {
                        queues.insert(queue.clone());
                    }
                    Destination::Exchange(next) => {
                        if seen.insert(next) {
                            waiting.push(next);
                        }
                    }
                }
            });
            let alternate = exchange.options.alternate.as_ref().filter(|_| is_for_none);
            waiting.extend(alternate.map(ShortStr::as_str).filter(|next| seen.insert(next)));
        }
        queues
    }

    fn check_ends(&self, source: &str, destination: &Destination) -> Result<(), Fault> {
        let is_there = match destination {
            Destination::Queue(queue) => self.queues.contains(queue).then_some(()).ok_or(NO_QUEUE),
            Destination::Exchange(exchange) if exchange.is_empty() => Err(DEFAULT),
            Destination::Exchange(exchange) => self.check_exchange(exchange),
        };
        match source {
            "" => Err(DEFAULT),
            _ => is_there.and_then(|()| self.check_exchange(source)),
        }
    }

    /// One binding less from there to there.
    fn count_down(&mut self, source: &str, destination: &Destination) {
        let Some(sources) = self.sources.get_mut(destination) else { return };
        if let Some(bindings) = sources.get_mut(source) {
            *bindings -= 1;
            if *bindings == 0 {
                sources.remove(source);
            }
        }
        if sources.is_empty() {
            self.sources.remove(destination);
        }
    }

    /// Takes these exchanges away, and those that shall go with their last binding, and have none then. All of them, in order.
    fn forget_all(&mut self, names: Vec<ShortStr>) -> Vec<ShortStr> {
        let (mut gone, mut waiting) = (Vec::new(), VecDeque::from(names));
        while let Some(name) = waiting.pop_front() {
            // One may have gone before.
            let Some(exchange) = self.exchanges.remove(&name) else { continue };
            for (destination, ..) in &exchange.bindings {
                self.count_down(&name, destination);
            }
            waiting.extend(self.forget_destination(&Destination::Exchange(name.clone())));
            gone.push(name);
        }
        gone
    }

    /// Takes away all bindings that lead there. The exchanges that shall go with their last binding, and have none now.
    fn forget_destination(&mut self, destination: &Destination) -> Vec<ShortStr> {
        let sources = self.sources.remove(destination).unwrap_or_default();
        let mut orphans = Vec::new();
        for source in sources.into_keys() {
            let Some(exchange) = self.exchanges.get_mut(&source) else { continue };
            // All bindings to one destination stand behind each other, from the one without key and arguments on.
            let first = (destination.clone(), ShortStr::default(), Table::new());
            let gone: Vec<_> =
                exchange.bindings.range(first..).take_while(|binding| binding.0 == *destination).cloned().collect();
            for binding in gone {
                exchange.bindings.remove(&binding);
                exchange.index.remove(&binding);
            }
            if exchange.options.auto_delete && exchange.bindings.is_empty() {
                orphans.push(source);
            }
        }
        orphans
    }
}
