//! zstd with the output bounded first, and deltas against a reference prefix.

use zstd::zstd_safe::{CCtx, CParameter, DCtx};

use crate::base::limits::PIECE_BYTES;
use crate::format::FormatError;
use crate::format::limits::FRAME_PLAIN_MAX;

/// The level of new frames.
pub const LEVEL: i32 = 3;

/// The level of what maintenance writes anew: it has the time, and it is read for years.
pub const FOLDED_LEVEL: i32 = 19;

/// The four bytes that begin every zstd frame; a delta is stored without them.
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

fn unpacked(why: &'static str) -> FormatError {
    FormatError::Damaged { what: "frame", why }
}

/// Compresses frames, one after another.
pub struct Packer(zstd::bulk::Compressor<'static>);

impl Packer {
    /// A packer of a level (1 to 22).
    ///
    /// # Errors
    /// The level is not one of zstd's.
    pub fn new(level: i32) -> Result<Self, FormatError> {
        let compressor = zstd::bulk::Compressor::new(level)
            .map_err(|_| FormatError::Invalid { what: "frame", why: "the compression level is unknown" })?;
        Ok(Self(compressor))
    }

    /// The compressed bytes, or `None` where compression gains nothing.
    ///
    /// # Errors
    /// zstd had no memory.
    pub fn pack(&mut self, plain: &[u8]) -> Result<Option<Vec<u8>>, FormatError> {
        let mut packed = self
            .0
            .compress(plain)
            .map_err(|_| FormatError::Invalid { what: "frame", why: "it could not be compressed" })?;
        // zstd took room for the worst case, and hundreds of frames wait for their segment.
        packed.shrink_to_fit();
        Ok((packed.len() < plain.len()).then_some(packed))
    }
}

/// Decompresses to exactly `length` bytes.
///
/// # Errors
/// Not zstd, or another length; nothing over `length` is ever allocated or written.
pub fn unpack(packed: &[u8], length: usize) -> Result<Vec<u8>, FormatError> {
    if length > FRAME_PLAIN_MAX {
        return Err(unpacked("its length is over the limit"));
    }
    let mut plain = Vec::with_capacity(length);
    let written = DCtx::try_create()
        .ok_or(unpacked("there is no memory to decompress it"))?
        .decompress(&mut plain, packed)
        .map_err(|_| unpacked("it does not decompress to its length"))?;
    if written == length { Ok(plain) } else { Err(unpacked("it does not decompress to its length")) }
}

/// Codes `body` against `base`. The result is stored in a slot, beside the body's length.
///
/// # Errors
/// One of the two is over a piece, or zstd had no memory.
pub fn delta(base: &[u8], body: &[u8]) -> Result<Vec<u8>, FormatError> {
    let failed = FormatError::Invalid { what: "delta", why: "it could not be coded" };
    if base.len().max(body.len()) > PIECE_BYTES {
        return Err(FormatError::TooLarge { what: "body of a delta", limit: PIECE_BYTES as u64 });
    }
    let Some(mut context) = CCtx::try_create() else { return Err(failed) };
    let mut packed = Vec::with_capacity(zstd::zstd_safe::compress_bound(body.len()));
    let coded = context
        .set_parameter(CParameter::CompressionLevel(LEVEL))
        .and_then(|_| context.set_parameter(CParameter::ContentSizeFlag(false)))
        .and_then(|_| context.ref_prefix(base))
        .and_then(|_| context.compress2(&mut packed, body));
    match (coded, packed.split_first_chunk::<4>()) {
        (Ok(_), Some((magic, rest))) if *magic == ZSTD_MAGIC => Ok(rest.to_vec()),
        _ => Err(failed),
    }
}

/// The body of `length` bytes that was coded against `base`.
///
/// # Errors
/// Another base, damage, or another length; nothing over `length` is ever allocated or written.
pub fn undelta(base: &[u8], packed: &[u8], length: usize) -> Result<Vec<u8>, FormatError> {
    let failed = |why| FormatError::Damaged { what: "delta", why };
    if base.len().max(length) > PIECE_BYTES {
        return Err(failed("its length is over the limit"));
    }
    let mut frame = Vec::with_capacity(packed.len() + ZSTD_MAGIC.len());
    frame.extend_from_slice(&ZSTD_MAGIC);
    frame.extend_from_slice(packed);
    let mut context = DCtx::try_create().ok_or(failed("there is no memory to decompress it"))?;
    let mut body = Vec::with_capacity(length);
    let written = context
        .ref_prefix(base)
        .and_then(|_| context.decompress(&mut body, &frame))
        .map_err(|_| failed("it does not decompress against its base"))?;
    if written == length { Ok(body) } else { Err(failed("it does not decompress to its length")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn frames_round_trip(plain in proptest::collection::vec(0u8..4, 0..5000)) {
            if let Some(packed) = Packer::new(LEVEL).unwrap().pack(&plain).unwrap() {
                prop_assert_eq!(unpack(&packed, plain.len()).unwrap(), plain.clone());
                prop_assert!(unpack(&packed, plain.len() + 1).is_err());
                prop_assert!(unpack(&packed, plain.len() - 1).is_err());
            }
        }

        #[test]
        fn deltas_round_trip(
            base in proptest::collection::vec(any::<u8>(), 0..3000),
            body in proptest::collection::vec(any::<u8>(), 0..3000),
            at in any::<proptest::sample::Index>(),
        ) {
            let mut near = base.clone();
            near.insert(at.index(base.len() + 1), 7);
            for body in [&body, &near] {
                let packed = delta(&base, body).unwrap();
                prop_assert_eq!(&undelta(&base, &packed, body.len()).unwrap(), body);
                prop_assert!(undelta(&base, &packed, body.len() + 1).is_err());
            }
        }

        #[test]
        fn any_bytes_are_bounded(bytes in proptest::collection::vec(any::<u8>(), 0..300), length in 0usize..5000) {
            if let Ok(plain) = unpack(&bytes, length) {
                prop_assert_eq!(plain.len(), length);
            }
            if let Ok(body) = undelta(b"base", &bytes, length) {
                prop_assert_eq!(body.len(), length);
            }
        }
    }

    #[test]
    fn a_bomb_is_refused() {
        let bomb = Packer::new(LEVEL).unwrap().pack(&vec![0; 64 << 20]).unwrap().unwrap();
        assert!(bomb.len() < 10_000);
        assert!(unpack(&bomb, 1000).is_err());
        assert!(unpack(&bomb, 64 << 20).is_err());
        let packed = bomb.strip_prefix(&ZSTD_MAGIC).unwrap();
        assert!(undelta(b"", packed, 1000).is_err());
    }

    #[test]
    fn a_small_edit_costs_few_bytes() {
        let base: Vec<u8> = (0..1000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        let mut body = base.clone();
        body[2000] ^= 0xff;
        assert!(delta(&base, &body).unwrap().len() < 40);
    }
}
