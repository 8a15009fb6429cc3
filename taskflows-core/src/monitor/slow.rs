use std::time::Duration;

use jiff::Timestamp;

use super::facts::{PastRun, Watched};
use super::finding::Trouble;
use super::memory::Memory;

/// So many good runs say what is usual.
const ENOUGH: usize = 5;

/// Of so many at most.
const MOST: usize = 20;

/// Shorter runs than this are as they may be.
const LONG: Duration = Duration::from_secs(30);

/// Judges how long the run of a service takes that is under way, and how long the last one took.
pub(super) fn slow(watched: &Watched, memory: &Memory, now: Timestamp) -> Option<Trouble> {
    under_way(watched, memory, now).or_else(|| just_over(watched, memory))
}

fn under_way(watched: &Watched, memory: &Memory, now: Timestamp) -> Option<Trouble> {
    let kept = watched.runs.first().filter(|run| run.ended.is_none()).map(|run| run.started);
    let started = kept.or(watched.closer.as_ref()?.run_started).filter(|_| watched.is_running)?;
    let took = Duration::try_from(now.duration_since(started)).ok()?;
    let usual = usual(&watched.runs);
    let is_long = longest(watched, usual).is_some_and(|most| took > most) && is_awake(memory, started);
    is_long.then_some(Trouble::Slow { started, took, usual, is_over: false })
}

/// Judges a run that ended since the last look. It is told once.
fn just_over(watched: &Watched, memory: &Memory) -> Option<Trouble> {
    let last_look = memory.last_look?;
    let place = watched.runs.iter().position(|run| run.ended.is_some())?;
    let run = watched.runs.get(place).filter(|run| run.is_good && run.ended > Some(last_look))?;
    let is_told =
        |trouble: &Trouble| matches!(trouble, Trouble::Slow { started, .. } if *started == run.started);
    if memory.of(&watched.service).any(|one| is_told(&one.trouble)) || !is_awake(memory, run.started) {
        return None;
    }
    let (took, usual) = (run.took()?, usual(&watched.runs[place + 1..]));
    let is_long = longest(watched, usual).is_some_and(|most| took > most);
    let is_short = usual.is_some_and(|usual| usual >= LONG && took < usual / 10);
    (is_long || is_short).then_some(Trouble::Slow { started: run.started, took, usual, is_over: true })
}

/// While the machine slept, a run did not.
fn is_awake(memory: &Memory, started: Timestamp) -> bool {
    memory.unsettled.is_none_or(|seen| seen < started)
}

/// Returns the longest time a run may take.
fn longest(watched: &Watched, usual: Option<Duration>) -> Option<Duration> {
    let by_usual = |usual: Duration| (usual * 3).max(usual + Duration::from_secs(60));
    watched.rules.slow_after.or(usual.map(by_usual))
}

/// Returns the median of the newest good runs, where there are enough.
fn usual(runs: &[PastRun]) -> Option<Duration> {
    let good = runs.iter().filter(|run| run.is_good).filter_map(PastRun::took);
    let mut took: Vec<Duration> = good.take(MOST).collect();
    took.sort_unstable();
    (took.len() >= ENOUGH).then(|| took[took.len() / 2])
}
