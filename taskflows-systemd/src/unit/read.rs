//! Unit text read back: systemd.syntax(7), systemd.service(5) "Command lines".

use taskflows_core::inspect::{Directive, Reference, ReferenceUse};

use super::script::engine_command;
use super::task::taken_apart;

/// Returns the `key=value` lines of a unit file, in order; continued lines are joined by a space.
pub(crate) fn directives(text: &str) -> Vec<Directive> {
    let (mut section, mut found) = (String::new(), Vec::new());
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name.to_owned();
            continue;
        }
        let mut whole = line.to_owned();
        while let Some(head) = whole.strip_suffix('\\') {
            let next = lines.by_ref().map(str::trim).find(|line| !line.starts_with(['#', ';']));
            whole = format!("{} {}", head.trim_end(), next.unwrap_or_default());
        }
        if let Some((key, value)) = whole.split_once('=') {
            let (key, value) = (key.trim().to_owned(), value.trim().to_owned());
            found.push(Directive { section: section.clone(), key, value });
        }
    }
    found
}

/// Returns what the lines need on this host. A path that depends on more than the home directory is left
/// out, and so is what is optional.
pub(crate) fn references(directives: &[Directive]) -> Vec<Reference> {
    let of_service: Vec<&Directive> = directives.iter().filter(|line| line.section == "Service").collect();
    let told = of_service.iter().rfind(|line| line.key == "ExecSearchPath");
    let search = told.map_or("", |line| line.value.as_str());
    let search: Option<Vec<String>> =
        search.split(':').filter(|place| !place.is_empty()).map(at_home).collect();
    let found = of_service.into_iter().flat_map(|line| needed(&line.key, &line.value));
    let looked_for = |mut needed: Reference| {
        if needed.purpose == ReferenceUse::Program && !needed.path.contains('/') {
            // Where it is looked for depends on more than the home directory, it cannot be told.
            needed.search = search.clone()?;
        }
        Some(needed)
    };
    found.filter_map(looked_for).collect()
}

/// Returns what a line needs: where `tf` runs a command, both.
fn needed(key: &str, value: &str) -> Vec<Reference> {
    match taken_apart(value).filter(|_| matches!(key, "ExecStart" | "ExecStopPost")) {
        Some((own, command)) => {
            let mut command = command.and_then(|command| reference(key, command));
            // It stands as an argument, in which a dollar is two.
            command.iter_mut().for_each(|needed| needed.path = needed.path.replace("$$", "$"));
            reference(key, own).into_iter().chain(command).collect()
        }
        None => reference(key, value).into_iter().collect(),
    }
}

fn reference(key: &str, value: &str) -> Option<Reference> {
    let value = engine_command(value).unwrap_or(value);
    let (purpose, path) = match key {
        "ExecStart" | "ExecStartPre" | "ExecStartPost" | "ExecStop" | "ExecStopPost" | "ExecReload"
        | "ExecCondition" => (ReferenceUse::Program, program(value)?),
        "EnvironmentFile" => (ReferenceUse::EnvironmentFile, value.to_owned()),
        "WorkingDirectory" => (ReferenceUse::WorkingDirectory, value.to_owned()),
        // One that is relative comes from systemd's own store.
        "LoadCredential" => {
            (ReferenceUse::Credential, value.split_once(':').map(|(_, path)| path.to_owned())?)
        }
        _ => return None,
    };
    let path = at_home(&path)?;
    let named = purpose == ReferenceUse::Program && !path.contains('/');
    // With `-` before it, it may be missing; with a pattern, it stands for several.
    let one = path.starts_with(['/', '~'])
        && !(purpose == ReferenceUse::EnvironmentFile && path.contains(['*', '?', '[']));
    let mut needed = (named || one).then(|| Reference::new(purpose, path))?;
    if needed.engine().is_some() {
        // Nothing that is quoted stands between the program and its verb.
        let options = value.split(' ').skip(1).take_while(|word| word.starts_with("--"));
        needed.options = options.map(str::to_owned).collect();
    }
    Some(needed)
}

/// Returns the program of a command line, `None` where its absence is no failure or it cannot be told.
fn program(line: &str) -> Option<String> {
    let line = line.trim_start_matches(['@', ':', '+', '!', '|']);
    if line.starts_with('-') {
        return None;
    }
    let mut word = String::new();
    let mut quote = None;
    let mut characters = line.chars();
    while let Some(c) = characters.next() {
        match (c, quote) {
            ('\\', _) => match characters.next()? {
                plain @ ('\\' | '"' | '\'' | ' ') => word.push(plain),
                _ => return None,
            },
            (c, Some(open)) if c == open => quote = None,
            ('"' | '\'', None) => quote = Some(c),
            (c, None) if c.is_ascii_whitespace() => break,
            (c, _) => word.push(c),
        }
    }
    (!word.is_empty()).then_some(word)
}

