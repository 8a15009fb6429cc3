use std::ops::Range;
use std::sync::Arc;

use super::fields::{MOST_PROBLEMS, Reader, add};
use crate::alerting::GroupName;
use crate::definition::problem::{DefinitionError, Problem};
use crate::definition::source::Source;
use crate::{ServiceName, nearest};

/// The name of a group of alerts that a definition does not define, so that the host is to keep it.
#[derive(Clone, Debug)]
pub struct AlertGroupUse {
    service: Option<ServiceName>,
    name: GroupName,
    /// What to say where it is not kept either.
    problem: Problem,
    source: Arc<Source>,
}

impl AlertGroupUse {
    pub(super) fn new(
        service: Option<&ServiceName>,
        name: &GroupName,
        reader: &Reader<'_>,
        span: Range<usize>,
        source: &Arc<Source>,
    ) -> Self {
        let problem = Problem::error(format!("there is no alert group `{name}`"), span, "");
        Self {
            service: service.cloned(),
            name: name.clone(),
            problem: reader.told.expansions.hide(problem),
            source: Arc::clone(source),
        }
    }

    /// Returns the service that names it; `None` where another group does.
    pub fn service(&self) -> Option<&ServiceName> {
        self.service.as_ref()
    }

    /// Returns the name.
    pub fn name(&self) -> &GroupName {
        &self.name
    }

    /// Looks for what is named among the groups that are `known`: those that other definitions define and those
    /// that a host keeps.
    ///
    /// # Errors
    /// Tells where a name stands that none has, up to twenty of them, with the nearest that is known.
    pub fn check<'k>(
        uses: &[Self],
        known: impl IntoIterator<Item = &'k GroupName>,
    ) -> Result<(), DefinitionError> {
        let known: Vec<&GroupName> = known.into_iter().collect();
        let mut problems = Vec::new();
        for one in uses.iter().filter(|one| !known.contains(&&one.name)) {
            if problems.len() == MOST_PROBLEMS {
                break;
            }
            add(&mut problems, one.missing(&known));
        }
        if problems.is_empty() { Ok(()) } else { Err(DefinitionError::new(problems)) }
    }

    fn missing(&self, known: &[&GroupName]) -> Problem {
        let help = match nearest(self.name.as_str(), known.iter().map(|name| name.as_str())) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "name one of `[alerts.NAME]`, or one that this host keeps".to_owned(),
        };
        self.problem.clone().help(help).locate(&self.source)
    }
}
