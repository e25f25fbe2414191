//! Who opens the repository: a new recipient gets a new key file, which is for all the others too.
//!
//! Nothing else is written again: segments are wrapped to the tenants' domains, and the key file gives
//! those. A key file must never be made of an older one than the one in force, or a recipient would be lost:
//! it is created under the number after that of the file that was opened, which nobody else may have taken.
//! Read [`crate::format::key_file`] next.

use crate::crypto::wrap::WrapSecret;
use crate::format::key_file;
use crate::storage::StorageError;
use crate::store::StoreError;
use crate::store::repository::{Repository, key_path};

impl Repository {
    /// Lets the holder of a recipient's key open the repository from now on.
    ///
    /// # Errors
    /// [`StoreError::KeysChanged`] when the keys were changed since this was opened;
    /// [`StoreError::ReadOnly`] when the keys in use are not the owner's; or the storage failed.
    pub fn add_recipient(&self, label: &str, secret: &WrapSecret) -> Result<(), StoreError> {
        let (core, opened) = (&self.core, self.key_number.ok_or(StoreError::ReadOnly)?);
        let mut ring = core.ring.clone();
        ring.owner_signer().map_err(|_| StoreError::ReadOnly)?;
        ring.add_recipient(label, secret.public()?, core.entropy.as_ref())?;
        let bytes = key_file::seal(&ring, core.entropy.as_ref())?;
        match core.storage.put_new(&key_path(opened + 1)?, &bytes) {
            Ok(_) => Ok(()),
            Err(StorageError::AlreadyExists { .. }) => Err(StoreError::KeysChanged),
            Err(error) => Err(error.into()),
        }
    }
}
