//! `tf import`: definitions of what cron, or units made by hand, run now.

mod crontab;
mod programs;
mod report;
mod systemd;
mod target;

pub(super) use programs::HostPrograms;

use taskflows_core::import::{Import, Verdict};

use self::programs::Programs;
use crate::arguments::{Format, Global, ImportArguments, ImportFrom, ImportTarget};
use crate::output::data;
use crate::{App, CliError, Exit, Ui};

pub(super) async fn import(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    arguments: &ImportArguments,
    programs: &dyn Programs,
) -> Result<Exit, CliError> {
    let (import, target) = match &arguments.from {
        ImportFrom::Crontab(arguments) => {
            (crontab::crontab(ui, app, global, arguments, programs).await?, &arguments.target)
        }
        ImportFrom::Systemd(arguments) => {
            (systemd::systemd(app, global, arguments, programs).await?, &arguments.target)
        }
    };
    tell(ui, app, global, &import, target)
}

/// Writes the definition where it is to go, and tells how much it keeps.
///
/// The definition takes stdout unless it has a file, so that it can be piped on; what is told of it goes to
/// stderr then.
fn tell(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    import: &Import,
    target: &ImportTarget,
) -> Result<Exit, CliError> {
    // Nothing has been told before a file is refused.
    if let Some(path) = target.write.as_ref().filter(|_| import.services() > 0) {
        target::write(path, &import.to_toml(), target.force)?;
    }
    match global.output {
        Format::Table | Format::Wide => {
            let report = report::report(app, import, ui.width);
            match &target.write {
                _ if report.is_empty() => {}
                Some(_) => write!(ui.out, "{report}")?,
                None => ui.remark(report.trim_end()),
            }
            if target.write.is_none() && import.services() > 0 {
                write!(ui.out, "{}", import.to_toml())?;
            }
        }
        Format::Name => {
            for name in
                import.items.iter().filter(|item| item.toml.is_some()).filter_map(|item| item.name.as_ref())
            {
                writeln!(ui.out, "{name}")?;
            }
        }
        format => data(ui, format, &report::rows(import))?,
    }
    report::conclude(ui, import, target.write.as_deref());
    let impossible = import.items.iter().any(|item| item.verdict() == Verdict::Impossible);
    Ok(if impossible { Exit::Partial } else { Exit::Ok })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io;
    use std::sync::Arc;

    use async_trait::async_trait;
    use clap::Parser;
    use jiff::tz::{TimeZone, TimeZoneDatabase};
    use taskflows_core::schedule::Zones;
    use taskflows_core::testing::{
        FakeHostProbe, FakeInspector, FakeServiceManager, FixedToolbox, MemoryEnvironmentStore,
        MemoryLogReader,
    };

    use super::programs::ProgramOutput;
    use super::*;
    use crate::{Arguments, Verb};

    /// A host on which some command lines have an answer; no other program is installed.
    #[derive(Default)]
    struct FakePrograms(BTreeMap<&'static str, ProgramOutput>);

    impl FakePrograms {
        fn says(mut self, line: &'static str, stdout: &[u8]) -> Self {
            let output = ProgramOutput { succeeded: true, stdout: stdout.to_vec(), stderr: String::new() };
            self.0.insert(line, output);
            self
        }

        fn fails(mut self, line: &'static str, stderr: &str) -> Self {
            let output = ProgramOutput { succeeded: false, stdout: Vec::new(), stderr: stderr.to_owned() };
            self.0.insert(line, output);
            self
        }
    }

    #[async_trait]
    impl Programs for FakePrograms {
        async fn run(&self, program: &str, arguments: &[&str]) -> io::Result<ProgramOutput> {
            let line = format!("{program} {}", arguments.join(" "));
            let is_installed = self.0.keys().any(|own| own.split(' ').next() == Some(program));
            match self.0.get(line.as_str()) {
                Some(output) => Ok(output.clone()),
                None if is_installed => Ok(ProgramOutput::default()),
                None => Err(io::ErrorKind::NotFound.into()),
            }
        }
    }

    fn app() -> App {
        // The day before the clocks of Berlin go forward.
        let manager = Arc::new(FakeServiceManager::at("2027-03-27T12:00:00Z".parse().unwrap()));
        let database = TimeZoneDatabase::bundled();
        let local = database.get("Europe/Berlin").unwrap();
        App {
            server: None,
            definer: None,
            services: Arc::clone(&manager) as _,
            inspector: Arc::new(FakeInspector::over(Arc::clone(&manager))),
            watch: Arc::new(taskflows_core::testing::FakeServiceWatch::over(Arc::clone(&manager))),
            feed: Arc::clone(&manager) as _,
            explore: None,
            grafana_api_key: None,
            loki: None,
            fluent_bit: None,
            deadman_url: None,
            host_name: "localhost".to_owned(),
            monitor_sink: Arc::new(crate::NoSink),
            host: Arc::new(FakeHostProbe::default()),
            security_directory: None,
            logs: Arc::new(MemoryLogReader::default()),
            runs: Arc::new(taskflows_core::testing::MemoryRunStore::default()),
            journal_runs: Arc::new(taskflows_core::testing::MemoryRunStore::default()),
            retention: taskflows_store::Retention::default(),
            environments: Arc::new(MemoryEnvironmentStore::default()),
            tools: Arc::new(FixedToolbox::default()),
            data_directory: "/data".into(),
            program: "/usr/bin/tf".parse().unwrap(),
            tells_data_directory: false,
            zones: Zones::new(database, local),
            variable: std::sync::Arc::new(|_| None),
            home: None,
            editor: None,
            display: TimeZone::UTC,
            now: std::sync::Arc::new(move || manager.now()),
            linger_hint: None,
            unreachable_hint: String::new(),
            permission_hint: String::new(),
            systemctl: "systemctl --user",
        }
    }

    /// Runs a command line and returns its exit code, stdout, and stderr or the error.
    fn run(programs: &FakePrograms, line: &str) -> (Exit, String, String) {
        let arguments = Arguments::try_parse_from(line.split(' ')).unwrap();
        let Verb::Import(import_arguments) = &arguments.verb else { panic!("{line}") };
        let (mut out, mut status, mut input) = (Vec::new(), Vec::new(), io::empty());
        let mut ui = Ui {
            out: &mut out,
            status: &mut status,
            input: &mut input,
            width: Some(80),
            colour: false,
            interactive: false,
            quiet: false,
        };
        let app = app();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let done = runtime.block_on(import(&mut ui, &app, &arguments.global, import_arguments, programs));
        let text = |bytes| String::from_utf8(bytes).unwrap();
        match done {
            Ok(exit) => (exit, text(out), text(status)),
            Err(error) => (error.exit, text(out), format!("{}\nhint: {:?}", error.message, error.hint)),
        }
    }

    #[test]
    fn the_users_own_crontab_is_taken_where_no_file_is_named() {
        let programs = FakePrograms::default()
            .says("crontab -l", b"0 9 * * * /opt/report\n61 * * * * x\n30 2 * * * y &\n");
        let (exit, toml, told) = run(&programs, "tf import crontab");
        assert_eq!(exit, Exit::Partial);
        insta::assert_snapshot!(format!("{told}---\n{toml}"));
        assert!(told.lines().all(|line| line.chars().count() <= 80));
    }

    #[test]
    fn a_crontab_that_is_not_there_is_told() {
        let none = FakePrograms::default().fails("crontab -l", "no crontab for me\n");
        let (exit, _, told) = run(&none, "tf import crontab");
        assert!(
            exit == Exit::Failed && told.contains("no crontab for me") && told.contains("/etc/crontab"),
            "{told}"
        );
        let empty = FakePrograms::default().says("crontab -l", b"# DO NOT EDIT\n");
        let (exit, toml, told) = run(&empty, "tf import crontab");
        assert_eq!((exit, toml.as_str()), (Exit::Ok, ""));
        assert_eq!(told, "your crontab runs nothing, so there is nothing to import.\n");
        let latin = FakePrograms::default().says("crontab -l", b"\xff");
        assert_eq!(run(&latin, "tf import crontab").0, Exit::Usage);
        assert_eq!(run(&FakePrograms::default(), "tf import crontab").0, Exit::Failed);
    }

    #[test]
    fn in_the_system_scope_the_job_is_that_of_the_user() {
        let programs =
            FakePrograms::default().says("crontab -l", b"0 9 * * * /opt/report\n").says("id -un", b"root\n");
        let (exit, toml, _) = run(&programs, "tf import crontab --scope system");
        assert_eq!(exit, Exit::Ok);
        assert!(toml.contains("User = \"root\"\nWorkingDirectory = \"~\"\n"), "{toml}");
    }

    const SERVICE: &[u8] =
        b"# /x/job.service\n[Service]\nType=oneshot\nExecStart=/bin/a\n[Install]\nWantedBy=default.target\n";

    #[test]
    fn a_unit_is_found_with_the_timer_that_starts_it() {
        let programs = FakePrograms::default()
            .says("systemctl --user cat --no-pager -- job.service", SERVICE)
            .says(
                "systemctl --user cat --no-pager -- late.timer",
                b"[Timer]\nOnCalendar=daily\nUnit=job.service\n",
            )
            .says("systemctl --user show --value -p TriggeredBy -- job.service", b"late.timer job.path\n")
            .says("systemctl --user is-enabled -- job.service", b"disabled\n");
        for unit in ["job", "job.service", "late.timer", "late.timer job.service"] {
            let (exit, toml, told) = run(&programs, &format!("tf import systemd {unit}"));
            assert_eq!(exit, Exit::Ok, "{told}");
            assert!(toml.contains("schedule = \"daily\"") && !toml.contains("enabled"), "{toml}");
            assert!(toml.contains("approximate: job.path: it starts the old unit"), "{toml}");
            assert!(told.contains("once the new ones are installed: late.timer\n"), "{told}");
        }
    }

    #[test]
    fn a_manager_that_does_not_answer_or_does_not_know_the_unit_is_told() {
        const CAT: &str = "systemctl --user cat --no-pager -- job.service";
        let unknown = FakePrograms::default().fails(CAT, "No files found for job.service.\n");
        assert_eq!(run(&unknown, "tf import systemd job").0, Exit::NoSuchService);
        let silent =
            FakePrograms::default().fails(CAT, "Failed to connect to bus: No such file or directory\n");
        assert_eq!(run(&silent, "tf import systemd job").0, Exit::Unreachable);
        assert_eq!(run(&FakePrograms::default(), "tf import systemd job").0, Exit::Failed);
        assert_eq!(run(&silent, "tf import systemd a.path").0, Exit::Usage);
    }
}
