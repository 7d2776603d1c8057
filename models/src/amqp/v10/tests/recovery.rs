//! A connection that is cut at every boundary of frames, and what each mode of settlement promises across that.

use crate::amqp::v10::connection::{Connection, ConnectionConfig, ConnectionEvent};
use crate::amqp::v10::link::{Credit, LinkEnd, Outgoing, ReceiverState, SenderState, Terms};
use crate::amqp::v10::session::{AttachOptions, Session, SessionConfig, SessionEvent};
use crate::amqp::v10::wire::{
    Decoder, DeliveryState, Item, Performative, ReceiverSettleMode, Role, SenderSettleMode, Source, Target,
};
use crate::rope::Rope;
use protosim_core::LocalTime;
use std::collections::VecDeque;

const NOW: LocalTime = LocalTime::ZERO;
/// Three frames of at most 512 bytes.
const LEN: u64 = 1200;

fn payload(token: u64) -> Rope {
    Rope::fill(token as u32, 0, LEN)
}

/// One side, whose link outlives its connections.
pub(super) struct Side {
    pub(super) connection: Connection,
    decoder: Decoder,
    is_server: bool,
    pub(super) end: Option<LinkEnd>,
    pub(super) delivered: Vec<u64>,
    pub(super) done: Vec<u64>,
    pub(super) events: Vec<SessionEvent>,
}

fn connection(is_server: bool) -> Connection {
    let config = ConnectionConfig { max_frame_size: 512, ..ConnectionConfig::new("c") };
    if is_server { Connection::server(config, NOW) } else { Connection::client(config, NOW) }
}

impl Side {
    fn new(is_server: bool, end: LinkEnd) -> Self {
        Self {
            connection: connection(is_server),
            decoder: Decoder::new(512),
            is_server,
            end: Some(end),
            delivered: vec![],
            done: vec![],
            events: vec![],
        }
    }

    /// The stream is gone, and there is another one.
    fn reconnect(&mut self) {
        let old = std::mem::replace(&mut self.connection, connection(self.is_server));
        self.decoder = Decoder::new(512);
        self.end = self.end.take().or(old.into_ends().pop());
        assert!(self.end.is_some(), "a link outlives its connection");
    }

    fn read(&mut self, bytes: &Rope) {
        self.decoder.push(bytes);
        while let Some(item) = self.decoder.next_item().unwrap() {
            self.connection.on_item(item, NOW);
            self.act();
        }
    }

    /// Does what an owner does.
    fn act(&mut self) {
        let mut channels = VecDeque::new();
        while let Some(event) = self.connection.event() {
            match event {
                ConnectionEvent::Opened(_) if !self.is_server => {
                    let channel = self.connection.begin().unwrap();
                    let end = self.end.take().unwrap();
                    self.connection.session(channel).unwrap().attach(end, AttachOptions::default()).unwrap();
                }
                ConnectionEvent::Session(channel) => channels.push_back(channel),
                ConnectionEvent::Opened(_) | ConnectionEvent::Begun(_) => {}
                other => panic!("{other:?}"),
            }
        }
        for channel in channels {
            let session = self.connection.session(channel).unwrap();
            while let Some(event) = session.event() {
                self.events.push(event.clone());
                match event {
                    SessionEvent::Attach { remote, .. } => {
                        let options = AttachOptions { credit: Credit::Window(5), ..AttachOptions::default() };
                        session.accept(remote, self.end.take().unwrap(), options).unwrap();
                    }
                    SessionEvent::Message { handle, tag, payload: came, settled, .. } => {
                        let token = (1..9).find(|token| came == payload(*token)).expect("a whole message");
                        self.delivered.push(token);
                        assert_eq!(session.settle(handle, &tag, DeliveryState::Accepted), Ok(!settled));
                    }
                    SessionEvent::Done { token, .. } => self.done.push(token),
                    _ => {}
                }
            }
        }
    }

    fn next(&mut self) -> Option<Item> {
        let item = self.connection.next(NOW);
        self.act();
        item
    }
}

/// A client that sends, and a server that receives.
pub(super) struct Pair(pub(super) [Side; 2]);

impl Pair {
    pub(super) fn new(snd: SenderSettleMode, rcv: ReceiverSettleMode, tokens: &[u64]) -> Self {
        let terms = Terms::new("l", Source::new("s"), Target::new("q")).with_modes(snd, rcv);
        let mut sender = SenderState::new(terms.clone());
        for token in tokens {
            sender.send(Outgoing { token: *token, message_format: 0, payload: payload(*token), settled: false });
        }
        let receiver = LinkEnd::Receiver(ReceiverState::new(terms));
        Self([Side::new(false, LinkEnd::Sender(sender)), Side::new(true, receiver)])
    }

