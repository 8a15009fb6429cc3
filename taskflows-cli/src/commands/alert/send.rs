use taskflows_alerts::outbox::Outbox;

use crate::alerting::{AlertDesk, Sender};
use crate::arguments::AlertSendArguments;
use crate::error::chain;
use crate::{App, CliError, Exit, Ui};

pub(super) async fn send(
    ui: &mut Ui<'_>,
    app: &App,
    arguments: &AlertSendArguments,
) -> Result<Exit, CliError> {
    let mut sender = Sender::open(app)?;
    let report = sender.send(&*app.variable, arguments.patience.duration(), arguments.linger).await?;
    for trouble in &report.troubles {
        ui.remark(format!("note: {trouble}"));
    }
    let drained = &report.drained;
    let waiting: u64 = drained.waiting.values().map(|waiting| waiting.messages).sum();
    ui.remark(match (drained.sent, waiting) {
        (0, 0) => "Nothing waits.".to_owned(),
        (sent, 0) => format!("Sent {sent}."),
        (sent, waiting) => format!("Sent {sent}; {waiting} wait."),
    });
    if drained.undelivered > 0 {
        ui.remark(format!(
            "{} could not be delivered; `tf alert list --channels` says why",
            drained.undelivered
        ));
        return Ok(Exit::Partial);
    }
    Ok(Exit::Ok)
}

pub(super) fn retry(ui: &mut Ui<'_>, app: &App, channel: &str) -> Result<Exit, CliError> {
    let desk = AlertDesk::open(&app.data_directory)?;
    let (store, now) = (desk.store()?, (app.now)());
    let failed = |error| CliError::new(Exit::Failed, chain(&error));
    if !store.channels().map_err(failed)?.iter().any(|status| status.channel == channel) {
        return Err(CliError::new(
            Exit::NoSuchService,
            format!("nothing was ever sent to a channel `{channel}`"),
        )
        .hint("`tf alert list --channels` shows those there are"));
    }
    let again = store.requeue(channel, now).map_err(failed)?;
    desk.wake_if_due(&store, now)?;
    ui.remark(match again {
        0 => format!("Nothing of {channel} is kept that could be sent again."),
        many => format!("Queued {many} for {channel} again."),
    });
    Ok(Exit::Ok)
}
