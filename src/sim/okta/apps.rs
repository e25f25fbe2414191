//! Applications: names by sign-on mode, what one brings with it, links, keys, metadata.

use crate::json::{Object, Value};
use crate::sim::handle::{Ask, Work};
use crate::sim::okta::{at, link, object, own, set, text};
use crate::sim::wire::{Body, Refusal, Response};
use crate::sim::world::World;

/// Overrides of a SAML app that are not kept where they are empty.
const OVERRIDES: [&str; 4] =
    ["audienceOverride", "destinationOverride", "recipientOverride", "ssoAcsUrlOverride"];

/// Members of a SAML app's sign-on settings that only an app of the organisation's own has.
const OWN_SAML: [&str; 6] = [
    "allowMultipleAcsEndpoints",
    "assertionSigned",
    "honorForceAuthn",
    "responseSigned",
    "samlSignedRequestEnabled",
    "slo",
];

/// Name, links of the dashboard, key, settings by sign-on mode.
pub(super) fn born(world: &mut World, ask: &Ask, work: &mut Work) -> Result<(), Refusal> {
    let client = |row: &Value| text(row, "/credentials/oauthClient/client_id").to_owned();
    let (own, mut apps) = (client(&work.body), world.rows(ask.route.kind, &[], None));
    if own != work.id && !own.is_empty() && apps.any(|(_, id, row)| *id != work.id && client(&row) == own) {
        return Err(Refusal::invalid("client_id", vec!["client_id: another application has it".into()]));
    }
    drop(apps);
    let mode = text(&work.body, "/signOnMode").to_owned();
    let sent = ask.request.body.clone().unwrap_or_default();
    let named = text(&sent, "/name").to_owned();
    let own_app = named.is_empty();
    let name = match (own_app, mode.as_str()) {
        (true, "OPENID_CONNECT") => "oidc_client".to_owned(),
        (true, _) => own_name(world, ask, text(&work.body, "/label")),
        (false, _) => named,
    };
    set(&mut work.body, "/name", name.as_str());
    if !world.trait_is("appOrn", "absent") {
        set(&mut work.body, "/orn", format!("orn:okta:idp:{}:apps:{name}:{}", world.org.id, work.id));
    }
    let shown = match name.as_str() {
        "oidc_client" => "oidc_client_link".to_owned(),
        _ if own_app || mode.is_empty() && name != "bookmark" => format!("{name}_link"),
        _ => "login".to_owned(),
    };
    if at(&work.body, "/visibility/appLinks").is_none() {
        let links: Object = [(shown.as_str(), Value::from(true))].into_iter().collect();
        set(&mut work.body, "/visibility/appLinks", links);
    }
    settle(&mut work.body, own_app);
    relay_state(world, &mut work.body, own_app);
    keep_secret(world, work);
    let shown = at(&work.body, "/credentials/signing/kid").and_then(Value::as_str).map(str::to_owned);
    let kid = shown.unwrap_or_else(|| world.random(43));
    let key = key(world, &kid);
    world.put(world.number("app_signing_key"), std::slice::from_ref(&work.id), &kid, key);
    Ok(())
}

/// Moves the client secret to where secrets are kept; a client that needs one gets one.
fn keep_secret(world: &mut World, work: &mut Work) {
    let client = crate::json::Pointer::from_segments(["credentials", "oauthClient"]);
    let Some(members) = client.get_mut(&mut work.body).and_then(Value::as_object_mut) else { return };
    let given = members.remove("client_secret").and_then(|value| value.as_str().map(str::to_owned));
    let method =
        members.get("token_endpoint_auth_method").and_then(Value::as_str).unwrap_or_default().to_owned();
    let kind = world.number("app_client_secret");
    let parents = [work.id.clone()];
    let has = world.rows(kind, &parents, None).next().is_some();
    if given.is_none() && (has || !method.starts_with("client_secret")) {
        return;
    }
    let (id, now) = (world.fresh("ocs"), world.time());
    let value = given.unwrap_or_else(|| world.random(64));
    let secret = object([
        ("id", id.as_str().into()),
        ("secret_hash", secret_hash(&value).into()),
        ("client_secret", value.into()),
        ("created", now.clone()),
        ("lastUpdated", now),
        ("status", "ACTIVE".into()),
    ]);
    world.put(kind, &parents, &id, secret);
}

