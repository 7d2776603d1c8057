//! Keys of certificates, what they sign, and how that is checked.

use super::der::{self, Reader};
use super::oid;
use crate::tls::codes::SignatureScheme;
use crate::tls::crypto::{Generator, Mixer, Mode, filler};
use bytes::Bytes;
use ml_dsa::{ExpandedSigningKey, KeyExport, MlDsa44, MlDsa65, MlDsa87};
use p256::ecdsa::signature::Verifier;
use p256::ecdsa::signature::hazmat::{PrehashVerifier, RandomizedPrehashSigner};
use rsa::traits::PublicKeyParts;
use sha2::{Digest, Sha256, Sha384, Sha512};
use std::fmt;

/// What keys a chain of certificates has; all of it has the same.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
pub enum CertificateKind {
    /// ECDSA on P-256 (RFC 5480), signed with SHA-256 (RFC 5758 §3.2).
    EcdsaP256,
    /// RSA with 2048 bits (RFC 3279 §2.3.1), signed by PKCS #1 v1.5 with SHA-256 (RFC 4055 §5).
    Rsa2048,
    /// ML-DSA-44 (RFC 9881).
    MlDsa44,
    /// ML-DSA-65 (RFC 9881).
    MlDsa65,
    /// ML-DSA-87 (RFC 9881).
    MlDsa87,
}

impl CertificateKind {
    /// True for ML-DSA, which is for TLS 1.3 alone (draft-ietf-tls-mldsa §3.3).
    pub const fn is_post_quantum(self) -> bool {
        matches!(self, Self::MlDsa44 | Self::MlDsa65 | Self::MlDsa87)
    }

    /// The schemes that such a key signs handshakes with, the preferred one first; PKCS #1 v1.5 is for TLS 1.2 alone
    /// (RFC 8446 §4.2.3), ML-DSA for TLS 1.3.
    pub const fn schemes(self) -> &'static [SignatureScheme] {
        match self {
            Self::EcdsaP256 => &[SignatureScheme::ECDSA_SECP256R1_SHA256],
            Self::Rsa2048 => &[SignatureScheme::RSA_PSS_RSAE_SHA256, SignatureScheme::RSA_PKCS1_SHA256],
            Self::MlDsa44 => &[SignatureScheme::MLDSA44],
            Self::MlDsa65 => &[SignatureScheme::MLDSA65],
            Self::MlDsa87 => &[SignatureScheme::MLDSA87],
        }
    }

    /// Further schemes that others may sign with and that are checked where they are computed: none of ours does. In TLS 1.2 those of ECDSA say nothing of
    /// the curve (RFC 8446 §4.2.3), in TLS 1.3 they do ([`SignatureScheme::is_of_tls12_alone`]).
    const fn foreign_schemes(self) -> &'static [SignatureScheme] {
        match self {
            Self::EcdsaP256 => &[SignatureScheme::ECDSA_SECP384R1_SHA384, SignatureScheme::ECDSA_SECP521R1_SHA512],
            Self::Rsa2048 => &[
                SignatureScheme::RSA_PKCS1_SHA384,
                SignatureScheme::RSA_PKCS1_SHA512,
                SignatureScheme::RSA_PSS_RSAE_SHA384,
                SignatureScheme::RSA_PSS_RSAE_SHA512,
            ],
            Self::MlDsa44 | Self::MlDsa65 | Self::MlDsa87 => &[],
        }
    }

    /// The scheme that certificates are signed with.
    pub(super) const fn certificate_scheme(self) -> SignatureScheme {
        match self {
            Self::Rsa2048 => SignatureScheme::RSA_PKCS1_SHA256,
            _ => self.schemes()[0],
        }
    }

    /// `AlgorithmIdentifier` of a signature.
    pub(super) fn signature_algorithm(self) -> Vec<u8> {
        let null: &[u8] = if self == Self::Rsa2048 { &[5, 0] } else { &[] };
        der::sequence(&[&der::node(der::OID, &[self.signature_oid()]), null])
    }

    const fn signature_oid(self) -> &'static [u8] {
        match self {
            Self::EcdsaP256 => oid::ECDSA_WITH_SHA256,
            Self::Rsa2048 => oid::SHA256_WITH_RSA,
            Self::MlDsa44 => oid::ML_DSA_44,
            Self::MlDsa65 => oid::ML_DSA_65,
            Self::MlDsa87 => oid::ML_DSA_87,
        }
    }

    /// The kind whose certificates are signed with this scheme.
    pub(super) fn of_scheme(scheme: SignatureScheme) -> Option<Self> {
        [Self::EcdsaP256, Self::Rsa2048, Self::MlDsa44, Self::MlDsa65, Self::MlDsa87]
            .into_iter()
            .find(|kind| kind.certificate_scheme() == scheme)
    }

    /// The kind whose certificates are signed so; `None` for what is not known here.
    pub(super) fn of_signature_algorithm(algorithm: &[u8]) -> Option<Self> {
        let algorithm = Reader::new(algorithm).contents(der::OID)?;
        [Self::EcdsaP256, Self::Rsa2048, Self::MlDsa44, Self::MlDsa65, Self::MlDsa87]
            .into_iter()
            .find(|kind| kind.signature_oid() == algorithm)
    }

    /// Length of a signature \[bytes\] whose length is fixed; 0 for ECDSA.
    pub(super) const fn signature_len(self) -> usize {
        self.lens().1
    }

    /// Length of an ML-DSA public key, and of a signature \[bytes\] (FIPS 204 §4, table 2; RSA: the modulus).
    const fn lens(self) -> (usize, usize) {
        match self {
            Self::EcdsaP256 => (64, 0),
            Self::Rsa2048 => (256, 256),
            Self::MlDsa44 => (1312, 2420),
            Self::MlDsa65 => (1952, 3309),
            Self::MlDsa87 => (2592, 4627),
        }
    }
}

