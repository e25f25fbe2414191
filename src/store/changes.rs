//! What a snapshot changed, and what a resource went through: from the index, else from logs.

use std::sync::Arc;

use crate::base::ids::ObjectId;
use crate::base::key::ResourceKey;
use crate::format::fields::Flags;
use crate::store::StoreError;
use crate::store::core::Core;
use crate::store::entry::{Change, Entry, Part};
use crate::store::index::{Known, Version};
use crate::store::replay::{Step, Which};
use crate::store::segments::damaged;
use crate::store::snapshot::Rec;
use crate::store::state::State;
use crate::store::tenant::Tenant;

impl Core {
    /// The lines by which a snapshot differs from the one before it. A full base's log is a whole
    /// state, so it is compared.
    ///
    /// # Errors
    /// A log that is needed is missing or damaged.
    pub(super) fn steps(&self, tenant: &Tenant, rec: &Rec) -> Result<Vec<Step>, StoreError> {
        let Some(snapshot) = rec.snapshot() else { return Ok(Vec::new()) };
        let log = self.log(tenant, rec, Which::Log)?;
        let full_base = snapshot.flags.contain(Flags::FULL_BASE);
        if !full_base && !self.is_rewritten(tenant, rec) {
            return Ok(log);
        }
        let Some(before) = self.snapshot_before(tenant, rec)? else { return Ok(log) };
        let before = self.state(tenant, &before)?.state;
        if full_base { self.difference(tenant, &before, log) } else { self.changed(tenant, &before, log) }
    }

    /// Whether a snapshot's log was made anew when those before it were pruned: it then names every
    /// place that moved, also of a body that came back to what it was.
    fn is_rewritten(&self, tenant: &Tenant, rec: &Rec) -> bool {
        self.pruned(tenant).rewritten(rec.sequence).is_some()
    }

    fn changed(&self, tenant: &Tenant, before: &State, log: Vec<Step>) -> Result<Vec<Step>, StoreError> {
        let mut steps = Vec::with_capacity(log.len());
        for (path, entry) in log {
            let same = match (before.get_path(&path), &entry) {
                (Some(old), Some(entry)) => self.same_body(tenant, &old, entry)?,
                (old, entry) => old.is_none() && entry.is_none(),
            };
            if !same {
                steps.push((path, entry));
            }
        }
        Ok(steps)
    }

    fn difference(&self, tenant: &Tenant, before: &State, whole: Vec<Step>) -> Result<Vec<Step>, StoreError> {
        let mut steps = Vec::new();
        let mut old = before.paths().peekable();
        for (path, entry) in whole {
            while let Some((gone, _)) = old.next_if(|(old, _)| *old < path.as_str()) {
                steps.push((gone.to_owned(), None));
            }
            let same = match (old.next_if(|(old, _)| *old == path), &entry) {
                (Some((_, old)), Some(entry)) => self.same_body(tenant, &old, entry)?,
                _ => false,
            };
            if !same {
                steps.push((path, entry));
            }
        }
        steps.extend(old.map(|(gone, _)| (gone.to_owned(), None)));
        Ok(steps)
    }

