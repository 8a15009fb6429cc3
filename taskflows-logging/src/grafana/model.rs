//! A dashboard as Grafana's JSON model. Source: Grafana's documentation, "Dashboard JSON model".

use serde_json::{Map, Value, json};
use taskflows_core::grafana::{Dashboard, Panel, PanelView, Place};
use uuid::Uuid;

/// The tag by which a dashboard is known to be ours.
pub const TAG: &str = "taskflows";

/// The version of the model that is written. Grafana changes an older one into its own when it is shown.
const SCHEMA: u32 = 40;

/// Returns the uid of the dashboard of this title: the same on every host, so that it is found again.
///
/// ```
/// assert_eq!(taskflows_logging::grafana::dashboard_uid("Worker logs"), "49323767-6dcb-55bb-93d7-e027182cb20b");
/// ```
///
/// Source: RFC 9562, version 5, in the namespace of DNS names.
pub fn dashboard_uid(title: &str) -> String {
    Uuid::new_v5(&Uuid::NAMESPACE_DNS, title.as_bytes()).to_string()
}

/// Returns a dashboard as Grafana imports it, with the data source of this uid.
///
/// ```
/// use taskflows_logging::grafana::{Dashboard, Panel, dashboard_json};
///
/// let dashboard = Dashboard::new("Worker logs", vec![vec![Panel::logs("worker".parse()?)]])?;
/// let json = dashboard_json(&dashboard, "loki");
/// assert_eq!(json["panels"][0]["targets"][0]["expr"], r#"{service_name="worker"}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn dashboard_json(dashboard: &Dashboard, datasource: &str) -> Value {
    let panels = dashboard.rows().iter().flatten().zip(dashboard.places()).zip(1..);
    let panels: Vec<Value> =
        panels.map(|((panel, place), id)| panel_json(id, panel, place, datasource)).collect();
    json!({
        "uid": dashboard_uid(dashboard.title()),
        "title": dashboard.title(),
        "tags": [TAG],
        "schemaVersion": SCHEMA,
        "editable": true,
        "refresh": "10s",
        "time": { "from": "now-24h", "to": "now" },
        "timezone": "browser",
        "templating": { "list": [] },
        "links": [],
        "panels": panels,
    })
}

fn panel_json(id: u32, panel: &Panel, place: Place, datasource: &str) -> Value {
    let datasource = json!({ "type": "loki", "uid": datasource });
    let mut target = json!({
        "refId": "A",
        "expr": panel.query(),
        "queryType": "range",
        "datasource": datasource,
    });
    let is_count = matches!(panel.view, PanelView::Count { .. });
    if is_count {
        target["legendFormat"] = json!("Count");
    }
    let Place { x, y, w, h } = place;
    let mut whole = json!({
        "id": id,
        // The type `graph` is gone since Grafana 11.
        "type": if is_count { "timeseries" } else { "logs" },
        "title": panel.shown_title(),
        "gridPos": { "x": x, "y": y, "w": w, "h": h },
        "datasource": datasource,
        "targets": [target],
        "timeFrom": panel.time_from_text(),
        "timeShift": panel.time_shift_text(),
        "options": if is_count { count_options() } else { log_options() },
    });
    if is_count {
        whole["fieldConfig"] = json!({
            "defaults": { "min": 0, "unit": "short", "custom": { "drawStyle": "line", "fillOpacity": 10 } },
            "overrides": [],
        });
    }
    whole
}

fn log_options() -> Value {
    json!({
        "showTime": true,
        "wrapLogMessage": true,
        "enableLogDetails": true,
        "sortOrder": "Descending",
        "dedupStrategy": "none",
    })
}

fn count_options() -> Value {
    json!({
        "legend": { "displayMode": "list", "placement": "bottom", "showLegend": true },
        "tooltip": { "mode": "single" },
    })
}

