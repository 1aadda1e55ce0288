//! A check in its own unit tests.

use arrow_array::RecordBatch;

use crate::batch::{Batch, Input};
use crate::check::{Check, Verdict};
use crate::export::check::bind;
use crate::fault::Fault;

/// The verdict over batches. Then once more, each batch in a new instance that takes over what the last saw, as after a
/// kill: where that gives another verdict, the check remembers something that its snapshot has not, and this fails.
pub fn verdict<C: Check>(config: serde_json::Value, batches: &[RecordBatch]) -> Result<Verdict, Fault> {
    let Some(first) = batches.first() else {
        return Err(Fault::data("there is no batch"));
    };
    let bind = || bind::<C>(&config.to_string(), &Input::new(first.schema()));
    let mut whole = bind()?;
    let mut resumed = bind()?;
    for batch in batches {
        whole.observe(&Batch::of_record_batch(batch))?;
        resumed.observe(&Batch::of_record_batch(batch))?;
        let state = resumed.snapshot()?;
        resumed = bind()?;
        if let Some(state) = state {
            resumed.restore(&state)?;
        }
    }
    let (verdict, again) = (whole.verdict()?, resumed.verdict()?);
    if verdict == again {
        return Ok(verdict);
    }
    Err(Fault::fatal(format!(
        "a check that goes on from its snapshot says {again:?}, and one that was never stopped {verdict:?}"
    )))
}
