//! The vendor's own answers, as others recorded them: what they hold, the simulator's hold too, of the same type.
//!
//! Recorded answers are often cut short and never longer than the vendor's, so a member that only the
//! simulator shows says nothing here: the document judges those. A list that is empty here, or a member that is
//! null, holds nothing to compare.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use lastgood::base::key::Kind;
use lastgood::catalog::{self, KindSpec, Shape, Template};
use lastgood::json::{Limits, Value, parse};

use crate::directory::{Directory, shared};

/// Members that recordings show and the simulator does not, and why.
const LEFT_OUT: [(&str, &str, &str); 13] = [
    ("access_package", "/catalogId is missing here", "the vendor's document does not have it"),
    (
        "access_review_definition",
        "/instances is missing here",
        "what came of a review is no setting and is not read",
    ),
    ("group", "/creationOptions is missing here", "the vendor's document has it no longer"),
    ("service_principal", "/createdDateTime is missing here", "the vendor's document does not have it"),
    (
        "administrative_unit_scoped_role_member",
        "/roleMemberInfo/userPrincipalName is missing here",
        "the vendor's document does not have it",
    ),
    ("authentication_method_configuration", "/value is missing here", "a recording with a list in a list"),
    (
        "authentication_methods_policy",
        "/authenticationMethodConfigurations is missing here",
        "shown unasked, and a kind of its own: the catalogue drops it here",
    ),
    (
        "permission_grant_policy",
        "/excludes is missing here",
        "shown unasked, and a kind of its own: the catalogue drops it here",
    ),
    (
        "permission_grant_policy",
        "/includes is missing here",
        "shown unasked, and a kind of its own: the catalogue drops it here",
    ),
    ("directory_setting", "/id_doesnotexists is missing here", "a slip of whoever recorded it"),
    ("identity_provider", "/name is missing here", "from before the kinds of providers"),
    ("identity_provider", "/type is missing here", "from before the kinds of providers"),
    ("organization", "/value is missing here", "one page of the reference has a list in a list"),
];

/// Words for the types that were seen at each place, lists and members gone into.
type Members = BTreeMap<String, BTreeSet<&'static str>>;

fn word(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "text",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    }
}

