//! Damage and fraud: an error, or padding; never a wrong body.

use proptest::prelude::*;

use super::House;
use crate::base::entropy::SeededEntropy;
use crate::crypto::hierarchy::Master;
use crate::format::FormatError;
use crate::format::envelope::{self, Bound};
use crate::format::footer::Role;
use crate::format::reader::SegmentReader;

/// All that a reader gets out of a segment: its record's message and every frame's content.
fn read_all(house: &House, bytes: &[u8]) -> Result<Vec<Vec<u8>>, FormatError> {
    let (record, segment) = house.try_read(bytes)?;
    let mut all = vec![record.message().to_vec()];
    for (row, frame) in segment.frames().iter().zip(0..) {
        let sealed = segment.slice(bytes, frame)?;
        if row.role.holds_bodies() {
            let bodies = segment.open_bodies(frame, sealed)?;
            for slot in 0..bodies.len() as u32 {
                all.push(format!("{:?}", bodies.slot(slot)?).into_bytes());
            }
        } else {
            all.push(segment.open(frame, sealed)?);
        }
    }
    Ok(all)
}

#[test]
fn a_flipped_bit_is_an_error_or_lies_in_the_padding() {
    let house = House::new(1);
    let (mut builder, draft) = house.small();
    let sealed = house.seal(&mut builder, &draft);
    let honest = read_all(&house, &sealed.bytes).unwrap();
    let padding = sealed.used - 32..sealed.bytes.len() - 32;
    for at in (0..sealed.bytes.len()).filter(|at| !padding.contains(at) || at % 32 == 0) {
        let mut broken = sealed.bytes.clone();
        broken[at] ^= 1 << (at % 8);
        match read_all(&house, &broken) {
            Ok(read) => {
                assert!(padding.contains(&at), "byte {at} changed unseen");
                assert_eq!(read, honest, "byte {at} changed what was read");
                let (_, segment) = house.read(&broken);
                assert!(segment.verify_whole(&broken).is_err(), "a check missed byte {at}");
            }
            Err(_) => assert!(!padding.contains(&at), "byte {at} of the padding was read"),
        }
    }
}

#[test]
fn a_message_opens_only_as_what_it_was_bound_to() {
    let house = House::new(1);
    let (keys, _) = envelope::begin(&house.domains[0], &house.entropy).unwrap();
    let bound = Bound { role: 1, position: 7, codec: 1, plain: 90, sealed: 21 };
    let mut sealed = b"bytes".to_vec();
    keys.seal(&bound, &mut sealed).unwrap();
    assert_eq!(keys.open(&bound, &sealed, "it").unwrap(), b"bytes");
    for other in [
        Bound { role: 2, ..bound },
        Bound { position: 8, ..bound },
        Bound { codec: 0, ..bound },
        Bound { plain: 91, ..bound },
        Bound { sealed: 20, ..bound },
    ] {
        assert!(keys.open(&other, &sealed, "it").is_err(), "{other:?}");
    }
    let elsewhere = Bound { sealed: 20, ..bound };
    assert!(keys.open(&elsewhere, &sealed[..20], "it").is_err());
}

#[test]
fn a_cut_or_grown_segment_is_refused() {
    let house = House::new(1);
    let (mut builder, draft) = house.small();
    let noise: [u8; 3000] = crate::base::entropy::draw(&house.entropy).unwrap();
    builder.add("photo", &noise).unwrap();
    let bytes = house.seal(&mut builder, &draft).bytes;
    assert!(bytes.len() > 4096 && SegmentReader::open_whole(&house.domains, &bytes).is_ok());
    for cut in 0..bytes.len() {
        assert!(SegmentReader::open_whole(&house.domains, &bytes[..cut]).is_err(), "cut at {cut}");
    }
    let grown = [&bytes[..], &[0]].concat();
    assert!(SegmentReader::open_whole(&house.domains, &grown).is_err());
    // What lies in the padding belongs to no frame, and the trailer opens the rest: only its length tells.
    let (_, segment) = house.read(&bytes);
    assert!(segment.verify_whole(&bytes).is_ok());
    let (rest, trailer) = bytes.split_at(bytes.len() - 32);
    let shortened = [&rest[..rest.len() - 8], trailer].concat();
    assert!(SegmentReader::open_whole(&house.domains, &shortened).is_err());
    let (head, tail) = bytes.split_at(2000);
    let stretched = [head, &[0; 256], tail].concat();
    assert!(SegmentReader::open_whole(&house.domains, &stretched).is_err());
}

