//! Which call a request is: the catalogue's paths, turned round.

use std::collections::BTreeMap;

use crate::base::key::decode_part;
use crate::catalog::{Provider, Shape, Template, Write};
use crate::sim::form::Forms;

/// What a call does to its kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Op {
    /// Gives all instances below the parents; the number is the read's.
    List(usize),
    /// Gives one.
    Get,
    /// Makes one.
    Create,
    /// Changes one.
    Update,
    /// Removes one.
    Delete,
    /// Does something else to one; the number is the action's.
    Action(usize),
    /// A call outside the catalogue; the number is the route's.
    Extra(usize),
}

/// A call that is known.
#[derive(Clone, Debug)]
pub struct Route {
    /// The kind's place in the catalogue; meaningless for [`Op::Extra`].
    pub kind: usize,
    /// What it does.
    pub op: Op,
    /// The path as the catalogue has it.
    pub path: String,
    /// The placeholders, in order.
    pub params: Vec<String>,
    /// How many of them name the parents.
    pub parents: usize,
}

/// Every call that is known, by method and number of segments.
#[derive(Debug, Default)]
pub struct Routes {
    by_shape: BTreeMap<(String, usize), Vec<Known>>,
}

/// A call's path in parts, and the call.
type Known = (Vec<Segment>, Route);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Segment {
    Word(String),
    Param(String),
}

/// A request's call and the values in its path.
#[derive(Debug)]
pub struct Match<'r> {
    /// The call.
    pub route: &'r Route,
    /// The values of its placeholders, decoded, in order.
    pub values: Vec<String>,
}

fn segments(path: &str) -> Vec<Segment> {
    let parts = path.split('/').filter(|part| !part.is_empty());
    let segment = |part: &str| match part.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        Some(name) => Segment::Param(name.into()),
        None => Segment::Word(part.into()),
    };
    parts.map(segment).collect()
}

impl Routes {
    /// The calls of a catalogue and of its forms.
    #[must_use]
    pub fn new(provider: &Provider, forms: &Forms) -> Self {
        let mut routes = Self::default();
        for (number, extra) in forms.routes.iter().enumerate() {
            if let Some((method, path)) = extra.call.split_once(' ') {
                routes.add(method, path, usize::MAX, Op::Extra(number), 0);
            }
        }
        for number in 0..provider.kinds.len() {
            routes.add_kind(provider, number);
        }
        routes
    }

    fn add_kind(&mut self, provider: &Provider, number: usize) {
        let spec = &provider.kinds[number];
        // What nobody reads so far is not answered either.
        if spec.unread.as_ref().is_some_and(|unread| unread.not_yet) {
            return;
        }
        let single = spec.shape == Shape::Singleton;
        let own = usize::from(!single);
        for (read, place) in spec.read.iter().zip(0..) {
            if let Some(below) = read.below.as_ref().map(Template::bare) {
                self.add("GET", &below, number, Op::List(place), count(&below));
            }
            let Some(path) = &read.path else { continue };
            let path = path.bare();
            let placeholders = count(&path);
            let is_one = single || spec.id.is_none() && !spec.id_of.is_empty();
            match is_one {
                true => {
                    self.add("GET", &path, number, Op::Get, placeholders - spec.id_of.len().min(placeholders))
                }
                false => self.add("GET", &path, number, Op::List(place), placeholders),
            }
        }
        for template in spec.get.iter().chain(&spec.same) {
            let path = template.bare();
            let placeholders = count(&path);
            let first = spec.read.first().and_then(|read| read.path.as_ref()).map(Template::bare);
            let lists = !single
                && !path.ends_with(['}', 'f'])
                && first.is_some_and(|first| count(&first) == placeholders);
            let op = if lists { Op::List(0) } else { Op::Get };
            self.add("GET", &path, number, op, placeholders.saturating_sub(if lists { 0 } else { own }));
        }
        let item = spec.get.as_ref().map(|template| template.bare());
        let depth = item.as_deref().map(|path| count(path).saturating_sub(own));
        let mut write = |calls: &[Write], op: Op, names_itself: bool| {
            for call in calls {
                let (method, path) = (call.call.method.as_str(), call.call.path.bare());
                let own = usize::from(!single && names_itself || call.new_id == crate::catalog::NewId::Sent);
                let placeholders = count(&path);
                let parents = placeholders.saturating_sub(own);
                let parents = if names_itself {
                    depth.map_or(parents, |depth| depth.min(placeholders))
                } else {
                    parents
                };
                self.add(method, &path, number, op, parents);
            }
        };
        // A call that makes as well as it changes is a change of what need not be there.
        write(&spec.update, Op::Update, true);
        write(&spec.create, Op::Create, false);
        write(&spec.delete, Op::Delete, true);
        for (action, place) in spec.action.iter().zip(0..) {
            let path = action.call.path.bare();
            let placeholders = count(&path);
            let parents = depth.unwrap_or(placeholders.saturating_sub(own)).min(placeholders);
            self.add(action.call.method.as_str(), &path, number, Op::Action(place), parents);
        }
    }

    fn add(&mut self, method: &str, path: &str, kind: usize, op: Op, parents: usize) {
        let segments = segments(path);
        let params = segments.iter().filter_map(|segment| match segment {
            Segment::Param(name) => Some(name.clone()),
            Segment::Word(_) => None,
        });
        let route = Route { kind, op, path: path.into(), params: params.collect(), parents };
        let shelf = self.by_shape.entry((method.into(), segments.len())).or_default();
        if !shelf.iter().any(|(known, _)| same_shape(known, &segments)) {
            shelf.push((segments, route));
            shelf.sort_by(|(a, _), (b, _)| a.cmp(b));
        }
    }

    /// The call of this method and path; literal parts win over placeholders.
    #[must_use]
    pub fn find(&self, method: &str, path: &str) -> Option<Match<'_>> {
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let shelf = self.by_shape.get(&(method.to_owned(), parts.len()))?;
        shelf.iter().find_map(|(known, route)| {
            let mut values = Vec::new();
            for (segment, part) in known.iter().zip(&parts) {
                match segment {
                    Segment::Word(word) if word == part => {}
                    Segment::Word(_) => return None,
                    Segment::Param(_) => values.push(decode_part(part).unwrap_or_else(|| (*part).to_owned())),
                }
            }
            Some(Match { route, values })
        })
    }

    /// Whether the path is known for another method.
    #[must_use]
    pub fn knows_path(&self, path: &str) -> bool {
        ["GET", "POST", "PUT", "PATCH", "DELETE"].iter().any(|method| self.find(method, path).is_some())
    }
}

fn count(path: &str) -> usize {
    path.matches('{').count()
}

fn same_shape(a: &[Segment], b: &[Segment]) -> bool {
    a.iter().zip(b).all(|pair| match pair {
        (Segment::Word(a), Segment::Word(b)) => a == b,
        (Segment::Param(_), Segment::Param(_)) => true,
        _ => false,
    })
}
