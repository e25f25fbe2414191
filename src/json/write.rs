//! The way out: canonical bytes for hashing and storing, indented text for people.

use crate::json::scan::{is_special, plain_run};
use crate::json::{Number, Object, Value};

impl Value {
    /// The canonical bytes.
    pub fn to_canonical(&self) -> Vec<u8> {
        // Most bodies have about a kilobyte.
        let mut out = Vec::with_capacity(1024);
        self.write_canonical(&mut out);
        out
    }

    /// Appends the canonical bytes.
    pub fn write_canonical(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Bool(true) => out.extend_from_slice(b"true"),
            Self::Bool(false) => out.extend_from_slice(b"false"),
            Self::Number(number) => write_number(number, out),
            Self::String(text) => write_string(text, out),
            Self::Array(elements) => {
                out.push(b'[');
                for (i, element) in elements.iter().enumerate() {
                    if i > 0 {
                        out.push(b',');
                    }
                    element.write_canonical(out);
                }
                out.push(b']');
            }
            Self::Object(object) => object.write_canonical(out),
        }
    }

    /// The canonical form as text: one line, for one object of an NDJSON list.
    pub fn to_line(&self) -> String {
        String::from_utf8(self.to_canonical()).expect("the writer copies strings and ASCII")
    }

    /// Indented by two spaces, members in canonical order, no newline at the end.
    ///
    /// The same value always gives the same text. It is safe to show on a terminal: beside what
    /// JSON demands, C1 controls and characters that turn the direction of text are escaped.
    pub fn to_pretty(&self) -> String {
        let mut out = String::new();
        pretty(self, 0, &mut out);
        out
    }
}

impl Object {
    /// Appends the canonical bytes.
    pub fn write_canonical(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        for (i, (name, value)) in self.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            write_string(name, out);
            out.push(b':');
            value.write_canonical(out);
        }
        out.push(b'}');
    }
}

fn write_number(number: &Number, out: &mut Vec<u8>) {
    out.extend_from_slice(number.as_str().as_bytes());
}

fn write_string(text: &str, out: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    out.push(b'"');
    loop {
        let run = plain_run(rest);
        out.extend_from_slice(&rest[..run]);
        let Some(special) = rest.get(run) else { break };
        write_escape(*special, out);
        rest = &rest[run + 1..];
    }
    out.push(b'"');
}

fn write_escape(byte: u8, out: &mut Vec<u8>) {
    debug_assert!(is_special(byte));
    let short = match byte {
        0x08 => b'b',
        0x09 => b't',
        0x0A => b'n',
        0x0C => b'f',
        0x0D => b'r',
        b'"' | b'\\' => byte,
        _ => {
            const DIGITS: &[u8; 16] = b"0123456789abcdef";
            out.extend_from_slice(b"\\u00");
            out.push(DIGITS[usize::from(byte >> 4)]);
            out.push(DIGITS[usize::from(byte & 0xF)]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

fn pretty(value: &Value, level: usize, out: &mut String) {
    match value {
        Value::Array(elements) if !elements.is_empty() => {
            let items = elements.iter().map(|element| (None, element));
            pretty_items(['[', ']'], items, level, out);
        }
        Value::Object(object) if !object.is_empty() => {
            let items = object.iter().map(|(name, value)| (Some(name), value));
            pretty_items(['{', '}'], items, level, out);
        }
        Value::String(text) => pretty_string(text, out),
        _ => out.push_str(&value.to_line()),
    }
}

fn pretty_items<'a>(
    [open, close]: [char; 2],
    items: impl Iterator<Item = (Option<&'a str>, &'a Value)>,
    level: usize,
    out: &mut String,
) {
    out.push(open);
    for (i, (name, value)) in items.enumerate() {
        if i > 0 {
            out.push(',');
        }
        new_line(level + 1, out);
        if let Some(name) = name {
            pretty_string(name, out);
            out.push_str(": ");
        }
        pretty(value, level + 1, out);
    }
    new_line(level, out);
    out.push(close);
}

fn new_line(level: usize, out: &mut String) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", level));
}

fn pretty_string(text: &str, out: &mut String) {
    let mut line = Vec::new();
    write_string(text, &mut line);
    for character in String::from_utf8_lossy(&line).chars() {
        match character {
            '\u{7f}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => {
                out.push_str(&format!("\\u{:04x}", character as u32));
            }
            plain => out.push(plain),
        }
    }
}
