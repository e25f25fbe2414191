//! Lists: every style of pages, and every way in which a page can lie.

use crate::provider::tests::*;

#[tokio::test]
async fn offset_pages_are_walked_to_the_end() {
    let (swept, rows, fake) = sweep_of(USER, Known::default(), |_, seen| {
        let first = seen.number("first").unwrap();
        json(200, letters(first..(first + 3).min(7)))
    })
    .await;
    assert_eq!((swept.state, swept.rows, swept.requests), (State::Complete, 7, 3));
    assert_eq!(rows, ["a", "b", "c", "d", "e", "f", "g"].map(|id| format!("user/{id}")));
    assert_eq!(fake.targets()[1], "/o1/users?first=3&max=3");
    assert!(swept.read.is_some());
}

#[tokio::test]
async fn a_vendor_that_cuts_pages_short_is_found_out() {
    let kinds = USER.replace("offset", "cut");
    let kinds =
        format!("[paging.cut]\nstyle = 'offset'\noffset = 'first'\nlimit = 'max'\nsize = 500\n{kinds}");
    let (swept, rows, _) = sweep_of(&kinds, Known::default(), |_, seen| {
        let first = seen.number("first").unwrap();
        json(200, letters(first..(first + 10).min(23)))
    })
    .await;
    assert_eq!((swept.state, rows.len()), (State::Complete, 23));
}

#[tokio::test]
async fn numbered_pages_and_their_bound() {
    let kinds = USER.replace("'offset'", "'page'");
    let (swept, rows, fake) = sweep_of(&kinds, Known::default(), |_, seen| {
        let first = (seen.number("p").unwrap() - 1) * 3;
        json(200, letters(first..first + 3))
    })
    .await;
    assert_eq!((swept.state, rows.len()), (State::Partial, 6));
    assert!(swept.reason.contains("no more than 6"), "{}", swept.reason);
    assert_eq!(fake.targets(), ["/o1/users?p=1&n=3", "/o1/users?p=2&n=3"]);
}

