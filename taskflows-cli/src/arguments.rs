use std::path::PathBuf;

use clap::builder::RangedU64ValueParser;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use taskflows_core::{EnvironmentName, NamePattern, ServiceName};
use taskflows_systemd::Scope;

const EXAMPLES: &str = "\
Examples:
  tf create jobs.toml          install the services a file defines
  tf list                      what is installed, its last and its next run
  tf start backup --wait       run one now and wait for its end
  tf logs backup -f            what it writes, as it writes it
  tf disable backup            let it start by itself no longer
  tf remove 'old-*'            take services away
";

/// Scheduled jobs on systemd, from concise definitions.
#[derive(Debug, Parser)]
#[command(name = "tf", version, before_help = EXAMPLES, max_term_width = 80, arg_required_else_help = true)]
pub struct Arguments {
    /// What every command understands.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What every command understands.
#[derive(Args, Clone, Debug, Default)]
pub struct Global {
    /// Whose manager runs the services.
    #[arg(long, global = true, value_enum, default_value_t, help_heading = "Everywhere")]
    pub scope: ScopeArgument,
    /// How results are written.
    #[arg(short, long, global = true, value_enum, default_value_t, help_heading = "Everywhere")]
    pub output: Format,
    /// Write no remarks but errors.
    #[arg(short, long, global = true, help_heading = "Everywhere")]
    pub quiet: bool,
    /// Write more: every service, every file.
    #[arg(short, long, global = true, action = ArgAction::Count, help_heading = "Everywhere")]
    pub verbose: u8,
}

/// Whose manager runs the services.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ScopeArgument {
    /// The user's own (`systemd --user`).
    #[default]
    User,
    /// The machine's; needs root.
    System,
}

impl From<ScopeArgument> for Scope {
    fn from(scope: ScopeArgument) -> Self {
        match scope {
            ScopeArgument::User => Self::User,
            ScopeArgument::System => Self::System,
        }
    }
}

