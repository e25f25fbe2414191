//! A configuration that is wrong: what `config check` says of it, and what it must not repeat.

use insta::assert_snapshot as shows;

use crate::world::World;

/// A configuration that is right, as far as it goes.
pub(crate) const TENANT: &str = "[repository]\nurl = \"repo\"\n\n[[tenant]]\nname = \"kc\"\nprovider = \"keycloak\"\nurl = \"http://127.0.0.1:1\"\nrealm = \"demo\"\n";

/// What `config check` says of this text.
fn checked(world: &World, text: &str) -> String {
    world.configure(text);
    world.run(&["config", "check"]).story()
}

#[test]
fn the_configuration() {
    let world = World::bare();
    let told = |text: &str| checked(&world, text);
    shows!(told("repository = \n"), @"
    exit 2
    --- stderr
    error: lastgood.toml: line 1, column 14: string values must be quoted, expected literal string
    ");
    shows!(told("[repo]\nurl = \"x\"\n"), @"
    exit 2
    --- stderr
    error: lastgood.toml: line 1, column 2: unknown field `repo`, expected one of `repository`, `check`, `compact`, `serve`, `tenant`, `retention`, `alerts`, `alert`
    ");
    shows!(told(&format!("{TENANT}relm = \"demo\"\n")), @"
    exit 2
    --- stderr
    error: tenant `kc`: `relm` is not a setting of keycloak
    ");
    shows!(told(&TENANT.replace("realm = \"demo\"\n", "")), @"
    exit 2
    --- stderr
    error: tenant `kc`: needs `realm`
    ");
    shows!(told(&TENANT.replace("keycloak", "keyclock")), @"
    exit 2
    --- stderr
    error: no provider is called `keyclock`; `lastgood kinds` lists them
    ");
    shows!(told(&TENANT.replace("\"kc\"", "\"a/b\"")), @"
    exit 2
    --- stderr
    error: tenant `a/b`: a name holds letters, digits, `-`, `_` and `.` only
    ");
    shows!(told(&format!("{TENANT}budget = \"200%\"\n")), @r#"
    exit 2
    --- stderr
    error: tenant `kc`: `budget = "200%"`: write a share from `1%` to `100%`
    "#);
    shows!(told(&format!("{TENANT}accept = [\"usr\"]\n")), @"
    exit 2
    --- stderr
    error: tenant `kc`: `accept`: `usr` is no kind of keycloak; near it: `user`
    ");
}

#[test]
fn references() {
    let world = World::bare();
    let told = |text: &str| checked(&world, text);
    shows!(told(&format!("{TENANT}auth = {{ kind = \"magic\" }}\n")), @r#"
    exit 2
    --- stderr
    error: tenant `kc`: `auth.kind = "magic"` is not built yet
    "#);
    shows!(told(&format!("{TENANT}auth = {{ kind = \"token\", token = \"env:LASTGOOD_NOT_SET\" }}\n")), @"
    exit 2
    --- stderr
    error: tenant `kc`: `auth.token`: `env:LASTGOOD_NOT_SET`: the variable is not set
    ");
    shows!(told(&format!("{TENANT}auth = {{ kind = \"token\", token = \"file:none\", client_id = \"x\" }}\n")), @"
    exit 2
    --- stderr
    error: tenant `kc`: `auth.client_id` does not belong to `token`
    ");
    shows!(told("[repository]\nurl = \"repo\"\npassphrase = \"file:none\"\n"), @"
    exit 2
    --- stderr
    error: `file:none`: ./none: No such file or directory (os error 2)
    ");
    shows!(told(TENANT), @"
    exit 0
    --- stdout
    lastgood.toml: 1 tenants, all references lead somewhere
    ");
    shows!(world.run(&["--config", "none.toml", "config", "check"]).story(), @"
    exit 2
    --- stderr
    error: none.toml: No such file or directory (os error 2)
    ");
}

/// A secret may stand where none should, in every way that people get it wrong: it is not repeated.
#[test]
fn a_secret_in_the_configuration_is_not_repeated() {
    let world = World::bare();
    let wrong = [
        "[repository]\npassphrase = \"CANARY\"\n".to_owned(),
        "[repository]\npasphrase = \"CANARY\"\n".to_owned(),
        "[repository]\npassphrase = \"CANARY\n".to_owned(),
        "[repository]\nurl = \"repo\" passphrase = \"CANARY\"\n".to_owned(),
        "[repository]\npassphrase = [\"CANARY\"]\n".to_owned(),
        "repository = \"CANARY\"\n".to_owned(),
        "passphrase = \"CANARY\"\n".to_owned(),
        format!("{TENANT}auth = {{ kind = \"token\", token = \"CANARY\" }}\n"),
        format!("{TENANT}auth = \"CANARY\"\n"),
        format!("{TENANT}token = \"CANARY\"\n"),
        format!("{TENANT}auth = {{ kind = \"password\", username = \"u\", password = 7700770077 }}\n"),
        format!(
            "{TENANT}auth = {{ kind = \"password\", username = \"u\", password = {{ x = \"CANARY\" }} }}\n"
        ),
        format!("{TENANT}auth = {{ kind = \"CANARY\", token = \"env:X\" }}\n")
            .replace("\"CANARY\"", "7700770077"),
    ];
    for text in wrong {
        world.configure(&text);
        for args in [&["config", "check"][..], &["config", "check", "--json"]] {
            let ran = world.run(args).code(2);
            let told = ran.story();
            assert!(!told.contains("CANARY") && !told.contains("77007700"), "{text}\n{told}");
        }
    }
    world.configure("[repository]\npasphrase = \"CANARY\"\n");
    shows!(world.run(&["config", "check"]).story(), @"
    exit 2
    --- stderr
    error: lastgood.toml: line 2, column 1: unknown field `pasphrase`, expected one of `url`, `passphrase`, `key_file`, `index`
    ");
    world.configure(&format!("{TENANT}auth = {{ kind = \"token\", token = \"CANARY\" }}\n"));
    shows!(world.run(&["config", "check"]).story(), @"
    exit 2
    --- stderr
    error: tenant `kc`: `auth.token`: a value stands where a reference belongs: write `env:NAME`, `file:PATH` or `exec:COMMAND`
    ");
    world.configure("");
    let add = "lastgood tenant add x --provider keycloak --url http://127.0.0.1:1 --set realm=demo";
    let auth = "--set auth.kind=password --set auth.username=u --set auth.password=CANARY";
    shows!(world.shell(&format!("{add} {auth}")).story(), @"
    exit 2
    --- stderr
    error: `--set auth.password`: a value stands where a reference belongs: write `env:NAME`, `file:PATH` or `exec:COMMAND`
    hint: a secret on a command line is seen by every user of the machine
    ");
    assert_eq!(std::fs::read_to_string(world.path("lastgood.toml")).unwrap(), "");
}
