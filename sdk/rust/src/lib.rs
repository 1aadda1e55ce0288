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
//! Columns are named by their place among the `reads` that the schema grants. Arrays are arrow-rs arrays over the
//! buffers that crossed, without a copy; what is returned crosses with one.

pub mod batch;
pub mod fault;
pub mod log;
pub mod output;
pub mod shape;
pub mod testing;
pub mod text;
pub mod transform;

mod column;
#[doc(hidden)]
pub mod export;

/// What `wit-bindgen` makes of the WIT package.
#[doc(hidden)]
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../wit/since-v0.1",
        world: "transform-plugin",
        pub_export_macro: true,
        default_bindings_module: "tidegate_sdk::bindings",
        export_macro_name: "export_transform_component",
    });
}

pub use transform::Transform;

/// Everything that a transform's source needs.
pub mod prelude {
    pub use std::sync::Arc;

    pub use arrow_array::cast::AsArray;
    pub use arrow_array::types::*;
    pub use arrow_array::*;
    pub use arrow_schema::{DataType, Field, TimeUnit};
    pub use schemars::JsonSchema;
    pub use serde::{Deserialize, Serialize};

    pub use crate::batch::{Batch, Input};
    pub use crate::fault::Fault;
    pub use crate::output::{Output, Processed};
    pub use crate::shape::{Shape, made, passed};
    pub use crate::transform::Transform;
    pub use crate::{log, testing, text};
    // `record_batch!` and the derives name these crates.
    pub use {arrow_schema, schemars, serde_json};
}

/// Makes a type that implements [`Transform`] the component's transform, and puts the manifest (name, version,
/// description, licence and authors of the crate that calls it) into the component.
#[macro_export]
macro_rules! export_transform {
    ($transform:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            const MANIFEST: &str = concat!(
                "{\"name\":\"",
                env!("CARGO_PKG_NAME"),
                "\",\"version\":\"",
                env!("CARGO_PKG_VERSION"),
                "\",\"description\":\"",
                env!("CARGO_PKG_DESCRIPTION"),
                "\",\"license\":\"",
                env!("CARGO_PKG_LICENSE"),
                "\",\"authors\":\"",
                env!("CARGO_PKG_AUTHORS"),
                "\",\"roles\":[\"transform\"],\"contract\":\"0.1.0\"}"
            );

            const _: () = {
                $crate::export::plain(env!("CARGO_PKG_DESCRIPTION"));
                $crate::export::plain(env!("CARGO_PKG_LICENSE"));
                $crate::export::plain(env!("CARGO_PKG_AUTHORS"));
            };

            #[used]
            #[unsafe(link_section = "tidegate:manifest")]
            static SECTION: [u8; MANIFEST.len()] = $crate::export::section(MANIFEST);

            type Component = $crate::export::Component<$transform>;
    $crate::bindings::export_transform_component!(Component with_types_in $crate::bindings);
        };
    };
}
