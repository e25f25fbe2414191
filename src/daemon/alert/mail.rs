//! Mail (RFC 5321): one message an alert, in plain text.
//!
//! Without TLS nothing leaves the machine: `smtp://` asks for STARTTLS, unless the host is the loopback itself.

use std::time::Duration;

use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};

use crate::base::secret::Secret;
use crate::daemon::alert::{Alert, form};
use crate::http::{install_tls, is_loopback};

/// Until the server has taken the message.
const PATIENCE: Duration = Duration::from_secs(10);

/// A mail server, and who writes to whom.
pub struct Mail {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    host: String,
    from: Mailbox,
    to: Vec<Mailbox>,
}

/// A mail receiver as it is configured.
pub struct Letterbox<'a> {
    /// `smtp://HOST:PORT`, `smtps://HOST:PORT`.
    pub url: &'a str,
    /// Who writes.
    pub from: &'a str,
    /// To whom.
    pub to: &'a [String],
    /// Who signs in, where the server asks for that.
    pub login: Option<(String, Secret<String>)>,
}

/// Whether an address is one of mail.
#[must_use]
pub fn is_mail(url: &str) -> bool {
    url.starts_with("smtp://") || url.starts_with("smtps://")
}

impl Mail {
    /// The way to a mail server.
    ///
    /// # Errors
    /// In words, what is not of its form.
    pub fn new(letterbox: Letterbox<'_>) -> Result<Self, String> {
        let (scheme, place) = letterbox.url.split_once("://").unwrap_or_default();
        let tls = scheme == "smtps";
        let place = place.trim_end_matches('/');
        // Before anything of it is repeated: a password may stand there.
        if place.contains(['@', '/', '?']) {
            return Err("write `smtp://HOST:PORT`; who signs in stands in `username` and `secret`".to_owned());
        }
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().map_err(|_| format!("`{port}` is no port"))?),
            None => (place, if tls { 465 } else { 587 }),
        };
        if host.is_empty() {
            return Err("write `smtp://HOST:PORT`".to_owned());
        }
        let address =
            |text: &str| text.parse::<Mailbox>().map_err(|_| format!("`{text}` is no mail address"));
        let to = letterbox.to.iter().map(|text| address(text)).collect::<Result<Vec<_>, _>>()?;
        if to.is_empty() {
            return Err("`to` names nobody".to_owned());
        }
        install_tls();
        type Transport = AsyncSmtpTransport<Tokio1Executor>;
        let builder = match (tls, is_loopback(host)) {
            (true, _) => Transport::relay(host),
            (false, true) => Ok(Transport::builder_dangerous(host)),
            (false, false) => Transport::starttls_relay(host),
        };
        let mut builder = builder.map_err(|error| error.to_string())?.port(port).timeout(Some(PATIENCE));
        if let Some((name, secret)) = &letterbox.login {
            builder = builder.credentials(Credentials::new(name.clone(), secret.expose().clone()));
        }
        let from = address(letterbox.from)?;
        Ok(Self { transport: builder.build(), host: host.to_owned(), from, to })
    }

    /// Sends one message.
    ///
    /// # Errors
    /// It was not taken, in words.
    pub async fn send(&self, alert: &Alert) -> Result<(), String> {
        let said = |error: &dyn std::error::Error| format!("{}: {error}", self.host);
        let mut message = Message::builder()
            .from(self.from.clone())
            .subject(form::title(alert))
            .message_id(Some(format!("<{}@alerts.lastgood>", alert.id)))
            .header(ContentType::TEXT_PLAIN);
        for to in &self.to {
            message = message.to(to.clone());
        }
        let text = [vec![form::title(alert)], form::lines(alert)].concat().join("\n");
        let message = message.body(text).map_err(|error| said(&error))?;
        let sending = self.transport.send(message);
        match tokio::time::timeout(PATIENCE, sending).await {
            Ok(sent) => sent.map(drop).map_err(|error| said(&error)),
            Err(_) => Err(format!("{}: no answer in time", self.host)),
        }
    }
}
