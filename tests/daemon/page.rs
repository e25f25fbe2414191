//! `docs/ALERTS.md` names every sort of alert and every rule, from the data.

use std::fmt::Write as _;
use std::path::Path;

use lastgood::daemon::alert::{Class, Rules};

/// From here on the page is printed.
const MARK: &str = "<!-- printed by tests/daemon/page.rs; LASTGOOD_WRITE_DOCS=1 writes it anew -->\n";

#[test]
fn the_page_has_every_class_and_every_rule() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ALERTS.md");
    let kept = std::fs::read_to_string(&path).unwrap();
    let (head, tail) = kept.split_once(MARK).unwrap();
    let mut printed = String::from("\n## Sorts\n\n| class | meaning |\n| --- | --- |\n");
    for class in Class::ALL {
        writeln!(printed, "| `{}` | {} |", class.as_str(), class.says()).unwrap();
    }
    printed.push_str(
        "\n## Rules\n\n| rule | kinds | it says | class | severity |\n| --- | --- | --- | --- | --- |\n",
    );
    for rule in Rules::load(None).unwrap().all() {
        let kinds: Vec<String> = rule.kinds.iter().map(|kind| format!("`{kind}`")).collect();
        let classes: Vec<&str> = rule.classes.iter().map(|class| class.as_str()).collect();
        let says = if rule.at_least > 1 {
            format!("{} ({} or more)", rule.says, rule.at_least)
        } else {
            rule.says.clone()
        };
        let (kinds, classes) = (kinds.join(", "), classes.join(", "));
        writeln!(printed, "| `{}` | {kinds} | {says} | {classes} | {} |", rule.name, rule.severity.as_str())
            .unwrap();
    }
    if std::env::var_os("LASTGOOD_WRITE_DOCS").is_some() {
        std::fs::write(&path, format!("{head}{MARK}{printed}")).unwrap();
        return;
    }
    assert!(tail == printed, "docs/ALERTS.md is not what the rules say; write it with LASTGOOD_WRITE_DOCS=1");
}
