//! How a sign-in can end: shut out, or let in with so many proofs of such a sort.
//!
//! Where a rule depends on what a recorded state cannot tell, several ends are possible; they are kept
//! as one set of bits. Two such sets are compared by their weakest and their strongest way in.

use std::fmt;

/// Demands that are told apart.
pub(crate) const DEMANDS_MAX: usize = 4;
/// The most proofs that are told apart.
const PROOFS_MAX: u8 = 2;
const SHUT_OUT: u64 = 1 << 63;

/// What is asked of somebody who is let in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(crate) struct Way {
    /// How many proofs, two standing for more as well.
    pub(crate) proofs: u8,
    /// What a proof must be: a bit for each demand of the catalogue.
    pub(crate) demands: u8,
}

impl Way {
    fn bit(self) -> u64 {
        1 << (u32::from(self.proofs.min(PROOFS_MAX)) << DEMANDS_MAX | u32::from(self.demands & 0xf))
    }

    fn from_bit(bit: u32) -> Self {
        let (proofs, demands) = (bit >> DEMANDS_MAX, bit & 0xf);
        Self { proofs: proofs.try_into().unwrap_or(PROOFS_MAX), demands: demands.try_into().unwrap_or(0) }
    }

    /// What two gates ask of somebody who passes both.
    fn and(self, other: Self) -> Self {
        Self { proofs: self.proofs.max(other.proofs), demands: self.demands | other.demands }
    }

    pub(crate) fn weakest(self, other: Self) -> Self {
        Self { proofs: self.proofs.min(other.proofs), demands: self.demands & other.demands }
    }

    /// In words, with the catalogue's words for the demands.
    pub(crate) fn words(self, demands: &[String]) -> String {
        let proofs = match self.proofs {
            0 => "nothing of its own".to_owned(),
            1 => "1 factor".to_owned(),
            more => format!("{more} factors"),
        };
        let asked = demands.iter().enumerate().filter(|(at, _)| self.demands >> at & 1 == 1);
        asked.fold(proofs, |words, (_, demand)| words + ", " + demand)
    }
}

/// The ends that are possible.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Outcomes(u64);

impl Outcomes {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const SHUT: Self = Self(SHUT_OUT);

    pub(crate) fn way(way: Way) -> Self {
        Self(way.bit())
    }

    /// Whatever can be: nobody knows.
    pub(crate) fn anything() -> Self {
        Self(SHUT_OUT | Way::default().bit() | Way { proofs: PROOFS_MAX, demands: 0xf }.bit())
    }

    pub(crate) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn can_enter(self) -> bool {
        self.0 & !SHUT_OUT != 0
    }

    pub(crate) fn must_enter(self) -> bool {
        self.can_enter() && self.0 & SHUT_OUT == 0
    }

    fn ways(self) -> impl Iterator<Item = Way> {
        let mut left = self.0 & !SHUT_OUT;
        std::iter::from_fn(move || {
            let bit = left.trailing_zeros();
            left &= left.wrapping_sub(1);
            (bit < 63).then(|| Way::from_bit(bit))
        })
    }

    /// The ends of somebody who must pass both gates.
    pub(crate) fn and(self, other: Self) -> Self {
        let nothing = Self::way(Way::default());
        if self == nothing || other == nothing {
            return if self == nothing { other } else { self };
        }
        let shut = Self((self.0 | other.0) & SHUT_OUT);
        self.ways()
            .flat_map(|one| other.ways().map(move |other| Self::way(one.and(other))))
            .fold(shut, Self::or)
    }

    /// The least that is asked of somebody who gets in.
    pub(crate) fn weakest(self) -> Option<Way> {
        self.ways().reduce(Way::weakest)
    }

    fn strongest(self) -> Option<Way> {
        self.ways().reduce(Way::and)
    }

    /// How the way in moves from these ends to the others.
    pub(crate) fn moved_to(self, to: Self) -> Moved {
        if self == to {
            return Moved::default();
        }
        let mut moved = Moved::default();
        for (from, to) in [(self.weakest(), to.weakest()), (self.strongest(), to.strongest())] {
            let (Some(from), Some(to)) = (from, to) else { continue };
            moved.weaker |= to.proofs < from.proofs || from.demands & !to.demands != 0;
            moved.stronger |= to.proofs > from.proofs || to.demands & !from.demands != 0;
        }
        let rank = |ends: Self| u8::from(ends.can_enter()) + u8::from(ends.must_enter());
        // One who gets in where he did not before has a way more, which is weaker.
        moved.weaker |= rank(to) > rank(self);
        moved.stronger |= rank(to) < rank(self);
        if moved == Moved::default() {
            moved = Moved { weaker: true, stronger: true };
        }
        moved
    }
}

impl fmt::Debug for Outcomes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shut = (self.0 & SHUT_OUT != 0).then_some("shut out");
        out.debug_set().entries(shut).entries(self.ways()).finish()
    }
}

/// How a way in changed; both where it is weaker in one respect and stronger in another.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Moved {
    pub(crate) weaker: bool,
    pub(crate) stronger: bool,
}

impl Moved {
    pub(crate) fn and(self, other: Self) -> Self {
        Self { weaker: self.weaker || other.weaker, stronger: self.stronger || other.stronger }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(proofs: u8, demands: u8) -> Outcomes {
        Outcomes::way(Way { proofs, demands })
    }

    #[test]
    fn both_gates_must_be_passed() {
        let risky = way(1, 0).or(Outcomes::SHUT);
        assert_eq!(risky.and(way(2, 1)), way(2, 1).or(Outcomes::SHUT));
        assert_eq!(Outcomes::SHUT.and(way(1, 0)), Outcomes::SHUT);
        assert_eq!(way(1, 2).and(way(0, 1)), way(1, 3));
        assert_eq!(way(1, 0).or(way(2, 0)).and(way(1, 1)), way(1, 1).or(way(2, 1)));
    }

    #[test]
    fn fewer_proofs_are_weaker_and_a_demand_dropped_too() {
        let moved = |from: Outcomes, to: Outcomes| {
            let moved = from.moved_to(to);
            (moved.weaker, moved.stronger)
        };
        assert_eq!(moved(way(2, 0), way(1, 0)), (true, false));
        assert_eq!(moved(way(2, 1), way(2, 0)), (true, false));
        assert_eq!(moved(way(1, 1), way(2, 0)), (true, true));
        assert_eq!(moved(Outcomes::SHUT, way(2, 0)), (true, false));
        assert_eq!(moved(way(2, 0), way(2, 0).or(Outcomes::SHUT)), (false, true));
        assert_eq!(moved(way(2, 0).or(Outcomes::SHUT), way(1, 0).or(Outcomes::SHUT)), (true, false));
        assert_eq!(moved(way(2, 0), way(2, 0)), (false, false));
    }

    #[test]
    fn every_way_has_a_place_of_its_own() {
        for proofs in 0..=2 {
            for demands in 0..16 {
                assert_eq!(way(proofs, demands).weakest(), Some(Way { proofs, demands }));
            }
        }
    }
}
