//! One tenant, as the catalogue describes its provider: connect, ask, write.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;

use crate::base::coverage::State;
use crate::base::entropy::{Entropy, SystemEntropy};
use crate::base::key::Kind;
use crate::base::time::{Clock, SystemClock};
use crate::catalog::{Context, Gone, KindSpec, Method, Paging, Provider, StatusMeaning, Template};
use crate::http::error::path_of;
use crate::http::{Answer, Bounds, Client, Credential, Made, Outgoing, Outlook, Setup, Taken, Tally};
use crate::json::{self, Value};
use crate::provider::connect::{login, pace, settings};
use crate::provider::error::ProviderError;
use crate::provider::ident;
use crate::provider::other;

/// Where a tenant is and who we are there, as configured.
#[derive(Debug, Clone)]
pub struct Target {
    /// The tenant's URL.
    pub url: String,
    /// A file of the only certificate authorities to trust.
    pub ca_file: Option<PathBuf>,
    /// The provider's settings by name; what is missing takes the catalogue's default.
    pub settings: BTreeMap<String, String>,
    /// Who we are.
    pub credential: Credential,
    /// Our share of the vendor's rate limit, in percent.
    pub budget_percent: u32,
    /// The token endpoint, where it is not the one that the catalogue names.
    pub token_url: Option<String>,
    /// The rights that a token is asked for, where the provider wants them named.
    pub scopes: Vec<String>,
    /// Kinds to read although they cost a request for each of many resources.
    pub costly: BTreeSet<Kind>,
}

/// The world outside, for tests to bend.
#[derive(Clone)]
pub struct World {
    /// Where "now" comes from.
    pub clock: Arc<dyn Clock>,
    /// Where the spread of waiting times comes from.
    pub entropy: Arc<dyn Entropy>,
    /// Bounds on one request.
    pub bounds: Bounds,
    /// Tries of a read, the first included.
    pub tries_max: u32,
}

impl Default for World {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            bounds: Bounds::default(),
            tries_max: crate::http::retry::TRIES_MAX,
        }
    }
}

/// A tenant that can be asked.
pub struct Live {
    pub(crate) catalog: &'static Provider,
    pub(crate) client: Client,
    pub(crate) settings: BTreeMap<String, String>,
    pub(crate) costly: BTreeSet<Kind>,
    pub(crate) clock: Arc<dyn Clock>,
    /// What lies on other hosts, by the setting that names the host.
    pub(crate) others: BTreeMap<String, Box<Self>>,
}

/// A request that changes something. It is made of a plan's step and of nothing else.
#[derive(Clone)]
pub struct WriteRequest {
    /// How.
    pub method: Method,
    /// Path and query, filled.
    pub path: String,
    /// The body, where the call has one.
    pub body: Option<Vec<u8>>,
    /// Its type; JSON where nothing else is said.
    pub content_type: Option<String>,
}

/// Bodies hold secrets: only the path is shown.
impl std::fmt::Debug for WriteRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WriteRequest({} {})", self.method.as_str(), path_of(&self.path))
    }
}

/// What came of it.
#[derive(Clone)]
pub struct WriteAnswer {
    /// The HTTP status; a refusal is an answer too.
    pub status: u16,
    /// The `Location` header.
    pub location: Option<String>,
    /// The body, which may hold a secret that is shown only now.
    pub body: Bytes,
}

impl std::fmt::Debug for WriteAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WriteAnswer({}, {} bytes)", self.status, self.body.len())
    }
}

impl Live {
    /// Prepares for asking a tenant; nothing is sent yet.
    ///
    /// # Errors
    /// A URL, certificate file, setting or form of credential that does not fit the provider.
    pub fn connect(catalog: &'static Provider, target: Target) -> Result<Self, ProviderError> {
        Self::connect_in(catalog, target, World::default())
    }

    /// The same with a clock, randomness and bounds of the caller's.
    ///
    /// # Errors
    /// As [`Self::connect`].
    pub fn connect_in(
        catalog: &'static Provider,
        target: Target,
        world: World,
    ) -> Result<Self, ProviderError> {
        let settings = settings(catalog, &target.settings)?;
        let mut others = BTreeMap::new();
        for (setting, there) in other::targets(catalog, &settings, &target)? {
            others.insert(setting, Box::new(Self::connect_in(catalog, there, world.clone())?));
        }
        let setup = Setup {
            login: login(catalog, &settings, &target)?,
            headers: catalog.headers.clone(),
            ca_file: target.ca_file,
            pace: pace(catalog, target.budget_percent),
            bounds: world.bounds,
            tries_max: world.tries_max,
            refusals: catalog
                .statuses
                .iter()
                .filter(|meaning| meaning.status == 401)
                .filter_map(|meaning| meaning.code.clone())
                .collect(),
            clock: world.clock.clone(),
            entropy: world.entropy,
            url: target.url,
        };
        let client = Client::new(setup)?;
        Ok(Self { catalog, client, settings, costly: target.costly, clock: world.clock, others })
    }

