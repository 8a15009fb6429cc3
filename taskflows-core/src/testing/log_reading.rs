//! What every reader of logs keeps to where there are runs, attempts, levels and several services.

use futures_util::{StreamExt, TryStreamExt};

use crate::ServiceName;
use crate::effects::{LogEntry, LogQuery, LogReader};
use crate::task::RunId;

/// A line that its level makes a warning, however it was received.
pub const NEARLY_FULL: &str =
    r#"{"event":"rich disk nearly full","level_name":"warning","context":{"free":3}}"#;

/// A line whose level is that of most lines.
pub const COPIED: &str = r#"{"event":"rich files copied","level_name":"info","context":{"files":12}}"#;

/// How many lines of [`Written`] are written at once.
pub const BURST: usize = 20;

/// Who wrote what [`log_reader_rich`] reads.
///
/// These are the lines, in the order in which they must have been written by processes of the services. Others that do
/// not contain `rich ` may be among them, such as what the manager says of the services and what is noted of the runs.
///
/// | service | run | attempt | received with priority | line |
/// |---|---|---|---|---|
/// | `first` | `run` | 1 | 6 | `rich begin` |
/// | `first` | `run` | 1 | 3 | `rich no space left` |
/// | `first` | `run` | 1 | 6 | [`NEARLY_FULL`] |
/// | `first` | `run` | 2 | 6 | [`COPIED`] |
/// | `first` | `run` | 2 | 6 | `rich burst 00` to `rich burst 19`: at once, and their times may be equal |
/// | `second` | any other | any | 6 | `rich between` |
/// | `first` | any other | 1 | 6 | `rich again` |
#[derive(Clone, Debug)]
pub struct Written {
    /// The service that ran twice.
    pub first: ServiceName,
    /// The service that ran between these runs.
    pub second: ServiceName,
    /// The first run of `first`.
    pub run: RunId,
}

impl Written {
    /// Returns the lines in their order.
    pub fn lines(&self) -> Vec<WrittenLine> {
        let line = |service: &ServiceName, run, attempt, priority, message: &str| WrittenLine {
            service: service.clone(),
            run,
            attempt,
            priority,
            message: message.to_owned(),
        };
        let of_run = |attempt, priority, message: &str| {
            line(&self.first, Some(self.run), Some(attempt), priority, message)
        };
        let mut lines = vec![
            of_run(1, 6, "rich begin"),
            of_run(1, 3, "rich no space left"),
            of_run(1, 4, NEARLY_FULL),
            of_run(2, 6, COPIED),
        ];
        lines.extend((0..BURST).map(|number| of_run(2, 6, &format!("rich burst {number:02}"))));
        lines.push(line(&self.second, None, None, 6, "rich between"));
        lines.push(line(&self.first, None, None, 6, "rich again"));
        lines
    }

    fn wanted(&self, is_wanted: impl Fn(&WrittenLine) -> bool) -> Vec<String> {
        self.lines().into_iter().filter(is_wanted).map(|line| line.message).collect()
    }
}

/// A line of [`Written`], as it is to be read.
#[derive(Clone, Debug)]
pub struct WrittenLine {
    /// Whose it is.
    pub service: ServiceName,
    /// [`Written::run`], or none where it may be any other.
    pub run: Option<RunId>,
    /// The attempt, where there is a run.
    pub attempt: Option<u32>,
    /// The syslog priority that it is read with; [`NEARLY_FULL`] was received with 6.
    pub priority: u8,
    /// The line.
    pub message: String,
}

fn rich(entries: &[LogEntry]) -> Vec<String> {
    let is_ours = |entry: &&LogEntry| entry.message.contains("rich ");
    entries.iter().filter(is_ours).map(|entry| entry.message.clone()).collect()
}

fn last(lines: &[String], count: usize) -> Vec<String> {
    lines[lines.len().saturating_sub(count)..].to_vec()
}

/// What a [`LogReader`] keeps to beside [`log_reader`](super::contract::log_reader), after what [`Written`] lists was
/// written: several services in the order of time, runs and their attempts, levels, patterns, and how these go together
/// with a number of lines and with following.
///
/// # Panics
/// Where the contract is not kept.
pub async fn log_reader_rich(reader: &dyn LogReader, written: &Written) {
    let both =
        LogQuery { services: vec![written.first.clone(), written.second.clone()], ..LogQuery::default() };
    services_are_merged(reader, written, &both).await;
    runs_and_attempts(reader, written, &both).await;
    levels(reader, written, &both).await;
    patterns(reader, written, &both).await;
    following(reader, written, &both).await;
}

async fn services_are_merged(reader: &dyn LogReader, written: &Written, both: &LogQuery) {
    let all = reader.read(both).await.unwrap();
    assert_eq!(rich(&all), written.wanted(|_| true), "in the order in which they were written");
    assert!(all.is_sorted_by_key(|entry| entry.time));
    assert!(all.iter().all(|entry| both.selects(entry)));
    let own = all.iter().filter(|entry| entry.message.contains("rich "));
    for (entry, line) in own.zip(written.lines()) {
        assert_eq!((&entry.service, entry.priority), (&line.service, line.priority), "{line:?}");
        if line.run.is_some() {
            assert_eq!((entry.run, entry.attempt), (line.run, line.attempt), "{line:?}");
        } else {
            assert_ne!(entry.run, Some(written.run), "{line:?}");
        }
    }
    let second = LogQuery { services: vec![written.second.clone()], ..LogQuery::default() };
    assert_eq!(rich(&reader.read(&second).await.unwrap()), ["rich between"]);
}

