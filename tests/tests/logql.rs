//! Every query of ours, read by Grafana's own grammar of LogQL.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use taskflows_logging::kit::{NamedQuery, Part, Pipeline};
use taskflows_tests::repository;

/// Where `scripts/test` put the grammar.
fn grammar() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.unwrap_or_else(|| PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache"));
    let modules = cache.join("taskflows-ci/lezer-logql-0.4.2/node_modules");
    assert!(
        modules.exists(),
        "{} is missing: run the tests by scripts/test, or call need_logql of scripts/lib.sh",
        modules.display()
    );
    modules
}

/// Returns those that the grammar refuses.
fn refused(queries: &[String]) -> Vec<String> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/logql.mjs");
    let mut child = Command::new("node")
        .arg(script)
        .arg(grammar())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node starts");
    let input = Value::from(queries.to_vec()).to_string();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let told: Vec<String> = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(output.status.code(), Some(i32::from(!told.is_empty())));
    told
}

#[track_caller]
fn check_all(queries: Vec<String>) {
    assert!(!queries.is_empty());
    let refused = refused(&queries);
    assert!(refused.is_empty(), "no LogQL:\n{}", refused.join("\n"));
}

/// A query with what Grafana puts into it.
fn with_spans(query: &str) -> String {
    query.replace("$__auto", "5m").replace("$__range", "24h")
}

/// Every text under a key `expr`, wherever it stands.
fn expressions(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match value {
                    Value::String(text) if key == "expr" => found.push(with_spans(text)),
                    other => expressions(other, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| expressions(item, found)),
        _ => {}
    }
}

/// The blocks of LogQL in a Markdown file; in a block, an empty line ends a query.
fn blocks(text: &str) -> Vec<String> {
    let mut queries = Vec::new();
    for block in text.split("```logql\n").skip(1) {
        let block = block.split("```").next().unwrap();
        queries
            .extend(block.split("\n\n").map(str::trim).filter(|query| !query.is_empty()).map(str::to_owned));
    }
    let is_comment = |query: &String| query.lines().all(|line| line.starts_with('#'));
    queries.into_iter().filter(|query| !is_comment(query)).collect()
}

fn readmes(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with('.') && name != "target" && name != "node_modules" {
            readmes(&path, found);
        } else if name == "README.md" {
            found.push(path);
        }
    }
}

#[test]
fn each_named_query_is_logql_and_asks_for_labels_that_are_indexed() {
    check_all(NamedQuery::ALL.iter().map(|query| with_spans(query.text)).collect());
    let names: BTreeSet<&str> = NamedQuery::ALL.iter().map(|query| query.name).collect();
    assert_eq!(names.len(), NamedQuery::ALL.len());
    let labels: Vec<&str> = Pipeline::default().labels().into_iter().map(|label| label.name()).collect();
    for query in NamedQuery::ALL {
        let selector = query.text.split('{').nth(1).unwrap().split('}').next().unwrap();
        for matcher in selector.split(", ") {
            let name = matcher.split(['=', '!']).next().unwrap();
            assert!(labels.contains(&name), "{name} of {}", query.text);
        }
    }
}

#[test]
fn dashboards_and_rules_ask_named_queries() {
    let named: BTreeSet<String> = NamedQuery::ALL.iter().map(|query| with_spans(query.text)).collect();
    let mut found = Vec::new();
    for file in Pipeline::default().files(Part::Grafana) {
        if file.path.ends_with(".json") {
            expressions(&serde_json::from_str(&file.text).unwrap(), &mut found);
        }
        let rules = file.text.lines().filter_map(|line| line.trim().strip_prefix("expr: '"));
        found.extend(rules.map(|rule| rule.trim_end_matches('\'').replace("''", "'")));
    }
    assert!(found.len() >= 20, "{}", found.len());
    assert!(found.iter().all(|query| named.contains(query)), "{found:#?}");
    check_all(found);
}