    /// The catalogue of the tenant's provider.
    #[must_use]
    pub fn catalog(&self) -> &'static Provider {
        self.catalog
    }

    /// The settings in force, defaults included.
    #[must_use]
    pub fn settings(&self) -> &BTreeMap<String, String> {
        &self.settings
    }

    /// True if the token and all bodies cross a network in clear.
    #[must_use]
    pub fn is_plaintext(&self) -> bool {
        self.client.address().is_plaintext()
    }

    /// Requests sent since the start, those for tokens included.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.client.tally().requests + self.others.values().map(|other| other.requests()).sum::<u64>()
    }

    /// How long requests to the tenant's own host will take, as far as is known by now.
    #[must_use]
    pub fn outlook(&self) -> Outlook {
        self.client.outlook()
    }

    /// All counts since the start, of the tenant's own host.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.client.tally()
    }

    /// How much was taken of the vendor's windows at the most, by bucket, at the tenant's own host.
    #[must_use]
    pub fn taken(&self) -> Vec<Taken> {
        self.client.taken()
    }

    /// The last requests, oldest first, without bodies.
    #[must_use]
    pub fn record(&self) -> Vec<Made> {
        self.client.record()
    }

    /// The name that the tenant keeps whatever its URL is.
    ///
    /// # Errors
    /// Where the tenant does not answer, or not with an identity.
    pub async fn identity(&self) -> Result<String, ProviderError> {
        let identity = &self.catalog.identity;
        let target = self.fill_plain(&identity.path)?;
        let (value, _) = self.json(&target, &[], &[]).await?;
        identity.at.get(&value).and_then(ident::text).ok_or_else(|| ProviderError::Shape {
            path: path_of(&target),
            what: format!("there is no identity at `{}`", identity.at),
        })
    }

    /// The id of whoever stands behind the credential, where it does not say so itself and the tenant does.
    ///
    /// # Errors
    /// Where the tenant does not answer, or not with an id.
    pub async fn owner(&self) -> Result<Option<String>, ProviderError> {
        let Some(owner) = &self.catalog.auth.owner else { return Ok(None) };
        let target = self.fill_plain(&owner.path)?;
        let (value, _) = self.json(&target, &[], &[]).await?;
        let id = owner.at.get(&value).and_then(ident::text).filter(|id| !id.is_empty());
        id.map(Some).ok_or_else(|| ProviderError::Shape {
            path: path_of(&target),
            what: format!("there is no owner at `{}`", owner.at),
        })
    }

    /// Writes, exactly once. Any status is an answer; what it means is for the caller to say.
    ///
    /// # Errors
    /// [`crate::http::HttpError::never_sent`] says whether the tenant can have done anything.
    pub async fn perform(&self, request: &WriteRequest) -> Result<WriteAnswer, ProviderError> {
        let kind = || request.content_type.clone().unwrap_or_else(|| "application/json".into());
        let outgoing = Outgoing {
            method: request.method.as_str(),
            target: request.path.clone(),
            body: request.body.clone().map(|body| (body, kind())),
        };
        let answer = self.client.send(&outgoing).await?;
        let location = answer.header("location").map(str::to_owned);
        Ok(WriteAnswer { status: answer.status, location, body: answer.body })
    }

    /// The surroundings that hold the settings only.
    pub(crate) fn context(&self) -> Context<'_> {
        Context::new(self.catalog, &self.settings)
    }

    /// Fills a path that needs settings only.
    pub(crate) fn fill_plain(&self, template: &Template) -> Result<String, ProviderError> {
        Ok(template.fill(|name| self.settings.get(name).cloned())?)
    }

    /// The page form of this name.
    pub(crate) fn paging(&self, name: Option<&String>) -> Option<&'static Paging> {
        self.catalog.paging.get(name?)
    }

    /// Reads a JSON document. `statuses` go before the provider's; `scopes` are named where the
    /// right is missing. No content is `null`.
    pub(crate) async fn json(
        &self,
        target: &str,
        statuses: &[StatusMeaning],
        scopes: &[String],
    ) -> Result<(Value, Answer), ProviderError> {
        let answer = self.client.get(target).await?;
        self.value(target, answer, statuses, scopes)
    }

    /// Reads one instance; `None` where the answer says that it is not there.
    pub(crate) async fn json_unless_gone(
        &self,
        target: &str,
        spec: &KindSpec,
    ) -> Result<Option<(Value, Answer)>, ProviderError> {
        let answer = self.client.get(target).await?;
        if matches!(answer.status, 404 | 410) || says_gone(&spec.gone, &answer) {
            return Ok(None);
        }
        self.value(target, answer, &[], &spec.scopes.read).map(Some)
    }

    pub(crate) fn value(
        &self,
        target: &str,
        answer: Answer,
        statuses: &[StatusMeaning],
        scopes: &[String],
    ) -> Result<(Value, Answer), ProviderError> {
        if !answer.is_success() {
            return Err(self.refusal(target, &answer, statuses, scopes));
        }
        if answer.status == 204 {
            return Ok((Value::Null, answer));
        }
        let shape = |what: String| ProviderError::Shape { path: path_of(target), what };
        match json::parse(&answer.body, &json::Limits::default()) {
            Ok(value) => Ok((value, answer)),
            Err(_) if answer.body.trim_ascii_start().starts_with(b"<") => {
                Err(shape("a page of HTML came in place of JSON".into()))
            }
            Err(_) if answer.body.is_empty() => Err(shape("it is empty".into())),
            Err(error) => Err(shape(error.to_string())),
        }
    }

    /// Reads what need not be JSON: other bytes become base64 text.
    pub(crate) async fn json_or_bytes(
        &self,
        target: &str,
        statuses: &[StatusMeaning],
        scopes: &[String],
    ) -> Result<Value, ProviderError> {
        let answer = self.client.get(target).await?;
        if !answer.is_success() {
            return Err(self.refusal(target, &answer, statuses, scopes));
        }
        let parsed = json::parse(&answer.body, &json::Limits::default());
        Ok(parsed.unwrap_or_else(|_| Value::from(data_encoding::BASE64.encode(&answer.body))))
    }

    fn refusal(
        &self,
        target: &str,
        answer: &Answer,
        statuses: &[StatusMeaning],
        scopes: &[String],
    ) -> ProviderError {
        let status = answer.status;
        let known = statuses
            .iter()
            .chain(&self.catalog.statuses)
            .filter(|meaning| meaning.status == status)
            .find(|meaning| meaning.code.as_ref().is_none_or(|code| holds_code(&answer.body, code)));
        let beside = known.filter(|meaning| meaning.beside).map(|meaning| meaning.reason.clone());
        let (state, reason) = match known.filter(|meaning| !meaning.beside) {
            Some(meaning) => (meaning.state, meaning.reason.clone()),
            None => by_status(status, scopes),
        };
        ProviderError::Status { path: path_of(target), status, state, reason, beside }
    }
}

