//! systemd's catalogue of messages about units, sd-messages.h.

pub(super) const STARTING: &str = "7d4958e842da4a758f6c1cdc7b36dcc5";
pub(super) const STARTED: &str = "39f53479d3a045ac8e11786248231fbf";
pub(super) const STOPPING: &str = "de5b426a63be47a7b6ac3eaac82e2f6f";
pub(super) const STOPPED: &str = "9d1aaa27d60140bd96365438aad20286";
pub(super) const NOT_STARTED: &str = "be02cf6855d2428ba40df7e9d022f03d";
pub(super) const RESTARTING: &str = "5eb03494b6584870a536b337290809b3";
pub(super) const PROCESS_EXIT: &str = "98e322203f7a4ed290d09fe03c09fe15";
pub(super) const SUCCESS: &str = "7ad2d189f7e94e70a38c781354912448";
pub(super) const FAILURE: &str = "d9b373ed55a64feb8242e02dbe79a49c";
pub(super) const SKIPPED: &str = "0e4284a0caca4bfc81c0bb6786972673";

/// A user's manager is up.
pub(super) const USER_STARTUP: &str = "eed00a68ffd84e31882105fd973abdd1";

/// The machine is up.
pub(super) const STARTUP: &str = "b07a249cd024414a82dd00cd181378ff";

/// The machine went to sleep, and woke.
pub(super) const ASLEEP: &str = "6bbd95ee977941e497c48be27c254128";
pub(super) const AWAKE: &str = "8811e6df2a8e40f58a94cea26f8ebf14";

/// What tells of runs.
pub(super) const OF_RUNS: [&str; 6] = [STARTING, STARTED, PROCESS_EXIT, SUCCESS, FAILURE, SKIPPED];

/// Tells whether a message says that a condition prevented a start, which systemd 252 gives the id of a start.
///
/// Of a unit's condition it is all that is said: `x.service was skipped because of an unmet condition check (…)`. After
/// a failed `ExecCondition=` it follows the message of [`SKIPPED`].
pub(super) fn is_skip(text: &str) -> bool {
    text.contains(" was skipped because ")
        || text.starts_with("Condition check resulted in ") && text.ends_with(" being skipped.")
}
