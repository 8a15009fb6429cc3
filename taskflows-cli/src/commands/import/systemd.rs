use taskflows_core::import::Import;

use super::programs::Programs;
use crate::arguments::{Global, UnitArguments};
use crate::{App, CliError};

pub(super) async fn systemd(
    _app: &App,
    _global: &Global,
    _arguments: &UnitArguments,
    _programs: &dyn Programs,
) -> Result<Import, CliError> {
    Ok(Import::default())
}
