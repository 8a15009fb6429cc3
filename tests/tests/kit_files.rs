//! The files of the kit, read by parsers that are not ours, and held to what the programs they are for understand.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;
use taskflows_logging::kit::{JournalSources, KitFile, Part, Pipeline, Profile};
use taskflows_tests::tf_binary;

/// Reads YAML by PyYAML.
#[track_caller]
fn yaml(text: &str) -> Value {
    // Python's date is no JSON; our dates are quoted, so one here is a mistake that fails.
    let script = "import json, sys, yaml; print(json.dumps(yaml.safe_load(sys.stdin)))";
    let mut child = Command::new("/usr/bin/python3")
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is installed: scripts/test sees to it");
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "no YAML:\n{text}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn find<'a>(files: &'a [KitFile], path: &str) -> &'a KitFile {
    files.iter().find(|file| file.path == path).unwrap_or_else(|| panic!("no {path}"))
}

/// A model in which everything is switched on.
fn everything() -> Pipeline {
    Pipeline {
        labels_compat: true,
        environment: "staging".to_owned(),
        profile: Profile::Archive,
        has_auth: true,
        tenant: Some("team-a".to_owned()),
        journal: JournalSources { user: Some(1000), ..JournalSources::default() },
        debug_file: true,
        ..Pipeline::default()
    }
}

fn models() -> Vec<Pipeline> {
    let s3 = Pipeline { profile: Profile::S3, ..Pipeline::default() };
    let elsewhere =
        Pipeline { loki: Some("https://logs.example.org/a".parse().unwrap()), ..Pipeline::default() };
    vec![Pipeline::default(), everything(), s3, elsewhere]
}

const PARTS: [Part; 4] = [Part::FluentBit, Part::Loki, Part::Grafana, Part::Compose];

/// The keys of each section, from the manual of Fluent Bit 5.1 (docs.fluentbit.io/manual): administration,
/// "Service section"; pipeline, inputs "Systemd", "Forward", "Tail", filters "Lua", outputs "Loki", "File"; and of
/// every plugin, from "Transport security", "Buffering" and "Multithreading".
const SERVICE: &[&str] = &[
    "flush",
    "grace",
    "log_level",
    "http_server",
    "http_listen",
    "http_port",
    "health_check",
    "hc_errors_count",
    "hc_period",
    "hc_retry_failure_count",
    "scheduler.base",
    "scheduler.cap",
    "storage.path",
    "storage.sync",
    "storage.checksum",
    "storage.max_chunks_up",
    "storage.backlog.mem_limit",
    "storage.metrics",
    "parsers_file",
];
const PLUGINS: &[(&str, &[&str])] = &[
    (
        "systemd",
        &[
            "db",
            "db.sync",
            "lowercase",
            "max_entries",
            "max_fields",
            "path",
            "read_from_tail",
            "strip_underscores",
            "systemd_filter",
            "systemd_filter_type",
            "tag",
        ],
    ),
    (
        "forward",
        &["listen", "port", "unix_path", "buffer_max_size", "buffer_chunk_size", "tag_prefix", "tag"],
    ),
    (
        "tail",
        &[
            "buffer_chunk_size",
            "buffer_max_size",
            "path",
            "path_key",
            "exclude_path",
            "read_from_head",
            "refresh_interval",
            "rotate_wait",
            "ignore_older",
            "skip_long_lines",
            "skip_empty_lines",
            "db",
            "db.sync",
            "key",
            "tag",
        ],
    ),
    ("lua", &["script", "call", "type_int_key", "protected_mode", "time_as_table", "code", "match"]),
    (
        "loki",
        &[
            "host",
            "uri",
            "port",
            "http_user",
            "http_passwd",
            "bearer_token",
            "tenant_id",
            "labels",
            "label_keys",
            "structured_metadata",
            "remove_keys",
            "drop_single_key",
            "line_format",
            "compress",
            "workers",
            "retry_limit",
            "tls",
            "tls.verify",
            "match",
        ],
    ),
    ("file", &["path", "file", "format", "mkdir", "workers", "match"]),
];
const ANY_PLUGIN: &[&str] = &["name", "alias", "storage.type", "storage.total_limit_size"];

