//! `init`: a new repository.

use std::path::Path;

use crate::cli::args::Global;
use crate::cli::config::{Config, locate};
use crate::cli::open::{environment, index_for, key_file, repository_url, storage, unlock};
use crate::cli::{Exit, Failure, keys};
use crate::store::{KdfCost, Repository, Unlock};

/// Makes the repository, and a configuration that names it where there is none.
///
/// # Errors
/// There is a repository already, the storage cannot hold one, or no passphrase is given.
pub fn run(global: &Global) -> Result<Exit, Failure> {
    // `init` may be what creates the file that `--config` names.
    let missing = global.config.as_deref().is_some_and(|path| !path.exists());
    let config = if missing { Config::default() } else { Config::load(global.config.as_deref())? };
    let url = repository_url(global, &config)?;
    let storage = storage(&url, true)?;
    // A key file that is not there is made: whoever wants no passphrase has no key before there is a repository.
    let made = key_file().filter(|file| !file.exists());
    let unlock = match &made {
        Some(file) => Unlock::Key(keys::make(file)?),
        None => unlock(&config)?,
    };
    let index = index_for(&config, &url);
    if let Err(error) = Repository::init(storage, &unlock, KdfCost::STANDARD, environment()?, index) {
        // It opens nothing. That the file stays where it cannot be deleted does no harm.
        made.map(std::fs::remove_file);
        return Err(error.into());
    }
    global.output.line(format!("repository made at {url}"));
    let file = locate(global.config.as_deref());
    if config.path.is_none() && !file.exists() {
        write_config(&file, &url)?;
        global.output.note(format!("{} written; `lastgood tenant add` is next", file.display()));
    }
    let what = if matches!(unlock, Unlock::Key(_)) { "key file" } else { "passphrase" };
    global.output.note(format!(
        "without the {what} nobody can read the history, not even we: keep a copy apart from this machine"
    ));
    Ok(Exit::Done)
}

fn write_config(file: &Path, url: &str) -> Result<(), Failure> {
    let absolute = if url.contains("://") {
        url.to_owned()
    } else {
        std::path::absolute(url).map_or_else(|_| url.to_owned(), |path| path.display().to_string())
    };
    let text = format!("[repository]\nurl = {}\n", toml::Value::String(absolute));
    std::fs::write(file, text)
        .map_err(|error| Failure::new(Exit::Error, format!("{}: {error}", file.display())))
}
