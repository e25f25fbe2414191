//! Another value of its sort for every value of a body: what an administrator changes.
//!
//! A word that the document counts becomes another one of them, a place that names an instance names another
//! one of its kind. What is fixed, secret or named in `data/kinds.toml` as unchanged stays.

use lastgood::base::key::ResourceKey;
use lastgood::catalog::{KindSpec, RefBy, Reference};
use lastgood::json::{Pattern, Pointer, Value};

use super::case::KindCase;
use super::writable::Fields;

/// What there is to choose from.
pub(super) struct Others<'t> {
    case: &'t KindCase,
    /// Places that stay.
    held: Vec<Pattern>,
    /// The words of a place.
    words: Vec<(Pattern, &'t [String])>,
    /// The instances that a place may name.
    named: Vec<(Pattern, Names<'t>)>,
}

impl<'t> Others<'t> {
    pub(super) fn of(
        spec: &'t KindSpec,
        case: &'t KindCase,
        key: &'t ResourceKey,
        keys: &'t [ResourceKey],
        fields: &'t Fields,
    ) -> Self {
        let named = case.another.keys().map(|at| Pattern::parse(&at.to_string()).unwrap());
        let held = spec.fixed.iter().chain(spec.secret.iter().map(|secret| &secret.at)).cloned().chain(named);
        let counted = fields.iter().filter(|(_, field)| !field.variant && field.words.len() > 1);
        let words = counted.flat_map(|(at, field)| {
            [at.clone(), format!("{at}/*")].map(|at| (Pattern::parse(&at).unwrap(), field.words.as_slice()))
        });
        let others = |reference: &Reference| -> Vec<&'t str> {
            let all = keys.iter().filter(|other| reference.to.contains(&other.kind));
            all.map(ResourceKey::id).filter(|id| *id != key.id()).collect()
        };
        let named = spec.refs.iter().map(|reference| {
            let names = match reference.by {
                RefBy::Id if reference.to.len() == 1 => Names::Ids(others(reference)),
                RefBy::Expression => Names::Text,
                _ => Names::Ids(Vec::new()),
            };
            (reference.at.clone(), names)
        });
        Self { case, held: held.collect(), words: words.collect(), named: named.collect() }
    }

    /// Gives every value another one of its sort.
    pub(super) fn mutate(&self, value: &mut Value, at: &mut Pointer) {
        if self.held.iter().any(|pattern| pattern.matches(at)) || self.stays(at) {
            return;
        }
        match value {
            Value::Bool(flag) => *value = (!*flag).into(),
            Value::Number(number) => {
                if let Ok(whole) = number.as_str().parse::<i64>() {
                    *value = (whole + 1).into();
                }
            }
            Value::String(text) => {
                if let Some(other) = self.text(text, at) {
                    *value = other.into();
                }
            }
            Value::Object(members) => {
                let names: Vec<String> = members.iter().map(|(name, _)| name.to_owned()).collect();
                for name in names {
                    at.push(&name);
                    if let Some(member) = members.get_mut(&name) {
                        self.mutate(member, at);
                    }
                    at.pop();
                }
            }
            Value::Array(items) => {
                if let Some(words) = self.words_at(&at.join("0")) {
                    self.words_of(items, words);
                    return;
                }
                for (place, item) in items.iter_mut().enumerate() {
                    at.push(place.to_string());
                    self.mutate(item, at);
                    at.pop();
                }
            }
            Value::Null => {}
        }
    }

    fn stays(&self, at: &Pointer) -> bool {
        let place = at.to_string();
        self.case.unchanged.contains_key(&place)
    }

    fn words_at(&self, at: &Pointer) -> Option<&'t [String]> {
        self.words.iter().find(|(pattern, _)| pattern.matches(at)).map(|(_, words)| *words)
    }

    /// Other words in a list of words: one that is not in it, else one fewer.
    fn words_of(&self, items: &mut Vec<Value>, words: &[String]) {
        let new = words.iter().find(|word| !items.iter().any(|item| item.as_str() == Some(word)));
        match new {
            Some(word) => items.push(word.as_str().into()),
            None => drop(items.pop()),
        }
    }

    /// Another text; `None` where there is none by chance.
    fn text(&self, text: &str, at: &Pointer) -> Option<String> {
        let words = self.words_at(at);
        let names = self.named.iter().find(|(pattern, _)| pattern.matches(at));
        if let Some((_, names)) = names.filter(|_| words.is_none()) {
            return match names {
                Names::Ids(ids) if is_id(text) || ids.contains(&text) => {
                    ids.iter().find(|id| **id != text).map(|id| (*id).to_owned())
                }
                Names::Ids(_) => None,
                Names::Text if text.starts_with("orn:") || text.contains("://") => None,
                Names::Text => Some(format!("{text} or false")),
            };
        }
        if let Some(words) = words {
            return words.iter().find(|word| *word != text).cloned();
        }
        of_its_sort(text)
    }
}

/// The instances that a place may name.
enum Names<'t> {
    /// By id.
    Ids(Vec<&'t str>),
    /// Within a text.
    Text,
}

/// Another text of the same sort: a time, a length of time, a country, a number, a key of capitals and digits.
fn of_its_sort(text: &str) -> Option<String> {
    let all = |fits: fn(char) -> bool| !text.is_empty() && text.chars().all(fits);
    let other = |one: &str, two: &str| Some(if text == one { two } else { one }.to_owned());
    let digits = text.chars().any(|sign| sign.is_ascii_digit());
    if is_id(text) {
        return None;
    }
    if text.starts_with("20") && text.ends_with('Z') {
        return other("2031-05-01T00:00:00Z", "2032-05-01T00:00:00Z");
    }
    if text.starts_with('P') && digits && all(|sign| "PTYMWDHS0123456789".contains(sign)) {
        return if text.contains('T') { other("PT3H", "PT4H") } else { other("P3D", "P4D") };
    }
    if text.len() == 2 && all(|sign| sign.is_ascii_uppercase()) {
        return other("SE", "DK");
    }
    if let Ok(number) = text.parse::<u64>() {
        return Some(format!("{:0width$}", number + 1, width = text.len()));
    }
    if digits && text.len() >= 10 && all(|sign| sign.is_ascii_uppercase() || sign.is_ascii_digit()) {
        return Some(text.chars().rev().collect());
    }
    // A word of the vendor's own has no other by chance.
    let word = all(|sign| sign.is_ascii_uppercase() || "_0123456789".contains(sign));
    (!word).then(|| format!("{text}-x"))
}

fn is_id(text: &str) -> bool {
    text.len() == 20 && text.chars().all(|sign| sign.is_ascii_alphanumeric())
}
