//! The hellos, which look alike in TLS 1.2 and 1.3 (RFC 8446 §4.1, RFC 5246 §7.4.1).

use super::codec::{Decoded, Reader, Writer};
use super::extension::{Extension, Place};
use super::message::Handshake;
use crate::tls::codes::{AlertDescription, CipherSuite, Version};
use bytes::Bytes;

/// What a client offers (RFC 8446 §4.1.2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientHello {
    /// TLS 1.2 of whoever knows `supported_versions`; else the best version.
    pub legacy_version: Version,
    /// Freshly drawn.
    pub random: [u8; 32],
    /// At most 32 bytes: a session to resume by TLS 1.2, or anything, for middleboxes' sake (RFC 8446 §D.4).
    pub session_id: Bytes,
    /// Best first.
    pub cipher_suites: Vec<CipherSuite>,
    /// Compression methods: 0, none, and in TLS 1.3 nothing else.
    pub compression: Bytes,
    /// A `pre_shared_key` comes last (RFC 8446 §4.2.11).
    pub extensions: Vec<Extension>,
}

/// What a server chose (RFC 8446 §4.1.3).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServerHello {
    /// TLS 1.2 if `supported_versions` is there; else the version chosen.
    pub legacy_version: Version,
    /// Freshly drawn; its end may say that a better version could have been chosen.
    pub random: [u8; 32],
    /// In TLS 1.3 the client's, sent back.
    pub session_id: Bytes,
    /// One of those offered.
    pub cipher_suite: CipherSuite,
    /// Answers to extensions of the client.
    pub extensions: Vec<Extension>,
}

/// A server hello that asks for another client hello (RFC 8446 §4.1.4).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HelloRetryRequest {
    /// The client's, sent back.
    pub session_id: Bytes,
    /// The suite that the handshake will use.
    pub cipher_suite: CipherSuite,
    /// What to change, and the version chosen.
    pub extensions: Vec<Extension>,
}

/// Random of a hello retry request: SHA-256 of "HelloRetryRequest" (RFC 8446 §4.1.3).
const RETRY_RANDOM: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11,
    0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];
/// The longest session id \[bytes\] (RFC 8446 §4.1.2).
const MAX_SESSION_ID: usize = 32;
/// No compression (RFC 8446 §4.1.2).
const COMPRESSION_NULL: u8 = 0;

fn session_id(reader: &mut Reader<'_>) -> Decoded<Bytes> {
    let id = reader.opaque::<1>(0)?;
    if id.len() > MAX_SESSION_ID { Err(AlertDescription::DECODE_ERROR) } else { Ok(id) }
}

/// Extensions up to the end; there may be no list at all (RFC 5246 §7.4.1.2).
fn extensions(reader: &mut Reader<'_>, place: Place) -> Decoded<Vec<Extension>> {
    if reader.is_empty() {
        return Ok(Vec::new());
    }
    let extensions = Extension::decode_all(reader, place)?;
    reader.end()?;
    Ok(extensions)
}

fn encode_extensions(extensions: &[Extension], out: &mut Writer) {
    if !extensions.is_empty() {
        Extension::encode_all(extensions, out);
    }
}

impl ClientHello {
    /// Length of the binders of `pre_shared_key` with their length field, which end the encoding \[bytes\]; 0
    /// without that extension. Binders are made over a hello without these bytes (RFC 8446 §4.2.11.2).
    pub fn binders_len(&self) -> usize {
        match self.extensions.last() {
            Some(Extension::PreSharedKeys(keys)) => keys.binders_len(),
            _ => 0,
        }
    }

