use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use taskflows_logging::kit::{
    Decision, JournalSources, KitFile, LokiAddress, Manifest, Part, Pipeline, PipelineError, Profile,
};

use crate::arguments::{Global, LoggingPart, LoggingProfile, LoggingSetupArguments};
use crate::error::chain;
use crate::{App, CliError, Exit, Ui};

/// Where the kit is written unless told.
const DIRECTORY: &str = "taskflows-logging";

/// Writes the configuration of a part of the pipeline: all of its files or none.
pub(super) fn setup(
    ui: &mut Ui<'_>,
    app: &App,
    _: &Global,
    arguments: &LoggingSetupArguments,
) -> Result<Exit, CliError> {
    let part = part(arguments.part);
    let directory = arguments.dir.clone().unwrap_or_else(|| PathBuf::from(DIRECTORY));
    let mut manifest = read_manifest(&directory)?;
    let arguments = &as_last_time(ui, arguments, &mut manifest);
    let pipeline = pipeline(app, arguments, part)?;
    let decided = decide(&directory, &manifest, pipeline.files(part))?;
    if arguments.dry_run {
        dry_run(ui, &directory, &decided, arguments.force);
    }
    if !arguments.force {
        refuse(&directory, &decided)?;
    }
    if arguments.dry_run {
        return Ok(Exit::Ok);
    }
    let written = write_all(&directory, &mut manifest, &decided)?;
    tell(ui, &directory, written, decided.len());
    remark_journal(ui, &pipeline, part);
    next_steps(ui, app, &directory, &pipeline, part);
    Ok(Exit::Ok)
}

/// Without options those of the last time hold: files that were made for S3 do not become others by the way.
fn as_last_time(
    ui: &mut Ui<'_>,
    arguments: &LoggingSetupArguments,
    manifest: &mut Manifest,
) -> LoggingSetupArguments {
    let options = arguments.options();
    if options.is_empty() && !manifest.options.is_empty() {
        let shown = manifest.options.iter().map(|option| match option.split_once('=') {
            Some((name, value)) => format!("{name}={}", shell_words::quote(value)),
            None => option.clone(),
        });
        ui.remark(format!("As the last time: {}.", shown.collect::<Vec<_>>().join(" ")));
        return arguments.clone().with_options(&manifest.options);
    }
    manifest.options = options;
    arguments.clone()
}

const fn part(part: LoggingPart) -> Part {
    match part {
        LoggingPart::FluentBit => Part::FluentBit,
        LoggingPart::Loki => Part::Loki,
        LoggingPart::Grafana => Part::Grafana,
        LoggingPart::Compose => Part::Compose,
    }
}

fn pipeline(app: &App, arguments: &LoggingSetupArguments, part: Part) -> Result<Pipeline, CliError> {
    let usage = |error: PipelineError| CliError::new(Exit::Usage, error.to_string());
    let usual = Pipeline::default();
    let file_directory = arguments.file_dir.clone().or_else(|| (app.variable)("TASKFLOWS_FILE_DIR"));
    let pipeline = Pipeline {
        labels_compat: arguments.labels_compat,
        environment: arguments.environment.clone(),
        profile: match arguments.profile {
            LoggingProfile::Dev => Profile::Dev,
            LoggingProfile::S3 => Profile::S3,
            LoggingProfile::Archive => Profile::Archive,
        },
        retention: arguments.retention.map(|span| span.duration()),
        loki: loki(app, arguments, part).map_err(usage)?,
        has_auth: arguments.loki_auth,
        tenant: app.loki.as_ref().filter(|_| part != Part::Compose).and_then(|loki| loki.tenant.clone()),
        journal: JournalSources {
            directory: arguments.journal.clone(),
            user: arguments.uid,
            ..JournalSources::default()
        },
        file_directory: file_directory.unwrap_or(usual.file_directory),
        debug_file: arguments.debug_file,
        ports: usual.ports,
        images: usual.images,
    };
    pipeline.check().map_err(usage)?;
    Ok(pipeline)
}

