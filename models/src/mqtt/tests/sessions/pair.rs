//! Two ends with a stream between them that may be cut between any two bytes, and what each level promises across that.

use super::*;
use crate::mqtt::session::Method;
use crate::mqtt::wire::{Connect, Decoder, Properties, ReasonCode};
use proptest::prelude::*;

/// One end: a session, and what reads and writes while there is a connection.
struct End {
    session: Session,
    link: Link,
    decoder: Decoder,
    limits: Limits,
    options: LinkOptions,
    /// What was delivered to its owner: QoS and payload.
    delivered: Vec<(QoS, u64)>,
    /// What the peer has taken over, by the owner's names.
    done: Vec<u64>,
    /// On its way to the other end.
    stream: Rope,
    packets: usize,
}

impl End {
    fn new(options: LinkOptions, limits: Limits) -> Self {
        let session = Session::new();
        let link = Link::new(&session, options);
        let decoder = Decoder::of_client(options.version);
        let (delivered, done, stream) = (vec![], vec![], Rope::new());
        Self { session, link, decoder, limits, options, delivered, done, stream, packets: 0 }
    }

    /// A new connection; the end that reads a client's packets has seen its CONNECT.
    fn connect(&mut self, is_server: bool) {
        self.link = Link::new(&self.session, self.options);
        self.stream = Rope::new();
        self.decoder = Decoder::of_client(self.options.version);
        if is_server {
            self.decoder = Decoder::of_server();
            let connect = Connect {
                version: self.options.version,
                clean_start: false,
                keep_alive: 0,
                client_id: text("c"),
                will: None,
                user_name: None,
                password: None,
                properties: Properties::new(),
            };
            self.decoder.push(&Packet::Connect(Box::new(connect)).encode(self.options.version).unwrap());
            assert!(self.decoder.next_packet().unwrap().is_some());
        }
    }

    fn publish(&mut self, qos: QoS, token: u64) {
        let offered = self.session.publish(Some(&mut self.link), &self.limits, message(qos, token));
        assert_eq!(offered, Offered::Taken(vec![]));
    }

    /// Writes at most so many packets.
    fn write(&mut self, most: usize) {
        for _ in 0..most {
            let Some(out) = self.session.next(&mut self.link, &self.limits, at(0)) else { return };
            let Outgoing::Packet(packet) = out else { panic!("{out:?}") };
            self.stream.append(&packet.encode(self.options.version).unwrap());
            self.packets += 1;
        }
    }

    fn read(&mut self, bytes: &Rope) {
        self.decoder.push(bytes);
        while let Some(packet) = self.decoder.next_packet().unwrap() {
            self.on_packet(packet);
        }
    }

    fn on_packet(&mut self, packet: Packet) {
        let Self { session, link, limits, .. } = self;
        let done = match packet {
            Packet::Publish(publish) => {
                let (qos, arrival) =
                    (publish.delivery.qos(), session.on_publish(link, limits, publish, at(0)).unwrap());
                match arrival {
                    Arrival::AtMostOnce(message) => self.deliver(&message),
                    Arrival::Deliver(message) => {
                        assert!(session.answer(link, ReasonCode::Success));
                        assert_eq!(message.qos, qos);
                        self.deliver(&message);
                    }
                    Arrival::Hold(_) | Arrival::Repeated => assert!(session.answer(link, ReasonCode::Success)),
                }
                None
            }
            Packet::Puback(Ack { id, reason, .. }) => session.on_puback(link, id, reason).unwrap(),
            Packet::Pubrec(Ack { id, reason, .. }) => session.on_pubrec(link, id, reason).unwrap(),
            Packet::Pubcomp(Ack { id, reason, .. }) => session.on_pubcomp(link, id, reason).unwrap(),
            Packet::Pubrel(Ack { id, .. }) => {
                if let Some(message) = session.on_pubrel(link, id) {
                    self.deliver(&message);
                }
                None
            }
            other => panic!("{other:?}"),
        };
        self.done.extend(done.map(|done| done.token));
    }

    fn deliver(&mut self, message: &Message) {
        let payload = String::from_utf8(message.content.payload.to_bytes().to_vec()).unwrap();
        self.delivered.push((message.qos, payload.parse().unwrap()));
    }

    fn is_at_rest(&self) -> bool {
        let session = &self.session;
        session.in_flight() + session.releases() + session.queued() + session.received() == 0
    }
}

/// A client and a server.
struct Pair([End; 2]);

impl Pair {
    fn new(options: LinkOptions, limits: &Limits) -> Self {
        let mut pair = Self([End::new(options, limits.clone()), End::new(options, limits.clone())]);
        pair.connect();
        pair
    }

    fn connect(&mut self) {
        self.0[0].connect(false);
        self.0[1].connect(true);
    }

    /// Moves at most so many bytes from one end to the other.
    fn carry(&mut self, from: usize, most: u64) -> u64 {
        let part = self.0[from].stream.slice(0, most);
        self.0[from].stream = self.0[from].stream.slice(part.len(), u64::MAX);
        self.0[1 - from].read(&part);
        part.len()
    }

    /// Until nothing moves any more.
    fn settle(&mut self) {
        loop {
            self.0.iter_mut().for_each(|end| end.write(usize::MAX));
            if self.carry(0, u64::MAX) + self.carry(1, u64::MAX) == 0 {
                return;
            }
        }
    }
}

fn method_and_version() -> impl Strategy<Value = (Method, Version)> {
    prop::sample::select(vec![(Method::A, V311), (Method::A, V5), (Method::B, V311), (Method::B, V5)])
}

