use std::process::Stdio;
use std::time::Duration;

use taskflows_core::{FileChange, Plan};
use tokio::process::Command;
use tokio::time::timeout;

use crate::unit::Mark;

/// How long it may take to take one thing away.
const LIMIT: Duration = Duration::from_secs(60);

/// Takes away what outlived the units that a plan has changed or removed, and notes what could not be.
pub(super) async fn clean_up(plan: &mut Plan) {
    let commands: Vec<Vec<String>> = plan.files().filter_map(outlived).collect();
    for command in commands {
        if let Err(reason) = run(&command).await {
            plan.left_behind.push(format!("`{}`: {reason}", shell_words::join(&command)));
        }
    }
}

/// Returns the command of a unit that nothing will run any more.
fn outlived(change: &FileChange) -> Option<Vec<String>> {
    let command = |text: &Option<String>| Mark::read(text.as_deref()?)?.cleanup;
    let before = command(&change.before)?;
    (command(&change.after).as_ref() != Some(&before)).then_some(before)
}

async fn run(command: &[String]) -> Result<(), String> {
    let (program, arguments) = command.split_first().ok_or("it is empty")?;
    let child = Command::new(program).args(arguments).stdin(Stdio::null()).kill_on_drop(true).output();
    let output = match timeout(LIMIT, child).await {
        Err(_) => return Err(format!("no end within {LIMIT:?}")),
        Ok(Err(error)) => return Err(error.to_string()),
        Ok(Ok(output)) => output,
    };
    match output.status.success() {
        true => Ok(()),
        false => {
            let told = String::from_utf8_lossy(&output.stderr);
            Err(told.lines().next().unwrap_or("it failed and said nothing").to_owned())
        }
    }
}
