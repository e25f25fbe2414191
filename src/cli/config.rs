//! The configuration: `lastgood.toml` in the working directory, else in the XDG folder.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::SignedDuration;
use serde::Deserialize;

use crate::store::{Period, Retention};

/// The whole file.
#[derive(Deserialize, Debug, Clone, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where the history is kept.
    pub repository: RepositoryConfig,
    /// How the repository is checked.
    pub check: CheckConfig,
    /// How the days that are over are folded.
    pub compact: CompactConfig,
    /// What `serve` does.
    pub serve: ServeConfig,
    /// Whose history.
    #[serde(rename = "tenant")]
    pub tenants: Vec<TenantConfig>,
    /// How long what is kept.
    pub retention: RetentionConfig,
    /// What is worth telling.
    pub alerts: AlertsConfig,
    /// Who is told.
    #[serde(rename = "alert")]
    pub receivers: Vec<AlertConfig>,
    /// The file that this came from; relative paths are relative to its folder.
    #[serde(skip)]
    pub path: Option<PathBuf>,
}

/// The `[repository]` table.
#[derive(Deserialize, Debug, Clone, Default)]
#[serde(deny_unknown_fields, default)]
pub struct RepositoryConfig {
    /// A path or a URL.
    pub url: Option<String>,
    /// Reference to the passphrase.
    pub passphrase: Option<String>,
    /// A file with a recipient's key: opens the repository at once, where a passphrase takes a second and 256 MiB.
    pub key_file: Option<PathBuf>,
    /// Folder of the local index; default: below the user's cache folder.
    pub index: Option<PathBuf>,
}

/// The `[retention]` table: how long the last snapshot of each hour, day, month and year is kept.
#[derive(Deserialize, Debug, Default, Clone)]
#[serde(deny_unknown_fields, default)]
pub struct RetentionConfig {
    /// So many of the newest.
    pub last: Option<u64>,
    /// `30d`.
    pub hourly: Option<String>,
    /// `1y`.
    pub daily: Option<String>,
    /// `7y`.
    pub monthly: Option<String>,
    /// `forever`.
    pub yearly: Option<String>,
    /// When `serve` prunes, as cron has it; every night at half past four where nothing is said.
    pub schedule: Option<String>,
}

impl RetentionConfig {
    /// The rules that the table says; without a table none, and everything is kept.
    ///
    /// # Errors
    /// A period is not of its form.
    pub fn rules(&self) -> Result<Retention, ConfigError> {
        let period = |rule: &'static str, text: &Option<String>| {
            let read = text.as_deref().map(str::parse::<Period>).transpose();
            read.map_err(|error| ConfigError::Retention { rule, why: error.to_string() })
        };
        Ok(Retention {
            last: self.last.unwrap_or(0),
            hourly: period("hourly", &self.hourly)?,
            daily: period("daily", &self.daily)?,
            monthly: period("monthly", &self.monthly)?,
            yearly: period("yearly", &self.yearly)?,
        })
    }
}

/// The `[check]` table.
#[derive(Deserialize, Debug, Clone, Default)]
#[serde(deny_unknown_fields, default)]
pub struct CheckConfig {
    /// When `serve` checks the repository, as cron has it; every Sunday at five where nothing is said.
    pub schedule: Option<String>,
    /// Whether every body is read and hashed; it is where nothing is said.
    pub read_data: Option<bool>,
}

/// The `[compact]` table.
#[derive(Deserialize, Debug, Clone, Default)]
#[serde(deny_unknown_fields, default)]
pub struct CompactConfig {
    /// When `serve` folds the days that are over, as cron has it; every morning at six where nothing is said.
    pub schedule: Option<String>,
    /// Whether `serve` does; it does where nothing is said.
    pub enabled: Option<bool>,
}