/// What a secret is known by: the first half of its SHA-256, as in the example of the vendor's document.
fn secret_hash(value: &str) -> String {
    let whole = ring::digest::digest(&ring::digest::SHA256, value.as_bytes());
    data_encoding::BASE64URL_NOPAD.encode(&whole.as_ref()[..16])
}

/// A secret is given, or made.
pub(super) fn secret_born(world: &mut World, _: &Ask, work: &mut Work) -> Result<(), Refusal> {
    let given = text(&work.body, "/client_secret").to_owned();
    let value = if given.is_empty() { world.random(64) } else { given };
    set(&mut work.body, "/secret_hash", secret_hash(&value));
    set(&mut work.body, "/client_secret", value);
    Ok(())
}

/// The answer to a write shows the client secret; no later one does.
pub(super) fn secret(world: &mut World, _: &Ask, work: &mut Work) -> Result<(), Refusal> {
    let kind = world.number("app_client_secret");
    let parents = [work.id.clone()];
    let shown =
        text(&work.body, "/credentials/oauthClient/token_endpoint_auth_method").starts_with("client_secret");
    let last =
        world.rows(kind, &parents, None).last().and_then(|(_, _, body)| body.get("client_secret").cloned());
    if let Some(value) = last.filter(|_| shown) {
        set(&mut work.body, "/credentials/oauthClient/client_secret", value);
    }
    Ok(())
}

/// `host_label_3`: the name of an app that is in no catalogue.
fn own_name(world: &World, ask: &Ask, label: &str) -> String {
    let plain: String = label.chars().filter(char::is_ascii_alphanumeric).collect();
    let count = world.rows(ask.route.kind, &[], None).count() + 1;
    format!("{}_{}_{count}", world.org.subdomain(), plain.to_lowercase())
}

/// What a SAML or password app keeps of what was sent.
fn settle(body: &mut Value, own_app: bool) {
    let mode = text(body, "/signOnMode").to_owned();
    if let Some(credentials) = body.get_mut("credentials").and_then(Value::as_object_mut) {
        let shared =
            credentials.get("scheme").and_then(Value::as_str) == Some("SHARED_USERNAME_AND_PASSWORD");
        match shared {
            true => credentials.insert("password", Object::new()),
            false => credentials.remove("password"),
        };
        if credentials.get("userName").and_then(Value::as_str) == Some("") {
            credentials.remove("userName");
        }
    }
    let Some(sign_on) = crate::json::Pointer::from_segments(["settings", "signOn"])
        .get_mut(body)
        .and_then(Value::as_object_mut)
    else {
        return;
    };
    if !mode.starts_with("SAML") {
        return;
    }
    for name in OVERRIDES {
        if sign_on.get(name).and_then(Value::as_str) == Some("") {
            match own_app {
                true => sign_on.remove(name),
                false => sign_on.insert(name, Value::Null),
            };
        }
    }
    if mode == "SAML_1_1" {
        sign_on.remove("attributeStatements");
        sign_on.remove("destinationOverride");
    }
    if !own_app {
        OWN_SAML.iter().for_each(|name| {
            sign_on.remove(name);
        });
        return;
    }
    let issuer = sign_on.get("slo").and_then(|slo| slo.get("issuer")).cloned().unwrap_or_default();
    sign_on.remove("spIssuer");
    for (name, value) in [
        ("spIssuer", issuer),
        ("requestCompressed", false.into()),
        ("assertionEncryption", object([("enabled", false.into())])),
        ("idpIssuer", "http://www.okta.com/${org.externalKey}".into()),
        ("inlineHooks", Value::Array(Vec::new())),
        ("acsEndpoints", Value::Array(Vec::new())),
    ] {
        if !sign_on.contains(name) {
            sign_on.insert(name, value);
        }
    }
}

/// A replacement keeps name, mode and keys.
pub(super) fn changed(world: &mut World, _: &Ask, work: &mut Work) -> Result<(), Refusal> {
    for pointer in [
        "/orn",
        "/name",
        "/signOnMode",
        "/features",
        "/universalLogout",
        "/credentials/signing",
        "/credentials/oauthClient/client_id",
        "/visibility/appLinks",
        "/licensing",
        "/_accessPolicy",
    ] {
        if let Some(value) = at(&work.old, pointer) {
            let fixed = matches!(pointer, "/name" | "/signOnMode" | "/orn" | "/credentials/signing");
            if fixed || at(&work.body, pointer).is_none() {
                set(&mut work.body, pointer, value.clone());
            }
        }
    }
    let own_app = text(&work.body, "/name").starts_with(&format!("{}_", world.org.subdomain()));
    settle(&mut work.body, own_app);
    relay_state(world, &mut work.body, own_app);
    keep_secret(world, work);
    Ok(())
}

