//! The client: one tenant, one credential, one pace.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::base::entropy::{self, Entropy, SystemEntropy};
use crate::base::secret::Secret;
use crate::base::time::{Clock, SystemClock};
use crate::http::address::Address;
use crate::http::answer::{Answer, Outgoing};
use crate::http::error::{HttpError, path_of};
use crate::http::login::{Login, Token, Tokens};
use crate::http::outlook::Outlook;
use crate::http::pace::{Pace, PaceRules, Taken};
use crate::http::retry;
use crate::http::tally::{Journal, Made, Tally};
use crate::http::transport::{Bounds, Packet, Transport};

/// Calls in a row without any answer after which the next are not tried at once.
const FAILURES_MAX: u32 = 3;

/// How long they are not tried.
const REST: Duration = Duration::from_secs(5);

/// What a client is made of.
pub struct Setup {
    /// The tenant's URL.
    pub url: String,
    /// A file of the only certificate authorities to trust, in PEM form.
    pub ca_file: Option<PathBuf>,
    /// Headers sent with every request.
    pub headers: BTreeMap<String, String>,
    /// Who we are.
    pub login: Login,
    /// How fast we may ask.
    pub pace: PaceRules,
    /// Bounds on one request.
    pub bounds: Bounds,
    /// Tries of a read, the first included.
    pub tries_max: u32,
    /// Words in a 401 that refuses something else than the token: another token would fare no better.
    pub refusals: Vec<String>,
    /// Where "now" comes from, for dates in headers.
    pub clock: Arc<dyn Clock>,
    /// Where the spread of waiting times comes from.
    pub entropy: Arc<dyn Entropy>,
}

impl Setup {
    /// A set-up with the default pace and bounds and the machine's clock.
    #[must_use]
    pub fn new(url: &str, login: Login) -> Self {
        Self {
            url: url.into(),
            ca_file: None,
            headers: BTreeMap::new(),
            login,
            pace: PaceRules::default(),
            bounds: Bounds::default(),
            tries_max: retry::TRIES_MAX,
            refusals: Vec::new(),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
        }
    }
}

/// A client of one tenant. Shared by all that read from it, so that the pace holds over all.
pub struct Client {
    address: Address,
    transport: Transport,
    tokens: Tokens,
    pace: Pace,
    journal: Journal,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    tries_max: u32,
    refusals: Vec<String>,
    failures: AtomicU32,
    resting: std::sync::Mutex<Option<Instant>>,
}

/// What to do after one try of a read.
enum Next {
    Stop,
    Wait(Duration),
}

impl Client {
    /// Makes a client; nothing is sent yet.
    ///
    /// # Errors
    /// An unusable URL, token address or certificate file.
    pub fn new(setup: Setup) -> Result<Self, HttpError> {
        let address = Address::parse(&setup.url)?;
        let endpoint = match &setup.login.token {
            Some(place) if place.starts_with('/') => Some(address.url(place)?),
            Some(place) => Some(Address::parse(place)?.whole()),
            None => None,
        };
        let tls = address.is_tls() || endpoint.as_ref().is_some_and(|url| url.scheme() == "https");
        let transport =
            Transport::new(&address, tls, &setup.headers, setup.ca_file.as_deref(), setup.bounds)?;
        Ok(Self {
            address,
            transport,
            tokens: Tokens::new(setup.login, endpoint, setup.clock.clone(), setup.entropy.clone()),
            pace: Pace::new(setup.pace),
            journal: Journal::default(),
            clock: setup.clock,
            entropy: setup.entropy,
            tries_max: setup.tries_max,
            refusals: setup.refusals,
            failures: AtomicU32::new(0),
            resting: std::sync::Mutex::new(None),
        })
    }

    /// Where the tenant is.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// How many requests may be under way at once.
    #[must_use]
    pub fn concurrent(&self) -> usize {
        self.pace.concurrent()
    }

