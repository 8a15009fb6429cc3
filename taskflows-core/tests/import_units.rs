//! Units that were written by hand: what becomes of each directive.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

use jiff::tz::{TimeZone, TimeZoneDatabase};
use proptest::prelude::*;
use taskflows_core::import::{Import, UnitPair, UnitText, Verdict, import_units};
use taskflows_core::schedule::Zones;
use taskflows_core::{Format, Source, read};

fn zones() -> Zones {
    Zones::new(TimeZoneDatabase::bundled(), TimeZone::UTC)
}

fn unit(name: &str, text: &str) -> UnitText {
    UnitText { name: name.to_owned(), text: text.to_owned() }
}

fn pair(service: &str, timer: Option<&str>) -> UnitPair {
    UnitPair {
        service: unit("job.service", service),
        timer: timer.map(|text| unit("job.timer", text)),
        ..UnitPair::default()
    }
}

fn import(pairs: &[UnitPair]) -> Import {
    let import = import_units(pairs, "2026-11-24T12:00:00Z".parse().unwrap(), &zones());
    if import.services() > 0 {
        let toml = import.to_toml();
        let definition = read(&Source::new("units.toml", toml.as_str(), Format::Toml), &zones());
        assert_eq!(
            definition.unwrap_or_else(|error| panic!("{error}\n{toml}")).services.len(),
            import.services()
        );
    }
    import
}

/// Checks the verdict for a service of one more line, and a piece of what becomes of it.
#[track_caller]
fn check(line: &str, verdict: Verdict, piece: &str) {
    let base = if line.contains("ExecStart=") { "" } else { "ExecStart=/bin/a\n" };
    let kind = if line.contains("Type=") { "" } else { "Type=exec\n" };
    let told = import(&[pair(&format!("[Service]\n{kind}{base}{line}\n"), None)]);
    let item = &told.items[0];
    let all = format!("{}{:?}", item.toml.as_deref().unwrap_or_default(), item.findings);
    assert_eq!(item.verdict(), verdict, "{all}");
    assert!(all.contains(piece), "{piece} is not in\n{all}");
}

#[test]
fn a_directive_becomes_a_field_where_one_says_the_same() {
    use Verdict::Exact;
    check("ExecStart=/bin/a 'b c' $$d 5%%", Exact, "start_command = [\"/bin/a\", \"b c\", \"$d\", \"5%\"]");
    check(
        "ExecStart=/bin/sh -c 'echo \"$HOME\" $(date)'",
        Exact,
        "start_command = [\"/bin/sh\", \"-c\", 'echo \"$HOME\" $(date)']",
    );
    check("ExecReload=/bin/kill -HUP 1", Exact, "restart_command = [");
    check("Environment=A=1\nEnvironment=A=2 B=", Exact, "env = { A = \"2\", B = \"\" }");
    check("EnvironmentFile=/a\nEnvironmentFile=%h/b", Exact, "env_file = [\"/a\", \"~/b\"]");
    check("RuntimeMaxSec=90", Exact, "timeout = \"90\"");
    check("WorkingDirectory=/srv/100%%", Exact, "working_directory = \"/srv/100%\"");
    check(
        "Restart=always\nRestartSec=0",
        Exact,
        "{ condition = \"always\", delay = \"0\", max_attempts = 5, window = \"10s\" }",
    );
    check(
        "Restart=always\n[Unit]\nStartLimitIntervalSec=0",
        Exact,
        "{ condition = \"always\", delay = \"100ms\" }",
    );
    check("KillSignal=2", Exact, "kill_signal = \"2\"");
    check("LoadCredential=token:%h/t", Exact, "credentials = { token = \"~/t\" }");
    check(
        "[Unit]\nAssertCPUs=2\nConditionMemory=<1G",
        Exact,
        "{ type = \"CPUs\", amount = 2, constraint = \">=\", silent = false }",
    );
    check("[Unit]\nPartOf=a.service b.target", Exact, "part_of = [\"a.service\", \"b.target\"]");
    check("Type=notify\nWatchdogSec=5\nNotifyAccess=all", Exact, "notify_access = \"all\"");
}

