//! The one form that every provider's catalogue file has.
//!
//! A field here is a fact about a vendor, named once for all vendors. Where a vendor needs
//! something that no field says, a field is missing; where one vendor needs a calculation, that is
//! a hook in `provider`. There are no expressions: only pointers, patterns, names and enums.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::base::coverage::State;
use crate::base::key::Kind;
use crate::catalog::condition::Condition;
use crate::catalog::template::{Call, Template};
use crate::json::{Pattern, Pointer, Value};

/// A provider's catalogue: one file.
#[derive(Deserialize, Debug)]
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
    /// How a token is had.
    pub auth: Auth,
    /// What names the tenant for ever, whatever its URL.
    pub identity: Identity,
    /// Page forms by name.
    #[serde(default)]
    pub paging: BTreeMap<String, Paging>,
    /// How fast the vendor may be asked.
    #[serde(default)]
    pub rate: Rate,
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
    /// The resource types.
    #[serde(rename = "kind")]
    pub kinds: Vec<KindSpec>,
    /// GET operations that are left alone, each with its reason.
    #[serde(default)]
    pub excluded: Vec<Excluded>,
}

/// How a token is had and what it says about itself.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    /// Path of the token endpoint below the tenant's URL; `None` where a static token is sent.
    pub token: Option<Template>,
    /// The forms that the configuration may use.
    pub forms: Vec<AuthForm>,
    /// Header scheme before a static token: `SSWS`, `Bearer`.
    #[serde(default = "bearer")]
    pub scheme: String,
    /// Form fields sent with every token request.
    #[serde(default)]
    pub extra: BTreeMap<String, String>,
    /// Where the token's own claims list its rights; hashed into the permission fingerprint.
    #[serde(default)]
    pub rights: Vec<Pattern>,
    /// Rights that allow writing; a reading credential that holds one is warned of.
    #[serde(default)]
    pub writing_rights: Vec<String>,
}

fn bearer() -> String {
    "Bearer".into()
}

/// A form of credential, as `kind` in the configuration's `auth` table.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub enum AuthForm {
    /// User name and password, exchanged for a token.
    Password,
    /// Client credentials.
    ClientSecret,
    /// A signed assertion.
    PrivateKeyJwt,
    /// A certificate.
    Certificate,
    /// A static token.
    Token,
}

/// Where the tenant's immutable identity is read.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The GET path.
    pub path: Template,
    /// Where in the answer.
    pub at: Pointer,
}

/// How a list is cut into pages.
#[derive(Deserialize, Debug, Clone)]
#[serde(deny_unknown_fields, tag = "style", rename_all = "snake_case")]
pub enum Paging {
    /// One answer holds all; `query` asks for that where the vendor would cut silently.
    Whole {
        /// Query parameters that lift the vendor's default.
        #[serde(default)]
        query: BTreeMap<String, String>,
    },
    /// A row number and a size; the list ends with a page that is not full.
    Offset {
        /// Query parameter of the first row.
        offset: String,
        /// Query parameter of the size.
        limit: String,
        /// Rows a page.
        size: u32,
    },
    /// A page number and a size.
    Page {
        /// Query parameter of the page number.
        page: String,
        /// Query parameter of the size.
        limit: String,
        /// Rows a page.
        size: u32,
        /// Number of the first page.
        #[serde(default)]
        first: u32,
        /// Most rows that the vendor gives this way, after which it answers with an error.
        rows_max: Option<u32>,
    },
    /// An opaque cursor in the answer, sent back as a query parameter.
    Cursor {
        /// Query parameter that carries the cursor.
        cursor: String,
        /// Where the next cursor stands in the answer.
        next: Pointer,
        /// Query parameter of the size.
        limit: Option<String>,
        /// Rows a page.
        size: Option<u32>,
    },
    /// A `Link` header with `rel="next"`.
    LinkHeader {
        /// Query parameter of the size.
        limit: Option<String>,
        /// Rows a page.
        size: Option<u32>,
    },
    /// A link in the answer's body.
    BodyLink {
        /// Where the next link stands.
        next: Pointer,
        /// Query parameter of the size.
        limit: Option<String>,
        /// Rows a page.
        size: Option<u32>,
    },
}

/// How fast the vendor may be asked where its headers do not say.
#[derive(Deserialize, Debug, Clone)]
#[serde(deny_unknown_fields, default)]
pub struct Rate {
    /// Requests under way at once.
    pub concurrent: u32,
    /// Requests a second at the most; 0 means no bound of our own.
    pub per_second: u32,
    /// Header with the bucket's size.
    pub limit_header: Option<String>,
    /// Header with what is left.
    pub remaining_header: Option<String>,
    /// Header with the time of the next window.
    pub reset_header: Option<String>,
}

