//! Our calendar against systemd's own, over generated expressions: validity, normal form and next elapses.
//!
//! `TASKFLOWS_ORACLE_CASES` sets how many expressions are tried, `TASKFLOWS_ORACLE_SEED` which.

mod oracle;

use std::sync::LazyLock;

use jiff::civil;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};
use oracle::expression::{ODD_ZONES, expression, second};
use oracle::{Draw, Told, ask, cases, field, installed_zones, zone_files};
use proptest::prelude::*;
use taskflows_core::schedule::{CalendarSpec, Zones};

/// So many expressions are asked with one zone of the host and one base time, in one process.
const BATCH: usize = 50;

/// Leap days, the ends of years and of all years.
const ODD_BASES: [&str; 8] = [
    "1970-01-01T00:00:00Z",
    "2011-12-29T08:00:00Z",
    "2028-02-28T23:59:59.999999Z",
    "2026-12-31T23:59:59Z",
    "2037-12-31T22:00:00Z",
    "2099-12-31T23:59:59.5Z",
    "2198-12-30T12:00:00Z",
    "2199-12-31T23:58:00Z",
];

/// The zones of this host.
static DATABASE: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::from_env);

/// What a side says of an expression.
#[derive(Clone, Debug, PartialEq)]
struct Answer {
    /// Nothing where systemd does not say it.
    normal: Option<String>,
    /// The next five elapses. systemd prints whole seconds.
    next: Vec<i64>,
    /// More may follow, but the search went on for too long.
    gave_up: bool,
}

/// Where and when expressions are asked.
#[derive(Clone, Debug)]
struct Setting {
    /// The host's zone; without one it is UTC.
    zone: Option<String>,
    base: Timestamp,
}

impl Setting {
    fn local(&self) -> TimeZone {
        self.zone.as_deref().map_or(TimeZone::UTC, |zone| DATABASE.get(zone).unwrap())
    }
}

fn systemd(setting: &Setting, expressions: &[String]) -> Vec<Option<Answer>> {
    let (seconds, micros) = (setting.base.as_second(), setting.base.subsec_microsecond());
    let options = ["--iterations=5".to_owned(), format!("--base-time=@{seconds}.{micros:06}")];
    let told = ask("calendar", &options, setting.zone.as_deref(), expressions);
    told.iter().map(|told| read_answer(told, &setting.local())).collect()
}

fn read_answer(told: &Told, local: &TimeZone) -> Option<Answer> {
    let lines = told.as_ref()?;
    let mut next: Vec<i64> = Vec::new();
    for line in lines {
        if let Some(utc) = line.strip_prefix("(in UTC): ") {
            *next.last_mut().unwrap() = read_stamp(utc, &TimeZone::UTC);
        } else if line.starts_with("Next elapse:") || line.starts_with("Iter. #") {
            // Where the host's zone is UTC today, no other line says it in UTC.
            let stamp = line.split_once(": ").unwrap().1;
            next.extend((stamp != "never").then(|| read_stamp(stamp, local)));
        }
    }
    let normal = field(lines, "Normalized form:").map(str::to_owned);
    let gave_up = field(lines, "Failed to determine next elapse").is_some();
    Some(Answer { normal, next, gave_up })
}

/// Reads `Mon 2026-03-30 00:30:00 UTC`.
fn read_stamp(stamp: &str, zone: &TimeZone) -> i64 {
    let mut words = stamp.split(' ').skip(1);
    let civil: civil::DateTime =
        format!("{}T{}", words.next().unwrap(), words.next().unwrap()).parse().unwrap();
    zone.to_timestamp(civil).unwrap().as_second()
}

fn ours(setting: &Setting, expression: &str) -> Option<Answer> {
    let spec: CalendarSpec = expression.parse().ok()?;
    let zone = Zones::new(DATABASE.clone(), setting.local()).resolve(&spec).ok()?;
    let next = spec.upcoming(setting.base, &zone).take(5).map(Timestamp::as_second).collect();
    Some(Answer { normal: Some(spec.to_string()), next, gave_up: false })
}

