//! Requests and answers (v5 §4.10), and the end of subscriptions.
//!
//! A request is a message with a Response Topic and, as Correlation Data, the 16 bytes that name it. Whoever answers publishes on that topic, with
//! those data. The exchange of a request ends with the first answer, whether or not the request itself is done; further ones are counted alone.

use super::packets::parts;
use super::{MqttClient, RESPONSE, UNSUBSCRIBE};
use crate::app::Host;
use crate::lazy::Empty;
use crate::ledger::MessageEvent;
use crate::messaging::payload::Name;
use crate::mqtt::config::{PublicationConfig, qos};
use crate::mqtt::session::{Message, Offered};
use crate::mqtt::topic::TopicFilter;
use crate::mqtt::wire::{Binary, Packet, Properties, Property, QoS, SubscriptionOptions, Text, Unsuback, Unsubscribe};
use crate::observe::{Observation, Outcome};
use crate::rope::Rope;
use protosim_core::LocalTime;
use std::collections::{BTreeMap, BTreeSet};

/// Requests that have no answer, and answers that are not done.
#[derive(Clone, Debug)]
pub(super) struct Exchanges {
    /// By the requests' exchanges.
    waiting: BTreeMap<u64, Waiting>,
    due: BTreeSet<(LocalTime, u64)>,
    /// Requests whose exchange is over and that are not done themselves.
    over: BTreeSet<u64>,
    /// Answers of QoS 1 and 2 by their tokens: how many, and the memory of each. A request that comes twice is answered twice.
    answers: BTreeMap<u64, (u32, u64)>,
    /// Answers to others than our own clients.
    foreign: u64,
    /// Subscriptions whose time is over, and whether the broker has said that it knows.
    ended: BTreeMap<usize, bool>,
    /// Those that were over when it subscribed last.
    left_out: BTreeSet<usize>,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    due: LocalTime,
    /// How often the request was sent, once it is done.
    transmissions: Option<u32>,
}

/// Most clients neither ask nor answer.
impl Empty for Exchanges {
    const EMPTY: &'static Self = &Self {
        waiting: BTreeMap::new(),
        due: BTreeSet::new(),
        over: BTreeSet::new(),
        answers: BTreeMap::new(),
        foreign: 0,
        ended: BTreeMap::new(),
        left_out: BTreeSet::new(),
    };
}

impl Exchanges {
    /// Whether no request is known that is not done.
    pub(super) fn asks_nothing(&self) -> bool {
        self.waiting.is_empty() && self.over.is_empty()
    }

    fn take(&mut self, id: u64) -> Option<Waiting> {
        let waiting = self.waiting.remove(&id)?;
        self.due.remove(&(waiting.due, id));
        Some(waiting)
    }

    /// A request is done, and how: whether its exchange goes on, or is over already.
    pub(super) fn holds(&mut self, id: u64, outcome: Outcome, transmissions: u32) -> bool {
        if self.over.remove(&id) {
            return true;
        }
        match self.waiting.get_mut(&id) {
            Some(waiting) if outcome == Outcome::Response => {
                waiting.transmissions = Some(transmissions);
                true
            }
            Some(_) => {
                self.take(id);
                false
            }
            None => false,
        }
    }
}

impl MqttClient {
    /// What a message of a publication says beside its payload.
    pub(super) fn properties(&self, config: &PublicationConfig, name: Name) -> Properties {
        let text = |text: &String| Text::new(text).unwrap_or_default();
        let mut properties: Properties =
            config.properties.iter().map(|(name, value)| Property::User((text(name), text(value)))).collect();
        if let Some(response) = &config.response {
            properties.push(Property::ResponseTopic(response.topic(&self.kept.id)));
            // Sixteen bytes.
            let data = Binary::new(name.bytes().to_vec()).map(Property::CorrelationData);
            data.into_iter().for_each(|data| properties.push(data));
        }
        properties
    }

    /// A request is due, and waits for its answer.
    pub(super) fn ask(&mut self, id: u64, config: &PublicationConfig, host: &mut dyn Host) {
        let Some(response) = &config.response else { return };
        let due = host.now().saturating_add(response.patience());
        self.kept.exchanges.waiting.insert(id, Waiting { due, transmissions: None });
        self.kept.exchanges.due.insert((due, id));
        self.watch_requests(host);
    }

    pub(super) fn watch_requests(&mut self, host: &mut dyn Host) {
        match self.kept.exchanges.due.first() {
            Some((due, _)) => host.set_timer(RESPONSE, *due, "response"),
            None => host.cancel_timer(RESPONSE),
        }
    }

    /// No answer has come in time.
    pub(super) fn on_patience(&mut self, host: &mut dyn Host) {
        while let Some((_, id)) = self.kept.exchanges.due.first().copied().filter(|(due, _)| *due <= host.now()) {
            self.counts.rare.unanswered += 1;
            self.end_request(id, Outcome::TimedOut, host);
        }
        self.watch_requests(host);
    }

