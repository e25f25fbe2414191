//! Syslog (RFC 5424) over UDP, or over TCP with counted messages (RFC 6587).
//!
//! UDP is as sure as the network. Over TCP the other end is waited for until it has closed, so that a
//! message that it never read is not taken for delivered.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};

use crate::daemon::alert::{Alert, Severity, form};

/// Facility `log audit`.
const FACILITY: u8 = 13;
/// What every receiver takes (RFC 5424 names 2048; the usual ones take 8192).
const BYTES_MAX: usize = 8000;
/// Until the message is out, and until the other end has closed.
const PATIENCE: Duration = Duration::from_secs(5);

/// A syslog receiver.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Syslog {
    host: String,
    tcp: bool,
}

impl Syslog {
    /// The receiver of `syslog+udp://HOST:PORT` or `syslog+tcp://HOST:PORT`; port 514 where none is named.
    #[must_use]
    pub fn parse(url: &str) -> Option<Self> {
        let (tcp, rest) = match url.split_once("://")? {
            ("syslog+udp", rest) => (false, rest),
            ("syslog+tcp", rest) => (true, rest),
            _ => return None,
        };
        let host = rest.trim_end_matches('/');
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let is_host = !host.is_empty() && !host.contains(['/', '@', '?']);
        is_host.then(|| Self { host: if has_port { host.to_owned() } else { format!("{host}:514") }, tcp })
    }

    /// Sends one message.
    ///
    /// # Errors
    /// It could not be sent, in words.
    pub async fn send(&self, alert: &Alert) -> Result<(), String> {
        let message = message(alert);
        let sent = async {
            if self.tcp {
                self.over_tcp(message.as_bytes()).await
            } else {
                self.over_udp(message.as_bytes()).await
            }
        };
        match tokio::time::timeout(PATIENCE, sent).await {
            Ok(sent) => sent.map_err(|error| format!("{}: {error}", self.host)),
            Err(_) => Err(format!("{}: no end in time", self.host)),
        }
    }

    async fn over_udp(&self, message: &[u8]) -> std::io::Result<()> {
        let mut last = std::io::Error::from(std::io::ErrorKind::NotFound);
        for address in tokio::net::lookup_host(&self.host).await? {
            let own = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
            let socket = UdpSocket::bind(own).await?;
            match socket.send_to(message, address).await {
                Ok(_) => return Ok(()),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn over_tcp(&self, message: &[u8]) -> std::io::Result<()> {
        let mut stream = TcpStream::connect(&self.host).await?;
        stream.write_all(format!("{} ", message.len()).as_bytes()).await?;
        stream.write_all(message).await?;
        stream.shutdown().await?;
        let mut rest = [0; 256];
        while stream.read(&mut rest).await? > 0 {}
        Ok(())
    }
}

fn message(alert: &Alert) -> String {
    let level = match alert.severity {
        Severity::Info => 6,
        Severity::Low => 5,
        Severity::Medium => 4,
        Severity::High => 3,
        Severity::Critical => 2,
    };
    let priority = FACILITY * 8 + level;
    let at = alert.at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ");
    let mut text = format!("<{priority}>1 {at} - lastgood - alert - {}", form::cef(alert));
    if text.len() > BYTES_MAX {
        let end = (0..=BYTES_MAX).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
        text.truncate(end);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_a_host_and_perhaps_a_port() {
        let host = |url: &str| Syslog::parse(url).map(|found| (found.host, found.tcp));
        assert_eq!(host("syslog+udp://log.example"), Some(("log.example:514".into(), false)));
        assert_eq!(host("syslog+tcp://[::1]:6514/"), Some(("[::1]:6514".into(), true)));
        for wrong in ["syslog://x", "syslog+udp://", "syslog+tcp://u@x", "http://x"] {
            assert_eq!(host(wrong), None, "{wrong}");
        }
    }
}
