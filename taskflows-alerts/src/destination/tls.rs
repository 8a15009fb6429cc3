use std::error::Error;
use std::io;

use rustls::CertificateError;

/// Looks in a chain of errors for a certificate that was refused, and says why in words.
///
/// No attempt mends that, while an interrupted handshake may work the next time.
pub(super) fn refused_certificate(error: &(dyn Error + 'static), host: &str) -> Option<String> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(rustls::Error::InvalidCertificate(fault)) = as_tls(error) {
            return Some(in_words(fault, host));
        }
        next = error.source();
    }
    None
}

/// An error of input and output shows the source of what it wraps, not the wrapped one.
fn as_tls<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let wrapped = || error.downcast_ref::<io::Error>()?.get_ref();
    error.downcast_ref().or_else(|| {
        let inner = wrapped()?;
        inner.downcast_ref().or_else(|| as_tls(inner.downcast_ref::<io::Error>()?))
    })
}

fn in_words(fault: &CertificateError, host: &str) -> String {
    match fault {
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!("the certificate is for another name than {host}")
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            format!("the certificate of {host} has expired")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            format!("the certificate of {host} is not valid yet: is the clock right?")
        }
        CertificateError::UnknownIssuer => {
            format!(
                "the certificate of {host} is signed by nobody whom this host trusts: name its authority in `ca_file`"
            )
        }
        CertificateError::Revoked => format!("the certificate of {host} is revoked"),
        other => format!("the certificate of {host} is refused: {other}"),
    }
}

/// Returns the innermost cause, which alone says what happened: `connection refused` rather than `error sending request`.
pub(super) fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_certificate_is_found_below_errors_of_input_and_output() {
        let fault = || rustls::Error::InvalidCertificate(CertificateError::Expired);
        let words = Some("the certificate of mail.x.org has expired".to_owned());
        assert_eq!(refused_certificate(&fault(), "mail.x.org"), words);
        let wrapped = io::Error::new(io::ErrorKind::InvalidData, fault());
        assert_eq!(refused_certificate(&wrapped, "mail.x.org"), words);
        assert_eq!(refused_certificate(&io::Error::other(wrapped), "mail.x.org"), words);
        assert_eq!(refused_certificate(&io::Error::other("cut"), "mail.x.org"), None);
    }
}