impl Default for Rate {
    fn default() -> Self {
        Self { concurrent: 4, per_second: 0, limit_header: None, remaining_header: None, reset_header: None }
    }
}

/// `kind:/pointer`: the field that fills a placeholder; `kind` may be `row` for the row just read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Param {
    /// Of which resource in the context.
    pub of: Kind,
    /// Which field of it.
    pub at: Pointer,
}

impl<'de> Deserialize<'de> for Param {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let (of, at) = text.split_once(':').ok_or_else(|| serde::de::Error::custom("expected `kind:/pointer`"))?;
        let at = Pointer::parse(at).map_err(serde::de::Error::custom)?;
        Ok(Self { of: Kind::new(of), at })
    }
}

/// What a status means for coverage.
#[derive(Deserialize, Debug, Clone)]
#[serde(deny_unknown_fields)]
pub struct StatusMeaning {
    /// The HTTP status.
    pub status: u16,
    /// A code in the error body that must be there too, at any depth of a member of any name.
    pub code: Option<String>,
    /// What it says about the kind.
    #[serde(deserialize_with = "state_word")]
    pub state: State,
    /// Why, for people.
    pub reason: String,
}

fn state_word<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<State, D::Error> {
    let text = String::deserialize(deserializer)?;
    State::ALL
        .into_iter()
        .find(|state| state.as_str() == text)
        .ok_or_else(|| serde::de::Error::custom(format!("no coverage state is called {text:?}")))
}

/// One resource type.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct KindSpec {
    /// Its name in addresses.
    pub kind: Kind,
    /// What it is, in a short sentence for people.
    pub what: String,
    /// Object, edge or singleton.
    #[serde(default)]
    pub shape: Shape,
    /// The kinds that an instance can belong to; its ids come before the instance's own.
    #[serde(default)]
    pub parent: Vec<Kind>,
    /// Where a row's own id stands; the empty pointer where the row is the id. Not for singletons.
    pub id: Option<Pointer>,
    /// Natural key: fields that find the counterpart where ids differ.
    #[serde(default)]
    pub name: Vec<Pointer>,
    /// Where a body names the resource of the same kind that it lies in (group in group).
    pub within: Option<Pointer>,
    /// How instances are read. Empty where `carried_by` or `state` says why.
    #[serde(default)]
    pub read: Vec<Read>,
    /// The GET path of one instance.
    pub get: Option<Template>,
    /// The kind whose resources hold the same facts already; no request is made for this one.
    pub carried_by: Option<Kind>,
    /// Set where the kind is declared and not read.
    pub unread: Option<Unread>,
    /// Further GET paths that give the same data and are therefore not called.
    #[serde(default)]
    pub same: Vec<Template>,
    /// Placeholders that mean something else here than in the provider's `params`.
    #[serde(default)]
    pub params: BTreeMap<String, Vec<Param>>,
    /// Members that are known; others are reported as unknown. Empty: not checked.
    #[serde(default)]
    pub fields: Vec<String>,
    /// An edge keeps these of the far end's body, and nothing else.
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
    /// Fields that point at other resources.
    #[serde(default)]
    pub refs: Vec<Reference>,
    /// Rights to read and to write.
    #[serde(default)]
    pub scopes: Scopes,
    /// Instances that the vendor made: matched, never created or deleted.
    #[serde(default)]
    pub system: Vec<Condition>,
    /// Can it be put back?
    pub restore: Restore,
    /// Calls that create one.
    #[serde(default)]
    pub create: Vec<Write>,
    /// Calls that change one.
    #[serde(default)]
    pub update: Vec<Write>,
    /// Calls that remove one.
    #[serde(default)]
    pub delete: Vec<Write>,
    /// Traps and other things worth knowing, for the reader of the catalogue.
    #[serde(default)]
    pub notes: String,
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

