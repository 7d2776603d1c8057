//! Rules that name what is dropped, and what they have counted so far.

use super::{DropRule, Each, StreamPart, Which};
use crate::meaning::{Meaning, meaning};
use crate::packet::{Packet, TcpFlags, Transport};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Range;

/// What the rules of a link have counted, and what the last packet changed of that.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules {
    /// In the order of the rules.
    counts: Vec<Count>,
    /// One for each way of each connection, if a rule asks for parts of streams.
    streams: BTreeMap<Way, Stream>,
    /// The stream of the last packet, and what it was before.
    before: Option<(Way, Option<Stream>)>,
}

/// From one end of a connection to the other.
type Way = (SocketAddr, SocketAddr);

/// Tells where in its stream a sequence number is.
#[derive(Clone, Copy, Debug)]
struct Stream {
    /// Sequence number of the first byte.
    start: u32,
    /// One of the latest sequence numbers, and where in the stream it is: sequence numbers start anew after 4 GiB.
    latest: (u32, u64),
}

/// What one rule has counted.
#[derive(Clone, Debug, Default)]
struct Count {
    /// Exchanges, with their places in the order in which they were first seen.
    exchanges: BTreeMap<u64, u64>,
    /// Messages, likewise.
    messages: BTreeMap<MessageKey, u64>,
    /// How many packets counted, for each exchange or message; one count if not each counts alone.
    counts: BTreeMap<MessageKey, u64>,
    /// What the last packet brought.
    last: Last,
}

/// Exchange and message.
type MessageKey = (u64, u64);

/// What a packet has changed of a count, to be taken back.
#[derive(Clone, Copy, Debug, Default)]
struct Last {
    new_exchange: Option<u64>,
    new_message: Option<MessageKey>,
    counted: Option<MessageKey>,
}

impl Rules {
    pub(super) fn new(rules: &[DropRule]) -> Self {
        Self { counts: vec![Count::default(); rules.len()], ..Self::default() }
    }

    /// True if one of the rules drops this packet. All of them count it.
    pub(super) fn covers(&mut self, packet: &Packet, rules: &[DropRule]) -> bool {
        if rules.is_empty() {
            return false;
        }
        let meaning = meaning(packet);
        self.before = None;
        let data = match rules.iter().any(|rule| rule.bytes.is_some()) {
            true => self.place_in_stream(packet),
            false => None,
        };
        // Not `any`: a rule that comes later counts too.
        let all = self.counts.iter_mut().zip(rules);
        all.fold(false, |covered, (count, rule)| covered | count.covers(&meaning, data.as_ref(), rule))
    }

    /// As if the last packet had not come.
    pub(super) fn undo(&mut self) {
        if let Some((way, before)) = self.before.take() {
            match before {
                Some(stream) => self.streams.insert(way, stream),
                None => self.streams.remove(&way),
            };
        }
        self.counts.iter_mut().for_each(Count::undo);
    }

    /// Which bytes of its stream a segment carries, if it carries any. A SYN says where the stream begins.
    fn place_in_stream(&mut self, packet: &Packet) -> Option<Range<u64>> {
        let Transport::Tcp(header) = &packet.transport else { return None };
        let way = (packet.source_socket()?, packet.destination_socket()?);
        let (is_syn, len) = (header.flags.has(TcpFlags::SYN), packet.payload.len());
        if !is_syn && len == 0 {
            return None;
        }
        // The SYN takes a sequence number itself (RFC 9293 §3.4).
        let first = if is_syn { header.sequence.wrapping_add(1) } else { header.sequence };
        let known = self.streams.get(&way).copied();
        self.before = Some((way, known));
        // A SYN with another number is a new connection between the same ports.
        let mut stream = known
            .filter(|stream| !is_syn || stream.start == first)
            .unwrap_or(Stream { start: first, latest: (first, 0) });
        let at = stream.place(first);
        self.streams.insert(way, stream);
        (len > 0).then(|| at..at.saturating_add(len))
    }
}

impl Stream {
    /// Where in the stream the byte with this sequence number is; what precedes the stream counts as its start.
    fn place(&mut self, sequence: u32) -> u64 {
        let (latest, at) = self.latest;
        // RFC 9293 §3.4: compared modulo 2^32, within half of which all that is in flight lies.
        let ahead = i64::from(sequence.wrapping_sub(latest) as i32);
        let place = at.saturating_add_signed(ahead);
        if ahead > 0 {
            self.latest = (sequence, place);
        }
        place
    }
}

impl StreamPart {
    /// True if one of these bytes is in it.
    fn has_any(&self, data: &Range<u64>) -> bool {
        data.end > self.from.as_bytes() && self.to.is_none_or(|to| data.start < to.as_bytes())
    }
}

impl Count {
    /// `data` are the bytes of its stream that the packet carries.
    fn covers(&mut self, meaning: &Meaning, data: Option<&Range<u64>>, rule: &DropRule) -> bool {
        self.last = Last::default();
        if rule.of.as_ref().is_some_and(|of| !meaning.is_a(of)) {
            return false;
        }
        if rule.bytes.is_some_and(|part| !data.is_some_and(|data| part.has_any(data))) {
            return false;
        }
        let (exchange, message) = (meaning.exchange, (meaning.exchange, meaning.message));
        if let Some(wanted) = rule.exchange
            && place(&mut self.exchanges, exchange, &mut self.last.new_exchange) != wanted
        {
            return false;
        }
        if let Some(wanted) = rule.message
            && place(&mut self.messages, message, &mut self.last.new_message) != wanted
        {
            return false;
        }
        let key = match rule.each {
            None => (0, 0),
            Some(Each::Exchange) => (exchange, 0),
            Some(Each::Message) => message,
        };
        let count = self.counts.entry(key).or_insert(0);
        *count += 1;
        self.last.counted = Some(key);
        let number = *count;
        match &rule.which {
            Which::Nth(k) => number == *k,
            Which::List(all) => all.contains(&number),
            Which::Every(k) => *k > 0 && number.is_multiple_of(*k),
            Which::First(n) => number <= *n,
            Which::From(k) => number >= *k,
            Which::Run { from, to } => (*from..=*to).contains(&number),
        }
    }

    /// As if the last packet had not come. A count of zero stays: it is the same as none.
    fn undo(&mut self) {
        let Last { new_exchange, new_message, counted } = std::mem::take(&mut self.last);
        if let Some(exchange) = new_exchange {
            self.exchanges.remove(&exchange);
        }
        if let Some(message) = new_message {
            self.messages.remove(&message);
        }
        if let Some(count) = counted.and_then(|key| self.counts.get_mut(&key)) {
            *count -= 1;
        }
    }
}

/// The place of `item` among those seen, counted from 1; it is seen now, and `new` says so if it was not before.
fn place<T: Copy + Ord>(seen: &mut BTreeMap<T, u64>, item: T, new: &mut Option<T>) -> u64 {
    let next = seen.len() as u64 + 1;
    *seen.entry(item).or_insert_with(|| {
        *new = Some(item);
        next
    })
}
