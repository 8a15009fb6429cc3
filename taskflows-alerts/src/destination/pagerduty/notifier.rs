use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use reqwest::Url;
use serde_json::json;

use super::super::http::{Http, address};
use super::super::place::{Limited, Place, fingerprint};
use super::PagerDuty;
use super::event::{event, is_change};
use crate::{Channel, Delivery, Limits, Notifier, NotifyError, Receipt};

impl PagerDuty {
    /// Returns the id of its channel.
    pub(in crate::destination) fn id(&self) -> String {
        format!("pagerduty:{}", fingerprint(self.routing_key.expose().trim(), 4))
    }

    pub(in crate::destination) fn channel_within(&self, limits: Limits) -> Result<Channel, String> {
        let routing_key = self.routing_key.expose().trim().to_owned();
        if routing_key.is_empty() {
            return Err("`routing_key` is empty: take the service's integration key for Events API v2".into());
        }
        let base = self.url.as_deref().unwrap_or("https://events.pagerduty.com");
        let base = base.trim_end_matches('/').trim_end_matches("/v2/enqueue");
        let at =
            |path: &str| address(&format!("{base}{path}"), false).map_err(|error| format!("`url`: {error}"));
        let place = Place::new("PagerDuty").hiding(&routing_key);
        let (alerts, changes) = (at("/v2/enqueue")?, at("/v2/change/enqueue")?);
        let http = Http::new(&place, &alerts, None, limits)?;
        let inner = PagerDutyNotifier { routing_key, alerts, changes, http };
        Ok(Channel { id: self.id(), notifier: Arc::new(Limited { inner, place, limit: limits.whole }) })
    }
}

struct PagerDutyNotifier {
    routing_key: String,
    alerts: Url,
    changes: Url,
    http: Http,
}

#[async_trait]
impl Notifier for PagerDutyNotifier {
    fn amends_in_place(&self) -> bool {
        true
    }

    async fn notify(&self, delivery: &Delivery<'_>) -> Result<Receipt, NotifyError> {
        let url = if is_change(delivery.message) { &self.changes } else { &self.alerts };
        let event = event(&self.routing_key, delivery, Timestamp::now());
        self.http.deliver(self.http.post(url.clone()).json(&event)).await?;
        Ok(Receipt(json!({ "key": delivery.key })))
    }

    /// The key of what lasts is the same, so an event of it changes the incident.
    async fn amend(&self, _: &Receipt, delivery: &Delivery<'_>) -> Result<Receipt, NotifyError> {
        self.notify(delivery).await
    }
}
