//! Extensions of hellos, certificates and tickets (RFC 8446 §4.2).

use super::codec::{Decoded, Reader, Writer};
use crate::tls::codes::{
    AlertDescription, CertificateCompression, ExtensionType, Group, PskMode, SignatureScheme, Version,
};
use bytes::Bytes;

/// One extension. Which of two forms of the same extension a body has follows from the message it is in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Extension {
    /// `server_name` of a client: the host it means to reach (RFC 6066 §3).
    ServerName(Bytes),
    /// `server_name` of a server: the name was used.
    ServerNameAck,
    /// `status_request` of a client: OCSP, of any responder (RFC 6066 §8).
    OcspRequest,
    /// `status_request` without a body: of a TLS 1.2 server, a status will follow; in a certificate request, a status
    /// is wanted (RFC 8446 §4.4.2.1).
    OcspAck,
    /// `status_request` in a TLS 1.3 certificate entry: the OCSP response, as DER.
    OcspResponse(Bytes),
    /// `supported_groups`, best first (RFC 8446 §4.2.7).
    SupportedGroups(Vec<Group>),
    /// `ec_point_formats`; 0 is uncompressed (RFC 8422 §5.1.2).
    EcPointFormats(Bytes),
    /// `signature_algorithms`, best first (RFC 8446 §4.2.3).
    SignatureAlgorithms(Vec<SignatureScheme>),
    /// `application_layer_protocol_negotiation`: names offered, or the one chosen (RFC 7301 §3.1).
    Alpn(Vec<Bytes>),
    /// `extended_master_secret` (RFC 7627 §5.1).
    ExtendedMasterSecret,
    /// `session_ticket`: a ticket, or none to say that one is wanted or will come (RFC 5077 §3.2).
    SessionTicket(Bytes),
    /// `renegotiation_info`: empty in first handshakes (RFC 5746 §3.2).
    RenegotiationInfo(Bytes),
    /// `supported_versions` of a client, best first (RFC 8446 §4.2.1).
    SupportedVersions(Vec<Version>),
    /// `supported_versions` of a server: the version chosen.
    SelectedVersion(Version),
    /// `cookie` (RFC 8446 §4.2.2).
    Cookie(Bytes),
    /// `psk_key_exchange_modes` (RFC 8446 §4.2.9).
    PskModes(Vec<PskMode>),
    /// `key_share` of a client, best first (RFC 8446 §4.2.8).
    KeyShares(Vec<KeyShare>),
    /// `key_share` of a server.
    KeyShare(KeyShare),
    /// `key_share` of a hello retry request: the group wanted.
    RetryGroup(Group),
    /// `early_data` of a client that sends some, or of a server that takes it (RFC 8446 §4.2.10).
    EarlyData,
    /// `early_data` of a ticket: how much may be sent with it \[bytes\].
    MaxEarlyData(u32),
    /// `pre_shared_key` of a client (RFC 8446 §4.2.11).
    PreSharedKeys(PreSharedKeys),
    /// `pre_shared_key` of a server: the index of the identity chosen.
    SelectedPsk(u16),
    /// `compress_certificate`, best first (RFC 8879 §3).
    CompressCertificate(Vec<CertificateCompression>),
    /// `padding`: so many zero bytes (RFC 7685 §3). On reading their values are not looked at.
    Padding(u16),
    /// Any other.
    Unknown {
        /// Its number.
        kind: u16,
        /// What it carries.
        body: Bytes,
    },
}

/// A public value of a group (RFC 8446 §4.2.8).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyShare {
    /// Of which group.
    pub group: Group,
    /// The value: a point, or an encapsulation key or ciphertext before a point.
    pub public: Bytes,
}

/// Pre-shared keys that a client offers (RFC 8446 §4.2.11).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PreSharedKeys {
    /// The keys' names, best first.
    pub identities: Vec<PskIdentity>,
    /// For each of them a proof of holding it, 32 bytes or more.
    pub binders: Vec<Bytes>,
}

