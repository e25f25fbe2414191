//! Which secrets an apply needs from a person, and under which names they are given.

use std::collections::BTreeMap;

use crate::base::key::ResourceKey;
use crate::json::Pointer;
use crate::restore::SecretAt;
use crate::restore::form::{Plan, SecretInput, Step};
use crate::restore::placeholder::{self, Found};

/// The stored secrets that a plan would write, each with the name under which a new value is given in
/// its place (`--rotate`).
#[must_use]
pub fn stored(plan: &Plan) -> BTreeMap<SecretAt, SecretInput> {
    let mut found: BTreeMap<SecretAt, SecretInput> = BTreeMap::new();
    for step in &plan.steps {
        for (at, secret) in stored_of(step) {
            if found.contains_key(&secret) {
                continue;
            }
            let own = step.name.rsplit('/').next().unwrap_or_default();
            let taken =
                |name: &str| plan.secrets.iter().chain(found.values()).any(|asked| asked.input == name);
            let input = free_name(&step.key, own, &at, taken);
            let how = format!(
                "a new value in place of the stored one: give `{input}` in the file of `--secrets`, or type it when asked"
            );
            found.insert(secret, SecretInput { input, key: step.key.clone(), pointer: at, how });
        }
    }
    found
}

/// The stored secrets of one step, with their places in what is sent.
pub(crate) fn stored_of(step: &Step) -> Vec<(Pointer, SecretAt)> {
    let bodies = step.requests.iter().filter_map(|request| request.body.as_ref());
    let all = bodies.flat_map(placeholder::all);
    all.filter_map(|(at, found)| match found {
        Found::Secret(secret) => Some((at, secret)),
        _ => None,
    })
    .collect()
}

/// A name for a secret that is not taken: `CLIENT_SHOP_SECRET`.
pub(crate) fn free_name(key: &ResourceKey, name: &str, at: &Pointer, taken: impl Fn(&str) -> bool) -> String {
    let parts: Vec<&str> = [key.kind.as_str(), name].into_iter().chain(at.segments()).collect();
    let text = parts.join("_").to_uppercase();
    let plain: String = text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let words: Vec<&str> = plain.split('_').filter(|word| !word.is_empty()).collect();
    let stem = words.join("_");
    let numbered = (2..).map(|number| format!("{stem}_{number}"));
    std::iter::once(stem.clone()).chain(numbered).find(|name| !taken(name)).expect("numbers do not end")
}
