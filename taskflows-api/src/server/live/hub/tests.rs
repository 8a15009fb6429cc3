use super::*;

fn names(text: &str) -> Vec<ServiceName> {
    vec![text.parse().unwrap()]
}

fn say(hub: &Hub, name: &str, number: usize) {
    hub.publish("state", names(name), &number);
}

async fn next(reader: &mut Reader) -> String {
    let text = tokio::time::timeout(Duration::from_secs(1), reader.next()).await.expect("there is one");
    String::from_utf8(text.unwrap().to_vec()).unwrap()
}

fn position(text: &str) -> Position {
    let id = text.lines().find_map(|line| line.strip_prefix("id: ")).unwrap();
    Position::parse(id).unwrap()
}

#[tokio::test]
async fn a_stream_begins_with_a_resync_and_goes_on_from_where_it_was_read() {
    let hub = Arc::new(Hub::default());
    say(&hub, "a", 1);
    let mut reader = hub.read(None, Vec::new());
    let first = next(&mut reader).await;
    assert!(first.starts_with("event: resync\nid: ") && first.ends_with("-1\ndata: {}\n\n"), "{first}");
    say(&hub, "a", 2);
    say(&hub, "a", 3);
    assert!(next(&mut reader).await.contains("data: 2\n"));
    let mut again = hub.read(Some(&position(&first)), Vec::new());
    for data in ["data: 2\n", "data: 3\n"] {
        assert!(next(&mut again).await.contains(data));
    }
    say(&hub, "a", 4);
    assert!(next(&mut again).await.contains("data: 4\n"));
}

#[tokio::test]
async fn the_first_word_is_waited_for_and_told_once() {
    let hub = Arc::new(Hub::default());
    let mut reader = hub.read(Some(&Position::parse("x-1").unwrap()), Vec::new());
    assert!(futures_util::FutureExt::now_or_never(reader.next()).is_none());
    hub.publish("resync", Vec::new(), &());
    say(&hub, "a", 1);
    assert!(next(&mut reader).await.starts_with("event: resync"));
    assert!(next(&mut reader).await.starts_with("event: state"));
}

#[tokio::test]
async fn who_comes_back_too_late_or_from_another_server_is_told_to_look_again() {
    let hub = Arc::new(Hub::default());
    say(&hub, "a", 1);
    let epoch = hub.epoch.clone();
    (2..KEPT + 3).for_each(|number| say(&hub, "a", number));
    let at = |epoch: &str, number: u64| Position { epoch: epoch.to_owned(), number };
    // The ring holds 3 to 1,026.
    for (from, first) in [
        (at(&epoch, 2), "event: state"),
        (at(&epoch, 1), "event: resync"),
        (at(&epoch, KEPT as u64 + 3), "event: resync"),
        (at("0123456789abcdef", 5), "event: resync"),
        (at(&epoch, u64::MAX - 1), "event: resync"),
    ] {
        let text = next(&mut hub.read(Some(&from), Vec::new())).await;
        assert!(text.starts_with(first), "{from:?}: {text}");
    }
    assert_eq!(Position::parse("x"), None);
    assert_eq!(Position::parse("x-y"), None);
}

#[tokio::test]
async fn who_reads_slowly_is_told_to_look_again_and_then_what_is_new() {
    let hub = Arc::new(Hub::default());
    say(&hub, "x", 0);
    let mut reader = hub.read(None, Vec::new());
    next(&mut reader).await;
    (0..KEPT * 3).for_each(|number| say(&hub, "a", number));
    let behind = next(&mut reader).await;
    assert!(
        behind.starts_with("event: resync") && behind.contains(&format!("-{}\n", KEPT * 3 + 1)),
        "{behind}"
    );
    say(&hub, "a", 7);
    assert!(next(&mut reader).await.contains("data: 7\n"));
}

#[tokio::test]
async fn only_what_is_selected_is_told_beside_what_is_for_all() {
    let hub = Arc::new(Hub::default());
    say(&hub, "x", 0);
    let mut reader = hub.read(None, vec!["web*".parse().unwrap()]);
    next(&mut reader).await;
    say(&hub, "db", 1);
    say(&hub, "web-1", 2);
    hub.publish("resync", Vec::new(), &3);
    assert!(next(&mut reader).await.contains("data: 2\n"));
    assert!(next(&mut reader).await.contains("data: 3\n"));
}

#[tokio::test(start_paused = true)]
async fn a_quiet_stream_says_that_it_lives_also_where_others_are_told_of() {
    let hub = Arc::new(Hub::default());
    say(&hub, "x", 0);
    let mut reader = hub.read(None, vec!["web".parse().unwrap()]);
    reader.next().await;
    let began = Instant::now();
    let chatter = async {
        loop {
            say(&hub, "db", 1);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    let text = tokio::select! { text = reader.next() => text, () = chatter => None };
    assert_eq!(text.as_deref(), Some(&b":\n\n"[..]));
    assert_eq!(began.elapsed().as_secs(), 15);
}

#[tokio::test]
async fn readers_end_with_the_hub_s_sender() {
    let hub = Arc::new(Hub::default());
    say(&hub, "x", 0);
    let mut reader = hub.read(None, Vec::new());
    next(&mut reader).await;
    hub.lock().sender = broadcast::Sender::new(1);
    assert_eq!(reader.next().await, None);
}
