//! Diagrams of hand-made packets. `PROTOSIM_SHOW=FOLDER` writes their pictures there.

use super::*;
use crate::figure::scene::{Item, Scene};
use crate::figure::{Figure, text_width};
use protosim_core::{SimTime, Span};
use protosim_models::coap::wire::{Code, Message, MessageId, Options, Token, Type};
use protosim_models::packet::{Packet, SackBlock, TcpFlags, TcpHeader, TcpOptions, Transport};
use protosim_models::rope::Rope;
use std::net::SocketAddr;

const A: &str = "10.0.0.1:49152";
const B: &str = "10.0.0.2:80";
/// Initial sequence numbers of the two; the first one wraps within the first segments.
const ISN: (u32, u32) = (0xffff_fff0, 7000);

fn socket(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn at(micros: u64) -> SimTime {
    SimTime::ZERO + Span::from_nanos(micros * 1000)
}

/// A packet at a link end, by its number.
struct Seen {
    at: SimTime,
    channel: usize,
    end: End,
    node: usize,
    other: usize,
    number: usize,
    dropped: Option<&'static str>,
    has_left: bool,
}

/// Packets between two or three nodes in a row, as their link ends see them.
#[derive(Default)]
struct Wire {
    packets: Vec<Packet>,
    seen: Vec<Seen>,
}

impl Wire {
    /// Sends over one hop; `delay` is `None` for a loss on the way.
    fn hop(&mut self, (from, to): (usize, usize), depart: SimTime, delay: Option<u64>, number: usize) {
        let dropped = delay.is_none().then_some("lost on the link");
        let channel = from * 10 + to;
        let has_left = true;
        self.seen.push(Seen {
            at: depart,
            channel,
            end: End::Sender,
            node: from,
            other: to,
            number,
            dropped,
            has_left,
        });
        if let Some(delay) = delay {
            let at = depart + Span::from_nanos(delay * 1000);
            let dropped = None;
            self.seen.push(Seen { at, channel, end: End::Receiver, node: to, other: from, number, dropped, has_left });
        }
    }

    fn add(&mut self, mut packet: Packet) -> usize {
        packet.provenance.packet_id = self.packets.len() as u64 + 1;
        self.packets.push(packet);
        self.packets.len() - 1
    }

    fn send(&mut self, from: usize, depart: SimTime, delay: Option<u64>, packet: Packet) {
        let number = self.add(packet);
        self.hop((from, 1 - from), depart, delay, number);
    }

    fn sightings(&self) -> Vec<Sighting<'_>> {
        let of = |seen: &Seen| Sighting {
            at: seen.at,
            channel: seen.channel,
            end: seen.end,
            node: Some(seen.node),
            other: Some(seen.other),
            goal: None,
            packet: &self.packets[seen.number],
            dropped: seen.dropped,
            has_left: seen.has_left,
        };
        self.seen.iter().map(of).collect()
    }

    fn arrows(&self) -> Vec<Arrow> {
        let hops = Hops::of(&self.sightings(), SimTime::ZERO, SimTime::MAX);
        hops.arrows(|_| true, |node| format!("n{node}"))
    }

    /// What passes the link end of node 0.
    fn passing(&self) -> Vec<Passing<'_>> {
        let mut all: Vec<Passing<'_>> = self
            .seen
            .iter()
            .filter(|seen| seen.node == 0)
            .map(|seen| Passing {
                at: seen.at,
                leaves: seen.end == End::Sender,
                packet: &self.packets[seen.number],
                is_lost: seen.dropped.is_some(),
            })
            .collect();
        all.sort_by_key(|seen| seen.at);
        all
    }
}

