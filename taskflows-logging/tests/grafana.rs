//! Dashboards through Grafana's API, against a stand-in of it that keeps state.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

mod support;

use std::time::{Duration, Instant};

use serde_json::json;
use support::grafana::{FakeGrafana, KEY};
use support::server::{Response, nobody};
use taskflows_logging::grafana::{
    CreateDashboard, Dashboard, DashboardChange, Grafana, GrafanaError, GrafanaSettings, Panel,
    dashboard_json, dashboard_uid,
};

fn dashboard(text: &str) -> Dashboard {
    let panel = Panel::search("worker".parse().unwrap(), text);
    Dashboard::new("Worker logs", vec![vec![panel]]).unwrap()
}

fn settings(grafana: &FakeGrafana) -> GrafanaSettings {
    GrafanaSettings::new(&grafana.url, KEY)
}

async fn wrong(settings: &GrafanaSettings) -> GrafanaError {
    let error = dashboard("x").create(settings).await.unwrap_err();
    assert!(!format!("{error} {error:?} {settings:?}").contains("hunter2"), "{error:?}");
    error
}

#[tokio::test]
async fn a_dashboard_is_made_left_alone_and_changed() {
    let grafana = FakeGrafana::start();
    let settings = settings(&grafana);
    assert_eq!(dashboard("x").create(&settings).await.unwrap(), DashboardChange::Create);
    let uid = dashboard_uid("Worker logs");
    let kept = grafana.state.lock().unwrap().dashboards[&uid].0.clone();
    assert_eq!(kept["panels"][0]["datasource"]["uid"], "P8E80F9AEF21F6940", "the first Loki there is");
    assert_eq!(dashboard("x").create(&settings).await.unwrap(), DashboardChange::Unchanged);
    assert_eq!(grafana.state.lock().unwrap().saves, 1, "what is so already is not saved");
    // Somebody puts it into a folder, where it stays.
    grafana.state.lock().unwrap().dashboards.get_mut(&uid).unwrap().1 = "team".to_owned();
    let there = Grafana::connect(&settings).await.unwrap();
    assert_eq!(there.plan(&dashboard("y"), false).await.unwrap(), DashboardChange::Update);
    assert_eq!(grafana.state.lock().unwrap().saves, 1, "a plan saves nothing");
    assert_eq!(there.apply(&dashboard("y"), false).await.unwrap(), DashboardChange::Update);
    let state = grafana.state.lock().unwrap();
    let (kept, folder) = &state.dashboards[&uid];
    assert_eq!((kept["version"].as_u64(), folder.as_str(), state.saves), (Some(2), "team", 2));
    assert_eq!(kept["panels"][0]["targets"][0]["expr"], "{service_name=\"worker\"} |= \"y\"");
}

#[tokio::test]
async fn somebody_elses_dashboard_is_left_alone_unless_that_is_asked_for() {
    let grafana = FakeGrafana::start();
    let mut theirs = dashboard_json(&dashboard("mine"), "loki");
    (theirs["tags"], theirs["version"]) = (json!(["mine"]), json!(5));
    let uid = dashboard_uid("Worker logs");
    grafana.state.lock().unwrap().dashboards.insert(uid.clone(), (theirs.clone(), String::new()));
    let settings = settings(&grafana);
    let error = wrong(&settings).await;
    assert!(error.is_not_ours() && !error.is_of_all(), "{error:?}");
    assert_eq!(grafana.state.lock().unwrap().dashboards[&uid].0, theirs);
    let there = Grafana::connect(&settings).await.unwrap();
    assert_eq!(there.apply(&dashboard("x"), true).await.unwrap(), DashboardChange::Update);
    assert_eq!(there.apply(&dashboard("x"), false).await.unwrap(), DashboardChange::Unchanged);
}

#[tokio::test]
async fn what_somebody_saves_meanwhile_is_not_lost() {
    let grafana = FakeGrafana::start();
    let settings = settings(&grafana);
    dashboard("x").create(&settings).await.unwrap();
    grafana.state.lock().unwrap().has_rival = true;
    let there = Grafana::connect(&settings).await.unwrap();
    let error = there.apply(&dashboard("y"), false).await.unwrap_err().to_string();
    assert_eq!(error, "the dashboard `Worker logs` is in the way of another: somebody saved it meanwhile");
    assert_eq!(grafana.state.lock().unwrap().saves, 1);
    assert_eq!(there.apply(&dashboard("y"), true).await.unwrap(), DashboardChange::Update);
}

#[tokio::test]
async fn another_dashboard_of_the_title_is_named() {
    let grafana = FakeGrafana::start();
    let other = json!({ "title": "Worker logs", "version": 1 });
    grafana.state.lock().unwrap().dashboards.insert("abc".to_owned(), (other, String::new()));
    let error = wrong(&settings(&grafana)).await.to_string();
    assert!(error.ends_with("another one in its folder has this title"), "{error}");
}

