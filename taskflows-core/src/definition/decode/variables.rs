use super::fields::Reader;
use crate::definition::node::{Node, Value};
use crate::definition::problem::Problem;

const BEGIN: &str = "${env:";

/// Parts of a name that tell of a secret.
const SECRET: [&str; 6] = ["TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL", "APIKEY"];

/// Words of a name that tell of a secret, where they stand by themselves between underscores.
const SECRET_WORDS: [&str; 4] = ["PASS", "KEY", "AUTH", "PWD"];

/// A text and the variables in it with their values.
type Replaced = (String, Vec<(String, String)>);

/// Puts values in place of `${env:NAME}` and `${env:NAME:-other}` in every string of a tree; `$${env:` stands for
/// the text `${env:`.
pub(super) fn expand(reader: &mut Reader<'_>, node: &mut Node, variable: &dyn Fn(&str) -> Option<String>) {
    expand_in(reader, node, variable, false);
}

/// `is_kept` where what is read does not come to stand in a unit file.
fn expand_in(
    reader: &mut Reader<'_>,
    node: &mut Node,
    variable: &dyn Fn(&str) -> Option<String>,
    is_kept: bool,
) {
    match &mut node.value {
        Value::List(items) => items.iter_mut().for_each(|item| expand_in(reader, item, variable, is_kept)),
        Value::Table(entries) => {
            for (key, node) in entries {
                // A variable of a service may have that name, but is no table.
                let is_kept =
                    is_kept || (key.text == "alerts" && !matches!(node.value, Value::String { .. }));
                expand_in(reader, node, variable, is_kept);
            }
        }
        Value::String { text, plain } if text.contains(BEGIN) => match replaced(text, variable) {
            Ok((expanded, values)) => {
                let written = std::mem::replace(text, expanded.clone());
                *plain = true;
                let secret = values.iter().map(|(name, _)| name).rfind(|name| is_secret(name)).cloned();
                reader.told.expansions.insert(&node.span, written, expanded, values);
                if let Some(name) = secret.filter(|_| !is_kept) {
                    warn_of_secret(reader, node, &name);
                }
            }
            Err(message) => {
                reader.wrong(node, message);
                reader.told.spoiled.push(node.span.clone());
            }
        },
        _ => {}
    }
}

/// Warns where the name of a variable of a service tells of a secret, whose value would stand in a unit file.
pub(super) fn warn_of_name(reader: &mut Reader<'_>, name: &str, value: &Node) {
    // One that a variable brought along has been warned of by that.
    let is_told = reader.told.warnings.iter().any(|warning| *warning.span() == value.span);
    if is_secret(name) && !is_told {
        warn_of_secret(reader, value, name);
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    // A file, a path or a socket of a secret is none, nor is a directory or what everybody may know.
    let is_other = ["_FILE", "_PATH", "_DIR", "_SOCK"].iter().any(|end| name.ends_with(end))
        || name == "PWD"
        || name.split('_').any(|word| word == "PUBLIC");
    !is_other
        && (SECRET.iter().any(|part| name.contains(part))
            || name.split('_').any(|word| SECRET_WORDS.contains(&word)))
}

/// Returns the name of a variable that a secret called `key` may be taken from.
pub(super) fn name_for(key: &str) -> String {
    key.to_ascii_uppercase()
}

fn warn_of_secret(reader: &mut Reader<'_>, node: &Node, name: &str) {
    let message = format!("the value of `{name}` would stand in a unit file, which is no place for a secret");
    let help = "name a file in `credentials` or `env_file`, which is read when the service starts";
    reader.warn(Problem::warning(message, node.span.clone(), "").help(help));
}

/// Returns the text with its values, and the variables that are in it with theirs.
fn replaced(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<Replaced, String> {
    let (mut done, mut rest, mut values) = (String::new(), text, Vec::new());
    while let Some(at) = rest.find(BEGIN) {
        let (before, after) = (&rest[..at], &rest[at + BEGIN.len()..]);
        if let Some(literal) = before.strip_suffix('$') {
            done.push_str(literal);
            done.push_str(BEGIN);
            rest = after;
            continue;
        }
        done.push_str(before);
        let end = after.find('}').ok_or_else(|| "`${env:` is not closed by `}`".to_owned())?;
        let (name, fallback) = match after[..end].split_once(":-") {
            Some((name, fallback)) => (name, Some(fallback)),
            None => (&after[..end], None),
        };
        if name.parse::<crate::VariableName>().is_err() {
            return Err(format!("`{}` is no name of a variable", name.escape_debug()));
        }
        let value = variable(name).filter(|value| !value.is_empty() || fallback.is_none());
        let Some(value) = value.or_else(|| fallback.map(str::to_owned)) else {
            return Err(format!(
                "the variable `{name}` is not set; `${{env:{name}:-…}}` says what holds then"
            ));
        };
        done.push_str(&value);
        values.push((name.to_owned(), value));
        rest = &after[end + 1..];
    }
    done.push_str(rest);
    Ok((done, values))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, &str>) {
        let variable = |name: &str| match name {
            "A" => Some("1".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        match (replaced(text, &variable), expected) {
            (Ok((done, _)), Ok(wanted)) => assert_eq!(done, wanted, "{text}"),
            (Err(message), Err(part)) => assert!(message.contains(part), "{text}: {message}"),
            (done, _) => panic!("{text}: {done:?}"),
        }
    }

    #[test]
    fn variables_are_replaced_and_nothing_else() {
        check("x ${env:A} y${env:A}", Ok("x 1 y1"));
        check("${env:B:-two}", Ok("two"));
        check("${env:EMPTY}|${env:EMPTY:-z}", Ok("|z"));
        check("$${env:A} $HOME ${A}", Ok("${env:A} $HOME ${A}"));
        check("${env:B}", Err("not set"));
        check("${env:A", Err("not closed"));
        check("${env:1 x}", Err("no name"));
    }

    #[test]
    fn a_name_tells_of_a_secret_by_its_words() {
        for name in ["MY_TOKEN", "DB_PASS", "PRIVATE_KEY", "api_key", "KEY", "BASIC_AUTH", "DB_PWD", "KEY_2"]
        {
            assert!(is_secret(name), "{name}");
        }
        for name in
            ["KEYBOARD", "MONKEY", "PASSENGER", "AUTHOR", "PWD", "SSH_AUTH_SOCK", "KEY_FILE", "PUBLIC_KEY"]
        {
            assert!(!is_secret(name), "{name}");
        }
    }

    #[test]
    fn a_value_is_not_expanded_again() {
        assert_eq!(replaced("${env:X}", &|_| Some("${env:X}".into())).unwrap().0, "${env:X}");
    }
}
