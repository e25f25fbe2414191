//! A tenant of any size, the same for the same seed.
//!
//! Who lives in it is drawn; everything else is made by the same requests that an administrator
//! would send, so a made tenant obeys the rules that the simulator holds others to. Users and
//! memberships, of which there are many, are put in directly, in the form that a request gives.

use std::sync::Arc;

use crate::base::entropy::SeededEntropy;
use crate::json::{Object, Value};
use crate::sim::fill::fresh_id;
use crate::sim::handle::handle;
use crate::sim::okta;
use crate::sim::wire::{Body, Request};
use crate::sim::world::World;

pub(super) const FIRST: [&str; 24] = [
    "Ada", "Ben", "Chloe", "Dev", "Elif", "Femi", "Gita", "Hugo", "Ines", "Jun", "Kofi", "Lea", "Mika",
    "Nora", "Omar", "Pia", "Quinn", "Rosa", "Sven", "Tara", "Umar", "Vera", "Wei", "Yara",
];
pub(super) const LAST: [&str; 24] = [
    "Abara", "Berg", "Costa", "Diaz", "Ekholm", "Farah", "Gruber", "Haddad", "Ito", "Jansen", "Kaya",
    "Lopez", "Moreau", "Novak", "Okafor", "Petrov", "Quist", "Rossi", "Sato", "Tran", "Usman", "Varga",
    "Weber", "Zhou",
];
pub(super) const DEPARTMENTS: [&str; 8] =
    ["Engineering", "Finance", "Legal", "Operations", "People", "Research", "Sales", "Support"];

/// How many of each a tenant has.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// People.
    pub users: usize,
    /// Groups; every person is in one to three of them.
    pub groups: usize,
    /// Apps.
    pub apps: usize,
    /// Rules that put people into groups.
    pub rules: usize,
}

impl Sizes {
    /// What a tenant of so many users usually has.
    #[must_use]
    pub fn of(users: usize) -> Self {
        Self {
            users,
            groups: (users / 8).clamp(DEPARTMENTS.len(), 30_000),
            apps: (users / 100).clamp(4, 2_000),
            rules: (users / 50).clamp(4, 200),
        }
    }
}

/// Draws numbers from the seed.
pub(super) struct Dice(SeededEntropy);

impl Dice {
    pub(super) fn new(entropy: SeededEntropy) -> Self {
        Self(entropy)
    }

    pub(super) fn below(&self, bound: usize) -> usize {
        self.0.below(bound)
    }

    pub(super) fn pick<'a>(&self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len())]
    }
}

fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    Object::from_pairs(members).into()
}

/// Fills a new organisation with people and what they use.
pub fn populate(world: &mut World, users: usize, seed: u64) {
    populate_to(world, &Sizes::of(users), seed);
}

/// The same, with so many of each.
pub fn populate_to(world: &mut World, sizes: &Sizes, seed: u64) {
    (world.vendor.ways.populate)(world, sizes, seed);
}

/// An organisation of Okta.
pub(super) fn organisation(world: &mut World, sizes: &Sizes, seed: u64) {
    let dice = Dice(SeededEntropy::new(seed ^ 0x504f_5055));
    let (token, windows) = (world.token.take(), std::mem::take(&mut world.windows));
    let groups = make_groups(world, sizes.groups);
    let people = make_users(world, &dice, sizes.users);
    join(world, &dice, ("group_membership", Object::new().into()), &groups, &people);
    make_apps(world, &dice, sizes, &groups);
    make_policies(world, &dice, sizes, &groups);
    okta::first_rules(world);
    // What was there before anybody watched is in no log.
    world.log.forget();
    (world.token, world.windows) = (token, windows);
}

/// A request that must be taken: the simulator's own rules say so.
fn ask(world: &mut World, method: &str, path: &str, body: Value) -> Value {
    let answer = handle(world, &Request::new(method, path, "", Some(body)));
    debug_assert!(answer.status < 300, "{method} {path}: {}", answer.status);
    match answer.body {
        Body::Json(value) => value,
        _ => Value::Null,
    }
}

