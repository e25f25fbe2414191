//! Restores on a real server: what is put back is what was there, under the same id, and a dry run
//! writes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use lastgood::base::key::{Kind, ResourceKey};
use lastgood::base::secret::Secret;
use lastgood::base::time::{Clock as _, SystemClock};
use lastgood::catalog;
use lastgood::provider::{Credential, Live, Target};
use lastgood::restore::{
    Allow, Apply, Inputs, LiveTenant, Mode, Own, Plan, Recorded, Scope, Seen, Start, Summary, plan, survey,
};
use serde_json::json;

use crate::accounts::restorer;
use crate::server::{Realm, on_server, text};
use crate::tried::{Notes, Recording, Values};

struct Tenant {
    live: Live,
    values: Arc<Values>,
}

impl Tenant {
    async fn of(realm: &Realm) -> Self {
        let (client_id, secret) = restorer(realm).await;
        let settings = [("realm", realm.name()), ("auth_realm", realm.name())];
        let target = Target {
            url: realm.base().to_owned(),
            ca_file: None,
            settings: settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            credential: Credential::ClientSecret { client_id, client_secret: Secret::new(secret) },
            budget_percent: 100,
            token_url: None,
            scopes: Vec::new(),
            costly: BTreeSet::new(),
        };
        let live = Live::connect(catalog::provider("keycloak").unwrap(), target).unwrap();
        Self { live, values: Arc::new(Values::default()) }
    }

    async fn record(&self) -> Recording {
        let kinds: BTreeSet<Kind> = self.live.catalog().kinds.iter().map(|spec| spec.kind.clone()).collect();
        let mark = |address: &str, place: &str, value: &[u8]| self.values.mark(address, place, value);
        let (bodies, ledger) = LiveTenant::new(&self.live, &mark).kinds(&kinds).await;
        Recording { bodies, ledger }
    }

    async fn plan(&self, goal: &Recording, scope: &Scope, mode: Mode) -> Plan {
        let mark = |address: &str, place: &str, value: &[u8]| self.values.mark(address, place, value);
        let tenant = LiveTenant::new(&self.live, &mark);
        let seen = Seen::new(SystemClock.now());
        let (own, outlook) = (Own::default(), self.live.outlook());
        let inputs = |live| Inputs {
            catalog: self.live.catalog(),
            settings: self.live.settings(),
            tenant: "kc",
            from: None,
            base: "base",
            goal,
            live,
            scope,
            mode,
            own: &own,
            outlook: &outlook,
            now: Timestamp::UNIX_EPOCH.checked_add(SignedDuration::from_hours(1)).unwrap(),
            valid_for: SignedDuration::from_hours(24 * 365 * 200),
        };
        let empty = Seen::new(seen.at);
        let seen = survey(&tenant, &inputs(&empty), seen).await.unwrap();
        let made = plan(&inputs(&seen)).unwrap();
        let text = made.to_json().to_canonical();
        assert_eq!(Plan::from_text(&text).unwrap(), made, "the plan file holds the plan");
        assert!(!String::from_utf8(text).unwrap().contains("lgcanary"), "no secret in a plan");
        made
    }

    async fn apply(&self, plan: &Plan) -> Summary {
        let mark = |address: &str, place: &str, value: &[u8]| self.values.mark(address, place, value);
        let tenant = LiveTenant::new(&self.live, &mark);
        let before = self.record().await;
        let run = Apply {
            catalog: self.live.catalog(),
            plan,
            tenant: &tenant,
            journal: &mut Notes::default(),
            vault: &*self.values,
            inputs: &BTreeMap::new(),
            allow: Allow {
                deletes: 100,
                privileged: true,
                lockout: false,
                without_secrets: false,
                rotate: false,
            },
            own: &Own::default(),
            clock: &SystemClock,
            start: Start::Begin { before: "before", state: &before },
            stopped: &|| false,
        };
        run.run(&mut |_| {}).await.unwrap()
    }

