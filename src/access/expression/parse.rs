//! Reading the text of an expression. What is not of the known part becomes [`Term::Other`] as a
//! whole, so that a misread half can never answer for the other.

use crate::access::expression::{Comparison, FUNCTIONS, Term};
use crate::json::Pointer;

/// Most brackets and negations within each other: an expression comes from a tenant.
const DEPTH_MAX: usize = 64;
/// Longest expression that is read, in bytes.
const LENGTH_MAX: usize = 20_000;

/// Reads an expression.
pub(crate) fn parse(text: &str) -> Term {
    let read = || {
        let mut reader = Reader { words: words(text)?, at: 0, depth: 0 };
        let term = reader.either()?;
        (reader.at == reader.words.len()).then_some(term)
    };
    if text.len() > LENGTH_MAX { Term::Other } else { read().unwrap_or(Term::Other) }
}

#[derive(Clone, PartialEq, Debug)]
enum Word {
    Text(String),
    Number(i64),
    Name(String),
    Sign(&'static str),
}

const SIGNS: [&str; 9] = ["==", "!=", "&&", "||", "!", "(", ")", ",", "."];

fn words(text: &str) -> Option<Vec<Word>> {
    let mut out = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if first == '"' || first == '\'' {
            let (value, length) = quoted(rest, first)?;
            out.push(Word::Text(value));
            length
        } else if first.is_ascii_digit() {
            let length = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            out.push(Word::Number(rest.get(..length)?.parse().ok()?));
            length
        } else if first.is_alphabetic() || first == '_' || first == '$' {
            let part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$');
            let length = rest.find(|c: char| !part(c)).unwrap_or(rest.len());
            out.push(Word::Name(rest.get(..length)?.to_owned()));
            length
        } else {
            let sign = SIGNS.into_iter().find(|sign| rest.starts_with(sign))?;
            out.push(Word::Sign(sign));
            sign.len()
        };
        rest = rest.get(length..)?.trim_start();
    }
    Some(out)
}

/// A text between quotes, and how long it is with them. A backslash takes the next quote or backslash
/// as it is; what another one means is not known.
fn quoted(text: &str, quote: char) -> Option<(String, usize)> {
    let mut value = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => match chars.next()? {
                (_, next @ ('"' | '\'' | '\\')) => value.push(next),
                _ => return None,
            },
            c if c == quote => return Some((value, at + 1)),
            c => value.push(c),
        }
    }
    None
}

struct Reader {
    words: Vec<Word>,
    at: usize,
    depth: usize,
}

impl Reader {
    fn peek(&self) -> Option<&Word> {
        self.words.get(self.at)
    }

    /// Goes past a sign or a word in small or capital letters that means the same.
    fn takes(&mut self, sign: &str, word: &str) -> bool {
        let found = match self.peek() {
            Some(Word::Sign(found)) => *found == sign,
            Some(Word::Name(found)) => !word.is_empty() && found.eq_ignore_ascii_case(word),
            _ => false,
        };
        self.at += usize::from(found);
        found
    }

    fn either(&mut self) -> Option<Term> {
        let mut term = self.both()?;
        while self.takes("||", "or") {
            term = Term::Or(Box::new(term), Box::new(self.both()?));
        }
        Some(term)
    }

    fn both(&mut self) -> Option<Term> {
        let mut term = self.compared()?;
        while self.takes("&&", "and") {
            term = Term::And(Box::new(term), Box::new(self.compared()?));
        }
        Some(term)
    }

    fn compared(&mut self) -> Option<Term> {
        let one = self.contrary()?;
        let how = if self.takes("==", "eq") {
            Comparison::Equal
        } else if self.takes("!=", "ne") {
            Comparison::Differ
        } else {
            return Some(one);
        };
        let other = self.contrary()?;
        Some(Term::Compare(how, Box::new(one), Box::new(other)))
    }

    fn contrary(&mut self) -> Option<Term> {
        if !self.takes("!", "not") {
            return self.single();
        }
        self.deeper()?;
        let inner = self.contrary()?;
        self.depth -= 1;
        Some(Term::Not(Box::new(inner)))
    }

