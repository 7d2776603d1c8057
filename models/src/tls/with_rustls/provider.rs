//! What rustls computes with: our key exchange and ciphers, `sha2` and `hmac`, and luck from the seed of the run.

use super::call::with;
use crate::tls::codes::{Aead, CipherSuite, Group};
use crate::tls::crypto::{Cipher, KeyPair, Mode, respond};
use bytes::Bytes;
use hmac::{KeyInit, Mac};
use rustls::crypto::cipher::{
    AeadKey, InboundOpaqueMessage, InboundPlainMessage, Iv, KeyBlockShape, MessageDecrypter, MessageEncrypter, Nonce,
    OutboundOpaqueMessage, OutboundPlainMessage, PrefixedPayload, Tls12AeadAlgorithm, Tls13AeadAlgorithm,
    UnsupportedOperationError, make_tls12_aad, make_tls13_aad,
};
use rustls::crypto::hash::{Context, Hash, HashAlgorithm, Output};
use rustls::crypto::hmac::{Hmac, Key, Tag};
use rustls::crypto::tls12::PrfUsingHmac;
use rustls::crypto::tls13::HkdfUsingHmac;
use rustls::crypto::{
    ActiveKeyExchange, CipherSuiteCommon, CompletedKeyExchange, CryptoProvider, GetRandomFailed, KeyExchangeAlgorithm,
    KeyProvider, SecureRandom, SharedSecret, SupportedKxGroup, WebPkiSupportedAlgorithms,
};
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::SigningKey;
use rustls::{
    ConnectionTrafficSecrets, ContentType, Error, NamedGroup, PeerMisbehaved, ProtocolVersion, SignatureScheme,
    SupportedCipherSuite, Tls12CipherSuite, Tls13CipherSuite,
};
use sha2::{Digest, Sha256, Sha384};
use std::sync::Arc;

/// A provider with these suites and groups, the preferred ones first; those that are not known here are left out.
pub(super) fn provider(suites: &[CipherSuite], groups: &[Group]) -> CryptoProvider {
    let known = |code: &CipherSuite| SUITES.iter().copied().find(|suite| u16::from(suite.suite()) == code.0);
    let group = |code: &Group| GROUPS.iter().find(|group| group.0 == *code);
    CryptoProvider {
        cipher_suites: suites.iter().filter_map(known).collect(),
        kx_groups: groups.iter().filter_map(group).map(|group| group as &dyn SupportedKxGroup).collect(),
        // Of no use: who checks signatures is `auth`.
        signature_verification_algorithms: WebPkiSupportedAlgorithms { all: &[], mapping: &[] },
        secure_random: &Luck,
        key_provider: &NoKeys,
    }
}

// Randomness and keys.

#[derive(Debug)]
struct Luck;

impl SecureRandom for Luck {
    fn fill(&self, out: &mut [u8]) -> Result<(), GetRandomFailed> {
        with(|call| call.luck.fill(out)).ok_or(GetRandomFailed)
    }
}

/// Keys are never read from files here.
#[derive(Debug)]
struct NoKeys;

impl KeyProvider for NoKeys {
    fn load_private_key(&self, _: PrivateKeyDer<'static>) -> Result<Arc<dyn SigningKey>, Error> {
        Err(Error::General("keys are made, not read".to_owned()))
    }
}

// Key exchange.

static GROUPS: [KeyExchange; 5] = [
    KeyExchange(Group::X25519),
    KeyExchange(Group::SECP256R1),
    KeyExchange(Group::SECP384R1),
    KeyExchange(Group::X25519MLKEM768),
    KeyExchange(Group::SECP256R1MLKEM768),
];

#[derive(Debug)]
struct KeyExchange(Group);

impl SupportedKxGroup for KeyExchange {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let pair = with(|call| KeyPair::generate(Mode::Real, self.0, call.luck.stream())).ok_or(GetRandomFailed)?;
        Ok(Box::new(Started { public: pair.public(), pair }))
    }

    fn start_and_complete(&self, peer: &[u8]) -> Result<CompletedKeyExchange, Error> {
        let answer = with(|call| respond(Mode::Real, self.0, peer, call.luck.stream())).ok_or(GetRandomFailed)?;
        let (public, secret) = answer.map_err(|_| PeerMisbehaved::InvalidKeyShare)?;
        let (group, pub_key) = (self.name(), public.to_vec());
        Ok(CompletedKeyExchange { group, pub_key, secret: SharedSecret::from(secret.as_slice()) })
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::from(self.0.0)
    }

    fn usable_for_version(&self, version: ProtocolVersion) -> bool {
        !self.0.is_hybrid() || version == ProtocolVersion::TLSv1_3
    }
}

