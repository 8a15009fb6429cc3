//! What people are told, as stories: each line is what happened, each expectation what reached them.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::outbox::{AlertStore, EntryKind, Limits, MemoryAlertStore, NewEntry, Outbox};
use crate::{Message, MessageState, SendOn, Severity};

/// A store whose messages are taken as soon as they are queued, and what they were.
pub(super) struct World {
    pub(super) store: MemoryAlertStore,
    pub(super) rules: Rules,
    pub(super) now: Timestamp,
    pub(super) entries: Vec<NewEntry>,
    runs: u32,
}

impl World {
    pub(super) fn new(rules: Rules) -> Self {
        let limits = Limits { entries: u64::MAX, bytes: u64::MAX, per_channel: u64::MAX };
        let store = MemoryAlertStore::with_limits(limits);
        // A Thursday, 10:00 UTC.
        let now = "2026-01-01T10:00:00Z".parse().unwrap();
        Self { store, rules, now, entries: Vec::new(), runs: 0 }
    }

    pub(super) fn observe(&mut self, seen: &Observation) {
        let (rules, now) = (&self.rules, self.now);
        let observe = |ledger: &mut dyn crate::outbox::Ledger| {
            Engine::new("ops", rules).observe(ledger, seen, now).map(|_| ())
        };
        self.store.transact(&mut { observe }).unwrap();
        self.take();
    }

    /// Something is seen of a service now.
    fn sees(&mut self, service: &str, kind: ObservationKind) -> &mut Self {
        self.runs += 1;
        let seen = seen(&format!("run{}", self.runs), service, "web1", kind, self.now);
        self.observe(&seen);
        self
    }

    fn fails(&mut self, service: &str) -> &mut Self {
        self.sees(service, ObservationKind::Failed)
    }

    fn is_well(&mut self, service: &str) -> &mut Self {
        self.sees(service, ObservationKind::Finished { duration: Duration::from_secs(3) })
    }

    /// Time goes on, and is looked at whenever something is due.
    pub(super) fn after(&mut self, span: &str) -> &mut Self {
        let end = self.now + span.parse::<SignedDuration>().unwrap();
        let groups = BTreeMap::from([("ops".to_owned(), self.rules.clone())]);
        while let Some(due) = self.store.next_tick(&["ops"]).unwrap().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            tick(&self.store, &groups, self.now).unwrap();
            let next = self.store.next_tick(&["ops"]).unwrap();
            assert!(
                next.is_none_or(|next| next > self.now),
                "it is done with {}, and yet due at {next:?}",
                self.now
            );
            self.take();
        }
        self.now = end;
        self
    }

    pub(super) fn take(&mut self) {
        for channel in self.store.channels().unwrap() {
            while let crate::outbox::Next::Send(claim) =
                self.store.claim(&channel.channel, self.now, SignedDuration::from_secs(60)).unwrap()
            {
                let sent = crate::outbox::Settlement::Sent(crate::Receipt::default());
                self.store.settle(&claim.entry, &sent, self.now).unwrap();
                self.entries.push(claim.entry.new);
            }
        }
    }

    fn acks(&mut self, service: &str) -> &mut Self {
        let (rules, now, key) = (self.rules.clone(), self.now, Subject::new(service, "web1").key);
        self.store.transact(&mut |ledger| Engine::new("ops", &rules).ack(ledger, &key, "ann", now)).unwrap();
        self.take();
        self
    }

    fn silences(&mut self, subject: &str, span: &str) -> i64 {
        let until = self.now + span.parse::<SignedDuration>().unwrap();
        let silence = Silence {
            subject: subject.to_owned(),
            host: "*".to_owned(),
            kinds: Vec::new(),
            until,
            by: "ann".to_owned(),
            comment: String::new(),
        };
        super::silence(&self.store, &silence).unwrap()
    }

    /// What was told since the last look: how, in which channel, in which state, and the title with the fields.
    #[track_caller]
    fn told(&mut self, expected: &[&str]) -> &mut Self {
        let told: Vec<String> = std::mem::take(&mut self.entries).iter().map(line).collect();
        assert_eq!(told, expected, "at {}", self.now);
        self
    }
}

