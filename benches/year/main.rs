//! A year of hourly snapshots, stored hour by hour with a simulated clock: what `run` beside this file drives and
//! asks.
//!
//! Hours come as an incremental collector gives them, only what changed; once a simulated week everything is
//! given. It goes on where the repository ends, so it may be killed at any time. What an hour took is a line of
//! `hours.csv`; making the bodies is not counted.
//!
//! What it must never do: answer a question. Those are asked of the real program. Read [`hours`] next, then
//! `run`.

#![allow(clippy::print_stdout, reason = "the caller reads it")]

#[path = "../tenant/mod.rs"]
mod tenant;

mod effort;
mod hours;

use std::path::Path;

use tenant::Tenant;

type Failure = Box<dyn std::error::Error>;

/// The share of all resources that an hour changes.
const CHURN: f64 = 0.001;

const USAGE: &str = "usage: year hours FOLDER USERS HOUR   stores every hour up to this one
       year key USERS HOUR            a user that was always there, and changed often
FOLDER holds `repository` (made by `lastgood init`), `index` and `key`. `benches/year/run` calls these.";

fn main() -> Result<(), Failure> {
    // `cargo bench` adds a flag of its own.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["hours", folder, users, hour] => hours::store(Path::new(folder), users.parse()?, hour.parse()?),
        ["key", users, hour] => key(users.parse()?, hour.parse()?),
        _ => {
            println!("{USAGE}");
            Ok(())
        }
    }
}

/// The organisation at an hour; hour 0 is how it begins.
fn at(users: u64, hour: u64) -> Tenant {
    let mut tenant = Tenant::new(users, 1);
    (0..hour).for_each(|_| drop(tenant.hour(CHURN)));
    tenant
}

/// Prints the user that changed most often of those that were there from the first hour to this one.
fn key(users: u64, hour: u64) -> Result<(), Failure> {
    let tenant = at(users, hour);
    let stayed = tenant.rows().iter().filter(|row| row.kind() == "user" && row.is_of_the_first(users));
    let often = stayed.max_by_key(|row| row.times_changed()).ok_or("no user stayed so long")?;
    println!("{}", often.key());
    Ok(())
}
