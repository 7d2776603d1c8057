//! What the fuzz targets check, one function per parser, and how they run.
//!
//! `.ci/run fuzz` compiles them with libFuzzer and coverage, and runs each for some seconds; it says how to compile them so for longer
//! runs. `cargo fuzz run packet` (in `models/`, with a nightly compiler) adds sanitizers. Compiled by plain `cargo build`, a target
//! instead replays the files that are its arguments: a crash that was found, or a corpus.
//!
//! Checksums would stop nearly every input at the door, so the targets put them right.

mod amqp091;
mod amqp10;
mod amqp_broker;
mod broker;
mod dtls;
mod energy;
mod lowpan;
mod stage;

pub use amqp_broker::amqp_broker;
pub use amqp10::amqp10;
pub use amqp091::amqp091;
pub use broker::mqtt_broker;
pub use dtls::dtls;
pub use energy::energy;
pub use lowpan::lowpan;

use protosim_core::machine::{IdealEnv, Machine, MachineCx};
use protosim_core::{LocalTime, Span};
use protosim_models::coap::config::Parameters;
use protosim_models::coap::endpoint::{
    BLOCK_OPTIONS, Command, Endpoint, EndpointConfig, NOTIFICATION_GAP, PROBING_RATE,
};
use protosim_models::coap::wire::{Block, Code, Message, OptionNumber, Options, Token};
use protosim_models::http::wire::{Limits, Method, Part, RequestReader, ResponseReader};
use protosim_models::ice::sdp::{Description, Fragment, Limits as SdpLimits};
use protosim_models::ice::wire::{Attribute as SdpAttribute, Host};
use protosim_models::ice::{Candidate, sdp::default_destination};
use protosim_models::mqtt::session::{Arrival, Limits as MqttLimits, Link, LinkOptions, Session};
use protosim_models::mqtt::wire::{self as mqtt, Decoder, ReasonCode};
use protosim_models::packet::{
    Checksum, ErrorCause, IcmpMessage, Icmpv6Message, IpHeader, Packet, Provenance, TimeExceeded, Transport, protocol,
};
use protosim_models::rope::Rope;
use protosim_models::stun::Credentials;
use protosim_models::stun::integrity::{Key, check_fingerprint, check_sha1, check_sha256};
use protosim_models::stun::wire::{self as stun, frame::FrameReader};
use protosim_models::tls::certificate::{CertificateKind, Trust, decompress, identity, verify, verify_chain};
use protosim_models::tls::codes::{HandshakeType, Version};
use protosim_models::tls::connection::{ClientSide, Connection, Cx, Effect, ServerSide, Side};
use protosim_models::tls::crypto::Mode;
use protosim_models::tls::wire::{Alert, Handshake, MAX_PLAINTEXT, MessageReader, RecordReader};
use protosim_models::tls::{TlsClientConfig, TlsServerConfig};
use protosim_models::turn;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

/// Makes `main` of a fuzz target: libFuzzer's under cargo-fuzz, a replay of files otherwise.
#[macro_export]
macro_rules! target {
    ($check:path) => {
        #[cfg(fuzzing)]
        libfuzzer_sys::fuzz_target!(|data: &[u8]| $check(data));

        #[cfg(not(fuzzing))]
        fn main() -> std::io::Result<()> {
            for path in std::env::args_os().skip(1) {
                $check(&std::fs::read(path)?);
            }
            Ok(())
        }
    };
}

/// A whole packet, as it is.
pub fn packet(data: &[u8]) {
    if let Ok(packet) = Packet::decode(data) {
        use_packet(packet);
    }
}

