use super::cipher::{Cipher, aes_block};
use super::protection::{additional_12, nearest};
use super::*;
use crate::dtls::codes::{Aead, DTLS12, HASH, Suite, TLS12_CID};
use crate::dtls::tests::hex;
use crate::dtls::wire::{FullHeader, Header, Record, Records, UnifiedHeader};
use crate::rope::Rope;
use crate::tls::codes::ContentType;
use crate::tls::crypto::{Kdf, KeySchedule, Mode, Secret, hmac};
use bytes::Bytes;
use proptest::prelude::*;

const KDF: Kdf = Kdf::dtls13(Mode::Real, HASH);

/// NIST SP 800-38C, example 3: a nonce of 12 bytes, a tag of 8, 20 bytes beside the text.
#[test]
fn ccm_with_a_tag_of_eight_bytes_is_that_of_nist() {
    let key = hex("404142434445464748494a4b4c4d4e4f");
    let nonce: [u8; 12] = hex("101112131415161718191a1b").try_into().unwrap();
    let additional = hex("000102030405060708090a0b0c0d0e0f10111213");
    let mut text = hex("202122232425262728292a2b2c2d2e2f3031323334353637");
    let cipher = Cipher::new(Mode::Real, Aead::Ccm8, &key, &[]);
    cipher.seal(&nonce, &additional, &mut text, 0);
    assert_eq!(text, hex("e3b201a9f5b71a7a9b1ceaeccd97e70b6176aad9a4428aa5484392fbc1b09951"));
    let (sealed, tag) = text.split_at_mut(24);
    assert!(cipher.open(&nonce, &additional, sealed, tag));
    assert_eq!(sealed, hex("202122232425262728292a2b2c2d2e2f3031323334353637"));
}

/// FIPS 197, appendix C.1.
#[test]
fn a_mask_is_a_block_of_aes() {
    let block = hex("00112233445566778899aabbccddeeff").try_into().unwrap();
    let out = aes_block(&hex("000102030405060708090a0b0c0d0e0f"), &block);
    assert_eq!(out.to_vec(), hex("69c4e0d86a7b0430d8cdb78070b4c55a"));
}

/// RFC 9147 §4.2.3 has no vectors. QUIC hides numbers by the same function of a key and 16 bytes of ciphertext (RFC 9001 §5.4.3), and has some: keys,
/// samples and the first five bytes of the masks of its appendices A.2 (client) and A.3 (server).
#[test]
fn masks_are_those_of_quic() {
    for (key, sample, mask) in [
        ("9f50449e04a0e810283a1e9933adedd2", "d1b1c98dd7689fb8ec11d242b123dc9b", "437b9aec36"),
        ("c206b8d9b9f0f37644430b490eeaa314", "2cd0991cd25b0aac406a5816b6394100", "2ec0d8356a"),
    ] {
        let out = aes_block(&hex(key), &hex(sample).try_into().unwrap());
        assert_eq!(out[..5], hex(mask));
    }
}

/// RFC 9147 §5.9, RFC 8446 §7.1: HkdfLabel is length, `dtls13` and the label behind a length, the context behind a length. With one
/// block, HKDF-Expand is HMAC over it and a byte 1.
#[test]
fn labels_begin_with_dtls13() {
    let secret = Secret::new(&[7; 32]);
    let mut out = [0; 16];
    KDF.expand_label(&secret, "key", &[], &mut out);
    let info = [&[0, 16, 9][..], b"dtls13key", &[0, 1]].concat();
    assert_eq!(out, hmac(Mode::Real, HASH, &[7; 32], &[&info]).as_slice()[..16]);
}

/// A secret of 32 bytes.
fn secret(byte: u8) -> Secret {
    Secret::new(&[byte; 32])
}

/// RFC 9147 has no vectors. These were computed apart from this code: HMAC and SHA-256 of Python's standard library, and HKDF-Expand-Label, Derive-Secret and the chain of secrets
/// written after RFC 8446 §7.1 and RFC 9147 §5.9, for a pre-shared key of 16 bytes 01, a shared secret of 32 bytes 07, and digests of 32 bytes 08 to the server's hello, 09 to its Finished and 0a to
/// the client's.
#[test]
fn secrets_of_dtls_13_are_those_of_another_computation() {
    let same = |found: &Secret, expected: &str| assert_eq!(found.as_slice(), hex(expected));
    let mut schedule = KeySchedule::new(KDF, Some(&[1; 16]));
    same(&schedule.binder_key(true), "118a0a343ed034e84918aa3846d9d0d536db6c55b31267e136d814636b4688eb");
    same(&schedule.binder_key(false), "95e07713f7404988211f8f05da30cc830e45405f2a0494daee42b14bc5891077");
    let (client, server) = schedule.handshake(Some(&[7; 32]), &secret(8));
    same(&client, "1036876ad5f260e3404cb5720d6c4bfdbabc1b6f4c2be46ecff0373a37232046");
    same(&server, "10c8d81eabf3dc43c3adebdc0fc1757e2de2565cdb6f34ddb3f9872f8d8eec3a");
    let (client, server) = schedule.application(&secret(9));
    same(&client, "278857627814a139d64e6be5fe262720ac2256e0c1e7384fce1c2dfc3d2258a7");
    same(&server, "71ac141cc92cafc6f7828b152811dc48219919d0a9682b52a315fcdf7f0e11fa");
    let resumption = schedule.resumption(&secret(10));
    same(&resumption, "ffd12afa50692a9a4947a3ca4c808839e36598d92c2159898f210455f7395e5f");
    let psk = KDF.resumption_psk(&resumption, &[0]);
    same(&psk, "102eda9cf246b1dd71c2c6a61f7e355489c927a21a2b0dbc6889a24ebe2438ca");
    let next = KDF.next_traffic(&client);
    same(&next, "12c5cdb1033ff5bd2c5f025192823d3a7818962a3d70ad40f66ba1b0e84a0fcb");
    let mac = KDF.finished(&client, &secret(9));
    assert_eq!(mac, hex("75d9fdb104151919025443331e81b4952e2db9329c8c218cc888d0dc20ca4a96"));
    let (client, _) = KeySchedule::new(KDF, None).handshake(Some(&[7; 32]), &secret(8));
    same(&client, "40e8f8cdb6bfc109ed49c6f8b5e510ad79cc96a106d510a2282abe76848c6374");
}

