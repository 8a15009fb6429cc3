use serde_json::Value;

use super::table::Table;
use crate::schedule::{Calendar, Periodic, Schedule};

pub(super) fn schedule(schedule: &Schedule) -> Value {
    let mut table = Table::default();
    match schedule {
        Schedule::Calendar(Calendar { text, spec: _, persistent, accuracy, randomized_delay }) => {
            table.put("type", "Calendar");
            table.text("schedule", Some(text));
            table.put("persistent", *persistent);
            table.text("accuracy", Some(accuracy));
            table.text("randomized_delay", randomized_delay.as_ref());
        }
        Schedule::Periodic(Periodic { start_on, period, relative_to, accuracy, randomized_delay }) => {
            table.put("type", "Periodic");
            table.put("start_on", start_on.as_str());
            table.text("period", Some(period));
            table.put("relative_to", relative_to.as_str());
            table.text("accuracy", Some(accuracy));
            table.text("randomized_delay", randomized_delay.as_ref());
        }
    }
    table.into()
}
