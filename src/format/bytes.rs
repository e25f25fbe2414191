//! The bounded reader and the writer that every structure is made with.
//!
//! A [`Reader`] never panics, never reads past its end, accepts a number only in its shortest form,
//! and gives a count only after checking that the remaining bytes could hold that many items. So
//! no caller can allocate for a length that the bytes do not back.

use crate::format::FormatError;

/// Reads one structure from front to back.
pub struct Reader<'a> {
    rest: &'a [u8],
    what: &'static str,
}

impl<'a> Reader<'a> {
    /// A reader of `bytes`; `what` names the structure in errors.
    #[must_use]
    pub fn new(bytes: &'a [u8], what: &'static str) -> Self {
        Self { rest: bytes, what }
    }

    /// The error that names this structure.
    #[must_use]
    pub fn damaged(&self, why: &'static str) -> FormatError {
        FormatError::Damaged { what: self.what, why }
    }

    /// How many bytes are left.
    #[must_use]
    pub fn left(&self) -> usize {
        self.rest.len()
    }

    /// The next `n` bytes.
    ///
    /// # Errors
    /// Fewer are left.
    pub fn take(&mut self, n: usize) -> Result<&'a [u8], FormatError> {
        let (head, rest) = self.rest.split_at_checked(n).ok_or(self.damaged("it ends too early"))?;
        self.rest = rest;
        Ok(head)
    }

    /// The next `N` bytes.
    ///
    /// # Errors
    /// Fewer are left.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], FormatError> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(self.damaged("it ends too early"))?;
        self.rest = rest;
        Ok(*head)
    }

    /// The next byte.
    ///
    /// # Errors
    /// None is left.
    pub fn u8(&mut self) -> Result<u8, FormatError> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// Four bytes, little-endian.
    ///
    /// # Errors
    /// Fewer are left.
    pub fn u32(&mut self) -> Result<u32, FormatError> {
        self.array().map(u32::from_le_bytes)
    }

    /// Eight bytes, little-endian.
    ///
    /// # Errors
    /// Fewer are left.
    pub fn u64(&mut self) -> Result<u64, FormatError> {
        self.array().map(u64::from_le_bytes)
    }

    /// A `vu`: unsigned LEB128 in its shortest form.
    ///
    /// # Errors
    /// Cut off, over 64 bits, or not the shortest form.
    pub fn vu(&mut self) -> Result<u64, FormatError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(self.damaged("a number has more than 64 bits"));
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return if byte == 0 && shift > 0 {
                    Err(self.damaged("a number is not in its shortest form"))
                } else {
                    Ok(value)
                };
            }
        }
        Err(self.damaged("a number has more than 64 bits"))
    }

    /// A `vu` that fits 32 bits.
    ///
    /// # Errors
    /// As [`Self::vu`], or it does not fit.
    pub fn vu32(&mut self) -> Result<u32, FormatError> {
        let value = self.vu()?;
        u32::try_from(value).map_err(|_| self.damaged("a number has more than 32 bits"))
    }

    /// A `vz`: a zigzag `vu`.
    ///
    /// # Errors
    /// As [`Self::vu`].
    pub fn vz(&mut self) -> Result<i64, FormatError> {
        let value = self.vu()?;
        Ok((value >> 1).cast_signed() ^ -((value & 1).cast_signed()))
    }

    /// A length or number that is at most `max`.
    ///
    /// # Errors
    /// As [`Self::vu`], or it is larger.
    pub fn up_to(&mut self, max: usize) -> Result<usize, FormatError> {
        let value = self.vu()?;
        usize::try_from(value)
            .ok()
            .filter(|value| *value <= max)
            .ok_or(self.damaged("a length is over its limit"))
    }

    /// A count of items of at least `item` bytes each, at most `max`; checked against what is left.
    ///
    /// # Errors
    /// As [`Self::up_to`], or the bytes cannot hold that many.
    pub fn count(&mut self, max: usize, item: usize) -> Result<usize, FormatError> {
        let count = self.up_to(max)?;
        if count > self.left() / item.max(1) {
            return Err(self.damaged("it claims more items than it has bytes"));
        }
        Ok(count)
    }

    /// A `vb` of at most `max` bytes.
    ///
    /// # Errors
    /// As [`Self::up_to`], or cut off.
    pub fn vb(&mut self, max: usize) -> Result<&'a [u8], FormatError> {
        let length = self.up_to(max)?;
        self.take(length)
    }

    /// Text of at most `max` bytes.
    ///
    /// # Errors
    /// As [`Self::vb`], or not UTF-8.
    pub fn text(&mut self, max: usize) -> Result<&'a str, FormatError> {
        let bytes = self.vb(max)?;
        std::str::from_utf8(bytes).map_err(|_| self.damaged("a text is not UTF-8"))
    }

    /// A presence byte.
    ///
    /// # Errors
    /// Neither 0 nor 1.
    pub fn flag(&mut self) -> Result<bool, FormatError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.damaged("a presence byte is neither 0 nor 1")),
        }
    }

    /// That nothing follows.
    ///
    /// # Errors
    /// Bytes are left.
    pub fn end(&self) -> Result<(), FormatError> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.damaged("bytes follow its end")) }
    }
}

