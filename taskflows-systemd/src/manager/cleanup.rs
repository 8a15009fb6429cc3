use std::process::Stdio;
use std::time::Duration;

use taskflows_core::{FileChange, Plan, ServiceName};
use tokio::process::Command;
use tokio::time::timeout;

use crate::unit::{KeptContainer, Mark, OWNER, UnitName};

/// How long it may take to take one thing away.
const LIMIT: Duration = Duration::from_secs(60);

/// A container that was kept between the runs of a service.
struct Outlived {
    service: ServiceName,
    name: String,
    engine: Vec<String>,
}

/// Takes away what outlived the units that a plan has changed or removed, and notes what could not be.
pub(super) async fn clean_up(plan: &mut Plan) {
    let outlived: Vec<Outlived> = plan.files().filter_map(outlived).collect();
    for container in outlived {
        if let Err(reason) = container.remove().await {
            plan.left_behind.push(reason);
        }
    }
}

/// Returns the container that nothing will run any more: the service is gone, or has one of another name. A service
/// replaces what has its own name when it starts, so nothing is taken from under a run.
fn outlived(change: &FileChange) -> Option<Outlived> {
    let container = |text: &Option<String>| Mark::read(text.as_deref()?)?.container;
    let before = container(&change.before)?;
    let KeptContainer { engine, .. } = before.kept?;
    let is_replaced = container(&change.after).is_some_and(|after| after.name == before.name);
    let service = UnitName::parse(&change.file)?.service;
    (!is_replaced).then_some(Outlived { service, name: before.name, engine })
}

impl Outlived {
    /// Removes the container if it is the service's, and does not run: a service that has another name since then
    /// still runs in the old one.
    async fn remove(&self) -> Result<(), String> {
        let label = format!("--filter=label={OWNER}={}", self.service);
        let name = format!("--filter=name=^{}$", self.name);
        let told = |reason: String| format!("the container {}: {reason}", self.name);
        let found = self.run(&["ps", "--all", "--quiet", &label, &name]).await.map_err(told)?;
        match found.trim() {
            "" => Ok(()),
            _ => self.run(&["rm", &self.name]).await.map(|_| ()).map_err(told),
        }
    }

    /// Returns what the engine writes.
    async fn run(&self, arguments: &[&str]) -> Result<String, String> {
        let (program, options) = self.engine.split_first().ok_or("its engine is not known")?;
        let child = Command::new(program)
            .args(options)
            .args(arguments)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let output = match timeout(LIMIT, child).await {
            Err(_) => return Err(format!("`{program}` took longer than {LIMIT:?}")),
            Ok(Err(error)) => return Err(format!("`{program}`: {error}")),
            Ok(Ok(output)) => output,
        };
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => {
                let told = String::from_utf8_lossy(&output.stderr);
                Err(told.lines().next().unwrap_or("its engine failed and said nothing").to_owned())
            }
        }
    }
}
