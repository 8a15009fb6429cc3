use async_trait::async_trait;
use reqwest::{RequestBuilder, Url};
use serde_json::{Value, json};

use super::super::http::Http;
use super::super::place::{Place, fingerprint};
use super::fault::{fault, is_gone};
use crate::render::{self, SlackMessage};
use crate::{Delivery, Limits, Notifier, NotifyError, Receipt};

/// A bot in a channel, by the Web API.
pub(super) struct SlackBot {
    channel: String,
    token: String,
    api: Url,
    pub(super) http: Http,
}

/// What the Web API did not do, and what it said.
pub(super) enum Refused {
    /// It said no in a word.
    Word(String, NotifyError),
    /// There was no answer of it.
    Other(NotifyError),
}

impl From<Refused> for NotifyError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Word(_, error) | Refused::Other(error) => error,
        }
    }
}

impl SlackBot {
    pub(super) fn new(
        channel: String,
        token: String,
        api: Url,
        place: &Place,
        limits: Limits,
    ) -> Result<Self, String> {
        let http = Http::new(place, &api, None, limits)?;
        Ok(Self { channel, token, api, http })
    }

    /// Begins a call of `method`.
    pub(super) fn method(&self, method: &str) -> Result<RequestBuilder, NotifyError> {
        let url = self.api.join(method).map_err(|error| self.http.place().permanent(error.to_string()))?;
        Ok(self.http.post(url).bearer_auth(&self.token))
    }

    /// Ends a call: the answer is JSON in which `ok` is true, or the call failed.
    pub(super) async fn answer(&self, request: RequestBuilder) -> Result<Value, Refused> {
        let place = self.http.place();
        let reply = self.http.deliver(request).await.map_err(Refused::Other)?;
        let Some(answer) = reply.json().filter(|answer| answer["ok"].is_boolean()) else {
            return Err(Refused::Other(place.transient("the answer is none of Slack's", None)));
        };
        if answer["ok"] == true {
            return Ok(answer);
        }
        let word = answer["error"].as_str().unwrap_or("no reason").to_owned();
        let error = fault(place, &word, reply.retry_after());
        Err(Refused::Word(word, error))
    }

    async fn post(&self, delivery: &Delivery<'_>, rendered: &SlackMessage) -> Result<Posted, Refused> {
        let mut body = self.body(&self.channel, delivery, rendered);
        // Slack takes two posts with one such id for one post.
        body["client_msg_id"] = uuid(delivery.key).into();
        body["unfurl_links"] = false.into();
        body["unfurl_media"] = false.into();
        if let Some(above) = delivery.thread.and_then(Posted::of) {
            body["channel"] = above.channel.into();
            body["thread_ts"] = above.thread.into();
        }
        let answer =
            self.answer(self.method("chat.postMessage").map_err(Refused::Other)?.json(&body)).await?;
        Ok(self.posted(&answer, delivery.thread.and_then(Posted::of).map(|above| above.thread)))
    }

    async fn update(
        &self,
        former: &Posted,
        delivery: &Delivery<'_>,
        rendered: &SlackMessage,
    ) -> Result<Posted, Refused> {
        let mut body = self.body(&former.channel, delivery, rendered);
        body["ts"] = former.ts.as_str().into();
        let answer = self.answer(self.method("chat.update").map_err(Refused::Other)?.json(&body)).await?;
        Ok(self.posted(&answer, Some(former.thread.clone())))
    }

    fn body(&self, channel: &str, delivery: &Delivery<'_>, rendered: &SlackMessage) -> Value {
        json!({
            "channel": channel,
            "text": rendered.text,
            "blocks": rendered.blocks,
            "metadata": { "event_type": "taskflows_alert", "event_payload": { "key": delivery.key } },
        })
    }

    fn posted(&self, answer: &Value, thread: Option<String>) -> Posted {
        let text = |key: &str| answer[key].as_str().map(str::to_owned);
        let ts = text("ts").unwrap_or_default();
        let thread = thread.unwrap_or_else(|| ts.clone());
        Posted { channel: text("channel").unwrap_or_else(|| self.channel.clone()), ts, thread }
    }
}

/// A message in a channel, and the one that its thread begins with.
pub(super) struct Posted {
    pub(super) channel: String,
    pub(super) ts: String,
    pub(super) thread: String,
}

impl Posted {
    /// Returns what a receipt tells of a message.
    fn of(receipt: &Receipt) -> Option<Self> {
        let text = |key: &str| receipt.0[key].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let ts = text("ts")?;
        Some(Self { channel: text("channel")?, thread: text("thread").unwrap_or_else(|| ts.clone()), ts })
    }

    fn receipt(&self) -> Receipt {
        Receipt(json!({ "channel": self.channel, "ts": self.ts, "thread": self.thread }))
    }
}

/// Makes a UUID of a key (version 8: of one's own making; RFC 9562, 5.8), the form that Slack wants.
fn uuid(key: &str) -> String {
    let digits = fingerprint(key, 16);
    format!("{}-{}-8{}-8{}-{}", &digits[..8], &digits[8..12], &digits[13..16], &digits[17..20], &digits[20..])
}

/// How long files may take: the message stands by then, and is not to be posted again because of them.
const FILES: std::time::Duration = std::time::Duration::from_secs(10);

impl SlackBot {
    async fn attach_within(&self, posted: &Posted, files: &[crate::Attachment]) {
        let _ = tokio::time::timeout(FILES, self.attach(posted, files)).await;
    }
}

#[async_trait]
impl Notifier for SlackBot {
    fn amends_in_place(&self) -> bool {
        true
    }

    async fn notify(&self, delivery: &Delivery<'_>) -> Result<Receipt, NotifyError> {
        let rendered = render::slack(delivery.message);
        let posted = self.post(delivery, &rendered).await?;
        self.attach_within(&posted, &rendered.files).await;
        Ok(posted.receipt())
    }

    async fn amend(&self, receipt: &Receipt, delivery: &Delivery<'_>) -> Result<Receipt, NotifyError> {
        let Some(former) = Posted::of(receipt) else { return self.notify(delivery).await };
        let rendered = render::slack(delivery.message);
        let posted = match self.update(&former, delivery, &rendered).await {
            Err(Refused::Word(word, _)) if is_gone(&word) => self.post(delivery, &rendered).await?,
            outcome => outcome?,
        };
        self.attach_within(&posted, &rendered.files).await;
        Ok(posted.receipt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_uuid() {
        assert_eq!(uuid("abc"), "ba7816bf-8f01-8fea-8141-40de5dae2223");
    }
}
