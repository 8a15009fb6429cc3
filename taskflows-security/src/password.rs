//! Passwords of people: how strong they must be, and what is kept of them.

use std::fmt;
use std::sync::LazyLock;

use argon2::password_hash::phc::{PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::random::random;

/// The memory of one look at a password, in KiB. Source: RFC 9106; OWASP "Password Storage Cheat Sheet", Argon2id.
const MEMORY: u32 = 19 * 1024;
/// How often the memory is gone through.
const PASSES: u32 = 2;
/// A file may ask for no more than this, in KiB: it would take the server's memory for each try.
const MOST_MEMORY: u32 = 256 * 1024;
/// How often it may be gone through.
const MOST_PASSES: u32 = 16;

/// The most rounds of bcrypt that a file may ask for, as a power of two: about a second. The predecessor had 12.
const MOST_ROUNDS: u32 = 14;

/// The fewest characters of a password.
pub const SHORTEST_PASSWORD: usize = 12;
/// The most bytes of a password that are looked at.
pub const LONGEST_PASSWORD: usize = 1024;

/// What people who must choose a long password choose first. Compared without case and without what is no letter or digit.
const FORESEEABLE: [&str; 16] = [
    "password",
    "passwort",
    "motdepasse",
    "letmein",
    "qwertyuiop",
    "qwertzuiop",
    "asdfghjkl",
    "administrator",
    "administrateur",
    "welcome",
    "changeme",
    "iloveyou",
    "taskflows",
    "correcthorsebatterystaple",
    "trustno",
    "admin",
];

/// Why a password is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WeakPassword {
    /// It has too few characters.
    #[error("the password is shorter than {SHORTEST_PASSWORD} characters")]
    Short,
    /// It has too many bytes.
    #[error("the password is longer than {LONGEST_PASSWORD} bytes")]
    Long,
    /// Others would guess it.
    #[error("the password is among the first that are guessed")]
    Foreseeable,
}

/// Tells whether a password is strong enough for `username`: twelve characters at least, not one that everybody tries, and
/// neither one character nor a row of neighbours.
///
/// # Errors
/// When it is not.
pub fn check_password(username: &str, password: &str) -> Result<(), WeakPassword> {
    if password.len() > LONGEST_PASSWORD {
        return Err(WeakPassword::Long);
    }
    if password.chars().count() < SHORTEST_PASSWORD {
        return Err(WeakPassword::Short);
    }
    let plain = plain(password);
    let core = plain.trim_matches(|c: char| c.is_ascii_digit());
    let repeats = |word: &str| !word.is_empty() && core.replace(word, "").is_empty();
    let name = self::plain(username);
    if repeats(&name) || FORESEEABLE.iter().any(|word| repeats(word)) || is_row(password) {
        return Err(WeakPassword::Foreseeable);
    }
    Ok(())
}

fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Tells whether each character is the one before it, its neighbour, or the first of a row again: `aaaa`, `1234567890123`.
fn is_row(text: &str) -> bool {
    let characters: Vec<i64> = text.chars().map(|c| i64::from(u32::from(c))).collect();
    let steps = |allowed: fn(i64) -> bool| characters.windows(2).all(|two| allowed(two[1] - two[0]));
    steps(|step| step == 0) || steps(|step| step == 1 || step == -9) || steps(|step| step == -1 || step == 9)
}

/// What is kept of a password: a PHC string. It is never shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PasswordDigest(String);

impl fmt::Debug for PasswordDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordDigest(..)")
    }
}

/// What nobody's password gives, of the same cost as those of people.
static NOBODY: LazyLock<PasswordDigest> = LazyLock::new(|| PasswordDigest::of(&crate::random_hex::<16>()));

impl PasswordDigest {
    /// Returns what is kept of a password, with chance of its own. Takes about 20 ms and 19 MiB.
    ///
    /// # Panics
    /// When the operating system has no chance to give.
    #[must_use]
    pub fn of(password: &str) -> Self {
        let salt = random::<16>();
        let hashed = hasher().hash_password_with_salt(password.as_bytes(), salt.as_slice());
        match hashed {
            Ok(hash) => Self(hash.to_string()),
            Err(error) => unreachable!("salt and cost are of allowed sizes: {error}"),
        }
    }

