//! No text but a token that was made with the key is one, whatever it is asked for; and nothing breaks what reads them.

#![no_main]

use std::sync::LazyLock;

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use taskflows_security::{Claims, TokenDigest, TokenKey, TokenUse, UserName, csrf_matches, csrf_token};

const NOW: i64 = 1_795_000_000;

static KEY: LazyLock<TokenKey> = LazyLock::new(|| match TokenKey::new("0123456789abcdef0123456789abcdef") {
    Some(key) => key,
    None => unreachable!("it is long enough"),
});

fn claims(sub: &str, kind: TokenUse) -> Claims {
    Claims {
        sub: sub.to_owned(),
        aud: "web1".to_owned(),
        exp: NOW + 600,
        iat: NOW,
        kind,
        jti: "1".to_owned(),
        family: "f".to_owned(),
    }
}

static TOKENS: LazyLock<[String; 2]> = LazyLock::new(|| {
    [TokenUse::Access, TokenUse::Refresh].map(|kind| KEY.issue(&claims("ada", kind)).to_string())
});

fuzz_target!(|text: &str| {
    let now = Timestamp::from_second(NOW).unwrap_or(Timestamp::UNIX_EPOCH);
    let [access, refresh] = &*TOKENS;
    assert_eq!(KEY.read(text, TokenUse::Access, "web1", now).is_ok(), text == access);
    assert_eq!(KEY.read(text, TokenUse::Refresh, "web1", now).is_ok(), text == refresh);
    // Each part of a good token with what was found in the place of another.
    let parts: Vec<&str> = access.split('.').collect();
    for mixed in [
        format!("{text}.{}.{}", parts[1], parts[2]),
        format!("{}.{text}.{}", parts[0], parts[2]),
        format!("{}.{}.{text}", parts[0], parts[1]),
        format!("{access}{text}"),
    ] {
        assert_eq!(KEY.read(&mixed, TokenUse::Access, "web1", now).is_ok(), mixed == *access, "{mixed:?}");
    }
    // What was put into a token comes out of it.
    let made = claims(text, TokenUse::Access);
    let token = KEY.issue(&made);
    let read = KEY.read(&token, TokenUse::Access, "web1", now);
    assert!(read.as_ref() == Ok(&made) || token.len() > 2_048, "{read:?}");
    assert!(!csrf_matches(&KEY, "f", text));
    assert!(csrf_matches(&KEY, text, &csrf_token(&KEY, text)));
    assert!(TokenDigest::of(text).is_none() || text.starts_with("tft_") && text.len() == 47);
    if let Ok(name) = text.parse::<UserName>() {
        assert_eq!(name.as_str(), text);
    }
});
