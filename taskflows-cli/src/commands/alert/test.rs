use serde::Serialize;
use taskflows_api::wire::{AlertTestBody, ChannelTest};

use super::remark_troubles;
use crate::arguments::{AlertTestArguments, Global};
use crate::output::{Column, Row, Styled, Tone, column, emit};
use crate::ui::harmless;
use crate::{App, CliError, Exit, Ui};

/// What became of the test of a channel.
#[derive(Serialize)]
#[serde(transparent)]
struct TestRow(ChannelTest);

impl Row for TestRow {
    const COLUMNS: &'static [Column] = &[column("CHANNEL"), column("RESULT")];

    fn cells(&self) -> Vec<Styled> {
        let result = match &self.0.error {
            None => Styled { text: "taken".into(), tone: Tone::Good },
            Some(error) => Styled { text: harmless(error), tone: Tone::Bad },
        };
        vec![harmless(&self.0.channel).into(), result]
    }

    fn name(&self) -> String {
        self.0.channel.clone()
    }
}

/// Sends to each channel at once, past the queue, so that what is wrong is told here and now.
pub(super) async fn test(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    arguments: &AlertTestArguments,
) -> Result<Exit, CliError> {
    remark_troubles(ui, app)?;
    let tests = app.desk().test(&AlertTestBody { name: arguments.name.clone() }).await?;
    let rows: Vec<TestRow> = tests.into_iter().map(TestRow).collect();
    let failed = rows.iter().filter(|row| !row.0.arrived).count();
    emit(ui, global.output, &rows)?;
    Ok(match failed {
        0 => Exit::Ok,
        all if all == rows.len() => Exit::Failed,
        _ => Exit::Partial,
    })
}
