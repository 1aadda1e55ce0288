//! ClickHouse.

mod types;

pub use types::{Calendar, UnfitColumn, WireRange, column_type, wire_range, wire_type};
