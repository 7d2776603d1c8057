//! What is wrong, what the broker says of it, and what it counts.

use super::*;
use crate::amqp::v10::wire::{AnyTarget, Begin, Symbol, Value};
use crate::amqp::v10::wire::{
    Attach, Detach, Disposition, Flow, Frame, Header, Item, Open, Performative as P, Role, Transfer,
};
use protosim_core::Size;

/// A raw client whose connection, session and link 0 to queue `q` are there, with a credit of 2.
struct Raw {
    app: AmqpBroker,
    bench: Bench,
    stream: u32,
    seen: u64,
    decoder: Decoder,
}

fn attach(role: Role, handle: u32, name: &str) -> Attach {
    Attach {
        name: name.into(),
        handle,
        role,
        snd_settle_mode: None,
        rcv_settle_mode: None,
        source: Some(Box::new(Source::new("q"))),
        target: Some(AnyTarget::Node(Box::new(Target::new("q")))),
        unsettled: None,
        incomplete_unsettled: None,
        initial_delivery_count: Some(0),
        max_message_size: None,
        offered_capabilities: vec![],
        desired_capabilities: vec![],
        properties: None,
    }
}

fn transfer(id: u32) -> Transfer {
    let tag = DeliveryTag::new(vec![id as u8]).unwrap();
    Transfer { delivery_id: Some(id), delivery_tag: Some(tag), message_format: Some(0), ..Transfer::default() }
}

impl Raw {
    fn new() -> Self {
        let config = AmqpBrokerConfig {
            link_credit: 2,
            frame_max: Size::from_bytes(4096),
            max_message: Size::from_bytes(100),
            ..AmqpBrokerConfig::default()
        };
        let (mut app, mut bench) = (AmqpBroker::new(config), Bench::new(1 << 20));
        app.on_start(&mut bench);
        let mut raw = Self { app, bench, stream: 0, seen: 0, decoder: Decoder::new(4096) };
        raw.connect();
        raw.says(P::Attach(Box::new(attach(Role::Sender, 0, "l"))));
        raw
    }

    /// On a new stream, with a session.
    fn connect(&mut self) {
        let raw = self;
        raw.stream = raw.bench.accept(&mut raw.app, 5672).0;
        (raw.seen, raw.decoder) = (0, Decoder::new(4096));
        raw.gives(&Item::Header(Header::AMQP).encode());
        let open = Open { container_id: "c".into(), ..Open::default() };
        raw.says(P::Open(Box::new(open)));
        raw.says(P::Begin(Box::new(Begin { incoming_window: 10, outgoing_window: 10, ..Begin::default() })));
    }

    fn says(&mut self, performative: P) -> Vec<P> {
        self.gives(&Item::frame(0, performative).encode())
    }

    fn sends(&mut self, transfer: Transfer, payload: &[u8]) -> Vec<P> {
        let (performative, payload) = (P::Transfer(Box::new(transfer)), Rope::from(payload.to_vec()));
        self.gives(&Item::Frame(Frame::Amqp { channel: 0, performative, payload }).encode())
    }

    fn gives(&mut self, bytes: &Rope) -> Vec<P> {
        self.bench.receive(&mut self.app, self.stream, bytes);
        let written = self.bench.streams[self.stream as usize].written.slice(self.seen, u64::MAX);
        self.seen += written.len();
        self.decoder.push(&written);
        let mut all = vec![];
        while let Some(item) = self.decoder.next_item().unwrap() {
            if let Item::Frame(Frame::Amqp { performative, .. }) = item {
                all.push(performative);
            }
        }
        all
    }

    /// What the broker has counted: of connections, sessions, links, and what was malformed.
    fn counted(&self) -> [u64; 4] {
        ["connection_errors", "session_errors", "link_errors", "malformed_frames"].map(|name| total(&self.app, name))
    }
}

