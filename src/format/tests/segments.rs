//! What goes into a segment comes out of it, also by ranges.

use proptest::prelude::*;

use super::{House, ledger};
use crate::base::ids::{ObjectId, SegmentId};
use crate::base::limits::PIECE_BYTES;
use crate::base::secret::Secret;
use crate::crypto::identity::Leaf;
use crate::format::FormatError;
use crate::format::body::{Delta, Slot};
use crate::format::builder::SegmentBuilder;
use crate::format::codec::{self, LEVEL};
use crate::format::entry::{Entry, Mark, Op, Part, Put};
use crate::format::fields::Flags;
use crate::format::footer::Role;
use crate::format::ledger as coverage;
use crate::format::log::{LogHead, LogWriter, decode_block, log_hash};
use crate::format::reader::{Opening, Segment, SegmentReader, TAIL_BYTES};
use crate::format::references::{Location, Place, References, SegmentRef};

fn whole(segment: &Segment, object: &[u8], at: Location) -> Vec<u8> {
    let frame = segment.open_bodies(at.frame, segment.slice(object, at.frame).unwrap()).unwrap();
    match frame.slot(at.slot).unwrap() {
        Slot::Whole(body) => body.to_vec(),
        other => panic!("not a whole body: {other:?}"),
    }
}

#[test]
fn a_snapshot_reads_back() {
    let house = House::new(1);
    let (mut builder, draft) = house.small();
    let sealed = house.seal(&mut builder, &draft);
    assert_eq!(sealed.bytes.len(), 4096);
    let (record, segment) = house.read(&sealed.bytes);
    assert_eq!(Some(record.id), sealed.record);
    assert_eq!(record.notes, draft.notes);
    assert_eq!(record.writer_name, "box");
    let snapshot = record.snapshot().unwrap();

    let blocks: Vec<_> = segment
        .frames_of(Role::LogBlock)
        .map(|n| segment.open(n, segment.slice(&sealed.bytes, n).unwrap()).unwrap())
        .collect();
    assert_eq!(log_hash(&[], blocks.iter().map(Vec::as_slice)), snapshot.log_hash);
    let entries = decode_block(&blocks[0]).unwrap();
    assert_eq!(entries.len(), 4);
    for (n, entry) in entries.iter().take(3).enumerate() {
        let Op::Put(put) = &entry.op else { panic!("a put") };
        let body = whole(&segment, &sealed.bytes, put.main.at);
        assert!(put.main.mark.fits(&house.domains[0].ids.id(&body)));
        let secret = whole(&segment, &sealed.bytes, put.secret.unwrap().at);
        assert_eq!(secret, format!("hunter{n}").into_bytes());
        assert_eq!(segment.kind(put.main.at.frame), Some("user"));
    }
    assert_eq!(entries[3].op, Op::Gone);

    let stored = segment
        .open_stream(Role::Ledger, |range| {
            Ok::<_, FormatError>(sealed.bytes[range.start as usize..range.end as usize].to_vec())
        })
        .unwrap();
    assert_eq!(coverage::decode(&stored, None, &snapshot.ledger_hash).unwrap(), ledger());
    segment.verify_whole(&sealed.bytes).unwrap();
}

#[test]
fn a_checkpoint_stands_beside_the_log() {
    let house = House::new(6);
    let (mut builder, draft) = house.small();
    let mut checkpoint = LogWriter::new();
    let far = SegmentRef { place: Place::Record(1), id: SegmentId([9; 32]), table: [8; 16] };
    let segment = builder.refer(&far).unwrap();
    let part = Part::new(Location { segment, frame: 4, slot: 2 }, &ObjectId([5; 32]));
    let entry = Entry { key: "user/7".into(), op: Op::Put(Put::main(part)), event: None };
    checkpoint.push(&entry).unwrap();
    builder.set_checkpoint(checkpoint.finish().unwrap()).unwrap();
    let sealed = house.seal(&mut builder, &draft);
    let (record, segment) = house.read(&sealed.bytes);
    assert!(record.snapshot().unwrap().flags.contain(Flags::CHECKPOINT.and(Flags::FULL_BASE)));
    let open = |role| {
        let frame = segment.frames_of(role).next().unwrap();
        segment.open(frame, segment.slice(&sealed.bytes, frame).unwrap()).unwrap()
    };
    assert_eq!(LogHead::decode(&open(Role::CheckpointHead)).unwrap().entries, 1);
    assert_eq!(decode_block(&open(Role::CheckpointBlock)).unwrap(), [entry]);
    assert_eq!(References::decode(&open(Role::References)).unwrap().rows(), [far]);
    let blocks = [open(Role::LogBlock)];
    let signed = record.snapshot().unwrap().log_hash;
    assert_eq!(log_hash(&open(Role::References), blocks.iter().map(Vec::as_slice)), signed);
}

