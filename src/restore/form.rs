//! The plan as data: what will be done, what not and why, and under which conditions.
//!
//! A plan holds no secret value: where one is needed stands a placeholder ([`SecretAt`
//! ](crate::restore::SecretAt)). Read [`plan_file`](crate::restore::plan_file) for its text form.

use jiff::Timestamp;

use crate::base::ids::PlanId;
use crate::base::key::ResourceKey;
use crate::catalog::NewId;
use crate::json::{FieldChange, Pattern, Pointer, Value};
use crate::restore::access::AccessChange;

/// Whether what came later is removed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Mode {
    /// Only add and change.
    #[default]
    Merge,
    /// Also remove what the recorded state does not have.
    Rollback,
    /// Undo chosen changes, and keep everything else that happened since.
    ThreeWay,
}

impl Mode {
    /// The word in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Merge => "merge",
            Self::Rollback => "rollback",
            Self::ThreeWay => "three_way",
        }
    }
}

/// What a step does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Op {
    /// Makes what is not there.
    Create,
    /// Changes what is there, also what the vendor makes by itself in an earlier step.
    Update,
    /// Removes what is there.
    Delete,
}

impl Op {
    /// The word in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// A part of a resource's address in the tenant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Part {
    /// An id that is known.
    Known(String),
    /// The id that the resource of this address gets in this apply.
    Coming(ResourceKey),
}

/// One call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: String,
    /// Path and query below the tenant's URL; ids to come stand between braces.
    pub path: String,
    /// What is sent, with placeholders.
    pub body: Option<Value>,
    /// Its content type.
    pub content_type: String,
    /// Where the answer gives the new id, for the call that makes a resource.
    pub new_id: Option<NewId>,
    /// Sent only where the resource is not as planned after the calls before: vendors add fields of
    /// their own to what they make.
    pub if_differs: bool,
    /// A switch, and what it sets: sent only where that is not so.
    pub sets: Option<(Pointer, Value)>,
    /// Sent only where the vendor did not make the resource by itself, as it does with some of its kind.
    pub unless_made: bool,
    /// Maps in the body: members that the resource has and the body has not are sent with this value,
    /// which removes them.
    pub unset: Vec<(Pointer, Value)>,
}

/// What is done to one resource.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// What.
    pub op: Op,
    /// Its address in the recorded state.
    pub key: ResourceKey,
    /// Its ids in the tenant, outermost first.
    pub target: Vec<Part>,
    /// Its name for people.
    pub name: String,
    /// The calls, in order.
    pub requests: Vec<Request>,
    /// Field by field: what will be different.
    pub fields: Vec<FieldChange>,
    /// Fields of which nothing is claimed: the server sets them.
    pub loose: Vec<Pattern>,
    /// The vendor makes it in an earlier step: it is found by its natural name, then changed.
    pub found_by_name: bool,
    /// What it is made with where a secret of it is not given: a field and the value that switches it
    /// off.
    pub off: Option<(Pointer, Value)>,
    /// What must be given for it: flags and inputs.
    pub needs: Vec<String>,
    /// Addresses whose steps come before and must have succeeded.
    pub after: Vec<ResourceKey>,
    /// What a person should know.
    pub notes: Vec<String>,
    /// Resources that go with it when it is deleted.
    pub takes_along: Vec<ResourceKey>,
}

impl Step {
    /// Whether it says of the whole resource what it will be, because the plan saw none; any other says only
    /// what will be different.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.whole().is_some_and(|change| change.from.is_none())
    }

    /// What is said of the resource as a whole; `None` where the step says only what will be different.
    pub(crate) fn whole(&self) -> Option<&FieldChange> {
        self.fields.iter().find(|change| change.pointer.is_empty())
    }

    /// Its address in the tenant, where all of that is known when the plan is made.
    pub(crate) fn known_target(&self) -> Option<ResourceKey> {
        let known = |part: &Part| match part {
            Part::Known(id) => Some(id.clone()),
            Part::Coming(_) => None,
        };
        let ids: Option<Vec<String>> = self.target.iter().map(known).collect();
        ids.map(|ids| ResourceKey::new(&self.key.kind, ids))
    }
}

/// Something that is not done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// To what.
    pub key: ResourceKey,
    /// Its name for people.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// A secret that a person gives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SecretInput {
    /// The name under which it is given.
    pub input: String,
    /// For which resource.
    pub key: ResourceKey,
    /// Which field.
    pub pointer: Pointer,
    /// Why, and how.
    pub how: String,
}

/// An id that will not be what it was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IdChange {
    /// The address in the recorded state.
    pub key: ResourceKey,
    /// The id in the tenant, where it is known: another resource of that name took its place.
    pub to: Option<String>,
}