/// What is closed, ended or detached, with its condition.
fn error(answers: &[P]) -> String {
    let error = |kind: &str, error: &Option<Error>| error.as_ref().map(|error| format!("{kind} {}", error.condition));
    let said = answers.iter().find_map(|answer| match answer {
        P::Close(close) => error("close", &close.error),
        P::End(end) => error("end", &end.error),
        P::Detach(detach) => error("detach", &detach.error),
        _ => None,
    });
    said.unwrap_or_default()
}

const HI: &[u8] = &[0x00, 0x53, 0x75, 0xa0, 2, b'h', b'i'];

/// Of the connection: it is closed with its condition, and the stream behind it (§2.4.3).
#[test]
fn errors_of_connections() {
    for (bytes, condition, malformed) in [
        // Smaller than a frame can be; larger than agreed upon; of a type that is not spoken; a performative that there is not.
        (&[0, 0, 0, 7][..], "amqp:connection:framing-error", 1),
        (&[0, 0, 0x10, 1], "amqp:connection:framing-error", 1),
        (&[0, 0, 0, 8, 2, 1, 0, 0], "amqp:connection:framing-error", 1),
        (&[0, 0, 0, 12, 2, 0, 0, 0, 0x00, 0x53, 0x7f, 0x45], "amqp:decode-error", 1),
        // A flow on a channel without a session.
        (&[0, 0, 0, 17, 2, 0, 0, 9, 0x00, 0x53, 0x13, 0xc0, 4, 3, 0x40, 0x43, 0x43], "amqp:", 1),
        // An open again: its container-id "c".
        (&[0, 0, 0, 17, 2, 0, 0, 0, 0x00, 0x53, 0x10, 0xc0, 4, 1, 0xa1, 1, b'c'], "amqp:not-allowed", 0),
    ] {
        let mut raw = Raw::new();
        let answers = raw.gives(&Rope::from(bytes.to_vec()));
        assert!(error(&answers).starts_with(&format!("close {condition}")), "{bytes:?}: {answers:?}");
        assert!(raw.bench.streams[0].is_closed);
        assert_eq!(raw.counted(), [1, 0, 0, malformed], "{bytes:?}");
        assert_eq!(total(&raw.app, "consumers"), 0);
    }
}

/// Of the session: it is ended with its condition, and another one can be begun.
#[test]
fn errors_of_sessions() {
    let cases: [(P, &str); 5] = [
        (P::Transfer(Box::new(Transfer { handle: 7, ..transfer(0) })), "end amqp:session:unattached-handle"),
        (P::Detach(Box::new(Detach { handle: 7, ..Detach::default() })), "end amqp:session:unattached-handle"),
        (P::Flow(Box::new(Flow { handle: Some(7), ..Flow::default() })), "end amqp:session:unattached-handle"),
        (P::Attach(Box::new(attach(Role::Sender, 0, "other"))), "end amqp:session:handle-in-use"),
        (
            P::Disposition(Box::new(Disposition {
                role: Role::Receiver,
                first: 2,
                last: Some(1),
                settled: None,
                state: None,
                batchable: None,
            })),
            "end amqp:invalid-field",
        ),
    ];
    for (performative, wanted) in cases {
        let mut raw = Raw::new();
        let answers = raw.says(performative.clone());
        assert_eq!(error(&answers), wanted, "{performative:?}");
        assert_eq!(raw.counted(), [0, 1, 0, 0]);
        assert!(!raw.bench.streams[0].is_closed);
        // What was on its way is dropped until the end is answered; then a session can be begun.
        assert_eq!(raw.sends(transfer(0), HI), []);
        raw.says(P::End(Box::default()));
        let begin = Begin { incoming_window: 10, outgoing_window: 10, ..Begin::default() };
        let answers = raw.says(P::Begin(Box::new(begin)));
        assert!(matches!(answers[..], [P::Begin(_)]), "{answers:?}");
        assert_eq!(total(&raw.app, "sessions"), 2);
    }
    // 2048 transfers may come before the window is given anew; the broker gives it when half of it is used, so that only who does not wait comes beyond.
    assert_eq!(crate::amqp::v10::session::SessionConfig::default().incoming_window, 2048);
    let mut raw = Raw::new();
    let begun = Item::frame(0, P::Transfer(Box::new(Transfer { more: Some(true), ..transfer(0) })));
    let mut bytes = begun.encode();
    let more = Item::frame(0, P::Transfer(Box::new(Transfer { more: Some(true), ..Transfer::default() }))).encode();
    for _ in 0..2048 {
        bytes.append(&more);
    }
    assert_eq!(error(&raw.gives(&bytes)), "end amqp:session:window-violation");
}

