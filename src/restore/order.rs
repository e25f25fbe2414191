//! In which order steps are done: what others need comes first, removals come last and backwards.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::key::ResourceKey;
use crate::restore::form::{Op, Step};

/// A step on its way into the order.
pub(crate) struct Node {
    pub(crate) step: Step,
    /// The catalogue's order of its kind.
    pub(crate) rank: u32,
    /// Its place among its siblings, where they are in an order: the first takes its place first.
    pub(crate) among: i64,
    /// Removals that should come after this one, where nothing speaks against it.
    pub(crate) leads_to: BTreeSet<ResourceKey>,
}

impl Node {
    pub(crate) fn new(step: Step, rank: u32) -> Self {
        Self { step, rank, among: 0, leads_to: BTreeSet::new() }
    }

    /// Removals come after everything else; among equals the place that they take, the name and then the
    /// address decide, so that a plan is the same each time it is made.
    fn place(&self) -> (bool, i64, i64, i64, &str, &ResourceKey) {
        let removes = self.step.op == Op::Delete;
        let rank = i64::from(self.rank);
        let depth = self.step.key.ids.len() as i64;
        if removes {
            (true, -rank, -depth, 0, &self.step.name, &self.step.key)
        } else {
            (false, rank, depth, self.among, &self.step.name, &self.step.key)
        }
    }
}

/// The steps in order, and those that wait for each other in a circle.
pub(crate) fn sort(nodes: Vec<Node>) -> (Vec<Step>, Vec<Step>) {
    // A resource can have two steps; to come after it means to come after the first that is before.
    let mut first: BTreeMap<ResourceKey, usize> = BTreeMap::new();
    for (index, node) in nodes.iter().enumerate() {
        first.entry(node.step.key.clone()).or_insert(index);
    }
    let mut waits: Vec<BTreeSet<usize>> = nodes
        .iter()
        .enumerate()
        .map(|(index, node)| {
            node.step
                .after
                .iter()
                .filter_map(|key| first.get(key).copied())
                .filter(|other| *other != index)
                .collect()
        })
        .collect();
    let mut should_wait = vec![BTreeSet::new(); nodes.len()];
    for (index, node) in nodes.iter().enumerate() {
        for end in node.leads_to.iter().filter_map(|key| first.get(key)) {
            should_wait.get_mut(*end).map(|wait: &mut BTreeSet<usize>| wait.insert(index));
        }
    }
    let mut left: BTreeSet<usize> = (0..nodes.len()).collect();
    let mut order = Vec::with_capacity(nodes.len());
    loop {
        let free = |waits: &[BTreeSet<usize>], index: usize| waits.get(index).is_some_and(BTreeSet::is_empty);
        let ready = left.iter().copied().filter(|index| free(&waits, *index));
        // Where two lead to each other, the order alone decides.
        let place = |index: &usize| (!free(&should_wait, *index), nodes.get(*index).map(Node::place));
        let Some(next) = ready.min_by_key(place) else { break };
        left.remove(&next);
        for wait in waits.iter_mut().chain(&mut should_wait) {
            wait.remove(&next);
        }
        order.push(next);
    }
    let mut steps: Vec<Option<Step>> = nodes.into_iter().map(|node| Some(node.step)).collect();
    let mut take = |index: usize| steps.get_mut(index).and_then(Option::take);
    let sorted = order.into_iter().filter_map(&mut take).collect();
    (sorted, left.into_iter().filter_map(take).collect())
}
