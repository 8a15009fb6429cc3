use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use super::spec::CalendarSpec;

const MICROSECOND: SignedDuration = SignedDuration::from_micros(1);

impl CalendarSpec {
    /// Returns the first elapse after `after`, to the microsecond; `None` where there is none any more.
    ///
    /// `zone` is the one the expression names, or the host's where it names none: see
    /// [`Zones::resolve`](super::Zones::resolve). A time that the clocks skip does not elapse; one that
    /// they show twice elapses the first time. Source: systemd.time(7).
    ///
    /// Steps that do not divide lead beyond the end of a field as they do for systemd: after 23:50,
    /// `*:0/25` elapses at 00:25, not at 00:00.
    ///
    /// ```
    /// use jiff::tz::TimeZone;
    /// use taskflows_core::schedule::CalendarSpec;
    ///
    /// let noon: CalendarSpec = "Mon 12:00".parse()?;
    /// let next = noon.next_after("2026-11-24T00:00:00Z".parse()?, &TimeZone::UTC);
    /// assert_eq!(next, Some("2026-11-30T12:00:00Z".parse()?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn next_after(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        self.upcoming(after, zone).next()
    }

    /// Returns the last elapse before `before`, to the microsecond; `None` where there was none since 1970.
    ///
    /// Zones and clock changes count as in [`next_after`](Self::next_after).
    ///
    /// ```
    /// use jiff::tz::TimeZone;
    /// use taskflows_core::schedule::CalendarSpec;
    ///
    /// let noon: CalendarSpec = "Mon 12:00".parse()?;
    /// let last = noon.previous_before("2026-11-24T00:00:00Z".parse()?, &TimeZone::UTC);
    /// assert_eq!(last, Some("2026-11-23T12:00:00Z".parse()?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn previous_before(&self, before: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let mut from = repeat_ends(before, zone).unwrap_or_else(|| zone.to_datetime(before));
        loop {
            let civil = self.search.before(from)?;
            match elapse(civil, zone)? {
                // Before 1970 there is no time for systemd.
                Elapse::At(found) => return Some(found).filter(|found| *found >= Timestamp::UNIX_EPOCH),
                Elapse::Skipped { from: begin, .. } => from = begin,
            }
        }
    }

    /// Iterates over the elapses after `after`, in order.
    pub fn upcoming(&self, after: Timestamp, zone: &TimeZone) -> impl Iterator<Item = Timestamp> {
        let start = match after < Timestamp::UNIX_EPOCH {
            true => Some(Timestamp::UNIX_EPOCH),
            false => Timestamp::from_microsecond(after.as_microsecond() + 1).ok(),
        };
        let mut last = None;
        std::iter::from_fn(move || {
            let civil = match last {
                None => self.search.at_or_after(zone.to_datetime(start?))?,
                Some(last) => self.search.after(last)?,
            };
            let (civil, found) = self.elapse_at_or_after(civil, start?, zone)?;
            last = Some(civil);
            Some(found)
        })
    }

    /// Returns the first elapse not before `start` and `civil`, a time of the wall clock that matches.
    fn elapse_at_or_after(
        &self,
        mut civil: DateTime,
        start: Timestamp,
        zone: &TimeZone,
    ) -> Option<(DateTime, Timestamp)> {
        let mut has_skipped = false;
        loop {
            civil = match elapse(civil, zone)? {
                // A step that led into the skipped hour may lead on into this one.
                Elapse::At(_) if has_skipped && self.search.skipped_since(civil).is_some() => {
                    self.search.after(civil)?
                }
                Elapse::At(found) if found >= start => return Some((civil, found)),
                // While the clocks show an hour for the second time, all of it has elapsed already.
                Elapse::At(_) => match repeat_ends(start, zone)?.checked_sub(MICROSECOND).ok()? {
                    last if last > civil => self.search.at_or_after(last)?,
                    _ => self.search.after(civil)?,
                },
                Elapse::Skipped { to, .. } => {
                    has_skipped = true;
                    self.search.at_or_after(to)?
                }
            }
        }
    }

    /// Iterates over the elapses after `after`, each with whether the clocks changed since the one before it
    /// (for the first, since `after`).
    pub fn upcoming_with_changes(
        &self,
        after: Timestamp,
        zone: &TimeZone,
    ) -> impl Iterator<Item = (Timestamp, bool)> {
        let mut offset = zone.to_offset(after);
        self.upcoming(after, zone).map(move |time| {
            let before = std::mem::replace(&mut offset, zone.to_offset(time));
            (time, before != offset)
        })
    }
}

/// What comes of a time of the wall clock.
enum Elapse {
    At(Timestamp),
    /// The clocks skip it, and all from `from` to before `to`.
    Skipped {
        from: DateTime,
        to: DateTime,
    },
}

fn elapse(civil: DateTime, zone: &TimeZone) -> Option<Elapse> {
    match zone.to_ambiguous_timestamp(civil).offset() {
        AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. } => {
            Some(Elapse::At(offset.to_timestamp(civil).ok()?))
        }
        // To step over the skipped hour by microseconds would take hours.
        AmbiguousOffset::Gap { before, after } => {
            let change = change_at(civil, before, after, zone)?;
            Some(Elapse::Skipped { from: before.to_datetime(change), to: after.to_datetime(change) })
        }
    }
}

/// Returns when, on the wall clock, the hour ends that the clocks show for the second time at `instant`; `None`
/// at other times.
fn repeat_ends(instant: Timestamp, zone: &TimeZone) -> Option<DateTime> {
    let civil = zone.to_datetime(instant);
    match zone.to_ambiguous_timestamp(civil).offset() {
        AmbiguousOffset::Fold { before, after } if zone.to_offset(instant) == after => {
            Some(before.to_datetime(change_at(civil, before, after, zone)?))
        }
        _ => None,
    }
}

/// Returns when the clocks went from offset `before` to `after` and so skipped or repeated the time `civil`.
fn change_at(civil: DateTime, before: Offset, after: Offset, zone: &TimeZone) -> Option<Timestamp> {
    // Whichever offset is the greater makes the instant the earlier, and that lies before the change.
    let earlier = before.max(after).to_timestamp(civil).ok()?;
    zone.following(earlier).find(|change| change.offset() == after).map(|change| change.timestamp())
}
