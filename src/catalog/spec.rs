//! The one form that every provider's catalogue file has.
//!
//! A field here is a fact about a vendor, named once for all vendors. Where a vendor needs
//! something that no field says, a field is missing; where one vendor needs a calculation, that is
//! a hook in `provider`. There are no expressions: only pointers, patterns, names and enums.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::base::key::Kind;
use crate::catalog::access::AccessFacts;
use crate::catalog::audit::Audit;
use crate::catalog::auth::{Auth, Host};
use crate::catalog::condition::Condition;
use crate::catalog::files::{Files, InFile};
use crate::catalog::reading::{Changes, Gone, Paging, Rate, Read, StatusMeaning, Unread};
use crate::catalog::template::Template;
use crate::catalog::writing::{Action, MaskEffect, Restore, Write};
use crate::json::{Pattern, Pointer, Value};

/// A provider's catalogue: one file.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// Version of this form; 1.
    pub format: u32,
    /// The name used in configuration: `keycloak`.
    pub provider: String,
    /// The product's name for people.
    pub title: String,
    /// Which version of the vendor's API the facts were checked against, and where they come from.
    pub source: String,
    /// Version of the canonical rules (sets, volatile, secrets). Raised when they change, so that
    /// the next snapshot is marked `rebase` and raises no alarm.
    pub rules: u32,
    /// Settings beside the URL: placeholder name → default, or an empty string where there is none.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    /// Headers sent with every request.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// How a token is had.
    pub auth: Auth,
    /// What names the tenant for ever, whatever its URL.
    pub identity: Identity,
    /// Texts of any kind that name the tenant: in another tenant they name that one.
    #[serde(default)]
    pub names_tenant: Vec<NamesTenant>,
    /// Page forms by name.
    #[serde(default)]
    pub paging: BTreeMap<String, Paging>,
    /// How fast the vendor may be asked.
    #[serde(default)]
    pub rate: Rate,
    /// What the vendor counts apart: name → requests a minute, 0 where it does not say. A bucket
    /// that is empty does not hold up the kinds of another.
    #[serde(default)]
    pub bucket: BTreeMap<String, u32>,
    /// Values that the vendor prints in place of a secret; never a value, never written back.
    #[serde(default)]
    pub masked: Vec<String>,
    /// Patterns that are volatile in every kind.
    #[serde(default)]
    pub volatile: Vec<Pattern>,
    /// Which field of which kind fills a placeholder: name → `kind:/pointer`, in order of preference.
    #[serde(default)]
    pub params: BTreeMap<String, Vec<Param>>,
    /// What a status means where a read does not say otherwise.
    #[serde(default)]
    pub statuses: Vec<StatusMeaning>,
    /// The vendor's record of who did what.
    pub audit: Option<Audit>,
    /// Who gets into what, where the vendor's model says it.
    pub access: Option<AccessFacts>,
    /// Hosts beside the tenant's own, by the setting that holds the URL.
    #[serde(default)]
    pub hosts: BTreeMap<String, Host>,
    /// What the vendor's console exports, of which no API gives the content.
    pub files: Option<Files>,
    /// The resource types.
    #[serde(rename = "kind")]
    pub kinds: Vec<KindSpec>,
    /// GET operations that are left alone, grouped by their reason.
    #[serde(default)]
    pub excluded: Vec<Excluded>,
    /// A hash of the file, in hex: what was read by another one may lack what this one names.
    #[serde(skip)]
    pub fingerprint: String,
}

/// Where the tenant's immutable identity is read.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The GET path.
    pub path: Template,
    /// Where in the answer.
    pub at: Pointer,
}

/// `kind:/pointer`: the field that fills a placeholder, of `row` the row just read; with `:last`, the last part of a URL.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Param {
    /// Of which resource in the context.
    pub of: Kind,
    /// Which field of it.
    pub at: Pointer,
    /// The field holds a URL, and its last part is meant.
    pub last: bool,
}

