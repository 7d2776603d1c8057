//! Requests that are wrong: answered as RFC 8489 §9.1.3 and RFC 8445 §7.3 have it, and counted.

use super::*;
use crate::rope::Rope;
use crate::stun::integrity::Key;
use crate::stun::wire::{
    Attribute, AttributeType, Class, ErrorCode, Fields, Message, MessageType, Method, TransactionId, Writer,
};

const BOB_AT: &str = "198.51.100.1:6000";
const FROM: &str = "203.0.113.7:7000";

/// Bob, and what he answers to a request from nowhere.
fn answer_to(make: impl FnOnce(Writer, &World) -> Vec<u8>) -> (World, Option<Vec<u8>>) {
    let mut world = World::begun(&["192.0.2.1:5000"], &[BOB_AT], Span::from_millis(40));
    world.fate = Box::new(|_, _, _, _| None);
    world.run_until(millis(10));
    let before = world.sent(BOB).len();
    let id = TransactionId::from_draws(1, 2);
    let request = make(Writer::new(MessageType::new(Class::Request, Method::BINDING), id), &world);
    world.inject(address(FROM), address(BOB_AT), Rope::from(request));
    let answer = world.sent(BOB).get(before).map(|sent| sent.3.to_bytes().to_vec());
    (world, answer)
}

fn name(world: &World) -> String {
    format!("{}:{}", world.agents[BOB].ufrag(), world.agents[ALICE].ufrag())
}

fn key(world: &World) -> Key {
    Key::short_term(world.agents[BOB].pwd()).unwrap()
}

fn code(answer: Option<Vec<u8>>) -> Option<ErrorCode> {
    let answer = answer.expect("there is an answer");
    let message = Message::parse(&answer).unwrap();
    Fields::read(&message).error
}

fn whole(writer: Writer, world: &World) -> Writer {
    let name = name(world);
    writer.with(Attribute::Username(&name)).with(Attribute::Priority(1)).with(Attribute::IceControlling(1))
}

#[test]
fn a_right_request_is_answered() {
    let (world, answer) = answer_to(|writer, world| whole(writer, world).integrity(&key(world)).fingerprint().finish());
    let answer = answer.unwrap();
    let message = Message::parse(&answer).unwrap();
    assert_eq!(message.class(), Class::Success);
    assert_eq!(Fields::read(&message).xor_mapped, Some(address(FROM)));
    assert_eq!(world.agents[BOB].counts().answered, 1);
}

#[test]
fn without_credentials_it_is_bad() {
    let (world, answer) = answer_to(|writer, _| writer.with(Attribute::Priority(1)).fingerprint().finish());
    assert_eq!(code(answer), Some(ErrorCode::BAD_REQUEST));
    assert_eq!(world.agents[BOB].counts().bad_requests, 1);
}

#[test]
fn wrong_integrity_and_wrong_names_are_unauthenticated() {
    let wrong = Key::short_term("another password that fits").unwrap();
    let (world, answer) = answer_to(|writer, world| whole(writer, world).integrity(&wrong).fingerprint().finish());
    assert_eq!(code(answer), Some(ErrorCode::UNAUTHENTICATED));
    assert_eq!(world.agents[BOB].counts().unauthenticated, 1);
    for name in ["nobody:else", "without", ""] {
        let (_, answer) = answer_to(|writer, world| {
            let writer = writer.with(Attribute::Username(name)).with(Attribute::Priority(1));
            writer.with(Attribute::IceControlling(1)).integrity(&key(world)).fingerprint().finish()
        });
        assert_eq!(code(answer), Some(ErrorCode::UNAUTHENTICATED), "{name:?}");
    }
}

#[test]
fn what_must_be_understood_and_is_not_gets_420() {
    let unknown = AttributeType(0x7abc);
    let (world, answer) = answer_to(|writer, world| {
        whole(writer, world)
            .with(Attribute::Other(unknown, &[1, 2, 3, 4]))
            .integrity(&key(world))
            .fingerprint()
            .finish()
    });
    let answer = answer.unwrap();
    let message = Message::parse(&answer).unwrap();
    assert_eq!(Fields::read(&message).error, Some(ErrorCode::UNKNOWN_ATTRIBUTE));
    let listed = message.first(AttributeType::UNKNOWN_ATTRIBUTES).unwrap();
    assert_eq!(listed.value, unknown.0.to_be_bytes());
    assert_eq!(world.agents[BOB].counts().unknown_attributes, 1);
}

#[test]
fn without_a_priority_or_a_role_it_is_bad() {
    let (_, answer) = answer_to(|writer, world| {
        let name = name(world);
        let writer = writer.with(Attribute::Username(&name)).with(Attribute::IceControlling(1));
        writer.integrity(&key(world)).fingerprint().finish()
    });
    assert_eq!(code(answer), Some(ErrorCode::BAD_REQUEST));
    let (_, answer) = answer_to(|writer, world| {
        let name = name(world);
        let writer = writer.with(Attribute::Username(&name)).with(Attribute::Priority(1));
        writer.integrity(&key(world)).fingerprint().finish()
    });
    assert_eq!(code(answer), Some(ErrorCode::BAD_REQUEST));
}

/// What is cut off, or has a wrong fingerprint, is no message: no answer, counted.
#[test]
fn malformed_messages_are_dropped_and_counted() {
    let (world, answer) = answer_to(|writer, world| {
        let mut bytes = whole(writer, world).integrity(&key(world)).fingerprint().finish();
        bytes.truncate(60);
        bytes
    });
    assert_eq!((answer, world.agents[BOB].counts().unexpected), (None, 1));
    let (world, answer) = answer_to(|writer, world| {
        let mut bytes = whole(writer, world).integrity(&key(world)).fingerprint().finish();
        *bytes.last_mut().unwrap() ^= 1;
        bytes
    });
    assert_eq!((answer, world.agents[BOB].counts().unexpected), (None, 1));
}

/// USE-CANDIDATE of a peer that does not control is none: Alice controls, so that Bob's wish is not heard by her.
#[test]
fn a_wish_of_the_controlled_end_is_not_heard() {
    let mut world = World::begun(&["192.0.2.1:5000"], &[BOB_AT], Span::from_millis(40));
    world.fate = Box::new(|_, _, _, _| None);
    world.run_until(millis(10));
    let name = format!("{}:{}", world.agents[ALICE].ufrag(), world.agents[BOB].ufrag());
    let key = Key::short_term(world.agents[ALICE].pwd()).unwrap();
    let request = Writer::new(MessageType::new(Class::Request, Method::BINDING), TransactionId::from_draws(1, 2))
        .with(Attribute::Username(&name))
        .with(Attribute::Priority(1))
        .with(Attribute::IceControlled(1))
        .with(Attribute::UseCandidate)
        .integrity(&key)
        .fingerprint()
        .finish();
    world.inject(address(BOB_AT), address("192.0.2.1:5000"), Rope::from(request));
    world.run_until(millis(20));
    assert_eq!(world.selected(ALICE), None);
}