/// A CoAP message; what was read is written such that it reads the same, and so is what it says of blocks. Then all of it, cut in two, as what two
/// peers and a group send to an endpoint that asks, serves and notifies.
pub fn coap(data: &[u8]) {
    use_coap_endpoint(data);
    if let Ok(message) = Message::decode(&Rope::from(data.to_vec())) {
        for number in [OptionNumber::BLOCK1, OptionNumber::BLOCK2] {
            if let Ok(Some(block)) = message.options.block(number) {
                assert_eq!(Block::from_value(block.value()), Some(block));
                assert_eq!(Block::at(block.offset(), block.size), Some(Block { more: false, ..block }));
            }
        }
    }
    if let Ok(message) = Message::decode(&Rope::from(data.to_vec())) {
        let bytes = message.encode();
        assert_eq!(message.wire_len(), bytes.len() as u64, "the length is known without encoding");
        assert_eq!(Message::decode(&Rope::from(bytes)).as_ref(), Ok(&message), "what was read is written the same");
    }
}

/// An endpoint with a request, an observation and an observer; each third of `data` is a datagram, with time between them.
fn use_coap_endpoint(data: &[u8]) {
    let config = EndpointConfig {
        parameters: Parameters::default(),
        nstart: 2,
        response_wait: Span::from_secs(10),
        piggyback_limit: Span::from_millis(100),
        understood: BLOCK_OPTIONS,
        relays: data.first().is_some_and(|first| first & 1 == 1),
        notification_gap: NOTIFICATION_GAP,
        probing_rate: Some(PROBING_RATE),
    };
    let (mut endpoint, mut env, mut effects) = (Endpoint::new(config), IdealEnv::new(1), Vec::new());
    let peer = |last: u8| std::net::SocketAddr::from(([192, 0, 2, last], 5683));
    let token = Token::new(data.get(4..5).unwrap_or_default()).unwrap_or_default();
    let mut options = Options::new();
    options.add_uint(OptionNumber::OBSERVE, 0);
    let (payload, method, code) = (Rope::new(), Code::GET, Code::CONTENT);
    let commands = [
        Command::Request {
            peer: peer(1),
            token,
            confirmable: true,
            method,
            options: options.clone(),
            payload: payload.clone(),
        },
        Command::Request {
            peer: peer(2),
            token,
            confirmable: false,
            method,
            options: Options::new(),
            payload: payload.clone(),
        },
        Command::Notify {
            peer: peer(1),
            token,
            state: 1,
            confirmable: true,
            code,
            options: options.clone(),
            payload: payload.clone(),
        },
        Command::Notify { peer: peer(2), token, state: 1, confirmable: false, code, options, payload },
    ];
    for command in commands {
        let taken = endpoint.handle_command(command, &mut MachineCx::new(&mut env, &mut effects));
        taken.expect("there is memory, and the tokens are free");
    }
    for (number, part) in data.chunks(data.len().div_ceil(3).max(1)).enumerate() {
        let datagram = Rope::from(part.to_vec());
        let cx = &mut MachineCx::new(&mut env, &mut effects);
        endpoint.handle_datagram(peer(1), &datagram, cx);
        endpoint.handle_datagram(peer(2), &datagram, cx);
        endpoint.handle_group_datagram(peer(3), &datagram, cx);
        env.now = env.now + Span::from_secs(1 << number);
        endpoint.handle_timeout(&mut MachineCx::new(&mut env, &mut effects));
        assert!(endpoint.poll_timeout().is_none_or(|next| next.at > env.now), "what was due is done");
    }
    // Whatever was said, all comes to an end but what is observed and what the application owes.
    for _ in 0..200 {
        let Some(next) = endpoint.poll_timeout() else { return };
        env.now = next.at;
        endpoint.handle_timeout(&mut MachineCx::new(&mut env, &mut effects));
    }
    panic!("it never comes to rest");
}

