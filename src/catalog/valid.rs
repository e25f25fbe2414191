//! What must hold within a catalogue: every name that is used exists, every gap has a reason.

use std::collections::BTreeSet;

use crate::base::coverage::State;
use crate::base::key::Kind;
use crate::catalog::{
    Body, ChangeStyle, KindSpec, NewId, Provider, Read, Reference, RestoreClass, Shape, Template,
};
use crate::json::Value;

/// Kind names in `params` that stand for something other than a kind: a setting, the row at hand.
const CONTEXT: [&str; 2] = ["setting", "row"];

/// Placeholders that the engine fills: the time of the last pass, the tenant's URL.
const ENGINE: [&str; 2] = ["since", "url"];

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
    let names = provider.kinds.iter().flat_map(|spec| &spec.names_tenant).chain(&provider.names_tenant);
    out.extend(names.filter_map(|text| text.fault(provider)));
    claims(provider, &mut out);
    if let Some(audit) = &provider.audit {
        for deed in audit.deeds.iter().filter(|deed| deed.why.is_some() && !deed.kinds.is_empty()) {
            out.push(format!(
                "audit: `{}` lead to a kind, and something says why not",
                deed.words.join("`, `")
            ));
        }
        let touched = audit.deeds.iter().flat_map(|deed| &deed.kinds);
        let named = audit.silent.iter().chain(&audit.told).chain(touched);
        for kind in named.chain(&audit.actor_kind).chain(&audit.client_kind) {
            if provider.kind(kind).is_none() {
                out.push(format!("audit: kind `{kind}` does not exist"));
            }
        }
    }
    out.extend(provider.access.iter().flat_map(|access| access.faults(provider)));
    out.extend(cycles(provider));
    out
}