/// A segment of A (0) or B (1), with offsets counted from the SYN.
fn tcp(from: usize, flags: TcpFlags, offset: u32, ack: u32, len: u64, options: Option<TcpOptions>) -> Packet {
    let (source, destination) = if from == 0 { (socket(A), socket(B)) } else { (socket(B), socket(A)) };
    let (own, other) = if from == 0 { ISN } else { (ISN.1, ISN.0) };
    let header = TcpHeader {
        source_port: source.port(),
        destination_port: destination.port(),
        sequence: own.wrapping_add(offset),
        acknowledgment: if flags.has(TcpFlags::ACK) { other.wrapping_add(ack) } else { 0 },
        flags,
        window: 1000,
        urgent: 0,
        timestamps: None,
        options: options.map(Box::new),
    };
    let payload = Rope::from(vec![0_u8; len as usize]);
    Packet {
        ip: protosim_models::packet::IpHeader::new(source.ip(), destination.ip()).unwrap(),
        transport: Transport::Tcp(header),
        payload,
        provenance: Default::default(),
        lost: None,
    }
}

fn syn_options() -> Option<TcpOptions> {
    Some(TcpOptions { mss: Some(1460), window_scale: Some(3), sack_permitted: true, ..TcpOptions::default() })
}

const ACK: TcpFlags = TcpFlags::ACK;
const SYN: TcpFlags = TcpFlags::SYN;

/// Three segments that open a connection, 50 ms each way.
fn handshake(wire: &mut Wire, start: u64) {
    wire.send(0, at(start), Some(50_000), tcp(0, SYN, 0, 0, 0, syn_options()));
    wire.send(1, at(start + 50_100), Some(50_000), tcp(1, SYN.with(ACK), 0, 1, 0, syn_options()));
    wire.send(0, at(start + 100_200), Some(50_000), tcp(0, ACK, 1, 1, 0, None));
}

/// Ten segments of 1000 bytes back to back, the third one lost; selective acknowledgements of those behind it; a retransmission.
fn ten_with_a_loss() -> Wire {
    let mut wire = Wire::default();
    handshake(&mut wire, 0);
    let start = 110_000;
    let offset = |k: u64| 1 + 1000 * k as u32;
    for k in 0..10_u64 {
        let delay = (k != 2).then_some(50_000);
        wire.send(0, at(start + 1200 * k), delay, tcp(0, ACK, offset(k), 1, 1000, None));
    }
    for k in 0..10_u64 {
        if k == 2 {
            continue;
        }
        let ack = if k < 2 { offset(k + 1) } else { offset(2) };
        let block = SackBlock { left: ISN.0.wrapping_add(offset(3)), right: ISN.0.wrapping_add(offset(k + 1)) };
        let options = (k > 2).then(|| TcpOptions { sack: vec![block], ..TcpOptions::default() });
        wire.send(1, at(start + 50_050 + 1200 * k), Some(50_000), tcp(1, ACK, 1, ack, 0, options));
    }
    let again = start + 50_050 + 1200 * 5 + 50_100;
    wire.send(0, at(again), Some(50_000), tcp(0, ACK, offset(2), 1, 1000, None));
    wire.send(1, at(again + 50_050), Some(50_000), tcp(1, ACK, 1, offset(10), 0, None));
    wire
}

fn coap(from: usize, kind: Type, code: Code, mid: u16, payload: u64) -> Packet {
    let ends = [socket("10.0.0.1:40000"), socket("10.0.0.2:5683")];
    let message = Message {
        message_type: kind,
        code,
        message_id: MessageId(mid),
        token: if code == Code::EMPTY { Token::EMPTY } else { Token::new(&[7]).unwrap() },
        options: Options::new(),
        payload: Rope::from(vec![1_u8; payload as usize]),
    };
    Packet::udp(ends[from], ends[1 - from], message.encode_rope()).unwrap()
}

/// A request that is lost, then its answer, then all goes well: RFC 7252 §4.2, with time-outs of 2.3 and 4.6 s.
fn coap_twice_again() -> Wire {
    let mut wire = Wire::default();
    wire.send(0, at(1000), None, coap(0, Type::Confirmable, Code::GET, 4660, 0));
    wire.send(0, at(2_301_000), Some(51_000), coap(0, Type::Confirmable, Code::GET, 4660, 0));
    wire.send(1, at(2_352_500), None, coap(1, Type::Acknowledgement, Code::CONTENT, 4660, 10));
    wire.send(0, at(6_901_000), Some(51_000), coap(0, Type::Confirmable, Code::GET, 4660, 0));
    wire.send(1, at(6_952_500), Some(51_000), coap(1, Type::Acknowledgement, Code::CONTENT, 4660, 10));
    wire
}

