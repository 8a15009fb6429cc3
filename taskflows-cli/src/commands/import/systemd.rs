use std::path::{Path, PathBuf};

use taskflows_core::import::{Import, UnitPair, UnitText, import_units, started_by};

use super::programs::{ProgramOutput, Programs, could_not_run};
use crate::arguments::{Global, ScopeArgument, UnitArguments};
use crate::definitions::file_text;
use crate::ui::harmless;
use crate::{App, CliError, Exit};

pub(super) async fn systemd(
    app: &App,
    global: &Global,
    arguments: &UnitArguments,
    programs: &dyn Programs,
) -> Result<Import, CliError> {
    let units = Units { programs, scope: global.scope };
    let mut pairs: Vec<UnitPair> = Vec::new();
    for unit in &arguments.units {
        let pair = units.pair(unit).await?;
        // A service and its timer may both be named.
        match pairs.iter_mut().find(|other| other.service.name == pair.service.name) {
            Some(other) if other.timer.is_some() => {}
            Some(other) => *other = pair,
            None => pairs.push(pair),
        }
    }
    Ok(import_units(&pairs, (app.now)(), &app.zones))
}

/// The units of the host, and those in files.
struct Units<'a> {
    programs: &'a dyn Programs,
    scope: ScopeArgument,
}

impl Units<'_> {
    /// Finds the service that is meant, and its timer.
    async fn pair(&self, unit: &str) -> Result<UnitPair, CliError> {
        if unit.contains('/') {
            return pair_in_files(Path::new(unit));
        }
        match unit.rsplit_once('.').map(|(_, suffix)| suffix) {
            Some("timer") => {
                let timer = self.needed(unit).await?;
                self.installed(&started_by(&timer), Some(timer)).await
            }
            Some("service") => self.installed(unit, None).await,
            Some(
                "socket" | "path" | "mount" | "automount" | "target" | "slice" | "scope" | "swap" | "device",
            ) => Err(only_services(unit)),
            _ => self.installed(&format!("{unit}.service"), None).await,
        }
    }

    async fn installed(&self, service: &str, timer: Option<UnitText>) -> Result<UnitPair, CliError> {
        let text = self.needed(service).await?;
        let mut triggers = self.triggers(service).await?;
        let own_timer = format!("{}.timer", service.trim_end_matches(".service"));
        let timer = match timer {
            Some(timer) => Some(timer),
            None => {
                // A timer may have another name than its service, and one that is not loaded is not told of.
                let told = triggers.iter().find(|trigger| trigger.ends_with(".timer")).cloned();
                self.cat(&told.unwrap_or(own_timer)).await?.filter(|timer| started_by(timer) == service)
            }
        };
        triggers.retain(|trigger| timer.as_ref().is_none_or(|timer| timer.name != *trigger));
        let enabled = self.is_enabled(service).await?;
        let timer_enabled = match &timer {
            Some(timer) => self.is_enabled(&timer.name).await?,
            None => None,
        };
        Ok(UnitPair { service: text, timer, enabled, timer_enabled, triggers })
    }

    async fn needed(&self, unit: &str) -> Result<UnitText, CliError> {
        self.cat(unit).await?.ok_or_else(|| {
            CliError::new(Exit::NoSuchService, format!("there is no unit `{}`", harmless(unit)))
                .hint("`systemctl --user list-unit-files` lists those of a user; --scope system takes the machine's")
        })
    }

    /// Returns a unit's file and its drop-ins, `None` where there is none.
    async fn cat(&self, unit: &str) -> Result<Option<UnitText>, CliError> {
        let output = self.systemctl(&["cat", "--no-pager", "--", unit]).await?;
        if output.succeeded {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            return Ok(Some(UnitText { name: unit.to_owned(), text }));
        }
        let said = harmless(output.stderr.trim());
        if said.starts_with("No files found") {
            return Ok(None);
        }
        let exit = if said.contains("connect to bus") { Exit::Unreachable } else { Exit::Failed };
        Err(CliError::new(exit, format!("`systemctl cat {}` failed: {said}", harmless(unit))))
    }

    async fn triggers(&self, unit: &str) -> Result<Vec<String>, CliError> {
        let output = self.systemctl(&["show", "--value", "-p", "TriggeredBy", "--", unit]).await?;
        let names = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok(names.split_whitespace().map(str::to_owned).collect())
    }

    async fn is_enabled(&self, unit: &str) -> Result<Option<bool>, CliError> {
        let output = self.systemctl(&["is-enabled", "--", unit]).await?;
        Ok(match String::from_utf8_lossy(&output.stdout).trim() {
            "enabled" | "enabled-runtime" => Some(true),
            "disabled" | "static" | "indirect" => Some(false),
            _ => None,
        })
    }

    async fn systemctl(&self, arguments: &[&str]) -> Result<ProgramOutput, CliError> {
        let scope = match self.scope {
            ScopeArgument::User => "--user",
            ScopeArgument::System => "--system",
        };
        let arguments: Vec<&str> = std::iter::once(scope).chain(arguments.iter().copied()).collect();
        let output = self.programs.run("systemctl", &arguments).await;
        output.map_err(|error| could_not_run("systemctl", &error))
    }
}

fn only_services(unit: &str) -> CliError {
    let message = format!("`{}` is neither a service nor a timer", harmless(unit));
    CliError::new(Exit::Usage, message).hint("name the service that it starts")
}

/// Reads a service and its timer, of which one is named, from files that lie side by side.
fn pair_in_files(path: &Path) -> Result<UnitPair, CliError> {
    let unit = in_file(path)?;
    if unit.name.ends_with(".timer") {
        let service = in_file(&path.with_file_name(started_by(&unit)))?;
        return Ok(UnitPair { service, timer: Some(unit), ..UnitPair::default() });
    }
    if !unit.name.ends_with(".service") {
        return Err(only_services(&unit.name));
    }
    let timer = path.with_extension("timer");
    let timer = timer.exists().then(|| in_file(&timer)).transpose()?;
    let timer = timer.filter(|timer| started_by(timer) == unit.name);
    Ok(UnitPair { service: unit, timer, ..UnitPair::default() })
}

/// Reads a unit's file, and its drop-ins in the order in which systemd takes them.
fn in_file(path: &Path) -> Result<UnitText, CliError> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut text = file_text(path)?;
    let mut directory = path.as_os_str().to_owned();
    directory.push(".d");
    let entries = std::fs::read_dir(PathBuf::from(directory)).map(|entries| entries.flatten().collect());
    let mut drop_ins: Vec<PathBuf> =
        entries.unwrap_or_else(|_| Vec::new()).iter().map(std::fs::DirEntry::path).collect();
    drop_ins.retain(|path| path.extension().is_some_and(|suffix| suffix == "conf"));
    drop_ins.sort();
    for drop_in in drop_ins {
        text.push('\n');
        text.push_str(&file_text(&drop_in)?);
    }
    Ok(UnitText { name, text })
}
