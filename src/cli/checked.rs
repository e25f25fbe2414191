//! `config check`: everything that a command would find wrong with the configuration, found before it is needed.
//!
//! It asks no tenant and tells nobody. What `serve` would refuse to start with must be refused here, by the same calls.

use crate::base::key::Kind;
use crate::cli::args::Global;
use crate::cli::config::{Config, ConfigError, TenantConfig};
use crate::cli::output::plain;
use crate::cli::{Exit, Failure, alerts, keys, open, reference};

/// Checks the configuration.
///
/// # Errors
/// What is wrong with it, the first thing.
pub fn run(global: &Global) -> Result<Exit, Failure> {
    let config = Config::load(global.config.as_deref())?;
    if let Some(passphrase) = &config.repository.passphrase {
        reference::resolve(passphrase, &config.base())?;
    }
    if let Some(path) = &config.repository.key_file {
        keys::read(&config.base().join(path))?;
    }
    config.retention.rules()?;
    open::care(&config)?;
    for each in &config.tenants {
        tenant(&config, each)?;
    }
    let (policy, receivers) = alerts::configured(&config)?;
    let path = config.path.as_ref().map_or_else(|| "no file".into(), |path| path.display().to_string());
    global.output.line(format!("{path}: {} tenants, all references lead somewhere", config.tenants.len()));
    let users = policy.rules.users();
    if !receivers.is_empty() || !users.is_empty() {
        let (told, rules) = (receivers.len(), policy.rules.all().len());
        let histories: usize = users.iter().map(|rule| rule.strikes.len() + rule.passes.len()).sum();
        let own = match users.len() {
            0 => String::new(),
            own => format!(", {own} of them your own, tried on {histories} histories"),
        };
        global.output.line(format!("alerts: {told} receivers, {rules} rules{own}"));
    }
    for rule in users.iter().filter(|rule| rule.strikes.is_empty() || rule.passes.is_empty()) {
        let lacks = if rule.strikes.is_empty() { "strikes" } else { "passes" };
        global.output.warn(format!("rule `{}` has no history on which it {lacks}", plain(&rule.name)));
    }
    Ok(Exit::Done)
}

fn tenant(config: &Config, tenant: &TenantConfig) -> Result<(), Failure> {
    let catalog = crate::catalog::provider(&tenant.provider)?;
    tenant.provider_settings(catalog)?;
    tenant.budget_percent()?;
    open::watched(config, tenant)?;
    if let Some(kind) = tenant.accept.iter().find(|kind| catalog.kind(&Kind::new(kind)).is_none()) {
        let why = format!("`accept`: {}", catalog.no_kind(kind));
        return Err(ConfigError::Tenant { tenant: tenant.name.clone(), why }.into());
    }
    for auth in tenant.auth.iter().chain(&tenant.restore_auth) {
        open::credential(tenant, auth, &config.base())?;
    }
    Ok(())
}
