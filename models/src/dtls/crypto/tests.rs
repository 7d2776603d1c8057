use super::cipher::{Cipher, aes_block};
use super::protection::{additional_12, nearest};
use super::schedule::expand_label;
use super::*;
use crate::dtls::codes::{Aead, DTLS12, Suite, TLS12_CID};
use crate::dtls::tests::hex;
use crate::dtls::wire::{FullHeader, Header, Record, Records, UnifiedHeader};
use crate::rope::Rope;
use crate::tls::codes::ContentType;
use crate::tls::crypto::{Mode, Secret};
use bytes::Bytes;
use proptest::prelude::*;

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
    expand_label(Mode::Real, &secret, "key", &[], &mut out);
    let info = [&[0, 16, 9][..], b"dtls13key", &[0, 1]].concat();
    assert_eq!(out, hmac(Mode::Real, &[7; 32], &[&info]).as_slice()[..16]);
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