/// One way to come by instances.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct Read {
    /// The GET path; `None` with `inside`.
    pub path: Option<Template>,
    /// Name of the page form; `None`: one answer holds all.
    pub paging: Option<String>,
    /// Where the rows stand in an answer. Default: each element of the root, or the root itself
    /// for a singleton.
    #[serde(default)]
    pub items: Vec<Pattern>,
    /// One pass for each resource of these kinds. Default: the parents.
    #[serde(default)]
    pub each: Vec<Kind>,
    /// The rows are the parents and the resource of `each` is the far end (users of a role).
    #[serde(default)]
    pub flip: bool,
    /// The list gives only ids: each row is read again through the kind's `get`.
    #[serde(default)]
    pub detail: bool,
    /// Rows come from the body of the resource of `each`, without a request.
    #[serde(default)]
    pub inside: bool,
    /// Conditions on the resource of `each`, or on a singleton named with `of`; where one fails
    /// there is nothing to read.
    #[serde(default)]
    pub only: Vec<Condition>,
    /// Placeholders that take each of a fixed list of values.
    #[serde(default)]
    pub values: BTreeMap<String, Vec<String>>,
    /// Children of a row, of the same kind, at any depth.
    pub tree: Option<Tree>,
    /// What a status means here.
    #[serde(default)]
    pub statuses: Vec<StatusMeaning>,
    /// Further GETs whose answers become members of the row: member name → path.
    #[serde(default)]
    pub join: BTreeMap<String, Template>,
    /// One request for each user: made only where the configuration asks for it.
    #[serde(default)]
    pub costly: bool,
}

/// Where the children of a row are.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct Tree {
    /// The GET path.
    pub path: Template,
    /// Page form.
    pub paging: Option<String>,
    /// Only where this holds for the row.
    #[serde(default)]
    pub only: Vec<Condition>,
}

/// Why a declared kind is not read.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct Unread {
    /// `no_api`, `excluded` or `not_entitled`.
    #[serde(deserialize_with = "state_word")]
    pub state: State,
    /// Why.
    pub reason: String,
}

/// An array without an order.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct Set {
    /// Which arrays.
    pub at: Pattern,
    /// The member by which elements are told apart; `None`: by the whole element.
    pub by: Option<Pointer>,
}

/// A field that holds a secret.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct SecretField {
    /// Which field.
    pub at: Pattern,
    /// What a read gives.
    pub returned: Returned,
    /// What a write of the masked value does.
    #[serde(default)]
    pub mask: MaskEffect,
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

/// What the vendor does with a mask that is written.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug, Default)]
#[serde(rename_all = "snake_case")]
pub enum MaskEffect {
    /// Stores it in place of the secret. Also what is assumed where nobody tried.
    #[default]
    Stored,
    /// Keeps the old secret, on an update in place.
    Kept,
}

/// A field that points at another resource.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// Which field.
    pub at: Pattern,
    /// The kinds that it may name.
    pub to: Vec<Kind>,
    /// By what.
    #[serde(default)]
    pub by: RefBy,
    /// Created without it, set by an update afterwards: this is where cycles are cut.
    #[serde(default)]
    pub second_pass: bool,
    /// Where the target lies: a field, relative to the body, that holds the id of its parent.
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

/// Rights, by the vendor's names.
#[derive(Deserialize, Debug, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Scopes {
    /// To read.
    pub read: Vec<String>,
    /// To write.
    pub write: Vec<String>,
}

/// Whether and how a kind comes back.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct Restore {
    /// Full, partial or never.
    pub class: RestoreClass,
    /// What is lost, or why not; empty only for `full`.
    #[serde(default)]
    pub reason: String,
    /// Lower comes first.
    #[serde(default)]
    pub order: u32,
    /// Which create call keeps the id.
    #[serde(default)]
    pub keeps_id: bool,
    /// Resources that the server makes when this one is created: kinds to match, not to create.
    #[serde(default)]
    pub brings: Vec<Kind>,
    /// What a delete of this one takes with it.
    #[serde(default)]
    pub cascades: Vec<Kind>,
    /// What happens outside the tenant when it is written.
    #[serde(default)]
    pub effects: Vec<String>,
    /// Fields whose change needs `--allow-privileged`.
    #[serde(default)]
    pub privileged: Vec<Privileged>,
}

/// A class of restorability.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub enum RestoreClass {
    /// Every writable field.
    Full,
    /// Some, or under conditions: the reason says which.
    Partial,
    /// Not at all.
    Never,
}

impl RestoreClass {
    /// The word in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Partial => "partial",
            Self::Never => "never",
        }
    }
}

/// A change that hands out power.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct Privileged {
    /// Which field; the empty pattern for the resource itself.
    #[serde(default)]
    pub at: Pattern,
    /// Only where this holds.
    #[serde(default)]
    pub only: Vec<Condition>,
    /// Why it is dangerous.
    pub why: String,
}

