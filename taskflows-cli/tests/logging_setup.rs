//! `tf logging setup`.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

mod host;

use host::Host;

/// Runs a command line and returns what it wrote.
fn told(host: &mut Host, line: &str) -> String {
    host.transcript.clear();
    let directory = host.files.path().display().to_string();
    host.tf(&format!("{line} --dir {directory}/kit"));
    host.transcript.replace(&directory, "[dir]")
}

fn file(host: &Host, name: &str) -> String {
    std::fs::read_to_string(host.files.path().join("kit").join(name)).unwrap()
}

#[test]
fn the_kit_is_written_once_and_then_is_as_it_should_be() {
    let mut host = Host::new();
    let dry = told(&mut host, "logging setup compose --dry-run");
    assert!(
        dry.contains("! Would write [dir]/kit/docker-compose.yml.") && dry.ends_with("= Ok\n\n"),
        "{dry}"
    );
    assert!(!host.files.path().join("kit").exists());
    let first = told(&mut host, "logging setup compose");
    assert!(first.contains("! Wrote 13 files to [dir]/kit."), "{first}");
    assert!(first.contains("docker compose up -d loki fluent-bit grafana"), "{first}");
    let again = told(&mut host, "logging setup compose");
    assert!(again.contains("! Nothing changed: [dir]/kit is as it should be."), "{again}");
    let other = told(&mut host, "logging setup compose --environment staging");
    assert!(other.contains(" files of 13 to [dir]/kit.") && other.ends_with("= Ok\n\n"), "{other}");
    assert!(file(&host, "docker-compose.yml").contains("${ENVIRONMENT:-staging}"));
}

#[test]
fn options_hold_until_others_are_given() {
    let mut host = Host::new();
    told(
        &mut host,
        "logging setup compose --profile s3 --retention 14d --labels-compat --journal /run/log/journal",
    );
    let loki = file(&host, "loki/loki.yaml");
    assert!(loki.contains("s3") && loki.contains("336h"), "{loki}");
    let again = told(&mut host, "logging setup compose");
    let kept = "As the last time: --profile=s3 --retention=2w --labels-compat --journal=/run/log/journal.";
    assert!(again.contains(kept) && again.contains("Nothing changed"), "{again}");
    told(&mut host, "logging setup loki");
    assert!(file(&host, "loki/loki.yaml").contains("336h"));
    told(&mut host, "logging setup loki --profile archive");
    assert!(told(&mut host, "logging setup loki").contains("As the last time: --profile=archive."));
}

#[test]
fn what_was_changed_by_hand_is_not_written_over() {
    let mut host = Host::new();
    told(&mut host, "logging setup loki");
    let mine = file(&host, "loki/loki.yaml") + "# mine\n";
    std::fs::write(host.files.path().join("kit/loki/loki.yaml"), &mine).unwrap();
    let refused = told(&mut host, "logging setup compose");
    assert!(refused.contains("`[dir]/kit/loki/loki.yaml`") && refused.contains("= Failed"), "{refused}");
    assert!(refused.contains("`--force`"), "{refused}");
    assert!(!host.files.path().join("kit/docker-compose.yml").exists(), "all or none");
    assert_eq!(file(&host, "loki/loki.yaml"), mine);
    let forced = told(&mut host, "logging setup loki --force");
    assert!(forced.contains("! Wrote 1 files to") || forced.contains("Wrote 1 file of 1"), "{forced}");
    assert!(!file(&host, "loki/loki.yaml").contains("mine"));
}

#[test]
fn what_cannot_be_written_as_it_stands_is_refused() {
    let mut host = Host::new();
    for (line, word) in [
        ("logging setup compose --environment 'a\nb'", "the environment cannot be"),
        ("logging setup compose --loki-url http://me:secret@localhost", "LOKI_PASSWORD"),
        ("logging setup compose --retention 1h", "a day at least"),
        ("logging setup fluent-bit --journal log", "does not begin with `/`"),
    ] {
        let refused = told(&mut host, line);
        assert!(refused.contains(word) && refused.contains("= Usage"), "{refused}");
        assert!(!refused.replace(line, "").contains("secret"), "{refused}");
    }
    assert!(!host.files.path().join("kit").exists());
}

#[test]
fn a_part_alone_goes_to_the_loki_that_tf_reads() {
    let mut host = Host::new();
    host.app.loki = Some(taskflows_logging::loki::LokiSettings::new("https://logs.example.org/a"));
    told(&mut host, "logging setup fluent-bit");
    assert!(file(&host, "fluent-bit/fluent-bit.env").contains("LOKI_HOST=logs.example.org\nLOKI_PORT=443\n"));
    let configuration = file(&host, "fluent-bit/fluent-bit.yaml");
    assert!(configuration.contains("uri: /a/loki/api/v1/push") && configuration.contains("tls: on"));
    told(&mut host, "logging setup grafana --loki-url http://other:1234");
    assert!(file(&host, "grafana/provisioning/datasources/loki.yaml").contains("url: http://other:1234\n"));
}
