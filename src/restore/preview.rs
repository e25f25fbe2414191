//! A plan for a person: dangerous things first, nothing hidden, nothing that a terminal obeys.
//!
//! Names and values come from the tenant, which may be hostile: control characters and what turns
//! the reading direction are written as escapes. Secrets are marks and never values.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;

use crate::access::words;
use crate::base::key::ResourceKey;
use crate::json::redact::{UNKNOWN, fingerprint};
use crate::json::{FieldChange, Object, Value};
use crate::restore::form::{Guard, Mode, Op, Part, Plan, Resolution, Step};
use crate::restore::placeholder::{self, Found};

/// Longest value that is shown, in characters.
const VALUE_CHARS_MAX: usize = 120;
/// Most changes that are listed by themselves.
const TOLD_MAX: usize = 20;
/// Most fields of one step that are shown.
const FIELDS_MAX: usize = 40;

/// The plan as text for a terminal, without colour.
#[must_use]
pub fn preview(plan: &Plan) -> String {
    let mut out = String::new();
    head(plan, &mut out);
    undoes(plan, &mut out);
    guards(plan, &mut out);
    let dangerous =
        |step: &&Step| step.op == Op::Delete || step.needs.iter().any(|need| need.starts_with("--"));
    section(&mut out, "Dangerous steps", plan.steps.iter().filter(dangerous), |step, out| {
        show(plan, step, out)
    });
    let rest = plan.steps.iter().filter(|step| !dangerous(step));
    section(&mut out, "Steps", rest, |step, out| show(plan, step, out));
    section(&mut out, "Secrets that you must give", &plan.secrets, |secret, out| {
        line(
            out,
            2,
            &format!("{}  {} {}: {}", secret.input, resource(plan, &secret.key), secret.pointer, secret.how),
        );
    });
    effects(plan, &mut out);
    access(plan, &mut out);
    section(&mut out, "Ids that change", &plan.id_changes, |change, out| {
        let to = change.to.as_deref().unwrap_or("a new id from the vendor");
        line(out, 2, &format!("{} → {to}", resource(plan, &change.key)));
    });
    section(&mut out, "References that follow", &plan.rewrites, |rewrite, out| {
        let (of, means) = (resource(plan, &rewrite.key), resource(plan, &rewrite.means));
        line(out, 2, &format!("{of} {}: {} → {means}", rewrite.pointer, value(&rewrite.from)));
    });
    conflicts(plan, &mut out);
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
    let of = plan.from.as_ref().map_or(String::new(), |from| format!(" of {from}"));
    let back = if plan.from.is_some() { "as in" } else { "back to" };
    let what = match plan.mode {
        Mode::ThreeWay => format!("undoing {} changes, keeping everything else since", plan.undoes.len()),
        _ => format!("{back} snapshot {}{of}", plan.base),
    };
    line(out, 0, &format!("Plan {} for {}: {what}", plan.id.short(), plan.tenant));
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

/// Whose changes are undone, and what of that time stays because nobody is named for it.
fn undoes(plan: &Plan, out: &mut String) {
    let mut by: BTreeMap<Option<&str>, (usize, Timestamp, Timestamp)> = BTreeMap::new();
    for told in &plan.undoes {
        let known = by.entry(told.who.as_deref()).or_insert((0, told.at, told.at));
        *known = (known.0 + 1, known.1.min(told.at), known.2.max(told.at));
    }
    section(out, "Undone", by, |(who, (count, first, last)), out| {
        let who =
            who.unwrap_or("nobody is named for these; they follow from the others, or were named by id");
        let span = if first == last { format!("at {first:.0}") } else { format!("{first:.0} to {last:.0}") };
        line(out, 2, &format!("{count:>4}  {span}  {who}"));
    });
    let stay = "Stay, because nobody is named for them (`--changes` undoes them too)";
    section(out, stay, plan.unexplained.iter().take(TOLD_MAX), |told, out| {
        line(out, 2, &format!("{}  {:.0}  {}", told.change, told.at, told.key));
    });
    if plan.unexplained.len() > TOLD_MAX {
        line(out, 2, &format!("and {} more, all in the plan file", plan.unexplained.len() - TOLD_MAX));
    }
}

/// Field by field, what others have built on what is undone.
fn conflicts(plan: &Plan, out: &mut String) {
    let three_way = plan.mode == Mode::ThreeWay;
    let title = match three_way {
        true => "Conflicts: somebody has built on what is undone",
        false => "Left as they are, because they changed since",
    };
    section(out, title, &plan.conflicts, |conflict, out| {
        let of = resource(plan, &conflict.key);
        let field =
            if conflict.pointer.is_empty() { String::new() } else { format!(" {}", conflict.pointer) };
        line(out, 2, &format!("{of}{field}: {}", conflict.reason));
        if !three_way {
            return;
        }
        let shown = |side: &Option<Value>| side.as_ref().map_or("nothing".to_owned(), value);
        line(out, 6, &format!("before: {}", shown(&conflict.was)));
        line(out, 6, &format!("now:    {}", shown(&conflict.now)));
        let field =
            if conflict.pointer.is_empty() { String::new() } else { format!("#{}", conflict.pointer) };
        let address = format!("{}/{}{field}", plan.tenant, conflict.key);
        line(
            out,
            6,
            &match conflict.resolution {
                Some(Resolution::Keep) => "decided: what is there now stays".to_owned(),
                Some(Resolution::Take) => "decided: what was there before is put back".to_owned(),
                None => format!("not decided: --keep '{address}' or --take '{address}'"),
            },
        );
    });
}

fn guards(plan: &Plan, out: &mut String) {
    if plan.guards.is_empty() {
        return;
    }
    out.push('\n');
    line(out, 0, "Must be allowed");
    let mut reasons = Groups::default();
    for guard in &plan.guards {
        match guard {
            Guard::Delete { count } => line(out, 2, &format!("--allow-delete {count}  {count} resources go")),
            Guard::Lockout { why } => line(out, 2, &format!("--allow-lockout  {why}")),
            Guard::Privileged { key, why } => reasons.add(why, &resource(plan, key)),
        }
    }
    if !reasons.0.is_empty() {
        line(out, 2, "--allow-privileged  steps that hand out power or may weaken a guard:");
        reasons.show(out, 6);
    }
}

fn effects(plan: &Plan, out: &mut String) {
    let mut effects = Groups::default();
    plan.effects.iter().for_each(|effect| effects.add(&effect.what, &resource(plan, &effect.key)));
    if !effects.0.is_empty() {
        out.push('\n');
        line(out, 0, "Effects outside the tenant");
        effects.show(out, 2);
    }
}

fn access(plan: &Plan, out: &mut String) {
    let Some(access) = &plan.access else { return };
    out.push('\n');
    line(out, 0, "Who gains and who loses access");
    words::lines(&access.blast).into_iter().for_each(|(indent, text)| line(out, 2 + indent, &text));
    let newest = access.newest.get(..12).unwrap_or(&access.newest);
    line(out, 2, &format!("What was not read for this plan is taken from snapshot {newest}."));
}

/// What is said of several resources, said once.
#[derive(Default)]
struct Groups(Vec<(String, Vec<String>)>);

impl Groups {
    fn add(&mut self, said: &str, of: &str) {
        match self.0.iter_mut().find(|(known, _)| known == said) {
            Some((_, members)) => members.push(of.to_owned()),
            None => self.0.push((said.to_owned(), vec![of.to_owned()])),
        }
    }

    fn show(&self, out: &mut String, indent: usize) {
        for (said, members) in &self.0 {
            line(out, indent, &format!("{said}:"));
            members.iter().for_each(|member| line(out, indent + 4, member));
        }
    }
}

/// A resource as a person knows it, with its address.
fn resource(plan: &Plan, key: &ResourceKey) -> String {
    let name = plan.steps.iter().find(|step| step.key == *key).map_or("", |step| step.name.as_str());
    named(key, name)
}

/// The address by names, which can be typed, and the ids that make it unique.
fn named(key: &ResourceKey, name: &str) -> String {
    if name.is_empty() || name == key.id() {
        return key.to_path();
    }
    let path = key.to_path();
    let ids = path.split_once('/').map_or("", |(_, ids)| ids);
    format!("{}/{name} ({ids})", key.kind)
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
        let when = match request {
            _ if request.if_differs => " (only if the vendor has added something)",
            _ if request.unless_made => " (only if the vendor does not make it by itself)",
            _ => "",
        };
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
        (None, _) => in_words(value).to_line(),
    };
    let mut short: String = text.chars().take(VALUE_CHARS_MAX).collect();
    if text.chars().nth(VALUE_CHARS_MAX).is_some() {
        short.push('…');
    }
    short
}

/// A value with words in place of what stands for something else, at any depth.
fn in_words(value: &Value) -> Value {
    let words = match (fingerprint(value), placeholder::found(value)) {
        (Some(_), _) | (None, Some(Found::Secret(_))) => "secret".to_owned(),
        (None, Some(Found::Id(of))) => format!("the id of {of}"),
        (None, Some(Found::Input(name))) => format!("secret that you give as {name}"),
        (None, Some(Found::Literal(inner))) => return inner.clone(),
        (None, Some(Found::Text(parts))) => {
            let words = parts.iter().map(in_words);
            words.map(|part| part.as_str().map_or_else(|| part.to_line(), str::to_owned)).collect()
        }
        (None, None) => {
            return match value {
                Value::Object(members) => {
                    members.iter().map(|(name, member)| (name, in_words(member))).collect::<Object>().into()
                }
                Value::Array(items) => items.iter().map(in_words).collect(),
                other => other.clone(),
            };
        }
    };
    words.into()
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
