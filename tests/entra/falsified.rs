//! A false fact about how Entra ID is read is caught: the same directory is read with a catalogue of which one
//! fact is a lie, and the check that the true one passes says what is wrong.
//!
//! The directory answers by the true catalogue. What is right is known from the world itself.

use std::collections::{BTreeMap, BTreeSet};

use lastgood::base::coverage::State;
use lastgood::base::key::{Kind, ResourceKey};
use lastgood::base::secret::Secret;
use lastgood::catalog::{Provider, provider};
use lastgood::json::{Pointer, Value};
use lastgood::provider::{Credential, Live, Target};
use lastgood::restore::LiveTenant;

use crate::directory::Directory;
use crate::lie::Lie;

/// What sort of fact is falsified, and the lie.
#[rustfmt::skip]
const LIES: [(&str, Lie); 8] = [
    ("next page", Lie { kind: "", at: "/paging/next-999/next", says: Some("'/@odata.next'") }),
    ("where rows stand", Lie { kind: "user", at: "/read/0/items", says: Some("['/values/*']") }),
    ("what is asked for", Lie { kind: "user", at: "/read/0/path", says: Some("'/v1.0/users'") }),
    ("id", Lie { kind: "application", at: "/id", says: Some("'/appId'") }),
    ("set", Lie { kind: "application", at: "/set", says: None }),
    ("volatile", Lie { kind: "conditional_access_policy", at: "/volatile", says: None }),
    ("mask", Lie { kind: "", at: "/masked", says: None }),
    ("edge", Lie { kind: "group_member", at: "/keep", says: Some("['']") }),
];

const KINDS: [&str; 7] = [
    "user",
    "group",
    "group_member",
    "application",
    "conditional_access_policy",
    "identity_provider",
    "directory_setting",
];

/// How many people are added: more than a page holds.
const MORE: usize = 1_005;

type Read = (BTreeMap<ResourceKey, Value>, BTreeMap<Kind, State>);

async fn read(directory: &Directory, catalog: &'static Provider) -> Result<Read, String> {
    let (url, id) = {
        let world = directory.world();
        (world.org.url.clone(), world.org.id.clone())
    };
    let secret = Secret::new("words of the reader".to_owned());
    let target = Target {
        settings: [("directory".to_owned(), id), ("login_url".to_owned(), url.clone())].into(),
        url,
        ca_file: None,
        credential: Credential::ClientSecret { client_id: "reader".into(), client_secret: secret },
        budget_percent: 100,
        token_url: None,
        scopes: Vec::new(),
        costly: BTreeSet::new(),
    };
    let live = Live::connect(catalog, target).map_err(|error| error.to_string())?;
    let kinds: BTreeSet<Kind> = KINDS.iter().map(|kind| Kind::new(kind)).collect();
    let mark = |_: &str, _: &str, value: &[u8]| blake3::hash(value).to_hex().as_str()[..32].to_owned();
    let (bodies, ledger) = LiveTenant::new(&live, &mark).kinds(&kinds).await;
    Ok((bodies, ledger.rows.into_iter().map(|(kind, row)| (kind, row.state)).collect()))
}

/// Many people, and a reader who lacks one right.
fn fill(directory: &Directory) {
    let mut world = directory.world();
    let kind = world.kind("user").unwrap();
    let model = world.rows(kind, &[], None).next().unwrap().2.into_owned();
    for number in 0..MORE {
        let (mut body, id) = (model.clone(), format!("00000000-0000-4000-8000-{number:012}"));
        body.as_object_mut().unwrap().insert("id", id.as_str());
        world.put(kind, &[], &id, body);
    }
    world.app.as_mut().unwrap().granted.remove("GroupSettings.Read.All");
}

/// Nothing happens but what happens by itself: lists come in another order, and a time moves on.
fn stir(directory: &Directory) {
    let mut world = directory.world();
    let turn = |world: &mut lastgood::sim::World, kind: &str, at: &str| {
        let kind = world.kind(kind).unwrap();
        let ids: Vec<String> = world.rows(kind, &[], None).map(|(_, id, _)| id.to_owned()).collect();
        for id in ids {
            let body = world.get_mut(kind, &[], &id).unwrap();
            if let Some(list) = Pointer::parse(at).unwrap().get_mut(body).and_then(Value::as_array_mut) {
                list.reverse();
            }
        }
    };
    turn(&mut world, "application", "/web/redirectUris");
    turn(&mut world, "application", "/tags");
    let kind = world.kind("conditional_access_policy").unwrap();
    let ids: Vec<String> = world.rows(kind, &[], None).map(|(_, id, _)| id.to_owned()).collect();
    for id in ids {
        let members = world.get_mut(kind, &[], &id).unwrap().as_object_mut().unwrap();
        let moved = members.get("modifiedDateTime").and_then(Value::as_str) == Some("2026-11-27T20:00:00Z");
        members
            .insert("modifiedDateTime", if moved { "2026-11-27T21:00:00Z" } else { "2026-11-27T20:00:00Z" });
    }
}

/// What is wrong with what was read, before and after nothing happened; empty where all is right.
async fn faults(directory: &Directory, catalog: &'static Provider) -> Vec<String> {
    let (first, second) = match (read(directory, catalog).await, {
        stir(directory);
        read(directory, catalog).await
    }) {
        (Ok(first), Ok(second)) => (first, second),
        (Err(why), _) | (_, Err(why)) => return vec![why],
    };
    let mut out = Vec::new();
    if first.0 != second.0 {
        out.push("what nobody changed reads otherwise".into());
    }
    for (kind, state) in &first.1 {
        let wanted = if kind.as_str() == "directory_setting" { State::NotPermitted } else { State::Complete };
        if *state != wanted && KINDS.contains(&kind.as_str()) {
            out.push(format!("{kind} is {}", state.as_str()));
        }
    }
    let world = directory.world();
    for name in ["user", "group", "application", "conditional_access_policy"] {
        let kind = world.kind(name).unwrap();
        let there: BTreeSet<String> = world.rows(kind, &[], None).map(|(_, id, _)| id.to_owned()).collect();
        let read: BTreeSet<String> =
            first.0.keys().filter(|key| key.kind.as_str() == name).map(|key| key.id().to_owned()).collect();
        if there != read {
            out.push(format!("of {} {name} {} were read", there.len(), read.len()));
        }
    }
    for (key, body) in &first.0 {
        let has = |name: &str| body.get(name).is_some();
        let wrong = match key.kind.as_str() {
            "user" => !has("accountEnabled"),
            "group_member" => body.as_object().is_some_and(|members| members.len() > 2),
            "identity_provider" => body
                .get("clientSecret")
                .is_some_and(|secret| secret.get("$secret") != Some(&"unknown".into())),
            _ => false,
        };
        if wrong {
            out.push(format!("{} is not as it should be kept", key.kind));
        }
    }
    out.dedup();
    out
}

#[test]
fn a_false_fact_about_reading_is_caught() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let directory = Directory::start();
    fill(&directory);
    let found = runtime.block_on(faults(&directory, provider("entra").unwrap()));
    assert_eq!(found, Vec::<String>::new(), "the true catalogue");
    for (sort, lie) in LIES {
        let found = match lie.told("entra") {
            Ok(catalog) => runtime.block_on(faults(&directory, catalog)),
            Err(why) => vec![why],
        };
        println!("{sort}: {found:?}");
        assert!(!found.is_empty(), "{sort}: nobody noticed");
    }
}