    /// Takes a string as it stands in a file.
    #[must_use]
    pub fn from_phc(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Tells whether it can be compared with a password at all: what costs too much or too little cannot.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.is_old() || self.parsed().is_some()
    }

    /// Tells whether it is one of bcrypt, as the predecessor kept it, that can be compared. What [`PasswordDigest::of`] gives
    /// belongs in its place as soon as the password is known.
    #[must_use]
    pub fn is_old(&self) -> bool {
        let rest = ["$2b$", "$2a$", "$2y$"].iter().find_map(|prefix| self.0.strip_prefix(prefix));
        let Some((rounds, rest)) = rest.and_then(|rest| rest.split_once('$')) else { return false };
        let is_known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'/');
        let is_fair = rounds.parse().is_ok_and(|rounds: u32| (4..=MOST_ROUNDS).contains(&rounds));
        let is_number = rounds.len() == 2 && rounds.bytes().all(|byte| byte.is_ascii_digit());
        is_number && is_fair && rest.len() == 53 && rest.bytes().all(is_known)
    }

    fn parsed(&self) -> Option<PasswordHash> {
        let hash = PasswordHash::new(&self.0).ok()?;
        let cost = Params::try_from(&hash).ok()?;
        let is_fair = (MEMORY..=MOST_MEMORY).contains(&cost.m_cost())
            && (PASSES..=MOST_PASSES).contains(&cost.t_cost())
            && cost.p_cost() <= 4;
        let is_whole = hash.salt.as_ref().is_some_and(|salt| salt.len() >= Salt::MIN_LENGTH)
            && hash.hash.as_ref().is_some_and(|hash| hash.len() >= 16);
        (hash.algorithm.as_str() == "argon2id" && is_fair && is_whole).then_some(hash)
    }
}

/// Tells whether `password` is the one of which `digest` was kept. Where there is no digest, or one that cannot be compared,
/// it takes the same time and is `false`. An old one takes longer, about 0.3 s: who has not logged in since the predecessor
/// can be told from others by it.
#[must_use]
pub fn password_matches(digest: Option<&PasswordDigest>, password: &str) -> bool {
    if let Some(old) = digest.filter(|digest| digest.is_old()) {
        // No more than 72 bytes count in either program.
        return password.len() <= LONGEST_PASSWORD && bcrypt::verify(password, &old.0).unwrap_or(false);
    }
    let known = digest.and_then(PasswordDigest::parsed);
    let is_known = known.is_some();
    let Some(hash) = known.or_else(|| NOBODY.parsed()) else { return false };
    let is_short_enough = password.len() <= LONGEST_PASSWORD;
    let looked_at = if is_short_enough { password } else { "" };
    hasher().verify_password(looked_at.as_bytes(), &hash).is_ok() && is_known && is_short_enough
}

