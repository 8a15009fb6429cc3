//! Sends one mail: `alerts-only PORT CA-FILE USER PASSWORD RECEIVER`.

use std::process::ExitCode;

use taskflows_alerts::{Destination, Email, Message};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [port, ca_file, user, password, receiver] = arguments.as_slice() else {
        eprintln!("usage: alerts-only PORT CA-FILE USER PASSWORD RECEIVER");
        return ExitCode::from(2);
    };
    let email = Email {
        smtp_server: "localhost".into(),
        smtp_port: port.parse().expect("a port"),
        username: Some(user.clone()),
        ca_file: Some(ca_file.into()),
        ..Email::new("alerts@example.org", password.as_str(), [receiver.as_str()])
    };
    let message = Message { title: "the disk is nearly full".into(), ..Message::default() };
    let env = |name: &str| std::env::var(name).ok();
    match Destination::from(email).send_blocking(&message, "disk-1", &env) {
        Ok(sent) => {
            for sent in sent {
                if let Err(error) = sent.outcome {
                    eprintln!("{error}");
                    return ExitCode::FAILURE;
                }
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