    /// Plans, applies, and holds that all went as planned and nothing is left to do.
    async fn restore(&self, goal: &Recording, keys: &[&str]) -> Plan {
        let scope = Scope::whole(keys.iter().map(|path| key(path)));
        let made = self.plan(goal, &scope, Mode::Merge).await;
        assert!(!made.steps.is_empty(), "there is something to do\n{}", made.to_json().to_pretty());
        let summary = self.apply(&made).await;
        assert!(summary.is_good(), "{:#?}\n{}", summary.lines, made.to_json().to_pretty());
        let again = self.plan(goal, &scope, Mode::Merge).await;
        assert!(again.steps.is_empty(), "{}", again.to_json().to_pretty());
        made
    }
}

fn key(path: &str) -> ResourceKey {
    ResourceKey::from_path(path).unwrap()
}

/// What differs between two states, as addresses.
fn differing(a: &Recording, b: &Recording) -> Vec<String> {
    let keys: BTreeSet<_> = a.bodies.keys().chain(b.bodies.keys()).collect();
    let differ = |key: &&&ResourceKey| a.bodies.get(**key) != b.bodies.get(**key);
    keys.iter().filter(differ).map(|key| key.to_path()).collect()
}

async fn admin_events(realm: &Realm) -> usize {
    realm.list("/admin-events?max=1000").await.len()
}

async fn shop(realm: &Realm) -> String {
    let client = json!({
        "clientId": "shop", "secret": "lgcanary-shop", "publicClient": false, "redirectUris": ["https://shop.test/a", "https://shop.test/b"],
        "attributes": {"pkce.code.challenge.method": "S256", "note": "x"}, "description": "the shop",
        "protocolMappers": [{"name": "dep", "protocol": "openid-connect", "protocolMapper": "oidc-usermodel-attribute-mapper",
            "config": {"user.attribute": "dep", "claim.name": "dep", "jsonType.label": "String", "id.token.claim": "true"}}],
    });
    realm.post("/clients", &client).await;
    realm.client("shop").await
}

#[test]
fn a_client_comes_back_with_its_id_and_secret() {
    on_server(async |server| {
        let realm = server.realm("restore-client").await;
        let id = shop(&realm).await;
        realm
            .post(&format!("/clients/{id}/roles"), &json!({"name": "buyer", "description": "may buy"}))
            .await;
        let tenant = Tenant::of(&realm).await;
        let before = tenant.record().await;
        let scope = format!("client/{id}");

        let mut changed = realm.get(&format!("/clients/{id}")).await;
        changed["redirectUris"] = json!(["https://evil.test/*", "https://shop.test/a"]);
        changed["attributes"]["later"] = json!("added");
        realm.put(&format!("/clients/{id}"), &changed).await;
        let events = admin_events(&realm).await;
        let dry = tenant.plan(&before, &Scope::whole([key(&scope)]), Mode::Merge).await;
        assert_eq!(admin_events(&realm).await, events, "a dry run writes nothing");
        assert_eq!(dry.steps.len(), 1);
        assert!(dry.steps[0].needs.contains(&"--allow-privileged".to_owned()), "{:?}", dry.steps[0].needs);
        tenant.restore(&before, &[&scope]).await;
        assert_eq!(differing(&before, &tenant.record().await), Vec::<String>::new());

        realm.delete(&format!("/clients/{id}")).await;
        let made = tenant.restore(&before, &[&scope]).await;
        let mut kinds: Vec<_> = made.steps.iter().map(|step| step.key.kind.as_str()).collect();
        kinds.dedup();
        let wanted = [
            "client",
            "client_protocol_mapper",
            "client_default_scope",
            "client_optional_scope",
            "client_role",
        ];
        assert_eq!(kinds, wanted);
        let back = realm.get(&format!("/clients/{id}")).await;
        assert_eq!(text(&back, "secret"), "lgcanary-shop");
        let left = differing(&before, &tenant.record().await);
        assert!(
            left.iter().all(|path| path.starts_with("client_role/")),
            "a role has a new id, all else is as it was: {left:?}"
        );
    });
}

