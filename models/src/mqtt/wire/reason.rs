//! Reason codes of 5.0 (§2.4), with the packets in which they stand, and the return codes of 3.1.1.

use super::Place;
use Place::{Auth, Connack, Disconnect, Puback, Pubcomp, Pubrec, Pubrel, Suback, Unsuback};

/// Makes the enumeration, the way back from a byte, and the table of packets.
macro_rules! reason_codes {
    ($($(#[$doc:meta])+ $name:ident = $code:literal in [$($place:ident)+];)+) => {
        /// What became of a request, or why a connection ends (v5 §2.4). From 0x80 on it is a failure.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u8)]
        pub enum ReasonCode {
            $($(#[$doc])+ $name = $code,)+
        }

        impl ReasonCode {
            /// All of them, in order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The one with this number; `None` if none has it.
            pub const fn from_u8(code: u8) -> Option<Self> {
                match code {
                    $($code => Some(Self::$name),)+
                    _ => None,
                }
            }

            /// Whether it may stand in such a packet (the table of v5 §2.4).
            pub const fn is_allowed_in(self, place: Place) -> bool {
                let places = match self {
                    $(Self::$name => $($place.bit())|+,)+
                };
                places & place.bit() != 0
            }
        }
    };
}

reason_codes! {
    /// Success; a normal end of a connection; QoS 0 is granted.
    Success = 0x00 in [Connack Puback Pubrec Pubrel Pubcomp Suback Unsuback Disconnect Auth];
    /// QoS 1 is granted.
    GrantedQos1 = 0x01 in [Suback];
    /// QoS 2 is granted.
    GrantedQos2 = 0x02 in [Suback];
    /// The client goes, and its will is to be published.
    DisconnectWithWill = 0x04 in [Disconnect];
    /// Nobody has subscribed to the topic.
    NoMatchingSubscribers = 0x10 in [Puback Pubrec];
    /// There was no such subscription.
    NoSubscriptionExisted = 0x11 in [Unsuback];
    /// Authentication goes on.
    ContinueAuthentication = 0x18 in [Auth];
    /// Authentication begins anew.
    ReAuthenticate = 0x19 in [Auth];
    /// A failure that is not said.
    UnspecifiedError = 0x80 in [Connack Puback Pubrec Suback Unsuback Disconnect];
    /// A packet cannot be parsed.
    MalformedPacket = 0x81 in [Connack Disconnect];
    /// A packet that can be parsed is not allowed, or not now.
    ProtocolError = 0x82 in [Connack Disconnect];
    /// Valid, but not for this implementation.
    ImplementationSpecificError = 0x83 in [Connack Puback Pubrec Suback Unsuback Disconnect];
    /// The version is not served.
    UnsupportedProtocolVersion = 0x84 in [Connack];
    /// The client identifier is not allowed.
    ClientIdentifierNotValid = 0x85 in [Connack];
    /// User name or password are not accepted.
    BadUserNameOrPassword = 0x86 in [Connack];
    /// Not authorized.
    NotAuthorized = 0x87 in [Connack Puback Pubrec Suback Unsuback Disconnect];
    /// The server is not available.
    ServerUnavailable = 0x88 in [Connack];
    /// The server is busy.
    ServerBusy = 0x89 in [Connack Disconnect];
    /// The client is banned.
    Banned = 0x8a in [Connack];
    /// The server goes down.
    ServerShuttingDown = 0x8b in [Disconnect];
    /// The authentication method is not supported, or not the one in use.
    BadAuthenticationMethod = 0x8c in [Connack Disconnect];
    /// Nothing has come for one and a half times the keep alive.
    KeepAliveTimeout = 0x8d in [Disconnect];
    /// Another connection has the same client identifier.
    SessionTakenOver = 0x8e in [Disconnect];
    /// A filter is formed correctly and not accepted.
    TopicFilterInvalid = 0x8f in [Suback Unsuback Disconnect];
    /// A topic is formed correctly and not accepted.
    TopicNameInvalid = 0x90 in [Connack Puback Pubrec Disconnect];
    /// The packet identifier is in use.
    PacketIdentifierInUse = 0x91 in [Puback Pubrec Suback Unsuback];
    /// The packet identifier is not known: no error while a session is recovered.
    PacketIdentifierNotFound = 0x92 in [Pubrel Pubcomp];
    /// More messages without an answer than the receive maximum.
    ReceiveMaximumExceeded = 0x93 in [Disconnect];
    /// A topic alias is 0, too large or not known.
    TopicAliasInvalid = 0x94 in [Disconnect];
    /// A packet is larger than the maximum packet size.
    PacketTooLarge = 0x95 in [Connack Disconnect];
    /// Messages come too fast.
    MessageRateTooHigh = 0x96 in [Disconnect];
    /// A limit was reached.
    QuotaExceeded = 0x97 in [Connack Puback Pubrec Suback Disconnect];
    /// An administrator has done it.
    AdministrativeAction = 0x98 in [Disconnect];
    /// The payload is not of the format that is indicated.
    PayloadFormatInvalid = 0x99 in [Connack Puback Pubrec Disconnect];
    /// Messages cannot be retained.
    RetainNotSupported = 0x9a in [Connack Disconnect];
    /// The QoS is above the maximum QoS.
    QosNotSupported = 0x9b in [Connack Disconnect];
    /// Another server is to be used for now.
    UseAnotherServer = 0x9c in [Connack Disconnect];
    /// Another server is to be used for good.
    ServerMoved = 0x9d in [Connack Disconnect];
    /// There are no shared subscriptions.
    SharedSubscriptionsNotSupported = 0x9e in [Suback Disconnect];
    /// Connections come too fast.
    ConnectionRateExceeded = 0x9f in [Connack Disconnect];
    /// The time for which a connection is authorized has passed.
    MaximumConnectTime = 0xa0 in [Disconnect];
    /// There are no subscription identifiers.
    SubscriptionIdentifiersNotSupported = 0xa1 in [Suback Disconnect];
    /// There are no wildcards.
    WildcardSubscriptionsNotSupported = 0xa2 in [Suback Disconnect];
}

impl ReasonCode {
    /// Its number.
    pub const fn as_u8(self) -> u8 {
        self as u8
    }

    /// Whether it says that something has failed.
    pub const fn is_failure(self) -> bool {
        self.as_u8() >= 0x80
    }

    /// The return code of a CONNACK of 3.1.1 (§3.2.2.3); `None` where none fits: the server closes without a CONNACK then
    /// (3.1.1 \[MQTT-3.2.2-6\]).
    pub const fn connect_return_code(self) -> Option<u8> {
        Some(match self {
            Self::Success => 0,
            Self::UnsupportedProtocolVersion => 1,
            Self::ClientIdentifierNotValid => 2,
            Self::ServerUnavailable => 3,
            Self::BadUserNameOrPassword => 4,
            Self::NotAuthorized => 5,
            _ => return None,
        })
    }

    /// What a return code of a CONNACK of 3.1.1 says; `None` for reserved ones.
    pub const fn from_connect_return_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::Success,
            1 => Self::UnsupportedProtocolVersion,
            2 => Self::ClientIdentifierNotValid,
            3 => Self::ServerUnavailable,
            4 => Self::BadUserNameOrPassword,
            5 => Self::NotAuthorized,
            _ => return None,
        })
    }
}
