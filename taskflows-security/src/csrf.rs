//! What a page shows beside the cookies that the browser sends by itself, and what pages of others do not know.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::{TokenKey, random_hex};

/// The header of a CSRF token.
pub const CSRF_HEADER: &str = "X-CSRF-Token";

/// Hexadecimal digits of chance before the signature: no two tokens are alike, so that none can be guessed from what a
/// compressed answer weighs.
const CHANCE: usize = 32;

/// Makes a token for the session `family`. It is worth something as long as the session lives, and for no other.
#[must_use]
pub fn csrf_token(key: &TokenKey, family: &str) -> String {
    let chance = random_hex::<{ CHANCE / 2 }>();
    let signature = hex::encode(mac(key, family, &chance).finalize().into_bytes());
    format!("{chance}{signature}")
}

/// Tells whether a token was made for the session `family`; takes the same time whatever differs.
#[must_use]
pub fn csrf_matches(key: &TokenKey, family: &str, token: &str) -> bool {
    let Some((chance, signature)) = token.split_at_checked(CHANCE) else { return false };
    let mut bytes = [0; 32];
    hex::decode_to_slice(signature, &mut bytes).is_ok()
        && mac(key, family, chance).verify_slice(&bytes).is_ok()
}

fn mac(key: &TokenKey, family: &str, chance: &str) -> Hmac<Sha256> {
    let mut mac = match <Hmac<Sha256> as KeyInit>::new_from_slice(key.bytes()) {
        Ok(mac) => mac,
        Err(_) => unreachable!("HMAC takes a key of any length"),
    };
    // A word that no JWT begins with, so that neither is ever taken for the other.
    for part in ["csrf", chance, family] {
        mac.update(part.as_bytes());
        mac.update(b"\n");
    }
    mac
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(text: &str) -> TokenKey {
        TokenKey::new(&text.repeat(32)).unwrap()
    }

    #[test]
    fn a_token_is_for_its_session_and_key_alone() {
        let token = csrf_token(&key("a"), "one");
        assert!(csrf_matches(&key("a"), "one", &token));
        assert!(!csrf_matches(&key("a"), "two", &token));
        assert!(!csrf_matches(&key("b"), "one", &token));
        assert_ne!(token, csrf_token(&key("a"), "one"));
        for at in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
            assert!(!csrf_matches(&key("a"), "one", &String::from_utf8(changed).unwrap()), "{at}");
        }
    }

    proptest! {
        #[test]
        fn no_other_text_is_one(text in "\\PC{0,120}") {
            prop_assert!(!csrf_matches(&key("a"), "one", &text));
        }
    }
}
