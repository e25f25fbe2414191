//! One pass: everything that one read gives for one anchor, such as the roles of one client.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::mpsc::Sender;

use crate::base::coverage::State;
use crate::base::key::{Kind, ResourceKey};
use crate::catalog::mention::last_of;
use crate::catalog::{Condition, Context, KindSpec, Read, RefBy, Source, Tree};
use crate::json::{Pointer, Value};
use crate::provider::chain::Chain;
use crate::provider::error::{Fault, ProviderError, Sort};
use crate::provider::given::{Body, Given, id_members};
use crate::provider::ident;
use crate::provider::known::Known;
use crate::provider::listing::{Listing, Row, Subject};
use crate::provider::live::Live;
use crate::provider::order::anchors;
use crate::provider::rows;
use crate::provider::sweep::Item;

/// Deepest tree of rows; a deeper one is a circle.
const TREE_DEPTH_MAX: usize = 100;

/// What all passes of one sweep share.
pub(crate) struct Job<'a> {
    pub(crate) spec: &'a KindSpec,
    pub(crate) known: &'a Known,
    pub(crate) items: Sender<Vec<Given>>,
    /// Whether rows are handed on as they come, where nothing else is made of them.
    hands_on: bool,
    /// Hash of key → hash of row, where several lists can give the same row.
    seen: Option<Mutex<HashMap<u64, u64>>>,
    hasher: RandomState,
}

/// Where a pass starts.
pub(crate) struct Pass<'k> {
    pub(crate) read: &'k Read,
    pub(crate) anchor: Option<ResourceKey>,
    chain: Chain<'k>,
    values: Vec<(&'k str, String)>,
}

/// What came of a pass.
pub(crate) struct Outcome {
    /// The resource at which an exception is noted.
    pub(crate) at: Option<ResourceKey>,
    pub(crate) fault: Option<Fault>,
    /// Faults of single rows, or of what cannot be told by a key.
    pub(crate) faults: Vec<(Option<ResourceKey>, Fault)>,
    pub(crate) rows: u64,
    pub(crate) requests: u64,
    /// Nothing was asked, because a condition says that there is nothing.
    pub(crate) idle: bool,
    /// Rows that were gone when they were looked at.
    gone: u64,
}

/// Rows of which the children are still to be read, with their depth.
type Seeds = Vec<(Value, usize)>;

impl<'a> Job<'a> {
    pub(crate) fn new(
        spec: &'a KindSpec,
        known: &'a Known,
        items: Sender<Vec<Given>>,
        hands_on: bool,
    ) -> Self {
        let several = spec.read.len() > 1
            || spec.read.iter().any(|read| {
                read.tree.is_some()
                    || read.below.is_some()
                    || !read.values.is_empty()
                    || !read.values_of.is_empty()
                    || read.each.len() > 1
            });
        // Where several lists can give a row, each is read: they may write the same body differently.
        let (seen, hands_on) = (several.then(Mutex::default), hands_on && !several);
        Self { spec, known, items, hands_on, seen, hasher: RandomState::new() }
    }

    /// Whether another list gave this row already.
    pub(crate) fn repeats(&self, key: &ResourceKey, row: &Value) -> Result<bool, Fault> {
        let Some(seen) = &self.seen else { return Ok(false) };
        let hash = self.hasher.hash_one(row);
        let earlier =
            seen.lock().unwrap_or_else(PoisonError::into_inner).insert(self.hasher.hash_one(key), hash);
        match earlier {
            None => Ok(false),
            Some(same) if same == hash => Ok(true),
            Some(_) => Err(Fault::new(State::Partial, format!("`{key}` came twice with different content"))),
        }
    }
}

impl Job<'_> {
    /// The key of a parent that has no parents itself.
    pub(crate) fn parent_key(&self, id: String) -> Option<ResourceKey> {
        self.spec.parent.first().map(|kind| ResourceKey::new(kind, vec![id]))
    }
}

