//! Who gets into what, as a vendor's own model says it: which kind is a person, a group, an
//! application, which links assign, and which rules stand in the way.
//!
//! Only names and places; how they are put together is the same for every vendor that has the
//! section `[access]` and stands in [`access`](../../access/index.html). Read [`Gate`] last: it is the
//! part with the most to it.

use serde::Deserialize;

use crate::base::key::Kind;
use crate::catalog::condition::Condition;
use crate::catalog::spec::Provider;
use crate::json::{Pattern, Pointer, Value};

/// The section `[access]`.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct AccessFacts {
    /// Who signs in.
    pub person: PersonFacts,
    /// What people are gathered in.
    pub group: GroupFacts,
    /// What puts people into groups by itself.
    pub filling: Option<FillingFacts>,
    /// What is signed in to.
    pub app: AppFacts,
    /// Where an address on the network lies.
    pub zone: Option<ZoneFacts>,
    /// The rules in the way, and the policies that hold them.
    pub policy: Option<PolicyFacts>,
    /// What each sign-in must pass, all of them.
    #[serde(default)]
    pub gate: Vec<Gate>,
    /// What rules and policies ask.
    #[serde(default)]
    pub ask: Vec<Ask>,
    /// The way to the vendor's own console.
    pub console: Option<ConsoleFacts>,
}

/// Who signs in.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct PersonFacts {
    /// The kind.
    pub kind: Kind,
    /// The name by which people know one.
    pub label: Pointer,
    /// Only those who satisfy this can sign in.
    #[serde(default)]
    pub can: Vec<Condition>,
    /// Those who satisfy this are in no group of everyone and are not put into groups.
    #[serde(default)]
    pub gone: Vec<Condition>,
    /// The id of what sort of person it is.
    pub sort: Option<Pointer>,
}

/// What people are gathered in.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct GroupFacts {
    /// The kind.
    pub kind: Kind,
    /// The edge below a group whose id is a person.
    pub members: Kind,
    /// A group that satisfies this holds everyone. Empty: there is none.
    #[serde(default)]
    pub everyone: Vec<Condition>,
}

/// A rule that puts people into groups.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct FillingFacts {
    /// The kind.
    pub kind: Kind,
    /// Only a rule that satisfies this works.
    #[serde(default)]
    pub on: Vec<Condition>,
    /// The text that says whom.
    pub expression: Pointer,
    /// Where a person's body holds the fields that it names.
    #[serde(default)]
    pub fields: Pointer,
    /// The ids of the groups.
    pub groups: Pattern,
    /// The ids of people who are left out.
    pub except_people: Option<Pattern>,
    /// The ids of groups whose members are left out.
    pub except_groups: Option<Pattern>,
}

/// What is signed in to.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct AppFacts {
    /// The kind.
    pub kind: Kind,
    /// Its name for people.
    pub label: Pointer,
    /// Only an application that satisfies this lets anybody in.
    #[serde(default)]
    pub on: Vec<Condition>,
    /// The edge below an application whose id is a person.
    pub people: Kind,
    /// Of those edges, the ones that somebody made for that person; the others follow from groups.
    #[serde(default)]
    pub direct: Vec<Condition>,
    /// The edge below an application whose id is a group.
    pub groups: Kind,
    /// What sort of application it is.
    pub sort: Option<Pointer>,
    /// Where it names its policy: an id, or a URL that ends in one.
    pub policy: Option<Pointer>,
}

/// Where an address on the network lies.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct ZoneFacts {
    /// The kind.
    pub kind: Kind,
    /// Only a zone that satisfies this holds any address.
    #[serde(default)]
    pub on: Vec<Condition>,
    /// The fields that say which addresses it holds.
    pub holds: Vec<Pointer>,
    /// Nobody gets in from a zone that satisfies this. Empty: there is none.
    #[serde(default)]
    pub shut: Vec<Condition>,
    /// The word that stands for all zones in a rule.
    #[serde(default)]
    pub all: String,
}

/// Policies and the rules in them: the first that fits decides, by priority.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct PolicyFacts {
    /// The kind of a policy.
    pub kind: Kind,
    /// The kind of a rule, below its policy.
    pub rule: Kind,
    /// Only what satisfies this counts, policies and rules alike.
    #[serde(default)]
    pub on: Vec<Condition>,
    /// A number; the lowest comes first, and what has none last.
    pub priority: Pointer,
    /// A mapping below a policy that names an application: the policy is that application's, where the
    /// application does not say so itself.
    pub mapping: Option<MappingFacts>,
    /// The member that holds what is asked. A member of it that no [`Ask`] names is not understood.
    pub asks: Pointer,
}

/// A link from a policy to an application.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct MappingFacts {
    /// The kind.
    pub kind: Kind,
    /// Where it names the application: an id, or a URL that ends in one.
    pub app: Pointer,
}

/// Something that each sign-in must pass.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// What it is, in a word or two for people.
    pub what: String,
    /// Which policies it is made of.
    pub only: Vec<Condition>,
    /// Whether all those policies are gone through, or the one that the application names.
    pub of: GateOf,
    /// The policy that stands in for one that is gone.
    #[serde(default)]
    pub instead: Vec<Condition>,
    /// A rule lets in where this holds of it.
    pub allow: Vec<Condition>,
    /// A rule shuts out where this holds of it. Where neither holds, nobody can say.
    pub deny: Vec<Condition>,
    /// How many proofs a rule asks for: the first line that holds.
    #[serde(default)]
    pub proofs: Vec<Proofs>,
    /// Lists of proofs, one after the other, of which any list will do.
    pub chains: Option<Chains>,
    /// What a proof must be, where each alternative of a rule demands it.
    #[serde(default)]
    pub demands: Vec<Demand>,
}

