use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::file::Directives;
use super::words::name_specifier;
use super::{service, timer};
use crate::Section;
use crate::import::cron::{Names, upcoming};
use crate::import::draft::{Draft, Value};
use crate::import::imported::{Import, Imported, RUNS};
use crate::import::verdict::Finding;
use crate::schedule::Zones;

/// A unit: its name, and the text of its file and, after it, of its drop-ins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitText {
    /// Such as `backup.service`.
    pub name: String,
    /// As `systemctl cat` shows it.
    pub text: String,
}

/// A service, and what starts it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitPair {
    /// What runs.
    pub service: UnitText,
    /// When it runs.
    pub timer: Option<UnitText>,
    /// Whether the service itself is enabled; where that is `None`, its `[Install]` section tells.
    pub enabled: Option<bool>,
    /// Whether the timer is enabled, where that is known.
    pub timer_enabled: Option<bool>,
    /// Other units that start it, such as `web.socket`.
    pub triggers: Vec<String>,
}

/// Returns the name of the service that a timer starts.
///
/// ```
/// use taskflows_core::import::{UnitText, started_by};
///
/// let timer = UnitText { name: "backup.timer".to_owned(), text: "[Timer]\nOnCalendar=daily\n".to_owned() };
/// assert_eq!(started_by(&timer), "backup.service");
/// ```
pub fn started_by(timer: &UnitText) -> String {
    let stem = timer.name.strip_suffix(".timer").unwrap_or(&timer.name);
    let directives = Directives::read(&timer.text);
    directives.last("Timer", "Unit").map_or_else(|| format!("{stem}.service"), str::to_owned)
}

/// Makes a service of a definition of each service with its timer.
///
/// Each directive has a finding: which field it became, or that it is passed through to the new unit as it
/// stands, and what is different.
///
/// ```
/// use taskflows_core::import::{UnitPair, UnitText, Verdict, import_units};
/// use taskflows_core::schedule::Zones;
///
/// let zones = Zones::new(jiff::tz::TimeZoneDatabase::bundled(), jiff::tz::TimeZone::UTC);
/// let unit = |name: &str, text: &str| UnitText { name: name.to_owned(), text: text.to_owned() };
/// let pair = UnitPair {
///     service: unit("backup.service", "[Service]\nType=oneshot\nExecStart=/opt/backup --all\n"),
///     timer: Some(unit("backup.timer", "[Timer]\nOnCalendar=daily\n")),
///     ..UnitPair::default()
/// };
/// let import = import_units(&[pair], "2026-11-24T12:00:00Z".parse()?, &zones);
/// assert_eq!(import.items[0].verdict(), Verdict::Exact);
/// assert_eq!(import.items[0].schedules, ["daily"]);
/// # Ok::<(), jiff::Error>(())
/// ```
pub fn import_units(pairs: &[UnitPair], now: Timestamp, zones: &Zones) -> Import {
    let mut names = Names::default();
    let mut name = |pair: &UnitPair| {
        let unit = pair.service.name.as_str();
        (unit.to_owned(), names.of_unit(unit.strip_suffix(".service").unwrap_or(unit)))
    };
    let named: BTreeMap<String, String> = pairs.iter().map(&mut name).collect();
    let items: Vec<Imported> = pairs.iter().map(|pair| import(pair, &named, now, zones)).collect();
    let remarks = if items.iter().any(|item| item.toml.is_some()) { remarks(pairs) } else { Vec::new() };
    Import { items, remarks }
}

fn remarks(pairs: &[UnitPair]) -> Vec<String> {
    let enabled = |pair: &UnitPair| match &pair.timer {
        Some(timer) => timer.name.clone(),
        None => pair.service.name.clone(),
    };
    let units: Vec<String> = pairs.iter().map(enabled).collect();
    vec![
        format!("disable the old units once the new ones are installed: {}", units.join(" ")),
        "the new units have other names, log to the journal, and set PYTHONUNBUFFERED=1".to_owned(),
    ]
}

fn import(pair: &UnitPair, named: &BTreeMap<String, String>, now: Timestamp, zones: &Zones) -> Imported {
    let files = match &pair.timer {
        Some(timer) => format!("{} and {}", pair.service.name, timer.name),
        None => pair.service.name.clone(),
    };
    let name = named.get(&pair.service.name).cloned().unwrap_or_default();
    let mut conversion = Conversion {
        item: Imported::new(&pair.service.name, files),
        draft: Draft::new(name),
        done: BTreeSet::new(),
        named,
    };
    conversion.foresee(pair);
    let directives = Directives::read(&pair.service.text);
    service::convert(&mut conversion, &directives);
    conversion.install(&directives, pair.enabled);
    if let Some(text) = &pair.timer {
        let timer = Directives::read(&text.text);
        timer::convert(&mut conversion, &timer);
        if pair.timer_enabled == Some(false) {
            let now = "it is not enabled now, and the new one will be (`tf disable`)";
            conversion.approximate(&text.name, now);
        }
        conversion.item.old = upcoming(timer.values("Timer", "OnCalendar"), now, zones).take(RUNS).collect();
    }
    conversion.pass_the_rest(&directives);
    let Conversion { mut item, draft, .. } = conversion;
    item.settle(&draft, now, zones);
    item
}

