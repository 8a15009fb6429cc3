//! From names and patterns to services.

use taskflows_core::{NamePattern, ServiceName, nearest};

use crate::{App, CliError, Exit};

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
            _ => app.services.names(std::slice::from_ref(pattern)).await?,
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
