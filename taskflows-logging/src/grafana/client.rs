//! Grafana's HTTP API, as far as dashboards need it. Source: Grafana's documentation, "Dashboard HTTP API" and "Data
//! source HTTP API".

use reqwest::Method;
use serde_json::{Value, json};
use taskflows_core::grafana::Dashboard;

use super::http::{Http, Reply};
use super::model::{dashboard_json, dashboard_uid, is_as_ours, is_ours};
use super::{GrafanaError, GrafanaSettings};

/// The data source that is looked for where nobody names one.
const DATASOURCE: &str = "loki";

/// What becomes of a dashboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DashboardChange {
    /// There is none yet.
    Create,
    /// There is one that shows something else.
    Update,
    /// It is there, and as it should be.
    Unchanged,
}

/// A Grafana in which dashboards are made.
pub struct Grafana {
    http: Http,
    datasource: String,
    is_assumed: bool,
}

impl std::fmt::Debug for Grafana {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Grafana").field("datasource", &self.datasource).finish_non_exhaustive()
    }
}

/// A dashboard that Grafana keeps.
struct Kept {
    dashboard: Value,
    /// The folder in which somebody put it.
    folder: Option<String>,
}

impl Grafana {
    /// Asks Grafana for its data source of logs.
    ///
    /// # Errors
    /// When the settings cannot be used, when it does not answer or does not know the key, and when it has no such
    /// data source.
    pub async fn connect(settings: &GrafanaSettings) -> Result<Self, GrafanaError> {
        let http = Http::new(settings)?;
        let reply = http.send(http.request(Method::GET, "api/datasources")?).await?;
        // A key of the role Editor writes dashboards and may not list data sources.
        let is_assumed = reply.status == 403;
        let datasource = match is_assumed {
            true => settings.datasource.clone(),
            false => {
                let sources = success(&reply, "list its data sources")?;
                choose(sources, &settings.datasource)?
            }
        };
        Ok(Self { http, datasource, is_assumed })
    }

    /// Returns the uid of the data source that the dashboards ask.
    pub fn datasource(&self) -> &str {
        &self.datasource
    }

    /// Tells whether the key may not list data sources, so that the name in the settings was taken for a uid.
    pub fn is_datasource_assumed(&self) -> bool {
        self.is_assumed
    }

    /// Says what [`Grafana::apply`] would do, and changes nothing.
    ///
    /// # Errors
    /// As [`Grafana::apply`].
    pub async fn plan(
        &self,
        dashboard: &Dashboard,
        overwrite: bool,
    ) -> Result<DashboardChange, GrafanaError> {
        let kept = self.kept(dashboard).await?;
        self.change(dashboard, kept.as_ref(), overwrite)
    }

    /// Makes a dashboard, or makes the one that there is as it should be. One that is so already is left alone.
    ///
    /// Somebody else's dashboard, and one that is saved by somebody else meanwhile, is written over only where
    /// `overwrite` says so.
    ///
    /// # Errors
    /// When Grafana does not answer, refuses, or keeps a dashboard of this uid that has not our tag.
    pub async fn apply(
        &self,
        dashboard: &Dashboard,
        overwrite: bool,
    ) -> Result<DashboardChange, GrafanaError> {
        let kept = self.kept(dashboard).await?;
        let change = self.change(dashboard, kept.as_ref(), overwrite)?;
        if change != DashboardChange::Unchanged {
            self.save(dashboard, kept.as_ref(), overwrite).await?;
        }
        Ok(change)
    }

    async fn kept(&self, dashboard: &Dashboard) -> Result<Option<Kept>, GrafanaError> {
        let path = format!("api/dashboards/uid/{}", dashboard_uid(dashboard.title()));
        let reply = self.http.send(self.http.request(Method::GET, &path)?).await?;
        if reply.status == 404 {
            return Ok(None);
        }
        let operation = format!("read the dashboard `{}`", dashboard.title());
        let answer = success(&reply, &operation)?;
        let folder = answer["meta"]["folderUid"].as_str().filter(|uid| !uid.is_empty()).map(str::to_owned);
        Ok(Some(Kept { dashboard: answer["dashboard"].clone(), folder }))
    }

