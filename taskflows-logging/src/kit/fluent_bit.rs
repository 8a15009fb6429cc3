//! Fluent Bit: from the journal, from programs and from their files to Loki.
//!
//! The keys are those of the manual of Fluent Bit 3 to 5: administration/configuring-fluent-bit/yaml, and the pages of
//! the plugins systemd, forward, tail, lua, loki and file.

use super::{KitFile, Label, Part, Pipeline};

const SCRIPT: &str = include_str!("extract_labels.lua");

pub(super) fn files(pipeline: &Pipeline, part: Part) -> Vec<KitFile> {
    let mut files = vec![
        KitFile::new("fluent-bit/extract_labels.lua", script(pipeline, part)),
        KitFile::new("fluent-bit/fluent-bit.yaml", configuration(pipeline, part)),
    ];
    if part == Part::FluentBit {
        files.push(KitFile::new("fluent-bit/fluent-bit.env", variables(pipeline, part)));
    }
    files
}

/// The script, with what of the model it has to know.
fn script(pipeline: &Pipeline, part: Part) -> String {
    let journal = &pipeline.journal;
    let user = journal.user.map_or("nil".to_owned(), |user| format!("\"{user}\""));
    format!(
        "{header}\n\
         local OPTIONS = {{\n    \
             user = {user},   -- of the users, only this one's services\n    \
             system = {system},   -- the machine's services as well\n    \
             docker = {docker},   -- containers that log into the journal as well\n    \
             environment = \"{environment}\",   -- unless the line or ENVIRONMENT says another\n\
         }}\n\n{SCRIPT}",
        header = pipeline.header(part, "--"),
        system = journal.system,
        docker = journal.docker,
        environment = pipeline.environment,
    )
}

fn configuration(pipeline: &Pipeline, part: Part) -> String {
    let blocks = [service(pipeline, part), inputs(pipeline, part), filter(), outputs(pipeline, part)];
    format!(
        "{}# From the journal, from programs and from their files to Loki.\n{}",
        pipeline.header(part, "#"),
        blocks.concat()
    )
}

fn service(pipeline: &Pipeline, part: Part) -> String {
    format!(
        "
service:
  flush: 1
  grace: 10
  log_level: info
  # curl http://127.0.0.1:{port}/api/v1/health
  http_server: on
  http_listen: {listen}
  http_port: {port}
  health_check: on
  # What Loki does not take at once waits on disk, and is sent again after 2 s, up to every 5 minutes.
  scheduler.base: 2
  scheduler.cap: 300
  storage.path: /var/lib/fluent-bit/buffer
  storage.sync: normal
  storage.checksum: on
  storage.max_chunks_up: 64
  storage.backlog.mem_limit: 16M
  storage.metrics: on
",
        listen = part.listen(),
        port = if part == Part::Compose { 2020 } else { pipeline.ports.health },
    )
}

fn inputs(pipeline: &Pipeline, part: Part) -> String {
    let directory = if part == Part::Compose { "/var/log/taskflows" } else { &pipeline.file_directory };
    format!(
        "
pipeline:
  inputs:
    # Services of users and of the machine, and containers whose log driver is journald. The script passes over what is
    # none of ours. Underscores stay: a name that begins with one is journald's own, which no program can write.
    - name: systemd
      tag: journal
      path: {journal}
      db: /var/lib/fluent-bit/journal.db
      db.sync: normal
      read_from_tail: on
      lowercase: on
      strip_underscores: off
      max_entries: 1000
      storage.type: filesystem
    # Programs that send their lines themselves.
    - name: forward
      listen: {listen}
      port: {forward}
      buffer_chunk_size: 1M
      buffer_max_size: 8M
      storage.type: filesystem
    # Files of JSON lines.
    - name: tail
      tag: file
      path: {directory}/*.log,{directory}/*.json,{directory}/*.jsonl
      path_key: file_path
      db: /var/lib/fluent-bit/files.db
      db.sync: normal
      read_from_head: on
      refresh_interval: 10
      rotate_wait: 30
      buffer_chunk_size: 64k
      buffer_max_size: 2M
      skip_long_lines: on
      skip_empty_lines: on
      storage.type: filesystem
",
        journal = pipeline.journal.directory,
        listen = part.listen(),
        forward = if part == Part::Compose { 24224 } else { pipeline.ports.forward },
    )
}

fn filter() -> String {
    "
  filters:
    # The line and its labels. A time as a table keeps its nanoseconds.
    - name: lua
      match: '*'
      script: extract_labels.lua
      call: process
      time_as_table: on
      protected_mode: on
"
    .to_owned()
}

fn outputs(pipeline: &Pipeline, part: Part) -> String {
    let address = pipeline.loki_address(part);
    let mut text = format!(
        "
  outputs:
    - name: loki
      match: '*'
      host: ${{LOKI_HOST}}
      port: ${{LOKI_PORT}}
      uri: {path}/loki/api/v1/push
      # Indexed, so few and of few values each.
      labels: {labels}
      # Beside the line, not indexed.
      structured_metadata: {metadata}
      # What remains is the line, which goes as it stands.
      remove_keys: {keys}
      drop_single_key: raw
      line_format: json
      compress: gzip
      # In the order in which they came.
      workers: 1
      # About a day of tries; then, or where the disk's share is full, the oldest lines go.
      retry_limit: 300
      storage.total_limit_size: 1G
",
        path = address.path,
        labels = pairs(&pipeline.labels()),
        metadata = pairs(&pipeline.metadata()),
        keys = Label::ALL.map(Label::name).join(", "),
    );
    if address.is_tls {
        text.push_str("      tls: on\n      tls.verify: on\n");
    }
    if pipeline.has_auth {
        text.push_str("      http_user: ${LOKI_USER}\n      http_passwd: ${LOKI_PASSWORD}\n");
    }
    if let Some(tenant) = &pipeline.tenant {
        text.push_str(&format!("      tenant_id: {tenant}\n"));
    }
    if pipeline.debug_file {
        text.push_str(DEBUG_FILE);
    }
    text
}

const DEBUG_FILE: &str = "    \
    # To look at: tail -f /var/log/fluent-bit/services-logs | jq . Nobody shortens it.
    - name: file
      match: '*'
      path: /var/log/fluent-bit
      file: services-logs
      format: plain
      mkdir: on
";

/// `app=$app, …`: a value that is not there makes no label.
fn pairs(labels: &[Label]) -> String {
    let pairs: Vec<String> = labels.iter().map(|label| format!("{0}=${0}", label.name())).collect();
    pairs.join(", ")
}

/// The variables that the configuration has, for a shell or systemd's `EnvironmentFile=`.
fn variables(pipeline: &Pipeline, part: Part) -> String {
    let address = pipeline.loki_address(part);
    let mut text = format!(
        "{}LOKI_HOST={}\nLOKI_PORT={}\nENVIRONMENT={}\n",
        pipeline.header(part, "#"),
        address.host.trim_matches(['[', ']']),
        address.port,
        pipeline.environment
    );
    if pipeline.has_auth {
        text.push_str(
            "# LOKI_USER and LOKI_PASSWORD have to be set as well; keep them elsewhere, in a file of mode 0600.\n",
        );
    }
    text
}
