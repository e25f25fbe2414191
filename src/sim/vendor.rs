//! A vendor that can be simulated: its catalogue, its forms and its calculations.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::base::key::Kind;
use crate::catalog::{Provider, provider};
use crate::json::Value;
use crate::sim::entra;
use crate::sim::form::{Form, Forms};
use crate::sim::handle::{Ask, Work};
use crate::sim::okta;
use crate::sim::routes::Routes;
use crate::sim::sample::{Sample, Step};
use crate::sim::ways::Ways;
use crate::sim::wire::{Refusal, Response};
use crate::sim::world::World;

/// A calculation on a body: the world, the request, the work at hand.
pub type BodyHook = fn(&mut World, &Ask, &mut Work) -> Result<(), Refusal>;

/// A calculation that makes a whole answer.
pub type CallHook = fn(&mut World, &Ask) -> Result<Response, Refusal>;

/// A vendor that can be simulated.
pub struct Vendor {
    /// The catalogue.
    pub provider: &'static Provider,
    /// What it does its own way.
    pub ways: &'static Ways,
    /// Calls.
    pub routes: Routes,
    /// Calls outside the catalogue, as the forms say.
    pub forms: Forms,
    /// Steps that make one of each kind.
    pub sample: Vec<Step>,
    body_hooks: BodyHooks,
    call_hooks: CallHooks,
    numbers: HashMap<Kind, usize>,
    by_kind: HashMap<usize, usize>,
}

/// Names and texts of data files.
type Files = &'static [(&'static str, &'static str)];

/// Calculations by name.
type BodyHooks = &'static [(&'static str, BodyHook)];
type CallHooks = &'static [(&'static str, CallHook)];

static ENTRA: LazyLock<Result<Vendor, String>> =
    LazyLock::new(|| Vendor::entra(provider("entra").map_err(|error| error.to_string())?));

static OKTA: LazyLock<Result<Vendor, String>> =
    LazyLock::new(|| Vendor::okta(provider("okta").map_err(|error| error.to_string())?));

/// The vendors that can be simulated.
pub const VENDORS: [&str; 2] = ["okta", "entra"];

/// The vendor of this name.
///
/// # Errors
/// Says which ones there are; a test proves that each can be read.
pub fn vendor(name: &str) -> Result<&'static Vendor, String> {
    match name {
        "okta" => OKTA.as_ref().map_err(Clone::clone),
        "entra" => ENTRA.as_ref().map_err(Clone::clone),
        _ => Err(format!("no simulator for `{name}`; there is one for: {}", VENDORS.join(", "))),
    }
}

impl Vendor {
    /// Okta as a catalogue describes it, the embedded one or another.
    ///
    /// # Errors
    /// The forms and the catalogue do not fit each other.
    pub fn okta(catalog: &'static Provider) -> Result<Self, String> {
        let hooks = (okta::BODY_HOOKS, okta::CALL_HOOKS);
        Self::new(catalog, &okta::ways::WAYS, (okta::FORMS, okta::SAMPLE), hooks)
    }

    /// Entra ID as a catalogue describes it, the embedded one or another.
    ///
    /// # Errors
    /// The forms and the catalogue do not fit each other.
    pub fn entra(catalog: &'static Provider) -> Result<Self, String> {
        let hooks = (entra::BODY_HOOKS, entra::CALL_HOOKS);
        Self::new(catalog, &entra::WAYS, (entra::FORMS, entra::SAMPLE), hooks)
    }

    fn new(
        provider: &'static Provider,
        ways: &'static Ways,
        (files, steps): (Files, Files),
        (body_hooks, call_hooks): (BodyHooks, CallHooks),
    ) -> Result<Self, String> {
        let mut forms = Forms::default();
        for (file, text) in files {
            let read: Forms = toml::from_str(text).map_err(|error| format!("{file}: {error}"))?;
            forms.kinds.extend(read.kinds);
            forms.routes.extend(read.routes);
            forms.events.extend(read.events);
        }
        let mut sample = Vec::new();
        for (file, text) in steps {
            let read: Sample = toml::from_str(text).map_err(|error| format!("{file}: {error}"))?;
            sample.extend(read.steps);
        }
        let numbers: HashMap<Kind, usize> =
            provider.kinds.iter().zip(0..).map(|(spec, number)| (spec.kind.clone(), number)).collect();
        let mut by_kind = HashMap::new();
        for (form, place) in forms.kinds.iter().zip(0..) {
            let number = numbers.get(&form.kind).ok_or(format!("no kind is called `{}`", form.kind))?;
            if by_kind.insert(*number, place).is_some() {
                return Err(format!("`{}` has two forms", form.kind));
            }
        }
        let routes = Routes::new(provider, &forms);
        let vendor = Self { provider, ways, routes, forms, sample, body_hooks, call_hooks, numbers, by_kind };
        vendor.check()?;
        Ok(vendor)
    }

    /// Every hook that a form names must be there.
    fn check(&self) -> Result<(), String> {
        for form in &self.forms.kinds {
            let missing = form.hook.values().flatten().find(|name| self.body_hook(name).is_none());
            if let Some(name) = missing {
                return Err(format!("`{}` names the calculation `{name}`, which is not there", form.kind));
            }
        }
        for route in &self.forms.routes {
            let missing = route.hook.iter().find(|name| self.call_hook(name).is_none());
            if let Some(name) = missing {
                return Err(format!("`{}` names the calculation `{name}`, which is not there", route.call));
            }
        }
        Ok(())
    }

    /// A kind's place in the catalogue.
    #[must_use]
    pub fn kind(&self, name: &Kind) -> Option<usize> {
        self.numbers.get(name).copied()
    }

    /// The form of a kind, where it has one.
    #[must_use]
    pub fn form(&self, kind: usize) -> Option<&Form> {
        self.by_kind.get(&kind).map(|place| &self.forms.kinds[*place])
    }

    /// The calculation on a body of this name.
    #[must_use]
    pub fn body_hook(&self, name: &str) -> Option<BodyHook> {
        self.body_hooks.iter().find(|(known, _)| *known == name).map(|(_, hook)| *hook)
    }

    /// The calculation of a whole answer of this name.
    #[must_use]
    pub fn call_hook(&self, name: &str) -> Option<CallHook> {
        self.call_hooks.iter().find(|(known, _)| *known == name).map(|(_, hook)| *hook)
    }

    /// What the vendor calls a kind in an error.
    #[must_use]
    pub fn title(&self, kind: usize) -> String {
        let title = self.form(kind).map(|form| form.title.as_str()).filter(|title| !title.is_empty());
        match title {
            Some(title) => title.to_owned(),
            None => camel(self.provider.kinds[kind].kind.as_str()),
        }
    }
}

/// `log_stream` → `LogStream`.
fn camel(name: &str) -> String {
    let capital = |word: &str| match word.split_at_checked(1) {
        Some((first, rest)) => first.to_uppercase() + rest,
        None => String::new(),
    };
    name.split('_').map(capital).collect()
}

/// An object without members.
#[must_use]
pub fn empty_object() -> Value {
    crate::json::Object::new().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_vendor_can_be_read() {
        for name in VENDORS {
            if let Err(error) = vendor(name) {
                panic!("{error}");
            }
        }
        assert!(vendor("nobody").is_err());
    }
}
