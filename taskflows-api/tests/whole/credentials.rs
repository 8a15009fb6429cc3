//! Credentials of every kind that there is, good and worthless, made for one request.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use taskflows_security::{Claims, Role, TokenKey, TokenUse, new_token, random_hex, random_secret};

use super::{NAME, ROLES, Signing, Whole, now};

/// What credentials are good for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Worth {
    /// Whoever shows them is nobody.
    Nothing,
    /// They are of this role.
    Role(Role),
    /// They are of this role and good to look, and not for a change.
    Looks(Role),
}

pub(crate) struct Shown {
    pub(crate) what: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) worth: Worth,
}

fn header(name: &str, value: impl Into<String>) -> (String, String) {
    (name.to_owned(), value.into())
}

fn bearer(token: &str) -> (String, String) {
    header("Authorization", format!("Bearer {token}"))
}

fn cookie(token: &str) -> (String, String) {
    header("Cookie", format!("tf_access={token}"))
}

fn nothing(what: &str, headers: impl IntoIterator<Item = (String, String)>) -> Shown {
    Shown { what: what.to_owned(), headers: headers.into_iter().collect(), worth: Worth::Nothing }
}

/// Replaces the last character of a text by another one of the alphabets that signatures and tokens are written in.
fn spoiled(text: &str) -> String {
    let (rest, last) = text.split_at(text.len() - 1);
    format!("{rest}{}", if last == "0" { "1" } else { "0" })
}

pub(crate) fn worthless(whole: &Whole, method: &str, path: &str) -> Vec<Shown> {
    let mut all = vec![
        nothing("none", []),
        nothing("an empty token", [bearer("")]),
        nothing("a word", [bearer("admin")]),
        nothing("a name and a password", [header("Authorization", "Basic YS1hZG1pbjphIHF1aWV0IHJpdmVy")]),
        nothing("a role as a header", [header("X-Role", "admin"), header("X-Forwarded-For", "127.0.0.1")]),
        nothing("an empty cookie", [cookie("")]),
    ];
    all.extend(signatures(whole, method, path));
    all.extend(logins(whole));
    all.extend(tokens(whole));
    all.extend(mixed(whole, method, path));
    all
}

fn signatures(whole: &Whole, method: &str, path: &str) -> Vec<Shown> {
    let of = || Signing::of(method, path);
    let signed = |signing: Signing<'_>| whole.sign(&signing);
    let mut bad = signed(of());
    bad[0].1 = spoiled(&bad[0].1);
    let mut twice = signed(of());
    twice.push(twice[0].clone());
    let mut renewed = signed(Signing { second: now() - 400, ..of() });
    renewed[1].1 = now().to_string();
    let (secret, other_host) = (random_secret(), random_hex::<16>());
    let other_method = if method == "GET" { "POST" } else { "GET" };
    vec![
        nothing("a bad signature", bad),
        nothing("a signature of another secret", signed(Signing { secret: &secret, ..of() })),
        nothing("a signature of long ago", signed(Signing { second: now() - 302, ..of() })),
        nothing("a signature of the future", signed(Signing { second: now() + 330, ..of() })),
        nothing("a signature of long ago with a time of now", renewed),
        nothing("one for another server", signed(Signing { server_id: Some(&other_host), ..of() })),
        nothing("one for another method", signed(Signing { method: other_method, ..of() })),
        nothing("one for another path", signed(Signing { target: "/health", ..of() })),
        nothing("one for another query", signed(Signing { target: &format!("{path}?match=a"), ..of() })),
        nothing("one for another body", signed(Signing { body: b"{}", ..of() })),
        nothing("one with a short nonce", signed(Signing { nonce: "short".to_owned(), ..of() })),
        nothing("two signatures", twice),
        nothing("a signature alone", signed(of()).into_iter().take(1)),
    ]
}

