//! What the reading account sees and what it is refused; and which secrets a reader gets.

use reqwest::Method;
use serde_json::json;

use crate::accounts::{collector, restorer};
use crate::dump::Dump;
use crate::seed::{CANARY, Seed, Shown};
use crate::server::{on_server, text};

/// One seed for all of it: the account, the refusals, the secrets.
#[test]
fn the_collector_reads_all_but_two_kinds_and_sees_live_secrets() {
    on_server(async |server| {
        let seed = Seed::plant(server, "rights").await;
        let (id, secret) = collector(&seed.realm).await;
        let reader = seed.realm.as_client(&id, &secret);

        let whole = Dump::read(&seed.realm).await;
        let (seen, refused) = Dump::read_allowed(&reader).await;
        let acme = seed.id("organization:acme");
        let invitations = format!("/organizations/{acme}/invitations?first=0&max=100000");
        assert_eq!(refused, [invitations.as_str(), "/workflows?first=0&max=1000"]);
        assert_eq!(
            whole.diff(&seen),
            ["- organization_invitation/acme/new%40acme.test", "- workflow/Leavers"]
        );

        let backend = seed.id("client:backend");
        let settings = format!("/clients/{backend}/authz/resource-server/settings");
        assert_eq!(reader.status(&settings).await, 403);
        assert_eq!(seed.realm.status(&settings).await, 200);
        for (method, path) in [
            (Method::POST, "/partial-export".to_owned()),
            (Method::PUT, String::new()),
            (Method::POST, "/users".to_owned()),
            (Method::DELETE, format!("/users/{}", seed.id("user:bob"))),
            (Method::DELETE, "/admin-events".to_owned()),
        ] {
            let answer = reader.call(method.clone(), &path, Some(&json!({}))).await;
            assert_eq!(answer.status, 403, "{method} {path}: {answer:?}");
        }

        // A key provider's own private key is masked, which is not the same as left out.
        let own = seen.get("component/KeyProvider/-/seeded-own").unwrap();
        assert_eq!(own["config"]["privateKey"], json!(["**********"]));

        let text = serde_json::to_string(seen.objects()).unwrap();
        for secret in &seed.secrets {
            let found = text.contains(&secret.value);
            assert_eq!(found, secret.shown == Shown::Clear, "{}: {:?}", secret.place, secret.shown);
            if !secret.value.starts_with(CANARY) {
                assert!(secret.value.len() > 100, "{}: only long keys go without the word", secret.place);
            }
        }
    });
}

/// The writing account can read what the reading one cannot, and write.
#[test]
fn the_restorer_reads_and_writes_everything() {
    on_server(async |server| {
        let realm = server.realm("restorer").await;
        let (id, secret) = restorer(&realm).await;
        let writer = realm.as_client(&id, &secret);
        assert_eq!(writer.status("/workflows").await, 200);
        writer.put("", &json!({"displayName": "changed"})).await;
        assert_eq!(text(&realm.get("").await, "displayName"), "changed");
        assert_eq!(Dump::read(&realm).await.diff(&Dump::read(&writer).await), Vec::<String>::new());
    });
}
