//! `tenant add`, `list`, `test`, `remove`: whose history is kept, and what the credential can do.

use std::collections::BTreeMap;
use std::path::Path;

use crate::base::coverage::State;
use crate::catalog::{self, Provider, RestoreClass};
use crate::cli::args::{Global, TenantCommand};
use crate::cli::config::{Config, ConfigError, TenantConfig, is_name, locate};
use crate::cli::open::{Purpose, connect};
use crate::cli::output::{lasting, plain, table};
use crate::cli::{Exit, Failure, reference};
use crate::collect::probe::{Cost, Probe, Probed, probe};
use crate::json::{Object, Value};

/// Runs one of the commands.
///
/// # Errors
/// What is asked for contradicts the configuration, or the tenant does not answer.
pub async fn run(global: &Global, command: TenantCommand) -> Result<Exit, Failure> {
    match command {
        TenantCommand::Add { name, provider, url, settings } => {
            add(global, &name, &provider, &url, &settings)
        }
        TenantCommand::List => list(global),
        TenantCommand::Test { name } => test(global, &name).await,
        TenantCommand::Remove { name } => remove(global, &name),
    }
}

fn add(global: &Global, name: &str, provider: &str, url: &str, settings: &[String]) -> Result<Exit, Failure> {
    let config = Config::load(global.config.as_deref())?;
    if !is_name(name) {
        return Err(Failure::usage(format!(
            "`{}` is not a name: use letters, digits, `-`, `_` and `.`",
            plain(name)
        )));
    }
    if config.tenant(name).is_ok() {
        return Err(Failure::usage(format!("there is a tenant `{name}` already")));
    }
    let catalog = catalog::provider(provider)?;
    let block = block(name, provider, url, settings)?;
    let file = locate(global.config.as_deref());
    let before = if file.exists() { read(&file)? } else { String::new() };
    let gap = if before.is_empty() || before.ends_with("\n\n") { "" } else { "\n" };
    let after = format!("{before}{gap}{block}");
    // The whole file is read as it would be next time, before it is written.
    let parsed = Config::parse(&after, &file)?;
    parsed.tenant(name)?.provider_settings(catalog)?;
    write(&file, &after)?;
    global.output.line(format!("tenant `{name}` added to {}", file.display()));
    if let Some(caveat) = catalog.caveat() {
        global.output.warn(caveat);
    }
    global.output.note(format!("`lastgood tenant test {name}` says what the credential can do"));
    Ok(Exit::Done)
}

/// Fields of `auth` that are references.
const SECRETS: [&str; 4] = ["token", "password", "client_secret", "key"];

/// The `[[tenant]]` table, `auth.x=y` in a table of its own.
fn block(name: &str, provider: &str, url: &str, settings: &[String]) -> Result<String, Failure> {
    let mut plain_settings = Vec::new();
    let mut tables: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
    for setting in settings {
        let (key, value) = setting
            .split_once('=')
            .ok_or_else(|| Failure::usage(format!("`--set {}`: write KEY=VALUE", plain(setting))))?;
        match key.split_once('.') {
            Some((table @ ("auth" | "restore_auth"), field)) => {
                if SECRETS.contains(&field) && !reference::is_reference(value) {
                    return Err(Failure::usage(format!("`--set {key}`: {}", ConfigError::Literal))
                        .hint("a secret on a command line is seen by every user of the machine"));
                }
                tables.entry(table).or_default().push((field, value));
            }
            _ if is_name(key) => plain_settings.push((key, value)),
            _ => return Err(Failure::usage(format!("`--set {}`: no such setting", plain(key)))),
        }
    }
    let text = |value: &str| toml::Value::String(value.to_owned()).to_string();
    let mut out =
        format!("[[tenant]]\nname = {}\nprovider = {}\nurl = {}\n", text(name), text(provider), text(url));
    for (key, value) in plain_settings {
        out += &format!("{key} = {}\n", text(value));
    }
    for (table, fields) in tables {
        let fields: Vec<String> =
            fields.iter().map(|(field, value)| format!("{field} = {}", text(value))).collect();
        out += &format!("{table} = {{ {} }}\n", fields.join(", "));
    }
    Ok(out)
}

