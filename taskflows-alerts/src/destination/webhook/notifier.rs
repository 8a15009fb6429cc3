use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use sha2::Sha256;

use super::super::http::{Http, address, authority, headers, hiding, key_header};
use super::super::payload::{payload, receipt};
use super::super::place::{Limited, Place, fingerprint};
use super::Webhook;
use crate::{Channel, Delivery, Limits, Notifier, NotifyError, Receipt};

impl Webhook {
    /// Returns the id of its channel.
    pub(in crate::destination) fn id(&self) -> String {
        let text = self.url.expose();
        let host = Url::parse(text.trim()).ok().and_then(|url| url.host_str().map(str::to_owned));
        format!("webhook:{}-{}", host.unwrap_or_default(), fingerprint(text, 4))
    }

    pub(in crate::destination) fn channel_within(&self, limits: Limits) -> Result<Channel, String> {
        let text = self.url.expose();
        let url = address(text, self.allow_http).map_err(|error| format!("`url`: {error}"))?;
        let place = hiding(Place::new(format!("the webhook at {}", authority(&url))), &url);
        let place = place.hiding_values(self.headers.values());
        let inner = WebhookNotifier {
            http: Http::new(&place, &url, self.ca_file.as_deref(), limits)?,
            url,
            headers: headers(&self.headers)?,
            secret: self.secret.as_ref().map(|secret| signing_key(secret.expose())).transpose()?,
        };
        Ok(Channel { id: self.id(), notifier: Arc::new(Limited { inner, place, limit: limits.whole }) })
    }
}

struct WebhookNotifier {
    url: Url,
    http: Http,
    headers: HeaderMap,
    secret: Option<Vec<u8>>,
}

impl WebhookNotifier {
    async fn send(&self, delivery: &Delivery<'_>, amends: Option<&Receipt>) -> Result<Receipt, NotifyError> {
        let body = payload(delivery, amends).to_string();
        let id = key_header(delivery.key);
        let at = Timestamp::now().as_second();
        let mut request = self.http.post(self.url.clone()).headers(self.headers.clone());
        if let (Some(secret), Ok(id)) = (&self.secret, id.to_str()) {
            request = request.header("webhook-signature", signature(secret, id, at, body.as_bytes()));
        }
        let request = request
            .header(CONTENT_TYPE, "application/json")
            .header("idempotency-key", id.clone())
            .header("webhook-id", id)
            .header("webhook-timestamp", at);
        self.http.deliver(request.body(body)).await?;
        Ok(receipt(delivery))
    }
}

/// Returns the bytes that a secret stands for.
fn signing_key(secret: &str) -> Result<Vec<u8>, String> {
    let key = match secret.strip_prefix("whsec_") {
        Some(encoded) => {
            STANDARD.decode(encoded).map_err(|_| "`secret` begins with whsec_, but no base64 follows")?
        }
        None => secret.as_bytes().to_vec(),
    };
    if key.is_empty() { Err("`secret` is empty".into()) } else { Ok(key) }
}

/// Signs what is sent. Source: the specification at <https://www.standardwebhooks.com>, "Signature scheme".
fn signature(secret: &[u8], id: &str, at: i64, body: &[u8]) -> String {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return String::new() };
    mac.update(format!("{id}.{at}.").as_bytes());
    mac.update(body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[async_trait]
impl Notifier for WebhookNotifier {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's own libraries.
    #[test]
    fn a_signature_is_that_of_standard_webhooks() {
        let secret = signing_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed =
            signature(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_is_read_or_refused() {
        assert_eq!(signing_key("whsec_YWJj").unwrap(), b"abc");
        assert_eq!(signing_key("abc").unwrap(), b"abc");
        for secret in ["", "whsec_", "whsec_?"] {
            assert!(signing_key(secret).is_err(), "{secret}");
        }
    }
}
