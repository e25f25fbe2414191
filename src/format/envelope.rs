//! What lies around a segment's frames: header, trailer, and how every message is bound to its place.

use crate::base::entropy::{Entropy, draw};
use crate::base::ids::SegmentId;
use crate::crypto::aead::{Nonce, SealKey, TAG_BYTES};
use crate::crypto::hash::{self, Hash, Purpose};
use crate::crypto::hierarchy::{Domain, TenantPrefix};
use crate::crypto::wrap::{WrapPublic, WrapSecret, Wrapped};
use crate::crypto::{CryptoError, Suite};
use crate::format::bytes::{Reader, Writer};
use crate::format::limits::{FOOTER_BYTES_MAX, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN};
use crate::format::{FormatError, MAGIC, VERSION};

/// Bytes of a segment's header.
pub const HEADER_BYTES: usize = 176;

/// Bytes of a segment's sealed trailer.
pub const TRAILER_BYTES: usize = 32;

const CHECKED_BYTES: usize = HEADER_BYTES - 16;
const TYPE_SEGMENT: u8 = 1;
const HEADER_CHECK: Purpose = Purpose::new("lastgood/1 header check");
const FRAMES: Purpose = Purpose::new("lastgood/1 frames");
const ENDS: Purpose = Purpose::new("lastgood/1 footer");
const PADDING: Purpose = Purpose::new("lastgood/1 padding");
const DATA_INFO: &[u8] = b"lastgood/1 segment";
const SECRETS_INFO: &[u8] = b"lastgood/1 secrets";

pub(crate) const ROLE_RECORD: u8 = 0x20;
pub(crate) const ROLE_FOOTER: u8 = 0x21;
const ROLE_TRAILER: u8 = 0x22;

/// What a message is bound to besides its segment: it opens nowhere else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Bound {
    pub(crate) role: u8,
    pub(crate) position: u32,
    pub(crate) codec: u8,
    pub(crate) plain: u32,
    pub(crate) sealed: u32,
}

impl Bound {
    /// A message that is not compressed, by its plain length.
    pub(crate) fn as_is(role: u8, position: u32, plain: usize) -> Result<Self, FormatError> {
        let too_large = FormatError::TooLarge { what: "sealed message", limit: SEGMENT_BYTES_MAX };
        let plain = u32::try_from(plain).ok().filter(|plain| *plain < 1 << 30).ok_or(too_large)?;
        Ok(Self { role, position, codec: 0, plain, sealed: plain + TAG_BYTES as u32 })
    }

    fn nonce(&self) -> Nonce {
        let mut nonce = [0; 24];
        let [role, .., a, b, c, d, _, _, _, _] = &mut nonce;
        *role = self.role;
        [*a, *b, *c, *d] = self.position.to_le_bytes();
        nonce
    }
}

/// Which segment of which tenant; part of what every message is bound to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Identity {
    /// The tenant.
    pub prefix: TenantPrefix,
    /// The segment.
    pub id: SegmentId,
}

impl Identity {
    fn associated(&self, bound: &Bound) -> Writer {
        let mut w = Writer::new();
        w.u8(VERSION).u8(Suite::One.code()).raw(&self.prefix.0).raw(&self.id.0);
        w.u8(bound.role).u32(bound.position).u8(bound.codec).u32(bound.plain).u32(bound.sealed);
        w
    }

    fn info(&self, context: &[u8]) -> Vec<u8> {
        let mut w = Writer::new();
        w.raw(context).u8(Suite::One.code()).raw(&self.prefix.0).raw(&self.id.0);
        w.finish()
    }
}

/// A random key of a segment, wrapped for those who may open it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct WrappedKey {
    pub(crate) commitment: Hash,
    pub(crate) wrapped: Wrapped,
}

impl WrappedKey {
    fn make(
        key: &SealKey,
        identity: &Identity,
        context: &[u8],
        to: &WrapPublic,
        entropy: &dyn Entropy,
    ) -> Result<Self, CryptoError> {
        let wrapped = to.wrap(&identity.info(context), key.secret(), entropy)?;
        Ok(Self { commitment: key.commitment(&identity.id.0), wrapped })
    }

    fn open(&self, identity: &Identity, context: &[u8], with: &WrapSecret) -> Result<SealKey, CryptoError> {
        let key = SealKey::new(with.unwrap(&identity.info(context), &self.wrapped)?);
        let fits = hash::same(&key.commitment(&identity.id.0), &self.commitment);
        if fits { Ok(key) } else { Err(CryptoError::WrongKey) }
    }
}

