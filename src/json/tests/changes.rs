//! diff and patch.

use proptest::prelude::*;

use super::{json, values};
use crate::json::{ArrayMode, ArrayRules, FieldChange, JsonError, Pattern, Pointer, Value};
use crate::json::{diff, diff_with, patch};

fn rules(mode: ArrayMode) -> ArrayRules {
    ArrayRules::all(mode)
}

fn by_id() -> ArrayMode {
    ArrayMode::Keyed(Pointer::from_segments(["id"]))
}

/// One line a change: `pointer: from -> to`.
fn shown(changes: &[FieldChange]) -> Vec<String> {
    let side = |v: &Option<Value>| v.as_ref().map_or("none".to_owned(), Value::to_line);
    let line = |c: &FieldChange| format!("{}: {} -> {}", c.pointer, side(&c.from), side(&c.to));
    changes.iter().map(line).collect()
}

/// Arrays of records with an id, as memberships and mappings are.
fn records() -> impl Strategy<Value = Value> {
    let record = (0..6_u8, proptest::option::of(0..3_u8)).prop_map(|(id, role)| {
        let mut record = Value::Object(crate::json::Object::from_pairs([("id", id.into())]));
        if let (Some(role), Some(object)) = (role, record.as_object_mut()) {
            object.insert("role", role);
        }
        record
    });
    proptest::collection::vec(record, 0..8).prop_map(Value::Array)
}

/// A document and another that is close to it or far from it.
fn pairs() -> impl Strategy<Value = (Value, Value)> {
    prop_oneof![
        (values(), values()),
        (records(), records()),
        (values(), proptest::collection::vec((any::<prop::sample::Index>(), values()), 1..3)).prop_map(
            |(document, edits)| {
                let mut edited = document.clone();
                for (place, value) in edits {
                    let all = Pattern::parse("/**/*").expect("a pattern").find(&edited);
                    if let Some((place, _)) = (!all.is_empty()).then(|| place.get(&all).clone()) {
                        let _ = place.set(&mut edited, value);
                    }
                }
                (document, edited)
            }
        ),
    ]
}

#[test]
fn members() {
    let from = json(r#"{"a":1,"b":{"c":[1,2],"d":null},"e":"x"}"#);
    let to = json(r#"{"a":1,"b":{"c":[1,3,4],"f":true},"e":["x"]}"#);
    insta::assert_snapshot!(shown(&diff(&from, &to)).join("\n"), @r#"
    /b/c/1: 2 -> 3
    /b/c/2: none -> 4
    /b/d: null -> none
    /b/f: none -> true
    /e: "x" -> ["x"]
    "#);
    assert_eq!(shown(&diff(&json("1"), &json("2"))), [": 1 -> 2"]);
}

#[test]
fn one_element_put_into_a_sorted_array_is_one_change() {
    let from = json(r#"{"set":["b","c","d","e"]}"#);
    let to = json(r#"{"set":["a","b","c","e"]}"#);
    assert_eq!(diff(&from, &to).len(), 3);
    let changes = diff_with(&from, &to, &rules(ArrayMode::Elements));
    assert_eq!(shown(&changes), [r#"/set/2: "d" -> none"#, r#"/set/0: none -> "a""#]);
    assert!(patch(&from, &changes) == Ok(to));
}

#[test]
fn elements_with_a_key_are_compared_inside() {
    let from = json(r#"{"m":[{"id":1,"r":"x"},{"id":2,"r":"y"},{"id":3}],"p":[1,2]}"#);
    let to = json(r#"{"m":[{"id":0},{"id":1,"r":"x"},{"id":2,"r":"z"}],"p":[2]}"#);
    let rules = ArrayRules::default().with(Pattern::parse("/m").expect("a pattern"), by_id());
    let changes = diff_with(&from, &to, &rules);
    insta::assert_snapshot!(shown(&changes).join("\n"), @r#"
    /m/2: {"id":3} -> none
    /m/0: none -> {"id":0}
    /m/2/r: "y" -> "z"
    /p/1: 2 -> none
    /p/0: 1 -> 2
    "#);
    assert!(patch(&from, &changes) == Ok(to));
}

#[test]
fn a_large_array_turned_round_is_compared_in_reasonable_time() {
    let from: Value = (0..20_000_u32).collect();
    let to: Value = (0..20_000_u32).rev().collect();
    let changes = diff_with(&from, &to, &rules(ArrayMode::Elements));
    assert_eq!(changes.len(), 2 * 19_999);
    assert!(patch(&from, &changes) == Ok(to));
}

#[test]
fn changes_that_do_not_fit_are_refused() {
    let document = json(r#"{"a":[1,2],"b":{"c":1}}"#);
    let change = |place: &str, from: Option<&str>, to: Option<&str>| FieldChange {
        pointer: Pointer::parse(place).expect("a pointer"),
        from: from.map(json),
        to: to.map(json),
    };
    let misfits = [
        change("/b/c", Some("2"), Some("3")),
        change("/b/c", None, Some("3")),
        change("/b/c", Some("2"), None),
        change("/b/x", Some("1"), None),
        change("/b/x", Some("1"), Some("2")),
        change("/a/0", Some("2"), None),
        change("/a/2", Some("2"), None),
        change("/a/3", None, Some("9")),
        change("/a/-", None, Some("9")),
        change("/a/00", None, Some("9")),
        change("/b/c/d", None, Some("1")),
        change("", None, Some("1")),
        change("", Some("1"), None),
        change("/b/x", None, None),
    ];
    for misfit in misfits {
        // The place that is named is that of the change, or the one above that holds nothing.
        match patch(&document, std::slice::from_ref(&misfit)) {
            Err(JsonError::Conflict { pointer }) => assert!(misfit.pointer.starts_with(&pointer)),
            _ => panic!("accepted: {:?}", shown(&[misfit])),
        }
    }
    let twice = [change("/b/d", None, Some("1")), change("/b/d", None, Some("2"))];
    assert!(patch(&document, &twice).is_err());
    let inside_and_whole =
        [change("/b", Some(r#"{"c":1}"#), Some("1")), change("/b/c", Some("1"), Some("2"))];
    assert!(patch(&document, &inside_and_whole).is_err());
    let deep = change(&"/a".repeat(1_000_000), None, Some("1"));
    assert!(patch(&document, &[deep]).is_err());
}

proptest! {
    #[test]
    fn a_patch_undoes_the_diff_and_equal_documents_have_none((from, to) in pairs()) {
        for mode in [ArrayMode::Position, ArrayMode::Elements, by_id()] {
            let rules = rules(mode);
            let changes = diff_with(&from, &to, &rules);
            prop_assert_eq!(changes.is_empty(), from == to);
            prop_assert!(diff_with(&from, &from, &rules).is_empty());
            let patched = patch(&from, &changes);
            prop_assert!(patched == Ok(to.clone()), "{:?}", shown(&changes));
            let backwards: Vec<FieldChange> = changes.iter().rev().cloned().collect();
            prop_assert!(patch(&from, &backwards) == Ok(to.clone()), "order matters");
        }
    }

    #[test]
    fn sets_differ_by_what_is_only_on_one_side(
        a in proptest::collection::btree_set(0..20_u8, 0..12),
        b in proptest::collection::btree_set(0..20_u8, 0..12),
    ) {
        let (from, to): (Value, Value) = (a.iter().copied().collect(), b.iter().copied().collect());
        let changes = diff_with(&from, &to, &rules(ArrayMode::Elements));
        prop_assert_eq!(changes.len(), a.symmetric_difference(&b).count());
    }
}
