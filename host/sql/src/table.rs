//! Tables that a statement names: the stream that it stands in, and assets.

use std::fmt;
use std::sync::{Arc, Mutex};

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::{DataFusionError, Result as PlanResult};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use tidegate_core::port::Source;
use tidegate_core::schema::Column;
use tidegate_core::{Error, Kind};

use crate::leaf::Leaf;

/// Opens the columns of those names, in that order, to be read from the beginning.
pub type OpenColumns =
    Arc<dyn Fn(Vec<String>) -> BoxFuture<'static, Result<Box<dyn Source>, Error>> + Send + Sync>;

/// A table that a statement may name.
#[derive(Clone)]
pub struct Table {
    /// Its name, as the statement has it.
    pub name: String,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Reads it.
    pub open: OpenColumns,
}

/// How many rows a join may take a table for, to know which side to keep: an asset that is joined is taken to be smaller
/// than the stream, whose length nobody knows.
const ASSET_ROWS: usize = 1_000_000;
const STREAM_ROWS: usize = 1_000_000_000;

/// What gives a table's batches.
enum Batches {
    /// The stream, which comes once; none before there is one, and behind it.
    Stream(Mutex<Option<BoxStream<'static, RecordBatch>>>),
    /// An asset, as often as the statement names it.
    Asset(OpenColumns),
}

/// A table as DataFusion knows it.
pub(crate) struct Provider {
    schema: SchemaRef,
    batches: Arc<Batches>,
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider")
            .field("schema", &self.schema)
            .finish_non_exhaustive()
    }
}

impl Provider {
    /// The stream that a statement stands in.
    pub(crate) fn stream(schema: SchemaRef) -> Self {
        Self {
            schema,
            batches: Arc::new(Batches::Stream(Mutex::new(None))),
        }
    }

    /// An asset.
    pub(crate) fn asset(table: &Table) -> Self {
        Self {
            schema: Column::schema(&table.columns),
            batches: Arc::new(Batches::Asset(table.open.clone())),
        }
    }

    /// Gives the stream its batches.
    pub(crate) fn feed(&self, batches: BoxStream<'static, RecordBatch>) {
        if let Batches::Stream(slot) = self.batches.as_ref()
            && let Ok(mut slot) = slot.lock()
        {
            *slot = Some(batches);
        }
    }
}

#[async_trait]
impl TableProvider for Provider {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> PlanResult<Arc<dyn ExecutionPlan>> {
        let all: Vec<usize> = (0..self.schema.fields().len()).collect();
        let places = projection.unwrap_or(&all).clone();
        let schema = Arc::new(self.schema.project(&places)?);
        let rows = match self.batches.as_ref() {
            Batches::Stream(_) => STREAM_ROWS,
            Batches::Asset(_) => ASSET_ROWS,
        };
        let (batches, own) = (self.batches.clone(), schema.clone());
        let begin = move || batches.begin(&own, places.clone());
        Ok(Arc::new(Leaf::new(schema, rows, Arc::new(begin))))
    }
}

impl Batches {
    fn begin(&self, schema: &SchemaRef, places: Vec<usize>) -> PlanResult<SendableRecordBatchStream> {
        let stream = match self {
            Self::Stream(slot) => {
                let taken = slot.lock().ok().and_then(|mut slot| slot.take());
                let stream = taken.ok_or_else(|| {
                    DataFusionError::Plan(
                        "`input` is a stream, which can be named once; read the asset that it comes from for another look"
                            .into(),
                    )
                })?;
                stream
                    .map(move |batch| batch.project(&places).map_err(DataFusionError::from))
                    .boxed()
            }
            Self::Asset(open) => asset(open.clone(), schema.clone()),
        };
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema.clone(), stream)))
    }
}

/// The batches of an asset, opened when the first is wanted.
fn asset(open: OpenColumns, schema: SchemaRef) -> BoxStream<'static, PlanResult<RecordBatch>> {
    let names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
    // A table of which no column is wanted is still counted.
    futures::stream::once(async move { open(names).await.map_err(external) })
        .map_ok(move |source| rows(source, schema.clone()))
        .try_flatten()
        .boxed()
}

fn rows(source: Box<dyn Source>, schema: Arc<Schema>) -> BoxStream<'static, PlanResult<RecordBatch>> {
    futures::stream::try_unfold(source, move |mut source| {
        let schema = schema.clone();
        async move {
            let Some(read) = source.next().await.map_err(external)? else {
                return Ok(None);
            };
            if let Some(rejects) = read.rejects {
                let message = rejects.messages.iter().flatten().next().unwrap_or_default();
                let error = Error::new(
                    Kind::Data,
                    "sql.value",
                    format!("a row of an asset is bad: {message}"),
                );
                return Err(external(error));
            }
            // What may be missing is the schema's to say, not this batch's.
            let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(read.batch.num_rows()));
            let columns = read.batch.columns()[..schema.fields().len()].to_vec();
            let batch = RecordBatch::try_new_with_options(schema, columns, &options)?;
            Ok(Some((batch, source)))
        }
    })
    .boxed()
}

fn external(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
