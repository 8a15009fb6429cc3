//! The calendar beside the crates `croner` and `cron`, on expressions all three can say, and beside a process of
//! `systemd-analyze calendar`: `cargo bench -p taskflows-core`. Compare rows of one run, the machine's speed drifts.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run should end")]
#![expect(clippy::disallowed_types, reason = "a process is one of the things measured")]

use std::process::Command;

use chrono_tz::America::New_York;
use cron::Schedule;
use croner::Cron;
use divan::{Bencher, black_box};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, Zoned};
use taskflows_core::schedule::CalendarSpec;

/// The same times in the three languages: systemd's, croner's, cron's.
const EXPRESSIONS: [(&str, &str, &str); 5] = [
    ("*-*-* 09:30:00", "30 9 * * *", "0 30 9 * * * *"),
    ("Mon..Fri *-*-* 09:00:00", "0 9 * * MON-FRI", "0 0 9 * * Mon-Fri *"),
    ("*-*-* *:00/15:00", "*/15 * * * *", "0 0/15 * * * * *"),
    ("*-*-01 00:00:00", "0 0 1 * *", "0 0 0 1 * * *"),
    ("*-03,06,09,12-15 06,18:30:00", "30 6,18 15 3,6,9,12 *", "0 30 6,18 15 3,6,9,12 * *"),
];

const ZONE: &str = "America/New_York";
const BASE: i64 = 1_795_500_000;

fn main() {
    divan::main();
}

fn expressions() -> impl Iterator<Item = usize> {
    0..EXPRESSIONS.len()
}

fn zone() -> TimeZone {
    TimeZoneDatabase::bundled().get(ZONE).unwrap()
}

fn base() -> Timestamp {
    Timestamp::from_second(BASE).unwrap()
}

fn zoned_base() -> Zoned {
    base().to_zoned(zone())
}

fn chrono_base() -> chrono::DateTime<chrono_tz::Tz> {
    chrono::DateTime::from_timestamp(BASE, 0).unwrap().with_timezone(&New_York)
}

#[divan::bench_group]
mod parse_and_one_next {
    use super::*;

    #[divan::bench(args = expressions())]
    fn ours(bencher: Bencher<'_, '_>, index: usize) {
        let (base, zone) = (base(), zone());
        bencher.bench(|| {
            let spec: CalendarSpec = black_box(EXPRESSIONS[index].0).parse().unwrap();
            spec.next_after(black_box(base), &zone).unwrap()
        });
    }

    #[divan::bench(args = expressions())]
    fn croner(bencher: Bencher<'_, '_>, index: usize) {
        let base = zoned_base();
        bencher.bench(|| {
            let cron: Cron = black_box(EXPRESSIONS[index].1).parse().unwrap();
            cron.find_next_occurrence(black_box(&base), false).unwrap()
        });
    }

    #[divan::bench(args = expressions())]
    fn cron(bencher: Bencher<'_, '_>, index: usize) {
        let base = chrono_base();
        bencher.bench(|| {
            let schedule: Schedule = black_box(EXPRESSIONS[index].2).parse().unwrap();
            schedule.after(black_box(&base)).next().unwrap()
        });
    }

    #[divan::bench(sample_count = 20, sample_size = 1)]
    fn systemd_analyze_process() -> std::process::Output {
        #[expect(clippy::disallowed_methods, reason = "the process is what is measured")]
        let mut command = Command::new("systemd-analyze");
        let expression = format!("{} {ZONE}", EXPRESSIONS[0].0);
        command.args(["calendar", &format!("--base-time=@{BASE}"), "--", &expression]).output().unwrap()
    }
}

#[divan::bench_group]
mod parse_and_ten_next {
    use super::*;

    #[divan::bench(args = expressions())]
    fn ours(bencher: Bencher<'_, '_>, index: usize) {
        let (base, zone) = (base(), zone());
        bencher.bench(|| {
            let spec: CalendarSpec = black_box(EXPRESSIONS[index].0).parse().unwrap();
            spec.upcoming(black_box(base), &zone).take(10).for_each(|time| _ = black_box(time));
        });
    }

    #[divan::bench(args = expressions())]
    fn croner(bencher: Bencher<'_, '_>, index: usize) {
        let base = zoned_base();
        bencher.bench(|| {
            let cron: Cron = black_box(EXPRESSIONS[index].1).parse().unwrap();
            cron.iter_after(black_box(base.clone())).take(10).for_each(|time| _ = black_box(time));
        });
    }

    #[divan::bench(args = expressions())]
    fn cron(bencher: Bencher<'_, '_>, index: usize) {
        let base = chrono_base();
        bencher.bench(|| {
            let schedule: Schedule = black_box(EXPRESSIONS[index].2).parse().unwrap();
            schedule.after(black_box(&base)).take(10).for_each(|time| _ = black_box(time));
        });
    }
}

#[divan::bench_group]
mod one_next {
    use super::*;

    #[divan::bench(args = expressions())]
    fn ours(bencher: Bencher<'_, '_>, index: usize) {
        let (base, zone) = (base(), zone());
        let spec: CalendarSpec = EXPRESSIONS[index].0.parse().unwrap();
        bencher.bench(|| black_box(&spec).next_after(black_box(base), &zone).unwrap());
    }

    #[divan::bench(args = expressions())]
    fn ours_previous(bencher: Bencher<'_, '_>, index: usize) {
        let (base, zone) = (base(), zone());
        let spec: CalendarSpec = EXPRESSIONS[index].0.parse().unwrap();
        bencher.bench(|| black_box(&spec).previous_before(black_box(base), &zone).unwrap());
    }

    #[divan::bench(args = expressions())]
    fn croner(bencher: Bencher<'_, '_>, index: usize) {
        let base = zoned_base();
        let cron: Cron = EXPRESSIONS[index].1.parse().unwrap();
        bencher.bench(|| black_box(&cron).find_next_occurrence(black_box(&base), false).unwrap());
    }

    #[divan::bench(args = expressions())]
    fn cron(bencher: Bencher<'_, '_>, index: usize) {
        let base = chrono_base();
        let schedule: Schedule = EXPRESSIONS[index].2.parse().unwrap();
        bencher.bench(|| black_box(&schedule).after(black_box(&base)).next().unwrap());
    }
}

/// What the zone costs, of which each answer takes one in each direction.
#[divan::bench_group]
mod zone_lookup {
    use super::*;

    #[divan::bench]
    fn instant_to_wall_clock(bencher: Bencher<'_, '_>) {
        let (base, zone) = (base(), zone());
        bencher.bench(|| black_box(&zone).to_datetime(black_box(base)));
    }

    #[divan::bench]
    fn wall_clock_to_instant(bencher: Bencher<'_, '_>) {
        let (wall, zone) = (zoned_base().datetime(), zone());
        bencher.bench(|| black_box(&zone).to_ambiguous_timestamp(black_box(wall)).compatible().unwrap());
    }
}