#[test]
fn what_no_field_says_is_passed_through() {
    use Verdict::{Approximate, Exact};
    check("ExecStartPre=/bin/a %i", Approximate, "its %i stands for the name");
    check("Environment=A=%h", Exact, "Environment = \"A=%h\"");
    check("WorkingDirectory=~", Exact, "WorkingDirectory = \"~\"");
    check("KillSignal=SIGRTMIN+3", Exact, "KillSignal = \"SIGRTMIN+3\"");
    check("WatchdogSec=5", Exact, "WatchdogSec = \"5\"");
    check("RuntimeMaxSec=infinity", Exact, "RuntimeMaxSec = \"infinity\"");
    check("[Unit]\nConditionMemory=!1G\nConditionCPUPressure=0.5%", Exact, "ConditionCPUPressure = \"0.5%\"");
    check("User=www\nMemoryMax=1G", Exact, "MemoryMax = \"1G\"");
    check("TimeoutStopSec=5", Exact, "TimeoutStopSec = \"5\"");
    check("[X-Other]\nA=1", Exact, "start_command");
}

#[test]
fn commands_of_systemd_alone_are_what_runs_and_are_shown_by_their_words() {
    use Verdict::Approximate;
    check("ExecStart=-/bin/a $B", Approximate, "ExecStart = \"-/bin/a $B\"");
    check("ExecStart=-/bin/a $B", Approximate, "it is what runs");
    check("ExecStart=%h/bin/a -x", Approximate, "start_command = [\"a\", \"-x\"]");
    check("ExecStart=@/bin/a b 'c d' $$e", Approximate, "start_command = [\"/bin/a\", \"c d\", \"$e\"]");
    let quoted = "ExecStart=/bin/sh -c 'echo \"$HOME\" %h %n'";
    check(quoted, Approximate, "start_command = [\"/bin/sh\", \"-c\", 'echo \"$HOME\" %h %n']");
    let several = "Type=oneshot\nExecStart=/bin/a $B\nExecStart=/bin/b";
    check(several, Approximate, "ExecStart = [\"/bin/a $B\", \"/bin/b\"]");
}

#[test]
fn several_plain_commands_become_those_of_one_shell() {
    use Verdict::{Approximate, Impossible};
    let lines = "Type=oneshot\nExecStart=/bin/a 'b c' $$HOME\nExecStart=/bin/d 5%%";
    check(lines, Approximate, "[\"/bin/sh\", \"-c\", \"/bin/a 'b c' '$HOME' && /bin/d '5%'\"]");
    check("Type=oneshot\nExecStart=/bin/a ; /bin/b", Approximate, "\"/bin/a && /bin/b\"]");
    check("ExecStart=/bin/a ; /bin/b", Impossible, "only with Type=oneshot");
    check("ExecStart=/bin/a\nExecStart=/bin/b", Impossible, "only with Type=oneshot");
}

#[test]
fn what_cannot_be_kept_is_told() {
    use Verdict::{Approximate, Impossible};
    check("Type=simple", Approximate, "Type=exec");
    check("Type=dbus\nBusName=a.b", Impossible, "on the bus");
    check("Sockets=a.socket", Impossible, "socket");
    check("[Install]\nWantedBy=multi-user.target", Approximate, "not with multi-user.target");
    check("[Install]\nAlias=b.service", Approximate, "left out");
    check("[Swap]\nWhat=/x", Approximate, "no such section");
    check("Nice=a\\\\", Impossible, "backslash");
    let nothing = import(&[pair("[Service]\nType=oneshot\nExecStop=/bin/a\n", None)]);
    assert_eq!((nothing.items[0].verdict(), nothing.services()), (Impossible, 0));
    let disabled = UnitPair {
        enabled: Some(false),
        ..pair("[Service]\nType=exec\nExecStart=/bin/a\n[Install]\nWantedBy=a.target\n", None)
    };
    assert!(!import(&[disabled]).to_toml().contains("enabled = true"));
    let timer = UnitPair {
        timer_enabled: Some(false),
        ..pair("[Service]\nType=exec\nExecStart=/bin/a\n", Some("[Timer]\nOnCalendar=daily\n"))
    };
    assert_eq!(import(&[timer]).items[0].verdict(), Approximate);
}

/// Checks what becomes of the lines of a timer.
#[track_caller]
fn check_timer(lines: &str, verdict: Verdict, piece: &str) {
    let service = "[Service]\nType=oneshot\nExecStart=/bin/a\n";
    let told = import(&[pair(service, Some(&format!("[Timer]\n{lines}\n")))]);
    let all = format!("{}{:?}", told.to_toml(), told.items[0].findings);
    assert_eq!(told.items[0].verdict(), verdict, "{all}");
    assert!(all.contains(piece), "{piece} is not in\n{all}");
    assert_eq!(told.items[0].old, told.items[0].new);
}

