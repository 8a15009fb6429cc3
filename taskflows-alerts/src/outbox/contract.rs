//! What every store of alerts keeps to: each of these is given an empty store, and panics where it does not.
//!
//! They call it without waiting for anything, as the traits do: a hook that queues an alert has no runtime.
#![expect(clippy::unwrap_used, reason = "these are tests; a failure of the store is one of theirs")]

use jiff::{SignedDuration, Timestamp};

use super::{
    AlertStore, AlertStoreError, Claim, EntryKind, Limits, NewEntry, Next, Outbox, Pushed, Settlement,
};
use crate::incident::{Engine, Observation, ObservationKind, Rules, Silence, Subject};
use crate::{Message, MessageState, Receipt, SendOn, Severity};

/// Checks one fact of a queue.
pub type QueueCheck = fn(&dyn Outbox);

/// Checks one fact of a store, both of whose sides it is given.
pub type StoreCheck = fn(&dyn AlertStore, &dyn Outbox);

/// What is called with an empty queue.
pub const QUEUE: [(&str, QueueCheck); 12] = [
    ("a channel is sent in order", a_channel_is_sent_in_order),
    ("a key is queued once", a_key_is_queued_once),
    ("a claimed message is nobody else's until its lease is over", a_claim_is_exclusive),
    ("who lost the lease cannot settle", who_lost_the_lease_cannot_settle),
    ("a retry holds back its channel and no other", a_retry_holds_back_its_channel_alone),
    ("what is given up is kept and lets the next go on", what_is_given_up_is_kept),
    ("what was given up can be queued again", what_was_given_up_can_be_queued_again),
    ("what is too old is dropped and counted", what_is_too_old_is_dropped),
    ("replies and amendments find the receipt", what_follows_finds_the_receipt),
    ("an amendment changes a message that waits", an_amendment_changes_what_waits),
    ("a reply that says no more than the waiting message is left out", a_reply_folds),
    ("losses are reported with what is told of them", losses_are_reported),
];

/// What is called with an empty queue that holds [`SMALL`].
pub const FULL: [(&str, QueueCheck); 3] = [
    ("a full channel drops what comes", a_full_channel_drops_what_comes),
    ("what is critical takes the place of what is not", what_is_critical_takes_a_place),
    ("bytes are bounded", bytes_are_bounded),
];

/// What is called with an empty store.
pub const INCIDENTS: [(&str, StoreCheck); 5] = [
    ("what fails leaves nothing behind", what_fails_leaves_nothing),
    ("an incident and its message are kept together", an_incident_and_its_message_are_kept),
    ("an observation is new once until it is forgotten", an_observation_is_new_once),
    ("silences are kept until they are removed", silences_are_kept),
    ("states are due in order of their time", states_are_due_in_order),
];

/// The limits for [`FULL`].
pub const SMALL: Limits = Limits { entries: 5, bytes: 10_000, per_channel: 3 };

const LEASE: SignedDuration = SignedDuration::from_secs(60);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + seconds).unwrap()
}

fn message(title: &str) -> Message {
    Message { title: title.to_owned(), ..Message::default() }
}

fn entry(channel: &str, key: &str) -> NewEntry {
    NewEntry::send(channel, key, message(key), at(0))
}

fn amend(channel: &str, key: &str, of: &str) -> NewEntry {
    NewEntry { kind: EntryKind::Amend { of: of.to_owned() }, ..entry(channel, key) }
}

fn reply(channel: &str, key: &str, to: &str, fold: bool) -> NewEntry {
    NewEntry { kind: EntryKind::Reply { to: to.to_owned(), fold }, ..entry(channel, key) }
}

fn sent(key: &str) -> Settlement {
    Settlement::Sent(Receipt(format!("receipt of {key}").into()))
}

#[track_caller]
fn claim(outbox: &dyn Outbox, channel: &str, now: Timestamp) -> Claim {
    match outbox.claim(channel, now, LEASE).unwrap() {
        Next::Send(claim) => claim,
        other => panic!("there is something to send in {channel}, not {other:?}"),
    }
}

