use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::ByteSize;
use crate::name::Quoted;

/// A state of the machine without which a start is refused, or skipped where it is `silent`.
///
/// Written as `Assert…=`, or as `Condition…=` where `silent`. Source: systemd.unit(5), "Conditions and
/// Asserts".
#[derive(Clone, Debug, PartialEq)]
pub struct LoadConstraint {
    /// What is asked of the machine.
    pub requirement: Requirement,
    /// Skip the run without an error where the requirement is not met.
    pub silent: bool,
}

/// What a [`LoadConstraint`] asks.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Requirement {
    /// Physical memory of the machine.
    Memory {
        /// How it is compared.
        comparison: Comparison,
        /// With how much.
        amount: ByteSize,
    },
    /// Number of processors.
    Cpus {
        /// How it is compared.
        comparison: Comparison,
        /// With how many.
        amount: u64,
    },
    /// Share of time that tasks waited for memory, at most.
    MemoryPressure(Pressure),
    /// Share of time that tasks waited for a processor, at most.
    CpuPressure(Pressure),
    /// Share of time that tasks waited for input or output, at most.
    IoPressure(Pressure),
}

/// A limit on pressure stall time, which is time spent waiting, not utilisation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pressure {
    pub(crate) max_percent: f64,
    pub(crate) timespan: PressureSpan,
}

impl Pressure {
    /// Makes a limit of `max_percent`, 0 to 100, over `timespan`; at most two decimals count.
    ///
    /// # Errors
    /// When the percentage is outside 0 to 100 or has more than two decimals, which systemd reads as a
    /// failed condition.
    pub fn new(max_percent: f64, timespan: PressureSpan) -> Result<Self, ConstraintError> {
        if !(0.0..=100.0).contains(&max_percent) {
            return Err(ConstraintError(format!("{max_percent} is not a percentage from 0 to 100")));
        }
        if (max_percent * 100.0 - (max_percent * 100.0).round()).abs() > 1e-6 {
            return Err(ConstraintError(format!("{max_percent} has more than two decimals")));
        }
        Ok(Self { max_percent, timespan })
    }
}

impl fmt::Display for Pressure {
    /// Writes `80%/5min`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%/{}", self.max_percent, self.timespan.as_str())
    }
}

/// The three windows over which the kernel averages pressure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PressureSpan {
    /// Ten seconds.
    TenSeconds,
    /// One minute.
    OneMinute,
    /// Five minutes.
    #[default]
    FiveMinutes,
}

impl PressureSpan {
    /// The spellings systemd knows.
    pub const TEXTS: [&'static str; 3] = ["10sec", "1min", "5min"];

    /// Every spelling that is read.
    pub const SPELLINGS: [&'static str; 6] = ["10sec", "1min", "5min", "10s", "60s", "300s"];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::TenSeconds => "10sec",
            Self::OneMinute => "1min",
            Self::FiveMinutes => "5min",
        }
    }
}

impl FromStr for PressureSpan {
    type Err = ConstraintError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "10sec" | "10s" => Ok(Self::TenSeconds),
            "1min" | "60s" => Ok(Self::OneMinute),
            "5min" | "300s" => Ok(Self::FiveMinutes),
            _ => Err(ConstraintError(format!("{} is none of 10sec, 1min, 5min", Quoted(text)))),
        }
    }
}

/// How an amount is compared with the machine's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `>=`
    #[default]
    AtLeast,
    /// `>`
    More,
}

impl Comparison {
    /// The operators as they are written.
    pub const TEXTS: [&'static str; 6] = ["<", "<=", "=", "!=", ">=", ">"];

    /// Every spelling that is read.
    pub const SPELLINGS: [&'static str; 7] = ["<", "<=", "=", "!=", ">=", ">", "=="];

    /// Returns the operator.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::AtLeast => ">=",
            Self::More => ">",
        }
    }
}

impl FromStr for Comparison {
    type Err = ConstraintError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "<" => Ok(Self::Less),
            "<=" => Ok(Self::AtMost),
            "=" | "==" => Ok(Self::Equal),
            "!=" => Ok(Self::NotEqual),
            ">=" => Ok(Self::AtLeast),
            ">" => Ok(Self::More),
            _ => Err(ConstraintError(format!("{} is none of < <= = != >= >", Quoted(text)))),
        }
    }
}

impl LoadConstraint {
    /// Returns the directive of `[Unit]` and its value: `("ConditionCPUPressure", "80%/5min")`.
    ///
    /// ```
    /// use taskflows_core::{LoadConstraint, Pressure, PressureSpan, Requirement};
    ///
    /// let pressure = Pressure::new(80.0, PressureSpan::FiveMinutes)?;
    /// let constraint = LoadConstraint { requirement: Requirement::CpuPressure(pressure), silent: true };
    /// assert_eq!(constraint.directive(), ("ConditionCPUPressure".into(), "80%/5min".into()));
    /// # Ok::<(), taskflows_core::ConstraintError>(())
    /// ```
    pub fn directive(&self) -> (String, String) {
        let prefix = if self.silent { "Condition" } else { "Assert" };
        let (key, value) = match &self.requirement {
            Requirement::Memory { comparison, amount } => {
                ("Memory", format!("{}{}", comparison.as_str(), amount.bytes()))
            }
            Requirement::Cpus { comparison, amount } => ("CPUs", format!("{}{amount}", comparison.as_str())),
            Requirement::MemoryPressure(limit) => ("MemoryPressure", limit.to_string()),
            Requirement::CpuPressure(limit) => ("CPUPressure", limit.to_string()),
            Requirement::IoPressure(limit) => ("IOPressure", limit.to_string()),
        };
        (format!("{prefix}{key}"), value)
    }
}

/// Why something is not a constraint.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct ConstraintError(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(requirement: Requirement, silent: bool, line: &str) {
        let (key, value) = LoadConstraint { requirement, silent }.directive();
        assert_eq!(format!("{key}={value}"), line);
    }

    #[test]
    fn silent_skips_and_loud_fails() {
        let limit = Pressure::new(12.5, PressureSpan::TenSeconds).unwrap();
        check(Requirement::CpuPressure(limit), true, "ConditionCPUPressure=12.5%/10sec");
        check(Requirement::IoPressure(limit), false, "AssertIOPressure=12.5%/10sec");
        check(Requirement::MemoryPressure(limit), false, "AssertMemoryPressure=12.5%/10sec");
        let comparison = Comparison::AtLeast;
        check(
            Requirement::Memory { comparison, amount: ByteSize::new(1 << 30) },
            false,
            "AssertMemory=>=1073741824",
        );
        check(Requirement::Cpus { comparison: Comparison::More, amount: 2 }, true, "ConditionCPUs=>2");
    }

    #[test]
    fn percentages_that_systemd_would_misread_are_refused() {
        for percent in [-1.0, 100.5, f64::NAN, 0.001] {
            assert!(Pressure::new(percent, PressureSpan::default()).is_err(), "{percent}");
        }
        assert!(Pressure::new(99.99, PressureSpan::default()).is_ok());
    }
}