/// A STUN message, whose length, where the first byte says so, is put right; attributes that were read are written such that they
/// read the same. Then all of it as a stream of messages and ChannelData, and as what a client sends to a TURN server.
pub fn stun(data: &[u8]) {
    let Some((choice, data)) = data.split_first() else { return };
    let mut bytes = data.to_vec();
    if choice & 1 != 0 && bytes.len() >= stun::HEADER_LEN {
        bytes.truncate(bytes.len().min(1 << 15) / 4 * 4);
        bytes[0] &= 0x3f;
        let len = (bytes.len() - stun::HEADER_LEN) as u16;
        bytes[2..4].copy_from_slice(&len.to_be_bytes());
        bytes[4..8].copy_from_slice(&stun::MAGIC_COOKIE.to_be_bytes());
    }
    if let Ok(message) = stun::Message::parse(&bytes) {
        use_stun(&message);
    }
    let mut frames = FrameReader::default();
    frames.push(&Rope::from(bytes.clone()));
    while let Ok(Some(frame)) = frames.next_frame() {
        assert!(!frame.is_empty(), "a frame has a header");
    }
    let address = "192.0.2.1:3478".parse().expect("an address");
    let config = turn::ServerConfig::new(Credentials::None, Ipv4Addr::new(192, 0, 2, 1).into());
    let mut server = turn::Server::new(config).expect("no credentials that could be wrong");
    let (mut env, mut effects) = (IdealEnv::new(1), Vec::new());
    let tuple = turn::FiveTuple { client: address, server: address, transport: turn::Transport::Udp };
    let place = turn::server::Place::Client(tuple);
    // Twice: the first may have allocated.
    for _ in 0..2 {
        let payload = Rope::from(bytes.clone());
        let envelope = turn::server::Envelope { place, payload };
        server.handle_message(envelope, &mut MachineCx::new(&mut env, &mut effects));
    }
}

fn use_stun(message: &stun::Message<'_>) {
    let id = message.transaction();
    let fields = stun::Fields::read(message);
    let key = Key::short_term("password").expect("a password");
    let _ = (check_sha1(message, &key), check_sha256(message, &key, 16), check_fingerprint(message));
    assert!(fields.unknown.len() <= stun::MAX_ATTRIBUTES);
    let read = |message: &stun::Message<'_>| -> Vec<_> {
        message.attributes().map(|raw| (raw.kind, format!("{:?}", raw.read(id)))).collect()
    };
    let mut writer = stun::Writer::new(message.kind(), id);
    for raw in message.attributes() {
        writer = writer.with(raw.read(id).unwrap_or(stun::Attribute::Other(raw.kind, raw.value)));
    }
    let bytes = writer.finish();
    let again = stun::Message::parse(&bytes).expect("what was written is a message");
    assert_eq!(read(&again), read(message), "what was read is written such that it reads the same");
}

/// A description of a session and a fragment of one; what was read is written such that it reads the same.
pub fn sdp(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    // What is written may be longer: what stands once for the session is written for each medium.
    if let Ok(read) = Description::parse(&text) {
        let again = Description::parse_within(&read.to_string(), SdpLimits::NONE);
        assert_eq!(again.as_ref(), Ok(&read), "what was read is written such that it reads the same");
        for media in &read.media {
            let _ = (media.is_mismatched(), default_destination(&media.candidates, 1));
        }
    }
    if let Ok(read) = Fragment::parse(&text) {
        let again = Fragment::parse_within(&read.to_string(), SdpLimits::NONE);
        assert_eq!(again.as_ref(), Ok(&read), "what was read is written such that it reads the same");
    }
}

/// The value of `a=candidate`, an attribute and an address; what was read is written such that it reads the same.
pub fn ice_candidate(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(Some(read)) = Candidate::parse(&text) {
        let again = Candidate::parse(&read.to_string());
        assert_eq!(again, Ok(Some(read)), "what was read is written such that it reads the same");
    }
    if let Ok(Some(read)) = Host::parse(&text) {
        assert_eq!(
            Host::parse(&read.to_string()),
            Ok(Some(read)),
            "what was read is written such that it reads the same"
        );
    }
    match SdpAttribute::parse(&text) {
        Ok(SdpAttribute::RemoteCandidates(read)) if !read.0.is_empty() => {
            let line = format!("remote-candidates:{read}");
            assert_eq!(SdpAttribute::parse(&line), Ok(SdpAttribute::RemoteCandidates(read)));
        }
        Ok(SdpAttribute::IceOptions(read)) if read.ice2 || read.trickle => {
            let line = format!("ice-options:{read}");
            assert_eq!(SdpAttribute::parse(&line), Ok(SdpAttribute::IceOptions(read)));
        }
        _ => {}
    }
}

