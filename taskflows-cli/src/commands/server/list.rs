use serde::Serialize;

use crate::arguments::Global;
use crate::fleet::{Registered, Server};
use crate::output::{Column, Row, Styled, Tone, column, emit, wide};
use crate::{App, CliError, Exit, Ui};

#[derive(Serialize)]
struct ServerRow {
    name: String,
    address: String,
    groups: Vec<String>,
    server_id: Option<String>,
    /// Whether it is this host, which is not asked through its API.
    is_this_host: bool,
    ca_file: Option<String>,
    last_updated: Option<String>,
}

impl ServerRow {
    fn new(name: &str, server: &Server, is_this_host: bool) -> Self {
        Self {
            name: name.to_owned(),
            address: server.address.to_string(),
            groups: server.groups.clone(),
            server_id: server.server_id.clone(),
            is_this_host,
            ca_file: server.ca_file.as_ref().map(|path| path.display().to_string()),
            last_updated: server.last_updated.clone(),
        }
    }
}

fn or_none(text: &str) -> Styled {
    match text {
        "" => Styled { text: "-".to_owned(), tone: Tone::Faint },
        text => text.into(),
    }
}

impl Row for ServerRow {
    const COLUMNS: &'static [Column] = &[
        column("NAME"),
        column("ADDRESS"),
        column("GROUPS"),
        column("NOTE"),
        wide("ID"),
        wide("CA FILE"),
        wide("CHANGED"),
    ];

    fn cells(&self) -> Vec<Styled> {
        let note = match (self.is_this_host, &self.server_id) {
            (true, _) => "this host",
            (false, None) => "never asked",
            _ => "",
        };
        vec![
            self.name.as_str().into(),
            self.address.as_str().into(),
            or_none(&self.groups.join(", ")),
            note.into(),
            or_none(self.server_id.as_deref().unwrap_or_default()),
            or_none(self.ca_file.as_deref().unwrap_or_default()),
            or_none(self.last_updated.as_deref().unwrap_or_default()),
        ]
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}

pub(super) fn list(ui: &mut Ui<'_>, app: &App, global: &Global) -> Result<Exit, CliError> {
    let registered = Registered::read(app)?;
    let known = registered.known(app);
    let rows: Vec<ServerRow> = registered
        .servers
        .iter()
        .map(|(name, server)| ServerRow::new(name, server, known.is_own(server)))
        .collect();
    if rows.is_empty() {
        ui.remark("No servers are registered. `tf server add NAME ADDRESS` registers one.");
    }
    emit(ui, global.output, &rows)?;
    Ok(Exit::Ok)
}
