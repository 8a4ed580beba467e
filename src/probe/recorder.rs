//! What happens inside a handshake, written down: a rustls verifier that records, and decides nothing unless a credential is at stake.
//!
//! Whoever only looks is shown any chain: expired, malformed, for another name. The signature of the handshake is not checked then
//! either, for nothing is believed. Where a credential is to be presented, or the verdict counts, an [`Admission`] judges the chain
//! first, and the server has to prove that it holds the key.

use super::record::MOST;
use crate::model::peer::ProtocolVersion;
use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};
use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};

/// Says which servers may see a credential.
pub trait Admission: Debug + Send + Sync {
    /// Whether the server that presented this chain (DER, as sent) is the right one.
    fn admits(&self, chain: &[&[u8]]) -> bool;
}

/// What was seen.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// The chain in DER, as presented.
    pub(super) chain: Vec<Vec<u8>>,
    /// Whether an OCSP response was stapled.
    pub(super) ocsp_staple: bool,
    /// The names of the CAs whose client certificates the server takes, in DER; `None` if it asked for none.
    pub(super) client_auth: Option<Vec<Vec<u8>>>,
    /// The protocol version, once the handshake's signature came.
    pub(super) version: Option<ProtocolVersion>,
    /// Whether the chain was not admitted.
    pub(super) distrusted: bool,
}

/// One handshake's record.
#[derive(Debug)]
pub(super) struct Recorder {
    seen: Mutex<Seen>,
    provider: Arc<CryptoProvider>,
    admission: Option<Arc<dyn Admission>>,
    credential: Option<Arc<CertifiedKey>>,
}

impl Recorder {
    /// A record of nothing yet. The credential is presented if the server asks for one and is admitted.
    pub(super) fn new(
        provider: Arc<CryptoProvider>,
        admission: Option<Arc<dyn Admission>>,
        credential: Option<Arc<CertifiedKey>>,
    ) -> Self {
        Self { seen: Mutex::default(), provider, admission, credential }
    }

    /// What was seen so far.
    pub(super) fn seen(&self) -> Seen {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, note: impl FnOnce(&mut Seen)) {
        note(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// The signature is checked where the answer counts.
    fn signature(
        &self,
        version: ProtocolVersion,
        check: impl FnOnce() -> Result<HandshakeSignatureValid, Error>,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.note(|seen| seen.version = Some(version));
        if self.admission.is_some() { check() } else { Ok(HandshakeSignatureValid::assertion()) }
    }
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        ocsp_response: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain: Vec<&[u8]> = std::iter::once(end_entity).chain(intermediates).map(AsRef::as_ref).collect();
        self.note(|seen| {
            seen.chain = chain.iter().take(MOST + 1).map(|certificate| certificate.to_vec()).collect();
            seen.ocsp_staple = !ocsp_response.is_empty();
        });
        if self.admission.as_ref().is_none_or(|admission| admission.admits(&chain)) {
            return Ok(ServerCertVerified::assertion());
        }
        self.note(|seen| seen.distrusted = true);
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        self.signature(ProtocolVersion::TLS12, || verify_tls12_signature(message, certificate, signed, algorithms))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        self.signature(ProtocolVersion::TLS13, || verify_tls13_signature(message, certificate, signed, algorithms))
    }

    /// Also what nobody should sign with any more: a server that can do nothing else is to be shown, not missed.
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let mut schemes = self.provider.signature_verification_algorithms.supported_schemes();
        if self.admission.is_none() {
            schemes.extend([SignatureScheme::RSA_PKCS1_SHA1, SignatureScheme::ECDSA_SHA1_Legacy, SignatureScheme::ED448]);
        }
        schemes
    }
}

impl ResolvesClientCert for Recorder {
    fn resolve(&self, authorities: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.note(|seen| seen.client_auth = Some(authorities.iter().take(MOST).map(|name| name.to_vec()).collect()));
        self.credential.clone()
    }

    fn has_certs(&self) -> bool {
        true
    }
}
