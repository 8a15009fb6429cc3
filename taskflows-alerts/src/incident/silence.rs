use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Subject;
use crate::SendOn;

/// What is not told for a time, because somebody knows.
///
/// A message that was told before is still brought up to date in place, which disturbs nobody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// Which subjects, by name: `*` stands for anything, `?` for one character.
    pub subject: String,
    /// Which hosts, in the same way.
    pub host: String,
    /// Which words of `send_on`; none means all.
    #[serde(default)]
    pub kinds: Vec<SendOn>,
    /// When it is over.
    pub until: Timestamp,
    /// Who wants it.
    pub by: String,
    /// Why.
    #[serde(default)]
    pub comment: String,
}

impl Silence {
    /// Tells whether it holds for this now.
    pub fn matches(&self, subject: &Subject, kind: SendOn, now: Timestamp) -> bool {
        now < self.until
            && (self.kinds.is_empty() || self.kinds.contains(&kind))
            && is_like(&self.subject, &subject.name)
            && is_like(&self.host, &subject.host)
    }
}

/// Returns when the silences that hold for this now are over, as far as they are known.
pub(super) fn until(
    silences: &[Silence],
    subject: &Subject,
    kind: SendOn,
    now: Timestamp,
) -> Option<Timestamp> {
    silences.iter().filter(|silence| silence.matches(subject, kind, now)).map(|silence| silence.until).max()
}

/// Tells whether a text is like a pattern, in time of their lengths multiplied.
fn is_like(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Where the last star stands, and where in the text what follows it was last tried.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match (pattern.get(p), star) {
            (Some('*'), _) => {
                star = Some((p, t));
                p += 1;
            }
            (Some(&c), _) if c == '?' || c == text[t] => {
                p += 1;
                t += 1;
            }
            (_, Some((at, tried))) => {
                star = Some((at, tried + 1));
                p = at + 1;
                t = tried + 1;
            }
            (_, None) => return false,
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_stands_for_names() {
        for (pattern, text, like) in [
            ("*", "", true),
            ("*", "backup", true),
            ("back*", "backup", true),
            ("*up", "backup", true),
            ("b*k*p", "backup", true),
            ("b?ckup", "backup", true),
            ("backup", "backup", true),
            ("backup", "backup2", false),
            ("b?", "backup", false),
            ("", "backup", false),
            ("*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
        ] {
            assert_eq!(is_like(pattern, text), like, "{pattern} {text}");
        }
    }

    #[test]
    fn a_silence_holds_for_its_subjects_hosts_and_kinds_until_its_end() {
        let end: Timestamp = "2026-01-01T01:00:00Z".parse().unwrap();
        let before: Timestamp = "2026-01-01T00:59:59Z".parse().unwrap();
        let silence = Silence {
            subject: "back*".into(),
            host: "web?".into(),
            kinds: vec![SendOn::Failed],
            until: end,
            by: "ann".into(),
            comment: String::new(),
        };
        let here = Subject::new("backup", "web1");
        assert!(silence.matches(&here, SendOn::Failed, before));
        assert!(!silence.matches(&here, SendOn::Failed, end));
        assert!(!silence.matches(&here, SendOn::Missed, before));
        assert!(!silence.matches(&Subject::new("backup", "db1"), SendOn::Failed, before));
        assert!(!silence.matches(&Subject::new("report", "web1"), SendOn::Failed, before));
    }
}
