//! HashiCorp Vault and OpenBao: the key-value store, version 2, over HTTP.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};
use tidegate_core::schema::Unavailable;
use tokio::sync::OnceCell;
use url::Url;

use super::{Fetched, causes, passing, refused};

/// How long an answer may be, in bytes: Vault's own limit of a secret.
const MAX_ANSWER_BYTES: usize = 1 << 20;

/// How much of what Vault complains of is told, in characters.
const MAX_COMPLAINT_CHARS: usize = 300;

/// Where a Vault is, and as whom it is asked. Not shown: it holds secrets.
pub struct VaultConfig {
    /// Its URL, such as `https://vault.example.com:8200`.
    pub address: String,
    /// The namespace of its paths.
    pub namespace: Option<String>,
    /// As whom it is asked; none where nothing says so.
    pub login: Option<VaultLogin>,
    /// A file with the certificate authorities to trust, in place of Mozilla's list.
    pub authorities: Option<PathBuf>,
}

/// As whom a Vault is asked.
pub enum VaultLogin {
    /// With a token.
    Token(String),
    /// As an application: a token is taken, and taken anew before it expires.
    AppRole {
        /// Which one.
        role: String,
        /// Its secret.
        secret: String,
        /// Where the method is mounted, such as `approle`.
        mount: String,
    },
}

type Https = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// A Vault, connected to when a secret is first wanted.
pub(super) struct Vault {
    config: VaultConfig,
    client: OnceCell<Https>,
    /// A token that was taken, and until when it is used.
    token: Mutex<Option<(Arc<str>, Instant)>>,
}

/// What Vault answered.
struct Answer {
    status: u16,
    body: Value,
}

impl Vault {
    pub(super) fn new(config: VaultConfig) -> Self {
        Self {
            config,
            client: OnceCell::new(),
            token: Mutex::default(),
        }
    }

