//! A bucket: each request that is made of the service, and what an answer means.

use std::ops::Range;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{Credentials, RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};
use bytes::{Bytes, BytesMut};
use tokio::time::{sleep, timeout};

use super::answer::{self, Class};
use super::config::ResourceConfig;
use super::error::{Result, S3Error};

/// Where nothing says otherwise: what S3 itself takes for a request without a region, and what other services ignore.
const DEFAULT_REGION: &str = "us-east-1";
/// How long it may take to connect, if that is not more than a request may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a request is made that meets a busy service or no connection, and how long the first wait is.
const TRIES: u32 = 5;
const FIRST_WAIT: Duration = Duration::from_millis(200);
/// How often an answer that breaks off is asked for again.
const BODY_TRIES: u32 = 4;

/// A bucket.
#[derive(Debug)]
pub(crate) struct Bucket {
    client: Client,
    name: String,
    /// How long the service may be silent.
    timeout: Duration,
}

/// An object as it was when it was listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) key: String,
    pub(crate) size: u64,
    pub(crate) etag: String,
    /// When it was last written, by the server's clock; in milliseconds from 1970.
    pub(crate) modified_ms: i64,
}

/// A page of a listing.
pub(super) struct Page {
    pub(super) objects: Vec<Listed>,
    /// The levels below, where a listing ends at `/`; each ends with it.
    pub(super) levels: Vec<String>,
    /// Where the next page starts; none behind the last.
    pub(super) next: Option<String>,
}

/// Which keys are listed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Listing {
    pub(crate) prefix: String,
    /// Whether keys with a further `/` are only told as levels.
    pub(crate) one_level: bool,
    /// Only keys that sort behind this.
    pub(crate) behind: Option<String>,
    /// Where a page told that the next one starts.
    pub(crate) page: Option<String>,
    /// Keys of a page at most.
    pub(crate) limit: Option<i32>,
}

impl Bucket {
    /// A client of the bucket. Nobody is asked yet, but for credentials that a file or program keeps.
    pub(crate) async fn open(config: &ResourceConfig) -> Self {
        Self::open_patient(config, TRIES).await
    }

    /// The same, which asks only once.
    pub(super) async fn open_hurried(config: &ResourceConfig) -> Self {
        Self::open_patient(config, 1).await
    }