/// Returns the Loki that runs elsewhere. Containers of our own bring one along; another part goes to the one that `tf`
/// reads.
fn loki(
    app: &App,
    arguments: &LoggingSetupArguments,
    part: Part,
) -> Result<Option<LokiAddress>, PipelineError> {
    let configured = app.loki.as_ref().map(|loki| loki.url.as_str());
    let configured = configured.filter(|_| matches!(part, Part::FluentBit | Part::Grafana));
    arguments.loki_url.as_deref().or(configured).map(str::parse).transpose()
}

fn failed(what: &str, path: &Path, error: &io::Error) -> CliError {
    let message = format!("could not {what} `{}`: {error}", path.display());
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            CliError::new(Exit::Permission, message).hint("`--dir` names a directory that you may write into")
        }
        _ => CliError::new(Exit::Failed, message),
    }
}

/// Reads a file that may be missing.
fn read(path: &Path) -> Result<Option<Vec<u8>>, CliError> {
    match fs::read(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("read", path, &error)),
    }
}

fn read_manifest(directory: &Path) -> Result<Manifest, CliError> {
    let path = directory.join(Manifest::NAME);
    let Some(text) = read(&path)? else { return Ok(Manifest::default()) };
    Manifest::read(&String::from_utf8_lossy(&text)).map_err(|error| {
        let message = format!("could not read `{}`: {}", path.display(), chain(&error));
        CliError::new(Exit::Failed, message)
            .hint("move it away: files that are there are then taken for somebody else's")
    })
}

fn decide(
    directory: &Path,
    manifest: &Manifest,
    files: Vec<KitFile>,
) -> Result<Vec<(KitFile, Decision)>, CliError> {
    let decide = |file: KitFile| {
        let existing = read(&directory.join(&file.path))?;
        let decision = manifest.decide(&file, existing.as_deref());
        Ok((file, decision))
    };
    files.into_iter().map(decide).collect()
}

fn refuse(directory: &Path, decided: &[(KitFile, Decision)]) -> Result<(), CliError> {
    let refused = decided.iter().filter(|(_, decision)| *decision == Decision::Refuse);
    let paths: Vec<String> =
        refused.map(|(file, _)| format!("`{}`", directory.join(&file.path).display())).collect();
    if paths.is_empty() {
        return Ok(());
    }
    let them = if paths.len() == 1 { "it" } else { "them" };
    let message = format!("{} not as taskflows wrote {them}; nothing was written", is_or_are(&paths));
    Err(CliError::new(Exit::Failed, message)
        .hint("`--force` writes over it; `--dir` writes elsewhere, to compare"))
}

fn is_or_are(paths: &[String]) -> String {
    match paths {
        [path] => format!("{path} is"),
        paths => format!("{} are", paths.join(", ")),
    }
}

fn dry_run(ui: &mut Ui<'_>, directory: &Path, decided: &[(KitFile, Decision)], is_forced: bool) {
    for (file, decision) in decided {
        let word = match decision {
            Decision::Create => "Would write",
            Decision::Keep => continue,
            Decision::Refuse if !is_forced => "Would not write over",
            Decision::Replace | Decision::Refuse => "Would write over",
        };
        ui.remark(format!("{word} {}.", directory.join(&file.path).display()));
    }
    if decided.iter().all(|(_, decision)| *decision == Decision::Keep) {
        ui.remark("Nothing would change.");
    }
}

/// Writes what is to be written and returns how many files that were. What was written is noted even where a later file
/// fails, so that the same command goes on from there.
fn write_all(
    directory: &Path,
    manifest: &mut Manifest,
    decided: &[(KitFile, Decision)],
) -> Result<usize, CliError> {
    let (mut written, mut result) = (0, Ok(()));
    for (file, decision) in decided {
        if *decision != Decision::Keep {
            result = write(&directory.join(&file.path), file.mode, &file.text);
            if result.is_err() {
                break;
            }
            written += 1;
        }
        manifest.note(&file.path, file.text.as_bytes());
    }
    let (path, text) = (directory.join(Manifest::NAME), manifest.to_text());
    if read(&path)?.as_deref() != Some(text.as_bytes()) {
        write(&path, 0o644, &text)?;
    }
    result.map(|()| written)
}