/// Computed apart from this code as well: the PRF of RFC 5246 §5 from Python's HMAC, AES-GCM and AES-CCM of its `cryptography` package (OpenSSL's), nonces and what is authenticated after
/// RFC 5246 §6.2.3.3, RFC 6655 §3 and RFC 9147 §4.2. Master secret 48 bytes 03, randoms 01 of the client and 02 of the server, epoch 1, number 5; in DTLS 1.3 a traffic secret of 32 bytes 05, epoch 3,
/// number 0x12345, of which 16 bits are sent, hidden by the block of the first 16 bytes of ciphertext.
#[test]
fn records_are_those_of_another_computation() {
    let (text, kind) = (Rope::from(b"protosim".to_vec()), ContentType::APPLICATION_DATA);
    let header = FullHeader { content_type: kind, version: DTLS12, epoch: 1, sequence: 5, cid: Bytes::new() };
    let block = |suite| key_block(Mode::Real, suite, &Secret::new(&[3; 48]), &[1; 32], &[2; 32]);
    let of_client = block(Suite::PskAes128Ccm8).0.seal_12(&header, kind, &text);
    let expected = "17fefd0001000000000005 0018 0001000000000005 dd23f7d0e74d3ff8 15bf1730f7320d5d";
    assert_eq!(of_client.to_bytes(), hex(expected));
    let of_server = block(Suite::PskAes128Gcm).1.seal_12(&header, kind, &text);
    let expected = "17fefd0001000000000005 0020 0001000000000005 1d28009bafb436d3 d08f22b26c88d2d7df6caacd8cfbfc58";
    assert_eq!(of_server.to_bytes(), hex(expected));
    let header = UnifiedHeader { cid: None, epoch_bits: 3, sequence: 0x2345, is_long: true, has_length: true };
    let seal = |suite| Protection::dtls13(Mode::Real, suite, &secret(5)).seal_13(&header, 0x12345, kind, &text);
    let expected = "2f 22d1 0019 6b4f3196da4d686bdf fef47d4b5895819c967c30e97179164f";
    assert_eq!(seal(Suite::Aes128Gcm).to_bytes(), hex(expected));
    assert_eq!(seal(Suite::Aes128Ccm8).to_bytes(), hex("2f fb03 0011 1d0a1aebc28eb2ed84 0cd9b5f8f1533c40"));
}

/// RFC 9146 §5.3: placeholder, type, length of the id, type, version, epoch, number, id, length of the inner plaintext.
#[test]
fn what_is_authenticated_beside_a_text_is_as_rfc_9146_has_it() {
    let header = FullHeader {
        content_type: TLS12_CID,
        version: DTLS12,
        epoch: 1,
        sequence: 0x0203,
        cid: Bytes::from_static(&[0xc1, 0xd2]),
    };
    let expected = hex("ffffffffffffffff 19 02 19 fefd 0001 000000000203 c1d2 0011");
    assert_eq!(additional_12(&header, 17), expected);
    // RFC 5246 §6.2.3.3, RFC 6347 §4.1.2.1: epoch and number, type, version, length.
    let header = FullHeader { content_type: ContentType::APPLICATION_DATA, cid: Bytes::new(), ..header };
    assert_eq!(additional_12(&header, 17), hex("0001000000000203 17 fefd 0011"));
}

/// RFC 9147 §4.2.2: the one that is nearest to one plus the highest.
#[test]
fn a_number_is_the_nearest_with_its_low_bits() {
    assert_eq!(nearest(0x02, 8, 0x100), 0x102);
    assert_eq!(nearest(0xfe, 8, 0x101), 0xfe);
    assert_eq!(nearest(0x00, 8, 0xff), 0x100);
    assert_eq!(nearest(0xff, 8, 0), 0xff);
    assert_eq!(nearest(0x0001, 16, 0x1_fff0), 0x2_0001);
    assert_eq!(nearest(0xffff, 16, 0x2_0000), 0x1_ffff);
    assert_eq!(nearest(5, 8, 5), 5);
}