/// How long the two numbers of an ECDSA signature on P-256 are in DER \[bytes\].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct EcdsaShape {
    r: u8,
    s: u8,
}

impl EcdsaShape {
    /// Of signatures in certificates: 71 bytes, the most frequent length.
    pub(super) const TYPICAL: Self = Self { r: 33, s: 32 };

    /// As long as those of real signatures are, from one draw. Both numbers are uniform below the order of the curve,
    /// which is 2^256 but for one part in 2^32. DER wants a bit of sign in front: 33 bytes for half of them, 32 bytes
    /// unless the first 9 bits are zero, 31 unless 17 are. Below 69 bytes, which two in 10^5 are, 69 is taken: real
    /// signatures are made until the length fits.
    pub(super) fn draw(draw: u64) -> Self {
        let len = |bits: u32| match bits.leading_zeros() {
            0 => 33,
            zeros => 32 - (zeros - 1) as u8 / 8,
        };
        let (r, s) = (len((draw >> 32) as u32), len(draw as u32));
        if r + s < 63 { Self { r: 31, s: 32 } } else { Self { r, s } }
    }

    /// Length of the signature \[bytes\].
    pub(super) const fn len(self) -> usize {
        6 + self.r as usize + self.s as usize
    }
}

/// A key pair.
pub(super) struct Key {
    kind: CertificateKind,
    /// The bits of the SubjectPublicKeyInfo.
    public: Bytes,
    private: Private,
}

enum Private {
    Sized,
    Ecdsa(p256::ecdsa::SigningKey),
    Rsa(Box<rsa::PrivateKey>),
    MlDsa44(Box<ExpandedSigningKey<MlDsa44>>),
    MlDsa65(Box<ExpandedSigningKey<MlDsa65>>),
    MlDsa87(Box<ExpandedSigningKey<MlDsa87>>),
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// Points on P-256, twice to five times the base point: a key of [`Mode::Sized`] is one of them, so that programs that
/// read certificates find a point on the curve.
const POINTS: [&str; 4] = [
    "7cf27b188d034f7e8a52380304b51ac3c08969e277f21b35a60b48fc4766997807775510db8ed040293d9ac69f7430dbba7dade63ce982299e04b79d227873d1",
    "5ecbe4d1a6330a44c8f7ef951d4bf165e6c6b721efada985fb41661bc6e7fd6c8734640c4998ff7e374b06ce1a64a2ecd82ab036384fb83d9a79b127a27d5032",
    "e2534a3532d08fbba02dde659ee62bd0031fe2db785596ef509302446b030852e0f1575a4c633cc719dfee5fda862d764efc96c3f30ee0055c42c23f184ed8c6",
    "51590b7a515140d2d784c85608668fdfef8c82fd1f5be52421554a0dc3d033ede0c17da8904a727d8ae1bf36bf8a79260d012f00d4d80888d1d0bb44fda16da4",
];

impl Key {
    /// A new key, all of it from one draw. In [`Mode::Sized`] keys at four neighbouring places of a chain (`depth`)
    /// differ, as those of a chain do, so that nothing in it can be compressed away.
    pub(super) fn generate(mode: Mode, kind: CertificateKind, depth: usize, draw: u64) -> Self {
        let (public, private) = match mode {
            Mode::Sized => (placeholder_key(kind, depth, draw), Private::Sized),
            Mode::Real => generate(kind, &mut Generator::new(draw)),
        };
        Self { kind, public: public.into(), private }
    }