impl<'de> Deserialize<'de> for Param {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let (of, at) =
            text.split_once(':').ok_or_else(|| serde::de::Error::custom("expected `kind:/pointer`"))?;
        let (at, last) = at.strip_suffix(":last").map_or((at, false), |at| (at, true));
        let at = Pointer::parse(at).map_err(serde::de::Error::custom)?;
        Ok(Self { of: Kind::new(of), at, last })
    }
}

impl Param {
    /// The text that a body of that resource holds there.
    #[must_use]
    pub fn text<'v>(&self, body: &'v Value) -> Option<&'v str> {
        self.at.get(body)?.as_str().map(|text| self.part(text))
    }

    /// The part that is meant of what stands there.
    pub(super) fn part<'t>(&self, text: &'t str) -> &'t str {
        text.rsplit('/').next().filter(|_| self.last).unwrap_or(text)
    }
}

/// One resource type.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct KindSpec {
    /// Its name in addresses.
    pub kind: Kind,
    /// What it is, in a short sentence for people.
    pub what: String,
    /// Object, edge or singleton.
    #[serde(default)]
    pub shape: Shape,
    /// How far the vendor stands behind it.
    #[serde(default)]
    pub stage: Stage,
    /// The kinds that an instance can belong to; its ids come before the instance's own.
    #[serde(default)]
    pub parent: Vec<Kind>,
    /// Where a row's own id stands; the empty pointer where the row is the id. Not for singletons.
    pub id: Option<Pointer>,
    /// What stands there; with `url` the id is what the URL ends in, whatever the tenant's host is.
    #[serde(default)]
    pub id_by: RefBy,
    /// Further fields of an id that one field does not make unique; a missing one counts as empty.
    #[serde(default)]
    pub also_id: Vec<Pointer>,
    /// Placeholders of the read whose values are the id, where no row holds it; with `id` beside them their
    /// values come before it, because the same row comes for each of them.
    #[serde(default)]
    pub id_of: Vec<String>,
    /// Those values are names, the same in every tenant.
    #[serde(default)]
    pub id_is_name: bool,
    /// Natural key: fields that find the counterpart where ids differ.
    #[serde(default)]
    pub name: Vec<Pointer>,
    /// What a person knows it by, where that is less than its natural key.
    #[serde(default)]
    pub shown: Vec<Pointer>,
    /// Where a body names the one of its kind that it lies in (group in group).
    pub within: Option<Pointer>,
    /// How instances are read. Empty where `carried_by` or `unread` says why.
    #[serde(default)]
    pub read: Vec<Read>,
    /// The GET path of one instance.
    pub get: Option<Template>,
    /// Answers to `get` that say that the instance is not there, beside 404 and 410.
    #[serde(default)]
    pub gone: Vec<Gone>,
    /// The kind whose resources hold the same facts already; no request is made for this one.
    pub carried_by: Option<Kind>,
    /// Set where the kind is declared and not read. A `read` beside it says how it would be read
    /// if that changed; no request is made.
    pub unread: Option<Unread>,
    /// Where exported files hold it.
    pub file: Option<InFile>,
    /// How to read only what changed since the last pass.
    pub changes: Option<Changes>,
    /// The rate bucket that its requests are counted in.
    pub bucket: Option<String>,
    /// Further GET paths that give the same data and are therefore not called.
    #[serde(default)]
    pub same: Vec<Template>,
    /// Placeholders that mean something else here than in the provider's `params`.
    #[serde(default)]
    pub params: BTreeMap<String, Vec<Param>>,
    /// Members that are known; others are reported as unknown. Empty: not checked.
    #[serde(default)]
    pub fields: Vec<String>,
    /// Links of the member `_links` that are known; others are reported as unknown. Empty: not checked.
    #[serde(default)]
    pub links: Vec<String>,
    /// An edge keeps these of the far end's body; the empty pattern keeps all, where the row is its own.
    #[serde(default)]
    pub keep: Vec<Pattern>,
    /// Arrays whose order means nothing.
    #[serde(default)]
    pub set: Vec<Set>,
    /// Fields that change by themselves.
    #[serde(default)]
    pub volatile: Vec<Pattern>,
    /// Fields computed from, or stored in, other kinds; dropped.
    #[serde(default)]
    pub derived: Vec<Pattern>,
    /// Fields that hold secrets.
    #[serde(default)]
    pub secret: Vec<SecretField>,
    /// Fields that the server sets and a write does not take.
    #[serde(default)]
    pub assigned: Vec<Pattern>,
    /// Fields taken at creation and refused or ignored after it.
    #[serde(default)]
    pub fixed: Vec<Pattern>,
    /// Fields that a write takes and no read gives, and that are no secrets.
    #[serde(default)]
    pub write_only: Vec<Pattern>,
    /// Fields that point at other resources.
    #[serde(default)]
    pub refs: Vec<Reference>,
    /// Rights to read and to write.
    #[serde(default)]
    pub scopes: Scopes,
    /// Instances that the vendor made: matched, never created or deleted.
    #[serde(default)]
    pub system: Vec<Condition>,
    /// What the vendor makes some instances along with, and under which name.
    #[serde(default)]
    pub comes_with: Vec<ComesWith>,
    /// What appoints an instance by its id, and is known by its name itself: another tenant has its own in that place,
    /// whatever that is called.
    pub appointed_by: Option<Param>,
    /// Texts that name the tenant: in another tenant they name that one.
    #[serde(default)]
    pub names_tenant: Vec<NamesTenant>,
    /// Can it be put back?
    pub restore: Restore,
    /// Calls that create one.
    #[serde(default)]
    pub create: Vec<Write>,
    /// Calls that create one with an id of the vendor's, where those of `create` cannot do without an id.
    #[serde(default)]
    pub create_elsewhere: Vec<Write>,
    /// Calls that change one.
    #[serde(default)]
    pub update: Vec<Write>,
    /// Calls that remove one.
    #[serde(default)]
    pub delete: Vec<Write>,
    /// Calls that switch, publish or undelete one without writing its body.
    #[serde(default)]
    pub action: Vec<Action>,
    /// Traps and other things worth knowing, for the reader of the catalogue.
    #[serde(default)]
    pub notes: String,
}

