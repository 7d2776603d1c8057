//! Handshake messages, and the reader that finds them in the fragments of records (RFC 8446 §4, RFC 5246 §7.4).

use super::codec::{Decoded, Reader, Writer};
use super::extension::{Extension, Place, STATUS_OCSP};
use super::hello::{ClientHello, HelloRetryRequest, ServerHello, decode_server_hello};
use crate::tls::codes::{
    AlertDescription, CertificateCompression, Group, HandshakeType, Hash, SignatureScheme, Version,
};
use bytes::{Bytes, BytesMut};

/// A handshake message. Where TLS 1.2 and 1.3 differ, the names that end in 12 are those of TLS 1.2.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Handshake {
    /// TLS 1.2: a client may begin a new handshake (RFC 5246 §7.4.1.1).
    HelloRequest,
    /// What a client offers.
    ClientHello(ClientHello),
    /// What a server chose.
    ServerHello(ServerHello),
    /// TLS 1.3: the client is to offer something else.
    HelloRetryRequest(HelloRetryRequest),
    /// TLS 1.3.
    NewSessionTicket(NewSessionTicket),
    /// TLS 1.2.
    NewSessionTicket12(NewSessionTicket12),
    /// TLS 1.3: what follows is protected by handshake keys (RFC 8446 §4.5).
    EndOfEarlyData,
    /// TLS 1.3: answers to extensions that do not concern keys (RFC 8446 §4.3.1).
    EncryptedExtensions(Vec<Extension>),
    /// TLS 1.3.
    Certificate(CertificateMessage),
    /// TLS 1.2: certificates as DER, the sender's own first (RFC 5246 §7.4.2).
    Certificate12(Vec<Bytes>),
    /// TLS 1.3: a certificate message, compressed.
    CompressedCertificate(CompressedCertificate),
    /// TLS 1.2: the OCSP response, as DER (RFC 6066 §8).
    CertificateStatus(Bytes),
    /// TLS 1.2.
    ServerKeyExchange(ServerKeyExchange),
    /// TLS 1.3.
    CertificateRequest(CertificateRequest),
    /// TLS 1.2.
    CertificateRequest12(CertificateRequest12),
    /// TLS 1.2: the server waits for the client (RFC 5246 §7.4.5).
    ServerHelloDone,
    /// A signature over the handshake.
    CertificateVerify(CertificateVerify),
    /// TLS 1.2: the client's point (RFC 8422 §5.7).
    ClientKeyExchange(Bytes),
    /// A MAC over the handshake: 12 bytes in TLS 1.2, as long as the hash in TLS 1.3.
    Finished(Bytes),
    /// TLS 1.3: the sender's next records are protected by new keys (RFC 8446 §4.6.3).
    KeyUpdate {
        /// The receiver is to do the same.
        requested: bool,
    },
}

/// A chain of certificates (RFC 8446 §4.4.2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CertificateMessage {
    /// That of the request; empty from servers.
    pub context: Bytes,
    /// The sender's own first; a client may have none.
    pub entries: Vec<CertificateEntry>,
}

/// One certificate of a chain (RFC 8446 §4.4.2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CertificateEntry {
    /// The certificate as DER.
    pub der: Bytes,
    /// What belongs to it, such as its status.
    pub extensions: Vec<Extension>,
}

/// A certificate message made shorter (RFC 8879 §4).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CompressedCertificate {
    /// By what.
    pub algorithm: CertificateCompression,
    /// Length of the body of the certificate message \[bytes\], less than 2^24.
    pub uncompressed_len: u32,
    /// That body, compressed.
    pub data: Bytes,
}

/// A ticket of TLS 1.3 (RFC 8446 §4.6.1).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewSessionTicket {
    /// How long it may be used \[s\]: at most 604800, seven days. A greater one is read as it is.
    pub lifetime_s: u32,
    /// What clients add to a ticket's age, so that uses cannot be linked \[ms\].
    pub age_add: u32,
    /// Makes the key of each ticket of a connection another.
    pub nonce: Bytes,
    /// What the client is to send back.
    pub ticket: Bytes,
    /// `early_data`, if some is allowed.
    pub extensions: Vec<Extension>,
}

/// A ticket of TLS 1.2 (RFC 5077 §3.3).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewSessionTicket12 {
    /// How long it may be used \[s\]; 0 leaves it to the client.
    pub lifetime_s: u32,
    /// What the client is to send back; empty if there is no ticket after all.
    pub ticket: Bytes,
}

/// The server's point and its signature (RFC 8422 §5.4).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServerKeyExchange {
    /// The curve, which is a named one.
    pub group: Group,
    /// The point.
    pub public: Bytes,
    /// How it is signed.
    pub scheme: SignatureScheme,
    /// Over both randoms and [`ServerKeyExchange::params`].
    pub signature: Bytes,
}