struct Started {
    pair: KeyPair,
    public: Bytes,
}

fn agreed(pair: &KeyPair, peer: &[u8]) -> Result<SharedSecret, Error> {
    let secret = pair.agree(peer).map_err(|_| PeerMisbehaved::InvalidKeyShare)?;
    Ok(SharedSecret::from(secret.as_slice()))
}

impl ActiveKeyExchange for Started {
    fn complete(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
        agreed(&self.pair, peer)
    }

    /// The curve's share of a hybrid is offered by itself too, as rustls does with `aws-lc-rs`.
    fn hybrid_component(&self) -> Option<(NamedGroup, &[u8])> {
        let at = self.public.len().checked_sub(32)?;
        (self.pair.group() == Group::X25519MLKEM768).then(|| (NamedGroup::X25519, &self.public[at..]))
    }

    fn complete_hybrid_component(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
        agreed(&self.pair.curve_alone(), peer)
    }

    fn pub_key(&self) -> &[u8] {
        &self.public
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::from(self.pair.group().0)
    }
}

// Hashes.

struct Hashing<D>(std::marker::PhantomData<fn() -> D>);

static SHA256: Hashing<Sha256> = Hashing(std::marker::PhantomData);
static SHA384: Hashing<Sha384> = Hashing(std::marker::PhantomData);

trait Named: Digest + Clone + Send + Sync + 'static {
    const ALGORITHM: HashAlgorithm;

    fn mac(key: &[u8], parts: &[&[u8]]) -> Tag;
}

impl Named for Sha256 {
    const ALGORITHM: HashAlgorithm = HashAlgorithm::SHA256;

    fn mac(key: &[u8], parts: &[&[u8]]) -> Tag {
        mac_of(hmac::Hmac::<Self>::new_from_slice(key).expect("any length will do"), parts)
    }
}

impl Named for Sha384 {
    const ALGORITHM: HashAlgorithm = HashAlgorithm::SHA384;

    fn mac(key: &[u8], parts: &[&[u8]]) -> Tag {
        mac_of(hmac::Hmac::<Self>::new_from_slice(key).expect("any length will do"), parts)
    }
}

fn mac_of<M: Mac>(mut mac: M, parts: &[&[u8]]) -> Tag {
    parts.iter().for_each(|part| mac.update(part));
    Tag::new(&mac.finalize().into_bytes())
}

impl<D: Named> Hash for Hashing<D> {
    fn start(&self) -> Box<dyn Context> {
        Box::new(Digesting(D::new()))
    }

    fn hash(&self, data: &[u8]) -> Output {
        Output::new(&D::digest(data))
    }

    fn output_len(&self) -> usize {
        <D as Digest>::output_size()
    }

    fn algorithm(&self) -> HashAlgorithm {
        D::ALGORITHM
    }
}

struct Digesting<D>(D);

impl<D: Named> Context for Digesting<D> {
    fn fork_finish(&self) -> Output {
        Output::new(&self.0.clone().finalize())
    }

    fn fork(&self) -> Box<dyn Context> {
        Box::new(Self(self.0.clone()))
    }

    fn finish(self: Box<Self>) -> Output {
        Output::new(&self.0.finalize())
    }

    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }
}

impl<D: Named> Hmac for Hashing<D> {
    fn with_key(&self, key: &[u8]) -> Box<dyn Key> {
        Box::new(MacKey::<D>(key.to_vec(), std::marker::PhantomData))
    }

    fn hash_output_len(&self) -> usize {
        <D as Digest>::output_size()
    }
}

struct MacKey<D>(Vec<u8>, std::marker::PhantomData<fn() -> D>);

impl<D: Named> Key for MacKey<D> {
    fn sign_concat(&self, first: &[u8], middle: &[&[u8]], last: &[u8]) -> Tag {
        let parts: Vec<&[u8]> =
            std::iter::once(first).chain(middle.iter().copied()).chain(std::iter::once(last)).collect();
        D::mac(&self.0, &parts)
    }

    fn tag_len(&self) -> usize {
        <D as Digest>::output_size()
    }
}

// Records.

/// How a cipher is used in both versions.
struct Algorithm(Aead);

impl Algorithm {
    fn key(&self, is_13: bool, key: &AeadKey, iv: Iv) -> Box<RecordKey> {
        Box::new(RecordKey { is_13, aead: self.0, cipher: Cipher::new(Mode::Real, self.0, key.as_ref(), &[]), iv })
    }

    /// Salt of the key block, and what is mixed with sequence numbers.
    fn iv_12(&self, fixed: &[u8], explicit: &[u8]) -> Iv {
        let mut iv = [0; 12];
        iv[..fixed.len()].copy_from_slice(fixed);
        iv[fixed.len()..fixed.len() + explicit.len()].copy_from_slice(explicit);
        Iv::new(iv)
    }
}

