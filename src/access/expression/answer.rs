//! Asking an expression of one person.
//!
//! A field that is not set equals `null` and no text; a function of nothing is nobody's guess. Texts are
//! compared as they stand: the vendor's documents say nothing of capitals, so a comparison that only
//! capitals decide is not answered.

use crate::access::crowd::Truth;
use crate::access::expression::{Comparison, Function, Term};
use crate::json::{Pointer, Value};

/// What an expression can ask of a person.
pub(crate) trait Asked {
    /// A field by its place; `None` where nobody can say.
    fn field(&self, at: &Pointer) -> Option<&Value>;
    /// Whether the person is in the group of this id. Where the question is `negated`, a no counts only
    /// if rules cannot make it a yes.
    fn in_group(&self, id: &str, negated: bool) -> Truth;
    /// The ids of the groups whose names fit.
    fn named(&self, fits: &dyn Fn(&str) -> bool) -> Vec<String>;
}

/// Whether the expression is true of the person.
pub(crate) fn answer(term: &Term, of: &dyn Asked) -> Truth {
    told(term, of, false)
}

/// What a part comes to.
enum Held<'v> {
    Text(std::borrow::Cow<'v, str>),
    Number(i64),
    Bool(Truth),
    Null,
    Unknown,
}

fn told(term: &Term, of: &dyn Asked, negated: bool) -> Truth {
    match term {
        Term::And(one, other) => told(one, of, negated).and(told(other, of, negated)),
        Term::Or(one, other) => told(one, of, negated).or(told(other, of, negated)),
        Term::Not(inner) => told(inner, of, !negated).not(),
        Term::Compare(how, one, other) => {
            // A comparison of two statements turns one round as well as a negation does.
            let same = same(&held(one, of, true), &held(other, of, true));
            if *how == Comparison::Equal { same } else { same.not() }
        }
        other => match held(other, of, negated) {
            Held::Bool(truth) => truth,
            _ => Truth::Maybe,
        },
    }
}

fn held<'v>(term: &'v Term, of: &'v dyn Asked, negated: bool) -> Held<'v> {
    match term {
        Term::Text(text) => Held::Text(text.as_str().into()),
        Term::Number(number) => Held::Number(*number),
        Term::Bool(holds) => Held::Bool((*holds).into()),
        Term::Null => Held::Null,
        Term::Field(at) => match of.field(at) {
            None => Held::Unknown,
            Some(Value::Null) => Held::Null,
            Some(Value::String(text)) => Held::Text(text.as_str().into()),
            Some(Value::Bool(holds)) => Held::Bool((*holds).into()),
            Some(other) => other.as_i64().map_or(Held::Unknown, Held::Number),
        },
        Term::Call(function, parts) => called(*function, parts, of, negated),
        Term::And(..) | Term::Or(..) | Term::Not(_) | Term::Compare(..) => {
            Held::Bool(told(term, of, negated))
        }
        Term::Other => Held::Unknown,
    }
}

fn same(one: &Held<'_>, other: &Held<'_>) -> Truth {
    match (one, other) {
        (Held::Unknown, _) | (_, Held::Unknown) => Truth::Maybe,
        (Held::Text(one), Held::Text(other)) if one == other => Truth::Yes,
        (Held::Text(one), Held::Text(other)) if differ_in_capitals(one, other) => Truth::Maybe,
        (Held::Number(one), Held::Number(other)) => (one == other).into(),
        (Held::Bool(one), Held::Bool(other)) => one.and(*other).or(one.not().and(other.not())),
        (Held::Null, Held::Null) => Truth::Yes,
        // An empty text and nothing are shown alike by the vendor's own forms.
        (Held::Null, Held::Text(text)) | (Held::Text(text), Held::Null) if text.is_empty() => Truth::Maybe,
        (Held::Text(_), Held::Text(_)) | (Held::Null, _) | (_, Held::Null) => Truth::No,
        // A number as a text may be the same or not, as the profile's schema says.
        _ => Truth::Maybe,
    }
}

/// Whether two texts that are not the same are so but for capitals.
fn differ_in_capitals(one: &str, other: &str) -> bool {
    let plain = one.is_ascii() && other.is_ascii();
    one.eq_ignore_ascii_case(other) || (!plain && one.to_lowercase() == other.to_lowercase())
}

fn called<'v>(function: Function, parts: &'v [Term], of: &'v dyn Asked, negated: bool) -> Held<'v> {
    let text = |at: usize| match parts.get(at).map(|part| held(part, of, true)) {
        Some(Held::Text(text)) => Some(text),
        _ => None,
    };
    let two = |holds: &dyn Fn(&str, &str) -> bool| match (text(0), text(1), parts.len()) {
        (Some(one), Some(other), 2) if holds(&one, &other) => Held::Bool(Truth::Yes),
        (Some(one), Some(other), 2) if !holds(&one.to_lowercase(), &other.to_lowercase()) => {
            Held::Bool(Truth::No)
        }
        _ => Held::Unknown,
    };
    let one = |made: &dyn Fn(&str) -> Held<'v>| match (text(0), parts.len()) {
        (Some(text), 1) => made(&text),
        _ => Held::Unknown,
    };
    match function {
        Function::StartsWith => two(&|one, other| one.starts_with(other)),
        Function::Contains => two(&|one, other| one.contains(other)),
        Function::Lower => one(&|text| Held::Text(text.to_lowercase().into())),
        Function::Upper => one(&|text| Held::Text(text.to_uppercase().into())),
        Function::Length => {
            one(&|text| i64::try_from(text.chars().count()).map_or(Held::Unknown, Held::Number))
        }
        Function::Append => match (text(0), text(1), parts.len()) {
            (Some(one), Some(other), 2) => Held::Text(format!("{one}{other}").into()),
            _ => Held::Unknown,
        },
        Function::MemberOf => member(parts, of, negated, &|id| vec![id.to_owned()]),
        Function::MemberOfNamed => member(parts, of, negated, &|text| of.named(&|name| name == text)),
        Function::MemberOfStarting => {
            member(parts, of, negated, &|text| of.named(&|name| name.starts_with(text)))
        }
        Function::MemberOfHolding => {
            member(parts, of, negated, &|text| of.named(&|name| name.contains(text)))
        }
    }
}

/// Whether the person is in one of the groups that the parts name.
fn member<'v>(
    parts: &[Term],
    of: &dyn Asked,
    negated: bool,
    groups: &dyn Fn(&str) -> Vec<String>,
) -> Held<'v> {
    let mut found = Truth::No;
    for part in parts {
        let Term::Text(text) = part else { return Held::Unknown };
        for id in groups(text) {
            found = found.or(of.in_group(&id, negated));
        }
    }
    if parts.is_empty() { Held::Unknown } else { Held::Bool(found) }
}
