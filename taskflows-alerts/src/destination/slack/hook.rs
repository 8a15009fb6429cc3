use async_trait::async_trait;
use reqwest::Url;
use serde_json::json;

use super::super::http::Http;
use super::super::place::Place;
use crate::render;
use crate::{Delivery, Limits, Notifier, NotifyError, Receipt};

/// As many blocks has a message at most.
const BLOCKS: usize = 50;

/// An incoming webhook: it posts, and that is all.
pub(super) struct SlackHook {
    url: Url,
    http: Http,
}

impl SlackHook {
    pub(super) fn new(url: Url, place: &Place, limits: Limits) -> Result<Self, String> {
        let http = Http::new(place, &url, None, limits)?;
        Ok(Self { url, http })
    }
}

#[async_trait]
impl Notifier for SlackHook {
    async fn notify(&self, delivery: &Delivery<'_>) -> Result<Receipt, NotifyError> {
        let mut rendered = render::slack(delivery.message);
        if !rendered.files.is_empty() && rendered.blocks.len() < BLOCKS {
            let text = match rendered.files.len() {
                1 => "A file is left out: a webhook takes none.".to_owned(),
                many => format!("{many} files are left out: a webhook takes none."),
            };
            let element = json!({ "type": "plain_text", "text": text, "emoji": false });
            rendered.blocks.push(json!({ "type": "context", "elements": [element] }));
        }
        let body = json!({ "text": rendered.text, "blocks": rendered.blocks });
        self.http.deliver(self.http.post(self.url.clone()).json(&body)).await?;
        Ok(Receipt::default())
    }

    async fn amend(&self, _: &Receipt, delivery: &Delivery<'_>) -> Result<Receipt, NotifyError> {
        self.notify(delivery).await
    }
}
