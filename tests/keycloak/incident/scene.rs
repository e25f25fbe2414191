//! The damaged realm with a repository that knows how it was, reached through a relay that can hold
//! a call: what the tests of stopped and killed applies share.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Child;
use std::time::Duration;

use lastgood::access::strength::below_both;
use lastgood::base::key::{Kind, ResourceKey};
use lastgood::base::secret::Secret;
use lastgood::catalog::{self, Privileged};
use lastgood::json::Value as Body;
use lastgood::provider::{Credential, Live, Target};
use lastgood::restore::LiveTenant;
use serde_json::Value;

use super::{REFUSED, damage};
use crate::dump::Dump;
use crate::lastgood::{Home, Ran};
use crate::log::Request;
use crate::relay::{Fault, Relay};
use crate::seed::Seed;
use crate::server::Server;

/// Bodies of everything that guards something.
pub(super) type Guarding = BTreeMap<ResourceKey, Body>;

/// Settings of the realm that a PUT of the whole stores as attributes too.
const STORED_TWICE: [&str; 6] = [
    "clientOfflineSessionIdleTimeout",
    "clientOfflineSessionMaxLifespan",
    "clientSessionIdleTimeout",
    "clientSessionMaxLifespan",
    "realmReusableOtpCode",
    "scimApiEnabled",
];

/// The realm after the damage.
pub(super) struct Scene {
    pub(super) seed: Seed,
    pub(super) relay: Relay,
    pub(super) home: Home,
    /// The snapshot before the damage.
    pub(super) at: String,
    /// The realm after the damage.
    pub(super) damaged: Dump,
}

/// A plan of the way back, and what it needs on the command line.
pub(super) struct Planned {
    pub(super) file: String,
    /// The first digits of its id.
    pub(super) id: String,
    pub(super) steps: usize,
    options: Vec<String>,
    /// The path of each call that makes something; ids to come stand between braces.
    creates: Vec<String>,
}

impl Scene {
    pub(super) async fn set(server: &Server, name: &str) -> Self {
        let seed = Seed::plant(server, name).await;
        let home = Home::new(&seed.realm).await;
        let relay = Relay::new(seed.realm.base());
        home.configure("[[tenant]]\n", &format!("[[tenant]]\n{REFUSED}"));
        home.configure(seed.realm.base(), relay.url());
        relay.set(Fault::None);
        let first = home.snapshot();
        let at = first["snapshot"].as_str().unwrap().to_owned();
        damage::strike(&seed).await;
        let damaged = Dump::read(&seed.realm).await;
        Self { seed, relay, home, at, damaged }
    }

    /// Plans with these arguments, and allows and gives all that the plan asks for.
    pub(super) fn plan(&self, args: &[&str], file: &str) -> Planned {
        self.home.run(&[&["plan"], args, &["--out", file]].concat()).ok();
        let plan: Value = serde_json::from_str(&self.home.read(file)).unwrap();
        let secrets = plan["secrets"].as_array().unwrap().iter();
        let given = secrets.map(|secret| format!("{} = \"file:given\"\n", secret["input"]));
        let secrets = format!("{file}.secrets");
        self.home.write(&secrets, &given.collect::<String>());
        self.home.write("given", "lgcanary-given");
        let deletes = plan["guards"].as_array().unwrap().iter().filter_map(|guard| guard["count"].as_u64());
        let allow = format!("--allow-delete={}", deletes.max().unwrap_or(0));
        let options = vec![
            allow,
            "--allow-privileged".into(),
            "--allow-lockout".into(),
            format!("--secrets={secrets}"),
        ];
        let requests = plan["steps"].as_array().unwrap().iter();
        let requests = requests.flat_map(|step| step["requests"].as_array().unwrap());
        let creates = requests.filter(|request| request["method"] == "POST");
        let creates = creates.map(|request| request["path"].as_str().unwrap().to_owned()).collect();
        let id = plan["id"].as_str().unwrap().get(..12).unwrap().to_owned();
        Planned {
            file: file.to_owned(),
            id,
            steps: plan["steps"].as_array().unwrap().len(),
            options,
            creates,
        }
    }

