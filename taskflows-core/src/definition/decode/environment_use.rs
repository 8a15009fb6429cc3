use std::ops::Range;
use std::sync::Arc;

use super::fields::{MOST_PROBLEMS, Reader, add};
use crate::definition::problem::{DefinitionError, Problem};
use crate::definition::source::Source;
use crate::effects::NamedEnvironment;
use crate::service::EnvironmentName;
use crate::{ServiceName, nearest};

/// A service's name of an environment that its definition does not define, so that the host is to keep it.
#[derive(Clone, Debug)]
pub struct EnvironmentUse {
    service: ServiceName,
    name: EnvironmentName,
    /// What to say where it is not kept either.
    problem: Problem,
    source: Arc<Source>,
    /// The environments that are defined.
    defined: Arc<[EnvironmentName]>,
}

impl EnvironmentUse {
    pub(super) fn new(
        (service, name): (&ServiceName, &EnvironmentName),
        reader: &Reader<'_>,
        span: Range<usize>,
        source: &Arc<Source>,
        defined: &Arc<[EnvironmentName]>,
    ) -> Self {
        let problem = Problem::error(format!("there is no environment `{name}`"), span, "");
        Self {
            service: service.clone(),
            name: name.clone(),
            problem: reader.told.expansions.hide(problem),
            source: Arc::clone(source),
            defined: Arc::clone(defined),
        }
    }

    /// Returns the service that names it.
    pub fn service(&self) -> &ServiceName {
        &self.service
    }

    /// Looks for what services name among the environments that a host keeps.
    ///
    /// # Errors
    /// Tells where a name stands that none has, up to twenty of them, with the nearest that is kept or defined.
    pub fn check(uses: &[Self], kept: &[NamedEnvironment]) -> Result<(), DefinitionError> {
        let mut problems = Vec::new();
        for one in uses.iter().filter(|one| kept.iter().all(|kept| kept.name != one.name)) {
            if problems.len() == MOST_PROBLEMS {
                break;
            }
            add(&mut problems, one.missing(kept));
        }
        if problems.is_empty() { Ok(()) } else { Err(DefinitionError::new(problems)) }
    }

    fn missing(&self, kept: &[NamedEnvironment]) -> Problem {
        let known = self.defined.iter().chain(kept.iter().map(|one| &one.name));
        let help = match nearest(self.name.as_str(), known.map(EnvironmentName::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "name one of `environments`, or one that this host keeps".to_owned(),
        };
        self.problem.clone().help(help).locate(&self.source)
    }
}
