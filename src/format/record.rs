//! Signed records: what a tenant's sequence is made of (`docs/FORMAT.md` §8).
//!
//! The header is small and signed; it names hashes and no object, so maintenance carries it byte for
//! byte. A [`SignedRecord`] was only read; [`SignedRecord::verify`] makes a [`Record`] of it.

use crate::base::ids::{RecordId, RepositoryId};
use crate::crypto::hash::{self, Hash, Purpose};
use crate::crypto::hierarchy::TenantPrefix;
use crate::crypto::sign::{SignPublic, Signature};
use crate::format::FormatError;
use crate::format::bytes::{Reader, Writer};
use crate::format::certificate::{CERTIFICATE_BYTES_MAX, Certificate, Signer};
use crate::format::fields::{Fields, Flags, Snapshot, decode_fields, encode_fields};
use crate::format::limits::{NOTES_MAX, RECORD_BYTES_MAX, TEXT_BYTES_MAX};
use crate::format::names::SEQUENCE_MAX;

const RECORD: Purpose = Purpose::new("lastgood/1 record");
const NOTES: Purpose = Purpose::new("lastgood/1 notes");
const PAYLOAD: Purpose = Purpose::new("lastgood/1 payload");
const UNOPENED: Purpose = Purpose::new("lastgood/1 unopened");

const HEADER_VERSION: u8 = 1;
const FIELDS_BYTES_MAX: usize = 64 << 10;
const HEADER_BYTES_MAX: usize = FIELDS_BYTES_MAX + 1024;

/// A record's signed header.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    /// Which repository.
    pub repository: RepositoryId,
    /// Which tenant.
    pub prefix: TenantPrefix,
    /// Its number in the tenant's sequence.
    pub sequence: u64,
    /// The record before it; zeros for the first.
    pub previous: RecordId,
    /// When it was written, by the writer's clock, in milliseconds.
    pub written_ms: i64,
    /// Who wrote it.
    pub writer: SignPublic,
    /// The version of the canonical rules.
    pub rules: u32,
    /// The key epoch of its ids and leaves.
    pub epoch: u32,
    /// The table hash of the segment that it was committed in.
    pub table: Hash,
    /// The hash of its notes (snapshot) or payload.
    pub payload: Hash,
    /// The part that depends on its type.
    pub fields: Fields,
}

/// What a writer says; the builder adds hashes, writer and signature.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Draft {
    /// Which repository.
    pub repository: RepositoryId,
    /// Its number in the tenant's sequence.
    pub sequence: u64,
    /// The record before it; zeros for the first.
    pub previous: RecordId,
    /// Now, in milliseconds.
    pub written_ms: i64,
    /// The version of the canonical rules.
    pub rules: u32,
    /// The part that depends on its type.
    pub fields: Fields,
    /// Short texts that go with a snapshot.
    pub notes: Vec<(String, String)>,
}

/// The hash that stands for a record which the writer could not open, by its object's bytes.
#[must_use]
pub fn unopened(object: &[u8]) -> RecordId {
    RecordId(hash::hash(UNOPENED, object))
}

/// The hash of a payload's bytes; zeros for none.
#[must_use]
pub fn payload_hash(payload: &[u8]) -> Hash {
    if payload.is_empty() { [0; 32] } else { hash::hash(PAYLOAD, payload) }
}

fn notes_hash(notes: &[u8]) -> Hash {
    if notes.is_empty() { [0; 32] } else { hash::hash(NOTES, notes) }
}

