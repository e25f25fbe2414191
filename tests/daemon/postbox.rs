//! A mail server on this machine with TLS and a password, and an authority made for it.
//!
//! It notes what came in clear and what came under TLS. To whoever gives a wrong password it repeats what it was sent, as a
//! server may.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// Who may sign in.
pub(crate) const USER: &str = "lastgood";
/// With which password.
pub(crate) const PASSWORD: &str = "canary-5e0d7a";

/// How a server guards what it is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guarded {
    FromTheStart,
    OnceAsked,
    Never,
}

/// A mail server that runs as long as the test.
pub(crate) struct Postbox {
    /// Host and port.
    pub(crate) place: String,
    /// The authority that vouches for it, in PEM form.
    pub(crate) authority: String,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Postbox {
    /// Listens; its certificate is for this name.
    pub(crate) fn open(guarded: Guarded, name: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let place = listener.local_addr().unwrap().to_string();
        let (authority, config) = certified(name, &place);
        let heard: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = heard.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Whoever hangs up early has sent no message.
                let _ = Session { heard: &kept, config: &config }.take(stream, guarded);
            }
        });
        Self { place, authority, heard }
    }

    /// What came since this was asked last: `clear` or `tls`, and the line.
    pub(crate) fn heard(&self) -> Vec<String> {
        std::mem::take(&mut *self.heard.lock().unwrap())
    }

    /// The same: how many messages came, all under TLS.
    #[track_caller]
    pub(crate) fn messages(&self) -> usize {
        let heard = self.heard();
        for sent in ["clear AUTH", "clear MAIL", "clear DATA"] {
            assert!(!heard.iter().any(|line| line.starts_with(sent)), "{heard:#?}");
        }
        heard.iter().filter(|line| line.as_str() == "tls .").count()
    }
}

/// A certificate for a name, of an authority that no other server has.
fn certified(name: &str, place: &str) -> (String, Arc<ServerConfig>) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.distinguished_name.push(rcgen::DnType::CommonName, format!("authority of {place}"));
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)
        .unwrap();
    (issuer.pem(), Arc::new(config))
}

struct Session<'a> {
    heard: &'a Mutex<Vec<String>>,
    config: &'a Arc<ServerConfig>,
}

impl Session<'_> {
    fn take(&self, mut stream: TcpStream, guarded: Guarded) -> io::Result<()> {
        if guarded != Guarded::FromTheStart {
            stream.write_all(b"220 test\r\n")?;
            let offers = if guarded == Guarded::Never { "8BITMIME" } else { "STARTTLS" };
            if !self.talk(&mut stream, "clear", &format!("250-test\r\n250 {offers}\r\n"))? {
                return Ok(());
            }
        }
        let connection = ServerConnection::new(self.config.clone()).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(connection, stream);
        if guarded == Guarded::FromTheStart {
            stream.write_all(b"220 test\r\n")?;
        }
        self.talk(&mut stream, "tls", "250-test\r\n250 AUTH PLAIN LOGIN\r\n")?;
        Ok(())
    }

    /// Answers until the end, or until TLS is asked for; which.
    fn talk(&self, stream: &mut (impl Read + Write), how: &str, hello: &str) -> io::Result<bool> {
        let right = data_encoding::BASE64.encode(format!("\0{USER}\0{PASSWORD}").as_bytes());
        let (mut signed_in, mut in_message) = (false, false);
        while let Some(line) = line(stream)? {
            self.heard.lock().unwrap().push(format!("{how} {line}"));
            let mut answer = match line.as_str() {
                "." if in_message => "250 taken\r\n".to_owned(),
                _ if in_message => continue,
                "STARTTLS" if how == "clear" => {
                    stream.write_all(b"220 go on\r\n")?;
                    return Ok(true);
                }
                "DATA" if signed_in => "354 go on\r\n".to_owned(),
                "QUIT" => return Ok(false),
                _ if line.starts_with("EHLO") => hello.to_owned(),
                _ if signed_in => "250 fine\r\n".to_owned(),
                _ => "530 5.7.0 sign in first\r\n".to_owned(),
            };
            if let Some(given) = line.strip_prefix("AUTH PLAIN ") {
                signed_in = given == right;
                answer = match signed_in {
                    true => "235 welcome\r\n".to_owned(),
                    false => format!("535 5.7.8 {given} is not right\r\n"),
                };
            }
            in_message = line == "DATA" && signed_in;
            stream.write_all(answer.as_bytes())?;
            stream.flush()?;
        }
        Ok(false)
    }
}

/// A line, byte by byte: what follows it may be the beginning of TLS.
fn line(stream: &mut impl Read) -> io::Result<Option<String>> {
    let (mut line, mut byte) = (Vec::new(), [0]);
    while stream.read(&mut byte)? == 1 {
        if byte == *b"\n" {
            return Ok(Some(String::from_utf8_lossy(&line).trim_end().to_owned()));
        }
        line.push(byte[0]);
    }
    Ok(None)
}
