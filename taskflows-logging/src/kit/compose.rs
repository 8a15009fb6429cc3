//! Docker Compose: all of it in containers, open on this machine alone.
//!
//! Source: the Compose specification; each image's own page for what it listens to and as whom it runs.

use super::{KitFile, Part, Pipeline};

pub(super) fn files(pipeline: &Pipeline) -> Vec<KitFile> {
    vec![
        KitFile::new("docker-compose.yml", compose(pipeline)),
        KitFile::new("env.example", variables(pipeline)),
        // Docker would make the directory root's.
        KitFile::new("logs/.keep", ""),
    ]
}

fn compose(pipeline: &Pipeline) -> String {
    let has_loki = pipeline.loki.is_none();
    let loki = if has_loki { loki(pipeline) } else { String::new() };
    let volume = if has_loki { "  loki:\n" } else { "" };
    format!(
        "{header}# Copy env.example to .env, set what it asks for, then: docker compose up -d
# Ports are open on this machine alone. The containers' own output goes to files and not to the journal, so that what
# one of them complains of is not sent round in circles.

x-logging: &logging
  driver: json-file
  options:
    max-size: 10m
    max-file: \"3\"

services:
{loki}{fluent_bit}{grafana}
volumes:
{volume}  fluent-bit:
  grafana:
",
        header = pipeline.header(Part::Compose, "#"),
        fluent_bit = fluent_bit(pipeline),
        grafana = grafana(pipeline),
    )
}

