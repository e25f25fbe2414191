//! Files that a vendor's console exports, where no API gives what they hold: what they look like, and
//! which resources they are. Pure: whoever reads the file hands over what he parsed.
//!
//! It must never take a file for more than it says: what lies in no folder that the file names is not
//! in question, whatever the file lacks. Read `export::files` for the reading.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Deserialize;

use crate::base::key::{Kind, ResourceKey};
use crate::catalog::condition::Condition;
use crate::catalog::spec::{KindSpec, Provider};
use crate::json::{Pattern, Pointer, Value};

/// The form of the files.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct Files {
    /// What one is, for people: `an export of …`.
    pub what: String,
    /// The endings of their names.
    pub endings: Vec<String>,
    /// What each holds; a document without it is something else.
    pub must: Vec<Condition>,
    /// Where the form's version stands.
    pub version: Pointer,
    /// Versions that were seen; another one is read and said.
    pub versions: Vec<String>,
    /// When it was made.
    pub made: Pointer,
    /// The member that holds the resources, by section.
    pub sections: Pointer,
    /// Sections that hold no resources.
    #[serde(default)]
    pub beside: Vec<String>,
    /// Where the file says what sort of file it is.
    pub sort: Pointer,
    /// Sorts that hold everything that lies in the folders that they name.
    pub whole: Vec<String>,
}

/// Where a file holds the resources of a kind.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct InFile {
    /// In the document.
    pub at: Pattern,
    /// In the body: which folder it lies in. Of a path of ids the last one counts.
    pub within: Option<Pointer>,
}

/// What a file holds.
#[derive(Clone, Debug)]
pub struct Exported {
    /// Where it was read.
    pub name: String,
    /// When it was made, where it says so.
    pub made: Option<Timestamp>,
    /// The resources.
    pub rows: Vec<(ResourceKey, Value)>,
    /// Ids of folders of which it holds everything of these kinds.
    pub folders: BTreeSet<String>,
    /// See `folders`.
    pub kinds: BTreeSet<Kind>,
    /// What the catalogue does not know.
    pub unknown: Vec<String>,
}

impl InFile {
    /// The folder that a body lies in; `None` where it does not say.
    #[must_use]
    pub fn folder<'b>(&self, body: &'b Value) -> Option<&'b str> {
        let text = self.within.as_ref()?.get(body)?.as_str()?;
        text.rsplit('.').next().filter(|id| !id.is_empty())
    }

    /// The section that the pattern goes over.
    fn section(&self) -> Option<Pointer> {
        Pattern::parse(self.at.to_string().strip_suffix("/*")?).ok()?.as_pointer()
    }
}

/// Where one kind stands in the files of a provider.
#[must_use]
pub fn in_file(catalog: &Provider) -> Vec<(&KindSpec, &InFile)> {
    catalog.kinds.iter().filter_map(|spec| Some((spec, spec.file.as_ref()?))).collect()
}

impl Files {
    /// Takes the resources out of a document.
    ///
    /// # Errors
    /// In words, where it is no such file, or is damaged.
    pub fn take(&self, catalog: &Provider, name: &str, document: &Value) -> Result<Exported, String> {
        if let Some(missing) = self.must.iter().find(|condition| !condition.holds(document)) {
            return Err(format!("it is not {}: `{}` is not as it must be", self.what, missing.at));
        }
        let text = |at: &Pointer| at.get(document).and_then(Value::as_str);
        let mut out = Exported {
            name: name.to_owned(),
            made: text(&self.made).and_then(|made| made.parse().ok()),
            rows: Vec::new(),
            folders: BTreeSet::new(),
            kinds: BTreeSet::new(),
            unknown: self.news(catalog, document),
        };
        let whole = text(&self.sort).is_some_and(|sort| self.whole.iter().any(|known| known == sort));
        for (spec, place) in in_file(catalog) {
            let section = place.section().and_then(|at| at.get(document));
            if section.is_some_and(|section| section.as_object().is_none() && section.as_array().is_none()) {
                return Err(format!("`{}` is not a list of resources", place.at));
            }
            if whole && section.is_some() && place.within.is_some() {
                out.kinds.insert(spec.kind.clone());
            }
            for (at, row) in place.at.find(document) {
                let id = spec.id.as_ref().and_then(|id| id.get(row)).and_then(Value::as_str);
                let id = id.filter(|id| !id.is_empty() && id.len() <= ID_BYTES_MAX);
                let id = id.ok_or_else(|| format!("what stands at `{at}` has no id"))?;
                let key = ResourceKey::new(&spec.kind, vec![id.to_owned()]);
                if place
                    .section()
                    .is_some_and(|at| at.get(document).is_some_and(|all| all.as_object().is_some()))
                    && at.segments().last() != Some(id)
                {
                    return Err(format!("what stands at `{at}` says that it is another"));
                }
                out.rows.push((key, row.clone()));
            }
        }
        if whole {
            out.folders = folders(catalog, &out.rows);
            // Whether a subfolder went into the file nobody can say.
            out.kinds.retain(|kind| !is_folder(catalog, kind));
        }
        Ok(out)
    }

