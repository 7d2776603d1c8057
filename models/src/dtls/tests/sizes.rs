use super::*;
use crate::dtls::connection::Trace;
use crate::tls::codes::HandshakeType;

fn datagrams(world: &World) -> Vec<(bool, u64)> {
    world.log.iter().map(|(_, to_server, datagram)| (*to_server, datagram.len())).collect()
}

/// `TLS_PSK_WITH_AES_128_CCM_8` with a cookie, a key of a name of 8 bytes, and no more extensions than the extended master secret. Records have 13
/// bytes before and messages 12; what is protected has 16 more.
/// - hello: version 2, random 32, no id 1, no cookie 1, two suites 6, compression 2, extensions 2 + 4: 50, and 25;
/// - request to verify: version 2, cookie 1 + 20: 23, and 25; the second hello is 20 longer;
/// - server: hello version 2, random 32, no id 1, suite 2, compression 1, extensions 2 + 5 + 4: 49, and 25; done: 25;
/// - client: key exchange 2 + 8, and 25; change 1, and 13; Finished 12, and 25 + 16; server: the same without the first.
#[test]
fn a_handshake_of_coap_is_486_bytes_in_six_datagrams() {
    for mode in MODES {
        let common = Common { mode, ..Common::coap_psk() };
        let client = ClientConfig { common: common.clone(), psk: Some(psk()), ..ClientConfig::default() };
        let psks = [(psk().identity, psk().key)].into();
        let mut world = World::new(client, ServerConfig { common, psks, ..ServerConfig::default() });
        world.connect().run();
        let expected = [(true, 75), (false, 48), (true, 95), (false, 99), (true, 102), (false, 67)];
        assert_eq!(datagrams(&world), expected);
        assert_eq!(expected.iter().map(|(_, len)| len).sum::<u64>(), 486);
        // What CoAP adds to each datagram: 13 + 8 + 8 (RFC 6347 §4.1, RFC 6655 §3).
        world.client_send("0123456789");
        assert_eq!(world.log.last().unwrap().2.len(), 10 + 29);
    }
}

/// DTLS 1.3 with a pre-shared key, a cookie, a share of X25519 and a ticket. Extensions of the hello: groups 10, signatures 8, versions 7, modes 6, share 42,
/// key 4 + 16 + 35: 128; with 2 + 32 + 1 + 1 + 4 + 2 + 2 it is 172, and 25. Retry: 2 + 32 + 1 + 2 + 1 + 2, version 6, cookie 4 + 2 + 56: 108, and 25; the second
/// hello is 62 longer. Server: hello 40 + 6 + 40 + 6, and 25; EncryptedExtensions 2 and Finished 32, each with 12 + 22. Client: Finished. Server: ACK 2 + 16, and 22;
/// ticket 4 + 4 + 2 + 2 + 176 + 2, and 12 + 22. Client: ACK.
#[test]
fn a_handshake_of_dtls_13_has_the_lengths_that_its_parts_add_up_to() {
    for mode in MODES {
        let (client, server) = ends(mode, Suite::Aes128Gcm);
        let mut world = World::new(client, server);
        world.connect().run();
        let expected =
            [(true, 197), (false, 133), (true, 259), (false, 219), (true, 66), (false, 40 + 224), (true, 40)];
        assert_eq!(datagrams(&world), expected);
        // RFC 9147 §4: 22 bytes with a header of 5; 3 of them are not needed.
        world.client_send("0123456789");
        assert_eq!(world.log.last().unwrap().2.len(), 10 + 22);
        let (mut client, server) = ends(mode, Suite::Aes128Gcm);
        client.common.short_headers = true;
        let mut world = World::new(client, server);
        world.connect().run();
        world.client_send("0123456789");
        assert_eq!(world.log.last().unwrap().2.len(), 10 + 19);
        world.run();
        world.check_connected();
    }
}

/// Measured with OpenSSL 3.0 and X25519, with 12 bytes before each message: Certificate 1531, ServerKeyExchange 122 (a signature of 70 bytes; 72 are
/// as likely), ServerHelloDone 12, ClientKeyExchange 45, Finished 24, NewSessionTicket 194; ServerHello 73, of which two bytes are point formats that we do not list.
#[test]
fn messages_of_dtls_12_are_as_long_as_those_of_openssl() {
    for mode in MODES {
        let (client, server) = with_certificates(mode, Suite::EcdsaAes128Gcm);
        let mut world = World::new(ClientConfig { resumption: true, ..client }, server);
        world.connect().run();
        let sent: Vec<(u8, usize)> = world
            .server_traces
            .iter()
            .chain(&world.client_traces)
            .filter_map(|trace| match trace {
                Trace::Sent(kind, len) if *kind != HandshakeType::CLIENT_HELLO => Some((kind.0, 12 + len)),
                _ => None,
            })
            .collect();
        let [hello, certificate, exchange, rest @ ..] = &sent[..] else { panic!("{sent:?}") };
        assert_eq!((*hello, *certificate), ((2, 71), (11, 1531)));
        assert!(exchange.0 == 12 && (121..=124).contains(&exchange.1), "{exchange:?}");
        assert_eq!(rest, [(14, 12), (4, 194), (20, 24), (16, 45), (20, 24)]);
    }
}

/// What a host keeps: after a handshake with a pre-shared key keys of two epochs each way and the master secret; while it waits, messages too.
#[test]
fn memory_is_what_is_kept() {
    let common = Common::coap_psk();
    let client = ClientConfig { common: common.clone(), psk: Some(psk()), ..ClientConfig::default() };
    let psks = [(psk().identity, psk().key)].into();
    let mut world = World::new(client, ServerConfig { common, psks, ..ServerConfig::default() });
    world.connect();
    // One epoch each way of 32 + 12 + 16 + 24 bytes, and the hello, which may have to be sent again: 12 + 50.
    assert_eq!(world.client.as_ref().unwrap().memory(), 2 * 84 + 62);
    world.run();
    assert_eq!(world.client.as_ref().unwrap().memory(), 4 * 84 + 48);
    // The server keeps its last flight as well: 1 for ChangeCipherSpec, and Finished.
    assert_eq!(world.server.memory(), 4 * 84 + 48 + 1 + 24);
    // A message of which a piece has come takes all of its room.
    let (mut client, mut server) = with_certificates(Mode::Sized, Suite::EcdsaAes128Gcm);
    (client.common.mtu, server.common.mtu) = (600, 600);
    let server = ServerConfig { cookies: false, ..server };
    let mut world = World::new(client, server).losing(&[2]);
    world.connect();
    let hello = world.client.as_ref().unwrap().memory();
    world.run_until(at(120));
    assert_eq!(world.client.as_ref().unwrap().memory(), hello + 1519 + exchange_len(&world));
}

/// Length of the body of ServerKeyExchange, which varies.
fn exchange_len(world: &World) -> u64 {
    let len = world.server_traces.iter().find_map(|trace| match trace {
        Trace::Sent(HandshakeType::SERVER_KEY_EXCHANGE, len) => Some(*len as u64),
        _ => None,
    });
    len.expect("it was sent")
}
