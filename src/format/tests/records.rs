//! Records: every type comes back, and only its writer can have made it.

use super::{House, snapshot};
use crate::base::ids::{RecordId, RepositoryId};
use crate::crypto::hierarchy::TenantPrefix;
use crate::crypto::sign::SignSecret;
use crate::format::FormatError;
use crate::format::builder::SegmentBuilder;
use crate::format::certificate::{Rights, Signer};
use crate::format::codec::LEVEL;
use crate::format::fields::{Fields, Phase, Task};
use crate::format::footer::Role;
use crate::format::limits::LEDGER_DEPTH_MAX;
use crate::format::payload::{Annotation, Maintenance, Sort, decode_annotations, encode_annotations};
use crate::format::reader::SegmentReader;
use crate::format::record::{SignedRecord, payload_hash, unopened};

fn all_fields() -> Vec<Fields> {
    let tasks = [Task::Compact, Task::Prune, Task::Erase, Task::Keys];
    let phases = [Phase::Accepted, Phase::Intent, Phase::Outcome, Phase::Finished, Phase::Stopped];
    let maintenance = tasks.map(|task| Fields::Maintenance { task, from: 1, to: 9, fencing: 3 });
    let apply = phases.map(|phase| Fields::Apply { plan: [7; 32], phase, step: 300, fencing: 2 });
    maintenance.into_iter().chain(apply).chain([Fields::Annotation, Fields::Snapshot(snapshot())]).collect()
}

#[test]
fn every_type_reads_back() {
    let house = House::new(1);
    for fields in all_fields() {
        let mut builder = SegmentBuilder::new(LEVEL).unwrap();
        let draft = house.draft(77, fields.clone());
        let sealed = house.seal(&mut builder, &draft);
        let (record, _) = house.read(&sealed.bytes);
        assert_eq!(record.header.fields, fields);
        assert_eq!((record.header.sequence, record.header.rules, record.header.epoch), (77, 1, 1));
        assert_eq!(record.header.prefix, house.prefix);
        let again = SignedRecord::decode(record.message()).unwrap();
        let carried = again.verify(&house.ring.owner, &house.ring.repository, house.prefix).unwrap();
        assert_eq!(carried.id, record.id, "a carried message is the same record");
    }
}

#[test]
fn payloads_are_signed() {
    let house = House::new(1);
    let payload =
        encode_annotations(&[Annotation::new(Sort::Tag, 1, "", b"\"before the change\"".to_vec())]).unwrap();
    let mut builder = SegmentBuilder::new(LEVEL).unwrap();
    builder.set_payload(payload.clone());
    let sealed = house.seal(&mut builder, &house.draft(2, Fields::Annotation));
    let (record, segment) = house.read(&sealed.bytes);
    let read = segment
        .open_stream(Role::Payload, |range| {
            Ok::<_, FormatError>(sealed.bytes[range.start as usize..range.end as usize].to_vec())
        })
        .unwrap();
    assert_eq!(payload_hash(&read), record.header.payload);
    assert_eq!(decode_annotations(&read).unwrap(), decode_annotations(&payload).unwrap());
    assert_ne!(payload_hash(&Maintenance::default().encode()), record.header.payload);
}

#[test]
fn a_record_is_refused_unless_all_of_it_fits() {
    let house = House::new(1);
    let (mut builder, draft) = house.small();
    let (record, _) = house.read(&house.seal(&mut builder, &draft).bytes);
    let decode = |bytes: &[u8]| SignedRecord::decode(bytes);
    let verify =
        |record: SignedRecord| record.verify(&house.ring.owner, &house.ring.repository, house.prefix);
    let message = record.message();
    for at in 0..message.len() {
        let mut broken = message.to_vec();
        broken[at] ^= 1 << (at % 8);
        assert!(decode(&broken).and_then(verify).is_err(), "byte {at}");
        assert!(decode(&message[..at]).is_err(), "cut at {at}");
    }
    let signed = decode(message).unwrap();
    let stranger = SignSecret::random(&house.entropy).unwrap().public();
    assert!(signed.clone().verify(&stranger, &house.ring.repository, house.prefix).is_err());
    assert!(signed.clone().verify(&house.ring.owner, &RepositoryId([0; 32]), house.prefix).is_err());
    assert!(signed.clone().verify(&house.ring.owner, &house.ring.repository, TenantPrefix([0; 16])).is_err());
    assert_eq!(signed.claims(), &record.header);
}

