//! Requests signed with the shared key, over loopback: by our own client, by raw sockets, and by settings that change.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

mod signed_host;

use signed_host::{SECRET, SignedHost, a_target, now};
use taskflows_api::client::{Client, Credentials};
use taskflows_api::server::Authority;
use taskflows_security::{AuditQuery, Role, SigningKey, random_hex};

fn client(host: &SignedHost, secret: &str) -> Client {
    let credentials = Credentials::Signed { key: SigningKey::new(secret), server_id: host.server_id.clone() };
    Client::new("web1", &format!("http://{}", host.address), credentials).unwrap()
}

async fn asks(client: &Client) -> Result<Vec<String>, u16> {
    client.get(a_target()).await.map_err(|error| error.status().unwrap())
}

#[tokio::test]
async fn our_own_client_and_server_agree() {
    let host = SignedHost::start().await;
    assert_eq!(asks(&client(&host, SECRET)).await, Ok(vec!["a b".to_owned()]));
    assert_eq!(asks(&client(&host, &SECRET.replace('A', "B"))).await, Err(401));
    let other = SignedHost::start().await;
    let elsewhere = SignedHost { address: other.address, ..host.clone() };
    assert_eq!(asks(&client(&elsewhere, SECRET)).await, Err(401), "it was signed for another server");
}

#[tokio::test]
async fn another_secret_holds_for_the_next_request() {
    let host = SignedHost::start().await;
    let (old, new) = (client(&host, SECRET), client(&host, &SECRET.replace('A', "B")));
    assert!(asks(&old).await.is_ok() && asks(&new).await.is_err());
    host.rotate(&SECRET.replace('A', "B"), 3_600);
    assert!(asks(&old).await.is_ok() && asks(&new).await.is_ok(), "both are good in the grace");
    host.rotate(&SECRET.replace('A', "C"), 0);
    assert!(asks(&old).await.is_err() && asks(&new).await.is_err());
    assert!(asks(&client(&host, &SECRET.replace('A', "C"))).await.is_ok());
    std::fs::remove_file(host.file.path()).unwrap();
    assert_eq!(asks(&client(&host, &SECRET.replace('A', "C"))).await, Err(401));
}

#[tokio::test]
async fn a_request_is_carried_out_once_also_across_a_restart() {
    let mut host = SignedHost::start().await;
    let request = host.signed("GET", a_target(), &random_hex::<16>(), now());
    assert_eq!(host.raw(&request).await.0, 200);
    for _ in 0..200 {
        assert_eq!(host.raw(&request).await.0, 401);
    }
    host.restart().await;
    assert_eq!(host.raw(&request).await.0, 401);
}

#[tokio::test]
async fn of_fifty_who_send_the_same_at_once_one_is_answered() {
    let host = SignedHost::start().await;
    let request = host.signed("GET", a_target(), &random_hex::<16>(), now());
    let all = futures_util::future::join_all((0..50).map(|_| host.raw(&request))).await;
    assert_eq!(all.iter().filter(|(status, _)| *status == 200).count(), 1);
}

#[tokio::test]
async fn every_refusal_is_the_same_answer() {
    let host = SignedHost::start().await;
    let good = |nonce: &str| host.signed("GET", a_target(), nonce, now());
    let nonce = random_hex::<16>();
    let replayed = good(&nonce);
    assert_eq!(host.raw(&replayed).await.0, 200);
    let requests = [
        replayed,
        format!("GET {} HTTP/1.1\r\nHost: localhost\r\n", a_target()),
        good("short"),
        good(&random_hex::<16>()).replace("X-HMAC-Signature: ", "X-HMAC-Signature: 0"),
        good(&random_hex::<16>()).replace("X-Nonce:", "X-Nonce: 0123456789abcdef\r\nX-Nonce:"),
        host.signed("GET", a_target(), &random_hex::<16>(), now() - 301),
        host.signed("GET", a_target(), &random_hex::<16>(), now() + 302),
    ];
    let mut answers = Vec::new();
    for request in &requests {
        answers.push(host.raw(request).await);
    }
    assert!(answers.iter().all(|answer| *answer == answers[0] && answer.0 == 401), "{answers:?}");
    let reasons = host.audit.read(&AuditQuery { failed: true, ..AuditQuery::default() }).unwrap();
    let reasons: Vec<String> = reasons.into_iter().map(|record| record.reason.unwrap()).collect();
    let expected = [
        "its nonce was used before",
        "there is no X-HMAC-Signature",
        "X-Nonce has another form",
        "X-HMAC-Signature has another form",
        "more than one X-Nonce",
        "clock off by 301 s: it was signed that long ago",
        "clock off by 30",
    ];
    assert_eq!(reasons.len(), expected.len());
    for (reason, expected) in reasons.iter().zip(expected) {
        assert!(reason.contains(expected), "{reason}: {expected}");
    }
    assert!(answers[0].1.contains("\"Unauthorized\""), "{answers:?}");
}

