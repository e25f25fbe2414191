//! Mail (RFC 5321): one message an alert, in plain text.
//!
//! Without TLS nothing leaves the machine: `smtp://` asks for STARTTLS, unless the host is the loopback itself. A server
//! that does not offer it is told nothing. What a server answers may repeat what it was sent: no password, in whatever
//! form it was sent, may stand in an error.

use std::path::{Path, PathBuf};
use std::time::Duration;

use data_encoding::BASE64;
use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};

use crate::base::secret::Secret;
use crate::daemon::alert::{Alert, form};
use crate::http::{install_tls, is_loopback};

/// Until the server has taken the message.
const PATIENCE: Duration = Duration::from_secs(10);
/// Characters of what a server says that are repeated.
const SAID_MAX: usize = 300;

/// A mail server, and who writes to whom.
pub struct Mail {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    host: String,
    from: Mailbox,
    to: Vec<Mailbox>,
    login: Option<(String, Secret<String>)>,
}

/// A mail receiver as it is configured.
pub struct Letterbox<'a> {
    /// `smtp://HOST:PORT`, `smtp+starttls://HOST:PORT`, `smtps://HOST:PORT`.
    pub url: &'a str,
    /// The authorities that may vouch for the server, in PEM form; those of the system where nothing is said.
    pub ca_file: Option<PathBuf>,
    /// Who writes.
    pub from: &'a str,
    /// To whom.
    pub to: &'a [String],
    /// Who signs in, where the server asks for that.
    pub login: Option<(String, Secret<String>)>,
}

/// How a connection is guarded.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Guard {
    /// From its first byte.
    Tls,
    /// From the word `STARTTLS` on, and nothing is sent before.
    StartTls,
    /// It does not leave the machine.
    Loopback,
}

/// Whether an address is one of mail.
#[must_use]
pub fn is_mail(url: &str) -> bool {
    ["smtp://", "smtp+starttls://", "smtps://"].iter().any(|scheme| url.starts_with(scheme))
}