    /// The bits of the SubjectPublicKeyInfo.
    pub(super) fn public(&self) -> &Bytes {
        &self.public
    }

    /// The part of the public key that cannot be foreseen.
    pub(super) fn opaque(&self) -> Bytes {
        match self.kind {
            CertificateKind::EcdsaP256 => self.public.slice(1..),
            // Behind the headers of SEQUENCE and INTEGER and the zero byte of the sign, before the exponent.
            CertificateKind::Rsa2048 => self.public.slice(9..9 + 256),
            _ => self.public.clone(),
        }
    }

    /// SubjectPublicKeyInfo (RFC 5280 §4.1.2.7).
    pub(super) fn info(&self) -> Vec<u8> {
        let algorithm = match self.kind {
            CertificateKind::EcdsaP256 => {
                [der::node(der::OID, &[oid::EC_PUBLIC_KEY]), der::node(der::OID, &[oid::PRIME256V1])].concat()
            }
            CertificateKind::Rsa2048 => [der::node(der::OID, &[oid::RSA_ENCRYPTION]), vec![5, 0]].concat(),
            kind => der::node(der::OID, &[kind.signature_oid()]),
        };
        der::sequence(&[&der::sequence(&[&algorithm]), &der::bit_string(&self.public)])
    }

    /// Signs `message`. What cannot be chosen freely follows from `draw`; in [`Mode::Sized`] all of it follows from
    /// `signer`, by which others know this key, and the message.
    pub(super) fn sign(
        &self,
        scheme: SignatureScheme,
        signer: &[u8],
        message: &[u8],
        shape: EcdsaShape,
        draw: u64,
    ) -> Bytes {
        const SIGNS: &str = "a key that was generated here can sign";
        let mut generator = Generator::new(draw);
        let signature = match &self.private {
            Private::Sized => placeholder_signature(self.kind, seed(signer, scheme, message), shape),
            Private::Ecdsa(key) => sign_ecdsa(key, message, shape, &mut generator),
            Private::Rsa(key) if scheme == SignatureScheme::RSA_PKCS1_SHA256 => {
                key.pkcs1v15_sign::<Sha256>(message).expect(SIGNS)
            }
            Private::Rsa(key) => key.pss_sign_with_rng::<Sha256, _>(&mut generator, message).expect(SIGNS),
            Private::MlDsa44(key) => key.sign_randomized(message, &[], &mut generator).expect(SIGNS).encode().to_vec(),
            Private::MlDsa65(key) => key.sign_randomized(message, &[], &mut generator).expect(SIGNS).encode().to_vec(),
            Private::MlDsa87(key) => key.sign_randomized(message, &[], &mut generator).expect(SIGNS).encode().to_vec(),
        };
        signature.into()
    }
}

fn generate(kind: CertificateKind, generator: &mut Generator) -> (Vec<u8>, Private) {
    match kind {
        CertificateKind::EcdsaP256 => loop {
            // All but one in 2^32 are below the order of the curve.
            if let Ok(key) = p256::ecdsa::SigningKey::from_slice(&generator.bytes::<32>()) {
                break (key.verifying_key().to_sec1_point(false).as_bytes().to_vec(), Private::Ecdsa(key));
            }
        },
        CertificateKind::Rsa2048 => {
            let key =
                rsa::PrivateKey::new(generator, 2048).expect("2048 bits are enough, and the generator never fails");
            (rsa_public(&key.n_bytes(), &key.e_bytes()), Private::Rsa(Box::new(key)))
        }
        CertificateKind::MlDsa44 => {
            let key = Box::new(ExpandedSigningKey::<MlDsa44>::from_seed(&generator.bytes().into()));
            (key.verifying_key().to_bytes().to_vec(), Private::MlDsa44(key))
        }
        CertificateKind::MlDsa65 => {
            let key = Box::new(ExpandedSigningKey::<MlDsa65>::from_seed(&generator.bytes().into()));
            (key.verifying_key().to_bytes().to_vec(), Private::MlDsa65(key))
        }
        CertificateKind::MlDsa87 => {
            let key = Box::new(ExpandedSigningKey::<MlDsa87>::from_seed(&generator.bytes().into()));
            (key.verifying_key().to_bytes().to_vec(), Private::MlDsa87(key))
        }
    }
}

/// RSAPublicKey (RFC 8017 §A.1.1).
fn rsa_public(n: &[u8], e: &[u8]) -> Vec<u8> {
    der::sequence(&[&der::integer(n), &der::integer(e)])
}

/// Signs again and again until the signature is as long as it has to be: two or three times for the usual lengths.
/// With (r, s) also (r, -s) is a signature.
fn sign_ecdsa(key: &p256::ecdsa::SigningKey, message: &[u8], shape: EcdsaShape, generator: &mut Generator) -> Vec<u8> {
    let digest = Sha256::digest(message);
    loop {
        let signature: p256::ecdsa::Signature =
            key.sign_prehash_with_rng(generator, &digest).expect("a digest of 32 bytes can be signed");
        let (r, s) = signature.split_scalars();
        for s in [s, -s] {
            let der = der::sequence(&[&der::integer(&r.to_bytes()), &der::integer(&s.to_bytes())]);
            if der.len() == shape.len() {
                return der;
            }
        }
    }
}

/// What a signature of [`Mode::Sized`] follows from.
fn seed(signer: &[u8], scheme: SignatureScheme, message: &[u8]) -> u64 {
    let mut mixer = Mixer::default();
    mixer.write(&(signer.len() as u64).to_le_bytes());
    mixer.write(&scheme.0.to_le_bytes());
    mixer.write(signer);
    mixer.write(message);
    mixer.finish()
}

fn placeholder_key(kind: CertificateKind, depth: usize, draw: u64) -> Vec<u8> {
    if kind == CertificateKind::EcdsaP256 {
        let point = POINTS[depth % POINTS.len()].as_bytes();
        let digit = |digit: u8| (digit as char).to_digit(16).unwrap_or(0) as u8;
        let pairs = point.chunks_exact(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1]));
        return std::iter::once(4).chain(pairs).collect();
    }
    let mut key = vec![0; kind.lens().0];
    filler(draw, &mut key);
    if kind == CertificateKind::Rsa2048 {
        // A modulus has all of its bits, and is odd.
        key[0] |= 0x80;
        key[255] |= 1;
        return rsa_public(&key, &[1, 0, 1]);
    }
    key
}

