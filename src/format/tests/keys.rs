//! Key files: every recipient opens them, nobody else, and no bit of them counts for nothing.

use super::House;
use crate::base::secret::Secret;
use crate::crypto::passphrase::Cost;
use crate::crypto::wrap::WrapSecret;
use crate::format::FormatError;
use crate::format::key_file::{Opener, open, repository_of, seal};
use crate::format::key_ring::KeyRing;

const CHEAP: Cost = Cost::CHEAP_FOR_TESTS;

fn words(text: &str) -> Secret<Vec<u8>> {
    Secret::new(text.as_bytes().to_vec())
}

fn with_recipients() -> (House, WrapSecret) {
    let mut house = House::new(1);
    let pair = WrapSecret::random(&house.entropy).unwrap();
    house.ring.add_passphrase("me", &words("correct horse"), CHEAP, &house.entropy).unwrap();
    house.ring.add_recipient("escrow", pair.public().unwrap(), &house.entropy).unwrap();
    (house, pair)
}

fn same(a: &KeyRing, b: &KeyRing) -> bool {
    a.repository == b.repository && a.recipients == b.recipients && a.encode() == b.encode()
}

#[test]
fn every_recipient_opens_and_nobody_else() {
    let (house, pair) = with_recipients();
    let bytes = seal(&house.ring, &house.entropy).unwrap();
    assert_eq!(repository_of(&bytes).unwrap(), house.ring.repository);
    let mine = open(&bytes, &Opener::Passphrase(&words("correct horse"))).unwrap();
    assert!(same(&mine, &house.ring));
    assert!(same(&open(&bytes, &Opener::Secret(&pair)).unwrap(), &house.ring));
    let error = open(&bytes, &Opener::Passphrase(&words("correct house"))).err().unwrap();
    assert!(matches!(error, FormatError::WrongKey(_)), "{error}");
    let stranger = WrapSecret::random(&house.entropy).unwrap();
    let error = open(&bytes, &Opener::Secret(&stranger)).err().unwrap();
    assert!(matches!(error, FormatError::WrongKey(_)), "{error}");
    let domain = &mine.domains(mine.prefix("acme").unwrap()).unwrap()[0];
    assert_eq!(domain.ids.id(b"x"), house.domains[0].ids.id(b"x"));
}

#[test]
fn a_removed_recipient_is_shut_out_and_the_others_stay() {
    let (mut house, pair) = with_recipients();
    let escrow = house.ring.recipients[1].id;
    assert!(house.ring.remove(&escrow));
    assert!(!house.ring.remove(&escrow));
    assert_eq!(house.ring.begin_epoch(&house.entropy).unwrap(), 2);
    let bytes = seal(&house.ring, &house.entropy).unwrap();
    assert!(open(&bytes, &Opener::Secret(&pair)).is_err());
    let mine = open(&bytes, &Opener::Passphrase(&words("correct horse"))).unwrap();
    let domains = mine.domains(house.prefix).unwrap();
    assert_eq!(domains.iter().map(|domain| domain.epoch).collect::<Vec<_>>(), [2, 1]);
    assert_ne!(domains[0].ids.id(b"x"), domains[1].ids.id(b"x"));
}

#[test]
fn no_flipped_bit_or_cut_goes_unseen() {
    let (house, pair) = with_recipients();
    let bytes = seal(&house.ring, &house.entropy).unwrap();
    for at in 0..bytes.len() {
        let mut broken = bytes.clone();
        broken[at] ^= 1 << (at % 8);
        let error = open(&broken, &Opener::Secret(&pair)).err().unwrap();
        assert!(!matches!(error, FormatError::WrongKey(_)), "byte {at} looks like a wrong key");
        assert!(open(&bytes[..at], &Opener::Secret(&pair)).is_err(), "cut at {at}");
    }
}

#[test]
fn a_put_only_file_writes_and_opens_nothing() {
    let (house, pair) = with_recipients();
    let mut put = house.ring.put_only("collector", &["acme"], 1, &house.entropy).unwrap();
    put.add_recipient("machine", pair.public().unwrap(), &house.entropy).unwrap();
    let bytes = seal(&put, &house.entropy).unwrap();
    let put = open(&bytes, &Opener::Secret(&pair)).unwrap();
    assert!(put.owner_secret.is_none());
    assert_eq!(put.prefix("acme").unwrap(), house.prefix);
    assert!(put.prefix("other").is_err());
    let domains = put.domains(house.prefix).unwrap();
    assert!(domains.iter().all(|domain| domain.data_secret.is_none() && domain.secrets_secret.is_none()));

    let (mut builder, draft) = house.small();
    let signer = put.signer.as_ref().unwrap();
    let sealed = builder.seal(&domains[0], &house.entropy, Some((&draft, signer))).unwrap();
    assert_eq!(house.read(&sealed.bytes).0.writer_name, "collector");
    assert!(put.put_only("next", &["acme"], 1, &house.entropy).is_err(), "only the owner certifies");
}

#[test]
fn a_file_for_nobody_is_not_made() {
    let house = House::new(1);
    assert!(matches!(seal(&house.ring, &house.entropy), Err(FormatError::Invalid { .. })));
}

#[test]
fn a_hostile_cost_is_refused_before_memory_is_taken() {
    let (house, _) = with_recipients();
    let mut bytes = seal(&house.ring, &house.entropy).unwrap();
    let cost_at = 12 + 32 + 1 + 1 + 8;
    bytes[cost_at..cost_at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    let checked = bytes.len() - 16;
    let purpose = crate::crypto::hash::Purpose::new("lastgood/1 key file check");
    let check = crate::crypto::hash::half_hash(purpose, &bytes[..checked]);
    bytes[checked..].copy_from_slice(&check);
    let error = open(&bytes, &Opener::Passphrase(&words("x"))).err().unwrap();
    assert!(matches!(error, FormatError::Crypto(_)), "{error}");
}