/// An empty relay state is none for an app of the vendor's catalogue, and in some organisations.
fn relay_state(world: &World, body: &mut Value, own_app: bool) {
    let empty = at(body, "/settings/signOn/defaultRelayState").and_then(Value::as_str) == Some("");
    if empty && (!own_app || world.trait_is("relayState", "null")) {
        set(body, "/settings/signOn/defaultRelayState", Value::Null);
    }
}

/// Links by mode, status and engine.
pub(super) fn links(world: &mut World, _: &Ask, work: &mut Work) -> Result<(), Refusal> {
    hook_links(world, &mut work.body);
    let policy = text(&work.body, "/_accessPolicy").to_owned();
    if let Some(members) = work.body.as_object_mut() {
        members.remove("_accessPolicy");
    }
    if work.body.get("_links").is_some() {
        return Ok(());
    }
    let org = world.org.url.clone();
    let base = format!("{org}/api/v1/apps/{}", work.id);
    let (mode, name) = (text(&work.body, "/signOnMode").to_owned(), text(&work.body, "/name").to_owned());
    let mut out = Object::new();
    for part in ["groups", "users"] {
        out.insert(part, link(format!("{base}/{part}")));
    }
    let switch = if text(&work.body, "/status") == "ACTIVE" { "deactivate" } else { "activate" };
    out.insert(switch, link(format!("{base}/lifecycle/{switch}")));
    let image = object([
        ("name", "medium".into()),
        ("href", format!("{org}/assets/img/logos/default.png").into()),
        ("type", "image/png".into()),
    ]);
    out.insert("logo", vec![image]);
    let shown = at(&work.body, "/visibility/appLinks").and_then(Value::as_object);
    let dashboard: Value = shown
        .into_iter()
        .flat_map(Object::names)
        .map(|shown| {
            object([
                ("name", shown.into()),
                ("href", format!("{org}/home/{name}/{}/{shown}", work.id).into()),
                ("type", "text/html".into()),
            ])
        })
        .collect();
    out.insert("appLinks", dashboard);
    let allow = |method: &str| object([("allow", vec![method].into())]);
    if !world.trait_is("appLogoUpload", "absent") {
        out.insert("uploadLogo", object([("href", format!("{base}/logo").into()), ("hints", allow("POST"))]));
    }
    if mode.starts_with("SAML") {
        let help = format!("{org}/app/{name}/{}/setup/help/{mode}/instructions", work.id);
        out.insert("help", object([("href", help.into()), ("type", "text/html".into())]));
    }
    if mode == "SAML_2_0" {
        let metadata = format!("{base}/sso/saml/metadata");
        out.insert("metadata", object([("href", metadata.into()), ("type", "application/xml".into())]));
    }
    if !world.trait_is("accessPolicy", "absent") {
        if at(&work.body, "/credentials/oauthClient/client_secret").is_some() || mode == "OPENID_CONNECT" {
            let secrets =
                object([("name", "secrets".into()), ("href", format!("{base}/credentials/secrets").into())]);
            out.insert("clientCredentials", vec![secrets]);
        }
        let access = if policy.is_empty() { default_policy(world, "ACCESS_POLICY") } else { policy };
        let enrol = default_policy(world, "PROFILE_ENROLLMENT");
        out.insert("accessPolicy", link(format!("{org}/api/v1/policies/{access}")));
        out.insert("profileEnrollment", link(format!("{org}/api/v1/policies/{enrol}")));
        out.insert(
            "policies",
            object([("href", format!("{base}/policies").into()), ("hints", allow("PUT"))]),
        );
    }
    set(&mut work.body, "/_links", out);
    Ok(())
}

/// An inline hook that an app names is shown with a link to it.
fn hook_links(world: &World, body: &mut Value) {
    let hooks = crate::json::Pointer::from_segments(["settings", "signOn", "inlineHooks"]);
    for hook in hooks.get_mut(body).and_then(Value::as_array_mut).into_iter().flatten() {
        let url = format!("{}/api/v1/inlineHooks/{}", world.org.url, text(hook, "/id"));
        let methods: Value = ["GET", "PUT", "DELETE"].into_iter().collect();
        let itself = object([("href", url.into()), ("hints", object([("allow", methods)]))]);
        if hook.get("_links").is_none() {
            set(hook, "/_links", object([("self", itself)]));
        }
    }
}

