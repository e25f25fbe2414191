//! The vendor's record of who did what, read for a span of time.

use std::collections::HashSet;

use jiff::Timestamp;

use crate::base::key::{Kind, encode_part};
use crate::catalog::{Audit, Bound, EventName, Shape, TimeUnit};
use crate::http::{error::path_of, with_query};
use crate::json::{Pointer, Value};
use crate::provider::error::ProviderError;
use crate::provider::ident;
use crate::provider::live::Live;
use crate::provider::page::Pager;
use crate::provider::rows;

/// One entry of the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The vendor's id of the event.
    pub id: String,
    /// When.
    pub time: Timestamp,
    /// What was done, in the vendor's word.
    pub operation: String,
    /// What sort of thing it was done to, in the vendor's word.
    pub resource_type: Option<String>,
    /// What it was done to, in the vendor's form.
    pub resource: String,
    /// Its name, where the event has one.
    pub resource_name: Option<String>,
    /// Who: id.
    pub actor_id: Option<String>,
    /// Who: name.
    pub actor_name: Option<String>,
    /// Through which client.
    pub client: Option<String>,
    /// From which address.
    pub address: Option<String>,
    /// By which token.
    pub token: Option<String>,
    /// Addresses (`KIND/REF`, or `KIND/REF/*` for every child) that `resource` names. Empty where
    /// the catalogue does not know the form.
    pub means: Vec<String>,
    /// Kinds that it touches, where the catalogue tells by what was done.
    pub kinds: Vec<Kind>,
    /// The ids of what it touched, of whatever kinds; only beside `kinds`.
    pub ids: Vec<String>,
    /// The catalogue says what it is about, be it nothing that is kept.
    pub known: bool,
}

#[cfg(test)]
impl Event {
    /// An event of which nothing is said but its id, for tests to say more.
    pub(crate) fn bare(id: &str) -> Self {
        Self {
            id: id.into(),
            time: Timestamp::UNIX_EPOCH,
            operation: "done".into(),
            resource_type: None,
            resource: String::new(),
            resource_name: None,
            actor_id: None,
            actor_name: None,
            client: None,
            address: None,
            token: None,
            means: Vec::new(),
            kinds: Vec::new(),
            ids: Vec::new(),
            known: true,
        }
    }
}

impl Live {
    /// The events with `since` ≤ time < `until`, newest first. Those that come late are not in it:
    /// ask again with an overlap.
    ///
    /// # Errors
    /// Where the record cannot be read whole for that span. A provider without one has no events.
    pub async fn events(&self, since: Timestamp, until: Timestamp) -> Result<Vec<Event>, ProviderError> {
        let Some(audit) = &self.catalog.audit else { return Ok(Vec::new()) };
        let path = self.fill_plain(&audit.path)?;
        if audit.bound == Bound::Event {
            let reason = "the provider gives events after an event, not after a time".into();
            return Err(ProviderError::NoWay { kind: Kind::new("audit"), reason });
        }
        let target = with_query(&path, &[(&audit.since, lower_bound(audit, since))]);
        let shape = |what: String| ProviderError::Shape { path: path_of(&target), what };
        let mut pager = Pager::new(self.paging(audit.paging.as_ref()), target.clone());
        let mut seen = HashSet::new();
        let mut events = Vec::new();
        while let Some(next) = pager.target().map(str::to_owned) {
            let (value, answer) = self.json(&next, &[], &audit.scopes).await?;
            let mark = pager.pointer().and_then(|at| at.get(&value)).cloned();
            let found = rows::take(Shape::Object, &audit.items, value).map_err(&shape)?;
            // A vendor that can be polled always names a next page.
            let mut past = found.is_empty();
            let mut before = None;
            for row in &found {
                let event = read(audit, row).map_err(&shape)?;
                let rising = before.replace(event.time).is_some_and(|before| before < event.time);
                past |= event.time < since || (rising && event.time >= until);
                // New events push older ones onto the next page, where they come again.
                if event.time >= since && event.time < until && seen.insert(event.id.clone()) {
                    events.push(event);
                }
            }
            if past {
                break;
            }
            pager.turn(found.len(), mark.as_ref(), &answer, self.client.address()).map_err(&shape)?;
        }
        events.sort_by_key(|event| std::cmp::Reverse(event.time));
        Ok(events)
    }
}

/// A time as the lower bound of a request for events.
pub(crate) fn lower_bound(audit: &Audit, time: Timestamp) -> String {
    let bound = match audit.unit {
        TimeUnit::EpochMs => time.as_millisecond().to_string(),
        TimeUnit::Rfc3339 => time.to_string(),
    };
    audit.since_value.as_ref().map_or(bound.clone(), |form| form.replace("{since}", &bound))
}

