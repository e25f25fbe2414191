//! Reading a kind whole: every row is taken, and what did not come is judged.

use crate::base::coverage::{Row, State};
use crate::base::key::ResourceKey;
use crate::catalog::KindSpec;
use crate::collect::CollectError;
use crate::collect::absence::{Case, Verdict, judge};
use crate::collect::intake::{Intake, Taken};
use crate::collect::ledger::{self, join_reasons};
use crate::collect::run::{Gathering, Run};
use crate::provider::{self, Body, Given, Item, Known, Swept, Unread};
use crate::store::{Put, Snapshot};

impl Run<'_> {
    pub(crate) async fn sweep_all(
        &self,
        gathering: &mut Gathering,
        previous: Option<&Snapshot>,
    ) -> Result<(), CollectError> {
        // What everything is compared with is worth remembering where everything is read.
        gathering.intake =
            Intake::new(self.catalog, self.fingerprints.clone(), &mut gathering.session, true)?;
        let levels = provider::order(self.catalog);
        let all = levels.iter().map(Vec::len).sum();
        let read: Vec<&KindSpec> = levels.into_iter().flatten().filter(|spec| spec.is_asked_for()).collect();
        let before = previous.map(|was| was.ledger.as_ref());
        for (done, spec) in read.iter().enumerate() {
            let left = || self.left_of(read.get(done..)?, &gathering.ledger, before);
            self.progress.kind(&spec.kind, done, all, &left);
            self.sweep_kind(spec, gathering).await?;
        }
        ledger::fill_unread(self.catalog, before, &mut gathering.ledger);
        Ok(())
    }

    pub(crate) async fn sweep_kind(
        &self,
        spec: &KindSpec,
        gathering: &mut Gathering,
    ) -> Result<(), CollectError> {
        let (mut seen, mut fault, mut unread) = (0, None, Unread::default());
        let known = std::mem::take(&mut gathering.known);
        let mut fresh = Vec::new();
        let mut sink = |batch: Vec<Given>| {
            if fault.is_some() {
                return;
            }
            let before = gathering.session.count_said();
            let taken = self.take_all(spec, batch, &known, gathering, (&mut fresh, &mut unread));
            fault = taken.err();
            seen += gathering.session.count_said() - before;
            self.progress.rows(seen);
        };
        let mut swept = self.live.sweep_sent(spec, &known, &mut sink).await;
        if let Some(error) = fault {
            return Err(error);
        }
        swept.lacks(&unread);
        gathering.known = known;
        fresh.into_iter().for_each(|item| gathering.known.insert(item));
        let row = self.settle(spec, swept, seen, gathering).await?;
        gathering.known.note(&spec.kind, row.state, &row.reason);
        gathering.ledger.rows.insert(spec.kind.clone(), row);
        Ok(())
    }

    /// Reads a kind whole, of which something may have been taken already in this run.
    pub(crate) async fn sweep_again(
        &self,
        spec: &KindSpec,
        gathering: &mut Gathering,
    ) -> Result<(), CollectError> {
        let kind = &spec.kind;
        let session = &gathering.session;
        let there = session.parent_state().below(kind, &[]).filter(|key| session.has_said(key));
        let here = session.changed_below(kind, &[]).chain(gathering.gone.of(kind));
        let said: Vec<ResourceKey> = there.chain(here).collect();
        for key in said {
            gathering.unsay(&key);
        }
        gathering.part.remove(kind);
        self.sweep_kind(spec, gathering).await
    }

    /// Takes what came together. `fresh` gets what others need of it.
    fn take_all(
        &self,
        spec: &KindSpec,
        batch: Vec<Given>,
        known: &Known,
        gathering: &mut Gathering,
        (fresh, unread): (&mut Vec<Item>, &mut Unread),
    ) -> Result<(), CollectError> {
        let taken = gathering.intake.take(&mut gathering.session, spec, &batch)?;
        for (given, taken) in batch.into_iter().zip(taken) {
            let needed = match (&given.body, taken) {
                (_, Err(error)) => Err(error),
                (body, Ok(taken)) => {
                    gathering.note(&given.key, taken);
                    match body {
                        _ if !known.keeps(&spec.kind) => continue,
                        Body::Sent(sent) => known.trimmed_sent(spec, &given.key, sent),
                        Body::Read(_) => given.read(spec).map(|item| known.trimmed(item)),
                    }
                }
            };
            match needed {
                Ok(item) => fresh.push(item),
                Err(error) => unread.note(error),
            }
        }
        Ok(())
    }

    /// Brings one resource to canonical form and hands it to the session.
    pub(crate) fn take(
        &self,
        spec: &KindSpec,
        item: &Item,
        gathering: &mut Gathering,
    ) -> Result<Put, CollectError> {
        let taken = gathering.intake.take_read(&mut gathering.session, spec, item)?;
        let put = taken.put;
        gathering.note(&item.key, taken);
        Ok(put)
    }

    /// The same for a resource that may have been taken already in this run: the last reading holds.
    pub(crate) fn take_again(
        &self,
        spec: &KindSpec,
        item: &Item,
        gathering: &mut Gathering,
    ) -> Result<(), CollectError> {
        let was = gathering.has(&item.key);
        gathering.unsay(&item.key);
        self.take(spec, item, gathering)?;
        if let Some(row) = gathering.ledger.rows.get_mut(&spec.kind).filter(|_| !was) {
            row.count += 1;
        }
        Ok(())
    }

    /// Decides about what did not come, and writes the kind's row.
    async fn settle(
        &self,
        spec: &KindSpec,
        swept: Swept,
        seen: u64,
        gathering: &mut Gathering,
    ) -> Result<Row, CollectError> {
        let (before, missing) = gathering.session.unsaid(&spec.kind);
        let mut row = Row {
            state: swept.state,
            reason: swept.reason,
            count: seen + missing.len() as u64,
            read: swept.read,
            exceptions: swept.exceptions,
        };
        let verdict = judge(Case {
            spec,
            state: row.state,
            exceptions: &row.exceptions,
            lost_rights: &gathering.lost_rights,
            before,
            missing,
            gone: &gathering.gone,
        });
        match verdict {
            Verdict::Carry { state, reason } => {
                row.state = state;
                row.reason = join_reasons(&row.reason, &reason);
            }
            Verdict::Confirm { ask, gone } => {
                for key in gone {
                    forget(gathering, &key, &mut row)?;
                }
                for key in ask {
                    self.confirm(spec, &key, &mut row, gathering).await?;
                }
            }
        }
        Ok(row)
    }

    /// Asks for a resource that did not come; only a plain "gone" removes it.
    pub(crate) async fn confirm(
        &self,
        spec: &KindSpec,
        key: &ResourceKey,
        row: &mut Row,
        gathering: &mut Gathering,
    ) -> Result<(), CollectError> {
        match self.live.read_one(spec, key, &gathering.known).await {
            Ok(None) => forget(gathering, key, row)?,
            Ok(Some(item)) => {
                self.take(spec, &item, gathering)?;
                row.state = State::Partial;
                row.reason = join_reasons(&row.reason, &format!("the list left out `{key}`, which exists"));
            }
            Err(error) => {
                row.state = State::Partial;
                let reason = format!("`{key}` did not come and could not be asked for: {error}");
                row.reason = join_reasons(&row.reason, &reason);
            }
        }
        Ok(())
    }
}

impl Gathering {
    /// Notes what became of a resource that was taken.
    fn note(&mut self, key: &ResourceKey, taken: Taken) {
        self.unknown.extend(taken.unknown);
        self.repeated += u64::from(taken.repeats);
        if taken.put != Put::Same
            && let Some(fresh) = &mut self.fresh
        {
            fresh.insert(key.clone());
        }
    }
}

pub(crate) fn forget(
    gathering: &mut Gathering,
    key: &ResourceKey,
    row: &mut Row,
) -> Result<(), CollectError> {
    gathering.unsay(key);
    gathering.session.gone(key)?;
    gathering.gone.insert(key);
    row.count = row.count.saturating_sub(1);
    Ok(())
}
