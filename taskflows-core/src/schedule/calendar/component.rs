use std::fmt;

/// Microseconds of a second, the unit of the last field.
pub(super) const SECOND: u32 = 1_000_000;

/// One element of a field's list: `5`, `5..10`, `5/2`, `5..10/2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Component {
    pub(super) start: u32,
    /// The last value, where there is one.
    pub(super) stop: Option<u32>,
    /// The step; zero where there is none.
    pub(super) repeat: u32,
}

/// A field's list; empty means every value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Chain(pub(super) Vec<Component>);

impl Component {
    pub(super) fn single(start: u32) -> Self {
        Self { start, stop: None, repeat: 0 }
    }

    /// Returns the least value of this element that is not below `value`.
    fn at_or_after(&self, value: u32) -> Option<u32> {
        if self.start >= value {
            return Some(self.start);
        }
        if self.repeat == 0 {
            return None;
        }
        let steps = (value - self.start).div_ceil(self.repeat);
        let found = self.start.checked_add(steps.checked_mul(self.repeat)?)?;
        self.stop.is_none_or(|stop| found <= stop).then_some(found)
    }

    /// Returns the greatest value of this element that is below `value`.
    fn before(&self, value: u32) -> Option<u32> {
        let past = value.checked_sub(1)?.min(self.stop.unwrap_or(u32::MAX)).checked_sub(self.start)?;
        Some(self.start + past.checked_div(self.repeat).unwrap_or(0) * self.repeat)
    }

    /// Makes a range end at its last step, and one of a single value that value.
    fn tidy(&mut self) {
        if let Some(stop) = self.stop.filter(|&stop| stop > self.start && self.repeat > 0) {
            self.stop = Some(stop - (stop - self.start) % self.repeat);
        }
        let unreachable = self.stop.is_some_and(|stop| stop > self.start && self.start + self.repeat > stop);
        if unreachable || self.stop == Some(self.start) {
            (self.stop, self.repeat) = (None, 0);
        }
    }

    /// Tells whether every value lies in `from..=to` and the step is taken at least once.
    fn fits(&self, from: u32, to: u32, from_end: bool) -> bool {
        if !(from..=to).contains(&self.start) || self.repeat > to - from {
            return false;
        }
        match self.stop {
            Some(stop) => (from..=to).contains(&stop) && self.start + self.repeat <= stop,
            None if from_end => self.start >= from + self.repeat,
            None => self.start + self.repeat <= to,
        }
    }
}

impl Chain {
    pub(super) fn single(value: u32) -> Self {
        Self(vec![Component::single(value)])
    }

    pub(super) fn is_any(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts the list in the order and form in which systemd prints it.
    pub(super) fn normalize(&mut self) {
        self.0.iter_mut().for_each(Component::tidy);
        self.0.sort_unstable();
        self.0.dedup();
    }

    /// Tells whether every number that is written lies in `from..=to`, whatever its step.
    pub(super) fn lies_in(&self, from: u32, to: u32) -> bool {
        let mut written = self.0.iter().flat_map(|component| [Some(component.start), component.stop]);
        written.all(|number| number.is_none_or(|number| (from..=to).contains(&number)))
    }

    pub(super) fn fits(&self, from: u32, to: u32) -> bool {
        self.0.iter().all(|component| component.fits(from, to, false))
    }

    /// Tells whether systemd takes the list for days counted from the end of a month.
    ///
    /// A month is sure to have 28 days only. For each further element of the list, systemd takes off three
    /// more: it refuses `~1,26`.
    pub(super) fn fits_from_end(&self) -> bool {
        let last = (1..=28).rev().step_by(3).chain(std::iter::repeat(0));
        self.0.iter().zip(last).all(|(component, last)| component.fits(1, last, true))
    }

    /// Returns the least value that is not below `value`; any number is one where the list is empty.
    pub(super) fn at_or_after(&self, value: u32) -> Option<u32> {
        if self.is_any() {
            return Some(value);
        }
        self.0.iter().filter_map(|component| component.at_or_after(value)).min()
    }

    /// Returns the greatest value that is below `value`; any number is one where the list is empty.
    pub(super) fn before(&self, value: u32) -> Option<u32> {
        if self.is_any() {
            return value.checked_sub(1);
        }
        self.0.iter().filter_map(|component| component.before(value)).max()
    }

    /// Returns by how much the list's steps pass `last`, where `last` itself is not on one; else zero.
    pub(super) fn spill(&self, last: u32) -> u32 {
        match self.0.is_empty() || self.at_or_after(last) == Some(last) {
            true => 0,
            false => self.at_or_after(last + 1).map_or(0, |beyond| beyond - last - 1),
        }
    }

    /// Iterates over the values of the list up to `last`.
    pub(super) fn values(&self, last: u32) -> impl Iterator<Item = u32> {
        self.0.iter().flat_map(move |component| {
            let step = component.repeat.max(1) as usize;
            let stop = if component.repeat == 0 { component.start } else { component.stop.unwrap_or(last) };
            (component.start..=stop.min(last)).step_by(step)
        })
    }

    /// Returns the list for days counted from the end of a month of `days` days.
    pub(super) fn counted_from_end(&self, days: u32) -> Self {
        let turn = |component: &Component| {
            let turned = |day: u32| (days + 1).saturating_sub(day);
            let (start, stop) = match component.stop {
                Some(stop) => (turned(stop), Some(turned(component.start))),
                None => (turned(component.start), None),
            };
            Component { start, stop, repeat: component.repeat }
        };
        Self(self.0.iter().map(turn).collect())
    }

    /// Writes the list with numbers of `width` digits; `unit` is what a whole number counts.
    pub(super) fn write(&self, f: &mut fmt::Formatter<'_>, width: usize, unit: u32) -> fmt::Result {
        let every_second = [Component { start: 0, stop: None, repeat: SECOND }];
        if self.is_any() || (unit == SECOND && self.0 == every_second) {
            return f.write_str("*");
        }
        for (index, component) in self.0.iter().enumerate() {
            f.write_str(if index > 0 { "," } else { "" })?;
            number(f, component.start, width, unit)?;
            if let Some(stop) = component.stop {
                f.write_str("..")?;
                number(f, stop, width, unit)?;
            }
            if component.repeat > 0 && !(component.stop.is_some() && component.repeat == unit) {
                f.write_str("/")?;
                number(f, component.repeat, 0, unit)?;
            }
        }
        Ok(())
    }
}

fn number(f: &mut fmt::Formatter<'_>, value: u32, width: usize, unit: u32) -> fmt::Result {
    write!(f, "{:0width$}", value / unit)?;
    match value % unit {
        0 => Ok(()),
        fraction => write!(f, ".{fraction:06}"),
    }
}
