use std::path::Path;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::TlsError;

/// When a certificate holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The first instant.
    pub from: Timestamp,
    /// The last instant.
    pub until: Timestamp,
}

impl Validity {
    /// Tells whether it holds at a time.
    #[must_use]
    pub fn holds(&self, time: Timestamp) -> bool {
        self.from <= time && time <= self.until
    }
}

/// Reads when a certificate holds, the first of a chain (PEM).
///
/// # Errors
/// When it cannot be read, or is none.
pub fn validity(certificate: &Path) -> Result<Validity, TlsError> {
    let file = |reason: String| TlsError::File { path: certificate.to_owned(), reason };
    let der = CertificateDer::from_pem_file(certificate).map_err(|error| file(error.to_string()))?;
    of_der(&der).ok_or_else(|| file("its time cannot be read".to_owned()))
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// Source: RFC 5280, 4.1: what is signed begins with version, serial number, algorithm, issuer and then the validity.
fn of_der(der: &[u8]) -> Option<Validity> {
    let certificate = expect(&mut &*der, SEQUENCE)?;
    let mut signed = expect(&mut &*certificate, SEQUENCE)?;
    if signed.first() == Some(&VERSION) {
        element(&mut signed)?;
    }
    for tag in [INTEGER, SEQUENCE, SEQUENCE] {
        expect(&mut signed, tag)?;
    }
    let mut validity = expect(&mut signed, SEQUENCE)?;
    Some(Validity { from: time(&mut validity)?, until: time(&mut validity)? })
}

/// Takes the next element and returns its tag and its content. Source: X.690, 8.1.
fn element<'a>(rest: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (&[tag, length], mut content) = rest.split_first_chunk::<2>()?;
    let length = match length {
        0..=0x7f => usize::from(length),
        // The length takes so many bytes; a certificate is never so large that it would take more.
        0x81..=0x83 => {
            let (bytes, after) = content.split_at_checked(usize::from(length & 0x7f))?;
            content = after;
            bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte))
        }
        _ => return None,
    };
    let (content, after) = content.split_at_checked(length)?;
    *rest = after;
    Some((tag, content))
}

fn expect<'a>(rest: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    element(rest).filter(|(found, _)| *found == tag).map(|(_, content)| content)
}

/// Source: RFC 5280, 4.1.2.5: always in UTC and with seconds; a year of two digits is one from 1950 to 2049.
fn time(rest: &mut &[u8]) -> Option<Timestamp> {
    let (tag, text) = element(rest)?;
    let text = str::from_utf8(text).ok()?;
    let text = match tag {
        UTC_TIME => format!("{}{text}", if text.get(..2)? < "50" { "20" } else { "19" }),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let time = DateTime::strptime("%Y%m%d%H%M%SZ", text).ok()?;
    TimeZone::UTC.to_timestamp(time).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(from: i32, until: i32) -> rcgen::Certificate {
        let mut parameters = rcgen::CertificateParams::new(vec!["web1".to_owned()]).unwrap();
        parameters.not_before = rcgen::date_time_ymd(from, 2, 3);
        parameters.not_after = rcgen::date_time_ymd(until, 12, 31);
        parameters.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap()
    }

    #[test]
    fn the_time_of_a_certificate_is_read_also_beyond_2050() {
        for (from, until) in [(1999, 2026), (2026, 2049), (2030, 2050)] {
            let expected = Validity {
                from: format!("{from}-02-03T00:00:00Z").parse().unwrap(),
                until: format!("{until}-12-31T00:00:00Z").parse().unwrap(),
            };
            assert_eq!(of_der(certificate(from, until).der()), Some(expected));
            assert!(expected.holds(expected.until) && !expected.holds(Timestamp::MAX));
        }
    }

    #[test]
    fn what_is_cut_off_or_damaged_is_no_certificate_and_ends_nothing() {
        let der = certificate(2026, 2030).der().to_vec();
        // The validity stands in the first half.
        (0..der.len()).for_each(|length| assert_eq!(of_der(&der[..length]), None, "{length}"));
        for at in 0..der.len() {
            let mut damaged = der.clone();
            damaged[at] ^= 0xff;
            let _ = of_der(&damaged);
        }
    }
}