#[test]
fn a_second_attempt_shares_nothing_that_is_random() {
    let house = House::new(1);
    let (mut builder, draft) = house.small();
    let first = house.seal(&mut builder, &draft);
    let second = house.seal(&mut builder, &draft);
    assert_ne!(first.id, second.id);
    assert_ne!(first.bytes, second.bytes);
    let same = first.bytes.iter().zip(&second.bytes).filter(|(a, b)| a == b).count();
    assert!(same < 100, "{same} equal bytes of 4096");
    house.read(&second.bytes).1.verify_whole(&second.bytes).unwrap();
}

#[test]
fn a_large_segment_opens_by_ranges() {
    let house = House::new(2);
    let mut builder = SegmentBuilder::new(LEVEL).unwrap();
    let kind = |n: u32| format!("kind {}", n % 700);
    let body = |n: u32| n.wrapping_mul(2_654_435_761).to_le_bytes().repeat(40);
    let places: Vec<_> = (0..5000u32).map(|n| builder.add(&kind(n), &body(n)).unwrap()).collect();
    let sealed = builder.seal(&house.domains[0], &house.entropy, None).unwrap();
    let length = sealed.bytes.len();
    let tail = &sealed.bytes[length - TAIL_BYTES..];
    let opening = SegmentReader::open(&house.domains, length as u64, &sealed.bytes[..176], tail).unwrap();
    let Opening::Footer(pending) = opening else { panic!("700 kinds do not fit the tail") };
    let range = pending.range();
    let reader = pending.finish(&sealed.bytes[range.start as usize..range.end as usize]).unwrap();
    assert_eq!(reader.record_range(), None);
    let segment = reader.trust_reference(&sealed.reference(Place::Data)).unwrap();
    for (n, at) in (0..5000u32).zip(places).step_by(97) {
        assert_eq!(segment.kind(at.frame), Some(kind(n).as_str()));
        assert_eq!(whole(&segment, &sealed.bytes, at), body(n));
    }
    segment.verify_whole(&sealed.bytes).unwrap();
}

#[test]
fn a_large_body_lies_in_pieces() {
    let house = House::new(3);
    let mut builder = SegmentBuilder::new(LEVEL).unwrap();
    let body: Vec<u8> = (0..2 * PIECE_BYTES as u32 + 5).map(|n| (n / 7) as u8).collect();
    let small = builder.add("logo", b"small").unwrap();
    let at = builder.add("logo", &body).unwrap();
    let secret = builder.add_secret("logo", &Secret::new(body.clone())).unwrap();
    let sealed = builder.seal(&house.domains[0], &house.entropy, None).unwrap();
    let reader = SegmentReader::open_whole(&house.domains, &sealed.bytes).unwrap();
    let segment = reader.trust_reference(&sealed.reference(Place::Data)).unwrap();
    assert_eq!(whole(&segment, &sealed.bytes, small), b"small");
    for at in [at, secret] {
        let frame = segment.open_bodies(at.frame, segment.slice(&sealed.bytes, at.frame).unwrap()).unwrap();
        let Slot::Pieces { length, first_frame, count } = frame.slot(at.slot).unwrap() else {
            panic!("pieces")
        };
        let joined: Vec<u8> = (first_frame..first_frame + count)
            .flat_map(|frame| whole(&segment, &sealed.bytes, Location { segment: 0, frame, slot: 0 }))
            .collect();
        assert_eq!((length, joined == body), (body.len(), true));
    }
}

#[test]
fn a_delta_finds_its_base_by_reference() {
    let house = House::new(4);
    let (base, body) = (b"the quick brown fox ".repeat(20), b"the quick brown cat ".repeat(20));
    let mut first = SegmentBuilder::new(LEVEL).unwrap();
    let base_at = first.add("user", &base).unwrap();
    let first = first.seal(&house.domains[0], &house.entropy, None).unwrap();

    let mut second = SegmentBuilder::new(LEVEL).unwrap();
    let coded = codec::delta(&base, &body).unwrap();
    let far = Location { segment: 1, ..base_at };
    let delta = Delta { length: body.len(), depth: 1, base: far, coded: &coded };
    assert!(second.add_delta("user", &delta).is_err(), "the base has no reference yet");
    assert_eq!(second.refer(&first.reference(Place::Record(7))).unwrap(), 1);
    let at = second.add_delta("user", &delta).unwrap();
    assert!(second.add_delta("user", &Delta { depth: 9, ..delta }).is_err());
    let second = second.seal(&house.domains[0], &house.entropy, None).unwrap();

    let reader = SegmentReader::open_whole(&house.domains, &second.bytes).unwrap();
    let segment = reader.trust_reference(&second.reference(Place::Data)).unwrap();
    let rows = segment.frames_of(Role::References).next().unwrap();
    let rows = segment.open(rows, segment.slice(&second.bytes, rows).unwrap()).unwrap();
    let reference = *References::decode(&rows).unwrap().get(1).unwrap();
    let base_segment = SegmentReader::open_whole(&house.domains, &first.bytes).unwrap();
    let base_segment = base_segment.trust_reference(&reference).unwrap();
    let frame = segment.open_bodies(at.frame, segment.slice(&second.bytes, at.frame).unwrap()).unwrap();
    let Slot::Delta(read) = frame.slot(at.slot).unwrap() else { panic!("a delta") };
    let read_base = whole(&base_segment, &first.bytes, Location { segment: 0, ..read.base });
    assert_eq!(read.apply(&read_base).unwrap(), body);
}

