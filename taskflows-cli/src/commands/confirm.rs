//! Questions, and what stands in for an answer where nobody can give one.

use taskflows_core::ServiceName;

use crate::{CliError, Exit, Ui};

/// So many names are shown of a long list.
const SHOWN: usize = 10;

/// Writes names in one line; of many the first ones.
pub(super) fn named<'a>(names: impl ExactSizeIterator<Item = &'a ServiceName>) -> String {
    let more = names.len().saturating_sub(SHOWN);
    let mut list: Vec<String> = names.take(SHOWN).map(ToString::to_string).collect();
    if more > 0 {
        list.push(format!("and {more} more"));
    }
    list.join(", ")
}

/// Asks whether `names` may be removed; `why` says what selected them.
///
/// # Errors
/// When nobody is there to answer.
pub(super) fn may_remove(ui: &mut Ui<'_>, names: &[&ServiceName], why: &str) -> Result<bool, CliError> {
    let list = named(names.iter().copied());
    if !ui.interactive {
        let message = format!("{why}: {list}");
        return Err(CliError::new(Exit::Usage, message).hint("add --yes to remove them"));
    }
    let question = match names.len() {
        1 => format!("Remove {list}?"),
        count => format!("Remove {count} services ({list})?"),
    };
    Ok(matches!(ask(ui, &format!("{question} [y/N]")).as_deref(), Some("y" | "yes")))
}

/// Asks a question and returns the answer in lower case; `None` where the input ends or Ctrl-C comes.
pub(crate) fn ask(ui: &mut Ui<'_>, question: &str) -> Option<String> {
    let _ = ui.out.flush();
    let _ = write!(ui.status, "{question} ");
    let _ = ui.status.flush();
    let mut answer = Vec::new();
    let mut byte = [0];
    loop {
        match ui.input.read(&mut byte) {
            Ok(1) if byte[0] == b'\n' => break,
            Ok(1) => answer.push(byte[0]),
            Ok(_) if !answer.is_empty() => break,
            _ => return None,
        }
    }
    Some(String::from_utf8_lossy(&answer).trim().to_lowercase())
}
