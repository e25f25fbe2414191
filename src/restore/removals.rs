//! Among removals, what leads to a thing goes before the thing: a vendor refuses, or breaks, a removal
//! of what something else still names.
//!
//! This is a wish for the order and nothing more: where two lead to each other, one goes first all the
//! same, and a removal that is refused holds up no other. Read `order.rs` next.

use std::collections::{BTreeSet, HashMap};

use crate::base::key::{Kind, ResourceKey};
use crate::restore::form::Op;
use crate::restore::order::Node;
use crate::restore::reach::Reach;

/// Fills in which removals each removal should come before.
pub(crate) fn lead(reach: &Reach<'_>, nodes: &mut [Node]) {
    let mut named: HashMap<(Kind, String), Vec<ResourceKey>> = HashMap::new();
    for key in nodes.iter().filter(|node| node.step.op == Op::Delete).map(|node| &node.step.key) {
        let mut texts = BTreeSet::from([key.id().to_owned()]);
        let spec = reach.catalog().kind(&key.kind);
        texts.extend(spec.zip(reach.seen.body(key)).and_then(|(spec, body)| spec.name_of(body)));
        for text in texts {
            named.entry((key.kind.clone(), text)).or_default().push(key.clone());
        }
    }
    for node in nodes.iter_mut().filter(|node| node.step.op == Op::Delete) {
        let step = &node.step;
        let mut ends: BTreeSet<ResourceKey> = std::iter::once(&step.key)
            .chain(&step.takes_along)
            .flat_map(|key| ends(reach, key, &named))
            .collect();
        ends.remove(&step.key);
        node.leads_to = ends;
    }
}

/// The removals that a resource of the tenant names.
fn ends(
    reach: &Reach<'_>,
    key: &ResourceKey,
    named: &HashMap<(Kind, String), Vec<ResourceKey>>,
) -> Vec<ResourceKey> {
    let Some((spec, body)) = reach.catalog().kind(&key.kind).zip(reach.seen.body(key)) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for mention in spec.mentions(body) {
        let kinds = mention.reference.to.iter();
        found.extend(
            kinds.filter_map(|kind| named.get(&(kind.clone(), mention.text.clone()))).flatten().cloned(),
        );
    }
    found
}