#[tokio::test]
async fn without_signatures_only_the_user_of_this_host_is_let_in() {
    let host = SignedHost::start().await;
    let plain = |more: &str| format!("GET {} HTTP/1.1\r\n{more}", a_target());
    let here = plain("Host: localhost:7777\r\n");
    assert_eq!(host.raw(&here).await.0, 401);
    host.change(|settings| settings.enable_hmac = false);
    assert_eq!(host.raw(&here).await.0, 200);
    let change = "POST /api/apply HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n";
    host.raw(change).await;
    let record = host.last_record();
    assert_eq!((record.who.as_deref(), record.role), (Some("local"), Some(Role::Admin)));
    assert_eq!(host.raw(&plain("Host: 127.0.0.1\r\n")).await.0, 200);
    assert_eq!(host.raw(&plain("Host: localhost\r\nSec-Fetch-Site: none\r\n")).await.0, 200);
    let refused = [
        plain("Host: attacker.example\r\n"),
        plain("Host: localhost\r\nHost: localhost\r\n"),
        plain("Host: localhost\r\nOrigin: http://attacker.example\r\n"),
        plain("Host: localhost\r\nCookie: tf_access=x\r\n"),
        plain("Host: localhost\r\nAuthorization: Bearer x\r\n"),
        plain("Host: localhost\r\nForwarded: for=192.0.2.1\r\n"),
        plain("Host: localhost\r\nX-Forwarded-For: 192.0.2.1\r\n"),
        plain("Host: localhost\r\nX-Forwarded-Proto: https\r\n"),
        plain("Host: localhost\r\nX-Real-IP: 192.0.2.1\r\n"),
        plain("Host: localhost\r\nVia: 1.1 proxy\r\n"),
        plain("Host: localhost\r\nSec-Fetch-Site: cross-site\r\n"),
        plain("Host: localhost\r\nSec-Fetch-Site: same-site\r\n"),
        // A signature that is there has to be right.
        plain("Host: localhost\r\nX-Nonce: 0123456789abcdef\r\n"),
    ];
    for request in refused {
        let status = host.raw(&request).await.0;
        assert!(status == 401 || status == 400, "{request}: {status}");
    }
    // Who signs is still known.
    let signed = host.signed("GET", a_target(), &random_hex::<16>(), now());
    assert_eq!(host.raw(&signed).await.0, 200);
}

#[tokio::test]
async fn what_was_signed_is_looked_at_again_without_its_time_and_nonce_and_with_the_keys_of_now() {
    let host = SignedHost::start().await;
    let seconds = std::sync::Arc::new(std::sync::atomic::AtomicI64::new(now()));
    let clock = std::sync::Arc::clone(&seconds);
    let authority = taskflows_api::server::SignedAuthority::new(
        taskflows_security::Watched::new(host.file.clone()),
        std::sync::Arc::new(taskflows_security::MemoryNonceStore::default()),
        host.server_id.clone(),
        std::sync::Arc::new(move || {
            let second = clock.load(std::sync::atomic::Ordering::SeqCst);
            jiff::Timestamp::from_second(second).unwrap()
        }),
    );
    let signed = host.signed("GET", a_target(), &random_hex::<16>(), now());
    let mut request = axum::http::Request::get(a_target());
    for line in signed.lines().skip(1) {
        let (name, value) = line.split_once(": ").unwrap();
        request = request.header(name, value);
    }
    let (parts, ()) = request.body(()).unwrap().into_parts();
    assert!(authority.identify(None, &parts, b"").await.is_ok());
    assert!(authority.identify(None, &parts, b"").await.is_err());
    seconds.fetch_add(3_000, std::sync::atomic::Ordering::SeqCst);
    for _ in 0..2 {
        assert_eq!(authority.recheck(None, &parts, b"").await.unwrap().role, Role::Admin);
    }
    assert!(authority.recheck(None, &parts, b"another").await.is_err());
    host.rotate(&SECRET.replace('A', "B"), 7_200);
    assert!(authority.recheck(None, &parts, b"").await.is_ok(), "the key is good for a while yet");
    seconds.fetch_add(7_200, std::sync::atomic::Ordering::SeqCst);
    assert!(authority.recheck(None, &parts, b"").await.is_err());
}
