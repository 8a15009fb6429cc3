use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::RETRY_AFTER;
use reqwest::{Response, StatusCode};

use crate::http::{beginning, quote};

/// As much of an answer is read.
const MOST: usize = 64 * 1024;
/// As much of it is told.
const TOLD: usize = 500;
/// The longest wait that is granted: who asks for more is asked again sooner.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// What Loki says to a push.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Taken,
    /// It is of no use to send this again: so many lines are lost, all of them where it says nothing of that.
    Refused(Option<u64>, String),
    TooLarge(String),
    /// It may pass, after the wait that is asked for.
    Later(String, Option<Duration>),
}

impl Answer {
    /// Reads an answer. What it says is told without `secret`, should it repeat it.
    pub(super) async fn read(response: Response, secret: Option<&str>) -> Self {
        let status = response.status();
        let after = response.headers().get(RETRY_AFTER).and_then(|it| it.to_str().ok());
        let after = after.and_then(|text| retry_after(text, Timestamp::now()));
        let body = beginning(response, MOST).await;
        let body = quote(&String::from_utf8_lossy(&body), secret, MOST);
        Self::of(status, &body, after)
    }

    fn of(status: StatusCode, body: &str, after: Option<Duration>) -> Self {
        if status.is_success() {
            return Self::Taken;
        }
        let told: String = body.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(TOLD).collect();
        let reason = format!("Loki answered {status}: {told}");
        let passes = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS];
        match status {
            StatusCode::PAYLOAD_TOO_LARGE => Self::TooLarge(reason),
            _ if status.is_server_error() || passes.contains(&status) => Self::Later(reason, after),
            StatusCode::BAD_REQUEST => Self::Refused(ignored(body), reason),
            _ => Self::Refused(None, reason),
        }
    }
}

/// Reads how many lines were refused: Loki takes the others of a request. It says so for each stream, as
/// `total ignored: 2 out of 5`, or in sum, as `2 errors like: …`.
fn ignored(body: &str) -> Option<u64> {
    let behind = |text: &str| text.split(|it: char| !it.is_ascii_digit()).next()?.parse::<u64>().ok();
    let before = |text: &str| text.rsplit(|it: char| !it.is_ascii_digit()).next()?.parse::<u64>().ok();
    let totals = body.split("total ignored: ").skip(1).filter_map(behind);
    let total = totals.fold(0_u64, u64::saturating_add);
    if total > 0 {
        return Some(total);
    }
    let mut parts: Vec<_> = body.split(" errors like: ").collect();
    parts.pop();
    let total = parts.into_iter().filter_map(before).fold(0_u64, u64::saturating_add);
    Some(total).filter(|total| *total > 0)
}

/// Returns the wait that a `Retry-After` asks for: seconds, or a date. Source: RFC 9110, 10.2.3.
fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    let wait = match text.bytes().all(|it| it.is_ascii_digit()) {
        true if text.is_empty() => return None,
        true => text.parse().map_or(LONGEST_WAIT, Duration::from_secs),
        false => {
            let until = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
            Duration::try_from(until.duration_since(now)).unwrap_or(Duration::ZERO)
        }
    };
    Some(wait.min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_read_bounded_or_ignored() {
        let now: Timestamp = "2026-11-27T00:00:00Z".parse().unwrap();
        for (text, seconds) in [
            ("1", Some(1)),
            (" 60 ", Some(60)),
            ("0", Some(0)),
            ("9999999", Some(300)),
            ("99999999999999999999999", Some(300)),
            ("-1", None),
            ("", None),
            ("soon", None),
            ("Fri, 27 Nov 2026 00:00:30 GMT", Some(30)),
            ("Fri, 27 Nov 2026 09:00:00 GMT", Some(300)),
            ("Thu, 26 Nov 2026 00:00:00 GMT", Some(0)),
        ] {
            assert_eq!(retry_after(text, now), seconds.map(Duration::from_secs), "{text:?}");
        }
    }

    #[test]
    fn what_loki_names_is_lost_and_of_the_rest_nothing() {
        for (body, expected) in [
            (
                "entry with timestamp 2020-11-12 12:00:04 +0000 UTC ignored, reason: 'entry out of order' for stream: {a=\"b\"},\ntotal ignored: 2 out of 5",
                Some(2),
            ),
            (
                "user 'fake', total ignored: 1 out of 9 for stream: {a=\"b\"}, user 'fake', total ignored: 3 out of 4 for stream: {}",
                Some(4),
            ),
            (
                "7 errors like: entry for stream '{}' has timestamp too old; 1 errors like: max entry size",
                Some(8),
            ),
            ("loghttp.PushRequest.Streams: unexpected end of JSON input", None),
            ("total ignored: x", None),
            (" errors like: ", None),
            ("", None),
        ] {
            assert_eq!(ignored(body), expected, "{body}");
        }
    }

    #[test]
    fn what_may_pass_is_told_from_what_may_not() {
        let of = |status: u16| Answer::of(StatusCode::from_u16(status).unwrap(), "why\n so", None);
        assert_eq!(of(204), Answer::Taken);
        assert_eq!(of(200), Answer::Taken);
        for status in [408, 425, 429, 500, 502, 503, 504] {
            assert!(
                matches!(of(status), Answer::Later(reason, None) if reason.ends_with(": why so")),
                "{status}"
            );
        }
        for status in [301, 400, 401, 403, 404, 405, 422] {
            assert!(matches!(of(status), Answer::Refused(None, _)), "{status}");
        }
        assert!(matches!(of(413), Answer::TooLarge(_)));
    }
}
