//! Secrets in what programs wrote.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex_lite::Regex;

/// What stands in place of a secret.
const MASK: &str = "****";

/// What looks like a secret, whatever it is called. The part that is kept is the group `keep`.
const PATTERNS: [&str; 7] = [
    // A name that tells of a secret, and its value: `password=…`, `"api_key": "…"`, `--token …`.
    r#"(?i)(?<keep>[A-Za-z0-9_.-]*(?:passw(?:or)?d|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential)[A-Za-z0-9_.-]*["']?(?:\s*[:=]\s*|\s+is\s+)(?:bearer\s+|basic\s+)?["']?)[^\s"',;&}]+"#,
    r"(?i)(?<keep>--?[A-Za-z0-9-]*(?:passw(?:or)?d|secret|token|api-?key)\s+)[^\s-][^\s]*",
    r"(?i)(?<keep>authorization\s*[:=]\s*(?:[A-Za-z]+\s+)?)[^\s,;]+",
    // Who logs in where: `https://user:password@host`.
    r"(?<keep>[A-Za-z][A-Za-z0-9+.-]*://[^\s/:@]*:)[^\s/@]+(?:@)",
    // Tokens that are known by their form: Slack, GitHub, GitLab, AWS, JSON web tokens.
    r"(?<keep>)\b(?:xox[a-z]-[A-Za-z0-9-]{8,}|xapp-[A-Za-z0-9-]{8,}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{16,}|AKIA[0-9A-Z]{16}|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*)",
    // Addresses that are secrets themselves.
    r"(?<keep>https://(?:hooks\.slack\.com/(?:services|workflows|triggers)|(?:[a-z]+\.)?discord(?:app)?\.com/api/webhooks)/)[^\s\x22'<>]+",
    r"(?<keep>-----BEGIN [A-Z ]*PRIVATE KEY-----)[^*][\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\z)",
];

static EXPRESSIONS: LazyLock<Vec<Regex>> =
    LazyLock::new(|| PATTERNS.iter().filter_map(|pattern| Regex::new(pattern).ok()).collect());

/// Puts `****` in place of what looks like a secret, and of each of `known`, wherever it stands.
///
/// This is a net, not a wall: a secret that neither is known nor looks like one stays.
///
/// ```
/// use taskflows_alerts::task_events::mask;
///
/// assert_eq!(mask("login with password=hunter2 failed", &[]), "login with password=**** failed");
/// assert_eq!(mask("got s3cr3t back", &["s3cr3t".into()]), "got **** back");
/// ```
pub fn mask<'t>(text: &'t str, known: &[String]) -> Cow<'t, str> {
    let mut masked = Cow::Borrowed(text);
    // Words as short as this stand everywhere, and a mask would only tell where.
    for secret in known.iter().filter(|secret| secret.trim().len() >= 4) {
        if masked.contains(secret.as_str()) {
            masked = Cow::Owned(masked.replace(secret.as_str(), MASK));
        }
    }
    for expression in EXPRESSIONS.iter() {
        let replaced = match expression.replace_all(&masked, |found: &regex_lite::Captures<'_>| {
            let keep = found.name("keep").map_or("", |kept| kept.as_str());
            let tail = if found.get(0).is_some_and(|all| all.as_str().ends_with('@')) { "@" } else { "" };
            format!("{keep}{MASK}{tail}")
        }) {
            Cow::Borrowed(_) => None,
            Cow::Owned(replaced) => Some(replaced),
        };
        if let Some(replaced) = replaced {
            masked = Cow::Owned(replaced);
        }
    }
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, masked: &str) {
        assert_eq!(mask(text, &[]), masked);
        // A second look finds nothing new.
        assert_eq!(mask(masked, &[]), masked);
    }

    #[test]
    fn every_pattern_is_an_expression() {
        assert_eq!(EXPRESSIONS.len(), PATTERNS.len());
    }

    #[test]
    fn values_of_names_that_tell_of_secrets_are_masked() {
        check("PGPASSWORD=abc def", "PGPASSWORD=**** def");
        check(r#"{"api_key": "abc", "n": 1}"#, r#"{"api_key": "****", "n": 1}"#);
        check("db_password: 'x y'", "db_password: '**** y'");
        check("curl --token abc https://x", "curl --token **** https://x");
        check("Authorization: Bearer abc.def", "Authorization: Bearer ****");
        check("your secret is abc", "your secret is ****");
    }

    #[test]
    fn tokens_are_known_by_their_form() {
        check("sent xoxb-1234567890-abc", "sent ****");
        check("ghp_0123456789abcdefghij0123", "****");
        check("https://hooks.slack.com/services/T0/B0/xyz", "https://hooks.slack.com/services/****");
        check("postgres://app:hunter2@db/x", "postgres://app:****@db/x");
        check(
            "-----BEGIN RSA PRIVATE KEY-----\nab\n-----END RSA PRIVATE KEY-----\nok",
            "-----BEGIN RSA PRIVATE KEY-----****\nok",
        );
    }

    #[test]
    fn other_text_stays_as_it_is() {
        for text in ["exit code 3", "https://example.org/a:b@c", "a=b", "token\nnext line", "-1 of --all"] {
            check(text, text);
        }
    }

    #[test]
    fn what_is_known_to_be_secret_is_masked_wherever_it_stands() {
        assert_eq!(mask("aXhunter2Yb", &["hunter2".into(), "a".into()]), "aX****Yb");
    }
}