/// A part of a text that names the tenant.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct NamesTenant {
    /// Which texts.
    pub at: Pattern,
    /// What names it in them; `{name}` stands for a setting, `{identity}` for what names the tenant for ever, and
    /// `{url}` for its address.
    pub by: String,
}

/// What an instance is.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug, Default)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// A thing with an id of its own.
    #[default]
    Object,
    /// A link between two things: its key is both ids.
    Edge,
    /// One for each tenant or parent; its REF is `-`.
    Singleton,
}

/// How far the vendor stands behind a part of its API.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug, Default)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// For everyone.
    #[default]
    General,
    /// For everyone who has asked for it.
    Limited,
    /// Before its release, supported.
    Early,
    /// Before its release, may change.
    Beta,
    /// In the vendor's development document only.
    Development,
    /// In no document; seen to work.
    Undocumented,
    /// On its way out.
    Deprecated,
}

/// An array without an order.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct Set {
    /// Which arrays.
    pub at: Pattern,
    /// The member by which elements are told apart; `None`: by the whole element.
    pub by: Option<Pointer>,
}

/// A field that holds a secret.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct SecretField {
    /// Which field.
    pub at: Pattern,
    /// What a read gives.
    pub returned: Returned,
    /// What a write of the masked value does.
    #[serde(default)]
    pub mask: MaskEffect,
    /// The field is a list of which the secret is the one element.
    #[serde(default)]
    pub list: bool,
    /// A new one needs it: a person is asked for it, because nobody was ever shown it.
    #[serde(default)]
    pub asked: bool,
    /// Asked for only where this holds.
    #[serde(default)]
    pub only: Vec<Condition>,
}

