//! Policies: priorities, and the rule that a new policy brings. Also calls on brands, features and
//! the organisation that no form can say.

use crate::json::{Object, Value};
use crate::sim::fill::merge;
use crate::sim::handle::{Ask, Work};
use crate::sim::okta::{at, object, own, set, text};
use crate::sim::wire::{Body, Refusal, Response};
use crate::sim::world::World;

/// Where the catch-all rule stands.
const LAST: i64 = 99;

/// A priority, and the catch-all rule of a policy that guards apps.
pub(super) fn born(world: &mut World, ask: &Ask, work: &mut Work) -> Result<(), Refusal> {
    let kind = text(&work.body, "/type").to_owned();
    if at(&work.body, "/priority").is_none() {
        let custom = |body: &Value| text(body, "/type") == kind && at(body, "/system") != Some(&true.into());
        let others = world.rows(ask.route.kind, &[], None).filter(|(_, _, body)| custom(body)).count();
        let place = match kind.as_str() {
            "ACCESS_POLICY" | "PROFILE_ENROLLMENT" => 1,
            _ => others + 1,
        };
        set(&mut work.body, "/priority", place);
        let last = |body: &Value| text(body, "/type") == kind && at(body, "/system") == Some(&true.into());
        let default = world.rows(ask.route.kind, &[], None).find(|(_, _, body)| last(body));
        let default = default
            .map(|(_, id, _)| id.to_owned())
            .filter(|_| !matches!(kind.as_str(), "ACCESS_POLICY" | "PROFILE_ENROLLMENT"));
        if let Some(body) = default.and_then(|id| world.get_mut(ask.route.kind, &[], &id)) {
            set(body, "/priority", place + 1);
        }
    }
    catch_all(world, &work.id, &kind);
    Ok(())
}

/// The rules that the policies have which the vendor makes with an organisation.
pub(crate) fn first_rules(world: &mut World) {
    let policies = world.number("policy");
    let found: Vec<(String, String)> = world
        .rows(policies, &[], None)
        .filter(|(_, _, body)| at(body, "/system") == Some(&true.into()))
        .map(|(_, id, body)| (id.to_owned(), text(&body, "/type").to_owned()))
        .collect();
    for (id, kind) in found {
        catch_all(world, &id, &kind);
        if kind == "POST_AUTH_SESSION" {
            let nothing = object([("failureActions", Vec::<Value>::new().into())]);
            put_catch_all(world, &id, &kind, object([("postAuthSession", nothing)]));
        }
        if kind == "OKTA_SIGN_ON" {
            let sign_on = object([
                ("access", "ALLOW".into()),
                ("requireFactor", false.into()),
                ("primaryFactor", "PASSWORD_IDP_ANY_FACTOR".into()),
            ]);
            put_first(world, &id, ("SIGN_ON", "Default Rule"), object([("signon", sign_on)]));
        }
    }
}

/// The rule that a new policy brings.
fn catch_all(world: &mut World, policy: &str, kind: &str) {
    if kind == "PROFILE_ENROLLMENT" {
        let attribute = |name: &str, label: &str| {
            object([("name", name.into()), ("label", label.into()), ("required", true.into())])
        };
        let enrollment = object([
            ("access", "ALLOW".into()),
            ("preRegistrationInlineHooks", Value::Null),
            (
                "profileAttributes",
                vec![attribute("firstName", "First name"), attribute("email", "Primary email")].into(),
            ),
            ("targetGroupIds", Value::Null),
            ("unknownUserAction", "REGISTER".into()),
            ("activationRequirements", object([("emailVerification", true.into())])),
            ("progressiveProfilingAction", "ENABLED".into()),
            ("allowedIdentifiers", vec!["login"].into()),
        ]);
        put_catch_all(world, policy, kind, object([("profileEnrollment", enrollment)]));
    }
    if kind == "ACCESS_POLICY" {
        let verification = object([
            ("factorMode", "2FA".into()),
            ("type", "ASSURANCE".into()),
            ("reauthenticateIn", "PT12H".into()),
            (
                "constraints",
                vec![object([(
                    "possession",
                    object([("required", true.into()), ("deviceBound", "REQUIRED".into())]),
                )])]
                .into(),
            ),
        ]);
        let mut sign_on = object([("access", "ALLOW".into()), ("verificationMethod", verification)]);
        if !world.trait_is("keepSignedIn", "absent") {
            set(&mut sign_on, "/keepMeSignedIn", object([("postAuth", "NOT_ALLOWED".into())]));
        }
        put_catch_all(world, policy, kind, object([("appSignOn", sign_on)]));
    }
}

