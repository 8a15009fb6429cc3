use std::collections::BTreeMap;
use std::sync::Arc;

use super::destination;
use super::fields::{Fields, Reader};
use super::reading;
use super::service::{NAME, length};
use crate::definition::node::{Node, Value};
use crate::definition::problem::Problem;
use crate::definition::shape::{Field, Object, Shape, field, required};
use crate::definition::source::Source;
use crate::grafana::{Dashboard, DashboardError, Panel, PanelHeight, PanelKind};
use crate::{NamePattern, Service, TimeSpan};

const HEIGHT: Field = field(
    "height",
    Shape::Words(&PanelHeight::TEXTS),
    "how high a panel is: 5, 10, 15 or 20 units; md unless told",
);

static PANEL: Object = Object {
    what: "a panel",
    fields: &[
        required("service", Shape::Pattern(NAME), "the service, or the container, whose lines are meant"),
        field(
            "type",
            Shape::Words(&PanelKind::TEXTS),
            "what it shows; unless told, `period` means count, and `text` search",
        ),
        field("text", Shape::Text, "what stands in the lines that are shown or counted"),
        field("period", Shape::Span, "for how long lines are counted for each point; 5min unless told"),
        field("title", Shape::Text, "its title; the service and the text unless told"),
        HEIGHT,
        field("width_fr", Shape::Number, "the part of its row that it takes, from 1/24 to 1"),
        field("time_from", Shape::Span, "how far back it looks, where that is not the dashboard's time"),
        field("time_shift", Shape::Span, "by how much its time lies before the dashboard's"),
    ],
    refused: &[],
};

const ROWS: Shape = Shape::List(&Shape::OneOrMany(&Shape::Table(&PANEL)));

static DASHBOARD: Object = Object {
    what: "a dashboard",
    fields: &[
        required("title", Shape::Text, "its title, which tells it from others"),
        field("rows", ROWS, "rows of panels, from the top, at most 24 in each"),
        field("panels_grid", ROWS, "another name of `rows`"),
        field(
            "services",
            Shape::OneOrMany(&Shape::Text),
            "in place of `rows`: a panel of logs for each service that is defined here and that these patterns select",
        ),
        field(
            "columns",
            Shape::Whole(1, 24),
            "with `services`: how many stand beside each other; 2 unless told",
        ),
        HEIGHT,
    ],
    refused: &[],
};

/// The dashboards of a definition.
pub(super) const LIST: Shape = Shape::List(&Shape::Table(&DASHBOARD));

/// The dashboards of a definition and of all files that it includes.
#[derive(Default)]
pub(super) struct Drafts<'a> {
    drafts: Vec<Draft<'a>>,
    /// Where each stands, those too that are wrong.
    places: BTreeMap<String, (&'a Source, usize)>,
}

/// A dashboard as far as it can be read before all services are.
struct Draft<'a> {
    title: String,
    rows: DraftRows<'a>,
    source: &'a Arc<Source>,
}

enum DraftRows<'a> {
    Told(Dashboard),
    OfServices { patterns: Vec<NamePattern>, columns: usize, height: PanelHeight, node: &'a Node },
}

/// Reads the list of dashboards of a file.
pub(super) fn read<'a>(
    reader: &mut Reader<'a>,
    node: &'a Node,
    source: &'a Arc<Source>,
    all: &mut Drafts<'a>,
) {
    let Value::List(items) = &node.value else {
        return reader.wrong(node, "`dashboards` is a list: `[[dashboards]]` in TOML, `- title: …` in YAML");
    };
    for item in items {
        let Some(fields) = reader.table(item, &DASHBOARD) else { continue };
        let title = fields.get("title").and_then(|node| Some((node, destination::text(reader, node)?)));
        let rows = match (told_rows(reader, &fields), fields.get("services")) {
            (Some(rows), None) => told(reader, &fields, item, rows, title.as_ref()),
            (None, Some(services)) => of_services(reader, &fields, services),
            (Some(_), Some(services)) => {
                reader.wrong(services, "`rows` says what is shown: leave `rows` or `services` out");
                None
            }
            (None, None) => {
                reader.missing(&fields, "rows");
                None
            }
        };
        let Some((title_node, title)) = title else { continue };
        let title = title.trim().to_owned();
        if let Some(earlier) = all.places.insert(title.clone(), (reader.source, title_node.span.start)) {
            let first = reading::place(earlier);
            let message = format!("the dashboard `{title}` is defined twice, first at {first}");
            reader.wrong(title_node, message);
        }
        all.drafts.extend(rows.map(|rows| Draft { title, rows, source }));
    }
}

