//! A mail server that takes every message and keeps none.
//!
//! Keycloak stores an invitation only after its mail was taken. It listens on 127.0.0.1 as long as the process lives.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;

/// The open port.
pub(crate) struct Mailbox {
    port: u16,
}

impl Mailbox {
    /// Opens a port and answers on it in threads of its own, until the process ends.
    pub(crate) fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                thread::spawn(move || converse(stream));
            }
        });
        Self { port }
    }

    /// The port on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

/// The least of SMTP that a client needs to believe that its message was taken.
fn converse(stream: TcpStream) -> Option<()> {
    let mut out = stream.try_clone().ok()?;
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    out.write_all(b"220 mailbox\r\n").ok()?;
    while let Some(line) = lines.next() {
        let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        let reply: &[u8] = match verb.as_str() {
            "DATA" => {
                out.write_all(b"354 go on\r\n").ok()?;
                lines.by_ref().find(|line| line == ".")?;
                b"250 taken\r\n"
            }
            "QUIT" => b"221 bye\r\n",
            _ => b"250 ok\r\n",
        };
        out.write_all(reply).ok()?;
    }
    Some(())
}
