//! What goes over the line, as JSON. Times are RFC 3339 in UTC, lengths of time seconds, sizes bytes.

mod health;
mod people;

pub use health::Health;
pub use people::{
    Done, LoginAnswer, LoginRequest, Me, NewPerson, NewToken, Password, PersonChange, PersonEntry,
    RefreshRequest, RoleName, TokenEntry, TokenMade,
};
