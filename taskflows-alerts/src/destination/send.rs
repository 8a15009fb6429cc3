use std::io;

use super::{ChannelError, Destination};
use crate::{Delivery, Message, NotifyError, Receipt};

/// What became of a message at one channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The channel's id.
    pub channel: String,
    /// What it said, or why the message did not arrive.
    pub outcome: Result<Receipt, NotifyError>,
}

impl Destination {
    /// Sends a message to each of its channels, in order; one attempt each, without a queue.
    ///
    /// `key` is the same for each repetition of this message and for no other. `env` as for [`Destination::channels`].
    ///
    /// # Errors
    /// When there are no channels, as [`Destination::channels`] tells; what fails at one channel is in its [`Sent`].
    pub async fn send(
        &self,
        message: &Message,
        key: &str,
        env: &(dyn Fn(&str) -> Option<String> + Sync),
    ) -> Result<Vec<Sent>, ChannelError> {
        let mut all = Vec::new();
        for channel in self.channels(&env)? {
            let outcome = channel.notifier.notify(&Delivery { message, key, thread: None }).await;
            all.push(Sent { channel: channel.id, outcome });
        }
        Ok(all)
    }

    /// As [`Destination::send`], for a program that is not asynchronous: waits until it is done, on a thread of its own,
    /// so that it may be called anywhere.
    ///
    /// # Errors
    /// As [`Destination::send`], and when the thread cannot be started.
    pub fn send_blocking(
        &self,
        message: &Message,
        key: &str,
        env: &(dyn Fn(&str) -> Option<String> + Sync),
    ) -> Result<Vec<Sent>, ChannelError> {
        let unusable = |reason: String| ChannelError::Unusable { destination: self.type_name(), reason };
        let run = || -> io::Result<_> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            Ok(runtime.block_on(self.send(message, key, env)))
        };
        let ended = std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().name("alerts".into()).spawn_scoped(scope, run)?;
            thread.join().unwrap_or_else(|_| Err(io::Error::other("sending panicked")))
        });
        ended.map_err(|error| unusable(error.to_string()))?
    }
}
