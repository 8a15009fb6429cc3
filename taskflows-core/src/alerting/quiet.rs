use std::fmt;
use std::str::FromStr;

use jiff::civil::Time;

use crate::TextError;

/// A part of each day, which may pass midnight: `22:00-07:00 Europe/Berlin`.
///
/// ```
/// use taskflows_core::alerting::QuietHours;
///
/// let night: QuietHours = "22:00-7:30 Europe/Berlin".parse()?;
/// assert_eq!((night.from.hour(), night.to.minute(), night.zone()), (22, 30, Some("Europe/Berlin")));
/// assert_eq!(night.to_string(), "22:00-07:30 Europe/Berlin");
/// # Ok::<(), taskflows_core::TextError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuietHours {
    /// The time of day it begins at.
    pub from: Time,
    /// The time of day it ends at, never the same; an earlier one is of the next day.
    pub to: Time,
    zone: Option<String>,
}

impl QuietHours {
    /// Returns the zone whose clock it goes by; that of the host where there is none. That such a zone exists is
    /// not known here.
    pub fn zone(&self) -> Option<&str> {
        self.zone.as_deref()
    }
}

impl fmt::Display for QuietHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (self.from, self.to);
        write!(f, "{:02}:{:02}-{:02}:{:02}", from.hour(), from.minute(), to.hour(), to.minute())?;
        self.zone.iter().try_for_each(|zone| write!(f, " {zone}"))
    }
}

impl FromStr for QuietHours {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |reason: &str| TextError::new(text, reason);
        let form = || wrong("is no part of a day such as `22:00-07:00` or `22:00-07:00 Europe/Berlin`");
        let trimmed = text.trim();
        let (hours, zone) = match trimmed.split_once(char::is_whitespace) {
            Some((hours, zone)) => (hours, Some(zone.trim())),
            None => (trimmed, None),
        };
        let (from, to) = hours.split_once('-').ok_or_else(form)?;
        let (from, to) = time(from).zip(time(to)).ok_or_else(form)?;
        if zone.is_some_and(|zone| zone.contains(|c: char| c.is_whitespace() || c.is_control())) {
            return Err(form());
        }
        if from == to {
            return Err(wrong("begins when it ends"));
        }
        Ok(Self { from, to, zone: zone.map(str::to_owned) })
    }
}

/// Reads `7:30`; 24:00 is the midnight that begins the next day.
fn time(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let number = |text: &str, digits: std::ops::RangeInclusive<usize>| {
        let good = digits.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        good.then(|| text.parse::<i8>().ok())?
    };
    let (hour, minute) = (number(hour, 1..=2)?, number(minute, 2..=2)?);
    let hour = if (hour, minute) == (24, 0) { 0 } else { hour };
    Time::new(hour, minute, 0, 0).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_part_of_a_day_is_refused() {
        for text in
            ["", "22:00", "22-7", "22:00-07:60", "25:00-07:00", "22:00-07:00 a b", "7:00-7:00", "+7:00-8:00"]
        {
            assert!(text.parse::<QuietHours>().is_err(), "{text}");
        }
        assert_eq!(
            "0:00-24:00".parse::<QuietHours>().unwrap_err().to_string(),
            "`0:00-24:00` begins when it ends"
        );
    }

    proptest! {
        #[test]
        fn a_part_of_a_day_reads_back(text in "[012]?[0-9]:[0-5][0-9]-[012]?[0-9]:[0-5][0-9]( [A-Za-z/_]{1,9})?") {
            if let Ok(hours) = text.parse::<QuietHours>() {
                prop_assert_eq!(hours.to_string().parse(), Ok(hours));
            }
        }

        #[test]
        fn no_text_panics(text in ".*") {
            let _ = text.parse::<QuietHours>();
        }
    }
}
