//! What happens on ordinary days: a few changes in a working hour, drawn from the seed, by ordinary
//! administrators.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::base::entropy::SeededEntropy;
use crate::demo::script::{Stage, StoryError};

const WHO: [&str; 4] = ["00ines", "00omar", "00pia", "00nora"];
const TITLES: [&str; 6] = ["Lead", "Analyst", "Engineer", "Manager", "Specialist", "Associate"];

/// The drawer of ordinary days.
pub(super) struct Days {
    dice: SeededEntropy,
    users: Vec<String>,
    groups: Vec<String>,
    /// Who was put into which group in these days.
    joined: Vec<(String, String)>,
    hired: usize,
}

impl Days {
    pub(super) fn new(stage: &Stage, seed: u64, at: Timestamp) -> Result<Self, StoryError> {
        let ids = |list: &str, of: usize| -> Result<Vec<String>, StoryError> {
            (0..of).map(|place| stage.send("00ines", at, list, "", &format!("/{place}/id"))).collect()
        };
        let users = ids("GET /api/v1/users?limit=200", 40)?;
        let groups = ids("GET /api/v1/groups?limit=200", 12)?;
        let there = |ids: Vec<String>| ids.into_iter().filter(|id| !id.is_empty()).collect();
        Ok(Self {
            dice: SeededEntropy::new(seed),
            users: there(users),
            groups: there(groups),
            joined: Vec::new(),
            hired: 0,
        })
    }

    fn one<'a>(&self, of: &'a [String]) -> &'a str {
        of.get(self.dice.below(of.len())).map_or("", String::as_str)
    }

    /// What happens in the hour from here on.
    pub(super) fn hour(&mut self, stage: &Stage, from: Timestamp) -> Result<(), StoryError> {
        let local = from.to_zoned(TimeZone::UTC);
        let working = local.weekday().to_monday_one_offset() <= 5 && (7..18).contains(&local.hour());
        let count = if working { self.dice.below(4) } else { usize::from(self.dice.below(12) == 0) };
        for _ in 0..count {
            let at =
                from + SignedDuration::from_secs(i64::try_from(60 + self.dice.below(3_400)).unwrap_or(60));
            self.deed(stage, at)?;
        }
        Ok(())
    }

    fn deed(&mut self, stage: &Stage, at: Timestamp) -> Result<(), StoryError> {
        let who = WHO.get(self.dice.below(WHO.len())).copied().unwrap_or_default();
        let (user, group) = (self.one(&self.users).to_owned(), self.one(&self.groups).to_owned());
        match self.dice.below(8) {
            0 => {
                self.hired += 1;
                let login = format!("new{}@halden.example", self.hired);
                let body = format!(
                    r#"{{"profile":{{"firstName":"New","lastName":"Hire {}","login":"{login}","email":"{login}"}}}}"#,
                    self.hired
                );
                let id = stage.send(who, at, "POST /api/v1/users?activate=true", &body, "/id")?;
                self.users.push(id);
            }
            1 | 2 => {
                stage.send(who, at, &format!("PUT /api/v1/groups/{group}/users/{user}"), "", "")?;
                self.joined.push((group, user));
            }
            3 if !self.joined.is_empty() => {
                let (group, user) = self.joined.swap_remove(self.dice.below(self.joined.len()));
                self.joined.retain(|pair| *pair != (group.clone(), user.clone()));
                stage.send(who, at, &format!("DELETE /api/v1/groups/{group}/users/{user}"), "", "")?;
            }
            _ => {
                let title = TITLES.get(self.dice.below(TITLES.len())).copied().unwrap_or_default();
                let body = format!(r#"{{"profile":{{"title":"{title} {}"}}}}"#, self.dice.below(4) + 1);
                stage.send(who, at, &format!("POST /api/v1/users/{user}"), &body, "")?;
            }
        }
        Ok(())
    }
}
