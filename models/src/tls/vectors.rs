//! Messages of RFC 8448, and of OpenSSL: read, held to what they are known to say, and written again byte for byte.

pub(crate) mod openssl;
pub(crate) mod rfc8448;

use super::codes::*;
use super::wire::*;
use crate::rope::Rope;
use bytes::Bytes;

/// Bytes of hexadecimal digits; all else is passed over.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(16)).collect();
    digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}

/// The only message in `text`, which is written again as it was.
fn message(text: &str, version: Version) -> Handshake {
    let bytes = hex(text);
    let mut reader = MessageReader::default();
    reader.push(&bytes);
    let (kind, whole) = reader.next(1 << 14).unwrap().expect("a whole message");
    assert!(reader.is_empty());
    assert_eq!(whole, bytes);
    let message = Handshake::decode(kind, &whole[4..], version).expect("a message that is right");
    assert_eq!(message.encode(), bytes);
    assert_eq!(message.kind(), kind);
    message
}

fn messages(texts: &[&str], version: Version) -> Vec<Handshake> {
    texts.iter().map(|text| message(text, version)).collect()
}

fn find<'a, T>(extensions: &'a [Extension], wanted: impl Fn(&'a Extension) -> Option<T>) -> T {
    extensions.iter().find_map(wanted).expect("the extension")
}

fn bytes(text: &str) -> Bytes {
    hex(text).into()
}

/// The groups that NSS offers in RFC 8448 §3: three curves, P-521 and five of finite fields.
fn nss_groups() -> Vec<Group> {
    let other = [0x0019, 0x0100, 0x0101, 0x0102, 0x0103, 0x0104].map(Group);
    [&[Group::X25519, Group::SECP256R1, Group::SECP384R1], &other[..]].concat()
}

#[test]
fn the_hellos_of_rfc_8448_say_what_is_known_of_them() {
    let Handshake::ClientHello(hello) = message(rfc8448::CLIENT_HELLO, Version::TLS13) else { panic!() };
    let suites =
        vec![CipherSuite::AES_128_GCM_SHA256, CipherSuite::CHACHA20_POLY1305_SHA256, CipherSuite::AES_256_GCM_SHA384];
    assert_eq!(hello.cipher_suites, suites);
    assert_eq!(
        (hello.legacy_version, &hello.session_id[..], &hello.compression[..]),
        (Version::TLS12, &[][..], &[0][..])
    );
    assert_eq!(hello.random[..], hex("cb34ecb1e78163ba1c38c6dacb196a6dffa21a8d9912ec18a2ef6283024dece7"));
    let schemes = [0x0403, 0x0503, 0x0603, 0x0203, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0201]
        .into_iter()
        .chain([0x0402, 0x0502, 0x0602, 0x0202])
        .map(SignatureScheme)
        .collect();
    let public = bytes("99381de560e4bd43d23d8e435a7dbafeb3c06e51c13cae4d5413691e529aaf2c");
    let expected = [
        Extension::ServerName("server".into()),
        Extension::RenegotiationInfo(Bytes::new()),
        Extension::SupportedGroups(nss_groups()),
        Extension::SessionTicket(Bytes::new()),
        Extension::KeyShares(vec![KeyShare { group: Group::X25519, public }]),
        Extension::SupportedVersions(vec![Version::TLS13]),
        Extension::SignatureAlgorithms(schemes),
        Extension::PskModes(vec![PskMode::PSK_DHE_KE]),
        // record_size_limit: 16385.
        Extension::Unknown { kind: 28, body: bytes("4001") },
    ];
    assert_eq!(hello.extensions, expected);
    assert_eq!(hello.binders_len(), 0);

    let Handshake::ServerHello(hello) = message(rfc8448::SERVER_HELLO, Version::TLS13) else { panic!() };
    let public = bytes("c9828876112095fe66762bdbf7c672e156d6cc253b833df1dd69b1b04e751f0f");
    let share = KeyShare { group: Group::X25519, public };
    assert_eq!(hello.cipher_suite, CipherSuite::AES_128_GCM_SHA256);
    assert_eq!(hello.extensions, [Extension::KeyShare(share), Extension::SelectedVersion(Version::TLS13)]);
}

