//! Every answer against the vendor's document.
//!
//! The vendor's own answers leave its document in many places. What the simulator may deviate in
//! is what the list of known deviations names and what the recorded answers show, no more.

use std::collections::BTreeSet;
use std::fs;

use lastgood::json::{Limits, Object, Value, parse};

use crate::recording::{Scenario, scenarios, shared};
use crate::replay::answers;

/// Where an answer leaves the document: path, field with `*` for any element, and how.
type Deviation = (String, String, &'static str);

struct Document {
    root: Value,
}

impl Document {
    fn read() -> Option<Self> {
        let text = fs::read(shared("specs/okta/management.json")?).unwrap();
        Some(Self { root: parse(&text, &Limits::default()).unwrap() })
    }

    /// The schema of an answer; `None` where the document has none.
    fn schema(&self, method: &str, template: &str, status: u16) -> Option<&Value> {
        let operation = self.root.get("paths")?.get(template)?.get(&method.to_lowercase())?;
        let answer = self.follow(operation.get("responses")?.get(&status.to_string())?);
        answer.get("content")?.get("application/json")?.get("schema")
    }

    fn follow<'v>(&'v self, schema: &'v Value) -> &'v Value {
        let Some(reference) = schema.get("$ref").and_then(Value::as_str) else { return schema };
        let mut at = &self.root;
        for part in reference.trim_start_matches("#/").split('/') {
            match at.get(part) {
                Some(inner) => at = inner,
                None => return schema,
            }
        }
        self.follow(at)
    }

    fn check(
        &self,
        schema: &Value,
        value: &Value,
        at: &str,
        depth: usize,
        out: &mut Vec<(String, &'static str)>,
    ) {
        let schema = self.follow(schema);
        if depth > 40 {
            return;
        }
        if value.is_null() {
            let nullable = schema.get("nullable").and_then(Value::as_bool) == Some(true);
            let typed = schema.get("type").is_some();
            if typed && !nullable {
                out.push((at.to_owned(), "type"));
            }
            return;
        }
        for part in list(schema, "allOf") {
            self.check(part, value, at, depth + 1, out);
        }
        self.check_one_of(schema, value, at, depth, out);
        if let Some(word) = schema.get("type").and_then(Value::as_str)
            && !is_of(value, word)
        {
            out.push((at.to_owned(), "type"));
            return;
        }
        let allowed = list(schema, "enum");
        if !allowed.is_empty() && !allowed.contains(value) {
            out.push((at.to_owned(), "enum"));
        }
        if let (Some(properties), Some(members)) =
            (schema.get("properties").and_then(Value::as_object), value.as_object())
        {
            self.check_members(properties, members, at, depth, out);
        }
        if let (Some(items), Some(elements)) = (schema.get("items"), value.as_array()) {
            let inner = if at.is_empty() { "*".to_owned() } else { format!("{at}.*") };
            for element in elements {
                self.check(items, element, &inner, depth + 1, out);
            }
        }
    }

    fn check_members(
        &self,
        properties: &Object,
        members: &Object,
        at: &str,
        depth: usize,
        out: &mut Vec<(String, &'static str)>,
    ) {
        for (name, value) in members.iter() {
            let Some(property) = properties.get(name) else { continue };
            let inner = if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
            self.check(property, value, &inner, depth + 1, out);
        }
    }

    /// One of several must fit: the one that the discriminator names, or any.
    fn check_one_of(
        &self,
        schema: &Value,
        value: &Value,
        at: &str,
        depth: usize,
        out: &mut Vec<(String, &'static str)>,
    ) {
        let named = schema.get("discriminator").and_then(|found| {
            let property = found.get("propertyName")?.as_str()?;
            let word = value.get(property)?.as_str()?;
            found.get("mapping")?.get(word)?.as_str()
        });
        if let Some(reference) = named {
            let target = Object::from_pairs([("$ref", Value::from(reference))]).into();
            let found = self.follow(&target);
            // A schema that lists its own children is checked once.
            if !std::ptr::eq(found, schema) && depth < 12 {
                self.check(found, value, at, depth + 20, out);
            }
            return;
        }
        for word in ["oneOf", "anyOf"] {
            let choices = list(schema, word);
            if choices.is_empty() {
                continue;
            }
            let faults = choices.iter().map(|choice| {
                let mut inner = Vec::new();
                self.check(choice, value, at, depth + 1, &mut inner);
                inner
            });
            out.extend(faults.min_by_key(Vec::len).unwrap_or_default());
        }
    }
}

fn list<'v>(schema: &'v Value, name: &str) -> &'v [Value] {
    schema.get(name).and_then(Value::as_array).unwrap_or_default()
}

fn is_of(value: &Value, word: &str) -> bool {
    match word {
        "object" => value.as_object().is_some(),
        "array" => value.as_array().is_some(),
        "string" => value.as_str().is_some(),
        "boolean" => value.as_bool().is_some(),
        "integer" => value.as_i64().is_some(),
        "number" => value.as_number().is_some(),
        _ => true,
    }
}

fn deviations(
    document: &Document,
    method: &str,
    template: &str,
    status: u16,
    body: &Value,
) -> Vec<Deviation> {
    let mut found = Vec::new();
    if let Some(schema) = document.schema(method, template, status) {
        document.check(schema, body, "", 0, &mut found);
    }
    found.into_iter().map(|(field, code)| (template.to_owned(), field, code)).collect()
}

/// A deviation by what it concerns: the collection, the field of a row or of an instance, and how.
/// What one call of a kind shows, another may show too.
fn concern(template: &str, field: &str, code: &str) -> (String, String, String) {
    let collection: Vec<&str> = template.split('/').take(4).collect();
    (collection.join("/"), field.trim_start_matches("*.").to_owned(), code.to_owned())
}

/// What the list of known deviations names.
fn known() -> BTreeSet<(String, String, String)> {
    let text = fs::read(shared("providers/okta-spec-deviations.json").unwrap()).unwrap();
    let rows = parse(&text, &Limits::default()).unwrap();
    let text = |row: &Value, name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let rows = rows.as_array().unwrap_or_default();
    rows.iter()
        .map(|row| concern(&text(row, "path_template"), &text(row, "field"), &text(row, "code")))
        .collect()
}

/// Where the vendor's own answers leave its document.
fn recorded(document: &Document, scenarios: &[Scenario]) -> BTreeSet<Deviation> {
    let exchanges = scenarios.iter().flat_map(|scenario| &scenario.exchanges);
    let found = exchanges.flat_map(|exchange| {
        deviations(document, &exchange.method, &exchange.template, exchange.status, &exchange.response)
    });
    found.collect()
}

#[test]
fn answers_are_as_the_document_says() {
    let (Some(document), Some(scenarios)) = (Document::read(), scenarios()) else { return };
    let known = known();
    let recorded = recorded(&document, &scenarios);
    let mut own: BTreeSet<Deviation> = BTreeSet::new();
    let mut checked = 0_usize;
    for scenario in &scenarios {
        for (method, template, status, body) in answers(scenario) {
            checked += usize::from(document.schema(&method, &template, status).is_some());
            own.extend(deviations(&document, &method, &template, status, &body));
        }
    }
    let shown: BTreeSet<_> =
        recorded.iter().map(|(template, field, code)| concern(template, field, code)).collect();
    let new: Vec<String> = own
        .iter()
        .filter(|(template, field, code)| {
            let concern = concern(template, field, code);
            !shown.contains(&concern) && !known.contains(&concern)
        })
        .map(|(template, field, code)| format!("{template}: {field} ({code})"))
        .collect();
    println!("{checked} answers checked; {} deviations of the vendor's own", recorded.len());
    assert!(checked > 2_000, "only {checked} answers have a schema");
    assert!(new.is_empty(), "answers that leave the document where the vendor's do not:\n{}", new.join("\n"));
}

#[test]
fn a_deviation_is_seen() {
    let Some(document) = Document::read() else { return };
    let body = parse(br#"{"id":1,"status":"NOBODY","profile":{"login":"a"}}"#, &Limits::default()).unwrap();
    let found = deviations(&document, "GET", "/api/v1/users/{id}", 200, &body);
    let codes: Vec<(&str, &str)> = found.iter().map(|(_, field, code)| (field.as_str(), *code)).collect();
    assert!(codes.contains(&("id", "type")) && codes.contains(&("status", "enum")), "{codes:?}");
}
