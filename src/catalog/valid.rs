//! What must hold within a catalogue: every name that is used exists, every gap has a reason.

use std::collections::BTreeSet;

use crate::base::key::Kind;
use crate::catalog::{KindSpec, NewId, Provider, Read, RestoreClass, Shape, Template};

/// Kind names in `params` that stand for something other than a kind: a setting, the row at hand.
const CONTEXT: [&str; 2] = ["setting", "row"];

/// Every contradiction, in words; empty for a catalogue that can be used.
#[must_use]
pub fn faults(provider: &Provider) -> Vec<String> {
    let mut out = Vec::new();
    if provider.format != 1 {
        out.push(format!("format {} is not known; this is format 1", provider.format));
    }
    let mut seen = BTreeSet::new();
    for spec in &provider.kinds {
        if !seen.insert(spec.kind.clone()) {
            out.push(format!("{}: declared twice", spec.kind));
        }
        KindCheck { provider, spec, out: &mut out }.run();
    }
    let mut paths = BTreeSet::new();
    for excluded in &provider.excluded {
        if excluded.reason.trim().is_empty() {
            out.push(format!("excluded `{}` has no reason", excluded.path));
        }
        if !paths.insert(&excluded.path) {
            out.push(format!("excluded `{}` stands twice", excluded.path));
        }
    }
    for spec in &provider.kinds {
        for get in spec.gets().iter().chain(&spec.same.iter().map(Template::bare).collect::<Vec<_>>()) {
            if paths.contains(get) {
                out.push(format!("{}: `{get}` is collected and excluded", spec.kind));
            }
        }
    }
    for kind in provider.audit.iter().flat_map(|audit| &audit.silent) {
        if provider.kind(kind).is_none() {
            out.push(format!("audit: silent kind `{kind}` does not exist"));
        }
    }
    out.extend(cycles(provider));
    out
}

struct KindCheck<'a> {
    provider: &'a Provider,
    spec: &'a KindSpec,
    out: &'a mut Vec<String>,
}

