//! Tests over several files of the room: whole segments and key files, honest and broken.

mod broken;
mod golden;
mod keys;
mod page;
mod records;
mod segments;

use crate::base::entropy::SeededEntropy;
use crate::base::ids::RecordId;
use crate::base::secret::Secret;
use crate::crypto::hierarchy::{Domain, TenantPrefix};
use crate::format::builder::{SealedSegment, SegmentBuilder};
use crate::format::codec::LEVEL;
use crate::format::entry::{Entry, Op, Part, Put};
use crate::format::fields::{Fields, Flags, Snapshot};
use crate::format::key_ring::KeyRing;
use crate::format::log::LogWriter;
use crate::format::reader::{Segment, SegmentReader};
use crate::format::record::{Draft, Record};

/// A repository with one tenant, everything from a seed.
struct House {
    entropy: SeededEntropy,
    ring: KeyRing,
    prefix: TenantPrefix,
    domains: Vec<Domain>,
}

impl House {
    fn new(seed: u64) -> Self {
        let entropy = SeededEntropy::new(seed);
        let ring = KeyRing::init("box", 1_700_000_000_000, &entropy).unwrap();
        let prefix = ring.prefix("acme").unwrap();
        let domains = ring.domains(prefix).unwrap();
        Self { entropy, ring, prefix, domains }
    }

    fn draft(&self, sequence: u64, fields: Fields) -> Draft {
        Draft {
            repository: self.ring.repository,
            sequence,
            previous: RecordId([0; 32]),
            written_ms: 1_700_000_000_000,
            rules: 1,
            fields,
            notes: Vec::new(),
        }
    }

    fn seal(&self, builder: &mut SegmentBuilder, draft: &Draft) -> SealedSegment {
        let signer = self.ring.signer.as_ref().unwrap();
        builder.seal(&self.domains[0], &self.entropy, Some((draft, signer))).unwrap()
    }

    fn read(&self, bytes: &[u8]) -> (Record, Segment) {
        self.try_read(bytes).unwrap()
    }

    fn try_read(&self, bytes: &[u8]) -> Result<(Record, Segment), crate::format::FormatError> {
        let reader = SegmentReader::open_whole(&self.domains, bytes)?;
        let range = reader.record_range().expect("these segments have a record");
        let record = reader.record(&bytes[range.start as usize..range.end as usize])?;
        let record = record.verify(&self.ring.owner, &self.ring.repository, self.prefix)?;
        let segment = reader.trust_record(&record)?;
        Ok((record, segment))
    }

    /// A small segment with everything that a snapshot can hold.
    fn small(&self) -> (SegmentBuilder, Draft) {
        let ids = &self.domains[0].ids;
        let mut builder = SegmentBuilder::new(LEVEL).unwrap();
        let mut log = LogWriter::new();
        for n in 0..3 {
            let body = format!("{{\"name\":\"user {n}\",\"note\":\"{}\"}}", "long ".repeat(20));
            let at = builder.add("user", body.as_bytes()).unwrap();
            let mut put = Put::main(Part::new(at, &ids.id(body.as_bytes())));
            let secret = format!("hunter{n}");
            let at = builder.add_secret("user", &Secret::new(secret.clone().into_bytes())).unwrap();
            put.secret = Some(Part::new(at, &ids.id(secret.as_bytes())));
            log.push(&Entry { key: format!("user/{n}"), op: Op::Put(put), event: None }).unwrap();
        }
        log.push(&Entry { key: "user/gone".into(), op: Op::Gone, event: None }).unwrap();
        builder.set_log(log.finish().unwrap()).unwrap();
        builder.set_ledger(&ledger(), None).unwrap();
        let mut draft = self.draft(1, Fields::Snapshot(snapshot()));
        draft.notes = vec![("reason".into(), "test".into())];
        (builder, draft)
    }
}

fn ledger() -> crate::base::coverage::Ledger {
    use crate::base::coverage::{Ledger, Row, State};
    let at = |ms| jiff::Timestamp::from_millisecond(ms).unwrap();
    let row = Row {
        state: State::Complete,
        reason: String::new(),
        count: 3,
        read: Some((at(1_700_000_000_000), at(1_700_000_000_900))),
        exceptions: Vec::new(),
    };
    Ledger {
        rows: [(crate::base::key::Kind::new("user"), row)].into(),
        unknown: vec!["user: shoeSize".into()],
    }
}

fn snapshot() -> Snapshot {
    Snapshot {
        tenant: "acme".into(),
        started_ms: 1_700_000_000_000,
        finished_ms: 1_700_000_001_000,
        identity: [1; 32],
        root: [2; 32],
        added: 3,
        changed: 0,
        removed: 1,
        total: 3,
        log_hash: [0; 32],
        ledger_hash: [0; 32],
        ledger_depth: 0,
        flags: Flags::FULL_BASE,
        requests: 4,
        permission: [3; 32],
    }
}
