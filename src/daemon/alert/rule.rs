//! A rule: which change somebody is told of. Pure but for reading a folder of a user's own.
//!
//! A rule is data, with histories beside it on which it strikes and on which it does not ([`example`] tries them).
//! Its expression sees `{op, kind, address, name, before, after, fields, actor, at, beside}`: the main bodies, in
//! which secrets are markers.
//!
//! [`example`]: crate::daemon::alert::example

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::base::key::Kind;
use crate::catalog::{self, Provider};
use crate::daemon::alert::example::Example;
use crate::daemon::alert::{Class, Severity};
use crate::json::expression::Expression;
use crate::json::{Object, Value};

/// The rules that come with the product.
const OWN: [(&str, &str); 2] = [
    ("okta.toml", include_str!("../rules/okta.toml")),
    ("keycloak.toml", include_str!("../rules/keycloak.toml")),
];

/// Why rules cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{}{}: {what}", file.display(), line.map(|line| format!(", line {line}")).unwrap_or_default())]
pub struct RuleError {
    /// In which file.
    pub file: PathBuf,
    /// In which line, where that is known.
    pub line: Option<usize>,
    /// What is wrong.
    pub what: String,
}

/// A file of rules.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    provider: toml::Spanned<String>,
    #[serde(rename = "rule", default)]
    rules: Vec<Form>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    name: String,
    kind: Vec<toml::Spanned<String>>,
    op: Vec<String>,
    when: toml::Spanned<String>,
    class: Vec<Class>,
    severity: Severity,
    says: String,
    #[serde(default)]
    beside: Vec<toml::Spanned<String>>,
    #[serde(default = "one")]
    at_least: u64,
    #[serde(default)]
    strikes: Vec<toml::Spanned<Example>>,
    #[serde(default)]
    passes: Vec<toml::Spanned<Example>>,
}

fn one() -> u64 {
    1
}

/// One rule.
pub struct Rule {
    /// The file that it stands in.
    pub file: PathBuf,
    /// Its name, in messages.
    pub name: String,
    /// The provider that it is for.
    pub provider: String,
    /// Of which kinds.
    pub kinds: Vec<Kind>,
    /// `add`, `change`, `remove`.
    pub ops: Vec<String>,
    /// It sees what there is of these kinds on the same parent, too.
    pub beside: Vec<Kind>,
    /// The expression as it was written.
    pub when: String,
    /// Of which sorts an alert is.
    pub classes: Vec<Class>,
    /// How bad.
    pub severity: Severity,
    /// A sentence for people.
    pub says: String,
    /// So many resources of one snapshot, or nobody is told.
    pub at_least: u64,
    /// Histories on which it strikes.
    pub strikes: Vec<Example>,
    /// Histories on which it does not.
    pub passes: Vec<Example>,
}

impl Rule {
    /// Whether the rule is about such a change.
    #[must_use]
    pub fn is_about(&self, kind: &Kind, op: &str) -> bool {
        self.kinds.contains(kind) && self.ops.iter().any(|known| known == op)
    }
}

/// What an expression sees of a change.
pub struct Seen<'a> {
    /// `add`, `change`, `remove`.
    pub op: &'a str,
    /// The kind.
    pub kind: &'a str,
    /// `TENANT/KIND/ID`.
    pub address: String,
    /// Its name, where it has one.
    pub name: Option<String>,
    /// The main body before.
    pub before: Option<&'a Value>,
    /// The main body after.
    pub after: Option<&'a Value>,
    /// Field by field, as in `lastgood log --json`.
    pub fields: Value,
    /// Who, as in `lastgood log --json`.
    pub actor: Value,
    /// Bodies of the kinds under [`Rule::beside`], at the snapshot.
    pub beside: Vec<(Kind, Vec<Value>)>,
    /// When it was found.
    pub at: String,
}

impl Seen<'_> {
    /// As the expression is given it.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let body = |body: Option<&Value>| body.cloned().unwrap_or(Value::Null);
        let beside = self.beside.iter().map(|(kind, all)| (kind.as_str(), Value::Array(all.clone())));
        Value::Object(Object::from_pairs([
            ("op", Value::from(self.op)),
            ("kind", Value::from(self.kind)),
            ("address", Value::from(self.address.as_str())),
            ("name", Value::from(self.name.clone())),
            ("before", body(self.before)),
            ("after", body(self.after)),
            ("fields", self.fields.clone()),
            ("actor", self.actor.clone()),
            ("beside", Value::Object(Object::from_pairs(beside))),
            ("at", Value::from(self.at.as_str())),
        ]))
        .to_canonical()
    }
}

/// All rules.
pub struct Rules {
    /// Those that come with the product come first.
    rules: Vec<Rule>,
    own: usize,
}

impl Rules {
    /// Those that come with the product, and those of a folder.
    ///
    /// # Errors
    /// A rule that is none: its file and line.
    pub fn load(folder: Option<&Path>) -> Result<Self, RuleError> {
        let mut rules = Vec::new();
        for (name, text) in OWN {
            rules.extend(read(Path::new(name), text)?);
        }
        let own = rules.len();
        for path in folder.map(files).transpose()?.unwrap_or_default() {
            let fault =
                |error: std::io::Error| RuleError { file: path.clone(), line: None, what: error.to_string() };
            rules.extend(read(&path, &std::fs::read_to_string(&path).map_err(fault)?)?);
        }
        for (position, rule) in rules.iter().enumerate() {
            if rules.iter().take(position).any(|other| other.name == rule.name) {
                let what = format!("a rule `{}` is there already", rule.name);
                return Err(RuleError { file: rule.file.clone(), line: None, what });
            }
        }
        Ok(Self { rules, own })
    }

