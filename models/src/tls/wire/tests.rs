//! Properties of encodings and readers; what is refused, and by which alert.

use super::codec::Writer;
use super::*;
use crate::rope::{Rope, Run};
use crate::tls::codes::*;
use crate::tls::vectors::hex;
use bytes::Bytes;
use proptest::prelude::*;
use proptest::sample::select;

fn octets(least: usize, most: usize) -> impl Strategy<Value = Bytes> {
    prop::collection::vec(any::<u8>(), least..=most).prop_map(Bytes::from)
}

/// Some numbers, as a type made of them.
fn numbers<T: std::fmt::Debug, N: Arbitrary>(most: usize, kind: fn(N) -> T) -> impl Strategy<Value = Vec<T>> {
    prop::collection::vec(any::<N>().prop_map(kind), 1..=most)
}

fn key_share() -> impl Strategy<Value = KeyShare> {
    (any::<u16>(), octets(1, 70)).prop_map(|(group, public)| KeyShare { group: Group(group), public })
}

/// Groups in ascending order, so that none comes twice.
fn key_shares() -> impl Strategy<Value = Vec<KeyShare>> {
    prop::collection::btree_map(any::<u16>(), octets(1, 70), 0..4)
        .prop_map(|shares| shares.into_iter().map(|(group, public)| KeyShare { group: Group(group), public }).collect())
}

fn pre_shared_keys() -> impl Strategy<Value = PreSharedKeys> {
    let key = (octets(1, 40), any::<u32>(), octets(32, 48));
    prop::collection::vec(key, 1..4).prop_map(|keys| {
        let identity = |(identity, obfuscated_age, _): &(Bytes, u32, Bytes)| PskIdentity {
            identity: identity.clone(),
            obfuscated_age: *obfuscated_age,
        };
        PreSharedKeys {
            identities: keys.iter().map(identity).collect(),
            binders: keys.into_iter().map(|(.., binder)| binder).collect(),
        }
    })
}

/// A number without a meaning here.
fn unknown() -> impl Strategy<Value = Extension> {
    (select(vec![1_u16, 14, 22, 28, 49, 50, 54, 57, 0x1a1a, 0xfe0d]), octets(0, 20))
        .prop_map(|(kind, body)| Extension::Unknown { kind, body })
}

fn of_client_hello() -> impl Strategy<Value = Extension> {
    use Extension as E;
    prop_oneof![
        octets(1, 30).prop_map(E::ServerName),
        Just(E::OcspRequest),
        numbers(5, Group).prop_map(E::SupportedGroups),
        octets(1, 3).prop_map(E::EcPointFormats),
        numbers(5, SignatureScheme).prop_map(E::SignatureAlgorithms),
        prop::collection::vec(octets(1, 9), 1..4).prop_map(E::Alpn),
        Just(E::ExtendedMasterSecret),
        octets(0, 30).prop_map(E::SessionTicket),
        octets(0, 12).prop_map(E::RenegotiationInfo),
        numbers(4, Version).prop_map(E::SupportedVersions),
        octets(1, 40).prop_map(E::Cookie),
        numbers(3, PskMode).prop_map(E::PskModes),
        key_shares().prop_map(E::KeyShares),
        Just(E::EarlyData),
        numbers(3, CertificateCompression).prop_map(E::CompressCertificate),
        (0..300_u16).prop_map(E::Padding),
        unknown(),
    ]
}

fn of_server_hello_12() -> impl Strategy<Value = Extension> {
    use Extension as E;
    prop_oneof![
        Just(E::ServerNameAck),
        Just(E::OcspAck),
        octets(1, 3).prop_map(E::EcPointFormats),
        octets(1, 9).prop_map(|name| E::Alpn(vec![name])),
        Just(E::ExtendedMasterSecret),
        Just(E::SessionTicket(Bytes::new())),
        octets(0, 12).prop_map(E::RenegotiationInfo),
        unknown(),
    ]
}

fn of_server_hello_13() -> impl Strategy<Value = Extension> {
    prop_oneof![key_share().prop_map(Extension::KeyShare), any::<u16>().prop_map(Extension::SelectedPsk), unknown(),]
}

fn of_retry() -> impl Strategy<Value = Extension> {
    use Extension as E;
    prop_oneof![
        any::<u16>().prop_map(|group| E::RetryGroup(Group(group))),
        (0x0304..u16::MAX).prop_map(|version| E::SelectedVersion(Version(version))),
        octets(1, 40).prop_map(E::Cookie),
        unknown(),
    ]
}

