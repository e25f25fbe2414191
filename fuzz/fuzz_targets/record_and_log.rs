//! Any bytes as a record, log, ledger, payload or local file: refused, or read and written back to
//! the same bytes. No structure has two forms.
//!
//! `cargo +nightly fuzz run record_and_log`

#![no_main]

use lastgood::format::body::BodyFrame;
use lastgood::format::certificate::Certificate;
use lastgood::format::local::Trust;
use lastgood::format::log::{LogHead, LogWriter, decode_block};
use lastgood::format::payload::{CarriedLog, Maintenance, decode_annotations, encode_annotations};
use lastgood::format::record::SignedRecord;
use lastgood::format::references::References;
use lastgood::format::relocations::Relocations;
use lastgood::format::{codec, ledger};
use libfuzzer_sys::fuzz_target;

fn block(bytes: &[u8]) {
    let Ok(entries) = decode_block(bytes) else { return };
    let mut writer = LogWriter::new();
    for entry in &entries {
        writer.push(entry).expect("what was read can be written");
    }
    let log = writer.finish().expect("one block is within the limits");
    // A block over the target is cut in two; what is smaller has one form.
    if log.blocks.len() == 1 {
        assert_eq!(log.blocks[0].plain, bytes);
        assert_eq!(
            LogHead::decode(&log.head).expect("a head that was just made").entries,
            entries.len() as u64
        );
    }
}

fuzz_target!(|bytes: &[u8]| {
    block(bytes);
    let _ = LogHead::decode(bytes);
    let _ = SignedRecord::decode(bytes);
    let _ = CarriedLog::decode(bytes);
    let _ = ledger::decode(bytes, None, &[0; 32]);
    if let Ok(read) = References::decode(bytes) {
        assert_eq!(read.encode(), bytes);
    }
    if let Ok(read) = Relocations::decode(bytes) {
        assert_eq!(read.encode(), bytes);
    }
    if let Ok(read) = Maintenance::decode(bytes) {
        assert_eq!(read.encode(), bytes);
    }
    if let Ok(read) = decode_annotations(bytes) {
        assert_eq!(encode_annotations(&read).ok().as_deref(), Some(bytes));
    }
    if let Ok(read) = Certificate::decode(bytes) {
        assert_eq!(read.encode(), bytes);
    }
    if let Ok(read) = Trust::decode(bytes) {
        assert_eq!(read.encode(), bytes);
    }
    if let Some((count, rest)) = bytes.split_first() {
        if let Ok(frame) = BodyFrame::decode(rest.to_vec(), u32::from(*count)) {
            for slot in 0..u32::from(*count) {
                let _ = frame.slot(slot);
            }
        }
        let length = usize::from(*count) * 64;
        let exact = |read: Vec<u8>| assert_eq!(read.len(), length);
        let _ = codec::unpack(rest, length).map(exact);
        let _ = codec::undelta(b"base", rest, length).map(exact);
    }
});