/// Draws a host's zone, and a base time near one of its changes, or at another odd time.
fn setting(draw: &mut Draw, installed: &[String]) -> Setting {
    let zones = prop_oneof![
        1 => Just(None),
        6 => prop::sample::select(&ODD_ZONES[..]).prop_map(|zone| Some(zone.to_owned())),
        3 => prop::sample::select(installed.to_vec()).prop_map(Some),
    ];
    let zone: Option<String> = draw.one(&zones);
    let since: i64 =
        draw.one(&prop_oneof![4 => 1_600_000_000..2_000_000_000i64, 1 => 1_000_000_000..7_200_000_000i64]);
    let since = Timestamp::from_second(since).unwrap();
    let changes = zone.as_deref().and_then(|name| DATABASE.get(name).ok());
    let change = changes.and_then(|zone| zone.following(since).next().map(|change| change.timestamp()));
    let shift: i64 = draw.one(&prop_oneof![Just(-1), Just(0), -7_200_000_000..7_200_000_000i64]);
    let near = change.unwrap_or(since).checked_add(SignedDuration::from_micros(shift)).unwrap();
    let odd =
        draw.one(&prop_oneof![3 => Just(None), 1 => prop::sample::select(&ODD_BASES[..]).prop_map(Some)]);
    Setting { zone, base: odd.map_or(near, |odd| odd.parse().unwrap()) }
}

/// A difference that is meant: why, and where it holds.
struct Explained {
    reason: &'static str,
    holds: fn(&Difference) -> bool,
}

struct Difference {
    setting: Setting,
    expression: String,
    systemd: Option<Answer>,
    ours: Option<Answer>,
}

const EXPLAINED: [Explained; 9] = [
    Explained {
        reason: "systemd shows a list of seconds that begins with 0/1 as `*`, whatever else is in it",
        holds: |one| {
            let normal = |answer: &Option<Answer>| answer.as_ref().and_then(|answer| answer.normal.clone());
            let (Some(told), Some(own)) = (normal(&one.systemd), normal(&one.ours)) else { return false };
            let seconds_left_out =
                own.split_once(":00/1,").map_or(String::new(), |(rest, _)| format!("{rest}:*"));
            let next = |answer: &Option<Answer>| answer.as_ref().map(|answer| answer.next.clone());
            told.starts_with(&seconds_left_out)
                && own.contains(":00/1,")
                && next(&one.systemd) == next(&one.ours)
        },
    },
    Explained {
        reason: "asked while the clocks show an hour for the second time, systemd goes on within it; a timer \
                 does not, since it counts from when it elapsed last, which was in the first",
        holds: |one| {
            // systemd looks from the next microsecond on.
            let from = one.setting.base.checked_add(SignedDuration::from_micros(1)).unwrap();
            // A step that leads beyond the hour's end begins elsewhere, too.
            let until = from.checked_add(SignedDuration::from_hours(2)).unwrap();
            one.is_repeated(from) && one.alike_without(|time| time <= until || one.is_repeated(time))
        },
    },
    Explained {
        reason: "where the clocks are set back for good, or to Dublin's negative summer time, systemd takes one \
                 showing or the other",
        holds: |one| one.alike_without(|time| one.is_set_back_oddly(time)),
    },
    Explained {
        reason: "on a day on which the clocks are set forward, systemd may lose more than the time they skip: in \
                 Chatham and Troll the rest of an hour, in Dublin the rest of the day",
        holds: |one| one.alike_without(|time| one.has_gap_that_day(time)),
    },
    Explained {
        reason: "a step of days beyond the end of a month, to a time after a clock change, makes systemd lose \
                 the first of the next",
        holds: |one| one.alike_without(|time| one.is_first_before_change(time)),
    },
    Explained {
        reason: "systemd's search gives up after a thousand steps",
        holds: |one| {
            let (Some(told), Some(own)) = (&one.systemd, &one.ours) else { return false };
            told.gave_up && own.next.starts_with(&told.next)
        },
    },
    Explained {
        reason: "systemd takes an abbreviation of the host's own zone, and then never elapses while the clocks \
                 show another; refused",
        holds: |one| one.ours.is_none() && one.is_local_abbreviation(),
    },
    Explained {
        reason: "after `@`, systemd takes spaces and signs as C does, and drops a zone; refused",
        holds: |one| {
            let after = one.expression.split_once('@').map_or("", |(_, after)| after);
            one.ours.is_none() && after.contains([' ', '\t', '-', '+'])
        },
    },
    Explained {
        reason: "posix/ and right/ are second copies of the zones, which Debian alone installs; refused",
        holds: |one| {
            one.ours.is_none() && (one.expression.contains(" posix/") || one.expression.contains(" right/"))
        },
    },
];

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Difference { setting: Setting { zone, base }, expression, systemd, ours } = self;
        write!(f, "{expression:?} at {base} in {zone:?}\n  systemd {systemd:?}\n  ours    {ours:?}")
    }
}

