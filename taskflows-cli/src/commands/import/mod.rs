//! `tf import`: definitions of what cron, or units made by hand, run now.

mod crontab;
mod programs;
mod report;
mod systemd;
mod target;

pub(super) use programs::HostPrograms;

use taskflows_core::import::{Import, Verdict};

use self::programs::Programs;
use crate::arguments::{Format, Global, ImportArguments, ImportFrom, ImportTarget};
use crate::output::data;
use crate::{App, CliError, Exit, Ui};

pub(super) async fn import(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    arguments: &ImportArguments,
    programs: &dyn Programs,
) -> Result<Exit, CliError> {
    let (import, target) = match &arguments.from {
        ImportFrom::Crontab(arguments) => {
            (crontab::crontab(ui, app, global, arguments, programs).await?, &arguments.target)
        }
        ImportFrom::Systemd(arguments) => {
            (systemd::systemd(app, global, arguments, programs).await?, &arguments.target)
        }
    };
    tell(ui, app, global, &import, target)
}

/// Writes the definition where it is to go, and tells how much it keeps.
///
/// The definition takes stdout unless it has a file, so that it can be piped on; what is told of it goes to
/// stderr then.
fn tell(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    import: &Import,
    target: &ImportTarget,
) -> Result<Exit, CliError> {
    // Nothing has been told before a file is refused.
    if let Some(path) = target.write.as_ref().filter(|_| import.services() > 0) {
        target::write(path, &import.to_toml(), target.force)?;
    }
    match global.output {
        Format::Table | Format::Wide => {
            let report = report::report(app, import, ui.width);
            match &target.write {
                Some(_) => write!(ui.out, "{report}")?,
                None => ui.remark(report.trim_end()),
            }
            if target.write.is_none() && import.services() > 0 {
                write!(ui.out, "{}", import.to_toml())?;
            }
        }
        Format::Name => {
            for name in
                import.items.iter().filter(|item| item.toml.is_some()).filter_map(|item| item.name.as_ref())
            {
                writeln!(ui.out, "{name}")?;
            }
        }
        format => data(ui, format, &report::rows(import))?,
    }
    report::conclude(ui, import, target.write.as_deref());
    let impossible = import.items.iter().any(|item| item.verdict() == Verdict::Impossible);
    Ok(if impossible { Exit::Partial } else { Exit::Ok })
}