fn ladder(title: &str, lanes: &[&str], arrows: Vec<Arrow>, notes: Vec<(usize, u64, &str)>) -> Ladder {
    Ladder {
        title: title.to_owned(),
        lanes: lanes.iter().map(|name| (*name).to_owned()).collect(),
        arrows,
        notes: notes.into_iter().map(|(lane, time, text)| Note { lane, at: at(time), text: text.to_owned() }).collect(),
        caption: String::new(),
    }
}

/// All ladders that are looked at, by name.
fn ladders() -> Vec<(&'static str, Ladder)> {
    let mut open = Wire::default();
    handshake(&mut open, 0);
    let states =
        vec![(0, 0, "SYN-SENT"), (1, 50_000, "SYN-RECEIVED"), (0, 100_100, "ESTABLISHED"), (1, 150_200, "ESTABLISHED")];
    let mut lost = Wire::default();
    lost.send(0, at(0), None, tcp(0, SYN, 0, 0, 0, syn_options()));
    handshake(&mut lost, 1_000_000);
    let mut routed = Wire::default();
    let request = routed.add(coap(0, Type::Confirmable, Code::GET, 9, 0));
    routed.hop((0, 1), at(0), Some(20_000), request);
    routed.hop((1, 2), at(20_500), Some(5_000), request);
    let answer = routed.add(coap(1, Type::Acknowledgement, Code::CONTENT, 9, 64));
    routed.hop((2, 1), at(26_000), Some(5_000), answer);
    routed.hop((1, 0), at(31_500), None, answer);
    let retried = routed.add(coap(0, Type::Confirmable, Code::GET, 9, 0));
    routed.hop((0, 1), at(2_400_000), Some(20_000), retried);
    routed.seen.push(Seen {
        at: at(2_420_500),
        channel: 12,
        end: End::Sender,
        node: 1,
        other: 2,
        number: retried,
        dropped: Some("queue full"),
        has_left: false,
    });
    let two = ["client", "server"];
    let timers = vec![(0, 0, "SYN-SENT"), (0, 1_000_000, "timer: retransmission"), (0, 1_100_100, "ESTABLISHED")];
    let recovery =
        vec![(0, 216_150, "Open → Recovery"), (0, 216_150, "2001:3001 held lost"), (0, 316_250, "Recovery → Open")];
    vec![
        ("handshake", ladder("A handshake", &two, open.arrows(), states)),
        ("lost-syn", ladder("A lost SYN", &two, lost.arrows(), timers)),
        ("ten", ladder("Ten segments, one lost", &two, ten_with_a_loss().arrows(), recovery)),
        (
            "coap",
            ladder(
                "",
                &two,
                coap_twice_again().arrows(),
                vec![(0, 1000, "exchange started"), (0, 7_003_500, "exchange ended: response, 3 transmissions")],
            ),
        ),
        (
            "routed",
            ladder(
                "Over a router",
                &["client", "router", "server"],
                routed.arrows(),
                vec![(1, 2_420_500, "the queue is full"), (2, 25_500, "request delivered")],
            ),
        ),
    ]
}

fn plot(wire: &Wire) -> (Sequence, Figure) {
    let passing = wire.passing();
    let (stream, _) = streams(&passing)[0];
    let sequence = Sequence::of(stream, &passing);
    let (panel, _) = sequence.panel();
    (sequence, Figure::new("Ten segments, one lost").panel(panel))
}

#[test]
fn pictures() {
    let Some(folder) = std::env::var_os("PROTOSIM_SHOW") else { return };
    for (name, ladder) in ladders() {
        let png = ladder.to_scene().unwrap().to_png(2.0).unwrap();
        std::fs::write(std::path::Path::new(&folder).join(format!("{name}.png")), png).unwrap();
    }
    let png = plot(&ten_with_a_loss()).1.to_png(2.0).unwrap();
    std::fs::write(std::path::Path::new(&folder).join("sequence.png"), png).unwrap();
}

