//! What holds whatever happens, over sequences of events by chance.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::SignedDuration;
use proptest::prelude::*;

use super::stories::{World, seen};
use super::*;
use crate::outbox::{AlertStore, EntryKind};
use crate::{MessageState, SendOn};

#[derive(Clone, Debug)]
enum Event {
    Sees { service: u8, kind: u8 },
    Again,
    Wait { seconds: u32 },
    Silence { service: u8, minutes: u32 },
    Ack { service: u8 },
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (0..4_u8, 0..7_u8).prop_map(|(service, kind)| Event::Sees { service, kind }),
        1 => Just(Event::Again),
        3 => (0..4_000_u32).prop_map(|seconds| Event::Wait { seconds }),
        1 => (0..4_u8, 1..180_u32).prop_map(|(service, minutes)| Event::Silence { service, minutes }),
        1 => (0..4_u8).prop_map(|service| Event::Ack { service }),
    ]
}

fn rules() -> impl Strategy<Value = Rules> {
    let span = |seconds: i64| proptest::option::of(Just(SignedDuration::from_secs(seconds)));
    let send_on = proptest::sample::subsequence(SendOn::ALL.to_vec(), 1..=8);
    (send_on, span(1_800), span(30), span(600), any::<bool>(), any::<bool>()).prop_map(
        |(send_on, remind_every, group_wait, keep_firing_for, quiet, escalate)| Rules {
            send_on: send_on.into_iter().collect(),
            remind_every,
            group_wait,
            keep_firing_for,
            quiet_hours: quiet.then(|| "11:00-13:00".parse().unwrap()).into_iter().collect(),
            mention: Vec::new(),
            escalate: escalate
                .then(|| EscalationStep {
                    after: SignedDuration::from_mins(15),
                    channels: vec!["lead".into()],
                })
                .into_iter()
                .collect(),
            channels: vec!["chat".into()],
            fallback: Vec::new(),
        },
    )
}

fn kind(number: u8) -> ObservationKind {
    match number {
        0 => ObservationKind::Started,
        1 => ObservationKind::AttemptFailed { attempt: 1, of: 2 },
        2 => ObservationKind::Finished { duration: Duration::from_secs(1) },
        3 => ObservationKind::Failed,
        4 => ObservationKind::Missed,
        5 => ObservationKind::Slow,
        _ => ObservationKind::Skipped,
    }
}

fn name(service: u8) -> String {
    format!("service{service}")
}

/// Lives through the events, and tells how many observations there were of each service.
fn live(world: &mut World, events: &[Event], restart: bool) -> usize {
    let mut last = None;
    let mut observations = 0;
    for (number, event) in events.iter().enumerate() {
        match event {
            Event::Sees { service, kind: number_of_kind } => {
                let seen =
                    seen(&format!("run{number}"), &name(*service), "web1", kind(*number_of_kind), world.now);
                world.observe(&seen);
                observations += 1;
                last = Some(seen);
            }
            Event::Again => {
                let before = (world.entries.clone(), world.store.states().unwrap());
                last.iter().for_each(|seen| world.observe(seen));
                assert_eq!(before, (world.entries.clone(), world.store.states().unwrap()));
            }
            Event::Wait { seconds } => drop(world.after(&format!("{seconds}s"))),
            Event::Silence { service, minutes } => {
                let until = world.now + SignedDuration::from_mins(i64::from(*minutes));
                let silence = Silence {
                    subject: name(*service),
                    host: "*".into(),
                    kinds: Vec::new(),
                    until,
                    by: "ann".into(),
                    comment: String::new(),
                };
                super::silence(&world.store, &silence).unwrap();
            }
            Event::Ack { service } => {
                let (rules, now) = (world.rules.clone(), world.now);
                let key = Subject::new(&name(*service), "web1").key;
                let ack = |ledger: &mut dyn crate::outbox::Ledger| {
                    Engine::new("ops", &rules).ack(ledger, &key, "ann", now)
                };
                world.store.transact(&mut { ack }).unwrap();
                world.take();
            }
        }
        if restart {
            reread(world);
        }
    }
    observations
}

