use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use taskflows_alerts::task_events::length;
use taskflows_core::monitor::{Finding, Memory, MissedReason, Trouble};

use crate::arguments::Format;
use crate::output::{Column, Row, Styled, Tone, column, emit, wide};
use crate::{CliError, Ui, show};

/// A line of `tf monitor check`.
#[derive(Serialize)]
struct FindingRow {
    service: String,
    /// `missed`, `slow`, `settled`.
    state: &'static str,
    /// `overdue`, `host-off`, `timer-dead`, `timer-disabled`, `timer-gone`, `never-again`, `slow`.
    reason: &'static str,
    /// When the run was due; null where none was.
    due: Option<Timestamp>,
    /// When it was first told; null where it is settled.
    since: Option<Timestamp>,
    /// How it was settled: `well`, `switched-off`, `removed`, `replaced`.
    settled: Option<&'static str>,
    took_seconds: Option<f64>,
    usual_seconds: Option<f64>,
    /// What it is known by, the same at each look.
    id: String,
    message: String,
    #[serde(skip)]
    tone: Tone,
    #[serde(skip)]
    told: String,
}

impl Row for FindingRow {
    const COLUMNS: &'static [Column] =
        &[column("SERVICE"), column("STATE"), column("WHAT"), column("SINCE"), wide("ID")];

    fn cells(&self) -> Vec<Styled> {
        let state = Styled { text: self.state.to_owned(), tone: self.tone };
        vec![
            self.service.as_str().into(),
            state,
            self.message.as_str().into(),
            self.told.as_str().into(),
            self.id.as_str().into(),
        ]
    }

    fn name(&self) -> String {
        self.service.clone()
    }
}

/// Writes what a look found.
pub(super) fn findings(
    ui: &mut Ui<'_>,
    format: Format,
    findings: &[Finding],
    now: Timestamp,
    zone: &TimeZone,
) -> Result<(), CliError> {
    let rows: Vec<FindingRow> = findings.iter().map(|finding| row(finding, now, zone)).collect();
    emit(ui, format, &rows)
}

/// Writes what stands since a look before.
pub(super) fn standing(
    ui: &mut Ui<'_>,
    format: Format,
    memory: &Memory,
    now: Timestamp,
    zone: &TimeZone,
) -> Result<(), CliError> {
    let finding = |one: &taskflows_core::monitor::Standing| Finding::Trouble {
        service: one.service.clone(),
        trouble: one.trouble.clone(),
        since: one.since,
    };
    findings(ui, format, &memory.standing.iter().map(finding).collect::<Vec<_>>(), now, zone)
}

fn row(finding: &Finding, now: Timestamp, zone: &TimeZone) -> FindingRow {
    let (reason, due, took, usual) = match finding.trouble() {
        Trouble::Missed(reason) => (reason.as_str(), reason.due(), None, None),
        Trouble::Slow { took, usual, .. } => ("slow", None, Some(took.as_secs_f64()), *usual),
    };
    let words = words(finding.trouble(), zone);
    let (state, tone, since, settled) = match finding {
        Finding::Trouble { trouble: Trouble::Slow { .. }, since, .. } => {
            ("slow", Tone::Busy, Some(*since), None)
        }
        Finding::Trouble { since, .. } => ("missed", Tone::Bad, Some(*since), None),
        Finding::Settled { how, .. } => ("settled", Tone::Good, None, Some(how.as_str())),
    };
    FindingRow {
        service: finding.service().to_string(),
        state,
        reason,
        due,
        since,
        settled,
        took_seconds: took,
        usual_seconds: usual.map(|usual| usual.as_secs_f64()),
        id: finding.id(),
        message: match settled {
            Some(how) => format!("{}: {words}", how.replace('-', " ")),
            None => words,
        },
        tone,
        told: since.map(|since| show::ago(since, now)).unwrap_or_default(),
    }
}

fn words(trouble: &Trouble, zone: &TimeZone) -> String {
    let time = |time: Timestamp| show::full(time, zone);
    match trouble {
        Trouble::Missed(MissedReason::TimerIsGone) => "its timer is gone".to_owned(),
        Trouble::Missed(MissedReason::TimerIsDead) => "its timer does not run".to_owned(),
        Trouble::Missed(MissedReason::TimerIsDisabled) => {
            "its timer runs, but will not after a restart".to_owned()
        }
        Trouble::Missed(MissedReason::Overdue { due }) => format!("was due {}", time(*due)),
        Trouble::Missed(MissedReason::HostWasOff { due, back }) => {
            format!("was due {}, and the manager was off until {}", time(*due), time(*back))
        }
        Trouble::Missed(_) => "its timer has no time left and never had one".to_owned(),
        Trouble::Slow { took, usual, is_over, .. } => {
            let verb = if *is_over { "took" } else { "has been running for" };
            let usual = usual.map(|usual| format!(", usually {}", length(usual))).unwrap_or_default();
            format!("{verb} {}{usual}", length(*took))
        }
    }
}
