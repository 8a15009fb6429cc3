//! What is asked wrongly, or for what is not there.

use axum::http::Method;
use serde_json::{Value, json};
use taskflows_api::client::ClientError;
use taskflows_core::effects::ServiceManager;
use taskflows_security::Role;

use super::host::Served;

async fn refusal(
    served: &Served,
    method: Method,
    target: &str,
    body: Option<&Value>,
) -> (u16, String, String) {
    match served.client().send::<_, Value>(method, target, body).await {
        Err(ClientError::Refused { problem, .. }) => {
            (problem.status, problem.code.unwrap_or_default(), problem.detail.unwrap_or_default())
        }
        other => panic!("{target}: {other:?}"),
    }
}

#[tokio::test]
async fn a_selector_that_selects_nothing_is_an_error_that_names_the_nearest() {
    let served = Served::to(Role::Operator).await;
    served.install(&[("backup", "true")]).await;
    let areas = ["services", "details", "names", "origins", "next", "alert-groups"];
    for target in areas.map(|area| format!("/api/{area}?match=b*&match=bakcup")) {
        let (status, code, detail) = refusal(&served, Method::GET, &target, None).await;
        let expected = "no service `bakcup` is installed, did you mean `backup`?";
        assert_eq!((status, code.as_str(), detail.as_str()), (404, "no-such-service", expected), "{target}");
        let found: Value = served.client().get(&format!("{target}&missing=ignore")).await.unwrap();
        assert!(found.is_array());
    }
    let (status, _, detail) = refusal(&served, Method::GET, "/api/services?match=x*", None).await;
    assert_eq!((status, detail.as_str()), (404, "no service matches `x*`"));
    for target in ["/api/services/bakcup", "/api/services/bakcup/files"] {
        let (status, code, detail) = refusal(&served, Method::GET, target, None).await;
        assert_eq!((status, code.as_str()), (404, "no-such-service"), "{target}");
        assert!(detail.ends_with("did you mean `backup`?"), "{detail}");
    }
    let (status, code, _) = refusal(&served, Method::POST, "/api/services/bakcup/start", None).await;
    assert_eq!((status, code.as_str()), (404, "no-such-service"));
}

#[tokio::test]
async fn what_means_nothing_is_refused_and_changes_nothing() {
    let served = Served::to(Role::Operator).await;
    served.install(&[("web", "sleep 1")]).await;
    let wrong = [
        "/api/services?matches=web",
        "/api/services?match=a%2Fb",
        "/api/services?missing=perhaps",
        "/api/services/web?x=1",
        "/api/details?depth=1",
        "/api/next?count=-1",
        "/api/next?count=1001",
        "/api/next?count=1&count=2",
        "/api/calendar",
        "/api/calendar?expr=daily&zone=Mars",
        "/api/calendar?expr=daily&from=yesterday",
        "/api/waits/x?timeout=26",
        "/api/waits/x?timeout=NaN",
    ];
    for target in wrong {
        let (status, code, _) = refusal(&served, Method::GET, target, None).await;
        assert_eq!((status, code.as_str()), (422, "invalid"), "{target}");
    }
    let start = "/api/services/web/start";
    let many: Vec<String> = (0..501).map(|index| format!("n{index}")).collect();
    let bodies = [
        (start, json!({"wiat": true})),
        (start, json!({"timeout": 3600})),
        (start, json!({"timeout": -1})),
        (start, json!({"who": "a\nb"})),
        (start, json!({"who": ""})),
        (start, json!({"who": "x".repeat(65)})),
        ("/api/batch", json!({"names": ["web"], "action": "explode"})),
        ("/api/batch", json!({"names": ["web", "../etc"], "action": "start"})),
        ("/api/batch", json!({"names": many, "action": "start"})),
        ("/api/batch", json!({"action": "start"})),
    ];
    for (target, body) in bodies {
        let (status, code, _) = refusal(&served, Method::POST, target, Some(&body)).await;
        assert_eq!((status, code.as_str()), (422, "invalid"), "{target} {body}");
    }
    let many: Vec<String> = (0..10_000).map(|index| format!("{index}")).collect();
    let body = json!({"names": many, "action": "start"});
    let (status, code, detail) = refusal(&served, Method::POST, "/api/batch", Some(&body)).await;
    assert_eq!((status, code.as_str(), detail.as_str()), (413, "too-large", "at most 64 KiB are read"));
    let (status, code, _) = refusal(&served, Method::POST, "/api/services/web/explode", None).await;
    assert_eq!((status, code.as_str()), (404, "no-such-action"));
    assert_eq!(served.fake.list(&[]).await.unwrap()[0].last, None, "nothing was started");
}

#[tokio::test]
async fn what_runs_is_not_run() {
    let served = Served::to(Role::Operator).await;
    served.install(&[("web", "sleep 1"), ("bad", "false")]).await;
    let _: Value = served.client().send(Method::POST, "/api/services/web/start", None::<&()>).await.unwrap();
    let (status, code, _) = refusal(&served, Method::POST, "/api/services/web/run", None).await;
    assert_eq!((status, code.as_str()), (409, "already-running"));
    let (status, code, detail) = refusal(&served, Method::POST, "/api/services/bad/run", None).await;
    assert_eq!((status, code.as_str(), detail.as_str()), (409, "run-failed", "`bad` failed: exit code 1"));
}
