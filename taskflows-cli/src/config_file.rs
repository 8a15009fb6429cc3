//! `config.toml`: what the environment may say as well, for commands that systemd starts and that see no shell.

use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use taskflows_core::TimeSpan;
use taskflows_core::grafana::{Explore, ExploreForm};
use taskflows_logging::loki::LokiSettings;
use taskflows_store::Retention;

use crate::error::chain;
use crate::{CliError, Config, Exit};

/// The keys of `config.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ConfigFile {
    /// `TASKFLOWS_DISPLAY_TIMEZONE`
    display_timezone: Option<String>,
    /// `TASKFLOWS_DATA_DIR`
    data_dir: Option<PathBuf>,
    /// `TASKFLOWS_DEADMAN_URL`
    deadman_url: Option<String>,
    grafana: GrafanaTable,
    loki: LokiTable,
    history: HistoryTable,
    /// `TASKFLOWS_FLUENT_BIT`
    fluent_bit: Option<String>,
}

/// The table `[history]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct HistoryTable {
    /// How long runs are kept, such as `90d`.
    keep: Option<String>,
    /// How many of each service, or of each task outside of one.
    keep_per_service: Option<u32>,
}

impl HistoryTable {
    fn retention(&self, path: &Path) -> Result<Retention, CliError> {
        let wrong = |told: String| CliError::new(Exit::Usage, format!("`{}`: {told}", path.display()));
        let mut retention = Retention::default();
        if let Some(text) = &self.keep {
            let span = text.parse::<TimeSpan>();
            retention.age = span.map_err(|error| wrong(format!("[history] keep: {error}")))?.duration();
        }
        match self.keep_per_service {
            Some(0) => return Err(wrong("[history] keep_per_service: at least 1 is kept".to_owned())),
            Some(count) => retention.per_task = count,
            None => {}
        }
        Ok(retention)
    }
}

/// The table `[loki]`; its password stands in a file or in the environment, not here.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct LokiTable {
    /// `TASKFLOWS_LOKI_URL`
    url: Option<String>,
    /// `TASKFLOWS_LOKI_USER`
    user: Option<String>,
    /// A file whose first line is the password.
    password_file: Option<PathBuf>,
    /// `TASKFLOWS_LOKI_TENANT`
    tenant: Option<String>,
    /// `TASKFLOWS_LOKI_CA_FILE`
    ca_file: Option<PathBuf>,
}

/// The table `[grafana]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct GrafanaTable {
    /// `TASKFLOWS_GRAFANA`
    url: Option<String>,
    /// The uid of the data source of logs.
    datasource: Option<String>,
    organisation: Option<u32>,
    explore: Option<Form>,
}

/// Which addresses a version of Grafana understands.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Form {
    Panes,
    Left,
}

impl Config {
    /// Adds what `taskflows/config.toml` in the configuration directory says and the environment does not.
    ///
    /// # Errors
    /// When there is such a file and it cannot be read, or says what is not understood.
    pub fn with_file(self) -> Result<Self, CliError> {
        let Some(path) = self.config_home.as_ref().map(|home| home.join("taskflows/config.toml")) else {
            return Ok(self);
        };
        match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(self),
            Err(error) => {
                let message = format!("could not read `{}`: {}", path.display(), chain(&error));
                Err(CliError::new(Exit::Usage, message))
            }
            Ok(text) => self.with_text(&path, &text),
        }
    }

    fn with_text(mut self, path: &Path, text: &str) -> Result<Self, CliError> {
        let file: ConfigFile = toml::from_str(text).map_err(|error| {
            let told = format!("`{}` is not understood:\n{}", path.display(), error.to_string().trim_end());
            CliError::new(Exit::Usage, told)
        })?;
        if let Some(directory) = file.data_dir.filter(|_| self.data_directory.is_none()) {
            if !directory.is_absolute() {
                let told = format!("`{}`: `data_dir` is not absolute", path.display());
                return Err(CliError::new(Exit::Usage, told));
            }
            self.data_directory = Some(directory);
        }
        self.retention = file.history.retention(path)?;
        self.display_zone = self.display_zone.or(file.display_timezone);
        self.deadman_url = self.deadman_url.or(file.deadman_url);
        self.fluent_bit = self.fluent_bit.or(file.fluent_bit);
        self.loki = match self.loki.take() {
            Some(loki) => Some(loki),
            None => file.loki.settings(path)?,
        };
        let url = self.grafana.take().map(|explore| explore.base().to_owned()).or(file.grafana.url);
        self.grafana = url.map(|url| {
            let mut explore = Explore::new(&url);
            explore.organisation = file.grafana.organisation.unwrap_or(explore.organisation);
            if let Some(datasource) = file.grafana.datasource {
                explore.datasource = datasource;
            }
            if let Some(Form::Left) = file.grafana.explore {
                explore.form = ExploreForm::Left;
            }
            explore
        });
        Ok(self)
    }
}