impl Difference {
    /// The zone in which the expression is meant.
    fn zone(&self) -> TimeZone {
        let named = self.expression.rsplit(' ').next().filter(|word| word.starts_with(char::is_alphabetic));
        let named = named.and_then(|name| DATABASE.get(name).ok());
        named.unwrap_or_else(|| self.setting.local())
    }

    /// Both are the same, as far as they go, but for the elapses that are `left_out`.
    fn alike_without(&self, left_out: impl Fn(Timestamp) -> bool) -> bool {
        let (Some(told), Some(own)) = (&self.systemd, &self.ours) else { return false };
        let rest = |times: &[i64]| -> Vec<i64> {
            times.iter().copied().filter(|time| !left_out(Timestamp::from_second(*time).unwrap())).collect()
        };
        let (a, b) = (rest(&told.next), rest(&own.next));
        told.normal == own.normal && a.iter().zip(&b).all(|(a, b)| a == b)
    }

    fn ambiguity(&self, time: Timestamp) -> AmbiguousOffset {
        let zone = self.zone();
        zone.to_ambiguous_timestamp(zone.to_datetime(time)).offset()
    }

    /// The clocks show the hour for the second time.
    fn is_repeated(&self, time: Timestamp) -> bool {
        matches!(self.ambiguity(time), AmbiguousOffset::Fold { after, .. } if self.zone().to_offset(time) == after)
    }

    /// The clocks show the hour twice, but not as summer time and then as standard time.
    fn is_set_back_oddly(&self, time: Timestamp) -> bool {
        let (zone, civil) = (self.zone(), self.zone().to_datetime(time));
        match self.ambiguity(time) {
            AmbiguousOffset::Fold { before, after } => {
                let [first, second] = [before, after].map(|offset| offset.to_timestamp(civil).unwrap());
                !(zone.to_offset_info(first).dst().is_dst() && zone.to_offset_info(second).dst().is_std())
            }
            _ => false,
        }
    }

    fn has_gap_that_day(&self, time: Timestamp) -> bool {
        let zone = self.zone();
        let midnight = zone.to_datetime(time).date().to_datetime(civil::Time::midnight());
        let gap = |minute: i64| {
            let civil = midnight.checked_add(SignedDuration::from_mins(minute)).unwrap();
            matches!(zone.to_ambiguous_timestamp(civil).offset(), AmbiguousOffset::Gap { .. })
        };
        (0..24 * 60).step_by(15).any(gap)
    }

    fn is_first_before_change(&self, time: Timestamp) -> bool {
        let zone = self.zone();
        let later = time.checked_add(SignedDuration::from_hours(14 * 24)).unwrap();
        zone.to_datetime(time).day() == 1 && zone.to_offset(time) != zone.to_offset(later)
    }

    fn is_local_abbreviation(&self) -> bool {
        let word = self.expression.rsplit(' ').next().unwrap_or_default();
        let zone = self.setting.local();
        zone.preceding(Timestamp::MAX)
            .take(300)
            .any(|change| change.abbreviation().eq_ignore_ascii_case(word))
    }
}

/// What came of a comparison.
#[derive(Default)]
struct Compared {
    cases: usize,
    /// So many of them systemd takes.
    valid: usize,
    /// So many differ as each of [`EXPLAINED`] says.
    explained: [usize; EXPLAINED.len()],
    unexplained: Vec<Difference>,
}

