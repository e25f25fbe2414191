//! The key file: what recipients open, and what is in it (`docs/FORMAT.md` §4).
//!
//! Every key file has a fresh file key, wrapped to each recipient. A passphrase is a recipient too: its
//! stretched key is a key pair, so a new file can be wrapped for it without asking for it again.

use crate::base::entropy::{Entropy, draw};
use crate::base::ids::RepositoryId;
use crate::base::secret::Secret;
use crate::crypto::aead::{SealKey, TAG_BYTES};
use crate::crypto::hash::{self, Purpose};
use crate::crypto::passphrase::{self, Cost};
use crate::crypto::wrap::{WrapPublic, WrapSecret, Wrapped};
use crate::crypto::{CryptoError, Suite};
use crate::format::bytes::{Reader, Writer};
use crate::format::key_ring::{KeyRing, Recipient, Stretch};
use crate::format::limits::{KEY_FILE_BYTES_MAX, KEY_FILE_STEP, KEY_SLOTS_MAX};
use crate::format::{FormatError, MAGIC, VERSION};

const CHECK: Purpose = Purpose::new("lastgood/1 key file check");
const TYPE_KEYS: u8 = 2;
const CHECK_BYTES: usize = 16;
const SLOT_PASSPHRASE: u8 = 1;
const SLOT_PUBLIC: u8 = 2;

/// What somebody opens a key file with.
pub enum Opener<'a> {
    /// A passphrase.
    Passphrase(&'a Secret<Vec<u8>>),
    /// A recipient's secret key.
    Secret(&'a WrapSecret),
}

/// A slot as it stands in the file.
struct Slot {
    id: [u8; 8],
    stretch: Option<Stretch>,
    wrapped: Wrapped,
}

fn head(repository: &RepositoryId) -> Writer {
    let mut w = Writer::new();
    w.raw(&MAGIC).u8(VERSION).u8(Suite::One.code()).u8(TYPE_KEYS).u8(0).raw(&repository.0);
    w
}

fn slot_head(id: &[u8; 8], stretch: Option<&Stretch>, w: &mut Writer) {
    match stretch {
        Some(stretch) => {
            w.u8(SLOT_PASSPHRASE).raw(id);
            w.u32(stretch.cost.memory_kib)
                .u32(stretch.cost.passes)
                .u32(stretch.cost.lanes)
                .raw(&stretch.salt);
        }
        None => {
            w.u8(SLOT_PUBLIC).raw(id);
        }
    }
}

/// What a slot's wrap is bound to: the file's head, the slot's id and parameters.
fn slot_info(repository: &RepositoryId, id: &[u8; 8], stretch: Option<&Stretch>) -> Vec<u8> {
    let mut w = head(repository);
    slot_head(id, stretch, &mut w);
    w.finish()
}

/// Seals a key ring for all its recipients, under a fresh file key.
///
/// # Errors
/// No recipient or too many, no randomness, or too many keys.
pub fn seal(ring: &KeyRing, entropy: &dyn Entropy) -> Result<Vec<u8>, FormatError> {
    if ring.recipients.is_empty() {
        return Err(FormatError::Invalid { what: "key file", why: "nobody could open it; add a recipient" });
    }
    if ring.recipients.len() > KEY_SLOTS_MAX {
        return Err(FormatError::TooLarge { what: "recipients of a key file", limit: KEY_SLOTS_MAX as u64 });
    }
    let key = SealKey::random(entropy)?;
    let mut w = head(&ring.repository);
    w.u8(ring.recipients.len() as u8);
    for Recipient { id, public, stretch, .. } in &ring.recipients {
        let info = slot_info(&ring.repository, id, stretch.as_ref());
        slot_head(id, stretch.as_ref(), &mut w);
        w.raw(&public.wrap(&info, key.secret(), entropy)?);
    }
    w.raw(&key.commitment(&ring.repository.0));

    let mut payload = ring.encode();
    payload.resize(payload.len().next_multiple_of(KEY_FILE_STEP), 0);
    let nonce = draw(entropy)?;
    key.seal(&nonce, w.as_slice(), &mut payload)?;
    w.raw(&nonce).u32(payload.len() as u32).raw(&payload);
    let check = hash::half_hash(CHECK, w.as_slice());
    w.raw(&check);
    if w.len() > KEY_FILE_BYTES_MAX {
        return Err(FormatError::TooLarge { what: "key file", limit: KEY_FILE_BYTES_MAX as u64 });
    }
    Ok(w.finish())
}

/// Opens a key file.
///
/// # Errors
/// [`FormatError::WrongKey`] where the file is whole and no slot opens, else damage.
pub fn open(bytes: &[u8], opener: &Opener<'_>) -> Result<KeyRing, FormatError> {
    let file = KeyFile::parse(bytes)?;
    let key = file.unlock(opener)?;
    let mut payload = file.payload.to_vec();
    key.open(&file.nonce, file.bound, &mut payload)
        .map_err(|_| FormatError::Damaged { what: "key file", why: "its payload does not open" })?;
    let payload = Secret::new(payload);
    KeyRing::decode(file.repository, payload.expose())
}

/// The repository that a key file belongs to; needs no key.
///
/// # Errors
/// Not a key file, or damaged.
pub fn repository_of(bytes: &[u8]) -> Result<RepositoryId, FormatError> {
    Ok(KeyFile::parse(bytes)?.repository)
}

struct KeyFile<'a> {
    repository: RepositoryId,
    slots: Vec<Slot>,
    commitment: [u8; 32],
    bound: &'a [u8],
    nonce: [u8; 24],
    payload: &'a [u8],
}

