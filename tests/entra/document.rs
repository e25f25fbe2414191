//! Every answer to a read against the vendor's document: no member that it does not know, no type, form or
//! word that it does not allow.

use std::collections::BTreeSet;
use std::fs;

use lastgood::json::{Limits, Value, parse};
use lastgood::sim::Body;

use crate::directory::{Directory, shared};

/// Members that beta shows and the document of v1.0 does not have, by the kind's path.
const BETA: [(&str, &str); 1] = [("/identity/conditionalAccess/policies", "partialEnablementStrategy")];

struct Document(Value);

impl Document {
    fn read() -> Option<Self> {
        let text = fs::read(shared("specs/entra/graph-v1.0.identity.openapi.json")?).unwrap();
        Some(Self(parse(&text, &Limits::default()).unwrap()))
    }

    fn follow<'v>(&'v self, schema: &'v Value) -> &'v Value {
        let Some(reference) = schema.get("$ref").and_then(Value::as_str) else { return schema };
        let mut at = &self.0;
        for part in reference.trim_start_matches("#/").split('/') {
            at = at.get(part).unwrap();
        }
        self.follow(at)
    }

    /// The schema of what a GET of this path answers; `None` where the document has no such path.
    fn answer(&self, path: &str) -> Option<&Value> {
        let parts: Vec<&str> = path.split('/').collect();
        let fits = |template: &str| {
            let wanted: Vec<&str> = template.split('/').collect();
            wanted.len() == parts.len()
                && wanted.iter().zip(&parts).all(|(wanted, part)| wanted.starts_with('{') || wanted == part)
        };
        let paths = self.0.get("paths")?.as_object()?;
        // A path that names the part wins over one that takes any.
        let mut found: Vec<(usize, &Value)> = paths
            .iter()
            .filter(|(name, _)| fits(name))
            .map(|(name, path)| (name.matches('{').count(), path))
            .collect();
        found.sort_by_key(|(holes, _)| *holes);
        let answers = found.first()?.1.get("get")?.get("responses")?;
        let answer = self.follow(answers.get("2XX").or_else(|| answers.get("200"))?);
        answer.get("content")?.get("application/json")?.get("schema")
    }

    /// The schema of a type by the name that `@odata.type` has for it.
    fn named(&self, name: &str) -> Option<&Value> {
        self.0.get("components")?.get("schemas")?.get(name.trim_start_matches('#'))
    }

    /// The members of an object, those of what it is made from included.
    fn members<'v>(&'v self, schema: &'v Value, out: &mut Vec<(&'v str, &'v Value)>) {
        let schema = self.follow(schema);
        for part in schema.get("allOf").and_then(Value::as_array).unwrap_or_default() {
            self.members(part, out);
        }
        let own = schema.get("properties").and_then(Value::as_object);
        out.extend(own.into_iter().flat_map(|own| own.iter()));
    }

    fn check(&self, schema: &Value, value: &Value, at: &str, out: &mut BTreeSet<String>) {
        // A member that refers to another type may be empty.
        if value.is_null() && schema.get("$ref").is_some() {
            return;
        }
        let schema = self.follow(schema);
        match value {
            Value::Null if schema.get("nullable") == Some(&true.into()) || schema.get("type").is_none() => {}
            Value::Null if schema.get("type") == Some(&"object".into()) => {}
            Value::Null => {
                out.insert(format!("{at}: null"));
            }
            Value::Object(members) => {
                let schema = members
                    .get("@odata.type")
                    .and_then(Value::as_str)
                    .map_or(Some(schema), |name| self.named(name));
                let Some(schema) = schema else {
                    out.insert(format!("{at}: a type that is not there"));
                    return;
                };
                let mut known = Vec::new();
                self.members(schema, &mut known);
                for (name, member) in members.iter().filter(|(name, _)| !name.starts_with("@odata.")) {
                    match known.iter().find(|(known, _)| *known == name) {
                        Some((_, schema)) => self.check(schema, member, &format!("{at}/{name}"), out),
                        None => {
                            out.insert(format!("{at}/{name}: no such member"));
                        }
                    }
                }
            }
            Value::Array(items) => match schema.get("items") {
                Some(inner) => items.iter().for_each(|item| self.check(inner, item, &format!("{at}/*"), out)),
                None => {
                    out.insert(format!("{at}: a list"));
                }
            },
            plain => {
                out.extend(wrong(schema, plain).map(|what| format!("{at}: {what}")));
            }
        }
    }
}

/// What is wrong with a text, a number or a truth.
fn wrong(schema: &Value, value: &Value) -> Option<String> {
    let word = |name: &str| schema.get(name).and_then(Value::as_str);
    let fits = match word("type") {
        Some("string") => value.as_str().is_some(),
        Some("boolean") => value.as_bool().is_some(),
        Some("integer") => value.as_i64().is_some(),
        Some("number") => value.as_number().is_some(),
        Some(_) => false,
        None => true,
    };
    if !fits {
        return Some(format!("not of type {}", word("type").unwrap_or_default()));
    }
    let text = value.as_str()?;
    let allowed = schema.get("enum").and_then(Value::as_array).unwrap_or_default();
    if !allowed.is_empty() && !allowed.contains(value) {
        return Some(format!("the word {text}"));
    }
    let form = match word("format") {
        Some("date-time") => text.parse::<jiff::Timestamp>().is_ok(),
        Some("uuid") => text.len() == 36 && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit()),
        _ => true,
    };
    (!form).then(|| format!("no {}: {text}", word("format").unwrap_or_default()))
}

#[test]
fn answers_are_as_the_document_says() {
    let Some(document) = Document::read() else { return };
    let directory = Directory::start();
    directory.snapshot();
    let (mut checked, mut rows, mut faults) = (0, 0, BTreeSet::new());
    let targets: BTreeSet<String> =
        directory.asked().into_iter().filter(|asked| asked.status == 200).map(|asked| asked.target).collect();
    for target in targets.iter().filter(|target| !target.ends_with("/token")) {
        let path = target.split('?').next().unwrap();
        let place = path.trim_start_matches("/beta").trim_start_matches("/v1.0");
        let Some(schema) = document.answer(place) else {
            panic!("the document does not have {path}");
        };
        let Body::Json(body) = directory.answer("GET", target, "").body else { panic!("{target}") };
        document.check(schema, &body, place, &mut faults);
        checked += 1;
        rows += body.get("value").and_then(Value::as_array).map_or(0, <[Value]>::len);
    }
    for (place, member) in BETA {
        assert!(
            faults.remove(&format!("{place}/value/*/{member}: no such member")),
            "{member} is in v1.0 by now"
        );
    }
    println!("{checked} answers with {rows} instances checked");
    assert!(faults.is_empty(), "{faults:#?}");
    assert!(checked > 80 && rows > 40, "{checked} answers, {rows} instances");
}

#[test]
fn a_fault_is_seen() {
    let Some(document) = Document::read() else { return };
    let body = br#"{"value":[{"id":1,"accountEnabled":"yes","createdDateTime":"today","glitter":true,"businessPhones":[null]}]}"#;
    let mut faults = BTreeSet::new();
    document.check(
        document.answer("/users").unwrap(),
        &parse(body, &Limits::default()).unwrap(),
        "",
        &mut faults,
    );
    let expected = [
        "/value/*/accountEnabled: not of type boolean",
        "/value/*/businessPhones/*: null",
        "/value/*/createdDateTime: no date-time: today",
        "/value/*/glitter: no such member",
        "/value/*/id: not of type string",
    ];
    assert_eq!(faults.iter().map(String::as_str).collect::<Vec<_>>(), expected);
}
