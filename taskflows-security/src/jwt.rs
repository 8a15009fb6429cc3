//! Tokens of people who logged in. Source: RFC 7519; RFC 8725 for what is refused.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result as JwtResult};
use jsonwebtoken::signature::{Error as SignatureError, Signer, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use thiserror::Error;
use zeroize::Zeroizing;

/// How long who logged in may ask before the token is to be renewed.
pub const ACCESS_LIFETIME: SignedDuration = SignedDuration::from_mins(15);
/// How long a token may be renewed.
pub const REFRESH_LIFETIME: SignedDuration = SignedDuration::from_hours(7 * 24);
/// The most characters of a token that is looked at.
const LONGEST_TOKEN: usize = 2048;
/// The fewest bytes of a key. Source: RFC 7518, section 3.2.
const SHORTEST_KEY: usize = 32;
/// A clock that was set back by so many seconds makes no token one of the future.
const SKEW: i64 = 5;

/// What a token is for. One for the other is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenUse {
    /// To ask.
    Access,
    /// To get new tokens.
    Refresh,
}

impl TokenUse {
    fn lifetime(self) -> SignedDuration {
        match self {
            Self::Access => ACCESS_LIFETIME,
            Self::Refresh => REFRESH_LIFETIME,
        }
    }
}

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    /// The name of who logged in.
    pub sub: String,
    /// The id of the server that it is for.
    pub aud: String,
    /// When it ends, in seconds since 1970.
    pub exp: i64,
    /// When it was made.
    pub iat: i64,
    /// What it is for.
    #[serde(rename = "type")]
    pub kind: TokenUse,
    /// Its own id.
    pub jti: String,
    /// The id of the login that it and others come from.
    pub family: String,
}

/// Why a token is refused. It is for the log alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RefusedToken {
    /// It is no token of this key, or was changed.
    #[error("the token is not one of ours")]
    Foreign,
    /// Its header asks for more than is understood.
    #[error("the header of the token is not ours")]
    Header,
    /// It is for another use.
    #[error("the token is for another use")]
    Use,
    /// It is for another server.
    #[error("the token is for another server")]
    Audience,
    /// It is over, or not yet.
    #[error("the token is not of this time")]
    Time,
}

/// The key that tokens are signed with: `jwt_secret` of `ui_config.json`.
#[derive(Clone)]
pub struct TokenKey(Zeroizing<String>);

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey(..)")
    }
}

impl TokenKey {
    /// Takes the text of a secret, whose UTF-8 bytes are the key; `None` where it is too short to be one.
    #[must_use]
    pub fn new(secret: &str) -> Option<Self> {
        (secret.len() >= SHORTEST_KEY).then(|| Self(Zeroizing::new(secret.to_owned())))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Returns the id of the refresh token that comes after the one of the id `used` in the session `family`: the same however
    /// often it is asked for.
    #[must_use]
    pub fn next_id(&self, family: &str, used: &str) -> String {
        // A word that neither a JWT nor a CSRF token begins with, so that none is ever taken for another.
        let text = format!("next\n{family}\n{used}\n");
        let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(self.bytes());
        let digest = match mac {
            Ok(mac) => mac.chain_update(text).finalize().into_bytes(),
            Err(_) => unreachable!("HMAC takes a key of any length"),
        };
        hex::encode(&digest[..16])
    }

    /// Makes a token.
    ///
    /// # Panics
    /// Never: claims can be written as JSON.
    #[must_use]
    pub fn issue(&self, claims: &Claims) -> Zeroizing<String> {
        install();
        match encode(&Header::new(Algorithm::HS256), claims, &EncodingKey::from_secret(self.bytes())) {
            Ok(token) => Zeroizing::new(token),
            Err(error) => unreachable!("claims are JSON and the key is one of HMAC: {error}"),
        }
    }

    /// Returns what a token says, once all of it is found right.
    ///
    /// # Errors
    /// When it is not one of this key for this use, this server and this time.
    pub fn read(
        &self,
        token: &str,
        kind: TokenUse,
        audience: &str,
        now: Timestamp,
    ) -> Result<Claims, RefusedToken> {
        install();
        if token.len() > LONGEST_TOKEN {
            return Err(RefusedToken::Foreign);
        }
        // The time is looked at below: the library would look at the clock.
        let mut validation = Validation::new(Algorithm::HS256);
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let read = decode::<Claims>(token, &DecodingKey::from_secret(self.bytes()), &validation)
            .map_err(|_| RefusedToken::Foreign)?;
        // Neither `kid`, `jku`, `jwk`, `x5u`, `crit` nor anything else that would tell how it is to be looked at.
        if read.header != Header::new(Algorithm::HS256) {
            return Err(RefusedToken::Header);
        }
        let claims = read.claims;
        if claims.kind != kind {
            return Err(RefusedToken::Use);
        }
        if claims.aud != audience {
            return Err(RefusedToken::Audience);
        }
        let (now, lifetime) = (now.as_second(), kind.lifetime().as_secs());
        let is_now = claims.iat <= now.saturating_add(SKEW) && now < claims.exp;
        if !is_now || claims.exp.checked_sub(claims.iat).is_none_or(|long| long > lifetime) {
            return Err(RefusedToken::Time);
        }
        Ok(claims)
    }
}

/// HMAC-SHA256 and nothing else, so that no other algorithm is there to be confused with it.
static HS256: CryptoProvider = CryptoProvider {
    signer_factory: |algorithm, key| Hs256::new(*algorithm, key.as_bytes()).map(|made| Box::new(made) as _),
    verifier_factory: |algorithm, key| {
        key.try_get_as_bytes().and_then(|key| Hs256::new(*algorithm, key)).map(|made| Box::new(made) as _)
    },
    key_utils: KeyUtils::new_unimplemented(),
};

fn install() {
    // Fails where it is there already, which is what is wanted.
    let _ = HS256.install_default();
}

struct Hs256(Hmac<Sha256>);

impl Hs256 {
    fn new(algorithm: Algorithm, key: &[u8]) -> JwtResult<Self> {
        let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key);
        match (algorithm, mac) {
            (Algorithm::HS256, Ok(mac)) => Ok(Self(mac)),
            _ => Err(ErrorKind::InvalidAlgorithm.into()),
        }
    }

