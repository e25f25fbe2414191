//! What must hold of every document.

use proptest::prelude::*;

use super::{json, numbers, values};
use crate::json::{Limits, Number, Object, Value, canonicalize_bytes, parse};

/// The same value written another way: members turned round, white space, other escapes.
fn another_spelling(value: &Value, out: &mut String) {
    match value {
        Value::Array(elements) => {
            out.push_str("[ ");
            for (i, element) in elements.iter().enumerate() {
                out.push_str(if i > 0 { " ,\n" } else { "" });
                another_spelling(element, out);
            }
            out.push_str("\t]");
        }
        Value::Object(object) => {
            out.push_str("{\r\n");
            for (i, (name, value)) in object.iter().rev().enumerate() {
                out.push_str(if i > 0 { " , " } else { "" });
                another_spelling(&name.into(), out);
                out.push_str(" : ");
                another_spelling(value, out);
            }
            out.push_str(" }");
        }
        Value::String(text) => {
            let units = text.encode_utf16().map(|unit| format!("\\u{unit:04X}"));
            out.push_str(&format!("\"{}\"", units.collect::<String>()));
        }
        Value::Number(number) => out.push_str(&respelled(number.as_str())),
        _ => out.push_str(&value.to_line()),
    }
}

/// `1.5e+30` as `1.500E0030`, `12` as `12.00e0`.
fn respelled(number: &str) -> String {
    let (mantissa, exponent) = number.split_once('e').unwrap_or((number, "0"));
    let dot = if mantissa.contains('.') { "" } else { "." };
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", exponent.trim_start_matches('+')),
    };
    format!("{mantissa}{dot}00E{sign}00{digits}")
}

/// True where serde_json loses nothing and its order by code point is the order by code unit.
fn has_only_machine_integers(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.as_i64().is_some() || number.as_u64().is_some(),
        Value::Array(elements) => elements.iter().all(has_only_machine_integers),
        Value::Object(object) => object
            .iter()
            .all(|(name, value)| name.chars().all(|c| c < '\u{e000}') && has_only_machine_integers(value)),
        _ => true,
    }
}

/// The value with what [`has_only_machine_integers`] refuses replaced.
fn with_only_machine_integers(value: Value) -> Value {
    match value {
        Value::Array(elements) => elements.into_iter().map(with_only_machine_integers).collect(),
        Value::Object(object) => {
            let low = object.into_iter().map(|(name, value)| {
                let name = name.replace(|c| c >= '\u{e000}', "-");
                (name, with_only_machine_integers(value))
            });
            low.collect::<Object>().into()
        }
        number if !has_only_machine_integers(&number) => 7.into(),
        other => other,
    }
}

