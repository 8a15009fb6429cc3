//! What `/metrics` says is read by Prometheus' own client library for Python, which is not ours.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::Request;
use serde_json::Value;
use taskflows_api::Host;
use taskflows_api::server::Api;
use taskflows_api::testing::{RoleTokens, host};
use taskflows_core::Service;
use taskflows_core::effects::{Action, ServiceManager, Target, Wanted};
use taskflows_core::testing::FakeServiceManager;
use tower::ServiceExt;

/// Reads metrics from its standard input and writes each sample: its family, type, name, labels and value.
const READER: &str = "
import json, sys
text = sys.stdin.read()
if sys.argv[1] == 'openmetrics':
    from prometheus_client.openmetrics.parser import text_string_to_metric_families as families
else:
    from prometheus_client.parser import text_string_to_metric_families as families
json.dump([[f.name, f.type, s.name, s.labels, s.value] for f in families(text) for s in f.samples], sys.stdout)
";

fn read(format: &str, text: &str) -> Vec<(String, String, String, Value, f64)> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    let python = cache.unwrap_or_default().join("taskflows-ci/prometheus-client/bin/python");
    assert!(python.is_file(), "run scripts/test first: {} is missing", python.display());
    let mut child = Command::new(python)
        .args(["-c", READER, format])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "Prometheus' library refuses:\n{text}");
    serde_json::from_slice(&output.stdout).unwrap()
}

async fn begin() -> Api {
    let services = Arc::new(FakeServiceManager::default());
    let build = |name: &str, command: &str| Service::builder(name).start_command(command).build().unwrap();
    let all = [build("fails", "false"), build("web", "sleep 9")];
    services.install(Wanted::services(&all)).await.unwrap();
    let names = all.map(|service| service.name);
    services.perform(&names, Action::Start, Target::Service).await.unwrap();
    let host = Host { feed: Arc::clone(&services) as _, services, ..host() };
    Api::new(Host { name: "a\"b\\c\nd".to_owned(), ..host }, Arc::new(RoleTokens))
}

async fn get(api: &Api, path: &str, token: &str, accept: &str) -> (u16, String, String) {
    let request =
        Request::get(path).header("authorization", format!("Bearer {token}")).header("accept", accept);
    let response = api.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let kind = response.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
    let status = response.status().as_u16();
    let bytes = to_bytes(response.into_body(), 8 << 20).await.unwrap();
    (status, kind.unwrap_or_default(), String::from_utf8(bytes.to_vec()).unwrap())
}

#[tokio::test]
async fn both_formats_are_read_and_say_the_same() {
    let api = begin().await;
    assert_eq!(get(&api, "/health", "viewer", "*/*").await.0, 200);
    assert_eq!(get(&api, "/metrics", "nobody", "*/*").await.0, 401);
    assert_eq!(get(&api, "/nowhere/at/all", "viewer", "*/*").await.0, 404);
    let accepts = [
        ("plain", "text/plain", "text/plain; version=0.0.4; charset=utf-8"),
        (
            "openmetrics",
            "application/openmetrics-text;version=1.0.0;q=0.75,text/plain;q=0.5",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
        ),
    ];
    for (format, accept, wanted) in accepts {
        let (status, kind, text) = get(&api, "/metrics", "viewer", accept).await;
        assert_eq!((status, kind.as_str()), (200, wanted));
        let samples = read(format, &text);
        let value = |name: &str, labels: &Value| {
            let is_it = |sample: &&(String, String, String, Value, f64)| {
                let holds = |(key, value): (&String, &Value)| sample.3.get(key) == Some(value);
                sample.2 == name && labels.as_object().unwrap().iter().all(holds)
            };
            let found: Vec<f64> = samples.iter().filter(is_it).map(|sample| sample.4).collect();
            assert_eq!(found.len(), 1, "{name} {labels}: {found:?}");
            found[0]
        };
        let of = |name: &str, state: &str| serde_json::json!({"service_name": name, "state": state});
        assert_eq!(value("taskflows_unit_state", &of("fails", "failed")), 1.0);
        assert_eq!(value("taskflows_unit_state", &of("fails", "running")), 0.0);
        assert_eq!(value("taskflows_service_state", &of("web", "active")), 1.0);
        assert_eq!(
            value("taskflows_service_last_run_success", &serde_json::json!({"service_name": "fails"})),
            0.0
        );
        let asked = |endpoint: &str, status: &str| serde_json::json!({"method": "GET", "endpoint": endpoint, "status_code": status});
        assert_eq!(value("taskflows_api_requests_total", &asked("/health", "200")), 1.0);
        assert_eq!(value("taskflows_api_requests_total", &asked("other", "404")), 1.0);
        assert_eq!(value("taskflows_api_request_duration_seconds_count", &asked("/health", "200")), 1.0);
        assert_eq!(
            value("taskflows_api_rejections_total", &serde_json::json!({"kind": "unauthorized"})),
            1.0
        );
        assert_eq!(value("taskflows_system_info", &serde_json::json!({"hostname": "a\"b\\c\nd"})), 1.0);
        assert!(value("process_resident_memory_bytes", &serde_json::json!({})) > 1e6);
        let counters = samples.iter().filter(|sample| sample.2.ends_with("_total"));
        assert!(counters.clone().count() > 3);
        assert!(counters.clone().all(|sample| sample.1 == "counter"), "counters are known as such");
    }
}
