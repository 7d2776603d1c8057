//! Whom an end believes, and the certificates that this program's applications have.

use super::{CertificateKind, Identity, signed_with, verify_chain};
use crate::tls::codes::AlertDescription;
use crate::tls::config::CertificateConfig;
use crate::tls::crypto::Mode;
use bytes::Bytes;
use protosim_core::{Purpose, RunSeed, Size, Stream};
use std::collections::BTreeMap;

/// What the certificates of a peer have to lead to.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    believes_anyone: bool,
    /// Our authorities, by what they issue and how long their chains are; made when they are first needed.
    authorities: BTreeMap<(CertificateKind, u8), Bytes>,
}

/// The luck of our authorities: the same in every run, so that both ends know them.
fn luck() -> Stream {
    RunSeed { seed: 0, replication: 0 }.stream("authorities", Purpose("tls.authorities"))
}

/// An application's certificates and key, from one of our authorities.
pub fn identity(mode: Mode, config: &CertificateConfig, name: &str) -> Identity {
    let leaf = config.leaf.map(|len| len.as_bytes() as usize);
    Identity::new(mode, config.key, name, config.chain, leaf, &mut luck())
}

/// The certificate of one of our authorities.
pub fn authority(mode: Mode, kind: CertificateKind, chain: u8) -> Bytes {
    Identity::authority(mode, kind, chain, &mut luck())
}

/// How long a leaf really becomes for which a length is asked \[bytes\].
pub(in crate::tls) fn leaf_len(config: &CertificateConfig, leaf: Size) -> u64 {
    let config = CertificateConfig { leaf: Some(leaf), ..config.clone() };
    identity(Mode::Sized, &config, "example.com").chain().first().map_or(0, |leaf| leaf.len() as u64)
}

impl Trust {
    /// Believes anyone: chains are not looked at, only what their first certificate signs (`curl --insecure`).
    pub fn anyone() -> Self {
        Self { believes_anyone: true, authorities: BTreeMap::new() }
    }

    /// Checks a chain.
    ///
    /// # Errors
    /// The alert to answer with, as [`verify_chain`]'s.
    pub fn check(&mut self, mode: Mode, chain: &[Bytes]) -> Result<(), AlertDescription> {
        let (Some(last), Ok(len)) = (chain.last(), u8::try_from(chain.len())) else {
            return Err(AlertDescription::BAD_CERTIFICATE);
        };
        if self.believes_anyone {
            return Ok(());
        }
        let kind =
            signed_with(last).and_then(CertificateKind::of_scheme).ok_or(AlertDescription::UNSUPPORTED_CERTIFICATE)?;
        let authority = self.authorities.entry((kind, len)).or_insert_with(|| authority(mode, kind, len));
        verify_chain(mode, chain, authority)
    }
}