/// The `[serve]` table.
#[derive(Deserialize, Debug, Clone, Default)]
#[serde(deny_unknown_fields, default)]
pub struct ServeConfig {
    /// Where `/metrics` and `/healthz` are answered: an address and a port.
    pub listen: Option<SocketAddr>,
    /// Over how long the tenants of one schedule are spread: `2m`.
    pub spread: Option<String>,
}

/// The `[alerts]` table.
#[derive(Deserialize, Debug, Clone, Default)]
#[serde(deny_unknown_fields, default)]
pub struct AlertsConfig {
    /// A folder of rules beside those that come with the product.
    pub rules: Option<PathBuf>,
    /// How old the last good snapshot may be: moments of the schedule that may pass (`3`), or a time (`"6h"`).
    pub stale_after: Option<toml::Value>,
    /// The kinds of which drift from the baseline is told; all where nothing is said.
    pub drift: Vec<String>,
}

/// An `[[alert]]` table: one receiver.
#[derive(Deserialize, Debug, Clone)]
#[serde(deny_unknown_fields)]
pub struct AlertConfig {
    /// What its place is noted under; its `url` as written where nothing is said.
    pub name: Option<String>,
    /// Reference to the address of a webhook; of syslog, mail and a file the address itself.
    pub url: String,
    /// `json`, `slack`, `teams`, `ocsf`.
    pub form: Option<String>,
    /// The sorts that it is told of; all where nothing is said.
    #[serde(default)]
    pub when: Vec<String>,
    /// Nothing less than this.
    pub severity: Option<String>,
    /// Reference to the key that signs a webhook's messages, or to the password at a mail server.
    pub secret: Option<String>,
    /// The authorities that may vouch for a mail server, in PEM form.
    pub ca_file: Option<PathBuf>,
    /// Who signs in at a mail server.
    pub username: Option<String>,
    /// Who writes a mail.
    pub from: Option<String>,
    /// To whom.
    #[serde(default)]
    pub to: Vec<String>,
}

/// A `[[tenant]]` table. Settings of the provider (`realm`, `directory`, …) stand beside these.
#[derive(Deserialize, Debug, Clone)]
pub struct TenantConfig {
    /// Its name in addresses.
    pub name: String,
    /// Which provider.
    pub provider: String,
    /// Where it is.
    pub url: String,
    /// Where tokens come from, if not below `url`.
    pub token_url: Option<String>,
    /// A certificate authority to trust for it.
    pub ca_file: Option<PathBuf>,
    /// Credential for reading.
    pub auth: Option<AuthConfig>,
    /// Credential for restoring.
    pub restore_auth: Option<AuthConfig>,
    /// Kinds known not to be readable here.
    #[serde(default)]
    pub accept: Vec<String>,
    /// Read what costs a request for each user, too.
    #[serde(default)]
    pub per_user: bool,
    /// Share of each rate bucket that may be used: `20%`.
    pub budget: Option<String>,
    /// When `serve` reads it, as cron has it; every hour where nothing is said.
    pub schedule: Option<String>,
    /// How often `serve` asks the vendor's log between runs, as `1m`, or `off`.
    pub follow: Option<String>,
    /// When everything is read, where that is to have a schedule of its own.
    pub full_sweep: Option<String>,
    /// The provider's own settings.
    #[serde(flatten)]
    pub settings: BTreeMap<String, toml::Value>,
}

/// An `auth` table: its `kind`, and names or references.
#[derive(Deserialize, Debug, Clone)]
pub struct AuthConfig {
    /// `token`, `password`, `client_secret`, `private_key_jwt`, `certificate`.
    pub kind: String,
    /// All else. Names are plain, secrets are references.
    #[serde(flatten)]
    pub fields: BTreeMap<String, String>,
}

