//! Sessions and tokens of who may ask the API, and tries to log in.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};
use taskflows_security::{
    ApiToken, KNOWN_FOR, KeptError, MAKE_ROOM, MOST_SESSIONS, MOST_TRIED, REMEMBERED, Rotation, Session,
    SessionStore, TOKEN_USE_STEP, ThrottleStore, TokenDigest, TokenStore, Tries, TryKey, WentWell, is_moment,
    refresh_digest,
};

use crate::Store;

impl Store {
    /// Does all of something or none of it, so that it survives a loss of power: a session that was ended stays ended.
    fn keep<T>(
        &self,
        operation: &str,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, KeptError> {
        let mut connection = self.connection();
        let write = || {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = work(&transaction)?;
            transaction.commit()?;
            Ok(done)
        };
        write().map_err(|error| self.kept_error(operation, error))
    }

    fn look<T>(
        &self,
        operation: &str,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, KeptError> {
        work(&self.connection()).map_err(|error| self.kept_error(operation, error))
    }

    fn kept_error(&self, operation: &str, error: rusqlite::Error) -> KeptError {
        KeptError::failed(format!("{operation} `{}`", self.path().display()), error)
    }
}

fn change(connection: &Connection, sql: &str, values: impl rusqlite::Params) -> rusqlite::Result<usize> {
    connection.prepare_cached(sql)?.execute(values)
}

/// Returns the second at which something ends, no earlier than it does.
fn end(at: Timestamp) -> i64 {
    at.as_second().saturating_add(i64::from(at.subsec_nanosecond() > 0))
}

impl SessionStore for Store {
    fn open(&self, session: &Session, now: Timestamp) -> Result<(), KeptError> {
        self.keep("keep a session in", |connection| {
            change(connection, "DELETE FROM login_session WHERE expires <= ?1", [now.as_second()])?;
            let sql = "DELETE FROM login_session WHERE family IN (
                SELECT family FROM login_session WHERE user = ?1 ORDER BY expires DESC, rowid DESC LIMIT -1 OFFSET ?2)";
            let others = i64::try_from(MOST_SESSIONS - 1).unwrap_or(i64::MAX);
            change(connection, sql, params![session.user, others])?;
            let sql = "INSERT INTO login_session (family, user, refresh, expires) VALUES (?1, ?2, ?3, ?4)";
            let refresh = refresh_digest(&session.refresh);
            change(connection, sql, params![session.family, session.user, refresh, end(session.expires)])?;
            Ok(())
        })
    }

    fn rotate(&self, used: &str, next: &Session, now: Timestamp) -> Result<Rotation, KeptError> {
        self.keep("renew a session in", |connection| {
            let sql =
                "SELECT refresh, expires FROM login_session WHERE family = ?1 AND user = ?2 AND expires > ?3";
            let kept: Option<([u8; 32], i64)> = connection
                .prepare_cached(sql)?
                .query_row(params![next.family, next.user, now.as_second()], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })
                .optional()?;
            let Some((kept, expires)) = kept else { return Ok(Rotation::Over) };
            let refresh = refresh_digest(&next.refresh);
            if kept == refresh_digest(used) {
                let sql = "UPDATE login_session SET refresh = ?2, expires = ?3 WHERE family = ?1";
                change(connection, sql, params![next.family, refresh, end(next.expires)])?;
            } else if kept != refresh || !is_moment(end(next.expires).saturating_sub(expires)) {
                change(connection, "DELETE FROM login_session WHERE family = ?1", [&next.family])?;
                return Ok(Rotation::Reused);
            }
            Ok(Rotation::Rotated)
        })
    }

    fn revoke(&self, family: &str) -> Result<(), KeptError> {
        self.keep("end a session in", |connection| {
            change(connection, "DELETE FROM login_session WHERE family = ?1", [family]).map(|_| ())
        })
    }

    fn revoke_user(&self, user: &str) -> Result<usize, KeptError> {
        self.keep("end sessions in", |connection| {
            change(connection, "DELETE FROM login_session WHERE user = ?1", [user])
        })
    }

    fn is_live(&self, family: &str, user: &str, now: Timestamp) -> Result<bool, KeptError> {
        self.look("read sessions of", |connection| {
            let sql = "SELECT 1 FROM login_session WHERE family = ?1 AND user = ?2 AND expires > ?3";
            connection.prepare_cached(sql)?.exists(params![family, user, now.as_second()])
        })
    }
}

const TOKEN: &str = "SELECT name, role, created, last_used, expires FROM api_token";

