//! Scripts: what one endpoint does with one message, command or time-out, rule by rule.

use super::super::config::{Parameters, Transmission};
use super::super::endpoint::{
    BASE_OPTIONS, Cause, Command, Endpoint, EndpointConfig, Envelope, Misuse, NOTIFICATION_GAP, Notice, PROBING_RATE,
    Reason, RequestHandle, Trace,
};
use super::super::wire::{Code, Flaw, Message, MessageId, OptionNumber, Options, Token, Type};
use crate::rope::Rope;
use Type::{Acknowledgement as ACK, Confirmable as CON, NonConfirmable as NON, Reset as RST};
use protosim_core::machine::EffectOf;
use protosim_core::{
    Deadline, Effect, Env, IdealEnv, LocalTime, Machine, MachineCx, Operation, OutOfMemory, Purpose, Span, Stream,
};
use std::net::SocketAddr;

/// An endpoint on a host whose clock is set by hand, with what came out of it.
pub(super) struct Bench<E: Env = IdealEnv> {
    pub(super) endpoint: Endpoint,
    pub(super) env: E,
    pub(super) effects: Vec<EffectOf<Endpoint>>,
}

pub(super) fn config() -> EndpointConfig {
    EndpointConfig {
        parameters: Parameters::default(),
        nstart: 1,
        response_wait: Span::from_secs(202),
        piggyback_limit: Span::from_millis(100),
        understood: BASE_OPTIONS,
        relays: false,
        notification_gap: NOTIFICATION_GAP,
        probing_rate: Some(PROBING_RATE),
    }
}

fn bench() -> Bench {
    Bench { endpoint: Endpoint::new(config()), env: IdealEnv::new(1), effects: Vec::new() }
}

fn bench_with(change: impl FnOnce(&mut EndpointConfig)) -> Bench {
    let mut config = config();
    change(&mut config);
    Bench { endpoint: Endpoint::new(config), ..bench() }
}

pub(super) fn peer() -> SocketAddr {
    "192.0.2.7:5683".parse().expect("an address")
}

fn token(byte: u8) -> Token {
    Token::new(&[byte]).expect("one byte")
}

fn message(message_type: Type, code: Code, id: u16, token: Token) -> Message {
    Message { code, token, ..Message::empty(message_type, MessageId(id)) }
}

fn empty(message_type: Type, id: MessageId) -> Message {
    Message::empty(message_type, id)
}

