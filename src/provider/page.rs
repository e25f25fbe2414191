//! From page to page, for every style that a catalogue can name. Pure: it is told what came and
//! says what to ask next.
//!
//! A vendor may cut pages below the size that was asked for, and say nothing. So a page that is
//! short but of a round length is not taken for the last one: one more page is asked for.

use std::collections::HashSet;

use crate::catalog::Paging;
use crate::http::{Address, Answer, with_query};
use crate::json::{Pointer, Value};
use crate::provider::ident;

/// Pages of one list at the most; a vendor that goes on for ever is stopped.
const PAGES_MAX: u32 = 100_000;

/// Lengths that a vendor may cut a page to are multiples of this.
const ROUND: usize = 10;

/// Walks one list.
pub(crate) struct Pager {
    paging: Paging,
    path: String,
    /// What is asked next; `None` at the end.
    next: Option<String>,
    rows: u64,
    pages: u32,
    seen: HashSet<String>,
}

impl Pager {
    pub(crate) fn new(paging: Option<&Paging>, path: String) -> Self {
        let paging = paging.cloned().unwrap_or(Paging::Whole { query: [].into() });
        let mut pager = Self { paging, path, next: None, rows: 0, pages: 0, seen: HashSet::new() };
        pager.restart();
        pager
    }

    /// Begins with a page that a link named.
    pub(crate) fn going_on(paging: Option<&Paging>, target: String) -> Self {
        let mut pager = Self::new(paging, target.clone());
        pager.next = Some(target);
        pager
    }

    /// Goes back to the first page.
    pub(crate) fn restart(&mut self) {
        self.rows = 0;
        self.pages = 0;
        self.seen.clear();
        self.next = Some(self.first());
    }

    /// What to ask; `None` when the list has ended.
    pub(crate) fn target(&self) -> Option<&str> {
        self.next.as_deref()
    }

    /// The number of the page that is asked for next, from 0.
    pub(crate) fn page(&self) -> u32 {
        self.pages
    }

    fn with(&self, pairs: &[(&str, String)]) -> String {
        with_query(&self.path, pairs)
    }

    fn first(&self) -> String {
        match &self.paging {
            Paging::Whole { query } => {
                let pairs: Vec<_> =
                    query.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
                self.with(&pairs)
            }
            Paging::Offset { offset, limit, size } => {
                self.with(&[(offset, "0".into()), (limit, size.to_string())])
            }
            Paging::Page { page, limit, size, first, .. } => {
                self.with(&[(page, first.to_string()), (limit, size.to_string())])
            }
            Paging::Cursor { limit, size, .. }
            | Paging::LinkHeader { limit, size }
            | Paging::BodyLink { limit, size, .. } => self.with(&sized(limit.as_deref(), *size)),
        }
    }

    /// Where the next page's cursor or link stands in a body, for the styles that have it there.
    pub(crate) fn pointer(&self) -> Option<&Pointer> {
        match &self.paging {
            Paging::Cursor { next, .. } | Paging::BodyLink { next, .. } => Some(next),
            _ => None,
        }
    }

    /// Goes on after a page of this many rows. `mark` is what stood at [`Self::pointer`].
    ///
    /// # Errors
    /// In words, where the list cannot be walked to its end. What came so far is right.
    pub(crate) fn turn(
        &mut self,
        rows: usize,
        mark: Option<&Value>,
        answer: &Answer,
        address: &Address,
    ) -> Result<(), String> {
        let asked = self.next.take().unwrap_or_default();
        self.rows += rows as u64;
        self.pages += 1;
        self.next = self.following(rows, mark, answer, address, &asked)?;
        match &self.next {
            Some(_) if self.pages >= PAGES_MAX => Err(format!("the list has more than {PAGES_MAX} pages")),
            Some(next) if *next == asked || !self.seen.insert(next.clone()) => {
                Err("the list leads back to a page that was read already".into())
            }
            _ => Ok(()),
        }
    }