#[test]
fn a_timer_becomes_a_schedule() {
    use Verdict::{Approximate, Exact, Impossible};
    check_timer(
        "OnCalendar=daily",
        Exact,
        "{ schedule = \"daily\", persistent = false, accuracy = \"1min\" }",
    );
    check_timer(
        "OnCalendar=Mon 09:00 Europe/Berlin\nPersistent=yes\nAccuracySec=0",
        Exact,
        "persistent = true, accuracy = \"1us\"",
    );
    check_timer(
        "OnBootSec=1\nOnUnitInactiveSec=5min",
        Exact,
        "{ start_on = \"boot\", period = \"5min\", relative_to = \"finish\"",
    );
    check_timer("OnBootSec=5min\nOnUnitActiveSec=1h", Approximate, "OnBootSec = \"5min\"");
    check_timer("OnCalendar=daily\nOnBootSec=5min", Approximate, "at once where so much time has passed");
    check_timer("OnCalendar=daily\nOnStartupSec=1s", Approximate, "OnStartupSec = \"1s\"");
    check_timer(
        "OnUnitActiveSec=1h\nOnUnitInactiveSec=2h\nOnActiveSec=5",
        Approximate,
        "OnActiveSec = \"5\"",
    );
    check_timer("OnCalendar=daily\nWakeSystem=yes\nRandomizedDelaySec=0", Exact, "WakeSystem = \"yes\"");
    check_timer("OnCalendar=daily\n[Unit]\nRequires=a.service", Approximate, "of the timer, left out");
    check_timer("OnBootSec=5min", Impossible, "only after boot");
    check_timer("OnCalendar=daily CEST", Impossible, "CEST");
    check_timer("OnUnitActiveSec=%i", Impossible, "length of time");
}

#[test]
fn services_that_are_imported_together_know_each_other() {
    let service = |name: &str, text: &str| UnitPair { service: unit(name, text), ..UnitPair::default() };
    let told = import(&[
        service("data.base.service", "[Service]\nType=exec\nExecStart=/bin/a\n"),
        service(
            "web.service",
            "[Unit]\nRequires=data.base.service\nAfter=data.base.service other.service\n[Service]\nType=exec\nExecStart=/bin/b\n",
        ),
    ]);
    let toml = told.to_toml();
    assert!(toml.contains("requires = \"data.base\"\n"), "{toml}");
    assert!(toml.contains("start_after = [\"data.base\", \"other.service\"]"), "{toml}");
}

#[test]
fn a_unit_that_has_no_counterpart_is_refused_as_a_whole() {
    for (name, text, trigger) in [
        ("a@.service", "", ""),
        ("a@b.service", "", ""),
        ("a.socket", "", ""),
        ("a.service", "", "a.socket"),
        ("a.service", "[Unit]\nX-Taskflows-Version=1\n", ""),
    ] {
        let text = format!("{text}[Service]\nExecStart=/bin/a\n");
        let triggers = Some(trigger.to_owned()).filter(|trigger| !trigger.is_empty()).into_iter().collect();
        let told = import(&[UnitPair { service: unit(name, &text), triggers, ..UnitPair::default() }]);
        assert_eq!(told.items[0].verdict(), Verdict::Impossible, "{name} {trigger}");
    }
}

proptest! {
    #[test]
    fn no_text_panics_and_every_definition_reads_back(
        service in "(\\[(Unit|Service|Install|X)\\]\n)?((ExecStart|ExecStop|Environment|Type|Restart|RestartSec|WatchdogSec|Nice|After|Description|ConditionMemory|ConditionCPUPressure|LoadCredential|WorkingDirectory|WantedBy)=[ -~é]{0,16}\\\\?\n){0,6}",
        timer in proptest::option::of("\\[Timer\\]\n((OnCalendar|OnBootSec|OnUnitActiveSec|AccuracySec|Persistent|Unit)=([0-9]{1,3}(s|min)?|daily|yes|[ -~]{0,8})\n){0,4}"),
    ) {
        let text = format!("[Service]\nExecStart=/bin/a\n{service}");
        import(&[UnitPair {
            service: unit("a.service", &text),
            timer: timer.map(|text| unit("a.timer", &text)),
            ..UnitPair::default()
        }]);
    }
}
