//! One direction of a record layer: from plaintext to protected records, and back (RFC 8446 §5.2, RFC 5246 §6.2.3.3,
//! RFC 5288, RFC 7905).

use super::Kdf;
use super::hash::Mixer;
use super::{Mode, Secret};
use crate::rope::{Rope, Run, fill_byte};
use crate::tls::codes::{Aead, AlertDescription, CipherSuite, ContentType, Version};
use crate::tls::wire::{HEADER_BYTES, MAX_PLAINTEXT, Record, encode_header};
use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes128Gcm, Aes256Gcm, KeyInit};
use bytes::Bytes;
use chacha20poly1305::ChaCha20Poly1305;
use std::fmt;

/// Length of a nonce \[bytes\].
const NONCE: usize = Aead::NONCE_LEN;
/// Length of a tag \[bytes\].
const TAG: usize = Aead::TAG_LEN;
/// Padding is taken from here.
static ZEROS: [u8; MAX_PLAINTEXT] = [0; MAX_PLAINTEXT];

/// Keys and sequence number of one direction. Records are sealed, or opened, in order.
#[derive(Clone)]
pub struct Protection {
    is_tls13: bool,
    aead: Aead,
    /// The number of the next record.
    sequence: u64,
    /// TLS 1.3 and ChaCha20-Poly1305: all of it is mixed with the sequence number. GCM in TLS 1.2: the first 4 bytes.
    iv: [u8; NONCE],
    cipher: Cipher,
}

/// What encrypts.
#[derive(Clone)]
pub(in crate::tls) enum Cipher {
    /// Nothing; this decides the tags.
    Sized(u64),
    Aes128(Box<Aes128Gcm>),
    Aes256(Box<Aes256Gcm>),
    ChaCha20(Box<ChaCha20Poly1305>),
}

impl Cipher {
    /// A cipher with its key, which has the length that it wants; `iv` decides with it what stands for the cipher of [`Mode::Sized`].
    pub(in crate::tls) fn new(mode: Mode, aead: Aead, key: &[u8], iv: &[u8]) -> Self {
        const FITS: &str = "the key has the length that the cipher wants";
        match (mode, aead) {
            (Mode::Sized, _) => {
                let mut mixer = Mixer::default();
                mixer.write(key);
                mixer.write(iv);
                Self::Sized(mixer.finish())
            }
            (Mode::Real, Aead::Aes128Gcm) => Self::Aes128(Box::new(Aes128Gcm::new_from_slice(key).expect(FITS))),
            (Mode::Real, Aead::Aes256Gcm) => Self::Aes256(Box::new(Aes256Gcm::new_from_slice(key).expect(FITS))),
            (Mode::Real, Aead::ChaCha20Poly1305) => {
                Self::ChaCha20(Box::new(ChaCha20Poly1305::new_from_slice(key).expect(FITS)))
            }
        }
    }

    /// Encrypts `text` in place and gives its tag.
    pub(in crate::tls) fn encrypt(&self, nonce: &[u8; NONCE], additional: &[u8], text: &mut [u8]) -> [u8; TAG] {
        let (nonce, text) = (nonce.into(), text.into());
        let tag = match self {
            Self::Sized(_) => Ok([0; TAG].into()),
            Self::Aes128(cipher) => cipher.encrypt_inout_detached(nonce, additional, text),
            Self::Aes256(cipher) => cipher.encrypt_inout_detached(nonce, additional, text),
            Self::ChaCha20(cipher) => cipher.encrypt_inout_detached(nonce, additional, text),
        };
        tag.expect("a record is far shorter than what a nonce suffices for").into()
    }

