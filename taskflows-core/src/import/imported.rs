use jiff::Timestamp;

use super::draft::{Draft, comment};
use super::verdict::{Finding, Verdict};
use crate::schedule::{Schedule, Zones};
use crate::{Format, Service, Source, read};

/// So many runs are compared.
pub(super) const RUNS: usize = 5;

/// What became of one line of a crontab, or of one unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The line or the unit: `line 3`, `backup.service`.
    pub place: String,
    /// The line as it stands, or the names of the unit's files.
    pub source: String,
    /// What the service is called; `None` where there is none.
    pub name: Option<String>,
    /// What is to be said of its parts, in their order.
    pub findings: Vec<Finding>,
    /// The calendar expressions of the definition.
    pub schedules: Vec<String>,
    /// The first runs as they are now, five at most.
    pub old: Vec<Timestamp>,
    /// The first runs of the definition, five at most.
    pub new: Vec<Timestamp>,
    /// The service as a piece of a definition in TOML; `None` where it is impossible.
    pub toml: Option<String>,
}

impl Imported {
    pub(super) fn new(place: impl Into<String>, source: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            source: source.into(),
            name: None,
            findings: Vec::new(),
            schedules: Vec::new(),
            old: Vec::new(),
            new: Vec::new(),
            toml: None,
        }
    }

    /// Returns the worst of its findings; exact where there is none.
    pub fn verdict(&self) -> Verdict {
        self.findings.iter().map(|finding| finding.verdict).max().unwrap_or(Verdict::Exact)
    }

    /// Writes the draft and reads it back, so that nothing is offered that `create` would refuse.
    pub(super) fn settle(&mut self, draft: &Draft, now: Timestamp, zones: &Zones) {
        self.name = Some(draft.name.clone());
        if self.verdict() == Verdict::Impossible {
            return;
        }
        let toml = draft.to_toml();
        let definition = read(&Source::new("the draft", toml.as_str(), Format::Toml), zones);
        match definition.map(|definition| definition.services) {
            Ok(services) => {
                self.schedules = services.first().map(calendars).unwrap_or_default();
                self.new = super::cron::upcoming(&self.schedules, now, zones).take(RUNS).collect();
                self.toml = Some(toml);
            }
            Err(error) => {
                let problem = error.problems().first().map(|problem| problem.message().to_owned());
                self.findings.push(Finding::impossible("definition", problem.unwrap_or_default()));
            }
        }
    }

    fn write(&self, text: &mut String) {
        match self.source.starts_with(&self.place) {
            true => comment(text, &self.source),
            false => comment(text, &format!("{}: {}", self.place, self.source)),
        }
        for finding in &self.findings {
            if finding.verdict > Verdict::Exact {
                comment(text, &format!("  {}: {}: {}", finding.verdict, finding.part, finding.text));
            }
        }
        text.push_str(self.toml.as_deref().unwrap_or_default());
    }
}

fn calendars(service: &Service) -> Vec<String> {
    let text = |schedule: &Schedule| match schedule {
        Schedule::Calendar(calendar) => Some(calendar.text().to_owned()),
        _ => None,
    };
    service.start_schedule.iter().filter_map(text).collect()
}

/// What became of a crontab, or of some units.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Import {
    /// Each line that runs something or is wrong, or each unit, in order.
    pub items: Vec<Imported>,
    /// What holds for all of them.
    pub remarks: Vec<String>,
}

impl Import {
    /// Returns the definition: a service for each item, under a comment that says where it comes from and
    /// what is different. What is impossible is a comment alone.
    pub fn to_toml(&self) -> String {
        let mut text = String::from("version = 1\n");
        for item in &self.items {
            text.push('\n');
            item.write(&mut text);
        }
        text
    }

    /// Returns how many items have a service.
    pub fn services(&self) -> usize {
        self.items.iter().filter(|item| item.toml.is_some()).count()
    }
}
