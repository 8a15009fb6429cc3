//! Texts of LogQL.

/// Writes the LogQL query for what a service, or a task, wrote.
///
/// The label may hold more than the name (`taskflows-backup.service`), so it is looked for in it; what is special in
/// an expression is escaped. Source: RE2's syntax and LogQL's strings, which are Go's.
pub fn logs_of(service: &str) -> String {
    let mut expression = String::new();
    for letter in service.chars() {
        if r"\.+*?()|[]{}^$".contains(letter) {
            expression.push('\\');
        }
        expression.push(letter);
    }
    format!("{{service_name=~{}}}", quoted(&format!(".*{expression}.*")))
}

/// Writes a string of LogQL.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            '\n' => quoted.push_str("\\n"),
            letter if letter.is_control() => quoted.push_str(&format!("\\u{:04x}", u32::from(letter))),
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_selects_itself_alone() {
        assert_eq!(logs_of("a.b"), r#"{service_name=~".*a\\.b.*"}"#);
        assert_eq!(logs_of("x|y"), r#"{service_name=~".*x\\|y.*"}"#);
        assert_eq!(logs_of("a\nb"), r#"{service_name=~".*a\nb.*"}"#);
    }
}
