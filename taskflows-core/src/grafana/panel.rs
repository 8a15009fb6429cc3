use super::query::quoted;
use crate::words::words;
use crate::{ServiceName, TimeSpan};

words! {
    /// How high a panel is.
    #[derive(Default)]
    pub enum PanelHeight {
        /// 5 units of the grid.
        Small = "sm",
        /// 10 units.
        #[default]
        Medium = "md",
        /// 15 units.
        Large = "lg",
        /// 20 units.
        ExtraLarge = "xl",
    }
}

impl PanelHeight {
    /// Returns the height in units of the grid, each of about 30 pixels.
    pub fn units(self) -> u32 {
        match self {
            Self::Small => 5,
            Self::Medium => 10,
            Self::Large => 15,
            Self::ExtraLarge => 20,
        }
    }
}

words! {
    /// The kinds of panels: the `type` of one in a definition.
    pub enum PanelKind {
        /// All lines.
        Logs = "logs",
        /// Those with a text in them.
        Search = "search",
        /// How many there are.
        Count = "count",
    }
}

/// What a panel shows of a service's lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PanelView {
    /// All of them.
    Logs,
    /// Those in which a text stands.
    Search {
        /// The text, as it is written; it is no expression.
        text: String,
    },
    /// How many there are, drawn over time.
    Count {
        /// Only those in which this stands are counted.
        text: Option<String>,
        /// How long the time is in which they are counted, for each point of the line.
        period: TimeSpan,
    },
}

/// A panel of a dashboard: what is shown of one service.
///
/// ```
/// use taskflows_core::grafana::{Panel, PanelHeight};
///
/// let panel = Panel::count("worker".parse()?).text("ERROR").height(PanelHeight::Small);
/// assert_eq!(panel.query(), r#"sum(count_over_time({service_name="worker"} |= "ERROR" [5m]))"#);
/// assert_eq!(panel.shown_title(), "worker: ERROR Counts");
/// # Ok::<(), taskflows_core::ParseServiceNameError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// The service, or the container, whose lines are meant: the label `service_name`.
    pub service: ServiceName,
    /// What is shown of them.
    pub view: PanelView,
    /// The title, where it is another than [`Panel::shown_title`] makes up.
    pub title: Option<String>,
    /// Its height.
    pub height: PanelHeight,
    /// The part of its row that it takes, from 1/24 to 1; those without one share what is left.
    pub width_fr: Option<f64>,
    /// How far back it looks, where that is another time than the dashboard's. Whole seconds.
    pub time_from: Option<TimeSpan>,
    /// By how much its time lies before the dashboard's. Whole seconds.
    pub time_shift: Option<TimeSpan>,
}

impl Panel {
    /// The time in which lines are counted unless another is told: five minutes.
    pub const PERIOD: TimeSpan = TimeSpan::from_secs(300);

    /// Shows all lines of a service.
    pub fn logs(service: ServiceName) -> Self {
        Self {
            service,
            view: PanelView::Logs,
            title: None,
            height: PanelHeight::default(),
            width_fr: None,
            time_from: None,
            time_shift: None,
        }
    }

    /// Shows the lines of a service in which `text` stands.
    pub fn search(service: ServiceName, text: &str) -> Self {
        Self { view: PanelView::Search { text: text.to_owned() }, ..Self::logs(service) }
    }

    /// Draws how many lines a service wrote.
    pub fn count(service: ServiceName) -> Self {
        Self { view: PanelView::Count { text: None, period: Self::PERIOD }, ..Self::logs(service) }
    }

    /// Looks for lines in which `text` stands, among those that are shown or counted.
    #[must_use]
    pub fn text(mut self, text: &str) -> Self {
        self.view = match self.view {
            PanelView::Count { period, .. } => PanelView::Count { text: Some(text.to_owned()), period },
            PanelView::Logs | PanelView::Search { .. } => PanelView::Search { text: text.to_owned() },
        };
        self
    }

    /// Counts the lines of each `period`; one that shows lines counts them from now on.
    #[must_use]
    pub fn period(mut self, period: TimeSpan) -> Self {
        self.view = match self.view {
            PanelView::Logs => PanelView::Count { text: None, period },
            PanelView::Search { text } => PanelView::Count { text: Some(text), period },
            PanelView::Count { text, .. } => PanelView::Count { text, period },
        };
        self
    }

    /// Says what it is called.
    #[must_use]
    pub fn title(mut self, title: &str) -> Self {
        self.title = Some(title.to_owned());
        self
    }

    /// Says how high it is.
    #[must_use]
    pub fn height(mut self, height: PanelHeight) -> Self {
        self.height = height;
        self
    }

