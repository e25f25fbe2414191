//! What systemd is told of a service: that it is ready, that it lives, that it stops.
//!
//! The protocol is a datagram to the socket that the environment names (sd_notify(3)). Without one, as
//! under any other supervisor, nothing is sent.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// The way to the supervisor.
pub struct Notify {
    socket: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
}

impl Notify {
    /// As the environment says: `NOTIFY_SOCKET`, `WATCHDOG_USEC`.
    #[must_use]
    pub fn from_environment() -> Self {
        let address = std::env::var_os("NOTIFY_SOCKET").and_then(|name| match name.as_bytes() {
            [b'@', rest @ ..] => SocketAddr::from_abstract_name(rest).ok(),
            _ => SocketAddr::from_pathname(&name).ok(),
        });
        let socket = address.and_then(|address| Some((UnixDatagram::unbound().ok()?, address)));
        let microseconds = std::env::var("WATCHDOG_USEC").ok().and_then(|text| text.parse().ok());
        // Whom the watchdog is for may be said too: a child that inherited it stays silent.
        let ours = std::env::var("WATCHDOG_PID").map_or(true, |pid| pid == std::process::id().to_string());
        Self { socket, watchdog: microseconds.filter(|_| ours).map(Duration::from_micros) }
    }

    /// How often to say that all is well: often enough that one word may be left out.
    #[must_use]
    pub fn every(&self) -> Option<Duration> {
        self.watchdog.map(|whole| whole / 4).filter(|every| !every.is_zero())
    }

    fn send(&self, words: &str) {
        if let Some((socket, address)) = &self.socket {
            // A supervisor that is gone is not this service's trouble.
            let _ = socket.send_to_addr(words.as_bytes(), address);
        }
    }

    /// The service is up.
    pub fn ready(&self) {
        self.send("READY=1");
    }

    /// The service lives.
    pub fn alive(&self) {
        self.send("WATCHDOG=1");
    }

    /// The service begins to stop.
    pub fn stopping(&self) {
        self.send("STOPPING=1");
    }
}
