use std::collections::BTreeMap;
use std::sync::Arc;

use taskflows_core::TextError;
use taskflows_systemd::{RenderContext, render as render_units};

use super::show::{FileRow, show_files};
use crate::arguments::{Format, Global, SourceArguments};
use crate::definitions::load;
use crate::output::data;
use crate::{App, CliError, Exit, Ui};

/// Shows the unit files that `create` would write, and writes none.
pub(super) async fn render(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    sources: &SourceArguments,
) -> Result<Exit, CliError> {
    let context = RenderContext {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        scope: global.scope.into(),
        is_unprivileged: RenderContext::is_unprivileged(),
        tools: Arc::clone(&app.tools),
        program: app.program.clone(),
        data_directory: app
            .data_directory
            .to_string_lossy()
            .parse()
            .map_err(|error: TextError| CliError::new(Exit::Usage, error.to_string()))?,
        tells_data_directory: app.tells_data_directory,
    };
    let mut rows = Vec::new();
    for service in load(ui, app, sources).await?.services {
        let units = render_units(&service, &context)?;
        let row = |(file, text)| FileRow { name: service.name.to_string(), file, text };
        rows.extend(units.files.into_iter().map(row));
    }
    match global.output {
        // One object, from file name to text: what a program wants that writes them.
        Format::Json | Format::Yaml => {
            let files: BTreeMap<&str, &str> =
                rows.iter().map(|row| (row.file.as_str(), row.text.as_str())).collect();
            match global.output {
                Format::Json => {
                    writeln!(ui.out, "{}", serde_json::to_string_pretty(&files).map_err(unwritable)?)?
                }
                _ => write!(ui.out, "{}", serde_saphyr::to_string(&files).map_err(unwritable)?)?,
            }
        }
        Format::Jsonl => data(ui, Format::Jsonl, &rows)?,
        format => show_files(ui, format, &rows)?,
    }
    Ok(Exit::Ok)
}

fn unwritable(error: impl std::fmt::Display) -> CliError {
    CliError::new(Exit::Failed, format!("could not write the output: {error}"))
}
