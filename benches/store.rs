//! How fast the steps of a snapshot and of a question are, one by one, on the made-up organisation.
//!
//! `cargo bench --bench store [NAME]`. Bodies are those of 2,500 users and all that belongs to them (10,222
//! resources), in order of their keys; divan prints items or bytes a second. What a whole snapshot costs beside
//! other programs is `benches/peers`.
#![allow(clippy::unwrap_used, reason = "a bench that cannot go on should stop where it stands")]

// Of the organisation only bodies are needed here, and no hour.
#[allow(dead_code, reason = "shared with what lets hours pass")]
mod tenant;

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use jiff::Timestamp;
use lastgood::base::entropy::{SeededEntropy, SystemEntropy};
use lastgood::base::ids::ObjectId;
use lastgood::base::key::ResourceKey;
use lastgood::base::secret::Secret;
use lastgood::catalog::{self, KindSpec, canonicalize};
use lastgood::crypto::hierarchy::{Domain, Master, TenantPrefix};
use lastgood::crypto::identity::Leaf;
use lastgood::crypto::wrap::WrapSecret;
use lastgood::format::builder::SegmentBuilder;
use lastgood::format::codec::LEVEL;
use lastgood::format::entry::{Entry, Op, Part, Put};
use lastgood::format::log::{EncodedLog, LogWriter, decode_block};
use lastgood::format::reader::SegmentReader;
use lastgood::format::references::{Location, Place, SegmentRef};
use lastgood::format::root::{LeafChange, StateLeaves};
use lastgood::json::{Limits, elements, parse};
use lastgood::provider::{Body, Given};
use lastgood::storage::Local;
use lastgood::store::{Environment, KdfCost, Part as StoredPart, Repository, Unlock, WriteSession};
use tenant::Tenant;

const NAME: &str = "acme";

fn main() {
    divan::main();
}

/// Resources with the bytes that a vendor sends of them, in order of their keys.
fn bodies() -> Vec<(ResourceKey, Vec<u8>)> {
    let tenant = Tenant::new(2_500, 1);
    let mut rows: Vec<_> = tenant.rows().iter().map(|row| (row.key(), row.body(None))).collect();
    rows.sort_by_cached_key(|(key, _)| key.to_path());
    rows
}

fn bytes_of(bodies: &[(ResourceKey, Vec<u8>)]) -> BytesCount {
    BytesCount::new(bodies.iter().map(|(_, body)| body.len()).sum::<usize>())
}

fn spec(key: &ResourceKey) -> &'static KindSpec {
    catalog::provider("okta").unwrap().kind(&key.kind).unwrap()
}

fn domain() -> Domain {
    let master = Master::random(1, &SeededEntropy::new(1)).unwrap();
    master.domain(TenantPrefix([7; 16])).unwrap()
}

/// From bytes to the bytes that are hashed, by the catalogue's rules; no secret among them.
#[divan::bench]
fn canonical_by_the_catalogue(bencher: Bencher<'_, '_>) {
    let (bodies, provider) = (bodies(), catalog::provider("okta").unwrap());
    bencher.counter(bytes_of(&bodies)).bench_local(|| {
        for (key, body) in &bodies {
            let body = parse(body, &Limits::body()).unwrap();
            let made = canonicalize(provider, spec(key), body, &|_, _| String::new());
            black_box(made.main.to_canonical());
        }
    });
}

/// A list of a thousand rows, stepped over for its rows and their ids.
#[divan::bench]
fn page_stepped_over(bencher: Bencher<'_, '_>) {
    let users = bodies().into_iter().filter(|(key, _)| key.kind.as_str() == "user").take(1_000);
    let rows: Vec<Vec<u8>> = users.map(|(_, body)| body).collect();
    let page = [b"[".as_slice(), &rows.join(&b","[..]), b"]"].concat();
    bencher.counter(BytesCount::new(page.len())).bench_local(|| {
        let count = elements(&page, &["id"], &Limits::default(), |raw, id| {
            black_box((raw, id));
        });
        assert_eq!(count.unwrap(), 1_000);
    });
}

/// The same list read.
#[divan::bench]
fn page_read(bencher: Bencher<'_, '_>) {
    let users = bodies().into_iter().filter(|(key, _)| key.kind.as_str() == "user").take(1_000);
    let rows: Vec<Vec<u8>> = users.map(|(_, body)| body).collect();
    let page = [b"[".as_slice(), &rows.join(&b","[..]), b"]"].concat();
    bencher
        .counter(BytesCount::new(page.len()))
        .bench_local(|| black_box(parse(&page, &Limits::default()).unwrap()));
}

/// The id of each body.
#[divan::bench]
fn ids(bencher: Bencher<'_, '_>) {
    let (bodies, domain) = (bodies(), domain());
    bencher.counter(bytes_of(&bodies)).bench_local(|| {
        for (_, body) in &bodies {
            let _ = black_box(domain.ids.id(body));
        }
    });
}

/// All bodies into frames of a segment, compressed and sealed.
#[divan::bench]
fn segment_sealed(bencher: Bencher<'_, '_>) {
    let (bodies, domain) = (bodies(), domain());
    bencher.counter(bytes_of(&bodies)).bench_local(|| black_box(segment(&bodies, &domain)));
}

fn segment(bodies: &[(ResourceKey, Vec<u8>)], domain: &Domain) -> (SegmentRef, Vec<u8>) {
    let mut builder = SegmentBuilder::new(LEVEL).unwrap();
    for (key, body) in bodies {
        builder.add(key.kind.as_str(), body).unwrap();
    }
    let sealed = builder.seal(domain, &SystemEntropy, None).unwrap();
    (sealed.reference(Place::Data), sealed.bytes)
}

