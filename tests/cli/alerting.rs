//! Alerts that are configured wrongly: `config check` and `serve` say the same of them, before anybody is to be told.

use insta::assert_snapshot as shows;

use crate::configuration::TENANT;
use crate::postbox::{Guarded, PASSWORD, Postbox};
use crate::world::World;

const RULE: &str = r#"provider = "keycloak"

[[rule]]
name = "shop-opened"
kind = ["client"]
op = ["change"]
when = '.before.clientId == "shop" and .after.publicClient'
class = ["policy_weakened"]
severity = "high"
says = "the shop asks for no secret any more"
[[rule.strikes]]
before = '{"clientId": "shop", "publicClient": false}'
after = '{"clientId": "shop", "publicClient": true}'
[[rule.passes]]
before = '{"clientId": "wiki", "publicClient": false}'
after = '{"clientId": "wiki", "publicClient": true}'
"#;

/// What `config check` says of rules and of what stands under `[alerts]`; `serve` says it too.
#[track_caller]
fn told(rules: &str, alerts: &str) -> String {
    let world = World::bare();
    std::fs::create_dir(world.path("rules")).unwrap();
    world.write("rules/mine.toml", rules);
    world.configure(&format!(
        "{TENANT}[alerts]\nrules = \"rules\"\n{alerts}\n[[alert]]\nurl = \"append:told\"\n"
    ));
    let checked = world.run(&["config", "check"]);
    if checked.code != 0 {
        let served = world.run(&["serve", "--listen", "127.0.0.1:0"]);
        assert_eq!(served.story(), checked.story(), "`serve` refuses to start with it");
    }
    checked.story()
}

