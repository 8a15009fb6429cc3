use std::collections::HashMap;

use super::Listing;
use crate::task::RunRecord;
use crate::{Outcome, Run, ServiceName};

impl Listing {
    /// Puts the runs that are `kept`, one of a service, in place of those from the journal, where they are not older.
    ///
    /// A run from before another service of the name was removed is none of this one. To do it twice changes nothing more.
    ///
    /// ```
    /// use taskflows_core::effects::{Listing, ServiceManager, Wanted};
    /// use taskflows_core::testing::{FakeServiceManager, ready};
    /// use taskflows_core::Service;
    ///
    /// let manager = FakeServiceManager::default();
    /// let web = Service::builder("web").start_command("true").build()?;
    /// ready(manager.install(Wanted::services(&[web])))?;
    /// let mut listings = ready(manager.list(&[]))?;
    /// Listing::complete(listings.iter_mut(), Vec::new());
    /// assert_eq!(listings[0].last, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn complete<'a>(listings: impl IntoIterator<Item = &'a mut Self>, kept: Vec<RunRecord>) {
        let of_service = kept.into_iter().filter_map(|run| Some((run.service.clone()?, run)));
        let mut kept: HashMap<ServiceName, RunRecord> = of_service.collect();
        for listing in listings {
            let is_its_own = |run: &RunRecord| listing.removed.is_none_or(|removed| removed < run.started);
            if let Some(run) = kept.remove(&listing.name).filter(is_its_own) {
                listing.last = Some(newer(run, listing.last.take()));
            }
        }
    }
}

/// Returns the newer of a run that is kept and one that the journal tells of. Of the same run the journal alone knows
/// the end where its process could not tell it.
fn newer(kept: RunRecord, told: Option<Run>) -> Run {
    let is_open = kept.outcome == Outcome::Interrupted && kept.ended.is_none();
    match told {
        Some(told) if told.started.or(told.ended).is_some_and(|at| at > kept.started) => told,
        Some(told) if is_open && told.ended.is_some_and(|ended| ended >= kept.started) => told,
        _ => Run { started: Some(kept.started), ended: kept.ended, outcome: kept.outcome },
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::effects::{Next, State};
    use crate::task::{RunId, Trigger};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn kept(started: i64, ended: Option<i64>, outcome: Outcome) -> RunRecord {
        RunRecord {
            id: RunId::from_bits(1),
            task: "web".to_owned(),
            service: Some("web".parse().unwrap()),
            scheduled: None,
            started: at(started),
            ended: ended.map(at),
            outcome,
            attempts: 1,
            max_attempts: 1,
            error: None,
            trigger: Trigger::Timer,
            command: None,
            options: Vec::new(),
            directory: None,
            process: None,
        }
    }

    fn told(started: Option<i64>, ended: Option<i64>) -> Run {
        Run { started: started.map(at), ended: ended.map(at), outcome: Outcome::Unknown }
    }

    /// What is listed of a service whose run is `kept` and of which the journal has `told`, also at the second time.
    #[track_caller]
    fn check(kept: &RunRecord, told: Option<Run>, removed: Option<i64>, expected: Option<&Run>) {
        let listing = Listing {
            name: "web".parse().unwrap(),
            description: String::new(),
            state: State::Stopped,
            enabled: true,
            last: told,
            removed: removed.map(at),
            next: Next::Unscheduled,
            source: None,
        };
        let mut listings = [listing];
        for _ in 0..2 {
            Listing::complete(&mut listings, vec![kept.clone()]);
            assert_eq!(listings[0].last.as_ref(), expected);
        }
    }

    #[test]
    fn the_newer_of_two_runs_is_the_last_one() {
        let good = kept(10, Some(12), Outcome::Succeeded);
        let run = Run { started: Some(at(10)), ended: Some(at(12)), outcome: Outcome::Succeeded };
        check(&good, None, None, Some(&run));
        check(&good, Some(told(Some(10), Some(12))), None, Some(&run));
        let later = told(Some(11), None);
        check(&good, Some(later.clone()), None, Some(&later));
    }

    #[test]
    fn the_journal_knows_the_end_of_a_run_that_was_cut_off() {
        let open = kept(10, None, Outcome::Interrupted);
        let end = told(None, Some(10));
        check(&open, Some(end.clone()), None, Some(&end));
        let before = told(Some(1), Some(2));
        let run = Run { started: Some(at(10)), ended: None, outcome: Outcome::Interrupted };
        check(&open, Some(before), None, Some(&run));
    }

    #[test]
    fn a_run_from_before_a_removal_is_of_another_service() {
        check(&kept(10, Some(12), Outcome::Succeeded), None, Some(11), None);
    }
}
