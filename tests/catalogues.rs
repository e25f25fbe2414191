//! The completeness claim as a sum: every GET operation of a vendor's document is read, named as
//! the same data, or excluded with a reason; and the committed files are what the converter writes.
//!
//! The vendors' documents are not part of the repository: `LASTGOOD_SHARED` says where they lie
//! (default: `shared` beside the checkout). Without them these tests say so and pass, unless
//! `LASTGOOD_REQUIRE_SHARED=1`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that fails says why, and a skipped one says so"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use lastgood::base::key::Kind;
use lastgood::catalog::{self, KindSpec, Provider, RestoreClass, Template};
use serde_json::Value;

/// A vendor's documents, what stands before their paths in the catalogue, and the sums.
struct Claim {
    provider: &'static str,
    documents: &'static [&'static str],
    under: &'static str,
    gets: usize,
    collected: usize,
    excluded: usize,
}

const OKTA: Claim = Claim {
    provider: "okta",
    documents: &[
        "okta/management.json",
        "okta/governance.json",
        "okta/oauth.json",
        "okta/myaccount.json",
        "okta/access-gateway.json",
        "okta/privileged-access.json",
        "okta/management-dev-only.json",
    ],
    under: "",
    gets: 568,
    collected: 381,
    excluded: 187,
};

const AUTH0: Claim = Claim {
    provider: "auth0",
    documents: &["auth0/operations.json"],
    under: "/api/v2",
    gets: 206,
    collected: 148,
    excluded: 58,
};

const ENTRA: Claim = Claim {
    provider: "entra",
    documents: &["entra/get-paths.json"],
    under: "/v1.0",
    gets: 4470,
    collected: 390,
    excluded: 4080,
};

const ENTRA_BETA: Claim = Claim { under: "/beta", gets: 3127, collected: 91, excluded: 3036, ..ENTRA };

const PINGONE: Claim = Claim {
    provider: "pingone",
    documents: &[
        "ping/pingone-management.openapi.json",
        "ping/pingone-mfa.openapi.json",
        "ping/pingone-risk.openapi.json",
        "ping/pingone-authorize.openapi.json",
        "ping/pingone-credentials.openapi.json",
        "ping/pingone-verify.openapi.json",
        "ping/pingone-platform-davinci.openapi.json",
    ],
    under: "/v1",
    gets: 248,
    collected: 202,
    excluded: 46,
};

const PINGFEDERATE: Claim = Claim {
    provider: "pingfederate",
    documents: &["ping/pingfederate-admin.openapi.json"],
    under: "/pf-admin-api/v1",
    gets: 225,
    collected: 164,
    excluded: 61,
};

/// The folder with the vendors' documents; `None`, and a notice, where there is none.
fn shared() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let folder = env::var_os("LASTGOOD_SHARED").map_or(beside, PathBuf::from);
    if folder.join("specs").is_dir() {
        return Some(folder);
    }
    assert!(
        env::var_os("LASTGOOD_REQUIRE_SHARED").is_none_or(|value| value != "1"),
        "{} has no `specs`",
        folder.display()
    );
    eprintln!("skipped: no vendors' documents at {}; set LASTGOOD_SHARED", folder.display());
    None
}

/// The GET paths of a document: an OpenAPI one, a list of operations, or lists of paths by version.
fn gets(file: &Path, under: &str) -> BTreeSet<String> {
    let document: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    let paths: Vec<&str> = if let Some(paths) = document.get("paths").and_then(Value::as_object) {
        paths.iter().filter(|(_, path)| path.get("get").is_some()).map(|(name, _)| name.as_str()).collect()
    } else if let Some(operations) = document.get("operations").and_then(Value::as_array) {
        let get = operations.iter().filter(|operation| operation["method"] == "GET");
        get.filter_map(|operation| operation["path"].as_str()).collect()
    } else {
        document[under.trim_start_matches('/')].as_array().unwrap().iter().filter_map(Value::as_str).collect()
    };
    paths.into_iter().map(|path| format!("{under}{path}")).collect()
}

