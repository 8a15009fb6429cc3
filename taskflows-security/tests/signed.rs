//! Signed requests: what is accepted, and that nothing else is.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use taskflows_security::{
    Asked, NONCE_HEADER, PreviousKey, Reason, SIGNATURE_HEADER, SignedHeaders, SignedParts, SigningKey,
    TIMESTAMP_HEADER, Verified, Verifier,
};

const NOW: i64 = 1_800_000_000;
const SECRET: &str = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// A request as it arrives: headers in their order, and what is asked.
#[derive(Clone, Debug)]
struct Sent {
    headers: Vec<(&'static str, Vec<u8>)>,
    server_id: String,
    method: String,
    path: String,
    query: String,
    body: Vec<u8>,
}

impl Sent {
    fn signed(secret: &str, second: i64) -> Self {
        let mut sent = Self {
            headers: Vec::new(),
            server_id: "0123456789abcdef0123456789abcdef".to_owned(),
            method: "POST".to_owned(),
            path: "/api/services/a%20b/start".to_owned(),
            query: "wait=1".to_owned(),
            body: b"{}".to_vec(),
        };
        sent.sign(secret, &second.to_string(), "b7e1b7e1b7e1b7e1");
        sent
    }

    fn sign(&mut self, secret: &str, timestamp: &str, nonce: &str) {
        let parts = SignedParts {
            timestamp,
            nonce,
            server_id: &self.server_id,
            method: &self.method,
            path: &self.path,
            query: &self.query,
            body: &self.body,
        };
        let signature = SigningKey::new(secret).sign(&parts);
        self.headers = vec![
            (SIGNATURE_HEADER, signature.into_bytes()),
            (TIMESTAMP_HEADER, timestamp.as_bytes().to_vec()),
            (NONCE_HEADER, nonce.as_bytes().to_vec()),
        ];
    }

    fn with(mut self, name: &'static str, value: &[u8]) -> Self {
        self.headers.iter_mut().filter(|(one, _)| *one == name).for_each(|(_, old)| *old = value.to_vec());
        self
    }

    fn read(&self) -> Result<SignedHeaders<'_>, Reason> {
        SignedHeaders::read(|name| {
            let name = name.to_owned();
            self.headers.iter().filter(move |(one, _)| *one == name).map(|(_, value)| value.as_slice())
        })
    }

    fn verify(&self, verifier: &Verifier, now: i64) -> Result<Verified<'_>, Reason> {
        let (server_id, method) = (self.server_id.as_str(), self.method.as_str());
        let asked = Asked { server_id, method, path: &self.path, query: &self.query, body: &self.body };
        verifier.verify(&self.read()?, &asked, at(now))
    }
}

fn verifier() -> Verifier {
    Verifier::new(SigningKey::new(SECRET), Vec::new(), 300)
}

#[test]
fn what_a_holder_of_the_key_sends_is_accepted() {
    let sent = Sent::signed(SECRET, NOW);
    let verified = sent.verify(&verifier(), NOW).unwrap();
    assert_eq!((verified.nonce, verified.by_previous_key), ("b7e1b7e1b7e1b7e1", false));
    assert_eq!(verified.expires, at(NOW + 301), "it is refused for its time from then on");
}

#[test]
fn a_clock_that_is_off_by_more_than_the_window_is_told_by_how_much() {
    for off in [0, 1, 290, 300, -290, -300] {
        assert!(Sent::signed(SECRET, NOW + off).verify(&verifier(), NOW).is_ok(), "{off}");
    }
    for off in [301, 305, -301, -305, 1_000_000, -NOW] {
        let refused = Sent::signed(SECRET, NOW + off).verify(&verifier(), NOW).unwrap_err();
        assert_eq!(refused, Reason::ClockOff { seconds: off });
        assert!(refused.to_string().starts_with(&format!("clock off by {} s", off.abs())), "{refused}");
    }
}

#[test]
fn who_has_no_key_does_not_learn_of_the_time() {
    let forged = Sent::signed("another secret of the same length as it is", NOW - 1_000);
    assert_eq!(forged.verify(&verifier(), NOW), Err(Reason::BadSignature));
}