#[tokio::test]
async fn cursors_are_sent_back_as_they_came() {
    let kinds = "[[kind]]\nkind = 'user'\nid = '/id'\nread = [{ path = '/u?brief=false', paging = 'cursor', items = ['/rows/*'] }]";
    let (swept, rows, fake) = sweep_of(kinds, Known::default(), |_, seen| match seen.param("c") {
        None => json(200, r#"{"rows":[{"id":"a"}],"next":"x&y=z"}"#),
        Some("x%26y%3Dz") => json(200, r#"{"rows":[],"next":"2"}"#),
        _ => json(200, r#"{"rows":[{"id":"b"}],"next":null}"#),
    })
    .await;
    assert_eq!((swept.state, rows.len()), (State::Complete, 2));
    assert_eq!(fake.targets()[1], "/u?brief=false&n=3&c=x%26y%3Dz");
}

#[tokio::test]
async fn links_to_another_host_lead_to_ours() {
    let other = Fake::start(|_, _| json(200, "[]")).await;
    let elsewhere = other.url.clone();
    let kinds = USER.replace("'offset'", "'link'");
    let (swept, rows, fake) = sweep_of(&kinds, Known::default(), move |n, _| {
        let link = format!(r#"<{elsewhere}/o1/users?after={n}>; rel="next""#);
        let headers: &[_] = if n < 3 { &[("link", link.as_str())] } else { &[] };
        answer(200, headers, letters(n..n + 1))
    })
    .await;
    assert_eq!((swept.state, rows.len()), (State::Complete, 3));
    assert_eq!(fake.targets(), ["/o1/users?n=3", "/o1/users?after=1", "/o1/users?after=2"]);
    assert!(other.seen().is_empty(), "no other host is ever asked");
}

#[tokio::test]
async fn a_list_that_leads_in_a_circle_ends() {
    let kinds =
        "[[kind]]\nkind = 'user'\nid = '/id'\nread = [{ path = '/u', paging = 'body', items = ['/v/*'] }]";
    let (swept, rows, fake) = sweep_of(kinds, Known::default(), |_, seen| match seen.query.as_str() {
        "" => json(200, r#"{"v":[{"id":"a"}],"@next":"/u?s=1"}"#),
        _ => json(200, r#"{"v":[],"@next":"/u?s=1"}"#),
    })
    .await;
    assert_eq!((swept.state, rows.len(), fake.targets().len()), (State::Partial, 1, 2));
    assert!(swept.reason.contains("read already"), "{}", swept.reason);
}

#[tokio::test]
async fn a_whole_list_asks_for_all() {
    let (swept, _, fake) =
        sweep_of(&USER.replace("'offset'", "'all'"), Known::default(), |_, _| json(200, letters(0..20)))
            .await;
    assert_eq!((swept.state, swept.rows), (State::Complete, 20));
    assert_eq!(fake.targets(), ["/o1/users?max=-1"]);
}

#[tokio::test]
async fn a_list_that_shifts_is_read_again() {
    // A row is put in at the front after the first page, once.
    let (swept, rows, _) = sweep_of(USER, Known::default(), |n, seen| {
        let first = seen.number("first").unwrap();
        let shift = usize::from(n == 1);
        json(
            200,
            letters((first + shift)..(first + shift + 3).min(7)).replace(r#""}"#, &format!(r#"","n":{n}}}"#)),
        )
    })
    .await;
    assert_eq!((swept.state, swept.reason.as_str()), (State::Complete, ""));
    assert_eq!(rows.len(), 7);
}

#[tokio::test]
async fn a_list_that_never_stands_still_is_partial() {
    let (swept, rows, _) = sweep_of(USER, Known::default(), |_, _| json(200, letters(0..3))).await;
    assert_eq!((swept.state, rows.len()), (State::Partial, 3));
    assert!(swept.reason.contains("shifted") && swept.exceptions.is_empty(), "{swept:?}");
}

#[tokio::test]
async fn a_page_longer_than_asked_is_not_trusted() {
    let (swept, rows, fake) = sweep_of(USER, Known::default(), |_, _| json(200, letters(0..5))).await;
    assert_eq!((swept.state, rows.len(), fake.targets().len()), (State::Partial, 5, 1));
    assert!(swept.reason.contains("5 rows came"), "{}", swept.reason);
}

#[tokio::test]
async fn a_row_that_comes_twice_in_a_page() {
    let same = r#"[{"id":"a"},{"id":"a"}]"#;
    let (swept, rows, _) = sweep_of(USER, Known::default(), move |_, _| json(200, same)).await;
    assert_eq!((swept.state, rows.len()), (State::Complete, 1));
    let other = r#"[{"id":"a"},{"id":"a","x":1}]"#;
    let (swept, rows, _) = sweep_of(USER, Known::default(), move |_, _| json(200, other)).await;
    assert_eq!((swept.state, rows.len()), (State::Partial, 1));
    insta::assert_snapshot!(swept.reason, @"1 rows of `user` came twice with different content");
}

#[tokio::test]
async fn rows_without_an_id_are_said() {
    let body = r#"[{"id":"a"},{"name":"b"},{"id":""}]"#;
    let whole = USER.replace("'offset'", "'all'");
    let (swept, rows, _) = sweep_of(&whole, Known::default(), move |_, _| json(200, body)).await;
    assert_eq!((swept.state, rows.len()), (State::Partial, 1));
    insta::assert_snapshot!(swept.reason, @"2 rows of `user` have no id and are not kept");
}

#[tokio::test]
async fn answers_of_another_form_are_failures() {
    for (body, word) in [
        (r#"{"error":"x"}"#, "an object came"),
        ("<!doctype html><html>planted-s3cret</html>", "HTML"),
        (r#"[{"id":"a"},{"id":"#, "not JSON"),
        ("", "empty"),
        (r#"[{"id":"a","id":"b"}]"#, "same name"),
    ] {
        let (swept, rows, _) = sweep_of(USER, Known::default(), move |_, _| json(200, body)).await;
        assert_eq!((swept.state, rows.len()), (State::Failed, 0), "{body}");
        assert!(swept.reason.contains(word), "{}", swept.reason);
    }
}

#[tokio::test]
async fn a_later_page_that_fails_leaves_the_kind_partial() {
    let (swept, rows, _) = sweep_of(USER, Known::default(), |_, seen| match seen.number("first") {
        Some(0) => json(200, letters(0..3)),
        _ => json(500, "{}"),
    })
    .await;
    assert_eq!((swept.state, rows.len()), (State::Partial, 3));
    assert!(swept.exceptions.is_empty(), "nothing is known of what did not come");
}

#[tokio::test]
async fn what_a_status_means() {
    for (status, body, state) in [
        (401, "{}", State::Failed),
        (403, "{}", State::NotPermitted),
        (404, r#"{"a":[{"b":"feature_off"}]}"#, State::NotEntitled),
        (404, r#"{"a":"other"}"#, State::Failed),
        (503, "{}", State::Failed),
        (418, "", State::Failed),
    ] {
        let (swept, _, _) = sweep_of(USER, Known::default(), move |_, _| json(status, body)).await;
        assert_eq!((swept.state, swept.rows), (state, 0), "{status}: {}", swept.reason);
        assert!(swept.reason.contains(&status.to_string()), "{}", swept.reason);
    }
}
