//! What is seen of runs, on its way to people: what this host's groups of alerts decide, and the sender.

mod desk;
mod facts;
mod group;
mod monitored;
mod observer;
mod sender;
mod settling;
mod stopped;
mod telling;
mod with_log;

pub(crate) use desk::AlertDesk;
pub(crate) use monitored::DeskSink;
pub(crate) use observer::AlertObserver;
pub(crate) use sender::Sender;
pub(crate) use settling::{close_untold, settle_what_lasts};
pub(crate) use stopped::{Stopped, stopped};
pub(crate) use telling::Telling;
pub(crate) use with_log::span_of_lines;