/// Returns the tokens of logins that are not good, each as a bearer token and as a cookie with its CSRF token.
fn logins(whole: &Whole) -> Vec<Shown> {
    let admin = "a-admin";
    let issue = |change: &dyn Fn(&mut Claims)| {
        let mut claims = whole.claims(admin, TokenUse::Access);
        change(&mut claims);
        whole.begin(&claims);
        whole.key.issue(&claims).to_string()
    };
    let live = whole.login(admin);
    let ended = whole.login(admin);
    whole.host.access.sessions.revoke(&ended.family).unwrap();
    let other_key = TokenKey::new(&random_secret()).unwrap();
    let mut claims = whole.claims(admin, TokenUse::Access);
    claims.family.clone_from(&live.family);
    let payload = live.access.split('.').nth(1).unwrap().to_owned();
    let signature = live.access.rsplit('.').next().unwrap().to_owned();
    let unsigned = |alg: &str| URL_SAFE_NO_PAD.encode(format!(r#"{{"typ":"JWT","alg":"{alg}"}}"#));
    let of_admin = |who: &Claims| URL_SAFE_NO_PAD.encode(serde_json::to_vec(who).unwrap());
    let head = live.access.split('.').next().unwrap();
    let lesser = whole.login("a-viewer").access;
    let lesser_signature = lesser.rsplit('.').next().unwrap();
    let all = [
        ("a login that expired", issue(&|claims| claims.exp = now() - 1)),
        ("a login of nobody", issue(&|claims| claims.sub = "eve".to_owned())),
        ("a login at another server", issue(&|claims| claims.aud = random_hex::<16>())),
        ("a login by another key", other_key.issue(&claims).to_string()),
        ("a login without a signature", format!("{}.{payload}.", unsigned("none"))),
        ("a login of no algorithm with a signature", format!("{}.{payload}.{signature}", unsigned("none"))),
        ("a login of another algorithm", format!("{}.{payload}.{signature}", unsigned("HS512"))),
        ("a login as somebody else", format!("{head}.{}.{lesser_signature}", of_admin(&claims))),
        ("a login that was ended", ended.access),
        ("a token to renew a login", live.refresh.clone()),
        ("a login with another end", spoiled(&live.access[..live.access.len() - 1])),
    ];
    let both = |(what, token): &(&str, String)| {
        let csrf = header("X-CSRF-Token", &live.csrf);
        [nothing(what, [bearer(token)]), nothing(&format!("{what}, in a cookie"), [cookie(token), csrf])]
    };
    all.iter().flat_map(both).collect()
}

fn tokens(whole: &Whole) -> Vec<Shown> {
    let removed = whole.token("short-lived", Role::Admin, None);
    whole.host.access.tokens.remove("short-lived").unwrap();
    let before = Timestamp::now() - SignedDuration::from_secs(1);
    let over = whole.token("short-lived", Role::Admin, Some(before));
    whole.host.access.tokens.remove("short-lived").unwrap();
    let good = whole.token("short-lived", Role::Admin, None);
    vec![
        nothing("a token of nobody", [bearer(&new_token().0)]),
        nothing("a token that was removed", [bearer(&removed)]),
        nothing("a token that is over", [bearer(&over)]),
        nothing("a token with another end", [bearer(&spoiled(&good))]),
        nothing("a good token in a cookie", [cookie(&good)]),
        nothing(
            "a good token in a scheme of another name",
            [header("Authorization", format!("Token {good}"))],
        ),
    ]
}

/// One that is not right is never made good by another that is.
fn mixed(whole: &Whole, method: &str, path: &str) -> Vec<Shown> {
    let login = whole.login("a-admin");
    let good = bearer(&login.access);
    let mut forged = whole.sign(&Signing::of(method, path));
    forged[0].1 = spoiled(&forged[0].1);
    forged.push(good.clone());
    let csrf = header("X-CSRF-Token", &login.csrf);
    vec![
        nothing("a bad signature beside a good login", forged),
        nothing("a bad token beside a good cookie", [bearer("x"), cookie(&login.access), csrf.clone()]),
        nothing("a good login twice", [good.clone(), good]),
        nothing("two cookies", [cookie(&login.access), cookie(&login.access), csrf]),
    ]
}

/// Returns credentials that are good, each made for this request alone: it may end the login that it comes with.
pub(crate) fn good(whole: &Whole, method: &str, path: &str) -> Vec<Shown> {
    let signed = whole.sign(&Signing::of(method, path));
    let worth = Worth::Role(Role::Admin);
    let mut all = vec![Shown { what: "a signature".to_owned(), headers: signed, worth }];
    for role in ROLES {
        let shown = |what: &str, headers: Vec<(String, String)>, worth: Worth| Shown {
            what: format!("{what} of a role {role}"),
            headers,
            worth,
        };
        let (name, own) = (format!("a-{role}"), format!("own-{role}"));
        let _ = whole.host.access.tokens.remove(&own);
        let token = whole.token(&own, role, None);
        let (one, two, three, other) =
            (whole.login(&name), whole.login(&name), whole.login(&name), whole.login(NAME));
        let csrf = |login: &super::Login| header("X-CSRF-Token", &login.csrf);
        all.extend([
            shown("a token", vec![bearer(&token)], Worth::Role(role)),
            shown("a login", vec![bearer(&one.access)], Worth::Role(role)),
            shown("a cookie", vec![cookie(&two.access), csrf(&two)], Worth::Role(role)),
            shown("a cookie alone", vec![cookie(&three.access)], Worth::Looks(role)),
            shown(
                "a cookie, meant by another",
                vec![cookie(&three.access), csrf(&other)],
                Worth::Looks(role),
            ),
        ]);
    }
    all
}