fn told_rows<'a>(reader: &mut Reader<'a>, fields: &Fields<'a>) -> Option<&'a Node> {
    let (own, other) = (fields.get("rows"), fields.get("panels_grid"));
    if let (Some(_), Some(twice)) = (own, other) {
        reader.wrong(twice, "`rows` says the same: leave one of the two out");
    }
    own.or(other)
}

/// Reads a dashboard whose panels are told.
fn told<'a>(
    reader: &mut Reader<'a>,
    fields: &Fields<'a>,
    item: &'a Node,
    rows: &'a Node,
    title: Option<&(&'a Node, String)>,
) -> Option<DraftRows<'a>> {
    for key in ["columns", "height"] {
        if let Some(node) = fields.get(key) {
            reader
                .wrong(node, format!("`{key}` of a dashboard goes with `services`; here the panels say it"));
        }
    }
    let Value::List(nodes) = &rows.value else {
        reader.wrong(rows, "`rows` is a list of rows, each a panel or a list of panels");
        return None;
    };
    let before = reader.told.errors.len();
    let read: Vec<Vec<Panel>> = nodes
        .iter()
        .map(|row| Reader::one_or_many(row).iter().filter_map(|node| panel(reader, node)).collect())
        .collect();
    let (title_node, title) = title?;
    if reader.told.errors.len() > before {
        return None;
    }
    match Dashboard::new(title, read) {
        Ok(dashboard) => Some(DraftRows::Told(dashboard)),
        Err(error) => {
            let row = error.row().and_then(|row| nodes.get(row - 1));
            let whole = if matches!(error, DashboardError::Title { .. }) { title_node } else { item };
            reader.wrong(row.unwrap_or(whole), error.to_string());
            None
        }
    }
}

/// Reads a dashboard of one panel for each service.
fn of_services<'a>(
    reader: &mut Reader<'a>,
    fields: &Fields<'a>,
    services: &'a Node,
) -> Option<DraftRows<'a>> {
    let items = Reader::one_or_many(services);
    let patterns: Vec<_> = items.iter().map(|item| reader.parsed::<NamePattern>(item)).collect();
    let patterns: Vec<NamePattern> = patterns.into_iter().collect::<Option<_>>()?;
    if patterns.is_empty() {
        reader.wrong(services, "no service would be shown: the list is empty");
        return None;
    }
    let columns = match fields.get("columns") {
        None => 2,
        Some(node) => match reader.number::<usize>(node, "a whole number")? {
            columns @ 1..=24 => columns,
            _ => {
                reader.wrong(node, "`columns` is a number from 1 to 24");
                return None;
            }
        },
    };
    let height = height(reader, fields)?;
    Some(DraftRows::OfServices { patterns, columns, height, node: services })
}

fn height<'a>(reader: &mut Reader<'a>, fields: &Fields<'a>) -> Option<PanelHeight> {
    match fields.get("height") {
        None => Some(PanelHeight::default()),
        Some(node) => reader.word(node, &PanelHeight::TEXTS),
    }
}

