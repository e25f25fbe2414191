//! `keys`: who opens the repository, and the key files of machines.
//!
//! A passphrase costs whoever opens with it a second and 256 MiB each time, so that a guess costs as much. A
//! random key need not be stretched: a machine that runs every hour gets a file with one.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::base::entropy::SystemEntropy;
use crate::cli::args::{Global, KeysCommand};
use crate::cli::open::open;
use crate::cli::output::{plain, table};
use crate::cli::{Exit, Failure, reference};
use crate::crypto::wrap::WrapSecret;
use crate::format::recipient;
use crate::json::{Object, Value};
use crate::store::Unlock;

/// Adds or lists keys.
///
/// # Errors
/// The repository cannot be opened or written, or the file is there already.
pub fn run(global: &Global, command: &KeysCommand) -> Result<Exit, Failure> {
    match command {
        KeysCommand::Add { file, label } => add(global, file, label.as_deref()),
        KeysCommand::List => list(global),
    }
}

fn add(global: &Global, file: &Path, label: Option<&str>) -> Result<Exit, Failure> {
    let opened = open(global)?;
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let secret = make(file)?;
    // The file first: a key that opens and that nobody has would be of no use.
    if let Err(error) = opened.repository.add_recipient(label.unwrap_or(&name), &secret) {
        std::fs::remove_file(file).map_err(|fault| cannot(file, &fault))?;
        return Err(error.into());
    }
    global.output.line(format!("{} opens the repository from now on", file.display()));
    global.output.note("set LASTGOOD_KEY_FILE to it, or write `key_file` under [repository]; whoever reads it reads the history");
    Ok(Exit::Done)
}

fn list(global: &Global) -> Result<Exit, Failure> {
    let opened = open(global)?;
    let recipients = &opened.repository.keys().recipients;
    let by = |known: &crate::format::key_ring::Recipient| match known.stretch {
        Some(_) => "passphrase",
        None => "key",
    };
    if global.output.json {
        let row = |known| {
            let known: &crate::format::key_ring::Recipient = known;
            let pairs = [("label", Value::from(known.label.as_str())), ("by", Value::from(by(known)))];
            Value::Object(Object::from_pairs(pairs))
        };
        global.output.document(&Value::Object(Object::from_pairs([
            ("format", Value::from("lastgood.keys/1")),
            ("recipients", recipients.iter().map(row).collect()),
        ])));
    } else {
        let rows = recipients.iter().map(|known| vec![plain(&known.label), by(known).to_owned()]);
        global.output.line(table(&["label", "opens by"], &rows.collect::<Vec<_>>()));
    }
    Ok(Exit::Done)
}

/// Makes a key and its file, for the file's owner only.
///
/// # Errors
/// The file is there already, or cannot be written.
pub fn make(file: &Path) -> Result<WrapSecret, Failure> {
    let secret =
        WrapSecret::random(&SystemEntropy).map_err(|error| Failure::new(Exit::Error, error.to_string()))?;
    let mut options = std::fs::OpenOptions::new();
    let written = options.write(true).create_new(true).mode(0o600).open(file).and_then(|mut there| {
        there.write_all(recipient::encode(&secret).expose().as_bytes())?;
        there.sync_all()
    });
    written.map_err(|error| cannot(file, &error))?;
    Ok(secret)
}

/// Reads the key that a file holds.
///
/// # Errors
/// The file cannot be read (exit 2), or holds no key (exit 12).
pub fn read(file: &Path) -> Result<Unlock, Failure> {
    let text = reference::resolve(&format!("file:{}", file.display()), Path::new(""))?;
    let secret = recipient::decode(text.expose()).map_err(|error| {
        Failure::new(Exit::WrongKey, format!("{}: {error}", file.display()))
            .hint("`lastgood keys add FILE` makes one; a passphrase belongs into LASTGOOD_PASSPHRASE_FILE")
    })?;
    Ok(Unlock::Key(secret))
}

fn cannot(file: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Error, format!("{}: {error}", file.display()))
}