/// Of the link: it is detached with its condition; the session goes on.
#[test]
fn errors_of_links() {
    let large = [&[0x00, 0x53, 0x75, 0xa0, 200][..], &[0; 200]].concat();
    let mut without_tag = transfer(0);
    without_tag.delivery_tag = None;
    let again = vec![(transfer(0), HI), (transfer(1), HI), (transfer(2), HI)];
    for (transfers, wanted, malformed) in [
        (vec![(transfer(0), &large[..])], "detach amqp:link:message-size-exceeded", 0),
        (vec![(without_tag, HI)], "detach amqp:invalid-field", 0),
        (vec![(transfer(0), &[0x00, 0x53, 0x7f][..])], "detach amqp:decode-error", 1),
        // A body is missing.
        (vec![(transfer(0), &[0x00, 0x53, 0x70, 0x45][..])], "detach amqp:decode-error", 1),
    ] {
        let mut raw = Raw::new();
        let mut answers = vec![];
        for (transfer, payload) in transfers {
            answers.extend(raw.sends(transfer, payload));
        }
        assert_eq!(error(&answers), wanted);
        assert_eq!(raw.counted(), [0, 0, 1, malformed]);
        raw.says(P::Detach(Box::new(Detach { closed: Some(true), ..Detach::default() })));
        let answers = raw.says(P::Attach(Box::new(attach(Role::Sender, 0, "l"))));
        assert!(matches!(answers[..], [P::Attach(_), P::Flow(_)]), "{answers:?}");
    }
    // A credit of 2 is given anew with each answer; three at once are one too many.
    let mut raw = Raw::new();
    let mut bytes = Rope::new();
    for (transfer, payload) in again {
        let (performative, payload) = (P::Transfer(Box::new(transfer)), Rope::from(payload.to_vec()));
        bytes.append(&Item::Frame(Frame::Amqp { channel: 0, performative, payload }).encode());
    }
    assert_eq!(error(&raw.gives(&bytes)), "detach amqp:link:transfer-limit-exceeded");
    assert_eq!(total(&raw.app, "queued_messages"), 2);
    // Aborted deliveries are none.
    let mut raw = Raw::new();
    raw.sends(Transfer { more: Some(true), ..transfer(0) }, &HI[..3]);
    assert_eq!(error(&raw.sends(Transfer { aborted: Some(true), ..Transfer::default() }, &[])), "");
    assert_eq!(total(&raw.app, "messages_received"), 0);
}

/// Links that cannot be: the answer has no source or target, and a detach says why (§2.6.3).
#[test]
fn links_that_are_refused() {
    let to = |address: &str| Attach {
        target: Some(AnyTarget::Node(Box::new(Target::new(address)))),
        ..attach(Role::Sender, 1, "m")
    };
    let from = |source: Source| Attach { source: Some(Box::new(source)), ..attach(Role::Receiver, 1, "m") };
    let coordinator = AnyTarget::Other(Box::new((Value::Ulong(0x30), Value::List(vec![]))));
    for (attach, wanted) in [
        (to("/exchange/nowhere/k"), "amqp:not-found"),
        (to("/amq/queue/nowhere"), "amqp:not-found"),
        (to("/queue/amq.mine"), "amqp:unauthorized-access"),
        (to("/other/x"), "amqp:invalid-field"),
        (Attach { target: None, ..attach(Role::Sender, 1, "m") }, "amqp:invalid-field"),
        (Attach { target: Some(coordinator), ..attach(Role::Sender, 1, "m") }, "amqp:not-implemented"),
        (from(Source::new("/amq/queue/nowhere")), "amqp:not-found"),
        (from(Source::new("/exchange/nowhere")), "amqp:not-found"),
        (from(Source::new("/exchange/")), "amqp:unauthorized-access"),
        (from(Source { address: Value::Uint(1), ..Source::default() }), "amqp:invalid-field"),
        (
            from(Source { distribution_mode: Some(Symbol::new("copy").unwrap()), ..Source::new("q") }),
            "amqp:not-implemented",
        ),
        (Attach { source: None, ..attach(Role::Receiver, 1, "m") }, "amqp:invalid-field"),
    ] {
        let mut raw = Raw::new();
        let answers = raw.says(P::Attach(Box::new(attach.clone())));
        assert_eq!(error(&answers), format!("detach {wanted}"), "{attach:?}");
        let [P::Attach(answer), P::Detach(detach)] = &answers[..] else { panic!("{answers:?}") };
        assert!(answer.source.is_none() && answer.target.is_none() && detach.closed == Some(true));
        let totals = ["link_errors", "links", "last_queues"].map(|name| total(&raw.app, name));
        assert_eq!(totals, [1, 1, 1], "nothing is left of it: {attach:?}");
    }
}

