//! What an author writes.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::batch::{Batch, Input};
use crate::fault::Fault;
use crate::output::{Output, Processed};
use crate::shape::Shape;

/// Turns batches into batches.
///
/// The host calls `bind` and `shape`, then maybe `restore`, then `process` for each batch with `snapshot` between
/// them, then `finish`. Calls never overlap. The same input in the same state must give the same output.
pub trait Transform: Sized + 'static {
    /// What `config:` in the schema holds. Put `#[serde(deny_unknown_fields)]` on it, so that a typo is an error.
    type Config: DeserializeOwned + JsonSchema;

    /// Binds a config to the granted columns. Look here for everything that can be wrong: `tidegate check` calls it
    /// before any data moves.
    fn bind(config: Self::Config, input: &Input) -> Result<Self, Fault>;

    /// What this transform does to the stream.
    fn shape(&self) -> Shape;

    /// One batch.
    fn process(&mut self, batch: &Batch) -> Result<Processed, Fault>;

    /// What is still held, once there are no more batches; each output made with [`Output::rows`].
    fn finish(&mut self) -> Result<Vec<Output>, Fault> {
        Ok(Vec::new())
    }

    /// The state, where there is one.
    fn snapshot(&self) -> Result<Option<Vec<u8>>, Fault> {
        Ok(None)
    }

    /// Takes over a state that `snapshot` gave.
    fn restore(&mut self, _state: &[u8]) -> Result<(), Fault> {
        Err(Fault::fatal(
            "this transform keeps no state, so there is none to restore",
        ))
    }
}
