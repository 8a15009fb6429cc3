//! Messages that tests and benchmarks share.

#![allow(dead_code, reason = "each test uses some of them")]

pub(crate) mod any;

use jiff::{Timestamp, ToSpan};
use taskflows_alerts::{Message, Severity, Tone};

/// A line, as a script sends it.
pub(crate) fn one_line() -> Message {
    Message::new("Disk of db1 is 91% full").severity(Severity::Warning)
}

/// What wakes somebody: a service that failed for good.
pub(crate) fn failure() -> Message {
    let at: Timestamp = "2026-11-27T02:14:09Z".parse().unwrap();
    let log: Vec<String> = (0..13)
        .map(|n| {
            format!(
                "02:1{}:{:02} pg_dump: dumping contents of table \"public.orders_{n}\"",
                n / 4,
                n * 4 % 60
            )
        })
        .chain(["pg_dump: error: could not write to output file: No space left on device".to_owned()])
        .collect();
    Message::new("nightly-backup failed on db1")
        .severity(Severity::Critical)
        .firing()
        .text("All 3 attempts failed. The last one ended with exit code 1 after 13 minutes; usually it takes 6.")
        .field("Service", "nightly-backup")
        .field("Host", "db1.example.org")
        .field("Run", "7f3c9a1e54b24c0d8e6f1a2b3c4d5e6f")
        .field("Attempt", "3 of 3")
        .field("Scheduled", "02:00:00 UTC, started 02:00:01")
        .field("Exit", "1 (failure)")
        .field("Command", "/usr/local/bin/backup --all --to=/srv/backup/*.dump")
        .field("Next run", "2026-11-28 02:00:00 UTC")
        .link("Logs", "https://grafana.example.org/explore?left={\"a\":1}&from=1795744800000&to=1795745700000")
        .link("Runbook", "https://wiki.example.org/backup#disk-full")
        .code(log.join("\n"))
        .timeline([(at - 14.minutes(), "started"), (at - 5.minutes(), "attempt 2 failed"), (at, "attempt 3 failed")])
        .mention("U024BE7LH")
        .mention("@oncall")
        .dedup_key("nightly-backup/failed")
        .at(at)
}

/// One piece of each kind, with markup of each kind in its texts.
pub(crate) fn everything() -> Message {
    let at: Timestamp = "2026-11-27T02:14:09Z".parse().unwrap();
    Message::new("<b>Everything</b> & *more* <!channel> @everyone")
        .severity(Severity::Error)
        .text("First <script>alert('x')</script>\nsecond line with __init__ and \u{1b}[31mred\u{1b}[0m")
        .status("degraded", Tone::Warning)
        .key_values([("Region", "eu-west"), ("Pattern", "*.log"), ("Query", "a < b && c > d")])
        .table(["Queue", "Waiting", "Oldest"], [["mail", "12", "3 min"], ["<web>", "4711", "2 h\nand more"]])
        .list(["first", "- second", "# third"])
        .numbered(["one", "two"])
        .code("if a < b { println!(\"```\"); }\n")
        .image("https://example.org/graph.png?a=1&b=2", "Load <over> a day")
        .image("file:///etc/passwd", "no picture")
        .divider()
        .timeline([(at, "began"), (at + 90.seconds(), "grew <worse>")])
        .metric("Orders per minute", "17")
        .field("Empty", "")
        .field("Path", "/var/lib/*_tmp")
        .link("Dashboard|>x", "https://example.org/d?x=<1>|(2)")
        .link("Odd", "javascript:alert(1)")
        .attachment("report.csv", "text/csv", "a,b\n1,2\n")
        .mention("here")
        .mention("&123456789012345678")
        .at(at)
}

/// A table of so many rows of five columns.
pub(crate) fn table(rows: usize) -> Message {
    let row = |n: usize| {
        [
            format!("service-{n:03}"),
            format!("host-{}.example.org", n % 17),
            if n.is_multiple_of(7) { "failed" } else { "ok" }.to_owned(),
            format!("{}.{} s", n * 37 % 600, n % 10),
            format!("2026-11-27 {:02}:{:02}:00", n % 24, n % 60),
        ]
    };
    Message::new("State of all services")
        .text("As of this morning.")
        .table(["Service", "Host", "Result", "Duration", "Last run"], (0..rows).map(row))
}
