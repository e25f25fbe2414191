//! Bytes of version 1 that were written once and must stay readable for ever.
//!
//! The seed makes the same bytes again, so a changed format shows at once. If one of these tests
//! fails, the format has changed: that is a version 2, not a new fixture.

use super::House;
use crate::base::secret::Secret;
use crate::crypto::passphrase::Cost;
use crate::format::key_file::{Opener, open, seal};

const SEGMENT: &[u8] = include_bytes!("../../../tests/compat/v1/segment");
const KEY_FILE: &[u8] = include_bytes!("../../../tests/compat/v1/keys");
const SEED: u64 = 20_261_124;

fn words() -> Secret<Vec<u8>> {
    Secret::new(b"golden".to_vec())
}

fn made() -> (House, Vec<u8>, Vec<u8>) {
    let mut house = House::new(SEED);
    house.ring.add_passphrase("golden", &words(), Cost::CHEAP_FOR_TESTS, &house.entropy).unwrap();
    let keys = seal(&house.ring, &house.entropy).unwrap();
    let (mut builder, draft) = house.small();
    let segment = house.seal(&mut builder, &draft).bytes;
    (house, keys, segment)
}

#[test]
fn the_old_bytes_open() {
    let ring = open(KEY_FILE, &Opener::Passphrase(&words())).unwrap();
    let prefix = ring.prefix("acme").unwrap();
    let house = House { domains: ring.domains(prefix).unwrap(), prefix, ring, ..House::new(0) };
    let (record, segment) = house.read(SEGMENT);
    segment.verify_whole(SEGMENT).unwrap();
    assert_eq!(record.id.to_string(), "21b5d6f09c051edc8221315da475f75029ac9852952b6c4507e0d8b1fd5a9e59");
    assert_eq!(record.snapshot().unwrap().tenant, "acme");
    assert_eq!(prefix.to_string(), "54c07e91d9c25afbcf8e0cabd1212b48");
    assert_eq!(
        house.domains[0].ids.id(b"body").to_string(),
        "22fd23d1cd0fe02356fbff45de35a683da26e2e3bee6df678a5cb0a45497bec4"
    );
    assert_eq!(
        data_encoding::HEXLOWER.encode(&house.domains[0].proof.leaf("user/1", b"body").0),
        "69a32dd1e847f4151032ecc4b9161c9e2f592be28d01a6bbae33dbe63b6755b9"
    );
    assert_eq!(house.domains[0].proof.bucket("user/1"), 56168);
    assert_eq!(
        house.domains[0].fingerprint("user/1", "/x", b"v").to_hex(),
        "e80369cb2aba76e71b0ed2ddeb9763a4"
    );
}

#[test]
fn the_same_seed_makes_the_same_bytes() {
    let (_, keys, segment) = made();
    assert_eq!(keys, KEY_FILE, "the key file's bytes changed");
    // Compression may differ between versions of zstd; everything before the first frame may not.
    assert_eq!(segment[..176], SEGMENT[..176], "the segment's header changed");
    assert_eq!(segment.len(), SEGMENT.len());
    assert_eq!(segment, SEGMENT, "the segment's bytes changed");
}
