use std::collections::BTreeMap;
use std::path::Path;

use super::console::Console;
use super::level::Levels;
use super::{ConfigureError, LokiLogging};
use crate::line::{Form, Ids, LineSettings, LineWriter};
use crate::{Labels, Sink, SinkConfig};

/// Variables that say how a program logs.
const VARIABLES: [&str; 7] = [
    "APP_NAME",
    "ENVIRONMENT",
    "HOSTNAME",
    "TASKFLOWS_FLUENT_BIT",
    "TASKFLOWS_RUN_ID",
    "TASKFLOWS_ATTEMPT",
    "TASKFLOWS_TASK",
];
/// What lines say anyway, or what is said of them on their way.
const RESERVED: [&str; 17] = [
    "timestamp",
    "timestamp_ns",
    "event",
    "event_fingerprint",
    "severity",
    "level_name",
    "logger",
    "app",
    "environment",
    "hostname",
    "request_id",
    "trace_id",
    "run_id",
    "attempt",
    "context",
    "format",
    "origin",
];
/// The port of Fluent Bit's forward input.
const FORWARD_PORT: u16 = 24224;

impl Default for LokiLogging {
    fn default() -> Self {
        let program = std::env::args_os().next().unwrap_or_default();
        let stem = Path::new(&program).file_stem().unwrap_or_default();
        Self::from_vars(&variables(), &stem.to_string_lossy())
    }
}

impl LokiLogging {
    /// Makes a configuration of environment variables and the name of the program.
    ///
    /// | field | is |
    /// |---|---|
    /// | `app_name` | `APP_NAME`, else the name of the program |
    /// | `environment` | `ENVIRONMENT`, else `production` |
    /// | `log_level` | `INFO` |
    /// | `max_string_length` | 1000 |
    /// | `include_hostname` | yes: `HOSTNAME`, else what the kernel says |
    /// | `sinks` | with `TASKFLOWS_FLUENT_BIT` (`host:port`) Fluent Bit, else standard output |
    ///
    /// The others are off or empty, and so is a variable that is empty.
    ///
    /// ```
    /// use taskflows_logging::LokiLogging;
    ///
    /// let vars = [("APP_NAME".to_owned(), "shop".to_owned())].into();
    /// let logging = LokiLogging::from_vars(&vars, "shop-server");
    /// assert_eq!(logging.app_name, "shop");
    /// assert_eq!(logging.environment.as_deref(), Some("production"));
    /// ```
    pub fn from_vars(vars: &BTreeMap<String, String>, program: &str) -> Self {
        let fluent_bit = given(vars, "TASKFLOWS_FLUENT_BIT").map(|address| SinkConfig::FluentBit {
            address: with_port(address),
            tag: "taskflows".to_owned(),
        });
        Self {
            app_name: given(vars, "APP_NAME").unwrap_or(program).to_owned(),
            environment: Some(environment(vars)),
            extra_labels: BTreeMap::new(),
            log_level: "INFO".to_owned(),
            console: false,
            max_string_length: 1000,
            include_hostname: true,
            include_process_info: false,
            sinks: vec![fluent_bit.unwrap_or(SinkConfig::Stdout)],
        }
    }

    /// Makes what writes lines to the sinks that are asked for.
    pub(crate) fn writer(&self) -> Result<LineWriter, ConfigureError> {
        let vars = variables();
        let settings = self.settings(&vars)?;
        let sinks: Vec<Box<dyn Sink>> = match self.sinks.as_slice() {
            _ if self.console => vec![Box::new(Console::default())],
            [] => vec![SinkConfig::Stdout.build(&settings.labels)?],
            sinks => sinks.iter().map(|sink| sink.build(&settings.labels)).collect::<Result<_, _>>()?,
        };
        Ok(LineWriter::new(settings, sinks))
    }

    /// Makes what writes lines to these sinks.
    pub(crate) fn writer_to(&self, sinks: Vec<Box<dyn Sink>>) -> Result<LineWriter, ConfigureError> {
        Ok(LineWriter::new(self.settings(&variables())?, sinks))
    }

    fn settings(&self, vars: &BTreeMap<String, String>) -> Result<LineSettings, ConfigureError> {
        let form =
            if self.console { Form::Console { is_coloured: Console::is_coloured() } } else { Form::Json };
        Ok(LineSettings {
            labels: self.labels(vars)?,
            form,
            max_string_length: self.max_string_length,
            include_process_info: self.include_process_info,
            run: run_of(vars),
            targets: Levels::read(&self.log_level)?.targets,
        })
    }

