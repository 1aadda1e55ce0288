//! What the author of a destination writes.

use arrow_schema::SchemaRef;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::batch::Batch;
use crate::fault::Fault;

/// Writes batches somewhere, and shows all of a load at once or none.
///
/// The host calls `check` at any time; `open`, then `write` for each batch with `stage` between them, then `commit` or
/// `abort`. The value itself is the writer of one load.
pub trait Destination: Sized + 'static {
    /// What `config:` of the resource and the asset's `destination:` hold. Put `#[serde(deny_unknown_fields)]` on it, so
    /// that a typo is an error.
    type Config: DeserializeOwned + JsonSchema;

    /// What `stage` answers, for a later attempt at the same load; `()` for a destination that cannot hold back what was
    /// written. It crosses as JSON, of 64 KiB at most.
    type Staged: Serialize + DeserializeOwned;

    /// Whether the config is right and the other side can be reached with it.
    fn check(config: &Self::Config) -> Result<(), Fault>;

    /// Opens a writer. Nothing that it does before `commit` may be seen by a reader, unless the other side has no way to
    /// hide it, such as a webhook; the tokens keep a repeat from doubling it.
    fn open(config: Self::Config, load: Load<Self::Staged>) -> Result<Self, Fault>;

    /// Takes a batch. The same token means the same rows, and a repeated one must change nothing.
    fn write(&mut self, batch: &Batch, token: &str) -> Result<(), Fault>;

    /// Makes all that was written durable, still unseen, and answers what a writer of the same load needs to go on from
    /// here. None where the other side cannot hold back what was written: a later attempt then writes the load from its
    /// first batch, with the same tokens.
    fn stage(&mut self) -> Result<Option<Self::Staged>, Fault> {
        Ok(None)
    }

    /// Shows the load. Repeating it must change nothing.
    fn commit(&mut self) -> Result<Receipt, Fault>;

    /// Forgets the load.
    fn abort(&mut self) -> Result<(), Fault> {
        Ok(())
    }
}

/// How a load meets what lies there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadMode {
    /// Rows are added.
    Append,
    /// Rows take the place of those with the same key.
    Upsert,
    /// Everything is replaced.
    Replace,
    /// The partition is replaced.
    ReplacePartition,
}

/// What will be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Load<S> {
    /// For which asset.
    pub asset: String,
    /// For which slice; none for an asset without.
    pub partition: Option<String>,
    /// How it meets what lies there.
    pub mode: LoadMode,
    /// The columns of every batch.
    pub columns: SchemaRef,
    /// The columns that name a row.
    pub key: Vec<String>,
    /// Names the load: a load under a token that was committed already changes nothing.
    pub token: String,
    /// What `stage` of an earlier attempt at this load answered last.
    pub staged: Option<S>,
    /// The attempt's fence: a destination that has seen a higher one for this asset and slice must refuse.
    pub epoch: u64,
}

/// What was loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Rows loaded.
    pub rows: u64,
    /// Bytes as stored, where known.
    pub bytes: Option<u64>,
    /// Where it lies, for people.
    pub location: String,
}
