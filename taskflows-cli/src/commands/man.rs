use std::fs;
use std::path::Path;

use clap::CommandFactory;
use clap_mangen::Man;

use crate::{Arguments, CliError, Exit, Ui};

/// Prints the page of a command, that of `tf` where `names` is empty, or writes all of them to `directory`.
pub(crate) fn man(ui: &mut Ui<'_>, names: &[String], directory: Option<&Path>) -> Result<Exit, CliError> {
    let mut command = Arguments::command();
    command.build();
    let Some(directory) = directory else {
        ui.out.write_all(&page(find(command, names)?)?)?;
        return Ok(Exit::Ok);
    };
    let failed = |error: std::io::Error| {
        CliError::new(Exit::Failed, format!("could not write to {}: {error}", directory.display()))
    };
    fs::create_dir_all(directory).map_err(failed)?;
    let mut pages = Vec::new();
    add_pages(&mut pages, "tf".to_owned(), &command)?;
    for (file, text) in &pages {
        fs::write(directory.join(file), text).map_err(failed)?;
    }
    ui.remark(format!("Wrote {} manual pages to {}.", pages.len(), directory.display()));
    Ok(Exit::Ok)
}

/// Returns the command that its names lead to from `tf` on, by its alias as well.
fn find(mut command: clap::Command, names: &[String]) -> Result<clap::Command, CliError> {
    for name in names {
        command = match command.find_subcommand(name) {
            Some(verb) => verb.clone(),
            None => {
                let whole = command.get_display_name().unwrap_or("tf").replace('-', " ");
                let hint = format!("`{whole} --help` lists its commands");
                return Err(
                    CliError::new(Exit::Usage, format!("`{whole}` has no command `{name}`")).hint(hint)
                );
            }
        };
    }
    Ok(command)
}

/// Adds the page of a command, and those of its own commands.
fn add_pages(
    pages: &mut Vec<(String, Vec<u8>)>,
    name: String,
    command: &clap::Command,
) -> Result<(), CliError> {
    pages.push((format!("{name}.1"), page(command.clone())?));
    for verb in command.get_subcommands().filter(|verb| verb.get_name() != "help") {
        add_pages(pages, format!("{name}-{}", verb.get_name()), verb)?;
    }
    Ok(())
}

fn page(command: clap::Command) -> Result<Vec<u8>, CliError> {
    let mut page = Vec::new();
    Man::new(command).render(&mut page)?;
    Ok(page)
}
