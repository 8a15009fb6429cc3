use super::facts::{HostFacts, Reading, Resource};
use crate::Comparison;

/// A condition with what the host offers now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    /// The line of the unit: `ConditionMemory=>=1024`.
    pub directive: String,
    /// What it asks, in words: `at least 1.0G of memory`.
    pub limit: String,
    /// What the host offers now, in words; `None` where that is not measured.
    pub now: Option<String>,
    /// Whether it is met now; `None` where that is not measured.
    pub is_met: Option<bool>,
}

/// Measures what a line `Condition…=` or `Assert…=` asks of the host.
///
/// ```
/// use taskflows_core::inspect::{HostFacts, measure};
///
/// let host = HostFacts { cpus: Some(2), ..HostFacts::default() };
/// let measured = measure("AssertCPUs", ">=8", &host);
/// assert_eq!((measured.now.as_deref(), measured.is_met), (Some("2 processors"), Some(false)));
/// ```
pub fn measure(key: &str, value: &str, host: &HostFacts) -> Measured {
    let kind = key.strip_prefix("Condition").or_else(|| key.strip_prefix("Assert")).unwrap_or(key);
    // `|` makes it one of several of which one suffices, `!` turns it round.
    let plain = value.strip_prefix('|').unwrap_or(value);
    let (turned, plain) = plain.strip_prefix('!').map_or((false, plain), |rest| (true, rest));
    let found = match kind {
        "Memory" => amount(plain, host.memory, &bytes, "of memory"),
        "CPUs" => amount(plain, host.cpus, &|count| count.to_string(), "processors"),
        "MemoryPressure" => pressure(plain, host.pressure.get(&Resource::Memory), "memory"),
        "CPUPressure" => pressure(plain, host.pressure.get(&Resource::Cpu), "a processor"),
        "IOPressure" => pressure(plain, host.pressure.get(&Resource::Io), "input and output"),
        _ => None,
    };
    let directive = format!("{key}={value}");
    let Some((limit, now)) = found else {
        return Measured { limit: value.to_owned(), directive, now: None, is_met: None };
    };
    let limit = if turned { format!("not {limit}") } else { limit };
    let (now, is_met) = now.map_or((None, None), |(now, met)| (Some(now), Some(met != turned)));
    Measured { directive, limit, now, is_met }
}

/// What is asked, and what there is with whether that suffices.
type Found = Option<(String, Option<(String, bool)>)>;

fn amount(value: &str, now: Option<u64>, show: &dyn Fn(u64) -> String, what: &str) -> Found {
    let operator = value.find(|c| !"<>=!".contains(c))?;
    let (operator, number) = value.split_at(operator);
    let comparison: Comparison =
        if operator.is_empty() { Comparison::AtLeast } else { operator.parse().ok()? };
    let wanted = number
        .trim()
        .parse::<u64>()
        .ok()
        .or_else(|| Some(number.trim().parse::<crate::ByteSize>().ok()?.bytes()))?;
    let words = match comparison {
        Comparison::Less => "less than",
        Comparison::AtMost => "at most",
        Comparison::Equal => "exactly",
        Comparison::NotEqual => "other than",
        Comparison::AtLeast => "at least",
        Comparison::More => "more than",
    };
    let met = |now: u64| match comparison {
        Comparison::Less => now < wanted,
        Comparison::AtMost => now <= wanted,
        Comparison::Equal => now == wanted,
        Comparison::NotEqual => now != wanted,
        Comparison::AtLeast => now >= wanted,
        Comparison::More => now > wanted,
    };
    let now = now.map(|now| (format!("{} {what}", show(now)), met(now)));
    Some((format!("{words} {} {what}", show(wanted)), now))
}

/// systemd asks for the share of time in which all tasks waited, and where there is none in which some did.
fn pressure(value: &str, reading: Option<&Reading>, what: &str) -> Found {
    let (percent, span) = value.split_once('/').unwrap_or((value, "5min"));
    let limit: f64 = percent.strip_suffix('%')?.trim().parse().ok()?;
    let window = match span.trim() {
        "10sec" => 0,
        "1min" => 1,
        "5min" => 2,
        _ => return None,
    };
    let now = reading.map(|reading| {
        let now = reading.full.unwrap_or(reading.some)[window];
        (format!("{now:.2}%"), now <= limit)
    });
    Some((format!("at most {limit}% of the last {span} spent waiting for {what}"), now))
}

/// Writes an amount of bytes: `1.5G`.
pub(super) fn bytes(amount: u64) -> String {
    const UNITS: [&str; 7] = ["B", "K", "M", "G", "T", "P", "E"];
    let (mut shown, mut unit) = (amount as f64, 0);
    while shown >= 1024.0 && unit + 1 < UNITS.len() {
        shown /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{amount}B") } else { format!("{shown:.1}{}", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(key: &str, value: &str, limit: &str, now: Option<&str>, is_met: Option<bool>) {
        let reading = Reading { some: [20.0, 10.0, 5.0], full: Some([2.0, 1.0, 0.5]) };
        let cpu = Reading { full: None, ..reading };
        let host = HostFacts {
            memory: Some(3 << 30),
            cpus: Some(2),
            pressure: [(Resource::Memory, reading), (Resource::Cpu, cpu)].into(),
            ..HostFacts::default()
        };
        let measured = measure(key, value, &host);
        assert_eq!(measured.directive, format!("{key}={value}"));
        assert_eq!((measured.limit.as_str(), measured.now.as_deref(), measured.is_met), (limit, now, is_met));
    }

    #[test]
    fn amounts_are_compared() {
        let now = Some("3.0G of memory");
        check("ConditionMemory", ">=1073741824", "at least 1.0G of memory", now, Some(true));
        check("AssertMemory", ">1T", "more than 1.0T of memory", now, Some(false));
        check("ConditionMemory", "!1G", "not at least 1.0G of memory", now, Some(false));
        check("ConditionCPUs", "<2", "less than 2 processors", Some("2 processors"), Some(false));
        check("ConditionCPUs", "=2", "exactly 2 processors", Some("2 processors"), Some(true));
    }

    #[test]
    fn pressure_is_that_of_all_tasks_and_for_processors_of_some() {
        let limit = "at most 1% of the last 10sec spent waiting for memory";
        check("ConditionMemoryPressure", "1%/10sec", limit, Some("2.00%"), Some(false));
        let limit = "at most 5% of the last 5min spent waiting for a processor";
        check("AssertCPUPressure", "5%", limit, Some("5.00%"), Some(true));
        let limit = "at most 5% of the last 5min spent waiting for input and output";
        check("ConditionIOPressure", "5%", limit, None, None);
    }

    proptest::proptest! {
        #[test]
        fn any_value_is_measured(value in "[|!<>=]{0,3}.*", key in "(Condition|Assert)(CPUs|Memory|CPUPressure)") {
            let host = HostFacts { memory: Some(1), cpus: Some(1), ..HostFacts::default() };
            measure(&key, &value, &host);
        }
    }

    #[test]
    fn what_is_not_measured_stands_as_it_is() {
        check("ConditionPathExists", "/x", "/x", None, None);
        check("ConditionCPUs", "many", "many", None, None);
        check("ConditionMemory", "", "", None, None);
        check("ConditionCPUPressure", "5%/7min", "5%/7min", None, None);
    }
}
