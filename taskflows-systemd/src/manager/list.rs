use futures_util::future::join_all;
use jiff::Timestamp;
use taskflows_core::effects::{Listing, Next, ServiceError, Start, State};
use taskflows_core::schedule::Zones;
use taskflows_core::{NamePattern, Outcome, Run, ServiceName};

use super::SystemdServiceManager;
use crate::bus::{Unit, Units};
use crate::directory::{Glance, UnitDirectory};
use crate::journal::Latest;
use crate::unit::{TimerLines, UnitName};

/// What is known of the services that are looked at, before anything is asked of each.
pub(super) struct Overview {
    pub(super) services: Vec<Glance>,
    pub(super) units: Units,
    pub(super) latest: Latest,
}

/// Of so many services at most is the manager asked when their last run ended, one property each: of
/// those that ran since the last list. The rest show when they began.
const MOST_ENDS: usize = 64;

impl SystemdServiceManager {
    /// Reads directory, manager and journal at the same time: one call to the manager, whatever the number.
    pub(super) async fn overview(&self, patterns: &[NamePattern]) -> Result<Overview, ServiceError> {
        let (directory, wanted) = (self.directory.clone(), patterns.to_vec());
        let scan = async {
            let read = tokio::task::spawn_blocking(move || directory.glance(&wanted));
            // The scan does not panic; should it be cancelled, the runtime is ending.
            read.await.unwrap_or_else(|_| Ok(Vec::new()))
        };
        let ask = async {
            let bus = self.bus().await?;
            // While the manager answers there is time to open the database of zones.
            tokio::join!(bus.units(), async { self.settings.zones.open() }).0
        };
        let (services, units, latest) = tokio::join!(scan, ask, self.last_runs.read());
        let mut overview = Overview { services: services?, units: units?, latest };
        let ended = self.ask_ends(&mut overview).await?;
        if overview.latest.is_new || ended {
            self.last_runs.keep(&overview.latest);
        }
        Ok(overview)
    }

    /// Asks the manager when runs ended of which the journal tells only the beginning.
    async fn ask_ends(&self, overview: &mut Overview) -> Result<bool, ServiceError> {
        let open = overview.services.iter().filter(|service| overview.of(service).is_over_unseen());
        let names: Vec<ServiceName> = open.take(MOST_ENDS).map(|service| service.name.clone()).collect();
        if names.is_empty() {
            return Ok(false);
        }
        let bus = self.bus().await?;
        let ends = join_all(names.iter().map(|name| bus.exit_time(UnitName::service(name)))).await;
        for (name, end) in names.iter().zip(ends) {
            if let Some(end) = end? {
                overview.latest.runs.end_well(name, end);
            }
        }
        Ok(true)
    }

    pub(super) async fn listings(&self, patterns: &[NamePattern]) -> Result<Vec<Listing>, ServiceError> {
        let overview = self.overview(patterns).await?;
        let now = Self::now();
        Ok(overview
            .services
            .iter()
            .map(|service| overview.of(service).listing(&self.directory, now, &self.settings.zones))
            .collect())
    }
}

impl SystemdServiceManager {
    pub(super) async fn starts(
        &self,
        patterns: &[NamePattern],
        count: usize,
    ) -> Result<Vec<Start>, ServiceError> {
        let overview = self.overview(patterns).await?;
        let now = Self::now();
        let each = overview.services.iter().map(|service| overview.of(service));
        let mut starts: Vec<Start> =
            each.flat_map(|known| known.starts(now, &self.settings.zones, count)).collect();
        starts.sort_by(|a, b| (a.at, &a.name).cmp(&(b.at, &b.name)));
        starts.dedup_by(|a, b| (a.at, &a.name) == (b.at, &b.name));
        starts.truncate(count);
        Ok(starts)
    }
}

impl Overview {
    /// Puts together what is known of `service`.
    pub(super) fn of<'a>(&'a self, service: &'a Glance) -> Known<'a> {
        let unit = |name: UnitName| self.units.get(&name.to_string());
        let (main, timer) = (unit(UnitName::service(&service.name)), unit(UnitName::timer(&service.name)));
        Known {
            service,
            main,
            timer,
            run: self.latest.runs.run(&service.name),
            removed: self.latest.runs.removed(&service.name),
        }
    }
}

/// What is known of one service.
pub(super) struct Known<'a> {
    pub(super) service: &'a Glance,
    /// Its service unit as the manager has it loaded.
    pub(super) main: Option<&'a Unit>,
    /// Its start timer as the manager has it loaded.
    pub(super) timer: Option<&'a Unit>,
    /// Its last run as the journal tells it.
    run: Option<Run>,
    removed: Option<Timestamp>,
}

