//! What changes on this host, told from the manager's signals.

mod queue;
mod session;
mod track;

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::{BoxStream, once, unfold};
use taskflows_core::effects::{ServiceError, StateChange, StateFeed};
use tokio::task::JoinHandle;

use self::queue::Queue;
use self::session::Session;
use super::{SystemdServiceManager, SystemdSettings};
use crate::directory::UnitDirectory;

/// After a loss the manager is tried again this soon, then each time after twice as long, at most [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// Somebody waits for what the manager tells, so that a longer wait saves nothing worth it.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

impl StateFeed for SystemdServiceManager {
    fn watch(&self) -> BoxStream<'static, Result<StateChange, ServiceError>> {
        let (settings, directory) = (self.settings.clone(), self.directory.clone());
        // A task needs a runtime, which there is when the stream is polled.
        let watching = async move {
            let queue = Arc::new(Queue::default());
            let task = Watching(tokio::spawn(follow(settings, directory, Arc::clone(&queue))));
            unfold((queue, task), |(queue, task)| async { Some((queue.next().await, (queue, task))) })
        };
        once(watching).flatten().boxed()
    }
}

/// The task that fills a queue, which ends with who reads it.
struct Watching(JoinHandle<()>);

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Tells of changes as long as it is polled.
async fn follow(settings: SystemdSettings, directory: UnitDirectory, queue: Arc<Queue>) {
    let (mut wait, mut is_lost) = (FIRST_WAIT, false);
    loop {
        let error = match Session::begin(&settings, &directory).await {
            Err(error) => error,
            Ok(session) => {
                (wait, is_lost) = (FIRST_WAIT, false);
                session.run(&queue).await
            }
        };
        if !std::mem::replace(&mut is_lost, true) {
            queue.push(Err(error));
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}