fn of_encrypted_extensions() -> impl Strategy<Value = Extension> {
    use Extension as E;
    prop_oneof![
        Just(E::ServerNameAck),
        numbers(5, Group).prop_map(E::SupportedGroups),
        octets(1, 9).prop_map(|name| E::Alpn(vec![name])),
        Just(E::EarlyData),
        unknown(),
    ]
}

fn of_certificate_request() -> impl Strategy<Value = Extension> {
    use Extension as E;
    prop_oneof![
        Just(E::OcspAck),
        numbers(5, SignatureScheme).prop_map(E::SignatureAlgorithms),
        numbers(3, CertificateCompression).prop_map(E::CompressCertificate),
        unknown(),
    ]
}

/// Some extensions, each kind once.
fn list(of: impl Strategy<Value = Extension>) -> impl Strategy<Value = Vec<Extension>> {
    prop::collection::vec(of, 0..7).prop_map(|mut extensions| {
        extensions.sort_by_key(Extension::kind);
        extensions.dedup_by_key(|extension| extension.kind());
        extensions
    })
}

fn client_hello() -> impl Strategy<Value = Handshake> {
    let head = (any::<u16>(), any::<[u8; 32]>(), octets(0, 32), numbers(6, CipherSuite));
    (head, list(of_client_hello()), prop::option::of(pre_shared_keys())).prop_map(|(head, mut extensions, keys)| {
        let (version, random, session_id, cipher_suites) = head;
        extensions.extend(keys.map(Extension::PreSharedKeys));
        let compression = Bytes::from_static(&[0]);
        let legacy_version = Version(version);
        Handshake::ClientHello(ClientHello {
            legacy_version,
            random,
            session_id,
            cipher_suites,
            compression,
            extensions,
        })
    })
}

fn server_hello() -> impl Strategy<Value = Handshake> {
    let of_13 = (0x0304..u16::MAX, list(of_server_hello_13())).prop_map(|(version, mut extensions)| {
        extensions.push(Extension::SelectedVersion(Version(version)));
        extensions
    });
    let extensions = prop_oneof![of_13, list(of_server_hello_12())];
    (any::<u16>(), any::<[u8; 32]>(), octets(0, 32), any::<u16>(), extensions).prop_map(
        |(version, random, session_id, suite, extensions)| {
            let (legacy_version, cipher_suite) = (Version(version), CipherSuite(suite));
            Handshake::ServerHello(ServerHello { legacy_version, random, session_id, cipher_suite, extensions })
        },
    )
}

fn certificate() -> impl Strategy<Value = Handshake> {
    let status = octets(1, 60).prop_map(Extension::OcspResponse);
    let entry = (octets(1, 90), list(prop_oneof![status, unknown()]))
        .prop_map(|(der, extensions)| CertificateEntry { der, extensions });
    (octets(0, 9), prop::collection::vec(entry, 0..4))
        .prop_map(|(context, entries)| Handshake::Certificate(CertificateMessage { context, entries }))
}

fn message_13() -> impl Strategy<Value = Handshake> {
    use Handshake as H;
    let limit = any::<u32>().prop_map(Extension::MaxEarlyData);
    let tickets = list(prop_oneof![limit, unknown()]);
    prop_oneof![
        client_hello(),
        server_hello(),
        (octets(0, 32), any::<u16>(), list(of_retry())).prop_map(|(session_id, suite, extensions)| {
            H::HelloRetryRequest(HelloRetryRequest { session_id, cipher_suite: CipherSuite(suite), extensions })
        }),
        (any::<[u32; 2]>(), octets(0, 9), octets(1, 60), tickets).prop_map(|(numbers, nonce, ticket, extensions)| {
            let [lifetime_s, age_add] = numbers;
            H::NewSessionTicket(NewSessionTicket { lifetime_s, age_add, nonce, ticket, extensions })
        }),
        Just(H::EndOfEarlyData),
        list(of_encrypted_extensions()).prop_map(H::EncryptedExtensions),
        certificate(),
        (any::<u16>(), 0..1_u32 << 24, octets(1, 90)).prop_map(|(algorithm, uncompressed_len, data)| {
            let algorithm = CertificateCompression(algorithm);
            H::CompressedCertificate(CompressedCertificate { algorithm, uncompressed_len, data })
        }),
        (octets(0, 9), list(of_certificate_request()))
            .prop_map(|(context, extensions)| H::CertificateRequest(CertificateRequest { context, extensions })),
        (any::<u16>(), octets(0, 90)).prop_map(|(scheme, signature)| {
            H::CertificateVerify(CertificateVerify { scheme: SignatureScheme(scheme), signature })
        }),
        prop_oneof![octets(32, 32), octets(48, 48)].prop_map(H::Finished),
        any::<bool>().prop_map(|requested| H::KeyUpdate { requested }),
    ]
}

