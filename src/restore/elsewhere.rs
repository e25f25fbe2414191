//! Into another tenant: everything is looked up by its name, because an id means nothing there.
//!
//! A part of [`reach`](crate::restore::reach). What the calls are then says the catalogue as it is
//! [`elsewhere`](crate::catalog::Provider::elsewhere).

use crate::base::key::ResourceKey;
use crate::catalog::KindSpec;
use crate::json::Value;
use crate::restore::RestoreError;
use crate::restore::reach::{Look, Reach};
use crate::restore::sides::{Sight, natural_name};

impl<'a> Reach<'a> {
    /// Where a recorded resource is in the other tenant. `at` is below its parent there, with the recorded id.
    pub(crate) fn look_by_name(
        &mut self,
        key: &ResourceKey,
        at: ResourceKey,
    ) -> Result<Look<'a>, RestoreError> {
        let Some(goal) = self.atlas.body(key)? else { return Ok(Look::Absent(at)) };
        let spec = self.atlas.spec(&key.kind)?;
        let found = match self.appointed(spec, key)? {
            Some(by) => self.appointed_there(spec, key, &by)?,
            None => self.counterpart(spec, key, &goal, at.above())?,
        };
        Ok(match found {
            None => Look::Absent(at),
            Some(None) => Look::Unread,
            Some(Some(there)) => {
                self.moved.insert(key.clone(), there.clone());
                self.seen.body(&there).map_or(Look::Unread, |body| Look::Here(there.clone(), body))
            }
        })
    }

    /// What appoints this resource in the recorded state.
    pub(crate) fn appointed(
        &self,
        spec: &KindSpec,
        key: &ResourceKey,
    ) -> Result<Option<ResourceKey>, RestoreError> {
        let Some(by) = &spec.appointed_by else { return Ok(None) };
        let all = self.atlas.all(&by.of)?;
        let appoints = all.iter().find(|(_, body)| by.text(body) == Some(key.id()));
        Ok(appoints.map(|(key, _)| key.clone()))
    }

    /// The resource that is appointed in the same place in the other tenant. `None`: none is; `Some(None)`: not
    /// known yet.
    #[allow(clippy::option_option)]
    fn appointed_there(
        &mut self,
        spec: &KindSpec,
        key: &ResourceKey,
        by: &ResourceKey,
    ) -> Result<Option<Option<ResourceKey>>, RestoreError> {
        let at = spec.appointed_by.as_ref();
        let id = match self.look(by)? {
            Look::Here(_, body) => at.and_then(|at| at.text(body)),
            Look::Unread => return Ok(Some(None)),
            Look::Absent(_) => None,
        };
        let Some(id) = id else { return Ok(None) };
        let there = ResourceKey::new(&key.kind, vec![id.to_owned()]);
        Ok(match self.seen.sight(self.catalog(), &there) {
            Sight::Here(_) => Some(Some(there)),
            Sight::Absent => None,
            Sight::Unread => {
                self.wants.keys.insert(there);
                Some(None)
            }
        })
    }
}

/// Why a resource cannot be told from others there.
pub(crate) fn nameless(spec: &KindSpec, goal: &Value) -> Option<&'static str> {
    (!spec.is_known_by_name() && natural_name(spec, goal).is_none())
        .then_some("it has no name, so nobody can say whether the other tenant has it already")
}