/// Every GET path has one place: a kind reads it, a kind names it as the same data, or it is
/// excluded with a reason. Kinds may share a read, but a `same` is claimed once.
fn claims(provider: &Provider, out: &mut Vec<String>) {
    let mut excluded = BTreeSet::new();
    for group in &provider.excluded {
        if group.reason.trim().is_empty() {
            out.push(format!("excluded `{}` has no reason", group.paths.trim()));
        }
        for path in group.each() {
            if excluded.contains(&path) {
                out.push(format!("excluded `{path}` stands twice"));
            }
            excluded.insert(path);
        }
    }
    let read: BTreeSet<String> = provider.kinds.iter().flat_map(KindSpec::gets).collect();
    let mut same = BTreeSet::new();
    for spec in &provider.kinds {
        for get in spec.collected().iter().filter(|get| excluded.contains(*get)) {
            out.push(format!("{}: `{get}` is collected and excluded", spec.kind));
        }
        for get in spec.same.iter().map(Template::bare) {
            if excluded.contains(&get) || read.contains(&get) || !same.insert(get.clone()) {
                out.push(format!("{}: `{get}` is claimed as the same data and elsewhere", spec.kind));
            }
        }
    }
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
            && spec.id_of.is_empty()
            && spec.carried_by.is_none()
            && spec.unread.is_none()
        {
            self.fault("has no `id`");
        }
        if spec.shape == Shape::Singleton && (spec.id.is_some() || !spec.id_of.is_empty()) {
            self.fault("is a singleton and has an `id`");
        }
        for with in &spec.comes_with {
            self.kind_exists(&with.of, "what it comes with,");
            if self.provider.kind(&with.of).is_some_and(|of| of.name.is_empty())
                || spec.shape != Shape::Object
            {
                self.fault("`comes_with` finds an object by the name of another");
            }
        }
        if spec.gone.iter().any(|gone| gone.says.is_empty() || spec.get.is_none()) {
            self.fault("`gone` needs a `get` and words: such a status alone can mean anything");
        }
        self.templates();
    }

    fn templates(&mut self) {
        let spec = self.spec;
        for read in &spec.read {
            let paths = read.path.iter().chain(&read.below).chain(read.join.values());
            paths.for_each(|template| self.template(template));
            read.tree.iter().for_each(|tree| self.template(&tree.path));
        }
        for template in spec.get.iter().chain(spec.changes.iter().map(|changes| &changes.path)) {
            self.template(template);
        }
        for write in spec.create.iter().chain(&spec.create_elsewhere).chain(&spec.update).chain(&spec.delete)
        {
            self.template(&write.call.path);
            if (write.body == Body::Envelope) != write.envelope.is_some() {
                self.fault("`envelope` and `body = \"envelope\"` go together");
            }
            write.envelope.iter().for_each(|value| self.envelope(value));
        }
        for action in &spec.action {
            self.template(&action.call.path);
        }
    }

    /// Placeholders inside the document that a write sends.
    fn envelope(&mut self, value: &Value) {
        match value {
            Value::String(text) => {
                for name in text.split('{').skip(1).filter_map(|part| part.split('}').next()) {
                    self.placeholder(name, text);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.envelope(item)),
            Value::Object(members) => members.iter().for_each(|(_, member)| self.envelope(member)),
            _ => {}
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
        spec.appointed_by.iter().for_each(|by| self.kind_exists(&by.of, "appointed by"));
        for reference in &spec.refs {
            reference.to.iter().for_each(|kind| self.kind_exists(kind, "reference target"));
        }
        for read in &spec.read {
            read.each.iter().for_each(|kind| self.kind_exists(kind, "iterated kind"));
            read.values_of.values().for_each(|source| self.kind_exists(&source.of, "source of values"));
        }
        let pagings = spec.read.iter().map(|read| &read.paging);
        for paging in pagings.chain(spec.changes.iter().map(|changes| &changes.paging)).flatten() {
            if !self.provider.paging.contains_key(paging) {
                self.fault(format_args!("paging `{paging}` does not exist"));
            }
        }
        let restore = &spec.restore;
        for kind in
            restore.brings.iter().chain(&restore.cascades).chain(&restore.reshapes).chain(&restore.through)
        {
            self.kind_exists(kind, "named kind");
        }
    }

    fn reads(&mut self) {
        let spec = self.spec;
        let made = !spec.read.is_empty() && spec.unread.is_none();
        let ways =
            usize::from(made) + usize::from(spec.carried_by.is_some()) + usize::from(spec.unread.is_some());
        if ways != 1 {
            self.fault("needs exactly one of `read`, `carried_by` and `unread`");
        }
        if spec.bucket.as_ref().is_some_and(|bucket| !self.provider.bucket.contains_key(bucket)) {
            self.fault("its rate bucket does not exist");
        }
        for part in &spec.id_of {
            let listed = |read: &Read| read.values.contains_key(part) || read.values_of.contains_key(part);
            if !spec.read.iter().all(listed) {
                self.fault(format_args!("a read gives no values for `{part}`, which is its id"));
            }
        }
        if let Some(changes) = &spec.changes {
            let since = changes.path.placeholders().any(|name| name == "since");
            if since != (changes.style == ChangeStyle::Since)
                || changes.token.is_some() != (changes.style == ChangeStyle::Token)
            {
                self.fault("a change feed goes by `{since}` or by a token");
            }
        }
        if spec.unread.as_ref().is_some_and(|unread| unread.reason.trim().is_empty()) {
            self.fault("is not read and has no reason");
        }
        if spec.unread.as_ref().is_some_and(|unread| unread.not_yet && unread.state != State::Excluded) {
            self.fault("what is not read yet is left out, and is no gap of the vendor's");
        }
        if spec.read.first().is_some_and(Read::is_fallback) {
            self.fault("`where_refused` is for a read that comes after another");
        }
        for read in &spec.read {
            self.one_read(read);
        }
    }

    fn one_read(&mut self, read: &Read) {
        let hosts = &self.provider.hosts;
        if read
            .at
            .as_ref()
            .is_some_and(|at| !hosts.contains_key(at) || !self.provider.settings.contains_key(at))
        {
            self.fault("a read is made at a host that has no entry, or no setting, of that name");
        }
        if read.inside == read.path.is_some() {
            self.fault("a read has either a `path` or `inside`");
        }
        if read.inside && read.items.is_empty() {
            self.fault("a read inside another body names its `items`");
        }
        if !read.inside {
            self.passes(read);
        }
        if read.flip && (read.each.is_empty() || self.spec.shape != Shape::Edge) {
            self.fault("`flip` is for edges and needs `each`");
        }
        if read.detail && self.spec.get.is_none() {
            self.fault("`detail` needs `get`");
        }
        if read.tree.as_ref().is_some_and(|tree| tree.to.is_some()) && self.spec.get.is_none() {
            self.fault("a tree that names its children needs `get`");
        }
        if let Some(member) = read.pick.keys().find(|member| !read.join.contains_key(*member)) {
            self.fault(format_args!("picks from `{member}`, which is not joined"));
        }
        self.below(read);
    }

    fn below(&mut self, read: &Read) {
        let parent = self.spec.parent.first().and_then(|kind| self.provider.kind(kind));
        let alone = self.spec.parent.len() == 1 && parent.is_some_and(|parent| parent.parent.is_empty());
        let other = read.flip || read.detail || read.inside || read.tree.is_some() || !read.join.is_empty();
        if read.below.is_none() && !read.index.is_empty() {
            self.fault("an `index` needs `below`");
        }
        if read.below.is_some() && (!alone || other) {
            self.fault("`below` is for one parent that has none, and for a plain list");
        }
    }

    /// A list that no parent has a part in would be read again for each of them, all alike.
    fn passes(&mut self, read: &Read) {
        let spec = self.spec;
        let many =
            |kind: &Kind| self.provider.kind(kind).is_some_and(|parent| parent.shape != Shape::Singleton);
        if !read.each.is_empty() || read.parent_at.is_some() || !spec.parent.iter().any(many) {
            return;
        }
        let filled_by = |name| spec.params.get(name).or_else(|| self.provider.params.get(name));
        let names = read.path.iter().chain(&read.below).flat_map(Template::placeholders);
        let mut params = names.filter_map(filled_by).flatten();
        if !params.any(|param| spec.parent.contains(&param.of) || param.of.as_str() == "row") {
            self.fault("makes a pass for each parent and asks each time for the same list");
        }
    }

    fn restore(&mut self) {
        let spec = self.spec;
        let restore = &spec.restore;
        if restore.class != RestoreClass::Full && restore.reason.trim().is_empty() {
            self.fault(format_args!("is restorable `{}` without a reason", restore.class.as_str()));
        }
        let writes = spec.create.len() + spec.update.len() + spec.action.len();
        let carried = spec.carried_by.is_some() || restore.through.is_some();
        if restore.class != RestoreClass::Never && writes == 0 && !carried {
            self.fault("is restorable and has no call that writes");
        }
        if restore.keeps_id
            && spec.create.iter().any(|write| write.new_id == NewId::Answer && write.send.is_empty())
        {
            self.fault("`keeps_id` needs the id among `send`");
        }
    }

    /// Every placeholder is filled.
    fn template(&mut self, template: &Template) {
        for name in template.placeholders() {
            self.placeholder(name, template.as_str());
        }
    }

    /// By a parameter, a setting, a list of values, the id, or the engine itself.
    fn placeholder(&mut self, name: &str, text: &str) {
        let spec = self.spec;
        let listed =
            spec.read.iter().any(|read| read.values.contains_key(name) || read.values_of.contains_key(name));
        let known = ENGINE.contains(&name)
            || self.provider.settings.contains_key(name)
            || spec.id_of.iter().any(|part| part == name);
        let params = spec.params.get(name).or_else(|| self.provider.params.get(name));
        if !listed && !known && params.is_none() {
            self.fault(format_args!("nothing fills `{{{name}}}` in `{text}`"));
        }
        for param in params.into_iter().flatten() {
            if !CONTEXT.contains(&param.of.as_str()) {
                self.kind_exists(&param.of, "parameter's kind");
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
    // What the server sets, and what is never restored, needs nothing to be there first.
    let written = |reference: &&Reference| {
        !reference.second_pass
            && spec.restore.class != RestoreClass::Never
            && !spec.assigned.contains(&reference.at)
    };
    let needed = spec.refs.iter().filter(written).flat_map(|reference| &reference.to);
    // A kind may refer to itself (group in group): instances form a tree, which the plan checks.
    for next in spec.parent.iter().chain(needed).filter(|next| *next != kind) {
        descend(provider, next, path, done, out);
    }
    path.pop();
    done.insert(kind);
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = r#"
        format = 1
        provider = "p"
        title = "P"
        source = "s"
        rules = 1
        auth = { forms = ["token"] }
        identity = { path = "/t", at = "/id" }
        bucket = { all = 60 }
        params = { a = ["a:/id"] }
        excluded = [{ reason = "A log.", under = "/v1", paths = "/log\n/stats\n" }]
        [[kind]]
        kind = "a"
        what = "An a."
        id = "/id"
        bucket = "all"
        read = [{ path = "/v1/a" }]
        get = "/v1/a/{a}"
        same = ["/v1/also"]
        restore = { class = "never", reason = "R." }
        [[kind]]
        kind = "b"
        what = "A b."
        parent = ["a"]
        id_of = ["lang"]
        read = [{ path = "/v1/a/{a}/b/{lang}", values = { lang = ["en"] } }]
        restore = { class = "full" }
        create = [{ call = "POST /v1/a/{a}/b", body = "envelope", envelope = { in = "{url}/{lang}" } }]
    "#;

    fn faults_after(from: &str, to: &str) -> Vec<String> {
        assert!(SOUND.contains(from), "{from}");
        faults(&toml::from_str(&SOUND.replace(from, to)).unwrap())
    }

    #[test]
    fn a_sound_catalogue_has_no_faults() {
        assert_eq!(faults_after("format = 1", "format = 1"), Vec::<String>::new());
    }

    #[test]
    fn each_contradiction_is_one_fault() {
        let cases = [
            ("/log\\n", "/log\\n/log\\n", "stands twice"),
            ("/stats", "/a", "`/v1/a` is collected and excluded"),
            ("/v1/also", "/v1/log", "claimed as the same data"),
            ("\"/v1/also\"", "\"/v1/also\", \"/v1/also\"", "claimed as the same data"),
            ("bucket = \"all\"", "bucket = \"none\"", "rate bucket does not exist"),
            ("{url}/{lang}", "{url}/{tongue}", "nothing fills `{tongue}`"),
            ("body = \"envelope\", ", "", "go together"),
            ("id_of = [\"lang\"]", "id_of = [\"tongue\"]", "no values for `tongue`"),
            ("/v1/a/{a}/b/{lang}", "/v1/b/{lang}", "for each parent"),
            ("class = \"never\", reason = \"R.\"", "class = \"full\"", "no call that writes"),
            ("id = \"/id\"\n        bucket", "bucket", "has no `id`"),
        ];
        for (from, to, fault) in cases {
            let found = faults_after(from, to);
            assert!(found.len() == 1 && found.iter().all(|text| text.contains(fault)), "{to}: {found:?}");
        }
    }

    #[test]
    fn an_unread_kind_may_say_how_it_would_be_read() {
        let unread =
            "same = [\"/v1/also\"]\n        unread = { state = \"no_api\", reason = \"Another host.\" }";
        assert_eq!(faults_after("same = [\"/v1/also\"]", unread), Vec::<String>::new());
    }
}
