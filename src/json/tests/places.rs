//! Pointers and patterns.

use proptest::prelude::*;

use super::{json, names, values};
use crate::json::{JsonError, Pattern, Pointer, Value};

fn pattern(text: &str) -> Pattern {
    Pattern::parse(text).expect("the test's own pattern")
}

fn pointer(text: &str) -> Pointer {
    Pointer::parse(text).expect("the test's own pointer")
}

fn found(text: &str, document: &Value) -> Vec<String> {
    let found = pattern(text).find(document);
    found.iter().map(|(p, _)| p.to_string()).collect()
}

/// Every place in a document.
fn places(value: &Value, at: &Pointer, all: &mut Vec<Pointer>) {
    all.push(at.clone());
    match value {
        Value::Object(object) => {
            for (name, child) in object.iter() {
                places(child, &at.join(name), all);
            }
        }
        Value::Array(elements) => {
            for (i, child) in elements.iter().enumerate() {
                places(child, &at.join(i.to_string()), all);
            }
        }
        _ => {}
    }
}

fn patterns() -> impl Strategy<Value = Pattern> {
    let name = || {
        names().prop_map(|name| {
            let escaped = name.replace('~', "~0").replace('/', "~1");
            escaped.replace('*', "~*")
        })
    };
    let segment = prop_oneof![3 => name(), 3 => Just("*".to_owned()), 2 => Just("**".to_owned())];
    let last = prop_oneof![name(), Just("*".to_owned())];
    (proptest::collection::vec(segment, 0..4), last).prop_map(|(mut segments, last)| {
        segments.push(last);
        segments.dedup_by(|a, b| a == b && a == "**");
        pattern(&format!("/{}", segments.join("/")))
    })
}

