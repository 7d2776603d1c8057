//! What a message says, attribute by attribute.

use super::kinds::{AttributeType, ErrorCode, Family};
use super::{Attribute, Message};
use std::net::SocketAddr;

/// The first attribute of each type that counts (RFC 8489 §14: later ones of a type are ignored, but for XOR-PEER-ADDRESS, of
/// which CreatePermission may have many).
#[derive(Clone, Debug, Default)]
pub struct Fields<'a> {
    /// MAPPED-ADDRESS.
    pub mapped: Option<SocketAddr>,
    /// XOR-MAPPED-ADDRESS.
    pub xor_mapped: Option<SocketAddr>,
    /// XOR-RELAYED-ADDRESS.
    pub relayed: Option<SocketAddr>,
    /// XOR-PEER-ADDRESS, all of them.
    pub peers: Vec<SocketAddr>,
    /// RESPONSE-ORIGIN.
    pub origin: Option<SocketAddr>,
    /// OTHER-ADDRESS.
    pub other_address: Option<SocketAddr>,
    /// ALTERNATE-SERVER.
    pub alternate: Option<SocketAddr>,
    /// CHANGE-REQUEST: address, port.
    pub change: Option<(bool, bool)>,
    /// RESPONSE-PORT.
    pub response_port: Option<u16>,
    /// USERNAME.
    pub username: Option<&'a str>,
    /// USERHASH.
    pub userhash: Option<[u8; 32]>,
    /// REALM.
    pub realm: Option<&'a str>,
    /// NONCE.
    pub nonce: Option<&'a [u8]>,
    /// PASSWORD-ALGORITHM.
    pub algorithm: Option<u16>,
    /// PASSWORD-ALGORITHMS.
    pub algorithms: Option<&'a [u8]>,
    /// ERROR-CODE.
    pub error: Option<ErrorCode>,
    /// PRIORITY.
    pub priority: Option<u32>,
    /// USE-CANDIDATE.
    pub use_candidate: bool,
    /// ICE-CONTROLLED.
    pub controlled: Option<u64>,
    /// ICE-CONTROLLING.
    pub controlling: Option<u64>,
    /// CHANNEL-NUMBER.
    pub channel: Option<u16>,
    /// LIFETIME \[seconds\].
    pub lifetime: Option<u32>,
    /// DATA: where it begins in the message, and how long it is. It may be bulk data, which a rope has without its bytes.
    pub data: Option<(usize, usize)>,
    /// EVEN-PORT: whether the next port is to be kept, too.
    pub even_port: Option<bool>,
    /// REQUESTED-TRANSPORT.
    pub transport: Option<u8>,
    /// DONT-FRAGMENT.
    pub dont_fragment: bool,
    /// RESERVATION-TOKEN.
    pub token: Option<[u8; 8]>,
    /// REQUESTED-ADDRESS-FAMILY.
    pub family: Option<Family>,
    /// There is a MESSAGE-INTEGRITY.
    pub has_integrity: bool,
    /// There is a MESSAGE-INTEGRITY-SHA256.
    pub has_integrity_sha256: bool,
    /// There is a FINGERPRINT.
    pub has_fingerprint: bool,
    /// Types that must be understood and are not, each once.
    pub unknown: Vec<AttributeType>,
    /// The first attribute whose value is none that its type can have.
    pub malformed: Option<AttributeType>,
}

impl<'a> Fields<'a> {
    /// What `message` says.
    pub fn read(message: &Message<'a>) -> Self {
        let (mut fields, mut seen) = (Self::default(), Vec::new());
        for raw in message.counted() {
            if seen.contains(&raw.kind) && raw.kind != AttributeType::XOR_PEER_ADDRESS {
                continue;
            }
            seen.push(raw.kind);
            match raw.read(message.transaction()) {
                Ok(attribute) => fields.take(attribute, raw.offset + 4),
                Err(_) if raw.kind.must_be_understood() => fields.malformed = fields.malformed.or(Some(raw.kind)),
                // One that may be ignored is.
                Err(_) => {}
            }
        }
        fields
    }

    fn take(&mut self, attribute: Attribute<'a>, value_at: usize) {
        match attribute {
            Attribute::MappedAddress(address) => self.mapped = Some(address),
            Attribute::XorMappedAddress(address) => self.xor_mapped = Some(address),
            Attribute::XorPeerAddress(address) => self.peers.push(address),
            Attribute::XorRelayedAddress(address) => self.relayed = Some(address),
            Attribute::AlternateServer(address) => self.alternate = Some(address),
            Attribute::ResponseOrigin(address) => self.origin = Some(address),
            Attribute::OtherAddress(address) => self.other_address = Some(address),
            Attribute::ChangeRequest { ip, port } => self.change = Some((ip, port)),
            Attribute::ResponsePort(port) => self.response_port = Some(port),
            Attribute::Username(name) => self.username = Some(name),
            Attribute::UserHash(hash) => self.userhash = Some(hash),
            Attribute::Realm(realm) => self.realm = Some(realm),
            Attribute::Nonce(nonce) => self.nonce = Some(nonce),
            Attribute::PasswordAlgorithm(algorithm) => self.algorithm = Some(algorithm),
            Attribute::PasswordAlgorithms(list) => self.algorithms = Some(list),
            Attribute::MessageIntegrity(_) => self.has_integrity = true,
            Attribute::MessageIntegritySha256(_) => self.has_integrity_sha256 = true,
            Attribute::Fingerprint(_) => self.has_fingerprint = true,
            Attribute::Error(code, _) => self.error = Some(code),
            Attribute::Priority(priority) => self.priority = Some(priority),
            Attribute::UseCandidate => self.use_candidate = true,
            Attribute::IceControlled(tie) => self.controlled = Some(tie),
            Attribute::IceControlling(tie) => self.controlling = Some(tie),
            Attribute::ChannelNumber(number) => self.channel = Some(number),
            Attribute::Lifetime(seconds) => self.lifetime = Some(seconds),
            Attribute::Data(data) => self.data = Some((value_at, data.len())),
            Attribute::EvenPort(reserve) => self.even_port = Some(reserve),
            Attribute::RequestedTransport(protocol) => self.transport = Some(protocol),
            Attribute::DontFragment => self.dont_fragment = true,
            Attribute::ReservationToken(token) => self.token = Some(token),
            Attribute::RequestedAddressFamily(family) => self.family = Some(family),
            Attribute::UnknownAttributes(_) | Attribute::Software(_) => {}
            Attribute::Other(kind, _) if kind.must_be_understood() => self.unknown.push(kind),
            Attribute::Other(..) => {}
        }
    }

    /// True if a key can be checked.
    pub fn has_any_integrity(&self) -> bool {
        self.has_integrity || self.has_integrity_sha256
    }
}
