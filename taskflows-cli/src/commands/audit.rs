//! `tf audit`, and how commands add to it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use taskflows_journal::{Journal, JournalEntry};
use taskflows_security::{AuditError, AuditLog, AuditQuery, AuditRecord, AuditResult, Role};

use super::logs::past;
use crate::arguments::{AuditArguments, Format, Global};
use crate::error::chain;
use crate::output::{Column, Row, Styled, Tone, column, emit, whole, wide};
use crate::ui::harmless;
use crate::{App, CliError, Exit, Ui, show};

/// How long a busy journal is waited for; the file has the record anyway.
const PATIENCE: Duration = Duration::from_millis(200);

/// Returns the audit log of this host; each record is told to the journal as well.
pub(crate) fn audit_log(app: &App) -> AuditLog {
    AuditLog::new(&app.data_directory).with(Arc::new(tell_journal))
}

fn tell_journal(record: &AuditRecord) {
    let failed = matches!(record.result, AuditResult::Failed | AuditResult::Refused);
    let who = record.who.as_deref().unwrap_or("nobody known");
    let message = format!("{who}: {} {} ({})", record.action, record.target.join(" "), record.result);
    let mut entry = JournalEntry::default()
        .with("MESSAGE", harmless(&message))
        .with("PRIORITY", if failed { "4" } else { "5" })
        .with("SYSLOG_IDENTIFIER", "taskflows-audit")
        .with("TASKFLOWS_AUDIT_ACTION", &record.action)
        .with("TASKFLOWS_AUDIT_RESULT", record.result.as_str());
    let fields = [
        ("TASKFLOWS_AUDIT_WHO", &record.who),
        ("TASKFLOWS_AUDIT_CLAIMED", &record.claimed),
        ("TASKFLOWS_AUDIT_ADDRESS", &record.address),
        ("TASKFLOWS_AUDIT_REQUEST", &record.request_id),
        ("TASKFLOWS_AUDIT_REASON", &record.reason),
    ];
    for (name, value) in fields {
        if let Some(value) = value {
            entry.add(name, value.as_bytes());
        }
    }
    if let Some(role) = record.role {
        entry.add("TASKFLOWS_AUDIT_ROLE", role.as_str().as_bytes());
    }
    // Where there is no journal, the file alone has it.
    let _ = Journal::open(PATIENCE).and_then(|journal| journal.send(&entry));
}

/// Does something that changes this host's settings, with a record before and after it.
///
/// # Errors
/// What `change` reports; and when it cannot be recorded, in which case nothing is changed.
pub(super) fn recorded<T>(
    app: &App,
    action: &str,
    target: &[&str],
    change: impl FnOnce() -> Result<T, CliError>,
) -> Result<T, CliError> {
    let log = audit_log(app);
    let target: Vec<String> = target.iter().map(|name| (*name).to_owned()).collect();
    let record = |result| AuditRecord {
        target: target.clone(),
        ..AuditRecord::new((app.now)(), action, result).by(own_name(app), Role::Admin)
    };
    log.begin(&record(AuditResult::Begun))?;
    let changed = change();
    let result = match &changed {
        Ok(_) => record(AuditResult::Done),
        Err(error) => AuditRecord { reason: Some(error.message.clone()), ..record(AuditResult::Failed) },
    };
    let ended = log.append(&result);
    let value = changed?;
    ended?;
    Ok(value)
}

/// Returns who runs this command; that it is them the operating system has seen to.
fn own_name(app: &App) -> String {
    let uid = rustix::process::getuid().as_raw();
    (app.variable)("USER").filter(|name| !name.is_empty()).unwrap_or_else(|| format!("uid {uid}"))
}

impl From<AuditError> for CliError {
    fn from(error: AuditError) -> Self {
        Self::new(Exit::Failed, chain(&error))
    }
}

#[derive(Serialize)]
struct AuditRow {
    #[serde(flatten)]
    record: AuditRecord,
    #[serde(skip)]
    shown: String,
}

impl Row for AuditRow {
    const COLUMNS: &'static [Column] = &[
        whole("TIME", 18),
        column("WHO"),
        wide("ROLE"),
        wide("FROM"),
        whole("WHAT", 26),
        column("RESULT"),
        wide("ACTION"),
        wide("REQUEST"),
    ];

    fn cells(&self) -> Vec<Styled> {
        let record = &self.record;
        let or_dash = |text: Option<String>| match text {
            Some(text) if !text.is_empty() => Styled::from(harmless(&text)),
            _ => Styled { text: "-".to_owned(), tone: Tone::Faint },
        };
        let who = match (&record.who, &record.claimed) {
            (Some(who), Some(claimed)) => Some(format!("{who} ({claimed}?)")),
            (who, claimed) => who.clone().or_else(|| claimed.as_ref().map(|name| format!("{name}?"))),
        };
        let tone = match record.result {
            AuditResult::Done => Tone::Good,
            AuditResult::Begun => Tone::Busy,
            AuditResult::Failed | AuditResult::Refused => Tone::Bad,
        };
        vec![
            self.shown.as_str().into(),
            or_dash(who),
            or_dash(record.role.map(|role| role.to_string())),
            or_dash(record.address.clone()),
            or_dash(Some(what(record))),
            Styled { text: harmless(&result(record)), tone },
            or_dash(Some(record.action.clone())),
            or_dash(record.request_id.clone()),
        ]
    }

    fn name(&self) -> String {
        self.record.action.clone()
    }
}