    /// A plan of a part of the way back.
    pub(super) fn plan_of(&self, addresses: &[&str], file: &str) -> Planned {
        self.plan(&[addresses, &["--at", &self.at]].concat(), file)
    }

    /// The command that carries a plan out, by its file, or goes on with it, by its id.
    pub(super) fn command(planned: &Planned, resume: bool) -> Vec<&str> {
        let mut args = vec!["apply", if resume { &planned.id } else { &planned.file }, "--json"];
        args.extend(planned.options.iter().map(String::as_str));
        args.extend(resume.then_some("--resume"));
        args
    }

    /// Starts a command and waits until its call number `write` is held; `Err` where it ended before.
    pub(super) async fn held(&self, args: &[&str], write: usize, answered: bool) -> Result<Child, Ran> {
        self.relay.set(Fault::HoldWrite { at: write, answered });
        let mut child = self.home.start(args);
        loop {
            if tokio::time::timeout(Duration::from_millis(50), self.relay.held()).await.is_ok() {
                return Ok(child);
            }
            if child.try_wait().unwrap().is_some() {
                self.relay.set(Fault::None);
                return Err(Ran::of(child.wait_with_output().unwrap()));
            }
        }
    }

    /// Everything in the realm that guards something, as its administrator reads it.
    pub(super) async fn guarding(&self) -> Guarding {
        let realm = &self.seed.realm;
        let settings = [("realm", realm.name()), ("auth_realm", "master")];
        let env = |name: &str, default: &str| std::env::var(name).unwrap_or_else(|_| default.into());
        let target = Target {
            url: realm.base().to_owned(),
            ca_file: None,
            settings: settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            credential: Credential::Password {
                username: env("LASTGOOD_KEYCLOAK_ADMIN", "admin"),
                password: Secret::new(env("LASTGOOD_KEYCLOAK_PASSWORD", "admin-pw-1")),
            },
            budget_percent: 100,
            token_url: None,
            costly: BTreeSet::new(),
            scopes: Vec::new(),
        };
        let live = Live::connect(catalog::provider("keycloak").unwrap(), target).unwrap();
        let guards = live.catalog().kinds.iter().filter(|spec| !spec.restore.privileged.is_empty());
        let kinds: BTreeSet<Kind> = guards.map(|spec| spec.kind.clone()).collect();
        let mark = |_: &str, _: &str, value: &[u8]| blake3::hash(value).to_hex().to_string();
        LiveTenant::new(&live, &mark).kinds(&kinds).await.0
    }

    /// What is different in the realm since then, but for ids that are new.
    pub(super) async fn since(&self, then: &Dump) -> Vec<String> {
        but_for_new_ids(then.diff(&Dump::read(&self.seed.realm).await))
    }
}

