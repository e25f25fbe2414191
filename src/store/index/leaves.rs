//! The leaves of the newest state by bucket, and the buckets' hashes, so that an hour re-hashes only
//! what it touched. A row of its own
//! names the record that they hold for, which may lie behind the tenant's head.

use redb::{ReadableDatabase, TableDefinition};

use crate::crypto::hash::Hash;
use crate::store::index::{Fault, Head, Index, Keys, Update, caught, damaged, present};
use crate::store::roots::{BUCKETS, Bucket, TaggedLeaf};

pub(super) const TABLE: char = 'b';

/// Buckets whose hashes lie in one row.
const GROUP: usize = 256;

/// Rows of groups follow the rows of buckets.
const GROUPS_FROM: u32 = 1 << 16;

/// The row that says for which record the others hold.
const HOLDS_FOR: u32 = 1 << 17;

/// Bytes of one leaf in a bucket's row: its tag and the leaf.
const LEAF_BYTES: usize = 8 + 32;

type Definition<'a> = TableDefinition<'a, u32, &'static [u8]>;

fn decode_bucket(bytes: &[u8]) -> Result<Bucket, Fault> {
    if !bytes.len().is_multiple_of(LEAF_BYTES) {
        return Err(damaged("bucket"));
    }
    bytes
        .chunks_exact(LEAF_BYTES)
        .map(|chunk| TaggedLeaf::from_bytes(chunk).ok_or_else(|| damaged("bucket")))
        .collect()
}

impl Index {
    /// The record that the leaves hold for; `None` when there are none.
    pub(crate) fn leaves_of(&self, keys: &Keys) -> Result<Option<Head>, Fault> {
        caught(|| {
            let name = keys.table(TABLE);
            let read = self.database.begin_read()?;
            let Some(table) = present(read.open_table(Definition::new(&name)))? else { return Ok(None) };
            let Some(value) = table.get(HOLDS_FOR)? else { return Ok(None) };
            Head::decode(keys.verified(&name, &HOLDS_FOR.to_le_bytes(), value.value())?).map(Some)
        })
    }

    /// The hashes of all buckets; `None` when the index has none of this tenant. A group without a row
    /// is empty; the caller compares the root.
    pub(crate) fn bucket_hashes(&self, keys: &Keys) -> Result<Option<Vec<Hash>>, Fault> {
        caught(|| {
            let name = keys.table(TABLE);
            let read = self.database.begin_read()?;
            let Some(table) = present(read.open_table(Definition::new(&name)))? else { return Ok(None) };
            let mut hashes = Vec::with_capacity(BUCKETS);
            for group in 0..BUCKETS / GROUP {
                let key = GROUPS_FROM + u32::try_from(group).unwrap_or(u32::MAX);
                let Some(value) = table.get(key)? else {
                    hashes.extend_from_slice(&[[0; 32]; GROUP]);
                    continue;
                };
                let bytes = keys.verified(&name, &key.to_le_bytes(), value.value())?;
                let (rows, rest) = bytes.as_chunks::<32>();
                if rows.len() != GROUP || !rest.is_empty() {
                    return Err(damaged("group of buckets"));
                }
                hashes.extend_from_slice(rows);
            }
            Ok(Some(hashes))
        })
    }

    /// The leaves of some buckets; one without a row is empty. The caller compares with the bucket's
    /// hash.
    pub(crate) fn buckets(&self, keys: &Keys, wanted: &[u16]) -> Result<Vec<Bucket>, Fault> {
        caught(|| {
            let name = keys.table(TABLE);
            let read = self.database.begin_read()?;
            let table = read.open_table(Definition::new(&name))?;
            let mut found = Vec::with_capacity(wanted.len());
            for bucket in wanted {
                let key = u32::from(*bucket);
                found.push(match table.get(key)? {
                    Some(value) => decode_bucket(keys.verified(&name, &key.to_le_bytes(), value.value())?)?,
                    None => Bucket::new(),
                });
            }
            Ok(found)
        })
    }
}

impl Update<'_> {
    /// Keeps changed buckets and, of all hashes, the groups that they lie in. `whole`: buckets that
    /// are not among the changed ones are empty.
    pub(crate) fn buckets<'b>(
        &mut self,
        head: Head,
        whole: bool,
        changed: impl Iterator<Item = (u16, &'b Bucket)>,
        hashes: &[Hash],
    ) -> Result<(), Fault> {
        caught(|| {
            let name = self.keys.table(TABLE);
            let mut table = self.write.open_table(Definition::new(&name))?;
            if whole {
                table.retain(|_, _| false)?;
            }
            let mut touched = [false; BUCKETS / GROUP];
            for (bucket, leaves) in changed {
                let key = u32::from(bucket);
                let value = leaves.iter().copied().flat_map(TaggedLeaf::to_bytes).collect();
                let value = self.keys.checked(&name, &key.to_le_bytes(), value);
                table.insert(key, value.as_slice())?;
                if let Some(group) = touched.get_mut(usize::from(bucket) / GROUP) {
                    *group = true;
                }
            }
            for (key, (rows, touched)) in (GROUPS_FROM..).zip(hashes.chunks(GROUP).zip(touched)) {
                if touched {
                    let value = self.keys.checked(&name, &key.to_le_bytes(), rows.concat());
                    table.insert(key, value.as_slice())?;
                }
            }
            let value = self.keys.checked(&name, &HOLDS_FOR.to_le_bytes(), head.encode());
            table.insert(HOLDS_FOR, value.as_slice())?;
            Ok(())
        })
    }
}