fn a_channel_is_sent_in_order(outbox: &dyn Outbox) {
    let pushed = outbox.push(&[entry("a", "1"), entry("a", "2"), entry("b", "3")], at(0)).unwrap();
    assert_eq!(pushed, [Pushed::Queued; 3]);
    for key in ["1", "2"] {
        let claim = claim(outbox, "a", at(1));
        assert_eq!((claim.entry.new.key.as_str(), claim.entry.attempts), (key, 1));
        assert_eq!((claim.entry.queued_at, claim.receipt), (at(0), None));
        outbox.settle(&claim.entry, &sent(key), at(2)).unwrap();
    }
    assert_eq!(outbox.claim("a", at(3), LEASE).unwrap(), Next::Nothing);
    assert_eq!(outbox.claim("nobody", at(3), LEASE).unwrap(), Next::Nothing);
    let channels = outbox.channels().unwrap();
    let facts = channels.iter().map(|status| (status.channel.as_str(), status.queued, status.last_success));
    assert_eq!(facts.collect::<Vec<_>>(), [("a", 0, Some(at(2))), ("b", 1, None)]);
}

fn a_key_is_queued_once(outbox: &dyn Outbox) {
    assert_eq!(
        outbox.push(&[entry("a", "1"), entry("a", "1")], at(0)).unwrap(),
        [Pushed::Queued, Pushed::Known]
    );
    assert_eq!(outbox.push(&[entry("b", "1")], at(0)).unwrap(), [Pushed::Queued]);
    let claim = claim(outbox, "a", at(1));
    outbox.settle(&claim.entry, &sent("1"), at(1)).unwrap();
    assert_eq!(outbox.push(&[entry("a", "1")], at(2)).unwrap(), [Pushed::Known]);
    assert_eq!(outbox.claim("a", at(3), LEASE).unwrap(), Next::Nothing);
}

fn a_claim_is_exclusive(outbox: &dyn Outbox) {
    outbox.push(&[entry("a", "1"), entry("a", "2")], at(0)).unwrap();
    claim(outbox, "a", at(0));
    assert_eq!(outbox.claim("a", at(59), LEASE).unwrap(), Next::Wait(at(60)));
    let again = claim(outbox, "a", at(60));
    assert_eq!((again.entry.new.key.as_str(), again.entry.attempts), ("1", 2));
}

fn who_lost_the_lease_cannot_settle(outbox: &dyn Outbox) {
    outbox.push(&[entry("a", "1")], at(0)).unwrap();
    let first = claim(outbox, "a", at(0));
    let second = claim(outbox, "a", at(60));
    let error = outbox.settle(&first.entry, &sent("1"), at(61)).unwrap_err();
    assert!(error.is_lease_lost(), "{error:?}");
    outbox.settle(&second.entry, &sent("1"), at(62)).unwrap();
    assert!(outbox.settle(&second.entry, &sent("1"), at(63)).unwrap_err().is_lease_lost());
}

fn a_retry_holds_back_its_channel_alone(outbox: &dyn Outbox) {
    outbox.push(&[entry("a", "1"), entry("a", "2"), entry("b", "3")], at(0)).unwrap();
    let first = claim(outbox, "a", at(0));
    let retry = Settlement::Retry { at: at(30), error: "busy".to_owned() };
    outbox.settle(&first.entry, &retry, at(0)).unwrap();
    assert_eq!(outbox.claim("a", at(29), LEASE).unwrap(), Next::Wait(at(30)));
    assert_eq!(claim(outbox, "b", at(1)).entry.new.key, "3");
    let status = outbox.channels().unwrap().swap_remove(0);
    assert_eq!(status.last_error.as_deref(), Some("busy"));
    assert_eq!((status.queued, status.oldest, status.next_attempt), (2, Some(at(0)), Some(at(30))));
    let again = claim(outbox, "a", at(30));
    assert_eq!((again.entry.new.key.as_str(), again.entry.error.as_deref()), ("1", Some("busy")));
    outbox.settle(&again.entry, &sent("1"), at(31)).unwrap();
    assert_eq!(outbox.channels().unwrap()[0].last_error, None);
    assert_eq!(claim(outbox, "a", at(31)).entry.new.key, "2");
}

