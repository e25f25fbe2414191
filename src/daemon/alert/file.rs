//! A file: one line an alert, for a collector of logs that follows it.
//!
//! What a full disk cut off is taken back, and told again later; where it cannot be, and after a power cut, half a
//! line stays, ended before the next one, so that no other is lost with it. The file is opened anew for each line,
//! so that whoever turns logs may move it away.
//!
//! A disk of the network that hangs never answers, and nothing stops a thread that waits for it. So each line is
//! written by a thread of its own that is waited for with patience, and there is at most one: as long as it hangs
//! nothing else is begun, and nobody but this receiver waits.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::daemon::alert::Alert;
use crate::daemon::alert::form::Form;

/// The start of an address that is a file. Not `file:`, which is a reference to an address that stands in one.
const SCHEME: &str = "append:";

/// Until a line is on the disk.
const PATIENCE: Duration = Duration::from_secs(5);

/// Puts a line at the end of a file, on the disk when it returns.
pub type Append = Arc<dyn Fn(&Path, &[u8]) -> io::Result<()> + Send + Sync>;

/// A file of alerts.
#[derive(Clone)]
pub struct Lines {
    path: PathBuf,
    form: Form,
    append: Append,
    /// A line is being written.
    busy: Arc<AtomicBool>,
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
            Some(path) => {
                Ok(Self { path: base.join(path), form, append: Arc::new(append), busy: Arc::default() })
            }
        }
    }

    /// The same on a disk that does as `append` says.
    #[must_use]
    pub fn on(self, append: Append) -> Self {
        Self { append, ..self }
    }

    /// Adds one line, on the disk when it returns.
    ///
    /// # Errors
    /// It could not be written, in words; the file is as it was. Or the disk does not answer: then the line may come
    /// yet, and comes again.
    pub async fn add(&self, alert: &Alert) -> Result<(), String> {
        let fault = |why: &str| format!("{}: {why}", self.path.display());
        if self.busy.swap(true, Ordering::SeqCst) {
            return Err(fault("the disk still does not answer to the line before"));
        }
        let mut line = self.form.body(alert);
        line.push(b'\n');
        let (done, written) = oneshot::channel();
        let (path, append, busy) = (self.path.clone(), self.append.clone(), self.busy.clone());
        let writing = std::thread::Builder::new().name("alert".into()).spawn(move || {
            let added = append(&path, &line);
            busy.store(false, Ordering::SeqCst);
            // Nobody waits any longer: the next try says whether the disk answers again.
            let _ = done.send(added);
        });
        if let Err(error) = writing {
            self.busy.store(false, Ordering::SeqCst);
            return Err(fault(&error.to_string()));
        }
        match tokio::time::timeout(PATIENCE, written).await {
            Ok(Ok(added)) => added.map_err(|error| fault(&error.to_string())),
            Ok(Err(_)) => Err(fault("the write broke off")),
            Err(_) => Err(fault(&format!("the disk does not answer in {} s", PATIENCE.as_secs()))),
        }
    }
}

fn append(path: &Path, line: &[u8]) -> io::Result<()> {
    // What is there and is no file, a pipe that nobody reads for one, would be waited for.
    if std::fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        return Err(io::Error::other("it is not an ordinary file"));
    }
    let mut file = std::fs::OpenOptions::new().create(true).read(true).append(true).open(path)?;
    let before = file.seek(SeekFrom::End(0))?;
    let written = add(&mut file, before, line);
    if written.is_err() {
        // Where even this fails, the next line begins by ending this one.
        let _ = file.set_len(before);
    }
    written
}

/// Adds a line to a file of this length. Half a line at its end, which a power cut left, is ended first.
fn add(file: &mut File, length: u64, line: &[u8]) -> io::Result<()> {
    let mut last = [b'\n'];
    if length > 0 {
        file.seek(SeekFrom::Start(length - 1))?;
        file.read_exact(&mut last)?;
    }
    let whole = if last == [b'\n'] { line.to_vec() } else { [b"\n", line].concat() };
    file.write_all(&whole)?;
    file.sync_data()
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

    #[test]
    fn half_a_line_costs_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alerts");
        std::fs::write(&path, b"one\n{\"ha").unwrap();
        append(&path, b"two\n").unwrap();
        append(&path, b"three\n").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\n{\"ha\ntwo\nthree\n");
        assert!(append(folder.path(), b"four\n").unwrap_err().to_string().contains("ordinary file"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_said() {
        let mut full = std::fs::OpenOptions::new().append(true).open("/dev/full").unwrap();
        assert_eq!(add(&mut full, 0, b"line\n").unwrap_err().kind(), std::io::ErrorKind::StorageFull);
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
