//! A sweep: all instances of one kind, handed over as they come, and a word on how complete it is.

use std::collections::BTreeMap;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use jiff::Timestamp;
use tokio::sync::mpsc;

use crate::base::coverage::{Exception, State};
use crate::base::key::{Kind, ResourceKey};
use crate::catalog::{KindSpec, Read};
use crate::json::JsonError;
use crate::json::Value;
use crate::provider::error::{Fault, Sort};
use crate::provider::given::Given;
use crate::provider::known::Known;
use crate::provider::live::Live;
use crate::provider::order::{anchors, is_made, left_out_for};
use crate::provider::pass::{Job, Outcome, Pass};

/// Pages that wait for the receiver at the most.
const PAGES_WAITING_MAX: usize = 8;

/// Rows that are handed over together at the most, but for what one page holds.
const TOGETHER: usize = 1_024;

/// After this many refusals in a row and not one success, the other parents are not asked.
const REFUSALS_MAX: u32 = 25;

/// One resource as the vendor gave it.
#[derive(Debug, Clone)]
pub struct Item {
    /// Its address in the tenant.
    pub key: ResourceKey,
    /// The body; of an edge only what the catalogue keeps.
    pub body: Value,
    /// Bytes that it took in the answer: its page's, shared evenly among the page's rows.
    pub raw_len: usize,
}

/// How far a kind was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swept {
    /// The state for the ledger.
    pub state: State,
    /// Why it is not complete.
    pub reason: String,
    /// Resources for whose children the state does not hold. Empty in a partial state means that
    /// nothing is known of what did not come.
    pub exceptions: Vec<Exception>,
    /// From before the first request to after the last answer; `None` where none was made.
    pub read: Option<(Timestamp, Timestamp)>,
    /// Reads that were needed, repeated ones not counted again.
    pub requests: u64,
    /// Rows handed over.
    pub rows: u64,
}

/// Rows that were handed over as they came and turned out not to be readable.
#[derive(Debug, Default)]
pub struct Unread {
    count: u64,
    why: Option<JsonError>,
}

impl Unread {
    /// One more.
    pub fn note(&mut self, why: JsonError) {
        self.count += 1;
        self.why.get_or_insert(why);
    }
}

impl Swept {
    /// Says that rows which were handed over could not be read: nothing is known of what did not come.
    pub fn lacks(&mut self, unread: &Unread) {
        let Some(why) = unread.why.as_ref().filter(|_| unread.count > 0) else { return };
        self.rows = self.rows.saturating_sub(unread.count);
        if self.state == State::Complete {
            let state = if self.rows == 0 { State::Failed } else { State::Partial };
            (self.state, self.reason) = (state, format!("{} of the rows: {why}", unread.count));
        }
        self.exceptions.clear();
    }

    fn unread(state: State, reason: impl Into<String>) -> Self {
        Self { state, reason: reason.into(), exceptions: Vec::new(), read: None, requests: 0, rows: 0 }
    }
}

impl Live {
    /// Reads all instances of a kind. `known` holds the kinds that come before it
    /// ([`crate::provider::order()`]); rows go to `sink` in no order, each key once.
    ///
    /// Never fails: what could not be read is a state, a reason and exceptions.
    pub async fn sweep(&self, spec: &KindSpec, known: &Known, sink: &mut (dyn FnMut(Item) + Send)) -> Swept {
        let mut unread = Unread::default();
        let mut items = |given: Vec<Given>| {
            for given in given {
                match given.read(spec) {
                    Ok(item) => sink(item),
                    Err(error) => unread.note(error),
                }
            }
        };
        let mut swept = self.sweep_as(spec, known, &mut items, false).await;
        swept.lacks(&unread);
        swept
    }

    /// The same; rows are handed over by pages, and as they came where nothing but the body is made of them.
    pub async fn sweep_sent(
        &self,
        spec: &KindSpec,
        known: &Known,
        sink: &mut (dyn FnMut(Vec<Given>) + Send),
    ) -> Swept {
        self.sweep_as(spec, known, sink, true).await
    }

    async fn sweep_as(
        &self,
        spec: &KindSpec,
        known: &Known,
        sink: &mut (dyn FnMut(Vec<Given>) + Send),
        hands_on: bool,
    ) -> Swept {
        if let Some(unread) = self.unread(spec) {
            return unread;
        }
        if let Some(other) = self.host_of(spec) {
            return Box::pin(other.sweep_as(spec, known, sink, hands_on)).await;
        }
        let started = self.clock.now();
        let (sender, mut receiver) = mpsc::channel(PAGES_WAITING_MAX);
        let reading = self.read_all(Job::new(spec, known, sender, hands_on));
        let handing = async {
            while let Some(mut items) = receiver.recv().await {
                // Small pages are taken together: those of many groups wait at once.
                while items.len() < TOGETHER {
                    let Ok(more) = receiver.try_recv() else { break };
                    items.extend(more);
                }
                sink(items);
            }
        };
        let (report, ()) = tokio::join!(reading, handing);
        let mut swept = report.settle();
        swept.read = (swept.requests > 0).then(|| (started, self.clock.now()));
        inherit(spec, known, &mut swept);
        swept
    }

