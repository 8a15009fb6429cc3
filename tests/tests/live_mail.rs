//! Mail by a real server.

use taskflows_alerts::{Delivery, Destination, Email, MailTls, Message, MessageState, NotifyError, Receipt};
use taskflows_tests::MailServer;

fn email(server: &MailServer, tls: MailTls, receivers: &[&str]) -> Email {
    let (user, password) = server.credentials();
    Email {
        smtp_server: "localhost".into(),
        smtp_port: if tls == MailTls::Implicit { server.tls_port } else { server.starttls_port },
        username: Some(user.into()),
        tls: Some(tls),
        ca_file: Some(server.ca_file()),
        ..Email::new("Alerts <alerts@x.org>", password, receivers.iter().copied())
    }
}

fn message() -> Message {
    Message {
        state: MessageState::Firing,
        title: "backup failed: Überlauf".into(),
        dedup_key: Some("backup@a".into()),
        ..Message::default()
    }
}

async fn send(email: Email, key: &str) -> Vec<Result<Receipt, NotifyError>> {
    let sent = Destination::from(email).send(&message(), key, &|_| None).await.unwrap();
    sent.into_iter().map(|sent| sent.outcome).collect()
}

fn header<'a>(mail: &'a str, name: &str) -> Option<&'a str> {
    mail.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[tokio::test]
async fn both_ways_of_tls_bring_each_receiver_a_mail_that_names_no_other() {
    let server = MailServer::start();
    for (round, tls) in [MailTls::Implicit, MailTls::StartTls].into_iter().enumerate() {
        for outcome in send(email(&server, tls, &["bob@x.org", "eve@y.org"]), &format!("key-{round}")).await {
            outcome.unwrap();
        }
    }
    let mails = server.mails(4);
    for (receiver, other) in [("bob@x.org", "eve@y.org"), ("eve@y.org", "bob@x.org")] {
        let own: Vec<_> = mails.iter().filter(|mail| header(mail, "To") == Some(receiver)).collect();
        assert_eq!(own.len(), 2);
        for mail in own {
            assert!(!mail.contains(other), "{mail}");
            assert_eq!(header(mail, "Envelope-to"), Some(receiver));
            assert_eq!(header(mail, "From"), Some("Alerts <alerts@x.org>"));
            assert!(header(mail, "Subject").unwrap().is_ascii());
        }
    }
}

#[tokio::test]
async fn mails_of_one_thing_are_one_thread() {
    let server = MailServer::start();
    let channels =
        Destination::from(email(&server, MailTls::Implicit, &["bob@x.org"])).channels(&|_| None).unwrap();
    let (notifier, message) = (&channels[0].notifier, message());
    let receipt = notifier.notify(&Delivery { message: &message, key: "1", thread: None }).await.unwrap();
    let over = Message { state: MessageState::Resolved, title: "backup is well".into(), ..message.clone() };
    notifier.amend(&receipt, &Delivery { message: &over, key: "2", thread: None }).await.unwrap();
    let mails = server.mails(2);
    let first = header(&mails[0], "Message-ID").unwrap();
    let second = header(&mails[1], "In-Reply-To").unwrap();
    let (begun, ended) = if first == second { (0, 1) } else { (1, 0) };
    assert_eq!(header(&mails[ended], "In-Reply-To"), header(&mails[begun], "Message-ID"));
    let root = header(&mails[begun], "References").unwrap();
    assert!(header(&mails[ended], "References").unwrap().starts_with(root));
}

#[tokio::test]
async fn what_the_server_refuses_is_told_and_not_tried_again() {
    let server = MailServer::start();
    let good = email(&server, MailTls::StartTls, &["bob@x.org"]);
    for (email, words) in [
        (Email { password: Some("wrong".into()), ..good.clone() }, "wrong user or password"),
        (Email { receiver_addr: vec!["gone@x.org".into()], ..good.clone() }, "no such mailbox"),
        (Email { smtp_server: "127.0.0.1".into(), ..good.clone() }, "for another name than 127.0.0.1"),
        (Email { ca_file: None, ..good.clone() }, "nobody whom this host trusts"),
        // The server offers AUTH only once the connection is secured.
        (Email { tls: Some(MailTls::None), ..good }, "localhost"),
    ] {
        let error = send(email, "key").await.remove(0).unwrap_err();
        assert!(!error.is_transient() && error.to_string().contains(words), "{error}");
    }
    assert_eq!(server.mails(0).len(), 0);
}

#[test]
fn a_program_that_is_not_asynchronous_sends_too() {
    let server = MailServer::start();
    let destination = Destination::from(email(&server, MailTls::Implicit, &["bob@x.org"]));
    let sent = destination.send_blocking(&message(), "key", &|_| None).unwrap();
    assert_eq!(sent[0].channel, "email:bob@x.org");
    sent[0].outcome.as_ref().unwrap();
    server.mails(1);
}
