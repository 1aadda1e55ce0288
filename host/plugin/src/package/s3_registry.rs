//! A registry in a bucket of S3, or of a service that speaks its protocol.
//!
//! Below the prefix, `NAME/VERSION/` holds `DIGEST.wasm`, where it is signed `DIGEST.wasm.minisig`, and `release.json`,
//! which names the digest. The last is written last and only if it is not there, so that a reader sees all of a release
//! or nothing, and of two publishers one wins.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};
use tokio::sync::OnceCell;

use super::error::PackageError;
use super::registry::{Again, Published, Registry, again};
use super::release::{MAX_RELEASE_BYTES, MAX_SIGNATURE_BYTES, Package, Release};
use crate::catalog::MAX_PLUGIN_BYTES;
use crate::manifest::is_name;

const INDEX: &str = "release.json";

/// Where nothing says otherwise: what S3 itself takes for a request without a region, and what other services ignore.
const DEFAULT_REGION: &str = "us-east-1";

/// A service that cannot be connected to, or falls silent, is given up after these.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// A registry in a bucket. Credentials, region and endpoint are those that the AWS SDK finds: its environment variables,
/// its files, or the machine's role.
pub(super) struct S3Registry {
    place: String,
    bucket: String,
    /// Empty, or ends with `/`.
    prefix: String,
    client: OnceCell<Client>,
}

impl S3Registry {
    /// The registry of `BUCKET` or `BUCKET/PREFIX`, called `place` in messages and the lock. Nobody is asked yet.
    pub(super) fn new(place: &str, below: &str) -> Result<Self, PackageError> {
        let (bucket, prefix) = below.split_once('/').unwrap_or((below, ""));
        let prefix = prefix.trim_end_matches('/');
        // S3's rules for names of buckets, but for those that a service may be laxer on.
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let part = |part: &str| !matches!(part, "" | "." | "..") && part.chars().all(good);
        if !part(bucket) || !(prefix.is_empty() || prefix.split('/').all(part)) {
            let why = "it is written s3://BUCKET/PREFIX, with letters, digits, `.`, `-` and `_`";
            return Err(PackageError::unusable(place, why));
        }
        Ok(Self {
            place: place.into(),
            bucket: bucket.into(),
            prefix: if prefix.is_empty() {
                String::new()
            } else {
                format!("{prefix}/")
            },
            client: OnceCell::new(),
        })
    }

    async fn client(&self) -> &Client {
        self.client
            .get_or_init(|| async {
                let http = aws_smithy_http_client::Builder::new()
                    .tls_provider(tls::Provider::Rustls(CryptoMode::Ring))
                    .build_https();
                let timeouts = TimeoutConfig::builder()
                    .connect_timeout(CONNECT_TIMEOUT)
                    .read_timeout(READ_TIMEOUT)
                    .build();
                let found = aws_config::defaults(BehaviorVersion::latest())
                    .http_client(http)
                    .timeout_config(timeouts)
                    .load()
                    .await;
                // Other services have buckets in the path and know fewer checksums; digests are compared here anyway.
                let region = found.region().cloned();
                let config = aws_sdk_s3::config::Builder::from(&found)
                    .region(region.unwrap_or(Region::from_static(DEFAULT_REGION)))
                    .force_path_style(found.endpoint_url().is_some())
                    .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
                    .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
                    .build();
                Client::from_conf(config)
            })
            .await
    }

    fn unusable(&self, why: String) -> PackageError {
        PackageError::unusable(&self.place, why)
    }

    fn damaged(&self, name: &str, version: &semver::Version, why: impl Into<String>) -> PackageError {
        PackageError::damaged(&self.place, name, version, why)
    }

    /// The key of a release's file. Names reach it from locks and command lines, so they are looked at here once more.
    fn key(&self, name: &str, version: &semver::Version, file: &str) -> Result<String, PackageError> {
        if !is_name(name) {
            return Err(self.unusable("a plugin's name has small letters, digits, `-` and `_`".into()));
        }
        Ok(format!("{}{name}/{version}/{file}", self.prefix))
    }

