use jiff::{SignedDuration, Timestamp};

use super::Finding;

/// How a channel that alerts are sent to does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelFacts {
    /// Its id: `slack:ops`.
    pub channel: String,
    /// How many messages wait.
    pub waiting: u64,
    /// Since when the first of them waits.
    pub oldest: Option<Timestamp>,
    /// How many were given up or dropped, ever.
    pub lost: u64,
    /// When one last arrived.
    pub last_success: Option<Timestamp>,
    /// Why the last attempt failed, and nothing once another worked.
    pub last_error: Option<String>,
}

/// What waits so long has a sender that does not work.
const LONG: SignedDuration = SignedDuration::from_mins(15);

impl Finding {
    /// Judges a channel by what waits for it and how the last attempt ended.
    pub fn of_channel(facts: &ChannelFacts, now: Timestamp) -> Self {
        let (check, channel) = ("alerts", facts.channel.as_str());
        let test = format!("tf alert test {channel}");
        let waiting = match facts.waiting {
            0 => String::new(),
            1 => "; one message waits".to_owned(),
            many => format!("; {many} messages wait"),
        };
        if let Some(error) = &facts.last_error {
            return Self::error(check, channel, format!("does not work: {error}{waiting}")).remedy(test);
        }
        let age = facts.oldest.map(|oldest| now.duration_since(oldest)).filter(|age| *age >= LONG);
        if let Some(age) = age {
            let told = format!("nothing was sent for {} min{waiting}", age.as_mins());
            return Self::error(check, channel, told).remedy("tf alert send");
        }
        match (facts.last_success, facts.lost) {
            (Some(_), 0) => Self::ok(check, channel, "takes what it is sent"),
            (Some(_), lost) => {
                Self::info(check, channel, format!("works; messages that were lost before: {lost}"))
            }
            (None, 0) => Self::info(check, channel, "was never sent anything").remedy(test),
            (None, lost) => {
                Self::error(check, channel, format!("never worked; messages that were lost: {lost}"))
                    .remedy(test)
            }
        }
    }

    /// Tells of a group of alerts that cannot be used.
    pub fn of_broken_group(subject: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::error("alerts", subject, reason).remedy("tf create with the definition of the group")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::Severity;

    #[track_caller]
    fn check(facts: ChannelFacts, severity: Severity, words: &str) {
        let now = Timestamp::from_second(10_000).unwrap();
        let found = Finding::of_channel(&ChannelFacts { channel: "slack:ops".into(), ..facts }, now);
        assert_eq!((found.severity, found.message.as_str()), (severity, words));
    }

    #[test]
    fn a_channel_is_judged_by_its_last_attempt_and_by_what_waits() {
        let at = |second| Some(Timestamp::from_second(second).unwrap());
        let worked = ChannelFacts { last_success: at(9_000), ..ChannelFacts::default() };
        check(worked.clone(), Severity::Ok, "takes what it is sent");
        check(
            ChannelFacts { lost: 2, ..worked.clone() },
            Severity::Info,
            "works; messages that were lost before: 2",
        );
        check(ChannelFacts::default(), Severity::Info, "was never sent anything");
        let error = Some("channel_not_found".to_owned());
        let broken = ChannelFacts { last_error: error, waiting: 1, ..worked.clone() };
        check(broken, Severity::Error, "does not work: channel_not_found; one message waits");
        let stuck = ChannelFacts { waiting: 3, oldest: at(8_000), ..worked.clone() };
        check(stuck, Severity::Error, "nothing was sent for 33 min; 3 messages wait");
        let fresh = ChannelFacts { waiting: 3, oldest: at(9_990), ..worked };
        check(fresh, Severity::Ok, "takes what it is sent");
        let never = ChannelFacts { lost: 1, ..ChannelFacts::default() };
        check(never, Severity::Error, "never worked; messages that were lost: 1");
    }
}