impl<'k> Pass<'k> {
    fn context<'c>(&'c self, base: Context<'c>) -> Context<'c> {
        let base = self.values.iter().fold(base, |context, (name, value)| context.with_value(name, value));
        self.chain.context(base)
    }

    /// The ids that come before a row's own.
    fn parents(&self, spec: &KindSpec) -> Result<Vec<String>, ProviderError> {
        let kinds: Vec<Kind> = spec.parent.iter().filter(|kind| **kind != spec.kind).cloned().collect();
        if kinds.is_empty() {
            return Ok(Vec::new());
        }
        self.chain.nearest(&kinds).map(|key| key.ids.clone()).ok_or_else(|| ProviderError::NoWay {
            kind: spec.kind.clone(),
            reason: "its rows do not lead to a parent".into(),
        })
    }

    /// True if this pass can give the resource with these ids.
    pub(crate) fn can_give(&self, spec: &KindSpec, ids: &[String]) -> bool {
        let Some((own, above)) = ids.split_last() else { return false };
        if self.read.flip {
            return self.anchor.as_ref().is_some_and(|anchor| anchor.id() == own);
        }
        if self.read.parent_at.is_some() {
            return true;
        }
        if ident::of_values(spec, &self.values).is_some_and(|made| made != *own) {
            return false;
        }
        self.parents(spec).is_ok_and(|parents| parents == above)
    }

    fn exception_key(&self, spec: &KindSpec) -> Option<ResourceKey> {
        let parent = if self.read.flip { None } else { self.chain.nearest(&spec.parent) };
        parent.or(self.anchor.as_ref()).cloned()
    }
}

/// Every combination of the values of a read's placeholders; one empty combination where it has
/// no such placeholders.
fn combinations<'k>(read: &'k Read, known: &Known) -> Vec<Vec<(&'k str, String)>> {
    let fixed = read.values.iter().map(|(name, values)| (name.as_str(), values.clone()));
    let found = read.values_of.iter().map(|(name, source)| (name.as_str(), found_values(source, known)));
    fixed.chain(found).fold(vec![Vec::new()], |so_far, (name, choices)| {
        let longer = |start: &Vec<_>, choice: &String| [start.as_slice(), &[(name, choice.clone())]].concat();
        so_far.iter().flat_map(|start| choices.iter().map(move |choice| longer(start, choice))).collect()
    })
}

/// The values in the bodies of a kind, each once.
fn found_values(source: &Source, known: &Known) -> Vec<String> {
    let texts = known
        .of_kind(&source.of)
        .flat_map(|(_, body)| source.at.find(body))
        .filter_map(|(_, value)| ident::text(value));
    let values = texts.map(|text| match source.by {
        RefBy::Url => last_of(&text).to_owned(),
        _ => text,
    });
    values.filter(|value| !value.is_empty()).collect::<BTreeSet<_>>().into_iter().collect()
}

