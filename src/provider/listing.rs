//! One list, page by page, as it is read: every row once, and an honest word where that is not so.
//!
//! A list can shift while it is read, and a row then comes twice (and, unseen, another not at
//! all). That shows as an id that comes again on a later page: the list is read again once, and
//! only rows that were not handed over before are handed over. If it shifts again, it is partial.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use bytes::Bytes;

use crate::base::coverage::State;
use crate::catalog::{KindSpec, Paging, Read, Shape};
use crate::http::Answer;
use crate::json::{self, Object, Value};
use crate::provider::error::{Fault, ProviderError};
use crate::provider::ident;
use crate::provider::live::Live;
use crate::provider::page::Pager;
use crate::provider::rows;

/// What a listing reads.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) spec: &'a KindSpec,
    pub(crate) read: &'a Read,
    /// The kind whose id tells rows apart: the parents' in a flipped read.
    pub(crate) rows_of: &'a KindSpec,
    /// The id of the one row of the answer, where the path says it and not the row.
    pub(crate) own: Option<&'a str>,
    /// The values with which the path was filled.
    pub(crate) values: &'a [(&'a str, String)],
}

/// A row of which nobody has seen the like in this list, with its id.
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) body: Value,
}

/// A row that nobody has read, with its id.
pub(crate) type SentRow = (String, Bytes);

/// A page's new rows, and the bytes that the whole page took.
pub(crate) struct Page {
    pub(crate) rows: Vec<Row>,
    /// Rows that are handed on as they came; then there are no others.
    pub(crate) sent: Vec<SentRow>,
    pub(crate) bytes: usize,
}

/// A list under way.
pub(crate) struct Listing<'a> {
    live: &'a Live,
    subject: Subject<'a>,
    pager: Pager,
    /// By which members a row's id is known, where rows are handed on as they come.
    names: Option<Vec<&'a str>>,
    /// Hash of id → page, and hash of body or, of rows that are not read, place in the page, of this reading.
    ids: HashMap<u64, (u64, u32)>,
    /// Hashes of ids handed over in the reading before.
    handed: HashSet<u64>,
    hasher: RandomState,
    again: bool,
    /// Said when the rows before it have been handed over.
    pending: Option<Fault>,
    nameless: u64,
    twofold: u64,
    pub(crate) requests: u64,
}

enum Seen {
    New,
    Known,
    Shifted,
}

impl<'a> Listing<'a> {
    pub(crate) fn new(live: &'a Live, subject: Subject<'a>, paging: Option<&Paging>, path: String) -> Self {
        Self {
            live,
            subject,
            pager: Pager::new(paging, path),
            names: None,
            ids: HashMap::new(),
            handed: HashSet::new(),
            hasher: RandomState::new(),
            again: false,
            pending: None,
            nameless: 0,
            twofold: 0,
            requests: 0,
        }
    }

    /// Hands rows on as they come, by [`id_members`](crate::provider::given::id_members): of a list whose next page
    /// does not stand in the page itself.
    pub(crate) fn hand_on(mut self, names: Option<Vec<&'a str>>) -> Self {
        let apart = self.subject.own.is_none() && self.pager.pointer().is_none();
        self.names = names.filter(|_| apart);
        self
    }

