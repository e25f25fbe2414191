//! The objects of a tenant, as the storage lists them.

use std::collections::BTreeMap;

use crate::base::ids::SegmentId;
use crate::format::names::Name;
use crate::format::references::{Place as SegmentPlace, SegmentRef};
use crate::storage::{Entry as Listed, list_all};
use crate::store::StoreError;
use crate::store::core::Core;
use crate::store::segments::data_folder;
use crate::store::tenant::Tenant;

/// The objects of a tenant.
pub(super) struct Stored {
    pub(super) records: BTreeMap<u64, Listed>,
    pub(super) data: BTreeMap<SegmentId, Listed>,
}

impl Stored {
    /// Lists them.
    ///
    /// # Errors
    /// As the storage fails.
    pub(super) fn list(core: &Core, tenant: &Tenant) -> Result<Self, StoreError> {
        let mut stored = Self { records: core.listed(tenant, 1)?, data: BTreeMap::new() };
        for row in list_all(core.storage.as_ref(), Some(&data_folder(tenant.prefix)?), None)? {
            if let Some(Name::Data(_, id)) = Name::parse(row.path.as_str()) {
                stored.data.insert(id, row);
            }
        }
        Ok(stored)
    }

    /// Forgets an object that is not there any more.
    pub(super) fn forget(&mut self, reference: &SegmentRef) {
        match reference.place {
            SegmentPlace::Record(number) => drop(self.records.remove(&number)),
            SegmentPlace::Data | SegmentPlace::OwnData => drop(self.data.remove(&reference.id)),
        }
    }

    pub(super) fn of(&self, reference: &SegmentRef) -> Option<&Listed> {
        match reference.place {
            SegmentPlace::Record(number) => self.records.get(&number),
            SegmentPlace::Data | SegmentPlace::OwnData => self.data.get(&reference.id),
        }
    }
}