impl Header {
    fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.u8(HEADER_VERSION).u8(self.fields.type_byte()).raw(&self.repository.0).raw(&self.prefix.0);
        w.vu(self.sequence).raw(&self.previous.0).vz(self.written_ms).raw(&self.writer.0);
        w.vu(self.rules.into()).vu(self.epoch.into()).raw(&self.table).raw(&self.payload);
        w.vb(&encode_fields(&self.fields));
        w.finish()
    }

    fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut r = Reader::new(bytes, "record");
        let version = r.u8()?;
        if version != HEADER_VERSION {
            return Err(FormatError::Newer { what: "record", version, suite: 0 });
        }
        let type_byte = r.u8()?;
        let (repository, prefix) = (RepositoryId(r.array()?), TenantPrefix(r.array()?));
        let sequence = r.vu()?;
        if !(1..=SEQUENCE_MAX).contains(&sequence) {
            return Err(r.damaged("its number is out of range"));
        }
        let (previous, written_ms, writer) = (RecordId(r.array()?), r.vz()?, SignPublic(r.array()?));
        let (rules, epoch, table, payload) = (r.vu32()?, r.vu32()?, r.array()?, r.array()?);
        let fields = decode_fields(type_byte, r.vb(FIELDS_BYTES_MAX)?)?;
        r.end()?;
        Ok(Self {
            repository,
            prefix,
            sequence,
            previous,
            written_ms,
            writer,
            rules,
            epoch,
            table,
            payload,
            fields,
        })
    }
}

/// A record as it was read: nothing is known about who wrote it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignedRecord {
    message: Vec<u8>,
    header_bytes: Vec<u8>,
    header: Header,
    signature: Signature,
    certificate: Option<Certificate>,
    notes_bytes: Vec<u8>,
}

/// A record whose writer, rights and signature were checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// What it is known by.
    pub id: RecordId,
    /// What was signed.
    pub header: Header,
    /// Short texts that go with a snapshot.
    pub notes: Vec<(String, String)>,
    /// The writer's name for people; empty for the owner himself.
    pub writer_name: String,
    message: Vec<u8>,
}

impl Record {
    /// The record's bytes as they were written, for maintenance to carry.
    #[must_use]
    pub fn message(&self) -> &[u8] {
        &self.message
    }

    /// The snapshot that it is, if it is one.
    #[must_use]
    pub fn snapshot(&self) -> Option<&Snapshot> {
        match &self.header.fields {
            Fields::Snapshot(snapshot) => Some(snapshot),
            _ => None,
        }
    }
}

/// What the builder knows and the draft does not.
pub(crate) struct Sums {
    pub(crate) prefix: TenantPrefix,
    pub(crate) epoch: u32,
    pub(crate) table: Hash,
    pub(crate) log: Hash,
    pub(crate) ledger: Hash,
    pub(crate) ledger_depth: u8,
    pub(crate) checkpoint: bool,
    pub(crate) payload: Hash,
}

/// Signs a draft; gives the record's id and its message.
pub(crate) fn sign(draft: &Draft, sums: &Sums, signer: &Signer) -> Result<(RecordId, Vec<u8>), FormatError> {
    check_draft(draft)?;
    let notes = encode_notes(&draft.notes);
    let mut fields = draft.fields.clone();
    let mut payload = sums.payload;
    if let Fields::Snapshot(snapshot) = &mut fields {
        snapshot.log_hash = sums.log;
        snapshot.ledger_hash = sums.ledger;
        snapshot.ledger_depth = sums.ledger_depth;
        snapshot.flags = snapshot.flags.with(Flags::CHECKPOINT, sums.checkpoint);
        payload = notes_hash(&notes);
    }
    let header = Header {
        repository: draft.repository,
        prefix: sums.prefix,
        sequence: draft.sequence,
        previous: draft.previous,
        written_ms: draft.written_ms,
        writer: signer.secret.public(),
        rules: draft.rules,
        epoch: sums.epoch,
        table: sums.table,
        payload,
        fields,
    };
    let bytes = header.encode();
    let mut w = Writer::new();
    w.vb(&bytes).raw(&signer.secret.sign(RECORD, &bytes));
    w.vb(&signer.certificate.as_ref().map(Certificate::encode).unwrap_or_default()).vb(&notes);
    Ok((RecordId(hash::hash(RECORD, &bytes)), w.finish()))
}

