use taskflows_core::TimeSpan;
use taskflows_core::schedule::CalendarSpec;

/// What a timer's file says of when it elapses.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct TimerLines {
    /// `OnCalendar=`
    pub(crate) calendars: Vec<CalendarSpec>,
    /// `OnUnitActiveSec=`
    pub(crate) after_start: Vec<TimeSpan>,
    /// `OnUnitInactiveSec=`
    pub(crate) after_finish: Vec<TimeSpan>,
    /// Whether anything stands there that cannot be foretold from the file alone.
    pub(crate) uncertain: bool,
}

impl TimerLines {
    /// Reads the `[Timer]` section of a unit file.
    pub(crate) fn read(text: &str) -> Self {
        let mut lines = Self::default();
        for line in text.split_once("[Timer]\n").map_or("", |(_, timer)| timer).lines() {
            let Some((key, value)) = line.split_once('=') else { continue };
            lines.add(key, value);
        }
        lines
    }

    fn add(&mut self, key: &str, value: &str) {
        match key {
            "OnCalendar" => match value.parse() {
                Ok(calendar) => self.calendars.push(calendar),
                Err(_) => self.uncertain = true,
            },
            "OnUnitActiveSec" => match value.parse() {
                Ok(span) => self.after_start.push(span),
                Err(_) => self.uncertain = true,
            },
            "OnUnitInactiveSec" => match value.parse() {
                Ok(span) => self.after_finish.push(span),
                Err(_) => self.uncertain = true,
            },
            "RandomizedDelaySec" | "OnActiveSec" | "OnClockChange" | "OnTimezoneChange" => {
                self.uncertain = true
            }
            _ => {}
        }
    }
}

impl TimerLines {
    /// Tells whether any line counts from an event rather than names a time.
    pub(crate) fn has_periods(&self) -> bool {
        !(self.after_start.is_empty() && self.after_finish.is_empty()) || self.uncertain
    }
}