/// A server wants to see a certificate (RFC 8446 §4.3.2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CertificateRequest {
    /// Comes back in the answer; empty during the handshake.
    pub context: Bytes,
    /// `signature_algorithms` at least.
    pub extensions: Vec<Extension>,
}

/// A server wants to see a certificate (RFC 5246 §7.4.4).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CertificateRequest12 {
    /// Kinds of certificates; `ecdsa_sign` is 64, `rsa_sign` is 1.
    pub types: Bytes,
    /// Signatures that the server can check.
    pub schemes: Vec<SignatureScheme>,
    /// Names of issuers, each with two bytes of length before it; not interpreted.
    pub authorities: Bytes,
}

/// A proof of holding the key of a certificate (RFC 8446 §4.4.3, RFC 5246 §7.4.8).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CertificateVerify {
    /// How it is signed.
    pub scheme: SignatureScheme,
    /// Over the handshake so far.
    pub signature: Bytes,
}

/// Finds the messages in the fragments of handshake records: a message may take several records, and a record may
/// hold several messages (RFC 8446 §5.1).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MessageReader(BytesMut);

/// Length of the header of a handshake message \[bytes\] (RFC 8446 §4).
pub(super) const MESSAGE_HEADER_BYTES: usize = 4;
/// Curve type `named_curve` (RFC 8422 §5.4).
const NAMED_CURVE: u8 = 3;
/// Length of the `verify_data` of TLS 1.2 \[bytes\] (RFC 5246 §7.4.9).
const VERIFY_DATA_12: usize = 12;

impl ServerKeyExchange {
    /// The curve and the point: what the signature covers after both randoms (RFC 8422 §5.4).
    pub fn params(&self) -> Bytes {
        let mut out = Writer::default();
        self.encode_params(&mut out);
        out.finish()
    }

    fn encode_params(&self, out: &mut Writer) {
        out.u8(NAMED_CURVE);
        out.u16(self.group.0);
        out.opaque::<1>(&self.public);
    }

    fn decode(reader: &mut Reader<'_>) -> Decoded<Self> {
        if reader.u8()? != NAMED_CURVE {
            // RFC 8422 §5.4: curves that are not named are no longer used.
            return Err(AlertDescription::ILLEGAL_PARAMETER);
        }
        Ok(Self {
            group: Group(reader.u16()?),
            public: reader.opaque::<1>(1)?,
            scheme: SignatureScheme(reader.u16()?),
            signature: reader.opaque::<2>(0)?,
        })
    }
}

impl CertificateMessage {
    fn encode(&self, out: &mut Writer) {
        out.opaque::<1>(&self.context);
        out.list::<3, _>(&self.entries, |out, entry| {
            out.opaque::<3>(&entry.der);
            Extension::encode_all(&entry.extensions, out);
        });
    }

    fn decode(reader: &mut Reader<'_>) -> Decoded<Self> {
        Ok(Self {
            context: reader.opaque::<1>(0)?,
            entries: reader.list::<3, _>(0, |r| {
                Ok(CertificateEntry {
                    der: r.opaque::<3>(1)?,
                    extensions: Extension::decode_all(r, Place::Certificate)?,
                })
            })?,
        })
    }
}

impl NewSessionTicket {
    fn encode(&self, out: &mut Writer) {
        out.u32(self.lifetime_s);
        out.u32(self.age_add);
        out.opaque::<1>(&self.nonce);
        out.opaque::<2>(&self.ticket);
        Extension::encode_all(&self.extensions, out);
    }

    fn decode(reader: &mut Reader<'_>) -> Decoded<Self> {
        Ok(Self {
            lifetime_s: reader.u32()?,
            age_add: reader.u32()?,
            nonce: reader.opaque::<1>(0)?,
            ticket: reader.opaque::<2>(1)?,
            extensions: Extension::decode_all(reader, Place::NewSessionTicket)?,
        })
    }
}

impl CertificateRequest12 {
    fn encode(&self, out: &mut Writer) {
        out.opaque::<1>(&self.types);
        out.list::<2, _>(&self.schemes, |out, scheme| out.u16(scheme.0));
        out.opaque::<2>(&self.authorities);
    }

    fn decode(reader: &mut Reader<'_>) -> Decoded<Self> {
        Ok(Self {
            types: reader.opaque::<1>(1)?,
            schemes: reader.list::<2, _>(2, |r| r.u16().map(SignatureScheme))?,
            authorities: reader.opaque::<2>(0)?,
        })
    }
}