fn check_draft(draft: &Draft) -> Result<(), FormatError> {
    let invalid = |why| Err(FormatError::Invalid { what: "record", why });
    if !(1..=SEQUENCE_MAX).contains(&draft.sequence) {
        return invalid("its number is out of range");
    }
    if draft.notes.len() > NOTES_MAX {
        return Err(FormatError::TooLarge { what: "notes of a record", limit: NOTES_MAX as u64 });
    }
    match &draft.fields {
        Fields::Snapshot(snapshot) if snapshot.finished_ms < snapshot.started_ms => {
            invalid("it ends before it starts")
        }
        Fields::Snapshot(_) => Ok(()),
        Fields::Unknown { .. } => invalid("its type is unknown"),
        _ if !draft.notes.is_empty() => invalid("only a snapshot has notes"),
        _ => Ok(()),
    }
}

fn encode_notes(notes: &[(String, String)]) -> Vec<u8> {
    let mut w = Writer::new();
    if !notes.is_empty() {
        w.size(notes.len());
        for (name, value) in notes {
            w.text(name).text(value);
        }
    }
    w.finish()
}

fn decode_notes(bytes: &[u8]) -> Result<Vec<(String, String)>, FormatError> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let mut r = Reader::new(bytes, "notes of a record");
    let count = r.count(NOTES_MAX, 2)?;
    let mut notes = Vec::with_capacity(count);
    for _ in 0..count {
        notes.push((r.text(TEXT_BYTES_MAX)?.to_owned(), r.text(TEXT_BYTES_MAX)?.to_owned()));
    }
    r.end()?;
    Ok(notes)
}

impl SignedRecord {
    /// Reads a record's message; checks form only.
    ///
    /// # Errors
    /// Not a record's bytes, or of a newer version.
    pub fn decode(message: &[u8]) -> Result<Self, FormatError> {
        let mut r = Reader::new(message, "record");
        let header_bytes = r.vb(HEADER_BYTES_MAX)?.to_vec();
        let signature = r.array()?;
        let certificate = match r.vb(CERTIFICATE_BYTES_MAX)? {
            [] => None,
            bytes => Some(Certificate::decode(bytes)?),
        };
        let notes_bytes = r.vb(RECORD_BYTES_MAX)?.to_vec();
        r.end()?;
        let header = Header::decode(&header_bytes)?;
        Ok(Self { message: message.to_vec(), header_bytes, header, signature, certificate, notes_bytes })
    }

    /// What it claims; nothing of it is verified.
    #[must_use]
    pub fn claims(&self) -> &Header {
        &self.header
    }

    /// Checks that the owner certified the writer for this, that the writer signed it, and that it
    /// belongs to this repository and tenant. Whether the writer was revoked is the caller's to ask.
    ///
    /// # Errors
    /// One of these does not hold.
    pub fn verify(
        self,
        owner: &SignPublic,
        repository: &RepositoryId,
        prefix: TenantPrefix,
    ) -> Result<Record, FormatError> {
        let untrusted = |why| FormatError::Untrusted { what: "record", why };
        if self.header.repository != *repository || self.header.prefix != prefix {
            return Err(untrusted("it belongs to another repository or tenant"));
        }
        let writer_name = match &self.certificate {
            Some(certificate) => {
                certificate.verify(owner, repository)?;
                if certificate.writer != self.header.writer {
                    return Err(untrusted("its certificate is another writer's"));
                }
                if !certificate.allows(self.header.fields.rights(), prefix) {
                    return Err(untrusted("its writer may not write such records for this tenant"));
                }
                certificate.name.clone()
            }
            None if self.header.writer == *owner => String::new(),
            None => return Err(untrusted("it has no certificate")),
        };
        self.header
            .writer
            .verify(RECORD, &self.header_bytes, &self.signature)
            .map_err(|_| untrusted("its signature does not fit"))?;
        let is_snapshot = matches!(self.header.fields, Fields::Snapshot(_));
        if is_snapshot && notes_hash(&self.notes_bytes) != self.header.payload {
            return Err(untrusted("its notes are not the signed ones"));
        }
        if !is_snapshot && !self.notes_bytes.is_empty() {
            return Err(untrusted("it has notes that nobody signed"));
        }
        Ok(Record {
            id: RecordId(hash::hash(RECORD, &self.header_bytes)),
            notes: decode_notes(&self.notes_bytes)?,
            header: self.header,
            writer_name,
            message: self.message,
        })
    }
}