fn parts() -> impl Strategy<Value = Part> {
    (0u32..3, 0u32..50, 0u32..50, any::<[u8; 32]>())
        .prop_map(|(segment, frame, slot, id)| Part::new(Location { segment, frame, slot }, &ObjectId(id)))
}

fn ops() -> impl Strategy<Value = Op> {
    let more = || proptest::option::of(parts());
    let put = (parts(), more(), more(), more())
        .prop_map(|(main, secret, volatile, raw)| Op::Put(Put { main, secret, volatile, raw }));
    prop_oneof![4 => put, 1 => Just(Op::Gone), 1 => any::<[u8; 32]>().prop_map(|leaf| Op::Erased(Leaf(leaf)))]
}

proptest! {
    #[test]
    fn logs_round_trip(
        rows in proptest::collection::btree_map("[ab]{0,3}é?.{0,3}", (ops(), proptest::option::of(parts())), 0..60),
        cut in any::<proptest::sample::Index>(),
    ) {
        let mut writer = LogWriter::new();
        let entries: Vec<_> =
            rows.into_iter().map(|(key, (op, event))| Entry { key, op, event }).collect();
        for entry in &entries {
            writer.push(entry).unwrap();
        }
        prop_assert_eq!(writer.entries(), entries.len() as u64);
        let log = writer.finish().unwrap();
        let head = LogHead::decode(&log.head).unwrap();
        prop_assert_eq!(head.entries, entries.len() as u64);
        let back: Vec<_> = log.blocks.iter().flat_map(|block| decode_block(&block.plain).unwrap()).collect();
        prop_assert_eq!(back, entries);
        for block in &log.blocks {
            prop_assert!(decode_block(&block.plain[..cut.index(block.plain.len())]).is_err());
        }
    }

    #[test]
    fn any_bytes_of_a_log_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = LogHead::decode(&bytes);
        if let Ok(entries) = decode_block(&bytes) {
            let mut writer = LogWriter::new();
            for entry in &entries {
                writer.push(entry).unwrap();
            }
            let again: Vec<_> = writer.finish().unwrap().blocks.into_iter().map(|block| block.plain).collect();
            prop_assert!(entries.is_empty() || again == [bytes]);
        }
    }
}

#[test]
fn a_lookup_reads_few_blocks_and_never_misses() {
    let mut writer = LogWriter::new();
    let long = "x".repeat(70);
    let key = |n: u32| if n < 9000 { format!("user/{n:06}") } else { format!("user/{long}/{n:06}") };
    let event = Part::new(Location { segment: 1, frame: 0, slot: 0 }, &ObjectId([7; 32]));
    for n in 0..20_000 {
        writer.push(&Entry { key: key(n), op: Op::Gone, event: Some(event) }).unwrap();
    }
    let log = writer.finish().unwrap();
    let head = LogHead::decode(&log.head).unwrap();
    assert!(head.blocks() >= 10, "{}", head.blocks());
    let blocks: Vec<_> = log.blocks.iter().map(|block| decode_block(&block.plain).unwrap()).collect();
    for n in (0..20_000).step_by(331) {
        let range = head.blocks_for(&key(n));
        assert!(n >= 9000 || range.len() <= 2, "{range:?}");
        let found = blocks[range].iter().flatten().any(|entry| entry.key == key(n));
        assert!(found, "{}", key(n));
    }
    let under = head.blocks_under("user/0000");
    let found = blocks[under].iter().flatten().filter(|entry| entry.key.starts_with("user/0000")).count();
    assert_eq!(found, 100);
}

#[test]
fn unsorted_or_wrongly_marked_entries_are_refused() {
    let mut writer = LogWriter::new();
    let gone = |key: &str| Entry { key: key.into(), op: Op::Gone, event: None };
    writer.push(&gone("b")).unwrap();
    assert!(writer.push(&gone("a")).is_err());
    assert!(writer.push(&gone("b")).is_err());
    assert!(writer.push(&gone(&"x".repeat(5000))).is_err());
    let far = Part { at: Location { segment: 1, frame: 0, slot: 0 }, mark: Mark::Check([0; 4]) };
    assert!(writer.push(&Entry { key: "c".into(), op: Op::Put(Put::main(far)), event: None }).is_err());
}

#[test]
fn a_reference_to_another_table_is_not_trusted() {
    let house = House::new(5);
    let mut builder = SegmentBuilder::new(LEVEL).unwrap();
    builder.add("user", b"{}").unwrap();
    let sealed = builder.seal(&house.domains[0], &house.entropy, None).unwrap();
    let good = sealed.reference(Place::Data);
    for bad in [SegmentRef { id: SegmentId([0; 32]), ..good }, SegmentRef { table: [0; 16], ..good }] {
        let reader = SegmentReader::open_whole(&house.domains, &sealed.bytes).unwrap();
        assert!(matches!(reader.trust_reference(&bad), Err(FormatError::Untrusted { .. })));
    }
}
