//! The form of what is kept in a book: JSON beside a `format` that carries a version.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Written<F, C> {
    format: F,
    #[serde(flatten)]
    content: C,
}

/// As kept in the repository.
pub(super) fn to_bytes<C: Serialize>(format: &str, content: &C) -> Vec<u8> {
    // A structure of texts and numbers is always JSON.
    serde_json::to_vec(&Written { format, content }).unwrap_or_default()
}

/// Reads what [`to_bytes`] wrote; `None` where it is of another form.
pub(super) fn from_bytes<C: DeserializeOwned>(format: &str, bytes: &[u8]) -> Option<C> {
    let written: Written<String, C> = serde_json::from_slice(bytes).ok()?;
    (written.format == format).then_some(written.content)
}
