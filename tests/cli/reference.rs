//! `docs/CLI.md` is what the program says of itself; completions and man pages come from the same.

use std::fmt::Write as _;
use std::path::Path;

use clap::CommandFactory as _;

use crate::world::{World, files_below};

#[test]
fn the_reference_is_the_program() {
    let mut command = lastgood::cli::Cli::command().term_width(100).disable_help_subcommand(true);
    command.build();
    let mut page = String::from(
        "# The command line\n\nPrinted by `tests/cli/reference.rs` from the program itself; \
         `LASTGOOD_WRITE_DOCS=1 cargo test --test cli` writes it anew.\n",
    );
    section(&mut page, &mut command);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/CLI.md");
    if std::env::var_os("LASTGOOD_WRITE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == page, "docs/CLI.md is not what the program says; write it with LASTGOOD_WRITE_DOCS=1");
}

fn section(page: &mut String, command: &mut clap::Command) {
    let name = command.get_bin_name().unwrap_or("lastgood").to_owned();
    let help = command.render_long_help().to_string();
    let help: Vec<&str> = help.lines().map(str::trim_end).collect();
    write!(page, "\n## `{name}`\n\n```text\n{}\n```\n", help.join("\n").trim_end()).unwrap();
    for sub in command.get_subcommands_mut().filter(|sub| sub.get_name() != "help" && !sub.is_hide_set()) {
        section(page, sub);
    }
}

#[test]
fn completions_for_every_shell() {
    let world = World::empty();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = world.run(&["completions", shell]).ok().out;
        assert!(script.contains("rebuild-index"), "{shell}");
    }
    world.shell("lastgood completions bash > c && bash -n c && . ./c && complete -p | grep -q _last").ok();
    world.run(&["completions", "dos"]).code(2);
}

#[test]
fn man_pages() {
    let world = World::empty();
    world.run(&["man", "pages"]).ok();
    let pages = files_below(&world.path("pages"));
    let named = |name: &str| pages.iter().any(|page| page.ends_with(name));
    for name in ["lastgood.1", "lastgood-show.1", "lastgood-tenant-add.1"] {
        assert!(named(name), "{name} of {pages:?}");
    }
    world.write("file", "");
    world.run(&["man", "file"]).code(1);
}
