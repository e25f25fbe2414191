//! The rows of the coverage ledger: one for every kind of the catalogue, read or not.

use jiff::Timestamp;

use crate::base::coverage::{Ledger, Row, State};
use crate::base::key::Kind;
use crate::catalog::{KindSpec, Provider};

/// A row for each kind that no request is made for: carried by another kind, not readable, or known
/// to the history and not to this catalogue.
pub fn fill_unread(catalog: &Provider, before: Option<&Ledger>, ledger: &mut Ledger) {
    for (kind, was) in before.into_iter().flat_map(|before| &before.rows) {
        if was.count > 0 && catalog.kind(kind).is_none() {
            let reason =
                format!("the catalogue of this version has no kind `{kind}`; the last state is kept");
            ledger.rows.insert(kind.clone(), Row { count: was.count, ..empty_row(State::Failed, reason) });
        }
    }
    for spec in &catalog.kinds {
        if ledger.rows.contains_key(&spec.kind) {
            continue;
        }
        let row = if spec.unread.is_some() {
            let was = before.and_then(|before| before.rows.get(&spec.kind)).filter(|was| was.count > 0);
            kept_row(spec, was.map_or(0, |was| was.count), was.and_then(|was| was.read))
        } else if let Some(carrier) = &spec.carried_by {
            carried_row(ledger, carrier)
        } else {
            empty_row(State::Failed, "was not reached".into())
        };
        ledger.rows.insert(spec.kind.clone(), row);
    }
}

/// The row of a kind that no request is made for, of which something is known all the same: from files.
pub(crate) fn kept_row(spec: &KindSpec, count: u64, read: Option<(Timestamp, Timestamp)>) -> Row {
    let (state, reason) = spec
        .unread
        .as_ref()
        .map_or((State::Failed, "is not read"), |unread| (unread.state, unread.reason.as_str()));
    let kept = match (count, read) {
        (0, _) => String::new(),
        (_, None) => format!(" The last state of {count} is kept."),
        (_, Some((_, newest))) => format!(" The last state of {count} is kept, of {newest} at the newest."),
    };
    Row { count, read, ..empty_row(state, format!("{reason}{kept}")) }
}

/// Two reasons as one text.
pub(crate) fn join_reasons(first: &str, second: &str) -> String {
    if first.is_empty() { second.to_owned() } else { format!("{first}; {second}") }
}

fn empty_row(state: State, reason: String) -> Row {
    Row { state, reason, count: 0, read: None, exceptions: Vec::new() }
}

/// What is carried by another kind was seen exactly as far as that one.
fn carried_row(ledger: &Ledger, carrier: &Kind) -> Row {
    let reason = format!("held by `{carrier}`");
    match ledger.rows.get(carrier) {
        Some(row) => Row { reason, count: 0, ..row.clone() },
        None => empty_row(State::Failed, reason),
    }
}

/// Kinds for which a run must end with exit 3: what should have been read was not.
///
/// `accepted` are the kinds known not to be readable here; `before` is the previous ledger.
#[must_use]
pub fn gaps(ledger: &Ledger, before: Option<&Ledger>, accepted: &[String]) -> Vec<Kind> {
    let was_complete = |kind: &Kind| {
        before.and_then(|ledger| ledger.rows.get(kind)).is_some_and(|row| row.state == State::Complete)
    };
    ledger
        .rows
        .iter()
        .filter(|(kind, _)| !accepted.iter().any(|accepted| accepted == kind.as_str()))
        .filter(|(kind, row)| match row.state {
            State::Partial | State::Suspect | State::Failed | State::NotPermitted => true,
            State::Complete => false,
            State::NotEntitled | State::NoApi | State::Excluded => was_complete(kind),
        })
        .map(|(kind, _)| kind.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(state: State) -> Ledger {
        let mut ledger = Ledger::default();
        ledger.rows.insert(Kind::new("a"), empty_row(state, String::new()));
        ledger
    }

    #[test]
    fn a_kind_that_left_the_catalogue_is_a_gap() {
        let catalog = crate::catalog::provider("keycloak").unwrap();
        let mut before = ledger(State::Complete);
        before.rows.get_mut(&Kind::new("a")).unwrap().count = 3;
        let mut now = Ledger::default();
        fill_unread(catalog, Some(&before), &mut now);
        let row = &now.rows[&Kind::new("a")];
        assert_eq!((row.state, row.count), (State::Failed, 3), "{row:?}");
        assert!(gaps(&now, Some(&before), &[]).contains(&Kind::new("a")));
        assert_eq!(now.rows.len(), catalog.kinds.len() + 1, "and every kind of the catalogue has a row");
    }

    #[test]
    fn which_states_are_gaps() {
        for state in State::ALL {
            let found = !gaps(&ledger(state), None, &[]).is_empty();
            let expected =
                matches!(state, State::Partial | State::Suspect | State::Failed | State::NotPermitted);
            assert_eq!(found, expected, "{state:?}");
            assert!(gaps(&ledger(state), None, &["a".into()]).is_empty());
        }
        let shrank = gaps(&ledger(State::NotEntitled), Some(&ledger(State::Complete)), &[]);
        assert_eq!(shrank, [Kind::new("a")], "complete last time and not now");
    }
}
