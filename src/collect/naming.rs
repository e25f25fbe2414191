//! What the ids in an event name, as far as the tenant's state tells. Pure.
//!
//! A vendor's event says what was done and holds ids of the things that it was done to, without a word
//! of ours for their kinds. So an id is looked up: it is a resource of a kind that the deed touches, or
//! one below which such resources lie. What cannot be found that way is read whole, never left out.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::base::key::{Kind, ResourceKey, SINGLETON};
use crate::catalog::{KindSpec, Shape};
use crate::provider::{Event, Known, guides, is_divisible};

/// Ids of one event that are looked at; more are no single deed.
const IDS_MAX: usize = 20;

/// What has to be read of a kind because events name it.
#[derive(Default, PartialEq, Eq, Debug)]
pub(crate) struct Wanted {
    /// Everything: nobody can say which.
    pub(crate) whole: bool,
    /// Guides below which something changed.
    pub(crate) guides: BTreeSet<ResourceKey>,
    /// Resources, by their own keys; some may never have been.
    pub(crate) named: BTreeSet<ResourceKey>,
}

/// What the tenant is known to hold while a run goes on.
pub(crate) trait Held {
    /// Whether there is such a resource, or was one at the last snapshot.
    fn knows(&self, key: &ResourceKey) -> bool;
    /// The keys of a kind that end in one of these ids, as far as they are known.
    fn ending_in(&self, kind: &Kind, ids: &BTreeSet<&str>) -> Vec<ResourceKey>;
    /// Whether something of this id was found gone in this run, or came and went before anybody looked.
    fn went(&self, id: &str) -> bool;
}

/// Looks up the ids of events that touch one kind.
pub(crate) struct Namer<'k> {
    spec: &'k KindSpec,
    /// The guides of the kind by their own ids.
    by_id: HashMap<&'k str, Vec<&'k ResourceKey>>,
    /// Guides of which no list is kept: nothing is read by way of them, and events name them all the same.
    unlisted: Vec<Kind>,
}

impl<'k> Namer<'k> {
    pub(crate) fn new(spec: &'k KindSpec, known: &'k Known) -> Self {
        let mut by_id: HashMap<&str, Vec<&ResourceKey>> = HashMap::new();
        for kind in guides(spec) {
            for (key, _) in known.of_kind(&kind) {
                by_id.entry(key.id()).or_default().push(key);
            }
        }
        let unlisted = guides(spec).into_iter().filter(|kind| !known.keeps(kind)).collect();
        Self { spec, by_id, unlisted }
    }

    fn guides_in(&self, event: &Event, held: &dyn Held) -> Vec<ResourceKey> {
        let mut found = Vec::new();
        for id in event.ids.iter().take(IDS_MAX) {
            found.extend(self.by_id.get(id.as_str()).into_iter().flatten().map(|key| (*key).clone()));
            let keys = self.unlisted.iter().map(|kind| ResourceKey::new(kind, vec![id.clone()]));
            found.extend(keys.filter(|key| held.knows(key)));
        }
        found
    }

    /// What these events want to be read.
    pub(crate) fn wanted(&self, events: &[&Event], held: &dyn Held) -> Wanted {
        let spec = self.spec;
        let mut wanted = Wanted::default();
        if spec.parent.is_empty() && (spec.shape == Shape::Singleton || guides(spec).is_empty()) {
            for event in events {
                let keys: Vec<ResourceKey> = self.own(event).collect();
                wanted.whole |= !keys.iter().any(|key| held.knows(key));
                wanted.named.extend(keys);
            }
            return wanted;
        }
        if !is_divisible(spec) {
            wanted.whole = !events.is_empty();
            return wanted;
        }
        let mut unplaced: Vec<&Event> = Vec::new();
        for event in events {
            let found = self.guides_in(event, held);
            if found.is_empty() {
                unplaced.push(event);
            }
            for guide in found {
                wanted.named.extend(self.children(&guide, event));
                wanted.guides.insert(guide);
            }
        }
        self.place_by_own(&unplaced, held, &mut wanted);
        wanted
    }

