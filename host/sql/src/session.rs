//! A session of DataFusion: what it may use, and what a statement may do.

use std::sync::Arc;

use datafusion::execution::context::SQLOptions;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::{SessionConfig, SessionContext};

use crate::error::{Result, SqlError};
use crate::table::{Provider, Table};

/// How a statement runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// What sorts, joins and aggregates may hold; sorts and aggregates go to the disk beyond it.
    pub memory_bytes: u64,
    /// Rows a batch at most.
    pub batch_rows: usize,
}

/// What goes to the disk at most, as a multiple of the memory.
const DISK_FACTOR: u64 = 1_000;

/// A session that knows tables, and `input` where there is one.
pub(crate) fn session(
    limits: Limits,
    input: Option<Arc<Provider>>,
    tables: &[Table],
) -> Result<SessionContext> {
    let broken = |error: datafusion::error::DataFusionError| SqlError::Internal(error.to_string());
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(FairSpillPool::new(
            usize::try_from(limits.memory_bytes).unwrap_or(usize::MAX),
        )))
        .with_disk_manager_builder(
            DiskManagerBuilder::default()
                .with_mode(DiskManagerMode::OsTmpDirectory)
                .with_max_temp_directory_size(limits.memory_bytes.saturating_mul(DISK_FACTOR)),
        )
        .build_arc()
        .map_err(broken)?;
    let mut config = SessionConfig::new()
        // One after the other: rows stay in order, and the attempt is one task among others.
        .with_target_partitions(1)
        .with_batch_size(limits.batch_rows)
        .with_information_schema(false);
    // Text stays what the schema calls utf8.
    config.options_mut().sql_parser.map_string_types_to_utf8view = false;
    // A spill must leave room to read it back, whatever the limit.
    config.options_mut().execution.sort_spill_reservation_bytes =
        usize::try_from(limits.memory_bytes / 3).unwrap_or(usize::MAX);
    let context = SessionContext::new_with_config_rt(config, runtime);
    if let Some(input) = input {
        context.register_table("input", input).map_err(broken)?;
    }
    for table in tables {
        context
            .register_table(
                datafusion::common::TableReference::bare(table.name.as_str()),
                Arc::new(Provider::asset(table)),
            )
            .map_err(broken)?;
    }
    Ok(context)
}

/// A statement, read and checked: one SELECT over the session's tables.
pub(crate) async fn plan(context: &SessionContext, sql: &str) -> Result<LogicalPlan> {
    let state = context.state();
    let plan = state
        .create_logical_plan(sql)
        .await
        .map_err(|error| SqlError::statement(&error))?;
    // Nothing that makes, changes or sets anything.
    SQLOptions::new()
        .with_allow_ddl(false)
        .with_allow_dml(false)
        .with_allow_statements(false)
        .verify_plan(&plan)
        .map_err(|error| SqlError::statement(&error))?;
    if matches!(
        plan,
        LogicalPlan::Explain(_) | LogicalPlan::Analyze(_) | LogicalPlan::DescribeTable(_)
    ) {
        return Err(SqlError::NotASelect("it explains or describes one".into()));
    }
    state.optimize(&plan).map_err(|error| SqlError::statement(&error))
}
