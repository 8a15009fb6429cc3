use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Targets;

use super::ConfigureError;

/// Which levels are written.
#[derive(Debug)]
pub(super) struct Levels {
    /// For events.
    pub(super) filter: EnvFilter,
    /// The same for lines that are no events. What directives say of spans and fields does not reach them.
    pub(super) targets: Targets,
}

impl Levels {
    /// Reads directives. A word alone is a level here: `EnvFilter` takes a mistyped one for the name of a crate, and
    /// then writes nothing of the others.
    pub(super) fn read(directives: &str) -> Result<Self, ConfigureError> {
        let wrong = |directive: &str| ConfigureError::Level { directive: directive.to_owned() };
        let is_plain = !directives.contains(['[', '{']);
        let text = if is_plain { plain(directives)? } else { directives.to_owned() };
        let filter = EnvFilter::builder().parse(&text).map_err(|_| wrong(directives))?;
        let targets: Vec<&str> =
            text.split(',').filter(|part| !part.contains(['[', ']', '{', '}'])).collect();
        let targets = targets.join(",").parse().map_err(|_| wrong(directives))?;
        Ok(Self { filter, targets })
    }
}

/// Returns directives in the words of `EnvFilter`.
fn plain(directives: &str) -> Result<String, ConfigureError> {
    let parts: Result<Vec<String>, _> = directives.split(',').map(str::trim).map(directive).collect();
    Ok(parts?.join(","))
}

fn directive(text: &str) -> Result<String, ConfigureError> {
    let (target, level) = match text.split_once('=') {
        Some((target, level)) => (Some(target), level),
        None => (None, text),
    };
    let level = match level.trim().to_ascii_lowercase().as_str() {
        "warning" => "warn".to_owned(),
        "critical" | "fatal" => "error".to_owned(),
        other => other.to_owned(),
    };
    let is_level = !level.is_empty() && level.parse::<LevelFilter>().is_ok();
    let is_target = target.is_none_or(|target| !target.trim().is_empty());
    if !is_level || !is_target {
        return Err(ConfigureError::Level { directive: text.to_owned() });
    }
    Ok(target.map_or_else(|| level.clone(), |target| format!("{}={level}", target.trim())))
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    fn check(directives: &str, target: &str, level: Level, expected: bool) {
        let levels = Levels::read(directives).unwrap();
        assert_eq!(levels.targets.would_enable(target, &level), expected, "{directives} {target} {level}");
    }

    #[test]
    fn a_level_holds_for_all_and_a_directive_for_its_target() {
        check("INFO", "a", Level::INFO, true);
        check("info", "a", Level::DEBUG, false);
        check("WARNING", "a", Level::WARN, true);
        check("WARNING", "a", Level::INFO, false);
        check("CRITICAL", "a", Level::ERROR, true);
        check("INFO, my_crate=DEBUG", "my_crate::part", Level::DEBUG, true);
        check("INFO, my_crate=DEBUG", "other", Level::DEBUG, false);
        check("off", "a", Level::ERROR, false);
        check("warn,a[span{x=1}]=trace", "b", Level::INFO, false);
        check("warn,a[span{x=1}]=trace", "b", Level::WARN, true);
    }

    #[test]
    fn a_wrong_directive_is_an_error() {
        for wrong in ["LOUD", "", "INFO,", "my_crate", "my_crate=loud", "=debug", "a=b=c", "a[span=info"] {
            let error = Levels::read(wrong).unwrap_err();
            assert!(matches!(error, ConfigureError::Level { .. }), "{wrong}");
        }
    }
}
