use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use taskflows_api::server::{Validity, validity};
use taskflows_core::inspect::{Finding, Severity};

use super::place::{self, Place};
use crate::{App, show};

/// From so long before its end on, a certificate is told of, unless a third of its time is less.
const NOTICE: SignedDuration = SignedDuration::from_hours(14 * 24);

/// What is wrong with when a certificate holds.
pub(super) struct Trouble {
    file: String,
    validity: Validity,
    now: Timestamp,
}

impl Trouble {
    /// Tells whether clients refuse the certificate now.
    fn is_refused(&self) -> bool {
        !self.validity.holds(self.now)
    }

    /// Says it, without a full stop.
    pub(super) fn text(&self, zone: &TimeZone) -> String {
        format!("the certificate `{}` {}", self.file, self.what(zone))
    }

    fn what(&self, zone: &TimeZone) -> String {
        let Validity { from, until } = self.validity;
        let at = |time| show::full(time, zone);
        match () {
            () if self.now < from => format!("holds only from {} on, so that clients refuse it", at(from)),
            () if self.is_refused() => format!("expired at {}, so that clients refuse it", at(until)),
            () => format!("expires at {}", at(until)),
        }
    }
}

/// Looks whether the certificate of a server holds, and for how long; `None` where all is well, there is none, or its
/// server could not read it either.
pub(super) fn trouble(place: &Place, now: Timestamp) -> Option<Trouble> {
    let (file, _) = place.tls.as_ref()?;
    let validity = validity(file).ok()?;
    let third = validity.until.duration_since(validity.from) / 3;
    let is_well = validity.holds(now) && validity.until.duration_since(now) > NOTICE.min(third);
    (!is_well).then(|| Trouble { file: file.display().to_string(), validity, now })
}

/// Returns until when the certificate of a server holds.
pub(super) fn expires(place: &Place) -> Option<Timestamp> {
    place.tls.as_ref().and_then(|(file, _)| validity(file).ok()).map(|validity| validity.until)
}

/// Judges the certificate of the API of this host, where it has one.
pub(crate) async fn judge(app: &App) -> Option<Finding> {
    // Where the unit or the certificate cannot be read, the server does not run, which others tell of.
    let place = place::place(app).await.ok().flatten()?;
    let (file, _) = place.tls.as_ref()?;
    let until = expires(&place)?;
    let finding = |severity, message| Finding {
        severity,
        check: "certificate",
        subject: file.display().to_string(),
        message,
        remedy: None,
    };
    let Some(trouble) = trouble(&place, (app.now)()) else {
        return Some(finding(Severity::Ok, format!("holds until {}", show::full(until, &app.display))));
    };
    let severity = if trouble.is_refused() { Severity::Error } else { Severity::Warning };
    let remedy = "put a new one, and its key, in its place: the API reads them within 30 s";
    Some(Finding { remedy: Some(remedy.to_owned()), ..finding(severity, trouble.what(&app.display)) })
}
