//! Every resource of a tenant at one snapshot, packed for a million of them.
//!
//! A state is a sorted, packed base (one text of all keys, one array of rows) and a small map of
//! what the logs after it changed. It holds no body. About 100 bytes a resource with two parts, plus
//! its key.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use crate::base::ids::{ObjectId, SegmentId};
use crate::base::key::{Kind, ResourceKey};
use crate::crypto::identity::Leaf;
use crate::format::entry::Mark;
use crate::store::entry::{Entry, Part, Place, Target};

/// A row whose mark is a leaf and which has no place.
const ERASED: u8 = 0xff;

/// One part of one resource: 44 bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Row {
    target: u32,
    frame: u32,
    slot: u16,
    part: u8,
    whole: bool,
    mark: [u8; 32],
}

/// The segments that rows refer to by number.
#[derive(Clone, Default)]
struct Targets {
    list: Vec<Arc<Target>>,
    numbers: HashMap<SegmentId, u32>,
}

impl Targets {
    fn number(&mut self, target: &Arc<Target>) -> u32 {
        let next = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
        *self.numbers.entry(target.reference.id).or_insert_with(|| {
            self.list.push(target.clone());
            next
        })
    }

    fn pack(&mut self, entry: &Entry, rows: &mut Vec<Row>) {
        if let Some(leaf) = entry.erased {
            rows.push(Row { target: 0, frame: 0, slot: 0, part: ERASED, whole: true, mark: leaf.0 });
        }
        rows.extend(entry.places.iter().map(|(part, place)| self.pack_place(*part, place)));
    }

    fn pack_place(&mut self, part: Part, place: &Place) -> Row {
        let mut mark = [0; 32];
        let whole = match place.mark {
            Mark::Id(id) => {
                mark = id.0;
                true
            }
            Mark::Check(check) => {
                mark[..4].copy_from_slice(&check);
                false
            }
        };
        let target = self.number(&place.target);
        let slot = u16::try_from(place.slot).expect("a frame has at most 16,384 slots");
        Row { target, frame: place.frame, slot, part: part.number(), whole, mark }
    }

    fn unpack(&self, rows: &[Row]) -> Entry {
        let mut entry = Entry { places: Vec::with_capacity(rows.len()), erased: None };
        for row in rows {
            let Some(part) = Part::from_number(row.part) else {
                entry.erased = Some(Leaf(row.mark));
                continue;
            };
            let mark = if row.whole {
                Mark::Id(ObjectId(row.mark))
            } else {
                let [a, b, c, d, ..] = row.mark;
                Mark::Check([a, b, c, d])
            };
            let Some(target) = self.list.get(row.target as usize) else { continue };
            let place = Place { target: target.clone(), frame: row.frame, slot: row.slot.into(), mark };
            entry.places.push((part, place));
        }
        entry
    }
}

/// The packed base: keys end to end, and for each where its rows begin.
#[derive(Default)]
struct Packed {
    text: String,
    key_ends: Vec<u32>,
    rows: Vec<Row>,
    row_ends: Vec<u32>,
}

impl Packed {
    fn len(&self) -> usize {
        self.key_ends.len()
    }

    fn key(&self, at: usize) -> &str {
        let start = if at == 0 { 0 } else { self.key_ends[at - 1] };
        &self.text[start as usize..self.key_ends[at] as usize]
    }

    fn rows(&self, at: usize) -> &[Row] {
        let start = if at == 0 { 0 } else { self.row_ends[at - 1] };
        &self.rows[start as usize..self.row_ends[at] as usize]
    }