    /// Events that name only the resource itself: its parent is found through what was there before.
    fn place_by_own(&self, events: &[&Event], held: &dyn Held, wanted: &mut Wanted) {
        if events.is_empty() {
            return;
        }
        let ids: BTreeSet<&str> = events.iter().flat_map(|event| &event.ids).map(String::as_str).collect();
        let mut by_own: BTreeMap<String, Vec<ResourceKey>> = BTreeMap::new();
        for key in held.ending_in(&self.spec.kind, &ids) {
            by_own.entry(key.id().to_owned()).or_default().push(key);
        }
        for event in events {
            let found: Vec<&ResourceKey> =
                event.ids.iter().filter_map(|id| by_own.get(id)).flatten().collect();
            for key in &found {
                wanted.named.insert((*key).clone());
                let above = key.above().to_vec();
                let parents = self
                    .spec
                    .parent
                    .iter()
                    .map(|kind| ResourceKey { kind: kind.clone(), ids: above.clone() });
                wanted.guides.extend(parents.filter(|parent| !parent.ids.is_empty()));
            }
            // What hung on something that is gone, or never stayed, went with it.
            wanted.whole |= found.is_empty() && !event.ids.iter().any(|id| held.went(id));
        }
    }

    /// Top-level keys that an event's ids make.
    fn own<'a>(&'a self, event: &'a Event) -> impl Iterator<Item = ResourceKey> + 'a {
        let single = (self.spec.shape == Shape::Singleton).then(|| SINGLETON.to_owned());
        let ids = event.ids.iter().take(IDS_MAX).filter(|_| self.spec.shape != Shape::Singleton).cloned();
        single.into_iter().chain(ids).map(|id| ResourceKey::new(&self.spec.kind, vec![id]))
    }