fn default_policy(world: &World, kind: &str) -> String {
    let policy = world.number("policy");
    let mut found = world.rows(policy, &[], None).filter(|(_, _, body)| text(body, "/type") == kind);
    let of_all: Vec<_> = found.by_ref().collect();
    let system = of_all.iter().find(|(_, _, body)| body.get("system").and_then(Value::as_bool) == Some(true));
    system.or(of_all.first()).map_or_else(String::new, |(_, id, _)| (*id).to_owned())
}

/// Puts an app under another access policy.
pub(super) fn policy(world: &mut World, ask: &Ask) -> Result<Response, Refusal> {
    let wanted = ask.params.get("policyId").cloned().unwrap_or_default();
    let kind = world.number("policy");
    let body = world.get(kind, &[], &wanted).ok_or_else(|| Refusal::absent(&wanted, "Policy"))?;
    if text(&body, "/name") == "Okta Admin Console" {
        let cause =
            "This policy belongs to \"Okta Admin Console\", and re-assignment of this policy is not allowed";
        return Err(Refusal::invalid("Policy", vec![cause.into()]));
    }
    put_under(world, &own(ask), &wanted);
    Ok(Response::empty(204))
}

/// Puts an app under a policy, and shows it among what the policy guards.
fn put_under(world: &mut World, id: &str, policy: &str) {
    if let Some(app) = world.get_mut(world.number("app"), &[], id) {
        set(app, "/_accessPolicy", policy);
        if let Some(members) = app.as_object_mut() {
            members.remove("_links");
        }
    }
    unmap(world, id);
    let (mapping, itself) = (world.number("policy_mapping"), world.fresh("pmp"));
    let links = object([("application", link(format!("{}/api/v1/apps/{id}", world.org.url)))]);
    let body = object([("id", itself.as_str().into()), ("_links", links)]);
    world.put(mapping, &[policy.to_owned()], &itself, body);
}

/// Takes an app from among what policies guard.
fn unmap(world: &mut World, id: &str) {
    let url = format!("{}/api/v1/apps/{id}", world.org.url);
    let mapping = world.number("policy_mapping");
    let of = |body: &Value| text(body, "/_links/application/href") == url;
    let before: Vec<(Vec<String>, String)> = world
        .all(mapping)
        .filter(|(_, _, body)| of(body))
        .map(|(above, id, _)| (above.to_vec(), id.to_owned()))
        .collect();
    for (above, id) in before {
        world.remove(mapping, &above, &id);
    }
}

/// No policy guards an app that is gone.
pub(super) fn gone(world: &mut World, _: &Ask, work: &mut Work) -> Result<(), Refusal> {
    unmap(world, &work.id);
    let orn = text(&work.body, "/orn").to_owned();
    let owners = (world.number("governance_resource_owner"), "/parentResourceOrn");
    for (kind, pointer) in [owners, (world.number("collection_resource"), "/resourceOrn")] {
        let of_app = world.all(kind).filter(|(_, _, row)| text(row, pointer) == orn);
        let gone: Vec<(Vec<String>, String)> =
            of_app.map(|(above, id, _)| (above.to_vec(), id.to_owned())).collect();
        gone.into_iter().for_each(|(above, id)| drop(world.remove(kind, &above, &id)));
    }
    leave(world, "app_cross_app_access_connection", &work.id);
    leave(world, "entitlement_grant", &work.id);
    Ok(())
}

/// Takes away what is of an application that is gone, or has it at one of its ends.
fn leave(world: &mut World, kind: &str, app: &str) {
    let kind = world.number(kind);
    let ends = ["/resourceId", "/requestingAppInstanceId", "/resourceAppInstanceId", "/target/externalId"];
    let gone: Vec<(Vec<String>, String)> = world
        .all(kind)
        .filter(|(_, id, body)| *id == app || ends.iter().any(|end| text(body, end) == app))
        .map(|(above, id, _)| (above.to_vec(), id.to_owned()))
        .collect();
    for (above, id) in gone {
        world.remove(kind, &above, &id);
    }
}

/// An app whose mapping is taken away is under the default policy.
pub(super) fn mapping_gone(world: &mut World, _: &Ask, work: &mut Work) -> Result<(), Refusal> {
    let app = text(&work.body, "/_links/application/href").rsplit('/').next().unwrap_or_default().to_owned();
    let default = default_policy(world, "ACCESS_POLICY");
    if let Some(app) = world.get_mut(world.number("app"), &[], &app) {
        set(app, "/_accessPolicy", default);
    }
    Ok(())
}

