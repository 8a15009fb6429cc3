//! What applying definitions would change.

use std::collections::BTreeMap;

use crate::{Consequence, ServiceName};

/// The unit files of one service: file name to text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitFiles {
    /// The service.
    pub name: ServiceName,
    /// File name (`taskflows-web.service`) to its whole text.
    pub files: BTreeMap<String, String>,
}

/// What applying definitions would change, service by service: first those that are defined, in the order
/// they were given, then those that go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// One step for each service.
    pub steps: Vec<Step>,
    /// Why the manager was not asked, where it was not: what it alone knows (what runs) is then missing from
    /// the consequences.
    pub unasked: Option<String>,
    /// What outlived a service that is gone and could not be taken away: the command that does, and why it failed.
    pub left_behind: Vec<String>,
}

/// What would become of one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The service.
    pub name: ServiceName,
    /// What would change.
    pub change: Change,
    /// What that means for people. Empty where whoever planned it does not tell.
    pub consequences: Vec<Consequence>,
}

impl Step {
    /// Makes a step of which no consequence is known yet.
    fn new(name: &ServiceName, change: Change) -> Self {
        Self { name: name.clone(), change, consequences: Vec::new() }
    }

    /// Returns the names of its files that were changed by hand and would be written over or removed.
    pub fn edited(&self) -> impl Iterator<Item = &str> {
        self.change.files().iter().filter(|file| file.is_edited).map(|file| file.file.as_str())
    }
}

/// What would change for a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is new; these are its files.
    Create(Vec<FileChange>),
    /// These of its files differ.
    Update(Vec<FileChange>),
    /// It goes.
    Remove(Vec<FileChange>),
    /// Nothing.
    Unchanged,
}

/// One unit file before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileChange {
    /// Its name.
    pub file: String,
    /// Its text now; `None` where there is none.
    pub before: Option<String>,
    /// Its text then; `None` where it goes.
    pub after: Option<String>,
    /// Whether somebody changed it by hand since it was written, which would be lost.
    pub is_edited: bool,
}

impl Plan {
    /// Compares what is `desired` with what is `installed`.
    ///
    /// `same` decides whether two texts of a unit file mean the same, so that what says nothing about
    /// the service (the version that wrote the file) makes no change.
    ///
    /// ```
    /// use taskflows_core::{Change, Plan, UnitFiles};
    ///
    /// let web = |text: &str| UnitFiles {
    ///     name: "web".parse().unwrap(),
    ///     files: [("taskflows-web.service".to_owned(), text.to_owned())].into(),
    /// };
    /// let plan = Plan::between(&[web("new")], &[web("old")], |a, b| a == b);
    /// assert!(matches!(plan.steps[0].change, Change::Update(_)));
    /// ```
    pub fn between(
        desired: &[UnitFiles],
        installed: &[UnitFiles],
        same: impl Fn(&str, &str) -> bool,
    ) -> Self {
        let present: BTreeMap<_, _> = installed.iter().map(|units| (&units.name, &units.files)).collect();
        let step = |units: &UnitFiles| {
            let change = match present.get(&units.name) {
                None => Change::Create(differences(&BTreeMap::new(), &units.files, &same)),
                Some(before) => match differences(before, &units.files, &same) {
                    changes if changes.is_empty() => Change::Unchanged,
                    changes => Change::Update(changes),
                },
            };
            Step::new(&units.name, change)
        };
        Self { steps: desired.iter().map(step).collect(), unasked: None, left_behind: Vec::new() }
    }

    /// Notes which files were changed by hand, as `is_edited` tells from a file's text.
    #[must_use]
    pub fn with_edits(mut self, is_edited: impl Fn(&str) -> bool) -> Self {
        for step in &mut self.steps {
            if let Change::Create(files) | Change::Update(files) | Change::Remove(files) = &mut step.change {
                for file in files {
                    file.is_edited = file.before.as_deref().is_some_and(&is_edited);
                }
            }
        }
        self
    }

    /// Returns the names of the files that were changed by hand and would be written over or removed.
    pub fn edited(&self) -> Vec<String> {
        self.steps.iter().flat_map(Step::edited).map(str::to_owned).collect()
    }

