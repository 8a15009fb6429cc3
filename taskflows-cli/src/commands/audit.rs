//! `tf audit`, and how commands add to it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use taskflows_journal::{Journal, JournalEntry};
use taskflows_security::{AuditError, AuditLog, AuditQuery, AuditRecord, AuditResult, Role};

use super::logs::past;
use crate::arguments::{AuditArguments, Global};
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
        column("ACTION"),
        column("TARGET"),
        column("RESULT"),
        column("REASON"),
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
            or_dash(Some(record.action.clone())),
            or_dash(Some(record.target.join(" "))),
            Styled { text: record.result.to_string(), tone },
            or_dash(record.reason.clone()),
            or_dash(record.request_id.clone()),
        ]
    }

    fn name(&self) -> String {
        self.record.action.clone()
    }
}

pub(super) fn audit(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    arguments: &AuditArguments,
) -> Result<Exit, CliError> {
    let since: Option<Timestamp> = arguments.since.as_deref().map(|text| past(app, text)).transpose()?;
    let query = AuditQuery {
        since,
        who: arguments.who.clone(),
        action: arguments.action.clone(),
        failed: arguments.failed,
        limit: Some(arguments.number.get()),
    };
    let records = audit_log(app).read(&query)?;
    if records.is_empty() {
        ui.remark("No such records.");
    }
    let row =
        |record: AuditRecord| AuditRow { shown: show::past(record.time, (app.now)(), &app.display), record };
    let rows: Vec<AuditRow> = records.into_iter().map(row).collect();
    emit(ui, global.output, &rows)?;
    Ok(Exit::Ok)
}
