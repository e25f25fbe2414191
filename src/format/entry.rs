//! One line of a log: what became of a key.

use crate::base::ids::ObjectId;
use crate::crypto::identity::Leaf;
use crate::format::references::Location;

/// How a part's body is checked after it was read.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Mark {
    /// The first bytes of its id; the body lies in the log's own segment.
    Check([u8; 4]),
    /// Its id; the body lies elsewhere.
    Id(ObjectId),
}

impl Mark {
    /// Whether a body with this id is the one that is meant.
    #[must_use]
    pub fn fits(&self, id: &ObjectId) -> bool {
        match self {
            Self::Check(check) => id.0.starts_with(check),
            Self::Id(whole) => whole == id,
        }
    }
}

/// One body of an entry: where it lies and how it is checked.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Part {
    /// Where.
    pub at: Location,
    /// What its id must be.
    pub mark: Mark,
}

impl Part {
    /// A part with the mark that its place asks for.
    #[must_use]
    pub fn new(at: Location, id: &ObjectId) -> Self {
        let mark = if at.segment == 0 {
            let (check, _) = id.0.split_first_chunk::<4>().expect("32 bytes hold 4");
            Mark::Check(*check)
        } else {
            Mark::Id(*id)
        };
        Self { at, mark }
    }
}

/// The bodies of a resource that is there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Put {
    /// The canonical body.
    pub main: Part,
    /// Its secret values.
    pub secret: Option<Part>,
    /// Its volatile fields.
    pub volatile: Option<Part>,
    /// Its raw bytes, where the canonical body cannot reproduce them.
    pub raw: Option<Part>,
}

impl Put {
    /// A resource with a main body only.
    #[must_use]
    pub fn main(main: Part) -> Self {
        Self { main, secret: None, volatile: None, raw: None }
    }
}

/// What became of a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Op {
    /// It is there, with these bodies.
    Put(Put),
    /// It is no longer there.
    Gone,
    /// It was there; its bodies were erased. The leaf stays, so that roots still verify.
    Erased(Leaf),
}

/// One line of a log or checkpoint.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The resource's path, as `ResourceKey::to_path` writes it.
    pub key: String,
    /// What became of it.
    pub op: Op,
    /// The audit event that explains the change, where one is known.
    pub event: Option<Part>,
}

impl Entry {
    /// All parts, in their order at rest.
    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        let put = match &self.op {
            Op::Put(put) => Some(put),
            Op::Gone | Op::Erased(_) => None,
        };
        let bodies = put.into_iter().flat_map(|put| {
            [Some(&put.main), put.secret.as_ref(), put.volatile.as_ref(), put.raw.as_ref()]
                .into_iter()
                .flatten()
        });
        bodies.chain(self.event.as_ref())
    }
}
