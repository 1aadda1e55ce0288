//! Tables: as the schema has them, as they are, and how the one becomes the other.

mod definition;
mod design;
mod difference;
mod live;
mod partition_key;

pub(super) use definition::{LOAD_COLUMN, TableDefinition};
pub(super) use design::{CheckedDestination, Mode, SliceColumn, design, with_evolved};
pub(super) use difference::{differences, mend};
pub(super) use live::LiveTable;
