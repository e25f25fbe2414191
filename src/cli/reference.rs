//! Where a secret is: `env:NAME`, `file:PATH`, `exec:COMMAND`. A secret itself never stands in the
//! configuration or on a command line.

use std::path::Path;
use std::process::{Command, Stdio};

use zeroize::Zeroize;

use crate::base::secret::Secret;
use crate::cli::config::ConfigError;

/// Longest secret that is read, in bytes; a key file is far below it.
const SECRET_BYTES_MAX: usize = 1 << 20;

/// Fetches what a reference points at, without a trailing line end.
///
/// # Errors
/// Names the reference and what is wrong with it, never what it gave.
pub fn resolve(reference: &str, base: &Path) -> Result<Secret<String>, ConfigError> {
    let fault = |why: String| ConfigError::Reference { reference: reference.to_owned(), why };
    let mut text = match reference.split_once(':') {
        Some(("env", name)) => std::env::var(name).map_err(|_| fault("the variable is not set".into()))?,
        Some(("file", path)) => read_file(&base.join(path)).map_err(fault)?,
        Some(("exec", command)) => run(command).map_err(fault)?,
        _ => {
            // A secret may have been written here by mistake: it is not repeated.
            return Err(ConfigError::Literal);
        }
    };
    while text.ends_with(['\n', '\r']) {
        text.pop();
    }
    if text.is_empty() {
        return Err(fault("it is empty".into()));
    }
    if text.len() > SECRET_BYTES_MAX {
        text.zeroize();
        return Err(fault(format!("it is larger than {SECRET_BYTES_MAX} bytes")));
    }
    Ok(Secret::new(text))
}

/// Whether a text has the form of a reference.
#[must_use]
pub fn is_reference(text: &str) -> bool {
    matches!(text.split_once(':'), Some(("env" | "file" | "exec", _)))
}

/// Asks for a secret at the terminal, without showing it; an empty answer is none.
///
/// # Errors
/// The terminal could not be read.
pub fn ask(prompt: &str) -> Result<Option<Secret<String>>, ConfigError> {
    let fault = |why: String| ConfigError::Reference { reference: "(terminal)".into(), why };
    let text = rpassword::prompt_password(prompt).map_err(|error| fault(error.to_string()))?;
    Ok((!text.is_empty()).then(|| Secret::new(text)))
}

fn read_file(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn run(command: &str) -> Result<String, String> {
    let output = Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("the command did not start: {error}"))?;
    if !output.status.success() {
        return Err(format!("the command ended with {}", output.status));
    }
    String::from_utf8(output.stdout).map_err(|_| "the command's output is not UTF-8".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_followed() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("s"), "from file\n").unwrap();
        assert_eq!(resolve("file:s", folder.path()).unwrap().expose(), "from file");
        assert_eq!(resolve("exec:printf 'a b'", folder.path()).unwrap().expose(), "a b");
        assert!(resolve("env:LASTGOOD_NO_SUCH_VARIABLE", folder.path()).is_err());
        assert!(resolve("exec:exit 3", folder.path()).is_err());
    }

    #[test]
    fn a_secret_written_by_mistake_is_not_repeated() {
        let error = resolve("hunter2-canary", Path::new(".")).err().unwrap().to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }
}
