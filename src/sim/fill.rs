//! Templates: how a value of a form becomes a value of an answer.
//!
//! A text that is nothing but `{/pointer}` becomes the value there, of any type; where there is
//! none, the member is left out. Within a longer text a placeholder becomes text:
//!
//! | placeholder | what |
//! | --- | --- |
//! | `{id}` | the instance's id |
//! | `{now}` | the time of the request |
//! | `{org}`, `{admin}`, `{host}`, `{org_id}`, `{subdomain}` | the organisation: URLs, host name, id, first part of the host |
//! | `{me}` | the id of the user whose token is used |
//! | `{new:00u}`, `{random:40}`, `{uuid}` | a fresh id with this beginning; that many random signs |
//! | `{appId}` | a placeholder of the path |
//! | `{/name}`, `{parent:/name}`, `{old:/name}`, `{query:/name}`, `{sent:/name}` | a field of the body, its parent, the body before, the query, the body as sent |
//!
//! Braces round anything else stay as they are: the vendor's own expressions have some.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::base::entropy::{Entropy, SeededEntropy};
use crate::catalog::Condition;
use crate::json::{Object, Pattern, Pointer, Value};
use crate::sim::form::{Layer, Stage};

/// The organisation, as answers name it.
#[derive(Clone, Debug)]
pub struct Org {
    /// `https://host` or `http://127.0.0.1:port`.
    pub url: String,
    /// Its id.
    pub id: String,
    /// The user whose token is used.
    pub me: String,
    /// The engine: `idx` or `v1`.
    pub pipeline: String,
    /// What this organisation does otherwise than a new one: a trait by name.
    pub traits: BTreeMap<String, String>,
}

impl Org {
    /// Engine and traits, as conditions name them.
    #[must_use]
    pub fn as_document(&self) -> Value {
        let traits = self.traits.iter().map(|(name, value)| (name.as_str(), Value::from(value.as_str())));
        let mut members = Object::from_pairs(traits);
        members.insert("pipeline", self.pipeline.as_str());
        members.into()
    }

    /// The host name, with the port where there is one.
    #[must_use]
    pub fn host(&self) -> &str {
        self.url.split_once("://").map_or(&self.url, |(_, host)| host)
    }

    /// The host name's first part.
    #[must_use]
    pub fn subdomain(&self) -> &str {
        self.host().split(['.', ':']).next().unwrap_or_default()
    }
}

/// All that a placeholder can name.
pub struct Scope<'a> {
    /// The organisation.
    pub org: &'a Org,
    /// The time of the request.
    pub now: Timestamp,
    /// Where fresh ids come from.
    pub entropy: &'a SeededEntropy,
    /// The instance's id.
    pub id: &'a str,
    /// The placeholders of the path.
    pub params: &'a BTreeMap<String, String>,
    /// Other documents, by the word before the colon.
    pub documents: &'a BTreeMap<&'static str, Value>,
}

const SIGNS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Random letters and digits.
#[must_use]
pub fn random_signs(entropy: &SeededEntropy, count: usize) -> String {
    let mut bytes = vec![0; count];
    entropy.fill(&mut bytes).expect("a seeded stream does not end");
    bytes.iter().map(|byte| char::from(SIGNS[usize::from(*byte) % SIGNS.len()])).collect()
}

/// A fresh id, twenty signs long as the vendor's are.
#[must_use]
pub fn fresh_id(entropy: &SeededEntropy, prefix: &str) -> String {
    format!("{prefix}{}5d7", random_signs(entropy, 17_usize.saturating_sub(prefix.len())))
}

/// A time as the vendor writes it.
#[must_use]
pub fn time_text(at: Timestamp) -> String {
    format!("{at:.3}")
}

