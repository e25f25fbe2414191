//! The coverage ledger at rest: whole, or against the ledger of the snapshot before.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::base::coverage::{Exception, Ledger, Row, State};
use crate::base::key::Kind;
use crate::crypto::hash::{self, Hash, Purpose};
use crate::format::FormatError;
use crate::format::bytes::{Reader, Writer};
use crate::format::limits::{KINDS_MAX, STREAM_BYTES_MAX, TEXT_BYTES_MAX};

const LEDGER: Purpose = Purpose::new("lastgood/1 ledger");
const WHOLE: u8 = 0;
const AGAINST: u8 = 1;

/// The hash that a record signs: of the whole form, however the ledger was stored.
#[must_use]
pub fn hash_of(whole: &[u8]) -> Hash {
    hash::hash(LEDGER, whole)
}

/// The whole form.
///
/// # Errors
/// Too many kinds, or a text over its limit.
pub fn encode(ledger: &Ledger) -> Result<Vec<u8>, FormatError> {
    check(ledger)?;
    let mut w = Writer::new();
    w.u8(WHOLE).size(ledger.rows.len());
    let mut spans = Spans::default();
    for (kind, row) in &ledger.rows {
        w.text(kind.as_str());
        write_row(row, &mut spans, &mut w);
    }
    write_unknown(ledger, &mut w);
    Ok(w.finish())
}

/// The form against the ledger before it; `None` where the kinds are not the same.
///
/// # Errors
/// As [`encode`].
pub fn encode_against(ledger: &Ledger, previous: &Ledger) -> Result<Option<Vec<u8>>, FormatError> {
    check(ledger)?;
    if !ledger.rows.keys().eq(previous.rows.keys()) {
        return Ok(None);
    }
    let mut w = Writer::new();
    w.u8(AGAINST).size(ledger.rows.len());
    let mut spans = Spans::default();
    for (row, before) in ledger.rows.values().zip(previous.rows.values()) {
        let same =
            row.state == before.state && row.reason == before.reason && row.exceptions == before.exceptions;
        if same {
            w.u8(1).vz(row.count.wrapping_sub(before.count).cast_signed());
            spans.write(row.read, &mut w);
        } else {
            w.u8(0);
            write_row(row, &mut spans, &mut w);
        }
    }
    write_unknown(ledger, &mut w);
    Ok(Some(w.finish()))
}

/// Whether the bytes are coded against the ledger before.
#[must_use]
pub fn needs_previous(bytes: &[u8]) -> bool {
    bytes.first() == Some(&AGAINST)
}

/// Reads either form and checks it against the signed hash.
///
/// # Errors
/// Damage, a missing or other previous ledger, or another hash.
pub fn decode(bytes: &[u8], previous: Option<&Ledger>, signed: &Hash) -> Result<Ledger, FormatError> {
    let ledger = decode_form(bytes, previous)?;
    if hash::same(&hash_of(&encode(&ledger)?), signed) {
        Ok(ledger)
    } else {
        Err(FormatError::Untrusted { what: "coverage ledger", why: "it is not the signed one" })
    }
}

/// The row of one kind out of the whole form, of which only what lies before it is read. That the hash of the bytes
/// is the signed one was checked.
///
/// # Errors
/// Damage before it, or bytes that are another form.
pub fn row(bytes: &[u8], kind: &Kind) -> Result<Option<Row>, FormatError> {
    let mut r = Reader::new(bytes, "coverage ledger");
    if r.u8()? != WHOLE {
        return Err(r.damaged("its form is not the whole one"));
    }
    let mut spans = Spans::default();
    for _ in 0..r.count(KINDS_MAX, 2)? {
        let name = r.text(TEXT_BYTES_MAX)?;
        let found = name == kind.as_str();
        let row = read_row(&mut r, &mut spans)?;
        if found {
            return Ok(Some(row));
        }
    }
    Ok(None)
}

