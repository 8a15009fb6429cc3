use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
};
use rustls_platform_verifier::Verifier;

/// Returns what connections to `base` are secured by, with the certificates of `ca_file` trusted beside the system's.
pub(super) fn tls(base: &str, ca_file: Option<&Path>) -> Result<ClientConfig, String> {
    // Reading the authorities of the host takes milliseconds, and they are the same for each server.
    static OF_HOST: OnceLock<ClientConfig> = OnceLock::new();
    if !base.starts_with("https://") {
        return trusting_nobody();
    }
    let Some(path) = ca_file else {
        if let Some(config) = OF_HOST.get() {
            return Ok(config.clone());
        }
        let config = trusting(Vec::new())?;
        return Ok(OF_HOST.get_or_init(|| config).clone());
    };
    let unreadable = |error: &dyn std::fmt::Display| format!("CA file {}: {error}", path.display());
    let text = std::fs::read(path).map_err(|error| unreadable(&error))?;
    let authorities: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let authorities = authorities.map_err(|error| unreadable(&error))?;
    if authorities.is_empty() {
        return Err(unreadable(&"it holds no certificate"));
    }
    trusting(authorities)
}

fn trusting(authorities: Vec<CertificateDer<'static>>) -> Result<ClientConfig, String> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Verifier::new_with_extra_roots(authorities.clone(), provider.clone()).map_err(told)?;
    let verifier = Trusted { verifier, named: authorities };
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(told)?.dangerous();
    Ok(builder.with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth())
}

/// A connection without TLS needs none of it, and reading the system's certificates would cost more than the request.
fn trusting_nobody() -> Result<ClientConfig, String> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Ok(builder.map_err(told)?.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

/// Trusts what the system trusts, and the certificates that the user names: as authorities, and as themselves.
///
/// One that `openssl req -x509` makes calls itself an authority, which no server may be by the rules for authorities. Where
/// it is exactly one that the user named there is no authority to ask: it is the server's own.
#[derive(Debug)]
struct Trusted {
    verifier: Verifier,
    named: Vec<CertificateDer<'static>>,
}

impl Trusted {
    /// Tells whether a certificate is refused for nothing but that it calls itself an authority. Whether its time has come
    /// and is not over was looked at before that.
    fn is_named_authority(&self, certificate: &CertificateDer<'_>, error: &Error) -> bool {
        let Error::InvalidCertificate(CertificateError::Other(OtherError(cause))) = error else {
            return false;
        };
        cause.downcast_ref() == Some(&webpki::Error::CaUsedAsEndEntity)
            && self.named.iter().any(|named| named.as_ref() == certificate.as_ref())
    }
}

impl ServerCertVerifier for Trusted {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified =
            self.verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verified {
            Err(error) if self.is_named_authority(end_entity, &error) => {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

fn told(error: Error) -> String {
    format!("certificates cannot be checked on this host: {error}")
}
