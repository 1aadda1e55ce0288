//! Listens, and gives each connection to the router.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tidegate_core::{Error, Kind};
use tidegate_orchestrator::Orchestrator;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::access::{Access, Auth};
use crate::router;

/// Connections at once; others wait at the door, in the listener's own queue. Each takes a file descriptor, of which a
/// process has 1,024 where nobody says otherwise (`ulimit -n`), and the stores want some.
const MAX_CONNECTIONS: usize = 768;

/// How long the head of a request may take to come, also of the next one on a connection that is kept: what is slower holds a
/// connection for nothing.
const HEAD_LIMIT: Duration = Duration::from_secs(15);

/// The head of a request, in bytes.
const MAX_HEAD_BYTES: usize = 64 << 10;

/// How long requests that go on are given once the server is to stop.
const GRACE: Duration = Duration::from_secs(10);

/// After an accept that failed, such as for want of file descriptors, so that the next one is not asked for at once.
const PAUSE: Duration = Duration::from_millis(50);

/// Where to listen, and who is let in.
#[derive(Debug, Clone)]
pub struct ApiConfig {
    /// The addresses. Where there are several of port and host, each must be free.
    pub listen: Vec<SocketAddr>,
    /// Who is let in.
    pub auth: Auth,
}

/// What keeps the API from being served.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The address is taken, or not this machine's.
    #[error("cannot listen on {address}: {why}")]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// The system's words.
        why: String,
    },
    /// Without tokens only this machine is let in.
    #[error("{0} can be reached from other machines, and no token is asked for")]
    NotLocal(SocketAddr),
}

impl From<ApiError> for Error {
    fn from(error: ApiError) -> Self {
        let message = error.to_string();
        match error {
            ApiError::Listen { .. } => Self::new(Kind::Resource, "api.listen", message)
                .hint("name another with --listen, or leave the role `api` out of --roles"),
            ApiError::NotLocal(_) => Self::new(Kind::Usage, "api.not_local", message)
                .hint("write --auth token, and make a token with `tidegate token create`"),
        }
    }
}

/// The API with its listeners open: nothing is answered before [`Api::serve`].
pub struct Api {
    listeners: Vec<TcpListener>,
    router: Router,
    stopping: CancellationToken,
}

impl Api {
    /// Opens the listeners. With [`Auth::Local`] every address must be of this machine alone.
    pub async fn bind(orchestrator: Arc<Orchestrator>, config: &ApiConfig) -> Result<Self, ApiError> {
        let mut listeners = Vec::new();
        for &address in &config.listen {
            if config.auth == Auth::Local && !address.ip().is_loopback() {
                return Err(ApiError::NotLocal(address));
            }
            let listener = TcpListener::bind(address).await;
            listeners.push(listener.map_err(|error| ApiError::Listen {
                address,
                why: error.to_string(),
            })?);
        }
        let stopping = CancellationToken::new();
        let access = Access::new(orchestrator.state.clone(), config.auth);
        let router = router::router(orchestrator, access, stopping.clone());
        Ok(Self {
            listeners,
            router,
            stopping,
        })
    }

    /// Where it listens, with the ports that the system chose.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners
            .iter()
            .filter_map(|each| each.local_addr().ok())
            .collect()
    }

    /// Answers until it is cancelled; requests that go on then are given a while, and streams of events end at once.
    pub async fn serve(self, cancel: CancellationToken) {
        let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let graceful = Arc::new(GracefulShutdown::new());
        let mut accepting = tokio::task::JoinSet::new();
        for listener in self.listeners {
            let (router, room, graceful, cancel) = (
                self.router.clone(),
                room.clone(),
                graceful.clone(),
                cancel.clone(),
            );
            accepting.spawn(async move {
                loop {
                    let next = tokio::select! {
                        next = accept(&listener, &room) => next,
                        () = cancel.cancelled() => return,
                    };
                    if let Some((stream, place)) = next {
                        answer(stream, place, router.clone(), &graceful);
                    }
                }
            });
        }
        cancel.cancelled().await;
        self.stopping.cancel();
        while accepting.join_next().await.is_some() {}
        if let Some(graceful) = Arc::into_inner(graceful) {
            let _ = tokio::time::timeout(GRACE, graceful.shutdown()).await;
        }
    }
}

/// The next connection, once there is room for it; none where it came to nothing.
async fn accept(listener: &TcpListener, room: &Arc<Semaphore>) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let place = room.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, place)),
        Err(_) => {
            tokio::time::sleep(PAUSE).await;
            None
        }
    }
}

fn answer(stream: TcpStream, place: OwnedSemaphorePermit, router: Router, graceful: &GracefulShutdown) {
    // Answers are small, and what waits for the next is a client.
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let connection = graceful.watch(connection);
    tokio::spawn(async move {
        // What ends a connection early is the client's: there is nobody to tell.
        let _ = connection.await;
        drop(place);
    });
}