fn put_catch_all(world: &mut World, policy: &str, kind: &str, actions: Value) {
    put_first(world, policy, (kind, "Catch-all Rule"), actions);
}

fn put_first(world: &mut World, policy: &str, (kind, name): (&str, &str), actions: Value) {
    let (id, now) = (world.fresh("rul"), world.time());
    let rule = object([
        ("id", id.as_str().into()),
        ("status", "ACTIVE".into()),
        ("name", name.into()),
        ("priority", LAST.into()),
        ("created", now.clone()),
        ("lastUpdated", now),
        ("system", true.into()),
        ("conditions", Value::Null),
        ("actions", actions),
        ("type", kind.into()),
    ]);
    world.put(world.number("policy_rule"), &[policy.to_owned()], &id, rule);
}

/// A rule takes a place among the others, which move down.
pub(super) fn rule_born(world: &mut World, ask: &Ask, work: &mut Work) -> Result<(), Refusal> {
    let places: Vec<i64> = others(world, ask, &work.id).into_iter().map(|(_, place)| place).collect();
    let next = places.iter().copied().max().unwrap_or(0) + 1;
    let place =
        at(&work.body, "/priority").and_then(Value::as_i64).filter(|place| *place > 0).unwrap_or(next);
    let place = place.min(next);
    set(&mut work.body, "/priority", place);
    make_room(world, ask, &work.id, place);
    Ok(())
}

/// A rule that moves makes room as well.
pub(super) fn rule_changed(world: &mut World, ask: &Ask, work: &mut Work) -> Result<(), Refusal> {
    let old = at(&work.old, "/priority").cloned().unwrap_or_default();
    match at(&work.body, "/priority").and_then(Value::as_i64) {
        Some(place) if Some(place) != old.as_i64() => make_room(world, ask, &work.id, place),
        Some(_) => {}
        None => set(&mut work.body, "/priority", old),
    }
    for member in ["type", "system"] {
        if let (None, Some(value)) = (work.body.get(member), work.old.get(member)) {
            set(&mut work.body, &format!("/{member}"), value.clone());
        }
    }
    Ok(())
}

fn others(world: &World, ask: &Ask, id: &str) -> Vec<(String, i64)> {
    world
        .rows(ask.route.kind, &ask.parents, None)
        .filter(|(_, other, body)| *other != id && at(body, "/system") != Some(&true.into()))
        .filter_map(|(_, other, body)| Some((other.to_owned(), at(&body, "/priority")?.as_i64()?)))
        .collect()
}

fn make_room(world: &mut World, ask: &Ask, id: &str, place: i64) {
    let others = others(world, ask, id);
    if !others.iter().any(|(_, other)| *other == place) {
        return;
    }
    for (other, at) in others.into_iter().filter(|(_, at)| *at >= place) {
        if let Some(body) = world.get_mut(ask.route.kind, &ask.parents, &other) {
            set(body, "/priority", at + 1);
        }
    }
}

/// A copy of a policy, under another name and with all its rules.
pub(super) fn cloned(world: &mut World, ask: &Ask) -> Result<Response, Refusal> {
    let (old, id) = (own(ask), world.fresh("rst"));
    let mut body = world.copy(ask.route.kind, &[], &old).unwrap_or_default();
    let name = format!("[cloned] {}", text(&body, "/name"));
    set(&mut body, "/id", id.as_str());
    set(&mut body, "/name", name);
    set(&mut body, "/system", false);
    for time in ["/created", "/lastUpdated"] {
        set(&mut body, time, Value::Null);
    }
    if let Some(members) = body.as_object_mut() {
        members.remove("_links");
    }
    let rules = world.number("policy_rule");
    let of_old = [old];
    let copies: Vec<Value> = world.rows(rules, &of_old, None).map(|(_, _, body)| body.into_owned()).collect();
    for mut rule in copies {
        let copy = world.fresh("rul");
        set(&mut rule, "/id", copy.as_str());
        world.put(rules, std::slice::from_ref(&id), &copy, rule);
    }
    world.put(ask.route.kind, &[], &id, body.clone());
    let shown = world.shown(ask, &id, &[crate::sim::form::Stage::Show], body)?;
    Ok(Response::json(200, shown))
}