/// A stream of TLS records that comes in pieces, as long as the first byte says; records are written as they came.
pub fn tls_record(data: &[u8]) {
    let Some((piece, stream)) = data.split_first() else { return };
    let mut records = RecordReader::default();
    let mut written = Vec::new();
    'stream: for part in stream.chunks(usize::from(*piece).max(1)) {
        records.push(&Rope::from(part.to_vec()));
        loop {
            match records.next(MAX_PLAINTEXT) {
                Ok(Some(record)) => record.to_rope().write_to(&mut written),
                Ok(None) => break,
                Err(_) => break 'stream,
            }
        }
    }
    assert!(stream.starts_with(&written), "records are written as they came");
    if let Ok(alert) = Alert::decode(stream) {
        assert_eq!(alert.encode(), *stream, "an alert is written as it came");
    }
}

/// TLS handshake messages, of the version that the first byte says; what was read is written such that it reads the same.
pub fn tls_handshake(data: &[u8]) {
    let Some((choice, stream)) = data.split_first() else { return };
    let version = if choice & 1 == 0 { Version::TLS13 } else { Version::TLS12 };
    let mut messages = MessageReader::default();
    messages.push(stream);
    let mut rest = stream.len();
    while let Ok(Some((kind, whole))) = messages.next(1 << 17) {
        rest -= whole.len();
        check_handshake(kind, &whole[4..], version);
    }
    assert_eq!(messages.is_empty(), rest == 0, "nothing is lost");
    // Without a header, which would rarely fit.
    if let Some((kind, body)) = stream.split_first() {
        check_handshake(HandshakeType(*kind), body, version);
    }
}

fn check_handshake(kind: HandshakeType, body: &[u8], version: Version) {
    if let Ok(message) = Handshake::decode(kind, body, version) {
        let bytes = message.encode();
        assert_eq!(message.kind(), kind);
        let again = Handshake::decode(kind, &bytes[4..], version);
        assert_eq!(again.as_ref(), Ok(&message), "what was read is written such that it reads the same");
    }
}

/// What an end of a TLS connection does with whatever comes: a client or a server, before the handshake or after it, in pieces. All three are said by the
/// first two bytes.
pub fn tls_connection(data: &[u8]) {
    let [choice, cut, data @ ..] = data else { return };
    let (mut client, mut server) = (TlsPeer::client(), TlsPeer::server());
    if choice & 1 != 0 {
        while client.sends_to(&mut server) || server.sends_to(&mut client) {}
    }
    let peer = if choice & 2 != 0 { &mut client } else { &mut server };
    for piece in data.chunks(usize::from(*cut) + 1) {
        peer.take(&Rope::from(piece.to_vec()));
    }
    peer.connection.write(&Rope::fill(1, 0, 100), &mut Cx { env: &mut peer.env, effects: &mut peer.effects });
}

struct TlsPeer {
    side: Side,
    connection: Connection,
    env: IdealEnv,
    effects: Vec<Effect>,
}

impl TlsPeer {
    fn client() -> Self {
        let (mut env, mut effects) = (IdealEnv::new(1), Vec::new());
        let mut side = ClientSide::new(Arc::new(TlsClientConfig::default().resolve("server")), None, Trust::default());
        let connection = Connection::client(Mode::Sized, &mut side, &mut Cx { env: &mut env, effects: &mut effects });
        Self { side: Side::Client(side), connection, env, effects }
    }

    fn server() -> Self {
        let config = TlsServerConfig::default();
        let own = Arc::new(identity(Mode::Sized, &config.certificate, "example.com"));
        let side = ServerSide::new(Arc::new(config.resolve()), own, Trust::default());
        let connection = Connection::server(Mode::Sized, &side);
        Self { side: Side::Server(side), connection, env: IdealEnv::new(2), effects: Vec::new() }
    }

    fn take(&mut self, bytes: &Rope) {
        let mut cx = Cx { env: &mut self.env, effects: &mut self.effects };
        self.connection.handle_bytes(bytes, &mut self.side, &mut cx);
    }

