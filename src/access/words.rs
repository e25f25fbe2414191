//! A comparison in words, one line after the other, for a terminal of any width.
//!
//! Names come from a tenant: whoever prints the lines takes out what a terminal would obey.

use crate::access::report::{AppChange, Blast, Change, Those};

/// People who are named in a line.
const SHOWN_MAX: usize = 3;

/// The lines with how far each is set in.
#[must_use]
pub fn lines(blast: &Blast) -> Vec<(usize, String)> {
    let mut out = Vec::new();
    for app in &blast.apps {
        out.push((0, app.app.name.clone()));
        Change::ALL.into_iter().for_each(|change| app_lines(app, change, &mut out));
    }
    let more = blast.apps_changed.saturating_sub(blast.apps.len() as u64);
    if more > 0 {
        out.push((0, format!("and {} more", counted(more, "application"))));
    }
    if blast.is_empty() {
        out.push((0, "Nobody gains or loses access to an application.".to_owned()));
    } else {
        let totals = Change::ALL.into_iter().filter_map(|change| {
            let count = blast.totals.get(&change).filter(|count| **count > 0)?;
            Some(format!("{count} {}", said(change, *count)))
        });
        let totals: Vec<String> = totals.collect();
        let apps = counted(blast.apps_changed, "application");
        out.push((0, format!("In all, over {apps}: {}.", totals.join(", "))));
    }
    out.extend(blast.gaps.iter().map(|gap| (0, format!("may be more: {gap}"))));
    out
}

fn app_lines(app: &AppChange, change: Change, out: &mut Vec<(usize, String)>) {
    if let Some(those) = app.people.get(&change) {
        let depends = matches!(change, Change::MayGain | Change::MayLose) && !app.unknown.is_empty();
        let on = if depends { format!(" (depends on {})", app.unknown.join(", ")) } else { String::new() };
        out.push((2, format!("{} {}{on}: {}", those.count, said(change, those.count), names(those))));
    }
    for turn in app.turns.get(&change).into_iter().flatten() {
        let way = if turn.from == turn.to {
            format!("{}, from other networks or under other conditions", turn.to)
        } else {
            format!("{} → {}", turn.from, turn.to)
        };
        let (count, people) = (turn.people.count, names(&turn.people));
        out.push((2, format!("{count} {} ({way}): {people}", said(change, count))));
    }
}

/// What some people do.
fn said(change: Change, count: u64) -> &'static str {
    match (change, count) {
        (Change::Gains, 1) => "gains access",
        (Change::Gains, _) => "gain access",
        (Change::Loses, 1) => "loses access",
        (Change::Loses, _) => "lose access",
        (Change::Weaker, 1) => "gets in more easily",
        (Change::Weaker, _) => "get in more easily",
        (Change::Stronger, 1) => "gets in less easily",
        (Change::Stronger, _) => "get in less easily",
        (Change::Otherwise, 1) => "gets in otherwise",
        (Change::Otherwise, _) => "get in otherwise",
        (Change::MayGain, _) => "may gain access",
        (Change::MayLose, _) => "may lose access",
    }
}

fn counted(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn names(those: &Those) -> String {
    let named: Vec<&str> = those.named.iter().take(SHOWN_MAX).map(|known| known.name.as_str()).collect();
    let more = those.count.saturating_sub(named.len() as u64);
    if more == 0 { named.join(", ") } else { format!("{} and {more} more", named.join(", ")) }
}
