//! The source: one thread reads files, others parse what it cut, and batches come out in order.

use arrow_schema::SchemaRef;
use async_trait::async_trait;
use tidegate_core::port::{Source, SourceBatch};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::error::Result;
use crate::blocking::panicked;

/// How many batches wait, parsed or being parsed, while the reader goes on. It holds one more, and the source another.
const AHEAD: usize = 2;

/// A batch on its way: a parse under way, or what ended the reading.
type Job = Result<JoinHandle<Result<SourceBatch>>>;

/// Hands batches from the reader's thread to the source.
pub(super) struct Outlet(mpsc::Sender<Job>);

/// Tells a reader to stop: nobody takes batches any more.
pub(super) struct Closed;

impl Outlet {
    /// Parses on another thread, in order with what was sent before. Waits while enough is under way.
    pub(super) fn parse(
        &self,
        work: impl FnOnce() -> Result<SourceBatch> + Send + 'static,
    ) -> Result<(), Closed> {
        // The place is taken before the work starts, so that no more is under way than was meant.
        let place = self.reserve()?;
        place.send(Ok(tokio::task::spawn_blocking(work)));
        Ok(())
    }

    fn reserve(&self) -> Result<mpsc::Permit<'_, Job>, Closed> {
        tokio::runtime::Handle::current()
            .block_on(self.0.reserve())
            .map_err(|_| Closed)
    }
}

/// Batches of files, in order.
pub(super) struct FileSource {
    schema: SchemaRef,
    jobs: mpsc::Receiver<Job>,
}

impl FileSource {
    /// Starts a reader on a thread of its own. It ends with its files, an error, or the source.
    pub(super) fn start(schema: SchemaRef, read: impl FnOnce(&Outlet) -> Read + Send + 'static) -> Self {
        let (sender, jobs) = mpsc::channel(AHEAD);
        tokio::task::spawn_blocking(move || {
            let outlet = Outlet(sender);
            if let Err(Stop::Failed(error)) = read(&outlet)
                && let Ok(place) = outlet.reserve()
            {
                place.send(Err(error));
            }
        });
        Self { schema, jobs }
    }
}

/// What a reader answers.
pub(super) type Read = std::result::Result<(), Stop>;

/// Why a reader stopped before the end.
pub(super) enum Stop {
    Failed(super::error::FileError),
    Closed,
}

impl From<super::error::FileError> for Stop {
    fn from(error: super::error::FileError) -> Self {
        Self::Failed(error)
    }
}

impl From<Closed> for Stop {
    fn from(_: Closed) -> Self {
        Self::Closed
    }
}

#[async_trait]
impl Source for FileSource {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    async fn next(&mut self) -> tidegate_core::Result<Option<SourceBatch>> {
        let Some(job) = self.jobs.recv().await else {
            return Ok(None);
        };
        let batch = job?.await.map_err(|error| panicked(&error))??;
        Ok(Some(batch))
    }
}
