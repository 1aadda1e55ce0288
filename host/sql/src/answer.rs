//! A plan, run: its batches in the types that the schema has words for.

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::SessionContext;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use tidegate_core::{Error, Result};

use crate::error::SqlError;
use crate::output;
use crate::session::Limits;

/// Begins a plan; its batches come in order, each of the answer's schema.
pub(crate) async fn answer(
    context: &SessionContext,
    plan: &LogicalPlan,
    schema: SchemaRef,
    limits: Limits,
) -> Result<BoxStream<'static, Result<RecordBatch>>> {
    let running = move |error: &DataFusionError| Error::from(SqlError::running(error, limits.memory_bytes));
    let state = context.state();
    let physical = state
        .query_planner()
        .create_physical_plan(plan, &state)
        .await
        .map_err(|error| running(&error))?;
    let batches = execute_stream(physical, context.task_ctx()).map_err(|error| running(&error))?;
    Ok(batches
        .map(move |batch| {
            let batch = batch.map_err(|error| running(&error))?;
            Ok(output::conform(&batch, &schema)?)
        })
        .boxed())
}