/// Tells whether a dashboard that Grafana keeps shows what ours says.
///
/// Grafana adds keys of its own (`id`, `version`, defaults of its panels) and raises the version of the model; what it
/// adds changes nothing. A panel more or less does.
pub(super) fn is_as_ours(theirs: &Value, ours: &Value) -> bool {
    let (Value::Object(theirs), Value::Object(ours)) = (theirs, ours) else { return false };
    let own: Map<String, Value> =
        ours.iter().filter(|(key, _)| *key != "schemaVersion").map(|(k, v)| (k.clone(), v.clone())).collect();
    holds_all(theirs, &own)
}

fn holds_all(theirs: &Map<String, Value>, ours: &Map<String, Value>) -> bool {
    ours.iter().all(|(key, value)| holds(theirs.get(key).unwrap_or(&Value::Null), value))
}

fn holds(theirs: &Value, ours: &Value) -> bool {
    match (theirs, ours) {
        (Value::Object(theirs), Value::Object(ours)) => holds_all(theirs, ours),
        (Value::Array(theirs), Value::Array(ours)) => {
            theirs.len() == ours.len() && theirs.iter().zip(ours).all(|(theirs, ours)| holds(theirs, ours))
        }
        // It may write 0 as 0.0.
        (Value::Number(theirs), Value::Number(ours)) => theirs.as_f64() == ours.as_f64(),
        (theirs, ours) => theirs == ours,
    }
}

/// Tells whether a dashboard that Grafana keeps has our mark.
pub(super) fn is_ours(theirs: &Value) -> bool {
    theirs["tags"].as_array().is_some_and(|tags| tags.iter().any(|tag| tag == TAG))
}

#[cfg(test)]
mod tests {
    use super::*;
    use taskflows_core::TimeSpan;
    use taskflows_core::grafana::PanelHeight;

    fn dashboard() -> Dashboard {
        let worker = || "worker".parse().unwrap();
        let rows = vec![
            vec![Panel::logs(worker()).height(PanelHeight::Large)],
            vec![
                Panel::search(worker(), r#"say "no" \ `x`"#).time_from(TimeSpan::from_secs(7_200)),
                Panel::count(worker()).text("ERROR").width_fr(0.25).time_shift(TimeSpan::from_secs(86_400)),
            ],
        ];
        Dashboard::new("Worker logs", rows).unwrap()
    }

    #[test]
    fn a_dashboard_is_the_json_that_grafana_imports() {
        insta::assert_snapshot!(serde_json::to_string_pretty(&dashboard_json(&dashboard(), "loki")).unwrap());
    }

    #[test]
    fn what_grafana_adds_is_no_difference_and_what_people_change_is() {
        let ours = dashboard_json(&dashboard(), "loki");
        let mut kept = ours.clone();
        kept["id"] = json!(7);
        kept["version"] = json!(3);
        kept["schemaVersion"] = json!(42);
        kept["annotations"] = json!({ "list": [{ "builtIn": 1 }] });
        kept["panels"][0]["pluginVersion"] = json!("12.1.0");
        kept["panels"][2]["fieldConfig"]["defaults"]["custom"]["lineWidth"] = json!(1);
        kept["panels"][2]["fieldConfig"]["defaults"]["min"] = json!(0.0);
        kept["panels"][0].as_object_mut().unwrap().remove("timeFrom");
        assert!(is_as_ours(&kept, &ours));
        let changes: [fn(&mut Value); 7] = [
            |kept| kept["title"] = json!("other"),
            |kept| kept["tags"] = json!(["taskflows", "mine"]),
            |kept| kept["panels"].as_array_mut().unwrap().truncate(2),
            |kept| kept["panels"][0]["timeFrom"] = json!("1h"),
            |kept| kept["panels"][1]["targets"][0]["expr"] = json!("{a=\"b\"}"),
            |kept| kept["templating"]["list"] = json!([{ "name": "x" }]),
            |kept| *kept = json!([]),
        ];
        for (number, change) in changes.iter().enumerate() {
            let mut changed = kept.clone();
            change(&mut changed);
            assert!(!is_as_ours(&changed, &ours), "{number}");
        }
    }
}