/// Says what was asked for in few words: `start web` for `POST /api/services/web/start`.
fn what(record: &AuditRecord) -> String {
    let targets = record.target.join(", ");
    let Some((method, path)) = record.action.split_once(' ') else {
        return format!("{} {}", record.action, record.target.join(" ")).trim_end().to_owned();
    };
    let path = path.strip_prefix("/api/").unwrap_or(path.trim_start_matches('/'));
    if let Some((name, verb)) = path.strip_prefix("services/").and_then(|rest| rest.rsplit_once('/')) {
        return format!("{verb} {name}");
    }
    match (method, path) {
        // Each of its targets says what is done to it.
        ("POST", "batch") if !targets.is_empty() => targets,
        ("POST", _) => format!("{path} {targets}").trim_end().to_owned(),
        _ => format!("{} {path} {targets}", method.to_lowercase()).trim_end().to_owned(),
    }
}

/// Says what became of it, and why in words: `failed: own-service`.
fn result(record: &AuditRecord) -> String {
    let Some(reason) = record.reason.as_deref().filter(|reason| !reason.is_empty()) else {
        return record.result.to_string();
    };
    let is_status = |text: &str| text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    let words = match reason.split_once(": ") {
        Some((status, words)) if is_status(status) => words,
        _ => match reason {
            "400" => "malformed",
            "401" => "not recognised",
            "403" => "not allowed",
            "404" => "not found",
            "409" => "conflict",
            "422" => "invalid",
            "429" => "too many",
            "500" => "internal error",
            "502" => "unreachable",
            "503" => "busy",
            "504" => "timed out",
            other => other,
        },
    };
    format!("{}: {words}", record.result)
}

/// Makes one of the two records that a change has, where both are there: when it began, and what became of it.
fn paired(records: Vec<AuditRecord>) -> Vec<AuditRecord> {
    let mut begun: HashMap<(Option<String>, Option<String>, String), Vec<usize>> = HashMap::new();
    let mut paired: Vec<AuditRecord> = Vec::with_capacity(records.len());
    for record in records {
        let key = (record.request_id.clone(), record.who.clone(), record.action.clone());
        if record.result == AuditResult::Begun {
            begun.entry(key).or_default().push(paired.len());
        } else if let Some(index) = begun.get_mut(&key).and_then(Vec::pop) {
            paired[index] = AuditRecord { time: paired[index].time, ..record };
            continue;
        }
        paired.push(record);
    }
    paired
}

pub(super) fn audit(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    arguments: &AuditArguments,
) -> Result<Exit, CliError> {
    let since: Option<Timestamp> = arguments.since.as_deref().map(|text| past(app, text)).transpose()?;
    let number = arguments.number.get();
    let is_table = matches!(global.output, Format::Table | Format::Wide);
    let query = AuditQuery {
        since,
        who: arguments.who.clone(),
        action: arguments.action.clone(),
        failed: arguments.failed,
        // Two records may become one line.
        limit: Some(if is_table { number.saturating_mul(2) } else { number }),
    };
    let mut records = audit_log(app).read(&query)?;
    if records.is_empty() {
        ui.remark("No such records.");
    }
    if is_table {
        records = paired(records);
        records.drain(..records.len().saturating_sub(number));
    }
    let row =
        |record: AuditRecord| AuditRow { shown: show::past(record.time, (app.now)(), &app.display), record };
    let rows: Vec<AuditRow> = records.into_iter().map(row).collect();
    emit(ui, global.output, &rows)?;
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(action: &str, target: &[&str], result: AuditResult, reason: Option<&str>) -> AuditRecord {
        AuditRecord {
            target: target.iter().map(|name| (*name).to_owned()).collect(),
            reason: reason.map(str::to_owned),
            ..AuditRecord::new(Timestamp::UNIX_EPOCH, action, result)
        }
    }

    #[test]
    fn what_was_asked_is_told_in_few_words() {
        for (action, target, expected) in [
            ("POST /api/services/web/start", &[][..], "start web"),
            ("POST /api/batch", &["stop a", "stop b"], "stop a, stop b"),
            ("POST /api/batch", &[], "batch"),
            ("POST /api/apply", &["a"], "apply a"),
            ("DELETE /api/tokens/ops", &[], "delete tokens/ops"),
            ("POST /auth/login", &[], "auth/login"),
            ("token.create", &["ops", "admin"], "token.create ops admin"),
            ("security.setup", &[], "security.setup"),
        ] {
            assert_eq!(what(&record(action, target, AuditResult::Done, None)), expected);
        }
    }

    #[test]
    fn what_became_of_it_is_told_in_words() {
        for (reason, expected) in [
            (None, "failed"),
            (Some("409: own-service"), "failed: own-service"),
            (Some("404"), "failed: not found"),
            (Some("a grace is at most 30 days"), "failed: a grace is at most 30 days"),
            (Some("could not write: disk full"), "failed: could not write: disk full"),
        ] {
            assert_eq!(result(&record("x", &[], AuditResult::Failed, reason)), expected);
        }
    }

    #[test]
    fn a_change_is_one_line_and_one_without_an_end_stays_begun() {
        let at = |second, id: Option<&str>, result| AuditRecord {
            time: Timestamp::from_second(second).unwrap(),
            request_id: id.map(str::to_owned),
            ..record("x", &[], result, None)
        };
        use AuditResult::{Begun, Done, Failed};
        let lines = paired(vec![
            at(1, Some("a"), Begun),
            at(2, Some("b"), Begun),
            at(3, None, Begun),
            at(4, Some("a"), Done),
            at(5, Some("c"), Failed),
            at(6, None, Done),
        ]);
        let told: Vec<_> = lines.iter().map(|one| (one.time.as_second(), one.result)).collect();
        assert_eq!(told, [(1, Done), (2, Begun), (3, Done), (5, Failed)]);
    }
}
