//! Any text as a catalogue, and any body under a catalogue that is good: refused, or read in bounded
//! time; a body's canonical form is JSON, the same for the same body.
//!
//! `cargo +nightly fuzz run catalogue`

#![no_main]

use lastgood::catalog::{canonicalize, parse, provider};
use lastgood::json::{self, Limits};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = parse("fuzz", text);
    }
    // The first byte chooses a kind of the largest catalogue, the rest is a body of it.
    let Some((choice, body)) = bytes.split_first() else { return };
    let catalog = provider("keycloak").expect("it is part of the program");
    let spec = &catalog.kinds[usize::from(*choice) % catalog.kinds.len()];
    let Ok(body) = json::parse(body, &Limits::default()) else { return };
    let mark = |pointer: &str, value: &[u8]| format!("{pointer} {}", value.len());
    let once = canonicalize(catalog, spec, body.clone(), &mark).main.to_canonical();
    assert_eq!(once, canonicalize(catalog, spec, body, &mark).main.to_canonical(), "the same each time");
    assert!(json::parse(&once, &Limits::body()).is_ok(), "a canonical body is JSON");
});
