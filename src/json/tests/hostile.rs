//! Input from outside: refused with the right error at the right byte, never a panic.

use proptest::prelude::*;

use crate::base::limits::JSON_DEPTH_MAX;
use crate::json::{JsonError, Limits, canonicalize_bytes, parse};

fn fault(text: impl AsRef<[u8]>) -> JsonError {
    match parse(text.as_ref(), &Limits::default()) {
        Ok(_) => panic!("accepted: {:?}", String::from_utf8_lossy(text.as_ref())),
        Err(fault) => fault,
    }
}

#[test]
fn breaks_of_the_grammar() {
    let table: &[(&str, usize)] = &[
        ("", 0),
        ("   ", 3),
        ("\u{feff}{}", 0),
        ("NaN", 0),
        ("nan", 0),
        ("Infinity", 0),
        ("-Infinity", 1),
        ("tru", 0),
        ("nul", 0),
        ("TRUE", 0),
        ("'a'", 0),
        ("01", 1),
        ("-01", 2),
        ("00", 1),
        ("+1", 0),
        (".5", 0),
        ("1.", 2),
        ("1.e1", 2),
        ("1e", 2),
        ("1e+", 3),
        ("-", 1),
        ("0x10", 1),
        ("1 2", 2),
        ("[1,]", 3),
        ("[,1]", 1),
        ("[1 2]", 3),
        ("[1", 2),
        ("]", 0),
        ("[}", 1),
        ("{,}", 1),
        ("{\"a\":1,}", 7),
        ("{\"a\" 1}", 5),
        ("{\"a\":}", 5),
        ("{a:1}", 1),
        ("{\"a\":1", 6),
        ("{\"a\":1]", 6),
        ("\"a", 2),
        ("\"a\nb\"", 2),
        ("\"a\u{0}b\"", 2),
        ("\"\\x\"", 2),
        ("\"\\\"", 3),
        ("\"\\u12\"", 5),
        ("\"\\u12g4\"", 5),
        ("\"\\u+123\"", 3),
        ("/* c */ 1", 0),
        ("[1] // c", 4),
        ("\u{0}", 0),
        ("1\u{0}", 1),
        ("\u{a0}1", 0),
    ];
    for (text, at) in table {
        match fault(text) {
            JsonError::Syntax { at: found, .. } => assert_eq!(found, *at, "{text:?}"),
            other => panic!("{text:?} gave {other}"),
        }
    }
}

