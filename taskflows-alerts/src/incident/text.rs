//! The words of messages that no caller made.

use jiff::{SignedDuration, Timestamp};

use super::rules::Rules;
use super::state::{Bundle, Incident, Member, Together};
use crate::{Component, Field, Message, MessageState, Severity, Tone};

/// So many incidents are listed in one message.
const LISTED: usize = 40;

/// Returns a span in words that one reads at a glance: `2d 3h`, `5min 10s`, `0s`.
pub(super) fn span(span: SignedDuration) -> String {
    let seconds = span.as_secs().max(0);
    let units = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let largest = units.iter().position(|(size, _)| seconds >= *size).unwrap_or(3);
    let (size, unit) = units[largest];
    let mut text = format!("{}{unit}", seconds / size);
    if let Some((smaller, unit)) = units.get(largest + 1).filter(|(smaller, _)| seconds % size >= *smaller) {
        text.push_str(&format!(" {}{unit}", seconds % size / smaller));
    }
    text
}

/// Returns the message of an incident as it stands now.
pub(super) fn standing(incident: &Incident) -> Message {
    let mut message = incident.message.clone();
    message.state = MessageState::Firing;
    if incident.failures + incident.missed > 1 {
        count(&mut message, incident);
        field(&mut message, "Last", clock(incident.last_at));
    }
    if let Some(ack) = &incident.acked {
        field(&mut message, "Acknowledged", format!("by {}", ack.by));
    }
    message
}

/// Returns the message of an incident that is told again.
pub(super) fn reminder(incident: &Incident, now: Timestamp) -> Message {
    let mut message = standing(incident);
    let lasts = span(now.duration_since(incident.opened_at));
    message.title = format!("Still open after {lasts}: {}", message.title);
    message
}

/// Returns the message that takes the place of an incident's when it is over.
pub(super) fn resolved(incident: &Incident, at: Timestamp) -> Message {
    let mut message = incident.message.clone();
    end(&mut message, incident, at);
    message
}

/// Returns what is told below it then.
pub(super) fn recovered(incident: &Incident, well: &Message, at: Timestamp) -> Message {
    let mut message = well.clone();
    // What ended the incident is the end of a run or that it runs at all; what people wait for is that it is over.
    if message.labels.get("kind").is_some_and(|kind| ["finish", "recovered"].contains(&kind.as_str())) {
        let lasted = span(at.duration_since(incident.opened_at));
        message.title = format!("{} is well again after {lasted}", incident.subject.name);
    }
    end(&mut message, incident, at);
    message
}

/// Writes a moment as people read it.
fn clock(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

fn end(message: &mut Message, incident: &Incident, at: Timestamp) {
    message.state = MessageState::Resolved;
    field(message, "Downtime", span(at.duration_since(incident.opened_at)));
    count(message, incident);
}

fn count(message: &mut Message, incident: &Incident) {
    for (name, number) in [("Failures", incident.failures), ("Missed", incident.missed)] {
        if number > 0 {
            field(message, name, number.to_string());
        }
    }
}

fn field(message: &mut Message, name: &str, value: String) {
    message.fields.retain(|field| field.name != name);
    message.fields.push(Field { name: name.to_owned(), value });
}

/// Returns what is told of notices that were too many.
pub(super) fn held_notices(subject: &str, held: u64, last: &str, now: Timestamp) -> Message {
    Message {
        title: format!("{held} more notices of {subject} in a minute, the last: {last}"),
        at: Some(now),
        ..Message::default()
    }
}

/// Returns the message of incidents that are told together.
pub(super) fn bundle(bundle: &Bundle, now: Timestamp) -> Message {
    let members = || bundle.members.values();
    let open = members().filter(|member| member.resolved_at.is_none()).count();
    let state = if open > 0 { MessageState::Firing } else { MessageState::Resolved };
    let severity = members().map(|member| member.severity).max().unwrap_or(Severity::Info);
    let mut items: Vec<String> = members().take(LISTED).map(line).collect();
    if bundle.members.len() > LISTED {
        items.push(format!("and {} more", bundle.members.len() - LISTED));
    }
    let mut message =
        Message { severity, state, title: title(bundle, open), at: Some(now), ..Message::default() };
    if !items.is_empty() {
        message.body.push(Component::List { items, ordered: false });
    }
    let mut notes: Vec<String> =
        bundle.notes.iter().map(|note| format!("{}: {}", clock(note.at), note.title)).collect();
    if bundle.more > 0 {
        notes.push(format!("and {} more", bundle.more));
    }
    if !notes.is_empty() {
        message.body.push(Component::Text { text: "Notices".to_owned(), tone: Tone::Neutral });
        message.body.push(Component::List { items: notes, ordered: false });
    }
    if let Together::Host { host } = &bundle.what {
        message.labels.insert("host".to_owned(), host.clone());
    }
    message
}

fn title(bundle: &Bundle, open: usize) -> String {
    let all = bundle.members.len();
    let (incidents, notices) = (plural(all, "incident"), bundle.notes.len() as u64 + bundle.more);
    let how = match open {
        0 if all > 0 => ", over by now".to_owned(),
        open if open < all => format!(", {open} open"),
        _ => String::new(),
    };
    match &bundle.what {
        Together::Host { host } => format!("{incidents} on {host}{how}"),
        Together::Quiet { .. } if all == 0 => {
            format!("{} in quiet hours", plural(usize::try_from(notices).unwrap_or(usize::MAX), "notice"))
        }
        Together::Quiet { .. } => format!("{incidents} in quiet hours{how}"),
    }
}

fn plural(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

fn line(member: &Member) -> String {
    let mut text = member.title.clone();
    let runs = member.failures + member.missed;
    if runs > 1 {
        text.push_str(&format!(" ({runs} times)"));
    }
    if let Some(at) = member.resolved_at {
        text.push_str(&format!(", well again after {}", span(at.duration_since(member.opened_at))));
    } else if member.acked {
        text.push_str(", acknowledged");
    }
    text
}

/// Returns the message of incidents that are told together again.
pub(super) fn bundle_reminder(state: &Bundle, rules: &Rules, now: Timestamp) -> Message {
    let mut message = bundle(state, now);
    message.title = format!("Still open: {}", message.title);
    message.mentions.clone_from(&rules.mention);
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_told_in_its_two_largest_units() {
        for (seconds, text) in [
            (0, "0s"),
            (-5, "0s"),
            (59, "59s"),
            (60, "1min"),
            (3_661, "1h 1min"),
            (3_605, "1h"),
            (90_000, "1d 1h"),
        ] {
            assert_eq!(span(SignedDuration::from_secs(seconds)), text);
        }
    }
}
