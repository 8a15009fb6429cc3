use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::Timestamp;
use taskflows_alerts::Destination;
use taskflows_alerts::incident::{Engine, Observation, Rules, tick};
use taskflows_alerts::outbox::{AlertStore, ChannelStatus, Outbox};
use taskflows_store::Store;

use super::group::{Group, groups_of};
use crate::alert_groups::AlertGroups;
use crate::error::chain;
use crate::{CliError, Exit};

/// The file whose being there starts the sender.
pub(crate) const DUE: &str = "outbox.due";

/// Takes in what is seen of runs, and has it told by the groups of this host.
#[derive(Clone, Debug)]
pub(crate) struct AlertDesk {
    directory: PathBuf,
    groups: BTreeMap<String, Group>,
    troubles: Vec<String>,
    /// When the groups were written that it read.
    written: Option<SystemTime>,
}

impl AlertDesk {
    /// Reads the groups that are kept in a data directory. The store is opened when it is needed.
    ///
    /// # Errors
    /// When the groups cannot be read.
    pub(crate) fn open(directory: &Path) -> Result<Self, CliError> {
        // Before they are read: a change in between is seen as one.
        let written = AlertGroups::new(directory).written();
        let (groups, troubles) = groups_of(&AlertGroups::load(directory)?);
        Ok(Self { directory: directory.to_owned(), groups, troubles, written })
    }

    /// Returns it with the groups of now, where they were written again; `None` where they were not, or are damaged.
    pub(crate) fn renewed(&self) -> Option<Self> {
        let is_same = AlertGroups::new(&self.directory).written() == self.written;
        if is_same { None } else { Self::open(&self.directory).ok() }
    }

    /// Returns the groups by their keys.
    pub(crate) fn groups(&self) -> &BTreeMap<String, Group> {
        &self.groups
    }

    /// Says what is wrong with groups that cannot be used.
    pub(crate) fn troubles(&self) -> &[String] {
        &self.troubles
    }

    /// Returns the rules of all groups.
    pub(crate) fn rules(&self) -> BTreeMap<String, Rules> {
        self.groups.iter().map(|(key, group)| (key.clone(), group.rules.clone())).collect()
    }

    /// Tells whether there is a store: before the first run there is none.
    pub(crate) fn has_store(&self) -> bool {
        self.directory.join("state.db").exists()
    }

    /// Opens the store.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(crate) fn store(&self) -> Result<Store, CliError> {
        Store::open(&self.directory).map_err(|error| CliError::new(Exit::Failed, chain(&error)))
    }

    /// Takes in what was seen, for each of these groups, in one transaction; then wakes the sender. What was decided is
    /// on disk when this returns.
    ///
    /// # Errors
    /// When it could not be kept.
    pub(crate) fn observe(
        &self,
        keys: &[String],
        seen: &[Observation],
        now: Timestamp,
    ) -> Result<(), CliError> {
        let wanted: Vec<(&String, &Group)> =
            keys.iter().filter_map(|key| Some((key, self.groups.get(key)?))).collect();
        // Who stands in the unit and not in the file is told nothing, and that at least is said in the journal.
        let unknown = keys.iter().find(|key| !self.groups.contains_key(*key));
        let told = || match unknown {
            Some(key) => Err(CliError::new(
                Exit::Failed,
                format!("nobody was told: no group of alerts `{key}` can be used"),
            )),
            None => Ok(()),
        };
        if wanted.is_empty() || seen.is_empty() {
            return told();
        }
        let store = self.store()?;
        let done = store.transact(&mut |ledger| {
            for (key, group) in &wanted {
                let engine = Engine::new(key, &group.rules);
                for observation in seen {
                    engine.observe(ledger, observation, now)?;
                }
            }
            Ok(())
        });
        done.map_err(|error| CliError::new(Exit::Failed, chain(&error)))?;
        self.wake_if_due(&store, now)?;
        told()
    }

    /// Does what time alone brings, and returns when that is to be done next.
    ///
    /// # Errors
    /// When it could not be kept.
    pub(crate) fn tick(&self, store: &Store, now: Timestamp) -> Result<Option<Timestamp>, CliError> {
        tick(store, &self.rules(), now).map_err(|error| CliError::new(Exit::Failed, chain(&error)))
    }

    /// Returns the ids of all channels of all groups.
    fn channel_ids(&self) -> BTreeSet<String> {
        let destinations = self.groups.values().flat_map(|group| &group.destinations);
        destinations.flat_map(Destination::channel_ids).collect()
    }

    /// Wakes the sender where something waits, or will want the time to be looked at before the monitor does.
    ///
    /// # Errors
    /// When that cannot be seen, or the sender not be woken.
    pub(crate) fn wake_if_due(&self, store: &Store, now: Timestamp) -> Result<(), CliError> {
        let failed = |error| CliError::new(Exit::Failed, chain(&error));
        // A channel of a group that is gone waits for the group, and nobody can send to it before.
        let known = self.channel_ids();
        let waits = |channel: &ChannelStatus| channel.queued > 0 && known.contains(&channel.channel);
        let waits = store.channels().map_err(failed)?.iter().any(waits);
        let groups: Vec<&str> = self.groups.keys().map(String::as_str).collect();
        let soon = now.checked_add(SOON).unwrap_or(now);
        let ticks = store.next_tick(&groups).map_err(failed)?.is_some_and(|next| next <= soon);
        if waits || ticks { self.wake() } else { Ok(()) }
    }

    /// Wakes the sender.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub(crate) fn wake(&self) -> Result<(), CliError> {
        let path = self.directory.join(DUE);
        let made = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
        let failed =
            |error| CliError::new(Exit::Failed, format!("could not make `{}`: {error}", path.display()));
        made.map(drop).map_err(failed)
    }

    /// Lets the sender rest.
    pub(crate) fn rest(&self) {
        // Where it cannot be taken away, the sender starts once more and finds nothing.
        let _ = std::fs::remove_file(self.directory.join(DUE));
    }
}

/// What is due later than this, the monitor's next look brings.
const SOON: jiff::SignedDuration = jiff::SignedDuration::from_secs(90);