/// An authenticator that an app or a policy uses cannot be switched off.
pub(super) fn authenticator_held(world: &mut World, ask: &Ask, work: &mut Work) -> Result<(), Refusal> {
    if !ask.route.path.ends_with("/deactivate") {
        return Ok(());
    }
    let by_app = world.rows(world.number("app"), &[], None).any(|(_, _, app)| {
        text(&app, "/settings/oauthClient/backchannel_custom_authenticator_id") == work.id
    });
    if by_app {
        let cause = "Cannot delete this authenticator because it is being configured for CIBA by one or more OIDC applications.";
        return Err(Refusal::invalid("Authenticator", vec![cause.into()]));
    }
    let key = text(&work.body, "/key").to_owned();
    let enrolls =
        |rule: &Value| text(rule, "/key") == key && !matches!(text(rule, "/enroll/self"), "" | "NOT_ALLOWED");
    let by_policy = world.rows(world.number("policy"), &[], None).any(|(_, _, policy)| {
        let rules = at(&policy, "/settings/authenticators").and_then(Value::as_array);
        rules.is_some_and(|rules| rules.iter().any(enrolls))
    });
    if by_policy {
        let summary = "Cannot modify/disable this authenticator because it is enabled in one or more policies. To continue, disable the authenticator in these policies.";
        let refusal = Refusal::new(403, "E0000148", summary);
        return Err(Refusal { causes: vec!["Authenticator is enabled in a policy.".into()], ..refusal });
    }
    Ok(())
}

/// The places of a zone stand by country.
pub(super) fn zone_sorted(_: &mut World, _: &Ask, work: &mut Work) -> Result<(), Refusal> {
    for path in [&["locations"][..], &["locations", "include"], &["locations", "exclude"]] {
        let places = crate::json::Pointer::from_segments(path.iter().copied());
        if let Some(places) = places.get_mut(&mut work.body).and_then(Value::as_array_mut) {
            places.sort_by_key(|place| text(place, "/country").to_owned());
        }
    }
    Ok(())
}

/// All customizations of a template go.
pub(super) fn customizations_gone(world: &mut World, ask: &Ask) -> Result<Response, Refusal> {
    let kind = world.number("email_customization");
    let template = ask.params.get("templateName").cloned().unwrap_or_default();
    let parents = [own(ask), template];
    let ids: Vec<String> = world.rows(kind, &parents, None).map(|(_, id, _)| id.to_owned()).collect();
    for id in ids {
        world.remove(kind, &parents, &id);
    }
    Ok(Response::empty(204))
}

/// The page that a brand begins with.
pub(super) fn sign_in_default(_: &mut World, _: &Ask) -> Result<Response, Refusal> {
    let names = [
        "signInLabel",
        "usernameLabel",
        "usernameInfoTip",
        "passwordLabel",
        "passwordInfoTip",
        "forgotPasswordLabel",
        "forgotPasswordUrl",
        "unlockAccountLabel",
        "unlockAccountUrl",
        "helpLabel",
        "helpUrl",
        "customLink1Label",
        "customLink1Url",
        "customLink2Label",
        "customLink2Url",
        "authenticatorPageCustomLinkLabel",
        "authenticatorPageCustomLinkUrl",
        "classicRecoveryFlowEmailOrUsernameLabel",
    ];
    let mut texts: Object = names.into_iter().map(|name| (name, "".into())).collect();
    texts.insert("showPasswordVisibilityToggle", true);
    texts.insert("showUserIdentifier", true);
    texts.insert("widgetGeneration", "G3");
    let body = object([
        ("pageContent", "<!DOCTYPE html>".into()),
        ("widgetCustomizations", texts.into()),
        ("widgetVersion", "*".into()),
    ]);
    Ok(Response { status: 200, headers: Vec::new(), body: Body::Json(body) })
}

/// `POST /org`: a partial change.
pub(super) fn org_patched(world: &mut World, ask: &Ask) -> Result<Response, Refusal> {
    let kind = world.number("org_settings");
    let route = crate::sim::routes::Route { kind, ..ask.route.clone() };
    let other = Ask {
        request: ask.request,
        route,
        params: ask.params.clone(),
        parents: Vec::new(),
        own: Some(crate::base::key::SINGLETON.into()),
    };
    let id = crate::sim::reading::existing(world, &other)?;
    let mut sent = ask.request.body.clone().unwrap_or_default();
    if let Some(members) = sent.as_object_mut() {
        for name in ["_links", "id", "subdomain", "created", "lastUpdated", "status", "expiresAt"] {
            members.remove(name);
        }
    }
    let now = world.time();
    if let Some(body) = world.get_mut(kind, &[], &id) {
        if sent.as_object().is_some() {
            merge(body, sent);
        }
        set(body, "/lastUpdated", now);
    }
    let body = world.copy(kind, &[], &id).unwrap_or_default();
    let shown = world.shown(&other, &id, &[crate::sim::form::Stage::Show], body)?;
    Ok(Response::json(200, shown))
}
