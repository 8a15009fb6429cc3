//! The contract that every store of nonces keeps.

#![expect(clippy::unwrap_used, reason = "a contract that unwraps fails as it should")]

use jiff::{SignedDuration, Timestamp};

use crate::{Keep, NonceStore};

/// Contract: a nonce is free once, whoever asks and however it is to be kept, and is not free again when it has expired.
///
/// # Panics
/// When a store does not keep to it.
pub async fn nonce_store(store: &dyn NonceStore, now: Timestamp) {
    let later = |seconds: i64| now + SignedDuration::from_secs(seconds);
    for (nonce, keep) in [("contract-a-0000000", Keep::Now), ("contract-b-0000000", Keep::Soon)] {
        assert!(store.claim(nonce, later(300), now, keep).await.unwrap(), "{nonce} is free");
        for again in [Keep::Now, Keep::Soon] {
            assert!(!store.claim(nonce, later(300), now, again).await.unwrap(), "{nonce} is used");
            assert!(!store.claim(nonce, later(301), later(299), again).await.unwrap(), "{nonce} is used yet");
        }
        assert!(!store.claim(nonce, later(300), later(300), keep).await.unwrap(), "{nonce} has expired");
    }
    assert!(store.claim("contract-c-0000000", later(300), now, Keep::Now).await.unwrap());
    assert!(
        !store.claim("contract-d-0000000", now, now, Keep::Soon).await.unwrap(),
        "one that has expired is never free"
    );
    // The clock goes on, and back by a minute.
    assert!(store.claim("contract-e-0000000", later(1_000), later(700), Keep::Now).await.unwrap());
    assert!(!store.claim("contract-e-0000000", later(1_000), later(640), Keep::Now).await.unwrap());
}
