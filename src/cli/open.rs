//! How a repository and a tenant are had from the configuration.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::base::entropy::SystemEntropy;
use crate::base::secret::Secret;
use crate::base::time::{Clock, SystemClock};
use crate::base::when::When;
use crate::catalog::{self, Provider};
use crate::cli::args::Global;
use crate::cli::config::{AuthConfig, Config, ConfigError, TenantConfig, xdg};
use crate::cli::output::{Output, time};
use crate::cli::{Exit, Failure, keys, reference};
use crate::collect::PROVIDER_NOTE;
use crate::daemon::{Care, Place, Schedule, Watched};
use crate::history::{Address, History, Moment};
use crate::provider::{Credential, Live, SigningKey, Target};
use crate::storage::{Local, Storage, StorageError};
use crate::store::{Environment, Repository, StoreError, Unlock};

/// When a tenant is read of which nothing is said.
const HOURLY: &str = "0 * * * *";
/// When what retention lets go is pruned.
const NIGHTLY: &str = "30 4 * * *";
/// When the days that are over are folded: after what was let go of them went.
const AFTER_NIGHT: &str = "0 6 * * *";
/// When the repository is checked.
const WEEKLY: &str = "0 5 * * 0";

/// An open repository with the configuration around it.
pub struct Opened {
    /// The configuration.
    pub config: Config,
    /// The repository.
    pub repository: Repository,
    /// Where to write.
    pub output: Output,
}

/// Where the repository is.
///
/// # Errors
/// Nothing names one.
pub fn repository_url(global: &Global, config: &Config) -> Result<String, Failure> {
    if let Some(url) = &global.repo {
        return Ok(url.clone());
    }
    let url = config.repository.url.as_ref().ok_or(ConfigError::NoRepository)?;
    Ok(if url.contains("://") { url.clone() } else { config.base().join(url).display().to_string() })
}

/// The storage behind a path or URL; with `make`, a folder that is not there is made.
///
/// # Errors
/// A scheme that this build does not have, or a folder that cannot be used.
pub fn storage(url: &str, make: bool) -> Result<Arc<dyn Storage>, Failure> {
    if let Some((scheme, _)) = url.split_once("://") {
        return Err(Failure::usage(format!("`{scheme}://` repositories are not built yet; give a path")));
    }
    let (folder, entropy) = (Path::new(url), Arc::new(SystemEntropy));
    let local = if make { Local::create(folder, entropy) } else { Local::open(folder, entropy) };
    match local {
        Ok(local) => Ok(Arc::new(local)),
        Err(StorageError::NotFound { .. }) => Err(StoreError::NoRepository { place: url.into() }.into()),
        Err(error) => Err(StoreError::from(error).into()),
    }
}

/// What opens the repository: from the environment, else from the configuration.
///
/// # Errors
/// Nothing gives a passphrase or a key, or what should give one does not.
pub fn unlock(config: &Config) -> Result<Unlock, Failure> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    // First of all: whoever has a key file wants no passphrase stretched.
    if let Some(file) = key_file() {
        return keys::read(&file);
    }
    if let Some(text) = variable("LASTGOOD_PASSPHRASE") {
        return Ok(passphrase(&Secret::new(text)));
    }
    if let Some(path) = variable("LASTGOOD_PASSPHRASE_FILE") {
        return Ok(passphrase(&reference::resolve(&format!("file:{path}"), Path::new("."))?));
    }
    if let Some(path) = &config.repository.key_file {
        return keys::read(&config.base().join(path));
    }
    if let Some(text) = &config.repository.passphrase {
        return Ok(passphrase(&reference::resolve(text, &config.base())?));
    }
    Err(Failure::new(Exit::WrongKey, "nothing says how to open the repository")
        .hint("set LASTGOOD_PASSPHRASE, LASTGOOD_PASSPHRASE_FILE or LASTGOOD_KEY_FILE, or write `passphrase = \"file:…\"` under [repository]"))
}

/// The key file that the environment names.
#[must_use]
pub fn key_file() -> Option<PathBuf> {
    std::env::var_os("LASTGOOD_KEY_FILE").filter(|path| !path.is_empty()).map(PathBuf::from)
}

fn passphrase(text: &Secret<String>) -> Unlock {
    Unlock::Passphrase(Secret::new(text.expose().as_bytes().to_vec()))
}

/// The clock and the randomness of the machine. `LASTGOOD_NOW` stands the clock still, for tests
/// and for reading what relative times meant.
///
/// # Errors
/// `LASTGOOD_NOW` is not RFC 3339.
pub fn environment() -> Result<Environment, Failure> {
    Ok(Environment { clock: clock()?, entropy: Arc::new(SystemEntropy) })
}

