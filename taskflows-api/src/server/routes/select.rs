//! Which services a request is about.

use std::collections::BTreeSet;

use serde::Deserialize;
use taskflows_core::effects::ServiceError;
use taskflows_core::{NamePattern, ServiceName, nearest};
use utoipa::ToSchema;

use crate::Host;
use crate::server::Problem;
use crate::wire::ServiceFailure;

/// What a pattern that selects nothing is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Missing {
    /// An error: 404.
    #[default]
    Error,
    /// Nothing.
    Ignore,
}

/// Reads patterns.
pub(super) fn patterns(texts: &[String]) -> Result<Vec<NamePattern>, Problem> {
    let read = |text: &String| {
        text.parse().map_err(|error: taskflows_core::ParseNamePatternError| {
            Problem::invalid(format!("`match`: {error}"))
        })
    };
    texts.iter().map(read).collect()
}

/// Fails for the first of `patterns` that selects none of `names`.
pub(super) async fn check_each_selects(
    host: &Host,
    patterns: &[NamePattern],
    missing: Missing,
    names: &[&ServiceName],
) -> Result<(), Problem> {
    if missing == Missing::Ignore {
        return Ok(());
    }
    // Names are looked up; a list of many names is not compared with each service.
    let known: BTreeSet<&str> = names.iter().map(|name| name.as_str()).collect();
    let selects = |pattern: &&NamePattern| match pattern.is_exact() {
        true => known.contains(pattern.as_str()),
        false => names.iter().any(|name| pattern.matches(name)),
    };
    match patterns.iter().find(|pattern| !selects(pattern)) {
        None => Ok(()),
        Some(pattern) if pattern.is_exact() => Err(no_such_service(host, pattern.as_str()).await),
        Some(pattern) => {
            let error = ServiceFailure::NotFound { name: pattern.to_string() };
            Err(Problem::from(error).with_detail(format!("no service matches `{pattern}`")))
        }
    }
}

/// Says that there is no service `name`, and which one may have been meant; or that a unit of that name is another's.
pub(super) async fn no_such_service(host: &Host, name: &str) -> Problem {
    if let Ok(name) = name.parse::<ServiceName>()
        && let Err(error) = host.services.files(&name).await
        && !error.is_not_found()
    {
        return error.into();
    }
    let installed = host.services.names(&[]).await.unwrap_or_default();
    let error = ServiceError::NotFound { name: name.to_owned() };
    let near = nearest(name, installed.iter().map(ServiceName::as_str));
    let near = near.map(|near| format!(", did you mean `{near}`?")).unwrap_or_default();
    let detail = format!("{error}{near}");
    Problem::from(error).with_detail(detail)
}
