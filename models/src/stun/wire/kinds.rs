//! Numbers of the registries of STUN and TURN, with their names.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// A method: 12 bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Method(pub u16);

/// What a message is for (RFC 8489 §5).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Class {
    /// Wants a response.
    Request,
    /// Wants none.
    Indication,
    /// The request was done.
    Success,
    /// It was not.
    Error,
}

/// Class and method in one: the first 16 bits of a message.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct MessageType {
    /// Its class.
    pub class: Class,
    /// Its method.
    pub method: Method,
}

/// 96 bits that the client draws for each transaction.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TransactionId(pub [u8; 12]);

/// The type of an attribute. Below 0x8000 it must be understood by who reads the message.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AttributeType(pub u16);

/// A number of ERROR-CODE, 300 to 699.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ErrorCode(pub u16);

/// A family of addresses, as REQUESTED-ADDRESS-FAMILY has it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Family(pub u8);

impl Method {
    /// Asks which address a request came from (RFC 8489).
    pub const BINDING: Self = Self(0x001);
    /// Asks for a relayed address (RFC 8656).
    pub const ALLOCATE: Self = Self(0x003);
    /// Asks for more time, or gives the relayed address back.
    pub const REFRESH: Self = Self(0x004);
    /// Data for a peer.
    pub const SEND: Self = Self(0x006);
    /// Data from a peer.
    pub const DATA: Self = Self(0x007);
    /// Lets peers send to the relayed address.
    pub const CREATE_PERMISSION: Self = Self(0x008);
    /// Ties a channel to a peer.
    pub const CHANNEL_BIND: Self = Self(0x009);
}

impl MessageType {
    /// Of this class and method.
    pub const fn new(class: Class, method: Method) -> Self {
        Self { class, method }
    }

    /// Class and method lie between each other (RFC 8489 §5, Figure 3).
    pub const fn bits(self) -> u16 {
        let (method, class) = (self.method.0, self.class.bits());
        (method & 0xf80) << 2 | (method & 0x70) << 1 | method & 0xf | (class & 2) << 7 | (class & 1) << 4
    }

    /// `None` if one of the first two bits is set.
    pub const fn from_bits(bits: u16) -> Option<Self> {
        if bits & 0xc000 != 0 {
            return None;
        }
        let method = (bits & 0x3e00) >> 2 | (bits & 0xe0) >> 1 | bits & 0xf;
        let class = match (bits & 0x100 != 0, bits & 0x10 != 0) {
            (false, false) => Class::Request,
            (false, true) => Class::Indication,
            (true, false) => Class::Success,
            (true, true) => Class::Error,
        };
        Some(Self { class, method: Method(method) })
    }
}

impl Class {
    const fn bits(self) -> u16 {
        match self {
            Self::Request => 0,
            Self::Indication => 1,
            Self::Success => 2,
            Self::Error => 3,
        }
    }
}

impl TransactionId {
    /// From two draws of 64 bits, of which 96 are used.
    pub fn from_draws(first: u64, second: u64) -> Self {
        let mut id = [0; 12];
        id[..8].copy_from_slice(&first.to_be_bytes());
        id[8..].copy_from_slice(&second.to_be_bytes()[..4]);
        Self(id)
    }
}

impl fmt::Debug for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TransactionId(")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}

macro_rules! attribute_types {
    ($($name:ident $text:literal $value:literal;)*) => {
        impl AttributeType {
            $(
                #[doc = $text]
                pub const $name: Self = Self($value);
            )*

            /// Its name in the registry, if it is known here.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some($text),)*
                    _ => None,
                }
            }
        }
    };
}

