use taskflows_api::wire::{DoctorFinding, FindingSeverity};

use crate::arguments::{Format, Global};
use crate::output::{Tone, data, paint};
use crate::ui::harmless;
use crate::{App, CliError, Exit, Ui, show};

/// The column in which the words after a severity begin.
const INDENT: usize = 9;

/// Looks at everything and tells what is wrong with it.
pub(super) async fn doctor(ui: &mut Ui<'_>, app: &App, global: &Global) -> Result<Exit, CliError> {
    let findings = app.desk().doctor().await?;
    let shown = |finding: &&DoctorFinding| global.verbose > 0 || finding.severity > FindingSeverity::Ok;
    match global.output {
        Format::Table | Format::Wide => {
            for finding in findings.iter().filter(shown) {
                show_finding(ui, finding)?;
            }
            ui.remark(summary(&findings));
        }
        Format::Name => {
            for finding in findings.iter().filter(shown) {
                writeln!(ui.out, "{}", harmless(&finding.subject))?;
            }
        }
        format => data(ui, format, &findings)?,
    }
    let worst = findings.iter().map(|finding| finding.severity).max();
    Ok(if worst == Some(FindingSeverity::Error) { Exit::Failed } else { Exit::Ok })
}

fn show_finding(ui: &mut Ui<'_>, finding: &DoctorFinding) -> Result<(), CliError> {
    let tone = match finding.severity {
        FindingSeverity::Error => Tone::Bad,
        FindingSeverity::Warning => Tone::Busy,
        FindingSeverity::Info => Tone::Plain,
        FindingSeverity::Ok => Tone::Good,
    };
    let text = harmless(&format!("{}: {}", finding.subject, finding.message));
    let word = finding.severity.as_str();
    let gap = " ".repeat(INDENT - word.len());
    let lines = show::wrapped(&text, INDENT, ui.width);
    writeln!(ui.out, "{}{gap}{}", paint(ui.colour, tone, word), lines.trim_start())?;
    if let Some(remedy) = &finding.remedy {
        // In one piece, so that it can be copied.
        writeln!(ui.out, "{}fix: {}", " ".repeat(INDENT), harmless(remedy))?;
    }
    Ok(())
}

/// Writes `1 error, 2 warnings, 9 checks passed.`
fn summary(findings: &[DoctorFinding]) -> String {
    let number = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let some = |number: usize, one: &str| match number {
        0 => None,
        1 => Some(format!("1 {one}")),
        _ => Some(format!("{number} {one}s")),
    };
    let parts = [
        some(number(FindingSeverity::Error), "error"),
        some(number(FindingSeverity::Warning), "warning"),
        some(number(FindingSeverity::Ok), "check").map(|checks| format!("{checks} passed")),
    ];
    let is_away = findings.iter().any(|one| one.check == "manager" && one.severity == FindingSeverity::Error);
    let unseen = if is_away { "; what runs could not be looked at, for want of the manager" } else { "" };
    format!("{}{unseen}.", parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
}
