//! The text form of a plan: canonical JSON, named by the hash of its content.
//!
//! The member names are an interface (`docs`: the plan file). A reader takes no plan whose id does
//! not fit its content, and none of another format version.

use jiff::Timestamp;

use crate::access::Blast;
use crate::base::ids::PlanId;
use crate::base::key::ResourceKey;
use crate::catalog::NewId;
use crate::crypto::hash::{Purpose, hash};
use crate::json::{self, FieldChange, Limits, Object, Pattern, Pointer, Value};
use crate::restore::RestoreError;
use crate::restore::access::AccessChange;
use crate::restore::form::{
    Conflict, Effect, Forecast, Guard, IdChange, Input, Mode, Op, Part, Plan, Refusal, Request, Resolution,
    Rewrite, SecretInput, Step, Told,
};
use crate::restore::placeholder;

/// The format of a plan file, with its version.
pub const FORMAT: &str = "lastgood/plan/1";

const CONTENT: Purpose = Purpose::new("lastgood/1 plan content");
/// What may be added to a plan without making it another one.
const OUTSIDE: [&str; 3] = ["id", "approvals", "signature"];

/// The words for where a new id is found.
const NEW_IDS: [(&str, NewId); 4] =
    [("location", NewId::Location), ("answer", NewId::Answer), ("list", NewId::List), ("sent", NewId::Sent)];

impl Plan {
    /// The hash of the content.
    #[must_use]
    pub fn content_id(&self) -> PlanId {
        content_id(&self.to_json())
    }

    /// The plan as JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let summary = object([
            ("create", self.count(Op::Create).into()),
            ("update", self.count(Op::Update).into()),
            ("delete", self.count(Op::Delete).into()),
            ("unchanged", self.unchanged.into()),
            ("refused", self.refused.len().into()),
        ]);
        let mut out = object([
            ("format", FORMAT.into()),
            ("id", self.id.to_string().into()),
            ("provider", self.provider.0.as_str().into()),
            ("rules", self.provider.1.into()),
            ("tenant", self.tenant.as_str().into()),
            ("from", self.from.clone().into()),
            ("base", self.base.as_str().into()),
            ("live", object([("read_at", self.read.to_string().into()), ("inputs", self.inputs_json())])),
            ("expires", self.expires.to_string().into()),
            ("mode", self.mode.as_str().into()),
            ("summary", summary),
            ("steps", list(self.steps.iter().map(|step| step_json(self.source(), step)))),
            ("guards", list(self.guards.iter().map(|guard| guard_json(self.source(), guard)))),
            (
                "forecast",
                object([("calls", self.forecast.calls.into()), ("seconds", self.forecast.seconds.into())]),
            ),
            ("approvals", Value::Array(self.approvals.clone())),
            ("signature", self.signature.clone().into()),
        ]);
        if let Some(members) = out.as_object_mut() {
            for (name, rows) in self.rows_json() {
                members.insert(name, rows);
            }
            if let Some(access) = &self.access {
                members.insert("access", self.access_json(access));
            }
        }
        out
    }

    /// What the plan does to who gets into what, with the tenant's own addresses.
    fn access_json(&self, access: &AccessChange) -> Value {
        let mut out = access.blast.to_json(&self.tenant);
        if let Some(members) = out.as_object_mut() {
            members.insert("snapshot", access.newest.as_str());
        }
        out
    }

    fn inputs_json(&self) -> Value {
        list(self.inputs.iter().map(|input| {
            object([("address", address(&self.tenant, &input.key)), ("state", input.state.clone().into())])
        }))
    }

    /// The members that are plain rows about resources.
    fn rows_json(&self) -> [(&'static str, Value); 8] {
        let address = |key: &ResourceKey| address(self.source(), key);
        let refused = self.refused.iter().map(|row| {
            let (name, reason) = (row.name.as_str().into(), row.reason.as_str().into());
            object([("address", address(&row.key)), ("name", name), ("reason", reason)])
        });
        let secrets = self.secrets.iter().map(|secret| {
            object([
                ("input", secret.input.as_str().into()),
                ("address", address(&secret.key)),
                ("pointer", pointer(&secret.pointer)),
                ("how", secret.how.as_str().into()),
            ])
        });
        let id_changes = self.id_changes.iter().map(|change| {
            let (from, to) = (change.key.id().into(), change.to.clone().into());
            object([("address", address(&change.key)), ("from", from), ("to", to)])
        });
        let rewrites = self.rewrites.iter().map(|rewrite| {
            object([
                ("address", address(&rewrite.key)),
                ("pointer", pointer(&rewrite.pointer)),
                ("from", rewrite.from.clone()),
                ("means", address(&rewrite.means)),
            ])
        });
        let conflicts = self.conflicts.iter().map(|row| {
            let mut out = Object::from_pairs([
                ("address", address(&row.key)),
                ("pointer", pointer(&row.pointer)),
                ("reason", row.reason.as_str().into()),
                ("resolution", row.resolution.map(Resolution::as_str).into()),
            ]);
            for (name, value) in [("was", &row.was), ("now", &row.now)] {
                value.iter().for_each(|value| drop(out.insert(name, value.clone())));
            }
            Value::from(out)
        });
        let told = |row: &Told| {
            object([
                ("change", row.change.as_str().into()),
                ("address", address(&row.key)),
                ("at", row.at.to_string().into()),
                ("who", row.who.clone().into()),
            ])
        };
        let effects = self.effects.iter().map(|effect| {
            object([("address", address(&effect.key)), ("effect", effect.what.as_str().into())])
        });
        [
            ("refused", list(refused)),
            ("secrets", list(secrets)),
            ("id_changes", list(id_changes)),
            ("rewrites", list(rewrites)),
            ("effects", list(effects)),
            ("conflicts", list(conflicts)),
            ("undoes", list(self.undoes.iter().map(told))),
            ("unexplained", list(self.unexplained.iter().map(told))),
        ]
    }

    /// Reads a plan file.
    ///
    /// # Errors
    /// It is not of this format, or was changed after it was made.
    pub fn from_text(text: &[u8]) -> Result<Self, RestoreError> {
        let value = json::parse(text, &Limits::default())
            .map_err(|error| RestoreError::PlanFile { what: error.to_string() })?;
        Self::from_json(&value)
    }

    /// Reads a plan from its JSON.
    ///
    /// # Errors
    /// As [`Self::from_text`].
    pub fn from_json(value: &Value) -> Result<Self, RestoreError> {
        let format = value.get("format").and_then(Value::as_str).unwrap_or_default();
        if format != FORMAT {
            return Err(RestoreError::PlanFile { what: format!("its format is `{format}`, not `{FORMAT}`") });
        }
        let named = |name: &str| value.get(name).and_then(Value::as_str);
        let tenant = named("tenant").unwrap_or_default();
        let plan =
            Reader { tenant, source: named("from").unwrap_or(tenant) }.plan(value).ok_or_else(|| {
                RestoreError::PlanFile { what: "a member is missing or has another form".into() }
            })?;
        // Compared as JSON too: nothing that this program does not know may ride along unseen.
        if content_id(value) != plan.id || plan.to_json() != *value {
            return Err(RestoreError::Tampered { id: plan.id });
        }
        Ok(plan)
    }
}