/// A key as the vendor shows it. The numbers in it are random: nothing is signed here.
fn key(world: &World, kid: &str) -> Value {
    let now = world.time();
    object([
        ("kty", "RSA".into()),
        ("created", now.clone()),
        ("lastUpdated", now.clone()),
        ("expiresAt", now),
        ("kid", kid.into()),
        ("use", "sig".into()),
        ("x5c", vec![world.random(1200)].into()),
        ("x5t#S256", world.random(43).into()),
        ("e", "AQAB".into()),
        ("n", world.random(342).into()),
    ])
}

/// A new key, or a copy of one for another instance.
pub(super) fn key_made(world: &mut World, ask: &Ask, work: &mut Work) -> Result<(), Refusal> {
    if ask.route.path.ends_with("/generate") {
        let kid = world.random(43);
        work.body = key(world, &kid);
        return Ok(());
    }
    let target =
        ask.request.asked("targetAid").or(ask.request.asked("targetIdpId")).unwrap_or_default().to_owned();
    world.put(ask.route.kind, &[target], &work.id, work.body.clone());
    Ok(())
}

/// `POST /apps/{appId}/users/{userId}`: a partial change of an assignment.
pub(super) fn user_changed(world: &mut World, ask: &Ask) -> Result<Response, Refusal> {
    let kind = world.number("app_user_assignment");
    let (parents, user) = (vec![own(ask)], ask.params.get("userId").cloned().unwrap_or_default());
    let sent = ask.request.body.clone().unwrap_or_default();
    let now = world.time();
    let body = world.get_mut(kind, &parents, &user).ok_or_else(|| Refusal::absent(&user, "AppUser"))?;
    if sent.as_object().is_some() {
        crate::sim::fill::merge(body, sent);
    }
    set(body, "/lastUpdated", now);
    let body = body.clone();
    let route = crate::sim::routes::Route { kind, ..ask.route.clone() };
    let other =
        Ask { request: ask.request, route, params: ask.params.clone(), parents, own: Some(user.clone()) };
    note_update(world, &other, &user, body.clone());
    let shown = world.shown(&other, &user, &[crate::sim::form::Stage::Show], body)?;
    Ok(Response::json(200, shown))
}

/// Writes down the change of an instance by a call that is no form's.
fn note_update(world: &mut World, ask: &Ask, id: &str, body: Value) {
    let stage = crate::sim::form::Stage::Updated;
    let work = Work { id: id.to_owned(), body, old: Value::Null, stage, made: false, stays: false };
    crate::sim::log::note_verb(world, ask, &work, "update");
}

/// What an app that provisions accounts does with them; other apps refuse the question.
pub(super) fn features(world: &mut World, ask: &Ask) -> Result<Response, Refusal> {
    let body = &ask.request.body;
    if ask.request.method == "PUT" && body.is_none() {
        return Err(Refusal::new(400, "E0000003", "The request body was not well-formed."));
    }
    let (kind, parents) = (world.number("app_feature"), [own(ask)]);
    let rows: Vec<Value> = world.rows(kind, &parents, None).map(|(_, _, row)| row.into_owned()).collect();
    if rows.is_empty() {
        return Err(Refusal::invalid("feature", vec!["Provisioning is not supported.".into()]));
    }
    let Some(name) = ask.params.get("featureName").cloned() else {
        return Ok(Response::json(200, rows.into()));
    };
    let absent = || Refusal::absent(&name, "ApplicationFeature");
    let feature = world.get_mut(kind, &parents, &name).ok_or_else(absent)?;
    let changes = ask.request.method == "PUT";
    if let (true, Some(sent)) = (changes, body) {
        set(feature, "/capabilities", sent.clone());
    }
    let feature = feature.clone();
    if changes {
        let route = crate::sim::routes::Route { kind, ..ask.route.clone() };
        let (params, own) = (ask.params.clone(), Some(name.clone()));
        let other = Ask { request: ask.request, route, params, parents: parents.to_vec(), own };
        note_update(world, &other, &name, feature.clone());
    }
    Ok(Response::json(200, feature))
}

/// A list of apps can show the assignment of one user.
pub(super) fn expanded(_: &mut World, ask: &Ask, _: &mut Work) -> Result<(), Refusal> {
    match ask.request.asked("expand") {
        Some(text) if text.contains(',') || !text.starts_with("user/") => {
            Err(Refusal::invalid("RequestParams", vec!["Expand query is malformed.".into()]))
        }
        _ => Ok(()),
    }
}