fn read_by(house: &House, signer: &Signer, fields: Fields) -> Result<String, FormatError> {
    let mut builder = SegmentBuilder::new(LEVEL)?;
    let draft = house.draft(5, fields);
    let sealed = builder.seal(&house.domains[0], &house.entropy, Some((&draft, signer)))?;
    house.try_read(&sealed.bytes).map(|(record, _)| record.writer_name)
}

#[test]
fn a_writer_may_write_what_his_certificate_says() {
    let house = House::new(1);
    let certify = |rights, tenants| house.ring.certify("other", rights, tenants, 0, &house.entropy).unwrap();
    let collector = certify(Rights::COLLECT, vec![house.prefix]);
    assert_eq!(read_by(&house, &collector, Fields::Snapshot(snapshot())).unwrap(), "other");
    for fields in all_fields() {
        let allowed = matches!(fields, Fields::Snapshot(_) | Fields::Annotation);
        assert_eq!(read_by(&house, &collector, fields).is_ok(), allowed);
    }
    let elsewhere = certify(Rights::ALL, vec![TenantPrefix([0; 16])]);
    assert!(read_by(&house, &elsewhere, Fields::Annotation).is_err());
    let uncertified = Signer { certificate: None, ..certify(Rights::ALL, Vec::new()) };
    assert!(read_by(&house, &uncertified, Fields::Annotation).is_err());
    let stolen = Signer { certificate: collector.certificate.clone(), ..certify(Rights::ALL, Vec::new()) };
    assert!(read_by(&house, &stolen, Fields::Annotation).is_err());
    let owner = house.ring.owner_signer().unwrap();
    assert_eq!(read_by(&house, &owner, all_fields().remove(3)).unwrap(), "");
}

#[test]
fn drafts_that_say_nonsense_are_not_signed() {
    let house = House::new(1);
    let signer = house.ring.signer.as_ref().unwrap();
    let refused = |change: &dyn Fn(&mut crate::format::record::Draft)| {
        let mut draft = house.draft(1, Fields::Snapshot(snapshot()));
        change(&mut draft);
        let mut builder = SegmentBuilder::new(LEVEL).unwrap();
        builder.seal(&house.domains[0], &house.entropy, Some((&draft, signer))).is_err()
    };
    assert!(!refused(&|_| {}));
    assert!(refused(&|draft| draft.sequence = 0));
    assert!(refused(&|draft| draft.sequence = u64::MAX));
    assert!(refused(&|draft| draft.notes = vec![(String::new(), String::new()); 65]));
    assert!(refused(&|draft| draft.fields = Fields::Unknown { sort: 9, critical: false, bytes: vec![] }));
    assert!(refused(&|draft| {
        draft.fields = Fields::Annotation;
        draft.notes = vec![("a".into(), "b".into())];
    }));
}

#[test]
fn ledgers_form_a_bounded_chain() {
    let house = House::new(1);
    let mut depth = 0;
    let mut seen = Vec::new();
    for _ in 0..30 {
        let (mut builder, draft) = house.small();
        builder.set_ledger(&super::ledger(), Some((&super::ledger(), depth))).unwrap();
        let (record, _) = house.read(&house.seal(&mut builder, &draft).bytes);
        depth = record.snapshot().unwrap().ledger_depth;
        seen.push(depth);
    }
    assert_eq!(seen.iter().max(), Some(&LEDGER_DEPTH_MAX));
    assert!(seen.contains(&0), "a whole ledger comes again");
}

#[test]
fn an_unopened_object_is_known_by_its_bytes() {
    assert_eq!(unopened(b"a"), unopened(b"a"));
    assert_ne!(unopened(b"a"), unopened(b"b"));
    assert_ne!(unopened(b"a"), RecordId([0; 32]));
}

#[test]
fn a_table_is_signed_with_its_frames() {
    let house = House::new(1);
    let (mut builder, draft) = house.small();
    let one = house.seal(&mut builder, &draft);
    builder.add("user", b"one more").unwrap();
    let two = house.seal(&mut builder, &draft);
    let reader = SegmentReader::open_whole(&house.domains, &two.bytes).unwrap();
    let (record, _) = house.read(&one.bytes);
    assert!(reader.trust_record(&record).is_err());
}