    /// Says which part of its row it takes, from 1/24 to 1.
    #[must_use]
    pub fn width_fr(mut self, part: f64) -> Self {
        self.width_fr = Some(part);
        self
    }

    /// Says how far back it looks.
    #[must_use]
    pub fn time_from(mut self, span: TimeSpan) -> Self {
        self.time_from = Some(span);
        self
    }

    /// Says by how much its time lies before the dashboard's.
    #[must_use]
    pub fn time_shift(mut self, span: TimeSpan) -> Self {
        self.time_shift = Some(span);
        self
    }

    /// Returns the title that is shown: the one it was given, else the service, the text and what is done.
    pub fn shown_title(&self) -> String {
        let service = &self.service;
        match (&self.title, &self.view) {
            (Some(title), _) => title.clone(),
            (None, PanelView::Logs) => service.to_string(),
            (None, PanelView::Search { text }) => format!("{service}: {text}"),
            (None, PanelView::Count { text: Some(text), .. }) => format!("{service}: {text} Counts"),
            (None, PanelView::Count { text: None, .. }) => format!("{service} Counts"),
        }
    }

    /// Returns [`Panel::time_from`] as Grafana reads it: `2h`.
    pub fn time_from_text(&self) -> Option<String> {
        self.time_from.map(short)
    }

    /// Returns [`Panel::time_shift`] as Grafana reads it: `7d`.
    pub fn time_shift_text(&self) -> Option<String> {
        self.time_shift.map(short)
    }

    /// Returns its query in LogQL. What stands in a text means itself, whatever it is.
    ///
    /// A count is a sum over all streams of the service, since it is drawn as one line.
    pub fn query(&self) -> String {
        let selector = format!("{{service_name={}}}", quoted(self.service.as_str()));
        let with = |text: &str| format!("{selector} |= {}", quoted(text));
        match &self.view {
            PanelView::Logs => selector,
            PanelView::Search { text } => with(text),
            PanelView::Count { text, period } => {
                let lines = text.as_ref().map_or_else(|| selector.clone(), |text| with(text));
                format!("sum(count_over_time({lines} [{}]))", short(*period))
            }
        }
    }
}

/// Writes a length of time as LogQL and Grafana both read it: a whole number and the greatest unit that it fits.
///
/// Source: Grafana's `rangeutil.describeTextRange`, which knows one number and one unit; LogQL's durations, Go's.
fn short(span: TimeSpan) -> String {
    let seconds = (span.micros() / 1_000_000).max(1);
    let units = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];
    let fits = units.iter().find(|(_, length)| seconds.is_multiple_of(*length));
    fits.map_or_else(|| format!("{seconds}s"), |(unit, length)| format!("{}{unit}", seconds / length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worker() -> ServiceName {
        "worker".parse().unwrap()
    }

    #[test]
    fn a_query_holds_a_text_as_it_is() {
        for (text, query) in [
            ("timeout", r#"{service_name="worker"} |= "timeout""#),
            (r#"a"} |= "b"#, r#"{service_name="worker"} |= "a\"} |= \"b""#),
            (r"C:\n", r#"{service_name="worker"} |= "C:\\n""#),
            ("zwei\nZeilen\t`ü`", "{service_name=\"worker\"} |= \"zwei\\nZeilen\\u0009`ü`\""),
        ] {
            assert_eq!(Panel::search(worker(), text).query(), query);
        }
        assert_eq!(Panel::logs(worker()).query(), r#"{service_name="worker"}"#);
    }

    #[test]
    fn a_text_and_a_period_make_of_a_panel_what_they_mean() {
        let hour = TimeSpan::from_secs(3_600);
        let one = Panel::logs(worker()).text("x").period(hour);
        assert_eq!(one, Panel::logs(worker()).period(hour).text("x"));
        assert_eq!(one.query(), r#"sum(count_over_time({service_name="worker"} |= "x" [1h]))"#);
        assert_eq!(Panel::count(worker()).query(), r#"sum(count_over_time({service_name="worker"} [5m]))"#);
        assert_eq!(Panel::search(worker(), "x").shown_title(), "worker: x");
        assert_eq!(Panel::count(worker()).shown_title(), "worker Counts");
        assert_eq!(one.title("errors").shown_title(), "errors");
    }

    #[test]
    fn lengths_of_time_have_one_unit() {
        for (seconds, text) in
            [(1, "1s"), (90, "90s"), (300, "5m"), (5_400, "90m"), (172_800, "2d"), (604_801, "604801s")]
        {
            assert_eq!(short(TimeSpan::from_secs(seconds)), text);
        }
    }
}