    fn labels(&self, vars: &BTreeMap<String, String>) -> Result<Labels, ConfigureError> {
        let is_reserved =
            |name: &str| name.is_empty() || name.starts_with("taskflows_") || RESERVED.contains(&name);
        if let Some(name) = self.extra_labels.keys().find(|name| is_reserved(name)) {
            return Err(ConfigureError::Label { name: name.clone() });
        }
        let hostname = || given(vars, "HOSTNAME").map_or_else(kernel_name, str::to_owned);
        Ok(Labels {
            app: self.app_name.clone(),
            environment: self.environment.clone().unwrap_or_else(|| environment(vars)),
            hostname: self.include_hostname.then(hostname),
            service: given(vars, "TASKFLOWS_TASK").map(str::to_owned),
            extra: self.extra_labels.clone(),
        })
    }
}

fn variables() -> BTreeMap<String, String> {
    let value = |name: &str| Some((name.to_owned(), std::env::var_os(name)?.to_string_lossy().into_owned()));
    VARIABLES.into_iter().filter_map(value).collect()
}

fn given<'a>(vars: &'a BTreeMap<String, String>, name: &str) -> Option<&'a str> {
    vars.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
}

fn environment(vars: &BTreeMap<String, String>) -> String {
    given(vars, "ENVIRONMENT").unwrap_or("production").to_owned()
}

fn kernel_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

fn with_port(address: &str) -> String {
    // The last part of an IPv6 address is no port, unless the address stands in brackets.
    let behind_host = address.rsplit_once(']').map_or(address, |(_, behind)| behind);
    if behind_host.contains(':') { address.to_owned() } else { format!("{address}:{FORWARD_PORT}") }
}

/// The run that `tf exec` started this process for.
fn run_of(vars: &BTreeMap<String, String>) -> Ids {
    let id = given(vars, "TASKFLOWS_RUN_ID").filter(|id| id.parse::<taskflows_core::task::RunId>().is_ok());
    Ids {
        run_id: id.unwrap_or_default().to_owned(),
        attempt: id.and(given(vars, "TASKFLOWS_ATTEMPT")).and_then(|attempt| attempt.parse().ok()),
        ..Ids::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vars(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn check_address(given: &str, expected: &str) {
        let logging = LokiLogging::from_vars(&vars(&[("TASKFLOWS_FLUENT_BIT", given)]), "shop");
        let [SinkConfig::FluentBit { address, .. }] = logging.sinks.as_slice() else {
            panic!("{:?}", logging.sinks);
        };
        assert_eq!(address, expected);
    }

    #[test]
    fn without_variables_it_is_the_seeds_defaults() {
        let logging = LokiLogging::from_vars(&vars(&[("APP_NAME", " ")]), "shop");
        assert_eq!((logging.app_name.as_str(), logging.environment.as_deref()), ("shop", Some("production")));
        assert_eq!((logging.log_level.as_str(), logging.max_string_length), ("INFO", 1000));
        assert!(logging.include_hostname && !logging.include_process_info && !logging.console);
        assert!(matches!(logging.sinks.as_slice(), [SinkConfig::Stdout]));
    }

    #[test]
    fn fluent_bit_has_a_port_of_its_own() {
        check_address("logs", "logs:24224");
        check_address("logs:1", "logs:1");
        check_address("[::1]", "[::1]:24224");
        check_address("[::1]:7", "[::1]:7");
    }

    #[test]
    fn a_process_knows_its_run() {
        let id = "0123456789abcdef0123456789abcdef";
        let run = run_of(&vars(&[("TASKFLOWS_RUN_ID", id), ("TASKFLOWS_ATTEMPT", "2")]));
        assert_eq!((run.run_id.as_str(), run.attempt), (id, Some(2)));
        let run = run_of(&vars(&[("TASKFLOWS_RUN_ID", "x"), ("TASKFLOWS_ATTEMPT", "2")]));
        assert_eq!((run.run_id.as_str(), run.attempt), ("", None));
    }

    #[test]
    fn an_extra_label_takes_no_name_of_a_line() {
        for name in ["event", "context", "", "taskflows_run_id", "hostname"] {
            let extra_labels = vars(&[(name, "x")]);
            let logging = LokiLogging { extra_labels, ..LokiLogging::default() };
            assert!(matches!(logging.labels(&vars(&[])), Err(ConfigureError::Label { .. })), "{name}");
        }
        let named = LokiLogging::default().labels(&vars(&[("HOSTNAME", "db-1")]));
        assert_eq!(named.unwrap().hostname.as_deref(), Some("db-1"));
        assert!(!kernel_name().is_empty());
    }
}
