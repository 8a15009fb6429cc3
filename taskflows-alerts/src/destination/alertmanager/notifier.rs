use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use reqwest::Url;
use reqwest::header::HeaderMap;
use serde_json::json;

use super::super::http::{Http, address, authority, headers};
use super::super::place::{Limited, Place};
use super::Alertmanager;
use super::alert::alert;
use crate::{Channel, Delivery, Limits, Notifier, NotifyError, Receipt};

impl Alertmanager {
    fn base(&self) -> &str {
        self.url.trim().trim_end_matches('/').trim_end_matches("/api/v2/alerts")
    }

    /// Returns the id of its channel.
    pub(in crate::destination) fn id(&self) -> String {
        format!("alertmanager:{}", self.base().split_once("://").map_or(self.base(), |(_, rest)| rest))
    }

    pub(in crate::destination) fn channel_within(&self, limits: Limits) -> Result<Channel, String> {
        let base = self.base();
        let mut url = address(base, self.allow_http).map_err(|error| match error {
            error if base.starts_with("http://") => {
                format!("`url`: {error}, or set `allow_http = true` where the network is your own")
            }
            error => format!("`url`: {error}"),
        })?;
        url.path_segments_mut()
            .map_err(|()| "`url` cannot have a path")?
            .pop_if_empty()
            .extend(["api", "v2", "alerts"]);
        let place = Place::new(format!("Alertmanager at {}", authority(&url)));
        let place = place.hiding_values(self.headers.values());
        let inner = AlertmanagerNotifier {
            http: Http::new(&place, &url, self.ca_file.as_deref(), limits)?,
            url,
            headers: headers(&self.headers)?,
            labels: self.labels.clone(),
        };
        Ok(Channel { id: self.id(), notifier: Arc::new(Limited { inner, place, limit: limits.whole }) })
    }
}

struct AlertmanagerNotifier {
    url: Url,
    http: Http,
    headers: HeaderMap,
    labels: BTreeMap<String, String>,
}

impl AlertmanagerNotifier {
    async fn send(&self, delivery: &Delivery<'_>, former: Option<&Receipt>) -> Result<Receipt, NotifyError> {
        let (alert, receipt) = alert(delivery, &self.labels, former, Timestamp::now());
        let request = self.http.post(self.url.clone()).headers(self.headers.clone());
        self.http.deliver(request.json(&json!([alert]))).await?;
        Ok(receipt)
    }
}

#[async_trait]
impl Notifier for AlertmanagerNotifier {
    fn amends_in_place(&self) -> bool {
        true
    }

    async fn notify(&self, delivery: &Delivery<'_>) -> Result<Receipt, NotifyError> {
        self.send(delivery, None).await
    }

    async fn amend(&self, receipt: &Receipt, delivery: &Delivery<'_>) -> Result<Receipt, NotifyError> {
        self.send(delivery, Some(receipt)).await
    }
}
