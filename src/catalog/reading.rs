//! How a kind is read: paths, pages, and what an answer's status means.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::base::coverage::State;
use crate::base::key::Kind;
use crate::catalog::condition::Condition;
use crate::catalog::spec::RefBy;
use crate::catalog::template::Template;
use crate::json::{Pattern, Pointer};

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

/// What a status means for coverage.
#[derive(Deserialize, Debug, Clone)]
#[serde(deny_unknown_fields)]
pub struct StatusMeaning {
    /// The HTTP status.
    pub status: u16,
    /// A code in the error body that must be there too, at any depth of a member of any name.
    pub code: Option<String>,
    /// What it says about the kind; `complete`: that there is none, where the path names what is one at most.
    #[serde(deserialize_with = "state_word")]
    pub state: State,
    /// Why, for people.
    pub reason: String,
    /// It says that only where the same read was answered for another of its values: a right holds for the whole
    /// list, so what is refused beside what is given is not there. Where all is refused, the right is missing.
    #[serde(default)]
    pub beside: bool,
}

/// An answer to a kind's `get` that says, with another status than 404 and 410, that the instance is
/// not there.
#[derive(Deserialize, Debug, Clone)]
#[serde(deny_unknown_fields)]
pub struct Gone {
    /// The HTTP status.
    pub status: u16,
    /// Words that the answer must hold: such a status alone can mean anything.
    pub says: String,
}

pub(crate) fn state_word<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<State, D::Error> {
    let text = String::deserialize(deserializer)?;
    State::ALL
        .into_iter()
        .find(|state| state.as_str() == text)
        .ok_or_else(|| serde::de::Error::custom(format!("no coverage state is called {text:?}")))
}

/// One way to come by instances.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct Read {
    /// The GET path; `None` with `inside`.
    pub path: Option<Template>,
    /// The setting that holds the URL below which `path` lies, where that is not the tenant's: another host, which gets
    /// a token of its own.
    pub at: Option<String>,
    /// Name of the page form; `None`: one answer holds all.
    pub paging: Option<String>,
    /// Where the rows stand in an answer. Default: each element of the root, or the root itself
    /// for a singleton.
    #[serde(default)]
    pub items: Vec<Pattern>,
    /// Only rows for which this holds are instances; the others belong to another kind that reads
    /// the same list.
    #[serde(default)]
    pub rows: Vec<Condition>,
    /// Rows that are texts become objects with this one member.
    pub wrap: Option<String>,
    /// The rows of `path` are the parents, and this path gives the instances of each: a way to ask
    /// only those parents that have any. The kind has one parent, which has none.
    pub below: Option<Template>,
    /// With `below`: where the parents stand in the answer of `path`, if not where the instances stand in
    /// theirs. The path is then an index, whose own content nothing keeps.
    #[serde(default)]
    pub index: Vec<Pattern>,
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
    /// Placeholders that take each value found in the bodies of a kind that is read before.
    #[serde(default)]
    pub values_of: BTreeMap<String, Source>,
    /// The rows of all parents come in one list: where a row names its parent. No pass over the
    /// parents is made.
    pub parent_at: Option<Pointer>,
    /// Children of a row, of the same kind, at any depth.
    pub tree: Option<Tree>,
    /// What a status means here.
    #[serde(default)]
    pub statuses: Vec<StatusMeaning>,
    /// Further GETs whose answers become members of the row: member name → path. An answer that
    /// is no JSON becomes base64 text.
    #[serde(default)]
    pub join: BTreeMap<String, Template>,
    /// Members of `join` of whose elements only one value is kept: member name → where it stands.
    #[serde(default)]
    pub pick: BTreeMap<String, Pointer>,
    /// One request for each user: made only where the configuration asks for it.
    #[serde(default)]
    pub costly: bool,
    /// Made only in place of the read before it, where that is answered with one of these statuses: the tenant
    /// does not have that call.
    #[serde(default)]
    pub where_refused: Vec<u16>,
}

impl Read {
    /// Whether it is only another way to what the read before it gives.
    #[must_use]
    pub fn is_fallback(&self) -> bool {
        !self.where_refused.is_empty()
    }
}

/// Where the values of a placeholder are found.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// In the bodies of this kind.
    pub of: Kind,
    /// Which fields.
    pub at: Pattern,
    /// What such a field holds; with `url` the value is what the URL ends in.
    #[serde(default)]
    pub by: RefBy,
}

/// How to read only what changed.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct Changes {
    /// The GET path; `{since}` in it stands for the time of the last pass. Rows stand where the
    /// kind's first read has them.
    pub path: Template,
    /// Page form.
    pub paging: Option<String>,
    /// How the last pass is named.
    pub style: ChangeStyle,
    /// With `token`: where the answer's last page holds the URL of the next pass.
    pub token: Option<Pointer>,
    /// Whether removed instances are told of.
    #[serde(default)]
    pub deletions: bool,
    /// The member that marks a row as removed.
    pub removed: Option<Pointer>,
}

/// How a request for changes names the last pass.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub enum ChangeStyle {
    /// By its time, in the placeholder `{since}`.
    Since,
    /// By a URL that the last pass gave.
    Token,
}

/// Where the children of a row are.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct Tree {
    /// The GET path.
    pub path: Template,
    /// Page form.
    pub paging: Option<String>,
    /// Only where this holds for the row.
    #[serde(default)]
    pub only: Vec<Condition>,
    /// The list does not hold the children but things that name them, here; each child is read
    /// through the kind's `get`.
    pub to: Option<Pointer>,
}

/// Why a declared kind is not read.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct Unread {
    /// `no_api`, `excluded` or `not_entitled`.
    #[serde(deserialize_with = "state_word")]
    pub state: State,
    /// Why.
    pub reason: String,
    /// It is read where the tenant's configuration gives this setting.
    pub unless: Option<String>,
    /// An API gives it, and this version does not read it: what stands beside was never tried.
    #[serde(default)]
    pub not_yet: bool,
}