    /// Adds the removal of what is `leaving`, after all other steps.
    #[must_use]
    pub fn with_removal(mut self, leaving: &[UnitFiles]) -> Self {
        self.steps.extend(Self::removal(leaving).steps);
        self
    }

    /// Plans the removal of what is `installed`.
    pub fn removal(installed: &[UnitFiles]) -> Self {
        let step = |units: &UnitFiles| {
            let changes = differences(&units.files, &BTreeMap::new(), &|_, _| false);
            Step::new(&units.name, Change::Remove(changes))
        };
        Self { steps: installed.iter().map(step).collect(), unasked: None, left_behind: Vec::new() }
    }

    /// Tells whether nothing would change.
    pub fn is_empty(&self) -> bool {
        self.steps.iter().all(|step| step.change == Change::Unchanged)
    }

    /// Iterates over every file that would change.
    pub fn files(&self) -> impl Iterator<Item = &FileChange> {
        self.steps.iter().flat_map(|step| step.change.files())
    }
}

impl Change {
    /// Returns the files that would change.
    pub fn files(&self) -> &[FileChange] {
        match self {
            Self::Create(files) | Self::Update(files) | Self::Remove(files) => files,
            Self::Unchanged => &[],
        }
    }

    /// Returns one word for it: `create`, `update`, `remove`, `unchanged`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Create(_) => "create",
            Self::Update(_) => "update",
            Self::Remove(_) => "remove",
            Self::Unchanged => "unchanged",
        }
    }
}

fn differences(
    before: &BTreeMap<String, String>,
    after: &BTreeMap<String, String>,
    same: &impl Fn(&str, &str) -> bool,
) -> Vec<FileChange> {
    let change = |file: &String, before: Option<&String>, after: Option<&String>| FileChange {
        file: file.clone(),
        before: before.cloned(),
        after: after.cloned(),
        is_edited: false,
    };
    let kept = after.iter().filter_map(|(file, text)| match before.get(file) {
        Some(old) if same(old, text) => None,
        old => Some(change(file, old, Some(text))),
    });
    let gone = before.iter().filter(|(file, _)| !after.contains_key(*file));
    kept.chain(gone.map(|(file, text)| change(file, Some(text), None))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(name: &str, files: &[(&str, &str)]) -> UnitFiles {
        let files = files.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())).collect();
        UnitFiles { name: name.parse().unwrap(), files }
    }

    fn changed(change: &Change) -> Vec<&str> {
        change.files().iter().map(|file| file.file.as_str()).collect()
    }

    #[test]
    fn only_what_differs_is_in_the_plan() {
        let installed =
            [units("a", &[("a.service", "1"), ("a.timer", "1")]), units("b", &[("b.service", "1")])];
        let desired =
            [units("a", &[("a.service", "1"), ("a.timer", "2")]), units("b", &[("b.service", "1")])];
        let plan = Plan::between(&desired, &installed, |a, b| a == b);
        assert_eq!(changed(&plan.steps[0].change), ["a.timer"]);
        assert_eq!(plan.steps[1].change, Change::Unchanged);
        assert!(!plan.is_empty() && plan.files().count() == 1);
    }

    #[test]
    fn a_file_that_is_no_longer_wanted_goes() {
        let installed = [units("a", &[("a.service", "1"), ("a.timer", "1")])];
        let plan = Plan::between(&[units("a", &[("a.service", "1")])], &installed, |a, b| a == b);
        assert_eq!(plan.steps[0].change.files()[0].after, None);
    }

    #[test]
    fn what_is_installed_but_not_desired_stays() {
        let plan = Plan::between(&[], &[units("a", &[("a.service", "1")])], |a, b| a == b);
        assert!(plan.is_empty() && plan.steps.is_empty());
    }

    #[test]
    fn a_removal_takes_every_file() {
        let plan = Plan::removal(&[units("a", &[("a.service", "1"), ("a.timer", "1")])]);
        assert_eq!(changed(&plan.steps[0].change), ["a.service", "a.timer"]);
        assert_eq!(plan.steps[0].change.word(), "remove");
    }
}
