//! The OpenAPI document: what the routes say of themselves, and what holds for all of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::http::{Method, StatusCode};
use utoipa::PartialSchema;
use utoipa::ToSchema;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    Components, Content, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, PathItem, Paths, Ref, RefOr,
    Required, Response, ResponseBuilder, Schema, Tag,
};

use super::gate::is_change;
use super::{Problem, Routes, Rule, Shared};

/// What any route may answer, beside what it says of itself.
const COMMON: [(StatusCode, &str, &str); 8] = [
    (StatusCode::BAD_REQUEST, "Malformed", "The request cannot be read."),
    (StatusCode::NOT_FOUND, "NotFound", "There is no such thing."),
    (StatusCode::METHOD_NOT_ALLOWED, "NoSuchMethod", "The path has other methods."),
    (StatusCode::PAYLOAD_TOO_LARGE, "TooLarge", "The body is larger than is read."),
    (StatusCode::UNSUPPORTED_MEDIA_TYPE, "NoJson", "The body is no application/json."),
    (StatusCode::UNPROCESSABLE_ENTITY, "Invalid", "A query or a body can be read and means nothing here."),
    (StatusCode::TOO_MANY_REQUESTS, "TooOften", "It was asked too often."),
    (StatusCode::SERVICE_UNAVAILABLE, "Busy", "It cannot be done now; `Retry-After` says when to ask again."),
];

/// What a route may answer that changes something.
const CHANGING: [(StatusCode, &str, &str); 1] = [(
    StatusCode::GATEWAY_TIMEOUT,
    "MayGoOn",
    "It took too long, and may still go on: look what became of it before it is asked for again. Its `code` is \
     `may-go-on`.",
)];

/// What a route may answer that demands something of who asks.
const GUARDED: [(StatusCode, &str, &str); 2] = [
    (StatusCode::UNAUTHORIZED, "NotRecognised", "No credentials, or none that are good here and now."),
    (
        StatusCode::FORBIDDEN,
        "NotAllowed",
        "It needs a greater role, or a cookie came without its CSRF token.",
    ),
];

/// The areas of routes.
const TAGS: [(&str, &str); 10] = [
    ("host", "The server itself."),
    ("services", "What is installed, how it stands, and acting on it."),
    ("apply", "Definitions, as data: what they would change, and the change."),
    ("logs", "What services wrote."),
    ("runs", "What ran, and how it ended."),
    ("environments", "What services run in, kept under names."),
    ("alerts", "What is wrong, and who is told."),
    ("people", "Who may log in."),
    ("servers", "Other hosts that are known here."),
    ("doctor", "What keeps services from running."),
];

/// Returns the operations of a path.
pub(super) fn operations(item: &mut PathItem) -> impl Iterator<Item = (Method, &mut Operation)> {
    let operations = [
        (Method::GET, item.get.as_mut()),
        (Method::POST, item.post.as_mut()),
        (Method::PUT, item.put.as_mut()),
        (Method::DELETE, item.delete.as_mut()),
        (Method::PATCH, item.patch.as_mut()),
    ];
    operations.into_iter().filter_map(|(method, operation)| Some((method, operation?)))
}

/// Says of the operations of a route what its rule makes true.
pub(super) fn describe(paths: &mut Paths, rule: Rule) {
    for item in paths.paths.values_mut() {
        for (method, operation) in operations(item) {
            let changing = if is_change(&method) { &CHANGING[..] } else { &[] };
            let guarded = match rule {
                Rule::Open => {
                    operation.security = Some(Vec::new());
                    &[][..]
                }
                Rule::Needs(role) => {
                    let own = operation.description.take().map(|text| format!("{text}\n\n"));
                    let own = own.unwrap_or_default();
                    operation.description = Some(format!("{own}Needs the role `{role}` or a greater one."));
                    operation.security = Some(credentials());
                    &GUARDED[..]
                }
            };
            for (status, name, _) in COMMON.iter().chain(guarded).chain(changing) {
                let answers = &mut operation.responses.responses;
                let answer = RefOr::Ref(Ref::from_response_name(*name));
                answers.entry(status.as_u16().to_string()).or_insert(answer);
            }
        }
    }
}

/// Returns the kinds of credentials, of which one is needed.
fn credentials() -> Vec<SecurityRequirement> {
    let none = || -> [&str; 0] { [] };
    vec![
        SecurityRequirement::new("signature", none()).add("timestamp", none()).add("nonce", none()),
        SecurityRequirement::new("bearer", none()),
        SecurityRequirement::new("cookie", none()),
    ]
}

