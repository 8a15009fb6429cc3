//! What lines say.

#![allow(clippy::unwrap_used, reason = "what fails fails the test")]

mod common;

use std::io;
use std::sync::atomic::Ordering;

use common::{Memory, logged, logging, strict};
use serde_json::{Value, json as value};
use taskflows_logging::{
    LokiLayer, LokiLogging, RequestContext, fields, get_struct_logger, in_request_context, json,
};
use tracing::{Level, info, info_span};
use tracing_subscriber::layer::SubscriberExt;

const RUN: &str = "0123456789abcdef0123456789abcdef";

/// The context of the one line that `work` logs.
fn context(work: impl FnOnce()) -> Value {
    logged(&logging(), work).last()["context"].clone()
}

#[derive(Debug, thiserror::Error)]
#[error("could not pay")]
struct PayError(#[source] io::Error);

#[test]
fn a_line_has_the_fields_of_the_seed_in_their_order() {
    let logging = LokiLogging {
        include_hostname: true,
        extra_labels: [("team".to_owned(), "platform".to_owned())].into(),
        ..logging()
    };
    let sink = logged(&logging, || {
        let request = RequestContext {
            request_id: Some("r-1".into()),
            trace_id: Some("t-1".into()),
            fields: fields! { endpoint: "/api" },
        };
        in_request_context(request, || {
            let task = info_span!("task", name = "nightly", run_id = %RUN, attempt = 2_u32);
            let _entered = task.enter();
            tracing::warn!(target: "my_module", user_id = 123, taskflows_event = "started", "user_action");
        });
    });
    let line = sink.last();
    let object = line.as_object().unwrap();
    let keys: Vec<&str> = object.keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "timestamp",
            "timestamp_ns",
            "event",
            "event_fingerprint",
            "severity",
            "level_name",
            "logger",
            "app",
            "environment",
            "hostname",
            "team",
            "request_id",
            "trace_id",
            "run_id",
            "attempt",
            "taskflows_event",
            "context",
        ]
    );
    let said: Vec<&str> =
        ["event", "severity", "level_name", "logger", "app", "environment", "team", "run_id"]
            .iter()
            .map(|key| line[*key].as_str().unwrap())
            .collect();
    assert_eq!(said, ["user_action", "WARNING", "warning", "my_module", "shop", "test", "platform", RUN]);
    assert_eq!(line["attempt"], 2);
    assert_eq!(line["context"], value!({"user_id": 123, "name": "nightly", "endpoint": "/api"}));
    let taken = sink.taken.lock().unwrap().pop().unwrap();
    assert_eq!(taken.request_id.as_deref(), Some("r-1"));
    assert_eq!(taken.run, Some((RUN.to_owned(), Some(2))));
    assert_eq!(
        (taken.level, taken.event.as_str(), taken.logger.as_str()),
        (Level::WARN, "user_action", "my_module")
    );
}

#[test]
fn both_timestamps_are_one_moment() {
    let line = logged(&logging(), || info!("now")).last();
    let text: jiff::Timestamp = line["timestamp"].as_str().unwrap().parse().unwrap();
    let nanos = i128::from(line["timestamp_ns"].as_i64().unwrap());
    assert_eq!(text.as_nanosecond(), nanos - nanos % 1000);
    assert_eq!(line["timestamp"].as_str().unwrap().len(), "2026-11-27T03:22:15.123456Z".len());
}

#[test]
fn an_event_wins_over_its_spans_and_an_inner_span_over_an_outer_one() {
    let context = context(|| {
        let _outer = info_span!("outer", a = 1, b = 1, c = 1, d = 1).entered();
        let inner = info_span!("inner", b = 2, c = 2, late = tracing::field::Empty).entered();
        inner.record("late", "yes");
        inner.record("b", 3);
        info!(c = 4, "x");
    });
    assert_eq!(context, value!({"c": 4, "b": 3, "late": "yes", "a": 1, "d": 1}));
}

#[test]
fn values_stay_what_they_are() {
    let bytes: &[u8] = b"a\xff";
    let context = context(|| {
        info!(
            small = -1_i8, big = u128::MAX, float = 1.5, nan = f64::NAN, yes = true, text = "é\u{0}\n\"\\",
            debug = ?Some(1), display = %"shown", items = json([("ABC", 2)]), raw = bytes, r#type = "word",
            "x"
        );
    });
    assert_eq!(context["big"].as_f64().unwrap(), 2_f64.powi(128));
    let mut context = context;
    context.as_object_mut().unwrap().remove("big");
    assert_eq!(
        context,
        value!({
            "small": -1, "float": 1.5, "nan": null, "yes": true, "text": "é\u{0}\n\"\\", "debug": "Some(1)",
            "display": "shown", "items": [["ABC", 2]], "raw": "a\u{fffd}", "type": "word",
        })
    );
}