/// Writes `~` for the specifier of the home directory; `None` where there is any other.
fn at_home(path: &str) -> Option<String> {
    let (home, rest) = match path.strip_prefix("%h") {
        Some(rest) => ("~", rest),
        None => ("", path),
    };
    let plain = rest.replace("%%", "\0");
    (!plain.contains('%')).then(|| format!("{home}{}", plain.replace('\0', "%")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_with_their_sections() {
        let text = "# a\n[Unit]\nAfter=a \\\n; between\n  b\n\n[Service]\n ExecStart = x=1\nnonsense\n";
        let read = directives(text);
        let read: Vec<(&str, &str, &str)> =
            read.iter().map(|line| (line.section.as_str(), line.key.as_str(), line.value.as_str())).collect();
        assert_eq!(read, [("Unit", "After", "a b"), ("Service", "ExecStart", "x=1")]);
        assert!(directives("[Unit]\nA=1\\").len() == 1);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(text in proptest::prelude::any::<String>()) {
            references(&directives(&text));
            references(&directives(&format!("[Service]\nExecStart={text}\nLoadCredential={text}")));
        }
    }

    #[track_caller]
    fn check(line: &str, expected: Option<(ReferenceUse, &str)>) {
        let found = references(&directives(&format!("[Service]\n{line}\n")));
        let expected = expected.map(|(purpose, path)| Reference::new(purpose, path));
        assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{line}");
    }

    #[test]
    fn the_engine_of_a_task_in_a_container_is_found_behind_what_runs_it() {
        let container = taskflows_core::Container::new("python:3.12").unwrap();
        let builder = || {
            let environment = taskflows_core::Environment::from(container.clone());
            taskflows_core::Service::builder("a").environment(environment)
        };
        let context = crate::RenderContext {
            version: "1".to_owned(),
            scope: crate::Scope::User,
            is_unprivileged: true,
            tools: std::sync::Arc::new(taskflows_core::testing::FixedToolbox::default()),
            program: "/usr/bin/tf".parse().unwrap(),
            data_directory: "/data".parse().unwrap(),
            tells_data_directory: false,
        };
        let paths = |service: taskflows_core::Service| -> Vec<String> {
            let units = crate::render(&service, &context).unwrap();
            let lines = directives(&units.files["taskflows-a.service"]);
            let main: Vec<Directive> = lines.into_iter().filter(|line| line.key == "ExecStart").collect();
            references(&main).into_iter().map(|needed| needed.path).collect()
        };
        assert_eq!(paths(builder().build().unwrap()), ["/usr/bin/docker"]);
        let policy = taskflows_core::task::TaskPolicy::default();
        assert_eq!(paths(builder().task(policy).build().unwrap()), ["/usr/bin/tf", "/usr/bin/docker"]);
    }

    #[test]
    fn what_a_service_needs_is_found() {
        use ReferenceUse::{Credential, EnvironmentFile, Program, WorkingDirectory};
        check("ExecStart=/bin/true --x", Some((Program, "/bin/true")));
        check("ExecStart=docker run", Some((Program, "docker")));
        check(r#"ExecStart="/opt/a b/run" x"#, Some((Program, "/opt/a b/run")));
        check(r#"ExecStart=!"/opt/a\"b%%c""#, Some((Program, "/opt/a\"b%c")));
        check("ExecStop=-/bin/missing", None);
        check("ExecStart=%h/bin/run", Some((Program, "~/bin/run")));
        check("ExecStart=%t/run", None);
        check("EnvironmentFile=/etc/x.env", Some((EnvironmentFile, "/etc/x.env")));
        check("EnvironmentFile=-/etc/x.env", None);
        check("EnvironmentFile=/etc/x.d/*.env", None);
        check("WorkingDirectory=%h", Some((WorkingDirectory, "~")));
        check("LoadCredential=token:/etc/token", Some((Credential, "/etc/token")));
        check("LoadCredential=token", None);
        check("ExecStart=", None);
        check("ExecStopPost=-/usr/bin/tf hook stopped a", Some((Program, "/usr/bin/tf")));
        check("ExecStopPost=-+/usr/bin/tf hook stopped a --scope system", Some((Program, "/usr/bin/tf")));
        let of = |text: &str| references(&directives(&format!("[Service]\n{text}")));
        let venv = of("ExecSearchPath=%h/env/bin:/usr/bin\nExecStart=python -m x\nExecStop=/bin/y\n");
        assert_eq!(
            (venv[0].search.as_slice(), venv[1].search.len()),
            (&["~/env/bin".into(), "/usr/bin".into()][..], 0)
        );
        assert!(of("ExecSearchPath=%t/bin\nExecStart=python\n").is_empty());
        let task = of(r#"ExecStart="/opt/a b/tf" exec --service a --retries 3 -- "/opt/a$$b/run" "x -- y""#);
        let paths: Vec<&str> = task.iter().map(|needed| needed.path.as_str()).collect();
        assert_eq!(paths, ["/opt/a b/tf", "/opt/a$b/run"]);
        let docker = of("ExecStart=/usr/bin/docker --host=unix:///x run --rm y\n");
        assert_eq!(
            (docker[0].engine(), docker[0].options.as_slice()),
            (Some("docker"), &["--host=unix:///x".into()][..])
        );
    }
}