/// Differences without those that are no more than the new id of something that was made anew under
/// its old name, there and wherever it is meant.
fn but_for_new_ids(lines: Vec<String>) -> Vec<String> {
    let sides = |line: &str| {
        let (place, sides) = line.strip_prefix("~ ")?.split_once(": ")?;
        let (old, new) = sides.split_once(" -> ")?;
        Some((place.to_owned(), old.to_owned(), new.to_owned()))
    };
    let made_anew: Vec<(String, String)> = lines
        .iter()
        .filter_map(|line| {
            sides(line).filter(|(place, ..)| place.ends_with("#id") || place.ends_with("#_id"))
        })
        .map(|(_, old, new)| (old.replace('"', ""), new.replace('"', "")))
        .collect();
    // As the catalogue announces: a PUT of the whole realm stores these a second time, at their defaults.
    let stored_twice = |place: &str, old: &str, new: &str| {
        place.strip_prefix("realm/-#attributes#").is_some_and(|name| STORED_TWICE.contains(&name))
            && old == "null"
            && matches!(new, "\"0\"" | "\"false\"")
    };
    let only_ids = |line: &String| {
        // A key that the server generates is another one each time.
        let Some((place, old, new)) = sides(line) else { return line.contains("realm_key/") };
        if stored_twice(&place, &old, &new) {
            return true;
        }
        // The values of one attribute come back in any order, and so do the roles of a policy: by their ids, which are
        // new.
        let of_set = |text: &str| {
            let mut values: Vec<serde_json::Value> = serde_json::from_str(text).unwrap_or_default();
            values.sort_by_key(ToString::to_string);
            values
        };
        let attribute = place.contains("#attributes#");
        if attribute && !of_set(&old).is_empty() && of_set(&old) == of_set(&new) {
            return true;
        }
        let meant = made_anew.iter().fold(old, |text, (old, new)| text.replace(old, new));
        // A dead id in the stored text of a policy: the server counts it no more, and drops it with any write.
        let of_roles = of_set(&meant);
        let same_roles = place.ends_with("#roles") && !of_roles.is_empty() && of_roles == of_set(&new);
        meant == new || same_roles || (place.ends_with("#$listed#roles") && new == "[]")
    };
    lines.iter().filter(|line| !only_ids(line)).cloned().collect()
}

impl Planned {
    /// Holds that the server was asked for no create more often than the plan has it.
    pub(super) fn assert_sent_once(&self, requests: &[Request], case: &str) {
        let mut left = self.creates.clone();
        let posts = requests.iter().filter(|request| {
            request.method == "POST" && request.status < 300 && !request.target.ends_with("/token")
        });
        for post in posts {
            let planned = left.iter().position(|path| fits(path, &post.target));
            assert!(planned.is_some(), "{case}: {} was sent more often than planned", post.target);
            left.swap_remove(planned.unwrap());
        }
    }
}

/// Whether a path is the planned one, with any ids between its braces.
fn fits(planned: &str, path: &str) -> bool {
    let mut rest = path;
    for (number, part) in planned.split('{').enumerate() {
        let literal = if number == 0 { part } else { part.split_once('}').map_or("", |(_, after)| after) };
        if number > 0 {
            rest = rest.trim_start_matches(|c| c != '/' && c != '?');
        }
        match rest.strip_prefix(literal) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    rest.is_empty()
}

/// What the vendor leaves no way around, and only where the resource was not there before: a client whose
/// authorization is switched on has the server's defaults until the next call, and nothing in it to change.
const DEFAULTS_FIRST: [(&str, &str); 1] = [("authz_server", "/allowRemoteResourceManagement")];

/// What guards less in a state between than before and after.
pub(super) fn weaker(before: &Guarding, between: &Guarding, after: &Guarding) -> Vec<String> {
    let catalog = catalog::provider("keycloak").unwrap();
    let keys: BTreeSet<&ResourceKey> = between.keys().chain(before.keys()).chain(after.keys()).collect();
    keys.into_iter()
        .flat_map(|key| {
            let spec = catalog.kind(&key.kind).unwrap();
            let rules = below_both(spec, before.get(key), between.get(key), after.get(key));
            let own = |rule: &&Privileged| {
                let place = (key.kind.as_str(), rule.at.to_string());
                before.contains_key(key)
                    || !DEFAULTS_FIRST.iter().any(|(kind, at)| place == (kind, at.to_string()))
            };
            rules.into_iter().filter(own).map(move |rule| format!("{key}: {}", rule.why))
        })
        .collect()
}

/// The outcomes that an apply printed, step by step.
pub(super) fn outcomes(ran: &Ran) -> Vec<String> {
    let lines = ran.lines();
    let steps = lines.iter().filter(|line| line.get("step").is_some());
    steps.map(|line| line["outcome"].as_str().unwrap().to_owned()).collect()
}