fn line(entry: &NewEntry) -> String {
    let kind = match entry.kind {
        EntryKind::Send => "send",
        EntryKind::Amend { .. } => "amend",
        EntryKind::Reply { .. } => "reply",
    };
    let state = match entry.message.state {
        MessageState::Notice => "",
        MessageState::Firing => " FIRING",
        MessageState::Resolved => " RESOLVED",
    };
    let message = &entry.message;
    let mut text = format!("{kind} {}{state}: {}", entry.channel, message.title);
    for field in message.fields.iter().filter(|field| field.name != "Last") {
        text.push_str(&format!("; {} {}", field.name, field.value));
    }
    for mention in &message.mentions {
        text.push_str(&format!(" {mention}"));
    }
    for part in &message.body {
        if let crate::Component::List { items, .. } = part {
            text.push_str(&format!(" {items:?}"));
        }
    }
    text
}

pub(super) fn seen(
    run: &str,
    service: &str,
    host: &str,
    kind: ObservationKind,
    at: Timestamp,
) -> Observation {
    let what = match kind {
        ObservationKind::Started => "started",
        ObservationKind::AttemptFailed { .. } => "attempt failed",
        ObservationKind::Finished { .. } => "finished",
        ObservationKind::Failed => "failed",
        ObservationKind::Missed => "missed",
        ObservationKind::Slow => "slow",
        ObservationKind::Skipped => "skipped",
    };
    let severity = match kind {
        ObservationKind::Failed if service.starts_with("critical") => Severity::Critical,
        ObservationKind::Failed => Severity::Error,
        _ => Severity::Info,
    };
    let message =
        Message { severity, title: format!("{service} {what}"), at: Some(at), ..Message::default() };
    Observation { id: format!("{run}/{what}"), subject: Subject::new(service, host), at, kind, message }
}

fn rules() -> Rules {
    Rules { channels: vec!["chat".to_owned()], ..Rules::default() }
}

fn span(text: &str) -> Option<SignedDuration> {
    Some(text.parse().unwrap())
}

#[test]
fn a_failure_is_told_once_and_amended_when_it_is_over() {
    let mut world = World::new(rules());
    world.is_well("backup").told(&[]);
    world.fails("backup").told(&["send chat FIRING: backup failed"]);
    world.after("10s").fails("backup").told(&[]);
    world.after("10s").fails("backup").told(&[]);
    // The count is brought up to date a minute after the message.
    world.after("1min").told(&["amend chat FIRING: backup failed; Failures 3"]);
    world.after("1h").told(&[]);
    world.is_well("backup").told(&[
        "amend chat RESOLVED: backup failed; Downtime 1h 1min; Failures 3",
        "reply chat RESOLVED: backup finished; Downtime 1h 1min; Failures 3",
    ]);
    world.is_well("backup").after("24h").told(&[]);
    world.fails("backup").told(&["send chat FIRING: backup failed"]);
}

#[test]
fn ten_thousand_failures_in_a_minute_are_one_message() {
    let mut world = World::new(rules());
    for _ in 0..10_000 {
        world.fails("backup").after("5ms");
    }
    world.told(&["send chat FIRING: backup failed"]);
    world.after("1min").told(&["amend chat FIRING: backup failed; Failures 10000"]);
}

#[test]
fn further_failures_are_told_below_the_message_a_few_times_and_then_only_counted() {
    let mut world = World::new(rules());
    for _ in 0..30 {
        world.fails("backup").after("20min");
    }
    let of_kind =
        |world: &World, word: &str| world.entries.iter().filter(|e| line(e).starts_with(word)).count();
    assert_eq!((of_kind(&world, "send"), of_kind(&world, "reply")), (1, 5));
    assert_eq!(of_kind(&world, "amend"), 29);
}

