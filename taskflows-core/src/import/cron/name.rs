//! What a job is called, from what it runs.

use std::collections::BTreeMap;

use crate::ServiceName;

/// Programs that run another one: their name tells nothing.
const WRAPPERS: [&str; 30] = [
    "sudo",
    "doas",
    "su",
    "env",
    "nice",
    "ionice",
    "nohup",
    "time",
    "timeout",
    "flock",
    "setsid",
    "chronic",
    "exec",
    "command",
    "stdbuf",
    "unbuffer",
    "cronic",
    "run-parts",
    "sh",
    "bash",
    "dash",
    "zsh",
    "ksh",
    "python",
    "python3",
    "perl",
    "ruby",
    "php",
    "node",
    "test",
];

/// Endings of scripts.
const SCRIPTS: [&str; 9] = [".sh", ".bash", ".py", ".pl", ".rb", ".php", ".js", ".R", ".cron"];

/// What a service is called where its command tells nothing.
const FALLBACK: &str = "job";

/// Gives each job a name of its own. For each name that is taken it has the last number tried with it.
#[derive(Debug, Default)]
pub(crate) struct Names(BTreeMap<String, usize>);

impl Names {
    /// Returns the name for a command, with a number where another job has it.
    pub(super) fn name(&mut self, command: &str) -> String {
        self.free(words(command).find_map(plain))
    }

    /// Returns the name for a unit, its suffix left out.
    pub(crate) fn of_unit(&mut self, stem: &str) -> String {
        self.free(plain(stem))
    }

    fn free(&mut self, base: Option<String>) -> String {
        let base = base.unwrap_or_else(|| FALLBACK.to_owned());
        let mut number = self.0.get(&base).copied().unwrap_or(0);
        let free = loop {
            number += 1;
            let name = if number == 1 { base.clone() } else { format!("{base}-{number}") };
            if !self.0.contains_key(&name) {
                break name;
            }
        };
        self.0.insert(base, number);
        self.0.entry(free.clone()).or_insert(1);
        free
    }
}

/// Returns the words that may be the program, the most telling first.
fn words(command: &str) -> impl Iterator<Item = &str> {
    let mut telling = Vec::new();
    let mut wrappers = Vec::new();
    // A command line of several commands is named after the first that does more than prepare.
    for part in command.split(['&', '|', ';', '\n']) {
        let words =
            part.split([' ', '\t']).map(|word| word.trim_matches(['"', '\'', '(', ')', '{', '}', '`']));
        let mut words = words.filter(|word| !word.is_empty()).peekable();
        if matches!(
            words.peek(),
            Some(&("cd" | "[" | "test" | "." | "source" | "export" | "umask" | "sleep"))
        ) {
            continue;
        }
        let mut before = "";
        for word in words {
            let base = word.rsplit('/').next().unwrap_or(word);
            // What follows `flock` is a file, and what follows `sudo -u` a user.
            if before == "flock" && !word.starts_with('-') {
                before = "";
                continue;
            }
            if word == "-u" && ["sudo", "doas"].contains(&before) {
                before = "flock";
            }
            if is_no_program(word, base) {
                continue;
            }
            if !WRAPPERS.contains(&base) {
                telling.push(word);
                break;
            }
            wrappers.push(word);
            before = base;
        }
    }
    telling.into_iter().chain(wrappers)
}

fn is_no_program(word: &str, base: &str) -> bool {
    let is_option = word.starts_with('-') || word.contains('=') || word.parse::<f64>().is_ok();
    is_option || word.starts_with(['<', '>', '!', '[']) || base.is_empty() || base.contains('$')
}

/// Makes the last part of a path a service's name, `None` where nothing of it can be one.
fn plain(word: &str) -> Option<String> {
    let base = word.rsplit('/').next().unwrap_or(word);
    let base = SCRIPTS.iter().find_map(|suffix| base.strip_suffix(suffix)).unwrap_or(base);
    let allowed = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    let mut name: String = base.chars().map(allowed).take(60).collect();
    while name.contains("..") {
        name = name.replace("..", ".");
    }
    let name = name.trim_matches(['.', '-']);
    let has_letter = name.contains(|c: char| c.is_ascii_alphanumeric());
    // A name with a unit's suffix, or one of systemd's own, is none.
    [name.to_owned(), format!("{name}-job")]
        .into_iter()
        .find(|name| has_letter && name.parse::<ServiceName>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(command: &str, name: &str) {
        assert_eq!(Names::default().name(command), name);
    }

    #[test]
    fn a_job_is_named_after_what_it_runs() {
        check("/usr/local/bin/backup.sh --all > /dev/null", "backup");
        check("cd /srv/app && ./manage.py clear_sessions", "manage");
        check("test -x /usr/sbin/anacron || ( cd / && run-parts --report /etc/cron.daily )", "cron.daily");
        check("[ -x /usr/bin/certbot ] && certbot -q renew", "certbot");
        check("A=1 nice -n 19 /usr/bin/python3 -u '/opt/etl/load data.py'", "load");
        check("flock -n /tmp/lock -c '/opt/x y'", "x");
        check("sudo -u www-data php /srv/artisan schedule:run", "artisan");
        check("$HOME/bin/daily.job >> x 2>&1", "daily.job");
        check("echo `date`", "echo");
        check("/opt/größe", "gr--e");
        check("/opt/x.timer", "x.timer-job");
        check("systemd", "systemd-job");
        check("python3", "python3");
        check("", "job");
    }

    #[test]
    fn a_name_that_is_taken_has_a_number() {
        let mut names = Names::default();
        let commands = ["/a/sync", "/b/sync.sh", "sync-2", "sync", "sync-2"];
        let all = commands.map(|command| names.name(command));
        assert_eq!(all, ["sync", "sync-2", "sync-2-2", "sync-3", "sync-2-3"]);
    }
}
