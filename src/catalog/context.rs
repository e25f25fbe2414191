//! What surrounds a resource when a path is filled or a condition is asked: its own body, its
//! parents' bodies, the singletons of the tenant and the configured settings.

use std::collections::BTreeMap;

use crate::base::key::Kind;
use crate::catalog::condition::Condition;
use crate::catalog::spec::{KindSpec, Provider};
use crate::catalog::template::{Template, Unfilled};
use crate::json::Value;

/// The name under which the row at hand is known to parameters, whatever its kind.
const ROW: &str = "row";

/// The surroundings of one resource. Cheap to clone: bodies are borrowed.
#[derive(Clone)]
pub struct Context<'a> {
    provider: &'a Provider,
    settings: &'a BTreeMap<String, String>,
    /// Nearest first.
    chain: Vec<(Kind, &'a Value)>,
    /// Placeholders that take a value of a fixed list.
    values: BTreeMap<String, String>,
}

impl<'a> Context<'a> {
    /// Surroundings that hold nothing but the tenant's settings.
    #[must_use]
    pub fn new(provider: &'a Provider, settings: &'a BTreeMap<String, String>) -> Self {
        Self { provider, settings, chain: Vec::new(), values: BTreeMap::new() }
    }

    /// The same with one more body, nearer than all others.
    #[must_use]
    pub fn with(&self, kind: &Kind, body: &'a Value) -> Self {
        let mut inner = self.clone();
        inner.chain.insert(0, (kind.clone(), body));
        inner
    }

    /// The same with a placeholder set to a value of a fixed list.
    #[must_use]
    pub fn with_value(&self, placeholder: &str, value: &str) -> Self {
        let mut inner = self.clone();
        inner.values.insert(placeholder.into(), value.into());
        inner
    }

    /// The nearest body of this kind; `row` is the nearest of all.
    #[must_use]
    pub fn body(&self, kind: &Kind) -> Option<&'a Value> {
        let found = if kind.as_str() == ROW {
            self.chain.first()
        } else {
            self.chain.iter().find(|(known, _)| known == kind)
        };
        found.map(|(_, body)| *body)
    }

    /// The value of a placeholder as `spec` means it.
    #[must_use]
    pub fn value(&self, spec: &KindSpec, placeholder: &str) -> Option<String> {
        if let Some(value) = self.values.get(placeholder) {
            return Some(value.clone());
        }
        let params = spec.params.get(placeholder).or_else(|| self.provider.params.get(placeholder));
        if let Some(params) = params {
            return params.iter().find_map(|param| {
                let found = text(param.at.get(self.body(&param.of)?)?)?;
                Some(param.part(&found).to_owned())
            });
        }
        self.settings.get(placeholder).cloned()
    }

    /// The path of an operation of `spec` in these surroundings.
    ///
    /// # Errors
    /// Names the placeholder that nothing fills.
    pub fn fill(&self, spec: &KindSpec, template: &Template) -> Result<String, Unfilled> {
        template.fill(|placeholder| self.value(spec, placeholder))
    }

    /// Whether all conditions hold; one without `of` is asked of the nearest body. A condition on
    /// a kind of which nothing is known here does not hold.
    #[must_use]
    pub fn satisfies(&self, conditions: &[Condition]) -> bool {
        conditions.iter().all(|condition| {
            let body = match &condition.of {
                Some(kind) => self.body(kind),
                None => self.chain.first().map(|(_, body)| *body),
            };
            body.is_some_and(|body| condition.holds(body))
        })
    }
}

/// A scalar as it stands in a path.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.as_str().to_owned()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

impl Provider {
    /// Whether anything that is asked of the tenant needs this setting: kinds that are only declared
    /// ask for nothing.
    #[must_use]
    pub fn needs_setting(&self, setting: &str) -> bool {
        let read = self.kinds.iter().filter(|spec| spec.unread.is_none());
        let paths = read.flat_map(|spec| spec.gets()).chain([self.identity.path.bare()]);
        let token = self.auth.token.as_ref().map(Template::bare);
        let texts = self.auth.extra.values().chain(&self.auth.at).cloned();
        let named = format!("{{{setting}}}");
        let by_param = |name: &str| {
            let meant = self.params.get(name).into_iter().flatten();
            meant.into_iter().any(|param| param.of.as_str() == "setting" && param.at.last() == Some(setting))
        };
        let needs = |text: &str| {
            text == setting
                || text.contains(&named)
                || Template::parse(text).is_ok_and(|path| path.placeholders().any(by_param))
        };
        paths.chain(token).chain(texts).any(|text| needs(&text))
    }
}
