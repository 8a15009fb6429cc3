#![doc = include_str!("../README.md")]

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
mod alerting;

/// Makes a task of a function: tried again where it fails, within limits, logged and told to whoever must know.
///
/// ```
/// use taskflows::{block_on, current_task_id, task};
///
/// #[task(name = "greet", required, retries = 1, timeout = "30s", backoff = "1s..1min")]
/// async fn hello(name: String) -> Result<String, std::io::Error> {
///     assert!(current_task_id().is_some());
///     Ok(format!("Hi, {name}."))
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// assert_eq!(block_on(hello("Ada".into()))?, "Hi, Ada.");
/// # Ok(())
/// # }
/// ```
///
/// # Arguments
///
/// | | | left out |
/// |---|---|---|
/// | `name = "…"` | what logs and alerts call it | the name of the function |
/// | `required` | its failure is an error for the caller | see below |
/// | `retries = 3` | how many attempts may follow the first | 0 |
/// | `timeout = "30s"` | how long one attempt may take | no limit |
/// | `deadline = "10min"` | how long all attempts and the waits between them may take; none begins past it | no limit |
/// | `backoff = "10s..5min"` | the waits: `"10s"` stays, `"10s..5min"` doubles up to the second, give or take a tenth; `x3` and `~20%` after it set factor and jitter | `"1s..5min"` |
/// | `alerts = …` | who is told of its runs ([`TaskAlerts`]), evaluated at its first call | nobody |
/// | `blocking` | a function that is not async becomes one, and its body runs on a thread for blocking work | see below |
///
/// A length of time is a text as systemd.time(7) has it, a number of seconds (`30`, `1.5`) or a `Duration`; `retries` may
/// be any expression too, and `backoff` a [`Backoff`].
///
/// # What a call returns
///
/// What `required` says shows in the type, so that the compiler holds the caller to it:
///
/// | written | with `required` | without |
/// |---|---|---|
/// | `-> Result<T, E>` | `Result<T, TaskError<E>>` | `Option<T>` |
/// | `-> T` | `Result<T, TaskError<Infallible>>` | `Option<T>` |
///
/// `None` means that all attempts failed; why is in the log and in the alerts, and the program goes on. A function that
/// returns no `Result` fails by a panic or by its limits only. The type must be named `Result` (`io::Result<T>` and
/// `anyhow::Result<T>` are): one of another name that is a `Result` all the same does not compile.
///
/// # Functions that are not async
///
/// Such a task is called like the function it was, and blocks its caller. Without a limit it runs in place. With a
/// `timeout` or a `deadline` it runs on a thread, so its arguments and result are `Send + 'static`; a thread cannot be
/// stopped, so at the limit the caller goes on and *the body runs on*, perhaps beside the next attempt, until it ends by
/// itself or with the program. What must be stopped for certain is a command: a service, or `tf exec`.
///
/// From async code, take `blocking`: the task is awaited then, and its body leaves the runtime alone.
///
/// # What it needs
///
/// An async task with retries or limits needs a tokio runtime around it; [`block_on`] is one for a plain `fn main`. With
/// `retries`, each attempt has copies of the arguments, so they are `Clone`. It is made of free functions, not of
/// methods. Inside, [`current_task_id`] is the id of the run, and each log line stands in the span `task{name, run_id, attempt}`. Dropping its future cancels it.
pub use taskflows_macros::task;

pub use alerting::{TaskAlerts, flush_alerts};
pub use taskflows_alerts::{
    Alertmanager, Alerts, Command, Destination, Discord, Email, MailTls, Message, PagerDuty, SendOn, Slack,
    Webhook,
};
pub use taskflows_core::effects::RunObserver;
pub use taskflows_core::task::{
    Backoff, BackoffError, ParseBackoffError, RunEvent, RunEventKind, RunId, TaskPolicy, TaskPolicyError,
};
pub use taskflows_core::{Calendar, Outcome, Periodic, Schedule, Service};
/// Set up a program's log so that Loki takes it: what its tasks write, and what happens around them.
///
/// ```no_run
/// use taskflows::{
///     LokiLogging, RequestContext, clear_request_context, configure_loki_logging, fields, generate_request_id,
///     get_struct_logger, set_request_context,
/// };
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // Configure logging for Loki (call once at startup)
/// let _guard = configure_loki_logging(LokiLogging {
///     app_name: "my-service".into(),
///     environment: Some("production".into()),
///     log_level: "INFO".into(),
///     ..LokiLogging::default()
/// })?;
///
/// // Get a logger
/// let logger = get_struct_logger("my_module");
///
/// // Log with structured data
/// logger.info("user_action", fields! { user_id: 123, action: "login", ip: "192.168.1.1" });
///
/// // All lines within this context include request_id, user_id and endpoint
/// set_request_context(RequestContext {
///     request_id: Some(generate_request_id()),
///     fields: fields! { user_id: 123, endpoint: "/api/users" },
///     ..RequestContext::default()
/// });
/// logger.info("processing_request", fields! {});
/// clear_request_context();
/// # Ok(())
/// # }
/// ```
///
/// Lines that are written within a task say its `run_id` and `attempt`.
pub use taskflows_logging::configure_loki_logging;
pub use taskflows_logging::loki::LokiSettings;
pub use taskflows_logging::{
    ConfigureError, Fields, LoggingGuard, LokiLayer, LokiLogging, RequestContext, SinkConfig, StructLogger,
    clear_request_context, current_request_context, fields, generate_request_id, get_struct_logger,
    in_request_context, json, set_request_context, with_request_context,
};
#[cfg(feature = "tower")]
pub use taskflows_logging::{RequestContextLayer, RequestContextService};
pub use taskflows_runtime::{
    CurrentTask, ErrorView, Task, TaskError, TaskFailure, current_task, current_task_id, flush_observers,
    run_task,
};

/// How long the end of a program waits for its alerts.
const FLUSH: std::time::Duration = std::time::Duration::from_secs(10);

/// Runs a future to its end on a runtime of its own, for a plain `fn main`; and then waits, 10 s at most, until what was
/// told of its tasks is sent. What is left is on disk, and the next run of the program sends it.
///
/// ```
/// # use taskflows::block_on;
/// assert_eq!(block_on(async { 1 + 1 }), 2);
/// ```
///
/// # Panics
/// Within a runtime of tokio, and when none can be started.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let output = taskflows_runtime::block_on(future);
    flush_alerts(FLUSH);
    output
}