    pub(super) fn encode(&self, out: &mut Writer) {
        out.u16(self.legacy_version.0);
        out.bytes(&self.random);
        out.opaque::<1>(&self.session_id);
        out.list::<2, _>(&self.cipher_suites, |out, suite| out.u16(suite.0));
        out.opaque::<1>(&self.compression);
        encode_extensions(&self.extensions, out);
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Decoded<Self> {
        let hello = Self {
            legacy_version: Version(reader.u16()?),
            random: reader.array()?,
            session_id: session_id(reader)?,
            cipher_suites: reader.list::<2, _>(2, |r| r.u16().map(CipherSuite))?,
            compression: reader.opaque::<1>(1)?,
            extensions: extensions(reader, Place::ClientHello)?,
        };
        let before_last = hello.extensions.split_last().map_or(&[][..], |(_, before)| before);
        if before_last.iter().any(|extension| matches!(extension, Extension::PreSharedKeys(_))) {
            // RFC 8446 §4.2.11.
            return Err(AlertDescription::ILLEGAL_PARAMETER);
        }
        let is_tls13 = hello.extensions.iter().any(
            |extension| matches!(extension, Extension::SupportedVersions(versions) if versions.contains(&Version::TLS13)),
        );
        // RFC 8446 §4.1.2: exactly no compression; RFC 5246 §7.4.1.2: no compression among others.
        let has_compression = if is_tls13 {
            hello.compression[..] == [COMPRESSION_NULL]
        } else {
            hello.compression.contains(&COMPRESSION_NULL)
        };
        if has_compression { Ok(hello) } else { Err(AlertDescription::ILLEGAL_PARAMETER) }
    }
}

impl ServerHello {
    /// The end of the random of a server that could have chosen TLS 1.3 and chose TLS 1.2 (RFC 8446 §4.1.3).
    pub const DOWNGRADE_TLS12: [u8; 8] = *b"DOWNGRD\x01";

    pub(super) fn encode(&self, out: &mut Writer) {
        out.u16(self.legacy_version.0);
        out.bytes(&self.random);
        out.opaque::<1>(&self.session_id);
        out.u16(self.cipher_suite.0);
        out.u8(COMPRESSION_NULL);
        encode_extensions(&self.extensions, out);
    }

    fn decode(legacy_version: Version, random: [u8; 32], reader: &mut Reader<'_>) -> Decoded<Self> {
        let (session_id, cipher_suite) = choice(reader)?;
        let hello = Self {
            legacy_version,
            random,
            session_id,
            cipher_suite,
            extensions: extensions(reader, Place::ServerHello)?,
        };
        let of = |wanted: fn(&Extension) -> bool| hello.extensions.iter().any(wanted);
        let is_tls13 = of(|extension| matches!(extension, Extension::SelectedVersion(_)));
        // RFC 8446 §4.2: what belongs to encrypted extensions, or to the other version, is known but misplaced.
        let is_misplaced = if is_tls13 {
            of(|extension| {
                !matches!(
                    extension,
                    Extension::SelectedVersion(_)
                        | Extension::KeyShare(_)
                        | Extension::SelectedPsk(_)
                        | Extension::Unknown { .. }
                )
            })
        } else {
            of(|extension| matches!(extension, Extension::KeyShare(_) | Extension::SelectedPsk(_)))
        };
        if is_misplaced { Err(AlertDescription::ILLEGAL_PARAMETER) } else { Ok(hello) }
    }
}

impl HelloRetryRequest {
    pub(super) fn encode(&self, out: &mut Writer) {
        out.u16(Version::TLS12.0);
        out.bytes(&RETRY_RANDOM);
        out.opaque::<1>(&self.session_id);
        out.u16(self.cipher_suite.0);
        out.u8(COMPRESSION_NULL);
        encode_extensions(&self.extensions, out);
    }

    fn decode(legacy_version: Version, reader: &mut Reader<'_>) -> Decoded<Self> {
        let (session_id, cipher_suite) = choice(reader)?;
        let request = Self { session_id, cipher_suite, extensions: extensions(reader, Place::HelloRetryRequest)? };
        // RFC 8446 §4.1.3: always that of TLS 1.2.
        if legacy_version == Version::TLS12 { Ok(request) } else { Err(AlertDescription::ILLEGAL_PARAMETER) }
    }
}

/// Session id and cipher suite, and no compression after them.
fn choice(reader: &mut Reader<'_>) -> Decoded<(Bytes, CipherSuite)> {
    let chosen = (session_id(reader)?, CipherSuite(reader.u16()?));
    if reader.u8()? == COMPRESSION_NULL { Ok(chosen) } else { Err(AlertDescription::ILLEGAL_PARAMETER) }
}

/// The message of type `server_hello`: its random says which of the two it is (RFC 8446 §4.1.3).
pub(super) fn decode_server_hello(reader: &mut Reader<'_>) -> Decoded<Handshake> {
    let legacy_version = Version(reader.u16()?);
    let random = reader.array()?;
    if random == RETRY_RANDOM {
        HelloRetryRequest::decode(legacy_version, reader).map(Handshake::HelloRetryRequest)
    } else {
        ServerHello::decode(legacy_version, random, reader).map(Handshake::ServerHello)
    }
}
