//! What a signed request costs: to sign it, to check it, and to see that it was not sent before.
#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark that cannot set itself up is to stop")]

use std::cell::Cell;

use jiff::{SignedDuration, Timestamp};
use taskflows_security::{
    Asked, MemoryNonceStore, NONCE_HEADER, NonceDigest, SIGNATURE_HEADER, SignedHeaders, SignedParts,
    SigningKey, TIMESTAMP_HEADER, Verifier, random_hex,
};

fn main() {
    divan::main();
}

const SECRET: &str = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";
/// 51 bytes, as the peer was measured with.
const BODY: &[u8] = br#"{"names":["nightly-backup-of-it"],"action":"start"}"#;
const ID: &str = "0123456789abcdef0123456789abcdef";

fn parts<'a>(timestamp: &'a str, nonce: &'a str) -> SignedParts<'a> {
    SignedParts { timestamp, nonce, server_id: ID, method: "POST", path: "/api/batch", query: "", body: BODY }
}

fn asked() -> Asked<'static> {
    Asked { server_id: ID, method: "POST", path: "/api/batch", query: "", body: BODY }
}

/// A request as it arrives.
struct Sent {
    signature: String,
    timestamp: String,
    nonce: String,
}

impl Sent {
    fn new(key: &SigningKey, now: Timestamp, nonce: String) -> Self {
        let timestamp = now.as_second().to_string();
        let signature = key.sign(&parts(&timestamp, &nonce));
        Self { signature, timestamp, nonce }
    }

    fn headers(&self) -> SignedHeaders<'_> {
        let values = |name: &str| {
            let value = match name {
                SIGNATURE_HEADER => &self.signature,
                TIMESTAMP_HEADER => &self.timestamp,
                NONCE_HEADER => &self.nonce,
                _ => unreachable!(),
            };
            std::iter::once(value.as_bytes())
        };
        SignedHeaders::read(values).unwrap()
    }
}

#[divan::bench(sample_size = 1_000)]
fn sign(bencher: divan::Bencher<'_, '_>) {
    let (key, now) = (SigningKey::new(SECRET), Timestamp::now().as_second().to_string());
    bencher
        .counter(divan::counter::ItemsCount::new(1_u32))
        .bench_local(|| key.sign(divan::black_box(&parts(&now, "0123456789abcdef0123456789abcdef"))));
}

#[divan::bench(sample_size = 1_000)]
fn sign_and_verify(bencher: divan::Bencher<'_, '_>) {
    let (key, now) = (SigningKey::new(SECRET), Timestamp::now());
    let verifier = Verifier::new(key.clone(), Vec::new(), 300);
    bencher.counter(divan::counter::ItemsCount::new(1_u32)).bench_local(|| {
        let sent = Sent::new(&key, now, "0123456789abcdef0123456789abcdef".to_owned());
        verifier.verify(&sent.headers(), &asked(), now).is_ok()
    });
}

/// The whole of a request: headers read, signature checked, nonce claimed, while so many are remembered and as many expire
/// as come.
#[divan::bench(args = [1, 1_000, 1_000_000], sample_size = 1_000, sample_count = 100)]
fn full_verify_beside(bencher: divan::Bencher<'_, '_>, held: usize) {
    let key = SigningKey::new(SECRET);
    let verifier = Verifier::new(key.clone(), Vec::new(), 300);
    let start = Timestamp::from_second(1_800_000_000).unwrap();
    let store = MemoryNonceStore::new(1 << 21);
    // They expire evenly over the time that one is remembered.
    for number in 0..held {
        let left = SignedDuration::from_millis(1 + (number as i64 * 300_000) / held as i64);
        store.take(NonceDigest::of(&random_hex::<16>()), start + left, start).unwrap();
    }
    let step = SignedDuration::from_micros((300_000_000 / held.max(1_000)) as i64);
    let made = Cell::new(start);
    let inputs = || {
        made.set(made.get() + step);
        (Sent::new(&key, made.get(), random_hex::<16>()), made.get())
    };
    bencher.counter(divan::counter::ItemsCount::new(1_u32)).with_inputs(inputs).bench_local_refs(
        |(sent, now)| {
            let verified = verifier.verify(&sent.headers(), &asked(), *now).unwrap();
            assert!(store.take(NonceDigest::of(verified.nonce), verified.expires, *now).unwrap());
        },
    );
}