/// The sheet's checks 4 and 2: packets for a message on one hop; the sender of QoS 1 is done with the first answer, that of QoS 2 with the
/// second.
#[test]
fn packets_for_a_message() {
    for (qos, packets) in [(QoS::AtMostOnce, 1), (QoS::AtLeastOnce, 2), (QoS::ExactlyOnce, 4)] {
        let mut pair = Pair::new(LinkOptions::new(V5), &Limits::default());
        pair.0[0].publish(qos, 7);
        pair.settle();
        assert_eq!(pair.0[0].packets + pair.0[1].packets, packets);
        assert_eq!((pair.0[1].delivered.clone(), pair.0[0].done.len()), (vec![(qos, 7)], (packets > 1).into()));
    }
}

/// The sheet's checks 9 and 10: a cut behind each of the bytes of an exchange, with all that is under way lost, is made good by the next
/// connection. QoS 2 delivers once; QoS 1 twice exactly where the cut lies between delivery and the end of PUBACK.
#[test]
fn a_cut_behind_each_byte() {
    for (method, version) in [(Method::A, V311), (Method::A, V5), (Method::B, V311), (Method::B, V5)] {
        let limits = Limits { method, ..Limits::default() };
        // PUBLISH of topic `a/b` and one byte: 2 + 5 + 2 + 1, with properties one more; each answer has four.
        let publish = if version == V5 { 11 } else { 10 };
        for (qos, answers) in [(QoS::AtLeastOnce, 1), (QoS::ExactlyOnce, 3)] {
            for cut in 0..=publish + 4 * answers {
                let mut pair = Pair::new(LinkOptions::new(version), &limits);
                pair.0[0].publish(qos, 7);
                let (mut left, mut from) = (cut, 0);
                for len in std::iter::once(publish).chain((0..answers).map(|_| 4)) {
                    pair.0[from].write(1);
                    left -= pair.carry(from, left.min(len));
                    from = 1 - from;
                }
                assert_eq!(left, 0);
                pair.connect();
                pair.settle();
                let twice = qos == QoS::AtLeastOnce && (publish..publish + 4).contains(&cut);
                let expected = vec![(qos, 7); 1 + usize::from(twice)];
                assert_eq!(pair.0[1].delivered, expected, "{qos:?} {method:?} {version} {cut}");
                assert_eq!(pair.0[0].done, [7]);
                assert!(pair.0.iter().all(End::is_at_rest));
            }
        }
    }
}

/// What happens next.
#[derive(Clone, Debug)]
enum Step {
    Publish(usize, QoS),
    Write(usize, usize),
    Carry(usize, u64),
    /// The connection ends, or an end crashes that has kept its session: what is under way is lost.
    Cut,
}

fn any_step() -> impl Strategy<Value = Step> {
    let end = 0_usize..2;
    let qos = prop::sample::select(vec![QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce]);
    prop_oneof![
        3 => (end.clone(), qos).prop_map(|(end, qos)| Step::Publish(end, qos)),
        4 => (end.clone(), 1_usize..4).prop_map(|(end, most)| Step::Write(end, most)),
        5 => (end, 1_u64..40).prop_map(|(end, most)| Step::Carry(end, most)),
        1 => Just(Step::Cut),
    ]
}

/// The first time that each of them came.
fn firsts(tokens: &[u64]) -> Vec<u64> {
    let mut seen = std::collections::BTreeSet::new();
    tokens.iter().copied().filter(|token| seen.insert(*token)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Both ends publish, over connections that are cut anywhere. QoS 0: at most once, in order. QoS 1: at least once, in order of the first
    /// copies. QoS 2: once, in order. Every message of QoS 1 and 2 is done, once. In the end both ends are at rest.
    #[test]
    fn what_each_level_promises(
        steps in prop::collection::vec(any_step(), 0..150),
        (method, version) in method_and_version(),
        window in 1_u16..5,
    ) {
        let options = LinkOptions { send_maximum: window, receive_maximum: window, ..LinkOptions::new(version) };
        let mut pair = Pair::new(options, &Limits { method, max_in_flight: window, ..Limits::default() });
        let mut published: [Vec<(QoS, u64)>; 2] = Default::default();
        for (token, step) in (0..).zip(steps) {
            match step {
                Step::Publish(end, qos) => {
                    pair.0[end].publish(qos, token);
                    published[end].push((qos, token));
                }
                Step::Write(end, most) => pair.0[end].write(most),
                Step::Carry(end, most) => {
                    pair.carry(end, most);
                }
                Step::Cut => pair.connect(),
            }
        }
        pair.connect();
        pair.settle();
        for (end, published) in published.iter().enumerate() {
            let of = |list: &[(QoS, u64)], qos| -> Vec<u64> {
                list.iter().filter(|(other, _)| *other == qos).map(|(_, token)| *token).collect()
            };
            let delivered = |qos| of(&pair.0[1 - end].delivered, qos);
            let twice = delivered(QoS::ExactlyOnce);
            prop_assert_eq!(&twice, &of(published, QoS::ExactlyOnce));
            prop_assert_eq!(firsts(&delivered(QoS::AtLeastOnce)), of(published, QoS::AtLeastOnce));
            let (some, all) = (delivered(QoS::AtMostOnce), of(published, QoS::AtMostOnce));
            prop_assert!(some.iter().all(|token| all.contains(token)) && some.is_sorted());
            prop_assert_eq!(firsts(&some).len(), some.len());
            let mut done = pair.0[end].done.clone();
            done.sort_unstable();
            let kept = published.iter().filter(|(qos, _)| *qos != QoS::AtMostOnce);
            prop_assert_eq!(done, kept.map(|(_, token)| *token).collect::<Vec<_>>());
            prop_assert!(pair.0[end].is_at_rest());
        }
    }
}