    /// Moves frames by turns until nothing moves, or `most` have arrived; the next one is then lost. How many have arrived.
    pub(super) fn run(&mut self, most: usize) -> usize {
        let mut arrived = 0;
        loop {
            let mut moved = false;
            for from in 0..2 {
                let Some(item) = self.0[from].next() else { continue };
                if arrived == most {
                    return arrived;
                }
                self.0[1 - from].read(&item.encode());
                arrived += 1;
                moved = true;
            }
            if !moved {
                return arrived;
            }
        }
    }

    pub(super) fn reconnect(&mut self) {
        self.0.iter_mut().for_each(Side::reconnect);
    }

    fn unsettled(self) -> (usize, usize) {
        let mut counts = (0, 0);
        for side in self.0 {
            match side.end.or(side.connection.into_ends().pop()) {
                Some(LinkEnd::Sender(state)) => counts.0 = state.unsettled() + state.queued(),
                Some(LinkEnd::Receiver(state)) => counts.1 = state.unsettled(),
                None => panic!("no end"),
            }
        }
        counts
    }
}

/// How often each of two messages has arrived, and what the sender holds for done, with a cut at each boundary, and a second one some frames
/// later.
fn outcomes(snd: SenderSettleMode, rcv: ReceiverSettleMode) -> Vec<([usize; 2], Vec<u64>)> {
    let all = Pair::new(snd, rcv, &[1, 2]).run(usize::MAX);
    assert!(all > 12, "headers, open, begin, attach, flow, six transfers: {all}");
    let mut outcomes = vec![];
    for first in 0..=all {
        for second in [usize::MAX, 9, 10, 11, 12, 13, 14, 15, 16] {
            let mut pair = Pair::new(snd, rcv, &[1, 2]);
            pair.run(first);
            pair.reconnect();
            pair.run(second);
            pair.reconnect();
            pair.run(usize::MAX);
            let count = |token| pair.0[1].delivered.iter().filter(|delivered| **delivered == token).count();
            let (counts, mut done) = ([count(1), count(2)], pair.0[0].done.clone());
            done.sort_unstable();
            assert_eq!(pair.unsettled(), (0, 0), "cut after {first} and {second}: nothing is left");
            outcomes.push((counts, done));
        }
    }
    outcomes
}

/// Settled when sent: each arrives once or not at all, and the latter happens; the sender thinks that all is done.
#[test]
fn a_settled_delivery_arrives_at_most_once() {
    let outcomes = outcomes(SenderSettleMode::Settled, ReceiverSettleMode::First);
    assert!(outcomes.iter().all(|(counts, done)| counts.iter().all(|count| *count <= 1) && *done == [1, 2]));
    assert!(outcomes.iter().any(|(counts, _)| counts.contains(&0)), "some are lost");
    assert!(outcomes.iter().any(|(counts, _)| *counts == [1, 1]));
}

/// Unsettled, the receiver settles first: each arrives once or more often, and the latter happens: where its disposition is lost.
#[test]
fn a_delivery_that_the_receiver_settles_first_arrives_at_least_once() {
    let outcomes = outcomes(SenderSettleMode::Unsettled, ReceiverSettleMode::First);
    assert!(outcomes.iter().all(|(counts, done)| counts.iter().all(|count| *count >= 1) && *done == [1, 2]));
    assert!(outcomes.iter().any(|(counts, _)| counts.iter().any(|count| *count > 1)), "some arrive twice");
}

/// Unsettled, the receiver settles second: with both maps, each arrives once (§2.6.13).
#[test]
fn a_delivery_that_the_receiver_settles_second_arrives_exactly_once() {
    for (counts, done) in outcomes(SenderSettleMode::Unsettled, ReceiverSettleMode::Second) {
        assert_eq!((counts, done), ([1, 1], vec![1, 2]));
    }
}

