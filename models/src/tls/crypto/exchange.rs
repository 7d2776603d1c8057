//! Key exchange: X25519 (RFC 7748), the NIST curves (RFC 8446 §4.2.8.2), and hybrids with ML-KEM-768
//! (draft-ietf-tls-ecdhe-mlkem, FIPS 203).

use super::hash::Mixer;
use super::{Generator, Mode, Secret, filler};
use crate::tls::codes::{AlertDescription, Group};
use bytes::Bytes;
use ml_kem::kem::{Decapsulate, Encapsulate, Kem, KeyExport, KeyInit};
use ml_kem::{DecapsulationKey768, EncapsulationKey768, MlKem768};
use p256::elliptic_curve::sec1::ToSec1Point;
use protosim_core::Stream;

/// Length of an ML-KEM-768 encapsulation key, and of a ciphertext \[bytes\] (FIPS 203 §8).
const KEM_KEY: usize = 1184;
const KEM_CIPHERTEXT: usize = 1088;

/// The private key of a key exchange, and the share that was made of it: of a client, or of a TLS 1.2 server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyPair {
    group: Group,
    public: Bytes,
    private: Private,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Private {
    Sized,
    Real {
        /// The scalar.
        curve: Secret,
        /// The seed of the ML-KEM key of a hybrid (FIPS 203 §7.1: d, then z).
        kem: Option<Secret>,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Curve {
    X25519,
    P256,
    P384,
}

/// What a group consists of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Parts {
    curve: Curve,
    kem: Option<KemPlace>,
}

/// Where ML-KEM's part stands, in shares and in the secret: first beside X25519, last beside P-256
/// (draft-ietf-tls-ecdhe-mlkem §4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum KemPlace {
    First,
    Last,
}

impl Parts {
    fn of(group: Group) -> Option<Self> {
        let (curve, kem) = match group {
            Group::X25519 => (Curve::X25519, None),
            Group::SECP256R1 => (Curve::P256, None),
            Group::SECP384R1 => (Curve::P384, None),
            Group::X25519MLKEM768 => (Curve::X25519, Some(KemPlace::First)),
            Group::SECP256R1MLKEM768 => (Curve::P256, Some(KemPlace::Last)),
            _ => return None,
        };
        Some(Self { curve, kem })
    }

    /// The curve's part of a share, and ML-KEM's, which has `kem_len` bytes if there is one.
    fn split(self, share: &[u8], kem_len: usize) -> Result<(&[u8], &[u8]), AlertDescription> {
        let expected = self.curve.share_len() + if self.kem.is_some() { kem_len } else { 0 };
        if share.len() != expected {
            return Err(AlertDescription::ILLEGAL_PARAMETER);
        }
        Ok(match self.kem {
            None => (share, &[]),
            Some(KemPlace::First) => {
                let (kem, curve) = share.split_at(kem_len);
                (curve, kem)
            }
            Some(KemPlace::Last) => share.split_at(self.curve.share_len()),
        })
    }

    /// Both parts in their order.
    fn join(self, curve: &[u8], kem: &[u8]) -> Bytes {
        match self.kem {
            Some(KemPlace::First) => [kem, curve].concat().into(),
            _ => [curve, kem].concat().into(),
        }
    }

    /// Both secrets in their order.
    fn join_secrets(self, curve: &Secret, kem: &[u8]) -> Secret {
        match self.kem {
            Some(KemPlace::First) => Secret::joined(kem, curve.as_slice()),
            _ => Secret::joined(curve.as_slice(), kem),
        }
    }

    fn secret_len(self) -> usize {
        self.curve.secret_len() + if self.kem.is_some() { 32 } else { 0 }
    }
}

impl Curve {
    const fn share_len(self) -> usize {
        match self {
            Self::X25519 => 32,
            Self::P256 => 65,
            Self::P384 => 97,
        }
    }

    const fn secret_len(self) -> usize {
        match self {
            Self::X25519 | Self::P256 => 32,
            Self::P384 => 48,
        }
    }

