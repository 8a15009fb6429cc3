use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use jiff::Timestamp;
use rustix::fs::{Mode, OFlags, open};

use super::{AuditError, AuditLog, AuditRecord, AuditResult, FILE, KEPT, STRANGERS, aside};

/// No record is longer, in bytes; what is, is none of ours.
const LONGEST_LINE: u64 = 1 << 16;

/// Which records are wanted.
#[derive(Clone, Debug, Default)]
pub struct AuditQuery {
    /// Those not before.
    pub since: Option<Timestamp>,
    /// Those of who this is, or says to be.
    pub who: Option<String>,
    /// Those in whose action this stands.
    pub action: Option<String>,
    /// Those that failed or were refused.
    pub failed: bool,
    /// At most so many, the newest.
    pub limit: Option<usize>,
}

impl AuditQuery {
    fn selects(&self, record: &AuditRecord) -> bool {
        let is = |name: &Option<String>, wanted: &String| name.as_ref() == Some(wanted);
        let is_part = |wanted: &String| record.action.contains(wanted.as_str());
        self.since.is_none_or(|since| record.time >= since)
            && self.who.as_ref().is_none_or(|who| is(&record.who, who) || is(&record.claimed, who))
            && self.action.as_ref().is_none_or(is_part)
            && (!self.failed || matches!(record.result, AuditResult::Failed | AuditResult::Refused))
    }
}

impl AuditLog {
    /// Returns records, the oldest first. A line that is no record, as one that was cut off, is passed over.
    ///
    /// # Errors
    /// When a file that is there cannot be read.
    pub fn read(&self, query: &AuditQuery) -> Result<Vec<AuditRecord>, AuditError> {
        let limit = query.limit.unwrap_or(usize::MAX);
        let mut found: Vec<AuditRecord> = Vec::new();
        for name in [FILE, STRANGERS] {
            let path = self.directory.join(name);
            let mut newest = VecDeque::new();
            for times in (0..=KEPT).rev() {
                let path = aside(&path, times);
                read_file(&path, query, limit, &mut newest).map_err(|source| AuditError {
                    operation: "read",
                    path,
                    source,
                })?;
            }
            found.extend(newest);
        }
        found.sort_by_key(|record| record.time);
        let older = found.len().saturating_sub(limit);
        found.drain(..older);
        Ok(found)
    }
}

fn read_file(
    path: &Path,
    query: &AuditQuery,
    limit: usize,
    newest: &mut VecDeque<AuditRecord>,
) -> io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match open(path, flags, Mode::empty()) {
        Err(rustix::io::Errno::NOENT) => return Ok(()),
        file => File::from(file?),
    };
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let mut line = Vec::new();
    loop {
        line.clear();
        if (&mut reader).take(LONGEST_LINE).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let Ok(record) = serde_json::from_slice::<AuditRecord>(&line) else { continue };
        if !query.selects(&record) {
            continue;
        }
        newest.push_back(record);
        if newest.len() > limit {
            newest.pop_front();
        }
    }
}
