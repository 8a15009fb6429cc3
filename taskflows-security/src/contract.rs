//! What each store of people, sessions, tokens and tries does, in memory and on disk: run over an empty one, each panics where
//! it does otherwise.

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};

use crate::{
    ApiToken, FREE_TRIES, KNOWN_FOR, KeptError, MOST_SESSIONS, PasswordDigest, PeopleStore, Person,
    REMEMBERED, Role, Rotation, Session, SessionStore, ThrottleStore, TokenStore, TryKey, UserName, WentWell,
    new_token,
};

fn at(second: i64) -> Timestamp {
    good(Timestamp::from_second(1_795_000_000 + second))
}

#[track_caller]
fn good<T, E: std::fmt::Debug>(result: Result<T, E>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{error:?}"),
    }
}

fn person(name: &str) -> Person {
    Person {
        name: good(name.parse::<UserName>()),
        password: PasswordDigest::from_phc("$argon2id$"),
        role: Role::Viewer,
        created_at: at(0),
        last_login: None,
    }
}

/// People are added once, found by their name alone, changed, and gone when they are removed.
pub fn people(store: &dyn PeopleStore) {
    assert_eq!(good(store.list()), []);
    good(store.add(person("ada")));
    good(store.add(person("Bob")));
    assert!(store.add(person("ada")).is_err_and(|error| error.exists()));
    assert_eq!(good(store.list()), [person("Bob"), person("ada")]);
    assert_eq!(good(store.get("ADA")), None);
    good(store.change("ada", &mut |one| {
        one.role = Role::Admin;
        one.last_login = Some(at(5));
        one.name = good("eve".parse());
    }));
    let changed = Person { role: Role::Admin, last_login: Some(at(5)), ..person("ada") };
    assert_eq!(good(store.get("ada")), Some(changed));
    good(store.remove("ada"));
    assert_eq!(good(store.get("ada")), None);
    let not_found = |result: Result<(), KeptError>| assert!(result.is_err_and(|error| error.is_not_found()));
    not_found(store.remove("ada"));
    not_found(store.change("ada", &mut |_| panic!("there is nobody to change")));
}

fn session(family: &str, user: &str, refresh: &str) -> Session {
    let word = |text: &str| text.to_owned();
    Session { family: word(family), user: word(user), refresh: word(refresh), expires: at(100) }
}

/// A session lives until it ends; its refresh token works once, or at once for the same answer, and used again later ends it.
pub fn sessions(store: &dyn SessionStore) {
    let lives = |family: &str, user: &str, second| good(store.is_live(family, user, at(second)));
    let rotate = |family, user, used: &str, next, second| {
        let next = Session { expires: at(second + 100), ..session(family, user, next) };
        good(store.rotate(used, &next, at(second)))
    };
    good(store.open(&session("one", "ada", "a"), at(0)));
    assert!(lives("one", "ada", 99));
    assert!(!lives("one", "ada", 100), "it is over at its end");
    assert!(!lives("one", "bob", 0), "it is another's");
    assert!(!lives("two", "ada", 0));
    assert_eq!(rotate("one", "bob", "a", "b", 10), Rotation::Over);
    assert_eq!(rotate("one", "ada", "a", "b", 10), Rotation::Rotated);
    assert!(lives("one", "ada", 109), "it lasts longer now");
    assert_eq!(rotate("one", "ada", "b", "c", 20), Rotation::Rotated);
    for _ in 0..3 {
        assert_eq!(rotate("one", "ada", "b", "c", 29), Rotation::Rotated, "at once, for the same answer");
    }
    assert!(lives("one", "ada", 119) && !lives("one", "ada", 120), "that does not make it last longer");
    good(store.open(&session("other", "ada", "x"), at(20)));
    assert_eq!(rotate("one", "ada", "a", "d", 21), Rotation::Reused);
    assert!(!lives("one", "ada", 21), "a copy was used");
    assert_eq!(rotate("one", "ada", "c", "d", 21), Rotation::Over, "for both");
    assert!(lives("other", "ada", 21));
    assert_eq!(rotate("other", "ada", "x", "y", 100), Rotation::Over, "it was over");
    for (next, second) in [("s", 10), ("t", 1)] {
        good(store.open(&session("late", "ada", "r"), at(0)));
        assert_eq!(rotate("late", "ada", "r", "s", 0), Rotation::Rotated);
        assert_eq!(rotate("late", "ada", "r", next, second), Rotation::Reused, "{next} {second}");
        assert!(!lives("late", "ada", 1));
    }
    ended_sessions(store);
}

