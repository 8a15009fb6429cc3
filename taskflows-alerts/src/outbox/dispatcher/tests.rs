use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::*;
use crate::MemoryNotifier;
use crate::outbox::{EntryKind, Limits, MemoryAlertStore};

fn begin() -> Timestamp {
    Timestamp::from_second(1_767_225_600).unwrap()
}

/// A dispatcher over memory, whose clock is tokio's.
struct Post {
    store: Arc<MemoryAlertStore>,
    channels: BTreeMap<String, Arc<dyn Notifier>>,
    fallbacks: BTreeMap<String, Vec<String>>,
    clock: Clock,
}

impl Post {
    fn new() -> Self {
        let start = Instant::now();
        let clock = move || begin().checked_add(start.elapsed()).unwrap();
        let limits = Limits { entries: 20_000, bytes: u64::MAX, per_channel: 20_000 };
        Self {
            store: Arc::new(MemoryAlertStore::with_limits(limits)),
            channels: BTreeMap::new(),
            fallbacks: BTreeMap::new(),
            clock: Arc::new(clock),
        }
    }

    fn channel(&mut self, id: &str, notifier: MemoryNotifier) -> Arc<MemoryNotifier> {
        let notifier = Arc::new(notifier);
        self.channels.insert(id.to_owned(), notifier.clone());
        notifier
    }

    fn push(&self, channel: &str, key: &str, kind: EntryKind) {
        let message = Message { title: key.to_owned(), ..Message::default() };
        let entry = NewEntry { kind, ..NewEntry::send(channel, key, message, (self.clock)()) };
        self.store.push(&[entry], (self.clock)()).unwrap();
    }

    fn send(&self, channel: &str, key: &str) {
        self.push(channel, key, EntryKind::Send);
    }

    fn dispatcher(&self) -> Dispatcher {
        Dispatcher::new(self.store.clone(), self.channels.clone(), self.clock.clone(), || 0.5)
            .with_fallbacks(self.fallbacks.clone())
    }

    async fn drain(&self, within: u64) -> Drained {
        self.dispatcher().drain_until_idle(Instant::now() + Duration::from_secs(within)).await.unwrap()
    }

    fn seconds(&self) -> i64 {
        (self.clock)().duration_since(begin()).as_secs()
    }
}

fn transient(retry_after: Option<u64>) -> NotifyError {
    let retry_after = retry_after.map(Duration::from_secs);
    NotifyError::Transient { place: "chat".into(), reason: "busy".into(), retry_after }
}

fn permanent() -> NotifyError {
    NotifyError::Permanent { place: "chat".into(), reason: "no such channel".into() }
}

fn keys(notifier: &MemoryNotifier) -> Vec<String> {
    notifier.told().into_iter().map(|told| told.key).collect()
}

