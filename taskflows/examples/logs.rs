//! A task that logs structured lines; its first attempt fails, its second succeeds.
//!
//! Each line is JSON with the `run_id` and the `attempt` it belongs to. Where they go is taken from the environment:
//!
//! | variable | lines go to |
//! |---|---|
//! | none of these | standard output, which the journal reads where the program is a service |
//! | `TASKFLOWS_FLUENT_BIT=host:port` | Fluent Bit, by its forward protocol |
//! | `LOG_TO=journald` | the journal, with fields |
//! | `LOG_TO=loki` | Loki itself, at `TASKFLOWS_LOKI_URL` |
//!
//! `tf logs copy-files --source loki` reads them back, and `tf history --source loki` knows the run.

use std::error::Error;
use std::io;

use taskflows::{
    LokiLogging, LokiSettings, SinkConfig, block_on, configure_loki_logging, current_task, fields,
    get_struct_logger, task,
};

/// Takes where lines go from the environment; `LokiLogging::default()` has looked for Fluent Bit already.
fn logging() -> LokiLogging {
    let variable = |name| std::env::var(name).ok();
    let mut logging = LokiLogging { app_name: "copy-files".to_owned(), ..LokiLogging::default() };
    match variable("LOG_TO").as_deref() {
        Some("journald") => logging.sinks = vec![SinkConfig::Journald],
        Some("loki") => {
            let url = variable("TASKFLOWS_LOKI_URL").unwrap_or_else(|| "http://localhost:3100".to_owned());
            logging.sinks =
                vec![SinkConfig::Loki { settings: LokiSettings::new(&url), labels_compat: false }];
        }
        _ => {}
    }
    logging
}

#[task(name = "copy-files", required, retries = 1, backoff = "100ms")]
async fn copy(files: u32) -> Result<u32, io::Error> {
    let log = get_struct_logger("shop.copy").bind(fields! { target: "/srv/backup" });
    log.info("copy_started", fields! { files: files });
    if current_task().is_some_and(|task| task.attempt == 1) {
        log.warning("disk_nearly_full", fields! { free: 3, unit: "GB" });
        return Err(io::Error::other("no space left"));
    }
    log.info("files_copied", fields! { files: files, bytes: u64::from(files) * 1024 });
    Ok(files)
}

fn main() -> Result<(), Box<dyn Error>> {
    // Kept to the end: it waits for the lines that are on their way.
    let _guard = configure_loki_logging(logging())?;
    block_on(copy(12))?;
    Ok(())
}