    async fn open_patient(config: &ResourceConfig, tries: u32) -> Self {
        let silence = Duration::from_millis(config.timeout.0);
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(tls::Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT.min(silence))
            .read_timeout(silence)
            .build();
        let stalls = StalledStreamProtectionConfig::enabled()
            .grace_period(silence)
            .build();
        let retries = RetryConfig::standard()
            .with_max_attempts(tries)
            .with_initial_backoff(FIRST_WAIT);
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http)
            .timeout_config(timeouts)
            .stalled_stream_protection(stalls)
            .retry_config(retries);
        if let Some(region) = &config.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Some(endpoint) = &config.endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        if let (Some(access), Some(secret)) = (&config.access_key, &config.secret_key) {
            let token = config.session_token.clone();
            loader = loader.credentials_provider(Credentials::new(access, secret, token, None, "tidegate"));
        }
        let found = loader.load().await;
        let path_style = config.path_style.unwrap_or(found.endpoint_url().is_some());
        let region = found.region().cloned();
        // Other services know fewer checksums than S3; what is read is pinned by its tag, and parts have their digests.
        let config_of_client = aws_sdk_s3::config::Builder::from(&found)
            .region(region.unwrap_or(Region::from_static(DEFAULT_REGION)))
            .force_path_style(path_style)
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .build();
        Self {
            client: Client::from_conf(config_of_client),
            name: config.bucket.clone(),
            timeout: silence,
        }
    }

    /// An object's URL, for people, cursors and messages.
    pub(crate) fn url(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.name)
    }

    /// The key of an object's URL, or none where it is of another bucket.
    pub(super) fn key_of<'a>(&self, url: &'a str) -> Option<&'a str> {
        url.strip_prefix("s3://")?
            .strip_prefix(&self.name)?
            .strip_prefix('/')
    }

    /// A page of the keys that a listing names, in their order.
    pub(super) async fn list(&self, listing: &Listing) -> Result<Page> {
        let request = self.client.list_objects_v2().bucket(&self.name);
        let answer = request
            .prefix(&listing.prefix)
            .set_delimiter(listing.one_level.then(|| "/".to_owned()))
            .set_start_after(listing.behind.clone().filter(|_| listing.page.is_none()))
            .set_continuation_token(listing.page.clone())
            .set_max_keys(listing.limit)
            .send()
            .await
            .map_err(|error| self.failed(&error, &listing.prefix))?;
        let objects = answer.contents().iter().filter_map(|object| {
            Some(Listed {
                key: object.key()?.to_owned(),
                size: u64::try_from(object.size()?).ok()?,
                etag: object.e_tag().unwrap_or_default().to_owned(),
                modified_ms: object
                    .last_modified()
                    .and_then(|at| at.to_millis().ok())
                    .unwrap_or_default(),
            })
        });
        let levels = answer.common_prefixes().iter().filter_map(|level| level.prefix());
        Ok(Page {
            objects: objects.collect(),
            levels: levels.map(str::to_owned).collect(),
            next: answer
                .next_continuation_token()
                .filter(|_| answer.is_truncated() == Some(true))
                .map(str::to_owned),
        })
    }

    /// Every object that a listing names. For what is known to be few.
    pub(crate) async fn list_all(&self, mut listing: Listing) -> Result<(Vec<Listed>, Vec<String>)> {
        let (mut objects, mut levels) = (Vec::new(), Vec::new());
        loop {
            let page = self.list(&listing).await?;
            objects.extend(page.objects);
            levels.extend(page.levels);
            match page.next {
                Some(next) => listing.page = Some(next),
                None => return Ok((objects, levels)),
            }
        }
    }

    /// An object as it is now, or none where it is not there. Asked by listing, whose refusals say why.
    pub(super) async fn find(&self, key: &str) -> Result<Option<Listed>> {
        let listing = Listing {
            prefix: key.to_owned(),
            limit: Some(1),
            ..Listing::default()
        };
        // Of all keys that begin with it, the key itself sorts first.
        let page = self.list(&listing).await?;
        Ok(page.objects.into_iter().next().filter(|object| object.key == key))
    }

    /// Some bytes of an object, of the very object that was listed. An answer that breaks off is asked for again.
    pub(super) async fn fetch(&self, object: &Listed, range: Range<u64>) -> Result<Bytes> {
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        self.patiently(|| self.fetch_once(object, &range)).await
    }

    async fn fetch_once(&self, object: &Listed, range: &Range<u64>) -> Result<Result<Bytes>> {
        let request = self.client.get_object().bucket(&self.name).key(&object.key);
        let answer = request
            .range(format!("bytes={}-{}", range.start, range.end - 1))
            .if_match(&object.etag)
            .send()
            .await
            .map_err(|error| match self.failed(&error, &object.key) {
                S3Error::Answer {
                    place,
                    class: Class::Condition,
                    ..
                } => replaced(place),
                S3Error::Answer {
                    place,
                    class: Class::Key,
                    ..
                } => S3Error::Changed {
                    place,
                    what: "it is gone".into(),
                },
                other => other,
            })?;
        // A service that does not know the condition answers with what there is now.
        if answer.e_tag().is_some_and(|etag| etag != object.etag) {
            return Err(replaced(self.url(&object.key)));
        }
        let wanted = (range.end - range.start) as usize;
        let collected = self.collect(&object.key, answer.body, wanted).await;
        Ok(collected.and_then(|bytes| {
            if bytes.len() == wanted {
                return Ok(bytes);
            }
            Err(S3Error::Network {
                place: self.url(&object.key),
                reason: format!("{} bytes came where {wanted} were asked for", bytes.len()),
            })
        }))
    }

    /// All bytes of an object, and its tag; none where it is not there.
    pub(crate) async fn get(&self, key: &str) -> Result<Option<(Bytes, String)>> {
        self.patiently(|| self.get_once(key)).await
    }

    async fn get_once(&self, key: &str) -> Result<Result<Option<(Bytes, String)>>> {
        let answer = match self.client.get_object().bucket(&self.name).key(key).send().await {
            Ok(answer) => answer,
            Err(error) => {
                return match self.failed(&error, key) {
                    S3Error::Answer {
                        class: Class::Key, ..
                    } => Ok(Ok(None)),
                    other => Err(other),
                };
            }
        };
        let etag = answer.e_tag().unwrap_or_default().to_owned();
        let collected = self.collect(key, answer.body, 0).await;
        Ok(collected.map(|bytes| Some((bytes, etag))))
    }

    async fn collect(&self, key: &str, mut body: ByteStream, wanted: usize) -> Result<Bytes> {
        let mut bytes = BytesMut::with_capacity(wanted);
        loop {
            let piece = timeout(self.timeout, body.next()).await;
            match piece {
                Err(_) => {
                    return Err(S3Error::Timeout {
                        place: self.url(key),
                        timeout_ms: self.timeout.as_millis() as u64,
                    });
                }
                Ok(None) => return Ok(bytes.freeze()),
                Ok(Some(Ok(piece))) => bytes.extend_from_slice(&piece),
                Ok(Some(Err(error))) => {
                    return Err(S3Error::Network {
                        place: self.url(key),
                        reason: answer::causes(&error),
                    });
                }
            }
        }
    }

    /// Asks again where an answer broke off after it had begun: what an inner error tells. Until then, the client itself
    /// asks again.
    async fn patiently<T, F>(&self, mut ask: impl FnMut() -> F) -> Result<T>
    where
        F: Future<Output = Result<Result<T>>>,
    {
        let mut wait = FIRST_WAIT;
        for _ in 1..BODY_TRIES {
            if let Ok(done) = ask().await? {
                return Ok(done);
            }
            sleep(wait).await;
            wait *= 2;
        }
        ask().await?
    }

    /// Puts an object in place of what is there.
    pub(crate) async fn put(&self, key: &str, bytes: Bytes) -> Result<()> {
        let request = self.client.put_object().bucket(&self.name).key(key);
        let sent = request.body(ByteStream::from(bytes)).send().await;
        sent.map(|_| ()).map_err(|error| self.failed(&error, key))
    }

    /// Puts an object where none is, or in place of the one with a tag; answers whether it was as wanted. Where the answer
    /// was lost and the request made again, it may be `false` though it was this call that put it.
    pub(crate) async fn put_if(&self, key: &str, bytes: Bytes, etag: Option<&str>) -> Result<bool> {
        let request = self.client.put_object().bucket(&self.name).key(key);
        let request = match etag {
            None => request.if_none_match("*"),
            Some(etag) => request.if_match(etag),
        };
        match request.body(ByteStream::from(bytes)).send().await {
            Ok(_) => Ok(true),
            Err(error) => match self.failed(&error, key) {
                S3Error::Answer {
                    class: Class::Condition,
                    ..
                } => Ok(false),
                // There was one with a tag, and it is gone.
                S3Error::Answer {
                    class: Class::Key, ..
                } if etag.is_some() => Ok(false),
                other => Err(other),
            },
        }
    }

    /// Removes an object; one that is not there is fine.
    pub(crate) async fn delete(&self, key: &str) -> Result<()> {
        match self
            .client
            .delete_object()
            .bucket(&self.name)
            .key(key)
            .send()
            .await
        {
            Ok(_) => Ok(()),
            Err(error) => match self.failed(&error, key) {
                S3Error::Answer {
                    class: Class::Key, ..
                } => Ok(()),
                other => Err(other),
            },
        }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// A failed request about a key as our error.
    pub(super) fn failed<E>(&self, error: &SdkError<E>, key: &str) -> S3Error
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        answer::explain(error, self.url(key), self.timeout)
    }
}

fn replaced(place: String) -> S3Error {
    S3Error::Changed {
        place,
        what: "another object took its place while it was read".into(),
    }
}
