use serde::Serialize;

use crate::arguments::Global;
use crate::fleet::{Asked, Registered};
use crate::output::{Column, Row, Styled, column, emit};
use crate::{App, CliError, Exit, Ui};

#[derive(Serialize)]
struct ContextRow {
    name: String,
    /// Null is this host, which is not asked through its API.
    address: Option<String>,
    why: String,
}

impl Row for ContextRow {
    const COLUMNS: &'static [Column] = &[column("NAME"), column("ADDRESS"), column("WHY")];

    fn cells(&self) -> Vec<Styled> {
        let address = self.address.as_deref().unwrap_or("this host");
        vec![self.name.as_str().into(), address.into(), self.why.as_str().into()]
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}

/// Shows which servers a command with the same `-s` would ask, and why; none is asked.
pub(in crate::commands) fn context(ui: &mut Ui<'_>, app: &App, global: &Global) -> Result<Exit, CliError> {
    let registered = Registered::read(app)?;
    let selection = registered.select(app, &global.servers)?;
    let row = |asked: &Asked| ContextRow {
        name: asked.name.clone(),
        address: asked.server.as_ref().map(|server| server.address.to_string()),
        why: asked.why.clone(),
    };
    let rows: Vec<ContextRow> = selection.asked.iter().map(row).collect();
    emit(ui, global.output, &rows)?;
    if global.servers.is_empty() && rows.iter().all(|row| row.address.is_some()) {
        ui.remark("This host is not among them; `-s local` asks it.");
    }
    Ok(Exit::Ok)
}