/// A reference that will hold something else than it did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rewrite {
    /// In which resource.
    pub key: ResourceKey,
    /// Which field.
    pub pointer: Pointer,
    /// What it held.
    pub from: Value,
    /// The address that it means.
    pub means: ResourceKey,
}

/// Something that happens outside the tenant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Effect {
    /// Because of which step.
    pub key: ResourceKey,
    /// What.
    pub what: String,
}

/// A condition on the whole apply.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Guard {
    /// This many resources go; `--allow-delete N` must be at least that.
    Delete {
        /// How many, those that go along included.
        count: u64,
    },
    /// A step hands out power; `--allow-privileged`.
    Privileged {
        /// Which.
        key: ResourceKey,
        /// Why that is dangerous.
        why: String,
    },
    /// Nobody might be left who can administer the tenant; `--allow-lockout`.
    Lockout {
        /// What is known about it.
        why: String,
    },
}

/// What a person decides about a conflict.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Resolution {
    /// What is there now stays.
    Keep,
    /// What was there before is put back.
    Take,
}

impl Resolution {
    /// The word in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Take => "take",
        }
    }
}

/// A change that is left out because the field has moved on, unless a person decides otherwise.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Conflict {
    /// In which resource.
    pub key: ResourceKey,
    /// Which field.
    pub pointer: Pointer,
    /// What stands in the way.
    pub reason: String,
    /// What was there before what is undone; `None`: nothing.
    pub was: Option<Value>,
    /// What is there now; `None`: nothing.
    pub now: Option<Value>,
    /// What a person has decided. As long as nobody has, what is there now stays.
    pub resolution: Option<Resolution>,
}

/// A change of the past that a plan speaks of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Told {
    /// Its id, as `log` shows it.
    pub change: String,
    /// Of which resource.
    pub key: ResourceKey,
    /// When it was found, or done, where the vendor's log says so.
    pub at: Timestamp,
    /// Who did it, where that is known.
    pub who: Option<String>,
}

/// The state of one resource on which the plan rests: a target, a reference, or what a guard asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Input {
    /// Its address in the tenant.
    pub key: ResourceKey,
    /// The hash of its canonical body; `None`: it is not there.
    pub state: Option<String>,
}

/// What an apply costs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Forecast {
    /// Calls, reads included.
    pub calls: u64,
    /// Seconds, at the pace that the catalogue gives.
    pub seconds: u64,
}

/// The exact list of what an apply does. See [`crate::restore::plan()`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// The hash of everything below but approvals and signature.
    pub id: PlanId,
    /// The tenant's configured name.
    pub tenant: String,
    /// The tenant that the goal was recorded of, where that is another one.
    pub from: Option<String>,
    /// The provider's name, and the version of its canonical rules.
    pub provider: (String, u32),
    /// The snapshot that is gone back to.
    pub base: String,
    /// When the tenant was read for this.
    pub read: Timestamp,
    /// After this it is not applied.
    pub expires: Timestamp,
    /// What is kept, and what goes.
    pub mode: Mode,
    /// What is done, in order.
    pub steps: Vec<Step>,
    /// What is not done, and why.
    pub refused: Vec<Refusal>,
    /// How many resources in scope are as they were.
    pub unchanged: u64,
    /// Secrets that a person must give.
    pub secrets: Vec<SecretInput>,
    /// Ids that change.
    pub id_changes: Vec<IdChange>,
    /// References that follow them.
    pub rewrites: Vec<Rewrite>,
    /// What happens outside.
    pub effects: Vec<Effect>,
    /// What must be allowed.
    pub guards: Vec<Guard>,
    /// Who gains and who loses access, where the catalogue says how that is known.
    pub access: Option<AccessChange>,
    /// What is left out.
    pub conflicts: Vec<Conflict>,
    /// The changes that are undone, where such were chosen.
    pub undoes: Vec<Told>,
    /// Changes of that time that nobody is named for, and that stay.
    pub unexplained: Vec<Told>,
    /// What it rests on.
    pub inputs: Vec<Input>,
    /// What it costs.
    pub forecast: Forecast,
    /// Signatures of second persons, as `approve` makes them.
    pub approvals: Vec<Value>,
    /// The maker's signature.
    pub signature: Option<Value>,
}

impl Plan {
    /// The tenant whose addresses the steps go by: the one that the goal was recorded of.
    #[must_use]
    pub fn source(&self) -> &str {
        self.from.as_deref().unwrap_or(&self.tenant)
    }

    /// How many steps do this.
    #[must_use]
    pub fn count(&self, op: Op) -> u64 {
        self.steps.iter().filter(|step| step.op == op).count() as u64
    }

    /// How many resources go, those that go along included.
    #[must_use]
    pub fn deletes(&self) -> u64 {
        let gone = self.steps.iter().filter(|step| step.op == Op::Delete);
        gone.map(|step| 1 + step.takes_along.len() as u64).sum()
    }
}
