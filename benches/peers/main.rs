//! Our lane of `benches/peers/run`: makes what all lanes are given, stores it, asks for it, and
//! measures the floor. Each command is a process of its own, as a peer's is; the caller reads its CPU
//! time and memory from the system.
//!
//! What it must never do: answer from what it made itself. `show`, `log`, `diff` and `check` open the
//! repository like any other reader. Read `run` next, then `ours`.

#![allow(clippy::print_stdout, reason = "the caller reads it")]

#[path = "../tenant/mod.rs"]
mod tenant;

mod floor;
mod ours;

use std::io::{BufWriter, Write};
use std::path::Path;

use tenant::{Change, Tenant};

type Failure = Box<dyn std::error::Error>;

const USAGE: &str = "usage: peers make FOLDER USERS HOURSxCHURN,HOURSxCHURN…
       peers init REPOSITORY
       peers full|given REPOSITORY FILE · moved REPOSITORY FILE TICK
       peers state REPOSITORY SEQ · show REPOSITORY SEQ KEY · log REPOSITORY KEY
       peers diff REPOSITORY SEQ SEQ · find REPOSITORY SEQ TEXT
       peers check REPOSITORY · index REPOSITORY · prune REPOSITORY LAST
       peers floor FILE
`benches/peers/run` calls these and says what comes of it.";

fn main() -> Result<(), Failure> {
    // `cargo bench` adds a flag of its own.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["make", folder, users, hours] => make(Path::new(folder), users.parse()?, hours),
        ["floor", file] => floor::measure(Path::new(file)),
        [command, repository, rest @ ..] => ours::run(command, Path::new(repository), rest),
        _ => {
            println!("{USAGE}");
            Ok(())
        }
    }
}

/// Writes the whole state of each hour as one sorted stream (`hNNN`: `KEY TAB BODY` a line) and what
/// changed in it (`cNNN`: the same lines; a key alone is gone).
fn make(folder: &Path, users: u64, hours: &str) -> Result<(), Failure> {
    std::fs::create_dir_all(folder)?;
    let mut tenant = Tenant::new(users, 1);
    let mut churns = vec![0.0];
    for phase in hours.split(',') {
        let (hours, churn) = phase.split_once('x').ok_or("hours are written 12x0.001")?;
        churns.extend(std::iter::repeat_n(churn.parse::<f64>()?, hours.parse()?));
    }
    for (hour, churn) in churns.into_iter().enumerate() {
        let line = |change| match change {
            Change::Put(row) => (row.key().to_path(), Some(row.body(None))),
            Change::Gone(row) => (row.key().to_path(), None),
        };
        write(&folder.join(format!("c{hour:03}")), tenant.hour(churn).into_iter().map(line).collect())?;
        let state = tenant.rows().iter().map(|row| (row.key().to_path(), Some(row.body(None))));
        write(&folder.join(format!("h{hour:03}")), state.collect())?;
    }
    println!("{} resources at the end", tenant.rows().len());
    Ok(())
}

fn write(file: &Path, mut lines: Vec<(String, Option<Vec<u8>>)>) -> Result<(), Failure> {
    lines.sort();
    let mut out = BufWriter::new(std::fs::File::create(file)?);
    for (key, body) in lines {
        out.write_all(key.as_bytes())?;
        if let Some(body) = body {
            out.write_all(b"\t")?;
            out.write_all(&body)?;
        }
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}