    /// Carries what this end has to send; false if that is nothing.
    fn sends_to(&mut self, other: &mut Self) -> bool {
        let mut sent = false;
        for effect in std::mem::take(&mut self.effects) {
            if let Effect::Transmit(bytes) = effect {
                sent = true;
                other.take(&bytes);
            }
        }
        sent
    }
}

/// A stream of HTTP/1.1, of requests and of responses; the first byte says where it is cut. Heads that were read are written such that
/// they read the same.
pub fn http(data: &[u8]) {
    let Some((cut, data)) = data.split_first() else { return };
    let cut = usize::from(*cut) + 1;
    // What is written may be longer by the space behind each colon.
    let wide = Limits { line: 1 << 20, head: 1 << 24, ..Limits::default() };
    let (mut requests, mut out) = (RequestReader::default(), Vec::new());
    let _ = data.chunks(cut).try_for_each(|piece| requests.feed(&Rope::from(piece.to_vec()), &mut out));
    let _ = requests.finish(&mut out);
    for part in out {
        if let Part::Head(head) = part {
            let (mut again, mut parts) = (RequestReader::new(wide), Vec::new());
            assert_eq!(again.feed(&Rope::from(head.encode()), &mut parts), Ok(()));
            assert_eq!(parts.first(), Some(&Part::Head(head)), "what was read is written the same");
        }
    }
    let (mut responses, mut out) = (ResponseReader::default(), Vec::new());
    (0..4).for_each(|_| responses.expect(Method::Get));
    let _ = data.chunks(cut).try_for_each(|piece| responses.feed(&Rope::from(piece.to_vec()), &mut out));
    let _ = responses.finish(&mut out);
    for part in out {
        if let Part::Head(head) = part {
            let (mut again, mut parts) = (ResponseReader::new(wide), Vec::new());
            again.expect(Method::Get);
            assert_eq!(again.feed(&Rope::from(head.encode()), &mut parts), Ok(()));
            assert_eq!(parts.first(), Some(&Part::Head(head)), "what was read is written the same");
        }
    }
}

/// A stream of MQTT, to a server or to a client of either version, as one piece and as pieces of a length that the input says: the same
/// packets, and the same fault at their end. What was read is written, and read the same. A session takes all of it.
pub fn mqtt(data: &[u8]) {
    let [who, cut, data @ ..] = data else { return };
    let cut = usize::from(*cut) + 1;
    let decoder = || match who % 3 {
        0 => Decoder::of_server(),
        1 => Decoder::of_client(mqtt::Version::V311),
        _ => Decoder::of_client(mqtt::Version::V5),
    };
    let (mut whole, mut pieces) = (decoder(), decoder());
    whole.push(&Rope::from(data.to_vec()));
    let mut packets = Vec::new();
    for piece in data.chunks(cut) {
        pieces.push(&Rope::from(piece.to_vec()));
        while let Ok(Some(packet)) = pieces.next_packet() {
            packets.push(packet);
        }
    }
    for packet in packets {
        let version = pieces.version().expect("a packet says its version");
        let wire = packet.encode(version).expect("what was read can be written");
        assert_eq!(wire.len(), packet.wire_len(version));
        let same = whole.next_packet().expect("no fault where there was none").expect("a packet where there was one");
        assert_eq!(wire.to_bytes(), same.encode(version).expect("what was read can be written").to_bytes());
        let mut again = decoder();
        if let (0, false) = (who % 3, matches!(packet, mqtt::Packet::Connect(_))) {
            again.push(&greeting(version));
            assert!(matches!(again.next_packet(), Ok(Some(_))));
        }
        again.push(&wire);
        let read = again.next_packet().expect("what was written is read").expect("all of it");
        assert_eq!(read.encode(version).expect("it is the same").to_bytes(), wire.to_bytes());
        assert_eq!(again.waiting(), 0);
    }
    assert_eq!(whole.next_packet(), pieces.next_packet());
    deliver(data, decoder());
}

