//! The server's own account of what it was asked: proof of which paths a sweep really read.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::server::{Realm, on_server};

/// One request, as the server logged it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) status: u16,
    pub(crate) method: String,
    /// Path and query as they were sent.
    pub(crate) target: String,
}

/// A place in the access log: requests after it can be asked for.
pub(crate) struct Mark {
    file: PathBuf,
    offset: u64,
}

impl Mark {
    /// The end of the log now, or `None` where `LASTGOOD_KEYCLOAK_LOG` is not set.
    ///
    /// With `LASTGOOD_REQUIRE_KEYCLOAK=1` it must be set.
    pub(crate) fn now() -> Option<Self> {
        let Some(file) = std::env::var_os("LASTGOOD_KEYCLOAK_LOG").map(PathBuf::from) else {
            let required = std::env::var("LASTGOOD_REQUIRE_KEYCLOAK").is_ok_and(|value| value == "1");
            assert!(!required, "LASTGOOD_REQUIRE_KEYCLOAK=1, but LASTGOOD_KEYCLOAK_LOG is not set");
            crate::server::notice("the server's own log is not looked at: LASTGOOD_KEYCLOAK_LOG is not set");
            return None;
        };
        let offset = file.metadata().unwrap_or_else(|error| panic!("{}: {error}", file.display())).len();
        Some(Self { file, offset })
    }

    /// The requests since the mark whose path lies in `realm`, in the order of their answers.
    ///
    /// The server writes a line a moment after its answer, so this asks once more for a path that is its
    /// own, and reads until that has arrived.
    pub(crate) async fn requests(&self, realm: &Realm) -> Vec<Request> {
        let last = format!("/localization?mark={}", self.offset);
        realm.get(&last).await;
        let begun = Instant::now();
        loop {
            if self.lines().iter().any(|request| request.target.ends_with(&last)) {
                // Another of the server's threads may still have a line to write of an answer before that.
                tokio::time::sleep(Duration::from_millis(300)).await;
                let own = format!("/realms/{}", realm.name());
                let inside = |request: &Request| {
                    let rest = request.target.split_once(&own).map(|(_, rest)| rest);
                    let within = rest.is_some_and(|rest| matches!(rest.get(..1), None | Some("/" | "?")));
                    within && !request.target.ends_with(&last)
                };
                return self.lines().into_iter().filter(inside).collect();
            }
            assert!(begun.elapsed() < Duration::from_secs(10), "{} does not grow", self.file.display());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn lines(&self) -> Vec<Request> {
        let mut file = File::open(&self.file).unwrap();
        file.seek(SeekFrom::Start(self.offset)).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        // The last line may be half written.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(parse).collect()
    }
}

/// `[24/Nov/2026:00:25:27 +0000] 200 GET /admin/realms/x/users?first=0`
fn parse(line: &str) -> Request {
    let parts = line.split_once("] ").and_then(|(_, rest)| {
        let (status, rest) = rest.split_once(' ')?;
        let (method, target) = rest.split_once(' ')?;
        Some(Request { status: status.parse().ok()?, method: method.to_owned(), target: target.to_owned() })
    });
    parts.unwrap_or_else(|| panic!("no line of the access log: {line}"))
}

#[test]
fn the_log_tells_method_path_and_query() {
    on_server(async |server| {
        let realm = server.realm("log").await;
        let other = server.realm("log-other").await;
        let Some(mark) = Mark::now() else { return };
        realm.get("/users?first=0&max=7&search=%C3%A9%2F").await;
        realm.status("/users/none").await;
        other.get("/users").await;
        let open = format!("{}/realms/{}?open=1", realm.base(), realm.name());
        reqwest::get(&open).await.unwrap();
        let requests = mark.requests(&realm).await;
        let found: Vec<(u16, &str, &str)> = requests
            .iter()
            .map(|request| (request.status, request.method.as_str(), request.target.as_str()))
            .collect();
        let name = realm.name();
        assert_eq!(
            found,
            [
                (200, "GET", format!("/admin/realms/{name}/users?first=0&max=7&search=%C3%A9%2F").as_str()),
                (404, "GET", format!("/admin/realms/{name}/users/none").as_str()),
                (200, "GET", format!("/realms/{name}?open=1").as_str()),
            ]
        );
    });
}