    /// The newest version of a secret: an object of its keys.
    pub(super) async fn fetch(&self, path: &str) -> Fetched {
        let token = self.token().await?;
        let mut answer = self.ask(&api_path(path), Some(&token), None).await?;
        // A token that was taken may have been revoked.
        let of_application = matches!(self.config.login, Some(VaultLogin::AppRole { .. }));
        if answer.status == 403 && of_application {
            *self.kept() = None;
            let token = self.token().await?;
            answer = self.ask(&api_path(path), Some(&token), None).await?;
        }
        match answer.status {
            200 => match answer.body.pointer("/data/data") {
                Some(data @ Value::Object(_)) => Ok(data.clone()),
                _ => Err(refused("it is no secret of a key-value store of version 2")),
            },
            404 => Err(refused(
                "there is no such secret, or its newest version is deleted",
            )),
            _ => Err(self.complaint(&answer)),
        }
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Option<(Arc<str>, Instant)>> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn token(&self) -> Result<Arc<str>, Unavailable> {
        let (role, secret, mount) = match &self.config.login {
            None => return Err(refused("neither VAULT_TOKEN nor VAULT_ROLE_ID is set")),
            Some(VaultLogin::Token(token)) => return Ok(token.as_str().into()),
            Some(VaultLogin::AppRole { role, secret, mount }) => (role, secret, mount),
        };
        if let Some((token, until)) = &*self.kept()
            && *until > Instant::now()
        {
            return Ok(Arc::clone(token));
        }
        let login = json!({"role_id": role, "secret_id": secret});
        let path = ["auth", mount.as_str(), "login"].map(str::to_owned);
        let answer = self.ask(&path, None, Some(login)).await?;
        if answer.status != 200 {
            let why = self.complaint(&answer);
            return Err(Unavailable {
                why: format!("no login as an application: {}", why.why),
                passes: why.passes,
            });
        }
        let token = answer.body.pointer("/auth/client_token").and_then(Value::as_str);
        let token: Arc<str> = token.ok_or_else(|| refused("the login gave no token"))?.into();
        let seconds = answer
            .body
            .pointer("/auth/lease_duration")
            .and_then(Value::as_u64);
        // Two thirds of it, so that none expires on its way; one that never does is taken anew each day.
        let seconds = seconds
            .filter(|seconds| *seconds > 0)
            .unwrap_or(86_400)
            .min(86_400)
            * 2
            / 3;
        *self.kept() = Some((Arc::clone(&token), Instant::now() + Duration::from_secs(seconds)));
        Ok(token)
    }

    async fn ask(
        &self,
        path: &[String],
        token: Option<&str>,
        body: Option<Value>,
    ) -> Result<Answer, Unavailable> {
        let url = self.url(path)?;
        let method = if body.is_some() {
            http::Method::POST
        } else {
            http::Method::GET
        };
        let mut request = http::Request::builder()
            .method(method)
            .uri(url.as_str())
            .header("x-vault-request", "true");
        if let Some(namespace) = &self.config.namespace {
            request = request.header("x-vault-namespace", namespace);
        }
        if let Some(token) = token {
            let mut value = http::HeaderValue::from_str(token)
                .map_err(|_| refused("the token is not one: it has characters that no header may have"))?;
            value.set_sensitive(true);
            request = request.header("x-vault-token", value);
        }
        let bytes = body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
        let request = request
            .body(Full::new(bytes))
            .map_err(|error| refused(&format!("the request cannot be made: {error}")))?;
        let client = self
            .client
            .get_or_try_init(|| async { connect(&self.config) })
            .await?;
        let answer = client
            .request(request)
            .await
            .map_err(|error| passing(format!("{}: {}", self.config.address, causes(&error))))?;
        let status = answer.status().as_u16();
        let body = Limited::new(answer.into_body(), MAX_ANSWER_BYTES).collect().await;
        let body = body.map_err(|error| passing(format!("the answer broke off: {error}")))?;
        // What is no JSON is nothing of Vault's; the status says what it is.
        let body = serde_json::from_slice(&body.to_bytes()).unwrap_or(Value::Null);
        Ok(Answer { status, body })
    }

    fn url(&self, path: &[String]) -> Result<Url, Unavailable> {
        let wrong = |why: &str| refused(&format!("VAULT_ADDR is no address of a Vault: {why}"));
        let mut url = Url::parse(&self.config.address).map_err(|error| wrong(&error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong("it begins with neither https:// nor http://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("it holds a login"));
        }
        url.path_segments_mut()
            .map_err(|()| wrong("it has no path"))?
            .pop_if_empty()
            .push("v1")
            .extend(path);
        Ok(url)
    }

    /// What an answer that is no secret says. Not what it repeats of the request.
    fn complaint(&self, answer: &Answer) -> Unavailable {
        let told = answer.body["errors"].as_array().into_iter().flatten();
        let told: Vec<&str> = told.filter_map(Value::as_str).collect();
        let mut why = format!("Vault answers with status {}", answer.status);
        if (300..400).contains(&answer.status) {
            why = format!("{why}, a redirect, which is not followed: VAULT_ADDR is to be the active node's");
        }
        if !told.is_empty() {
            why = format!("{why}: {}", told.join("; "));
        }
        let own = match &self.config.login {
            Some(VaultLogin::Token(token)) => Some(token.clone()),
            Some(VaultLogin::AppRole { secret, .. }) => Some(secret.clone()),
            None => None,
        };
        let taken = self.kept().as_ref().map(|(token, _)| token.to_string());
        for secret in own.into_iter().chain(taken).filter(|secret| !secret.is_empty()) {
            why = why.replace(&secret, "***");
        }
        let why: String = why
            .chars()
            .filter(|char| !char.is_control())
            .take(MAX_COMPLAINT_CHARS)
            .collect();
        // Too many requests, a standby that cannot ask on, sealed or starting.
        let passes = matches!(answer.status, 412 | 429 | 472 | 473 | 500..);
        Unavailable { why, passes }
    }
}

/// A secret's path as the API has it: behind the mount stands `data`. A path that names it already is the API's own, for
/// mounts of more than one segment.
fn api_path(path: &str) -> Vec<String> {
    let mut segments: Vec<String> = path.split('/').map(str::to_owned).collect();
    if !segments.iter().skip(1).any(|segment| segment == "data") {
        segments.insert(1, "data".into());
    }
    segments
}

fn connect(config: &VaultConfig) -> Result<Https, Unavailable> {
    let mut roots = rustls::RootCertStore::empty();
    match &config.authorities {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(path) => {
            let failed = |why: String| refused(&format!("VAULT_CACERT: `{}`: {why}", path.display()));
            let found = CertificateDer::pem_file_iter(path).map_err(|error| failed(error.to_string()))?;
            for certificate in found {
                let certificate = certificate.map_err(|error| failed(error.to_string()))?;
                roots
                    .add(certificate)
                    .map_err(|error| failed(error.to_string()))?;
            }
            if roots.is_empty() {
                return Err(failed("there is no certificate in it".into()));
            }
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| refused(&error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .build();
    Ok(Client::builder(TokioExecutor::new()).build(connector))
}

#[cfg(test)]
mod tests {
    use super::api_path;

    #[test]
    fn data_stands_behind_the_mount() {
        assert_eq!(api_path("secret/shop/db").join("/"), "secret/data/shop/db");
        assert_eq!(api_path("team/kv/data/db").join("/"), "team/kv/data/db");
        assert_eq!(api_path("data/x").join("/"), "data/data/x");
    }
}