fn message_12() -> impl Strategy<Value = Handshake> {
    use Handshake as H;
    prop_oneof![
        Just(H::HelloRequest),
        client_hello(),
        server_hello(),
        (any::<u32>(), octets(0, 60))
            .prop_map(|(lifetime_s, ticket)| H::NewSessionTicket12(NewSessionTicket12 { lifetime_s, ticket })),
        prop::collection::vec(octets(1, 90), 0..4).prop_map(H::Certificate12),
        octets(1, 90).prop_map(H::CertificateStatus),
        (any::<[u16; 2]>(), octets(1, 70), octets(0, 90)).prop_map(|([group, scheme], public, signature)| {
            let (group, scheme) = (Group(group), SignatureScheme(scheme));
            H::ServerKeyExchange(ServerKeyExchange { group, public, scheme, signature })
        }),
        (octets(1, 4), numbers(5, SignatureScheme), octets(0, 60)).prop_map(|(types, schemes, authorities)| {
            H::CertificateRequest12(CertificateRequest12 { types, schemes, authorities })
        }),
        Just(H::ServerHelloDone),
        octets(1, 97).prop_map(H::ClientKeyExchange),
        octets(12, 12).prop_map(H::Finished),
    ]
}

fn any_message() -> impl Strategy<Value = (Handshake, Version)> {
    prop_oneof![
        message_13().prop_map(|message| (message, Version::TLS13)),
        message_12().prop_map(|message| (message, Version::TLS12)),
    ]
}

/// Reads a message that is not right, header included.
fn refusal(message: &[u8], version: Version) -> AlertDescription {
    let decoded = Handshake::decode(HandshakeType(message[0]), &message[4..], version);
    decoded.expect_err("a message that is wrong")
}

fn hello_with(extensions: Vec<Extension>) -> Handshake {
    Handshake::ClientHello(ClientHello {
        legacy_version: Version::TLS12,
        random: [7; 32],
        session_id: Bytes::new(),
        cipher_suites: vec![CipherSuite::AES_128_GCM_SHA256],
        compression: Bytes::from_static(&[0]),
        extensions,
    })
}

fn answer_with(extensions: Vec<Extension>) -> Handshake {
    Handshake::ServerHello(ServerHello {
        legacy_version: Version::TLS12,
        random: [7; 32],
        session_id: Bytes::new(),
        cipher_suite: CipherSuite::AES_128_GCM_SHA256,
        extensions,
    })
}

/// A client hello whose only extension is this.
fn hello_with_raw(kind: ExtensionType, body: &str) -> Bytes {
    hello_with(vec![Extension::Unknown { kind: kind.0, body: hex(body).into() }]).encode()
}