#[tokio::test(start_paused = true)]
async fn messages_go_out_in_order_at_the_pace_of_the_channel() {
    let mut post = Post::new();
    let chat = post.channel("chat", MemoryNotifier::new());
    for key in 0..6 {
        post.send("chat", &key.to_string());
    }
    let drained = post.drain(60).await;
    assert_eq!((drained.sent, drained.waiting.len()), (6, 0));
    assert_eq!(keys(&chat), ["0", "1", "2", "3", "4", "5"]);
    assert_eq!(post.seconds(), 4, "three at once, then one a second, and a last look");
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_asks_for_a_wait_gets_it_to_the_second() {
    let mut post = Post::new();
    let chat = post.channel("chat", MemoryNotifier::new());
    let mail = post.channel("mail", MemoryNotifier::without_amendments());
    chat.fail_next(transient(Some(30)));
    post.send("chat", "1");
    post.send("chat", "2");
    post.send("mail", "3");
    let drained = post.drain(29).await;
    let waiting = Waiting { messages: 2, until: Some(begin() + SignedDuration::from_secs(30)) };
    assert_eq!((drained.sent, drained.waiting), (1, BTreeMap::from([("chat".to_owned(), waiting)])));
    assert_eq!((keys(&mail), chat.attempts()), (vec!["3".to_owned()], 1));
    let drained = post.drain(60).await;
    assert_eq!((drained.sent, post.seconds()), (2, 30));
    assert_eq!(keys(&chat), ["1", "2"]);
}

#[tokio::test(start_paused = true)]
async fn failures_are_tried_again_after_waits_that_double() {
    let mut post = Post::new();
    let chat = post.channel("chat", MemoryNotifier::new());
    (0..5).for_each(|_| chat.fail_next(transient(None)));
    post.send("chat", "1");
    assert_eq!(post.drain(600).await.sent, 1);
    assert_eq!((post.seconds(), chat.attempts()), (1 + 2 + 4 + 8 + 16, 6));
}

#[tokio::test(start_paused = true)]
async fn what_fails_until_it_is_too_old_is_dropped_and_told_by_the_fallback() {
    let mut post = Post::new();
    let chat = post.channel("chat", MemoryNotifier::new());
    let mail = post.channel("mail", MemoryNotifier::without_amendments());
    post.fallbacks.insert("chat".into(), vec!["mail".into()]);
    (0..2_000).for_each(|_| chat.fail_next(transient(None)));
    post.send("chat", "1");
    post.send("chat", "2");
    let drained = post.drain(73 * 3600).await;
    assert_eq!(drained.waiting.len(), 0);
    assert_eq!(chat.told(), []);
    let titles: Vec<String> = mail.told().into_iter().map(|told| told.message.title).collect();
    // While it is tried, once a day.
    assert!(titles[..titles.len() - 1].iter().all(|title| title == "2 alerts cannot reach chat so far"));
    assert!((3..=4).contains(&titles.len()), "{titles:?}");
    assert_eq!(titles.last().unwrap(), "2 alerts did not reach chat");
}

#[tokio::test(start_paused = true)]
async fn a_permanent_failure_is_told_once_and_the_next_message_goes_on() {
    let mut post = Post::new();
    let chat = post.channel("chat", MemoryNotifier::new());
    let mail = post.channel("mail", MemoryNotifier::without_amendments());
    post.fallbacks.insert("chat".into(), vec!["mail".into(), "chat".into()]);
    (0..2).for_each(|_| chat.fail_next(permanent()));
    (1..=3).for_each(|key| post.send("chat", &key.to_string()));
    let drained = post.drain(60).await;
    assert_eq!((drained.sent, drained.undelivered), (2, 2));
    assert_eq!(keys(&chat), ["3"]);
    assert_eq!(post.store.undelivered("chat").unwrap().len(), 2);
    let told = mail.told();
    assert_eq!((told.len(), told[0].message.title.as_str()), (1, "2 alerts did not reach chat"));
    // The same again within the hour is counted, and told after it.
    chat.fail_next(permanent());
    chat.fail_next(permanent());
    post.send("chat", "4");
    post.drain(60).await;
    assert_eq!(mail.told().len(), 1);
    tokio::time::advance(Duration::from_secs(3_600)).await;
    post.send("chat", "5");
    post.drain(60).await;
    assert_eq!(mail.told()[1].message.title, "2 alerts did not reach chat");
}

#[tokio::test(start_paused = true)]
async fn a_slow_channel_delays_no_other() {
    let mut post = Post::new();
    post.channel("slow", MemoryNotifier::new().taking(Duration::from_secs(35)));
    let quick = post.channel("quick", MemoryNotifier::new());
    post.send("slow", "1");
    (0..10).for_each(|key| post.send("quick", &key.to_string()));
    let clock = post.clock.clone();
    let dispatcher = post.dispatcher();
    let draining =
        tokio::spawn(
            async move { dispatcher.drain_until_idle(Instant::now() + Duration::from_secs(90)).await },
        );
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert_eq!((quick.told().len(), clock().duration_since(begin()).as_secs()), (10, 8));
    assert_eq!(draining.await.unwrap().unwrap().sent, 11);
}

#[tokio::test(start_paused = true)]
async fn what_comes_while_another_channel_is_slow_does_not_wait_for_it() {
    let mut post = Post::new();
    post.channel("slow", MemoryNotifier::new().taking(Duration::from_secs(35)));
    let quick = post.channel("quick", MemoryNotifier::new());
    post.send("slow", "1");
    let dispatcher = post.dispatcher();
    let draining =
        tokio::spawn(
            async move { dispatcher.drain_until_idle(Instant::now() + Duration::from_secs(90)).await },
        );
    tokio::time::sleep(Duration::from_secs(10)).await;
    post.send("quick", "2");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(quick.told().len(), 1);
    assert_eq!(draining.await.unwrap().unwrap().sent, 2);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_does_not_end_is_given_up_and_tried_again() {
    let mut post = Post::new();
    post.channel("mute", MemoryNotifier::new().taking(Duration::from_secs(10_000)));
    post.send("mute", "1");
    let drained = post.drain(59).await;
    assert_eq!(drained.sent, 0);
    let status = post.store.channels().unwrap().swap_remove(0);
    assert_eq!(status.last_error.as_deref(), Some("could not deliver to mute now: it took too long"));
}

#[tokio::test(start_paused = true)]
async fn amendments_and_replies_find_their_message_and_mail_is_not_amended() {
    let mut post = Post::new();
    let chat = post.channel("chat", MemoryNotifier::new());
    let mail = post.channel("mail", MemoryNotifier::without_amendments());
    for channel in ["chat", "mail"] {
        post.send(channel, "1");
    }
    post.drain(60).await;
    for channel in ["chat", "mail"] {
        post.push(channel, "2", EntryKind::Amend { of: "1".into() });
        post.push(channel, "3", EntryKind::Reply { to: "1".into(), fold: true });
        post.push(channel, "4", EntryKind::Amend { of: "never told".into() });
    }
    let drained = post.drain(60).await;
    assert_eq!((drained.sent, drained.skipped), (3, 3));
    let told = chat.told();
    assert_eq!(told[1].in_place_of.as_deref(), Some("1"));
    assert_eq!(told[2].thread.as_deref(), Some("1"));
    assert_eq!(keys(&mail), ["1", "3"]);
    assert_eq!(mail.told()[1].thread.as_deref(), Some("1"));
}

#[tokio::test(start_paused = true)]
async fn what_was_interrupted_is_sent_again_with_its_key() {
    let mut post = Post::new();
    let chat = post.channel("chat", MemoryNotifier::new().taking(Duration::from_secs(10)));
    post.send("chat", "1");
    let dispatcher = post.dispatcher();
    let far = Instant::now() + Duration::from_secs(500);
    let cut = timeout(Duration::from_secs(5), dispatcher.drain_until_idle(far)).await;
    assert!(cut.is_err());
    assert_eq!(chat.told(), []);
    assert_eq!(post.drain(500).await.sent, 1);
    assert_eq!((keys(&chat), post.seconds()), (vec!["1".to_owned()], 63));
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_is_no_longer_defined_waits_without_an_end() {
    let post = Post::new();
    post.send("gone", "1");
    let waiting = post.drain(60).await.waiting;
    assert_eq!(waiting, BTreeMap::from([("gone".to_owned(), Waiting { messages: 1, until: None })]));
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_messages_arrive_in_order_at_one_a_second() {
    let mut post = Post::new();
    let chat = post.channel("chat", MemoryNotifier::new());
    let entries: Vec<_> = (0..10_000)
        .map(|key| NewEntry::send("chat", &key.to_string(), Message::default(), begin()))
        .collect();
    post.store.push(&entries, begin()).unwrap();
    // A busy receiver now and then.
    let busy = Arc::new(AtomicBool::new(true));
    let (chat_too, busy_too) = (chat.clone(), busy.clone());
    let disturbing = tokio::spawn(async move {
        while busy_too.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_secs(100)).await;
            chat_too.fail_next(transient(Some(7)));
        }
    });
    let drained = post.drain(20_000).await;
    busy.store(false, Ordering::SeqCst);
    disturbing.await.unwrap();
    assert_eq!(drained.sent, 10_000);
    assert!(keys(&chat).iter().enumerate().all(|(number, key)| *key == number.to_string()));
    assert!((9_997..12_000).contains(&post.seconds()), "{}", post.seconds());
}
