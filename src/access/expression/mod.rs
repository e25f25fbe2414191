//! The vendor's expressions that say whom a rule is about: the part of the language that a recorded
//! state can answer.
//!
//! What is understood is answered exactly; everything else is [`Truth::Maybe`], never guessed. Nothing
//! here can fail: a text that is no expression is one that is not understood.
//!
//! ```text
//! user.department == "Sales" and !String.startsWith(user.title, "Intern")
//! user.profile.department == 'Sales' || isMemberOfAnyGroup("00g1", "00g2")
//! ```
//!
//! [`parse()`] reads the text, [`answer()`] asks it of a person.
//!
//! [`Truth::Maybe`]: crate::access::crowd::Truth::Maybe

pub(crate) mod answer;
pub(crate) mod parse;

pub(crate) use answer::{Asked, answer};
pub(crate) use parse::parse;

use crate::json::Pointer;

/// A part of an expression.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Term {
    /// A text.
    Text(String),
    /// A whole number.
    Number(i64),
    /// True or false.
    Bool(bool),
    /// Nothing.
    Null,
    /// A field of the person, by the names between the dots after `user`.
    Field(Pointer),
    /// A call of a function that is known.
    Call(Function, Vec<Term>),
    /// A comparison.
    Compare(Comparison, Box<Term>, Box<Term>),
    /// Both.
    And(Box<Term>, Box<Term>),
    /// Either.
    Or(Box<Term>, Box<Term>),
    /// The contrary.
    Not(Box<Term>),
    /// Something that is not understood.
    Other,
}

/// How two values are compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Comparison {
    /// They are the same.
    Equal,
    /// They are not.
    Differ,
}

/// The functions that are known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Function {
    /// The first text begins with the second.
    StartsWith,
    /// The first text holds the second.
    Contains,
    /// A text in small letters.
    Lower,
    /// A text in capitals.
    Upper,
    /// Texts one after the other.
    Append,
    /// The number of characters.
    Length,
    /// The person is in one of the groups of these ids.
    MemberOf,
    /// The person is in one of the groups of these names.
    MemberOfNamed,
    /// The person is in a group whose name begins so.
    MemberOfStarting,
    /// The person is in a group whose name holds this.
    MemberOfHolding,
}

/// The names of functions, as the vendor writes them.
pub(crate) const FUNCTIONS: [(&str, Function); 11] = [
    ("String.startsWith", Function::StartsWith),
    ("String.stringContains", Function::Contains),
    ("String.toLowerCase", Function::Lower),
    ("String.toUpperCase", Function::Upper),
    ("String.append", Function::Append),
    ("String.len", Function::Length),
    ("isMemberOfGroup", Function::MemberOf),
    ("isMemberOfAnyGroup", Function::MemberOf),
    ("isMemberOfGroupName", Function::MemberOfNamed),
    ("isMemberOfGroupNameStartsWith", Function::MemberOfStarting),
    ("isMemberOfGroupNameContains", Function::MemberOfHolding),
];

impl Term {
    /// The same with its fields where a body holds them: below this place.
    pub(crate) fn placed(mut self, below: &Pointer) -> Self {
        self.place(below);
        self
    }

    fn place(&mut self, below: &Pointer) {
        match self {
            Self::Field(at) => *at = at.segments().fold(below.clone(), |at, name| at.join(name)),
            Self::Call(_, parts) => parts.iter_mut().for_each(|part| part.place(below)),
            Self::Compare(_, one, other) | Self::And(one, other) | Self::Or(one, other) => {
                one.place(below);
                other.place(below);
            }
            Self::Not(inner) => inner.place(below),
            Self::Text(_) | Self::Number(_) | Self::Bool(_) | Self::Null | Self::Other => {}
        }
    }

    /// Every field of the person that the expression looks at.
    pub(crate) fn fields(&self, out: &mut Vec<Pointer>) {
        match self {
            Self::Field(at) => out.push(at.clone()),
            Self::Call(_, parts) => parts.iter().for_each(|part| part.fields(out)),
            Self::Compare(_, one, other) | Self::And(one, other) | Self::Or(one, other) => {
                one.fields(out);
                other.fields(out);
            }
            Self::Not(inner) => inner.fields(out),
            Self::Text(_) | Self::Number(_) | Self::Bool(_) | Self::Null | Self::Other => {}
        }
    }
}