#[test]
fn what_the_rfc_calls_an_illegal_parameter_is_one() {
    use Extension as E;
    let keys = PreSharedKeys {
        identities: vec![PskIdentity { identity: "ticket".into(), obfuscated_age: 0 }],
        binders: vec![vec![0; 32].into()],
    };
    let without_binder = PreSharedKeys { binders: vec![vec![0; 32].into(); 2], ..keys.clone() };
    let share = KeyShare { group: Group::X25519, public: "point".into() };
    let selected = E::SelectedVersion(Version::TLS13);
    let alpn = |names: &[&'static str]| E::Alpn(names.iter().map(|name| Bytes::from(*name)).collect());
    let wrong = [
        // §4.2: an extension twice.
        hello_with(vec![E::EarlyData, E::ExtendedMasterSecret, E::EarlyData]),
        hello_with(vec![E::Unknown { kind: 57, body: Bytes::new() }, E::Unknown { kind: 57, body: Bytes::new() }]),
        // §4.2.11: pre_shared_key not last, or with other than one binder for each identity.
        hello_with(vec![E::PreSharedKeys(keys.clone()), E::EarlyData]),
        hello_with(vec![E::PreSharedKeys(without_binder)]),
        // §4.2.8: two shares of a group.
        hello_with(vec![E::KeyShares(vec![share.clone(), share.clone()])]),
        // §4.2: known, but not in this message.
        answer_with(vec![selected.clone(), E::Cookie("cookie".into())]),
        answer_with(vec![selected.clone(), E::ExtendedMasterSecret]),
        answer_with(vec![selected.clone(), alpn(&["h2"])]),
        answer_with(vec![E::KeyShare(share)]),
        // §4.2.1: TLS 1.2 chosen by supported_versions.
        answer_with(vec![E::SelectedVersion(Version::TLS12)]),
        Handshake::EncryptedExtensions(vec![selected]),
        Handshake::EncryptedExtensions(vec![E::SignatureAlgorithms(vec![SignatureScheme::ED25519])]),
        // RFC 7301 §3.1: one name chosen, not two.
        Handshake::EncryptedExtensions(vec![alpn(&["h2", "http/1.1"])]),
    ];
    for message in wrong {
        let refused = refusal(&message.encode(), Version::TLS13);
        assert_eq!(refused, AlertDescription::ILLEGAL_PARAMETER, "{message:?}");
    }
    let right = hello_with(vec![E::EarlyData, E::PreSharedKeys(keys)]).encode();
    assert!(Handshake::decode(HandshakeType::CLIENT_HELLO, &right[4..], Version::TLS13).is_ok());
    // §4.1.3: legacy_version of a hello retry request is 0x0303, not 0x0302.
    let mut request =
        with_extension_in(Place::HelloRetryRequest, Extension::RetryGroup(Group::X25519)).encode().to_vec();
    assert!(Handshake::decode(HandshakeType::SERVER_HELLO, &request[4..], Version::TLS13).is_ok());
    request[5] = 2;
    assert_eq!(refusal(&request, Version::TLS13), AlertDescription::ILLEGAL_PARAMETER);
    // §4.6.3: request_update is 0 or 1.
    assert_eq!(refusal(&hex("18000001 02"), Version::TLS13), AlertDescription::ILLEGAL_PARAMETER);
    // RFC 8422 §5.4: an explicit curve, type 1.
    assert_eq!(refusal(&hex("0c000004 01 001d 00"), Version::TLS12), AlertDescription::ILLEGAL_PARAMETER);
    // RFC 6066 §3: two host names, "a" and "b".
    let names = hello_with_raw(ExtensionType::SERVER_NAME, "0008 00 0001 61 00 0001 62");
    assert_eq!(refusal(&names, Version::TLS13), AlertDescription::ILLEGAL_PARAMETER);
}

/// A message of TLS 1.3 with this extension in it, as raw bytes.
fn with_extension_in(place: Place, extension: Extension) -> Handshake {
    let extensions = vec![extension];
    let name: Bytes = "x".into();
    match place {
        Place::ClientHello => hello_with(extensions),
        Place::ServerHello => answer_with([vec![Extension::SelectedVersion(Version::TLS13)], extensions].concat()),
        Place::HelloRetryRequest => Handshake::HelloRetryRequest(HelloRetryRequest {
            session_id: Bytes::new(),
            cipher_suite: CipherSuite::AES_128_GCM_SHA256,
            extensions,
        }),
        Place::EncryptedExtensions => Handshake::EncryptedExtensions(extensions),
        Place::CertificateRequest => {
            Handshake::CertificateRequest(CertificateRequest { context: Bytes::new(), extensions })
        }
        Place::Certificate => Handshake::Certificate(CertificateMessage {
            context: Bytes::new(),
            entries: vec![CertificateEntry { der: name, extensions }],
        }),
        Place::NewSessionTicket => Handshake::NewSessionTicket(NewSessionTicket {
            lifetime_s: 1,
            age_add: 0,
            nonce: Bytes::new(),
            ticket: name,
            extensions,
        }),
    }
}

#[test]
fn extensions_stand_only_where_the_table_of_the_rfc_lets_them() {
    use Place::{Certificate as CT, CertificateRequest as CR, ClientHello as CH, EncryptedExtensions as EE};
    use Place::{HelloRetryRequest as HRR, NewSessionTicket as NST, ServerHello as SH};
    // RFC 8446 §4.2; compress_certificate: RFC 8879 §3; the last four belong to TLS 1.2 and stay in the client hello.
    // The bodies are right in a server hello of TLS 1.2, where such there are.
    let table: &[(ExtensionType, &[Place], &str)] = &[
        (ExtensionType::SERVER_NAME, &[CH, EE], ""),
        (ExtensionType::STATUS_REQUEST, &[CH, CR, CT], ""),
        (ExtensionType::SUPPORTED_GROUPS, &[CH, EE], ""),
        (ExtensionType::SIGNATURE_ALGORITHMS, &[CH, CR], ""),
        (ExtensionType::ALPN, &[CH, EE], "0003 02 6832"),
        (ExtensionType::PADDING, &[CH], ""),
        (ExtensionType::KEY_SHARE, &[CH, SH, HRR], ""),
        (ExtensionType::PRE_SHARED_KEY, &[CH, SH], ""),
        (ExtensionType::PSK_KEY_EXCHANGE_MODES, &[CH], ""),
        (ExtensionType::EARLY_DATA, &[CH, EE, NST], ""),
        (ExtensionType::COOKIE, &[CH, HRR], ""),
        (ExtensionType::SUPPORTED_VERSIONS, &[CH, SH, HRR], ""),
        (ExtensionType::COMPRESS_CERTIFICATE, &[CH, CR], ""),
        (ExtensionType::EC_POINT_FORMATS, &[CH], "01 00"),
        (ExtensionType::EXTENDED_MASTER_SECRET, &[CH], ""),
        (ExtensionType::SESSION_TICKET, &[CH], ""),
        (ExtensionType::RENEGOTIATION_INFO, &[CH], "00"),
    ];
    for (kind, places, body) in table {
        for place in [CH, SH, HRR, EE, CR, CT, NST] {
            let extension = Extension::Unknown { kind: kind.0, body: hex(body).into() };
            let message = with_extension_in(place, extension);
            // A body may be wrong; that is another alert.
            let read = Handshake::decode(message.kind(), &message.encode()[4..], Version::TLS13);
            let is_misplaced = read == Err(AlertDescription::ILLEGAL_PARAMETER);
            assert_eq!(is_misplaced, !places.contains(&place), "{kind} in {place:?}: {read:?}");
        }
    }
}

#[test]
fn a_compression_other_than_none_is_an_illegal_parameter() {
    let hello = |compression: &'static [u8], extensions| {
        let Handshake::ClientHello(hello) = hello_with(extensions) else { unreachable!() };
        let bytes = Handshake::ClientHello(ClientHello { compression: compression.into(), ..hello }).encode();
        Handshake::decode(HandshakeType::CLIENT_HELLO, &bytes[4..], Version::TLS13).err()
    };
    let tls13 = || vec![Extension::SupportedVersions(vec![Version::TLS13])];
    let illegal = Some(AlertDescription::ILLEGAL_PARAMETER);
    // RFC 8446 §4.1.2: exactly one byte of zero; RFC 5246 §7.4.1.2: zero among others, here with DEFLATE.
    assert_eq!((hello(&[1, 0], tls13()), hello(&[1, 0], Vec::new())), (illegal, None));
    assert_eq!((hello(&[1], tls13()), hello(&[1], Vec::new())), (illegal, illegal));
    // The answer may choose none but the null method: its byte follows 2 + 32 + 1 + 2 others.
    let mut answer = answer_with(Vec::new()).encode().to_vec();
    answer[4 + 37] = 1;
    assert_eq!(refusal(&answer, Version::TLS13), AlertDescription::ILLEGAL_PARAMETER);
}