fn keys(mode: Mode, suite: Suite) -> Protection {
    match suite.version() {
        DTLS12 => key_block(mode, suite, &Secret::new(&[3; 48]), &[1; 32], &[2; 32]).0,
        _ => Protection::dtls13(mode, suite, &Secret::new(&[5; 32])),
    }
}

/// What records of 1000 bytes take (RFC 6347 §4.1, RFC 9147 §4): 13 + 8 + 16 and 13 + 8 + 8 in DTLS 1.2; with an id of n bytes n + 1 more. 5 + 1 + 16
/// in DTLS 1.3, two less without a length, one less with a short number.
#[test]
fn records_are_as_long_as_the_rfcs_say() {
    let data = Rope::fill(1, 0, 1000);
    for mode in [Mode::Sized, Mode::Real] {
        let full = |content_type, cid: &'static [u8]| FullHeader {
            content_type,
            version: DTLS12,
            epoch: 1,
            sequence: 1,
            cid: Bytes::from_static(cid),
        };
        let kind = ContentType::APPLICATION_DATA;
        assert_eq!(keys(mode, Suite::EcdsaAes128Gcm).seal_12(&full(kind, &[]), kind, &data).len(), 1037);
        assert_eq!(keys(mode, Suite::PskAes128Ccm8).seal_12(&full(kind, &[]), kind, &data).len(), 1029);
        assert_eq!(keys(mode, Suite::PskAes128Ccm8).seal_12(&full(TLS12_CID, &[1, 2]), kind, &data).len(), 1032);
        let unified =
            |is_long, has_length| UnifiedHeader { cid: None, epoch_bits: 3, sequence: 1, is_long, has_length };
        let keys = keys(mode, Suite::Aes128Gcm);
        assert_eq!(keys.seal_13(&unified(true, true), 1, kind, &data).len(), 1022);
        assert_eq!(keys.seal_13(&unified(true, false), 1, kind, &data).len(), 1020);
        assert_eq!(keys.seal_13(&unified(false, false), 1, kind, &data).len(), 1019);
    }
}

/// RFC 9147 §4.2.3: 16 bytes of ciphertext are needed: an empty record with a tag of 8 bytes gets 7 bytes of padding behind its type.
#[test]
fn short_records_are_padded() {
    let header = UnifiedHeader { cid: None, epoch_bits: 3, sequence: 1, is_long: false, has_length: false };
    let record = keys(Mode::Real, Suite::Aes128Ccm8).seal_13(&header, 1, ContentType::APPLICATION_DATA, &Rope::new());
    assert_eq!(record.len(), 2 + 16);
}

proptest! {
    #[test]
    fn what_was_sealed_is_opened_and_nothing_else(
        text in prop::collection::vec(any::<u8>(), 0..40),
        sequence in 0_u64..1 << 40,
        behind in 0_u64..100,
        cid in prop::collection::vec(any::<u8>(), 0..5),
        flip in any::<prop::sample::Index>(),
        suite in prop::sample::select(&Suite::ALL[..]),
        mode in prop::sample::select(vec![Mode::Sized, Mode::Real]),
    ) {
        let (keys, kind) = (keys(mode, suite), ContentType::APPLICATION_DATA);
        let plain = Rope::from(text.clone());
        let cid = Bytes::from(cid);
        let record = if suite.version() == DTLS12 {
            let content_type = if cid.is_empty() { kind } else { TLS12_CID };
            let header = FullHeader { content_type, version: DTLS12, epoch: 1, sequence, cid: cid.clone() };
            keys.seal_12(&header, kind, &plain)
        } else {
            let header = UnifiedHeader {
                cid: Some(cid.clone()).filter(|cid| !cid.is_empty()),
                epoch_bits: 3,
                sequence: sequence as u16,
                is_long: true,
                has_length: true,
            };
            keys.seal_13(&header, sequence, kind, &plain)
        };
        let open = |bytes: &Rope| {
            let Record { header, fragment } = Records::new(bytes, cid.len()).next()?;
            match header {
                Header::Full(header) => keys.open_12(&header, &fragment),
                Header::Unified(header) => {
                    let (found, kind, text) = keys.open_13(&header, &fragment, sequence.saturating_sub(behind))?;
                    assert_eq!(found, sequence);
                    Some((kind, text))
                }
            }
        };
        let (found, opened) = open(&record).expect("it is opened");
        prop_assert_eq!((found, &opened.to_bytes()[..]), (kind, &text[..]));
        let mut other = record.to_bytes().to_vec();
        let at = flip.index(other.len());
        other[at] ^= 0x80;
        // The sized mode does not see what becomes of a text on its way, nor of the nonce that stands before it.
        let head = if suite.version() == DTLS12 { 13 + cid.len() } else { 5 + cid.len() };
        if mode == Mode::Real || at < head {
            prop_assert_eq!(open(&Rope::from(other)), None);
        }
    }
}
