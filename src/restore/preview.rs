//! A plan for a person: dangerous things first, nothing hidden, nothing that a terminal obeys.
//!
//! Names and values come from the tenant, which may be hostile: control characters and what turns
//! the reading direction are written as escapes. Secrets are marks and never values.

use std::fmt::Write as _;

use crate::base::key::ResourceKey;
use crate::json::redact::{UNKNOWN, fingerprint};
use crate::json::{FieldChange, Object, Value};
use crate::restore::form::{Guard, Op, Part, Plan, Step};
use crate::restore::placeholder::{self, Found};

/// Longest value that is shown, in characters.
const VALUE_CHARS_MAX: usize = 120;
/// Most fields of one step that are shown.
const FIELDS_MAX: usize = 40;

/// The plan as text for a terminal, without colour.
#[must_use]
pub fn preview(plan: &Plan) -> String {
    let mut out = String::new();
    head(plan, &mut out);
    guards(plan, &mut out);
    let dangerous =
        |step: &&Step| step.op == Op::Delete || step.needs.iter().any(|need| need.starts_with("--"));
    section(&mut out, "Dangerous steps", plan.steps.iter().filter(dangerous), |step, out| {
        show(plan, step, out)
    });
    let rest = plan.steps.iter().filter(|step| !dangerous(step));
    section(&mut out, "Steps", rest, |step, out| show(plan, step, out));
    section(&mut out, "Secrets that you must give", &plan.secrets, |secret, out| {
        line(out, 2, &format!("{}  {} {}: {}", secret.input, secret.key, secret.pointer, secret.how));
    });
    section(&mut out, "Effects outside the tenant", &plan.effects, |effect, out| {
        line(out, 2, &format!("{}: {}", effect.key, effect.what));
    });
    section(&mut out, "Ids that change", &plan.id_changes, |change, out| {
        let to = change.to.as_deref().unwrap_or("a new id from the vendor");
        line(out, 2, &format!("{} → {to}", change.key));
    });
    section(&mut out, "References that follow", &plan.rewrites, |rewrite, out| {
        line(
            out,
            2,
            &format!("{} {}: {} → {}", rewrite.key, rewrite.pointer, value(&rewrite.from), rewrite.means),
        );
    });
    section(&mut out, "Left as they are, because they changed since", &plan.conflicts, |conflict, out| {
        line(out, 2, &format!("{} {}: {}", conflict.key, conflict.pointer, conflict.reason));
    });
    section(&mut out, "Not restored", &plan.refused, |refusal, out| {
        line(out, 2, &format!("{}: {}", named(&refusal.key, &refusal.name), refusal.reason));
    });
    tail(plan, &mut out);
    out
}