/// The name of a pre-shared key (RFC 8446 §4.2.11).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PskIdentity {
    /// A ticket, or a label known beforehand.
    pub identity: Bytes,
    /// Age of the ticket \[ms\] plus its `age_add`, modulo 2^32; 0 for labels.
    pub obfuscated_age: u32,
}

/// The messages that extensions stand in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Place {
    /// Of either version.
    ClientHello,
    /// Of either version.
    ServerHello,
    /// TLS 1.3.
    HelloRetryRequest,
    /// TLS 1.3.
    EncryptedExtensions,
    /// TLS 1.3.
    CertificateRequest,
    /// One entry of a TLS 1.3 certificate message.
    Certificate,
    /// TLS 1.3.
    NewSessionTicket,
}

/// Status type `ocsp` (RFC 6066 §8).
pub(super) const STATUS_OCSP: u8 = 1;
/// Name type `host_name` (RFC 6066 §3).
const NAME_HOST: u8 = 0;
/// The least length of a binder \[bytes\] (RFC 8446 §4.2.11).
const MIN_BINDER: usize = 32;

impl PreSharedKeys {
    /// Length of the list of binders with its length field \[bytes\].
    pub(super) fn binders_len(&self) -> usize {
        2 + self.binders.iter().map(|binder| 1 + binder.len()).sum::<usize>()
    }
}

impl KeyShare {
    fn decode(reader: &mut Reader<'_>) -> Decoded<Self> {
        Ok(Self { group: Group(reader.u16()?), public: reader.opaque::<2>(1)? })
    }

    fn encode(&self, out: &mut Writer) {
        out.u16(self.group.0);
        out.opaque::<2>(&self.public);
    }
}

impl Place {
    /// Whether an extension that is known here may stand here (the table of RFC 8446 §4.2; for the server hello of
    /// TLS 1.2, the RFC of each). Whatever is not known here may.
    fn allows(self, kind: ExtensionType) -> bool {
        use ExtensionType as E;
        let tls12 = self == Self::ServerHello;
        match kind {
            E::SERVER_NAME | E::ALPN => tls12 || matches!(self, Self::ClientHello | Self::EncryptedExtensions),
            E::STATUS_REQUEST => {
                tls12 || matches!(self, Self::ClientHello | Self::CertificateRequest | Self::Certificate)
            }
            E::SUPPORTED_GROUPS => matches!(self, Self::ClientHello | Self::EncryptedExtensions),
            E::SIGNATURE_ALGORITHMS | E::COMPRESS_CERTIFICATE => {
                matches!(self, Self::ClientHello | Self::CertificateRequest)
            }
            E::EC_POINT_FORMATS | E::EXTENDED_MASTER_SECRET | E::SESSION_TICKET | E::RENEGOTIATION_INFO => {
                tls12 || self == Self::ClientHello
            }
            E::PADDING | E::PSK_KEY_EXCHANGE_MODES => self == Self::ClientHello,
            E::SUPPORTED_VERSIONS | E::KEY_SHARE => {
                matches!(self, Self::ClientHello | Self::ServerHello | Self::HelloRetryRequest)
            }
            E::COOKIE => matches!(self, Self::ClientHello | Self::HelloRetryRequest),
            E::EARLY_DATA => matches!(self, Self::ClientHello | Self::EncryptedExtensions | Self::NewSessionTicket),
            E::PRE_SHARED_KEY => matches!(self, Self::ClientHello | Self::ServerHello),
            _ => true,
        }
    }
}