impl Tls13AeadAlgorithm for Algorithm {
    fn encrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageEncrypter> {
        self.key(true, &key, iv)
    }

    fn decrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageDecrypter> {
        self.key(true, &key, iv)
    }

    fn key_len(&self) -> usize {
        self.0.key_len()
    }

    fn extract_keys(&self, _: AeadKey, _: Iv) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        Err(UnsupportedOperationError)
    }
}

impl Tls12AeadAlgorithm for Algorithm {
    fn encrypter(&self, key: AeadKey, iv: &[u8], extra: &[u8]) -> Box<dyn MessageEncrypter> {
        self.key(false, &key, self.iv_12(iv, extra))
    }

    fn decrypter(&self, key: AeadKey, iv: &[u8]) -> Box<dyn MessageDecrypter> {
        self.key(false, &key, self.iv_12(iv, &[]))
    }

    fn key_block_shape(&self) -> KeyBlockShape {
        KeyBlockShape {
            enc_key_len: self.0.key_len(),
            fixed_iv_len: self.0.fixed_iv_len(),
            explicit_nonce_len: self.0.explicit_nonce_len(),
        }
    }

    fn extract_keys(
        &self,
        _: AeadKey,
        _: &[u8],
        _: &[u8],
    ) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        Err(UnsupportedOperationError)
    }
}

/// The key of one direction.
struct RecordKey {
    is_13: bool,
    aead: Aead,
    cipher: Cipher,
    iv: Iv,
}

impl RecordKey {
    fn explicit(&self) -> usize {
        if self.is_13 { 0 } else { self.aead.explicit_nonce_len() }
    }
}

impl MessageEncrypter for RecordKey {
    fn encrypt(&mut self, message: OutboundPlainMessage<'_>, sequence: u64) -> Result<OutboundOpaqueMessage, Error> {
        if message.typ == ContentType::Alert {
            let alert = message.payload.to_vec().get(1).copied();
            with(|call| call.told.alert = alert);
        }
        let len = message.payload.len();
        let total = self.encrypted_payload_len(len);
        let nonce = Nonce::new(&self.iv, sequence).0;
        let mut payload = PrefixedPayload::with_capacity(total);
        let explicit = self.explicit();
        payload.extend_from_slice(&nonce[12 - explicit..]);
        payload.extend_from_chunks(&message.payload);
        let (kind, version) = if self.is_13 {
            payload.extend_from_slice(&[message.typ.into()]);
            (ContentType::ApplicationData, ProtocolVersion::TLSv1_2)
        } else {
            (message.typ, message.version)
        };
        let text = &mut payload.as_mut()[explicit..];
        let tag = if self.is_13 {
            self.cipher.encrypt(&nonce, &make_tls13_aad(total), text)
        } else {
            self.cipher.encrypt(&nonce, &make_tls12_aad(sequence, kind, version, len), text)
        };
        payload.extend_from_slice(&tag);
        Ok(OutboundOpaqueMessage::new(kind, version, payload))
    }

    fn encrypted_payload_len(&self, len: usize) -> usize {
        self.explicit() + len + usize::from(self.is_13) + Aead::TAG_LEN
    }
}

impl MessageDecrypter for RecordKey {
    fn decrypt<'a>(
        &mut self,
        mut message: InboundOpaqueMessage<'a>,
        sequence: u64,
    ) -> Result<InboundPlainMessage<'a>, Error> {
        let explicit = self.explicit();
        let total = message.payload.len();
        let len = total.checked_sub(explicit + Aead::TAG_LEN).ok_or(Error::DecryptError)?;
        let mut nonce = Nonce::new(&self.iv, sequence).0;
        // What the sender says (RFC 5288 §3).
        nonce[12 - explicit..].copy_from_slice(&message.payload[..explicit]);
        let (kind, version) = (message.typ, message.version);
        let (text, tag) = message.payload[explicit..].split_at_mut(len);
        let tag = <[u8; Aead::TAG_LEN]>::try_from(&*tag).map_err(|_| Error::DecryptError)?;
        let is_good = if self.is_13 {
            self.cipher.decrypt(&nonce, &make_tls13_aad(total), text, &tag)
        } else {
            self.cipher.decrypt(&nonce, &make_tls12_aad(sequence, kind, version, len), text, &tag)
        };
        if !is_good {
            return Err(Error::DecryptError);
        }
        if self.is_13 {
            message.payload.truncate(len);
            return message.into_tls13_unpadded_message();
        }
        if len > 1 << 14 {
            return Err(Error::PeerSentOversizedRecord);
        }
        Ok(message.into_plain_message_range(explicit..explicit + len))
    }
}