impl Known<'_> {
    pub(super) fn listing(&self, directory: &UnitDirectory, now: Timestamp, zones: &Zones) -> Listing {
        let (service, last) = (self.service, self.last());
        Listing {
            name: service.name.clone(),
            description: self.description(directory),
            state: self.state(),
            enabled: service.enabled,
            next: self.next(last.as_ref(), now, zones),
            last,
            removed: self.removed,
            source: service.source.clone(),
        }
    }

    /// Returns what the manager calls it, else what its file says.
    fn description(&self, directory: &UnitDirectory) -> String {
        if let Some(unit) = self.main {
            return unit.description.clone();
        }
        let service = self.service;
        let text = service.service.clone().or_else(|| directory.text(&UnitName::service(&service.name)));
        let line = text.as_deref().and_then(|text| directive(text, "Description="));
        line.unwrap_or_default().replace("%%", "%")
    }

    fn state(&self) -> State {
        let main = self.main.map_or("inactive", |unit| unit.active_state.as_ref());
        state(main, self.timer.is_some_and(is_running))
    }

    fn runs(&self) -> bool {
        matches!(self.state(), State::Running | State::Starting | State::Stopping)
    }

    /// Returns the last run.
    fn last(&self) -> Option<Run> {
        let mut run = self.run.clone()?;
        if run.outcome == Outcome::Running && !self.runs() {
            // A bad end is told in the journal.
            run.outcome = Outcome::Succeeded;
        }
        Some(run)
    }

    fn next(&self, last: Option<&Run>, now: Timestamp, zones: &Zones) -> Next {
        let Some(text) = &self.service.timer else { return Next::Unscheduled };
        match self.timer.filter(|unit| is_running(unit)) {
            None => Next::Off,
            Some(unit) => {
                let lines = TimerLines::read(text);
                // One that waits for the first start by hand has elapsed too, and goes on from there.
                match unit.sub_state == "elapsed" && !lines.has_periods() {
                    true => Next::Never,
                    false => foretell(&lines, self.runs(), last, now, zones),
                }
            }
        }
    }

    fn starts(&self, now: Timestamp, zones: &Zones, count: usize) -> Vec<Start> {
        let Some(text) = self.service.timer.as_ref().filter(|_| self.timer.is_some_and(is_running)) else {
            return Vec::new();
        };
        let mut lines = TimerLines::read(text);
        let start =
            |(at, after_clock_change)| Start { name: self.service.name.clone(), at, after_clock_change };
        let mut starts = Vec::new();
        for calendar in std::mem::take(&mut lines.calendars) {
            let Ok(zone) = zones.resolve(&calendar) else { continue };
            starts.extend(calendar.upcoming_with_changes(now, &zone).take(count).map(start));
        }
        // What is left counts from runs that have not been yet.
        if let Next::At(at) = foretell(&lines, self.runs(), self.last().as_ref(), now, zones) {
            starts.push(start((at, false)));
        }
        starts
    }

    /// Tells whether the run of which the journal tells only the beginning is over.
    fn is_over_unseen(&self) -> bool {
        let idle = self.main.is_some_and(|unit| unit.active_state == "inactive");
        idle && self.run.as_ref().is_some_and(|run| run.outcome == Outcome::Running)
    }
}

/// Puts the state of a service unit and whether its start timer runs into one word.
pub(super) fn state(main: &str, timer_runs: bool) -> State {
    match main {
        "active" | "reloading" | "refreshing" => State::Running,
        "activating" => State::Starting,
        "deactivating" => State::Stopping,
        "failed" => State::Failed,
        _ if timer_runs => State::Waiting,
        _ => State::Stopped,
    }
}

fn is_running(timer: &Unit) -> bool {
    timer.active_state == "active"
}

fn directive<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(key))
}

/// Computes when a timer that runs elapses next, as systemd would. Source: systemd.timer(5).
pub(super) fn foretell(
    lines: &TimerLines,
    running: bool,
    last: Option<&Run>,
    now: Timestamp,
    zones: &Zones,
) -> Next {
    if lines.uncertain {
        return Next::Unknown;
    }
    let calendar = lines.calendars.iter().filter_map(|calendar| {
        let zone = zones.resolve(calendar).ok()?;
        calendar.next_after(now, &zone)
    });
    let after = |base: Option<Timestamp>, span: &taskflows_core::TimeSpan| {
        base?.checked_add(jiff::SignedDuration::try_from(span.duration()).ok()?).ok()
    };
    let started = last.and_then(|run| run.started);
    let ended = last.and_then(|run| run.ended);
    let after_start = lines.after_start.iter().filter_map(|span| after(started, span));
    let after_finish = lines.after_finish.iter().filter(|_| !running).filter_map(|span| after(ended, span));
    match calendar.chain(after_start).chain(after_finish).min() {
        // A period that is over by now begins as soon as the manager gets to it.
        Some(time) => Next::At(time.max(now)),
        None if running && !lines.after_finish.is_empty() => Next::AfterThisRun,
        None if lines.calendars.is_empty() => Next::Unknown,
        None => Next::Never,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::{TimeZone, TimeZoneDatabase};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[track_caller]
    fn check(timer: &str, running: bool, last: Option<(i64, Option<i64>)>, next: Next) {
        let last = last.map(|(started, ended)| Run {
            started: Some(at(started)),
            ended: ended.map(at),
            outcome: Outcome::Succeeded,
        });
        let zones = Zones::new(TimeZoneDatabase::bundled(), TimeZone::UTC);
        assert_eq!(
            foretell(&TimerLines::read(timer), running, last.as_ref(), at(1_000), &zones),
            next,
            "{timer}"
        );
    }

    #[test]
    fn a_calendar_elapses_at_its_next_time() {
        check("[Timer]\nOnCalendar=1970-01-01 01:00:00 UTC\n", false, None, Next::At(at(3_600)));
        check("[Timer]\nOnCalendar=1970-01-01 00:00:10 UTC\n", false, None, Next::Never);
    }

    #[test]
    fn a_period_counts_from_the_last_run() {
        let start = "[Timer]\nOnBootSec=1s\nOnUnitActiveSec=5min\n";
        check(start, false, Some((900, Some(950))), Next::At(at(1_200)));
        check(start, false, Some((100, Some(150))), Next::At(at(1_000)));
        check(start, false, None, Next::Unknown);
        let finish = "[Timer]\nOnUnitInactiveSec=5min\n";
        check(finish, false, Some((900, Some(950))), Next::At(at(1_250)));
        check(finish, true, Some((900, None)), Next::AfterThisRun);
    }

    #[test]
    fn what_the_file_alone_does_not_tell_is_unknown() {
        check("[Timer]\nOnCalendar=hourly\nRandomizedDelaySec=60\n", false, None, Next::Unknown);
    }
}
