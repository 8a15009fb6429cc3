use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use taskflows_core::effects::{Edits, ServiceError};
use taskflows_core::{Format, NamePattern, Plan, ServiceName};
use tempfile::NamedTempFile;
use tokio::signal::unix::{SignalKind, signal};

use super::confirm::ask;
use super::create::{install, tell};
use super::dashboards::Dashboards;
use super::editor::{Editor, line_of};
use super::plan::show_plan;
use super::prune::{Request, request_of};
use crate::arguments::{EditArguments, Format as Output, Global, SourceArguments};
use crate::definitions::{
    Definitions, absolute, definition_bytes, format_of, open, read_with, source_of, unreadable,
};
use crate::run::report;
use crate::select::no_such_service;
use crate::{App, CliError, Exit, Ui};

/// The definition file of a service as it was when the editor was opened.
struct Original {
    /// The file that was created from, which may include the other.
    root: PathBuf,
    path: PathBuf,
    format: Format,
    bytes: Vec<u8>,
}

/// What was made of it, and what that would change.
struct Revision {
    bytes: Vec<u8>,
    request: Request,
    plan: Plan,
}

/// What the user decides on.
enum Decision {
    Apply,
    Again,
    Discard,
    Keep,
}

/// Opens the file that defines a service in an editor, on a copy, and applies what comes of it: the text is
/// checked, the plan is shown, and file and units are changed when the user agrees.
pub(super) async fn edit(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    arguments: &EditArguments,
) -> Result<Exit, CliError> {
    let original = Original::of(app, &arguments.service).await?;
    let editor = Editor::choose(app.editor.as_deref(), ui.interactive, arguments.yes)?;
    // From here on Ctrl-C is the editor's; at a question it is caught, and no answer.
    let _caught = signal(SignalKind::interrupt());
    let copy = original.copy()?;
    loop {
        let text = String::from_utf8_lossy(&original.bytes);
        if let Err(error) = editor.run(copy.path(), line_of(&text, arguments.service.as_str())) {
            let is_written = fs::read(copy.path()).is_ok_and(|bytes| bytes != original.bytes);
            return Err(if error.exit == Exit::Interrupted && is_written {
                kept(copy, error)
            } else {
                error
            });
        }
        let bytes = fs::read(copy.path()).map_err(|error| unreadable(copy.path(), &error))?;
        if bytes == original.bytes {
            ui.remark("Nothing changed: the text is the same.");
            return Ok(Exit::Ok);
        }
        let decision = match original.revise(ui, app, bytes, arguments).await {
            Err(error) if !ui.interactive => return Err(kept(copy, app.advise(error))),
            Err(error) => {
                report(ui, &app.advise(error));
                mend(ui)
            }
            Ok(revision) => match agreed(ui, app, global, &revision, arguments).await? {
                Decision::Apply if original.is_changed() => return Err(original.overtaken(copy)),
                Decision::Apply => return original.apply(ui, app, global, &revision, arguments).await,
                other => other,
            },
        };
        match decision {
            Decision::Again => {}
            Decision::Keep => {
                ui.remark(format!("Nothing was changed; your text is in {}.", keep(copy)?.display()));
                return Ok(Exit::Failed);
            }
            _ => {
                ui.remark("Nothing was changed.");
                return Ok(Exit::Failed);
            }
        }
    }
}

/// Asks what becomes of a text that cannot be applied. Without an answer nothing is lost.
fn mend(ui: &mut Ui<'_>) -> Decision {
    loop {
        let answer = ask(ui, "Edit again, keep your text in a file, or throw it away? [E/k/t]");
        match answer.as_deref() {
            None | Some("k" | "keep") => return Decision::Keep,
            Some("" | "e" | "edit") => return Decision::Again,
            Some("t" | "throw") => return Decision::Discard,
            Some(_) => {}
        }
    }
}

