//! Connections: a name is resolved once, its addresses are checked, and exactly those are connected to.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tower_service::Service;

use super::address::is_public;

/// Addresses of one name that are tried: two of each family, as resolvers that answer with many rotate them.
const MAX_ADDRESSES: usize = 4;

/// How long one address may take to answer, TLS included; a second attempt of TCP's own falls into it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Why there is no connection. Nothing of the request was sent.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum ConnectError {
    /// The name has no address.
    #[error("`{0}` cannot be resolved: {1}")]
    Resolve(String, String),
    /// An address that a plugin may not reach.
    #[error("`{0}` resolves to {1}, which is not an address of the Internet")]
    Prohibited(String, IpAddr),
    /// Nobody answers.
    #[error("no connection to {0}: {1}")]
    Refused(SocketAddr, String),
    /// Somebody answers, and cannot show that it is who was asked for.
    #[error("no TLS with {0}: {1}")]
    Tls(String, String),
}

/// Connects. One for public addresses and one for all, since what it connected is kept and used again.
#[derive(Clone)]
pub(super) struct Connector {
    pub(super) private: bool,
    pub(super) tls: Arc<rustls::ClientConfig>,
}

impl Connector {
    async fn connect(self, uri: Uri) -> Result<Stream, ConnectError> {
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let secure = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let addresses = self.resolve(&host, port).await?;
        let mut last = ConnectError::Resolve(host.clone(), "it has no address".into());
        for address in addresses {
            let attempt = async {
                let refused = |why: String| ConnectError::Refused(address, why);
                let tcp = TcpStream::connect(address)
                    .await
                    .map_err(|error| refused(error.to_string()))?;
                // A request is written whole; waiting to fill a packet gains nothing.
                tcp.set_nodelay(true)
                    .map_err(|error| refused(error.to_string()))?;
                if secure {
                    self.secure(&host, tcp).await
                } else {
                    Ok(Stream::Plain(tcp))
                }
            };
            match timeout(CONNECT_TIMEOUT, attempt).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => last = error,
                Err(_) => last = ConnectError::Refused(address, format!("no answer in {CONNECT_TIMEOUT:?}")),
            }
        }
        Err(last)
    }

    /// The addresses of a host. One that may not be reached refuses the host: a name that has both kinds is a trap.
    async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, ConnectError> {
        let addresses: Vec<SocketAddr> = if let Ok(address) = host.parse::<IpAddr>() {
            vec![SocketAddr::new(address, port)]
        } else {
            let found = lookup_host((host, port)).await;
            found
                .map_err(|error| ConnectError::Resolve(host.to_owned(), error.to_string()))?
                .collect()
        };
        let prohibited = addresses
            .iter()
            .find(|address| !self.private && !is_public(address.ip()));
        match prohibited {
            Some(address) => Err(ConnectError::Prohibited(host.to_owned(), address.ip())),
            None => Ok(addresses.into_iter().take(MAX_ADDRESSES).collect()),
        }
    }

    async fn secure(&self, host: &str, tcp: TcpStream) -> Result<Stream, ConnectError> {
        let failed = |why: String| ConnectError::Tls(host.to_owned(), why);
        let name = ServerName::try_from(host.to_owned()).map_err(|error| failed(error.to_string()))?;
        let stream = TlsConnector::from(self.tls.clone()).connect(name, tcp).await;
        Ok(Stream::Tls(Box::new(
            stream.map_err(|error| failed(error.to_string()))?,
        )))
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, ConnectError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move { connector.connect(uri).await.map(TokioIo::new) })
    }
}

/// A connection, with TLS or without.
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<tokio_rustls::client::TlsStream<TcpStream>>),
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
