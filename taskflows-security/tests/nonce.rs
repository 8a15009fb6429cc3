//! A nonce is free once.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use taskflows_security::testing::nonce_store;
use taskflows_security::{Keep, MemoryNonceStore, NonceDigest, NonceError, NonceStore};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

#[tokio::test]
async fn memory_keeps_to_the_contract() {
    nonce_store(&MemoryNonceStore::default(), at(0)).await;
}

#[tokio::test]
async fn what_has_expired_is_forgotten_and_makes_room() {
    let store = MemoryNonceStore::new(100);
    for number in 0..100 {
        assert!(store.claim(&format!("n-{number}"), at(300), at(0), Keep::Now).await.unwrap());
    }
    let full = store.claim("one-more", at(300), at(0), Keep::Now).await;
    assert!(matches!(full, Err(NonceError::Full(100))), "{full:?}");
    assert!(
        !store.claim("n-7", at(300), at(1), Keep::Now).await.unwrap(),
        "a full table still knows a replay"
    );
    assert!(store.claim("one-more", at(900), at(400), Keep::Now).await.unwrap());
    store.forget(at(400));
    assert_eq!(store.len(), 1);
    store.forget(at(2_000));
    assert!(store.is_empty());
}

#[test]
fn of_many_who_claim_the_same_at_once_one_is_told_that_it_was_free() {
    let (store, won) = (Arc::new(MemoryNonceStore::default()), Arc::new(AtomicUsize::new(0)));
    std::thread::scope(|scope| {
        for _ in 0..50 {
            scope.spawn(|| {
                for number in 0..200 {
                    let digest = NonceDigest::of(&format!("n-{number}"));
                    won.fetch_add(
                        usize::from(store.take(digest, at(300), at(0)).unwrap()),
                        Ordering::Relaxed,
                    );
                }
            });
        }
    });
    assert_eq!(won.load(Ordering::Relaxed), 200);
}

#[test]
fn an_hour_of_requests_holds_no_more_than_a_window_of_them() {
    let store = MemoryNonceStore::default();
    let mut most = 0;
    for second in 0..3_600 {
        for number in 0..50 {
            let now = at(second);
            let digest = NonceDigest::of(&format!("{second}-{number}"));
            assert!(store.take(digest, now + SignedDuration::from_secs(300), now).unwrap());
        }
        most = most.max(store.len());
    }
    assert!(most <= 50 * (300 + 40), "{most}");
}

proptest! {
    /// Each step sets the clock and shows one of a few requests, whose times are fixed.
    #[test]
    fn no_request_is_let_through_twice_however_the_clock_is_set(
        times in proptest::collection::vec(-600..600i64, 1..6),
        steps in proptest::collection::vec((0..6usize, -1_500..1_500i64), 1..60),
    ) {
        let store = MemoryNonceStore::default();
        let mut was_let_through = vec![false; times.len()];
        for (which, clock) in steps {
            let which = which % times.len();
            if (times[which] - clock).abs() <= 300 {
                let digest = NonceDigest::of(&format!("request-{which}"));
                let is_free = store.take(digest, at(times[which] + 301), at(clock)).unwrap();
                prop_assert!(!(is_free && was_let_through[which]));
                was_let_through[which] |= is_free;
            }
            store.forget(at(clock));
        }
    }
}
