use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::elapse::ClockChanges;
use super::line::{Job, Line, When, runs_in_background, split_command};
use super::name::Names;
use super::runs::{CronTimes, Difference};
use crate::import::draft::{Draft, Value};
use crate::import::imported::{Import, Imported, RUNS};
use crate::import::verdict::Finding;
use crate::schedule::{CalendarSpec, Zones};
use crate::{Section, VariableName, VariableValue};

/// What a job finds in its environment where the crontab says nothing else: crontab(5).
const DEFAULTS: [(&str, &str); 2] = [("PATH", "/usr/bin:/bin"), ("SHELL", "/bin/sh")];

/// Variables that speak to cron itself. It sets the last two and lets nobody change them.
const CRONS_OWN: [&str; 8] = [
    "MAILTO",
    "MAILFROM",
    "CONTENT_TYPE",
    "CONTENT_TRANSFER_ENCODING",
    "CRON_TZ",
    "RANDOM_DELAY",
    "LOGNAME",
    "USER",
];

/// A crontab, and what has to be known of it besides its text.
#[derive(Clone, Copy, Debug, Default)]
pub struct Crontab<'a> {
    /// Its lines.
    pub text: &'a str,
    /// A user stands before each command, as in `/etc/crontab` and the files of `/etc/cron.d`.
    pub has_user_column: bool,
    /// Who will own the services, and who owns a crontab without users.
    pub user: Option<&'a str>,
    /// The services will be the machine's, not a user's.
    pub system_scope: bool,
}

/// Makes a service of each line of a crontab that runs something.
///
/// A line that is wrong has a finding with its column, and stops no other.
///
/// ```
/// use taskflows_core::import::{Crontab, Verdict, import_crontab};
/// use taskflows_core::schedule::Zones;
///
/// let zones = Zones::new(jiff::tz::TimeZoneDatabase::bundled(), jiff::tz::TimeZone::UTC);
/// let crontab = Crontab { text: "30 2 * * 1-5 /opt/backup.sh --all\n", ..Crontab::default() };
/// let import = import_crontab(&crontab, "2026-11-24T12:00:00Z".parse()?, &zones);
/// assert_eq!(import.items[0].verdict(), Verdict::Exact);
/// assert_eq!(import.items[0].name.as_deref(), Some("backup"));
/// assert_eq!(import.items[0].schedules, ["Mon..Fri *-*-* 02:30"]);
/// assert_eq!(import.items[0].old, import.items[0].new);
/// # Ok::<(), jiff::Error>(())
/// ```
pub fn import_crontab(crontab: &Crontab<'_>, now: Timestamp, zones: &Zones) -> Import {
    let mut reader = Reader { crontab, now, zones, variables: BTreeMap::new(), names: Names::default() };
    let text = crontab.text.strip_prefix('\u{feff}').unwrap_or(crontab.text);
    let lines = text.split('\n').enumerate();
    let items: Vec<Imported> = lines.filter_map(|(index, line)| reader.line(index + 1, line)).collect();
    let remarks = if items.iter().any(|item| item.toml.is_some()) { reader.remarks() } else { Vec::new() };
    Import { items, remarks }
}

struct Reader<'a> {
    crontab: &'a Crontab<'a>,
    now: Timestamp,
    zones: &'a Zones,
    variables: BTreeMap<&'a str, &'a str>,
    names: Names,
}

impl<'a> Reader<'a> {
    /// Reads a line; nothing comes of one that runs nothing.
    fn line(&mut self, number: usize, line: &'a str) -> Option<Imported> {
        let text = line.strip_suffix('\r').unwrap_or(line);
        let mut item = Imported::new(format!("line {number}"), text.trim());
        match Line::parse(text, self.crontab.has_user_column) {
            Ok(Line::Empty) => return None,
            Ok(Line::Variable { name, value }) => {
                let refusal = name.parse::<VariableName>().err().or(value.parse::<VariableValue>().err());
                let Some(error) = refusal else {
                    self.variables.insert(name, value);
                    return None;
                };
                let text = format!("no service gets this variable: {error}");
                item.findings.push(Finding::approximate("environment", text));
            }
            Ok(Line::Job(job)) => {
                if text.len() < line.len() {
                    let kept =
                        "the carriage return at the end of the line is left out; cron hands it to the shell";
                    item.findings.push(Finding::approximate("command", kept));
                }
                self.job(&mut item, &job);
            }
            Err(error) => {
                let column = text[..error.offset()].chars().count() + 1;
                let finding = Finding::impossible("line", error.message());
                item.findings.push(Finding { column: Some(column), ..finding });
            }
        }
        Some(item)
    }

