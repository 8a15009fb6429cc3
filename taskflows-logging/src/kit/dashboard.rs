//! Dashboards that Grafana reads from files.
//!
//! Source: Grafana, "Dashboard JSON model".

use serde_json::{Value, json};

use super::grafana::DATA_SOURCE;
use super::{KitFile, NamedQuery};

/// A panel and its width, of 24.
struct Panel {
    query: NamedQuery,
    look: Look,
    width: u32,
    height: u32,
}

#[derive(Clone, Copy)]
enum Look {
    /// A line for each series, in a unit of Grafana's.
    Series(&'static str),
    Bars,
    Number,
    Table,
    Logs,
}

const fn panel(query: NamedQuery, look: Look, width: u32, height: u32) -> Panel {
    Panel { query, look, width, height }
}

struct Dashboard {
    uid: &'static str,
    title: &'static str,
    variables: &'static [&'static str],
    panels: Vec<Panel>,
}

fn all() -> Vec<Dashboard> {
    use NamedQuery as Q;
    vec![
        Dashboard {
            uid: "taskflows-services",
            title: "Services",
            variables: &[],
            panels: vec![
                panel(Q::SERVICES, Look::Number, 8, 4),
                panel(Q::ERROR_COUNT, Look::Number, 8, 4),
                panel(Q::FAILED_RUN_COUNT, Look::Number, 8, 4),
                panel(Q::LINES, Look::Bars, 24, 9),
                panel(Q::ERRORS, Look::Bars, 24, 9),
            ],
        },
        Dashboard {
            uid: "taskflows-service",
            title: "One service",
            variables: &["service_name", "level"],
            panels: vec![
                panel(Q::SERVICE_LEVELS, Look::Bars, 24, 6),
                panel(Q::SERVICE_LINES, Look::Logs, 24, 20),
                panel(Q::RUN_NOTES, Look::Logs, 24, 8),
            ],
        },
        Dashboard {
            uid: "taskflows-errors",
            title: "Errors",
            variables: &["service_name"],
            panels: vec![
                panel(Q::ERRORS, Look::Bars, 24, 7),
                panel(Q::LOUDEST, Look::Table, 12, 9),
                panel(Q::REPEATED, Look::Table, 12, 9),
                panel(Q::ERROR_LINES, Look::Logs, 24, 16),
            ],
        },
        Dashboard {
            uid: "taskflows-tasks",
            title: "Task durations",
            variables: &["service_name"],
            panels: vec![
                panel(Q::SLOWEST_RUNS, Look::Series("s"), 12, 9),
                panel(Q::USUAL_RUNS, Look::Series("s"), 12, 9),
                panel(Q::OUTCOMES, Look::Bars, 8, 8),
                panel(Q::FAILED_RUNS, Look::Bars, 8, 8),
                panel(Q::RETRIES, Look::Bars, 8, 8),
                panel(Q::RUN_NOTES, Look::Logs, 24, 12),
            ],
        },
    ]
}

pub(super) fn files() -> Vec<KitFile> {
    let file = |dashboard: &Dashboard| {
        let text = serde_json::to_string_pretty(&json(dashboard)).unwrap_or_default();
        KitFile::new(format!("grafana/dashboards/{}.json", dashboard.uid), text + "\n")
    };
    all().iter().map(file).collect()
}

fn json(dashboard: &Dashboard) -> Value {
    let variables: Vec<Value> = dashboard.variables.iter().map(|name| variable(name)).collect();
    json!({
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": "Written by `tf logging setup`. Save a copy under another name to change it.",
        "tags": ["taskflows"],
        "schemaVersion": 40,
        "version": 1,
        "editable": true,
        "timezone": "browser",
        "refresh": "30s",
        "time": { "from": "now-24h", "to": "now" },
        "templating": { "list": variables },
        "links": [{
            "title": "taskflows", "type": "dashboards", "tags": ["taskflows"], "asDropdown": true,
            "keepTime": true, "includeVars": true
        }],
        "panels": placed(&dashboard.panels),
    })
}

fn source() -> Value {
    json!({ "type": "loki", "uid": DATA_SOURCE })
}

/// A variable that dashboards offer; all values are chosen unless somebody chooses.
fn variable(name: &str) -> Value {
    let all = json!({ "text": "All", "value": "$__all", "selected": true });
    let mut variable = json!({
        "name": name, "multi": true, "includeAll": true, "allValue": ".+", "current": all, "options": [all]
    });
    if name == "level" {
        variable["type"] = json!("custom");
        variable["label"] = json!("Level");
        variable["query"] = json!("debug,info,warning,error,critical");
    } else {
        variable["type"] = json!("query");
        variable["label"] = json!("Service");
        variable["datasource"] = source();
        variable["query"] = json!({ "refId": "A", "type": 1, "label": name, "stream": "" });
        variable["refresh"] = json!(2);
        variable["sort"] = json!(1);
        variable["options"] = json!([]);
    }
    variable
}

/// Panels from left to right, and down where a row is full.
fn placed(panels: &[Panel]) -> Vec<Value> {
    let (mut x, mut y, mut row_height) = (0, 0, 0);
    let mut placed = Vec::new();
    for (index, panel) in panels.iter().enumerate() {
        if x + panel.width > 24 {
            (x, y, row_height) = (0, y + row_height, 0);
        }
        let place = json!({ "x": x, "y": y, "w": panel.width, "h": panel.height });
        placed.push(panel_json(panel, index + 1, place));
        x += panel.width;
        row_height = row_height.max(panel.height);
    }
    placed
}

fn panel_json(panel: &Panel, id: usize, place: Value) -> Value {
    let (kind, is_instant) = match panel.look {
        Look::Series(_) | Look::Bars => ("timeseries", false),
        Look::Number => ("stat", true),
        Look::Table => ("table", true),
        Look::Logs => ("logs", false),
    };
    let mut target = json!({
        "refId": "A", "datasource": source(), "editorMode": "code", "expr": panel.query.text,
        "queryType": if is_instant { "instant" } else { "range" }
    });
    if panel.query.text.starts_with("quantile_over_time") {
        target["legendFormat"] = json!("{{service_name}}");
    }
    let mut json = json!({
        "id": id, "type": kind, "title": panel.query.about, "datasource": source(), "gridPos": place,
        "targets": [target],
    });
    match panel.look {
        Look::Series(unit) => {
            json["fieldConfig"] = json!({ "defaults": { "unit": unit, "min": 0 }, "overrides": [] });
        }
        Look::Bars => {
            let custom = json!({ "drawStyle": "bars", "fillOpacity": 80, "stacking": { "mode": "normal" } });
            json["fieldConfig"] =
                json!({ "defaults": { "unit": "short", "min": 0, "custom": custom }, "overrides": [] });
        }
        Look::Number => {
            let reduce = json!({ "calcs": ["lastNotNull"], "fields": "", "values": false });
            json["options"] = json!({ "reduceOptions": reduce, "colorMode": "value" });
            json["fieldConfig"] = json!({ "defaults": { "unit": "short", "noValue": "0" }, "overrides": [] });
        }
        Look::Table => {
            let hidden = json!({ "excludeByName": { "Time": true } });
            json["transformations"] = json!([{ "id": "organize", "options": hidden }]);
        }
        Look::Logs => {
            json["options"] = json!({
                "showTime": true, "wrapLogMessage": true, "enableLogDetails": true,
                "sortOrder": "Descending", "dedupStrategy": "none", "prettifyLogMessage": false
            });
        }
    }
    json
}
