//! `kinds`: the catalogue as people and programs see it.

use crate::catalog::{self, KindSpec, Proof, Provider};
use crate::cli::args::Global;
use crate::cli::output::table;
use crate::cli::{Exit, Failure};
use crate::json::{Object, Value};

/// Version of the JSON form.
const FORMAT: &str = "lastgood.kinds/1";

/// Lists the providers, or one provider's kinds and excluded endpoints.
///
/// # Errors
/// No such provider.
pub fn run(global: &Global, provider: Option<&str>) -> Result<Exit, Failure> {
    let Some(name) = provider else {
        for name in catalog::names() {
            let found = catalog::provider(name)?;
            if global.output.json {
                global.output.document(&document(found));
            } else {
                global.output.line(format!("{name}  {}  {} kinds", found.title, found.kinds.len()));
            }
        }
        return Ok(Exit::Done);
    };
    let found = catalog::provider(name)?;
    if global.output.json {
        global.output.document(&document(found));
        return Ok(Exit::Done);
    }
    let rows: Vec<Vec<String>> = found.kinds.iter().map(row).collect();
    global.output.line(table(&["kind", "restorable", "read by", "reason"], &rows));
    global.output.line(String::new());
    for group in &found.excluded {
        for path in group.each() {
            global.output.line(format!("excluded  GET {path}  {}", group.reason));
        }
    }
    Ok(Exit::Done)
}

fn row(spec: &KindSpec) -> Vec<String> {
    let read = match (&spec.carried_by, &spec.unread) {
        (Some(carrier), _) => format!("held by {carrier}"),
        (_, Some(unread)) if unread.not_yet => format!("not yet: {}", unread.reason),
        (_, Some(unread)) => format!("{}: {}", unread.state.as_str(), unread.reason),
        _ => spec
            .gets()
            .first()
            .map(|path| format!("GET {path}"))
            .unwrap_or_else(|| "inside its parent".into()),
    };
    vec![spec.kind.to_string(), spec.restore.class.as_str().into(), read, spec.restore.reason.clone()]
}

fn document(provider: &Provider) -> Value {
    let proof = catalog::proof(&provider.provider);
    let kinds = provider.kinds.iter().map(|spec| kind_document(spec, proof)).collect();
    let each =
        provider.excluded.iter().flat_map(|group| group.each().map(|path| (path, group.reason.as_str())));
    let excluded = each.map(|(path, reason)| {
        Value::Object(Object::from_pairs([
            ("method", Value::from("GET")),
            ("path", Value::from(path)),
            ("reason", Value::from(reason)),
        ]))
    });
    Value::Object(Object::from_pairs([
        ("format", Value::from(FORMAT)),
        ("provider", Value::from(provider.provider.as_str())),
        ("kinds", Value::Array(kinds)),
        ("excluded", Value::Array(excluded.collect())),
    ]))
}

fn kind_document(spec: &KindSpec, proof: &Proof) -> Value {
    let scopes = Object::from_pairs([
        ("read", spec.scopes.read.iter().map(String::as_str).collect::<Value>()),
        ("write", spec.scopes.write.iter().map(String::as_str).collect::<Value>()),
    ]);
    let proven = Object::from_pairs([
        ("collected", Value::from(proof.collected.contains(&spec.kind))),
        ("restored", Value::from(proof.restored.contains(&spec.kind))),
    ]);
    Value::Object(Object::from_pairs([
        ("kind", Value::from(spec.kind.as_str())),
        ("gets", spec.collected().iter().map(String::as_str).collect::<Value>()),
        ("restorable", Value::from(spec.restore.class.as_str())),
        ("reason", Value::from(spec.restore.reason.as_str())),
        ("scopes", Value::Object(scopes)),
        ("proof", Value::Object(proven)),
        (
            "unread",
            Value::from(spec.unread.as_ref().map(|unread| {
                Object::from_pairs([
                    ("state", Value::from(unread.state.as_str())),
                    ("reason", Value::from(unread.reason.as_str())),
                    ("not_yet", Value::from(unread.not_yet)),
                ])
            })),
        ),
        ("from_files", Value::from(spec.file.is_some())),
    ]))
}
