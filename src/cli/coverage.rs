//! What a snapshot did not read, for people: kinds of one state and one reason are one entry, gaps
//! first. Programs get a row for each kind (`snapshot --json`).

use std::collections::BTreeMap;

use crate::base::coverage::{Exception, Ledger, Row, State};
use crate::base::key::Kind;
use crate::cli::output::plain;

/// Exceptions that are shown of one kind; the others are counted.
const EXCEPTIONS_MAX: usize = 5;
/// Kinds that are named of those that are left out for one reason and miss nothing; the others are counted.
const NAMES_MAX: usize = 24;
/// Columns after which the names of kinds go on in the next line.
const WIDTH: usize = 96;

/// A line, and whether it warns.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// Something should have been read and was not.
    pub warns: bool,
    /// The text, without a word before it.
    pub text: String,
}

/// What is said once: whether it is no gap, the state, the reason.
type Group<'l> = (bool, &'static str, &'l str);

/// What is said of the kinds that were not read whole. A kind that another one carries is not repeated.
#[must_use]
pub fn lines(ledger: &Ledger, gaps: &[Kind]) -> Vec<Line> {
    let mut groups: BTreeMap<Group<'_>, Vec<(&Kind, &Row)>> = BTreeMap::new();
    for (kind, row) in &ledger.rows {
        if row.reason.starts_with("held by") || (row.state == State::Complete && row.reason.is_empty()) {
            continue;
        }
        let quiet = !gaps.contains(kind);
        groups.entry((quiet, row.state.as_str(), said(&row.reason))).or_default().push((kind, row));
    }
    groups
        .into_iter()
        .flat_map(|((quiet, state, reason), rows)| group(!quiet, state, reason, &rows))
        .collect()
}

/// A reason from the answer on, without the path that was asked: kinds differ in it, and in nothing else.
fn said(reason: &str) -> &str {
    let answer = reason.find("` answers ").filter(|_| reason.starts_with('`'));
    answer.and_then(|at| reason.get(at + 2..)).unwrap_or(reason)
}

fn group(warns: bool, state: &str, reason: &str, rows: &[(&Kind, &Row)]) -> Vec<Line> {
    let quiet = |text: String| Line { warns: false, text };
    let mut out = Vec::new();
    match rows {
        [(kind, row)] => {
            // Of what was read whole the reason says what of it the tenant does not have.
            let but = if row.state == State::Complete { " but for" } else { "" };
            let text = format!("{kind}: {state}{but}: {}", plain(&row.reason));
            out.push(if warns { Line { warns, text } } else { quiet(format!("  {text}")) });
        }
        rows => {
            let text = format!("{} kinds: {state}: {}", rows.len(), plain(reason));
            out.push(if warns { Line { warns, text } } else { quiet(format!("  {text}")) });
            let most = if warns { rows.len() } else { NAMES_MAX };
            out.extend(wrapped(rows.iter().take(most).map(|(kind, _)| kind.as_str())).into_iter().map(quiet));
            if rows.len() > most {
                out.push(quiet(format!("    and {} more", rows.len() - most)));
            }
        }
    }
    for (kind, row) in rows {
        let named = (rows.len() > 1).then_some(*kind);
        out.extend(exceptions(named, &row.exceptions).into_iter().map(quiet));
    }
    out
}

/// Names with commas between, over as many lines as that takes.
fn wrapped<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for name in names {
        match lines.last_mut().filter(|line| line.len() + 2 + name.len() <= WIDTH) {
            Some(line) => {
                line.push_str(", ");
                line.push_str(name);
            }
            None => {
                if let Some(line) = lines.last_mut() {
                    line.push(',');
                }
                lines.push(format!("    {name}"));
            }
        }
    }
    lines
}

fn exceptions(kind: Option<&Kind>, all: &[Exception]) -> Vec<String> {
    let of = kind.map(|kind| format!("{kind}: ")).unwrap_or_default();
    let line =
        |exception: &Exception| format!("    {of}{}: {}", plain(&exception.at), plain(&exception.reason));
    let mut out: Vec<String> = all.iter().take(EXCEPTIONS_MAX).map(line).collect();
    if all.len() > EXCEPTIONS_MAX {
        out.push(format!("    {of}and {} more", all.len() - EXCEPTIONS_MAX));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(rows: &[(&str, State, &str, usize)]) -> Ledger {
        let mut ledger = Ledger::default();
        for (kind, state, reason, exceptions) in rows {
            let exception = |number| Exception {
                at: format!("app/0oa{number}"),
                state: State::Failed,
                reason: "it timed out".into(),
            };
            let row = Row {
                state: *state,
                reason: (*reason).to_owned(),
                count: 0,
                read: None,
                exceptions: (0..*exceptions).map(exception).collect(),
            };
            ledger.rows.insert(Kind::new(kind), row);
        }
        ledger
    }

    fn shown(ledger: &Ledger, gaps: &[&str]) -> String {
        let gaps: Vec<Kind> = gaps.iter().map(|kind| Kind::new(kind)).collect();
        let text = |line: Line| if line.warns { format!("warning: {}", line.text) } else { line.text };
        lines(ledger, &gaps).into_iter().map(text).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn one_reason_is_said_once() {
        let own_host = "Privileged Access answers on a host of its own, with a credential of its own.";
        let lacks = |path: &str| format!("`{path}` answers 404: The organisation does not have the feature.");
        let (campaign, risk) =
            (lacks("/governance/api/v1/campaigns"), lacks("/governance/api/v1/risk-rules"));
        let mut rows = vec![
            ("user", State::Complete, "", 0),
            (
                "policy",
                State::Complete,
                "type ENTITY_RISK: The organisation does not have policies of this type.",
                0,
            ),
            ("campaign", State::NotEntitled, campaign.as_str(), 0),
            ("risk_rule", State::NotEntitled, risk.as_str(), 0),
            ("api_token", State::NotPermitted, "the credential needs one of: okta.apiTokens.read", 0),
            ("app_feature", State::Partial, "7 could not be read: it timed out", 7),
            ("app_grant", State::Partial, "7 could not be read: it timed out", 1),
            ("group_owner", State::NotEntitled, "held by `group`", 0),
        ];
        let names: Vec<String> = (0..9).map(|number| format!("opa_kind_of_number_{number}")).collect();
        rows.extend(names.iter().map(|name| (name.as_str(), State::NoApi, own_host, 0)));
        insta::assert_snapshot!(shown(&ledger(&rows), &["api_token", "app_feature", "app_grant"]), @"
        warning: api_token: not_permitted: the credential needs one of: okta.apiTokens.read
        warning: 2 kinds: partial: 7 could not be read: it timed out
            app_feature, app_grant
            app_feature: app/0oa0: it timed out
            app_feature: app/0oa1: it timed out
            app_feature: app/0oa2: it timed out
            app_feature: app/0oa3: it timed out
            app_feature: app/0oa4: it timed out
            app_feature: and 2 more
            app_grant: app/0oa0: it timed out
          policy: complete but for: type ENTITY_RISK: The organisation does not have policies of this type.
          9 kinds: no_api: Privileged Access answers on a host of its own, with a credential of its own.
            opa_kind_of_number_0, opa_kind_of_number_1, opa_kind_of_number_2, opa_kind_of_number_3,
            opa_kind_of_number_4, opa_kind_of_number_5, opa_kind_of_number_6, opa_kind_of_number_7,
            opa_kind_of_number_8
          2 kinds: not_entitled: answers 404: The organisation does not have the feature.
            campaign, risk_rule
        ");
    }
}
