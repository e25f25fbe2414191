//! What an apply holds on to while it runs: the snapshot before, and the right to apply.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;

use super::*;
use crate::base::coverage::State;
use crate::base::key::{Kind, ResourceKey};
use crate::restore::tests::applying::damaged;
use crate::restore::{Call, Reply, TenantError};
use crate::store::StoreError;

/// A journal that counts how often it is asked to be kept, and is lost at some time.
struct Counted {
    notes: Notes,
    asked: Arc<AtomicUsize>,
    lost_at: usize,
}

impl Journal for Counted {
    fn append(&mut self, entry: &Entry) -> Result<(), JournalError> {
        self.notes.append(entry)
    }

    fn entries(&self) -> Result<Vec<Entry>, JournalError> {
        self.notes.entries()
    }

    fn keep(&mut self) -> Result<(), JournalError> {
        match self.asked.fetch_add(1, Ordering::SeqCst) + 1 {
            count if count < self.lost_at => Ok(()),
            _ => Err(StoreError::LeaseLost { tenant: "t".into() }.into()),
        }
    }

    fn kept_every(&self) -> Duration {
        Duration::from_millis(1)
    }
}

/// A tenant that lets no call through before the journal was asked so often.
struct Slow<'m> {
    memory: &'m Memory,
    asked: Arc<AtomicUsize>,
    until: usize,
}

impl Tenant for Slow<'_> {
    fn read<'a>(&'a self, key: &'a ResourceKey) -> BoxFuture<'a, Result<Option<Value>, TenantError>> {
        self.memory.read(key)
    }

    fn list<'a>(
        &'a self,
        kind: &'a Kind,
        parent: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<(ResourceKey, Value)>, TenantError>> {
        self.memory.list(kind, parent)
    }

    fn send<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<Reply, TenantError>> {
        Box::pin(async move {
            while self.asked.load(Ordering::SeqCst) < self.until {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            self.memory.send(call).await
        })
    }
}

/// Applies with calls that wait until the journal was asked `until` times, and that is lost then.
fn slowly(until: usize, lost_at: usize) -> (Memory, Result<Summary, RestoreError>) {
    let (memory, plan) = damaged();
    let asked = Arc::new(AtomicUsize::new(0));
    let mut journal = Counted { notes: Notes::default(), asked: asked.clone(), lost_at };
    let state = memory.record();
    let start = Start::Begin { before: "before", state: &state };
    let summary =
        carried_out(&memory, &Slow { memory: &memory, asked, until }, &plan, &mut journal, ALL, start);
    (memory, summary)
}

#[test]
fn the_right_to_apply_is_kept_while_a_call_waits_for_its_turn() {
    let (_, summary) = slowly(5, usize::MAX);
    assert!(summary.unwrap().is_good());
}

#[test]
fn a_call_that_still_waits_when_the_right_is_lost_is_never_sent() {
    let (memory, ended) = slowly(usize::MAX, 3);
    assert!(matches!(&ended, Err(RestoreError::Journal(error)) if error.is_lost()), "{ended:?}");
    assert!(memory.sent().is_empty(), "{:?}", memory.sent());
}

#[test]
fn nothing_is_done_whose_way_back_the_snapshot_before_does_not_hold() {
    let (memory, plan) = damaged();
    let mut state = memory.record();
    state.bodies.remove(&tenant::key("group/g9"));
    let row = state.ledger.rows.get_mut(&Kind::new("group")).unwrap();
    (row.state, row.reason) = (State::NotPermitted, "the credential has no right to read it".into());
    let start = Start::Begin { before: "before", state: &state };
    let ended = carried_out(&memory, &memory, &plan, &mut Notes::default(), ALL, start);
    let Err(RestoreError::NotKept { key, why }) = &ended else { panic!("{ended:?}") };
    assert_eq!((key.to_path().as_str(), why.contains("no right to read")), ("group/g9", true), "{why}");
    assert!(memory.sent().is_empty());
}
