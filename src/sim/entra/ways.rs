//! What Entra ID does its own way: errors in words, lists in an envelope, pages by a link, members by name.

use crate::catalog::Provider;

use crate::sim::entra::{audits, door, object, odata, people};
use crate::sim::fill::uuid;
use crate::sim::rate::{Bucket, Windows};
use crate::sim::ways::Ways;
use crate::sim::wire::{Refusal, Response, Why};
use crate::sim::world::World;

/// The query parameter that carries a cursor.
pub(super) const CURSOR: &str = "$skiptoken";

/// Requests in a minute. The vendor counts one a second for conditional access and five in ten seconds for its log;
/// of the directory it counts units in ten seconds, which nobody who reads at a fair pace comes near.
const LIMITS: [(&str, u32); 3] = [
    ("/beta/identity/conditionalAccess", 60),
    ("/v1.0/identity/conditionalAccess", 60),
    ("/v1.0/auditLogs", 30),
];

/// Entra ID's ways.
pub(in crate::sim) static WAYS: Ways = Ways {
    token: door::token,
    admit: door::admit,
    refused,
    filter: odata::filter,
    limit: "$top",
    cursor: CURSOR,
    show: odata::show,
    around: odata::around,
    made: 201,
    shows_changed: false,
    links: false,
    singletons: false,
    uuids: true,
    tells_windows: false,
    windows,
    targets: audits::targets,
    event: audits::event,
    settings: |world| vec![("directory", world.org.id.clone()), ("login_url", world.org.url.clone())],
    populate: people::populate,
};

fn windows(_: &Provider, factor: u32) -> Windows {
    let mut windows = Windows::default();
    for (path, count) in LIMITS {
        windows.set(Bucket { path: path.into(), exact: false, count: count.saturating_mul(factor) });
    }
    windows
}

/// The vendor's word for a refusal that every vendor knows the like of, and what it says.
fn words(refusal: &Refusal) -> (&str, String) {
    let said = || match refusal.causes.as_slice() {
        [] => refusal.summary.clone(),
        causes => causes.join(" "),
    };
    match refusal.why {
        Why::Own => (refusal.code.as_str(), said()),
        Why::Absent => (
            "Request_ResourceNotFound",
            "The resource does not exist, or something that it refers to is not present.".into(),
        ),
        Why::Invalid => ("Request_BadRequest", said()),
        Why::Malformed => ("BadRequest", "The body cannot be read as JSON.".into()),
        Why::Unknown => {
            ("InvalidAuthenticationToken", "The access token is missing, unknown or expired.".into())
        }
        Why::Denied => (
            "Authorization_RequestDenied",
            "The application has not been granted what this operation needs.".into(),
        ),
        Why::NoCall => {
            ("BadRequest", "No resource has a segment of this name, or it has no such method.".into())
        }
        Why::Query => ("BadRequest", format!("The query is not valid. {}", said())),
        Why::TooMany => ("TooManyRequests", "Too many requests.".into()),
    }
}

/// A refusal as an answer.
fn refused(world: &World, refusal: Refusal) -> Response {
    let id = uuid(&world.entropy);
    let (code, said) = words(&refusal);
    let inner = object([
        ("date", world.now.strftime("%Y-%m-%dT%H:%M:%S").to_string().into()),
        ("request-id", id.as_str().into()),
        ("client-request-id", id.as_str().into()),
    ]);
    let error = object([("code", code.into()), ("message", said.into()), ("innerError", inner)]);
    Response::json(refusal.status, object([("error", error)]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{Request, handle, vendor};

    #[test]
    fn a_refusal_reads_as_the_vendors() {
        let now = "2026-06-15T12:00:00Z".parse().unwrap();
        let mut world = World::new(vendor("entra").unwrap(), "http://127.0.0.1:1", 7, now);
        let mut code = |path: &str| {
            let answer = handle(&mut world, &Request::new("GET", path, "", None));
            (answer.status, answer.text("/error/code").unwrap_or_default())
        };
        assert_eq!(code("/v1.0/users/nobody"), (404, "Request_ResourceNotFound".into()));
        assert_eq!(code("/v1.0/nothing"), (404, "BadRequest".into()));
        let told = handle(&mut world, &Request::new("GET", "/v1.0/users/nobody", "", None));
        assert_eq!(told.text("/error/innerError/date").unwrap(), "2026-06-15T12:00:00");
    }

    #[test]
    fn a_window_that_is_used_up_is_not_told_of() {
        let now = "2026-06-15T12:00:00Z".parse().unwrap();
        let mut world = World::new(vendor("entra").unwrap(), "http://127.0.0.1:1", 7, now);
        world.windows = windows(world.provider(), 1);
        let path = "/beta/identity/conditionalAccess/policies";
        let mut answers = (0..61).map(|_| handle(&mut world, &Request::new("GET", path, "", None)));
        assert!(answers.by_ref().take(60).all(|answer| answer.status == 200));
        let last = answers.next().unwrap();
        assert_eq!((last.status, last.headers.len()), (429, 0));
    }
}
