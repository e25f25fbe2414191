//! Any bytes as a key file, with a check that fits: an error or what was sealed, never another ring,
//! never memory or time for a number that the bytes do not back.
//!
//! `cargo +nightly fuzz run key_file`

#![no_main]

use std::sync::LazyLock;

use lastgood::base::entropy::SeededEntropy;
use lastgood::crypto::hash::{Purpose, half_hash};
use lastgood::crypto::wrap::WrapSecret;
use lastgood::format::key_file::{self, Opener};
use lastgood::format::key_ring::KeyRing;
use libfuzzer_sys::fuzz_target;

const CHECK: Purpose = Purpose::new("lastgood/1 key file check");

struct Honest {
    secret: WrapSecret,
    ring: KeyRing,
    bytes: Vec<u8>,
}

static HONEST: LazyLock<Honest> = LazyLock::new(|| {
    let entropy = SeededEntropy::new(1);
    let secret = WrapSecret::random(&entropy).expect("seeded entropy does not fail");
    let mut ring = KeyRing::init("fuzz", 0, &entropy).expect("seeded entropy does not fail");
    let public = secret.public().expect("a secret has its public half");
    ring.add_recipient("fuzz", public, &entropy).expect("one recipient is within the limits");
    let bytes = key_file::seal(&ring, &entropy).expect("the ring has a recipient");
    Honest { secret, ring, bytes }
});

/// Opens a file whose last 16 bytes are made to fit the rest: damage alone would end there.
fn open(mut bytes: Vec<u8>) {
    let Some(end) = bytes.len().checked_sub(16) else { return };
    let check = half_hash(CHECK, &bytes[..end]);
    bytes[end..].copy_from_slice(&check);
    let repository = key_file::repository_of(&bytes);
    // By a recipient's key, not by a passphrase: what that costs is for whoever chose the numbers.
    if let Ok(ring) = key_file::open(&bytes, &Opener::Secret(&HONEST.secret)) {
        assert_eq!(bytes, HONEST.bytes, "nothing opens but what was sealed");
        assert_eq!(ring.repository, HONEST.ring.repository);
        assert_eq!(repository.ok(), Some(ring.repository));
    }
}

fuzz_target!(|bytes: &[u8]| {
    let _ = key_file::repository_of(bytes);
    open(bytes.to_vec());
    open([bytes, &[0; 16]].concat());
    // Three bytes change one byte of the honest file: where (two), and by what.
    let mut changed = HONEST.bytes.clone();
    for step in bytes.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([step[0], step[1]])) % changed.len();
        changed[at] ^= step[2];
    }
    let cut = changed.len() - bytes.len() % 64;
    open(changed[..cut].to_vec());
    open(changed);
});