fn loki(pipeline: &Pipeline) -> String {
    let environment = if pipeline.profile.has_object_store() {
        let line = |name: &&str| format!("      {name}: ${{{name}:?set {name} in .env}}\n");
        format!("    environment:\n{}", S3.iter().map(line).collect::<String>())
    } else {
        String::new()
    };
    format!(
        "  loki:
    image: {image}
    command: [\"-config.file=/etc/loki/taskflows/loki.yaml\", \"-config.expand-env=true\"]
{environment}    ports:
      - \"127.0.0.1:{port}:3100\"
    volumes:
      - ./loki:/etc/loki/taskflows:ro
      - loki:/loki
    healthcheck:
      test: [\"CMD\", \"wget\", \"-q\", \"-O\", \"/dev/null\", \"http://127.0.0.1:3100/ready\"]
      interval: 15s
      timeout: 5s
      retries: 5
      start_period: 45s
    restart: unless-stopped
    logging: *logging

",
        image = pipeline.images.loki,
        port = pipeline.ports.loki,
    )
}

const S3: [&str; 5] = ["S3_ENDPOINT", "S3_BUCKET", "S3_REGION", "S3_ACCESS_KEY", "S3_SECRET_KEY"];

fn fluent_bit(pipeline: &Pipeline) -> String {
    let address = pipeline.loki_address(Part::Compose);
    let auth = if pipeline.has_auth { LOKI_AUTH } else { "" };
    let debug = if pipeline.debug_file { "      - ./debug:/var/log/fluent-bit\n" } else { "" };
    format!(
        "  # Its image has no shell and no program that asks, so whether it is well is asked from outside:
  # curl http://127.0.0.1:{health}/api/v1/health
  fluent-bit:
    image: {image}
    entrypoint: [\"/fluent-bit/bin/fluent-bit\"]
    command: [\"-c\", \"/fluent-bit/etc/taskflows/fluent-bit.yaml\"]
    # The journal belongs to root; nothing of the machine can be written.
    user: \"0:0\"
    cap_drop: [ALL]
    cap_add: [DAC_READ_SEARCH]
    environment:
      LOKI_HOST: ${{LOKI_HOST:-{host}}}
      LOKI_PORT: ${{LOKI_PORT:-{loki_port}}}
      ENVIRONMENT: ${{ENVIRONMENT:-{environment}}}
      HOSTNAME: ${{HOSTNAME:-}}
{auth}    ports:
      - \"127.0.0.1:{forward}:24224\"
      - \"127.0.0.1:{health}:2020\"
    volumes:
      - ./fluent-bit:/fluent-bit/etc/taskflows:ro
      - type: bind
        source: {journal}
        target: {journal}
        read_only: true
        bind:
          # A directory that appears there would change where journald keeps its journal.
          create_host_path: false
      - /etc/machine-id:/etc/machine-id:ro
      - ${{TASKFLOWS_FILE_DIR:-{files}}}:/var/log/taskflows:ro
      - fluent-bit:/var/lib/fluent-bit
{debug}    restart: unless-stopped
    logging: *logging

",
        image = pipeline.images.fluent_bit,
        host = address.host.trim_matches(['[', ']']),
        loki_port = address.port,
        environment = pipeline.environment,
        forward = pipeline.ports.forward,
        health = pipeline.ports.health,
        journal = pipeline.journal.directory,
        files = files_source(pipeline),
    )
}

const LOKI_AUTH: &str = "      LOKI_USER: ${LOKI_USER:?set LOKI_USER in .env}
      LOKI_PASSWORD: ${LOKI_PASSWORD:?set LOKI_PASSWORD in .env}
";

/// A directory of the kit unless one was named: Docker would make the usual one, and as root.
fn files_source(pipeline: &Pipeline) -> &str {
    let is_usual = pipeline.file_directory == Pipeline::FILE_DIRECTORY;
    if is_usual { "./logs" } else { &pipeline.file_directory }
}

fn grafana(pipeline: &Pipeline) -> String {
    let auth = if pipeline.has_auth { LOKI_AUTH } else { "" };
    format!(
        "  grafana:
    image: {image}
    environment:
      GF_SECURITY_ADMIN_USER: ${{GRAFANA_ADMIN_USER:-admin}}
      GF_SECURITY_ADMIN_PASSWORD: ${{GRAFANA_ADMIN_PASSWORD:?set GRAFANA_ADMIN_PASSWORD in .env}}
      GF_USERS_ALLOW_SIGN_UP: \"false\"
      GF_AUTH_ANONYMOUS_ENABLED: \"false\"
      GF_ANALYTICS_REPORTING_ENABLED: \"false\"
{auth}    ports:
      - \"127.0.0.1:{port}:3000\"
    volumes:
      - ./grafana/provisioning:/etc/grafana/provisioning:ro
      - ./grafana/dashboards:/etc/grafana/dashboards:ro
      - grafana:/var/lib/grafana
    healthcheck:
      test: [\"CMD\", \"wget\", \"-q\", \"-O\", \"/dev/null\", \"http://127.0.0.1:3000/api/health\"]
      interval: 15s
      timeout: 5s
      retries: 5
      start_period: 30s
    restart: unless-stopped
    logging: *logging
",
        image = pipeline.images.grafana,
        port = pipeline.ports.grafana,
    )
}

/// What `.env` has to say. No value of a secret is written.
fn variables(pipeline: &Pipeline) -> String {
    let address = pipeline.loki_address(Part::Compose);
    let mut text = format!(
        "{header}# Copy it to .env (mode 0600), and set what is empty.
GRAFANA_ADMIN_PASSWORD=
",
        header = pipeline.header(Part::Compose, "#"),
    );
    if pipeline.loki.is_none() && pipeline.profile.has_object_store() {
        S3.iter().for_each(|name| text.push_str(&format!("{name}=\n")));
    }
    if pipeline.has_auth {
        text.push_str("LOKI_USER=\nLOKI_PASSWORD=\n");
    }
    text.push_str(&format!(
        "\n# As they are unless set.\n# LOKI_HOST={}\n# LOKI_PORT={}\n# ENVIRONMENT={}\n# TASKFLOWS_FILE_DIR={}\n\
         # What lines that name no host get as theirs.\n# HOSTNAME=\n",
        address.host.trim_matches(['[', ']']),
        address.port,
        pipeline.environment,
        files_source(pipeline)
    ));
    text
}