/// A CONNECT.
fn greeting(version: mqtt::Version) -> Rope {
    let head = [&b"\x10\x0d\x00\x04MQTT"[..], &[version.level()], b"\x02\x00\x00"].concat();
    match version {
        mqtt::Version::V311 => [&head[..], b"\x00\x01c"].concat().into(),
        mqtt::Version::V5 => [&[0x10, 0x0e], &head[2..], b"\x00\x00\x01c"].concat().into(),
    }
}

/// Gives all that comes to a session that has sent something itself, until it finds a fault.
fn deliver(data: &[u8], mut decoder: Decoder) {
    decoder.push(&Rope::from(data.to_vec()));
    let (mut session, limits) = (Session::new(), MqttLimits::default());
    let version = decoder.version().unwrap_or(mqtt::Version::V5);
    let options = LinkOptions { receive_maximum: 9, receive_aliases: 3, send_maximum: 5, ..LinkOptions::new(version) };
    let mut link = Link::new(&session, options);
    while let Ok(Some(packet)) = decoder.next_packet() {
        while session.next(&mut link, &limits, LocalTime::ZERO).is_some() {}
        let done = match packet {
            mqtt::Packet::Publish(publish) => match session.on_publish(&mut link, &limits, publish, LocalTime::ZERO) {
                Ok(Arrival::AtMostOnce(message)) => {
                    session.publish(Some(&mut link), &limits, message);
                    continue;
                }
                Ok(Arrival::Deliver(message) | Arrival::Hold(message)) => {
                    session.publish(Some(&mut link), &limits, message);
                    assert!(session.answer(&mut link, ReasonCode::Success));
                    continue;
                }
                Ok(Arrival::Repeated) => {
                    assert!(session.answer(&mut link, ReasonCode::Success));
                    continue;
                }
                Err(_) => return,
            },
            mqtt::Packet::Puback(ack) => session.on_puback(&mut link, ack.id, ack.reason),
            mqtt::Packet::Pubrec(ack) => session.on_pubrec(&mut link, ack.id, ack.reason),
            mqtt::Packet::Pubcomp(ack) => session.on_pubcomp(&mut link, ack.id, ack.reason),
            mqtt::Packet::Pubrel(ack) => {
                session.on_pubrel(&mut link, ack.id);
                continue;
            }
            mqtt::Packet::Disconnect(_) => {
                link = Link::new(&session, options);
                continue;
            }
            _ => continue,
        };
        if done.is_err() {
            return;
        }
    }
}

/// An IP header with its extensions or options; the IPv4 header checksum is put right.
pub fn network(data: &[u8]) {
    let mut data = data.to_vec();
    let header_len = data.first().map_or(0, |first| usize::from(first & 0x0f) * 4);
    if data.first().is_some_and(|first| first >> 4 == 4) && (20..=data.len()).contains(&header_len) {
        data[10..12].fill(0);
        let checksum = Checksum::of(&data[..header_len]);
        data[10..12].copy_from_slice(&checksum.to_be_bytes());
    }
    if let Ok(packet) = Packet::decode_network(&data) {
        let bytes = packet.encode();
        assert_eq!(Packet::decode_network(&bytes).as_ref(), Ok(&packet), "what was read is written the same");
        let _ = packet.decode_transport();
    }
}