pub(crate) fn read(audit: &Audit, row: &Value) -> Result<Event, String> {
    let optional = |at: &Pointer| at.get(row).and_then(ident::text);
    let needed =
        |at: &Pointer, what: &str| optional(at).ok_or_else(|| format!("an event has no {what} at `{at}`"));
    let time = needed(&audit.time, "time")?;
    let time = match audit.unit {
        TimeUnit::EpochMs => time.parse().ok().and_then(|ms| Timestamp::from_millisecond(ms).ok()),
        TimeUnit::Rfc3339 => time.parse().ok(),
    };
    let resource_type = audit.resource_type.as_ref().and_then(optional);
    let resource = optional(&audit.resource).unwrap_or_default();
    let operation = needed(&audit.operation, "operation")?;
    let means = means(&audit.names, resource_type.as_deref(), &resource);
    let touched = audit.touched_by(&operation);
    let kinds = touched.unwrap_or_default().to_vec();
    let ids = if kinds.is_empty() { Vec::new() } else { ids(audit, row) };
    Ok(Event {
        id: needed(&audit.id, "id")?,
        time: time.ok_or_else(|| format!("an event has no readable time at `{}`", audit.time))?,
        operation,
        known: touched.is_some() || !means.is_empty(),
        means,
        kinds,
        ids,
        resource_type,
        resource,
        resource_name: audit.resource_name.as_ref().and_then(optional),
        actor_id: optional(&audit.actor_id),
        actor_name: audit.actor_name.as_ref().and_then(optional),
        client: audit.client.as_ref().and_then(optional),
        address: audit.address.as_ref().and_then(optional),
        token: audit.token.as_ref().and_then(optional),
    })
}

/// The ids in an event, each once.
fn ids(audit: &Audit, row: &Value) -> Vec<String> {
    let found = audit.ids.iter().flat_map(|at| at.find(row)).filter_map(|(_, value)| ident::text(value));
    let mut ids = Vec::new();
    for id in found {
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    ids
}

/// The addresses that a text names, by the first form that it has.
fn means(names: &[EventName], resource_type: Option<&str>, resource: &str) -> Vec<String> {
    let typed = |name: &&EventName| {
        name.types.is_empty() || resource_type.is_some_and(|of| name.types.iter().any(|known| known == of))
    };
    let found = names.iter().filter(typed).find_map(|name| Some((name, parts(&name.path, resource)?)));
    let Some((name, parts)) = found else { return Vec::new() };
    name.means.iter().map(|address| fill(address, &parts)).collect()
}

/// The values of the placeholders, if the text has this form.
fn parts<'t>(form: &'t str, text: &'t str) -> Option<Vec<(&'t str, &'t str)>> {
    let (wanted, given) = (form.split('/'), text.split('/'));
    if wanted.clone().count() != given.clone().count() {
        return None;
    }
    let mut out = Vec::new();
    for (wanted, given) in wanted.zip(given) {
        match wanted.strip_prefix('{').and_then(|inner| inner.strip_suffix('}')) {
            Some(name) if !given.is_empty() => out.push((name, given)),
            None if wanted == given => {}
            _ => return None,
        }
    }
    Some(out)
}

fn fill(address: &str, parts: &[(&str, &str)]) -> String {
    let part = |part: &str| {
        let name = part.strip_prefix('{').and_then(|inner| inner.strip_suffix('}'));
        let value = name.and_then(|name| parts.iter().find(|(known, _)| *known == name));
        match value {
            Some((_, value)) => {
                let mut out = String::new();
                encode_part(value, &mut out);
                out
            }
            None => part.to_owned(),
        }
    };
    address.split('/').map(part).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_text_becomes_addresses() {
        let name = |path: &str, types: &[&str], means: &[&str]| EventName {
            path: path.into(),
            types: types.iter().map(|text| (*text).to_owned()).collect(),
            means: means.iter().map(|text| (*text).to_owned()).collect(),
        };
        let names = [
            name("users/{u}/role-mappings/realm", &["REALM_ROLE_MAPPING"], &["user_role/{u}/*"]),
            name("users/{u}", &[], &["user/{u}"]),
            name("roles/{r}", &["REALM_ROLE"], &["role/{r}"]),
        ];
        let of = |kind, text| means(&names, Some(kind), text);
        assert_eq!(of("REALM_ROLE_MAPPING", "users/1/role-mappings/realm"), ["user_role/1/*"]);
        assert_eq!(of("USER", "users/a*b"), ["user/a%2Ab"]);
        assert!(of("CLIENT_ROLE", "roles/x").is_empty());
        assert!(of("USER", "users/").is_empty());
        assert!(of("USER", "users/1/2").is_empty());
    }
}
