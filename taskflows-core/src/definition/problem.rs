use std::error::Error;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use super::source::Source;

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The definition cannot be used.
    Error,
    /// It can, and may not mean what its author thinks.
    Warning,
}

/// Something wrong at a place of a definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    severity: Severity,
    message: String,
    span: Range<usize>,
    label: String,
    help: Option<String>,
    line: usize,
    column: usize,
    /// Where it stands, once it is located.
    source: Option<Arc<Source>>,
}

impl Problem {
    pub(super) fn error(message: impl Into<String>, span: Range<usize>, label: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            message: message.into(),
            span,
            label: label.into(),
            help: None,
            line: 0,
            column: 0,
            source: None,
        }
    }

    pub(super) fn warning(message: impl Into<String>, span: Range<usize>, label: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(message, span, label) }
    }

    pub(super) fn span(&self) -> &Range<usize> {
        &self.span
    }

    /// Changes what is said of the place, but not the help, which names only what is known.
    pub(super) fn change_texts(&mut self, change: impl Fn(&str) -> String) {
        self.message = change(&self.message);
        if !self.label.is_empty() {
            self.label = change(&self.label);
        }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Returns how bad it is.
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// Returns what is wrong, without the place.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns what may help.
    pub fn hint(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// Returns the line of its place, counted from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// Returns the column of its place in characters, counted from 1.
    pub fn column(&self) -> usize {
        self.column
    }

    /// Returns what messages call the file it stands in.
    pub fn file(&self) -> &str {
        self.source.as_ref().map_or("", |source| source.name.as_str())
    }

    /// Finds line and column, and brings the place onto characters of the text.
    pub(super) fn locate(mut self, source: &Arc<Source>) -> Self {
        self.source = Some(Arc::clone(source));
        let text = source.text.as_str();
        let floor = |mut at: usize| {
            at = at.min(text.len());
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let start = floor(self.span.start);
        // A place of several lines is shown by its first.
        let line_end = text[start..].find('\n').map_or(text.len(), |end| start + end);
        let end = floor(self.span.end).clamp(start, line_end.max(start));
        self.span = start..end;
        let before = &text[..start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        self.line = before.matches('\n').count() + 1;
        self.column = before[line_start..].chars().count() + 1;
        self
    }
}

/// What is wrong with a definition: one problem or several, each with its place.
///
/// Its text shows each problem with file, line, column and an excerpt, as compilers do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefinitionError(Vec<Problem>);

impl DefinitionError {
    /// Takes problems that are located.
    pub(super) fn new(problems: Vec<Problem>) -> Self {
        Self(problems)
    }

    /// Returns the problems, file by file.
    pub fn problems(&self) -> &[Problem] {
        &self.0
    }

    /// Writes every problem with its excerpt, coloured for a terminal where `colour` is set.
    pub fn render(&self, colour: bool) -> String {
        render(&self.0, colour)
    }
}

impl fmt::Display for DefinitionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl Error for DefinitionError {}

/// A line longer than this is cut around the place of the problem.
const LONGEST_LINE: usize = 200;

pub(super) fn render(problems: &[Problem], colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let mut texts = Vec::new();
    for problem in problems {
        let level = match problem.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let text = problem.source.as_ref().map_or("", |source| source.text.as_str());
        let (excerpt, span, first_line) = excerpt(text, problem);
        let snippet = Snippet::source(excerpt)
            .path(problem.file())
            .line_start(first_line)
            .annotation(AnnotationKind::Primary.span(span).label(&problem.label));
        let mut group = level.primary_title(&problem.message).element(snippet);
        if let Some(help) = &problem.help {
            group = group.element(Level::HELP.message(help));
        }
        texts.push(renderer.render(&[group]).to_string());
    }
    texts.join("\n\n")
}

/// Returns the line of a problem, the place in it, and the number of the line.
fn excerpt<'a>(text: &'a str, problem: &Problem) -> (&'a str, Range<usize>, usize) {
    let start = problem.span.start;
    let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let line_end = text[start..].find('\n').map_or(text.len(), |end| start + end);
    let line = text[line_start..line_end].trim_end_matches('\r');
    let span = start - line_start..(problem.span.end - line_start).min(line.len()).max(start - line_start);
    if line.len() <= LONGEST_LINE {
        return (line, span, problem.line);
    }
    let boundary = |mut at: usize| {
        while !line.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let from = boundary(span.start.saturating_sub(LONGEST_LINE / 2));
    let to = boundary((from + LONGEST_LINE).min(line.len())).max(span.start);
    (&line[from..to], span.start - from..span.end.min(to) - from, problem.line)
}