fn id_of(body: &Value) -> String {
    body.get("id").and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn make_groups(world: &mut World, count: usize) -> Vec<String> {
    let group = |place: usize| {
        let department = DEPARTMENTS[place % DEPARTMENTS.len()];
        let name = match place / DEPARTMENTS.len() {
            0 => department.to_owned(),
            team => format!("{department} team {team}"),
        };
        object([(
            "profile",
            object([("description", format!("People of {name}").into()), ("name", name.into())]),
        )])
    };
    (0..count).map(|place| id_of(&ask(world, "POST", "/api/v1/groups", group(place)))).collect()
}

/// Makes so many of a kind: the first by a request, which gives its id; the others are of the same form and share it,
/// and only what is each one's `own` is held beside its id.
pub(super) fn make_alike(
    world: &mut World,
    kind: &str,
    count: usize,
    first: impl FnOnce(&mut World) -> String,
    own: impl Fn(&World, usize) -> (String, Value),
) -> Vec<String> {
    let Some(kind) = world.kind(kind) else { return Vec::new() };
    let mut ids = Vec::with_capacity(count);
    if count > 0 {
        ids.push(first(world));
    }
    let form = ids.first().and_then(|id| world.copy(kind, &[], id));
    let form = Arc::new(form.unwrap_or_default());
    for place in 1..count {
        let (id, own) = own(world, place);
        world.put_alike((kind, &[]), &id, &form, &own);
        ids.push(id);
    }
    ids
}

fn make_users(world: &mut World, dice: &Dice, count: usize) -> Vec<String> {
    let profile = |place: usize| {
        let (first, last) = (dice.pick(&FIRST), dice.pick(&LAST));
        let login = format!("{}.{}{place}@example.com", first.to_lowercase(), last.to_lowercase());
        let profile = object([
            ("firstName", first.into()),
            ("lastName", last.into()),
            ("login", login.as_str().into()),
            ("email", login.as_str().into()),
            ("department", dice.pick(&DEPARTMENTS).into()),
            ("employeeNumber", (10_000 + place).to_string().into()),
            ("mobilePhone", Value::Null),
            ("secondEmail", Value::Null),
        ]);
        (login, profile)
    };
    let first = |world: &mut World| {
        let password = object([("password", object([("value", "Correct-horse-9".into())]))]);
        let user = object([("profile", profile(0).1), ("credentials", password)]);
        id_of(&ask(world, "POST", "/api/v1/users", user))
    };
    make_alike(world, "user", count, first, |world, place| {
        let (login, profile) = profile(place);
        let id = fresh_id(&world.entropy, "00u");
        let address =
            object([("status", "VERIFIED".into()), ("type", "PRIMARY".into()), ("value", login.into())]);
        let mut own = Object::from_pairs([
            ("id", Value::from(id.as_str())),
            ("profile", profile),
            ("credentials", object([("emails", vec![address].into())])),
        ]);
        if place % 40 == 7 {
            own.insert("status", "SUSPENDED");
        }
        (id, own.into())
    })
}

/// Everybody is in a few groups, by links of a kind and a form.
pub(super) fn join(
    world: &mut World,
    dice: &Dice,
    (kind, form): (&str, Value),
    groups: &[String],
    people: &[String],
) {
    let Some(kind) = world.kind(kind) else { return };
    let form = Arc::new(form);
    for person in people {
        for _ in 0..1 + dice.below(3) {
            let group = &groups[dice.below(groups.len())];
            let link = object([("id", person.as_str().into())]);
            world.put_alike((kind, std::slice::from_ref(group)), person, &form, &link);
        }
    }
}

fn make_apps(world: &mut World, dice: &Dice, sizes: &Sizes, groups: &[String]) {
    for place in 0..sizes.apps {
        let label = format!("{} app {place}", dice.pick(&DEPARTMENTS));
        let client = object([
            ("application_type", "web".into()),
            ("grant_types", vec!["authorization_code"].into()),
            ("response_types", vec!["code"].into()),
            ("redirect_uris", vec![format!("https://app{place}.example.com/callback")].into()),
        ]);
        let app = match place % 3 {
            0 => object([
                ("name", "bookmark".into()),
                ("label", label.into()),
                ("signOnMode", "BOOKMARK".into()),
                (
                    "settings",
                    object([(
                        "app",
                        object([
                            ("url", format!("https://app{place}.example.com").into()),
                            ("requestIntegration", false.into()),
                        ]),
                    )]),
                ),
            ]),
            _ => object([
                ("name", "oidc_client".into()),
                ("label", label.into()),
                ("signOnMode", "OPENID_CONNECT".into()),
                (
                    "credentials",
                    object([(
                        "oauthClient",
                        object([("token_endpoint_auth_method", "client_secret_basic".into())]),
                    )]),
                ),
                ("settings", object([("oauthClient", client)])),
            ]),
        };
        let id = id_of(&ask(world, "POST", "/api/v1/apps", app));
        for _ in 0..1 + dice.below(3) {
            let group = &groups[dice.below(groups.len())];
            ask(world, "PUT", &format!("/api/v1/apps/{id}/groups/{group}"), object([]));
        }
    }
}

fn make_policies(world: &mut World, dice: &Dice, sizes: &Sizes, groups: &[String]) {
    for (place, range) in ["198.51.100.0/24", "203.0.113.0/24"].into_iter().enumerate() {
        let gateways = vec![object([("type", "CIDR".into()), ("value", range.into())])];
        let zone = object([
            ("type", "IP".into()),
            ("name", format!("Office {place}").into()),
            ("status", "ACTIVE".into()),
            ("usage", "POLICY".into()),
            ("gateways", gateways.into()),
        ]);
        ask(world, "POST", "/api/v1/zones", zone);
    }
    for place in 0..sizes.rules {
        let rule = object([
            ("type", "group_rule".into()),
            ("name", format!("Rule {place}").into()),
            (
                "conditions",
                object([(
                    "expression",
                    object([
                        ("value", format!("user.department==\"{}\"", dice.pick(&DEPARTMENTS)).into()),
                        ("type", "urn:okta:expression:1.0".into()),
                    ]),
                )]),
            ),
            (
                "actions",
                object([(
                    "assignUserToGroups",
                    object([("groupIds", vec![groups[dice.below(groups.len())].as_str()].into())]),
                )]),
            ),
        ]);
        ask(world, "POST", "/api/v1/groups/rules", rule);
    }
    for (place, department) in DEPARTMENTS.into_iter().take(3).enumerate() {
        let policy = object([
            ("type", "OKTA_SIGN_ON".into()),
            ("name", format!("{department} sign-on").into()),
            ("status", "ACTIVE".into()),
            ("description", format!("How {department} signs in").into()),
            (
                "conditions",
                object([(
                    "people",
                    object([(
                        "groups",
                        object([("include", vec![groups[place % groups.len()].as_str()].into())]),
                    )]),
                )]),
            ),
        ]);
        let id = id_of(&ask(world, "POST", "/api/v1/policies", policy));
        let rule = object([
            ("type", "SIGN_ON".into()),
            ("name", "Everywhere".into()),
            (
                "actions",
                object([("signon", object([("access", "ALLOW".into()), ("requireFactor", true.into())]))]),
            ),
        ]);
        ask(world, "POST", &format!("/api/v1/policies/{id}/rules"), rule);
    }
}
