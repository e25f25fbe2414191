//! Reading files that a vendor's console exported: one, or all of a folder.
//!
//! All or nothing: a file that is damaged or too large is an error, and no other file is taken then.
//! A file comes from wherever a person had it from, so everything is bounded and links are not followed.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::base::limits::BODY_BYTES_MAX;
use crate::catalog::{Exported, Files, Provider};
use crate::export::ExportError;
use crate::json;

/// Bytes of all files together.
const BYTES_MAX: u64 = 1 << 30;
/// Files in a folder.
const FILES_MAX: usize = 10_000;
/// Folders in folders.
const DEPTH_MAX: usize = 16;

/// Reads a file, or every exported file in a folder and below it.
///
/// # Errors
/// The first file that cannot be taken; none is then.
pub fn read(catalog: &Provider, path: &Path) -> Result<Vec<Exported>, ExportError> {
    let none = || ExportError::NoFiles { title: catalog.title.clone() };
    let form = catalog.files.as_ref().ok_or_else(none)?;
    let mut left = BYTES_MAX;
    found(form, path)?
        .iter()
        .map(|file| {
            let document = document(file, &mut left)?;
            let name = file.strip_prefix(path).ok().filter(|name| !name.as_os_str().is_empty());
            let name = name.unwrap_or_else(|| file.file_name().map_or(file, Path::new));
            let taken = form.take(catalog, &name.display().to_string(), &document);
            taken.map_err(|why| ExportError::Form { path: file.clone(), why })
        })
        .collect()
}

fn io(path: &Path) -> impl Fn(std::io::Error) -> ExportError + '_ {
    move |source| ExportError::Io { path: path.to_owned(), source }
}

/// The files that are meant, in order of their names.
fn found(form: &Files, path: &Path) -> Result<Vec<PathBuf>, ExportError> {
    let endings = || form.endings.iter().map(|ending| format!(".{ending}")).collect();
    if !std::fs::metadata(path).map_err(io(path))?.is_dir() {
        return match ends(form, path) {
            true => Ok(vec![path.to_owned()]),
            false => Err(ExportError::Ending { path: path.to_owned(), endings: endings() }),
        };
    }
    let mut files = Vec::new();
    walk(form, path, 0, &mut files)?;
    files.sort();
    match files.is_empty() {
        true => Err(ExportError::Empty { path: path.to_owned(), endings: endings() }),
        false => Ok(files),
    }
}

fn ends(form: &Files, path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_lowercase);
    ending.is_some_and(|ending| form.endings.contains(&ending))
}

fn walk(form: &Files, folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), ExportError> {
    let too_much =
        |what, limit: usize| ExportError::TooMuch { path: folder.to_owned(), what, limit: limit.to_string() };
    if depth > DEPTH_MAX {
        return Err(too_much("folders lie deeper in each other", DEPTH_MAX));
    }
    for entry in std::fs::read_dir(folder).map_err(io(folder))? {
        let entry = entry.map_err(io(folder))?;
        let (path, sort) = (entry.path(), entry.file_type().map_err(io(folder))?);
        if sort.is_dir() {
            walk(form, &path, depth + 1, files)?;
        } else if sort.is_file() && ends(form, &path) {
            files.push(path);
        }
        if files.len() > FILES_MAX {
            return Err(too_much("it holds more files", FILES_MAX));
        }
    }
    Ok(())
}

/// One document. `left` is what may still be read in all.
fn document(path: &Path, left: &mut u64) -> Result<json::Value, ExportError> {
    let limit = (BODY_BYTES_MAX as u64).min(*left);
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(io(path))?;
    file.take(limit + 1).read_to_end(&mut bytes).map_err(io(path))?;
    if bytes.len() as u64 > limit {
        let (what, limit) = match limit < BODY_BYTES_MAX as u64 {
            true => ("all files together are larger", BYTES_MAX),
            false => ("it is larger", limit),
        };
        return Err(ExportError::TooMuch {
            path: path.to_owned(),
            what,
            limit: format!("{} MiB", limit >> 20),
        });
    }
    *left -= bytes.len() as u64;
    json::parse(&bytes, &json::Limits::body())
        .map_err(|source| ExportError::Json { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOW: &str =
        r#"{"type":"flow","version":"1.5.0","data":{"flos":{"f":{"id":"f","name":"F","data":{}}}}}"#;

    fn read_in(folder: &Path) -> Result<Vec<String>, String> {
        let catalog = crate::catalog::provider("okta").unwrap();
        let files = read(catalog, folder).map_err(|error| error.to_string())?;
        Ok(files.into_iter().map(|file| file.name).collect())
    }

    #[test]
    fn a_folder_is_read_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let here = |name: &str| folder.path().join(name);
        assert!(read_in(folder.path()).unwrap_err().contains("no file in it"));
        std::fs::create_dir(here("below")).unwrap();
        std::fs::write(here("b.flow"), FLOW).unwrap();
        std::fs::write(here("below/a.FLOPACK"), FLOW).unwrap();
        std::fs::write(here("notes.txt"), "x").unwrap();
        std::os::unix::fs::symlink(here("b.flow"), here("link.flow")).unwrap();
        assert_eq!(read_in(folder.path()).unwrap(), ["b.flow", "below/a.FLOPACK"]);
        assert_eq!(read_in(&here("b.flow")).unwrap(), ["b.flow"]);
        assert!(read_in(&here("notes.txt")).unwrap_err().contains(".flow, .folder, .flopack"));
        for cut in [0, 1, FLOW.len() / 2, FLOW.len() - 1] {
            std::fs::write(here("c.folder"), &FLOW[..cut]).unwrap();
            let refused = read_in(folder.path()).unwrap_err();
            assert!(refused.contains("c.folder") && refused.contains("damaged"), "{cut}: {refused}");
        }
    }

    #[test]
    fn hostile_files_are_refused_by_their_size_and_depth() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large.flow");
        let file = File::create(&path).unwrap();
        file.set_len(BODY_BYTES_MAX as u64 + 1).unwrap();
        let refused = read_in(&path).unwrap_err();
        assert!(refused.ends_with("it is larger than 64 MiB"), "{refused}");
        std::fs::write(&path, "[".repeat(1 << 20)).unwrap();
        assert!(read_in(&path).unwrap_err().contains("damaged"));
        let twice = r#"{"type":"flow","type":"folder","version":"1.5.0","data":{"flos":{}}}"#;
        std::fs::write(&path, twice).unwrap();
        assert!(read_in(&path).unwrap_err().contains("damaged"), "two members of one name");
    }
}