#[test]
fn links_of_the_data_source_are_logql() {
    let files = Pipeline::default().files(Part::Grafana);
    let source = files.iter().find(|file| file.path.ends_with("datasources/loki.yaml")).unwrap();
    let links = source.text.lines().filter_map(|line| line.trim().strip_prefix("url: '"));
    let links: Vec<String> =
        links.map(|link| link.trim_end_matches('\'').replace("$${__value.raw}", "x")).collect();
    assert_eq!(links.len(), 3);
    check_all(links);
}

#[test]
fn queries_in_documentation_are_logql() {
    let mut files = Vec::new();
    readmes(&repository(), &mut files);
    assert!(files.len() > 5);
    let queries: Vec<String> =
        files.iter().flat_map(|file| blocks(&std::fs::read_to_string(file).unwrap())).collect();
    if !queries.is_empty() {
        check_all(queries);
    }
    let two = blocks("a\n```logql\n# why\n{a=\"b\"}\n\n{c=\"d\"}\n  | json\n```\n```toml\nx\n```");
    assert_eq!(two, ["# why\n{a=\"b\"}", "{c=\"d\"}\n  | json"]);
}

/// Queries that people know from before: with the labels as they were, each still selects.
const KNOWN: [&str; 12] = [
    r#"{app="my-service", environment="production"}"#,
    r#"{app="my-service", severity="ERROR"}"#,
    r#"{app="my-service", request_id="abc-123"}"#,
    r#"{app="my-service"} |= "database connection""#,
    r#"{app="my-service"} |= "event_fingerprint""#,
    r#"{app="my-service"} | json | context_user_id="user-123""#,
    "{app=\"my-service\"}\n  | json\n  | context_duration_ms > 1000\n  | line_format \"Slow request: {{.event}} took {{.context_duration_ms}}ms\"",
    "sum by (hostname) (\n  rate({app=\"my-service\", severity=\"ERROR\"}[5m])\n)",
    r#"{trace_id="trace-abc123"} | json"#,
    r#"{app="dl-logging-test"}"#,
    r#"{app="my-service"} | json | context_field_name="value""#,
    r#"quantile_over_time(0.95, {app="my-service"} | json | unwrap context_response_time_ms | __error__="" [5m]) by (hostname)"#,
];

#[test]
fn queries_that_people_know_are_logql_and_their_labels_are_indexed_when_asked() {
    check_all(KNOWN.iter().map(|query| (*query).to_owned()).collect());
    let compat = Pipeline { labels_compat: true, ..Pipeline::default() };
    let indexed: Vec<&str> = compat.labels().into_iter().map(|label| label.name()).collect();
    for query in KNOWN {
        let selector = query.split('{').nth(1).unwrap().split('}').next().unwrap();
        for matcher in selector.split(", ") {
            let name = matcher.split('=').next().unwrap();
            assert!(indexed.contains(&name), "{name} of {query}");
        }
    }
}

/// The tests above are worth something only if the grammar refuses.
#[test]
fn what_is_no_logql_is_refused() {
    let percentile = "{app=\"my-service\"}\n  | json\n  | context_response_time_ms > 0\n  | histogram_quantile(0.95,\n      sum by (le) (\n        rate(context_response_time_ms[5m])\n      )\n    )";
    let bad = [
        percentile,
        r#"{app="x"} |"#,
        r#"{app="x"} | json | unwrap"#,
        r#"rate({app="x"})"#,
        r#"{app=x}"#,
        r#"sum by (a (rate({app="x"}[5m]))"#,
        r#"quantile_over_time({app="x"} | unwrap y [5m]"#,
        "anything",
    ];
    let bad: Vec<String> = bad.iter().map(|query| (*query).to_owned()).collect();
    let refused: Vec<Value> = refused(&bad).iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let refused: Vec<&str> = refused.iter().map(|told| told["query"].as_str().unwrap()).collect();
    assert_eq!(refused, bad);
}