fn hasher() -> Argon2<'static> {
    match Params::new(MEMORY, PASSES, 1, None) {
        Ok(cost) => Argon2::new(Algorithm::Argon2id, Version::V0x13, cost),
        Err(error) => unreachable!("the cost is of an allowed size: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn a_password_matches_what_was_kept_of_it_and_no_other() {
        let digest = PasswordDigest::of("a quiet river");
        assert!(digest.0.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", digest.0);
        assert!(password_matches(Some(&digest), "a quiet river"));
        assert!(!password_matches(Some(&digest), "a quiet rivers"));
        assert!(!password_matches(Some(&digest), ""));
        assert!(!password_matches(Some(&digest), &"a".repeat(2_000)));
        assert!(!password_matches(None, "a quiet river"));
        assert_ne!(digest, PasswordDigest::of("a quiet river"));
        assert_eq!(format!("{digest:?}"), "PasswordDigest(..)");
    }

    /// Source: the reference implementation, `echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1 -l 32`
    /// (phc-winner-argon2, src/test.c).
    #[test]
    fn what_the_reference_implementation_kept_matches() {
        let phc = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        assert!(password_matches(Some(&PasswordDigest::from_phc(phc)), "password"));
        assert!(!password_matches(Some(&PasswordDigest::from_phc(phc)), "differentpassword"));
    }

    /// Source: crypt(3) of libxcrypt.
    #[test]
    fn what_the_predecessor_kept_matches_and_is_old() {
        for (kept, password) in [
            ("$2b$05$abcdefghijklmnopqrstuuZD5R2RI6zkN7jeEtEouloIoXOtpFUbG", "a quiet river"),
            ("$2b$05$CCCCCCCCCCCCCCCCCCCCC.np9vrED7LIGPFKJ3EaE/NM/J/tawgM2", "pässwörd, lang genug"),
            ("$2b$05$CCCCCCCCCCCCCCCCCCCCC.D7RDOYXakZhsFmh/LdqQNx0kQ424AFS", &"x".repeat(80)),
        ] {
            let digest = PasswordDigest::from_phc(kept);
            assert!(digest.is_usable() && digest.is_old());
            assert!(password_matches(Some(&digest), password), "{password}");
            for other in ["", "a quiet rivers", "a quiet\0river", &"y".repeat(2_000)] {
                assert!(!password_matches(Some(&digest), other), "{other}");
            }
        }
        assert!(!PasswordDigest::of("a quiet river").is_old());
    }

    #[test]
    fn what_is_no_digest_of_ours_or_costs_too_much_matches_nothing() {
        for phc in [
            "",
            "password",
            "$2b$31$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW",
            "$2b$03$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW",
            "$2b$+5$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW",
            "$2b$05$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMU",
            "$2x$05$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW",
            "$2b$05$äää/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWM",
            "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ",
            "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA",
            "$argon2id$v=19$m=4294967295,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        ] {
            let digest = PasswordDigest::from_phc(phc);
            assert!(!digest.is_usable(), "{phc}");
            assert!(!password_matches(Some(&digest), "password"), "{phc}");
        }
    }

    #[test]
    fn a_weak_password_is_not_taken() {
        let weak = |password: &str| check_password("margaret", password);
        assert_eq!(weak("elevenchars"), Err(WeakPassword::Short));
        // Characters count, not bytes.
        assert_eq!(weak("ééééééé"), Err(WeakPassword::Short));
        assert_eq!(weak(&"long ".repeat(300)), Err(WeakPassword::Long));
        for foreseeable in [
            "password1234",
            "Password-2026!",
            "MargaretMargaret",
            "margaret123456",
            "aaaaaaaaaaaaaa",
            "123456789012",
            "987654321098",
            "abcdefghijklmn",
            "admin.admin.admin",
            "Correct Horse Battery Staple",
        ] {
            assert_eq!(weak(foreseeable), Err(WeakPassword::Foreseeable), "{foreseeable}");
        }
        for good in ["a quiet river", "Zq4!vT9#mK2x", "ünïcödé wörter"] {
            assert_eq!(weak(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn an_unknown_user_costs_the_same_time_as_a_known_one() {
        let digest = PasswordDigest::of("a quiet river");
        let timed = |digest: Option<&PasswordDigest>| {
            let began = Instant::now();
            assert!(!password_matches(digest, "another river"));
            began.elapsed()
        };
        timed(None);
        // The least of many is what the work costs; the rest is what else ran meanwhile, of which there may be much.
        let (mut known, mut unknown) = (Duration::MAX, Duration::MAX);
        let is_same = |known: Duration, unknown: Duration| {
            (known.as_secs_f64() / unknown.as_secs_f64() - 1.0).abs() < 0.15
        };
        for round in 0..300 {
            known = known.min(timed(Some(&digest)));
            unknown = unknown.min(timed(None));
            if round >= 15 && is_same(known, unknown) {
                break;
            }
        }
        println!("known {known:?}, unknown {unknown:?}");
        assert!(is_same(known, unknown), "known {known:?}, unknown {unknown:?}");
    }
}
