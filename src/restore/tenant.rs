//! What an apply and a survey need of the tenant: read one, read a list, send one call.
//!
//! A narrow seam, so that the rules of an apply can be tried against a tenant in memory that fails
//! at any chosen call.

use std::collections::BTreeMap;

use futures::future::BoxFuture;

use crate::base::key::{Kind, ResourceKey};
use crate::base::secret::Secret;
use crate::catalog::{Provider, Shape};
use crate::json::Value;
use crate::restore::RestoreError;
use crate::restore::plan::{Inputs, wants};
use crate::restore::sides::Seen;

/// A call that is ready to be sent. It may hold secrets, so it has no `Debug`.
pub struct Call {
    /// `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: String,
    /// Path and query below the tenant's URL.
    pub path: String,
    /// The body.
    pub body: Option<Secret<Value>>,
    /// Its content type.
    pub content_type: String,
}

/// What came back.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The `Location` header.
    pub location: Option<String>,
    /// The body, where it is JSON.
    pub body: Option<Value>,
}

/// No usable answer.
#[derive(Debug, thiserror::Error)]
pub enum TenantError {
    /// It could not be read. Nothing was changed.
    #[error("cannot read {what}: {why}")]
    Unread {
        /// What.
        what: String,
        /// Why.
        why: String,
    },
    /// The vendor said no.
    #[error("the vendor refused {call} ({status}): {said}")]
    Refused {
        /// Method and path.
        call: String,
        /// The HTTP status.
        status: u16,
        /// The vendor's words, without anything of the request.
        said: String,
    },
    /// The call was not sent.
    #[error("{call} was not sent: {why}")]
    NotSent {
        /// Method and path.
        call: String,
        /// Why.
        why: String,
    },
    /// The call was sent, and no answer came or one that says nothing: it may have been done.
    #[error("{call} was sent, and whether it was done is not known ({why})")]
    Uncertain {
        /// Method and path.
        call: String,
        /// Why.
        why: String,
    },
}

/// A tenant. Bodies are main bodies in canonical form, with the marks that the store gives.
pub trait Tenant: Send + Sync {
    /// One resource; `None` where it is not there.
    fn read<'a>(&'a self, key: &'a ResourceKey) -> BoxFuture<'a, Result<Option<Value>, TenantError>>;

    /// All of a kind below one parent, or all of it where `parent` is empty. An incomplete list is
    /// an error.
    fn list<'a>(
        &'a self,
        kind: &'a Kind,
        parent: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<(ResourceKey, Value)>, TenantError>>;

    /// Sends a call that writes. It is never repeated from within.
    fn send<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<Reply, TenantError>>;
}

/// From so many wanted resources of one kind on, all of it is read: a list costs fewer calls.
const LISTED_FROM: usize = 8;

/// Reads of the tenant all that a plan of these inputs needs, into `seen`.
///
/// # Errors
/// The tenant or a recorded body could not be read.
pub async fn observe(
    tenant: &dyn Tenant,
    catalog: &Provider,
    inputs: impl Fn(&Seen) -> Result<crate::restore::Wants, RestoreError>,
    seen: &mut Seen,
) -> Result<(), RestoreError> {
    loop {
        let wants = inputs(seen)?;
        if wants.is_empty() {
            return Ok(());
        }
        let mut keys = wants.keys;
        for (kind, parent) in wants.lists {
            take_list(tenant, &kind, &parent, seen).await?;
        }
        for (kind, parent) in wants.along {
            match take_list(tenant, &kind, &parent, seen).await {
                Err(RestoreError::Tenant(TenantError::Unread { .. })) => seen.closed(&kind, &parent),
                read => read?,
            }
        }
        let mut counts: BTreeMap<Kind, usize> = BTreeMap::new();
        keys.iter().for_each(|key| *counts.entry(key.kind.clone()).or_default() += 1);
        for (kind, _) in counts.into_iter().filter(|(_, count)| *count >= LISTED_FROM) {
            // What cannot be listed whole can still be asked for one by one.
            if take_list(tenant, &kind, &[], seen).await.is_ok() {
                // What a list leaves out can be there all the same: a thing is asked for by itself.
                let is_thing = catalog.kind(&kind).is_some_and(|spec| spec.shape == Shape::Object);
                keys.retain(|key| key.kind != kind || (is_thing && seen.body(key).is_none()));
            }
        }
        for key in keys {
            let body = tenant.read(&key).await?;
            seen.insert(key, body);
        }
    }
}

/// Reads all of a kind below one parent, or all of it where `parent` is empty.
async fn take_list(
    tenant: &dyn Tenant,
    kind: &Kind,
    parent: &[String],
    seen: &mut Seen,
) -> Result<(), RestoreError> {
    for (key, body) in tenant.list(kind, parent).await? {
        seen.insert(key, Some(body));
    }
    seen.list(kind, parent);
    Ok(())
}

/// Reads what a plan needs; `with` puts what was seen so far into the plan's inputs.
///
/// # Errors
/// As [`observe`].
pub async fn survey<'a>(tenant: &dyn Tenant, inputs: &Inputs<'a>, seen: Seen) -> Result<Seen, RestoreError> {
    let mut seen = seen;
    let ask = |seen: &Seen| wants(&Inputs { live: seen, ..*inputs });
    observe(tenant, inputs.catalog, ask, &mut seen).await?;
    Ok(seen)
}