    fn end_request(&mut self, id: u64, outcome: Outcome, host: &mut dyn Host) {
        let Some(waiting) = self.kept.exchanges.take(id) else { return };
        let open = self.kept.open.get(&id).map(|open| open.transmissions);
        if open.is_some() {
            self.kept.exchanges.over.insert(id);
        }
        let transmissions = waiting.transmissions.or(open).unwrap_or(0);
        host.observe(Observation::ExchangeEnded { exchange: self.exchange(id), outcome, transmissions });
    }

    /// No answer will come to what is asked.
    pub(super) fn end_requests(&mut self, host: &mut dyn Host) {
        if self.kept.exchanges.waiting.is_empty() {
            return;
        }
        for id in std::mem::take(&mut self.kept.exchanges.waiting).into_keys().collect::<Vec<_>>() {
            let exchange = self.exchange(id);
            host.observe(Observation::ExchangeEnded { exchange, outcome: Outcome::Reset, transmissions: 0 });
        }
        self.kept.exchanges.due.clear();
        host.cancel_timer(RESPONSE);
    }

    /// A message that has come may be an answer. Whether it is one to a request of ours.
    pub(super) fn on_answer(&mut self, message: &Message, host: &mut dyn Host) -> bool {
        let Some(data) = message.content.properties.correlation_data().filter(|_| self.asks()) else { return false };
        let Some(name) = Name::of(&Rope::from(data.as_bytes().to_vec())) else { return false };
        if !self.kept.named.iter().any(|(publication, _)| *publication == name.publication) {
            return false;
        }
        self.counts.corrupted += u64::from(name.answer().corrupted(&message.content.payload) > 0);
        if self.kept.exchanges.waiting.contains_key(&name.exchange()) {
            self.counts.rare.answers += 1;
            self.end_request(name.exchange(), Outcome::Response, host);
            self.watch_requests(host);
        } else {
            self.counts.rare.unexpected_answers += 1;
        }
        true
    }

    fn asks(&self) -> bool {
        self.common.config.publications.iter().any(|publication| publication.response.is_some())
    }

    /// Answers a message that asks for it.
    pub(super) fn answer(&mut self, request: &Message, host: &mut dyn Host) {
        let Some(config) = self.common.config.answers.clone() else { return };
        let properties = &request.content.properties;
        let Some(topic) = properties.response_topic().cloned() else { return };
        let data = properties.correlation_data().cloned();
        let asked = data.as_ref().and_then(|data| Name::of(&Rope::from(data.as_bytes().to_vec())));
        let name = asked.map(Name::answer).unwrap_or_else(|| {
            self.kept.exchanges.foreign += 1;
            Name { publication: !self.kept.will, number: self.kept.exchanges.foreign }
        });
        let (token, qos) = (name.exchange(), qos(config.qos));
        let payload = name.payload(config.payload.as_bytes());
        let properties = data.map(Property::CorrelationData).into_iter().collect();
        let message = Message { token, ..Message::with_properties(topic, payload, properties, qos) };
        self.counts.rare.sent_answers += 1;
        let memory = super::COPY + message.bytes();
        if qos != QoS::AtMostOnce {
            if host.reserve(memory).is_err() {
                self.counts.rare.dropped_answers += 1;
                return;
            }
            self.kept.exchanges.answers.entry(token).or_insert((0, memory)).0 += 1;
        }
        let link = self.connection.as_mut().and_then(|connection| connection.link.as_mut());
        let dropped = match self.kept.session.publish(link, &self.common.limits, message) {
            Offered::Taken(dropped) => dropped,
            Offered::Dropped(message) | Offered::Refused(message) => vec![message],
        };
        for message in dropped {
            self.counts.rare.dropped_answers += u64::from(message.token == token);
            self.end(message.token, Outcome::ErrorResponse, host);
        }
    }

    /// An answer is done. Whether it was one.
    pub(super) fn end_answer(&mut self, token: u64, host: &mut dyn Host) -> bool {
        if !self.kept.exchanges.answers.contains_key(&token) {
            return false;
        }
        let Some((count, memory)) = self.kept.exchanges.answers.get_mut(&token) else { return false };
        *count -= 1;
        host.release(*memory);
        if *count == 0 {
            self.kept.exchanges.answers.remove(&token);
        }
        true
    }

    /// The session is gone that had them.
    pub(super) fn end_answers(&mut self, host: &mut dyn Host) {
        if self.kept.exchanges.answers.is_empty() {
            return;
        }
        for (count, memory) in std::mem::take(&mut self.kept.exchanges.answers).into_values() {
            host.release(u64::from(count) * memory);
        }
    }