fn clock() -> Result<Arc<dyn Clock>, Failure> {
    match std::env::var("LASTGOOD_NOW") {
        Err(_) => Ok(Arc::new(SystemClock)),
        Ok(text) => {
            let at = text
                .parse()
                .map_err(|_| Failure::usage(format!("LASTGOOD_NOW: `{text}` is not RFC 3339")))?;
            Ok(Arc::new(crate::base::time::FixedClock::new(at)))
        }
    }
}

/// Where the local index of this repository lies.
fn index(config: &Config, url: &str) -> Option<PathBuf> {
    if let Some(path) = &config.repository.index {
        return Some(config.base().join(path));
    }
    let whole = std::fs::canonicalize(url).unwrap_or_else(|_| PathBuf::from(url));
    let name = blake3::hash(whole.as_os_str().as_encoded_bytes()).to_hex();
    let name = name.get(..16).unwrap_or_default().to_owned();
    xdg("XDG_CACHE_HOME", ".cache").map(|cache| cache.join("lastgood").join("index").join(name))
}

/// The place of the repository, for whoever opens it now and then.
///
/// # Errors
/// As [`open`].
pub fn place(global: &Global, config: &Config) -> Result<Place, Failure> {
    let url = repository_url(global, config)?;
    Ok(Place::new(storage(&url, false)?, &unlock(config)?, environment()?, index(config, &url))?)
}

/// Opens the repository.
///
/// # Errors
/// There is none, the key does not open it, or it cannot be read.
pub fn open(global: &Global) -> Result<Opened, Failure> {
    let config = Config::load(global.config.as_deref())?;
    let url = repository_url(global, &config)?;
    let storage = storage(&url, false)?;
    let index = index(&config, &url);
    let repository = Repository::open(storage, &unlock(&config)?, environment()?, index)?;
    Ok(Opened { config, repository, output: global.output })
}

/// The index folder for a repository that is about to be made.
#[must_use]
pub fn index_for(config: &Config, url: &str) -> Option<PathBuf> {
    index(config, url)
}

/// A text as a time, with the local zone.
///
/// # Errors
/// It is none.
pub fn when(text: &str) -> Result<When, Failure> {
    Ok(When::parse(text, clock()?.now(), &jiff::tz::TimeZone::system())?)
}

/// A text as a time of the history.
///
/// # Errors
/// It is no time, or it is `live`: the tenant itself is not read here.
pub fn past(text: &str) -> Result<When, Failure> {
    match when(text)? {
        When::Live => Err(Failure::usage("`live` is the tenant itself, and this command reads the history")
            .hint("`lastgood diff latest live` compares the two")),
        past => Ok(past),
    }
}

/// Says where an answer is of the last reading that was kept, and later ones were pruned.
pub fn note_pruned(output: Output, tenant: &str, moment: &Moment) {
    let Some(next) = moment.next.as_ref().filter(|_| moment.pruned > 0) else { return };
    output.note(format!(
        "{tenant}: as kept of {}; {} later snapshot{} up to {} were pruned",
        time(moment.snapshot.finished),
        moment.pruned,
        if moment.pruned == 1 { "" } else { "s" },
        time(next.finished)
    ));
}

impl Opened {
    /// The tenants of these names; of no name, all.
    ///
    /// # Errors
    /// As [`Self::tenants`].
    pub fn those(&self, names: &[String]) -> Result<Vec<String>, Failure> {
        match names {
            [] => self.tenants(None),
            some => {
                Ok(some.iter().map(|name| self.tenants(Some(name))).collect::<Result<Vec<_>, _>>()?.concat())
            }
        }
    }

    /// Does something to each of them: one to which it cannot be done keeps no other from it.
    ///
    /// # Errors
    /// As [`Self::those`]; or, after all others, the last failure, the others said as warnings.
    pub fn each(
        &self,
        names: &[String],
        mut does: impl FnMut(&str) -> Result<(), Failure>,
    ) -> Result<Exit, Failure> {
        let mut failed: Option<Failure> = None;
        for name in self.those(names)? {
            if let Err(error) = does(&name)
                && let Some(earlier) = failed.replace(error)
            {
                self.output.warn(earlier.chain.join(": "));
            }
        }
        failed.map_or(Ok(Exit::Done), Err)
    }