fn content_id(plan: &Value) -> PlanId {
    let mut content = plan.clone();
    if let Some(members) = content.as_object_mut() {
        members.retain(|name, _| !OUTSIDE.contains(&name));
    }
    PlanId(hash(CONTENT, &content.to_canonical()))
}

fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    Object::from_pairs(members).into()
}

fn list(items: impl Iterator<Item = Value>) -> Value {
    items.collect()
}

fn address(tenant: &str, key: &ResourceKey) -> Value {
    format!("{tenant}/{key}").into()
}

fn pointer(pointer: &Pointer) -> Value {
    pointer.to_string().into()
}

fn texts<'a>(items: impl IntoIterator<Item = &'a String>) -> Value {
    items.into_iter().map(String::as_str).collect()
}

fn step_json(tenant: &str, step: &Step) -> Value {
    let id = match step.target.last() {
        Some(Part::Known(id)) => Value::from(id.as_str()),
        _ => Value::Null,
    };
    let target = step.target.iter().map(|part| match part {
        Part::Known(id) => Value::from(id.as_str()),
        Part::Coming(of) => placeholder::id(of),
    });
    let requests = step.requests.iter().map(|request| {
        object([
            ("method", request.method.as_str().into()),
            ("path", request.path.as_str().into()),
            ("body", request.body.clone().into()),
            ("content_type", request.content_type.as_str().into()),
            ("if_differs", request.if_differs.into()),
            ("unless_made", request.unless_made.into()),
            (
                "sets",
                request
                    .sets
                    .as_ref()
                    .map(|(at, value)| object([("pointer", pointer(at)), ("to", value.clone())]))
                    .into(),
            ),
            (
                "unset",
                list(
                    request
                        .unset
                        .iter()
                        .map(|(at, with)| object([("at", pointer(at)), ("with", with.clone())])),
                ),
            ),
            (
                "new_id",
                NEW_IDS.iter().find(|(_, id)| Some(*id) == request.new_id).map(|(word, _)| *word).into(),
            ),
        ])
    });
    object([
        ("op", step.op.as_str().into()),
        ("address", address(tenant, &step.key)),
        ("kind", step.key.kind.as_str().into()),
        ("id", id),
        ("target", list(target)),
        ("name", step.name.as_str().into()),
        ("requests", list(requests)),
        ("fields", list(step.fields.iter().map(field_json))),
        ("loose", list(step.loose.iter().map(|pattern| pattern.to_string().into()))),
        ("found_by_name", step.found_by_name.into()),
        (
            "off",
            step.off
                .as_ref()
                .map(|(at, value)| object([("at", pointer(at)), ("value", value.clone())]))
                .into(),
        ),
        ("needs", texts(&step.needs)),
        ("after", list(step.after.iter().map(|key| address(tenant, key)))),
        ("notes", texts(&step.notes)),
        ("takes_along", list(step.takes_along.iter().map(|key| address(tenant, key)))),
    ])
}