fn panel<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Panel> {
    let fields = reader.table(node, &PANEL)?;
    let service = fields.get("service").and_then(|node| reader.parsed(node));
    let span = |reader: &mut Reader<'a>, key: &str| -> Option<TimeSpan> {
        fields.get(key).and_then(|node| length(reader, node))
    };
    let (time_from, time_shift) = (span(reader, "time_from"), span(reader, "time_shift"));
    let title = fields.get("title").and_then(|node| destination::text(reader, node));
    let width_fr = fields.get("width_fr").and_then(|node| reader.number(node, "a number"));
    let height = height(reader, &fields);
    let view = view(reader, &fields);
    let view = view?;
    let panel = Panel::logs(service?);
    let panel = match view {
        (PanelKind::Logs, ..) => panel,
        (PanelKind::Search, text, _) => panel.text(&text?),
        (PanelKind::Count, text, period) => {
            let panel = panel.period(period.unwrap_or(Panel::PERIOD));
            text.map_or_else(|| panel.clone(), |text| panel.clone().text(&text))
        }
    };
    Some(Panel { title, height: height?, width_fr, time_from, time_shift, ..panel })
}

/// Reads what a panel shows, with the text and the period that belong to it.
fn view<'a>(
    reader: &mut Reader<'a>,
    fields: &Fields<'a>,
) -> Option<(PanelKind, Option<String>, Option<TimeSpan>)> {
    let (text_node, period_node) = (fields.get("text"), fields.get("period"));
    let text = text_node.and_then(|node| reader.string(node)).map(str::to_owned);
    let period = period_node.and_then(|node| length(reader, node));
    let kind = match fields.get("type") {
        Some(node) => reader.word(node, &PanelKind::TEXTS)?,
        None if period_node.is_some() => PanelKind::Count,
        None if text_node.is_some() => PanelKind::Search,
        None => PanelKind::Logs,
    };
    if let (PanelKind::Logs, Some(node)) = (kind, text_node) {
        reader
            .wrong(node, "a panel of type `logs` shows all lines; one of type `search` those with a `text`");
    }
    if let (PanelKind::Logs | PanelKind::Search, Some(node)) = (kind, period_node) {
        reader.wrong(node, format!("a panel of type `{kind}` counts nothing, and has no `period`"));
    }
    if kind == PanelKind::Search && text_node.is_none() {
        reader.missing(fields, "text");
    }
    Some((kind, text, period))
}

impl<'a> Drafts<'a> {
    /// Tells where each dashboard stands.
    pub(super) fn places(&self) -> impl Iterator<Item = (&String, &'a Source)> {
        self.places.iter().map(|(title, (source, _))| (title, *source))
    }

    /// Makes dashboards of what was read, once all services are known, and tells what none of them can be made of.
    pub(super) fn resolve(self, services: &[Service]) -> (Vec<Dashboard>, Vec<Problem>) {
        let (mut dashboards, mut problems) = (Vec::new(), Vec::new());
        for Draft { title, rows, source } in self.drafts {
            let (patterns, columns, height, node) = match rows {
                DraftRows::Told(dashboard) => {
                    dashboards.push(dashboard);
                    continue;
                }
                DraftRows::OfServices { patterns, columns, height, node } => {
                    (patterns, columns, height, node)
                }
            };
            let names = services.iter().map(|service| &service.name);
            let selected = names.filter(|name| NamePattern::any_matches(&patterns, name));
            let panels: Vec<Panel> = selected.map(|name| Panel::logs(name.clone()).height(height)).collect();
            let made = match panels.is_empty() {
                // The text is not shown: it may hold what a variable stands for.
                true => Err("no service that is defined here has such a name".to_owned()),
                false => Dashboard::in_columns(&title, &panels, columns).map_err(|error| error.to_string()),
            };
            match made {
                Ok(dashboard) => dashboards.push(dashboard),
                Err(message) => problems.push(Problem::error(message, node.span.clone(), "").locate(source)),
            }
        }
        (dashboards, problems)
    }
}
