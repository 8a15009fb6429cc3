use taskflows_api::wire::WhyAnswer;

use super::logs::past;
use crate::arguments::{Format, Global, WhyArguments};
use crate::desk::is_no_such_service;
use crate::output::data;
use crate::select::no_such_service;
use crate::ui::harmless;
use crate::{App, CliError, Exit, Ui, show};

/// How far the sentences are set in.
const INDENT: usize = 2;

/// Says why a service ran or did not.
pub(super) async fn why(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    why: &WhyArguments,
) -> Result<Exit, CliError> {
    let at = why.at.as_deref().map(|text| past(app, text)).transpose()?;
    let answer = match app.desk().why(&why.service.what, at).await {
        Err(error) if is_no_such_service(&error) => {
            return Err(no_such_service(app, why.service.what.as_str()).await);
        }
        other => other?,
    };
    if let Some(reason) = &answer.unread {
        ui.remark(format!("note: its log could not be read: {}", harmless(reason)));
    }
    match global.output {
        Format::Table | Format::Wide => show_answer(ui, app, &answer)?,
        Format::Name => writeln!(ui.out, "{}", harmless(&answer.name))?,
        format => data(ui, format, &[answer])?,
    }
    Ok(Exit::Ok)
}

fn show_answer(ui: &mut Ui<'_>, app: &App, answer: &WhyAnswer) -> Result<(), CliError> {
    let about =
        answer.at.and(answer.scheduled).map(|time| format!(" (due {})", show::full(time, &app.display)));
    let verdict = harmless(&answer.verdict).replace('-', " ");
    writeln!(ui.out, "{}: {verdict}{}", harmless(&answer.name), about.unwrap_or_default())?;
    for reason in &answer.reasons {
        let text = show::wrapped(&harmless(&reason.message), INDENT, ui.width);
        writeln!(ui.out, "{text}")?;
        if let Some(remedy) = &reason.remedy {
            writeln!(ui.out, "{}fix: {}", " ".repeat(2 * INDENT), harmless(remedy))?;
        }
    }
    if !answer.lines.is_empty() {
        writeln!(ui.out)?;
    }
    // An entry of a log may have several lines.
    for line in answer.lines.iter().flat_map(|line| line.split('\n')) {
        writeln!(ui.out, "{}", harmless(line))?;
    }
    Ok(())
}
