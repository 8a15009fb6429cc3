use std::time::{Duration, Instant};

use taskflows_alerts::{Channel, Delivery, Email, MailTls, Message};

use super::certificates::{Authority, Leaf};
use super::smtp::{FakeMailServer, Fault, Tls};
use super::{
    SHORT, amend, assert_permanent, assert_transient, channel, channel_within, message, nothing_set, notify,
    with_a_file,
};

fn to(server: &FakeMailServer) -> Email {
    Email {
        smtp_server: "localhost".into(),
        smtp_port: server.port,
        tls: Some(MailTls::None),
        ..Email::new("Alerts <a@x.org>", "hush-hush", ["b@y.org"])
    }
}

fn header<'a>(mail: &'a str, name: &str) -> Option<&'a str> {
    let head = mail.split("\r\n\r\n").next()?;
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[tokio::test]
async fn a_mail_has_text_and_html_and_files_and_says_what_it_is() {
    let server = FakeMailServer::plain().await;
    notify(&channel(to(&server)), &with_a_file()).await.unwrap();
    let mail = &server.mails()[0];
    for (name, value) in [
        ("From", "Alerts <a@x.org>"),
        ("To", "b@y.org"),
        ("Auto-Submitted", "auto-generated"),
        ("MIME-Version", "1.0"),
    ] {
        assert_eq!(header(mail, name), Some(value), "{mail}");
    }
    assert!(header(mail, "Subject").unwrap().contains("backup failed"));
    assert!(header(mail, "Date").is_some() && header(mail, "Message-ID").unwrap().ends_with("@x.org>"));
    for part in
        ["multipart/mixed", "multipart/alternative", "text/plain", "text/html", r#"filename="log.txt""#]
    {
        assert!(mail.contains(part), "{part} is not in {mail}");
    }
}

#[tokio::test]
async fn each_receiver_gets_a_mail_that_names_no_other() {
    let server = FakeMailServer::plain().await;
    let email = Email { receiver_addr: vec!["b@y.org".into(), "c@y.org".into()], ..to(&server) };
    for channel in taskflows_alerts::Destination::from(email).channels(&nothing_set).unwrap() {
        notify(&channel, &message()).await.unwrap();
    }
    let mails = server.mails();
    assert_eq!(mails.len(), 2);
    assert!(mails[0].contains("b@y.org") && !mails[0].contains("c@y.org"));
    assert!(mails[1].contains("c@y.org") && !mails[1].contains("b@y.org"));
    let receivers = server.commands().into_iter().filter(|line| line.starts_with("RCPT"));
    assert_eq!(receivers.collect::<Vec<_>>(), ["RCPT TO:<b@y.org>", "RCPT TO:<c@y.org>"]);
    assert_eq!(server.sessions(), 1, "the connection is used again");
}

#[tokio::test]
async fn a_repetition_has_the_same_id_and_what_follows_stands_below() {
    let server = FakeMailServer::plain().await;
    let email = channel(to(&server));
    let receipt = notify(&email, &message()).await.unwrap();
    notify(&email, &message()).await.unwrap();
    amend(&email, &receipt, &message()).await.unwrap();
    let detail = message();
    let below = Delivery { message: &detail, key: "key-3", thread: Some(&receipt) };
    email.notifier.notify(&below).await.unwrap();
    let mails = server.mails();
    let ids: Vec<&str> = mails.iter().map(|mail| header(mail, "Message-ID").unwrap()).collect();
    assert_eq!(ids[0], ids[1]);
    assert!(ids[2] != ids[0] && ids[3] != ids[2]);
    let root = header(&mails[0], "In-Reply-To").unwrap();
    for mail in &mails[2..] {
        assert_eq!(header(mail, "In-Reply-To"), Some(ids[0]));
        assert!(header(mail, "References").unwrap().starts_with(root));
    }
}

#[tokio::test]
async fn a_reply_4xx_may_pass_and_a_later_attempt_succeeds() {
    let server = FakeMailServer::plain().await;
    server.fails("RCPT", [Fault::Says("451 try later"), Fault::Says("451 try later")]);
    let email = channel(to(&server));
    for _ in 0..2 {
        assert_transient(notify(&email, &message()).await, &["localhost answered 451: try later", "b@y.org"]);
    }
    notify(&email, &message()).await.unwrap();
    assert_eq!(server.mails().len(), 1);
}

#[tokio::test]
async fn what_a_server_refuses_is_told() {
    for (verb, words, told) in [
        ("RCPT", "550 no such mailbox", "answered 550: no such mailbox"),
        ("AUTH", "535 5.7.8 bad credentials", "wrong user or password"),
        ("MAIL", "530 5.7.0 authenticate first", "it wants a user and a password"),
        (".", "552 too large", "answered 552: too large"),
        ("HELLO", "554 go away", "answered 554"),
    ] {
        let server = FakeMailServer::plain().await;
        server.fails(verb, [Fault::Says(words)]);
        let outcome = notify(&channel(to(&server)), &message()).await;
        assert!(!format!("{outcome:?}").contains("hush-hush"));
        assert_permanent(outcome, &[told]);
        assert_eq!(server.mails().len(), 0);
    }
    let server = FakeMailServer::plain().await;
    server.fails("AUTH", [Fault::Says("454 4.7.0 busy")]);
    assert_transient(notify(&channel(to(&server)), &message()).await, &["454"]);
}

#[tokio::test]
async fn a_server_that_hangs_or_crawls_is_given_up_at_the_limit() {
    let mut all = tokio::task::JoinSet::new();
    for verb in ["HELLO", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "."] {
        for fault in [Fault::Hangs, Fault::Trickles] {
            all.spawn(async move {
                let server = FakeMailServer::plain().await;
                server.fails(verb, [fault]);
                let (email, began) = (channel_within(SHORT, to(&server)), Instant::now());
                assert_transient(notify(&email, &message()).await, &["no answer within"]);
                assert!(began.elapsed() < Duration::from_secs(5), "{verb}: {:?}", began.elapsed());
            });
        }
    }
    all.join_all().await;
}

#[tokio::test]
async fn a_connection_on_which_an_attempt_was_broken_off_is_not_used_again() {
    let server = FakeMailServer::plain().await;
    let email = channel_within(SHORT, to(&server));
    notify(&email, &message()).await.unwrap();
    server.fails(".", [Fault::Hangs]);
    assert_transient(notify(&email, &message()).await, &[]);
    notify(&email, &message()).await.unwrap();
    assert_eq!((server.mails().len(), server.sessions()), (2, 2));
}

#[tokio::test]
async fn a_connection_that_ends_in_the_middle_may_pass() {
    for verb in ["HELLO", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "."] {
        let server = FakeMailServer::plain().await;
        server.fails(verb, [Fault::Closes]);
        let email = channel(to(&server));
        assert_transient(notify(&email, &message()).await, &["localhost"]);
        notify(&email, &message()).await.unwrap();
        assert_eq!(server.mails().len(), 1, "{verb}");
    }
    let server = FakeMailServer::plain().await;
    server.fails("HELLO", [Fault::Says("HTTP/1.1 400 Bad Request")]);
    assert_transient(notify(&channel(to(&server)), &message()).await, &["does not speak SMTP"]);
}

#[tokio::test]
async fn a_connection_that_the_server_ended_meanwhile_is_made_anew() {
    let server = FakeMailServer::plain().await;
    let email = channel(to(&server));
    notify(&email, &message()).await.unwrap();
    server.fails("NOOP", [Fault::Closes]);
    notify(&email, &message()).await.unwrap();
    assert_eq!((server.mails().len(), server.sessions()), (2, 2));
}

fn secure(server: &FakeMailServer, authority: &Authority, tls: MailTls) -> Channel {
    let ca_file = Some(authority.file().to_owned());
    channel(Email { tls: Some(tls), ca_file, ..to(server) })
}

#[tokio::test]
async fn both_ways_of_tls_shake_hands_and_only_then_is_a_password_said() {
    let authority = Authority::new();
    for (offered, tls) in [(Tls::Implicit, MailTls::Implicit), (Tls::Offered, MailTls::StartTls)] {
        let server = FakeMailServer::start(offered, Some(authority.acceptor(Leaf::named("localhost")))).await;
        notify(&secure(&server, &authority, tls), &message()).await.unwrap();
        assert_eq!(server.mails().len(), 1);
        let commands = server.commands();
        let place = |verb: &str| commands.iter().position(|line| line.starts_with(verb));
        assert!(place("AUTH").is_some() && place("STARTTLS") < place("AUTH"), "{commands:?}");
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_good_is_refused_for_good() {
    let (authority, nobody) = (Authority::new(), Authority::new());
    for (offered, tls) in [(Tls::Implicit, MailTls::Implicit), (Tls::Offered, MailTls::StartTls)] {
        for (leaf, trusted, words) in [
            (Leaf::named("other.example"), &authority, "for another name than localhost"),
            (Leaf::expired("localhost"), &authority, "the certificate of localhost has expired"),
            (Leaf::named("localhost"), &nobody, "nobody whom this host trusts"),
        ] {
            let server = FakeMailServer::start(offered, Some(authority.acceptor(leaf))).await;
            assert_permanent(notify(&secure(&server, trusted, tls), &message()).await, &[words]);
            assert!(!server.commands().iter().any(|line| line.starts_with("AUTH")));
        }
    }
}

#[tokio::test]
async fn where_starttls_is_not_offered_nothing_is_said_in_the_clear() {
    let (server, authority) = (FakeMailServer::plain().await, Authority::new());
    let outcome = notify(&secure(&server, &authority, MailTls::StartTls), &message()).await;
    assert_permanent(outcome, &["localhost", "STARTTLS"]);
    assert_eq!(server.commands().iter().filter(|line| !line.starts_with("EHLO")).count(), 0);
}

#[tokio::test]
async fn no_user_is_named_where_none_is_given() {
    let server = FakeMailServer::plain().await;
    let quiet = Message { title: "ä € \u{1F600}".into(), ..message() };
    notify(&channel(Email { password: None, ..to(&server) }), &quiet).await.unwrap();
    assert!(!server.commands().iter().any(|line| line.starts_with("AUTH")));
    assert!(header(&server.mails()[0], "Subject").unwrap().is_ascii());
}
