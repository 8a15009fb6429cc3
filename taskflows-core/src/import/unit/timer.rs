use super::convert::Conversion;
use super::file::Directives;
use super::service::is_length;
use crate::import::draft::Value;
use crate::{Section, TimeSpan};

/// How late a timer may fire where it says nothing; taskflows is earlier.
const ACCURACY: &str = "1min";

/// What becomes the first run of a period where it is one second.
const FIRST_RUNS: [(&str, &str); 2] = [("OnBootSec", "boot"), ("OnStartupSec", "login")];

/// What is passed through and starts the service apart from its schedule.
const FURTHER_RUNS: [(&str, &str); 3] = [
    (
        "OnBootSec",
        "starts it once more, at once where so much time has passed since boot when the timer is installed",
    ),
    (
        "OnStartupSec",
        "starts it once more, at once where so much time has passed since login when the timer is installed",
    ),
    ("OnActiveSec", "starts it once more, so long after the timer is installed"),
];

/// What a period may be counted from.
const PERIODS: [(&str, &str); 2] = [("OnUnitActiveSec", "start"), ("OnUnitInactiveSec", "finish")];

pub(super) fn convert(conversion: &mut Conversion<'_>, timer: &Directives) {
    let options = options(conversion, timer);
    let mut schedules: Vec<Value> = timer
        .values("Timer", "OnCalendar")
        .iter()
        .map(|calendar| {
            let persistent = timer.last("Timer", "Persistent").is_some_and(is_true);
            let mut table = vec![
                ("schedule".to_owned(), calendar.as_str().into()),
                ("persistent".to_owned(), Value::Truth(persistent)),
            ];
            table.extend(options.clone());
            Value::Table(table)
        })
        .collect();
    note(conversion, timer, "OnCalendar");
    note(conversion, timer, "Persistent");
    schedules.extend(periods(conversion, timer, &options));
    if schedules.is_empty() {
        let text = "a timer that elapses only after boot, login or its own start has no counterpart";
        conversion.impossible("Timer", text);
        return;
    }
    conversion.draft.set("start_schedule", Value::one_or_many(schedules));
    pass_the_rest(conversion, timer);
}

fn is_true(text: &str) -> bool {
    ["1", "yes", "y", "true", "t", "on"].iter().any(|word| word.eq_ignore_ascii_case(text))
}

fn note(conversion: &mut Conversion<'_>, timer: &Directives, key: &str) {
    conversion.finish("Timer", key);
    if !timer.values("Timer", key).is_empty() {
        conversion.exact(&format!("Timer.{key}"), "start_schedule");
    }
}

/// Returns how exactly every schedule of the timer is kept.
fn options(conversion: &mut Conversion<'_>, timer: &Directives) -> Vec<(String, Value)> {
    let accuracy = timer.last("Timer", "AccuracySec").unwrap_or(ACCURACY);
    // systemd takes no time at all for its least.
    let is_none = accuracy.parse::<TimeSpan>().is_ok_and(TimeSpan::is_zero);
    let mut options = vec![("accuracy".to_owned(), if is_none { "1us" } else { accuracy }.into())];
    let delay = timer.last("Timer", "RandomizedDelaySec").filter(|text| is_length(text));
    options.extend(delay.map(|delay| ("randomized_delay".to_owned(), delay.into())));
    note(conversion, timer, "AccuracySec");
    note(conversion, timer, "RandomizedDelaySec");
    options
}

fn periods(conversion: &mut Conversion<'_>, timer: &Directives, options: &[(String, Value)]) -> Vec<Value> {
    let repeats = PERIODS.iter().any(|(key, _)| !timer.values("Timer", key).is_empty());
    let is_a_second = |text: &String| text.parse::<TimeSpan>() == Ok(TimeSpan::from_secs(1));
    let first = FIRST_RUNS.iter().find(|(key, _)| {
        let values = timer.values("Timer", key);
        repeats && values.len() == 1 && values.iter().all(is_a_second)
    });
    if let Some((key, _)) = first {
        note(conversion, timer, key);
    }
    let mut start_on = first.map_or("command", |(_, word)| word);
    let mut schedules = Vec::new();
    for (key, relative_to) in PERIODS {
        for period in timer.values("Timer", key) {
            let mut table = vec![
                ("start_on".to_owned(), start_on.into()),
                ("period".to_owned(), period.as_str().into()),
                ("relative_to".to_owned(), relative_to.into()),
            ];
            table.extend(options.iter().cloned());
            schedules.push(Value::Table(table));
            // The first run is said once.
            start_on = "command";
        }
        note(conversion, timer, key);
    }
    schedules
}

/// Passes other directives of the timer through, and tells what a timer of a definition cannot have.
fn pass_the_rest(conversion: &mut Conversion<'_>, timer: &Directives) {
    conversion.finish("Timer", "Unit");
    for (section, key, values) in timer.iter() {
        let part = format!("{section}.{key}");
        match (section, key) {
            ("Timer", "Unit") => {}
            ("Timer", key) if conversion.is_done("Timer", key) => {}
            ("Timer", key) => {
                conversion.pass(Section::Timer, key, values);
                if let Some((_, when)) = FURTHER_RUNS.iter().find(|(own, _)| *own == key) {
                    conversion.approximate(&part, when);
                }
            }
            ("Install", "WantedBy") if values == ["timers.target"] => {
                conversion.exact("Install.WantedBy", "the same")
            }
            ("Unit", "Description") => {
                conversion.exact("Unit.Description", "the timer is described by the service's name")
            }
            (section, key) if section.starts_with("X-") || key.starts_with("X-") => {}
            _ => conversion.approximate(&part, "of the timer, left out"),
        }
    }
}
