//! `simulate`: a tenant on loopback, made up and strict, for tests and rehearsals.

use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use clap::Args;
use jiff::SignedDuration;

use crate::base::entropy::{SystemEntropy, draw};
use crate::base::time::{Clock, SystemClock};
use crate::catalog::{AuthForm, Provider};
use crate::cli::args::Global;
use crate::cli::{Exit, Failure};
use crate::json::{Object, Pointer, Value};
use crate::sim::door::Door;
use crate::sim::entra::Registration;
use crate::sim::faults::Faults;
use crate::sim::{Listening, Sizes, Tls, World, populate_to, sample, vendor, workflows};

/// Version of the JSON form.
const FORMAT: &str = "lastgood.simulate/1";

/// How old the organisation is: nothing in it changed since just before it was looked at.
const AGE: SignedDuration = SignedDuration::from_hours(24 * 30);

/// `simulate`.
#[derive(Args, Debug)]
pub struct SimulateArgs {
    /// Whose tenant.
    pub provider: String,
    /// Where to listen; port 0 takes a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// How many users the tenant has.
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub users: usize,
    /// How many groups it has [default: one for eight users, from 8 to 30,000].
    #[arg(long, value_name = "G")]
    pub groups: Option<usize>,
    /// How many apps it has [default: one for a hundred users, from 4 to 2,000].
    #[arg(long, value_name = "A")]
    pub apps: Option<usize>,
    /// The same seed makes the same tenant.
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// Where the token's file is written [default: a folder of its own for temporary files].
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// What goes wrong on purpose, and other rate limits than the vendor's smallest, as TOML.
    #[arg(long, value_name = "FILE")]
    pub faults: Option<PathBuf>,
    /// Put in at least one instance of every kind that can be read.
    #[arg(long)]
    pub every_kind: bool,
    /// The login of the user whose the token is [default: an administrator who is in no list].
    #[arg(long, value_name = "LOGIN")]
    pub owner: Option<String>,
    /// Speak TLS, with a certificate of an authority made for this run: `ca_file` in the printed line.
    #[arg(long)]
    pub https: bool,
    /// Read as a service app: a signed assertion, and tokens bound to a key (DPoP).
    #[arg(long)]
    pub oauth: bool,
    /// Serve the helper flow for Okta Workflows too, on a port of its own; needs `--oauth`.
    #[arg(long, requires = "oauth")]
    pub workflows: bool,
    /// Where each request is written down, as NDJSON: method, target, status.
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// Multiply every rate limit; 0 for none.
    #[arg(long, value_name = "F", default_value_t = 1)]
    pub rate: u32,
}

impl SimulateArgs {
    /// Some options say how a tenant with static tokens is come into otherwise.
    fn fit(&self, catalog: &Provider) -> Result<(), Failure> {
        let options = [("--oauth", self.oauth), ("--owner", self.owner.is_some())];
        match options.iter().find(|(_, given)| *given) {
            Some((option, _)) if !catalog.auth.forms.contains(&AuthForm::Token) => Err(Failure::usage(
                format!("{} has no static tokens: `{option}` says nothing of it", catalog.title),
            )),
            _ => Ok(()),
        }
    }

    fn sizes(&self) -> Sizes {
        let usual = Sizes::of(self.users);
        // People are in groups, and rules put them there.
        let groups = self.groups.map_or(usual.groups, |groups| groups.max(1));
        Sizes { groups, apps: self.apps.unwrap_or(usual.apps), ..usual }
    }
}

