//! Any bytes as a row of the index: refused, or read and written back to the same bytes.
//!
//! `cargo +nightly fuzz run index_row`

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some(again) = lastgood::store::fuzzing::index_row(bytes) {
        assert_eq!(again, bytes, "a row has one form");
    }
});
