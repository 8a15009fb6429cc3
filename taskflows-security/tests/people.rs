//! People, sessions, tokens and tries as they are kept: the contracts in memory, and the files.
#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use taskflows_security::{
    KeptError, MemoryPeople, MemorySessions, MemoryThrottle, MemoryTokens, PasswordDigest, PeopleFiles,
    PeopleStore, Person, Role, TokenDigest, UserName, contract, new_token,
};

#[test]
fn what_is_kept_in_memory_keeps_to_the_contracts() {
    contract::people(&MemoryPeople::new(None));
    contract::sessions(&MemorySessions::default());
    contract::tokens(&MemoryTokens::default());
    contract::throttle(&MemoryThrottle::default());
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn files_of_people_keep_to_the_contract_and_are_their_owners_alone() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let files = PeopleFiles::new(&data);
    contract::people(&files);
    assert!(files.enable().unwrap());
    assert_eq!(mode(&data), 0o700);
    assert_eq!((mode(&data.join("users.json")), mode(&data.join("ui_config.json"))), (0o600, 0o600));
    // Nothing lies about but the files and their locks.
    assert_eq!(fs::read_dir(&data).unwrap().count(), 4);
}

fn write(directory: &Path, name: &str, text: &str) {
    fs::write(directory.join(name), text).unwrap();
    fs::set_permissions(directory.join(name), Permissions::from_mode(0o600)).unwrap();
}

/// The predecessor's files, its times without a zone.
#[test]
fn what_the_predecessor_kept_is_read() {
    let directory = tempfile::tempdir().unwrap();
    write(
        directory.path(),
        "users.json",
        r#"{"admin": {"username": "admin", "password_hash": "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW",
            "role": "admin", "created_at": "2025-11-24T10:00:00.123456", "last_login": null}}"#,
    );
    let secret = "k".repeat(43);
    write(
        directory.path(),
        "ui_config.json",
        &format!(r#"{{"enabled": true, "jwt_secret": "{secret}", "cors_origins": ["http://localhost"]}}"#),
    );
    let files = PeopleFiles::new(directory.path());
    let admin = files.get("admin").unwrap().unwrap();
    assert_eq!((admin.role, admin.created_at), (Role::Admin, "2025-11-24T10:00:00.123456Z".parse().unwrap()));
    assert!(admin.password.is_usable() && admin.password.is_old());
    assert!(files.key().unwrap().is_some());
    assert!(!files.enable().unwrap(), "the key stays as it is");
    let text = fs::read_to_string(directory.path().join("ui_config.json")).unwrap();
    assert!(text.contains(&secret) && text.contains("cors_origins"));
}

#[test]
fn a_key_is_made_once_and_one_that_is_off_lets_nobody_in() {
    let directory = tempfile::tempdir().unwrap();
    let files = PeopleFiles::new(directory.path());
    assert!(files.key().unwrap().is_none());
    assert!(files.enable().unwrap());
    let read = || fs::read_to_string(directory.path().join("ui_config.json")).unwrap();
    let first = read();
    assert!(files.key().unwrap().is_some());
    assert!(!files.enable().unwrap());
    assert_eq!(read(), first);
    // What is changed elsewhere is seen by the next who asks.
    write(directory.path(), "ui_config.json", &first.replace("true", "false"));
    assert!(files.key().unwrap().is_none());
    assert!(files.enable().unwrap());
    assert_eq!(read(), first, "the same key is on again");
    write(directory.path(), "ui_config.json", r#"{"enabled": true, "jwt_secret": "short"}"#);
    assert!(files.key().unwrap().is_none());
}

fn person(name: &str) -> Person {
    Person {
        name: name.parse().unwrap(),
        password: PasswordDigest::from_phc("$argon2id$"),
        role: Role::Viewer,
        created_at: "2026-11-24T00:00:00Z".parse().unwrap(),
        last_login: None,
    }
}

#[test]
fn two_processes_see_what_each_other_changes_and_lose_nothing() {
    let directory = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let files = PeopleFiles::new(directory.path());
            scope.spawn(move || {
                for number in 0..10 {
                    let name = format!("p{writer}-{number}");
                    files.add(person(&name)).unwrap();
                    assert!(files.get(&name).unwrap().is_some());
                }
            });
        }
    });
    let (one, other) = (PeopleFiles::new(directory.path()), PeopleFiles::new(directory.path()));
    assert_eq!(one.list().unwrap().len(), 40);
    other.remove("p0-0").unwrap();
    assert_eq!(one.get("p0-0").unwrap(), None);
}

#[track_caller]
fn refused(name: &str, text: &str, permissions: u32) -> KeptError {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), name, text);
    fs::set_permissions(directory.path().join(name), Permissions::from_mode(permissions)).unwrap();
    let files = PeopleFiles::new(directory.path());
    let error = match name {
        "users.json" => files.get("a").unwrap_err(),
        _ => files.key().unwrap_err(),
    };
    assert!(files.add(person("a")).is_err() || files.enable().is_err());
    assert_eq!(fs::read_to_string(directory.path().join(name)).unwrap(), text, "it is left as it is");
    error
}

#[test]
fn damaged_files_and_those_that_others_may_read_are_refused_and_left_as_they_are() {
    refused("users.json", "{}", 0o644);
    refused("users.json", "{}", 0o620);
    refused("ui_config.json", "{}", 0o604);
    refused("users.json", "", 0o600);
    refused("users.json", "[]", 0o600);
    let record = |key: &str, role: &str, at: &str| {
        format!(
            r#"{{"{key}": {{"username": "a", "password_hash": "s3cret-hash", "role": "{role}", "created_at": "{at}"}}}}"#
        )
    };
    for damaged in [
        record("b", "admin", "2026-01-01T00:00:00Z"),
        record("a", "root", "2026-01-01T00:00:00Z"),
        record("a", "admin", "yesterday"),
    ] {
        let error = refused("users.json", &damaged, 0o600);
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
    }
    let error = refused("ui_config.json", r#"{"jwt_secret": ["s3cret"]}"#, 0o600);
    assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
}

#[test]
fn a_link_in_the_place_of_a_file_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/dev/null", directory.path().join("users.json")).unwrap();
    assert!(PeopleFiles::new(directory.path()).list().is_err());
}

#[test]
fn user_names_are_plain() {
    for good in ["a", "ada", "ada@example.com", "Ada.L+x_1-2", "9"] {
        assert_eq!(good.parse::<UserName>().unwrap().as_str(), good);
    }
    for bad in ["", "-a", ".a", "a b", "ä", "a\n", "a/b", "a:b", &"a".repeat(65)] {
        assert!(bad.parse::<UserName>().is_err(), "{bad:?}");
    }
}

#[test]
fn tokens_have_one_form_and_are_never_shown() {
    let (token, digest) = new_token();
    assert_eq!((token.len(), TokenDigest::of(&token)), (47, Some(digest)));
    assert_ne!(new_token().1, digest);
    assert_eq!(format!("{digest:?}"), "TokenDigest(..)");
    for wrong in ["", "tft_", &token[..46], &format!("{}=", &*token), &token.replace("tft_", "TFT_")] {
        assert_eq!(TokenDigest::of(wrong), None, "{wrong}");
    }
}
