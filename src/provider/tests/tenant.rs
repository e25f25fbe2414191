//! The tenant as a whole: one resource, identity, writes, events, order and forecast.

use crate::provider::tests::*;

#[tokio::test]
async fn one_by_its_own_path_or_by_its_list() {
    let fake = Fake::start(|_, seen| match seen.path.as_str() {
        "/clients/1" => json(200, r#"{"id":"1","more":true}"#),
        "/clients/2" => json(200, r#"{"id":"other"}"#),
        "/clients/3" => json(403, "{}"),
        "/clients/4/roles" => json(200, letters(0..2)),
        _ => json(404, "{}"),
    })
    .await;
    let kinds = ROLE.replace(
        "read = [{ path = '/clients' }]",
        "read = [{ path = '/clients' }]\nget = '/clients/{client}'",
    );
    let live = live(catalog(&kinds), &fake);
    let (role, client) = (&live.catalog().kinds[0], &live.catalog().kinds[1]);
    let known = Known::default();
    let item = live.read_one(client, &key("client/1"), &known).await.unwrap().unwrap();
    assert_eq!(item.body.to_canonical(), br#"{"id":"1","more":true}"#);
    let other = live.read_one(client, &key("client/2"), &known).await.unwrap_err();
    assert!(matches!(other, ProviderError::Shape { .. }), "{other}");
    let refused = live.read_one(client, &key("client/3"), &known).await.unwrap_err();
    assert!(
        matches!(refused, ProviderError::Status { state: State::NotPermitted, .. })
            && refused.hint().is_some()
    );
    assert!(live.read_one(client, &key("client/5"), &known).await.unwrap().is_none());
    assert!(live.read_one(client, &key("client/.."), &known).await.is_err(), "no id climbs out of its place");
    assert!(live.read_one(role, &key("role/4/b"), &known).await.unwrap().is_some());
    assert!(live.read_one(role, &key("role/4/c"), &known).await.unwrap().is_none());
    assert!(live.read_one(role, &key("role/5/a"), &known).await.unwrap().is_none(), "gone with its parent");
}

#[tokio::test]
async fn costly_and_unread_kinds_make_no_request() {
    let costly = ROLE.replace("only =", "costly = true, only =");
    let (swept, _, fake) = sweep_of(&costly, clients(), |_, _| json(200, "[]")).await;
    assert_eq!(swept.state, State::Excluded);
    assert!(swept.reason.contains("each `client`") && fake.seen().is_empty(), "{}", swept.reason);
    let unread = "[[kind]]\nkind = 'key'\nunread = { state = 'no_api', reason = 'never shown' }";
    let (swept, _, _) = sweep_of(unread, Known::default(), |_, _| json(200, "[]")).await;
    assert_eq!((swept.state, swept.reason.as_str()), (State::NoApi, "never shown"));
}

#[tokio::test]
async fn a_dead_tenant_fails_every_kind_soon() {
    let fake = Fake::start(|_, _| json(200, "[]")).await;
    let mut target = target(&fake);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    target.url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let live = Live::connect_in(catalog(ROLE), target, World { tries_max: 1, ..World::default() }).unwrap();
    let (swept, _) = swept(&live, &clients()).await;
    assert_eq!(swept.state, State::Failed);
    assert!(swept.reason.contains("cannot reach"), "{}", swept.reason);
}

#[tokio::test]
async fn identity_settings_and_writes() {
    let fake = Fake::start(|_, seen| match seen.method.as_str() {
        "GET" => json(200, r#"{"id":"tenant-1"}"#),
        _ => answer(201, &[("location", "/x/9")], seen.body.clone()),
    })
    .await;
    let live = live(catalog(USER), &fake);
    assert_eq!(live.identity().await.unwrap(), "tenant-1");
    assert_eq!(fake.targets(), ["/o1/about"]);
    let request = WriteRequest {
        method: Method::Post,
        path: "/x".into(),
        body: Some(PLANTED.into()),
        content_type: None,
    };
    let done = live.perform(&request).await.unwrap();
    assert_eq!((done.status, done.location.as_deref(), &*done.body), (201, Some("/x/9"), PLANTED.as_bytes()));
    assert!(!format!("{request:?} {done:?}").contains(PLANTED));
    assert!(!live.rights().await.unwrap().known, "an opaque token says nothing");

    let mut wrong = target(&fake);
    wrong.settings.insert("realm".into(), "x".into());
    let error = Live::connect(catalog(USER), wrong).err().unwrap();
    insta::assert_snapshot!(error, @"`realm` is no setting of Acme; it has `org`, `zone`");
    let mut missing = target(&fake);
    missing.settings.clear();
    let error = Live::connect(catalog(USER), missing).err().unwrap();
    insta::assert_snapshot!(error, @"Acme needs the setting `org`");
    let mut form = target(&fake);
    form.credential = Credential::Password { username: "a".into(), password: Secret::new(PLANTED.into()) };
    assert!(Live::connect(catalog(USER), form).is_err());
}

#[tokio::test]
async fn events_are_read_back_to_the_bound() {
    let audit = r"
[audit]
path = '/{org}/events'
paging = 'offset'
since = 'from'
unit = 'epoch_ms'
id = '/id'
time = '/t'
operation = '/op'
resource = '/path'
actor_id = '/who'
names = [{ path = '', means = ['realm/-'] }, { path = 'users/{u}', means = ['user/{u}', 'member/{u}/*'] }]
";
    let event =
        |id: u32, t: u32| format!(r#"{{"id":{id},"t":{t},"op":"UPDATE","path":"users/{id}","who":"w"}}"#);
    let fake = Fake::start(move |_, seen| match seen.number("first") {
        Some(0) => json(200, format!("[{},{},{}]", event(5, 500), event(4, 400), event(3, 300))),
        // One event came in between: the last of the first page comes again.
        Some(3) => json(200, format!("[{},{},{}]", event(3, 300), event(2, 200), event(1, 50))),
        _ => json(500, "{}"),
    })
    .await;
    let live = live(catalog(&format!("{audit}{USER}")), &fake);
    let at = |ms| jiff::Timestamp::from_millisecond(ms).unwrap();
    let events = live.events(at(100), at(500)).await.unwrap();
    assert_eq!(events.iter().map(|event| event.id.as_str()).collect::<Vec<_>>(), ["4", "3", "2"]);
    assert_eq!(events[0].means, ["user/4", "member/4/*"]);
    assert_eq!(fake.targets()[0], "/o1/events?from=100&first=0&max=3");
}

#[test]
fn parents_come_before_children() {
    let kinds = format!("{}{}", ROLE, GATED);
    let catalog = catalog(&kinds);
    let levels: Vec<Vec<_>> = order(catalog)
        .iter()
        .map(|level| level.iter().map(|spec| spec.kind.as_str().to_owned()).collect())
        .collect();
    assert_eq!(levels, [vec!["client", "realm"], vec!["role", "org"]]);
    let context = |kind| is_context(catalog, &Kind::new(kind));
    assert!(context("client") && context("realm") && !context("role") && !context("org"));
}

#[test]
fn a_lean_memory_keeps_what_paths_and_conditions_ask() {
    let catalog = catalog(ROLE);
    let mut known = Known::lean(catalog);
    known.insert(item("client/1", r#"{"id":"1","off":false,"big":[1,2,3]}"#));
    known.insert(item("role/1/a", r#"{"id":"a"}"#));
    assert_eq!(known.get(&key("client/1")).unwrap().to_canonical(), br#"{"id":"1","off":false}"#);
    assert!(known.get(&key("role/1/a")).is_none());
}

#[test]
fn a_forecast_counts_passes_and_pages() {
    let catalog = catalog(&format!("{ROLE}{USER}"));
    let count = |kind: &Kind| match kind.as_str() {
        "client" => 40,
        "user" => 10,
        _ => 100,
    };
    let of = |kind: &str| forecast(catalog, catalog.kind(&Kind::new(kind)).unwrap(), &count);
    assert_eq!((of("client"), of("role"), of("user")), (1, 40, 4));
}

#[tokio::test]
async fn a_login_is_filled_from_the_settings() {
    let fake = Fake::start(|_, seen| match seen.method.as_str() {
        "POST" => json(200, r#"{"access_token":"t"}"#),
        _ => json(200, r#"{"id":"x"}"#),
    })
    .await;
    let head = HEAD
        .replace("zone = \"eu\"", "login_url = \"\"")
        .replace(
            r#"forms = ["token"], scheme = "SSWS""#,
            r#"token = "/{org}/token", at = "login_url", forms = ["client_secret"], extra = { audience = "{url}/api", o = "{org}" }"#,
        )
        .replace("[paging]", "headers = { x-asked-by = \"us\" }\n[paging]");
    let text = format!(
        "{head}\n[[kind]]\nkind = 'r'\nwhat = 'x'\nshape = 'singleton'\nrestore = {{ class = 'never', reason = 'x' }}\nread = [{{ path = '/{{org}}' }}]"
    );
    let catalog = crate::catalog::parse("acme", &text).unwrap_or_else(|error| panic!("{error}"));
    let mut target = target(&fake);
    target.settings.insert("login_url".into(), format!("{}/auth/", fake.url));
    target.credential =
        Credential::ClientSecret { client_id: "c".into(), client_secret: Secret::new(PLANTED.into()) };
    let live = Live::connect(Box::leak(Box::new(catalog)), target).unwrap();
    live.identity().await.unwrap();
    let seen = fake.seen();
    assert_eq!(seen[0].path, "/auth/o1/token");
    let audience = seen[0].body.split('&').next().unwrap().to_owned();
    assert!(
        audience.starts_with("audience=http%3A%2F%2F127.0.0.1") && audience.ends_with("%2Fapi"),
        "{audience}"
    );
    assert!(seen[0].body.ends_with("&o=o1"), "{}", seen[0].body);
    assert_eq!((seen[1].authorization.as_str(), seen[1].asked_by.as_str()), ("Bearer t", "us"));
}

#[tokio::test]
async fn events_of_a_vendor_that_can_be_polled_come_to_an_end() {
    let audit = r"
[audit]
path = '/logs'
paging = 'body'
items = ['/v/*']
since = '$filter'
since_value = 'at ge {since}'
unit = 'rfc3339'
id = '/id'
time = '/t'
operation = '/op'
resource = '/path'
actor_id = '/who'
";
    let fake = Fake::start(|n, _| {
        let rows = if n < 3 {
            format!(r#"{{"id":{n},"t":"2026-11-24T10:00:0{n}Z","op":"x"}}"#)
        } else {
            String::new()
        };
        json(200, format!(r#"{{"v":[{rows}],"@next":"/logs?after={n}"}}"#))
    })
    .await;
    let live = live(catalog(&format!("{audit}{USER}")), &fake);
    let since: jiff::Timestamp = "2026-11-24T10:00:00Z".parse().unwrap();
    let events = live.events(since, since + jiff::SignedDuration::from_mins(1)).await.unwrap();
    assert_eq!(events.iter().map(|event| event.id.as_str()).collect::<Vec<_>>(), ["2", "1"]);
    assert_eq!(fake.targets()[0], "/logs?%24filter=at%20ge%202026-11-24T10%3A00%3A00Z");
}

#[tokio::test]
async fn a_sweep_can_move_between_threads() {
    fn movable<T: Send>(value: T) -> T {
        value
    }
    let fake = Fake::start(|_, _| json(200, "[]")).await;
    let live = live(catalog(ROLE), &fake);
    let (spec, known) = (&live.catalog().kinds[0], clients());
    let mut rows = 0;
    let mut sink = |_: Item| rows += 1;
    assert_eq!(movable(live.sweep(spec, &known, &mut sink)).await.state, State::Complete);
    assert!(movable(live.read_one(spec, &key("role/1/a"), &known)).await.unwrap().is_none());
    assert_eq!(rows, 0);
}