/// Makes the tenant, says where it is, and answers until it is interrupted.
///
/// # Errors
/// No simulator of this provider, no such address, an unreadable fault file.
pub async fn run(global: &Global, args: SimulateArgs) -> Result<Exit, Failure> {
    let simulated = vendor(&args.provider).map_err(Failure::usage)?;
    args.fit(simulated.provider)?;
    let faults = args.faults.as_deref().map(read_faults).transpose()?.unwrap_or_default();
    let mut listening = Listening::on(args.listen).await?;
    listening.log = args.log.as_deref().map(new_log).transpose()?;
    let sizes = args.sizes();
    let dir = folder(args.dir)?;
    let ca_file = if args.https { Some(speak_tls(&mut listening, &dir)?) } else { None };
    let url = format!("{}://{}", if args.https { "https" } else { "http" }, listening.address);
    let clock = SystemClock;
    let mut world = World::new(simulated, &url, args.seed, clock.now() - AGE);
    world.log.habits = faults.log;
    populate_to(&mut world, &sizes, args.seed);
    if args.every_kind {
        sample(&mut world).map_err(|why| Failure::new(Exit::Error, why))?;
    }
    if let Some(login) = &args.owner {
        world.org.me = owner(&world, login)?;
    }
    let keys = Keys::given_out(&mut world, &dir, args.oauth)?;
    if args.rate > 0 {
        world.windows = (simulated.ways.windows)(world.provider(), args.rate);
        world.windows.set_all(&faults.rate, args.rate);
    }
    world.faults = faults;
    let helper = if args.workflows { Some(helper_flow(&mut world, &listening).await?) } else { None };
    let flows = helper.as_ref().map(|_| format!("{}{}", world.workflows.url, workflows::INVOKE));
    let mut document = announcement(&world, keys, ca_file.as_deref());
    if let (Some(flows), Some(tenant)) = (flows, document.get_mut("tenant").and_then(Value::as_object_mut)) {
        tenant.insert("workflows", flows);
    }
    global.output.document(&document);
    let (world, clock): (_, Arc<dyn Clock>) = (Arc::new(Mutex::new(world)), Arc::new(clock));
    match helper {
        None => listening.answer_from(world, clock).await?,
        Some(helper) => {
            let both =
                (listening.answer_from(world.clone(), clock.clone()), helper.answer_from(world, clock));
            tokio::try_join!(both.0, both.1)?;
        }
    }
    Ok(Exit::Done)
}

/// The id of the user with this login.
fn owner(world: &World, login: &str) -> Result<String, Failure> {
    let at = Pointer::from_segments(["profile", "login"]);
    let mut users = world.kind("user").into_iter().flat_map(|kind| world.rows(kind, &[], None));
    let found = users.find(|(_, _, body)| at.get(body).and_then(Value::as_str) == Some(login));
    let found = found.map(|(_, id, _)| id.to_owned());
    found.ok_or_else(|| Failure::usage(format!("no user of the simulated tenant has the login `{login}`")))
}

/// The host of the flows: another port of the same machine.
async fn helper_flow(world: &mut World, tenant: &Listening) -> Result<Listening, Failure> {
    let mut listening = Listening::on(SocketAddr::new(tenant.address.ip(), 0)).await?;
    listening.tls.clone_from(&tenant.tls);
    let scheme = if listening.tls.is_some() { "https" } else { "http" };
    world.workflows.url = format!("{scheme}://{}", listening.address);
    if let Some(door) = &mut world.door {
        door.granted.insert(workflows::SCOPE.to_owned());
    }
    Ok(listening)
}

/// Makes an authority and writes its certificate beside the token.
fn speak_tls(listening: &mut Listening, dir: &Path) -> Result<PathBuf, Failure> {
    let tls = Tls::new().map_err(|why| Failure::new(Exit::Error, why))?;
    let file = dir.join("ca.pem");
    fs::write(&file, &tls.authority).map_err(|error| {
        Failure::new(Exit::Error, format!("cannot write the certificate to `{}`: {error}", file.display()))
    })?;
    listening.tls = Some(tls);
    Ok(file)
}

/// Registers a service app that may read everything, and writes its key; the `auth` table for it.
fn service_app(world: &mut World, dir: &Path) -> Result<Value, Failure> {
    let failed = |error: rcgen::Error| Failure::new(Exit::Error, format!("no key could be made: {error}"));
    let key = rcgen::KeyPair::generate().map_err(failed)?;
    let file = dir.join("key.pem");
    write_secret(&file, &key.serialize_pem())?;
    let granted = world.provider().scopes(false).into_iter().collect();
    let client_id = "0oaLastgoodReader000";
    world.door = Some(Door::new(client_id, key.public_key_raw().to_vec(), granted));
    let members = [
        ("kind", Value::from("private_key_jwt")),
        ("client_id", client_id.into()),
        ("key", format!("file:{}", file.display()).into()),
    ];
    Ok(Object::from_pairs(members).into())
}

/// A token of the vendor's form.
pub(super) fn new_token() -> Result<String, Failure> {
    let bytes: [u8; 20] =
        draw(&SystemEntropy).map_err(|error| Failure::new(Exit::Error, error.to_string()))?;
    Ok(format!("00{}", data_encoding::HEXLOWER.encode(&bytes)))
}