/// Shows what would change and asks whether it may.
async fn agreed(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    revision: &Revision,
    arguments: &EditArguments,
) -> Result<Decision, CliError> {
    if arguments.yes {
        return Ok(Decision::Apply);
    }
    // What is shown for an answer is not the result.
    let table = Global { output: Output::Table, ..global.clone() };
    show_plan(ui, app, &table, &revision.plan)?;
    revision.request.groups.show(ui);
    Dashboards::show(ui, app, &revision.request.dashboards).await;
    loop {
        match ask(ui, "Apply it? Or edit again? [y/N/e]").as_deref() {
            Some("y" | "yes") => return Ok(Decision::Apply),
            Some("e" | "edit") => return Ok(Decision::Again),
            // Without an answer nothing is lost.
            None => return Ok(Decision::Keep),
            Some("" | "n" | "no") => return Ok(Decision::Discard),
            Some(_) => {}
        }
    }
}

/// Keeps a text that could not be applied, and says where it is.
fn kept(copy: NamedTempFile, error: CliError) -> CliError {
    let Ok(path) = keep(copy) else { return error };
    let place = format!("your text is in {}", path.display());
    let hint = error.hint.as_ref().map_or(place.clone(), |hint| format!("{hint}; {place}"));
    error.hint(hint)
}

fn keep(copy: NamedTempFile) -> Result<PathBuf, CliError> {
    let (_, path) = copy.keep().map_err(|error| CliError::new(Exit::Failed, error.to_string()))?;
    Ok(path)
}

/// Returns the file in which a service stands, where `root` and what it includes can be read.
fn place_of(app: &App, root: &Path, name: &ServiceName) -> Option<PathBuf> {
    // What may be wrong with it is told when the text is read that comes out of the editor.
    let (mut out, mut status, mut input) = (std::io::sink(), std::io::sink(), std::io::empty());
    let mut silent = Ui {
        out: &mut out,
        status: &mut status,
        input: &mut input,
        width: None,
        colour: false,
        interactive: false,
        quiet: true,
    };
    let source = open(&mut silent, root).ok()?;
    let definition = read_with(&mut silent, app, &source, None).ok()?;
    definition.place_of(name).map(PathBuf::from)
}

impl Original {
    /// Reads the file that defines a service.
    async fn of(app: &App, service: &NamePattern) -> Result<Self, CliError> {
        if !service.is_exact() {
            let message = format!("`{service}` is a pattern; one service is edited at a time");
            return Err(CliError::new(Exit::Usage, message));
        }
        let origins = app.services.origins(std::slice::from_ref(service)).await?;
        let Some(origin) = origins.into_iter().next() else {
            return Err(no_such_service(app, service.as_str()).await);
        };
        let name = origin.name;
        let units = format!("`tf show {name}` shows its units; define it in a file and `tf create` that");
        let Some(source) = origin.source else {
            let message = format!("`{name}` was defined on stdin, so there is no file to edit");
            return Err(CliError::new(Exit::Failed, message).hint(units));
        };
        let named = Path::new(&source);
        if !named.exists() {
            let message = format!("`{name}` was defined in {source}, which is not there any more");
            return Err(CliError::new(Exit::Failed, message).hint(units));
        }
        let root = absolute(named)?;
        let path = place_of(app, &root, &name).unwrap_or_else(|| root.clone());
        let bytes = definition_bytes(&path)?;
        let format = format_of(&path).ok_or_else(|| {
            CliError::new(Exit::Failed, format!("{source} is no file that `tf edit` knows to read"))
        })?;
        Ok(Self { root, path, format, bytes })
    }

    /// Reads a text in the place of the file, as part of what was created from.
    fn read(&self, ui: &mut Ui<'_>, app: &App, bytes: Vec<u8>) -> Result<Definitions, CliError> {
        let shown = self.path.display().to_string();
        let source = source_of(&shown, bytes, self.format, &self.path, ui.colour)?;
        if self.path == self.root {
            let definition = read_with(ui, app, &source, None)?;
            return Ok(Definitions::of(&source, definition));
        }
        let root = open(ui, &self.root)?;
        let definition = read_with(ui, app, &root, Some(&source))?;
        Ok(Definitions::of(&root, definition))
    }

    /// Writes a copy beside it, hidden, so that a command on the whole directory passes it over.
    fn copy(&self) -> Result<NamedTempFile, CliError> {
        let failed = |error| self.failed("copy", &error);
        let mut copy = self.beside().map_err(failed)?;
        copy.write_all(&self.bytes).map_err(failed)?;
        copy.flush().map_err(failed)?;
        Ok(copy)
    }

