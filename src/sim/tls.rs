//! The simulator behind TLS: an authority made for this one run, and a certificate of it for this machine.
//!
//! Keys live as long as the process and are written nowhere; what is given out is the authority's
//! certificate, for a tenant's `ca_file`. The authority signs nothing but names of loopback.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::serve::Listener;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// How long it takes no connection after it could not.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(100);

/// Connections that wait to be served.
const WAITING_MAX: usize = 64;

/// What a simulator needs to speak TLS.
#[derive(Clone)]
pub struct Tls {
    /// The authority's certificate, in PEM form.
    pub authority: String,
    config: Arc<ServerConfig>,
}

impl Tls {
    /// A new authority and a certificate of it.
    ///
    /// # Errors
    /// In words; only where the machine gives no randomness.
    pub fn new() -> Result<Self, String> {
        made().map_err(|error| format!("no certificate could be made: {error}"))
    }
}

fn made() -> Result<Tls, Box<dyn std::error::Error>> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.distinguished_name.push(rcgen::DnType::CommonName, "Lastgood simulator");
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let key = KeyPair::generate()?;
    let leaf = CertificateParams::new(names)?.signed_by(&key, &issuer)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)?;
    Ok(Tls { authority: issuer.pem(), config: Arc::new(config) })
}

/// Takes connections, and hands over those that shook hands. A client that does not holds up nobody.
pub(super) struct TlsListener {
    ready: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
    address: SocketAddr,
}

impl TlsListener {
    pub(super) fn new(listener: TcpListener, address: SocketAddr, tls: &Tls) -> Self {
        let (sender, ready) = mpsc::channel(WAITING_MAX);
        let acceptor = TlsAcceptor::from(tls.config.clone());
        tokio::spawn(async move {
            while !sender.is_closed() {
                let Ok((stream, from)) = listener.accept().await else {
                    // Out of descriptors, most likely: those in use must end first.
                    tokio::time::sleep(PAUSE).await;
                    continue;
                };
                let (acceptor, sender) = (acceptor.clone(), sender.clone());
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        // The receiver lives as long as the server.
                        sender.send((stream, from)).await.ok();
                    }
                });
            }
        });
        Self { ready, address }
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.ready.recv().await {
            Some(ready) => ready,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        Ok(self.address)
    }
}
