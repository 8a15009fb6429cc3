use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use taskflows_core::ServiceName;
use taskflows_core::effects::{ServiceError, StateChange};
use tokio::time::Instant;
use zbus::message::Sequence;

use super::super::{SystemdServiceManager, SystemdSettings};
use super::queue::Queue;
use super::track::{Told, Track};
use crate::bus::{Bus, Heard, Signals, Units};
use crate::directory::{Footprint, UnitDirectory};

/// A signal rarely comes alone, so a question that it raises waits a moment for the others.
const PAUSE: Duration = Duration::from_millis(20);

/// And is asked this often at most.
const INTERVAL: Duration = Duration::from_millis(200);

/// A connection to the manager for as long as it holds.
pub(super) struct Session {
    bus: Bus,
    directory: UnitDirectory,
    signals: Signals,
    track: Track<Sequence>,
    units: Question,
    files: Question,
    open: FuturesUnordered<BoxFuture<'static, Result<Answer, ServiceError>>>,
}

/// Something to ask again and again, once at a time.
#[derive(Debug, Default)]
struct Question {
    is_open: bool,
    again: bool,
    last: Option<Instant>,
}

enum Answer {
    Units(Units, Sequence),
    Files(BTreeMap<ServiceName, Footprint>),
}

impl Question {
    /// Returns how long to wait before it is asked; `None` where it is open, and will be asked again then.
    fn raise(&mut self, now: Instant) -> Option<Duration> {
        if std::mem::replace(&mut self.is_open, true) {
            self.again = true;
            return None;
        }
        let last = self.last.map_or(Duration::ZERO, |last| (last + INTERVAL).saturating_duration_since(now));
        let wait = last.max(PAUSE);
        self.last = Some(now + wait);
        Some(wait)
    }

    /// Notes that it is answered, and tells whether it is to be asked again.
    fn close(&mut self) -> bool {
        self.is_open = false;
        std::mem::take(&mut self.again)
    }
}

impl Session {
    pub(super) async fn begin(
        settings: &SystemdSettings,
        directory: &UnitDirectory,
    ) -> Result<Self, ServiceError> {
        let bus = Bus::connect(&settings.bus, settings.scope, settings.limits).await?;
        let signals = bus.listen().await?;
        Ok(Self {
            bus,
            directory: directory.clone(),
            signals,
            track: Track::default(),
            units: Question::default(),
            files: Question::default(),
            open: FuturesUnordered::new(),
        })
    }

    /// Tells of changes until the manager is lost, and returns how.
    pub(super) async fn run(mut self, queue: &Queue) -> ServiceError {
        self.ask_units();
        self.ask_files();
        loop {
            // Signals are read while an answer is awaited: it comes behind them on the same connection.
            let told = tokio::select! {
                heard = self.signals.next() => match heard {
                    Some(Heard { position, signal }) => self.track.hear(signal, position, SystemdServiceManager::now()),
                    None => return self.lost("the bus closed the connection"),
                },
                Some(answer) = self.open.next() => match answer {
                    Ok(answer) => self.take(answer),
                    Err(error) => return error,
                },
            };
            if told.is_replaced {
                return self.lost("the manager was replaced");
            }
            self.pass_on(told, queue);
        }
    }

    fn pass_on(&mut self, told: Told, queue: &Queue) {
        if told.ask_units {
            self.ask_units();
        }
        if told.ask_files {
            self.ask_files();
        }
        told.changes.into_iter().for_each(|change: StateChange| queue.push(Ok(change)));
    }

    fn take(&mut self, answer: Answer) -> Told {
        let now = SystemdServiceManager::now();
        match answer {
            Answer::Units(units, position) => {
                let again = self.units.close();
                let told = self.track.look(&units, position, now);
                Told { ask_units: told.ask_units || again, ..told }
            }
            Answer::Files(found) => {
                let again = self.files.close();
                let told = self.track.installed(found, now);
                Told { ask_files: told.ask_files || again, ..told }
            }
        }
    }

    fn ask_units(&mut self) {
        let Some(wait) = self.units.raise(Instant::now()) else { return };
        let bus = self.bus.clone();
        let ask = async move {
            tokio::time::sleep(wait).await;
            let (units, position) = bus.units_at().await?;
            Ok(Answer::Units(units, position))
        };
        self.open.push(ask.boxed());
    }

    fn ask_files(&mut self) {
        let Some(wait) = self.files.raise(Instant::now()) else { return };
        let directory = self.directory.clone();
        let ask = async move {
            tokio::time::sleep(wait).await;
            let read = tokio::task::spawn_blocking(move || directory.footprints()).await;
            // It does not panic; should it be cancelled, the runtime is ending.
            Ok(Answer::Files(read.unwrap_or_else(|_| Ok(BTreeMap::new()))?))
        };
        self.open.push(ask.boxed());
    }

    fn lost(&self, reason: &str) -> ServiceError {
        ServiceError::ConnectionLost {
            what: self.bus.name(),
            operation: "hear of changes".to_owned(),
            source: reason.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_asked_once_at_a_time_and_not_too_often() {
        let (mut question, now) = (Question::default(), Instant::now());
        assert_eq!(question.raise(now), Some(PAUSE));
        assert_eq!(question.raise(now), None);
        assert!(question.close(), "what was raised while it was open is asked again");
        assert_eq!(question.raise(now + PAUSE), Some(INTERVAL));
        assert!(!question.close());
        assert_eq!(question.raise(now + Duration::from_secs(9)), Some(PAUSE));
    }
}
