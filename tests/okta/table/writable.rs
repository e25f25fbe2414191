//! Which fields the vendor's document lets a request set: the properties of the request schemas of a kind's
//! create and update calls that are not `readOnly`, down to the values.
//!
//! Where a schema has variants, the instances decide which one is meant: by the discriminator, else by what
//! fits best. A part that no instance has is gone down without variants.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use lastgood::catalog::{Body, KindSpec, Write};
use lastgood::json::{Limits, Pattern, Pointer, Value, parse};

use crate::recording::shared;

/// Deepest way down: schemas name themselves.
const DEPTH_MAX: usize = 14;

/// The documents of all the APIs that the catalogue writes to.
pub(super) struct Documents(Vec<Value>);

/// What is said of a field beside its name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Said {
    /// Nothing: a request may set it, and an answer shows it.
    Plain,
    /// It is not to be used any more.
    Deprecated,
    /// No answer shows it.
    WriteOnly,
}

/// A field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Field {
    /// What the document says beside its name.
    pub(super) said: Said,
    /// The words that it takes, where those are counted.
    pub(super) words: Vec<String>,
    /// A call that changes an instance takes it; what only a create call takes is as it was made.
    pub(super) changes: bool,
    /// Its word names the variant of what it stands in.
    pub(super) variant: bool,
}

/// The fields of a kind.
pub(super) type Fields = BTreeMap<String, Field>;

/// A place in a document: schemas that hold together, and how deep they lie.
struct Place<'d> {
    root: &'d Value,
    /// What the call may set.
    found: Fields,
    /// Places of which a member names the variant, with the name of it.
    variants_by: BTreeSet<(String, String)>,
    /// The kind's instances, as they are read.
    bodies: &'d [Value],
}

impl Documents {
    /// `None` where the documents are not there.
    pub(super) fn read() -> Option<Self> {
        let names = ["management", "governance", "privileged-access", "oauth", "management-dev-only"];
        let read = |name: &str| {
            let text = fs::read(shared(&format!("specs/okta/{name}.json"))?).unwrap();
            parse(&text, &Limits::default()).ok()
        };
        names.iter().map(|name| read(name)).collect::<Option<Vec<_>>>().map(Self)
    }

    /// The fields that the calls of a kind set; calls that no document has.
    pub(super) fn writable(&self, spec: &KindSpec, bodies: &[Value]) -> (Fields, Vec<String>) {
        let (mut fields, mut unknown) = (Fields::new(), Vec::new());
        let create = spec.create.iter().map(|write| (false, write));
        let update = spec.update.iter().map(|write| (true, write));
        for (changes, write) in create.chain(update).filter(|(_, write)| write.body != Body::None) {
            let Some((root, schema)) = self.request(write) else {
                unknown.push(format!("{} {}", write.call.method.as_str(), write.call.path.as_str()));
                continue;
            };
            let mut place = Place { root, found: Fields::new(), variants_by: BTreeSet::new(), bodies };
            place.call(write, schema);
            for (at, field) in place.found {
                let known = fields.entry(at).or_insert_with(|| field.clone());
                known.said = field.said.min(known.said);
                known.variant |= field.variant;
                known.changes |= changes;
                if known.words.is_empty() {
                    known.words = field.words;
                }
            }
        }
        (fields, unknown)
    }

    fn request(&self, write: &Write) -> Option<(&Value, Option<&Value>)> {
        let path = write.call.path.as_str().split('?').next()?;
        let method = write.call.method.as_str().to_lowercase();
        let of = |root| Some((root, Value::get(root, "paths")?.get(path)?.get(&method)?));
        let (root, found) = self.0.iter().find_map(of)?;
        let body = found.get("requestBody").map(|body| follow(root, body));
        let content = body.and_then(|body| body.get("content")).and_then(Value::as_object);
        let json = content.and_then(|content| content.iter().find(|(name, _)| name.contains("json")));
        Some((root, json.and_then(|(_, media)| media.get("schema"))))
    }
}

/// What a reference names.
fn follow<'d>(root: &'d Value, schema: &'d Value) -> &'d Value {
    let mut schema = schema;
    for _ in 0..20 {
        let Some(reference) = schema.get("$ref").and_then(Value::as_str) else { return schema };
        let mut parts = reference.trim_start_matches("#/").split('/');
        match parts.try_fold(root, |at, part| at.get(part)) {
            Some(found) => schema = found,
            None => return schema,
        }
    }
    schema
}