impl LokiTable {
    /// Returns what the table says; `None` where it names no address.
    fn settings(self, path: &Path) -> Result<Option<LokiSettings>, CliError> {
        let Some(url) = self.url else { return Ok(None) };
        let password = match &self.password_file {
            Some(file) => Some(std::fs::read_to_string(file).map_err(|error| {
                let told = format!("`{}`: could not read `{}`: {error}", path.display(), file.display());
                CliError::new(Exit::Usage, told)
            })?),
            None => None,
        };
        let password = password.map(|text| text.lines().next().unwrap_or_default().to_owned());
        let loki = LokiSettings::new(&url);
        let basic_auth = self.user.map(|user| (user, password.unwrap_or_default()));
        Ok(Some(LokiSettings {
            basic_auth: basic_auth.or(loki.basic_auth),
            tenant: self.tenant,
            ca_file: self.ca_file,
            ..loki
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, variables: &[(&str, &str)]) -> Result<Config, String> {
        let config = Config::from_vars(variables.iter().copied());
        config.with_text(Path::new("/c.toml"), text).map_err(|error| error.message)
    }

    #[test]
    fn the_environment_says_it_before_the_file() {
        let text =
            "display_timezone = \"Europe/Berlin\"\n[grafana]\nurl = \"g.example.org\"\nexplore = \"left\"";
        let config = read(text, &[]).unwrap();
        assert_eq!(config.display_zone.as_deref(), Some("Europe/Berlin"));
        let explore = config.grafana.unwrap();
        assert_eq!((explore.base(), explore.form), ("http://g.example.org", ExploreForm::Left));
        let config =
            read(text, &[("TASKFLOWS_GRAFANA", "https://other"), ("TASKFLOWS_DISPLAY_TIMEZONE", "UTC")]);
        let config = config.unwrap();
        assert_eq!(config.display_zone.as_deref(), Some("UTC"));
        assert_eq!(config.grafana.unwrap().base(), "https://other");
    }

    #[test]
    fn the_address_outside_may_stand_in_the_file() {
        let text = "deadman_url = \"https://hc.example.org/a\"";
        assert_eq!(read(text, &[]).unwrap().deadman_url.as_deref(), Some("https://hc.example.org/a"));
        let other = read(text, &[("TASKFLOWS_DEADMAN_URL", "https://other")]).unwrap();
        assert_eq!(other.deadman_url.as_deref(), Some("https://other"));
    }

    #[test]
    fn loki_may_stand_in_the_file_and_its_password_in_another() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("password");
        std::fs::write(&file, "a secret\n").unwrap();
        let text = format!(
            "fluent_bit = \"fb:24224\"\n[loki]\nurl = \"loki\"\nuser = \"me\"\npassword_file = \"{}\"",
            file.display()
        );
        let config = read(&text, &[]).unwrap();
        let loki = config.loki.unwrap();
        assert_eq!(loki.url, "http://loki");
        assert_eq!(loki.basic_auth, Some(("me".to_owned(), "a secret".to_owned())));
        assert!(!format!("{loki:?}").contains("secret"));
        assert_eq!(config.fluent_bit.as_deref(), Some("fb:24224"));
        let other = read(&text, &[("TASKFLOWS_LOKI_URL", "https://other/")]).unwrap().loki.unwrap();
        assert_eq!((other.url.as_str(), other.basic_auth), ("https://other", None));
    }

    #[test]
    fn how_long_runs_are_kept_may_stand_in_the_file() {
        let kept = read("[history]\nkeep = \"30d\"\nkeep_per_service = 7", &[]).unwrap().retention;
        let wanted = Retention { age: std::time::Duration::from_secs(30 * 86_400), per_task: 7 };
        assert_eq!(kept, wanted);
        assert_eq!(read("", &[]).unwrap().retention, Retention::default());
        for wrong in ["keep = \"soon\"", "keep_per_service = 0", "kept = 1"] {
            assert!(read(&format!("[history]\n{wrong}"), &[]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_not_understood_is_told_with_its_place() {
        let error = read("[grafana]\nurl2 = 1\n", &[]).unwrap_err();
        assert!(error.contains("/c.toml") && error.contains("line 2") && error.contains("url2"), "{error}");
        assert!(read("data_dir = \"here\"", &[]).unwrap_err().contains("not absolute"));
    }
}