    /// A private key and its share.
    fn generate(self, generator: &mut Generator) -> (Secret, Vec<u8>) {
        // Of random bytes nearly all are a scalar of their curve; others are drawn again.
        match self {
            Self::X25519 => {
                let private = generator.bytes::<32>();
                let public = x25519_dalek::PublicKey::from(&x25519_dalek::StaticSecret::from(private));
                (Secret::new(&private), public.as_bytes().to_vec())
            }
            Self::P256 => loop {
                let private = generator.bytes::<32>();
                if let Ok(key) = p256::SecretKey::from_slice(&private) {
                    break (Secret::new(&private), key.public_key().to_sec1_point(false).as_bytes().to_vec());
                }
            },
            Self::P384 => loop {
                let private = generator.bytes::<48>();
                if let Ok(key) = p384::SecretKey::from_slice(&private) {
                    break (Secret::new(&private), key.public_key().to_sec1_point(false).as_bytes().to_vec());
                }
            },
        }
    }

    /// What both sides know; `None` for a share that is no point, or gives away the secret (RFC 8446 §7.4.2).
    fn agree(self, private: &Secret, peer: &[u8]) -> Option<Secret> {
        let private = private.as_slice();
        match self {
            Self::X25519 => {
                let private = x25519_dalek::StaticSecret::from(<[u8; 32]>::try_from(private).ok()?);
                let peer = x25519_dalek::PublicKey::from(<[u8; 32]>::try_from(peer).ok()?);
                let shared = private.diffie_hellman(&peer);
                shared.was_contributory().then(|| Secret::new(shared.as_bytes()))
            }
            // Only uncompressed points: lengths were checked.
            Self::P256 => {
                let private = p256::SecretKey::from_slice(private).ok()?;
                let peer = p256::PublicKey::from_sec1_bytes(peer).ok()?;
                Some(Secret::new(private.diffie_hellman(&peer).raw_secret_bytes()))
            }
            Self::P384 => {
                let private = p384::SecretKey::from_slice(private).ok()?;
                let peer = p384::PublicKey::from_sec1_bytes(peer).ok()?;
                Some(Secret::new(private.diffie_hellman(&peer).raw_secret_bytes()))
            }
        }
    }
}

impl KeyPair {
    /// A new key for `group`. Takes one draw.
    ///
    /// # Panics
    /// If `group` is not one that is known here.
    pub fn generate(mode: Mode, group: Group, luck: &mut Stream) -> Self {
        let parts = Parts::of(group).expect("only groups that are known here are offered");
        let draw = luck.next_u64();
        if mode == Mode::Sized {
            return Self { group, public: placeholder_share(parts, draw, KEM_KEY), private: Private::Sized };
        }
        let mut generator = Generator::new(draw);
        let (curve, curve_share) = parts.curve.generate(&mut generator);
        let kem = parts.kem.map(|_| Secret::new(&generator.bytes::<64>()));
        let kem_share = kem.map(|seed| decapsulation_key(&seed).encapsulation_key().to_bytes());
        let public = parts.join(&curve_share, kem_share.as_ref().map_or(&[], |key| key.as_slice()));
        Self { group, public, private: Private::Real { curve, kem } }
    }

    /// Which group it is for.
    pub const fn group(&self) -> Group {
        self.group
    }

    /// The share to send: a client's, or for groups without ML-KEM also a server's.
    pub fn public(&self) -> Bytes {
        self.public.clone()
    }

    /// The pair of the curve of an X25519 hybrid, where the peer wants that alone.
    #[cfg(feature = "rustls")]
    pub(in crate::tls) fn curve_alone(&self) -> Self {
        let public = self.public.slice(self.public.len().saturating_sub(Curve::X25519.share_len())..);
        let private = match &self.private {
            Private::Sized => Private::Sized,
            Private::Real { curve, .. } => Private::Real { curve: *curve, kem: None },
        };
        Self { group: Group::X25519, public, private }
    }

    /// What both sides know, from the share of the peer: the server's answer, or in TLS 1.2 the client's point.
    ///
    /// # Errors
    /// `illegal_parameter` for a share that is none of this group (RFC 8446 §4.2.8.2, §7.4.2).
    pub fn agree(&self, peer: &[u8]) -> Result<Secret, AlertDescription> {
        const ILLEGAL: AlertDescription = AlertDescription::ILLEGAL_PARAMETER;
        let parts = Parts::of(self.group).ok_or(ILLEGAL)?;
        let (curve_share, kem_share) = parts.split(peer, KEM_CIPHERTEXT)?;
        match &self.private {
            Private::Sized => placeholder_secret(parts, &self.public, peer, curve_share),
            Private::Real { curve, kem } => {
                let shared = parts.curve.agree(curve, curve_share).ok_or(ILLEGAL)?;
                let Some(seed) = kem else { return Ok(shared) };
                let kem = decapsulation_key(seed).decapsulate_slice(kem_share).map_err(|_| ILLEGAL)?;
                Ok(parts.join_secrets(&shared, &kem))
            }
        }
    }
}