fn ended_sessions(store: &dyn SessionStore) {
    let lives = |family: &str, user: &str| good(store.is_live(family, user, at(30)));
    good(store.revoke_user("ada"));
    for (family, user) in [("1", "ada"), ("2", "ada"), ("3", "bob")] {
        good(store.open(&session(family, user, "r"), at(30)));
    }
    good(store.revoke("1"));
    good(store.revoke("1"));
    assert!(!lives("1", "ada") && lives("2", "ada"));
    good(store.open(&session("4", "ada", "r"), at(30)));
    assert_eq!(good(store.revoke_user("ada")), 2);
    assert_eq!(good(store.revoke_user("ada")), 0);
    assert!(!lives("2", "ada") && !lives("4", "ada") && lives("3", "bob"));
    for number in 0..=MOST_SESSIONS {
        let seconds = i64::try_from(number).unwrap_or(i64::MAX);
        let one = Session { expires: at(200 + seconds), ..session(&format!("m{number}"), "ada", "r") };
        good(store.open(&one, at(30)));
    }
    assert!(!lives("m0", "ada"), "the one that was renewed longest ago made room");
    assert!(lives("m1", "ada") && lives(&format!("m{MOST_SESSIONS}"), "ada"));
    assert!(lives("3", "bob"), "but no other's");
}

/// A token is found by itself alone, until it is over or removed.
pub fn tokens(store: &dyn TokenStore) {
    let token = |name: &str, expires| ApiToken {
        name: name.to_owned(),
        role: Role::Operator,
        created: at(0),
        last_used: None,
        expires,
    };
    let ((_, deploy), (_, other), (_, unknown)) = (new_token(), new_token(), new_token());
    good(store.add(&token("deploy", Some(at(100))), deploy));
    assert!(store.add(&token("deploy", None), other).is_err_and(|error| error.exists()));
    good(store.add(&token("backup", None), other));
    assert_eq!(good(store.list()), [token("backup", None), token("deploy", Some(at(100)))]);
    assert_eq!(good(store.use_token(unknown, at(1))), None);
    let used = |second| ApiToken { last_used: Some(at(second)), ..token("deploy", Some(at(100))) };
    assert_eq!(good(store.use_token(deploy, at(1))), Some(used(1)));
    assert_eq!(good(store.use_token(deploy, at(60))).and_then(|one| one.last_used), Some(at(1)));
    assert_eq!(good(store.use_token(deploy, at(61))), Some(used(61)));
    assert_eq!(good(store.list()).get(1), Some(&used(61)));
    assert_eq!(good(store.use_token(deploy, at(100))), None, "it is over at its end");
    assert!(good(store.use_token(other, at(1_000_000))).is_some());
    good(store.remove("backup"));
    assert_eq!(good(store.use_token(other, at(101))), None);
    assert!(store.remove("backup").is_err_and(|error| error.is_not_found()));
    good(store.add(&token("backup", None), unknown));
}

/// Five tries are free, for an account and for an address; one that goes well gives an account all of its own back.
pub fn throttle(store: &dyn ThrottleStore) {
    let account = |name: &str| TryKey::account(name);
    let address = |last: u8| TryKey::address(IpAddr::from([192, 0, 2, last]));
    let attempt =
        |name: &str, last: u8, second| good(store.attempt(&[account(name), address(last)], at(second)));
    let free = i64::from(FREE_TRIES);
    for second in 0..free {
        assert_eq!(attempt("ada", 1, second), None);
    }
    let wait = |seconds| Some(SignedDuration::from_secs(seconds));
    assert_eq!(attempt("ada", 1, free), wait(29));
    assert_eq!(attempt("ada", 2, free), wait(29), "from elsewhere too");
    assert_eq!(attempt("bob", 1, free), wait(29), "another account too");
    assert_eq!(attempt("bob", 2, free), None, "refused tries were not counted for it");
    assert_eq!(attempt("ada", 2, free + 29), None);
    assert_eq!(attempt("ada", 3, free + 30), wait(59));
    let login = |name: &str, last: u8| TryKey::login(name, IpAddr::from([192, 0, 2, last]));
    let well = |name: &str, last, counted: bool| {
        let account = counted.then(|| account(name));
        let done = WentWell { account, address: address(last), login: login(name, last) };
        good(store.succeeded(&done, at(free + 30)));
    };
    let knows = |name: &str, last, second| good(store.is_known(login(name, last), at(second)));
    assert!(!knows("ada", 2, free + 30));
    well("ada", 2, false);
    assert_eq!(attempt("ada", 3, free + 30), wait(59), "it did not count for the account");
    assert!(knows("ada", 2, free + 30) && knows("ada", 2, free + 29 + KNOWN_FOR));
    assert!(!knows("ada", 2, free + 30 + KNOWN_FOR) && !knows("ada", 3, free) && !knows("bob", 2, free));
    well("ada", 2, true);
    assert_eq!(attempt("ada", 3, free + 30), None);
    // Who logs in is not free to guess for others.
    for number in 0..20 {
        if attempt("eve", 9, free + 31).is_none() {
            well("eve", 9, true);
        }
        // Of another account each time, so that only the address is known.
        let _ = attempt(&format!("victim-{number}"), 9, free + 31);
    }
    assert!(attempt("eve", 9, free + 31).is_some());
    assert_eq!(attempt("bob", 1, REMEMBERED + free), None, "they are forgotten in the end");
}