impl Handshake {
    /// Its number on the wire.
    pub const fn kind(&self) -> HandshakeType {
        use HandshakeType as T;
        match self {
            Self::HelloRequest => T::HELLO_REQUEST,
            Self::ClientHello(_) => T::CLIENT_HELLO,
            Self::ServerHello(_) | Self::HelloRetryRequest(_) => T::SERVER_HELLO,
            Self::NewSessionTicket(_) | Self::NewSessionTicket12(_) => T::NEW_SESSION_TICKET,
            Self::EndOfEarlyData => T::END_OF_EARLY_DATA,
            Self::EncryptedExtensions(_) => T::ENCRYPTED_EXTENSIONS,
            Self::Certificate(_) | Self::Certificate12(_) => T::CERTIFICATE,
            Self::CompressedCertificate(_) => T::COMPRESSED_CERTIFICATE,
            Self::CertificateStatus(_) => T::CERTIFICATE_STATUS,
            Self::ServerKeyExchange(_) => T::SERVER_KEY_EXCHANGE,
            Self::CertificateRequest(_) | Self::CertificateRequest12(_) => T::CERTIFICATE_REQUEST,
            Self::ServerHelloDone => T::SERVER_HELLO_DONE,
            Self::CertificateVerify(_) => T::CERTIFICATE_VERIFY,
            Self::ClientKeyExchange(_) => T::CLIENT_KEY_EXCHANGE,
            Self::Finished(_) => T::FINISHED,
            Self::KeyUpdate { .. } => T::KEY_UPDATE,
        }
    }

    /// The whole message: type, length and body.
    ///
    /// # Panics
    /// When a field is longer than the length before it can say.
    pub fn encode(&self) -> Bytes {
        let mut out = Writer::default();
        out.u8(self.kind().0);
        out.vector::<3>(|out| self.encode_body(out));
        out.finish()
    }

    fn encode_body(&self, out: &mut Writer) {
        match self {
            Self::HelloRequest | Self::EndOfEarlyData | Self::ServerHelloDone => {}
            Self::ClientHello(hello) => hello.encode(out),
            Self::ServerHello(hello) => hello.encode(out),
            Self::HelloRetryRequest(request) => request.encode(out),
            Self::NewSessionTicket(ticket) => ticket.encode(out),
            Self::NewSessionTicket12(ticket) => {
                out.u32(ticket.lifetime_s);
                out.opaque::<2>(&ticket.ticket);
            }
            Self::EncryptedExtensions(extensions) => Extension::encode_all(extensions, out),
            Self::Certificate(certificate) => certificate.encode(out),
            Self::Certificate12(chain) => out.list::<3, _>(chain, |out, der| out.opaque::<3>(der)),
            Self::CompressedCertificate(certificate) => {
                out.u16(certificate.algorithm.0);
                out.u24(certificate.uncompressed_len);
                out.opaque::<3>(&certificate.data);
            }
            Self::CertificateStatus(response) => {
                out.u8(STATUS_OCSP);
                out.opaque::<3>(response);
            }
            Self::ServerKeyExchange(exchange) => {
                exchange.encode_params(out);
                out.u16(exchange.scheme.0);
                out.opaque::<2>(&exchange.signature);
            }
            Self::CertificateRequest(request) => {
                out.opaque::<1>(&request.context);
                Extension::encode_all(&request.extensions, out);
            }
            Self::CertificateRequest12(request) => request.encode(out),
            Self::CertificateVerify(verify) => {
                out.u16(verify.scheme.0);
                out.opaque::<2>(&verify.signature);
            }
            Self::ClientKeyExchange(point) => out.opaque::<1>(point),
            Self::Finished(verify_data) => out.bytes(verify_data),
            Self::KeyUpdate { requested } => out.u8(u8::from(*requested)),
        }
    }

    /// Reads a message without its header. `version` chooses between the forms of TLS 1.2 and 1.3; hellos have but
    /// one.
    ///
    /// # Errors
    /// The alert to answer with: `decode_error` for wrong lengths; `illegal_parameter` for values that are never
    /// right; `unexpected_message` for a message that `version` has not.
    pub fn decode(kind: HandshakeType, body: &[u8], version: Version) -> Result<Self, AlertDescription> {
        use HandshakeType as T;
        let mut reader = Reader::new(body);
        let reader = &mut reader;
        let message = match kind {
            T::CLIENT_HELLO => ClientHello::decode(reader).map(Self::ClientHello),
            T::SERVER_HELLO => decode_server_hello(reader),
            T::CERTIFICATE_VERIFY => Ok(Self::CertificateVerify(CertificateVerify {
                scheme: SignatureScheme(reader.u16()?),
                signature: reader.opaque::<2>(0)?,
            })),
            T::FINISHED => Self::decode_finished(reader, version),
            _ if version == Version::TLS13 => Self::decode_13(kind, reader),
            _ => Self::decode_12(kind, reader),
        }?;
        reader.end()?;
        Ok(message)
    }

