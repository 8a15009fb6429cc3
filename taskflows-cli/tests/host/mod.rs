//! A fake host on which commands run, shared by the tests of commands.

#![allow(dead_code, unused_macros, unused_imports, reason = "each file of tests uses a part of it")]

use std::fmt::Write as _;
use std::sync::Arc;

use clap::Parser;
use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use taskflows_cli::{App, Arguments, CliError, Exit, MonitorSink, Told, Ui, run_on};
use taskflows_core::effects::{LogEntry, LogOrigin};
use taskflows_core::inspect::{Clock, HostFacts, Linger, Reading, Resource};
use taskflows_core::schedule::Zones;
use taskflows_core::testing::{
    FakeHostProbe, FakeInspector, FakeServiceManager, FakeServiceWatch, FixedToolbox, MemoryEnvironmentStore,
    MemoryLogReader, MemoryRunStore,
};

/// The definitions of `jobs.toml`.
pub(crate) const DEFINITION: &str = r#"
version = 1

[[services]]
name = "nightly-backup"
description = "Copies the database away"
start_command = "pg_dump --all"
start_schedule = "*-*-* 02:00 Europe/Berlin"

[[services]]
name = "web"
start_command = "sleep infinity"
restart_policy = "always"

[[services]]
name = "broken"
start_command = "false"
"#;

/// A host on which everything is as it should be.
fn good_host() -> HostFacts {
    let kept = [Resource::Cpu, Resource::Memory, Resource::Io].map(|one| (one, Reading::default()));
    HostFacts {
        linger: Linger::On,
        pressure: kept.into(),
        memory: Some(4 << 30),
        cpus: Some(2),
        clock: Clock::Synchronised,
        has_zones: true,
        ..HostFacts::default()
    }
}

/// Keeps what a monitor tells, or refuses to.
#[derive(Debug, Default)]
pub(crate) struct KeptTold {
    pub(crate) told: std::sync::Mutex<Vec<Told>>,
    pub(crate) refuses: std::sync::atomic::AtomicBool,
}

#[async_trait::async_trait]
impl MonitorSink for KeptTold {
    async fn report(&self, told: &[Told], _: Timestamp) -> Result<(), CliError> {
        if self.refuses.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(CliError::new(Exit::Failed, "the disk is full"));
        }
        self.told.lock().unwrap().extend_from_slice(told);
        Ok(())
    }
}

/// A host whose manager, log and clock are fakes, and a directory of definition files.
pub(crate) struct Host {
    pub(crate) manager: Arc<FakeServiceManager>,
    pub(crate) logs: Arc<MemoryLogReader>,
    pub(crate) runs: Arc<MemoryRunStore>,
    pub(crate) journal_runs: Arc<MemoryRunStore>,
    pub(crate) inspector: Arc<FakeInspector>,
    pub(crate) watch: Arc<FakeServiceWatch>,
    pub(crate) told: Arc<KeptTold>,
    pub(crate) probe: Arc<FakeHostProbe>,
    pub(crate) app: App,
    pub(crate) width: Option<u16>,
    pub(crate) answer: &'static str,
    pub(crate) interactive: bool,
    pub(crate) files: tempfile::TempDir,
    pub(crate) transcript: String,
}

fn variable(name: &str) -> Option<String> {
    let known = [("REGION", "eu"), ("USER", "ada")];
    known.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned())
}

