//! ClickHouse, as far as it is built: its types. There is no connector yet, and only tests use them.

mod types;

pub use types::{Calendar, UnfitColumn, WireRange, column_type, wire_range, wire_type};