#[test]
fn a_missed_run_is_an_incident_that_a_good_run_ends() {
    let mut world = World::new(rules());
    world.sees("backup", ObservationKind::Missed).told(&["send chat FIRING: backup missed"]);
    world.sees("backup", ObservationKind::Missed).fails("backup").after("1min");
    world.told(&["amend chat FIRING: backup missed; Failures 1; Missed 2"]);
    world.is_well("backup").told(&[
        "amend chat RESOLVED: backup missed; Downtime 1min; Failures 1; Missed 2",
        "reply chat RESOLVED: backup finished; Downtime 1min; Failures 1; Missed 2",
    ]);
}

#[test]
fn recovery_is_told_only_where_it_is_asked_for() {
    let mut world = World::new(Rules { send_on: [SendOn::Failed].into(), ..rules() });
    world.fails("backup").after("1min").told(&["send chat FIRING: backup failed"]);
    world.is_well("backup").told(&["amend chat RESOLVED: backup failed; Downtime 1min; Failures 1"]);
    world.sees("backup", ObservationKind::Missed).told(&[]);
}

#[test]
fn a_run_that_ended_before_the_failure_does_not_end_the_incident() {
    let mut world = World::new(rules());
    let early =
        seen("early", "backup", "web1", ObservationKind::Finished { duration: Duration::ZERO }, world.now);
    world.after("1s").fails("backup").told(&["send chat FIRING: backup failed"]);
    world.observe(&early);
    world.told(&[]);
}

#[test]
fn a_task_tells_its_start_its_errors_and_its_end() {
    let mut world = World::new(Rules { send_on: SendOn::FOR_TASKS.into(), ..rules() });
    world.sees("report", ObservationKind::Started).told(&["send chat: report started"]);
    let error = ObservationKind::AttemptFailed { attempt: 1, of: 3 };
    world.sees("report", error).told(&["send chat: report attempt failed"]);
    world.is_well("report").told(&["send chat: report finished"]);
    // No incident: it is told of its end, however it ends.
    world.fails("report").told(&["send chat: report failed"]);
    world.sees("report", ObservationKind::Slow).sees("report", ObservationKind::Skipped).told(&[]);
}

#[test]
fn an_error_is_told_below_the_message_of_the_open_incident() {
    let mut world = World::new(Rules { send_on: SendOn::ALL.into(), ..rules() });
    world.fails("report").told(&["send chat FIRING: report failed"]);
    let error = ObservationKind::AttemptFailed { attempt: 1, of: 3 };
    world.sees("report", error).told(&["reply chat: report attempt failed"]);
    world.sees("report", ObservationKind::Slow).told(&["send chat: report slow"]);
    world.is_well("report").told(&[
        "amend chat RESOLVED: report failed; Downtime 0s; Failures 1",
        "reply chat RESOLVED: report finished; Downtime 0s; Failures 1",
    ]);
}

#[test]
fn too_many_notices_are_told_as_one() {
    let mut world = World::new(Rules { send_on: SendOn::ALL.into(), ..rules() });
    for _ in 0..500 {
        world.sees("report", ObservationKind::Started);
    }
    assert_eq!(world.entries.len(), 10);
    world.entries.clear();
    world
        .after("1min")
        .told(&["send chat: 490 more notices of report in a minute, the last: report started"]);
    world.sees("report", ObservationKind::Started).told(&["send chat: report started"]);
    world.after("2min").told(&[]);
    assert_eq!(world.store.states().unwrap(), [], "nothing is left to know");
}

#[test]
fn an_incident_is_told_again_until_somebody_takes_it_on() {
    let mention = vec!["@oncall".to_owned()];
    let mut world = World::new(Rules { remind_every: span("1h"), mention, ..rules() });
    world.fails("backup").told(&["send chat FIRING: backup failed @oncall"]);
    world.after("59min").told(&[]);
    world.after("1min").told(&["reply chat FIRING: Still open after 1h: backup failed @oncall"]);
    world.after("1h").told(&["reply chat FIRING: Still open after 2h: backup failed @oncall"]);
    world.acks("backup").told(&["amend chat FIRING: backup failed; Acknowledged by ann"]);
    world.after("24h").told(&[]);
    world.is_well("backup").told(&[
        "amend chat RESOLVED: backup failed; Downtime 1d 2h; Failures 1",
        "reply chat RESOLVED: backup finished; Downtime 1d 2h; Failures 1",
    ]);
}

