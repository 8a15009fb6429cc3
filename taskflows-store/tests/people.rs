//! Sessions, tokens and tries on disk.
#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

use std::time::Instant;

use jiff::Timestamp;
use taskflows_security::{
    ApiToken, FREE_TRIES, MOST_TRIED, Role, Rotation, Session, SessionStore, ThrottleStore, TokenStore,
    TryKey, contract, new_token,
};
use taskflows_store::Store;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + second).unwrap()
}

#[test]
fn the_store_keeps_to_the_contracts() {
    let fresh = || tempfile::tempdir().unwrap();
    contract::sessions(&Store::open(fresh().path()).unwrap());
    contract::tokens(&Store::open(fresh().path()).unwrap());
    contract::throttle(&Store::open(fresh().path()).unwrap());
}

fn session(refresh: &str) -> Session {
    let word = |text: &str| text.to_owned();
    Session { family: word("f"), user: word("ada"), refresh: word(refresh), expires: at(1_000) }
}

#[test]
fn a_restart_forgets_neither_sessions_nor_tokens_nor_tries() {
    let directory = tempfile::tempdir().unwrap();
    let open = || Store::open(directory.path()).unwrap();
    let ((_, digest), account) = (new_token(), TryKey::account("ada"));
    SessionStore::open(&open(), &session("a"), at(0)).unwrap();
    let token = ApiToken {
        name: "deploy".to_owned(),
        role: Role::Viewer,
        created: at(0),
        last_used: None,
        expires: None,
    };
    open().add(&token, digest).unwrap();
    for _ in 0..FREE_TRIES {
        assert_eq!(open().attempt(&[account], at(0)).unwrap(), None);
    }
    assert!(open().is_live("f", "ada", at(1)).unwrap());
    assert!(open().use_token(digest, at(1)).unwrap().is_some());
    assert!(open().attempt(&[account], at(1)).unwrap().is_some());
    // A token is gone for a process that has the file open, when another removes it.
    let (one, other) = (open(), open());
    assert!(one.use_token(digest, at(2)).unwrap().is_some());
    TokenStore::remove(&other, "deploy").unwrap();
    assert!(one.use_token(digest, at(3)).unwrap().is_none());
    other.revoke_user("ada").unwrap();
    assert!(!one.is_live("f", "ada", at(3)).unwrap());
}

#[test]
fn neither_a_token_nor_the_id_of_a_refresh_token_stands_in_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    SessionStore::open(&store, &session("the-id-of-a-refresh-token"), at(0)).unwrap();
    let (text, digest) = new_token();
    let token =
        ApiToken { name: "t".to_owned(), role: Role::Admin, created: at(0), last_used: None, expires: None };
    store.add(&token, digest).unwrap();
    let mut bytes = Vec::new();
    for file in std::fs::read_dir(directory.path()).unwrap() {
        bytes.extend(std::fs::read(file.unwrap().path()).unwrap());
    }
    let stands = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(stands("ada"));
    assert!(!stands("the-id-of-a-refresh-token") && !stands(&text[4..]));
}

#[test]
fn of_many_who_use_the_same_refresh_token_at_once_one_gets_through_and_the_session_ends() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    SessionStore::open(&store, &session("a"), at(0)).unwrap();
    let outcomes: Vec<Rotation> = std::thread::scope(|scope| {
        let one = |number: usize| {
            let store = Store::open(directory.path()).unwrap();
            scope.spawn(move || store.rotate("a", &session(&format!("b{number}")), at(1)).unwrap())
        };
        let all: Vec<_> = (0..8).map(one).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let count = |outcome| outcomes.iter().filter(|one| **one == outcome).count();
    assert_eq!((count(Rotation::Rotated), count(Rotation::Reused)), (1, 1), "{outcomes:?}");
    assert!(!store.is_live("f", "ada", at(1)).unwrap());
}

#[test]
fn tries_at_once_are_no_more_than_one_after_the_other() {
    let directory = tempfile::tempdir().unwrap();
    let through: usize = std::thread::scope(|scope| {
        let one = |_| {
            let store = Store::open(directory.path()).unwrap();
            scope.spawn(move || {
                let tried = |_: &i32| store.attempt(&[TryKey::account("ada")], at(0)).unwrap().is_none();
                (0..5).filter(tried).count()
            })
        };
        let all: Vec<_> = (0..8).map(one).collect();
        all.into_iter().map(|one| one.join().unwrap()).sum()
    });
    assert_eq!(through, FREE_TRIES as usize);
}

#[test]
fn a_hundred_thousand_names_take_less_than_ten_mebibytes_and_free_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let victim = TryKey::account("ada");
    for _ in 0..FREE_TRIES {
        store.attempt(&[victim], at(0)).unwrap();
    }
    let began = Instant::now();
    let names: Vec<TryKey> = (0..MOST_TRIED + 20_000).map(|n| TryKey::account(&format!("u{n}"))).collect();
    // Many in one step, since each step is a transaction.
    for names in names.chunks(1_000) {
        store.attempt(names, at(1)).unwrap();
    }
    println!("{} names in {:?}", names.len(), began.elapsed());
    let connection = rusqlite::Connection::open(store.path()).unwrap();
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    let kept = number("SELECT count(*) FROM login_try");
    assert!(kept <= i64::try_from(MOST_TRIED).unwrap() + 1_000, "{kept}");
    assert_eq!(kept, number("SELECT tries FROM login_try_total"));
    let bytes = number("PRAGMA page_count") * number("PRAGMA page_size");
    println!("{kept} tries, {bytes} bytes");
    assert!(bytes < 10 << 20, "{bytes}");
    assert!(store.attempt(&[victim], at(2)).unwrap().is_some());
}