    /// The tenants that the repository knows, or the one that is asked for.
    ///
    /// # Errors
    /// The one that is asked for has no history.
    pub fn tenants(&self, only: Option<&str>) -> Result<Vec<String>, Failure> {
        let all = self.repository.tenants()?;
        for object in self.repository.passed_over() {
            self.output.incomplete(format!(
                "{object} is damaged, and this machine has never seen it whole: what comes is from before it; \
                 `lastgood check` says more"
            ));
        }
        match only {
            None => {
                if all.is_empty() {
                    self.output.note("the repository holds no snapshot yet; `lastgood snapshot` takes one");
                }
                Ok(all)
            }
            Some(name) if all.iter().any(|known| known == name) => Ok(vec![name.to_owned()]),
            Some(name) if self.config.tenant(name).is_ok() => {
                Err(Failure::new(Exit::Error, format!("`{name}` has no snapshot yet"))
                    .hint(format!("`lastgood snapshot {name}` takes the first one")))
            }
            Some(name) => Err(Failure::new(Exit::Error, format!("the repository holds nothing of `{name}`"))
                .hint(format!(
                    "it holds: {}",
                    if all.is_empty() { "nothing yet".into() } else { all.join(", ") }
                ))),
        }
    }

    /// The catalogue that explains a tenant's history.
    ///
    /// # Errors
    /// Neither the configuration nor the history names a provider that this build knows.
    pub fn catalog(&self, tenant: &str) -> Result<&'static Provider, Failure> {
        if let Ok(configured) = self.config.tenant(tenant) {
            let plain = catalog::provider(&configured.provider)?;
            return Ok(plain.given(&configured.provider_settings(plain)?));
        }
        let snapshots = self.repository.snapshots(tenant)?;
        let named = snapshots.last().and_then(|snapshot| snapshot.notes.get(PROVIDER_NOTE));
        let named = named.ok_or_else(|| ConfigError::NoTenant(tenant.into()))?;
        Ok(catalog::provider(named)?)
    }

    /// The history of a tenant.
    ///
    /// # Errors
    /// As [`Self::catalog`].
    pub fn history<'a>(&'a self, tenant: &'a str) -> Result<History<'a>, Failure> {
        Ok(History { repository: &self.repository, catalog: self.catalog(tenant)?, tenant })
    }

    /// The addresses that a command is about: the one given, or every tenant.
    ///
    /// # Errors
    /// It is not an address, or the tenant has no history.
    pub fn addresses(&self, given: Option<&str>) -> Result<Vec<Address>, Failure> {
        let Some(text) = given else {
            let tenants = self.tenants(None)?;
            return tenants.iter().map(|tenant| Ok(Address::parse(tenant)?)).collect();
        };
        let address = Address::parse(text)?;
        self.tenants(Some(&address.tenant))?;
        Ok(vec![address])
    }
}

/// The credential of an `auth` table, its references followed.
///
/// # Errors
/// A field is missing, unknown for its kind, or leads nowhere.
pub fn credential(tenant: &TenantConfig, auth: &AuthConfig, base: &Path) -> Result<Credential, Failure> {
    let fault = |why: String| ConfigError::Tenant { tenant: tenant.name.clone(), why };
    let restores = tenant.restore_auth.as_ref().is_some_and(|own| std::ptr::eq(own, auth));
    let table = if restores { "restore_auth" } else { "auth" };
    let known: &[&str] = match auth.kind.as_str() {
        "token" => &["token"],
        "password" => &["username", "password"],
        "client_secret" => &["client_id", "client_secret"],
        "private_key_jwt" => &["client_id", "key", "key_id", "scopes"],
        other => return Err(fault(format!("`{table}.kind = \"{other}\"` is not built yet")).into()),
    };
    if let Some(field) = auth.fields.keys().find(|field| !known.contains(&field.as_str())) {
        return Err(fault(format!("`{table}.{field}` does not belong to `{}`", auth.kind)).into());
    }
    let field = |name: &str| {
        auth.fields.get(name).ok_or_else(|| Failure::from(fault(format!("`{table}.{name}` is missing"))))
    };
    let secret = |name: &str| {
        reference::resolve(field(name)?, base)
            .map_err(|error| Failure::from(fault(format!("`{table}.{name}`: {error}"))))
    };
    Ok(match auth.kind.as_str() {
        "token" => Credential::Token { token: secret("token")? },
        "password" => {
            Credential::Password { username: field("username")?.clone(), password: secret("password")? }
        }
        "private_key_jwt" => {
            let key = secret("key")?;
            let key = SigningKey::parse(key.expose(), auth.fields.get("key_id").cloned());
            let key = key.map_err(|error| {
                Failure::from(fault(format!("`{table}.key`: {error}"))).hint(error.hint().unwrap_or_default())
            })?;
            Credential::PrivateKey { client_id: field("client_id")?.clone(), key }
        }
        _ => Credential::ClientSecret {
            client_id: field("client_id")?.clone(),
            client_secret: secret("client_secret")?,
        },
    })
}