/// Returns what describes the routes. It takes megabytes while it is made, which most servers are never asked for.
pub(super) fn of(shared: &Arc<Shared>) -> OpenApi {
    complete((shared.add_routes)(Routes::described(shared)).into_description())
}

/// Completes what the routes say of themselves.
fn complete(gathered: OpenApi) -> OpenApi {
    let mut components = gathered.components.unwrap_or_default();
    components.schemas.insert(Problem::name().into_owned(), Problem::schema());
    for (_, name, description) in COMMON.iter().chain(&GUARDED).chain(&CHANGING) {
        components.responses.insert((*name).to_owned(), RefOr::T(answer(description)));
    }
    for (name, scheme) in schemes() {
        components.add_security_scheme(name, scheme);
    }
    let mut paths = gathered.paths;
    for item in paths.paths.values_mut() {
        operations(item).for_each(|(_, operation)| {
            allow_no_body(operation, &components);
            name_problems(operation);
        });
    }
    let tags = tags(&paths);
    let info = InfoBuilder::new()
        .title("taskflows")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "The services of a host: what is installed, how it stands, what it wrote, and changing it. Errors are \
             application/problem+json. A key that is not known is refused, in a query as in a body.",
        ))
        .license(Some(LicenseBuilder::new().name("MIT").identifier(Some("MIT")).build()))
        .build();
    OpenApiBuilder::new().info(info).paths(paths).components(Some(components)).tags(Some(tags)).build()
}

/// Says that a body may be left out where `{}` is one, as which none is read.
fn allow_no_body(operation: &mut Operation, components: &Components) {
    let Some(RefOr::T(body)) = &mut operation.request_body else { return };
    let Some(RefOr::T(content)) = body.content.get("application/json") else { return };
    let Some(RefOr::Ref(reference)) = &content.schema else { return };
    let name = reference.ref_location.rsplit('/').next().unwrap_or_default();
    if let Some(RefOr::T(Schema::Object(object))) = components.schemas.get(name)
        && object.required.is_empty()
    {
        body.required = Some(Required::False);
    }
}

/// Gives errors the type that they are sent with, whatever the route says of them.
fn name_problems(operation: &mut Operation) {
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        if status.starts_with(['4', '5'])
            && let Some(content) = response.content.shift_remove("application/json")
        {
            response.content.insert("application/problem+json".to_owned(), content);
        }
    }
}

fn answer(description: &str) -> Response {
    let content = Content::new(Some(Ref::from_schema_name(Problem::name())));
    ResponseBuilder::new().description(description).content("application/problem+json", content).build()
}

fn schemes() -> [(&'static str, SecurityScheme); 5] {
    let header = |name: &str, about: &str| {
        SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(name, about)))
    };
    let signature = "HMAC-SHA256 in lower-case hexadecimal digits, under the shared secret, of these lines: `TF1`, the \
                     timestamp, the nonce, the server's id as /health tells it, the method, the path, the query, the \
                     SHA-256 of the body in hexadecimal digits. Path and query are taken as they are sent.";
    let cookie = "A login by `POST /auth/login` with `cookies`; over TLS it is called `__Host-tf_access`. A change needs its CSRF token in `X-CSRF-Token` as well.";
    let bearer = Http::builder()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("The access token of a login, or a token made by `tf token create`."))
        .build();
    [
        ("signature", header("X-HMAC-Signature", signature)),
        ("timestamp", header("X-Timestamp", "Whole seconds since 1970, at most 300 off the server's clock.")),
        ("nonce", header("X-Nonce", "What no other request of these 300 seconds has.")),
        ("bearer", SecurityScheme::Http(bearer)),
        (
            "cookie",
            SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description("tf_access", cookie))),
        ),
    ]
}

/// Returns the areas that have routes.
fn tags(paths: &Paths) -> Vec<Tag> {
    let mut used = BTreeSet::new();
    for item in paths.paths.values() {
        for (_, operation) in operations(&mut item.clone()) {
            used.extend(operation.tags.iter().flatten().cloned());
        }
    }
    let known = TAGS.into_iter().filter(|(name, _)| used.contains(*name));
    known.map(|(name, about)| TagBuilder::new().name(name).description(Some(about)).build()).collect()
}
