//! Numbers of DTLS, beside those of TLS in [`tls::codes`](crate::tls::codes), and the cipher suites that are known here.

use crate::tls::codes::{CipherSuite, ContentType, ExtensionType, HandshakeType, Hash, Version};

/// DTLS 1.0, which the records of a first hello and HelloVerifyRequest may name (RFC 6347 §4.2.1).
pub const DTLS10: Version = Version(0xfeff);
/// DTLS 1.2 (RFC 6347).
pub const DTLS12: Version = Version(0xfefd);
/// DTLS 1.3 (RFC 9147).
pub const DTLS13: Version = Version(0xfefc);

/// A record with a connection id, of DTLS 1.2 (RFC 9146 §4).
pub const TLS12_CID: ContentType = ContentType(25);
/// What has come (RFC 9147 §7).
pub const ACK: ContentType = ContentType(26);

/// The extension `connection_id` (RFC 9146 §3).
pub const CONNECTION_ID: ExtensionType = ExtensionType(54);

/// The peer is to give more connection ids (RFC 9147 §9).
pub const REQUEST_CONNECTION_ID: HandshakeType = HandshakeType(9);
/// More connection ids (RFC 9147 §9).
pub const NEW_CONNECTION_ID: HandshakeType = HandshakeType(10);

/// The hash of all suites that are known here.
pub const HASH: Hash = Hash::Sha256;

/// A cipher suite. All have AES-128 and SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Suite {
    /// `TLS_PSK_WITH_AES_128_CCM_8` (RFC 6655): what CoAP has to know (RFC 7252 §9.1.3.1).
    PskAes128Ccm8,
    /// `TLS_PSK_WITH_AES_128_GCM_SHA256` (RFC 5487).
    PskAes128Gcm,
    /// `TLS_ECDHE_PSK_WITH_AES_128_CCM_8_SHA256` (RFC 8442).
    EcdhePskAes128Ccm8,
    /// `TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256` (RFC 8442).
    EcdhePskAes128Gcm,
    /// `TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8` (RFC 7251): for CoAP with certificates (RFC 7252 §9.1.3.3).
    EcdsaAes128Ccm8,
    /// `TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256` (RFC 5289).
    EcdsaAes128Gcm,
    /// `TLS_AES_128_GCM_SHA256`, of DTLS 1.3.
    Aes128Gcm,
    /// `TLS_AES_128_CCM_SHA256`, of DTLS 1.3.
    Aes128Ccm,
    /// `TLS_AES_128_CCM_8_SHA256`, of DTLS 1.3, which RFC 9147 §4.5.3 has only with guards against forgery.
    Aes128Ccm8,
}

/// How keys are agreed on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyExchange {
    /// A key that both have (RFC 4279 §2).
    Psk,
    /// Such a key, and an ephemeral one (RFC 5489).
    EcdhePsk,
    /// An ephemeral key that a certificate's signs (RFC 8422).
    Ecdsa,
    /// As extensions say (RFC 8446).
    Tls13,
}

/// What protects records.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Aead {
    /// AES-128-GCM.
    Gcm,
    /// AES-128-CCM.
    Ccm,
    /// AES-128-CCM with a tag of 8 bytes.
    Ccm8,
}

impl Aead {
    /// Length of a key \[bytes\].
    pub const KEY_LEN: usize = 16;
    /// Length of a nonce \[bytes\].
    pub const NONCE_LEN: usize = 12;
    /// Length of the part of the nonce that stands in each record of DTLS 1.2 \[bytes\] (RFC 5288 §3, RFC 6655 §3).
    pub const EXPLICIT_LEN: usize = 8;
    /// Length of the rest of it, from the key block \[bytes\].
    pub const SALT_LEN: usize = Self::NONCE_LEN - Self::EXPLICIT_LEN;

    /// Length of a tag \[bytes\].
    pub const fn tag_len(self) -> usize {
        match self {
            Self::Gcm | Self::Ccm => 16,
            Self::Ccm8 => 8,
        }
    }

    /// What sealing and opening are called on a device that takes time for them.
    pub const fn operations(self) -> (&'static str, &'static str) {
        match self {
            Self::Gcm => ("tls.aes128-gcm.seal", "tls.aes128-gcm.open"),
            Self::Ccm | Self::Ccm8 => ("dtls.aes128-ccm.seal", "dtls.aes128-ccm.open"),
        }
    }
}

impl Suite {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::PskAes128Ccm8,
        Self::PskAes128Gcm,
        Self::EcdhePskAes128Ccm8,
        Self::EcdhePskAes128Gcm,
        Self::EcdsaAes128Ccm8,
        Self::EcdsaAes128Gcm,
        Self::Aes128Gcm,
        Self::Aes128Ccm,
        Self::Aes128Ccm8,
    ];

    /// Its number.
    pub const fn code(self) -> CipherSuite {
        CipherSuite(match self {
            Self::PskAes128Ccm8 => 0xc0a8,
            Self::PskAes128Gcm => 0x00a8,
            Self::EcdhePskAes128Ccm8 => 0xd003,
            Self::EcdhePskAes128Gcm => 0xd001,
            Self::EcdsaAes128Ccm8 => 0xc0ae,
            Self::EcdsaAes128Gcm => 0xc02b,
            Self::Aes128Gcm => 0x1301,
            Self::Aes128Ccm => 0x1304,
            Self::Aes128Ccm8 => 0x1305,
        })
    }

    /// The one with this number.
    pub fn of(code: CipherSuite) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.code() == code)
    }

    /// Its cipher.
    pub const fn aead(self) -> Aead {
        match self {
            Self::PskAes128Ccm8 | Self::EcdhePskAes128Ccm8 | Self::EcdsaAes128Ccm8 | Self::Aes128Ccm8 => Aead::Ccm8,
            Self::Aes128Ccm => Aead::Ccm,
            _ => Aead::Gcm,
        }
    }

    /// How it agrees on keys.
    pub const fn exchange(self) -> KeyExchange {
        match self {
            Self::PskAes128Ccm8 | Self::PskAes128Gcm => KeyExchange::Psk,
            Self::EcdhePskAes128Ccm8 | Self::EcdhePskAes128Gcm => KeyExchange::EcdhePsk,
            Self::EcdsaAes128Ccm8 | Self::EcdsaAes128Gcm => KeyExchange::Ecdsa,
            Self::Aes128Gcm | Self::Aes128Ccm | Self::Aes128Ccm8 => KeyExchange::Tls13,
        }
    }

    /// The version that it belongs to.
    pub const fn version(self) -> Version {
        match self.exchange() {
            KeyExchange::Tls13 => DTLS13,
            _ => DTLS12,
        }
    }
}
