//! What a change means, in words.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use taskflows_core::{Consequence, Occasion, ServiceName};

use crate::show;
use crate::ui::harmless;

/// Writes what a change of `name` means as a part of a sentence: `next run moves from … to …`.
pub(super) fn clause(consequence: &Consequence, name: &ServiceName, zone: &TimeZone) -> String {
    match consequence {
        Consequence::First { what, at } => format!("first {} {}", noun(*what), show::full(*at, zone)),
        Consequence::NextMoves { what, from, to } => {
            format!("next {} moves from {}", noun(*what), from_to(*from, *to, zone))
        }
        Consequence::NextStays { what, at } => {
            format!("next {} stays at {}", noun(*what), show::full(*at, zone))
        }
        Consequence::NowScheduled { what, at } => {
            format!("now scheduled, next {} {}", noun(*what), show::full(*at, zone))
        }
        Consequence::NoLongerScheduled { what, was } => {
            let was = was.map(|was| format!(", next was {}", show::full(was, zone)));
            format!("{} no longer scheduled{}", noun(*what), was.unwrap_or_default())
        }
        Consequence::ScheduleChanges { what } => format!("its schedule to {} changes", noun(*what)),
        Consequence::StartsAtOnce => "starts at once".to_owned(),
        Consequence::WaitsForStart => "waits to be started (`tf start`)".to_owned(),
        Consequence::StartsAtBoot => "starts at boot from now on".to_owned(),
        Consequence::StartsAtBootNoLonger => "starts at boot no longer".to_owned(),
        Consequence::StaysDisabled => format!("stays disabled (`tf enable {name}`)"),
        Consequence::TimersStayStopped => {
            format!("its timers stay stopped until the next boot (`tf enable {name}`)")
        }
        Consequence::Stops => "its run is stopped".to_owned(),
        Consequence::RestartNeeded => format!("restart needed to apply: it runs (`tf restart {name}`)"),
        Consequence::RunContinues => "the run under way goes on as it began".to_owned(),
        Consequence::AppliesAtOnce => "applies to the run under way as well".to_owned(),
        Consequence::ContainerGoes { container } => {
            format!("its container {container} goes, and what it wrote into itself")
        }
        Consequence::ComesFrom { from, to } => {
            let file = |file: &Option<String>| file.as_deref().map_or("stdin".to_owned(), harmless);
            format!("comes from {} now, not from {}", file(to), file(from))
        }
        // Consequences of a later version than these words.
        other => format!("{other:?}"),
    }
}

fn noun(what: Occasion) -> &'static str {
    match what {
        Occasion::Run => "run",
        Occasion::Stop => "stop",
        Occasion::Restart => "restart",
    }
}

/// Writes two times without saying twice what they share: `Tue 2026-11-24 02:00 to 03:00 UTC`.
fn from_to(from: Timestamp, to: Timestamp, zone: &TimeZone) -> String {
    let (from, to) = (from.to_zoned(zone.clone()), to.to_zoned(zone.clone()));
    let whole = [&from, &to].iter().all(|time| time.second() == 0 && time.subsec_nanosecond() == 0);
    let clock = if whole { "%H:%M" } else { "%H:%M:%S" };
    let same_zone = from.offset() == to.offset();
    let zone_of_first = if same_zone { "" } else { " %Z" };
    let day_of_second = if from.date() == to.date() { "" } else { "%a %Y-%m-%d " };
    let first = from.strftime(&format!("%a %Y-%m-%d {clock}{zone_of_first}")).to_string();
    let second = to.strftime(&format!("{day_of_second}{clock} %Z")).to_string();
    format!("{first} to {second}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(from: &str, to: &str, zone: &str, text: &str) {
        let zone = jiff::tz::TimeZoneDatabase::bundled().get(zone).unwrap();
        assert_eq!(from_to(from.parse().unwrap(), to.parse().unwrap(), &zone), text);
    }

    #[test]
    fn two_times_share_day_and_zone() {
        let (two, three) = ("2026-11-24T02:00:00Z", "2026-11-24T03:00:00Z");
        check(two, three, "UTC", "Tue 2026-11-24 02:00 to 03:00 UTC");
        check(two, "2026-11-25T03:00:00Z", "UTC", "Tue 2026-11-24 02:00 to Wed 2026-11-25 03:00 UTC");
        check(two, "2026-11-24T03:00:01Z", "UTC", "Tue 2026-11-24 02:00:00 to 03:00:01 UTC");
        let night = "Sun 2026-10-25 02:30 CEST to 02:30 CET";
        check("2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "Europe/Berlin", night);
    }
}