#[test]
fn what_is_too_short_too_long_or_empty_is_a_decode_error() {
    use ExtensionType as E;
    let wrong = [
        // Lists that may not be empty.
        (E::SUPPORTED_GROUPS, "0000"),
        (E::SIGNATURE_ALGORITHMS, "0000"),
        (E::SUPPORTED_VERSIONS, "00"),
        (E::PSK_KEY_EXCHANGE_MODES, "00"),
        (E::COOKIE, "0000"),
        (E::ALPN, "0000"),
        // A name of no bytes: RFC 7301 §3.1, RFC 6066 §3.
        (E::ALPN, "0003 00 01 61"),
        (E::SERVER_NAME, "0003 00 0000"),
        // An odd number of bytes where each item has two.
        (E::SUPPORTED_VERSIONS, "03 0304 03"),
        // Bytes left over.
        (E::SUPPORTED_VERSIONS, "02 0304 00"),
        (E::EARLY_DATA, "00"),
        (E::EXTENDED_MASTER_SECRET, "00"),
        // A share of no bytes (RFC 8446 §4.2.8).
        (E::KEY_SHARE, "0004 001d 0000"),
    ];
    for (kind, body) in wrong {
        let refused = refusal(&hello_with_raw(kind, body), Version::TLS13);
        assert_eq!(refused, AlertDescription::DECODE_ERROR, "{kind} {body}");
    }
    // RFC 8446 §4.2.11: a binder has 32 bytes at least.
    let short = PreSharedKeys {
        identities: vec![PskIdentity { identity: "ticket".into(), obfuscated_age: 0 }],
        binders: vec![vec![0; 31].into()],
    };
    let refused = refusal(&hello_with(vec![Extension::PreSharedKeys(short)]).encode(), Version::TLS13);
    assert_eq!(refused, AlertDescription::DECODE_ERROR);
    // RFC 8446 §4.1.2: a session id of 33 bytes.
    let Handshake::ClientHello(hello) = hello_with(Vec::new()) else { unreachable!() };
    let long = Handshake::ClientHello(ClientHello { session_id: vec![0; 33].into(), ..hello }).encode();
    assert_eq!(refusal(&long, Version::TLS12), AlertDescription::DECODE_ERROR);
    // Finished: 32 or 48 bytes in TLS 1.3, 12 in TLS 1.2.
    assert_eq!(
        refusal(&Handshake::Finished(vec![0; 12].into()).encode(), Version::TLS13),
        AlertDescription::DECODE_ERROR
    );
    assert_eq!(
        refusal(&Handshake::Finished(vec![0; 32].into()).encode(), Version::TLS12),
        AlertDescription::DECODE_ERROR
    );
}