impl<'a> KeyFile<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, FormatError> {
        let mut r = Reader::new(bytes, "key file");
        if bytes.len() > KEY_FILE_BYTES_MAX {
            return Err(r.damaged("it is over its limit"));
        }
        if r.array::<8>()? != MAGIC {
            return Err(r.damaged("it is no lastgood object"));
        }
        let (version, suite, sort, zero) = (r.u8()?, r.u8()?, r.u8()?, r.u8()?);
        if version != VERSION || Suite::from_code(suite).is_none() {
            return Err(FormatError::Newer { what: "key file", version, suite });
        }
        let (checked, check) =
            bytes.split_last_chunk::<CHECK_BYTES>().ok_or(r.damaged("it ends too early"))?;
        if sort != TYPE_KEYS || zero != 0 || hash::half_hash(CHECK, checked) != *check {
            return Err(r.damaged("its check does not fit"));
        }
        let repository = RepositoryId(r.array()?);
        let count = r.u8()?;
        if !(1..=KEY_SLOTS_MAX).contains(&usize::from(count)) {
            return Err(r.damaged("it has no slot or too many"));
        }
        let slots = (0..count).map(|_| read_slot(&mut r)).collect::<Result<_, _>>()?;
        let commitment = r.array()?;
        let bound = bytes.get(..bytes.len() - r.left()).unwrap_or_default();
        let (nonce, length) = (r.array()?, r.u32()?);
        let payload = r.take(length as usize)?;
        r.take(CHECK_BYTES)?;
        r.end()?;
        if payload.len() % KEY_FILE_STEP != TAG_BYTES {
            return Err(r.damaged("its payload is not padded"));
        }
        Ok(Self { repository, slots, commitment, bound, nonce, payload })
    }

    fn unlock(&self, opener: &Opener<'_>) -> Result<SealKey, FormatError> {
        for slot in &self.slots {
            let unwrapped = match (opener, &slot.stretch) {
                (Opener::Passphrase(words), Some(stretch)) => {
                    stretch.key_pair(words)?.unwrap(&self.info(slot), &slot.wrapped)
                }
                (Opener::Secret(secret), None) => secret.unwrap(&self.info(slot), &slot.wrapped),
                _ => continue,
            };
            match unwrapped {
                Ok(key) => {
                    let key = SealKey::new(key);
                    if hash::same(&key.commitment(&self.repository.0), &self.commitment) {
                        return Ok(key);
                    }
                }
                Err(CryptoError::WrongKey) => {}
                Err(other) => return Err(other.into()),
            }
        }
        Err(FormatError::WrongKey("key file"))
    }

    fn info(&self, slot: &Slot) -> Vec<u8> {
        slot_info(&self.repository, &slot.id, slot.stretch.as_ref())
    }
}

fn read_slot(r: &mut Reader<'_>) -> Result<Slot, FormatError> {
    let (sort, id) = (r.u8()?, r.array()?);
    let stretch = match sort {
        SLOT_PASSPHRASE => {
            let cost = Cost { memory_kib: r.u32()?, passes: r.u32()?, lanes: r.u32()? };
            cost.check()?;
            Some(Stretch { cost, salt: r.array()? })
        }
        SLOT_PUBLIC => None,
        _ => return Err(r.damaged("a slot has an unknown type")),
    };
    Ok(Slot { id, stretch, wrapped: r.array()? })
}

impl Stretch {
    /// A fresh salt at a cost.
    pub(crate) fn fresh(cost: Cost, entropy: &dyn Entropy) -> Result<Self, FormatError> {
        cost.check()?;
        Ok(Self { cost, salt: draw(entropy)? })
    }

    /// The key pair of a passphrase.
    pub(crate) fn key_pair(&self, words: &Secret<Vec<u8>>) -> Result<WrapSecret, FormatError> {
        Ok(WrapSecret::derived(passphrase::stretch(words, &self.salt, self.cost)?.secret()))
    }

    /// The public half that files are wrapped to.
    pub(crate) fn public(&self, words: &Secret<Vec<u8>>) -> Result<WrapPublic, FormatError> {
        Ok(self.key_pair(words)?.public()?)
    }
}
