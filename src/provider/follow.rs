//! Reading the vendor's record on from where it was read to.
//!
//! A span of time misses what comes late. A vendor that lets its record be followed names a next page
//! after the newest event too, and whatever becomes readable later stands there, however old it is.

use std::collections::HashSet;

use jiff::Timestamp;

use crate::base::key::Kind;
use crate::catalog::{Audit, Shape};
use crate::http::{error::path_of, with_query};
use crate::provider::error::ProviderError;
use crate::provider::events::{Event, lower_bound, read};
use crate::provider::live::Live;
use crate::provider::page::Pager;
use crate::provider::rows;

/// From where to read on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum From {
    /// The place that the last reading ended at.
    Place(String),
    /// Events of this time and later.
    Time(Timestamp),
}

impl Live {
    /// Every event that has become readable since, oldest first as the vendor gives them, and the place
    /// to read on from.
    ///
    /// # Errors
    /// The record cannot be read, or the vendor does not know the place any more; a provider whose
    /// record cannot be followed.
    pub async fn follow(&self, from: &From) -> Result<(Vec<Event>, String), ProviderError> {
        let no_way = |reason: &str| ProviderError::NoWay { kind: Kind::new("audit"), reason: reason.into() };
        let audit = self.catalog.audit.as_ref().filter(|audit| audit.follow.is_some());
        let audit = audit.ok_or_else(|| no_way("the provider's log cannot be followed"))?;
        let target = match from {
            From::Place(target) => target.clone(),
            From::Time(time) => {
                let path = self.fill_plain(&audit.path)?;
                with_query(&path, &[(&audit.since, lower_bound(audit, *time))])
            }
        };
        self.read_on(audit, target).await
    }

    async fn read_on(&self, audit: &Audit, target: String) -> Result<(Vec<Event>, String), ProviderError> {
        let shape = |what: String| ProviderError::Shape { path: path_of(&target), what };
        let mut pager = Pager::going_on(self.paging(audit.paging.as_ref()), target.clone());
        let mut seen = HashSet::new();
        let mut events = Vec::new();
        let mut place = target.clone();
        while let Some(next) = pager.target().map(str::to_owned) {
            let (value, answer) = self.json(&next, &[], &audit.scopes).await?;
            place = next;
            let mark = pager.pointer().and_then(|at| at.get(&value)).cloned();
            let found = rows::take(Shape::Object, &audit.items, value).map_err(&shape)?;
            if found.is_empty() {
                break;
            }
            for row in &found {
                let event = read(audit, row).map_err(&shape)?;
                if seen.insert(event.id.clone()) {
                    events.push(event);
                }
            }
            pager.turn(found.len(), mark.as_ref(), &answer, self.client.address()).map_err(&shape)?;
            if pager.target().is_none() {
                return Err(shape(
                    "no page is named after the last one: what comes next would be missed".into(),
                ));
            }
        }
        Ok((events, place))
    }
}
