//! A recipient's secret key as a file that a machine opens the repository with (`docs/FORMAT.md` §4).
//!
//! It is text, so that it passes through vaults and environments that carry nothing else. It must never be shown,
//! and a key that was cut or mistyped must not be taken for another one. Read [`crate::format::key_file`] for what
//! it opens.

use data_encoding::HEXLOWER;
use zeroize::Zeroize;

use crate::base::secret::Secret;
use crate::crypto::hash::{self, Purpose};
use crate::crypto::wrap::WrapSecret;
use crate::format::FormatError;

const CHECK: Purpose = Purpose::new("lastgood/1 recipient check");
/// What the line with the key begins with.
const BEGINS: &str = "lastgood-key-1:";
/// Bytes of the check behind the key.
const CHECK_BYTES: usize = 4;

/// The file's text: a comment that says what it is, then the key.
#[must_use]
pub fn encode(secret: &WrapSecret) -> Secret<String> {
    let mut bytes = secret.secret().expose().to_vec();
    bytes.extend_from_slice(&check(secret.secret().expose()));
    let mut key = HEXLOWER.encode(&bytes);
    bytes.zeroize();
    let text = format!("# opens a lastgood repository without a passphrase: keep it secret\n{BEGINS}{key}\n");
    key.zeroize();
    Secret::new(text)
}

/// Reads the key out of such a text; empty lines and lines that begin with `#` say nothing.
///
/// # Errors
/// It holds no key, more than one line, or a key that was cut or changed.
pub fn decode(text: &str) -> Result<WrapSecret, FormatError> {
    let invalid = |why| FormatError::Invalid { what: "key file", why };
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let line = lines.next().ok_or(invalid("it holds no key"))?;
    let key =
        line.strip_prefix(BEGINS).ok_or(invalid("its key is not one that `lastgood keys add` makes"))?;
    if lines.next().is_some() {
        return Err(invalid("it holds more than one key"));
    }
    let broken = invalid("its key was cut or changed");
    let Ok(mut bytes) = HEXLOWER.decode(key.as_bytes()) else { return Err(broken) };
    let parts = bytes.split_first_chunk::<32>().map(|(key, rest)| (*key, rest == check(key)));
    bytes.zeroize();
    match parts {
        Some((key, true)) => Ok(WrapSecret::from_secret(Secret::new(key))),
        _ => Err(broken),
    }
}

fn check(key: &[u8; 32]) -> [u8; CHECK_BYTES] {
    let [a, b, c, d, ..] = hash::half_hash(CHECK, key);
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::entropy::SeededEntropy;

    #[test]
    fn a_key_reads_back_and_a_broken_one_is_refused() {
        let secret = WrapSecret::random(&SeededEntropy::new(1)).unwrap();
        let text = encode(&secret);
        let read = decode(text.expose()).unwrap();
        assert_eq!(read.secret().expose(), secret.secret().expose());
        let start = text.expose().find(BEGINS).unwrap() + BEGINS.len();
        for at in start..text.expose().trim_end().len() {
            let mut broken = text.expose().clone().into_bytes();
            broken[at] = if broken[at] == b'0' { b'1' } else { b'0' };
            assert!(decode(std::str::from_utf8(&broken).unwrap()).is_err(), "digit {at}");
            assert!(decode(&text.expose()[..at]).is_err(), "cut at {at}");
        }
        let twice = format!("{}{}", text.expose(), text.expose());
        for wrong in ["", "# nothing\n", "correct horse", "lastgood-key-1:", twice.as_str()] {
            assert!(decode(wrong).is_err(), "{wrong}");
        }
    }
}
