//! What waits to be told to people.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::time::timeout;

use crate::ports::Desk;

/// So many channels have series of their own, the first by name; the others together are `other`.
const MOST_CHANNELS: usize = 100;
/// The queue is left out where it is not told in so long.
const LIMIT: Duration = Duration::from_secs(5);

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Of {
    channel: String,
}

/// Registers how many messages wait in each channel, and for how long.
pub(super) async fn register(registry: &mut Registry, desk: &dyn Desk, now: Timestamp) {
    let channels = match timeout(LIMIT, desk.channels()).await {
        Ok(Ok(channels)) => channels,
        Ok(Err(error)) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "waiting alerts are not counted");
            return;
        }
        Err(_) => {
            tracing::warn!("waiting alerts are not counted: they were not told in time");
            return;
        }
    };
    let (queued, ages) = (Family::<Of, Gauge>::default(), Family::<Of, Gauge<f64, AtomicU64>>::default());
    for (index, told) in channels.into_iter().enumerate() {
        let channel = if index < MOST_CHANNELS { told.channel } else { "other".to_owned() };
        let of = Of { channel };
        queued.get_or_create(&of).inc_by(i64::try_from(told.queued).unwrap_or(i64::MAX));
        let age = told.oldest.map_or(0.0, |oldest| now.duration_since(oldest).as_secs_f64().max(0.0));
        let known = ages.get_or_create(&of);
        known.set(known.get().max(age));
    }
    registry.register("taskflows_alerts_queued", "Messages that wait to be delivered", queued);
    let help = "Seconds for which the oldest message has waited, 0 where none waits";
    registry.register("taskflows_alerts_oldest_queued_age_seconds", help, ages);
}