#[test]
fn an_incident_that_nobody_takes_on_is_told_to_others_who_also_hear_of_its_end() {
    let step = |after: &str, channel: &str| EscalationStep {
        after: after.parse().unwrap(),
        channels: vec![channel.to_owned()],
    };
    let escalate = vec![step("15min", "lead"), step("1h", "boss")];
    let mut world = World::new(Rules { escalate, ..rules() });
    world.fails("backup").after("15min");
    world.told(&[
        "send chat FIRING: backup failed",
        "send lead FIRING: Still open after 15min: backup failed",
    ]);
    world.acks("backup").after("2h");
    world.told(&[
        "amend chat FIRING: backup failed; Acknowledged by ann",
        "amend lead FIRING: backup failed; Acknowledged by ann",
    ]);
    world.is_well("backup");
    assert_eq!(world.entries.len(), 4);
    assert_eq!(world.entries.iter().filter(|entry| entry.channel == "lead").count(), 2);
}

#[test]
fn recovery_is_told_only_after_it_lasted() {
    let mut world = World::new(Rules { keep_firing_for: span("10min"), ..rules() });
    world.fails("backup").told(&["send chat FIRING: backup failed"]);
    for _ in 0..5 {
        world.after("1min").is_well("backup").after("5min").fails("backup");
    }
    let sends = world.entries.iter().filter(|entry| entry.kind == EntryKind::Send).count();
    assert_eq!(sends, 0, "one incident, however it flaps");
    world.entries.clear();
    world.is_well("backup").after("9min");
    world.entries.clear();
    world.after("1min").told(&[
        "amend chat RESOLVED: backup failed; Downtime 30min; Failures 6",
        "reply chat RESOLVED: backup finished; Downtime 30min; Failures 6",
    ]);
}

