//! `/metrics` and `/healthz`: what other programs may ask of a service, and nothing that names a person or
//! a setting of a tenant.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use jiff::SignedDuration;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, watch};

use crate::base::time::Clock;
use crate::daemon::alert::{Teller, Undelivered};
use crate::daemon::metrics::{self, Scrape, Seen};
use crate::daemon::scheduler::Scheduler;

/// The type of the OpenMetrics text form, as Prometheus asks for it.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// A scheduler that looked at nothing for this long hangs.
const HANGS_AFTER: SignedDuration = SignedDuration::from_mins(2);

/// What is asked.
#[derive(Clone)]
pub struct Status {
    /// The scheduler that is asked about.
    scheduler: Arc<Scheduler>,
    /// Who tells of alerts.
    teller: Arc<Teller>,
    /// The clock.
    clock: Arc<dyn Clock>,
    /// Held while the outboxes are read: where the storage hangs, scrapes wait for one reader and take up no thread
    /// each.
    reading: Arc<Mutex<()>>,
}

impl Status {
    /// Of a service that is made of these.
    #[must_use]
    pub fn new(scheduler: Arc<Scheduler>, teller: Arc<Teller>, clock: Arc<dyn Clock>) -> Self {
        Self { scheduler, teller, clock, reading: Arc::default() }
    }

    /// Whether the scheduler does its work.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        let Some(looked) = self.scheduler.looked() else { return false };
        // A clock that was set back says nothing about that.
        self.clock.now().duration_since(looked) < HANGS_AFTER
    }

    async fn undelivered(&self) -> Option<Vec<Undelivered>> {
        let reading = self.reading.clone().lock_owned().await;
        let teller = self.teller.clone();
        let read = tokio::task::spawn_blocking(move || {
            let _reading = reading;
            teller.undelivered()
        });
        read.await.ok()
    }

    async fn text(&self) -> Option<String> {
        let undelivered = self.undelivered().await?;
        let books = self.scheduler.books().into_iter();
        let seen = books.map(|(tenant, book, due)| Seen { tenant, book, due }).collect();
        metrics::text(Scrape { seen, care: self.scheduler.care_book(), undelivered }).ok()
    }

    /// Answers until it is told to stop.
    ///
    /// # Errors
    /// The listener fails.
    pub async fn answer(self, listener: TcpListener, mut stop: watch::Receiver<bool>) -> std::io::Result<()> {
        let routes =
            Router::new().route("/healthz", get(health)).route("/metrics", get(scrape)).with_state(self);
        axum::serve(listener, routes)
            .with_graceful_shutdown(async move {
                let _ = stop.wait_for(|stop| *stop).await;
            })
            .await
    }

    /// Takes a port.
    ///
    /// # Errors
    /// It is taken, or may not be used.
    pub async fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
        TcpListener::bind(address).await
    }
}

async fn health(State(status): State<Status>) -> Response {
    if status.is_healthy() {
        // A person mends these: to begin this process anew, as its supervisor would, is no use.
        let said: String = status.teller.troubles().into_iter().map(|line| line + "\n").collect();
        (StatusCode::OK, format!("ok\n{said}")).into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the scheduler has not looked at its tenants lately\n")
            .into_response()
    }
}

async fn scrape(State(status): State<Status>) -> Response {
    match status.text().await {
        Some(text) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
