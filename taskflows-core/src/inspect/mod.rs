//! What is wrong with a host, and why a service ran or did not: facts in, findings and reasons out.
//!
//! Facts are gathered by the effects [`Inspector`](crate::effects::Inspector) and
//! [`HostProbe`](crate::effects::HostProbe); the rules here only judge them.

mod channel;
mod doctor;
mod evidence;
mod facts;
mod finding;
mod history;
mod measure;
mod why;

pub use channel::ChannelFacts;
pub use doctor::{diagnose, questions};
pub use evidence::{Deed, Event, Evidence, ManagerLife, Sleep, TimerEvidence, Trigger};
pub use facts::{
    Clock, Directive, DirectoryFacts, DirectoryUse, Engine, FileState, HostFacts, JournalFacts, Linger,
    LoadedUnit, ManagerFacts, Mode, Questions, Reading, Reference, ReferenceUse, Resource, Silence, Space,
    Survey, UnitFacts,
};
pub use finding::{Finding, Severity};
pub use history::{Attempt, Ended, attempts};
pub use measure::{Measured, measure};
pub use why::{Answer, Outlook, Reason, Verdict, explain, last_elapse, outlook};