fn placeholder_signature(kind: CertificateKind, seed: u64, shape: EcdsaShape) -> Vec<u8> {
    if kind != CertificateKind::EcdsaP256 {
        let mut signature = vec![0; kind.lens().1];
        filler(seed, &mut signature);
        return signature;
    }
    let number = |seed: u64, len: u8| {
        let mut number = vec![0; usize::from(len).min(32)];
        filler(seed, &mut number);
        // So that it takes this many bytes and no other number of them.
        number[0] = if len == 33 { number[0] | 0x80 } else { number[0] & 0x7f | 1 };
        der::integer(&number)
    };
    der::sequence(&[&number(seed, shape.r), &number(!seed, shape.s)])
}

/// The two numbers of an ECDSA signature (RFC 5480 §2.2.3 in RFC 3279), without zeros in front.
fn ecdsa_numbers(signature: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut outer = Reader::new(signature);
    let mut inner = Reader::new(outer.contents(der::SEQUENCE)?);
    let (r, s) = (inner.unsigned()?, inner.unsigned()?);
    (outer.is_empty() && inner.is_empty()).then_some((r, s))
}

impl SignatureScheme {
    /// True if no key that we know of signs a handshake of TLS 1.3 by it: there it names another curve, or is PKCS #1 (RFC 8446 §4.2.3).
    pub fn is_of_tls12_alone(self) -> bool {
        let ecdsa = [Self::ECDSA_SECP384R1_SHA384, Self::ECDSA_SECP521R1_SHA512];
        let pkcs1 = [Self::RSA_PKCS1_SHA256, Self::RSA_PKCS1_SHA384, Self::RSA_PKCS1_SHA512];
        ecdsa.contains(&self) || pkcs1.contains(&self)
    }

    /// True for ML-DSA, which has no place in TLS 1.2 (draft-ietf-tls-mldsa §3.3).
    pub fn is_of_tls13_alone(self) -> bool {
        [Self::MLDSA44, Self::MLDSA65, Self::MLDSA87].contains(&self)
    }
}

/// Checks a signature of a key, given as SubjectPublicKeyInfo. See [`Key::sign`] for `signer`.
pub(super) fn verify(
    mode: Mode,
    info: &[u8],
    scheme: SignatureScheme,
    signer: &[u8],
    message: &[u8],
    signature: &[u8],
) -> bool {
    let Some((kind, public)) = read_info(info) else { return false };
    let is_known = kind.schemes().contains(&scheme) || mode == Mode::Real && kind.foreign_schemes().contains(&scheme);
    if !is_known {
        return false;
    }
    let is_valid = match (mode, kind) {
        (Mode::Sized, _) => verify_sized(kind, seed(signer, scheme, message), signature),
        (Mode::Real, CertificateKind::EcdsaP256) => verify_ecdsa(public, scheme, message, signature),
        (Mode::Real, CertificateKind::Rsa2048) => verify_rsa(public, scheme, message, signature),
        (Mode::Real, CertificateKind::MlDsa44) => verify_ml_dsa::<MlDsa44>(public, message, signature),
        (Mode::Real, CertificateKind::MlDsa65) => verify_ml_dsa::<MlDsa65>(public, message, signature),
        (Mode::Real, CertificateKind::MlDsa87) => verify_ml_dsa::<MlDsa87>(public, message, signature),
    };
    is_valid.is_some()
}