#[test]
fn a_key_that_is_on_its_way_out_is_good_until_its_time() {
    let previous = PreviousKey { key: SigningKey::new("old"), until: at(NOW + 60) };
    let verifier = Verifier::new(SigningKey::new(SECRET), vec![previous], 300);
    let sent = Sent::signed("old", NOW);
    assert!(sent.verify(&verifier, NOW + 59).unwrap().by_previous_key);
    assert_eq!(sent.verify(&verifier, NOW + 60), Err(Reason::BadSignature));
    assert!(Sent::signed(SECRET, NOW).verify(&verifier, NOW + 60).is_ok());
}

#[test]
fn each_header_is_there_once() {
    for name in [SIGNATURE_HEADER, TIMESTAMP_HEADER, NONCE_HEADER] {
        let mut sent = Sent::signed(SECRET, NOW);
        let header = sent.headers.iter().find(|(one, _)| *one == name).unwrap().clone();
        sent.headers.retain(|(one, _)| *one != name);
        assert_eq!(sent.verify(&verifier(), NOW), Err(Reason::Missing(name)));
        sent.headers.extend([header.clone(), header]);
        assert_eq!(sent.verify(&verifier(), NOW), Err(Reason::Repeated(name)));
    }
}

#[test]
fn a_header_of_another_form_is_refused() {
    let upper = Sent::signed(SECRET, NOW).headers[0].1.to_ascii_uppercase();
    let (long, short) = ([b'a'; 129], [b'a'; 15]);
    let wrong: [(&str, &[u8]); 22] = [
        (TIMESTAMP_HEADER, b""),
        (TIMESTAMP_HEADER, b"+1800000000"),
        (TIMESTAMP_HEADER, b"-1800000000"),
        (TIMESTAMP_HEADER, b" 1800000000"),
        (TIMESTAMP_HEADER, b"1800000000 "),
        (TIMESTAMP_HEADER, b"1800000000.0"),
        (TIMESTAMP_HEADER, b"1.8e9"),
        (TIMESTAMP_HEADER, b"0x6b49d200"),
        (TIMESTAMP_HEADER, b"1_800_000_000"),
        (TIMESTAMP_HEADER, "١٨٠٠٠٠٠٠٠٠".as_bytes()),
        (TIMESTAMP_HEADER, b"99999999999999999999"),
        (NONCE_HEADER, b""),
        (NONCE_HEADER, &short),
        (NONCE_HEADER, &long),
        (NONCE_HEADER, b"b7e1b7e1 b7e1b7e1"),
        (NONCE_HEADER, b"b7e1b7e1,b7e1b7e1"),
        (NONCE_HEADER, b"b7e1b7e1\xffb7e1b7e1"),
        (NONCE_HEADER, b"b7e1b7e1\tb7e1b7e1"),
        (SIGNATURE_HEADER, b""),
        (SIGNATURE_HEADER, &upper),
        (SIGNATURE_HEADER, b"sha256=0000000000000000000000000000000000000000000000000000000000000000"),
        (SIGNATURE_HEADER, b"zz00000000000000000000000000000000000000000000000000000000000000"),
    ];
    for (name, value) in wrong {
        let sent = Sent::signed(SECRET, NOW).with(name, value);
        assert_eq!(sent.verify(&verifier(), NOW), Err(Reason::Malformed(name)), "{}", value.escape_ascii());
    }
}

#[test]
fn a_line_within_a_line_is_refused() {
    let mut sent = Sent::signed(SECRET, NOW);
    (sent.path, sent.query) = ("/a\nb".to_owned(), "c".to_owned());
    sent.sign(SECRET, &NOW.to_string(), "b7e1b7e1b7e1b7e1");
    (sent.path, sent.query) = ("/a".to_owned(), "b\nc".to_owned());
    assert_eq!(sent.verify(&verifier(), NOW), Err(Reason::NotALine));
}

