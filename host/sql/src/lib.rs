//! SQL over batches and assets, through DataFusion: as a transform, and as a query by itself.

mod answer;
mod error;
mod leaf;
mod lineage;
mod output;
mod query;
mod session;
mod table;
mod transform;

pub use error::{MEMORY_CODE, SqlError};
pub use lineage::TableColumn;
pub use query::{query, tables_of};
pub use session::Limits;
pub use table::{OpenColumns, Table};
pub use transform::SqlTransform;