/// What a read gives in place of a secret.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub enum Returned {
    /// The value itself.
    Clear,
    /// A mask.
    Masked,
    /// The value under a key of the server's own.
    Encrypted,
    /// Nothing.
    Never,
    /// The value, in the answer to the write that made it.
    Once,
}

/// A field that points at another resource.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// Which field.
    pub at: Pattern,
    /// The kinds that it may name.
    pub to: Vec<Kind>,
    /// By what.
    #[serde(default)]
    pub by: RefBy,
    /// Which field of the target it holds, where that is not the target's id.
    pub target_at: Option<Pattern>,
    /// Created without it, set by an update afterwards: this is where cycles are cut.
    #[serde(default)]
    pub second_pass: bool,
    /// Texts that may stand there and name nothing.
    #[serde(default)]
    pub except: Vec<String>,
    /// The target takes effect through this field at once, so it and all that hangs on it must be there before.
    #[serde(default)]
    pub binds: bool,
    /// The field may hold any text: it is a reference only where the recorded state has what it names.
    #[serde(default)]
    pub free: bool,
    /// The field that holds the id of the target's parent.
    pub parent_at: Option<Pointer>,
}

/// What a reference holds.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug, Default)]
#[serde(rename_all = "snake_case")]
pub enum RefBy {
    /// The id.
    #[default]
    Id,
    /// The natural name.
    Name,
    /// A path of names.
    Path,
    /// A URL that ends in the id.
    Url,
    /// Text of the vendor's language with ids in it.
    Expression,
}

/// An instance that the vendor makes along with another resource: it is found by a name, and its id is new each time.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct ComesWith {
    /// The kind of the other resource.
    pub of: Kind,
    /// What must hold of the other resource.
    #[serde(default)]
    pub only: Vec<Condition>,
    /// Which field of the instance holds the name.
    pub at: Pointer,
    /// What stands in it before the other's natural name, of which case does not count.
    #[serde(default)]
    pub prefix: String,
    /// The name itself, where it is always the same: the other resource is then the parent.
    pub named: Option<String>,
}

impl ComesWith {
    /// The name of the other resource, for an instance that comes with one.
    #[must_use]
    pub fn other<'b>(&self, body: &'b Value) -> Option<&'b str> {
        let text = self.at.get(body)?.as_str().filter(|_| self.named.is_none())?;
        text.strip_prefix(self.prefix.as_str()).filter(|other| !other.is_empty())
    }

    /// Whether an instance is the one of that name that its parent comes with.
    #[must_use]
    pub fn is_named(&self, body: &Value) -> bool {
        self.named.is_some() && self.at.get(body).and_then(Value::as_str) == self.named.as_deref()
    }
}

/// Rights, by the vendor's names.
#[derive(Deserialize, Clone, Debug, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Scopes {
    /// To read.
    pub read: Vec<String>,
    /// To write.
    pub write: Vec<String>,
}

/// GET operations that are not made, and why.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct Excluded {
    /// Why they are left alone.
    pub reason: String,
    /// What stands before each path.
    #[serde(default)]
    pub under: String,
    /// The paths as in the vendor's document, one a line: one text is read in no time.
    pub paths: String,
}

impl Excluded {
    /// The paths, whole.
    pub fn each(&self) -> impl Iterator<Item = String> {
        let lines = self.paths.lines().map(str::trim).filter(|line| !line.is_empty());
        lines.map(|path| format!("{}{path}", self.under))
    }
}

impl Provider {
    /// Whether the vendor's log can be read on from where it was read to.
    #[must_use]
    pub fn can_be_followed(&self) -> bool {
        self.audit.as_ref().is_some_and(|audit| audit.follow.is_some())
    }

