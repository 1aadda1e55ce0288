//! The logical types of the schema and their one table of counterparts.
//!
//! A column's type in YAML is text such as `decimal(12,2)`. [`LogicalType`] is what it means, [`LogicalType::arrow`]
//! what a batch holds. Parquet and the plugin contract follow from the Arrow type; each warehouse adds its own
//! counterpart in its connector's `types` file.

mod arrow;
mod logical;
mod parse;

pub use logical::{LogicalField, LogicalType, TimeUnit};
pub use parse::ParseTypeError;
