//! Commands that tell of services.

use clap::Args;
use clap::builder::RangedU64ValueParser;
use taskflows_core::ServiceName;

use super::service::{Names, OptionalSelector};

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
