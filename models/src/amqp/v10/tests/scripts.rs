//! Credit, windows, drain, transfers and dispositions, step by step.

use crate::amqp::v10::link::{Credit, LinkEnd, Outgoing, ReceiverState, SenderState, Terms};
use crate::amqp::v10::session::{AttachOptions, Session, SessionConfig, SessionEvent as E, SessionState};
use crate::amqp::v10::wire::{
    AnyTarget, Attach, Begin, Condition, DeliveryState, DeliveryTag, Detach, Disposition, Flow, Performative as P,
    ReceiverSettleMode, Role, SenderSettleMode, Source, Target, Transfer,
};
use crate::rope::Rope;

fn terms(rcv: ReceiverSettleMode) -> Terms {
    Terms::new("l", Source::new("s"), Target::new("q")).with_modes(SenderSettleMode::Mixed, rcv)
}

/// The peer's attach.
fn attach(role: Role, rcv: ReceiverSettleMode, count: Option<u32>) -> Attach {
    Attach {
        name: "l".into(),
        handle: 5,
        role,
        snd_settle_mode: None,
        rcv_settle_mode: Some(rcv),
        source: Some(Box::new(Source::new("s"))),
        target: Some(AnyTarget::Node(Box::new(Target::new("q")))),
        unsettled: None,
        incomplete_unsettled: None,
        initial_delivery_count: count,
        max_message_size: None,
        offered_capabilities: vec![],
        desired_capabilities: vec![],
        properties: None,
    }
}

/// A session that the peer has begun with this window, and our ids.
fn session(window: u32, config: &SessionConfig) -> Session {
    let begin = Begin { incoming_window: window, outgoing_window: 1, ..Begin::default() };
    let mut session = Session::answer(config, 512, &begin, 3);
    assert!(matches!(session.next_performative(), Some((P::Begin(begin), _)) if begin.remote_channel == Some(3)));
    session
}

fn give(session: &mut Session, performative: P) {
    session.on_performative(performative, &Rope::new()).unwrap();
}

fn events(session: &mut Session) -> Vec<E> {
    std::iter::from_fn(|| session.event()).collect()
}

fn said(session: &mut Session) -> Vec<P> {
    std::iter::from_fn(|| session.next_performative()).map(|(performative, _)| performative).collect()
}

/// A sender of ours with handle 0, of the peer's handle 5.
fn sender(window: u32, config: &SessionConfig, rcv: ReceiverSettleMode, count: u32) -> Session {
    let mut session = session(window, config);
    let options = AttachOptions { initial_delivery_count: count, ..AttachOptions::default() };
    session.attach(LinkEnd::Sender(SenderState::new(terms(rcv))), options).unwrap();
    give(&mut session, P::Attach(Box::new(attach(Role::Receiver, rcv, None))));
    assert!(matches!(events(&mut session)[..], [E::Attached { handle: 0, .. }]));
    assert!(matches!(said(&mut session)[..], [P::Attach(_)]));
    session
}

/// A receiver of ours with handle 0, of the peer's handle 5.
fn receiver(rcv: ReceiverSettleMode, options: AttachOptions, config: &SessionConfig) -> Session {
    let mut session = session(10, config);
    give(&mut session, P::Attach(Box::new(attach(Role::Sender, rcv, Some(0)))));
    assert!(matches!(events(&mut session)[..], [E::Attach { remote: 5, .. }]));
    session.accept(5, LinkEnd::Receiver(ReceiverState::new(terms(rcv))), options).unwrap();
    session
}

fn send(session: &mut Session, token: u64, len: u64, settled: bool) {
    let payload = Rope::fill(token as u32, 0, len);
    session.send(0, Outgoing { token, message_format: 0, payload, settled }).unwrap();
}

fn flow(count: Option<u32>, credit: u32, drain: bool) -> P {
    P::Flow(Box::new(Flow {
        next_incoming_id: None,
        incoming_window: 100,
        handle: Some(5),
        delivery_count: count,
        link_credit: Some(credit),
        drain: Some(drain),
        ..Flow::default()
    }))
}

/// Delivery-ids and `more` of transfers.
fn transfers(session: &mut Session) -> Vec<(Option<u32>, bool)> {
    said(session)
        .into_iter()
        .map(|performative| match performative {
            P::Transfer(transfer) => (transfer.delivery_id, transfer.more == Some(true)),
            other => panic!("{other:?}"),
        })
        .collect()
}

