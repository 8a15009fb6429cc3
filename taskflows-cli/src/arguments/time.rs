//! Questions about times and lengths of time.

use clap::Args;
use clap::builder::RangedU64ValueParser;

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
