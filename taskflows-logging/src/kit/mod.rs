//! The configuration of the pipeline: Fluent Bit, Loki, Grafana, and how they are started.