    /// The next page; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Page>, Fault> {
        if let Some(fault) = self.pending.take() {
            return Err(fault);
        }
        let Some(target) = self.pager.target().map(str::to_owned) else {
            return self.end().map(|()| None);
        };
        let Subject { spec, read, own, .. } = self.subject;
        self.requests += 1;
        let answer = self.live.client.get(&target).await.map_err(ProviderError::from)?;
        let page = self.pager.page();
        if let Some((sent, count, shifted)) = self.step_over(&answer, page) {
            let page = Page { rows: Vec::new(), sent, bytes: answer.body.len() };
            return Ok(Some(self.turned(page, (count, shifted), None, &answer)));
        }
        let (value, answer) = self.live.value(&target, answer, &read.statuses, &spec.scopes.read)?;
        let mark = self.pager.pointer().and_then(|at| at.get(&value)).cloned();
        let shape_of_answer = if own.is_some() { Shape::Singleton } else { spec.shape };
        let items = if read.index.is_empty() { &read.items } else { &read.index };
        let found = rows::take(shape_of_answer, items, value).map_err(|what| shape(&target, what))?;
        let count = found.len();
        let (rows, shifted) = self.sift(found, page);
        let page = Page { rows, sent: Vec::new(), bytes: answer.body.len() };
        Ok(Some(self.turned(page, (count, shifted), mark.as_ref(), &answer)))
    }

    /// Turns to the page after this one, of so many rows, or back to the first.
    fn turned(
        &mut self,
        page: Page,
        (count, shifted): (usize, bool),
        mark: Option<&Value>,
        answer: &Answer,
    ) -> Page {
        if shifted && !self.again {
            self.again = true;
            self.handed.extend(self.ids.drain().map(|(id, _)| id));
            self.pager.restart();
            return page;
        }
        let turned = if shifted {
            Err("the list shifted while it was read, twice: rows may be missing".to_owned())
        } else {
            self.pager.turn(count, mark, answer, self.live.client.address())
        };
        self.pending = turned.err().map(partial);
        page
    }

    /// The new rows of a page that are handed on as they come, how many there are, and whether one of them stood
    /// on an earlier page. `None` where the page must be read to know what it is.
    fn step_over(&mut self, answer: &Answer, page: u32) -> Option<(Vec<SentRow>, usize, bool)> {
        let names = self.names.as_deref().filter(|_| answer.is_success() && answer.status != 204)?;
        let Subject { rows_of, values, .. } = self.subject;
        let mut found: Vec<(Option<String>, Bytes)> = Vec::new();
        let read = |text: &&[u8]| json::parse(text, &json::Limits::body()).ok();
        let count = json::elements(&answer.body, names, &json::Limits::default(), |raw, members| {
            let pairs = names.iter().zip(members);
            let ids = pairs.filter_map(|(name, text)| Some((*name, text.as_ref().and_then(read)?)));
            let id = ident::of_row(rows_of, &Object::from_pairs(ids).into());
            found.push((id.map(|id| ident::under(rows_of, values, id)), answer.body.slice_ref(raw)));
        });
        let count = count.ok()?;
        let (mut sent, mut shifted) = (Vec::with_capacity(count), false);
        for (place, (id, raw)) in found.iter().enumerate() {
            let Some(id) = id else {
                self.nameless += 1;
                continue;
            };
            match self.see_sent(id, place, page, &found) {
                Seen::New => sent.push((id.clone(), raw.clone())),
                Seen::Known => {}
                Seen::Shifted => shifted = true,
            }
        }
        Some((sent, count, shifted))
    }

    /// As [`Self::see`], of a row that is read only where another of its id stands in the same page.
    fn see_sent(&mut self, id: &str, place: usize, page: u32, found: &[(Option<String>, Bytes)]) -> Seen {
        let id = self.hasher.hash_one((id, None::<&Value>));
        let earlier = self.ids.insert(id, (place as u64, page));
        match earlier {
            Some((_, earlier)) if earlier != page => Seen::Shifted,
            Some((earlier, _)) => {
                let body = |place: usize| {
                    let raw = found.get(place).map(|(_, raw)| raw.as_ref()).unwrap_or_default();
                    json::parse(raw, &json::Limits::body()).ok()
                };
                let same = usize::try_from(earlier).is_ok_and(|earlier| body(earlier) == body(place));
                self.twofold += u64::from(!same);
                Seen::Known
            }
            None if self.handed.contains(&id) => Seen::Known,
            None => Seen::New,
        }
    }

    /// The new rows of a page, and whether one of them stood on an earlier page already.
    fn sift(&mut self, found: Vec<Value>, page: u32) -> (Vec<Row>, bool) {
        let mut rows = Vec::with_capacity(found.len());
        let mut shifted = false;
        let Subject { read, rows_of, own, values, .. } = self.subject;
        for body in found {
            let body = rows::wrapped(read.wrap.as_ref(), body);
            if !read.rows.iter().all(|condition| condition.holds(&body)) {
                continue;
            }
            let in_row = || ident::of_row(rows_of, &body).map(|id| ident::under(rows_of, values, id));
            let id = own.map(str::to_owned).or_else(in_row);
            let Some(id) = id else {
                self.nameless += 1;
                continue;
            };
            match self.see(&id, &body, page) {
                Seen::New => rows.push(Row { id, body }),
                Seen::Known => {}
                Seen::Shifted => shifted = true,
            }
        }
        (rows, shifted)
    }

    fn see(&mut self, id: &str, body: &Value, page: u32) -> Seen {
        let parent = self.subject.read.parent_at.as_ref().and_then(|at| at.get(body));
        let id = self.hasher.hash_one((id, parent));
        let hash = self.hasher.hash_one(body);
        match self.ids.insert(id, (hash, page)) {
            Some((_, earlier)) if earlier != page => Seen::Shifted,
            Some((same, _)) if same == hash => Seen::Known,
            Some(_) => {
                self.twofold += 1;
                Seen::Known
            }
            None if self.handed.contains(&id) => Seen::Known,
            None => Seen::New,
        }
    }

    /// What must be said when the list is through.
    fn end(&self) -> Result<(), Fault> {
        let kind = &self.subject.spec.kind;
        if self.nameless > 0 {
            return Err(partial(format!("{} rows of `{kind}` have no id and are not kept", self.nameless)));
        }
        if self.twofold > 0 {
            return Err(partial(format!(
                "{} rows of `{kind}` came twice with different content",
                self.twofold
            )));
        }
        Ok(())
    }
}

/// An answer of the wrong form.
pub(crate) fn shape(target: &str, what: String) -> Fault {
    Fault::from(ProviderError::Shape { path: crate::http::error::path_of(target), what })
}

fn partial(reason: impl Into<String>) -> Fault {
    Fault::new(State::Partial, reason)
}