/// The keys of one segment, derived from its random data key.
pub(crate) struct SegmentKeys {
    pub(crate) identity: Identity,
    data: SealKey,
    frames: SealKey,
    ends: SealKey,
}

impl SegmentKeys {
    fn new(identity: Identity, data: SealKey) -> Self {
        let (frames, ends) = (data.derive(FRAMES), data.derive(ENDS));
        Self { identity, data, frames, ends }
    }

    /// Seals a frame's stored bytes in place.
    pub(crate) fn seal(&self, bound: &Bound, buffer: &mut Vec<u8>) -> Result<(), FormatError> {
        seal_with(&self.frames, &self.identity, bound, buffer)
    }

    pub(crate) fn open(
        &self,
        bound: &Bound,
        sealed: &[u8],
        what: &'static str,
    ) -> Result<Vec<u8>, FormatError> {
        open_with(&self.frames, &self.identity, bound, sealed, what)
    }

    pub(crate) fn seal_end(&self, bound: &Bound, buffer: &mut Vec<u8>) -> Result<(), FormatError> {
        seal_with(&self.ends, &self.identity, bound, buffer)
    }

    pub(crate) fn open_end(
        &self,
        bound: &Bound,
        sealed: &[u8],
        what: &'static str,
    ) -> Result<Vec<u8>, FormatError> {
        open_with(&self.ends, &self.identity, bound, sealed, what)
    }

    /// The bytes between footer and trailer.
    pub(crate) fn padding(&self, length: usize) -> Vec<u8> {
        let mut padding = vec![0; length];
        hash::stream(PADDING, self.data.secret(), &mut padding);
        padding
    }

    pub(crate) fn trailer(
        &self,
        footer: u64,
        footer_bytes: u32,
        length: u64,
    ) -> Result<Vec<u8>, FormatError> {
        let mut w = Writer::new();
        w.u64(footer).u32(footer_bytes).u32(0);
        let mut buffer = w.finish();
        let bound = Bound::as_is(ROLE_TRAILER, 0, buffer.len())?;
        let mut associated = self.identity.associated(&bound);
        associated.u64(length);
        self.ends.seal(&bound.nonce(), associated.as_slice(), &mut buffer)?;
        Ok(buffer)
    }

    /// Where the footer lies, from the trailer of an object of `length` bytes.
    pub(crate) fn open_trailer(
        &self,
        sealed: &[u8],
        length: u64,
    ) -> Result<std::ops::Range<u64>, FormatError> {
        let bound = Bound::as_is(ROLE_TRAILER, 0, TRAILER_BYTES - TAG_BYTES)?;
        let mut associated = self.identity.associated(&bound);
        associated.u64(length);
        let mut plain = sealed.to_vec();
        self.ends.open(&bound.nonce(), associated.as_slice(), &mut plain).map_err(|_| {
            FormatError::Damaged { what: "trailer", why: "it does not open, or the object was cut" }
        })?;
        let mut r = Reader::new(&plain, "trailer");
        let (start, bytes, zero) = (r.u64()?, r.u32()?, r.u32()?);
        r.end()?;
        let end = start.checked_add(bytes.into()).ok_or(r.damaged("the footer is out of range"))?;
        let room = length.saturating_sub(TRAILER_BYTES as u64);
        if zero != 0 || start < HEADER_BYTES as u64 || end > room || bytes as usize > FOOTER_BYTES_MAX {
            return Err(r.damaged("the footer is out of range"));
        }
        Ok(start..end)
    }
}

pub(crate) fn seal_with(
    key: &SealKey,
    identity: &Identity,
    bound: &Bound,
    buffer: &mut Vec<u8>,
) -> Result<(), FormatError> {
    key.seal(&bound.nonce(), identity.associated(bound).as_slice(), buffer)?;
    if buffer.len() == bound.sealed as usize {
        Ok(())
    } else {
        Err(FormatError::Invalid { what: "sealed message", why: "its bound names another length" })
    }
}

pub(crate) fn open_with(
    key: &SealKey,
    identity: &Identity,
    bound: &Bound,
    sealed: &[u8],
    what: &'static str,
) -> Result<Vec<u8>, FormatError> {
    if sealed.len() != bound.sealed as usize {
        return Err(FormatError::Damaged { what, why: "it has another length than its row" });
    }
    let mut buffer = sealed.to_vec();
    key.open(&bound.nonce(), identity.associated(bound).as_slice(), &mut buffer).map_err(|_| {
        FormatError::Damaged { what, why: "it does not open: changed, or from another place" }
    })?;
    Ok(buffer)
}

