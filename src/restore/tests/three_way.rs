//! Undoing what one did and keeping what everybody else did, on histories drawn at random: a tenant in
//! which both happened, restored, is as a twin in which only the others ever acted.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;

use super::undoing::named;
use super::*;
use crate::base::entropy::SeededEntropy;
use crate::base::time::Clock as _;
use crate::history::{Choice, Chosen, History};
use crate::json::Object;
use crate::restore::rewind::{Rewound, rewind};
use crate::restore::{Composed, Decisions, Resolution, Stored, admit};
use crate::store::{Environment, Flags, Meta, Parts, Repository, in_memory};

const TENANT: &str = "t";

/// A tenant, its history, and its twin.
struct Story {
    memory: Memory,
    /// The same tenant without what mallory did.
    twin: Memory,
    repository: Repository,
    clock: Arc<FixedClock>,
    number: u32,
    /// Fields that hold what mallory left there.
    spoiled: BTreeSet<(String, String)>,
    /// What mallory made.
    planted: BTreeSet<String>,
    /// Somebody has built on what mallory did.
    built_on: bool,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Note,
    Attribute,
    AddUrl,
    TakeUrl,
    Make,
    Nest,
    Drop,
    Grant,
    Revoke,
}

#[derive(Clone, Copy, Debug)]
struct Draw {
    bad: bool,
    what: What,
    pick: usize,
    second: usize,
}

impl Story {
    fn new() -> Self {
        let clock = Arc::new(FixedClock::new(Timestamp::UNIX_EPOCH));
        let env = Environment { clock: clock.clone(), entropy: Arc::new(SeededEntropy::new(3)) };
        let repository = in_memory(env);
        let story = Self {
            memory: full(),
            twin: full(),
            repository,
            clock,
            number: 0,
            spoiled: BTreeSet::new(),
            planted: BTreeSet::new(),
            built_on: false,
        };
        story.snapshot("", None);
        story
    }

    /// Puts what is there into the history. One change is somebody's, and what went with it nobody's.
    fn snapshot(&self, who: &str, of: Option<&str>) {
        self.clock.set(self.clock.now() + SignedDuration::from_hours(1));
        let state = self.memory.record();
        let mut session = self.repository.session(TENANT).unwrap();
        let before: Vec<_> = session.parent_state().iter().map(|(key, _)| key).collect();
        for (key, body) in &state.bodies {
            let parts = Parts { main: body.to_canonical(), secret: None, volatile: None, raw: None };
            session.put(key, parts).unwrap();
        }
        for key in before.iter().filter(|key| !state.bodies.contains_key(key)) {
            session.gone(key).unwrap();
        }
        if let Some(path) = of {
            let event = [("event", "e"), ("id", who), ("name", who), ("confidence", "exact")];
            let event = event.map(|(name, text)| (name, Value::from(text)));
            session.explain(&key(path), &Value::from(Object::from_pairs(event)).to_canonical()).unwrap();
        }
        let (started, finished) = (self.clock.now(), self.clock.now());
        let meta = Meta {
            started,
            finished,
            ledger: state.ledger.clone(),
            identity: [1; 32],
            permission: [1; 32],
            requests: 0,
            full_sweep: true,
            flags: Flags::default(),
            rules: 1,
            notes: BTreeMap::new(),
        };
        session.commit(meta).unwrap();
    }

    fn paths(&self, kinds: &[&str]) -> Vec<String> {
        self.memory
            .keys()
            .into_iter()
            .filter(|path| kinds.iter().any(|kind| path.starts_with(&format!("{kind}/"))))
            .collect()
    }