fn decode_form(bytes: &[u8], previous: Option<&Ledger>) -> Result<Ledger, FormatError> {
    let mut r = Reader::new(bytes, "coverage ledger");
    if bytes.len() > STREAM_BYTES_MAX {
        return Err(r.damaged("it is over its limit"));
    }
    let form = r.u8()?;
    let count = r.count(KINDS_MAX, 2)?;
    let mut spans = Spans::default();
    let mut rows = BTreeMap::new();
    match (form, previous) {
        (WHOLE, _) => {
            for _ in 0..count {
                let kind = Kind::new(r.text(TEXT_BYTES_MAX)?);
                let row = read_row(&mut r, &mut spans)?;
                if rows.last_key_value().is_some_and(|(last, _)| *last >= kind) {
                    return Err(r.damaged("its kinds are not sorted"));
                }
                rows.insert(kind, row);
            }
        }
        (AGAINST, Some(previous)) if previous.rows.len() == count => {
            for (kind, before) in &previous.rows {
                rows.insert(kind.clone(), read_row_against(&mut r, &mut spans, before)?);
            }
        }
        (AGAINST, _) => return Err(r.damaged("the ledger before it is missing or another one")),
        _ => return Err(r.damaged("its form is unknown")),
    }
    let count = r.count(STREAM_BYTES_MAX, 1)?;
    let unknown = (0..count).map(|_| r.text(TEXT_BYTES_MAX).map(str::to_owned)).collect::<Result<_, _>>()?;
    r.end()?;
    Ok(Ledger { rows, unknown })
}

fn check(ledger: &Ledger) -> Result<(), FormatError> {
    let too_long = |text: &str| text.len() > TEXT_BYTES_MAX;
    let long_row = |(kind, row): (&Kind, &Row)| {
        too_long(kind.as_str())
            || too_long(&row.reason)
            || row.exceptions.iter().any(|exception| too_long(&exception.at) || too_long(&exception.reason))
    };
    if ledger.rows.len() > KINDS_MAX {
        return Err(FormatError::TooLarge { what: "coverage ledger", limit: KINDS_MAX as u64 });
    }
    if ledger.rows.iter().any(long_row) || ledger.unknown.iter().any(|text| too_long(text)) {
        return Err(FormatError::TooLarge {
            what: "text of the coverage ledger",
            limit: TEXT_BYTES_MAX as u64,
        });
    }
    Ok(())
}

fn write_unknown(ledger: &Ledger, w: &mut Writer) {
    w.size(ledger.unknown.len());
    for text in &ledger.unknown {
        w.text(text);
    }
}

fn state_code(state: State) -> u8 {
    State::ALL.iter().position(|known| *known == state).unwrap_or_default() as u8
}

fn read_state(r: &mut Reader<'_>) -> Result<State, FormatError> {
    let code = r.u8()?;
    State::ALL.get(code as usize).copied().ok_or(r.damaged("a state is unknown"))
}

fn write_row(row: &Row, spans: &mut Spans, w: &mut Writer) {
    w.u8(state_code(row.state)).text(&row.reason).vu(row.count);
    spans.write(row.read, w);
    w.size(row.exceptions.len());
    for exception in &row.exceptions {
        w.text(&exception.at).u8(state_code(exception.state)).text(&exception.reason);
    }
}

fn read_row(r: &mut Reader<'_>, spans: &mut Spans) -> Result<Row, FormatError> {
    let (state, reason, count) = (read_state(r)?, r.text(TEXT_BYTES_MAX)?.to_owned(), r.vu()?);
    let read = spans.read(r)?;
    let number = r.count(STREAM_BYTES_MAX, 3)?;
    let mut exceptions = Vec::new();
    for _ in 0..number {
        let at = r.text(TEXT_BYTES_MAX)?.to_owned();
        let state = read_state(r)?;
        exceptions.push(Exception { at, state, reason: r.text(TEXT_BYTES_MAX)?.to_owned() });
    }
    Ok(Row { state, reason, count, read, exceptions })
}

fn read_row_against(r: &mut Reader<'_>, spans: &mut Spans, before: &Row) -> Result<Row, FormatError> {
    if !r.flag()? {
        return read_row(r, spans);
    }
    let count = before.count.wrapping_add(r.vz()?.cast_unsigned());
    Ok(Row { count, read: spans.read(r)?, ..before.clone() })
}

