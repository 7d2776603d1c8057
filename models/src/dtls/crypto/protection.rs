//! One direction of one epoch: from plaintext to protected records, and back (RFC 6347 §4.1.2, RFC 9146 §5, RFC 9147 §4.2).

use super::cipher::{Cipher, aes_block, mix};
use crate::dtls::codes::{Aead, HASH, Suite, TLS12_CID};
use crate::dtls::wire::{FullHeader, UnifiedHeader, number};
use crate::rope::{Rope, Run};
use crate::tls::codes::ContentType;
use crate::tls::crypto::{Kdf, Mode, Secret, tls12};
use bytes::Bytes;

/// What a mask is made of (RFC 9147 §4.2.3): a ciphertext has this many bytes at least.
const MASK_BYTES: usize = 16;

/// Keys of one direction of one epoch. Records have their numbers with them: any can be opened at any time.
#[derive(Clone, Debug)]
pub struct Protection {
    aead: Aead,
    /// DTLS 1.3: all of it; 1.2: the first 4 bytes, the rest is zero.
    iv: [u8; Aead::NONCE_LEN],
    cipher: Cipher,
    /// DTLS 1.3: the key that hides sequence numbers.
    sequence_key: Option<[u8; Aead::KEY_LEN]>,
}

/// What protects the client's records of DTLS 1.2, and what protects the server's (RFC 5246 §6.3).
pub fn key_block(
    mode: Mode,
    suite: Suite,
    master: &Secret,
    client_random: &[u8; 32],
    server_random: &[u8; 32],
) -> (Protection, Protection) {
    const KEY: usize = Aead::KEY_LEN;
    const SALT: usize = Aead::SALT_LEN;
    let mut block = [0; 2 * (KEY + SALT)];
    tls12::prf(mode, HASH, master.as_slice(), "key expansion", &[server_random, client_random], &mut block);
    let (keys, salts) = block.split_at(2 * KEY);
    (
        Protection::dtls12(mode, suite, &keys[..KEY], &salts[..SALT]),
        Protection::dtls12(mode, suite, &keys[KEY..], &salts[SALT..]),
    )
}

impl Protection {
    fn dtls12(mode: Mode, suite: Suite, key: &[u8], salt: &[u8]) -> Self {
        let aead = suite.aead();
        let mut iv = [0; Aead::NONCE_LEN];
        iv[..Aead::SALT_LEN].copy_from_slice(salt);
        Self { aead, iv, cipher: Cipher::new(mode, aead, key, salt), sequence_key: None }
    }

    /// For DTLS 1.3, from a traffic secret (RFC 8446 §7.3, RFC 9147 §4.2.3).
    pub fn dtls13(mode: Mode, suite: Suite, traffic: &Secret) -> Self {
        let aead = suite.aead();
        let (mut key, mut iv) = ([0; Aead::KEY_LEN], [0; Aead::NONCE_LEN]);
        let mut sequence_key = [0; Aead::KEY_LEN];
        let kdf = Kdf::dtls13(mode, HASH);
        kdf.expand_label(traffic, "key", &[], &mut key);
        kdf.expand_label(traffic, "iv", &[], &mut iv);
        kdf.expand_label(traffic, "sn", &[], &mut sequence_key);
        Self { aead, iv, cipher: Cipher::new(mode, aead, &key, &iv), sequence_key: Some(sequence_key) }
    }

    /// Its cipher.
    pub const fn aead(&self) -> Aead {
        self.aead
    }

    fn is_13(&self) -> bool {
        self.sequence_key.is_some()
    }

    /// How much longer a fragment is than what it carries \[bytes\]: nonce, tag, and where they are inside the content type.
    pub fn overhead(&self, has_inner_type: bool) -> usize {
        let explicit = if self.is_13() { 0 } else { Aead::EXPLICIT_LEN };
        explicit + self.aead.tag_len() + usize::from(has_inner_type)
    }

    /// The nonce of a record: in DTLS 1.2 after epoch and number, in 1.3 after its number in the epoch (RFC 9147 §4.2.1).
    fn nonce(&self, counter: [u8; 8]) -> [u8; Aead::NONCE_LEN] {
        let mut nonce = self.iv;
        nonce[Aead::SALT_LEN..].iter_mut().zip(counter).for_each(|(byte, counter)| *byte ^= counter);
        nonce
    }