    /// After a loss of power: what is on disc takes memory again.
    pub(super) fn recover_exchanges(&mut self, host: &mut dyn Host) {
        if !self.kept.exchanges.answers.is_empty() {
            for (count, memory) in self.kept.exchanges.answers.values_mut() {
                if host.reserve(u64::from(*count) * *memory).is_err() {
                    *memory = 0;
                }
            }
        }
        self.watch_requests(host);
    }

    /// Subscriptions to topics of answers, by topic, where there is none of the user's.
    pub(super) fn response_filters(&self) -> Vec<(TopicFilter, SubscriptionOptions)> {
        let mut topics: BTreeMap<Text, QoS> = BTreeMap::new();
        for publication in &self.common.config.publications {
            let Some(response) = &publication.response else { continue };
            let topic = response.topic(&self.kept.id);
            if self.common.config.subscriptions.iter().any(|own| own.filter == topic.as_str()) {
                continue;
            }
            let wanted = qos(response.qos.unwrap_or(publication.qos));
            let entry = topics.entry(topic).or_default();
            *entry = wanted.max(*entry);
        }
        let filters = topics.into_iter();
        filters
            .filter_map(|(topic, qos)| Some((TopicFilter::new(topic).ok()?, SubscriptionOptions::new(qos))))
            .collect()
    }

    /// Sets the timers of subscriptions that end.
    pub(super) fn watch_subscriptions(&mut self, started: LocalTime, host: &mut dyn Host) {
        for (index, subscription) in self.common.config.subscriptions.iter().enumerate() {
            if let Some(until) = subscription.until {
                host.set_timer(UNSUBSCRIBE + index as u64, started.saturating_add(until), "unsubscribe");
            }
        }
    }

    /// What is over is not subscribed to any more.
    pub(super) fn leave_out(&mut self) {
        if self.kept.exchanges.ended.is_empty() && self.kept.exchanges.left_out.is_empty() {
            return;
        }
        self.kept.exchanges.left_out = self.kept.exchanges.ended.keys().copied().collect();
    }

    /// Whether a subscription was over when it subscribed last.
    pub(super) fn was_over(&self, index: usize) -> bool {
        self.kept.exchanges.left_out.contains(&index)
    }

    /// The time of a subscription is over: the broker is told, now or with the next connection.
    pub(super) fn unsubscribe(&mut self, index: usize, host: &mut dyn Host) {
        if *self.kept.exchanges.ended.entry(index).or_insert(false) {
            return;
        }
        self.observe_unsubscribed(index, false, host);
        self.say_unsubscribe(index, host);
        self.pump(host);
    }

    fn observe_unsubscribed(&self, index: usize, is_known: bool, host: &mut dyn Host) {
        if !host.observes_messages() {
            return;
        }
        if let Some(filter) = self.filter(index) {
            let (filter, group) = parts(&filter);
            host.observe_message(MessageEvent::Unsubscribed { filter, group, domain: self.server, is_known });
        }
    }

    /// The broker has a session, which may have subscriptions that are over.
    pub(super) fn unsubscribe_again(&mut self, host: &mut dyn Host) {
        let unknown = self.kept.exchanges.ended.iter().filter(|(_, is_known)| !**is_known);
        for index in unknown.map(|(index, _)| *index).collect::<Vec<_>>() {
            self.say_unsubscribe(index, host);
        }
    }

    fn filter(&self, index: usize) -> Option<TopicFilter> {
        let subscription = self.common.config.subscriptions.get(index)?;
        Text::new(&subscription.filter).and_then(TopicFilter::new).ok()
    }

    fn say_unsubscribe(&mut self, index: usize, host: &mut dyn Host) {
        let Some(filter) = self.filter(index) else { return };
        let link = self.connection.as_mut().filter(|open| !open.is_closing).and_then(|open| open.link.as_mut());
        // SUBSCRIBEs have 0.
        let Some(id) = link.and_then(|link| self.kept.session.request(link, index as u64 + 1)) else { return };
        let unsubscribe = Unsubscribe { id, properties: Properties::new(), filters: vec![filter] };
        self.push(&Packet::Unsubscribe(unsubscribe), host);
    }

    pub(super) fn on_unsuback(&mut self, unsuback: &Unsuback, host: &mut dyn Host) {
        let link = self.connection.as_mut().and_then(|connection| connection.link.as_mut());
        let Some(link) = link else { return };
        let Some(token) = self.kept.session.on_answer(link, unsuback.id) else { return };
        // The answers to SUBSCRIBEs may have come before.
        self.kept.is_subscribed = link.requests() == 0;
        let is_refused = unsuback.reasons.iter().any(|reason| reason.is_failure());
        self.counts.rare.unsubscribed += u64::from(!is_refused);
        if let Some(index) = token.checked_sub(1).filter(|_| !is_refused) {
            self.kept.exchanges.ended.insert(index as usize, true);
            self.observe_unsubscribed(index as usize, true, host);
        }
    }
}
