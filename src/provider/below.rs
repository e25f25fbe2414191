//! A list of parents that have instances, and the instances of each: of five thousand users only
//! the two hundred that are linked to another identity provider are asked for their links.

use futures::StreamExt;
use futures::stream::FuturesUnordered;

use crate::base::coverage::State;
use crate::base::key::ResourceKey;
use crate::catalog::{Context, KindSpec, Read, Template};
use crate::json::Value;
use crate::provider::error::{Fault, ProviderError, Sort};
use crate::provider::ident;
use crate::provider::listing::{Row, shape};
use crate::provider::live::Live;
use crate::provider::pass::{Job, Outcome};
use crate::provider::rows;
use crate::provider::sweep::Item;

impl Live {
    /// Reads the instances below each row of a page, which are resources of the parent kind.
    pub(crate) async fn hand_over_below(
        &self,
        job: &Job<'_>,
        (read, path): (&Read, &Template),
        context: &Context<'_>,
        found: Vec<Row>,
        outcome: &mut Outcome,
    ) {
        let mut rows = found.into_iter();
        let mut under_way = FuturesUnordered::new();
        loop {
            while under_way.len() < self.client.concurrent() {
                let Some(row) = rows.next() else { break };
                under_way.push(async move {
                    let below = self.below(job.spec, (read, path), context, &row).await;
                    (row.id, below)
                });
            }
            let Some((parent, below)) = under_way.next().await else { return };
            outcome.requests += 1;
            match below {
                Ok(items) => self.hand_over_new(job, items, outcome).await,
                Err(fault) if fault.sort == Sort::Vanished => {}
                Err(fault) => outcome.faults.push((job.parent_key(parent), fault)),
            }
        }
    }

    async fn hand_over_new(&self, job: &Job<'_>, items: Vec<Item>, outcome: &mut Outcome) {
        let mut new = Vec::with_capacity(items.len());
        for item in items {
            match job.repeats(&item.key, &item.body) {
                Ok(false) => new.push(item.into()),
                Ok(true) => {}
                Err(fault) => outcome.faults.push((Some(item.key), fault)),
            }
        }
        outcome.rows += new.len() as u64;
        // The receiver lives as long as the sweep; without it nobody wants the rows.
        job.items.send(new).await.ok();
    }

    /// The instances of one parent.
    pub(crate) async fn below(
        &self,
        spec: &KindSpec,
        (read, path): (&Read, &Template),
        context: &Context<'_>,
        parent: &Row,
    ) -> Result<Vec<Item>, Fault> {
        let kind = spec.parent.first().ok_or_else(|| no_parent(spec))?;
        let target = context.with(kind, &parent.body).fill(spec, path).map_err(ProviderError::from)?;
        let (value, answer) = self.json(&target, &read.statuses, &spec.scopes.read).await?;
        let found = rows::take(spec.shape, &read.items, value).map_err(|what| shape(&target, what))?;
        let raw_len = answer.body.len() / found.len().max(1);
        let item = |body: Value| {
            let own = ident::of_row(spec, &body)
                .ok_or_else(|| Fault::new(State::Partial, format!("a row of `{}` has no id", spec.kind)))?;
            let body = rows::kept(spec, body);
            let key = rows::key(&spec.kind, std::slice::from_ref(&parent.id), own);
            Ok(Item { key, body, raw_len })
        };
        found.into_iter().map(item).collect()
    }

    /// One instance, asked for by its parent.
    pub(crate) async fn one_below(
        &self,
        spec: &KindSpec,
        (read, path): (&Read, &Template),
        context: &Context<'_>,
        key: &ResourceKey,
    ) -> Result<Option<Item>, ProviderError> {
        let parent = spec.parent.first().and_then(|kind| self.catalog.kind(kind));
        let (Some(parent), Some(id)) = (parent, key.ids.first()) else {
            return Err(ProviderError::NoWay { kind: spec.kind.clone(), reason: "it has no parent".into() });
        };
        let row = Row { id: id.clone(), body: ident::stub(parent, id) };
        match self.below(spec, (read, path), context, &row).await {
            Ok(items) => Ok(items.into_iter().find(|item| item.key == *key)),
            Err(fault) if fault.sort == Sort::Vanished => Ok(None),
            Err(fault) => Err(ProviderError::NoWay { kind: spec.kind.clone(), reason: fault.reason }),
        }
    }
}

fn no_parent(spec: &KindSpec) -> Fault {
    Fault::new(State::Failed, format!("`{}` has no parent to read below", spec.kind))
}