/// One way to write.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct Write {
    /// `METHOD /path`.
    pub call: Call,
    /// Only where this holds for the body.
    #[serde(default)]
    pub only: Vec<Condition>,
    /// What is sent.
    #[serde(default)]
    pub body: Body,
    /// Fields left out, beside the assigned ones.
    #[serde(default)]
    pub omit: Vec<Pattern>,
    /// Fields sent although they are assigned (an id that the vendor keeps).
    #[serde(default)]
    pub send: Vec<Pattern>,
    /// Fields that this call takes without an error and does not apply.
    #[serde(default)]
    pub ignores: Vec<Pattern>,
    /// Maps that are merged: a key is removed only by sending this value for it.
    #[serde(default)]
    pub merges: Vec<Merge>,
    /// Fields that must be there: set to this where the body lacks them.
    #[serde(default)]
    pub defaults: BTreeMap<Pointer, Value>,
    /// With `body = "envelope"`: the document; the text `$body` in it stands for the body.
    pub envelope: Option<Value>,
    /// With `body = "field"`: which field is sent.
    pub field: Option<Pointer>,
    /// The content type, where it is not JSON.
    pub content_type: Option<String>,
    /// Where the new id is found.
    #[serde(default)]
    pub new_id: NewId,
}

/// What a write sends.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug, Default)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// The body.
    #[default]
    Whole,
    /// Nothing.
    None,
    /// An array that holds the body.
    List,
    /// One field of it.
    Field,
    /// The body inside another document.
    Envelope,
}

/// A map that an update merges.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct Merge {
    /// Which map.
    pub at: Pattern,
    /// What removes a key; `None` where nothing does.
    pub remove_with: Option<Value>,
}

/// Where the id of a created resource is found.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug, Default)]
#[serde(rename_all = "snake_case")]
pub enum NewId {
    /// The last part of the `Location` header.
    #[default]
    Location,
    /// The kind's id in the answer's body.
    Answer,
    /// Nowhere: found by reading the list and matching the natural key.
    List,
    /// It is the one that was sent.
    Sent,
}

/// A GET operation that is not made, and why.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct Excluded {
    /// The path as in the vendor's document.
    pub path: String,
    /// Why it is left alone.
    pub reason: String,
}

/// The vendor's record of who did what.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct Audit {
    /// The GET path.
    pub path: Template,
    /// Page form.
    pub paging: Option<String>,
    /// Query parameter of the lower bound, in the unit of `unit`.
    pub since: String,
    /// Unit of times in queries and events.
    pub unit: TimeUnit,
    /// Where it is switched on; without it nobody can say who.
    #[serde(default)]
    pub only: Vec<Condition>,
    /// Event id.
    pub id: Pointer,
    /// Time.
    pub time: Pointer,
    /// What was done.
    pub operation: Pointer,
    /// What sort of thing it was done to.
    pub resource_type: Option<Pointer>,
    /// Path or id of what it was done to.
    pub resource: Pointer,
    /// Who: id.
    pub actor_id: Pointer,
    /// Who: name, where the event has one.
    pub actor_name: Option<Pointer>,
    /// Through which client.
    pub client: Option<Pointer>,
    /// From which address.
    pub address: Option<Pointer>,
    /// How the text at `resource` names resources, most specific first.
    #[serde(default)]
    pub names: Vec<EventName>,
    /// Kinds whose changes leave no event: silence proves nothing for them.
    #[serde(default)]
    pub silent: Vec<Kind>,
}

/// Unit of times in queries and events.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub enum TimeUnit {
    /// Milliseconds since the epoch.
    EpochMs,
    /// RFC 3339 text.
    Rfc3339,
}

/// A form of the text by which an event names what it touched.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct EventName {
    /// The path form: `clients/{client}/roles/{name}`.
    pub path: String,
    /// Resource types of the event for which it holds; empty: all.
    #[serde(default)]
    pub types: Vec<String>,
    /// Addresses that it means, as `KIND/{a}/{b}`; `KIND/{a}/*` for every child.
    pub means: Vec<String>,
}

impl Provider {
    /// The kind of this name.
    #[must_use]
    pub fn kind(&self, name: &Kind) -> Option<&KindSpec> {
        self.kinds.iter().find(|spec| &spec.kind == name)
    }
}

impl KindSpec {
    /// Every GET path that a sweep or a look at one instance uses, without query, in order.
    #[must_use]
    pub fn gets(&self) -> Vec<String> {
        let mut paths = Vec::new();
        for read in &self.read {
            paths.extend(read.path.as_ref().map(Template::bare));
            paths.extend(read.tree.as_ref().map(|tree| tree.path.bare()));
            paths.extend(read.join.values().map(Template::bare));
        }
        paths.extend(self.get.as_ref().map(Template::bare));
        paths.dedup();
        paths
    }
}