#[test]
fn an_error_comes_with_its_causes() {
    let error = PayError(io::Error::other("no route to host"));
    let shown = context(|| tracing::error!(error = &error as &dyn std::error::Error, "payment_failed"));
    assert_eq!(shown["error"], "could not pay");
    assert_eq!(shown["error_chain"], value!(["no route to host"]));
    let lone = io::Error::other("alone");
    let shown = context(|| tracing::error!(error = &lone as &dyn std::error::Error, "failed"));
    assert_eq!((&shown["error"], &shown["error_chain"]), (&value!("alone"), &Value::Null));
}

/// Whether a backtrace is asked for is decided once for a process, so this is one more process each.
#[test]
fn where_a_backtrace_is_asked_for_an_error_has_one() {
    const ASKED: &str = "RUST_LIB_BACKTRACE";
    const CHILD: &str = "TASKFLOWS_TEST_CHILD";
    let name = "where_a_backtrace_is_asked_for_an_error_has_one";
    if std::env::var_os(CHILD).is_none() {
        for asked in ["0", "1"] {
            let mut again = std::process::Command::new(std::env::current_exe().unwrap());
            let ended = again.args(["--exact", name]).env(ASKED, asked).env(CHILD, "1").status();
            assert!(ended.unwrap().success(), "with {ASKED}={asked}");
        }
        return;
    }
    let error = io::Error::other("alone");
    let shown = context(|| tracing::error!(error = &error as &dyn std::error::Error, "failed"));
    if std::env::var(ASKED).unwrap() == "0" {
        return assert_eq!(shown["error_backtrace"], Value::Null);
    }
    let frames = shown["error_backtrace"].as_array().unwrap();
    assert!((1..=20).contains(&frames.len()), "{frames:?}");
    // What carries the event is left out, so the first frame is where it was logged.
    assert!(frames[0].as_str().unwrap().contains("tests/line.rs"), "{frames:?}");
}

#[test]
fn what_is_long_is_cut_but_not_the_fixed_fields() {
    let logging = LokiLogging { max_string_length: 4, ..logging() };
    let line = logged(&logging, || {
        let context = RequestContext { fields: fields! { far: "éééééé" }, ..RequestContext::default() };
        in_request_context(context, || {
            let _span = info_span!("s", span = "ssssss").entered();
            info!(target: "long::target", text = "tttttt", debug = ?"dddddd", items = json(["iiiiii"]), "mmmmmm");
        });
    })
    .last();
    let cut = |start: &str| format!("{start}... (truncated)");
    assert_eq!(line["logger"], "long::target");
    assert_eq!(line["event"], cut("mmmm"));
    assert_eq!(
        line["context"],
        value!({
            "text": cut("tttt"), "debug": cut("\"ddd"), "items": [cut("iiii")], "span": cut("ssss"), "far": cut("éééé"),
        })
    );
}

#[test]
fn ids_of_an_event_stand_at_the_top() {
    let line = logged(&logging(), || info!(request_id = 7, trace_id = %"t", run_id = "mine", "x")).last();
    assert_eq!((&line["request_id"], &line["trace_id"]), (&value!("7"), &value!("t")));
    assert_eq!((&line["run_id"], &line["context"]["run_id"]), (&Value::Null, &value!("mine")));
}

#[test]
fn a_span_that_is_called_task_need_not_be_a_run() {
    let line = logged(&logging(), || {
        let _span = info_span!("task", run_id = 5, attempt = "first").entered();
        info!("x");
    })
    .last();
    assert_eq!(line["context"], value!({"run_id": 5, "attempt": "first"}));
    assert_eq!(line.get("run_id"), None);
}

#[test]
fn an_event_without_a_message_is_named_by_its_field_or_its_place() {
    let line = logged(&logging(), || info!(event = "user_login", user_id = 1)).last();
    assert_eq!((&line["event"], &line["context"]), (&value!("user_login"), &value!({"user_id": 1})));
    let line = logged(&logging(), || info!(event = "kept", "said")).last();
    assert_eq!((&line["event"], &line["context"]), (&value!("said"), &value!({"event": "kept"})));
    let line = logged(&logging(), || info!(user_id = 1)).last();
    assert!(line["event"].as_str().unwrap().contains("tests/line.rs:"), "{line}");
}

