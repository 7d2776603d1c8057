//! Both modes beside each other: the same lengths, the same draws, the same outcomes.

use super::*;
use crate::rope::{Rope, Run};
use crate::tls::codes::{Aead, AlertDescription, CipherSuite, ContentType, Group, Hash};
use crate::tls::wire::{Record, RecordReader};
use bytes::Bytes;
use proptest::prelude::*;
use protosim_core::{Purpose, RunSeed, Stream};

const MODES: [Mode; 2] = [Mode::Sized, Mode::Real];
const GROUPS: [Group; 5] =
    [Group::X25519, Group::SECP256R1, Group::SECP384R1, Group::X25519MLKEM768, Group::SECP256R1MLKEM768];
const SUITES: [CipherSuite; 6] = [
    CipherSuite::AES_128_GCM_SHA256,
    CipherSuite::AES_256_GCM_SHA384,
    CipherSuite::CHACHA20_POLY1305_SHA256,
    CipherSuite::ECDHE_ECDSA_AES_128_GCM_SHA256,
    CipherSuite::ECDHE_RSA_AES_256_GCM_SHA384,
    CipherSuite::ECDHE_RSA_CHACHA20_POLY1305,
];

pub(super) fn luck(seed: u64) -> Stream {
    RunSeed { seed, replication: 0 }.stream("host", Purpose("test"))
}

fn protection(mode: Mode, suite: CipherSuite, key: u8) -> Protection {
    if suite.is_tls13() {
        return Protection::tls13(mode, suite, &Secret::new(&vec![key; suite.hash().unwrap().len()]));
    }
    let aead = suite.aead().unwrap();
    Protection::tls12(mode, suite, &vec![key; aead.key_len()], &vec![3; aead.fixed_iv_len()])
}

fn record(sealed: &Rope) -> Record {
    let mut reader = RecordReader::default();
    reader.push(sealed);
    let record = reader.next(usize::from(u16::MAX)).unwrap().unwrap();
    assert_eq!(reader.buffered(), 0);
    record
}