/// A UDP, TCP, ICMP or ICMPv6 message over either version of IP, as the first byte says; the checksum is
/// put right.
pub fn transport(data: &[u8]) {
    let Some((choice, message)) = data.split_first() else { return };
    let is_v4 = choice & 1 == 0;
    let (protocol, checksum_at) = match (choice & 6, is_v4) {
        (0, _) => (protocol::UDP, 6),
        (4 | 6, _) => (protocol::TCP, 16),
        (_, true) => (protocol::ICMP, 2),
        (_, false) => (protocol::ICMPV6, 2),
    };
    let (src, dst) = addresses(is_v4);
    let mut message = message.to_vec();
    if let Some(field) = message.get_mut(checksum_at..checksum_at + 2) {
        field.fill(0);
        let mut checksum = Checksum::new();
        // The sum of UDP ends where its length field says; the field precedes the checksum.
        let summed = match protocol {
            protocol::UDP => usize::from(u16::from_be_bytes([message[4], message[5]])).min(message.len()),
            _ => message.len(),
        };
        if protocol != protocol::ICMP {
            add_address(&mut checksum, src);
            add_address(&mut checksum, dst);
            checksum.add_u16(u16::from(protocol));
            checksum.add_u16(summed as u16);
        }
        checksum.add_bytes(&message[..summed]);
        message[checksum_at..checksum_at + 2].copy_from_slice(&checksum.finish().to_be_bytes());
    }
    let other = Transport::Other { protocol };
    let Ok(unread) = Packet::new(src, dst, other, Rope::from(message)) else { return };
    if let Ok(packet) = unread.clone().decode_transport() {
        if protocol == protocol::TCP {
            let (read, came) = (packet.transport_rope().to_bytes(), unread.payload.to_bytes());
            assert_eq!(read, came, "a segment is written as it came, options in their form");
        }
        use_packet(packet);
    }
}

/// A certificate, which may have signed itself, and data that a peer compressed.
pub fn tls_certificate(data: &[u8]) {
    let der = Rope::from(data.to_vec()).to_bytes();
    for mode in [Mode::Sized, Mode::Real] {
        let _ = verify_chain(mode, std::slice::from_ref(&der), &der);
        for kind in [CertificateKind::EcdsaP256, CertificateKind::Rsa2048, CertificateKind::MlDsa44] {
            for &scheme in kind.schemes() {
                let _ = verify(mode, data, scheme, b"message", &data[data.len() / 2..]);
            }
        }
    }
    if let Ok(message) = decompress(data, 1000) {
        assert_eq!(message.len(), 1000);
    }
}

/// The packet that an ICMP error quotes, after a first byte that chooses the version of IP.
pub fn quoted(data: &[u8]) {
    let Some((choice, quote)) = data.split_first() else { return };
    let is_v4 = choice & 1 == 0;
    let transport = match is_v4 {
        true => Transport::Icmp(IcmpMessage::TimeExceeded(TimeExceeded::HopLimit)),
        false => Transport::Icmpv6(Icmpv6Message::TimeExceeded(TimeExceeded::HopLimit)),
    };
    let (src, dst) = addresses(is_v4);
    let Some(ip) = IpHeader::new(src, dst) else { return };
    let packet =
        Packet { ip, transport, payload: Rope::from(quote.to_vec()), provenance: Provenance::default(), lost: None };
    let _ = packet.quoted();
}

/// Does with a packet that was read what hosts and routers do.
fn use_packet(packet: Packet) {
    let bytes = packet.encode();
    assert_eq!(bytes.len() as u64, packet.wire_len());
    assert_eq!(Packet::decode(&bytes).as_ref(), Ok(&packet), "what was read is written the same");
    if let Transport::Tcp(header) = &packet.transport {
        assert_eq!(header.wire_len(), 20 + header.options_len() as u64);
        assert_eq!(header.clone().fitted(), *header, "what was read fits");
    }
    let _ = packet.quoted();
    let (reporter, _) = addresses(packet.src().is_ipv4());
    if let Some(error) = packet.icmp_error(ErrorCause::TooBig { mtu: 1280 }, reporter) {
        assert!(error.wire_len() <= 1280);
        assert!(Packet::decode(&error.encode()).is_ok());
    }
}

fn addresses(is_v4: bool) -> (IpAddr, IpAddr) {
    match is_v4 {
        true => (Ipv4Addr::new(192, 0, 2, 1).into(), Ipv4Addr::new(192, 0, 2, 2).into()),
        false => {
            let with = |last| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last).into();
            (with(1), with(2))
        }
    }
}

fn add_address(checksum: &mut Checksum, address: IpAddr) {
    match address {
        IpAddr::V4(v4) => checksum.add_bytes(&v4.octets()),
        IpAddr::V6(v6) => checksum.add_bytes(&v6.octets()),
    }
}