#[test]
fn a_group_comes_back_with_its_id_tree_and_members() {
    on_server(async |server| {
        let realm = server.realm("restore-group").await;
        let user = realm.post("/users", &json!({"username": "alice", "enabled": true})).await;
        let id = realm.post("/groups", &json!({"name": "eng", "attributes": {"cost": ["1", "2"]}})).await;
        let inner = realm.post(&format!("/groups/{id}/children"), &json!({"name": "backend"})).await;
        realm.put(&format!("/users/{user}/groups/{id}"), &json!({})).await;
        realm.put(&format!("/users/{user}/groups/{inner}"), &json!({})).await;
        let tenant = Tenant::of(&realm).await;
        let before = tenant.record().await;

        realm
            .put(&format!("/groups/{id}"), &json!({"name": "engineering", "attributes": {"cost": ["9"]}}))
            .await;
        tenant.restore(&before, &[&format!("group/{id}")]).await;
        assert_eq!(differing(&before, &tenant.record().await), Vec::<String>::new());

        realm.delete(&format!("/groups/{id}")).await;
        tenant.restore(&before, &[&format!("group/{id}")]).await;
        assert_eq!(differing(&before, &tenant.record().await), Vec::<String>::new());
    });
}

#[test]
fn a_role_comes_back_with_its_holders_under_a_new_id() {
    on_server(async |server| {
        let realm = server.realm("restore-role").await;
        let user = realm.post("/users", &json!({"username": "alice", "enabled": true})).await;
        realm.post("/roles", &json!({"name": "op er/ator", "attributes": {"a": ["b"]}})).await;
        let role = realm.find("/roles?briefRepresentation=false", "name", "op er/ator").await;
        let id = text(&role, "id");
        realm.post(&format!("/users/{user}/role-mappings/realm"), &json!([role])).await;
        let tenant = Tenant::of(&realm).await;
        let before = tenant.record().await;

        realm.delete(&format!("/roles-by-id/{id}")).await;
        let made = tenant.restore(&before, &[&format!("realm_role/{id}")]).await;
        assert_eq!(made.id_changes.len(), 1, "{}", made.to_json().to_pretty());
        let held = realm.list(&format!("/users/{user}/role-mappings/realm")).await;
        assert!(held.iter().any(|role| role["name"] == "op er/ator"), "{held:?}");
        let back = realm.find("/roles?briefRepresentation=false", "name", "op er/ator").await;
        assert_eq!(back["attributes"], role["attributes"]);
        assert_ne!(text(&back, "id"), id);
    });
}

#[test]
fn a_masked_secret_is_kept_by_an_update_and_asked_for_by_a_create() {
    on_server(async |server| {
        let realm = server.realm("restore-idp").await;
        let provider = json!({
            "alias": "corp", "providerId": "oidc", "enabled": true,
            "config": {"clientId": "c", "clientSecret": "lgcanary-corp", "tokenUrl": "https://idp.test/token", "authorizationUrl": "https://idp.test/auth"},
        });
        realm.post("/identity-provider/instances", &provider).await;
        let tenant = Tenant::of(&realm).await;
        let before = tenant.record().await;
        let corp = before.keys(&Kind::new("identity_provider")).remove(0).to_path();

        let mut changed = realm.get("/identity-provider/instances/corp").await;
        changed["config"]["tokenUrl"] = json!("https://evil.test/token");
        realm.put("/identity-provider/instances/corp", &changed).await;
        tenant.restore(&before, &[&corp]).await;
        assert_eq!(differing(&before, &tenant.record().await), Vec::<String>::new());

        realm.delete("/identity-provider/instances/corp").await;
        let plan = tenant.plan(&before, &Scope::whole([key(&corp)]), Mode::Merge).await;
        assert_eq!(plan.secrets.len(), 1, "{}", plan.to_json().to_pretty());
        let summary = tenant.apply(&plan).await;
        assert!(!summary.is_good(), "without the secret nothing is made");
        assert_eq!(realm.status("/identity-provider/instances/corp").await, 404);
    });
}
