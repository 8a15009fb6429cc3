use super::component::{Chain, Component, SECOND};

/// Numbers below 64, a bit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Bits(pub(super) u64);

impl Bits {
    pub(super) fn from_to(from: u32, to: u32) -> Self {
        Self((1 << (to + 1)) - (1 << from))
    }

    /// Takes the numbers of a list, and all of `from..=to` where it is empty.
    pub(super) fn of(chain: &Chain, from: u32, to: u32) -> Self {
        match chain.is_any() {
            true => Self::from_to(from, to),
            false => Self(chain.values(to).fold(0, |bits, value| bits | 1 << value)),
        }
    }

    pub(super) fn has(self, value: u32) -> bool {
        self.0 >> value & 1 == 1
    }

    pub(super) fn at_or_after(self, value: u32) -> Option<u32> {
        let rest = self.0 >> value;
        (rest != 0).then(|| value + rest.trailing_zeros())
    }

    pub(super) fn before(self, value: u32) -> Option<u32> {
        (self.0 & ((1 << value) - 1)).checked_ilog2()
    }

    pub(super) fn first(self) -> u32 {
        self.0.trailing_zeros()
    }

    pub(super) fn last(self) -> u32 {
        self.0.ilog2()
    }
}

/// The seconds of a minute.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Seconds {
    Whole(Bits),
    /// In microseconds.
    Fractions(Chain),
}

impl Seconds {
    pub(super) fn of(chain: &Chain) -> Self {
        let whole =
            |part: &Component| part.start.is_multiple_of(SECOND) && part.repeat.is_multiple_of(SECOND);
        if !chain.0.iter().all(whole) {
            return Self::Fractions(chain.clone());
        }
        let seconds = chain.values(60 * SECOND - 1).map(|micros| micros / SECOND);
        Self::Whole(Bits(seconds.fold(0, |bits, second| bits | 1 << second)))
    }

    pub(super) fn at_or_after(&self, micros: u32) -> Option<u32> {
        match self {
            Self::Whole(bits) => bits.at_or_after(micros.div_ceil(SECOND)).map(|second| second * SECOND),
            Self::Fractions(chain) => chain.at_or_after(micros).filter(|&micros| micros < 60 * SECOND),
        }
    }

    pub(super) fn before(&self, micros: u32) -> Option<u32> {
        match self {
            Self::Whole(bits) => bits.before(micros.div_ceil(SECOND)).map(|second| second * SECOND),
            Self::Fractions(chain) => chain.before(micros),
        }
    }
}