    /// The virtual bytes that stand for the tag of a record.
    fn virtual_tag(&self, key: u64, additional: &[u8], nonce: &[u8]) -> Rope {
        Rope::fill(mix(&[&key.to_le_bytes(), additional, nonce]) as u32, 0, self.aead.tag_len() as u64)
    }

    fn seal(&self, head: Vec<u8>, additional: &[u8], nonce: &[u8; Aead::NONCE_LEN], text: &[&Rope]) -> Rope {
        if let Cipher::Sized(key) = self.cipher {
            let mut out = Rope::from(head);
            text.iter().for_each(|part| out.append(part));
            out.append(&self.virtual_tag(key, additional, nonce));
            return out;
        }
        let mut out = head;
        let text_at = out.len();
        text.iter().for_each(|part| part.write_to(&mut out));
        self.cipher.seal(nonce, additional, &mut out, text_at);
        Rope::from(out)
    }

    fn open(&self, additional: &[u8], nonce: &[u8; Aead::NONCE_LEN], sealed: &Rope) -> Option<Rope> {
        let len = sealed.len().checked_sub(self.aead.tag_len() as u64)?;
        if let Cipher::Sized(key) = self.cipher {
            let (found, expected) = (sealed.slice(len, u64::MAX), self.virtual_tag(key, additional, nonce));
            let is_same = found == expected || found.to_bytes() == expected.to_bytes();
            return is_same.then(|| sealed.slice(0, len));
        }
        let mut bytes = Vec::with_capacity(sealed.len() as usize);
        sealed.write_to(&mut bytes);
        let (text, tag) = bytes.split_at_mut(len as usize);
        let tag = tag.to_vec();
        if !self.cipher.open(nonce, additional, text, &tag) {
            return None;
        }
        Some(Rope::from(Bytes::from(bytes).slice(..len as usize)))
    }

    /// A record of DTLS 1.2. With a connection id in `header` the content type goes inside, and `header` says [`TLS12_CID`].
    ///
    /// # Panics
    /// If the record becomes longer than its header can say.
    pub fn seal_12(&self, header: &FullHeader, inner: ContentType, plaintext: &Rope) -> Rope {
        let has_cid = header.content_type == TLS12_CID;
        let kind = Rope::from(if has_cid { vec![inner.0] } else { Vec::new() });
        let text_len = plaintext.len() as usize + usize::from(has_cid);
        let len = u16::try_from(text_len + self.overhead(false)).expect("callers keep to 2^14 bytes");
        let mut counter = number(header.epoch, header.sequence);
        if matches!(self.cipher, Cipher::Sized(_)) {
            // Any nonce that no other record has will do (RFC 6655 §3). Of a record that is not enciphered, dissectors take one that begins with a
            // zero, and what follows it, for a HelloRequest.
            counter = counter.map(|byte| !byte);
        }
        let mut head = header.encode(len);
        head.extend_from_slice(&counter);
        self.seal(head, &additional_12(header, text_len), &self.nonce(counter), &[plaintext, &kind])
    }

    /// What a record of DTLS 1.2 carries; `None` if it is not from the peer.
    pub fn open_12(&self, header: &FullHeader, fragment: &Rope) -> Option<(ContentType, Rope)> {
        let explicit = Aead::EXPLICIT_LEN as u64;
        let text_len = (fragment.len() as usize).checked_sub(self.overhead(false))?;
        let counter = *fragment.slice(0, explicit).to_bytes().first_chunk()?;
        let additional = additional_12(header, text_len);
        let text = self.open(&additional, &self.nonce(counter), &fragment.slice(explicit, u64::MAX))?;
        if header.content_type == TLS12_CID { unpad(&text) } else { Some((header.content_type, text)) }
    }