    /// Whether anything is asked for a kind, as this tenant is configured.
    #[must_use]
    pub fn asks_for(&self, spec: &KindSpec) -> bool {
        self.unread(spec).is_none()
    }

    /// A kind that is not read at all, and why.
    fn unread(&self, spec: &KindSpec) -> Option<Swept> {
        if let Some(unread) = &spec.unread {
            return Some(Swept::unread(unread.state, unread.reason.clone()));
        }
        if let Some(carrier) = &spec.carried_by {
            return Some(Swept::unread(State::Excluded, format!("held by `{carrier}`")));
        }
        let costly = left_out_for(spec, &self.costly)?;
        Some(Swept::unread(State::Excluded, costs(spec, costly)))
    }

    async fn read_all(&self, job: Job<'_>) -> Report {
        let spec = job.spec;
        let mut report = Report::default();
        for read in &spec.read {
            if !read.is_fallback() {
                self.read_one_way(&job, read, &mut report).await;
            } else if let Some(refused) = report.take_refusal(&read.where_refused) {
                if !is_made(spec, read, &self.costly) {
                    let reason = format!("{}, and the other way {}", refused.reason, costs(spec, read));
                    report.faults.push((None, Fault::new(State::Failed, reason)));
                } else {
                    self.read_one_way(&job, read, &mut report).await;
                }
            }
        }
        report
    }

    async fn read_one_way(&self, job: &Job<'_>, read: &Read, report: &mut Report) {
        let mut passes = self.passes(job.spec, read, job.known);
        let mut under_way = FuturesUnordered::new();
        loop {
            while under_way.len() < self.client.concurrent() && report.stopped.is_none() {
                let Some(pass) = passes.next() else { break };
                under_way.push(self.pass(job, pass));
            }
            let Some(outcome) = under_way.next().await else { return };
            report.add(outcome);
        }
    }

    /// Makes one pass outside of a sweep and returns what it gave.
    pub(crate) async fn lone_pass(
        &self,
        spec: &KindSpec,
        known: &Known,
        pass: Pass<'_>,
    ) -> (Vec<Item>, Report) {
        let (sender, mut receiver) = mpsc::channel(PAGES_WAITING_MAX);
        let reading = async {
            let job = Job::new(spec, known, sender, false);
            let mut report = Report::default();
            report.add(self.pass(&job, pass).await);
            report
        };
        let gathering = async {
            let mut items = Vec::new();
            while let Some(page) = receiver.recv().await {
                items.extend(page);
            }
            items
        };
        let (mut report, given) = tokio::join!(reading, gathering);
        let mut items = Vec::with_capacity(given.len());
        for given in given {
            let key = given.key.clone();
            match given.read(spec) {
                Ok(item) => items.push(item),
                Err(error) => report.faults.push((Some(key), Fault::new(State::Partial, error.to_string()))),
            }
        }
        (items, report)
    }
}

/// What the passes of a sweep came to.
#[derive(Default)]
pub(crate) struct Report {
    faults: Vec<(Option<ResourceKey>, Fault)>,
    /// Passes that gave what there is.
    good: u64,
    rows: u64,
    requests: u64,
    refusals: u32,
    stopped: Option<String>,
}

impl Report {
    fn add(&mut self, outcome: Outcome) {
        self.rows += outcome.rows;
        self.requests += outcome.requests;
        // An answer by which the vendor says that there is none is an answer.
        let fault = outcome.fault.filter(|fault| fault.state != State::Complete);
        let refused = fault.as_ref().is_some_and(|fault| fault.state == State::NotPermitted);
        if outcome.idle {
            return;
        }
        if fault.is_none() && (outcome.rows > 0 || outcome.faults.is_empty()) {
            self.good += 1;
        }
        self.refusals = if refused && self.good == 0 { self.refusals + 1 } else { 0 };
        if self.refusals >= REFUSALS_MAX && self.stopped.is_none() {
            self.stopped =
                Some(format!("the first {REFUSALS_MAX} were all refused and the others not asked for"));
        }
        let all = fault.map(|fault| (outcome.at, fault)).into_iter().chain(outcome.faults);
        for (at, fault) in all {
            if fault.sort == Sort::Fatal {
                self.stopped.get_or_insert_with(|| "the others were not asked for".into());
            }
            self.faults.push((at, fault));
        }
    }

    /// The fault of a single pass, if it had one that is not about a single row.
    pub(crate) fn into_fault(self) -> Option<Fault> {
        self.faults.into_iter().map(|(_, fault)| fault).next()
    }

