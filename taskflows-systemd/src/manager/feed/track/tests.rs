use super::*;
use crate::bus::Unit as Loaded;

fn name(text: &str) -> ServiceName {
    text.parse().unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn files(names: &[&str]) -> BTreeMap<ServiceName, Footprint> {
    names.iter().map(|one| (name(one), Footprint::default())).collect()
}

fn units(active: &[(&str, &'static str)]) -> Units {
    let loaded = |state: &'static str| Loaded {
        description: String::new(),
        load_state: "loaded".into(),
        active_state: state.into(),
        sub_state: "".into(),
        has_job: false,
    };
    active.iter().map(|(unit, state)| ((*unit).to_owned(), loaded(state))).collect()
}

/// Begins at position 10 with the service `a`, which stands still.
fn begun() -> Track<u32> {
    let mut track = Track::default();
    assert_eq!(track.look(&units(&[]), 10, at(1)), Told::default());
    assert_eq!(track.installed(files(&["a"]), at(1)).changes, [StateChange::Resync]);
    track
}

fn unit(text: &str, active: &'static str, since: i64) -> Signal {
    Signal::Unit { unit: UnitName::parse(text).unwrap(), active: Some(active.into()), since: Some(at(since)) }
}

fn state(state: State, previous: State, since: i64) -> StateChange {
    StateChange::State { name: name("a"), state, previous: Some(previous), at: at(since) }
}

#[test]
fn a_change_is_told_once_with_its_own_time() {
    let mut track = begun();
    let told = track.hear(unit("taskflows-a.service", "active", 5), 11, at(9));
    assert_eq!(told.changes, [state(State::Running, State::Stopped, 5)]);
    assert_eq!(track.hear(unit("taskflows-a.service", "active", 5), 12, at(9)), Told::default());
    let told = track.hear(unit("taskflows-a.timer", "active", 6), 13, at(9));
    assert_eq!(told.changes, [StateChange::Touched { name: name("a"), at: at(6) }]);
    let told = track.hear(unit("taskflows-a.service", "inactive", 7), 14, at(9));
    assert_eq!(told.changes, [state(State::Waiting, State::Running, 7)]);
}

#[test]
fn a_run_that_left_no_trace_in_the_state_is_told_all_the_same() {
    let mut track = begun();
    let told = track.hear(unit("taskflows-a.service", "inactive", 5), 11, at(9));
    assert_eq!(told.changes, [StateChange::Touched { name: name("a"), at: at(5) }]);
    let stirred = Signal::Stirred(UnitName::parse("taskflows-a.service").unwrap());
    assert!(track.hear(stirred, 12, at(9)).ask_units);
    let told = track.look(&units(&[]), 13, at(9));
    assert_eq!(told.changes, [StateChange::Touched { name: name("a"), at: at(9) }]);
    assert_eq!(track.look(&units(&[]), 14, at(9)), Told::default());
}

#[test]
fn an_answer_does_not_undo_what_was_said_after_it() {
    let mut track = begun();
    track.hear(unit("taskflows-a.service", "active", 5), 20, at(9));
    assert_eq!(track.look(&units(&[]), 15, at(9)), Told::default());
    assert_eq!(track.look(&units(&[("taskflows-a.service", "failed")]), 15, at(9)), Told::default());
    // And what was said before it does not undo the answer.
    let told = track.look(&units(&[("taskflows-a.service", "failed")]), 30, at(9));
    assert_eq!(told.changes, [state(State::Failed, State::Running, 9)]);
    assert_eq!(track.hear(unit("taskflows-a.service", "active", 8), 25, at(9)), Told::default());
}

#[test]
fn what_is_unloaded_stands_still_unless_all_is_loaded_again() {
    let mut track = begun();
    track.hear(unit("taskflows-a.service", "active", 5), 11, at(9));
    let unloaded = || Signal::Unloaded(UnitName::parse("taskflows-a.service").unwrap());
    track.hear(Signal::Reloading(true), 12, at(9));
    assert_eq!(track.hear(unloaded(), 13, at(9)), Told::default());
    let told = track.hear(Signal::Reloading(false), 14, at(9));
    assert!(told.ask_units && told.ask_files, "{told:?}");
    assert_eq!(track.hear(unloaded(), 15, at(9)).changes, [state(State::Stopped, State::Running, 9)]);
}

#[test]
fn services_come_before_their_states_and_others_units_are_not_told_of() {
    let mut track = begun();
    assert_eq!(track.hear(unit("taskflows-b.timer", "active", 5), 11, at(9)), Told::default());
    let told = track.installed(files(&["b"]), at(9));
    let services =
        StateChange::Services { installed: vec![name("b")], removed: vec![name("a")], changed: vec![] };
    let waits = StateChange::State { name: name("b"), state: State::Waiting, previous: None, at: at(9) };
    assert_eq!(told.changes, [services, waits]);
    assert_eq!(track.installed(files(&["b"]), at(9)), Told::default());
    let on = BTreeMap::from([(name("b"), Footprint::of_enabled(true))]);
    let changed = StateChange::Services { installed: vec![], removed: vec![], changed: vec![name("b")] };
    assert_eq!(track.installed(on, at(9)).changes, [changed]);
}

#[test]
fn nothing_is_told_before_everything_was_looked_at() {
    let mut track = Track::default();
    assert_eq!(track.hear(unit("taskflows-a.service", "active", 5), 1, at(9)), Told::default());
    assert_eq!(track.installed(files(&["a"]), at(9)), Told::default());
    assert_eq!(track.hear(unit("taskflows-a.service", "failed", 6), 2, at(9)), Told::default());
    let told = track.look(&units(&[("taskflows-a.service", "failed")]), 3, at(9));
    assert_eq!(told.changes, [StateChange::Resync]);
    let told = track.hear(unit("taskflows-a.service", "active", 7), 4, at(9));
    assert_eq!(told.changes, [state(State::Running, State::Failed, 7)]);
}

#[test]
fn units_that_are_not_installed_are_forgotten_once_they_stand_still() {
    let mut track = begun();
    track.hear(unit("taskflows-x.service", "active", 5), 11, at(9));
    track.hear(unit("taskflows-y.service", "inactive", 5), 12, at(9));
    track.installed(files(&["a"]), at(9));
    assert_eq!(track.units.keys().map(|unit| unit.service.as_str()).collect::<Vec<_>>(), ["x"]);
}
