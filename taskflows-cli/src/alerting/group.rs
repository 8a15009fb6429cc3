use std::collections::BTreeMap;

use jiff::SignedDuration;
use taskflows_alerts::incident::{EscalationStep, QuietHours, Rules};
use taskflows_alerts::{Destination, SendOn};
use taskflows_core::TimeSpan;
use taskflows_core::alerting::AlertGroup;

/// A group of alerts as the engine and the sender need it.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    /// What is told, to which channels and when.
    pub(crate) rules: Rules,
    /// Everybody who may be told.
    pub(crate) destinations: Vec<Destination>,
}

/// Makes of what definitions say what is decided and sent by, for each group that can be understood; and says what is
/// wrong with the others.
pub(crate) fn groups_of(kept: &BTreeMap<String, AlertGroup>) -> (BTreeMap<String, Group>, Vec<String>) {
    let mut groups = BTreeMap::new();
    let mut troubles = Vec::new();
    for (key, group) in kept {
        match understood(group) {
            Ok(group) => drop(groups.insert(key.clone(), group)),
            Err(reason) => troubles.push(format!("the group of alerts `{key}` cannot be used: {reason}")),
        }
    }
    for (key, group) in kept {
        let Some(fallback) = group.fallback.as_ref() else { continue };
        let channels = groups.get(fallback.as_str()).map(|other| other.rules.channels.clone());
        match (groups.get_mut(key), channels) {
            (Some(own), Some(channels)) => own.rules.fallback = channels,
            (Some(_), None) => {
                troubles
                    .push(format!("the fallback `{fallback}` of the group of alerts `{key}` is not known"));
            }
            (None, _) => {}
        }
    }
    (groups, troubles)
}

fn understood(group: &AlertGroup) -> Result<Group, String> {
    let read = |destination: &taskflows_core::alerting::Destination| {
        serde_json::from_value::<Destination>(destination.to_json()).map_err(|error| error.to_string())
    };
    let send_to = group.send_to.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let mut destinations = send_to.clone();
    let mut escalate = Vec::new();
    for step in &group.escalate {
        let more = step.send_to.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        escalate.push(EscalationStep { after: signed(step.after), channels: ids(&more) });
        destinations.extend(more);
    }
    let mut quiet_hours = Vec::new();
    for hours in &group.quiet_hours {
        quiet_hours.push(hours.to_string().parse::<QuietHours>().map_err(|error| error.to_string())?);
    }
    let mut send_on: Vec<SendOn> = Vec::new();
    for word in &group.send_on {
        send_on.push(
            word.as_str().parse().map_err(|error: taskflows_alerts::ParseSendOnError| error.to_string())?,
        );
    }
    let rules = Rules {
        send_on: if send_on.is_empty() { SendOn::FOR_SERVICES.into() } else { send_on.into_iter().collect() },
        remind_every: group.remind_every.map(signed),
        group_wait: group.group_wait.map(signed),
        keep_firing_for: group.keep_firing_for.map(signed),
        quiet_hours,
        mention: group.mention.clone(),
        escalate,
        channels: ids(&send_to),
        fallback: Vec::new(),
    };
    Ok(Group { rules, destinations })
}

fn ids(destinations: &[Destination]) -> Vec<String> {
    let mut ids: Vec<String> = destinations.iter().flat_map(Destination::channel_ids).collect();
    let mut seen = std::collections::BTreeSet::new();
    ids.retain(|id| seen.insert(id.clone()));
    ids
}

fn signed(span: TimeSpan) -> SignedDuration {
    SignedDuration::try_from(span.duration()).unwrap_or(SignedDuration::MAX)
}
