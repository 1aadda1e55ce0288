//! Tables: as the schema has them, as they are, and how the one becomes the other.

mod definition;
mod design;
mod difference;
mod live;

pub(super) use definition::{TableColumn, TableDefinition};
pub(super) use design::{CheckedDestination, Mode, design, with_evolved};
pub(super) use difference::{differences, mend};
pub(super) use live::LiveTable;