    fn variable(&self, name: &str) -> Option<&'a str> {
        self.variables.get(name).copied().filter(|value| !value.is_empty())
    }

    fn job(&mut self, item: &mut Imported, job: &Job<'_>) {
        let (command, input) = split_command(job.command);
        let mut draft = Draft::new(self.names.name(&command));
        let shell = self.variable("SHELL").unwrap_or("/bin/sh");
        let leaves_behind = runs_in_background(&command);
        draft.set("start_command", vec![shell.to_owned(), "-c".to_owned(), command]);
        self.schedule(item, &mut draft, job);
        self.environment(&mut draft);
        self.user(item, &mut draft, job);
        if let Some(input) = input.filter(|input| !input.is_empty()) {
            pass_input(&mut draft, &input);
            item.findings.push(Finding::exact("%", "what follows is its standard input"));
        }
        if leaves_behind {
            draft.pass(Section::Service, "KillMode", vec!["process".to_owned()]);
            item.findings.push(Finding::exact("&", "what it leaves in the background goes on"));
        }
        if job.quiet {
            item.findings.push(Finding::approximate("-", "systemd notes every start in the journal"));
        }
        if let Some(address) = self.variable("MAILTO") {
            let text = format!("no mail goes to {address}; `tf logs {}` shows what it writes", draft.name);
            item.findings.push(Finding::approximate("MAILTO", text));
        }
        item.settle(&draft, self.now, self.zones);
    }

    fn schedule(&self, item: &mut Imported, draft: &mut Draft, job: &Job<'_>) {
        let When::Times(expression) = job.when else { return self.at_boot(item, draft) };
        if !expression.ever_fits() {
            item.findings.push(Finding::impossible("time", "such a day never comes, so cron never runs it"));
            return;
        }
        let (zone, zone_name) = match self.variable("CRON_TZ") {
            None => (self.host_zone(), None),
            Some(name) => match self.zones.named(name) {
                Ok(zone) => (zone, Some(name.to_owned())),
                Err(error) => {
                    item.findings.push(Finding::impossible("CRON_TZ", error.to_string()));
                    return;
                }
            },
        };
        let changes = if zone_name.is_some() { ClockChanges::AsShown } else { ClockChanges::MadeUp };
        let times = CronTimes { expression, zone, zone_name, changes };
        item.old = times.first(self.now, RUNS);
        let (calendars, difference) = times.calendars(self.now, self.zones);
        if let Some(difference) = difference {
            item.findings.push(Finding::approximate("time", describe(&difference, &times.zone)));
        } else if calendars.iter().any(|calendar| calendar.ends_with(" UTC")) && times.zone != TimeZone::UTC {
            item.findings
                .push(Finding::exact("time", "it stands in UTC, which no change of the clocks touches"));
        }
        let delay = self.random_delay(item);
        let schedules = calendars.into_iter().map(|calendar| schedule(calendar, delay));
        draft.set("start_schedule", Value::one_or_many(schedules.collect()));
    }

    fn at_boot(&self, item: &mut Imported, draft: &mut Draft) {
        draft.set("enabled", Value::Truth(true));
        item.findings.push(match self.crontab.system_scope {
            true => Finding::exact("@reboot", "it starts at boot"),
            false => Finding::approximate(
                "@reboot",
                "it starts with your user manager: at boot where lingering is on, else at your first login",
            ),
        });
    }

    fn random_delay(&self, item: &mut Imported) -> Option<u64> {
        let text = self.variable("RANDOM_DELAY")?;
        match text.parse::<u64>() {
            Ok(0) => None,
            Ok(minutes) => {
                let text = "cron draws one delay when it starts, systemd a new one for each run";
                item.findings.push(Finding::approximate("RANDOM_DELAY", text));
                Some(minutes)
            }
            Err(_) => {
                let text = format!("{} is no number of minutes and is left out", crate::name::Quoted(text));
                item.findings.push(Finding::approximate("RANDOM_DELAY", text));
                None
            }
        }
    }

    fn host_zone(&self) -> TimeZone {
        // An expression without a zone is in the host's.
        let spec = "daily".parse::<CalendarSpec>().ok();
        spec.and_then(|spec| self.zones.resolve(&spec).ok()).unwrap_or(TimeZone::UTC)
    }

    fn environment(&self, draft: &mut Draft) {
        let mut variables: BTreeMap<&str, &str> = DEFAULTS.into_iter().collect();
        let is_kept = |name: &str, value: &str| {
            let takes_default = value.is_empty() && DEFAULTS.iter().any(|(own, _)| *own == name);
            !CRONS_OWN.contains(&name) && !takes_default
        };
        variables.extend(self.variables.iter().filter(|(name, value)| is_kept(name, value)));
        let entries = variables.into_iter().map(|(name, value)| (name.to_owned(), value.into()));
        draft.set("env", Value::Table(entries.collect()));
        if let Some(home) = self.variable("HOME") {
            draft.set("working_directory", home);
        }
    }

    /// Says whose process it is, which a user's own manager does not ask.
    fn user(&self, item: &mut Imported, draft: &mut Draft, job: &Job<'_>) {
        let system = self.crontab.system_scope;
        let user = match job.user {
            Some(user) if system || Some(user) != self.crontab.user => Some(user),
            None if system => self.crontab.user,
            _ => None,
        };
        let Some(user) = user else {
            if !draft.has("working_directory") {
                draft.set("working_directory", "~");
            }
            return;
        };
        draft.pass(Section::Service, "User", vec![user.to_owned()]);
        if !draft.has("working_directory") {
            // The home of that user, where `working_directory` would be the manager's.
            draft.pass(Section::Service, "WorkingDirectory", vec!["~".to_owned()]);
        }
        if !system {
            let text = format!("it runs as {user}, which takes `--scope system` here and at `tf create`");
            item.findings.push(Finding::approximate("user", text));
        }
    }

    fn remarks(&self) -> Vec<String> {
        let mut remarks: Vec<String> = [
            "cron goes on: take its lines out once the services are installed",
            "systemd starts no second run while one goes on; cron does",
            "what a job leaves behind without `&` ends with it; under cron it goes on",
            "what a job writes is in the journal (`tf logs`); cron mails it",
            "a service has cron's PATH, SHELL and HOME, and the rest from the manager",
        ]
        .map(str::to_owned)
        .into();
        if self.variables.contains_key("TZ") {
            let text = "TZ reaches the commands; cron's times are in the host's zone all the same";
            remarks.push(text.to_owned());
        }
        remarks
    }
}