#[test]
fn the_protected_messages_of_rfc_8448_say_what_is_known_of_them() {
    let Handshake::EncryptedExtensions(extensions) = message(rfc8448::ENCRYPTED_EXTENSIONS, Version::TLS13) else {
        panic!()
    };
    let limit = Extension::Unknown { kind: 28, body: bytes("4001") };
    assert_eq!(extensions, [Extension::SupportedGroups(nss_groups()), limit, Extension::ServerNameAck]);

    let Handshake::Certificate(certificate) = message(rfc8448::CERTIFICATE, Version::TLS13) else { panic!() };
    // 445 bytes: 4 of header, 1 and 3 of lengths, then 3 + 432 + 2.
    assert_eq!(certificate.entries.iter().map(|entry| entry.der.len()).collect::<Vec<_>>(), [432]);

    let Handshake::CertificateVerify(verify) = message(rfc8448::CERTIFICATE_VERIFY, Version::TLS13) else { panic!() };
    assert_eq!((verify.scheme, verify.signature.len()), (SignatureScheme::RSA_PSS_RSAE_SHA256, 128));

    let Handshake::NewSessionTicket(ticket) = message(rfc8448::NEW_SESSION_TICKET, Version::TLS13) else { panic!() };
    assert_eq!((ticket.lifetime_s, ticket.age_add, &ticket.nonce[..]), (30, 0xfad6_aac5, &[0, 0][..]));
    assert_eq!((ticket.ticket.len(), ticket.extensions), (178, vec![Extension::MaxEarlyData(1024)]));

    for finished in [rfc8448::SERVER_FINISHED, rfc8448::CLIENT_FINISHED] {
        assert!(matches!(message(finished, Version::TLS13), Handshake::Finished(data) if data.len() == 32));
    }
}

#[test]
fn the_resuming_hello_of_rfc_8448_ends_in_its_binder() {
    let Handshake::ClientHello(hello) = message(rfc8448::RESUMING_CLIENT_HELLO, Version::TLS13) else { panic!() };
    // §4: the prefix that the binder is made over has 477 of the 512 bytes; 2 + 1 + 32 are left.
    assert_eq!(hello.binders_len(), 512 - 477);
    let Some(Extension::PreSharedKeys(keys)) = hello.extensions.last() else { panic!() };
    assert_eq!(keys.binders, [bytes("3add4fb2d8fdf822a0ca3cf7678ef5e88dae990141c5924d57bb6fa31b9e5f9d")]);
    let Handshake::NewSessionTicket(ticket) = message(rfc8448::NEW_SESSION_TICKET, Version::TLS13) else { panic!() };
    // Six milliseconds old: 0xfad6aacb - 0xfad6aac5.
    assert_eq!(
        keys.identities,
        [PskIdentity { identity: ticket.ticket, obfuscated_age: ticket.age_add.wrapping_add(6) }]
    );
    assert!(hello.extensions.contains(&Extension::EarlyData));
    assert!(hello.extensions.contains(&Extension::Padding(0x57)));
}

#[test]
fn the_retry_of_rfc_8448_asks_for_another_group() {
    let Handshake::HelloRetryRequest(request) = message(rfc8448::HELLO_RETRY_REQUEST, Version::TLS13) else { panic!() };
    let [Extension::RetryGroup(group), Extension::Cookie(cookie), Extension::SelectedVersion(Version::TLS13)] =
        &request.extensions[..]
    else {
        panic!()
    };
    assert_eq!((*group, cookie.len()), (Group::SECP256R1, 0x72));
    let Handshake::ClientHello(first) = message(rfc8448::FIRST_CLIENT_HELLO, Version::TLS13) else { panic!() };
    let Handshake::ClientHello(second) = message(rfc8448::SECOND_CLIENT_HELLO, Version::TLS13) else { panic!() };
    assert_eq!(first.random, second.random);
    assert!(second.extensions.contains(&Extension::Cookie(cookie.clone())));
    let shares = |hello: &ClientHello| {
        find(&hello.extensions, |extension| match extension {
            Extension::KeyShares(shares) => {
                Some(shares.iter().map(|share| (share.group, share.public.len())).collect::<Vec<_>>())
            }
            _ => None,
        })
    };
    assert_eq!(shares(&first), [(Group::X25519, 32)]);
    assert_eq!(shares(&second), [(Group::SECP256R1, 65)]);
    let Handshake::ServerHello(hello) = message(rfc8448::RETRIED_SERVER_HELLO, Version::TLS13) else { panic!() };
    assert!(matches!(&hello.extensions[0], Extension::KeyShare(share) if share.group == Group::SECP256R1));
}

