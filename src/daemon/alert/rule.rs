//! A rule: which change somebody is told of. Pure but for reading a folder of a user's own.
//!
//! A rule is data, with histories beside it on which it strikes and on which it does not; a test runs each.
//! Its expression sees `{op, kind, address, name, before, after, fields, actor, at}`: the main bodies, in
//! which secrets are markers.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::base::key::Kind;
use crate::catalog::{self, Provider};
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
    #[serde(default = "one")]
    at_least: u64,
    #[serde(default)]
    strikes: Vec<Example>,
    #[serde(default)]
    passes: Vec<Example>,
}

fn one() -> u64 {
    1
}

/// A history beside a rule: what was there, and what came of it.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// The body before, as JSON; none for an addition.
    pub before: Option<String>,
    /// The body after, as JSON; none for a removal.
    pub after: Option<String>,
    /// To how many resources that happened in one snapshot.
    #[serde(default = "one")]
    pub times: u64,
}

/// One rule.
pub struct Rule {
    /// Its name, in messages.
    pub name: String,
    /// The provider that it is for.
    pub provider: String,
    /// Of which kinds.
    pub kinds: Vec<Kind>,
    /// `add`, `change`, `remove`.
    pub ops: Vec<String>,
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
    /// The expression, ready to be asked.
    ///
    /// # Errors
    /// None: it was compiled when the rule was read.
    pub fn compiled(&self) -> Result<Expression, crate::json::expression::NotAnExpression> {
        Expression::compile(&self.when, &[])
    }

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
    /// When it was found.
    pub at: String,
}

impl Seen<'_> {
    /// As the expression is given it.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let body = |body: Option<&Value>| body.cloned().unwrap_or(Value::Null);
        Value::Object(Object::from_pairs([
            ("op", Value::from(self.op)),
            ("kind", Value::from(self.kind)),
            ("address", Value::from(self.address.as_str())),
            ("name", Value::from(self.name.clone())),
            ("before", body(self.before)),
            ("after", body(self.after)),
            ("fields", self.fields.clone()),
            ("actor", self.actor.clone()),
            ("at", Value::from(self.at.as_str())),
        ]))
        .to_canonical()
    }
}

/// All rules.
pub struct Rules {
    rules: Vec<Rule>,
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
        for path in folder.map(files).transpose()?.unwrap_or_default() {
            let fault =
                |error: std::io::Error| RuleError { file: path.clone(), line: None, what: error.to_string() };
            rules.extend(read(&path, &std::fs::read_to_string(&path).map_err(fault)?)?);
        }
        for (position, rule) in rules.iter().enumerate() {
            if rules.iter().take(position).any(|other| other.name == rule.name) {
                let what = format!("a rule `{}` is there already", rule.name);
                return Err(RuleError { file: folder.unwrap_or(Path::new("")).to_owned(), line: None, what });
            }
        }
        Ok(Self { rules })
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
    let line = |at: usize| text.get(..at).map(|before| before.matches('\n').count() + 1);
    let fault =
        |at: Option<usize>, what: String| RuleError { file: file.to_owned(), line: at.and_then(line), what };
    let form: RuleFile = toml::from_str(text)
        .map_err(|error| fault(error.span().map(|span| span.start), error.message().to_owned()))?;
    let provider = form.provider.get_ref().clone();
    let catalog = catalog::provider(&provider)
        .map_err(|error| fault(Some(form.provider.span().start), error.to_string()))?;
    let mut rules = Vec::new();
    for rule in form.rules {
        let start = rule.when.span().start;
        Expression::compile(rule.when.get_ref(), &[])
            .map_err(|error| fault(Some(start), format!("rule `{}`: {error}", rule.name)))?;
        if let Some(op) = rule.op.iter().find(|op| !["add", "change", "remove"].contains(&op.as_str())) {
            return Err(fault(Some(start), format!("rule `{}`: `{op}` is no op", rule.name)));
        }
        let kinds = rule.kind.iter().map(|kind| {
            known(catalog, kind.get_ref()).ok_or_else(|| {
                fault(
                    Some(kind.span().start),
                    format!("rule `{}`: {provider} has no kind `{}`", rule.name, kind.get_ref()),
                )
            })
        });
        rules.push(Rule {
            kinds: kinds.collect::<Result<_, _>>()?,
            name: rule.name,
            provider: provider.clone(),
            ops: rule.op,
            when: rule.when.into_inner(),
            classes: rule.class,
            severity: rule.severity,
            says: rule.says,
            at_least: rule.at_least,
            strikes: rule.strikes,
            passes: rule.passes,
        });
    }
    Ok(rules)
}

fn known(catalog: &Provider, name: &str) -> Option<Kind> {
    let kind = Kind::new(name);
    catalog.kind(&kind).map(|_| kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Limits, parse};

    fn body(text: &Option<String>) -> Option<Value> {
        text.as_ref().map(|text| parse(text.as_bytes(), &Limits::body()).unwrap())
    }

    /// Whether a rule strikes on a history; what it cannot be asked of is a fault of the rule.
    fn strikes(rule: &Rule, example: &Example) -> bool {
        let (before, after) = (body(&example.before), body(&example.after));
        let op = match (&before, &after) {
            (None, _) => "add",
            (_, None) => "remove",
            _ => "change",
        };
        let kind = rule.kinds.first().unwrap();
        if !rule.is_about(kind, op) || example.times < rule.at_least {
            return false;
        }
        let fields = before.as_ref().zip(after.as_ref()).map(|(from, to)| crate::json::diff(from, to));
        let fields = fields.unwrap_or_default().into_iter().map(|field| {
            Value::Object(Object::from_pairs([("pointer", Value::from(field.pointer.to_string()))]))
        });
        let seen = Seen {
            op,
            kind: kind.as_str(),
            address: format!("tenant/{kind}/x"),
            name: None,
            before: before.as_ref(),
            after: after.as_ref(),
            fields: fields.collect(),
            actor: Value::Null,
            at: "2026-11-02T08:20:00Z".to_owned(),
        };
        let asked = rule.compiled().unwrap().ask(&seen.to_json(), &[]);
        assert!(!asked.failed, "{} fails on {example:?}", rule.name);
        !asked.results.is_empty()
    }

    #[test]
    fn each_rule_strikes_where_it_says_and_only_there() {
        let rules = Rules::load(None).unwrap();
        for rule in rules.all() {
            assert!(!rule.strikes.is_empty() && !rule.passes.is_empty(), "{} has both histories", rule.name);
            for example in &rule.strikes {
                assert!(strikes(rule, example), "{} does not strike on {example:?}", rule.name);
            }
            for example in &rule.passes {
                assert!(!strikes(rule, example), "{} strikes on {example:?}", rule.name);
            }
        }
        assert!(rules.of("okta").count() >= 15, "{}", rules.of("okta").count());
        assert!(rules.of("keycloak").count() >= 10, "{}", rules.of("keycloak").count());
    }

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
                .contains("line 5: rule `mine`: okta has no kind `usr`")
        );
        assert!(wrong(&good.replace("says", "sais")).starts_with("mine.toml, line 10"));
        assert!(wrong(&good.replace("\"true\"", "\"env\"")).contains("not defined"));
    }
}
