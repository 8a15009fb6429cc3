//! People who log in, machines with tokens, and everybody else, over loopback.
#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

mod asking;

use std::sync::Arc;

use asking::{Answer, PASSWORD, Server};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::{Value, json};
use taskflows_api::server::AuditOutcome;
use taskflows_security::{
    KeptError, MemoryPeople, PasswordDigest, Rotation, Session, SessionStore, TokenKey,
};

const UNAUTHORIZED: &str = r#"{"title":"Unauthorized","status":401,"detail":"no credentials, or none that are good here and now","code":"unauthorized"}"#;
const FORBIDDEN: &str =
    r#"{"title":"Forbidden","status":403,"detail":"it needs a greater role","code":"role-too-low"}"#;
const NOT_MEANT: &str = r#"{"title":"Forbidden","status":403,"detail":"a change by a cookie needs its CSRF token in `X-CSRF-Token`","code":"csrf"}"#;

#[track_caller]
fn unauthorized(answer: &Answer) {
    assert_eq!((answer.status, answer.body.as_str()), (401, UNAUTHORIZED));
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
}

#[track_caller]
fn forbidden(answer: &Answer) {
    assert_eq!((answer.status, answer.body.as_str()), (403, FORBIDDEN));
}

fn set_cookies(answer: &Answer) -> Vec<&str> {
    let set = answer.headers.iter().filter(|(name, _)| name == "set-cookie");
    set.map(|(_, value)| value.as_str()).collect()
}

fn keys(answer: &Answer) -> Vec<String> {
    let mut keys: Vec<String> = answer.json().as_object().unwrap().keys().cloned().collect();
    keys.sort();
    keys
}

#[track_caller]
fn not_meant(answer: &Answer) {
    assert_eq!((answer.status, answer.body.as_str()), (403, NOT_MEANT));
}

#[tokio::test]
async fn who_knows_the_password_gets_tokens_and_no_cookie() {
    let server = Server::start().await;
    let login = server.login("ada").await;
    // The keys of the predecessor.
    let known =
        ["access_token", "csrf_expires_in", "csrf_token", "expires_in", "refresh_token", "token_type"];
    assert_eq!(keys(&login), known);
    assert_eq!(
        (login.text("token_type"), login.json()["expires_in"].as_i64()),
        ("bearer".to_owned(), Some(900))
    );
    assert_eq!(login.header("cache-control"), Some("no-store"));
    let me = server.get("/auth/me", &login.text("access_token")).await;
    assert_eq!((me.status, me.json()), (200, json!({"name": "ada", "role": "admin"})));
    assert!(server.access.people.get("ada").unwrap().unwrap().last_login.is_some());
    let renewed = server.renew(&login.text("refresh_token")).await;
    assert_eq!(keys(&renewed), known);
    assert!(set_cookies(&login).is_empty() && set_cookies(&renewed).is_empty());
}

#[tokio::test]
async fn a_page_gets_its_tokens_in_cookies_that_no_script_sees_and_nowhere_else() {
    let server = Server::start().await;
    let login = server.login_page("ada").await;
    let cookies = login.cookies();
    let renewed = server.ask("POST", "/auth/refresh", &[("Cookie", &cookies)], "{}").await;
    for answer in [&login, &renewed] {
        assert_eq!(keys(answer), ["csrf_expires_in", "csrf_token", "expires_in"], "{}", answer.body);
        assert_eq!(set_cookies(answer).len(), 2);
        for cookie in set_cookies(answer) {
            assert!(cookie.contains("; HttpOnly; SameSite=Strict") && !cookie.contains("Secure"), "{cookie}");
            let value = cookie.split(['=', ';']).nth(1).unwrap();
            assert!(value.len() > 100 && !answer.body.contains(value));
        }
    }
    let me = server.ask("GET", "/auth/me", &[("Cookie", &renewed.cookies())], "").await;
    assert_eq!(me.status, 200);
}

#[tokio::test]
async fn cookies_are_those_of_this_host_alone_where_the_server_has_tls() {
    let server = Server::with(|host| host.access.secure_cookies = true).await;
    let login = server.login_page("ada").await;
    let set = set_cookies(&login);
    assert_eq!(set.len(), 2);
    for cookie in &set {
        assert!(cookie.starts_with("__Host-tf_") && cookie.contains("; Path=/; "), "{cookie}");
        assert!(cookie.ends_with("; Secure"), "{cookie}");
    }
    let cookies = login.cookies();
    let shown = &server;
    let me = |cookies: String| async move { shown.ask("GET", "/auth/me", &[("Cookie", &cookies)], "").await };
    assert_eq!(me(cookies.clone()).await.status, 200);
    assert_eq!(me(format!("tf_access=planted; {cookies}")).await.status, 200);
    unauthorized(&me(cookies.replace("__Host-", "")).await);
    let renewed = server.ask("POST", "/auth/refresh", &[("Cookie", &cookies)], "{}").await;
    assert_eq!(renewed.status, 200);
}