impl KindCheck<'_> {
    fn run(mut self) {
        let spec = self.spec;
        self.names_exist();
        self.reads();
        self.restore();
        if spec.shape != Shape::Singleton
            && spec.id.is_none()
            && spec.carried_by.is_none()
            && spec.unread.is_none()
        {
            self.fault("has no `id`");
        }
        if spec.shape == Shape::Singleton && spec.id.is_some() {
            self.fault("is a singleton and has an `id`");
        }
        for template in spec.read.iter().filter_map(|read| read.path.as_ref()).chain(&spec.get) {
            self.template(template);
        }
        for write in spec.create.iter().chain(&spec.update).chain(&spec.delete) {
            self.template(&write.call.path);
        }
    }

    fn fault(&mut self, what: impl std::fmt::Display) {
        self.out.push(format!("{}: {what}", self.spec.kind));
    }

    fn kind_exists(&mut self, kind: &Kind, role: &str) {
        if self.provider.kind(kind).is_none() {
            self.fault(format_args!("{role} `{kind}` does not exist"));
        }
    }

    fn names_exist(&mut self) {
        let spec = self.spec;
        spec.parent.iter().for_each(|kind| self.kind_exists(kind, "parent"));
        spec.carried_by.iter().for_each(|kind| self.kind_exists(kind, "carrier"));
        for reference in &spec.refs {
            reference.to.iter().for_each(|kind| self.kind_exists(kind, "reference target"));
        }
        for read in &spec.read {
            read.each.iter().for_each(|kind| self.kind_exists(kind, "iterated kind"));
            if let Some(paging) =
                read.paging.as_ref().filter(|name| !self.provider.paging.contains_key(*name))
            {
                self.fault(format_args!("paging `{paging}` does not exist"));
            }
        }
        for kind in spec.restore.brings.iter().chain(&spec.restore.cascades) {
            self.kind_exists(kind, "named kind");
        }
    }

    fn reads(&mut self) {
        let spec = self.spec;
        let ways = usize::from(!spec.read.is_empty())
            + usize::from(spec.carried_by.is_some())
            + usize::from(spec.unread.is_some());
        if ways != 1 {
            self.fault("needs exactly one of `read`, `carried_by` and `unread`");
        }
        if spec.unread.as_ref().is_some_and(|unread| unread.reason.trim().is_empty()) {
            self.fault("is not read and has no reason");
        }
        for read in &spec.read {
            self.one_read(read);
        }
    }

    fn one_read(&mut self, read: &Read) {
        if read.inside == read.path.is_some() {
            self.fault("a read has either a `path` or `inside`");
        }
        if read.inside && read.items.is_empty() {
            self.fault("a read inside another body names its `items`");
        }
        if read.flip && (read.each.is_empty() || self.spec.shape != Shape::Edge) {
            self.fault("`flip` is for edges and needs `each`");
        }
        if read.detail && self.spec.get.is_none() {
            self.fault("`detail` needs `get`");
        }
    }

    fn restore(&mut self) {
        let spec = self.spec;
        let restore = &spec.restore;
        if restore.class != RestoreClass::Full && restore.reason.trim().is_empty() {
            self.fault(format_args!("is restorable `{}` without a reason", restore.class.as_str()));
        }
        let writes = spec.create.len() + spec.update.len();
        if restore.class != RestoreClass::Never && writes == 0 && spec.carried_by.is_none() {
            self.fault("is restorable and has no call that writes");
        }
        if restore.keeps_id
            && spec.create.iter().any(|write| write.new_id == NewId::Answer && write.send.is_empty())
        {
            self.fault("`keeps_id` needs the id among `send`");
        }
    }

    /// Every placeholder is filled by a parameter, a setting or a fixed list.
    fn template(&mut self, template: &Template) {
        let spec = self.spec;
        for name in template.placeholders() {
            let listed = spec.read.iter().any(|read| read.values.contains_key(name));
            let setting = self.provider.settings.contains_key(name);
            let params = spec.params.get(name).or_else(|| self.provider.params.get(name));
            if !listed && !setting && params.is_none() {
                self.fault(format_args!("nothing fills `{{{name}}}` in `{}`", template.as_str()));
            }
            for param in params.into_iter().flatten() {
                if !CONTEXT.contains(&param.of.as_str()) {
                    self.kind_exists(&param.of, "parameter's kind");
                }
            }
        }
    }
}

/// Cycles among the references that a create needs: each must be cut by a `second_pass`.
fn cycles(provider: &Provider) -> Vec<String> {
    let mut done = BTreeSet::new();
    let mut out = Vec::new();
    for spec in &provider.kinds {
        descend(provider, &spec.kind, &mut Vec::new(), &mut done, &mut out);
    }
    out
}

/// Depth first; `done` holds kinds whose whole descent has been seen, so each is walked once.
fn descend<'a>(
    provider: &'a Provider,
    kind: &'a Kind,
    path: &mut Vec<&'a Kind>,
    done: &mut BTreeSet<&'a Kind>,
    out: &mut Vec<String>,
) {
    if let Some(start) = path.iter().position(|seen| *seen == kind) {
        let names: Vec<_> = path.iter().skip(start).map(|kind| kind.as_str()).collect();
        out.push(format!("cycle of references without `second_pass`: {}", names.join(" → ")));
        return;
    }
    let Some(spec) = provider.kind(kind).filter(|_| !done.contains(kind)) else { return };
    path.push(kind);
    let needed =
        spec.refs.iter().filter(|reference| !reference.second_pass).flat_map(|reference| &reference.to);
    // A kind may refer to itself (group in group): instances form a tree, which the plan checks.
    for next in spec.parent.iter().chain(needed).filter(|next| *next != kind) {
        descend(provider, next, path, done, out);
    }
    path.pop();
    done.insert(kind);
}