#[tokio::test]
async fn the_data_source_is_the_one_that_is_named() {
    let grafana = FakeGrafana::start();
    for (named, uid) in [("archive", "archive"), ("Logs", "P8E80F9AEF21F6940"), ("loki", "P8E80F9AEF21F6940")]
    {
        let settings = GrafanaSettings { datasource: named.to_owned(), ..settings(&grafana) };
        let there = Grafana::connect(&settings).await.unwrap();
        assert_eq!((there.datasource(), there.is_datasource_assumed()), (uid, false), "{named}");
    }
    let other = GrafanaSettings { datasource: "Prometheus".to_owned(), ..settings(&grafana) };
    let error = wrong(&other).await.to_string();
    assert_eq!(error, "Grafana has no data source `Prometheus` of type Loki; there is Logs, Archive");
    grafana.state.lock().unwrap().datasources.truncate(1);
    let error = wrong(&settings(&grafana)).await.to_string();
    assert_eq!(error, "Grafana has no data source `loki` of type Loki");
    // A key that may not list them may still write dashboards.
    grafana.state.lock().unwrap().hides_datasources = true;
    let there = Grafana::connect(&settings(&grafana)).await.unwrap();
    assert_eq!((there.datasource(), there.is_datasource_assumed()), ("loki", true));
    assert_eq!(there.apply(&dashboard("x"), false).await.unwrap(), DashboardChange::Create);
}

#[tokio::test]
async fn what_goes_wrong_is_told_in_words_without_the_key() {
    let grafana = FakeGrafana::start();
    let own = settings(&grafana);
    let other_key = GrafanaSettings { api_key: "glsa_hunter2x".to_owned(), ..own.clone() };
    assert_eq!(
        wrong(&other_key).await.to_string(),
        "Grafana does not know the API key (401: Invalid API key)"
    );
    let long = format!("no {KEY}\n{}", "x".repeat(500));
    let text = |status, kind, body: &str| Response::text(status, kind, body);
    let html = || text(200, "text/html", "<html>Log in</html>");
    let said = |status| Response::json(status, &json!({ "message": long }));
    let redirect =
        Response { location: Some("https://other:44/?t=hunter2".to_owned()), ..text(302, "text/html", "") };
    let (datasources, uid, save) = ("/api/datasources", "/api/dashboards/uid", "/api/dashboards/db");
    let cases = [
        (datasources, html(), "status 200 with text/html in place of JSON"),
        (datasources, text(404, "text/html", "nothing here"), "status 404 with text/html in place of JSON"),
        (datasources, redirect, "status 302 points to https://other:44, which is not followed"),
        (datasources, said(500), "could not list its data sources: it answered 500: no … xxx"),
        (uid, html(), "does not answer as Grafana does"),
        (uid, said(403), "may not read the dashboard `Worker logs` in Grafana (403: no … xxx"),
        (save, said(403), "may not save the dashboard `Worker logs` in Grafana (403: no … xxx"),
        (save, said(404), "could not save the dashboard `Worker logs`: it answered 404: no … xxx"),
        (save, said(412), "is in the way of another: no … xxx"),
    ];
    for (path, response, part) in cases {
        grafana.fail(path, response);
        let error = wrong(&own).await.to_string();
        assert!(error.contains(part) && error.len() < 350, "{error}");
    }
    assert_eq!(grafana.state.lock().unwrap().saves, 0);
}

#[tokio::test]
async fn one_that_is_down_or_slow_is_waited_for_no_longer_than_the_limit() {
    let own = GrafanaSettings::new(&nobody().to_string(), KEY);
    let error = wrong(&own).await;
    assert!(error.is_unreachable() && error.is_of_all(), "{error:?}");
    let grafana = FakeGrafana::start();
    let slow = Response { delay: Duration::from_secs(20), ..Response::text(200, "text/html", "") };
    grafana.fail("/api", slow);
    let own = GrafanaSettings { timeout: Duration::from_millis(200), ..settings(&grafana) };
    let began = Instant::now();
    let error = wrong(&own).await.to_string();
    assert!(error.ends_with("no answer within the limit"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn an_address_or_a_key_that_cannot_be_used_is_told_before_anything_is_asked() {
    for (url, key, part) in [
        ("ftp://x", KEY, "no address of the web"),
        ("http://me:hunter2@x", KEY, "holds a user or a password"),
        ("http://x", "", "the API key is empty"),
        ("http://x", "hunter2\nx", "holds what no key holds"),
    ] {
        let error = wrong(&GrafanaSettings::new(url, key)).await;
        assert!(
            matches!(error, GrafanaError::Unusable { .. }) && error.to_string().contains(part),
            "{error}"
        );
    }
}