/// Offsets by hand: the SYN takes 0, data begin at 1 although the sequence number wraps; windows are 1000 << 3 but in SYNs.
#[test]
fn segments_are_read_from_the_syn_on() {
    let texts: Vec<String> = ten_with_a_loss().arrows().into_iter().map(|arrow| arrow.said.text).collect();
    assert_eq!(texts[0], "SYN 0:1(0) win 1000 mss 1460");
    assert_eq!(texts[1], "SYN 0:1(0) ack 1 win 1000 mss 1460");
    assert_eq!(texts[2], "ack 1 win 8000");
    assert_eq!(texts[3], "1:1001(1000) ack 1 win 8000");
    assert!(texts.contains(&"ack 2001 win 8000 sack 3001:6001".to_owned()));
    assert!(texts.contains(&"2001:3001(1000) ack 1 win 8000 (2nd)".to_owned()));
}

#[test]
fn messages_of_coap_are_counted_by_their_id() {
    let arrows = coap_twice_again().arrows();
    let texts: Vec<&str> = arrows.iter().map(|arrow| arrow.said.text.as_str()).collect();
    assert_eq!(
        texts,
        [
            "CON GET mid 4660",
            "CON GET mid 4660 (2nd)",
            "ACK 2.05 Content mid 4660 10 B",
            "CON GET mid 4660 (3rd)",
            "ACK 2.05 Content mid 4660 10 B (2nd)",
        ]
    );
    let ends: Vec<bool> = arrows.iter().map(|arrow| arrow.arrived.is_some()).collect();
    assert_eq!(ends, [false, true, false, true, true]);
}

/// Without the router's lane, a packet goes from client to server in one arrow, from the first departure to the last arrival;
/// what the router loses says where.
#[test]
fn hops_out_of_sight_are_one_arrow() {
    let mut wire = Wire::default();
    let whole = wire.add(coap(0, Type::NonConfirmable, Code::GET, 1, 0));
    wire.hop((0, 1), at(0), Some(10), whole);
    wire.hop((1, 2), at(12), Some(5), whole);
    let cut = wire.add(coap(0, Type::NonConfirmable, Code::GET, 2, 0));
    wire.hop((0, 1), at(100), Some(10), cut);
    wire.hop((1, 2), at(112), None, cut);
    let hops = Hops::of(&wire.sightings(), SimTime::ZERO, SimTime::MAX);
    let arrows = hops.arrows(|node| node != 1, |node| format!("n{node}"));
    assert_eq!(arrows.len(), 2);
    assert_eq!(
        (arrows[0].from, arrows[0].to, arrows[0].departed, arrows[0].arrived),
        (0, Some(2), at(0), Some(at(17)))
    );
    assert_eq!((arrows[1].to, arrows[1].arrived), (Some(2), None));
    assert_eq!(arrows[1].dropped.as_deref(), Some("lost on the link (n1)"));
    // Packets that leave from 50 on: the second alone.
    let later = Hops::of(&wire.sightings(), at(50), SimTime::MAX);
    assert_eq!(later.arrows(|_| true, |_| String::new()).len(), 2);
}

/// All texts of a scene with the boxes around them, whatever way they read.
fn boxes(scene: &Scene) -> Vec<(place::Tilted, String)> {
    let texts = scene.items.iter().filter_map(|item| match item {
        Item::Text(text) => Some(text),
        _ => None,
    });
    let area = |text: &crate::figure::scene::Text| {
        let (width, height) = (text_width(&text.content, text.size), 0.72 * text.size);
        let (ux, uy) = text.along;
        let along = match text.anchor {
            crate::figure::scene::Anchor::Start => width / 2.0,
            crate::figure::scene::Anchor::Middle => 0.0,
            crate::figure::scene::Anchor::End => -width / 2.0,
        };
        let above = height / 2.0;
        let centre = (text.x + along * ux + above * uy, text.y + along * uy - above * ux);
        place::Tilted { centre, half: (width / 2.0, height / 2.0), along: text.along }
    };
    texts.map(|text| (area(text), text.content.clone())).collect()
}

