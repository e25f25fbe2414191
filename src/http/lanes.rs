//! Which requests a vendor counts together.
//!
//! A vendor counts by the form of the path, and tells of a window only in the answer. A lane is
//! one form of path as the catalogue writes it (`/apps/{appId}/users`), in the bucket that the
//! catalogue names for it. Which lanes of a bucket really share a window is learnt: those for which
//! the vendor tells the same limit.

use std::collections::{HashMap, HashSet};

/// One form of path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    /// The path with `{placeholders}`, without a query.
    pub path: String,
    /// What it is counted in, by a name that means something only among lanes.
    pub bucket: String,
    /// Requests a minute that the vendor states for the bucket; 0 where he states none.
    pub limit: u32,
}

/// A path whatever its placeholders are called.
fn form<'p>(path: impl Iterator<Item = &'p str>) -> String {
    path.map(|part| if is_open(part) { "{}" } else { part }).collect::<Vec<_>>().join("/")
}

/// All lanes of a tenant; the one after the last is for paths of no known form.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lanes {
    lanes: Vec<(Vec<String>, usize)>,
    /// The place of a lane by its form itself: what is forecast is named by that.
    forms: HashMap<String, usize>,
    buckets: Vec<(String, u32)>,
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.trim_matches('/').split('/')
}

fn is_open(segment: &str) -> bool {
    segment.contains('{')
}

impl Lanes {
    pub(crate) fn new(given: &[Lane]) -> Self {
        let mut out = Self::default();
        for lane in given {
            let bucket = out.buckets.iter().position(|(name, _)| *name == lane.bucket).unwrap_or_else(|| {
                out.buckets.push((lane.bucket.clone(), lane.limit));
                out.buckets.len() - 1
            });
            out.lanes.push((segments(&lane.path).map(str::to_owned).collect(), bucket));
        }
        // A literal segment says more than a placeholder, so it is looked at first.
        out.lanes.sort_by_key(|(path, _)| path.iter().map(|part| is_open(part)).collect::<Vec<_>>());
        // Two kinds may name the same path, each with its own words between braces: that is one lane.
        let mut kept = HashSet::new();
        out.lanes.retain(|(path, _)| kept.insert(form(path.iter().map(String::as_str))));
        let forms = out.lanes.iter().enumerate();
        out.forms = forms.map(|(place, (path, _))| (form(path.iter().map(String::as_str)), place)).collect();
        out
    }

    /// A lane's bucket.
    pub(crate) fn bucket(&self, lane: usize) -> usize {
        self.lanes.get(lane).map_or(self.buckets.len(), |(_, bucket)| *bucket)
    }

    /// What a bucket is called; nothing where it is that of paths of no known form.
    pub(crate) fn name(&self, bucket: usize) -> &str {
        self.buckets.get(bucket).map(|(name, _)| name.as_str()).unwrap_or_default()
    }

    /// The limit that the vendor states for a bucket.
    pub(crate) fn stated(&self, bucket: usize) -> Option<u64> {
        self.buckets.get(bucket).map(|(_, limit)| u64::from(*limit)).filter(|limit| *limit > 0)
    }

    /// The lane of a target and its bucket.
    pub(crate) fn of(&self, target: &str) -> (usize, usize) {
        let path = target.split('?').next().unwrap_or_default();
        let fits = |lane: &[String]| {
            segments(path).count() == lane.len()
                && segments(path).zip(lane).all(|(part, form)| is_open(form) || part == form)
        };
        let named = self.forms.get(&form(segments(path))).copied();
        let place = named.or_else(|| self.lanes.iter().position(|(lane, _)| fits(lane)));
        place.map_or((self.lanes.len(), self.buckets.len()), |place| (place, self.lanes[place].1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_literal_form_counts() {
        let lane = |path: &str, bucket: &str| Lane { path: path.into(), bucket: bucket.into(), limit: 0 };
        let lanes = Lanes::new(&[
            lane("/api/v1/apps", "apps"),
            lane("/api/v1/{any}", "other"),
            lane("/api/v1/groups/{groupId}", "groups"),
            lane("/api/v1/groups/rules", "groups"),
            lane("/api/v1/apps/{appId}/users", "apps"),
            lane("/api/v1/apps/{id}/users", "apps"),
        ]);
        let bucket = |target: &str| lanes.buckets.get(lanes.of(target).1).map(|(name, _)| name.as_str());
        assert_eq!(bucket("/api/v1/apps?limit=200"), Some("apps"));
        assert_eq!(bucket("/api/v1/zones"), Some("other"));
        assert_eq!(bucket("/api/v1/apps/0oa1/users?after=x"), Some("apps"));
        assert_eq!(bucket("/elsewhere/a/b/c/d"), None);
        assert_eq!(
            lanes.of("/api/v1/groups/{groupId}"),
            lanes.of("/api/v1/groups/00g1"),
            "a form stands for itself"
        );
        let named = lanes.of("/api/v1/apps/{id}/users");
        assert_eq!(named, lanes.of("/api/v1/apps/0oa1/users"), "whatever the placeholder is called");
        assert_ne!(lanes.of("/api/v1/groups/rules").0, lanes.of("/api/v1/groups/00g1").0);
    }
}