    /// The number of keys before this one.
    fn lower_bound(&self, key: &str) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.key(middle) < key { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// The rows of a key. Whoever asks for key after key often asks in order: `near` is where the next one is
    /// looked for first.
    fn find_near(&self, key: &str, near: &mut usize) -> Option<&[Row]> {
        let is_here = |at: usize| at < self.len() && self.key(at) == key;
        let at = if is_here(*near) { *near } else { self.lower_bound(key) };
        *near = at + 1;
        is_here(at).then(|| self.rows(at))
    }

    /// Adds a key; its rows have been added.
    fn push(&mut self, key: &str) {
        self.text.push_str(key);
        self.key_ends.push(u32::try_from(self.text.len()).expect("keys of a state are under 4 GiB"));
        self.row_ends.push(u32::try_from(self.rows.len()).expect("parts of a state are under 2^32"));
    }
}

/// The resources of a tenant at one snapshot, in order of their `KIND/REF` text.
#[derive(Clone, Default)]
pub struct State {
    base: Arc<Packed>,
    /// What is laid over the base; no rows: gone.
    over: BTreeMap<Box<str>, Box<[Row]>>,
    targets: Targets,
    count: usize,
}

impl State {
    /// A state from entries in ascending order of their keys.
    pub(super) fn builder() -> StateBuilder {
        StateBuilder::default()
    }

    /// How many resources there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// A resource, if the state has it.
    #[must_use]
    pub fn get(&self, key: &ResourceKey) -> Option<Entry> {
        self.get_path(&key.to_path())
    }

    /// A resource by its `KIND/REF` text.
    #[must_use]
    pub fn get_path(&self, path: &str) -> Option<Entry> {
        self.rows(path).map(|rows| self.targets.unpack(rows))
    }

    /// Whether the state has a resource.
    #[must_use]
    pub fn has(&self, key: &ResourceKey) -> bool {
        self.contains(&key.to_path())
    }

    /// The keys of a kind that lie below these ids.
    pub fn below(&self, kind: &Kind, ids: &[String]) -> impl Iterator<Item = ResourceKey> + '_ {
        let above = ResourceKey { kind: kind.clone(), ids: ids.to_vec() }.to_path();
        let found = self.paths_from(&format!("{above}/"), Some(&format!("{above}0"))).texts();
        found.filter_map(ResourceKey::from_path)
    }

    /// Whether the state has the resource of this `KIND/REF` text.
    pub(super) fn contains(&self, path: &str) -> bool {
        self.rows(path).is_some()
    }

    fn rows(&self, path: &str) -> Option<&[Row]> {
        self.rows_near(path, &mut 0)
    }

    fn rows_near(&self, path: &str, near: &mut usize) -> Option<&[Row]> {
        match self.over.get(path) {
            Some(rows) if rows.is_empty() => None,
            Some(rows) => Some(rows),
            None => self.base.find_near(path, near),
        }
    }

    /// Which bodies a resource is, main and secret, as a number: where they lie. No two slots of two segments give
    /// the same, but by an accident of one in 2^64. `None` where it is not there, or erased. `near` makes it quick
    /// for keys in order.
    pub(super) fn stamp(&self, path: &str, near: &mut usize) -> Option<u64> {
        let rows = self.rows_near(path, near)?.iter().filter(|row| row.part <= Part::Secret.number());
        let place = |row: &Row| {
            let target = self.targets.list.get(row.target as usize)?;
            Some(stamped(row.part, &target.reference.id, row.frame, row.slot.into()))
        };
        rows.map(place).reduce(|sum, next| Some(sum?.wrapping_add(next?)))?
    }

