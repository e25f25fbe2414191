//! JSON Pointer (RFC 6901): the address of one value inside a document.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::json::{JsonError, Value};

/// The way from the root of a document to one value. Segments are held unescaped.
///
/// The order is that of the segments as text: `/10` sorts before `/9`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Pointer {
    segments: Vec<String>,
}

/// The array index that a segment names: decimal digits without a leading zero.
pub(super) fn index_of(segment: &str) -> Option<usize> {
    let digits = segment.bytes().all(|b| b.is_ascii_digit());
    if !digits || (segment.len() > 1 && segment.starts_with('0')) {
        return None;
    }
    segment.parse().ok()
}

/// Appends a segment with `~` and `/` escaped, and stars too where a pattern needs it.
pub(super) fn write_segment(f: &mut fmt::Formatter<'_>, segment: &str, stars: bool) -> fmt::Result {
    let text = segment.replace('~', "~0").replace('/', "~1");
    match stars {
        true => write!(f, "/{}", text.replace('*', "~*")),
        false => write!(f, "/{text}"),
    }
}

impl Pointer {
    /// The whole document.
    pub fn root() -> Self {
        Self::default()
    }

    /// Reads the text form: empty, or segments with a `/` before each; `~0` is `~`, `~1` is `/`.
    ///
    /// # Errors
    /// [`JsonError::BadPointer`].
    pub fn parse(text: &str) -> Result<Self, JsonError> {
        if text.is_empty() {
            return Ok(Self::root());
        }
        let bad = |at, what| Err(JsonError::BadPointer { at, what });
        let Some(rest) = text.strip_prefix('/') else {
            return bad(0, "it must be empty or begin with `/`");
        };
        let escapes = text.match_indices('~');
        for (at, _) in escapes {
            if !matches!(text.as_bytes().get(at + 1), Some(b'0' | b'1')) {
                return bad(at, "`~` must be followed by 0 or 1");
            }
        }
        let unescape = |segment: &str| segment.replace("~1", "/").replace("~0", "~");
        Ok(Self { segments: rest.split('/').map(unescape).collect() })
    }

    /// A pointer of these segments, unescaped.
    pub fn from_segments<S: Into<String>>(segments: impl IntoIterator<Item = S>) -> Self {
        Self { segments: segments.into_iter().map(Into::into).collect() }
    }

    /// The segments, unescaped.
    pub fn segments(&self) -> impl ExactSizeIterator<Item = &str> + DoubleEndedIterator {
        self.segments.iter().map(String::as_str)
    }

    /// The last segment; none for the root.
    pub fn last(&self) -> Option<&str> {
        self.segments.last().map(String::as_str)
    }

    /// Number of segments; 0 for the root.
    pub fn len(&self) -> usize {
        self.segments.len()
    }

    /// True for the root.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// Goes one level down, by a member name or an index.
    pub fn push(&mut self, segment: impl Into<String>) {
        self.segments.push(segment.into());
    }

    /// Goes one level up and returns the segment that was last.
    pub fn pop(&mut self) -> Option<String> {
        self.segments.pop()
    }

    /// The pointer one level down.
    #[must_use]
    pub fn join(&self, segment: impl Into<String>) -> Self {
        let mut child = self.clone();
        child.push(segment);
        child
    }

    /// The pointer one level up; none for the root.
    pub fn parent(&self) -> Option<Self> {
        let (_, above) = self.segments.split_last()?;
        Some(Self { segments: above.to_vec() })
    }

    /// True if `other` is this value or stands above it.
    pub fn starts_with(&self, other: &Self) -> bool {
        self.segments.starts_with(&other.segments)
    }

    /// The value at this place.
    pub fn get<'v>(&self, document: &'v Value) -> Option<&'v Value> {
        self.segments.iter().try_fold(document, |value, segment| match value {
            Value::Object(object) => object.get(segment),
            Value::Array(elements) => elements.get(index_of(segment)?),
            _ => None,
        })
    }

    /// The value at this place, to change it.
    pub fn get_mut<'v>(&self, document: &'v mut Value) -> Option<&'v mut Value> {
        descend(&self.segments, document)
    }

    /// Puts a value at this place and returns what was there.
    ///
    /// The place above must exist. A member is added or replaced. In an array an index replaces,
    /// the index just behind the end and `-` append.
    ///
    /// # Errors
    /// [`JsonError::NoPlace`]; the document is unchanged.
    pub fn set(&self, document: &mut Value, value: impl Into<Value>) -> Result<Option<Value>, JsonError> {
        let value = value.into();
        let no_place = || JsonError::NoPlace { pointer: self.clone() };
        let Some((last, above)) = self.segments.split_last() else {
            return Ok(Some(std::mem::replace(document, value)));
        };
        match descend(above, document).ok_or_else(no_place)? {
            Value::Object(object) => Ok(object.insert(last.as_str(), value)),
            Value::Array(elements) => {
                let index = if last == "-" { Some(elements.len()) } else { index_of(last) };
                match index {
                    Some(i) if i < elements.len() => Ok(Some(std::mem::replace(&mut elements[i], value))),
                    Some(i) if i == elements.len() => {
                        elements.push(value);
                        Ok(None)
                    }
                    _ => Err(no_place()),
                }
            }
            _ => Err(no_place()),
        }
    }

    /// Takes out the value at this place; elements behind it move up. The root cannot be removed.
    pub fn remove(&self, document: &mut Value) -> Option<Value> {
        let (last, above) = self.segments.split_last()?;
        match descend(above, document)? {
            Value::Object(object) => object.remove(last),
            Value::Array(elements) => {
                let index = index_of(last).filter(|i| *i < elements.len())?;
                Some(elements.remove(index))
            }
            _ => None,
        }
    }
}

fn descend<'v>(segments: &[String], document: &'v mut Value) -> Option<&'v mut Value> {
    segments.iter().try_fold(document, |value, segment| match value {
        Value::Object(object) => object.get_mut(segment),
        Value::Array(elements) => elements.get_mut(index_of(segment)?),
        _ => None,
    })
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.segments.iter().try_for_each(|segment| write_segment(f, segment, false))
    }
}

impl fmt::Debug for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pointer({self})")
    }
}

impl FromStr for Pointer {
    type Err = JsonError;

    fn from_str(text: &str) -> Result<Self, JsonError> {
        Self::parse(text)
    }
}

impl Serialize for Pointer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Pointer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}
