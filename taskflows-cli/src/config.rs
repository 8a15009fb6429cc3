use std::collections::HashMap;
use std::ffi::OsString;
use std::path::PathBuf;

use taskflows_core::grafana::Explore;
use taskflows_logging::loki::LokiSettings;
use taskflows_store::Retention;

/// What the environment says, before anything is looked up.
///
/// | variable | meaning | without it |
/// |---|---|---|
/// | `XDG_CONFIG_HOME` | where `systemd/user` with the unit files is | `~/.config` |
/// | `XDG_DATA_HOME` | where the user manager keeps when persistent timers last elapsed | `~/.local/share` |
/// | `XDG_RUNTIME_DIR` | where the user manager's socket is | `/run/user/UID` |
/// | `DBUS_SESSION_BUS_ADDRESS` | another bus than the one of `XDG_RUNTIME_DIR` | that one |
/// | `TASKFLOWS_DATA_DIR` | what is kept between commands | `/opt/taskflows/data` where it can be written, else `$XDG_STATE_HOME/taskflows` |
/// | `TASKFLOWS_TF` | the `tf` that units call | the one that writes them |
/// | `TASKFLOWS_DISPLAY_TIMEZONE` | the zone in which times are shown | UTC |
/// | `TASKFLOWS_GRAFANA` | Grafana, for the links in alerts | no links |
/// | `TASKFLOWS_GRAFANA_API_KEY` | the token of a service account, by which dashboards are made | none are |
/// | `TASKFLOWS_LOKI_URL` | where Loki answers queries | `http://localhost:3100`, where logs are asked of it |
/// | `TASKFLOWS_LOKI_USER`, `TASKFLOWS_LOKI_PASSWORD` | who asks it | nobody in particular |
/// | `TASKFLOWS_LOKI_TENANT` | `X-Scope-OrgID` | not sent |
/// | `TASKFLOWS_LOKI_CA_FILE` | a certificate (PEM) trusted beside the system's | the system's alone |
/// | `TASKFLOWS_FLUENT_BIT` | Fluent Bit's forward input, for programs and `tf logging check` | not tried |
/// | `TASKFLOWS_DEADMAN_URL` | what is asked for after each look of the monitor | nothing |
/// | `VISUAL`, `EDITOR` | what `tf edit` opens files with | `sensible-editor`, `vi` |
/// | `TASKFLOWS_JOURNAL_DIRECTORY` | a directory of journal files | the machine's journal |
/// | `TASKFLOWS_CONTAINER_ENGINE` | the container engine: docker, podman, or a path | docker, else podman |
/// | `DOCKER_HOST`, `CONTAINER_HOST` | where docker, podman listen, written into units | their own default |
/// | `PATH` | where programs that units name are looked for | the usual places |
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Config {
    pub(crate) home: Option<PathBuf>,
    pub(crate) config_home: Option<PathBuf>,
    pub(crate) state_home: Option<PathBuf>,
    pub(crate) data_home: Option<PathBuf>,
    pub(crate) runtime_directory: Option<PathBuf>,
    pub(crate) bus_address: Option<String>,
    pub(crate) data_directory: Option<PathBuf>,
    /// How long and how many runs are kept.
    pub(crate) retention: Retention,
    /// Whether what is kept stands elsewhere than where a unit's `tf` would look.
    pub(crate) has_own_state: bool,
    pub(crate) program: Option<PathBuf>,
    pub(crate) display_zone: Option<String>,
    pub(crate) journal_directory: Option<PathBuf>,
    pub(crate) container_engine: Option<String>,
    pub(crate) docker_host: Option<String>,
    pub(crate) podman_host: Option<String>,
    pub(crate) search_path: Option<OsString>,
    pub(crate) editor: Option<String>,
    pub(crate) grafana: Option<Explore>,
    pub(crate) grafana_api_key: Option<String>,
    pub(crate) loki: Option<LokiSettings>,
    pub(crate) fluent_bit: Option<String>,
    pub(crate) deadman_url: Option<String>,
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // It holds secrets.
        f.debug_struct("Config").field("config_home", &self.config_home).finish_non_exhaustive()
    }
}

