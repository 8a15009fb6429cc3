//! `security.json`: who may read it, what it says, and how it is changed.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use taskflows_security::{
    RotateError, SecurityFile, SecurityFileError, SecuritySettings, Watched, check_secret, fingerprint,
};

const SECRET: &str = "canaryAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn secret(text: &str) -> SecretString {
    SecretString::from(text)
}

fn with_secret(text: &str) -> SecuritySettings {
    let mut settings = SecuritySettings::default();
    settings.secret = Some(secret(text));
    settings
}

/// A directory of mode 0700, its file with a secret.
fn a_file() -> (tempfile::TempDir, SecurityFile, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let file = SecurityFile::new(directory.path().join(".services"));
    file.make_directory().unwrap();
    change(&file, |settings| settings.secret = Some(secret(SECRET)));
    let path = file.path().to_owned();
    (directory, file, path)
}

fn change(file: &SecurityFile, change: impl FnOnce(&mut SecuritySettings)) -> SecuritySettings {
    let changed = file.change::<SecurityFileError>(|settings| {
        change(settings);
        Ok(())
    });
    changed.unwrap()
}

#[test]
fn what_is_written_is_for_its_owner_alone_and_reads_back() {
    let (_directory, file, path) = a_file();
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    let id = change(&file, |settings| drop(settings.ensure_server_id(None).to_owned())).server_id.unwrap();
    let read = file.load().unwrap();
    assert_eq!((read.server_id.as_ref(), read.enable_hmac, read.window_seconds), (Some(&id), true, 300));
    assert_eq!(read.secret.unwrap().expose_secret(), SECRET);
    let names: Vec<String> = std::fs::read_dir(path.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(names.len(), 2, "the file and its lock: {names:?}");
}

#[test]
fn a_copy_of_the_file_on_another_machine_gets_an_id_of_its_own() {
    let (_directory, file, _) = a_file();
    let (one, other) = ("1".repeat(32), "2".repeat(32));
    // An older file has no mark, and its id stays.
    let before = change(&file, |settings| drop(settings.ensure_server_id(None).to_owned()));
    assert_eq!(before.own_server_id(Some(&one)), before.server_id.as_deref());
    let marked = change(&file, |settings| drop(settings.ensure_server_id(Some(&one)).to_owned()));
    assert_eq!((&marked.server_id, &marked.server_of), (&before.server_id, &Some(one.clone())));
    assert_eq!(marked.own_server_id(Some(&one)), before.server_id.as_deref());
    // A machine without an id cannot tell.
    assert_eq!(marked.own_server_id(None), before.server_id.as_deref());
    assert_eq!(marked.own_server_id(Some(&other)), None);
    let moved = change(&file, |settings| drop(settings.ensure_server_id(Some(&other)).to_owned()));
    assert_ne!(moved.server_id, before.server_id);
    assert_eq!(file.load().unwrap().own_server_id(Some(&other)), moved.server_id.as_deref());
    assert_eq!(moved.secret.unwrap().expose_secret(), SECRET);
}

#[test]
fn a_file_that_others_may_look_into_is_refused() {
    let (_directory, file, path) = a_file();
    for wide in [0o640, 0o604, 0o660, 0o610, 0o666] {
        set_mode(&path, wide);
        let error = file.load().unwrap_err();
        assert_eq!(error.exposed(), Some(path.as_path()));
        assert!(error.to_string().contains(&format!("its mode is {wide:o}")), "{error}");
    }
    set_mode(&path, 0o400);
    assert!(file.load().is_ok());
    let directory = path.parent().unwrap();
    for wide in [0o755, 0o750, 0o701] {
        set_mode(directory, wide);
        assert_eq!(file.load().unwrap_err().exposed(), Some(directory));
        assert_eq!(
            file.make_directory().unwrap_err().exposed(),
            Some(directory),
            "a secret may be known by now"
        );
    }
    set_mode(directory, 0o700);
}

#[test]
fn an_empty_directory_that_is_too_wide_is_narrowed() {
    let directory = tempfile::tempdir().unwrap();
    let inside = directory.path().join(".services");
    std::fs::create_dir(&inside).unwrap();
    set_mode(&inside, 0o755);
    assert_eq!(SecurityFile::new(&inside).make_directory().unwrap(), Some(0o755));
    assert_eq!(mode(&inside), 0o700);
}

#[test]
fn a_link_or_what_is_no_file_is_refused() {
    let (directory, file, path) = a_file();
    let elsewhere = directory.path().join("elsewhere.json");
    std::fs::rename(&path, &elsewhere).unwrap();
    symlink(&elsewhere, &path).unwrap();
    assert!(file.load().unwrap_err().to_string().ends_with("is a symbolic link"));
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    assert!(file.load().is_err());
    std::fs::remove_dir(&path).unwrap();
    assert!(file.load().unwrap_err().is_not_found());
    let link = directory.path().join("link");
    symlink(path.parent().unwrap(), &link).unwrap();
    let error = SecurityFile::new(&link).load().unwrap_err();
    assert!(error.to_string().ends_with("is a symbolic link"), "{error}");
}

#[test]
fn the_file_of_the_predecessor_is_read_and_its_keys_are_kept() {
    let text = format!(
        r#"{{"enable_hmac": true, "hmac_secret": "{SECRET}", "hmac_header": "X-HMAC-Signature",
        "hmac_timestamp_header": "X-Timestamp", "hmac_nonce_header": "X-Nonce", "hmac_window_seconds": 120,
        "enable_jwt": false, "jwt_secret": "", "enable_csrf": true, "csrf_header": "X-CSRF-Token",
        "csrf_token_expiry": 3600, "enable_cors": false, "allowed_origins": ["http://localhost:3000"],
        "allowed_methods": ["GET"], "allowed_headers": ["*"], "enable_security_headers": true,
        "log_security_events": true}}"#
    );
    let settings = SecuritySettings::from_json(&text).unwrap();
    assert_eq!((settings.window_seconds, settings.server_id.is_none()), (120, true));
    let written: serde_json::Value = serde_json::from_str(&settings.to_json()).unwrap();
    let before: serde_json::Value = serde_json::from_str(&text).unwrap();
    for (key, value) in before.as_object().unwrap() {
        assert_eq!(written.get(key), Some(value), "{key}");
    }
    let fresh = SecuritySettings::from_json(r#"{"hmac_secret": ""}"#).unwrap();
    assert!(fresh.secret.is_none() && fresh.verifier().is_none() && fresh.enable_hmac);
}