fn what_is_given_up_is_kept(outbox: &dyn Outbox) {
    outbox.push(&[entry("a", "1"), entry("a", "2")], at(0)).unwrap();
    let first = claim(outbox, "a", at(0));
    outbox.settle(&first.entry, &Settlement::GiveUp { error: "no such channel".to_owned() }, at(1)).unwrap();
    assert_eq!(claim(outbox, "a", at(1)).entry.new.key, "2");
    let kept = outbox.undelivered("a").unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!((kept[0].new.key.as_str(), kept[0].error.as_deref()), ("1", Some("no such channel")));
    let status = outbox.channels().unwrap().swap_remove(0);
    assert_eq!((status.queued, status.undelivered, status.unreported), (1, 1, 1));
    assert_eq!(outbox.push(&[entry("a", "1")], at(2)).unwrap(), [Pushed::Known]);
}

fn what_was_given_up_can_be_queued_again(outbox: &dyn Outbox) {
    outbox.push(&[entry("a", "1")], at(0)).unwrap();
    let first = claim(outbox, "a", at(0));
    outbox.settle(&first.entry, &Settlement::GiveUp { error: "no".to_owned() }, at(1)).unwrap();
    assert_eq!(outbox.requeue("a", at(10_000_000)).unwrap(), 1);
    assert_eq!(outbox.undelivered("a").unwrap(), []);
    assert_eq!(outbox.queued("a").unwrap().len(), 1);
    let again = claim(outbox, "a", at(10_000_000));
    outbox.settle(&again.entry, &sent("1"), at(10_000_001)).unwrap();
    let status = outbox.channels().unwrap().swap_remove(0);
    assert_eq!((status.queued, status.bytes), (0, 0));
}

fn what_is_too_old_is_dropped(outbox: &dyn Outbox) {
    let short = NewEntry { expires_at: at(10), ..entry("a", "1") };
    outbox.push(&[short, entry("a", "2")], at(0)).unwrap();
    assert_eq!(claim(outbox, "a", at(10)).entry.new.key, "2");
    let status = outbox.channels().unwrap().swap_remove(0);
    assert_eq!((status.queued, status.dropped, status.unreported), (1, 1, 1));
    assert_eq!(outbox.push(&[entry("a", "1")], at(11)).unwrap(), [Pushed::Known]);
}

fn what_follows_finds_the_receipt(outbox: &dyn Outbox) {
    outbox.push(&[entry("a", "1")], at(0)).unwrap();
    let first = claim(outbox, "a", at(0));
    // It is on its way: what it says can no longer be changed.
    let follow = [amend("a", "2", "1"), reply("a", "3", "1", true), reply("a", "4", "unknown", false)];
    assert_eq!(outbox.push(&follow, at(0)).unwrap(), [Pushed::Queued; 3]);
    outbox.settle(&first.entry, &sent("1"), at(1)).unwrap();
    let amendment = claim(outbox, "a", at(1));
    assert_eq!(amendment.receipt, Some(Receipt("receipt of 1".into())));
    assert_eq!(amendment.entry.new, amend("a", "2", "1"));
    outbox.settle(&amendment.entry, &sent("2"), at(1)).unwrap();
    let answer = claim(outbox, "a", at(1));
    assert_eq!(answer.receipt, Some(Receipt("receipt of 2".into())), "the amended message has a new receipt");
    assert_eq!(answer.entry.new, reply("a", "3", "1", true));
    outbox.settle(&answer.entry, &Settlement::Skipped, at(1)).unwrap();
    assert_eq!(claim(outbox, "a", at(1)).receipt, None);
}

fn an_amendment_changes_what_waits(outbox: &dyn Outbox) {
    let mut first = entry("a", "1");
    first.message.mentions = vec!["@oncall".to_owned()];
    outbox.push(&[first, entry("a", "2")], at(0)).unwrap();
    assert_eq!(outbox.push(&[amend("a", "3", "1")], at(0)).unwrap(), [Pushed::Folded]);
    assert_eq!(outbox.push(&[amend("a", "3", "1")], at(0)).unwrap(), [Pushed::Known]);
    let waits = outbox.queued("a").unwrap();
    assert_eq!(waits.len(), 2);
    assert_eq!((waits[0].new.key.as_str(), waits[0].new.message.title.as_str()), ("1", "3"));
    assert_eq!(waits[0].new.message.mentions, ["@oncall"], "who is called is still called");
    assert_eq!(waits[0].new.kind, EntryKind::Send);
    let mut over = amend("a", "4", "1");
    over.message.state = MessageState::Resolved;
    assert_eq!(outbox.push(&[over], at(0)).unwrap(), [Pushed::Folded]);
    let first = claim(outbox, "a", at(0));
    assert_eq!(first.entry.new.message.mentions, [""; 0], "nobody is called for what is over");
    // One on its way stays as it is; a second amendment then takes the place of the first.
    let later = [amend("a", "5", "1"), amend("a", "6", "1")];
    assert_eq!(outbox.push(&later, at(0)).unwrap(), [Pushed::Queued, Pushed::Folded]);
    assert_eq!(outbox.queued("a").unwrap()[2].new.message.title, "6");
}

