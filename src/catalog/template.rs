//! Paths as the vendor's document writes them: `/users/{user-id}/groups?briefRepresentation=false`.
//!
//! A template is kept verbatim so that it can be compared with the document, and filled with
//! percent-encoded values so that no id can climb out of its place in the path.

use serde::Deserialize;

/// A path with placeholders and, where the call always needs one, a fixed query.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Template(String);

/// Why a text is not a template.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// It does not start with a slash.
    #[error("`{0}`: a path starts with `/`")]
    Relative(String),
    /// A brace without its partner.
    #[error("`{0}`: unbalanced `{{` or `}}`")]
    Unbalanced(String),
    /// A call without a known method.
    #[error("`{0}`: expected `METHOD /path`")]
    Method(String),
}

/// A placeholder that nothing filled.
#[derive(Debug, thiserror::Error)]
#[error("nothing fills `{{{placeholder}}}` in `{template}`: the field that should is missing or empty")]
pub struct Unfilled {
    /// The placeholder.
    pub placeholder: String,
    /// The whole template.
    pub template: String,
}

/// The names between braces of any text, in order.
pub(super) fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    text.split('{').skip(1).filter_map(|part| part.split('}').next())
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// It must start with `/` and have balanced braces.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        if !text.starts_with('/') {
            return Err(TemplateError::Relative(text.into()));
        }
        let mut open = false;
        for c in text.chars() {
            match (c, open) {
                ('{', false) => open = true,
                ('}', true) => open = false,
                ('{' | '}', _) => return Err(TemplateError::Unbalanced(text.into())),
                _ => {}
            }
        }
        if open { Err(TemplateError::Unbalanced(text.into())) } else { Ok(Self(text.into())) }
    }

    /// The text as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path without its query: the name of the operation in the vendor's document.
    #[must_use]
    pub fn bare(&self) -> String {
        self.0.split('?').next().unwrap_or_default().to_owned()
    }

    /// The names between braces, in order.
    pub fn placeholders(&self) -> impl Iterator<Item = &str> {
        placeholders(&self.0)
    }

    /// Puts a value in each placeholder, percent-encoded.
    ///
    /// # Errors
    /// Names the first placeholder for which `value` gives nothing, or gives an empty text: a path
    /// with an empty part would be another operation.
    pub fn fill(&self, value: impl Fn(&str) -> Option<String>) -> Result<String, Unfilled> {
        let mut out = String::with_capacity(self.0.len() + 32);
        let mut parts = self.0.split('{');
        out.push_str(parts.next().unwrap_or_default());
        for part in parts {
            let (name, rest) = part.split_once('}').unwrap_or((part, ""));
            let text = value(name)
                .filter(|text| !text.is_empty())
                .ok_or_else(|| Unfilled { placeholder: name.into(), template: self.0.clone() })?;
            percent_encode(&text, &mut out);
            out.push_str(rest);
        }
        Ok(out)
    }
}

/// Encodes all but RFC 3986's unreserved characters. A part that is only dots is encoded too, or
/// a client would take it for a step in the tree.
fn percent_encode(text: &str, out: &mut String) {
    let dots = text.bytes().all(|byte| byte == b'.');
    for byte in text.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"-_~".contains(&byte) || (byte == b'.' && !dots);
        if plain {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push_str(&data_encoding::HEXUPPER.encode(&[byte]));
        }
    }
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// A method that writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// Create, or act.
    Post,
    /// Replace or set.
    Put,
    /// Change some fields.
    Patch,
    /// Remove.
    Delete,
}

impl Method {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// `METHOD /path`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Call {
    /// How.
    pub method: Method,
    /// Where.
    pub path: Template,
}

impl<'de> Deserialize<'de> for Call {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = || serde::de::Error::custom(TemplateError::Method(text.clone()));
        let (method, path) = text.split_once(' ').ok_or_else(wrong)?;
        let method = [Method::Post, Method::Put, Method::Patch, Method::Delete]
            .into_iter()
            .find(|known| known.as_str() == method)
            .ok_or_else(wrong)?;
        Ok(Self { method, path: Template::parse(path).map_err(serde::de::Error::custom)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_cannot_leave_their_place() {
        let template = Template::parse("/a/{x}/b?c=1").unwrap();
        let fill = |value: &str| template.fill(|_| Some(value.to_owned()));
        assert_eq!(fill("k/é ?").unwrap(), "/a/k%2F%C3%A9%20%3F/b?c=1");
        assert_eq!(fill("..").unwrap(), "/a/%2E%2E/b?c=1");
        assert_eq!(fill("a.b").unwrap(), "/a/a.b/b?c=1");
        assert!(fill("").is_err());
        assert_eq!(template.bare(), "/a/{x}/b");
    }

    #[test]
    fn malformed_templates_are_refused() {
        for text in ["a", "/a/{x", "/a/x}", "/a/{{x}}", "/a/}x{"] {
            assert!(Template::parse(text).is_err(), "{text}");
        }
    }
}
