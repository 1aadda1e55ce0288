//! The host's client: one for a process, so that connections are used again by other instances.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tidegate_core::schema::HttpGrant;

use super::connect::Connector;
use super::pace::Pace;

/// How long an unused connection is kept: less than what servers commonly keep one (60 s and more).
const IDLE: Duration = Duration::from_secs(30);

/// Unused connections kept to one host: as many as a grant's requests at once by default.
const MAX_IDLE_PER_HOST: usize = 4;

/// Connections, kept from request to request.
pub(super) type Pool = legacy::Client<Connector, Full<Bytes>>;

/// Sends requests. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    /// Connections to public addresses only, and to any. Apart, or a grant without `private` could be given a connection
    /// that one with it made.
    public: Pool,
    any: Pool,
    paces: Mutex<HashMap<String, Weak<Pace>>>,
}

impl Client {
    /// A client that trusts the certificate authorities of Mozilla's list.
    pub(crate) fn new() -> Result<Self, String> {
        let roots = rustls::RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        Self::trusting(roots)
    }

    fn trusting(roots: rustls::RootCertStore) -> Result<Self, String> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let tls = Arc::new(tls);
        let pool = |private| {
            legacy::Client::builder(TokioExecutor::new())
                .pool_idle_timeout(IDLE)
                .pool_timer(TokioTimer::new())
                .pool_max_idle_per_host(MAX_IDLE_PER_HOST)
                .build(Connector {
                    private,
                    tls: Arc::clone(&tls),
                })
        };
        Ok(Self {
            inner: Arc::new(Inner {
                public: pool(false),
                any: pool(true),
                paces: Mutex::default(),
            }),
        })
    }

    /// The connections for a grant.
    pub(super) fn pool(&self, grant: &HttpGrant) -> &Pool {
        if grant.private {
            &self.inner.any
        } else {
            &self.inner.public
        }
    }

    /// The pace of a grant: one for all instances that were granted the same.
    pub(super) fn pace(&self, grant: &HttpGrant) -> Arc<Pace> {
        let limits = &grant.limits;
        let key = format!("{} {} {}", grant.url, limits.concurrency, limits.per_second);
        // Nothing in here panics halfway.
        let mut paces = self.inner.paces.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pace) = paces.get(&key).and_then(Weak::upgrade) {
            return pace;
        }
        paces.retain(|_, pace| pace.strong_count() > 0);
        let pace = Arc::new(Pace::new(limits));
        paces.insert(key, Arc::downgrade(&pace));
        pace
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;
    use std::sync::Arc;

    use bytes::Bytes;
    use http_body_util::{BodyExt as _, Full};
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::super::connect::ConnectError;
    use super::Client;

    /// A certificate for `localhost`, signed by itself.
    const CERTIFICATE: &[u8] = include_bytes!("testdata/localhost.der");
    const KEY: &[u8] = include_bytes!("testdata/localhost.key.der");

    /// A server of HTTPS that answers one request on each connection.
    async fn server() -> u16 {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from(CERTIFICATE)],
                PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(KEY)),
            )
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    continue;
                };
                let _ = stream.read(&mut [0; 4_096]).await;
                let _ = stream
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello")
                    .await;
                let _ = stream.shutdown().await;
            }
        });
        port
    }

    /// What comes of a request with a client, or why there is no connection.
    async fn get(client: &Client, url: String) -> Result<Bytes, ConnectError> {
        let request = http::Request::get(url).body(Full::default()).unwrap();
        match client.inner.any.request(request).await {
            Ok(answer) => Ok(answer.into_body().collect().await.unwrap().to_bytes()),
            Err(error) => {
                let cause = error
                    .source()
                    .and_then(|cause| cause.downcast_ref::<ConnectError>());
                Err(cause.unwrap_or_else(|| panic!("{error:?}")).clone())
            }
        }
    }

    #[tokio::test]
    async fn a_server_must_show_that_it_is_who_was_asked_for() {
        let port = server().await;
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from(CERTIFICATE)).unwrap();
        let client = Client::trusting(roots).unwrap();
        assert_eq!(
            get(&client, format!("https://localhost:{port}/")).await.unwrap(),
            "hello"
        );
        // Another name than the certificate's.
        let other = get(&client, format!("https://127.0.0.1:{port}/")).await;
        assert!(matches!(other, Err(ConnectError::Tls(..))), "{other:?}");
        // Nobody vouches for it.
        let stranger = get(&Client::new().unwrap(), format!("https://localhost:{port}/")).await;
        assert!(matches!(stranger, Err(ConnectError::Tls(..))), "{stranger:?}");
    }
}
