//! Any bytes as a segment or a key file, and an honest segment with any bytes changed: an error, or
//! what was written; never a panic, never memory for a length that the bytes do not back.
//!
//! `cargo +nightly fuzz run segment_open`

#![no_main]

use std::sync::LazyLock;

use lastgood::base::entropy::SeededEntropy;
use lastgood::crypto::hierarchy::Domain;
use lastgood::format::builder::SegmentBuilder;
use lastgood::format::codec::LEVEL;
use lastgood::format::key_file;
use lastgood::format::key_ring::KeyRing;
use lastgood::format::reader::SegmentReader;
use lastgood::format::references::{Place, SegmentRef};
use libfuzzer_sys::fuzz_target;

const BODY: &[u8] = b"a body that compresses compresses compresses compresses compresses";

struct Honest {
    domains: Vec<Domain>,
    bytes: Vec<u8>,
    reference: SegmentRef,
}

static HONEST: LazyLock<Honest> = LazyLock::new(|| {
    let entropy = SeededEntropy::new(1);
    let ring = KeyRing::init("fuzz", 0, &entropy).expect("seeded entropy does not fail");
    let prefix = ring.prefix("acme").expect("the ring is full");
    let domains = ring.domains(prefix).expect("the ring is full");
    let mut builder = SegmentBuilder::new(LEVEL).expect("the level is one of zstd's");
    builder.add("user", BODY).expect("one body is within the limits");
    let sealed = builder.seal(&domains[0], &entropy, None).expect("one body is within the limits");
    let reference = sealed.reference(Place::Data);
    Honest { domains, bytes: sealed.bytes, reference }
});

fn read(bytes: &[u8]) {
    let Ok(reader) = SegmentReader::open_whole(&HONEST.domains, bytes) else { return };
    let Ok(segment) = reader.trust_reference(&HONEST.reference) else { return };
    for frame in 0..segment.frames().len() as u32 {
        let Ok(sealed) = segment.slice(bytes, frame) else { continue };
        if let Ok(frame) = segment.open_bodies(frame, sealed) {
            let slot = frame.slot(0).expect("what opens is what was written");
            assert_eq!(slot, lastgood::format::body::Slot::Whole(BODY));
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    read(bytes);
    let _ = key_file::repository_of(bytes);

    // Three bytes change one byte of the honest segment: where (two), and by what.
    let mut changed = HONEST.bytes.clone();
    for step in bytes.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([step[0], step[1]])) % changed.len();
        changed[at] ^= step[2];
    }
    read(&changed);
    read(&changed[..changed.len() - bytes.len() % changed.len()]);
});
