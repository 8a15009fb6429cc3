use taskflows_alerts::task_events::RunFacts;

use crate::App;

impl App {
    /// Begins what is told of a service or a task of this host.
    pub(crate) fn facts(&self, name: &str) -> RunFacts {
        let mut facts = RunFacts::new(name, &self.host_name);
        facts.explore = self.explore.clone();
        facts.zone = self.display.clone();
        facts
    }
}