/// §2.6.7: link-credit(snd) = delivery-count(rcv) + link-credit(rcv) − delivery-count(snd).
#[test]
fn a_sender_sends_what_it_has_credit_for() {
    // The count begins two before it goes round: after three deliveries it is 1.
    let mut session = sender(100, &SessionConfig::default(), ReceiverSettleMode::First, u32::MAX - 1);
    (0..9).for_each(|token| send(&mut session, token, 10, true));
    assert_eq!(transfers(&mut session), [], "no credit yet");
    // A receiver that has not seen the attach: from the initial count, 3.
    give(&mut session, flow(None, 3, false));
    assert_eq!(transfers(&mut session), [(Some(0), false), (Some(1), false), (Some(2), false)]);
    // The receiver has seen one (count 2³² − 1) and gives 4: −1 + 4 − 1 = 2 more.
    give(&mut session, flow(Some(u32::MAX), 4, false));
    assert_eq!(transfers(&mut session), [(Some(3), false), (Some(4), false)]);
    // It takes back: it has seen all five (count 3) and gives nothing.
    give(&mut session, flow(Some(3), 0, false));
    assert_eq!(transfers(&mut session), []);
    // It had seen four of five (count 2) when it took all back: 2 + 0 − 3 is less than nothing.
    give(&mut session, flow(Some(2), 0, false));
    assert_eq!(transfers(&mut session), []);
    assert_eq!(session.sender(0), Ok((4, 0, 0)));
    give(&mut session, flow(Some(3), u32::MAX, false));
    assert_eq!(transfers(&mut session).len(), 4);
}

/// §2.6.7: what is left of the credit is used up, and the receiver is told: count 0 + 5, credit 0.
#[test]
fn a_drained_sender_uses_up_its_credit() {
    let mut session = sender(100, &SessionConfig::default(), ReceiverSettleMode::First, 0);
    (0..2).for_each(|token| send(&mut session, token, 10, true));
    give(&mut session, flow(Some(0), 5, true));
    let said = said(&mut session);
    assert!(matches!(said[..2], [P::Transfer(_), P::Transfer(_)]));
    let [_, _, P::Flow(flow)] = &said[..] else { panic!("{said:?}") };
    assert_eq!((flow.handle, flow.delivery_count, flow.link_credit), (Some(0), Some(5), Some(0)));
    assert_eq!((flow.drain, flow.available), (Some(true), Some(0)));
}

/// §2.7.4: an echo is answered, for a link and for the session.
#[test]
fn a_flow_with_echo_is_answered() {
    let mut session = sender(100, &SessionConfig::default(), ReceiverSettleMode::First, 0);
    let P::Flow(mut asked) = flow(Some(0), 0, false) else { unreachable!() };
    asked.echo = Some(true);
    send(&mut session, 1, 10, false);
    give(&mut session, P::Flow(asked));
    let said_now = said(&mut session);
    let [P::Flow(answer)] = &said_now[..] else { panic!("{said_now:?}") };
    assert_eq!((answer.handle, answer.available, answer.echo), (Some(0), Some(1), None));
    let asked = Flow { incoming_window: 1, echo: Some(true), ..Flow::default() };
    give(&mut session, P::Flow(Box::new(asked)));
    assert!(matches!(&said(&mut session)[..], [P::Flow(flow)] if flow.handle.is_none()));
}

/// §2.5.6: remote-incoming-window = next-incoming-id(flow) + incoming-window(flow) − next-outgoing-id, modulo 2³².
#[test]
fn transfers_stop_at_the_session_window() {
    let config = SessionConfig { next_outgoing_id: u32::MAX, ..SessionConfig::default() };
    let mut session = sender(2, &config, ReceiverSettleMode::First, 0);
    (0..9).for_each(|token| send(&mut session, token, 10, true));
    let flow = |next, window| {
        P::Flow(Box::new(Flow {
            next_incoming_id: next,
            incoming_window: window,
            handle: Some(5),
            delivery_count: Some(0),
            link_credit: Some(100),
            ..Flow::default()
        }))
    };
    // From initial-outgoing-id = 2³² − 1, nothing sent: 2.
    give(&mut session, flow(None, 2));
    assert_eq!(transfers(&mut session), [(Some(u32::MAX), false), (Some(0), false)]);
    // The peer has seen one of the two, 2³² − 1, and expects 0; next-outgoing-id is 1: 0 + 3 − 1 = 2.
    give(&mut session, flow(Some(0), 3));
    assert_eq!(transfers(&mut session), [(Some(1), false), (Some(2), false)]);
    // It has seen none of those, and closes its window: less than nothing.
    give(&mut session, flow(Some(0), 0));
    assert_eq!(transfers(&mut session), []);
    assert_eq!(session.remote_incoming_window(), 0);
}

