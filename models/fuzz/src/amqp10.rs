//! AMQP 1.0: a stream, and a server that does all that can be done.

use protosim_core::LocalTime;
use protosim_models::amqp::v10::{
    self as amqp, connection as amqp_connection, link as amqp_link, session as amqp_session,
};
use protosim_models::rope::Rope;

/// A stream of AMQP 1.0, whole and in pieces: what was read is written such that it reads the same. Then all of it as what a client
/// sends to a server that accepts each link, sends on it and answers what comes; and as a message and a value.
pub fn amqp10(data: &[u8]) {
    let [choice, cut, data @ ..] = data else { return };
    // Mostly the header and an open are there.
    let mut stream = amqp::wire::Item::Header(amqp::wire::Header::AMQP).encode();
    if choice & 1 != 0 {
        stream.append(&Rope::from(b"\0\0\0\x11\x02\0\0\0\0\x53\x10\xc0\x04\x01\xa1\x01c".to_vec()));
    }
    if choice & 2 != 0 {
        stream = Rope::new();
    }
    stream.append(&Rope::from(data.to_vec()));
    let (mut whole, mut pieces) = (amqp::wire::Decoder::new(4096), amqp::wire::Decoder::new(4096));
    whole.push(&stream);
    let (mut items, mut at) = (Vec::new(), 0);
    while at < stream.len() {
        pieces.push(&stream.slice(at, u64::from(*cut) + 1));
        at += u64::from(*cut) + 1;
        while let Ok(Some(item)) = pieces.next_item() {
            items.push(item);
        }
    }
    for item in &items {
        let same = whole.next_item().expect("no fault where there was none").expect("an item where there was one");
        assert_eq!(item.encode().to_bytes(), same.encode().to_bytes());
    }
    assert_eq!(whole.next_item(), pieces.next_item());
    let mut again = amqp::wire::Decoder::new(u32::MAX);
    for item in &items {
        let wire = item.encode();
        again.push(&wire);
        let read = again.next_item();
        // Descriptors and arrays may grow; only the open has a limit that does not.
        if let Ok(Some(read)) = read {
            assert_eq!(read.encode().to_bytes(), wire.to_bytes());
        }
    }
    serve_amqp(items);
    let bytes = Rope::from(data.to_vec());
    if let Ok(value) = amqp::wire::Value::decode(&bytes) {
        assert_eq!(amqp::wire::Value::decode(&value.encode()), Ok(value));
    }
    if let Ok(message) = amqp::wire::Message::decode(&bytes) {
        let wire = message.encode();
        let again = amqp::wire::Message::decode(&wire).expect("what was written is read");
        assert_eq!(again.encode().to_bytes(), wire.to_bytes());
    }
}

/// A server that does all that can be done.
fn serve_amqp(items: Vec<amqp::wire::Item>) {
    let mut server =
        amqp_connection::Connection::server(amqp_connection::ConnectionConfig::new("fuzz"), LocalTime::ZERO);
    for item in items {
        server.on_item(item, LocalTime::ZERO);
        let mut channels = Vec::new();
        while let Some(event) = server.event() {
            if let amqp_connection::ConnectionEvent::Session(channel) = event {
                channels.push(channel);
            }
        }
        for channel in channels {
            let Some(session) = server.session(channel) else { continue };
            while let Some(event) = session.event() {
                use_amqp_event(session, event);
            }
            server.take_ended(channel);
        }
        for _ in 0..64 {
            if server.next(LocalTime::ZERO).is_none() {
                break;
            }
        }
    }
    server.into_ends();
}

fn use_amqp_event(session: &mut amqp_session::Session, event: amqp_session::SessionEvent) {
    match event {
        amqp_session::SessionEvent::Attach { remote, attach } => {
            let terms = amqp_link::Terms::of(&attach);
            let credit = amqp_link::Credit::Window(3);
            let options = amqp_session::AttachOptions { credit, ..amqp_session::AttachOptions::default() };
            match attach.role {
                amqp::wire::Role::Sender => {
                    let end = amqp_link::LinkEnd::Receiver(amqp_link::ReceiverState::new(terms));
                    session.accept(remote, end, options).ok();
                }
                amqp::wire::Role::Receiver => {
                    let mut state = amqp_link::SenderState::new(terms);
                    for token in 0..3 {
                        let payload = Rope::fill(1, 0, 700 * token);
                        let settled = token == 1;
                        state.send(amqp_link::Outgoing { token, message_format: 0, payload, settled });
                    }
                    session.accept(remote, amqp_link::LinkEnd::Sender(state), options).ok();
                }
            }
        }
        amqp_session::SessionEvent::Message { handle, tag, .. } => {
            session.settle(handle, &tag, amqp::wire::DeliveryState::Accepted).ok();
        }
        _ => {}
    }
}
