//! What is written down of the story, and how it is played: one call after the other, each by somebody.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use serde::Deserialize;

use crate::demo::clock::StoryClock;
use crate::sim::{Person, Request, World, handle};

/// The token under which the attacker acts.
const THIEF: &str = "00thief";
/// From which address he comes.
pub const THIEF_ADDRESS: &str = "203.0.113.66";
/// In whose name he does.
const STOLEN_FROM: &str = "nora";

/// Why the story could not be told.
#[derive(Debug, thiserror::Error)]
pub enum StoryError {
    /// The simulated organisation refused a call of the story.
    #[error("the simulated organisation refused `{call}` ({status}): {said}")]
    Refused {
        /// Method and path.
        call: String,
        /// The HTTP status.
        status: u16,
        /// What it said.
        said: String,
    },
    /// The story's text is not what the program reads.
    #[error("the story cannot be read: {0}")]
    Script(String),
    /// A snapshot could not be taken.
    #[error(transparent)]
    Collect(#[from] crate::collect::CollectError),
    /// The repository could not be written.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
}

/// The whole text.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct Script {
    pub(super) person: Vec<Role>,
    pub(super) company: Vec<Deed>,
    pub(super) night: Vec<Deed>,
    pub(super) morning: Vec<Deed>,
}

/// An administrator.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct Role {
    pub(super) token: String,
    pub(super) name: String,
    pub(super) login: String,
    pub(super) address: String,
    pub(super) role: String,
}

/// One call.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct Deed {
    /// The time of the day, in UTC.
    #[serde(default)]
    pub(super) at: String,
    /// The token without the zeros before it.
    pub(super) who: String,
    /// `METHOD /path`.
    pub(super) call: String,
    #[serde(default)]
    pub(super) body: String,
    /// Names for values of the answer.
    #[serde(default)]
    pub(super) keep: BTreeMap<String, String>,
}

impl Script {
    pub(super) fn read() -> Result<Self, StoryError> {
        toml::from_str(include_str!("story.toml")).map_err(|error| StoryError::Script(error.to_string()))
    }
}

/// The stage: the organisation, its clock, and the names of what is in it.
pub(super) struct Stage {
    pub(super) world: Arc<Mutex<World>>,
    pub(super) clock: Arc<StoryClock>,
    names: BTreeMap<String, String>,
}

impl Stage {
    pub(super) fn new(world: Arc<Mutex<World>>, clock: Arc<StoryClock>) -> Self {
        Self { world, clock, names: BTreeMap::new() }
    }

    /// Lets the administrators in, each with a token, and the attacker with one of hers.
    pub(super) fn admit(&mut self, roles: &[Role], at: Timestamp) -> Result<(), StoryError> {
        for role in roles {
            let (first, last) = role.name.split_once(' ').unwrap_or((&role.name, ""));
            let body = format!(
                r#"{{"profile":{{"firstName":"{first}","lastName":"{last}","login":"{login}","email":"{login}"}},"credentials":{{"password":{{"value":"Correct-horse-9"}}}}}}"#,
                login = role.login
            );
            let id = self.send("", at, "POST /api/v1/users?activate=true", &body, "/id")?;
            let granted = format!(r#"{{"type":"{}"}}"#, role.role);
            self.send("", at, &format!("POST /api/v1/users/{id}/roles"), &granted, "")?;
            let person = |token: &str, address: &str| Person {
                id: id.clone(),
                login: role.login.clone(),
                name: role.name.clone(),
                address: address.to_owned(),
                token: format!("00T{token:0>17}"),
            };
            let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
            world.people.insert(role.token.clone(), person(&role.token, &role.address));
            if role.token == format!("00{STOLEN_FROM}") {
                world.people.insert(THIEF.to_owned(), person(THIEF, THIEF_ADDRESS));
            }
        }
        Ok(())
    }

    /// Plays one deed at its time.
    pub(super) fn play(&mut self, deed: &Deed, at: Timestamp) -> Result<(), StoryError> {
        let fill = |text: &str| {
            self.names
                .iter()
                .fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
        };
        let (call, body) = (fill(&deed.call), fill(&deed.body));
        let at_pointer = deed.keep.values().next().cloned().unwrap_or_default();
        let kept = self.send(&format!("00{}", deed.who), at, &call, &body, &at_pointer)?;
        if let Some(name) = deed.keep.keys().next() {
            self.names.insert(name.clone(), kept);
        }
        Ok(())
    }

    /// Sends one call, and gives what stands at a place of the answer.
    pub(super) fn send(
        &self,
        token: &str,
        at: Timestamp,
        call: &str,
        body: &str,
        wanted: &str,
    ) -> Result<String, StoryError> {
        self.clock.set(at);
        let (method, target) = call.split_once(' ').unwrap_or((call, ""));
        let request = Request::written(method, target, token, body).map_err(StoryError::Script)?;
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        world.now = at;
        let answer = handle(&mut world, &request);
        if answer.status >= 300 {
            let said = answer.text("/errorSummary").unwrap_or_default();
            return Err(StoryError::Refused { call: call.to_owned(), status: answer.status, said });
        }
        Ok(answer.text(wanted).unwrap_or_default())
    }
}
