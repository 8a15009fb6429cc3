//! Small choices that are written as words, and whole numbers in a range.

use std::fmt;
use std::str::FromStr;

use crate::TextError;

/// Makes an enum of words: `TEXTS`, `as_str`, and the way back from a text, which fails with the words there are.
macro_rules! words {
    ($(#[$outer:meta])* $visibility:vis enum $name:ident { $($(#[$inner:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        $visibility enum $name { $($(#[$inner])* $variant,)+ }

        impl $name {
            /// The words, as they are written.
            pub const TEXTS: [&'static str; [$($text),+].len()] = [$($text),+];

            /// Returns the word.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }

        impl std::str::FromStr for $name {
            type Err = crate::TextError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    _ => Err(crate::TextError::new(text, format!("is none of {}", Self::TEXTS.join(", ")))),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

/// Makes a type of one short text, which a rule has checked.
macro_rules! checked_text {
    ($(#[$outer:meta])* $name:ident, $check:expr, $reason:literal) => {
        $(#[$outer])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// Returns the text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = crate::TextError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let check: fn(&str) -> bool = $check;
                match check(text) {
                    true => Ok(Self(text.to_owned())),
                    false => Err(crate::TextError::new(text, $reason)),
                }
            }
        }
    };
}

pub(crate) use {checked_text, words};

/// A whole number from `LOW` to `HIGH`, both included.
///
/// ```
/// use taskflows_core::Bounded;
///
/// let weight: Bounded<1, 10_000> = "500".parse()?;
/// assert_eq!(weight.get(), 500);
/// assert!("0".parse::<Bounded<1, 10_000>>().is_err());
/// # Ok::<(), taskflows_core::TextError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bounded<const LOW: i64, const HIGH: i64>(i64);

impl<const LOW: i64, const HIGH: i64> Bounded<LOW, HIGH> {
    /// The least and the greatest number.
    pub const RANGE: (i64, i64) = (LOW, HIGH);

    /// Takes `number`; `None` where it is out of the range.
    pub fn new(number: i64) -> Option<Self> {
        (LOW..=HIGH).contains(&number).then_some(Self(number))
    }

    /// Returns the number.
    pub fn get(self) -> i64 {
        self.0
    }
}

impl<const LOW: i64, const HIGH: i64> FromStr for Bounded<LOW, HIGH> {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.parse().ok().and_then(Self::new);
        number.ok_or_else(|| match HIGH {
            i64::MAX => TextError::new(text, format!("is no whole number from {LOW} on")),
            _ => TextError::new(text, format!("is no whole number from {LOW} to {HIGH}")),
        })
    }
}

impl<const LOW: i64, const HIGH: i64> fmt::Display for Bounded<LOW, HIGH> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