impl Config {
    /// Reads the variables that mean something to taskflows; an empty one counts as unset.
    pub fn from_vars<I, K, V>(variables: I) -> Self
    where
        I: IntoIterator<Item = (K, V)>,
        K: Into<OsString>,
        V: Into<OsString>,
    {
        let variables: HashMap<OsString, OsString> =
            variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        let get =
            |name: &str| variables.get(&OsString::from(name)).filter(|value| !value.is_empty()).cloned();
        // The XDG specification has relative paths ignored.
        let path = |name: &str| get(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let text = |name: &str| get(name).and_then(|value| value.into_string().ok());
        Self {
            home: path("HOME"),
            config_home: path("XDG_CONFIG_HOME").or_else(|| Some(path("HOME")?.join(".config"))),
            state_home: path("XDG_STATE_HOME").or_else(|| Some(path("HOME")?.join(".local/state"))),
            data_home: path("XDG_DATA_HOME").or_else(|| Some(path("HOME")?.join(".local/share"))),
            runtime_directory: path("XDG_RUNTIME_DIR"),
            bus_address: text("DBUS_SESSION_BUS_ADDRESS"),
            data_directory: path("TASKFLOWS_DATA_DIR"),
            has_own_state: path("TASKFLOWS_DATA_DIR").is_some() || path("XDG_STATE_HOME").is_some(),
            program: path("TASKFLOWS_TF"),
            display_zone: text("TASKFLOWS_DISPLAY_TIMEZONE"),
            journal_directory: path("TASKFLOWS_JOURNAL_DIRECTORY"),
            container_engine: text("TASKFLOWS_CONTAINER_ENGINE"),
            docker_host: text("DOCKER_HOST"),
            podman_host: text("CONTAINER_HOST"),
            search_path: get("PATH"),
            editor: text("VISUAL").or_else(|| text("EDITOR")),
            grafana: text("TASKFLOWS_GRAFANA").map(|url| Explore::new(&url)),
            grafana_api_key: text("TASKFLOWS_GRAFANA_API_KEY"),
            loki: text("TASKFLOWS_LOKI_URL").map(|url| {
                let loki = LokiSettings::new(&url);
                let basic_auth = text("TASKFLOWS_LOKI_USER").zip(text("TASKFLOWS_LOKI_PASSWORD"));
                LokiSettings {
                    basic_auth: basic_auth.or(loki.basic_auth),
                    tenant: text("TASKFLOWS_LOKI_TENANT"),
                    ca_file: path("TASKFLOWS_LOKI_CA_FILE"),
                    ..loki
                }
            }),
            retention: Retention::default(),
            fluent_bit: text("TASKFLOWS_FLUENT_BIT"),
            deadman_url: text("TASKFLOWS_DEADMAN_URL"),
        }
    }

    /// Returns the bus address where it is another than the one of the runtime directory: somebody chose
    /// it, so it is the only one tried.
    pub(crate) fn chosen_bus(&self) -> Option<&str> {
        let own = self.runtime_directory.as_ref().map(|path| format!("unix:path={}/bus", path.display()));
        let address = self.bus_address.as_deref()?;
        let first = address.split(',').next().unwrap_or(address);
        (own.as_deref() != Some(first)).then_some(address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_follow_home_unless_they_are_set() {
        let config = Config::from_vars([
            ("HOME", "/home/me"),
            ("XDG_STATE_HOME", "relative"),
            ("XDG_RUNTIME_DIR", ""),
        ]);
        assert_eq!(config.config_home, Some("/home/me/.config".into()));
        assert_eq!(config.state_home, Some("/home/me/.local/state".into()));
        assert_eq!(config.runtime_directory, None);
        assert_eq!(Config::from_vars::<_, &str, &str>([]), Config::default());
    }

    #[test]
    fn a_bus_of_another_place_was_chosen_on_purpose() {
        let with = |address: &str| {
            Config::from_vars([("XDG_RUNTIME_DIR", "/run/user/1"), ("DBUS_SESSION_BUS_ADDRESS", address)])
        };
        assert_eq!(with("unix:path=/run/user/1/bus").chosen_bus(), None);
        assert_eq!(with("unix:path=/run/user/1/bus,guid=1").chosen_bus(), None);
        assert_eq!(with("unix:path=/elsewhere").chosen_bus(), Some("unix:path=/elsewhere"));
    }
}