/// How results are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Columns that fit the terminal.
    #[default]
    Table,
    /// More columns, which may be wider than the terminal.
    Wide,
    /// One JSON array.
    Json,
    /// One JSON object a line.
    Jsonl,
    /// One YAML list.
    Yaml,
    /// Names alone, one a line.
    Name,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Install the services that files define, all or none.
    #[command(
        before_help = "Examples:\n  tf create jobs.toml\n  tf create jobs/ --include 'web-*' --dry-run\n  tf create jobs.toml --prune\n  generate-jobs | tf create -\n"
    )]
    Create(CreateArguments),
    /// Show what `create` would change; exit 7 where there is anything.
    #[command(before_help = "Examples:\n  tf plan jobs.toml\n  tf plan jobs/ --prune -o json\n")]
    Plan(PlanArguments),
    /// Show what `create` would change in unit files, as a patch; exit 7 where there is anything.
    #[command(before_help = "Examples:\n  tf diff jobs.toml\n")]
    Diff(PlanArguments),
    /// Change the definition of a service in your editor, and apply it.
    #[command(before_help = "Examples:\n  tf edit backup\n  EDITOR='code --wait' tf edit backup\n")]
    Edit(EditArguments),
    /// Check definition files; no manager is asked and nothing is changed.
    #[command(before_help = "Examples:\n  tf validate jobs.toml\n  tf validate jobs/ -o json\n")]
    Validate(SourceArguments),
    /// Show the unit files that `create` would write.
    #[command(before_help = "Examples:\n  tf render jobs.toml\n  tf render jobs.toml -o json\n")]
    Render(SourceArguments),
    /// Write definitions of what cron, or units made by hand, run now.
    #[command(
        before_help = "Examples:\n  tf import crontab\n  tf import crontab /etc/crontab --write jobs.toml\n  tf import crontab | tf create -\n  tf import systemd backup.timer --write backup.toml\n"
    )]
    Import(ImportArguments),
    /// Show when calendar expressions elapse next.
    #[command(
        before_help = "Examples:\n  tf calendar 'Mon..Fri 09:00 Europe/Berlin'\n  tf calendar '*-*~01' -n 3 --base-time 2028-01-01T00:00:00Z\n  tf calendar --stdin < expressions.txt\n"
    )]
    Calendar(CalendarArguments),
    /// Show lengths of time in microseconds and in their normal form.
    #[command(
        before_help = "Examples:\n  tf timespan '1.5h' '5min 2s' infinity\n  tf timespan --stdin < lengths.txt\n"
    )]
    Timespan(TimeSpanArguments),
    /// Keep environments under names, so that several services share one.
    #[command(
        before_help = "Examples:\n  tf env create science --venv ~/science/.venv\n  tf env create app --file app.toml\n  tf env list\n  tf env remove science\n"
    )]
    Env {
        /// What to do.
        #[command(subcommand)]
        verb: EnvVerb,
    },
    /// Print the JSON Schema of definition files, for editors.
    #[command(before_help = "Examples:\n  tf schema > taskflows.schema.json\n")]
    Schema,
    /// List services with their last and next run.
    #[command(visible_alias = "ls", before_help = "Examples:\n  tf list\n  tf list 'web-*' -o json\n")]
    List(OptionalSelector),
    /// Show the coming starts of services, the next first.
    #[command(before_help = "Examples:\n  tf next\n  tf next 'web-*' -n 3\n")]
    Next(NextArguments),
    /// Show how services stand now, as the manager has it; exit 3 where the one that is named does not run.
    #[command(before_help = "Examples:\n  tf status\n  tf status backup\n")]
    Status(OptionalSelector),
    /// Show the unit files of services.
    #[command(before_help = "Examples:\n  tf show backup\n")]
    Show(Names),
    /// Start services now, and see whether they fail at once.
    #[command(before_help = "Examples:\n  tf start backup\n  tf start backup --wait\n")]
    Start(StartArguments),
    /// Stop services that run.
    #[command(before_help = "Examples:\n  tf stop backup\n  tf stop 'web-*'\n  tf stop backup --timers\n")]
    Stop(ActArguments),
    /// Restart services, by their restart command where they have one.
    #[command(before_help = "Examples:\n  tf restart web\n")]
    Restart(ActArguments),
    /// Let services start by themselves: on schedule, or at boot where they have none.
    #[command(before_help = "Examples:\n  tf enable backup\n")]
    Enable(Selector),
    /// Let services start by themselves no longer; a run that has begun goes on.
    #[command(before_help = "Examples:\n  tf disable backup\n  tf disable '*'\n")]
    Disable(Selector),
    /// Stop services and take their units away.
    #[command(
        visible_alias = "rm",
        before_help = "Examples:\n  tf remove backup\n  tf remove 'old-*' --yes\n"
    )]
    Remove(RemoveArguments),
    /// Show what services wrote, and what systemd said of them.
    #[command(
        before_help = "Examples:\n  tf logs backup\n  tf logs web api -f\n  tf logs backup --since 2h -n 200\n"
    )]
    Logs(LogsArguments),
    /// Look for what keeps services from running, on this host and in what is installed; exit 1 on errors.
    #[command(before_help = "Examples:\n  tf doctor\n  tf doctor -v\n  tf doctor -o json\n")]
    Doctor,
    /// Say why a service ran, or did not, now or at some time.
    #[command(
        before_help = "Examples:\n  tf why backup\n  tf why backup --at '2026-11-24 02:00'\n  tf why backup --at 8h -o json\n"
    )]
    Why(WhyArguments),
    /// Print the completions for a shell.
    #[command(
        before_help = "Examples:\n  tf completion bash > ~/.local/share/bash-completion/completions/tf\n"
    )]
    Completion {
        /// The shell.
        shell: Shell,
    },
    /// Print a manual page, or write all of them to a directory.
    #[command(
        before_help = "Examples:\n  tf man why | man -l -\n  tf man env create | man -l -\n  tf man --dir ~/.local/share/man/man1\n"
    )]
    Man {
        /// The page of this command: `why`, `env create`; that of `tf` where none is given.
        #[arg(value_name = "COMMAND", conflicts_with = "dir")]
        command: Vec<String>,
        /// Write `tf.1`, `tf-create.1`, … here.
        #[arg(long)]
        dir: Option<PathBuf>,
    },
}

/// What to do with environments.
#[derive(Debug, Subcommand)]
pub enum EnvVerb {
    /// List the environments and the services that use them.
    List,
    /// Show an environment as it was written.
    Show {
        /// Its name.
        name: EnvironmentName,
    },
    /// Keep a new environment under a name.
    Create(EnvArguments),
    /// Change an environment: in your editor, or to what the options say.
    Edit(EnvEditArguments),
    /// Forget environments that no service uses.
    Remove {
        /// Their names.
        #[arg(required = true, value_name = "NAME")]
        names: Vec<EnvironmentName>,
        /// Show what would be done and do nothing.
        #[arg(long)]
        dry_run: bool,
    },
}