impl AuthConfig {
    /// Reads an `auth` table from a file of its own. Its `file:` references start from that file's folder.
    ///
    /// # Errors
    /// It cannot be read or is not of the form: line and column, and never what stands there.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let fault = |error| ConfigError::File { path: path.to_owned(), error };
        let text = std::fs::read_to_string(path).map_err(fault)?;
        let mut auth: Self = toml::from_str(&text).map_err(|error| ConfigError::Form {
            path: path.into(),
            message: without_values(&text, &error),
        })?;
        let folder =
            std::path::absolute(path).map_err(fault)?.parent().map(Path::to_owned).unwrap_or_default();
        for value in auth.fields.values_mut() {
            if let Some(name) = value.strip_prefix("file:") {
                *value = format!("file:{}", folder.join(name).display());
            }
        }
        Ok(auth)
    }
}

/// What is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: {error}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The file is not of the form.
    #[error("{}: {message}", path.display())]
    Form {
        /// Which file.
        path: PathBuf,
        /// What the parser says.
        message: String,
    },
    /// A reference to a secret leads nowhere.
    #[error("`{reference}`: {why}")]
    Reference {
        /// The reference.
        reference: String,
        /// Why.
        why: String,
    },
    /// A secret itself, where a reference to it belongs.
    #[error("a value stands where a reference belongs: write `env:NAME`, `file:PATH` or `exec:COMMAND`")]
    Literal,
    /// A rule of `[retention]` is not of its form.
    #[error("`{rule}` under [retention]: {why}")]
    Retention {
        /// Which rule.
        rule: &'static str,
        /// Why.
        why: String,
    },
    /// A tenant that is not configured.
    #[error("no tenant is called `{0}`")]
    NoTenant(String),
    /// Something that a tenant needs is missing or not of its form.
    #[error("tenant `{tenant}`: {why}")]
    Tenant {
        /// Which tenant.
        tenant: String,
        /// What.
        why: String,
    },
    /// A schedule outside of a tenant's table is none.
    #[error("[{table}] `schedule`: {why}")]
    Schedule {
        /// In which table.
        table: String,
        /// What is wrong with it.
        why: String,
    },
    /// Something under `[serve]` is not of its form.
    #[error("[serve] {0}")]
    Serve(String),
    /// Something under `[alerts]` or `[[alert]]` is not of its form.
    #[error("{0}")]
    Alert(String),
    /// No repository is named anywhere.
    #[error("no repository is named")]
    NoRepository,
}

impl ConfigError {
    /// What a person can do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoTenant(_) => {
                Some("`lastgood tenant list` shows the names; `lastgood tenant add` adds one".into())
            }
            Self::NoRepository => Some(
                "give `--repo PATH`, set LASTGOOD_REPO, or write `[repository] url` in lastgood.toml".into(),
            ),
            Self::Literal => Some("secrets do not stand in the configuration".into()),
            _ => None,
        }
    }
}

/// File name looked for.
const FILE: &str = "lastgood.toml";

/// Where the configuration is, or would be written: given, else here, else the XDG folder's if it
/// exists, else here.
#[must_use]
pub fn locate(given: Option<&Path>) -> PathBuf {
    if let Some(path) = given {
        return path.to_owned();
    }
    let here = PathBuf::from(FILE);
    let xdg = xdg("XDG_CONFIG_HOME", ".config").map(|folder| folder.join("lastgood").join(FILE));
    match xdg {
        Some(path) if !here.exists() && path.exists() => path,
        _ => here,
    }
}

/// A folder of the XDG specification, from its variable or below the home folder.
#[must_use]
pub fn xdg(variable: &str, below_home: &str) -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set(variable).or_else(|| set("HOME").map(|home| home.join(below_home)))
}

impl ServeConfig {
    /// Over how long the tenants of one schedule are spread; two minutes where nothing is said.
    ///
    /// # Errors
    /// It is no length of time.
    pub fn spread(&self) -> Result<SignedDuration, ConfigError> {
        let Some(text) = &self.spread else { return Ok(SignedDuration::from_mins(2)) };
        let read = text.parse::<SignedDuration>().ok().filter(|most| !most.is_negative());
        read.ok_or_else(|| ConfigError::Serve(format!("`spread = \"{text}\"`: write a time as `2m` or `0s`")))
    }
}

