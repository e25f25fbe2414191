//! Filter expressions: `status eq "ACTIVE" and (profile.login sw "a" or id pr)`.

use crate::json::{Pointer, Value};

/// What a row must satisfy.
#[derive(Debug, Default, Clone)]
pub struct Filter(Vec<Node>);

#[derive(Debug, Clone)]
enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    Test(Pointer, Test, String),
    /// One of these begins with the text, whatever its case.
    Begins(Vec<Pointer>, String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Test {
    Equal,
    Different,
    Begins,
    Ends,
    Contains,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    Present,
}

const WORDS: [(&str, Test); 10] = [
    ("eq", Test::Equal),
    ("ne", Test::Different),
    ("sw", Test::Begins),
    ("ew", Test::Ends),
    ("co", Test::Contains),
    ("gt", Test::Greater),
    ("ge", Test::GreaterOrEqual),
    ("lt", Test::Less),
    ("le", Test::LessOrEqual),
    ("pr", Test::Present),
];

/// How deep parentheses may go.
const DEPTH_MAX: usize = 32;

impl Filter {
    /// Reads an expression.
    ///
    /// # Errors
    /// Says what was expected and where.
    pub fn parse(text: &str) -> Result<Self, String> {
        let tokens = tokens(text)?;
        let mut reader = Reader { tokens: &tokens, at: 0, depth: 0 };
        let node = reader.any()?;
        match reader.peek() {
            None => Ok(Self(vec![node])),
            Some(token) => Err(format!("unexpected `{}`", token.text)),
        }
    }

    /// Rows with this value in a field.
    #[must_use]
    pub fn equals(at: Pointer, value: &str) -> Self {
        Self(vec![Node::Test(at, Test::Equal, value.into())])
    }

    /// Rows of which one of the fields begins with a text, whatever its case.
    #[must_use]
    pub fn begins(at: Vec<Pointer>, text: &str) -> Self {
        Self(vec![Node::Begins(at, text.to_lowercase())])
    }

    /// Both must hold.
    pub fn and(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Whether a row satisfies it.
    #[must_use]
    pub fn holds(&self, row: &Value) -> bool {
        self.0.iter().all(|node| node.holds(row))
    }
}

impl Node {
    fn holds(&self, row: &Value) -> bool {
        match self {
            Self::All(nodes) => nodes.iter().all(|node| node.holds(row)),
            Self::Any(nodes) => nodes.iter().any(|node| node.holds(row)),
            Self::Not(node) => !node.holds(row),
            Self::Test(at, test, wanted) => {
                let found = at.get(row).filter(|found| !found.is_null());
                match found {
                    Some(Value::Array(elements)) => {
                        elements.iter().any(|element| test.holds(Some(element), wanted))
                    }
                    found => test.holds(found, wanted),
                }
            }
            Self::Begins(fields, text) => {
                fields.is_empty()
                    || fields.iter().any(|at| {
                        let found = at.get(row).and_then(Value::as_str);
                        found.is_some_and(|found| found.to_lowercase().starts_with(text))
                    })
            }
        }
    }
}

impl Test {
    fn holds(self, found: Option<&Value>, wanted: &str) -> bool {
        let text = match found {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Bool(value)) => value.to_string(),
            Some(Value::Number(number)) => number.as_str().to_owned(),
            Some(_) => return self == Self::Present || self == Self::Different,
            None => return self == Self::Different || self == Self::Equal && wanted == "null",
        };
        match self {
            Self::Equal => text.eq_ignore_ascii_case(wanted),
            Self::Different => !text.eq_ignore_ascii_case(wanted),
            Self::Begins => text.to_lowercase().starts_with(&wanted.to_lowercase()),
            Self::Ends => text.to_lowercase().ends_with(&wanted.to_lowercase()),
            Self::Contains => text.to_lowercase().contains(&wanted.to_lowercase()),
            Self::Greater => text.as_str() > wanted,
            Self::GreaterOrEqual => text.as_str() >= wanted,
            Self::Less => text.as_str() < wanted,
            Self::LessOrEqual => text.as_str() <= wanted,
            Self::Present => true,
        }
    }
}

struct Token {
    text: String,
    quoted: bool,
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut out = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(&c) = chars.peek() {
        match c {
            ' ' => {
                chars.next();
            }
            '(' | ')' => {
                chars.next();
                out.push(Token { text: c.into(), quoted: false });
            }
            '"' => {
                chars.next();
                let mut quoted = String::new();
                loop {
                    match chars.next() {
                        None => return Err("a text has no end".into()),
                        Some('"') => break,
                        Some('\\') => quoted.extend(chars.next()),
                        Some(c) => quoted.push(c),
                    }
                }
                out.push(Token { text: quoted, quoted: true });
            }
            _ => {
                let mut word = String::new();
                while let Some(c) = chars.next_if(|c| !matches!(c, ' ' | '(' | ')' | '"')) {
                    word.push(c);
                }
                out.push(Token { text: word, quoted: false });
            }
        }
    }
    Ok(out)
}

struct Reader<'t> {
    tokens: &'t [Token],
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.peek().is_some_and(|token| !token.quoted && token.text.eq_ignore_ascii_case(word));
        self.at += usize::from(found);
        found
    }

    fn any(&mut self) -> Result<Node, String> {
        let mut nodes = vec![self.all()?];
        while self.take("or") {
            nodes.push(self.all()?);
        }
        Ok(if nodes.len() == 1 { nodes.remove(0) } else { Node::Any(nodes) })
    }

    fn all(&mut self) -> Result<Node, String> {
        let mut nodes = vec![self.one()?];
        while self.take("and") {
            nodes.push(self.one()?);
        }
        Ok(if nodes.len() == 1 { nodes.remove(0) } else { Node::All(nodes) })
    }

    fn one(&mut self) -> Result<Node, String> {
        if self.take("not") {
            return Ok(Node::Not(Box::new(self.one()?)));
        }
        if self.take("(") {
            self.depth += 1;
            if self.depth > DEPTH_MAX {
                return Err("too many parentheses".into());
            }
            let node = self.any()?;
            self.depth -= 1;
            return if self.take(")") { Ok(node) } else { Err("a parenthesis has no end".into()) };
        }
        let tokens = self.tokens;
        let field = tokens.get(self.at).filter(|token| !token.quoted).ok_or("expected a field")?;
        let word = tokens.get(self.at + 1).ok_or("expected an operator")?;
        let known = WORDS.iter().find(|(name, _)| word.text.eq_ignore_ascii_case(name));
        let (_, test) = known.ok_or_else(|| format!("no operator is called `{}`", word.text))?;
        let at = Pointer::from_segments(field.text.split('.'));
        self.at += 2;
        if *test == Test::Present {
            return Ok(Node::Test(at, *test, String::new()));
        }
        let wanted = tokens.get(self.at).ok_or("expected a value")?;
        self.at += 1;
        Ok(Node::Test(at, *test, wanted.text.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Limits, parse};

    fn holds(filter: &str) -> bool {
        let row = br#"{"id":"a1","status":"ACTIVE","profile":{"login":"Ann@x.y","n":3},"tags":["p","q"]}"#;
        Filter::parse(filter).unwrap().holds(&parse(row, &Limits::default()).unwrap())
    }

    #[test]
    fn expressions_of_the_vendor() {
        assert!(holds("status eq \"ACTIVE\""));
        assert!(holds("profile.login sw \"ann\" and (id eq \"b\" or tags eq \"q\")"));
        assert!(holds("not (id eq \"b\")"));
        assert!(holds("id gt \"a0\" and id le \"a1\""));
        assert!(holds("profile.n eq 3 and missing ne \"x\""));
        assert!(!holds("missing pr"));
        assert!(!holds("id eq \"b\" or status eq \"STAGED\" and id pr"));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "id", "id eq", "id is \"a\"", "(id pr", "id pr)", "id eq \"a", "\"a\" eq id"] {
            assert!(Filter::parse(text).is_err(), "{text}");
        }
    }
}