/// Makes the keys and the header of a new segment: everything random is fresh.
pub(crate) fn begin(domain: &Domain, entropy: &dyn Entropy) -> Result<(SegmentKeys, Vec<u8>), FormatError> {
    let identity = Identity { prefix: domain.prefix, id: SegmentId(draw(entropy)?) };
    let data = SealKey::random(entropy)?;
    let key = WrappedKey::make(&data, &identity, DATA_INFO, &domain.data_public, entropy)?;
    let mut w = Writer::new();
    w.raw(&MAGIC).u8(VERSION).u8(Suite::One.code()).u8(TYPE_SEGMENT).u8(0).u32(HEADER_BYTES as u32);
    w.raw(&identity.id.0).raw(&key.commitment).raw(&key.wrapped);
    let check = hash::half_hash(HEADER_CHECK, w.as_slice());
    w.raw(&check);
    Ok((SegmentKeys::new(identity, data), w.finish()))
}

/// Makes a fresh secrets key for a segment.
pub(crate) fn begin_secrets(
    identity: &Identity,
    domain: &Domain,
    entropy: &dyn Entropy,
) -> Result<(SealKey, WrappedKey), FormatError> {
    let key = SealKey::random(entropy)?;
    let wrapped = WrappedKey::make(&key, identity, SECRETS_INFO, &domain.secrets_public, entropy)?;
    Ok((key, wrapped))
}

/// Opens a segment's secrets key.
pub(crate) fn open_secrets(
    wrapped: &WrappedKey,
    identity: &Identity,
    domain: &Domain,
) -> Result<SealKey, FormatError> {
    let secret = domain.secrets_secret.as_ref().ok_or(FormatError::NoKey("secret values"))?;
    wrapped.open(identity, SECRETS_INFO, secret).map_err(|_| FormatError::WrongKey("secret values"))
}

/// A segment's header, read but not yet unlocked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// The segment's id.
    pub id: SegmentId,
    key: WrappedKey,
}

impl Header {
    /// Reads the first [`HEADER_BYTES`] of an object.
    ///
    /// # Errors
    /// No segment, damaged, or of a newer version or suite.
    pub fn parse(head: &[u8]) -> Result<Self, FormatError> {
        let mut r = Reader::new(head, "segment header");
        if r.array::<8>()? != MAGIC {
            return Err(r.damaged("it is no lastgood object"));
        }
        let (version, suite, sort, zero) = (r.u8()?, r.u8()?, r.u8()?, r.u8()?);
        if version != VERSION || Suite::from_code(suite).is_none() {
            return Err(FormatError::Newer { what: "segment", version, suite });
        }
        let whole = head.get(..CHECKED_BYTES).ok_or(r.damaged("it ends too early"))?;
        if sort != TYPE_SEGMENT || zero != 0 || r.u32()? as usize != HEADER_BYTES {
            return Err(r.damaged("it is no segment"));
        }
        let id = SegmentId(r.array()?);
        let key = WrappedKey { commitment: r.array()?, wrapped: r.array()? };
        if r.array::<16>()? != hash::half_hash(HEADER_CHECK, whole) {
            return Err(r.damaged("its check does not fit"));
        }
        Ok(Self { id, key })
    }

    /// Unlocks with the first of the tenant's domains that fits; newest epoch first.
    pub(crate) fn unlock<'d>(&self, domains: &'d [Domain]) -> Result<(SegmentKeys, &'d Domain), FormatError> {
        if domains.iter().all(|domain| domain.data_secret.is_none()) {
            return Err(FormatError::NoKey("segments"));
        }
        for domain in domains {
            let Some(secret) = &domain.data_secret else { continue };
            let identity = Identity { prefix: domain.prefix, id: self.id };
            match self.key.open(&identity, DATA_INFO, secret) {
                Ok(data) => return Ok((SegmentKeys::new(identity, data), domain)),
                Err(CryptoError::WrongKey) => {}
                Err(other) => return Err(other.into()),
            }
        }
        Err(FormatError::WrongKey("segment"))
    }
}

/// Refuses a length that no segment can have.
///
/// # Errors
/// Too small or too large.
pub fn check_length(length: u64) -> Result<(), FormatError> {
    if (SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX).contains(&length) {
        Ok(())
    } else {
        Err(FormatError::Damaged { what: "segment", why: "its length is out of range" })
    }
}