#[test]
fn process_and_thread_are_told_where_that_is_wanted() {
    let logging = LokiLogging { include_process_info: true, ..logging() };
    let context = logged(&logging, || info!(thread = "mine", "x")).last()["context"].clone();
    assert_eq!(context, value!({"thread": "mine", "pid": std::process::id()}));
    let context = logged(&logging, || info!("x")).last()["context"].clone();
    assert_eq!(context["thread"], "process_and_thread_are_told_where_that_is_wanted");
}

#[test]
fn a_struct_logger_writes_such_lines_too() {
    let sink = logged(&logging(), || {
        let _span = info_span!("span", from_span = 1, mine = 1).entered();
        let logger = get_struct_logger("my_module").bind(fields! { bound: true, mine: 2 });
        logger.critical("order_processed", fields! { mine: 3, items: [1, 2], taskflows_x: "top" });
        logger.debug("held back", fields! {});
    });
    let [line] = sink.lines().try_into().unwrap();
    assert_eq!((&line["severity"], &line["level_name"]), (&value!("CRITICAL"), &value!("critical")));
    assert_eq!((&line["logger"], &line["taskflows_x"]), (&value!("my_module"), &value!("top")));
    assert_eq!(line["context"], value!({"mine": 3, "items": [1, 2], "bound": true, "from_span": 1}));
    get_struct_logger("nobody listens").info("nothing happens", fields! {});
}

#[test]
fn the_fingerprint_of_a_call_is_that_of_its_place() {
    let sink = logged(&logging(), || {
        for message in ["a", "a", "b"] {
            get_struct_logger("m").info(message, fields! {});
            info!("{message}");
        }
        info!("a");
    });
    let prints: Vec<String> =
        sink.lines().iter().map(|line| line["event_fingerprint"].as_str().unwrap().to_owned()).collect();
    assert_eq!((&prints[0], &prints[1]), (&prints[2], &prints[3]));
    let mut different = vec![&prints[0], &prints[1], &prints[4], &prints[5], &prints[6]];
    different.sort();
    different.dedup();
    assert_eq!(different.len(), 5);
}

#[test]
fn lost_lines_are_told_where_none_were_lost() {
    let (lossy, healthy) = (Memory::default(), Memory::default());
    let sinks: Vec<Box<dyn taskflows_logging::Sink>> =
        vec![Box::new(lossy.clone()), Box::new(healthy.clone())];
    let (layer, guard) = LokiLayer::with_sinks(&logging(), sinks).unwrap();
    lossy.dropped.store(3, Ordering::Relaxed);
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        info!("first");
        lossy.dropped.store(5, Ordering::Relaxed);
        info!("second");
    });
    assert_eq!(guard.dropped(), 5);
    let events = |sink: &Memory| -> Vec<(String, Value)> {
        let said =
            |line: &Value| (line["event"].as_str().unwrap().to_owned(), line["context"]["dropped"].clone());
        sink.lines().iter().map(said).collect()
    };
    let told = |count: u64| ("log_lines_dropped".to_owned(), value!(count));
    let plain = |event: &str| (event.to_owned(), Value::Null);
    // Within ten seconds it is told once; at the end all is.
    assert_eq!(events(&healthy), [plain("first"), told(3), plain("second")]);
    drop(guard);
    assert_eq!(events(&healthy).last(), Some(&told(2)));
    assert_eq!(healthy.last()["context"]["reason"], "no route to host");
    assert_eq!(events(&lossy), [plain("first"), plain("second")]);
}

#[test]
fn people_read_a_line_without_json() {
    let sink = logged(&LokiLogging { console: true, ..logging() }, || {
        info!(target: "shop", user_id = 7, items = json([1]), "user\u{1b}[2J");
    });
    let line = sink.taken.lock().unwrap().pop().unwrap().json;
    let (_, said) = line.split_once(' ').unwrap();
    assert_eq!(said, r"    INFO shop: user\u{1b}[2J user_id=7 items=[1]");
}

#[test]
fn the_reader_of_these_tests_refuses_a_key_that_is_there_twice() {
    assert!(std::panic::catch_unwind(|| strict(r#"{"a":{"b":1,"b":2}}"#)).is_err());
    assert_eq!(strict(r#"{"a":{"b":1.5,"c":null}}"#), value!({"a": {"b": 1.5, "c": null}}));
}