/// §2.5.6: a transfer beyond the window ends the session; flows give the window anew at half of it.
#[test]
fn a_window_is_given_anew_and_not_overrun() {
    let config = SessionConfig { incoming_window: 4, ..SessionConfig::default() };
    let options = AttachOptions { credit: Credit::Window(100), ..AttachOptions::default() };
    let mut session = receiver(ReceiverSettleMode::First, options, &config);
    said(&mut session);
    let transfer = |id: u32| {
        P::Transfer(Box::new(Transfer {
            handle: 5,
            delivery_id: Some(id),
            delivery_tag: Some(DeliveryTag::new(id.to_be_bytes().to_vec()).unwrap()),
            settled: Some(true),
            ..Transfer::default()
        }))
    };
    give(&mut session, transfer(0));
    assert_eq!(said(&mut session), []);
    give(&mut session, transfer(1));
    // next-incoming-id began at the begin's 0: 2; the window is 4 again.
    let said_now = said(&mut session);
    let [P::Flow(flow)] = &said_now[..] else { panic!("{said_now:?}") };
    assert_eq!((flow.next_incoming_id, flow.incoming_window, flow.handle), (Some(2), 4, None));
    // Its owner stops it: what was given stays given.
    session.set_incoming_window(0);
    (2..6).for_each(|id| give(&mut session, transfer(id)));
    assert_eq!(said(&mut session), []);
    assert_eq!(session.state(), SessionState::Mapped);
    give(&mut session, transfer(6));
    let said_now = said(&mut session);
    let [P::End(end)] = &said_now[..] else { panic!("{said_now:?}") };
    assert_eq!(end.error.as_ref().unwrap().known(), Some(Condition::WindowViolation));
    assert_eq!(session.state(), SessionState::Discarding);
    // What was on its way is discarded until the peer's end (§2.5.5).
    give(&mut session, transfer(7));
    give(&mut session, P::End(Box::default()));
    assert_eq!(session.state(), SessionState::Unmapped);
}

/// §2.6.14: 1200 bytes in frames of 512: the first has 8 of header, 3 of descriptor, 2 + 1 of list, and fields handle 43, delivery-id 43,
/// tag a0 01 00, format 43, settled 42, more 41: 8 + 3 + 3 + 8 = 22, so 490 bytes of payload; those behind have handle 43, four nulls and 41:
/// 8 + 3 + 3 + 6 = 20, so 492; 218 are left for the third, whose fields are but the handle.
#[test]
fn a_large_message_is_cut_by_the_frame_size() {
    let mut session = sender(100, &SessionConfig::default(), ReceiverSettleMode::First, 0);
    send(&mut session, 1, 1200, false);
    give(&mut session, flow(Some(0), 9, false));
    let mut lens = vec![];
    let mut whole = Rope::new();
    while let Some((P::Transfer(transfer), payload)) = session.next_performative() {
        lens.push((payload.len(), transfer.more, transfer.delivery_id));
        whole.append(&payload);
    }
    assert_eq!(lens, [(490, Some(true), Some(0)), (492, Some(true), None), (218, None, None)]);
    assert_eq!(whole, Rope::fill(1, 0, 1200));
}

