use std::time::SystemTime;

use lettre::Message as Mail;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, MultiPart, SinglePart};
use serde_json::json;

use super::super::place::fingerprint;
use crate::{Delivery, Receipt, render};

/// Makes the mail of a message to one receiver.
///
/// Its id follows from the key, so that a repetition is known as one, and mails of one thing refer to an id that follows
/// from its key, so that they stand in one thread (RFC 5322, 3.6.4). It is marked as written by no person, so that no
/// answering machine answers (RFC 3834).
pub(super) fn mail(
    from: &Mailbox,
    to: &Mailbox,
    delivery: &Delivery<'_>,
    former: Option<&Receipt>,
    now: SystemTime,
) -> Result<(Mail, Receipt), String> {
    let message = delivery.message;
    let domain = from.email.domain();
    let id = format!("<{}.taskflows@{domain}>", fingerprint(delivery.key, 16));
    let mut mail = Mail::builder()
        .from(from.clone())
        .to(to.clone())
        .subject(one_line(&render::subject(message)))
        .date(now)
        .message_id(Some(id.clone()));
    let root =
        message.dedup_key.as_ref().map(|key| format!("<{}.thread.taskflows@{domain}>", fingerprint(key, 16)));
    let above = delivery.thread.or(former).and_then(|receipt| receipt.0["message_id"].as_str());
    let above = above.filter(|above| is_id(above) && *above != id).map(str::to_owned);
    let references: Vec<String> = root.into_iter().chain(above).collect();
    if let Some(last) = references.last() {
        mail = mail.in_reply_to(last.clone()).references(references.join(" "));
    }
    let mail = mail.raw_header(header("Auto-Submitted", "auto-generated")?);
    let body = MultiPart::alternative_plain_html(render::plain(message), render::html(message));
    let mail = if message.attachments.is_empty() {
        mail.multipart(body)
    } else {
        let mut all = MultiPart::mixed().multipart(body);
        for file in &message.attachments {
            all = all.singlepart(attachment(file));
        }
        mail.multipart(all)
    };
    let mail = mail.map_err(|error| error.to_string())?;
    Ok((mail, Receipt(json!({ "message_id": id }))))
}

fn attachment(file: &crate::Attachment) -> SinglePart {
    let unknown = || ContentType::parse("application/octet-stream").unwrap_or(ContentType::TEXT_PLAIN);
    let kind = ContentType::parse(&file.media_type).unwrap_or_else(|_| unknown());
    Attachment::new(one_line(&file.name)).body(file.content.clone(), kind)
}

fn header(name: &'static str, value: &str) -> Result<HeaderValue, String> {
    let name = HeaderName::new_from_ascii(name.to_owned()).map_err(|error| error.to_string())?;
    Ok(HeaderValue::new(name, value.to_owned()))
}

/// Nothing that ends a header stays in it.
fn one_line(text: &str) -> String {
    text.split(char::is_control).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Tells whether a receipt's text is an id, and not a header more.
fn is_id(text: &str) -> bool {
    text.starts_with('<') && text.ends_with('>') && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Message;

    fn text(message: &Message, key: &str, former: Option<&Receipt>) -> String {
        let box_of = |address: &str| address.parse::<Mailbox>().unwrap();
        let delivery = Delivery { message, key, thread: None };
        let (mail, _) =
            mail(&box_of("Alerts <a@x.org>"), &box_of("b@y.org"), &delivery, former, SystemTime::UNIX_EPOCH)
                .unwrap();
        String::from_utf8(mail.formatted()).unwrap()
    }

    fn header_of<'a>(mail: &'a str, name: &str) -> Option<&'a str> {
        let headers = mail.split("\r\n\r\n").next()?;
        headers.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    #[test]
    fn mails_of_one_thing_stand_in_one_thread() {
        let message = Message {
            title: "backup failed".into(),
            dedup_key: Some("backup@a".into()),
            ..Message::default()
        };
        let first = text(&message, "1", None);

        let id = header_of(&first, "Message-ID").unwrap();
        let root = header_of(&first, "In-Reply-To").unwrap();
        assert_ne!(id, root);
        let second = text(&message, "2", Some(&Receipt(json!({ "message_id": id }))));
        assert_ne!(header_of(&second, "Message-ID").unwrap(), id);
        assert_eq!(header_of(&second, "In-Reply-To"), Some(id));
        assert!(header_of(&second, "References").unwrap().starts_with(root));
        let alone = text(&Message::default(), "3", None);
        assert_eq!(header_of(&alone, "In-Reply-To"), None);
    }

    #[test]
    fn nothing_in_a_receipt_becomes_a_header() {
        let former = Receipt(json!({ "message_id": "<a@b>\r\nBcc: c@d" }));
        assert!(!text(&Message::default(), "1", Some(&former)).contains("Bcc"));
    }

    proptest! {
        #[test]
        fn no_text_becomes_a_header(title in "(?s).{0,80}", name in "(?s).{0,40}", key in "(?s).{0,40}", media in "(?s).{0,20}") {
            let mut message = Message { title: format!("{title}\r\nBcc: c@d\r\n\r\nx"), dedup_key: Some(key.clone()), ..Message::default() };
            message.attachments.push(crate::Attachment {
                name: format!("{name}\r\nBcc: c@d"), media_type: media, content: b"x".to_vec(),
            });
            let mail = text(&message, &key, None);
            let headers = mail.split("\r\n\r\n").next().unwrap();
            for line in headers.lines() {
                let known = ["From: ", "To: ", "Subject: ", "Date: ", "Message-ID: ", "In-Reply-To: ", "References: ",
                    "Auto-Submitted: ", "MIME-Version: ", "Content-Type: ", " ", "\t"];
                prop_assert!(known.iter().any(|name| line.starts_with(name)), "{line:?}");
            }
            let parts = mail.lines().filter(|line| line.starts_with("Content-Disposition: "));
            prop_assert_eq!(parts.count(), 1, "{}", mail);
        }
    }
}