    /// Every key below a prefix, without it; with a delimiter, the names of the next level.
    async fn keys(&self, below: &str, next_level: bool) -> Result<BTreeSet<String>, PackageError> {
        let mut pages = self
            .client()
            .await
            .list_objects_v2()
            .bucket(&self.bucket)
            .prefix(below)
            .set_delimiter(next_level.then(|| "/".to_owned()))
            .into_paginator()
            .send();
        let mut found = BTreeSet::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| self.unusable(explain(&error)))?;
            let levels = page.common_prefixes().iter().filter_map(|level| level.prefix());
            let objects = page.contents().iter().filter_map(|object| object.key());
            let names = levels.chain(objects).filter_map(|key| key.strip_prefix(below));
            found.extend(names.map(|name| name.trim_end_matches('/').to_owned()));
        }
        Ok(found)
    }

    /// An object's bytes up to a limit; none where it is not there.
    async fn get(&self, key: &str, limit_bytes: u64) -> Result<Option<Vec<u8>>, PackageError> {
        let request = self.client().await.get_object().bucket(&self.bucket).key(key);
        let mut object = match request.send().await {
            Ok(object) => object,
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(GetObjectError::is_no_such_key) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(self.unusable(explain(&error))),
        };
        let mut bytes = Vec::new();
        while let Some(piece) = object.body.next().await {
            let piece = piece.map_err(|error| self.unusable(format!("`{key}` broke off: {error}")))?;
            if (bytes.len() + piece.len()) as u64 > limit_bytes {
                return Err(self.unusable(format!("`{key}` has more than {limit_bytes} bytes")));
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(Some(bytes))
    }

    /// Writes an object that is not there; answers whether it was not.
    async fn create(&self, key: &str, bytes: Vec<u8>) -> Result<bool, PackageError> {
        let request = self.client().await.put_object().bucket(&self.bucket).key(key);
        // Conditional writes: S3 answers 412 where the key is there, 409 where another such write is on its way.
        match request
            .if_none_match("*")
            .body(ByteStream::from(bytes))
            .send()
            .await
        {
            Ok(_) => Ok(true),
            Err(error) if matches!(status(&error), Some(409 | 412)) => Ok(false),
            Err(error) => Err(self.unusable(explain(&error))),
        }
    }
}

#[async_trait]
impl Registry for S3Registry {
    fn place(&self) -> &str {
        &self.place
    }

    async fn names(&self) -> Result<Vec<String>, PackageError> {
        let names = self.keys(&self.prefix, true).await?;
        Ok(names.into_iter().filter(|name| is_name(name)).collect())
    }

    async fn versions(&self, name: &str) -> Result<Vec<semver::Version>, PackageError> {
        if !is_name(name) {
            return Ok(Vec::new());
        }
        let keys = self.keys(&format!("{}{name}/", self.prefix), false).await?;
        let mut versions: Vec<semver::Version> = keys
            .iter()
            .filter_map(|key| {
                let text = key.strip_suffix(INDEX)?.strip_suffix('/')?;
                let version = semver::Version::parse(text).ok()?;
                (version.to_string() == text).then_some(version)
            })
            .collect();
        versions.sort();
        Ok(versions)
    }

    async fn release(&self, name: &str, version: &semver::Version) -> Result<Release, PackageError> {
        let key = self.key(name, version, INDEX)?;
        let text = self.get(&key, MAX_RELEASE_BYTES).await?;
        let text = text.ok_or_else(|| self.damaged(name, version, "it has no index"))?;
        Release::parse(&text, name, version).map_err(|why| self.damaged(name, version, why))
    }

    async fn fetch(&self, name: &str, version: &semver::Version) -> Result<Package, PackageError> {
        let release = self.release(name, version).await?;
        let component = self.key(name, version, &component(&release))?;
        let wasm = self.get(&component, MAX_PLUGIN_BYTES).await?;
        let wasm = wasm.ok_or_else(|| self.damaged(name, version, "it has no component"))?;
        let signature = self.get(&signature_of(&component), MAX_SIGNATURE_BYTES).await?;
        let signature = signature
            .map(String::from_utf8)
            .transpose()
            .map_err(|_| self.damaged(name, version, "its signature is not text"))?;
        Ok(Package {
            release,
            wasm,
            signature,
        })
    }

    async fn publish(&self, package: &Package) -> Result<Published, PackageError> {
        let Release { name, version, .. } = &package.release;
        let component = self.key(name, version, &component(&package.release))?;
        let index = self.key(name, version, INDEX)?;
        if self.get(&index, MAX_RELEASE_BYTES).await?.is_none() {
            // Named by their digest, these are the same bytes whoever writes them first.
            self.create(&component, package.wasm.clone()).await?;
            if let Some(signature) = &package.signature {
                self.create(&signature_of(&component), signature.clone().into_bytes())
                    .await?;
            }
            let text = serde_json::to_vec_pretty(&package.release)
                .map_err(|error| self.unusable(error.to_string()))?;
            if self.create(&index, text).await? {
                return Ok(Published::New);
            }
        }
        let there = self.fetch(name, version).await?;
        match again(&self.place, &there, package)? {
            Again::Already => Ok(Published::Already),
            Again::Sign(signature) => {
                if self
                    .create(&signature_of(&component), signature.into_bytes())
                    .await?
                {
                    return Ok(Published::Signed);
                }
                // Another signature came first meanwhile: it is ours, or it is told.
                let there = self.fetch(name, version).await?;
                again(&self.place, &there, package).map(|_| Published::Already)
            }
        }
    }
}

fn component(release: &Release) -> String {
    format!("{}.wasm", release.digest.hex())
}

fn signature_of(component: &str) -> String {
    format!("{component}.minisig")
}

fn status<E>(error: &SdkError<E>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

/// What went wrong, in the service's words where it answered. Requests are not in it, and so no credentials.
fn explain<E: ProvideErrorMetadata + std::error::Error + 'static>(error: &SdkError<E>) -> String {
    match error {
        SdkError::ServiceError(answer) => {
            let said = answer.err();
            let code = said.code().unwrap_or("no code");
            let message = said.message().unwrap_or("without a message");
            match status(error) {
                Some(status) => format!("the service answers {status}, {code}: {message}"),
                None => format!("the service answers {code}: {message}"),
            }
        }
        SdkError::TimeoutError(_) => "the service does not answer".into(),
        SdkError::DispatchFailure(_) | SdkError::ConstructionFailure(_) | SdkError::ResponseError(_) | _ => {
            DisplayErrorContext(error).to_string()
        }
    }
}
