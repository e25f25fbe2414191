//! Finding the end of a run of plain characters, eight bytes at a time; parser and writer share it.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// True for bytes that cannot stand raw in a canonical string: `"`, `\` and control characters.
pub(super) const fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// Length of the leading run of bytes that may stand raw in a string.
pub(super) fn plain_run(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    for (i, chunk) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*chunk);
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let quote = word ^ (ONES * b'"' as u64);
        let quote = quote.wrapping_sub(ONES) & !quote;
        let slash = word ^ (ONES * b'\\' as u64);
        let slash = slash.wrapping_sub(ONES) & !slash;
        // A borrow can mark a byte wrongly, but only above a byte that is marked rightly.
        let marked = (control | quote | slash) & HIGHS;
        if marked != 0 {
            return i * 8 + (marked.trailing_zeros() / 8) as usize;
        }
    }
    let tail = rest.iter().position(|b| is_special(*b));
    words.len() * 8 + tail.unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn finds_what_a_plain_loop_finds(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let slow = bytes.iter().position(|b| is_special(*b)).unwrap_or(bytes.len());
            prop_assert_eq!(plain_run(&bytes), slow);
        }
    }

    #[test]
    fn each_byte_value_in_each_lane() {
        for byte in 0..=255_u8 {
            for lane in 0..20 {
                let mut bytes = [b'a'; 20];
                bytes[lane] = byte;
                let expected = if is_special(byte) { lane } else { 20 };
                assert_eq!(plain_run(&bytes), expected, "byte {byte} in lane {lane}");
            }
        }
    }
}
