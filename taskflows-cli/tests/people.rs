//! Who may ask the API of this host: people and tokens.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

mod host;

use std::os::unix::fs::PermissionsExt;

use host::{Host, check};
use jiff::Timestamp;
use taskflows_security::{
    PeopleFiles, PeopleStore, Role, Session, SessionStore, TokenDigest, TokenStore, password_matches,
};
use taskflows_store::Store;

fn session(user: &str) -> Session {
    let expires: Timestamp = "2026-12-01T00:00:00Z".parse().unwrap();
    Session { family: user.to_owned(), user: user.to_owned(), refresh: "r".to_owned(), expires }
}

#[test]
fn somebody_is_let_in_once_and_a_new_password_ends_their_sessions() {
    let mut host = Host::new();
    let data = host.app.data_directory.clone();
    host.answer = "a quiet river\n";
    host.tf("api setup-ui --username ada");
    host.tf("api setup-ui --username ada");
    let config = || std::fs::read_to_string(data.join("ui_config.json")).unwrap();
    let first = config();
    let store = Store::open(&data).unwrap();
    let now = (host.app.now)();
    for user in ["ada", "bob"] {
        SessionStore::open(&store, &session(user), now).unwrap();
    }
    host.answer = "a loud waterfall\r\n";
    host.tf("api setup-ui --username ada");
    assert!(!store.is_live("ada", "ada", now).unwrap() && store.is_live("bob", "bob", now).unwrap());
    host.tf("api setup-ui --username ada --role viewer");
    host.tf("api setup-ui --username bob --role operator");
    assert_eq!(config(), first, "the key is made once");
    for file in ["users.json", "ui_config.json", "state.db"] {
        assert_eq!(std::fs::metadata(data.join(file)).unwrap().permissions().mode() & 0o777, 0o600, "{file}");
    }
    let files = PeopleFiles::new(&data);
    let ada = files.get("ada").unwrap().unwrap();
    assert_eq!((ada.role, files.list().unwrap().len()), (Role::Viewer, 2));
    assert!(password_matches(Some(&ada.password), "a loud waterfall"));
    assert!(!host.transcript.contains("waterfall") && !host.transcript.contains("river"));
    check!(host);
}

#[test]
fn a_password_that_is_weak_missing_or_no_text_changes_nothing() {
    let mut host = Host::new();
    let long = Box::leak("long ".repeat(1_000).into_boxed_str());
    for answer in ["", "\n", "short\n", "password1234", long] {
        host.answer = answer;
        host.tf("api setup-ui");
    }
    assert!(!host.app.data_directory.exists());
    check!(host);
}

#[test]
fn tokens_are_made_shown_once_listed_and_removed() {
    let mut host = Host::new();
    host.tf("token list");
    host.tf("token create deploy --role operator --expires 90d");
    let made = host.transcript.lines().find_map(|line| line.strip_prefix("| tft_")).unwrap();
    let token = format!("tft_{made}");
    let store = Store::open(&host.app.data_directory).unwrap();
    let now = (host.app.now)();
    let digest = TokenDigest::of(&token).unwrap();
    assert_eq!(store.use_token(digest, now).unwrap().unwrap().role, Role::Operator);
    host.transcript = host.transcript.replace(&token, "tft_[secret]");
    host.tf("token create deploy --role viewer");
    host.tf("token create backup --role viewer");
    let backup = host
        .transcript
        .lines()
        .find_map(|line| line.strip_prefix("| tft_").filter(|rest| *rest != "[secret]"));
    let backup = format!("tft_{}", backup.unwrap());
    host.transcript = host.transcript.replace(&backup, "tft_[secret]");
    host.tf("token create none --role viewer --expires 0s");
    host.tf("token list");
    host.tf("token list -o json");
    host.tf("token list -o name");
    host.tf("token remove deploy");
    assert_eq!(store.use_token(digest, now).unwrap(), None);
    host.tf("token remove deploy");
    check!(host);
}
