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
use crate::json::{self, JsonError, Value};
use crate::provider;
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

/// A resource as it came: its kind's rules, its key, its body as the vendor sent it.
pub type Given<'g, B> = (&'g KindSpec, ResourceKey, B);

/// What became of one resource.
#[derive(Debug)]
pub struct Taken {
    /// Whether it is new, changed or the same.
    pub put: Put,
    /// Members that the catalogue does not know.
    pub unknown: Vec<String>,
}

/// One resource, ready for the session.
enum Made {
    Same(Repeat),
    Other { repeat: Repeat, ready: Box<Ready>, unknown: Vec<String> },
}

impl Intake {
    /// Prepares for a session, with what is remembered of the last one.
    ///
    /// # Errors
    /// None that a tenant can have.
    pub fn new(
        catalog: &'static Provider,
        fingerprints: Fingerprints,
        session: &mut WriteSession,
    ) -> Result<Self, StoreError> {
        let Provider { provider, rules, fingerprint, .. } = catalog;
        let version = env!("CARGO_PKG_VERSION");
        let repeats = session.repeats(&format!("{provider} {rules} {fingerprint} {version} {FORM}"))?;
        Ok(Self { catalog, fingerprints, repeats })
    }

    /// Takes resources: each with its kind's rules, its key and its body as the vendor sent it. One whose body is
    /// no JSON is not taken.
    ///
    /// # Errors
    /// The session could not keep one.
    pub fn take<B: AsRef<[u8]> + Sync>(
        &self,
        session: &mut WriteSession,
        batch: &[Given<'_, B>],
    ) -> Result<Vec<Result<Taken, JsonError>>, StoreError> {
        let make = |run: &[Given<'_, B>]| {
            let mut near = 0;
            run.iter()
                .map(|(spec, key, raw)| self.make(spec, key, raw.as_ref(), &mut near))
                .collect::<Vec<_>>()
        };
        let made: Vec<Vec<Result<Made, JsonError>>> = if batch.len() < SHARED_FROM {
            vec![make(batch)]
        } else {
            batch.par_chunks(SHARED_FROM).map(make).collect()
        };
        let put = |((_, key, _), made): (&Given<'_, B>, _)| match made {
            Ok(Made::Same(repeat)) => Ok(Ok(Taken { put: session.put_same(&repeat)?, unknown: Vec::new() })),
            Ok(Made::Other { repeat, ready, unknown }) => {
                Ok(Ok(Taken { put: session.put_made(key, *ready, &repeat)?, unknown }))
            }
            Err(error) => Ok(Err(error)),
        };
        batch.iter().zip(made.into_iter().flatten()).map(put).collect()
    }

    fn make(
        &self,
        spec: &KindSpec,
        key: &ResourceKey,
        raw: &[u8],
        near: &mut usize,
    ) -> Result<Made, JsonError> {
        let repeat = self.repeats.look(key, raw, near);
        if repeat.is_same() {
            return Ok(Made::Same(repeat));
        }
        let body = json::parse(raw, &json::Limits::body())?;
        Ok(self.canonical(spec, repeat, provider::kept(spec, body)))
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