    /// Whether two entries have the same main and secret bodies, wherever they lie.
    ///
    /// # Errors
    /// A body that must be read for it is missing or damaged.
    pub(super) fn same_body(&self, tenant: &Tenant, a: &Entry, b: &Entry) -> Result<bool, StoreError> {
        if a.erased.is_some() || b.erased.is_some() {
            return Ok(a.erased == b.erased);
        }
        for part in [Part::Main, Part::Secret] {
            let same = match (a.place(part), b.place(part)) {
                (None, None) => true,
                (Some(x), Some(y)) if x == y => true,
                (Some(_), Some(_)) => self.part_id(tenant, a, part)? == self.part_id(tenant, b, part)?,
                _ => false,
            };
            if !same {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The id of a part's body under the newest key epoch.
    fn part_id(&self, tenant: &Tenant, entry: &Entry, part: Part) -> Result<Option<ObjectId>, StoreError> {
        if let (Some(id), [_]) = (entry.known_id(part), tenant.domains.as_slice()) {
            return Ok(Some(id));
        }
        let Some(body) = self.bodies(tenant).read(entry, part)? else { return Ok(None) };
        Ok(Some(tenant.newest()?.ids.id(&body.bytes)))
    }

    /// One resource at a snapshot.
    ///
    /// # Errors
    /// A log that is needed is missing or damaged.
    pub(super) fn entry(
        &self,
        tenant: &Tenant,
        rec: &Arc<Rec>,
        path: &str,
    ) -> Result<Option<Entry>, StoreError> {
        if self.indexed(tenant) >= rec.sequence {
            match self.ask(|index| index.lookup(&tenant.index_keys, path, rec.sequence)) {
                Some(Known::Entry(entry)) => return Ok(Some(entry)),
                Some(Known::Absent) => return Ok(None),
                Some(Known::Unknown) | None => {}
            }
        }
        let mut at = Some(rec.clone());
        while let Some(here) = at {
            self.must_understand(tenant, &here)?;
            if let Some(snapshot) = here.snapshot() {
                let whole = snapshot.flags.contain(Flags::FULL_BASE);
                if let Some(line) = self.line(tenant, &here, Which::Log, path)? {
                    return Ok(line);
                }
                if whole {
                    return Ok(None);
                }
                if here.is_base() {
                    return Ok(self.line(tenant, &here, Which::Checkpoint, path)?.flatten());
                }
            }
            at = self.before(tenant, &here)?;
        }
        Ok(None)
    }

    /// What a snapshot changed against the one before it.
    ///
    /// # Errors
    /// A log that is needed is missing or damaged.
    pub(super) fn changes(&self, tenant: &Tenant, rec: &Arc<Rec>) -> Result<Vec<Change>, StoreError> {
        let steps = self.steps(tenant, rec)?;
        let Some(before) = self.snapshot_before(tenant, rec)? else {
            return steps.into_iter().map(|(path, after)| self.change(tenant, &path, None, after)).collect();
        };
        let indexed = self.indexed(tenant) >= before.sequence;
        let mut loaded: Option<Arc<State>> = None;
        let mut changes = Vec::with_capacity(steps.len());
        for (path, after) in steps {
            let known = match (&loaded, indexed) {
                (None, true) => self.ask(|index| index.lookup(&tenant.index_keys, &path, before.sequence)),
                _ => None,
            };
            let was = match (known, &loaded) {
                (Some(Known::Entry(entry)), _) => Some(entry),
                (Some(Known::Absent), _) => None,
                (_, Some(state)) => state.get_path(&path),
                (_, None) => loaded.insert(self.state(tenant, &before)?.state).get_path(&path),
            };
            changes.push(self.change(tenant, &path, was, after)?);
        }
        Ok(changes)
    }

    pub(super) fn change(
        &self,
        tenant: &Tenant,
        path: &str,
        before: Option<Entry>,
        after: Option<Entry>,
    ) -> Result<Change, StoreError> {
        let key = ResourceKey::from_path(path).ok_or_else(|| StoreError::Damaged {
            object: format!("a log of tenant {}", self.name_of(tenant)),
            what: "a key in it is no resource's path".to_owned(),
        })?;
        Ok(Change { key, before, after })
    }

    /// Every change of a resource, newest first.
    ///
    /// # Errors
    /// A log that is needed is missing or damaged.
    pub(super) fn history(
        &self,
        tenant: &Tenant,
        newest: &Arc<Rec>,
        key: &ResourceKey,
    ) -> Result<Vec<(u64, Change)>, StoreError> {
        let path = key.to_path();
        let versions = if self.indexed(tenant) >= newest.sequence {
            self.ask(|index| index.versions(&tenant.index_keys, &path)).flatten()
        } else {
            None
        };
        let versions = match versions {
            Some(versions) => versions,
            None => self.scan(tenant, newest, &path)?,
        };
        let mut changes = Vec::with_capacity(versions.len());
        for (at, version) in versions.iter().enumerate() {
            let before = versions.get(at + 1).and_then(|older| older.entry.clone());
            let change = Change { key: key.clone(), before, after: version.entry.clone() };
            changes.push((version.sequence, change));
        }
        Ok(changes)
    }

    /// The versions of a resource out of all logs, newest first.
    fn scan(&self, tenant: &Tenant, newest: &Arc<Rec>, path: &str) -> Result<Vec<Version>, StoreError> {
        let mut records = vec![newest.clone()];
        while let Some(before) = records.last().map(|rec| self.before(tenant, rec)).transpose()?.flatten() {
            self.must_understand(tenant, &before)?;
            records.push(before);
        }
        let mut versions: Vec<Version> = Vec::new();
        for rec in records.iter().rev() {
            let Some(snapshot) = rec.snapshot() else { continue };
            let line = self.line(tenant, rec, Which::Log, path)?;
            let held = versions.last().and_then(|version| version.entry.clone());
            let full_base = snapshot.flags.contain(Flags::FULL_BASE);
            let entry = match (line, full_base) {
                (Some(Some(entry)), _) if full_base || self.is_rewritten(tenant, rec) => {
                    let same = match &held {
                        Some(held) => self.same_body(tenant, held, &entry)?,
                        None => false,
                    };
                    if same {
                        continue;
                    }
                    Some(entry)
                }
                (Some(line), false) => line,
                (Some(line @ Some(_)), true) => line,
                (None, true) if held.is_some() => None,
                (None, _) => continue,
                (Some(None), true) => {
                    let open = self.record_segment(tenant, rec)?;
                    return Err(damaged(&open.path, "a whole state has a deletion in it"));
                }
            };
            versions.push(Version { sequence: rec.sequence, entry });
        }
        versions.reverse();
        Ok(versions)
    }
}