    /// Decrypts `text` in place; false where the tag does not fit.
    pub(in crate::tls) fn decrypt(
        &self,
        nonce: &[u8; NONCE],
        additional: &[u8],
        text: &mut [u8],
        tag: &[u8; TAG],
    ) -> bool {
        let (nonce, text, tag) = (nonce.into(), text.into(), tag.into());
        match self {
            Self::Sized(_) => Ok(()),
            Self::Aes128(cipher) => cipher.decrypt_inout_detached(nonce, additional, text, tag),
            Self::Aes256(cipher) => cipher.decrypt_inout_detached(nonce, additional, text, tag),
            Self::ChaCha20(cipher) => cipher.decrypt_inout_detached(nonce, additional, text, tag),
        }
        .is_ok()
    }
}

/// Where in a record of [`Mode::Sized`] virtual bytes stand for others.
#[derive(Clone, Copy)]
enum Stand {
    Nonce,
    Tag,
}

impl Protection {
    /// For TLS 1.3, from a traffic secret (RFC 8446 §7.3).
    ///
    /// # Panics
    /// If `suite` is not one that is known here.
    pub fn tls13(mode: Mode, suite: CipherSuite, traffic: &Secret) -> Self {
        let (aead, hash) = suite.aead().zip(suite.hash()).expect("a suite that was negotiated has a cipher and a hash");
        let (mut key, mut iv) = (Secret::zero(aead.key_len()), [0; NONCE]);
        let kdf = Kdf::tls13(mode, hash);
        kdf.expand_label(traffic, "key", &[], key.as_mut_slice());
        kdf.expand_label(traffic, "iv", &[], &mut iv);
        Self { is_tls13: true, aead, sequence: 0, iv, cipher: Cipher::new(mode, aead, key.as_slice(), &iv) }
    }

    /// For TLS 1.2, from a write key and a write IV of the key block; [`super::tls12::key_block`] makes both directions.
    ///
    /// # Panics
    /// If `suite` is not one that is known here, or key or IV do not have its lengths.
    pub fn tls12(mode: Mode, suite: CipherSuite, key: &[u8], fixed_iv: &[u8]) -> Self {
        let aead = suite.aead().expect("a suite that was negotiated has a cipher");
        let mut iv = [0; NONCE];
        iv[..aead.fixed_iv_len()].copy_from_slice(fixed_iv);
        Self { is_tls13: false, aead, sequence: 0, iv, cipher: Cipher::new(mode, aead, key, fixed_iv) }
    }

    /// How much longer a record is than its plaintext \[bytes\], header included, padding not.
    pub const fn expansion(&self) -> usize {
        HEADER_BYTES + self.overhead()
    }

    /// How many records were sealed, or opened.
    pub const fn records(&self) -> u64 {
        self.sequence
    }

    /// What a fragment has beside its plaintext \[bytes\], padding not counted.
    const fn overhead(&self) -> usize {
        // TLS 1.3 has the content type inside.
        self.explicit_nonce_len() + TAG + self.is_tls13 as usize
    }

    const fn explicit_nonce_len(&self) -> usize {
        if self.is_tls13 { 0 } else { self.aead.explicit_nonce_len() }
    }

    /// The next record, with its header: `plaintext` of `content_type`, followed in TLS 1.3 by `padding` zero bytes.
    ///
    /// # Panics
    /// If the record becomes longer than a header can say; callers keep to 2^14 bytes of plaintext and padding.
    pub fn seal(&mut self, content_type: ContentType, plaintext: &Rope, padding: usize) -> Rope {
        let padding = if self.is_tls13 { padding } else { 0 };
        let len = plaintext.len() as usize + padding + self.overhead();
        let len = u16::try_from(len).expect("plaintext and padding have at most 2^14 bytes");
        let outer = if self.is_tls13 { ContentType::APPLICATION_DATA } else { content_type };
        let header = encode_header(outer, Version::TLS12, len);
        let record = match &self.cipher {
            Cipher::Sized(key) => self.seal_sized(*key, header, content_type, plaintext, padding),
            _ => self.seal_real(header, content_type, plaintext, padding),
        };
        self.sequence += 1;
        record
    }

