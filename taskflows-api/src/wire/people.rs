use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use taskflows_security::{ApiToken, Person, Role};
use utoipa::ToSchema;
use zeroize::Zeroizing;

/// A password on its way. It is not shown, and wiped when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// Takes a password as it was typed.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// Returns it to who must look at it.
    #[must_use]
    pub fn into_inner(self) -> Zeroizing<String> {
        self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

impl Serialize for Password {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Password {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from).map(Self::new)
    }
}

/// Who logs in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginRequest {
    /// What they call themselves.
    pub username: String,
    /// Their password.
    #[schema(value_type = String, format = Password)]
    pub password: Password,
    /// Whether the tokens are handed over in cookies, which no script sees, as a web page wants them; else they are in the
    /// answer, for `Authorization: Bearer`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cookies: bool,
}

/// What who logged in asks with. Who asked for cookies has the tokens there, and not here.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LoginAnswer {
    /// For `Authorization: Bearer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_token: Option<String>,
    /// For `/auth/refresh`, once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// `bearer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_type: Option<String>,
    /// How long the access token may be used, in seconds.
    pub expires_in: i64,
    /// For the header `X-CSRF-Token` of changes that come with a cookie.
    pub csrf_token: String,
    /// How long that may be used, in seconds, unless the session ends before.
    pub csrf_expires_in: i64,
}

impl fmt::Debug for LoginAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginAnswer").field("expires_in", &self.expires_in).finish_non_exhaustive()
    }
}

/// Who wants new tokens.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefreshRequest {
    /// The refresh token; the answer then holds the next. Where this is missing it is that of the cookie, and so is the next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub refresh_token: Option<Password>,
}

impl fmt::Debug for RefreshRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshRequest").finish_non_exhaustive()
    }
}

/// A thing that was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Done {
    /// What was done.
    pub message: String,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Me {
    /// As the audit log calls them.
    pub name: String,
    /// What they may do.
    #[schema(value_type = RoleName)]
    pub role: Role,
    /// For the header `X-CSRF-Token`, where they came with a cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub csrf_token: Option<String>,
}

/// What somebody may do; each may all that those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum RoleName {
    /// Looks.
    Viewer,
    /// Starts and stops, and answers alerts.
    Operator,
    /// Changes everything.
    Admin,
}

/// Somebody who may log in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PersonEntry {
    /// What they call themselves.
    pub username: String,
    /// What they may do.
    #[schema(value_type = RoleName)]
    pub role: Role,
    /// When they were added.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When they last logged in.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_login: Option<Timestamp>,
}

impl From<&Person> for PersonEntry {
    fn from(person: &Person) -> Self {
        Self {
            username: person.name.to_string(),
            role: person.role,
            created_at: person.created_at,
            last_login: person.last_login,
        }
    }
}

/// Somebody new.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPerson {
    /// What they call themselves: 1 to 64 of `A-Z a-z 0-9 . _ @ + -`, the first a letter or a digit.
    pub username: String,
    /// 12 characters or more, and none that is guessed first.
    #[schema(value_type = String, format = Password)]
    pub password: Password,
    /// What they may do.
    #[schema(value_type = RoleName)]
    pub role: Role,
}

/// What is to be otherwise with somebody. Their sessions end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonChange {
    /// Their new password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Password)]
    pub password: Option<Password>,
    /// What they may do from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<RoleName>)]
    pub role: Option<Role>,
}

/// A token of a machine, as it is listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenEntry {
    /// Its name.
    pub name: String,
    /// What may be done with it.
    #[schema(value_type = RoleName)]
    pub role: Role,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created: Timestamp,
    /// When it was last used, to the minute.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_used: Option<Timestamp>,
    /// When it ends; never where this is missing.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires: Option<Timestamp>,
}

impl From<ApiToken> for TokenEntry {
    fn from(token: ApiToken) -> Self {
        let ApiToken { name, role, created, last_used, expires } = token;
        Self { name, role, created, last_used, expires }
    }
}

impl From<TokenEntry> for ApiToken {
    fn from(entry: TokenEntry) -> Self {
        let TokenEntry { name, role, created, last_used, expires } = entry;
        Self { name, role, created, last_used, expires }
    }
}

/// A new token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What it is called, in the form of a user name.
    pub name: String,
    /// What may be done with it.
    #[schema(value_type = RoleName)]
    pub role: Role,
    /// When it ends; never where this is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires: Option<Timestamp>,
}

/// A token that was made. It is shown this once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenMade {
    /// For `Authorization: Bearer`.
    pub token: String,
    /// As it is listed from now on.
    pub entry: TokenEntry,
}

impl fmt::Debug for TokenMade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenMade").field("entry", &self.entry).finish_non_exhaustive()
    }
}
