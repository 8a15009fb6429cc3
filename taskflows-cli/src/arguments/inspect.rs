//! Commands that tell of services.

use clap::builder::RangedU64ValueParser;
use clap::{Args, ValueEnum, value_parser};
use taskflows_core::ServiceName;
use taskflows_core::log::{LogPattern, priority_of};

use super::service::{On, OptionalSelector, Wanted};

/// `tf next`.
#[derive(Args, Clone, Debug)]
pub struct NextArguments {
    /// Which services.
    #[command(flatten)]
    pub selector: OptionalSelector,
    /// How many starts, 10 unless told.
    #[arg(short = 'n', long = "number", value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    pub starts: Option<usize>,
}

/// `tf why`.
#[derive(Args, Debug)]
pub struct WhyArguments {
    /// The service, of one server as `web1/backup`.
    #[arg(value_name = "SERVICE")]
    pub service: On<ServiceName>,
    /// At this time instead of now: `2h` (ago), `2026-11-24 14:00`, `2026-11-24T14:00:00Z`.
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
}

/// `tf logs`.
#[derive(Args, Clone, Debug)]
pub struct LogsArguments {
    /// Names or patterns (`'web-*'`), of one server as `web1/backup`; their lines are merged in the order of time.
    #[arg(required_unless_present = "run", value_name = "SERVICE")]
    pub services: Vec<Wanted>,
    /// Go on with new lines as they are written.
    #[arg(short, long)]
    pub follow: bool,
    /// At most this many lines, the newest of those that are wanted; 50 where none of this, --since and --run is given.
    #[arg(short = 'n', long, value_name = "N")]
    pub lines: Option<usize>,
    /// Not before: `2h` (ago), `yesterday`, `14:00`, `2026-11-24 14:00`, `2026-11-24T14:00:00Z`;
    /// systemd.time(7).
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Not after; as --since.
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Of this run alone: its first digits, four at least, as `tf history` shows them.
    #[arg(long, value_name = "RUN")]
    pub run: Option<String>,
    /// Of this attempt of the run alone, from 1.
    #[arg(long, value_name = "K", requires = "run", value_parser = value_parser!(u32).range(1..))]
    pub attempt: Option<u32>,
    /// With a message that this regular expression is found in; `(?i)` before it makes capitals and small letters one.
    #[arg(long, value_name = "REGEX")]
    pub grep: Option<LogPattern>,
    /// Of this level or a graver one: emerg, alert, crit, err, warning, notice, info, debug, or 0 to 7. That
    /// which a line in JSON names for itself counts.
    #[arg(long, value_name = "LEVEL", value_parser = level)]
    pub level: Option<u8>,
    /// Where to read.
    #[arg(long, value_enum, default_value_t)]
    pub source: LogSourceArgument,
}

/// Where logs are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogSourceArgument {
    /// The journal of this host.
    #[default]
    Journal,
    /// Loki, where the lines of other hosts are as well (`TASKFLOWS_LOKI_URL`).
    Loki,
}

fn level(text: &str) -> Result<u8, String> {
    priority_of(text).ok_or_else(|| {
        "a level is emerg, alert, crit, err, warning, notice, info or debug, or a number from 0 to 7"
            .to_owned()
    })
}