fn holds(claim: &Claim) {
    let Some(shared) = shared() else { return };
    let mut document = BTreeSet::new();
    let mut count = 0;
    for name in claim.documents {
        let paths = gets(&shared.join("specs").join(name), claim.under);
        count += paths.len();
        document.extend(paths);
    }
    if claim.provider == "okta" {
        assert_eq!(count, claim.gets, "okta: no path stands in two documents");
    }
    assert_eq!(document.len(), claim.gets, "{}: GET operations of the documents", claim.provider);

    let provider = catalog::provider(claim.provider).unwrap();
    let same = provider.kinds.iter().flat_map(|kind| kind.same.iter().map(Template::bare));
    let read: BTreeSet<String> =
        provider.kinds.iter().flat_map(|kind| kind.collected()).chain(same).collect();
    let excluded: Vec<String> = provider.excluded.iter().flat_map(|group| group.each()).collect();
    let collected: BTreeSet<_> = read.intersection(&document).cloned().collect();
    let left: BTreeSet<_> = excluded.iter().filter(|path| document.contains(*path)).cloned().collect();
    let unclaimed: Vec<_> =
        document.iter().filter(|path| !collected.contains(*path) && !left.contains(*path)).collect();
    assert!(unclaimed.is_empty(), "{}: nobody claims {unclaimed:#?}", claim.provider);
    assert_eq!(collected.intersection(&left).count(), 0, "{}: claimed twice", claim.provider);
    assert_eq!((collected.len(), left.len()), (claim.collected, claim.excluded), "{}", claim.provider);
    for path in unread(provider).into_values().flatten().filter(|path| path.starts_with(claim.under)) {
        assert!(document.contains(&path), "{}: {path} is counted and in no document", claim.provider);
    }
}

#[test]
fn okta_adds_up() {
    holds(&OKTA);
}

#[test]
fn auth0_adds_up() {
    holds(&AUTH0);
}

#[test]
fn entra_adds_up_in_both_versions() {
    holds(&ENTRA);
    holds(&ENTRA_BETA);
}

#[test]
fn pingone_adds_up() {
    holds(&PINGONE);
}

#[test]
fn pingfederate_adds_up() {
    holds(&PINGFEDERATE);
}

/// The facts that the catalogue of Entra ID is made of count types by what they are worth: 92 for the first release,
/// 145 for later. What only a signed-in person may read is a gap of the vendor's, whenever it comes.
#[test]
fn what_entra_reads_is_the_first_tier() {
    let Some(shared) = shared() else { return };
    let facts: Value =
        serde_json::from_slice(&fs::read(shared.join("providers/entra.json")).unwrap()).unwrap();
    let provider = catalog::provider("entra").unwrap();
    let (mut read, mut later, mut by_people, mut held) = (0, 0, 0, 0);
    for row in facts["types"].as_array().unwrap() {
        let name = row["type"].as_str().unwrap();
        let spec = provider.kind(&Kind::new(name)).unwrap();
        let delegated = !row["read_permission"]["delegated_only"].is_null();
        match &spec.unread {
            None if spec.carried_by.is_some() => held += 1,
            None => {
                assert_eq!(row["tier"], 1, "{name} is read");
                assert!(!delegated && !spec.scopes.read.is_empty(), "{name}: no right reads it");
                read += 1;
            }
            Some(unread) if unread.not_yet => {
                assert!(row["tier"] != 1 && !delegated, "{name} is not yet read");
                later += 1;
            }
            Some(unread) => {
                assert_eq!(unread.state.as_str(), "no_api", "{name}");
                by_people += 1;
            }
        }
    }
    // Of the 92 two can be read by people alone, and one hangs on those.
    assert_eq!((read, later, by_people, held), (89, 129, 18, 1));
    assert_eq!(provider.kinds.len(), 237);
}

/// Needs `python3`; a machine without it checks the sums and not the text.
#[test]
fn the_committed_files_are_the_converters_output() {
    let Some(shared) = shared() else { return };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/catalog/import/convert.py");
    let run =
        Command::new("python3").arg("-B").arg(script).arg("--check").env("LASTGOOD_SHARED", shared).output();
    match run {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => eprintln!("skipped: python3 cannot be run: {error}"),
    }
}

/// The GET paths that kinds of a provider claim and nobody reads, by the reason.
fn unread(provider: &Provider) -> BTreeMap<&str, BTreeSet<String>> {
    let mut out: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for kind in &provider.kinds {
        if let Some(unread) = &kind.unread {
            let same = kind.same.iter().map(Template::bare);
            out.entry(&unread.reason).or_default().extend(kind.collected().into_iter().chain(same));
        }
    }
    out
}

