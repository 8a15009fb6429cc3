use std::path::PathBuf;

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use jiff::Timestamp;
use taskflows_core::effects::{
    Conda, Engine, HostProbe, Inspector, ServiceError, ServiceWatch, StateChange, StateFeed, ToolError,
    Toolbox,
};
use taskflows_core::inspect::{Evidence, HostFacts, JournalFacts, Questions, Silence, Survey};
use taskflows_core::monitor::{CloserLook, MonitorFacts};
use taskflows_core::{EngineName, ServiceName, UnitPath};

use crate::{CliError, Exit, MonitorSink, Told};

/// What no other server is asked: commands that need it work on their own host alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unasked;

const REMEDY: &str = "run the command there";

fn unasked() -> ServiceError {
    ServiceError::Refused {
        operation: "look that deep into another server".to_owned(),
        reason: "only a command that runs there can".to_owned(),
    }
}

#[async_trait]
impl Inspector for Unasked {
    async fn survey(&self) -> Survey {
        let reason = "only a command that runs there can look that deep".to_owned();
        Survey {
            is_user_scope: false,
            manager: Err(Silence { reason: reason.clone(), is_absent: false }),
            units: Err(reason),
            unit_directory: PathBuf::new(),
            state_directory: PathBuf::new(),
            is_interrupted: false,
            journal: JournalFacts::default(),
        }
    }

    async fn evidence(&self, _: &ServiceName, _: Option<Timestamp>) -> Result<Evidence, ServiceError> {
        Err(unasked())
    }
}

impl StateFeed for Unasked {
    fn watch(&self) -> BoxStream<'static, Result<StateChange, ServiceError>> {
        stream::once(async { Err(unasked()) }).boxed()
    }
}

#[async_trait]
impl HostProbe for Unasked {
    async fn look(&self, _: &Questions) -> HostFacts {
        HostFacts::default()
    }
}

#[async_trait]
impl ServiceWatch for Unasked {
    async fn glance(&self) -> Result<MonitorFacts, ServiceError> {
        Err(unasked())
    }

    async fn look_closer(&self, _: &[ServiceName]) -> Result<Vec<CloserLook>, ServiceError> {
        Err(unasked())
    }
}

#[async_trait]
impl MonitorSink for Unasked {
    async fn report(&self, _: &[Told], _: Timestamp) -> Result<(), CliError> {
        Err(CliError::new(Exit::Failed, "what a monitor finds stays on its host").hint(REMEDY))
    }
}

impl Toolbox for Unasked {
    fn engine(&self, _: Option<&EngineName>, _: Option<&str>) -> Result<Engine, ToolError> {
        Err(ToolError::missing("programs of another server are not looked for", REMEDY))
    }

    fn conda(&self, _: Option<&UnitPath>) -> Result<Conda, ToolError> {
        Err(ToolError::missing("programs of another server are not looked for", REMEDY))
    }

    fn uv(&self) -> Result<String, ToolError> {
        Err(ToolError::missing("programs of another server are not looked for", REMEDY))
    }
}
