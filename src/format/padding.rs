//! How long an object is made, so that its length tells little.

use crate::format::limits::SEGMENT_BYTES_MIN;

/// The padded length of an object of `length` bytes: Padmé, and at least the smallest step.
///
/// Padmé leaves a length O(log log) bits of information and adds at most 12 %.
#[must_use]
pub fn padded(length: u64) -> u64 {
    let length = length.max(SEGMENT_BYTES_MIN);
    let exponent = u64::from(length.ilog2());
    let kept = u64::from(exponent.ilog2()) + 1;
    let mask = (1u64 << (exponent - kept)) - 1;
    (length + mask) & !mask
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn padding_is_small_stable_and_never_shrinks(length in 0u64..1 << 31) {
            let padded_length = padded(length);
            prop_assert!(padded_length >= length.max(SEGMENT_BYTES_MIN));
            prop_assert!(padded_length <= length.max(SEGMENT_BYTES_MIN) * 112 / 100);
            prop_assert_eq!(padded(padded_length), padded_length);
            prop_assert!(padded(length + 1) >= padded_length);
        }
    }

    #[test]
    fn an_hour_without_changes_is_the_smallest_step() {
        assert_eq!(padded(0), 4096);
        assert_eq!(padded(4096), 4096);
        assert_eq!(padded(4097), 4352);
        assert_eq!(padded(20_000), 20_480);
    }
}