    fn deeper(&mut self) -> Option<()> {
        self.depth += 1;
        (self.depth <= DEPTH_MAX).then_some(())
    }

    fn single(&mut self) -> Option<Term> {
        if self.takes("(", "") {
            self.deeper()?;
            let inner = self.either()?;
            self.depth -= 1;
            return self.takes(")", "").then_some(inner);
        }
        let word = self.peek()?.clone();
        self.at += 1;
        match word {
            Word::Text(text) => Some(Term::Text(text)),
            Word::Number(number) => Some(Term::Number(number)),
            Word::Name(name) => self.named(name),
            Word::Sign(_) => None,
        }
    }

    /// A field, a call, or a word of the language.
    fn named(&mut self, first: String) -> Option<Term> {
        let mut names = vec![first];
        while self.takes(".", "") {
            let Some(Word::Name(name)) = self.peek().cloned() else { return None };
            self.at += 1;
            names.push(name);
        }
        if self.takes("(", "") {
            let whole = names.join(".");
            let known = FUNCTIONS.iter().find(|(name, _)| *name == whole);
            let parts = self.parts()?;
            return Some(known.map_or(Term::Other, |(_, function)| Term::Call(*function, parts)));
        }
        match names.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["true"] => Some(Term::Bool(true)),
            ["false"] => Some(Term::Bool(false)),
            ["null"] => Some(Term::Null),
            ["user", ref rest @ ..] if !rest.is_empty() => {
                Some(Term::Field(Pointer::from_segments(rest.iter().copied())))
            }
            _ => Some(Term::Other),
        }
    }

    fn parts(&mut self) -> Option<Vec<Term>> {
        self.deeper()?;
        let mut parts = Vec::new();
        while !self.takes(")", "") {
            if !parts.is_empty() && !self.takes(",", "") {
                return None;
            }
            parts.push(self.either()?);
        }
        self.depth -= 1;
        Some(parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::expression::Function;

    #[test]
    fn and_binds_closer_than_or_and_brackets_closer_than_both() {
        let read = parse("true or false and false");
        assert!(matches!(read, Term::Or(..)), "{read:?}");
        let read = parse("(true OR false) && !false");
        assert!(matches!(read, Term::And(..)), "{read:?}");
    }

    #[test]
    fn both_ways_of_writing_a_field_are_read() {
        let name = |text: &str| match parse(text) {
            Term::Field(at) => at.to_string(),
            other => panic!("{other:?}"),
        };
        assert_eq!(name("user.department"), "/department");
        assert_eq!(name("user.profile.department"), "/profile/department");
    }

    #[test]
    fn what_is_not_of_the_language_is_not_understood() {
        for text in ["", "user.a ==", "user.a = \"x\"", "(true", "true)", "\"x", "user..a", "a b", "{'x'}"] {
            assert_eq!(parse(text), Term::Other, "{text}");
        }
        assert_eq!(parse(&"(".repeat(100_000)), Term::Other);
        assert_eq!(parse(&format!("{}true{}", "(".repeat(5000), ")".repeat(5000))), Term::Other);
        assert_eq!(parse(&"!".repeat(5000)), Term::Other);
    }

    #[test]
    fn a_function_that_is_not_known_is_a_part_that_is_not_understood() {
        let read = parse("Groups.contains(\"x\") or true");
        assert_eq!(read, Term::Or(Box::new(Term::Other), Box::new(Term::Bool(true))));
        let read = parse("isMemberOfAnyGroup(\"a\",'b')");
        let ids = vec![Term::Text("a".into()), Term::Text("b".into())];
        assert_eq!(read, Term::Call(Function::MemberOf, ids));
    }

    #[test]
    fn a_quote_can_stand_in_a_text() {
        assert_eq!(parse(r#""say \"x\" \\ 'y'""#), Term::Text(r#"say "x" \ 'y'"#.into()));
        assert_eq!(parse(r#""\q""#), Term::Other, "what such a mark means is not known");
    }
}
