//! Where logs, quarantine and other files of runs are kept.

use async_trait::async_trait;
use bytes::Bytes;

use crate::error::Result;

/// A store of named byte strings. Names are relative paths with `/`, without `.` or `..` parts.
#[async_trait]
pub trait ArtifactStore: Send + Sync {
    /// Stores bytes under a name, whole or not at all; what was there is replaced.
    async fn put(&self, name: &str, bytes: Bytes) -> Result<()>;
    /// The bytes under a name, or none.
    async fn get(&self, name: &str) -> Result<Option<Bytes>>;
    /// Adds bytes to the end of what is under a name, which need not exist.
    async fn append(&self, name: &str, bytes: Bytes) -> Result<()>;
    /// The names that start with a prefix, sorted.
    async fn list(&self, prefix: &str) -> Result<Vec<String>>;
    /// Removes what is under a name; a name that is not there is fine.
    async fn delete(&self, name: &str) -> Result<()>;
    /// The name as a place that a person can open: a path or URL.
    fn locate(&self, name: &str) -> String;
}
