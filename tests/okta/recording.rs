//! Real exchanges, in scenarios: `corpora/okta/recorded.ndjson`.

use std::fs;
use std::path::PathBuf;

use lastgood::json::{Limits, Value, parse};

/// One request to the vendor and its answer.
pub(crate) struct Exchange {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) status: u16,
    pub(crate) request: Option<Value>,
    pub(crate) response: Value,
    pub(crate) template: String,
    /// The `Link` header.
    pub(crate) link: String,
}

/// Requests that were made one after the other, for one purpose.
pub(crate) struct Scenario {
    pub(crate) name: String,
    pub(crate) exchanges: Vec<Exchange>,
}

pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let found = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared").join(path);
    let required = std::env::var_os("LASTGOOD_REQUIRE_SHARED").is_some();
    assert!(found.exists() || !required, "{} is not there", found.display());
    found.exists().then_some(found)
}

fn text(row: &Value, name: &str) -> String {
    row.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn exchange(row: &Value) -> Exchange {
    let request = row.get("request").filter(|value| !value.is_null());
    Exchange {
        method: text(row, "method"),
        path: text(row, "path").replace("//", "/"),
        query: text(row, "query"),
        status: row.get("status").and_then(Value::as_u64).and_then(|status| status.try_into().ok()).unwrap(),
        request: request.cloned(),
        response: row.get("response").cloned().unwrap_or_default(),
        template: text(row, "path_template"),
        link: row.get("headers").map(|headers| headers.to_line()).unwrap_or_default(),
    }
}

/// Every scenario, in the order of the file; `None` where the shared data is not there.
pub(crate) fn scenarios() -> Option<Vec<Scenario>> {
    let text_of_all = fs::read_to_string(shared("corpora/okta/recorded.ndjson")?).unwrap();
    let limits = Limits::default();
    let mut scenarios: Vec<Scenario> = Vec::new();
    for line in text_of_all.lines() {
        let row = parse(line.as_bytes(), &limits).unwrap();
        let name = text(&row, "scenario");
        if scenarios.last().is_none_or(|last| last.name != name) {
            scenarios.push(Scenario { name, exchanges: Vec::new() });
        }
        scenarios.last_mut().unwrap().exchanges.push(exchange(&row));
    }
    Some(scenarios)
}
