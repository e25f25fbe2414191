//! Proofs that go over several files of the room.

mod canonical;
mod changes;
mod hostile;
mod places;
mod redaction;
mod vectors;

use proptest::prelude::*;

use crate::json::{Limits, Number, Object, Value, parse};

/// Reads a text that the test knows to be JSON.
fn json(text: &str) -> Value {
    parse(text.as_bytes(), &Limits::default()).expect("the test's own text is JSON")
}

/// The canonical text of a JSON text.
fn canonical(text: &str) -> String {
    json(text).to_line()
}

/// Names that meet often, with the ones whose UTF-16 and UTF-8 orders differ.
fn names() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-d]{0,2}",
        Just("\u{10000}".to_owned()),
        Just("\u{ffff}".to_owned()),
        Just("\u{e000}x".to_owned()),
        Just("a/b~c".to_owned()),
        Just("*".to_owned()),
        "[0-3]",
        "\\PC{0,4}",
    ]
}

/// Numbers as vendors and adversaries write them.
fn numbers() -> impl Strategy<Value = Number> {
    prop_oneof![
        any::<i64>().prop_map(Number::from),
        any::<u64>().prop_map(Number::from),
        any::<f64>().prop_filter_map("JSON has no infinities", Number::from_f64),
        (any::<bool>(), "(0|[1-9][0-9]{0,30})(\\.[0-9]{1,25})?([eE][+-]?[0-9]{1,4})?").prop_map(
            |(minus, text)| {
                let sign = if minus { "-" } else { "" };
                Number::from_grammar(&format!("{sign}{text}")).expect("the exponent is small")
            }
        ),
    ]
}

/// Whole documents, small enough that members and elements collide.
fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        numbers().prop_map(Value::from),
        "[a-c\\x00-\\x20\"\\\\/\u{7f}-\u{10ffff}]{0,6}".prop_map(Value::from),
        "[a-c]{0,2}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            proptest::collection::vec((names(), inner), 0..6)
                .prop_map(|members| members.into_iter().collect::<Object>().into()),
        ]
    })
}