/// Codes read spans against the one before, since kinds are read one after another.
#[derive(Default)]
struct Spans(i64);

impl Spans {
    fn write(&mut self, span: Option<(Timestamp, Timestamp)>, w: &mut Writer) {
        let Some((start, end)) = span else {
            w.u8(0);
            return;
        };
        let (start, end) = (start.as_millisecond(), end.as_millisecond());
        w.u8(1).vz(start - self.0).vz(end - start);
        self.0 = start;
    }

    fn read(&mut self, r: &mut Reader<'_>) -> Result<Option<(Timestamp, Timestamp)>, FormatError> {
        if !r.flag()? {
            return Ok(None);
        }
        let wrong = r.damaged("a time is out of range");
        let time = |from: i64, by: i64| {
            let at = from.checked_add(by)?;
            Some((at, Timestamp::from_millisecond(at).ok()?))
        };
        let Some((start, first)) = time(self.0, r.vz()?) else { return Err(wrong) };
        let Some((_, last)) = time(start, r.vz()?) else { return Err(wrong) };
        self.0 = start;
        Ok(Some((first, last)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn times() -> impl Strategy<Value = Option<(Timestamp, Timestamp)>> {
        proptest::option::of((0i64..2_000_000_000_000, 0i64..10_000_000)).prop_map(|span| {
            span.map(|(start, length)| {
                let at = |ms| Timestamp::from_millisecond(ms).unwrap();
                (at(start), at(start + length))
            })
        })
    }

    fn rows() -> impl Strategy<Value = Row> {
        let exception = (".{0,5}", 0usize..8, ".{0,5}").prop_map(|(at, state, reason)| Exception {
            at,
            state: State::ALL[state],
            reason,
        });
        (0usize..8, ".{0,9}", any::<u64>(), times(), proptest::collection::vec(exception, 0..3)).prop_map(
            |(state, reason, count, read, exceptions)| Row {
                state: State::ALL[state],
                reason,
                count,
                read,
                exceptions,
            },
        )
    }

    fn ledgers() -> impl Strategy<Value = Ledger> {
        let rows =
            proptest::collection::btree_map("[a-d]{1,2}".prop_map(|kind| Kind::new(&kind)), rows(), 0..5);
        (rows, proptest::collection::vec(".{0,9}", 0..3)).prop_map(|(rows, unknown)| Ledger { rows, unknown })
    }

    proptest! {
        #[test]
        fn both_forms_round_trip(before in ledgers(), mut after in ledgers(), take in any::<bool>()) {
            if take {
                after.rows = before.rows.clone();
                for row in after.rows.values_mut().take(2) {
                    row.count = row.count.wrapping_add(3);
                    row.read = None;
                }
            }
            let whole = encode(&after).unwrap();
            let signed = hash_of(&whole);
            prop_assert_eq!(&decode(&whole, None, &signed).unwrap(), &after);
            for kind in after.rows.keys().chain(before.rows.keys()) {
                prop_assert_eq!(row(&whole, kind).unwrap(), after.rows.get(kind).cloned());
            }
            if let Some(coded) = encode_against(&after, &before).unwrap() {
                prop_assert!(needs_previous(&coded));
                prop_assert_eq!(&decode(&coded, Some(&before), &signed).unwrap(), &after);
                prop_assert!(decode(&coded, None, &signed).is_err());
            } else {
                prop_assert!(!take);
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..100), previous in ledgers()) {
            let _ = decode_form(&bytes, Some(&previous));
            let _ = row(&bytes, &Kind::new("a"));
        }
    }

    #[test]
    fn another_ledger_is_not_the_signed_one() {
        let ledger = Ledger { rows: BTreeMap::new(), unknown: vec!["user: x".into()] };
        let whole = encode(&ledger).unwrap();
        assert!(matches!(decode(&whole, None, &[0; 32]), Err(FormatError::Untrusted { .. })));
    }
}
