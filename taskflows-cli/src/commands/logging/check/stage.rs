use std::time::{Duration, Instant};

use serde::{Serialize, Serializer};

use crate::output::{Column, Row, Styled, Tone, column};

/// How a stage ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum StageResult {
    Ok,
    Failed,
    Skipped,
}

/// One stage of the way, and what was found out about it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Stage {
    pub(super) stage: &'static str,
    pub(super) result: StageResult,
    /// How long it took; for a way to Loki that is how late the line arrived.
    #[serde(rename = "duration_ms", serialize_with = "milliseconds")]
    pub(super) took: Duration,
    pub(super) detail: String,
    /// What can be done about it.
    pub(super) hint: Option<String>,
}

fn milliseconds<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
}

/// What went wrong, and what can be done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) reason: String,
    pub(super) hint: Option<String>,
}

impl Fault {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), hint: None }
    }

    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

impl Stage {
    /// Tells how a stage that began then ended.
    pub(super) fn ended(stage: &'static str, began: Instant, end: Result<String, Fault>) -> Self {
        let took = began.elapsed();
        match end {
            Ok(detail) => Self { stage, result: StageResult::Ok, took, detail, hint: None },
            Err(Fault { reason, hint }) => {
                Self { stage, result: StageResult::Failed, took, detail: reason, hint }
            }
        }
    }

    pub(super) fn skipped(stage: &'static str, why: impl Into<String>) -> Self {
        Self { stage, result: StageResult::Skipped, took: Duration::ZERO, detail: why.into(), hint: None }
    }
}

/// Writes a short length of time: `12 ms`, `1.3 s`.
pub(super) fn shown(span: Duration) -> String {
    match span.as_millis() {
        millis if millis < 1_000 => format!("{millis} ms"),
        _ => format!("{:.1} s", span.as_secs_f64()),
    }
}

impl Row for Stage {
    const COLUMNS: &'static [Column] = &[column("STAGE"), column("RESULT"), column("TOOK"), column("DETAIL")];

    fn cells(&self) -> Vec<Styled> {
        let (word, tone) = match self.result {
            StageResult::Ok => ("ok", Tone::Good),
            StageResult::Failed => ("failed", Tone::Bad),
            StageResult::Skipped => ("skipped", Tone::Faint),
        };
        let took = if self.result == StageResult::Skipped { "-".to_owned() } else { shown(self.took) };
        vec![
            self.stage.into(),
            Styled { text: word.to_owned(), tone },
            took.into(),
            self.detail.clone().into(),
        ]
    }

    fn name(&self) -> String {
        self.stage.to_owned()
    }
}
