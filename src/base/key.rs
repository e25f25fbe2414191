//! What a resource is called: its kind and its ids, parents before children.
//!
//! The text form is the `KIND/REF` part of an address (`client_role/9f…/41…`); names for people
//! are a view over the same keys and live in `history`. The encoding is injective: two different
//! keys never give the same text, whatever characters a tenant put into its ids.

use std::fmt;
use std::sync::Arc;

/// The name of a resource type of one provider, as in its catalogue: `policy_rule`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind(Arc<str>);

impl Kind {
    /// A kind by name. The catalogue's validator is what admits names; this does not check.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(Arc::from(name))
    }

    /// The name as the catalogue has it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kind({})", self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Kind {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <String as serde::Deserialize>::deserialize(deserializer)?;
        Ok(Self::new(&text))
    }
}

/// The REF of a singleton.
pub const SINGLETON: &str = "-";

/// The address of a resource within its tenant.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ResourceKey {
    /// Which kind of thing it is.
    pub kind: Kind,
    /// The ids of its parents, outermost first, then its own; never empty.
    pub ids: Vec<String>,
}

impl ResourceKey {
    /// A key with these ids.
    #[must_use]
    pub fn new(kind: &Kind, ids: Vec<String>) -> Self {
        debug_assert!(!ids.is_empty(), "a resource has an id");
        Self { kind: kind.clone(), ids }
    }

    /// The resource's own id: the last of its ids.
    #[must_use]
    pub fn id(&self) -> &str {
        self.ids.last().map_or(SINGLETON, String::as_str)
    }

    /// The ids of what it hangs on, outermost first; empty where it hangs on nothing.
    #[must_use]
    pub fn above(&self) -> &[String] {
        self.ids.split_last().map(|(_, above)| above).unwrap_or_default()
    }

    /// `KIND/REF`, each id percent-encoded; the unique text form, used in addresses and at rest.
    #[must_use]
    pub fn to_path(&self) -> String {
        let length = self.kind.as_str().len() + self.ids.iter().map(|id| id.len() + 1).sum::<usize>();
        let mut out = String::with_capacity(length);
        out.push_str(self.kind.as_str());
        for id in &self.ids {
            out.push('/');
            encode_part(id, &mut out);
        }
        out
    }

    /// Reads what [`Self::to_path`] wrote; `None` for any other text.
    #[must_use]
    pub fn from_path(path: &str) -> Option<Self> {
        let (kind, rest) = path.split_once('/')?;
        if !kind.is_empty() && rest.bytes().all(|byte| is_plain(byte) || byte == b'/') {
            let ids = rest.split('/').map(str::to_owned).collect();
            return Some(Self { kind: Kind::new(kind), ids });
        }
        let ids = rest.split('/').map(decode_part).collect::<Option<Vec<_>>>()?;
        let key = Self { kind: Kind::new(kind), ids };
        (!kind.is_empty() && key.to_path() == path).then_some(key)
    }
}

/// Whether a text is what [`ResourceKey::to_path`] gives for some key.
#[must_use]
pub fn is_path(path: &str) -> bool {
    match path.split_once('/') {
        Some((kind, rest)) if rest.bytes().all(|byte| is_plain(byte) || byte == b'/') => !kind.is_empty(),
        _ => ResourceKey::from_path(path).is_some(),
    }
}

/// Whether a byte stands for itself in an address, whatever is beside it.
fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && !matches!(byte, b'%' | b'/' | b'*' | b'?' | b'[')
}

impl fmt::Display for ResourceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_path())
    }
}

/// Percent-encodes what an address may not hold raw: `%`, `/`, glob signs and control characters.
pub fn encode_part(text: &str, out: &mut String) {
    if text.bytes().all(is_plain) {
        return out.push_str(text);
    }
    for c in text.chars() {
        match c {
            '%' | '/' | '*' | '?' | '[' => push_percent(c, out),
            c if c.is_control() => push_percent(c, out),
            c => out.push(c),
        }
    }
}

fn push_percent(c: char, out: &mut String) {
    let mut buffer = [0; 4];
    for byte in c.encode_utf8(&mut buffer).bytes() {
        out.push('%');
        out.push_str(&data_encoding::HEXUPPER.encode(&[byte]));
    }
}

/// Undoes [`encode_part`]; `None` where a `%` is not followed by two hexadecimal digits or the
/// bytes are not UTF-8.
#[must_use]
pub fn decode_part(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        if first == b'%' {
            let digits = tail.get(..2)?;
            bytes.extend(data_encoding::HEXUPPER_PERMISSIVE.decode(digits).ok()?);
            rest = tail.get(2..)?;
        } else {
            bytes.push(first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn path_is_injective(ids in proptest::collection::vec(".*", 1..4)) {
            let key = ResourceKey::new(&Kind::new("group"), ids);
            prop_assert!(is_path(&key.to_path()));
            prop_assert_eq!(ResourceKey::from_path(&key.to_path()), Some(key));
        }

        #[test]
        fn a_path_is_a_keys_text_and_nothing_else(text in "[a-c]{0,2}(/[a%4F/*~]{0,5}){0,2}") {
            let key = ResourceKey::from_path(&text);
            prop_assert_eq!(is_path(&text), key.is_some());
            prop_assert!(key.is_none_or(|key| key.to_path() == text));
        }
    }

    #[test]
    fn only_the_canonical_text_is_read() {
        assert_eq!(ResourceKey::from_path("group/%41"), None);
        assert_eq!(ResourceKey::from_path("group"), None);
        assert_eq!(ResourceKey::from_path("/a"), None);
    }
}
