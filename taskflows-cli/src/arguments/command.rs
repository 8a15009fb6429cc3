//! The command line as a whole.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use clap_complete::Shell;

use super::alert::{AlertVerb, HookVerb};
use super::api::ApiVerb;
use super::env::EnvVerb;
use super::global::Global;
use super::import::ImportArguments;
use super::inspect::{LogsArguments, NextArguments, WhyArguments};
use super::logging::LoggingVerb;
use super::monitor::MonitorVerb;
use super::people::TokenVerb;
use super::security::{AuditArguments, SecurityVerb};
use super::server::ServerVerb;
use super::service::{ActArguments, Names, OptionalSelector, RemoveArguments, Selector, StartArguments};
use super::source::{CreateArguments, EditArguments, PlanArguments, SourceArguments};
use super::task::{ExecArguments, HistoryArguments, RetryArguments, RunArguments};
use super::time::{CalendarArguments, TimeSpanArguments};

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
        before_help = "Examples:\n  tf logs backup\n  tf logs web api -f\n  tf logs backup --since 2h --level warning\n  tf logs --run 3f9c1a72 --attempt 2\n  tf logs web -f --grep 'timeout|refused' -o raw\n",
        after_help = "The last words of a process are found although it was gone before the journal could look up its unit \
                      (systemd#2913): units carry an identifier, by which such lines are looked for as well."
    )]
    Logs(LogsArguments),
    /// Set up the way of logs to Loki and Grafana, and see whether they arrive.
    #[command(before_help = "Examples:\n  tf logging setup compose --dir ~/logging\n  tf logging check\n")]
    Logging {
        /// What to do.
        #[command(subcommand)]
        verb: LoggingVerb,
    },
    /// Run a command as a task: tried again, ended in time, kept in history; its exit code is passed through.
    #[command(
        before_help = "Examples:\n  tf exec --retries 3 --backoff 10s..5min -- backup.sh /home\n  tf exec --name report --timeout 30min -- make report\n"
    )]
    Exec(ExecArguments),
    /// Run a service now, show what it writes, and exit as it does.
    #[command(before_help = "Examples:\n  tf run backup\n")]
    Run(RunArguments),
    /// Run again what ran before.
    #[command(before_help = "Examples:\n  tf retry 3f2a91c0\n  tf retry --last backup\n")]
    Retry(RetryArguments),
    /// Show the runs of services and tasks, the newest first; or all that is kept of one run.
    #[command(
        before_help = "Examples:\n  tf history\n  tf history backup --failed --since 7d\n  tf history 3f2a91c0\n"
    )]
    History(HistoryArguments),
    /// Look for what keeps services from running, on this host and in what is installed; exit 1 on errors.
    #[command(before_help = "Examples:\n  tf doctor\n  tf doctor -v\n  tf doctor -o json\n")]
    Doctor,
    /// Look for runs that were missed, or take an unusual time.
    #[command(
        before_help = "Examples:\n  tf monitor check\n  tf monitor check --all -o json\n  tf monitor install\n"
    )]
    Monitor {
        /// What to do.
        #[command(subcommand)]
        verb: MonitorVerb,
    },
    /// Say why a service ran, or did not, now or at some time.
    #[command(
        before_help = "Examples:\n  tf why backup\n  tf why backup --at '2026-11-24 02:00'\n  tf why backup --at 8h -o json\n"
    )]
    Why(WhyArguments),
    /// Say which other servers there are, so that one `tf` asks them all.
    #[command(
        before_help = "Examples:\n  tf server add web1 web1.example.com:7777 --group web\n  tf server test\n  tf list -s @web\n  tf stop backup -s web1 -s db1\n"
    )]
    Server {
        /// What to do.
        #[command(subcommand)]
        verb: ServerVerb,
    },
    /// Show which servers a command asks, and why; none is asked.
    #[command(
        before_help = "Examples:\n  tf context\n  tf context -s @web -s 'db*'\n",
        after_help = "Without -s a command asks every registered server where there is one beside this host, else this \
                      host. -s takes a name, a pattern ('web*'), @GROUP, @all, host:port, or local, which is this host."
    )]
    Context,
    /// See what is wrong, take it on, silence it, and try the channels.
    #[command(
        before_help = "Examples:\n  tf alert list\n  tf alert ack backup\n  tf alert silence 'web-*' --for 2h --comment 'new disk'\n  tf alert test ops\n"
    )]
    Alert {
        /// What to do.
        #[command(subcommand)]
        verb: AlertVerb,
    },
    /// Serve what `tf` does to other hosts, over HTTP.
    #[command(
        before_help = "Examples:\n  tf api start\n  tf api status\n  tf api setup-ui --username admin\n  tf api remove\n"
    )]
    Api {
        /// What to do.
        #[command(subcommand)]
        verb: ApiVerb,
    },
    /// Make, replace and look at the secret by which requests to this host are signed.
    #[command(
        before_help = "Examples:\n  tf security setup\n  tf security status\n  tf security regenerate-secret --grace 24h\n  tf security disable --dry-run\n"
    )]
    Security {
        /// What to do.
        #[command(subcommand)]
        verb: SecurityVerb,
    },
    /// Show who changed what, and who was refused.
    #[command(
        before_help = "Examples:\n  tf audit\n  tf audit --failed --since 1d\n  tf audit --who ada -n 200 -o jsonl\n"
    )]
    Audit(AuditArguments),
    /// Make, list and remove tokens for machines that ask the API and cannot sign.
    #[command(
        before_help = "Examples:\n  tf token create deploy --role operator --expires 90d\n  tf token list\n  tf token remove deploy\n"
    )]
    Token {
        /// What to do.
        #[command(subcommand)]
        verb: TokenVerb,
    },
    /// What systemd calls.
    #[command(hide = true)]
    Hook {
        /// What happened.
        #[command(subcommand)]
        verb: HookVerb,
    },
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
