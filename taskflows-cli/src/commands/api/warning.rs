//! What a server without signed requests lets in, told at its start.

use crate::commands::security::security_file;
use crate::{App, CliError, Ui};

/// Says who is let in where requests are not signed, and what ends that.
pub(super) fn warn_of_unsigned(ui: &mut Ui<'_>, app: &App) -> Result<(), CliError> {
    let settings = match security_file(app)?.load() {
        Ok(settings) => settings,
        Err(error) if error.is_not_found() => Default::default(),
        Err(error) => return Err(error.into()),
    };
    if let Some(text) = text(settings.enable_hmac, settings.secret.is_some()) {
        ui.remark(text);
    }
    Ok(())
}

fn text(must_sign: bool, has_secret: bool) -> Option<&'static str> {
    match (must_sign, has_secret) {
        (true, true) => None,
        (true, false) => Some(
            "warning: there is no secret, so no request can be signed: only people who log in and machines with \
             tokens are let in. `tf security setup` makes the secret",
        ),
        (false, _) => Some(
            "warning: requests need no signature: every program that runs as this user on this host can change \
             its services over the API. `tf security setup` ends that",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_opens_is_told_with_what_closes_it() {
        assert_eq!(text(true, true), None);
        let cases = [((true, false), "no request can be signed"), ((false, true), "every program")];
        for ((must_sign, has_secret), told) in cases.into_iter().chain([((false, false), "every program")]) {
            let text = text(must_sign, has_secret).unwrap();
            assert!(text.contains(told) && text.contains("`tf security setup`"), "{text}");
        }
    }
}