#[test]
fn records_of_rfc_8448_are_found_in_a_stream() {
    // §3: "complete record (201 octets): 16 03 01 00 c4 01 00 00 c0 …" and "(95 octets): 16 03 03 00 5a 02 …".
    let client = [hex("160301 00c4"), hex(rfc8448::CLIENT_HELLO)].concat();
    let server = [hex("160303 005a"), hex(rfc8448::SERVER_HELLO)].concat();
    assert_eq!((client.len(), server.len()), (201, 95));
    for (bytes, version) in [(client, Version::TLS10), (server, Version::TLS12)] {
        let mut reader = RecordReader::default();
        reader.push(&Rope::from(bytes.clone()));
        let record = reader.next(MAX_PLAINTEXT).unwrap().expect("a whole record");
        assert_eq!((record.content_type, record.version), (ContentType::HANDSHAKE, version));
        assert_eq!(record.fragment.to_bytes(), bytes[5..]);
        assert_eq!(record.to_rope().to_bytes(), bytes);
        assert_eq!((reader.buffered(), reader.next(MAX_PLAINTEXT)), (0, Ok(None)));
    }
}

#[test]
fn a_tls_13_handshake_of_openssl_is_read_and_written_the_same() {
    let messages = messages(openssl::TLS13, Version::TLS13);
    let [
        Handshake::ClientHello(client),
        Handshake::ServerHello(server),
        Handshake::EncryptedExtensions(extensions),
        Handshake::Certificate(certificate),
        Handshake::CertificateVerify(verify),
        Handshake::Finished(finished),
        Handshake::Finished(_),
        Handshake::NewSessionTicket(ticket),
    ] = &messages[..]
    else {
        panic!("{messages:?}")
    };
    // What the commands asked for.
    assert!(client.extensions.contains(&Extension::ServerName("example.com".into())));
    assert!(client.extensions.contains(&Extension::Alpn(vec!["h2".into(), "http/1.1".into()])));
    assert!(client.extensions.contains(&Extension::OcspRequest));
    assert!(client.extensions.contains(&Extension::ExtendedMasterSecret));
    assert!(client.extensions.contains(&Extension::SupportedGroups(vec![Group::X25519])));
    assert!(client.cipher_suites.contains(&CipherSuite::EMPTY_RENEGOTIATION_INFO_SCSV));
    assert_eq!(server.session_id, client.session_id);
    assert_eq!(client.session_id.len(), 32);
    assert_eq!(server.cipher_suite, CipherSuite::AES_256_GCM_SHA384);
    assert_eq!(extensions[..], [Extension::Alpn(vec!["h2".into()])]);
    // A P-256 leaf with its status, a root without: 1383 = 8 + (5 + 278 + 4 + 4 + 695) + (5 + 384).
    let [leaf, root] = &certificate.entries[..] else { panic!() };
    assert_eq!((leaf.der.len(), root.der.len()), (278, 384));
    assert!(matches!(&leaf.extensions[..], [Extension::OcspResponse(response)] if response.len() == 695));
    assert_eq!(root.extensions, []);
    assert_eq!((verify.scheme, verify.signature.len()), (SignatureScheme::ECDSA_SECP256R1_SHA256, 71));
    assert_eq!(finished.len(), 48);
    // OpenSSL's tickets are good for two hours.
    assert_eq!((ticket.lifetime_s, ticket.nonce.len(), &ticket.extensions[..]), (7200, 8, &[][..]));
}

#[test]
fn a_retry_of_openssl_is_read_and_written_the_same() {
    let messages = messages(openssl::RETRY, Version::TLS13);
    let [
        Handshake::ClientHello(first),
        Handshake::HelloRetryRequest(request),
        Handshake::ClientHello(second),
        Handshake::ServerHello(server),
    ] = &messages[..]
    else {
        panic!("{messages:?}")
    };
    // Without MinProtocol in its configuration it offers all that it has.
    let versions = vec![Version::TLS13, Version::TLS12, Version::TLS11, Version::TLS10];
    let versions = Extension::SupportedVersions(versions);
    assert!(first.extensions.contains(&versions) && second.extensions.contains(&versions));
    assert_eq!(request.session_id, first.session_id);
    assert!(request.extensions.contains(&Extension::RetryGroup(Group::SECP256R1)));
    assert!(server.extensions.iter().any(
        |extension| matches!(extension, Extension::KeyShare(KeyShare { group: Group::SECP256R1, public }) if public.len() == 65)
    ));
}