    /// All resources, in order of their `KIND/REF` text.
    pub fn iter(&self) -> impl Iterator<Item = (ResourceKey, Entry)> + '_ {
        keyed(self.paths_from("", None))
    }

    /// The resources of one kind, in order of their `KIND/REF` text.
    pub fn kind(&self, kind: &Kind) -> impl Iterator<Item = (ResourceKey, Entry)> + '_ {
        // '0' follows '/', so the range holds exactly the texts that begin with `KIND/`.
        keyed(self.paths_from(&format!("{kind}/"), Some(&format!("{kind}0"))))
    }

    /// The `KIND/REF` texts of the resources of one kind, in order.
    pub fn texts(&self, kind: &Kind) -> impl Iterator<Item = &str> + '_ {
        self.paths_from(&format!("{kind}/"), Some(&format!("{kind}0"))).texts()
    }

    /// All resources by their `KIND/REF` text.
    pub(super) fn paths(&self) -> Walk<'_> {
        self.paths_from("", None)
    }

    fn paths_from(&self, from: &str, before: Option<&str>) -> Walk<'_> {
        let upper = before.map_or(Bound::Unbounded, Bound::Excluded);
        Walk {
            state: self,
            at: self.base.lower_bound(from),
            end: before.map_or(self.base.len(), |key| self.base.lower_bound(key)),
            over: self.over.range::<str, _>((Bound::Included(from), upper)).peekable(),
        }
    }

    /// Puts a resource over what is there.
    pub(super) fn put(&mut self, path: &str, entry: &Entry) {
        let mut rows = Vec::with_capacity(entry.places.len().max(1));
        self.targets.pack(entry, &mut rows);
        self.count += usize::from(!self.contains(path));
        self.over.insert(path.into(), rows.into_boxed_slice());
    }

    /// The same state, with what lies over the base merged into it where that has grown large.
    #[must_use]
    pub(super) fn settled(self) -> Self {
        if self.over.len() < 4_096 || self.over.len() < self.base.len() / 8 {
            return self;
        }
        let mut builder = Self::builder();
        for (path, entry) in self.paths() {
            let ascending = builder.push(path, &entry);
            debug_assert!(ascending, "a walk is in order of the keys");
        }
        builder.finish()
    }

    /// Takes a resource out.
    pub(super) fn gone(&mut self, path: &str) {
        if self.contains(path) {
            self.count -= 1;
            self.over.insert(path.into(), Box::default());
        }
    }
}

/// The same of an entry that is about to be put.
pub(super) fn stamp_of(entry: &Entry) -> Option<u64> {
    let places = entry.places.iter().filter(|(part, _)| part.number() <= Part::Secret.number());
    let place = |(part, place): &(Part, Place)| {
        stamped(part.number(), &place.target.reference.id, place.frame, place.slot)
    };
    places.map(place).reduce(u64::wrapping_add)
}

/// One body's share of a stamp. A segment's id is random; the rest is spread over the number, so that neighbours in
/// it do not add up to each other.
fn stamped(part: u8, segment: &SegmentId, frame: u32, slot: u32) -> u64 {
    let (id, _) = segment.0.split_first_chunk::<8>().expect("32 bytes hold 8");
    let place = u64::from(part) << 62 ^ u64::from(frame) << 20 ^ u64::from(slot);
    let mixed = (u64::from_le_bytes(*id) ^ place).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ mixed >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93)
}

fn keyed(walk: Walk<'_>) -> impl Iterator<Item = (ResourceKey, Entry)> + '_ {
    // What a log or a put let in is a key's own text, so none is left out here.
    walk.filter_map(|(path, entry)| Some((ResourceKey::from_path(path)?, entry)))
}

/// Entries in key order: the base and what lies over it, merged.
pub(super) struct Walk<'a> {
    state: &'a State,
    at: usize,
    end: usize,
    over: std::iter::Peekable<std::collections::btree_map::Range<'a, Box<str>, Box<[Row]>>>,
}

impl<'a> Walk<'a> {
    fn step(&mut self) -> Option<(&'a str, &'a [Row])> {
        loop {
            let base = (self.at < self.end).then(|| self.state.base.key(self.at));
            let over = self.over.peek().map(|(key, _)| &***key);
            let from_over = match (base, over) {
                (None, None) => return None,
                (Some(base), Some(over)) => {
                    // A key in both is the overlay's; the base's row is passed over.
                    self.at += usize::from(over == base);
                    over <= base
                }
                (base, _) => base.is_none(),
            };
            if from_over {
                let (key, rows) = self.over.next()?;
                if !rows.is_empty() {
                    return Some((key, rows));
                }
            } else {
                let rows = self.state.base.rows(self.at);
                let key = self.state.base.key(self.at);
                self.at += 1;
                return Some((key, rows));
            }
        }
    }