/// The rights that a token is asked for: those of the `auth` table's `scopes`, else all that the
/// catalogue's kinds need.
fn scopes(catalog: &Provider, auth: &AuthConfig, purpose: Purpose) -> Vec<String> {
    match auth.fields.get("scopes") {
        Some(given) => given.split_whitespace().map(str::to_owned).collect(),
        None => catalog.scopes(purpose == Purpose::Restore),
    }
}

/// What a connection is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// Reading, with `auth`.
    Read,
    /// Writing, with `restore_auth` and nothing else.
    Restore,
}

/// What `serve` does for the repository itself.
///
/// # Errors
/// A schedule or a rule that is none.
pub fn care(config: &Config) -> Result<Care, Failure> {
    let schedule = |table: &str, text: &Option<String>, usual: &str| {
        let read = Schedule::parse(text.as_deref().unwrap_or(usual), &jiff::tz::TimeZone::system());
        read.map_err(|error| ConfigError::Schedule { table: table.to_owned(), why: error.to_string() })
    };
    let rules = config.retention.rules()?;
    let prune = schedule("retention", &config.retention.schedule, NIGHTLY)?;
    let compact = schedule("compact", &config.compact.schedule, AFTER_NIGHT)?;
    Ok(Care {
        check: schedule("check", &config.check.schedule, WEEKLY)?,
        read_data: config.check.read_data.unwrap_or(true),
        prune: (!rules.is_empty()).then_some((prune, rules)),
        compact: config.compact.enabled.unwrap_or(true).then_some(compact),
    })
}

/// A tenant as schedules see it.
///
/// # Errors
/// A schedule that is none, or no such provider.
pub fn watched(config: &Config, tenant: &TenantConfig) -> Result<Watched, Failure> {
    let plain = catalog::provider(&tenant.provider)?;
    let schedule = |field: &str, text: &str| {
        let read = Schedule::parse(text, &jiff::tz::TimeZone::system());
        let read = read.map_err(|error| ConfigError::Tenant {
            tenant: tenant.name.clone(),
            why: format!("`{field}`: {error}"),
        })?;
        Ok::<Schedule, Failure>(read.spread(&tenant.name, config.serve.spread()?))
    };
    let (given, own) = (config.clone(), tenant.clone());
    let catalog = plain.given(&tenant.provider_settings(plain)?);
    Ok(Watched {
        name: tenant.name.clone(),
        catalog,
        follow: tenant.follow(catalog.can_be_followed())?,
        accept: tenant.accept.clone(),
        connect: Box::new(move || Ok(connect(&given, &own, Purpose::Read)?)),
        schedule: schedule("schedule", tenant.schedule.as_deref().unwrap_or(HOURLY))?,
        full_sweep: tenant.full_sweep.as_deref().map(|text| schedule("full_sweep", text)).transpose()?,
    })
}

/// Connects to a tenant.
///
/// # Errors
/// The configuration lacks something; nothing is sent yet.
pub fn connect(config: &Config, tenant: &TenantConfig, purpose: Purpose) -> Result<Live, Failure> {
    let plain = catalog::provider(&tenant.provider)?;
    let settings = tenant.provider_settings(plain)?;
    let catalog = plain.given(&settings);
    let base = config.base();
    let auth = match purpose {
        Purpose::Read => tenant.auth.as_ref().ok_or("auth"),
        Purpose::Restore => tenant.restore_auth.as_ref().ok_or("restore_auth"),
    };
    let auth = auth.map_err(|missing| {
        Failure::from(ConfigError::Tenant { tenant: tenant.name.clone(), why: format!("needs `{missing}`") })
            .hint("credentials for reading and for restoring are kept apart: see `auth` and `restore_auth`")
    })?;
    let costly = if tenant.per_user {
        catalog
            .kinds
            .iter()
            .filter(|spec| spec.read.iter().any(|read| read.costly))
            .map(|spec| spec.kind.clone())
            .collect()
    } else {
        BTreeSet::new()
    };
    let target = Target {
        url: tenant.url.clone(),
        ca_file: tenant.ca_file.as_ref().map(|path| base.join(path)),
        token_url: tenant.token_url.clone(),
        settings,
        credential: credential(tenant, auth, &base)?,
        scopes: scopes(catalog, auth, purpose),
        budget_percent: tenant.budget_percent()?.into(),
        costly,
    };
    Ok(Live::connect(catalog, target)?)
}
