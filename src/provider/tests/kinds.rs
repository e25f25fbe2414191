//! Kinds: parents, trees, edges, rows inside, details, conditions.

use crate::provider::tests::*;

#[tokio::test]
async fn children_come_with_their_parents_ids() {
    let (swept, rows, fake) = sweep_of(ROLE, clients(), |_, _| json(200, letters(0..2))).await;
    assert_eq!(swept.state, State::Complete);
    assert_eq!(rows, ["role/1/a", "role/1/b", "role/3/a", "role/3/b"]);
    let mut targets = fake.targets();
    targets.sort();
    assert_eq!(targets, ["/clients/1/roles", "/clients/3/roles"]);
}

#[tokio::test]
async fn one_parent_that_refuses_is_an_exception() {
    let (swept, rows, _) = sweep_of(ROLE, clients(), |_, seen| match seen.path.as_str() {
        "/clients/3/roles" => json(403, "{}"),
        _ => json(200, letters(0..1)),
    })
    .await;
    assert_eq!((swept.state, rows.len()), (State::Partial, 1));
    let exception = &swept.exceptions[0];
    assert_eq!((exception.at.as_str(), exception.state), ("client/3", State::NotPermitted));
    insta::assert_snapshot!(exception.reason, @"`/clients/3/roles` answers 403: the credential needs one of: view-clients");
}

#[tokio::test]
async fn a_parent_that_vanished_does_not_spoil_the_kind() {
    let (swept, _, _) = sweep_of(ROLE, clients(), |_, seen| match seen.path.as_str() {
        "/clients/3/roles" => json(404, "{}"),
        _ => json(200, letters(0..1)),
    })
    .await;
    assert_eq!((swept.state, swept.exceptions.len()), (State::Complete, 1));
    assert!(swept.exceptions[0].reason.starts_with("vanished"), "{swept:?}");
}