impl Mail {
    /// The way to a mail server.
    ///
    /// # Errors
    /// In words, what is not of its form.
    pub fn new(letterbox: Letterbox<'_>) -> Result<Self, String> {
        let (scheme, place) = letterbox.url.split_once("://").unwrap_or_default();
        let place = place.trim_end_matches('/');
        // Before anything of it is repeated: a password may stand there.
        if place.contains(['@', '/', '?']) {
            return Err("write `smtp://HOST:PORT`; who signs in stands in `username` and `secret`".to_owned());
        }
        let usual = if scheme == "smtps" { 465 } else { 587 };
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().map_err(|_| format!("`{port}` is no port"))?),
            None => (place, usual),
        };
        if host.is_empty() {
            return Err("write `smtp://HOST:PORT`".to_owned());
        }
        let guard = match scheme {
            "smtps" => Guard::Tls,
            "smtp" if is_loopback(host) && letterbox.ca_file.is_none() => Guard::Loopback,
            _ => Guard::StartTls,
        };
        let address =
            |text: &str| text.parse::<Mailbox>().map_err(|_| format!("`{text}` is no mail address"));
        let to = letterbox.to.iter().map(|text| address(text)).collect::<Result<Vec<_>, _>>()?;
        if to.is_empty() {
            return Err("`to` names nobody".to_owned());
        }
        let tls = match guard {
            Guard::Tls => Tls::Wrapper(trust(host, letterbox.ca_file.as_deref())?),
            Guard::StartTls => Tls::Required(trust(host, letterbox.ca_file.as_deref())?),
            Guard::Loopback => Tls::None,
        };
        // Dangerous is that it begins without TLS, which is said right after.
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
            .tls(tls)
            .port(port)
            .timeout(Some(PATIENCE));
        if let Some((name, secret)) = &letterbox.login {
            builder = builder.credentials(Credentials::new(name.clone(), secret.expose().clone()));
        }
        let (host, from) = (host.to_owned(), address(letterbox.from)?);
        Ok(Self { transport: builder.build(), host, from, to, login: letterbox.login })
    }

    /// Sends one message.
    ///
    /// # Errors
    /// It was not taken, in words.
    pub async fn send(&self, alert: &Alert) -> Result<(), String> {
        let mut message = Message::builder()
            .from(self.from.clone())
            .subject(form::title(alert))
            .message_id(Some(format!("<{}@alerts.lastgood>", alert.id)))
            .header(ContentType::TEXT_PLAIN);
        for to in &self.to {
            message = message.to(to.clone());
        }
        let text = [vec![form::title(alert)], form::lines(alert)].concat().join("\n");
        let message = message.body(text).map_err(|error| format!("{}: {error}", self.host))?;
        let sending = self.transport.send(message);
        let why = match tokio::time::timeout(PATIENCE, sending).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => self.why(&error),
            Err(_) => "no answer in time".to_owned(),
        };
        Err(format!("{}: {why}", self.host))
    }

    /// Why a message was not taken, and what to look at.
    fn why(&self, error: &lettre::transport::smtp::Error) -> String {
        // Authentication is asked for, too weak, refused, or to be encrypted (RFC 4954): what the server adds may be what
        // it was sent.
        const SIGN_IN: [u16; 4] = [530, 534, 535, 538];
        if let Some(code) = error.status().map(u16::from).filter(|code| SIGN_IN.contains(code)) {
            return format!("the server refuses the sign-in ({code}); look at `username` and `secret`");
        }
        // What stands around the first cause says no more than it does.
        let mut cause: &dyn std::error::Error = error;
        while let Some(deeper) = cause.source().filter(|_| error.status().is_none()) {
            cause = deeper;
        }
        let said = self.without_password(&cause.to_string());
        match said.contains("certificate") {
            true => format!("{said}; where a private authority vouches for the server, name it in `ca_file`"),
            false => said,
        }
    }

    /// What a server said, without a password in any form in which one is sent.
    fn without_password(&self, said: &str) -> String {
        let mut said = said.to_owned();
        if let Some((name, secret)) = &self.login {
            let password = secret.expose();
            let plain = format!("\0{name}\0{password}");
            for sent in
                [BASE64.encode(plain.as_bytes()), BASE64.encode(password.as_bytes()), password.clone()]
            {
                said = said.replace(&sent, "[hidden]");
            }
        }
        said.chars().take(SAID_MAX).collect()
    }
}

/// Who may vouch for the server: with a file, those in it and nobody else.
fn trust(host: &str, ca_file: Option<&Path>) -> Result<TlsParameters, String> {
    install_tls();
    let mut builder = TlsParameters::builder(host.to_owned());
    if let Some(file) = ca_file {
        let wrong = |why: &str| format!("`ca_file`: {}: {why}", file.display());
        let text = std::fs::read(file).map_err(|error| wrong(&error.to_string()))?;
        // A file without one would leave nobody to trust, which shows only when something is to be told.
        if !String::from_utf8_lossy(&text).contains("-----BEGIN CERTIFICATE-----") {
            return Err(wrong("it holds no certificate in PEM form"));
        }
        let authorities = Certificate::from_pem(&text).map_err(|error| wrong(&error.to_string()))?;
        builder = builder.certificate_store(CertificateStore::None).add_root_certificate(authorities);
    }
    builder.build().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_hidden_in_every_form_in_which_it_is_sent() {
        let login = Some(("me".to_owned(), Secret::new("pässword".to_owned())));
        let to = ["ops@example.com".to_owned()];
        let url = "smtp://127.0.0.1:25";
        let mail =
            Mail::new(Letterbox { url, ca_file: None, from: "me@example.com", to: &to, login }).unwrap();
        // printf '\0me\0pässword' | base64; printf 'pässword' | base64
        let said = "no: AG1lAHDDpHNzd29yZA== cMOkc3N3b3Jk pässword, bye";
        assert_eq!(mail.without_password(said), "no: [hidden] [hidden] [hidden], bye");
    }
}