fn a_reply_folds(outbox: &dyn Outbox) {
    outbox.push(&[entry("a", "1")], at(0)).unwrap();
    let replies = [reply("a", "2", "1", true), reply("a", "3", "1", false)];
    assert_eq!(outbox.push(&replies, at(0)).unwrap(), [Pushed::Folded, Pushed::Queued]);
    assert_eq!(outbox.push(&[reply("b", "2", "1", true)], at(0)).unwrap(), [Pushed::Queued]);
}

fn losses_are_reported(outbox: &dyn Outbox) {
    let short = |key| NewEntry { expires_at: at(10), ..entry("a", key) };
    outbox.push(&[short("1"), short("2"), short("3")], at(0)).unwrap();
    assert_eq!(outbox.claim("a", at(10), LEASE).unwrap(), Next::Nothing);
    outbox.report("a", 2, &[entry("fallback", "lost")], at(11)).unwrap();
    let channels = outbox.channels().unwrap();
    assert_eq!((channels[0].dropped, channels[0].unreported), (3, 1));
    assert_eq!(channels[0].reported_at, Some(at(11)));
    assert_eq!((channels[1].channel.as_str(), channels[1].queued), ("fallback", 1));
}

fn a_full_channel_drops_what_comes(outbox: &dyn Outbox) {
    let four: Vec<_> = (1..=4).map(|key| entry("a", &key.to_string())).collect();
    let expected = [Pushed::Queued, Pushed::Queued, Pushed::Queued, Pushed::Dropped];
    assert_eq!(outbox.push(&four, at(0)).unwrap(), expected);
    let others: Vec<_> = (1..=3).map(|key| entry("b", &key.to_string())).collect();
    let expected = [Pushed::Queued, Pushed::Queued, Pushed::Dropped];
    assert_eq!(outbox.push(&others, at(0)).unwrap(), expected, "five in all");
    let channels = outbox.channels().unwrap();
    assert_eq!((channels[0].queued, channels[0].dropped, channels[0].unreported), (3, 1, 1));
    // There is room again once something went.
    let first = claim(outbox, "a", at(0));
    outbox.settle(&first.entry, &sent("1"), at(0)).unwrap();
    assert_eq!(outbox.push(&[entry("a", "5")], at(0)).unwrap(), [Pushed::Queued]);
}

fn what_is_critical_takes_a_place(outbox: &dyn Outbox) {
    let critical = |key| {
        let mut entry = entry("a", key);
        entry.message.severity = Severity::Critical;
        entry
    };
    outbox.push(&[entry("a", "1"), critical("2"), entry("a", "3")], at(0)).unwrap();
    let pushed = outbox.push(&[critical("4"), critical("5"), critical("6")], at(0)).unwrap();
    assert_eq!(pushed, [Pushed::Queued, Pushed::Queued, Pushed::Dropped]);
    let keys: Vec<_> = outbox.queued("a").unwrap().into_iter().map(|entry| entry.new.key).collect();
    assert_eq!(keys, ["2", "4", "5"]);
    assert_eq!(outbox.channels().unwrap()[0].dropped, 3);
}

fn bytes_are_bounded(outbox: &dyn Outbox) {
    let mut large = entry("a", "1");
    large.message.title = "x".repeat(9_750);
    let mut larger = entry("a", "2");
    larger.message.title = "x".repeat(10_001);
    let pushed = outbox.push(&[larger, large, entry("b", "3")], at(0)).unwrap();
    assert_eq!(pushed, [Pushed::Dropped, Pushed::Queued, Pushed::Dropped]);
}

fn failure(id: &str) -> Observation {
    Observation {
        id: id.to_owned(),
        subject: Subject::new("backup", "web1"),
        at: at(0),
        kind: ObservationKind::Failed,
        message: Message { severity: Severity::Error, ..message("backup failed") },
    }
}

