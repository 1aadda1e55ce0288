//! Backfills: many slices of some assets, a run each or a few, asked for together.

mod choose;
mod launch;

pub use choose::{BackfillPlan, BackfillRequest, Slices};
pub use launch::BackfillStatus;