#[test]
fn a_message_that_a_version_has_not_is_unexpected() {
    let of_12 = [Handshake::HelloRequest, Handshake::ServerHelloDone, Handshake::ClientKeyExchange("point".into())];
    for message in of_12 {
        let refused = refusal(&message.encode(), Version::TLS13);
        assert_eq!(refused, AlertDescription::UNEXPECTED_MESSAGE, "{message:?}");
    }
    for message in [Handshake::EndOfEarlyData, Handshake::KeyUpdate { requested: true }] {
        let refused = refusal(&message.encode(), Version::TLS12);
        assert_eq!(refused, AlertDescription::UNEXPECTED_MESSAGE, "{message:?}");
    }
    for kind in [HandshakeType::MESSAGE_HASH, HandshakeType(99)] {
        assert_eq!(Handshake::decode(kind, &[], Version::TLS13), Err(AlertDescription::UNEXPECTED_MESSAGE));
    }
}

#[test]
fn an_unknown_extension_or_name_type_is_kept_as_it_is() {
    // GREASE (RFC 8701), and a name of type 7 beside no host name.
    for (kind, body) in [(ExtensionType(0x2a2a), "00"), (ExtensionType::SERVER_NAME, "0004 07 0001 61")] {
        let bytes = hello_with_raw(kind, body);
        let hello = Handshake::decode(HandshakeType::CLIENT_HELLO, &bytes[4..], Version::TLS13).unwrap();
        assert_eq!(hello, hello_with(vec![Extension::Unknown { kind: kind.0, body: hex(body).into() }]));
    }
}

#[test]
fn a_hello_may_have_no_list_of_extensions() {
    // RFC 5246 §7.4.1.2: 4 + 2 + 32 + (1 + 0) + (2 + 2) + (1 + 1) bytes, and nothing.
    let bytes = hello_with(Vec::new()).encode();
    assert_eq!(bytes.len(), 45);
    assert_eq!(Handshake::decode(HandshakeType::CLIENT_HELLO, &bytes[4..], Version::TLS12), Ok(hello_with(Vec::new())));
}

#[test]
fn a_downgrade_is_told_in_the_bytes_of_the_rfc() {
    // RFC 8446 §4.1.3: 44 4F 57 4E 47 52 44 01.
    assert_eq!(ServerHello::DOWNGRADE_TLS12[..], hex("444f574e47524401"));
}