    /// The keys below a parent that an event's other ids make.
    fn children<'a>(
        &'a self,
        parent: &'a ResourceKey,
        event: &'a Event,
    ) -> impl Iterator<Item = ResourceKey> + 'a {
        let fits = self.spec.parent.contains(&parent.kind);
        let single = (self.spec.shape == Shape::Singleton).then(|| SINGLETON.to_owned());
        let others = event.ids.iter().take(IDS_MAX).filter(move |id| *id != parent.id()).cloned();
        let others = others.filter(|_| self.spec.shape != Shape::Singleton);
        let ids = single.into_iter().chain(others).filter(move |_| fits);
        ids.map(|id| {
            let ids = parent.ids.iter().cloned().chain(std::iter::once(id));
            ResourceKey::new(&self.spec.kind, ids.collect())
        })
    }

    /// The addresses that an event means, once the run knows what there is: resources by their own
    /// keys where they can be told, else all below a parent, else all of the kind. None where what it
    /// names came and went.
    pub(crate) fn addresses(&self, event: &Event, held: &dyn Held) -> BTreeSet<String> {
        let mut out = BTreeSet::new();
        let kind = &self.spec.kind;
        if self.spec.parent.is_empty() {
            out.extend(self.own(event).filter(|key| held.knows(key)).map(|key| key.to_path()));
        } else {
            for parent in self.guides_in(event, held) {
                let own: Vec<ResourceKey> =
                    self.children(&parent, event).filter(|key| held.knows(key)).collect();
                if own.is_empty() {
                    let above = ResourceKey { kind: kind.clone(), ids: parent.ids.clone() };
                    out.insert(format!("{}/*", above.to_path()));
                }
                out.extend(own.iter().map(ResourceKey::to_path));
            }
            if out.is_empty() {
                let ids = event.ids.iter().map(String::as_str).collect();
                out.extend(held.ending_in(kind, &ids).iter().map(ResourceKey::to_path));
            }
        }
        if out.is_empty() && !event.ids.iter().any(|id| held.went(id)) {
            out.insert(format!("{kind}/*"));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Value;
    use crate::provider::Item;

    struct Fixed(Vec<ResourceKey>, &'static str);

    impl Held for Fixed {
        fn knows(&self, key: &ResourceKey) -> bool {
            self.0.contains(key)
        }
        fn ending_in(&self, kind: &Kind, ids: &BTreeSet<&str>) -> Vec<ResourceKey> {
            self.0.iter().filter(|key| key.kind == *kind && ids.contains(key.id())).cloned().collect()
        }
        fn went(&self, id: &str) -> bool {
            id == self.1
        }
    }

    fn key(path: &str) -> ResourceKey {
        ResourceKey::from_path(path).unwrap()
    }

    fn event(kind: &str, ids: &[&str]) -> Event {
        Event {
            kinds: vec![Kind::new(kind)],
            ids: ids.iter().map(|id| (*id).to_owned()).collect(),
            ..Event::bare("e")
        }
    }

    /// What one event wants and means, in a tenant that holds these.
    fn looked_up(kind: &str, ids: &[&str], holds: &[&str]) -> (Wanted, Vec<String>) {
        let catalog = crate::catalog::provider("okta").unwrap();
        let spec = catalog.kind(&Kind::new(kind)).unwrap();
        let held = Fixed(holds.iter().map(|path| key(path)).collect(), "went");
        let mut known = Known::default();
        for key in &held.0 {
            known.insert(Item { key: key.clone(), body: Value::Null, raw_len: 0 });
        }
        let event = event(kind, ids);
        let namer = Namer::new(spec, &known);
        (namer.wanted(&[&event], &held), namer.addresses(&event, &held).into_iter().collect())
    }

    fn paths(keys: &BTreeSet<ResourceKey>) -> Vec<String> {
        keys.iter().map(ResourceKey::to_path).collect()
    }

    #[test]
    fn an_id_is_a_resource_or_what_it_hangs_on() {
        let holds = ["user/u1", "group/g1", "group/g2", "group_membership/g1/u1"];
        let (wanted, means) = looked_up("group_membership", &["u1", "g1"], &holds);
        assert_eq!((wanted.whole, paths(&wanted.guides)), (false, vec!["group/g1".into()]));
        assert_eq!(means, ["group_membership/g1/u1"]);
        let (wanted, means) = looked_up("group_membership", &["new", "g2"], &holds);
        assert_eq!(paths(&wanted.named), ["group_membership/g2/new"]);
        assert_eq!(means, ["group_membership/g2/*"], "who it was is not known, the group is");
        let (wanted, means) = looked_up("user", &["u1"], &holds);
        assert_eq!((wanted.whole, paths(&wanted.named)), (false, vec!["user/u1".into()]));
        assert_eq!(means, ["user/u1"]);
    }

    #[test]
    fn what_cannot_be_found_is_read_whole_unless_it_is_gone() {
        let holds = ["auth_server/a", "auth_server_policy/a/p", "auth_server_policy_rule/a/p/r"];
        let (wanted, means) = looked_up("auth_server_policy_rule", &["r"], &holds);
        assert_eq!(paths(&wanted.guides), ["auth_server_policy/a/p"], "the parent is looked up");
        assert_eq!((wanted.whole, means), (false, vec!["auth_server_policy_rule/a/p/r".to_owned()]));
        let (wanted, means) = looked_up("auth_server_policy_rule", &["x", "y"], &holds);
        assert_eq!((wanted.whole, means), (true, vec!["auth_server_policy_rule/*".to_owned()]));
        let (wanted, means) = looked_up("auth_server_policy_rule", &["x", "went"], &holds);
        assert_eq!((wanted, means), (Wanted::default(), vec![]));
        assert!(looked_up("network_zone", &["new"], &["network_zone/z"]).0.whole);
        assert!(looked_up("org_factor", &[], &["org_factor/f"]).0.whole, "an event that names nothing");
    }
}
