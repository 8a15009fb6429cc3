//! The small scripts by which a shell runs and stops a container as a unit needs it.

use taskflows_core::Argument;

use super::escape::arguments;

/// systemd stops a service also after it has ended by itself, and then tells no main process. Source:
/// systemd.service(5), `ExecStop=`.
pub(super) const WHILE_IT_RUNS: &str = r#"[ "$MAINPID" ] || exit 0; "#;

/// Runs the container. One that does not end when [`STOP`] asks it to is killed, and looks as if it had been killed for
/// lack of memory: a failure, where somebody asked for a stop. What systemd sends next reaches the engine's command too,
/// which is waited for.
pub(super) const MAIN: &str = r#"trap asked=yes USR1; trap : TERM; "$@"; code=$?; [ "$asked$code" = yes137 ] || exit $code; echo 'It did not end when it was asked to, and was killed: a process 1 that ignores signals needs `init = true`.' >&2"#;

/// Asks the container to end, and tells [`MAIN`].
pub(super) const STOP: &str = r#"[ "$MAINPID" ] || exit 0; kill -USR1 "$MAINPID"; "$@" >/dev/null 2>&1 || :"#;

/// Does as [`MAIN`] for a task, to which any end that somebody asked for is a good one: another is tried again.
pub(super) const TASK_MAIN: &str = r#"trap asked=yes USR1; trap : TERM; "$@"; code=$?; [ "$asked" ] || exit $code; [ $code != 137 ] || echo 'It did not end when it was asked to, and was killed: a process 1 that ignores signals needs `init = true`.' >&2"#;

/// Does as [`STOP`] for a task, whose main process is not [`TASK_MAIN`] but what runs it. Between attempts nothing runs.
/// Source: proc_tid_children(5).
pub(super) const TASK_STOP: &str = r#"[ "$MAINPID" ] || exit 0; for one in $(cat "/proc/$MAINPID"/task/*/children 2>/dev/null); do kill -USR1 "$one"; done; "$@" >/dev/null 2>&1 || :"#;

/// Returns the engine's command of a container's `ExecStart=`, less what runs it where it is a task.
pub(super) fn engine_command(line: &str) -> Option<&str> {
    let plain = || line.strip_prefix(&scripted(MAIN, Vec::new()))?.strip_prefix(' ');
    let task = || {
        let script = arguments(&words(["sh", TASK_MAIN]));
        // The script ends with this.
        let end = format!("{} sh ", script.strip_prefix("sh \"")?);
        line.strip_prefix("/bin/sh -c ")?.split_once(&end).map(|(_, engine)| engine)
    };
    plain().or_else(task)
}

/// Writes a command that a small script of the shell runs as its arguments.
pub(super) fn scripted(script: &str, command: Vec<Argument>) -> String {
    arguments(&[words(["/bin/sh", "-c", script, "sh"]), command].concat())
}

/// Makes arguments of texts.
pub(super) fn words<'a>(words: impl IntoIterator<Item = &'a str>) -> Vec<Argument> {
    words.into_iter().map(|word| Argument::from(word.to_owned())).collect()
}