/// §2.7.5: a delivery that is given up is settled on both sides, and its message does not come.
#[test]
fn an_aborted_delivery_is_forgotten() {
    let mut session = sender(2, &SessionConfig::default(), ReceiverSettleMode::First, 0);
    send(&mut session, 1, 1200, false);
    send(&mut session, 2, 10, false);
    let P::Flow(mut first) = flow(Some(0), 9, false) else { unreachable!() };
    first.incoming_window = 1;
    give(&mut session, P::Flow(first));
    assert_eq!(transfers(&mut session), [(Some(0), true)]);
    assert_eq!(session.abort(0, 1), Ok(true));
    assert_eq!(session.abort(0, 1), Ok(false));
    give(&mut session, flow(Some(0), 9, false));
    let said_now = said(&mut session);
    let [P::Transfer(aborted), P::Transfer(next)] = &said_now[..] else { panic!("{said_now:?}") };
    assert_eq!((aborted.aborted, aborted.more, next.delivery_id), (Some(true), None, Some(1)));
    assert_eq!(session.sender(0).unwrap().1, 1, "the second alone is unsettled");
    // The other end.
    let mut session = receiver(ReceiverSettleMode::First, AttachOptions::default(), &SessionConfig::default());
    session.give_credit(0, 2, false).unwrap();
    said(&mut session);
    let tag = Some(DeliveryTag::new(&b"a"[..]).unwrap());
    let begin =
        Transfer { handle: 5, delivery_id: Some(0), delivery_tag: tag, more: Some(true), ..Transfer::default() };
    session.on_performative(P::Transfer(Box::new(begin)), &Rope::fill(1, 0, 99)).unwrap();
    give(&mut session, P::Transfer(Box::new(Transfer { handle: 5, aborted: Some(true), ..Transfer::default() })));
    assert_eq!(events(&mut session), []);
    assert_eq!(session.receiver(0), Ok((0, 1, 0)));
}

/// §2.6.12: one disposition settles a range, across which ids go round; with mode second the sender answers with one of its own.
#[test]
fn a_disposition_settles_a_range() {
    for rcv in [ReceiverSettleMode::First, ReceiverSettleMode::Second] {
        let config = SessionConfig { next_outgoing_id: u32::MAX - 1, ..SessionConfig::default() };
        let mut session = sender(100, &config, rcv, 0);
        (0..5).for_each(|token| send(&mut session, token, 10, false));
        let P::Flow(mut first) = flow(Some(0), 9, false) else { unreachable!() };
        first.next_incoming_id = Some(u32::MAX - 1);
        give(&mut session, P::Flow(first));
        assert_eq!(transfers(&mut session).len(), 5);
        let settled = (rcv == ReceiverSettleMode::First).then_some(true);
        let state = Some(DeliveryState::Accepted);
        let said_by = |role, settled, first, last| {
            let state = state.clone();
            P::Disposition(Box::new(Disposition { role, first, last, settled, state, batchable: None }))
        };
        give(&mut session, said_by(Role::Receiver, settled, u32::MAX, Some(1)));
        let done = |token| E::Done { handle: 0, token, state: Some(DeliveryState::Accepted) };
        assert_eq!(events(&mut session), [done(1), done(2), done(3)]);
        let answer = match rcv {
            ReceiverSettleMode::First => vec![],
            ReceiverSettleMode::Second => vec![said_by(Role::Sender, Some(true), u32::MAX, Some(1))],
        };
        assert_eq!(said(&mut session), answer);
        // Again, and for what is not known: nothing.
        give(&mut session, said_by(Role::Receiver, settled, u32::MAX, Some(1)));
        assert_eq!(events(&mut session), []);
        assert_eq!(session.sender(0).unwrap().1, 2);
    }
}

/// §2.6.7, §2.6.12, §2.7.3: what is wrong with a link detaches it, closed.
#[test]
fn faults_of_a_link_detach_it() {
    let detached = |transfers: Vec<Transfer>, len: u64, credit: u32| {
        let options = AttachOptions { max_message_size: 100, ..AttachOptions::default() };
        let mut session = receiver(ReceiverSettleMode::First, options, &SessionConfig::default());
        session.give_credit(0, credit, false).unwrap();
        said(&mut session);
        for transfer in transfers {
            session.on_performative(P::Transfer(Box::new(transfer)), &Rope::fill(1, 0, len)).unwrap();
        }
        events(&mut session);
        let said_now = said(&mut session);
        let Some(P::Detach(detach)) = said_now.last() else { panic!("{said_now:?}") };
        assert_eq!(detach.closed, Some(true));
        give(&mut session, P::Detach(Box::new(Detach { handle: 5, closed: Some(true), error: None })));
        assert!(matches!(&events(&mut session)[..], [E::Detached { handle: 0, closed: true, .. }]));
        detach.error.as_ref().unwrap().known().unwrap()
    };
    let first = |id: u32| Transfer {
        handle: 5,
        delivery_id: Some(id),
        delivery_tag: Some(DeliveryTag::new(&b"a"[..]).unwrap()),
        ..Transfer::default()
    };
    assert_eq!(detached(vec![first(0)], 10, 0), Condition::TransferLimitExceeded);
    assert_eq!(detached(vec![first(0)], 101, 1), Condition::MessageSizeExceeded);
    assert_eq!(detached(vec![Transfer { handle: 5, ..Transfer::default() }], 1, 1), Condition::InvalidField);
    assert_eq!(detached(vec![first(0), first(1)], 1, 2), Condition::NotAllowed);
    let more = Transfer { more: Some(true), ..first(0) };
    assert_eq!(detached(vec![more, first(1)], 1, 2), Condition::NotAllowed);
}

