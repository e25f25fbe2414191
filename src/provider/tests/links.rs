//! Reads that follow what rows name: instances below parents, children named by other things,
//! texts as rows, values picked out of joined lists.

use crate::provider::tests::*;

const LINK: &str = r"
[[kind]]
kind = 'link'
parent = ['user']
id = '/provider'
also_id = ['/account']
params = { alias = ['idp:/id'], user = ['user:/id'] }
read = [{ path = '/users?idp={alias}', paging = 'offset', each = ['idp'], below = '/users/{user}/links' }]
[[kind]]
kind = 'user'
id = '/id'
read = [{ path = '/users' }]
[[kind]]
kind = 'idp'
id = '/id'
read = [{ path = '/idps' }]
";

fn providers() -> Known {
    known(&[("idp/x", r#"{"id":"x"}"#), ("idp/y", r#"{"id":"y"}"#)])
}

/// `a` and `b` are linked to x, `b` to y as well.
fn linked(seen: &Seen) -> Response {
    match (seen.path.as_str(), seen.query.contains("idp=x")) {
        ("/users", true) => json(200, r#"[{"id":"a"},{"id":"b"}]"#),
        ("/users", false) => json(200, r#"[{"id":"b"}]"#),
        ("/users/a/links", _) => json(200, r#"[{"provider":"x","account":"1"}]"#),
        ("/users/b/links", _) => {
            json(200, r#"[{"provider":"x","account":"2"},{"provider":"y","account":"3"}]"#)
        }
        _ => json(404, "{}"),
    }
}

#[tokio::test]
async fn only_parents_that_have_some_are_asked() {
    let (swept, rows, fake) = sweep_of(LINK, providers(), |_, seen| linked(seen)).await;
    assert_eq!(swept.state, State::Complete);
    assert_eq!(rows, ["link/a/x:1", "link/b/x:2", "link/b/y:3"]);
    assert_eq!((swept.rows, swept.requests), (3, 5), "{:?}", fake.targets());
}

#[tokio::test]
async fn a_parent_below_which_nothing_can_be_read_is_an_exception() {
    let (swept, rows, _) = sweep_of(LINK, providers(), |_, seen| match seen.path.as_str() {
        "/users/b/links" => json(403, "{}"),
        _ => linked(seen),
    })
    .await;
    assert_eq!((swept.state, rows.len()), (State::Partial, 1));
    let exception = &swept.exceptions[0];
    assert_eq!((exception.at.as_str(), exception.state), ("user/b", State::NotPermitted));
}

#[tokio::test]
async fn a_parent_that_vanished_since_the_list_has_nothing_below() {
    let (swept, rows, _) = sweep_of(LINK, providers(), |_, seen| match seen.path.as_str() {
        "/users/b/links" => json(404, "{}"),
        _ => linked(seen),
    })
    .await;
    assert_eq!((swept.state, rows.len()), (State::Complete, 1));
}

#[tokio::test]
async fn one_below_is_asked_of_its_parent() {
    let fake = Fake::start(|_, seen| linked(seen)).await;
    let live = live(catalog(LINK), &fake);
    let spec = &live.catalog().kinds[0];
    let found = live.read_one(spec, &key("link/b/y:3"), &Known::default()).await.unwrap().unwrap();
    assert_eq!(found.body, value(r#"{"provider":"y","account":"3"}"#));
    assert!(live.read_one(spec, &key("link/b/y:9"), &Known::default()).await.unwrap().is_none());
    assert!(live.read_one(spec, &key("link/gone/x:1"), &Known::default()).await.unwrap().is_none());
    assert!(fake.targets().iter().all(|target| target.ends_with("/links")));
}

const FLOW: &str = r"
[[kind]]
kind = 'flow'
id = '/id'
get = '/flows/{id}'
params = { id = ['flow:/id'] }
[[kind.read]]
path = '/flows'
tree = { path = '/flows/{id}/steps', only = [{ at = '/top', is = [true] }], to = '/flow' }
";

#[tokio::test]
async fn children_that_are_named_are_read_one_by_one() {
    let (swept, rows, fake) = sweep_of(FLOW, Known::default(), |_, seen| match seen.path.as_str() {
        "/flows" => json(200, r#"[{"id":"1","top":true}]"#),
        "/flows/1/steps" => json(200, r#"[{"id":"s"},{"id":"t","flow":"2"},{"id":"u","flow":"3"}]"#),
        "/flows/2" => json(200, r#"{"id":"2"}"#),
        "/flows/3" => json(200, r#"{"id":"3"}"#),
        _ => json(500, "{}"),
    })
    .await;
    assert_eq!((swept.state, rows.len()), (State::Complete, 3));
    assert_eq!(rows, ["flow/1", "flow/2", "flow/3"]);
    assert_eq!((swept.requests, fake.targets().len()), (4, 4));
}

#[tokio::test]
async fn a_child_that_cannot_be_read_leaves_a_gap() {
    let (swept, rows, _) = sweep_of(FLOW, Known::default(), |_, seen| match seen.path.as_str() {
        "/flows" => json(200, r#"[{"id":"1","top":true}]"#),
        "/flows/1/steps" => json(200, r#"[{"id":"t","flow":"2"}]"#),
        _ => json(403, "{}"),
    })
    .await;
    assert_eq!((swept.state, rows), (State::Partial, vec!["flow/1".to_owned()]));
}

#[tokio::test]
async fn texts_become_rows() {
    let kinds = r"
[[kind]]
kind = 'scope'
shape = 'edge'
parent = ['client']
id = '/name'
keep = ['/name']
read = [{ inside = true, items = ['/scopes/*'], wrap = 'name' }]
[[kind]]
kind = 'client'
id = '/id'
read = [{ path = '/clients' }]
";
    let known = known(&[("client/1", r#"{"id":"1","scopes":["b","a"]}"#)]);
    let fake = Fake::start(|_, _| json(500, "{}")).await;
    let (swept, rows) = swept(&live(catalog(kinds), &fake), &known).await;
    assert_eq!((swept.state, swept.requests), (State::Complete, 0));
    let rows: Vec<_> = rows.iter().map(|(key, body)| format!("{key} {body}")).collect();
    assert_eq!(rows, [r#"scope/1/a {"name":"a"}"#, r#"scope/1/b {"name":"b"}"#]);
}

#[tokio::test]
async fn what_lies_in_its_parent_is_looked_for_in_the_parent_as_it_is_now() {
    let kinds = r"
[[kind]]
kind = 'mapper'
parent = ['client']
id = '/id'
read = [{ inside = true, items = ['/mappers/*'] }]
[[kind]]
kind = 'client'
id = '/id'
get = '/clients/{client}'
read = [{ path = '/clients' }]
";
    let known = known(&[("client/1", r#"{"id":"1","mappers":[{"id":"a","v":1},{"id":"b"}]}"#)]);
    let fake = Fake::start(|_, seen| match seen.path.as_str() {
        "/clients/1" => json(200, r#"{"id":"1","mappers":[{"id":"a","v":2}]}"#),
        _ => json(404, "{}"),
    })
    .await;
    let live = live(catalog(kinds), &fake);
    let spec = &live.catalog().kinds[0];
    let found = live.read_one(spec, &key("mapper/1/a"), &known).await.unwrap().unwrap();
    assert_eq!(found.body, value(r#"{"id":"a","v":2}"#));
    assert!(live.read_one(spec, &key("mapper/1/b"), &known).await.unwrap().is_none(), "gone since");
    assert!(live.read_one(spec, &key("mapper/2/a"), &known).await.unwrap().is_none(), "with its parent");
}

#[tokio::test]
async fn a_vendor_has_its_own_way_to_say_that_something_is_gone() {
    let kinds = r"
[[kind]]
kind = 'flow'
id = '/id'
get = '/flows/{id}'
gone = [{ status = 400, says = 'no such flow' }]
params = { id = ['flow:/id'] }
read = [{ path = '/flows' }]
";
    let fake = Fake::start(|_, seen| match seen.path.as_str() {
        "/flows/1" => json(400, r#"{"error":"no such flow: 1"}"#),
        _ => json(400, r#"{"error":"the body is too long"}"#),
    })
    .await;
    let live = live(catalog(kinds), &fake);
    let spec = &live.catalog().kinds[0];
    assert!(live.read_one(spec, &key("flow/1"), &Known::default()).await.unwrap().is_none());
    assert!(
        live.read_one(spec, &key("flow/2"), &Known::default()).await.is_err(),
        "another 400 says nothing"
    );
}

#[tokio::test]
async fn what_one_path_gives_of_two_kinds_is_told_apart() {
    let kinds = r"
[[kind]]
kind = 'role'
id = '/id'
get = '/roles/{id}'
params = { id = ['role:/id'] }
read = [{ path = '/roles', rows = [{ at = '/client', not = [true] }] }]
";
    let fake = Fake::start(|_, seen| match seen.path.as_str() {
        "/roles/1" => json(200, r#"{"id":"1"}"#),
        _ => json(200, r#"{"id":"2","client":true}"#),
    })
    .await;
    let live = live(catalog(kinds), &fake);
    let spec = &live.catalog().kinds[0];
    assert!(live.read_one(spec, &key("role/1"), &Known::default()).await.unwrap().is_some());
    assert!(live.read_one(spec, &key("role/2"), &Known::default()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_text_of_a_list_is_a_row_too_and_a_joined_list_can_be_picked_from() {
    let kinds = r"
[[kind]]
kind = 'locale'
id = '/locale'
params = { locale = ['locale:/locale'] }
[[kind.read]]
path = '/locales'
wrap = 'locale'
join = { texts = '/locales/{locale}', used = '/locales/{locale}/users' }
pick = { used = '/id' }
";
    let fake = Fake::start(|_, seen| match seen.path.as_str() {
        "/locales" => json(200, r#"["de"]"#),
        "/locales/de" => json(200, r#"{"hi":"Hallo"}"#),
        _ => json(200, r#"[{"id":"2","n":1},{"id":"1"},{"n":3}]"#),
    })
    .await;
    let (_, rows) = swept(&live(catalog(kinds), &fake), &Known::default()).await;
    assert_eq!(rows["locale/de"], r#"{"locale":"de","texts":{"hi":"Hallo"},"used":["2","1"]}"#);
}