#[test]
fn a_key_is_shown_by_nothing() {
    let verifier = Verifier::new(
        SigningKey::new(SECRET),
        vec![PreviousKey { key: SigningKey::new("canary"), until: at(NOW) }],
        300,
    );
    let shown = format!("{verifier:?}");
    assert!(
        !shown.contains(SECRET) && !shown.contains("canary") && shown.contains("SigningKey(..)"),
        "{shown}"
    );
}

fn text(pattern: &'static str) -> impl Strategy<Value = String> {
    proptest::string::string_regex(pattern).unwrap()
}

fn any_sent() -> impl Strategy<Value = Sent> {
    let nonce = text("[A-Za-z0-9._~-]{16,40}");
    let asked =
        (text("[0-9a-f]{32}"), text("GET|POST|PUT|DELETE"), text("/[!-~]{0,30}"), text("[!-~]{0,20}"));
    let body = proptest::collection::vec(any::<u8>(), 0..80);
    (nonce, asked, body, NOW - 300..NOW + 300).prop_map(
        |(nonce, (server_id, method, path, query), body, time)| {
            let mut sent = Sent { headers: Vec::new(), server_id, method, path, query, body };
            sent.sign(SECRET, &time.to_string(), &nonce);
            sent
        },
    )
}

/// Changes one part of a request to what it was not.
fn changed(sent: &Sent, part: usize, with: &str) -> Option<Sent> {
    let mut other = sent.clone();
    match part {
        0 => other = other.with(TIMESTAMP_HEADER, (NOW + with.len() as i64).to_string().as_bytes()),
        1 => {
            let mut nonce = with.repeat(16);
            nonce.truncate(64);
            other = other.with(NONCE_HEADER, nonce.as_bytes());
        }
        2 => other.server_id = with.to_owned(),
        3 => other.method = with.to_owned(),
        4 => other.path = format!("/{with}"),
        5 => other.query = with.to_owned(),
        6 => other.body = with.as_bytes().to_vec(),
        // What ends one line goes on in the next.
        7 => {
            let end = other.path.pop()?;
            other.query.insert(0, end);
        }
        _ => {
            let end = char::from(other.body.pop()?);
            other.query.push(end);
        }
    }
    let parts = |sent: &Sent| {
        let Sent { headers, server_id, method, path, query, body } = sent.clone();
        (headers, server_id, method, path, query, body)
    };
    (parts(sent) != parts(&other)).then_some(other)
}

proptest! {
    #[test]
    fn what_was_signed_is_accepted_and_anything_else_refused(
        sent in any_sent(),
        part in 0_usize..9,
        with in text("[A-Za-z0-9.~-]{1,40}"),
        bit in 0_usize..256,
    ) {
        prop_assert!(sent.verify(&verifier(), NOW).is_ok());
        if let Some(other) = changed(&sent, part, &with) {
            prop_assert!(other.verify(&verifier(), NOW).is_err(), "{other:?}");
        }
        let mut signature = hex::decode(&sent.headers[0].1).unwrap();
        signature[bit / 8] ^= 1 << (bit % 8);
        let forged = sent.clone().with(SIGNATURE_HEADER, hex::encode(signature).as_bytes());
        prop_assert_eq!(forged.verify(&verifier(), NOW), Err(Reason::BadSignature));
        let later = NOW + SignedDuration::from_secs(601).as_secs();
        let is_late = matches!(sent.verify(&verifier(), later), Err(Reason::ClockOff { .. }));
        prop_assert!(is_late);
    }

    #[test]
    fn headers_of_any_bytes_break_nothing(
        values in proptest::collection::vec((0_usize..3, proptest::collection::vec(any::<u8>(), 0..140)), 0..6),
    ) {
        let names = [SIGNATURE_HEADER, TIMESTAMP_HEADER, NONCE_HEADER];
        let mut sent = Sent::signed(SECRET, NOW);
        sent.headers = values.into_iter().map(|(name, value)| (names[name], value)).collect();
        let refused = sent.verify(&verifier(), NOW).unwrap_err();
        prop_assert!(refused.to_string().len() < 100);
    }
}
