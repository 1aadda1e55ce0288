//! The source: one thread reads files, others parse what it cut, and batches come out in order.

use arrow_schema::SchemaRef;
use async_trait::async_trait;
use tidegate_core::port::{Source, SourceBatch, Watermark};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::error::{FormatError, Result};
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
pub(crate) struct FileSource {
    schema: SchemaRef,
    watermark: Option<Watermark>,
    jobs: mpsc::Receiver<Job>,
    /// The batch that is waited for, kept so that a wait can be broken off and taken up again.
    next: Option<JoinHandle<Result<SourceBatch>>>,
    /// The reader's thread, until it has ended.
    reader: Option<JoinHandle<()>>,
}

impl FileSource {
    /// Starts a reader on a thread of its own. It ends with its files, an error, or the source.
    pub(super) fn start(schema: SchemaRef, read: impl FnOnce(&Outlet) -> Read + Send + 'static) -> Self {
        let (sender, jobs) = mpsc::channel(AHEAD);
        let reader = tokio::task::spawn_blocking(move || {
            let outlet = Outlet(sender);
            if let Err(Stop::Failed(error)) = read(&outlet)
                && let Ok(place) = outlet.reserve()
            {
                place.send(Err(error));
            }
        });
        Self {
            schema,
            watermark: None,
            jobs,
            next: None,
            reader: Some(reader),
        }
    }

    /// The same source, which reads up to this.
    pub(crate) fn up_to(mut self, watermark: Option<Watermark>) -> Self {
        self.watermark = watermark;
        self
    }
}

/// What a reader answers.
pub(super) type Read = std::result::Result<(), Stop>;

/// Why a reader stopped before the end.
pub(super) enum Stop {
    Failed(FormatError),
    Closed,
}

impl From<FormatError> for Stop {
    fn from(error: FormatError) -> Self {
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

    fn watermark(&self) -> Option<Watermark> {
        self.watermark.clone()
    }

    async fn next(&mut self) -> tidegate_core::Result<Option<SourceBatch>> {
        if self.next.is_none() {
            match self.jobs.recv().await {
                Some(job) => self.next = Some(job?),
                // A reader that panicked sends nothing either; that must not pass for the end of the files.
                None => {
                    if let Some(reader) = self.reader.take() {
                        reader.await.map_err(|error| panicked(&error))?;
                    }
                }
            }
        }
        let Some(job) = &mut self.next else {
            return Ok(None);
        };
        let batch = job.await;
        self.next = None;
        Ok(Some(batch.map_err(|error| panicked(&error))??))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::RecordBatch;
    use arrow_schema::Schema;
    use tidegate_core::port::Cursor;

    use super::*;

    fn batch(number: u64) -> SourceBatch {
        SourceBatch {
            batch: RecordBatch::new_empty(Arc::new(Schema::empty())),
            cursor: Cursor(number.into()),
            rejects: None,
        }
    }

    fn start(read: impl FnOnce(&Outlet) -> Read + Send + 'static) -> FileSource {
        FileSource::start(Arc::new(Schema::empty()), read)
    }

    #[tokio::test]
    async fn batches_keep_their_order_however_long_each_takes() {
        let mut source = start(|outlet| {
            for number in 0..20 {
                outlet.parse(move || {
                    std::thread::sleep(std::time::Duration::from_millis(number % 5));
                    Ok(batch(number))
                })?;
            }
            Ok(())
        });
        for number in 0..20 {
            assert_eq!(source.next().await.unwrap().unwrap().cursor, batch(number).cursor);
        }
        assert!(source.next().await.unwrap().is_none());
    }

    #[tokio::test]
    async fn no_more_is_read_ahead_than_was_meant() {
        let (sender, reads) = std::sync::mpsc::channel();
        let mut source = start(move |outlet| {
            for number in 0..100 {
                outlet.parse(move || Ok(batch(number)))?;
                sender.send(number).ok();
            }
            Ok(())
        });
        source.next().await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        assert!(reads.try_iter().count() <= AHEAD + 2);
        drop(source);
    }

    #[tokio::test]
    async fn a_panic_is_an_error_and_not_the_end() {
        let mut source = start(|outlet| {
            outlet.parse(|| Ok(batch(0)))?;
            panic!("the reader broke");
        });
        source.next().await.unwrap();
        assert_eq!(source.next().await.unwrap_err().code, "file.internal");

        let mut source = start(|outlet| Ok(outlet.parse(|| panic!("the parser broke"))?));
        assert_eq!(source.next().await.unwrap_err().code, "file.internal");
    }

    #[tokio::test]
    async fn a_wait_that_is_broken_off_loses_nothing() {
        let mut source = start(|outlet| {
            outlet.parse(|| {
                std::thread::sleep(std::time::Duration::from_millis(100));
                Ok(batch(7))
            })?;
            Ok(())
        });
        let short = std::time::Duration::from_millis(20);
        assert!(tokio::time::timeout(short, source.next()).await.is_err());
        assert_eq!(source.next().await.unwrap().unwrap().cursor, batch(7).cursor);
    }
}