pub(super) fn folder(given: Option<PathBuf>) -> Result<PathBuf, Failure> {
    let failed =
        |error: std::io::Error| Failure::new(Exit::Error, format!("no folder for the token: {error}"));
    match given {
        Some(dir) => {
            fs::create_dir_all(&dir).map_err(failed)?;
            fs::canonicalize(dir).map_err(failed)
        }
        None => Ok(tempfile::Builder::new().prefix("lastgood-").tempdir().map_err(failed)?.keep()),
    }
}

/// Only the owner may read it, from its first byte on.
pub(super) fn write_secret(file: &Path, secret: &str) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(Exit::Error, format!("cannot write the secret to `{}`: {error}", file.display()))
    };
    match fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let mut out =
        fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).map_err(failed)?;
    out.write_all(secret.as_bytes()).map_err(failed)
}

/// The log of requests, new.
fn new_log(file: &Path) -> Result<Box<dyn std::io::Write + Send>, Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(Exit::Error, format!("cannot write the log to `{}`: {error}", file.display()))
    };
    Ok(Box::new(fs::File::create(file).map_err(failed)?))
}

fn read_faults(file: &Path) -> Result<Faults, Failure> {
    let wrong = |message: String| Failure::usage(format!("`{}`: {message}", file.display()));
    let text = fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    Faults::parse(&text).map_err(wrong)
}

/// What a tenant's table says of credentials, the secrets themselves being in files.
struct Keys {
    /// To read with.
    auth: Value,
    /// To write with.
    restore_auth: Option<Value>,
}

impl Keys {
    /// Makes what the vendor's way in asks for: a token that does not change, or a registration with a secret.
    fn given_out(world: &mut World, dir: &Path, oauth: bool) -> Result<Self, Failure> {
        if !world.provider().auth.forms.contains(&AuthForm::Token) {
            return Ok(Self { auth: registration(world, dir)?, restore_auth: None });
        }
        let (token, file) = (new_token()?, dir.join("token"));
        write_secret(&file, &token)?;
        world.token = Some(token);
        let members = [("kind", Value::from("token")), ("token", format!("file:{}", file.display()).into())];
        let by_token = Value::from(Object::from_pairs(members));
        let auth = if oauth { service_app(world, dir)? } else { by_token.clone() };
        Ok(Self { auth, restore_auth: Some(by_token) })
    }
}

/// Registers an application that may read everything; the `auth` table for it.
fn registration(world: &mut World, dir: &Path) -> Result<Value, Failure> {
    let (secret, file) = (new_token()?, dir.join("client-secret"));
    write_secret(&file, &secret)?;
    let granted = world.provider().scopes(false).into_iter().collect();
    let client_id = "5f1c0a3e-7d2b-4b8e-9a41-0c6d1e2f3a4b";
    world.app = Some(Registration::new(client_id, &secret, granted));
    let members = [
        ("kind", Value::from("client_secret")),
        ("client_id", client_id.into()),
        ("client_secret", format!("file:{}", file.display()).into()),
    ];
    Ok(Object::from_pairs(members).into())
}

/// One line for programs: where it is, and a tenant table that is ready to use.
fn announcement(world: &World, keys: Keys, ca_file: Option<&Path>) -> Value {
    let (catalog, url) = (world.provider(), world.org.url.as_str());
    let provider = catalog.provider.as_str();
    let mut tenant = Object::from_pairs([
        ("name", Value::from(format!("{provider}-sim"))),
        ("provider", provider.into()),
        ("url", url.into()),
        ("auth", keys.auth),
    ]);
    if let Some(auth) = keys.restore_auth {
        tenant.insert("restore_auth", auth);
    }
    // Settings without a default must be given; nothing in the simulated tenant depends on the others.
    let settings = catalog.settings.iter().filter(|(_, default)| default.is_empty());
    for (name, _) in settings.filter(|(name, _)| catalog.needs_setting(name)) {
        tenant.insert(name.as_str(), "sim");
    }
    for (name, value) in (world.vendor.ways.settings)(world) {
        tenant.insert(name, value);
    }
    if let Some(file) = ca_file {
        tenant.insert("ca_file", file.display().to_string());
    }
    Object::from_pairs([
        ("format", FORMAT.into()),
        ("url", url.into()),
        ("tenant", tenant.into()),
        ("ca_file", ca_file.map_or(Value::Null, |file| file.display().to_string().into())),
    ])
    .into()
}
