//! The checks of an asset over what lies in its destination, with nothing loaded.

use std::sync::Arc;

use arrow_array::RecordBatch;
use chrono::{DateTime, Utc};
use tidegate_core::plan::{CheckKind, CheckStep, Partition, StreamCheck};
use tidegate_core::port::{LogSink, Source, Unheard, Verdict};
use tidegate_core::schema::{Column, Load};
use tidegate_core::{Error, Kind, Result};

use super::Project;
use super::checks::Surroundings;
use super::prepare::AssetPlan;

impl Project {
    /// What an asset's checks say of one slice or of all that lies there, in order. The row counts of loads are compared where
    /// what is looked at is what a load brings.
    pub async fn look(
        self: &Arc<Self>,
        plan: &AssetPlan,
        partition: Option<&Partition>,
        history: &[u64],
        now: DateTime<Utc>,
    ) -> Result<Vec<Verdict>> {
        let replaced = matches!(plan.destination.load, Load::Replace | Load::ReplacePartition)
            && plan.source.cursor.is_none();
        let of_a_load = replaced && (partition.is_some() || plan.partitioning.is_none());
        let steps: Vec<CheckStep> = plan
            .checks
            .iter()
            .filter(|step| {
                let counts = matches!(step.kind, CheckKind::Stream(StreamCheck::RowCountAnomaly { .. }));
                of_a_load || !counts
            })
            .cloned()
            .collect();
        let log: Arc<dyn LogSink> = Arc::new(Unheard);
        let mut verdicts = Vec::new();
        if steps.iter().any(CheckStep::looks_at_rows) {
            verdicts = self
                .look_at_rows(plan, &steps, partition, history, now, &log)
                .await?;
        }
        for step in &steps {
            verdicts.extend(self.look_at_loaded(step, partition, &log).await);
        }
        Ok(verdicts)
    }

    async fn look_at_rows(
        self: &Arc<Self>,
        plan: &AssetPlan,
        steps: &[CheckStep],
        partition: Option<&Partition>,
        history: &[u64],
        now: DateTime<Utc>,
        log: &Arc<dyn LogSink>,
    ) -> Result<Vec<Verdict>> {
        let mut source = self.whole_asset(&plan.name).map_err(|errors| {
            errors
                .into_iter()
                .next()
                .unwrap_or_else(|| Error::new(Kind::Internal, "check.source", "the asset is not there"))
        })?;
        // Columns that came by the contract are there too.
        if let Some(columns) = Column::of_schema(&plan.loaded) {
            source.columns = columns;
        }
        let loaded = Column::schema(&source.columns);
        let around = Surroundings {
            loaded: &loaded,
            log: log.clone(),
            now,
            history,
            keys: None,
        };
        let mut checks = self.bind_checks(steps, &around).await?;
        let names: Vec<String> = loaded.fields().iter().map(|field| field.name().clone()).collect();
        let mut rows = self.slice_opener(log.clone(), partition.cloned())(source)(names).await?;
        let mut sequence = 0;
        while let Some(batch) = next(rows.as_mut()).await? {
            for check in &mut checks {
                check.observe(&batch, sequence).await?;
            }
            sequence += 1;
        }
        let mut verdicts = Vec::new();
        for check in &mut checks {
            verdicts.push(check.verdict().await?);
        }
        Ok(verdicts)
    }
}

/// The next batch; a row that was loaded and cannot be read again is an error.
async fn next(rows: &mut dyn Source) -> Result<Option<RecordBatch>> {
    let Some(read) = rows.next().await? else {
        return Ok(None);
    };
    if let Some(rejects) = read.rejects {
        let message = rejects.messages.iter().flatten().next().unwrap_or_default();
        let message = format!("a row of the asset cannot be read: {message}");
        return Err(Error::new(Kind::Data, "check.unreadable", message)
            .hint("something else than Tidegate wrote there, or the types in `columns` were changed"));
    }
    Ok(Some(read.batch))
}
