//! Handshake messages and their fragments (RFC 6347 §4.2.2, RFC 9147 §5.2).
//!
//! Bodies are those of TLS, but for the hellos: a client's has a cookie, and both name versions by other numbers. [`to_tls`] and
//! [`of_tls`] put that right, so that messages are read and written by [`tls::wire`](crate::tls::wire).

use crate::dtls::codes::{DTLS12, KeyExchange, NEW_CONNECTION_ID, REQUEST_CONNECTION_ID};
use crate::tls::codes::{AlertDescription, Group, HandshakeType, Version};
use crate::tls::wire::{ClientHello, Handshake};
use bytes::{Buf, Bytes};

/// Length of the header of a fragment \[bytes\].
pub const FRAGMENT_HEADER_BYTES: usize = 12;
/// Length of the header of a message of TLS \[bytes\].
const TLS_HEADER_BYTES: usize = 4;
/// Version and random of a hello \[bytes\].
const VERSION_AND_RANDOM: usize = 34;
/// Curve type `named_curve` (RFC 8422 §5.4).
const NAMED_CURVE: u8 = 3;

type Decoded<T> = Result<T, AlertDescription>;

/// The header of a fragment of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FragmentHeader {
    /// Which message it is.
    pub kind: HandshakeType,
    /// Length of the whole body \[bytes\], of 24 bits.
    pub len: u32,
    /// Its number among the messages of its sender.
    pub message_seq: u16,
    /// Where in the body the fragment begins \[bytes\], of 24 bits.
    pub offset: u32,
    /// Length of the fragment \[bytes\], of 24 bits.
    pub fragment_len: u32,
}

impl FragmentHeader {
    /// The header of a message in one piece: what DTLS 1.2 hashes, however it was cut (RFC 6347 §4.2.6).
    pub const fn whole(kind: HandshakeType, message_seq: u16, len: u32) -> Self {
        Self { kind, len, message_seq, offset: 0, fragment_len: len }
    }

    /// Its bytes.
    pub fn encode(&self) -> [u8; FRAGMENT_HEADER_BYTES] {
        let mut out = [0; FRAGMENT_HEADER_BYTES];
        out[0] = self.kind.0;
        out[1..4].copy_from_slice(&self.len.to_be_bytes()[1..]);
        out[4..6].copy_from_slice(&self.message_seq.to_be_bytes());
        out[6..9].copy_from_slice(&self.offset.to_be_bytes()[1..]);
        out[9..].copy_from_slice(&self.fragment_len.to_be_bytes()[1..]);
        out
    }

    /// The next fragment of a record, which may hold several.
    ///
    /// # Errors
    /// `decode_error` where it ends too early, or the fragment does not lie in its message.
    pub fn decode(bytes: &mut Bytes) -> Decoded<(Self, Bytes)> {
        const SHORT: AlertDescription = AlertDescription::DECODE_ERROR;
        let head: [u8; FRAGMENT_HEADER_BYTES] = *bytes.first_chunk().ok_or(SHORT)?;
        let u24 = |at: usize| u32::from_be_bytes([0, head[at], head[at + 1], head[at + 2]]);
        let message_seq = u16::from_be_bytes([head[4], head[5]]);
        let header =
            Self { kind: HandshakeType(head[0]), len: u24(1), message_seq, offset: u24(6), fragment_len: u24(9) };
        // 24 bits each: no overflow.
        if header.offset + header.fragment_len > header.len {
            return Err(SHORT);
        }
        bytes.advance(FRAGMENT_HEADER_BYTES);
        let len = header.fragment_len as usize;
        if bytes.len() < len {
            return Err(SHORT);
        }
        Ok((header, bytes.split_to(len)))
    }
}

/// A message of TLS as DTLS 1.3 hashes it: the header of four bytes (RFC 9147 §5.2).
pub fn with_tls_header(kind: HandshakeType, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(TLS_HEADER_BYTES + body.len());
    out.push(kind.0);
    out.extend_from_slice(&(body.len() as u32).to_be_bytes()[1..]);
    out.extend_from_slice(body);
    out
}

/// A handshake message of DTLS.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Message {
    /// As in TLS. The versions of hellos are DTLS's.
    Tls(Handshake),
    /// What a client offers, with the cookie of DTLS 1.2, which may be empty.
    ClientHello(ClientHello, Bytes),
    /// The client is to come again with this cookie (RFC 6347 §4.2.1).
    HelloVerifyRequest {
        /// Version of the message, which says nothing.
        version: Version,
        /// What comes back.
        cookie: Bytes,
    },
    /// Suites with pre-shared keys: a hint (RFC 4279 §2), and a share for ECDHE (RFC 5489 §2).
    ServerKeyExchangePsk {
        /// Which key is meant; often empty.
        hint: Bytes,
        /// Group and point.
        share: Option<(Group, Bytes)>,
    },
    /// Suites with pre-shared keys: which key, and a share for ECDHE.
    ClientKeyExchangePsk {
        /// Which key.
        identity: Bytes,
        /// A point.
        share: Option<Bytes>,
    },
    /// DTLS 1.3: the peer is to give so many connection ids (RFC 9147 §9).
    RequestConnectionId(u8),
    /// DTLS 1.3: more connection ids, to be used at once or kept (RFC 9147 §9).
    NewConnectionId {
        /// The ids.
        cids: Vec<Bytes>,
        /// `cid_immediate`: the old one is to be given up now.
        is_immediate: bool,
    },
}

