//! Numbers that IANA assigns for TLS, with their names, and what follows from them: lengths of keys,
//! shares and digests.
//!
//! A number without a name here is kept as it is: a peer may offer anything.

use std::fmt;

/// Declares a number, its constants and their names.
macro_rules! codes {
    ($(#[$meta:meta])* $kind:ident($number:ty) { $($constant:ident = $value:literal, $name:literal;)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub struct $kind(pub $number);

        impl $kind {
            $(
                #[doc = concat!("`", $name, "`, ", stringify!($value), ".")]
                pub const $constant: Self = Self($value);
            )*

            /// The name as registered; `unknown` for numbers without a name here.
            pub const fn name(self) -> &'static str {
                match self.0 {
                    $($value => $name,)*
                    _ => "unknown",
                }
            }
        }

        /// The name; the number as well where there is none.
        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.name() {
                    "unknown" => write!(f, "unknown {:#x}", self.0),
                    name => f.write_str(name),
                }
            }
        }
    };
}

codes! {
    /// What a record carries (RFC 8446 §5.1).
    ContentType(u8) {
        CHANGE_CIPHER_SPEC = 20, "change_cipher_spec";
        ALERT = 21, "alert";
        HANDSHAKE = 22, "handshake";
        APPLICATION_DATA = 23, "application_data";
    }
}

codes! {
    /// Which handshake message (RFC 8446 §4, RFC 5246 §7.4, RFC 5077 §3.3, RFC 6066 §8, RFC 8879 §4).
    HandshakeType(u8) {
        HELLO_REQUEST = 0, "hello_request";
        CLIENT_HELLO = 1, "client_hello";
        SERVER_HELLO = 2, "server_hello";
        HELLO_VERIFY_REQUEST = 3, "hello_verify_request";
        NEW_SESSION_TICKET = 4, "new_session_ticket";
        END_OF_EARLY_DATA = 5, "end_of_early_data";
        ENCRYPTED_EXTENSIONS = 8, "encrypted_extensions";
        CERTIFICATE = 11, "certificate";
        SERVER_KEY_EXCHANGE = 12, "server_key_exchange";
        CERTIFICATE_REQUEST = 13, "certificate_request";
        SERVER_HELLO_DONE = 14, "server_hello_done";
        CERTIFICATE_VERIFY = 15, "certificate_verify";
        CLIENT_KEY_EXCHANGE = 16, "client_key_exchange";
        FINISHED = 20, "finished";
        CERTIFICATE_STATUS = 22, "certificate_status";
        KEY_UPDATE = 24, "key_update";
        COMPRESSED_CERTIFICATE = 25, "compressed_certificate";
        MESSAGE_HASH = 254, "message_hash";
    }
}

codes! {
    /// A protocol version, as in hellos, `supported_versions` and record headers (RFC 8446 §4.2.1).
    Version(u16) {
        TLS10 = 0x0301, "TLS 1.0";
        TLS11 = 0x0302, "TLS 1.1";
        TLS12 = 0x0303, "TLS 1.2";
        TLS13 = 0x0304, "TLS 1.3";
    }
}

codes! {
    /// A cipher suite (RFC 8446 §B.4, RFC 5289 §3.2, RFC 7905 §2).
    CipherSuite(u16) {
        AES_128_GCM_SHA256 = 0x1301, "TLS_AES_128_GCM_SHA256";
        AES_256_GCM_SHA384 = 0x1302, "TLS_AES_256_GCM_SHA384";
        CHACHA20_POLY1305_SHA256 = 0x1303, "TLS_CHACHA20_POLY1305_SHA256";
        ECDHE_ECDSA_AES_128_GCM_SHA256 = 0xc02b, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256";
        ECDHE_ECDSA_AES_256_GCM_SHA384 = 0xc02c, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384";
        ECDHE_RSA_AES_128_GCM_SHA256 = 0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256";
        ECDHE_RSA_AES_256_GCM_SHA384 = 0xc030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384";
        ECDHE_RSA_CHACHA20_POLY1305 = 0xcca8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256";
        ECDHE_ECDSA_CHACHA20_POLY1305 = 0xcca9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256";
        EMPTY_RENEGOTIATION_INFO_SCSV = 0x00ff, "TLS_EMPTY_RENEGOTIATION_INFO_SCSV";
    }
}