/// Puts each state in place of itself by way of its text, as a process does that ends and another that begins.
fn reread(world: &World) {
    let states = world.store.states().unwrap();
    world
        .store
        .transact(&mut |ledger| {
            for (_, state) in &states {
                let text = serde_json::to_string(state).unwrap();
                let read: State = serde_json::from_str(&text).unwrap();
                assert_eq!(read, *state);
            }
            // The moments stand beside the states and are kept as they are.
            ledger.forget(jiff::Timestamp::MIN)?;
            Ok(())
        })
        .unwrap();
}

/// All of them are well, and enough time goes by for everything to be told.
fn end_well(world: &mut World) {
    for service in 0..4 {
        let finished = kind(2);
        let seen = seen(&format!("end{service}"), &name(service), "web1", finished, world.now);
        world.observe(&seen);
    }
    world.after("30h");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn what_was_told_ends_once_and_nothing_is_left(
        rules in rules(),
        events in proptest::collection::vec(event(), 0..60),
    ) {
        let mut world = World::new(rules);
        live(&mut world, &events, false);
        end_well(&mut world);
        prop_assert_eq!(world.store.states().unwrap(), vec![]);
        let mut firing = BTreeMap::new();
        for entry in &world.entries {
            match &entry.kind {
                EntryKind::Send if entry.message.state == MessageState::Firing => {
                    prop_assert!(firing.insert((&entry.channel, &entry.key), 0).is_none(), "told twice: {}", entry.key);
                }
                EntryKind::Amend { of } if entry.message.state == MessageState::Resolved => {
                    *firing.entry((&entry.channel, of)).or_insert(100) += 1;
                }
                _ => {}
            }
        }
        prop_assert!(firing.values().all(|ends| *ends == 1), "{:?}", firing);
    }

    #[test]
    fn no_key_is_used_twice_and_messages_are_bounded(
        rules in rules(),
        events in proptest::collection::vec(event(), 0..60),
    ) {
        let mut world = World::new(rules);
        let observations = live(&mut world, &events, false);
        let keys: BTreeSet<_> = world.entries.iter().map(|entry| (&entry.channel, &entry.key)).collect();
        prop_assert_eq!(keys.len(), world.entries.len());
        // Each observation is told at most once as a message of its own, and once more to others; a summary of notices and
        // one of quiet hours come on top. Amendments disturb nobody, reminders are told by their title.
        let sends = world.entries.iter().filter(|entry| entry.kind == EntryKind::Send).count();
        prop_assert!(sends <= 2 * observations + observations / 10 + 2, "{} of {}", sends, observations);
        let reminders = world.entries.iter().filter(|entry| {
            matches!(entry.kind, EntryKind::Reply { .. }) && entry.message.title.starts_with("Still open")
        });
        let waited: u64 = events.iter().map(|event| match event {
            Event::Wait { seconds } => u64::from(*seconds),
            _ => 0,
        }).sum();
        let most = (waited / 1_800 + 1) * 4 * 2 * u64::from(world.rules.remind_every.is_some());
        prop_assert!(reminders.count() as u64 <= most);
    }

    #[test]
    fn nothing_is_told_of_what_is_silenced(
        rules in rules(),
        events in proptest::collection::vec(event(), 0..60),
    ) {
        let mut world = World::new(rules);
        let until = world.now + SignedDuration::from_hours(24 * 365);
        let silence = Silence {
            subject: "service*".into(), host: "*".into(), kinds: Vec::new(), until, by: "ann".into(), comment: String::new(),
        };
        super::silence(&world.store, &silence).unwrap();
        live(&mut world, &events, false);
        end_well(&mut world);
        prop_assert_eq!(&world.entries, &vec![]);
    }

    #[test]
    fn a_subject_has_one_incident_and_a_restart_changes_no_decision(
        rules in rules(),
        events in proptest::collection::vec(event(), 0..60),
    ) {
        let (mut one, mut other) = (World::new(rules.clone()), World::new(rules));
        live(&mut one, &events, false);
        live(&mut other, &events, true);
        prop_assert_eq!(&one.entries, &other.entries);
        let states = one.store.states().unwrap();
        let open: Vec<String> =
            states.iter().filter_map(|(_, state)| state.incident()).map(|incident| incident.subject.key).collect();
        let keys: BTreeSet<_> = open.iter().collect();
        prop_assert_eq!(keys.len(), open.len());
    }
}