#[test]
fn fluent_bit_knows_every_key() {
    for model in models() {
        for part in [Part::FluentBit, Part::Compose] {
            let files = model.files(part);
            let configuration = yaml(&find(&files, "fluent-bit/fluent-bit.yaml").text);
            let top: Vec<&str> = configuration.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(top, ["service", "pipeline"]);
            for key in configuration["service"].as_object().unwrap().keys() {
                assert!(SERVICE.contains(&key.as_str()), "{key}");
            }
            let stages: Vec<&String> = configuration["pipeline"].as_object().unwrap().keys().collect();
            assert_eq!(stages, ["inputs", "filters", "outputs"]);
            for plugin in
                stages.iter().flat_map(|stage| configuration["pipeline"][*stage].as_array().unwrap())
            {
                let name = plugin["name"].as_str().unwrap();
                let known = PLUGINS.iter().find(|(own, _)| *own == name).unwrap().1;
                for key in plugin.as_object().unwrap().keys().map(String::as_str) {
                    assert!(known.contains(&key) || ANY_PLUGIN.contains(&key), "{key} of {name}");
                }
                if let Some(script) = plugin["script"].as_str() {
                    find(&files, &format!("fluent-bit/{script}"));
                }
            }
        }
    }
}

#[test]
fn fluent_bit_reads_three_ways_and_keeps_what_loki_does_not_take() {
    let files = Pipeline::default().files(Part::Compose);
    let pipeline = yaml(&find(&files, "fluent-bit/fluent-bit.yaml").text)["pipeline"].clone();
    let inputs = pipeline["inputs"].as_array().unwrap();
    let names: Vec<&str> = inputs.iter().map(|input| input["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["systemd", "forward", "tail"]);
    assert!(inputs.iter().all(|input| input["storage.type"] == "filesystem"));
    let databases: BTreeSet<&str> = inputs.iter().filter_map(|input| input["db"].as_str()).collect();
    assert_eq!(databases.len(), 2, "each keeps its own place");
    let loki = &pipeline["outputs"][0];
    assert!(loki["storage.total_limit_size"].is_string() && loki["retry_limit"].is_u64());
    assert_eq!((&loki["compress"], &loki["drop_single_key"]), (&"gzip".into(), &"raw".into()));
    let names = |list: &Value| -> Vec<String> {
        let pairs = list.as_str().unwrap().split(", ");
        pairs.map(|pair| pair.split('=').next().unwrap().to_owned()).collect()
    };
    let few = ["service_name", "app", "environment", "hostname", "severity", "level_name", "logger"];
    assert_eq!(names(&loki["labels"]), few);
    assert_eq!(names(&loki["structured_metadata"]), ["request_id", "trace_id", "run_id", "attempt"]);
    let compat = everything().files(Part::FluentBit);
    let configuration = yaml(&find(&compat, "fluent-bit/fluent-bit.yaml").text);
    let loki = &configuration["pipeline"]["outputs"][0];
    assert_eq!(names(&loki["labels"])[7..], ["request_id", "trace_id"]);
    assert_eq!(names(&loki["structured_metadata"]), ["run_id", "attempt"]);
    assert_eq!((&loki["http_passwd"], &loki["tenant_id"]), (&"${LOKI_PASSWORD}".into(), &"team-a".into()));
    assert_eq!(configuration["pipeline"]["outputs"][1]["file"], "services-logs");
}

/// From "Grafana Loki configuration parameters" of release 3.4 (grafana.com/docs/loki/v3.4.x/configure).
const LOKI: &[(&str, &[&str])] = &[
    (
        "server",
        &[
            "http_listen_address",
            "http_listen_port",
            "grpc_listen_address",
            "grpc_listen_port",
            "log_level",
            "grpc_server_max_recv_msg_size",
            "grpc_server_max_send_msg_size",
        ],
    ),
    ("common", &["instance_addr", "path_prefix", "replication_factor", "ring", "storage"]),
    ("schema_config", &["configs"]),
    (
        "limits_config",
        &[
            "retention_period",
            "allow_structured_metadata",
            "discover_service_name",
            "volume_enabled",
            "ingestion_rate_mb",
            "ingestion_burst_size_mb",
            "per_stream_rate_limit",
            "per_stream_rate_limit_burst",
            "max_line_size",
            "max_line_size_truncate",
            "max_label_names_per_series",
            "max_label_value_length",
            "max_global_streams_per_user",
            "reject_old_samples",
            "reject_old_samples_max_age",
            "creation_grace_period",
            "max_query_length",
        ],
    ),
    (
        "compactor",
        &[
            "working_directory",
            "compaction_interval",
            "retention_enabled",
            "retention_delete_delay",
            "delete_request_store",
        ],
    ),
    ("ingester", &["chunk_encoding", "chunk_idle_period", "max_chunk_age", "wal"]),
    ("analytics", &["reporting_enabled"]),
];

#[test]
fn loki_keeps_lines_as_long_as_told_where_it_is_told() {
    for (profile, store, hours) in
        [(Profile::Dev, "filesystem", "720h"), (Profile::S3, "s3", "720h"), (Profile::Archive, "s3", "2160h")]
    {
        for part in [Part::Loki, Part::Compose] {
            let files = Pipeline { profile, ..Pipeline::default() }.files(part);
            let text = &find(&files, "loki/loki.yaml").text;
            let configuration = yaml(text);
            for (section, value) in configuration.as_object().unwrap() {
                let Some((_, known)) = LOKI.iter().find(|(own, _)| own == section) else {
                    assert_eq!(section, "auth_enabled");
                    continue;
                };
                for key in value.as_object().unwrap().keys() {
                    assert!(known.contains(&key.as_str()), "{key} of {section}");
                }
            }
            let limits = &configuration["limits_config"];
            assert_eq!(limits["retention_period"], hours);
            assert_eq!(limits["allow_structured_metadata"], true);
            assert_eq!(configuration["compactor"]["retention_enabled"], true);
            assert_eq!(configuration["compactor"]["delete_request_store"], store);
            let schema = &configuration["schema_config"]["configs"][0];
            assert_eq!((&schema["store"], &schema["schema"]), (&"tsdb".into(), &"v13".into()));
            assert_eq!(schema["object_store"], store);
            assert!(configuration["common"]["storage"][store].is_object());
            let secret = configuration["common"]["storage"]["s3"]["secret_access_key"].as_str();
            assert_eq!(secret, (store == "s3").then_some("${S3_SECRET_KEY}"));
        }
    }
}

/// Nothing listens for other machines: outside of containers on 127.0.0.1, and a container's port is published there.
#[test]
fn every_port_is_open_on_this_machine_alone() {
    for model in models() {
        for part in [Part::FluentBit, Part::Loki] {
            for file in model.files(part) {
                assert!(!file.text.contains("0.0.0.0"), "{}", file.path);
            }
        }
        let compose = yaml(&find(&model.files(Part::Compose), "docker-compose.yml").text);
        let services = compose["services"].as_object().unwrap();
        assert_eq!(services.contains_key("loki"), model.loki.is_none());
        for (name, service) in services {
            let ports = service["ports"].as_array().unwrap();
            assert!(ports.iter().all(|port| port.as_str().unwrap().starts_with("127.0.0.1:")), "{name}");
            assert!(service["network_mode"].is_null() && service["privileged"].is_null(), "{name}");
        }
    }
}

#[test]
fn images_are_of_one_version_and_no_password_is_written() {
    for model in models() {
        let files = model.files(Part::Compose);
        let compose = &find(&files, "docker-compose.yml").text;
        for service in yaml(compose)["services"].as_object().unwrap().values() {
            let (_, tag) = service["image"].as_str().unwrap().split_once(':').unwrap();
            let numbers: Vec<&str> = tag.split('.').collect();
            assert!(
                numbers.len() == 3 && numbers.iter().all(|number| number.parse::<u32>().is_ok()),
                "{tag}"
            );
            assert_eq!(service["restart"], "unless-stopped");
        }
        assert!(compose.contains("${GRAFANA_ADMIN_PASSWORD:?"));
        for file in PARTS.iter().flat_map(|part| model.files(*part)) {
            for line in file.text.lines().map(str::trim).filter(|line| !line.starts_with(['#', '-'])) {
                let lower = line.to_lowercase();
                let Some(at) = lower.find("passw").or_else(|| lower.find("secret")) else { continue };
                let value = line[at..].split_once([':', '=']).map_or("", |(_, value)| value.trim());
                let is_variable = value.starts_with("${") && value.ends_with('}');
                assert!(value.is_empty() || is_variable, "{}: {line}", file.path);
            }
        }
    }
}

#[test]
fn what_compose_mounts_and_starts_is_there() {
    for model in models() {
        let files = model.files(Part::Compose);
        let compose = yaml(&find(&files, "docker-compose.yml").text);
        let volumes: BTreeSet<&String> = compose["volumes"].as_object().unwrap().keys().collect();
        for service in compose["services"].as_object().unwrap().values() {
            for volume in service["volumes"].as_array().unwrap().iter().filter_map(Value::as_str) {
                let (source, rest) = volume.split_once(':').unwrap();
                match source.strip_prefix("./") {
                    Some("debug") => {}
                    Some(directory) => {
                        assert!(files.iter().any(|file| file.path.starts_with(&format!("{directory}/"))));
                        assert!(rest.ends_with(":ro"), "{volume}");
                    }
                    None if source.starts_with(['/', '$']) => assert!(rest.ends_with(":ro"), "{volume}"),
                    None => assert!(volumes.contains(&source.to_owned()), "{volume}"),
                }
            }
        }
        let journal = &compose["services"]["fluent-bit"]["volumes"][1];
        assert_eq!((&journal["source"], &journal["read_only"]), (&"/var/log/journal".into(), &true.into()));
    }
}

/// Docker Compose of Debian reads the file, puts the variables in, and knows every key.
#[test]
fn docker_compose_takes_the_file_and_asks_for_passwords() {
    for model in models() {
        let directory = tempfile::tempdir().unwrap();
        // Newer than Debian's, which makes no directory anyway where a mount is written out.
        let text = find(&model.files(Part::Compose), "docker-compose.yml").text.clone();
        let older: Vec<&str> =
            text.lines().filter(|line| !line.contains("create_host_path: false")).collect();
        assert_eq!(older.len() + 1, text.lines().count());
        let older = older.join("\n").replace("\n        bind:\n", "\n");
        std::fs::write(directory.path().join("docker-compose.yml"), older).unwrap();
        let run = |variables: &[(&str, &str)]| {
            let mut command = Command::new("docker-compose");
            command.args(["config"]).current_dir(directory.path()).env_clear();
            command.env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", directory.path());
            command.envs(variables.iter().copied());
            let output = command.output().expect("docker-compose is installed: scripts/test sees to it");
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            (output.status.success(), text(&output.stdout), text(&output.stderr))
        };
        let (good, _, told) = run(&[]);
        assert!(!good && told.contains("in .env"), "{told}");
        let names = [
            "GRAFANA_ADMIN_PASSWORD",
            "LOKI_USER",
            "LOKI_PASSWORD",
            "S3_ENDPOINT",
            "S3_BUCKET",
            "S3_REGION",
            "S3_ACCESS_KEY",
            "S3_SECRET_KEY",
        ];
        let all: Vec<(&str, &str)> = names.iter().map(|name| (*name, "given")).collect();
        let (good, whole, told) = run(&all);
        assert!(good, "{told}");
        let host = model.loki.as_ref().map_or("loki", |loki| loki.host.as_str());
        assert!(whole.contains(&format!("LOKI_HOST: {host}")), "{whole}");
        assert!(whole.contains("GF_SECURITY_ADMIN_PASSWORD: given"));
    }
}

#[test]
fn grafana_finds_its_loki_and_dashboards_have_names_that_stay() {
    let files = everything().files(Part::Compose);
    let sources = yaml(&find(&files, "grafana/provisioning/datasources/loki.yaml").text);
    let source = &sources["datasources"][0];
    assert_eq!((&source["uid"], &source["url"]), (&"loki".into(), &"http://loki:3100".into()));
    assert_eq!(source["secureJsonData"]["basicAuthPassword"], "${LOKI_PASSWORD}");
    assert_eq!(source["secureJsonData"]["httpHeaderValue1"], "team-a");
    assert_eq!(source["jsonData"]["httpHeaderName1"], "X-Scope-OrgID");
    let derived = source["jsonData"]["derivedFields"].as_array().unwrap();
    assert!(derived.iter().any(|field| field["matcherRegex"] == "trace_id"));
    let uids: Vec<String> = files
        .iter()
        .filter(|file| file.path.starts_with("grafana/dashboards/"))
        .map(|file| {
            let dashboard: Value = serde_json::from_str(&file.text).unwrap();
            let uid = dashboard["uid"].as_str().unwrap().to_owned();
            assert_eq!(file.path, format!("grafana/dashboards/{uid}.json"));
            let panels = dashboard["panels"].as_array().unwrap();
            let ids: BTreeSet<u64> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
            assert_eq!(ids.len(), panels.len());
            let variables = dashboard["templating"]["list"].as_array().unwrap();
            for query in panels.iter().map(|panel| panel["targets"][0]["expr"].as_str().unwrap()) {
                for name in
                    ["service_name", "level"].iter().filter(|name| query.contains(&format!("${name}\"")))
                {
                    assert!(variables.iter().any(|variable| variable["name"] == **name), "{name} in {uid}");
                }
            }
            uid
        })
        .collect();
    assert_eq!(uids, ["taskflows-errors", "taskflows-service", "taskflows-services", "taskflows-tasks"]);
    let rules = yaml(&find(&files, "grafana/provisioning/alerting/taskflows.yaml").text);
    let rules = rules["groups"][0]["rules"].as_array().unwrap();
    assert_eq!(rules.len(), 3);
    for rule in rules {
        let queries = rule["data"].as_array().unwrap();
        assert!(queries.iter().any(|query| query["refId"] == rule["condition"]), "{rule}");
        assert_eq!(queries[0]["datasourceUid"], "loki");
        assert_eq!(queries[1]["model"]["expression"], queries[0]["refId"]);
    }
}

#[test]
fn the_same_model_is_the_same_bytes_and_says_its_command() {
    for model in models() {
        for part in PARTS {
            let files = model.files(part);
            assert_eq!(files, model.clone().files(part));
            let command = model.command(part);
            for file in files.iter().filter(|file| !file.path.ends_with(".json") && !file.text.is_empty()) {
                let first = file.text.lines().next().unwrap();
                assert!(first.contains(&format!("Written by `{command}`.")), "{}: {first}", file.path);
            }
        }
    }
    let command = everything().command(Part::Compose);
    let expected = "tf logging setup compose --labels-compat --profile archive --environment staging --loki-auth \
                    --uid 1000 --debug-file";
    assert_eq!(command, expected);
}

/// The kit on disk is what the command writes.
#[test]
fn the_command_writes_the_model() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new(tf_binary());
    command.args(["logging", "setup", "compose", "--dir", "kit", "--quiet"]).current_dir(directory.path());
    command.env("HOME", directory.path()).env_remove("TASKFLOWS_FILE_DIR").env_remove("TASKFLOWS_LOKI_URL");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for file in Pipeline::default().files(Part::Compose) {
        let text = std::fs::read_to_string(directory.path().join("kit").join(&file.path)).unwrap();
        assert_eq!(text, file.text, "{}", file.path);
    }
}
