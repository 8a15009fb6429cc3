//! No headers and no address break the check of signed requests; what is accepted has the one form that it has to have, and
//! nothing that was not signed is.
//!
//! A text is lines: `name: value` up to an empty one, then the method, the path, the query and the body.

#![no_main]

use std::sync::LazyLock;

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use taskflows_security::{
    Asked, NONCE_HEADER, PreviousKey, Reason, SIGNATURE_HEADER, SignedHeaders, SignedParts, SigningKey,
    TIMESTAMP_HEADER, Verifier,
};

const ID: &str = "0123456789abcdef0123456789abcdef";

static KEY: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::new("a secret that only a test has, and you"));
static NOW: LazyLock<Timestamp> =
    LazyLock::new(|| Timestamp::from_second(1_800_000_000).expect("it is in range"));
static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| {
    let previous = PreviousKey { key: SigningKey::new("another"), until: *NOW };
    Verifier::new(KEY.clone(), vec![previous], 300)
});

fuzz_target!(|bytes: &[u8]| {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let mut headers: Vec<(&[u8], &[u8])> = Vec::new();
    for line in lines.by_ref().take_while(|line| !line.is_empty()) {
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let (name, value) = line.split_at(colon);
        headers.push((name, value.strip_prefix(b": ").unwrap_or(value)));
    }
    let mut text = || std::str::from_utf8(lines.next().unwrap_or_default()).unwrap_or_default();
    let (method, path, query) = (text(), text(), text());
    let body = lines.next().unwrap_or_default();
    let asked = Asked { server_id: ID, method, path, query, body };
    check(&headers, &asked);
});

fn check(headers: &[(&[u8], &[u8])], asked: &Asked<'_>) {
    let values = |name: &str| {
        let name = name.as_bytes().to_vec();
        headers.iter().filter(move |(one, _)| one.eq_ignore_ascii_case(&name)).map(|(_, value)| *value)
    };
    let read = match SignedHeaders::read(values) {
        Ok(read) => read,
        Err(reason) => return assert!(reason.to_string().len() < 200, "{reason}"),
    };
    let one = |name: &str| {
        let found: Vec<&[u8]> = values(name).collect();
        assert_eq!(found.len(), 1, "{name}");
        std::str::from_utf8(found[0]).expect("what is read is ASCII")
    };
    let (signature, timestamp, nonce) = (one(SIGNATURE_HEADER), one(TIMESTAMP_HEADER), one(NONCE_HEADER));
    assert_eq!(nonce, read.nonce());
    let second: i64 = timestamp.parse().expect("it is a number");
    let Asked { server_id, method, path, query, body } = *asked;
    let parts = SignedParts { timestamp, nonce, server_id, method, path, query, body };
    let is_near = (second - NOW.as_second()).abs() <= 300;
    match VERIFIER.verify(&read, asked, *NOW) {
        Ok(verified) => {
            assert_eq!((KEY.sign(&parts).as_str(), verified.by_previous_key), (signature, false));
            assert!(is_near && verified.expires > *NOW);
        }
        Err(Reason::ClockOff { .. }) => assert!(KEY.verifies(&parts, signature) && !is_near),
        Err(reason) => assert_eq!((reason, KEY.verifies(&parts, signature)), (Reason::BadSignature, false)),
    }
    // The same request, signed as it has to be.
    let signature = KEY.sign(&parts);
    let signed = |name: &str| {
        let value = match name {
            SIGNATURE_HEADER => signature.as_bytes(),
            TIMESTAMP_HEADER => timestamp.as_bytes(),
            _ => nonce.as_bytes(),
        };
        std::iter::once(value)
    };
    let signed = SignedHeaders::read(signed).expect("its headers were read before");
    assert_eq!(VERIFIER.verify(&signed, asked, *NOW).is_ok(), is_near);
}
