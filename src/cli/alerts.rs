//! Receivers and rules of alerts, as the configuration has them.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use crate::base::key::Kind;
use crate::base::secret::Secret;
use crate::catalog;
use crate::cli::args::Global;
use crate::cli::config::{AlertConfig, Config, ConfigError};
use crate::cli::output::plain;
use crate::cli::{Exit, Failure, asking, reference};
use crate::daemon::alert::apart::Apart;
use crate::daemon::alert::example;
use crate::daemon::alert::file::Lines;
use crate::daemon::alert::form::Form;
use crate::daemon::alert::mail::{Letterbox, Mail, is_mail};
use crate::daemon::alert::syslog::Syslog;
use crate::daemon::alert::{Carrier, Class, Policy, Receiver, RuleError, Rules, Severity, Stale, Teller};
use crate::http::Hook;

/// What is worth telling, and to whom.
///
/// # Errors
/// A rule or a receiver is not of its form, a rule of the user's own does not do what the histories beside it say,
/// or a reference leads nowhere.
pub fn configured(config: &Config) -> Result<(Policy, Vec<Receiver>), Failure> {
    let folder = config.alerts.rules.as_ref().map(|folder| config.base().join(folder));
    let wrong = |error: RuleError| ConfigError::Alert(error.to_string());
    let rules = Rules::load(folder.as_deref()).map_err(wrong)?;
    let program = asking::program();
    let mut asked = Apart::new(program.clone());
    // Those that come with the product are tried by its tests.
    for rule in rules.users() {
        example::tried(rule, &mut asked).map_err(wrong)?;
    }
    drift(config)?;
    let policy = Policy { rules, stale: stale(config)?, drift: config.alerts.drift.clone(), program };
    let mut receivers: Vec<Receiver> = Vec::new();
    for table in &config.receivers {
        let receiver = receiver(config, table)?;
        if receivers.iter().any(|other| other.name == receiver.name) {
            return Err(fault(table, "is configured twice; give each a `name`").into());
        }
        receivers.push(receiver);
    }
    Ok((policy, receivers))
}

/// Sends a test to everybody.
///
/// # Errors
/// Nobody is configured.
pub async fn test(global: &Global, teller: &Teller) -> Result<Exit, Failure> {
    let answers = teller.test().await;
    if answers.is_empty() {
        return Err(Failure::usage("no receiver of alerts is configured").hint("add an [[alert]] table"));
    }
    let mut exit = Exit::Done;
    for (receiver, answer) in answers {
        match answer {
            Ok(()) => global.output.line(format!("{}  took it", plain(&receiver))),
            Err(why) => {
                exit = Exit::Error;
                global.output.line(format!("{}  did not: {}", plain(&receiver), plain(&why)));
            }
        }
    }
    Ok(exit)
}

/// Each kind of which drift is told is one of some tenant's.
fn drift(config: &Config) -> Result<(), Failure> {
    let providers: BTreeSet<&str> = config.tenants.iter().map(|tenant| tenant.provider.as_str()).collect();
    let catalogs = providers.into_iter().map(catalog::provider).collect::<Result<Vec<_>, _>>()?;
    for kind in &config.alerts.drift {
        let known = Kind::new(kind);
        if !catalogs.is_empty() && catalogs.iter().all(|catalog| catalog.kind(&known).is_none()) {
            let said: Vec<String> = catalogs.iter().map(|catalog| catalog.no_kind(kind)).collect();
            return Err(ConfigError::Alert(format!("[alerts] `drift`: {}", said.join(", and "))).into());
        }
    }
    Ok(())
}

fn stale(config: &Config) -> Result<Stale, ConfigError> {
    let read = match &config.alerts.stale_after {
        None => return Ok(Stale::default()),
        Some(toml::Value::Integer(periods)) => {
            u32::try_from(*periods).ok().filter(|periods| (1..=1000).contains(periods)).map(Stale::Periods)
        }
        Some(toml::Value::String(text)) => {
            text.parse::<SignedDuration>().ok().filter(SignedDuration::is_positive).map(Stale::After)
        }
        Some(_) => None,
    };
    read.ok_or_else(|| {
        ConfigError::Alert(
            "[alerts] `stale_after`: write a number of periods as `3`, or a time as `\"6h\"`".into(),
        )
    })
}

fn fault(table: &AlertConfig, why: &str) -> ConfigError {
    // An address that stands there by mistake may be a secret.
    let plain = Syslog::parse(&table.url).is_some() || Lines::is_file(&table.url);
    let shown = plain || reference::is_reference(&table.url);
    let name = table.name.as_deref().or_else(|| shown.then_some(table.url.as_str())).unwrap_or("?");
    ConfigError::Alert(format!("[[alert]] `{name}`: {why}"))
}