    /// Does one thing, if there is something to do it to.
    fn act(&mut self, draw: Draw) {
        self.number += 1;
        let chosen = |paths: Vec<String>, place: usize| paths.get(place % paths.len().max(1)).cloned();
        let stamp = format!("n{}", self.number);
        let of = match draw.what {
            What::Note => chosen(self.paths(&["app", "role", "group", "idp"]), draw.pick)
                .map(|path| self.change(draw.bad, &path, "note", |body| set(body, "/note", &stamp))),
            What::Attribute => chosen(self.paths(&["app"]), draw.pick).map(|path| {
                let name = format!("k{}", draw.second % 2);
                self.change(draw.bad, &path, &name.clone(), |body| {
                    set(body, &format!("/attributes/{name}"), &stamp)
                })
            }),
            What::AddUrl | What::TakeUrl => chosen(self.paths(&["app"]), draw.pick).map(|path| {
                let url = format!("u{}", draw.second % 4);
                let add = matches!(draw.what, What::AddUrl);
                // A set: whoever adds and takes the same thing does not build on another.
                self.change(draw.bad, &path, "", |body| of_set(body, &url, add))
            }),
            What::Make => {
                let (kind, more) =
                    [("role", ""), ("group", ""), ("app", r#","urls":[],"attributes":{}"#)][draw.pick % 3];
                let path = format!("{kind}/{kind}{stamp}");
                let id = format!("{kind}{stamp}");
                Some(self.make(draw.bad, &path, &format!(r#"{{"id":"{id}","name":"{id}"{more}}}"#), &[]))
            }
            What::Nest => chosen(self.paths(&["group"]), draw.pick).map(|outer| {
                let (id, above) = (format!("group{stamp}"), outer.trim_start_matches("group/").to_owned());
                let body = format!(r#"{{"id":"{id}","name":"{id}","parentId":"{above}"}}"#);
                self.make(draw.bad, &format!("group/{id}"), &body, &[&outer])
            }),
            What::Grant => {
                let group = chosen(self.paths(&["group"]), draw.pick);
                let role = chosen(self.paths(&["role"]), draw.second);
                group.zip(role).map(|(group, role)| {
                    let id = role.trim_start_matches("role/");
                    let path = format!("grant/{}/{id}", group.trim_start_matches("group/"));
                    if self.memory.raw(&path).is_some() {
                        return path;
                    }
                    self.make(draw.bad, &path, &format!(r#"{{"id":"{id}"}}"#), &[&group, &role])
                })
            }
            What::Drop => {
                chosen(self.paths(&["app", "role", "group"]), draw.pick).map(|path| self.drop(draw.bad, path))
            }
            What::Revoke => chosen(self.paths(&["grant"]), draw.pick).map(|path| self.drop(draw.bad, path)),
        };
        let who = if draw.bad { "mallory" } else { "ann" };
        self.snapshot(who, of.as_deref());
    }

    fn change(&mut self, bad: bool, path: &str, field: &str, with: impl Fn(&mut Value)) -> String {
        let place = (path.to_owned(), field.to_owned());
        let before = self.memory.raw(path).unwrap();
        let mut body = before.clone();
        with(&mut body);
        if body == before {
            return path.to_owned();
        }
        self.memory.put(path, &body.to_line());
        if bad {
            self.spoiled.extend((!field.is_empty()).then_some(place));
            return path.to_owned();
        }
        self.built_on |= self.spoiled.contains(&place) || self.planted.contains(path);
        if let Some(mut body) = self.twin.raw(path) {
            with(&mut body);
            self.twin.put(path, &body.to_line());
        }
        path.to_owned()
    }

    fn make(&mut self, bad: bool, path: &str, body: &str, on: &[&str]) -> String {
        self.memory.put(path, body);
        if bad {
            self.planted.insert(path.to_owned());
            return path.to_owned();
        }
        self.built_on |= on.iter().any(|path| self.planted.contains(*path));
        if on.iter().all(|path| self.twin.raw(path).is_some()) {
            self.twin.put(path, body);
        }
        path.to_owned()
    }

    fn drop(&mut self, bad: bool, path: String) -> String {
        if path == "role/r2" {
            // The vendor's own.
            return path;
        }
        self.memory.drop(&path);
        if !bad {
            self.twin.drop(&path);
        }
        self.planted.retain(|planted| self.memory.raw(planted).is_some());
        path
    }

    fn history(&self) -> History<'_> {
        History { repository: &self.repository, catalog: catalog(), tenant: TENANT }
    }

    fn chosen(&self) -> Option<Chosen> {
        let choice = Choice { actors: vec!["mallory".into()], ..Choice::default() };
        self.history().chosen(&choice, &|_| true).ok()
    }

    fn rewound(&self, chosen: &Chosen, decisions: &Decisions) -> Rewound {
        rewind(catalog(), chosen, decisions, &self.repository.snapshots(TENANT).unwrap()).unwrap()
    }

    fn planned(&self, rewound: &Rewound) -> Plan {
        let newest = self.repository.snapshots(TENANT).unwrap().pop().unwrap();
        let stored = Stored::new(&self.repository, newest).unwrap();
        let goal = Composed::new(&self.repository, &stored, rewound.goals.clone()).unwrap();
        planned_by(&self.memory, &goal, &rewound.scope, Mode::ThreeWay, &Own::default())
    }
}

fn set(body: &mut Value, at: &str, to: &str) {
    crate::json::Pointer::parse(at).unwrap().set(body, to).unwrap();
}

fn of_set(body: &mut Value, url: &str, add: bool) {
    let urls = body.get_mut("urls").and_then(Value::as_array_mut).unwrap();
    urls.retain(|known| known.as_str() != Some(url));
    if add {
        urls.push(url.into());
    }
    urls.sort_by_key(Value::to_line);
}

fn draw() -> impl Strategy<Value = Draw> {
    use What::*;
    let what = proptest::sample::select(vec![
        Note, Note, Attribute, AddUrl, TakeUrl, Make, Nest, Drop, Drop, Grant, Revoke,
    ]);
    (any::<bool>(), what, 0..100_usize, 0..100_usize).prop_map(|(bad, what, pick, second)| Draw {
        bad,
        what,
        pick,
        second,
    })
}

/// Few in the suite; `PROPTEST_CASES` asks for more.
fn cases() -> u32 {
    std::env::var_os("PROPTEST_CASES").map_or(80, |_| ProptestConfig::default().cases)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_damage_is_undone_and_everything_else_stays(draws in prop::collection::vec(draw(), 1..14)) {
        let mut story = Story::new();
        draws.iter().for_each(|draw| story.act(*draw));
        let Some(chosen) = story.chosen() else { return Ok(()) };
        let rewound = story.rewound(&chosen, &Decisions::default());
        let plan = story.planned(&rewound);
        if !story.built_on {
            prop_assert_eq!(&plan.conflicts, &[]);
            let summary = applied(&story.memory, &plan, &mut Notes::default(), false).unwrap();
            prop_assert!(summary.is_good(), "{:#?}", summary.lines);
            // What cannot come back because somebody removed what it needs is named, and nothing else lacks.
            let refused: BTreeSet<_> = plan.refused.iter().map(|row| row.key.clone()).collect();
            let without = |mut state: Snapshot| {
                state.bodies.retain(|key, _| !refused.contains(key));
                state
            };
            prop_assert_eq!(named(&without(story.memory.record())), named(&without(story.twin.record())), "{:#?}", plan.refused);
        } else if !plan.conflicts.is_empty() {
            let allowed = admit(catalog(), &plan, &Own::default(), ALL, None);
            prop_assert!(matches!(allowed, Err(RestoreError::Undecided { .. })), "{:?}", allowed);
            let of = chosen.courses.iter().map(|course| (course.key.clone(), None, Resolution::Keep)).collect();
            let plan = story.planned(&story.rewound(&chosen, &Decisions { of }));
            let summary = applied(&story.memory, &plan, &mut Notes::default(), false).unwrap();
            prop_assert!(summary.is_good(), "{:#?}", summary.lines);
        }
    }
}

/// What somebody else put on a change is shown field by field, and decided by a person.
#[test]
fn a_conflict_is_shown_and_decided() {
    let mut story = Story::new();
    let by = |bad, what, pick, second| Draw { bad, what, pick, second };
    let path = story.paths(&["app"]).remove(0);
    assert_eq!(path, "app/a1");
    story.act(by(true, What::Attribute, 0, 0));
    story.act(by(false, What::Attribute, 0, 0));
    story.act(by(true, What::Make, 1, 0));
    let made = story.paths(&["group"]).into_iter().find(|path| path.contains("groupn")).unwrap();
    let place = story.paths(&["group"]).iter().position(|path| *path == made).unwrap();
    story.act(by(false, What::Nest, place, 0));
    let chosen = story.chosen().unwrap();
    let undecided = story.planned(&story.rewound(&chosen, &Decisions::default()));
    insta::assert_snapshot!(
        crate::restore::preview(&undecided).replace(&undecided.id.short().to_string(), "PLAN")
    );
    let decided = |app, group| {
        let of = vec![
            (key(&path), None, Resolution::Keep),
            (key(&path), Some(crate::json::Pointer::parse("/attributes/k0").unwrap()), app),
            (key(&made), None, group),
        ];
        story.planned(&story.rewound(&chosen, &Decisions { of }))
    };
    let kept = decided(Resolution::Keep, Resolution::Keep);
    assert_eq!((kept.steps.len(), kept.conflicts.len()), (0, 2), "{}", kept.to_json().to_pretty());
    let taken = decided(Resolution::Take, Resolution::Take);
    assert!(applied(&story.memory, &taken, &mut Notes::default(), false).unwrap().is_good());
    let attributes = story.memory.raw(&path).unwrap().get("attributes").cloned().unwrap();
    assert_eq!(attributes.to_line(), r#"{"x":"1"}"#);
    assert_eq!(story.memory.raw(&made), None, "and what hung on it went along");
}

#[test]
fn what_nobody_did_is_an_error_and_no_empty_plan() {
    let mut story = Story::new();
    story.act(Draw { bad: false, what: What::Note, pick: 0, second: 0 });
    let of = |choice: &Choice| story.history().chosen(choice, &|_| true).unwrap_err().to_string();
    let nobody = Choice { actors: vec!["mallory".into()], ..Choice::default() };
    assert_eq!(of(&nobody), "no change of that time is known to be by mallory");
    let no_id = Choice { ids: vec!["0123abcd-00000000".into()], ..Choice::default() };
    assert_eq!(of(&no_id), "no change has the id `0123abcd-00000000`");
}

/// A change is chosen by its id too, and what nobody is named for stays and is told.
#[test]
fn one_change_is_undone_by_its_id() {
    let mut story = Story::new();
    story.act(Draw { bad: true, what: What::Note, pick: 0, second: 0 });
    story.act(Draw { bad: true, what: What::Attribute, pick: 0, second: 0 });
    story.memory.put("group/g3", r#"{"id":"g3","name":"sales","note":"nobody"}"#);
    story.snapshot("", None);
    let log = story.history().log(&crate::history::log::Filter::default(), false, &|_| true).unwrap();
    let first = log.iter().rfind(|change| change.actor.is_some()).unwrap();
    let choice = Choice { ids: vec![first.id.clone()], ..Choice::default() };
    let chosen = story.history().chosen(&choice, &|_| true).unwrap();
    assert!(chosen.unexplained.is_empty(), "nobody asked for a span");
    let plan = story.planned(&story.rewound(&chosen, &Decisions::default()));
    assert!(applied(&story.memory, &plan, &mut Notes::default(), false).unwrap().is_good());
    let app = story.memory.raw("app/a1").unwrap();
    assert_eq!(
        (app.get("note"), app.get("attributes").unwrap().get("k0").and_then(Value::as_str)),
        (None, Some("n2"))
    );
    let unexplained = story.chosen().unwrap().unexplained;
    assert_eq!(unexplained.iter().map(|change| change.key.to_path()).collect::<Vec<_>>(), ["group/g3"]);
}
