//! Certificates of both ends for rustls: ours, checked by our rules and signed with our keys.

use super::call::with;
use crate::tls::certificate::{self, CertificateKind, Identity};
use crate::tls::codes::{self, AlertDescription};
use crate::tls::crypto::Mode;
use bytes::Bytes;
use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::{CertifiedKey, Signer, SigningKey};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureAlgorithm, SignatureScheme};
use std::sync::Arc;

/// Believes what our [`Trust`](certificate::Trust) believes: chains and signatures, neither names nor times.
#[derive(Debug)]
pub(super) struct Believer {
    pub(super) schemes: Vec<SignatureScheme>,
    /// A server's: clients have to have a certificate.
    pub(super) is_mandatory: bool,
}

impl Believer {
    pub(super) fn new(schemes: &[codes::SignatureScheme], is_mandatory: bool) -> Self {
        Self { schemes: schemes.iter().map(|scheme| SignatureScheme::from(scheme.0)).collect(), is_mandatory }
    }
}

fn check_chain(leaf: &CertificateDer<'_>, more: &[CertificateDer<'_>]) -> Result<(), Error> {
    let chain: Vec<Bytes> = std::iter::once(leaf).chain(more).map(|der| Bytes::copy_from_slice(der)).collect();
    let checked = with(|call| call.shared.trust.check(Mode::Real, &chain));
    checked.unwrap_or(Err(AlertDescription::INTERNAL_ERROR)).map_err(|alert| {
        Error::InvalidCertificate(match alert {
            AlertDescription::UNKNOWN_CA => CertificateError::UnknownIssuer,
            _ => CertificateError::BadEncoding,
        })
    })
}

fn check_signature(
    message: &[u8],
    leaf: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    let scheme = codes::SignatureScheme(signed.scheme.into());
    if certificate::verify(Mode::Real, leaf, scheme, message, signed.signature()) {
        Ok(HandshakeSignatureValid::assertion())
    } else {
        Err(Error::InvalidCertificate(CertificateError::BadSignature))
    }
}

/// How rustls's two traits for verifiers, of clients and of servers, have signatures checked.
macro_rules! signatures_of_peers {
    () => {
        fn verify_tls12_signature(
            &self,
            message: &[u8],
            leaf: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            check_signature(message, leaf, signed)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            leaf: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            check_signature(message, leaf, signed)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.schemes.clone()
        }
    };
}

impl ServerCertVerifier for Believer {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        more: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        check_chain(leaf, more).map(|()| ServerCertVerified::assertion())
    }

    signatures_of_peers!();
}

impl ClientCertVerifier for Believer {
    fn client_auth_mandatory(&self) -> bool {
        self.is_mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        more: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        check_chain(leaf, more).map(|()| ClientCertVerified::assertion())
    }

    signatures_of_peers!();
}

/// Our chain with our key.
#[derive(Debug)]
pub(super) struct Owner(Arc<CertifiedKey>);

impl Owner {
    pub(super) fn new(identity: &Identity, staples: bool) -> Self {
        let chain = identity.chain().iter().map(|der| CertificateDer::from(der.to_vec())).collect();
        let mut certified = CertifiedKey::new(chain, Arc::new(PrivateKey(identity.clone())));
        certified.ocsp = staples.then(|| identity.ocsp_response().to_vec());
        Self(Arc::new(certified))
    }
}

impl ResolvesServerCert for Owner {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

impl ResolvesClientCert for Owner {
    fn resolve(&self, _: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.key.choose_scheme(schemes).map(|_| Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

#[derive(Debug)]
struct PrivateKey(Identity);

impl SigningKey for PrivateKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let is_offered = |scheme: &&codes::SignatureScheme| offered.contains(&SignatureScheme::from(scheme.0));
        let scheme = *self.0.kind().schemes().iter().find(is_offered)?;
        Some(Box::new(Signing { identity: self.0.clone(), scheme }))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        match self.0.kind() {
            CertificateKind::EcdsaP256 => SignatureAlgorithm::ECDSA,
            CertificateKind::Rsa2048 => SignatureAlgorithm::RSA,
            // ML-DSA has none: TLS 1.2, which asks for it, does not know it.
            _ => SignatureAlgorithm::Unknown(0xff),
        }
    }
}

#[derive(Debug)]
struct Signing {
    identity: Identity,
    scheme: codes::SignatureScheme,
}

impl Signer for Signing {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let signature = with(|call| self.identity.sign(self.scheme, message, call.luck.stream()));
        #[cfg(test)]
        super::tests::note_signature(signature.as_ref().map_or(0, Bytes::len));
        signature.map(|bytes| bytes.to_vec()).ok_or_else(|| Error::General("there is nobody to sign for".to_owned()))
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::from(self.scheme.0)
    }
}
