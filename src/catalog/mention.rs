//! How a field's text names a resource.

use crate::catalog::spec::{KindSpec, RefBy, Reference};
use crate::json::{Pointer, Value};

/// A field that names a resource.
pub struct Mention<'a> {
    /// By which reference of the catalogue.
    pub reference: &'a Reference,
    /// Where.
    pub at: Pointer,
    /// The text that it names it by.
    pub text: String,
}

impl RefBy {
    /// The texts by which a field names resources; of an expression each part that can be an id.
    #[must_use]
    pub fn names_in(self, value: &Value) -> Vec<String> {
        let Some(own) = plain_text(value) else { return Vec::new() };
        match self {
            Self::Id | Self::Name | Self::Path => vec![own],
            Self::Url => own.rsplit('/').next().map(str::to_owned).into_iter().collect(),
            Self::Expression => words(&own).map(str::to_owned).collect(),
        }
    }
}

/// What a URL ends in, or the text itself.
#[must_use]
pub(crate) fn last_of(url: &str) -> &str {
    url.trim_end_matches('/').rsplit('/').next().unwrap_or(url)
}

impl KindSpec {
    /// The references of an edge that name its far end: those that stand where its id stands.
    pub fn far_ends(&self) -> impl Iterator<Item = &Reference> {
        self.refs.iter().filter(|reference| {
            reference.by == RefBy::Id && reference.at.as_pointer().is_some_and(|at| Some(at) == self.id)
        })
    }

    /// Every field of a body that names a resource.
    pub fn mentions<'a>(&'a self, body: &'a Value) -> impl Iterator<Item = Mention<'a>> {
        self.refs.iter().flat_map(move |reference| {
            let found = reference.at.find(body).into_iter();
            found.flat_map(move |(at, value)| {
                let texts = reference.by.names_in(value).into_iter();
                texts.map(move |text| Mention { reference, at: at.clone(), text })
            })
        })
    }
}

/// The text of a value that can be an id or a name.
#[must_use]
pub(crate) fn plain_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.as_str().to_owned()),
        _ => None,
    }
}

/// The parts of a text that can be ids.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && !matches!(c, '-' | '_')).filter(|word| !word.is_empty())
}
