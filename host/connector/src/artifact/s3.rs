//! Artifacts in a bucket of S3, or of a service that speaks its protocol.
//!
//! Objects cannot grow, so what is appended becomes an object of its own behind the name: `NAME.~ID`, where the IDs of one
//! process sort in the order of its appends. So an append costs one request whatever was appended before, and making it
//! again changes nothing.

use std::collections::BTreeSet;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use tidegate_core::Result;
use tidegate_core::port::ArtifactStore;
use tidegate_core::schema::Millis;
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::name::is_safe;
use crate::s3::{Bucket, Listing, ResourceConfig, S3Error};

/// Between a name and the ID of what was appended.
const PIECE: &str = ".~";

/// How long the service may be silent.
const TIMEOUT: Millis = Millis(60_000);

/// Keeps artifacts as objects below a prefix. Credentials, region and endpoint are those that the AWS SDK finds: its
/// environment variables, its files, or the machine's role.
#[derive(Debug)]
pub struct S3Artifacts {
    config: ResourceConfig,
    /// Empty, or ends with `/`.
    prefix: String,
    bucket: OnceCell<Bucket>,
}

impl S3Artifacts {
    /// The store at `s3://BUCKET` or `s3://BUCKET/PREFIX`. Nobody is asked yet.
    pub fn new(address: &str) -> Result<Self> {
        let bad = |reason| S3Error::BadAddress {
            address: address.to_owned(),
            reason,
        };
        let below = address
            .strip_prefix("s3://")
            .ok_or_else(|| bad("it does not start with s3://"))?;
        let (bucket, prefix) = below.split_once('/').unwrap_or((below, ""));
        let prefix = prefix.trim_end_matches('/');
        if bucket.is_empty() {
            return Err(bad("it names no bucket").into());
        }
        if !prefix.is_empty() && !is_safe(prefix) {
            return Err(bad("its prefix is not written like a path").into());
        }
        Ok(Self::within(ResourceConfig {
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
            endpoint: None,
            region: None,
            path_style: None,
            access_key: None,
            secret_key: None,
            session_token: None,
            timeout: TIMEOUT,
        }))
    }

    /// A store below the prefix of a bucket, with what else is known of it. Nobody is asked yet.
    pub fn within(config: ResourceConfig) -> Self {
        let prefix = config.prefix.trim_end_matches('/');
        Self {
            prefix: if prefix.is_empty() {
                String::new()
            } else {
                format!("{prefix}/")
            },
            config,
            bucket: OnceCell::new(),
        }
    }

    async fn bucket(&self) -> &Bucket {
        self.bucket.get_or_init(|| Bucket::open(&self.config)).await
    }

    fn key(&self, name: &str) -> Result<String, S3Error> {
        if is_safe(name) && !name.contains(PIECE) {
            return Ok(format!("{}{name}", self.prefix));
        }
        Err(S3Error::BadArtifactName {
            name: name.to_owned(),
        })
    }

    /// The keys of what was appended behind a key, in order.
    async fn pieces(&self, key: &str) -> Result<Vec<String>, S3Error> {
        let listing = Listing {
            prefix: format!("{key}{PIECE}"),
            ..Listing::default()
        };
        let (objects, _) = self.bucket().await.list_all(listing).await?;
        Ok(objects.into_iter().map(|object| object.key).collect())
    }
}

#[async_trait]
impl ArtifactStore for S3Artifacts {
    async fn put(&self, name: &str, bytes: Bytes) -> Result<()> {
        let key = self.key(name)?;
        let bucket = self.bucket().await;
        bucket.put(&key, bytes).await?;
        for piece in self.pieces(&key).await? {
            bucket.delete(&piece).await?;
        }
        Ok(())
    }

    async fn get(&self, name: &str) -> Result<Option<Bytes>> {
        let key = self.key(name)?;
        let bucket = self.bucket().await;
        let first = bucket.get(&key).await?.map(|(bytes, _)| bytes);
        let pieces = self.pieces(&key).await?;
        if pieces.is_empty() {
            return Ok(first);
        }
        let mut all = BytesMut::from(first.unwrap_or_default());
        for piece in pieces {
            // One that is gone was removed with all of them since they were listed.
            if let Some((bytes, _)) = bucket.get(&piece).await? {
                all.extend_from_slice(&bytes);
            }
        }
        Ok(Some(all.freeze()))
    }

    async fn append(&self, name: &str, bytes: Bytes) -> Result<()> {
        let key = format!("{}{PIECE}{}", self.key(name)?, Uuid::now_v7());
        Ok(self.bucket().await.put(&key, bytes).await?)
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>> {
        let listing = Listing {
            prefix: format!("{}{prefix}", self.prefix),
            ..Listing::default()
        };
        let (objects, _) = self.bucket().await.list_all(listing).await?;
        let names: BTreeSet<String> = objects
            .iter()
            .filter_map(|object| object.key.strip_prefix(&self.prefix))
            .map(|name| name.split_once(PIECE).map_or(name, |(name, _)| name).to_owned())
            .collect();
        Ok(names.into_iter().collect())
    }

    async fn delete(&self, name: &str) -> Result<()> {
        let key = self.key(name)?;
        let bucket = self.bucket().await;
        bucket.delete(&key).await?;
        for piece in self.pieces(&key).await? {
            bucket.delete(&piece).await?;
        }
        Ok(())
    }

    fn locate(&self, name: &str) -> String {
        format!("s3://{}/{}{name}", self.config.bucket, self.prefix)
    }
}
