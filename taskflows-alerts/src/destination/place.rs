use std::time::Duration;

use async_trait::async_trait;
use sha2::{Digest as _, Sha256};

use crate::{Delivery, Notifier, NotifyError, Receipt, Secret};

/// How much of what a server says is told.
const LINE: usize = 200;

/// How a place is called in errors, and what must not be seen there.
#[derive(Clone)]
pub(super) struct Place {
    name: String,
    secrets: Vec<String>,
}

impl Place {
    pub(super) fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), secrets: Vec::new() }
    }

    /// Hides `secret` in what this place says.
    pub(super) fn hiding(mut self, secret: &str) -> Self {
        // What is this short is found in any text.
        if secret.len() >= 4 {
            self.secrets.push(secret.to_owned());
        }
        self
    }

    /// Hides the values of headers, and what stands in them behind a word such as `Bearer`.
    pub(super) fn hiding_values<'a>(self, values: impl Iterator<Item = &'a Secret>) -> Self {
        values
            .flat_map(|value| {
                std::iter::once(value.expose()).chain(value.expose().split_whitespace().skip(1))
            })
            .fold(self, Place::hiding)
    }

    pub(super) fn transient(&self, reason: impl AsRef<str>, retry_after: Option<Duration>) -> NotifyError {
        let place = self.name.clone();
        NotifyError::Transient { place, reason: reason.as_ref().to_owned(), retry_after }
    }

    pub(super) fn permanent(&self, reason: impl AsRef<str>) -> NotifyError {
        NotifyError::Permanent { place: self.name.clone(), reason: reason.as_ref().to_owned() }
    }

    /// Returns the first line of what others said, without the secrets of this place: a server may repeat them.
    ///
    /// Words of our own are not searched: one that were missing there would tell what the secret is.
    pub(super) fn quote(&self, text: &[u8]) -> String {
        let text = String::from_utf8_lossy(text).into_owned();
        first_line(&self.secrets.iter().fold(text, |text, secret| text.replace(secret, "***")))
    }
}

/// Returns the first line of `text` that says something, without control characters and not long.
fn first_line(text: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    line.chars().filter(|char| !char.is_control()).take(LINE).collect()
}

/// Returns the first `bytes` bytes of the SHA-256 of `text` as hex digits: what stands for a text that is secret, too long
/// or of letters that may not be.
pub(super) fn fingerprint(text: &str, bytes: usize) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(bytes).map(|byte| format!("{byte:02x}")).collect()
}

/// A notifier whose every attempt ends within a limit, whatever the other side does.
pub(super) struct Limited<N> {
    pub(super) inner: N,
    pub(super) place: Place,
    pub(super) limit: Duration,
}

impl<N> Limited<N> {
    async fn within<T>(
        &self,
        attempt: impl Future<Output = Result<T, NotifyError>>,
    ) -> Result<T, NotifyError> {
        match tokio::time::timeout(self.limit, attempt).await {
            Ok(outcome) => outcome,
            Err(_) => Err(self.place.transient(format!("no answer within {:?}", self.limit), None)),
        }
    }
}

#[async_trait]
impl<N: Notifier> Notifier for Limited<N> {
    fn amends_in_place(&self) -> bool {
        self.inner.amends_in_place()
    }

    async fn notify(&self, delivery: &Delivery<'_>) -> Result<Receipt, NotifyError> {
        self.within(self.inner.notify(delivery)).await
    }

    async fn amend(&self, receipt: &Receipt, delivery: &Delivery<'_>) -> Result<Receipt, NotifyError> {
        self.within(self.inner.amend(receipt, delivery)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_in_a_reason_is_hidden() {
        let place = Place::new("x").hiding("hush-hush").hiding("");
        assert_eq!(
            place.quote(b"\nhttps://x/hush-hush said no to hush-hush\nmore"),
            "https://x/*** said no to ***"
        );
        let cut = format!("{}hush-hush", "x".repeat(LINE - 4));
        assert!(!place.quote(cut.as_bytes()).contains("hush"));
    }

    #[test]
    fn what_is_said_here_does_not_tell_a_secret_by_its_absence() {
        let place = Place::new("x").hiding("password");
        assert!(place.permanent("wrong password").to_string().ends_with("wrong password"));
    }

    #[test]
    fn the_first_line_is_short_and_plain() {
        assert_eq!(first_line("\r\n \n no \x1b[31mway\nmore"), "no [31mway");
        assert_eq!(first_line(&"é".repeat(500)).chars().count(), LINE);
        assert_eq!(first_line(""), "");
    }

    #[test]
    fn a_fingerprint_is_that_of_sha256() {
        assert_eq!(fingerprint("abc", 4), "ba7816bf");
    }

    struct Mute;

    #[async_trait]
    impl Notifier for Mute {
        async fn notify(&self, _: &Delivery<'_>) -> Result<Receipt, NotifyError> {
            std::future::pending().await
        }

        async fn amend(&self, _: &Receipt, delivery: &Delivery<'_>) -> Result<Receipt, NotifyError> {
            self.notify(delivery).await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_that_hangs_ends_at_the_limit_and_may_be_repeated() {
        let limit = Duration::from_secs(30);
        let notifier = Limited { inner: Mute, place: Place::new("nobody"), limit };
        let (message, began) = (crate::Message::default(), tokio::time::Instant::now());
        let delivery = Delivery { message: &message, key: "k", thread: None };
        for outcome in
            [notifier.notify(&delivery).await, notifier.amend(&Receipt::default(), &delivery).await]
        {
            let error = outcome.unwrap_err();
            assert!(error.is_transient(), "{error}");
            assert_eq!(error.to_string(), "could not deliver to nobody now: no answer within 30s");
        }
        assert_eq!(began.elapsed(), limit * 2);
    }
}