#[test]
fn incidents_of_a_host_that_open_at_once_are_told_together() {
    let mut world = World::new(Rules { group_wait: span("30s"), ..rules() });
    world.fails("a").fails("b").after("20s").fails("c").told(&[]);
    world.after("10s");
    world.told(&[r#"send chat FIRING: 3 incidents on web1 ["a failed", "b failed", "c failed"]"#]);
    world.is_well("a").told(&[]);
    world.after("1min").told(&[
        r#"amend chat FIRING: 3 incidents on web1, 2 open ["a failed, well again after 30s", "b failed", "c failed"]"#,
    ]);
    world.is_well("b").is_well("c");
    let over = r#"RESOLVED: 3 incidents on web1, over by now ["a failed, well again after 30s", "b failed, well again after 1min 30s", "c failed, well again after 1min 10s"]"#;
    world.told(&[&format!("amend chat {over}"), &format!("reply chat {over}")]);
    world.after("24h").told(&[]);
    assert_eq!(world.store.states().unwrap(), []);
}

#[test]
fn an_incident_that_stays_alone_speaks_for_itself() {
    let mut world = World::new(Rules { group_wait: span("30s"), ..rules() });
    world.fails("a").after("30s").told(&["send chat FIRING: a failed"]);
    world.fails("b").is_well("b").after("30s");
    world.told(&[r#"send chat RESOLVED: 1 incident on web1, over by now ["b failed, well again after 0s"]"#]);
}

#[test]
fn a_group_is_told_again_until_each_incident_that_is_open_is_taken_on() {
    let mut world = World::new(Rules { group_wait: span("30s"), remind_every: span("1h"), ..rules() });
    world.fails("a").fails("b").after("30s");
    world.entries.clear();
    world
        .after("1h")
        .told(&[r#"reply chat FIRING: Still open: 2 incidents on web1 ["a failed", "b failed"]"#]);
    world.acks("a").acks("b").after("1min");
    let acked = r#"["a failed, acknowledged", "b failed, acknowledged"]"#;
    world.told(&[&format!("amend chat FIRING: 2 incidents on web1 {acked}")]);
    world.after("24h").told(&[]);
}

#[test]
fn quiet_hours_hold_back_all_but_what_is_critical_and_tell_it_at_their_end() {
    let quiet_hours = vec!["22:00-07:00".parse().unwrap()];
    let remind_every = span("2h");
    let mut world = World::new(Rules { quiet_hours, remind_every, send_on: SendOn::ALL.into(), ..rules() });
    world.after("9h").fails("before").told(&["send chat FIRING: before failed"]);
    world.after("5h"); // Midnight.
    world.told(&["reply chat FIRING: Still open after 2h: before failed"]);
    world.fails("backup").sees("report", ObservationKind::Started).is_well("before");
    world.told(&["amend chat RESOLVED: before failed; Downtime 5h; Failures 1"]);
    world.fails("critical-db").told(&["send chat FIRING: critical-db failed"]);
    world.after("6h");
    let reminders = world.entries.drain(..).map(|entry| line(&entry)).collect::<Vec<_>>();
    assert_eq!(reminders.len(), 3, "what is critical is told again: {reminders:?}");
    world.fails("mail").is_well("mail").told(&[]);
    world.is_well("critical-db");
    world.entries.clear();
    world.after("1h").told(&[concat!(
        "send chat FIRING: 2 incidents in quiet hours, 1 open ",
        r#"["backup failed", "mail failed, well again after 0s"] "#,
        r#"["2026-01-02 00:00:00 UTC: report started", "2026-01-02 00:00:00 UTC: before finished"]"#
    )]);
    world.is_well("backup");
    assert_eq!(world.entries.len(), 2, "{:?}", world.entries);
}

#[test]
fn a_silenced_subject_is_not_told_of_until_the_silence_is_over() {
    let mut world = World::new(Rules { remind_every: span("1h"), ..rules() });
    world.silences("back*", "2h");
    world.fails("backup").fails("other").told(&["send chat FIRING: other failed"]);
    world.is_well("other");
    world.entries.clear();
    world.after("119min").told(&[]);
    world.after("1min").told(&["send chat FIRING: backup failed"]);
    world.after("30min");
    world.silences("*", "3h");
    world.after("3h").told(&["reply chat FIRING: Still open after 5h 30min: backup failed"]);
    world.silences("*", "1h");
    world.is_well("backup").told(&["amend chat RESOLVED: backup failed; Downtime 5h 30min; Failures 1"]);
}

#[test]
fn what_begins_and_ends_silenced_is_never_told_and_a_silence_can_end_early() {
    let mut world = World::new(rules());
    let id = world.silences("*", "2h");
    world.fails("backup").is_well("backup").fails("report").told(&[]);
    assert!(unsilence(&world.store, id, world.now).unwrap());
    world.after("0s").told(&["send chat FIRING: report failed"]);
}

#[test]
fn an_incident_can_be_closed_by_hand() {
    let mut world = World::new(rules());
    world.fails("backup");
    let (rules, now) = (world.rules.clone(), world.now);
    let close = |ledger: &mut dyn crate::outbox::Ledger| {
        Engine::new("ops", &rules).close(ledger, "backup@web1", "ann", now)
    };
    world.store.transact(&mut { close }).unwrap();
    world.take();
    world.told(&[
        "send chat FIRING: backup failed",
        "amend chat RESOLVED: backup failed; Downtime 0s; Failures 1",
        "reply chat RESOLVED: Closed by ann: backup failed; Downtime 0s; Failures 1",
    ]);
}

#[test]
fn a_group_that_is_no_longer_defined_rests() {
    let mut world = World::new(Rules { remind_every: span("1h"), ..rules() });
    world.fails("backup");
    let later = world.now + SignedDuration::from_hours(5);
    assert_eq!(tick(&world.store, &BTreeMap::new(), later).unwrap(), None);
    assert_eq!(world.store.states().unwrap().len(), 1);
}
