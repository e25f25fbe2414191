//! Bodies as they come, brought to canonical form on all cores and handed to the session in the order in which
//! they came.
//!
//! What repeats to the byte is not parsed ([`crate::store::Repeats`]). What does not, is parsed, taken apart by
//! the catalogue's rules and hashed by whichever core is free; the session, which one thread writes, gets what is
//! ready to be stored. A batch is in memory, and no more: whoever gives it bounds it.
//!
//! It must never make a difference to the history whether a body was taken by one way or the other. Read
//! [`crate::catalog::canonicalize`] next.

use rayon::prelude::*;

use crate::base::key::ResourceKey;
use crate::catalog::{KindSpec, Provider, canonicalize};
use crate::json::{JsonError, Value};
use crate::provider::{self, Body, Given, Item};
use crate::store::{Fingerprints, Parts, Put, Ready, Repeat, Repeats, StoreError, WriteSession};

/// So many bodies are made by one core at a time; a smaller batch is not worth another thread.
const SHARED_FROM: usize = 32;

/// Stands for the code that makes canonical bodies: with another number nothing counts that was remembered of raw
/// bytes. To be raised by whoever changes [`canonicalize`] so that a body comes out otherwise.
const FORM: u32 = 1;

/// Takes bodies into a session.
pub struct Intake {
    catalog: &'static Provider,
    fingerprints: Fingerprints,
    repeats: Repeats,
}

/// What became of one resource.
#[derive(Debug)]
pub struct Taken {
    /// Whether it is new, changed or the same.
    pub put: Put,
    /// Members that the catalogue does not know.
    pub unknown: Vec<String>,
    /// Whether it was known by its bytes and not read.
    pub repeats: bool,
}

/// One resource, ready for the session.
enum Made {
    Same(Repeat),
    Other { repeat: Repeat, ready: Box<Ready>, unknown: Vec<String> },
}

impl Intake {
    /// Prepares for a session; where it `remembers`, with what is known of the bytes that came last time.
    ///
    /// # Errors
    /// None that a tenant can have.
    pub fn new(
        catalog: &'static Provider,
        fingerprints: Fingerprints,
        session: &mut WriteSession,
        remembers: bool,
    ) -> Result<Self, StoreError> {
        let Provider { provider, rules, fingerprint, .. } = catalog;
        let version = env!("CARGO_PKG_VERSION");
        let rules = format!("{provider} {rules} {fingerprint} {version} {FORM}");
        let repeats = session.repeats(&rules, remembers)?;
        Ok(Self { catalog, fingerprints, repeats })
    }

    /// Takes resources of a kind, and says of each what became of it. One whose body cannot be read is not taken.
    ///
    /// # Errors
    /// The session could not keep one.
    pub fn take(
        &self,
        session: &mut WriteSession,
        spec: &KindSpec,
        batch: &[Given],
    ) -> Result<Vec<Result<Taken, JsonError>>, StoreError> {
        let make = |run: &[Given]| {
            let mut near = 0;
            run.iter().map(|given| self.make(spec, given, &mut near)).collect::<Vec<_>>()
        };
        let made: Vec<Vec<Result<Made, JsonError>>> = if batch.len() < SHARED_FROM {
            vec![make(batch)]
        } else {
            batch.par_chunks(SHARED_FROM).map(make).collect()
        };
        let made = batch.iter().zip(made.into_iter().flatten());
        made.map(|(given, made)| match made {
            Ok(made) => put(session, &given.key, made).map(Ok),
            Err(error) => Ok(Err(error)),
        })
        .collect()
    }

    /// Takes one resource that was read.
    ///
    /// # Errors
    /// The session could not keep it.
    pub fn take_read(
        &self,
        session: &mut WriteSession,
        spec: &KindSpec,
        item: &Item,
    ) -> Result<Taken, StoreError> {
        put(session, &item.key, self.make_read(spec, &item.key, &item.body, &mut 0))
    }

    fn make_read(&self, spec: &KindSpec, key: &ResourceKey, body: &Value, near: &mut usize) -> Made {
        // Other bytes than those of the body made it, so there are none to know it by.
        let repeat = self.repeats.look(key, b"", near).passing();
        self.canonical(spec, repeat, body.clone())
    }

    fn make(&self, spec: &KindSpec, given: &Given, near: &mut usize) -> Result<Made, JsonError> {
        match &given.body {
            Body::Read(body) => Ok(self.make_read(spec, &given.key, body, near)),
            Body::Sent(sent) => {
                let repeat = self.repeats.look(&given.key, sent, near);
                if repeat.is_same() {
                    return Ok(Made::Same(repeat));
                }
                Ok(self.canonical(spec, repeat, provider::kept_of(spec, sent)?))
            }
        }
    }

    /// Brings a body that was read to canonical form.
    fn canonical(&self, spec: &KindSpec, repeat: Repeat, body: Value) -> Made {
        let mark = |pointer: &str, value: &[u8]| self.fingerprints.mark(repeat.path(), pointer, value);
        let canonical = canonicalize(self.catalog, spec, body, &mark);
        let parts = Parts {
            main: canonical.main.to_canonical(),
            secret: canonical.secret.map(|value| value.to_canonical()),
            volatile: canonical.volatile.map(|value| value.to_canonical()),
            raw: None,
        };
        let ready = Box::new(self.repeats.ready(&repeat, parts));
        // What the catalogue does not know is told each time, so such a body is read each time.
        let repeat = if canonical.unknown.is_empty() { repeat } else { repeat.passing() };
        Made::Other { repeat, ready, unknown: canonical.unknown }
    }
}

fn put(session: &mut WriteSession, key: &ResourceKey, made: Made) -> Result<Taken, StoreError> {
    match made {
        Made::Same(repeat) => {
            Ok(Taken { put: session.put_same(&repeat)?, unknown: Vec::new(), repeats: true })
        }
        Made::Other { repeat, ready, unknown } => {
            Ok(Taken { put: session.put_made(key, *ready, &repeat)?, unknown, repeats: false })
        }
    }
}