/// A definition as it grows out of the directives of a unit.
pub(super) struct Conversion<'a> {
    pub(super) item: Imported,
    pub(super) draft: Draft,
    /// The directives that have become a field.
    done: BTreeSet<(String, String)>,
    /// The units that are imported, each with its new name.
    pub(super) named: &'a BTreeMap<String, String>,
}

impl Conversion<'_> {
    /// Tells what stands against the whole.
    fn foresee(&mut self, pair: &UnitPair) {
        let name = &pair.service.name;
        if name.contains('@') {
            self.impossible(
                "unit",
                "a template stands for many units, and a service of a definition for one",
            );
        }
        if !name.ends_with(".service") {
            self.impossible("unit", "only services and timers have a counterpart");
        }
        if pair.service.text.contains("\nX-Taskflows-Version=") {
            self.impossible("unit", "it was written by taskflows, from a definition");
        }
        for trigger in &pair.triggers {
            match trigger.ends_with(".socket") {
                true => self.impossible(trigger, "a service that a socket starts has no counterpart"),
                false => self.approximate(trigger, "it starts the old unit, and not the new one"),
            }
        }
    }

    pub(super) fn impossible(&mut self, part: &str, text: &str) {
        self.item.findings.push(Finding::impossible(part, text));
    }

    pub(super) fn approximate(&mut self, part: &str, text: &str) {
        self.item.findings.push(Finding::approximate(part, text));
    }

    pub(super) fn exact(&mut self, part: &str, text: &str) {
        self.item.findings.push(Finding::exact(part, text));
    }

    /// Notes that a directive has been seen to.
    pub(super) fn finish(&mut self, section: &str, key: &str) {
        self.done.insert((section.to_owned(), key.to_owned()));
    }

    /// Tells whether a directive has been seen to.
    pub(super) fn is_done(&self, section: &str, key: &str) -> bool {
        self.done.contains(&(section.to_owned(), key.to_owned()))
    }

    /// Notes that a directive, where it is set, is kept by a field.
    pub(super) fn keep(&mut self, directives: &Directives, section: &str, key: &str, field: &str) {
        self.finish(section, key);
        if !directives.values(section, key).is_empty() {
            self.exact(&format!("{section}.{key}"), field);
        }
    }

    /// Passes a directive through as it stands.
    pub(super) fn pass(&mut self, section: Section, key: &str, values: &[String]) {
        self.finish(section.as_str(), key);
        let part = format!("{section}.{key}");
        match values.iter().find_map(|value| name_specifier(value)) {
            Some(specifier) => {
                let text =
                    format!("passed through; its {specifier} stands for the name, which is another now");
                self.approximate(&part, &text);
            }
            None => self.exact(&part, "passed through"),
        }
        self.draft.pass(section, key, values.to_vec());
    }

    fn pass_the_rest(&mut self, directives: &Directives) {
        for (section, key, values) in directives.iter() {
            if section == "Install" || self.is_done(section, key) {
                continue;
            }
            match Section::from_text(section).filter(|section| *section != Section::Timer) {
                Some(section) => self.pass(section, key, values),
                // systemd itself leaves out what others keep in its files.
                None if section.starts_with("X-") || key.starts_with("X-") => {}
                None => self.approximate(&format!("{section}.{key}"), "a service has no such section"),
            }
        }
    }

    /// Reads when the service starts by itself, apart from its timer.
    fn install(&mut self, directives: &Directives, enabled: Option<bool>) {
        let mut wanted = directives.values("Install", "WantedBy").iter().peekable();
        if wanted.peek().is_some() {
            let targets: Vec<&str> = wanted.flat_map(|value| value.split_whitespace()).collect();
            match enabled {
                Some(false) => self.exact("Install.WantedBy", "left out: the unit is not enabled"),
                _ => {
                    self.draft.set("enabled", Value::Truth(true));
                    match targets.as_slice() {
                        ["default.target"] => self.exact("Install.WantedBy", "enabled"),
                        others => {
                            let text =
                                format!("it starts with default.target, not with {}", others.join(" "));
                            self.approximate("Install.WantedBy", &text);
                        }
                    }
                }
            }
        }
        for (section, key, _) in directives.iter() {
            if section == "Install" && key != "WantedBy" && !key.starts_with("X-") {
                self.approximate(&format!("Install.{key}"), "left out");
            }
        }
    }
}