impl Live {
    /// The passes of a read, made one by one as they are asked for.
    pub(crate) fn passes<'k>(
        &self,
        spec: &'k KindSpec,
        read: &'k Read,
        known: &'k Known,
    ) -> Box<dyn Iterator<Item = Pass<'k>> + Send + 'k> {
        let catalog = self.catalog;
        let tenant = Chain::tenant(catalog, known);
        let combinations = combinations(read, known);
        if anchors(spec, read).next().is_none() {
            let one = move |values| Pass { read, anchor: None, chain: tenant.clone(), values };
            return Box::new(combinations.into_iter().map(one));
        }
        let keys = anchors(spec, read).flat_map(move |kind| known.of_kind(kind).map(|(key, _)| key));
        Box::new(keys.flat_map(move |key| {
            let chain = tenant.clone().to(catalog, known, key);
            let one = move |values| Pass { read, anchor: Some(key.clone()), chain: chain.clone(), values };
            combinations.clone().into_iter().map(one)
        }))
    }

    /// A pass over one resource, known or not.
    pub(crate) fn pass_at<'k>(&self, read: &'k Read, known: &'k Known, anchor: &ResourceKey) -> Pass<'k> {
        let chain = Chain::tenant(self.catalog, known).to(self.catalog, known, anchor);
        Pass { read, anchor: Some(anchor.clone()), chain, values: Vec::new() }
    }

    /// A pass over a resource that has just been read: its body, not the one that is known.
    pub(crate) fn pass_over<'k>(&self, read: &'k Read, known: &'k Known, anchor: Item) -> Pass<'k> {
        let chain = Chain::tenant(self.catalog, known).to(self.catalog, known, &anchor.key);
        let chain = chain.ending_with(anchor.body);
        Pass { read, anchor: Some(anchor.key), chain, values: Vec::new() }
    }

    /// Makes a pass and says what came of it; never fails.
    pub(crate) async fn pass(&self, job: &Job<'_>, pass: Pass<'_>) -> Outcome {
        let at = pass.exception_key(job.spec);
        let mut outcome =
            Outcome { at, fault: None, faults: Vec::new(), rows: 0, requests: 0, idle: false, gone: 0 };
        if let Err(mut fault) = self.walk(job, &pass, &mut outcome).await {
            if let Some((name, value)) = pass.values.first() {
                fault.about(&format!("{name} {value}"));
            }
            outcome.fault = Some(fault);
        } else if outcome.gone > 1 && outcome.rows == 0 {
            let reason = format!("all {} rows of the list are not there when asked for", outcome.gone);
            outcome.fault = Some(Fault::new(State::Failed, reason));
        }
        outcome
    }

    async fn walk(&self, job: &Job<'_>, pass: &Pass<'_>, outcome: &mut Outcome) -> Result<(), Fault> {
        let (spec, read) = (job.spec, pass.read);
        let context = pass.context(self.context());
        if !admits(job.known, &context, &read.only)? {
            outcome.idle = true;
            return Ok(());
        }
        let rows_of = self.rows_of(spec, read)?;
        let mut seeds = Seeds::new();
        if read.inside {
            let rows = inner_rows(spec, read, pass.chain.last())?;
            return self.hand_over(job, pass, &context, (rows, 0), outcome).await.map(|_| ());
        }
        let template = read.path.as_ref().ok_or_else(|| ProviderError::NoWay {
            kind: spec.kind.clone(),
            reason: "a read has no path".into(),
        })?;
        let path = context.fill(spec, template).map_err(ProviderError::from)?;
        let own = ident::of_values(spec, &pass.values);
        let subject = Subject { spec, read, rows_of, own: own.as_deref(), values: &pass.values };
        let names = if job.hands_on { id_members(spec, read) } else { None };
        let list = Listing::new(self, subject, self.paging(read.paging.as_ref()), path);
        let mut list = list.hand_on(names);
        let ended = loop {
            match list.next().await {
                Ok(Some(page)) if !page.sent.is_empty() => {
                    self.hand_on(job, pass, page.sent, outcome).await?;
                }
                Ok(Some(page)) => match &read.below {
                    Some(below) => {
                        self.hand_over_below(job, (read, below), &context, page.rows, outcome).await;
                    }
                    None => {
                        let rows = (page.rows, page.bytes);
                        seeds.extend(self.hand_over(job, pass, &context, rows, outcome).await?);
                    }
                },
                Ok(None) => break Ok(()),
                // The path names the one instance that it could give: there is none.
                Err(fault) if own.is_some() && fault.sort == Sort::Vanished => break Ok(()),
                Err(fault) => break Err(fault),
            }
        };
        outcome.requests += list.requests;
        if let Some(tree) = &read.tree {
            self.descend(job, pass, &context, (tree, seeds), outcome).await?;
        }
        ended
    }

    /// The kind whose id tells the rows of a read apart.
    fn rows_of<'s>(&'s self, spec: &'s KindSpec, read: &Read) -> Result<&'s KindSpec, Fault> {
        if !read.flip && read.below.is_none() {
            return Ok(spec);
        }
        let parent = spec.parent.first().and_then(|kind| self.catalog.kind(kind));
        parent.filter(|parent| parent.parent.is_empty()).ok_or_else(|| {
            Fault::new(
                State::Failed,
                format!("a read of `{}` by parents needs one parent without parents", spec.kind),
            )
        })
    }

    /// Hands over rows as they came.
    async fn hand_on(
        &self,
        job: &Job<'_>,
        pass: &Pass<'_>,
        sent: Vec<(String, Bytes)>,
        outcome: &mut Outcome,
    ) -> Result<(), Fault> {
        let parents = match pass.parents(job.spec) {
            Ok(parents) => parents,
            Err(error) => {
                outcome.faults.push((None, error.into()));
                return Ok(());
            }
        };
        let given = |(id, raw): (String, Bytes)| Given {
            key: rows::key(&job.spec.kind, &parents, id),
            raw_len: raw.len(),
            body: Body::Sent(raw),
        };
        outcome.rows += sent.len() as u64;
        // The receiver lives as long as the sweep; without it nobody wants the rows.
        job.items.send(sent.into_iter().map(given).collect()).await.ok();
        Ok(())
    }

    /// Makes resources of rows and hands them over; returns the rows with children.
    async fn hand_over(
        &self,
        job: &Job<'_>,
        pass: &Pass<'_>,
        context: &Context<'_>,
        (found, bytes): (Vec<Row>, usize),
        outcome: &mut Outcome,
    ) -> Result<Seeds, Fault> {
        let raw_len = bytes / found.len().max(1);
        let tree = pass.read.tree.as_ref();
        let seeds = found
            .iter()
            .filter(|row| {
                tree.is_some_and(|tree| context.with(&job.spec.kind, &row.body).satisfies(&tree.only))
            })
            .map(|row| (row.body.clone(), 0))
            .collect();
        let mut items = Vec::with_capacity(found.len());
        let mut under_way = FuturesUnordered::new();
        let mut rows = found.into_iter();
        loop {
            while under_way.len() < self.client.concurrent() {
                let Some(row) = rows.next() else { break };
                under_way.push(self.finish(job, pass, context, row));
            }
            let Some((made, requests)) = under_way.next().await else { break };
            outcome.requests += requests;
            match made {
                Made::Resource(key, body) => items.push(Item { key, body, raw_len }.into()),
                Made::Repeat => {}
                Made::Fault(_, fault) if fault.sort == Sort::Vanished => outcome.gone += 1,
                Made::Fault(key, fault) => outcome.faults.push((key, fault)),
            }
        }
        outcome.rows += items.len() as u64;
        // The receiver lives as long as the sweep; without it nobody wants the rows.
        job.items.send(items).await.ok();
        Ok(seeds)
    }

    /// Reads the children of rows, and theirs.
    async fn descend(
        &self,
        job: &Job<'_>,
        pass: &Pass<'_>,
        context: &Context<'_>,
        (tree, mut seeds): (&Tree, Seeds),
        outcome: &mut Outcome,
    ) -> Result<(), Fault> {
        let mut under_way = FuturesUnordered::new();
        loop {
            while under_way.len() < self.client.concurrent() {
                let Some((row, depth)) = seeds.pop() else { break };
                if depth >= TREE_DEPTH_MAX {
                    return Err(Fault::new(
                        State::Partial,
                        format!("the tree is deeper than {TREE_DEPTH_MAX} levels"),
                    ));
                }
                under_way.push(self.children(job, pass, context, (tree, row, depth)));
            }
            let Some((children, requests, depth)) = under_way.next().await else { return Ok(()) };
            outcome.requests += requests;
            match children {
                // What lies below an unreadable row is not told by any key.
                Err(fault) => outcome.faults.push((None, fault)),
                Ok(children) => {
                    let below = self.hand_over(job, pass, context, children, outcome).await?;
                    seeds.extend(below.into_iter().map(|(row, _)| (row, depth + 1)));
                }
            }
        }
    }

    /// The children of one row, all pages.
    async fn children(
        &self,
        job: &Job<'_>,
        pass: &Pass<'_>,
        context: &Context<'_>,
        (tree, row, depth): (&Tree, Value, usize),
    ) -> (Result<(Vec<Row>, usize), Fault>, u64, usize) {
        let path = match context.with(&job.spec.kind, &row).fill(job.spec, &tree.path) {
            Ok(path) => path,
            Err(error) => return (Err(Fault::from(ProviderError::from(error))), 0, depth),
        };
        let subject = Subject { spec: job.spec, read: pass.read, rows_of: job.spec, own: None, values: &[] };
        let mut list = Listing::new(self, subject, self.paging(tree.paging.as_ref()), path);
        let (mut rows, mut bytes) = (Vec::new(), 0);
        let ended = loop {
            match list.next().await {
                Ok(Some(page)) => {
                    rows.extend(page.rows);
                    bytes += page.bytes;
                }
                Ok(None) => break Ok((rows, bytes)),
                Err(fault) => break Err(fault),
            }
        };
        let mut requests = list.requests;
        let children = match (ended, &tree.to) {
            (Ok((rows, bytes)), Some(to)) => {
                self.named(job.spec, context, (to, rows), &mut requests).await.map(|rows| (rows, bytes))
            }
            (ended, _) => ended,
        };
        (children, requests, depth)
    }

    /// The children that things in a list name, each read through the kind's `get`.
    async fn named(
        &self,
        spec: &KindSpec,
        context: &Context<'_>,
        (to, naming): (&Pointer, Vec<Row>),
        requests: &mut u64,
    ) -> Result<Vec<Row>, Fault> {
        let mut children = Vec::new();
        for id in naming.iter().filter_map(|row| to.get(&row.body).and_then(ident::text)) {
            let get = spec.get.as_ref().ok_or_else(|| ProviderError::NoWay {
                kind: spec.kind.clone(),
                reason: "a child that is named cannot be read".into(),
            })?;
            let stub = ident::stub(spec, &id);
            let target = context.with(&spec.kind, &stub).fill(spec, get).map_err(ProviderError::from)?;
            *requests += 1;
            let (body, _) = self.json(&target, &[], &spec.scopes.read).await?;
            children.push(Row { id, body });
        }
        Ok(children)
    }

    /// One row made whole, and the requests that it took.
    async fn finish(&self, job: &Job<'_>, pass: &Pass<'_>, context: &Context<'_>, row: Row) -> (Made, u64) {
        let spec = job.spec;
        let key = match key_of(job, pass, row.id, &row.body) {
            Ok(key) => key,
            Err(error) => return (Made::Fault(None, error.into()), 0),
        };
        match job.repeats(&key, &row.body) {
            Ok(false) => {}
            Ok(true) => return (Made::Repeat, 0),
            Err(fault) => return (Made::Fault(Some(key), fault), 0),
        }
        if let Some(far_end) = pass.chain.last().filter(|_| pass.read.flip) {
            return (Made::Resource(key, rows::prune(far_end, &spec.keep)), 0);
        }
        let mut requests = 0;
        let made = match self.complete(spec, pass.read, context, row.body, &mut requests).await {
            Ok(body) => Made::Resource(key, rows::kept(spec, body)),
            Err(error) => Made::Fault(Some(key), error.into()),
        };
        (made, requests)
    }

    /// Reads a row through the kind's `get` where the list says too little, and what is joined.
    pub(crate) async fn complete(
        &self,
        spec: &KindSpec,
        read: &Read,
        context: &Context<'_>,
        row: Value,
        requests: &mut u64,
    ) -> Result<Value, ProviderError> {
        let mut body = row;
        if let Some(get) = spec.get.as_ref().filter(|_| read.detail) {
            let target = context.with(&spec.kind, &body).fill(spec, get)?;
            *requests += 1;
            let (whole, _) = self.json(&target, &[], &spec.scopes.read).await?;
            body = whole;
        }
        self.join(spec, read, context, body, requests).await
    }

    /// Adds the answers of further GETs as members.
    pub(crate) async fn join(
        &self,
        spec: &KindSpec,
        read: &Read,
        context: &Context<'_>,
        mut body: Value,
        requests: &mut u64,
    ) -> Result<Value, ProviderError> {
        for (member, template) in &read.join {
            let target = context.with(&spec.kind, &body).fill(spec, template)?;
            *requests += 1;
            let joined = match self.json_or_bytes(&target, &read.statuses, &spec.scopes.read).await {
                Ok(value) => match read.pick.get(member) {
                    Some(at) => rows::picked(value, at),
                    None => value,
                },
                Err(ProviderError::Status { state: State::NotEntitled, .. }) => continue,
                Err(error) => return Err(error),
            };
            if let Some(members) = body.as_object_mut() {
                members.insert(member.as_str(), joined);
            }
        }
        Ok(body)
    }
}