// Suites.

static AES128: Algorithm = Algorithm(Aead::Aes128Gcm);
static AES256: Algorithm = Algorithm(Aead::Aes256Gcm);
static CHACHA20: Algorithm = Algorithm(Aead::ChaCha20Poly1305);

/// Records under one key (RFC 8446 §5.5), as rustls has it for its own providers.
const GCM_RECORDS: u64 = 1 << 24;

const fn common(suite: rustls::CipherSuite, hash: &'static dyn Hash, limit: u64) -> CipherSuiteCommon {
    CipherSuiteCommon { suite, hash_provider: hash, confidentiality_limit: limit }
}

static TLS13_AES_128: Tls13CipherSuite = Tls13CipherSuite {
    common: common(rustls::CipherSuite::TLS13_AES_128_GCM_SHA256, &SHA256, GCM_RECORDS),
    hkdf_provider: &HkdfUsingHmac(&SHA256),
    aead_alg: &AES128,
    quic: None,
};
static TLS13_AES_256: Tls13CipherSuite = Tls13CipherSuite {
    common: common(rustls::CipherSuite::TLS13_AES_256_GCM_SHA384, &SHA384, GCM_RECORDS),
    hkdf_provider: &HkdfUsingHmac(&SHA384),
    aead_alg: &AES256,
    quic: None,
};
static TLS13_CHACHA20: Tls13CipherSuite = Tls13CipherSuite {
    common: common(rustls::CipherSuite::TLS13_CHACHA20_POLY1305_SHA256, &SHA256, u64::MAX),
    hkdf_provider: &HkdfUsingHmac(&SHA256),
    aead_alg: &CHACHA20,
    quic: None,
};

const ECDSA: &[SignatureScheme] = &[SignatureScheme::ECDSA_NISTP256_SHA256];
const RSA: &[SignatureScheme] = &[SignatureScheme::RSA_PSS_SHA256, SignatureScheme::RSA_PKCS1_SHA256];

const fn suite_12(
    common: CipherSuiteCommon,
    sign: &'static [SignatureScheme],
    aead_alg: &'static Algorithm,
    prf_provider: &'static dyn rustls::crypto::tls12::Prf,
) -> Tls12CipherSuite {
    Tls12CipherSuite { common, prf_provider, kx: KeyExchangeAlgorithm::ECDHE, sign, aead_alg }
}

static PRF_SHA256: PrfUsingHmac<'static> = PrfUsingHmac(&SHA256);
static PRF_SHA384: PrfUsingHmac<'static> = PrfUsingHmac(&SHA384);

static ECDSA_AES_128: Tls12CipherSuite = suite_12(
    common(rustls::CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, &SHA256, GCM_RECORDS),
    ECDSA,
    &AES128,
    &PRF_SHA256,
);
static ECDSA_AES_256: Tls12CipherSuite = suite_12(
    common(rustls::CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, &SHA384, GCM_RECORDS),
    ECDSA,
    &AES256,
    &PRF_SHA384,
);
static ECDSA_CHACHA20: Tls12CipherSuite = suite_12(
    common(rustls::CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, &SHA256, u64::MAX),
    ECDSA,
    &CHACHA20,
    &PRF_SHA256,
);
static RSA_AES_128: Tls12CipherSuite = suite_12(
    common(rustls::CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, &SHA256, GCM_RECORDS),
    RSA,
    &AES128,
    &PRF_SHA256,
);
static RSA_AES_256: Tls12CipherSuite = suite_12(
    common(rustls::CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, &SHA384, GCM_RECORDS),
    RSA,
    &AES256,
    &PRF_SHA384,
);
static RSA_CHACHA20: Tls12CipherSuite = suite_12(
    common(rustls::CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, &SHA256, u64::MAX),
    RSA,
    &CHACHA20,
    &PRF_SHA256,
);

static SUITES: [SupportedCipherSuite; 9] = [
    SupportedCipherSuite::Tls13(&TLS13_AES_128),
    SupportedCipherSuite::Tls13(&TLS13_AES_256),
    SupportedCipherSuite::Tls13(&TLS13_CHACHA20),
    SupportedCipherSuite::Tls12(&ECDSA_AES_128),
    SupportedCipherSuite::Tls12(&ECDSA_AES_256),
    SupportedCipherSuite::Tls12(&ECDSA_CHACHA20),
    SupportedCipherSuite::Tls12(&RSA_AES_128),
    SupportedCipherSuite::Tls12(&RSA_AES_256),
    SupportedCipherSuite::Tls12(&RSA_CHACHA20),
];