impl Host {
    #[expect(clippy::too_many_lines, reason = "each part of a host is named once")]
    pub(crate) fn new() -> Self {
        let manager = Arc::new(FakeServiceManager::at("2026-11-24T12:00:00Z".parse().unwrap()));
        let (runs, journal_runs) = (Arc::<MemoryRunStore>::default(), Arc::<MemoryRunStore>::default());
        let (inspector, watch) =
            (FakeInspector::over(manager.clone()), FakeServiceWatch::over(manager.clone()));
        let (inspector, watch) = (Arc::new(inspector), Arc::new(watch));
        let (told, logs) = (Arc::<KeptTold>::default(), Arc::<MemoryLogReader>::default());
        let (probe, clock) = (Arc::new(FakeHostProbe::new(good_host())), Arc::clone(&manager));
        let files = tempfile::tempdir().unwrap();
        let app = App {
            server: None,
            definer: None,
            desk: None,
            services: Arc::clone(&manager) as _,
            logs: Arc::clone(&logs) as _,
            runs: Arc::clone(&runs) as _,
            journal_runs: Arc::clone(&journal_runs) as _,
            retention: taskflows_store::Retention::default(),
            environments: Arc::new(MemoryEnvironmentStore::default()),
            tools: Arc::new(FixedToolbox::default()),
            data_directory: files.path().join(".data"),
            program: "/usr/bin/tf".parse().unwrap(),
            tells_data_directory: false,
            inspector: Arc::clone(&inspector) as _,
            watch: Arc::clone(&watch) as _,
            feed: Arc::clone(&manager) as _,
            monitor_sink: Arc::clone(&told) as _,
            host: Arc::clone(&probe) as _,
            security_directory: Some("/home/me/.services".into()),
            zones: Zones::new(TimeZoneDatabase::bundled(), TimeZone::UTC),
            variable: Arc::new(variable),
            home: None,
            explore: None,
            grafana_api_key: None,
            loki: None,
            fluent_bit: None,
            deadman_url: None,
            host_name: "web1".to_owned(),
            display: TimeZone::UTC,
            now: std::sync::Arc::new(move || clock.now()),
            editor: None,
            linger_hint: None,
            unreachable_hint: "start the manager".to_owned(),
            permission_hint: "ask the owner".to_owned(),
            systemctl: "systemctl --user",
        };
        std::fs::write(files.path().join("jobs.toml"), DEFINITION).unwrap();
        Self {
            manager,
            logs,
            runs,
            journal_runs,
            inspector,
            watch,
            told,
            probe,
            app,
            width: Some(80),
            answer: "",
            interactive: false,
            files,
            transcript: String::new(),
        }
    }

    /// A host on which the services of [`DEFINITION`] are installed.
    pub(crate) fn with_services() -> Self {
        let mut host = Self::new();
        host.tf("create jobs.toml");
        host.transcript.clear();
        host
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.files.path().join(name), text).unwrap();
    }

    pub(crate) fn log(&self, service: &str, second: i64, message: &str) {
        self.logs.write(LogEntry {
            time: Timestamp::from_second(1_795_521_600 + second).unwrap(),
            service: service.parse().unwrap(),
            origin: LogOrigin::Process,
            run: None,
            attempt: None,
            priority: 6,
            message: message.to_owned(),
        });
    }

    /// Runs a command line and adds what it wrote to the transcript: `|` before each line of stdout, `!`
    /// before each of stderr.
    pub(crate) fn tf(&mut self, line: &str) {
        let directory = self.files.path().display().to_string();
        let words = shell_words::split(line).unwrap();
        let is_path = |word: &String| [".toml", ".yaml", "/"].iter().any(|end| word.ends_with(end));
        let in_place = |word: String| match is_path(&word) {
            true => format!("{directory}/{word}"),
            false => word,
        };
        let arguments = Arguments::try_parse_from(
            std::iter::once("tf".to_owned()).chain(words.into_iter().map(in_place)),
        );
        let arguments = arguments.unwrap_or_else(|error| panic!("{error}"));
        let (mut out, mut status, mut input) = (Vec::new(), Vec::new(), self.answer.as_bytes());
        let mut ui = Ui {
            out: &mut out,
            status: &mut status,
            input: &mut input,
            width: self.width,
            colour: false,
            interactive: self.interactive,
            quiet: arguments.global.quiet,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let exit = runtime.block_on(run_on(&mut ui, &self.app, &arguments));
        writeln!(self.transcript, "$ tf {line}").unwrap();
        for (sign, text) in [("|", out), ("!", status)] {
            let text = anstream::adapter::strip_bytes(&text).into_vec();
            let text = String::from_utf8(text).unwrap().replace(&directory, "[dir]");
            for line in text.lines() {
                writeln!(self.transcript, "{}", format!("{sign} {line}").trim_end()).unwrap();
            }
        }
        writeln!(self.transcript, "= {exit:?}\n").unwrap();
    }
}

/// Compares what was written with the snapshot of the test.
macro_rules! check {
    ($host:expr) => {
        insta::assert_snapshot!($host.transcript)
    };
}

pub(crate) use check;
