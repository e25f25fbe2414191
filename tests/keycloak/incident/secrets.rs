//! Secrets of a restore: who may write, what a person must give, and that none is ever shown.

use std::path::Path;

use serde_json::{Value, json};

use super::REFUSED;
use crate::lastgood::Home;
use crate::seed::CANARY;
use crate::server::{Realm, Server, on_server};

const IDP_INPUT: &str = "IDENTITY_PROVIDER_CORP_CONFIG_CLIENTSECRET";

/// A realm with a client and an identity provider, recorded and then deleted.
async fn lost(server: &Server, name: &str) -> (Realm, Home, String) {
    let realm = server.realm(name).await;
    let client = json!({"clientId": "shop", "secret": "lgcanary-shop", "publicClient": false});
    realm.post("/clients", &client).await;
    let corp = json!({"alias": "corp", "providerId": "oidc", "enabled": true, "config": {
        "clientId": "c", "clientSecret": "lgcanary-corp", "tokenUrl": "https://idp.test/t", "authorizationUrl": "https://idp.test/a",
    }});
    realm.post("/identity-provider/instances", &corp).await;
    let mapper = json!({"name": "dep", "identityProviderAlias": "corp", "identityProviderMapper": "oidc-user-attribute-idp-mapper",
        "config": {"claim": "dep", "user.attribute": "dep", "syncMode": "FORCE"}});
    realm.post("/identity-provider/instances/corp/mappers", &mapper).await;
    let home = Home::new(&realm).await;
    home.configure("[[tenant]]\n", &format!("[[tenant]]\n{REFUSED}"));
    let at = home.snapshot()["snapshot"].as_str().unwrap().to_owned();
    realm.delete(&format!("/clients/{}", realm.client("shop").await)).await;
    realm.delete("/identity-provider/instances/corp").await;
    (realm, home, at)
}

async fn provider(realm: &Realm) -> Value {
    realm.get("/identity-provider/instances/corp").await
}

#[test]
fn a_secret_that_nobody_has_is_asked_for() {
    on_server(async |server| {
        let (realm, home, at) = lost(server, "secret-asked").await;
        let idp = ["restore", "kc/identity_provider/corp", "--at", &at, "--yes", "--allow-privileged"];
        let ran = home.run(&idp).code(3);
        assert!(ran.out.contains(IDP_INPUT), "{}", ran.out);
        assert_eq!(
            ran.out.matches(". refused  create").count(),
            2,
            "the mapper needs its provider: {}",
            ran.out
        );
        assert_eq!(realm.status("/identity-provider/instances/corp").await, 404);

        home.run(&[&idp[..], &["--without-secrets"]].concat()).ok();
        let made = provider(&realm).await;
        assert_eq!((&made["enabled"], made["config"].get("clientSecret")), (&json!(false), None), "{made}");
        let mappers = realm.list("/identity-provider/instances/corp/mappers").await;
        assert_eq!(mappers.len(), 1, "what hangs on it is there: {mappers:?}");

        realm.delete("/identity-provider/instances/corp").await;
        home.write("secrets.toml", &format!("{IDP_INPUT} = \"file:given\"\n"));
        home.write("given", "lgcanary-given");
        home.run(&[&idp[..], &["--secrets", "secrets.toml"]].concat()).ok();
        let made = provider(&realm).await;
        assert_eq!(
            (&made["enabled"], &made["config"]["clientSecret"]),
            (&json!(true), &json!("**********")),
            "{made}"
        );
    });
}

#[test]
fn a_new_value_can_take_the_place_of_a_stored_one() {
    on_server(async |server| {
        let (realm, home, at) = lost(server, "secret-rotated").await;
        let client = ["restore", "kc/client/shop", "--at", &at, "--yes", "--allow-privileged", "--rotate"];
        let ran = home.run(&client).code(3);
        assert!(ran.out.contains("`CLIENT_SHOP_SECRET` was not given"), "{}", ran.out);
        home.write("secrets.toml", "CLIENT_SHOP_SECRET = \"file:given\"\n");
        home.write("given", "lgcanary-fresh");
        home.run(&[&client[..], &["--secrets", "secrets.toml"]].concat()).ok();
        let made = realm.get(&format!("/clients/{}", realm.client("shop").await)).await;
        assert_eq!(made["secret"], "lgcanary-fresh");
    });
}

#[test]
fn only_the_credential_for_restoring_writes() {
    on_server(async |server| {
        let (realm, home, at) = lost(server, "secret-auth").await;
        let text = home.read("lastgood.toml");
        let without: Vec<&str> = text.lines().filter(|line| !line.contains("restore_auth")).collect();
        let (from, _) = text.split_once("restore_auth").unwrap();
        let table = text.lines().find(|line| line.contains("restore_auth")).unwrap().to_owned();
        home.write("lastgood.toml", &without.join("\n"));
        assert!(from.contains("[[tenant]]") && table.contains("lastgood-restorer"), "{text}");
        let client = ["restore", "kc/client/shop", "--at", &at, "--yes", "--allow-privileged"];
        home.run(&client).code(2);
        assert_eq!(realm.list("/clients?clientId=shop").await, Vec::<Value>::new());
        std::fs::create_dir(home.path().join("keys")).unwrap();
        home.write("keys/secret", &home.read("restorer"));
        let auth =
            "kind = \"client_secret\"\nclient_id = \"lastgood-restorer\"\nclient_secret = \"file:secret\"\n";
        home.write("keys/auth.toml", auth);
        home.run(&[&client[..], &["--restore-auth", "keys/auth.toml"]].concat()).ok();
        assert_eq!(realm.list("/clients?clientId=shop").await.len(), 1);
    });
}

#[test]
fn no_secret_is_shown_or_left_anywhere() {
    on_server(async |server| {
        let (realm, home, at) = lost(server, "secret-canary").await;
        home.write(
            "secrets.toml",
            &format!("{IDP_INPUT} = \"file:given\"\nCLIENT_SHOP_SECRET = \"file:given\"\n"),
        );
        home.write("given", "lgcanary-given");
        let plan = ["plan", "kc/client/shop", "kc/identity_provider/corp", "--at", &at, "--out", "plan.json"];
        let apply = ["apply", "plan.json", "--allow-privileged", "--secrets", "secrets.toml"];
        let mut shown = String::new();
        for args in [
            &plan[..],
            &[&plan[..], &["--json"]].concat(),
            &["apply", "plan.json"],
            &["apply", "plan.json", "--allow-privileged", "--json"],
            &[&apply[..], &["--resume"]].concat(),
            &["diff", &at, "live", "kc", "--json"],
            &["log", "kc", "-p", "--json"],
        ] {
            let ran = home.run(args);
            shown.push_str(&(ran.out + &ran.err));
        }
        assert_eq!(provider(&realm).await["enabled"], true, "{shown}");
        assert!(!shown.contains(CANARY), "{shown}");
        // Files that hold secrets because the person put them there.
        let own = ["given", "reader", "restorer"].map(|name| home.path().join(name));
        let mut files = 0;
        each_file(home.path(), &mut |file| {
            files += 1;
            let bytes = std::fs::read(file).unwrap();
            let holds = bytes.windows(CANARY.len()).any(|part| part == CANARY.as_bytes());
            assert!(!holds || own.iter().any(|own| own == file), "a secret lies in {}", file.display());
        });
        assert!(files > own.len() + 3, "plan, repository and index were looked at: {files}");
    });
}

fn each_file(folder: &Path, look: &mut dyn FnMut(&Path)) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { each_file(&path, look) } else { look(&path) }
    }
}
