//! Pages: the size asked for, the cursor, the link to what follows.
//!
//! A cursor is opaque: the place of the last row shown, under a sum that only this file makes.

use crate::catalog::Paging;
use crate::json::{Object, Pointer, Value};
use crate::sim::wire::{Refusal, Request};

/// Rows of a page; `usize::MAX` where there are no pages.
pub(super) fn size(
    request: &Request,
    paging: Option<&Paging>,
    (usual, default): (&str, usize),
) -> Result<usize, Refusal> {
    let (name, most) = match paging {
        Some(Paging::LinkHeader { limit, size } | Paging::BodyLink { limit, size, .. }) => {
            (limit.as_deref().unwrap_or(usual), size.map_or(200, |size| size as usize))
        }
        _ => return Ok(usize::MAX),
    };
    let default = if default == 0 { most } else { default };
    let Some(text) = request.asked(name) else { return Ok(default) };
    match text.parse::<usize>() {
        Ok(asked) if asked > 0 => Ok(asked.min(most)),
        _ => {
            let cause = format!("limit: The limit must be between 1 and {most}.");
            Err(Refusal::invalid("limit", vec![cause]))
        }
    }
}

/// The place after which the page begins.
pub(super) fn after(request: &Request, name: &str) -> Result<Option<u64>, Refusal> {
    let Some(text) = request.asked(name).filter(|text| !text.is_empty()) else { return Ok(None) };
    let wrong = || Refusal { causes: vec!["Invalid cursor.".into()], ..Refusal::query("") };
    open_cursor(text).map(Some).ok_or_else(wrong)
}

/// The rows of a page, and the place of the last one where more follow.
pub(super) fn cut<T>(mut rows: Vec<(u64, String, T)>, size: usize) -> (Vec<(u64, String, T)>, Option<u64>) {
    if rows.len() <= size {
        return (rows, None);
    }
    rows.truncate(size);
    let last = rows.last().map(|(place, _, _)| *place);
    (rows, last)
}

fn sum(place: u64) -> [u8; 4] {
    let hash = blake3::hash(&place.to_be_bytes());
    let bytes = hash.as_bytes();
    [bytes[0], bytes[1], bytes[2], bytes[3]]
}

fn cursor(place: u64) -> String {
    let mut bytes = place.to_be_bytes().to_vec();
    bytes.extend(sum(place));
    data_encoding::BASE64URL_NOPAD.encode(&bytes)
}

fn open_cursor(text: &str) -> Option<u64> {
    let bytes = data_encoding::BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
    let (place, check) = bytes.split_at_checked(8)?;
    let place = u64::from_be_bytes(place.try_into().ok()?);
    (check == sum(place)).then_some(place)
}

fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~$".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push_str(&data_encoding::HEXUPPER.encode(&[byte]));
        }
    }
    out
}

fn url(base: &str, request: &Request, query: &[(String, String)]) -> String {
    let pairs: Vec<String> =
        query.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    let mark = if pairs.is_empty() { "" } else { "?" };
    format!("{base}{}{mark}{}", request.path, pairs.join("&"))
}

/// The URL of the request itself.
pub(super) fn own(base: &str, request: &Request) -> String {
    url(base, request, &request.query)
}

/// The URL of what follows a place.
pub(super) fn link(base: &str, request: &Request, name: &str, place: u64) -> String {
    let mut query: Vec<_> = request.query.iter().filter(|(other, _)| other != name).cloned().collect();
    query.insert(0, (name.into(), cursor(place)));
    url(base, request, &query)
}

/// Puts the link to what follows into the body, with the objects round it.
pub(super) fn put_next(body: &mut Value, at: &Pointer, url: &str) {
    let mut value = Value::from(url);
    let names: Vec<&str> = at.segments().collect();
    for (depth, name) in (0..names.len()).zip(&names).rev() {
        let above = Pointer::from_segments(names[..depth].iter().copied());
        if let Some(members) = above.get_mut(body).and_then(Value::as_object_mut) {
            members.insert(*name, value);
            return;
        }
        value = Object::from_pairs([(*name, value)]).into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_ours_or_refused() {
        assert_eq!(open_cursor(&cursor(17)), Some(17));
        let mut other = cursor(17);
        other.replace_range(0..1, "B");
        assert_eq!(open_cursor(&other), None);
        for text in ["", "17", "AAAAAAAAABE", "%%"] {
            assert_eq!(open_cursor(text), None, "{text}");
        }
    }
}