fn field_json(field: &FieldChange) -> Value {
    let mut out = Object::new();
    out.insert("pointer", pointer(&field.pointer));
    for (name, value) in [("from", &field.from), ("to", &field.to)] {
        if let Some(value) = value {
            out.insert(name, value.clone());
        }
    }
    out.into()
}

fn guard_json(tenant: &str, guard: &Guard) -> Value {
    match guard {
        Guard::Delete { count } => object([
            ("guard", "delete".into()),
            ("count", (*count).into()),
            ("allow", format!("--allow-delete {count}").into()),
        ]),
        Guard::Privileged { key, why } => object([
            ("guard", "privileged".into()),
            ("address", address(tenant, key)),
            ("why", why.as_str().into()),
            ("allow", "--allow-privileged".into()),
        ]),
        Guard::Lockout { why } => object([
            ("guard", "lockout".into()),
            ("why", why.as_str().into()),
            ("allow", "--allow-lockout".into()),
        ]),
    }
}

/// Reads the parts; `None` where one has not the form that [`Plan::to_json`] gives it.
struct Reader<'a> {
    tenant: &'a str,
    /// The tenant whose addresses the steps go by.
    source: &'a str,
}

impl Reader<'_> {
    fn plan(&self, value: &Value) -> Option<Plan> {
        let time = |value: Option<&Value>| value?.as_str()?.parse::<Timestamp>().ok();
        let live = value.get("live")?;
        let forecast = value.get("forecast")?;
        Some(Plan {
            id: PlanId::from_hex(&text(value, "id")?)?,
            tenant: text(value, "tenant")?,
            from: value.get("from")?.as_str().map(str::to_owned),
            provider: (text(value, "provider")?, u32::try_from(value.get("rules")?.as_u64()?).ok()?),
            base: text(value, "base")?,
            read: time(live.get("read_at"))?,
            expires: time(value.get("expires"))?,
            mode: [Mode::Merge, Mode::Rollback, Mode::ThreeWay]
                .into_iter()
                .find(|mode| Some(mode.as_str()) == value.get("mode").and_then(Value::as_str))?,
            steps: each(value, "steps", |step| self.step(step))?,
            refused: each(value, "refused", |row| {
                Some(Refusal { key: self.key(row)?, name: text(row, "name")?, reason: text(row, "reason")? })
            })?,
            unchanged: value.get("summary")?.get("unchanged")?.as_u64()?,
            secrets: each(value, "secrets", |row| {
                Some(SecretInput {
                    input: text(row, "input")?,
                    key: self.key(row)?,
                    pointer: at(row)?,
                    how: text(row, "how")?,
                })
            })?,
            id_changes: each(value, "id_changes", |row| {
                Some(IdChange { key: self.key(row)?, to: row.get("to")?.as_str().map(str::to_owned) })
            })?,
            rewrites: each(value, "rewrites", |row| {
                Some(Rewrite {
                    key: self.key(row)?,
                    pointer: at(row)?,
                    from: row.get("from")?.clone(),
                    means: self.address(row.get("means")?)?,
                })
            })?,
            effects: each(value, "effects", |row| {
                Some(Effect { key: self.key(row)?, what: text(row, "effect")? })
            })?,
            guards: each(value, "guards", |row| self.guard(row))?,
            access: self.access(value)?,
            conflicts: each(value, "conflicts", |row| self.conflict(row))?,
            undoes: each(value, "undoes", |row| self.told(row))?,
            unexplained: each(value, "unexplained", |row| self.told(row))?,
            inputs: each(live, "inputs", |row| {
                let key = resource(row.get("address")?, self.tenant)?;
                Some(Input { key, state: row.get("state")?.as_str().map(str::to_owned) })
            })?,
            forecast: Forecast {
                calls: forecast.get("calls")?.as_u64()?,
                seconds: forecast.get("seconds")?.as_u64()?,
            },
            approvals: value.get("approvals")?.as_array()?.to_vec(),
            signature: value.get("signature").filter(|value| !value.is_null()).cloned(),
        })
    }

    fn conflict(&self, row: &Value) -> Option<Conflict> {
        Some(Conflict {
            key: self.key(row)?,
            pointer: at(row)?,
            reason: text(row, "reason")?,
            was: row.get("was").cloned(),
            now: row.get("now").cloned(),
            resolution: match row.get("resolution")? {
                Value::Null => None,
                word => Some(resolution(word)?),
            },
        })
    }

    /// What stands there of access, which need not be anything.
    fn access(&self, value: &Value) -> Option<Option<AccessChange>> {
        let Some(access) = value.get("access") else { return Some(None) };
        let blast = Blast::from_json(access, self.tenant)?;
        Some(Some(AccessChange { newest: text(access, "snapshot")?, blast }))
    }

    fn address(&self, value: &Value) -> Option<ResourceKey> {
        resource(value, self.source)
    }

    fn key(&self, row: &Value) -> Option<ResourceKey> {
        self.address(row.get("address")?)
    }

    fn told(&self, row: &Value) -> Option<Told> {
        Some(Told {
            change: text(row, "change")?,
            key: self.key(row)?,
            at: text(row, "at")?.parse().ok()?,
            who: row.get("who")?.as_str().map(str::to_owned),
        })
    }

    fn step(&self, value: &Value) -> Option<Step> {
        let part = |part: &Value| match (part.as_str(), placeholder::found(part)) {
            (Some(id), _) => Some(Part::Known(id.to_owned())),
            (None, Some(placeholder::Found::Id(of))) => Some(Part::Coming(of)),
            _ => None,
        };
        Some(Step {
            op: [Op::Create, Op::Update, Op::Delete]
                .into_iter()
                .find(|op| Some(op.as_str()) == value.get("op").and_then(Value::as_str))?,
            key: self.key(value)?,
            target: each(value, "target", part)?,
            name: text(value, "name")?,
            requests: each(value, "requests", request)?,
            fields: each(value, "fields", |row| {
                Some(FieldChange {
                    pointer: at(row)?,
                    from: row.get("from").cloned(),
                    to: row.get("to").cloned(),
                })
            })?,
            loose: each(value, "loose", |pattern| Pattern::parse(pattern.as_str()?).ok())?,
            found_by_name: value.get("found_by_name")?.as_bool()?,
            off: match value.get("off")? {
                Value::Null => None,
                off => Some((Pointer::parse(off.get("at")?.as_str()?).ok()?, off.get("value")?.clone())),
            },
            needs: each(value, "needs", string)?,
            after: each(value, "after", |address| self.address(address))?,
            notes: each(value, "notes", string)?,
            takes_along: each(value, "takes_along", |address| self.address(address))?,
        })
    }

    fn guard(&self, row: &Value) -> Option<Guard> {
        match row.get("guard")?.as_str()? {
            "delete" => Some(Guard::Delete { count: row.get("count")?.as_u64()? }),
            "privileged" => Some(Guard::Privileged { key: self.key(row)?, why: text(row, "why")? }),
            "lockout" => Some(Guard::Lockout { why: text(row, "why")? }),
            _ => None,
        }
    }
}

