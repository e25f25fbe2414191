//! What somebody may have meant who wrote a name that is none. Pure.

/// Names that are shown; more would not be read.
const SHOWN_MAX: usize = 3;
/// A name in many of which the other stands whole is none that was meant.
const PART_MIN: usize = 3;

/// The known names that are nearest to one that is not known, the nearest first; none where none is near.
#[must_use]
pub fn near<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let far = (name.chars().count() / 3).max(1);
    let mut found: Vec<(usize, &str)> = known
        .into_iter()
        .filter_map(|other| {
            let steps = steps(name, other);
            let part = |long: &str, short: &str| short.len() >= PART_MIN && long.contains(short);
            (steps <= far || part(other, name) || part(name, other)).then_some((steps, other))
        })
        .collect();
    found.sort_unstable();
    found.into_iter().take(SHOWN_MAX).map(|(_, other)| other).collect()
}

/// How many letters have to be put in, taken out, exchanged for another or with their neighbour.
fn steps(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (row, a) in from.iter().enumerate() {
        let mut now = vec![row + 1];
        for (column, b) in to.iter().enumerate() {
            let at = |row: &[usize], column: usize| row.get(column).copied().unwrap_or(usize::MAX - 1);
            let mut least = (at(&last, column) + usize::from(a != b))
                .min(at(&last, column + 1) + 1)
                .min(at(&now, column) + 1);
            if row > 0 && column > 0 && from.get(row - 1) == Some(b) && to.get(column - 1) == Some(a) {
                least = least.min(at(&before, column - 1) + 1);
            }
            now.push(least);
        }
        before = std::mem::replace(&mut last, now);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_counted() {
        for (from, to, count) in [("", "abc", 3), ("usr", "user", 1), ("gruop", "group", 1), ("a", "a", 0)] {
            assert_eq!((steps(from, to), steps(to, from)), (count, count), "{from} {to}");
        }
    }

    #[test]
    fn what_is_near_comes_first_and_what_is_far_does_not_come() {
        let known = ["user", "group", "group_rule", "policy", "policy_rule", "app"];
        assert_eq!(near("usr", known), ["user"]);
        assert_eq!(near("policyrule", known), ["policy_rule", "policy"]);
        assert_eq!(near("rule", known), ["group_rule", "policy_rule"]);
        assert!(near("zebra", known).is_empty());
    }
}
