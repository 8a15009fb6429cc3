//! Once a thread has written its first lines, the next ones allocate nothing.

#![allow(clippy::unwrap_used, reason = "what fails fails the test")]

use std::time::Duration;

use allocation_counter::measure;
use taskflows_logging::{Line, LokiLayer, LokiLogging, RequestContext, Sink, fields, in_request_context};
use tracing::{debug, info, info_span};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;

/// Looks at a line and forgets it.
#[derive(Debug)]
struct Nowhere;

impl Sink for Nowhere {
    fn write(&self, line: &Line<'_>) {
        assert!(line.json.len() > 100);
    }

    fn flush(&self, _limit: Duration) -> bool {
        true
    }

    fn dropped(&self) -> u64 {
        0
    }

    fn last_error(&self) -> Option<String> {
        None
    }
}

/// Checks how many allocations a hundred runs of `work` make, once it has run a few times.
fn check(expected: u64, mut work: impl FnMut()) {
    let (layer, _guard) = LokiLayer::with_sinks(&LokiLogging::default(), vec![Box::new(Nowhere)]).unwrap();
    let subscriber = tracing_subscriber::registry().with(EnvFilter::new("info")).with(layer);
    tracing::subscriber::with_default(subscriber, || {
        (0..10).for_each(|_| work());
        let counted = measure(|| (0..100).for_each(|_| work()));
        assert_eq!(counted.count_total, expected);
    });
}

#[test]
fn an_event_with_constant_fields_allocates_nothing() {
    check(0, || info!(user_id = 123, action = "login", ratio = 0.5, "user_action"));
}

#[test]
fn fields_of_spans_and_of_the_request_allocate_nothing() {
    let context = RequestContext {
        request_id: Some("r-1".into()),
        fields: fields! { user: "ada", roles: ["a", "b"] },
        ..RequestContext::default()
    };
    in_request_context(context, || {
        let (layer, _guard) =
            LokiLayer::with_sinks(&LokiLogging::default(), vec![Box::new(Nowhere)]).unwrap();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let _span = info_span!("request", endpoint = "/api/users", taskflows_x = 1).entered();
            let work = |number: u64| info!(number, text = %number, debug = ?Some(number), "user {number}");
            (0..200).for_each(work);
            assert_eq!(measure(|| (200..300).for_each(work)).count_total, 0);
        });
    });
}

#[test]
fn what_is_filtered_out_allocates_nothing() {
    check(0, || debug!(user_id = 123, "nobody sees this"));
}

#[test]
fn the_counter_counts() {
    check(100, || drop(std::hint::black_box(Box::new(1))));
}
