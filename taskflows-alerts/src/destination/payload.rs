use serde_json::{Value, json};

use crate::{Delivery, Receipt, render};

/// Returns the JSON in which programs are told of a message.
///
/// `text` and `subject` are for who only shows it (Mattermost and Rocket.Chat take `text` as it is), `message` is all of
/// it. `amends` is the key of the message that this one replaces.
pub(super) fn payload(delivery: &Delivery<'_>, amends: Option<&Receipt>) -> Value {
    let message = delivery.message;
    let mut payload = json!({
        "version": 1,
        "key": delivery.key,
        "subject": render::subject(message),
        "text": render::plain(message),
        "message": message,
    });
    if let Some(former) = amends.and_then(|receipt| receipt.0["key"].as_str()) {
        payload["amends"] = former.into();
    }
    payload
}

/// What is remembered of a message that was told so: its key.
pub(super) fn receipt(delivery: &Delivery<'_>) -> Receipt {
    Receipt(json!({ "key": delivery.key }))
}
