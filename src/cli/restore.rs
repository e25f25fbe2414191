//! `restore`: plan, show, ask, apply.

use std::io::{IsTerminal, Write};

use crate::cli::args::{Global, RestoreArgs};
use crate::cli::open::{environment, open};
use crate::cli::{Exit, Failure, apply, plan};
use crate::restore;

/// Plans, shows the plan, asks, and does exactly it.
///
/// # Errors
/// As `plan` and `apply`. Guards refuse before anybody is asked, and before anything is written.
pub async fn run(global: &Global, args: RestoreArgs) -> Result<Exit, Failure> {
    let opened = open(global)?;
    let made = plan::make(global, &opened, &args.plan).await?;
    plan::show(global, &made, &args.plan)?;
    if args.dry_run || made.steps.is_empty() {
        return Ok(plan::ended(&made, &args.plan));
    }
    let (tenant, live) = apply::connected(&opened, &made.tenant, &args.options)?;
    let own = plan::own(global, &opened.config, &tenant, &live).await?;
    let now = environment()?.clock.now();
    restore::admit(live.catalog(), &made, &own, apply::allowed(&args.options), Some(now))?;
    if !args.yes && !agreed(&made)? {
        global.output.note("nothing was done");
        return Ok(Exit::Interrupted);
    }
    apply::carry_out(global, &opened, &made, &args.options, false).await
}

/// Whether a person says yes. Nobody to ask is no yes.
fn agreed(made: &restore::Plan) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage("there is no terminal to ask at")
            .hint("read the plan above; then give `--yes`, or `--dry-run` to only see it"));
    }
    let mut err = std::io::stderr().lock();
    let question = format!("Do these {} steps to `{}`? Type yes: ", made.steps.len(), made.tenant);
    let told = err.write_all(question.as_bytes()).and_then(|()| err.flush());
    told.map_err(|error| Failure::new(Exit::Error, format!("the terminal cannot be written: {error}")))?;
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    read.map_err(|error| Failure::new(Exit::Error, format!("the terminal cannot be read: {error}")))?;
    Ok(answer.trim() == "yes")
}
