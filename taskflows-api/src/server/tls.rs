use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;
use tokio_rustls::TlsAcceptor;

/// Why a certificate cannot be used.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file cannot be read as PEM.
    #[error("could not read `{}`: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it; nothing of it is told.
        reason: String,
    },
    /// The certificate and the key do not belong together, or cannot be used.
    #[error("the certificate and its key cannot be used")]
    Unusable(#[from] rustls::Error),
}

/// The certificate of a server, read again when its file changes.
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    current: Mutex<(TlsAcceptor, Option<SystemTime>)>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads a chain of certificates and the key of the first, as PEM.
    ///
    /// # Errors
    /// When one cannot be read, or they do not belong together.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let changed = changed(certificate, key);
        let acceptor = acceptor(certificate, key)?;
        Ok(Self {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            current: Mutex::new((acceptor, changed)),
        })
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    /// Reads the files again where they changed. One that cannot be used leaves the old one in use, and is told once.
    pub(super) fn refresh(&self) {
        let now = changed(&self.certificate, &self.key);
        if now == self.current.lock().unwrap_or_else(PoisonError::into_inner).1 {
            return;
        }
        let read = acceptor(&self.certificate, &self.key);
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.1 = now;
        match read {
            Ok(acceptor) => {
                current.0 = acceptor;
                tracing::info!("the certificate was read again");
            }
            Err(error) => tracing::error!(%error, "the new certificate is not used"),
        }
    }
}

/// Returns when either file last changed.
fn changed(certificate: &Path, key: &Path) -> Option<SystemTime> {
    let modified = |path: &Path| std::fs::metadata(path).and_then(|about| about.modified()).ok();
    modified(certificate).max(modified(key))
}

fn acceptor(certificate: &Path, key: &Path) -> Result<TlsAcceptor, TlsError> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(|error| unreadable(certificate, &error))?;
    let key_der = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(key, &error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key_der)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn unreadable(path: &Path, error: &rustls::pki_types::pem::Error) -> TlsError {
    TlsError::File { path: path.to_owned(), reason: error.to_string() }
}