fn list(global: &Global) -> Result<Exit, Failure> {
    let config = Config::load(global.config.as_deref())?;
    if global.output.json {
        for tenant in &config.tenants {
            global.output.document(&Value::Object(Object::from_pairs([
                ("name", Value::from(tenant.name.as_str())),
                ("provider", Value::from(tenant.provider.as_str())),
                ("url", Value::from(tenant.url.as_str())),
                ("restore", Value::from(tenant.restore_auth.is_some())),
            ])));
        }
        return Ok(Exit::Done);
    }
    let row = |tenant: &TenantConfig| {
        let restore = if tenant.restore_auth.is_some() { "yes" } else { "no restore_auth" };
        vec![tenant.name.clone(), tenant.provider.clone(), plain(&tenant.url), restore.to_owned()]
    };
    let rows: Vec<Vec<String>> = config.tenants.iter().map(row).collect();
    global.output.line(table(&["tenant", "provider", "url", "can restore"], &rows));
    Ok(Exit::Done)
}

fn remove(global: &Global, name: &str) -> Result<Exit, Failure> {
    let config = Config::load(global.config.as_deref())?;
    config.tenant(name)?;
    let file = locate(global.config.as_deref());
    let after = without(&read(&file)?, name);
    let left: Option<Config> = toml::from_str(&after).ok();
    let as_meant =
        left.is_some_and(|left| left.tenant(name).is_err() && left.tenants.len() + 1 == config.tenants.len());
    if !as_meant {
        return Err(Failure::new(
            Exit::Error,
            format!("{}: the table of `{name}` was not found by its lines", file.display()),
        )
        .hint("remove its `[[tenant]]` table with an editor"));
    }
    write(&file, &after)?;
    global.output.line(format!("tenant `{name}` removed from {}; its history is kept", file.display()));
    Ok(Exit::Done)
}

/// The file without the tenant's table: from its `[[tenant]]` line to the next table that is not
/// one of its own.
fn without(text: &str, name: &str) -> String {
    let mut blocks: Vec<String> = vec![String::new()];
    for line in text.lines() {
        let head = line.trim_start();
        if head.starts_with('[') && !head.starts_with("[tenant.") {
            blocks.push(String::new());
        }
        if let Some(block) = blocks.last_mut() {
            block.push_str(line);
            block.push('\n');
        }
    }
    let is_it = |block: &String| {
        let parsed: Result<Config, _> = toml::from_str(block);
        parsed.is_ok_and(|config| config.tenants.iter().any(|tenant| tenant.name == name))
    };
    blocks.into_iter().filter(|block| !is_it(block)).collect()
}

fn read(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file)
        .map_err(|error| Failure::new(Exit::Error, format!("{}: {error}", file.display())))
}

/// Writes beside and renames, so that a cut leaves the old file whole.
fn write(file: &Path, text: &str) -> Result<(), Failure> {
    let beside = file.with_extension("toml.new");
    std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, file)).map_err(|error| {
        let _ = std::fs::remove_file(&beside);
        Failure::new(Exit::Error, format!("{}: {error}; it is as it was", file.display()))
    })
}

async fn test(global: &Global, name: &str) -> Result<Exit, Failure> {
    let config = Config::load(global.config.as_deref())?;
    let tenant = config.tenant(name)?;
    let live = connect(&config, tenant, Purpose::Read)?;
    let identity = live.identity().await?;
    let rights = live.rights().await?;
    let probed = probe(live.catalog(), &live).await;
    if global.output.json {
        global.output.document(&document(name, &identity, &rights.writing, &probed));
    } else {
        text(global, tenant, live.catalog(), &identity, &probed);
    }
    if let Some(caveat) = live.catalog().caveat() {
        global.output.warn(caveat);
    }
    if !rights.known {
        global
            .output
            .warn("the credential's token does not say what it may do: whether it can write is not known");
    }
    if !rights.writing.is_empty() {
        global.output.warn(format!(
            "the credential for reading can write: it holds {}; give it less, and keep writing to `restore_auth`",
            rights.writing.join(", ")
        ));
    }
    let gap = |probe: &Probe| {
        matches!(probe.state, State::NotPermitted | State::Failed)
            && !tenant.accept.iter().any(|accepted| accepted == probe.kind.as_str())
    };
    Ok(if probed.kinds.iter().any(gap) { Exit::Incomplete } else { Exit::Done })
}