    /// A record of DTLS 1.3, whose number in its epoch is `sequence`.
    ///
    /// # Panics
    /// If the record becomes longer than its header can say, or these are keys of DTLS 1.2.
    pub fn seal_13(&self, header: &UnifiedHeader, sequence: u64, inner: ContentType, plaintext: &Rope) -> Rope {
        let least = MASK_BYTES.saturating_sub(self.aead.tag_len() + 1);
        let padding = least.saturating_sub(plaintext.len() as usize);
        let mut kind = vec![inner.0];
        kind.resize(1 + padding, 0);
        let text_len = plaintext.len() as usize + kind.len();
        let len = u16::try_from(text_len + self.aead.tag_len()).expect("callers keep to 2^14 bytes");
        let head = header.encode(len);
        let nonce = self.nonce(sequence.to_be_bytes());
        let record = self.seal(head.clone(), &head, &nonce, &[plaintext, &Rope::from(kind)]);
        if matches!(self.cipher, Cipher::Sized(_)) {
            return record;
        }
        let mut bytes = Vec::with_capacity(record.len() as usize);
        record.write_to(&mut bytes);
        let (head, sealed) = bytes.split_at_mut(head.len());
        let at = header.sequence_at();
        let mask = self.mask(sealed).expect("what is sealed has enough bytes");
        head[at..at + header.sequence_len()].iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
        Rope::from(bytes)
    }

    /// What a sequence number is hidden with: the first ciphertext bytes, encrypted (RFC 9147 §4.2.3).
    fn mask(&self, sealed: &[u8]) -> Option<[u8; MASK_BYTES]> {
        Some(aes_block(&self.sequence_key?, sealed.first_chunk()?))
    }

    /// What a record of DTLS 1.3 carries, with its number; `next` is the one that is expected. `None` if it is not from the peer.
    pub fn open_13(&self, header: &UnifiedHeader, fragment: &Rope, next: u64) -> Option<(u64, ContentType, Rope)> {
        if fragment.len() < MASK_BYTES as u64 {
            return None;
        }
        let mut plain = header.clone();
        if !matches!(self.cipher, Cipher::Sized(_)) {
            let mask = self.mask(&fragment.slice(0, MASK_BYTES as u64).to_bytes())?;
            let mask = u16::from_be_bytes([mask[0], mask[1]]);
            plain.sequence ^= if header.is_long { mask } else { mask >> 8 };
        }
        let sequence = nearest(plain.sequence, 8 * plain.sequence_len() as u32, next);
        let additional = plain.encode(fragment.len() as u16);
        let text = self.open(&additional, &self.nonce(sequence.to_be_bytes()), fragment)?;
        let (kind, text) = unpad(&text)?;
        Some((sequence, kind, text))
    }
}

/// The number nearest to `next` that ends with these `bits` low bits (RFC 9147 §4.2.2).
pub(super) fn nearest(low: u16, bits: u32, next: u64) -> u64 {
    let window = 1_u64 << bits;
    let candidate = next & !(window - 1) | u64::from(low);
    let half = window / 2;
    if candidate + half < next {
        candidate + window
    } else if candidate >= next.saturating_add(half) && candidate >= window {
        candidate - window
    } else {
        candidate
    }
}

/// What is authenticated beside the text: RFC 5246 §6.2.3.3; with a connection id RFC 9146 §5.3.
pub(super) fn additional_12(header: &FullHeader, text_len: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(23 + header.cid.len());
    let number = number(header.epoch, header.sequence);
    if header.content_type == TLS12_CID {
        out.extend_from_slice(&[0xff; 8]);
        out.extend_from_slice(&[TLS12_CID.0, header.cid.len() as u8, TLS12_CID.0]);
        out.extend_from_slice(&header.version.0.to_be_bytes());
        out.extend_from_slice(&number);
        out.extend_from_slice(&header.cid);
    } else {
        out.extend_from_slice(&number);
        out.push(header.content_type.0);
        out.extend_from_slice(&header.version.0.to_be_bytes());
    }
    out.extend_from_slice(&(text_len as u16).to_be_bytes());
    out
}

/// Content type and content of an inner plaintext, whose padding is zeros (RFC 8446 §5.4, RFC 9146 §4).
fn unpad(text: &Rope) -> Option<(ContentType, Rope)> {
    let mut end = text.len();
    // From behind: types are not zero, and padding is rare.
    while end > 0 {
        let last = last_byte(&text.slice(end - 1, 1));
        end -= 1;
        if last != 0 {
            return Some((ContentType(last), text.slice(0, end)));
        }
    }
    None
}

fn last_byte(one: &Rope) -> u8 {
    match one.runs() {
        [Run::Bytes(bytes)] => bytes.first().copied().unwrap_or(0),
        _ => one.to_bytes().first().copied().unwrap_or(0),
    }
}
