//! One resource, asked for by its key, is the one that the list gave: for every kind that has a call for it.
//!
//! What an event names, what a plan is about and what did not come in a list is read so.

use std::collections::{BTreeMap, BTreeSet};

use lastgood::base::key::Kind;
use lastgood::base::secret::Secret;
use lastgood::catalog::{self, KindSpec, canonicalize};
use lastgood::http::Credential;
use lastgood::provider::{self, Item, Known, Live, Target};

use crate::org::Org;
use crate::proof::is_of;

fn live(org: &Org) -> Live {
    let token = std::fs::read_to_string(org.path().join("sim/token")).unwrap();
    let provider = catalog::provider("okta").unwrap();
    let costly = provider.kinds.iter().map(|spec| spec.kind.clone()).collect();
    let target = Target {
        url: org.url(),
        ca_file: None,
        settings: BTreeMap::new(),
        credential: Credential::Token { token: Secret::new(token) },
        budget_percent: 100,
        token_url: None,
        scopes: Vec::new(),
        costly,
    };
    Live::connect(provider, target).unwrap()
}

/// The body as it would be stored.
fn main_of(spec: &KindSpec, item: &Item) -> String {
    let provider = catalog::provider("okta").unwrap();
    let mark = |_: &str, value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let canonical = canonicalize(provider, spec, item.body.clone(), &mark);
    String::from_utf8(canonical.main.to_canonical()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_by_its_key_is_the_one_of_the_list() {
    let org = Org::start(&["--users", "3", "--every-kind"]);
    let live = live(&org);
    let provider = catalog::provider("okta").unwrap();
    let mut known = Known::default();
    let mut found: BTreeMap<Kind, Vec<Item>> = BTreeMap::new();
    for spec in provider::order(provider).into_iter().flatten() {
        let mut items = Vec::new();
        live.sweep(spec, &known, &mut |item: Item| items.push(item)).await;
        items.iter().for_each(|item| known.insert(item.clone()));
        found.insert(spec.kind.clone(), items);
    }
    let before = org.requests().len();
    let mut wrong = Vec::new();
    let mut asked_for = 0;
    for (kind, items) in &found {
        let spec = provider.kind(kind).unwrap();
        for item in items.iter().take(3) {
            asked_for += 1;
            match live.read_one(spec, &item.key, &known).await {
                Ok(Some(one)) if one.key == item.key && main_of(spec, &one) == main_of(spec, item) => {}
                Ok(Some(one)) => wrong.push(format!(
                    "{}: {} is not {}",
                    item.key,
                    main_of(spec, &one),
                    main_of(spec, item)
                )),
                Ok(None) => wrong.push(format!("{}: is not there", item.key)),
                Err(error) => wrong.push(format!("{}: {error}", item.key)),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(asked_for > 200, "{asked_for}");
    let links = &found[&Kind::new("user_linked_object")];
    assert!(!links.is_empty());
    for item in links {
        let (user, relation) = (&item.key.ids[0], item.key.id());
        let other = Kind::new("user");
        let has = found[&other].iter().any(|item| item.key.id() == user);
        assert!(has && !relation.is_empty(), "{}", item.key);
    }
    let requests = org.requests().split_off(before);
    let by_get = provider.kinds.iter().filter(|spec| spec.unread.is_none() && !found[&spec.kind].is_empty());
    let unasked: BTreeSet<String> = by_get
        .filter_map(|spec| spec.get.as_ref())
        .map(|get| get.bare())
        .filter(|get| !requests.iter().any(|asked| asked.status == 200 && is_of(asked.path(), get)))
        .collect();
    assert!(unasked.is_empty(), "calls for one instance that nothing used: {unasked:?}");
}
