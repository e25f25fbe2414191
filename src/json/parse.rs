//! The way in: one pass over the bytes, strict by RFC 8259, bounded by [`Limits`].
//!
//! It descends by recursion; the depth is bounded by [`JSON_DEPTH_MAX`] whatever the caller asks
//! for, so the stack is too. A byte order mark, a second value, a lone surrogate, bytes that are
//! not UTF-8 and a member name that occurs twice are errors, not repaired.

use crate::base::limits::{BODY_BYTES_MAX, JSON_BYTES_MAX, JSON_DEPTH_MAX};
use crate::json::scan::plain_run;
use crate::json::{JsonError, Number, Object, Value};

/// Most values in one document by default: bounds the memory, since `[0,0,…]` takes a dozen times
/// its length. A page of a list has under a million.
const VALUES_MAX: usize = 8 << 20;

/// What a document may cost. The default is for one page of a vendor's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Deepest nesting of arrays and objects; more than [`JSON_DEPTH_MAX`] counts as that.
    pub depth_max: usize,
    /// Longest text, in bytes.
    pub bytes_max: usize,
    /// Most values, those inside others included.
    pub values_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth_max: JSON_DEPTH_MAX, bytes_max: JSON_BYTES_MAX, values_max: VALUES_MAX }
    }
}

impl Limits {
    /// The limits for the body of one resource.
    pub fn body() -> Self {
        Self { bytes_max: BODY_BYTES_MAX, ..Self::default() }
    }
}

/// Reads one JSON document.
///
/// # Errors
/// Whatever [`JsonError`] says of texts; each carries the byte offset and none the content.
pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Value, JsonError> {
    let mut parser = Parser::new(bytes, limits)?;
    let value = parser.value()?;
    parser.end()?;
    Ok(value)
}

/// The canonical bytes of a document, within the default limits.
///
/// # Errors
/// As [`parse()`].
pub fn canonicalize_bytes(bytes: &[u8]) -> Result<Vec<u8>, JsonError> {
    let value = parse(bytes, &Limits::default())?;
    let mut out = Vec::with_capacity(bytes.len());
    value.write_canonical(&mut out);
    Ok(out)
}

pub(super) struct Parser<'a> {
    text: &'a str,
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
    depth: usize,
    depth_max: usize,
    values: usize,
    values_max: usize,
}

impl<'a> Parser<'a> {
    /// Stands before the first value of a document.
    pub(super) fn new(bytes: &'a [u8], limits: &Limits) -> Result<Self, JsonError> {
        if bytes.len() > limits.bytes_max {
            return Err(JsonError::TooLong { bytes: bytes.len(), max: limits.bytes_max });
        }
        let encoding = |fault: std::str::Utf8Error| JsonError::Encoding { at: fault.valid_up_to() };
        let mut parser = Self {
            text: std::str::from_utf8(bytes).map_err(encoding)?,
            bytes,
            at: 0,
            depth: 0,
            depth_max: limits.depth_max.min(JSON_DEPTH_MAX),
            values: 0,
            values_max: limits.values_max,
        };
        parser.skip_space();
        Ok(parser)
    }

    /// Refuses whatever follows the document.
    pub(super) fn end(&mut self) -> Result<(), JsonError> {
        self.skip_space();
        if self.at < self.bytes.len() {
            return Err(self.syntax("more text after the end of the document"));
        }
        Ok(())
    }
}