#[test]
fn names_that_occur_twice() {
    assert_eq!(fault(r#"[{"a":1,"a":1}]"#), JsonError::DuplicateName { at: 1 });
    assert_eq!(fault(r#"{"b":0,"a":1,"\u0061":2}"#), JsonError::DuplicateName { at: 0 });
    assert_eq!(fault(r#"{"":0,"":0}"#), JsonError::DuplicateName { at: 0 });
}

#[test]
fn lone_surrogates() {
    for escape in [r"\ud800", r"\udc00", r"\ud800\ud800", r"\ud800x", r"\ud83d\n", r"\udfff\ud800"] {
        let text = format!("[\"ok{escape}\"]");
        assert_eq!(fault(&text), JsonError::LoneSurrogate { at: 4 }, "{escape}");
    }
    let pair = canonicalize_bytes(br#""\uD83D\uDE00\uDBFF\uDFFF""#).expect("two pairs");
    assert_eq!(pair, "\"😀\u{10ffff}\"".as_bytes());
}

#[test]
fn bytes_that_are_not_utf8() {
    let broken: &[&[u8]] = &[
        b"\xc0\xaf",         // overlong
        b"\xe0\x80\xaf",     // overlong
        b"\xf0\x80\x80\xaf", // overlong
        b"\xed\xa0\x80",     // a surrogate
        b"\xf4\x90\x80\x80", // beyond U+10FFFF
        b"\xff",
        b"\x80",
        b"\xe2\x82",
    ];
    for bytes in broken {
        let text = [b"\"ab", *bytes, b"\""].concat();
        assert_eq!(fault(&text), JsonError::Encoding { at: 3 }, "{bytes:x?}");
    }
}

#[test]
fn depth_is_bounded() {
    let nested = |open: &str, close: &str, levels| {
        [open.repeat(levels), "1".to_owned(), close.repeat(levels)].concat()
    };
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deepest = nested(open, close, JSON_DEPTH_MAX);
        assert!(parse(deepest.as_bytes(), &Limits::default()).is_ok());
        let at = open.len() * JSON_DEPTH_MAX;
        let max = JSON_DEPTH_MAX;
        let one_more = nested(open, close, JSON_DEPTH_MAX + 1);
        assert_eq!(fault(&one_more), JsonError::TooDeep { at, max });
        assert_eq!(fault(open.repeat(1_000_000)), JsonError::TooDeep { at, max });
    }
    let greedy = Limits { depth_max: usize::MAX, ..Limits::default() };
    let bomb = "[".repeat(1_000_000);
    assert!(matches!(parse(bomb.as_bytes(), &greedy), Err(JsonError::TooDeep { max: 128, .. })));
    let shallow = Limits { depth_max: 1, ..Limits::default() };
    assert!(parse(b"[1]", &shallow).is_ok());
    assert_eq!(parse(b"[[1]]", &shallow), Err(JsonError::TooDeep { at: 1, max: 1 }));
}

#[test]
fn size_is_bounded() {
    let limits = Limits { bytes_max: 7, values_max: 3, ..Limits::default() };
    assert!(parse(b"[1,\"a\"]", &limits).is_ok());
    assert_eq!(parse(b"[1,\"ab\"]", &limits), Err(JsonError::TooLong { bytes: 8, max: 7 }));
    assert_eq!(parse(b"[1,2,3]", &limits), Err(JsonError::TooManyValues { at: 5, max: 3 }));
    assert!(Limits::body().bytes_max < Limits::default().bytes_max);
}

#[test]
fn huge_exponents() {
    for text in ["1e1000000000", "1e-1000000001", "10e999999999", "1e99999999999999999999999"] {
        assert_eq!(fault(text), JsonError::NumberRange { at: 0 }, "{text}");
    }
    assert_eq!(fault("[1,-2e9999999999]"), JsonError::NumberRange { at: 3 });
}

#[test]
fn a_document_cut_at_any_byte_is_refused() {
    let whole = r#"{"a":[1.5e3,"x\u00e9\ud83d\ude00é😀",null,true],"b":{"c":false,"d":{}}}"#.as_bytes();
    assert!(parse(whole, &Limits::default()).is_ok());
    for end in 0..whole.len() {
        assert!(parse(&whole[..end], &Limits::default()).is_err(), "cut at {end}");
    }
}

#[test]
fn errors_do_not_tell_the_content() {
    let canary = "hunter2";
    let texts = [
        format!(r#"{{"{canary}":1,"{canary}":2}}"#),
        format!(r#""{canary}\q""#),
        format!(r#""{canary}\ud800""#),
        format!(r#"["{canary}" "{canary}"]"#),
        canary.to_owned(),
    ];
    for text in texts {
        let fault = fault(&text);
        assert!(!format!("{fault} {fault:?}").contains(canary), "{fault}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(value) = parse(&bytes, &Limits::default()) {
            prop_assert!(serde_json::from_slice::<serde_json::Value>(&bytes).is_ok() || value.to_line().contains("e+"));
        }
    }

    #[test]
    fn json_like_text_is_accepted_where_serde_json_accepts_it(
        text in "[\\[\\]{}:,\" \\\\utrfalsen0-9.eE+-]{0,24}"
    ) {
        let ours = parse(text.as_bytes(), &Limits::default());
        let theirs = serde_json::from_str::<serde_json::Value>(&text);
        match ours {
            Ok(_) => prop_assert!(theirs.is_ok() || text.contains(['e', 'E'])),
            // What only we refuse: names that occur twice, and exponents beyond reason.
            Err(JsonError::DuplicateName { .. } | JsonError::NumberRange { .. }) => {}
            Err(fault) => prop_assert!(theirs.is_err(), "{} on {}", fault, text),
        }
    }
}
