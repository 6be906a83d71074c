//! Key pins: a server's certificate must verify as any other, and hold one of these keys as well.
//!
//! Only the server's own certificate counts. What else a server sends along with it is not part
//! of the chain merely by being sent, so anybody could add a pinned authority's; to pin an
//! authority, `ca_file` holds its certificate alone.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::config::KeyPin;

/// The certificate is valid, but its key is none of those that the configuration names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the key of the certificate is none of `spki_sha256`")]
pub(super) struct PinMismatch;

/// Whether it was a pin that made the handshake fail.
pub(super) fn is_mismatch(error: &CertificateError) -> bool {
    matches!(error, CertificateError::Other(OtherError(cause)) if cause.is::<PinMismatch>())
}

/// The usual verification, then the pins.
#[derive(Debug)]
pub(super) struct PinVerifier {
    pub(super) usual: Arc<WebPkiServerVerifier>,
    pub(super) keys: Vec<KeyPin>,
}

impl ServerCertVerifier for PinVerifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.usual.verify_server_cert(
            certificate,
            intermediates,
            server_name,
            ocsp_response,
            now,
        )?;
        let key = ParsedCertificate::try_from(certificate)?.subject_public_key_info();
        let hash = KeyPin(Sha256::digest(&key).into());
        if self.keys.contains(&hash) {
            return Ok(verified);
        }
        Err(CertificateError::Other(OtherError(Arc::new(PinMismatch))).into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.usual.supported_verify_schemes()
    }
}
