//! What an error and its causes say.

use std::error::Error;

/// An error and its causes, outermost first.
pub fn chain<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |cause| (**cause).source())
}

/// The words of an error and of its causes, outermost first; words that only repeat their cause's, as those of a
/// transparent error do, stand once.
#[must_use]
pub fn words(error: &(dyn Error + 'static)) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for cause in chain(error) {
        let said = cause.to_string();
        if words.last() != Some(&said) {
            words.push(said);
        }
    }
    words
}
