//! How many rows a load has.

use arrow_array::RecordBatch;
use async_trait::async_trait;
use tidegate_core::Result;
use tidegate_core::port::{Check, Verdict};

use super::anomaly::Usual;
use super::{remembered, restored, verdict};

enum Rule {
    Between(Option<u64>, Option<u64>),
    Usual(Option<Usual>),
}

/// Counts rows.
pub(super) struct RowCount {
    rule: Rule,
    rows: u64,
}

impl RowCount {
    /// At least and at most so many.
    pub(super) fn between(min: Option<u64>, max: Option<u64>) -> Self {
        Self {
            rule: Rule::Between(min, max),
            rows: 0,
        }
    }

    /// About as many as there were before.
    pub(super) fn usual(history: &[u64], tolerance: f64) -> Self {
        Self {
            rule: Rule::Usual(Usual::of(history, tolerance)),
            rows: 0,
        }
    }
}

#[async_trait]
impl Check for RowCount {
    async fn observe(&mut self, batch: &RecordBatch, _sequence: u64) -> Result<()> {
        self.rows += batch.num_rows() as u64;
        Ok(())
    }

    async fn snapshot(&mut self) -> Result<Option<Vec<u8>>> {
        Ok(Some(remembered(&self.rows)?))
    }

    async fn restore(&mut self, state: &[u8]) -> Result<()> {
        self.rows = restored(state)?;
        Ok(())
    }

    async fn verdict(&mut self) -> Result<Verdict> {
        let rows = self.rows;
        Ok(match &self.rule {
            Rule::Between(min, max) => {
                let passed = min.is_none_or(|min| rows >= min) && max.is_none_or(|max| rows <= max);
                let wanted = match (min, max) {
                    (Some(min), Some(max)) => format!("{min} to {max}"),
                    (Some(min), None) => format!("at least {min}"),
                    (None, Some(max)) => format!("at most {max}"),
                    (None, None) => "any number".to_owned(),
                };
                let message = format!("{rows} rows; {wanted} are wanted");
                verdict(passed, message, vec![("rows", rows as f64)])
            }
            Rule::Usual(None) => {
                let message = format!("{rows} rows; too few loads came before to say what is usual");
                verdict(true, message, vec![("rows", rows as f64)])
            }
            Rule::Usual(Some(usual)) => {
                let (least, greatest) = usual.bounds();
                let message = format!(
                    "{rows} rows; {least} to {greatest} are usual, by the median {} of {} loads",
                    usual.median, usual.loads
                );
                let measures = vec![
                    ("rows", rows as f64),
                    ("median", usual.median),
                    ("deviations", usual.deviations(rows)),
                ];
                verdict(usual.holds(rows), message, measures)
            }
        })
    }
}
