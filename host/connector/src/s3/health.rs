//! Whether a bucket can be read and loaded: by a listing, a byte, and an object that is put, read and removed again.

use bytes::Bytes;
use tidegate_core::port::{AskHealth, Health};
use uuid::Uuid;

use super::bucket::{Bucket, Listing};
use super::config::ResourceConfig;
use super::error::{Result, S3Error};
use super::from_json;

/// What the object holds that is put.
const WORDS: &[u8] = b"tidegate check --connect";

/// Lists below the prefix, reads a byte of the first object, and for destinations does what a commit does.
pub(super) async fn check(ask: &AskHealth<'_>) -> Result<Health> {
    let mut resource: ResourceConfig = from_json(ask.resource)?;
    resource.timeout.0 = resource.timeout.0.min(ask.silence_ms);
    let bucket = Bucket::open_hurried(&resource).await;
    let listing = Listing {
        prefix: resource.prefix.clone(),
        limit: Some(1),
        ..Listing::default()
    };
    let first = bucket.list(&listing).await?.objects.into_iter().next();
    let place = bucket.url(&resource.prefix);
    let mut warnings = Vec::new();
    match &first {
        Some(object) if ask.reads => {
            bucket.fetch(object, 0..object.size.min(1)).await?;
        }
        None if ask.reads => warnings.push(format!("nothing lies below `{place}` yet")),
        _ => {}
    }
    if ask.writes {
        write(&bucket, &resource.prefix).await?;
    }
    Ok(Health {
        about: match &resource.endpoint {
            Some(endpoint) => format!("{place} at {endpoint}"),
            None => place,
        },
        warnings,
    })
}

/// Puts an object, which must go only once, reads it and removes it, whatever came before.
async fn write(bucket: &Bucket, prefix: &str) -> Result<()> {
    // No source's pattern finds a name that begins with a dot.
    let key = format!("{prefix}.tidegate-check-{}", Uuid::now_v7());
    let words = Bytes::from_static(WORDS);
    let used = async {
        bucket.put_if(&key, words.clone(), None).await?;
        if bucket.put_if(&key, words.clone(), None).await? {
            return Err(S3Error::Unconditional {
                place: bucket.url(&key),
            });
        }
        match bucket.get(&key).await? {
            Some((found, _)) if found == words => Ok(()),
            _ => Err(S3Error::Changed {
                place: bucket.url(&key),
                what: "what was put is not what is there".into(),
            }),
        }
    };
    let used = used.await;
    let removed = bucket.delete(&key).await;
    used.and(removed)
}
