//! The contract `tidegate:plugin@0.1.0`: bindings, and its types to ours and back.

mod host;
mod lift;
mod lower;
mod roles;
mod schema;
pub mod types;

pub use lift::{LiftError, lift};
pub use lower::lower;
pub(crate) use schema::{lift_schema, lift_shape, lower_schema};
pub use types::{Column, Node};

use arrow_array::RecordBatch;
use wasmtime::component::{HasSelf, Linker};

use crate::sandbox::Sandbox;

/// A batch that the host holds for a guest: the granted columns.
pub struct HostBatch(pub(crate) RecordBatch);

/// What plugins of every role import: one set of types, linked once.
#[doc(hidden)]
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]
pub mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit/since-v0.1",
        world: "imports",
        with: {
            "tidegate:plugin/types": crate::v0_1::types,
            "tidegate:plugin/batches.batch": crate::v0_1::HostBatch,
        },
        imports: { default: trappable },
    });
}

pub(crate) use roles::{
    CheckPlugin, DestinationPlugin, Role, SensorPlugin, SourcePlugin, TransformPlugin, check, destination,
    sensor, source, transform,
};

/// Links what a plugin of this version may import.
pub(crate) fn link(linker: &mut Linker<Sandbox>) -> wasmtime::Result<()> {
    bindings::Imports::add_to_linker::<Sandbox, HasSelf<Sandbox>>(linker, |sandbox| sandbox)
}
