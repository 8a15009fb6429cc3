use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder, Url};
use serde_json::{Value, json};

use super::super::http::{Http, MOST, Reply, address, hiding};
use super::super::place::{Limited, Place, fingerprint};
use super::Discord;
use crate::render::{self, DiscordMessage};
use crate::{Channel, Delivery, Limits, Notifier, NotifyError, Receipt};

impl Discord {
    /// Returns the id of its channel.
    pub(in crate::destination) fn id(&self) -> String {
        format!("discord:{}", fingerprint(self.webhook_url.expose(), 4))
    }

    pub(in crate::destination) fn channel_within(&self, limits: Limits) -> Result<Channel, String> {
        let url = self.webhook_url.expose();
        let address = address(url, false).map_err(|error| format!("`webhook_url`: {error}"))?;
        let place = hiding(Place::new("Discord webhook"), &address);
        let http = Http::new(&place, &address, None, limits)?;
        let inner = DiscordNotifier { url: address, http };
        let notifier = Arc::new(Limited { inner, place, limit: limits.whole });
        Ok(Channel { id: self.id(), notifier })
    }
}

struct DiscordNotifier {
    url: Url,
    http: Http,
}

impl DiscordNotifier {
    /// Returns the webhook's address, or that of a message it posted.
    fn url(&self, message: Option<&str>) -> Url {
        let mut url = self.url.clone();
        if let (Some(id), Ok(mut path)) = (message, url.path_segments_mut()) {
            path.pop_if_empty().extend(["messages", id]);
        }
        // Without it the answer is empty and tells of no message.
        url.query_pairs_mut().append_pair("wait", "true");
        url
    }

    async fn send(&self, request: RequestBuilder, rendered: DiscordMessage) -> Result<Reply, NotifyError> {
        let reply =
            self.http.send(with(request, rendered).map_err(|e| self.http.place().permanent(e))?).await?;
        if reply.status() == 429 {
            let asked = reply.json().and_then(|body| body["retry_after"].as_f64());
            let asked = asked.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
            let wait = asked.map(|wait| wait.min(MOST)).or_else(|| reply.retry_after());
            return Err(self.http.place().transient("Discord's limit of messages is reached", wait));
        }
        Ok(reply)
    }

    fn receipt(&self, reply: &Reply) -> Result<Receipt, NotifyError> {
        reply.check(self.http.place())?;
        match reply.json().as_ref().and_then(|body| body["id"].as_str()) {
            Some(id) => Ok(Receipt(json!({ "id": id }))),
            None => Err(self.http.place().transient("the answer is none of Discord's", None)),
        }
    }
}

/// Puts a message into a request; the files of a message that it replaces are gone.
fn with(request: RequestBuilder, rendered: DiscordMessage) -> Result<RequestBuilder, String> {
    let mut payload = rendered.payload;
    let attachment = |(id, file): (usize, &crate::Attachment)| json!({ "id": id, "filename": file.name });
    payload["attachments"] = rendered.files.iter().enumerate().map(attachment).collect::<Vec<Value>>().into();
    if rendered.files.is_empty() {
        return Ok(request.json(&payload));
    }
    let mut form = Form::new().text("payload_json", payload.to_string());
    for (id, file) in rendered.files.into_iter().enumerate() {
        let part = Part::bytes(file.content).file_name(file.name).mime_str(&file.media_type);
        form = form.part(format!("files[{id}]"), part.map_err(|error| error.to_string())?);
    }
    Ok(request.multipart(form))
}

#[async_trait]
impl Notifier for DiscordNotifier {
    fn amends_in_place(&self) -> bool {
        true
    }

    async fn notify(&self, delivery: &Delivery<'_>) -> Result<Receipt, NotifyError> {
        let request = self.http.post(self.url(None));
        let reply = self.send(request, render::discord(delivery.message)).await?;
        self.receipt(&reply)
    }

    async fn amend(&self, receipt: &Receipt, delivery: &Delivery<'_>) -> Result<Receipt, NotifyError> {
        let Some(id) = receipt.0["id"].as_str() else { return self.notify(delivery).await };
        let request = self.http.request(Method::PATCH, self.url(Some(id)));
        let reply = self.send(request, render::discord(delivery.message)).await?;
        // 10008: the message is no longer there; without the webhook the code is another.
        if reply.status() == 404 && reply.json().is_some_and(|body| body["code"] == 10008) {
            return self.notify(delivery).await;
        }
        self.receipt(&reply)
    }
}