#[test]
fn the_examples_of_rfc_6901() {
    let document =
        json(r#"{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\j":5,"k\"l":6," ":7,"m~n":8}"#);
    let numbered = ["/", "/a~1b", "/c%d", "/e^f", "/g|h", "/i\\j", "/k\"l", "/ ", "/m~0n"];
    for (i, text) in numbered.iter().enumerate() {
        assert_eq!(pointer(text).get(&document).and_then(Value::as_u64), Some(i as u64), "{text}");
        assert_eq!(pointer(text).to_string(), *text);
    }
    assert!(pointer("").get(&document) == Some(&document));
    assert_eq!(pointer("/foo/0").get(&document).and_then(Value::as_str), Some("bar"));
    for nowhere in ["/foo/2", "/foo/00", "/foo/01", "/foo/-", "/foo/+1", "/foo/0/x", "/none", "//"] {
        assert!(pointer(nowhere).get(&document).is_none(), "{nowhere}");
    }
}

#[test]
fn texts_that_are_no_pointer() {
    for (text, at) in [("a", 0), ("#/a", 0), ("/a~", 2), ("/a~2", 2), ("/~*", 1)] {
        assert!(
            matches!(Pointer::parse(text), Err(JsonError::BadPointer { at: found, .. }) if found == at),
            "{text}"
        );
    }
    let table = [("a", 0), ("/a~2", 2), ("/a/b*", 4), ("/***", 1), ("/**", 3), ("/a/**/**/b", 10)];
    for (text, at) in table {
        assert!(
            matches!(Pattern::parse(text), Err(JsonError::BadPointer { at: found, .. }) if found == at),
            "{text}"
        );
    }
    assert!(Pattern::parse(&"/a".repeat(60)).is_ok());
    assert!(Pattern::parse(&"/a".repeat(61)).is_err());
}

#[test]
fn setting_and_removing() {
    let mut document = json(r#"{"a":[1,2],"b":{}}"#);
    assert!(pointer("/a/-").set(&mut document, 3) == Ok(None));
    assert!(pointer("/a/3").set(&mut document, 4) == Ok(None));
    assert!(pointer("/a/0").set(&mut document, "x") == Ok(Some(1.into())));
    assert!(pointer("/b/c~1d").set(&mut document, Value::Null) == Ok(None));
    assert_eq!(document.to_line(), r#"{"a":["x",2,3,4],"b":{"c/d":null}}"#);
    for nowhere in ["/a/9", "/a/x", "/z/y", "/a/0/q"] {
        let place = pointer(nowhere);
        assert!(place.set(&mut document, 0) == Err(JsonError::NoPlace { pointer: place.clone() }));
    }
    assert!(pointer("/a/1").remove(&mut document) == Some(2.into()));
    assert!(pointer("/a/7").remove(&mut document).is_none());
    assert!(pointer("").remove(&mut document).is_none());
    assert_eq!(document.to_line(), r#"{"a":["x",3,4],"b":{"c/d":null}}"#);
    assert!(pointer("").set(&mut document, 5).is_ok_and(|old| old.is_some()));
    assert_eq!(document.to_line(), "5");
}

#[test]
fn going_up_and_down() {
    let place = pointer("/a/b~1c/0");
    assert_eq!(place.segments().collect::<Vec<_>>(), ["a", "b/c", "0"]);
    assert_eq!(place.parent(), Some(pointer("/a/b~1c")));
    assert_eq!(Pointer::root().parent(), None);
    assert!(place.starts_with(&pointer("/a")) && !place.starts_with(&pointer("/a/b")));
    assert_eq!(place.parent().map(|p| p.join("0")), Some(place));
}

#[test]
fn wildcards() {
    let document = json(
        r#"{"_links":1,"users":[{"id":1,"_links":2},{"id":2,"x":{"_links":{"_links":3}}}],"*":{"id":4}}"#,
    );
    assert_eq!(found("/users/*/id", &document), ["/users/0/id", "/users/1/id"]);
    assert_eq!(found("/*/*/id", &document), ["/users/0/id", "/users/1/id"]);
    assert_eq!(found("/~*/id", &document), ["/*/id"]);
    assert_eq!(found("/users/1/id", &document), ["/users/1/id"]);
    assert_eq!(found("/users/01/id", &document), Vec::<String>::new());
    assert_eq!(
        found("/**/_links", &document),
        ["/_links", "/users/0/_links", "/users/1/x/_links", "/users/1/x/_links/_links"]
    );
    assert_eq!(found("/users/**/id", &document), ["/users/0/id", "/users/1/id"]);
    assert_eq!(found("/**/1/**/_links", &document), ["/users/1/x/_links", "/users/1/x/_links/_links"]);
    assert_eq!(found("", &document), [""]);
    assert_eq!(pattern("/a~1b/c").as_pointer(), Some(pointer("/a~1b/c")));
    assert_eq!(pattern("/a/*").as_pointer(), None);
}

#[test]
fn taking_out_elements_does_not_shift() {
    let mut document = json(r#"{"a":[0,{"v":1,"k":2},3,{"v":4}],"b":[[1,2,3],[4,5]]}"#);
    let list = |taken: Vec<(Pointer, Value)>| -> Vec<String> {
        taken.iter().map(|(p, v)| format!("{p}={}", v.to_line())).collect()
    };
    assert_eq!(list(pattern("/b/*/1").remove_all(&mut document)), ["/b/0/1=2", "/b/1/1=5"]);
    assert_eq!(list(pattern("/a/*/v").remove_all(&mut document)), ["/a/1/v=1", "/a/3/v=4"]);
    assert_eq!(list(pattern("/b/*/*").remove_all(&mut document)), ["/b/0/0=1", "/b/0/1=3", "/b/1/0=4"]);
    assert_eq!(list(pattern("").remove_all(&mut document)), Vec::<String>::new());
    assert_eq!(document.to_line(), r#"{"a":[0,{"k":2},3,{}],"b":[[],[]]}"#);
}

#[test]
fn places_are_read_from_configuration() {
    let place: Pointer = serde_json::from_str("\"/a~1b\"").expect("a pointer");
    let places: Pattern = serde_json::from_str("\"/**/x\"").expect("a pattern");
    assert_eq!(serde_json::to_string(&place).expect("text"), "\"/a~1b\"");
    assert_eq!(serde_json::to_string(&places).expect("text"), "\"/**/x\"");
    assert!(serde_json::from_str::<Pattern>("\"x\"").is_err());
    assert_eq!(format!("{place:?} {places:?}"), "Pointer(/a~1b) Pattern(/**/x)");
}

proptest! {
    #[test]
    fn pointers_survive_their_text(segments in proptest::collection::vec(names(), 0..5)) {
        let place = Pointer::from_segments(segments);
        prop_assert_eq!(pointer(&place.to_string()), place);
    }

    #[test]
    fn patterns_survive_their_text(pattern in patterns()) {
        prop_assert_eq!(Pattern::parse(&pattern.to_string()), Ok(pattern));
    }

    #[test]
    fn find_and_matches_agree(document in values(), pattern in patterns()) {
        let mut all = Vec::new();
        places(&document, &Pointer::root(), &mut all);
        let expected: Vec<&Pointer> = all.iter().filter(|p| pattern.matches(p)).collect();
        let found = pattern.find(&document);
        prop_assert_eq!(found.iter().map(|(p, _)| p).collect::<Vec<_>>(), expected);
        for (place, value) in &found {
            prop_assert!(place.get(&document) == Some(*value));
        }
    }

    #[test]
    fn visiting_shows_what_find_finds(document in values(), pattern in patterns()) {
        let mut shown = Vec::new();
        let mut same = document.clone();
        pattern.visit_mut(&mut same, |place, value| shown.push((place.clone(), value.clone())));
        prop_assert!(same == document);
        let found = pattern.find(&document).into_iter().map(|(p, v)| (p, v.clone()));
        prop_assert!(shown == found.collect::<Vec<_>>());
    }

    #[test]
    fn removing_takes_the_outermost_of_what_find_finds(document in values(), pattern in patterns()) {
        let mut left = document.clone();
        let taken = pattern.remove_all(&mut left);
        let found = pattern.find(&document);
        let outermost: Vec<(Pointer, Value)> = found
            .iter()
            .filter(|(p, _)| !found.iter().any(|(q, _)| p != q && p.starts_with(q)))
            .map(|(p, v)| (p.clone(), (*v).clone()))
            .collect();
        prop_assert!(taken == outermost);
        let mut expected = document.clone();
        for (place, _) in taken.iter().rev() {
            place.remove(&mut expected);
        }
        prop_assert!(left == expected);
    }
}