impl Extension {
    /// Which it is.
    pub const fn kind(&self) -> ExtensionType {
        use ExtensionType as E;
        match self {
            Self::ServerName(_) | Self::ServerNameAck => E::SERVER_NAME,
            Self::OcspRequest | Self::OcspAck | Self::OcspResponse(_) => E::STATUS_REQUEST,
            Self::SupportedGroups(_) => E::SUPPORTED_GROUPS,
            Self::EcPointFormats(_) => E::EC_POINT_FORMATS,
            Self::SignatureAlgorithms(_) => E::SIGNATURE_ALGORITHMS,
            Self::Alpn(_) => E::ALPN,
            Self::ExtendedMasterSecret => E::EXTENDED_MASTER_SECRET,
            Self::SessionTicket(_) => E::SESSION_TICKET,
            Self::RenegotiationInfo(_) => E::RENEGOTIATION_INFO,
            Self::SupportedVersions(_) | Self::SelectedVersion(_) => E::SUPPORTED_VERSIONS,
            Self::Cookie(_) => E::COOKIE,
            Self::PskModes(_) => E::PSK_KEY_EXCHANGE_MODES,
            Self::KeyShares(_) | Self::KeyShare(_) | Self::RetryGroup(_) => E::KEY_SHARE,
            Self::EarlyData | Self::MaxEarlyData(_) => E::EARLY_DATA,
            Self::PreSharedKeys(_) | Self::SelectedPsk(_) => E::PRE_SHARED_KEY,
            Self::CompressCertificate(_) => E::COMPRESS_CERTIFICATE,
            Self::Padding(_) => E::PADDING,
            Self::Unknown { kind, .. } => ExtensionType(*kind),
        }
    }

    /// Number, length and body.
    pub(super) fn encode(&self, out: &mut Writer) {
        out.u16(self.kind().0);
        out.vector::<2>(|out| self.encode_body(out));
    }

    fn encode_body(&self, out: &mut Writer) {
        match self {
            Self::ServerName(name) => out.vector::<2>(|out| {
                out.u8(NAME_HOST);
                out.opaque::<2>(name);
            }),
            Self::ServerNameAck | Self::OcspAck | Self::ExtendedMasterSecret | Self::EarlyData => {}
            // Any responder, no extensions.
            Self::OcspRequest => out.bytes(&[STATUS_OCSP, 0, 0, 0, 0]),
            Self::OcspResponse(response) => {
                out.u8(STATUS_OCSP);
                out.opaque::<3>(response);
            }
            Self::SupportedGroups(groups) => out.list::<2, _>(groups, |out, group| out.u16(group.0)),
            Self::EcPointFormats(formats) => out.opaque::<1>(formats),
            Self::SignatureAlgorithms(schemes) => out.list::<2, _>(schemes, |out, scheme| out.u16(scheme.0)),
            Self::Alpn(names) => out.list::<2, _>(names, |out, name| out.opaque::<1>(name)),
            Self::SessionTicket(ticket) => out.bytes(ticket),
            Self::RenegotiationInfo(info) => out.opaque::<1>(info),
            Self::SupportedVersions(versions) => out.list::<1, _>(versions, |out, version| out.u16(version.0)),
            Self::SelectedVersion(version) => out.u16(version.0),
            Self::Cookie(cookie) => out.opaque::<2>(cookie),
            Self::PskModes(modes) => out.list::<1, _>(modes, |out, mode| out.u8(mode.0)),
            Self::KeyShares(shares) => out.list::<2, _>(shares, |out, share| share.encode(out)),
            Self::KeyShare(share) => share.encode(out),
            Self::RetryGroup(group) => out.u16(group.0),
            Self::MaxEarlyData(most) => out.u32(*most),
            Self::PreSharedKeys(keys) => {
                out.list::<2, _>(&keys.identities, |out, key| {
                    out.opaque::<2>(&key.identity);
                    out.u32(key.obfuscated_age);
                });
                out.list::<2, _>(&keys.binders, |out, binder| out.opaque::<1>(binder));
            }
            Self::SelectedPsk(index) => out.u16(*index),
            Self::CompressCertificate(algorithms) => out.list::<1, _>(algorithms, |out, one| out.u16(one.0)),
            Self::Padding(len) => out.zeros(usize::from(*len)),
            Self::Unknown { body, .. } => out.bytes(body),
        }
    }