    /// A version or a section that no known file has.
    fn news(&self, catalog: &Provider, document: &Value) -> Vec<String> {
        let mut news = Vec::new();
        let version = self.version.get(document).and_then(Value::as_str).unwrap_or_default();
        if !self.versions.iter().any(|known| known == version) {
            news.push(format!("file: version `{}`", shortened(version)));
        }
        let sections = self.sections.get(document).and_then(Value::as_object);
        for (section, _) in sections.into_iter().flat_map(|sections| sections.iter()) {
            let mut at = self.sections.clone();
            at.push(section);
            let known = in_file(catalog).iter().any(|(_, place)| place.section() == Some(at.clone()));
            if !known && !self.beside.iter().any(|beside| beside == section) {
                news.push(format!("file: section `{}`", shortened(section)));
            }
        }
        news
    }
}

/// Longest id that is taken for one.
const ID_BYTES_MAX: usize = 200;

fn shortened(text: &str) -> String {
    text.chars().take(60).collect()
}

/// Whether resources of this kind are the folders that others lie in.
fn is_folder(catalog: &Provider, kind: &Kind) -> bool {
    let within = |spec: &KindSpec| spec.file.as_ref().and_then(|place| place.within.clone());
    catalog.kinds.iter().filter(|spec| spec.kind != *kind).any(|spec| {
        let at = within(spec);
        spec.refs.iter().any(|link| link.to.contains(kind) && at.is_some() && link.at.as_pointer() == at)
    })
}

fn folders(catalog: &Provider, rows: &[(ResourceKey, Value)]) -> BTreeSet<String> {
    rows.iter().filter(|(key, _)| is_folder(catalog, &key.kind)).map(|(key, _)| key.id().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Limits, parse};

    fn taken(text: &str) -> Result<Exported, String> {
        let catalog = crate::catalog::provider("okta").unwrap();
        let document = parse(text.as_bytes(), &Limits::default()).unwrap();
        catalog.files.as_ref().unwrap().take(catalog, "a.folder", &document)
    }

    fn file(sort: &str, version: &str, data: &str) -> String {
        format!(
            r#"{{"type":"{sort}","version":"{version}","created":"2026-06-01T10:00:00.000Z","data":{{{data}}}}}"#
        )
    }

    #[test]
    fn a_file_is_whole_for_what_lies_in_its_folders() {
        let data = r#""flos":{"f1":{"id":"f1","name":"One","data":{"group":"g1"}}},"groups":{"g1":{"id":"g1","data":{"path":"g0"}}}"#;
        let folder = taken(&file("folder", "1.5.0", data)).unwrap();
        assert_eq!(folder.rows.len(), 2);
        assert_eq!(folder.folders, ["g1".to_owned()].into());
        assert_eq!(folder.kinds, [Kind::new("workflow_flow")].into(), "the file has no section of tables");
        assert_eq!(folder.made.unwrap().to_string(), "2026-06-01T10:00:00Z");
        assert!(folder.unknown.is_empty());
        let flow = taken(&file("flow", "1.5.0", data)).unwrap();
        assert!(flow.folders.is_empty() && flow.kinds.is_empty(), "one flow says nothing of others");
    }

    #[test]
    fn what_is_no_such_file_is_refused() {
        for (text, why) in [
            (r#"{"kind":"x"}"#.to_owned(), "`/type`"),
            (r#"[1]"#.to_owned(), "`/type`"),
            (file("flow", "2.0.0", r#""flos":{}"#), "`/version`"),
            (file("flow", "1.5.0", ""), "`/data/flos`"),
            (file("flow", "1.5.0", r#""flos":"x""#), "not a list"),
            (file("flow", "1.5.0", r#""flos":{"a":{"name":"x"}}"#), "no id"),
            (file("flow", "1.5.0", r#""flos":{"a":{"id":""}}"#), "no id"),
            (file("flow", "1.5.0", r#""flos":{"a":{"id":"b"}}"#), "another"),
        ] {
            let refused = taken(&text).unwrap_err();
            assert!(refused.contains(why), "{text}: {refused}");
        }
    }

    #[test]
    fn what_is_new_is_said() {
        let new = taken(&file("flow", "1.9.0", r#""flos":{},"dreams":{},"projectOverview":{}"#)).unwrap();
        assert_eq!(new.unknown, ["file: version `1.9.0`", "file: section `dreams`"]);
    }
}