    /// The keys alone.
    fn texts(mut self) -> impl Iterator<Item = &'a str> {
        std::iter::from_fn(move || self.step().map(|(key, _)| key))
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = (&'a str, Entry);

    fn next(&mut self) -> Option<Self::Item> {
        let (key, rows) = self.step()?;
        Some((key, self.state.targets.unpack(rows)))
    }
}

/// Takes entries in ascending order of their keys.
#[derive(Default)]
pub(super) struct StateBuilder {
    packed: Packed,
    targets: Targets,
}

impl StateBuilder {
    /// Adds the next entry; `false` when its key is not after the last one, and nothing is added.
    #[must_use]
    pub(super) fn push(&mut self, path: &str, entry: &Entry) -> bool {
        let count = self.packed.len();
        if count > 0 && self.packed.key(count - 1) >= path {
            return false;
        }
        self.targets.pack(entry, &mut self.packed.rows);
        self.packed.push(path);
        true
    }

    pub(super) fn finish(self) -> State {
        let count = self.packed.len();
        State { base: Arc::new(self.packed), over: BTreeMap::new(), targets: self.targets, count }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::hierarchy::TenantPrefix;
    use crate::format::{self, references::SegmentRef};
    use proptest::prelude::*;

    fn entry(n: u8) -> Entry {
        let target =
            SegmentRef { place: format::references::Place::Data, id: SegmentId([n % 5; 32]), table: [0; 16] };
        let target = Arc::new(Target { prefix: TenantPrefix([0; 16]), reference: target });
        let place = |mark| Place { target: target.clone(), frame: n.into(), slot: u32::from(n) + 7, mark };
        if n == 9 {
            return Entry { places: vec![], erased: Some(Leaf([n; 32])) };
        }
        let mut places = vec![(Part::Main, place(Mark::Id(ObjectId([n; 32]))))];
        if n.is_multiple_of(2) {
            places.push((Part::Volatile, place(Mark::Check([n; 4]))));
        }
        Entry { places, erased: None }
    }

    proptest! {
        /// A state is a map from key to entry, however much of it lies in the base.
        #[test]
        fn a_state_is_a_map(
            base in proptest::collection::btree_map("[ab]/[a-d]{1,2}", 0..20_u8, 0..20),
            over in proptest::collection::vec(("[ab]/[a-d]{1,2}", proptest::option::of(0..20_u8)), 0..20),
        ) {
            let mut builder = State::builder();
            let mut model = BTreeMap::new();
            for (key, n) in &base {
                prop_assert!(builder.push(key, &entry(*n)));
                model.insert(key.clone(), entry(*n));
            }
            let mut state = builder.finish();
            for (key, n) in &over {
                match n {
                    Some(n) => {
                        state.put(key, &entry(*n));
                        model.insert(key.clone(), entry(*n));
                    }
                    None => {
                        state.gone(key);
                        model.remove(key);
                    }
                }
            }
            prop_assert_eq!(state.len(), model.len());
            let walked: Vec<(String, Entry)> = state.paths().map(|(k, e)| (k.to_owned(), e)).collect();
            let right: Vec<(String, Entry)> = model.clone().into_iter().collect();
            prop_assert_eq!(walked, right);
            for kind in ["a", "b"] {
                let walked: Vec<String> = state.kind(&Kind::new(kind)).map(|(k, _)| k.to_path()).collect();
                let right: Vec<String> =
                    model.keys().filter(|k| k.starts_with(&format!("{kind}/"))).cloned().collect();
                prop_assert_eq!(walked, right);
            }
            for key in base.keys().chain(over.iter().map(|(k, _)| k)) {
                prop_assert_eq!(state.get_path(key), model.get(key).cloned());
            }
        }
    }

    #[test]
    fn a_builder_takes_ascending_keys_only() {
        let mut builder = State::builder();
        assert!(builder.push("a/2", &entry(1)));
        assert!(!builder.push("a/2", &entry(1)));
        assert!(!builder.push("a/1", &entry(1)));
        assert_eq!(builder.finish().len(), 1);
    }
}
