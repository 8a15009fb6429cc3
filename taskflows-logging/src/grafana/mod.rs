//! Dashboards in Grafana, made through its API.