/// §2.6.2, §2.6.3: what is wrong with handles ends the session; one beyond the handle-max closes the connection (§2.7.2).
#[test]
fn faults_of_handles_end_the_session() {
    let ended = |performatives: Vec<P>| {
        let options = AttachOptions::default();
        let mut session = receiver(ReceiverSettleMode::First, options, &SessionConfig::default());
        performatives.into_iter().for_each(|performative| give(&mut session, performative));
        let said_now = said(&mut session);
        let Some(P::End(end)) = said_now.last() else { panic!("{said_now:?}") };
        end.error.as_ref().unwrap().known().unwrap()
    };
    let P::Flow(mut unknown) = flow(Some(0), 1, false) else { unreachable!() };
    unknown.handle = Some(6);
    assert_eq!(ended(vec![P::Flow(unknown)]), Condition::UnattachedHandle);
    let again = attach(Role::Sender, ReceiverSettleMode::First, Some(0));
    assert_eq!(ended(vec![P::Attach(Box::new(again.clone()))]), Condition::HandleInUse);
    let mut session = session(1, &SessionConfig::default());
    let fault = session.on_performative(P::Attach(Box::new(Attach { handle: 256, ..again })), &Rope::new());
    assert_eq!(fault.unwrap_err().condition, Condition::FramingError);
}

/// Credit by window: of 4, two are answered before two are given anew; the receiver's dispositions of a range are one.
#[test]
fn a_receiver_gives_credit_as_it_answers() {
    let options = AttachOptions { credit: Credit::Window(4), ..AttachOptions::default() };
    let mut session = receiver(ReceiverSettleMode::First, options, &SessionConfig::default());
    assert!(matches!(&said(&mut session)[..], [P::Attach(_), P::Flow(flow)] if flow.link_credit == Some(4)));
    let tags: Vec<DeliveryTag> = (0..4_u8).map(|id| DeliveryTag::new(vec![id]).unwrap()).collect();
    for (id, tag) in (0..).zip(&tags) {
        let transfer =
            Transfer { handle: 5, delivery_id: Some(id), delivery_tag: Some(tag.clone()), ..Transfer::default() };
        give(&mut session, P::Transfer(Box::new(transfer)));
    }
    assert_eq!(events(&mut session).len(), 4);
    assert_eq!(said(&mut session), [], "all are unanswered");
    assert_eq!(session.receiver(0), Ok((4, 0, 0)));
    assert_eq!(session.settle(0, &tags[0], DeliveryState::Accepted), Ok(true));
    assert_eq!(session.settle(0, &tags[1], DeliveryState::Accepted), Ok(true));
    assert_eq!(session.settle(0, &tags[1], DeliveryState::Released), Ok(false));
    let said_now = said(&mut session);
    let [P::Disposition(disposition), P::Flow(flow)] = &said_now[..] else { panic!("{said_now:?}") };
    assert_eq!((disposition.first, disposition.last, disposition.settled), (0, Some(1), Some(true)));
    // delivery-count 4, two of four are unanswered.
    assert_eq!((flow.delivery_count, flow.link_credit), (Some(4), Some(2)));
}