/// Kind and bits of a SubjectPublicKeyInfo.
fn read_info(info: &[u8]) -> Option<(CertificateKind, &[u8])> {
    let mut fields = Reader::new(Reader::new(info).contents(der::SEQUENCE)?);
    let mut algorithm = Reader::new(fields.contents(der::SEQUENCE)?);
    let bits = fields.bits()?;
    let kind = match algorithm.contents(der::OID)? {
        oid::EC_PUBLIC_KEY if algorithm.contents(der::OID)? == oid::PRIME256V1 => CertificateKind::EcdsaP256,
        oid::RSA_ENCRYPTION => CertificateKind::Rsa2048,
        oid::ML_DSA_44 => CertificateKind::MlDsa44,
        oid::ML_DSA_65 => CertificateKind::MlDsa65,
        oid::ML_DSA_87 => CertificateKind::MlDsa87,
        _ => return None,
    };
    Some((kind, bits))
}

fn verify_sized(kind: CertificateKind, seed: u64, signature: &[u8]) -> Option<()> {
    let shape = match kind {
        CertificateKind::EcdsaP256 => {
            let (r, s) = ecdsa_numbers(signature)?;
            let len = |number: &[u8]| number.len() as u8 + u8::from(number[0] >= 0x80);
            let (r, s) = (len(r), len(s));
            ((1..=33).contains(&r) && (1..=33).contains(&s)).then_some(EcdsaShape { r, s })?
        }
        _ => EcdsaShape::TYPICAL,
    };
    (placeholder_signature(kind, seed, shape) == signature).then_some(())
}

fn verify_ecdsa(public: &[u8], scheme: SignatureScheme, message: &[u8], signature: &[u8]) -> Option<()> {
    let (r, s) = ecdsa_numbers(signature)?;
    let scalar = |number: &[u8]| {
        let mut out = [0; 32];
        out[32_usize.checked_sub(number.len())?..].copy_from_slice(number);
        Some(out)
    };
    let signature = p256::ecdsa::Signature::from_scalars(scalar(r)?, scalar(s)?).ok()?;
    let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(public).ok()?;
    match scheme {
        SignatureScheme::ECDSA_SECP384R1_SHA384 => key.verify_prehash(&Sha384::digest(message), &signature).ok(),
        SignatureScheme::ECDSA_SECP521R1_SHA512 => key.verify_prehash(&Sha512::digest(message), &signature).ok(),
        _ => key.verify(message, &signature).ok(),
    }
}

fn verify_rsa(public: &[u8], scheme: SignatureScheme, message: &[u8], signature: &[u8]) -> Option<()> {
    let mut numbers = Reader::new(Reader::new(public).contents(der::SEQUENCE)?);
    let number = |bytes: &[u8]| rsa::BoxedUint::from_be_slice_vartime(bytes);
    let key = rsa::PublicKey::new(number(numbers.unsigned()?), number(numbers.unsigned()?)).ok()?;
    match scheme {
        SignatureScheme::RSA_PKCS1_SHA256 => key.pkcs1v15_verify::<Sha256>(message, signature).ok(),
        SignatureScheme::RSA_PKCS1_SHA384 => key.pkcs1v15_verify::<Sha384>(message, signature).ok(),
        SignatureScheme::RSA_PKCS1_SHA512 => key.pkcs1v15_verify::<Sha512>(message, signature).ok(),
        SignatureScheme::RSA_PSS_RSAE_SHA384 => key.pss_verify::<Sha384>(message, signature).ok(),
        SignatureScheme::RSA_PSS_RSAE_SHA512 => key.pss_verify::<Sha512>(message, signature).ok(),
        _ => key.pss_verify::<Sha256>(message, signature).ok(),
    }
}

fn verify_ml_dsa<P: ml_dsa::MlDsaParams>(public: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    let key = ml_dsa::VerifyingKey::<P>::decode(&public.try_into().ok()?);
    let signature = ml_dsa::Signature::<P>::try_from(signature).ok()?;
    key.verify(message, &signature).ok()
}