fn schedule(calendar: String, delay: Option<u64>) -> Value {
    // What cron misses while the machine is off it does not make up for.
    let mut entries =
        vec![("schedule".to_owned(), calendar.into()), ("persistent".to_owned(), Value::Truth(false))];
    entries.extend(delay.map(|minutes| ("randomized_delay".to_owned(), format!("{minutes}min").into())));
    Value::Table(entries)
}

fn describe(difference: &Difference, zone: &TimeZone) -> String {
    let at = difference.at.to_zoned(zone.clone());
    let day = at.strftime("%Y-%m-%d");
    match (difference.forward, difference.cron_runs) {
        (true, true) => {
            format!("on {day} the clocks skip its time: cron runs it just after, systemd leaves it out")
        }
        (false, true) => {
            format!("on {day} the clocks show its time twice: cron runs it both times, systemd the first")
        }
        (_, false) => format!("on {day} at {} systemd runs it and cron does not", at.strftime("%H:%M")),
    }
}

/// Gives the service its standard input: systemd.exec(5), `StandardInputText=`, which ends it with a newline.
fn pass_input(draft: &mut Draft, input: &str) {
    draft.pass(Section::Service, "StandardInput", vec!["data".to_owned()]);
    match input.strip_suffix('\n').unwrap_or(input) {
        // An empty text would take the input away; this is a newline in base 64.
        "" => draft.pass(Section::Service, "StandardInputData", vec!["Cg==".to_owned()]),
        text => draft.pass(Section::Service, "StandardInputText", vec![escaped(text)]),
    }
}

/// Writes text for a directive that takes escapes and specifiers. Spaces at the ends, which would be lost,
/// and a backslash at the end, which would join the next line, are written by number.
fn escaped(text: &str) -> String {
    let last = text.chars().count() - 1;
    let mut escaped = String::new();
    for (index, c) in text.chars().enumerate() {
        match c {
            '\\' if index < last => escaped.push_str("\\\\"),
            '%' => escaped.push_str("%%"),
            '\n' => escaped.push_str("\\n"),
            '\t' => escaped.push_str("\\t"),
            c if c == '\\' || c.is_ascii_control() || c == ' ' && (index == 0 || index == last) => {
                escaped.push_str(&format!("\\x{:02x}", u32::from(c)));
            }
            c => escaped.push(c),
        }
    }
    escaped
}
