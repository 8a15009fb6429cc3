//! Alert rules, as Grafana provisions them.
//!
//! Source: Grafana, "Use configuration files to provision alerting resources".

use super::grafana::{DATA_SOURCE, FOLDER};
use super::{KitFile, NamedQuery, Part, Pipeline};

/// A rule: it fires while the query's value is beyond a threshold.
struct Rule {
    uid: &'static str,
    query: NamedQuery,
    /// The query looks back so far, in seconds.
    from: u32,
    evaluator: &'static str,
    threshold: u32,
    lasts: &'static str,
    no_data: &'static str,
    severity: &'static str,
    summary: &'static str,
}

const RULES: [Rule; 3] = [
    Rule {
        uid: "taskflows-failed-run",
        query: NamedQuery::ALERT_FAILED_RUNS,
        from: 300,
        evaluator: "gt",
        threshold: 0,
        lasts: "0s",
        no_data: "OK",
        severity: "error",
        summary: "A run of {{ $labels.service_name }} has failed.",
    },
    Rule {
        uid: "taskflows-errors",
        query: NamedQuery::ALERT_ERRORS,
        from: 300,
        evaluator: "gt",
        threshold: 20,
        lasts: "5m",
        no_data: "OK",
        severity: "warning",
        summary: "{{ $labels.service_name }} writes more than 20 errors in 5 minutes.",
    },
    Rule {
        uid: "taskflows-silence",
        query: NamedQuery::ALERT_SILENCE,
        from: 1800,
        evaluator: "lt",
        threshold: 1,
        lasts: "10m",
        no_data: "Alerting",
        severity: "warning",
        summary: "No line has arrived for 30 minutes; `tf logging check` says where they stop.",
    },
];

pub(super) fn files(pipeline: &Pipeline, part: Part) -> Vec<KitFile> {
    let rules: String = RULES.iter().map(text).collect();
    let text = format!(
        "{header}# Who is told, and how, is up to the notification policies of Grafana.
apiVersion: 1

groups:
  - orgId: 1
    name: taskflows
    folder: {FOLDER}
    interval: 1m
    rules:
{rules}",
        header = pipeline.header(part, "#"),
    );
    vec![KitFile::new("grafana/provisioning/alerting/taskflows.yaml", text)]
}

fn text(rule: &Rule) -> String {
    format!(
        "      - uid: {uid}
        title: {title}
        condition: B
        data:
          - refId: A
            queryType: instant
            relativeTimeRange:
              from: {from}
              to: 0
            datasourceUid: {DATA_SOURCE}
            model:
              refId: A
              queryType: instant
              editorMode: code
              expr: {query}
          - refId: B
            relativeTimeRange:
              from: 0
              to: 0
            datasourceUid: __expr__
            model:
              refId: B
              type: threshold
              expression: A
              conditions:
                - evaluator:
                    type: {evaluator}
                    params: [{threshold}]
        for: {lasts}
        noDataState: {no_data}
        execErrState: Error
        labels:
          severity: {severity}
        annotations:
          summary: {summary}
",
        uid = rule.uid,
        title = rule.query.about,
        from = rule.from,
        query = quoted(rule.query.text),
        evaluator = rule.evaluator,
        threshold = rule.threshold,
        lasts = rule.lasts,
        no_data = rule.no_data,
        severity = rule.severity,
        summary = quoted(rule.summary),
    )
}

/// A string of YAML: only `'` means anything between two of them.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
