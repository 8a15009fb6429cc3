//! Loki: one process that keeps lines in a directory or in S3.
//!
//! Source: Grafana Loki, "Grafana Loki configuration parameters" and "Log retention", of release 3.4.

use super::{KitFile, Part, Pipeline, Profile};

pub(super) fn files(pipeline: &Pipeline, part: Part) -> Vec<KitFile> {
    vec![KitFile::new("loki/loki.yaml", configuration(pipeline, part))]
}

fn configuration(pipeline: &Pipeline, part: Part) -> String {
    let profile = pipeline.profile;
    format!(
        "{header}# Start it with -config.expand-env=true: what stands in ${{…}} comes from the environment.\n\
         {server}{common}{schema}{limits}{compactor}{ingester}\nanalytics:\n  reporting_enabled: false\n",
        header = pipeline.header(part, "#"),
        server = server(pipeline, part),
        common = common(profile),
        schema = schema(profile),
        limits = limits(pipeline),
        compactor = compactor(profile),
        ingester = ingester(profile),
    )
}

const fn store(profile: Profile) -> &'static str {
    if profile.has_object_store() { "s3" } else { "filesystem" }
}

fn server(pipeline: &Pipeline, part: Part) -> String {
    format!(
        "
auth_enabled: false

server:
  http_listen_address: {listen}
  http_listen_port: {port}
  grpc_listen_address: 127.0.0.1
  grpc_listen_port: 9096
  log_level: warn
  # A batch of long lines.
  grpc_server_max_recv_msg_size: 16777216
  grpc_server_max_send_msg_size: 16777216
",
        listen = part.listen(),
        port = if part == Part::Compose { 3100 } else { pipeline.ports.loki },
    )
}

fn common(profile: Profile) -> String {
    let storage = if profile.has_object_store() {
        "
    s3:
      endpoint: ${S3_ENDPOINT}
      bucketnames: ${S3_BUCKET}
      region: ${S3_REGION}
      access_key_id: ${S3_ACCESS_KEY}
      secret_access_key: ${S3_SECRET_KEY}
      s3forcepathstyle: true
      insecure: false"
    } else {
        "
    filesystem:
      chunks_directory: /loki/chunks
      rules_directory: /loki/rules"
    };
    format!(
        "
common:
  instance_addr: 127.0.0.1
  path_prefix: /loki
  replication_factor: 1
  ring:
    kvstore:
      store: inmemory
  storage:{storage}
"
    )
}

fn schema(profile: Profile) -> String {
    format!(
        "
schema_config:
  configs:
    # What is kept was written by it: add one from a later day, never change one.
    - from: \"2024-01-01\"
      store: tsdb
      object_store: {}
      schema: v13
      index:
        prefix: index_
        period: 24h
",
        store(profile)
    )
}

fn limits(pipeline: &Pipeline) -> String {
    let (rate, burst) = match pipeline.profile {
        Profile::Dev => (64, 128),
        Profile::S3 => (128, 256),
        Profile::Archive => (256, 512),
    };
    format!(
        "
limits_config:
  retention_period: {hours}h
  # run_id, trace_id and request_id travel there.
  allow_structured_metadata: true
  # service_name is set by whoever sends.
  discover_service_name: []
  volume_enabled: true
  ingestion_rate_mb: {rate}
  ingestion_burst_size_mb: {burst}
  per_stream_rate_limit: 16MB
  per_stream_rate_limit_burst: 64MB
  max_line_size: 2MB
  max_line_size_truncate: true
  max_label_names_per_series: 15
  max_label_value_length: 512
  max_global_streams_per_user: 20000
  reject_old_samples: true
  reject_old_samples_max_age: 168h
  creation_grace_period: 10m
  max_query_length: {query}h
",
        hours = pipeline.retention_hours(),
        query = pipeline.retention_hours() + 24,
    )
}

fn compactor(profile: Profile) -> String {
    format!(
        "
compactor:
  working_directory: /loki/compactor
  compaction_interval: 10m
  retention_enabled: true
  retention_delete_delay: 2h
  delete_request_store: {}
",
        store(profile)
    )
}

fn ingester(profile: Profile) -> String {
    let (encoding, idle) = if profile == Profile::Archive { ("gzip", "1h") } else { ("snappy", "30m") };
    format!(
        "
ingester:
  chunk_encoding: {encoding}
  chunk_idle_period: {idle}
  max_chunk_age: 2h
  wal:
    enabled: true
    dir: /loki/wal
    replay_memory_ceiling: 1GB
"
    )
}
