//! How long a run still takes: what is left of its kinds, through the vendor's windows. Pure.

use std::time::Duration;

use crate::base::coverage::Ledger;
use crate::base::key::Kind;
use crate::catalog::KindSpec;
use crate::collect::run::Run;
use crate::provider::{self, Ahead, Outlook, guides};

/// How long a run takes from here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Left {
    /// From now to the end of the run.
    pub all: Duration,
    /// What of it comes after the kind that is read now.
    pub after: Duration,
}

impl Left {
    /// Where these are the requests of each kind that is left, that of now first.
    pub(crate) fn of(outlook: &Outlook, kinds: impl IntoIterator<Item = Vec<Ahead>>) -> Self {
        let mut kinds = kinds.into_iter();
        let mut all = kinds.next().unwrap_or_default();
        let rest: Vec<Ahead> = kinds.flatten().collect();
        let after = outlook.time_of(&rest);
        all.extend(rest);
        Self { all: outlook.time_of(&all), after }
    }
}

impl Run<'_> {
    /// How long a sweep takes from here. Parents are read before what hangs on them, so their number is that of
    /// this run, or else of the last; `None` where there was none and they have not been read yet.
    pub(crate) fn left_of(&self, kinds: &[&KindSpec], now: &Ledger, before: Option<&Ledger>) -> Option<Left> {
        let row = |kind: &Kind| now.rows.get(kind).or_else(|| before?.rows.get(kind));
        let known = |kind: &Kind| before.is_some() || now.rows.contains_key(kind);
        let asked = || kinds.iter().filter(|spec| self.live.asks_for(spec));
        asked().all(|spec| guides(spec).iter().all(known)).then(|| {
            let count = |kind: &Kind| row(kind).map_or(0, |row| row.count);
            let ahead = asked().map(|spec| provider::ahead(self.catalog, spec, &count));
            Left::of(&self.live.outlook(), ahead)
        })
    }
}