    /// Takes back a refusal with one of these statuses of a read that goes over nothing.
    fn take_refusal(&mut self, statuses: &[u16]) -> Option<Fault> {
        let refused = |(at, fault): &(Option<ResourceKey>, Fault)| {
            at.is_none() && fault.status.is_some_and(|status| statuses.contains(&status))
        };
        let place = self.faults.iter().position(refused)?;
        self.refusals = 0;
        Some(self.faults.remove(place).1)
    }

    /// What is refused beside what was answered is not there.
    fn weigh(&mut self) {
        if self.good == 0 {
            return;
        }
        for (_, fault) in &mut self.faults {
            if let Some(reason) = fault.beside.take() {
                (fault.state, fault.reason, fault.sort) = (State::NotEntitled, reason, Sort::Plain);
            }
        }
    }

    fn settle(mut self) -> Swept {
        self.weigh();
        let swept = |state, reason, exceptions| Swept {
            state,
            reason,
            exceptions,
            read: None,
            requests: self.requests,
            rows: self.rows,
        };
        let Some((_, first)) = self.faults.first() else {
            return swept(State::Complete, String::new(), Vec::new());
        };
        let more = self.stopped.as_ref().map(|why| format!("; {why}")).unwrap_or_default();
        let alike = self.faults.iter().all(|(_, fault)| fault.state == first.state);
        if alike && self.good == 0 && self.rows == 0 {
            let times = if self.faults.len() > 1 {
                format!(" (and {} more)", self.faults.len() - 1)
            } else {
                String::new()
            };
            return swept(first.state, format!("{}{times}{more}", first.reason), Vec::new());
        }
        let degrades = |fault: &Fault| {
            fault.sort != Sort::Vanished
                && !matches!(fault.state, State::NotEntitled | State::NoApi | State::Excluded)
        };
        let nowhere = self
            .faults
            .iter()
            .find(|(at, fault)| at.is_none() && (degrades(fault) || fault.sort == Sort::Vanished));
        if nowhere.is_some() || self.stopped.is_some() {
            let reason = nowhere.map_or(&first.reason, |(_, fault)| &fault.reason);
            return swept(State::Partial, format!("{reason}{more}"), Vec::new());
        }
        let missing = self.faults.iter().filter(|(_, fault)| degrades(fault)).count();
        let (state, reason) = match missing {
            0 => (State::Complete, self.lacking()),
            count => (
                State::Partial,
                format!("{count} could not be read: {}", first_degrading(&self.faults, degrades)),
            ),
        };
        swept(state, reason, exceptions(&self.faults))
    }

    /// What of the kind the tenant does not have, where no resource stands for it.
    fn lacking(&self) -> String {
        let reasons =
            self.faults.iter().filter(|(at, _)| at.is_none()).map(|(_, fault)| fault.reason.as_str());
        reasons.collect::<Vec<_>>().join("; ")
    }
}

/// Why a read is left out that makes a request for each of many resources.
fn costs(spec: &KindSpec, read: &Read) -> String {
    let each: Vec<_> = anchors(spec, read).map(Kind::as_str).collect();
    format!("costs a request for each `{}`, and the configuration does not ask for it", each.join("`, `"))
}

fn first_degrading(faults: &[(Option<ResourceKey>, Fault)], degrades: impl Fn(&Fault) -> bool) -> &str {
    faults
        .iter()
        .find(|(_, fault)| degrades(fault))
        .map(|(_, fault)| fault.reason.as_str())
        .unwrap_or_default()
}

/// One exception for each resource; of several faults at one, the first.
fn exceptions(faults: &[(Option<ResourceKey>, Fault)]) -> Vec<Exception> {
    let mut by_place: BTreeMap<String, Exception> = BTreeMap::new();
    for (at, fault) in faults.iter().filter_map(|(at, fault)| at.as_ref().map(|at| (at.to_path(), fault))) {
        let (state, reason) = match fault.sort {
            Sort::Vanished => (State::Partial, format!("vanished while it was read: {}", fault.reason)),
            _ => (fault.state, fault.reason.clone()),
        };
        by_place.entry(at.clone()).or_insert(Exception { at, state, reason });
    }
    by_place.into_values().collect()
}

/// What hangs on a kind that was not read whole is not whole either.
fn inherit(spec: &KindSpec, known: &Known, swept: &mut Swept) {
    if swept.state != State::Complete {
        return;
    }
    let sources = spec.read.iter().flat_map(|read| read.values_of.values()).map(|source| &source.of);
    let above = spec.read.iter().flat_map(|read| anchors(spec, read)).chain(&spec.parent).chain(sources);
    let Some((kind, state, why)) =
        above.filter_map(|kind| known.gap(kind).map(|(state, why)| (kind, state, why))).next()
    else {
        return;
    };
    swept.state = match state {
        State::Partial | State::Suspect => State::Partial,
        _ if swept.rows > 0 => State::Partial,
        other => other,
    };
    swept.reason = format!("it hangs on `{kind}`, which is {}: {why}", state.as_str());
    swept.exceptions.clear();
}