fn resolution(word: &Value) -> Option<Resolution> {
    [Resolution::Keep, Resolution::Take].into_iter().find(|known| Some(known.as_str()) == word.as_str())
}

fn request(value: &Value) -> Option<Request> {
    let new_id = value.get("new_id")?;
    Some(Request {
        method: text(value, "method")?,
        path: text(value, "path")?,
        body: value.get("body").filter(|body| !body.is_null()).cloned(),
        content_type: text(value, "content_type")?,
        if_differs: value.get("if_differs")?.as_bool()?,
        unless_made: value.get("unless_made")?.as_bool()?,
        sets: match value.get("sets") {
            None | Some(Value::Null) => None,
            Some(row) => Some((Pointer::parse(row.get("pointer")?.as_str()?).ok()?, row.get("to")?.clone())),
        },
        unset: each(value, "unset", |row| {
            Some((Pointer::parse(row.get("at")?.as_str()?).ok()?, row.get("with")?.clone()))
        })?,
        new_id: match new_id.as_str() {
            Some(word) => Some(NEW_IDS.iter().find(|(known, _)| *known == word)?.1),
            None => None,
        },
    })
}

/// A resource of this tenant, by its address.
fn resource(address: &Value, tenant: &str) -> Option<ResourceKey> {
    let (of, path) = address.as_str()?.split_once('/')?;
    ResourceKey::from_path(path).filter(|_| of == tenant)
}

fn text(value: &Value, name: &str) -> Option<String> {
    string(value.get(name)?)
}

fn string(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn at(row: &Value) -> Option<Pointer> {
    Pointer::parse(row.get("pointer")?.as_str()?).ok()
}

fn each<T>(value: &Value, name: &str, read: impl Fn(&Value) -> Option<T>) -> Option<Vec<T>> {
    value.get(name)?.as_array()?.iter().map(read).collect()
}
