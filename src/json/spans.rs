//! Where things stand in a text, for whoever need not read them: the elements of a list, some members of an object.
//!
//! It steps over values without making any. The grammar and the bounds are those of [`crate::json::parse()`] to the
//! last escape, and what it passes is whole; only whether a name occurs twice in an object and whether a number can
//! be held is told by who reads the value itself.

use crate::json::parse::Parser;
use crate::json::scan::plain_run;
use crate::json::{JsonError, Limits};

/// Shows each element of a list as it stands in the text, with those members of it that are `wanted`, where it has
/// them; of members of one name the last. Returns how many there are.
///
/// # Errors
/// The text is no list, or as [`crate::json::parse()`].
pub fn elements<'t>(
    text: &'t [u8],
    wanted: &[&str],
    limits: &Limits,
    mut each: impl FnMut(&'t [u8], &[Option<&'t [u8]>]),
) -> Result<usize, JsonError> {
    let mut parser = Parser::new(text, limits)?;
    parser.count()?;
    if parser.peek() != b'[' {
        return Err(parser.syntax("expected a list"));
    }
    let (mut found, mut count) = (vec![None; wanted.len()], 0);
    parser.nested(|parser| {
        parser.elements(|parser| {
            found.fill(None);
            let start = parser.at;
            match parser.peek() {
                b'{' if !wanted.is_empty() => parser.skip_members(wanted, &mut found)?,
                _ => parser.skip()?,
            }
            each(&text[start..parser.at], &found);
            count += 1;
            Ok(())
        })
    })?;
    parser.end()?;
    Ok(count)
}

/// The members of an object that are wanted, as they stand in the text.
///
/// # Errors
/// The text is no object, or as [`crate::json::parse()`].
pub fn members<'t>(
    text: &'t [u8],
    wanted: &[&str],
    limits: &Limits,
) -> Result<Vec<Option<&'t [u8]>>, JsonError> {
    let mut parser = Parser::new(text, limits)?;
    if parser.peek() != b'{' {
        return Err(parser.syntax("expected an object"));
    }
    let mut found = vec![None; wanted.len()];
    parser.skip_members(wanted, &mut found)?;
    parser.end()?;
    Ok(found)
}

impl<'t> Parser<'t> {
    /// Steps over a value.
    fn skip(&mut self) -> Result<(), JsonError> {
        match self.peek() {
            b'{' => return self.skip_members(&[], &mut []),
            b'[' => {
                self.count()?;
                return self.nested(|parser| parser.elements(Self::skip));
            }
            _ => self.count()?,
        }
        match self.peek() {
            b'"' => self.skip_string(),
            b'-' | b'0'..=b'9' => self.number_text(),
            b't' => self.word("true", ()),
            b'f' => self.word("false", ()),
            b'n' => self.word("null", ()),
            _ => Err(self.syntax("expected a value")),
        }
    }

