//! A directory of any size, the same for the same seed: people, groups, applications, and policies for them.
//!
//! Everything is made by the requests that an administrator would send, but for people and memberships, of
//! which there are many: those are put in as a request leaves them.

use crate::base::entropy::SeededEntropy;
use crate::json::{Object, Value};
use crate::sim::entra::{object, text};
use crate::sim::fill::uuid;
use crate::sim::handle::handle;
use crate::sim::population::{DEPARTMENTS, Dice, FIRST, LAST, Sizes, join, make_alike};
use crate::sim::wire::{Body, Request};
use crate::sim::world::World;

/// Fills a new directory.
pub(super) fn populate(world: &mut World, sizes: &Sizes, seed: u64) {
    let dice = Dice::new(SeededEntropy::new(seed ^ 0x454e_5452));
    let (app, windows) = (world.app.take(), std::mem::take(&mut world.windows));
    let groups = make_groups(world, sizes.groups);
    let people = make_users(world, &dice, sizes.users);
    let member = object([("@odata.type", "#microsoft.graph.user".into())]);
    join(world, &dice, ("group_member", member), &groups, &people);
    make_applications(world, &dice, sizes.apps);
    make_policies(world, &groups);
    // What was there before anybody watched is in no log.
    world.log.forget();
    (world.app, world.windows) = (app, windows);
}

/// A request that must be taken: the simulator's own rules say so.
fn ask(world: &mut World, path: &str, body: Value) -> Value {
    let answer = handle(world, &Request::new("POST", path, "", Some(body)));
    debug_assert!(answer.status < 300, "POST {path}: {} {:?}", answer.status, answer.body);
    match answer.body {
        Body::Json(value) => value,
        _ => Value::Null,
    }
}

fn make_groups(world: &mut World, count: usize) -> Vec<String> {
    let group = |place: usize| {
        let department = DEPARTMENTS[place % DEPARTMENTS.len()];
        let name = match place / DEPARTMENTS.len() {
            0 => department.to_owned(),
            team => format!("{department} team {team}"),
        };
        object([
            ("displayName", name.as_str().into()),
            ("description", format!("People of {name}").into()),
            ("mailEnabled", false.into()),
            ("mailNickname", format!("group{place}").into()),
            ("securityEnabled", true.into()),
        ])
    };
    (0..count).map(|place| text(&ask(world, "/v1.0/groups", group(place)), "id").to_owned()).collect()
}

fn make_users(world: &mut World, dice: &Dice, count: usize) -> Vec<String> {
    let body = |place: usize| {
        let (first, last) = (dice.pick(&FIRST), dice.pick(&LAST));
        let nickname = format!("{}.{}{place}", first.to_lowercase(), last.to_lowercase());
        Object::from_pairs([
            ("accountEnabled", Value::from(place % 40 != 7)),
            ("department", dice.pick(&DEPARTMENTS).into()),
            ("displayName", format!("{first} {last}").into()),
            ("employeeId", (10_000 + place).to_string().into()),
            ("givenName", first.into()),
            ("mailNickname", nickname.as_str().into()),
            ("surname", last.into()),
            ("userPrincipalName", format!("{nickname}@contoso.example").into()),
        ])
    };
    let first = |world: &mut World| {
        let mut body = body(0);
        body.insert("passwordProfile", object([("password", "Correct-horse-9".into())]));
        text(&ask(world, "/v1.0/users", body.into()), "id").to_owned()
    };
    make_alike(world, "user", count, first, |world, place| {
        let (mut body, id) = (body(place), uuid(&world.entropy));
        body.insert("id", id.as_str());
        (id, body.into())
    })
}

/// Each application with its principal.
fn make_applications(world: &mut World, dice: &Dice, count: usize) {
    for place in 0..count {
        let redirects = vec![format!("https://app{place}.example.com/callback")];
        let app = ask(
            world,
            "/v1.0/applications",
            object([
                ("displayName", format!("{} app {place}", dice.pick(&DEPARTMENTS)).into()),
                ("signInAudience", "AzureADMyOrg".into()),
                ("web", object([("redirectUris", redirects.into_iter().collect())])),
            ]),
        );
        ask(world, "/v1.0/servicePrincipals", object([("appId", text(&app, "appId").into())]));
    }
}

/// Two offices, and what is asked of people elsewhere.
fn make_policies(world: &mut World, groups: &[String]) {
    let mut places = Vec::new();
    for (place, range) in ["198.51.100.0/24", "203.0.113.0/24"].into_iter().enumerate() {
        let range =
            object([("@odata.type", "#microsoft.graph.iPv4CidrRange".into()), ("cidrAddress", range.into())]);
        let location = object([
            ("@odata.type", "#microsoft.graph.ipNamedLocation".into()),
            ("displayName", format!("Office {place}").into()),
            ("isTrusted", true.into()),
            ("ipRanges", vec![range].into()),
        ]);
        let made = ask(world, "/v1.0/identity/conditionalAccess/namedLocations", location);
        places.push(text(&made, "id").to_owned());
    }
    for (place, department) in DEPARTMENTS.into_iter().take(3).enumerate() {
        let group = groups[place % groups.len()].as_str();
        let users = object([("includeGroups", vec![group].into())]);
        let locations = object([
            ("includeLocations", vec!["All"].into()),
            ("excludeLocations", places.iter().map(String::as_str).collect()),
        ]);
        let conditions = object([
            ("clientAppTypes", vec!["all"].into()),
            ("applications", object([("includeApplications", vec!["All"].into())])),
            ("users", users),
            ("locations", locations),
        ]);
        let policy = object([
            ("displayName", format!("{department}: a second factor outside the office").into()),
            ("state", "enabledForReportingButNotEnforced".into()),
            ("conditions", conditions),
            ("grantControls", object([("operator", "OR".into()), ("builtInControls", vec!["mfa"].into())])),
        ]);
        ask(world, "/beta/identity/conditionalAccess/policies", policy);
    }
}
