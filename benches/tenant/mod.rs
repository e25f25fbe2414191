//! A made-up Okta organisation of any size and what changes in it hour by hour, for everything that
//! measures: the store, its peers, a year.
//!
//! Deterministic: the same users and seed give the same bytes. It holds no body: a resource is a kind,
//! a number and how often it changed, and [`Row::body`] writes the body that follows from these, so an
//! organisation of a million resources takes some 12 MB. The mix of kinds and the sizes of bodies are
//! those of the research corpus (`PEERS.md`): 50,000 users make 204,445 resources of 0.7 kB. What stands
//! there for memberships are consents here, whose bodies hold as much and which have a volatile member.
//! Read `body` next.

mod body;

use std::collections::BTreeMap;

use jiff::Timestamp;
use lastgood::base::coverage::{Ledger, Row as Covered, State};
use lastgood::base::key::{Kind, ResourceKey};
use lastgood::store::{Flags, Meta};

/// The kinds, the resources of each for 50,000 users, and what their ids begin with.
const KINDS: [(&str, u64, &str); 13] = [
    ("user", 50_000, "00u"),
    ("user_grant", 85_000, "oag"),
    ("app_user_assignment", 60_000, "0ua"),
    ("app_group_assignment", 5_000, "0ga"),
    ("group", 2_500, "00g"),
    ("app", 1_000, "0oa"),
    ("policy", 100, "00p"),
    ("policy_rule", 400, "0pr"),
    ("user_schema", 200, "osc"),
    ("group_rule", 200, "0gr"),
    ("network_zone", 25, "nzo"),
    ("auth_server", 10, "aus"),
    ("idp", 10, "0id"),
];

/// One resource: its body follows from these three numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Row {
    kind: u8,
    number: u32,
    version: u32,
}

/// What a snapshot of the organisation says of itself.
pub(crate) fn read_at(at: Timestamp, total: u64, full_sweep: bool) -> Meta {
    let row = Covered {
        state: State::Complete,
        reason: String::new(),
        count: total,
        read: Some((at, at)),
        exceptions: vec![],
    };
    Meta {
        started: at,
        finished: at,
        ledger: Ledger { rows: [(Kind::new("user"), row)].into(), unknown: vec![] },
        identity: [7; 32],
        permission: [8; 32],
        requests: 0,
        full_sweep,
        flags: Flags::default(),
        rules: 1,
        notes: BTreeMap::new(),
    }
}

/// What an hour did to one resource.
pub(crate) enum Change {
    /// It is new, or is like this now.
    Put(Row),
    /// It is gone.
    Gone(Row),
}

/// An organisation at one hour.
pub(crate) struct Tenant {
    rows: Vec<Row>,
    made: [u32; KINDS.len()],
    dice: Dice,
}

impl Tenant {
    /// An organisation with this many users at hour 0.
    pub(crate) fn new(users: u64, seed: u64) -> Self {
        let mut tenant = Self { rows: Vec::new(), made: [0; KINDS.len()], dice: Dice(seed) };
        for (kind, (_, of_fifty_thousand, _)) in KINDS.iter().enumerate() {
            for _ in 0..(of_fifty_thousand * users / 50_000).max(1) {
                let row = tenant.one_more(kind);
                tenant.rows.push(row);
            }
        }
        tenant
    }

    fn one_more(&mut self, kind: usize) -> Row {
        let number = self.made[kind];
        self.made[kind] += 1;
        Row { kind: kind as u8, number, version: 0 }
    }

    /// All that it holds, in no order.
    pub(crate) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Lets an hour pass in which this share of all resources changes, evenly over all of them, as
    /// people sign in and move: of nine, seven are changed, one goes and one comes.
    pub(crate) fn hour(&mut self, churn: f64) -> Vec<Change> {
        let wanted = (self.rows.len() as f64 * churn).round() as usize;
        let mut taken = std::collections::HashSet::new();
        let mut changes = Vec::with_capacity(wanted);
        while changes.len() < wanted {
            let at = self.dice.below(self.rows.len());
            if !taken.insert(at) {
                continue;
            }
            let row = self.rows[at];
            match changes.len() % 9 {
                7 => {
                    let new = self.one_more(usize::from(row.kind));
                    self.rows[at] = new;
                    changes.push(Change::Gone(row));
                    changes.push(Change::Put(new));
                }
                _ => {
                    self.rows[at].version += 1;
                    changes.push(Change::Put(self.rows[at]));
                }
            }
        }
        changes
    }
}

/// Whether an organisation has resources of this kind.
#[allow(dead_code, reason = "only a year asks")]
pub(crate) fn holds(kind: &str) -> bool {
    KINDS.iter().any(|(name, _, _)| *name == kind)
}

impl Row {
    /// The name of its kind in the catalogue.
    pub(crate) fn kind(self) -> &'static str {
        KINDS[usize::from(self.kind)].0
    }

    /// Its id at the vendor.
    pub(crate) fn id(self) -> String {
        id(usize::from(self.kind), self.number)
    }

    /// What the store knows it by.
    pub(crate) fn key(self) -> ResourceKey {
        let above = match self.kind() {
            "user_grant" => Some(id_of("user", self.number / 2)),
            "app_user_assignment" | "app_group_assignment" => Some(id_of("app", self.number % 1_000)),
            "policy_rule" => Some(id_of("policy", self.number % 100)),
            _ => None,
        };
        ResourceKey::new(&Kind::new(self.kind()), above.into_iter().chain([self.id()]).collect())
    }

    /// Whether it was there when an organisation of so many users began.
    #[allow(dead_code, reason = "only a year asks")]
    pub(crate) fn is_of_the_first(self, users: u64) -> bool {
        let (_, of_fifty_thousand, _) = KINDS[usize::from(self.kind)];
        u64::from(self.number) < of_fifty_thousand * users / 50_000
    }

    /// How often it has changed.
    #[allow(dead_code, reason = "only a year asks")]
    pub(crate) fn times_changed(self) -> u32 {
        self.version
    }

    /// Its body, members in the order of their names. `tick` is what moves in every body at every
    /// reading though nothing changed; `None` where bytes repeat.
    pub(crate) fn body(self, tick: Option<u64>) -> Vec<u8> {
        body::write(self.kind(), self.number, self.version, &self.id(), tick)
    }
}

/// Twenty characters as the vendor's ids are: a prefix and what looks drawn.
fn id(kind: usize, number: u32) -> String {
    const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut dice = Dice((kind as u64) << 32 | u64::from(number));
    let mut text = KINDS[kind].2.to_owned();
    (0..17).for_each(|_| text.push(char::from(LETTERS[dice.below(62)])));
    text
}

fn id_of(kind: &str, number: u32) -> String {
    let kind = KINDS.iter().position(|(name, _, _)| *name == kind).expect("one of the kinds above");
    id(kind, number)
}

/// SplitMix64: the same numbers everywhere.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}