    /// Those of a user's own.
    #[must_use]
    pub fn users(&self) -> &[Rule] {
        self.rules.get(self.own..).unwrap_or_default()
    }

    /// The rules of a provider.
    pub fn of<'a>(&'a self, provider: &'a str) -> impl Iterator<Item = &'a Rule> {
        self.rules.iter().filter(move |rule| rule.provider == provider)
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[Rule] {
        &self.rules
    }
}

/// The files of a folder, in the order of their names.
fn files(folder: &Path) -> Result<Vec<PathBuf>, RuleError> {
    let fault =
        |error: std::io::Error| RuleError { file: folder.to_owned(), line: None, what: error.to_string() };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(fault)? {
        let path = entry.map_err(fault)?.path();
        if path.extension().is_some_and(|ending| ending == "toml") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Reads the rules of one file.
///
/// # Errors
/// It is not of the form, or an expression is not jq: in which line.
pub fn read(file: &Path, text: &str) -> Result<Vec<Rule>, RuleError> {
    let source = Source { file, text };
    let form: RuleFile = toml::from_str(text)
        .map_err(|error| source.fault(error.span().map(|span| span.start), error.message().to_owned()))?;
    let at = form.provider.span().start;
    let catalog = catalog::provider(form.provider.get_ref())
        .map_err(|error| source.fault(Some(at), error.to_string()))?;
    form.rules.into_iter().map(|rule| source.rule(catalog, rule)).collect()
}

/// A file that is read.
struct Source<'a> {
    file: &'a Path,
    text: &'a str,
}

impl Source<'_> {
    fn line(&self, at: usize) -> Option<usize> {
        self.text.get(..at).map(|before| before.matches('\n').count() + 1)
    }

    fn fault(&self, at: Option<usize>, what: String) -> RuleError {
        RuleError { file: self.file.to_owned(), line: at.and_then(|at| self.line(at)), what }
    }

    fn rule(&self, catalog: &Provider, form: Form) -> Result<Rule, RuleError> {
        let start = form.when.span().start;
        let wrong = |at: usize, what: String| self.fault(Some(at), format!("rule `{}`: {what}", form.name));
        Expression::compile(form.when.get_ref(), &[]).map_err(|error| wrong(start, error.to_string()))?;
        if let Some(op) = form.op.iter().find(|op| !["add", "change", "remove"].contains(&op.as_str())) {
            return Err(wrong(start, format!("`{op}` is no op")));
        }
        if form.kind.is_empty() || form.op.is_empty() {
            return Err(wrong(
                start,
                "`kind` and `op` name what it is about; one of them is empty".to_owned(),
            ));
        }
        let known = |name: &toml::Spanned<String>| {
            let kind = Kind::new(name.get_ref());
            let no_kind = || wrong(name.span().start, catalog.no_kind(name.get_ref()));
            catalog.kind(&kind).map(|spec| (kind, &spec.parent)).ok_or_else(no_kind)
        };
        let kinds = form.kind.iter().map(known).collect::<Result<Vec<_>, _>>()?;
        let mut beside = Vec::new();
        for name in &form.beside {
            let (kind, parent) = known(name)?;
            if parent.is_empty() || kinds.iter().any(|(_, other)| *other != parent) {
                let why = format!("`beside`: `{kind}` does not hang on what it is about hangs on");
                return Err(wrong(name.span().start, why));
            }
            beside.push(kind);
        }
        let placed = |example: toml::Spanned<Example>| {
            let line = self.line(example.span().start);
            Example { line, ..example.into_inner() }
        };
        Ok(Rule {
            file: self.file.to_owned(),
            kinds: kinds.into_iter().map(|(kind, _)| kind).collect(),
            beside,
            name: form.name,
            provider: catalog.provider.to_string(),
            ops: form.op,
            when: form.when.into_inner(),
            classes: form.class,
            severity: form.severity,
            says: form.says,
            at_least: form.at_least,
            strikes: form.strikes.into_iter().map(placed).collect(),
            passes: form.passes.into_iter().map(placed).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_that_is_none_is_named_with_its_line() {
        let wrong = |text: &str| match read(Path::new("mine.toml"), text) {
            Ok(_) => "it was read".to_owned(),
            Err(error) => error.to_string(),
        };
        let good = "provider = \"okta\"\n\n[[rule]]\nname = \"mine\"\nkind = [\"user\"]\nop = [\"add\"]\nwhen = \"true\"\nclass = [\"admin_granted\"]\nseverity = \"low\"\nsays = \"x\"\n";
        assert_eq!(read(Path::new("mine.toml"), good).unwrap().len(), 1);
        assert!(
            wrong(&good.replace("\"true\"", "\"nonsense(\"")).starts_with("mine.toml, line 7: rule `mine`")
        );
        assert!(
            wrong(&good.replace("\"user\"", "\"usr\""))
                .contains("line 5: rule `mine`: `usr` is no kind of okta; near it: `user`")
        );
        assert!(wrong(&good.replace("says", "sais")).starts_with("mine.toml, line 10"));
        assert!(wrong(&good.replace("\"true\"", "\"env\"")).contains("not defined"));
        let beside = |kind: &str| good.replace("op =", &format!("beside = [\"{kind}\"]\nop ="));
        assert!(wrong(&beside("grup")).contains("line 6: rule `mine`: `grup` is no kind of okta"));
        assert!(wrong(&beside("group_membership")).contains("`beside`: `group_membership` does not hang"));
        assert!(wrong(&good.replace("[\"user\"]", "[]")).contains("one of them is empty"));
    }
}
