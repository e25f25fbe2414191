//! Facts published with RFC 8785, typed in again, and our two exceptions beside them.

use super::{canonical, json};
use crate::json::{Number, Value};

/// RFC 8785, appendix B: the bits of a double and its text.
const DOUBLES: &[(u64, &str)] = &[
    (0x0000_0000_0000_0000, "0"),
    (0x8000_0000_0000_0000, "0"),
    (0x0000_0000_0000_0001, "5e-324"),
    (0x8000_0000_0000_0001, "-5e-324"),
    (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
    (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
    (0x4340_0000_0000_0000, "9007199254740992"),
    (0xc340_0000_0000_0000, "-9007199254740992"),
    (0x4430_0000_0000_0000, "295147905179352830000"),
    (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
    (0x44b5_2d02_c7e1_4af6, "1e+23"),
    (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
    (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
    (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
    (0x444b_1ae4_d6e2_ef50, "1e+21"),
    (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
    (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
    (0x41b3_de43_5555_5553, "333333333.3333332"),
    (0x41b3_de43_5555_5554, "333333333.33333325"),
    (0x41b3_de43_5555_5555, "333333333.3333333"),
    (0x41b3_de43_5555_5556, "333333333.3333334"),
    (0x41b3_de43_5555_5557, "333333333.33333343"),
    (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
    (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
];

#[test]
fn appendix_b_of_rfc_8785() {
    for (bits, text) in DOUBLES {
        let number = Number::from_f64(f64::from_bits(*bits)).expect("finite");
        assert_eq!(number.as_str(), *text, "{bits:016x}");
        assert_eq!(canonical(text), *text, "the text is its own canonical form");
        let read = number.as_f64_exact().expect("a double's own text");
        assert!(read == f64::from_bits(*bits), "{bits:016x} reads back");
    }
    for bits in [0x7fff_ffff_ffff_ffff, 0x7ff0_0000_0000_0000_u64] {
        assert_eq!(Number::from_f64(f64::from_bits(bits)), None);
    }
}

#[test]
fn numbers_keep_their_value_and_lose_their_spelling() {
    let table = [
        ("1.0", "1"),
        ("1e2", "100"),
        ("100E-2", "1"),
        ("-0", "0"),
        ("-0.0e7", "0"),
        ("0e999999999999999999999", "0"),
        ("0.10", "0.1"),
        ("-1.50e1", "-15"),
        ("1E0000000000000000000000002", "100"),
        ("0.000001", "0.000001"),
        ("0.0000001", "1e-7"),
        ("1e21", "1e+21"),
        ("100000000000000000000000", "1e+23"),
        ("9007199254740993", "9007199254740993"),
        ("18446744073709551615", "18446744073709551615"),
        ("12345678901234567890123", "12345678901234567890123"),
        ("1.2345678901234567890123e22", "12345678901234567890123"),
        ("12345678901234567890120", "12345678901234567890120"),
        ("123456789012345678901234.50", "123456789012345678901234.5"),
        ("333333333.33333329", "333333333.33333329"),
        ("0.1000000000000000055511151231257827", "0.1000000000000000055511151231257827"),
        ("1E400", "1e+400"),
        ("12e-400", "1.2e-399"),
        ("-1e999999999", "-1e+999999999"),
        ("10e999999998", "1e+999999999"),
    ];
    for (text, expected) in table {
        assert_eq!(canonical(text), expected, "{text}");
        assert_eq!(canonical(expected), expected, "{text} again");
    }
}

#[test]
fn members_sort_by_utf16_code_units() {
    let text = r#"{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh",
        "1":"One","\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}"#;
    let value = json(text);
    let order: Vec<&str> =
        value.as_object().expect("an object").iter().filter_map(|(_, v)| v.as_str()).collect();
    let expected = [
        "Carriage Return",
        "One",
        "Control",
        "Latin Small Letter O With Diaeresis",
        "Euro Sign",
        "Emoji: Grinning Face",
        "Hebrew Letter Dalet With Dagesh",
    ];
    assert_eq!(order, expected);
}

#[test]
fn strings_carry_only_the_escapes_that_are_needed() {
    let text = r#"{"string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}"#;
    let expected = "{\"literals\":[null,true,false],\"string\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}";
    assert_eq!(canonical(text), expected);
    assert_eq!(
        canonical("\"\\b\\t\\n\\f\\r\\u0000\\u001F\\u007f\""),
        "\"\\b\\t\\n\\f\\r\\u0000\\u001f\u{7f}\""
    );
}

#[test]
fn pretty_is_stable_and_safe_on_a_terminal() {
    let value = json(r#"{"b":[],"a":{"x":1,"y":[true,"z"]},"c":{},"title":"\u009b31m \u202egnp.exe"}"#);
    insta::assert_snapshot!(value.to_pretty(), @r#"
    {
      "a": {
        "x": 1,
        "y": [
          true,
          "z"
        ]
      },
      "b": [],
      "c": {},
      "title": "\u009b31m \u202egnp.exe"
    }
    "#);
    assert_eq!(json(&value.to_pretty()), value);
}

#[test]
fn debug_shows_the_shape_and_no_content() {
    let value = json(r#"{"password":"hunter2","n":[123456,"x"],"b":true}"#);
    assert_eq!(format!("{value:?}"), "Object(3 members)");
    assert_eq!(format!("{:?}", value.get("n")), "Some(Array(2 elements))");
    assert_eq!(format!("{:?}", value.get("password")), "Some(String(7 bytes))");
    assert_eq!(format!("{:?}", Number::from(123_456)), "Number");
    assert_eq!(format!("{:?} {:?}", value.get("b"), Value::Null), "Some(Bool) Null");
}