fn rules() -> Rules {
    let remind_every = Some(SignedDuration::from_secs(600));
    Rules { channels: vec!["a".to_owned()], remind_every, ..Rules::default() }
}

fn what_fails_leaves_nothing(store: &dyn AlertStore, outbox: &dyn Outbox) {
    let error = store.transact(&mut |ledger| {
        Engine::new("ops", &rules()).observe(ledger, &failure("1"), at(0))?;
        Err(AlertStoreError::LeaseLost { id: 7 })
    });
    assert!(error.unwrap_err().is_lease_lost());
    assert_eq!((store.states().unwrap().len(), outbox.queued("a").unwrap().len()), (0, 0));
    assert_eq!(store.next_tick(&["ops"]).unwrap(), None);
}

fn observe(store: &dyn AlertStore, id: &str) -> bool {
    let mut new = false;
    let mut work = |ledger: &mut dyn super::Ledger| {
        new = Engine::new("ops", &rules()).observe(ledger, &failure(id), at(0))?;
        Ok(())
    };
    store.transact(&mut work).unwrap();
    new
}

fn an_incident_and_its_message_are_kept(store: &dyn AlertStore, outbox: &dyn Outbox) {
    assert!(observe(store, "1"));
    let states = store.states().unwrap();
    let incident = states[0].1.incident().unwrap();
    assert_eq!((incident.failures, incident.told, incident.opened_at), (1, true, at(0)));
    assert_eq!(outbox.queued("a").unwrap()[0].new.message.title, "backup failed");
    assert_eq!(store.next_tick(&["ops"]).unwrap(), Some(at(600)));
}

fn an_observation_is_new_once(store: &dyn AlertStore, _: &dyn Outbox) {
    assert!(observe(store, "1"));
    assert!(!observe(store, "1"));
    assert!(observe(store, "2"));
    store.transact(&mut |ledger| ledger.forget(at(1))).unwrap();
    assert!(observe(store, "1"));
}

fn silences_are_kept(store: &dyn AlertStore, _: &dyn Outbox) {
    let silence = |subject: &str| Silence {
        subject: subject.to_owned(),
        host: "*".to_owned(),
        kinds: vec![SendOn::Missed],
        until: at(100),
        by: "ann".to_owned(),
        comment: "disk is being replaced".to_owned(),
    };
    store
        .transact(&mut |ledger| {
            assert_eq!(ledger.add_silence(&silence("a*"))?, 1);
            assert_eq!(ledger.add_silence(&silence("b*"))?, 2);
            assert!(ledger.remove_silence(2)?);
            assert!(!ledger.remove_silence(2)?);
            assert_eq!(ledger.add_silence(&silence("c*"))?, 3, "a number is given once");
            assert_eq!(ledger.silences()?, [(1, silence("a*")), (3, silence("c*"))]);
            Ok(())
        })
        .unwrap();
}

fn states_are_due_in_order(store: &dyn AlertStore, _: &dyn Outbox) {
    observe(store, "1");
    let state = store.states().unwrap().swap_remove(0).1;
    let key = |name: &str| crate::incident::StateKey { group: "g".to_owned(), name: name.to_owned() };
    store
        .transact(&mut |ledger| {
            for (name, due) in [("x", Some(at(3))), ("y", Some(at(1))), ("z", None), ("w", Some(at(9)))] {
                ledger.save(&key(name), Some(&state), due)?;
            }
            assert_eq!(ledger.due(&["g"], at(3), 10)?, [key("y"), key("x")]);
            assert_eq!(ledger.due(&["g"], at(3), 1)?, [key("y")]);
            ledger.save(&key("y"), None, Some(at(1)))?;
            assert_eq!(ledger.load(&key("y"))?, None);
            assert_eq!(ledger.load(&key("z"))?, Some(state.clone()));
            assert_eq!(ledger.due(&["another"], at(9), 10)?, [], "it is somebody else's to look at");
            ledger.make_due(at(2))?;
            assert_eq!(ledger.due(&["g"], at(2), 10)?.len(), 3);
            Ok(())
        })
        .unwrap();
    assert_eq!(store.next_tick(&["g"]).unwrap(), Some(at(2)));
}
