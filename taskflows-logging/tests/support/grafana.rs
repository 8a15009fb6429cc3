//! A stand-in of Grafana's API, as far as its documentation says how it behaves: it keeps dashboards, counts their versions,
//! and refuses who has no key and who saves over a version that was not seen. No real Grafana has run here.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::server::{Request, Response, serve};

/// The key that it knows.
pub(crate) const KEY: &str = "glsa_hunter2";

#[derive(Default)]
pub(crate) struct State {
    /// By their uids, with their folders.
    pub(crate) dashboards: BTreeMap<String, (Value, String)>,
    pub(crate) datasources: Vec<Value>,
    /// How often a dashboard was saved.
    pub(crate) saves: usize,
    /// Whether the key may list data sources.
    pub(crate) hides_datasources: bool,
    /// What is answered to requests whose paths begin so, in place of all else.
    pub(crate) fault: Option<(&'static str, Response)>,
    /// Whether somebody saves each dashboard right after it was read.
    pub(crate) has_rival: bool,
}

/// A running stand-in.
pub(crate) struct FakeGrafana {
    pub(crate) url: String,
    pub(crate) state: Arc<Mutex<State>>,
}

impl FakeGrafana {
    pub(crate) fn start() -> Self {
        let datasources = vec![
            json!({ "id": 1, "uid": "prom", "name": "Prometheus", "type": "prometheus" }),
            json!({ "id": 2, "uid": "P8E80F9AEF21F6940", "name": "Logs", "type": "loki" }),
            json!({ "id": 3, "uid": "archive", "name": "Archive", "type": "loki" }),
        ];
        let state = Arc::new(Mutex::new(State { datasources, ..State::default() }));
        let own = Arc::clone(&state);
        let address = serve(move |request| own.lock().unwrap().answer(request));
        Self { url: format!("http://{address}"), state }
    }

    pub(crate) fn fail(&self, path: &'static str, response: Response) {
        self.state.lock().unwrap().fault = Some((path, response));
    }
}

impl State {
    fn answer(&mut self, request: &Request) -> Response {
        if let Some((_, response)) = self.fault.as_ref().filter(|(path, _)| request.path.starts_with(path)) {
            return response.clone();
        }
        let message = |status, text: &str| Response::json(status, &json!({ "message": text }));
        if request.header("authorization") != Some(&format!("Bearer {KEY}")) {
            return message(401, "Invalid API key");
        }
        if request.is("GET", "/api/datasources") {
            return match self.hides_datasources {
                true => message(403, "You'll need additional permissions: datasources:read"),
                false => Response::json(200, &json!(self.datasources)),
            };
        }
        if request.is("POST", "/api/dashboards/db") {
            return self.save(&serde_json::from_slice(&request.body).unwrap());
        }
        match request.path.strip_prefix("/api/dashboards/uid/") {
            Some(uid) if request.method == "GET" => self.read(uid),
            _ => message(404, "Not found"),
        }
    }

    fn read(&mut self, uid: &str) -> Response {
        let Some((dashboard, folder)) = self.dashboards.get_mut(uid) else {
            return Response::json(404, &json!({ "message": "Dashboard not found" }));
        };
        let answer = json!({ "dashboard": dashboard, "meta": { "folderUid": folder, "slug": "x" } });
        if self.has_rival {
            dashboard["version"] = json!(dashboard["version"].as_u64().unwrap() + 1);
        }
        Response::json(200, &answer)
    }

    fn save(&mut self, body: &Value) -> Response {
        let mut dashboard = body["dashboard"].clone();
        let uid = dashboard["uid"].as_str().unwrap().to_owned();
        let folder = body["folderUid"].as_str().unwrap_or_default().to_owned();
        let refused =
            |status: &str, text: &str| Response::json(412, &json!({ "status": status, "message": text }));
        let title = &dashboard["title"];
        let has_title = |(own, (other, place)): (&String, &(Value, String))| {
            *own != uid && *place == folder && other["title"] == *title
        };
        let overwrites = body["overwrite"] == true;
        if !overwrites && self.dashboards.iter().any(has_title) {
            return refused("name-exists", "A dashboard with the same name in the folder already exists");
        }
        let version = match self.dashboards.get(&uid) {
            Some((kept, _)) if !overwrites && kept["version"] != dashboard["version"] => {
                return refused("version-mismatch", "The dashboard has been changed by someone else");
            }
            Some((kept, _)) => kept["version"].as_u64().unwrap() + 1,
            None => 1,
        };
        dashboard["version"] = json!(version);
        dashboard["id"] = json!(self.dashboards.len() + 1);
        dashboard["fiscalYearStartMonth"] = json!(0);
        for panel in dashboard["panels"].as_array_mut().unwrap() {
            panel["pluginVersion"] = json!("12.1.0");
        }
        self.saves += 1;
        self.dashboards.insert(uid.clone(), (dashboard, folder));
        Response::json(200, &json!({ "uid": uid, "status": "success", "version": version }))
    }
}