/// Cuts `N` bytes of length and what they count off the front.
fn vector<const N: usize>(body: &mut Bytes) -> Decoded<Bytes> {
    let len = body.first_chunk::<N>().ok_or(AlertDescription::DECODE_ERROR)?;
    let len = len.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    if body.len() < N + len {
        return Err(AlertDescription::DECODE_ERROR);
    }
    body.advance(N);
    Ok(body.split_to(len))
}

fn put<const N: usize>(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u64).to_be_bytes()[8 - N..]);
    out.extend_from_slice(bytes);
}

/// The body of a client's hello as TLS has it, and the cookie.
///
/// # Errors
/// `decode_error` where it ends too early.
pub fn to_tls(body: &Bytes) -> Decoded<(Bytes, Bytes)> {
    let mut rest = body.get(VERSION_AND_RANDOM..).map(Bytes::copy_from_slice).ok_or(AlertDescription::DECODE_ERROR)?;
    vector::<1>(&mut rest)?;
    let at = body.len() - rest.len();
    let cookie = vector::<1>(&mut rest)?;
    Ok(([&body[..at], &rest].concat().into(), cookie))
}

/// The body of a client's hello with a cookie, from that of TLS.
pub fn of_tls(body: &[u8], cookie: &[u8]) -> Bytes {
    let at = VERSION_AND_RANDOM + 1 + usize::from(body[VERSION_AND_RANDOM]);
    let mut out = body[..at].to_vec();
    put::<1>(&mut out, cookie);
    out.extend_from_slice(&body[at..]);
    out.into()
}

impl Message {
    /// Its number on the wire.
    pub const fn kind(&self) -> HandshakeType {
        match self {
            Self::Tls(message) => message.kind(),
            Self::ClientHello(..) => HandshakeType::CLIENT_HELLO,
            Self::HelloVerifyRequest { .. } => HandshakeType::HELLO_VERIFY_REQUEST,
            Self::ServerKeyExchangePsk { .. } => HandshakeType::SERVER_KEY_EXCHANGE,
            Self::ClientKeyExchangePsk { .. } => HandshakeType::CLIENT_KEY_EXCHANGE,
            Self::RequestConnectionId(_) => REQUEST_CONNECTION_ID,
            Self::NewConnectionId { .. } => NEW_CONNECTION_ID,
        }
    }

    /// Its body: what comes after the header.
    ///
    /// Fields have to fit into the lengths before them: identities and hints 65,535 bytes, cookies and connection ids 255.
    pub fn encode_body(&self) -> Bytes {
        let mut out = Vec::new();
        match self {
            Self::Tls(message @ Handshake::HelloRetryRequest(_)) => {
                // TLS writes its own version there.
                out.extend_from_slice(&message.encode()[TLS_HEADER_BYTES..]);
                out[..2].copy_from_slice(&DTLS12.0.to_be_bytes());
            }
            Self::Tls(message) => return message.encode().slice(TLS_HEADER_BYTES..),
            Self::ClientHello(hello, cookie) => {
                let body = Handshake::ClientHello(hello.clone()).encode();
                return of_tls(&body[TLS_HEADER_BYTES..], cookie);
            }
            Self::HelloVerifyRequest { version, cookie } => {
                out.extend_from_slice(&version.0.to_be_bytes());
                put::<1>(&mut out, cookie);
            }
            Self::ServerKeyExchangePsk { hint, share } => {
                put::<2>(&mut out, hint);
                if let Some((group, point)) = share {
                    out.push(NAMED_CURVE);
                    out.extend_from_slice(&group.0.to_be_bytes());
                    put::<1>(&mut out, point);
                }
            }
            Self::ClientKeyExchangePsk { identity, share } => {
                put::<2>(&mut out, identity);
                if let Some(point) = share {
                    put::<1>(&mut out, point);
                }
            }
            Self::RequestConnectionId(count) => out.push(*count),
            Self::NewConnectionId { cids, is_immediate } => {
                let mut list = Vec::new();
                cids.iter().for_each(|cid| put::<1>(&mut list, cid));
                put::<2>(&mut out, &list);
                out.push(u8::from(!is_immediate));
            }
        }
        out.into()
    }

