//! A destination in its own unit tests.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::Schema;

use crate::batch::Batch;
use crate::destination::{Destination, Load, LoadMode, Receipt};
use crate::export::{config as parsed, earlier, kept};
use crate::fault::Fault;

/// A load of batches, appended: `check`, `open`, `write` for each, `stage`, `commit`. What it did is for the test to look
/// at, where it lies.
pub fn load<D: Destination>(config: serde_json::Value, batches: &[RecordBatch]) -> Result<Receipt, Fault> {
    D::check(&parsed(&config.to_string())?)?;
    let mut writer = open::<D>(&config, batches, None)?;
    for (index, batch) in batches.iter().enumerate() {
        writer.write(&Batch::of_record_batch(batch), &token(index))?;
    }
    writer.stage()?;
    writer.commit()
}

/// The same load as an attempt makes it that was killed behind each batch: each batch is written twice under its token,
/// each stage is taken over by a new writer (of a destination that stages nothing, from the first batch on), and the load
/// is committed twice. It must come to what [`load`] comes to. Answers the receipt of the last commit.
pub fn load_with_repeats<D: Destination>(
    config: serde_json::Value,
    batches: &[RecordBatch],
) -> Result<Receipt, Fault> {
    let mut writer = open::<D>(&config, batches, None)?;
    for (index, batch) in batches.iter().enumerate() {
        for _ in 0..2 {
            writer.write(&Batch::of_record_batch(batch), &token(index))?;
        }
        let staged = match writer.stage()? {
            Some(staged) => Some(kept(&staged, "what was staged")?),
            None => None,
        };
        drop(writer);
        writer = open::<D>(&config, batches, staged.as_deref())?;
        if staged.is_none() {
            for (again, batch) in batches.iter().take(index + 1).enumerate() {
                writer.write(&Batch::of_record_batch(batch), &token(again))?;
            }
        }
    }
    writer.commit()?;
    writer.commit()
}

fn open<D: Destination>(
    config: &serde_json::Value,
    batches: &[RecordBatch],
    staged: Option<&[u8]>,
) -> Result<D, Fault> {
    let columns = batches
        .first()
        .map_or_else(|| Arc::new(Schema::empty()), RecordBatch::schema);
    D::open(
        parsed(&config.to_string())?,
        Load {
            asset: "test".to_owned(),
            partition: None,
            mode: LoadMode::Append,
            columns,
            key: Vec::new(),
            token: "load".to_owned(),
            staged: staged
                .map(|bytes| earlier(bytes, "what was staged"))
                .transpose()?,
            epoch: 1,
        },
    )
}

fn token(batch: usize) -> String {
    format!("load-{batch}")
}
