//! `config.toml`: what the environment may say as well, for commands that systemd starts and that see no shell.

use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use taskflows_core::grafana::{Explore, ExploreForm};

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
        self.display_zone = self.display_zone.or(file.display_timezone);
        self.deadman_url = self.deadman_url.or(file.deadman_url);
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
    fn what_is_not_understood_is_told_with_its_place() {
        let error = read("[grafana]\nurl2 = 1\n", &[]).unwrap_err();
        assert!(error.contains("/c.toml") && error.contains("line 2") && error.contains("url2"), "{error}");
        assert!(read("data_dir = \"here\"", &[]).unwrap_err().contains("not absolute"));
    }
}