/// `tf env create`.
#[derive(Args, Debug)]
pub struct EnvArguments {
    /// Its name.
    pub name: EnvironmentName,
    /// What it is.
    #[command(flatten)]
    pub what: EnvWhat,
    /// One line about it.
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,
    /// Show what would be kept and keep nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// `tf env edit`.
#[derive(Args, Debug)]
pub struct EnvEditArguments {
    /// Its name.
    pub name: EnvironmentName,
    /// What it is from now on; your editor is opened where nothing is said.
    #[command(flatten)]
    pub what: EnvWhat,
    /// One line about it.
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,
    /// Call it so from now on.
    #[arg(long, value_name = "NAME")]
    pub rename: Option<EnvironmentName>,
    /// Keep what the editor leaves without a question.
    #[arg(short, long)]
    pub yes: bool,
    /// Show what would be kept and keep nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// What an environment is: one of these.
#[derive(Args, Debug)]
#[group(multiple = false)]
pub struct EnvWhat {
    /// A directory that `python -m venv` made.
    #[arg(long, value_name = "PATH")]
    pub venv: Option<PathBuf>,
    /// A project of uv.
    #[arg(long, value_name = "PATH")]
    pub uv: Option<PathBuf>,
    /// An environment of conda, mamba or micromamba.
    #[arg(long, value_name = "NAME")]
    pub conda: Option<String>,
    /// A container of this image.
    #[arg(long, value_name = "IMAGE")]
    pub image: Option<String>,
    /// A file (.toml, .yaml, .json, or `-`) that holds the keys of one environment.
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// Definition files, and which of their services are meant.
#[derive(Args, Debug)]
pub struct SourceArguments {
    /// Definition files (.toml, .yaml, .yml, .json), directories of them, or `-` for stdin.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Take only services whose name matches; may be given again.
    #[arg(short, long, value_name = "PATTERN")]
    pub include: Vec<NamePattern>,
    /// Leave out services whose name matches; may be given again.
    #[arg(short, long, value_name = "PATTERN")]
    pub exclude: Vec<NamePattern>,
}

/// `tf import`.
#[derive(Args, Debug)]
pub struct ImportArguments {
    /// What is imported.
    #[command(subcommand)]
    pub from: ImportFrom,
}

/// What is imported.
#[derive(Debug, Subcommand)]
pub enum ImportFrom {
    /// Define what a crontab runs; exit 6 where a line cannot be kept.
    #[command(
        before_help = "Examples:\n  tf import crontab\n  tf import crontab /etc/crontab --write jobs.toml\n  crontab -l | tf import crontab - -o json\n"
    )]
    Crontab(CrontabArguments),
    /// Define what units made by hand run; exit 6 where one cannot be kept.
    #[command(
        before_help = "Examples:\n  tf import systemd backup.timer\n  tf import systemd ./backup.service ./backup.timer --write backup.toml\n"
    )]
    Systemd(UnitArguments),
}

/// `tf import crontab`.
#[derive(Args, Debug)]
pub struct CrontabArguments {
    /// A crontab, or `-` for stdin; your own where none is given.
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// A user stands before each command, as is taken for granted of files below /etc.
    #[arg(long)]
    pub user_column: bool,
    /// Where the definition goes.
    #[command(flatten)]
    pub target: ImportTarget,
}

/// `tf import systemd`.
#[derive(Args, Debug)]
pub struct UnitArguments {
    /// Services or timers by name (`backup`, `backup.timer`), or the paths of their files.
    #[arg(required = true, value_name = "UNIT")]
    pub units: Vec<String>,
    /// Where the definition goes.
    #[command(flatten)]
    pub target: ImportTarget,
}

/// Where an imported definition goes.
#[derive(Args, Debug)]
pub struct ImportTarget {
    /// Write the definition, in TOML, to this file instead of stdout.
    #[arg(short, long, value_name = "FILE")]
    pub write: Option<PathBuf>,
    /// Write over a file that exists, which is refused otherwise.
    #[arg(long, requires = "write")]
    pub force: bool,
}

/// `tf plan`, `tf diff`, and what `tf create` shares with them.
#[derive(Args, Debug)]
pub struct PlanArguments {
    /// The definitions.
    #[command(flatten)]
    pub sources: SourceArguments,
    /// Also remove services that came from these files, or from a file that has left these directories, and
    /// that are defined no more.
    #[arg(long)]
    pub prune: bool,
}

/// `tf edit`.
#[derive(Args, Debug)]
pub struct EditArguments {
    /// The service. All that its file defines is shown, and applied.
    #[arg(value_name = "SERVICE")]
    pub service: NamePattern,
    /// Also remove services that are gone from the file.
    #[arg(long)]
    pub prune: bool,
    /// Write over unit files that were changed by hand, which is refused otherwise.
    #[arg(long)]
    pub force: bool,
    /// Apply what the editor leaves without a question.
    #[arg(short, long)]
    pub yes: bool,
}

