use jiff::SignedDuration;
use taskflows_alerts::SendOn;
use taskflows_alerts::incident::{Silence, silence as keep, unsilence as end};

use super::actor;
use crate::alerting::AlertDesk;
use crate::arguments::SilenceArguments;
use crate::error::chain;
use crate::{App, CliError, Exit, Ui, show};

pub(super) fn silence(ui: &mut Ui<'_>, app: &App, arguments: &SilenceArguments) -> Result<Exit, CliError> {
    let now = (app.now)();
    let span = SignedDuration::try_from(arguments.span.duration()).ok();
    let until = span.and_then(|span| now.checked_add(span).ok());
    let until = until.ok_or_else(|| {
        CliError::new(Exit::Usage, "a silence that long never ends")
            .hint("to be told of nothing, leave `alerts` out")
    })?;
    let kinds: Result<Vec<SendOn>, _> = arguments.kinds.iter().map(|word| word.parse()).collect();
    let kinds = kinds.map_err(|error| CliError::new(Exit::Usage, error.to_string()))?;
    let silence = Silence {
        subject: arguments.name.to_string(),
        host: "*".to_owned(),
        kinds,
        until,
        by: actor(app, arguments.by.as_ref()),
        comment: arguments.comment.clone(),
    };
    let desk = AlertDesk::open(&app.data_directory)?;
    let kept = keep(&desk.store()?, &silence);
    let number = kept.map_err(|error| CliError::new(Exit::Failed, chain(&error)))?;
    let until = show::full(until, &app.display);
    ui.remark(format!("Silence {number}: {} until {until}.", silence.subject));
    Ok(Exit::Ok)
}

pub(super) fn unsilence(ui: &mut Ui<'_>, app: &App, number: i64) -> Result<Exit, CliError> {
    let desk = AlertDesk::open(&app.data_directory)?;
    let store = desk.store()?;
    let now = (app.now)();
    if !end(&store, number, now).map_err(|error| CliError::new(Exit::Failed, chain(&error)))? {
        return Err(CliError::new(Exit::NoSuchService, format!("there is no silence {number}"))
            .hint("`tf alert list --silences` shows those there are"));
    }
    desk.wake_if_due(&store, now)?;
    ui.remark(format!("Silence {number} is over; what it held back is told."));
    Ok(Exit::Ok)
}
