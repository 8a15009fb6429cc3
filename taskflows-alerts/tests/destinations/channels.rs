use taskflows_alerts::{
    Alertmanager, Command, Destination, Discord, Email, MailTls, PagerDuty, Slack, Webhook,
};

use super::nothing_set;

fn ids(destination: impl Into<Destination>) -> Vec<String> {
    let channels = destination.into().channels(&nothing_set).unwrap();
    channels.into_iter().map(|channel| channel.id).collect()
}

#[test]
fn an_id_is_stable_and_holds_no_secret() {
    let token = |channel: &str| Slack { bot_token: Some("xoxb-hush".into()), ..Slack::channel(channel) };
    for (destination, id) in [
        (Destination::from(token("ops")), "slack:ops"),
        (token("#ops").into(), "slack:ops"),
        (Slack::webhook("https://hooks.slack.com/services/T/B/hush").into(), "slack:webhook-"),
        (Discord::new("https://discord.com/api/webhooks/1/hush").into(), "discord:"),
        (Webhook::new("https://x.org/hush").into(), "webhook:x.org-"),
        (PagerDuty::new("hush").into(), "pagerduty:"),
        (Alertmanager::new("https://am.x.org:9093/").into(), "alertmanager:am.x.org:9093"),
        (Command::new(["/usr/bin/wall", "hush"]).into(), "command:wall-"),
    ] {
        let id_now = ids(destination.clone());
        assert!(id_now[0].starts_with(id) && !id_now[0].contains("hush"), "{id_now:?}");
        assert_eq!(id_now, ids(destination));
    }
    let others = [ids(Webhook::new("https://x.org/1")), ids(Webhook::new("https://x.org/2"))];
    assert_ne!(others[0], others[1]);
}

#[test]
fn each_receiver_of_mail_is_a_channel_and_none_twice() {
    let receivers = ["b@x.org", "Carol <c@x.org>", "b@x.org"];
    assert_eq!(ids(Email::new("a@x.org", "p", receivers)), ["email:b@x.org", "email:c@x.org"]);
}

#[test]
fn a_token_comes_from_the_environment_in_order() {
    let slack = Destination::from(Slack::channel("ops"));
    let first = |name: &str| (name == "SLACK_BOT_TOKEN").then(|| "xoxb-1".to_owned());
    let second = |name: &str| match name {
        "SLACK_BOT_TOKEN" => Some(String::new()),
        "SERVICES_SLACK_BOT_TOKEN" => Some("xoxb-2".to_owned()),
        _ => None,
    };
    for env in [&first as &dyn Fn(&str) -> Option<String>, &second] {
        assert_eq!(slack.channels(env).unwrap()[0].id, "slack:ops");
    }
}

#[test]
fn what_cannot_be_sent_to_says_what_mends_it() {
    let missing = std::path::PathBuf::from("/nowhere/ca.pem");
    let key = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml").into();
    for (destination, words) in [
        (Destination::from(Slack::channel("ops")), "give `bot_token`, or set SLACK_BOT_TOKEN"),
        (Slack::channel(" # ").into(), "`channel` is empty"),
        (
            Slack { bot_token: Some("x".into()), ..Slack::webhook("https://hooks.slack.com/x") }.into(),
            "two ways; take one",
        ),
        (
            Slack {
                bot_token: Some("x".into()),
                api_url: Some("http://x.org".into()),
                ..Slack::channel("ops")
            }
            .into(),
            "`api_url`: its address begins with http,",
        ),
        (Email::new("nobody", "p", ["b@x.org"]).into(), "`addr`: `nobody` is no address"),
        (Email::new("a@x.org", "p", ["b@x.org\r\nBcc: c@x.org"]).into(), "is no address"),
        (Email::new("a@x.org", "p", Vec::<String>::new()).into(), "names nobody"),
        (Email::new("a@x.org", "", ["b@x.org"]).into(), "`password` is empty"),
        (
            Email { tls: Some(MailTls::None), ..Email::new("a@x.org", "p", ["b@x.org"]) }.into(),
            "read on the way",
        ),
        (
            Email { ca_file: Some(missing.clone()), ..Email::new("a@x.org", "p", ["b@x.org"]) }.into(),
            "`ca_file` /nowhere/ca.pem: No such file",
        ),
        (Discord::new("").into(), "`webhook_url`: its address is none"),
        (Webhook::new("http://x.org/").into(), "use https"),
        (Webhook::new("https://u:p@x.org/").into(), "header `Authorization`"),
        (Webhook { secret: Some("whsec_?".into()), ..Webhook::new("https://x.org") }.into(), "no base64"),
        (Webhook { ca_file: Some(missing), ..Webhook::new("https://x.org") }.into(), "/nowhere/ca.pem"),
        (Webhook { ca_file: Some(key), ..Webhook::new("https://x.org") }.into(), "it holds no certificate"),
        (PagerDuty::new(" ").into(), "`routing_key` is empty"),
        (Alertmanager::new("http://am:9093").into(), "set `allow_http = true`"),
        (Command::default().into(), "`command` is empty"),
    ] {
        let error = destination.channels(&nothing_set).unwrap_err().to_string();
        assert!(error.contains(words), "{destination:?}: {error}");
        assert!(error.contains(destination.type_name()), "{error}");
    }
}

#[test]
fn a_private_network_may_go_without_tls_where_that_is_said() {
    let allowed = Alertmanager { allow_http: true, ..Alertmanager::new("http://am:9093") };
    assert_eq!(ids(allowed), ["alertmanager:am:9093"]);
}
