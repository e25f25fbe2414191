//! What a comparison of two states says to a person: counts, and some by name.

use std::collections::BTreeMap;

use crate::base::key::ResourceKey;

/// People who are named of each group of them.
pub const NAMED_MAX: usize = 5;
/// Applications that are listed.
pub const APPS_MAX: usize = 50;

/// A resource and what a person calls it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Known {
    /// Its address.
    pub key: ResourceKey,
    /// Its name.
    pub name: String,
}

/// Some people: how many, and the first of them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Those {
    /// How many.
    pub count: u64,
    /// The first, at most [`NAMED_MAX`].
    pub named: Vec<Known>,
}

/// People whose way in changes alike.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Turn {
    /// The weakest way in before, in words.
    pub from: String,
    /// And afterwards.
    pub to: String,
    /// Who.
    pub people: Those,
}

/// What happens to the access of one person to one application.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Change {
    /// Gets in and did not.
    Gains,
    /// Got in and does not.
    Loses,
    /// Gets in more easily.
    Weaker,
    /// Gets in less easily.
    Stronger,
    /// Gets in otherwise: more easily in one respect, less in another.
    Otherwise,
    /// May get in where it was surer that he did not.
    MayGain,
    /// May not get in where it was surer that he did.
    MayLose,
}

impl Change {
    /// All of them, the most dangerous first.
    pub const ALL: [Self; 7] = [
        Self::Gains,
        Self::Weaker,
        Self::MayGain,
        Self::Loses,
        Self::MayLose,
        Self::Otherwise,
        Self::Stronger,
    ];

    /// The word in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gains => "gains",
            Self::Loses => "loses",
            Self::Weaker => "weaker",
            Self::Stronger => "stronger",
            Self::Otherwise => "otherwise",
            Self::MayGain => "may_gain",
            Self::MayLose => "may_lose",
        }
    }

    /// Whether it is told by what the way in is before and after.
    #[must_use]
    pub fn is_turn(self) -> bool {
        matches!(self, Self::Weaker | Self::Stronger | Self::Otherwise)
    }
}

/// What happens to the access to one application.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AppChange {
    /// Which.
    pub app: Known,
    /// Who comes, goes, and may.
    pub people: BTreeMap<Change, Those>,
    /// Whose way in changes, by how.
    pub turns: BTreeMap<Change, Vec<Turn>>,
    /// What that depends on which nobody can say.
    pub unknown: Vec<String>,
}

impl AppChange {
    /// How many people it happens to.
    #[must_use]
    pub fn count(&self, change: Change) -> u64 {
        let turned = self.turns.get(&change).into_iter().flatten().map(|turn| turn.people.count);
        self.people.get(&change).map_or(0, |those| those.count) + turned.sum::<u64>()
    }
}

/// How far somebody can administer the tenant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Entry {
    /// Nobody can.
    Nobody,
    /// Somebody may, if what nobody can say is so.
    Perhaps,
    /// Somebody can, from some networks.
    SomeNetworks,
    /// Somebody can, from anywhere.
    Anywhere,
}

/// Who can sign in to the vendor's console, before and after.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Console {
    /// Administrators of any sort.
    pub any: (Entry, Entry),
    /// Those who may do everything.
    pub full: (Entry, Entry),
}

impl Console {
    /// Why somebody should look before this is done; `None` where as many ways are left.
    #[must_use]
    pub fn lockout(&self) -> Option<String> {
        let who = |what: &str, (from, to): (Entry, Entry)| {
            let left = match to {
                _ if to >= from => return None,
                Entry::Nobody => "could sign in to the console afterwards",
                Entry::Perhaps => {
                    "could surely sign in to the console afterwards: it depends on what is not recorded"
                }
                Entry::SomeNetworks | Entry::Anywhere => {
                    "could sign in to the console from any network afterwards"
                }
            };
            Some(format!("no {what} {left}"))
        };
        who("administrator", self.any).or_else(|| who("administrator of everything", self.full))
    }
}

/// Who gains and loses what between two states.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Blast {
    /// The applications to which access changes, the most dangerous first; at most [`APPS_MAX`].
    pub apps: Vec<AppChange>,
    /// How many applications there are in all to which access changes.
    pub apps_changed: u64,
    /// How many people each change happens to, in all applications.
    pub totals: BTreeMap<Change, u64>,
    /// What was not read whole, so that something may be missing here, and why.
    pub gaps: Vec<String>,
    /// The way to the console, where the vendor has one.
    pub console: Option<Console>,
}

impl Blast {
    /// Whether nobody's access changes, as far as was read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.apps_changed == 0
    }
}
