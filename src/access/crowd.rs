//! A set of people by number, and what is known of who belongs to it.
//!
//! People of a tenant are numbered once; a set is then a row of bits, so that ten thousand people and
//! five hundred applications are a few megabytes and no names. Read [`people`](crate::access::people)
//! for the numbers.

/// What is known of a statement.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Truth {
    /// It does not hold.
    No,
    /// Nobody can say.
    Maybe,
    /// It holds.
    Yes,
}

impl Truth {
    /// Whether it holds that the one and the other hold.
    pub(crate) fn and(self, other: Self) -> Self {
        self.min(other)
    }

    /// Whether it holds that one of them holds.
    pub(crate) fn or(self, other: Self) -> Self {
        self.max(other)
    }

    /// Whether the contrary holds.
    pub(crate) fn not(self) -> Self {
        match self {
            Self::No => Self::Yes,
            Self::Maybe => Self::Maybe,
            Self::Yes => Self::No,
        }
    }
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

/// A set of people. All sets of one calculation have the same length.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Set(Vec<u64>);

impl Set {
    /// Nobody, of so many.
    pub(crate) fn none(count: usize) -> Self {
        Self(vec![0; count.div_ceil(64)])
    }

    pub(crate) fn add(&mut self, person: u32) {
        if let Some(word) = self.0.get_mut(person as usize / 64) {
            *word |= 1 << (person % 64);
        }
    }

    pub(crate) fn has(&self, person: u32) -> bool {
        self.0.get(person as usize / 64).is_some_and(|word| word >> (person % 64) & 1 == 1)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    pub(crate) fn add_all(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word |= other);
    }

    pub(crate) fn keep(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word &= other);
    }

    pub(crate) fn drop_all(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word &= !other);
    }

    /// Those who are in it, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        (0_u32..).zip(&self.0).flat_map(|(place, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let bit = left.trailing_zeros();
                left &= left.wrapping_sub(1);
                (bit < 64).then(|| place * 64 + bit)
            })
        })
    }
}

/// Who belongs to something: surely, and perhaps.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Crowd {
    /// Those who do.
    pub(crate) sure: Set,
    /// Those of whom nobody can say, and none of the others.
    pub(crate) maybe: Set,
}

impl Crowd {
    pub(crate) fn none(count: usize) -> Self {
        Self { sure: Set::none(count), maybe: Set::none(count) }
    }

    /// Whether a person belongs to it.
    pub(crate) fn of(&self, person: u32) -> Truth {
        if self.sure.has(person) {
            Truth::Yes
        } else if self.maybe.has(person) {
            Truth::Maybe
        } else {
            Truth::No
        }
    }

    /// Adds a person of whom so much is known; what is known already is not lost.
    pub(crate) fn add(&mut self, person: u32, how: Truth) {
        match how {
            Truth::Yes => self.sure.add(person),
            Truth::Maybe if !self.sure.has(person) => self.maybe.add(person),
            Truth::Maybe | Truth::No => {}
        }
    }

    /// Keeps that nobody is in it surely and perhaps at once.
    pub(crate) fn settle(&mut self) {
        self.maybe.drop_all(&self.sure);
    }

    /// Those who may belong to it.
    pub(crate) fn possible(&self) -> Set {
        let mut all = self.sure.clone();
        all.add_all(&self.maybe);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_gives_back_who_was_put_in() {
        let mut set = Set::none(200);
        for person in [0, 63, 64, 130, 199] {
            set.add(person);
        }
        assert_eq!(set.iter().collect::<Vec<_>>(), [0, 63, 64, 130, 199]);
        let mut some = Set::none(200);
        some.add(64);
        some.add(65);
        set.keep(&some);
        assert_eq!(set.iter().collect::<Vec<_>>(), [64]);
        set.drop_all(&some);
        assert!(set.is_empty());
    }

    #[test]
    fn sure_is_not_lost_to_perhaps() {
        let mut crowd = Crowd::none(10);
        crowd.add(3, Truth::Yes);
        crowd.add(3, Truth::Maybe);
        crowd.add(4, Truth::Maybe);
        crowd.add(4, Truth::Yes);
        crowd.settle();
        assert_eq!([3, 4, 5].map(|person| crowd.of(person)), [Truth::Yes, Truth::Yes, Truth::No]);
        assert_eq!(crowd.possible().iter().count(), 2);
    }

    #[test]
    fn nobody_can_say_is_between() {
        assert_eq!(Truth::Maybe.and(Truth::No), Truth::No);
        assert_eq!(Truth::Maybe.or(Truth::Yes), Truth::Yes);
        assert_eq!(Truth::Maybe.not(), Truth::Maybe);
    }
}
