//! From a step of a schema to a bound plugin.

use std::sync::Arc;

use arrow_schema::{Schema, SchemaRef};
use tidegate_core::plan::StepSpec;
use tidegate_core::port::LogSink;
use tidegate_core::schema::closest;
use tidegate_core::{Error, Kind};
use wasmtime::component::ResourceAny;

use crate::catalog::Catalog;
use crate::error::Fault;
use crate::instance::{Instance, InstanceGrant, Opening, config_text, open};
use crate::limits::{MAX_MESSAGE_BYTES, cut};
use crate::log::printable;
use crate::runtime::Runtime;
use crate::sandbox::Sandbox;
use crate::shape::{BoundShape, GuestShape};
use crate::transform::PluginTransform;
use crate::v0_1::{self, TransformPlugin, types};

/// What a step is bound with.
pub struct Binding<'a> {
    /// The engine.
    pub runtime: &'a Runtime,
    /// Where its component is.
    pub catalog: &'a Catalog,
    /// The step, its config with secrets filled in.
    pub step: &'a StepSpec,
    /// What comes out of the step before it.
    pub input: &'a Schema,
    /// Where its lines go.
    pub log: Arc<dyn LogSink>,
    /// Values in its config that must not be shown.
    pub secrets: Arc<[String]>,
}

/// A guest that was bound: its instance, its transformer.
pub(crate) struct Bound {
    pub(crate) instance: Instance<TransformPlugin>,
    pub(crate) transformer: ResourceAny,
}

/// Binds a step to its input: instantiates the component, calls `bind` and `shape`, and lays the shape over the stream.
/// No data flows. Errors name plugin, version, digest and step.
pub async fn bind(binding: Binding<'_>) -> Result<PluginTransform, Error> {
    let step = binding.step;
    let plugin = binding.catalog.by_digest(&step.plugin, &step.digest)?;
    let opening = Opening {
        runtime: binding.runtime,
        plugin: &plugin,
        place: format!("step {}", step.index),
        grant: &InstanceGrant::of_step(&step.grant),
        log: binding.log.clone(),
        secrets: &binding.secrets,
    };
    bind_plugin(opening, step, binding.input, Writes::Granted).await
}

/// Which columns a guest may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Writes {
    /// Those of the grant.
    Granted,
    /// Whatever it writes: it is tried, and no schema has granted it anything.
    Any,
}

/// Binds a plugin that was found already.
pub(crate) async fn bind_plugin(
    opening: Opening<'_>,
    step: &StepSpec,
    input: &Schema,
    writes: Writes,
) -> Result<PluginTransform, Error> {
    let granted = granted(&step.grant.reads, input)?;
    let instance = open(opening).await?;
    let name = instance.name.clone();
    let shown = shown(input, &granted)?;
    let mut bound = guest(instance, &step.config, &shown)
        .await
        .map_err(|fault| fault.at(&name, "bind", None))?;
    let shape = guest_shape(&mut bound, granted.len())
        .await
        .map_err(|fault| fault.at(&name, "shape", None))?;
    let mut grant = step.grant.clone();
    if writes == Writes::Any {
        let names = shape.columns.iter().map(|column| column.name().to_owned());
        grant.writes = names.collect();
    }
    let shape = BoundShape::new(shape, input, granted, &grant, &step.drops)
        .map_err(|fault| fault.at(&name, "shape", None))?;
    Ok(PluginTransform::new(shape, shown, bound))
}

/// The granted columns of a stream.
pub(crate) fn shown(stream: &Schema, granted: &[usize]) -> Result<SchemaRef, Error> {
    stream.project(granted).map(Arc::new).map_err(|error| {
        Error::new(
            Kind::Internal,
            "plugin.host",
            format!("the granted columns are not in the stream: {error}"),
        )
    })
}

/// The places of the granted columns in the stream, or which of them are not there.
pub(crate) fn granted(reads: &[String], input: &Schema) -> Result<Vec<usize>, Error> {
    reads
        .iter()
        .map(|name| {
            input.index_of(name).map_err(|_| {
                let known: Vec<&str> = input.fields().iter().map(|field| field.name().as_str()).collect();
                let hint = match closest(name, known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("the stream has {}", known.join(", ")),
                };
                let message = format!("the stream that reaches the step has no column `{name}`");
                Error::new(Kind::Schema, "schema.unknown_column", message).hint(hint)
            })
        })
        .collect()
}

async fn guest(
    mut instance: Instance<TransformPlugin>,
    config: &serde_json::Value,
    shown: &Schema,
) -> Result<Bound, Fault> {
    let input = v0_1::lower_schema(shown).map_err(Fault::Schema)?;
    let config = config_text(config);
    let transformer = instance
        .call(async |store, plugin| {
            plugin
                .tidegate_plugin_transform()
                .transformer()
                .call_bind(store, &config, &input)
                .await
        })
        .await?;
    Ok(Bound {
        instance,
        transformer,
    })
}

async fn guest_shape(bound: &mut Bound, granted: usize) -> Result<GuestShape, Fault> {
    let transformer = bound.transformer;
    let shape = bound
        .instance
        .call(async |store, plugin| {
            let shape = plugin
                .tidegate_plugin_transform()
                .transformer()
                .call_shape(store, transformer)
                .await?;
            Ok(Ok(shape))
        })
        .await?;
    v0_1::lift_shape(&shape, granted).map_err(Fault::Contract)
}

/// What a guest said went wrong, fit to be shown.
pub(crate) fn said(sandbox: &Sandbox, fault: types::Fault) -> Fault {
    let text = |text: String| printable(&cut(sandbox.redact(text), MAX_MESSAGE_BYTES));
    sandbox.or_refused(match fault {
        types::Fault::InvalidConfig(fault) => Fault::Config {
            pointer: pointer(text(fault.pointer)),
            message: text(fault.message),
        },
        types::Fault::InvalidSchema(message) => Fault::Schema(text(message)),
        types::Fault::InvalidData(message) => Fault::Data(text(message)),
        types::Fault::Retryable(retry) => Fault::Retryable {
            message: text(retry.message),
            after_ms: retry.after_ms,
        },
        types::Fault::Fatal(message) => Fault::Fatal(text(message)),
    })
}

/// What a guest gave as a JSON pointer, or the whole config's where it is none.
fn pointer(text: String) -> String {
    if text.starts_with('/') {
        text
    } else {
        String::new()
    }
}
