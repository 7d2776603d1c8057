//! DTLS: records, messages, and both ends of a connection.

use protosim_core::machine::IdealEnv;
use protosim_core::{Effect, Span};
use protosim_models::dtls::codes::{DTLS12, DTLS13, KeyExchange, Suite};
use protosim_models::dtls::config::{ClientConfig, Common, Psk, ServerConfig};
use protosim_models::dtls::connection::{ClientSide, Connection, Cx, ServerSide, Side};
use protosim_models::dtls::endpoint::{Endpoint, EndpointLimits, Output};
use protosim_models::dtls::wire::{FragmentHeader, Header, Message, Records, decode_ack, encode_ack};
use protosim_models::rope::Rope;
use protosim_models::tls::certificate::Trust;
use protosim_models::tls::codes::HandshakeType;

/// Datagrams, each after a byte that says how long it is: what was read is written as it came. Then all of them for a server and for a client that wait for a
/// hello, and mixed into a handshake of a version that the first byte says, which they may end but not confuse.
pub fn dtls(data: &[u8]) {
    let Some((choice, mut data)) = data.split_first() else { return };
    let mut datagrams = Vec::new();
    while let Some((len, rest)) = data.split_first() {
        let (datagram, rest) = rest.split_at(rest.len().min(4 * usize::from(*len)));
        datagrams.push(Rope::from(datagram.to_vec()));
        data = rest;
    }
    for datagram in &datagrams {
        for cid_len in [0, 2] {
            for record in Records::new(datagram, cid_len) {
                use_record(&record.header, &record.fragment);
            }
        }
    }
    handshake(*choice, &datagrams);
}

fn use_record(header: &Header, fragment: &Rope) {
    let len = fragment.len() as u16;
    let head = match header {
        Header::Full(header) => header.encode(len),
        Header::Unified(header) => header.encode(len),
    };
    let mut bytes = Rope::from(head);
    bytes.append(fragment);
    let cid_len = match header {
        Header::Full(header) => header.cid.len(),
        Header::Unified(header) => header.cid.as_ref().map_or(0, |cid| cid.len()),
    };
    let again = Records::new(&bytes, cid_len).next().expect("what was written is read");
    assert_eq!((&again.header, &again.fragment), (header, fragment), "what was read is written the same");
    if let Ok(numbers) = decode_ack(&fragment.to_bytes()) {
        assert_eq!(encode_ack(&numbers), fragment.to_bytes());
    }
    let mut rest = fragment.to_bytes();
    while let Ok((header, body)) = FragmentHeader::decode(&mut rest) {
        for exchange in [None, Some(KeyExchange::Psk), Some(KeyExchange::EcdhePsk)] {
            for version in [DTLS12, DTLS13] {
                use_message(header.kind, &body, version, exchange);
            }
        }
    }
}

fn use_message(
    kind: HandshakeType,
    body: &[u8],
    version: protosim_models::tls::codes::Version,
    exchange: Option<KeyExchange>,
) {
    let body = Rope::from(body.to_vec()).to_bytes();
    if let Ok(message) = Message::decode(kind, &body, version, exchange) {
        let wire = message.encode_body();
        assert_eq!(
            Message::decode(kind, &wire, version, exchange),
            Ok(message),
            "what was read is written such that it reads the same"
        );
    }
}

/// A handshake between a client and a server, with `datagrams` for either in between; time passes as well.
fn handshake(choice: u8, datagrams: &[Rope]) {
    let suite = Suite::ALL[usize::from(choice >> 2) % Suite::ALL.len()];
    let mut common = Common { versions: vec![suite.version()], suites: vec![suite], ..Common::default() };
    common.cid_len = (choice & 1 != 0).then_some(2);
    let psk = Psk { identity: "fuzz".into(), key: "fuzz".into() };
    let psks = [(psk.identity.clone(), psk.key.clone())].into();
    let config = ClientConfig { common: common.clone(), psk: Some(psk), resumption: true, ..ClientConfig::default() };
    let cookies = choice & 2 != 0;
    let (mut client_env, mut server_env) = (IdealEnv::new(1), IdealEnv::new(2));
    let mut side = Side::Client(ClientSide::new(config, Trust::anyone()));
    let server = ServerSide::new(ServerConfig { common, psks, cookies, ..ServerConfig::default() }, Trust::anyone());
    let mut server = Endpoint::new(server, EndpointLimits { connections: 8, ..EndpointLimits::default() });
    let address = "192.0.2.1:4000".parse().expect("an address");
    let (mut effects, mut out) = (Vec::new(), Vec::new());
    let Side::Client(own) = &mut side else { return };
    let mut client = Connection::client(own, &mut Cx { env: &mut client_env, effects: &mut effects });
    let mut strange = datagrams.iter();
    for _ in 0..2 * datagrams.len() + 16 {
        for effect in std::mem::take(&mut effects) {
            if let Effect::Transmit(datagram) = effect {
                server.handle_datagram(address, &datagram, &mut server_env, &mut out);
            }
        }
        if let Some(datagram) = strange.next() {
            server.handle_datagram(address, datagram, &mut server_env, &mut out);
        }
        for one in std::mem::take(&mut out) {
            if let Output::Transmit(_, datagram) = one {
                client.handle_datagram(&datagram, &mut side, &mut Cx { env: &mut client_env, effects: &mut effects });
            }
        }
        if let Some(datagram) = strange.next() {
            client.handle_datagram(datagram, &mut side, &mut Cx { env: &mut client_env, effects: &mut effects });
        }
        client_env.advance(Span::from_millis(300));
        server_env.advance(Span::from_millis(300));
        client.handle_timeout(&mut Cx { env: &mut client_env, effects: &mut effects });
        server.handle_timeout(&mut server_env, &mut out);
        assert!(client.memory() < 200_000 && server.memory() < 8 * 200_000, "memory has limits");
    }
}