fn any_text() -> impl Strategy<Value = Rope> {
    let bytes = prop::collection::vec(any::<u8>(), 0..40).prop_map(|bytes| Run::Bytes(bytes.into()));
    let fill = (any::<u32>(), 0_u64..600, 0_u64..3000).prop_map(|(key, offset, len)| Run::Fill { key, offset, len });
    prop::collection::vec(prop_oneof![bytes, fill], 0..4).prop_map(|runs| runs.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn records_open_as_they_were_sealed(
        suite in prop::sample::select(&SUITES),
        texts in prop::collection::vec((any_text(), 0_usize..300), 1..4),
    ) {
        // Header 5, tag 16; TLS 1.3: content type 1; GCM in TLS 1.2: nonce 8 (RFC 8446 §5.2, RFC 5288 §3).
        let expansion = match (suite.is_tls13(), suite.aead().unwrap()) {
            (true, _) => 22,
            (false, Aead::ChaCha20Poly1305) => 21,
            (false, _) => 29,
        };
        for mode in MODES {
            let (mut sender, mut receiver) = (protection(mode, suite, 1), protection(mode, suite, 1));
            prop_assert_eq!(sender.expansion(), expansion);
            for (text, padding) in &texts {
                let sealed = sender.seal(ContentType::HANDSHAKE, text, *padding);
                let padding = if suite.is_tls13() { *padding } else { 0 };
                prop_assert_eq!(sealed.len() as usize, text.len() as usize + padding + expansion);
                // As it is, or as bytes: a capture, or a part of a stream that was cut.
                let flat = record(&Rope::from(sealed.to_bytes()));
                let (content_type, opened) = receiver.clone().open(&flat).unwrap();
                prop_assert_eq!((content_type, opened.to_bytes()), (ContentType::HANDSHAKE, text.to_bytes()));
                let (content_type, opened) = receiver.open(&record(&sealed)).unwrap();
                prop_assert_eq!((content_type, opened.to_bytes()), (ContentType::HANDSHAKE, text.to_bytes()));
                if mode == Mode::Sized {
                    prop_assert_eq!(&opened, text);
                }
            }
        }
    }

    #[test]
    fn modes_decide_alike_what_is_a_record(suite in prop::sample::select(&SUITES), text in any_text()) {
        const BAD: Result<(ContentType, Rope), AlertDescription> = Err(AlertDescription::BAD_RECORD_MAC);
        for mode in MODES {
            let mut sender = protection(mode, suite, 1);
            let first = record(&sender.seal(ContentType::APPLICATION_DATA, &text, 0));
            let second = record(&sender.seal(ContentType::APPLICATION_DATA, &text, 0));
            // Out of order, repeated, with another key, with another tag, too short.
            let mut receiver = protection(mode, suite, 1);
            prop_assert_eq!(receiver.open(&second), BAD);
            prop_assert!(receiver.open(&first).is_ok());
            prop_assert_eq!(receiver.open(&first), BAD);
            prop_assert!(receiver.open(&second).is_ok());
            prop_assert_eq!(protection(mode, suite, 2).open(&first), BAD);
            let mut bytes = first.fragment.to_bytes().to_vec();
            *bytes.last_mut().unwrap() ^= 1;
            let changed = Record { fragment: Rope::from(bytes), ..first.clone() };
            prop_assert_eq!(protection(mode, suite, 1).open(&changed), BAD);
            let short = Record { fragment: first.fragment.slice(0, 15), ..first.clone() };
            prop_assert_eq!(protection(mode, suite, 1).open(&short), BAD);
        }
    }

    #[test]
    fn both_sides_of_a_key_exchange_know_the_same(seed in any::<u64>()) {
        for group in GROUPS {
            let mut after = Vec::new();
            for mode in MODES {
                let mut luck = luck(seed);
                let client = KeyPair::generate(mode, group, &mut luck);
                prop_assert_eq!(client.public().len(), group.client_share_len().unwrap());
                let (public, shared) = respond(mode, group, &client.public(), &mut luck).unwrap();
                prop_assert_eq!(public.len(), group.server_share_len().unwrap());
                prop_assert_eq!(client.agree(&public), Ok(shared));
                let other = KeyPair::generate(mode, group, &mut luck);
                prop_assert_ne!(other.agree(&public), Ok(shared));
                if group.client_share_len() == group.server_share_len() {
                    // As in TLS 1.2, where both sides generate.
                    prop_assert_eq!(other.agree(&client.public()), client.agree(&other.public()));
                }
                after.push((shared.as_slice().len(), luck));
            }
            prop_assert_eq!(&after[0], &after[1]);
        }
    }
}

#[test]
fn bad_shares_are_illegal_in_both_modes() {
    const ILLEGAL: AlertDescription = AlertDescription::ILLEGAL_PARAMETER;
    for mode in MODES {
        for group in GROUPS {
            let pair = KeyPair::generate(mode, group, &mut luck(1));
            let share = pair.public();
            let (answer, _) = respond(mode, group, &share, &mut luck(2)).unwrap();
            // Another length.
            assert_eq!(respond(mode, group, &share[1..], &mut luck(2)), Err(ILLEGAL));
            assert_eq!(pair.agree(&answer[1..]), Err(ILLEGAL));
            // The point that gives away the secret (RFC 7748 §6.1), or a compressed one.
            let mut bad = answer.to_vec();
            match group {
                Group::X25519MLKEM768 => bad[1088..].fill(0),
                Group::X25519 => bad.fill(0),
                _ => bad[0] = 2,
            }
            assert_eq!(pair.agree(&bad), Err(ILLEGAL), "{mode:?} {group}");
        }
        assert_eq!(respond(mode, Group(1), &[], &mut luck(2)), Err(ILLEGAL));
    }
    // Off the curve, and a key that is no key (FIPS 203 §7.2): numbers above 3328. Only real ones notice.
    let mut bad = KeyPair::generate(Mode::Real, Group::SECP256R1, &mut luck(1)).public().to_vec();
    bad[64] ^= 1;
    assert_eq!(respond(Mode::Real, Group::SECP256R1, &bad, &mut luck(2)), Err(ILLEGAL));
    let mut bad = KeyPair::generate(Mode::Real, Group::X25519MLKEM768, &mut luck(1)).public().to_vec();
    bad[..3].fill(0xff);
    assert_eq!(respond(Mode::Real, Group::X25519MLKEM768, &bad, &mut luck(2)), Err(ILLEGAL));
}

/// RFC 7748 §6.1.
#[test]
fn x25519_is_that_of_rfc_7748() {
    use super::vectors::hex;
    // The client's private key of RFC 8448 §3 and the server's share give its shared secret.
    let private = hex("49af42ba7f7994852d713ef2784bcbcaa7911de26adc5642cb634540e7ea5005");
    let public = hex("c9828876112095fe66762bdbf7c672e156d6cc253b833df1dd69b1b04e751f0f");
    let shared = hex("8bd4054fb55b9d63fdfbacf9f04b9f0d35e6d63f537563efd46272900f89492d");
    let pair = exchange::pair_of(&private);
    assert_eq!(pair.public(), hex("99381de560e4bd43d23d8e435a7dbafeb3c06e51c13cae4d5413691e529aaf2c"));
    assert_eq!(pair.agree(&public).unwrap().as_slice(), shared);
}

#[test]
fn padding_is_not_content() {
    for mode in MODES {
        let seal = |text: Vec<u8>, padding| {
            let sealed = protection(mode, SUITES[0], 1).seal(ContentType::ALERT, &Rope::from(text), padding);
            protection(mode, SUITES[0], 1).open(&record(&sealed))
        };
        // Zeros of the content stay (RFC 8446 §5.4).
        assert_eq!(seal(vec![1, 0], 500), Ok((ContentType::ALERT, Rope::from(vec![1, 0]))));
        // 2^14 bytes may be inside, and the content type.
        assert!(seal(vec![9; 1 << 14], 0).is_ok());
        assert_eq!(seal(vec![9; (1 << 14) + 1], 0), Err(AlertDescription::RECORD_OVERFLOW));
        // Nothing but zeros: content type 0 and no content.
        let sealed = protection(mode, SUITES[0], 1).seal(ContentType(0), &Rope::new(), 20);
        let opened = protection(mode, SUITES[0], 1).open(&record(&sealed));
        assert_eq!(opened, Err(AlertDescription::UNEXPECTED_MESSAGE));
        // A record that is protected calls itself application data (RFC 8446 §5.2).
        let mut sealed = record(&protection(mode, SUITES[0], 1).seal(ContentType::ALERT, &Rope::new(), 0));
        sealed.content_type = ContentType::ALERT;
        assert_eq!(protection(mode, SUITES[0], 1).open(&sealed), Err(AlertDescription::UNEXPECTED_MESSAGE));
    }
}

/// Records that OpenSSL 4.0 makes, through Python's `cryptography` 50: "hello" as the second record under the key 0, 1, 2…
/// and the IV 1, 2, 3…, or in TLS 1.3 under the traffic secret 0, 1, 2… with three bytes of padding.
#[test]
fn records_are_those_of_openssl() {
    use super::vectors::hex;
    let count = |from: u8, len: usize| (from..).take(len).collect::<Vec<u8>>();
    let seal = |mut protection: Protection, padding| {
        let text = Rope::from(b"hello".to_vec());
        protection.seal(ContentType::APPLICATION_DATA, &text, padding);
        protection.seal(ContentType::APPLICATION_DATA, &text, padding).to_bytes()
    };
    for (suite, expected) in [
        (SUITES[3], "170303001d0000000000000001c2933f2b5ee817d115f6eaa2aad4956dca8fafc389"),
        (SUITES[4], "170303001d0000000000000001b994ab5274c20e59efba5c70a2c230b7a8fb6ab646"),
        (SUITES[5], "1703030015e4592702e5e3c0fa55d61cee9ab32455c4da92b557"),
    ] {
        let aead = suite.aead().unwrap();
        let protection =
            Protection::tls12(Mode::Real, suite, &count(0, aead.key_len()), &count(1, aead.fixed_iv_len()));
        assert_eq!(seal(protection, 0), hex(expected));
    }
    for (suite, expected) in [
        (SUITES[1], "1703030019f574159cab590d29540e1244af20be21562926d929b2672671"),
        (SUITES[2], "170303001963d059b6e83bc3d38eaf0b2ef9e5980993d26b2946410f5e9e"),
    ] {
        let traffic = Secret::new(&count(0, suite.hash().unwrap().len()));
        assert_eq!(seal(Protection::tls13(Mode::Real, suite, &traffic), 3), hex(expected));
    }
}

/// Bulk data costs nothing: a fill in a record is a fill, before and after.
#[test]
fn fill_stays_fill() {
    let text = Rope::fill(7, 1000, 16_000);
    let sealed = protection(Mode::Sized, SUITES[0], 1).seal(ContentType::APPLICATION_DATA, &text, 0);
    assert_eq!(sealed.runs().len(), 4);
    assert_eq!(sealed.runs()[1], text.runs()[0]);
    let (_, opened) = protection(Mode::Sized, SUITES[0], 1).open(&record(&sealed)).unwrap();
    assert_eq!(opened, text);
}

#[test]
fn schedules_give_the_same_lengths_and_tell_the_same_apart() {
    for hash in [Hash::Sha256, Hash::Sha384] {
        let mut lens = Vec::new();
        for mode in MODES {
            let kdf = Kdf::tls13(mode, hash);
            let th = |text: &str| digest(mode, hash, text.as_bytes());
            let run = |psk: &[u8], shared: &[u8], hello: &str| {
                let mut schedule = KeySchedule::new(kdf, Some(psk));
                let mut all =
                    vec![schedule.binder_key(true), schedule.binder_key(false), schedule.early_traffic(&th("a"))];
                let (client, server) = schedule.handshake(Some(shared), &th(hello));
                all.extend([client, server]);
                let (client, server) = schedule.application(&th("c"));
                all.extend([client, server, schedule.exporter(&th("c")), schedule.resumption(&th("d"))]);
                all.push(kdf.next_traffic(&client));
                all.push(kdf.resumption_psk(&all[8], &[0]));
                all.push(Secret::new(&kdf.finished(&client, &th("d"))));
                all
            };
            let all = run(&[1; 32], &[2; 32], "b");
            assert_eq!(all, run(&[1; 32], &[2; 32], "b"));
            for (i, one) in all.iter().enumerate() {
                assert_eq!(one.as_slice().len(), hash.len());
                assert!(!all[..i].contains(one), "{mode:?} {i}");
            }
            // What depends on what: all on the key, all but the first three on the secret, two more on the hello alone.
            let same = |other: &[Secret]| all.iter().zip(other).map(|(a, b)| a == b).collect::<Vec<_>>();
            assert_eq!(same(&run(&[3; 32], &[2; 32], "b")), [false; 12]);
            assert_eq!(same(&run(&[1; 32], &[3; 32], "b"))[..4], [true, true, true, false]);
            assert_eq!(same(&run(&[1; 32], &[2; 32], "x"))[..6], [true, true, true, false, false, true]);
            let exported = kdf.export(&all[7], "label", b"context", 100);
            let master = tls12::master_secret(mode, hash, &[1; 32], &th("e"));
            let plain = tls12::master_secret_plain(mode, hash, &[1; 32], &[2; 32], &[3; 32]);
            let verify = |is_client| tls12::verify_data(mode, hash, &master, is_client, &th("f"));
            assert_ne!(verify(true), verify(false));
            lens.push([exported.len(), master.as_slice().len(), plain.as_slice().len(), verify(true).len()]);
        }
        // RFC 5246 §8.1, §7.4.9.
        assert_eq!(lens, [[100, 48, 48, 12]; 2]);
    }
}

#[test]
fn a_transcript_does_not_depend_on_when_its_hash_is_known() {
    for mode in MODES {
        for hash in [Hash::Sha256, Hash::Sha384] {
            let (mut early, mut late) = (Transcript::new(mode), Transcript::new(mode));
            early.set_hash(hash);
            for transcript in [&mut early, &mut late] {
                transcript.add(b"one");
                transcript.add(b"two");
            }
            late.set_hash(hash);
            assert_eq!(early.digest(), digest(mode, hash, b"onetwo"));
            assert_eq!(late.digest(), early.digest());
            assert_eq!(late.digest_with(b"three"), digest(mode, hash, b"onetwothree"));
            assert_eq!(late.digest(), early.digest());
            // RFC 8446 §4.4.1: 254, the length of the hash in 3 bytes, the hash.
            late.restart_for_retry();
            late.add(b"retry");
            let head = [254, 0, 0, hash.len() as u8];
            let expected = [&head[..], early.digest().as_slice(), b"retry"].concat();
            assert_eq!(late.digest(), digest(mode, hash, &expected));
        }
    }
}

/// One draw each, whatever is generated of it, and different bytes for different draws.
#[test]
fn generators_follow_from_their_draw() {
    let take = |draw| Generator::new(draw).bytes::<20>();
    assert_eq!(take(1), take(1));
    assert_ne!(take(1), take(2));
    let fill = |seed| {
        let mut out = [0; 20];
        filler(seed, &mut out);
        Bytes::copy_from_slice(&out)
    };
    assert_ne!(fill(1), fill(2));
    // SplitMix64 from the state 0: its first output, in little endian.
    assert_eq!(fill(0)[..8], 0xe220_a839_7b1d_cdaf_u64.to_le_bytes());
}