/// The completeness claim of each vendor, as the tests here hold it against the vendor's documents.
fn sums() -> String {
    let mut out = String::from(
        "\n## Every GET operation of the vendors' documents\n\nEach is read by a kind or gives the same data as one that is, belongs to a kind that is declared and not read, \
         or is excluded with a reason (`lastgood kinds PROVIDER --json` lists them): none is missing, none stands twice.\n\n\
         | documents | operations | of kinds that are read | of kinds that are not | excluded |\n| --- | --- | --- | --- | --- |\n",
    );
    let mut reasons = String::new();
    for claim in [OKTA, ENTRA, ENTRA_BETA, AUTH0, PINGONE, PINGFEDERATE] {
        let provider = catalog::provider(claim.provider).unwrap();
        let beside = unread(provider);
        let beside: Vec<(&str, usize)> = beside
            .iter()
            .map(|(reason, paths)| {
                (*reason, paths.iter().filter(|path| path.starts_with(claim.under)).count())
            })
            .collect();
        let not_read: usize = beside.iter().map(|(_, count)| count).sum();
        let title = format!("{} {}", provider.title, claim.under.trim_start_matches('/'));
        let (gets, read, excluded) = (claim.gets, claim.collected - not_read, claim.excluded);
        writeln!(out, "| {} | {gets} | {read} | {not_read} | {excluded} |", title.trim_end()).unwrap();
        for (reason, count) in beside.iter().filter(|(_, count)| *count > 0) {
            writeln!(reasons, "- {}: {count} operations. {reason}", provider.title).unwrap();
        }
    }
    if !reasons.is_empty() {
        write!(out, "\nNot read:\n\n{reasons}").unwrap();
    }
    out
}

/// An API gives it, and nobody reads it so far.
fn not_yet(spec: &KindSpec) -> bool {
    spec.unread.as_ref().is_some_and(|unread| unread.not_yet)
}

/// Every catalogue on one page: what is declared, and what of it is proven.
fn page() -> String {
    let mut out = String::from(
        "# What is declared, collected, restored\n\nPrinted by `tests/catalogues.rs` from the catalogues and `src/catalog/proof`, which the tests against the real \
         server write: a kind is *collected* when the server's own request log shows each GET path of its sweep and a resource of it was \
         stored; it is *restored* when an instance with every writable field set was changed, deleted and put back, and an independent \
         reader found it as it was but for what the plan announced.\n*Held by* means that another kind's resources carry the same fact. A kind that is declared and not proven \
         is listed and not counted. *Not yet*: an API gives it, and this version does not read it. *From files*: no API gives it, exported files do (`docs/WORKFLOWS.md`), and it is not counted. Okta's and Entra ID's servers are simulated ones (`docs/SIM-OKTA.md` says what judges the first, `tests/entra` the second).\n\n",
    );
    out.push_str(
        "| provider | declared | not yet | collected | held by another | restored |\n| --- | --- | --- | --- | --- | --- |\n",
    );
    for name in catalog::names() {
        let provider = catalog::provider(name).unwrap();
        let proof = catalog::proof(name);
        let held = provider.kinds.iter().filter(|spec| spec.carried_by.is_some());
        let held = if proof.collected.is_empty() { 0 } else { held.count() };
        let (declared, collected, restored) =
            (provider.kinds.len(), proof.collected.len(), proof.restored.len());
        let later = provider.kinds.iter().filter(|spec| not_yet(spec)).count();
        writeln!(out, "| {} | {declared} | {later} | {collected} | {held} | {restored} |", provider.title)
            .unwrap();
    }
    out.push_str(&sums());
    for name in catalog::names() {
        let provider = catalog::provider(name).unwrap();
        if catalog::proof(name).collected.is_empty() && !provider.kinds.iter().any(not_yet) {
            continue;
        }
        write!(
            out,
            "\n## {}\n\n| kind | collected | restorable, as declared | restored | what is lost, or why not |\n| --- | --- | --- | --- | --- |\n",
            provider.title
        )
        .unwrap();
        for spec in &provider.kinds {
            let proven = |kinds: &BTreeSet<Kind>| match &spec.carried_by {
                Some(carrier) if kinds.contains(carrier) => format!("held by {carrier}"),
                _ if kinds.contains(&spec.kind) => "yes".to_owned(),
                _ if spec.file.is_some() => "from files".to_owned(),
                _ if not_yet(spec) => "not yet".to_owned(),
                _ => "no".to_owned(),
            };
            let restored = match spec.restore.class {
                RestoreClass::Never => "–".to_owned(),
                _ => proven(&catalog::proof(name).restored),
            };
            let (class, reason) = (spec.restore.class.as_str(), &spec.restore.reason);
            let collected = proven(&catalog::proof(name).collected);
            writeln!(out, "| {} | {collected} | {class} | {restored} | {reason} |", spec.kind).unwrap();
        }
    }
    out
}

#[test]
fn the_page_says_what_is_proven() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/CATALOG.md");
    let page = page();
    if env::var_os("LASTGOOD_WRITE_DOCS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(kept, page, "docs/CATALOG.md is not up to date; write it with LASTGOOD_WRITE_DOCS=1");
}