#[tokio::test]
async fn a_page_of_another_site_neither_logs_in_nor_renews_a_login() {
    let server = Server::start().await;
    let login = server.login_page("ada").await;
    let cookies = login.cookies();
    let enter = json!({"username": "ada", "password": PASSWORD, "cookies": true}).to_string();
    for (name, value) in [
        ("Origin", "https://evil.example"),
        ("Origin", "http://web1:8000"),
        ("Origin", "null"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
    ] {
        let headers = [("Cookie", cookies.as_str()), (name, value)];
        for (path, body) in [("/auth/refresh", "{}"), ("/auth/login", enter.as_str())] {
            let refused = server.ask("POST", path, &headers, body).await;
            assert_eq!(
                (refused.status, refused.text("code").as_str()),
                (403, "cross-site"),
                "{name} {value}"
            );
            assert!(set_cookies(&refused).is_empty());
        }
    }
    for (name, value) in [("Origin", "http://web1"), ("Sec-Fetch-Site", "same-origin")] {
        let headers = [("Cookie", cookies.as_str()), (name, value)];
        assert_eq!(server.ask("POST", "/auth/refresh", &headers, "{}").await.status, 200, "{name} {value}");
    }
}

/// What comes over the network without TLS.
async fn from(server: &Server, peer: [u8; 4], method: &str, path: &str, bearer: &str, body: &str) -> u16 {
    use axum::body::Body;
    use tower::ServiceExt;
    let mut request = axum::http::Request::builder().method(method).uri(path);
    request = request.header("content-type", "application/json");
    if !bearer.is_empty() {
        request = request.header("authorization", format!("Bearer {bearer}"));
    }
    let peer = std::net::SocketAddr::from((peer, 50_000));
    let request = request.extension(axum::extract::ConnectInfo(peer)).body(Body::from(body.to_owned()));
    let answer = server.router.clone().oneshot(request.unwrap()).await.unwrap();
    answer.status().as_u16()
}

#[tokio::test]
async fn from_another_host_logins_and_tokens_are_taken_over_tls_alone() {
    let near = [127, 0, 0, 1];
    let far = [192, 0, 2, 7];
    let enter = json!({"username": "ada", "password": PASSWORD}).to_string();
    for (by_tls, peer, enters, is_known) in
        [(false, near, 200, 200), (false, far, 403, 401), (true, near, 200, 200), (true, far, 200, 200)]
    {
        let server = Server::with(|host| host.access.secure_cookies = by_tls).await;
        let login = server.login("ada").await;
        let (access, refresh) = (login.text("access_token"), login.text("refresh_token"));
        let machine = server.post("/api/tokens", &access, &json!({"name": "m", "role": "viewer"})).await;
        assert_eq!(from(&server, peer, "POST", "/auth/login", "", &enter).await, enters);
        let renew = json!({"refresh_token": refresh}).to_string();
        assert_eq!(from(&server, peer, "POST", "/auth/refresh", "", &renew).await, enters);
        for token in [access, machine.text("token")] {
            assert_eq!(from(&server, peer, "GET", "/auth/me", &token, "").await, is_known);
        }
    }
}

#[tokio::test]
async fn every_login_that_fails_has_the_same_answer() {
    let server = Server::start().await;
    let names = ["ada", "nobody", "", "ada\u{0}", "../../etc/passwd", &"a".repeat(10_000)];
    for (number, name) in names.into_iter().enumerate() {
        // Each from afresh, so that none has to wait.
        server.later(3_600);
        for password in ["a quiet rivers", "", &"x".repeat(20_000)] {
            let answer = server.login_as(name, password).await;
            unauthorized(&answer);
            assert_eq!(answer.header("set-cookie"), None, "{number}");
        }
    }
    server.later(3_600);
    server.login("ada").await;
}

#[tokio::test]
async fn a_body_that_is_not_a_login_is_refused_without_its_content() {
    let server = Server::start().await;
    let ask = |body: &'static str| server.ask("POST", "/auth/login", &[], body);
    for (body, status) in [
        (r#"{"username": "ada"}"#, 422),
        (r#"{"username": "ada", "password": "s3cret", "admin": true}"#, 422),
        (r#"{"username": "ada", "password": ["s3cret"]}"#, 422),
        (r#"{"username": "ada", "password": "s3cret""#, 400),
        ("s3cret", 400),
    ] {
        let answer = ask(body).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.body);
        assert!(!answer.body.contains("s3cret"), "{}", answer.body);
    }
    // A form of another page has no other kind.
    for kind in ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data"] {
        let answer = server.ask("POST", "/auth/login", &[("Content-Type", kind)], "").await;
        assert_eq!(answer.status, 415, "{kind}");
    }
    let large = json!({"username": "ada", "password": "x".repeat(70_000)}).to_string();
    assert_eq!(server.ask("POST", "/auth/login", &[], &large).await.status, 413);
}

#[tokio::test]
async fn who_guesses_has_to_wait_and_so_does_who_knows() {
    let server = Server::start().await;
    for _ in 0..5 {
        unauthorized(&server.login_as("ada", "wrong password").await);
    }
    let wait = server.login_as("ada", PASSWORD).await;
    assert_eq!((wait.status, wait.header("retry-after")), (429, Some("30")));
    assert_eq!(wait.text("code"), "wait");
    // From the same address it is the same for every name, there or not.
    for name in ["otto", "nobody"] {
        assert_eq!(server.login_as(name, PASSWORD).await.status, 429);
    }
    server.later(29);
    assert_eq!(server.login_as("ada", PASSWORD).await.header("retry-after"), Some("1"));
    server.later(1);
    server.login("ada").await;
}

#[tokio::test]
async fn who_guesses_from_elsewhere_keeps_nobody_out_where_they_logged_in_before_or_on_this_host() {
    let server = Server::with(|host| host.access.secure_cookies = true).await;
    let (known, new) = ([192, 0, 2, 7], [192, 0, 2, 8]);
    let enter = |password: &str| json!({"username": "ada", "password": password}).to_string();
    let from =
        async |peer, password: &str| from(&server, peer, "POST", "/auth/login", "", &enter(password)).await;
    assert_eq!(from(known, PASSWORD).await, 200);
    for last in 1..=5 {
        assert_eq!(from([203, 0, 113, last], "wrong password").await, 401);
    }
    assert_eq!(from([203, 0, 113, 6], "wrong password").await, 429);
    assert_eq!(from(new, PASSWORD).await, 429, "nobody knows who this is");
    for peer in [known, [127, 0, 0, 1]] {
        assert_eq!(from(peer, PASSWORD).await, 200);
    }
    assert_eq!(from(new, PASSWORD).await, 429, "that gave who guesses no tries back");
    // Who guesses from there has five tries as anywhere.
    let mut refused = Vec::new();
    for _ in 0..7 {
        refused.push(from(known, "wrong password").await);
    }
    assert_eq!(refused, [401, 401, 401, 401, 401, 429, 429]);
    assert_eq!(from(known, PASSWORD).await, 429);
    server.later(30 * 24 * 3_600);
    for last in 1..=5 {
        assert_eq!(from([203, 0, 113, last], "wrong password").await, 401);
    }
    assert_eq!(from(known, PASSWORD).await, 429, "it is long past");
}

#[tokio::test]
async fn who_guesses_through_a_forwarder_on_this_host_makes_nobody_else_wait() {
    let server = Server::start().await;
    let body = |password: &str| json!({"username": "ada", "password": password}).to_string();
    let through = async |address: &str, password: &str| {
        let headers = [("X-Forwarded-For", address)];
        server.ask("POST", "/auth/login", &headers, &body(password)).await.status
    };
    assert_eq!(through("192.0.2.7", PASSWORD).await, 200);
    for _ in 0..5 {
        assert_eq!(through("203.0.113.9", "wrong password").await, 401);
    }
    // Addresses that are made up have the tries of the account against them.
    for made_up in ["203.0.113.9", "203.0.113.10", "127.0.0.1", "made up"] {
        assert_eq!(through(made_up, PASSWORD).await, 429, "{made_up}");
    }
    assert_eq!(through("203.0.113.9, 192.0.2.7", PASSWORD).await, 200);
    server.login("ada").await;
}

#[tokio::test]
async fn guesses_at_once_are_no_more_than_guesses_one_after_the_other() {
    let server = Server::start().await;
    let all = (0..40).map(|_| server.login_as("ada", "wrong password"));
    let answers = futures_util::future::join_all(all).await;
    let count = |status| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!((count(401), count(429)), (5, 35));
}

#[tokio::test]
async fn a_refresh_token_works_once_and_used_again_ends_the_session_for_all() {
    let server = Server::start().await;
    let login = server.login("otto").await;
    server.later(60);
    let second = server.renew(&login.text("refresh_token")).await;
    assert_eq!(second.status, 200, "{}", second.body);
    assert_ne!(second.text("access_token"), login.text("access_token"));
    assert_eq!(server.get("/auth/me", &second.text("access_token")).await.status, 200);
    let other = server.login("otto").await;
    // Somebody has a copy of the first.
    server.later(10);
    unauthorized(&server.renew(&login.text("refresh_token")).await);
    unauthorized(&server.renew(&second.text("refresh_token")).await);
    unauthorized(&server.get("/auth/me", &second.text("access_token")).await);
    unauthorized(&server.get("/auth/me", &login.text("access_token")).await);
    assert_eq!(
        server.get("/auth/me", &other.text("access_token")).await.status,
        200,
        "another session goes on"
    );
}

#[tokio::test]
async fn pages_that_renew_at_once_stay_in_whichever_answer_comes_last() {
    let server = Server::start().await;
    let login = server.login("otto").await;
    server.later(60);
    let old = login.text("refresh_token");
    let answers = futures_util::future::join_all((0..5).map(|_| server.renew(&old))).await;
    assert!(answers.iter().all(|answer| answer.status == 200), "{}", answers[0].body);
    server.later(9);
    let late = server.renew(&old).await;
    assert_eq!(late.status, 200);
    server.later(600);
    // Any of these is the newest.
    for answer in answers.iter().chain([&late]) {
        assert_eq!(server.get("/auth/me", &answer.text("access_token")).await.status, 200);
    }
    let renewed = server.renew(&answers[2].text("refresh_token")).await;
    assert_eq!(renewed.status, 200);
    assert_eq!(server.renew(&late.text("refresh_token")).await.status, 200, "for the same answer");
    unauthorized(&server.renew(&old).await);
    unauthorized(&server.get("/auth/me", &renewed.text("access_token")).await);
}

#[tokio::test]
async fn tokens_are_renewed_by_the_cookie_too_and_one_that_is_over_takes_it_away() {
    let server = Server::start().await;
    let login = server.login_page("vera").await;
    let renewed = server.ask("POST", "/auth/refresh", &[("Cookie", &login.cookies())], "{}").await;
    assert_eq!(renewed.status, 200);
    server.later(10);
    let again = server.ask("POST", "/auth/refresh", &[("Cookie", &login.cookies())], "{}").await;
    unauthorized(&again);
    assert!(again.headers.iter().filter(|(_, value)| value.contains("Max-Age=0")).count() == 2);
    unauthorized(&server.ask("POST", "/auth/refresh", &[], "{}").await);
}

#[tokio::test]
async fn a_token_is_over_after_its_time() {
    let server = Server::start().await;
    let login = server.login("ada").await;
    server.later(899);
    assert_eq!(server.get("/auth/me", &login.text("access_token")).await.status, 200);
    server.later(1);
    unauthorized(&server.get("/auth/me", &login.text("access_token")).await);
    server.later(7 * 24 * 3_600 - 901);
    let renewed = server.renew(&login.text("refresh_token")).await;
    assert_eq!(renewed.status, 200);
    server.later(7 * 24 * 3_600);
    unauthorized(&server.renew(&renewed.text("refresh_token")).await);
}

#[tokio::test]
async fn a_token_for_one_use_is_worth_nothing_for_another() {
    let server = Server::start().await;
    let login = server.login("ada").await;
    let (access, refresh) = (login.text("access_token"), login.text("refresh_token"));
    unauthorized(&server.get("/auth/me", &refresh).await);
    unauthorized(&server.renew(&access).await);
    unauthorized(&server.get("/auth/me", &login.text("csrf_token")).await);
    assert_eq!(server.get("/auth/me", &access).await.status, 200, "nothing of that ended the session");
}

#[tokio::test]
async fn a_token_for_one_server_is_worth_nothing_for_another() {
    let key = TokenKey::new(&"k".repeat(32)).unwrap();
    let people = || Arc::new(MemoryPeople::new(Some(key.clone())));
    let one = Server::with(|host| host.access.people = people()).await;
    let other = Server::with(|host| {
        host.access.people = people();
        host.access.sessions = Arc::clone(&one.access.sessions);
        host.server_id = "another".to_owned();
    })
    .await;
    // Both have the same key and the same sessions.
    let login = one.login("ada").await;
    unauthorized(&other.get("/auth/me", &login.text("access_token")).await);
    unauthorized(&other.renew(&login.text("refresh_token")).await);
    assert_eq!(one.get("/auth/me", &login.text("access_token")).await.status, 200);
}

#[tokio::test]
async fn a_forged_or_broken_credential_is_refused() {
    let server = Server::start().await;
    let login = server.login("ada").await;
    let access = login.text("access_token");
    let parts: Vec<&str> = access.split('.').collect();
    let with_header = |header: &str| format!("{}.{}.{}", URL_SAFE_NO_PAD.encode(header), parts[1], parts[2]);
    let claims = String::from_utf8(URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
    let other = claims.replace("\"ada\"", "\"otto\"");
    for token in [
        String::new(),
        "x".to_owned(),
        with_header(r#"{"typ":"JWT","alg":"none"}"#),
        with_header(r#"{"typ":"JWT","alg":"RS256"}"#),
        format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"none"}"#), parts[1]),
        format!("{}.{}.{}", parts[0], URL_SAFE_NO_PAD.encode(other), parts[2]),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{access}x"),
        access[..access.len() - 1].to_owned(),
        format!("tft_{}", "A".repeat(43)),
        "tft_".to_owned(),
        "x".repeat(8_000),
    ] {
        unauthorized(&server.get("/auth/me", &token).await);
    }
    for header in ["", "Bearer", "Basic YWRhOmEgcXVpZXQgcml2ZXI=", &access, "Bearer\tx"] {
        unauthorized(&server.ask("GET", "/auth/me", &[("Authorization", header)], "").await);
    }
    let (good, bad) = (format!("Bearer {access}"), "Bearer x");
    let two = [("Authorization", good.as_str()), ("Authorization", bad)];
    unauthorized(&server.ask("GET", "/auth/me", &two, "").await);
    // A header that is not right is not made good by a cookie.
    let cookies = server.login_page("ada").await.cookies();
    unauthorized(&server.ask("GET", "/auth/me", &[("Authorization", bad), ("Cookie", &cookies)], "").await);
    unauthorized(&server.ask("GET", "/auth/me", &[], "").await);
    assert_eq!(server.ask("GET", "/auth/me", &[("Cookie", &cookies)], "").await.status, 200);
}

#[tokio::test]
async fn who_logs_out_is_out_at_once() {
    let server = Server::start().await;
    let (login, other) = (server.login("ada").await, server.login("ada").await);
    let out = server.post("/auth/logout", &login.text("access_token"), &json!({})).await;
    assert_eq!((out.status, out.text("message")), (200, "logged out".to_owned()));
    let page = server.login_page("ada").await;
    let cookie = format!("tf_access={}", login.text("access_token"));
    unauthorized(&server.ask("GET", "/auth/me", &[("Cookie", &cookie)], "").await);
    let headers = [("Cookie", page.cookies()), ("X-CSRF-Token", page.text("csrf_token"))];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(server.ask("POST", "/auth/logout", &headers, "").await.status, 200);
    assert_eq!(out.headers.iter().filter(|(_, value)| value.contains("Max-Age=0")).count(), 2);
    unauthorized(&server.get("/auth/me", &login.text("access_token")).await);
    unauthorized(&server.renew(&login.text("refresh_token")).await);
    unauthorized(&server.ask("GET", "/auth/me", &[("Cookie", &page.cookies())], "").await);
    assert_eq!(server.get("/auth/me", &other.text("access_token")).await.status, 200);
}

#[tokio::test]
async fn a_change_with_a_cookie_needs_the_csrf_token_of_its_session() {
    let server = Server::start().await;
    let (login, other) = (server.login_page("ada").await, server.login("ada").await);
    let (cookies, csrf) = (login.cookies(), login.text("csrf_token"));
    let new = json!({"name": "deploy", "role": "viewer"}).to_string();
    let with = |csrf: Option<String>| {
        let (server, cookies, new) = (&server, cookies.clone(), new.clone());
        async move {
            let mut headers = vec![("Cookie", cookies.as_str())];
            headers.extend(csrf.as_deref().map(|csrf| ("X-CSRF-Token", csrf)));
            server.ask("POST", "/api/tokens", &headers, &new).await
        }
    };
    not_meant(&with(None).await);
    not_meant(&with(Some(String::new())).await);
    not_meant(&with(Some(other.text("csrf_token"))).await);
    not_meant(&with(Some("0".repeat(csrf.len()))).await);
    assert_eq!(server.access.tokens.list().unwrap(), [], "nothing was changed");
    not_meant(&server.ask("POST", "/auth/logout", &[("Cookie", &cookies)], "").await);
    assert_eq!(with(Some(csrf.clone())).await.status, 201);
    // To look needs none, and a page that was loaded anew gets one.
    let me = server.ask("GET", "/auth/me", &[("Cookie", &cookies)], "").await;
    assert_eq!(me.status, 200);
    let headers = [("Cookie", cookies.as_str()), ("X-CSRF-Token", &me.text("csrf_token"))];
    assert_eq!(server.ask("DELETE", "/api/tokens/deploy", &headers, "").await.status, 204);
    // A bearer token is sent by nobody who does not mean it.
    let bearer = other.text("access_token");
    let made = json!({"name": "by-bearer", "role": "viewer"});
    assert_eq!(server.post("/api/tokens", &bearer, &made).await.status, 201);
}

#[tokio::test]
async fn a_new_password_role_or_removal_ends_the_sessions_of_somebody_at_once() {
    let server = Server::start().await;
    let ada = server.login("ada").await.text("access_token");
    for change in [json!({"password": "a loud waterfall"}), json!({"role": "operator"})] {
        let vera = server.login_as("vera", PASSWORD).await;
        let vera = if vera.status == 200 { vera } else { server.login_as("vera", "a loud waterfall").await };
        let changed = server.post("/api/people/vera", &ada, &change).await;
        assert_eq!(changed.status, 200, "{}", changed.body);
        unauthorized(&server.get("/auth/me", &vera.text("access_token")).await);
        unauthorized(&server.renew(&vera.text("refresh_token")).await);
    }
    unauthorized(&server.login_as("vera", PASSWORD).await);
    let vera = server.login_as("vera", "a loud waterfall").await;
    let me = server.get("/auth/me", &vera.text("access_token")).await;
    assert_eq!(me.json(), json!({"name": "vera", "role": "operator"}));
    let header = format!("Bearer {ada}");
    let headers = [("Authorization", header.as_str())];
    let remove = || server.ask("DELETE", "/api/people/vera", &headers, "");
    assert_eq!(remove().await.status, 204);
    unauthorized(&server.get("/auth/me", &vera.text("access_token")).await);
    unauthorized(&server.renew(&vera.text("refresh_token")).await);
    unauthorized(&server.login_as("vera", "a loud waterfall").await);
    assert_eq!(remove().await.status, 404);
    assert_eq!(server.get("/auth/me", &ada).await.status, 200);
}

#[tokio::test]
async fn a_password_of_the_predecessor_is_good_and_kept_as_others_are_after_the_first_login() {
    let server = Server::start().await;
    let old = PasswordDigest::from_phc("$2b$05$abcdefghijklmnopqrstuuZD5R2RI6zkN7jeEtEouloIoXOtpFUbG");
    server.access.people.change("vera", &mut |one| one.password = old.clone()).unwrap();
    unauthorized(&server.login_as("vera", "a loud waterfall").await);
    let kept = || server.access.people.get("vera").unwrap().unwrap().password;
    assert_eq!(kept(), old, "only who knows it changes it");
    let answers = futures_util::future::join_all((0..3).map(|_| server.login("vera"))).await;
    assert!(!kept().is_old() && kept().is_usable());
    for answer in answers {
        assert_eq!(server.get("/auth/me", &answer.text("access_token")).await.status, 200);
    }
    server.login("vera").await;
    unauthorized(&server.login_as("vera", "a loud waterfall").await);
}

/// Returns who came in by an answer or why nobody did, and how often the disk was waited for.
fn told(server: &Server, before: usize) -> (Option<String>, Option<String>, String, usize) {
    let records = server.audit.records().split_off(before);
    let begun = records.iter().filter(|(_, outcome)| outcome.is_none()).count();
    let (record, outcome) = records.last().unwrap().clone();
    let reason = match outcome.unwrap() {
        AuditOutcome::Refused { status, reason } => format!("{status}: {reason}"),
        AuditOutcome::Answered { status, .. } => status.to_string(),
    };
    (record.who, record.claimed, reason, begun)
}

#[tokio::test]
async fn who_logs_in_is_on_record_by_name_and_who_does_not_is_one_line_of_strangers() {
    let server = Server::start().await;
    let name = |text: &str| Some(text.to_owned());
    let now = || server.audit.records().len();
    let before = now();
    let login = server.login("ada").await;
    assert_eq!(told(&server, before), (name("ada"), None, "200".to_owned(), 1));
    assert_eq!(server.audit.records().last().unwrap().0.role, Some(taskflows_security::Role::Admin));
    let before = now();
    let renewed = server.renew(&login.text("refresh_token")).await;
    assert_eq!((renewed.status, told(&server, before)), (200, (name("ada"), None, "200".to_owned(), 1)));
    for (user, claimed, reason) in [
        ("ada", name("ada"), "401: the password is wrong"),
        // It may be a password that was typed in the wrong place.
        ("a quiet river", None, "401: nobody has this name"),
    ] {
        let before = now();
        unauthorized(&server.login_as(user, "wrong password").await);
        assert_eq!(told(&server, before), (None, claimed, reason.to_owned(), 0));
    }
    server.later(600);
    let before = now();
    unauthorized(&server.renew(&login.text("refresh_token")).await);
    let twice = "401: a refresh token was used twice: its session is ended";
    assert_eq!(told(&server, before), (None, name("ada"), twice.to_owned(), 0));
    for _ in 0..5 {
        server.login_as("ada", "wrong password").await;
    }
    let before = now();
    assert_eq!(server.login_as("ada", PASSWORD).await.status, 429);
    assert_eq!(told(&server, before), (None, None, "429: too many tries to log in".to_owned(), 0));
    assert_eq!(server.ask("POST", "/auth/login", &[], "{").await.status, 400);
}

/// Sessions that can be begun and not ended.
#[derive(Debug, Default)]
struct StuckSessions(taskflows_security::MemorySessions);

impl SessionStore for StuckSessions {
    fn open(&self, session: &Session, now: Timestamp) -> Result<(), KeptError> {
        self.0.open(session, now)
    }

    fn rotate(&self, used: &str, next: &Session, now: Timestamp) -> Result<Rotation, KeptError> {
        self.0.rotate(used, next, now)
    }

    fn revoke(&self, _: &str) -> Result<(), KeptError> {
        Err(KeptError::failed("end a session", "the disk is full"))
    }

    fn revoke_user(&self, _: &str) -> Result<usize, KeptError> {
        Err(KeptError::failed("end sessions", "the disk is full"))
    }

    fn is_live(&self, family: &str, user: &str, now: Timestamp) -> Result<bool, KeptError> {
        self.0.is_live(family, user, now)
    }
}

#[tokio::test]
async fn where_sessions_cannot_be_ended_nothing_of_somebody_is_changed() {
    let server = Server::with(|host| host.access.sessions = Arc::new(StuckSessions::default())).await;
    let ada = server.login("ada").await.text("access_token");
    let before = server.access.people.list().unwrap();
    let header = format!("Bearer {ada}");
    for (method, body) in
        [("POST", r#"{"password": "a loud waterfall"}"#), ("POST", r#"{"role": "viewer"}"#), ("DELETE", "")]
    {
        let answer = server.ask(method, "/api/people/otto", &[("Authorization", &header)], body).await;
        assert_eq!(answer.status, 503, "{method} {body}");
        assert_eq!(server.access.people.list().unwrap(), before);
    }
}

#[tokio::test]
async fn the_role_is_the_one_that_somebody_has_now() {
    let server = Server::start().await;
    let ada = server.login("ada").await.text("access_token");
    assert_eq!(server.get("/api/people", &ada).await.status, 200);
    // As by a hand in the file.
    server.access.people.change("ada", &mut |one| one.role = taskflows_security::Role::Viewer).unwrap();
    forbidden(&server.get("/api/people", &ada).await);
    server.access.people.remove("ada").unwrap();
    unauthorized(&server.get("/auth/me", &ada).await);
}

#[tokio::test]
async fn people_and_tokens_are_for_admins_alone() {
    let server = Server::start().await;
    let routes = [
        ("GET", "/api/people", ""),
        ("POST", "/api/people", r#"{"username": "eve", "password": "a quiet river 2", "role": "admin"}"#),
        ("POST", "/api/people/ada", r#"{"role": "viewer"}"#),
        ("DELETE", "/api/people/ada", ""),
        ("GET", "/api/tokens", ""),
        ("POST", "/api/tokens", r#"{"name": "eve", "role": "admin"}"#),
        ("DELETE", "/api/tokens/deploy", ""),
    ];
    let before = server.access.people.list().unwrap();
    for (method, path, body) in routes {
        unauthorized(&server.ask(method, path, &[], body).await);
    }
    for name in ["otto", "vera"] {
        let bearer = format!("Bearer {}", server.login(name).await.text("access_token"));
        for (method, path, body) in routes {
            forbidden(&server.ask(method, path, &[("Authorization", &bearer)], body).await);
        }
    }
    let names = |people: &[taskflows_security::Person]| -> Vec<(String, taskflows_security::Role)> {
        people.iter().map(|one| (one.name.to_string(), one.role)).collect()
    };
    assert_eq!(names(&server.access.people.list().unwrap()), names(&before));
    assert_eq!(server.access.tokens.list().unwrap(), []);
}

#[tokio::test]
async fn admins_manage_people() {
    let server = Server::start().await;
    let ada = server.login("ada").await.text("access_token");
    let new = |username: &str, password: &str| json!({"username": username, "password": password, "role": "viewer"});
    let made = server.post("/api/people", &ada, &new("grace", "a deep harbour")).await;
    assert_eq!((made.status, made.text("username")), (201, "grace".to_owned()));
    assert!(!made.body.contains("argon2"));
    let again = server.post("/api/people", &ada, &new("grace", "a deep harbour")).await;
    assert_eq!((again.status, again.text("code")), (409, "exists".to_owned()));
    for (username, password) in [("a b", "a deep harbour"), ("hugo", "s3cret"), ("hugo", "password1234")] {
        let refused = server.post("/api/people", &ada, &new(username, password)).await;
        assert_eq!(refused.status, 422, "{}", refused.body);
        assert!(!refused.body.contains(password), "{}", refused.body);
    }
    assert_eq!(server.post("/api/people/hugo", &ada, &json!({"role": "viewer"})).await.status, 404);
    assert_eq!(server.post("/api/people/grace", &ada, &json!({})).await.status, 422);
    let listed = server.get("/api/people", &ada).await.json();
    let names: Vec<&str> =
        listed.as_array().unwrap().iter().map(|one| one["username"].as_str().unwrap()).collect();
    assert_eq!(names, ["ada", "grace", "otto", "vera"]);
    assert!(listed[0].get("password_hash").is_none());
    assert_eq!(server.login_as("grace", "a deep harbour").await.status, 200);
}

#[tokio::test]
async fn a_machine_asks_with_its_token_until_it_is_over_or_removed() {
    let server = Server::start().await;
    let ada = server.login("ada").await.text("access_token");
    let make = |name: &str, expires: Option<&str>| {
        let body = json!({"name": name, "role": "operator", "expires": expires});
        let (server, ada) = (&server, ada.clone());
        async move { server.post("/api/tokens", &ada, &body).await }
    };
    // The clock stands at 2026-11-18T11:06:40Z.
    let made = make("deploy", Some("2026-11-18T12:06:40Z")).await;
    assert_eq!((made.status, made.header("cache-control")), (201, Some("no-store")));
    let token = made.text("token");
    assert!(token.starts_with("tft_") && token.len() == 47);
    let me = server.get("/auth/me", &token).await;
    assert_eq!(me.json(), json!({"name": "token:deploy", "role": "operator"}));
    forbidden(&server.get("/api/people", &token).await);
    assert_eq!(make("deploy", None).await.status, 409);
    assert_eq!(make("a/b", None).await.status, 422);
    assert_eq!(make("past", Some("2020-01-01T00:00:00Z")).await.status, 422);
    let listed = server.get("/api/tokens", &ada).await;
    assert!(!listed.body.contains(&token) && !listed.body.contains("tft_"));
    assert_eq!(listed.json()[0]["last_used"], Value::from("2026-11-18T11:06:40Z"));
    // As a cookie it is worth nothing.
    let cookie = format!("tf_access={token}");
    unauthorized(&server.ask("GET", "/auth/me", &[("Cookie", &cookie)], "").await);
    server.later(3_600);
    unauthorized(&server.get("/auth/me", &token).await);
    let ada = server.login("ada").await.text("access_token");
    let other = server.post("/api/tokens", &ada, &json!({"name": "other", "role": "viewer"})).await;
    let token = other.text("token");
    assert_eq!(server.get("/auth/me", &token).await.status, 200);
    let header = format!("Bearer {ada}");
    let gone = server.ask("DELETE", "/api/tokens/other", &[("Authorization", &header)], "").await;
    assert_eq!(gone.status, 204);
    unauthorized(&server.get("/auth/me", &token).await);
}

#[tokio::test]
async fn where_nobody_may_log_in_no_password_and_no_token_of_a_login_opens_anything() {
    let server = Server::with(|host| host.access.people = Arc::new(MemoryPeople::new(None))).await;
    unauthorized(&server.login_as("ada", PASSWORD).await);
    let elsewhere = Server::start().await.login("ada").await;
    unauthorized(&server.get("/auth/me", &elsewhere.text("access_token")).await);
    unauthorized(&server.renew(&elsewhere.text("refresh_token")).await);
}