    /// Every right that reading needs and, with `writes`, writing; sorted, each once.
    #[must_use]
    pub fn scopes(&self, writes: bool) -> Vec<String> {
        let kinds = self.kinds.iter().filter(|spec| spec.unread.is_none());
        let named = kinds.flat_map(|spec| {
            let written: &[String] = if writes { &spec.scopes.write } else { &[] };
            spec.scopes.read.iter().chain(written)
        });
        let log = self.audit.iter().flat_map(|audit| &audit.scopes);
        named.chain(log).collect::<std::collections::BTreeSet<_>>().into_iter().cloned().collect()
    }

    /// The kind of this name.
    #[must_use]
    pub fn kind(&self, name: &Kind) -> Option<&KindSpec> {
        self.kinds.iter().find(|spec| &spec.kind == name)
    }

    /// What to say of a kind that this provider does not have.
    #[must_use]
    pub fn no_kind(&self, name: &str) -> String {
        let near = crate::catalog::near(name, self.kinds.iter().map(|spec| spec.kind.as_str()));
        let near: Vec<String> = near.into_iter().map(|kind| format!("`{kind}`")).collect();
        let next = match near.is_empty() {
            true => format!("`lastgood kinds {}` lists them", self.provider),
            false => format!("near it: {}", near.join(", ")),
        };
        format!("`{name}` is no kind of {}; {next}", self.provider)
    }
}

impl KindSpec {
    /// Whether the vendor made a resource, as far as its own body tells.
    #[must_use]
    pub fn is_the_vendors(&self, body: &Value) -> bool {
        self.system.iter().any(|condition| condition.of.is_none() && condition.holds(body))
    }

    /// Whether requests are made for it: no other kind holds its facts, and it is not left alone.
    #[must_use]
    pub fn is_asked_for(&self) -> bool {
        self.carried_by.is_none() && self.unread.is_none()
    }

    /// Every GET path of the tenant that a sweep, a look at one instance or the change feed uses, without
    /// query, in order.
    #[must_use]
    pub fn gets(&self) -> Vec<String> {
        let mut paths = Vec::new();
        for read in self.read.iter().filter(|read| read.at.is_none()) {
            paths.extend(read.path.iter().chain(&read.below).map(Template::bare));
            paths.extend(read.tree.as_ref().map(|tree| tree.path.bare()));
            paths.extend(read.join.values().map(Template::bare));
        }
        paths.extend(self.get.as_ref().map(Template::bare));
        paths.extend(self.changes.as_ref().map(|changes| changes.path.bare()));
        paths.dedup();
        paths
    }

    /// The same less the indexes, whose own content nothing keeps.
    #[must_use]
    pub fn collected(&self) -> Vec<String> {
        let index = |read: &Read| (!read.index.is_empty()).then(|| read.path.as_ref().map(Template::bare));
        let indexes: Vec<String> = self.read.iter().filter_map(index).flatten().collect();
        self.gets().into_iter().filter(|path| !indexes.contains(path)).collect()
    }

    /// Whether the server sets a field, and no caller does.
    #[must_use]
    pub fn is_assigned(&self, at: &Pointer) -> bool {
        self.assigned.iter().any(|pattern| pattern.matches(at))
    }

    /// The natural name of a body, as references by name hold it; `None` where the kind has no names
    /// or a part of it is missing.
    #[must_use]
    pub fn name_of(&self, body: &Value) -> Option<String> {
        let texts: Option<Vec<&str>> =
            self.name.iter().map(|at| at.get(body).and_then(Value::as_str)).collect();
        texts.filter(|texts| !texts.is_empty()).map(|texts| texts.join(":"))
    }

    /// What a person knows a body by: the parts of its natural name that are there; `None` where none
    /// is, and for what there is only one of.
    #[must_use]
    pub fn shown_name(&self, body: &Value) -> Option<String> {
        let by = if self.shown.is_empty() { &self.name } else { &self.shown };
        let parts = by.iter().filter_map(|at| at.get(body).and_then(Value::as_str));
        let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
        (!parts.is_empty() && self.shape != Shape::Singleton).then(|| parts.join(":"))
    }
}