proptest! {
    #[test]
    fn writing_and_reading_gives_the_same_value(value in values()) {
        let bytes = value.to_canonical();
        let read = parse(&bytes, &Limits::default()).expect("what we write is JSON");
        prop_assert!(read == value);
        prop_assert_eq!(canonicalize_bytes(&bytes).expect("JSON"), bytes);
        prop_assert!(json(&value.to_pretty()) == value);
    }

    #[test]
    fn every_spelling_has_the_same_canonical_form(value in values()) {
        let mut text = String::new();
        another_spelling(&value, &mut text);
        let read = parse(text.as_bytes(), &Limits::default()).expect("another spelling is JSON");
        prop_assert_eq!(read.to_line(), value.to_line());
    }

    #[test]
    fn equal_values_and_equal_bytes_are_the_same_thing(a in values(), b in values()) {
        prop_assert_eq!(a == b, a.to_canonical() == b.to_canonical());
    }

    #[test]
    fn serde_json_writes_the_same_bytes(value in values()) {
        let value = with_only_machine_integers(value);
        prop_assert!(has_only_machine_integers(&value));
        let bytes = value.to_canonical();
        let theirs: serde_json::Value = serde_json::from_slice(&bytes).expect("JSON");
        prop_assert_eq!(serde_json::to_vec(&theirs).expect("a tree of plain values"), bytes);
    }

    #[test]
    fn the_bridge_to_serde_keeps_values_or_refuses(value in values()) {
        match serde_json::to_vec(&value) {
            Ok(bytes) => {
                prop_assert!(parse(&bytes, &Limits::default()).expect("JSON") == value);
                // serde_json reads some doubles one step off unless a feature is on.
                if has_only_machine_integers(&value) {
                    let back: Value = serde_json::from_slice(&bytes).expect("what serde wrote");
                    prop_assert!(back == value);
                }
            }
            Err(fault) => prop_assert!(fault.to_string().contains("more digits")),
        }
    }

    #[test]
    fn numbers_keep_their_value(number in numbers()) {
        let text = number.as_str();
        prop_assert!(same_decimal(text, &respelled(text)));
        let again = Number::from_grammar(text).expect("our own text");
        prop_assert_eq!(again.as_str(), text);
    }

    #[test]
    fn no_digit_is_lost(
        digits in "[1-9][0-9]{0,40}[1-9]", exponent in -60_i64..60
    ) {
        let text = format!("{digits}e{exponent}");
        let number = Number::from_grammar(&text).expect("a small exponent");
        prop_assert!(same_decimal(number.as_str(), &text), "{} became {}", text, number);
    }

    #[test]
    fn doubles_are_written_as_rfc_8785_says(value in any::<f64>()) {
        prop_assume!(value.is_finite());
        let number = Number::from_f64(value).expect("finite");
        let seventeen = format!("{value:.17e}");
        prop_assert_eq!(number.to_f64(), value);
        prop_assert_eq!(number.as_f64_exact(), Some(value));
        // Seventeen decimals name the double too, but are mostly not its shortest form.
        let long = Number::from_grammar(&seventeen).expect("a double's exponent");
        prop_assert_eq!(long.to_f64(), value);
    }

    #[test]
    fn an_object_is_a_map(pairs in proptest::collection::vec((super::names(), any::<i64>()), 0..12)) {
        let mut model = std::collections::BTreeMap::new();
        let mut object = Object::new();
        for (name, value) in &pairs {
            let before = model.insert(name.encode_utf16().collect::<Vec<_>>(), *value);
            prop_assert!(object.insert(name.as_str(), *value) == before.map(Value::from));
        }
        let collected: Object = pairs.iter().map(|(n, v)| (n.as_str(), Value::from(*v))).collect();
        prop_assert!(collected == object);
        let order: Vec<Vec<u16>> = object.names().map(|n| n.encode_utf16().collect()).collect();
        prop_assert_eq!(order, model.keys().cloned().collect::<Vec<_>>());
        for (name, _) in &pairs {
            let known = model.remove(&name.encode_utf16().collect::<Vec<_>>());
            prop_assert_eq!(object.contains(name), known.is_some());
            prop_assert!(object.remove(name) == known.map(Value::from));
        }
        prop_assert!(object.is_empty());
    }
}

/// Compares two decimal texts by value, without the code under test: digits and power of ten.
fn same_decimal(a: &str, b: &str) -> bool {
    fn parts(text: &str) -> (bool, String, i64) {
        let (negative, text) = text.strip_prefix('-').map_or((false, text), |t| (true, t));
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let fraction = mantissa.split_once('.').map_or("", |(_, f)| f);
        let mut digits = mantissa.replace('.', "");
        let mut power = exponent.parse::<i64>().expect("an exponent") - fraction.len() as i64;
        while digits.len() > 1 && digits.ends_with('0') {
            digits.pop();
            power += 1;
        }
        let digits = digits.trim_start_matches('0').to_owned();
        if digits.is_empty() {
            return (false, digits, 0);
        }
        (negative, digits, power)
    }
    parts(a) == parts(b)
}