/// With receiver-settle-mode second, what has its outcome still counts until the sender has settled it, too: of a window of 4, two that it settles are given anew. A sender that settles nothing gets
/// no more than the window.
#[test]
fn a_receiver_gives_credit_for_what_both_have_settled() {
    let options = AttachOptions { credit: Credit::Window(4), ..AttachOptions::default() };
    let mut session = receiver(ReceiverSettleMode::Second, options, &SessionConfig::default());
    said(&mut session);
    for id in 0..4_u8 {
        let tag = DeliveryTag::new(vec![id]).unwrap();
        let id = u32::from(id);
        let transfer =
            Transfer { handle: 5, delivery_id: Some(id), delivery_tag: Some(tag.clone()), ..Transfer::default() };
        give(&mut session, P::Transfer(Box::new(transfer)));
        assert_eq!(session.settle(0, &tag, DeliveryState::Accepted), Ok(true));
    }
    events(&mut session);
    let said_now = said(&mut session);
    let [P::Disposition(disposition)] = &said_now[..] else { panic!("no credit beside the outcomes: {said_now:?}") };
    assert_eq!((disposition.first, disposition.last, disposition.settled), (0, Some(3), None));
    assert_eq!(session.receiver(0), Ok((4, 0, 0)));
    let settles = |first, last| {
        let (role, settled, state) = (Role::Sender, Some(true), Some(DeliveryState::Accepted));
        P::Disposition(Box::new(Disposition { role, first, last: Some(last), settled, state, batchable: None }))
    };
    give(&mut session, settles(0, 0));
    assert!(matches!(&said(&mut session)[..], [P::Flow(flow)] if flow.link_credit == Some(1)), "there was none");
    give(&mut session, settles(1, 2));
    let said_now = said(&mut session);
    let [P::Flow(flow)] = &said_now[..] else { panic!("{said_now:?}") };
    assert_eq!((flow.delivery_count, flow.link_credit), (Some(4), Some(3)));
    assert_eq!(session.receiver(0), Ok((1, 3, 0)));
}

/// A sender that resumes its link again and again, says that its map is incomplete (so that nothing may be taken for settled), and sends new deliveries all the same: beyond twice the window they are
/// refused. With a window of 4 these are 4 on the first session and 4 on the second; the first of the third is the ninth.
#[test]
fn unsettled_deliveries_do_not_pile_up_over_sessions() {
    let options = AttachOptions { credit: Credit::Window(4), ..AttachOptions::default() };
    let mut end = LinkEnd::Receiver(ReceiverState::new(terms(ReceiverSettleMode::Second)));
    for round in 0..3_u8 {
        let mut session = session(10, &SessionConfig::default());
        let incomplete =
            Attach { incomplete_unsettled: Some(true), ..attach(Role::Sender, ReceiverSettleMode::Second, Some(0)) };
        give(&mut session, P::Attach(Box::new(incomplete)));
        events(&mut session);
        session.accept(5, end, options).unwrap();
        said(&mut session);
        for id in 0..4_u8 {
            let (tag, id) = (DeliveryTag::new(vec![round, id]).unwrap(), u32::from(id));
            let transfer =
                Transfer { handle: 5, delivery_id: Some(id), delivery_tag: Some(tag.clone()), ..Transfer::default() };
            give(&mut session, P::Transfer(Box::new(transfer)));
            if round < 2 {
                assert_eq!(session.settle(0, &tag, DeliveryState::Accepted), Ok(true));
            }
        }
        let refused = said(&mut session).into_iter().find_map(|performative| match performative {
            P::Detach(detach) => detach.error.and_then(|error| error.known()),
            _ => None,
        });
        assert_eq!(refused, (round == 2).then_some(Condition::TransferLimitExceeded), "{round}");
        end = session.into_ends().pop().unwrap();
        let LinkEnd::Receiver(state) = &end else { unreachable!() };
        assert_eq!(state.unsettled(), [4, 8, 8][usize::from(round)]);
    }
}

/// §2.6.3: a refused link is attached without a source or target, and detached.
#[test]
fn a_refused_link_is_attached_and_detached() {
    let mut session = session(10, &SessionConfig::default());
    give(&mut session, P::Attach(Box::new(attach(Role::Sender, ReceiverSettleMode::First, Some(0)))));
    session.refuse(5, crate::amqp::v10::wire::Error::new(Condition::NotFound, "no such node")).unwrap();
    let said_now = said(&mut session);
    let [P::Attach(answer), P::Detach(detach)] = &said_now[..] else { panic!("{said_now:?}") };
    assert_eq!((answer.role, &answer.target, &answer.source), (Role::Receiver, &None, &None));
    assert_eq!((detach.closed, detach.error.as_ref().unwrap().known()), (Some(true), Some(Condition::NotFound)));
}
