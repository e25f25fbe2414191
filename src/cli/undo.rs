//! `plan --undo`: which apply is meant, and how much of it.

use std::collections::BTreeSet;

use crate::base::key::{Kind, ResourceKey};
use crate::cli::{Failure, apply};
use crate::history::{Address, History};
use crate::restore::{Past, Plan, Scope};
use crate::store::Repository;

/// The apply of a plan, by the plan's id, its first digits, or its file.
///
/// # Errors
/// There is none, or several are meant.
pub fn past(repository: &Repository, apply: &str) -> Result<Past, Failure> {
    let plan = match std::fs::read(apply) {
        Ok(text) => Plan::from_text(&text)?,
        Err(_) => apply::applied(repository, apply)?,
    };
    Ok(Past::read(repository, &plan.tenant, plan.id)?)
}

/// Keeps only what the addresses mean, where there are any.
///
/// # Errors
/// An address means nothing that was ever there.
pub fn choose(scope: &mut Scope, history: &History<'_>, addresses: &[Address]) -> Result<(), Failure> {
    if addresses.is_empty() {
        return Ok(());
    }
    let (mut kinds, mut keys) = (BTreeSet::<Kind>::new(), BTreeSet::<ResourceKey>::new());
    for address in addresses {
        match &address.reference {
            None => kinds.extend(history.kinds(address)?),
            Some(reference) => {
                // What an apply made and no snapshot has seen is chosen by its id.
                let path = format!("{}/{}", address.kind.as_deref().unwrap_or_default(), reference);
                let by_id = ResourceKey::from_path(&path.replace("/id:", "/"));
                let by_id: Vec<ResourceKey> =
                    by_id.filter(|key| scope.keys().any(|known| known == key)).into_iter().collect();
                keys.extend(if by_id.is_empty() { history.ever(address)? } else { by_id });
            }
        }
    }
    scope.retain(|key| kinds.contains(&key.kind) || keys.contains(key));
    Ok(())
}
