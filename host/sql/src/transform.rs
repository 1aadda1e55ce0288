//! A statement as a transform: the whole stream goes in, and the answer comes out.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;
use futures::stream::BoxStream;
use tidegate_core::Result;
use tidegate_core::port::StreamTransform;

use crate::answer::answer;
use crate::error::SqlError;
use crate::lineage::{TableColumn, lineage};
use crate::output;
use crate::session::{Limits, plan, session};
use crate::table::{Provider, Table};

/// A statement, bound to the stream that it stands in.
pub struct SqlTransform {
    context: SessionContext,
    plan: LogicalPlan,
    input: Arc<Provider>,
    schema: SchemaRef,
    limits: Limits,
}

impl SqlTransform {
    /// Reads a statement over `input`, whose columns are given, and tables. Nothing is opened.
    pub async fn bind(
        sql: &str,
        input: SchemaRef,
        tables: &[Table],
        limits: Limits,
    ) -> Result<Self, SqlError> {
        let input = Arc::new(Provider::stream(input));
        let context = session(limits, Some(input.clone()), tables)?;
        let plan = plan(&context, sql).await?;
        let schema = output::schema(plan.schema().as_arrow())?;
        Ok(Self {
            context,
            plan,
            input,
            schema,
            limits,
        })
    }

    /// For each column of the answer those that it is made from, with the names of their tables; `input` is the stream.
    pub fn lineage(&self) -> Vec<(String, Vec<TableColumn>)> {
        let names = self.schema.fields().iter().map(|field| field.name().clone());
        names
            .zip(lineage(&self.plan))
            .map(|(name, from)| (name, from.into_iter().collect()))
            .collect()
    }
}

#[async_trait]
impl StreamTransform for SqlTransform {
    fn name(&self) -> &'static str {
        "sql"
    }

    fn output_schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    async fn run(
        self: Box<Self>,
        input: BoxStream<'static, RecordBatch>,
    ) -> Result<BoxStream<'static, Result<RecordBatch>>> {
        self.input.feed(input);
        answer(&self.context, &self.plan, self.schema, self.limits).await
    }
}