codes! {
    /// A group for key exchange (RFC 8446 §4.2.7, RFC 8422 §5.1.1, draft-ietf-tls-ecdhe-mlkem §3).
    Group(u16) {
        SECP256R1 = 0x0017, "secp256r1";
        SECP384R1 = 0x0018, "secp384r1";
        X25519 = 0x001d, "x25519";
        SECP256R1MLKEM768 = 0x11eb, "SecP256r1MLKEM768";
        X25519MLKEM768 = 0x11ec, "X25519MLKEM768";
    }
}

codes! {
    /// How something is signed (RFC 8446 §4.2.3; ML-DSA: draft-ietf-tls-mldsa §3).
    SignatureScheme(u16) {
        RSA_PKCS1_SHA256 = 0x0401, "rsa_pkcs1_sha256";
        ECDSA_SECP256R1_SHA256 = 0x0403, "ecdsa_secp256r1_sha256";
        RSA_PKCS1_SHA384 = 0x0501, "rsa_pkcs1_sha384";
        ECDSA_SECP384R1_SHA384 = 0x0503, "ecdsa_secp384r1_sha384";
        RSA_PKCS1_SHA512 = 0x0601, "rsa_pkcs1_sha512";
        ECDSA_SECP521R1_SHA512 = 0x0603, "ecdsa_secp521r1_sha512";
        RSA_PSS_RSAE_SHA256 = 0x0804, "rsa_pss_rsae_sha256";
        RSA_PSS_RSAE_SHA384 = 0x0805, "rsa_pss_rsae_sha384";
        RSA_PSS_RSAE_SHA512 = 0x0806, "rsa_pss_rsae_sha512";
        ED25519 = 0x0807, "ed25519";
        MLDSA44 = 0x0904, "mldsa44";
        MLDSA65 = 0x0905, "mldsa65";
        MLDSA87 = 0x0906, "mldsa87";
    }
}

codes! {
    /// Why a connection ends (RFC 8446 §6, RFC 5246 §7.2).
    AlertDescription(u8) {
        CLOSE_NOTIFY = 0, "close_notify";
        UNEXPECTED_MESSAGE = 10, "unexpected_message";
        BAD_RECORD_MAC = 20, "bad_record_mac";
        RECORD_OVERFLOW = 22, "record_overflow";
        HANDSHAKE_FAILURE = 40, "handshake_failure";
        BAD_CERTIFICATE = 42, "bad_certificate";
        UNSUPPORTED_CERTIFICATE = 43, "unsupported_certificate";
        CERTIFICATE_REVOKED = 44, "certificate_revoked";
        CERTIFICATE_EXPIRED = 45, "certificate_expired";
        CERTIFICATE_UNKNOWN = 46, "certificate_unknown";
        ILLEGAL_PARAMETER = 47, "illegal_parameter";
        UNKNOWN_CA = 48, "unknown_ca";
        ACCESS_DENIED = 49, "access_denied";
        DECODE_ERROR = 50, "decode_error";
        DECRYPT_ERROR = 51, "decrypt_error";
        PROTOCOL_VERSION = 70, "protocol_version";
        INSUFFICIENT_SECURITY = 71, "insufficient_security";
        INTERNAL_ERROR = 80, "internal_error";
        INAPPROPRIATE_FALLBACK = 86, "inappropriate_fallback";
        USER_CANCELED = 90, "user_canceled";
        NO_RENEGOTIATION = 100, "no_renegotiation";
        MISSING_EXTENSION = 109, "missing_extension";
        UNSUPPORTED_EXTENSION = 110, "unsupported_extension";
        UNRECOGNIZED_NAME = 112, "unrecognized_name";
        BAD_CERTIFICATE_STATUS_RESPONSE = 113, "bad_certificate_status_response";
        UNKNOWN_PSK_IDENTITY = 115, "unknown_psk_identity";
        CERTIFICATE_REQUIRED = 116, "certificate_required";
        NO_APPLICATION_PROTOCOL = 120, "no_application_protocol";
    }
}

codes! {
    /// How a certificate message is compressed (RFC 8879 §7.3).
    CertificateCompression(u16) {
        ZLIB = 1, "zlib";
        BROTLI = 2, "brotli";
        ZSTD = 3, "zstd";
    }
}