    fn over(&self, message: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        mac.update(message);
        mac
    }
}

impl Signer<Vec<u8>> for Hs256 {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, SignatureError> {
        Ok(self.over(message).finalize().into_bytes().to_vec())
    }
}

impl JwtSigner for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

impl Verifier<Vec<u8>> for Hs256 {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), SignatureError> {
        self.over(message).verify_slice(signature).map_err(|_| SignatureError::new())
    }
}

impl JwtVerifier for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use proptest::prelude::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";
    const NOW: i64 = 1_795_000_000;

    fn key() -> TokenKey {
        TokenKey::new(SECRET).unwrap()
    }

    fn claims() -> Claims {
        Claims {
            sub: "ada".to_owned(),
            aud: "web1".to_owned(),
            exp: NOW + 900,
            iat: NOW,
            kind: TokenUse::Access,
            jti: "1".to_owned(),
            family: "f".to_owned(),
        }
    }

    fn read(token: &str) -> Result<Claims, RefusedToken> {
        key().read(token, TokenUse::Access, "web1", Timestamp::from_second(NOW).unwrap())
    }

    /// A token with any header and claims, signed rightly with `secret`.
    fn forge(header: &str, claims: &str, secret: &[u8]) -> String {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret).unwrap();
        mac.update(message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    }

    fn body(claims: &Claims) -> String {
        serde_json::to_string(claims).unwrap()
    }

    const HEADER: &str = r#"{"typ":"JWT","alg":"HS256"}"#;

    #[test]
    fn a_token_says_what_was_put_into_it() {
        assert_eq!(read(&key().issue(&claims())), Ok(claims()));
        assert_eq!(read(&forge(HEADER, &body(&claims()), SECRET.as_bytes())), Ok(claims()));
        assert_eq!(format!("{:?}", key()), "TokenKey(..)");
        assert!(TokenKey::new("short").is_none());
    }

    /// Source: RFC 7515, appendix A.1: our HMAC over its message is its signature.
    #[test]
    fn the_example_of_the_specification_is_signed_the_same() {
        let key = URL_SAFE_NO_PAD
            .decode("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow")
            .unwrap();
        let message = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        let signed = Hs256::new(Algorithm::HS256, &key).unwrap().try_sign(message.as_bytes()).unwrap();
        assert_eq!(URL_SAFE_NO_PAD.encode(signed), "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    }

    #[test]
    fn what_has_another_algorithm_or_asks_for_another_key_is_refused() {
        for header in [
            r#"{"typ":"JWT","alg":"none"}"#,
            r#"{"typ":"JWT","alg":"None"}"#,
            r#"{"typ":"JWT","alg":"RS256"}"#,
            r#"{"typ":"JWT","alg":"HS384"}"#,
            r#"{"typ":"JWT","alg":"HS512"}"#,
            r#"{"typ":"JWT","alg":"ES256"}"#,
            r#"{"typ":"JWT","alg":"hs256"}"#,
            r#"{"typ":"JWT"}"#,
            r#"{"alg":"HS256"}"#,
            r#"{"typ":"at+jwt","alg":"HS256"}"#,
            r#"{"typ":"JWT","alg":"HS256","kid":"../../dev/null"}"#,
            r#"{"typ":"JWT","alg":"HS256","jku":"http://evil.example/keys"}"#,
            r#"{"typ":"JWT","alg":"HS256","x5u":"http://evil.example/keys"}"#,
            r#"{"typ":"JWT","alg":"HS256","jwk":{"kty":"oct","k":"AAAA"}}"#,
            r#"{"typ":"JWT","alg":"HS256","crit":["exp"]}"#,
            r#"{"typ":"JWT","alg":"HS256","crit":[]}"#,
            r#"{"typ":"JWT","alg":"HS256","b64":false}"#,
            r#"{"typ":"JWT","alg":"HS256","zip":"DEF"}"#,
            r#"{"typ":"JWT","alg":"HS256","alg":"none"}"#,
            "{}",
            "",
        ] {
            assert!(read(&forge(header, &body(&claims()), SECRET.as_bytes())).is_err(), "{header}");
        }
    }

    #[test]
    fn what_is_unsigned_or_signed_with_another_key_is_refused() {
        let token = forge(HEADER, &body(&claims()), SECRET.as_bytes());
        let (message, signature) = token.rsplit_once('.').unwrap();
        for other in ["", "another key of the same length..", "0123456789abcdef"] {
            assert_eq!(read(&forge(HEADER, &body(&claims()), other.as_bytes())), Err(RefusedToken::Foreign));
        }
        for wrong in [
            format!("{message}."),
            message.to_owned(),
            format!("{token}."),
            format!(".{token}"),
            format!("{token}="),
            format!("{token}\n"),
            format!(" {token}"),
            format!("{message}.{}", &signature[..signature.len() - 1]),
            String::new(),
            "..".to_owned(),
            "a.b.c.d.e".to_owned(),
            "x".repeat(LONGEST_TOKEN + 1),
        ] {
            assert_eq!(read(&wrong), Err(RefusedToken::Foreign), "{wrong:?}");
        }
    }

    #[test]
    fn a_token_of_another_use_server_or_time_is_refused() {
        let told = |change: fn(&mut Claims)| {
            let mut claims = claims();
            change(&mut claims);
            read(&key().issue(&claims))
        };
        assert_eq!(told(|c| c.kind = TokenUse::Refresh), Err(RefusedToken::Use));
        assert_eq!(told(|c| c.aud = "web2".to_owned()), Err(RefusedToken::Audience));
        assert_eq!(told(|c| c.exp = NOW), Err(RefusedToken::Time));
        assert_eq!(told(|c| (c.iat, c.exp) = (NOW - 899, NOW + 1)).map(|c| c.exp), Ok(NOW + 1));
        assert_eq!(told(|c| (c.iat, c.exp) = (NOW + 60, NOW + 600)), Err(RefusedToken::Time));
        // One that is to last longer than we make them.
        assert_eq!(told(|c| c.exp = NOW + 901), Err(RefusedToken::Time));
        assert_eq!(told(|c| (c.iat, c.exp) = (i64::MIN, i64::MAX)), Err(RefusedToken::Time));
    }

    #[test]
    fn claims_that_are_missing_doubled_or_unknown_are_refused() {
        let whole = body(&claims());
        let said = |text: &str| read(&forge(HEADER, text, SECRET.as_bytes()));
        assert!(said(&whole).is_ok());
        for (from, to) in [
            (r#""exp":1795000900,"#, ""),
            (r#""iat":1795000000,"#, ""),
            (r#""type":"access","#, ""),
            (r#""aud":"web1""#, r#""aud":["web1"]"#),
            (r#""type":"access""#, r#""type":"access","type":"refresh""#),
            (r#""exp":1795000900"#, r#""exp":"1795000900""#),
            (r#""exp":1795000900"#, r#""exp":1795000900.5"#),
            (r#""exp":1795000900"#, r#""exp":null"#),
            (r#""sub":"ada""#, r#""sub":"ada","admin":true"#),
        ] {
            assert!(whole.contains(from), "{from}");
            assert!(said(&whole.replace(from, to)).is_err(), "{to}");
        }
    }

    #[test]
    fn each_changed_byte_is_refused() {
        let token = key().issue(&claims()).to_string();
        for at in 0..token.len() {
            for byte in 0..=127_u8 {
                let mut changed = token.clone().into_bytes();
                if changed[at] == byte {
                    continue;
                }
                changed[at] = byte;
                let changed = String::from_utf8(changed).unwrap();
                assert!(read(&changed).is_err(), "{changed}");
            }
        }
    }

    proptest! {
        #[test]
        fn nothing_else_is_a_token(text in "\\PC{0,200}", parts in proptest::collection::vec("[A-Za-z0-9_-]{0,60}", 1..6)) {
            prop_assert!(read(&text).is_err());
            prop_assert!(read(&parts.join(".")).is_err());
        }

        #[test]
        fn any_claims_come_back_as_they_were(sub in "\\PC{0,40}", jti in "\\PC{0,40}") {
            let claims = Claims { sub, jti, ..claims() };
            prop_assert_eq!(read(&key().issue(&claims)), Ok(claims));
        }
    }
}
