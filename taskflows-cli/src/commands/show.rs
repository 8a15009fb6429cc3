use serde::Serialize;
use taskflows_core::ServiceName;

use crate::arguments::{Format, Global, Names, patterns};
use crate::output::data;
use crate::select::{no_such_service, select};
use crate::ui::harmless;
use crate::{App, CliError, Exit, Ui};

/// A unit file of a service.
#[derive(Serialize)]
pub(super) struct FileRow {
    pub(super) name: String,
    pub(super) file: String,
    pub(super) text: String,
}

/// Shows the unit files as they stand on disk.
pub(super) async fn show(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    names: &Names,
) -> Result<Exit, CliError> {
    let mut rows = Vec::new();
    for name in select(app, &patterns(&names.services)).await? {
        let units = match app.services.files(&name).await {
            Err(error) if error.is_not_found() => return Err(no_such_service(app, name.as_str()).await),
            other => other?,
        };
        let row = |(file, text): (String, String)| FileRow { name: name.to_string(), file, text };
        let drop_ins = app.services.drop_ins(&name).await?;
        rows.extend(units.files.into_iter().chain(drop_ins).map(row));
        remark_drop_ins(ui, app, &name).await;
    }
    show_files(ui, global.output, &rows)?;
    Ok(Exit::Ok)
}

/// Tells of files by which somebody else adds to the units of a service, which stay whatever is done to it.
pub(super) async fn remark_drop_ins(ui: &mut Ui<'_>, app: &App, name: &ServiceName) {
    for file in app.services.drop_ins(name).await.unwrap_or_default().keys() {
        ui.remark(format!("note: {} is not of taskflows, which leaves it alone", harmless(file)));
    }
}

/// Shows unit files one after the other, as names, or as data.
pub(super) fn show_files(ui: &mut Ui<'_>, format: Format, rows: &[FileRow]) -> Result<(), CliError> {
    match format {
        Format::Table | Format::Wide => {
            for (index, row) in rows.iter().enumerate() {
                let gap = if index == 0 { "" } else { "\n" };
                writeln!(ui.out, "{gap}# {}", harmless(&row.file))?;
                for line in row.text.trim_end().lines() {
                    writeln!(ui.out, "{}", harmless(line))?;
                }
            }
        }
        Format::Name => {
            for row in rows {
                writeln!(ui.out, "{}", row.file)?;
            }
        }
        format => data(ui, format, rows)?,
    }
    Ok(())
}
