//! A file: one line an alert, for a collector of logs that follows it.
//!
//! A line is there whole or not at all: what a full disk cut off is taken back, and told again later. The
//! file is opened anew for each line, so that whoever turns logs may move it away.

use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use crate::daemon::alert::Alert;
use crate::daemon::alert::form::Form;

/// The start of an address that is a file. Not `file:`, which is a reference to an address that stands in one.
const SCHEME: &str = "append:";

/// A file of alerts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lines {
    path: PathBuf,
    form: Form,
}

impl Lines {
    /// Whether an address is one of a file.
    #[must_use]
    pub fn is_file(url: &str) -> bool {
        url.starts_with(SCHEME)
    }

    /// The file of `append:PATH`; a path that is not absolute is below `base`.
    ///
    /// # Errors
    /// In words, where no path stands there.
    pub fn new(url: &str, form: Form, base: &Path) -> Result<Self, String> {
        match url.strip_prefix(SCHEME) {
            None | Some("") => Err("write `append:PATH`".to_owned()),
            Some(path) => Ok(Self { path: base.join(path), form }),
        }
    }

    /// Adds one line, on the disk when it returns.
    ///
    /// # Errors
    /// It could not be written, in words; the file is as it was.
    pub async fn add(&self, alert: &Alert) -> Result<(), String> {
        let mut line = self.form.body(alert);
        line.push(b'\n');
        let path = self.path.clone();
        let added = tokio::task::spawn_blocking(move || append(&path, &line)).await;
        let added = added.unwrap_or_else(|stopped| Err(std::io::Error::other(stopped)));
        added.map_err(|error| format!("{}: {error}", self.path.display()))
    }
}

fn append(path: &Path, line: &[u8]) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
    let before = file.seek(SeekFrom::End(0))?;
    let written = file.write_all(line).and_then(|()| file.sync_data());
    if written.is_err() {
        // Nobody else writes here; where even this fails, a reader finds half a line before the whole one.
        file.set_len(before)?;
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_added_whole_and_a_file_that_was_moved_away_is_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alerts");
        append(&path, b"one\n").unwrap();
        append(&path, b"two\n").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"one\ntwo\n");
        std::fs::rename(&path, folder.path().join("alerts.1")).unwrap();
        append(&path, b"three\n").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"three\n");
        assert!(append(&folder.path().join("nowhere/alerts"), b"four\n").is_err());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_said() {
        assert!(append(Path::new("/dev/full"), b"line\n").is_err());
    }

    #[test]
    fn an_address_is_a_path() {
        let base = Path::new("/etc/lastgood");
        let of = |url| Lines::new(url, Form::Ocsf, base).map(|lines| lines.path);
        assert_eq!(of("append:/var/log/alerts"), Ok(PathBuf::from("/var/log/alerts")));
        assert_eq!(of("append:alerts"), Ok(PathBuf::from("/etc/lastgood/alerts")));
        assert!(of("append:").is_err() && !Lines::is_file("file:hook"));
    }
}