/// What has come in part takes memory until it is whole (then its queue has it: 256 bytes and the 7 of its data section), aborted, or its link is detached. Without memory for it the link is detached.
#[test]
fn partial_deliveries_take_memory() {
    let part = || Transfer { more: Some(true), ..transfer(0) };
    let detach = |closed| P::Detach(Box::new(Detach { closed, ..Detach::default() }));
    let mut raw = Raw::new();
    let there = raw.bench.reserved;
    raw.sends(part(), &[0; 30]);
    raw.sends(Transfer { more: Some(true), ..Transfer::default() }, &[0; 20]);
    assert_eq!(raw.bench.reserved, there + 50);
    raw.sends(Transfer { aborted: Some(true), ..Transfer::default() }, &[]);
    assert_eq!(raw.bench.reserved, there);
    // Whole: the queue takes what it needs; the three bytes are the delivery's until it is settled.
    let mut raw = Raw::new();
    raw.bench.memory = there + 263 + 3;
    raw.sends(part(), &HI[..3]);
    assert_eq!(raw.bench.reserved, there + 3);
    assert_eq!(error(&raw.sends(Transfer::default(), &HI[3..])), "");
    assert_eq!((raw.bench.reserved, total(&raw.app, "queued_messages")), (there + 263, 1));
    // One byte is missing. What was on its way behind that is not kept; the link takes nothing any more when it is gone.
    let mut raw = Raw::new();
    raw.bench.memory = there + 49;
    assert_eq!(error(&raw.sends(part(), &[0; 30])), "");
    let answers = raw.sends(Transfer { more: Some(true), ..Transfer::default() }, &[0; 20]);
    assert_eq!(error(&answers), "detach amqp:resource-limit-exceeded");
    assert_eq!((raw.bench.reserved, total(&raw.app, "refused_memory")), (there, 1));
    assert_eq!(raw.sends(Transfer { more: Some(true), ..Transfer::default() }, &[0; 20]), []);
    assert_eq!(raw.bench.reserved, there);
    raw.says(detach(Some(true)));
    let without_link = raw.bench.reserved;
    assert_eq!(there - without_link, crate::amqp::broker::LINK);
    // With a link that is closed while a part is there, all of it goes.
    let mut raw = Raw::new();
    raw.sends(part(), &[0; 30]);
    raw.says(detach(Some(true)));
    assert_eq!(raw.bench.reserved, without_link);
    // And with a connection that is lost: the queue's 512 bytes are left.
    let mut raw = Raw::new();
    raw.sends(part(), &[0; 30]);
    raw.bench.close(&mut raw.app, 0, CloseReason::Reset);
    assert_eq!(raw.bench.reserved, 512);
}