#[test]
fn another_key_is_told_from_damage() {
    let house = House::new(1);
    let (mut builder, draft) = house.small();
    let bytes = house.seal(&mut builder, &draft).bytes;
    let other = House::new(2);
    let error = SegmentReader::open_whole(&other.domains, &bytes).err().unwrap();
    assert!(matches!(error, FormatError::WrongKey(_)), "{error}");
    let put_only = vec![house.domains[0].put_only()];
    let error = SegmentReader::open_whole(&put_only, &bytes).err().unwrap();
    assert!(matches!(error, FormatError::NoKey(_)), "{error}");
    let mut newer = bytes.clone();
    newer[8] = 2;
    let error = SegmentReader::open_whole(&house.domains, &newer).err().unwrap();
    assert!(matches!(error, FormatError::Newer { version: 2, .. }), "{error}");
    newer[8] = 1;
    newer[9] = 2;
    let error = SegmentReader::open_whole(&house.domains, &newer).err().unwrap();
    assert!(matches!(error, FormatError::Newer { suite: 2, .. }), "{error}");
}

#[test]
fn an_older_epoch_and_a_reader_without_secrets() {
    let house = House::new(1);
    let (mut builder, draft) = house.small();
    let bytes = house.seal(&mut builder, &draft).bytes;
    let newer = Master::random(2, &SeededEntropy::new(9)).unwrap().domain(house.prefix).unwrap();
    let both = House { domains: vec![newer, house.domains[0].clone()], ..House::new(1) };
    both.try_read(&bytes).unwrap();

    let reader = House { domains: vec![house.domains[0].without_secrets()], ..House::new(1) };
    let (_, segment) = reader.read(&bytes);
    let secrets = segment.frames_of(Role::Secrets).next().unwrap();
    let error = segment.open_bodies(secrets, segment.slice(&bytes, secrets).unwrap()).err().unwrap();
    assert!(matches!(error, FormatError::NoKey(_)), "{error}");
    let plain = segment.frames_of(Role::Bodies).next().unwrap();
    segment.open_bodies(plain, segment.slice(&bytes, plain).unwrap()).unwrap();
    segment.verify_whole(&bytes).unwrap();
}

#[test]
fn swapped_frames_and_segments_are_refused() {
    let house = House::new(1);
    let (mut builder, draft) = house.small();
    let first = house.seal(&mut builder, &draft).bytes;
    let second = house.seal(&mut builder, &draft).bytes;
    let (record, segment) = house.read(&first);
    for frame in 0..segment.frames().len() as u32 {
        let here = segment.slice(&first, frame).unwrap();
        let there = segment.slice(&second, frame).unwrap();
        assert_eq!(here.len(), there.len());
        let bodies = segment.frames()[frame as usize].role.holds_bodies();
        let opens = |bytes: &[u8], at: u32| match bodies {
            true => segment.open_bodies(at, bytes).is_ok(),
            false => segment.open(at, bytes).is_ok(),
        };
        assert!(opens(here, frame));
        assert!(!opens(there, frame), "frame {frame} of another segment");
        let next = (frame + 1) % segment.frames().len() as u32;
        assert!(!opens(segment.slice(&first, next).unwrap(), frame), "frame {next} as {frame}");
    }
    let other = SegmentReader::open_whole(&house.domains, &second).unwrap();
    assert!(matches!(other.trust_record(&record), Err(FormatError::Untrusted { .. })));
    let spliced = [&first[..2000], &second[2000..]].concat();
    assert!(house.try_read(&spliced).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..9000), ours in any::<bool>()) {
        let house = House::new(1);
        let mut bytes = bytes;
        if ours && bytes.len() >= 176 {
            let (mut builder, draft) = house.small();
            bytes[..176].copy_from_slice(&house.seal(&mut builder, &draft).bytes[..176]);
        }
        prop_assert!(SegmentReader::open_whole(&house.domains, &bytes).is_err());
    }
}
