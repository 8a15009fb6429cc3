use std::time::Duration;

use jiff::Timestamp;

/// The longest wait that is granted: who asks for more is asked again sooner.
pub(in crate::destination) const MOST: Duration = Duration::from_secs(60 * 60);

/// Returns the wait that a `Retry-After` asks for, at most [`MOST`].
///
/// It is a number of seconds (Discord's may have a fraction) or a date, which in the past means none. Anything else is
/// ignored. Source: RFC 9110, 10.2.3.
pub(in crate::destination) fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    let wait = if text.starts_with(|first: char| first.is_ascii_digit()) {
        let seconds: f64 = text.parse().ok()?;
        Duration::try_from_secs_f64(seconds).unwrap_or(MOST)
    } else {
        let until = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
        Duration::try_from(until.duration_since(now)).unwrap_or(Duration::ZERO)
    };
    Some(wait.min(MOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_read_bounded_or_ignored() {
        let now: Timestamp = "2026-11-27T00:00:00Z".parse().unwrap();
        for (text, seconds) in [
            ("1", Some(1.0)),
            (" 60 ", Some(60.0)),
            ("0", Some(0.0)),
            ("0.25", Some(0.25)),
            ("9999999", Some(3600.0)),
            ("1e300", Some(3600.0)),
            ("99999999999999999999999", Some(3600.0)),
            ("-1", None),
            ("abc", None),
            ("", None),
            ("1x", None),
            ("inf", None),
            ("NaN", None),
            ("Fri, 27 Nov 2026 00:00:30 GMT", Some(30.0)),
            ("Fri, 27 Nov 2026 09:00:00 GMT", Some(3600.0)),
            ("Thu, 26 Nov 2026 00:00:00 GMT", Some(0.0)),
            ("Mon, 27 Nov 2026 00:00:30 GMT", None),
        ] {
            assert_eq!(retry_after(text, now), seconds.map(Duration::from_secs_f64), "{text:?}");
        }
    }
}