    /// The extensions of a message, each of which may come once (RFC 8446 §4.2).
    pub(super) fn decode_all(reader: &mut Reader<'_>, place: Place) -> Decoded<Vec<Self>> {
        let extensions = reader.list::<2, _>(0, |reader| {
            let kind = ExtensionType(reader.u16()?);
            let mut body = reader.vector::<2>(0)?;
            if !place.allows(kind) {
                return Err(AlertDescription::ILLEGAL_PARAMETER);
            }
            let extension = Self::decode_body(kind, &mut body, place)?;
            body.end()?;
            Ok(extension)
        })?;
        let mut kinds: Vec<_> = extensions.iter().map(Self::kind).collect();
        kinds.sort_unstable();
        if kinds.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(AlertDescription::ILLEGAL_PARAMETER);
        }
        Ok(extensions)
    }

    /// Writes the extensions of a message.
    pub(super) fn encode_all(extensions: &[Self], out: &mut Writer) {
        out.list::<2, _>(extensions, |out, extension| extension.encode(out));
    }

    /// Reads the body of an extension that [`Place::allows`]; the caller sees to it that nothing is left.
    fn decode_body(kind: ExtensionType, body: &mut Reader<'_>, place: Place) -> Decoded<Self> {
        use ExtensionType as E;
        let is_client_hello = place == Place::ClientHello;
        Ok(match kind {
            E::SERVER_NAME if is_client_hello => return Self::decode_server_name(body),
            E::SERVER_NAME => Self::ServerNameAck,
            E::STATUS_REQUEST => return Self::decode_status_request(body, place),
            E::SUPPORTED_GROUPS => Self::SupportedGroups(body.list::<2, _>(2, |r| r.u16().map(Group))?),
            E::EC_POINT_FORMATS => Self::EcPointFormats(body.opaque::<1>(1)?),
            E::SIGNATURE_ALGORITHMS => {
                Self::SignatureAlgorithms(body.list::<2, _>(2, |r| r.u16().map(SignatureScheme))?)
            }
            E::ALPN => {
                let names = body.list::<2, _>(2, |r| r.opaque::<1>(1))?;
                if !is_client_hello && names.len() != 1 {
                    // RFC 7301 §3.1: the answer names exactly one.
                    return Err(AlertDescription::ILLEGAL_PARAMETER);
                }
                Self::Alpn(names)
            }
            E::EXTENDED_MASTER_SECRET => Self::ExtendedMasterSecret,
            E::SESSION_TICKET if is_client_hello => Self::SessionTicket(body.rest()),
            // RFC 5077 §3.2: the server's is empty.
            E::SESSION_TICKET => Self::SessionTicket(Bytes::new()),
            E::RENEGOTIATION_INFO => Self::RenegotiationInfo(body.opaque::<1>(0)?),
            E::SUPPORTED_VERSIONS if is_client_hello => {
                Self::SupportedVersions(body.list::<1, _>(2, |r| r.u16().map(Version))?)
            }
            E::SUPPORTED_VERSIONS => match Version(body.u16()?) {
                // RFC 8446 §4.2.1: older versions are chosen without this extension.
                old if old < Version::TLS13 => return Err(AlertDescription::ILLEGAL_PARAMETER),
                version => Self::SelectedVersion(version),
            },
            E::COOKIE => Self::Cookie(body.opaque::<2>(1)?),
            E::PSK_KEY_EXCHANGE_MODES => Self::PskModes(body.list::<1, _>(1, |r| r.u8().map(PskMode))?),
            E::KEY_SHARE => return Self::decode_key_share(body, place),
            E::EARLY_DATA if place == Place::NewSessionTicket => Self::MaxEarlyData(body.u32()?),
            E::EARLY_DATA => Self::EarlyData,
            E::PRE_SHARED_KEY if is_client_hello => return Self::decode_pre_shared_keys(body),
            E::PRE_SHARED_KEY => Self::SelectedPsk(body.u16()?),
            E::COMPRESS_CERTIFICATE => {
                Self::CompressCertificate(body.list::<1, _>(2, |r| r.u16().map(CertificateCompression))?)
            }
            // A body's length fits into 16 bits, as its length field does.
            E::PADDING => Self::Padding(body.rest().len() as u16),
            ExtensionType(kind) => Self::Unknown { kind, body: body.rest() },
        })
    }

    /// RFC 6066 §3. The host name of a list; one without a host name is kept as it is.
    fn decode_server_name(body: &mut Reader<'_>) -> Decoded<Self> {
        let whole = body.peek();
        let names = body.list::<2, _>(1, |r| Ok((r.u8()?, r.opaque::<2>(1)?)))?;
        let mut hosts = names.into_iter().filter(|(kind, _)| *kind == NAME_HOST);
        match (hosts.next(), hosts.next()) {
            (Some((_, name)), None) => Ok(Self::ServerName(name)),
            // "The ServerNameList MUST NOT contain more than one name of the same name_type."
            (Some(_), Some(_)) => Err(AlertDescription::ILLEGAL_PARAMETER),
            (None, _) => Ok(Self::Unknown { kind: ExtensionType::SERVER_NAME.0, body: Bytes::copy_from_slice(whole) }),
        }
    }

    /// RFC 6066 §8, RFC 8446 §4.4.2.1. Which responders and extensions a client names is not kept.
    fn decode_status_request(body: &mut Reader<'_>, place: Place) -> Decoded<Self> {
        match place {
            Place::ClientHello | Place::Certificate => {}
            _ => return Ok(Self::OcspAck),
        }
        let whole = body.peek();
        if body.u8()? != STATUS_OCSP {
            body.rest();
            return Ok(Self::Unknown { kind: ExtensionType::STATUS_REQUEST.0, body: Bytes::copy_from_slice(whole) });
        }
        if place == Place::Certificate {
            return body.opaque::<3>(1).map(Self::OcspResponse);
        }
        body.list::<2, _>(0, |r| r.opaque::<2>(1))?;
        body.vector::<2>(0)?;
        Ok(Self::OcspRequest)
    }

    fn decode_key_share(body: &mut Reader<'_>, place: Place) -> Decoded<Self> {
        match place {
            Place::ServerHello => return KeyShare::decode(body).map(Self::KeyShare),
            Place::HelloRetryRequest => return Ok(Self::RetryGroup(Group(body.u16()?))),
            _ => {}
        }
        let shares = body.list::<2, _>(0, KeyShare::decode)?;
        let mut groups: Vec<_> = shares.iter().map(|share| share.group).collect();
        groups.sort_unstable();
        if groups.windows(2).any(|pair| pair[0] == pair[1]) {
            // RFC 8446 §4.2.8: one share per group.
            return Err(AlertDescription::ILLEGAL_PARAMETER);
        }
        Ok(Self::KeyShares(shares))
    }

    fn decode_pre_shared_keys(body: &mut Reader<'_>) -> Decoded<Self> {
        let identities =
            body.list::<2, _>(7, |r| Ok(PskIdentity { identity: r.opaque::<2>(1)?, obfuscated_age: r.u32()? }))?;
        let binders = body.list::<2, _>(1 + MIN_BINDER, |r| r.opaque::<1>(MIN_BINDER))?;
        if identities.len() != binders.len() {
            // RFC 8446 §4.2.11: a binder for each identity, in the same order.
            return Err(AlertDescription::ILLEGAL_PARAMETER);
        }
        Ok(Self::PreSharedKeys(PreSharedKeys { identities, binders }))
    }
}
