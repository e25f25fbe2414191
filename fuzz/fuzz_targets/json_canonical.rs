//! Any bytes: read or refused within bounds; what is read is written so that it reads back the
//! same; what serde_json refuses for its grammar we refuse too.
//!
//! `cargo +nightly fuzz run json_canonical`

#![no_main]

use lastgood::json::{Limits, canonicalize_bytes, diff, looks_secret, parse, patch};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(value) = parse(bytes, &Limits::default()) else {
        return;
    };
    let canonical = value.to_canonical();
    assert_eq!(canonicalize_bytes(&canonical).as_deref(), Ok(&*canonical), "idempotent");
    let again = parse(value.to_pretty().as_bytes(), &Limits::default());
    assert!(again.as_ref() == Ok(&value), "the indented form holds the same value");
    assert!(patch(&value, &diff(&value, &value)).as_ref() == Ok(&value));
    looks_secret(&Default::default(), &value);

    match serde_json::from_slice::<serde_json::Value>(bytes) {
        Ok(theirs) => {
            // Through doubles and back their text may differ from ours, never its grammar.
            let text = serde_json::to_vec(&theirs).unwrap_or_default();
            assert!(parse(&text, &Limits::default()).is_ok(), "what serde_json writes is JSON");
        }
        // It refuses numbers beyond the range of a double, which we keep, and one level of depth.
        Err(fault) => {
            let text = fault.to_string();
            let known = ["number out of range", "recursion limit exceeded"];
            assert!(known.iter().any(|known| text.contains(known)), "{text}");
        }
    }
});
