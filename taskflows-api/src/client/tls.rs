use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
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
    let verifier = Verifier::new_with_extra_roots(authorities, provider.clone()).map_err(told)?;
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

fn told(error: rustls::Error) -> String {
    format!("certificates cannot be checked on this host: {error}")
}
