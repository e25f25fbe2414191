//! A comparison as JSON, and read back: a plan holds one, and a plan is read back exactly.

use std::collections::BTreeMap;

use crate::access::report::{AppChange, Blast, Change, Console, Entry, Known, Those, Turn};
use crate::base::key::ResourceKey;
use crate::json::{Object, Value};

const ENTRIES: [(&str, Entry); 4] = [
    ("nobody", Entry::Nobody),
    ("perhaps", Entry::Perhaps),
    ("some_networks", Entry::SomeNetworks),
    ("anywhere", Entry::Anywhere),
];

impl Blast {
    /// As JSON, with addresses of this tenant.
    #[must_use]
    pub fn to_json(&self, tenant: &str) -> Value {
        let totals = self.totals.iter().map(|(change, count)| (change.as_str(), (*count).into()));
        let console = self.console.as_ref().map(|console| {
            let both = |(from, to): (Entry, Entry)| object([("from", word(from)), ("to", word(to))]);
            object([("administrators", both(console.any)), ("of_everything", both(console.full))])
        });
        object([
            ("apps", self.apps.iter().map(|app| app_json(tenant, app)).collect()),
            ("apps_changed", self.apps_changed.into()),
            ("people", totals.collect::<Object>().into()),
            ("gaps", self.gaps.iter().map(String::as_str).collect()),
            ("console", console.into()),
        ])
    }

    /// Reads what [`to_json`](Self::to_json) made; `None` where it has another form.
    #[must_use]
    pub fn from_json(value: &Value, tenant: &str) -> Option<Self> {
        let totals = value.get("people")?.as_object()?;
        let console = match value.get("console")? {
            Value::Null => None,
            console => {
                let both = |name: &str| {
                    let both = console.get(name)?;
                    Some((entry(both.get("from")?)?, entry(both.get("to")?)?))
                };
                Some(Console { any: both("administrators")?, full: both("of_everything")? })
            }
        };
        Some(Self {
            apps: each(value.get("apps")?, |app| app_read(tenant, app))?,
            apps_changed: value.get("apps_changed")?.as_u64()?,
            totals: totals
                .iter()
                .map(|(name, count)| Some((change(name)?, count.as_u64()?)))
                .collect::<Option<_>>()?,
            gaps: each(value.get("gaps")?, |gap| gap.as_str().map(str::to_owned))?,
            console,
        })
    }
}

fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    Object::from_pairs(members).into()
}

fn word(entry: Entry) -> Value {
    ENTRIES.iter().find(|(_, known)| *known == entry).map(|(word, _)| *word).into()
}

fn entry(value: &Value) -> Option<Entry> {
    ENTRIES.iter().find(|(word, _)| value.as_str() == Some(word)).map(|(_, entry)| *entry)
}

fn change(name: &str) -> Option<Change> {
    Change::ALL.into_iter().find(|change| change.as_str() == name)
}

fn each<T>(list: &Value, read: impl Fn(&Value) -> Option<T>) -> Option<Vec<T>> {
    list.as_array()?.iter().map(read).collect()
}

fn known_json(tenant: &str, known: &Known) -> Value {
    let address = format!("{tenant}/{}", known.key);
    object([("address", address.into()), ("name", known.name.as_str().into())])
}

fn known_read(tenant: &str, value: &Value) -> Option<Known> {
    let (of, path) = value.get("address")?.as_str()?.split_once('/')?;
    let key = ResourceKey::from_path(path).filter(|_| of == tenant)?;
    Some(Known { key, name: value.get("name")?.as_str()?.to_owned() })
}

fn those_members(tenant: &str, those: &Those) -> [(&'static str, Value); 2] {
    let named = those.named.iter().map(|known| known_json(tenant, known)).collect();
    [("count", those.count.into()), ("people", named)]
}

fn those_read(tenant: &str, value: &Value) -> Option<Those> {
    let named = each(value.get("people")?, |known| known_read(tenant, known))?;
    Some(Those { count: value.get("count")?.as_u64()?, named })
}

fn app_json(tenant: &str, app: &AppChange) -> Value {
    let mut out = known_json(tenant, &app.app);
    let Some(members) = out.as_object_mut() else { return out };
    for (change, those) in &app.people {
        members.insert(change.as_str(), object(those_members(tenant, those)));
    }
    for (change, turns) in &app.turns {
        let turns = turns.iter().map(|turn| {
            let [count, people] = those_members(tenant, &turn.people);
            object([("from", turn.from.as_str().into()), ("to", turn.to.as_str().into()), count, people])
        });
        members.insert(change.as_str(), turns.collect::<Value>());
    }
    if !app.unknown.is_empty() {
        members.insert("depends_on", app.unknown.iter().map(String::as_str).collect::<Value>());
    }
    out
}

fn app_read(tenant: &str, value: &Value) -> Option<AppChange> {
    let mut out = AppChange {
        app: known_read(tenant, value)?,
        people: BTreeMap::new(),
        turns: BTreeMap::new(),
        unknown: value
            .get("depends_on")
            .map_or(Some(Vec::new()), |list| each(list, |why| why.as_str().map(str::to_owned)))?,
    };
    for (change, found) in
        Change::ALL.into_iter().filter_map(|change| Some((change, value.get(change.as_str())?)))
    {
        if change.is_turn() {
            let turns = each(found, |turn| {
                let text = |name: &str| turn.get(name)?.as_str().map(str::to_owned);
                Some(Turn { from: text("from")?, to: text("to")?, people: those_read(tenant, turn)? })
            })?;
            out.turns.insert(change, turns);
        } else {
            out.people.insert(change, those_read(tenant, found)?);
        }
    }
    Some(out)
}
