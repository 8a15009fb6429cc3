use tokio::runtime::Builder;

use crate::arguments::{ApiVerb, HookVerb};
use crate::commands::{check_format, completion, exec_here, execute, man, schema};
use crate::fleet::{Choice, choose, run_on_one, run_on_servers};
use crate::ui::{error_style, harmless_lines, note_style};
use crate::{App, Arguments, CliError, Config, Exit, Terminal, Ui, Verb};

/// Runs one command line to its exit code.
pub fn run(arguments: Arguments, config: Config, terminal: &mut Terminal) -> Exit {
    let mut ui = terminal.ui();
    // What is asked for in vain needs no host to be told.
    let result = check_format(&arguments.verb, arguments.global.output);
    let result = result.and_then(|()| match &arguments.verb {
        // These need no host at all.
        Verb::Completion { shell } => completion(&mut ui, *shell),
        Verb::Man { command, dir } => man(&mut ui, command, dir.as_deref()),
        Verb::Schema => schema(&mut ui),
        // Nor is anything else opened before a command runs than what it needs.
        // The command is run, whatever is wrong with what would be told of it.
        Verb::Exec(exec) => {
            let config = Config {
                data_directory: exec.data_dir.clone().or(config.data_directory),
                config_home: exec.config_home.clone().or(config.config_home),
                ..config
            };
            let config = with_file_if_it_can_be_read(&mut ui, config);
            exec_here(&mut ui, &config, arguments.global.scope.into(), exec)
        }
        Verb::Hook { verb: HookVerb::Stopped { data_dir, config_home, .. } } => {
            let config = Config {
                data_directory: data_dir.clone().or(config.data_directory),
                config_home: config_home.clone().or(config.config_home),
                ..config
            };
            let config = with_file_if_it_can_be_read(&mut ui, config);
            on_host(&mut ui, &arguments, &config)
        }
        _ => config.with_file().and_then(|config| on_host(&mut ui, &arguments, &config)),
    });
    end(&mut ui, result)
}

/// Reads `config.toml` for what systemd calls: a slip in it is told, and neither keeps a command from running nor its run
/// from being kept.
fn with_file_if_it_can_be_read(ui: &mut Ui<'_>, config: Config) -> Config {
    config.clone().with_file().unwrap_or_else(|error| {
        ui.remark(format!("note: {error}"));
        config
    })
}

/// Runs one command line on `app` to its exit code, and reports what went wrong.
pub async fn run_on(ui: &mut Ui<'_>, app: &App, arguments: &Arguments) -> Exit {
    let result = execute(ui, app, arguments).await.map_err(|error| app.advise(error));
    end(ui, result)
}

fn on_host(ui: &mut Ui<'_>, arguments: &Arguments, config: &Config) -> Result<Exit, CliError> {
    let app = App::connect(config, arguments.global.scope.into())?;
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| CliError::new(Exit::Failed, format!("could not start: {error}")))?;
    let choice = choose(&app, arguments)?;
    let exit = runtime.block_on(async {
        tokio::select! {
            // First, so that what is read from a terminal before anything is asked of the manager is read
            // while Ctrl-C still ends the process by itself.
            biased;
            exit = run_where(ui, &app, &choice, arguments) => exit,
            _ = tokio::signal::ctrl_c(), if !hears_of_it(&arguments.verb) => Exit::Interrupted,
        }
    });
    if exit == Exit::Interrupted && app.services.is_interrupted() {
        ui.remark(
            "interrupted; the next command that changes anything finishes this change or takes it back",
        );
    }
    // A blocked read of the disk must not keep the command from ending.
    runtime.shutdown_background();
    Ok(exit)
}

/// Tells whether a command sees to Ctrl-C itself: one that runs a command once more, and one that serves.
fn hears_of_it(verb: &Verb) -> bool {
    match verb {
        Verb::Retry(_) => true,
        Verb::Api { verb: ApiVerb::Start(start) } => start.foreground,
        _ => false,
    }
}

async fn run_where(ui: &mut Ui<'_>, app: &App, choice: &Choice, arguments: &Arguments) -> Exit {
    match choice {
        Choice::Here => run_on(ui, app, arguments).await,
        Choice::One(server) => run_on_one(ui, app, &server.asking(app), arguments).await,
        Choice::Several(servers) => {
            let servers: Vec<_> = servers.iter().map(|server| server.asking(app)).collect();
            run_on_servers(ui, app, &servers, arguments).await
        }
    }
}

pub(crate) fn end(ui: &mut Ui<'_>, result: Result<Exit, CliError>) -> Exit {
    let flushed = ui.out.flush();
    match result {
        Ok(exit) => flushed.map_or_else(|error| report(ui, &error.into()), |()| exit),
        Err(error) => report(ui, &error),
    }
}

/// Tells an error and returns its exit code. A reader that is gone wants no report.
pub(crate) fn report(ui: &mut Ui<'_>, error: &CliError) -> Exit {
    if error.is_reader_gone {
        return Exit::Ok;
    }
    let (red, cyan) = (error_style(), note_style());
    // Where stderr cannot be written either, the exit code says that it failed.
    let _ = if error.is_report {
        writeln!(ui.status, "{}", error.message)
    } else {
        // It may be what another server says.
        writeln!(ui.status, "{red}error{red:#}: {}", harmless_lines(&error.message))
    };
    if let Some(hint) = &error.hint {
        let _ = writeln!(ui.status, "{cyan}hint{cyan:#}: {hint}");
    }
    error.exit
}
