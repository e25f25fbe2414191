//! The format's limits, as in `docs/FORMAT.md` §13; a test compares the two.

/// Bytes of one object, at most.
pub const SEGMENT_BYTES_MAX: u64 = 1 << 30;
/// Bytes of one object, at least.
pub const SEGMENT_BYTES_MIN: u64 = 4096;
/// Frames of a segment.
pub const FRAMES_MAX: usize = 65_536;
/// Plain bytes at which a frame is closed.
pub const FRAME_PLAIN_TARGET: usize = 65_536;
/// Plain bytes of a frame, at most.
pub const FRAME_PLAIN_MAX: usize = 4 << 20;
/// Bodies of a frame, entries of a block.
pub const SLOTS_MAX: usize = 16_384;
/// Sealed bytes of a footer.
pub const FOOTER_BYTES_MAX: usize = 8 << 20;
/// Sealed bytes of a record message.
pub const RECORD_BYTES_MAX: usize = 1 << 20;
/// Kinds of a segment.
pub const KINDS_MAX: usize = 4096;
/// Bytes of any text: key, reason, name.
pub const TEXT_BYTES_MAX: usize = 4096;
/// Rows of references.
pub const REFERENCES_MAX: usize = 65_536;
/// Blocks of a log.
pub const BLOCKS_MAX: usize = 60_000;
/// Bytes of a block's separator.
pub const SEPARATOR_BYTES_MAX: usize = 64;
/// Plain bytes of a ledger or a payload, over all its frames.
pub const STREAM_BYTES_MAX: usize = 256 << 20;
/// Links of a body's chain of deltas.
pub const DELTA_DEPTH_MAX: u8 = 8;
/// Links of a ledger's chain.
pub const LEDGER_DEPTH_MAX: u8 = 23;
/// Notes of a record.
pub const NOTES_MAX: usize = 64;
/// Slots of a key file.
pub const KEY_SLOTS_MAX: usize = 32;
/// Bytes of a key file.
pub const KEY_FILE_BYTES_MAX: usize = 1 << 20;
/// To which a key file's payload is padded.
pub const KEY_FILE_STEP: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_has_the_same_numbers() {
        let page = include_str!("../../docs/FORMAT.md");
        let rows = [
            ("SEGMENT_BYTES_MAX", SEGMENT_BYTES_MAX),
            ("SEGMENT_BYTES_MIN", SEGMENT_BYTES_MIN),
            ("FRAMES_MAX", FRAMES_MAX as u64),
            ("FRAME_PLAIN_TARGET", FRAME_PLAIN_TARGET as u64),
            ("FRAME_PLAIN_MAX", FRAME_PLAIN_MAX as u64),
            ("SLOTS_MAX", SLOTS_MAX as u64),
            ("FOOTER_BYTES_MAX", FOOTER_BYTES_MAX as u64),
            ("RECORD_BYTES_MAX", RECORD_BYTES_MAX as u64),
            ("KINDS_MAX", KINDS_MAX as u64),
            ("TEXT_BYTES_MAX", TEXT_BYTES_MAX as u64),
            ("REFERENCES_MAX", REFERENCES_MAX as u64),
            ("BLOCKS_MAX", BLOCKS_MAX as u64),
            ("SEPARATOR_BYTES_MAX", SEPARATOR_BYTES_MAX as u64),
            ("STREAM_BYTES_MAX", STREAM_BYTES_MAX as u64),
            ("DELTA_DEPTH_MAX", u64::from(DELTA_DEPTH_MAX)),
            ("LEDGER_DEPTH_MAX", u64::from(LEDGER_DEPTH_MAX)),
            ("NOTES_MAX", NOTES_MAX as u64),
            ("KEY_SLOTS_MAX", KEY_SLOTS_MAX as u64),
            ("KEY_FILE_BYTES_MAX", KEY_FILE_BYTES_MAX as u64),
            ("KEY_FILE_STEP", KEY_FILE_STEP as u64),
        ];
        for (name, value) in rows {
            assert!(page.contains(&format!("| {name} | {value} |")), "{name} = {value} is not in FORMAT.md");
        }
        let listed = page
            .lines()
            .filter(|line| line.contains("_M") || line.contains("_STEP") || line.contains("_TARGET"));
        assert_eq!(listed.filter(|line| line.starts_with("| ")).count(), rows.len());
    }
}