    fn seal_sized(&self, key: u64, header: [u8; 5], inner: ContentType, plaintext: &Rope, padding: usize) -> Rope {
        let mut out = Rope::from(Bytes::copy_from_slice(&header));
        out.append(&self.virtual_bytes(key, Stand::Nonce, self.explicit_nonce_len()));
        out.append(plaintext);
        if self.is_tls13 {
            out.push(Run::Bytes(static_byte(inner.0)));
            out.push(Run::Bytes(Bytes::from_static(&ZEROS[..padding.min(ZEROS.len())])));
        }
        out.append(&self.virtual_bytes(key, Stand::Tag, TAG));
        out
    }

    fn seal_real(&self, header: [u8; 5], inner: ContentType, plaintext: &Rope, padding: usize) -> Rope {
        let mut out = Vec::with_capacity(plaintext.len() as usize + padding + self.expansion());
        out.extend_from_slice(&header);
        let explicit = self.explicit_nonce_len();
        out.extend_from_slice(&self.sequence.to_be_bytes()[..explicit]);
        let start = out.len();
        plaintext.write_to(&mut out);
        if self.is_tls13 {
            out.push(inner.0);
            out.resize(out.len() + padding, 0);
        }
        let nonce = self.nonce(self.sequence.to_be_bytes());
        let (additional, used) = self.additional_data(inner, header, out.len() - start);
        let tag = self.cipher.encrypt(&nonce, &additional[..used], &mut out[start..]);
        out.extend_from_slice(&tag);
        Rope::from(out)
    }

    /// What `record` carries.
    ///
    /// # Errors
    /// The alert to answer with: `bad_record_mac` (RFC 8446 §5.2, RFC 5246 §6.2.3.3); `record_overflow` for a
    /// plaintext of more than 2^14 bytes; in TLS 1.3 `unexpected_message` for a record that does not call itself
    /// application data, or has nothing but padding inside (RFC 8446 §5, §5.4).
    pub fn open(&mut self, record: &Record) -> Result<(ContentType, Rope), AlertDescription> {
        if self.is_tls13 && record.content_type != ContentType::APPLICATION_DATA {
            return Err(AlertDescription::UNEXPECTED_MESSAGE);
        }
        let fixed = self.explicit_nonce_len() + TAG;
        let text_len = (record.fragment.len() as usize).checked_sub(fixed).ok_or(AlertDescription::BAD_RECORD_MAC)?;
        let text = match &self.cipher {
            Cipher::Sized(key) => self.open_sized(*key, record, text_len),
            _ => self.open_real(record, text_len),
        };
        let text = text.ok_or(AlertDescription::BAD_RECORD_MAC)?;
        self.sequence += 1;
        // The content type inside counts as well (RFC 8446 §5.4).
        if text_len > MAX_PLAINTEXT + usize::from(self.is_tls13) {
            return Err(AlertDescription::RECORD_OVERFLOW);
        }
        if self.is_tls13 { unpad(&text) } else { Ok((record.content_type, text)) }
    }

    fn open_sized(&self, key: u64, record: &Record, text_len: usize) -> Option<Rope> {
        let (explicit, text_len) = (self.explicit_nonce_len(), text_len as u64);
        let start = explicit as u64;
        let is_same = |found: &Rope, expected: &Rope| found == expected || found.to_bytes() == expected.to_bytes();
        let nonce = self.virtual_bytes(key, Stand::Nonce, explicit);
        let tag = self.virtual_bytes(key, Stand::Tag, TAG);
        let is_ours = is_same(&record.fragment.slice(0, start), &nonce)
            && is_same(&record.fragment.slice(start + text_len, TAG as u64), &tag);
        is_ours.then(|| record.fragment.slice(start, text_len))
    }