async fn runs_and_attempts(reader: &dyn LogReader, written: &Written, both: &LogQuery) {
    let of_run = LogQuery { run: Some(written.run), ..both.clone() };
    let found = reader.read(&of_run).await.unwrap();
    assert_eq!(rich(&found), written.wanted(|line| line.run.is_some()), "of the run alone");
    assert!(found.iter().all(|entry| entry.run == Some(written.run) && entry.service == written.first));
    for attempt in [1, 2, 3] {
        let of_attempt = LogQuery { attempt: Some(attempt), ..of_run.clone() };
        let found = reader.read(&of_attempt).await.unwrap();
        let wanted = written.wanted(|line| line.run.is_some() && line.attempt == Some(attempt));
        assert_eq!(rich(&found), wanted, "of attempt {attempt} alone");
        assert!(found.iter().all(|entry| entry.attempt == Some(attempt)));
    }
    let nobody = LogQuery { run: Some(RunId::from_bits(written.run.bits() ^ 1)), ..both.clone() };
    assert_eq!(reader.read(&nobody).await.unwrap(), []);
}

async fn levels(reader: &dyn LogReader, written: &Written, both: &LogQuery) {
    for priority in [3, 4, 6, 7] {
        let graver = LogQuery { priority: Some(priority), ..both.clone() };
        let found = reader.read(&graver).await.unwrap();
        assert_eq!(rich(&found), written.wanted(|line| line.priority <= priority), "{priority} or graver");
        assert!(found.iter().all(|entry| entry.priority <= priority));
    }
    let gravest = LogQuery { priority: Some(0), ..both.clone() };
    assert_eq!(rich(&reader.read(&gravest).await.unwrap()), [""; 0]);
}

async fn patterns(reader: &dyn LogReader, written: &Written, both: &LogQuery) {
    let with = |pattern: &str| LogQuery { pattern: Some(pattern.parse().unwrap()), ..both.clone() };
    let teens = with("^rich burst 1[0-9]$");
    let found = reader.read(&teens).await.unwrap();
    let wanted = written.wanted(|line| line.message.starts_with("rich burst 1"));
    assert_eq!(rich(&found), wanted);
    assert_eq!(found.len(), wanted.len(), "and none beside them");
    // As many as are asked for are found, though many that are not wanted are newer.
    let last_teens = reader.read(&LogQuery { lines: Some(3), ..teens.clone() }).await.unwrap();
    assert_eq!(rich(&last_teens), last(&wanted, 3));
    let warning = LogQuery { lines: Some(1), priority: Some(4), ..with("rich ") };
    assert_eq!(rich(&reader.read(&warning).await.unwrap()), [NEARLY_FULL]);
    let of_attempt = LogQuery { run: Some(written.run), attempt: Some(1), lines: Some(2), ..with("rich ") };
    assert_eq!(rich(&reader.read(&of_attempt).await.unwrap()), ["rich no space left", NEARLY_FULL]);
    let all = written.wanted(|_| true);
    for lines in [0, 1, 5, all.len(), all.len() + 7] {
        let newest = LogQuery { lines: Some(lines), ..with("rich ") };
        assert_eq!(rich(&reader.read(&newest).await.unwrap()), last(&all, lines), "the newest {lines}");
    }
    let (begin, end) = (found[0].time, found[found.len() - 1].time);
    let between = LogQuery { since: Some(begin), until: Some(end), ..with("rich ") };
    let between = rich(&reader.read(&between).await.unwrap());
    assert!(wanted.iter().all(|line| between.contains(line)), "both ends belong to it: {between:?}");
    assert!(!between.contains(&"rich begin".to_owned()) || begin == end);
    assert_eq!(reader.read(&with("no rich line says this")).await.unwrap(), []);
    assert_eq!(
        rich(&reader.read(&with(r#""free":3"#)).await.unwrap()),
        [NEARLY_FULL],
        "the line as it was written"
    );
}

async fn following(reader: &dyn LogReader, written: &Written, both: &LogQuery) {
    let ours = LogQuery { pattern: Some("rich ".parse().unwrap()), ..both.clone() };
    let all = reader.read(&ours).await.unwrap();
    let streamed: Vec<_> = reader.stream(&ours).try_collect().await.unwrap();
    assert_eq!(streamed, all, "one after the other they are the same");
    let newest = LogQuery { lines: Some(3), ..ours.clone() };
    let streamed: Vec<_> = reader.stream(&newest).try_collect().await.unwrap();
    assert_eq!(streamed, all[all.len() - 3..]);
    let followed: Vec<_> = reader.follow(&ours).take(all.len()).try_collect().await.unwrap();
    assert_eq!(followed, all, "those that are there come first");
    let of_run = LogQuery { run: Some(written.run), priority: Some(4), lines: Some(2), ..ours };
    let followed: Vec<_> = reader.follow(&of_run).take(2).try_collect().await.unwrap();
    assert_eq!(rich(&followed), ["rich no space left", NEARLY_FULL], "the newest that are wanted");
}
