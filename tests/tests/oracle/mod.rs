//! Asks `systemd-analyze` many questions a process, and tells the answers apart.

#![allow(dead_code, reason = "each oracle test uses its part")]

pub mod expression;

use std::path::Path;
use std::process::Command;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// Returns how many cases are tried: `TASKFLOWS_ORACLE_CASES`, else `usual`.
pub fn cases(usual: usize) -> usize {
    number("TASKFLOWS_ORACLE_CASES").unwrap_or(usual)
}

fn number(variable: &str) -> Option<usize> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Draws values; the same in each run unless `TASKFLOWS_ORACLE_SEED` is set to a number.
pub struct Draw(TestRunner);

impl Draw {
    pub fn new() -> Self {
        let mut seed = [7; 32];
        seed[..8].copy_from_slice(&number("TASKFLOWS_ORACLE_SEED").unwrap_or(0).to_le_bytes());
        Self(TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &seed)))
    }

    pub fn one<S: Strategy>(&mut self, strategy: &S) -> S::Value {
        strategy.new_tree(&mut self.0).unwrap().current()
    }

    pub fn many<S: Strategy>(&mut self, strategy: &S, count: usize) -> Vec<S::Value> {
        (0..count).map(|_| self.one(strategy)).collect()
    }
}

/// What is told of one text: the lines, or nothing where it is refused.
pub type Told = Option<Vec<String>>;

/// Asks `systemd-analyze VERB OPTIONS -- TEXTS` on a host whose zone is `zone`, UTC where that is none.
pub fn ask(verb: &str, options: &[String], zone: Option<&str>, texts: &[String]) -> Vec<Told> {
    let mut command = Command::new("systemd-analyze");
    command.arg(verb).args(options).arg("--").args(texts).env("LC_ALL", "C.UTF-8").env_remove("TZ");
    if let Some(zone) = zone {
        command.env("TZ", zone);
    }
    let output = command.output().expect("systemd-analyze is installed: scripts/test sees to it");
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    // The rest are hints.
    let mut refused = err.lines().filter(|line| line.starts_with("Failed to ")).peekable();
    let mut blocks = blocks(&out).into_iter().peekable();
    let mut answers: Vec<Told> = Vec::new();
    for text in texts {
        let failure = refused.next_if(|line| line.contains(&quoted(verb, text)));
        let is_refused = failure.is_some_and(|line| line.starts_with("Failed to parse "));
        let block = match failure {
            Some(_) if is_refused => None,
            // Nothing else is told where not even the first elapse was found.
            Some(line) => {
                let block = blocks.next_if(|block| tells_of(block, text)).unwrap_or_default();
                Some(block.into_iter().chain([line.to_owned()]).collect())
            }
            None => blocks.next(),
        };
        if !is_refused && block.is_none() {
            // `timespan` stops at the first that it refuses.
            break;
        }
        answers.push(block);
        if is_refused && verb == "timespan" {
            break;
        }
    }
    assert_eq!((refused.next(), blocks.next()), (None, None), "not understood: {verb} {texts:?}\n{err}");
    answers
}

/// Splits what is told at the line that begins each answer: the text, or its normal form where that is the same.
fn blocks(out: &str) -> Vec<Vec<String>> {
    let mut blocks: Vec<Vec<String>> = Vec::new();
    for line in out.lines().map(str::trim_start).filter(|line| !line.is_empty()) {
        let follows_text =
            blocks.last().is_some_and(|block| block.len() == 1 && block[0].starts_with("Original"));
        if line.starts_with("Original") || (line.starts_with("Normalized form:") && !follows_text) {
            blocks.push(Vec::new());
        }
        blocks.last_mut().unwrap().push(line.to_owned());
    }
    blocks
}

fn tells_of(block: &[String], text: &str) -> bool {
    [field(block, "Original form:"), field(block, "Normalized form:")].contains(&Some(text.trim()))
}

/// The text as an error of `systemd-analyze` names it.
fn quoted(verb: &str, text: &str) -> String {
    match verb {
        "timestamp" => format!("\"{text}\""),
        _ => format!("'{text}'"),
    }
}

/// Returns the value of the first line that begins with `key`.
pub fn field<'a>(lines: &'a [String], key: &str) -> Option<&'a str> {
    lines.iter().find_map(|line| line.strip_prefix(key)).map(str::trim)
}

/// Returns the names of the zones installed on this host.
pub fn installed_zones() -> Vec<String> {
    let copy = |name: &str| name.starts_with("posix/") || name.starts_with("right/");
    zone_files().into_iter().filter(|name| !copy(name) && name.contains('/')).collect()
}

/// Returns the names of all files where zones are, `Europe/Berlin` and `zone.tab` among them.
pub fn zone_files() -> Vec<String> {
    fn walk(directory: &Path, prefix: &str, names: &mut Vec<String>) {
        for entry in std::fs::read_dir(directory).unwrap().map(Result::unwrap) {
            let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
            match entry.path().is_dir() {
                true => walk(&entry.path(), &format!("{name}/"), names),
                false => names.push(name),
            }
        }
    }
    let mut names = Vec::new();
    walk(Path::new("/usr/share/zoneinfo"), "", &mut names);
    names.sort();
    names
}