/// Whether an answer says in the vendor's own way that the instance is not there.
fn says_gone(ways: &[Gone], answer: &Answer) -> bool {
    let words = String::from_utf8_lossy(&answer.body);
    ways.iter().any(|gone| gone.status == answer.status && words.contains(&gone.says))
}

/// What a status means where the catalogue does not say.
fn by_status(status: u16, scopes: &[String]) -> (State, String) {
    match status {
        401 => (State::Failed, "the token is not accepted".into()),
        403 if scopes.is_empty() => (State::NotPermitted, "the credential has no right to read it".into()),
        403 => (State::NotPermitted, format!("the credential needs one of: {}", scopes.join(", "))),
        404 | 410 => (State::Failed, "it is not there".into()),
        429 => (State::Failed, "the tenant allows no more requests for now".into()),
        500.. => (State::Failed, "the server has a fault, also after several tries".into()),
        _ => (State::Failed, "the request is refused".into()),
    }
}

/// Whether an error body holds this text as a value, at any depth.
fn holds_code(body: &[u8], code: &str) -> bool {
    fn within(value: &Value, code: &str) -> bool {
        match value {
            Value::String(text) => text == code,
            Value::Number(number) => number.as_str() == code,
            Value::Array(elements) => elements.iter().any(|element| within(element, code)),
            Value::Object(members) => members.iter().any(|(_, member)| within(member, code)),
            _ => false,
        }
    }
    json::parse(body, &json::Limits::default()).is_ok_and(|value| within(&value, code))
}