#[test]
fn bytes_that_begin_no_record_are_refused_as_the_rfc_says() {
    let next = |bytes: &[u8], most| {
        let mut reader = RecordReader::default();
        reader.push(&Rope::from(bytes.to_vec()));
        reader.next(most)
    };
    let overflow = Err(AlertDescription::RECORD_OVERFLOW);
    let unexpected = Err(AlertDescription::UNEXPECTED_MESSAGE);
    assert_eq!(next(b"GET / HTTP/1.1\r\n", MAX_PLAINTEXT), unexpected);
    // Heartbeat (RFC 6520) is not negotiated.
    assert_eq!(next(&hex("18 0303 0001 00"), MAX_PLAINTEXT), unexpected);
    assert_eq!(next(&hex("16 0203 0001 00"), MAX_PLAINTEXT), Err(AlertDescription::PROTOCOL_VERSION));
    // RFC 8446 §5.4: handshake and alert records are never empty; application data may be.
    assert_eq!(next(&hex("16 0303 0000"), MAX_PLAINTEXT), unexpected);
    assert_eq!(next(&hex("15 0303 0000"), MAX_PLAINTEXT), unexpected);
    assert!(matches!(next(&hex("17 0303 0000"), MAX_PLAINTEXT), Ok(Some(record)) if record.fragment.is_empty()));
    // §5.1: 2^14 bytes are allowed, one more is not; §5.2: 2^14 + 256 when protected.
    assert_eq!(next(&hex("17 0303 4000"), MAX_PLAINTEXT), Ok(None));
    assert_eq!(next(&hex("17 0303 4001"), MAX_PLAINTEXT), overflow);
    assert_eq!(next(&hex("17 0303 4100"), MAX_PLAINTEXT + 256), Ok(None));
    assert_eq!(next(&hex("17 0303 4101"), MAX_PLAINTEXT + 256), overflow);
    // Four bytes are no header.
    assert_eq!(next(&hex("ff ffff ff"), 0), Ok(None));
}

#[test]
fn fill_stays_fill_in_a_record_that_comes_in_pieces() {
    let record = Record {
        content_type: ContentType::APPLICATION_DATA,
        version: Version::TLS12,
        fragment: Rope::fill(7, 100, 16_000),
    };
    let mut stream = record.to_rope();
    stream.append(&record.to_rope());
    let mut reader = RecordReader::default();
    for start in (0..stream.len()).step_by(1460) {
        reader.push(&stream.slice(start, 1460));
    }
    assert_eq!(reader.buffered(), 2 * 16_005);
    assert_eq!(reader.next(MAX_PLAINTEXT), Ok(Some(record.clone())));
    assert_eq!(reader.buffered(), 16_005);
    assert_eq!(reader.next(MAX_PLAINTEXT), Ok(Some(record)));
    assert_eq!((reader.next(MAX_PLAINTEXT), reader.buffered()), (Ok(None), 0));
}

#[test]
fn a_message_longer_than_allowed_is_refused_by_its_header() {
    let mut reader = MessageReader::default();
    reader.push(&hex("0b 000065"));
    assert_eq!(reader.next(101), Ok(None));
    assert_eq!(reader.next(100), Err(AlertDescription::ILLEGAL_PARAMETER));
    assert!(!reader.is_empty());
}

fn any_record() -> impl Strategy<Value = Record> {
    let kinds = select(vec![ContentType::ALERT, ContentType::HANDSHAKE, ContentType::APPLICATION_DATA]);
    let bytes = octets(1, 30).prop_map(Run::Bytes);
    let fill = (0_u32..3, 0_u64..600, 1_u64..600).prop_map(|(key, offset, len)| Run::Fill { key, offset, len });
    let fragment = prop::collection::vec(prop_oneof![bytes, fill], 1..4).prop_map(Rope::from_iter);
    (kinds, 0x0300_u16..0x0400, fragment).prop_map(|(content_type, version, fragment)| Record {
        content_type,
        version: Version(version),
        fragment,
    })
}

fn flat(record: &Record) -> (ContentType, Version, Bytes) {
    (record.content_type, record.version, record.fragment.to_bytes())
}