/// Writes one structure from front to back.
#[derive(Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// An empty writer.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty writer that does not move before it holds this many bytes; for what must not be
    /// left behind in memory.
    #[must_use]
    pub fn with_room(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    /// What was written.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.0
    }

    /// What was written so far.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }

    /// How many bytes were written so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// One byte.
    pub fn u8(&mut self, value: u8) -> &mut Self {
        self.0.push(value);
        self
    }

    /// Four bytes, little-endian.
    pub fn u32(&mut self, value: u32) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }

    /// Eight bytes, little-endian.
    pub fn u64(&mut self, value: u64) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }

    /// A `vu`.
    pub fn vu(&mut self, mut value: u64) -> &mut Self {
        while value >= 0x80 {
            self.0.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.u8(value as u8)
    }

    /// A length or count as a `vu`.
    pub fn size(&mut self, value: usize) -> &mut Self {
        self.vu(value as u64)
    }

    /// A `vz`.
    pub fn vz(&mut self, value: i64) -> &mut Self {
        self.vu(((value << 1) ^ (value >> 63)).cast_unsigned())
    }

    /// A `vb`.
    pub fn vb(&mut self, bytes: &[u8]) -> &mut Self {
        self.size(bytes.len()).raw(bytes)
    }

    /// Text.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.vb(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_round_trip(u in any::<u64>(), z in any::<i64>(), shift in 0u32..64) {
            let mut w = Writer::new();
            w.vu(u >> shift).vz(z >> shift).u64(u).u32(u as u32).u8(u as u8);
            let bytes = w.finish();
            let mut r = Reader::new(&bytes, "test");
            prop_assert_eq!(r.vu().unwrap(), u >> shift);
            prop_assert_eq!(r.vz().unwrap(), z >> shift);
            prop_assert_eq!(r.u64().unwrap(), u);
            prop_assert_eq!(r.u32().unwrap(), u as u32);
            prop_assert_eq!(r.u8().unwrap(), u as u8);
            r.end().unwrap();
        }

        #[test]
        fn a_number_has_one_form(bytes in proptest::collection::vec(any::<u8>(), 0..12)) {
            let mut r = Reader::new(&bytes, "test");
            if let Ok(value) = r.vu() {
                let mut w = Writer::new();
                w.vu(value);
                prop_assert_eq!(w.as_slice(), &bytes[..bytes.len() - r.left()]);
            }
        }

        #[test]
        fn text_round_trips(text in ".{0,40}") {
            let mut w = Writer::new();
            w.text(&text);
            let bytes = w.finish();
            let mut r = Reader::new(&bytes, "test");
            prop_assert_eq!(r.text(1000).unwrap(), text);
        }
    }

    #[test]
    fn a_count_needs_its_bytes() {
        let mut w = Writer::new();
        w.vu(1_000_000).u8(0);
        let bytes = w.finish();
        assert!(Reader::new(&bytes, "test").count(usize::MAX, 1).is_err());
        assert!(Reader::new(&bytes, "test").vb(usize::MAX).is_err());
        assert!(Reader::new(&bytes, "test").up_to(10).is_err());
    }
}