#[tokio::test]
async fn if_every_parent_refuses_the_kind_is_refused() {
    let (swept, _, _) = sweep_of(ROLE, clients(), |_, _| json(403, "{}")).await;
    assert_eq!((swept.state, swept.exceptions.len()), (State::NotPermitted, 0));
    let many: Vec<_> = (0..200).map(|n| (format!("client/{n}"), format!(r#"{{"id":"{n}"}}"#))).collect();
    let many: Vec<_> = many.iter().map(|(path, body)| (path.as_str(), body.as_str())).collect();
    let (swept, _, fake) = sweep_of(ROLE, known(&many), |_, _| json(403, "{}")).await;
    assert_eq!(swept.state, State::NotPermitted);
    assert!(fake.targets().len() < 40, "{} were asked in vain", fake.targets().len());
}

#[tokio::test]
async fn what_hangs_on_a_gap_is_a_gap() {
    let mut known = clients();
    known.note(&Kind::new("client"), State::Partial, "page 2 broke off");
    let (swept, rows, _) = sweep_of(ROLE, known, |_, _| json(200, letters(0..1))).await;
    assert_eq!((swept.state, rows.len()), (State::Partial, 2));
    let mut known = Known::default();
    known.note(&Kind::new("client"), State::NotPermitted, "403");
    let (swept, _, _) = sweep_of(ROLE, known, |_, _| json(200, "[]")).await;
    assert_eq!(swept.state, State::NotPermitted);
}

#[tokio::test]
async fn a_tree_is_read_at_any_depth() {
    let kinds = r"
[[kind]]
kind = 'group'
id = '/id'
read = [{ path = '/groups', tree = { path = '/groups/{group}/children', paging = 'offset', only = [{ at = '/n', not = [0] }] } }]
";
    let (swept, rows, fake) = sweep_of(kinds, Known::default(), |_, seen| {
        let group = |id: &str, n: u32| format!(r#"{{"id":"{id}","n":{n}}}"#);
        match (seen.path.as_str(), seen.number("first")) {
            ("/groups", _) => json(200, format!("[{},{}]", group("a", 4), group("b", 0))),
            ("/groups/a/children", Some(0)) => {
                json(200, format!("[{},{},{}]", group("c", 1), group("d", 0), group("e", 0)))
            }
            ("/groups/a/children", _) => json(200, format!("[{}]", group("f", 0))),
            ("/groups/c/children", _) => json(200, format!("[{}]", group("g", 0))),
            _ => json(500, "{}"),
        }
    })
    .await;
    assert_eq!((swept.state, rows.len()), (State::Complete, 7), "{swept:?}");
    assert_eq!((fake.targets().len() as u64, swept.requests), (4, 4));
}

#[tokio::test]
async fn a_flipped_edge_has_the_far_end_as_its_body() {
    let kinds = r"
[[kind]]
kind = 'user_role'
shape = 'edge'
parent = ['user']
id = '/id'
keep = ['/id', '/name']
read = [{ path = '/roles/{role}/users', paging = 'offset', each = ['role'], flip = true }]
[[kind]]
kind = 'user'
id = '/id'
read = [{ path = '/users' }]
[[kind]]
kind = 'role'
id = '/id'
read = [{ path = '/roles' }]
";
    let fake = Fake::start(|_, seen| match seen.path.as_str() {
        "/roles/r1/users" => json(200, letters(0..2)),
        _ => json(200, "[]"),
    })
    .await;
    let roles = known(&[
        ("role/r1", r#"{"id":"r1","name":"one","secret":"planted-s3cret"}"#),
        ("role/r2", r#"{"id":"r2","name":"two"}"#),
    ]);
    let live = live(catalog(kinds), &fake);
    let (swept, rows) = swept(&live, &roles).await;
    assert_eq!(swept.state, State::Complete);
    let expected = r#"{"id":"r1","name":"one"}"#.to_owned();
    assert_eq!(
        rows,
        [("user_role/a/r1".to_owned(), expected.clone()), ("user_role/b/r1".to_owned(), expected)].into()
    );
    let spec = &live.catalog().kinds[0];
    assert!(live.read_one(spec, &key("user_role/b/r1"), &roles).await.unwrap().is_some());
    assert!(live.read_one(spec, &key("user_role/b/r2"), &roles).await.unwrap().is_none());
    assert!(
        live.read_one(spec, &key("user_role/b/r9"), &roles).await.is_err(),
        "an unknown role cannot be asked"
    );
}

#[tokio::test]
async fn rows_inside_a_body_need_no_request() {
    let kinds = r"
[[kind]]
kind = 'mapper'
parent = ['client']
id = '/id'
read = [{ inside = true, items = ['/mappers/*'] }]
[[kind]]
kind = 'client'
id = '/id'
read = [{ path = '/clients' }]
";
    let with = known(&[
        ("client/1", r#"{"id":"1","mappers":[{"id":"m"},{"id":"n"}]}"#),
        ("client/2", r#"{"id":"2"}"#),
    ]);
    let (swept, rows, fake) = sweep_of(kinds, with, |_, _| json(500, "")).await;
    assert_eq!((swept.state, swept.read), (State::Complete, None));
    assert_eq!(rows, ["mapper/1/m", "mapper/1/n"]);
    assert!(fake.seen().is_empty());
}

#[tokio::test]
async fn details_joins_and_values() {
    let kinds = format!(
        "[[kind]]\nkind = 'locale'\nid = ''\nget = '/locales/{{locale}}'\n{LOCALE}read = [{{ path = '/{{zone}}/{{sort}}', values = {{ sort = ['x', 'y'] }}, detail = true, join = {{ more = '/locales/m' }} }}]"
    );
    let fake = Fake::start(|_, seen| match seen.path.as_str() {
        "/eu/x" => json(200, r#"["de","fr"]"#),
        "/eu/y" => json(200, r#"["de","it"]"#),
        "/locales/de" => json(200, r#"{"hello":"hallo"}"#),
        "/locales/fr" => json(404, "{}"),
        "/locales/it" => json(403, "{}"),
        "/locales/m" => json(200, "[1]"),
        _ => json(500, "{}"),
    })
    .await;
    let live = live(catalog(&kinds), &fake);
    let (swept, rows) = swept(&live, &Known::default()).await;
    assert_eq!(rows, [("locale/de".to_owned(), r#"{"hello":"hallo","more":[1]}"#.to_owned())].into());
    assert_eq!((swept.state, swept.exceptions.len()), (State::Partial, 1), "{swept:?}");
    assert_eq!(swept.exceptions[0].at, "locale/it");
    let spec = &live.catalog().kinds[0];
    let one = live.read_one(spec, &key("locale/de"), &Known::default()).await.unwrap().unwrap();
    assert_eq!(one.body.to_canonical(), rows["locale/de"].as_bytes());
    assert!(live.read_one(spec, &key("locale/fr"), &Known::default()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_condition_that_cannot_be_asked_is_not_false() {
    let rows = |_: usize, _: &Seen| json(200, letters(0..1));
    let (swept, _, _) = sweep_of(GATED, known(&[("realm/-", r#"{"orgs":true}"#)]), rows).await;
    assert_eq!((swept.state, swept.rows), (State::Complete, 1));
    let (swept, _, fake) = sweep_of(GATED, known(&[("realm/-", r#"{"orgs":false}"#)]), rows).await;
    assert_eq!((swept.state, swept.rows, fake.seen().len()), (State::Complete, 0, 0));
    let (swept, _, _) = sweep_of(GATED, Known::default(), rows).await;
    assert_eq!((swept.state, swept.rows), (State::Failed, 0), "the realm was not read");
}

#[tokio::test]
async fn a_singleton_is_the_answer_itself() {
    let kinds = GATED.replace("kind = 'org'", "kind = 'z'").replace("'realm'", "'r'");
    let kinds = format!(
        "[[kind]]{}[[kind]]{}",
        kinds.split("[[kind]]").nth(2).unwrap(),
        kinds.split("[[kind]]").nth(1).unwrap()
    );
    let fake = Fake::start(|_, _| json(200, r#"{"id":"x","orgs":true}"#)).await;
    let (swept, rows) = swept(&live(catalog(&kinds), &fake), &Known::default()).await;
    assert_eq!(swept.state, State::Complete);
    assert_eq!(rows.keys().collect::<Vec<_>>(), ["r/-"]);
}

#[tokio::test]
async fn ids_that_no_row_holds_are_the_values_of_the_path() {
    let kinds = r"
[[kind]]
kind = 'text'
id_of = ['prompt', 'language']
read = [{ path = '/prompts/{prompt}/{language}', values = { prompt = ['login', 'a:b'] }, values_of = { language = { of = 'tenant', at = '/languages/*' } } }]
[[kind]]
kind = 'tenant'
shape = 'singleton'
read = [{ path = '/{org}' }]
";
    let fake = Fake::start(|_, seen| match seen.path.as_str() {
        "/prompts/login/de" => json(200, r#"{"hello":"hallo"}"#),
        "/prompts/login/fr" => json(404, "{}"),
        _ => json(200, "{}"),
    })
    .await;
    let live = live(catalog(kinds), &fake);
    let tenant = known(&[("tenant/-", r#"{"languages":["de","fr","de"]}"#)]);
    let (swept, rows) = swept(&live, &tenant).await;
    assert_eq!((swept.state, swept.requests), (State::Complete, 4));
    assert!(swept.exceptions.is_empty(), "one that is not there is no fault: {swept:?}");
    assert_eq!(rows.keys().collect::<Vec<_>>(), ["text/a%253Ab:de", "text/a%253Ab:fr", "text/login:de"]);
    let one = live.read_one(&live.catalog().kinds[0], &key("text/login:de"), &tenant).await.unwrap().unwrap();
    assert_eq!(one.body.to_canonical(), br#"{"hello":"hallo"}"#);
    assert_eq!(fake.targets().len(), 5, "only the one list that can hold it is asked");
    let names: Vec<_> = order(live.catalog()).concat().iter().map(|spec| spec.kind.as_str()).collect();
    assert_eq!(names, ["tenant", "text"]);
}

#[tokio::test]
async fn the_same_row_for_several_values_is_several_resources() {
    let kinds = r"
[[kind]]
kind = 'notice'
id = '/type'
id_of = ['rank']
get = '/roles/{rank}/notices/{type}'
params = { type = ['row:/type'] }
read = [{ path = '/roles/{rank}/notices', values = { rank = ['a:b', 'c', 'none'] } }]
";
    let fake = Fake::start(|_, seen| match seen.path.as_str() {
        "/roles/a%3Ab/notices" | "/roles/c/notices" => json(200, r#"[{"type":"x"},{"type":"y"}]"#),
        "/roles/c/notices/y" => json(200, r#"{"type":"y","on":true}"#),
        "/roles/none/notices" => json(200, "[]"),
        _ => json(404, "{}"),
    })
    .await;
    let live = live(catalog(kinds), &fake);
    let (swept, rows) = swept(&live, &Known::default()).await;
    assert_eq!((swept.state, swept.requests), (State::Complete, 3));
    let keys = ["notice/a%253Ab:x", "notice/a%253Ab:y", "notice/c:x", "notice/c:y"];
    assert_eq!(rows.keys().collect::<Vec<_>>(), keys);
    for path in keys {
        let found = live.read_one(&live.catalog().kinds[0], &key(path), &Known::default()).await.unwrap();
        assert_eq!(found.is_some(), path == "notice/c:y", "{path}");
    }
}

#[tokio::test]
async fn ids_of_several_fields_come_apart_again() {
    let kinds = r"
[[kind]]
kind = 'grant'
id = '/api'
also_id = ['/scope']
get = '/grants/{api}/{scope}'
params = { api = ['grant:/api'], scope = ['grant:/scope'] }
read = [{ path = '/grants' }]
";
    let fake = Fake::start(|_, seen| match seen.path.as_str() {
        "/grants" => json(200, r#"[{"api":"https://a","scope":"read"},{"api":"https://a","scope":"write"}]"#),
        "/grants/https%3A%2F%2Fa/write" => json(200, r#"{"api":"https://a","scope":"write"}"#),
        _ => json(404, "{}"),
    })
    .await;
    let live = live(catalog(kinds), &fake);
    let (swept, rows) = swept(&live, &Known::default()).await;
    assert_eq!((swept.state, rows.len()), (State::Complete, 2));
    for path in rows.keys() {
        let found = live.read_one(&live.catalog().kinds[0], &key(path), &Known::default()).await.unwrap();
        assert_eq!(found.is_some(), path.ends_with("write"), "{path}");
    }
}

#[tokio::test]
async fn one_list_for_all_parents_and_rows_of_another_kind() {
    let kinds = r"
[[kind]]
kind = 'scim'
parent = ['client']
id = '/id'
read = [{ path = '/scim', parent_at = '/client', rows = [{ at = '/sort', is = ['scim'] }] }]
[[kind]]
kind = 'client'
id = '/id'
read = [{ path = '/clients' }]
";
    let list = r#"[{"id":"x","client":"1","sort":"scim"},{"id":"x","client":"3","sort":"scim"},{"id":"y","client":"1"},{"id":"z","client":"9","sort":"scim"}]"#;
    let (swept, rows, fake) = sweep_of(kinds, clients(), move |_, _| json(200, list)).await;
    assert_eq!((rows, fake.targets().len()), (vec!["scim/1/x".to_owned(), "scim/3/x".to_owned()], 1));
    assert_eq!((swept.state, swept.exceptions.len()), (State::Partial, 0));
    assert!(swept.reason.contains("`z` names no parent"), "{}", swept.reason);
}

#[tokio::test]
async fn a_joined_answer_need_not_be_json() {
    let kinds =
        "[[kind]]\nkind = 'user'\nid = '/id'\nread = [{ path = '/u', join = { photo = '/p', off = '/o' } }]";
    let fake = Fake::start(|_, seen| match seen.path.as_str() {
        "/u" => json(200, letters(0..1)),
        "/p" => answer(200, &[], "\u{1}pic"),
        _ => json(404, r#"{"error":"feature_off"}"#),
    })
    .await;
    let (swept, rows) = swept(&live(catalog(kinds), &fake), &Known::default()).await;
    assert_eq!((swept.state, rows["user/a"].as_str()), (State::Complete, r#"{"id":"a","photo":"AXBpYw=="}"#));
}