impl<E: Env> Bench<E> {
    pub(super) fn cx<R>(&mut self, call: impl FnOnce(&mut Endpoint, &mut MachineCx<'_, Endpoint>) -> R) -> R {
        call(&mut self.endpoint, &mut MachineCx::new(&mut self.env, &mut self.effects))
    }

    pub(super) fn arrives(&mut self, message: Message) -> Vec<Message> {
        self.cx(|endpoint, cx| endpoint.handle_message(Envelope { peer: peer(), message }, cx));
        self.sent()
    }

    pub(super) fn command(&mut self, command: Command) -> Result<Vec<Message>, Misuse> {
        self.cx(|endpoint, cx| endpoint.handle_command(command, cx))?;
        Ok(self.sent())
    }

    fn request(&mut self, confirmable: bool, token: Token) -> Result<Vec<Message>, Misuse> {
        let (options, payload) = (Options::new(), Rope::new());
        self.command(Command::Request { peer: peer(), token, confirmable, method: Code::GET, options, payload })
    }

    /// The one message that a request puts on the wire.
    fn sent_request(&mut self, confirmable: bool, token: Token) -> Message {
        let mut sent = self.request(confirmable, token).expect("taken");
        assert_eq!(sent.len(), 1);
        sent.remove(0)
    }

    fn respond(&mut self, request: RequestHandle, code: Code) -> Result<Vec<Message>, Misuse> {
        self.command(Command::Respond { request, code, options: Options::new(), payload: Rope::new() })
    }

    /// Takes what was transmitted out of the effects.
    pub(super) fn sent(&mut self) -> Vec<Message> {
        let mut sent = Vec::new();
        self.effects.retain(|effect| match effect {
            Effect::Transmit(envelope) => {
                sent.push(envelope.message.clone());
                false
            }
            _ => true,
        });
        sent
    }

    pub(super) fn notices(&mut self) -> Vec<Notice> {
        self.effects
            .drain(..)
            .filter_map(|effect| if let Effect::Notify(n) = effect { Some(n) } else { None })
            .collect()
    }

    fn traced(&self, wanted: &Trace) -> bool {
        self.effects.iter().any(|effect| matches!(effect, Effect::Observe(trace) if trace == wanted))
    }

    /// The request that the application has just been given.
    fn received(&mut self) -> RequestHandle {
        let notices = self.notices();
        let [Notice::RequestReceived { request, .. }] = notices[..] else { panic!("{notices:?}") };
        request
    }

    pub(super) fn deadline(&self) -> Option<Deadline> {
        self.endpoint.poll_timeout()
    }
}

impl Bench {
    /// Runs to the next deadline; returns what it sends then.
    pub(super) fn time_out(&mut self) -> (LocalTime, Vec<Message>) {
        let Deadline { at, .. } = self.deadline().expect("a timer is set");
        self.env.now = at;
        self.cx(Endpoint::handle_timeout);
        assert!(self.deadline().is_none_or(|next| next.at > at));
        (at, self.sent())
    }
}

/// RFC 7252 §4.2, §4.8.2: sent at 0, T, 3T, 7T, 15T; given up at 31T, with T in [2, 3] s.
#[test]
fn a_dead_peer_gets_five_identical_messages_and_failure_comes_after_31_timeouts() {
    for seed in 0..50 {
        let mut bench = Bench { env: IdealEnv::new(seed), ..bench() };
        let first = bench.sent_request(true, token(1));
        let t = bench.deadline().expect("retransmission").at.saturating_since(LocalTime::ZERO);
        assert!((Span::from_secs(2)..=Span::from_secs(3)).contains(&t), "{t}");
        for turns in [1, 3, 7, 15] {
            assert_eq!(bench.time_out(), (LocalTime::ZERO + t * turns, vec![first.clone()]));
        }
        bench.notices();
        assert_eq!(bench.time_out(), (LocalTime::ZERO + t * 31, vec![]));
        let failed = Notice::Failed { peer: peer(), token: token(1), cause: Cause::TimedOut, transmissions: 5 };
        assert_eq!(bench.notices(), [failed]);
        assert!(bench.endpoint.is_at_rest());
    }
}

/// RFC 7252 §4.2: uniform between ACK_TIMEOUT and ACK_TIMEOUT · ACK_RANDOM_FACTOR, so the mean of
/// 400 draws from [2, 3] s is 2.5 s with a standard error of 0.2887/20 = 0.0144 s; five of them.
#[test]
fn first_timeouts_are_drawn_anew_for_each_message() {
    let mut bench = bench();
    let mut sum = 0.0;
    for number in 0..400 {
        let start = bench.env.now;
        bench.sent_request(true, token(number as u8));
        sum += bench.deadline().expect("retransmission").at.saturating_since(start).as_secs_f64();
        bench.command(Command::Cancel { peer: peer(), token: token(number as u8) }).expect("open");
    }
    assert!((sum / 400.0 - 2.5).abs() < 0.072, "{}", sum / 400.0);
}

/// RFC 7252 §5.2.1: two messages.
#[test]
fn a_piggybacked_response_ends_the_exchange() {
    let mut bench = bench();
    let request = bench.sent_request(true, token(1));
    let response = message(ACK, Code::CONTENT, request.message_id.0, token(1));
    assert_eq!(bench.arrives(response.clone()), []);
    let notices = bench.notices();
    let ended = Notice::ResponseReceived { peer: peer(), token: token(1), response, transmissions: 1 };
    assert_eq!(notices, [Notice::RequestSent { peer: peer(), token: token(1) }, ended]);
    assert!(bench.endpoint.is_at_rest());
}

/// RFC 7252 §5.2.2: the empty ACK is neither failure nor response; four messages.
#[test]
fn a_separate_response_is_acknowledged() {
    let mut bench = bench();
    let request = bench.sent_request(true, token(1));
    assert_eq!(bench.arrives(empty(ACK, request.message_id)), []);
    assert_eq!(bench.notices().len(), 1, "only that it was sent");
    assert_eq!(bench.deadline().map(|deadline| deadline.timer), Some("response wait"));
    let response = message(CON, Code::CONTENT, 0x1000, token(1));
    assert_eq!(bench.arrives(response.clone()), [empty(ACK, MessageId(0x1000))]);
    assert!(matches!(bench.notices()[..], [Notice::ResponseReceived { transmissions: 1, .. }]));
    assert!(bench.endpoint.is_at_rest());
    // Our ACK was lost: the same ACK again, and nothing to the application.
    assert_eq!(bench.arrives(response), [empty(ACK, MessageId(0x1000))]);
    assert_eq!(bench.notices(), []);
}

/// RFC 7252 §5.2.2: the response shows that the request came; its ACK was lost or overtaken.
#[test]
fn a_separate_response_also_ends_retransmission() {
    let mut bench = bench();
    let request = bench.sent_request(true, token(1));
    assert_eq!(bench.time_out().1, std::slice::from_ref(&request));
    assert_eq!(bench.arrives(message(CON, Code::CONTENT, 9, token(1))), [empty(ACK, MessageId(9))]);
    assert!(bench.notices().iter().any(|n| matches!(n, Notice::ResponseReceived { transmissions: 2, .. })));
    assert!(bench.endpoint.is_at_rest());
    assert_eq!(bench.arrives(empty(ACK, request.message_id)), []);
    assert!(bench.traced(&Trace::Ignored { peer: peer(), reason: Reason::NothingToAcknowledge }));
}

#[test]
fn a_request_without_response_after_its_empty_ack_times_out() {
    let mut bench = bench();
    let request = bench.sent_request(true, token(1));
    bench.arrives(empty(ACK, request.message_id));
    bench.notices();
    assert_eq!(bench.time_out(), (LocalTime::ZERO + Span::from_secs(202), vec![]));
    assert!(matches!(bench.notices()[..], [Notice::Failed { cause: Cause::TimedOut, transmissions: 1, .. }]));
}

#[test]
fn a_non_confirmable_request_is_sent_once() {
    let mut bench = bench();
    assert_eq!(bench.sent_request(false, token(1)).message_type, NON);
    assert_eq!(bench.time_out(), (LocalTime::ZERO + Span::from_secs(202), vec![]));
    assert!(matches!(bench.notices()[..], [_, Notice::Failed { cause: Cause::TimedOut, transmissions: 1, .. }]));
    assert!(bench.endpoint.is_at_rest());
}

/// RFC 7252 §5.2.3: NON response, or CON, which is acknowledged.
#[test]
fn a_non_confirmable_request_takes_either_response() {
    for (message_type, reply) in [(NON, vec![]), (CON, vec![empty(ACK, MessageId(3))])] {
        let mut bench = bench();
        bench.sent_request(false, token(1));
        assert_eq!(bench.arrives(message(message_type, Code::CONTENT, 3, token(1))), reply);
        assert!(matches!(bench.notices()[..], [_, Notice::ResponseReceived { .. }]));
        assert!(bench.endpoint.is_at_rest());
    }
}

#[test]
fn a_reset_ends_both_kinds_of_requests() {
    for confirmable in [true, false] {
        let mut bench = bench();
        let request = bench.sent_request(confirmable, token(1));
        // RFC 7252 §4.2: a Reset is empty, or it is none.
        bench.arrives(message(RST, Code::CONTENT, request.message_id.0, token(1)));
        assert_eq!(bench.notices().len(), 1);
        bench.arrives(empty(RST, request.message_id));
        assert!(matches!(bench.notices()[..], [Notice::Failed { cause: Cause::Reset, transmissions: 1, .. }]));
        assert!(bench.endpoint.is_at_rest());
    }
}

/// RFC 7252 §5.3.2: by token and endpoint, never by message id alone.
#[test]
fn responses_are_matched_by_token_and_peer() {
    let mut bench = bench();
    let request = bench.sent_request(true, token(1));
    let id = request.message_id.0;
    assert_eq!(bench.arrives(message(ACK, Code::CONTENT, id, token(2))), []);
    assert!(bench.traced(&Trace::Ignored { peer: peer(), reason: Reason::Unexpected }));
    // Same message id, in a message of the peer's own: another id space; its token decides.
    assert_eq!(bench.arrives(message(CON, Code::CONTENT, id, token(2))), [empty(RST, MessageId(id))]);
    let other = "192.0.2.8:5683".parse().expect("an address");
    let envelope = Envelope { peer: other, message: message(CON, Code::CONTENT, 5, token(1)) };
    bench.cx(|endpoint, cx| endpoint.handle_message(envelope, cx));
    assert_eq!(bench.sent(), [empty(RST, MessageId(5))]);
    assert_eq!(bench.arrives(message(NON, Code::CONTENT, 6, token(2))), [], "a NON is ignored");
    assert!(!bench.notices().iter().any(|notice| matches!(notice, Notice::ResponseReceived { .. })));
    assert!(!bench.endpoint.is_at_rest(), "the request still waits");
}

/// RFC 7252 §4.3: an empty CON is answered by a Reset, an empty NON by nothing.
#[test]
fn a_ping_is_answered_by_a_reset() {
    let mut bench = bench();
    assert_eq!(bench.arrives(empty(CON, MessageId(0x77))), [empty(RST, MessageId(0x77))]);
    assert_eq!(bench.arrives(empty(NON, MessageId(0x78))), []);
    assert_eq!(bench.notices(), []);
}

#[test]
fn a_ping_ends_with_a_sign_of_life_or_without() {
    let mut bench = bench();
    let sent = bench.command(Command::Ping { peer: peer() }).expect("taken");
    assert_eq!((sent.len(), sent[0].wire_len(), sent[0].message_type), (1, 4, CON));
    bench.arrives(empty(RST, sent[0].message_id));
    assert_eq!(bench.notices(), [Notice::PingEnded { peer: peer(), alive: true }]);
    bench.command(Command::Ping { peer: peer() }).expect("taken");
    for _ in 0..5 {
        bench.time_out();
    }
    assert_eq!(bench.notices(), [Notice::PingEnded { peer: peer(), alive: false }]);
    assert!(bench.endpoint.is_at_rest());
}

/// RFC 7252 §5.2.1, §5.3.1: in the ACK, with the same id and the same token, also an empty one.
#[test]
fn a_fast_answer_rides_on_the_ack_with_the_token_echoed() {
    for token in [Token::EMPTY, token(9), Token::new(b"12345678").expect("eight bytes")] {
        let mut bench = bench();
        assert_eq!(bench.arrives(message(CON, Code::GET, 0x10, token)), []);
        let request = bench.received();
        assert_eq!(bench.respond(request, Code::CONTENT), Ok(vec![message(ACK, Code::CONTENT, 0x10, token)]));
        assert!(bench.endpoint.is_at_rest());
        assert_eq!(bench.respond(request, Code::CONTENT), Err(Misuse::UnknownRequest(request)));
    }
}

/// RFC 7252 §5.2.2: empty ACK after the piggyback limit, then a CON with an id of its own,
/// retransmitted until its ACK comes.
#[test]
fn a_slow_answer_comes_in_a_message_of_its_own() {
    let mut bench = bench();
    bench.arrives(message(CON, Code::GET, 0x10, token(9)));
    let request = bench.received();
    let limit = LocalTime::ZERO + Span::from_millis(100);
    assert_eq!(bench.time_out(), (limit, vec![empty(ACK, MessageId(0x10))]));
    bench.env.advance(Span::from_secs(1));
    // A copy of the request gets the same empty ACK, before and after the response.
    let copy = message(CON, Code::GET, 0x10, token(9));
    assert_eq!(bench.arrives(copy.clone()), [empty(ACK, MessageId(0x10))]);
    let sent = bench.respond(request, Code::CONTENT).expect("open");
    assert_eq!((sent[0].message_type, sent[0].code, sent[0].token), (CON, Code::CONTENT, token(9)));
    assert_eq!(bench.arrives(copy), [empty(ACK, MessageId(0x10))]);
    assert_eq!(bench.time_out().1, sent, "not acknowledged: identical bytes again");
    assert_eq!(bench.arrives(empty(ACK, sent[0].message_id)), []);
    assert_eq!(bench.notices(), []);
    assert!(bench.endpoint.is_at_rest());
}

#[test]
fn a_separate_response_that_nobody_acknowledges_is_given_up() {
    let mut bench = bench_with(|config| config.piggyback_limit = Span::ZERO);
    bench.arrives(message(CON, Code::GET, 0x10, token(9)));
    let request = bench.received();
    assert_eq!(bench.time_out(), (LocalTime::ZERO, vec![empty(ACK, MessageId(0x10))]));
    bench.respond(request, Code::CONTENT).expect("open");
    for _ in 0..5 {
        bench.time_out();
    }
    assert_eq!(bench.notices(), [Notice::ResponseFailed { request, cause: Cause::TimedOut }]);
    assert!(bench.endpoint.is_at_rest());
}

/// RFC 7252 §5.2.3.
#[test]
fn a_non_confirmable_request_gets_a_non_confirmable_response() {
    let mut bench = bench();
    assert_eq!(bench.arrives(message(NON, Code::GET, 0x10, token(9))), []);
    let request = bench.received();
    assert_eq!(bench.deadline(), None, "no ACK is owed");
    let sent = bench.respond(request, Code::CONTENT).expect("open");
    assert_eq!((sent[0].message_type, sent[0].token), (NON, token(9)));
    assert!(bench.endpoint.is_at_rest());
}

/// RFC 7252 §4.2, §4.5: within EXCHANGE_LIFETIME (247 s) a duplicate, processed once and answered
/// alike; later a new message.
#[test]
fn copies_of_a_confirmable_request_get_the_stored_response_within_exchange_lifetime() {
    let mut bench = bench();
    let copy = message(CON, Code::POST, 0x10, token(9));
    bench.arrives(copy.clone());
    assert_eq!(bench.arrives(copy.clone()), [], "nothing was answered yet");
    let request = bench.received();
    let answer = bench.respond(request, Code::CHANGED).expect("open");
    assert_eq!(bench.arrives(copy.clone()), answer);
    bench.env.now = LocalTime::ZERO + Span::from_millis(246_999);
    assert_eq!(bench.arrives(copy.clone()), answer);
    assert_eq!(bench.notices(), []);
    bench.env.now = LocalTime::ZERO + Span::from_millis(247_001);
    assert_eq!(bench.arrives(copy), []);
    bench.received();
}

/// RFC 7252 §4.3, §4.5: copies of a NON are ignored within NON_LIFETIME (145 s).
#[test]
fn copies_of_a_non_confirmable_request_are_ignored_within_non_lifetime() {
    let mut bench = bench();
    let copy = message(NON, Code::POST, 0x10, token(9));
    bench.arrives(copy.clone());
    let request = bench.received();
    bench.respond(request, Code::CHANGED).expect("open");
    bench.env.now = LocalTime::ZERO + Span::from_millis(144_999);
    assert_eq!(bench.arrives(copy.clone()), []);
    assert_eq!(bench.notices(), []);
    bench.env.now = LocalTime::ZERO + Span::from_millis(145_001);
    bench.arrives(copy);
    bench.received();
}

/// RFC 7252 §5.4.1: 4.02 to a CON request, with a diagnostic; a NON request is dropped; elective
/// options are ignored.
#[test]
fn unknown_critical_options_in_requests_are_refused() {
    let with = |message_type, number: u16| {
        let mut request = message(message_type, Code::GET, 0x10, token(9));
        request.options.add(OptionNumber(number), b"x".to_vec());
        request
    };
    let mut bench = bench();
    let replies = bench.arrives(with(CON, 2001));
    assert_eq!((replies[0].message_type, replies[0].code, replies[0].token), (ACK, Code::BAD_OPTION, token(9)));
    assert_eq!(&replies[0].payload.to_bytes()[..], b"critical option 2001 not recognised");
    assert_eq!(bench.arrives(with(CON, 2001)), replies, "stored for copies");
    assert_eq!(bench.notices(), []);
    assert!(bench.endpoint.is_at_rest());

    let mut bench = self::bench();
    assert_eq!(bench.arrives(with(NON, 2001)), []);
    assert_eq!(bench.notices(), []);
    let mut bench = self::bench();
    bench.arrives(with(CON, 2000));
    bench.received();
}

/// RFC 7252 §5.4.1, §4.2: a separate CON response is reset, NON and ACK are ignored; the request
/// goes on.
#[test]
fn unknown_critical_options_in_responses_are_rejected() {
    let mut bench = bench();
    let request = bench.sent_request(true, token(1));
    let mut response = message(ACK, Code::CONTENT, request.message_id.0, token(1));
    response.options.add(OptionNumber(2001), b"x".to_vec());
    assert_eq!(bench.arrives(response.clone()), []);
    assert!(bench.traced(&Trace::Ignored { peer: peer(), reason: Reason::CriticalOption(OptionNumber(2001)) }));
    let con = Message { message_type: CON, message_id: MessageId(5), ..response.clone() };
    assert_eq!(bench.arrives(con), [empty(RST, MessageId(5))]);
    let non = Message { message_type: NON, message_id: MessageId(6), ..response };
    assert_eq!(bench.arrives(non), []);
    assert_eq!(bench.notices().len(), 1, "only that it was sent");
    assert_eq!(bench.time_out().1, [request]);
}

/// RFC 7252 §4.2, §12.1: classes 1, 6 and 7 are rejected.
#[test]
fn reserved_codes_are_rejected() {
    let mut bench = bench();
    assert_eq!(bench.arrives(message(CON, Code(0xe1), 0x10, token(1))), [empty(RST, MessageId(0x10))]);
    assert_eq!(bench.arrives(message(NON, Code(0x21), 0x11, token(1))), []);
    assert_eq!(bench.notices(), []);
}

/// RFC 7252 §3, §4.2, §4.3: a Reset to a CON with a format error, silence to anything else.
#[test]
fn malformed_datagrams_are_reset_or_ignored() {
    let mut bench = bench();
    let mut arrives = |bytes: &[u8]| {
        let rope = Rope::from(bytes.to_vec());
        bench.cx(|endpoint, cx| endpoint.handle_datagram(peer(), &rope, cx));
        bench.sent()
    };
    assert_eq!(arrives(&[0x4f, 0x01, 0x12, 0x34]), [empty(RST, MessageId(0x1234))]);
    assert_eq!(arrives(&[0x40, 0x01, 0x12, 0x34, 0xff]), [empty(RST, MessageId(0x1234))]);
    for ignored in [&[0x5f, 0x01, 0x12, 0x34][..], &[0x6f, 0, 1, 2], &[0x7f, 0, 1, 2], &[0x80, 1, 1, 2], &[0x40], &[]] {
        assert_eq!(arrives(ignored), []);
    }
    assert!(bench.traced(&Trace::Rejected { peer: peer(), reason: Reason::Format(Flaw::TokenLength(15)) }));
    assert!(bench.endpoint.is_at_rest());
}

/// RFC 7252 §4.7: one request outstanding; an empty ACK, too, makes room.
#[test]
fn nstart_holds_further_requests_back() {
    let mut bench = bench();
    let first = bench.sent_request(true, token(1));
    assert_eq!(bench.request(true, token(2)), Ok(vec![]));
    assert_eq!(bench.request(false, token(3)), Ok(vec![]));
    let second = bench.arrives(empty(ACK, first.message_id));
    assert_eq!((second.len(), second[0].token), (1, token(2)));
    let third = bench.arrives(message(ACK, Code::CONTENT, second[0].message_id.0, token(2)));
    assert_eq!((third.len(), third[0].token, third[0].message_type), (1, token(3), NON));
    // Ids count up, and another peer has a limit of its own.
    assert_eq!(third[0].message_id.0, first.message_id.0.wrapping_add(2));
    assert_eq!(bench.request(true, token(4)), Ok(vec![]));
    let peer = "192.0.2.8:5683".parse().expect("an address");
    let (options, payload) = (Options::new(), Rope::new());
    let other = Command::Request { peer, token: token(4), confirmable: true, method: Code::GET, options, payload };
    assert_eq!(bench.command(other).map(|sent| sent.len()), Ok(1));
}

#[test]
fn nstart_of_two_allows_two() {
    let mut bench = bench_with(|config| config.nstart = 2);
    bench.sent_request(true, token(1));
    bench.sent_request(true, token(2));
    assert_eq!(bench.request(true, token(3)), Ok(vec![]));
}

#[test]
fn cancelled_requests_are_forgotten_wherever_they_stand() {
    let mut bench = bench();
    let first = bench.sent_request(true, token(1));
    bench.request(true, token(2)).expect("queued");
    bench.request(true, token(3)).expect("queued");
    let cancel = |byte| Command::Cancel { peer: peer(), token: token(byte) };
    assert_eq!(bench.command(cancel(2)), Ok(vec![]));
    let next = bench.command(cancel(1)).expect("open");
    assert_eq!((next.len(), next[0].token), (1, token(3)));
    assert_eq!(bench.command(cancel(1)), Err(Misuse::UnknownExchange(token(1))));
    // A late answer to the cancelled request means nothing any more.
    bench.arrives(message(ACK, Code::CONTENT, first.message_id.0, token(1)));
    assert!(!bench.notices().iter().any(|notice| matches!(notice, Notice::ResponseReceived { .. })));
}

#[test]
fn misuse_is_refused_and_changes_nothing() {
    let mut bench = bench();
    bench.sent_request(true, token(1));
    assert_eq!(bench.request(true, token(1)), Err(Misuse::TokenInUse(token(1))));
    let (options, payload) = (Options::new(), Rope::new());
    let wrong =
        Command::Request { peer: peer(), token: token(2), confirmable: true, method: Code::CONTENT, options, payload };
    assert_eq!(bench.command(wrong), Err(Misuse::WrongCode(Code::CONTENT)));
    bench.arrives(message(CON, Code::GET, 1, token(7)));
    bench.effects.retain(|effect| matches!(effect, Effect::Notify(Notice::RequestReceived { .. })));
    let request = bench.received();
    assert_eq!(bench.respond(request, Code::GET), Err(Misuse::WrongCode(Code::GET)));
    assert!(bench.respond(request, Code::CONTENT).is_ok());
}

#[test]
fn an_abandoned_request_is_acknowledged_and_no_more() {
    let mut bench = bench();
    bench.arrives(message(CON, Code::GET, 1, token(7)));
    let request = bench.received();
    assert_eq!(bench.command(Command::Abandon { request }), Ok(vec![empty(ACK, MessageId(1))]));
    assert!(bench.endpoint.is_at_rest());
}

#[test]
fn timeouts_that_come_early_or_twice_are_harmless() {
    let mut bench = bench();
    bench.sent_request(true, token(1));
    let before = bench.deadline();
    bench.cx(Endpoint::handle_timeout);
    assert_eq!((bench.sent(), bench.deadline()), (vec![], before));
    bench.time_out();
    let after = bench.deadline();
    bench.cx(Endpoint::handle_timeout);
    assert_eq!((bench.sent(), bench.deadline()), (vec![], after));
}

/// RFC 7252 §4.4: after 65,536 ids within EXCHANGE_LIFETIME the next message waits for one.
#[test]
fn requests_wait_while_no_message_id_is_free() {
    let mut bench = bench();
    let mut first = None;
    for _ in 0..1 << 16 {
        let request = bench.sent_request(false, token(1));
        first.get_or_insert(request.message_id);
        bench.arrives(message(ACK, Code::EMPTY, 0, Token::EMPTY));
        bench.command(Command::Cancel { peer: peer(), token: token(1) }).expect("open");
        bench.effects.clear();
    }
    assert_eq!(bench.request(false, token(1)), Ok(vec![]));
    assert_eq!(bench.deadline().map(|deadline| deadline.timer), Some("message id"));
    let (at, sent) = bench.time_out();
    assert_eq!(at, LocalTime::ZERO + Span::from_secs(247));
    assert_eq!(Some(sent[0].message_id), first);
}

#[test]
fn parameters_take_effect() {
    let transmission =
        Transmission { ack_timeout: Some(Span::from_secs(1)), max_retransmit: Some(0), ..Transmission::default() };
    let mut bench = bench_with(|config| config.parameters = transmission.parameters());
    bench.sent_request(true, token(1));
    let (at, sent) = bench.time_out();
    assert_eq!(sent, []);
    assert!(at >= LocalTime::ZERO + Span::from_secs(1) && at <= LocalTime::ZERO + Span::from_millis(1_500));
}

/// A host with little memory that notes what is done.
#[derive(Debug)]
struct SmallHost {
    ideal: IdealEnv,
    free: u64,
    work: Vec<Operation>,
}

impl Env for SmallHost {
    fn now(&self) -> LocalTime {
        self.ideal.now()
    }
    fn rng(&mut self, purpose: Purpose) -> &mut Stream {
        self.ideal.rng(purpose)
    }
    fn spend(&mut self, operation: Operation) {
        self.work.push(operation);
    }
    fn reserve(&mut self, bytes: u64) -> Result<(), OutOfMemory> {
        let left = self.free.checked_sub(bytes).ok_or(OutOfMemory { wanted: bytes, free: self.free })?;
        self.free = left;
        Ok(())
    }
    fn release(&mut self, bytes: u64) {
        self.free += bytes;
    }
}

fn small(free: u64) -> Bench<SmallHost> {
    let env = SmallHost { ideal: IdealEnv::new(1), free, work: Vec::new() };
    Bench { endpoint: Endpoint::new(config()), env, effects: Vec::new() }
}

#[test]
fn all_memory_comes_back() {
    let mut bench = small(10_000);
    let request = bench.sent_request(true, token(1));
    bench.request(true, token(2)).expect("queued");
    bench.command(Command::Ping { peer: peer() }).expect("queued");
    assert!(bench.env.free < 10_000);
    let next = bench.arrives(message(ACK, Code::CONTENT, request.message_id.0, token(1)));
    let ping = bench.arrives(message(CON, Code::CONTENT, 70, next[0].token)).pop().expect("the ping comes next");
    bench.arrives(empty(RST, ping.message_id));
    for (id, message_type) in [(80, CON), (81, CON), (82, NON), (83, CON)] {
        bench.notices();
        bench.arrives(message(message_type, Code::GET, id, token(5)));
        let request = bench.received();
        if id == 81 {
            bench.env.ideal.advance(Span::from_millis(100));
            bench.cx(Endpoint::handle_timeout);
        }
        let sent = if id == 83 {
            bench.command(Command::Abandon { request }).expect("open")
        } else {
            bench.respond(request, Code::CONTENT).expect("open")
        };
        bench.arrives(empty(ACK, sent.last().expect("something").message_id));
    }
    assert!(bench.endpoint.is_at_rest());
    assert!(bench.env.free < 10_000, "duplicates' records are kept");
    bench.env.ideal.advance(Span::from_secs(248));
    bench.arrives(empty(CON, MessageId(1)));
    assert_eq!(bench.env.free, 10_000);
}

#[test]
fn without_memory_requests_are_refused_and_messages_ignored() {
    let mut bench = small(79);
    assert_eq!(bench.arrives(message(CON, Code::GET, 1, token(1))), [], "80 bytes are needed");
    assert!(bench.notices().is_empty());
    bench.env.free = 80;
    bench.arrives(message(CON, Code::GET, 1, token(1)));
    let request = bench.received();
    assert!(matches!(bench.request(true, token(1)), Err(Misuse::OutOfMemory(_))));
    assert_eq!(bench.env.free, 0);
    let reply = bench.respond(request, Code::CONTENT).expect("open");
    assert_eq!(bench.arrives(message(CON, Code::GET, 1, token(1))), reply, "memory of the request served keeps it");
}

/// An answer is encoded once, however often it is sent.
#[test]
fn work_is_charged_for_what_is_decoded_and_encoded() {
    let mut bench = small(10_000);
    let get = message(CON, Code::GET, 1, token(1));
    bench.arrives(get.clone());
    let request = bench.received();
    bench.respond(request, Code::CONTENT).expect("open");
    bench.arrives(get);
    let work: Vec<_> = bench.env.work.iter().map(|operation| (operation.name, operation.bytes)).collect();
    assert_eq!(work, [("coap.decode", 5), ("coap.encode", 5), ("coap.decode", 5)]);
}

/// Row 11: NON POST /sensors/t1, token of one byte, 10 bytes of payload: 4 + 1 + 8 + 3 + 1 + 10 = 27.
#[test]
fn messages_are_as_long_as_worked_out_by_hand() {
    let mut post = message(NON, Code::POST, 1, token(1));
    post.options.add_uri_path("/sensors/t1");
    post.payload = Rope::fill(0, 0, 10);
    assert_eq!(post.wire_len(), 27);
    assert_eq!(empty(ACK, MessageId(1)).wire_len(), 4);
    assert_eq!(message(ACK, Code::CHANGED, 1, token(1)).wire_len(), 5);
}
