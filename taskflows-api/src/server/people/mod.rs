//! People who log in and machines with tokens: who they are, and how they come in.

mod authority;
mod channel;
mod cookies;
mod extract;
mod login;

pub use authority::PeopleAuthority;
pub(super) use authority::family_of;
pub(super) use channel::{check_private, check_site};
pub(super) use cookies::{Cookies, ended};
pub(super) use extract::{Body, Path, Peer};
pub(super) use login::{
    Handed, Login, beside, digest, failed, invalid, log_in, refresh, told, without_cookies,
};