    /// Counts since the client was made.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.journal.tally()
    }

    /// How long requests will take, by the catalogue's pace and what answers have told so far.
    #[must_use]
    pub fn outlook(&self) -> Outlook {
        let tally = self.tally();
        let asked = u32::try_from(tally.by_status.values().sum::<u64>()).unwrap_or(u32::MAX);
        self.pace.outlook(tally.answering.checked_div(asked))
    }

    /// How much was taken of the vendor's windows at the most, by bucket.
    #[must_use]
    pub fn taken(&self) -> Vec<Taken> {
        self.pace.taken()
    }

    /// The last requests, oldest first.
    #[must_use]
    pub fn record(&self) -> Vec<Made> {
        self.journal.record()
    }

    /// The access token in use, for reading what it says about its own rights.
    ///
    /// # Errors
    /// Where none can be had.
    pub async fn token(&self) -> Result<Arc<Secret<String>>, HttpError> {
        Ok(self.tokens.current(&self.transport, &self.journal).await?.text)
    }

    /// Reads. Tried again while the server cannot be reached or says "not now"; a refused token is
    /// renewed once. An answer of any other status is returned as it is.
    ///
    /// # Errors
    /// Where no whole answer came.
    pub async fn get(&self, target: &str) -> Result<Answer, HttpError> {
        self.resting(target)?;
        let mut tries = 0;
        loop {
            tries += 1;
            let outcome = self.authorized("GET", target, None).await;
            match self.next(&outcome, tries) {
                Next::Stop => {
                    self.note(&outcome);
                    return outcome;
                }
                Next::Wait(wait) => {
                    self.journal.add(|tally| tally.retries += 1);
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    /// Writes, once. A refused token is renewed and the request sent again, and so it is where the place is
    /// locked for now (423), because the server did nothing then; in every other case the caller finds out what
    /// happened before it goes on.
    ///
    /// # Errors
    /// [`HttpError::never_sent`] says whether the server can have done anything.
    pub async fn send(&self, request: &Outgoing) -> Result<Answer, HttpError> {
        let body = request.body.as_ref().map(|(body, kind)| (Bytes::copy_from_slice(body), kind.as_str()));
        let mut tries = 0;
        loop {
            tries += 1;
            let outcome = self.authorized(request.method, &request.target, body.clone()).await;
            if let Ok(answer) = &outcome {
                self.slow_down(answer);
            }
            let locked = outcome.as_ref().is_ok_and(|answer| answer.status == retry::LOCKED);
            if !locked || tries >= self.tries_max {
                return outcome;
            }
            self.journal.add(|tally| tally.retries += 1);
            tokio::time::sleep(self.backoff(tries)).await;
        }
    }

    /// One request with a token; a second one with a new nonce or token if the first was refused.
    async fn authorized(
        &self,
        method: &'static str,
        target: &str,
        body: Option<(Bytes, &str)>,
    ) -> Result<Answer, HttpError> {
        let (mut answer, token) = self.once(method, target, body.clone()).await?;
        if self.tokens.has_new_nonce(&answer) && answer.status == 401 {
            answer = self.once(method, target, body.clone()).await?.0;
        }
        if answer.status != 401 || !self.tokens.can_renew() || self.is_settled(&answer) {
            return Ok(answer);
        }
        self.tokens.forget(token.serial).await;
        Ok(self.once(method, target, body).await?.0)
    }

    /// Whether a 401 says by its words that the token is not what is refused.
    fn is_settled(&self, answer: &Answer) -> bool {
        let said = String::from_utf8_lossy(&answer.body);
        self.refusals.iter().any(|words| said.contains(words.as_str()))
    }

    async fn once(
        &self,
        method: &'static str,
        target: &str,
        body: Option<(Bytes, &str)>,
    ) -> Result<(Answer, Token), HttpError> {
        let url = self.address.url(target)?;
        let mut entered = self.pace.enter(target).await;
        let token = self.tokens.current(&self.transport, &self.journal).await?;
        let started = Instant::now();
        let sent =
            url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
        let proof = self.tokens.proof(method, &url, Some(&token))?;
        let packet = Packet { method, url, authorization: Some(token.header.clone()), proof, body };
        let outcome = self.transport.exchange(packet).await;
        let (status, bytes) = outcome.as_ref().map_or((0, 0), |answer| (answer.status, answer.body.len()));
        self.journal.made(Made { method, target: sent, status }, bytes);
        let took = started.elapsed();
        self.journal.add(|tally| {
            tally.waited += entered.waited;
            tally.answering += took;
        });
        tracing::debug!(method, path = path_of(target), status, bytes, ms = took.as_millis(), "request");
        let answer = outcome?;
        entered.learn(&answer, self.clock.now());
        Ok((answer, token))
    }

    fn next(&self, outcome: &Result<Answer, HttpError>, tries: u32) -> Next {
        let last = self.failures.load(Ordering::Relaxed) >= FAILURES_MAX;
        match outcome {
            Ok(answer) if answer.status == 429 => match self.slow_down(answer) {
                Some(wait) if tries < retry::THROTTLED_TRIES_MAX && wait <= retry::WAIT_MAX => {
                    Next::Wait(Duration::ZERO)
                }
                None if tries < retry::THROTTLED_TRIES_MAX => Next::Wait(self.backoff(tries)),
                _ => Next::Stop,
            },
            Ok(answer) if retry::passes(answer.status) && tries < self.tries_max => {
                let asked = self.slow_down(answer).filter(|wait| *wait <= retry::WAIT_MAX);
                Next::Wait(asked.map_or_else(|| self.backoff(tries), |_| Duration::ZERO))
            }
            Err(error) if error.passes() && tries < self.tries_max && !last => {
                Next::Wait(self.backoff(tries))
            }
            _ => Next::Stop,
        }
    }

    /// Holds all requests back where the answer asks for it; returns for how long.
    fn slow_down(&self, answer: &Answer) -> Option<Duration> {
        if !retry::passes(answer.status) {
            return None;
        }
        let wait = retry::retry_after(answer.header("retry-after")?, self.clock.now())?;
        if wait <= retry::WAIT_MAX {
            self.pace.hold(wait);
        }
        Some(wait)
    }

    fn backoff(&self, tries: u32) -> Duration {
        let jitter = entropy::draw::<4>(&*self.entropy).map_or(u32::MAX / 2, u32::from_le_bytes);
        retry::backoff(tries, jitter)
    }

    /// Counts calls in a row that got no answer after all tries.
    fn note(&self, outcome: &Result<Answer, HttpError>) {
        match outcome {
            Err(error) if error.passes() => {
                let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
                if failures >= FAILURES_MAX {
                    *self.resting.lock().unwrap_or_else(std::sync::PoisonError::into_inner) =
                        Some(Instant::now() + REST);
                }
            }
            Ok(_) => self.failures.store(0, Ordering::Relaxed),
            Err(_) => {}
        }
    }

    /// Refuses at once while the server is taken to be gone: a sweep of a thousand parents must
    /// not wait a thousand times.
    fn resting(&self, target: &str) -> Result<(), HttpError> {
        let mut resting = self.resting.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match *resting {
            Some(until) if Instant::now() < until => Err(HttpError::GivenUp {
                host: self.address.host(),
                path: path_of(target),
                failures: self.failures.load(Ordering::Relaxed),
            }),
            _ => {
                *resting = None;
                Ok(())
            }
        }
    }
}
