use std::time::Duration;

use super::super::place::Place;
use crate::NotifyError;

/// Returns the error for an `error` of the Web API.
///
/// Source: the lists of errors at <https://api.slack.com/methods/chat.postMessage>.
pub(super) fn fault(place: &Place, word: &str, retry_after: Option<Duration>) -> NotifyError {
    let word = &place.quote(word.as_bytes());
    match word.as_str() {
        "ratelimited"
        | "rate_limited"
        | "message_limit_exceeded"
        | "internal_error"
        | "fatal_error"
        | "service_unavailable"
        | "request_timeout"
        | "team_added_to_org"
        | "accesslimited" => place.transient(format!("Slack said {word}"), retry_after),
        _ => match remedy(word) {
            Some(remedy) => place.permanent(format!("Slack said {word}: {remedy}")),
            None => place.permanent(format!("Slack said {word}")),
        },
    }
}

fn remedy(word: &str) -> Option<&'static str> {
    Some(match word {
        "channel_not_found" => {
            "no channel of that name or id is seen by the bot; if it is private, invite the bot there with /invite"
        }
        "not_in_channel" => "invite the bot with /invite in that channel",
        "is_archived" => "the channel is archived; name another",
        "invalid_auth" | "not_authed" | "token_revoked" | "token_expired" | "account_inactive" => {
            "the token is not good; take the bot token (xoxb-…) of the app's page \"OAuth & Permissions\""
        }
        "missing_scope" | "no_permission" => {
            "the app lacks a scope: give the bot chat:write, and files:write for files, and install it again"
        }
        "not_allowed_token_type" => "a bot token (xoxb-…) is needed",
        "restricted_action" | "restricted_action_read_only_channel" => {
            "an administrator has restricted who may post in that channel"
        }
        _ => return None,
    })
}

/// Tells whether a message can no longer be changed, so that what follows is posted anew.
pub(super) fn is_gone(word: &str) -> bool {
    matches!(word, "message_not_found" | "cant_update_message" | "edit_window_closed" | "is_inactive")
}