    /// RFC 8446 §4.4.4: as long as a hash; RFC 5246 §7.4.9: 12 bytes.
    fn decode_finished(reader: &mut Reader<'_>, version: Version) -> Decoded<Self> {
        let verify_data = reader.rest();
        let is_right = match verify_data.len() {
            VERIFY_DATA_12 => version != Version::TLS13,
            len => version == Version::TLS13 && (len == Hash::Sha256.len() || len == Hash::Sha384.len()),
        };
        if is_right { Ok(Self::Finished(verify_data)) } else { Err(AlertDescription::DECODE_ERROR) }
    }

    fn decode_13(kind: HandshakeType, reader: &mut Reader<'_>) -> Decoded<Self> {
        use HandshakeType as T;
        Ok(match kind {
            T::NEW_SESSION_TICKET => Self::NewSessionTicket(NewSessionTicket::decode(reader)?),
            T::END_OF_EARLY_DATA => Self::EndOfEarlyData,
            T::ENCRYPTED_EXTENSIONS => {
                Self::EncryptedExtensions(Extension::decode_all(reader, Place::EncryptedExtensions)?)
            }
            T::CERTIFICATE => Self::Certificate(CertificateMessage::decode(reader)?),
            T::COMPRESSED_CERTIFICATE => Self::CompressedCertificate(CompressedCertificate {
                algorithm: CertificateCompression(reader.u16()?),
                uncompressed_len: reader.u24()?,
                data: reader.opaque::<3>(1)?,
            }),
            T::CERTIFICATE_REQUEST => Self::CertificateRequest(CertificateRequest {
                context: reader.opaque::<1>(0)?,
                extensions: Extension::decode_all(reader, Place::CertificateRequest)?,
            }),
            T::KEY_UPDATE => match reader.u8()? {
                request @ (0 | 1) => Self::KeyUpdate { requested: request == 1 },
                // RFC 8446 §4.6.3.
                _ => return Err(AlertDescription::ILLEGAL_PARAMETER),
            },
            _ => return Err(AlertDescription::UNEXPECTED_MESSAGE),
        })
    }

    fn decode_12(kind: HandshakeType, reader: &mut Reader<'_>) -> Decoded<Self> {
        use HandshakeType as T;
        Ok(match kind {
            T::HELLO_REQUEST => Self::HelloRequest,
            T::NEW_SESSION_TICKET => Self::NewSessionTicket12(NewSessionTicket12 {
                lifetime_s: reader.u32()?,
                ticket: reader.opaque::<2>(0)?,
            }),
            T::CERTIFICATE => Self::Certificate12(reader.list::<3, _>(0, |r| r.opaque::<3>(1))?),
            T::CERTIFICATE_STATUS => match reader.u8()? {
                STATUS_OCSP => Self::CertificateStatus(reader.opaque::<3>(1)?),
                // RFC 6066 §8: another type was not asked for.
                _ => return Err(AlertDescription::ILLEGAL_PARAMETER),
            },
            T::SERVER_KEY_EXCHANGE => Self::ServerKeyExchange(ServerKeyExchange::decode(reader)?),
            T::CERTIFICATE_REQUEST => Self::CertificateRequest12(CertificateRequest12::decode(reader)?),
            T::SERVER_HELLO_DONE => Self::ServerHelloDone,
            T::CLIENT_KEY_EXCHANGE => Self::ClientKeyExchange(reader.opaque::<1>(1)?),
            _ => return Err(AlertDescription::UNEXPECTED_MESSAGE),
        })
    }
}

impl MessageReader {
    /// Adds the fragment of a handshake record.
    pub fn push(&mut self, fragment: &[u8]) {
        self.0.extend_from_slice(fragment);
    }

    /// The next message with its header, if all of it has come; `most` is the longest body that may come now
    /// \[bytes\]. After an error the stream is of no more use, and the same error comes again.
    ///
    /// # Errors
    /// `illegal_parameter` for a longer one, as soon as its header is there. RFC 8446 leaves open which alert it is;
    /// OpenSSL and BoringSSL send this one.
    pub fn next(&mut self, most: usize) -> Result<Option<(HandshakeType, Bytes)>, AlertDescription> {
        let Some(&[kind, a, b, c]) = self.0.first_chunk() else {
            return Ok(None);
        };
        // 24 bits fit into any usize.
        let len = u32::from_be_bytes([0, a, b, c]) as usize;
        if len > most {
            return Err(AlertDescription::ILLEGAL_PARAMETER);
        }
        let whole = MESSAGE_HEADER_BYTES + len;
        if self.0.len() < whole {
            return Ok(None);
        }
        Ok(Some((HandshakeType(kind), self.0.split_to(whole).freeze())))
    }

    /// True if there is not even a part of a message: keys may change only then (RFC 8446 §5.1).
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