#[test]
fn a_client_with_a_certificate_and_a_key_update_are_read_and_written_the_same() {
    let messages = messages(openssl::CLIENT_AUTH, Version::TLS13);
    let [
        Handshake::CertificateRequest(request),
        Handshake::Certificate(certificate),
        Handshake::KeyUpdate { requested: true },
    ] = &messages[..]
    else {
        panic!("{messages:?}")
    };
    assert!(request.context.is_empty());
    assert!(matches!(
        &request.extensions[0],
        Extension::SignatureAlgorithms(schemes) if schemes[0] == SignatureScheme::ECDSA_SECP256R1_SHA256
    ));
    assert_eq!(certificate.entries.iter().map(|entry| entry.der.len()).collect::<Vec<_>>(), [278]);
}

#[test]
fn early_data_of_openssl_is_read_and_written_the_same() {
    let messages = messages(openssl::EARLY_DATA, Version::TLS13);
    let [
        Handshake::ClientHello(client),
        Handshake::ServerHello(server),
        Handshake::EncryptedExtensions(extensions),
        Handshake::Finished(_),
        Handshake::EndOfEarlyData,
        Handshake::Finished(_),
        Handshake::NewSessionTicket(ticket),
    ] = &messages[..]
    else {
        panic!("{messages:?}")
    };
    assert!(client.extensions.contains(&Extension::EarlyData));
    // One binder of SHA-384.
    assert_eq!(client.binders_len(), 2 + 1 + 48);
    assert!(server.extensions.contains(&Extension::SelectedPsk(0)));
    assert_eq!(extensions[..], [Extension::EarlyData]);
    // `s_server -early_data` takes one full record.
    assert_eq!(ticket.extensions, [Extension::MaxEarlyData(16384)]);
}

#[test]
fn a_tls_12_handshake_of_openssl_is_read_and_written_the_same() {
    let messages = messages(openssl::TLS12, Version::TLS12);
    let [
        Handshake::ClientHello(client),
        Handshake::ServerHello(server),
        Handshake::Certificate12(chain),
        Handshake::CertificateStatus(status),
        Handshake::ServerKeyExchange(exchange),
        Handshake::CertificateRequest12(request),
        Handshake::ServerHelloDone,
        Handshake::Certificate12(_),
        Handshake::ClientKeyExchange(point),
        Handshake::CertificateVerify(_),
        Handshake::Finished(finished),
        Handshake::NewSessionTicket12(ticket),
        Handshake::Finished(_),
    ] = &messages[..]
    else {
        panic!("{messages:?}")
    };
    assert!(!client.extensions.iter().any(|extension| matches!(extension, Extension::SupportedVersions(_))));
    assert_eq!(server.cipher_suite, CipherSuite::ECDHE_ECDSA_AES_256_GCM_SHA384);
    assert!(server.extensions.contains(&Extension::OcspAck));
    assert!(server.extensions.contains(&Extension::ExtendedMasterSecret));
    assert!(server.extensions.contains(&Extension::SessionTicket(Bytes::new())));
    assert!(server.extensions.contains(&Extension::RenegotiationInfo(Bytes::new())));
    assert!(server.extensions.contains(&Extension::Alpn(vec!["h2".into()])));
    assert_eq!(chain.iter().map(Bytes::len).collect::<Vec<_>>(), [278, 384]);
    assert_eq!(status.len(), 695);
    assert_eq!((exchange.group, exchange.public.len()), (Group::X25519, 32));
    assert_eq!(exchange.scheme, SignatureScheme::ECDSA_SECP256R1_SHA256);
    // The parameters are the message without header, scheme, and the signature with its length.
    let whole = hex(openssl::TLS12[4]);
    assert_eq!(exchange.params(), whole[4..whole.len() - exchange.signature.len() - 4]);
    // rsa_sign, dss_sign, ecdsa_sign.
    assert_eq!(request.types[..], [1, 2, 64]);
    assert_eq!((point.len(), finished.len(), ticket.lifetime_s), (32, 12, 7200));
}

#[test]
fn a_tls_12_resumption_of_openssl_is_read_and_written_the_same() {
    let messages = messages(openssl::TLS12_RESUMED, Version::TLS12);
    let [
        Handshake::ClientHello(client),
        Handshake::ServerHello(server),
        Handshake::Finished(_),
        Handshake::Finished(_),
    ] = &messages[..]
    else {
        panic!("{messages:?}")
    };
    let ticket = find(&client.extensions, |extension| match extension {
        Extension::SessionTicket(ticket) => Some(ticket.len()),
        _ => None,
    });
    assert!(ticket > 100);
    // RFC 5077 §3.4: the server shows by the session id that it takes the ticket.
    assert_eq!(server.session_id, client.session_id);
}