codes! {
    /// How a pre-shared key may be used (RFC 8446 §4.2.9).
    PskMode(u8) {
        PSK_KE = 0, "psk_ke";
        PSK_DHE_KE = 1, "psk_dhe_ke";
    }
}

codes! {
    /// Which extension (RFC 8446 §4.2 and the RFCs named there; RFC 7627, RFC 7685, RFC 8879, RFC 5077, RFC 5746).
    ExtensionType(u16) {
        SERVER_NAME = 0, "server_name";
        STATUS_REQUEST = 5, "status_request";
        SUPPORTED_GROUPS = 10, "supported_groups";
        EC_POINT_FORMATS = 11, "ec_point_formats";
        SIGNATURE_ALGORITHMS = 13, "signature_algorithms";
        ALPN = 16, "application_layer_protocol_negotiation";
        PADDING = 21, "padding";
        EXTENDED_MASTER_SECRET = 23, "extended_master_secret";
        COMPRESS_CERTIFICATE = 27, "compress_certificate";
        SESSION_TICKET = 35, "session_ticket";
        PRE_SHARED_KEY = 41, "pre_shared_key";
        EARLY_DATA = 42, "early_data";
        SUPPORTED_VERSIONS = 43, "supported_versions";
        COOKIE = 44, "cookie";
        PSK_KEY_EXCHANGE_MODES = 45, "psk_key_exchange_modes";
        KEY_SHARE = 51, "key_share";
        RENEGOTIATION_INFO = 0xff01, "renegotiation_info";
    }
}

/// A hash of a cipher suite: for transcripts, HKDF or the PRF.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Hash {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
}

impl Hash {
    /// Length of a digest \[bytes\].
    #[expect(clippy::len_without_is_empty, reason = "no digest is empty")]
    pub const fn len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
        }
    }
}

/// What protects records (RFC 8446 §B.4).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Aead {
    /// AES-GCM with a key of 128 bits.
    Aes128Gcm,
    /// AES-GCM with a key of 256 bits.
    Aes256Gcm,
    /// ChaCha20-Poly1305 (RFC 8439).
    ChaCha20Poly1305,
}

impl Aead {
    /// Length of a nonce, and so of the write IV of TLS 1.3 \[bytes\] (RFC 8446 §5.3).
    pub const NONCE_LEN: usize = 12;
    /// Length of the authentication tag \[bytes\].
    pub const TAG_LEN: usize = 16;

    /// Length of the key \[bytes\].
    pub const fn key_len(self) -> usize {
        match self {
            Self::Aes128Gcm => 16,
            Self::Aes256Gcm | Self::ChaCha20Poly1305 => 32,
        }
    }

    /// Length of the IV that TLS 1.2 takes from its key block \[bytes\]: the salt of GCM (RFC 5288 §3), all of
    /// the nonce of ChaCha20-Poly1305 (RFC 7905 §2).
    pub const fn fixed_iv_len(self) -> usize {
        Self::NONCE_LEN - self.explicit_nonce_len()
    }

    /// Length of the part of the nonce that TLS 1.2 sends in each record \[bytes\] (RFC 5288 §3, RFC 7905 §2).
    pub const fn explicit_nonce_len(self) -> usize {
        match self {
            Self::Aes128Gcm | Self::Aes256Gcm => 8,
            Self::ChaCha20Poly1305 => 0,
        }
    }
}

impl CipherSuite {
    /// Its hash; `None` for what is not a cipher suite known here.
    pub const fn hash(self) -> Option<Hash> {
        match self {
            Self::AES_256_GCM_SHA384 | Self::ECDHE_ECDSA_AES_256_GCM_SHA384 | Self::ECDHE_RSA_AES_256_GCM_SHA384 => {
                Some(Hash::Sha384)
            }
            _ => match self.aead() {
                Some(_) => Some(Hash::Sha256),
                None => None,
            },
        }
    }

