//! Finds what there is to tell and tells it, for each tenant in a turn of its own.
//!
//! The turn is not that of runs: one that reads a large tenant for hours holds up no alert, and a receiver
//! that is down holds up no run. The outbox is written before anything is sent, and again with how far each
//! receiver got; a process that dies between the two sends the same ids again.

mod undelivered;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::base::time::Clock;
use crate::catalog::Provider;
use crate::daemon::alert::apart::{Apart, Program};
use crate::daemon::alert::raise::{Raise, RaiseError};
use crate::daemon::alert::{Alert, Class, Outbox, Phase, Receiver, Rules, Severity, Stale, id_of, states};
use crate::daemon::book::Book;
use crate::daemon::care::{CareBook, NAMELESS};
use crate::daemon::once::Once;
use crate::daemon::place::Place;
use crate::daemon::schedule::{PATIENCE_MAX, Schedule, is_left_alone, patience};
use crate::daemon::watched::Watched;
use crate::history::HistoryError;
use crate::store::StoreError;

pub use undelivered::{Undelivered, Waiting};

/// How often it is looked whether there is something to tell.
const LOOK_EVERY: Duration = Duration::from_secs(15);
/// Snapshots that no run of a schedule took are noticed after so long.
const READ_EVERY: SignedDuration = SignedDuration::from_mins(5);
/// Alerts that go to a receiver before it is noted that he has them.
const BATCH: usize = 20;
/// A batch ends after this, so that the turn, which ends after 30 s, is put off in time.
const BATCH_TIME: Duration = Duration::from_secs(8);

/// Who hears that alerts do not arrive.
pub trait Complain: Send + Sync {
    /// A receiver did not take an alert; it is tried again.
    fn undelivered(&self, receiver: &str, why: &str);
    /// What there is to tell of a tenant cannot be seen; that is tried again.
    fn blind(&self, tenant: &str, why: &str);
}

/// What is worth telling.
pub struct Policy {
    /// The rules.
    pub rules: Rules,
    /// How old the last good snapshot may be.
    pub stale: Stale,
    /// The kinds of which drift from the baseline is told; empty for all.
    pub drift: Vec<String>,
    /// What rules are asked with.
    pub program: Program,
}

/// A tenant of which is told.
struct Tenant {
    name: String,
    catalog: &'static Provider,
    schedule: Schedule,
}

/// A receiver that took nothing lately.
#[derive(Clone, Copy)]
struct Away {
    tries: u32,
    until: Timestamp,
}

/// Tells receivers of tenants.
pub struct Teller {
    place: Arc<Place>,
    clock: Arc<dyn Clock>,
    tenants: Vec<Tenant>,
    policy: Policy,
    receivers: Vec<Receiver>,
    complain: Arc<dyn Complain>,
    /// Who is left alone for a while: known to this process alone, as a new one tries at once.
    away: Mutex<BTreeMap<String, Away>>,
    /// The newest snapshot by the book when the history was read last, and when that was.
    read: Mutex<BTreeMap<String, (String, Timestamp)>>,
    wake: Notify,
    /// What a person has to mend, of each tenant, as the outbox says.
    troubles: Mutex<BTreeMap<String, Vec<String>>>,
    /// What cannot be seen, so that it is said once.
    blind: Once,
}

impl Teller {
    /// Of these tenants, to these receivers.
    #[must_use]
    pub fn new(
        place: Arc<Place>,
        clock: Arc<dyn Clock>,
        watched: &[Watched],
        policy: Policy,
        receivers: Vec<Receiver>,
        complain: Arc<dyn Complain>,
    ) -> Self {
        let tenant = |watched: &Watched| Tenant {
            name: watched.name.clone(),
            catalog: watched.catalog,
            schedule: watched.schedule.clone(),
        };
        Self {
            place,
            clock,
            tenants: watched.iter().map(tenant).collect(),
            policy,
            receivers,
            complain,
            away: Mutex::default(),
            read: Mutex::default(),
            wake: Notify::new(),
            troubles: Mutex::default(),
            blind: Once::default(),
        }
    }

    /// What of alerts a person has to mend, a line each, whichever process found it: rules that come to no end, baselines
    /// that are gone.
    #[must_use]
    pub fn troubles(&self) -> Vec<String> {
        let troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        troubles.values().flatten().cloned().collect()
    }