/// A text without anything that a terminal would obey or that turns the reading direction.
#[must_use]
pub fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let turns = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
        if c.is_control() || turns {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

fn line(out: &mut String, indent: usize, text: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{:indent$}{}", "", harmless(text));
}

fn section<T>(
    out: &mut String,
    title: &str,
    items: impl IntoIterator<Item = T>,
    show: impl Fn(T, &mut String),
) {
    let mut items = items.into_iter().peekable();
    if items.peek().is_none() {
        return;
    }
    out.push('\n');
    line(out, 0, title);
    items.for_each(|item| show(item, out));
}

fn head(plan: &Plan, out: &mut String) {
    line(out, 0, &format!("Plan {} for {}: back to snapshot {}", plan.id.short(), plan.tenant, plan.base));
    let text = format!(
        "{} to create, {} to update, {} to delete, {} unchanged, {} refused ({})",
        plan.count(Op::Create),
        plan.count(Op::Update),
        plan.deletes(),
        plan.unchanged,
        plan.refused.len(),
        plan.mode.as_str(),
    );
    line(out, 0, &text);
}

fn guards(plan: &Plan, out: &mut String) {
    section(out, "Must be allowed", &plan.guards, |guard, out| {
        let text = match guard {
            Guard::Delete { count } => format!("--allow-delete {count}  {count} resources go"),
            Guard::Privileged { key, why } => format!("--allow-privileged  {key}: {why}"),
            Guard::Lockout { why } => format!("--allow-lockout  {why}"),
        };
        line(out, 2, &text);
    });
}

fn named(key: &ResourceKey, name: &str) -> String {
    if name.is_empty() || name == key.id() { key.to_path() } else { format!("{key} ({name})") }
}

fn show(plan: &Plan, step: &Step, out: &mut String) {
    let sign = match step.op {
        Op::Create => '+',
        Op::Update => '~',
        Op::Delete => '-',
    };
    let id = match step.target.last() {
        Some(Part::Known(id)) if id != step.key.id() => format!(", now {id}"),
        Some(Part::Coming(_)) => ", with a new id".to_owned(),
        _ => String::new(),
    };
    line(out, 2, &format!("{sign} {} {}{id}", step.op.as_str(), named(&step.key, &step.name)));
    for field in step.fields.iter().take(FIELDS_MAX) {
        fields(field, out);
    }
    if step.fields.len() > FIELDS_MAX {
        line(out, 6, &format!("and {} fields more, all in the plan file", step.fields.len() - FIELDS_MAX));
    }
    for request in &step.requests {
        let ids = placeholder::awaited(&request.path);
        let path = ids.iter().fold(request.path.clone(), |path, of| {
            path.replace(&placeholder::in_path(of), &format!("{{the id of {of}}}"))
        });
        let when = if request.if_differs { " (only if the vendor has added something)" } else { "" };
        line(out, 6, &format!("{} {path}{when}", request.method));
    }
    for key in &step.takes_along {
        line(out, 6, &format!("- goes with it: {key}"));
    }
    for note in &step.notes {
        line(out, 6, &format!("note: {note}"));
    }
    for input in plan.secrets.iter().filter(|secret| secret.key == step.key) {
        line(out, 6, &format!("needs the secret {}", input.input));
    }
}

fn fields(field: &FieldChange, out: &mut String) {
    if !field.pointer.is_empty() {
        line(out, 6, &change(&field.pointer.to_string(), field.from.as_ref(), field.to.as_ref()));
        return;
    }
    // A whole resource: its members, one a line.
    let empty = Object::new();
    let members =
        |value: &Option<Value>| value.as_ref().and_then(Value::as_object).cloned().unwrap_or(empty.clone());
    let (from, to) = (members(&field.from), members(&field.to));
    for (name, value) in to.iter() {
        line(out, 6, &change(&format!("/{name}"), None, Some(value)));
    }
    for (name, value) in from.iter() {
        line(out, 6, &change(&format!("/{name}"), Some(value), None));
    }
}

fn change(at: &str, from: Option<&Value>, to: Option<&Value>) -> String {
    match (from, to) {
        (Some(from), Some(to)) => format!("{at}: {} → {}", value(from), value(to)),
        (None, Some(to)) => format!("{at}: + {}", value(to)),
        (Some(from), None) => format!("{at}: - {}", value(from)),
        (None, None) => at.to_owned(),
    }
}

/// A value as it is shown; secrets and placeholders in words.
fn value(value: &Value) -> String {
    let text = match (fingerprint(value), placeholder::found(value)) {
        (Some(UNKNOWN), _) => "secret, not known".to_owned(),
        (Some(mark), _) => format!("secret {}", mark.chars().take(8).collect::<String>()),
        (None, Some(Found::Id(of))) => format!("the id of {of}"),
        (None, Some(Found::Secret(_))) => "secret from the repository".to_owned(),
        (None, Some(Found::Input(name))) => format!("secret that you give as {name}"),
        (None, _) => value.to_line(),
    };
    let mut short: String = text.chars().take(VALUE_CHARS_MAX).collect();
    if text.chars().nth(VALUE_CHARS_MAX).is_some() {
        short.push('…');
    }
    short
}

fn tail(plan: &Plan, out: &mut String) {
    out.push('\n');
    let text = format!(
        "About {} calls, {} s. The plan rests on {} resources as read at {} and holds until {}.",
        plan.forecast.calls,
        plan.forecast.seconds,
        plan.inputs.len(),
        plan.read,
        plan.expires,
    );
    line(out, 0, &text);
}
