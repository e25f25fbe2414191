//! Mail over TLS with a password: delivered, or refused in words that say what to look at, and then told later.

use std::path::{Path, PathBuf};

use lastgood::base::secret::Secret;
use lastgood::daemon::alert::mail::{Letterbox, Mail};
use lastgood::daemon::alert::{Carrier, Receiver, Severity};

use crate::alerts::{Telling, begun, trust};
use crate::postbox::{Guarded, PASSWORD, Postbox, USER};

/// The authority of a server in a file.
fn authority(folder: &Path, of: &Postbox) -> PathBuf {
    let file = folder.join(of.place.replace(':', "-"));
    std::fs::write(&file, &of.authority).unwrap();
    file
}

fn mail(scheme: &str, to: &Postbox, ca_file: PathBuf, password: &str) -> Receiver {
    let url = format!("{scheme}://{}", to.place);
    let login = Some((USER.to_owned(), Secret::new(password.to_owned())));
    let letterbox = Letterbox {
        url: &url,
        ca_file: Some(ca_file),
        from: "lastgood@example.com",
        to: &["ops@example.com".to_owned()],
        login,
    };
    let carrier = Carrier::Mail(Box::new(Mail::new(letterbox).unwrap()));
    Receiver { name: scheme.into(), classes: Vec::new(), least: Severity::Info, carrier }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_is_delivered_under_tls_to_whoever_is_trusted_and_knows_the_password() {
    let (world, process) = begun().await;
    let folder = tempfile::tempdir().unwrap();
    let whole = Postbox::open(Guarded::FromTheStart, "127.0.0.1");
    let asked = Postbox::open(Guarded::OnceAsked, "127.0.0.1");
    let also = Postbox::open(Guarded::OnceAsked, "127.0.0.1");
    let ca = |of: &Postbox| authority(folder.path(), of);
    let receivers = vec![
        mail("smtps", &whole, ca(&whole), PASSWORD),
        mail("smtp+starttls", &asked, ca(&asked), PASSWORD),
        mail("smtp", &also, ca(&also), PASSWORD),
    ];
    let telling = Telling::new(&world, receivers);
    telling.round().await;
    trust(&world, "one");
    process.work_until(world.at("02 09:00")).await;
    telling.round().await;
    telling.round().await;
    assert_eq!(telling.complaints(), Vec::<String>::new());
    assert_eq!((whole.messages(), asked.messages(), also.messages()), (1, 1, 1));
}

/// What is complained of while a server is not told, which must then have heard of no alert; it is told once that is put
/// right.
async fn refused(scheme: &str, server: &Postbox, ca_file: PathBuf, password: &str) -> String {
    let (world, process) = begun().await;
    let folder = tempfile::tempdir().unwrap();
    let telling = Telling::new(&world, vec![mail(scheme, server, ca_file, password)]);
    telling.round().await;
    trust(&world, "one");
    process.work_until(world.at("02 09:00")).await;
    telling.round().await;
    assert_eq!(server.messages(), 0);
    let complaints = telling.complaints();
    assert_eq!(complaints.len(), 1, "{complaints:?}");
    assert!(!complaints[0].contains("canary") && !complaints[0].contains("AGxhc3Rnb29k"), "{complaints:?}");
    let right = Postbox::open(Guarded::FromTheStart, "127.0.0.1");
    let mut receiver = mail("smtps", &right, authority(folder.path(), &right), PASSWORD);
    receiver.name = scheme.into();
    Telling::new(&world, vec![receiver]).round().await;
    assert_eq!(right.messages(), 1, "it stayed in the outbox");
    complaints.concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_said_and_not_repeated() {
    let folder = tempfile::tempdir().unwrap();
    for (scheme, guarded) in [("smtps", Guarded::FromTheStart), ("smtp+starttls", Guarded::OnceAsked)] {
        let server = Postbox::open(guarded, "127.0.0.1");
        let ca_file = authority(folder.path(), &server);
        let said = refused(scheme, &server, ca_file, "canary-but-wrong").await;
        let words = "127.0.0.1: the server refuses the sign-in (535); look at `username` and `secret`";
        assert_eq!(said, format!("{scheme}: {words}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_nobody_vouches_for_is_told_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let other = Postbox::open(Guarded::FromTheStart, "127.0.0.1");
    for (scheme, guarded) in [("smtps", Guarded::FromTheStart), ("smtp+starttls", Guarded::OnceAsked)] {
        let server = Postbox::open(guarded, "127.0.0.1");
        let said = refused(scheme, &server, authority(folder.path(), &other), PASSWORD).await;
        assert!(
            said.contains("invalid peer certificate: UnknownIssuer; where a private authority"),
            "{said}"
        );
        let elsewhere = Postbox::open(guarded, "mail.example");
        let said = refused(scheme, &elsewhere, authority(folder.path(), &elsewhere), PASSWORD).await;
        assert!(said.contains("certificate not valid for name"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_offers_no_tls_is_told_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = Postbox::open(Guarded::Never, "127.0.0.1");
    let said = refused("smtp+starttls", &server, authority(folder.path(), &server), PASSWORD).await;
    assert!(said.contains("STARTTLS"), "{said}");
}