fn moment(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Timestamp>> {
    let wrong = |error| conversion(column, error);
    row.get::<_, Option<i64>>(column)?.map(Timestamp::from_second).transpose().map_err(wrong)
}

fn conversion(column: usize, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
}

fn token(row: &Row<'_>) -> rusqlite::Result<ApiToken> {
    let role: String = row.get(1)?;
    Ok(ApiToken {
        name: row.get(0)?,
        role: role.parse().map_err(|error| conversion(1, error))?,
        created: moment(row, 2)?.unwrap_or(Timestamp::UNIX_EPOCH),
        last_used: moment(row, 3)?,
        expires: moment(row, 4)?,
    })
}

impl TokenStore for Store {
    fn add(&self, token: &ApiToken, digest: TokenDigest) -> Result<(), KeptError> {
        let added = self.keep("keep a token in", |connection| {
            let sql =
                "INSERT INTO api_token (name, digest, role, created, expires) VALUES (?1, ?2, ?3, ?4, ?5)
                ON CONFLICT (name) DO NOTHING";
            let (created, expires) = (token.created.as_second(), token.expires.map(end));
            let role = token.role.as_str();
            change(connection, sql, params![token.name, digest.as_bytes(), role, created, expires])
        })?;
        match added {
            0 => Err(KeptError::Exists { what: "token", name: token.name.clone() }),
            _ => Ok(()),
        }
    }

    fn list(&self) -> Result<Vec<ApiToken>, KeptError> {
        self.look("read tokens of", |connection| {
            let mut statement = connection.prepare_cached(&format!("{TOKEN} ORDER BY name"))?;
            statement.query_map([], token)?.collect()
        })
    }

    fn remove(&self, name: &str) -> Result<(), KeptError> {
        let removed = self.keep("remove a token from", |connection| {
            change(connection, "DELETE FROM api_token WHERE name = ?1", [name])
        })?;
        match removed {
            0 => Err(KeptError::NotFound { what: "token", name: name.to_owned() }),
            _ => Ok(()),
        }
    }

    fn use_token(&self, digest: TokenDigest, now: Timestamp) -> Result<Option<ApiToken>, KeptError> {
        let found = self.look("read tokens of", |connection| {
            let sql = format!("{TOKEN} WHERE digest = ?1 AND (expires IS NULL OR expires > ?2)");
            let mut statement = connection.prepare_cached(&sql)?;
            statement.query_row(params![digest.as_bytes(), now.as_second()], token).optional()
        })?;
        let Some(mut found) = found else { return Ok(None) };
        if found.last_used.is_none_or(|last| now.duration_since(last) >= TOKEN_USE_STEP) {
            let used = self.write_quickly("keep the use of a token in", |connection| {
                let sql = "UPDATE api_token SET last_used = ?2 WHERE digest = ?1";
                change(connection, sql, params![digest.as_bytes(), now.as_second()])
            });
            let used = used.map_err(|error| KeptError::failed("keep the use of a token", error))?;
            // Removed in between.
            if used == 0 {
                return Ok(None);
            }
            found.last_used = Timestamp::from_second(now.as_second()).ok();
        }
        Ok(Some(found))
    }
}

fn tries(connection: &Connection, key: TryKey) -> rusqlite::Result<Tries> {
    let sql = "SELECT count, last FROM login_try WHERE key = ?1";
    let row = |row: &Row<'_>| Ok(Tries { count: row.get(0)?, last: row.get(1)? });
    let known = connection.prepare_cached(sql)?.query_row([key.as_bytes()], row).optional()?;
    Ok(known.unwrap_or_default())
}

fn keep_tries(connection: &Connection, key: TryKey, tries: Tries) -> rusqlite::Result<()> {
    let sql = "INSERT INTO login_try (key, count, last) VALUES (?1, ?2, ?3)
        ON CONFLICT DO UPDATE SET count = excluded.count, last = excluded.last";
    change(connection, sql, params![key.as_bytes(), tries.count, tries.last]).map(|_| ())
}

/// Forgets those that are long past; else those with the fewest tries, of them the oldest: whoever fills the table with names
/// makes nobody's wait shorter.
fn make_room(connection: &Connection, now: Timestamp) -> rusqlite::Result<()> {
    let kept = || connection.query_row("SELECT tries FROM login_try_total", [], |row| row.get::<_, i64>(0));
    let most = i64::try_from(MOST_TRIED).unwrap_or(i64::MAX);
    if kept()? < most {
        return Ok(());
    }
    change(connection, "DELETE FROM login_try WHERE last <= ?1", [now.as_second() - REMEMBERED])?;
    let excess = kept()? + i64::try_from(MAKE_ROOM).unwrap_or(0) - most;
    let sql = "DELETE FROM login_try WHERE key IN (
        SELECT key FROM login_try ORDER BY count, last LIMIT max(?1, 0))";
    change(connection, sql, [excess]).map(|_| ())
}

impl ThrottleStore for Store {
    fn attempt(&self, keys: &[TryKey], now: Timestamp) -> Result<Option<SignedDuration>, KeptError> {
        // Without a wait for the disk: whoever guesses would make the disk wait for nothing else.
        let counted = self.write_quickly("count a try to log in in", |connection| {
            let mut known = Vec::with_capacity(keys.len());
            for key in keys {
                known.push((*key, tries(connection, *key)?));
            }
            let wait = known.iter().filter_map(|(_, tries)| tries.wait(now)).max();
            if wait.is_none() {
                make_room(connection, now)?;
                for (key, tries) in known {
                    keep_tries(connection, key, tries.tried(now))?;
                }
            }
            Ok(wait)
        });
        counted.map_err(|error| KeptError::failed("count a try to log in", error))
    }

    fn succeeded(&self, done: &WentWell, now: Timestamp) -> Result<(), KeptError> {
        let kept = self.write_quickly("keep a login in", |connection| {
            if let Some(account) = done.account {
                change(connection, "DELETE FROM login_try WHERE key = ?1", [account.as_bytes()])?;
            }
            keep_tries(connection, done.address, tries(connection, done.address)?.taken_back())?;
            let now = now.as_second();
            change(connection, "DELETE FROM login_known WHERE last <= ?1", [now - KNOWN_FOR])?;
            let sql = "INSERT OR REPLACE INTO login_known (key, last) VALUES (?1, ?2)";
            change(connection, sql, params![done.login.as_bytes(), now]).map(|_| ())
        });
        kept.map_err(|error| KeptError::failed("keep a login", error))
    }

    fn is_known(&self, login: TryKey, now: Timestamp) -> Result<bool, KeptError> {
        self.look("read logins of", |connection| {
            let sql = "SELECT 1 FROM login_known WHERE key = ?1 AND last > ?2";
            let since = now.as_second() - KNOWN_FOR;
            connection.prepare_cached(sql)?.exists(params![login.as_bytes(), since])
        })
    }
}