/// Whose policies a gate is made of.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub enum GateOf {
    /// The tenant's, in order of priority; where no rule of one fits, the next is gone to.
    Tenant,
    /// The one of the application.
    App,
}

/// A number of proofs.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct Proofs {
    /// Where this holds of the rule.
    pub only: Vec<Condition>,
    /// How many.
    pub count: u8,
}

/// Proofs that follow each other.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct Chains {
    /// The first of each list.
    pub at: Pattern,
    /// What follows one, relative to it.
    pub next: Pattern,
}

/// Something that a proof must be.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct Demand {
    /// In a word or two for people.
    pub what: String,
    /// The alternatives of a rule.
    pub each: Pattern,
    /// What holds of an alternative that demands it.
    pub only: Vec<Condition>,
}

/// What a rule or a policy asks of a sign-in. Where its place is empty, it asks nothing.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// The place.
    pub at: Pointer,
    /// What is asked.
    pub test: Test,
    /// It asks nothing where any one of these holds of what stands there.
    #[serde(default)]
    pub nothing: Vec<Condition>,
    /// Relative to the place: what is asked for; empty: anything. Ids, or the text of an expression.
    pub include: Option<Pattern>,
    /// What is asked not to be.
    pub exclude: Option<Pattern>,
    /// The same of groups, where people are asked for; either will do.
    pub include_groups: Option<Pattern>,
    /// The same of groups.
    pub exclude_groups: Option<Pattern>,
    /// The sorts of application, beside those named by id.
    pub include_sorts: Option<Pattern>,
    /// The same.
    pub exclude_sorts: Option<Pattern>,
    /// What it depends on, in a word for people, where that is not known here.
    #[serde(default)]
    pub why: String,
}

/// What is asked.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub enum Test {
    /// Who it is.
    People,
    /// What sort of person.
    Sort,
    /// From where.
    Zone,
    /// Into which application.
    App,
    /// Whether an expression is true.
    Expression,
    /// Something that a recorded state cannot tell.
    Unknown,
}

/// The way to the vendor's own console.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct ConsoleFacts {
    /// The application that is the console.
    pub app: Vec<Condition>,
    /// What makes an administrator.
    pub grants: Vec<GrantFacts>,
}

/// A link that makes an administrator.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct GrantFacts {
    /// The kind; its parent is who holds it, where `holder` does not say.
    pub kind: Kind,
    /// Only where this holds.
    #[serde(default)]
    pub only: Vec<Condition>,
    /// Where this holds, of one who may do everything.
    #[serde(default)]
    pub everything: Vec<Condition>,
    /// Where it names the holder: a URL that ends in the id of a person or a group.
    pub holder: Option<Pointer>,
}

/// How far somebody is from being let in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Standing {
    /// Can sign in; what is no person is switched on.
    In,
    /// Cannot, for now.
    Out,
    /// Has left.
    Gone,
}

impl Provider {
    /// How far somebody, or something, with this body is from being let in.
    #[must_use]
    pub fn standing(&self, kind: &Kind, body: &Value) -> Standing {
        let holds = |all: &[Condition]| !all.is_empty() && all.iter().all(|condition| condition.holds(body));
        match &self.access {
            Some(facts) if facts.person.kind == *kind => match &facts.person {
                person if holds(&person.gone) => Standing::Gone,
                person if person.can.is_empty() || holds(&person.can) => Standing::In,
                _ => Standing::Out,
            },
            _ if self.kind(kind).is_some_and(|spec| spec.restore.is_off(body)) => Standing::Out,
            _ => Standing::In,
        }
    }

    /// Whether a kind is of people, or of what signs in as they do.
    #[must_use]
    pub fn signs_in(&self, kind: &Kind) -> bool {
        match &self.access {
            Some(facts) => facts.person.kind == *kind,
            None => self.auth.own.iter().any(|own| own.kind == *kind),
        }
    }
}

impl AccessFacts {
    /// The kinds that say who gets into what.
    #[must_use]
    pub fn kinds(&self) -> Vec<&Kind> {
        let policy = self.policy.iter().flat_map(|policy| {
            [&policy.kind, &policy.rule]
                .into_iter()
                .chain(policy.mapping.as_ref().map(|mapping| &mapping.kind))
        });
        let grants = self.console.iter().flat_map(|console| console.grants.iter().map(|grant| &grant.kind));
        let plain = [&self.person.kind, &self.group.kind, &self.group.members];
        let apps = [&self.app.kind, &self.app.people, &self.app.groups];
        let rest =
            self.filling.iter().map(|filling| &filling.kind).chain(self.zone.iter().map(|zone| &zone.kind));
        plain.into_iter().chain(apps).chain(rest).chain(policy).chain(grants).collect()
    }

    /// What the section names and the catalogue does not have, in words.
    pub(crate) fn faults(&self, provider: &Provider) -> Vec<String> {
        let missing = |kind: &&Kind| provider.kind(kind).is_none();
        let named = self.kinds().into_iter().filter(missing);
        let mut out: Vec<String> =
            named.map(|kind| format!("access: kind `{kind}` does not exist")).collect();
        for ask in self.ask.iter().filter(|ask| ask.test == Test::Unknown && ask.why.is_empty()) {
            out.push(format!("access: `{}` does not say what it depends on", ask.at));
        }
        if self.policy.is_none() && !(self.gate.is_empty() && self.ask.is_empty()) {
            out.push("access: gates and questions stand in policies, and no kind is one".into());
        }
        out
    }
}