#[test]
fn what_is_wrong_is_told_with_its_key_and_without_its_value() {
    let table = [
        (r#"{"hmac_secrt": "canary"}"#, "unknown key `hmac_secrt`; did you mean `hmac_secret`?"),
        (r#"{"canary-of-nothing": 1}"#, "unknown key `canary-of-nothing`"),
        (r#"{"hmac_secret": 7}"#, "`hmac_secret` has to be"),
        (r#"{"hmac_secret": "a canary"}"#, "`hmac_secret` has to be"),
        (r#"{"enable_hmac": "false"}"#, "`enable_hmac` has to be true or false"),
        (r#"{"hmac_window_seconds": 0}"#, "seconds from 1 to 3600"),
        (r#"{"hmac_window_seconds": 86400}"#, "seconds from 1 to 3600"),
        (r#"{"server_id": "web1"}"#, "`server_id` has to be 32"),
        (r#"{"hmac_header": "X-Mine"}"#, "`hmac_header` has to be `X-HMAC-Signature`"),
        (r#"{"previous_secrets": [{"secret": "canary", "until": "soon"}]}"#, "`previous_secrets` has to be"),
        (r#"{"previous_secrets": [{"secret": "canary"}]}"#, "`previous_secrets` has to be"),
        ("[]", "no JSON object"),
        ("{\"hmac_secret\":\n \"canary}", "it is no JSON: line 2"),
    ];
    for (text, expected) in table {
        let error = SecuritySettings::from_json(text).unwrap_err();
        assert!(error.contains(expected), "{text}: {error}");
        assert!(!error.replace("canary-of-nothing", "").contains("canary"), "{error}");
    }
}

#[test]
fn a_secret_is_told_by_its_beginning_alone() {
    let mut settings = with_secret(SECRET);
    let print = fingerprint(settings.secret.as_ref().unwrap());
    assert!(print.starts_with("cana… (") && print.len() < 30 && !print.contains("canary"), "{print}");
    assert_ne!(print, fingerprint(&secret(&SECRET.replace('A', "B"))));
    assert!(fingerprint(&secret("short")).starts_with("… ("));
    settings.rotate(secret(&SECRET.replace('A', "B")), SignedDuration::from_hours(1), now()).unwrap();
    let shown = format!("{settings:?}");
    assert!(!shown.contains("canary"), "{shown}");
}

#[test]
fn the_secret_before_is_good_for_the_grace_and_no_longer() {
    let mut settings = with_secret("one");
    settings.rotate(secret("two"), SignedDuration::from_hours(24), now()).unwrap();
    let hours = |count| now() + SignedDuration::from_hours(count);
    assert_eq!(settings.previous[0].until, hours(24));
    let read = SecuritySettings::from_json(&settings.to_json()).unwrap();
    assert_eq!(read.signing_keys(hours(23)).len(), 2);
    assert_eq!(read.signing_keys(hours(24)).len(), 1);
    settings.rotate(secret("three"), SignedDuration::from_hours(24), hours(1)).unwrap();
    assert_eq!(settings.previous.len(), 2);
    settings.rotate(secret("four"), SignedDuration::from_hours(24), hours(24)).unwrap();
    assert_eq!(settings.previous.len(), 2, "the first has ended");
    settings.rotate(secret("five"), SignedDuration::ZERO, hours(24)).unwrap();
    assert!(settings.previous.is_empty(), "without a grace all before it end");
    for number in 0..4 {
        let text = format!("more-{number}");
        settings.rotate(secret(&text), SignedDuration::from_hours(24), hours(24)).unwrap();
    }
    let refused = settings.rotate(secret("last"), SignedDuration::from_hours(24), hours(24));
    assert_eq!(refused, Err(RotateError::TooMany));
    let refused = settings.rotate(secret("last"), SignedDuration::from_hours(30 * 24 + 1), hours(24 * 9));
    assert_eq!(refused, Err(RotateError::TooLong));
    assert_eq!(settings.secret.unwrap().expose_secret(), "more-3", "what is refused changes nothing");
}

#[test]
fn many_who_change_it_at_once_lose_nothing() {
    let (_directory, file, _) = a_file();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..20 {
                    change(&file, |settings| settings.window_seconds += 1);
                }
            });
        }
    });
    assert_eq!(file.load().unwrap().window_seconds, 300 + 160);
}

#[test]
fn a_change_holds_for_the_next_look() {
    let (_directory, file, path) = a_file();
    let watched = Watched::new(file.clone());
    let first = watched.current().unwrap();
    assert!(std::sync::Arc::ptr_eq(&first, &watched.current().unwrap()), "it is read once");
    change(&file, |settings| settings.secret = Some(secret("another")));
    assert_eq!(watched.current().unwrap().settings.secret.as_ref().unwrap().expose_secret(), "another");
    // In place, as an editor may do it, with as many bytes.
    let text = std::fs::read_to_string(&path).unwrap().replace("another", "changed");
    std::fs::write(&path, text).unwrap();
    assert_eq!(watched.current().unwrap().settings.secret.as_ref().unwrap().expose_secret(), "changed");
    set_mode(&path, 0o644);
    assert!(watched.current().unwrap_err().exposed().is_some(), "what others may read is good no longer");
    set_mode(&path, 0o600);
    assert!(watched.current().is_ok());
    std::fs::remove_file(&path).unwrap();
    assert!(watched.current().unwrap_err().is_not_found());
}

#[test]
fn a_secret_that_is_set_by_hand_is_long_and_plain() {
    assert!(check_secret(SECRET).is_ok());
    for wrong in
        ["", "short", &"a".repeat(513), "with a blank in it, and long enough as it is", &"é".repeat(40)]
    {
        let reason = check_secret(wrong).unwrap_err();
        assert!(wrong.is_empty() || !reason.contains(wrong), "{reason}");
    }
}
