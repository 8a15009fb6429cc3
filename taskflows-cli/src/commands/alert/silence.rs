use jiff::SignedDuration;
use taskflows_api::wire::SilenceBody;

use super::actor;
use crate::arguments::SilenceArguments;
use crate::{App, CliError, Exit, Ui, show};

pub(super) async fn silence(
    ui: &mut Ui<'_>,
    app: &App,
    arguments: &SilenceArguments,
) -> Result<Exit, CliError> {
    let span = arguments.span.duration();
    let until = SignedDuration::try_from(span).ok().and_then(|span| (app.now)().checked_add(span).ok());
    if until.is_none() {
        return Err(CliError::new(Exit::Usage, "a silence that long never ends")
            .hint("to be told of nothing, leave `alerts` out"));
    }
    let body = SilenceBody {
        name: arguments.name.to_string(),
        seconds: span.as_secs_f64(),
        kinds: arguments.kinds.clone(),
        comment: arguments.comment.clone(),
        who: Some(actor(app, arguments.by.as_ref())),
    };
    let silence = app.desk().silence(&body).await?;
    let until = show::full(silence.until, &app.display);
    ui.remark(format!("Silence {}: {} until {until}.", silence.number, body.name));
    Ok(Exit::Ok)
}

pub(super) async fn unsilence(ui: &mut Ui<'_>, app: &App, number: i64) -> Result<Exit, CliError> {
    app.desk().unsilence(number).await?;
    ui.remark(format!("Silence {number} is over; what it held back is told."));
    Ok(Exit::Ok)
}
