//! Write Tidegate plugins in Rust.
//!
//! A transform is a type that implements [`Transform`] and one line, [`export_transform!`]:
//!
//! ```
//! use serde::Deserialize;
//! use tidegate_sdk::prelude::*;
//!
//! #[derive(Deserialize, JsonSchema)]
//! struct Config {
//!     factor: f64,
//! }
//!
//! struct Scale(f64);
//!
//! impl Transform for Scale {
//!     type Config = Config;
//!
//!     fn bind(config: Config, input: &Input) -> Result<Self, Fault> {
//!         input.expect(0, &DataType::Float64)?;
//!         Ok(Self(config.factor))
//!     }
//!
//!     fn shape(&self) -> Shape {
//!         Shape::beside([made("scaled", DataType::Float64).from([0])])
//!     }
//!
//!     fn process(&mut self, batch: &Batch) -> Result<Processed, Fault> {
//!         let scaled = batch.primitive::<Float64Type>(0)?.unary::<_, Float64Type>(|value| value * self.0);
//!         Ok(Output::all([scaled]).into())
//!     }
//! }
//!
//! tidegate_sdk::export_transform!(Scale);
//!
//! // The test needs no Wasm: the same code runs natively.
//! let input = record_batch!(("amount", Float64, [1.0, 2.0])).unwrap();
//! let done = testing::run::<Scale>(serde_json::json!({"factor": 10.0}), &input).unwrap();
//! assert_eq!(done.column(0), &(Arc::new(Float64Array::from(vec![10.0, 20.0])) as ArrayRef));
//! ```
//!
//! Where one row is looked at at a time, there is [`RowTransform`](row::RowTransform). The other roles are [`Source`],
//! [`Destination`], [`Check`] and [`Sensor`], each with its `export_*!`.
//!
//! Columns are named by their place among the `reads` that the schema grants. Arrays are arrow-rs arrays over the
//! buffers that crossed, without a copy; what is returned crosses with one.

pub mod batch;
pub mod check;
pub mod destination;
pub mod fault;
pub mod http;
pub mod log;
pub mod numbers;
pub mod output;
pub mod row;
pub mod rows;
pub mod sensor;
pub mod shape;
pub mod source;
pub mod state;
pub mod testing;
pub mod text;
pub mod transform;

mod array;
#[doc(hidden)]
pub mod bindings;
mod column;
#[doc(hidden)]
pub mod export;

pub use check::Check;
pub use destination::Destination;
pub use sensor::Sensor;
pub use source::Source;
pub use transform::Transform;

/// Everything that a plugin's code needs.
pub mod prelude {
    pub use std::sync::Arc;

    pub use arrow_array::cast::AsArray;
    pub use arrow_array::types::*;
    pub use arrow_array::*;
    pub use arrow_schema::{DataType, Field, Schema, TimeUnit};
    pub use schemars::JsonSchema;
    pub use serde::{Deserialize, Serialize};

    pub use crate::batch::{Batch, Input};
    pub use crate::check::{Check, Verdict};
    pub use crate::destination::{Destination, Load, LoadMode, Receipt};
    pub use crate::fault::Fault;
    pub use crate::output::{Output, Processed, Reject};
    pub use crate::row::{ByRow, Row, RowReader, RowTransform, RowWriter};
    pub use crate::sensor::{Evaluation, RunRequest, Sensor};
    pub use crate::shape::{Shape, made, passed};
    pub use crate::source::{Chunk, Request, Source, Stream};
    pub use crate::transform::Transform;
    pub use crate::{log, numbers, rows, state, testing, text};
    // `record_batch!` and the derives name these crates.
    pub use {arrow_schema, chrono, schemars, serde_json};
}