fn assert_readable(name: &str, scene: &Scene) {
    let boxes = boxes(scene);
    for (i, (a, first)) in boxes.iter().enumerate() {
        for corner in a.outline() {
            let is_inside = (0.0..=scene.width).contains(&corner.0) && (0.0..=scene.height).contains(&corner.1);
            assert!(is_inside, "{name}: `{first}` leaves the page: {corner:?} of {} by {}", scene.width, scene.height);
        }
        for (b, second) in &boxes[i + 1..] {
            assert!(!a.overlaps(b), "{name}: `{first}` overlaps `{second}`");
        }
    }
}

#[test]
fn no_text_of_a_ladder_overlaps_another_or_leaves_the_page() {
    for (name, ladder) in ladders() {
        assert_readable(name, &ladder.to_scene().unwrap());
    }
    // Thirty packets both ways at one instant, and thirty notes: nothing of that fits, and all has a place.
    let mut wire = Wire::default();
    for k in 0..30 {
        wire.send(0, at(10), Some(50_000), coap(0, Type::NonConfirmable, Code::GET, k, 0));
        wire.send(1, at(10), Some(50_000), coap(1, Type::NonConfirmable, Code::GET, 100 + k, 0));
    }
    let notes = (0..30).map(|k| (k % 2, 10 + 1000 * (k as u64 / 3), "something happens here")).collect();
    assert_readable("crowd", &ladder("", &["a", "b"], wire.arrows(), notes).to_scene().unwrap());
}

/// Between departure and arrival an arrow falls as time goes: one of twice the delay falls twice as far.
#[test]
fn arrows_slant_by_time() {
    let mut wire = Wire::default();
    wire.send(0, at(0), Some(10_000), coap(0, Type::NonConfirmable, Code::GET, 1, 0));
    wire.send(0, at(15_000), Some(20_000), coap(0, Type::NonConfirmable, Code::GET, 2, 0));
    let scene = ladder("", &["a", "b"], wire.arrows(), vec![]).to_scene().unwrap();
    let tips: Vec<(f64, f64)> = scene
        .items
        .iter()
        .filter_map(|item| match item {
            Item::Path { class: "head", segments, .. } => match segments[0] {
                crate::figure::scene::Segment::Move(x, y) => Some((x, y)),
                _ => None,
            },
            _ => None,
        })
        .collect();
    let starts: Vec<f64> = scene
        .items
        .iter()
        .filter_map(|item| match item {
            Item::Path { class: "arrow", segments, .. } => match segments[0] {
                crate::figure::scene::Segment::Move(_, y) => Some(y),
                _ => None,
            },
            _ => None,
        })
        .collect();
    let falls = [tips[0].1 - starts[0], tips[1].1 - starts[1]];
    approx::assert_relative_eq!(falls[1], 2.0 * falls[0], max_relative = 1e-9);
    assert!(falls[0] > 10.0);
}

/// From the segments above: ten new, one again, one lost; acknowledged 1, 1001, 2001 and 10001; the window 8000 behind.
#[test]
fn a_plot_has_what_the_packets_say() {
    let (sequence, figure) = plot(&ten_with_a_loss());
    assert_eq!((sequence.new.len(), sequence.again.len(), sequence.lost.len()), (11, 1, 1));
    let stroke = |stroke: Stroke| (stroke.from, stroke.to);
    assert_eq!(stroke(sequence.again[0]), (2001, 3001));
    assert_eq!(stroke(sequence.lost[0]), (2001, 3001));
    assert_eq!(sequence.selected.iter().map(|s| (s.from, s.to)).collect::<Vec<_>>()[1], (3001, 5001));
    let una: Vec<u64> = sequence.acknowledged.iter().map(|(_, una)| *una).collect();
    assert_eq!(una, [1, 1001, 2001, 10001]);
    let room: Vec<u64> = sequence.room.iter().map(|(_, edge)| *edge).collect();
    assert_eq!(room, [1001, 9001, 10001, 18001]);
    assert!(figure.to_svg().unwrap().contains("sent again"));
    // From the retransmission on: one segment again, and the lines as they stood.
    let late = sequence.between(at(215_000), SimTime::MAX);
    assert_eq!((late.new.len(), late.again.len()), (0, 1));
    assert_eq!(late.acknowledged, [(at(215_000), 2001), (at(316_200), 10001)]);
}
