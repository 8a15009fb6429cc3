//! People who log in and machines with tokens: who they are, and how they come in.

mod authority;
mod channel;
mod cookies;
mod extract;
mod issued;
mod login;
mod work;

pub use authority::PeopleAuthority;
pub(super) use authority::family_of;
pub(super) use channel::{Asker, check_private, check_site};
pub(super) use cookies::{Cookies, ended};
pub(super) use extract::{Body, Peer};
pub(super) use issued::Handed;
pub(super) use login::{Login, log_in, refresh};
pub(super) use work::{beside, digest, failed, invalid, told};