    fn change(
        &self,
        dashboard: &Dashboard,
        kept: Option<&Kept>,
        overwrite: bool,
    ) -> Result<DashboardChange, GrafanaError> {
        let Some(kept) = kept else { return Ok(DashboardChange::Create) };
        if is_as_ours(&kept.dashboard, &dashboard_json(dashboard, &self.datasource)) {
            return Ok(DashboardChange::Unchanged);
        }
        match is_ours(&kept.dashboard) || overwrite {
            true => Ok(DashboardChange::Update),
            false => Err(GrafanaError::NotOurs { title: dashboard.title().to_owned() }),
        }
    }

    async fn save(
        &self,
        dashboard: &Dashboard,
        kept: Option<&Kept>,
        overwrite: bool,
    ) -> Result<(), GrafanaError> {
        let mut model = dashboard_json(dashboard, &self.datasource);
        // The version that was seen, so that what somebody saved since is not lost.
        model["version"] = kept.map_or(Value::Null, |kept| kept.dashboard["version"].clone());
        model["id"] = kept.map_or(Value::Null, |kept| kept.dashboard["id"].clone());
        let mut body = json!({ "dashboard": model, "overwrite": overwrite, "message": "taskflows" });
        if let Some(folder) = kept.and_then(|kept| kept.folder.as_ref()) {
            body["folderUid"] = json!(folder);
        }
        let request = self.http.request(Method::POST, "api/dashboards/db")?.json(&body);
        let reply = self.http.send(request).await?;
        if reply.status == 412 {
            let title = dashboard.title().to_owned();
            return Err(GrafanaError::Conflict { title, said: self.conflict(&reply) });
        }
        success(&reply, &format!("save the dashboard `{}`", dashboard.title())).map(drop)
    }

    fn conflict(&self, reply: &Reply) -> String {
        match reply.json["status"].as_str() {
            Some("version-mismatch") => "somebody saved it meanwhile".to_owned(),
            Some("name-exists") => "another one in its folder has this title".to_owned(),
            _ => match reply.json["message"].as_str() {
                Some(message) => self.http.quote(message),
                None => "Grafana answered 412".to_owned(),
            },
        }
    }
}

/// Makes dashboards.
pub trait CreateDashboard {
    /// Makes this dashboard in Grafana, or makes the one that there is as it should be, as [`Grafana::apply`] does.
    ///
    /// # Errors
    /// As [`Grafana::connect`] and [`Grafana::apply`].
    fn create(
        &self,
        settings: &GrafanaSettings,
    ) -> impl Future<Output = Result<DashboardChange, GrafanaError>> + Send;
}

impl CreateDashboard for Dashboard {
    async fn create(&self, settings: &GrafanaSettings) -> Result<DashboardChange, GrafanaError> {
        Grafana::connect(settings).await?.apply(self, false).await
    }
}

/// Returns what was answered, unless it is an error.
fn success<'r>(reply: &'r Reply, operation: &str) -> Result<&'r Value, GrafanaError> {
    let (operation, said) = (operation.to_owned(), reply.said.clone());
    match reply.status {
        200..=299 => Ok(&reply.json),
        403 => Err(GrafanaError::Forbidden { operation, said }),
        status => Err(GrafanaError::Failed { operation, status, said }),
    }
}

/// Returns the uid of the Loki of this uid or name; where nobody named one and none is called so, of the first.
fn choose(sources: &Value, wanted: &str) -> Result<String, GrafanaError> {
    let all = sources.as_array().map(Vec::as_slice).unwrap_or_default();
    let text = |source: &Value, key: &str| source[key].as_str().unwrap_or_default().to_owned();
    let mut lokis: Vec<&Value> = all.iter().filter(|source| source["type"] == "loki").collect();
    let named = lokis.iter().position(|one| text(one, "uid") == wanted || text(one, "name") == wanted);
    if let Some(index) = named {
        lokis.swap(0, index);
    }
    match lokis.first() {
        Some(loki) if named.is_some() || wanted == DATASOURCE => Ok(text(loki, "uid")),
        _ => {
            let names: Vec<String> = lokis.iter().map(|one| text(one, "name")).collect();
            let others =
                if names.is_empty() { String::new() } else { format!("; there is {}", names.join(", ")) };
            Err(GrafanaError::NoDatasource { wanted: wanted.to_owned(), others })
        }
    }
}