/// A server's answer to a client's share: the share to send, and what both sides know. Takes one draw.
///
/// # Errors
/// `illegal_parameter` for a share that is none of this group (RFC 8446 §4.2.8.2, §7.4.2; draft-ietf-tls-ecdhe-mlkem
/// §4.2: the check of FIPS 203 §7.2).
pub fn respond(mode: Mode, group: Group, peer: &[u8], luck: &mut Stream) -> Result<(Bytes, Secret), AlertDescription> {
    const ILLEGAL: AlertDescription = AlertDescription::ILLEGAL_PARAMETER;
    let draw = luck.next_u64();
    let parts = Parts::of(group).ok_or(ILLEGAL)?;
    let (curve_share, kem_share) = parts.split(peer, KEM_KEY)?;
    if mode == Mode::Sized {
        let public = placeholder_share(parts, draw, KEM_CIPHERTEXT);
        let secret = placeholder_secret(parts, &public, peer, curve_share)?;
        return Ok((public, secret));
    }
    let mut generator = Generator::new(draw);
    let (private, public) = parts.curve.generate(&mut generator);
    let shared = parts.curve.agree(&private, curve_share).ok_or(ILLEGAL)?;
    if parts.kem.is_none() {
        return Ok((public.into(), shared));
    }
    let key = kem_share.try_into().map_err(|_| ILLEGAL)?;
    let key = EncapsulationKey768::new(&key).map_err(|_| ILLEGAL)?;
    let (ciphertext, kem) = key.encapsulate_with_rng(&mut generator);
    Ok((parts.join(&public, &ciphertext), parts.join_secrets(&shared, &kem)))
}

fn decapsulation_key(seed: &Secret) -> DecapsulationKey768 {
    let seed = seed.as_slice().try_into().expect("a seed has 64 bytes");
    <MlKem768 as Kem>::DecapsulationKey::new(&seed)
}

/// A share of the right length, from one draw. Points begin as uncompressed ones do.
fn placeholder_share(parts: Parts, draw: u64, kem_len: usize) -> Bytes {
    let mut curve = vec![0; parts.curve.share_len()];
    filler(draw, &mut curve);
    if parts.curve != Curve::X25519 {
        curve[0] = 4;
    }
    let mut kem = vec![0; if parts.kem.is_some() { kem_len } else { 0 }];
    filler(!draw, &mut kem);
    parts.join(&curve, &kem)
}

/// What two sides know who have each other's share, whichever of them asks.
fn placeholder_secret(parts: Parts, own: &[u8], peer: &[u8], peer_point: &[u8]) -> Result<Secret, AlertDescription> {
    let is_none = match parts.curve {
        Curve::X25519 => peer_point.iter().all(|byte| *byte == 0),
        Curve::P256 | Curve::P384 => peer_point[0] != 4,
    };
    if is_none {
        return Err(AlertDescription::ILLEGAL_PARAMETER);
    }
    let mix = |share: &[u8]| {
        let mut mixer = Mixer::default();
        mixer.write(share);
        mixer.finish()
    };
    let mut out = Secret::zero(parts.secret_len());
    filler(mix(own).wrapping_add(mix(peer)), out.as_mut_slice());
    Ok(out)
}

/// The X25519 pair of a known private key.
#[cfg(test)]
pub(super) fn pair_of(private: &[u8]) -> KeyPair {
    let private = <[u8; 32]>::try_from(private).unwrap();
    let public = x25519_dalek::PublicKey::from(&x25519_dalek::StaticSecret::from(private));
    let public = Bytes::copy_from_slice(public.as_bytes());
    KeyPair { group: Group::X25519, public, private: Private::Real { curve: Secret::new(&private), kem: None } }
}
