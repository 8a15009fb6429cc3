use crate::{CliError, Exit, Ui};

/// Prints the JSON Schema of definition files.
pub(crate) fn schema(ui: &mut Ui<'_>) -> Result<Exit, CliError> {
    let text = serde_json::to_string_pretty(&taskflows_core::schema())
        .map_err(|error| CliError::new(Exit::Failed, format!("could not write the schema: {error}")))?;
    writeln!(ui.out, "{text}")?;
    Ok(Exit::Ok)
}