    fn open_real(&self, record: &Record, text_len: usize) -> Option<Rope> {
        let explicit = self.explicit_nonce_len();
        let mut fragment = Vec::with_capacity(record.fragment.len() as usize);
        record.fragment.write_to(&mut fragment);
        let mut counter = self.sequence.to_be_bytes();
        // What the sender says, which need not be its sequence number (RFC 5288 §3).
        counter[..explicit].copy_from_slice(&fragment[..explicit]);
        let header = encode_header(record.content_type, record.version, fragment.len() as u16);
        let (additional, used) = self.additional_data(record.content_type, header, text_len);
        let (text, tag) = fragment[explicit..].split_at_mut(text_len);
        let tag = <[u8; TAG]>::try_from(&*tag).ok()?;
        if !self.cipher.decrypt(&self.nonce(counter), &additional[..used], text, &tag) {
            return None;
        }
        Some(Rope::from(Bytes::from(fragment).slice(explicit..explicit + text_len)))
    }

    /// The nonce of the record with this counter.
    fn nonce(&self, counter: [u8; 8]) -> [u8; NONCE] {
        let mut nonce = self.iv;
        // For GCM in TLS 1.2 these bytes of the IV are zero: mixing is writing.
        nonce[NONCE - 8..].iter_mut().zip(counter).for_each(|(byte, counter)| *byte ^= counter);
        nonce
    }

    /// What is authenticated beside the text, and how long it is: in TLS 1.3 the header (RFC 8446 §5.2), in TLS 1.2
    /// sequence number, type, version and length of the plaintext (RFC 5246 §6.2.3.3).
    fn additional_data(&self, content_type: ContentType, header: [u8; 5], text_len: usize) -> ([u8; 13], usize) {
        let mut out = [0; 13];
        if self.is_tls13 {
            out[..5].copy_from_slice(&header);
            return (out, 5);
        }
        out[..8].copy_from_slice(&self.sequence.to_be_bytes());
        out[8] = content_type.0;
        out[9..11].copy_from_slice(&header[1..3]);
        out[11..].copy_from_slice(&(text_len as u16).to_be_bytes());
        (out, 13)
    }

    /// The `len` bytes that stand for the explicit nonce or the tag of the next record.
    fn virtual_bytes(&self, key: u64, stand: Stand, len: usize) -> Rope {
        let mut mixer = Mixer::default();
        mixer.write(&key.to_le_bytes());
        mixer.write(&self.sequence.to_le_bytes());
        mixer.write(&[stand as u8]);
        Rope::fill(mixer.finish() as u32, 0, len as u64)
    }
}

impl fmt::Debug for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Protection")
            .field("is_tls13", &self.is_tls13)
            .field("aead", &self.aead)
            .field("sequence", &self.sequence)
            .finish_non_exhaustive()
    }
}

/// One byte that need not be allocated.
fn static_byte(byte: u8) -> Bytes {
    static ALL: [u8; 256] = {
        let mut all = [0; 256];
        let mut i = 0;
        while i < 256 {
            all[i] = i as u8;
            i += 1;
        }
        all
    };
    Bytes::from_static(&ALL[usize::from(byte)..=usize::from(byte)])
}

/// Content type and content of a TLSInnerPlaintext: the type is the last byte that is not zero (RFC 8446 §5.4).
fn unpad(text: &Rope) -> Result<(ContentType, Rope), AlertDescription> {
    let mut end = text.len();
    for run in text.runs().iter().rev() {
        let last = match run {
            Run::Bytes(bytes) => bytes.iter().rposition(|&byte| byte != 0).map(|at| (at as u64, bytes[at])),
            // It repeats after 256 bytes.
            Run::Fill { key, offset, len } => (len.saturating_sub(256)..*len)
                .rev()
                .map(|at| (at, fill_byte(*key, offset.wrapping_add(at))))
                .find(|(_, byte)| *byte != 0),
        };
        let start = end - run.len();
        if let Some((at, byte)) = last {
            return Ok((ContentType(byte), text.slice(0, start + at)));
        }
        end = start;
    }
    Err(AlertDescription::UNEXPECTED_MESSAGE)
}