impl Scope<'_> {
    fn document<'v>(&'v self, name: &str, body: &'v Value) -> Option<&'v Value> {
        if name.is_empty() { Some(body) } else { self.documents.get(name) }
    }

    fn place<'v>(&'v self, name: &str, body: &'v Value) -> Option<Option<&'v Value>> {
        let colon = name.find('/')?;
        let (of, at) = name.split_at(colon);
        let document = self.document(of.trim_end_matches(':'), body);
        let pointer = Pointer::parse(at).ok()?;
        Some(document.and_then(|document| pointer.get(document)))
    }

    fn text(&self, name: &str, body: &Value) -> Option<String> {
        if let Some(found) = self.place(name, body) {
            return Some(match found {
                Some(Value::String(text)) => text.clone(),
                Some(Value::Number(number)) => number.as_str().to_owned(),
                Some(Value::Bool(value)) => value.to_string(),
                _ => String::new(),
            });
        }
        Some(match name {
            "id" => self.id.to_owned(),
            "now" => time_text(self.now),
            "org" => self.org.url.clone(),
            "admin" => admin_url(self.org),
            "host" => self.org.host().to_owned(),
            "org_id" => self.org.id.clone(),
            "subdomain" => self.org.subdomain().to_owned(),
            "me" => self.org.me.clone(),
            "uuid" => uuid(self.entropy),
            _ => match name.split_once(':') {
                Some(("new", prefix)) => fresh_id(self.entropy, prefix),
                Some(("random", count)) => random_signs(self.entropy, count.parse().ok()?),
                _ => self.params.get(name)?.clone(),
            },
        })
    }

    /// The value of a template; `None` where it is a field that is not there.
    #[must_use]
    pub fn render(&self, template: &Value, body: &Value) -> Option<Value> {
        Some(match template {
            Value::String(text) => return self.render_text(text, body),
            Value::Array(elements) => elements.iter().filter_map(|value| self.render(value, body)).collect(),
            Value::Object(members) => {
                let mut out = Object::new();
                for (name, value) in members.iter() {
                    if let Some(value) = self.render(value, body) {
                        out.insert(self.interpolate(name, body), value);
                    }
                }
                out.into()
            }
            other => other.clone(),
        })
    }

    fn render_text(&self, text: &str, body: &Value) -> Option<Value> {
        let whole = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        let whole = whole.filter(|name| !name.contains(['{', '}']));
        if let Some(found) = whole.and_then(|name| self.place(name, body)) {
            return found.cloned();
        }
        Some(self.interpolate(text, body).into())
    }

    /// A text with its placeholders filled.
    #[must_use]
    pub fn interpolate(&self, text: &str, body: &Value) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            let Some(close) = rest[open..].find('}') else { break };
            let name = &rest[open + 1..open + close];
            let own = rest[..open].ends_with('$');
            out.push_str(&rest[..open]);
            match if own { None } else { self.text(name, body) } {
                Some(value) => out.push_str(&value),
                None => out.push_str(&rest[open..=open + close]),
            }
            rest = &rest[open + close + 1..];
        }
        out.push_str(rest);
        out
    }

    /// Whether conditions hold of the body and the other documents.
    #[must_use]
    pub fn holds(&self, conditions: &[Condition], body: &Value) -> bool {
        conditions.iter().all(|condition| {
            let of = condition.of.as_ref().map_or("", |of| of.as_str());
            self.document(of, body).is_some_and(|document| condition.holds(document))
        })
    }

    /// Applies every layer of a stage.
    pub fn apply(&self, layers: &[Layer], stage: Stage, body: &mut Value) {
        for layer in layers.iter().filter(|layer| layer.on.contains(&stage)) {
            match &layer.within {
                None => self.apply_one(layer, body),
                Some(pattern) => {
                    let pattern: &Pattern = pattern;
                    pattern.visit_mut(body, |_, value| self.apply_one(layer, value));
                }
            }
        }
    }

    fn apply_one(&self, layer: &Layer, body: &mut Value) {
        if !self.holds(&layer.when, body) {
            return;
        }
        for pattern in &layer.drop {
            pattern.remove_all(body);
        }
        if let Some(fill) = &layer.fill {
            let whole = body.clone();
            self.fill(&fill.0, body, &whole, layer.null_is_missing);
        }
        if let Some(set) = &layer.set {
            let whole = body.clone();
            if let Some(value) = self.render(&set.0, &whole) {
                merge(body, value);
            }
        }
    }

    fn fill(&self, template: &Value, body: &mut Value, whole: &Value, null_is_missing: bool) {
        let (Value::Object(template), Value::Object(members)) = (template, body) else { return };
        for (name, value) in template.iter() {
            let name = self.interpolate(name, whole);
            match members.get_mut(&name) {
                Some(Value::Null) if null_is_missing => {
                    members.remove(&name);
                }
                Some(found) => {
                    self.fill(value, found, whole, null_is_missing);
                    continue;
                }
                None => {}
            }
            if let Some(value) = self.render(value, whole) {
                members.insert(name, value);
            }
        }
    }
}

/// Puts every member of `over` into `body`; what is no object replaces.
pub fn merge(body: &mut Value, over: Value) {
    match (body, over) {
        (Value::Object(members), Value::Object(over)) => {
            for (name, value) in over {
                match members.get_mut(&name) {
                    Some(found) => merge(found, value),
                    None => {
                        members.insert(name, value);
                    }
                }
            }
        }
        (body, over) => *body = over,
    }
}

fn admin_url(org: &Org) -> String {
    match org.url.split_once('.') {
        Some((first, rest)) if org.url.starts_with("https://") => format!("{first}-admin.{rest}"),
        _ => org.url.clone(),
    }
}

pub(super) fn uuid(entropy: &SeededEntropy) -> String {
    let mut bytes = [0_u8; 16];
    entropy.fill(&mut bytes).expect("a seeded stream does not end");
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = data_encoding::HEXLOWER.encode(&bytes);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}