impl Parser<'_> {
    pub(super) fn syntax(&self, what: &'static str) -> JsonError {
        JsonError::Syntax { at: self.at, what }
    }

    /// The next byte; 0, which no JSON text holds raw, at the end.
    pub(super) fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    pub(super) fn skip_space(&mut self) {
        while matches!(self.peek(), b' ' | b'\n' | b'\r' | b'\t') {
            self.at += 1;
        }
    }

    /// Steps over this byte if it is next.
    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let next = self.peek() == byte;
        self.at += usize::from(next);
        next
    }

    /// Counts a value that is about to be read.
    pub(super) fn count(&mut self) -> Result<(), JsonError> {
        self.values += 1;
        if self.values > self.values_max {
            return Err(JsonError::TooManyValues { at: self.at, max: self.values_max });
        }
        Ok(())
    }

    fn value(&mut self) -> Result<Value, JsonError> {
        self.count()?;
        match self.peek() {
            b'"' => self.string().map(Value::String),
            b'{' => self.nested(Self::object),
            b'[' => self.nested(Self::array),
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.word("true", Value::Bool(true)),
            b'f' => self.word("false", Value::Bool(false)),
            b'n' => self.word("null", Value::Null),
            _ => Err(self.syntax("expected a value")),
        }
    }

    pub(super) fn word<T>(&mut self, word: &'static str, value: T) -> Result<T, JsonError> {
        if !self.bytes[self.at..].starts_with(word.as_bytes()) {
            return Err(self.syntax("expected a value"));
        }
        self.at += word.len();
        Ok(value)
    }

    pub(super) fn nested<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, JsonError>,
    ) -> Result<T, JsonError> {
        if self.depth == self.depth_max {
            return Err(JsonError::TooDeep { at: self.at, max: self.depth_max });
        }
        self.depth += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }

    /// Reads what stands between brackets, one after the other: from the opening one on, up to and over `close`.
    /// `each` stands before one and reads it; `expected` says what is missing after one.
    pub(super) fn listed(
        &mut self,
        close: u8,
        expected: &'static str,
        mut each: impl FnMut(&mut Self) -> Result<(), JsonError>,
    ) -> Result<(), JsonError> {
        self.at += 1;
        self.skip_space();
        if self.eat(close) {
            return Ok(());
        }
        loop {
            self.skip_space();
            each(self)?;
            self.skip_space();
            if self.eat(close) {
                return Ok(());
            }
            if !self.eat(b',') {
                return Err(self.syntax(expected));
            }
        }
    }

    pub(super) fn elements(
        &mut self,
        each: impl FnMut(&mut Self) -> Result<(), JsonError>,
    ) -> Result<(), JsonError> {
        self.listed(b']', "expected `,` or `]`", each)
    }

    /// As [`Self::listed`]: `name` reads a member's name, and `value` its value.
    pub(super) fn members<N>(
        &mut self,
        mut name: impl FnMut(&mut Self) -> Result<N, JsonError>,
        mut value: impl FnMut(&mut Self, N) -> Result<(), JsonError>,
    ) -> Result<(), JsonError> {
        self.listed(b'}', "expected `,` or `}`", |parser| {
            if parser.peek() != b'"' {
                return Err(parser.syntax("expected a member name in quotes"));
            }
            let name = name(parser)?;
            parser.skip_space();
            if !parser.eat(b':') {
                return Err(parser.syntax("expected `:`"));
            }
            parser.skip_space();
            value(parser, name)
        })
    }

    fn array(&mut self) -> Result<Value, JsonError> {
        let mut elements = Vec::new();
        self.elements(|parser| {
            elements.push(parser.value()?);
            Ok(())
        })?;
        Ok(Value::Array(elements))
    }

    fn object(&mut self) -> Result<Value, JsonError> {
        let start = self.at;
        let mut members: Vec<(Box<str>, Value)> = Vec::new();
        self.members(Self::string, |parser, name| {
            members.push((name.into_boxed_str(), parser.value()?));
            Ok(())
        })?;
        match Object::from_parsed(members) {
            Some(object) => Ok(Value::Object(object)),
            None => Err(JsonError::DuplicateName { at: start }),
        }
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        if self.at == start {
            return Err(self.syntax("expected a digit"));
        }
        Ok(())
    }

    fn number(&mut self) -> Result<Value, JsonError> {
        let start = self.at;
        self.number_text()?;
        match Number::from_grammar(&self.text[start..self.at]) {
            Ok(number) => Ok(Value::Number(number)),
            Err(_) => Err(JsonError::NumberRange { at: start }),
        }
    }

    /// Steps over a number.
    pub(super) fn number_text(&mut self) -> Result<(), JsonError> {
        self.eat(b'-');
        if self.eat(b'0') {
            if self.peek().is_ascii_digit() {
                return Err(self.syntax("a number has a leading zero"));
            }
        } else {
            self.digits()?;
        }
        if self.eat(b'.') {
            self.digits()?;
        }
        if self.eat(b'e') || self.eat(b'E') {
            let _sign = self.eat(b'+') || self.eat(b'-');
            self.digits()?;
        }
        Ok(())
    }

    fn string(&mut self) -> Result<String, JsonError> {
        self.at += 1;
        let start = self.at;
        self.at += plain_run(&self.bytes[start..]);
        if self.eat(b'"') {
            return Ok(self.text[start..self.at - 1].to_owned());
        }
        let mut text = self.text[start..self.at].to_owned();
        loop {
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => text.push(self.escape()?),
                Some(_) => return Err(self.syntax("a raw control character in a string")),
                None => return Err(self.syntax("the text ends inside a string")),
            }
            let run = self.at;
            self.at += plain_run(&self.bytes[run..]);
            text.push_str(&self.text[run..self.at]);
        }
    }

    pub(super) fn escape(&mut self) -> Result<char, JsonError> {
        let start = self.at;
        self.at += 1;
        let letter = self.peek();
        let plain = match letter {
            b'"' | b'\\' | b'/' => letter as char,
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                self.at += 1;
                return self.unicode(start);
            }
            _ => return Err(self.syntax("no such escape")),
        };
        self.at += 1;
        Ok(plain)
    }

    /// The character of the escape that began at `start`; its first four digits are next.
    fn unicode(&mut self, start: usize) -> Result<char, JsonError> {
        let lone = JsonError::LoneSurrogate { at: start };
        let first = self.four_digits()?;
        if !(0xD800..0xDC00).contains(&first) {
            return char::from_u32(first).ok_or(lone);
        }
        if !self.bytes[self.at..].starts_with(b"\\u") {
            return Err(lone);
        }
        self.at += 2;
        let second = self.four_digits()?;
        if !(0xDC00..0xE000).contains(&second) {
            return Err(lone);
        }
        char::from_u32(0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00)).ok_or(lone)
    }

    fn four_digits(&mut self) -> Result<u32, JsonError> {
        let mut unit = 0;
        for _ in 0..4 {
            let Some(digit) = (self.peek() as char).to_digit(16) else {
                return Err(self.syntax("expected four hexadecimal digits"));
            };
            unit = unit * 16 + digit;
            self.at += 1;
        }
        Ok(unit)
    }
}
