//! A pointer with wildcards: how the catalogue says which fields are volatile, secret or sets.
//!
//! A pattern is written as a [`Pointer`] is, and a whole segment may be
//! - `*`: any member or element;
//! - `**`: any number of levels, none included, so `/**/_links` is that member at every depth.
//!
//! `**` cannot stand last (a pointer to the value above says the same) or beside another `**`. A
//! star that belongs to a name is written `~*`; a bare star inside a longer segment is refused, so
//! that a slip does not silently match nothing.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::json::pointer::{index_of, write_segment};
use crate::json::walk::Token;
use crate::json::{JsonError, Pointer};

/// Most segments of a pattern: the states of a match are bits of one word.
const SEGMENTS_MAX: usize = 60;

/// A set of places in a document, by name, wildcard and depth. The default is the root.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pattern {
    segments: Vec<Segment>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Segment {
    Name(String),
    Any,
    Deep,
}

/// How far a match has come on the way to one value: bit `i` is set when the first `i` segments
/// of the pattern can cover that way.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Progress(u64);

impl Progress {
    /// True if nothing at or below this value can match.
    pub(super) fn is_lost(self) -> bool {
        self.0 == 0
    }
}

impl Pattern {
    /// Reads the text form.
    ///
    /// # Errors
    /// [`JsonError::BadPointer`].
    pub fn parse(text: &str) -> Result<Self, JsonError> {
        let mut segments = Vec::new();
        let mut at = 0;
        for part in text.split('/') {
            if at == 0 {
                if !part.is_empty() {
                    return Err(bad(0, "it must be empty or begin with `/`"));
                }
            } else {
                segments.push(Segment::parse(part, at)?);
            }
            at += part.len() + 1;
        }
        let pairs = segments.windows(2);
        let doubled = pairs.into_iter().any(|pair| pair == [Segment::Deep, Segment::Deep]);
        if doubled || segments.last() == Some(&Segment::Deep) {
            return Err(bad(text.len(), "`**` must be followed by another segment"));
        }
        if segments.len() > SEGMENTS_MAX {
            return Err(bad(text.len(), "a pattern has at most 60 segments"));
        }
        Ok(Self { segments })
    }

    /// The pointer that this pattern is, if it has no wildcard.
    pub fn as_pointer(&self) -> Option<Pointer> {
        let names = self.segments.iter().map(|segment| match segment {
            Segment::Name(name) => Some(name.as_str()),
            _ => None,
        });
        names.collect::<Option<Vec<_>>>().map(Pointer::from_segments)
    }

    /// True if the pattern covers this place.
    pub fn matches(&self, pointer: &Pointer) -> bool {
        let end = pointer
            .segments()
            .fold(self.start(), |progress, segment| self.step(progress, Token::Name(segment)));
        self.accepts(end)
    }

    pub(super) fn start(&self) -> Progress {
        self.skip_deep(1)
    }

    /// The progress one level further down.
    pub(super) fn step(&self, progress: Progress, token: Token<'_>) -> Progress {
        let mut next = 0;
        let mut left = progress.0 & !(1 << self.segments.len());
        while left != 0 {
            let i = left.trailing_zeros() as usize;
            left &= left - 1;
            match &self.segments[i] {
                Segment::Deep => next |= 1 << i,
                Segment::Any => next |= 1 << (i + 1),
                Segment::Name(name) if token.is(name) => next |= 1 << (i + 1),
                Segment::Name(_) => {}
            }
        }
        self.skip_deep(next)
    }

    /// True if a value with this progress is covered.
    pub(super) fn accepts(&self, progress: Progress) -> bool {
        progress.0 >> self.segments.len() != 0
    }

    /// The only child that can match, where there is just one: it spares the walk over the others.
    pub(super) fn only_child(&self, progress: Progress) -> Option<&str> {
        if progress.0.count_ones() != 1 {
            return None;
        }
        match self.segments.get(progress.0.trailing_zeros() as usize)? {
            Segment::Name(name) => Some(name),
            _ => None,
        }
    }

    /// Where `**` is next, the segment behind it is next too.
    fn skip_deep(&self, bits: u64) -> Progress {
        let mut closed = bits;
        for (i, segment) in self.segments.iter().enumerate() {
            if *segment == Segment::Deep && bits & (1 << i) != 0 {
                closed |= 1 << (i + 1);
            }
        }
        Progress(closed)
    }
}

fn bad(at: usize, what: &'static str) -> JsonError {
    JsonError::BadPointer { at, what }
}

impl Segment {
    fn parse(part: &str, at: usize) -> Result<Self, JsonError> {
        match part {
            "*" => return Ok(Self::Any),
            "**" => return Ok(Self::Deep),
            _ => {}
        }
        let mut name = String::with_capacity(part.len());
        let mut characters = part.char_indices();
        while let Some((i, character)) = characters.next() {
            name.push(match character {
                '*' => return Err(bad(at + i, "a star that belongs to a name is written `~*`")),
                '~' => match characters.next() {
                    Some((_, '0')) => '~',
                    Some((_, '1')) => '/',
                    Some((_, '*')) => '*',
                    _ => return Err(bad(at + i, "`~` must be followed by 0, 1 or *")),
                },
                plain => plain,
            });
        }
        Ok(Self::Name(name))
    }
}

/// Steps through an array compare the index, not its text; a name that is no index never matches.
impl Token<'_> {
    fn is(self, name: &str) -> bool {
        match self {
            Self::Name(own) => own == name,
            Self::Index(own) => index_of(name) == Some(own),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.segments.iter().try_for_each(|segment| match segment {
            Segment::Any => f.write_str("/*"),
            Segment::Deep => f.write_str("/**"),
            Segment::Name(name) => write_segment(f, name, true),
        })
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({self})")
    }
}

impl FromStr for Pattern {
    type Err = JsonError;

    fn from_str(text: &str) -> Result<Self, JsonError> {
        Self::parse(text)
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}