/// Every frame of such a segment opened.
#[divan::bench]
fn segment_opened(bencher: Bencher<'_, '_>) {
    let (bodies, domain) = (bodies(), domain());
    let (reference, bytes) = segment(&bodies, &domain);
    bencher.counter(bytes_of(&bodies)).bench_local(|| {
        let reader = SegmentReader::open_whole(std::slice::from_ref(&domain), &bytes).unwrap();
        let segment = reader.trust_reference(&reference).unwrap();
        for frame in 0..segment.frames().len() as u32 {
            let sealed = segment.slice(&bytes, frame).unwrap();
            black_box(segment.open_bodies(frame, sealed).unwrap());
        }
    });
}

fn log(bodies: &[(ResourceKey, Vec<u8>)]) -> EncodedLog {
    let mut log = LogWriter::new();
    for (n, (key, _)) in (0..).zip(bodies) {
        let at = Location { segment: 1, frame: n / 80, slot: n % 80 };
        let main = Part::new(at, &ObjectId(blake3::hash(&n.to_le_bytes()).into()));
        log.push(&Entry { key: key.to_path(), op: Op::Put(Put::main(main)), event: None }).unwrap();
    }
    log.finish().unwrap()
}

/// A whole state as a log.
#[divan::bench]
fn log_written(bencher: Bencher<'_, '_>) {
    let bodies = bodies();
    bencher.counter(ItemsCount::new(bodies.len())).bench_local(|| black_box(log(&bodies)));
}

/// The same read.
#[divan::bench]
fn log_read(bencher: Bencher<'_, '_>) {
    let bodies = bodies();
    let log = log(&bodies);
    bencher.counter(ItemsCount::new(bodies.len())).bench_local(|| {
        log.blocks.iter().for_each(|block| drop(black_box(decode_block(&block.plain).unwrap())));
    });
}

/// The state root after an hour of 204 changes in a state of 204,445.
#[divan::bench]
fn root_of_an_hour(bencher: Bencher<'_, '_>) {
    let leaf = |n: u64| Leaf(blake3::hash(&n.to_le_bytes()).into());
    let bucket = |n: u64| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48) as u16;
    let state = StateLeaves::build((0..204_445).map(|n| (bucket(n), leaf(n))));
    let changes: Vec<_> = (0..204)
        .map(|n| n * 1_000)
        .map(|n| LeafChange { bucket: bucket(n), old: Some(leaf(n)), new: Some(leaf(n + 1_000_000)) })
        .collect();
    bencher
        .counter(ItemsCount::new(changes.len()))
        .with_inputs(|| state.clone())
        .bench_local_values(|mut state| black_box(state.apply(changes.iter().copied()).unwrap()));
}

/// A repository of the bodies on the local disk, with an index, and who is in it.
fn repository(folder: &Path) -> (Repository, Vec<Given>) {
    let local = Local::create(&folder.join("repository"), Arc::new(SystemEntropy)).unwrap();
    let unlock = Unlock::Key(WrapSecret::from_secret(Secret::new([7; 32])));
    let (env, index) = (Environment::system(), Some(folder.join("index")));
    let repository = Repository::init(Arc::new(local), &unlock, KdfCost::STANDARD, env, index).unwrap();
    let given = bodies().into_iter().map(|(key, body)| {
        let raw_len = body.len();
        Given { key, body: Body::Sent(body.into()), raw_len }
    });
    let given: Vec<Given> = given.collect();
    let mut session = repository.session(NAME).unwrap();
    take(&repository, &mut session, &given);
    session.commit(tenant::read_at(Timestamp::now(), given.len() as u64, true)).unwrap();
    (repository, given)
}

fn take(repository: &Repository, session: &mut WriteSession, given: &[Given]) -> usize {
    let provider = catalog::provider("okta").unwrap();
    let fingerprints = repository.fingerprints(NAME).unwrap();
    let intake = lastgood::collect::intake::Intake::new(provider, fingerprints, session, true).unwrap();
    let mut repeated = 0;
    for of_kind in given.chunk_by(|a, b| a.key.kind == b.key.kind) {
        for taken in intake.take(session, spec(&of_kind[0].key), of_kind).unwrap() {
            repeated += usize::from(taken.unwrap().repeats);
        }
    }
    repeated
}

/// Bodies that repeat to the byte, taken into a session.
#[divan::bench(sample_count = 20)]
fn taken_by_their_bytes(bencher: Bencher<'_, '_>) {
    let folder = tempfile::tempdir().unwrap();
    let (repository, given) = repository(folder.path());
    bencher
        .counter(ItemsCount::new(given.len()))
        .with_inputs(|| repository.session(NAME).unwrap())
        .bench_local_refs(|session| assert_eq!(take(&repository, session, &given), given.len()));
}

/// One resource at a snapshot, from the index, with its body.
#[divan::bench]
fn index_and_body(bencher: Bencher<'_, '_>) {
    let folder = tempfile::tempdir().unwrap();
    let (repository, given) = repository(folder.path());
    let mut keys = given.iter().cycle().step_by(997);
    bencher.counter(ItemsCount::new(1_usize)).bench_local(|| {
        let key = &keys.next().unwrap().key;
        let entry = repository.entry(NAME, 1, key).unwrap().unwrap();
        black_box(repository.read(&entry, StoredPart::Main).unwrap().unwrap())
    });
}