/// `tf calendar`.
#[derive(Args, Debug)]
pub struct CalendarArguments {
    /// Expressions such as `Mon..Fri 09:00 Europe/Berlin`: systemd.time(7).
    #[arg(value_name = "EXPR", required_unless_present = "stdin", conflicts_with = "stdin")]
    pub expressions: Vec<String>,
    /// Elapses after this time, which is now unless told: `2026-11-24 14:00`, `tomorrow`, `+2h`,
    /// `2026-11-24T14:00:00Z`; systemd.time(7).
    #[arg(long, value_name = "TIME")]
    pub base_time: Option<String>,
    /// The zone of expressions that name none, and in which times are shown.
    #[arg(long, value_name = "ZONE")]
    pub tz: Option<String>,
    /// How many elapses, 5 unless told.
    #[arg(short = 'n', long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    pub iterations: Option<usize>,
    /// Read one question a line, an expression or JSON `{"expr", "tz", "base_time", "n"}`, and answer each
    /// with one line of JSON.
    #[arg(long)]
    pub stdin: bool,
}

/// `tf timespan`.
#[derive(Args, Debug)]
pub struct TimeSpanArguments {
    /// Lengths of time such as `5min 2s`: systemd.time(7).
    #[arg(value_name = "SPAN", required_unless_present = "stdin", conflicts_with = "stdin")]
    pub spans: Vec<String>,
    /// Read one question a line, a length or JSON `{"span"}`, and answer each with one line of JSON.
    #[arg(long)]
    pub stdin: bool,
}

/// `tf create`.
#[derive(Args, Debug)]
pub struct CreateArguments {
    /// The definitions, and what becomes of services that are gone from them.
    #[command(flatten)]
    pub plan: PlanArguments,
    /// Show what would change and change nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Also start what was created or updated.
    #[arg(long)]
    pub now: bool,
    /// Write over unit files that were changed by hand, which is refused otherwise.
    #[arg(long)]
    pub force: bool,
    /// Do not ask before services are removed.
    #[arg(short, long)]
    pub yes: bool,
}

/// Services by name or pattern.
#[derive(Args, Debug)]
pub struct Names {
    /// Names or patterns (`'web-*'`).
    #[arg(required = true, value_name = "SERVICE")]
    pub services: Vec<NamePattern>,
}

/// Services by name or pattern, to do something to.
#[derive(Args, Debug)]
pub struct Selector {
    /// Which services.
    #[command(flatten)]
    pub names: Names,
    /// Show what would be done and do nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// Services by name or pattern; all of them where none is given.
#[derive(Args, Debug)]
pub struct OptionalSelector {
    /// Names or patterns (`'web-*'`); all services where none is given.
    #[arg(value_name = "SERVICE")]
    pub services: Vec<NamePattern>,
}

/// `tf next`.
#[derive(Args, Debug)]
pub struct NextArguments {
    /// Which services.
    #[command(flatten)]
    pub selector: OptionalSelector,
    /// How many starts, 10 unless told.
    #[arg(short = 'n', long = "number", value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    pub starts: Option<usize>,
}

/// `tf stop`, `tf restart`.
#[derive(Args, Debug)]
pub struct ActArguments {
    /// Which services.
    #[command(flatten)]
    pub selector: Selector,
    /// Act on their timers instead, so that the schedule pauses or goes on until the next boot.
    #[arg(short, long)]
    pub timers: bool,
}

/// `tf start`.
#[derive(Args, Debug)]
pub struct StartArguments {
    /// Which services, or their timers.
    #[command(flatten)]
    pub act: ActArguments,
    /// Wait for the end of the run and exit by its result.
    #[arg(short, long, conflicts_with = "timers")]
    pub wait: bool,
}

/// `tf remove`.
#[derive(Args, Debug)]
pub struct RemoveArguments {
    /// Which services.
    #[command(flatten)]
    pub selector: Selector,
    /// Do not ask.
    #[arg(short, long)]
    pub yes: bool,
}

/// `tf why`.
#[derive(Args, Debug)]
pub struct WhyArguments {
    /// The service.
    #[arg(value_name = "SERVICE")]
    pub service: ServiceName,
    /// At this time instead of now: `2h` (ago), `2026-11-24 14:00`, `2026-11-24T14:00:00Z`.
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
}

/// `tf logs`.
#[derive(Args, Debug)]
pub struct LogsArguments {
    /// Which services.
    #[command(flatten)]
    pub names: Names,
    /// Go on with new lines as they are written.
    #[arg(short, long)]
    pub follow: bool,
    /// At most this many lines, the newest; 50 where neither this nor --since is given.
    #[arg(short = 'n', long, value_name = "N")]
    pub lines: Option<usize>,
    /// Not before: `2h` (ago), `yesterday`, `14:00`, `2026-11-24 14:00`, `2026-11-24T14:00:00Z`;
    /// systemd.time(7).
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Not after; as --since.
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
}
