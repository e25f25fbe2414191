//! What nobody can go below: reading, hashing and parsing the same bytes, on one thread.

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use lastgood::json::{Limits, parse};

use super::{Failure, ours};

pub(crate) fn measure(file: &Path) -> Result<(), Failure> {
    let mut bodies: Vec<Vec<u8>> = Vec::new();
    ours::lines(file, |_, body| {
        bodies.extend(body.map(<[u8]>::to_vec));
        Ok(())
    })?;
    let bytes: usize = bodies.iter().map(Vec::len).sum();
    println!("{} bodies, {bytes} bytes", bodies.len());
    let key = [7; 32];
    type Work<'a> = &'a dyn Fn(&[u8]) -> bool;
    for (name, work) in [
        ("keyed BLAKE3 of each body", &(|body: &[u8]| blake3::keyed_hash(&key, body) == [0; 32]) as Work<'_>),
        ("parse", &|body| parse(body, &Limits::body()).is_ok()),
        ("parse and write", &|body| {
            parse(body, &Limits::body()).is_ok_and(|value| !value.to_canonical().is_empty())
        }),
    ] {
        let started = Instant::now();
        bodies.iter().for_each(|body| _ = black_box(work(body)));
        let seconds = started.elapsed().as_secs_f64();
        println!("{name}: {seconds:.3} s, {:.0} MB/s", bytes as f64 / seconds / 1e6);
    }
    Ok(())
}