#[test]
fn rules_of_ones_own_are_tried_on_their_histories() {
    shows!(told(RULE, ""), @"
    exit 0
    --- stdout
    lastgood.toml: 1 tenants, all references lead somewhere
    alerts: 1 receivers, 40 rules, 1 of them your own, tried on 2 histories
    ");
    shows!(told(&RULE.replace("and .after.publicClient'", "and .after.public'"), ""), @"
    exit 2
    --- stderr
    error: ./rules/mine.toml, line 11: rule `shop-opened`: it should strike on this history and does not
    ");
    shows!(told(&RULE.replace(".before.clientId == \"shop\" and ", ""), ""), @"
    exit 2
    --- stderr
    error: ./rules/mine.toml, line 14: rule `shop-opened`: it should not strike on this history and does
    ");
    shows!(told(&RULE.replace(".after.publicClient'", ".after.publicClient.on'"), ""), @"
    exit 2
    --- stderr
    error: ./rules/mine.toml, line 11: rule `shop-opened`: its expression fails on this history: it meets a value of another type
    ");
    shows!(told(&RULE.replace(".after.publicClient'", ".after.publicClient('"), ""), @r#"
    exit 2
    --- stderr
    error: ./rules/mine.toml, line 7: rule `shop-opened`: `.before.clientId == "shop" and .after.publicClient(` does not parse
    "#);
    shows!(told(&RULE.replace("\"publicClient\": true}'\n[[rule.passes]]", "\"publicClient\": }'\n[[rule.passes]]"), ""), @"
    exit 2
    --- stderr
    error: ./rules/mine.toml, line 11: rule `shop-opened`: `after` of this history is no JSON: not JSON at byte 37: expected a value
    ");
    shows!(told(&RULE.replace("when = '.before", "when = 'def f: f; f, .before"), ""), @"
    exit 2
    --- stderr
    error: ./rules/mine.toml, line 11: rule `shop-opened`: its expression comes to no end on this history: it took more than 2 s of processor time
    ");
    shows!(told(&RULE.replace("when = '.before", "when = 'def f: 1 + f; f, .before"), ""), @"
    exit 2
    --- stderr
    error: ./rules/mine.toml, line 11: rule `shop-opened`: its expression comes to no end on this history: it took more than 256 MiB of memory, or nests too deep
    ");
    let (rule, _) = RULE.split_once("[[rule.passes]]").unwrap();
    shows!(told(rule, ""), @"
    exit 0
    --- stdout
    lastgood.toml: 1 tenants, all references lead somewhere
    alerts: 1 receivers, 40 rules, 1 of them your own, tried on 1 histories
    --- stderr
    warning: rule `shop-opened` has no history on which it passes
    ");
}

#[test]
fn kinds_are_those_of_the_catalogue() {
    shows!(told(&RULE.replace("[\"client\"]", "[\"clint\"]"), ""), @"
    exit 2
    --- stderr
    error: ./rules/mine.toml, line 5: rule `shop-opened`: `clint` is no kind of keycloak; near it: `client`
    ");
    shows!(told(&RULE.replace("[\"client\"]", "[\"quux\"]"), ""), @"
    exit 2
    --- stderr
    error: ./rules/mine.toml, line 5: rule `shop-opened`: `quux` is no kind of keycloak; `lastgood kinds keycloak` lists them
    ");
    shows!(told(RULE, "drift = [\"client\", \"realmrole\"]"), @"
    exit 2
    --- stderr
    error: [alerts] `drift`: `realmrole` is no kind of keycloak; near it: `realm_role`, `realm`
    ");
    shows!(told(RULE, "drift = [\"client\", \"realm_role\"]"), @"
    exit 0
    --- stdout
    lastgood.toml: 1 tenants, all references lead somewhere
    alerts: 1 receivers, 40 rules, 1 of them your own, tried on 2 histories
    ");
}

#[test]
fn receivers_are_checked_before_they_are_needed() {
    shows!(told(RULE, "[[alert]]\nurl = \"env:LASTGOOD_NOT_SET\""), @"
    exit 2
    --- stderr
    error: [[alert]] `env:LASTGOOD_NOT_SET`: `env:LASTGOOD_NOT_SET`: the variable is not set
    ");
    let hook = told(RULE, "[[alert]]\nurl = \"https://hooks.example/CANARY\"");
    assert!(!hook.contains("CANARY"), "a webhook's address is a secret: {hook}");
    shows!(hook, @"
    exit 2
    --- stderr
    error: [[alert]] `?`: a value stands where a reference belongs: write `env:NAME`, `file:PATH` or `exec:COMMAND`
    ");
    shows!(told(RULE, "[[alert]]\nurl = \"append:other\"\nwhen = [\"drft\"]"), @"
    exit 2
    --- stderr
    error: [[alert]] `append:other`: `drft` under `when` is no sort of alert
    ");
}

/// Whatever is logged, and whatever the server repeats: the password stands nowhere.
#[test]
fn a_password_for_mail_stands_in_no_output() {
    let world = World::bare();
    let server = Postbox::open(Guarded::OnceAsked, "127.0.0.1");
    world.write("ca.pem", &server.authority);
    let tried = |password: &str| {
        world.write("password", password);
        world.configure(&format!(
            "{TENANT}[[alert]]\nname = \"mail\"\nurl = \"smtp+starttls://{}\"\nca_file = \"ca.pem\"\nusername = \"lastgood\"\n\
             secret = \"file:password\"\nfrom = \"lastgood@example.com\"\nto = [\"ops@example.com\"]\n",
            server.place
        ));
        world.run(&["config", "check"]).ok();
        let mut command = world.command(&["serve", "--test-alerts"]);
        let output = command.env("LASTGOOD_LOG", "trace").output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        for sent in [password, "AGxhc3Rnb29k", &data_encoding::BASE64.encode(password.as_bytes())] {
            assert!(!out.contains(sent) && !err.contains(sent), "{out}{err}");
        }
        out
    };
    let words = "the server refuses the sign-in (535); look at `username` and `secret`";
    assert_eq!(tried("canary-but-wrong"), format!("mail  did not: 127.0.0.1: {words}\n"));
    assert_eq!(server.messages(), 0);
    assert_eq!(tried(PASSWORD), "mail  took it\n");
    assert_eq!(server.messages(), 1);
}