    /// Steps over an object and notes where the wanted members of it stand.
    fn skip_members(&mut self, wanted: &[&str], found: &mut [Option<&'t [u8]>]) -> Result<(), JsonError> {
        self.count()?;
        let name = |parser: &mut Self| parser.skip_name(wanted);
        self.nested(|parser| {
            parser.members(name, |parser, place| {
                let start = parser.at;
                parser.skip()?;
                if let Some(found) = place.and_then(|place| found.get_mut(place)) {
                    *found = parser.bytes.get(start..parser.at);
                }
                Ok(())
            })
        })
    }

    /// Steps over a member's name; which of the wanted ones it is.
    fn skip_name(&mut self, wanted: &[&str]) -> Result<Option<usize>, JsonError> {
        let start = self.at;
        self.skip_string()?;
        if wanted.is_empty() {
            return Ok(None);
        }
        let name = self.bytes.get(start + 1..self.at - 1).unwrap_or_default();
        if name.contains(&b'\\') {
            // Written with an escape: it is read as any other text.
            let quoted = self.bytes.get(start..self.at).unwrap_or_default();
            let name = crate::json::parse(quoted, &Limits::default())?;
            return Ok(wanted.iter().position(|wanted| name.as_str() == Some(wanted)));
        }
        Ok(wanted.iter().position(|wanted| wanted.as_bytes() == name))
    }

    fn skip_string(&mut self) -> Result<(), JsonError> {
        self.at += 1;
        loop {
            self.at += plain_run(&self.bytes[self.at..]);
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => drop(self.escape()?),
                Some(_) => return Err(self.syntax("a raw control character in a string")),
                None => return Err(self.syntax("the text ends inside a string")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Value, parse};
    use proptest::prelude::*;

    const WANTED: [&str; 2] = ["id", "a\"b"];

    /// Elements and wanted members, read one by one.
    type Seen = Vec<(Value, Vec<Option<Value>>)>;

    fn seen(text: &[u8], limits: &Limits) -> Result<Seen, JsonError> {
        let mut rows = Vec::new();
        let count = elements(text, &WANTED, limits, |raw, found| {
            let read = |text: &[u8]| parse(text, &Limits::default());
            rows.push((
                read(raw),
                found.iter().map(|text| text.map(read).transpose()).collect::<Result<_, _>>(),
            ));
        })?;
        assert_eq!(count, rows.len());
        rows.into_iter().map(|(raw, found)| Ok((raw?, found?))).collect()
    }

    fn read(text: &[u8], limits: &Limits) -> Result<Seen, JsonError> {
        let Value::Array(elements) = parse(text, limits)? else {
            return Err(JsonError::Syntax { at: 0, what: "expected a list" });
        };
        let row = |element: Value| {
            let found = WANTED.iter().map(|name| element.get(name).cloned()).collect();
            (element, found)
        };
        Ok(elements.into_iter().map(row).collect())
    }

    fn same(text: &[u8]) {
        for limits in [Limits::default(), Limits { depth_max: 3, values_max: 9, ..Limits::default() }] {
            match (seen(text, &limits), read(text, &limits)) {
                (Ok(seen), Ok(read)) => assert_eq!(seen, read),
                (Err(_), Err(_)) => {}
                (Ok(_), Err(error)) => panic!("passed {:?}: {error}", String::from_utf8_lossy(text)),
                (Err(error), Ok(_)) => panic!("refused {:?}: {error}", String::from_utf8_lossy(text)),
            }
        }
    }

    #[test]
    fn what_is_stepped_over_is_what_is_read() {
        for text in [
            "[]",
            " [ ] ",
            "[1,2]",
            "[{}]",
            r#"[{"id":"x","n":[{"id":1}]},{"a\"b":null,"id":{"id":2}}]"#,
            r#"[{"\u0069d":7}]"#,
            "{}",
            "1",
            "",
            "[",
            "[1",
            "[1,]",
            r#"[{"a":1,"a":2}]"#,
            r#"["\ud800"]"#,
            r#"["\x"]"#,
            "[01]",
            "[1e99999999999]",
            "[1]]",
            "[\"\u{1}\"]",
            "[tru]",
            r#"[{"id"}]"#,
            r#"[{1:2}]"#,
            "[[[[[1]]]]]",
            "[1,2,3,4,5,6,7,8,9,10]",
            r#"[{"id":1,"id":2}]"#,
        ] {
            same(text.as_bytes());
        }
        assert_eq!(
            members(br#"{"b":1,"id":"x"}"#, &["id"], &Limits::default()).unwrap(),
            [Some(&b"\"x\""[..])]
        );
        assert!(members(b"[]", &["id"], &Limits::default()).is_err());
    }

    proptest! {
        #[test]
        fn and_so_it_is_of_any_text(text in r#"\[([\[\]{}:,"0-9aeflnrstu.\\ -]|"id":|"a\\"b":|null|"x"){0,24}\]?"#) {
            same(text.as_bytes());
        }

        #[test]
        fn and_of_bytes_that_were_changed(at in 0..60_usize, byte in any::<u8>()) {
            let mut text = br#"[{"id":"x","n":[true,-1.5e3,{"a\"b":"\u00e9\n"}]}, {"id":null}]"#.to_vec();
            let at = at % text.len();
            text[at] = byte;
            same(&text);
        }
    }
}
