//! Grafana: where Loki is, and where dashboards lie.
//!
//! Source: Grafana, "Provision Grafana" and "Configure the Loki data source".

use super::{KitFile, Part, Pipeline};

/// The uid by which dashboards and rules name Loki.
pub(super) const DATA_SOURCE: &str = "loki";
/// The folder of dashboards and rules.
pub(super) const FOLDER: &str = "taskflows";

pub(super) fn files(pipeline: &Pipeline, part: Part) -> Vec<KitFile> {
    vec![
        KitFile::new("grafana/provisioning/dashboards/taskflows.yaml", dashboards(pipeline, part)),
        KitFile::new("grafana/provisioning/datasources/loki.yaml", data_source(pipeline, part)),
    ]
}

fn data_source(pipeline: &Pipeline, part: Part) -> String {
    let auth = if pipeline.has_auth {
        "
    basicAuth: true
    basicAuthUser: ${LOKI_USER}
    secureJsonData:
      basicAuthPassword: ${LOKI_PASSWORD}"
    } else {
        ""
    };
    let derived: String = ["trace_id", "request_id", "run_id"].map(derived).concat();
    let tenant = match &pipeline.tenant {
        Some(_) => "\n      httpHeaderName1: X-Scope-OrgID",
        None => "",
    };
    let mut text = format!(
        "{header}apiVersion: 1

datasources:
  - name: Loki
    uid: {DATA_SOURCE}
    type: loki
    access: proxy
    url: {address}
    isDefault: true
    editable: false{auth}
    jsonData:
      maxLines: 1000{tenant}
      # From a line to all lines of the same trace, request or run.
      derivedFields:
{derived}",
        header = pipeline.header(part, "#"),
        address = pipeline.loki_address(part),
    );
    if let Some(tenant) = &pipeline.tenant {
        // After a block of the same name, where there is one.
        let value = format!("      httpHeaderValue1: {tenant}\n");
        let block = "    secureJsonData:\n";
        match text.find(block) {
            Some(at) => text.insert_str(at + block.len(), &value),
            None => text.push_str(&format!("{block}{value}")),
        }
    }
    text
}

/// A link by a label or by structured metadata. `$$` is how a provisioned file writes `$`.
fn derived(name: &str) -> String {
    format!(
        "        - name: {name}
          matcherType: label
          matcherRegex: {name}
          datasourceUid: {DATA_SOURCE}
          url: '{{service_name=~\".+\"}} | {name}=\"$${{__value.raw}}\"'
"
    )
}

fn dashboards(pipeline: &Pipeline, part: Part) -> String {
    let directory = match part {
        Part::Compose => "/etc/grafana/dashboards",
        _ => "/var/lib/grafana/dashboards/taskflows",
    };
    format!(
        "{header}apiVersion: 1

providers:
  - name: taskflows
    folder: {FOLDER}
    folderUid: {FOLDER}
    type: file
    disableDeletion: true
    allowUiUpdates: false
    updateIntervalSeconds: 60
    options:
      path: {directory}
",
        header = pipeline.header(part, "#"),
    )
}
