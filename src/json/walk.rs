//! Walking a document with a [`Pattern`]: find, change, take out.
//!
//! The way to the present value is a chain of borrowed steps on the stack; a [`Pointer`] is made
//! only for what matches.

use crate::json::pattern::Progress;
use crate::json::pointer::index_of;
use crate::json::{Pattern, Pointer, Value};

/// One step down: into a member or an element.
#[derive(Clone, Copy)]
pub(super) enum Token<'a> {
    /// A member's name, or a segment of a pointer, which may be an index too.
    Name(&'a str),
    /// An element's index.
    Index(usize),
}

/// The way from the root to the present value.
#[derive(Clone, Copy)]
pub(super) struct Path<'a> {
    step: Option<(&'a Path<'a>, Token<'a>)>,
}

impl<'a> Path<'a> {
    pub(super) const ROOT: Path<'static> = Path { step: None };

    pub(super) fn down<'b>(&'b self, token: Token<'b>) -> Path<'b>
    where
        'a: 'b,
    {
        Path { step: Some((self, token)) }
    }

    /// The steps, the last one first.
    pub(super) fn upwards(self) -> impl Iterator<Item = Token<'a>> {
        let mut at = self.step;
        std::iter::from_fn(move || {
            let (above, token) = at?;
            at = above.step;
            Some(token)
        })
    }

    pub(super) fn to_pointer(self) -> Pointer {
        let mut segments: Vec<String> = self
            .upwards()
            .map(|token| match token {
                Token::Name(name) => name.to_owned(),
                Token::Index(index) => index.to_string(),
            })
            .collect();
        segments.reverse();
        Pointer::from_segments(segments)
    }
}

/// Every place below the root whose value passes, in document order, outer before inner. `test` is given the way
/// to the value and the value; no pointer is made for what does not pass.
pub(super) fn places_where(document: &Value, test: &mut dyn FnMut(Path<'_>, &Value) -> bool) -> Vec<Pointer> {
    let mut found = Vec::new();
    places_below(document, Path::ROOT, test, &mut found);
    found
}

fn places_below(
    value: &Value,
    path: Path<'_>,
    test: &mut dyn FnMut(Path<'_>, &Value) -> bool,
    found: &mut Vec<Pointer>,
) {
    let mut visit = |token: Token<'_>, child: &Value| {
        let path = path.down(token);
        if test(path, child) {
            found.push(path.to_pointer());
        }
        places_below(child, path, test, found);
    };
    match value {
        Value::Object(object) => object.iter().for_each(|(name, child)| visit(Token::Name(name), child)),
        Value::Array(elements) => {
            elements.iter().enumerate().for_each(|(index, child)| visit(Token::Index(index), child));
        }
        _ => {}
    }
}

impl Pattern {
    /// Every value that the pattern covers, in document order, outer before inner, each once.
    pub fn find<'v>(&self, document: &'v Value) -> Vec<(Pointer, &'v Value)> {
        let mut found = Vec::new();
        self.find_below(self.start(), document, Path::ROOT, &mut found);
        found
    }

    fn find_below<'v>(
        &self,
        progress: Progress,
        value: &'v Value,
        path: Path<'_>,
        found: &mut Vec<(Pointer, &'v Value)>,
    ) {
        if progress.is_lost() {
            return;
        }
        if self.accepts(progress) {
            found.push((path.to_pointer(), value));
        }
        match (value, self.only_child(progress)) {
            (Value::Object(object), Some(name)) => {
                if let Some(child) = object.get(name) {
                    let token = Token::Name(name);
                    self.find_below(self.step(progress, token), child, path.down(token), found);
                }
            }
            (Value::Object(object), None) => {
                for (name, child) in object.iter() {
                    let token = Token::Name(name);
                    self.find_below(self.step(progress, token), child, path.down(token), found);
                }
            }
            (Value::Array(elements), _) => {
                for (index, child) in elements.iter().enumerate() {
                    let token = Token::Index(index);
                    self.find_below(self.step(progress, token), child, path.down(token), found);
                }
            }
            _ => {}
        }
    }

    /// Shows every covered value to `change`, in document order, outer before inner.
    ///
    /// What `change` leaves there is walked on: an inner value that it adds is shown too.
    pub fn visit_mut(&self, document: &mut Value, mut change: impl FnMut(&Pointer, &mut Value)) {
        self.visit_below(self.start(), document, Path::ROOT, &mut change);
    }

    fn visit_below(
        &self,
        progress: Progress,
        value: &mut Value,
        path: Path<'_>,
        change: &mut dyn FnMut(&Pointer, &mut Value),
    ) {
        if progress.is_lost() {
            return;
        }
        if self.accepts(progress) {
            change(&path.to_pointer(), value);
        }
        match (value, self.only_child(progress)) {
            (Value::Object(object), Some(name)) => {
                if let Some(child) = object.get_mut(name) {
                    let token = Token::Name(name);
                    self.visit_below(self.step(progress, token), child, path.down(token), change);
                }
            }
            (Value::Object(object), None) => {
                for (name, child) in object.iter_mut() {
                    let token = Token::Name(name);
                    self.visit_below(self.step(progress, token), child, path.down(token), change);
                }
            }
            (Value::Array(elements), _) => {
                for (index, child) in elements.iter_mut().enumerate() {
                    let token = Token::Index(index);
                    self.visit_below(self.step(progress, token), child, path.down(token), change);
                }
            }
            _ => {}
        }
    }

    /// Takes out every covered value, in document order, and says where it stood.
    ///
    /// Pointers count in the document as it was before. A covered value inside another goes with
    /// the outer one and is not listed. The root cannot be taken out.
    pub fn remove_all(&self, document: &mut Value) -> Vec<(Pointer, Value)> {
        let mut taken = Vec::new();
        self.remove_below(self.start(), document, Path::ROOT, &mut taken);
        taken
    }

    fn remove_below(
        &self,
        progress: Progress,
        value: &mut Value,
        path: Path<'_>,
        taken: &mut Vec<(Pointer, Value)>,
    ) {
        // True if the child stays.
        let mut treat = |token: Token<'_>, child: &mut Value| {
            let next = self.step(progress, token);
            let path = path.down(token);
            if self.accepts(next) {
                taken.push((path.to_pointer(), child.take()));
                return false;
            }
            if !next.is_lost() {
                self.remove_below(next, child, path, taken);
            }
            true
        };
        match (value, self.only_child(progress)) {
            (Value::Object(object), Some(name)) => {
                let stays = object.get_mut(name).is_none_or(|child| treat(Token::Name(name), child));
                if !stays {
                    object.remove(name);
                }
            }
            (Value::Object(object), None) => {
                object.retain(|name, child| treat(Token::Name(name), child));
            }
            (Value::Array(elements), Some(name)) => {
                let Some(index) = index_of(name).filter(|i| *i < elements.len()) else {
                    return;
                };
                if !treat(Token::Index(index), &mut elements[index]) {
                    elements.remove(index);
                }
            }
            (Value::Array(elements), None) => {
                let mut index = 0;
                elements.retain_mut(|child| {
                    let stays = treat(Token::Index(index), child);
                    index += 1;
                    stays
                });
            }
            _ => {}
        }
    }
}
