//! From names and patterns to services.

use taskflows_core::{NamePattern, ServiceName, nearest};

use crate::{App, CliError, Exit};

/// The services that are taskflows itself.
const OWN: [&str; 1] = ["srv-api"];
/// How their names begin.
const OWN_PREFIX: &str = "srv-";

/// Tells whether a service is taskflows itself.
pub(crate) fn is_own(name: &str) -> bool {
    OWN.contains(&name)
}

/// Tells whether `patterns`, none of which is all, mean a service that they match: one that is taskflows itself is meant
/// where one of them begins as its name does. `tf remove '*'` is not to end what answers for a server.
pub(crate) fn is_meant(patterns: &[NamePattern], name: &ServiceName) -> bool {
    let names_own = |pattern: &NamePattern| pattern.as_str().starts_with(OWN_PREFIX) && pattern.matches(name);
    !is_own(name.as_str()) || patterns.iter().any(names_own)
}

/// Returns the services that `patterns` select, each once, in the order of the patterns.
///
/// A plain name is taken as it is: whether it exists, and is ours, the action on it tells.
///
/// # Errors
/// When a pattern matches nothing.
pub(crate) async fn select(app: &App, patterns: &[NamePattern]) -> Result<Vec<ServiceName>, CliError> {
    let mut selected: Vec<ServiceName> = Vec::new();
    for pattern in patterns {
        let found = match pattern.as_str().parse::<ServiceName>() {
            Ok(name) if pattern.is_exact() => vec![name],
            _ => {
                let one = std::slice::from_ref(pattern);
                let mut found = app.services.names(one).await?;
                found.retain(|name| is_meant(one, name));
                found
            }
        };
        if found.is_empty() {
            return Err(CliError::new(Exit::NoSuchService, format!("no service matches `{pattern}`"))
                .hint("`tf list` shows what is installed"));
        }
        for name in found {
            if !selected.contains(&name) {
                selected.push(name);
            }
        }
    }
    Ok(selected)
}

/// Says that there is no service `name`, and which one may have been meant; or that a unit of that name
/// is another's, which deserves more than "not installed".
pub(crate) async fn no_such_service(app: &App, name: &str) -> CliError {
    if let Ok(name) = name.parse()
        && let Err(error) = app.services.files(&name).await
        && !error.is_not_found()
    {
        return error.into();
    }
    let error = CliError::new(Exit::NoSuchService, format!("no service `{name}` is installed"));
    let installed = app.services.names(&[]).await.unwrap_or_default();
    match nearest(name, installed.iter().map(ServiceName::as_str)) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint("`tf list` shows what is installed"),
    }
}
