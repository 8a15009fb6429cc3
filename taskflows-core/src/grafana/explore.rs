use std::time::Duration;

use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::logs_of;

/// Which address a version of Grafana understands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExploreForm {
    /// `?schemaVersion=1&panes=…`, of Grafana 10 and later.
    #[default]
    Panes,
    /// `?left=…`, of those before.
    Left,
}

/// Where logs are looked at.
///
/// ```
/// use taskflows_core::grafana::{Explore, logs_of};
///
/// let explore = Explore::new("grafana.example.org");
/// let (from, to) = ("2026-11-26T02:00:00Z".parse()?, "2026-11-26T02:05:00Z".parse()?);
/// let url = explore.url(&logs_of("backup"), from, to);
/// assert!(url.starts_with("http://grafana.example.org/explore?schemaVersion=1&panes=%7B"));
/// # Ok::<(), jiff::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explore {
    base: String,
    /// The uid, or the name, of the data source that holds the logs: `loki` unless told.
    pub datasource: String,
    /// The organisation.
    pub organisation: u32,
    /// What the version of Grafana understands.
    pub form: ExploreForm,
}

/// What stays as it is in a query of an address. Source: RFC 3986, section 2.3.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl Explore {
    /// Takes Grafana's address; `http://` is put before one without a scheme.
    pub fn new(base: &str) -> Self {
        let base = base.trim().trim_end_matches('/');
        let scheme = if base.contains("://") { "" } else { "http://" };
        Self {
            base: format!("{scheme}{base}"),
            datasource: "loki".to_owned(),
            organisation: 1,
            form: ExploreForm::default(),
        }
    }

    /// Returns Grafana's address.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Returns the address that shows what `query` selects between two instants.
    ///
    /// Source: Grafana's documentation, "Explore", "Generating Explore URLs from external tools".
    pub fn url(&self, query: &str, from: Timestamp, to: Timestamp) -> String {
        let range = serde_json::json!({
            "from": from.as_millisecond().to_string(),
            "to": to.as_millisecond().to_string(),
        });
        let query = serde_json::json!({
            "refId": "A",
            "expr": query,
            "queryType": "range",
            "datasource": { "type": "loki", "uid": self.datasource },
        });
        let pane = serde_json::json!({ "datasource": self.datasource, "queries": [query], "range": range });
        let (parameter, state) = match self.form {
            ExploreForm::Panes => ("schemaVersion=1&panes", serde_json::json!({ "tf": pane })),
            ExploreForm::Left => ("left", pane),
        };
        let state = state.to_string();
        let state = utf8_percent_encode(&state, UNRESERVED);
        format!("{}/explore?{parameter}={state}&orgId={}", self.base, self.organisation)
    }

    /// Returns the address of the logs of a run that began at `started`, with a little of what was before and after.
    pub fn run(&self, service: &str, started: Timestamp, ended: Timestamp) -> String {
        let margin = Duration::from_secs(60);
        let from = started.checked_sub(margin).unwrap_or(started);
        let to = ended.checked_add(margin).unwrap_or(ended);
        self.url(&logs_of(service), from, to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use percent_encoding::percent_decode_str;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[track_caller]
    fn state(url: &str, parameter: &str) -> serde_json::Value {
        let value = url.split(['?', '&']).find_map(|part| part.strip_prefix(parameter)?.strip_prefix('='));
        let text = percent_decode_str(value.unwrap()).decode_utf8().unwrap();
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn the_state_in_the_address_is_json_with_the_query_and_its_time() {
        let explore = Explore::new("https://grafana.example.org/base/");
        let url = explore.run(r#"we"ird & na%me"#, at(1000), at(1300));
        assert!(url.starts_with("https://grafana.example.org/base/explore?schemaVersion=1&panes="), "{url}");
        let pane = &state(&url, "panes")["tf"];
        assert_eq!(pane["range"], serde_json::json!({ "from": "940000", "to": "1360000" }));
        assert_eq!(pane["queries"][0]["expr"], r#"{service_name=~".*we\"ird & na%me.*"}"#);
        assert!(url.ends_with("&orgId=1"), "{url}");
    }

    #[test]
    fn the_older_address_holds_the_same() {
        let mut explore = Explore::new("localhost:3000");
        explore.form = ExploreForm::Left;
        let url = explore.url("{a=\"b\"}", at(0), at(60));
        assert!(url.starts_with("http://localhost:3000/explore?left="), "{url}");
        assert_eq!(state(&url, "left")["queries"][0]["expr"], "{a=\"b\"}");
        assert_eq!(state(&url, "left")["datasource"], "loki");
    }
}