fn receiver(config: &Config, table: &AlertConfig) -> Result<Receiver, Failure> {
    let resolve = |reference: &str| {
        reference::resolve(reference, &config.base()).map_err(|error| fault(table, &error.to_string()))
    };
    let form = match table.form.as_deref() {
        None => Form::default(),
        Some(word) => Form::parse(word).ok_or_else(|| {
            fault(table, &format!("`form = \"{word}\"` is none of json, slack, teams, ocsf"))
        })?,
    };
    if !is_mail(&table.url) && (table.ca_file.is_some() || table.username.is_some()) {
        return Err(fault(table, "`ca_file` and `username` are for mail").into());
    }
    let carrier = match Syslog::parse(&table.url) {
        None if is_mail(&table.url) => {
            if table.username.is_some() != table.secret.is_some() {
                return Err(fault(table, "who signs in needs both `username` and `secret`").into());
            }
            let secret = table.secret.as_deref().map(resolve).transpose()?;
            let letterbox = Letterbox {
                url: &table.url,
                ca_file: table.ca_file.as_ref().map(|file| config.base().join(file)),
                from: table.from.as_deref().unwrap_or_default(),
                to: &table.to,
                login: table.username.clone().zip(secret),
            };
            Carrier::Mail(Box::new(Mail::new(letterbox).map_err(|why| fault(table, &why))?))
        }
        None if Lines::is_file(&table.url) => {
            if table.secret.is_some() {
                return Err(fault(table, "`secret` is for webhooks and mail").into());
            }
            let lines = Lines::new(&table.url, form, &config.base());
            Carrier::File(lines.map_err(|why| fault(table, &why))?)
        }
        Some(_) if table.form.is_some() || table.secret.is_some() => {
            return Err(fault(table, "`form` and `secret` are for webhooks").into());
        }
        Some(syslog) => Carrier::Syslog(syslog),
        None => {
            let url: Secret<String> = resolve(&table.url)?;
            let hook = Hook::new(&url).map_err(|error| fault(table, &error.to_string()))?;
            let secret = table.secret.as_deref().map(resolve).transpose()?;
            Carrier::Web { hook, form, secret }
        }
    };
    let classes = table.when.iter().map(|word| {
        let known = Class::ALL.into_iter().find(|class| class.as_str() == word);
        known.ok_or_else(|| fault(table, &format!("`{word}` under `when` is no sort of alert")))
    });
    let least = match table.severity.as_deref() {
        None => Severity::Info,
        Some(word) => {
            let known = Severity::ALL.into_iter().find(|severity| severity.as_str() == word);
            known.ok_or_else(|| fault(table, &format!("`severity = \"{word}\"` is none")))?
        }
    };
    Ok(Receiver {
        name: table.name.clone().unwrap_or_else(|| table.url.clone()),
        classes: classes.collect::<Result<_, _>>()?,
        least,
        carrier,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(text: &str) -> Result<(Policy, Vec<Receiver>), String> {
        let config = Config::parse(text, std::path::Path::new("lastgood.toml")).unwrap();
        configured(&config).map_err(|failure| failure.chain.join(": "))
    }

    fn wrong(text: &str) -> String {
        tried(text).err().unwrap_or_default()
    }

    #[test]
    fn receivers_are_read_and_faults_are_named() {
        let good = "[alerts]\nstale_after = 5\n[[alert]]\nurl = \"exec:echo https://hooks.example/T0/secret\"\nform = \"slack\"\nwhen = [\"drift\"]\nseverity = \"high\"\n[[alert]]\nurl = \"syslog+udp://127.0.0.1:1514\"\n";
        let (policy, receivers) = tried(good).unwrap();
        assert_eq!((policy.stale, receivers.len()), (Stale::Periods(5), 2));
        assert_eq!(
            (receivers[0].classes.as_slice(), receivers[0].least),
            ([Class::Drift].as_slice(), Severity::High)
        );
        assert!(wrong(&good.replace("drift", "drft")).contains("`drft` under `when`"));
        assert!(wrong(&good.replace("slack", "slck")).contains("`form = \"slck\"`"));
        assert!(wrong(&good.replace("= 5", "= \"soon\"")).contains("stale_after"));
        assert!(wrong("[[alert]]\nurl = \"exec:echo ftp://x\"\n").contains("no http or https URL"));
        let mail = "[[alert]]\nurl = \"smtp://mail.example\"\nfrom = \"lastgood@example.com\"\nto = [\"ops@example.com\"]\n";
        assert!(matches!(tried(mail).unwrap().1[0].carrier, Carrier::Mail(_)));
        assert!(wrong(&mail.replace("ops@example.com", "nobody")).contains("no mail address"));
        assert!(matches!(
            tried(&mail.replace("smtp:", "smtp+starttls:")).unwrap().1[0].carrier,
            Carrier::Mail(_)
        ));
        assert!(wrong(&format!("{mail}username = \"me\"\n")).contains("both `username` and `secret`"));
        assert!(
            wrong(&format!("{mail}ca_file = \"none.pem\"\n")).contains("`ca_file`: ./none.pem: No such file")
        );
        let key = format!("{mail}ca_file = \"{}/Cargo.toml\"\n", env!("CARGO_MANIFEST_DIR"));
        assert!(wrong(&key).contains("it holds no certificate in PEM form"));
        assert!(wrong(&mail.replace("//mail", "//me:pw@mail")).contains("`username` and `secret`"));
        let file = "[[alert]]\nurl = \"append:alerts.ndjson\"\nform = \"ocsf\"\n";
        assert!(wrong(&format!("{file}ca_file = \"x\"\n")).contains("`ca_file` and `username` are for mail"));
        assert!(matches!(tried(file).unwrap().1[0].carrier, Carrier::File(_)));
        assert!(wrong(&format!("{file}secret = \"env:X\"\n")).contains("`secret` is for webhooks"));
        let twice = "[[alert]]\nurl = \"syslog+udp://127.0.0.1:1514\"\n".repeat(2);
        assert!(wrong(&twice).contains("configured twice"));
        let literal = wrong("[[alert]]\nurl = \"https://hooks.example/T0/secret\"\n");
        assert!(literal.contains("reference") && !literal.contains("secret\""), "{literal}");
        assert!(!literal.contains("hooks.example"), "{literal}");
    }
}