impl Config {
    /// Reads the file; a missing file is an empty configuration unless it was asked for by name.
    ///
    /// # Errors
    /// It cannot be read or is not of the form.
    pub fn load(given: Option<&Path>) -> Result<Self, ConfigError> {
        let path = locate(given);
        if given.is_none() && !path.exists() {
            return Ok(Self::default());
        }
        let text = std::fs::read_to_string(&path)
            .map_err(|error| ConfigError::File { path: path.clone(), error })?;
        let mut config = Self::parse(&text, &path)?;
        config.path = Some(path);
        config.check()?;
        Ok(config)
    }

    /// Reads a text as the file at `path` would be read.
    ///
    /// # Errors
    /// It is not of the form: line and column, and never what stands there.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        toml::from_str(text)
            .map_err(|error| ConfigError::Form { path: path.into(), message: without_values(text, &error) })
    }

    fn check(&self) -> Result<(), ConfigError> {
        for (position, tenant) in self.tenants.iter().enumerate() {
            let fault = |why: &str| ConfigError::Tenant { tenant: tenant.name.clone(), why: why.into() };
            if self.tenants.iter().take(position).any(|other| other.name == tenant.name) {
                return Err(fault("is configured twice"));
            }
            if !is_name(&tenant.name) {
                return Err(fault("a name holds letters, digits, `-`, `_` and `.` only"));
            }
        }
        Ok(())
    }

    /// The tenant of this name.
    ///
    /// # Errors
    /// [`ConfigError::NoTenant`].
    pub fn tenant(&self, name: &str) -> Result<&TenantConfig, ConfigError> {
        self.tenants
            .iter()
            .find(|tenant| tenant.name == name)
            .ok_or_else(|| ConfigError::NoTenant(name.into()))
    }

    /// The folder that relative paths and `file:` references start from.
    #[must_use]
    pub fn base(&self) -> PathBuf {
        let parent = self.path.as_deref().and_then(Path::parent);
        parent.filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
    }
}

/// What the parser says without the line it says it of, and without the value: a secret may stand
/// there by mistake.
fn without_values(text: &str, error: &toml::de::Error) -> String {
    let message = error.message();
    let value = message.find("invalid type: ").or_else(|| message.find("invalid value: "));
    let expected = message.find(", expected ");
    let message = match (value, expected) {
        (Some(_), Some(at)) => format!("a value of the wrong type{}", message.get(at..).unwrap_or_default()),
        (Some(_), None) => "a value of the wrong type".to_owned(),
        (None, _) => message.to_owned(),
    };
    let Some(before) = error.span().and_then(|span| text.get(..span.start)) else { return message };
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    format!("line {line}, column {column}: {message}")
}

/// Whether a text can be a tenant's name: it stands in addresses, before the first slash.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    !text.is_empty() && text.len() <= 64 && text.chars().all(good) && !text.starts_with(['-', '.'])
}

impl TenantConfig {
    /// The provider's settings as text, defaults filled in.
    ///
    /// # Errors
    /// Names the setting that is missing, unknown, or not a text.
    pub fn provider_settings(
        &self,
        catalog: &crate::catalog::Provider,
    ) -> Result<BTreeMap<String, String>, ConfigError> {
        let fault = |why: String| ConfigError::Tenant { tenant: self.name.clone(), why };
        let mut out = BTreeMap::new();
        for (name, default) in &catalog.settings {
            let given = match self.settings.get(name) {
                Some(toml::Value::String(text)) => Some(text.clone()),
                Some(_) => return Err(fault(format!("`{name}` must be a text"))),
                None => None,
            };
            let value = given.or_else(|| (!default.is_empty()).then(|| default.clone()));
            match value {
                Some(value) => {
                    out.insert(name.clone(), value);
                }
                None if catalog.needs_setting(name) => return Err(fault(format!("needs `{name}`"))),
                None => {}
            }
        }
        // `schedule` and the like belong to the scheduler.
        let known = ["schedule", "full_sweep"];
        for name in self.settings.keys() {
            if !catalog.settings.contains_key(name) && !known.contains(&name.as_str()) {
                return Err(fault(format!("`{name}` is not a setting of {}", catalog.provider)));
            }
        }
        Ok(out)
    }