/// A new assignment comes last.
pub(super) fn assignment_priority(world: &mut World, ask: &Ask, work: &mut Work) -> Result<(), Refusal> {
    if at(&work.body, "/priority").is_none() {
        let others =
            world.rows(ask.route.kind, &ask.parents, None).filter(|(_, id, _)| *id != work.id).count();
        let old = at(&work.old, "/priority").cloned();
        set(&mut work.body, "/priority", old.unwrap_or_else(|| others.into()));
    }
    Ok(())
}

const PROFILE: &[&str] = &[
    "login",
    "displayName",
    "nickName",
    "firstName",
    "middleName",
    "lastName",
    "email",
    "profileUrl",
    "timezone",
    "primaryPhone",
    "streetAddress",
    "city",
    "state",
    "zipCode",
    "countryCode",
];

/// What an identity provider maps to a user, by its type.
const MAPPED: [(&str, &[&str]); 2] =
    [("SAML2", &["firstName", "lastName", "email", "mobilePhone", "login"]), ("", PROFILE)];

/// A new identity provider brings a mapping to each user type.
pub(super) fn idp_born(world: &mut World, _: &Ask, work: &mut Work) -> Result<(), Refusal> {
    let kind = text(&work.body, "/type").to_owned();
    let name = match kind.as_str() {
        "SAML2" => "saml_idp".to_owned(),
        "OIDC" => "oidc_idp".to_owned(),
        other => other.to_lowercase(),
    };
    let org = world.org.url.clone();
    let end = |id: &str, name: &str, kind: &str, itself: String, schema: String| {
        let links =
            object([("self", link(format!("{org}{itself}"))), ("schema", link(format!("{org}{schema}")))]);
        object([("id", id.into()), ("name", name.into()), ("type", kind.into()), ("_links", links)])
    };
    let types = world.number("user_type");
    let types: Vec<(String, String)> = world
        .rows(types, &[], None)
        .map(|(_, id, body)| (id.to_owned(), text(&body, "/name").to_owned()))
        .collect();
    let fields =
        MAPPED.iter().find(|(of, _)| *of == kind).or(MAPPED.last()).map_or(&[][..], |(_, fields)| fields);
    for (id, type_name) in types {
        let app = &work.id;
        let source = end(
            app,
            &name,
            "appuser",
            format!("/api/v1/apps/{app}"),
            format!("/api/v1/meta/schemas/apps/{app}/default"),
        );
        let schema = id.replacen("oty", "osc", 1);
        let target = end(
            &id,
            &type_name,
            "user",
            format!("/api/v1/meta/types/user/{id}"),
            format!("/api/v1/meta/schemas/user/{schema}"),
        );
        let expression = |field: &&'static str| {
            let from = if *field == "login" { "userName" } else { field };
            let rule =
                object([("expression", format!("source.{from}").into()), ("pushStatus", "DONT_PUSH".into())]);
            (*field, rule)
        };
        let properties: Object = fields.iter().map(expression).collect();
        let mapping = world.fresh("prm");
        let body = object([
            ("id", mapping.as_str().into()),
            ("source", source),
            ("target", target),
            ("properties", properties.into()),
        ]);
        world.put(world.number("profile_mapping"), &[], &mapping, body);
    }
    Ok(())
}

/// The document that a service provider reads.
pub(super) fn saml_metadata(world: &mut World, ask: &Ask) -> Result<Response, Refusal> {
    let body = world.copy(ask.route.kind, &[], &own(ask)).unwrap_or_default();
    let kid = text(&body, "/credentials/signing/kid");
    let xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><md:EntityDescriptor entityID=\"{}/{}\" \
         xmlns:md=\"urn:oasis:names:tc:SAML:2.0:metadata\"><!-- {kid} --></md:EntityDescriptor>",
        world.org.url,
        own(ask)
    );
    Ok(Response { status: 200, headers: Vec::new(), body: Body::Text("application/xml", xml) })
}

#[cfg(test)]
mod tests {
    use super::secret_hash;

    #[test]
    fn a_secret_is_known_by_the_hash_that_the_document_shows() {
        assert_eq!(secret_hash("DRUFXGF9XbLnS9k-Sla3x3POBiIxDreBCdZuFs5B"), "FpCwXwSjTRQNtEI11I00-g");
    }
}