    /// Something happened: it is looked at once.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Tells until it is told to stop.
    pub async fn serve(&self, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow_and_update() {
            self.round(&stop).await;
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = self.wake.notified() => {}
                _ = stop.changed() => {}
            }
        }
    }

    /// Looks once at every tenant and tells what there is.
    pub async fn round(&self, stop: &watch::Receiver<bool>) {
        if self.receivers.is_empty() {
            return;
        }
        // The repository itself comes last: it has a book, and no history.
        for tenant in self.tenants.iter().map(Some).chain([None]) {
            if *stop.borrow() {
                return;
            }
            let name = tenant.map_or(NAMELESS, |tenant| tenant.name.as_str());
            match self.tell(name, tenant, stop).await {
                Ok(())
                | Err(HistoryError::Store(StoreError::Locked { .. } | StoreError::TurnLost { .. })) => {}
                Err(error) => self.blind(name, &error.to_string()),
            }
            self.blind.looked(name);
        }
    }

    fn blind(&self, name: &str, why: &str) {
        if self.blind.is_new(name, why) {
            self.complain.blind(name, why);
        }
    }

    /// Sends one alert that says that it is a test, past the outbox; what each receiver answered.
    pub async fn test(&self) -> Vec<(String, Result<(), String>)> {
        let now = self.clock.now();
        let tenant = self.tenants.first().map_or(NAMELESS, |tenant| tenant.name.as_str());
        let id = id_of(&["test", &now.to_string()]);
        let says = "this is a test: alerts arrive here".to_owned();
        let alert =
            Alert { severity: Severity::Info, ..Alert::of(Class::Test, tenant, id, Phase::Event, now, says) };
        let send = self
            .receivers
            .iter()
            .map(async |receiver| (receiver.name.clone(), receiver.carrier.carry(&alert, now).await));
        join_all(send).await
    }

    async fn tell(
        &self,
        name: &str,
        tenant: Option<&Tenant>,
        stop: &watch::Receiver<bool>,
    ) -> Result<(), HistoryError> {
        let books = self.place.books();
        let book = self.book(name);
        let kept = outbox_of(name);
        let known = self.outbox(name, books.book(&kept))?;
        let is_read = is_read(&self.read, name, newest(book.as_ref()), self.clock.now());
        let mut outbox = known.clone();
        let mut seen = self.find(tenant, book.as_ref(), &mut outbox, is_read)?;
        if outbox != known || self.has_work(&outbox) {
            let repository = self.place.repository()?;
            let mut turn = repository.turn(&kept)?;
            let before = self.outbox(name, turn.book())?;
            // Whoever had the turn may have told of a younger book than the one that was read above.
            let again = self.book(name);
            if before != known || again != book || tenant.is_none() {
                outbox = before.clone();
                seen = self.find(tenant, again.as_ref(), &mut outbox, false)?;
            }
            if outbox != before {
                turn.write_book(&outbox.to_bytes())?;
            }
            // One batch: the other tenants' alerts do not wait for a slow receiver of this one's.
            if !*stop.borrow() && self.deliver(&mut outbox, stop).await {
                outbox.tidy(name, self.clock.now());
                turn.write_book(&outbox.to_bytes())?;
                if self.has_work(&outbox) {
                    self.wake();
                }
            }
        }
        let troubles = states::troubles(&outbox, name);
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), troubles);
        if seen && !is_read {
            let newest = (newest(book.as_ref()).to_owned(), self.clock.now());
            self.read.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), newest);
        }
        Ok(())
    }

    /// The book of a tenant's runs. One that cannot be read is none, and not an empty one, which says that all
    /// is well.
    fn book(&self, name: &str) -> Option<Book> {
        let read = Book::read(self.place.books(), name);
        read.inspect_err(|error| self.blind(name, &error.to_string())).ok()
    }

    /// An outbox as it was read. In place of a damaged one a new one is begun, and somebody hears of it.
    fn outbox(&self, name: &str, read: Result<Option<Vec<u8>>, StoreError>) -> Result<Outbox, StoreError> {
        match read {
            Ok(None) => Ok(Outbox::default()),
            Ok(Some(bytes)) => Outbox::from_bytes(&bytes).ok_or_else(|| StoreError::NewerObject {
                object: format!("the outbox `{}`", outbox_of(name)),
                what: "its form is unknown; nothing is told until it is understood".to_owned(),
            }),
            Err(error @ StoreError::Damaged { .. }) => {
                self.blind(name, &format!("{error}; what waited there is lost"));
                Ok(Outbox::default())
            }
            Err(error) => Err(error),
        }
    }

    /// Puts into the outbox what there is to tell; whether all of the history could be seen.
    fn find(
        &self,
        tenant: Option<&Tenant>,
        book: Option<&Book>,
        outbox: &mut Outbox,
        is_read: bool,
    ) -> Result<bool, HistoryError> {
        let now = self.clock.now();
        for receiver in &self.receivers {
            outbox.meet(&receiver.name, now);
        }
        let Some(tenant) = tenant else {
            states::of_care(outbox, &CareBook::read(self.place.books())?, now);
            outbox.tidy(NAMELESS, now);
            return Ok(true);
        };
        let mut seen = true;
        if !is_read {
            let repository = self.place.repository()?;
            let raise = Raise {
                repository: &repository,
                catalog: tenant.catalog,
                tenant: &tenant.name,
                rules: &self.policy.rules,
                drift: &self.policy.drift,
            };
            let mut raised = outbox.clone();
            match raise.work_through(&mut raised, &mut Apart::new(self.policy.program.clone())) {
                Ok(()) => *outbox = raised,
                Err(RaiseError::History(HistoryError::Store(StoreError::UnknownTenant { .. }))) => {
                    outbox.through.get_or_insert(0);
                }
                // What cannot be seen silences neither the states nor what was found before.
                Err(error) => {
                    self.blind(&tenant.name, &error.to_string());
                    seen = false;
                }
            }
        }
        if let Some(book) = book {
            states::of_book(outbox, &tenant.name, book, &tenant.schedule, self.policy.stale, now);
        }
        outbox.tidy(&tenant.name, now);
        Ok(seen)
    }

    /// Sends a batch to everybody who is not away; whether anybody got further.
    async fn deliver(&self, outbox: &mut Outbox, stop: &watch::Receiver<bool>) -> bool {
        let ready = self.receivers.iter().filter(|receiver| !self.is_away(receiver));
        let waiting = ready.map(|receiver| (receiver, outbox.waiting(&receiver.name)));
        let waiting: Vec<_> = waiting.filter(|(_, alerts)| !alerts.is_empty()).collect();
        let sending = waiting.into_iter().map(async |(receiver, alerts)| {
            let next = self.batch(receiver, &alerts, stop.clone()).await;
            (receiver.name.clone(), next)
        });
        let mut further = false;
        for (name, next) in join_all(sending).await {
            if let Some(next) = next {
                outbox.got(&name, next);
                further = true;
            }
        }
        further
    }

    /// Sends a receiver some of what waits for him, in order; the number after the last one that he took.
    async fn batch(
        &self,
        receiver: &Receiver,
        alerts: &[Alert],
        mut stop: watch::Receiver<bool>,
    ) -> Option<u64> {
        let mut next = None;
        let (mut sent, begun) = (0, Instant::now());
        for alert in alerts {
            if receiver.wants(alert) {
                if sent == BATCH || begun.elapsed() > BATCH_TIME {
                    break;
                }
                let taken = tokio::select! {
                    taken = receiver.carrier.carry(alert, self.clock.now()) => taken,
                    _ = stop.wait_for(|stop| *stop) => break,
                };
                if let Err(why) = taken {
                    self.complain.undelivered(&receiver.name, &why);
                    self.leave_alone(receiver);
                    break;
                }
                sent += 1;
                self.away().remove(&receiver.name);
            }
            next = Some(alert.number + 1);
        }
        next
    }

    fn away(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Away>> {
        self.away.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_away(&self, receiver: &Receiver) -> bool {
        let waits = |away: &Away| is_left_alone(away.until, PATIENCE_MAX, self.clock.now());
        self.away().get(&receiver.name).is_some_and(waits)
    }

    fn leave_alone(&self, receiver: &Receiver) {
        let now = self.clock.now();
        let mut away = self.away();
        let tries = away.get(&receiver.name).map_or(1, |away| away.tries.saturating_add(1));
        let until = now.checked_add(patience(tries)).unwrap_or(Timestamp::MAX);
        away.insert(receiver.name.clone(), Away { tries, until });
    }

    fn has_work(&self, outbox: &Outbox) -> bool {
        self.receivers
            .iter()
            .any(|receiver| !self.is_away(receiver) && !outbox.waiting(&receiver.name).is_empty())
    }
}

fn newest(book: Option<&Book>) -> &str {
    book.and_then(|book| book.good.as_ref()).map(|good| good.snapshot.as_str()).unwrap_or_default()
}

/// Whether the history was read lately, and nothing came since that the book knows of.
fn is_read(
    read: &Mutex<BTreeMap<String, (String, Timestamp)>>,
    name: &str,
    newest: &str,
    now: Timestamp,
) -> bool {
    let read = read.lock().unwrap_or_else(PoisonError::into_inner);
    read.get(name).is_some_and(|(known, at)| {
        known == newest && now.duration_since(*at).unsigned_abs() < READ_EVERY.unsigned_abs()
    })
}

/// What the outbox of a tenant is kept under, beside its book: no tenant can be called so. That of the repository
/// is `/alerts`.
fn outbox_of(tenant: &str) -> String {
    format!("{tenant}/alerts")
}