/// The same, where the receiver's owner answers only while there is no connection: the outcome goes with the map, no message again.
#[test]
fn an_outcome_between_two_connections_is_in_the_map() {
    let terms = Terms::new("l", Source::new("s"), Target::new("q"))
        .with_modes(SenderSettleMode::Unsettled, ReceiverSettleMode::Second);
    let mut sender = SenderState::new(terms.clone());
    sender.send(Outgoing { token: 1, message_format: 0, payload: payload(1), settled: false });
    let mut receiver = ReceiverState::new(terms);
    let mut sessions = two_sessions();
    let ends = [LinkEnd::Sender(sender.clone()), LinkEnd::Receiver(receiver.clone())];
    let events = attach_and_run(&mut sessions, ends);
    let SessionEvent::Message { tag, .. } = &events[1][1] else { panic!("{events:?}") };
    for end in sessions.map(|session| session.into_ends().pop().unwrap()) {
        match end {
            LinkEnd::Sender(state) => sender = state,
            LinkEnd::Receiver(state) => receiver = state,
        }
    }
    assert!(receiver.answer(tag, DeliveryState::Released));
    assert!(!receiver.answer(tag, DeliveryState::Accepted), "an outcome is final");
    let mut sessions = two_sessions();
    let events = attach_and_run(&mut sessions, [LinkEnd::Sender(sender), LinkEnd::Receiver(receiver)]);
    let done = SessionEvent::Done { handle: 0, token: 1, state: Some(DeliveryState::Released) };
    assert!(events[0].contains(&done));
    let settled = SessionEvent::Settled { handle: 0, tag: tag.clone(), state: Some(DeliveryState::Released) };
    assert!(events[1].contains(&settled));
    assert!(!events[1].iter().any(|event| matches!(event, SessionEvent::Message { .. })));
}

/// A map that has no room in a frame is sent in parts (§2.7.3): 200 tags in frames of 512 bytes.
#[test]
fn a_large_map_takes_several_attaches() {
    let terms = Terms::new("l", Source::new("s"), Target::new("q"))
        .with_modes(SenderSettleMode::Unsettled, ReceiverSettleMode::Second);
    let mut sender = SenderState::new(terms.clone());
    for token in 0..200 {
        sender.send(Outgoing { token, message_format: 0, payload: payload(1), settled: false });
    }
    let (mut sender, mut receiver) = (LinkEnd::Sender(sender), LinkEnd::Receiver(ReceiverState::new(terms)));
    let (mut messages, mut done, mut rounds) = (0, vec![], 0);
    while done.len() < 200 {
        let mut sessions = two_sessions();
        let events = attach_and_run(&mut sessions, [sender, receiver]);
        messages += events[1].iter().filter(|event| matches!(event, SessionEvent::Message { .. })).count();
        done.extend(events[0].iter().filter_map(|event| match event {
            SessionEvent::Done { token, .. } => Some(*token),
            _ => None,
        }));
        let detached = |events: &Vec<SessionEvent>| {
            events.iter().find_map(|event| match event {
                SessionEvent::Detached { end, .. } => Some((**end).clone()),
                _ => None,
            })
        };
        let [ours, theirs] = sessions.map(|session| session.into_ends().pop());
        sender = detached(&events[0]).or(ours).unwrap();
        receiver = detached(&events[1]).or(theirs).unwrap();
        // While there is no session, all that has come gets its outcome.
        if let LinkEnd::Receiver(state) = &mut receiver {
            for (tag, _) in state.map().iter() {
                state.answer(tag, DeliveryState::Accepted);
            }
        }
        rounds += 1;
        assert!(rounds < 60, "{} done", done.len());
    }
    done.sort_unstable();
    assert_eq!(done, (0..200).collect::<Vec<_>>());
    assert_eq!(messages, 200, "each once");
    assert!(rounds > 2);
}

/// Two ends of a session, with frames of at most 512 bytes.
fn two_sessions() -> [Session; 2] {
    let config = SessionConfig::default();
    let mut first = Session::initiate(&config, 512);
    let Some((Performative::Begin(begin), _)) = first.next_performative() else { panic!("no begin") };
    let mut second = Session::answer(&config, 512, &begin, 0);
    let (answer, payload) = second.next_performative().unwrap();
    first.on_performative(answer, &payload).unwrap();
    assert_eq!(first.event(), Some(SessionEvent::Begun));
    [first, second]
}

/// The first attaches, the second accepts and gives credit for all; nobody answers. What has happened at both.
fn attach_and_run(sessions: &mut [Session; 2], [first, second]: [LinkEnd; 2]) -> [Vec<SessionEvent>; 2] {
    let mut second = Some(second);
    sessions[0].attach(first, AttachOptions::default()).unwrap();
    let mut events = [vec![], vec![]];
    loop {
        let mut moved = false;
        for from in 0..2 {
            while let Some((performative, payload)) = sessions[from].next_performative() {
                moved = true;
                sessions[1 - from].on_performative(performative, &payload).unwrap();
                while let Some(event) = sessions[1 - from].event() {
                    if let SessionEvent::Attach { remote, attach } = &event {
                        assert_eq!(attach.role, Role::Sender);
                        let handle =
                            sessions[1].accept(*remote, second.take().unwrap(), AttachOptions::default()).unwrap();
                        sessions[1].give_credit(handle, 1000, false).unwrap();
                    }
                    events[1 - from].push(event);
                }
            }
            while let Some(event) = sessions[from].event() {
                events[from].push(event);
            }
        }
        if !moved {
            return events;
        }
    }
}