    /// How often the vendor's log is asked between runs: each minute where nothing is said and the log can be
    /// followed, else never.
    ///
    /// # Errors
    /// It is neither a length of time of ten seconds or more nor `off`.
    pub fn follow(&self, can_be_followed: bool) -> Result<Option<Duration>, ConfigError> {
        const USUAL: Duration = Duration::from_secs(60);
        const LEAST: SignedDuration = SignedDuration::from_secs(10);
        match self.follow.as_deref() {
            None => Ok(can_be_followed.then_some(USUAL)),
            Some("off") => Ok(None),
            Some(text) => {
                let read = text.parse::<SignedDuration>().ok().filter(|every| *every >= LEAST);
                read.map(|every| Some(every.unsigned_abs())).ok_or_else(|| ConfigError::Tenant {
                    tenant: self.name.clone(),
                    why: format!("`follow = \"{text}\"`: write a time of `10s` or more, or `off`"),
                })
            }
        }
    }

    /// The budget in percent.
    ///
    /// # Errors
    /// It is not of the form `20%`, from 1 to 100.
    pub fn budget_percent(&self) -> Result<u8, ConfigError> {
        let Some(text) = &self.budget else { return Ok(20) };
        let number = text.strip_suffix('%').and_then(|digits| digits.trim().parse().ok());
        number.filter(|percent| (1..=100).contains(percent)).ok_or_else(|| ConfigError::Tenant {
            tenant: self.name.clone(),
            why: format!("`budget = \"{text}\"`: write a share from `1%` to `100%`"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        std::fs::write(&path, text).unwrap();
        Config::load(Some(&path)).map_err(|error| error.to_string())
    }

    const TENANT: &str = "[[tenant]]\nname = \"kc\"\nprovider = \"keycloak\"\nurl = \"http://127.0.0.1:1\"\n";

    #[test]
    fn settings_stand_beside_the_rest() {
        let config = read(&format!("{TENANT}realm = \"demo\"\nbudget = \"50%\"\n")).unwrap();
        let tenant = config.tenant("kc").unwrap();
        assert_eq!(tenant.settings.get("realm").and_then(toml::Value::as_str), Some("demo"));
        assert_eq!(tenant.budget_percent().unwrap(), 50);
    }

    #[test]
    fn retention_is_read() {
        let text = "[retention]\nlast = 3\nhourly = \"30d\"\nyearly = \"forever\"\n";
        let rules = read(text).unwrap().retention.rules().unwrap();
        assert_eq!((rules.last, rules.yearly, rules.daily), (3, Some(Period::Forever), None));
        assert!(read(TENANT).unwrap().retention.rules().unwrap().is_empty());
        let wrong = read("[retention]\ndaily = \"1 year\"").unwrap().retention.rules().unwrap_err();
        assert!(wrong.to_string().contains("`daily` under [retention]: `1 year` is no period"), "{wrong}");
    }

    #[test]
    fn faults_are_named() {
        assert!(read(&format!("{TENANT}{TENANT}")).unwrap_err().contains("twice"));
        assert!(read("[repo]\nurl = 1").unwrap_err().contains("unknown field"));
        assert!(read(&TENANT.replace("\"kc\"", "\"a/b\"")).unwrap_err().contains("letters"));
        assert!(Config::load(Some(Path::new("does-not-exist.toml"))).is_err());
    }
}