    /// Its cipher; `None` for what is not a cipher suite known here.
    pub const fn aead(self) -> Option<Aead> {
        match self {
            Self::AES_128_GCM_SHA256 | Self::ECDHE_ECDSA_AES_128_GCM_SHA256 | Self::ECDHE_RSA_AES_128_GCM_SHA256 => {
                Some(Aead::Aes128Gcm)
            }
            Self::AES_256_GCM_SHA384 | Self::ECDHE_ECDSA_AES_256_GCM_SHA384 | Self::ECDHE_RSA_AES_256_GCM_SHA384 => {
                Some(Aead::Aes256Gcm)
            }
            Self::CHACHA20_POLY1305_SHA256
            | Self::ECDHE_ECDSA_CHACHA20_POLY1305
            | Self::ECDHE_RSA_CHACHA20_POLY1305 => Some(Aead::ChaCha20Poly1305),
            _ => None,
        }
    }

    /// True for the suites of TLS 1.3, which leave key exchange and signature open (RFC 8446 §B.4).
    pub const fn is_tls13(self) -> bool {
        matches!(self, Self::AES_128_GCM_SHA256 | Self::AES_256_GCM_SHA384 | Self::CHACHA20_POLY1305_SHA256)
    }
}

/// Length of an ML-KEM-768 encapsulation key \[bytes\] (FIPS 203 §8, table 3).
const ML_KEM_768_KEY_LEN: usize = 1184;
/// Length of an ML-KEM-768 ciphertext \[bytes\] (FIPS 203 §8, table 3).
const ML_KEM_768_CIPHERTEXT_LEN: usize = 1088;

impl Group {
    /// True for those of a curve and ML-KEM together, which TLS 1.2 cannot use (draft-ietf-tls-ecdhe-mlkem).
    pub const fn is_hybrid(self) -> bool {
        matches!(self, Self::X25519MLKEM768 | Self::SECP256R1MLKEM768)
    }

    /// Length of the share that a client sends \[bytes\]; `None` for groups not known here.
    pub const fn client_share_len(self) -> Option<usize> {
        self.share_len(ML_KEM_768_KEY_LEN)
    }

    /// Length of the share that a server answers with \[bytes\]; `None` for groups not known here.
    pub const fn server_share_len(self) -> Option<usize> {
        self.share_len(ML_KEM_768_CIPHERTEXT_LEN)
    }

    /// Curve points are uncompressed (RFC 8446 §4.2.8.2); a hybrid share has a part of each kind.
    const fn share_len(self, ml_kem: usize) -> Option<usize> {
        match self {
            Self::X25519 => Some(32),
            Self::SECP256R1 => Some(65),
            Self::SECP384R1 => Some(97),
            Self::X25519MLKEM768 => Some(ml_kem + 32),
            Self::SECP256R1MLKEM768 => Some(ml_kem + 65),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hybrid_shares_have_the_lengths_of_the_draft() {
        // draft-ietf-tls-ecdhe-mlkem §3: 1216 and 1120 bytes; with P-256: 1249 and 1153.
        assert_eq!(Group::X25519MLKEM768.client_share_len(), Some(1216));
        assert_eq!(Group::X25519MLKEM768.server_share_len(), Some(1120));
        assert_eq!(Group::SECP256R1MLKEM768.client_share_len(), Some(1249));
        assert_eq!(Group::SECP256R1MLKEM768.server_share_len(), Some(1153));
        assert_eq!(Group(0x0101).client_share_len(), None);
    }

    #[test]
    fn suites_say_their_hash_and_cipher() {
        assert_eq!(CipherSuite::AES_256_GCM_SHA384.hash(), Some(Hash::Sha384));
        assert_eq!(CipherSuite::ECDHE_RSA_CHACHA20_POLY1305.hash(), Some(Hash::Sha256));
        assert_eq!(CipherSuite::ECDHE_RSA_AES_256_GCM_SHA384.aead().map(Aead::key_len), Some(32));
        assert_eq!(CipherSuite::EMPTY_RENEGOTIATION_INFO_SCSV.hash(), None);
        assert!(!CipherSuite::ECDHE_RSA_AES_256_GCM_SHA384.is_tls13());
        assert_eq!(Aead::Aes128Gcm.fixed_iv_len(), 4);
        assert_eq!(Aead::ChaCha20Poly1305.fixed_iv_len(), 12);
    }

    #[test]
    fn a_number_without_a_name_is_written_as_number() {
        assert_eq!(AlertDescription::DECODE_ERROR.to_string(), "decode_error");
        assert_eq!(CipherSuite(0x1a1a).to_string(), "unknown 0x1a1a");
    }
}