/// Puts a file in its place: whoever reads it finds the old one or the new one.
fn write(path: &Path, mode: u32, text: &str) -> Result<(), CliError> {
    let directory = path.parent().unwrap_or(path);
    let put = || {
        fs::create_dir_all(directory)?;
        let mut file = tempfile::Builder::new().prefix(".taskflows-").tempfile_in(directory)?;
        file.write_all(text.as_bytes())?;
        file.as_file().set_permissions(fs::Permissions::from_mode(mode))?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        fs::File::open(directory)?.sync_all()
    };
    put().map_err(|error: io::Error| failed("write", path, &error))
}

fn tell(ui: &mut Ui<'_>, directory: &Path, written: usize, all: usize) {
    let directory = directory.display();
    ui.remark(match written {
        0 => format!("Nothing changed: {directory} is as it should be."),
        1 => format!("Wrote 1 file of {all} to {directory}."),
        _ if written == all => format!("Wrote {written} files to {directory}."),
        _ => format!("Wrote {written} files of {all} to {directory}."),
    });
}

fn remark_journal(ui: &mut Ui<'_>, pipeline: &Pipeline, part: Part) {
    let directory = &pipeline.journal.directory;
    if matches!(part, Part::FluentBit | Part::Compose) && !Path::new(directory).is_dir() {
        ui.remark(format!(
            "note: {directory} is not there on this machine; where journald keeps the journal in memory alone, \
             say `--journal /run/log/journal`"
        ));
    }
}

/// Says what to do next, in commands that work as they stand.
fn next_steps(ui: &mut Ui<'_>, app: &App, directory: &Path, pipeline: &Pipeline, part: Part) {
    let place = directory.display().to_string();
    let place = shell_words::quote(&place);
    let steps = match part {
        Part::Compose => compose_steps(app, directory, &place, pipeline),
        Part::FluentBit => vec![
            format!("cd {place}/fluent-bit"),
            "sudo sh -c 'set -a; . ./fluent-bit.env; exec fluent-bit -c fluent-bit.yaml'".to_owned(),
        ],
        Part::Loki => {
            vec![format!("sudo loki -config.file={place}/loki/loki.yaml -config.expand-env=true")]
        }
        Part::Grafana => vec![
            format!("sudo cp -r {place}/grafana/provisioning/. /etc/grafana/provisioning/"),
            "sudo mkdir -p /var/lib/grafana/dashboards/taskflows".to_owned(),
            format!("sudo cp {place}/grafana/dashboards/*.json /var/lib/grafana/dashboards/taskflows/"),
            "sudo systemctl restart grafana-server".to_owned(),
        ],
    };
    ui.remark("Next:");
    steps.iter().for_each(|step| ui.remark(format!("  {step}")));
    if pipeline.has_auth && part == Part::FluentBit {
        ui.remark("LOKI_USER and LOKI_PASSWORD have to be set there as well.");
    }
}

fn compose_steps(app: &App, directory: &Path, place: &str, pipeline: &Pipeline) -> Vec<String> {
    let services = if pipeline.loki.is_none() { "loki fluent-bit grafana" } else { "fluent-bit grafana" };
    let mut steps = vec![format!("cd {place}")];
    // What somebody set in it must not be written over.
    if !directory.join(".env").exists() {
        steps.push("install -m 600 env.example .env   # and set what is empty in it".to_owned());
    }
    steps.push(format!("docker compose up -d {services}"));
    let variables = match (&app.loki, &pipeline.loki) {
        (None, None) => format!("TASKFLOWS_LOKI_URL=http://localhost:{} ", pipeline.ports.loki),
        _ => String::new(),
    };
    steps.push(format!("{variables}tf logging check"));
    steps
}
