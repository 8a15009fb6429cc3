//! Unit files as systemd reads them: systemd.syntax(7).

/// One assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) section: String,
    pub(super) key: String,
    pub(super) value: String,
}

/// Directives that name other units, of which an empty value takes none away.
const NEVER_RESET: [&str; 18] = [
    "Before",
    "After",
    "Wants",
    "Upholds",
    "Requires",
    "Requisite",
    "BindsTo",
    "OnFailure",
    "OnSuccess",
    "PartOf",
    "PropagatesStopTo",
    "StopPropagatedFrom",
    "Conflicts",
    "WantedBy",
    "RequiredBy",
    "Also",
    "Alias",
    "JoinsNamespaceOf",
];

/// Directives of which an empty value takes away all times of a timer, whatever they count from.
const TIMES: [&str; 6] =
    ["OnCalendar", "OnActiveSec", "OnBootSec", "OnStartupSec", "OnUnitActiveSec", "OnUnitInactiveSec"];

/// A unit's directives: each once, at the place of its first value, with all its values in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Directives(Vec<(String, String, Vec<String>)>);

impl Directives {
    /// Reads the text of a unit's file and, after it, of its drop-ins.
    pub(super) fn read(text: &str) -> Self {
        let mut directives = Self::default();
        entries(text).into_iter().for_each(|entry| directives.add(entry));
        directives.0.retain(|(_, _, values)| !values.is_empty());
        directives
    }

    fn add(&mut self, entry: Entry) {
        let Entry { section, key, value } = entry;
        if value.is_empty() {
            let is_time = section == "Timer" && TIMES.contains(&key.as_str());
            for (own_section, own_key, values) in &mut self.0 {
                let same = *own_key == key || is_time && TIMES.contains(&own_key.as_str());
                if *own_section == section && same && !NEVER_RESET.contains(&key.as_str()) {
                    values.clear();
                }
            }
            return;
        }
        match self.0.iter_mut().find(|(own, name, _)| *own == section && *name == key) {
            Some((_, _, values)) => values.push(value),
            None => self.0.push((section, key, vec![value])),
        }
    }

    /// Returns the values of a directive, none where it is not set.
    pub(super) fn values(&self, section: &str, key: &str) -> &[String] {
        let found = self.0.iter().find(|(own, name, _)| own == section && name == key);
        found.map_or(&[], |(_, _, values)| values)
    }

    /// Returns the value that counts where a directive has one.
    pub(super) fn last(&self, section: &str, key: &str) -> Option<&str> {
        self.values(section, key).last().map(String::as_str)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str, &[String])> {
        self.0.iter().map(|(section, key, values)| (section.as_str(), key.as_str(), values.as_slice()))
    }
}

fn entries(text: &str) -> Vec<Entry> {
    let mut section = String::new();
    let mut entries = Vec::new();
    for line in logical_lines(text) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name.to_owned();
        } else if let Some((key, value)) = line.split_once('=') {
            let (key, value) = (key.trim().to_owned(), value.trim().to_owned());
            entries.push(Entry { section: section.clone(), key, value });
        }
    }
    entries
}

/// Joins lines that end in a backslash, and leaves out comments, even those between joined lines.
fn logical_lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut open: Option<String> = None;
    for line in text.lines() {
        let line = line.trim_start();
        if line.starts_with(['#', ';']) || (line.is_empty() && open.is_none()) {
            continue;
        }
        let backslashes = line.len() - line.trim_end_matches('\\').len();
        let mut whole = open.take().unwrap_or_default();
        if backslashes % 2 == 1 {
            whole.push_str(&line[..line.len() - 1]);
            whole.push(' ');
            open = Some(whole);
        } else {
            whole.push_str(line);
            lines.push(whole.trim().to_owned());
        }
    }
    lines.extend(open.map(|line| line.trim().to_owned()));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_joined_and_comments_left_out() {
        let text = "# a\n[Service]\n ExecStart = a \\\n  # between\n  b\\\n;c\nd\\\\\nNice=5 \nnonsense\n[Unit]\nAfter=x\n";
        let directives = Directives::read(text);
        assert_eq!(directives.values("Service", "ExecStart"), ["a  b d\\\\"]);
        assert_eq!(directives.last("Service", "Nice"), Some("5"));
        assert_eq!(directives.values("Unit", "After"), ["x"]);
        assert_eq!(Directives::read("[Service]\nExecStart=a \\").values("Service", "ExecStart"), ["a"]);
    }

    #[test]
    fn a_later_file_adds_and_an_empty_value_takes_away() {
        let text = "[Timer]\nOnCalendar=daily\nOnBootSec=5min\n[Service]\nEnvironment=A=1\nNice=1\n[Unit]\nAfter=a\n\
                    [Timer]\nOnCalendar=\nOnCalendar=hourly\n[Service]\nEnvironment=B=1\nNice=2\n[Unit]\nAfter=\nAfter=b\n";
        let directives = Directives::read(text);
        assert_eq!(directives.values("Timer", "OnCalendar"), ["hourly"]);
        assert!(directives.values("Timer", "OnBootSec").is_empty());
        assert_eq!(directives.values("Service", "Environment"), ["A=1", "B=1"]);
        assert_eq!(directives.last("Service", "Nice"), Some("2"));
        assert_eq!(directives.values("Unit", "After"), ["a", "b"]);
    }
}
