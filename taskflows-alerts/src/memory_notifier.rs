use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::{Delivery, Message, Notifier, NotifyError, Receipt};

/// Keeps what it is given, for tests. It can be told to fail.
#[derive(Debug, Default)]
pub struct MemoryNotifier {
    kept: Mutex<Kept>,
    in_place: bool,
    #[cfg(feature = "deliver")]
    takes: std::time::Duration,
}

#[derive(Debug, Default)]
struct Kept {
    told: Vec<Told>,
    failures: VecDeque<NotifyError>,
    attempts: usize,
}

/// What a [`MemoryNotifier`] was given.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// The key of the delivery.
    pub key: String,
    /// What it said.
    pub message: Message,
    /// The key of the message it stands below.
    pub thread: Option<String>,
    /// The key of the message in whose place it was put.
    pub in_place_of: Option<String>,
}

impl MemoryNotifier {
    /// Returns one whose messages can be changed in place, like those of a chat.
    pub fn new() -> Self {
        Self { in_place: true, ..Self::default() }
    }

    /// Returns one whose messages stay as they are, like mail.
    pub fn without_amendments() -> Self {
        Self::default()
    }

    /// Makes each attempt take this long.
    #[cfg(feature = "deliver")]
    #[must_use]
    pub fn taking(self, takes: std::time::Duration) -> Self {
        Self { takes, ..self }
    }

    /// Fails the next attempt that is not to fail already.
    pub fn fail_next(&self, error: NotifyError) {
        self.kept().failures.push_back(error);
    }

    /// Returns what was told, in order.
    pub fn told(&self) -> Vec<Told> {
        self.kept().told.clone()
    }

    /// Returns how many attempts were made.
    pub fn attempts(&self) -> usize {
        self.kept().attempts
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn take(
        &self,
        delivery: &Delivery<'_>,
        in_place_of: Option<&Receipt>,
    ) -> Result<Receipt, NotifyError> {
        #[cfg(feature = "deliver")]
        if !self.takes.is_zero() {
            tokio::time::sleep(self.takes).await;
        }
        let mut kept = self.kept();
        kept.attempts += 1;
        if let Some(error) = kept.failures.pop_front() {
            return Err(error);
        }
        let key = |receipt: &Receipt| receipt.0.as_str().unwrap_or_default().to_owned();
        let told = Told {
            key: delivery.key.to_owned(),
            message: delivery.message.clone(),
            thread: delivery.thread.map(key),
            in_place_of: in_place_of.map(key),
        };
        let receipt = told.in_place_of.clone().unwrap_or_else(|| told.key.clone());
        kept.told.push(told);
        Ok(Receipt(receipt.into()))
    }
}

#[async_trait]
impl Notifier for MemoryNotifier {
    async fn notify(&self, delivery: &Delivery<'_>) -> Result<Receipt, NotifyError> {
        self.take(delivery, None).await
    }

    async fn amend(&self, receipt: &Receipt, delivery: &Delivery<'_>) -> Result<Receipt, NotifyError> {
        self.take(delivery, Some(receipt)).await
    }

    fn amends_in_place(&self) -> bool {
        self.in_place
    }
}