attribute_types! {
    MAPPED_ADDRESS "MAPPED-ADDRESS" 0x0001;
    CHANGE_REQUEST "CHANGE-REQUEST" 0x0003;
    USERNAME "USERNAME" 0x0006;
    MESSAGE_INTEGRITY "MESSAGE-INTEGRITY" 0x0008;
    ERROR_CODE "ERROR-CODE" 0x0009;
    UNKNOWN_ATTRIBUTES "UNKNOWN-ATTRIBUTES" 0x000a;
    CHANNEL_NUMBER "CHANNEL-NUMBER" 0x000c;
    LIFETIME "LIFETIME" 0x000d;
    XOR_PEER_ADDRESS "XOR-PEER-ADDRESS" 0x0012;
    DATA "DATA" 0x0013;
    REALM "REALM" 0x0014;
    NONCE "NONCE" 0x0015;
    XOR_RELAYED_ADDRESS "XOR-RELAYED-ADDRESS" 0x0016;
    REQUESTED_ADDRESS_FAMILY "REQUESTED-ADDRESS-FAMILY" 0x0017;
    EVEN_PORT "EVEN-PORT" 0x0018;
    REQUESTED_TRANSPORT "REQUESTED-TRANSPORT" 0x0019;
    DONT_FRAGMENT "DONT-FRAGMENT" 0x001a;
    MESSAGE_INTEGRITY_SHA256 "MESSAGE-INTEGRITY-SHA256" 0x001c;
    PASSWORD_ALGORITHM "PASSWORD-ALGORITHM" 0x001d;
    USERHASH "USERHASH" 0x001e;
    XOR_MAPPED_ADDRESS "XOR-MAPPED-ADDRESS" 0x0020;
    RESERVATION_TOKEN "RESERVATION-TOKEN" 0x0022;
    PRIORITY "PRIORITY" 0x0024;
    USE_CANDIDATE "USE-CANDIDATE" 0x0025;
    RESPONSE_PORT "RESPONSE-PORT" 0x0027;
    PASSWORD_ALGORITHMS "PASSWORD-ALGORITHMS" 0x8002;
    SOFTWARE "SOFTWARE" 0x8022;
    ALTERNATE_SERVER "ALTERNATE-SERVER" 0x8023;
    FINGERPRINT "FINGERPRINT" 0x8028;
    ICE_CONTROLLED "ICE-CONTROLLED" 0x8029;
    ICE_CONTROLLING "ICE-CONTROLLING" 0x802a;
    RESPONSE_ORIGIN "RESPONSE-ORIGIN" 0x802b;
    OTHER_ADDRESS "OTHER-ADDRESS" 0x802c;
}

impl AttributeType {
    /// True if a message with it cannot be used by who does not know it (RFC 8489 §14).
    pub const fn must_be_understood(self) -> bool {
        self.0 < 0x8000
    }
}

impl fmt::Debug for AttributeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "AttributeType({:#06x})", self.0),
        }
    }
}

macro_rules! error_codes {
    ($($name:ident $value:literal $reason:literal;)*) => {
        impl ErrorCode {
            $(
                #[doc = $reason]
                pub const $name: Self = Self($value);
            )*

            /// The phrase that goes with it.
            pub const fn reason(self) -> &'static str {
                match self.0 {
                    $($value => $reason,)*
                    _ => "",
                }
            }
        }
    };
}

// RFC 8489 §14.8, RFC 8656 §19, RFC 8445 §16.2.
error_codes! {
    TRY_ALTERNATE 300 "Try Alternate";
    BAD_REQUEST 400 "Bad Request";
    UNAUTHENTICATED 401 "Unauthenticated";
    FORBIDDEN 403 "Forbidden";
    UNKNOWN_ATTRIBUTE 420 "Unknown Attribute";
    ALLOCATION_MISMATCH 437 "Allocation Mismatch";
    STALE_NONCE 438 "Stale Nonce";
    ADDRESS_FAMILY_NOT_SUPPORTED 440 "Address Family not Supported";
    WRONG_CREDENTIALS 441 "Wrong Credentials";
    UNSUPPORTED_TRANSPORT 442 "Unsupported Transport Protocol";
    PEER_FAMILY_MISMATCH 443 "Peer Address Family Mismatch";
    ALLOCATION_QUOTA_REACHED 486 "Allocation Quota Reached";
    ROLE_CONFLICT 487 "Role Conflict";
    SERVER_ERROR 500 "Server Error";
    INSUFFICIENT_CAPACITY 508 "Insufficient Capacity";
}

impl Family {
    /// IPv4.
    pub const V4: Self = Self(1);
    /// IPv6.
    pub const V6: Self = Self(2);

    /// Of an address.
    pub const fn of(ip: IpAddr) -> Self {
        if ip.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    /// Of the address in a socket's address.
    pub const fn of_socket(address: SocketAddr) -> Self {
        Self::of(address.ip())
    }
}
