use serde::Serialize;

use crate::arguments::{Format, Global, Names};
use crate::output::data;
use crate::select::{no_such_service, select};
use crate::{App, CliError, Exit, Ui};

#[derive(Serialize)]
struct FileRow {
    name: String,
    file: String,
    text: String,
}

/// Shows the unit files as they stand on disk.
pub(super) async fn show(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    names: &Names,
) -> Result<Exit, CliError> {
    let mut rows = Vec::new();
    for name in select(app, &names.services).await? {
        let units = match app.services.files(&name).await {
            Err(error) if error.is_not_found() => return Err(no_such_service(app, name.as_str()).await),
            other => other?,
        };
        let row = |(file, text): (String, String)| FileRow { name: name.to_string(), file, text };
        rows.extend(units.files.into_iter().map(row));
    }
    match global.output {
        Format::Table | Format::Wide => {
            for (index, row) in rows.iter().enumerate() {
                let gap = if index == 0 { "" } else { "\n" };
                writeln!(ui.out, "{gap}# {}\n{}", row.file, row.text.trim_end())?;
            }
        }
        Format::Name => {
            for row in &rows {
                writeln!(ui.out, "{}", row.file)?;
            }
        }
        format => data(ui, format, &rows)?,
    }
    Ok(Exit::Ok)
}