/// A delivery that has its outcome and is not settled takes 160 bytes, also on a link that waits; not what has come of the next one. When the link is resumed and its sender says nothing of it, it is settled.
#[test]
fn unsettled_deliveries_take_memory() {
    let kept = || {
        let target = Target { expiry_policy: Some(Symbol::new("never").unwrap()), ..Target::new("q") };
        let target = Some(AnyTarget::Node(Box::new(target)));
        let rcv_settle_mode = Some(ReceiverSettleMode::Second);
        P::Attach(Box::new(Attach { target, rcv_settle_mode, ..attach(Role::Sender, 1, "kept") }))
    };
    let on_it = |transfer: Transfer| Transfer { handle: 1, ..transfer };
    let mut raw = Raw::new();
    raw.says(kept());
    let there = raw.bench.reserved + 263;
    let answers = raw.sends(on_it(transfer(0)), HI);
    assert!(matches!(&answers[..], [P::Disposition(said)] if said.settled.is_none()), "{answers:?}");
    assert_eq!(raw.bench.reserved, there + 160);
    raw.sends(on_it(Transfer { more: Some(true), ..transfer(1) }), &[0; 30]);
    assert_eq!(raw.bench.reserved, there + 160 + 30);
    raw.bench.close(&mut raw.app, 0, CloseReason::Reset);
    // The queue with its message, the link, the delivery.
    assert_eq!(raw.bench.reserved, 512 + 263 + crate::amqp::broker::LINK + 160);
    raw.connect();
    raw.says(P::Attach(Box::new(attach(Role::Sender, 0, "l"))));
    raw.says(kept());
    assert_eq!((raw.bench.reserved, total(&raw.app, "resumed_links")), (there, 1));
    // On a session, the sender settles it.
    raw.sends(on_it(transfer(0)), HI);
    assert_eq!(raw.bench.reserved, there + 263 + 160);
    let (role, settled) = (Role::Sender, Some(true));
    raw.says(P::Disposition(Box::new(Disposition {
        role,
        first: 0,
        last: None,
        settled,
        state: None,
        batchable: None,
    })));
    assert_eq!(raw.bench.reserved, there + 263);
    // Without memory for it the link is detached.
    raw.bench.memory = raw.bench.reserved + 263 + 159;
    assert_eq!(error(&raw.sends(on_it(transfer(1)), HI)), "detach amqp:resource-limit-exceeded");
    assert_eq!(total(&raw.app, "refused_memory"), 1);
}

/// A client that asks for flows and reads almost nothing: what is answered waits on the stream, up to 65536 bytes and a frame, and in the machine, up to 257 frames; nothing more is read.
#[test]
fn answers_do_not_pile_up() {
    let mut raw = Raw::new();
    let echo = Item::frame(0, P::Flow(Box::new(Flow { echo: Some(true), ..Flow::default() }))).encode();
    let mut many = Rope::new();
    (0..2000).for_each(|_| many.append(&echo));
    raw.bench.make_room(&mut raw.app, 0, 0);
    for _ in 0..50 {
        raw.bench.receive(&mut raw.app, 0, &many);
        raw.bench.make_room(&mut raw.app, 0, 1);
    }
    let answers = total(&raw.app, "frames_received") - 4;
    // An answer has more than 20 bytes.
    assert!(answers < 65536 / 20 + 257 + 1, "{answers}");
    // All of them are answered when it reads.
    for _ in 0..1000 {
        raw.bench.make_room(&mut raw.app, 0, 1 << 20);
    }
    assert_eq!(total(&raw.app, "frames_received") - 4, 100_000);
    let flows = raw.gives(&Rope::new()).len();
    assert_eq!(flows, 100_000);
}

/// Attaches that cannot be answered, as the client takes no handles, are forgotten: the same handle comes again, again without an answer.
#[test]
fn attaches_without_an_answer_are_forgotten() {
    let mut raw = Raw::new();
    raw.says(P::End(Box::default()));
    raw.says(P::Begin(Box::new(Begin { handle_max: Some(0), ..Begin::default() })));
    raw.says(P::Attach(Box::new(attach(Role::Sender, 0, "l"))));
    for _ in 0..3 {
        assert_eq!(raw.says(P::Attach(Box::new(attach(Role::Sender, 1, "m")))), []);
    }
    assert_eq!(total(&raw.app, "session_errors"), 0);
}
