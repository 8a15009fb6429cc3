//! A task whose start, errors and end are told in Slack and by mail.
//!
//! Where to is taken from the environment: `SLACK_CHANNEL`, `SLACK_BOT_TOKEN`, `EMAIL_ADDR`, `EMAIL_PWD`, `EMAIL_TO`
//! (several with commas between them), and `SMTP_SERVER`, `SMTP_PORT`, `SMTP_USER`, `SMTP_CA` for another server
//! than Gmail's (`SMTP_TLS` where its port speaks TLS from the beginning).

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::io;
use std::time::Duration;

use taskflows::{Alerts, Email, MailTls, SendOn, Slack, block_on, flush_alerts, task};

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn alerts() -> Alerts {
    let mut send_to = Vec::new();
    if let Some(channel) = variable("SLACK_CHANNEL") {
        send_to.push(Slack { api_url: variable("SLACK_API"), ..Slack::channel(&channel) }.into());
    }
    if let Some(addr) = variable("EMAIL_ADDR") {
        let receivers = variable("EMAIL_TO").unwrap_or_default();
        let email = Email::new(&addr, variable("EMAIL_PWD").unwrap_or_default(), receivers.split(','));
        let port = variable("SMTP_PORT").and_then(|port| port.parse().ok());
        send_to.push(
            Email {
                smtp_server: variable("SMTP_SERVER").unwrap_or_else(|| email.smtp_server.clone()),
                smtp_port: port.unwrap_or(email.smtp_port),
                username: variable("SMTP_USER"),
                tls: variable("SMTP_TLS").map(|_| MailTls::Implicit),
                ca_file: variable("SMTP_CA").map(Into::into),
                ..email
            }
            .into(),
        );
    }
    Alerts { send_to, send_on: vec![SendOn::Start, SendOn::Error, SendOn::Finish] }
}

#[task(name = "some-task", required, retries = 1, timeout = 30, backoff = "100ms", alerts = alerts())]
async fn hello() -> Result<String, io::Error> {
    match variable("FAIL") {
        Some(why) => Err(io::Error::other(why)),
        None => Ok("Hi.".to_owned()),
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("{}", block_on(hello())?);
    // What is not sent by now is on disk; who wants to see it sent waits.
    if let Some(seconds) = variable("FLUSH_SECONDS").and_then(|seconds| seconds.parse().ok()) {
        flush_alerts(Duration::from_secs(seconds));
    }
    Ok(())
}