impl Compared {
    fn compare(&mut self, setting: &Setting, expressions: &[String]) {
        let told = systemd(setting, expressions);
        assert_eq!(told.len(), expressions.len());
        self.cases += told.len();
        self.valid += told.iter().flatten().count();
        for (expression, systemd) in expressions.iter().zip(told) {
            let (setting, expression) = (setting.clone(), expression.clone());
            let ours = ours(&setting, &expression);
            if systemd == ours {
                continue;
            }
            let difference = Difference { setting, expression, systemd, ours };
            match EXPLAINED.iter().position(|known| (known.holds)(&difference)) {
                Some(index) => self.explained[index] += 1,
                None => self.unexplained.push(difference),
            }
        }
    }

    /// Fails where a difference has no explanation.
    fn assert_explained(&self) {
        for (known, count) in EXPLAINED.iter().zip(self.explained) {
            println!("{count} of {}: {}", self.cases, known.reason);
        }
        let told: Vec<String> = self.unexplained.iter().map(Difference::to_string).collect();
        assert!(told.is_empty(), "{} of {} differ:\n{}", told.len(), self.cases, told.join("\n"));
    }
}

#[test]
fn generated_expressions_are_read_as_systemd_reads_them() {
    let installed = installed_zones();
    let expression = expression(&installed);
    let (mut draw, mut compared) = (Draw::new(), Compared::default());
    for _ in 0..cases(6_000).div_ceil(BATCH) {
        let setting = setting(&mut draw, &installed);
        compared.compare(&setting, &draw.many(&expression, BATCH));
    }
    let (valid, cases) = (compared.valid, compared.cases);
    assert!(valid > cases / 3, "only {valid} of {cases} expressions are valid: the generator is of no use");
    compared.assert_explained();
}

/// systemd prints whole seconds. Asked a microsecond before an elapse of ours it names that one, and asked at it
/// the one after.
#[test]
fn elapses_are_the_same_to_the_microsecond() {
    let (mut draw, mut compared) = (Draw::new(), Compared::default());
    let expression = second().prop_map(|second| format!("*:*:{second}"));
    while compared.cases < cases(600) {
        let zone = draw.one(&prop::sample::select(&ODD_ZONES[..])).to_owned();
        let text = draw.one(&expression);
        let (Ok(spec), Some(from)) =
            (text.parse::<CalendarSpec>(), Timestamp::from_second(1_800_000_000).ok())
        else {
            continue;
        };
        let elapse = spec.next_after(from, &DATABASE.get(&zone).unwrap()).unwrap();
        for base in [elapse.checked_sub(SignedDuration::from_micros(1)).unwrap(), elapse] {
            let setting = Setting { zone: Some(zone.clone()), base };
            compared.compare(&setting, std::slice::from_ref(&text));
        }
    }
    compared.assert_explained();
}

#[test]
fn all_zones_of_the_host_are_known_as_systemd_knows_them() {
    let (copies, mut names): (Vec<String>, Vec<String>) =
        zone_files().into_iter().partition(|name| name.starts_with("posix/") || name.starts_with("right/"));
    names.extend(copies.into_iter().step_by(50));
    names.extend(names.clone().iter().step_by(10).map(|name| name.to_lowercase()));
    let expressions: Vec<String> = names.iter().map(|name| format!("*-*-* 04:05:06 {name}")).collect();
    let setting = Setting { zone: None, base: "2026-03-20T00:00:00Z".parse().unwrap() };
    let mut compared = Compared::default();
    compared.compare(&setting, &expressions);
    assert!(compared.valid > 400, "{} of {} are zones", compared.valid, names.len());
    compared.assert_explained();
}

#[test]
fn a_normal_form_is_its_own_for_systemd_as_well() {
    let installed = installed_zones();
    let mut draw = Draw::new();
    let normal: Vec<String> = draw
        .many(&expression(&installed), cases(2_000))
        .iter()
        .filter_map(|text| Some(text.parse::<CalendarSpec>().ok()?.to_string()))
        // Zones are for the test above, and what systemd leaves out is explained above.
        .filter(|text| !text.ends_with(char::is_alphabetic) || text.ends_with(" UTC"))
        .filter(|text| !text.contains(":00/1,"))
        .collect();
    let setting = Setting { zone: None, base: "2026-03-20T00:00:00Z".parse().unwrap() };
    for (text, answer) in normal.iter().zip(systemd(&setting, &normal)) {
        assert_eq!(answer.and_then(|answer| answer.normal).as_ref(), Some(text));
    }
}
