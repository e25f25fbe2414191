//! `plan --changes` and `plan --actor`: which changes of the past are meant, and what a person decides where
//! others have built on them.

use std::collections::BTreeSet;

use crate::base::key::{Kind, ResourceKey};
use crate::cli::args::PlanArgs;
use crate::cli::log::bound;
use crate::cli::open::Opened;
use crate::cli::{Exit, Failure};
use crate::history::{Address, Choice, Chosen, History};
use crate::json::Pointer;
use crate::restore::rewind::{Rewound, rewind};
use crate::restore::{Decisions, Resolution};
use crate::store::Repository;

/// The changes that the arguments choose; `None` where they choose none.
///
/// # Errors
/// A time is not one.
pub fn choice(args: &PlanArgs) -> Result<Option<Choice>, Failure> {
    if args.changes.is_empty() && args.actors.is_empty() {
        return Ok(None);
    }
    Ok(Some(Choice {
        ids: args.changes.clone(),
        actors: args.actors.clone(),
        since: bound(args.since.as_deref())?,
        until: bound(args.until.as_deref())?,
    }))
}

/// The tenant of chosen changes, where no address says it: the one that has the first of them, or the only
/// one there is.
///
/// # Errors
/// No tenant has it, or it cannot be said which is meant.
pub fn tenant(repository: &Repository, choice: &Choice) -> Result<String, Failure> {
    let tenants = repository.tenants()?;
    if let Some(id) = choice.ids.first() {
        for tenant in &tenants {
            let snapshots = repository.snapshots(tenant)?;
            if snapshots.iter().any(|snapshot| id.starts_with(&snapshot.id.short())) {
                return Ok(tenant.clone());
            }
        }
        return Err(Failure::new(Exit::Error, format!("no tenant has a change with the id `{id}`"))
            .hint("`lastgood log` shows the id of each change"));
    }
    match tenants.as_slice() {
        [one] => Ok(one.clone()),
        _ => Err(Failure::usage("whose changes? Give the tenant, or addresses in it")),
    }
}

/// What undoing the chosen changes comes to.
///
/// # Errors
/// An address or an id means nothing, nobody did anything, or the history cannot be read.
pub fn rewound(
    opened: &Opened,
    history: &History<'_>,
    choice: &Choice,
    addresses: &[Address],
    args: &PlanArgs,
) -> Result<Rewound, Failure> {
    let meant =
        addresses.iter().map(|address| Meant::new(history, address)).collect::<Result<Vec<_>, _>>()?;
    let keep = |key: &ResourceKey| meant.is_empty() || meant.iter().any(|meant| meant.has(key));
    let chosen = history.chosen(choice, &keep)?;
    let decisions = decisions(history, &chosen, args)?;
    let snapshots = opened.repository.snapshots(history.tenant)?;
    Ok(rewind(history.catalog, &chosen, &decisions, &snapshots)?)
}

/// What an address means among resources that are there or were.
enum Meant {
    All,
    Kinds(BTreeSet<Kind>),
    Keys(BTreeSet<ResourceKey>),
}

impl Meant {
    fn new(history: &History<'_>, address: &Address) -> Result<Self, Failure> {
        Ok(match (&address.reference, &address.kind) {
            (Some(_), _) => Self::Keys(history.ever(address)?.into_iter().collect()),
            (None, Some(_)) => Self::Kinds(history.kinds(address)?.into_iter().collect()),
            (None, None) => Self::All,
        })
    }

    fn has(&self, key: &ResourceKey) -> bool {
        match self {
            Self::All => true,
            Self::Kinds(kinds) => kinds.contains(&key.kind),
            Self::Keys(keys) => keys.contains(key),
        }
    }
}

/// What `--keep` and `--take` say of each resource that is touched; what is said of less counts more.
fn decisions(history: &History<'_>, chosen: &Chosen, args: &PlanArgs) -> Result<Decisions, Failure> {
    let mut ranked = Vec::new();
    let kept = args.keep.iter().map(|text| (text, Resolution::Keep));
    for (text, resolution) in kept.chain(args.take.iter().map(|text| (text, Resolution::Take))) {
        let (address, pointer) = text.split_once('#').map_or((text.as_str(), None), |(a, at)| (a, Some(at)));
        let pointer = pointer
            .map(|at| Pointer::parse(at).map_err(|error| Failure::usage(format!("`{text}`: {error}"))))
            .transpose()?;
        let address = Address::parse(address)?;
        if address.tenant != history.tenant {
            return Err(Failure::usage(format!("`{text}` is of another tenant")));
        }
        let meant = Meant::new(history, &address)?;
        let rank = match (&meant, &pointer) {
            (_, Some(_)) => 3,
            (Meant::Keys(_), None) => 2,
            (Meant::Kinds(_), None) => 1,
            (Meant::All, None) => 0,
        };
        let keys = chosen.courses.iter().map(|course| &course.key).filter(|key| meant.has(key));
        ranked.extend(keys.map(|key| (rank, (key.clone(), pointer.clone(), resolution))));
    }
    ranked.sort_by_key(|(rank, _)| *rank);
    Ok(Decisions { of: ranked.into_iter().map(|(_, of)| of).collect() })
}
