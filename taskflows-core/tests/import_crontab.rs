//! Whole crontabs: what becomes of each line, and the definition.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZoneDatabase;
use proptest::prelude::*;
use taskflows_core::import::{Crontab, Import, Verdict, import_crontab};
use taskflows_core::schedule::Zones;
use taskflows_core::{Format, Source, read};

fn zones(local: &str) -> Zones {
    let database = TimeZoneDatabase::bundled();
    let local = database.get(local).unwrap();
    Zones::new(database, local)
}

fn now() -> Timestamp {
    "2026-11-24T12:00:00Z".parse().unwrap()
}

/// Writes the verdicts, and the definition, which must read back.
fn told(import: &Import) -> String {
    let mut text = String::new();
    for item in &import.items {
        let name = item.name.as_deref().unwrap_or("-");
        writeln!(text, "{} {} {name} {:?}", item.place, item.verdict(), item.schedules).unwrap();
        for finding in &item.findings {
            let column = finding.column.map(|column| format!(" at {column}")).unwrap_or_default();
            writeln!(text, "    {} {}{column}: {}", finding.verdict, finding.part, finding.text).unwrap();
        }
        if item.old != item.new {
            writeln!(text, "    old {:?}\n    new {:?}", item.old, item.new).unwrap();
        }
    }
    import.remarks.iter().for_each(|remark| writeln!(text, "note: {remark}").unwrap());
    let toml = import.to_toml();
    if import.services() > 0 {
        let definition = read(&Source::new("jobs.toml", toml.as_str(), Format::Toml), &zones("UTC"));
        assert_eq!(definition.unwrap().services.len(), import.services());
    }
    text + "\n" + &toml
}

macro_rules! check {
    ($crontab:expr, $zone:expr) => {
        insta::assert_snapshot!(told(&import_crontab(&$crontab, now(), &zones($zone))))
    };
}

const OF_A_USER: &str = r#"# m h dom mon dow command
SHELL=/bin/bash
MAILTO = "ops@example.com"
GREETING = ' hello $USER '
ODD.NAME=1

30 2 * * *    /usr/local/bin/backup.sh --all "$HOME"
0 9 1,15 * Fri  /opt/report 100\% done
*/5 * * * *   cd /srv/app && ./poll
0 0 * * 1 mail -s "It's late" joe%Dear Joe,%% 100\% of "it".%
MAILTO=
@reboot       sleep 30; /opt/x
0 0 31 2 *    /bin/never
61 * * * *    /bin/wrong
TZ=America/New_York
CRON_TZ=Asia/Kolkata
0 6 * * *     backup.sh
CRON_TZ=Mars/Phobos
@daily        backup.sh
CRON_TZ=
RANDOM_DELAY=15
HOME=/srv
-@hourly      backup.sh
"#;

#[test]
fn each_line_of_a_crontab_has_its_verdict() {
    check!(Crontab { text: OF_A_USER, user: Some("me"), ..Crontab::default() }, "Europe/Berlin");
}

const OF_THE_MACHINE: &str = "\
SHELL=/bin/sh
PATH=/usr/local/sbin:/usr/local/bin:/sbin:/bin:/usr/sbin:/usr/bin
17 *\t* * *\troot\tcd / && run-parts --report /etc/cron.hourly
25 6\t* * *\troot\ttest -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.daily; }
*/10 * * * * www-data php /srv/artisan schedule:run
0 * * * * no/body true
0 0 * * * me true\r
";

#[test]
fn the_user_column_says_who_runs_it() {
    let crontab =
        Crontab { text: OF_THE_MACHINE, has_user_column: true, user: Some("me"), system_scope: false };
    check!(crontab, "UTC");
}

#[test]
fn in_the_system_scope_every_job_has_its_user() {
    let crontab =
        Crontab { text: OF_THE_MACHINE, has_user_column: true, user: Some("root"), system_scope: true };
    let import = import_crontab(&crontab, now(), &zones("UTC"));
    let verdicts: Vec<Verdict> = import.items.iter().map(|item| item.verdict()).collect();
    use Verdict::{Approximate, Exact, Impossible};
    assert_eq!(verdicts, [Exact, Exact, Exact, Impossible, Approximate]);
    assert!(import.to_toml().contains("User = \"www-data\"\nWorkingDirectory = \"~\"\n"));
}

#[test]
fn a_crontab_without_jobs_has_nothing_to_say() {
    for text in ["", "\n# only a comment\nA=1\n", "\u{feff}"] {
        let import = import_crontab(&Crontab { text, ..Crontab::default() }, now(), &zones("UTC"));
        assert_eq!(import, Import::default());
    }
}

#[test]
fn what_no_definition_takes_is_impossible_and_stops_no_other_line() {
    let long = format!("* * * * * {}\nSHELL=bin/sh\n* * * * * a\nSHELL=\n* * * * * b\n", "x".repeat(200_000));
    let import = import_crontab(&Crontab { text: &long, ..Crontab::default() }, now(), &zones("UTC"));
    let verdicts: Vec<Verdict> = import.items.iter().map(|item| item.verdict()).collect();
    assert_eq!(verdicts, [Verdict::Impossible, Verdict::Impossible, Verdict::Exact]);
    assert!(import.items[1].findings[0].text.contains("absolute path"), "{:?}", import.items[1].findings);
}

proptest! {
    #[test]
    fn no_text_panics_and_every_definition_reads_back(
        text in "(([0-9*]{1,2} [0-9*]{1,2} [*] [*] [*]|@reboot|@daily) [ -~é\u{1}\t]{0,30}\r?\n|[A-Z.]{1,4}=[ -~\u{7f}]{0,12}\n|[ -~\u{0}-\u{10}]{0,20}\n){0,6}",
        has_user_column: bool,
    ) {
        let crontab = Crontab { text: &text, has_user_column, user: Some("me"), system_scope: false };
        let import = import_crontab(&crontab, now(), &zones("Europe/Berlin"));
        let toml = import.to_toml();
        if import.services() > 0 {
            let definition = read(&Source::new("jobs.toml", toml.as_str(), Format::Toml), &zones("UTC"));
            prop_assert_eq!(definition.unwrap().services.len(), import.services());
        }
    }
}
