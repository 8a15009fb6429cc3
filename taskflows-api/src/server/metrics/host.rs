use std::sync::atomic::AtomicU64;

use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use taskflows_core::Outcome;
use taskflows_core::effects::{Listing, Next, State};

use super::MOST_SERVICES;

type Seconds = Gauge<f64, AtomicU64>;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct InState {
    service_name: String,
    state: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Of {
    service_name: String,
}

const STATES: [State; 6] =
    [State::Starting, State::Running, State::Stopping, State::Stopped, State::Failed, State::Waiting];

/// Registers what stays as it is.
pub(super) fn register(registry: &mut Registry, host: &str) {
    let host = host.to_owned();
    let version = env!("CARGO_PKG_VERSION");
    let labels = vec![("hostname", host), ("platform", std::env::consts::OS.to_owned())];
    registry.register("taskflows_system", "The host", Info::new(labels));
    let labels = vec![("version", version), ("architecture", std::env::consts::ARCH)];
    registry.register("taskflows_build", "The program", Info::new(labels));
}

pub(super) fn register_streams(registry: &mut Registry, held: usize) {
    gauge(registry, "taskflows_api_event_streams", "Streams of events that are held", held);
}

fn gauge(registry: &mut Registry, name: &str, help: &str, value: usize) {
    let gauge: Gauge = Gauge::default();
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
    registry.register(name, help, gauge);
}

/// Registers what a list tells of services, as it stands at `now`.
pub(super) fn register_services(registry: &mut Registry, listings: &[Listing], now: Timestamp) {
    gauge(registry, "taskflows_services", "Services that are installed", listings.len());
    let omitted = listings.len().saturating_sub(MOST_SERVICES);
    gauge(registry, "taskflows_services_omitted", "Services that have no series of their own", omitted);
    let services = Services::default();
    listings.iter().take(MOST_SERVICES).for_each(|listing| services.add(listing, now));
    services.register(registry);
}

#[derive(Default)]
struct Services {
    activity: Family<InState, Gauge>,
    state: Family<InState, Gauge>,
    enabled: Family<Of, Gauge>,
    uptime: Family<Of, Seconds>,
    last_run_age: Family<Of, Seconds>,
    last_run_duration: Family<Of, Seconds>,
    last_run_success: Family<Of, Gauge>,
    next_run: Family<Of, Seconds>,
}

impl Services {
    fn register(self, registry: &mut Registry) {
        let help = "1 for whether a service runs (active) or does not (inactive)";
        registry.register("taskflows_service_state", help, self.activity);
        let help = "1 for how a service stands, in the words of lists";
        registry.register("taskflows_unit_state", help, self.state);
        let help = "1 where a service starts by itself";
        registry.register("taskflows_service_enabled", help, self.enabled);
        let help = "Seconds that a service has run, while it does";
        registry.register("taskflows_service_uptime_seconds", help, self.uptime);
        let help = "Seconds since the last run of a service was over, or began where it goes on";
        registry.register("taskflows_service_last_run_age_seconds", help, self.last_run_age);
        let help = "Seconds that the last run of a service took";
        registry.register("taskflows_service_last_run_duration_seconds", help, self.last_run_duration);
        let help = "1 where the last run of a service that is over ended well, 0 where it did not";
        registry.register("taskflows_service_last_run_success", help, self.last_run_success);
        let help = "When a service starts next, in seconds since 1970";
        registry.register("taskflows_service_next_run_timestamp_seconds", help, self.next_run);
    }

    fn add(&self, listing: &Listing, now: Timestamp) {
        let name = || listing.name.to_string();
        let runs = matches!(listing.state, State::Running | State::Stopping);
        for (state, is_so) in [("active", runs), ("inactive", !runs)] {
            self.activity.get_or_create(&InState { service_name: name(), state }).set(is_so.into());
        }
        for state in STATES {
            let labels = InState { service_name: name(), state: state.as_str() };
            self.state.get_or_create(&labels).set((state == listing.state).into());
        }
        let of = Of { service_name: name() };
        self.enabled.get_or_create(&of).set(listing.enabled.into());
        if let Next::At(at) = listing.next {
            self.next_run.get_or_create(&of).set(at.as_duration().as_secs_f64());
        }
        let Some(run) = &listing.last else { return };
        let age = |at: Timestamp| now.duration_since(at).as_secs_f64().max(0.0);
        if let Some(at) = run.at() {
            self.last_run_age.get_or_create(&of).set(age(at));
        }
        if let Some(started) = run.started.filter(|_| runs) {
            self.uptime.get_or_create(&of).set(age(started));
        }
        if let Some(took) = run.took(now) {
            self.last_run_duration.get_or_create(&of).set(took.as_secs_f64());
        }
        match run.outcome {
            Outcome::Running | Outcome::Unknown => {}
            Outcome::Succeeded | Outcome::Skipped => {
                self.last_run_success.get_or_create(&of).set(1);
            }
            _ => {
                self.last_run_success.get_or_create(&of).set(0);
            }
        }
    }
}
