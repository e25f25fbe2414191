//! The instances of a kind that changed since a time, as the vendor's own filter gives them.
//!
//! Such a list never says what is gone, and an instance that is not in it was not read: whoever asks
//! concludes nothing from an absence.

use jiff::Timestamp;

use crate::base::coverage::State;
use crate::catalog::{ChangeStyle, Changes, KindSpec, Read};
use crate::provider::error::{Fault, ProviderError};
use crate::provider::known::Known;
use crate::provider::listing::{Listing, Subject};
use crate::provider::live::Live;
use crate::provider::rows;
use crate::provider::sweep::{Item, Swept};

/// The filter by time of a kind that has one for the whole tenant.
#[must_use]
pub fn filter_of(spec: &KindSpec) -> Option<(&Changes, &Read)> {
    let changes = spec.changes.as_ref().filter(|changes| changes.style == ChangeStyle::Since)?;
    let read = spec.read.first().filter(|read| spec.parent.is_empty() && read.each.is_empty())?;
    Some((changes, read))
}

impl Live {
    /// Reads the instances that changed at `since` or later; see [`filter_of`]. Rows go to `sink`.
    ///
    /// Never fails: what could not be read is a state and a reason.
    pub async fn changed(
        &self,
        spec: &KindSpec,
        since: Timestamp,
        known: &Known,
        sink: &mut (dyn FnMut(Item) + Send),
    ) -> Swept {
        let started = self.clock.now();
        let mut swept = Swept {
            state: State::Complete,
            reason: String::new(),
            exceptions: Vec::new(),
            read: None,
            requests: 0,
            rows: 0,
        };
        if let Err(fault) = self.read_changed(spec, since, known, sink, &mut swept).await {
            (swept.state, swept.reason) = (fault.state, fault.reason);
        }
        swept.read = Some((started, self.clock.now()));
        swept
    }

    async fn read_changed(
        &self,
        spec: &KindSpec,
        since: Timestamp,
        known: &Known,
        sink: &mut (dyn FnMut(Item) + Send),
        swept: &mut Swept,
    ) -> Result<(), Fault> {
        let no_way = || ProviderError::NoWay { kind: spec.kind.clone(), reason: "it has no filter".into() };
        let (changes, read) = filter_of(spec).ok_or_else(no_way)?;
        // To the millisecond, always: vendors compare the text.
        let since = format!("{since:.3}");
        let fill = |name: &str| match name {
            "since" => Some(since.clone()),
            other => self.settings.get(other).cloned(),
        };
        let path = changes.path.fill(fill).map_err(ProviderError::from)?;
        let subject = Subject { spec, read, rows_of: spec, own: None, values: &[] };
        let mut list = Listing::new(self, subject, self.paging(changes.paging.as_ref()), path);
        let chain = crate::provider::chain::Chain::tenant(self.catalog, known);
        let context = chain.context(self.context());
        let ended = loop {
            let page = match list.next().await {
                Ok(Some(page)) => page,
                Ok(None) => break Ok(()),
                Err(fault) => break Err(fault),
            };
            let raw_len = page.bytes / page.rows.len().max(1);
            for row in page.rows {
                let key = rows::key(&spec.kind, &[], row.id);
                let mut requests = 0;
                let body = self.complete(spec, read, &context, row.body, &mut requests).await;
                swept.requests += requests;
                let body = body?;
                let body = rows::kept(spec, body);
                sink(Item { key, body, raw_len });
                swept.rows += 1;
            }
        };
        swept.requests += list.requests;
        ended
    }
}
