//! Receivers of alerts on this machine: they listen, answer as they are told, and remember what came.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

use lastgood::json::{Limits, Value, parse};
use ring::hmac;

/// What signs the messages to an [`Ear`].
pub(crate) const KEY: &str = "signing key of a test";

/// One message of a webhook.
#[derive(Clone)]
pub(crate) struct Posted {
    pub(crate) id: String,
    pub(crate) body: Value,
    pub(crate) text: String,
    pub(crate) is_signed: bool,
}

impl Posted {
    /// The rule and the phase.
    pub(crate) fn what(&self) -> String {
        let text = |name: &str| self.body.get(name).and_then(Value::as_str).unwrap_or_default();
        format!("{} {}", text("rule"), text("phase"))
    }
}

/// A receiver of webhooks.
pub(crate) struct Ear {
    pub(crate) url: String,
    status: Arc<AtomicU16>,
    posted: Arc<Mutex<Vec<Posted>>>,
}

impl Ear {
    /// Listens for as long as the test lives.
    pub(crate) fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook/of-nobody", listener.local_addr().unwrap());
        let ear = Self { url, status: Arc::new(AtomicU16::new(200)), posted: Arc::default() };
        let (status, posted) = (ear.status.clone(), ear.posted.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Whoever goes away in the middle of a message has not sent one.
                let _ = answer(stream, &status, &posted);
            }
        });
        ear
    }

    /// Answers so from now on; what is answered with anything but success was not taken.
    pub(crate) fn answers(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// What it took since this was asked last.
    pub(crate) fn take(&self) -> Vec<Posted> {
        std::mem::take(&mut *self.posted.lock().unwrap())
    }

    /// The same as words.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.take().iter().map(Posted::what).collect()
    }
}

fn answer(stream: TcpStream, status: &AtomicU16, posted: &Mutex<Vec<Posted>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut length, mut id, mut signature) = (0, String::new(), String::new());
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim().split_once(": ") {
            Some(("content-length", value)) => length = value.parse().unwrap(),
            Some(("lastgood-alert-id", value)) => value.clone_into(&mut id),
            Some(("lastgood-signature", value)) => value.clone_into(&mut signature),
            _ if line.trim().is_empty() => break,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let status = status.load(Ordering::SeqCst);
    if status == 200 {
        let text = String::from_utf8(body.clone()).unwrap();
        let is_signed = verify(&signature, &body);
        let body = parse(&body, &Limits::default()).unwrap();
        posted.lock().unwrap().push(Posted { id, body, text, is_signed });
    }
    let mut stream = stream;
    write!(stream, "HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
}

/// As a receiver would do it.
fn verify(signature: &str, body: &[u8]) -> bool {
    let Some((at, mac)) = signature.strip_prefix("t=").and_then(|rest| rest.split_once(",v1=")) else {
        return false;
    };
    let key = hmac::Key::new(hmac::HMAC_SHA256, KEY.as_bytes());
    let signed = [at.as_bytes(), b".", body].concat();
    let mac = data_encoding::HEXLOWER.decode(mac.as_bytes()).unwrap();
    hmac::verify(&key, &signed, &mac).is_ok()
}

/// A receiver of syslog over TCP: what came on each connection.
pub(crate) fn syslog_tcp() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("syslog+tcp://{}", listener.local_addr().unwrap());
    let heard: Arc<Mutex<Vec<String>>> = Arc::default();
    let kept = heard.clone();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut text = String::new();
            if stream.read_to_string(&mut text).is_ok() {
                kept.lock().unwrap().push(text);
            }
        }
    });
    (url, heard)
}

/// A receiver of syslog over UDP.
pub(crate) fn syslog_udp() -> (String, UdpSocket) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    (format!("syslog+udp://{}", socket.local_addr().unwrap()), socket)
}

/// A mail server that takes everything: what came, commands and messages.
pub(crate) fn mail_server() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    let heard: Arc<Mutex<Vec<String>>> = Arc::default();
    let kept = heard.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // Whoever hangs up early has not sent a message.
            let _ = take_mail(stream, &kept);
        }
    });
    (url, heard)
}

fn take_mail(mut stream: TcpStream, heard: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    stream.write_all(b"220 test\r\n")?;
    let (mut line, mut in_message) = (String::new(), false);
    while reader.read_line(&mut line)? > 0 {
        let said = line.trim_end().to_owned();
        line.clear();
        let answer: &[u8] = match said.as_str() {
            "." if in_message => b"250 taken\r\n",
            _ if in_message => b"",
            "DATA" => b"354 go on\r\n",
            "QUIT" => b"221 bye\r\n",
            _ => b"250 fine\r\n",
        };
        in_message = said == "DATA" || (in_message && said != ".");
        heard.lock().unwrap().push(said);
        stream.write_all(answer)?;
    }
    Ok(())
}
