//! Granted columns that an author did not think of: one missing, one too many.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema};
use tidegate_core::Error;

use super::configs::Tally;
use super::finding::{Seen, Verdict};

/// Each column taken away.
pub(crate) async fn missing<T>(schema: &Schema, bind: impl AsyncFn(&Schema) -> Result<T, Error>) -> Verdict {
    let fields = schema.fields();
    if fields.is_empty() {
        return Ok(Seen::Skipped("no column is granted".into()));
    }
    let mut tally = Tally::default();
    for missing in 0..fields.len() {
        let rest = fields.iter().enumerate().filter(|(index, _)| *index != missing);
        let rest: Vec<_> = rest.map(|(_, field)| field.clone()).collect();
        let what = format!("without the column `{}`", fields[missing].name());
        tally.count(&what, bind(&Schema::new(rest)).await)?;
    }
    Ok(tally.seen())
}

/// One column more, at the end and at the beginning.
pub(crate) async fn extra<T>(schema: &Schema, bind: impl AsyncFn(&Schema) -> Result<T, Error>) -> Verdict {
    let extra = Arc::new(Field::new("tidegate_extra_column", DataType::Boolean, true));
    let mut tally = Tally::default();
    for first in [false, true] {
        let mut fields = schema.fields().to_vec();
        let place = if first { 0 } else { fields.len() };
        fields.insert(place, extra.clone());
        let what = if first {
            "with a column before the first"
        } else {
            "with a column behind the last"
        };
        tally.count(what, bind(&Schema::new(fields)).await)?;
    }
    Ok(tally.seen())
}