    /// Reads a message without its header. `version` is DTLS's, `exchange` that of the suite, once it is known.
    ///
    /// # Errors
    /// As [`Handshake::decode`].
    pub fn decode(kind: HandshakeType, body: &Bytes, version: Version, exchange: Option<KeyExchange>) -> Decoded<Self> {
        use HandshakeType as T;
        let is_13 = version == crate::dtls::codes::DTLS13;
        let is_psk = matches!(exchange, Some(KeyExchange::Psk | KeyExchange::EcdhePsk));
        let tls_version = if is_13 { Version::TLS13 } else { Version::TLS12 };
        match kind {
            T::CLIENT_HELLO => {
                let (body, cookie) = to_tls(body)?;
                match Handshake::decode(kind, &body, tls_version)? {
                    Handshake::ClientHello(hello) => Ok(Self::ClientHello(hello, cookie)),
                    _ => Err(AlertDescription::INTERNAL_ERROR),
                }
            }
            T::SERVER_HELLO => Self::decode_server_hello(body),
            T::HELLO_VERIFY_REQUEST => {
                let mut rest = body.clone();
                let version = rest.try_get_u16().map_err(|_| AlertDescription::DECODE_ERROR)?;
                let cookie = vector::<1>(&mut rest)?;
                end(&rest)?;
                Ok(Self::HelloVerifyRequest { version: Version(version), cookie })
            }
            T::SERVER_KEY_EXCHANGE if is_psk => Self::decode_server_psk(body, exchange),
            T::CLIENT_KEY_EXCHANGE if is_psk => {
                let mut rest = body.clone();
                let identity = vector::<2>(&mut rest)?;
                let share = if exchange == Some(KeyExchange::EcdhePsk) { Some(vector::<1>(&mut rest)?) } else { None };
                end(&rest)?;
                Ok(Self::ClientKeyExchangePsk { identity, share })
            }
            REQUEST_CONNECTION_ID if is_13 => match body[..] {
                [count] => Ok(Self::RequestConnectionId(count)),
                _ => Err(AlertDescription::DECODE_ERROR),
            },
            NEW_CONNECTION_ID if is_13 => Self::decode_new_cids(body),
            // RFC 9147 §5.6: DTLS 1.3 has no such message.
            T::END_OF_EARLY_DATA => Err(AlertDescription::UNEXPECTED_MESSAGE),
            _ => Handshake::decode(kind, body, tls_version).map(Self::Tls),
        }
    }

    /// The version of a retry request is DTLS 1.2's here (RFC 9147 §5.4), and TLS 1.2's to whom reads it; other hellos keep theirs.
    fn decode_server_hello(body: &Bytes) -> Decoded<Self> {
        let [major, minor, rest @ ..] = &body[..] else { return Err(AlertDescription::DECODE_ERROR) };
        let version = Version(u16::from_be_bytes([*major, *minor]));
        let tls = if version == DTLS12 { Version::TLS12 } else { version };
        let body = [&tls.0.to_be_bytes()[..], rest].concat();
        let mut message = Handshake::decode(HandshakeType::SERVER_HELLO, &body, Version::TLS12)?;
        if let Handshake::ServerHello(hello) = &mut message {
            hello.legacy_version = version;
        }
        Ok(Self::Tls(message))
    }

    fn decode_server_psk(body: &Bytes, exchange: Option<KeyExchange>) -> Decoded<Self> {
        let mut rest = body.clone();
        let hint = vector::<2>(&mut rest)?;
        let share = if exchange == Some(KeyExchange::EcdhePsk) {
            if rest.try_get_u8().map_err(|_| AlertDescription::DECODE_ERROR)? != NAMED_CURVE {
                return Err(AlertDescription::ILLEGAL_PARAMETER);
            }
            let group = Group(rest.try_get_u16().map_err(|_| AlertDescription::DECODE_ERROR)?);
            Some((group, vector::<1>(&mut rest)?))
        } else {
            None
        };
        end(&rest)?;
        Ok(Self::ServerKeyExchangePsk { hint, share })
    }

    fn decode_new_cids(body: &Bytes) -> Decoded<Self> {
        let mut rest = body.clone();
        let mut list = vector::<2>(&mut rest)?;
        let mut cids = Vec::new();
        while !list.is_empty() {
            cids.push(vector::<1>(&mut list)?);
        }
        match rest[..] {
            [usage @ (0 | 1)] => Ok(Self::NewConnectionId { cids, is_immediate: usage == 0 }),
            [_] => Err(AlertDescription::ILLEGAL_PARAMETER),
            _ => Err(AlertDescription::DECODE_ERROR),
        }
    }
}

fn end(rest: &Bytes) -> Decoded<()> {
    if rest.is_empty() { Ok(()) } else { Err(AlertDescription::DECODE_ERROR) }
}
