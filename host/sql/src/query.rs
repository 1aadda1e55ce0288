//! A statement by itself, over assets.

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use datafusion::sql::resolve::resolve_table_references;
use futures::stream::BoxStream;
use tidegate_core::Result;

use crate::answer::answer;
use crate::error::SqlError;
use crate::output;
use crate::session::{Limits, plan, session};
use crate::table::Table;

/// The names of the tables that a statement reads, each once; those that it makes itself are not among them.
pub fn tables_of(sql: &str) -> Result<Vec<String>, SqlError> {
    let limits = Limits {
        memory_bytes: 1 << 20,
        batch_rows: 1,
    };
    let state = session(limits, None, &[])?.state();
    let dialect = state.config().options().sql_parser.dialect;
    let statement = state
        .sql_to_statement(sql, &dialect)
        .map_err(|error| SqlError::statement(&error))?;
    let (tables, _) =
        resolve_table_references(&statement, true).map_err(|error| SqlError::statement(&error))?;
    let mut names: Vec<String> = tables.iter().map(|table| table.table().to_owned()).collect();
    names.sort();
    names.dedup();
    Ok(names)
}

/// The answer of a statement over tables: its columns, and its batches in order.
pub async fn query(
    sql: &str,
    tables: &[Table],
    limits: Limits,
) -> Result<(SchemaRef, BoxStream<'static, Result<RecordBatch>>)> {
    let context = session(limits, None, tables)?;
    let plan = plan(&context, sql).await?;
    let schema = output::schema(plan.schema().as_arrow())?;
    let batches = answer(&context, &plan, schema.clone(), limits).await?;
    Ok((schema, batches))
}