proptest! {
    #[test]
    fn what_is_written_is_read_the_same((message, version) in any_message()) {
        let bytes = message.encode();
        prop_assert_eq!(HandshakeType(bytes[0]), message.kind());
        prop_assert_eq!(Handshake::decode(message.kind(), &bytes[4..], version), Ok(message));
    }

    #[test]
    fn the_binders_end_a_client_hello(keys in pre_shared_keys()) {
        let Handshake::ClientHello(hello) = hello_with(vec![Extension::PreSharedKeys(keys.clone())]) else {
            unreachable!()
        };
        let mut binders = Writer::default();
        binders.list::<2, _>(&keys.binders, |out, binder| out.opaque::<1>(binder));
        let binders = binders.finish();
        prop_assert_eq!(hello.binders_len(), binders.len());
        prop_assert!(Handshake::ClientHello(hello).encode().ends_with(&binders));
    }

    /// Cut between its fixed part and its extensions, a hello is still one; so is a long Finished cut to a short one.
    #[test]
    fn a_part_of_a_message_is_a_decode_error_or_a_message_itself((message, version) in any_message()) {
        let bytes = message.encode();
        let mut taken = 0;
        for end in 4..bytes.len() {
            match Handshake::decode(message.kind(), &bytes[4..end], version) {
                Ok(part) => {
                    prop_assert_eq!(&part.encode()[4..], &bytes[4..end]);
                    taken += 1;
                }
                Err(alert) => prop_assert_eq!(alert, AlertDescription::DECODE_ERROR),
            }
        }
        prop_assert!(taken <= 1);
    }

    #[test]
    fn a_byte_too_many_is_a_decode_error((message, version) in any_message(), more in any::<u8>()) {
        let bytes = [&message.encode()[..], &[more]].concat();
        prop_assert_eq!(refusal(&bytes, version), AlertDescription::DECODE_ERROR);
    }

    /// Any bytes, and messages with some bytes changed: whatever is taken is written such that it reads the same.
    #[test]
    fn whatever_is_read_is_written_such_that_it_reads_the_same(
        (message, version) in any_message(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        (kind, any_body) in (0_u8..26, octets(0, 60)),
    ) {
        let mut body = message.encode()[4..].to_vec();
        for (place, byte) in changes {
            if !body.is_empty() {
                let at = place.index(body.len());
                body[at] = byte;
            }
        }
        for (kind, body) in [(message.kind(), &body[..]), (HandshakeType(kind), &any_body[..])] {
            if let Ok(read) = Handshake::decode(kind, body, version) {
                let bytes = read.encode();
                prop_assert_eq!(Handshake::decode(kind, &bytes[4..], version), Ok(read));
            }
        }
    }

    #[test]
    fn messages_come_out_however_they_are_cut(
        messages in prop::collection::vec(any_message(), 1..5),
        piece in 1_usize..40,
    ) {
        let encoded: Vec<Bytes> = messages.iter().map(|(message, _)| message.encode()).collect();
        let mut reader = MessageReader::default();
        let mut found = Vec::new();
        for part in encoded.concat().chunks(piece) {
            reader.push(part);
            while let Some((kind, whole)) = reader.next(1 << 14).unwrap() {
                prop_assert_eq!(kind, HandshakeType(whole[0]));
                found.push(whole);
            }
        }
        prop_assert!(reader.is_empty());
        prop_assert_eq!(found, encoded);
    }

    #[test]
    fn records_come_out_however_they_are_cut(
        records in prop::collection::vec(any_record(), 1..5),
        piece in 1_u64..200,
    ) {
        let mut stream = Rope::new();
        records.iter().for_each(|record| stream.append(&record.to_rope()));
        let mut reader = RecordReader::default();
        let (mut found, mut given) = (Vec::new(), 0);
        for start in (0..stream.len()).step_by(piece as usize) {
            reader.push(&stream.slice(start, piece));
            while let Some(record) = reader.next(MAX_PLAINTEXT).unwrap() {
                given += record.to_rope().len();
                found.push(record);
            }
            prop_assert_eq!(given + reader.buffered(), (start + piece).min(stream.len()));
        }
        prop_assert_eq!(reader.buffered(), 0);
        prop_assert_eq!(found.iter().map(flat).collect::<Vec<_>>(), records.iter().map(flat).collect::<Vec<_>>());
        for record in &found {
            // Fill may have been cut, but not written out: it joins again.
            let fill = |record: &Record| {
                record.fragment.runs().iter().filter(|run| matches!(run, Run::Fill { .. })).cloned().collect::<Vec<_>>()
            };
            prop_assert!(records.iter().any(|sent| fill(sent) == fill(record)));
        }
    }

    #[test]
    fn a_reader_of_records_takes_any_rope(
        runs in prop::collection::vec(
            prop_oneof![
                octets(0, 20).prop_map(Run::Bytes),
                (any::<u32>(), any::<u64>(), 0_u64..20_000).prop_map(|(key, offset, len)| {
                    Run::Fill { key, offset: offset / 2, len }
                }),
            ],
            0..6,
        ),
        most in 0_usize..70_000,
    ) {
        let rope: Rope = runs.into_iter().collect();
        let all = rope.to_bytes();
        let mut reader = RecordReader::default();
        reader.push(&rope);
        let mut written = Vec::new();
        while let Ok(Some(record)) = reader.next(most) {
            prop_assert!(record.fragment.len() <= most as u64);
            record.to_rope().write_to(&mut written);
        }
        prop_assert!(all.starts_with(&written));
        prop_assert_eq!(reader.buffered(), rope.len() - written.len() as u64);
    }
}
