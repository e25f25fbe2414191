//! How often a sweep that changes nothing opens what is stored.

use std::path::Path;

use super::*;
use crate::storage::Meter;

/// Resources, each with a secret.
const COUNT: u64 = 3_000;

/// Bytes of one of its bodies that do not compress.
fn noise(number: u64, bytes: usize) -> Vec<u8> {
    let mut out = vec![0; bytes];
    blake3::Hasher::new().update(&number.to_le_bytes()).finalize_xof().fill(&mut out);
    out
}

/// Puts all of it in an order that has nothing to do with the first time's, and says that it is as it was.
/// Returns how often the storage was read for that.
fn sweep(meter: &Arc<Meter>, index: &Path) -> u64 {
    let repository = open(meter.clone(), Some(index), 7).unwrap();
    let mut session = repository.session(TENANT).unwrap();
    let before = meter.counts().get.calls;
    for step in 0..COUNT {
        let number = step * 1_237 % COUNT;
        let bodies = Parts { secret: Some(noise(!number, 60)), ..parts(&noise(number, 200)) };
        assert_eq!(session.put(&key(&format!("user/{number}")), bodies).unwrap(), Put::Same);
    }
    let asked = meter.counts().get.calls - before;
    assert_eq!(session.commit(meta(COUNT)).unwrap().changed, 0);
    asked
}

#[test]
fn a_sweep_opens_each_frame_once_in_whatever_order_it_comes() {
    let folder = tempfile::tempdir().unwrap();
    let meter = Arc::new(Meter::new(Arc::new(Memory::new())));
    let repository = init(meter.clone(), Some(folder.path())).unwrap();
    let body = |number| (noise(number, 200), Some(noise(!number, 60)));
    let model: Model = (0..COUNT).map(|number| (format!("user/{number}"), body(number))).collect();
    let taken = snapshot(&repository, &model).unwrap();
    drop(repository);
    // Some 13 frames of 64 KiB: one read for each, and a few for the object that they lie in.
    let frames = COUNT * 270 / (64 << 10) + 2;
    assert!(taken.bytes > 10 * (64 << 10), "{} bytes are fetched at once", taken.bytes);
    let asked = sweep(&meter, folder.path());
    assert!(asked <= frames, "{asked} reads for {frames} frames");
    // Without an index every body is looked at, for the state's root.
    let asked = sweep(&meter, tempfile::tempdir().unwrap().path());
    assert!(asked <= frames, "{asked} reads for {frames} frames");
}