    fn following(
        &self,
        rows: usize,
        mark: Option<&Value>,
        answer: &Answer,
        address: &Address,
        asked: &str,
    ) -> Result<Option<String>, String> {
        let mark = mark.and_then(ident::text);
        let link = |link: &str| address.target_of(asked, link).map_err(|error| error.to_string());
        match &self.paging {
            Paging::Whole { .. } => Ok(None),
            Paging::Offset { offset, limit, size } => {
                let pairs = [(offset.as_str(), self.rows.to_string()), (limit, size.to_string())];
                Ok(goes_on(rows, *size)?.then(|| self.with(&pairs)))
            }
            Paging::Page { page, limit, size, first, rows_max } => {
                let on = goes_on(rows, *size)?;
                if on && rows_max.is_some_and(|max| self.rows >= u64::from(max)) {
                    return Err(format!("the vendor gives no more than {} rows this way", self.rows));
                }
                let pairs = [(page.as_str(), (first + self.pages).to_string()), (limit, size.to_string())];
                Ok(on.then(|| self.with(&pairs)))
            }
            Paging::Cursor { cursor, limit, size, .. } => Ok(mark.map(|mark| {
                let mut pairs = sized(limit.as_deref(), *size);
                pairs.push((cursor, mark));
                self.with(&pairs)
            })),
            Paging::BodyLink { .. } => mark.map(|mark| link(&mark)).transpose(),
            Paging::LinkHeader { .. } => {
                next_link(answer.headers("link")).map(|next| link(&next)).transpose()
            }
        }
    }
}

fn sized(limit: Option<&str>, size: Option<u32>) -> Vec<(&str, String)> {
    limit.zip(size).map(|(limit, size)| (limit, size.to_string())).into_iter().collect()
}

/// Whether a page of this many rows can be followed by another.
fn goes_on(rows: usize, size: u32) -> Result<bool, String> {
    let size = size as usize;
    if rows > size {
        return Err(format!(
            "a page of {size} was asked for and {rows} rows came: the list may not be whole"
        ));
    }
    Ok(rows > 0 && (rows == size || rows.is_multiple_of(ROUND)))
}

/// The goal of `rel="next"` in any of these headers.
fn next_link<'a>(headers: impl Iterator<Item = &'a str>) -> Option<String> {
    headers.flat_map(links).find_map(|(goal, parameters)| {
        let is_next = parameters.split(';').any(|parameter| {
            let Some((name, value)) = parameter.split_once('=') else { return false };
            let value = value.trim().trim_matches('"');
            name.trim().eq_ignore_ascii_case("rel")
                && value.split_whitespace().any(|word| word.eq_ignore_ascii_case("next"))
        });
        is_next.then(|| goal.to_owned())
    })
}

/// The links of one header: goal and parameters. A goal may hold commas, so they are not split at.
fn links(header: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = header;
    while let Some((goal, tail)) = rest.split_once('<').and_then(|(_, inner)| inner.split_once('>')) {
        let end = tail.find('<').unwrap_or(tail.len());
        let (parameters, after) = tail.split_at(end);
        found.push((goal, parameters.trim_end().trim_end_matches(',')));
        rest = after;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_headers_are_taken_apart() {
        let one = r#"<https://h/a?x=1,2>; rel="self", <https://h/a?after=b>; rel="next""#;
        assert_eq!(next_link([one].into_iter()).unwrap(), "https://h/a?after=b");
        assert_eq!(next_link(["<u>; rel=\"prev\"", "<v>;rel=next"].into_iter()).unwrap(), "v");
        assert_eq!(next_link(["<u>; rel=\"last\"", "nonsense", "<"].into_iter()), None);
    }

    #[test]
    fn which_pages_end_a_list() {
        let on = |rows| goes_on(rows, 500);
        assert_eq!((on(500), on(499), on(0)), (Ok(true), Ok(false), Ok(false)));
        assert_eq!(on(100), Ok(true), "a round length may be the vendor's own bound");
        assert!(on(501).is_err());
    }
}