fn text(global: &Global, tenant: &TenantConfig, catalog: &Provider, identity: &str, probed: &Probed) {
    let probes = &probed.kinds;
    global.output.line(format!(
        "{}: {} at {}, identity {}",
        tenant.name,
        tenant.provider,
        plain(&tenant.url),
        plain(identity)
    ));
    let row = |probe: &Probe| {
        vec![
            probe.kind.to_string(),
            probe.state.as_str().to_owned(),
            probe.restorable.as_str().to_owned(),
            probe.calls().to_string(),
            plain(&probe.missing),
        ]
    };
    let rows: Vec<Vec<String>> = probes.iter().map(row).collect();
    global.output.line(table(&["kind", "readable", "restorable", "calls", "missing or why not"], &rows));
    let about = |cost: Cost| format!("about {} calls, about {}", cost.calls, lasting(cost.time));
    global.output.line(format!("a full sweep needs {}", about(probed.full)));
    match probed.hour {
        Some(cost) => global.output.line(format!(
            "an hour in which nothing changes needs {}, and each change a few calls more",
            about(cost)
        )),
        None => {
            global.output.line("every snapshot is a full sweep: the provider has no log that can be followed")
        }
    }
    if tenant.restore_auth.is_none() {
        let proven = |kind| catalog.kind(kind).is_some_and(|spec| catalog.unproven(spec).is_none());
        let reached = probes.iter().filter(|probe| probe.state != State::NoApi && proven(&probe.kind));
        let kinds = reached.filter(|probe| probe.restorable != RestoreClass::Never).count();
        global.output.note(format!("{kinds} kinds can be restored once `restore_auth` is given"));
    }
}

fn document(name: &str, identity: &str, writing: &[String], probed: &Probed) -> Value {
    let kinds = probed.kinds.iter().map(|probe| {
        Value::Object(Object::from_pairs([
            ("kind", Value::from(probe.kind.as_str())),
            ("state", Value::from(probe.state.as_str())),
            ("restorable", Value::from(probe.restorable.as_str())),
            ("calls", Value::from(probe.calls())),
            ("missing", Value::from(probe.missing.as_str())),
        ]))
    });
    Value::Object(Object::from_pairs([
        ("format", Value::from("lastgood.tenant-test/1")),
        ("tenant", Value::from(name)),
        ("identity", Value::from(identity)),
        ("can_write", writing.iter().map(String::as_str).collect::<Value>()),
        ("kinds", Value::Array(kinds.collect())),
        (
            "forecast",
            Value::Object(Object::from_pairs([
                ("full", forecast(Some(probed.full))),
                ("hour", forecast(probed.hour)),
            ])),
        ),
    ]))
}

/// What a run costs; `null` where there is no such run.
fn forecast(cost: Option<Cost>) -> Value {
    let Some(cost) = cost else { return Value::Null };
    Value::Object(Object::from_pairs([
        ("calls", Value::from(cost.calls)),
        ("seconds", Value::from(cost.time.as_secs_f64().ceil() as u64)),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_is_added_and_removed_by_its_lines() {
        let settings = ["realm=demo", "auth.kind=password", "auth.username=a\"b", "auth.password=env:P"]
            .map(String::from);
        let one = block("one", "keycloak", "http://127.0.0.1:1", &settings).unwrap();
        insta::assert_snapshot!(one, @r#"
        [[tenant]]
        name = "one"
        provider = "keycloak"
        url = "http://127.0.0.1:1"
        realm = "demo"
        auth = { kind = "password", username = 'a"b', password = "env:P" }
        "#);
        let two = block("two", "keycloak", "http://127.0.0.1:2", &[]).unwrap();
        let whole = format!(
            "[repository]\nurl = \"r\"\n\n{one}\n{two}\n[tenant.auth]\nkind = \"token\"\ntoken = \"env:T\"\n"
        );
        assert_eq!(without(&whole, "two"), format!("[repository]\nurl = \"r\"\n\n{one}\n"));
        assert!(!without(&whole, "one").contains("realm"));
        assert!(block("x", "keycloak", "u", &["nonsense".into()]).is_err());
    }
}