fn walk(value: &Value, at: &str, out: &mut Members) {
    out.entry(at.to_owned()).or_default().insert(word(value));
    match value {
        Value::Object(members) => {
            for (name, member) in
                members.iter().filter(|(name, _)| !name.contains('@') && !name.starts_with('#'))
            {
                walk(member, &format!("{at}/{name}"), out);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| walk(item, &format!("{at}/*"), out)),
        _ => {}
    }
}

/// Where a recorded shape has what the other lacks or has otherwise.
fn differences(recorded: &Members, simulated: &Members) -> Vec<String> {
    let above = |at: &str| at.rsplit_once('/').map(|(above, _)| above.to_owned());
    let mut out = Vec::new();
    for (at, words) in recorded {
        match simulated.get(at) {
            Some(own) => {
                let strange = words.difference(own).filter(|word| **word != "null" && !own.contains("null"));
                out.extend(strange.map(|word| format!("{at} is {word} there")));
            }
            // Below what is empty here there is nothing to compare.
            None => {
                let holder = above(at).and_then(|above| simulated.get(&above));
                if holder.is_some_and(|words| words.contains("object")) {
                    out.push(format!("{at} is missing here"));
                }
            }
        }
    }
    out
}

/// The instances in an answer.
fn instances(body: &Value) -> Vec<&Value> {
    match body.get("value").and_then(Value::as_array) {
        Some(rows) => rows.iter().filter(|row| row.as_object().is_some()).collect(),
        None => vec![body],
    }
}

/// The paths under which instances of a kind are read, without the version.
fn places(spec: &KindSpec) -> Vec<String> {
    let reads = spec.read.iter().filter_map(|read| read.path.as_ref());
    let all = reads.chain(&spec.get).chain(&spec.same).map(Template::bare);
    all.map(|path| path.trim_start_matches("/v1.0").trim_start_matches("/beta").to_owned()).collect()
}

fn is_of(path: &str, template: &str) -> bool {
    let (asked, wanted): (Vec<&str>, Vec<&str>) = (path.split('/').collect(), template.split('/').collect());
    asked.len() == wanted.len()
        && asked.iter().zip(&wanted).all(|(asked, wanted)| wanted.starts_with('{') || asked == wanted)
}

#[test]
fn recorded_answers_have_the_same_shape() {
    let Some(file) = shared("corpora/entra/exchanges.ndjson") else { return };
    let provider = catalog::provider("entra").unwrap();
    let built = &catalog::proof("entra").collected;
    let shown = simulated();
    let (mut compared, mut kinds, mut wrong) = (0, BTreeSet::new(), BTreeSet::new());
    for line in fs::read_to_string(file).unwrap().lines() {
        let exchange = parse(line.as_bytes(), &Limits::body()).unwrap();
        let text = |name: &str| exchange.get(name).and_then(Value::as_str).unwrap_or_default();
        let kind = Kind::new(text("type"));
        let (Some(spec), true) = (provider.kind(&kind), built.contains(&kind)) else { continue };
        let asked = text("method") == "GET" && exchange.get("status").and_then(Value::as_i64) == Some(200);
        let body = exchange.get("response").filter(|body| body.as_object().is_some());
        let version = if spec.stage == lastgood::catalog::Stage::Beta { "beta" } else { "v1.0" };
        let fits = text("api") == version && places(spec).iter().any(|place| is_of(text("path"), place));
        let Some(body) = body.filter(|_| asked && fits) else { continue };
        compared += 1;
        kinds.insert(kind.to_string());
        for row in instances(body) {
            let mut shape = Members::new();
            walk(row, "", &mut shape);
            // Of a link only the far end's id is kept: its kind tells the rest.
            shape.retain(|at, _| spec.shape != Shape::Edge || at.is_empty() || at == "/id");
            wrong.extend(
                differences(&shape, &shown[kind.as_str()])
                    .into_iter()
                    .map(|found| format!("{kind}: {found}")),
            );
        }
    }
    for (kind, at, why) in LEFT_OUT {
        assert!(!why.is_empty() && wrong.remove(&format!("{kind}: {at}")), "{kind} {at} is not left out");
    }
    println!("{compared} recorded answers of {} kinds compared", kinds.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(compared >= 120 && kinds.len() >= 30, "{compared} of {kinds:?}");
}

/// What the simulator shows of each kind, over all its instances.
fn simulated() -> BTreeMap<String, Members> {
    let directory = Directory::start();
    directory.snapshot();
    let provider = catalog::provider("entra").unwrap();
    let mut out: BTreeMap<String, Members> = BTreeMap::new();
    for asked in directory.asked().into_iter().filter(|asked| asked.method == "GET" && asked.status == 200) {
        let of = provider.kinds.iter().filter(|spec| {
            let mut paths = spec.read.iter().filter_map(|read| read.path.as_ref()).map(Template::bare);
            spec.is_asked_for() && paths.any(|path| is_of(&asked.path, &path))
        });
        let kinds: Vec<&KindSpec> = of.collect();
        let lastgood::sim::Body::Json(body) = directory.answer("GET", &asked.target, "").body else {
            continue;
        };
        for spec in kinds {
            let shape = out.entry(spec.kind.to_string()).or_default();
            instances(&body).into_iter().for_each(|row| walk(row, "", shape));
        }
    }
    out
}

#[test]
fn a_difference_is_seen() {
    let shape = |text: &str| {
        let mut shape = Members::new();
        walk(&parse(text.as_bytes(), &Limits::default()).unwrap(), "", &mut shape);
        shape
    };
    let simulated = shape(r#"{"a":"x","b":[],"c":{"d":1},"e":null}"#);
    let recorded =
        shape(r#"{"a":1,"b":[{"x":1}],"c":{"d":1,"f":"y"},"e":{"g":1},"h":true,"@odata.type":"t"}"#);
    let expected = ["/a is number there", "/c/f is missing here", "/h is missing here"];
    assert_eq!(differences(&recorded, &simulated), expected);
}