    fn beside(&self) -> std::io::Result<NamedTempFile> {
        let part = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
        let (stem, suffix) = (part(self.path.file_stem()), part(self.path.extension()));
        tempfile::Builder::new()
            .prefix(&format!(".{stem}."))
            .suffix(&format!(".{suffix}"))
            .tempfile_in(self.path.parent().unwrap_or(Path::new("/")))
    }

    fn failed(&self, verb: &str, error: &std::io::Error) -> CliError {
        let exit = match error.kind() {
            std::io::ErrorKind::PermissionDenied => Exit::Permission,
            _ => Exit::Failed,
        };
        CliError {
            hint: None,
            ..CliError::new(exit, format!("could not {verb} {}: {error}", self.path.display()))
        }
    }

    /// Reads a new text as if it stood in the file already, and plans it.
    async fn revise(
        &self,
        ui: &mut Ui<'_>,
        app: &App,
        bytes: Vec<u8>,
        arguments: &EditArguments,
    ) -> Result<Revision, CliError> {
        let definitions = self.read(ui, app, bytes.clone())?;
        definitions.check_environments(app, ui.colour).await?;
        definitions.check_alerts(app, ui.colour)?;
        let all = SourceArguments { files: Vec::new(), include: Vec::new(), exclude: Vec::new() };
        let request = request_of(ui, app, definitions, &all, arguments.prune).await?;
        let plan = app.services.plan(request.wanted()).await?;
        let edited = plan.edited();
        if !arguments.force && !edited.is_empty() {
            let error = CliError::from(ServiceError::Edited { files: edited });
            return Err(error.hint("`tf edit --force` writes over them"));
        }
        match &plan.unasked {
            // What cannot be put in force must not be written either.
            Some(reason) => Err(CliError::new(Exit::Unreachable, reason)),
            None => Ok(Revision { bytes, request, plan }),
        }
    }

    /// Tells whether somebody else changed the file meanwhile.
    fn is_changed(&self) -> bool {
        !fs::read(&self.path).is_ok_and(|bytes| bytes == self.bytes)
    }

    fn overtaken(&self, copy: NamedTempFile) -> CliError {
        let message = format!("{} was changed by somebody else meanwhile", self.path.display());
        let error = CliError::new(Exit::Failed, format!("{message}; nothing was applied"));
        match keep(copy) {
            Ok(path) => error.hint(format!("your text is in {}", path.display())),
            Err(_) => error,
        }
    }

    /// Puts the new text in the file's place, and its services in force.
    async fn apply(
        &self,
        ui: &mut Ui<'_>,
        app: &App,
        global: &Global,
        revision: &Revision,
        arguments: &EditArguments,
    ) -> Result<Exit, CliError> {
        self.replace(&revision.bytes).map_err(|error| self.failed("write", &error))?;
        let edits = if arguments.force { Edits::Overwrite } else { Edits::Keep };
        match install(ui, app, &revision.request, edits).await {
            Ok(plan) => {
                ui.remark(format!("Wrote {}.", self.path.display()));
                tell(ui, app, global, &plan)?;
                let dashboards = &revision.request.dashboards;
                Ok(Dashboards::make(ui, app, dashboards, arguments.force).await.exit(Exit::Ok))
            }
            Err(error) => {
                let file = self.path.display();
                ui.remark(format!("note: {file} has the new text, and the units are as before"));
                let again = format!("`tf create {file}` tries again, `tf edit` changes it again");
                Err(if error.hint.is_none() { error.hint(again) } else { error })
            }
        }
    }

    /// Writes the file as a whole: whoever reads it, also after a power cut, finds the old text or the new.
    fn replace(&self, bytes: &[u8]) -> std::io::Result<()> {
        use std::os::unix::fs::{MetadataExt, fchown};
        let (before, mut new) = (fs::metadata(&self.path)?, self.beside()?);
        new.write_all(bytes)?;
        let file = new.as_file();
        let own = file.metadata()?;
        if (own.uid(), own.gid()) != (before.uid(), before.gid()) {
            fchown(file, Some(before.uid()), Some(before.gid()))?;
        }
        file.set_permissions(before.permissions())?;
        file.sync_all()?;
        new.persist(&self.path)?;
        fs::File::open(self.path.parent().unwrap_or(Path::new("/")))?.sync_all()
    }
}
