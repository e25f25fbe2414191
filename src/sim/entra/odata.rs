//! The query options of OData, as far as a reader uses them: `$filter`, `$select`, `$expand`; and what stands
//! round an answer.

use crate::json::Value;
use crate::sim::entra::set;
use crate::sim::filter::Filter;
use crate::sim::handle::Ask;
use crate::sim::routes::Op;
use crate::sim::wire::Request;
use crate::sim::world::World;

/// What the query asks of a row: `a/b eq 'text' and t ge 2026-06-15T12:00:00Z`.
pub(super) fn filter(request: &Request) -> Result<Filter, String> {
    match request.asked("$filter") {
        None => Ok(Filter::default()),
        Some(text) => Filter::parse(&spelled(text)?),
    }
}

/// The expression in the spelling that [`Filter`] reads: texts in double quotes, members of members with a dot.
fn spelled(text: &str) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\'' => {
                out.push('"');
                loop {
                    match chars.next().ok_or("a text has no end")? {
                        // A quote is written twice.
                        '\'' if chars.next_if_eq(&'\'').is_some() => out.push('\''),
                        '\'' => break,
                        c @ ('"' | '\\') => out.extend(['\\', c]),
                        c => out.push(c),
                    }
                }
                out.push('"');
            }
            '/' => out.push('.'),
            '"' => return Err("texts stand in single quotes".into()),
            c => out.push(c),
        }
    }
    Ok(out)
}

/// The names in a list such as `a,b($select=c),d`, without what stands in parentheses.
fn names(text: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let outer = |c: char| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    };
    let parts = text.split(outer).map(|part| part.split('(').next().unwrap_or_default().trim());
    parts.filter(|name| !name.is_empty()).collect()
}

/// Leaves of an instance what the query selects and expands, or what comes unasked.
pub(super) fn show(world: &World, ask: &Ask, body: &mut Value) {
    let form = world.vendor.form(ask.route.kind);
    let expanded = ask.request.asked("$expand").map(names).unwrap_or_default();
    let Some(members) = body.as_object_mut() else { return };
    if let Some(form) = form {
        members.retain(|name, _| {
            expanded.contains(&name) || !form.expands.iter().any(|expands| expands == name)
        });
    }
    let selected = ask.request.asked("$select").map(names);
    let unasked = form.map(|form| form.unasked.iter().map(String::as_str).collect::<Vec<_>>());
    let Some(kept) = selected.or(unasked).filter(|kept| !kept.is_empty()) else { return };
    members.retain(|name, _| kept.contains(&name) || expanded.contains(&name) || name == "@odata.type");
}

/// Says what an answer is about.
pub(super) fn around(world: &World, ask: &Ask, body: &mut Value) {
    let path = ask.request.path.trim_start_matches('/');
    let (version, place) = path.split_once('/').unwrap_or((path, ""));
    let one = if matches!(ask.route.op, Op::Get) { "/$entity" } else { "" };
    set(body, "@odata.context", format!("{}/{version}/$metadata#{place}{one}", world.org.url));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_is_spelled_anew() {
        let spelled = |text: &str| spelled(text).unwrap();
        assert_eq!(spelled("a/b eq 'it''s \"x\"' and c ge 2026"), "a.b eq \"it's \\\"x\\\"\" and c ge 2026");
        assert!(super::spelled("a eq 'b").is_err() && super::spelled("a eq \"b\"").is_err());
    }

    #[test]
    fn names_are_told_from_what_they_ask() {
        assert_eq!(names("a,b($select=c,d;$expand=e(f)),g"), ["a", "b", "g"]);
        assert!(names("").is_empty());
    }
}
