use std::io::Read as _;
use std::net::TcpListener;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::Value;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate, matchers};

use super::super::Sink;
use super::super::line::tests::line;
use super::super::worker::Worker;
use super::*;

const MINUTE: Duration = Duration::from_secs(60);

fn sink(url: &str, timeout: Duration) -> Worker {
    let settings = LokiSettings { timeout, ..LokiSettings::new(url) };
    let labels = Labels { app: "shop".to_owned(), ..Labels::default() };
    let push = LokiPush::new(&settings, &labels, false).unwrap();
    let backoff = Backoff::new(Duration::from_millis(1), Duration::from_millis(5));
    Worker::start("loki", LokiPush { backoff, ..push }).unwrap()
}

fn write(sink: &Worker, count: u32) {
    (0..count).for_each(|number| sink.write(&line(format!("{{\"n\":{number}}}").as_bytes())));
}

/// Returns the numbers of the lines that a request holds.
fn numbers(request: &Request) -> Vec<u64> {
    assert_eq!(request.headers["content-encoding"], "gzip");
    assert_eq!(request.headers["content-type"], "application/json");
    let mut text = String::new();
    flate2::read::GzDecoder::new(&request.body[..]).read_to_string(&mut text).unwrap();
    let body: Value = serde_json::from_str(&text).unwrap();
    let streams = body["streams"].as_array().unwrap().iter();
    let lines = streams.flat_map(|stream| stream["values"].as_array().unwrap());
    let record = |line: &Value| serde_json::from_str::<Value>(line[1].as_str().unwrap()).unwrap();
    lines.map(|line| record(line)["n"].as_u64().unwrap()).collect()
}

/// Answers in turn, and with 204 afterwards.
struct InTurn(Mutex<Vec<ResponseTemplate>>);

impl Respond for InTurn {
    fn respond(&self, _: &Request) -> ResponseTemplate {
        self.0.lock().unwrap().pop().unwrap_or_else(|| ResponseTemplate::new(204))
    }
}

async fn server(mut answers: Vec<ResponseTemplate>) -> MockServer {
    answers.reverse();
    let server = MockServer::start().await;
    mount(&server, InTurn(Mutex::new(answers))).await;
    server
}

async fn mount(server: &MockServer, respond: impl Respond + 'static) {
    let push = Mock::given(matchers::method("POST")).and(matchers::path("/loki/api/v1/push"));
    push.respond_with(respond).mount(server).await;
}

async fn received(server: &MockServer) -> Vec<Vec<u64>> {
    server.received_requests().await.unwrap().iter().map(numbers).collect()
}

/// Writes five lines, and returns the sink, whether they arrived, and what the server saw.
async fn five(answers: Vec<ResponseTemplate>) -> (Worker, bool, Vec<Vec<u64>>) {
    let server = server(answers).await;
    let sink = sink(&server.uri(), MINUTE);
    write(&sink, 5);
    let (sink, arrived) = flushed(sink).await;
    let received = received(&server).await;
    (sink, arrived, received)
}

async fn flushed(sink: Worker) -> (Worker, bool) {
    tokio::task::spawn_blocking(move || {
        let arrived = sink.flush(MINUTE);
        (sink, arrived)
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn what_loki_cannot_take_now_is_sent_again_as_it_was() {
    let answers = [500, 503, 429].map(ResponseTemplate::new);
    let (sink, arrived, received) = five(answers.into()).await;
    assert!(arrived && sink.dropped() == 0);
    assert_eq!(received, vec![vec![0, 1, 2, 3, 4]; 4]);
    assert!(sink.last_error().unwrap().contains("429"));
}

#[tokio::test]
async fn the_wait_that_loki_asks_for_is_kept() {
    let began = Instant::now();
    let (sink, arrived, received) =
        five(vec![ResponseTemplate::new(429).insert_header("retry-after", "1")]).await;
    assert!(arrived && sink.dropped() == 0 && received.len() == 2);
    assert!(began.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn what_loki_refuses_is_counted_as_it_says_and_not_sent_again() {
    let said = "entry with timestamp 1 ignored, reason: 'entry too far behind',\ntotal ignored: 2 out of 5";
    let (sink, arrived, received) = five(vec![ResponseTemplate::new(400).set_body_string(said)]).await;
    assert_eq!((arrived, sink.dropped(), received.len()), (false, 2, 1));
    assert!(sink.last_error().unwrap().contains("too far behind"));
    for status in [400, 401, 404] {
        let (sink, arrived, received) = five(vec![ResponseTemplate::new(status)]).await;
        assert_eq!((arrived, sink.dropped(), received.len()), (false, 5, 1), "{status}");
    }
}

#[tokio::test]
async fn an_error_that_does_not_pass_is_not_tried_for_ever() {
    let answers = vec![ResponseTemplate::new(500); TRIES as usize + 1];
    let (sink, arrived, received) = five(answers).await;
    assert_eq!((arrived, sink.dropped(), received.len()), (false, 5, TRIES as usize + 1));
}

/// Takes no more than two lines, none of which is the fourth.
struct Small;

impl Respond for Small {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let numbers = numbers(request);
        let fits = numbers.len() <= 2 && !numbers.contains(&3);
        ResponseTemplate::new(if fits { 204 } else { 413 })
    }
}

#[tokio::test]
async fn what_is_too_large_goes_in_halves_and_what_is_still_too_large_is_lost() {
    let server = MockServer::start().await;
    mount(&server, Small).await;
    let sink = sink(&server.uri(), MINUTE);
    write(&sink, 10);
    let (sink, arrived) = flushed(sink).await;
    assert_eq!((arrived, sink.dropped()), (false, 1));
    let received = received(&server).await;
    let taken = received.into_iter().filter(|numbers| numbers.len() <= 2 && !numbers.contains(&3)).flatten();
    assert_eq!(taken.collect::<Vec<_>>(), [0, 1, 2, 4, 5, 6, 7, 8, 9]);
}

#[tokio::test]
async fn a_loki_that_comes_late_gets_what_was_written_before() {
    let listener = TcpListener::bind("127.0.0.5:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let sink = sink(&address.to_string(), MINUTE);
    write(&sink, 5);
    assert!(!sink.flush(Duration::from_millis(50)));
    assert!(sink.last_error().unwrap().contains("no connection"), "{:?}", sink.last_error());
    let server = MockServer::builder().listener(TcpListener::bind(address).unwrap()).start().await;
    mount(&server, InTurn(Mutex::default())).await;
    let (sink, arrived) = flushed(sink).await;
    assert!(arrived && sink.dropped() == 0);
    assert_eq!(received(&server).await, [[0, 1, 2, 3, 4]]);
}

#[tokio::test]
async fn behind_a_mute_loki_nothing_waits_and_what_arrives_later_is_all_that_was_not_counted_as_lost() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let sink = sink(&listener.local_addr().unwrap().to_string(), Duration::from_secs(1));
    write(&sink, 150_000);
    let dropped = sink.dropped();
    assert!(dropped > 10_000, "{dropped}");
    while sink.last_error().is_none() {
        assert!(!sink.flush(Duration::from_millis(10)));
    }
    assert!(sink.last_error().unwrap().contains("no answer within the limit"), "{:?}", sink.last_error());
    let server = MockServer::builder().listener(listener).start().await;
    mount(&server, InTurn(Mutex::default())).await;
    let (sink, arrived) = flushed(sink).await;
    assert!(arrived, "{:?}", sink.last_error());
    let mut numbers: Vec<_> = received(&server).await.into_iter().flatten().collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!((sink.dropped(), numbers.len() as u64), (dropped, 150_000 - dropped));
}