fn list<'d>(schema: &'d Value, name: &str) -> &'d [Value] {
    schema.get(name).and_then(Value::as_array).unwrap_or_default()
}

/// Properties by name: each with all that is said of it.
type Members<'d> = BTreeMap<&'d str, Vec<&'d Value>>;

impl<'d> Place<'d> {
    /// What a call sets, by what it sends of the body.
    fn call(&mut self, write: &Write, schema: Option<&'d Value>) {
        let Some(schema) = schema else { return };
        match write.body {
            Body::None => {}
            Body::Whole => self.down(&[schema], &Pointer::root(), 0),
            Body::List => {
                let items = follow(self.root, schema).get("items").unwrap_or(schema);
                self.down(&[items], &Pointer::root(), 0);
            }
            Body::Field => {
                let at = write.field.clone().unwrap_or_else(Pointer::root);
                self.down(&[schema], &at, 0);
            }
            Body::Envelope => {
                let around = write.envelope.as_ref().unwrap();
                self.wrapped(around, &[schema], &Pointer::root());
            }
        }
    }

    /// What is sent inside another document: the places of the body that it names.
    fn wrapped(&mut self, around: &Value, schemas: &[&'d Value], at: &Pointer) {
        match around {
            Value::String(text) => match text.strip_prefix("$body") {
                Some(place) if place.contains('*') => self.note(place, schemas),
                Some(place) => self.down(schemas, &Pointer::parse(place).unwrap(), 0),
                None => {}
            },
            // A list of operations names the places itself.
            Value::Array(items) => {
                let inner: Vec<&Value> =
                    schemas.iter().filter_map(|schema| follow(self.root, schema).get("items")).collect();
                for item in items {
                    match item.get("op").and(item.get("value")) {
                        Some(value) => self.wrapped(value, &[], at),
                        None => self.wrapped(item, &inner, at),
                    }
                }
            }
            Value::Object(sent) if sent.get("op").is_none() => {
                let mut members = Members::new();
                for schema in schemas {
                    self.members(schema, &[], &mut Vec::new(), &mut members);
                }
                members.retain(|_, inner| !self.any(inner, "readOnly"));
                for (name, inner) in &members {
                    match sent.get(name) {
                        Some(around) => self.wrapped(around, inner, &at.join(*name)),
                        None => self.down(inner, &at.join(*name), 0),
                    }
                }
            }
            _ => {}
        }
    }

    /// Goes down to the values below a place.
    fn down(&mut self, schemas: &[&'d Value], at: &Pointer, depth: usize) {
        let pattern = Pattern::parse(&at.to_string()).unwrap();
        let values: Vec<&Value> =
            self.bodies.iter().flat_map(|body| pattern.find(body)).map(|(_, value)| value).collect();
        let mut members = Members::new();
        for schema in schemas {
            self.members(schema, &values, &mut Vec::new(), &mut members);
        }
        let named = self.parts(schemas, "discriminator");
        let named = named.iter().filter_map(|found| found.get("propertyName")?.as_str());
        self.variants_by.extend(named.map(|name| (at.to_string(), name.to_owned())));
        let inner: Vec<&Value> = self.parts(schemas, "items");
        let rest: Vec<&Value> = self.parts(schemas, "additionalProperties");
        if depth >= DEPTH_MAX {
            self.note(&at.to_string(), schemas);
        } else if !members.is_empty() {
            for (name, inner) in &members {
                let place = at.join(*name);
                if self.any(inner, "deprecated") || self.any(inner, "writeOnly") {
                    self.note(&place.to_string(), inner);
                } else if !self.any(inner, "readOnly") {
                    self.down(inner, &place, depth + 1);
                }
            }
        } else if self.holds_objects(&inner, at) {
            self.down(&inner, &at.join("*"), depth + 1);
        } else if !rest.is_empty() && !at.is_empty() {
            self.down(&rest, &at.join("*"), depth + 1);
        } else if !at.is_empty() {
            self.note(&at.to_string(), schemas);
        }
    }

    /// Whether the elements of a list have members.
    fn holds_objects(&self, items: &[&'d Value], at: &Pointer) -> bool {
        let pattern = Pattern::parse(&at.join("*").to_string()).unwrap();
        let values: Vec<&Value> =
            self.bodies.iter().flat_map(|body| pattern.find(body)).map(|(_, value)| value).collect();
        let mut members = Members::new();
        for schema in items {
            self.members(schema, &values, &mut Vec::new(), &mut members);
        }
        !members.is_empty()
    }

    /// What schemas, and what they are made of, say under a word.
    fn parts(&self, schemas: &[&'d Value], word: &str) -> Vec<&'d Value> {
        let mut found = Vec::new();
        for schema in schemas {
            let schema = follow(self.root, schema);
            found.extend(schema.get(word).filter(|part| part.as_bool() != Some(false)));
            let all: Vec<&Value> = list(schema, "allOf").iter().collect();
            found.extend(self.parts(&all, word));
        }
        found
    }

    /// The properties of a schema, and of the variants of it that these values are.
    fn members(
        &self,
        schema: &'d Value,
        values: &[&Value],
        seen: &mut Vec<*const Value>,
        out: &mut Members<'d>,
    ) {
        let schema = follow(self.root, schema);
        if seen.contains(&std::ptr::from_ref(schema)) {
            return;
        }
        seen.push(schema);
        if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
            for (name, property) in properties.iter() {
                out.entry(name).or_default().push(property);
            }
        }
        for part in list(schema, "allOf") {
            self.members(part, values, seen, out);
        }
        for variant in self.variants(schema, values) {
            self.members(variant, values, seen, out);
        }
    }

    /// The variants of a schema that values are.
    fn variants(&self, schema: &'d Value, values: &[&Value]) -> Vec<&'d Value> {
        let named = schema.get("discriminator").and_then(|found| {
            Some((found.get("propertyName")?.as_str()?, found.get("mapping")?.as_object()?))
        });
        if let Some((property, mapping)) = named {
            let words: BTreeSet<&str> =
                values.iter().filter_map(|value| value.get(property)?.as_str()).collect();
            let target = |word: &&str| {
                let mut parts = mapping.get(word)?.as_str()?.trim_start_matches("#/").split('/');
                parts.try_fold(self.root, |at, part| at.get(part))
            };
            return words.iter().filter_map(target).collect();
        }
        let choices: Vec<&Value> =
            ["oneOf", "anyOf"].into_iter().flat_map(|word| list(schema, word)).collect();
        let best = |value: &&Value| choices.iter().min_by_key(|choice| self.strange(choice, value)).copied();
        let found: Vec<&Value> = values.iter().filter_map(best).collect();
        found
    }

    /// How many members of a value a schema does not know, or knows otherwise.
    fn strange(&self, schema: &'d Value, value: &Value) -> usize {
        let mut members = Members::new();
        self.members(schema, &[], &mut Vec::new(), &mut members);
        let Some(object) = value.as_object() else { return 0 };
        let odd = |(name, value): &(&str, &Value)| match members.get(name) {
            None => true,
            Some(said) => said.iter().any(|schema| {
                let allowed = list(follow(self.root, schema), "enum");
                !allowed.is_empty() && value.as_str().is_some() && !allowed.contains(value)
            }),
        };
        object.iter().filter(odd).count()
    }

    fn any(&self, schemas: &[&'d Value], word: &str) -> bool {
        let said = |schema: &Value| schema.get(word).and_then(Value::as_bool) == Some(true);
        schemas.iter().any(|schema| said(schema) || said(follow(self.root, schema)))
    }

    fn note(&mut self, at: &str, schemas: &[&'d Value]) {
        let said = if self.any(schemas, "deprecated") {
            Said::Deprecated
        } else if self.any(schemas, "writeOnly") {
            Said::WriteOnly
        } else {
            Said::Plain
        };
        let mut words = self.parts(schemas, "enum");
        let items = self.parts(schemas, "items");
        words.extend(self.parts(&items, "enum"));
        let words = words.iter().flat_map(|words| words.as_array().unwrap_or_default());
        let words: BTreeSet<String> = words.filter_map(|word| word.as_str().map(str::to_owned)).collect();
        let words = words.into_iter().collect();
        let (above, name) = at.rsplit_once('/').unwrap_or_default();
        let variant = self.variants_by.contains(&(above.to_owned(), name.to_owned()));
        self.found.insert(at.to_owned(), Field { said, words, changes: false, variant });
    }
}