/// What became of a row.
enum Made {
    Resource(ResourceKey, Value),
    /// Another list gave it already.
    Repeat,
    Fault(Option<ResourceKey>, Fault),
}

fn key_of(job: &Job<'_>, pass: &Pass<'_>, own: String, row: &Value) -> Result<ResourceKey, ProviderError> {
    let spec = job.spec;
    if let (true, Some(anchor)) = (pass.read.flip, &pass.anchor) {
        return Ok(rows::key(&spec.kind, &[own], anchor.id().to_owned()));
    }
    let Some(at) = &pass.read.parent_at else {
        return Ok(rows::key(&spec.kind, &pass.parents(spec)?, own));
    };
    let orphan = || ProviderError::NoWay {
        kind: spec.kind.clone(),
        reason: format!("the row `{own}` names no parent that is known, at `{at}`"),
    };
    let parent = at.get(row).and_then(ident::text).ok_or_else(orphan)?;
    let mut keys = spec.parent.iter().flat_map(|kind| job.known.of_kind(kind)).map(|(key, _)| key);
    let parent = keys.find(|key| key.id() == parent).ok_or_else(orphan)?;
    Ok(rows::key(&spec.kind, &parent.ids, own))
}

/// The rows that stand inside the anchor's body. A member that is missing holds none.
fn inner_rows(spec: &KindSpec, read: &Read, body: Option<&Value>) -> Result<Vec<Row>, Fault> {
    let bodies = body.into_iter().flat_map(|body| read.items.iter().flat_map(|pattern| pattern.find(body)));
    let row = |(at, body): (_, &Value)| {
        let body = rows::wrapped(read.wrap.as_ref(), body.clone());
        let id = ident::of_row(spec, &body).ok_or_else(|| {
            Fault::new(
                State::Partial,
                format!("the row of `{}` at `{at}` has no id and is not kept", spec.kind),
            )
        })?;
        Ok(Row { id, body })
    };
    bodies.map(row).collect()
}

/// Whether there is something to read here.
///
/// A condition on a kind of which nothing is known is false only if that kind was read whole;
/// else nobody can say, and what cannot be said must not look like "there is none".
fn admits(known: &Known, context: &Context<'_>, conditions: &[Condition]) -> Result<bool, Fault> {
    for kind in conditions.iter().filter_map(|condition| condition.of.as_ref()) {
        if context.body(kind).is_none() && !known.is_whole(kind) {
            let reason = format!("whether there is any depends on `{kind}`, which was not read");
            return Err(Fault::new(State::Failed, reason));
        }
    }
    Ok(context.satisfies(conditions))
}
